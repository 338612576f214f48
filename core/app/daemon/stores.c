/* A store for each thread that works with one. The clock's thread is the first: it makes and
 * migrates the schema; until that is done nobody else opens it. A store that is away is looked for
 * again with each piece of work, but not more often than once a second. */
#include "daemon_priv.h"

#include <stdlib.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

enum {
    AGAIN_MS = 1000,
    CACHE_KB = 8 << 10 /* for each thread: it asks for little at a time, and runs for months */
};

static const struct sco_metric connections = {
    .name = "secureops_store_connections", .help = "Connections to the store.", .kind = SCO_GAUGE};
static const struct sco_metric failures = {.name = "secureops_store_unavailable_total",
                                           .help = "Times that a thread found the store away.",
                                           .kind = SCO_COUNTER};

static const double store_buckets[] = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1,
                                       0.5,    1,      5,     10,    30,   60};
static const struct sco_metric latency = {.name = "secureops_store_latency_seconds",
                                          .help = "Statements outside of transactions, "
                                                  "transactions, commits.",
                                          .kind = SCO_HISTOGRAM,
                                          .labels = {"operation"},
                                          .buckets = store_buckets,
                                          .n_buckets = SCO_ARRAY_LEN(store_buckets)};

static void observe(void *user, const char *what, int64_t ns)
{
    const struct stores *s = user;
    sco_metric_observe(s->metrics, &latency, (double)ns / 1e9, what);
}

void stores_init(struct stores *s, const char *where, const char *node, struct sco_metrics *m)
{
    *s = (struct stores){.where = where, .node = node, .metrics = m};
    pthread_mutex_init(&s->lock, NULL);
}

void stores_set_attempts(struct stores *s, int64_t n)
{
    __atomic_store_n(&s->attempts, (uint32_t)n, __ATOMIC_RELAXED);
}

void stores_done(struct stores *s)
{
    if (s->where)
        pthread_mutex_destroy(&s->lock);
}

static void *start(struct stores *s, bool first)
{
    struct store_thread *t = sco_alloc(1, sizeof *t); /* NULL: stores_get finds no store */
    if (t)
        *t = (struct store_thread){.of = s, .first = first};
    return t;
}

void *stores_start_first(void *stores)
{
    return start(stores, true);
}

void *stores_start(void *stores)
{
    return start(stores, false);
}

void stores_stop(void *stores, void *state)
{
    struct stores *s = stores;
    struct store_thread *t = state;
    if (t && t->store) {
        sco_store_close(t->store);
        sco_metric_add(s->metrics, &connections, -1);
    }
    free(t);
}

static void remember(struct stores *s, const struct sco_error *err)
{
    pthread_mutex_lock(&s->lock);
    s->last = *err;
    pthread_mutex_unlock(&s->lock);
}

void stores_last_error(struct stores *s, struct sco_error *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->last;
    pthread_mutex_unlock(&s->lock);
}

void stores_set_sla(struct stores *s, const struct sco_config_sla *sla)
{
    pthread_mutex_lock(&s->lock);
    s->sla = *sla;
    pthread_mutex_unlock(&s->lock);
}

static void take_sla(struct stores *s, struct sco_store *store)
{
    pthread_mutex_lock(&s->lock);
    const int64_t ms[SCO_SEV_MAX_] = {[SCO_SEV_CRITICAL] = s->sla.critical,
                                      [SCO_SEV_HIGH] = s->sla.high,
                                      [SCO_SEV_MEDIUM] = s->sla.medium,
                                      [SCO_SEV_LOW] = s->sla.low};
    pthread_mutex_unlock(&s->lock);
    sco_store_set_sla(store, ms);
}

static int open_one(struct stores *s, bool first, struct sco_store **ret, struct sco_error *err)
{
    if (!first && !__atomic_load_n(&s->open, __ATOMIC_ACQUIRE))
        return sco_error_set(err, SCO_E_NETWORK, "the store is not open yet");
    struct sco_store_options o = {
        .where = s->where, .create = first, .cache_kb = CACHE_KB, .wait_ms = s->wait_ms};
    struct sco_store *store = NULL;
    int r = sco_store_open(&o, &store, err);
    if (r == 0)
        r = sco_store_set_context(store, &(struct sco_store_context){.source = s->node}, err);
    if (r < 0) {
        sco_store_close(store);
        return r;
    }
    __atomic_store_n(&s->open, true, __ATOMIC_RELEASE);
    sco_metric_add(s->metrics, &connections, 1);
    sco_store_observe(store, observe, s);
    sco_store_set_attempts(store, __atomic_load_n(&s->attempts, __ATOMIC_RELAXED));
    *ret = store;
    return 0;
}

struct sco_store *stores_get(void *state)
{
    struct store_thread *t = state;
    struct sco_error err = {0};
    if (!t)
        return NULL;
    int r = 0;
    if (!t->store) {
        int64_t now = sco_mono_ms();
        if (now < t->again_at)
            return NULL;
        t->again_at = now + AGAIN_MS;
        r = open_one(t->of, t->first, &t->store, &err);
    }
    if (r == 0)
        r = sco_store_ready(t->store, &err);
    if (r == 0) {
        sco_store_set_attempts(t->store, __atomic_load_n(&t->of->attempts, __ATOMIC_RELAXED));
        take_sla(t->of, t->store); /* a reload may have changed it */
        return t->store;
    }
    sco_metric_add(t->of->metrics, &failures, 1);
    if (t->first)
        remember(t->of, &err);
    return NULL;
}

int stores_open_more(void *stores, struct sco_store **ret, struct sco_error *err)
{
    struct stores *s = stores;
    if (!__atomic_load_n(&s->open, __ATOMIC_ACQUIRE))
        return sco_error_set(err, SCO_E_CANCELLED, "the store is not open yet");
    int r = open_one(s, false, ret, err);
    if (r == 0)
        take_sla(s, *ret);
    return r;
}
