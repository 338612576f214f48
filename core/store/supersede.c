/* Scans that a newer webhook made needless. */
#include "store_priv.h"

#include <secureops/store_ci.h>

struct waited {
    int64_t since;
    uint64_t n;
};

static int on_replaced(void *user, const struct store_value *v, size_t n)
{
    struct waited *w = user;
    (void)n;
    if (!w->n++ || v[0].i < w->since)
        w->since = v[0].i;
    return 0;
}

static int replace(struct sco_store *s, const char *job_id, const struct store_value *id,
                   const char *target_key, const char *revision, int64_t now, struct waited *w,
                   struct sco_error *err)
{
    char reason[64];
    snprintf(reason, sizeof reason, "replaced by %.36s", job_id);
    struct store_value v[] = {sv_text(reason), sv_i64(now), sv_text(target_key), sv_text(revision),
                              *id};
    int r = store_query(s,
                        "UPDATE jobs SET state = 'replaced', reason = $1, completed_at = $2 WHERE "
                        "state = 'queued' AND target_key = $3 AND revision = $4 "
                        "AND kind = 'scan' AND origin = 'webhook' AND id <> $5 RETURNING "
                        "waiting_since",
                        v, SCO_ARRAY_LEN(v), on_replaced, w, err);
    if (r < 0 || !w->n)
        return r;
    struct store_value to[] = {sv_i64(w->since), sv_i64(w->since), *id};
    return store_exec(s,
                      "UPDATE jobs SET waiting_since = $1, rank = $2 - priority * (SELECT ageing "
                      "FROM job_queue) WHERE id = $3",
                      to, SCO_ARRAY_LEN(to), NULL, err);
}

int sco_store_scans_supersede(struct sco_store *s, const char *job_id, const char *target_key,
                              const char *revision, bool running, int64_t now, uint64_t *ret,
                              struct sco_error *err)
{
    uint8_t raw[16];
    struct waited w = {0};
    int64_t n = 0;
    if (!store_uuid_parse(sco_str_c(job_id), raw))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no job %s", job_id);
    struct store_value id = sv_bytes(STORE_UUID, raw, sizeof raw);
    int r = replace(s, job_id, &id, target_key, revision, now, &w, err);
    struct store_value v[] = {sv_bool(true), sv_text(target_key), sv_text(revision), id};
    if (r == 0 && running)
        r = store_exec(s,
                       "UPDATE jobs SET cancel = $1 WHERE state = 'running' AND target_key = $2 "
                       "AND revision = $3 AND kind = 'scan' AND origin = 'webhook' AND id <> $4",
                       v, SCO_ARRAY_LEN(v), &n, err);
    if (r == 0)
        *ret = w.n + (uint64_t)n;
    return r;
}
