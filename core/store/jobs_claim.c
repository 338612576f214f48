/* What nodes do with jobs: claim and renew; jobs_end.c has the rest. Limits are counted over what
 * runs, not kept in counters that a crash would leave wrong; so claims wait for each other, by the
 * row of job_queue. Nobody else waits for them: to end or renew a job writes that job's row only.
 */
#include "jobs_priv.h"

#include <stdlib.h>

enum { LIMITS_MAX = 12 };
/* Each kind of slot has an index of its own: what waits for the other kind costs it nothing. */
static const char *const slot_kinds[] = {"NOT " JOB_SHORT, JOB_SHORT};
/* 500 years a priority: then no waiting counts */
#define AGEING_NEVER ((int64_t)1 << 44)

static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

/* ---- limits of scanners ---- */
struct claiming {
    struct sco_store *s;
    const struct sco_job_claim *c;
    struct sco_job_page *page;
    int64_t ranks[SCO_JOB_CLAIM_MAX];
    uint64_t running[LIMITS_MAX]; /* for each limit */
};

static int on_running(void *user, const struct store_value *v, size_t n)
{
    struct claiming *cl = user;
    (void)n;
    for (size_t i = 0; i < cl->c->n_limits; i++)
        if (job_needs(v[0].s, sco_str_c(cl->c->limits[i].scanner)))
            cl->running[i] += (uint64_t)v[1].i;
    return 0;
}

/* ---- the statement of a claim ---- */
struct claim_sql {
    struct sco_buf b;
    struct store_value v[16 + 2 * LIMITS_MAX];
    size_t n;
    struct sco_arena arena;
};

static void param(struct claim_sql *q, const char *before, struct store_value v, const char *after)
{
    SCO_BUG_ON(q->n >= SCO_ARRAY_LEN(q->v));
    q->v[q->n++] = v;
    sco_buf_addf(&q->b, "%s$%zu%s", before, q->n, after);
}

/* A condition over `scanners`: not LIKE, whose patterns a name could hold. */
static void needs(struct claim_sql *q, const char *scanner)
{
    const char *name = sco_arena_fmt(&q->arena, ",%s,", scanner);
    q->b.failed |= !name;
    param(q, "(scanners = '' OR replace(',' || scanners || ',', ", sv_text(name ? name : ""),
          ", '') <> ',' || scanners || ',')");
}

#define TARGET_BUSY(of)                                                                            \
    "(SELECT count(*) FROM jobs r WHERE r.state = 'running' AND r.target_key = " of ".target_key)"

/* What is told to a platform of one repository has an order, whatever scans may do. */
#define ONE_OF(of) "CASE WHEN " of ".kind = 'ci' THEN 1 ELSE "

/* `chosen` may be fewer than could run, never more: sums go over what is left out as well. The
 * first one always may, so another round finds the rest. */
static void build(struct claim_sql *q, const struct claiming *cl, int slot, int64_t max)
{
    const struct sco_job_claim *c = cl->c;
    int64_t target_max = c->target_max ? c->target_max : 1;
    const struct sco_job_limit *open[LIMITS_MAX];
    uint64_t left[LIMITS_MAX];
    size_t n_open = 0;
    sco_buf_addz(&q->b, "WITH candidate AS MATERIALIZED (SELECT j.pk, j.target_key, j.scanners, "
                        "j.rank FROM jobs j WHERE j.state = 'queued'");
    sco_buf_addf(&q->b, " AND j.kind %s", slot_kinds[slot]);
    param(q, " AND j.not_before <= ", sv_i64(c->now), "");
    param(q, " AND (j.attempt > 0 OR j.deadline = 0 OR j.deadline > ", sv_i64(c->now), ")");
    param(q, " AND (j.only_node IS NULL OR j.only_node = ", sv_text(c->node), ")");
    param(q, " AND " TARGET_BUSY("j") " < " ONE_OF("j"), sv_i64(target_max), " END");
    for (size_t i = 0; i < c->n_limits; i++)
        if (cl->running[i] >= c->limits[i].max) {
            sco_buf_addz(&q->b, " AND NOT ");
            needs(q, c->limits[i].scanner);
        } else {
            left[n_open] = c->limits[i].max - cl->running[i];
            open[n_open++] = &c->limits[i];
        }
    param(q, " ORDER BY j.rank, j.pk LIMIT ", sv_i64(max), cl->s->ops->skip_locked);
    sco_buf_addz(&q->b, "), chosen AS MATERIALIZED (SELECT c.pk, " TARGET_BUSY(
                            "c") " + row_number() "
                                 "OVER (PARTITION BY c.target_key ORDER BY c.rank, c.pk) AS nth");
    for (size_t i = 0; i < n_open; i++) {
        sco_buf_addz(&q->b, ", sum(CASE WHEN ");
        needs(q, open[i]->scanner);
        sco_buf_addf(&q->b, " THEN 1 ELSE 0 END) OVER (ORDER BY c.rank, c.pk) AS nth%zu", i);
    }
    param(q, " FROM candidate c) UPDATE jobs SET state = 'running', attempt = attempt + 1, node = ",
          sv_text(c->node), "");
    param(q, ", lease_until = ", sv_i64(c->now + c->lease_ms), "");
    param(q, ", started_at = ", sv_i64(c->now), "");
    param(q,
          ", reason = NULL FROM chosen WHERE jobs.pk = chosen.pk AND chosen.nth <= " ONE_OF("jobs"),
          sv_i64(target_max), " END");
    for (size_t i = 0; i < n_open; i++) {
        sco_buf_addf(&q->b, " AND chosen.nth%zu <= ", i);
        param(q, "", sv_i64((int64_t)left[i]), "");
    }
    sco_buf_addz(&q->b, " RETURNING " JOB_COLUMNS);
}

/* Rows come in no order. */
static int on_claimed(void *user, const struct store_value *v, size_t n)
{
    struct claiming *cl = user;
    struct sco_job_page *p = cl->page;
    struct sco_stored_job j;
    (void)n;
    int r = job_read(&p->arena, v, &j);
    if (r < 0)
        return r;
    SCO_BUG_ON(p->n >= cl->c->max + cl->c->max_short);
    size_t at = p->n++;
    for (; at && cl->ranks[at - 1] > v[JOB_RANK].i; at--) {
        p->v[at] = p->v[at - 1];
        cl->ranks[at] = cl->ranks[at - 1];
    }
    p->v[at] = j;
    cl->ranks[at] = v[JOB_RANK].i;
    return 0;
}

static int claim_round(struct claiming *cl, int slot, size_t max, struct sco_error *err)
{
    struct claim_sql q = {0};
    int r = 0;
    memset(cl->running, 0, sizeof cl->running);
    if (cl->c->n_limits)
        r = store_query(cl->s,
                        "SELECT scanners, count(*) FROM jobs WHERE state = 'running' GROUP BY "
                        "scanners",
                        NULL, 0, on_running, cl, err);
    build(&q, cl, slot, (int64_t)max);
    if (r == 0)
        r = sco_buf_check(&q.b, err);
    if (r == 0)
        r = store_often(cl->s, sco_buf_z(&q.b), q.v, q.n, on_claimed, cl, err);
    sco_buf_done(&q.b);
    sco_arena_done(&q.arena);
    return r;
}

/* ---- claim ---- */
/* Ranks are kept with the jobs, so that the best are found by an index; they are made anew when the
 * configuration says another ageing. */
static int lock_queue(struct sco_store *s, int64_t ageing, struct sco_error *err)
{
    int64_t was = 0;
    struct store_value v = sv_i64(ageing);
    int r = store_often(s, "UPDATE job_queue SET claims = claims + 1 RETURNING ageing", NULL, 0,
                        take_i64, &was, err);
    if (r < 0 || was == ageing)
        return r;
    r = store_exec(s, "UPDATE job_queue SET ageing = $1", &v, 1, NULL, err);
    if (r == 0)
        r = store_exec(s,
                       "UPDATE jobs SET rank = waiting_since - priority * $1 WHERE state = "
                       "'queued'",
                       &v, 1, NULL, err);
    return r;
}

static int claim_slots(struct claiming *cl, int slot, size_t max, struct sco_error *err)
{
    struct sco_job_page *p = cl->page;
    size_t end = p->n + max, before;
    int r = 0;
    do {
        before = p->n;
        if (before < end)
            r = claim_round(cl, slot, end - before, err);
    } while (r == 0 && p->n > before);
    return r;
}

static int claim(struct claiming *cl, const uint32_t max[2], struct sco_error *err)
{
    const struct sco_job_claim *c = cl->c;
    struct sco_job_page *p = cl->page;
    /* a claim that a crash takes back is a job that waits again; what ends it is written for good,
     * and the log has both in order */
    int r = cl->s->ops->relax && cl->s->depth == 1 ? cl->s->ops->relax(cl->s->db, err) : 0;
    if (r == 0)
        r = lock_queue(cl->s, c->ageing_ms > 0 ? c->ageing_ms : AGEING_NEVER, err);
    for (int slot = 1; slot >= 0 && r == 0; slot--)
        r = claim_slots(cl, slot, max[slot], err);
    for (size_t i = 0; i < p->n && r == 0; i++)
        r = job_event(cl->s, "security.scan.started", NULL, &p->v[i], c->now, err);
    return r;
}

/* Without a lock: an idle queue is asked often, and nothing is to be written then. */
static int any_waiting(struct sco_store *s, int slot, int64_t now, int64_t *ret,
                       struct sco_error *err)
{
#define WAITING(kinds)                                                                             \
    "SELECT count(*) FROM (SELECT pk FROM jobs WHERE state = 'queued' AND kind " kinds             \
    " AND not_before <= $1 LIMIT 1) waiting"
    struct store_value v = sv_i64(now);
    return store_often(s, slot ? WAITING(JOB_SHORT) : WAITING("NOT " JOB_SHORT), &v, 1, take_i64,
                       ret, err);
#undef WAITING
}

static int check_claim(const struct sco_job_claim *c, struct sco_error *err)
{
    if (!c->node || !*c->node || c->lease_ms <= 0)
        return sco_error_set(err, SCO_E_INVALID, "jobs are claimed by a node, for a time");
    if (c->max > SCO_JOB_CLAIM_MAX || c->max_short > SCO_JOB_CLAIM_MAX - c->max)
        return sco_error_set(err, SCO_E_INVALID, "at most %d jobs are claimed at once",
                             SCO_JOB_CLAIM_MAX);
    if (c->n_limits > LIMITS_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "at most %d scanners have a limit", LIMITS_MAX);
    return 0;
}

int sco_store_jobs_claim(struct sco_store *s, const struct sco_job_claim *c,
                         struct sco_job_page *ret, struct sco_error *err)
{
    struct sco_job_page page = {0};
    struct claiming cl = {.s = s, .c = c, .page = &page};
    uint32_t max[] = {c->max, c->max_short};
    int64_t waiting = 0;
    int r = check_claim(c, err);
    for (int slot = 0; slot < 2 && r == 0; slot++) {
        if (max[slot])
            r = any_waiting(s, slot, c->now, &waiting, err);
        max[slot] = waiting ? max[slot] : 0;
        waiting = 0;
    }
    if (r < 0)
        return r;
    if (max[0] || max[1]) {
        page.v = sco_arena_alloc(&page.arena, (max[0] + max[1]) * sizeof *page.v);
        r = page.v ? sco_store_begin(s, err) : sco_error_nomem(err);
        if (r == 0)
            r = sco_store_end(s, claim(&cl, max, err), err);
    }
    if (r < 0)
        sco_job_page_done(&page);
    else
        *ret = page;
    return r;
}

/* ---- renew ---- */
struct renewal {
    bool found, cancel;
};

static int on_renewed(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(struct renewal *)user = (struct renewal){true, v[0].i != 0};
    return 0;
}

static int renew(struct sco_store *s, struct sco_job_renewal *x, int64_t until,
                 struct sco_error *err)
{
    uint8_t id[16];
    struct renewal got = {0};
    int r = job_uuid(x->lease.job_id, id, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_i64(until), sv_bytes(STORE_UUID, id, sizeof id),
                              sv_i64(x->lease.attempt), sv_text(x->lease.node)};
    r = store_often(s,
                    "UPDATE jobs SET lease_until = $1 WHERE id = $2 AND attempt = $3 AND node = $4 "
                    "AND state = 'running' RETURNING cancel",
                    v, SCO_ARRAY_LEN(v), on_renewed, &got, err);
    if (r == 0) {
        x->lost = !got.found;
        x->cancel = got.cancel;
    }
    return r;
}

/* In the order of ids: two that renew the same ones, after a node was thought dead, must not wait
 * for each other in a circle. */
static int compare_ids(const void *a, const void *b)
{
    const struct sco_job_renewal *const *x = a, *const *y = b;
    return strcmp((*x)->lease.job_id, (*y)->lease.job_id);
}

int sco_store_jobs_renew(struct sco_store *s, struct sco_job_renewal *v, size_t n, int64_t until,
                         struct sco_error *err)
{
    if (!n)
        return 0;
    SCO_AUTO(sco_free) struct sco_job_renewal **order = sco_alloc(n, sizeof *order);
    if (!order)
        return sco_error_nomem(err);
    for (size_t i = 0; i < n; i++)
        order[i] = &v[i];
    qsort(order, n, sizeof *order, compare_ids);
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = renew(s, order[i], until, err);
    return sco_store_end(s, r, err);
}
