/* Running the program that makes the SBOM. None is to look for vulnerabilities, run what it finds
 * in the folder, or tell anybody what is in it; without `offline` they may resolve what a manifest
 * leaves open. Which exit statuses can be trusted is a matter of the program; the document decides
 * in any case. What a program could not read makes the SBOM incomplete: it says so on stderr. */
#include "sbom_priv.h"

#include <stdio.h>

enum { EXCLUDES_MAX = 2000 };

struct run {
    struct sbom *s;
    const struct sco_job *job;
    const char *program; /* to run */
    const char *out;
};

struct maker {
    const char *name, *title;
    const char *troubles[2]; /* lines of stderr with these are about what it could not read */
    const char *no_trouble;  /* but those with this are not; or NULL */
    int ok, partial, empty;  /* exit statuses beside 0; -1: none */
    void (*args)(const struct run *r, struct rep_args *a);
    void (*env)(const struct run *r, struct rep_args *env);
};

static int is_image(const struct run *r)
{
    return r->job->target_kind == SCO_TARGET_IMAGE;
}

static int is_archive(const struct run *r)
{
    return is_image(r) && rep_exists(r->job->target);
}

/* Paths that mean themselves in the globs of all programs. */
static const char *exclude(const struct run *r, size_t i)
{
    const char *const *x = r->job->excludes;
    return strpbrk(x[i], ",*?[]{}\\") ? NULL : x[i];
}

static void add_excludes(const struct run *r, struct rep_args *a, const char *flag,
                         const char *before, const char *behind)
{
    const char *const *x = r->job->excludes;
    for (size_t i = 0; !is_image(r) && x && x[i] && i < EXCLUDES_MAX; i++) {
        if (!exclude(r, i))
            continue;
        rep_arg(a, flag);
        rep_arg(a, rep_strf(r->s->h, "%s%s%s", before, x[i], behind));
    }
}

/* ---- trivy ---- */
static void trivy_args(const struct run *r, struct rep_args *a)
{
    rep_arg(a, is_image(r) ? "image" : "fs");
    rep_arg(a, "--format");
    rep_arg(a, "cyclonedx");
    rep_arg(a, "-o");
    rep_arg(a, r->out);
    rep_arg(a, "--cache-dir");
    rep_arg(a, r->job->cache_dir);
    add_excludes(r, a, "--skip-dirs", rep_strf(r->s->h, "%s/", r->job->target), "");
    if (is_archive(r))
        rep_arg(a, "--input");
    rep_arg(a, r->job->target);
}

static void trivy_env(const struct run *r, struct rep_args *env)
{
    rep_arg(env, "TRIVY_DEBUG=true"); /* else it is silent about a file that does not parse */
    rep_arg(env, "TRIVY_NO_PROGRESS=true");
    rep_arg(env, "TRIVY_SKIP_VERSION_CHECK=true");
    rep_arg(env, "TRIVY_DISABLE_TELEMETRY=true");
    rep_arg(env, "TRIVY_SKIP_DB_UPDATE=true");
    if (!r->job->offline)
        return;
    rep_arg(env, "TRIVY_SKIP_JAVA_DB_UPDATE=true");
    rep_arg(env, "TRIVY_OFFLINE_SCAN=true");
}

/* ---- syft ---- */
static void syft_args(const struct run *r, struct rep_args *a)
{
    rep_arg(a, "scan");
    rep_arg(a, "-vvv"); /* else it is silent about a file that does not parse */
    rep_arg(a, is_image(r) ? r->job->target : rep_strf(r->s->h, "dir:%s", r->job->target));
    rep_arg(a, "-o");
    rep_arg(a, rep_strf(r->s->h, "cyclonedx-json=%s", r->out));
    add_excludes(r, a, "--exclude", "./", "");
}

static void syft_env(const struct run *r, struct rep_args *env)
{
    (void)r;
    rep_arg(env, "SYFT_CHECK_FOR_APP_UPDATE=false");
}

/* ---- cdxgen: it would run package managers in the folder ---- */
static void cdxgen_args(const struct run *r, struct rep_args *a)
{
    if (is_image(r)) {
        rep_arg(a, "-t");
        rep_arg(a, "docker");
    }
    rep_arg(a, "--no-install-deps");
    rep_arg(a, "--lifecycle");
    rep_arg(a, "pre-build");
    rep_arg(a, "--no-babel");
    rep_arg(a, "--fail-on-error");
    add_excludes(r, a, "--exclude", "**/", "/**");
    rep_arg(a, "-o");
    rep_arg(a, r->out);
    rep_arg(a, r->job->target);
}

static void cdxgen_env(const struct run *r, struct rep_args *env)
{
    (void)r;
    rep_arg(env, "CI=true");
}

/* ---- osv-scanner: without a database, the lookup of vulnerabilities alone fails ---- */
static const char *empty_file(const struct run *r)
{
    const char *path = rep_strf(r->s->h, "%s/osv-scanner.toml", r->job->work_dir);
    FILE *f = path ? fopen(path, "we") : NULL;
    if (!f || fclose(f) != 0)
        return NULL; /* there is no command line then */
    return path;
}

static void osv_args(const struct run *r, struct rep_args *a)
{
    rep_arg(a, "scan");
    rep_arg(a, is_image(r) ? "image" : "source");
    rep_arg(a, "--all-packages");
    rep_arg(a, "--format");
    rep_arg(a, "cyclonedx-1-5");
    rep_arg(a, "--output-file");
    rep_arg(a, r->out);
    rep_arg(a, r->job->offline ? "--offline" : "--offline-vulnerabilities");
    rep_arg(a, "--config"); /* an osv-scanner.toml of the folder could leave packages out */
    rep_arg(a, empty_file(r));
    if (is_archive(r))
        rep_arg(a, "--archive");
    else if (!is_image(r))
        rep_arg(a, "-r");
    rep_arg(a, r->job->target);
}

static void osv_env(const struct run *r, struct rep_args *env)
{
    rep_arg(env,
            rep_strf(r->s->h, "OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY=%s/none", r->job->work_dir));
}

static const struct maker makers[] = {
    {"trivy", "Trivy", {"\tERROR\t", "\tWalk error\t"}, NULL, -1, -1, -1, trivy_args, trivy_env},
    {"syft",
     "Syft",
     {"WARN", "cataloger returned errors"},
     "no explicit name and version",
     -1,
     -1,
     -1,
     syft_args,
     syft_env},
    {"cdxgen", "cdxgen", {NULL}, NULL, -1, -1, -1, cdxgen_args, cdxgen_env},
    {"osv-scanner",
     "OSV-Scanner",
     {"Error during extraction:"},
     "extracting as vulnmatch/",
     1,
     127,
     128,
     osv_args,
     osv_env},
};

static const struct maker *maker_called(struct sco_str name)
{
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (sco_str_is(name, makers[i].name))
            return &makers[i];
    return NULL;
}

/* The configured one by its name on the PATH, unless it is the one that was found. */
static const struct maker *choose(struct run *r)
{
    const char *found = r->job->program ? r->job->program : "";
    const char *slash = strrchr(found, '/');
    struct sco_str name = sco_str_c(slash ? slash + 1 : found);
    r->program = found;
    if (!r->s->program.n || sco_str_is(r->s->program, "auto") || sco_str_eq(r->s->program, name))
        return maker_called(name);
    r->program = r->s->program.p;
    return maker_called(r->s->program);
}

/* ---- what it said ---- */
struct troubles {
    const struct maker *m;
    const char *mark;
    struct sco_str first;
    uint64_t n;
};

/* What stands behind the first `mark`; {NULL, 0}: it is not there. */
static struct sco_str behind(struct sco_str s, const char *mark)
{
    size_t n = strlen(mark);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, mark, n) == 0)
            return sco_str_make(s.p + i + n, s.n - i - n);
    return sco_str_make(NULL, 0);
}

static int has(struct sco_str s, const char *text)
{
    return behind(s, text).p != NULL;
}

static void on_trouble(void *user, struct sco_str line)
{
    struct troubles *t = user;
    if (t->m->no_trouble && has(line, t->m->no_trouble))
        return;
    if (!t->n++)
        t->first = behind(line, t->mark);
}

static uint64_t tell_troubles(const struct run *r, const struct maker *m,
                              const struct sco_command_result *res)
{
    struct troubles t = {.m = m};
    for (size_t i = 0; i < 2 && m->troubles[i]; i++) {
        t.mark = m->troubles[i];
        rep_lines_with(res->err, t.mark, on_trouble, &t);
    }
    if (t.n)
        r->s->h->incomplete(r->s->h, sco_fmt(r->s->h, "the SBOM lacks something: %s (%llu in all)",
                                             rep_words(r->s->h, t.first), (unsigned long long)t.n));
    return t.n;
}

/* ---- run ---- */
static int nothing_in_it(const struct maker *m, struct sco_errbuf *e)
{
    return sco_errf(e, SCO_RUN_INCOMPLETE,
                    "there is no SBOM: %s found no component (allow_empty: true where there are "
                    "none)",
                    m->title);
}

static int call(const struct run *r, const struct maker *m, struct sco_command_result *res,
                struct sco_errbuf *e)
{
    struct rep_args a = {.h = r->s->h}, env = {.h = r->s->h};
    rep_arg(&a, r->program);
    m->args(r, &a);
    m->env(r, &env);
    struct sco_command c = {.struct_size = sizeof c, .argv = rep_argv(&a), .env = rep_argv(&env)};
    int code =
        c.env ? rep_run(r->s->h, m->title, &c, res, e) : sco_errf(e, SCO_E_NOMEM, "out of memory");
    if (code == SCO_E_NOT_FOUND)
        return sco_errf(e, code, "%s is not installed", m->name);
    return code;
}

static int take(const struct run *r, const struct maker *m, const struct sco_command_result *res,
                struct sco_errbuf *e)
{
    struct sbom_facts facts = {.components = 0};
    int code = rep_fresh(r->s->h, m->title, r->out, res, e);
    if (code == 0)
        code = sbom_check(r->s, m->title, r->out, &facts, e);
    if (code < 0)
        return code;
    uint64_t troubles = tell_troubles(r, m, res);
    if (res->exit_code && res->exit_code == m->partial && !troubles && !has(res->err, "vulnmatch/"))
        return rep_failed(r->s->h, m->title, res, e);
    if (!facts.components && !r->s->allow_empty)
        return nothing_in_it(m, e);
    return sbom_hand_over(r->s, r->out, &facts, e);
}

/* It wrote none: there is nothing to write about. */
static int take_nothing(const struct run *r, const struct maker *m, struct sco_errbuf *e)
{
    static const char EMPTY[] = "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\","
                                "\"version\":1,\"components\":[]}\n";
    struct sbom_facts facts = {.spec_version = SCO_STR("1.5")};
    if (!r->s->allow_empty)
        return nothing_in_it(m, e);
    FILE *f = fopen(r->out, "we");
    int bad = !f || fputs(EMPTY, f) < 0;
    if (f && fclose(f) != 0)
        bad = 1;
    return bad ? sco_errf(e, SCO_E_IO, "the SBOM cannot be written")
               : sbom_hand_over(r->s, r->out, &facts, e);
}

int sbom_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct sbom *s = ctx;
    struct run r = {.s = s, .job = job};
    struct sco_command_result res;
    const struct maker *m = choose(&r);
    if (!m)
        return sco_errf(e, SCO_E_INTERNAL, "no such program: %s", r.program);
    r.out = rep_strf(s->h, "%s/sbom.cdx.json", job->work_dir);
    int code = call(&r, m, &res, e);
    if (code < 0)
        return code;
    if (res.exit_code && res.exit_code == m->empty)
        return take_nothing(&r, m, e);
    if (res.exit_code && res.exit_code != m->ok && res.exit_code != m->partial)
        return rep_failed(s->h, m->title, &res, e);
    return take(&r, m, &res, e);
}
