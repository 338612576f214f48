/* Gitleaks: secrets in files and in the history of a git repository.
 *
 * The exit status for "leaks found" is set to 10, because 1 also stands for every failure. With
 * status 1 and a report, a part could not be scanned. Gitleaks is not asked to redact: the worker
 * digests and masks each value at once and needs the value for that; the report lies in the private
 * work folder and is removed right after it was read. */
#include "gitleaks_priv.h"

#include <unistd.h>

enum {
    EXIT_LEAKS = 10,
    EXIT_PARTIAL = 1,
    EXCLUDES_MAX = 2000, /* folders written to the configuration */
};

/* ---- configuration ----------------------------------------------------------------------------
 */

/* Writes text as the inside of a regular expression in a TOML literal. */
static int put_regex(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (*s == '\'' || (unsigned char)*s < ' ') {
            if (fputc('.', f) == EOF)
                return -1;
            continue;
        }
        if (strchr(".*+?()[]{}|^$\\", *s) && fputc('\\', f) == EOF)
            return -1;
        if (fputc(*s, f) == EOF)
            return -1;
    }
    return 0;
}

static int put_excludes(FILE *f, const struct sco_job *job)
{
    if (fputs("[extend]\nuseDefault = true\n", f) == EOF)
        return -1;
    if (!job->excludes[0]) /* an allowlist of nothing is an error to Gitleaks */
        return 0;
    if (fputs("\n[[allowlists]]\ndescription = \"folders left out by the scan\"\npaths = [\n", f) ==
        EOF)
        return -1;
    for (size_t i = 0; job->excludes[i] && i < EXCLUDES_MAX; i++)
        if (fputs("  '''^(?:\\./)?", f) == EOF || put_regex(f, job->excludes[i]) < 0 ||
            fputs("/''',\n", f) == EOF)
            return -1;
    return fputs("]\n", f) == EOF ? -1 : 0;
}

/* A configuration that leaves out the excluded folders. NULL: cannot be written. */
static const char *write_config(const struct gitleaks *g, const struct sco_job *job)
{
    const char *path = rep_strf(g->h, "%s/gitleaks.toml", job->work_dir);
    FILE *f = path ? fopen(path, "we") : NULL;
    int r;
    if (!f)
        return NULL;
    r = put_excludes(f, job);
    return fclose(f) == 0 && r == 0 ? path : NULL;
}

/* The configuration to use: the operator's, the target's own when that is wanted, else ours; *ret
 * NULL: built in.
 */
static int choose_config(const struct gitleaks *g, const struct sco_job *job, const char **ret,
                         struct sco_errbuf *e)
{
    const char *own = rep_strf(g->h, "%s/.gitleaks.toml", job->target);
    *ret = NULL;
    if (g->config.n)
        *ret = g->config.p;
    else if (rep_exists(own) && g->target_config)
        *ret = own;
    else if ((job->excludes && job->excludes[0]) || rep_exists(own)) {
        static const char *const none[] = {NULL};
        struct sco_job j = *job;
        j.excludes = job->excludes ? job->excludes : none;
        if (!(*ret = write_config(g, &j)))
            return sco_errf(e, SCO_E_IO, "cannot write to %s", job->work_dir);
    }
    return 0;
}

/* ---- run --------------------------------------------------------------------------------------
 */
static void common_arguments(const struct gitleaks *g, const struct sco_job *job,
                             const char *config, const char *report, struct rep_args *a)
{
    const char *ignore = rep_strf(g->h, "%s/.gitleaksignore", job->target);
    rep_arg(a, "--report-format");
    rep_arg(a, "json");
    rep_arg(a, "--report-path");
    rep_arg(a, report);
    rep_arg(a, rep_strf(g->h, "--exit-code=%d", EXIT_LEAKS));
    rep_arg(a, "--no-banner");
    rep_arg(a, "--no-color");
    rep_arg(a, "--log-level=warn");
    if (g->redact)
        rep_arg(a, "--redact=100");
    if (config) {
        rep_arg(a, "--config");
        rep_arg(a, config);
    }
    if (rep_exists(ignore)) {
        rep_arg(a, "--gitleaks-ignore-path");
        rep_arg(a, ignore);
    }
    if (g->baseline.n) {
        rep_arg(a, "--baseline-path");
        rep_arg(a, g->baseline.p);
    }
    if (g->max_file > 0)
        rep_arg(a, rep_strf(g->h, "--max-target-megabytes=%lld",
                            (long long)((g->max_file + 999999) / 1000000)));
}

static int run_once(struct gitleaks *g, const struct sco_job *job, struct rep_args *a,
                    const char *report, struct sco_errbuf *e)
{
    struct sco_command_result res;
    struct sco_command c = {
        .struct_size = sizeof c,
        .argv = rep_argv(a),
        /* from inside, so that paths and the fingerprints of .gitleaksignore are relative */
        .cwd = job->target_kind == SCO_TARGET_FILE ? NULL : job->target,
    };
    int r = rep_run(g->h, GITLEAKS_TOOL, &c, &res, e);
    if (r < 0)
        return r;
    if (res.exit_code != 0 && res.exit_code != EXIT_LEAKS &&
        !(res.exit_code == EXIT_PARTIAL && rep_exists(report)))
        return rep_failed(g->h, GITLEAKS_TOOL, &res, e);
    if ((r = rep_fresh(g->h, GITLEAKS_TOOL, report, &res, e)) < 0)
        return r;
    struct sco_input in = {.struct_size = sizeof in, .path = report, .root = job->target};
    r = gitleaks_parse(g, &in, e);
    unlink(report); /* the values are in it */
    if (r >= 0 && res.exit_code == EXIT_PARTIAL)
        g->h->incomplete(g->h, sco_fmt(g->h, "part of the target was not scanned: %s",
                                       rep_words(g->h, res.err)));
    return r;
}

/* Before 8.19 both were one command, `detect`, with the place as an option. */
static void subcommand(const struct gitleaks *g, const struct sco_job *job, const char *name,
                       struct rep_args *a)
{
    const char *place = job->target_kind == SCO_TARGET_FILE ? job->target : ".";
    a->h = g->h;
    rep_arg(a, job->program);
    if (rep_version_at_least(job->version, 8, 19) != 0) {
        rep_arg(a, name);
        rep_arg(a, place);
        return;
    }
    rep_arg(a, "detect");
    rep_arg(a, "--source");
    rep_arg(a, place);
    if (strcmp(name, "dir") == 0)
        rep_arg(a, "--no-git");
}

static int scan_files(struct gitleaks *g, const struct sco_job *job, const char *config,
                      struct sco_errbuf *e)
{
    const char *report = rep_strf(g->h, "%s/files.json", job->work_dir);
    struct rep_args a = {.v = NULL};
    subcommand(g, job, "dir", &a);
    common_arguments(g, job, config, report, &a);
    return run_once(g, job, &a, report, e);
}

static int scan_history(struct gitleaks *g, const struct sco_job *job, const char *config,
                        struct sco_errbuf *e)
{
    const char *report = rep_strf(g->h, "%s/history.json", job->work_dir);
    struct rep_args a = {.v = NULL};
    subcommand(g, job, "git", &a);
    common_arguments(g, job, config, report, &a);
    if (g->log_opts.n)
        rep_arg(&a, rep_strf(g->h, "--log-opts=%s", g->log_opts.p));
    return run_once(g, job, &a, report, e);
}

static int gitleaks_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct gitleaks *g = ctx;
    const char *config;
    int git =
        job->target_kind == SCO_TARGET_GIT || (job->target_kind == SCO_TARGET_DIRECTORY &&
                                               rep_exists(rep_strf(g->h, "%s/.git", job->target)));
    int r = choose_config(g, job, &config, e), r2;
    if (r < 0 || (r = scan_files(g, job, config, e)) < 0 || !git || !g->history)
        return r;
    r2 = scan_history(g, job, config, e);
    return r2 < 0 || r2 > r ? r2 : r;
}

/* ---- plugin -----------------------------------------------------------------------------------
 */
static uint32_t gitleaks_sniff(const struct sco_probe *p)
{
    static const char *const current[] = {"RuleID",  "Secret",      "Match", "StartLine",
                                          "Entropy", "Fingerprint", NULL};
    static const char *const legacy[] = {"rule", "offender", "file", "commit", "line", NULL};
    const struct sco_node *first;
    if (!sco_is(p->root, SCO_NODE_LIST))
        return 0;
    first = p->root->child;
    if (rep_has(first, current) >= 4)
        return 97;
    return rep_has(first, legacy) >= 4 ? 95 : 0;
}

static int gitleaks_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct gitleaks *)ctx)->h = host;
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"history", SCO_OPT_BOOL, 0, offsetof(struct gitleaks, history), 0, "true", 0, 0, NULL,
     "Also look through the commits of a git work tree, not only at its files."},
    {"log_opts", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct gitleaks, log_opts), 0, NULL, 0, 0,
     NULL, "Options of git log that choose the commits, such as \"main..HEAD\"."},
    {"config", SCO_OPT_STR, 0, offsetof(struct gitleaks, config), 0, NULL, 0, 0, NULL,
     "Gitleaks configuration file instead of the target's own or the built-in one."},
    {"target_config", SCO_OPT_BOOL, 0, offsetof(struct gitleaks, target_config), 0, "false", 0, 0,
     NULL,
     "Honour a .gitleaks.toml in the target, which may switch off rules and leave out files."},
    {"baseline", SCO_OPT_STR, 0, offsetof(struct gitleaks, baseline), 0, NULL, 0, 0, NULL,
     "Earlier JSON report whose findings are left out (written without redaction)."},
    {"redact", SCO_OPT_BOOL, 0, offsetof(struct gitleaks, redact), 0, "false", 0, 0, NULL,
     "Let Gitleaks mask the values itself; findings are then told apart by rule, file and line "
     "text only, not by value."},
    {"max_file", SCO_OPT_SIZE, 0, offsetof(struct gitleaks, max_file), 0, "10MB", 0, 0, NULL,
     "Files larger than this are not looked at; 0: no limit."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const char *const PROGRAMS[] = {"gitleaks", NULL};
static const char *const VERSION[] = {"version", NULL};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_GIT | SCO_TARGET_FILE,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SECRET),
    .title = GITLEAKS_TOOL,
    .homepage = "https://github.com/gitleaks/gitleaks",
    .programs = PROGRAMS,
    .version_args = VERSION,
    .install = "scripts/install-scanners.sh gitleaks",
    .sniff = gitleaks_sniff,
    .run = gitleaks_run,
    .parse = gitleaks_parse,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "gitleaks",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Secrets in files and in git history, found by Gitleaks.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct gitleaks),
    .open = gitleaks_open,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
