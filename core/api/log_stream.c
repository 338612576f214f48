/* The log of an execution as server-sent events, until it has ended: each reader has a timer and,
 * when it is due, a read of the store on a thread. The handler has run on a thread as any other;
 * this begins on the loop, where it ends, and takes the connection. */
#include "feed_priv.h"
#include "pipelines_priv.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <secureops/threads.h>
#include <stdlib.h>

enum { PAUSE_MS = 500, PIECE = 64 << 10, PENDING_MAX = 256 << 10, READERS_MAX = 200 };

struct log_read {          /* by a thread */
    struct log_reader *of; /* NULL: it has gone meanwhile */
    struct sco_store *(*store)(void *state);
    char id[37], status[24];
    const char *stage;
    struct sco_arena arena;
    uint64_t offset, next;
    bool complete;
    int r;
    struct sco_buf text;
};
struct log_reader {
    struct api_feed *feed;
    struct bufferevent *b;
    struct event *timer;
    struct log_read *reading;
    char id[37];
    const char *stage;
    struct sco_arena arena;
    uint64_t offset;
    int64_t sent_at, ends_at; /* monotonic ms, Unix ms */
    bool closing;
    LIST_ENTRY(log_reader) in_feed;
};

/* ---- the end ---- */
static void drop(struct log_reader *l)
{
    LIST_REMOVE(l, in_feed);
    l->feed->n_logs--;
    if (l->reading)
        l->reading->of = NULL; /* freed at its end */
    event_free(l->timer);
    api_drop(l->feed->api, l->b);
    sco_arena_done(&l->arena);
    free(l);
}

static size_t pending(const struct log_reader *l)
{
    return evbuffer_get_length(bufferevent_get_output(l->b));
}

/* When what waits is written; the time-out of a connection that does not read is the last word. */
static void finish(struct log_reader *l)
{
    l->closing = true;
    event_del(l->timer);
    if (!pending(l))
        drop(l);
}

/* ---- reading ---- */
static void read_run(void *state, void *work)
{
    struct log_read *q = work;
    struct sco_error err = {0};
    struct sco_execution_page p = {0};
    struct sco_store *s = q->store(state);
    bool ended = false;
    q->r = s ? sco_store_execution(s, q->id, &p, &err) : SCO_E_NETWORK;
    if (q->r == 0) {
        snprintf(q->status, sizeof q->status, "%s", p.v[0].status);
        q->r = api_execution_log_ended(s, &p.v[0], &ended, &err);
    }
    if (q->r == 0) /* asked before what there is is read */
        q->r = sco_store_log(s, q->id, q->offset, q->stage, PIECE, &q->text, &q->next, &err);
    q->complete = ended && q->next == q->offset;
    sco_execution_page_done(&p);
}

static void pause_for(struct log_reader *l, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(l->timer, &tv);
}

/* A line that has a carriage return in it is several for its reader. */
static void send_piece(struct log_reader *l, const struct log_read *q)
{
    struct evbuffer *out = bufferevent_get_output(l->b);
    struct sco_str rest = sco_buf_str(&q->text), line;
    evbuffer_add_printf(out, "id: %llu\nevent: log\n", (unsigned long long)q->next);
    if (rest.n && rest.p[rest.n - 1] == '\n')
        rest.n--;
    while (sco_str_split(&rest, '\n', &line)) {
        struct sco_str part;
        do {
            if (!sco_str_split(&line, '\r', &part))
                part = sco_str_make("", 0);
            evbuffer_add_printf(out, "data: ");
            evbuffer_add(out, part.p ? part.p : "", part.n);
            evbuffer_add(out, "\n", 1);
        } while (line.n);
    }
    evbuffer_add(out, "\n", 1);
    l->sent_at = sco_mono_ms();
}

static void take_read(struct log_reader *l, const struct log_read *q)
{
    struct evbuffer *out = bufferevent_get_output(l->b);
    l->reading = NULL;
    if (q->r == SCO_E_NOT_FOUND) {
        finish(l);
        return;
    }
    if (q->r == 0 && q->text.n)
        send_piece(l, q);
    if (q->r == 0 && q->complete) {
        evbuffer_add_printf(out, "event: end\ndata: {\"status\":\"%s\"}\n\n", q->status);
        finish(l);
        return;
    }
    bool more = q->r == 0 && q->next > l->offset;
    l->offset = q->r == 0 ? q->next : l->offset;
    pause_for(l, more ? 0 : PAUSE_MS);
}

static void read_end(void *work)
{
    struct log_read *q = work;
    if (q->of)
        take_read(q->of, q);
    sco_buf_done(&q->text);
    sco_arena_done(&q->arena);
    free(q);
}

static void start_read(struct log_reader *l)
{
    const struct sco_api_options *o = api_options(l->feed->api);
    struct log_read *q = sco_alloc(1, sizeof *q);
    if (!q)
        return;
    *q = (struct log_read){.of = l, .store = o->store, .offset = l->offset, .next = l->offset};
    memcpy(q->id, l->id, sizeof q->id);
    q->stage = l->stage ? sco_arena_cstr(&q->arena, sco_str_c(l->stage)) : NULL;
    if ((l->stage && !q->stage) || sco_threads_run(o->threads, read_run, read_end, q, NULL) < 0) {
        sco_arena_done(&q->arena);
        free(q);
        return;
    }
    l->reading = q;
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct log_reader *l = user;
    (void)fd;
    (void)what;
    if (sco_now_ms() >= l->ends_at) {
        evbuffer_add_printf(bufferevent_get_output(l->b),
                            ": connect again, with a token that is good\n\n");
        finish(l);
        return;
    }
    if (sco_mono_ms() - l->sent_at >= FEED_BEAT_MS) {
        evbuffer_add_printf(bufferevent_get_output(l->b), ": still here\n\n");
        l->sent_at = sco_mono_ms();
    }
    if (pending(l) < PENDING_MAX)
        start_read(l);
    if (!l->reading)
        pause_for(l, PAUSE_MS);
}

/* ---- the connection ---- */
static void on_written(struct bufferevent *b, void *user)
{
    struct log_reader *l = user;
    (void)b;
    if (l->closing && !pending(l))
        drop(l);
}

static void on_read(struct bufferevent *b, void *user)
{
    struct evbuffer *in = bufferevent_get_input(b);
    (void)user;
    evbuffer_drain(in, evbuffer_get_length(in)); /* nothing is expected of it */
}

static void on_event(struct bufferevent *b, short what, void *user)
{
    (void)b;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
        drop(user);
}

static struct log_reader *make(struct api_feed *f, const struct api_call *c)
{
    struct log_reader *l = sco_alloc(1, sizeof *l);
    const char *stage = api_query(c, "stage");
    if (!l)
        return NULL;
    l->feed = f;
    l->offset = c->follow_from;
    snprintf(l->id, sizeof l->id, "%s", c->follow);
    l->timer = evtimer_new(api_options(f->api)->base, on_timer, l);
    l->stage = stage ? sco_arena_cstr(&l->arena, sco_str_c(stage)) : NULL;
    if (l->timer && (!stage || l->stage))
        return l;
    if (l->timer)
        event_free(l->timer);
    sco_arena_done(&l->arena);
    free(l);
    return NULL;
}

bool api_log_stream(struct api_call *c)
{
    static const struct timeval stuck = {.tv_sec = FEED_STUCK_MS / 1000};
    struct api_feed *f = api_feed(c->api);
    struct log_reader *l = f->stopping || f->n_logs >= READERS_MAX ? NULL : make(f, c);
    if (!l)
        return false;
    int64_t now = sco_now_ms(), expires = c->who.expires_at;
    l->sent_at = sco_mono_ms();
    l->ends_at = expires && expires < now + FEED_LIFE_MS ? expires : now + FEED_LIFE_MS;
    l->b = api_take(c);
    LIST_INSERT_HEAD(&f->logs, l, in_feed);
    f->n_logs++;
    struct evbuffer *out = bufferevent_get_output(l->b);
    evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
                             "X-Content-Type-Options: nosniff\r\nConnection: close\r\n");
    evbuffer_add_printf(out, "X-Request-Id: %s\r\n\r\nretry: 3000\n\n", c->correlation_id);
    bufferevent_setcb(l->b, on_read, on_written, on_event, l);
    bufferevent_setwatermark(l->b, EV_READ, 0, FEED_INPUT_MAX);
    bufferevent_set_timeouts(l->b, NULL, &stuck);
    bufferevent_enable(l->b, EV_READ | EV_WRITE);
    pause_for(l, 0);
    return true;
}

void log_streams_stop(struct api_feed *f)
{
    while (!LIST_EMPTY(&f->logs))
        drop(LIST_FIRST(&f->logs));
}
