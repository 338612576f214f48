/* Once an hour: what was accepted until a time, expired tokens and the like. Once a day: retention,
 * in small transactions on a thread of the pool, so that neither the clockwork nor requests wait.
 * Several nodes may do it at once; each takes what the others left. */
#include "daemon_priv.h"

#include <event2/event.h>
#include <secureops/checkout.h>
#include <secureops/crypto.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

enum { HOUR_MS = 3600000, FIRST_MS = 60000, SPREAD_MS = 600000 };
#define DAY_MS (24 * (int64_t)HOUR_MS)

struct care {
    struct daemon *d;
    struct event *timer;
    int64_t last_daily; /* monotonic; 0: not yet */
    /* one piece of work: */
    bool busy, daily;
    struct snapshot *snapshot;
    int64_t now;
};

static const struct sco_metric removed = {.name = "secureops_retention_removed_total",
                                          .help = "Rows that went because of their age.",
                                          .kind = SCO_COUNTER,
                                          .labels = {"what"}};

static void done(struct daemon *d, const char *what, int r, uint64_t n, const struct sco_error *err)
{
    if (n)
        sco_metric_add(d->metrics, &removed, (double)n, what);
    if (r < 0)
        sco_log_warning("care of %s failed, it is tried again with the next: %s", what, err->text);
    else if (n)
        sco_log_info("care: %llu of %s", (unsigned long long)n, what);
}

static void hourly(struct daemon *d, const struct sco_config *f, struct sco_store *s, int64_t now)
{
    uint64_t n = 0;
    struct sco_error err = {0};
    int r = sco_store_expire(s, now, &n, &err);
    done(d, "findings whose acceptance has ended", r, n, &err);
    n = 0;
    r = sco_store_throttle_expire(s, now - DAY_MS, &n, &err);
    done(d, "old login failures", r, n, &err);
    n = 0;
    r = sco_store_replies_expire(s, now - DAY_MS, &n, &err);
    done(d, "idempotency keys", r, n, &err);
    n = 0;
    r = spool_care(d->paths.spool, s, now, &n, &err);
    done(d, "uploaded reports", r, n, &err);
    daemon_rotate(d, s); /* the store may have been away at the start */
    r = sco_checkout_trim(d->paths.mirrors, (uint64_t)f->checkout.cache_limit, &err);
    done(d, "mirrors", r, 0, &err);
}

static int daily(struct daemon *d, const struct sco_config *f, struct sco_store *s, int64_t now)
{
    const struct sco_config_retention *k = &f->retention;
    const char *cursors[3] = {0};
    size_t n = 0;
    struct sco_error err = {0};
    if (f->events.brokers.n)
        cursors[n++] = SCO_BUS_CURSOR_KAFKA;
    if (f->events.jsonl.n)
        cursors[n++] = SCO_BUS_CURSOR_JSONL;
    struct sco_store_keep q = {.now = now,
                               .keep_ms = {[SCO_KEEP_AUDIT] = k->audit,
                                           [SCO_KEEP_EXECUTIONS] = k->executions,
                                           [SCO_KEEP_SCANS] = k->scans,
                                           [SCO_KEEP_ARTIFACTS] = k->artifacts,
                                           [SCO_KEEP_RESOLVED] = k->resolved,
                                           [SCO_KEEP_ALERTS] = k->alerts,
                                           [SCO_KEEP_DELIVERIES] = k->deliveries,
                                           [SCO_KEEP_ACTIVITY] = k->activity,
                                           [SCO_KEEP_EVENTS] = k->events},
                               .cursors = cursors};
    int r = sco_store_retain_all(s, &q, &err);
    for (int i = 0; i < SCO_KEEP_MAX_; i++)
        done(d, sco_keep_name((enum sco_keep)i), 0, q.removed[i], NULL);
    if (r < 0)
        done(d, "retention", r, 0, &err);
    return r;
}

int care_perform(struct daemon *d, const struct sco_config *f, struct sco_store *s, int64_t now,
                 bool all)
{
    hourly(d, f, s, now);
    return all ? daily(d, f, s, now) : 0;
}

static void work(void *state, void *user)
{
    struct care *c = user;
    struct sco_store *s = stores_get(state);
    if (!s) {
        c->daily = false; /* the next hour looks again */
        return;
    }
    if (care_perform(c->d, c->snapshot->config, s, c->now, c->daily) < 0)
        c->daily = false;
}

static void arm(struct care *c, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(c->timer, &tv);
}

static void finished(void *user)
{
    struct care *c = user;
    c->busy = false;
    c->snapshot = snapshot_unref(c->snapshot);
    if (c->daily)
        c->last_daily = sco_mono_ms();
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct care *c = user;
    (void)fd;
    (void)what;
    arm(c, HOUR_MS);
    if (c->busy)
        return;
    c->now = sco_now_ms();
    c->daily = !c->last_daily || sco_mono_ms() - c->last_daily >= DAY_MS - HOUR_MS / 2;
    c->snapshot = daemon_snapshot(c->d);
    c->busy = true;
    if (sco_threads_run(c->d->pool, work, finished, c, NULL) < 0) {
        c->daily = false;
        finished(c);
    }
}

int care_new(struct daemon *d, struct care **ret, struct sco_error *err)
{
    uint16_t spread = 0;
    struct care *c = sco_alloc(1, sizeof *c);
    if (!c)
        return sco_error_nomem(err);
    c->d = d;
    c->timer = evtimer_new(d->base, on_timer, c);
    if (!c->timer) {
        free(c);
        return sco_error_nomem(err);
    }
    if (sco_random(&spread, sizeof spread) < 0)
        spread = 0;
    arm(c, FIRST_MS + spread * (int64_t)SPREAD_MS / UINT16_MAX);
    *ret = c;
    return 0;
}

struct care *care_free(struct care *c)
{
    if (!c)
        return NULL;
    event_free(c->timer);
    snapshot_unref(c->snapshot);
    free(c);
    return NULL;
}
