/* The live feed over real connections (socket pairs), a real store and real threads; the server is
 * played: it gives connections away and takes them back. */
#include "feed_priv.h"

#include <secureops/fs.h>
#include <secureops/threads.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define TEST(name) static void name(void **state)
#define WORLD struct world *w = *state
enum { HEADERS = 8, WAIT_MS = 10000 };

static struct sco_error err;
#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

/* ---- the server ---- */
struct sco_api { /* the test's own */
    struct sco_api_options o;
    struct api_feed *feed;
    int given, dropped;
    struct api_pair headers[HEADERS];
    int fd; /* the connection that is taken next */
};
const struct sco_api_options *api_options(const struct sco_api *a)
{
    return &a->o;
}
struct api_feed *api_feed(const struct sco_api *a)
{
    return a->feed;
}
const char *api_request_header(const struct api_call *c, const char *name)
{
    for (size_t i = 0; i < HEADERS && c->api->headers[i].name; i++)
        if (strcasecmp(c->api->headers[i].name, name) == 0)
            return c->api->headers[i].value;
    return NULL;
}
struct bufferevent *api_take(struct api_call *c)
{
    c->api->given++;
    return bufferevent_socket_new(c->api->o.base, c->api->fd, BEV_OPT_CLOSE_ON_FREE);
}
void log_streams_stop(struct api_feed *f) /* there are none */
{
    (void)f;
}

void api_drop(struct sco_api *a, struct bufferevent *b)
{
    a->dropped++;
    bufferevent_free(b);
}

/* ---- the world ---- */
struct world {
    char *dir, where[256];
    struct sco_store *s;
    struct sco_api api;
};

static void *open_state(void *user)
{
    struct world *w = user;
    struct sco_store *s = NULL;
    struct sco_store_options o = {.where = w->where, .create = true};
    return sco_store_open(&o, &s, NULL) == 0 ? s : NULL;
}

static void close_state(void *user, void *state)
{
    (void)user;
    sco_store_close(state);
}

static struct sco_store *store_of(void *state)
{
    return state;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sco_store_context c = {.source = "node-1"};
    ok(sco_fs_mkdtemp(NULL, "sco-feed-", &w->dir, &err));
    snprintf(w->where, sizeof w->where, "%s/store.db", w->dir);
    w->s = open_state(w);
    assert_non_null(w->s);
    ok(sco_store_set_context(w->s, &c, &err));
    struct sco_threads_options t = {
        .name = "feed", .n = 2, .start = open_state, .stop = close_state, .user = w};
    w->api.o.base = event_base_new();
    ok(sco_threads_new(w->api.o.base, &t, &w->api.o.threads, &err));
    w->api.o.store = store_of;
    ok(api_feed_new(&w->api, &w->api.feed, &err));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    api_feed_free(w->api.feed); /* what threads still read for it comes to its end alone */
    sco_threads_free(w->api.o.threads);
    assert_int_equal(w->api.given, w->api.dropped);
    event_base_free(w->api.o.base);
    sco_store_close(w->s);
    sco_fs_remove_tree(w->dir);
    free(w->dir);
    free(w);
    return 0;
}

static void add(struct world *w, const char *type, const char *key, const char *data)
{
    struct sco_event e = {.type = type, .key = key, .data = data};
    ok(sco_store_event_add(w->s, &e, &err));
    api_feed_wake(w->api.feed);
}

/* ---- a reader: its end of the connection ---- */
struct reader {
    struct world *w;
    int fd;
    struct sco_buf got;
    bool eof;
    int answer, status; /* what the handler returned */
};
struct ask {
    const char *path, *after, *type, *repository;
    const char *const *scope;
    struct api_pair headers[HEADERS];
    int64_t expires_at;
};

static const struct api_route *route_of(const char *path)
{
    for (const struct api_route *r = api_routes_events; r->method; r++)
        if (strcmp(r->path, path) == 0)
            return r;
    return NULL;
}

static void join(struct world *w, const struct ask *a, struct reader *ret)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    w->api.fd = pair[0];
    memcpy(w->api.headers, a->headers, sizeof a->headers);
    struct api_call c = {.api = &w->api, .method = "GET", .path = a->path, .reply_fd = -1};
    const char *names[] = {"after", "type", "repository"};
    const char *values[] = {a->after, a->type, a->repository};
    for (size_t i = 0; i < 3; i++)
        if (values[i])
            c.query[c.n_query++] = (struct api_pair){names[i], values[i]};
    c.route = route_of(a->path);
    c.who.repositories = a->scope;
    c.who.expires_at = a->expires_at;
    snprintf(c.correlation_id, sizeof c.correlation_id, "c-1");
    int given = w->api.given;
    *ret = (struct reader){.w = w, .fd = pair[1]};
    ret->answer = c.route->handler(&c, &err);
    ret->status = c.status;
    if (w->api.given == given)
        close(pair[0]);
    sco_arena_done(&c.arena);
}

static void take(struct reader *r)
{
    char chunk[16384];
    ssize_t n = 0;
    while ((n = read(r->fd, chunk, sizeof chunk)) > 0)
        sco_buf_add(&r->got, sco_str_make(chunk, (size_t)n));
    r->eof |= n == 0;
}

static void turn(struct reader *r) /* the loop, for a moment */
{
    struct timeval soon = {.tv_usec = 5000};
    event_base_loopexit(r->w->api.o.base, &soon);
    event_base_dispatch(r->w->api.o.base);
    take(r);
}

static bool until(struct reader *r, const char *text)
{
    take(r);
    for (int64_t end = sco_mono_ms() + WAIT_MS; sco_mono_ms() < end; turn(r))
        if (text ? r->got.n && memmem(r->got.p, r->got.n, text, strlen(text)) : r->eof)
            return true;
    return false;
}

static unsigned times(const struct reader *r, const char *text)
{
    unsigned n = 0;
    const char *p = r->got.p, *end = p + r->got.n;
    while (p && (p = memmem(p, (size_t)(end - p), text, strlen(text)))) {
        p++;
        n++;
    }
    return n;
}

static void leave(struct reader *r)
{
    close(r->fd);
    sco_buf_done(&r->got);
}
#define STREAM "/api/v1/events/stream"
#define SOCKET "/api/v1/events/ws"

/* ---- tests ---- */
TEST(what_comes_is_sent)
{
    WORLD;
    struct reader r;
    add(w, "security.scan.started", "a", "{\"n\":0}");
    join(w, &(struct ask){.path = STREAM}, &r);
    assert_int_equal(r.answer, 0);
    assert_true(until(&r, "retry: 3000\n\n"));
    assert_int_equal(times(&r, "HTTP/1.1 200 OK\r\n"), 1);
    assert_int_equal(times(&r, "Content-Type: text/event-stream\r\n"), 1);
    assert_int_equal(times(&r, "X-Request-Id: c-1\r\n\r\n"), 1);
    for (int i = 0; i < 200 && w->api.feed->position != 1; i++)
        turn(&r);
    add(w, "security.scan.completed", "a", "{\"n\":1}");
    assert_true(until(&r, "\"n\":1"));
    assert_int_equal(times(&r, "\"n\":0"), 0); /* was before */
    assert_int_equal(times(&r, "id: 2\nevent: security.scan.completed\ndata: {\"event_id\":\""), 1);
    leave(&r);
}

TEST(who_comes_again_misses_nothing)
{
    WORLD;
    struct reader r;
    char data[32];
    for (int i = 1; i <= 1200; i++) {
        snprintf(data, sizeof data, "{\"n\":%d}", i);
        add(w, "t", "a", data);
    }
    struct ask a = {.path = STREAM, .after = "1000", .headers = {{"Last-Event-ID", "100"}}};
    join(w, &a, &r);
    assert_true(until(&r, "id: 1200\n"));
    add(w, "t", "a", "{\"n\":1201}");
    assert_true(until(&r, "id: 1201\n"));
    assert_int_equal(times(&r, "\nevent: t\n"), 1101);
    for (int i = 101; i <= 1201; i++) {
        snprintf(data, sizeof data, "\nid: %d\n", i);
        assert_int_equal(times(&r, data), 1);
    }
    leave(&r);
}

TEST(what_retention_took_is_named)
{
    WORLD;
    struct reader r;
    uint64_t gone = 0;
    bool more = false;
    int64_t last = 0;
    for (int i = 0; i < 10; i++) {
        struct sco_event e = {.type = "t", .key = "k", .at = i < 6 ? 10 : 20};
        ok(sco_store_event_add(w->s, &e, &err));
    }
    ok(sco_store_events_sequence(w->s, 100, &last, &more, &err));
    ok(sco_store_events_retain(w->s, 15, NULL, &gone, &err));
    join(w, &(struct ask){.path = STREAM, .after = "3"}, &r);
    assert_true(until(&r, "id: 10\n"));
    assert_int_equal(times(&r, "event: feed.gone\ndata: {\"gone\":{\"from\":4,\"to\":6}}\n\n"), 1);
    assert_int_equal(times(&r, "event: t\n"), 4);
    leave(&r);
}

TEST(everybody_gets_what_they_may_see_and_want)
{
    WORLD;
    static const char *const scope[] = {"team/*", NULL};
    struct reader all, scoped, typed, repository;
    join(w, &(struct ask){.path = STREAM, .after = "0"}, &all);
    join(w, &(struct ask){.path = STREAM, .after = "0", .scope = scope}, &scoped);
    join(w, &(struct ask){.path = STREAM, .after = "0", .type = "security.*"}, &typed);
    join(w, &(struct ask){.path = STREAM, .after = "0", .repository = "team/b", .scope = scope},
         &repository);
    for (int round = 0; round < 2; round++) { /* from the store, and live */
        add(w, "security.scan.started", "team/a", "{}");
        add(w, "security.scan.started", "other/a", "{}");
        add(w, "notification.alert", "team/b", "{}");
        add(w, "security.scan.rejected", "", "{}");
        const char *last = round ? "id: 8\n" : "id: 4\n";
        assert_true(until(&all, last));
        assert_true(until(&typed, last));
        assert_true(until(&scoped, round ? "id: 7\n" : "id: 3\n"));
        assert_true(until(&repository, round ? "id: 7\n" : "id: 3\n"));
    }
    assert_int_equal(times(&all, "\nevent: "), 8);
    assert_int_equal(times(&scoped, "\nevent: "), 4);
    assert_int_equal(times(&scoped, "other/a"), 0);
    assert_int_equal(times(&typed, "\nevent: "), 6);
    assert_int_equal(times(&repository, "\nevent: "), 2);
    leave(&all);
    leave(&scoped);
    leave(&typed);
    leave(&repository);
}

TEST(who_does_not_read_is_dropped)
{
    WORLD;
    struct reader slow, fast;
    SCO_AUTO(sco_free) char *data = sco_alloc(1, 40000);
    snprintf(data, 40000, "{\"pad\":\"%030000d\"}", 0);
    join(w, &(struct ask){.path = STREAM, .after = "0"}, &slow);
    join(w, &(struct ask){.path = STREAM, .after = "0"}, &fast);
    assert_true(until(&fast, "retry"));
    for (int i = 1; i <= 60 && !slow.eof; i++) {
        char id[24];
        add(w, "t", "k", data);
        snprintf(id, sizeof id, "id: %d\n", i);
        assert_true(until(&fast, id));
        struct feed_client *c = TAILQ_FIRST(&w->api.feed->clients);
        assert_true(evbuffer_get_length(bufferevent_get_output(c->b)) <
                    FEED_PENDING_MAX + 2 * 40000);
    }
    assert_true(until(&slow, NULL)); /* now it reads: what was sent, and why it ends */
    assert_int_equal(times(&slow, ": too slow; connect again with Last-Event-ID\n\n"), 1);
    assert_int_equal(times(&fast, "event: t\n"), 60);
    leave(&slow);
    leave(&fast);
}

TEST(a_stream_ends_with_its_token_and_with_the_server)
{
    WORLD;
    struct reader expired, good;
    join(w, &(struct ask){.path = STREAM, .expires_at = sco_now_ms() - 1}, &expired);
    join(w, &(struct ask){.path = STREAM, .expires_at = sco_now_ms() + 3600000}, &good);
    assert_true(until(&expired, NULL));
    assert_int_equal(times(&expired, ": connect again, with a token that is good\n\n"), 1);
    assert_false(good.eof);
    api_feed_stop(w->api.feed);
    assert_true(until(&good, NULL));
    assert_int_equal(times(&good, ": the server stops; connect again\n\n"), 1);
    leave(&expired);
    leave(&good);
    join(w, &(struct ask){.path = STREAM}, &good);
    assert_true(good.answer < 0);
    assert_int_equal(good.status, 503);
    leave(&good);
}

TEST(a_reader_that_goes_is_forgotten)
{
    WORLD;
    struct reader r[3];
    for (int i = 0; i < 3; i++)
        join(w, &(struct ask){.path = i == 2 ? STREAM : STREAM, .after = "0"}, &r[i]);
    assert_true(until(&r[0], "retry"));
    assert_int_equal(w->api.feed->n, 3);
    close(r[1].fd);
    for (int i = 0; i < 200 && w->api.feed->n == 3; i++)
        turn(&r[0]);
    assert_int_equal(w->api.feed->n, 2);
    close(r[2].fd);
    r[1].fd = r[2].fd = -1;
    leave(&r[0]);
    sco_buf_done(&r[1].got);
    sco_buf_done(&r[2].got);
}

TEST(a_position_that_is_none_is_refused)
{
    WORLD;
    struct reader r;
    join(w, &(struct ask){.path = STREAM, .after = "-1"}, &r);
    assert_int_equal(r.answer, SCO_E_INVALID);
    leave(&r);
    join(w, &(struct ask){.path = STREAM, .headers = {{"Last-Event-ID", "x"}}}, &r);
    assert_int_equal(r.answer, SCO_E_INVALID);
    leave(&r);
}

/* ---- WebSocket ---- */
#define UPGRADE                                                                                    \
    {"Upgrade", "websocket"}, {"Connection", "keep-alive, Upgrade"},                               \
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},                                         \
    {                                                                                              \
        "Sec-WebSocket-Version", "13"                                                              \
    }

static void send_frame(struct reader *r, uint8_t opcode, const char *text)
{
    uint8_t frame[128] = {(uint8_t)(0x80 | opcode), (uint8_t)(0x80 | strlen(text)), 1, 2, 3, 4};
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        frame[6 + i] = (uint8_t)text[i] ^ frame[2 + i % 4];
    assert_int_equal(write(r->fd, frame, n + 6), n + 6);
}

TEST(a_websocket_gets_the_same)
{
    WORLD;
    struct reader r;
    add(w, "security.scan.started", "a", "{\"n\":1}");
    join(w, &(struct ask){.path = SOCKET, .after = "0", .headers = {UPGRADE}}, &r);
    assert_int_equal(r.answer, 0);
    assert_true(until(&r, "{\"position\":1,\"event\":{\"event_id\":\""));
    /* the example of RFC 6455 */
    assert_int_equal(times(&r, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"), 1);
    assert_int_equal(times(&r, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), 1);
    send_frame(&r, 1, "hello"); /* ignored */
    send_frame(&r, 9, "ping");
    assert_true(until(&r, "\x8a\x04ping"));
    send_frame(&r, 8, "\x03\xe8");
    assert_true(until(&r, NULL));
    assert_int_equal(times(&r, "\x88\x02\x03\xe8"), 1);
    leave(&r);
}

TEST(frames_that_are_wrong_end_it)
{
    WORLD;
    struct reader r;
    static const char unmasked[] = "\x81\x05hello";
    join(w, &(struct ask){.path = SOCKET, .headers = {UPGRADE}}, &r);
    assert_int_equal(write(r.fd, unmasked, 7), 7);
    assert_true(until(&r, NULL));
    leave(&r);
    join(w, &(struct ask){.path = SOCKET, .headers = {UPGRADE}}, &r); /* and one that is too long */
    static const char big[32] = "\x82\xff\0\0\0\0\0\x10\0\0";
    assert_int_equal(write(r.fd, big, sizeof big), sizeof big);
    assert_true(until(&r, NULL));
    leave(&r);
}

TEST(what_is_no_websocket_is_told)
{
    WORLD;
    struct reader r;
    join(w, &(struct ask){.path = SOCKET}, &r);
    assert_int_equal(r.status, 426);
    leave(&r);
    struct ask a = {.path = SOCKET, .headers = {UPGRADE}};
    a.headers[3].value = "8";
    join(w, &a, &r);
    assert_int_equal(r.status, 426);
    leave(&r);
    a = (struct ask){.path = SOCKET, .headers = {UPGRADE}};
    a.headers[2].value = "c2hvcnQ=";
    join(w, &a, &r);
    assert_int_equal(r.answer, SCO_E_INVALID);
    leave(&r);
}

/* ---- many ---- */
static long resident_kib(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &all, &pages), 2);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Both ends are in this process: what the server's own costs is less still. */
TEST(five_thousand_readers_in_a_hundred_megabytes)
{
    WORLD;
    enum { READERS = 5000 };
    struct rlimit before, more = {2 * READERS + 100, 2 * READERS + 100};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    if (before.rlim_max < more.rlim_cur) {
        print_message("skipped: no more than %lu descriptors\n", (unsigned long)before.rlim_max);
        skip();
    }
    more.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
    static const char *const scope[] = {"team/*", "other/*", NULL};
    struct reader *r = calloc(READERS, sizeof *r);
    long kib = resident_kib();
    for (int i = 0; i < READERS; i++)
        join(w, &(struct ask){.path = STREAM, .after = "0", .scope = i % 2 ? scope : NULL}, &r[i]);
    assert_true(until(&r[READERS - 1], "retry"));
    add(w, "t", "team/a", "{}");
    for (int i = 0; i < READERS; i++) {
        assert_true(until(&r[i], "id: 1\n"));
        sco_buf_done(&r[i].got);
        r[i].got = (struct sco_buf){0};
    }
    kib = resident_kib() - kib;
    print_message("             %ld KiB, %.1f each\n", kib, (double)kib / READERS);
#ifndef SCO_SANITIZED
    assert_true(kib < 100 * 1024);
#endif
    for (int i = 0; i < READERS; i++)
        leave(&r[i]);
    free(r);
    setrlimit(RLIMIT_NOFILE, &before);
}

/* ---- pages ---- */
static void page_is(struct world *w, const struct ask *a, const char *cursor, const char *want)
{
    struct api_call c = {.api = &w->api, .store = w->s, .reply_fd = -1};
    c.out.b = &c.reply;
    c.query[c.n_query++] = (struct api_pair){"limit", "3"};
    if (cursor)
        c.query[c.n_query++] = (struct api_pair){"cursor", cursor};
    if (a->type)
        c.query[c.n_query++] = (struct api_pair){"type", a->type};
    c.who.repositories = a->scope;
    ok(route_of("/api/v1/events")->handler(&c, &err));
    SCO_AUTO(sco_buf) struct sco_buf got = {0};
    const char *p = sco_buf_z(&c.reply);
    while ((p = strstr(p, "\"position\":")))
        sco_buf_addf(&got, "%ld ", strtol(p += 11, NULL, 10));
    p = strstr(sco_buf_z(&c.reply), "\"next_cursor\":\"");
    sco_buf_addf(&got, "next %ld", p ? strtol(p + 15, NULL, 10) : 0);
    assert_string_equal(sco_buf_z(&got), want);
    sco_buf_done(&c.reply);
    sco_arena_done(&c.arena);
}

TEST(pages_go_on_after_a_position)
{
    WORLD;
    static const char *const scope[] = {"team/*", NULL};
    for (int i = 0; i < 7; i++)
        add(w, i % 2 ? "a.b" : "c", i < 5 ? "team/a" : "other", "{}");
    page_is(w, &(struct ask){0}, NULL, "1 2 3 next 3");
    page_is(w, &(struct ask){0}, "3", "4 5 6 next 6");
    page_is(w, &(struct ask){0}, "6", "7 next 0");
    page_is(w, &(struct ask){0}, "7", "next 0");
    page_is(w, &(struct ask){.type = "a.*"}, NULL, "2 next 3");
    page_is(w, &(struct ask){.scope = scope}, "3", "4 5 next 6");
}

#define WITH_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_comes_is_sent),
        WITH_WORLD(who_comes_again_misses_nothing),
        WITH_WORLD(what_retention_took_is_named),
        WITH_WORLD(everybody_gets_what_they_may_see_and_want),
        WITH_WORLD(who_does_not_read_is_dropped),
        WITH_WORLD(a_stream_ends_with_its_token_and_with_the_server),
        WITH_WORLD(a_reader_that_goes_is_forgotten),
        WITH_WORLD(a_position_that_is_none_is_refused),
        WITH_WORLD(a_websocket_gets_the_same),
        WITH_WORLD(frames_that_are_wrong_end_it),
        WITH_WORLD(what_is_no_websocket_is_told),
        WITH_WORLD(five_thousand_readers_in_a_hundred_megabytes),
        WITH_WORLD(pages_go_on_after_a_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
