/* Stages of executions: what a platform calls jobs or stages, and steps of our own pipelines. */
#include "executions_priv.h"

#include <stdlib.h>

#define STAGE_COLUMNS                                                                              \
    "SELECT name, stage, status, external_id, url, reason, ordinal, attempt, queued_at, "          \
    "started_at, completed_at, pk FROM pipeline_stages "

void sco_stage_list_done(struct sco_stage_list *l)
{
    sco_arena_done(&l->arena);
    *l = (struct sco_stage_list){0};
}

struct rows {
    struct sco_stored_stage *v;
    int64_t *pk;
    size_t n, cap, pk_cap;
    struct sco_arena *arena;
};

static int on_stage(void *user, const struct store_value *v, size_t n)
{
    struct rows *rows = user;
    struct sco_arena *a = rows->arena;
    (void)n;
    if (SCO_VEC_PUSH(rows->v, rows->n, rows->cap) < 0 ||
        SCO_VEC_PUSH(rows->pk, rows->n, rows->pk_cap) < 0)
        return SCO_E_NOMEM;
    struct sco_stored_stage *x = &rows->v[rows->n];
    *x = (struct sco_stored_stage){.name = store_keep(a, &v[0]),
                                   .stage = store_keep(a, &v[1]),
                                   .status = store_keep(a, &v[2]),
                                   .external_id = store_keep(a, &v[3]),
                                   .url = store_keep(a, &v[4]),
                                   .reason = store_keep(a, &v[5]),
                                   .ordinal = (uint32_t)v[6].i,
                                   .attempt = (uint32_t)v[7].i,
                                   .queued_at = v[8].i,
                                   .started_at = v[9].i,
                                   .completed_at = v[10].i};
    rows->pk[rows->n++] = v[11].i;
    const char *const kept[] = {x->name, x->stage, x->status, x->external_id, x->url, x->reason};
    for (size_t i = 0; i < SCO_ARRAY_LEN(kept); i++)
        if (!kept[i] && v[i].type != STORE_NULL)
            return SCO_E_NOMEM;
    return 0;
}

static int read_stages(struct sco_store *s, const uint8_t id[16], struct rows *rows,
                       struct sco_error *err)
{
    struct store_value v = sv_bytes(STORE_UUID, id, 16);
    int r = store_query(s, STAGE_COLUMNS "WHERE execution_id = $1 ORDER BY ordinal, pk", &v, 1,
                        on_stage, rows, err);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

int sco_store_stages(struct sco_store *s, const char *execution_id, struct sco_stage_list *ret,
                     struct sco_error *err)
{
    struct sco_stage_list list = {0};
    struct rows rows = {.arena = &list.arena};
    uint8_t id[16];
    int r = execution_uuid(execution_id, id, err);
    if (r == 0)
        r = read_stages(s, id, &rows, err);
    if (r == 0 && rows.n) {
        list.v = sco_arena_alloc(&list.arena, rows.n * sizeof *list.v);
        r = list.v ? 0 : sco_error_nomem(err);
        if (list.v)
            memcpy(list.v, rows.v, rows.n * sizeof *list.v);
        list.n = rows.n;
    }
    free(rows.v);
    free(rows.pk);
    if (r < 0)
        sco_arena_done(&list.arena);
    else
        *ret = list;
    return r;
}

/* ---- put ---- */
static int insert(struct sco_store *s, const uint8_t id[16], const struct sco_stored_stage *x,
                  struct sco_error *err)
{
    struct store_value v[] = {
        sv_bytes(STORE_UUID, id, 16), sv_i64(x->ordinal),    sv_i64(x->attempt),
        sv_text(x->external_id),      sv_text(x->name),      sv_text(x->stage),
        sv_text(x->status),           sv_text(x->reason),    sv_text(x->url),
        sv_i64(x->queued_at),         sv_i64(x->started_at), sv_i64(x->completed_at),
    };
    return store_exec(s,
                      "INSERT INTO pipeline_stages (execution_id, ordinal, attempt, external_id, "
                      "name, stage, status, reason, url, queued_at, started_at, completed_at) "
                      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

static int update(struct sco_store *s, int64_t pk, const struct sco_stored_stage *x,
                  struct sco_error *err)
{
    struct store_value v[] = {
        sv_i64(x->ordinal),    sv_text(x->external_id), sv_text(x->name), sv_text(x->stage),
        sv_text(x->status),    sv_text(x->reason),      sv_text(x->url),  sv_i64(x->queued_at),
        sv_i64(x->started_at), sv_i64(x->completed_at), sv_i64(pk),
    };
    return store_exec(s,
                      "UPDATE pipeline_stages SET ordinal = $1, external_id = $2, name = $3, stage "
                      "= $4, status = $5, reason = $6, url = $7, queued_at = $8, started_at = $9, "
                      "completed_at = $10 WHERE pk = $11",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

static bool is_same(const struct sco_stored_stage *a, const struct sco_stored_stage *b)
{
    if (a->external_id && b->external_id)
        return strcmp(a->external_id, b->external_id) == 0;
    return strcmp(a->name, b->name) == 0 && a->attempt == (b->attempt ? b->attempt : 1);
}

static bool merge(struct sco_stored_stage *to, const struct sco_stored_stage *x)
{
    bool changed = false;
    int old = execution_progress(to->status), now = execution_progress(x->status);
    if (now >= old && now > EXECUTION_UNKNOWN)
        to->status = execution_newer(to->status, x->status, &changed);
    to->external_id = execution_newer(to->external_id, x->external_id, &changed);
    to->stage = execution_newer(to->stage, x->stage, &changed);
    to->url = execution_newer(to->url, x->url, &changed);
    to->reason = execution_newer(to->reason, x->reason, &changed);
    if (x->ordinal && x->ordinal != to->ordinal) {
        to->ordinal = x->ordinal;
        changed = true;
    }
    execution_times(&to->queued_at, &to->started_at, &to->completed_at, x->queued_at, x->started_at,
                    sco_execution_ended(to->status) ? x->completed_at : 0, &changed);
    return changed;
}

static int put_one(struct sco_store *s, const struct sco_stored_execution *x, const uint8_t id[16],
                   struct rows *rows, const struct sco_stored_stage *stage, int64_t now,
                   struct sco_error *err)
{
    size_t i = 0;
    uint32_t last = 0;
    for (size_t k = 0; k < rows->n; k++)
        last = rows->v[k].ordinal > last ? rows->v[k].ordinal : last;
    while (i < rows->n && !is_same(&rows->v[i], stage))
        i++;
    bool is_new = i == rows->n, was_ended = !is_new && sco_execution_ended(rows->v[i].status);
    struct sco_stored_stage to = is_new ? *stage : rows->v[i];
    if (is_new) {
        to.ordinal = stage->ordinal ? stage->ordinal : last + 1;
        to.attempt = stage->attempt ? stage->attempt : 1;
        if (!sco_execution_ended(to.status))
            to.completed_at = 0;
    } else if (!merge(&to, stage)) {
        return 0;
    }
    int r = is_new ? insert(s, id, &to, err) : update(s, rows->pk[i], &to, err);
    if (r == 0 && sco_execution_ended(to.status) && !was_ended)
        r = execution_tell_stage(s, x, &to, now, err);
    if (r == 0 && !is_new)
        rows->v[i] = to;
    return r;
}

static int put_all(struct sco_store *s, const char *execution_id, const uint8_t id[16],
                   const struct sco_stored_stage *v, size_t n, int64_t now, struct sco_error *err)
{
    struct sco_execution_page page = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    int r = store_queue_up(s, "pipeline_stages", execution_id, err);
    if (r == 0)
        r = sco_store_execution(s, execution_id, &page, err);
    for (size_t i = 0; i < n && r == 0; i++) { /* the list may name one twice */
        struct rows rows = {.arena = &arena};
        r = read_stages(s, id, &rows, err);
        if (r == 0)
            r = put_one(s, &page.v[0], id, &rows, &v[i], now, err);
        free(rows.v);
        free(rows.pk);
    }
    sco_execution_page_done(&page);
    return r;
}

int sco_store_stages_put(struct sco_store *s, const char *execution_id,
                         const struct sco_stored_stage *v, size_t n, int64_t now,
                         struct sco_error *err)
{
    uint8_t id[16];
    int r = execution_uuid(execution_id, id, err);
    if (r < 0 || !n)
        return r;
    for (size_t i = 0; i < n; i++)
        if (!v[i].name || !*v[i].name || execution_progress(v[i].status) < 0)
            return sco_error_set(err, SCO_E_INVALID, "a stage has a name and a status");
    r = sco_store_begin(s, err);
    return r < 0 ? r : sco_store_end(s, put_all(s, execution_id, id, v, n, now, err), err);
}
