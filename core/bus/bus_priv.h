/* Inside of the bus: readers of the feed, and what the Kafka module gives. */
#pragma once

#include <secureops/bus.h>

#include <pthread.h>
#include <stdatomic.h>

/* ---- window.c: what was handed on and is not acknowledged yet ---- */
/* A ring: acknowledgements come in any order, the cursor may only pass what has none missing. */
struct bus_window {
    struct bus_slot {
        int64_t position;
        bool done;
    } * v;
    size_t cap;           /* a power of two */
    uint64_t first, next; /* numbers of the oldest and of the one that comes */
    int64_t position;     /* everything up to it is acknowledged */
    int64_t acknowledged; /* number of them, in any order */
};
int bus_window_init(struct bus_window *w, size_t cap) SCO_NODISCARD; /* or SCO_E_NOMEM */
void bus_window_done(struct bus_window *w);
void bus_window_start(struct bus_window *w, int64_t position); /* empty, after this position */
static inline bool bus_window_full(const struct bus_window *w)
{
    return w->next - w->first >= w->cap;
}
static inline size_t bus_window_waiting(const struct bus_window *w)
{
    return (size_t)(w->next - w->first);
}
uint64_t bus_window_push(struct bus_window *w, int64_t position);
void bus_window_ack(struct bus_window *w, uint64_t number);

/* ---- sinks: where a publisher takes events to. One thread ---- */
struct bus_sink;
struct bus_sink_ops {
    /* Ready to begin after this position. */
    int (*open)(struct bus_sink *s, int64_t position, struct sco_error *err);
    /* How many it would take now, when that is worth it; put may find less. */
    size_t (*room)(const struct bus_sink *s);
    /* Takes the event: 0; 1: not now, there is no room (poll first). `text`: its envelope. */
    int (*put)(struct bus_sink *s, const struct sco_event *e, struct sco_str text,
               struct sco_error *err);
    /* Works for at most ms, when something waits. *ret_position: everything up to it is
     * acknowledged; *ret_waiting: how many are not. An error: what waits is lost, close it and
     * begin anew. */
    int (*poll)(struct bus_sink *s, int ms, int64_t *ret_position, size_t *ret_waiting,
                struct sco_error *err);
    void (*close)(struct bus_sink *s); /* at once; what waits is given up */
    void (*free)(struct bus_sink *s);
};
struct bus_sink {
    const struct bus_sink_ops *ops;
    const char *name; /* the cursor */
    bool up;          /* it was heard of, and not lost since */
    const char *why;  /* it is not up; static, or NULL */
    int64_t omit;     /* position of an event whose data is too much for it; 0: none */
};
int bus_jsonl_new(const char *path, struct bus_sink **ret, struct sco_error *err) SCO_NODISCARD;

/* ---- the Kafka module ---- */
struct bus_kafka_options {
    const char *brokers, *prefix, *group, *topic; /* group, topic: of the consumer */
    const char *const *settings;
    uint32_t in_flight;
    void (*log)(const char *text); /* what librdkafka says of itself */
};
struct bus_record { /* borrowed until it is done */
    const char *topic;
    int32_t partition;
    int64_t offset;
    struct sco_str value;
    void *message;
};
struct bus_consumer;
struct bus_kafka_ops {
    uint32_t struct_size;
    int (*check)(const struct bus_kafka_options *o, struct sco_error *err);
    int (*producer)(const struct bus_kafka_options *o, struct bus_sink **ret,
                    struct sco_error *err);
    int (*subscribe)(const struct bus_kafka_options *o, struct bus_consumer **ret,
                     struct sco_error *err);
    /* 1: a record; 0: none within ms; negative: not now, try again. */
    int (*next)(struct bus_consumer *c, int ms, struct bus_record *ret, struct sco_error *err);
    /* Nothing comes for ms, but the group knows that we live. */
    void (*hold)(struct bus_consumer *c, int ms);
    /* It is done with: its offset is committed soon. `done` false: it comes again, to somebody. */
    void (*finish)(struct bus_consumer *c, struct bus_record *r, bool done);
    void (*leave)(struct bus_consumer *c); /* commits, leaves the group, frees */
};
#define BUS_KAFKA_SYMBOL "sco_bus_kafka_v1"

/* ---- threads ---- */
struct bus_thread {
    struct sco_bus *bus;
    pthread_t thread;
    bool started;
    struct sco_store *store;      /* NULL: it could not be opened yet */
    atomic_bool up, standby;      /* standby: another node has the cursor */
    _Atomic(const char *) reason; /* static */
    char owner[112];              /* node and a number of this start */
    int64_t next_log;             /* monotonic ms */
    struct bus_sink *sink;        /* of a publisher */
    struct sco_buf text;
    int64_t read, acked, saved; /* positions; read: of the last one that was put */
    int64_t held_until;         /* monotonic ms; 0: the cursor is not ours */
    int64_t renew_at, save_at, lag_at;
    bool open, more; /* the sink is; there may be more to put */
    bool forgotten;  /* what we were before this start */
    size_t waiting;  /* in the sink */
};
struct sco_bus {
    struct sco_bus_options o;
    struct sco_arena arena; /* copies of what the options point to */
    const struct bus_kafka_ops *kafka_ops;
    struct bus_kafka_options kafka_options;
    struct bus_thread kafka, jsonl, consumer;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* monotonic */
    uint64_t wakes;
    atomic_bool stopping;
    _Atomic int64_t stop_at; /* monotonic ms: the grace ends */
};
void bus_publish(struct bus_thread *t); /* publisher.c: until stopping */
void bus_consume(struct bus_thread *t); /* consumer.c */
/* bus.c */
bool bus_stopping(const struct sco_bus *b);
/* Until `ms` have passed, it is woken (seen: the wakes that it knows; NULL: only by a stop), or the
 * bus stops. */
void bus_wait(struct sco_bus *b, int64_t ms, uint64_t *seen);
/* Makes the thread's store ready; on failure waits a while. */
bool bus_store_ready(struct bus_thread *t);
void bus_up(struct bus_thread *t);
void bus_standby(struct bus_thread *t); /* whether it would be up is not known */
void bus_down(struct bus_thread *t, const char *reason, const struct sco_error *err);

/* ---- request.c: an envelope from outside ---- */
struct bus_request {
    char event_id[37];
    const char *correlation_id; /* or NULL */
    struct sco_str data;        /* JSON object */
};
enum { BUS_REQUEST_MAX = 256 << 10 };
/* SCO_E_INVALID says what is wrong with it. */
int bus_request_parse(struct sco_str text, struct sco_arena *arena, struct bus_request *ret,
                      struct sco_error *err) SCO_NODISCARD;
/* `data` of security.scan.rejected. */
void bus_rejection_write(struct sco_buf *out, const struct bus_record *r, const char *reason);
