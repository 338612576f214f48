/* Events of pipelines: pipeline.started, stage.completed, completed, failed; metrics.build. Keyed
 * by the repository's URL, as those of scans. */
#include "executions_priv.h"

#include <secureops/store_events.h>

static const struct {
    const char *status;
    int progress;
    const char *outcome;
} statuses[] = {
    {"unknown", EXECUTION_UNKNOWN, NULL},         {"queued", EXECUTION_QUEUED, NULL},
    {"running", EXECUTION_RUNNING, NULL},         {"waiting_approval", EXECUTION_RUNNING, NULL},
    {"action_required", EXECUTION_RUNNING, NULL}, {"success", EXECUTION_ENDED, "success"},
    {"neutral", EXECUTION_ENDED, "success"},      {"failure", EXECUTION_ENDED, "failed"},
    {"timed_out", EXECUTION_ENDED, "failed"},     {"cancelled", EXECUTION_ENDED, "cancelled"},
    {"skipped", EXECUTION_ENDED, "skipped"},
};

int execution_progress(const char *status)
{
    for (size_t i = 0; status && i < SCO_ARRAY_LEN(statuses); i++)
        if (strcmp(status, statuses[i].status) == 0)
            return statuses[i].progress;
    return -1;
}

const char *execution_outcome(const char *status)
{
    for (size_t i = 0; status && i < SCO_ARRAY_LEN(statuses); i++)
        if (strcmp(status, statuses[i].status) == 0)
            return statuses[i].outcome;
    return NULL;
}

bool sco_execution_ended(const char *status)
{
    return execution_progress(status) == EXECUTION_ENDED;
}

static const char *location(const struct sco_stored_execution *x)
{
    return x->clone_url ? x->clone_url : x->repository;
}

static void begin(struct sco_json_out *o, const struct sco_stored_execution *x)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "execution_id", x->id);
    sco_json_kz(o, "pipeline", x->name && *x->name ? x->name : x->pipeline);
    sco_json_kz(o, "platform", x->platform);
    sco_json_kz(o, "repository", location(x));
    sco_json_kz(o, "branch", x->branch ? x->branch : "");
    if (x->is_fork)
        sco_json_kbool(o, "is_fork", true);
    sco_json_kz(o, "commit_sha", x->commit_sha);
    sco_json_kz(o, "url", x->url);
}

static int64_t duration(int64_t from, int64_t to)
{
    return from && to > from ? to - from : 0;
}

static int add(struct sco_store *s, const char *type, const struct sco_stored_execution *x,
               struct sco_json_out *o, int64_t at, struct sco_error *err)
{
    sco_json_end(o, '}');
    struct sco_event e = {.type = type, .key = location(x), .at = at, .data = sco_buf_z(o->b)};
    int r = sco_buf_check(o->b, err);
    return r < 0 ? r : sco_store_event_add(s, &e, err);
}

static int tell_started(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
                        struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    begin(&o, x);
    sco_json_kz(&o, "triggered_by", x->triggered_by);
    return add(s, "pipeline.started", x, &o, now, err);
}

static int take_text(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    sco_buf_add(user, v[0].s);
    return 0;
}

static int failed_stage(struct sco_store *s, const char *id, struct sco_buf *out,
                        struct sco_error *err)
{
    uint8_t uuid[16];
    if (!store_uuid_parse(sco_str_c(id), uuid))
        return 0;
    struct store_value v = sv_bytes(STORE_UUID, uuid, sizeof uuid);
    return store_query(s,
                       "SELECT name FROM pipeline_stages WHERE execution_id = $1 AND status IN "
                       "('failure', 'timed_out') ORDER BY completed_at, ordinal LIMIT 1",
                       &v, 1, take_text, out, err);
}

static int tell_ended(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, stage = {0};
    struct sco_json_out o = {.b = &b};
    const char *outcome = execution_outcome(x->status);
    bool bad = strcmp(outcome, "failed") == 0 || strcmp(outcome, "cancelled") == 0;
    int r = bad ? failed_stage(s, x->id, &stage, err) : 0;
    if (r < 0)
        return r;
    begin(&o, x);
    sco_json_ki64(&o, "duration_ms", duration(x->started_at, x->completed_at));
    if (bad) {
        sco_json_kz(&o, "status", outcome);
        if (stage.n)
            sco_json_kstr(&o, "stage", sco_buf_str(&stage));
        sco_json_kz(&o, "reason", x->reason);
    }
    return add(s, bad ? "pipeline.failed" : "pipeline.completed", x, &o, now, err);
}

static int tell_build(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", location(x));
    sco_json_kz(&o, "branch", x->branch ? x->branch : "");
    if (x->is_fork)
        sco_json_kbool(&o, "is_fork", true);
    sco_json_kz(&o, "commit_sha", x->commit_sha);
    sco_json_kz(&o, "execution_id", x->id);
    sco_json_kz(&o, "status", execution_outcome(x->status));
    sco_json_ki64(&o, "duration_ms", duration(x->started_at, x->completed_at));
    return add(s, "metrics.build", x, &o, now, err);
}

int execution_tell(struct sco_store *s, const struct sco_stored_execution *x, const char *was,
                   struct execution_told *told, int64_t now, struct sco_error *err)
{
    int progress = execution_progress(x->status), r = 0;
    const char *outcome = execution_outcome(x->status), *before = execution_outcome(was);
    bool skipped = outcome && strcmp(outcome, "skipped") == 0;
    if (!told->started && progress >= EXECUTION_RUNNING && !skipped) {
        r = tell_started(s, x, now, err);
        told->started = true;
    }
    if (r < 0 || !outcome || (told->ended && before && strcmp(before, outcome) == 0) ||
        (skipped && !told->started)) /* what never began has no end */
        return r;
    r = tell_ended(s, x, now, err);
    if (r == 0 && !skipped)
        r = tell_build(s, x, now, err);
    told->ended = true;
    return r;
}

int execution_tell_stage(struct sco_store *s, const struct sco_stored_execution *x,
                         const struct sco_stored_stage *stage, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    begin(&o, x);
    sco_json_kz(&o, "stage", stage->name);
    sco_json_kz(&o, "status", execution_outcome(stage->status));
    if (stage->started_at && stage->completed_at)
        sco_json_ki64(&o, "duration_ms", duration(stage->started_at, stage->completed_at));
    return add(s, "pipeline.stage.completed", x, &o, now, err);
}
