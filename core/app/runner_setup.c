/* Configuration as the daemon has it, with what the request adds; the store; the engine. */
#include "runner_priv.h"

#include "sla.h"

#include <dirent.h>

/* ---- configuration ---- */
static int set_list(struct runner *r, const char *path, const char *const *list,
                    struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (!list)
        return 0;
    for (const char *const *p = list; *p; p++)
        sco_buf_addf(&b, "%s%s", b.n ? "," : "", *p);
    return b.failed ? sco_error_nomem(err)
                    : sco_config_set(&r->cli.input, path, sco_buf_z(&b), "the request", err);
}

/* A request may ask for less network than is configured, not for more. */
static int set_request(struct runner *r, struct sco_error *err)
{
    const struct runner_request *q = &r->job.request;
    struct sco_config_input *in = &r->cli.input;
    int e = q->fail_on ? sco_config_set(in, "gate.fail_on", q->fail_on, "the request", err) : 0;
    if (e == 0)
        e = set_list(r, "gate.policies", q->gates, err);
    if (e == 0 && q->offline)
        e = sco_config_set(in, "scan.offline", "true", "the request", err);
    return e;
}

static int set_daemon(struct runner *r, struct sco_error *err)
{
    int e = 0;
    for (const char *const *p = r->job.setup.sets; e == 0 && p && *p; p++) {
        const char *eq = strchr(*p, '=');
        const char *name =
            eq ? sco_arena_cstr(&r->arena, sco_str_make(*p, (size_t)(eq - *p))) : NULL;
        e = name ? sco_config_set(&r->cli.input, name, eq + 1, "--set", err)
                 : sco_error_set(err, SCO_E_FORMAT, "a setting of the daemon has no value");
    }
    return e;
}

/* What was uploaded: packs of policies, each a file or folder, and the server's waivers. */
static int add_uploaded(struct runner *r, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct dirent **v = NULL;
    int e = 0;
    if (!r->job.setup.data)
        return 0;
    sco_buf_addf(&path, "%s/waivers.yaml", r->job.setup.data);
    if (sco_fs_is_file(sco_buf_z(&path)))
        e = sco_config_add(&r->cli.input, "policies.waivers", sco_buf_z(&path), "the server", err);
    sco_buf_clear(&path);
    sco_buf_addf(&path, "%s/policies", r->job.setup.data);
    int n = scandir(sco_buf_z(&path), &v, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        struct sco_str name = sco_str_c(v[i]->d_name);
        sco_buf_clear(&path);
        sco_buf_addf(&path, "%s/policies/%s", r->job.setup.data, name.p);
        if (e == 0 && name.p[0] != '.' && !sco_str_ends(name, ".sig"))
            e = sco_config_add(&r->cli.input, "policies.dirs", sco_buf_z(&path), "the server", err);
        free(v[i]);
    }
    free(v);
    return e == 0 ? sco_buf_check(&path, err) : e;
}

static int join(struct runner *r, int id, const char *const *list, struct sco_error *err)
{
    struct sco_buf *b = &r->cli.lists[id];
    if (!list || !*list)
        return 0;
    for (const char *const *p = list; *p; p++) {
        if (strchr(*p, ','))
            return sco_error_set(err, SCO_E_INVALID, "\"%.100s\" is no name of a scanner", *p);
        sco_buf_addf(b, "%s%s", b->n ? "," : "", *p);
    }
    r->cli.values[id] = sco_buf_z(b);
    return b->failed ? sco_error_nomem(err) : 0;
}

static int load_config(struct runner *r, struct sco_error *err)
{
    struct cli *c = &r->cli;
    c->values[ARG_QUIET] = "";
    c->values[ARG_CONFIG] = r->job.setup.config;
    c->input.no_user_file = true;
    c->input.no_local_file = true;
    int e = set_daemon(r, err);
    if (e == 0)
        e = add_uploaded(r, err);
    if (e == 0)
        e = set_request(r, err);
    if (e == 0)
        e = join(r, ARG_SCANNERS, r->job.request.scanners, err);
    if (e == 0)
        e = join(r, ARG_SKIP, r->job.request.skip, err);
    return e == 0 ? context_load_config(c, err) : e;
}

/* ---- store ---- */
static int open_store(struct runner *r, struct sco_error *err)
{
    const struct runner_job *j = &r->job;
    /* A scan is worth more than a wait: others that save large ones may take their time. */
    enum { WAIT_MS = 10 * 60 * 1000 };
    struct sco_store_options o = {.where = j->setup.store, .wait_ms = WAIT_MS};
    struct sco_store_context context = {
        .source = j->setup.node, .correlation_id = j->correlation_id, .user_id = j->requested_by};
    int e = sco_store_open(&o, &r->cli.store, err);
    if (e == 0) {
        sla_apply(r->cli.store, &r->cli.config->sla);
        sco_store_set_attempts(r->cli.store, (uint32_t)r->cli.config->queue.attempts);
    }
    return e == 0 ? sco_store_set_context(r->cli.store, &context, err) : e;
}

/* ---- scanners ---- */
static struct runner *of(struct cli *c)
{
    return (struct runner *)((char *)c - offsetof(struct runner, cli));
}

/* A request for types leaves out the scanners that find none of them. */
static int wanted(struct cli *c, const char *name)
{
    const struct runner *r = of(c);
    const struct sco_plugins *p;
    uint32_t types = r->job.request.type_bits;
    if (strcmp(name, "sbom") == 0) /* it finds nothing */
        return 0;
    if (!types || sco_engine_plugins(c->engine, &p, NULL) < 0)
        return 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].name && strcmp(p->v[i].name, name) == 0)
            return p->v[i].scanner.finds & types ? 0 : -1;
    return 0;
}

/* For the daemon's metrics and traces. */
static void note_run(struct runner *r, const struct sco_scanner_run *run)
{
    struct sco_json_out o = {.b = &r->runs, .comma = r->runs.n > 0};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "name", run->name);
    sco_json_kz(&o, "status", sco_run_status_name(run->status));
    sco_json_ki64(&o, "started_ms", run->started_ms);
    sco_json_ki64(&o, "duration_ms", run->duration_ms);
    sco_json_end(&o, '}');
}

static void on_progress(struct cli *c, const struct sco_progress *p)
{
    enum { PAUSE_MS = 500 };
    struct runner *r = of(c);
    const struct sco_scanner_run *run = p->run;
    const char *name = run->title ? run->title : run->name;
    int64_t now = sco_mono_ms();
    if (p->event == SCO_PROGRESS_LOG) {
        runner_log(r, p->level, "%s: %s", name, p->what);
    } else if (p->event == SCO_PROGRESS_STARTED) {
        runner_log(r, SCO_LOG_DEBUG, "%s begins", name);
    } else if (p->event == SCO_PROGRESS_ENDED) {
        bool bad = run->status != SCO_RUN_STATUS_COMPLETED && run->counts;
        r->runs_ended++;
        note_run(r, run);
        runner_log(r, bad ? SCO_LOG_WARNING : SCO_LOG_INFO, "%s: %s, %llu findings%s%s", name,
                   sco_run_status_name(run->status), (unsigned long long)run->reported,
                   run->reason ? ": " : "", run->reason ? run->reason : "");
        runner_progress(r, r->runs_ended, p->n_runs, name);
    } else if (now - r->told_ms >= PAUSE_MS) {
        r->told_ms = now;
        runner_progress(r, r->runs_ended, p->n_runs, name);
    }
}

/* ---- all of it ---- */
int runner_setup(struct runner *r, struct sco_error *err)
{
    struct cli *c = &r->cli;
    int e = load_config(r, err);
    if (e < 0)
        return sco_error_prefix(err, "configuration");
    if ((e = open_store(r, err)) < 0)
        return sco_error_prefix(err, "store");
    SCO_AUTO(sco_buf) struct sco_buf cache = {0};
    if (r->job.setup.data) {
        sco_buf_addf(&cache, "%s/cache", r->job.setup.data);
        c->cache_dir = cache.failed ? NULL : sco_strdup(sco_buf_str(&cache));
        e = c->cache_dir ? sco_fs_mkdirs(c->cache_dir, 0700, err) : sco_error_nomem(err);
    }
    r->lease = (struct sco_job_lease){
        .job_id = r->job.id, .node = r->job.setup.node, .attempt = (uint32_t)r->job.attempt};
    c->frameworks = r->job.request.frameworks;
    c->sbom = r->job.request.sbom == RUNNER_SBOM_REQUIRED;
    c->sbom_auto = r->job.request.sbom == RUNNER_SBOM_AUTO;
    c->sbom_file = sco_arena_fmt(&r->arena, "%s/sbom.cdx.json", r->dir);
    if (e == 0 && !c->sbom_file)
        e = sco_error_nomem(err);
    c->on_progress = on_progress;
    c->wanted = wanted;
    if (r->job.nested)
        c->within = &r->lease; /* the job's end is another's */
    else
        c->lease = &r->lease;
    c->attach = runner_attach;
    return e == 0 ? context_open_engine(c, err) : e;
}

int runner_check(struct runner *r, struct sco_error *err)
{
    const struct sco_plugins *p;
    int e = sco_engine_plugins(r->cli.engine, &p, err);
    if (e == 0)
        e = context_check_scanners(&r->cli, p, 0, err);
    if (e == 0)
        e = context_check_gates(&r->cli, err);
    return e == 0 && !r->job.import ? context_load_frameworks(&r->cli, err) : e;
}
