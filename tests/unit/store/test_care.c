/* Around the life of findings: their events, figures for a dashboard, alerts, retention,
 * partitions. */
#include "world.h"

#include <secureops/store_accounts.h>
#include <secureops/store_events.h>
#include <secureops/store_stats.h>

#define DONE SCO_RUN_STATUS_COMPLETED

static struct sco_scan *scan_of(struct world *w, uint32_t from, uint32_t n)
{
    struct sco_scan *s = scan_new(w);
    scan_run(s, "semgrep", DONE);
    for (uint32_t i = 0; i < n; i++)
        scan_add(s, from + i, "semgrep")->severity = SCO_SEV_HIGH;
    return s;
}

/* ---- events ---- */
static size_t events(struct world *w, const char *type, struct sco_event_page *ret)
{
    struct sco_error err = {0};
    int64_t last;
    bool more;
    OK(sco_store_events_sequence(w->s, 1000, &last, &more, &err));
    OK(sco_store_events_read(w->s, 0, 1000, type, NULL, ret, &err));
    return ret->n;
}

static size_t count_events(struct world *w, const char *type)
{
    struct sco_event_page p = {0};
    size_t n = events(w, type, &p);
    sco_event_page_done(&p);
    return n;
}

TEST(findings_tell_events)
{
    WORLD;
    struct sco_event_page p = {0};
    save_is(w, scan_of(w, 1, 2), .created = 2);
    assert_int_equal(count_events(w, NULL), 0); /* nobody wants them */
    struct sco_store_context c = {.source = "node-1", .correlation_id = "c-1", .user_id = "u-1"};
    OK(sco_store_set_context(w->s, &c, &err));
    struct sco_scan *s = scan_of(w, 2, 3);
    s->findings.v[1].status = SCO_STATUS_FALSE_POSITIVE; /* settled, and no news */
    s->findings.v[2].title = "a \"title\"";
    save_is(w, s, .created = 2, .seen = 1, .resolved = 1);
    assert_int_equal(events(w, "security.vulnerability.detected", &p), 1);
    assert_string_equal(p.v[0].key, w->repository);
    assert_string_equal(p.v[0].source, "node-1");
    assert_string_equal(p.v[0].correlation_id, "c-1");
    assert_non_null(strstr(p.v[0].data, "\"title\":\"a \\\"title\\\"\""));
    assert_non_null(strstr(p.v[0].data, "\"reopened\":false"));
    assert_non_null(strstr(p.v[0].data, "\"tools\":[\"semgrep\"]"));
    assert_non_null(strstr(p.v[0].data, stored(w, 4)->id));
    sco_event_page_done(&p);
    assert_int_equal(events(w, "security.vulnerability.resolved", &p), 1);
    assert_non_null(strstr(p.v[0].data, stored(w, 1)->id));
    assert_non_null(strstr(p.v[0].data, stored(w, 1)->fingerprint));
    assert_non_null(strstr(p.v[0].data, "\"resolved_by\":\"scan\""));
    assert_non_null(strstr(p.v[0].data, "\"severity\":\"HIGH\""));
    assert_non_null(strstr(p.v[0].data, "\"scan_id\":"));
    sco_event_page_done(&p);
    save_is(w, scan_of(w, 1, 4), .seen = 3, .changed = 2, .reopened = 1);
    assert_int_equal(count_events(w, "security.vulnerability.detected"), 2);
    set_status(w, 1, SCO_STATUS_RESOLVED, 0);
    assert_int_equal(events(w, "security.vulnerability.resolved", &p), 2);
    assert_non_null(strstr(p.v[1].data, "ada@example.com"));
    assert_non_null(strstr(p.v[1].data, w->repository));
    sco_event_page_done(&p);
    set_status(w, 1, SCO_STATUS_OPEN, 0);
    assert_int_equal(events(w, "security.vulnerability.detected", &p), 3);
    assert_non_null(strstr(p.v[2].data, "\"reopened\":true"));
    sco_event_page_done(&p);
    set_status(w, 1, SCO_STATUS_IN_PROGRESS, 0);
    assert_int_equal(count_events(w, "security.vulnerability.*"), 5);
}

/* The one transaction: what is not saved has told nothing. */
static int refuse(void *user, struct sco_store *s, const struct sco_scan *scan,
                  struct sco_error *err)
{
    (void)user;
    (void)s;
    (void)scan;
    return sco_error_set(err, SCO_E_IO, "no");
}

TEST(what_fails_tells_nothing)
{
    WORLD;
    struct sco_store_context c = {.source = "node-1"};
    struct sco_store_subject sub = {
        .repository = w->repository, .branch = "main", .scope = "", .attach = refuse};
    OK(sco_store_set_context(w->s, &c, &err));
    struct sco_scan *s = scan_of(w, 1, 2);
    assert_int_equal(sco_store_save_scan(w->s, &sub, s, &err), SCO_E_IO);
    scan_free(s);
    assert_int_equal(count_events(w, NULL), 0);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM finding_days"), 0);
}

/* ---- figures ---- */
enum { DAY = 24 * 3600 * 1000 };

static int64_t open_now(struct world *w)
{
    return ask(w->s, "SELECT CAST(coalesce(sum(opened), 0) AS BIGINT) FROM finding_days");
}

static void same_as_counted(struct world *w)
{
    assert_int_equal(open_now(w),
                     ask(w->s, "SELECT count(*) FROM vulnerabilities WHERE status IN ('OPEN', "
                               "'IN_PROGRESS') AND NOT suppressed"));
    assert_int_equal(ask(w->s, "SELECT count(*) FROM (SELECT severity, sum(opened) AS n FROM "
                               "finding_days GROUP BY severity) d WHERE n <> (SELECT count(*) FROM "
                               "vulnerabilities v WHERE v.severity = d.severity AND status IN "
                               "('OPEN', 'IN_PROGRESS') AND NOT suppressed)"),
                     0);
}

TEST(sums_agree_with_what_is_counted)
{
    WORLD;
    uint64_t n = 0;
    save_is(w, scan_of(w, 1, 10), .created = 10);
    same_as_counted(w);
    struct sco_scan *s = scan_of(w, 3, 10); /* 1 and 2 are gone, 11 and 12 new */
    s->findings.v[0].severity = SCO_SEV_LOW;
    s->findings.v[1].status = SCO_STATUS_FALSE_POSITIVE;
    s->findings.v[9].status = SCO_STATUS_RESOLVED;
    save_is(w, s, .created = 2, .seen = 8, .changed = 2, .resolved = 2);
    same_as_counted(w);
    set_status(w, 5, SCO_STATUS_ACCEPTED, w->now + 5000);
    set_status(w, 6, SCO_STATUS_RESOLVED, 0);
    set_status(w, 7, SCO_STATUS_IN_PROGRESS, 0);
    same_as_counted(w);
    w->now += 10000;
    OK(sco_store_expire(w->s, w->now, &n, &err));
    assert_int_equal(n, 1);
    same_as_counted(w);
    save_is(w, scan_of(w, 1, 6), .seen = 3, .changed = 2, .reopened = 3, .resolved = 5);
    same_as_counted(w);
}

TEST(trend_and_groups)
{
    WORLD;
    struct sco_stats_trend t = {0};
    struct sco_stats_groups g = {0};
    int64_t start = w->now;
    save_is(w, scan_of(w, 1, 10), .created = 10);
    w->now += 2 * (int64_t)DAY;
    save_is(w, scan_of(w, 1, 6), .seen = 6, .resolved = 4);
    const char *first = w->repository;
    w->repository = "https://git.example/second";
    save_is(w, scan_of(w, 100, 3), .created = 3);
    struct sco_stats_filter f = {.from = start - DAY, .to = w->now};
    OK(sco_store_stats_trend(w->s, &f, &t, &err));
    assert_int_equal(t.n, 4);
    static const int64_t open[] = {0, 10, 10, 9};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(t.v[i].open[SCO_SEV_HIGH], open[i]);
    assert_int_equal(t.v[1].created, 10);
    assert_int_equal(t.v[3].resolved, 4);
    assert_int_equal(t.v[3].created, 3);
    sco_stats_trend_done(&t);
    f.from = w->now; /* what is before counts, and is not shown */
    f.repository = first;
    OK(sco_store_stats_trend(w->s, &f, &t, &err));
    assert_int_equal(t.n, 1);
    assert_int_equal(t.v[0].open[SCO_SEV_HIGH], 6);
    sco_stats_trend_done(&t);
    f = (struct sco_stats_filter){.from = start, .to = w->now};
    OK(sco_store_stats_groups(w->s, &f, SCO_STATS_BY_SEVERITY, &g, &err));
    assert_int_equal(g.n, 1);
    assert_string_equal(g.v[0].name, "HIGH");
    assert_int_equal(g.v[0].n_open, 9);
    assert_int_equal(g.v[0].resolved, 4);
    assert_in_range(g.v[0].mean_fix_ms, 2 * DAY, 2 * DAY + 10000);
    sco_stats_groups_done(&g);
    OK(sco_store_stats_groups(w->s, &f, SCO_STATS_BY_REPOSITORY, &g, &err));
    assert_int_equal(g.n, 2);
    assert_string_equal(g.v[0].name, first);
    assert_int_equal(g.v[0].n_open, 6);
    assert_int_equal(g.v[1].created, 3);
    sco_stats_groups_done(&g);
    const char *const globs[] = {"*/second", "**/second", NULL};
    f.repositories = globs;
    OK(sco_store_stats_groups(w->s, &f, SCO_STATS_BY_TEAM, &g, &err));
    assert_int_equal(g.n, 1);
    assert_string_equal(g.v[0].name, "");
    assert_int_equal(g.v[0].n_open, 3);
    sco_stats_groups_done(&g);
    f.to = f.from - DAY;
    assert_int_equal(sco_store_stats_trend(w->s, &f, &t, &err), SCO_E_INVALID);
}

TEST(overdue)
{
    WORLD;
    int64_t start = w->now;
    struct sco_scan *s = scan_of(w, 1, 4);
    s->findings.v[0].severity = SCO_SEV_CRITICAL;
    s->findings.v[2].severity = SCO_SEV_INFO;
    save_is(w, s, .created = 4);
    int64_t first = stored(w, 1)->first_detected;
    assert_int_equal(stored(w, 1)->due_at, first + 7 * (int64_t)DAY);
    assert_int_equal(stored(w, 2)->due_at, first + 30 * (int64_t)DAY);
    assert_int_equal(stored(w, 3)->due_at, 0);
    static const struct {
        int64_t days;
        size_t n;
    } later[] = {{6, 0}, {8, 1}, {31, 3}, {3000, 3}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(later); i++) {
        struct sco_finding_page p = {0};
        struct sco_store_filter f = {.overdue = true, .now = start + later[i].days * DAY};
        OK(sco_store_findings(w->s, &f, &p, &err));
        assert_int_equal(p.n, later[i].n);
        sco_finding_page_done(&p);
    }
    set_status(w, 1, SCO_STATUS_ACCEPTED, 0);
    assert_int_equal(stored(w, 1)->due_at, 0);
    const int64_t sla[SCO_SEV_MAX_] = {[SCO_SEV_HIGH] = 1000};
    sco_store_set_sla(w->s, sla);
    assert_int_equal(stored(w, 2)->due_at, first + 1000);
}

/* ---- alerts ---- */
TEST(alerts)
{
    WORLD;
    char id[37];
    bool changed = false;
    struct sco_alert_page p = {0};
    struct sco_store_context c = {.source = "node-1"};
    OK(sco_store_set_context(w->s, &c, &err));
    for (int i = 0; i < 5; i++) {
        struct sco_stored_alert a = {.kind = i % 2 ? "sla_breached" : "scan_failed",
                                     .severity = SCO_SEV_HIGH,
                                     .title = "something",
                                     .repository = i == 4 ? NULL : "https://git.example/app",
                                     .created_at = 1000 + i};
        OK(sco_store_alert_add(w->s, &a, id, &err));
    }
    assert_int_equal(count_events(w, "notification.alert"), 5);
    struct sco_alert_filter f = {.limit = 2};
    size_t n = 0;
    char cursor[64];
    do {
        OK(sco_store_alerts(w->s, &f, &p, &err));
        for (size_t i = 0; i < p.n; i++)
            assert_int_equal(p.v[i].created_at, 1004 - (int64_t)n++);
        snprintf(cursor, sizeof cursor, "%s", p.cursor ? p.cursor : "");
        sco_alert_page_done(&p);
        f.cursor = *cursor ? cursor : NULL;
    } while (f.cursor);
    assert_int_equal(n, 5);
    OK(sco_store_alert_acknowledge(w->s, id, "ada", 2000, &changed, &err));
    assert_true(changed);
    OK(sco_store_alert_acknowledge(w->s, id, "bob", 3000, &changed, &err));
    assert_false(changed);
    OK(sco_store_alert(w->s, id, &p, &err));
    assert_string_equal(p.v[0].acknowledged_by, "ada");
    sco_alert_page_done(&p);
    f = (struct sco_alert_filter){.waiting = true, .kind = "scan_failed"};
    OK(sco_store_alerts(w->s, &f, &p, &err));
    assert_int_equal(p.n, 2);
    sco_alert_page_done(&p);
    const char *const globs[] = {"https://git.example/*", NULL};
    f = (struct sco_alert_filter){.repositories = globs};
    OK(sco_store_alerts(w->s, &f, &p, &err));
    assert_int_equal(p.n, 4);
    sco_alert_page_done(&p);
    assert_int_equal(sco_store_alert_acknowledge(w->s, "x", "ada", 1, &changed, &err),
                     SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_alert_add(w->s, &(struct sco_stored_alert){.kind = "x"}, id, &err),
                     SCO_E_INVALID);
}

/* Whoever sees a few among many: they are found, page by page. */
TEST(alerts_of_a_few_repositories)
{
    WORLD;
    const char *const globs[] = {"https://git.example/app", NULL};
    struct sco_alert_filter f = {.repositories = globs, .limit = 2};
    struct sco_alert_page p = {0};
    char id[37], cursor[64] = "";
    size_t n = 0, pages = 0;
    OK(sco_store_begin(w->s, &err));
    for (int i = 0; i < 4100; i++) {
        struct sco_stored_alert a = {.kind = "scan_failed",
                                     .severity = SCO_SEV_HIGH,
                                     .title = "something",
                                     .repository = i % 1000 == 3 ? "https://git.example/app" : "x",
                                     .created_at = 1000 + i / 10};
        OK(sco_store_alert_add(w->s, &a, id, &err));
    }
    OK(sco_store_end(w->s, 0, &err));
    do {
        f.cursor = *cursor ? cursor : NULL;
        OK(sco_store_alerts(w->s, &f, &p, &err));
        for (size_t i = 0; i < p.n; i++)
            assert_int_equal(p.v[i].created_at, 1400 - 100 * (int64_t)n++);
        snprintf(cursor, sizeof cursor, "%s", p.cursor ? p.cursor : "");
        sco_alert_page_done(&p);
        pages++;
    } while (*cursor);
    assert_int_equal(n, 5);
    assert_int_equal(pages, 3);
}

/* ---- partitions ---- */
#ifdef STORE_IS_postgresql
/* Two of one month, one of another, two that are too far away */
#define ROWS                                                                                       \
    "(VALUES (1, 1899000000000), (2, 1840000000000), (3, 1500000000000), (4, 1000), (5, "          \
    "1900000000000)) x (i, t)"

TEST(partitions)
{
    WORLD;
    const char *count = "SELECT count(*) FROM pg_inherits i JOIN pg_class p ON p.oid = "
                        "i.inhparent WHERE p.relname = 'scan_results'";
    assert_int_equal(ask(w->s, count), 5); /* four months, and the default one */
    w->now = 1900000000000;                /* 2030-03-17 */
    save_is(w, scan_of(w, 1, 1), .created = 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM scan_results_default"), 1);
    OK(store_make_partitions(w->s, w->now, &err)); /* takes the row over */
    OK(store_make_partitions(w->s, w->now, &err));
    assert_int_equal(ask(w->s, "SELECT count(*) FROM scan_results_default"), 0);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM scan_results_2030_03"), 1);
    int64_t there = ask(w->s, count);
    struct sco_store_keep k = {.now = w->now + 70 * (int64_t)DAY,
                               .keep_ms = {[SCO_KEEP_SCANS] = 30 * (int64_t)DAY}};
    OK(sco_store_retain_all(w->s, &k, &err));
    assert_int_equal(k.removed[SCO_KEEP_SCANS], 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pg_tables WHERE tablename = "
                               "'scan_results_2030_03'"),
                     0);
    assert_true(ask(w->s, count) < there + 3);
    save_is(w, scan_of(w, 1, 1), .seen = 1);
}

/* What came when nobody had made its month, or from another store, moves into one; the
 * audit log stays whole and closed. */
TEST(what_is_in_no_month_gets_one)
{
    WORLD;
    static const char fill[] =
        "INSERT INTO scan_results SELECT 100 + i, gen_random_uuid(), 1, 'scan', '', NULL, NULL, "
        "'completed', 'passed', 0, 's', '1', t, t, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 "
        "FROM " ROWS;
    static const char *const tables[] = {"scan_results", "audit_log"};
    const int64_t times[] = {1899000000000, 1840000000000, 1500000000000, 1000, 1900000000000};
    char sql[256];
    uint64_t n = 0;
    w->now = 1900000000000; /* 2030-03-17 */
    OK(store_exec(w->s, fill, NULL, 0, NULL, &err));
    for (size_t i = 0; i < SCO_ARRAY_LEN(times); i++) {
        struct sco_audit_entry e = {
            .at = times[i], .actor = "ada", .action = "x.y", .outcome = "success"};
        OK(sco_store_audit_add(w->s, &e, &err));
    }
    OK(store_make_partitions(w->s, w->now, &err));
    OK(store_make_partitions(w->s, w->now, &err));
    static const struct {
        const char *month;
        int64_t n;
    } want[] = {{"2030_03", 2}, {"2028_04", 1}, {"default", 2}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(tables); i++)
        for (size_t k = 0; k < SCO_ARRAY_LEN(want); k++) {
            snprintf(sql, sizeof sql, "SELECT count(*) FROM %s_%s", tables[i], want[k].month);
            if (ask(w->s, sql) != want[k].n)
                fail_msg("%s: %ld", sql, (long)ask(w->s, sql));
        }
    OK(sco_store_audit_verify(w->s, &n, &err));
    assert_int_equal(n, 5);
    for (size_t k = 0; k < SCO_ARRAY_LEN(want); k++) {
        snprintf(sql, sizeof sql, "DELETE FROM audit_log_%s", want[k].month);
        if (store_exec(w->s, sql, NULL, 0, NULL, &err) >= 0 || !strstr(err.text, "append-only"))
            fail_msg("%s: %s", sql, err.text);
    }
}
#endif

/* ---- many at once: encoded by a thread, a batch ahead ---- */
static const struct sco_store_ops *below;
static unsigned bulks;

static int fail_later(void *db, const struct store_bulk_spec *spec, store_next_fn next, void *user,
                      struct sco_error *err)
{
    if (++bulks == 3) /* the second batch */
        return sco_error_set(err, SCO_E_IO, "the disk is full");
    return below->bulk(db, spec, next, user, err);
}

TEST(many_at_once)
{
    WORLD;
    enum { MANY = 3 * 4096 + 100 };
    uint64_t findings = 0, scans = 0;
    struct sco_store_ops ops = *w->s->ops;
    below = w->s->ops;
    bulks = 0;
    ops.bulk = fail_later;
    w->s->ops = &ops;
    struct sco_scan *s = scan_of(w, 1, MANY);
    assert_int_equal(scan_try(w, s, &err), SCO_E_IO);
    w->s->ops = below;
    assert_int_equal(ask(w->s, "SELECT count(*) FROM vulnerabilities"), 0);
    save_is(w, s, .created = MANY);
    OK(sco_store_verify(w->s, &findings, &scans, &err)); /* each has its own content */
    assert_int_equal(findings, MANY);
    save_is(w, scan_of(w, 1, MANY), .seen = MANY); /* and its digest */
    same_as_counted(w);
}

#ifdef STORE_IS_sqlite
TEST(copies)
{
    WORLD;
    char path[600];
    uint64_t rows = 0, findings = 0, scans = 0;
    struct sco_store *other = NULL;
    struct sco_store_context c = {.source = "node-1"};
    OK(sco_store_set_context(w->s, &c, &err));
    save_is(w, scan_of(w, 1, 300), .created = 300);
    save_is(w, scan_of(w, 1, 200), .seen = 200, .resolved = 100);
    snprintf(path, sizeof path, "%s/other.db", w->dir);
    struct sco_store_options o = {.where = path, .create = true};
    OK(store_open_with(w->s->ops, &o, &other, &err));
    OK(sco_store_copy(w->s, other, &rows, &err));
    assert_true(rows > 300 * 3);
    assert_int_equal(sco_store_copy(w->s, other, &rows, &err), SCO_E_INVALID);
    assert_non_null(strstr(err.text, "not empty"));
    struct sco_store *first = w->s;
    int64_t history = ask(w->s, "SELECT count(*) FROM vulnerability_history");
    int64_t told = ask(w->s, "SELECT count(*) FROM outbox");
    char id[37];
    snprintf(id, sizeof id, "%s", stored(w, 7)->id);
    w->s = other;
    OK(sco_store_verify(w->s, &findings, &scans, &err));
    assert_int_equal(findings, 300);
    assert_int_equal(scans, 2);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM vulnerability_history"), history);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM outbox"), told);
    assert_string_equal(stored(w, 7)->id, id);
    same_as_counted(w);
    save_is(w, scan_of(w, 1, 301), .created = 1, .seen = 200, .reopened = 100);
    w->s = first;
    sco_store_close(other);
}
#endif

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(findings_tell_events),
        T(what_fails_tells_nothing),
        T(sums_agree_with_what_is_counted),
        T(trend_and_groups),
        T(overdue),
        T(many_at_once),
        T(alerts),
        T(alerts_of_a_few_repositories),
#ifdef STORE_IS_postgresql
        T(partitions),
        T(what_is_in_no_month_gets_one),
#endif
#ifdef STORE_IS_sqlite
        T(copies),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
