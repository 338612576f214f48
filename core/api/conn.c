/* Connections: bytes in, one request at a time, bytes out. On the loop.
 *
 * A connection that is not done in time is closed by the sweep, once a second: a head has
 * `request_ms` from its first byte on, however it trickles; a body has a minimal rate. */
#include "server_priv.h"

#include <event2/buffer.h>
#include <netdb.h>
#include <stdlib.h>

enum { SPARE_MAX = 64, SPARE_BUF = 64 << 10 };

struct api_exchange *api_exchange_new(struct sco_api *a)
{
    struct api_exchange *x = a->spare;
    if (x) {
        a->spare = x->next;
        a->n_spare--;
    } else {
        x = sco_alloc(1, sizeof *x);
    }
    if (!x)
        return NULL;
    x->api = a;
    x->spool_fd = -1;
    x->call.api = a;
    x->call.x = x;
    x->call.reply_fd = -1;
    x->call.out = (struct sco_json_out){.b = &x->call.reply};
    x->started = sco_mono_ns();
    return x;
}

static struct sco_buf keep_buf(struct sco_buf *b)
{
    if (b->cap > SPARE_BUF)
        sco_buf_done(b);
    sco_buf_clear(b);
    return *b;
}

void api_exchange_free(struct api_exchange *x)
{
    if (!x)
        return;
    struct sco_api *a = x->api;
    api_hooks_let_go(x);
    api_idempotent_leave(x);
    api_upload_end(x);
    if (x->call.reply_fd >= 0)
        sco_fd_cleanup_(&x->call.reply_fd);
    api_principal_unref(x->principal);
    sco_arena_reset(&x->call.arena);
    struct sco_arena arena = x->call.arena;
    struct sco_buf raw = keep_buf(&x->raw), body = keep_buf(&x->body),
                   reply = keep_buf(&x->call.reply), lines = keep_buf(&x->lines);
    size_t head_at = offsetof(struct api_exchange, head);
    memset(x, 0, head_at); /* the headers of the head are not looked at beyond their count */
    size_t raw_at = offsetof(struct api_exchange, raw);
    memset((char *)x + raw_at, 0, sizeof *x - raw_at);
    x->api = a;
    x->call.arena = arena;
    x->call.reply = reply;
    x->raw = raw;
    x->body = body;
    x->lines = lines;
    if (a->n_spare < SPARE_MAX && !a->dead) {
        x->next = a->spare;
        a->spare = x;
        a->n_spare++;
        return;
    }
    sco_arena_done(&x->call.arena);
    sco_buf_done(&x->raw);
    sco_buf_done(&x->body);
    sco_buf_done(&x->lines);
    sco_buf_done(&x->call.reply);
    free(x);
}

void api_conn_close(struct conn *c)
{
    struct sco_api *a = c->api;
    if (c->looping) {
        c->gone = true; /* api_conn_continue does it */
        return;
    }
    if (c->x) {
        c->x->conn = NULL;
        if (!c->x->on_thread)
            api_exchange_free(c->x); /* else at its end */
    }
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    if (c->bev) {
        api_tls_goodbye(c->bev);
        bufferevent_free(c->bev);
    }
    free(c);
    a->n_conns--;
    if (a->paused)
        event_active(a->resume, 0, 0);
}

static void linger(struct conn *c)
{
    api_tls_goodbye(c->bev);
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    c->state = CONN_LINGER;
    c->deadline = sco_mono_ms() + LINGER_MS;
}

/* Everything was sent to a client that is to go. A close with bytes unread would be a reset, which
 * takes the reply from the client's hands: they are read for a moment. */
static void finish(struct conn *c)
{
    if (c->eof)
        api_conn_close(c);
    else
        linger(c);
}

static void on_write(struct bufferevent *b, void *user)
{
    struct conn *c = user;
    (void)b;
    if (c->close && c->state != CONN_LINGER && !c->x) {
        finish(c);
        return;
    }
    if (c->state == CONN_REPLY) {
        c->state = CONN_HEAD;
        c->deadline = sco_mono_ms() + c->api->o->idle_ms;
        api_conn_continue(c);
    }
}

void api_conn_replied(struct conn *c, bool close)
{
    int64_t now = sco_mono_ms();
    size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));
    c->x = NULL;
    c->began = 0;
    c->scanned = 0;
    c->close |= close;
    c->unsent = unsent;
    if (c->close) {
        c->state = CONN_REPLY;
        c->deadline = now + c->api->o->request_ms;
        if (unsent == 0)
            finish(c);
        return;
    }
    c->state = unsent > REPLY_BACKLOG ? CONN_REPLY : CONN_HEAD;
    c->deadline = now + (c->state == CONN_REPLY ? c->api->o->request_ms : c->api->o->idle_ms);
    if (c->state == CONN_HEAD)
        api_conn_continue(c);
}

/* true: go on, there may be more. */
static bool take_head(struct conn *c, struct evbuffer *in)
{
    size_t n = evbuffer_get_length(in);
    if (n == 0)
        return false;
    if (!c->began) {
        c->began = sco_mono_ms();
        c->deadline = c->began + c->api->o->request_ms;
    }
    if (n > HTTP_HEAD_MAX)
        n = HTTP_HEAD_MAX;
    const char *p = (const char *)evbuffer_pullup(in, (ev_ssize_t)n);
    long end = p ? http_head_end(sco_str_make(p, n), &c->scanned) : -500;
    if (end == 0)
        return false;
    if (end < 0) {
        int status = end == -431 && !memchr(p, '\n', n) ? 414 : (int)-end;
        api_reply_raw(c, status,
                      status == 414   ? "the target is too long"
                      : status == 431 ? "the headers are too long"
                                      : "a line ends without CR");
        return false;
    }
    struct api_exchange *x = api_exchange_new(c->api);
    if (x)
        sco_buf_add(&x->raw, sco_str_make(p, (size_t)end));
    if (!x || x->raw.failed) {
        api_exchange_free(x);
        api_reply_raw(c, 503, "out of memory");
        return false;
    }
    evbuffer_drain(in, (size_t)end);
    const char *why = NULL;
    int status = http_head_parse(sco_buf_str(&x->raw), &x->head, &why);
    if (status) {
        api_exchange_free(x);
        api_reply_raw(c, status, why);
        return false;
    }
    c->x = x;
    x->conn = c;
    c->state = CONN_BUSY;
    c->deadline = 0;
    api_request_begin(x);
    return true;
}

static bool too_long(struct api_exchange *x)
{
    return (uint64_t)x->received > api_body_limit(x);
}

static void keep_body(struct api_exchange *x, struct sco_str data)
{
    x->received += (int64_t)data.n;
    if (x->spool_fd >= 0)
        api_upload_take(x, data);
    else
        sco_buf_add(&x->body, data);
}

/* One contiguous piece. -1: malformed. */
static int take_piece(struct api_exchange *x, struct evbuffer *in)
{
    size_t n = evbuffer_get_contiguous_space(in), used;
    const char *p = (const char *)evbuffer_pullup(in, (ev_ssize_t)n);
    struct sco_str data = {p, 0};
    if (x->head.chunked) {
        int r = http_chunks_take(&x->chunks, sco_str_make(p, n), &used, &data);
        if (r < 0)
            return -1;
        x->body_done = r == 0;
    } else {
        int64_t left = x->head.content_length - x->received;
        used = (int64_t)n < left ? n : (size_t)left;
        data.n = used;
        x->body_done = (int64_t)used == left;
    }
    keep_body(x, data);
    evbuffer_drain(in, used);
    return 0;
}

/* A body may pause, and may be slow, but not both for long. */
static void moves(struct conn *c, const struct api_exchange *x)
{
    int64_t pause = sco_mono_ms() + x->api->o->request_ms;
    int64_t slow = c->began + x->api->o->request_ms + x->received * 1000 / MIN_RATE;
    c->deadline = pause < slow ? pause : slow;
}

static bool take_body(struct conn *c, struct evbuffer *in)
{
    struct api_exchange *x = c->x;
    size_t taken = 0;
    while (!x->body_done && evbuffer_get_length(in) && taken < UPLOAD_WINDOW && !x->spooling) {
        size_t before = evbuffer_get_length(in);
        if (take_piece(x, in) < 0) {
            api_request_refuse(x, 400, "malformed chunk");
            return false;
        }
        taken += before - evbuffer_get_length(in);
        moves(c, x);
        if (too_long(x)) {
            api_request_refuse(x, 413, "the body is too long");
            return false;
        }
        if (x->body.failed || (x->entry->route->flags & API_DELIVERY &&
                               !api_hooks_hold(x, x->body.n - x->delivery_bytes))) {
            api_header(&x->call, "Retry-After", "5");
            api_request_refuse(x, 503, "out of memory");
            return false;
        }
    }
    if (x->spooling || (x->spool_fd >= 0 && api_upload_flush(x)))
        return false;
    if (!x->body_done)
        return evbuffer_get_length(in) > 0;
    c->state = CONN_BUSY;
    c->deadline = 0;
    api_request_body(x);
    return true;
}

/* A loop and no recursion: a client may send a thousand requests at once. */
void api_conn_continue(struct conn *c)
{
    if (c->looping) {
        c->again = true;
        return;
    }
    struct sco_api *a = c->api;
    c->looping = true;
    bool go = true;
    while ((go || c->again) && !c->gone) {
        c->again = false;
        struct evbuffer *in = bufferevent_get_input(c->bev);
        go = c->state == CONN_HEAD   ? take_head(c, in)
             : c->state == CONN_BODY ? take_body(c, in)
                                     : false;
    }
    c->looping = false;
    if (c->gone) {
        api_conn_close(c);
        return;
    }
    if (c->state == CONN_LINGER)
        evbuffer_drain(bufferevent_get_input(c->bev),
                       evbuffer_get_length(bufferevent_get_input(c->bev)));
    bool idle = c->state == CONN_HEAD && !c->began;
    size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));
    if (c->state == CONN_HEAD && (c->eof || (a->stopping && idle))) {
        c->close = true;
        if (unsent == 0)
            api_conn_close(c);
    }
}

static void on_read(struct bufferevent *b, void *user)
{
    (void)b;
    api_conn_continue(user);
}

static void on_event(struct bufferevent *b, short what, void *user)
{
    struct conn *c = user;
    (void)b;
    if (what & BEV_EVENT_CONNECTED)
        return;
    bool half_closed = (what & BEV_EVENT_EOF) && !(what & BEV_EVENT_ERROR);
    c->eof = true;
    /* Who has said all and reads on still gets what is under way. */
    if (half_closed && (c->state == CONN_BUSY || c->state == CONN_REPLY))
        return;
    if (half_closed && c->state == CONN_HEAD &&
        evbuffer_get_length(bufferevent_get_output(c->bev))) {
        c->close = true;
        return;
    }
    api_conn_close(c);
}

void api_conn_accept(struct sco_api *a, int fd, const struct sockaddr *peer, int len)
{
    struct conn *c = sco_alloc(1, sizeof *c);
    struct bufferevent *b = !c ? NULL
                            : a->tls
                                ? api_tls_accept(a->o->base, a->tls, fd)
                                : bufferevent_socket_new(a->o->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!b) {
        free(c);
        sco_fd_cleanup_(&fd);
        return;
    }
    c->api = a;
    c->bev = b;
    c->local = peer->sa_family == AF_UNIX;
    if (c->local || getnameinfo(peer, (socklen_t)len, c->address, sizeof c->address, NULL, 0,
                                NI_NUMERICHOST) != 0)
        snprintf(c->address, sizeof c->address, "unix");
    c->next = a->conns;
    c->at = &a->conns;
    if (c->next)
        c->next->at = &c->next;
    a->conns = c;
    a->n_conns++;
    c->deadline = sco_mono_ms() + a->o->request_ms;
    bufferevent_setcb(b, on_read, on_write, on_event, c);
    bufferevent_setwatermark(b, EV_READ, 0, BODY_WINDOW);
    bufferevent_enable(b, EV_READ | EV_WRITE);
}

/* A reply and a body that move are given time. */
static bool is_late(struct conn *c, int64_t now)
{
    if (!c->deadline || now < c->deadline)
        return false;
    size_t unsent = evbuffer_get_length(bufferevent_get_output(c->bev));
    if (c->state == CONN_REPLY && unsent + MIN_RATE <= c->unsent) {
        c->unsent = unsent;
        c->deadline = now + c->api->o->request_ms;
        return false;
    }
    return !(c->state == CONN_BODY && c->x && c->x->spooling);
}

void api_conn_sweep(struct sco_api *a)
{
    int64_t now = sco_mono_ms();
    for (struct conn *c = a->conns, *next; c; c = next) {
        next = c->next;
        if (!is_late(c, now))
            continue;
        if ((c->state == CONN_HEAD && c->began) || c->state == CONN_BODY) {
            if (c->x)
                api_request_refuse(c->x, 408, "the request took too long to come");
            else
                api_reply_raw(c, 408, "the request took too long to come");
        } else {
            api_conn_close(c);
        }
    }
}

struct bufferevent *api_take(struct api_call *call)
{
    struct conn *c = call->x->conn;
    struct bufferevent *b = c->bev;
    bufferevent_setcb(b, NULL, NULL, NULL, NULL);
    bufferevent_disable(b, EV_READ | EV_WRITE);
    bufferevent_setwatermark(b, EV_READ, 0, 0);
    c->bev = NULL;
    c->x = NULL;
    call->x->conn = NULL;
    call->taken = true;
    c->api->n_taken++;
    return b;
}

void api_drop(struct sco_api *a, struct bufferevent *b)
{
    api_tls_goodbye(b);
    bufferevent_free(b);
    a->n_taken--;
    if (a->paused)
        event_active(a->resume, 0, 0);
}
