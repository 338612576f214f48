/* The HTTP client against a loopback server that misbehaves in known ways. Pauses are taken by a
 * clock that only counts them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <secureops/fs.h>
#include <secureops/http.h>
#include <secureops/json.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static struct {
    pid_t pid;
    int in, port;
} standin;

static struct {
    const struct sco_http_module *m;
    struct sco_http *c;
    struct sco_arena arena;
    char *dir;
    struct sco_http_response r;
    struct sco_error err;
    int64_t now; /* of the counting clock, both monotonic and Unix time */
    int64_t slept[32];
    size_t n_slept;
    uint32_t random;
} t;

/* ---- set-up -----------------------------------------------------------------------------------
 */

static int64_t clock_now(void *user)
{
    (void)user;
    return t.now;
}

static int clock_sleep(void *user, int64_t ms)
{
    (void)user;
    if (t.n_slept < SCO_ARRAY_LEN(t.slept))
        t.slept[t.n_slept++] = ms;
    t.now += ms;
    return 0;
}

static uint32_t clock_random(void *user)
{
    (void)user;
    return t.random;
}

static const struct sco_http_clock counting = {clock_now, clock_now, clock_sleep, clock_random,
                                               NULL};

static int start_standin(void **state)
{
    char script[4096], rules[4096], line[64] = "";
    const char *source = getenv("SECUREOPS_SOURCE");
    int in[2], out[2];
    (void)state;
    snprintf(script, sizeof script, "%s/tests/integration/http_standin.py", source ? source : ".");
    snprintf(rules, sizeof rules, "%s/tests/integration/http/rules.json", source ? source : ".");
    char *argv[] = {(char *)"python3", script, rules, NULL};
    posix_spawn_file_actions_t fa;
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, in[0], 0);
    posix_spawn_file_actions_adddup2(&fa, out[1], 1);
    int r = posix_spawnp(&standin.pid, "python3", &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    close(in[0]);
    close(out[1]);
    standin.in = in[1];
    int64_t port = 0;
    size_t n = 0;
    ssize_t got = r == 0;
    while (got > 0 && n < sizeof line && !memchr(line, '\n', n)) /* it may come in pieces */
        if ((got = read(out[0], line + n, sizeof line - n)) > 0)
            n += (size_t)got;
    close(out[0]);
    if (n < 6 || sco_parse_i64(sco_str_trim(sco_str_make(line + 5, n - 5)), 1, 65535, &port) < 0)
        return -1;
    standin.port = (int)port;
    return 0;
}

static int stop_standin(void **state)
{
    (void)state;
    close(standin.in);
    waitpid(standin.pid, NULL, 0);
    return 0;
}

static void open_with(struct sco_http_options o)
{
    o.struct_size = sizeof o;
    o.work_dir = t.dir;
    o.arena = &t.arena;
    if (!o.cancel_fd)
        o.cancel_fd = -1;
    t.c = t.m->close(t.c);
    assert_int_equal(t.m->open(&o, &t.c, &t.err), 0);
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.m = sco_http_module_v1();
    t.now = 946684800000; /* 2000-01-01 */
    if (sco_fs_mkdtemp(NULL, "http", &t.dir, &t.err) < 0)
        return -1;
    open_with((struct sco_http_options){.clock = &counting});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    t.m->close(t.c);
    sco_fs_remove_tree(t.dir);
    free(t.dir);
    sco_arena_done(&t.arena);
    return 0;
}

static const char *at(const char *path)
{
    return sco_arena_fmt(&t.arena, "http://127.0.0.1:%d%s", standin.port, path);
}

static int ask(struct sco_http_request q)
{
    q.struct_size = sizeof q;
    memset(&t.r, 0, sizeof t.r);
    memset(&t.err, 0, sizeof t.err);
    t.r.struct_size = sizeof t.r;
    return t.m->request(t.c, &q, &t.r, &t.err);
}

static int get(const char *path)
{
    return ask((struct sco_http_request){.url = at(path)});
}

/* How many requests for a path the server has seen. */
static size_t seen(const char *path, const struct sco_node **ret_last)
{
    const struct sco_node *list = NULL;
    struct sco_buf text = {0};
    struct sco_http *own = t.c;
    t.c = NULL;
    open_with((struct sco_http_options){.offline = true});
    assert_int_equal(ask((struct sco_http_request){.url = at("/__requests")}), 0);
    assert_int_equal(sco_fs_read(t.r.body_path, 1 << 26, &text, &t.err), 0);
    assert_int_equal(sco_json_parse(sco_buf_str(&text), &t.arena, &list, &t.err), 0);
    sco_buf_done(&text);
    t.m->close(t.c);
    t.c = own;
    size_t n = 0;
    SCO_EACH (q, list) {
        if (!sco_str_is(sco_text_at(q, "path"), path))
            continue;
        n++;
        if (ret_last)
            *ret_last = q;
    }
    return n;
}

#define assert_has(part)                                                                           \
    do {                                                                                           \
        if (!strstr(t.err.text, part))                                                             \
            fail_msg("\"%s\" lacks \"%s\"", t.err.text, part);                                     \
    } while (0)

/* ---- answers ----------------------------------------------------------------------------------
 */

static struct sco_str header(const char *name)
{
    for (size_t i = 0; i < t.r.n_headers; i++)
        if (sco_str_is(t.r.headers[i].key, name))
            return t.r.headers[i].value;
    return sco_str_make(NULL, 0);
}

static void test_answer(void **state)
{
    struct sco_buf b = {0};
    (void)state;
    assert_int_equal(get("/ok"), 0);
    assert_int_equal(t.r.status, 200);
    assert_true(sco_str_is(t.r.body, "{\"ok\": true}"));
    assert_true(sco_str_is(t.r.content_type, "application/json"));
    assert_true(sco_str_is(header("content-type"), "application/json"));
    assert_int_equal(header("content-length").n, 2);
    assert_int_equal(t.r.retry_after_ms, -1);
    assert_int_equal(sco_fs_read(t.r.body_path, 1000, &b, NULL), 0);
    assert_true(sco_str_eq(sco_buf_str(&b), t.r.body));
    sco_buf_done(&b);
    assert_int_equal(get("/chunked"), 0);
    assert_true(sco_str_is(t.r.body, "in pieces"));
    assert_int_equal(get("/error"), 0); /* a status is an answer */
    assert_int_equal(t.r.status, 500);
    assert_int_equal(get("/nothing-here"), 0);
    assert_int_equal(t.r.status, 404);
}

static void test_large_answer_is_in_the_file(void **state)
{
    struct sco_buf b = {0};
    (void)state;
    assert_int_equal(get("/big"), 0);
    assert_int_equal(t.r.body.n, SCO_HTTP_BODY_KEPT);
    assert_int_equal(sco_fs_read(t.r.body_path, 1 << 20, &b, NULL), 0);
    assert_int_equal(b.n, 160000);
    sco_buf_done(&b);
    assert_int_equal(ask((struct sco_http_request){.url = at("/big"), .body_limit = 100000}),
                     SCO_E_LIMIT);
    assert_has("more than 100000 bytes");
}

static void test_half_an_answer_is_none(void **state)
{
    static const char *const paths[] = {"/cut", "/chunked-cut", "/garbage"};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(paths); i++) {
        char left[4096];
        assert_int_equal(get(paths[i]), SCO_E_NETWORK);
        assert_null(t.r.body_path);
        snprintf(left, sizeof left, "%s/http-%zu.body", t.dir, i + 1);
        assert_false(sco_fs_is_file(left));
    }
    get("/cut");
    assert_has("cut short");
}

static void test_post(void **state)
{
    static const char *const headers[] = {"Content-Type: text/x", "X-API-Key: k", NULL};
    const struct sco_node *last = NULL;
    (void)state;
    assert_int_equal(ask((struct sco_http_request){.url = at("/posted?a=b"),
                                                   .method = "POST",
                                                   .headers = headers,
                                                   .body = SCO_STR("some body")}),
                     0);
    assert_int_equal(seen("/posted", &last), 1);
    assert_true(sco_str_is(sco_text_at(last, "body"), "some body"));
    assert_true(sco_str_is(sco_text_at(last, "headers.x-api-key"), "k"));
    assert_true(sco_str_is(sco_text_at(last, "headers.content-type"), "text/x"));
    assert_true(sco_str_is(sco_text_at(last, "query.a"), "b"));
}

/* Sent again from its start, after an answer that was none. */
static void test_file_as_body(void **state)
{
    static const char text[] = "a report, sent twice";
    const struct sco_node *last = NULL;
    char path[4200];
    (void)state;
    snprintf(path, sizeof path, "%s/report", t.dir);
    assert_int_equal(sco_fs_write(path, sco_str_c(text), 0600, &t.err), 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC), dir = open(t.dir, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && dir >= 0);
    struct sco_http_request q = {.struct_size = sizeof q,
                                 .url = at("/flaky-upload"),
                                 .method = "POST",
                                 .retries = 1,
                                 .flags = SCO_HTTP_RETRY_POST};
    t.r.struct_size = sizeof t.r;
    assert_int_equal(t.m->send_file(t.c, &q, fd, &t.r, &t.err), 0);
    assert_int_equal(t.r.status, 200);
    assert_int_equal(seen("/flaky-upload", &last), 2);
    assert_true(sco_str_is(sco_text_at(last, "body"), text));
    assert_int_equal(t.m->send_file(t.c, &q, dir, &t.r, &t.err), SCO_E_INVALID);
    close(fd);
    close(dir);
}

/* ---- again ------------------------------------------------------------------------------------
 */

static void test_retry_after(void **state)
{
    (void)state;
    assert_int_equal(ask((struct sco_http_request){.url = at("/busy"), .retries = 2}), 0);
    assert_true(sco_str_is(t.r.body, "now"));
    assert_int_equal(t.n_slept, 1);
    assert_int_equal(t.slept[0], 7000);
    t.now = 946684802000; /* 00:00:02; the server says 00:00:09 */
    assert_int_equal(ask((struct sco_http_request){.url = at("/busy-date"), .retries = 2}), 0);
    assert_int_equal(t.slept[1], 7000);
    assert_int_equal(ask((struct sco_http_request){.url = at("/busy-forever"), .retries = 9}), 0);
    assert_int_equal(t.r.status, 429); /* longer than anyone waits */
    assert_true(t.r.retry_after_ms > SCO_HTTP_RETRY_AFTER_MAX_MS);
    assert_true(header("retry-after").n > 0);
    assert_int_equal(t.n_slept, 2);
}

static void test_backoff_grows(void **state)
{
    (void)state;
    assert_int_equal(ask((struct sco_http_request){.url = at("/flaky"), .retries = 3}), 0);
    assert_true(sco_str_is(t.r.body, "now"));
    assert_int_equal(t.n_slept, 3);
    assert_int_equal(t.slept[0], 250); /* half, and nothing by chance */
    assert_int_equal(t.slept[1], 500);
    assert_int_equal(t.slept[2], 1000);
    t.n_slept = 0;
    t.random = UINT32_MAX / 2;
    assert_int_equal(ask((struct sco_http_request){.url = at("/down"), .retries = 1}), 0);
    assert_int_equal(t.r.status, 503);
    assert_in_range(t.slept[0], 250, 500);
}

static void test_what_is_not_repeated(void **state)
{
    (void)state;
    assert_int_equal(ask((struct sco_http_request){.url = at("/error"), .retries = 5}), 0);
    assert_int_equal(t.n_slept, 0);
    struct sco_http_request q = {.url = at("/flaky-post"), .method = "POST", .retries = 5};
    assert_int_equal(ask(q), 0);
    assert_int_equal(t.r.status, 503);
    q.flags = SCO_HTTP_RETRY_POST;
    assert_int_equal(ask(q), 0);
    assert_int_equal(t.r.status, 200);
    /* nobody listens there: the request was not sent, so it may be sent again */
    q = (struct sco_http_request){.url = "http://127.0.0.1:1/", .method = "POST", .retries = 2};
    t.n_slept = 0;
    assert_int_equal(ask(q), SCO_E_NETWORK);
    assert_int_equal(t.n_slept, 2);
}

static void test_deadline_ends_the_tries(void **state)
{
    (void)state;
    open_with((struct sco_http_options){.clock = &counting, .deadline_mono_ms = t.now + 5000});
    assert_int_equal(ask((struct sco_http_request){.url = at("/down"), .retries = 20}), 0);
    assert_int_equal(t.r.status, 503);
    t.now += 10000;
    assert_int_equal(get("/ok"), SCO_E_TIMEOUT);
}

static void test_breaker(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(get("/down"), 0);
    assert_int_equal(get("/down"), SCO_E_NETWORK);
    assert_has("failed 5 times in a row");
    assert_int_equal(get("/ok"), SCO_E_NETWORK); /* the same server */
    size_t before = seen("/down", NULL);
    t.now += SCO_HTTP_BREAK_MS - 1;
    assert_int_equal(get("/down"), SCO_E_NETWORK);
    t.now += 1;
    assert_int_equal(get("/down"), 0); /* half open: one may try, and fails */
    assert_int_equal(seen("/down", NULL), before + 1);
    assert_int_equal(get("/ok"), SCO_E_NETWORK);
    t.now += SCO_HTTP_BREAK_MS;
    assert_int_equal(get("/ok"), 0); /* closed again */
    assert_int_equal(get("/down"), 0);
    assert_int_equal(get("/ok"), 0);
}

static void test_success_ends_the_count(void **state)
{
    (void)state;
    open_with((struct sco_http_options){.clock = &counting, .break_after = 3, .break_ms = 1000});
    assert_int_equal(get("/recovers"), 0);
    assert_int_equal(get("/recovers"), 0);
    assert_int_equal(get("/recovers"), 0);
    assert_int_equal(t.r.status, 200);
    assert_int_equal(get("/down"), 0);
    assert_int_equal(get("/down"), 0);
    assert_int_equal(get("/ok"), 0);
}

/* Another process of the same integration: a client of its own, and the file. */
static void open_again(void)
{
    static char path[1100];
    snprintf(path, sizeof path, "%s/state", t.dir);
    open_with((struct sco_http_options){.clock = &counting, .state_file = path});
}

static void test_breaker_outlives_the_process(void **state)
{
    (void)state;
    open_again();
    for (int i = 0; i < 3; i++)
        assert_int_equal(get("/down"), 0);
    open_again();
    assert_int_equal(get("/down"), 0);
    assert_int_equal(get("/down"), 0);
    open_again();
    assert_int_equal(get("/down"), SCO_E_NETWORK); /* five in all */
    assert_has("failed 5 times in a row");
    t.now += SCO_HTTP_BREAK_MS;
    open_again();
    assert_int_equal(get("/down"), 0); /* half open */
    open_again();
    assert_int_equal(get("/ok"), SCO_E_NETWORK);
    t.now += SCO_HTTP_BREAK_MS;
    open_again();
    assert_int_equal(get("/ok"), 0);
    open_again();
    assert_int_equal(get("/down"), 0);
    assert_int_equal(get("/ok"), 0);
}

/* Two clients at once, as of two operations of an integration. */
static void test_state_is_shared(void **state)
{
    struct sco_http *other;
    (void)state;
    open_again();
    other = t.c;
    t.c = NULL;
    open_again();
    struct sco_http *both[] = {other, t.c};
    for (int i = 0; i < 4; i++) {
        t.c = both[i % 2];
        assert_int_equal(ask((struct sco_http_request){.url = at("/ok"), .rate_per_second = 4}), 0);
    }
    assert_int_equal(t.n_slept, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(t.slept[i], 250);
    for (int i = 0; i < 5; i++) {
        t.c = both[i % 2];
        assert_int_equal(get("/down"), 0);
    }
    for (int i = 0; i < 2; i++) {
        t.c = both[i];
        assert_int_equal(get("/ok"), SCO_E_NETWORK);
        assert_has("failed 5 times in a row");
    }
    t.now += SCO_HTTP_BREAK_MS; /* what one has found out is the other's */
    t.c = both[0];
    assert_int_equal(get("/ok"), 0);
    t.c = both[1];
    assert_int_equal(get("/ok"), 0);
    t.m->close(both[0]);
}

static void test_a_clock_that_was_set_back(void **state)
{
    (void)state;
    open_again();
    for (int i = 0; i < 5; i++)
        assert_int_equal(get("/down"), 0);
    t.now -= 86400000;
    open_again();
    assert_int_equal(get("/ok"), SCO_E_NETWORK);
    t.now += SCO_HTTP_BREAK_MS; /* not a day */
    assert_int_equal(get("/ok"), 0);
}

static void test_rate_outlives_the_process(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        open_again();
        assert_int_equal(ask((struct sco_http_request){.url = at("/ok"), .rate_per_second = 4}), 0);
    }
    assert_int_equal(t.n_slept, 2);
    assert_int_equal(t.slept[1], 250);
}

static void test_odd_state_is_forgotten(void **state)
{
    static const char *const texts[] = {
        "", "\n\n", "secureops-http 2\n127.0.0.1:1 9 9 9\n", "secureops-http 1\nx\n y z\n- - - -\n",
        "secureops-http 1\n127.0.0.1:80 -1 99999999999999999999 0\n"};
    char path[1100];
    (void)state;
    snprintf(path, sizeof path, "%s/state", t.dir);
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++) {
        assert_int_equal(sco_fs_write(path, sco_str_c(texts[i]), 0600, NULL), 0);
        open_again();
        assert_int_equal(get("/ok"), 0);
    }
}

static void test_rate(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask((struct sco_http_request){.url = at("/ok"), .rate_per_second = 4}), 0);
    assert_int_equal(t.n_slept, 2);
    assert_int_equal(t.slept[0], 250);
    assert_int_equal(t.slept[1], 250);
}

/* ---- redirects --------------------------------------------------------------------------------
 */

static const char *const secret_headers[] = {"Authorization: Bearer hidden", "X-API-Key: hidden",
                                             NULL};

static void test_redirect_at_home(void **state)
{
    const struct sco_node *last = NULL;
    (void)state;
    assert_int_equal(ask((struct sco_http_request){.url = at("/moved"), .headers = secret_headers}),
                     0);
    seen("/ok", &last);
    assert_true(sco_str_is(sco_text_at(last, "headers.x-api-key"), "hidden"));
    assert_int_equal(
        ask((struct sco_http_request){.url = at("/moved"), .method = "POST", .body = SCO_STR("b")}),
        0);
    seen("/ok", &last);
    assert_true(sco_str_is(sco_text_at(last, "method"), "GET"));
    assert_true(sco_str_is(sco_text_at(last, "body"), ""));
    assert_int_equal(ask((struct sco_http_request){
                         .url = at("/moved-keep"), .method = "POST", .body = SCO_STR("b")}),
                     0);
    seen("/ok", &last);
    assert_true(sco_str_is(sco_text_at(last, "method"), "POST"));
    assert_true(sco_str_is(sco_text_at(last, "body"), "b"));
    assert_int_equal(get("/moved-nowhere"), 0);
    assert_int_equal(t.r.status, 302);
    const char *capitals = sco_arena_fmt(&t.arena, "http://LOCALHOST:%d/moved-away", standin.port);
    assert_int_equal(ask((struct sco_http_request){.url = capitals, .headers = secret_headers}), 0);
    seen("/ok", &last);
    assert_true(sco_str_is(sco_text_at(last, "headers.x-api-key"), "hidden"));
}

static void test_redirect_elsewhere_carries_nothing(void **state)
{
    const struct sco_node *last = NULL;
    (void)state;
    struct sco_http_request q = {.url = at("/moved-away"), .headers = secret_headers};
    assert_int_equal(ask(q), 0);
    assert_int_equal(t.r.status, 200);
    seen("/ok", &last);
    assert_true(sco_str_starts(sco_text_at(last, "headers.host"), "localhost"));
    assert_null(sco_path(last, "headers.authorization"));
    assert_null(sco_path(last, "headers.x-api-key"));
    q.method = "POST";
    q.body = SCO_STR("private");
    assert_int_equal(ask(q), SCO_E_NETWORK);
    assert_has("redirects a POST to another server");
}

/* ---- where it leads ----
 * A name may stand for another address each time that it is asked for. */
static size_t judged;

static enum sco_address_reach own_later(const struct sockaddr *a)
{
    (void)a;
    return judged++ ? SCO_REACH_OWN : SCO_REACH_PRIVATE;
}

static enum sco_address_reach public_first(const struct sockaddr *a)
{
    (void)a;
    return judged++ ? SCO_REACH_PRIVATE : SCO_REACH_PUBLIC;
}

static void test_redirect_to_this_machine(void **state)
{
    (void)state;
    judged = 0;
    open_with((struct sco_http_options){.clock = &counting, .reach = own_later});
    assert_int_equal(get("/moved-away"), SCO_E_PERMISSION);
    assert_has("by way of another server");
    assert_true(judged >= 2);
}

static void test_public_only(void **state)
{
    char url[64];
    (void)state;
    open_with((struct sco_http_options){.clock = &counting, .public_only = true});
    snprintf(url, sizeof url, "http://localhost:%d/ok", standin.port);
    assert_int_equal(ask((struct sco_http_request){.url = url, .retries = 3}), SCO_E_PERMISSION);
    assert_has("not public");
    assert_int_equal(t.n_slept, 0);
    assert_int_equal(get("/ok"), SCO_E_PERMISSION);
    setenv("http_proxy", at("/"), 1); /* it would ask for the name itself */
    assert_int_equal(get("/ok"), SCO_E_PERMISSION);
    unsetenv("http_proxy");
    judged = 0; /* every connection is judged anew: no earlier answer of a name counts */
    open_with(
        (struct sco_http_options){.clock = &counting, .public_only = true, .reach = public_first});
    assert_int_equal(ask((struct sco_http_request){.url = url, .method = "POST"}), 0);
    assert_int_equal(ask((struct sco_http_request){.url = url, .method = "POST"}),
                     SCO_E_PERMISSION);
}

static void test_redirect_refused(void **state)
{
    (void)state;
    assert_int_equal(get("/moved-file"), SCO_E_NETWORK);
    assert_int_equal(get("/moved-ftp"), SCO_E_NETWORK);
    assert_has("another protocol");
    assert_int_equal(get("/moved-round"), SCO_E_NETWORK);
    assert_has("more than 5 redirects");
}

/* ---- refused, secret, slow --------------------------------------------------------------------
 */

static void test_requests_refused(void **state)
{
    static const char *const split[] = {"X-A: b\r\nX-C: hidden", NULL};
    static const char *const urls[] = {"",           "ftp://127.0.0.1/", "file:///etc/passwd",
                                       "no url",     "http://",          "http://a b/",
                                       "gopher://x", "/only/a/path"};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(urls); i++)
        assert_int_equal(ask((struct sco_http_request){.url = urls[i]}), SCO_E_INVALID);
    assert_int_equal(ask((struct sco_http_request){.url = at("/ok"), .headers = split}),
                     SCO_E_INVALID);
    assert_null(strstr(t.err.text, "hidden"));
    assert_int_equal(ask((struct sco_http_request){.url = at("/ok"), .method = "GET X"}),
                     SCO_E_INVALID);
}

static void test_offline(void **state)
{
    (void)state;
    open_with((struct sco_http_options){.clock = &counting, .offline = true});
    assert_int_equal(get("/ok"), 0);
    assert_int_equal(ask((struct sco_http_request){.url = "http://192.0.2.1/x", .retries = 3}),
                     SCO_E_PERMISSION);
    assert_has("offline");
    assert_int_equal(ask((struct sco_http_request){.url = "http://127.0.0.1.example.com/"}),
                     SCO_E_PERMISSION);
    assert_int_equal(ask((struct sco_http_request){.url = "http://localhost.example.com/"}),
                     SCO_E_PERMISSION);
    assert_int_equal(t.n_slept, 0);
}

static void test_urls_are_masked(void **state)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"http://u:p@h/x?a=1&apikey=s&b=2", "http://***@h/x?a=1&apikey=***&b=2"},
        {"https://token@h", "https://***@h"},
        {"https://h/x?access_token=s#id_token=s", "https://h/x?access_token=***"},
        {"https://h/a@b?password=", "https://h/a@b?password=***"},
        {"https://h/?q\r\n=\x1b[31m", "https://h/?q  =\\x1b[31m"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        struct sco_buf b = {0};
        t.m->mask_url(&b, sco_str_c(cases[i].url));
        assert_string_equal(sco_buf_z(&b), cases[i].shown);
        sco_buf_done(&b);
    }
    assert_int_equal(
        ask((struct sco_http_request){.url = "http://me:hidden@127.0.0.1:1/?api_key=hidden"}),
        SCO_E_NETWORK);
    assert_has("127.0.0.1:1/?api_key=***");
    assert_null(strstr(t.err.text, "hidden"));
}

static void test_slow_servers(void **state)
{
    (void)state;
    assert_int_equal(ask((struct sco_http_request){.url = at("/hang"), .timeout_ms = 200}),
                     SCO_E_TIMEOUT);
    assert_int_equal(ask((struct sco_http_request){.url = at("/drip"), .timeout_ms = 300}),
                     SCO_E_TIMEOUT);
    open_with((struct sco_http_options){.clock = &counting, .slow_ms = 1000});
    int64_t start = sco_mono_ms();
    assert_int_equal(ask((struct sco_http_request){.url = at("/drip"), .timeout_ms = 30000}),
                     SCO_E_TIMEOUT); /* 20 bytes a second are too few */
    assert_true(sco_mono_ms() - start < 20000);
}

static void test_cancel(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    open_with((struct sco_http_options){.cancel_fd = fds[0]});
    assert_int_equal(write(fds[1], "x", 1), 1);
    int64_t start = sco_mono_ms();
    assert_int_equal(get("/hang"), SCO_E_CANCELLED);
    /* also while it waits for the next try */
    assert_int_equal(ask((struct sco_http_request){.url = "http://127.0.0.1:1/", .retries = 3}),
                     SCO_E_CANCELLED);
    assert_true(sco_mono_ms() - start < 15000); /* it hangs for 20 s */
    close(fds[0]);
    close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answer),
        TEST(test_large_answer_is_in_the_file),
        TEST(test_half_an_answer_is_none),
        TEST(test_post),
        TEST(test_file_as_body),
        TEST(test_retry_after),
        TEST(test_backoff_grows),
        TEST(test_what_is_not_repeated),
        TEST(test_deadline_ends_the_tries),
        TEST(test_breaker),
        TEST(test_success_ends_the_count),
        TEST(test_rate),
        TEST(test_breaker_outlives_the_process),
        TEST(test_state_is_shared),
        TEST(test_a_clock_that_was_set_back),
        TEST(test_rate_outlives_the_process),
        TEST(test_odd_state_is_forgotten),
        TEST(test_redirect_at_home),
        TEST(test_redirect_elsewhere_carries_nothing),
        TEST(test_redirect_to_this_machine),
        TEST(test_public_only),
        TEST(test_redirect_refused),
        TEST(test_requests_refused),
        TEST(test_offline),
        TEST(test_urls_are_masked),
        TEST(test_slow_servers),
        TEST(test_cancel),
    };
    return cmocka_run_group_tests_name("http", tests, start_standin, stop_standin);
}
