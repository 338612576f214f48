/* Inside of the live feed: one poll of the store for all readers of a node. Everything is on the
 * loop but what feed_read does on a thread. */
#pragma once

#include "api_priv.h"

#include <secureops/store_events.h>

#include <event2/event.h>
#include <sys/queue.h>

enum {
    FEED_POLL_MS = 1000, /* for what other nodes wrote */
    FEED_BEAT_MS = 15000,
    FEED_LIFE_MS = 900000, /* then one has to ask again, and is looked at again */
    FEED_PAGE = 500,
    FEED_PENDING_MAX = 256 << 10, /* bytes that a reader may be behind */
    FEED_CATCH_UP_PENDING = 64 << 10,
    FEED_STUCK_MS = 30000,
    FEED_CATCH_UPS = 2, /* at once */
    FEED_INPUT_MAX = 4096,
};

struct feed_read {              /* what a thread reads: for all, or for one who is behind */
    struct api_feed *feed;      /* NULL: the feed has gone meanwhile */
    struct feed_client *client; /* NULL: for all */
    struct sco_store *(*store)(void *state);
    int64_t after; /* negative: only where the feed's end is */
    int64_t last;  /* out: the feed's end */
    bool more;     /* out: rows wait for positions */
    int r;
    struct sco_event_page page;
    LIST_ENTRY(feed_read) in_feed;
};

enum feed_state { FEED_JOINING, FEED_CATCHING_UP, FEED_LIVE, FEED_CLOSING };
struct feed_client {
    struct api_feed *feed;
    struct bufferevent *b;
    struct wslay_event_context *ws; /* NULL: server-sent events */
    enum feed_state state;
    int64_t position;          /* done with; negative: whatever comes from now on */
    int64_t sent_at, heard_at; /* monotonic ms */
    int64_t ends_at, close_at; /* Unix ms; monotonic ms */
    struct feed_read *reading;
    struct sco_arena arena; /* of the filters */
    const char *type;       /* or NULL */
    const char *repository; /* glob, or NULL */
    const char *const *scope;
    TAILQ_ENTRY(feed_client) in_feed;
};
struct feed_text { /* an event as it is sent, made once for all */
    unsigned refs;
    struct sco_buf sse, ws;
};

struct api_feed {
    struct sco_api *api;
    TAILQ_HEAD(feed_clients, feed_client) clients;
    LIST_HEAD(feed_reads, feed_read) reads;
    LIST_HEAD(log_readers, log_reader) logs; /* log_stream.c */
    size_t n, catching_up, n_logs;
    int64_t position; /* everything up to it was given to who is live; negative: nobody is */
    bool polling, again, stopping;
    int wake_fd;
    struct event *wake, *timer;
};

/* ---- feed.c ---- */
void feed_poll(struct api_feed *f);
/* Starts reading; its end comes to feed_client_read or to the feed. */
int feed_read_start(struct api_feed *f, struct feed_client *c, int64_t after,
                    struct feed_read **ret, struct sco_error *err) SCO_NODISCARD;
struct feed_text *feed_text_new(const struct sco_event *e,
                                const char *environment); /* NULL: out of memory */
void feed_text_unref(struct feed_text *t);

/* ---- log_stream.c ---- */
void log_streams_stop(struct api_feed *f); /* all readers, at once */

/* ---- feed_client.c ---- */
/* The connection is taken; `ws`: after its handshake. */
int feed_join(struct api_call *c, bool ws, struct sco_error *err);
void feed_client_send(struct feed_client *c, const struct sco_event *e, struct feed_text *t);
void feed_client_note(struct feed_client *c, const char *text); /* a comment, or nothing */
void feed_client_go_on(struct feed_client *c);                  /* reads on, or becomes live */
void feed_client_read(struct feed_client *c, struct feed_read *r);
void feed_client_tick(struct feed_client *c, int64_t mono, int64_t now);
void feed_client_close(struct feed_client *c, const char *why); /* when it has got what waits */
void feed_client_drop(struct feed_client *c);                   /* at once */
bool feed_wants(const struct feed_client *c, const struct sco_event *e);

/* ---- feed_ws.c ---- */
/* 0 and the value of Sec-WebSocket-Accept; or a problem. */
int feed_ws_accept(struct api_call *c, char out[32], struct sco_error *err);
int feed_ws_open(struct feed_client *c, struct sco_error *err);
void feed_ws_text(struct feed_client *c, struct sco_str text);
void feed_ws_ping(struct feed_client *c);
void feed_ws_close(struct feed_client *c, const char *why);
bool feed_ws_read(struct feed_client *c); /* false: it is over */
void feed_ws_free(struct feed_client *c);
