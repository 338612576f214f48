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

int kafka_producer(const struct bus_kafka_options *o, struct bus_sink **ret,
                   struct sco_error *err) SCO_NODISCARD;
int kafka_subscribe(const struct bus_kafka_options *o, struct bus_consumer **ret,
                    struct sco_error *err) SCO_NODISCARD;
int kafka_next(struct bus_consumer *c, int ms, struct bus_record *ret,
               struct sco_error *err) SCO_NODISCARD;
void kafka_hold(struct bus_consumer *c, int ms);
void kafka_finish(struct bus_consumer *c, struct bus_record *r, bool done);
void kafka_leave(struct bus_consumer *c);
