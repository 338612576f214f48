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
    struct kafka_batch batch;
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
    kafka_batch_done(&k->batch);
    k->rk = NULL;
    k->sink.up = false;
}

/* How much waits is ours to bound (kafka_batch.c), by the setting of librdkafka, which is to refuse
 * none of a batch. */
static int set_bounds(struct kafka *k, rd_kafka_conf_t *c)
{
    char text[32], why[64];
    size_t n = sizeof text;
    int64_t kbytes = 0, message = 0;
    if (rd_kafka_conf_get(c, "queue.buffering.max.kbytes", text, &n) != RD_KAFKA_CONF_OK ||
        sco_parse_i64(sco_str_c(text), 1, INT32_MAX, &kbytes) < 0)
        return -1;
    n = sizeof text;
    if (rd_kafka_conf_get(c, "message.max.bytes", text, &n) != RD_KAFKA_CONF_OK ||
        sco_parse_i64(sco_str_c(text), 1, INT32_MAX, &message) < 0)
        return -1;
    k->batch.bytes_max = (size_t)kbytes << 10;
    k->batch.message_max = (size_t)message;
    return rd_kafka_conf_set(c, "queue.buffering.max.kbytes", "2147483647", why, sizeof why) ==
                   RD_KAFKA_CONF_OK
               ? 0
               : -1;
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
    k->rk = set_bounds(k, c) == 0 ? rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text) : NULL;
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
    int r = 0;
    if (k->batch.n == KAFKA_BATCH_MAX || (k->batch.n && k->batch.topic != topic))
        r = kafka_batch_flush(&k->batch, err);
    k->batch.topic = topic;
    if (r == 0)
        r = kafka_batch_put(&k->batch, k->window.next, text, sco_str_c(e->key), err);
    if (r == SCO_E_LIMIT)
        s->omit = e->position;
    if (r == 0)
        bus_window_push(&k->window, e->position);
    return r;
}

static int poll(struct bus_sink *s, int ms, int64_t *ret_position, size_t *ret_waiting,
                struct sco_error *err)
{
    struct kafka *k = of(s);
    int64_t before = k->window.position;
    int r = kafka_batch_flush(&k->batch, err); /* why it failed may be in what is read now */
    rd_kafka_poll(k->rk, r == 0 && bus_window_waiting(&k->window) ? ms : 0);
    kafka_batch_acked(&k->batch, k->window.first);
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
        return r;
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
