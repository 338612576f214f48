/* Once a minute, and when the clock was set: what would wait for ever. Jobs whose files one node
 * alone has, and that it does not take; times that a clock ahead of the real one has written.
 * Ticks, pauses and leases lie within bounds that follow from now; what lies beyond them is put
 * there. */
#include "sched_priv.h"

#include <secureops/schedule.h>

#define SCO_LOG_MODULE "sched"
#include <secureops/log.h>

enum { LEASE_MAX_MS = 60 * 60 * 1000, PAUSE_MAX_MS = 24 * 60 * 60 * 1000, PAGE = 200 };

static int abandon(struct poll *p, struct sco_store *s)
{
    uint64_t n = 0;
    if (p->o->node_wait_ms <= 0 || !p->abandon)
        return 0;
    int r = sco_store_jobs_abandon(s, p->o->node, p->now, p->o->node_wait_ms, &n, &p->err);
    if (r == 0 && n)
        sco_log_warning("%llu jobs waited too long for the one node that has their files "
                        "(queue.node_wait): they are given up",
                        (unsigned long long)n);
    return r;
}

static int bound_jobs(struct poll *p, struct sco_store *s)
{
    uint64_t n = 0;
    int64_t pause = 2 * p->o->backoff_max_ms;
    int r = sco_store_jobs_bound(s, p->now, pause > PAUSE_MAX_MS ? pause : PAUSE_MAX_MS,
                                 LEASE_MAX_MS, &n, &p->err);
    if (r == 0 && n)
        sco_log_warning("the clock was ahead: %llu jobs had times too far from now, and have "
                        "others",
                        (unsigned long long)n);
    return r;
}

/* A tick that is due next comes no later than the first one after now. */
static int bound_schedule(struct poll *p, struct sco_store *s, const struct sco_stored_schedule *v)
{
    char was[SCO_TIME_LEN], is[SCO_TIME_LEN];
    const char *member;
    int64_t next = 0;
    bool first = false;
    /* nodes' clocks differ by a little; what cannot be computed is told when it is to fire */
    if (!v->enabled || v->next_at <= p->now + SCHED_LATE_MS ||
        sco_schedule_check(v, p->now + SCHED_JUMP_MS, &next, &member, NULL) < 0 || !next ||
        v->next_at <= next)
        return 0;
    int r = sco_store_schedule_fire(s, v->id, v->next_at, next, NULL, 0, p->now, &first, &p->err);
    if (r < 0 || !first)
        return r;
    sco_time_format(v->next_at, was);
    sco_time_format(next, is);
    sco_log_write(SCO_LOG_WARNING, SCO_LOG_MODULE, (const char *const[]){"schedule", v->name, NULL},
                  "the clock was ahead: the next tick is at %s, no longer at %s", is, was);
    return 0;
}

static int bound_schedules(struct poll *p, struct sco_store *s)
{
    SCO_AUTO(sco_buf) struct sco_buf cursor = {0};
    bool more = true;
    int r = 0;
    while (r == 0 && more) {
        struct sco_schedule_page page = {0};
        r = sco_store_schedules(s, cursor.n ? sco_buf_z(&cursor) : NULL, PAGE, &page, &p->err);
        for (size_t i = 0; r == 0 && i < page.n; i++)
            r = bound_schedule(p, s, &page.v[i]);
        sco_buf_clear(&cursor);
        more = r == 0 && page.cursor;
        if (more)
            sco_buf_addz(&cursor, page.cursor);
        sco_schedule_page_done(&page);
        if (r == 0)
            r = sco_buf_check(&cursor, &p->err);
    }
    return r;
}

int poll_care(struct poll *p, struct sco_store *s)
{
    int r = bound_jobs(p, s);
    if (r == 0)
        r = bound_schedules(p, s);
    return r == 0 ? abandon(p, s) : r;
}
