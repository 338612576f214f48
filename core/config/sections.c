/* The option tables of the configuration: what there is to configure. The reference, the checks and
 * the struct sco_config all follow from here. */
#include <secureops/config.h>
#include "config_priv.h"

#define SEVERITIES "none,info,low,medium,high,critical"
#define TYPES "any,sast,sca,dast,iac,secret,license,quality"

#define ROW(struct_name, field, kind, default_text, ...)                                           \
    {                                                                                              \
        .type = (kind), .offset = offsetof(struct struct_name, field), .def = (default_text),      \
        __VA_ARGS__                                                                                \
    }

static const struct sco_option top_table[] = {
    ROW(sco_config, output, SCO_OPT_LIST, "table", .name = "output",
        .doc = "Reports to write, each FORMAT or FORMAT=PATH: table, json, sarif, junit. Without a "
               "path, or with -, a report goes to standard output."),
    {0}};

static const struct sco_option scan_table[] = {
    ROW(sco_config_scan, jobs, SCO_OPT_INT, "0", .name = "jobs", .max = 256,
        .doc = "Scanners that run at once; 0 is one per processor core."),
    ROW(sco_config_scan, timeout, SCO_OPT_DURATION, "0", .name = "timeout", .max = 604800000,
        .doc = "Deadline of one scanner; 0 leaves it at the scanner's own default."),
    ROW(sco_config_scan, offline, SCO_OPT_BOOL, "false", .name = "offline",
        .doc = "Nothing may use the network. Scanners that cannot work without it are skipped, and "
               "shown so."),
    ROW(sco_config_scan, exclude, SCO_OPT_LIST, NULL, .name = "exclude",
        .doc = "Globs of paths to leave out. * stays within a folder, ** does not; a pattern "
               "without a slash matches names at any depth."),
    ROW(sco_config_scan, include_ignored, SCO_OPT_BOOL, "false", .name = "include_ignored",
        .doc = "Look also at what .gitignore leaves out and at folders of third-party code."),
    ROW(sco_config_scan, max_findings, SCO_OPT_INT, "0", .name = "max_findings", .max = 1000000000,
        .doc = "Findings taken from one scanner before it counts as incomplete; 0 is the built-in "
               "limit."),
    ROW(sco_config_scan, output_limit, SCO_OPT_SIZE, "0", .name = "output_limit", .max = 1LL << 40,
        .doc = "What a scanner's program may write before it is ended; 0 is the built-in limit."),
    ROW(sco_config_scan, memory_limit, SCO_OPT_SIZE, "0", .name = "memory_limit", .max = 1LL << 44,
        .doc = "Address space of a scanner's program; 0 is no limit."),
    ROW(sco_config_scan, sandbox, SCO_OPT_BOOL, "true", .name = "sandbox",
        .doc = "Confine workers with Landlock and seccomp where the kernel has them. Cannot be set "
               "in an untrusted file."),
    {0}};

static const struct sco_option gate_table[] = {
    ROW(sco_config_gate, fail_on_text, SCO_OPT_ENUM, "high", .name = "fail_on",
        .values = SEVERITIES,
        .doc = "The gate fails when there is a finding of this severity or a higher one."),
    ROW(sco_config_gate, policies, SCO_OPT_LIST, NULL, .name = "policies",
        .doc = "Gates that judge the result beside these rules: the presets strict, balanced and "
               "report-only, or ids of policies for \"scan\"."),
    ROW(sco_config_gate, on_incomplete, SCO_OPT_ENUM, "fail", .name = "on_incomplete",
        .values = "fail,warn",
        .doc = "What becomes of a scan in which something did not finish: fail ends with status 3, "
               "warn only shows it."),
    {0}};

static const char *const gate_others[] = {"thresholds", NULL};

const struct sco_option config_threshold_table[] = {
    ROW(threshold_text, type, SCO_OPT_ENUM, "any", .name = "type", .values = TYPES,
        .doc = "Findings of this type."),
    ROW(threshold_text, severity, SCO_OPT_ENUM, "info", .name = "severity",
        .values = "info,low,medium,high,critical", .doc = "Of this severity or a higher one."),
    ROW(threshold_text, max, SCO_OPT_INT, NULL, .name = "max", .max = INT64_MAX,
        .flags = SCO_OPT_REQUIRED, .doc = "The gate fails when there are more than this."),
    {0}};

static const struct sco_option log_table[] = {
    ROW(sco_config_log, level_text, SCO_OPT_ENUM, "warning", .name = "level",
        .values = "error,warning,info,debug", .doc = "The least severe messages to write."),
    ROW(sco_config_log, format_text, SCO_OPT_ENUM, "text", .name = "format", .values = "text,json",
        .doc = "For people, or one JSON object a line."),
    {0}};

static const struct sco_option tools_table[] = {
    ROW(sco_config_tools, path, SCO_OPT_LIST, NULL, .name = "path",
        .doc = "Folders in which scanners are looked for before PATH."),
    ROW(sco_config_tools, plugins, SCO_OPT_LIST, NULL, .name = "plugins",
        .doc = "Folders with plugins, beside the installed ones."),
    {0}};

static const struct sco_option policies_table[] = {
    ROW(sco_config_policies, dirs, SCO_OPT_LIST, NULL, .name = "dirs",
        .doc = "Folders or archives with Lua policies, beside the installed ones."),
    ROW(sco_config_policies, keys, SCO_OPT_LIST, NULL, .name = "keys",
        .doc = "A PEM file with Ed25519 public keys: archives must be signed by one of them."),
    ROW(sco_config_policies, waivers, SCO_OPT_LIST, NULL, .name = "waivers",
        .doc = "Files with waivers: findings and verdicts that are accepted, why, and until when."),
    {0}};

static const struct sco_option secrets_table[] = {
    ROW(sco_config_secrets, digest_key, SCO_OPT_STR, NULL, .name = "digest_key",
        .flags = SCO_OPT_SECRET,
        .doc = "Key for the digests that stand for found secrets. Without it a well-known one is "
               "used: equal secrets are still recognised, but a short one can be guessed from "
               "its digest."),
    {0}};

static const struct sco_option store_table[] = {
    ROW(sco_config_store, path, SCO_OPT_STR, NULL, .name = "path",
        .doc = "An SQLite file, absolute or from ~/: scans are stored in it as with --store. "
               "`default` is $XDG_STATE_HOME/secureops/store.db."),
    ROW(sco_config_store, url, SCO_OPT_STR, NULL, .name = "url",
        .doc = "postgresql://USER@HOST/DATABASE, in the place of `path`. Passwords belong into "
               "~/.pgpass or PGPASSWORD."),
    {0}};

const struct sco_option config_scanner_table[] = {
    ROW(scanner_common, enabled, SCO_OPT_ENUM, "auto", .name = "enabled",
        .values = "auto,true,false",
        .doc = "auto runs it when it applies and is installed; true says that it must run, false "
               "that it never does."),
    ROW(scanner_common, required, SCO_OPT_BOOL, "false", .name = "required",
        .doc = "The scan is incomplete when this scanner is missing or does not finish."),
    ROW(scanner_common, timeout, SCO_OPT_DURATION, "0", .name = "timeout", .max = 604800000,
        .doc = "Deadline of this scanner; 0 takes that of the section scan, then its own default."),
    {0}};

static const char *const top_others[] = {"scanners", "scan",     "gate",  "log", "tools",
                                         "secrets",  "policies", "store", NULL};

const struct section config_sections[SECTION_MAX_] = {
    [SECTION_TOP] = {.name = "", .doc = "", .table = top_table, .others = top_others},
    [SECTION_SCAN] = {.name = "scan",
                      .doc = "How a scan is run.",
                      .table = scan_table,
                      .offset = offsetof(struct sco_config, scan)},
    [SECTION_GATE] = {.name = "gate",
                      .doc = "When a scan fails.",
                      .table = gate_table,
                      .offset = offsetof(struct sco_config, gate),
                      .others = gate_others},
    [SECTION_LOG] = {.name = "log",
                     .doc = "Messages about the program itself, on standard error.",
                     .table = log_table,
                     .offset = offsetof(struct sco_config, log)},
    [SECTION_TOOLS] = {.name = "tools",
                       .doc = "Where scanners and plugins are. Relative folders in a file start at "
                              "the folder of the file. Refused in an untrusted file.",
                       .table = tools_table,
                       .offset = offsetof(struct sco_config, tools),
                       .trusted_only = true},
    [SECTION_SECRETS] = {.name = "secrets",
                         .doc = "Refused in an untrusted file.",
                         .table = secrets_table,
                         .offset = offsetof(struct sco_config, secrets),
                         .trusted_only = true},
    [SECTION_POLICIES] = {.name = "policies",
                          .doc = "Where policies and waivers are. Which policies a scan evaluates "
                                 "is said in `scanners.policies`. Relative paths in a file start "
                                 "at the folder of the file. Refused in an untrusted file.",
                          .table = policies_table,
                          .offset = offsetof(struct sco_config, policies),
                          .trusted_only = true},
    [SECTION_STORE] = {.name = "store",
                       .doc = "Where scans and the life of their findings are kept. Without "
                              "either value, and without --store, nothing is. Refused in an "
                              "untrusted file.",
                       .table = store_table,
                       .offset = offsetof(struct sco_config, store),
                       .trusted_only = true},
};

uint32_t config_word_index(const char *words, struct sco_str word)
{
    struct sco_str rest = sco_str_c(words), item;
    char name[32];
    for (uint32_t i = 0; sco_str_split(&rest, ',', &item); i++) {
        snprintf(name, sizeof name, "%.*s", SCO_STR_ARG(item));
        if (sco_str_is_nocase(word, name))
            return i;
    }
    return 0;
}
