/* The sink that is Kafka: an idempotent producer, acks=all, without a time limit of its own. Any
 * message that fails for good ends this producer; the next one begins at the cursor, so that
 * nothing is left out and first deliveries keep their order. All calls and callbacks are on the
 * publisher's thread. */
#include "kafka_priv.h"

#include <stdlib.h>

enum { SILENCE_MS = 10000, TOPIC_MAX = 249, WHY_POLLS = 10, WHY_MS = 50 };
#define REFUSED "events cannot be delivered"

struct kafka {
    const struct bus_kafka_options *o; /* first: for on_log */
    struct bus_sink sink;
    rd_kafka_t *rk;
    struct sco_map topics;  /* type: rd_kafka_topic_t */
    rd_kafka_topic_t *last; /* of the event before, whose type is most often the next one's */
    char last_type[TOPIC_MAX + 1];
    struct bus_window window;
    int64_t heard; /* monotonic ms: the oldest that waits does so since then, or longer */
    rd_kafka_resp_err_t failed;
    int64_t failed_position;
    int64_t doubt; /* something up to this position was refused, and is not acknowledged; 0: none */
};

static struct kafka *of(struct bus_sink *s)
{
    return (struct kafka *)((char *)s - offsetof(struct kafka, sink));
}

/* ---- callbacks, from rd_kafka_poll ---- */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct kafka *k = opaque;
    uint64_t number = (uint64_t)(uintptr_t)m->_private;
    (void)rk;
    if (m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return;
    if (m->err) {
        bool vague = !k->failed || k->failed == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE;
        if (vague && number >= k->window.first && number < k->window.next) {
            k->failed = m->err;
            k->failed_position = k->window.v[number & (k->window.cap - 1)].position;
        }
        return;
    }
    bus_window_ack(&k->window, number);
}

static void on_error(rd_kafka_t *rk, int e, const char *reason, void *opaque)
{
    struct kafka *k = opaque;
    char text[8];
    (void)reason;
    if (e == RD_KAFKA_RESP_ERR__FATAL && !k->failed)
        k->failed = rd_kafka_fatal_error(rk, text, sizeof text);
    if (e == RD_KAFKA_RESP_ERR__FATAL || e == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        k->sink.up = false;
}

static int on_stats(rd_kafka_t *rk, char *json, size_t n, void *opaque)
{
    struct kafka *k = opaque;
    (void)rk;
    bool old = bus_window_waiting(&k->window) && sco_mono_ms() - k->heard > SILENCE_MS;
    bool answers = sco_str_contains(sco_str_make(json, n), "\"state\":\"UP\"");
    if (old || k->doubt)
        k->sink.up = false;
    else if (answers)
        k->sink.up = true;
    k->sink.why = k->doubt ? REFUSED : old && answers ? "events are not acknowledged" : NULL;
    return 0;
}

/* ---- open, close ---- */
static void topics_close(struct kafka *k)
{
    size_t at = 0;
    void *topic = NULL;
    while (sco_map_next(&k->topics, &at, NULL, &topic))
        if (topic)
            rd_kafka_topic_destroy(topic);
    sco_map_done(&k->topics);
    k->topics = (struct sco_map){0};
    k->last = NULL;
}

static void producer_close(struct bus_sink *s)
{
    struct kafka *k = of(s);
    if (!k->rk)
        return;
    rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(k->rk, 0);
    topics_close(k);
    rd_kafka_destroy(k->rk); /* what is in flight is cut off */
    k->rk = NULL;
    k->sink.up = false;
}

static int producer_open(struct bus_sink *s, int64_t position, struct sco_error *err)
{
    struct kafka *k = of(s);
    rd_kafka_conf_t *c = NULL;
    char text[256];
    int r = kafka_conf(k->o, true, &c, err);
    if (r < 0)
        return r;
    rd_kafka_conf_set_opaque(c, k);
    rd_kafka_conf_set_dr_msg_cb(c, on_delivery);
    rd_kafka_conf_set_error_cb(c, on_error);
    rd_kafka_conf_set_stats_cb(c, on_stats);
    k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text);
    if (!k->rk) {
        rd_kafka_conf_destroy(c);
        return sco_error_set(err, SCO_E_INVALID,
                             "Kafka: librdkafka does not take these settings together");
    }
    k->failed = RD_KAFKA_RESP_ERR_NO_ERROR;
    k->failed_position = 0;
    k->heard = sco_mono_ms();
    bus_window_start(&k->window, position);
    if (position >= k->doubt) /* another node has got it through */
        k->doubt = 0;
    return 0;
}

/* ---- messages ---- */
static rd_kafka_topic_t *topic_of(struct kafka *k, const char *type)
{
    if (k->last && strcmp(k->last_type, type) == 0)
        return k->last;
    void **place = sco_map_put(&k->topics, sco_str_c(type), NULL);
    char name[TOPIC_MAX + 1];
    int n = snprintf(name, sizeof name, "%s%s", k->o->prefix, type);
    if (place && !*place && n > 0 && n < (int)sizeof name)
        *place = rd_kafka_topic_new(k->rk, name, NULL);
    k->last = place ? *place : NULL;
    snprintf(k->last_type, sizeof k->last_type, "%s", type);
    return k->last;
}

static size_t room(const struct bus_sink *s)
{
    const struct kafka *k = (const struct kafka *)((const char *)s - offsetof(struct kafka, sink));
    size_t waiting = bus_window_waiting(&k->window), all = k->o->in_flight;
    /* to ask the store for a few costs as much as for many, which are still under way meanwhile */
    return waiting <= all - all / 4 ? all - waiting : 0;
}

static int put(struct bus_sink *s, const struct sco_event *e, struct sco_str text,
               struct sco_error *err)
{
    struct kafka *k = of(s);
    if (bus_window_full(&k->window))
        return 1;
    rd_kafka_topic_t *topic = topic_of(k, e->type);
    if (!topic)
        return sco_error_set(err, SCO_E_INVALID, "Kafka: no topic for %s: %s", e->type,
                             rd_kafka_err2str(rd_kafka_last_error()));
    if (!bus_window_waiting(&k->window))
        k->heard = sco_mono_ms();
    uint64_t number = k->window.next;
    size_t key = strlen(e->key);
    int failed = rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)text.p,
                                  text.n, key ? e->key : NULL, key, (void *)(uintptr_t)number);
    rd_kafka_resp_err_t code = failed ? rd_kafka_last_error() : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return 1;
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        s->omit = e->position;
    if (code)
        return kafka_error(code, e->type, err);
    bus_window_push(&k->window, e->position);
    return 0;
}

static int poll(struct bus_sink *s, int ms, int64_t *ret_position, size_t *ret_waiting,
                struct sco_error *err)
{
    struct kafka *k = of(s);
    int64_t before = k->window.position;
    rd_kafka_poll(k->rk, bus_window_waiting(&k->window) ? ms : 0);
    if (k->window.position != before) {
        k->heard = sco_mono_ms();
        if (k->window.position >= k->doubt) {
            k->sink.up = true;
            k->doubt = 0;
        }
    }
    *ret_position = k->window.position;
    *ret_waiting = bus_window_waiting(&k->window);
    if (!k->failed)
        return 0;
    /* which message it was, and why, comes behind the error that nothing can go on */
    for (int i = 0; i < WHY_POLLS && !k->failed_position; i++)
        rd_kafka_poll(k->rk, WHY_MS);
    if (k->failed == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        s->omit = k->failed_position;
    k->doubt =
        k->failed_position > k->window.position ? k->failed_position : k->window.position + 1;
    s->why = REFUSED;
    return kafka_error(k->failed, "a message was not taken", err);
}

static void producer_free(struct bus_sink *s)
{
    struct kafka *k = of(s);
    producer_close(s);
    bus_window_done(&k->window);
    free(k);
}

int kafka_producer(const struct bus_kafka_options *o, struct bus_sink **ret, struct sco_error *err)
{
    static const struct bus_sink_ops ops = {producer_open, room,           put,
                                            poll,          producer_close, producer_free};
    struct kafka *k = sco_alloc(1, sizeof *k);
    if (!k || bus_window_init(&k->window, o->in_flight) < 0) {
        free(k);
        return sco_error_nomem(err);
    }
    k->o = o;
    k->sink.ops = &ops;
    k->sink.name = SCO_BUS_CURSOR_KAFKA;
    *ret = &k->sink;
    return 0;
}
