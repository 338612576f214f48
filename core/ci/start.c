/* Executions and their jobs. Jobs of the kind "pipeline" run own pipelines: one of a pipeline at a
 * time; {"execution", "target", "checkout_secret", "timeout_ms"}. A platform's are calls. */
#include <secureops/ci_jobs.h>
#include <secureops/pipeline.h>
#include <secureops/pipeline_start.h>

enum {
    MARGIN_MS = 60000,      /* the runner keeps the deadline itself; this is for one that hangs */
    LOOK_AGAIN_MS = 120000, /* should the job that looks be lost */
    LOOKS_MAX = 50
};

static void add_raw(struct sco_json_out *o, const char *key, const char *json)
{
    if (!json)
        return;
    sco_json_key(o, key);
    sco_json_raw(o, sco_str_c(json));
}

/* ---- what it was asked for ---- */
static void write_call(struct sco_json_out *o, const struct sco_pipeline_start *q)
{
    const struct sco_stored_pipeline *p = q->pipeline;
    sco_json_kz(o, "op", q->op);
    sco_json_key(o, "call");
    sco_json_begin(o, '{');
    sco_json_kz(o, "repository", p->repository);
    sco_json_kz(o, "ref", q->tag ? q->tag : q->branch ? q->branch : p->target.branch);
    sco_json_kz(o, "commit_sha", q->commit_sha);
    sco_json_kz(o, "workflow", p->workflow);
    sco_json_kz(o, "environment", q->environment);
    add_raw(o, "to", q->to);
    add_raw(o, "inputs", q->inputs);
    sco_json_end(o, '}');
}

static int write_request(struct sco_json_out *o, const struct sco_pipeline_start *q,
                         struct sco_error *err)
{
    const struct sco_stored_pipeline *p = q->pipeline;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_pipeline def = {0};
    int r = 0;
    sco_json_begin(o, '{');
    add_raw(o, "inputs", q->inputs);
    sco_json_kz(o, "tag", q->tag);
    if (p->integration) {
        write_call(o, q);
    } else {
        r = sco_pipeline_parse(sco_str_c(p->definition), "definition", &arena, &def, err);
        sco_json_kz(o, "pipeline", p->target.name);
        sco_json_kz(o, "checkout_secret", p->checkout_secret);
        add_raw(o, "credential", q->credential);
        if (def.timeout_ms)
            sco_json_ki64(o, "timeout_ms", def.timeout_ms);
    }
    sco_json_end(o, '}');
    return r < 0 ? r : sco_buf_check(o->b, err);
}

/* ---- the job ---- */
static int queue_own(struct sco_store *s, const struct sco_stored_execution *x,
                     const struct sco_node *run, int64_t now, struct sco_job_added *ret,
                     struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, key = {0};
    struct sco_json_out o = {.b = &b};
    int64_t timeout = sco_int(sco_get(run, "timeout_ms"), 0);
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "execution", x->id);
    sco_json_key(&o, "target");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", "repository");
    sco_json_kz(&o, "location", x->clone_url);
    sco_json_end(&o, '}');
    sco_json_kstr(&o, "checkout_secret", sco_text(sco_get(run, "checkout_secret")));
    if (sco_get(run, "credential")) {
        sco_json_key(&o, "credential");
        sco_json_node(&o, sco_get(run, "credential"));
    }
    if (timeout)
        sco_json_ki64(&o, "timeout_ms", timeout + MARGIN_MS);
    sco_json_end(&o, '}');
    sco_buf_addf(&key, "pipeline:%s", x->pipeline_id);
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = sco_buf_check(&key, err);
    struct sco_job_request q = {.kind = "pipeline",
                                .target_key = sco_buf_z(&key),
                                .revision = x->id,      /* none is in another's place */
                                .scanners = "pipeline", /* no limit of a scanner counts it */
                                .request = sco_buf_z(&b),
                                .origin = "pipeline",
                                .priority = SCO_JOB_PRIORITY};
    return r == 0 ? sco_store_job_add(s, &q, now, ret, err) : r;
}

static int queue_call(struct sco_store *s, const struct sco_stored_execution *x,
                      const struct sco_node *run, int64_t now, struct sco_job_added *ret,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, op = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_node(&o, sco_get(run, "call"));
    sco_buf_add(&op, sco_text(sco_get(run, "op")));
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = sco_buf_check(&op, err);
    return r == 0 ? sco_ci_job_call(s, x->integration, x->repository, sco_buf_z(&op),
                                    sco_buf_str(&b), x->id, now, ret, err)
                  : r;
}

int sco_pipeline_queue(struct sco_store *s, const struct sco_stored_execution *x,
                       const struct sco_pipeline_run *run, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *q = NULL;
    struct sco_job_added added = {0};
    char id[37];
    bool changed, own = !*x->integration;
    int r = sco_json_parse(sco_str_c(run->request), &arena, &q, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = own ? queue_own(s, x, q, now, &added, err) : queue_call(s, x, q, now, &added, err);
    struct sco_stored_execution to = {
        .id = x->id, .status = own ? "running" : NULL, .job_id = added.id};
    if (strcmp(x->status, "queued") == 0)
        to.status = "queued";
    if (r == 0)
        r = sco_store_execution_put(s, &to, now, id, &changed, err);
    return sco_store_end(s, r, err);
}

/* ---- start ---- */
static int check(const struct sco_stored_pipeline *p, struct sco_error *err)
{
    if (strcmp(p->target.status, "paused") == 0)
        return sco_error_set(err, SCO_E_INVALID, "the pipeline is paused");
    if (strcmp(p->location, p->target.location) != 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "the target's location is another one than that of the pipeline: put "
                             "the pipeline again");
    return 0;
}

static int start(struct sco_store *s, const struct sco_pipeline_start *q, int64_t now, char id[37],
                 struct sco_error *err)
{
    const struct sco_stored_pipeline *p = q->pipeline;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_execution_page page = {0};
    bool changed;
    int r = write_request(&o, q, err);
    struct sco_pipeline_run run = {
        .definition = p->definition, .request = sco_buf_z(&b), .requested_by = q->requested_by};
    struct sco_stored_execution x = {.pipeline_id = p->target.id,
                                     .name = p->target.name,
                                     .integration = p->integration ? p->integration : "",
                                     .platform = p->integration ? p->target.platform : "secureops",
                                     .repository = p->repository,
                                     .branch = q->branch ? q->branch
                                               : q->tag  ? ""
                                                         : p->target.branch,
                                     .ref = q->tag,
                                     .commit_sha = q->commit_sha,
                                     .event = q->event,
                                     .triggered_by = q->actor,
                                     .environment = q->environment,
                                     .rollback_of = q->rollback_of,
                                     .pr_number = q->pr_number,
                                     .status = q->approval ? "waiting_approval" : "queued",
                                     .queued_at = now};
    if (r == 0)
        r = sco_store_execution_put(s, &x, now, id, &changed, err);
    if (r == 0)
        r = sco_store_run_put(s, id, &run, err);
    if (r == 0 && !q->approval)
        r = sco_store_execution(s, id, &page, err);
    if (r == 0 && !q->approval)
        r = sco_pipeline_queue(s, &page.v[0], &run, now, err);
    sco_execution_page_done(&page);
    return r;
}

int sco_pipeline_start(struct sco_store *s, const struct sco_pipeline_start *q, int64_t now,
                       char ret_id[37], struct sco_error *err)
{
    char id[37];
    int r = check(q->pipeline, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, start(s, q, now, id, err), err);
    if (r == 0)
        memcpy(ret_id, id, sizeof id);
    return r;
}

/* The item of its queue that the platform has named in the place of a run; or NULL. */
static int queue_of(struct sco_store *s, const char *id, struct sco_arena *arena, const char **ret,
                    struct sco_error *err)
{
    struct sco_pipeline_run run;
    const struct sco_node *state = NULL;
    *ret = NULL;
    int r = sco_store_run(s, id, arena, &run, err);
    if (r == SCO_E_NOT_FOUND || (r == 0 && !run.state))
        return 0;
    if (r == 0)
        r = sco_json_parse(sco_str_c(run.state), arena, &state, err);
    struct sco_str queue = sco_text(sco_get(state, "queue_id"));
    if (r == 0 && queue.n && !(*ret = sco_arena_cstr(arena, queue)))
        r = sco_error_nomem(err);
    return r;
}

int sco_pipeline_call(struct sco_store *s, const struct sco_stored_execution *x, const char *op,
                      int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    const char *queue = NULL;
    int r = x->external_id ? 0 : queue_of(s, x->id, &arena, &queue, err);
    if (r < 0)
        return r;
    if (!x->external_id && !queue)
        return sco_error_set(err, SCO_E_INVALID, "the platform has not said which run it is");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", x->repository);
    sco_json_kz(&o, "pipeline_id", x->external_id);
    if (x->external_id)
        sco_json_ki64(&o, "attempt", x->attempt);
    else
        sco_json_kz(&o, "queue_id", queue);
    sco_json_end(&o, '}');
    r = sco_buf_check(&b, err);
    return r == 0 ? sco_ci_job_call(s, x->integration, x->repository, op, sco_buf_str(&b), x->id,
                                    now, &added, err)
                  : r;
}

/* ---- again ---- */
static int write_again(struct sco_buf *b, const struct sco_stored_execution *old,
                       struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "op", "rerun");
    sco_json_key(&o, "call");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", old->repository);
    sco_json_kz(&o, "pipeline_id", old->external_id);
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    return sco_buf_check(b, err);
}

static int again(struct sco_store *s, const struct sco_stored_execution *old, const char *actor,
                 const char *requested_by, int64_t now, char id[37], struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_execution_page page = {0};
    bool changed;
    int r = write_again(&b, old, err);
    struct sco_pipeline_run run = {.request = sco_buf_z(&b), .requested_by = requested_by};
    struct sco_stored_execution x = {.pipeline_id = old->pipeline_id,
                                     .name = old->name,
                                     .integration = old->integration,
                                     .platform = old->platform,
                                     .repository = old->repository,
                                     .branch = old->branch,
                                     .ref = old->ref,
                                     .commit_sha = old->commit_sha,
                                     .event = old->event,
                                     .environment = old->environment,
                                     .triggered_by = actor,
                                     .pr_number = old->pr_number,
                                     .is_fork = old->is_fork,
                                     .status = "queued",
                                     .queued_at = now};
    if (r == 0)
        r = sco_store_execution_put(s, &x, now, id, &changed, err);
    if (r == 0)
        r = sco_store_run_put(s, id, &run, err);
    if (r == 0)
        r = sco_store_execution(s, id, &page, err);
    if (r == 0)
        r = sco_pipeline_queue(s, &page.v[0], &run, now, err);
    sco_execution_page_done(&page);
    return r;
}

int sco_pipeline_rerun(struct sco_store *s, const struct sco_stored_execution *old,
                       const char *actor, const char *requested_by, int64_t now, char ret_id[37],
                       struct sco_error *err)
{
    char id[37];
    if (!old->external_id)
        return sco_error_set(err, SCO_E_INVALID, "the platform has not said which run it is");
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, again(s, old, actor, requested_by, now, id, err), err);
    if (r == 0)
        memcpy(ret_id, id, sizeof id);
    return r;
}

/* ---- looking ---- */
/* Who looks at it meanwhile, or waits to, is enough: two would both write the log. The row is
 * written first, so that others who want the same wait. */
static int look_at(struct sco_store *s, const char *id, int64_t now, struct sco_error *err)
{
    struct sco_execution_page page = {0};
    int r = sco_store_run_follow(s, id, NULL, now + LOOK_AGAIN_MS, err);
    if (r == 0)
        r = sco_store_execution(s, id, &page, err);
    if (r == SCO_E_NOT_FOUND)
        return sco_store_run_follow(s, id, NULL, 0, err);
    if (r < 0)
        return r;
    const struct sco_stored_execution *x = &page.v[0];
    r = sco_ci_job_follow(s, x->integration, x->repository, id, now, err);
    sco_execution_page_done(&page);
    return r;
}

int sco_pipeline_look(struct sco_store *s, const char *id, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_pipeline_run run, none = {.request = "{\"op\":\"follow\"}"};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_run(s, id, &arena, &run, err);
    if (r == SCO_E_NOT_FOUND) /* a webhook has told of it */
        r = sco_store_run_put(s, id, &none, err);
    if (r == 0)
        r = look_at(s, id, now, err);
    return sco_store_end(s, r, err);
}

int sco_pipelines_look(struct sco_store *s, int64_t now, uint64_t *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char **v = NULL;
    size_t n = 0;
    int r = sco_store_runs_due(s, now, now + LOOK_AGAIN_MS, LOOKS_MAX, &arena, &v, &n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = sco_store_begin(s, err);
        if (r == 0)
            r = sco_store_end(s, look_at(s, v[i], now, err), err);
        if (r == SCO_E_NOT_FOUND) /* it is another one's by now */
            r = 0;
    }
    if (r == 0)
        *ret = n;
    return r;
}
