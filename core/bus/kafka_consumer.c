/* The consumer group of scan requests. An offset is stored only when its record is done with, and
 * librdkafka commits only what is stored: also when the group is rebalanced or left. */
#include "kafka_priv.h"

#include <stdlib.h>

enum { SLICE_MS = 100 };

struct bus_consumer {
    const struct bus_kafka_options *o; /* first: for on_log */
    rd_kafka_t *rk;
};

int kafka_subscribe(const struct bus_kafka_options *o, struct bus_consumer **ret,
                    struct sco_error *err)
{
    rd_kafka_conf_t *conf = NULL;
    char text[256];
    int r = kafka_conf(o, false, &conf, err);
    if (r < 0)
        return r;
    struct bus_consumer *c = sco_alloc(1, sizeof *c);
    if (c) {
        c->o = o;
        rd_kafka_conf_set_opaque(conf, c);
        c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    }
    if (!c || !c->rk) {
        rd_kafka_conf_destroy(conf);
        free(c);
        return sco_error_set(err, SCO_E_INVALID,
                             "Kafka: librdkafka does not take these settings together");
    }
    rd_kafka_poll_set_consumer(c->rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, o->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t e = rd_kafka_subscribe(c->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (e) {
        kafka_leave(c);
        return kafka_error(e, o->topic, err);
    }
    *ret = c;
    return 0;
}

int kafka_next(struct bus_consumer *c, int ms, struct bus_record *ret, struct sco_error *err)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, ms);
    if (!m)
        return 0;
    rd_kafka_resp_err_t e = m->err;
    if (e) {
        rd_kafka_message_destroy(m);
        /* a topic that nobody has written to yet is none of ours to report */
        bool quiet =
            e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || e == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        return quiet ? 0 : kafka_error(e, c->o->topic, err);
    }
    *ret = (struct bus_record){.topic = c->o->topic,
                               .partition = m->partition,
                               .offset = m->offset,
                               .value = sco_str_make(m->payload, m->len),
                               .message = m};
    return 1;
}

static void pause_all(struct bus_consumer *c, bool on)
{
    rd_kafka_topic_partition_list_t *all = NULL;
    if (rd_kafka_assignment(c->rk, &all))
        return;
    if (on)
        rd_kafka_pause_partitions(c->rk, all);
    else
        rd_kafka_resume_partitions(c->rk, all);
    rd_kafka_topic_partition_list_destroy(all);
}

/* A partition that was assigned in the meantime has sent something: it is read again later. */
static void push_back(struct bus_consumer *c, const rd_kafka_message_t *m)
{
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(one, rd_kafka_topic_name(m->rkt), m->partition)->offset =
        m->offset;
    rd_kafka_error_t *e = rd_kafka_seek_partitions(c->rk, one, -1);
    if (e)
        rd_kafka_error_destroy(e);
    rd_kafka_topic_partition_list_destroy(one);
}

void kafka_hold(struct bus_consumer *c, int ms)
{
    pause_all(c, true);
    for (int64_t until = sco_mono_ms() + ms; sco_mono_ms() < until;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, SLICE_MS);
        if (m && !m->err) {
            push_back(c, m);
            pause_all(c, true);
        }
        if (m)
            rd_kafka_message_destroy(m);
    }
    pause_all(c, false);
}

void kafka_finish(struct bus_consumer *c, struct bus_record *r, bool done)
{
    rd_kafka_message_t *m = r->message;
    (void)c;
    if (done) /* fails when the partition is somebody else's by now: it comes to them again */
        rd_kafka_offset_store(m->rkt, m->partition, m->offset);
    rd_kafka_message_destroy(m);
    *r = (struct bus_record){0};
}

void kafka_leave(struct bus_consumer *c)
{
    rd_kafka_consumer_close(c->rk);
    rd_kafka_destroy(c->rk);
    free(c);
}
