/* What executions leave: their log, in parts, and the list of their artifacts. */
#include "executions_priv.h"

#include <secureops/store_pipelines.h>

/* ---- logs ---- */
int sco_store_log_add(struct sco_store *s, const char *execution_id, uint64_t at, const char *stage,
                      uint32_t attempt, struct sco_str text, struct sco_error *err)
{
    uint8_t id[16];
    int r = execution_uuid(execution_id, id, err);
    if (r < 0 || !text.n)
        return r;
    if (text.n > SCO_LOG_PART_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "a part of a log has at most %d KiB",
                             SCO_LOG_PART_MAX >> 10);
    struct store_value v[] = {
        sv_bytes(STORE_UUID, id, sizeof id),
        sv_i64((int64_t)at),
        sv_text(stage),
        sv_i64(attempt),
        sv_i64((int64_t)text.n),
        sv_bytes(STORE_BLOB, text.p, text.n),
    };
    return store_exec(s,
                      "INSERT INTO pipeline_logs (execution_id, at, stage, attempt, size, bytes) "
                      "VALUES ($1, $2, $3, $4, $5, $6)",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

int sco_store_log_size(struct sco_store *s, const char *execution_id, uint64_t *ret,
                       struct sco_error *err)
{
    uint8_t id[16];
    int64_t size = 0;
    int r = execution_uuid(execution_id, id, err);
    if (r < 0)
        return r;
    struct store_value v = sv_bytes(STORE_UUID, id, sizeof id);
    r = store_query(s,
                    "SELECT at + size FROM pipeline_logs WHERE execution_id = $1 ORDER BY at DESC "
                    "LIMIT 1",
                    &v, 1, take_i64, &size, err);
    if (r == 0)
        *ret = (uint64_t)size;
    return r;
}

enum { LOG_SKIP = 16 }; /* times `max` that are looked through for one stage */
struct log_reading {
    struct sco_buf *out;
    const char *stage;
    uint64_t from, next;
    size_t max, parts;
};

static int on_part(void *user, const struct store_value *v, size_t n)
{
    struct log_reading *rd = user;
    uint64_t at = (uint64_t)v[0].i;
    size_t skip = rd->from > at ? (size_t)(rd->from - at) : 0;
    (void)n;
    if (skip >= v[2].s.n)
        return 0;
    if (rd->out->n && rd->out->n + v[2].s.n > rd->max)
        return 1;
    if (!rd->stage || sco_str_is(v[1].s, rd->stage))
        sco_buf_add(rd->out, sco_str_make(v[2].s.p + skip, v[2].s.n - skip));
    rd->next = at + v[2].s.n;
    return 0;
}

int sco_store_log(struct sco_store *s, const char *execution_id, uint64_t from, const char *stage,
                  size_t max, struct sco_buf *out, uint64_t *ret_next, struct sco_error *err)
{
    uint8_t id[16];
    struct log_reading rd = {.out = out, .stage = stage, .from = from, .next = from, .max = max};
    int r = execution_uuid(execution_id, id, err);
    if (r < 0)
        return r;
    uint64_t least = from > SCO_LOG_PART_MAX ? from - SCO_LOG_PART_MAX : 0;
    /* a server sends all that it is asked for: not the whole rest for each piece of it */
    uint64_t most = stage ? LOG_SKIP * max : max;
    most = from > INT64_MAX - most ? INT64_MAX : from + most;
    struct store_value v[] = {sv_bytes(STORE_UUID, id, sizeof id), sv_i64((int64_t)least),
                              sv_i64((int64_t)most), sv_i64((int64_t)from)};
    r = store_query(s,
                    "SELECT at, stage, bytes FROM pipeline_logs WHERE execution_id = $1 AND at >= "
                    "$2 AND at < $3 AND at + size > $4 ORDER BY at LIMIT 4096",
                    v, SCO_ARRAY_LEN(v), on_part, &rd, err);
    if (r >= 0)
        r = sco_buf_check(out, err);
    if (r == 0)
        *ret_next = rd.next;
    return r;
}

/* ---- artifacts ---- */
enum { ARTIFACTS_MAX = 4096 };

void sco_artifact_list_done(struct sco_artifact_list *l)
{
    sco_arena_done(&l->arena);
    *l = (struct sco_artifact_list){0};
}

static int on_artifact(void *user, const struct store_value *v, size_t n)
{
    struct sco_artifact_list *l = user;
    (void)n;
    if (l->n == ARTIFACTS_MAX)
        return 0;
    struct sco_artifact_info *a = &l->v[l->n++];
    *a = (struct sco_artifact_info){.name = store_keep(&l->arena, &v[0]),
                                    .media_type = store_keep(&l->arena, &v[1]),
                                    .size = (uint64_t)v[2].i,
                                    .created_at = v[3].i};
    return a->name && a->media_type ? 0 : SCO_E_NOMEM;
}

int sco_store_artifact_list(struct sco_store *s, const char *of, struct sco_artifact_list *ret,
                            struct sco_error *err)
{
    uint8_t id[16];
    struct sco_artifact_list l = {0};
    int r = execution_uuid(of, id, err);
    if (r < 0)
        return r;
    struct store_value v = sv_bytes(STORE_UUID, id, sizeof id);
    l.v = sco_arena_alloc(&l.arena, ARTIFACTS_MAX * sizeof *l.v);
    r = l.v ? store_query(s,
                          "SELECT name, media_type, size, created_at FROM scan_artifacts WHERE "
                          "scan_id = $1 AND part = 0 ORDER BY name",
                          &v, 1, on_artifact, &l, err)
            : SCO_E_NOMEM;
    if (r < 0)
        sco_artifact_list_done(&l);
    else
        *ret = l;
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

int sco_store_artifacts_drop(struct sco_store *s, const char *of, const char *prefix,
                             struct sco_error *err)
{
    uint8_t id[16];
    int r = execution_uuid(of, id, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_bytes(STORE_UUID, id, sizeof id), sv_i64((int64_t)strlen(prefix)),
                              sv_text(prefix)};
    return store_exec(s,
                      "DELETE FROM scan_artifacts WHERE scan_id = $1 AND substr(name, 1, "
                      "CAST($2 AS INTEGER)) = $3",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}
