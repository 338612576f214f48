/* The live feed: who reads it, one poll of the store for all of them, their heartbeat. Nothing is
 * asked while nobody reads. */
#include "feed_priv.h"

#include <secureops/threads.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SCO_LOG_MODULE "api"
#include <secureops/log.h>

enum { SEQUENCE = 5000 };

/* ---- texts ---- */
struct feed_text *feed_text_new(const struct sco_event *e, const char *environment)
{
    struct feed_text *t = sco_alloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->refs = 1;
    sco_buf_addf(&t->ws, "{\"position\":%lld,\"event\":", (long long)e->position);
    size_t from = t->ws.n;
    sco_event_write(&t->ws, e, environment);
    struct sco_str envelope = {t->ws.p + from, t->ws.n - from};
    sco_buf_addf(&t->sse, "id: %lld\nevent: %s\ndata: ", (long long)e->position, e->type);
    sco_buf_add(&t->sse, envelope);
    sco_buf_addz(&t->sse, "\n\n");
    sco_buf_addc(&t->ws, '}');
    if (t->sse.failed || t->ws.failed) {
        feed_text_unref(t);
        return NULL;
    }
    return t;
}

void feed_text_unref(struct feed_text *t)
{
    if (--t->refs)
        return;
    sco_buf_done(&t->sse);
    sco_buf_done(&t->ws);
    free(t);
}

/* ---- reading, on a thread ---- */
static void read_run(void *state, void *work)
{
    struct feed_read *r = work;
    struct sco_error err = {0};
    struct sco_store *s = r->store(state);
    if (!s) {
        r->r = SCO_E_NETWORK;
        return;
    }
    r->r = sco_store_events_sequence(s, SEQUENCE, &r->last, &r->more, &err);
    if (r->r == 0 && r->after >= 0)
        r->r = sco_store_events_read(s, r->after, FEED_PAGE, NULL, NULL, &r->page, &err);
    if (r->r < 0)
        sco_log_warning("the feed of events cannot be read: %s; it is tried again", err.text);
}

static void poll_end(struct api_feed *f, struct feed_read *r);

static void read_free(struct feed_read *r)
{
    sco_event_page_done(&r->page);
    free(r);
}

static void read_end(void *work)
{
    struct feed_read *r = work;
    if (r->feed)
        LIST_REMOVE(r, in_feed);
    if (r->feed && r->client)
        feed_client_read(r->client, r);
    else if (r->feed)
        poll_end(r->feed, r);
    read_free(r);
}

int feed_read_start(struct api_feed *f, struct feed_client *c, int64_t after,
                    struct feed_read **ret, struct sco_error *err)
{
    const struct sco_api_options *o = api_options(f->api);
    struct feed_read *r = sco_alloc(1, sizeof *r);
    if (!r)
        return sco_error_nomem(err);
    *r = (struct feed_read){.feed = f, .client = c, .store = o->store, .after = after};
    LIST_INSERT_HEAD(&f->reads, r, in_feed);
    int e = sco_threads_run(o->threads, read_run, read_end, r, err);
    if (e < 0) {
        LIST_REMOVE(r, in_feed);
        free(r);
        return e;
    }
    if (ret)
        *ret = r;
    return 0;
}

/* ---- the poll ---- */
void feed_poll(struct api_feed *f)
{
    if (f->stopping || !f->n)
        return;
    if (f->polling) {
        f->again = true;
        return;
    }
    f->again = false;
    /* too much waits for threads: the timer comes again */
    f->polling = feed_read_start(f, NULL, f->position, NULL, NULL) == 0;
}

static void deliver(struct api_feed *f, const struct sco_event *e)
{
    struct feed_text *t = NULL;
    struct feed_client *c = NULL, *next = NULL;
    for (c = TAILQ_FIRST(&f->clients); c; c = next) {
        next = TAILQ_NEXT(c, in_feed);
        if (c->state != FEED_LIVE || e->position <= c->position)
            continue;
        c->position = e->position;
        if (!feed_wants(c, e))
            continue;
        if (!t && !(t = feed_text_new(e, api_options(f->api)->environment))) {
            feed_client_close(c, "out of memory");
            continue;
        }
        feed_client_send(c, e, t);
    }
    if (t)
        feed_text_unref(t);
}

static void poll_end(struct api_feed *f, struct feed_read *r)
{
    struct feed_client *c = NULL, *next = NULL;
    f->polling = false;
    if (r->r < 0 || f->stopping || !f->n)
        return;
    for (size_t i = 0; i < r->page.n; i++)
        deliver(f, &r->page.v[i]);
    f->position = r->after < 0 ? r->last : r->page.last;
    for (c = TAILQ_FIRST(&f->clients); c; c = next) {
        next = TAILQ_NEXT(c, in_feed);
        if (c->state != FEED_LIVE)
            feed_client_go_on(c);
    }
    if (f->again || r->more || f->position < r->last)
        feed_poll(f);
}

static void on_wake(evutil_socket_t fd, short what, void *user)
{
    struct api_feed *f = user;
    uint64_t n = 0;
    (void)what;
    if (read(fd, &n, sizeof n) == sizeof n)
        feed_poll(f);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct api_feed *f = user;
    struct feed_client *c = NULL, *next = NULL;
    int64_t mono = sco_mono_ms(), now = sco_now_ms();
    (void)fd;
    (void)what;
    for (c = TAILQ_FIRST(&f->clients); c; c = next) {
        next = TAILQ_NEXT(c, in_feed);
        feed_client_tick(c, mono, now);
    }
    if (f->n)
        feed_poll(f);
    else
        event_del(f->timer);
}

void api_feed_wake(struct api_feed *f)
{
    uint64_t one = 1;
    /* a counter that is full has woken it already */
    if (write(f->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
        sco_log_debug("the feed cannot be woken, ignoring");
}

/* ---- life ---- */
int api_feed_new(struct sco_api *a, struct api_feed **ret, struct sco_error *err)
{
    struct event_base *base = api_options(a)->base;
    struct api_feed *f = sco_alloc(1, sizeof *f);
    if (!f)
        return sco_error_nomem(err);
    f->api = a;
    f->position = -1;
    TAILQ_INIT(&f->clients);
    LIST_INIT(&f->reads);
    LIST_INIT(&f->logs);
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->wake_fd >= 0) {
        f->wake = event_new(base, f->wake_fd, EV_READ | EV_PERSIST, on_wake, f);
        f->timer = event_new(base, -1, EV_PERSIST, on_timer, f);
    }
    if (!f->wake || !f->timer || event_add(f->wake, NULL) < 0) {
        api_feed_free(f);
        return sco_error_set(err, SCO_E_IO, "the feed of events cannot be set up");
    }
    *ret = f;
    return 0;
}

void api_feed_stop(struct api_feed *f)
{
    struct feed_client *c = NULL, *next = NULL;
    f->stopping = true;
    log_streams_stop(f);
    for (c = TAILQ_FIRST(&f->clients); c; c = next) {
        next = TAILQ_NEXT(c, in_feed);
        feed_client_close(c, "the server stops; connect again");
    }
}

struct api_feed *api_feed_free(struct api_feed *f)
{
    if (!f)
        return NULL;
    log_streams_stop(f);
    while (!TAILQ_EMPTY(&f->clients))
        feed_client_drop(TAILQ_FIRST(&f->clients));
    while (!LIST_EMPTY(&f->reads)) { /* freed at their end */
        struct feed_read *r = LIST_FIRST(&f->reads);
        LIST_REMOVE(r, in_feed);
        r->feed = NULL;
    }
    if (f->wake)
        event_free(f->wake);
    if (f->timer)
        event_free(f->timer);
    if (f->wake_fd >= 0)
        close(f->wake_fd);
    free(f);
    return NULL;
}
