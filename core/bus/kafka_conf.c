/* Settings of librdkafka, and the one symbol of bus_kafka.so. */
#include "kafka_priv.h"

/* What the bus promises depends on these. */
static const char *const ours[] = {
    "bootstrap.servers",
    "metadata.broker.list",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "enable.gapless.guarantee",
    "max.in.flight.requests.per.connection",
    "max.in.flight",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "retries",
    "message.send.max.retries",
    "transactional.id",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "plugin.library.paths",
    "statistics.interval.ms",
    "queue.buffering.max.messages",
};

struct pair {
    const char *name, *value;
};
static const struct pair defaults_producer[] = {
    {"partitioner", "murmur2_random"}, /* as Java's producers */
    {"linger.ms", "5"},
    {"queue.buffering.max.kbytes", "32768"},
};
static const struct pair fixed_producer[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"message.timeout.ms", "0"}, /* a broker may be away for any time */
    {"enable.gapless.guarantee", "true"},
    {"statistics.interval.ms", "2000"},
    /* What a producer that has failed left in its socket, the broker may take after the next one
     * has begun again: one request of it is a stretch that comes twice, two could be out of order.
     */
    {"max.in.flight.requests.per.connection", "1"},
};
static const struct pair defaults_consumer[] = {
    {"auto.offset.reset", "earliest"},
    {"queued.max.messages.kbytes", "4096"},
    {"queued.min.messages", "100"},
};
static const struct pair fixed_consumer[] = {
    {"enable.auto.commit", "true"}, /* of what was stored: after our own commit */
    {"enable.auto.offset.store", "false"},
    {"auto.commit.interval.ms", "1000"},
};

static int set(rd_kafka_conf_t *c, const char *name, const char *value, struct sco_error *err)
{
    char text[256];
    rd_kafka_conf_res_t r = rd_kafka_conf_set(c, name, value, text, sizeof text);
    if (r == RD_KAFKA_CONF_OK)
        return 0;
    /* librdkafka's text repeats the value, which may be a password */
    return sco_error_set(err, SCO_E_INVALID,
                         r == RD_KAFKA_CONF_UNKNOWN
                             ? "events.kafka: librdkafka has no setting \"%s\""
                             : "events.kafka: librdkafka does not take this value of \"%s\"",
                         name);
}

static int set_all(rd_kafka_conf_t *c, const struct pair *v, size_t n, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = set(c, v[i].name, v[i].value, err);
    return r;
}

static int set_theirs(rd_kafka_conf_t *c, const char *const *v, struct sco_error *err)
{
    int r = 0;
    for (; v && v[0] && v[1] && r == 0; v += 2) {
        for (size_t i = 0; i < SCO_ARRAY_LEN(ours); i++)
            if (strcmp(v[0], ours[i]) == 0)
                return sco_error_set(err, SCO_E_INVALID,
                                     "events.kafka: \"%s\" is set by SecureOps itself", v[0]);
        r = set(c, v[0], v[1], err);
    }
    return r;
}

static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    const struct bus_kafka_options *o = *(void **)rd_kafka_opaque(rk);
    (void)level;
    (void)fac;
    if (o->log)
        o->log(text);
}

int kafka_conf(const struct bus_kafka_options *o, bool producer, rd_kafka_conf_t **ret,
               struct sco_error *err)
{
    char n[16];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    if (!c)
        return sco_error_nomem(err);
    snprintf(n, sizeof n, "%u", o->in_flight);
    int r = producer ? set_all(c, defaults_producer, SCO_ARRAY_LEN(defaults_producer), err)
                     : set_all(c, defaults_consumer, SCO_ARRAY_LEN(defaults_consumer), err);
    if (r == 0)
        r = set(c, "client.id", "secureops", err);
    if (r == 0)
        r = set_theirs(c, o->settings, err);
    if (r == 0)
        r = set(c, "bootstrap.servers", o->brokers, err);
    if (r == 0)
        r = producer ? set_all(c, fixed_producer, SCO_ARRAY_LEN(fixed_producer), err)
                     : set_all(c, fixed_consumer, SCO_ARRAY_LEN(fixed_consumer), err);
    if (r == 0)
        r = producer ? set(c, "queue.buffering.max.messages", n, err)
                     : set(c, "group.id", o->group, err);
    if (r < 0) {
        rd_kafka_conf_destroy(c);
        return r;
    }
    rd_kafka_conf_set_log_cb(c, on_log);
    *ret = c;
    return 0;
}

int kafka_code(rd_kafka_resp_err_t e)
{
    switch (e) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return SCO_E_PERMISSION;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return SCO_E_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return SCO_E_LIMIT;
    default:
        return SCO_E_NETWORK;
    }
}

int kafka_error(rd_kafka_resp_err_t e, const char *what, struct sco_error *err)
{
    return sco_error_set(err, kafka_code(e), "Kafka: %s: %s", what, rd_kafka_err2str(e));
}

static int kafka_check(const struct bus_kafka_options *o, struct sco_error *err)
{
    rd_kafka_conf_t *c = NULL;
    int r = kafka_conf(o, true, &c, err);
    if (r == 0)
        rd_kafka_conf_destroy(c);
    return r;
}

SCO_EXPORT const struct bus_kafka_ops *sco_bus_kafka_v1(void);
SCO_EXPORT const struct bus_kafka_ops *sco_bus_kafka_v1(void)
{
    static const struct bus_kafka_ops ops = {sizeof ops,      kafka_check, kafka_producer,
                                             kafka_subscribe, kafka_next,  kafka_hold,
                                             kafka_finish,    kafka_leave};
    return &ops;
}
