/* How jobs end, and what becomes of those whose node died. A job that is given up is told in the
 * same transaction: alerts_raise.c. */
#include "jobs_priv.h"

#include <stdlib.h>

static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

/* ---- end ---- */
#define LAST_ATTEMPT "attempt - uncounted >= max_attempts"
#define OF_LEASE                                                                                   \
    " WHERE id = $4 AND attempt = $5 AND node = $6 AND state = 'running' RETURNING state"

static const char *const end_sql[] = {
    [SCO_JOB_END_COMPLETED] = "UPDATE jobs SET state = 'completed', reason = $1, scan_id = $2, "
                              "completed_at = $3, lease_until = 0" OF_LEASE,
    [SCO_JOB_END_FAILED] = "UPDATE jobs SET state = 'failed', reason = $1, scan_id = $2, "
                           "completed_at = $3, lease_until = 0" OF_LEASE,
    [SCO_JOB_END_CANCELLED] = "UPDATE jobs SET state = 'cancelled', reason = COALESCE($1, reason), "
                              "scan_id = $2, completed_at = $3, lease_until = 0" OF_LEASE,
    [SCO_JOB_END_RETRY] =
        "UPDATE jobs SET state = CASE WHEN cancel THEN 'cancelled' WHEN " LAST_ATTEMPT
        " THEN 'dead' ELSE 'queued' END, reason = $1, not_before = $2, completed_at = CASE WHEN "
        "cancel OR " LAST_ATTEMPT " THEN $3 ELSE 0 END, lease_until = 0" OF_LEASE,
    [SCO_JOB_END_RELEASED] =
        "UPDATE jobs SET state = CASE WHEN cancel THEN 'cancelled' ELSE 'queued' END, reason = $1, "
        "not_before = $2, completed_at = CASE WHEN cancel THEN $3 ELSE 0 END, uncounted = "
        "uncounted + 1, lease_until = 0" OF_LEASE,
};

static int take_state(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(enum sco_job_state *)user = job_state(v[0].s);
    return 0;
}

struct given_up {
    struct sco_arena arena;
    const char *target_key;
};

static int take_target(void *user, const struct store_value *v, size_t n)
{
    struct given_up *g = user;
    (void)n;
    g->target_key = store_keep(&g->arena, &v[0]);
    return g->target_key ? 0 : SCO_E_NOMEM;
}

static int tell_given_up(struct sco_store *s, const struct sco_job_end *e,
                         const struct store_value *id, struct sco_error *err)
{
    struct given_up g = {0};
    int r =
        store_query(s, "SELECT target_key FROM jobs WHERE id = $1", id, 1, take_target, &g, err);
    struct dead_job j = {e->lease.job_id, g.target_key, e->reason};
    if (r == 0)
        r = alert_dead_job(s, &j, e->now, err);
    sco_arena_done(&g.arena);
    return r;
}

static int lease_lost(const struct sco_job_lease *l, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_CANCELLED,
                         "job %s no longer belongs to attempt %u of node %s: its lease is lost",
                         l->job_id, l->attempt, l->node);
}

/* Written, not read: nobody takes the job away before the end of our transaction. */
int sco_store_job_hold(struct sco_store *s, const struct sco_job_lease *l, struct sco_error *err)
{
    uint8_t id[16];
    int64_t n = 0;
    int r = job_uuid(l->job_id, id, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_bytes(STORE_UUID, id, sizeof id), sv_i64(l->attempt),
                              sv_text(l->node)};
    r = store_exec(s,
                   "UPDATE jobs SET lease_until = lease_until WHERE id = $1 AND attempt = $2 AND "
                   "node = $3 AND state = 'running'",
                   v, SCO_ARRAY_LEN(v), &n, err);
    return r == 0 && !n ? lease_lost(l, err) : r;
}

static int end_one(struct sco_store *s, const struct sco_job_end *e, struct store_value v[6],
                   enum sco_job_state *ret_state, struct sco_error *err)
{
    enum sco_job_state state = SCO_JOB_STATE_MAX_;
    int r = store_often(s, end_sql[e->outcome], v, 6, take_state, &state, err);
    if (r == 0 && state == SCO_JOB_STATE_MAX_)
        r = lease_lost(&e->lease, err);
    if (r == 0 && state == SCO_JOB_DEAD)
        r = tell_given_up(s, e, &v[3], err);
    if (r == 0)
        *ret_state = state;
    return r;
}

int sco_store_job_end(struct sco_store *s, const struct sco_job_end *e,
                      enum sco_job_state *ret_state, struct sco_error *err)
{
    uint8_t id[16], scan[16];
    enum sco_job_state state = SCO_JOB_QUEUED;
    struct store_value second = {0};
    int r = job_uuid(e->lease.job_id, id, err);
    if (r < 0)
        return r;
    if (e->outcome == SCO_JOB_END_RETRY || e->outcome == SCO_JOB_END_RELEASED)
        second = sv_i64(e->retry_at);
    else if (e->scan_id && store_uuid_parse(sco_str_c(e->scan_id), scan))
        second = sv_bytes(STORE_UUID, scan, sizeof scan);
    struct store_value v[] = {sv_text(e->reason),       second,
                              sv_i64(e->now),           sv_bytes(STORE_UUID, id, sizeof id),
                              sv_i64(e->lease.attempt), sv_text(e->lease.node)};
    if (e->outcome != SCO_JOB_END_RETRY) /* one statement: most of them, and many */
        return end_one(s, e, v, ret_state, err);
    r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, end_one(s, e, v, &state, err), err);
    if (r == 0)
        *ret_state = state;
    return r;
}

/* ---- reap, recover ---- */
struct lost {
    int64_t n;
    struct dead_job *dead;
    size_t n_dead, cap_dead;
    struct sco_arena arena;
};

static int on_lost(void *user, const struct store_value *v, size_t n)
{
    struct lost *l = user;
    (void)n;
    l->n++;
    if (job_state(v[0].s) != SCO_JOB_DEAD)
        return 0;
    if (SCO_VEC_PUSH(l->dead, l->n_dead, l->cap_dead) < 0)
        return SCO_E_NOMEM;
    struct dead_job *j = &l->dead[l->n_dead++];
    *j = (struct dead_job){store_uuid_text(&l->arena, &v[1]), store_keep(&l->arena, &v[2]),
                           store_keep(&l->arena, &v[3])};
    return j->id && j->target_key ? 0 : SCO_E_NOMEM;
}

#define GIVE_BACK                                                                                  \
    "UPDATE jobs SET state = CASE WHEN cancel THEN 'cancelled' WHEN " LAST_ATTEMPT                 \
    " THEN 'dead' ELSE 'queued' END, "
#define GIVEN_BACK                                                                                 \
    "completed_at = CASE WHEN cancel OR " LAST_ATTEMPT " THEN $3 ELSE 0 END, lease_until = 0"
#define RETURNING_LOST " RETURNING jobs.state, jobs.id, jobs.target_key, jobs.reason"

static int give_back(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                     int64_t now, int64_t *ret, struct sco_error *err)
{
    struct lost l = {0};
    int r = store_query(s, sql, v, n, on_lost, &l, err);
    for (size_t i = 0; r == 0 && i < l.n_dead; i++)
        r = alert_dead_job(s, &l.dead[i], now, err);
    if (r == 0)
        *ret = l.n;
    free(l.dead);
    sco_arena_done(&l.arena);
    return r;
}

static int reap_lost(struct sco_store *s, int64_t now, int64_t backoff_ms, int64_t *ret,
                     struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct store_value v[] = {sv_i64(now), sv_i64(now + backoff_ms), sv_i64(now)};
    sco_buf_addf(&b,
                 "WITH lost AS MATERIALIZED (SELECT j.pk FROM jobs j WHERE j.state = 'running' AND "
                 "j.lease_until < $1%s) " GIVE_BACK "reason = 'node ' || node || ' went away: its "
                 "lease ran out', not_before = $2, " GIVEN_BACK
                 " FROM lost WHERE jobs.pk = lost.pk" RETURNING_LOST,
                 s->ops->skip_locked);
    int r = sco_buf_check(&b, err);
    return r < 0 ? r : give_back(s, sco_buf_z(&b), v, SCO_ARRAY_LEN(v), now, ret, err);
}

static int reap_late(struct sco_store *s, int64_t now, int64_t *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct store_value v[] = {sv_i64(now), sv_i64(now)};
    sco_buf_addf(&b,
                 "WITH late AS MATERIALIZED (SELECT j.pk FROM jobs j WHERE j.state = 'queued' AND "
                 "j.attempt = 0 AND j.deadline > 0 AND j.deadline <= $1%s) UPDATE jobs SET state = "
                 "'cancelled', reason = 'not begun before its deadline', completed_at = $2 FROM "
                 "late WHERE jobs.pk = late.pk",
                 s->ops->skip_locked);
    int r = sco_buf_check(&b, err);
    return r < 0 ? r : store_exec(s, sco_buf_z(&b), v, SCO_ARRAY_LEN(v), ret, err);
}

int sco_store_jobs_abandon(struct sco_store *s, const char *node, int64_t now, int64_t wait_ms,
                           uint64_t *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    int64_t n = 0;
    struct store_value v[] = {sv_text(node), sv_i64(now - wait_ms), sv_i64(now - wait_ms),
                              sv_i64(now)};
    sco_buf_addf(&b,
                 "WITH stale AS MATERIALIZED (SELECT j.pk FROM jobs j WHERE j.state = 'queued' AND "
                 "j.only_node <> $1 AND j.waiting_since < $2 AND j.not_before < $3%s) UPDATE "
                 "jobs SET state = 'dead', reason = 'only node ' || only_node || ' has its files, "
                 "and has not taken it for too long (queue.node_wait)', completed_at = $4 FROM "
                 "stale WHERE jobs.pk = stale.pk" RETURNING_LOST,
                 s->ops->skip_locked);
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = give_back(s, sco_buf_z(&b), v, SCO_ARRAY_LEN(v), now, &n, err);
    r = sco_store_end(s, r, err);
    if (r == 0)
        *ret = (uint64_t)n;
    return r;
}

int sco_store_jobs_bound(struct sco_store *s, int64_t now, int64_t pause_ms, int64_t lease_ms,
                         uint64_t *ret, struct sco_error *err)
{
    int64_t paused = 0, leased = 0;
    struct store_value pause[] = {sv_i64(now), sv_i64(now + pause_ms)};
    struct store_value lease[] = {sv_i64(now + lease_ms), sv_i64(now + lease_ms)};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = store_exec(s,
                   "UPDATE jobs SET not_before = $1 WHERE state = 'queued' AND attempt > 0 AND "
                   "not_before > $2",
                   pause, 2, &paused, err);
    if (r == 0)
        r = store_exec(s,
                       "UPDATE jobs SET lease_until = $1 WHERE state = 'running' AND lease_until > "
                       "$2",
                       lease, 2, &leased, err);
    r = sco_store_end(s, r, err);
    if (r == 0)
        *ret = (uint64_t)(paused + leased);
    return r;
}

int sco_store_jobs_reap(struct sco_store *s, int64_t now, int64_t backoff_ms, uint64_t *ret,
                        struct sco_error *err)
{
    int64_t due = 0, lost = 0, late = 0;
    struct store_value v[] = {sv_i64(now), sv_i64(now)};
    int r = store_query(s,
                        "SELECT (SELECT count(*) FROM jobs WHERE state = 'running' AND lease_until "
                        "< $1) + (SELECT count(*) FROM jobs WHERE state = 'queued' AND deadline > "
                        "0 AND deadline <= $2 AND attempt = 0)",
                        v, SCO_ARRAY_LEN(v), take_i64, &due, err);
    if (r < 0)
        return r;
    if (due) {
        r = sco_store_begin(s, err);
        if (r < 0)
            return r;
        r = reap_lost(s, now, backoff_ms, &lost, err);
        if (r == 0)
            r = reap_late(s, now, &late, err);
        r = sco_store_end(s, r, err);
    }
    if (r == 0)
        *ret = (uint64_t)(lost + late);
    return r;
}

int sco_store_jobs_recover(struct sco_store *s, const char *node, int64_t now, uint64_t *ret,
                           struct sco_error *err)
{
    static const char sql[] =
        "WITH lost AS MATERIALIZED (SELECT j.pk FROM jobs j WHERE j.state = 'running' AND j.node = "
        "$1) " GIVE_BACK
        "reason = 'node ' || node || ' was started again', not_before = $2, " GIVEN_BACK
        /* a runner of before may just be storing its job: PostgreSQL looks at the row again */
        " FROM lost WHERE jobs.pk = lost.pk AND jobs.state = 'running'" RETURNING_LOST;
    struct store_value v[] = {sv_text(node), sv_i64(now), sv_i64(now)};
    int64_t n = 0;
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, give_back(s, sql, v, SCO_ARRAY_LEN(v), now, &n, err), err);
    if (r == 0)
        *ret = (uint64_t)n;
    return r;
}
