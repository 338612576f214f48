/* A publisher: one thread, one cursor, one sink. It holds the cursor for LEASE_MS at a time; when
 * it cannot hold it any longer it gives up what waits in the sink, so that whoever reads on from
 * the cursor is alone. After any failure of the sink everything after the cursor is put again: at
 * least once, in order. */
#include "bus_priv.h"

#define SCO_LOG_MODULE "bus"
#include <secureops/log.h>

enum {
    LEASE_MS = 30000,
    RENEW_MS = 10000,
    IDLE_MS = 1000,  /* until the store is asked for what other nodes wrote */
    RETRY_MS = 1000, /* after a failure */
    SAVE_MS = 200,
    LAG_MS = 5000,
    POLL_MS = 20,
    SEQUENCE = 5000,
    PAGE = 5000,
};

static const struct sco_metric published = {
    .name = "secureops_events_published_total",
    .help = "Events that a reader outside has acknowledged.",
    .kind = SCO_COUNTER,
    .labels = {"reader"},
};
static const struct sco_metric failures = {
    .name = "secureops_events_failures_total",
    .help = "Times that publishing failed and began anew from the cursor.",
    .kind = SCO_COUNTER,
    .labels = {"reader"},
};
static const struct sco_metric lag_metric = {
    .name = "secureops_outbox_lag_events",
    .help = "Events that the reader has not acknowledged.",
    .kind = SCO_GAUGE,
    .labels = {"reader"},
};
static const struct sco_metric age_metric = {
    .name = "secureops_outbox_lag_seconds",
    .help = "Age of the oldest event that the reader has not acknowledged.",
    .kind = SCO_GAUGE,
    .labels = {"reader"},
};

/* Everything after the cursor is to be put again. */
static void sink_close(struct bus_thread *t)
{
    if (t->open)
        t->sink->ops->close(t->sink);
    t->open = false;
    t->waiting = 0;
}

static int save(struct bus_thread *t, struct sco_error *err)
{
    if (t->acked == t->saved)
        return 0;
    int r = sco_store_cursor_set(t->store, t->sink->name, t->owner, t->acked, err);
    if (r == 0) {
        sco_metric_add(t->bus->o.metrics, &published, (double)(t->acked - t->saved), t->sink->name);
        t->saved = t->acked;
    }
    return r;
}

/* The cursor is ours for some time to come. SCO_E_CANCELLED: somebody else has it. */
static int hold(struct bus_thread *t, struct sco_error *err)
{
    int64_t now = sco_mono_ms(), wall = sco_now_ms(), position = 0;
    bool had = t->held_until > now;
    if (had && now < t->renew_at)
        return 0;
    int r = sco_store_now(t->store, wall, &wall, err);
    if (r == 0 && !t->forgotten) { /* a node is one process: what held it before us has ended */
        char node[sizeof t->owner];
        snprintf(node, sizeof node, "%.*s ", (int)strcspn(t->owner, " "), t->owner);
        r = sco_store_cursor_forget(t->store, t->sink->name, node, err);
        t->forgotten = r == 0;
    }
    if (r == 0)
        r = sco_store_cursor_take(t->store, t->sink->name, t->owner, wall, wall + LEASE_MS,
                                  &position, err);
    if (r < 0)
        return r;
    t->held_until = now + LEASE_MS;
    t->renew_at = now + RENEW_MS;
    if (!had) { /* where somebody else, or we in another life, have come to */
        sink_close(t);
        t->acked = t->saved = position;
    }
    return 0;
}

static int sink_open(struct bus_thread *t, struct sco_error *err)
{
    if (t->open)
        return 0;
    t->read = t->acked;
    int r = t->sink->ops->open(t->sink, t->acked, err);
    t->open = r == 0;
    return r;
}

/* ---- from the feed into the sink ---- */
struct putting {
    struct bus_thread *t;
    struct sco_error *err;
};

static int put(void *user, const struct sco_event *stored)
{
    struct bus_thread *t = ((struct putting *)user)->t;
    struct sco_error *err = ((struct putting *)user)->err;
    struct sco_event e = *stored;
    if (e.position == t->sink->omit)
        e.data = "{\"omitted\":\"too large\"}";
    sco_buf_clear(&t->text);
    sco_event_write(&t->text, &e, t->bus->o.environment);
    int r = sco_buf_check(&t->text, err);
    if (r == 0)
        r = t->sink->ops->put(t->sink, &e, sco_buf_str(&t->text), err);
    if (r == 0)
        t->read = e.position;
    return r;
}

/* The next rows of the feed, as many as there is room for. *ret_idle: there is nothing to put, or
 * no room. */
static int move(struct bus_thread *t, bool reading, bool *ret_idle, struct sco_error *err)
{
    struct putting p = {t, err};
    int64_t last = 0, before = t->read;
    size_t room = t->sink->ops->room(t->sink);
    *ret_idle = true;
    if (!reading || !room)
        return 0;
    t->more = false;
    int r = sco_store_events_sequence(t->store, SEQUENCE, &last, &t->more, err);
    if (r == 0 && last > t->read)
        r = sco_store_events_each(t->store, t->read, room < PAGE ? (uint32_t)room : PAGE, put, &p,
                                  err);
    *ret_idle = t->read == before || r > 0;
    /* rows that retention has removed leave a gap at the feed's start */
    t->more |= t->read > before || r > 0;
    return r < 0 ? r : 0;
}

static int poll_sink(struct bus_thread *t, bool idle, struct sco_error *err)
{
    int64_t position = t->acked;
    int r = t->sink->ops->poll(t->sink, idle ? POLL_MS : 0, &position, &t->waiting, err);
    if (position > t->acked)
        t->acked = position;
    if (r < 0)
        return r;
    if (t->sink->up)
        bus_up(t);
    else
        bus_down(t, t->sink->why ? t->sink->why : "no broker answers", NULL);
    return 0;
}

static void tell_lag(struct bus_thread *t)
{
    struct sco_event_lag lag;
    int64_t now = sco_mono_ms();
    if (!t->bus->o.metrics || now < t->lag_at)
        return;
    t->lag_at = now + LAG_MS;
    if (sco_store_event_lag(t->store, t->sink->name, &lag, NULL) < 0)
        return; /* whatever is wrong shows in the next round */
    double age = lag.oldest ? (double)(sco_now_ms() - lag.oldest) / 1000 : 0;
    sco_metric_set(t->bus->o.metrics, &lag_metric, (double)(lag.behind + lag.pending),
                   t->sink->name);
    sco_metric_set(t->bus->o.metrics, &age_metric, age > 0 ? age : 0, t->sink->name);
}

/* One round with a store that works. 1: there may be more to do at once. */
static int round_of(struct bus_thread *t, bool reading, struct sco_error *err)
{
    int r = hold(t, err);
    if (r == 0 && (r = sink_open(t, err)) < 0) {
        bus_down(t, "it cannot be opened", err);
        return r;
    }
    if (r < 0)
        return r;
    bool idle = true;
    r = move(t, reading, &idle, err);
    bool put_failed = r < 0;
    if (r == 0)
        r = poll_sink(t, idle, err);
    if (r < 0) {
        bus_down(t, put_failed ? "events cannot be read or taken" : "events cannot be delivered",
                 err);
        sco_metric_add(t->bus->o.metrics, &failures, 1, t->sink->name);
        sink_close(t);
    }
    int64_t now = sco_mono_ms();
    if (t->acked != t->saved && (now >= t->save_at || !t->waiting || r < 0)) {
        t->save_at = now + SAVE_MS;
        int saved = save(t, r < 0 ? NULL : err);
        r = r < 0 ? r : saved;
    }
    tell_lag(t);
    return r < 0 ? r : t->waiting || t->more;
}

/* Somebody else has the cursor, or may have it soon: nothing of ours may come behind theirs. */
static void give_up(struct bus_thread *t)
{
    sink_close(t);
    t->held_until = 0;
}

static bool grace_is_over(struct bus_thread *t)
{
    return !t->held_until || sco_mono_ms() >= atomic_load(&t->bus->stop_at);
}

static void finish(struct bus_thread *t)
{
    struct sco_error err;
    while (t->open && t->waiting && !grace_is_over(t))
        if (round_of(t, false, &err) < 0)
            break;
    if (t->store && t->held_until && save(t, NULL) == 0 &&
        sco_store_cursor_release(t->store, t->sink->name, t->owner, NULL) < 0)
        sco_log_debug("%s: the cursor could not be released, ignoring", t->sink->name);
    sink_close(t);
}

void bus_publish(struct bus_thread *t)
{
    uint64_t seen = 0;
    while (!bus_stopping(t->bus)) {
        struct sco_error err = {0};
        if (t->held_until && sco_mono_ms() >= t->held_until)
            give_up(t);
        if (!bus_store_ready(t))
            continue;
        int r = round_of(t, true, &err);
        if (r == SCO_E_CANCELLED) { /* the usual case, where there are several nodes */
            give_up(t);
            bus_standby(t);
            bus_wait(t->bus, RENEW_MS, NULL);
        } else if (r < 0) {
            if (atomic_load(&t->up) || atomic_load(&t->standby))
                bus_down(t, "the store cannot be asked", &err);
            bus_wait(t->bus, RETRY_MS, NULL);
        } else if (r == 0)
            bus_wait(t->bus, IDLE_MS, &seen);
    }
    finish(t);
    t->sink->ops->free(t->sink);
    sco_buf_done(&t->text);
}
