/* secureops: the command line. Commands and their options; everything else is in the modules. */
#include "context_ci.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define COMMON_FLAGS                                                                               \
    {                                                                                              \
        "config", 'c',        "FILE",                                                              \
        NULL,     ARG_CONFIG, "configuration (default: ./secureops.yaml, if any)"},                \
        {"set", 0, "NAME=VALUE", NULL, ARG_SET, "one value, as scanners.trivy.timeout=5m"},        \
        {"plugins", 0, "DIR,...", "tools.plugins", 0, "further folders with plugins"},             \
        {"log-level", 0, "LEVEL", "log.level", 0, "error, warning, info, debug"},                  \
        {"log-format", 0, "FORMAT", "log.format", 0, "text or json"},                              \
    {                                                                                              \
        "help", 'h', NULL, NULL, ARG_HELP, "this text"                                             \
    }
#define PAGE_FLAGS                                                                                 \
    {"limit", 0, "N", NULL, ARG_LIMIT, "list: at most so many (default: 100)"},                    \
    {                                                                                              \
        "cursor", 0, "CURSOR", NULL, ARG_CURSOR, "list: go on where the page before ended"         \
    }
#define STORE_FLAG                                                                                 \
    {                                                                                              \
        "store", 0, "[=PATH|URL]", NULL, ARG_STORE,                                                \
            "the store (default: ~/.local/state/secureops/store.db)"                               \
    }
#define SERVER_FLAGS                                                                               \
    {"server", 0, "URL", NULL, ARG_SERVER, "ask this daemon (also: SECUREOPS_SERVER)"},            \
    {                                                                                              \
        "ca-file", 0, "FILE", NULL, ARG_CA_FILE, "server: who vouches for it, in PEM"              \
    }
#define REPORT_FLAGS                                                                               \
    {"format", 'f',        "FMT[=PATH],...",                                                       \
     NULL,     ARG_FORMAT, "table, json, sarif, html, ...; several at once: docs/reports.md"},     \
        {"output", 'o', "PATH", NULL, ARG_OUTPUT, "where the one format goes (default: stdout)"},  \
        {"fail-on",   0,                                                                           \
         "SEVERITY",  "gate.fail_on",                                                              \
         ARG_FAIL_ON, "fail at this severity or above; none: never (default: high)"},              \
        {"diff", 0, "REV", NULL, ARG_DIFF, "judge what was changed since this branch or commit"},  \
        {"baseline", 0, "FILE", NULL, ARG_BASELINE, "judge what is not in this earlier report"},   \
        {"baseline-write",                                                                         \
         0,                                                                                        \
         "FILE",                                                                                   \
         NULL,                                                                                     \
         ARG_BASELINE_WRITE,                                                                       \
         "write what is found as a baseline"},                                                     \
        {"all", 0, NULL, NULL, ARG_ALL, "table: every finding"},                                   \
        {"show-suppressed", 0, NULL, NULL, ARG_SHOW_SUPPRESSED, "table: suppressed findings too"}, \
        {"quiet", 'q', NULL, NULL, ARG_QUIET, "no table on stdout, no progress"},                  \
        {"no-progress", 0, NULL, NULL, ARG_NO_PROGRESS, "no progress on stderr"},                  \
        {"no-color", 0, NULL, NULL, ARG_NO_COLOR, "no colours (also: NO_COLOR)"},                  \
        {"gate",          0,        "NAME,...",                                                    \
         "gate.policies", ARG_GATE, "judge by strict, balanced, report-only, or gate policies"},   \
        {"waivers",          0, "FILE,...",                                                        \
         "policies.waivers", 0, "findings that are accepted, why, and until when"},                \
        {"policies", 0, "DIR,...", NULL, ARG_POLICIES, "further packs of policies"},               \
        {"policy-keys", 0, "FILE", "policies.keys", 0, "public keys: archives must be signed"},    \
        {"repository",   0,                                                                        \
         "NAME",         NULL,                                                                     \
         ARG_REPOSITORY, "store: whose findings (default: git's origin)"},                         \
        {"branch", 0, "NAME", NULL, ARG_BRANCH, "store: of which branch (default: git's)"},        \
        STORE_FLAG,                                                                                \
    {                                                                                              \
        "jobs", 'j', "N", "scan.jobs", 0, "how many at once (default: one per core)"               \
    }

static const struct flag scan_flags[] = {
    {"scanners", 's', "NAME,...", NULL, ARG_SCANNERS, "run these and no others; each must finish"},
    {"skip", 0, "NAME,...", NULL, ARG_SKIP, "leave these out"},
    {"require", 0, "NAME,...", NULL, ARG_REQUIRE, "incomplete unless these finish"},
    {"exclude", 'x', "GLOB,...", "scan.exclude", 0, "leave out files and folders"},
    {"include-ignored", 0, NULL, "scan.include_ignored", 0,
     "look also at .gitignore'd and vendored folders"},
    {"timeout", 't', "DURATION", "scan.timeout", ARG_TIMEOUT, "for one scanner, as 90s or 15m"},
    {"offline", 0, NULL, "scan.offline", ARG_OFFLINE, "no network"},
    {"no-sandbox", 0, NULL, NULL, ARG_NO_SANDBOX, "no Landlock and seccomp around scanners"},
    {"sbom", 0, "PATH", NULL, ARG_SBOM, "make an SBOM too, CycloneDX as JSON"},
    {"dry-run", 'n', NULL, NULL, ARG_DRY_RUN, "show what would run, and why"},
    {"checkout-secret", 0, "NAME", NULL, ARG_CHECKOUT_SECRET, "server: a stored secret for git"},
    {"no-wait", 0, NULL, NULL, ARG_NO_WAIT, "server: print the id of the job, and end"},
    REPORT_FLAGS,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag import_flags[] = {
    {"scanner", 's', "NAME", NULL, ARG_SCANNER,
     "the tool that wrote the reports (default: detected)"},
    {"scope", 0, "NAME", NULL, ARG_SCOPE,
     "store: the part of the repository that the reports are about"},
    {"root", 'r', "DIR", NULL, ARG_ROOT, "folder that the reports' paths are relative to"},
    {"no-wait", 0, NULL, NULL, ARG_NO_WAIT, "server: print the id of the job, and end"},
    REPORT_FLAGS,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag plugin_flags[] = {
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    {"to", 0, "DIR", NULL, ARG_TO, "new: folder to write into (default: ./NAME)"},
    {"kind", 0, "KIND", NULL, ARG_KIND, "new: scanner or ci (default: scanner)"},
    COMMON_FLAGS,
    {0},
};

static const struct flag integration_flags[] = {
    {"headers", 0, "FILE", NULL, ARG_HEADERS, "verify, translate: lines \"Name: value\""},
    {"path", 0, "TEXT", NULL, ARG_PATH, "verify, translate: of the URL, behind the integration's"},
    {"query", 0, "TEXT", NULL, ARG_QUERY, "verify, translate: of the URL"},
    {"received", 0, "TIME", NULL, ARG_RECEIVED, "verify, translate: when (default: now)"},
    {"request", 0, "JSON", NULL, ARG_REQUEST, "run: an object, @FILE, or - (docs/ci-plugins.md)"},
    {"dry-run", 'n', NULL, NULL, ARG_DRY_RUN, "run: add dry_run to the request (configure)"},
    {"output", 'o', "PATH", NULL, ARG_OUTPUT,
     "run: where the file goes that comes of it (artifacts, logs)"},
    {"timeout", 't', "DURATION", NULL, ARG_TIMEOUT, "run: at most so long (default: 2m)"},
    {"offline", 0, NULL, "scan.offline", ARG_OFFLINE, "no network"},
    {"no-sandbox", 0, NULL, NULL, ARG_NO_SANDBOX, "no Landlock and seccomp around the plugin"},
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "list: table or json"},
    COMMON_FLAGS,
    {0},
};

static const struct flag policy_flags[] = {
    {"policy", 'p', "ID,...", NULL, ARG_POLICY, "these policies only: ids, aliases, globs"},
    {"framework", 0, "ID,...", NULL, ARG_FRAMEWORK, "the policies of these, ID or ID@VERSION"},
    {"skip", 0, "ID,...", NULL, ARG_SKIP, "eval: leave these out"},
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json; test: also tap, junit"},
    {"trace", 0, NULL, NULL, ARG_TRACE, "eval: what each check read, and every verdict"},
    {"coverage", 0, NULL, NULL, ARG_COVERAGE, "test: lines and branches that no case reached"},
    {"for", 0, "SELECTOR", NULL, ARG_FOR, "new: what it looks at (default: kubernetes:workload)"},
    {"dir", 0, "DIR", NULL, ARG_DIR, "new: folder to write into (default: the current one)"},
    {"key", 0, "FILE", NULL, ARG_KEY, "sign: the private key, Ed25519 in PEM"},
    {"exclude", 'x', "GLOB,...", "scan.exclude", 0, "eval: leave out files and folders"},
    {"include-ignored", 0, NULL, "scan.include_ignored", 0,
     "eval: look also at .gitignore'd and vendored folders"},
    {"timeout", 't', "DURATION", "scan.timeout", 0, "for the whole command, as 90s or 15m"},
    {"jobs", 'j', "N", "scan.jobs", 0, "how many workers at once (default: one per core)"},
    {"no-sandbox", 0, NULL, NULL, ARG_NO_SANDBOX, "no Landlock and seccomp around policies"},
    {"policies", 0, "DIR,...", NULL, ARG_POLICIES, "further packs of policies"},
    {"policy-keys", 0, "FILE", "policies.keys", 0, "public keys: archives must be signed"},
    {"waivers", 0, "FILE,...", "policies.waivers", 0, "eval: what is accepted, why, until when"},
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag compliance_flags[] = {
    {"framework", 0, "ID[@VERSION]", NULL, ARG_FRAMEWORK, "which one"},
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table, json; report, show: also html, csv"},
    {"output", 'o', "PATH", NULL, ARG_OUTPUT, "where it goes (default: stdout)"},
    {"repository", 0, "NAME", NULL, ARG_REPOSITORY, "stored: of this repository"},
    {"branch", 0, "NAME", NULL, ARG_BRANCH, "stored: of this branch"},
    {"team", 0, "NAME", NULL, ARG_TEAM, "stored: of the repositories of this team's targets"},
    {"stale-days", 0, "N", NULL, ARG_STALE_DAYS,
     "stored: older complete scans are stale (default: 30)"},
    {"limit", 0, "N", NULL, ARG_LIMIT, "status, history, attestations: at most so many"},
    {"cursor", 0, "CURSOR", NULL, ARG_CURSOR, "go on where the page before ended"},
    {"control", 0, "ID", NULL, ARG_CONTROL, "attest, attestations: which one"},
    {"verdict", 0, "VERDICT", NULL, ARG_VERDICT,
     "attest: pass (the default), fail, not_applicable, withdrawn"},
    {"reason", 0, "TEXT", NULL, ARG_REASON, "attest: why"},
    {"evidence", 0, "URL", NULL, ARG_EVIDENCE, "attest: where it can be seen"},
    {"expires", 0, "DATE", NULL, ARG_EXPIRES, "attest: the last day on which it holds"},
    {"by", 0, "NAME", NULL, ARG_BY, "attest: who (default: the user's name)"},
    {"scanners", 's', "NAME,...", NULL, ARG_SCANNERS, "run these and no others"},
    {"skip", 0, "NAME,...", NULL, ARG_SKIP, "leave these out"},
    {"exclude", 'x', "GLOB,...", "scan.exclude", 0, "leave out files and folders"},
    {"include-ignored", 0, NULL, "scan.include_ignored", 0,
     "look also at .gitignore'd and vendored folders"},
    {"timeout", 't', "DURATION", "scan.timeout", 0, "for one scanner, as 90s or 15m"},
    {"offline", 0, NULL, "scan.offline", 0, "no network"},
    {"policies", 0, "DIR,...", NULL, ARG_POLICIES, "further packs of policies"},
    {"policy-keys", 0, "FILE", "policies.keys", 0, "public keys: archives must be signed"},
    {"waivers", 0, "FILE,...", "policies.waivers", 0, "what is accepted, why, until when"},
    {"jobs", 'j', "N", "scan.jobs", 0, "how many at once (default: one per core)"},
    {"no-sandbox", 0, NULL, NULL, ARG_NO_SANDBOX, "no Landlock and seccomp around scanners"},
    STORE_FLAG,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag findings_flags[] = {
    {"repository", 0, "NAME", NULL, ARG_REPOSITORY, "list: of this repository"},
    {"branch", 0, "NAME", NULL, ARG_BRANCH, "list: of this branch"},
    {"status", 0, "STATUS,...", NULL, ARG_STATUS,
     "list: open, in_progress (the default), resolved, "
     "false_positive, accepted; all"},
    {"severity", 0, "SEVERITY", NULL, ARG_SEVERITY, "list: this severity or above"},
    {"type", 0, "TYPE,...", NULL, ARG_TYPE, "list: sast, sca, dast, iac, secret, license, quality"},
    {"tool", 0, "NAME", NULL, ARG_TOOL, "list: reported by this tool"},
    {"rule", 0, "ID", NULL, ARG_RULE, "list: of this rule"},
    {"cve", 0, "ID", NULL, ARG_CVE, "list: this vulnerability"},
    {"path", 0, "PATH", NULL, ARG_PATH, "list: in this file or folder"},
    {"show-suppressed", 0, NULL, NULL, ARG_SHOW_SUPPRESSED, "list: suppressed findings too"},
    {"sort", 0, "KEY", NULL, ARG_SORT,
     "list: -risk_score (the default), severity, first_detected, last_detected; -: highest first"},
    PAGE_FLAGS,
    {"reason", 0, "TEXT", NULL, ARG_REASON, "set-status: why"},
    {"until", 0, "DATE", NULL, ARG_UNTIL, "set-status: the last day on which it is accepted"},
    {"by", 0, "NAME", NULL, ARG_BY, "set-status: who (default: the user's name)"},
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    STORE_FLAG,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag scans_flags[] = {
    {"repository", 0, "NAME", NULL, ARG_REPOSITORY, "list: of this repository"},
    {"branch", 0, "NAME", NULL, ARG_BRANCH, "list: of this branch"},
    {"status", 0, "STATUS", NULL, ARG_STATUS, "list: completed, incomplete, cancelled"},
    {"sort", 0, "KEY", NULL, ARG_SORT, "list: -completed_at (the default) or completed_at"},
    PAGE_FLAGS,
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    STORE_FLAG,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag jobs_flags[] = {
    {"status", 0, "STATUS,...", NULL, ARG_STATUS,
     "list: queued, running, completed, failed, dead, cancelled, replaced"},
    {"target", 0, "NAME", NULL, ARG_TARGET, "list: of this repository, image or folder"},
    PAGE_FLAGS,
    {"by", 0, "NAME", NULL, ARG_BY, "cancel, retry: who (default: the user's name)"},
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    STORE_FLAG,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag pipelines_flags[] = {
    {"status", 0, "STATUS", NULL, ARG_STATUS, "history: running, waiting_approval, failure, ..."},
    {"branch", 0, "REF", NULL, ARG_BRANCH, "run: branch or refs/tags/TAG; history: of this branch"},
    {"limit", 0, "N", NULL, ARG_LIMIT, "list, history: at most so many (default: 50)"},
    {"cursor", 0, "CURSOR", NULL, ARG_CURSOR, "go on where the page before ended"},
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    {"output", 'o', "PATH", NULL, ARG_OUTPUT, "download: where it goes"},
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag deliveries_flags[] = {
    {"status", 0, "STATUS,...", NULL, ARG_STATUS, "list: received, done, failed"},
    {"integration", 0, "NAME", NULL, ARG_TARGET, "list: of this integration"},
    PAGE_FLAGS,
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    STORE_FLAG,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag publications_flags[] = {
    {"status", 0, "STATUS,...", NULL, ARG_STATUS, "list: pending, published, failed"},
    {"integration", 0, "NAME", NULL, ARG_TARGET, "list: of this integration"},
    {"repository", 0, "NAME", NULL, ARG_REPOSITORY, "list: of this repository, owner/name"},
    {"pr", 0, "N", NULL, ARG_PR, "list: of this pull request"},
    PAGE_FLAGS,
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    STORE_FLAG,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag schedules_flags[] = {
    {"cron", 0, "EXPRESSION", NULL, ARG_CRON, "put: five or six fields, or @daily and the like"},
    {"interval", 0, "DURATION", NULL, ARG_INTERVAL, "put: every so often, in the place of --cron"},
    {"time-zone", 0, "NAME", NULL, ARG_TIME_ZONE, "put: as Europe/Berlin (default: UTC)"},
    {"windows", 0, "TIMES", NULL, ARG_WINDOWS, "put: when it may fire: \"Mon-Fri 20:00-06:00\""},
    {"jitter", 0, "DURATION", NULL, ARG_JITTER, "put: each tick is late by up to so much"},
    {"catch-up", 0, "WHICH", NULL, ARG_CATCH_UP, "put: missed ticks: skip, one (default), all"},
    {"branch", 0, "NAME", NULL, ARG_BRANCH, "put: branch or tag"},
    {"scanners", 's', "NAME,...", NULL, ARG_SCANNERS, "put: run these and no others"},
    {"skip", 0, "NAME,...", NULL, ARG_SKIP, "put: leave these out"},
    {"priority", 0, "N", NULL, ARG_PRIORITY, "put: 0 to 9, the highest first (default: 5)"},
    PAGE_FLAGS,
    {"by", 0, "NAME", NULL, ARG_BY, "put, run: who (default: the user's name)"},
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    STORE_FLAG,
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag db_flags[] = {
    {"scans", 0, "DURATION", NULL, ARG_KEEP_SCANS,
     "retention: keep scans for (default: retention.scans)"},
    {"resolved", 0, "DURATION", NULL, ARG_KEEP_RESOLVED,
     "retention: keep resolved findings for (default: retention.resolved)"},
    {"encrypt-key", 0, "FILE", NULL, ARG_ENCRYPT_KEY,
     "backup, restore: key of 32 bytes, as 64 hex digits or in base64"},
    STORE_FLAG,
    COMMON_FLAGS,
    {0},
};

static const struct flag audit_flags[] = {
    {"actor", 0, "NAME", NULL, ARG_ACTOR, "list: of this user, token or program"},
    {"action", 0, "NAME", NULL, ARG_ACTION, "list: user.create; or all of user. with a dot"},
    {"object", 0, "KIND:ID", NULL, ARG_OBJECT, "list: about this one"},
    PAGE_FLAGS,
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    STORE_FLAG,
    COMMON_FLAGS,
    {0},
};

static const struct flag doctor_flags[] = {
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    COMMON_FLAGS,
    {0},
};

static const struct flag waivers_flags[] = {
    {"policy", 0, "ID", NULL, ARG_POLICY, "add: of this policy, rule or CVE; a glob"},
    {"resource", 0, "NAME", NULL, ARG_RESOURCE, "add: for this resource; a glob"},
    {"path", 0, "PATH", NULL, ARG_PATH, "add: in these files; a glob"},
    {"reason", 0, "TEXT", NULL, ARG_REASON, "add: why"},
    {"owner", 0, "NAME", NULL, ARG_BY, "add: who answers for it (default: who asks)"},
    {"expires", 0, "DATE", NULL, ARG_EXPIRES, "add: the last day on which it holds"},
    {"format", 'f', "FMT", NULL, ARG_FORMAT, "table or json"},
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag login_flags[] = {
    {"email", 0, "ADDRESS", NULL, ARG_EMAIL, "who (default: asked for)"},
    {"totp", 0, "CODE", NULL, ARG_TOTP, "code of the second factor, or a recovery code"},
    {"setup", 0, NULL, NULL, ARG_SETUP, "make the first administrator, with the setup token"},
    {"password-stdin", 0, NULL, NULL, ARG_PASSWORD_STDIN,
     "the password is a line of standard input; with --setup after the setup token"},
    {"token-stdin", 0, NULL, NULL, ARG_TOKEN_STDIN,
     "keep the API token that is a line of standard input"},
    SERVER_FLAGS,
    COMMON_FLAGS,
    {0},
};

static const struct flag logout_flags[] = {SERVER_FLAGS, COMMON_FLAGS, {0}};

static const struct flag config_flags[] = {COMMON_FLAGS, {0}};

static int cmd_version(struct cli *c)
{
    (void)c;
    printf("secureops %s\nplugin ABI %u.%u\n", SCO_VERSION, SCO_ABI_MAJOR, SCO_ABI_MINOR);
    return EXIT_PASSED;
}

static const struct command commands[] = {
    {"scan", "[OPTIONS] [TARGET...]", "Runs every installed scanner that applies to the targets.",
     "A target is a folder (default: the current one), a file (SBOM, Terraform plan as JSON, "
     "image\n"
     "archive, source), a URL, or image:NAME.\n\n"
     "Exit status: 0 passed; 1 the gate failed; 2 usage or configuration error; 3 incomplete\n"
     "(something that should have run did not finish; outranks 1); 4 internal error.",
     scan_flags, cmd_scan},
    {"import", "[OPTIONS] FILE...",
     "Reads saved reports of scanners; same gate and reports as scan.", "Exit status: as for scan.",
     import_flags, cmd_import},
    {"plugin", "list | info NAME | new NAME", "Shows the plugins, or writes a new one.", NULL,
     plugin_flags, cmd_plugin},
    {"integration", "list | verify NAME FILE | translate NAME FILE | run NAME OPERATION",
     "Shows the CI platforms, and tries one by hand.",
     "verify and translate take a saved delivery, a webhook's body, with its headers; run does "
     "one\n"
     "operation of docs/ci-plugins.md at the platform, and prints its result.\n"
     "Exit status: 0 done; 1 the delivery is refused, or its events are malformed; 3 the platform\n"
     "could not do it.",
     integration_flags, cmd_integration},
    {"policy",
     "list | show ID | eval PATH... | test [PATH] | profile PATH... | new ID | docs |\n"
     "                        run WORKFLOW EVENT.json |\n"
     "                        sign ARCHIVE | verify ARCHIVE",
     "Shows, evaluates, tests and starts Lua policies.",
     "Exit status of eval: 0 everything passed; 1 something failed; 3 something could not be\n"
     "judged (an error of a policy, a file that does not parse; outranks 1). Of test: 0 all cases\n"
     "pass; 1 one fails.",
     policy_flags, cmd_policy},
    {"compliance",
     "list | report --framework ID [TARGET...] | status | show | history |\n"
     "                            attest | attestations",
     "Judges the controls of a framework by a scan, or shows what stored scans said of them.",
     "A control reads pass, fail, unknown, error, waived, manual, not evaluated or not\n"
     "applicable, with its evidence. Stored: status has the latest of each repository, show one\n"
     "framework over all of them; attest says of a manual control how it is.\n"
     "Exit status: 0 no control fails; 1 one fails; 3 the scan is incomplete (outranks 1).",
     compliance_flags, cmd_compliance},
    {"findings", "list | show ID | set-status ID STATUS",
     "Shows stored findings, and says what is to become of them.", NULL, findings_flags,
     cmd_findings},
    {"scans", "list | show ID", "Shows stored scans.", NULL, scans_flags, cmd_scans},
    {"jobs", "list | show ID | cancel ID | retry ID", "Shows the jobs of the daemon's store.", NULL,
     jobs_flags, cmd_jobs},
    {"pipelines",
     "check FILE | list | show NAME | run NAME | history | logs ID | artifacts ID | download ID "
     "NAME",
     "Checks a definition, and runs the pipelines of a daemon.", "docs/pipelines.md.",
     pipelines_flags, cmd_pipelines},
    {"deliveries", "list | show ID | retry ID",
     "Shows webhooks of CI platforms, and what came of them.", NULL, deliveries_flags,
     cmd_deliveries},
    {"publications", "list | show ID | retry ID",
     "Shows what CI platforms were told of scans, and what could not be told.", NULL,
     publications_flags, cmd_publications},
    {"schedules",
     "list | show NAME | put NAME TARGET | delete NAME | pause NAME | resume NAME |\n"
     "                           run NAME",
     "Shows and changes when the daemon scans.",
     "A target is a repository's URL, an absolute folder, image:NAME or url:URL.", schedules_flags,
     cmd_schedules},
    {"waivers", "list | add --policy ID --reason TEXT | remove ID",
     "Shows and changes the waivers of a daemon.",
     "Without a daemon they are files: docs/policy-guide.md.", waivers_flags, cmd_waivers},
    {"login", "", "Keeps a login at a daemon.",
     "The password is asked for, or read from standard input; it is not kept. Programs set\n"
     "SECUREOPS_SERVER and SECUREOPS_TOKEN instead.",
     login_flags, cmd_login},
    {"logout", "", "Ends the login at a daemon.", NULL, logout_flags, cmd_logout},
    {"db",
     "migrate | backup PATH | restore PATH | verify | retention |\n"
     "                        export STORE | import STORE",
     "Takes care of the store.", "Exit status of verify: 0 the store is sound; 1 it is not.",
     db_flags, cmd_db},
    {"audit", "list | verify [NUMBER:HASH]", "Shows the audit log, or reads its whole chain.",
     "verify prints the number and hash of the last row: noted elsewhere and given to a later\n"
     "verify, they show that the chain is still the same one.\n"
     "Exit status of verify: 0 the log is whole; 1 it is not.",
     audit_flags, cmd_audit},
    {"doctor", "", "Shows scanners, their versions and the age of databases, and what is missing.",
     "Exit status: 0 all plugins can be used; 3 one is broken.", doctor_flags, cmd_doctor},
    {"config", "check | show | docs", "Checks or shows the configuration, or its reference.", NULL,
     config_flags, cmd_config},
    {"version", "", "Shows the version.", NULL, config_flags, cmd_version},
};

static void help(FILE *out)
{
    fprintf(out, "Usage: secureops COMMAND [OPTIONS] ...\n\n"
                 "Runs security scanners, merges what they find, and says whether it passes.\n\n");
    for (size_t i = 0; i < SCO_ARRAY_LEN(commands); i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fprintf(out,
            "\n\"secureops COMMAND --help\" lists the options of a command.\n"
            "Exit status: 0 passed; 1 gate failed; 2 usage; 3 incomplete; 4 internal error.\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    enum { COMMAND_MAX = 20 };
    const char *names[SCO_ARRAY_LEN(commands)];
    struct sco_error err;
    for (size_t i = 0; i < SCO_ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    const char *near = sco_str_nearest(sco_str_c(name), names, SCO_ARRAY_LEN(names));
    if (strlen(name) > COMMAND_MAX) /* perhaps a token, which is not repeated */
        sco_error_set(&err, SCO_E_INVALID,
                      "the first argument is no command; see \"secureops "
                      "--help\"");
    else
        sco_error_set(&err, SCO_E_INVALID, "unknown command \"%s\"%s%s%s; see \"secureops --help\"",
                      name, near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return context_fail(&err);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct cli c = {.command = command};
    struct sco_error err = {0};
    int status;
    int r = args_parse(&c, argc, argv, &err);
    if (r == 0 && c.n_operands && !command->args[0])
        r = sco_error_set(&err, SCO_E_INVALID, /* what it is may be a password or a token */
                          "\"secureops %s\" takes options only, see \"secureops %s --help\"",
                          command->name, command->name);
    if (r < 0)
        status = context_fail(&err);
    else if (args_has(&c, ARG_HELP)) {
        args_help(command, stdout);
        status = EXIT_PASSED;
    } else if (args_has(&c, ARG_NO_SANDBOX) &&
               sco_config_set(&c.input, "scan.sandbox", "false", "--no-sandbox", &err) < 0)
        status = context_fail(&err);
    else
        status = command->run(&c);
    context_done(&c);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_PASSED) {
        fprintf(stderr, "secureops: standard output could not be written\n");
        status = EXIT_INTERNAL;
    }
    return status;
}

/* The next file to be opened would take the number of a closed standard descriptor, and with it
 * what is printed. In its place comes something that cannot be written to, so that this is noticed.
 */
static void fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/", O_RDONLY | O_DIRECTORY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* Each worker takes three descriptors: 256 at once must fit. */
static void raise_descriptor_limit(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l); /* fewer jobs may fit, and say so, ignoring */
    }
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    raise_descriptor_limit();
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        const struct command *command = argc > 2 ? find_command(argv[2]) : NULL;
        if (argc > 2 && !command)
            return unknown_command(argv[2]);
        if (command)
            args_help(command, stdout);
        else
            help(argc > 1 ? stdout : stderr);
        return argc > 1 ? EXIT_PASSED : EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *command = find_command(name);
    return command ? run_command(command, argc - 2, argv + 2) : unknown_command(name);
}
