/* The pool of integrations with real workers and a plugin that behaves as each delivery says. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <event2/event.h>
#include <secureops/ci.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <signal.h>

#include "worker_driver.h"

enum { ANSWERS_MAX = 2048, GUARD_S = 60 };

struct got {
    int code;
    char reason[256], id[80], event[64];
    bool ignored;
    size_t n_events;
    char first[256];
};

static struct {
    struct event_base *base;
    struct sco_ci_pool *pool;
    struct got v[ANSWERS_MAX];
    size_t n, wanted;
    int libraries;
    void (*then)(const struct sco_ci_answer *a);
    struct sco_error err;
} t;

static const char *library(void *user, const char *plugin)
{
    (void)user;
    t.libraries++;
    return strcmp(plugin, "test-ci") == 0 ? drive_plugin("ci", "test-ci") : NULL;
}

static struct sco_integration integration(const char *name, const char *options)
{
    return (struct sco_integration){.name = name,
                                    .plugin = "test-ci",
                                    .platform = "test",
                                    .enabled = true,
                                    .options = sco_str_c(options)};
}

static void open_pool(struct sco_ci_pool_options o)
{
    static char worker[1100];
    snprintf(worker, sizeof worker, "%s/bin/secureops-worker", drive_build());
    o.base = t.base;
    o.worker = worker;
    o.work_dir = drive_dir();
    o.library = library;
    assert_int_equal(sco_ci_pool_new(&o, &t.pool, &t.err), 0);
    struct sco_integration v[] = {integration("one", "{\"secret\":\"first secret\"}")};
    assert_int_equal(sco_ci_pool_set(t.pool, v, 1, &t.err), 0);
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.base = event_base_new();
    return t.base ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    t.pool = sco_ci_pool_free(t.pool);
    event_base_free(t.base);
    return 0;
}

static void on_answer(void *user, const struct sco_ci_answer *a)
{
    struct got *g = &t.v[t.n++];
    g->code = a->code;
    snprintf(g->reason, sizeof g->reason, "%s", a->reason ? a->reason : "");
    snprintf(g->id, sizeof g->id, "%s", a->delivery_id ? a->delivery_id : "");
    snprintf(g->event, sizeof g->event, "%s", a->native_event ? a->native_event : "");
    g->ignored = a->ignored;
    g->n_events = a->n_events;
    if (a->n_events)
        snprintf(g->first, sizeof g->first, "%.*s", SCO_STR_ARG(a->events[0]));
    if (user && t.then)
        t.then(a);
    if (t.n >= t.wanted)
        event_base_loopbreak(t.base);
}

static void on_guard(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    (void)user;
    fail_msg("%zu answers came, %zu were expected", t.n, t.wanted);
}

static void run_until(size_t n)
{
    struct timeval tv = {.tv_sec = GUARD_S};
    struct event *guard = evtimer_new(t.base, on_guard, NULL);
    event_add(guard, &tv);
    t.wanted = n;
    while (t.n < n)
        event_base_loop(t.base, EVLOOP_ONCE);
    event_free(guard);
}

struct send {
    const char *to, *secret, *body, *event, *doing, *id;
    bool translate;
    int64_t sent_ms, received_ms;
    void *user;
};

static int hand_in(struct send s)
{
    uint8_t mac[SCO_SHA256_LEN];
    char hex[2 * SCO_SHA256_LEN + 1], sent[32];
    const char *secret = s.secret ? s.secret : "first secret", *body = s.body ? s.body : "{}";
    struct sco_pair headers[5] = {{SCO_STR("x-event"), sco_str_c(s.event ? s.event : "push")}};
    size_t n = 1;
    sco_hmac_sha256(sco_str_c(secret), sco_str_c(body), mac);
    sco_hex(mac, sizeof mac, hex);
    headers[n++] = (struct sco_pair){SCO_STR("x-signature"), sco_str_c(hex)};
    snprintf(sent, sizeof sent, "%lld", (long long)s.sent_ms);
    if (s.doing)
        headers[n++] = (struct sco_pair){s.translate ? SCO_STR("x-do") : SCO_STR("x-do-verify"),
                                         sco_str_c(s.doing)};
    if (s.id)
        headers[n++] = (struct sco_pair){SCO_STR("x-id"), sco_str_c(s.id)};
    if (s.sent_ms)
        headers[n++] = (struct sco_pair){SCO_STR("x-sent-ms"), sco_str_c(sent)};
    struct sco_ci_delivery d = {.integration = s.to ? s.to : "one",
                                .headers = headers,
                                .n_headers = n,
                                .body = sco_str_c(body),
                                .received_ms = s.received_ms};
    return s.translate ? sco_ci_translate(t.pool, &d, on_answer, s.user, &t.err)
                       : sco_ci_verify(t.pool, &d, on_answer, s.user, &t.err);
}

#define assert_reason(i, part)                                                                     \
    do {                                                                                           \
        if (!strstr(t.v[i].reason, part))                                                          \
            fail_msg("%zu: \"%s\" lacks \"%s\"", (size_t)(i), t.v[i].reason, part);                \
    } while (0)

/* ---- verify and translate ---- */
static void test_verify(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){0});
    assert_int_equal(hand_in((struct send){.id = "d-1"}), 0);
    assert_int_equal(hand_in((struct send){.secret = "another"}), 0);
    assert_int_equal(hand_in((struct send){.event = "ignored"}), 0);
    assert_int_equal(hand_in((struct send){.sent_ms = 1000, .received_ms = 301000}), 0);
    assert_int_equal(hand_in((struct send){.sent_ms = 1000, .received_ms = 301001}), 0);
    assert_int_equal(hand_in((struct send){.event = "fetch"}), 0);
    assert_int_equal(t.n, 0); /* never from within */
    run_until(6);
    assert_int_equal(t.v[0].code, 0);
    assert_string_equal(t.v[0].id, "d-1");
    assert_string_equal(t.v[0].event, "push");
    assert_false(t.v[0].ignored);
    assert_int_equal(t.v[1].code, SCO_E_PERMISSION);
    assert_reason(1, "the signature is wrong");
    assert_int_equal(t.v[2].code, 0);
    assert_true(t.v[2].ignored);
    assert_int_equal(strlen(t.v[2].id), 64); /* a digest of the body */
    assert_int_equal(t.v[3].code, 0);
    assert_int_equal(t.v[4].code, SCO_E_PERMISSION);
    assert_reason(4, "too old");
    assert_int_equal(t.v[5].code, SCO_E_PERMISSION);
    assert_reason(5, "ask no server");
}

static void test_translate(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){0});
    const char *body = "{\"event\":\"ping\"}";
    assert_int_equal(hand_in((struct send){.translate = true, .body = body}), 0);
    assert_int_equal(hand_in((struct send){.translate = true, .doing = "nothing"}), 0);
    assert_int_equal(hand_in((struct send){.translate = true, .doing = "fail"}), 0);
    assert_int_equal(hand_in((struct send){.translate = true, .doing = "odd"}), 0);
    assert_int_equal(hand_in((struct send){.translate = true, .doing = "leak"}), 0);
    assert_int_equal(hand_in((struct send){.translate = true, .doing = "garbage"}), 0);
    run_until(6);
    assert_int_equal(t.v[0].code, 0);
    assert_int_equal(t.v[0].n_events, 1);
    assert_string_equal(t.v[0].first, body);
    assert_int_equal(t.v[1].code, SCO_E_FORMAT);
    assert_reason(1, "no event");
    assert_int_equal(t.v[2].code, SCO_E_FORMAT);
    assert_int_equal(t.v[2].n_events, 0); /* of a failure there are none */
    assert_int_equal(t.v[3].code, SCO_E_INTERNAL);
    assert_reason(3, "returned 77");
    assert_int_equal(t.v[4].code, SCO_E_TOOL);
    assert_reason(4, "the secret is ***");
    assert_int_equal(t.v[5].n_events, 1); /* its text is for who reads it */
}

static void test_order(void **state)
{
    char id[32];
    (void)state;
    open_pool((struct sco_ci_pool_options){0});
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "d-%d", i);
        assert_int_equal(hand_in((struct send){.id = id}), 0);
    }
    run_until(1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "d-%d", i);
        assert_int_equal(t.v[i].code, 0);
        assert_string_equal(t.v[i].id, id);
    }
}

/* ---- what goes wrong ---- */
static void test_only_the_guilty_fails(void **state)
{
    static const char *const sins[] = {"crash", "exit"};
    (void)state;
    open_pool((struct sco_ci_pool_options){0});
    for (size_t i = 0; i < SCO_ARRAY_LEN(sins); i++) {
        t.n = 0;
        assert_int_equal(hand_in((struct send){.id = "a"}), 0);
        assert_int_equal(hand_in((struct send){.doing = sins[i]}), 0);
        assert_int_equal(hand_in((struct send){.id = "b"}), 0);
        assert_int_equal(hand_in((struct send){.translate = true, .doing = sins[i]}), 0);
        assert_int_equal(hand_in((struct send){.id = "c"}), 0);
        run_until(5);
        assert_string_equal(t.v[0].id, "a");
        assert_int_equal(t.v[1].code, SCO_E_INTERNAL);
        assert_reason(1, i == 0 ? "crashed" : "exit()");
        assert_string_equal(t.v[2].id, "b");
        assert_int_equal(t.v[3].code, SCO_E_INTERNAL);
        assert_string_equal(t.v[4].id, "c");
    }
}

static void test_hang(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){.call_ms = 500});
    assert_int_equal(hand_in((struct send){.doing = "hang"}), 0);
    assert_int_equal(hand_in((struct send){.translate = true, .doing = "spin"}), 0);
    assert_int_equal(hand_in((struct send){.id = "after"}), 0);
    run_until(3);
    assert_int_equal(t.v[0].code, SCO_E_TIMEOUT);
    assert_reason(0, "did not answer in time");
    assert_int_equal(t.v[1].code, SCO_E_TIMEOUT);
    assert_string_equal(t.v[2].id, "after");
}

static void test_a_plugin_that_does_not_start(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){0});
    struct sco_integration v[] = {integration("one", "{\"secret\":\"fail-open\"}"),
                                  integration("two", "{}")};
    assert_int_equal(sco_ci_pool_set(t.pool, v, 2, &t.err), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hand_in((struct send){0}), 0);
    assert_int_equal(hand_in((struct send){.to = "two"}), 0);
    run_until(4);
    size_t missing = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(t.v[i].code, SCO_E_INVALID);
        assert_null(strstr(t.v[i].reason, "fail-open"));
        missing += strstr(t.v[i].reason, "needs the option \"secret\"") != NULL;
    }
    assert_int_equal(missing, 1);
}

/* ---- limits, changes, ends ---- */
static void test_limits(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){.waiting_max = 2});
    assert_int_equal(hand_in((struct send){.to = "nobody"}), SCO_E_NOT_FOUND);
    assert_int_equal(hand_in((struct send){0}), 0);
    assert_int_equal(hand_in((struct send){0}), 0);
    assert_int_equal(hand_in((struct send){0}), SCO_E_LIMIT);
    run_until(2);
    assert_int_equal(hand_in((struct send){0}), 0);
    run_until(3);
}

static void test_changes(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){0});
    struct sco_integration v[] = {integration("one", "{\"secret\":\"second secret\"}"),
                                  integration("two", "{\"secret\":\"third\"}")};
    for (int i = 0; i < 10; i++)
        assert_int_equal(hand_in((struct send){.id = "old"}), 0);
    assert_int_equal(sco_ci_pool_set(t.pool, v, 2, &t.err), 0);
    assert_int_equal(hand_in((struct send){.secret = "second secret", .id = "new"}), 0);
    assert_int_equal(hand_in((struct send){.to = "two", .secret = "third", .id = "new"}), 0);
    run_until(12);
    size_t old = 0, fresh = 0;
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(t.v[i].code, 0);
        old += strcmp(t.v[i].id, "old") == 0;
        fresh += strcmp(t.v[i].id, "new") == 0;
    }
    assert_int_equal(old, 10);
    assert_int_equal(fresh, 2);
    v[1].enabled = false;
    assert_int_equal(sco_ci_pool_set(t.pool, v, 2, &t.err), 0);
    assert_int_equal(hand_in((struct send){.to = "two"}), SCO_E_NOT_FOUND);
    v[0].plugin = "none";
    assert_int_equal(sco_ci_pool_set(t.pool, v, 1, &t.err), SCO_E_NOT_FOUND);
    t.n = 0; /* all is as before */
    assert_int_equal(hand_in((struct send){.secret = "second secret"}), 0);
    run_until(1);
    assert_int_equal(t.v[0].code, 0);
}

/* Nothing to do: the process goes, and another one comes for the next delivery. */
static void test_idle(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){.idle_ms = 1});
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hand_in((struct send){0}), 0);
        run_until(i + 1);
        assert_int_equal(t.v[i].code, 0);
        struct timeval tv = {.tv_usec = 1000};
        for (int64_t end = sco_mono_ms() + 20000; sco_mono_ms() < end;) {
            event_base_loopexit(t.base, &tv);
            event_base_dispatch(t.base);
            if (event_base_get_num_events(t.base, EVENT_BASE_COUNT_ADDED) == 0)
                break;
        }
        assert_int_equal(event_base_get_num_events(t.base, EVENT_BASE_COUNT_ADDED), 0);
    }
}

static void test_free_tells(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){0});
    assert_int_equal(hand_in((struct send){.doing = "hang"}), 0);
    assert_int_equal(hand_in((struct send){0}), 0);
    event_base_loop(t.base, EVLOOP_NONBLOCK);
    t.pool = sco_ci_pool_free(t.pool);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.v[0].code, SCO_E_CANCELLED);
    assert_int_equal(t.v[1].code, SCO_E_CANCELLED);
}

/* ---- from within answers ---- */
static void then_translate(const struct sco_ci_answer *a)
{
    if (a->code == 0)
        assert_int_equal(hand_in((struct send){.translate = true, .body = "{\"event\":\"ping\"}"}),
                         0);
}

static void then_replace(const struct sco_ci_answer *a)
{
    struct sco_integration v[] = {integration("one", "{\"secret\":\"second secret\"}")};
    (void)a;
    assert_int_equal(sco_ci_pool_set(t.pool, v, 1, &t.err), 0);
    assert_int_equal(hand_in((struct send){.secret = "second secret", .id = "new"}), 0);
}

static void test_from_within(void **state)
{
    (void)state;
    open_pool((struct sco_ci_pool_options){0});
    t.then = then_translate;
    assert_int_equal(hand_in((struct send){.user = &t}), 0);
    run_until(2);
    assert_int_equal(t.v[1].n_events, 1);
    t.n = 0;
    t.then = then_replace;
    assert_int_equal(hand_in((struct send){.user = &t}), 0);
    run_until(2);
    assert_int_equal(t.v[1].code, 0);
    assert_string_equal(t.v[1].id, "new");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as programs with a pool do: workers die here */
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_verify),      TEST(test_translate),
        TEST(test_order),       TEST(test_only_the_guilty_fails),
        TEST(test_hang),        TEST(test_a_plugin_that_does_not_start),
        TEST(test_limits),      TEST(test_changes),
        TEST(test_idle),        TEST(test_free_tells),
        TEST(test_from_within),
    };
    return cmocka_run_group_tests_name("ci_pool", tests, NULL, NULL);
}
