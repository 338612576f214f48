/* Workflows on findings, alerts and times: each event once, whichever node reads it. */
#include "workflows.h"

#include "scan_world.h"

#include <secureops/config.h>
#include <secureops/json.h>
#include <secureops/store_events.h>
#include <secureops/store_jobs.h>
#include <secureops/store_stats.h>

struct world {
    struct scan_world of;
    struct sco_store *store;
    struct sco_config_workflows c;
    int64_t now;
};

#define NAMES(...)                                                                                 \
    (struct sco_str_list)                                                                          \
    {                                                                                              \
        (struct sco_str[]){__VA_ARGS__},                                                           \
            sizeof((struct sco_str[]){__VA_ARGS__}) / sizeof(struct sco_str)                       \
    }

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sco_error err = {0};
    struct sco_store_context context = {.source = "one"};
    scan_world_init(&w->of);
    w->store = w->of.store;
    assert_int_equal(sco_store_set_context(w->store, &context, &err), 0);
    w->now = w->of.scan.completed_ms;
    w->c.time_zone = SCO_STR("UTC");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    scan_world_done(&w->of);
    free(w);
    return 0;
}

static void alert(struct world *w, const char *kind, const char *repository)
{
    struct sco_error err = {0};
    char id[37];
    struct sco_stored_alert a = {.kind = kind,
                                 .severity = SCO_SEV_HIGH,
                                 .title = "Something",
                                 .message = "is so",
                                 .repository = repository,
                                 .created_at = w->now};
    if (sco_store_alert_add(w->store, &a, id, &err) < 0)
        fail_msg("%s", err.text);
}

static void give_positions(struct world *w)
{
    struct sco_error err = {0};
    int64_t last;
    bool more = true;
    while (more)
        if (sco_store_events_sequence(w->store, 10000, &last, &more, &err) < 0)
            fail_msg("%s", err.text);
}

static int feed(struct world *w, const char *node)
{
    struct sco_error err = {0};
    bool more = true;
    int r = 0;
    give_positions(w);
    while (r == 0 && more)
        r = workflows_feed(w->store, &w->c, node, w->now, &more, &err);
    return r;
}

/* The jobs, the oldest first; the nth's event. */
static struct sco_job_page jobs(struct world *w, size_t n)
{
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    struct sco_job_filter f = {.kind = "workflow"};
    if (sco_store_jobs(w->store, &f, &p, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(p.n, n);
    return p;
}

static const struct sco_node *request(struct sco_job_page *p, size_t i)
{
    const struct sco_node *m = NULL;
    assert_int_equal(
        sco_json_parse(sco_str_c(p->v[p->n - 1 - i].request.request), &p->arena, &m, NULL), 0);
    return m;
}

static void is(const struct sco_node *m, const char *name, const char *text)
{
    struct sco_str s = sco_text(sco_get(m, name));
    if (!sco_str_is(s, text))
        fail_msg("%s is %.*s, not %s", name, SCO_STR_ARG(s), text);
}

static void test_findings(void **state)
{
    struct world *w = *state;
    static char title[130][16];
    w->c.on_finding = NAMES({"a", 1}, {"b", 1});
    for (int i = 0; i < 130; i++) {
        snprintf(title[i], sizeof title[i], "Finding %03d", i);
        fixture_finding(&w->of.scan, SCO_TYPE_SAST, i == 77 ? SCO_SEV_CRITICAL : SCO_SEV_LOW, "T",
                        "r", title[i]);
    }
    scan_world_save(&w->of, "shop");
    scan_world_save(&w->of, "depot");
    assert_int_equal(feed(w, "one"), 0);
    struct sco_job_page p = jobs(w, 2); /* one a scan, however many it found */
    const struct sco_node *m = request(&p, 0), *e = sco_get(m, "event");
    assert_int_equal(sco_get(m, "workflows")->n, 2);
    is(e, "event", "finding");
    is(e, "action", "detected");
    is(e, "clone_url", "shop");
    is(e, "branch", "main");
    assert_int_equal(sco_int(sco_get(e, "count"), 0), 130);
    assert_int_equal(sco_int(sco_get(sco_get(e, "by_severity"), "CRITICAL"), 0), 1);
    assert_int_equal(sco_int(sco_get(sco_get(e, "by_severity"), "LOW"), 0), 129);
    const struct sco_node *list = sco_get(e, "findings");
    assert_int_equal(list->n, 100);
    is(list->child, "severity", "CRITICAL");
    is(list->child, "title", "Finding 077"); /* the worst first */
    assert_int_equal(sco_text(sco_get(list->child, "id")).n, 36);
    is(sco_get(request(&p, 1), "event"), "clone_url", "depot");
    assert_string_equal(p.v[0].request.target_key, "workflow:depot");
    sco_job_page_done(&p);

    assert_int_equal(feed(w, "one"), 0); /* nothing is told twice */
    w->now += 2 * 60 * 1000;
    assert_int_equal(feed(w, "two"), 0);
    p = jobs(w, 2);
    sco_job_page_done(&p);
}

/* Two nodes: one reads, and the other when that one is gone. */
static void test_nodes(void **state)
{
    struct world *w = *state;
    w->c.on_alert = NAMES({"a", 1});
    alert(w, "sla_breached", "shop");
    assert_int_equal(feed(w, "one"), 0);
    alert(w, "sla_breached", "depot");
    assert_int_equal(feed(w, "two"), SCO_E_CANCELLED);
    w->now += 61 * 1000;
    assert_int_equal(feed(w, "two"), 0);
    assert_int_equal(feed(w, "one"), SCO_E_CANCELLED);
    struct sco_job_page p = jobs(w, 2);
    is(sco_get(request(&p, 0), "event"), "clone_url", "shop");
    is(sco_get(request(&p, 1), "event"), "clone_url", "depot");
    sco_job_page_done(&p);
}

static void test_alerts(void **state)
{
    struct world *w = *state;
    w->c.on_alert = NAMES({"a", 1});
    fixture_finding(&w->of.scan, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "r", "Naming");
    scan_world_save(&w->of, "shop"); /* nobody wants to hear of these */
    alert(w, "workflow", "shop");
    alert(w, "workflow_failed", "shop");
    alert(w, "call_failed", "call:host");
    alert(w, "job_dead", "workflow:shop");
    alert(w, "job_dead", "notify:mail");
    alert(w, "job_dead", "https://git.example/shop");
    alert(w, "schedule_stopped", NULL);
    assert_int_equal(feed(w, "one"), 0);
    struct sco_job_page p = jobs(w, 2);
    const struct sco_node *e = sco_get(request(&p, 0), "event");
    is(e, "event", "alert");
    is(e, "action", "job_dead");
    is(e, "clone_url", "https://git.example/shop");
    is(sco_get(e, "alert"), "severity", "HIGH");
    is(sco_get(e, "alert"), "title", "Something");
    is(sco_get(request(&p, 1), "event"), "action", "schedule_stopped");
    sco_job_page_done(&p);
}

/* One that nobody can read does not keep the others: it is left out, and an alert says so. */
static void test_unreadable(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_event bad = {.id = "5f1c7c1e-9f6f-4e57-9d3c-0f6a6f5c1a11",
                            .type = "notification.alert",
                            .key = "shop",
                            .at = w->now,
                            .data = "{\"kind\":"};
    w->c.on_alert = NAMES({"a", 1});
    alert(w, "sla_breached", "shop");
    assert_int_equal(sco_store_event_add(w->store, &bad, &err), 0);
    alert(w, "sla_breached", "depot");
    assert_int_equal(feed(w, "one"), 0);
    assert_int_equal(feed(w, "one"), 0); /* the alert about it is no news */
    struct sco_job_page p = jobs(w, 2);
    is(sco_get(request(&p, 0), "event"), "clone_url", "shop");
    is(sco_get(request(&p, 1), "event"), "clone_url", "depot");
    sco_job_page_done(&p);
    struct sco_event_page told = {0};
    assert_int_equal(
        sco_store_events_read(w->store, 0, 100, "notification.alert", NULL, &told, &err), 0);
    assert_int_equal(told.n, 4);
    assert_non_null(strstr(told.v[3].data, "\"workflow_failed\""));
    assert_non_null(strstr(told.v[3].data, "1 findings or alerts"));
    sco_event_page_done(&told);
}

/* Who switches it on does not hear of last week. */
static void test_old(void **state)
{
    struct world *w = *state;
    w->c.on_alert = NAMES({"a", 1});
    alert(w, "sla_breached", "shop");
    w->now += 2 * 3600 * 1000;
    alert(w, "sla_breached", "depot");
    assert_int_equal(feed(w, "one"), 0);
    struct sco_job_page p = jobs(w, 1);
    is(sco_get(request(&p, 0), "event"), "clone_url", "depot");
    sco_job_page_done(&p);
}

/* ---- times ---- */
static size_t schedules(struct world *w, struct sco_schedule_page *p)
{
    struct sco_error err = {0};
    sco_schedule_page_done(p);
    memset(p, 0, sizeof *p);
    if (sco_store_schedules(w->store, NULL, 100, p, &err) < 0)
        fail_msg("%s", err.text);
    return p->n;
}

static void test_schedules(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_schedule_page p = {0};
    char id[37], kept[37];
    int64_t midnight = w->now - w->now % 86400000;
    struct sco_stored_schedule scan = {.name = "nightly",
                                       .cron = "0 1 * * *",
                                       .time_zone = "UTC",
                                       .windows = "",
                                       .kind = "scan",
                                       .target_key = "t",
                                       .revision = "",
                                       .scanners = "",
                                       .request = "{}",
                                       .created_by = "ada"};
    assert_int_equal(sco_store_schedule_put(w->store, &scan, w->now, id, &err), 0);
    w->c.schedule = NAMES({"a=0 3 * * *", 11}, {"b=*/5 * * * *", 13});
    assert_int_equal(workflow_schedules_sync(w->store, &w->c, midnight, &err), 0);
    assert_int_equal(schedules(w, &p), 3);
    assert_string_equal(p.v[1].name, "workflow:a");
    assert_string_equal(p.v[1].kind, "workflow");
    assert_true(p.v[1].enabled);
    assert_int_equal(p.v[1].next_at, midnight + 3 * 3600000);
    assert_non_null(strstr(p.v[1].request, "\"workflows\""));
    snprintf(kept, sizeof kept, "%s", p.v[1].id);
    /* again, later: what is due stays due */
    assert_int_equal(workflow_schedules_sync(w->store, &w->c, midnight + 4 * 3600000, &err), 0);
    assert_int_equal(schedules(w, &p), 3);
    assert_int_equal(p.v[1].next_at, midnight + 3 * 3600000);
    /* another time of the same, another clock; one is gone; nobody else's is touched */
    w->c.schedule = NAMES({"a=0 5 * * *", 11});
    w->c.time_zone = SCO_STR("Asia/Tokyo");
    assert_int_equal(workflow_schedules_sync(w->store, &w->c, midnight, &err), 0);
    assert_int_equal(schedules(w, &p), 2);
    assert_string_equal(p.v[0].name, "nightly");
    assert_string_equal(p.v[1].id, kept);
    assert_int_equal(p.v[1].next_at, midnight + 20 * 3600000);
    w->c.schedule = (struct sco_str_list){0};
    assert_int_equal(workflow_schedules_sync(w->store, &w->c, midnight, &err), 0);
    assert_int_equal(schedules(w, &p), 1);
    sco_schedule_page_done(&p);
}

static void test_bad_schedules(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"a", "=0 3 * * *", "a=", "a=0 99 * * *", "a=0 3 * *"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        struct sco_error err = {0};
        const char *name, *cron;
        int64_t next;
        assert_true(workflow_schedule_parse(sco_str_c(bad[i]), w->c.time_zone, w->now, &arena,
                                            &name, &cron, &next, &err) < 0);
        assert_true(*err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_findings), T(test_nodes),     T(test_alerts),        T(test_unreadable),
        T(test_old),      T(test_schedules), T(test_bad_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
