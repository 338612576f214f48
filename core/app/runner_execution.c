/* What an operation at a platform says of a run there: its state and stages, the list of its
 * artifacts, into the execution. In the transaction of the job's end. */
#include "runner_priv.h"

#include <secureops/ci.h>
#include <secureops/store_pipelines.h>

enum { STAGES_MAX = 500, FIRST_LOOK_MS = 1000 };

static const char *text(struct runner *r, const struct sco_node *q, const char *name)
{
    struct sco_str s = sco_text(sco_get(q, name));
    return s.n ? sco_arena_cstr(&r->arena, s) : NULL;
}

/* A platform may have words that nobody has heard of. */
static const char *status_of(const struct sco_node *q)
{
    static const char *const known[] = {"queued",    "running",   "action_required",
                                        "success",   "neutral",   "failure",
                                        "timed_out", "cancelled", "skipped"};
    struct sco_str s = sco_text(sco_get(q, "status"));
    for (size_t i = 0; i < SCO_ARRAY_LEN(known); i++)
        if (sco_str_is(s, known[i]))
            return known[i];
    return NULL;
}

static int64_t time_of(const struct sco_node *q, const char *name)
{
    int64_t ms = 0;
    struct sco_str s = sco_text(sco_get(q, name));
    return s.n && sco_time_parse(s, &ms) == 0 ? ms : 0;
}

static int keep_stages(struct runner *r, const char *id, const struct sco_node *q,
                       struct sco_error *err)
{
    const struct sco_node *list = sco_get(q, "stages");
    struct sco_stored_stage *v = sco_arena_alloc(&r->arena, STAGES_MAX * sizeof *v);
    size_t n = 0;
    if (!v)
        return sco_error_nomem(err);
    SCO_EACH (m, list) {
        if (n == STAGES_MAX || !sco_text(sco_get(m, "name")).n)
            continue;
        const char *status = status_of(m);
        v[n++] = (struct sco_stored_stage){.name = text(r, m, "name"),
                                           .stage = text(r, m, "stage"),
                                           .status = status ? status : "unknown",
                                           .external_id = text(r, m, "job_id"),
                                           .url = text(r, m, "url"),
                                           .attempt = (uint32_t)sco_int(sco_get(m, "attempt"), 1),
                                           .started_at = time_of(m, "started_at"),
                                           .completed_at = time_of(m, "finished_at")};
    }
    return n ? sco_store_stages_put(r->cli.store, id, v, n, sco_now_ms(), err) : 0;
}

static const char *artifacts(struct runner *r, const struct sco_node *q)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!sco_is(sco_get(q, "artifacts"), SCO_NODE_LIST))
        return NULL;
    sco_json_begin(&o, '{');
    sco_json_key(&o, "artifacts");
    sco_json_node(&o, sco_get(q, "artifacts"));
    sco_json_end(&o, '}');
    return b.failed ? NULL : sco_arena_cstr(&r->arena, sco_buf_str(&b));
}

/* The run's name first, with which it may turn out to be one that a webhook has told of, and in the
 * order in which webhooks take the locks. */
static int keep_name(struct runner *r, const char *id, const struct sco_node *q,
                     struct sco_error *err)
{
    int64_t attempt = sco_int(sco_get(q, "attempt"), 0);
    struct sco_stored_execution x = {.id = id,
                                     .external_id = text(r, q, "pipeline_id"),
                                     .attempt =
                                         attempt > 0 && attempt < 1000000 ? (uint32_t)attempt : 0,
                                     .again = sco_bool(sco_get(q, "again"), 0)};
    char same[37];
    bool changed;
    return sco_store_execution_put(r->cli.store, &x, sco_now_ms(), same, &changed, err);
}

/* The end of the whole last: its event names the stage that failed. */
int runner_execution_put(struct runner *r, const char *id, const struct sco_node *q,
                         struct sco_error *err)
{
    char same[37];
    bool changed;
    int e = keep_name(r, id, q, err);
    if (e == 0)
        e = keep_stages(r, id, q, err);
    if (e < 0)
        return e;
    struct sco_stored_execution x = {.id = id,
                                     .status = status_of(q),
                                     .url = text(r, q, "url"),
                                     .commit_sha = text(r, q, "commit_sha"),
                                     .branch = text(r, q, "branch"),
                                     .started_at = time_of(q, "started_at"),
                                     .completed_at = time_of(q, "finished_at"),
                                     .details = artifacts(r, q)};
    return sco_store_execution_put(r->cli.store, &x, sco_now_ms(), same, &changed, err);
}

static int put_failure(struct runner *r, const char *id, const char *reason, struct sco_error *err)
{
    struct sco_stored_execution x = {.id = id, .status = "failure", .reason = reason};
    char same[37];
    bool changed;
    return sco_store_execution_put(r->cli.store, &x, sco_now_ms(), same, &changed, err);
}

/* From now on it is looked at. One without a name has an item of a queue. */
static int begin_to_follow(struct runner *r, const char *id, const struct sco_node *q,
                           struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    const char *run = text(r, q, "pipeline_id"), *queue = text(r, q, "queue_id");
    if (!run && !queue) {
        struct sco_stored_execution x = {.id = id,
                                         .reason = "the platform does not say which run it is"};
        char same[37];
        return sco_store_execution_put(r->cli.store, &x, sco_now_ms(), same, NULL, err);
    }
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "queue_id", queue);
    sco_json_kbool(&o, "again", sco_bool(sco_get(q, "again"), 0));
    sco_json_ki64(&o, "since", sco_now_ms());
    sco_json_end(&o, '}');
    int e = sco_buf_check(&b, err);
    return e == 0 ? sco_store_run_follow(r->cli.store, id, sco_buf_z(&b),
                                         sco_now_ms() + FIRST_LOOK_MS, err)
                  : e;
}

int runner_execution_keep(struct runner *r, const char *id, const char *op,
                          const struct sco_ci_answer *a, struct sco_error *err)
{
    const struct sco_node *q = NULL;
    bool begins =
        strcmp(op, "trigger") == 0 || strcmp(op, "rollback") == 0 || strcmp(op, "rerun") == 0;
    if (a->code < 0) /* it did not come to be; what else fails says nothing of the run */
        return begins ? put_failure(r, id, a->reason, err) : 0;
    int e = a->result.p ? sco_json_parse(a->result, &r->arena, &q, err) : 0;
    if (e == 0)
        e = runner_execution_put(r, id, q, err);
    if (e == 0)
        e = begins
                ? begin_to_follow(r, id, q, err)
                : sco_store_run_follow(r->cli.store, id, NULL, sco_now_ms() + FIRST_LOOK_MS, err);
    return e == SCO_E_NOT_FOUND ? 0 : e; /* nobody asked for it here: nobody follows it */
}
