/* Executions and their jobs. Jobs of the kind "pipeline" run own pipelines: one of a pipeline at a
 * time; {"execution", "target", "checkout_secret", "timeout_ms"}. A platform's are calls. */
#include <secureops/ci_jobs.h>
#include <secureops/pipeline.h>
#include <secureops/pipeline_start.h>

enum { MARGIN_MS = 60000 /* the runner keeps the deadline itself; this is for one that hangs */ };

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

int sco_pipeline_call(struct sco_store *s, const struct sco_stored_execution *x, const char *op,
                      int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    if (!x->external_id)
        return sco_error_set(err, SCO_E_INVALID, "the platform has not said which run it is");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", x->repository);
    sco_json_kz(&o, "pipeline_id", x->external_id);
    sco_json_end(&o, '}');
    int r = sco_buf_check(&b, err);
    return r == 0 ? sco_ci_job_call(s, x->integration, x->repository, op, sco_buf_str(&b), x->id,
                                    now, &added, err)
                  : r;
}
