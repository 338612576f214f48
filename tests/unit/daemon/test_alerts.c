/* Findings that are overdue: told once each, one alert a repository. And alerts as notifications:
 * all of them, each once. */
#include "alerts.h"

#include "scan_world.h"

#include <secureops/config.h>
#include <secureops/store_jobs.h>
#include <secureops/store_stats.h>

#define DAY (24 * 3600 * 1000LL)

static int set_up(void **state)
{
    struct scan_world *w = calloc(1, sizeof *w);
    const int64_t sla[SCO_SEV_MAX_] = {[SCO_SEV_CRITICAL] = DAY, [SCO_SEV_HIGH] = 3 * DAY};
    scan_world_init(w);
    sco_store_set_sla(w->store, sla);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    scan_world_done(*state);
    free(*state);
    return 0;
}

static struct sco_alert_page alerts_after(struct scan_world *w, int64_t days, int64_t since,
                                          size_t n)
{
    struct sco_error err = {0};
    struct sco_alert_page p = {0};
    struct sco_alert_filter f = {.kind = "sla_breached"};
    SCO_AUTO(sco_buf) struct sco_buf at = {0};
    int r = alerts_overdue(w->store, w->scan.completed_ms + days * DAY, since, &at, &err);
    assert_int_equal(at.n, 0);
    if (r < 0 || sco_store_alerts(w->store, &f, &p, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(p.n, n);
    return p;
}

static void test_overdue(void **state)
{
    struct scan_world *w = *state;
    fixture_finding(&w->scan, SCO_TYPE_SAST, SCO_SEV_CRITICAL, "T", "r1", "Injection");
    fixture_finding(&w->scan, SCO_TYPE_SAST, SCO_SEV_HIGH, "T", "r2", "Traversal");
    fixture_finding(&w->scan, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "r3", "Naming");
    scan_world_save(w, "shop");
    scan_world_save(w, "depot");
    struct sco_alert_page p = alerts_after(w, 0, 0, 0);
    sco_alert_page_done(&p);
    p = alerts_after(w, 2, 0, 2); /* one a repository */
    for (size_t i = 0; i < p.n; i++) {
        assert_string_equal(p.v[i].title, "1 finding is overdue");
        assert_string_equal(p.v[i].message, "CRITICAL Injection in src/file.c\n");
        assert_int_equal(p.v[i].severity, SCO_SEV_CRITICAL);
        assert_int_equal(strlen(p.v[i].object), 36);
    }
    assert_string_not_equal(p.v[0].repository, p.v[1].repository);
    sco_alert_page_done(&p);
    p = alerts_after(w, 2, 0, 2); /* a node that has just begun, too */
    sco_alert_page_done(&p);
    p = alerts_after(w, 4, w->scan.completed_ms + 2 * DAY, 4); /* the others, on their day */
    assert_string_equal(p.v[0].message, "HIGH Traversal in src/file.c\n");
    assert_int_equal(p.v[0].severity, SCO_SEV_HIGH);
    sco_alert_page_done(&p);
    p = alerts_after(w, 400, w->scan.completed_ms + 4 * DAY, 4); /* no end for LOW here */
    sco_alert_page_done(&p);
}

static void test_many(void **state)
{
    struct scan_world *w = *state;
    char title[40];
    for (int i = 0; i < 700; i++) { /* more than one page of them */
        snprintf(title, sizeof title, "Finding %03d", i);
        fixture_finding(&w->scan, SCO_TYPE_SAST, SCO_SEV_CRITICAL, "T", "r", title);
    }
    scan_world_save(w, "shop");
    struct sco_alert_page p = alerts_after(w, 2, 0, 1);
    assert_string_equal(p.v[0].title, "700 findings are overdue");
    assert_non_null(strstr(p.v[0].message, "and 695 more"));
    sco_alert_page_done(&p);
}

/* More than one go of them. */
static void test_very_many(void **state)
{
    struct scan_world *w = *state;
    struct sco_error err = {0};
    char title[40];
    enum { MANY = 11000 };
    for (int i = 0; i < MANY; i++) {
        snprintf(title, sizeof title, "Finding %05d", i);
        fixture_finding(&w->scan, SCO_TYPE_SAST, SCO_SEV_CRITICAL, "T", "r", title);
    }
    scan_world_save(w, "shop");
    SCO_AUTO(sco_buf) struct sco_buf at = {0};
    int64_t now = w->scan.completed_ms + 2 * DAY;
    assert_int_equal(alerts_overdue(w->store, now, 0, &at, &err), 0);
    assert_true(at.n > 0);
    assert_int_equal(alerts_overdue(w->store, now, 0, &at, &err), 0);
    assert_int_equal(at.n, 0);
    struct sco_alert_page p = {0};
    struct sco_alert_filter f = {.kind = "sla_breached"};
    assert_int_equal(sco_store_alerts(w->store, &f, &p, &err), 0);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.v[1].title, "10000 findings are overdue");
    assert_string_equal(p.v[0].title, "1000 findings are overdue");
    sco_alert_page_done(&p);
}

/* ---- notifications ---- */
static void add_alerts(struct scan_world *w, int n, const char *kind, int64_t at)
{
    struct sco_error err = {0};
    char id[37], title[40];
    assert_int_equal(sco_store_begin(w->store, &err), 0);
    for (int i = 0; i < n; i++) {
        snprintf(title, sizeof title, "alert %05d", i);
        struct sco_stored_alert a = {
            .kind = kind, .severity = SCO_SEV_HIGH, .title = title, .created_at = at + i};
        assert_int_equal(sco_store_alert_add(w->store, &a, id, &err), 0);
    }
    assert_int_equal(sco_store_end(w->store, 0, &err), 0);
}

static size_t count_calls(struct scan_world *w, int *highest)
{
    struct sco_error err = {0};
    struct sco_job_filter f = {.limit = 500};
    char cursor[64] = "";
    size_t n = 0;
    *highest = -1;
    do {
        struct sco_job_page p = {0};
        f.cursor = *cursor ? cursor : NULL;
        assert_int_equal(sco_store_jobs(w->store, &f, &p, &err), 0);
        for (size_t i = 0; i < p.n; i++) {
            static const char want[] = "HIGH: alert ";
            const char *at = strstr(p.v[i].request.request, want);
            assert_non_null(at);
            int number = (int)strtol(at + strlen(want), NULL, 10);
            *highest = number > *highest ? number : *highest;
        }
        n += p.n;
        snprintf(cursor, sizeof cursor, "%s", p.cursor ? p.cursor : "");
        sco_job_page_done(&p);
    } while (*cursor);
    return n;
}

static void test_all_are_sent(void **state)
{
    struct scan_world *w = *state;
    struct sco_error err = {0};
    enum { N = 2600, HOUR = 3600 * 1000 };
    const int64_t now = 1800000000000;
    struct sco_str kinds[] = {SCO_STR("job_*")}, mail[] = {SCO_STR("ops@example.com")};
    struct sco_config_notifications c = {
        .severity = SCO_SEV_MEDIUM, .kinds = {kinds, 1}, .mail = {mail, 1}};
    int highest;
    add_alerts(w, 5, "job_dead", now - 2 * HOUR); /* no news any more */
    add_alerts(w, N, "job_dead", now - HOUR / 2);
    add_alerts(w, 700, "sla_breached", now - HOUR / 3); /* nobody wants them */
    assert_int_equal(alerts_send(w->store, &c, now, &err), 0);
    assert_int_equal(count_calls(w, &highest), 1000); /* the oldest first */
    assert_int_equal(highest, 999);
    for (int i = 0; i < 4; i++)
        assert_int_equal(alerts_send(w->store, &c, now, &err), 0);
    assert_int_equal(count_calls(w, &highest), N);
    assert_int_equal(highest, N - 1);
    struct sco_alert_page p = {0};
    assert_int_equal(sco_store_alerts_unsent(w->store, now - HOUR, 10, &p, &err), 0);
    assert_int_equal(p.n, 0);
    sco_alert_page_done(&p);
    add_alerts(w, 1, "job_dead", now); /* one that comes later, and another daemon */
    assert_int_equal(alerts_send(w->store, &c, now + 1, &err), 0);
    assert_int_equal(alerts_send(w->store, &c, now + 1, &err), 0);
    assert_int_equal(count_calls(w, &highest), N + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_overdue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_very_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_are_sent, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
