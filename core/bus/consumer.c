/* Takes scan requests: each is acted upon in one transaction with the note that it was, and only
 * then its offset is committed. What is no request becomes an event of its own. */
#include "bus_priv.h"

#define SCO_LOG_MODULE "bus"
#include <secureops/log.h>

enum { NEXT_MS = 500, RETRY_MS = 1000 };

static const struct sco_metric requests = {
    .name = "secureops_bus_requests_total",
    .help = "Scan requests taken from Kafka.",
    .kind = SCO_COUNTER,
    .labels = {"result"},
};

static int set_context(struct bus_thread *t, const char *correlation_id, struct sco_error *err)
{
    struct sco_store_context c = {.source = t->bus->o.node, .correlation_id = correlation_id};
    return sco_store_set_context(t->store, &c, err);
}

/* *ret_first false: it was acted upon before. */
static int act(struct bus_thread *t, const struct bus_request *q, bool *ret_first,
               struct sco_error *err)
{
    int r = set_context(t, q->correlation_id, err);
    if (r == 0)
        r = sco_store_begin(t->store, err);
    if (r < 0)
        return r;
    r = sco_store_event_accept(t->store, q->event_id, sco_now_ms(), ret_first, err);
    if (r == 0 && *ret_first)
        r = t->bus->o.requested(t->bus->o.user, t->store, q->data, err);
    return sco_store_end(t->store, r, err);
}

static int reject(struct bus_thread *t, const struct bus_record *rec, const char *reason,
                  struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    bus_rejection_write(&b, rec, reason);
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = set_context(t, NULL, err);
    struct sco_event e = {.type = "security.scan.rejected", .key = "", .data = sco_buf_z(&b)};
    return r == 0 ? sco_store_event_add(t->store, &e, err) : r;
}

static int take(struct bus_thread *t, const struct bus_record *rec, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct bus_request q;
    bool first = true;
    int r = bus_request_parse(rec->value, &arena, &q, err);
    if (r == 0)
        r = act(t, &q, &first, err);
    const char *result = r == 0 ? first ? "accepted" : "repeated" : "rejected";
    if (r == SCO_E_INVALID) {
        SCO_AUTO(sco_free) char *reason = sco_strdup(sco_str_c(err->text));
        r = reason ? reject(t, rec, reason, err) : sco_error_nomem(err);
    }
    if (r == 0)
        sco_metric_add(t->bus->o.metrics, &requests, 1, result);
    return r;
}

void bus_consume(struct bus_thread *t)
{
    const struct bus_kafka_ops *ops = t->bus->kafka_ops;
    struct bus_consumer *c = NULL;
    while (!bus_stopping(t->bus)) {
        struct sco_error err = {0};
        struct bus_record rec;
        if (!c && ops->subscribe(&t->bus->kafka_options, &c, &err) < 0) {
            bus_down(t, "scan requests cannot be subscribed to", &err);
            bus_wait(t->bus, RETRY_MS, NULL);
            continue;
        }
        int r = ops->next(c, NEXT_MS, &rec, &err);
        if (r < 0) {
            bus_down(t, "scan requests cannot be read", &err);
            bus_wait(t->bus, RETRY_MS, NULL);
        }
        if (r <= 0)
            continue;
        while (!bus_stopping(t->bus)) {
            r = bus_store_ready(t) ? take(t, &rec, &err) : SCO_E_NETWORK;
            if (r == 0)
                break;
            bus_down(t, "scan requests cannot be stored", err.text[0] ? &err : NULL);
            ops->hold(c, RETRY_MS);
        }
        if (r == 0)
            bus_up(t);
        ops->finish(c, &rec, r == 0);
    }
    if (c)
        ops->leave(c);
}
