/* What executions were asked for, who approved them, and those whose job has ended without them. */
#include "executions_priv.h"

#include <secureops/store_pipelines.h>
#include <stdlib.h>

enum { WATCH_MAX = 100, WATCH_MS = 5000 };

int sco_store_run_put(struct sco_store *s, const char *execution_id,
                      const struct sco_pipeline_run *q, struct sco_error *err)
{
    uint8_t id[16];
    int r = execution_uuid(execution_id, id, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_bytes(STORE_UUID, id, sizeof id), sv_text(q->definition),
                              sv_json(sco_str_c(q->request)), sv_text(q->requested_by)};
    return store_exec(s,
                      "INSERT INTO pipeline_runs (execution_id, definition, request, requested_by) "
                      "VALUES ($1, $2, $3, $4)",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

struct run_reading {
    struct sco_arena *arena;
    struct sco_pipeline_run run;
    bool found;
};

static int on_run(void *user, const struct store_value *v, size_t n)
{
    struct run_reading *rd = user;
    (void)n;
    rd->found = true;
    rd->run = (struct sco_pipeline_run){.definition = store_keep(rd->arena, &v[0]),
                                        .request = store_keep(rd->arena, &v[1]),
                                        .requested_by = store_keep(rd->arena, &v[2]),
                                        .state = store_keep(rd->arena, &v[3]),
                                        .look_at = v[4].i};
    return rd->run.request && (rd->run.state || v[3].type == STORE_NULL) &&
                   (rd->run.definition || v[0].type == STORE_NULL) &&
                   (rd->run.requested_by || v[2].type == STORE_NULL)
               ? 0
               : SCO_E_NOMEM;
}

int sco_store_run(struct sco_store *s, const char *execution_id, struct sco_arena *arena,
                  struct sco_pipeline_run *ret, struct sco_error *err)
{
    uint8_t id[16];
    struct run_reading rd = {.arena = arena};
    int r = execution_uuid(execution_id, id, err);
    if (r < 0)
        return r;
    struct store_value v = sv_bytes(STORE_UUID, id, sizeof id);
    r = store_query(s,
                    "SELECT definition, request, requested_by, state, look_at FROM pipeline_runs "
                    "WHERE execution_id = $1",
                    &v, 1, on_run, &rd, err);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r == 0 && !rd.found)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "the execution %s was not asked for here",
                          execution_id);
    if (r == 0)
        *ret = rd.run;
    return r;
}

/* ---- at a platform ---- */
int sco_store_run_follow(struct sco_store *s, const char *execution_id, const char *state,
                         int64_t look_at, struct sco_error *err)
{
    uint8_t id[16];
    int64_t n = 0;
    int r = execution_uuid(execution_id, id, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_i64(look_at), sv_json(sco_str_c(state)),
                              sv_bytes(STORE_UUID, id, sizeof id)};
    struct store_value few[] = {v[0], v[2]};
    r = state ? store_exec(s,
                           "UPDATE pipeline_runs SET look_at = $1, state = $2 WHERE execution_id "
                           "= $3",
                           v, SCO_ARRAY_LEN(v), &n, err)
              : store_exec(s, "UPDATE pipeline_runs SET look_at = $1 WHERE execution_id = $2", few,
                           SCO_ARRAY_LEN(few), &n, err);
    return r < 0 || n ? r
                      : sco_error_set(err, SCO_E_NOT_FOUND,
                                      "the execution %s was not asked for here", execution_id);
}

struct due {
    struct sco_arena *arena;
    const char **v;
    size_t n, cap;
};

static int on_due(void *user, const struct store_value *v, size_t n)
{
    struct due *d = user;
    (void)n;
    if (d->n == d->cap)
        return 0;
    d->v[d->n] = store_uuid_text(d->arena, &v[0]);
    return d->v[d->n++] ? 0 : SCO_E_NOMEM;
}

static int read_due(struct sco_store *s, int64_t now, struct due *d, struct sco_error *err)
{
    struct store_value v[] = {sv_i64(now), sv_i64((int64_t)d->cap)};
    d->n = 0;
    int r = store_query(s,
                        "SELECT execution_id FROM pipeline_runs WHERE look_at > 0 AND look_at <= "
                        "$1 ORDER BY look_at LIMIT $2",
                        v, SCO_ARRAY_LEN(v), on_due, d, err);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

static int take_due(struct sco_store *s, int64_t now, int64_t again_at, struct due *d,
                    struct sco_error *err)
{
    int r = store_queue_up(s, "pipeline_runs", "due", err);
    if (r == 0)
        r = read_due(s, now, d, err);
    for (size_t i = 0; i < d->n && r == 0; i++)
        r = sco_store_run_follow(s, d->v[i], NULL, again_at, err);
    return r;
}

int sco_store_runs_due(struct sco_store *s, int64_t now, int64_t again_at, uint32_t limit,
                       struct sco_arena *arena, const char ***ret, size_t *ret_n,
                       struct sco_error *err)
{
    struct due d = {.arena = arena, .cap = limit};
    d.v = sco_arena_alloc(arena, (limit + 1) * sizeof *d.v);
    int r = d.v ? read_due(s, now, &d, err) : sco_error_nomem(err);
    if (r == 0 && d.n) {
        r = sco_store_begin(s, err);
        if (r == 0)
            r = sco_store_end(s, take_due(s, now, again_at, &d, err), err);
    }
    if (r == 0) {
        *ret = d.v;
        *ret_n = d.n;
    }
    return r;
}

/* ---- those that nobody ends any more ---- */
struct lost {
    struct {
        char id[37], status[16];
        char reason[256];
    } v[WATCH_MAX];
    size_t n;
};

static int on_lost(void *user, const struct store_value *v, size_t n)
{
    struct lost *l = user;
    (void)n;
    if (l->n == WATCH_MAX || v[0].s.n != 16)
        return 0;
    store_uuid_format((const uint8_t *)v[0].s.p, l->v[l->n].id);
    snprintf(l->v[l->n].status, sizeof l->v[l->n].status, "%s",
             sco_str_is(v[1].s, "cancelled") ? "cancelled" : "failure");
    snprintf(l->v[l->n].reason, sizeof l->v[l->n].reason, "%.*s", SCO_STR_ARG(v[2].s));
    l->n++;
    return 0;
}

static int end_lost(struct sco_store *s, const char *id, const char *status, const char *reason,
                    int64_t now, struct sco_error *err)
{
    struct sco_stage_list stages = {0};
    struct sco_stored_execution x = {.id = id, .status = status, .completed_at = now};
    char same[37];
    bool changed;
    x.reason = *reason ? reason : "its job has ended";
    int r = sco_store_execution_put(s, &x, now, same, &changed, err);
    if (r == 0)
        r = sco_store_stages(s, id, &stages, err);
    for (size_t i = 0; r == 0 && i < stages.n; i++) {
        struct sco_stored_stage one = stages.v[i];
        if (sco_execution_ended(one.status))
            continue;
        one.status = strcmp(one.status, "running") == 0 ? status : "skipped";
        one.completed_at = now;
        one.reason = x.reason;
        r = sco_store_stages_put(s, id, &one, 1, now, err);
    }
    sco_stage_list_done(&stages);
    return r;
}

int sco_store_runs_watch(struct sco_store *s, int64_t now, uint64_t *ret, struct sco_error *err)
{
    struct lost *l = sco_alloc(1, sizeof *l);
    struct store_value v = sv_i64(now - WATCH_MS);
    uint64_t n = 0;
    if (!l)
        return sco_error_nomem(err);
    int r = store_query(s,
                        "SELECT e.id, j.state, j.reason FROM pipeline_executions e JOIN jobs j ON "
                        "j.id = e.job_id WHERE e.completed_at = 0 AND (e.integration = '' OR "
                        "(e.external_id IS NULL AND j.state IN ('failed', 'dead', 'cancelled'))) "
                        "AND e.status IN ('queued', 'running') AND j.completed_at > 0 AND "
                        "j.completed_at < $1 ORDER BY e.created_at, e.pk LIMIT 100",
                        &v, 1, on_lost, l, err);
    for (size_t i = 0; r == 0 && i < l->n; i++) {
        r = sco_store_begin(s, err);
        if (r == 0)
            r = sco_store_end(s, end_lost(s, l->v[i].id, l->v[i].status, l->v[i].reason, now, err),
                              err);
        n += r == 0;
    }
    free(l);
    if (r == 0)
        *ret = n;
    return r;
}

/* ---- approvals ---- */
void sco_approval_list_done(struct sco_approval_list *l)
{
    sco_arena_done(&l->arena);
    *l = (struct sco_approval_list){0};
}

int sco_store_approval_add(struct sco_store *s, const char *execution_id,
                           const struct sco_stored_approval *a, struct sco_error *err)
{
    uint8_t id[16];
    int r = execution_uuid(execution_id, id, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_bytes(STORE_UUID, id, sizeof id),
                              sv_text(a->stage),
                              sv_bool(a->approved),
                              sv_text(a->by),
                              sv_i64(a->at),
                              sv_text(a->reason)};
    return store_exec(s,
                      "INSERT INTO pipeline_approvals (execution_id, stage, approved, decided_by, "
                      "decided_at, reason) VALUES ($1, $2, $3, $4, $5, $6)",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

enum { APPROVALS_MAX = 1024 };

static int on_approval(void *user, const struct store_value *v, size_t n)
{
    struct sco_approval_list *l = user;
    (void)n;
    if (l->n == APPROVALS_MAX)
        return 0;
    struct sco_stored_approval *a = &l->v[l->n++];
    *a = (struct sco_stored_approval){.stage = store_keep(&l->arena, &v[0]),
                                      .approved = v[1].i != 0,
                                      .by = store_keep(&l->arena, &v[2]),
                                      .at = v[3].i,
                                      .reason = store_keep(&l->arena, &v[4])};
    return a->stage && a->by && (a->reason || v[4].type == STORE_NULL) ? 0 : SCO_E_NOMEM;
}

int sco_store_approvals(struct sco_store *s, const char *execution_id,
                        struct sco_approval_list *ret, struct sco_error *err)
{
    uint8_t id[16];
    struct sco_approval_list l = {0};
    int r = execution_uuid(execution_id, id, err);
    if (r < 0)
        return r;
    struct store_value v = sv_bytes(STORE_UUID, id, sizeof id);
    l.v = sco_arena_alloc(&l.arena, APPROVALS_MAX * sizeof *l.v);
    r = l.v ? store_query(s,
                          "SELECT stage, approved, decided_by, decided_at, reason FROM "
                          "pipeline_approvals WHERE execution_id = $1 ORDER BY pk",
                          &v, 1, on_approval, &l, err)
            : SCO_E_NOMEM;
    if (r < 0)
        sco_approval_list_done(&l);
    else
        *ret = l;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}
