/* No statement that is asked while there is ever more to read reads all of it: each is explained by
 * the database itself, over tables that are filled. */
#include "jobs_world.h"
#include "plans.h"

#include <secureops/store_accounts.h>
#include <secureops/store_events.h>
#include <secureops/store_stats.h>

static bool counting; /* what goes on until a page is full is bad here, too */

static bool starts_with_one(const char *text, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(text, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* Of what waits, which is never much. */
static bool is_of_few(const char *index)
{
    static const char *const few[] = {"jobs_queued", "jobs_running", "jobs_deadline",
                                      "outbox_pending"};
    return starts_with_one(index, few, SCO_ARRAY_LEN(few));
}

#ifdef STORE_IS_postgresql
static bool is_bad(const char *line, const char *rest)
{
    static const char *const big[] = {"vulnerabilities",
                                      "vulnerability_details",
                                      "vulnerability_history",
                                      "scan_scanners",
                                      "jobs",
                                      "schedules",
                                      "outbox",
                                      "alerts",
                                      "event_inbox"};
    static const char *const months[] = {"scan_results_2", "audit_log_2"};
    const char *at = strstr(line, "Seq Scan on "), *cost = strchr(line, '(');
    if (at && starts_with_one(at + 12, big, SCO_ARRAY_LEN(big)))
        return true;
    if (at)
        return starts_with_one(at + 12, months, SCO_ARRAY_LEN(months)) &&
               strncmp(cost, "(cost=0.00..0.00 ", 17) != 0; /* an empty month */
    at = strstr(line, "Scan using ")             ? strstr(line, "Scan using ") + 11
         : strstr(line, "Bitmap Index Scan on ") ? strstr(line, "Bitmap Index Scan on ") + 21
                                                 : NULL;
    if (!counting || !at || is_of_few(at))
        return false;
    const char *next = strstr(rest, "->"), *condition = strstr(rest, "Index Cond:");
    return !condition || (next && next < condition);
}
#define HASH "sha256(i::text::bytea)"
#define POSITION "position, "
#define NO_ROW "no statement"
#define POSITION_OF "CASE WHEN i < 19900 THEN i END, "
#else
static bool is_bad(const char *line, const char *rest)
{
    static const char *const small[] = {"branches",   "b\n",
                                        "job_queue",  "candidate",
                                        "chosen",     "lost",
                                        "late",       "CONSTANT",
                                        "audit_head", "event_cursors",
                                        "waiting",    "head",
                                        "(subquery",  "sqlite_sequence",
                                        "event_feed", "h\n",
                                        "c\n",        "part_",
                                        "parts"};
    (void)rest;
    if (strncmp(line, "SCAN ", 5) != 0 || starts_with_one(line + 5, small, SCO_ARRAY_LEN(small)))
        return false;
    const char *index = strstr(line, "INDEX ");
    return !index || (counting && !is_of_few(index + 6));
}
#define HASH "randomblob(32)"
#define POSITION ""
#define NO_ROW "FROM outbox WHERE position IS NULL" /* SQLite knows that, and does not begin */
#define POSITION_OF ""
#endif

static void fill(struct world *w)
{
    static const char *const sql[] = {
        "INSERT INTO branches (pk, repository, branch) WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL "
        "SELECT i + 1 FROM c WHERE i < 50) SELECT 1000 + i, 'r' || i, 'main' FROM c",
        "INSERT INTO vulnerabilities (pk, id, branch_pk, fingerprint, digest, vulnerability_type, "
        "severity, title, rule_id, file_path, line_number, cve_id, tools, risk_score, suppressed, "
        "scope, status, first_detected, last_detected, resolved_at, first_scan, last_scan) WITH "
        "RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 30000) SELECT "
        "i, " UUID ", 1001 + i % 50, " HASH ", " HASH ", 'SAST', 'HIGH', 't', 'r', 'src/' || i, 1, "
        "CASE WHEN i % 3 = 0 THEN 'CVE-2026-' || (i % 1000) END, 'semgrep', (i * 7919 % 1000) / "
        "10.0, i % 40 = 1, '', CASE WHEN i % 4 = 0 THEN 'RESOLVED' ELSE 'OPEN' END, i, i, CASE "
        "WHEN i % 4 = 0 THEN i END, " UUID ", " UUID " FROM c",
        "INSERT INTO vulnerability_details (pk, content) SELECT pk, '{}' FROM vulnerabilities",
        "INSERT INTO vulnerability_history (vulnerability_pk, at, action, changed_by) SELECT pk, "
        "1, 'changed', 'scan' FROM vulnerabilities",
        "INSERT INTO scan_results (id, branch_pk, scan_type, scope, status, gate_result, "
        "exit_status, tool_name, tool_version, started_at, completed_at, findings, suppressed, "
        "critical, high, medium, low, info, created, seen, changed, resolved, reopened, "
        "not_checked) WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < "
        "20000) SELECT " UUID ", 1001 + i % 50, 'scan', '', 'completed', 'passed', 0, 's', '1', "
        "1800000000000 + CAST(i AS BIGINT) * 1000000, 1800000000000 + CAST(i AS BIGINT) * 1000000, "
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "
        "0, 0, 0 FROM c",
        "INSERT INTO jobs (id, kind, state, target_key, revision, scanners, request, origin, "
        "priority, waiting_since, rank, max_attempts, not_before, deadline, created_at) WITH "
        "RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) SELECT " UUID
        ", 'scan', CASE i % 500 WHEN 0 THEN 'queued' WHEN 1 THEN 'running' WHEN 2 THEN 'dead' ELSE "
        "'completed' END, 'r' || (i % 2000), 'main', '', '{}', 'api', 5, i, i, 3, 0, CASE WHEN i "
        "% 1000 = 0 THEN 1900000000000 ELSE 0 END, i FROM c",
        "UPDATE jobs SET node = 'one', attempt = 1, lease_until = 1900000000000 WHERE state = "
        "'running'",
        "UPDATE jobs SET completed_at = 1800000000000 - pk * 10000000 WHERE state = 'completed'",
        "INSERT INTO schedules (id, name, time_zone, windows, kind, target_key, revision, "
        "scanners, request, interval_ms, jitter_ms, priority, catch_up, enabled, created_at, "
        "updated_at, next_at) WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c "
        "WHERE i < 20000) SELECT " UUID ", 's' || i, 'UTC', '', 'scan', 't', '', '', '{}', 1000, "
        "0, 5, 'one', i > 0, 0, 0, 1700000000000 + CAST(i AS BIGINT) * 10000000 FROM c",
        "INSERT INTO outbox (" POSITION "id, type, key, at, source, data) WITH RECURSIVE c (i) AS "
        "(SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) SELECT " POSITION_OF UUID
        ", 't', 'k', 1700000000000 + i, 'n', '{}' FROM c",
        "INSERT INTO event_inbox (id, at) WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
        "FROM c WHERE i < 20000) SELECT " UUID ", 1700000000000 + CAST(i AS BIGINT) * 1000 FROM c",
        "INSERT INTO alerts (id, kind, severity, title, message, created_at, notified_at) WITH "
        "RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) SELECT " UUID
        ", 'job_dead', 'HIGH', 't', 'm', i, CASE WHEN i % 100 = 0 THEN 0 ELSE i END FROM c",
        "INSERT INTO audit_log (seq, at, actor, action, object, outcome, hash) WITH RECURSIVE c "
        "(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) SELECT i, 1800000000000 "
        "+ CAST(i AS BIGINT) * 100000, 'a' || (i % 100), 'x.y', 'o' || (i % 200), 'success', " HASH
        " FROM c",
        "UPDATE audit_head SET seq = 20000",
        "INSERT INTO scan_scanners (scan_pk, ordinal, name, status, required, counts, started_at, "
        "duration_ms, exit_code, reported, dropped, suppressed, critical, high, medium, low, info) "
        "SELECT pk, 0, 'x', 'completed', gate_result = '', gate_result = '', 0, 0, 0, 0, 0, 0, 0, "
        "0, 0, 0, 0 FROM scan_results",
        "ANALYZE",
    };
    struct sco_error err = {0};
    OK(store_make_partitions(w->s, 1800000000000, &err));
    OK(store_make_partitions(w->s, 1810000000000, &err));
    for (size_t i = 0; i < SCO_ARRAY_LEN(sql); i++)
        OK(store_exec(w->s, sql[i], NULL, 0, NULL, &err));
}

static void list_findings(struct world *w, struct sco_store_filter f, const char *what)
{
    struct sco_error err = {0};
    struct sco_finding_page p = {0};
    char cursor[64];
    f.limit = 50;
    OK(sco_store_findings(w->s, &f, &p, &err));
    is_indexed(what);
    snprintf(cursor, sizeof cursor, "%s", p.cursor ? p.cursor : "");
    sco_finding_page_done(&p);
    if (!*cursor)
        return;
    f.cursor = cursor;
    OK(sco_store_findings(w->s, &f, &p, &err));
    is_indexed("the second page");
    sco_finding_page_done(&p);
}

static void list_scans(struct world *w, struct sco_store_scan_filter f, const char *what)
{
    struct sco_error err = {0};
    struct sco_scan_page p = {0};
    f.limit = 50;
    OK(sco_store_scans(w->s, &f, &p, &err));
    is_indexed(what);
    sco_scan_page_done(&p);
}

static void list_jobs(struct world *w, struct sco_job_filter f, const char *what)
{
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    f.limit = 50;
    OK(sco_store_jobs(w->s, &f, &p, &err));
    is_indexed(what);
    sco_job_page_done(&p);
}

static void watch(struct world *w)
{
    counting = false;
    spy_on(w, is_bad, NO_ROW);
}

TEST(every_list_has_an_index)
{
    WORLD;
    fill(w);
    watch(w);
    list_findings(w, (struct sco_store_filter){0}, "all");
    list_findings(w, (struct sco_store_filter){.repository = "r7"}, "a repository");
    list_findings(w, (struct sco_store_filter){.repository = "r7", .branch = "main"}, "a branch");
    list_findings(w, (struct sco_store_filter){.cve = "CVE-2026-3"}, "a CVE");
    list_findings(w, (struct sco_store_filter){.min_severity = SCO_SEV_HIGH}, "a severity");
    list_findings(w, (struct sco_store_filter){.statuses = 1 << SCO_STATUS_RESOLVED}, "resolved");
    list_findings(w, (struct sco_store_filter){.statuses = ALL_STATUSES, .suppressed = true},
                  "all that there is");
    for (unsigned i = 0; i < SCO_SORT_MAX_; i++)
        for (unsigned up = 0; up < 2; up++) {
            struct sco_store_filter f = {.sort = (enum sco_store_sort)i, .ascending = up};
            f.repository = i == SCO_SORT_LAST_DETECTED ? "r7" : NULL;
            list_findings(w, f, sco_store_sort_name(f.sort));
            f.repository = "r7";
            list_findings(w, f, sco_store_sort_name(f.sort));
        }
    struct sco_finding_page p = {0};
    struct sco_store_filter one = {.limit = 1};
    OK(sco_store_findings(w->s, &one, &p, &err));
    char id[37], fingerprint[65];
    snprintf(id, sizeof id, "%s", p.v[0].id);
    snprintf(fingerprint, sizeof fingerprint, "%s", p.v[0].fingerprint);
    sco_finding_page_done(&p);
    OK(sco_store_finding(w->s, id, &p, &err));
    sco_finding_page_done(&p);
    is_indexed("an id");
    OK(sco_store_finding(w->s, fingerprint, &p, &err));
    sco_finding_page_done(&p);
    is_indexed("a fingerprint");
    struct sco_store_history h = {0};
    OK(sco_store_history(w->s, id, &h, &err));
    sco_store_history_done(&h);
    is_indexed("history");
    list_scans(w, (struct sco_store_scan_filter){0}, "scans");
    list_scans(w, (struct sco_store_scan_filter){.repository = "r7"}, "scans of a repository");
    struct sco_scan_page sp = {0};
    OK(sco_store_scans(w->s, &(struct sco_store_scan_filter){.limit = 1}, &sp, &err));
    snprintf(id, sizeof id, "%s", sp.v[0].id);
    sco_scan_page_done(&sp);
    OK(sco_store_scan(w->s, id, &sp, &err));
    sco_scan_page_done(&sp);
    is_indexed("a scan");
    list_scans(w, (struct sco_store_scan_filter){.oldest_first = true}, "the oldest scans");
    list_jobs(w, (struct sco_job_filter){0}, "jobs");
    list_jobs(w, (struct sco_job_filter){.target_key = "r9"}, "jobs of a target");
    counting = true;
    for (unsigned i = 0; i < SCO_JOB_STATE_MAX_; i++)
        if (i != SCO_JOB_COMPLETED) /* most are: a page is soon full */
            list_jobs(w, (struct sco_job_filter){.states = 1u << i},
                      sco_job_state_name((enum sco_job_state)i));
    counting = false;
    struct sco_job_page jp = {0};
    OK(sco_store_jobs(w->s, &(struct sco_job_filter){.limit = 1}, &jp, &err));
    snprintf(id, sizeof id, "%s", jp.v[0].id);
    sco_job_page_done(&jp);
    OK(sco_store_job(w->s, id, &jp, &err));
    sco_job_page_done(&jp);
    is_indexed("a job");
    spy_off(w, 16);
}

/* Their cost is of what waits and runs, not of what has ended. */
TEST(the_queue_does_not_grow_with_what_has_ended)
{
    WORLD;
    struct sco_job_counts counts;
    struct sco_job_page p = {0};
    struct sco_job_added added;
    struct sco_job_request q = a_request("r9000");
    uint64_t n;
    fill(w);
    w->now = 1800000000000;
    watch(w);
    counting = true;
    OK(sco_store_job_add(w->s, &q, w->now, &added, &err));
    OK(sco_store_job_add(w->s, &q, w->now, &added, &err)); /* replaces the one before */
    q.idempotency_key = "k";
    OK(sco_store_job_add(w->s, &q, w->now, &added, &err));
    is_indexed("add");
    struct sco_job_limit limit = {"semgrep", 1000};
    struct sco_job_claim c = {.node = "one",
                              .now = w->now,
                              .lease_ms = 60000,
                              .ageing_ms = 600000,
                              .max = 10,
                              .max_short = 10,
                              .target_max = 20,
                              .limits = &limit,
                              .n_limits = 1};
    OK(sco_store_jobs_claim(w->s, &c, &p, &err));
    is_indexed("claim");
    assert_int_equal(p.n, 10);
    struct sco_job_renewal r = {.lease = {p.v[0].id, "one", p.v[0].attempt}};
    OK(sco_store_jobs_renew(w->s, &r, 1, w->now + 60000, &err));
    is_indexed("renew");
    assert_false(r.lost);
    for (unsigned i = 0; i <= SCO_JOB_END_RELEASED; i++) {
        enum sco_job_state st;
        struct sco_job_end e = {.lease = {p.v[i].id, "one", p.v[i].attempt},
                                .outcome = (enum sco_job_outcome)i,
                                .now = w->now};
        OK(sco_store_job_end(w->s, &e, &st, &err));
        is_indexed("end");
    }
    enum sco_job_state st;
    OK(sco_store_job_cancel(w->s, p.v[9].id, "ada", w->now, &st, &err));
    is_indexed("cancel");
    sco_job_page_done(&p);
    OK(sco_store_job_counts(w->s, w->now, &counts, &err));
    is_indexed("counts");
    assert_int_equal(counts.by_state[SCO_JOB_DEAD], 40);
    assert_in_range(counts.by_state[SCO_JOB_COMPLETED], 7, 10); /* of a day, and ours */
    OK(sco_store_jobs_reap(w->s, INT64_C(2000000000000), 1000, &n, &err));
    is_indexed("reap");
    assert_true(n > 20);
    OK(sco_store_jobs_recover(w->s, "one", w->now, &n, &err));
    is_indexed("recover");
    counting = false;
    spy_off(w, 21);
}

TEST(alerts_that_were_sent_cost_nothing)
{
    WORLD;
    struct sco_alert_page p = {0};
    bool first = false;
    fill(w);
    watch(w);
    OK(sco_store_alerts(w->s, &(struct sco_alert_filter){.limit = 50}, &p, &err));
    sco_alert_page_done(&p);
    is_indexed("a list");
    counting = true;
    OK(sco_store_alerts_unsent(w->s, 10000, 50, &p, &err));
    is_indexed("unsent");
    assert_int_equal(p.n, 50);
    assert_int_equal(p.v[0].created_at, 10000);
    OK(sco_store_alert_notified(w->s, p.v[0].id, w->now, &first, &err));
    is_indexed("notified");
    assert_true(first);
    OK(sco_store_alert_notified(w->s, p.v[0].id, w->now, &first, &err));
    assert_false(first);
    sco_alert_page_done(&p);
    counting = false;
    spy_off(w, 1);
}

TEST(schedules)
{
    WORLD;
    struct sco_schedule_page p = {0};
    char id[37];
    bool fired = false;
    fill(w);
    watch(w);
    OK(sco_store_schedules(w->s, NULL, 50, &p, &err));
    is_indexed("a list");
    snprintf(id, sizeof id, "%s", p.v[0].id);
    int64_t next = p.v[0].next_at;
    sco_schedule_page_done(&p);
    counting = true;
    OK(sco_store_schedule(w->s, "s77", &p, &err));
    sco_schedule_page_done(&p);
    OK(sco_store_schedule(w->s, id, &p, &err));
    is_indexed("one");
    struct sco_stored_schedule x = p.v[0];
    OK(sco_store_schedule_put(w->s, &x, w->now, id, &err));
    is_indexed("change");
    sco_schedule_page_done(&p);
    struct sco_job_request q = a_request("r9001");
    OK(sco_store_schedule_fire(w->s, id, next, next + 1, &q, 1, w->now, &fired, &err));
    is_indexed("fire");
    assert_true(fired);
    OK(sco_store_schedules_due(w->s, 1700500000000, 50, &p, &err));
    is_indexed("due");
    assert_true(p.n > 10);
    sco_schedule_page_done(&p);
    OK(sco_store_schedule_delete(w->s, id, &err));
    is_indexed("delete");
    counting = false;
    spy_off(w, 1);
}

TEST(events)
{
    WORLD;
    struct sco_event_page p = {0};
    struct sco_event_lag lag;
    int64_t last = 0, position = 0;
    bool more, first;
    uint64_t n = 0;
    char id[37];
    fill(w);
#ifdef STORE_IS_postgresql
    OK(store_exec(w->s, "UPDATE event_feed SET last = 19899", NULL, 0, NULL, &err));
#endif
    watch(w);
    counting = true;
    OK(sco_store_events_sequence(w->s, 1000, &last, &more, &err));
    is_indexed("positions");
    assert_int_equal(last, 20000);
    OK(sco_store_events_read(w->s, 100, 50, NULL, NULL, &p, &err));
    is_indexed("the feed");
    assert_int_equal(p.n, 50);
    sco_event_page_done(&p);
    OK(sco_store_cursor_take(w->s, "kafka", "one", w->now, w->now + 1000, &position, &err));
    OK(sco_store_cursor_set(w->s, "kafka", "one", 1500, &err));
    OK(sco_store_event_lag(w->s, "kafka", &lag, &err));
    is_indexed("the cursor");
    assert_int_equal(lag.behind, 18500);
    sco_uuid4(id);
    OK(sco_store_event_accept(w->s, id, w->now, &first, &err));
    is_indexed("what came from outside");
    static const char *const cursors[] = {"kafka", NULL};
    OK(sco_store_events_retain(w->s, 1700000002000, cursors, &n, &err));
    is_indexed("retention");
    assert_int_equal(n, 1500);
    counting = false;
    spy_off(w, 1);
}

TEST(the_audit_log)
{
    WORLD;
    struct sco_audit_page p = {0};
    const struct sco_audit_filter filters[] = {
        {.limit = 50},
        {.limit = 50, .actor = "a7"},
        {.limit = 50, .object = "o7"},
        {.limit = 50, .cursor = "7000"},
        {.limit = 50, .from = 1800100000000, .to = 1800200000000},
    };
    uint8_t hash[32];
    int64_t seq, at;
    fill(w);
    watch(w);
    for (size_t i = 0; i < SCO_ARRAY_LEN(filters); i++) {
        OK(sco_store_audit(w->s, &filters[i], &p, &err));
        is_indexed("a list");
        assert_int_equal(p.n, 50);
        sco_audit_page_done(&p);
    }
    struct sco_audit_entry e = {
        .at = w->now, .actor = "ada", .action = "x.y", .outcome = "success"};
    OK(sco_store_audit_add(w->s, &e, &err));
    is_indexed("add");
    OK(sco_store_audit_head(w->s, &seq, hash, &at, &err));
    is_indexed("head");
    uint64_t gone = 0;
    OK(sco_store_audit_retain(w->s, 1800000000000 + 500 * 100000, 100, &gone, &err));
    is_indexed("retention");
    assert_int_equal(gone, 100);
    spy_off(w, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_list_has_an_index),
        T(the_queue_does_not_grow_with_what_has_ended),
        T(alerts_that_were_sent_cost_nothing),
        T(schedules),
        T(events),
        T(the_audit_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
