/* Findings: lists, changes by one and by many, history, reports. */
#include "content.h"

#include <secureops/store_stats.h>

#define T struct content *t = *state

static struct sco_scan *a_scan(struct content *t, uint32_t n)
{
    struct sco_scan *s = scan_new(t->w);
    scan_run(s, "semgrep", SCO_RUN_STATUS_COMPLETED);
    for (uint32_t i = 1; i <= n; i++)
        scan_add(s, i, "semgrep");
    return s;
}

static const char *id_of(struct content *t, uint32_t number)
{
    static char ids[8][40];
    static unsigned next_id;
    char *id = ids[next_id++ % 8];
    snprintf(id, 40, "%s", stored(t->w, number)->id);
    return id;
}

static const char *path_of(const char *id, const char *end)
{
    static char path[200];
    snprintf(path, sizeof path, "/vulnerabilities/%s%s", id, end);
    return path;
}

static void lists(void **state)
{
    T;
    save_is(t->w, a_scan(t, 5), .created = 5);
    expect(t, 200, "GET", "/vulnerabilities?limit=2", NULL);
    assert_string_equal(at(t, "items"), "2");
    assert_string_equal(at(t, "items.0.severity"), "HIGH");
    assert_string_equal(at(t, "items.0.repository"), "https://git.example/app");
    char path[200];
    snprintf(path, sizeof path, "/vulnerabilities?limit=500&cursor=%s", at(t, "next_cursor"));
    expect(t, 200, "GET", path, NULL);
    assert_string_equal(at(t, "items"), "3");
    assert_string_equal(at(t, "next_cursor"), "");
    static const struct {
        const char *query, *n;
    } filters[] = {{"severity=high", "5"},
                   {"severity=CRITICAL", "0"},
                   {"type=sast,sca", "5"},
                   {"type=secret", "0"},
                   {"tool=semgrep", "5"},
                   {"tool=trivy", "0"},
                   {"status=resolved", "0"},
                   {"status=all", "5"},
                   {"branch=main", "5"},
                   {"repository=elsewhere", "0"},
                   {"path=src", "5"},
                   {"assignee=", "5"},
                   {"suppressed=true", "5"},
                   {"overdue=true", "0"},
                   {"overdue=false", "5"},
                   {"sort=-risk_score", "5"},
                   {"rule=rule", "5"},
                   {"sort=severity", "5"},
                   {"sort=-first_detected", "5"},
                   {"sort=last_detected&repository=https://git.example/app", "5"}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(filters); i++) {
        snprintf(path, sizeof path, "/vulnerabilities?%s", filters[i].query);
        expect(t, 200, "GET", path, NULL);
        if (strcmp(at(t, "items"), filters[i].n) != 0)
            fail_msg("%s: %s", filters[i].query, at(t, "items"));
    }
    static const char *const bad[] = {"severity=awful", "type=x",        "status=gone",
                                      "suppressed=1",   "overdue=maybe", "sort=title",
                                      "limit=0",        "cursor=x",      "sort=last_detected"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        snprintf(path, sizeof path, "/vulnerabilities?%s", bad[i]);
        expect(t, 400, "GET", path, NULL);
    }
}

static void are_overdue(void **state)
{
    T;
    save_is(t->w, a_scan(t, 2), .created = 2);
    expect(t, 200, "GET", "/vulnerabilities?overdue=true", NULL);
    assert_string_equal(at(t, "items"), "0");
    const int64_t day[SCO_SEV_MAX_] = {[SCO_SEV_HIGH] = 86400000};
    sco_store_set_sla(t->w->s, day);
    expect(t, 200, "GET", path_of(id_of(t, 1), ""), NULL);
    char due[SCO_TIME_LEN];
    sco_time_format(stored(t->w, 1)->first_detected + 86400000, due);
    assert_string_equal(at(t, "due_at"), due);
    t->w->now += 86400000 + 60000;
    expect(t, 200, "GET", "/vulnerabilities?overdue=true", NULL);
    assert_string_equal(at(t, "items"), "2");
    set_status(t->w, 1, SCO_STATUS_FALSE_POSITIVE, 0);
    expect(t, 200, "GET", "/vulnerabilities?overdue=true&status=all", NULL);
    assert_string_equal(at(t, "items"), "1");
}

static void one_changes(void **state)
{
    T;
    char tag[40], match[50];
    save_is(t->w, a_scan(t, 1), .created = 1);
    const char *id = id_of(t, 1);
    expect(t, 200, "GET", path_of(id, ""), NULL);
    assert_string_equal(at(t, "status"), "OPEN");
    snprintf(tag, sizeof tag, "%s", t->c.etag);
    snprintf(match, sizeof match, "\"%s\"", tag);
    next.if_match = "\"something else\"";
    expect(t, 412, "PUT", path_of(id, ""), "{\"status\":\"IN_PROGRESS\"}");
    next.if_match = match;
    expect(t, 200, "PUT", path_of(id, ""), "{\"status\":\"IN_PROGRESS\",\"assignee\":\"bob\"}");
    assert_string_equal(at(t, "status"), "IN_PROGRESS");
    assert_string_equal(at(t, "assignee"), "bob");
    assert_string_equal(at(t, "status_by"), "ada@example.com");
    assert_string_not_equal(t->c.etag, tag);
    next.if_match = match; /* it was read before */
    expect(t, 412, "PUT", path_of(id, ""), "{\"status\":\"OPEN\"}");
    expect(t, 200, "PUT", path_of(id, ""),
           "{\"status\":\"accepted\",\"reason\":\"a proxy\",\"accepted_until\":\"2100-01-31\"}");
    assert_string_equal(at(t, "status"), "ACCEPTED");
    assert_string_equal(at(t, "accepted_until"), "2100-01-31T23:59:59.999Z"); /* the last day */
    assert_string_equal(at(t, "assignee"), "bob");
    expect(t, 200, "PUT", path_of(id, ""), "{\"assignee\":null}");
    assert_string_equal(at(t, "assignee"), "");
    assert_string_equal(at(t, "status"), "ACCEPTED");
    expect(t, 200, "GET", path_of(id, "/history"), NULL);
    assert_string_equal(at(t, "items"), "5");
    assert_string_equal(at(t, "items.0.action"), "created");
    assert_string_equal(at(t, "items.2.assignee"), "bob");
    assert_string_equal(at(t, "items.3.reason"), "a proxy");
    static const struct {
        const char *body, *says;
    } bad[] = {
        {"{}", "a status"},
        {"{\"status\":\"FIXED\"}", "/status"},
        {"{\"status\":\"FALSE_POSITIVE\"}", "/reason"},
        {"{\"status\":\"RESOLVED\",\"reason\":\" \"}", "/reason"},
        {"{\"status\":\"OPEN\",\"accepted_until\":\"2100-01-01\"}", "/accepted_until"},
        {"{\"status\":\"ACCEPTED\",\"reason\":\"x\",\"accepted_until\":\"soon\"}", "a date"},
        {"{\"status\":\"ACCEPTED\",\"reason\":\"x\",\"accepted_until\":\"2001-01-01\"}", "past"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        expect(t, 400, "PUT", path_of(id, ""), bad[i].body);
        says(t, bad[i].says);
    }
}

static void who_is_not_told(void **state)
{
    T;
    static const char *const mine[] = {"https://git.example/mine", NULL};
    char part[20], body[200];
    save_is(t->w, a_scan(t, 1), .created = 1);
    const char *id = id_of(t, 1);
    snprintf(part, sizeof part, "%.13s", id);
    expect(t, 404, "GET", path_of(part, ""), NULL); /* the start of an id tells nothing */
    expect(t, 404, "GET", path_of("00000000-0000-7000-8000-000000000000", ""), NULL);
    char unknown[1024];
    snprintf(unknown, sizeof unknown, "%s", t->err.text);
    next.who.name = "bob";
    next.who.repositories = mine;
    expect(t, 404, "GET", path_of(id, ""), NULL);
    assert_memory_equal(t->err.text, unknown, strlen("there is no finding "));
    expect(t, 404, "GET", path_of(id, "/history"), NULL);
    expect(t, 404, "PUT", path_of(id, ""), "{\"status\":\"IN_PROGRESS\"}");
    snprintf(body, sizeof body, "{\"ids\":[\"%s\"],\"status\":\"IN_PROGRESS\"}", id);
    expect(t, 400, "POST", "/vulnerabilities/bulk", body);
    expect(t, 200, "GET", "/vulnerabilities?status=all", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 200, "GET", "/reports/security?status=all", NULL);
    assert_string_equal(at(t, "summary.findings"), "0");
    expect(t, 200, "GET", "/reports/security?format=csv&status=all", NULL);
    assert_null(strstr(reply(t), id));
    next.who = (struct sco_principal){0};
    assert_int_equal(status_of(t->w, 1), SCO_STATUS_OPEN);
}

static void many_change(void **state)
{
    T;
    char body[400];
    save_is(t->w, a_scan(t, 3), .created = 3);
    const char *a = id_of(t, 1), *b = id_of(t, 2);
    snprintf(body, sizeof body,
             "{\"ids\":[\"%s\",\"%s\"],\"status\":\"FALSE_POSITIVE\",\"reason\":\"tests\"}", a, b);
    expect(t, 200, "POST", "/vulnerabilities/bulk", body);
    assert_string_equal(at(t, "changed"), "2");
    expect(t, 200, "POST", "/vulnerabilities/bulk", body);
    assert_string_equal(at(t, "unchanged"), "2");
    assert_int_equal(status_of(t->w, 1), SCO_STATUS_FALSE_POSITIVE);
    assert_int_equal(status_of(t->w, 3), SCO_STATUS_OPEN);
    snprintf(body, sizeof body,
             "{\"ids\":[\"%s\",\"00000000-0000-7000-8000-000000000000\"],\"status\":\"OPEN\"}", a);
    expect(t, 400, "POST", "/vulnerabilities/bulk", body);
    says(t, "/ids/1");
    assert_int_equal(status_of(t->w, 1), SCO_STATUS_FALSE_POSITIVE); /* none was changed */
    expect(t, 400, "POST", "/vulnerabilities/bulk", "{\"ids\":[],\"status\":\"OPEN\"}");
}

/* ---- reports ---- */
static void hostile(struct content *t)
{
    struct sco_scan *s = a_scan(t, 2);
    s->findings.v[0].title = "=HYPERLINK(\"http://evil\")";
    s->findings.v[0].file_path = "a,b\"c.py";
    s->findings.v[1].title = "<script>alert('x')</script> & \xe2\x80\xae";
    s->findings.v[1].description = "</script>";
    save_is(t->w, s, .created = 2);
}

static void reports(void **state)
{
    T;
    hostile(t);
    expect(t, 200, "GET", "/reports/security?severity=low", NULL);
    assert_string_equal(at(t, "summary.findings"), "2");
    assert_string_equal(at(t, "summary.by_severity.HIGH"), "2");
    assert_string_equal(at(t, "summary.by_type.SAST"), "2");
    assert_string_equal(at(t, "findings"), "2");
    assert_string_equal(at(t, "filter.severity"), "low");
    assert_non_null(strstr(header(t, "Content-Disposition"), "attachment"));
    expect(t, 200, "GET", "/reports/security?format=csv", NULL);
    const char *csv = reply(t);
    assert_memory_equal(csv, "id,severity,", 12);
    assert_non_null(strstr(csv, "\"'=HYPERLINK(\"\"http://evil\"\")\""));
    assert_non_null(strstr(csv, "\"a,b\"\"c.py\""));
    expect(t, 200, "GET", "/reports/security?format=html&path=<b>", NULL);
    assert_non_null(strstr(reply(t), "path = &lt;b&gt;"));
    expect(t, 200, "GET", "/reports/security?format=html", NULL);
    const char *html = reply(t);
    assert_null(strstr(html, "<script"));
    assert_null(strstr(html, "\xe2\x80\xae")); /* what turns the text around */
    assert_non_null(strstr(html, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp;"));
    assert_non_null(strstr(html, "2 findings: 0 CRITICAL, 2 HIGH"));
    assert_non_null(strstr(header(t, "Content-Security-Policy"), "default-src 'none'"));
    expect(t, 400, "GET", "/reports/security?format=pdf", NULL);
    expect(t, 400, "GET", "/reports/security?severity=x", NULL);
}

static void sarif(void **state)
{
    T;
    hostile(t);
    expect(t, 400, "GET", "/reports/security?format=sarif", NULL);
    says(t, "?repository");
    expect(t, 200, "GET", "/reports/security?format=sarif&repository=https://git.example/app",
           NULL);
    assert_string_equal(t->c.reply_type, "application/sarif+json");
    assert_string_equal(at(t, "version"), "2.1.0");
    assert_string_equal(at(t, "runs"), "1");
    assert_string_equal(at(t, "runs.0.tool.driver.name"), "semgrep");
    assert_string_equal(at(t, "runs.0.results"), "2");
    assert_string_equal(at(t, "runs.0.results.0.ruleId"), "rule");
    expect(t, 200, "GET", "/reports/security?format=sarif&repository=nothing", NULL);
    assert_string_equal(at(t, "runs.0.tool.driver.name"), "SecureOps"); /* no scanner found none */
}

static void a_report_of_many_pages(void **state)
{
    T;
    save_is(t->w, a_scan(t, 1234), .created = 1234);
    expect(t, 200, "GET", "/reports/security", NULL);
    assert_string_equal(at(t, "summary.findings"), "1234");
    assert_string_equal(at(t, "findings"), "1234");
    expect(t, 200, "GET", "/reports/security?format=csv", NULL);
    size_t lines = 0;
    for (const char *p = reply(t); (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 1235);
}

/* ---- figures, alerts ---- */
static void figures(void **state)
{
    T;
    static const char *const mine[] = {"https://git.example/mine", NULL};
    save_is(t->w, a_scan(t, 3), .created = 3);
    expect(t, 200, "GET", "/stats/trend", NULL);
    assert_string_equal(at(t, "items"), "30");
    assert_string_equal(at(t, "items.29.open.HIGH"), "3");
    assert_string_equal(at(t, "items.29.created"), "3");
    assert_string_equal(at(t, "items.28.open.HIGH"), "0");
    expect(t, 200, "GET", "/stats/repositories", NULL);
    assert_string_equal(at(t, "items.0.repository"), "https://git.example/app");
    assert_string_equal(at(t, "items.0.open_by_severity.HIGH"), "3");
    assert_string_equal(at(t, "items.0.mean_time_to_fix_ms"), "");
    expect(t, 200, "GET", "/stats/severities", NULL);
    assert_string_equal(at(t, "items.0.severity"), "HIGH");
    assert_string_equal(at(t, "items.0.open"), "3");
    expect(t, 200, "GET", "/stats/teams", NULL);
    assert_string_equal(at(t, "items.0.team"), "");
    expect(t, 400, "GET", "/stats/trend?from=yesterday", NULL);
    expect(t, 400, "GET", "/stats/trend?from=2027-01-01&to=2026-01-01", NULL);
    next.who.name = "bob";
    next.who.repositories = mine;
    expect(t, 200, "GET", "/stats/repositories", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 200, "GET", "/stats/trend", NULL);
    assert_string_equal(at(t, "items.29.open.HIGH"), "0");
    next.who = (struct sco_principal){0};
}

static void alerts(void **state)
{
    T;
    static const char *const mine[] = {"https://git.example/mine", NULL};
    struct sco_stored_alert a = {.kind = "sla_breached",
                                 .severity = SCO_SEV_HIGH,
                                 .title = "Late",
                                 .repository = "https://git.example/app",
                                 .created_at = t->w->now};
    char id[37], path[100];
    assert_int_equal(sco_store_alert_add(t->w->s, &a, id, &t->err), 0);
    expect(t, 200, "GET", "/alerts?waiting=true", NULL);
    assert_string_equal(at(t, "items.0.title"), "Late");
    snprintf(path, sizeof path, "/alerts/%s/acknowledge", id);
    expect(t, 200, "POST", path, NULL);
    assert_string_equal(at(t, "acknowledged_by"), "ada@example.com");
    expect(t, 200, "GET", "/alerts?waiting=true", NULL);
    assert_string_equal(at(t, "items"), "0");
    next.who.name = "bob";
    expect(t, 200, "POST", path, NULL);
    assert_string_equal(at(t, "acknowledged_by"), "ada@example.com");
    next.who.repositories = mine;
    expect(t, 404, "POST", path, NULL);
    expect(t, 200, "GET", "/alerts", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 404, "GET", "/alerts/nothing", NULL);
    next.who = (struct sco_principal){0};
}

int main(void)
{
#define C(name) cmocka_unit_test_setup_teardown(name, content_set_up, content_tear_down)
    const struct CMUnitTest tests[] = {
        C(lists),       C(are_overdue), C(one_changes), C(who_is_not_told),
        C(many_change), C(reports),     C(sarif),       C(a_report_of_many_pages),
        C(figures),     C(alerts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
