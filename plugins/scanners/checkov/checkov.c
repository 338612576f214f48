/* Checkov: misconfigurations in infrastructure code.
 *
 * A configuration file in the target could name Python files to load, so it is not read unless the
 * operator says so: Checkov looks for it beside the folder only when that is given as "-d PATH",
 * not as "--directory=PATH". The report of all checks is asked for, without code: it says what was
 * skipped and which files did not parse. */
#include "checkov_priv.h"

enum { EXCLUDES_MAX = 1000 }; /* --skip-path arguments; the host leaves out the others */

static const char *const ENV[] = {"LOG_LEVEL=ERROR", "ANSI_COLORS_DISABLED=1",
                                  "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2=false", NULL};
static const char *const ENV_ONE_CPU[] = {"LOG_LEVEL=ERROR", "ANSI_COLORS_DISABLED=1",
                                          "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2=false",
                                          "CHECKOV_PARALLELIZATION_TYPE=none", NULL};

struct log_scan {
    const struct sco_host *h;
    struct sco_str first;
    uint64_t n;
};

static const char *joined(const struct sco_host *h, struct sco_str_list l)
{
    const char *s = "";
    for (size_t i = 0; i < l.n && s; i++)
        s = rep_strf(h, "%s%s%.*s", s, i ? "," : "", SCO_STR_ARG(l.v[i]));
    return s;
}

/* "^" + path, as a regular expression, + "(/|$)". */
static const char *exclude_regex(const struct sco_host *h, const char *root, const char *folder)
{
    const char *path = rep_strf(h, "%s/%s", root, folder);
    size_t n = path ? strlen(path) : 0;
    char *s = path ? h->alloc(h, 2 * n + 8) : NULL, *at = s;
    if (!s)
        return NULL;
    *at++ = '^';
    for (; *path; path++) {
        if (strchr(".*+?()[]{}|^$\\", *path))
            *at++ = '\\';
        *at++ = *path;
    }
    memcpy(at, "(/|$)", 6);
    return s;
}

static void add_list(struct rep_args *a, const char *flag, struct sco_str_list l)
{
    if (!l.n)
        return;
    rep_arg(a, flag);
    rep_arg(a, joined(a->h, l));
}

static void add_target(const struct checkov *c, const struct sco_job *job, struct rep_args *a)
{
    if (job->target_kind != SCO_TARGET_DIRECTORY) {
        rep_arg(a, "-f");
        rep_arg(a, job->target);
        return;
    }
    if (c->target_config) {
        rep_arg(a, "-d");
        rep_arg(a, job->target);
    } else {
        rep_arg(a, rep_strf(c->h, "--directory=%s", job->target));
    }
    for (size_t i = 0; job->excludes && job->excludes[i] && i < EXCLUDES_MAX; i++) {
        rep_arg(a, "--skip-path");
        rep_arg(a, exclude_regex(c->h, job->target, job->excludes[i]));
    }
}

static void command_line(struct checkov *c, const struct sco_job *job, const char *out,
                         struct rep_args *a)
{
    a->h = c->h;
    rep_arg(a, job->program);
    rep_arg(a, "-o");
    rep_arg(a, "json");
    rep_arg(a, "--output-file-path");
    rep_arg(a, out);
    rep_arg(a, "--compact");
    rep_arg(a, "--soft-fail");
    rep_arg(a, "--skip-download");
    rep_arg(a, "--framework");
    rep_arg(a,
            job->target_kind == SCO_TARGET_PLAN ? "terraform_plan" : joined(c->h, c->frameworks));
    add_list(a, "--check", c->checks);
    add_list(a, "--skip-check", c->skip_checks);
    if (c->external_checks.n) {
        rep_arg(a, "--external-checks-dir");
        rep_arg(a, c->external_checks.p);
    }
    if (c->baseline.n) {
        rep_arg(a, "--baseline");
        rep_arg(a, c->baseline.p);
        rep_arg(a, "--output-baseline-as-skipped");
    }
    add_target(c, job, a);
}

static void on_error_line(void *user, struct sco_str line)
{
    struct log_scan *l = user;
    if (!l->n++)
        l->first = sco_str_c(rep_words(l->h, line));
}

/* Checks that failed inside only show in the log. */
static void report_errors(const struct checkov *c, const struct sco_command_result *res)
{
    struct log_scan l = {.h = c->h};
    rep_lines_with(res->err, "[ERROR]", on_error_line, &l);
    if (l.n)
        c->h->incomplete(c->h,
                         sco_fmt(c->h, "%llu error%s of its own: %.*s", (unsigned long long)l.n,
                                 l.n == 1 ? "" : "s", SCO_STR_ARG(l.first)));
}

static int checkov_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct checkov *c = ctx;
    struct rep_args a = {.v = NULL};
    struct sco_command_result res;
    const char *out = rep_strf(c->h, "%s/checkov", job->work_dir);
    const char *report = rep_strf(c->h, "%s/checkov/results_json.json", job->work_dir);
    int r;
    command_line(c, job, out, &a);
    struct sco_command cmd = {
        .struct_size = sizeof cmd,
        .argv = rep_argv(&a),
        .env = job->cpus == 1 ? ENV_ONE_CPU : ENV,
        .stdout_path = rep_strf(c->h, "%s/checkov.stdout", job->work_dir), /* the report again */
    };
    if ((r = rep_run(c->h, CHECKOV_TOOL, &cmd, &res, e)) < 0)
        return r;
    if (res.exit_code != 0 && res.exit_code != 1)
        return rep_failed(c->h, CHECKOV_TOOL, &res, e);
    if ((r = rep_fresh(c->h, CHECKOV_TOOL, report, &res, e)) < 0)
        return r;
    struct sco_input in = {.struct_size = sizeof in, .path = report, .root = job->target};
    r = checkov_parse(c, &in, e);
    if (r >= 0)
        report_errors(c, &res);
    return r;
}

/* ---- plugin -----------------------------------------------------------------------------------
 */
static uint32_t checkov_sniff(const struct sco_probe *p)
{
    static const char *const summary[] = {"passed", "failed", "skipped", "checkov_version", NULL};
    const struct sco_node *report = sco_first(p->root);
    if (!sco_is(report, SCO_NODE_MAP))
        return 0;
    if (sco_get(report, "check_type") && sco_get(report, "results"))
        return 97;
    if (sco_path(report, "results.failed_checks") || sco_path(report, "results.passed_checks"))
        return 92;
    if (sco_get(report, "checkov_version") && rep_has(report, summary) == 4)
        return 96;
    return 0;
}

static int checkov_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct checkov *)ctx)->h = host;
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"frameworks", SCO_OPT_LIST, 0, offsetof(struct checkov, frameworks), 0,
     "terraform,terraform_plan,cloudformation,kubernetes,dockerfile,arm,bicep,serverless,"
     "github_actions,gitlab_ci,bitbucket_pipelines,azure_pipelines,circleci_pipelines,"
     "argo_workflows,ansible,openapi",
     0, 0, NULL,
     "Formats to check; \"all\" adds secrets, helm, kustomize and what needs the vendor's "
     "platform."},
    {"checks", SCO_OPT_LIST, 0, offsetof(struct checkov, checks), 0, NULL, 0, 0, NULL,
     "Run only these checks (ids, wildcards, severities)."},
    {"skip_checks", SCO_OPT_LIST, 0, offsetof(struct checkov, skip_checks), 0, NULL, 0, 0, NULL,
     "Leave out these checks."},
    {"external_checks", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct checkov, external_checks), 0,
     NULL, 0, 0, NULL,
     "Folder with the organisation's own checks (Python or YAML); its code is run."},
    {"baseline", SCO_OPT_STR, 0, offsetof(struct checkov, baseline), 0, NULL, 0, 0, NULL,
     "Baseline file: what is in it is reported as suppressed."},
    {"target_config", SCO_OPT_BOOL, SCO_OPT_TRUSTED, offsetof(struct checkov, target_config), 0,
     "false", 0, 0, NULL,
     "Honour a .checkov.yaml in the target: it may switch checks off and load its code."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const char *const PROGRAMS[] = {"checkov", NULL};
static const char *const DETECT[] = {
    "*.tf",         "*.tf.json",    "*.hcl",         "*.yaml",     "*.yml",
    "*.json",       "*.template",   "*.bicep",       "Dockerfile", "Dockerfile.*",
    "*.Dockerfile", "*.dockerfile", "Containerfile", NULL};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_PLAN | SCO_TARGET_FILE,
    .finds = SCO_TYPE_BIT(SCO_TYPE_IAC) | SCO_TYPE_BIT(SCO_TYPE_SECRET) |
             SCO_TYPE_BIT(SCO_TYPE_SCA) | SCO_TYPE_BIT(SCO_TYPE_SAST) |
             SCO_TYPE_BIT(SCO_TYPE_LICENSE),
    .title = CHECKOV_TOOL,
    .homepage = "https://www.checkov.io",
    .programs = PROGRAMS,
    .detect = DETECT,
    .install = "scripts/install-scanners.sh checkov",
    .sniff = checkov_sniff,
    .run = checkov_run,
    .parse = checkov_parse,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "checkov",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Misconfigurations in infrastructure code, found by Checkov.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct checkov),
    .open = checkov_open,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
