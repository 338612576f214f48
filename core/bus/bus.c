/* The bus: its threads, how they wait, what they say of themselves. A thread has no caller who
 * could tell what is wrong, so it logs: when its state changes, and then once a minute. */
#include "bus_priv.h"

#include <secureops/crypto.h>
#include <secureops/module.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define SCO_LOG_MODULE "bus"
#include <secureops/log.h>

enum { STORE_RETRY_MS = 1000, LOG_MS = 60000, IN_FLIGHT = 10000, STACK = 512 << 10 };

/* ---- waiting ---- */
bool bus_stopping(const struct sco_bus *b)
{
    return atomic_load(&b->stopping);
}

static struct timespec after(int64_t ms)
{
    int64_t at = sco_mono_ns() + ms * 1000000;
    return (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
}

void bus_wait(struct sco_bus *b, int64_t ms, uint64_t *seen)
{
    struct timespec until = after(ms);
    pthread_mutex_lock(&b->lock);
    int r = 0;
    while (r == 0 && !bus_stopping(b) && (!seen || *seen == b->wakes))
        r = pthread_cond_timedwait(&b->wake, &b->lock, &until);
    if (seen)
        *seen = b->wakes;
    pthread_mutex_unlock(&b->lock);
}

void sco_bus_wake(struct sco_bus *b)
{
    pthread_mutex_lock(&b->lock);
    b->wakes++;
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

/* ---- state ---- */
static const char *name_of(const struct bus_thread *t)
{
    const struct sco_bus *b = t->bus;
    return t == &b->kafka ? "Kafka" : t == &b->jsonl ? "events file" : "scan requests of Kafka";
}

void bus_up(struct bus_thread *t)
{
    atomic_store(&t->standby, false);
    if (!atomic_exchange(&t->up, true) && t->next_log)
        sco_log_info("%s: works again", name_of(t));
    atomic_store(&t->reason, NULL);
    t->next_log = 0;
}

void bus_standby(struct bus_thread *t)
{
    atomic_store(&t->standby, true);
    atomic_store(&t->up, false);
    atomic_store(&t->reason, NULL);
    t->next_log = 0;
}

void bus_down(struct bus_thread *t, const char *reason, const struct sco_error *err)
{
    int64_t now = sco_mono_ms();
    atomic_store(&t->reason, reason);
    atomic_store(&t->up, false);
    atomic_store(&t->standby, false);
    if (now < t->next_log)
        return;
    /* at the start, a connection takes a moment: it is no news yet */
    if (t->next_log || err)
        sco_log_warning("%s: %s%s%s; it is tried again", name_of(t), reason, err ? ": " : "",
                        err ? err->text : "");
    t->next_log = now + (t->next_log || err ? LOG_MS : STORE_RETRY_MS * 5);
}

void sco_bus_state(const struct sco_bus *b, struct sco_bus_state *ret)
{
    *ret = (struct sco_bus_state){
        .kafka = b->kafka.started,
        .kafka_up = b->kafka.started && atomic_load(&b->kafka.up),
        .kafka_standby = b->kafka.started && atomic_load(&b->kafka.standby),
        .jsonl = b->jsonl.started,
        .jsonl_up = b->jsonl.started && atomic_load(&b->jsonl.up),
    };
    const struct bus_thread *all[] = {&b->kafka, &b->jsonl, &b->consumer};
    for (size_t i = 0; i < SCO_ARRAY_LEN(all) && !ret->reason; i++)
        if (all[i]->started && !atomic_load(&all[i]->up))
            ret->reason = atomic_load(&all[i]->reason);
}

bool bus_store_ready(struct bus_thread *t)
{
    struct sco_error err = {0};
    int r = t->store ? sco_store_ready(t->store, &err)
                     : t->bus->o.open_store(t->bus->o.user, &t->store, &err);
    if (r == 0)
        return true;
    if (r == SCO_E_CANCELLED) /* at the start: no news */
        atomic_store(&t->reason, "the store is not open yet");
    else
        bus_down(t, "the store is away", &err);
    bus_wait(t->bus, STORE_RETRY_MS, NULL);
    return false;
}

/* ---- threads ---- */
static void *run(void *user)
{
    struct bus_thread *t = user;
    if (t->sink)
        bus_publish(t);
    else
        bus_consume(t);
    t->store = sco_store_close(t->store);
    return NULL;
}

static int start(struct sco_bus *b, struct bus_thread *t, const char *name, struct sco_error *err)
{
    char unique[37];
    pthread_attr_t attr;
    sigset_t all, before;
    sco_uuid4(unique);
    t->bus = b;
    snprintf(t->owner, sizeof t->owner, "%.64s %s", b->o.node ? b->o.node : "", unique);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    sigfillset(&all); /* signals are the loop's; threads of librdkafka inherit this */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&t->thread, &attr, run, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (e)
        return sco_error_errno(err, e, "cannot start a thread");
    pthread_setname_np(t->thread, name);
    t->started = true;
    return 0;
}

/* ---- the bus ---- */
static const char *keep(struct sco_bus *b, const char *z, bool *failed)
{
    char *copy = z ? sco_arena_cstr(&b->arena, sco_str_c(z)) : NULL;
    *failed |= z && !copy;
    return copy;
}

static int keep_options(struct sco_bus *b, const struct sco_bus_options *o, struct sco_error *err)
{
    bool failed = false;
    size_t n = 0;
    while (o->kafka && o->kafka[n])
        n++;
    const char **settings = sco_arena_alloc(&b->arena, (n + 1) * sizeof *settings);
    for (size_t i = 0; i < n && settings; i++)
        settings[i] = keep(b, o->kafka[i], &failed);
    b->o = *o;
    b->o.brokers = keep(b, o->brokers, &failed);
    b->o.prefix = keep(b, o->prefix ? o->prefix : "", &failed);
    b->o.environment = keep(b, o->environment, &failed);
    b->o.jsonl = keep(b, o->jsonl, &failed);
    b->o.group = keep(b, o->group, &failed);
    b->o.node = keep(b, o->node ? o->node : "secureops", &failed);
    b->o.modules = keep(b, o->modules, &failed);
    b->o.kafka = settings;
    b->kafka_options = (struct bus_kafka_options){
        .brokers = b->o.brokers,
        .prefix = b->o.prefix,
        .group = b->o.group,
        .topic = sco_arena_fmt(&b->arena, "%ssecurity.scan.requested", b->o.prefix),
        .settings = settings,
        .in_flight = o->in_flight ? o->in_flight : IN_FLIGHT,
    };
    if (failed || !settings || !b->kafka_options.topic)
        return sco_error_nomem(err);
    return 0;
}

static void log_kafka(const char *text)
{
    sco_log_debug("librdkafka: %s", text);
}

static int start_kafka(struct sco_bus *b, struct sco_error *err)
{
    const void *ops = NULL;
    int r = sco_module_load("bus_kafka", b->o.modules, BUS_KAFKA_SYMBOL,
                            sizeof(struct bus_kafka_ops), &ops, err);
    if (r < 0)
        return r;
    b->kafka_ops = ops;
    b->kafka_options.log = log_kafka;
    r = b->kafka_ops->check(&b->kafka_options, err);
    if (r == 0)
        r = b->kafka_ops->producer(&b->kafka_options, &b->kafka.sink, err);
    if (r == 0)
        r = start(b, &b->kafka, "bus-kafka", err);
    if (r == 0 && b->o.group && b->o.requested)
        r = start(b, &b->consumer, "bus-requests", err);
    return r;
}

static int start_all(struct sco_bus *b, struct sco_error *err)
{
    int r = b->o.brokers ? start_kafka(b, err) : 0;
    if (r == 0 && b->o.jsonl)
        r = bus_jsonl_new(b->o.jsonl, &b->jsonl.sink, err);
    if (r == 0 && b->o.jsonl)
        r = start(b, &b->jsonl, "bus-jsonl", err);
    return r;
}

int sco_bus_new(const struct sco_bus_options *o, struct sco_bus **ret, struct sco_error *err)
{
    pthread_condattr_t attr;
    struct sco_bus *b = sco_alloc(1, sizeof *b);
    if (!b)
        return sco_error_nomem(err);
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&b->wake, &attr);
    pthread_condattr_destroy(&attr);
    int r = keep_options(b, o, err);
    if (r == 0)
        r = start_all(b, err);
    if (r < 0) {
        sco_bus_free(b, 0);
        return r;
    }
    *ret = b;
    return 0;
}

static void stop(struct bus_thread *t)
{
    if (t->started)
        pthread_join(t->thread, NULL);
    else if (t->sink)
        t->sink->ops->free(t->sink);
}

struct sco_bus *sco_bus_free(struct sco_bus *b, int64_t grace_ms)
{
    if (!b)
        return NULL;
    atomic_store(&b->stop_at, sco_mono_ms() + grace_ms);
    atomic_store(&b->stopping, true);
    sco_bus_wake(b);
    stop(&b->kafka);
    stop(&b->jsonl);
    stop(&b->consumer);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    sco_arena_done(&b->arena);
    free(b);
    return NULL;
}
