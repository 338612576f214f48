/* Webhooks over the real server, with a verification of the test's own: "x-test" says what is to
 * come of a delivery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "../../support/api_fixture.h"

#include <secureops/ci.h>
#include <secureops/plugin.h>
#include <secureops/store_accounts.h>
#include <secureops/store_ci.h>

static const struct sco_integration integrations[] = {
    {.name = "github", .platform = "github", .enabled = true},
    {.name = "github-acme", .platform = "github", .enabled = true, .delivery_limit = 100},
    {.name = "off", .platform = "gitlab"},
    {.name = "builds", .platform = "jenkins", .enabled = true, .flood_rate = 1},
    {.name = "small", .platform = "azure", .enabled = true, .delivery_limit = 100},
    {.name = "large", .platform = "azure", .enabled = true},
};

struct waiting {
    struct event *ev;
    void (*fn)(void *, const struct sco_ci_answer *);
    void *user;
    struct sco_ci_answer answer;
    char id[300];
    struct waiting *next;
};
static struct api_world w;
static struct waiting *held; /* answered by `let_go` */
static unsigned asked, delivered;
static char paths[256];

static void on_answer(evutil_socket_t fd, short what, void *user)
{
    struct waiting *x = user;
    (void)fd;
    (void)what;
    x->fn(x->user, &x->answer);
    event_free(x->ev);
    free(x);
}

static struct sco_str header(const struct sco_ci_delivery *d, const char *name)
{
    for (size_t i = 0; i < d->n_headers; i++)
        if (sco_str_is(d->headers[i].key, name))
            return d->headers[i].value;
    return sco_str_make("", 0);
}

static int verify(void *user, const struct sco_ci_delivery *d,
                  void (*fn)(void *, const struct sco_ci_answer *), void *fn_user,
                  struct sco_error *err)
{
    struct sco_str test = header(d, "x-test");
    (void)user;
    asked++;
    snprintf(paths, sizeof paths, "%.*s?%.*s", SCO_STR_ARG(d->path), SCO_STR_ARG(d->query));
    if (sco_str_is(test, "full"))
        return sco_error_set(err, SCO_E_LIMIT, "too many wait");
    struct waiting *x = calloc(1, sizeof *x);
    snprintf(x->id, sizeof x->id, "%.*s", SCO_STR_ARG(header(d, "x-id")));
    x->fn = fn;
    x->user = fn_user;
    x->answer = (struct sco_ci_answer){.delivery_id = *x->id ? x->id : NULL,
                                       .native_event = "push",
                                       .ignored = sco_str_is(test, "ignored")};
    if (sco_str_is(test, "forged") ||
        (sco_str_is(test, "acme") && strcmp(d->integration, "github-acme") != 0))
        x->answer.code = SCO_E_PERMISSION;
    else if (sco_str_is(test, "nonsense"))
        x->answer.code = SCO_E_PARSE;
    else if (sco_str_is(test, "crash"))
        x->answer.code = SCO_E_IO;
    if (sco_str_is(test, "held")) {
        x->next = held;
        held = x;
        return 0;
    }
    x->ev = evtimer_new(w.base, on_answer, x);
    event_active(x->ev, EV_TIMEOUT, 0);
    return 0;
}

static void let_go(void)
{
    while (held) {
        struct waiting *x = held;
        held = x->next;
        x->fn(x->user, &x->answer);
        free(x);
    }
}

static void on_delivered(void *user)
{
    (void)user;
    delivered++;
}

static void tune(struct api_world *x)
{
    x->o.metrics = sco_metrics_new();
    x->o.rate = x->o.burst = 20; /* not of webhooks */
    x->o.webhooks = (struct sco_api_webhooks){.integrations = integrations,
                                              .n_integrations = SCO_ARRAY_LEN(integrations),
                                              .verify = verify,
                                              .delivered = on_delivered};
}

static int set_up(void **state)
{
    struct sco_error err = {0};
    (void)state;
    asked = delivered = 0;
    if (api_fixture_open(&w, tune, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int tear_down(void **state)
{
    struct sco_metrics *m = w.o.metrics;
    (void)state;
    api_fixture_close(&w);
    sco_metrics_free(m);
    return 0;
}

static char *post(const char *path, const char *headers, const char *body)
{
    return api_world_ask(&w, "POST", path, NULL, headers, body);
}

static void expect(int status, const char *text, const char *path, const char *headers)
{
    char *reply = post(path, headers, "{\"ref\":\"x\"}");
    if (api_world_status(reply) != status || !strstr(reply, text))
        fail_msg("%s %s: %s", path, headers, reply);
    if (status == 503)
        assert_true(api_world_has(reply, "Retry-After: 5"));
    free(reply);
}

static size_t stored(uint32_t states)
{
    struct sco_error err = {0};
    struct sco_delivery_page p = {0};
    struct sco_store *s = api_fixture_store(&w, &err);
    assert_non_null(s);
    struct sco_delivery_filter f = {.states = states};
    assert_int_equal(sco_store_deliveries(s, &f, &p, &err), 0);
    size_t n = p.n;
    sco_delivery_page_done(&p);
    sco_store_close(s);
    return n;
}

static double counted(const char *integration, const char *result)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    char line[128];
    sco_metrics_write(w.o.metrics, &b);
    snprintf(line, sizeof line, "secureops_webhooks_total{integration=\"%s\",result=\"%s\"} ",
             integration, result);
    const char *at = strstr(sco_buf_z(&b), line);
    return at ? strtod(at + strlen(line), NULL) : 0;
}

static void what_is_genuine_is_stored_once(void **state)
{
    (void)state;
    expect(202, "\"status\":\"accepted\",\"id\":\"", "/webhook/github", "X-Id: one\r\n");
    expect(200, "\"status\":\"duplicate\",\"id\":\"", "/webhook/github", "X-Id: one\r\n");
    expect(202, "accepted", "/webhook/github/github-acme", "X-Id: one\r\n");
    expect(202, "accepted", "/webhook/github", ""); /* no id: its digest */
    expect(200, "duplicate", "/webhook/github", "");
    char id[300];
    memset(id, 'a', sizeof id - 1);
    memcpy(id, "X-Id: ", 6);
    memcpy(id + sizeof id - 3, "\r\n", 3);
    expect(202, "accepted", "/webhook/github", id); /* nor is an endless one kept */
    expect(200, "duplicate", "/webhook/github", id);
    expect(200, "{\"status\":\"ignored\"}", "/webhook/github", "X-Test: ignored\r\n");
    assert_int_equal(stored(0), 4);
    assert_true(delivered >= 4);
    assert_true(counted("github", "accepted") == 3 && counted("github", "ignored") == 1);
    assert_true(counted("github", "duplicate") == 3);
}

static void what_is_not_is_refused(void **state)
{
    struct sco_error err = {0};
    struct sco_audit_page p = {0};
    (void)state;
    for (int i = 0; i < 5; i++)
        expect(401, "not genuine", "/webhook/github", "X-Test: forged\r\n");
    assert_int_equal(asked, 10); /* either might have been meant */
    expect(202, "accepted", "/webhook/github", "X-Test: acme\r\n");
    expect(401, "", "/webhook/github/github", "X-Test: acme\r\n");
    expect(400, "no document", "/webhook/github", "X-Test: nonsense\r\n");
    expect(503, "", "/webhook/github", "X-Test: crash\r\n");
    expect(503, "", "/webhook/github", "X-Test: full\r\n");
    expect(404, "", "/webhook/gitlab", "");
    expect(404, "", "/webhook/gitlab/off", "");
    expect(404, "", "/webhook/gitlab/github", "");
    expect(404, "", "/webhook/svn", "");
    assert_int_equal(stored(0), 1);
    struct sco_store *s = api_fixture_store(&w, &err);
    struct sco_audit_filter f = {.action = "webhook.rejected"};
    assert_int_equal(sco_store_audit(s, &f, &p, &err), 0);
    assert_true(p.n >= 1 && p.n <= 2); /* one for each integration */
    assert_string_equal(p.v[p.n - 1].object, "integration:github-acme");
    sco_audit_page_done(&p);
    sco_store_close(s);
    assert_true(counted("github-acme", "forged") == 5);
    assert_true(counted("", "unknown") == 4);
}

static void limits(void **state)
{
    static char big[200], huge[26 << 20];
    (void)state;
    memset(big, ' ', sizeof big - 1);
    char *reply = post("/webhook/github/github-acme", "", big);
    assert_int_equal(api_world_status(reply), 413);
    free(reply);
    assert_int_equal(asked, 0);
    reply = post("/webhook/github", "", big); /* another one takes it */
    assert_int_equal(api_world_status(reply), 202);
    free(reply);
    reply = post("/webhook/github", "X-Test: acme\r\n", big);
    assert_int_equal(api_world_status(reply), 413);
    free(reply);
    reply = post("/webhook/azure", "", big); /* the second one takes it */
    assert_int_equal(api_world_status(reply), 202);
    free(reply);
    assert_true(counted("large", "accepted") == 1);
    memset(huge, ' ', sizeof huge - 1);
    reply = post("/webhook/github", "", huge); /* 25 MiB + 1 */
    assert_int_equal(api_world_status(reply), 413);
    free(reply);
    huge[25 << 20] = 0;
    reply = post("/webhook/github", "", huge);
    assert_int_equal(api_world_status(reply), 202);
    free(reply);
    int taken = 0, flooded = 0;
    for (int i = 0; i < 10; i++) {
        reply = post("/webhook/jenkins/builds", "", "{}");
        taken += api_world_status(reply) < 300;
        flooded += api_world_status(reply) == 503 && api_world_has(reply, "Retry-After: 5");
        free(reply);
    }
    assert_int_equal(taken + flooded, 10);
    assert_in_range(flooded, 1, 6);
    assert_true(counted("builds", "flood") == flooded);
}

static void a_path_may_be_a_credential(void **state)
{
    (void)state;
    expect(202, "accepted", "/webhook/jenkins/builds/s3cret%20x?a=%20b", "");
    assert_string_equal(paths, "s3cret x?a=%20b");
    expect(405, "", "/api/v1/openapi.json", "");
    struct sco_error err = {0};
    struct sco_store *s = api_fixture_store(&w, &err);
    struct sco_delivery_page p = {0};
    assert_int_equal(sco_store_deliveries_claim(s, "n", INT64_MAX - 1, INT64_MAX, 9, &p, &err), 0);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.v[0].path.n + p.v[0].query.n, 0);
    sco_delivery_page_done(&p);
    sco_store_close(s);
}

static void headers_are_kept_without_credentials(void **state)
{
    (void)state;
    expect(202, "", "/webhook/github",
           "X-Hub-Signature-256: sha256=aa\r\nAuthorization: Basic aa\r\nX-Gitlab-Token: t\r\n"
           "Webhook-Signature: v1,x\r\nX-GitHub-Event: push\r\nX-SecureOps: t\r\nCookie: c\r\n"
           "X-Gitlab-Event: a\"b\xff\r\n");
    struct sco_error err = {0};
    struct sco_store *s = api_fixture_store(&w, &err);
    struct sco_delivery_page p = {0};
    assert_int_equal(sco_store_deliveries_claim(s, "n", INT64_MAX - 1, INT64_MAX, 9, &p, &err), 0);
    assert_string_equal(p.v[0].headers,
                        "[[\"x-github-event\",\"push\"],[\"x-gitlab-event\",\"a\\\"b\xef\xbf\xbd\"]"
                        ",[\"content-type\",\"application/json\"]]");
    sco_delivery_page_done(&p);
    sco_store_close(s);
}

/* Many on one connection, without waiting: each has its answer, in order. */
static void a_connection_stays_usable(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf q = {0};
    (void)state;
    enum { N = 300 };
    for (int i = 0; i < N; i++)
        sco_buf_addf(&q,
                     "POST /webhook/github HTTP/1.1\r\nHost: x\r\nX-Id: n%d\r\nContent-Length: 2"
                     "\r\n%s\r\n{}",
                     i % (N / 2), i == N - 1 ? "Connection: close\r\n" : "");
    char *reply = api_world_talk(&w, q.p, q.n);
    unsigned accepted = 0, known = 0;
    for (const char *at = reply; (at = strstr(at, "HTTP/1.1 ")); at++) {
        accepted += strncmp(at + 9, "202", 3) == 0;
        known += strncmp(at + 9, "200", 3) == 0;
    }
    free(reply);
    assert_int_equal(accepted, N / 2);
    assert_int_equal(known, N / 2);
    assert_int_equal(stored(0), 100); /* of a page */
}

static void a_client_that_is_gone(void **state)
{
    static const char ask[] = "POST /webhook/github HTTP/1.1\r\nHost: x\r\nX-Test: held\r\n"
                              "Content-Length: 2\r\n\r\n{}";
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(sco_api_port(w.api)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, ask, sizeof ask - 1), sizeof ask - 1);
    while (!held)
        event_base_loop(w.base, EVLOOP_ONCE);
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    expect(200, "ignored", "/webhook/github", "X-Test: ignored\r\n");
    let_go();
    expect(200, "ignored", "/webhook/github", "X-Test: ignored\r\n");
    while (!delivered)
        event_base_loop(w.base, EVLOOP_ONCE);
    assert_int_equal(stored(0), 1); /* it was genuine */
}

/* A request from `source` of which `n` bytes come and no more. */
static int begin_body(const char *source, size_t n)
{
    static char bytes[64 << 10];
    char head[160];
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    to.sin_port = htons(sco_api_port(w.api));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(inet_pton(AF_INET, source, &from.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int k =
        snprintf(head, sizeof head,
                 "POST /webhook/github HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", n + 1);
    assert_int_equal(write(fd, head, (size_t)k), k);
    evutil_make_socket_nonblocking(fd);
    for (size_t sent = 0; sent < n;) {
        size_t left = n - sent;
        ssize_t m = send(fd, bytes, left < sizeof bytes ? left : sizeof bytes, MSG_NOSIGNAL);
        if (m < 0 && errno != EAGAIN) /* refused */
            break;
        sent += m > 0 ? (size_t)m : 0;
        if (recv(fd, head, sizeof head, MSG_PEEK) > 0)
            break;
        event_base_loop(w.base, EVLOOP_NONBLOCK);
    }
    return fd;
}

static int status_of(int fd)
{
    char head[32] = "";
    for (int i = 0; i < 50; i++)
        event_base_loop(w.base, EVLOOP_NONBLOCK);
    ssize_t n = recv(fd, head, sizeof head - 1, MSG_PEEK);
    return n > 12 ? (int)strtol(head + 9, NULL, 10) : 0;
}

/* A dozen slow connections of one client take all the memory there is; others are heard. */
static void one_client_is_not_all(void **state)
{
    int fds[12], other, refused = 0;
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(fds); i++)
        fds[i] = begin_body("127.0.0.1", 24 << 20);
    for (size_t i = 0; i < SCO_ARRAY_LEN(fds); i++)
        refused += status_of(fds[i]) == 503;
    assert_in_range(refused, 4, 11);
    other = begin_body("127.0.0.2", 24 << 20);
    assert_int_equal(status_of(other), 0);
    assert_int_equal(write(other, "}", 1), 1);
    while (!delivered)
        event_base_loop(w.base, EVLOOP_ONCE);
    assert_int_equal(status_of(other), 202);
    close(other);
    for (size_t i = 0; i < SCO_ARRAY_LEN(fds); i++)
        close(fds[i]);
}

/* The API ends while one is looked at and another is on its way to the store. */
static void the_end_comes_first(void **state)
{
    static const char asks[2][160] = {
        "POST /webhook/github HTTP/1.1\r\nHost: x\r\nX-Test: held\r\nContent-Length: 2\r\n\r\n{}",
        "POST /webhook/github HTTP/1.1\r\nHost: x\r\nX-Id: b\r\nContent-Length: 2\r\n\r\n{}"};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(sco_api_port(w.api)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd[i], (struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(write(fd[i], asks[i], strlen(asks[i])), strlen(asks[i]));
    }
    while (!held || asked < 2)
        event_base_loop(w.base, EVLOOP_ONCE);
    event_base_loop(w.base, EVLOOP_NONBLOCK);
    w.api = sco_api_free(w.api);
    let_go();
    struct sco_error err = {0};
    assert_int_equal(api_server_new(&w.o, &w.parts, &w.api, &err), 0);
    for (int i = 0; i < 2; i++)
        close(fd[i]);
}

static void ask_api(int status, const char *method, const char *path, const char *token,
                    const char *text)
{
    char *reply = api_world_ask(&w, method, path, token, "", NULL);
    if (api_world_status(reply) != status || !strstr(reply, text))
        fail_msg("%s %s: %s", method, path, reply);
    free(reply);
}

static void deliveries_over_the_api(void **state)
{
    struct sco_error err = {0};
    char token[512], path[128], bound[512];
    struct sco_delivery_page p = {0};
    (void)state;
    expect(202, "", "/webhook/github", "X-Id: one\r\n");
    snprintf(token, sizeof token, "%s", api_fixture_token(&w, "admin", ""));
    snprintf(bound, sizeof bound, "%s", api_fixture_token(&w, "admin", "https://x/*"));
    ask_api(200, "GET", "/api/v1/deliveries?status=received", token,
            "\"delivery\":\"one\",\"event\":\"push\"");
    ask_api(200, "GET", "/api/v1/deliveries?integration=x", token, "\"items\":[]");
    ask_api(400, "GET", "/api/v1/deliveries?status=x", token, "status");
    ask_api(403, "GET", "/api/v1/deliveries", bound, "");
    struct sco_store *s = api_fixture_store(&w, &err);
    assert_int_equal(sco_store_deliveries_claim(s, "n", INT64_MAX - 1, INT64_MAX, 9, &p, &err), 0);
    snprintf(path, sizeof path, "/api/v1/deliveries/%s/retry", p.v[0].id);
    ask_api(409, "POST", path, token, "has not failed");
    assert_int_equal(sco_store_delivery_end(s, p.v[0].id, "n", true, "no", 0, 1, &err), 0);
    ask_api(200, "GET", "/api/v1/deliveries?status=failed", token, "\"reason\":\"no\"");
    ask_api(200, "POST", path, token, "\"status\":\"received\"");
    sco_delivery_page_done(&p);
    sco_store_close(s);
}

static void publications_over_the_api(void **state)
{
    struct sco_error err = {0};
    char token[512], path[128], bound[512], id[37];
    struct sco_stored_publication p = {.integration = "github",
                                       .repository = "acme/shop",
                                       .marker = "secureops",
                                       .commit_sha = "abc",
                                       .pr_number = 7};
    (void)state;
    snprintf(token, sizeof token, "%s", api_fixture_token(&w, "admin", ""));
    snprintf(bound, sizeof bound, "%s", api_fixture_token(&w, "admin", "https://x/*"));
    struct sco_store *s = api_fixture_store(&w, &err);
    assert_int_equal(sco_store_publication_put(s, &p, 1, id, &err), 0);
    ask_api(403, "GET", "/api/v1/publications", bound, "");
    ask_api(400, "GET", "/api/v1/publications?status=x", token, "status");
    ask_api(400, "GET", "/api/v1/publications?pr_number=0", token, "pr_number");
    ask_api(200, "GET", "/api/v1/publications?status=failed", token, "\"items\":[]");
    ask_api(200, "GET", "/api/v1/publications?repository=acme/shop&pr_number=7", token,
            "\"status\":\"pending\"");
    snprintf(path, sizeof path, "/api/v1/publications/%s/retry", id);
    ask_api(409, "POST", path, token, "is pending");
    assert_int_equal(
        sco_store_publication_end(s, id, 1, SCO_PUBLICATION_FAILED, NULL, NULL, "401", 1, &err), 0);
    ask_api(403, "POST", path, bound, "");
    ask_api(200, "POST", path, token, "\"status\":\"pending\"");
    ask_api(404, "GET", "/api/v1/publications/x", token, "");
    sco_store_close(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_is_genuine_is_stored_once),
        T(what_is_not_is_refused),
        T(limits),
        T(a_path_may_be_a_credential),
        T(headers_are_kept_without_credentials),
        T(a_connection_stays_usable),
        T(one_client_is_not_all),
        T(a_client_that_is_gone),
        T(the_end_comes_first),
        T(deliveries_over_the_api),
        T(publications_over_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
