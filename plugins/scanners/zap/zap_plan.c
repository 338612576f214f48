/* Running ZAP itself: an automation plan of our own, or the operator's. It writes a report into the
 * work folder, which is then read like a saved one. */
#include "zap_priv.h"

enum { EXIT_OK = 0, EXIT_ERRORS = 1, EXIT_WARNINGS = 2, REPORT_SPARE_MIN = 1 };

/* A YAML text in double quotes. */
static int put_quoted(FILE *f, struct sco_str s)
{
    int r = fputc('"', f);
    for (size_t i = 0; i < s.n && r != EOF; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            r = fprintf(f, "\\%c", c) < 0 ? EOF : 0;
        else if (c < ' ' || c == 0x7f)
            r = fprintf(f, "\\x%02x", c) < 0 ? EOF : 0;
        else
            r = fputc(c, f);
    }
    return r == EOF || fputc('"', f) == EOF ? -1 : 0;
}

/* What one step may take: the operator's limit, within the deadline of the job. In minutes, since
 * that is what plans know. */
static long long minutes(const struct zap *z, const struct sco_job *job)
{
    int64_t ms = z->max_duration;
    if (job->timeout_ms > 0 && (ms <= 0 || ms > job->timeout_ms / 2))
        ms = job->timeout_ms / 2;
    return ms <= 0 ? 0 : ms < 60000 ? 1 : ms / 60000;
}

static int put_plan(FILE *f, const struct zap *z, const struct sco_job *job)
{
    long long limit = minutes(z, job), passive = (z->passive_wait + 59999) / 60000;
    int r = fputs("env:\n  contexts:\n    - name: target\n      urls:\n        - ", f);
    if (r == EOF || put_quoted(f, sco_str_c(job->target)) < 0 ||
        fputs("\n  parameters:\n    failOnError: true\n    failOnWarning: false\n"
              "    progressToStdout: true\njobs:\n",
              f) == EOF)
        return -1;
    if (z->spider && fprintf(f,
                             "  - type: spider\n    parameters:\n      context: target\n"
                             "      maxDuration: %lld\n",
                             limit) < 0)
        return -1;
    if (z->ajax_spider && fprintf(f,
                                  "  - type: spiderAjax\n    parameters:\n"
                                  "      context: target\n      maxDuration: %lld\n",
                                  limit) < 0)
        return -1;
    if (fprintf(f, "  - type: passiveScan-wait\n    parameters:\n      maxDuration: %lld\n",
                passive) < 0)
        return -1;
    if (z->active) {
        if (fprintf(f,
                    "  - type: activeScan\n    parameters:\n      context: target\n"
                    "      maxScanDurationInMins: %lld\n",
                    limit) < 0)
            return -1;
        if (z->scan_policy.n && (fputs("      policy: ", f) == EOF ||
                                 put_quoted(f, z->scan_policy) < 0 || fputc('\n', f) == EOF))
            return -1;
    }
    if (fputs("  - type: report\n    parameters:\n      template: traditional-json\n"
              "      reportFile: zap-report.json\n      reportDir: ",
              f) == EOF ||
        put_quoted(f, sco_str_c(job->work_dir)) < 0)
        return -1;
    return fputc('\n', f) == EOF ? -1 : 0;
}

static const char *write_plan(const struct zap *z, const struct sco_job *job)
{
    const char *path = rep_strf(z->h, "%s/zap-plan.yaml", job->work_dir);
    FILE *f = path ? fopen(path, "wxe") : NULL;
    if (!f)
        return NULL;
    int r = put_plan(f, z, job);
    return fclose(f) == 0 && r == 0 ? path : NULL;
}

static int judge(struct zap *z, const struct sco_job *job, const char *report,
                 const struct sco_command_result *res, struct sco_errbuf *e)
{
    const struct sco_host *h = z->h;
    if (res->exit_code != EXIT_OK && res->exit_code != EXIT_ERRORS &&
        res->exit_code != EXIT_WARNINGS)
        return rep_failed(h, ZAP_TOOL, res, e);
    if (res->exit_code == EXIT_ERRORS && !rep_exists(report))
        return rep_failed(h, ZAP_TOOL, res, e);
    int r = rep_fresh(h, ZAP_TOOL, report, res, e);
    if (r < 0)
        return r;
    struct sco_input in = {.struct_size = sizeof in, .path = report, .root = NULL};
    r = zap_parse(z, &in, e);
    const char *words = rep_words(h, res->out.n ? res->out : res->err);
    (void)job;
    if (r >= 0 && res->exit_code == EXIT_ERRORS)
        h->incomplete(h, sco_fmt(h, "the automation plan had errors: %s", words));
    if (r >= 0 && res->exit_code == EXIT_WARNINGS)
        h->log(h, SCO_LOG_WARNING, sco_fmt(h, "the automation plan had warnings: %s", words));
    return r;
}

int zap_run_plan(struct zap *z, const struct sco_job *job, struct sco_errbuf *e)
{
    const struct sco_host *h = z->h;
    struct sco_command_result res;
    struct rep_args a = {.h = h};
    const char *plan = z->plan.n ? z->plan.p : write_plan(z, job);
    const char *report = rep_strf(h, "%s/zap-report.json", job->work_dir);
    const char *const env[] = {rep_strf(h, "SECUREOPS_TARGET=%s", job->target),
                               rep_strf(h, "SECUREOPS_REPORT_DIR=%s", job->work_dir), NULL};
    if (!plan)
        return sco_errf(e, SCO_E_IO, "cannot write to %s", job->work_dir);
    rep_arg(&a, z->program.p);
    rep_arg(&a, "-cmd");
    rep_arg(&a, "-silent"); /* no requests but those to the target */
    rep_arg(&a, "-dir");    /* one ZAP for each folder */
    rep_arg(&a, rep_strf(h, "%s/zap-home", job->work_dir));
    rep_arg(&a, "-autorun");
    rep_arg(&a, plan);
    struct sco_command c = {.struct_size = sizeof c, .argv = rep_argv(&a), .env = env};
    int r = rep_run(h, ZAP_TOOL, &c, &res, e);
    if (r == SCO_E_NOT_FOUND)
        return sco_errf(e, r,
                        "%s is not installed; install it, set `program`, or set `url` to the "
                        "API of a ZAP that is running",
                        z->program.p);
    return r < 0 ? r : judge(z, job, report, &res, e);
}
