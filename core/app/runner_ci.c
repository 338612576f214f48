/* Jobs of the kind "ci": one operation at a CI platform, in a worker of its plugin. */
#include "runner_priv.h"

#include <secureops/checkout.h>
#include <secureops/ci.h>
#include <secureops/ci_jobs.h>
#include <secureops/store_pipelines.h>

enum { TIMEOUT_MS = 120000 };

/* ---- the request ---- */
struct ci_call {
    const char *integration, *op, *publication, *phase, *scan_id, *reason, *execution, *commit;
    int64_t revision;
    const struct sco_node *request;
    const struct sco_plugin_info *plugin;
    struct sco_integration with;
    struct sco_stored_publication *to; /* of a publication; or NULL */
    struct sco_publication_page page;
};

static const char *text(struct sco_arena *a, const struct sco_node *q, const char *name)
{
    struct sco_str s = sco_text(sco_get(q, name));
    return s.p ? sco_arena_cstr(a, s) : NULL;
}

static int take(struct runner *r, struct ci_call *c, struct sco_error *err)
{
    static const char *const known[] = {"integration", "op",        "request", "publication",
                                        "revision",    "phase",     "scan_id", "reason",
                                        "execution",   "commit_sha"};
    const struct sco_node *q = NULL;
    int e = sco_json_parse(sco_str_c(r->job.other), &r->arena, &q, err);
    for (const struct sco_node *m = e == 0 ? q->child : NULL; m; m = m->next) {
        size_t i = 0;
        while (i < SCO_ARRAY_LEN(known) && !sco_str_is(m->key, known[i]))
            i++;
        if (i == SCO_ARRAY_LEN(known))
            return sco_error_set(err, SCO_E_INVALID, "the request: \"%.*s\" is unknown",
                                 SCO_STR_ARG(m->key));
    }
    c->integration = text(&r->arena, q, "integration");
    c->op = text(&r->arena, q, "op");
    c->publication = text(&r->arena, q, "publication");
    c->phase = text(&r->arena, q, "phase");
    c->scan_id = text(&r->arena, q, "scan_id");
    c->reason = text(&r->arena, q, "reason");
    c->execution = text(&r->arena, q, "execution");
    c->commit = text(&r->arena, q, "commit_sha");
    c->revision = sco_int(sco_get(q, "revision"), 0);
    c->request = sco_get(q, "request");
    if (e == 0 && (!c->integration || !c->op || (c->publication && !c->phase)))
        e = sco_error_set(err, SCO_E_INVALID, "the request names no integration or operation");
    return e;
}

/* ---- the integration ---- */
int runner_integration(struct runner *r, const char *name, struct sco_integration *ret,
                       const struct sco_plugin_info **ret_plugin, struct sco_error *err)
{
    const struct sco_plugins *p;
    struct sco_integration *v = NULL;
    size_t n = 0, n_tables = 0, i = 0;
    int e = sco_engine_plugins(r->cli.engine, &p, err);
    struct sco_ci_table *tables =
        e == 0 ? sco_arena_alloc(&r->arena, (p->n + p->n_ci + 1) * sizeof *tables) : NULL;
    if (!tables)
        return e < 0 ? e : sco_error_nomem(err);
    for (size_t k = 0; k < p->n + p->n_ci; k++)
        if (!p->v[k].error && p->v[k].kind == SCO_KIND_CI)
            tables[n_tables++] = (struct sco_ci_table){p->v[k].name, p->v[k].options};
    e = sco_integrations(r->cli.config, tables, n_tables, true, &r->arena, &v, &n, err);
    if (e < 0)
        return e;
    while (i < n && !(v[i].enabled && strcmp(v[i].name, name) == 0))
        i++;
    if (i == n)
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no integration \"%.100s\" any more",
                             name);
    *ret = v[i];
    *ret_plugin = NULL;
    for (size_t k = 0; k < p->n + p->n_ci; k++)
        if (!p->v[k].error && p->v[k].name && strcmp(p->v[k].name, v[i].plugin) == 0)
            *ret_plugin = &p->v[k];
    return 0;
}

/* ---- publications ---- */
/* 1: there is nothing to do any more. */
static int look(struct runner *r, struct ci_call *c, struct sco_error *err)
{
    int e = sco_store_publication(r->cli.store, c->publication, &c->page, err);
    if (e < 0)
        return e;
    c->to = &c->page.v[0];
    uint32_t newest = c->to->revision;
    if (c->commit) { /* it gave way: what was told of it does not stay pending */
        c->to->commit_sha = c->commit;
        c->to->revision = (uint32_t)c->revision;
        if (newest > c->to->revision && c->to->told >= c->to->revision)
            return 0;
        runner_log(r, SCO_LOG_INFO, "nobody was told of the older revision");
    } else if (newest != (uint32_t)c->revision)
        runner_log(r, SCO_LOG_INFO, "a newer scan publishes this");
    else if (strcmp(c->phase, "pending") == 0 && c->to->is != SCO_PUBLICATION_PENDING)
        runner_log(r, SCO_LOG_INFO, "its result is told already");
    else
        return 0;
    return 1;
}

static int request(struct runner *r, struct ci_call *c, struct sco_buf *ret, struct sco_error *err)
{
    struct sco_json_out o = {.b = ret};
    if (c->to)
        return runner_publish_request(r, c->to, c->phase, c->scan_id, c->reason, ret, err);
    if (strcmp(c->op, "comment") == 0)
        return runner_comment_request(r, c->request, ret, err);
    if (!sco_is(c->request, SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_INVALID, "the request has no request");
    sco_json_node(&o, c->request);
    return sco_buf_check(ret, err);
}

/* Somebody has said of which repository the pipeline is, and scopes went by it. */
int runner_ci_place(struct runner *r, const struct ci_call *c, const char **ret_why,
                    struct sco_error *err)
{
    struct sco_execution_page x = {0};
    struct sco_pipeline_page p = {0};
    const char *id = NULL;
    if (!c->execution || !c->with.server)
        return 0;
    int e = sco_store_execution(r->cli.store, c->execution, &x, err);
    if (e == 0 && x.v[0].pipeline_id)
        id = sco_arena_cstr(&r->arena, sco_str_c(x.v[0].pipeline_id));
    if (e == 0 && id)
        e = sco_store_pipeline(r->cli.store, id, &p, err);
    if (e == 0 && p.n && p.v[0].integration &&
        !sco_repository_is_at(sco_str_c(p.v[0].location), sco_str_c(c->with.server),
                              sco_text(sco_get(c->request, "repository")))) {
        *ret_why = sco_arena_fmt(&r->arena, "%s is no repository of integrations.%s (%s)",
                                 p.v[0].location, c->integration, c->with.server);
        e = *ret_why ? 0 : sco_error_nomem(err);
    }
    sco_execution_page_done(&x);
    sco_pipeline_page_done(&p);
    return e == SCO_E_NOT_FOUND ? 0 : e; /* of an event of the platform itself */
}

/* ---- what came of it ---- */
static const char *member(struct runner *r, struct sco_str result, const char *name)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const struct sco_node *root = NULL;
    struct sco_json_out o = {.b = &b};
    if (!result.p || sco_json_parse(result, &r->arena, &root, NULL) < 0 ||
        !sco_is(sco_get(root, name), SCO_NODE_MAP))
        return NULL;
    sco_json_node(&o, sco_get(root, name));
    return b.failed ? NULL : sco_arena_cstr(&r->arena, sco_buf_str(&b));
}

/* Of several steps none may have come to anything: then the platform has been told nothing. */
static bool told_nothing(struct runner *r, struct sco_str result)
{
    const struct sco_node *root = NULL;
    bool any = false, failed = false;
    if (!result.p || sco_json_parse(result, &r->arena, &root, NULL) < 0)
        return false;
    SCO_EACH (step, sco_get(root, "steps")) {
        struct sco_str is = sco_text(sco_get(step, "result"));
        failed |= sco_str_is(is, "failed");
        any |= sco_str_is(is, "done") || sco_str_is(is, "unchanged") || sco_str_is(is, "degraded");
    }
    return failed && !any;
}

static int keep_publication(struct runner *r, const struct ci_call *c,
                            const struct sco_ci_answer *a, struct sco_error *err)
{
    bool pending = strcmp(c->phase, "pending") == 0,
         told = a->code >= 0 && !told_nothing(r, a->result);
    const char *state = told ? member(r, a->result, "state") : NULL;
    enum sco_publication_state is = pending ? SCO_PUBLICATION_PENDING
                                    : told  ? SCO_PUBLICATION_PUBLISHED
                                            : SCO_PUBLICATION_FAILED;
    const char *reason = a->code == 0 ? NULL : a->reason;
    int e = told || state
                ? sco_store_publication_told(r->cli.store, c->to->id, c->to->revision, state, err)
                : 0;
    if (e < 0 || c->commit)
        return e;
    e = sco_store_publication_end(r->cli.store, c->to->id, c->to->revision, is, NULL, c->scan_id,
                                  pending ? NULL : reason, sco_now_ms(), err);
    return e == SCO_E_CANCELLED ? 0 : e; /* a newer scan has the word */
}

/* The end of the job, and what it did, as one. `a->code` below 0: for good. */
static int save(struct runner *r, const struct ci_call *c, const struct sco_ci_answer *a,
                struct sco_error *err)
{
    enum sco_job_state state;
    struct sco_job_end end = {.lease = r->lease,
                              .outcome = a->code < 0 ? SCO_JOB_END_FAILED : SCO_JOB_END_COMPLETED,
                              .reason = a->reason,
                              .now = sco_now_ms()};
    r->phase = PHASE_SAVE;
    int e = sco_store_ready(r->cli.store, err);
    if (e == 0)
        e = sco_store_begin(r->cli.store, err);
    if (e < 0)
        return e;
    if (c->to)
        e = keep_publication(r, c, a, err);
    else if (c->execution)
        e = runner_execution_keep(r, c->execution, c->op, a, err);
    else if (c->op && strcmp(c->op, "poll") == 0)
        e = runner_poll_keep(r, c->integration, a, err);
    if (e == 0)
        e = sco_store_job_end(r->cli.store, &end, &state, err);
    return sco_store_end(r->cli.store, e, err);
}

static void on_log(void *user, uint32_t level, struct sco_str line)
{
    runner_log(user, level, "%.*s", SCO_STR_ARG(line));
}

int runner_ci_ask(struct runner *r, const struct ci_call *c, const char *op, struct sco_str q,
                  struct sco_ci_answer *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf cache = {0};
    int64_t limit = r->job.timeout_ms ? r->job.timeout_ms : TIMEOUT_MS;
    sco_buf_addf(&cache, "%s/ci/%s", r->cli.cache_dir, c->with.name);
    int e = sco_fs_mkdirs(sco_buf_z(&cache), 0700, err);
    struct sco_ci_run how = {.worker = r->cli.worker,
                             .library = c->plugin->library,
                             .cache_dir = sco_buf_z(&cache),
                             .work_dir = r->dir,
                             .options = c->with.options,
                             .op = op,
                             .request = q,
                             .timeout_ms = limit,
                             .cancel_fd = r->end_fd,
                             .break_after = c->with.break_after,
                             .break_ms = c->with.break_ms,
                             .no_sandbox = !r->cli.config->scan.sandbox,
                             .log = on_log,
                             .user = r};
    return e == 0 ? sco_ci_run(&how, &r->arena, ret, err) : e;
}

static bool may_pass(int code)
{
    return code == SCO_E_NETWORK || code == SCO_E_TIMEOUT || code == SCO_E_IO;
}

int runner_ci_judge(struct runner *r, const struct sco_ci_answer *a, struct sco_error *err)
{
    if (a->code == SCO_CI_LATER) {
        r->later_ms = a->retry_ms > 0 ? a->retry_ms : 1000;
        return sco_error_set(err, SCO_E_NETWORK, "%s",
                             a->reason ? a->reason : "the platform waits");
    }
    if (may_pass(a->code))
        return sco_error_set(err, a->code, "%s", a->reason ? a->reason : "the platform is away");
    return 0;
}

static int perform(struct runner *r, struct ci_call *c, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf q = {0};
    bool comment = strcmp(c->op, "comment") == 0;
    struct sco_ci_answer a = {0};
    int e = runner_ci_place(r, c, &a.reason, err);
    a.code = a.reason ? SCO_E_PERMISSION : 0;
    if (e == 0 && !a.reason)
        e = request(r, c, &q, err);
    if (e == 0 && !a.reason)
        e = runner_ci_ask(r, c, comment ? "publish" : c->op, sco_buf_str(&q), &a, err);
    if (e == 0)
        e = runner_ci_judge(r, &a, err);
    if (e < 0)
        return e;
    if (a.code == SCO_CI_DEGRADED && comment)
        a.code = SCO_E_PERMISSION; /* it was the only step */
    runner_log(r, a.code < 0 ? SCO_LOG_ERROR : SCO_LOG_INFO, "%s at %s: %s", c->op, c->integration,
               a.reason ? a.reason : "done");
    return save(r, c, &a, err);
}

int runner_ci(struct runner *r, struct sco_error *err)
{
    struct sco_ci_answer none = {0};
    struct ci_call c = {0};
    int e = take(r, &c, err);
    if (e == 0)
        e = runner_integration(r, c.integration, &c.with, &c.plugin, err);
    if (e == 0 && c.publication)
        e = look(r, &c, err);
    if (e == 1) {
        struct ci_call nothing = {0};
        e = save(r, &nothing, &none, err);
    } else if (e == 0 && c.execution && strcmp(c.op, "follow") == 0) {
        e = runner_follow(r, &c, c.execution, err);
    } else if (e == 0) {
        e = perform(r, &c, err);
    }
    sco_publication_page_done(&c.page);
    return e;
}
