/* One reader of the feed: it joins at the end or where it was, catches up from the store, and then
 * gets what the poll finds. Who does not read is dropped: it can come again with the last position
 * it has seen, and nothing is kept for it here. */
#include "feed_priv.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

/* ---- filters ---- */
static bool type_matches(const char *want, const char *type)
{
    size_t n = strlen(want);
    if (n && want[n - 1] == '*')
        return strncmp(type, want, n - 1) == 0;
    return strcmp(type, want) == 0;
}

bool feed_wants(const struct feed_client *c, const struct sco_event *e)
{
    struct sco_str key = sco_str_c(e->key);
    if (c->type && !type_matches(c->type, e->type))
        return false;
    if (c->repository && !sco_glob_match(c->repository, key))
        return false;
    bool seen = !c->scope;
    for (const char *const *k = c->scope; k && *k && !seen; k++)
        seen = sco_glob_match(*k, key);
    return seen;
}

static const char *keep(struct feed_client *c, const char *z, bool *failed)
{
    const char *copy = z ? sco_arena_cstr(&c->arena, sco_str_c(z)) : NULL;
    *failed |= z && !copy;
    return copy;
}

static int keep_filters(struct feed_client *c, const struct api_call *call, struct sco_error *err)
{
    const char *const *scope = api_scope(call);
    bool failed = false;
    size_t n = 0;
    c->type = keep(c, api_query(call, "type"), &failed);
    c->repository = keep(c, api_query(call, "repository"), &failed);
    while (scope && scope[n])
        n++;
    const char **copy = scope ? sco_arena_alloc(&c->arena, (n + 1) * sizeof *copy) : NULL;
    for (size_t i = 0; i < n && copy; i++)
        copy[i] = keep(c, scope[i], &failed);
    if (failed || (scope && !copy))
        return sco_error_nomem(err);
    c->scope = copy;
    return 0;
}

/* ---- the end ---- */
void feed_client_drop(struct feed_client *c)
{
    struct api_feed *f = c->feed;
    if (c->reading) {
        LIST_REMOVE(c->reading, in_feed);
        c->reading->feed = NULL; /* freed at its end */
        f->catching_up--;
    }
    TAILQ_REMOVE(&f->clients, c, in_feed);
    if (!--f->n)
        f->position = -1; /* nobody is live: the next one begins at the end there is then */
    if (c->ws)
        feed_ws_free(c);
    api_drop(f->api, c->b);
    sco_arena_done(&c->arena);
    free(c);
}

static size_t pending(const struct feed_client *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->b));
}

void feed_client_close(struct feed_client *c, const char *why)
{
    if (c->state == FEED_CLOSING)
        return;
    c->state = FEED_CLOSING;
    c->close_at = sco_mono_ms() + FEED_STUCK_MS / 3;
    if (c->ws)
        feed_ws_close(c, why);
    else
        feed_client_note(c, why);
    if (!pending(c)) /* else when it is written, or at close_at */
        c->close_at = 0;
}

/* ---- sending ---- */
static void unref_text(const void *data, size_t n, void *user)
{
    (void)data;
    (void)n;
    feed_text_unref(user);
}

void feed_client_note(struct feed_client *c, const char *text)
{
    if (!c->ws)
        evbuffer_add_printf(bufferevent_get_output(c->b), ": %s\n\n", text);
}

void feed_client_send(struct feed_client *c, const struct sco_event *e, struct feed_text *t)
{
    (void)e;
    if (c->state == FEED_CLOSING)
        return;
    if (pending(c) > FEED_PENDING_MAX) {
        feed_client_close(c, "too slow; connect again with Last-Event-ID");
        return;
    }
    c->sent_at = sco_mono_ms();
    if (c->ws) {
        feed_ws_text(c, sco_buf_str(&t->ws));
        return;
    }
    t->refs++;
    if (evbuffer_add_reference(bufferevent_get_output(c->b), t->sse.p, t->sse.n, unref_text, t) <
        0) {
        t->refs--;
        feed_client_close(c, "out of memory");
    }
}

/* ---- catching up ---- */
void feed_client_go_on(struct feed_client *c)
{
    struct api_feed *f = c->feed;
    if (c->state == FEED_CLOSING || c->state == FEED_LIVE || c->reading || f->position < 0)
        return;
    if (c->position < 0 || (c->state == FEED_JOINING && c->position > f->position))
        c->position = f->position; /* from now on; or another feed's position */
    if (c->position >= f->position) {
        c->state = FEED_LIVE;
        return;
    }
    c->state = FEED_CATCHING_UP;
    if (pending(c) > FEED_CATCH_UP_PENDING || f->catching_up >= FEED_CATCH_UPS)
        return; /* the timer comes again */
    if (feed_read_start(f, c, c->position, &c->reading, NULL) == 0)
        f->catching_up++;
}

static void tell_gap(struct feed_client *c, int64_t first)
{
    char text[96];
    snprintf(text, sizeof text, "{\"gone\":{\"from\":%lld,\"to\":%lld}}",
             (long long)c->position + 1, (long long)first - 1);
    if (c->ws)
        feed_ws_text(c, sco_str_c(text));
    else
        evbuffer_add_printf(bufferevent_get_output(c->b), "event: feed.gone\ndata: %s\n\n", text);
}

void feed_client_read(struct feed_client *c, struct feed_read *r)
{
    c->reading = NULL;
    c->feed->catching_up--;
    if (r->r < 0)
        return; /* the timer comes again */
    if (r->page.first > c->position + 1)
        tell_gap(c, r->page.first);
    for (size_t i = 0; i < r->page.n; i++) {
        const struct sco_event *e = &r->page.v[i];
        struct feed_text *t =
            feed_wants(c, e) ? feed_text_new(e, api_options(c->feed->api)->environment) : NULL;
        if (t) {
            feed_client_send(c, e, t);
            feed_text_unref(t);
        } else if (feed_wants(c, e))
            feed_client_close(c, "out of memory");
        if (c->state == FEED_CLOSING)
            return;
        c->position = e->position;
    }
    c->position = r->page.last;
    feed_client_go_on(c);
}

/* ---- the connection ---- */
static void on_written(struct bufferevent *b, void *user)
{
    struct feed_client *c = user;
    (void)b;
    if (c->state == FEED_CLOSING && !pending(c))
        feed_client_drop(c);
    else if (c->state == FEED_CATCHING_UP)
        feed_client_go_on(c);
}

static void on_read(struct bufferevent *b, void *user)
{
    struct feed_client *c = user;
    struct evbuffer *in = bufferevent_get_input(b);
    c->heard_at = sco_mono_ms();
    if (c->ws) {
        if (!feed_ws_read(c))
            feed_client_drop(c);
        return;
    }
    evbuffer_drain(in, evbuffer_get_length(in)); /* nothing is expected of it */
}

static void on_event(struct bufferevent *b, short what, void *user)
{
    (void)b;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
        feed_client_drop(user);
}

void feed_client_tick(struct feed_client *c, int64_t mono, int64_t now)
{
    if (c->state == FEED_CLOSING) {
        if (!pending(c) || mono >= c->close_at)
            feed_client_drop(c);
        return;
    }
    if (now >= c->ends_at) {
        feed_client_close(c, "connect again, with a token that is good");
        return;
    }
    if (c->ws && mono - c->heard_at > 3 * FEED_BEAT_MS) {
        feed_client_drop(c);
        return;
    }
    if (mono - c->sent_at >= FEED_BEAT_MS) {
        c->sent_at = mono;
        if (c->ws)
            feed_ws_ping(c);
        else
            feed_client_note(c, "still here");
    }
    feed_client_go_on(c);
}

static void write_head(struct feed_client *c, const struct api_call *call, const char *accept)
{
    struct evbuffer *out = bufferevent_get_output(c->b);
    if (accept)
        evbuffer_add_printf(out,
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                            accept);
    else
        evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                 "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
                                 "X-Content-Type-Options: nosniff\r\nConnection: close\r\n");
    for (size_t i = 0; i < call->n_headers; i++)
        evbuffer_add_printf(out, "%s: %s\r\n", call->headers[i].name, call->headers[i].value);
    evbuffer_add_printf(out, "X-Request-Id: %s\r\n\r\n%s", call->correlation_id,
                        accept ? "" : "retry: 3000\n\n");
}

/* Last-Event-ID of a browser that comes again is later than the query it was made with. */
static int start_of(struct api_call *call, int64_t *ret, struct sco_error *err)
{
    const char *id = api_request_header(call, "Last-Event-ID");
    *ret = -1;
    if (!id || !*id)
        return api_query_i64(call, "after", 0, INT64_MAX, ret, err);
    if (sco_parse_i64(sco_str_c(id), 0, INT64_MAX, ret) < 0)
        return api_fault(call, err, "Last-Event-ID", "is no position of the feed");
    return 0;
}

int feed_join(struct api_call *call, bool ws, struct sco_error *err)
{
    static const struct timeval stuck = {.tv_sec = FEED_STUCK_MS / 1000};
    static const struct timeval second = {.tv_sec = FEED_POLL_MS / 1000};
    struct api_feed *f = api_feed(call->api);
    char accept[32];
    int64_t after = -1;
    int r = start_of(call, &after, err);
    if (r == 0 && ws)
        r = feed_ws_accept(call, accept, err);
    if (r < 0)
        return r;
    if (f->stopping)
        return api_problem(call, 503, err, "the server stops");
    struct feed_client *c = sco_alloc(1, sizeof *c);
    if (!c)
        return sco_error_nomem(err);
    c->feed = f;
    c->position = after;
    r = keep_filters(c, call, err);
    if (r == 0 && ws)
        r = feed_ws_open(c, err);
    if (r == 0 && !(c->b = api_take(call)))
        r = sco_error_nomem(err);
    if (r < 0) {
        if (c->ws)
            feed_ws_free(c);
        sco_arena_done(&c->arena);
        free(c);
        return r;
    }
    int64_t now = sco_now_ms(), expires = call->who.expires_at;
    c->sent_at = c->heard_at = sco_mono_ms();
    c->ends_at = expires && expires < now + FEED_LIFE_MS ? expires : now + FEED_LIFE_MS;
    TAILQ_INSERT_TAIL(&f->clients, c, in_feed);
    if (!f->n++)
        event_add(f->timer, &second);
    write_head(c, call, ws ? accept : NULL);
    bufferevent_setcb(c->b, on_read, on_written, on_event, c);
    bufferevent_setwatermark(c->b, EV_READ, 0, FEED_INPUT_MAX);
    bufferevent_set_timeouts(c->b, NULL, &stuck);
    bufferevent_enable(c->b, EV_READ | EV_WRITE);
    if (evbuffer_get_length(bufferevent_get_input(c->b)))
        bufferevent_trigger(c->b, EV_READ, 0);
    if (f->position < 0)
        feed_poll(f);
    else
        feed_client_go_on(c);
    return 0;
}
