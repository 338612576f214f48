/* Inside of bus_kafka.so, the only user of librdkafka. */
#pragma once

#include "bus_priv.h"

#include <librdkafka/rdkafka.h>

/* Their own settings over ours, ours that carry the guarantees over theirs. SCO_E_INVALID names the
 * setting; its value is never told. */
int kafka_conf(const struct bus_kafka_options *o, bool producer, rd_kafka_conf_t **ret,
               struct sco_error *err) SCO_NODISCARD;
int kafka_code(rd_kafka_resp_err_t e); /* SCO_E_* */
int kafka_error(rd_kafka_resp_err_t e, const char *what, struct sco_error *err);

/* ---- kafka_batch.c: messages on their way to librdkafka and through it ---- */
enum { KAFKA_BATCH_MAX = 64 };
struct kafka_batch {
    size_t message_max, bytes_max; /* of a message; of all that are not acknowledged */
    rd_kafka_topic_t *topic;       /* of what waits for kafka_batch_flush */
    rd_kafka_message_t v[KAFKA_BATCH_MAX];
    size_t n;
    struct kafka_block *oldest, *newest, *spare;
    size_t bytes;
};
/* With room in v. Numbers grow. 1: not now, there is no room for its bytes. SCO_E_LIMIT: it is too
 * large for ever. */
int kafka_batch_put(struct kafka_batch *b, uint64_t number, struct sco_str text, struct sco_str key,
                    struct sco_error *err) SCO_NODISCARD;
/* Hands on what waits. On an error some of it may be on its way: end the producer. */
int kafka_batch_flush(struct kafka_batch *b, struct sco_error *err) SCO_NODISCARD;
/* All with a lower number are acknowledged. */
void kafka_batch_acked(struct kafka_batch *b, uint64_t first);
void kafka_batch_done(struct kafka_batch *b); /* after rd_kafka_destroy: frees all */

int kafka_producer(const struct bus_kafka_options *o, struct bus_sink **ret,
                   struct sco_error *err) SCO_NODISCARD;
int kafka_subscribe(const struct bus_kafka_options *o, struct bus_consumer **ret,
                    struct sco_error *err) SCO_NODISCARD;
int kafka_next(struct bus_consumer *c, int ms, struct bus_record *ret,
               struct sco_error *err) SCO_NODISCARD;
void kafka_hold(struct bus_consumer *c, int ms);
void kafka_finish(struct bus_consumer *c, struct bus_record *r, bool done);
void kafka_leave(struct bus_consumer *c);
