/* Deliveries, executions with their stages, publications: each once, in order, whatever is told
 * twice or late; who holds a lane. */
#include "world.h"

#include <pthread.h>
#include <secureops/store_ci.h>
#include <secureops/store_events.h>

static void with_events(struct world *w)
{
    struct sco_error err = {0};
    OK(sco_store_set_context(w->s, &(struct sco_store_context){.source = "node-1"}, &err));
}

/* ---- deliveries ---- */
static struct sco_stored_delivery a_delivery(const char *key)
{
    return (struct sco_stored_delivery){.integration = "github",
                                        .key = key,
                                        .native_event = "push",
                                        .headers = "[[\"x-github-event\",\"push\"]]",
                                        .path = SCO_STR(""),
                                        .query = SCO_STR("a=1"),
                                        .body = SCO_STR("{\"ref\":\"x\"}")};
}

static struct sco_delivery_added add(struct world *w, const char *integration, const char *key)
{
    struct sco_error err = {0};
    struct sco_delivery_added a;
    struct sco_stored_delivery d = a_delivery(key);
    d.integration = integration;
    OK(sco_store_deliveries_add(w->s, &d, 1, w->now++, &a, &err));
    return a;
}

/* Keys of what is claimed: "a,b". */
static const char *claim(struct world *w, const char *node, int64_t now, uint32_t max)
{
    static char keys[256];
    struct sco_error err = {0};
    struct sco_delivery_page p = {0};
    OK(sco_store_deliveries_claim(w->s, node, now, now + 1000, max, &p, &err));
    keys[0] = 0;
    for (size_t i = 0; i < p.n; i++) {
        size_t at = strlen(keys);
        snprintf(keys + at, sizeof keys - at, "%s%s", i ? "," : "", p.v[i].key);
        assert_string_equal(p.v[i].headers, "[[\"x-github-event\",\"push\"]]");
        assert_true(sco_str_is(p.v[i].body, "{\"ref\":\"x\"}"));
        assert_true(sco_str_is(p.v[i].query, "a=1"));
        assert_int_equal(p.v[i].path.n, 0);
    }
    sco_delivery_page_done(&p);
    return keys;
}

TEST(a_delivery_is_kept_once)
{
    WORLD;
    struct sco_delivery_added a = add(w, "github", "one"), b = add(w, "github", "one");
    assert_false(a.existing);
    assert_true(b.existing);
    assert_string_equal(a.id, b.id);
    assert_int_equal(b.state, SCO_DELIVERY_RECEIVED);
    assert_false(add(w, "gitlab", "one").existing); /* of somebody else */
    struct sco_stored_delivery v[] = {a_delivery("b"), a_delivery("a"), a_delivery("b")};
    struct sco_delivery_added r[3];
    OK(sco_store_deliveries_add(w->s, v, 3, w->now, r, &err));
    assert_false(r[0].existing);
    assert_false(r[1].existing);
    assert_true(r[2].existing);
    assert_string_equal(r[0].id, r[2].id);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM webhook_deliveries"), 4);
    struct sco_stored_delivery bad = a_delivery("");
    assert_int_equal(sco_store_deliveries_add(w->s, &bad, 1, w->now, r, &err), SCO_E_INVALID);
    OK(sco_store_deliveries_add(w->s, NULL, 0, w->now, NULL, &err));
}

TEST(they_are_claimed_in_order_by_one_node)
{
    WORLD;
    struct sco_stored_delivery v[] = {a_delivery("z"), a_delivery("y"), a_delivery("x")};
    struct sco_delivery_added r[3];
    OK(sco_store_deliveries_add(w->s, v, 3, w->now, r, &err));
    add(w, "gitlab", "g");
    int64_t now = w->now + 10;
    assert_string_equal(claim(w, "one", now, 2), "z,g");
    assert_string_equal(claim(w, "one", now, 100), "z,y,x,g"); /* still its own */
    assert_string_equal(claim(w, "two", now, 100), "");
    assert_string_equal(claim(w, "two", now + 999, 100), "");
    assert_string_equal(claim(w, "two", now + 1000, 100), "z,y,x,g"); /* one is gone */
    assert_int_equal(sco_store_delivery_end(w->s, r[0].id, "one", false, NULL, 0, now, &err),
                     SCO_E_CANCELLED);
    OK(sco_store_delivery_end(w->s, r[0].id, "two", false, NULL, 0, now, &err));
    assert_int_equal(sco_store_delivery_end(w->s, r[0].id, "two", false, NULL, 0, now, &err),
                     SCO_E_CANCELLED);
    OK(sco_store_delivery_end(w->s, r[1].id, "two", false, "away", now + 5000, now, &err));
    assert_string_equal(claim(w, "two", now + 1001, 100), "x,g");
    assert_string_equal(claim(w, "two", now + 5000, 100), "y,x,g");
    OK(sco_store_deliveries_release(w->s, "two", &err));
    assert_string_equal(claim(w, "one", now + 5001, 100), "y,x,g");
}

TEST(what_has_failed_is_tried_again)
{
    WORLD;
    struct sco_delivery_page p = {0};
    struct sco_delivery_counts c;
    uint64_t gone = 0;
    struct sco_delivery_added a = add(w, "github", "a"), b = add(w, "github", "b");
    int64_t oldest = w->now - 2;
    OK(sco_store_delivery_counts(w->s, &c, &err));
    assert_int_equal(c.received, 2);
    assert_int_equal(c.oldest, oldest);
    assert_string_equal(claim(w, "one", w->now, 9), "a,b");
    OK(sco_store_delivery_end(w->s, a.id, "one", true, "no such thing", 0, w->now, &err));
    OK(sco_store_delivery_end(w->s, b.id, "one", false, NULL, 0, w->now, &err));
    OK(sco_store_delivery_counts(w->s, &c, &err));
    assert_int_equal(c.received + c.oldest, 0);
    assert_int_equal(c.failed, 1);
    struct sco_delivery_filter f = {.states = 1 << SCO_DELIVERY_FAILED};
    OK(sco_store_deliveries(w->s, &f, &p, &err));
    assert_int_equal(p.n, 1);
    assert_string_equal(p.v[0].reason, "no such thing");
    assert_int_equal(p.v[0].attempts, 1);
    sco_delivery_page_done(&p);
    assert_int_equal(sco_store_delivery_retry(w->s, b.id, w->now, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_delivery_retry(w->s, w->repository, w->now, &err), SCO_E_NOT_FOUND);
    OK(sco_store_delivery_retry(w->s, a.id, w->now, &err));
    assert_string_equal(claim(w, "one", w->now, 9), "a");
    OK(sco_store_delivery_end(w->s, a.id, "one", true, "still", 0, w->now, &err));
    struct sco_delivery_added again = add(w, "github", "a"); /* the platform sends it again */
    assert_true(again.existing);
    assert_int_equal(again.state, SCO_DELIVERY_RECEIVED);
    assert_string_equal(claim(w, "one", w->now, 9), "a");
    assert_int_equal(add(w, "github", "b").state, SCO_DELIVERY_DONE);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM webhook_deliveries WHERE body IS NULL"), 1);
    OK(sco_store_deliveries_retain(w->s, w->now + 1, &gone, &err));
    assert_int_equal(gone, 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM webhook_deliveries"), 1);
}

TEST(pages_of_deliveries)
{
    WORLD;
    struct sco_delivery_page p = {0};
    char key[8], cursor[32];
    for (int i = 0; i < 5; i++) {
        snprintf(key, sizeof key, "k%d", i);
        add(w, i == 4 ? "gitlab" : "github", key);
    }
    struct sco_delivery_filter f = {.integration = "github", .limit = 3};
    OK(sco_store_deliveries(w->s, &f, &p, &err));
    assert_int_equal(p.n, 3);
    assert_string_equal(p.v[0].key, "k3");
    snprintf(cursor, sizeof cursor, "%s", p.cursor);
    sco_delivery_page_done(&p);
    f.cursor = cursor;
    OK(sco_store_deliveries(w->s, &f, &p, &err));
    assert_int_equal(p.n, 1);
    assert_null(p.cursor);
    assert_string_equal(p.v[0].key, "k0");
    sco_delivery_page_done(&p);
    f.cursor = "x";
    assert_int_equal(sco_store_deliveries(w->s, &f, &p, &err), SCO_E_INVALID);
}

TEST(a_claim_is_bounded_in_bytes)
{
    WORLD;
    enum { EACH = 12 << 20 };
    struct sco_delivery_page p = {0};
    struct sco_delivery_added r[3];
    char *big = calloc(1, EACH);
    struct sco_stored_delivery v[] = {a_delivery("a"), a_delivery("b"), a_delivery("c")};
    for (int i = 0; i < 3; i++)
        v[i].body = sco_str_make(big, EACH);
    OK(sco_store_deliveries_add(w->s, v, 3, w->now, r, &err));
    OK(sco_store_deliveries_claim(w->s, "one", w->now, w->now + 1000, 10, &p, &err));
    assert_int_equal(p.n, 2);
    assert_int_equal(p.v[1].body.n, EACH);
    sco_delivery_page_done(&p);
    free(big);
}

struct task {
    struct world *w;
    pthread_t thread;
    int result;
    unsigned added;
    struct sco_error err;
};

enum { TASKS = 10, EACH = 5, KEYS = 7 };

static void *add_the_same(void *user)
{
    struct task *t = user;
    struct sco_store *s = world_open(t->w);
    struct sco_stored_delivery v[KEYS];
    struct sco_delivery_added r[KEYS];
    static const char *const keys[KEYS] = {"a", "b", "c", "d", "e", "f", "g"};
    for (int i = 0; i < EACH && t->result == 0; i++) {
        for (size_t k = 0; k < KEYS; k++) /* each in another order */
            v[k] = a_delivery(keys[(k * 3 + (size_t)i + (uintptr_t)t / sizeof *t) % KEYS]);
        t->result = sco_store_deliveries_add(s, v, KEYS, 1800000000000, r, &t->err);
        for (size_t k = 0; k < KEYS && t->result == 0; k++)
            t->added += !r[k].existing;
    }
    sco_store_close(s);
    return NULL;
}

TEST(the_same_fifty_times_at_once)
{
    WORLD;
    struct task t[TASKS];
    unsigned added = 0;
    for (size_t i = 0; i < TASKS; i++) {
        t[i] = (struct task){.w = w};
        pthread_create(&t[i].thread, NULL, add_the_same, &t[i]);
    }
    for (size_t i = 0; i < TASKS; i++) {
        pthread_join(t[i].thread, NULL);
        if (t[i].result < 0)
            fail_msg("%s", t[i].err.text);
        added += t[i].added;
    }
    assert_int_equal(added, KEYS);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM webhook_deliveries"), KEYS);
    (void)err;
}

/* ---- effects, polls ---- */
static void *have_effect(void *user)
{
    struct task *t = user;
    struct sco_store *s = world_open(t->w);
    bool first = false;
    t->result = sco_store_begin(s, &t->err);
    if (t->result == 0)
        t->result = sco_store_end(
            s, sco_store_effect_once(s, "app push abc", t->w->now, &first, &t->err), &t->err);
    t->added = first;
    sco_store_close(s);
    return NULL;
}

TEST(an_effect_is_had_once)
{
    WORLD;
    struct task t[TASKS];
    bool first = false;
    unsigned n = 0;
    OK(sco_store_begin(w->s, &err)); /* what is undone was not had */
    OK(sco_store_effect_once(w->s, "app push abc", w->now, &first, &err));
    assert_true(first);
    assert_int_equal(sco_store_end(w->s, SCO_E_CANCELLED, &err), SCO_E_CANCELLED);
    for (size_t i = 0; i < TASKS; i++) {
        t[i] = (struct task){.w = w};
        pthread_create(&t[i].thread, NULL, have_effect, &t[i]);
    }
    for (size_t i = 0; i < TASKS; i++) {
        pthread_join(t[i].thread, NULL);
        assert_int_equal(t[i].result, 0);
        n += t[i].added;
    }
    assert_int_equal(n, 1);
}

TEST(a_poll_is_begun_by_one_node)
{
    WORLD;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    bool due = false;
    const char *text = "x";
    int64_t since = 1;
    OK(sco_store_poll_state(w->s, "github", &arena, &text, &since, &err));
    assert_true(!text || strcmp(text, "x") == 0);
    OK(sco_store_poll_take(w->s, "github", w->now, 1000, &due, &err));
    assert_true(due);
    OK(sco_store_poll_take(w->s, "github", w->now + 999, 1000, &due, &err));
    assert_false(due);
    OK(sco_store_poll_take(w->s, "github", w->now + 1000, 1000, &due, &err));
    assert_true(due);
    OK(sco_store_poll_done(w->s, "github", SCO_STR("{\"a\":1}"), w->now, &err));
    OK(sco_store_poll_state(w->s, "github", &arena, &text, &since, &err));
    assert_string_equal(text, "{\"a\":1}");
    assert_int_equal(since, w->now);
}

/* ---- executions ---- */
static struct sco_stored_execution a_run(const char *id, const char *status)
{
    return (struct sco_stored_execution){.integration = "github",
                                         .platform = "github",
                                         .repository = "acme/shop",
                                         .clone_url = "https://git.example/acme/shop",
                                         .external_id = id,
                                         .name = "CI",
                                         .branch = "main",
                                         .status = status};
}

static bool put(struct world *w, const struct sco_stored_execution *x, char id[37])
{
    struct sco_error err = {0};
    bool changed = false;
    OK(sco_store_execution_put(w->s, x, w->now++, id, &changed, &err));
    return changed;
}

static size_t count_events(struct world *w, const char *type)
{
    struct sco_error err = {0};
    struct sco_event_page p = {0};
    int64_t last;
    bool more;
    OK(sco_store_events_sequence(w->s, 1000, &last, &more, &err));
    OK(sco_store_events_read(w->s, 0, 1000, type, NULL, &p, &err));
    size_t n = p.n;
    for (size_t i = 0; i < n; i++)
        assert_string_equal(p.v[i].key, "https://git.example/acme/shop");
    sco_event_page_done(&p);
    return n;
}

TEST(a_run_never_goes_back)
{
    WORLD;
    char id[37], same[37];
    struct sco_execution_page p = {0};
    with_events(w);
    struct sco_stored_execution x = a_run("99999999999", "running");
    x.started_at = 5000;
    assert_true(put(w, &x, id));
    assert_int_equal(count_events(w, "pipeline.started"), 1);
    x = a_run("99999999999", "success");
    x.completed_at = 9000;
    x.url = "https://ci.example/1";
    assert_true(put(w, &x, same));
    assert_string_equal(id, same);
    x = a_run("99999999999", "queued"); /* late */
    x.queued_at = 4000;
    x.started_at = 6000;
    assert_true(put(w, &x, same)); /* when it was queued is news */
    assert_false(put(w, &x, same));
    x = a_run("99999999999", "running");
    assert_false(put(w, &x, same));
    OK(sco_store_execution(w->s, id, &p, &err));
    assert_string_equal(p.v[0].status, "success");
    assert_string_equal(p.v[0].url, "https://ci.example/1");
    assert_string_equal(p.v[0].pipeline, "acme/shop");
    assert_int_equal(p.v[0].queued_at, 4000);
    assert_int_equal(p.v[0].started_at, 5000);
    assert_int_equal(p.v[0].completed_at, 9000);
    sco_execution_page_done(&p);
    assert_int_equal(count_events(w, "pipeline.started"), 1);
    assert_int_equal(count_events(w, "pipeline.completed"), 1);
    assert_int_equal(count_events(w, "metrics.build"), 1);
    x = a_run("99999999999", "queued"); /* again, by hand */
    x.attempt = 2;
    put(w, &x, same);
    assert_string_not_equal(id, same);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipelines"), 1);
    x = a_run("99999999999", "better");
    assert_int_equal(sco_store_execution_put(w->s, &x, w->now, id, NULL, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_execution(w->s, w->repository, &p, &err), SCO_E_NOT_FOUND);
}

TEST(an_end_that_comes_first_tells_the_start)
{
    WORLD;
    char id[37];
    struct sco_event_page p = {0};
    int64_t last;
    bool more;
    with_events(w);
    struct sco_stored_execution x = a_run("1", "failure");
    x.started_at = 1000;
    x.completed_at = 4000;
    x.reason = "no runner";
    put(w, &x, id);
    OK(sco_store_events_sequence(w->s, 1000, &last, &more, &err));
    OK(sco_store_events_read(w->s, 0, 1000, NULL, NULL, &p, &err));
    assert_int_equal(p.n, 3);
    assert_string_equal(p.v[0].type, "pipeline.started");
    assert_string_equal(p.v[1].type, "pipeline.failed");
    assert_non_null(strstr(p.v[1].data, "\"status\":\"failed\""));
    assert_non_null(strstr(p.v[1].data, "\"duration_ms\":3000"));
    assert_non_null(strstr(p.v[1].data, "\"reason\":\"no runner\""));
    assert_string_equal(p.v[2].type, "metrics.build");
    sco_event_page_done(&p);
    x = a_run("2", "skipped");
    put(w, &x, id);
    assert_int_equal(count_events(w, "pipeline.*"), 2);
}

TEST(targets_of_runs)
{
    WORLD;
    char id[37];
    struct sco_execution_page p = {0};
    struct sco_stored_execution x = a_run("1", "queued");
    put(w, &x, id);
    x.clone_url = NULL; /* known from before */
    x.external_id = "2";
    put(w, &x, id);
    OK(sco_store_execution(w->s, id, &p, &err));
    assert_string_equal(p.v[0].clone_url, "https://git.example/acme/shop");
    sco_execution_page_done(&p);
    x.clone_url = "https://other.example/acme/shop"; /* the name is taken */
    x.external_id = "3";
    put(w, &x, id);
    OK(sco_store_execution(w->s, id, &p, &err));
    assert_string_equal(p.v[0].pipeline, "acme/shop (https://other.example/acme/shop)");
    sco_execution_page_done(&p);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipelines"), 2);
}

static size_t list(struct world *w, struct sco_execution_filter f)
{
    struct sco_error err = {0};
    struct sco_execution_page p = {0};
    OK(sco_store_executions(w->s, &f, &p, &err));
    size_t n = p.n;
    sco_execution_page_done(&p);
    return n;
}

TEST(lists_of_runs)
{
    WORLD;
    char id[37], cursor[64], number[8];
    struct sco_execution_page p = {0};
    for (int i = 0; i < 6; i++) {
        snprintf(number, sizeof number, "%d", i);
        struct sco_stored_execution x = a_run(number, i % 2 ? "failure" : "success");
        if (i == 5) {
            x.repository = "acme/blog";
            x.clone_url = "https://git.example/acme/blog";
            x.platform = "gitlab";
        }
        x.started_at = 1000 + i;
        put(w, &x, id);
    }
    struct sco_execution_filter f = {.limit = 4};
    OK(sco_store_executions(w->s, &f, &p, &err));
    assert_int_equal(p.n, 4);
    assert_int_equal(p.v[0].started_at, 1005);
    snprintf(cursor, sizeof cursor, "%s", p.cursor);
    sco_execution_page_done(&p);
    f.cursor = cursor;
    assert_int_equal(list(w, f), 2);
    assert_int_equal(list(w, (struct sco_execution_filter){.status = "failure"}), 3);
    assert_int_equal(list(w, (struct sco_execution_filter){.repository = "acme/blog"}), 1);
    assert_int_equal(list(w, (struct sco_execution_filter){.platform = "github"}), 5);
    assert_int_equal(list(w, (struct sco_execution_filter){.since = 1002, .until = 1004}), 2);
    const char *const blogs[] = {"https://git.example/*/blog", NULL}, *const none[] = {NULL};
    assert_int_equal(list(w, (struct sco_execution_filter){.repositories = blogs}), 1);
    assert_int_equal(list(w, (struct sco_execution_filter){.repositories = none}), 0);
    f.cursor = "x";
    assert_int_equal(sco_store_executions(w->s, &f, &p, &err), SCO_E_INVALID);
}

static void *put_the_same(void *user)
{
    struct task *t = user;
    struct sco_store *s = world_open(t->w);
    char id[37];
    static const char *const order[] = {"queued", "running", "success", "running"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(order) && t->result == 0; i++) {
        struct sco_stored_execution x = a_run("7", order[i]);
        t->result = sco_store_execution_put(s, &x, t->w->now, id, NULL, &t->err);
        struct sco_stored_stage stage = {.name = "build", .status = order[i]};
        if (t->result == 0)
            t->result = sco_store_stages_put(s, id, &stage, 1, t->w->now, &t->err);
    }
    sco_store_close(s);
    return NULL;
}

TEST(one_run_told_by_many_at_once)
{
    WORLD;
    struct task t[TASKS];
    for (size_t i = 0; i < TASKS; i++) {
        t[i] = (struct task){.w = w};
        pthread_create(&t[i].thread, NULL, put_the_same, &t[i]);
    }
    for (size_t i = 0; i < TASKS; i++) {
        pthread_join(t[i].thread, NULL);
        if (t[i].result < 0)
            fail_msg("%s", t[i].err.text);
    }
    (void)err;
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipelines"), 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipeline_executions"), 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipeline_executions WHERE status = 'success'"),
                     1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipeline_stages WHERE status = 'success'"), 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipeline_stages"), 1);
}

TEST(stages)
{
    WORLD;
    char id[37];
    struct sco_stage_list l = {0};
    uint64_t findings, scans;
    with_events(w);
    struct sco_stored_execution x = a_run("1", "running");
    put(w, &x, id);
    struct sco_stored_stage v[] = {
        {.name = "build", .status = "success", .external_id = "11", .completed_at = 9000},
        {.name = "test", .status = "running", .external_id = "12"},
        {.name = "build", .status = "failure", .external_id = "10"}, /* was tried again */
    };
    OK(sco_store_stages_put(w->s, id, v, 3, w->now, &err));
    OK(sco_store_stages_put(w->s, id, v, 3, w->now, &err));
    struct sco_stored_stage late[] = {{.name = "test", .status = "queued", .external_id = "12"},
                                      {.name = "deploy", .status = "queued"},
                                      {.name = "deploy", .status = "skipped", .attempt = 1}};
    OK(sco_store_stages_put(w->s, id, late, 3, w->now, &err));
    OK(sco_store_stages(w->s, id, &l, &err));
    assert_int_equal(l.n, 4);
    assert_string_equal(l.v[1].status, "running");
    assert_string_equal(l.v[2].external_id, "10");
    assert_string_equal(l.v[3].status, "skipped");
    assert_int_equal(l.v[3].ordinal, 4);
    sco_stage_list_done(&l);
    assert_int_equal(count_events(w, "pipeline.stage.completed"), 3);
    x.status = "failure";
    put(w, &x, id);
    struct sco_event_page p = {0};
    int64_t last;
    bool more;
    OK(sco_store_events_sequence(w->s, 1000, &last, &more, &err));
    OK(sco_store_events_read(w->s, 0, 1000, "pipeline.failed", NULL, &p, &err));
    assert_int_equal(p.n, 1);
    assert_non_null(strstr(p.v[0].data, "\"stage\":\"build\""));
    sco_event_page_done(&p);
    struct sco_stored_stage bad = {.name = "x", .status = "nice"};
    assert_int_equal(sco_store_stages_put(w->s, id, &bad, 1, w->now, &err), SCO_E_INVALID);
    OK(sco_store_verify(w->s, &findings, &scans, &err));
    struct sco_store_keep k = {.now = w->now + 10000, .keep_ms = {[SCO_KEEP_EXECUTIONS] = 1000}};
    OK(sco_store_retain_all(w->s, &k, &err));
    assert_int_equal(k.removed[SCO_KEEP_EXECUTIONS], 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipeline_stages"), 0);
}

/* ---- publications ---- */
static struct sco_stored_publication a_publication(const char *sha)
{
    return (struct sco_stored_publication){.integration = "github",
                                           .repository = "acme/shop",
                                           .marker = "secureops",
                                           .commit_sha = sha,
                                           .pr_number = 12,
                                           .context = "{\"id\":1}"};
}

static void add_scan(struct world *w, const char *target, char id[37])
{
    struct sco_error err = {0};
    struct sco_job_added a;
    struct sco_job_request q = {.kind = "scan",
                                .target_key = target,
                                .revision = "",
                                .scanners = "",
                                .request = "{}",
                                .origin = "webhook"};
    OK(sco_store_job_add(w->s, &q, w->now, &a, &err));
    memcpy(id, a.id, 37);
}

TEST(a_newer_scan_takes_a_publication_over)
{
    WORLD;
    char id[37], again[37], other[37];
    struct sco_publication_page p = {0};
    struct sco_stored_publication x = a_publication("aaa");
    OK(sco_store_publication_put(w->s, &x, w->now, id, &err));
    OK(sco_store_publication_end(w->s, id, 1, SCO_PUBLICATION_PENDING, "{\"check\":5}", NULL, NULL,
                                 w->now, &err));
    x = a_publication("bbb");
    x.context = NULL;
    OK(sco_store_publication_put(w->s, &x, w->now + 1, again, &err));
    assert_string_equal(id, again);
    assert_int_equal(sco_store_publication_end(w->s, id, 1, SCO_PUBLICATION_PUBLISHED, NULL, NULL,
                                               NULL, w->now, &err),
                     SCO_E_CANCELLED);
    OK(sco_store_publication(w->s, id, &p, &err));
    assert_string_equal(p.v[0].commit_sha, "bbb");
    assert_string_equal(p.v[0].state, "{\"check\":5}");
    assert_string_equal(p.v[0].context, "{\"id\":1}");
    assert_int_equal(p.v[0].revision, 2);
    assert_int_equal(p.v[0].is, SCO_PUBLICATION_PENDING);
    sco_publication_page_done(&p);
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char *const *known = NULL;
    OK(sco_store_poll_repositories(w->s, "github", 10, &arena, &known, &err));
    assert_string_equal(known[0], "acme/shop");
    assert_null(known[1]);
    x.pr_number = 0; /* of a branch: each commit has its own */
    OK(sco_store_publication_put(w->s, &x, w->now, other, &err));
    assert_string_not_equal(id, other);
    OK(sco_store_publication_end(w->s, id, 2, SCO_PUBLICATION_FAILED, NULL, other, "403", w->now,
                                 &err));
    assert_int_equal(sco_store_publication(w->s, w->repository, &p, &err), SCO_E_NOT_FOUND);
}

TEST(publications_are_listed_counted_and_told_again)
{
    WORLD;
    char id[37], other[37];
    struct sco_publication_page p = {0};
    struct sco_publication_counts n = {0};
    struct sco_stored_publication x = a_publication("aaa");
    OK(sco_store_publication_of(w->s, &x, &p, &err));
    assert_int_equal(p.n, 0);
    sco_publication_page_done(&p);
    OK(sco_store_publication_put(w->s, &x, w->now, id, &err));
    OK(sco_store_publication_of(w->s, &x, &p, &err));
    assert_string_equal(p.v[0].id, id);
    assert_int_equal(p.v[0].told, 0);
    sco_publication_page_done(&p);
    x.pr_number = 0;
    OK(sco_store_publication_put(w->s, &x, w->now + 1, other, &err));
    /* what the platform knows is kept, even of a revision that gave way */
    x = a_publication("bbb");
    OK(sco_store_publication_put(w->s, &x, w->now, id, &err));
    OK(sco_store_publication_told(w->s, id, 1, "{\"check\":6}", &err));
    OK(sco_store_publication_told(w->s, id, 0, NULL, &err));
    OK(sco_store_publication(w->s, id, &p, &err));
    assert_int_equal(p.v[0].told, 1);
    assert_string_equal(p.v[0].state, "{\"check\":6}");
    sco_publication_page_done(&p);
    OK(sco_store_publication_counts(w->s, &n, &err));
    assert_int_equal(n.pending, 2);
    assert_int_equal(n.oldest, w->now);
    assert_int_equal(sco_store_publication_again(w->s, id, w->now, &err), SCO_E_INVALID);
    OK(sco_store_publication_end(w->s, id, 2, SCO_PUBLICATION_FAILED, NULL, NULL, "401", w->now,
                                 &err));
    struct sco_publication_filter f = {.states = 1u << SCO_PUBLICATION_FAILED};
    OK(sco_store_publications(w->s, &f, &p, &err));
    assert_int_equal(p.n, 1);
    assert_string_equal(p.v[0].reason, "401");
    sco_publication_page_done(&p);
    f = (struct sco_publication_filter){.limit = 1};
    OK(sco_store_publications(w->s, &f, &p, &err));
    assert_string_equal(p.v[0].id, other);
    assert_non_null(p.cursor);
    f.cursor = p.cursor;
    struct sco_publication_page next = {0};
    OK(sco_store_publications(w->s, &f, &next, &err));
    assert_string_equal(next.v[0].id, id);
    assert_null(next.cursor);
    sco_publication_page_done(&next);
    sco_publication_page_done(&p);
    f = (struct sco_publication_filter){
        .integration = "github", .repository = "acme/shop", .commit_sha = "bbb", .pr_number = 12};
    OK(sco_store_publications(w->s, &f, &p, &err));
    assert_int_equal(p.n, 1);
    sco_publication_page_done(&p);
    f.pr_number = 13;
    OK(sco_store_publications(w->s, &f, &p, &err));
    assert_int_equal(p.n, 0);
    sco_publication_page_done(&p);
    OK(sco_store_publication_again(w->s, id, w->now, &err));
    OK(sco_store_publication(w->s, id, &p, &err));
    assert_int_equal(p.v[0].is, SCO_PUBLICATION_PENDING);
    assert_null(p.v[0].reason);
    sco_publication_page_done(&p);
}

TEST(the_watchdog_finds_what_waits_for_nothing)
{
    WORLD;
    char job[37], id[37];
    struct sco_publication_page p = {0};
    enum sco_job_state now_is;
    add_scan(w, "app", job);
    struct sco_stored_publication x = a_publication("aaa");
    x.job_id = job;
    OK(sco_store_publication_put(w->s, &x, w->now, id, &err));
    OK(sco_store_publications_stuck(w->s, w->now + 100000, 10, &p, &err));
    assert_int_equal(p.n, 0); /* it waits */
    sco_publication_page_done(&p);
    OK(sco_store_publications_of_job(w->s, job, &p, &err));
    assert_int_equal(p.n, 1);
    sco_publication_page_done(&p);
    OK(sco_store_job_cancel(w->s, job, "ada", w->now + 50000, &now_is, &err));
    OK(sco_store_publications_stuck(w->s, w->now + 54999, 10, &p, &err));
    assert_int_equal(p.n, 0); /* who publishes may be at it */
    sco_publication_page_done(&p);
    OK(sco_store_publications_stuck(w->s, w->now + 55000, 10, &p, &err));
    assert_int_equal(p.n, 1);
    sco_publication_page_done(&p);
    add_scan(w, "app", job);
    OK(sco_store_publication_waits(w->s, id, 1, job, NULL, w->now, &err));
    OK(sco_store_publications_stuck(w->s, w->now + 55000, 10, &p, &err));
    assert_int_equal(p.n, 0);
    sco_publication_page_done(&p);
}

#if STORE_IS_sqlite
TEST(a_copy_has_all_of_it)
{
    WORLD;
    char path[600], id[37];
    uint64_t rows = 0, findings, scans;
    bool due, first;
    struct sco_store *other = NULL, *mine = w->s;
    struct sco_stage_list l = {0};
    struct sco_delivery_added a = add(w, "github", "one");
    claim(w, "n", w->now, 1);
    OK(sco_store_delivery_end(w->s, a.id, "n", false, NULL, 0, w->now, &err));
    add(w, "github", "two");
    OK(sco_store_effect_once(w->s, "x", w->now, &first, &err));
    OK(sco_store_poll_take(w->s, "github", w->now, 1000, &due, &err));
    struct sco_stored_publication p = a_publication("aaa");
    OK(sco_store_publication_put(w->s, &p, w->now, id, &err));
    struct sco_stored_execution x = a_run("1", "running");
    struct sco_stored_stage stage = {.name = "build", .status = "running"};
    put(w, &x, id);
    OK(sco_store_stages_put(w->s, id, &stage, 1, w->now, &err));
    snprintf(path, sizeof path, "%s/other.db", w->dir);
    struct sco_store_options o = {.where = path, .create = true};
    OK(store_open_with(w->s->ops, &o, &other, &err));
    OK(sco_store_copy(w->s, other, &rows, &err));
    w->s = other;
    OK(sco_store_verify(other, &findings, &scans, &err));
    assert_true(add(w, "github", "one").existing);
    assert_string_equal(claim(w, "n", w->now, 9), "two");
    OK(sco_store_effect_once(other, "x", w->now, &first, &err));
    assert_false(first);
    OK(sco_store_poll_take(other, "github", w->now, 100000, &due, &err));
    assert_false(due);
    OK(sco_store_stages(other, id, &l, &err));
    assert_int_equal(l.n, 1);
    sco_stage_list_done(&l);
    put(w, &x, id);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipeline_executions"), 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM publications"), 1);
    w->s = mine;
    sco_store_close(other);
}
#endif

/* ---- scans that are needless ---- */
static struct sco_stored_job job(struct world *w, const char *id, struct sco_job_page *p)
{
    struct sco_error err = {0};
    sco_job_page_done(p);
    OK(sco_store_job(w->s, id, p, &err));
    return p->v[0];
}

static void ask_for(struct world *w, const char *commit, char id[37])
{
    struct sco_error err = {0};
    struct sco_job_added a;
    char request[64];
    snprintf(request, sizeof request, "{\"commit\":\"%s\"}", commit);
    struct sco_job_request q = {.kind = "scan",
                                .target_key = "app",
                                .revision = "pull/1",
                                .scanners = "",
                                .request = request,
                                .origin = "webhook"};
    OK(sco_store_job_add(w->s, &q, w->now, &a, &err));
    memcpy(id, a.id, 37);
}

TEST(a_newer_scan_makes_others_needless)
{
    WORLD;
    char ids[4][37];
    uint64_t n = 0;
    struct sco_job_page p = {0}, claimed = {0};
    int64_t first = w->now;
    ask_for(w, "a", ids[0]);
    struct sco_job_claim c = {.node = "one", .now = w->now, .lease_ms = 60000, .max = 1};
    OK(sco_store_jobs_claim(w->s, &c, &claimed, &err));
    assert_int_equal(claimed.n, 1);
    sco_job_page_done(&claimed);
    w->now += 1000;
    ask_for(w, "b", ids[1]);
    w->now += 1000;
    ask_for(w, "c", ids[2]);
    OK(sco_store_scans_supersede(w->s, ids[2], "app", "pull/2", true, w->now, &n, &err));
    assert_int_equal(n, 0);
    OK(sco_store_scans_supersede(w->s, ids[2], "app", "pull/1", false, w->now, &n, &err));
    assert_int_equal(n, 1);
    struct sco_stored_job j = job(w, ids[1], &p);
    assert_int_equal(j.state, SCO_JOB_REPLACED);
    assert_non_null(strstr(j.reason, ids[2]));
    assert_false(job(w, ids[0], &p).cancel);
    w->now += 1000;
    ask_for(w, "d", ids[3]);
    OK(sco_store_scans_supersede(w->s, ids[3], "app", "pull/1", true, w->now, &n, &err));
    assert_int_equal(n, 2);
    assert_true(job(w, ids[0], &p).cancel);
    assert_int_equal(job(w, ids[3], &p).state, SCO_JOB_QUEUED);
    sco_job_page_done(&p);
    assert_int_equal(ask(w->s, "SELECT min(waiting_since) FROM jobs WHERE state = 'queued'"),
                     first + 1000); /* it waits for as long as they did */
}

TEST(a_target_by_its_place)
{
    WORLD;
    char id[37];
    struct sco_target_page p = {0};
    struct sco_stored_execution x = a_run("1", "queued");
    put(w, &x, id);
    OK(sco_store_target_at(w->s, "https://git.example/acme/shop", &p, &err));
    assert_string_equal(p.v[0].name, "acme/shop");
    sco_target_page_done(&p);
    assert_int_equal(sco_store_target_at(w->s, "https://git.example/x", &p, &err), SCO_E_NOT_FOUND);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_delivery_is_kept_once),
        T(they_are_claimed_in_order_by_one_node),
        T(what_has_failed_is_tried_again),
        T(pages_of_deliveries),
        T(a_claim_is_bounded_in_bytes),
        T(the_same_fifty_times_at_once),
        T(an_effect_is_had_once),
        T(a_poll_is_begun_by_one_node),
        T(a_run_never_goes_back),
        T(an_end_that_comes_first_tells_the_start),
        T(targets_of_runs),
        T(lists_of_runs),
        T(one_run_told_by_many_at_once),
        T(stages),
        T(a_newer_scan_takes_a_publication_over),
        T(publications_are_listed_counted_and_told_again),
        T(the_watchdog_finds_what_waits_for_nothing),
#if STORE_IS_sqlite
        T(a_copy_has_all_of_it),
#endif
        T(a_newer_scan_makes_others_needless),
        T(a_target_by_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
