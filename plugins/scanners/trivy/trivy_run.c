/* Running Trivy. The report says nothing about what went wrong on the way: that is only in the log,
 * so its error lines make the job incomplete. Without a vulnerability database Trivy refuses the
 * whole scan; the other scanners are then run alone, and the gap is reported.
 *
 * Settings that older releases do not know go through the environment, where they are ignored. The
 * program runs in the private work folder: it would take trivy.yaml and .trivyignore from wherever
 * it stands. */
#include "trivy_priv.h"

#include <unistd.h>

enum {
    EXCLUDES_MAX = 2000,  /* --skip-dirs arguments; the host leaves out the others */
    TIMEOUT_MARGIN_S = 2, /* Trivy ends itself this much before the deadline */
    ERRORS_MAX = 16,      /* log lines kept to tell repeated ones apart */
};

struct run {
    struct trivy *t;
    const struct sco_job *job;
    const char *command; /* fs, image, ... */
    const char *report;
    int without_db; /* leave out what needs the database */
};

struct log_scan {
    struct sco_str v[ERRORS_MAX];
    uint64_t n;
    size_t kept;
};

static const char *command_of(const struct trivy *t, const struct sco_job *job)
{
    switch (job->target_kind) {
    case SCO_TARGET_IMAGE:
        return "image";
    case SCO_TARGET_SBOM:
        return "sbom";
    case SCO_TARGET_PLAN:
        return "config";
    case SCO_TARGET_FILE:
        return "fs";
    default:
        break;
    }
    if (!t->command.p || !t->command.n || sco_str_is(t->command, "auto"))
        return "fs";
    return t->command.p;
}

/* The scanners to ask for: "vuln,secret"; "" when none is left. */
static const char *scanners(const struct run *r)
{
    const char *s = "";
    int sbom = strcmp(r->command, "sbom") == 0;
    for (size_t i = 0; i < r->t->scanners.n && s; i++) {
        struct sco_str name = r->t->scanners.v[i];
        int vuln = sco_str_is(name, "vuln");
        if ((vuln && r->without_db) || (sbom && !vuln && !sco_str_is(name, "license")))
            continue;
        s = rep_strf(r->t->h, "%s%s%.*s", s, *s ? "," : "", SCO_STR_ARG(name));
    }
    return s;
}

static int needs_database(const struct run *r)
{
    if (strcmp(r->command, "config") == 0 || r->t->server.n)
        return 0;
    for (size_t i = 0; i < r->t->scanners.n; i++)
        if (sco_str_is(r->t->scanners.v[i], "vuln"))
            return 1;
    return 0;
}

static const char *const *environment(const struct run *r)
{
    struct rep_args env = {.h = r->t->h};
    int offline = r->job->offline != 0;
    rep_arg(&env, "TRIVY_NO_PROGRESS=true");
    rep_arg(&env, "TRIVY_SKIP_VERSION_CHECK=true");
    rep_arg(&env, "TRIVY_DISABLE_TELEMETRY=true");
    rep_arg(&env, "TRIVY_SHOW_SUPPRESSED=true");
    rep_arg(&env, rep_strf(r->t->h, "TRIVY_PARALLEL=%u", r->job->cpus ? r->job->cpus : 1));
    if (offline || !r->t->update_checks) {
        rep_arg(&env, "TRIVY_SKIP_CHECK_UPDATE=true");
        rep_arg(&env, "TRIVY_SKIP_POLICY_UPDATE=true");
    }
    if (offline) {
        rep_arg(&env, "TRIVY_SKIP_DB_UPDATE=true");
        rep_arg(&env, "TRIVY_SKIP_JAVA_DB_UPDATE=true");
        rep_arg(&env, "TRIVY_SKIP_VEX_REPO_UPDATE=true");
        rep_arg(&env, "TRIVY_OFFLINE_SCAN=true");
    }
    if (strcmp(r->command, "image") == 0)
        rep_arg(&env, "TRIVY_LIST_ALL_PKGS=false"); /* they have no lines there */
    if (r->t->ignore_unfixed)
        rep_arg(&env, "TRIVY_IGNORE_UNFIXED=true");
    if (r->t->dev_dependencies)
        rep_arg(&env, "TRIVY_INCLUDE_DEV_DEPS=true");
    if (r->t->vex.n)
        rep_arg(&env, rep_strf(r->t->h, "TRIVY_VEX=%s", r->t->vex.p));
    if (r->t->server.n && r->t->token.n)
        rep_arg(&env, rep_strf(r->t->h, "TRIVY_TOKEN=%s", r->t->token.p));
    return rep_argv(&env);
}

static void add_ignore_file(const struct run *r, struct rep_args *a)
{
    const char *own = rep_strf(r->t->h, "%s/.trivyignore", r->job->target);
    const char *yaml = rep_strf(r->t->h, "%s/.trivyignore.yaml", r->job->target);
    const char *file = r->t->ignore_file.n ? r->t->ignore_file.p
                       : rep_exists(yaml)  ? yaml
                       : rep_exists(own)   ? own
                                           : NULL;
    if (!file)
        return;
    rep_arg(a, "--ignorefile");
    rep_arg(a, file);
}

static void add_excludes(const struct run *r, struct rep_args *a)
{
    const char *const *x = r->job->excludes;
    if (r->job->target_kind != SCO_TARGET_DIRECTORY && r->job->target_kind != SCO_TARGET_GIT)
        return;
    for (size_t i = 0; x && x[i] && i < EXCLUDES_MAX; i++) {
        if (strpbrk(x[i], ",*?[{"))
            continue; /* the flag takes a list of globs */
        rep_arg(a, "--skip-dirs");
        rep_arg(a, rep_strf(r->t->h, "%s/%s", r->job->target, x[i]));
    }
}

static void add_target(const struct run *r, struct rep_args *a)
{
    if (strcmp(r->command, "image") == 0 && access(r->job->target, F_OK) == 0)
        rep_arg(a, "--input"); /* an archive */
    rep_arg(a, r->job->target);
}

static void command_line(const struct run *r, struct rep_args *a)
{
    int64_t seconds = r->job->timeout_ms / 1000 - TIMEOUT_MARGIN_S;
    a->h = r->t->h;
    rep_arg(a, r->job->program);
    rep_arg(a, r->command);
    rep_arg(a, "--format");
    rep_arg(a, "json");
    rep_arg(a, "-o");
    rep_arg(a, r->report);
    rep_arg(a, "--exit-code");
    rep_arg(a, "0");
    rep_arg(a, "--timeout");
    rep_arg(a, rep_strf(r->t->h, "%llds", (long long)(seconds > 1 ? seconds : 1)));
    rep_arg(a, "--cache-dir");
    rep_arg(a, r->job->cache_dir);
    if (strcmp(r->command, "config") != 0) {
        rep_arg(a, "--scanners");
        rep_arg(a, scanners(r));
        if (r->t->server.n) {
            rep_arg(a, "--server");
            rep_arg(a, r->t->server.p);
        }
    }
    if (r->t->config.n) {
        rep_arg(a, "--config");
        rep_arg(a, r->t->config.p);
    }
    add_ignore_file(r, a);
    add_excludes(r, a);
    add_target(r, a);
}

/* ---- the log ----------------------------------------------------------------------------------
 */
/* What stands behind the last mark in a line: "TIME<tab>FATAL<tab>Fatal error<tab>WHAT". */
static struct sco_str behind(struct sco_str line, const char *mark)
{
    size_t n = strlen(mark);
    for (size_t i = line.n; i >= n; i--)
        if (memcmp(line.p + i - n, mark, n) == 0)
            return sco_str_make(line.p + i, line.n - i);
    return line;
}

static void on_fatal_line(void *user, struct sco_str line)
{
    *(struct sco_str *)user = behind(behind(line, "\tFATAL\t"), "Fatal error\t");
}

/* Why Trivy gave up, in its words. */
static const char *fatal_words(const struct trivy *t, const struct sco_command_result *res)
{
    struct sco_str line = res->err;
    rep_lines_with(res->err, "\tFATAL\t", on_fatal_line, &line);
    return rep_words(t->h, line);
}

static int has(struct sco_str s, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, text, n) == 0)
            return 1;
    return 0;
}

static void on_error_line(void *user, struct sco_str line)
{
    struct log_scan *l = user;
    if (has(line, "Falling back to embedded checks")) /* the ones of this release: as wanted */
        return;
    line = behind(line, "\tERROR\t");
    for (size_t i = 0; i < l->kept; i++)
        if (sco_str_eq(l->v[i], line))
            return;
    if (l->kept < ERRORS_MAX)
        l->v[l->kept++] = line;
    l->n++;
}

static void report_errors(const struct trivy *t, const struct sco_command_result *res)
{
    struct log_scan l = {.n = 0};
    rep_lines_with(res->err, "\tERROR\t", on_error_line, &l);
    if (l.n)
        t->h->incomplete(t->h, sco_fmt(t->h, "%llu error%s on the way: %s", (unsigned long long)l.n,
                                       l.n == 1 ? "" : "s", rep_words(t->h, l.v[0])));
}

static int about_database(const struct sco_command_result *res)
{
    return has(res->err, "DB error") || has(res->err, "vulnerability DB") ||
           has(res->err, "Java DB");
}

/* ---- run --------------------------------------------------------------------------------------
 */
static void missing_database(const struct run *r, const char *why)
{
    r->t->h->incomplete(r->t->h, sco_fmt(r->t->h, "vulnerabilities were not looked for: %s", why));
}

/* Runs once. *ret_retry: it failed for the lack of a database, and another try can do without. */
static int run_once(struct run *r, int *ret_retry, struct sco_errbuf *e)
{
    struct rep_args a = {.v = NULL};
    struct sco_command_result res;
    int code;
    if (!*scanners(r) && strcmp(r->command, "config") != 0)
        return sco_errf(e, SCO_RUN_INCOMPLETE, "nothing else was to be looked for");
    command_line(r, &a);
    struct sco_command c = {.struct_size = sizeof c, .argv = rep_argv(&a), .env = environment(r)};
    if ((code = rep_run(r->t->h, TRIVY_TOOL, &c, &res, e)) < 0)
        return code;
    if (res.exit_code != 0) {
        *ret_retry = needs_database(r) && !r->without_db && about_database(&res);
        if (*ret_retry)
            missing_database(r, fatal_words(r->t, &res));
        return *ret_retry ? 0
                          : sco_errf(e, SCO_E_TOOL, "%s failed with exit status %d: %s", TRIVY_TOOL,
                                     (int)res.exit_code, fatal_words(r->t, &res));
    }
    if ((code = rep_fresh(r->t->h, TRIVY_TOOL, r->report, &res, e)) < 0)
        return code;
    struct sco_input in = {.struct_size = sizeof in, .path = r->report, .root = r->job->target};
    if ((code = trivy_parse_report(r->t, &in, e)) >= 0)
        report_errors(r->t, &res);
    return code;
}

int trivy_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct trivy *t = ctx;
    struct run r = {.t = t, .job = job, .command = command_of(t, job)};
    int retry = 0;
    r.report = rep_strf(t->h, "%s/trivy.json", job->work_dir);
    if (needs_database(&r) && job->offline &&
        !rep_exists(rep_strf(t->h, "%s/db/metadata.json", job->cache_dir))) {
        missing_database(&r, rep_strf(t->h, "there is no database in %s, and the run is offline",
                                      job->cache_dir));
        r.without_db = 1;
    }
    int code = run_once(&r, &retry, e);
    if (!retry)
        return code;
    r.without_db = 1;
    return run_once(&r, &retry, e);
}
