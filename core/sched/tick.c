/* Which ticks of a schedule are due, which were missed, and what its catch-up says of those. Pure:
 * a schedule and a time in, ticks out.
 *
 * A tick that is at most SCHED_LATE_MS late is in time. The others were missed: nobody ran, or the
 * store was away. However long that was, the work here and the jobs that follow are bounded: years
 * of ticks every second are SCHED_TICKS_MAX of them. */
#include "sched_priv.h"

struct ticker {
    const struct sco_stored_schedule *v;
    struct sco_cron cron;
    struct sco_zone *zone;
};

/* The same on every node, other ones for each tick. */
int64_t tick_jitter(const struct sco_stored_schedule *v, int64_t tick)
{
    if (v->jitter_ms <= 0)
        return 0;
    uint64_t h = sco_hash(v->id, strlen(v->id), (uint64_t)tick);
    return (int64_t)(h % ((uint64_t)v->jitter_ms + 1));
}

static int ticker_init(struct ticker *t, const struct sco_stored_schedule *v, struct sco_error *err)
{
    *t = (struct ticker){.v = v};
    if (v->cron) {
        int r = sco_cron_parse(sco_str_c(v->cron), &t->cron, err);
        if (r < 0)
            return r;
    } else if (v->interval_ms <= 0) {
        return sco_error_set(err, SCO_E_INVALID, "neither a cron expression nor an interval");
    }
    return sco_zone_load(sco_str_c(v->time_zone && *v->time_zone ? v->time_zone : "UTC"), &t->zone,
                         err);
}

/* The first tick after `after`, which is not before the one that is due; 0: none. */
static int64_t next_after(const struct ticker *t, int64_t after)
{
    if (t->v->cron)
        return sco_cron_next(&t->cron, t->zone, after);
    int64_t from = t->v->next_at, step = t->v->interval_ms;
    return after < from ? from : from + ((after - from) / step + 1) * step;
}

/* Room for the newest ones: a ring, put in order at the end. */
static void push(struct tick_plan *p, uint64_t *count, int64_t tick)
{
    p->ticks[(*count)++ % SCHED_TICKS_MAX] = tick;
}

static void reverse(int64_t *v, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        int64_t x = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = x;
    }
}

static void unroll(struct tick_plan *p, uint64_t count)
{
    if (count <= SCHED_TICKS_MAX) {
        p->n = (size_t)count;
        return;
    }
    size_t at = (size_t)(count % SCHED_TICKS_MAX); /* rotated left by `at`: three reversals */
    p->n = SCHED_TICKS_MAX;
    reverse(p->ticks, at);
    reverse(p->ticks + at, p->n - at);
    reverse(p->ticks, p->n);
}

/* The newest ticks up to `now`. Looked for further and further back, so that a long absence does
 * not cost a walk over all of it. */
static void collect(const struct ticker *t, int64_t now, struct tick_plan *p)
{
    static const int64_t backs[] = {60000,           3600000,          86400000,
                                    31 * 86400000LL, 366 * 86400000LL, INT64_MAX};
    int64_t first = t->v->next_at;
    for (size_t i = 0; i < SCO_ARRAY_LEN(backs); i++) {
        bool whole = backs[i] >= now - first;
        uint64_t n = 0;
        if (whole)
            push(p, &n, first);
        for (int64_t k = next_after(t, whole ? first : now - backs[i]); k && k <= now;
             k = next_after(t, k))
            push(p, &n, k);
        if (whole || n >= SCHED_TICKS_MAX) {
            unroll(p, n);
            p->dropped = n - p->n; /* those before it are not counted: nobody needs the number */
            return;
        }
    }
}

static void drop_until(struct tick_plan *p, size_t n)
{
    memmove(p->ticks, p->ticks + n, (p->n - n) * sizeof *p->ticks);
    p->n -= n;
    p->dropped += n;
}

/* After a jump of the clock the ticks of the time that never was are one at the most. */
static void apply_catch_up(const struct sco_stored_schedule *v, int64_t now, bool jumped,
                           struct tick_plan *p)
{
    size_t missed = 0;
    enum sco_catch_up how =
        jumped && v->catch_up == SCO_CATCH_UP_ALL ? SCO_CATCH_UP_ONE : v->catch_up;
    while (missed < p->n &&
           now - p->ticks[missed] - tick_jitter(v, p->ticks[missed]) > SCHED_LATE_MS)
        missed++;
    if (how == SCO_CATCH_UP_SKIP)
        drop_until(p, missed);
    else if (how == SCO_CATCH_UP_ONE && missed)
        drop_until(p, missed < p->n ? missed : missed - 1);
}

static void apply_windows(const struct ticker *t, struct tick_plan *p)
{
    size_t n = 0;
    struct sco_str windows = sco_str_c(t->v->windows ? t->v->windows : "");
    for (size_t i = 0; windows.n && i < p->n; i++) {
        if (sco_windows_contain(windows, t->zone, p->ticks[i]))
            p->ticks[n++] = p->ticks[i];
        else
            p->dropped++;
    }
    if (windows.n)
        p->n = n;
}

int tick_plan(const struct sco_stored_schedule *v, int64_t now, bool jumped, struct tick_plan *ret,
              struct sco_error *err)
{
    struct ticker t;
    struct tick_plan p = {.next = v->next_at, .wait = true};
    if (!v->next_at || v->next_at > now) {
        *ret = p;
        return 0;
    }
    int r = ticker_init(&t, v, err);
    if (r < 0)
        return r;
    collect(&t, now, &p);
    p.next = next_after(&t, p.ticks[p.n - 1]);
    for (size_t i = 0; i < p.n; i++)
        if (now < p.ticks[i] + tick_jitter(v, p.ticks[i])) {
            p.next = p.ticks[i]; /* and all after it: ticks stay in order */
            p.n = i;
            break;
        }
    p.wait = p.n == 0 && p.dropped == 0;
    apply_catch_up(v, now, jumped, &p);
    apply_windows(&t, &p);
    sco_zone_free(t.zone);
    *ret = p;
    return 0;
}
