/* The server over a socket: what is answered to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "api_world.h"

#include <secureops/fs.h>
#include <secureops/log.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

static struct api_world w;

static int set_up(void **state)
{
    struct sco_error err;
    (void)state;
    if (api_world_open(&w, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_world_close(&w);
    return 0;
}

/* Asks, checks the status, and that `part` is in the reply. */
static void expect(int status, const char *part, const char *method, const char *path,
                   const char *token, const char *headers, const char *body)
{
    char *reply = api_world_ask(&w, method, path, token, headers, body);
    if (api_world_status(reply) != status || !strstr(reply, part))
        fail_msg("%s %s: not %d with %s, but:\n%s", method, path, status, part, reply);
    free(reply);
}

static void test_who(void **state)
{
    (void)state;
    expect(401, "WWW-Authenticate: Bearer", "GET", "/api/v1/hello", NULL, "", NULL);
    expect(401, "invalid_token", "GET", "/api/v1/hello", "bad", "", NULL);
    expect(200, "\"hello\":\"world\"", "GET", "/api/v1/hello", "admin", "", NULL);
    expect(403, "application/problem+json", "POST", "/api/v1/things", "viewer", "",
           "{\"name\":\"x\"}");
    expect(200, "hello", "GET", "/api/v1/public", NULL, "", NULL);
    /* The second request of a token asks nobody. */
    int asked = w.asked;
    expect(200, "hello", "GET", "/api/v1/hello", "admin", "", NULL);
    assert_int_equal(w.asked, asked);
}

static void test_routes(void **state)
{
    (void)state;
    expect(404, "nothing at this path", "GET", "/api/v1/nothing", "admin", "", NULL);
    expect(404, "nothing", "GET", "/api/v1/things/", "admin", "", NULL);
    expect(405, "Allow: GET, HEAD, DELETE, OPTIONS", "POST", "/api/v1/things/1", "admin", "", NULL);
    expect(204, "Allow: GET, HEAD, DELETE, OPTIONS", "OPTIONS", "/api/v1/things/1", NULL, "", NULL);
    expect(204, "Allow: ", "OPTIONS", "*", NULL, "", NULL);
    expect(200, "{\"id\":\"a/b c\"}", "GET", "/api/v1/things/a%2Fb%20c", "admin", "", NULL);
    expect(200, "\"all\"", "GET", "/api/v1/things/all", "admin", "", NULL);
    expect(404, "no such thing", "GET", "/api/v1/things/none", "admin", "", NULL);
    expect(400, "malformed path", "GET", "/api/v1/things/%00", "admin", "", NULL);
    expect(404, "nothing", "GET", "/api/v1/../v1/hello", "admin", "", NULL);
    char *reply = api_world_ask(&w, "HEAD", "/api/v1/things/1", "admin", "", NULL);
    assert_int_equal(api_world_status(reply), 200);
    assert_true(api_world_has(reply, "Content-Length: 10\r\n"));
    assert_string_equal(api_world_body(reply), "");
    free(reply);
}

static void test_bodies(void **state)
{
    (void)state;
    const char *p = "/api/v1/things";
    expect(201, "Location: /api/v1/things/1", "POST", p, "admin", "", "{\"name\":\"a\"}");
    expect(400, "\"pointer\":\"/name\",\"detail\":\"it is missing\"", "POST", p, "admin", "", "{}");
    expect(400, "\"pointer\":\"/size\",\"detail\":\"it is more than 10\"", "POST", p, "admin", "",
           "{\"name\":\"a\",\"size\":11}");
    expect(400, "\"pointer\":\"/tags/1\"", "POST", p, "admin", "",
           "{\"name\":\"a\",\"tags\":[\"a\",\"c\"]}");
    expect(400, "there is no such member", "POST", p, "admin", "", "{\"name\":\"a\",\"x\":1}");
    expect(400, "is no JSON", "POST", p, "admin", "", "{\"name\":");
    expect(400, "a body is needed", "POST", p, "admin", "", NULL);
    expect(400, "a body where none may be", "GET", p, "admin", "", "{}");
    expect(409, "one of this name", "POST", p, "admin", "", "{\"name\":\"taken\"}");
    expect(400, "\"pointer\":\"/name\",\"detail\":\"it is odd\"", "POST", p, "admin", "",
           "{\"name\":\"odd\"}");
    static const char text[] = "POST /api/v1/things HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                               "Authorization: Bearer admin\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 2\r\n\r\n{}";
    char *reply = api_world_talk(&w, text, sizeof text - 1);
    assert_int_equal(api_world_status(reply), 415);
    free(reply);
}

static void test_query(void **state)
{
    (void)state;
    const char *t = "admin";
    expect(200, "{\"items\":[0,1]}", "GET", "/api/v1/things?limit=2", t, "", NULL);
    expect(200, "\"next_cursor\":\"a b\"", "GET", "/api/v1/things?limit=2&cursor=a+b", t, "", NULL);
    expect(400, "\"parameter\":\"limit\"", "GET", "/api/v1/things?limit=x", t, "", NULL);
    expect(400, "\"parameter\":\"limit\"", "GET", "/api/v1/things?limit=501", t, "", NULL);
    expect(400, "no such parameter", "GET", "/api/v1/things?limits=1", t, "", NULL);
    expect(400, "twice", "GET", "/api/v1/things?limit=1&limit=2", t, "", NULL);
    expect(400, "malformed query", "GET", "/api/v1/things?limit=%0", t, "", NULL);
    expect(400, "malformed query", "GET", "/api/v1/things?=1", t, "", NULL);
}

static void test_replies(void **state)
{
    (void)state;
    expect(500, "its log says why", "GET", "/api/v1/fail", "admin", "", NULL);
    char *reply = api_world_ask(&w, "GET", "/api/v1/fail", "admin", "", NULL);
    assert_null(strstr(reply, "only the log"));
    free(reply);
    reply = api_world_ask(&w, "GET", "/api/v1/big", "admin", "Accept-Encoding: gzip\r\n", NULL);
    assert_true(api_world_has(reply, "Content-Encoding: gzip\r\n"));
    assert_memory_equal(api_world_body(reply), "\x1f\x8b", 2);
    free(reply);
    reply = api_world_ask(&w, "GET", "/api/v1/big", "admin", "X-Request-Id: my-id.1\r\n", NULL);
    assert_true(strlen(api_world_body(reply)) > 90000);
    assert_true(api_world_has(reply, "X-Request-Id: my-id.1\r\n"));
    assert_true(api_world_has(reply, "X-Content-Type-Options: nosniff\r\n"));
    assert_true(api_world_has(reply, "RateLimit-Limit: 200\r\n"));
    assert_false(api_world_has(reply, "Access-Control-Allow-Origin"));
    free(reply);
    reply = api_world_ask(&w, "GET", "/api/v1/file", "admin", "", NULL);
    assert_memory_equal(api_world_body(reply),
                        "\x7f"
                        "ELF",
                        4);
    free(reply);
    expect(200, "X-Request-Id: ", "GET", "/api/v1/public", NULL, "X-Request-Id: a b\r\n", NULL);
}

static void test_etag(void **state)
{
    (void)state;
    char *reply = api_world_ask(&w, "GET", "/api/v1/things/1", "admin", "", NULL);
    const char *etag = strstr(reply, "ETag: \"");
    assert_non_null(etag);
    char header[128];
    snprintf(header, sizeof header, "If-None-Match: \"x\", %.34s\r\n", etag + 6);
    free(reply);
    expect(304, "ETag: ", "GET", "/api/v1/things/1", "admin", header, NULL);
    expect(304, "ETag: ", "GET", "/api/v1/things/1", "admin", header, NULL);   /* from the cache */
    expect(304, "ETag: ", "GET", "/api/v1/things/1", "admin.b", header, NULL); /* not from it */
    expect(200, "ETag: ", "GET", "/api/v1/things/2", "admin", header, NULL);
}

/* A read is given again for a second, to nobody else, and not once something has changed. */
static void test_cache(void **state)
{
    (void)state;
    expect(200, "\"n\":1", "GET", "/api/v1/hello", "admin", "", NULL);
    expect(200, "\"n\":1", "GET", "/api/v1/hello", "admin", "", NULL);
    expect(200, "\"n\":2", "GET", "/api/v1/hello", "admin.other", "", NULL);
    expect(201, "", "POST", "/api/v1/things", "admin", "", "{\"name\":\"a\"}");
    expect(200, "\"n\":3", "GET", "/api/v1/hello", "admin", "", NULL);
}

static void test_idempotency(void **state)
{
    (void)state;
    const char *key = "Idempotency-Key: k1\r\n", *p = "/api/v1/things";
    expect(201, "\"id\":1", "POST", p, "admin", key, "{\"name\":\"a\"}");
    expect(201, "Idempotent-Replayed: true", "POST", p, "admin", key, "{\"name\":\"a\"}");
    expect(201, "\"id\":1", "POST", p, "admin", key, "{\"name\":\"a\"}");
    assert_int_equal(w.things, 1);
    expect(422, "another request", "POST", p, "admin", key, "{\"name\":\"b\"}");
    expect(201, "\"id\":2", "POST", p, "admin.b", key, "{\"name\":\"b\"}");
    expect(409, "of this name", "POST", p, "admin", "Idempotency-Key: k2\r\n",
           "{\"name\":\"taken\"}");
    expect(201, "\"id\":4", "POST", p, "admin", "Idempotency-Key: k2\r\n", "{\"name\":\"c\"}");
    expect(400, "Idempotency-Key", "POST", p, "admin", "Idempotency-Key: \r\n", "{\"name\":\"c\"}");
    /* subjects of an issuer that begin alike are not one */
#define LONG "admin.subject-of-an-issuer-that-has-very-long-names-for-its-people-and-robots/"
    expect(201, "\"id\":5", "POST", p, LONG "ada", key, "{\"name\":\"a\"}");
    expect(201, "\"id\":6", "POST", p, LONG "bob", key, "{\"name\":\"a\"}");
    expect(201, "\"id\":5", "POST", p, LONG "ada", key, "{\"name\":\"a\"}");
}

/* A connection of its own, whose request is under way while others are asked. */
static int send_raw(const char *text)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(sco_api_port(w.api)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void test_under_way(void **state)
{
    static const char first[] = "POST /api/v1/things HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                                "Authorization: Bearer admin\r\nIdempotency-Key: k\r\n"
                                "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n"
                                "{\"name\":\"a\"}";
    char reply[2048] = {0};
    (void)state;
    w.hold = true;
    int fd = send_raw(first);
    while (w.api->in_flight == NULL)
        event_base_loop(w.base, EVLOOP_ONCE);
    int gone = send_raw(first);
    expect(409, "under way", "POST", "/api/v1/things", "admin", "Idempotency-Key: k\r\n",
           "{\"name\":\"a\"}");
    close(gone);
    __atomic_store_n(&w.hold, false, __ATOMIC_SEQ_CST);
    while (w.api->in_flight)
        event_base_loop(w.base, EVLOOP_ONCE);
    while (recv(fd, reply, sizeof reply - 1, MSG_DONTWAIT) <= 0)
        event_base_loop(w.base, EVLOOP_ONCE);
    assert_int_equal(api_world_status(reply), 201);
    assert_int_equal(w.things, 1);
    close(fd);
    /* Who leaves while the handler works: it comes to its end, and nobody is told. */
    w.hold = true;
    fd = send_raw(first);
    while (w.api->n_threads == 0)
        event_base_loop(w.base, EVLOOP_ONCE);
    close(fd);
    while (w.api->n_conns)
        event_base_loop(w.base, EVLOOP_ONCE);
    __atomic_store_n(&w.hold, false, __ATOMIC_SEQ_CST);
}

static void test_upload(void **state)
{
    (void)state;
    char *reply = api_world_ask(&w, "POST", "/api/v1/uploads", "admin", "", "0123456789");
    assert_int_equal(api_world_status(reply), 200);
    assert_string_equal(w.upload, "10");
    free(reply);
    static const char chunked[] =
        "POST /api/v1/uploads HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        "Authorization: Bearer admin\r\nTransfer-Encoding: chunked\r\n"
        "Expect: 100-continue\r\n\r\n"
        "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n";
    reply = api_world_talk(&w, chunked, sizeof chunked - 1);
    assert_memory_equal(reply, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", 37);
    assert_non_null(strstr(reply, "{\"size\":8}"));
    free(reply);
    expect(401, "bearer", "POST", "/api/v1/uploads", NULL, "", "x");
}

static void test_pipeline(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf q = {0};
    for (int i = 0; i < 100; i++)
        sco_buf_addf(&q,
                     "GET /api/v1/things/%d HTTP/1.1\r\nHost: h\r\n"
                     "Authorization: Bearer admin\r\n\r\n",
                     i);
    sco_buf_addz(&q, "GET /api/v1/nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    char *reply = api_world_talk(&w, q.p, q.n);
    const char *at = reply;
    for (int i = 0; i < 100; i++) {
        char want[32];
        snprintf(want, sizeof want, "{\"id\":\"%d\"}", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    assert_non_null(strstr(at, "HTTP/1.1 404"));
    free(reply);
}

static void test_stream(void **state)
{
    (void)state;
    expect(200, "streamed", "GET", "/api/v1/stream", "admin", "", NULL);
    expect(400, "no stream today", "GET", "/api/v1/stream?no=1", "admin", "", NULL);
    expect(401, "Bearer", "GET", "/api/v1/stream", NULL, "", NULL);
    assert_int_equal(w.api->n_taken, 0);
}

static void tune_observed(struct api_world *x)
{
    x->o.metrics = sco_metrics_new();
}

static int set_up_observed(void **state)
{
    struct sco_error err;
    (void)state;
    if (api_world_open(&w, tune_observed, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

/* Each request is a line of the log and in the metrics, by its route and not by its path. */
static void test_observed(void **state)
{
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    char header[128];
    (void)state;
    int fd = memfd_create("log", MFD_CLOEXEC);
    sco_log_setup(fd, SCO_LOG_INFO, SCO_LOG_JSON);
    for (int i = 0; i < 30; i++)
        expect(200, "", "GET", "/api/v1/things/1", "admin", "X-Request-Id: id-7\r\n", NULL);
    snprintf(header, sizeof header, "traceparent: %s\r\n", parent);
    expect(200, parent, "GET", "/api/v1/things/2", "admin", header, NULL);
    expect(400, "", "GET", "/nothing\"x", "admin", "", NULL);
    sco_log_setup(STDERR_FILENO, SCO_LOG_WARNING, SCO_LOG_TEXT);

    SCO_AUTO(sco_buf) struct sco_buf log = {0}, page = {0};
    struct sco_error err;
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(sco_fs_read_fd(fd, "log", 1 << 20, &log, &err), 0);
    close(fd);
    const char *text = sco_buf_z(&log);
    assert_int_equal(count_of(text, "\"correlation_id\":\"id-7\""), 30);
    assert_int_equal(count_of(text, "\"module\":\"access\""), 31); /* no request: no line */
    assert_null(strstr(text, "Bearer"));
    sco_metrics_write(w.o.metrics, &page);
    text = sco_buf_z(&page);
    assert_non_null(strstr(text, "secureops_http_requests_total{route=\"/api/v1/things/{id}\","
                                 "method=\"GET\",status=\"2xx\"} 31"));
    assert_non_null(strstr(text, "secureops_http_cached_replies_total 29"));
    assert_non_null(strstr(text, "secureops_http_refused_total{status=\"400\"} 1"));
    assert_non_null(strstr(text, "secureops_http_request_duration_seconds_count{"));
    sco_metrics_free(w.o.metrics);
    w.o.metrics = NULL;
}

static void tune_slow(struct api_world *x)
{
    x->o.rate = 1;
    x->o.burst = 3;
    x->o.body_limit = 100;
    x->o.upload_limit = 200;
    static const char *const origins[] = {"https://a.example", NULL};
    x->o.cors_origins = origins;
    x->o.hsts = true;
}

static int set_up_slow(void **state)
{
    struct sco_error err;
    (void)state;
    if (api_world_open(&w, tune_slow, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static void test_limits(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf big = {0};
    for (int i = 0; i < 300; i++)
        sco_buf_addc(&big, ' ');
    expect(413, "too long", "POST", "/api/v1/things", "admin", "", sco_buf_z(&big));
    expect(413, "too long", "POST", "/api/v1/uploads", "admin", "", sco_buf_z(&big));
    expect(200, "RateLimit-Remaining: 2", "GET", "/api/v1/hello", "admin", "", NULL);
    expect(200, "RateLimit-Remaining: 1", "GET", "/api/v1/hello", "admin", "", NULL);
    expect(200, "RateLimit-Remaining: 0", "GET", "/api/v1/hello", "admin", "", NULL);
    expect(429, "Retry-After: 1", "GET", "/api/v1/hello", "admin", "", NULL);
    expect(200, "Strict-Transport-Security", "GET", "/api/v1/hello", "developer", "", NULL);
    expect(204, "Access-Control-Allow-Origin: https://a.example", "OPTIONS", "/api/v1/things", NULL,
           "Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n", NULL);
    char *reply =
        api_world_ask(&w, "OPTIONS", "/api/v1/things", NULL, "Origin: https://b.example\r\n", NULL);
    assert_false(api_world_has(reply, "Access-Control-Allow-Origin"));
    free(reply);
    for (int i = 0; i < 20; i++)
        expect(401, "", "GET", "/api/v1/hello", "badly", "", NULL);
    expect(429, "tokens that are not valid", "GET", "/api/v1/hello", "badly", "", NULL);
    expect(200, "hello", "GET", "/api/v1/hello", "developer", "",
           NULL); /* who is known, stays so */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_routes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_etag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idempotency, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_under_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_upload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pipeline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_observed, set_up_observed, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up_slow, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
