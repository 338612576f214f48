/* Publishing events to Kafka and to a file of JSON lines, and taking scan requests from Kafka.
 * Each publisher is a thread of its own with a store of its own: it takes its cursor, reads the
 * feed from there on, publishes, and moves the cursor when the reader has acknowledged. At least
 * once, in the feed's order for each key, whatever happens to the broker or to us. */
#pragma once

#include <secureops/store_events.h>
#include <secureops/telemetry.h>

/* Names of the cursors, for retention. */
#define SCO_BUS_CURSOR_KAFKA "kafka"
#define SCO_BUS_CURSOR_JSONL "jsonl"

struct sco_bus;
struct sco_bus_options {
    const char *brokers;      /* host:port, ...; NULL: no Kafka */
    const char *const *kafka; /* further settings of librdkafka: name, value, ..., NULL; or NULL */
    const char *prefix;       /* of the topics; "dcc." */
    const char *environment;  /* in the envelope's metadata */
    const char *jsonl;        /* file to append to; NULL: none */
    const char *group;        /* consumer group of scan requests; NULL: none are taken */
    const char *node;
    uint32_t in_flight; /* messages at once; 0: 10000 */
    /* A store for a thread of the bus; closed by it. SCO_E_CANCELLED: not yet. */
    int (*open_store)(void *user, struct sco_store **ret, struct sco_error *err);
    /* A scan request's `data`, on the consumer's thread with its store, whose context is set and
     * whose transaction is open: it is committed after 0, and an event_id that comes again is not
     * told again. SCO_E_INVALID: it will never be good; it is kept as an event
     * security.scan.rejected and gone over. Any other error: tried again. */
    int (*requested)(void *user, struct sco_store *s, struct sco_str json, struct sco_error *err);
    void *user;
    struct sco_metrics *metrics;
    const char *modules; /* folder of bus_kafka.so; NULL: beside us */
};
/* Starts the threads; a broker that is away is no error: it is tried for ever. SCO_E_UNSUPPORTED:
 * the Kafka module is not installed; SCO_E_INVALID: a setting that librdkafka does not know. */
int sco_bus_new(const struct sco_bus_options *o, struct sco_bus **ret,
                struct sco_error *err) SCO_NODISCARD;
/* Publishes for at most grace_ms what is under way, and joins. */
struct sco_bus *sco_bus_free(struct sco_bus *b, int64_t grace_ms);
void sco_bus_wake(struct sco_bus *b); /* there are new events: any thread */
struct sco_bus_state {
    bool kafka, kafka_up; /* wanted; last heard of within its timeout */
    bool kafka_standby;   /* another node publishes, or did so until a moment ago */
    bool jsonl, jsonl_up;
    const char *reason; /* of what is not up; static or NULL */
};
void sco_bus_state(const struct sco_bus *b, struct sco_bus_state *ret);
