/* What an operation at a platform says of a run there: its state and stages, its log, the list of
 * its artifacts, into the execution. In the transaction of the job's end. */
#include "runner_priv.h"

#include <fcntl.h>

#include <secureops/ci.h>
#include <secureops/store_pipelines.h>

enum { STAGES_MAX = 500, LOG_MAX = 32 << 20 };

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

/* The plugin has put it into our folder, masked by the platform; what is there already is not put
 * there again. */
static int keep_log(struct runner *r, const char *id, const struct sco_node *q,
                    struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf raw = {0}, clean = {0};
    const char *path = text(r, q, "path");
    uint64_t at = 0;
    size_t dir = strlen(r->dir);
    if (!path)
        return 0;
    if (strncmp(path, r->dir, dir) != 0 || path[dir] != '/' || strstr(path, "/../"))
        return sco_error_set(err, SCO_E_FORMAT, "the plugin's log is not in its folder");
    int e = sco_fs_read_regular(AT_FDCWD, path, LOG_MAX, &raw, err);
    if (e == 0)
        e = sco_store_log_size(r->cli.store, id, &at, err);
    sco_buf_add_utf8(&clean, sco_buf_str(&raw));
    if (e == 0)
        e = sco_buf_check(&clean, err);
    while (e == 0 && at < clean.n) {
        size_t n = clean.n - at < SCO_LOG_PART_MAX ? clean.n - at : SCO_LOG_PART_MAX;
        e = sco_store_log_add(r->cli.store, id, at, "", 0, sco_str_make(clean.p + at, n), err);
        at += n;
    }
    return e;
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

/* The end of the whole last: its event names the stage that failed. */
int runner_execution_keep(struct runner *r, const char *id, const char *op,
                          const struct sco_ci_answer *a, struct sco_error *err)
{
    const struct sco_node *q = NULL;
    struct sco_stored_execution x = {.id = id};
    char same[37];
    bool changed, began = strcmp(op, "trigger") == 0 || strcmp(op, "rollback") == 0;
    int e = a->result.p ? sco_json_parse(a->result, &r->arena, &q, err) : 0;
    if (e == 0 && a->code >= 0)
        e = keep_stages(r, id, q, err);
    if (e == 0 && a->code >= 0 && strcmp(op, "logs") == 0)
        e = keep_log(r, id, q, err);
    if (e < 0)
        return e;
    x.external_id = text(r, q, "pipeline_id");
    x.status = status_of(q);
    x.url = text(r, q, "url");
    x.commit_sha = text(r, q, "commit_sha");
    x.branch = text(r, q, "branch");
    x.started_at = time_of(q, "started_at");
    x.completed_at = time_of(q, "finished_at");
    x.details = artifacts(r, q);
    if (a->code < 0 && began) { /* it did not come to be; what else fails says nothing of the run */
        x.status = "failure";
        x.reason = a->reason;
    } else if (a->code < 0) {
        return 0;
    }
    return sco_store_execution_put(r->cli.store, &x, sco_now_ms(), same, &changed, err);
}
