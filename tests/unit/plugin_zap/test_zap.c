/* The ZAP plugin: both report formats, the API against canned answers, the automation plan. */
#include "plugin_test.h"

#include "../../../plugins/common/html.h"

#include <secureops/fs.h>

#include <unistd.h>

static const char *data(const char *name)
{
    return plugin_testdata("zap", name);
}

/* ---- reports ----------------------------------------------------------------------------------
 */

static void test_json(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("report.json"), NULL), 0);
    assert_int_equal(fh->n, 2);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_DAST);
    assert_str(f->rule_id, "40012-1");
    assert_str(f->title, "Cross Site Scripting (Reflected)");
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_str(f->description, "The page repeats <script> input.\n\n- one\n- two & three");
    assert_str(f->remediation, "Encode what comes from outside.");
    assert_str(f->resource, "http://127.0.0.1:8080");
    assert_int_equal(f->n_locations, 2);
    assert_str(f->locations[0].resource, "GET http://127.0.0.1:8080/search");
    assert_str(f->locations[1].resource, "POST http://127.0.0.1:8080/find");
    assert_str(f->cwes.v[0], "79");
    assert_int_equal(f->references.n, 2);
    assert_str(f->references.v[0], "https://example.com/a?b=1&c=2");
    assert_str(fake_meta(fh, 0, "parameters"), "q, text");
    assert_str(fake_meta(fh, 0, "confidence"), "Medium");
    assert_int_equal(fake_meta(fh, 0, "evidence").n, 0);
    f = finding(1);
    assert_int_equal(f->severity, SCO_SEV_UNKNOWN);
    assert_int_equal(f->flags, SCO_FINDING_FALSE_POSITIVE);
    assert_int_equal(f->cwes.n, 0);
    assert_has(sco_buf_z(&fh->incompletes), "1 item of the report was not understood");
    assert_has(sco_buf_z(&fh->logs), "insight: Percentage of answers");
    assert_has(sco_buf_z(&fh->tools), "ZAP 2.17.0");
}

static void test_separate_and_evidence(void **state)
{
    (void)state;
    plugin_reopen((const char *const[]){"instances", "separate", "evidence", "true", NULL});
    assert_int_equal(fake_host_parse(fh, data("report.json"), NULL), 0);
    assert_int_equal(fh->n, 3);
    assert_str(finding(0)->resource, "GET http://127.0.0.1:8080/search");
    assert_str(finding(0)->parameter, "q");
    assert_str(fake_meta(fh, 0, "evidence"), "session-0001");
    assert_str(finding(1)->parameter, "text");
    assert_str(finding(2)->resource, "http://127.0.0.1:8080"); /* it has no instances */
}

static void test_xml(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("report.xml"), NULL), 0);
    assert_int_equal(fh->n, 1);
    assert_str(finding(0)->description, "The answer does not protect.");
    assert_str(finding(0)->resource, "http://127.0.0.1:8080");
    assert_int_equal(finding(0)->n_locations, 2);
    assert_str(finding(0)->locations[0].resource, "GET http://127.0.0.1:8080/a");
    assert_has(sco_buf_z(&fh->tools), "ZAP 2.16.1");
}

static void test_nothing_reached_is_incomplete(void **state)
{
    (void)state;
    assert_int_equal(parse_text("{\"@version\":\"2\",\"site\":[]}"), SCO_RUN_INCOMPLETE);
    assert_has(fh->error, "no site");
    assert_int_equal(parse_text("<OWASPZAPReport version=\"2\"></OWASPZAPReport>"),
                     SCO_RUN_INCOMPLETE);
    assert_int_equal(parse_text("<OWASPZAPReport version=\"2\"><site name=\"http://a\"/>"
                                "</OWASPZAPReport>"),
                     0);
    assert_int_equal(parse_text("{\"site\":[{\"@name\":\"http://a\",\"alerts\":[]}]}"), 0);
    assert_int_equal(fh->n_incomplete, 0);
}

static void test_refused(void **state)
{
    static const char *const cases[] = {"",
                                        "null",
                                        "[]",
                                        "{}",
                                        "{\"site\":7}",
                                        "{\"site\":[{\"alerts\":[",
                                        "{\"site\":[{\"@name\":\"x\",\"alerts\":{\"a\":1}}]}",
                                        "<html/>",
                                        "<OWASPZAPReport><site><alertitem>",
                                        "ZAP started\n{\"site\":[]}"};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        assert_true(parse_text(cases[i]) < 0);
        assert_true(fh->error[0] != 0);
    }
    assert_int_equal(fh->n, 0);
}

static void test_hostile_alerts_are_counted(void **state)
{
    (void)state;
    assert_int_equal(parse_text("{\"site\":[7,{\"alerts\":null},{\"@name\":\"no url\",\"alerts\":"
                                "[null,{\"pluginid\":1,\"name\":\"n\",\"riskcode\":[],"
                                "\"instances\":[7,{\"uri\":5}]}]}]}"),
                     0);
    assert_int_equal(fh->n, 1);
    assert_has(sco_buf_z(&fh->incompletes), "3 items");
}

/* ---- HTML -------------------------------------------------------------------------------------
 */

static void test_html(void **state)
{
    static const struct {
        const char *html, *text;
    } cases[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"<p>a</p><p>b</p>", "a\n\nb"},
        {"a<br>b<br/>c", "a\nb\nc"},
        {"  a \n  b  ", "a b"},
        {"1 < 2 > 0 && <b>bold</b>", "1 < 2 > 0 && bold"},
        {"&lt;script&gt; &#65;&#x42; &unknown; & &#0;", "<script> AB &unknown; & \xef\xbf\xbd"},
        {"<pre>a\n  b</pre>c", "a\n  b\nc"},
        {"<!-- hidden --><ul><li>x<li>y</ul>z", "- x\n- y\nz"},
        {"cut <b", "cut <b"},
        {"cut <!-- never ends", "cut"},
        {"&#x1F600;&hellip;", "\xf0\x9f\x98\x80\xe2\x80\xa6"},
        {"<table><tr><td>a</td><td>b</td></tr></table>", "a b"},
        {"</p></p></p>", ""},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++)
        assert_str(html_text(&fh->h, sco_str_c(cases[i].html)), cases[i].text);
}

/* ---- API --------------------------------------------------------------------------------------
 */

static struct {
    char log[65536];
    size_t n;
    int status; /* of accessUrl */
    int spider_asked, spider_done_after;
    int alerts;  /* how many there are */
    int claimed; /* how many ZAP says there are */
    const char *headers;
    char *dir;
    int files;
} api;

static int answer(struct sco_http_response *r, int status, const char *body)
{
    struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/%d", api.dir, ++api.files);
    assert_int_equal(sco_fs_write(sco_buf_z(&path), sco_str_c(body), 0600, NULL), 0);
    r->status = status;
    r->body_path = sco_arena_cstr(&fh->arena, sco_buf_str(&path));
    sco_buf_done(&path);
    return 0;
}

static int alerts_page(struct sco_http_response *r, const char *url)
{
    struct sco_buf b = {0};
    const char *at = strstr(url, "start=");
    int from = at ? (int)strtol(at + 6, NULL, 10) : 0;
    sco_buf_addz(&b, "{\"alerts\":[");
    for (int i = from; i < api.alerts && i < from + 500; i++)
        sco_buf_addf(&b,
                     "%s{\"id\":\"%d\",\"pluginId\":\"1001%d\",\"alertRef\":\"1001%d\","
                     "\"name\":\"Alert %d\",\"risk\":\"Low\",\"confidence\":\"High\","
                     "\"url\":\"http://127.0.0.1:9/p%d?x=1\",\"method\":\"GET\",\"param\":\"p\","
                     "\"cweid\":\"79\",\"reference\":\"https://example.com/1\"}",
                     i > from ? "," : "", i, i % 3, i % 3, i % 3, i);
    sco_buf_addz(&b, "]}");
    int rc = answer(r, 200, sco_buf_z(&b));
    sco_buf_done(&b);
    return rc;
}

static int fake_http(struct fake_host *host, const struct sco_http_request *q,
                     struct sco_http_response *r, struct sco_errbuf *e)
{
    char text[256];
    (void)host;
    (void)e;
    api.n += (size_t)snprintf(api.log + api.n, sizeof api.log - api.n, "%s\n", q->url);
    api.headers = q->headers && q->headers[0] ? q->headers[0] : "";
    assert_null(strstr(q->url, "the-key"));
    if (strstr(q->url, "/core/view/version"))
        return answer(r, 200, "{\"version\":\"2.16.1\"}");
    if (strstr(q->url, "/core/action/accessUrl"))
        return answer(r, api.status, "{\"code\":\"url_not_found\",\"message\":\"URL not found\"}");
    if (strstr(q->url, "/spider/view/status"))
        return answer(r, 200,
                      ++api.spider_asked > api.spider_done_after ? "{\"status\":\"100\"}"
                                                                 : "{\"status\":\"40\"}");
    if (strstr(q->url, "/ascan/view/status"))
        return answer(r, 200, "{\"status\":\"100\"}");
    if (strstr(q->url, "action/scan"))
        return answer(r, 200, "{\"scan\":\"0\"}");
    if (strstr(q->url, "recordsToScan"))
        return answer(r, 200, "{\"recordsToScan\":\"0\"}");
    if (strstr(q->url, "numberOfAlerts")) {
        snprintf(text, sizeof text, "{\"numberOfAlerts\":\"%d\"}",
                 api.claimed ? api.claimed : api.alerts);
        return answer(r, 200, text);
    }
    if (strstr(q->url, "/alert/view/alerts"))
        return alerts_page(r, q->url);
    return answer(r, 200, "{\"Result\":\"OK\"}");
}

static int scan(const char *const *options, bool offline, const char *target)
{
    plugin_reopen(options);
    fh->http = fake_http;
    struct sco_job job = {.struct_size = sizeof job,
                          .target_kind = SCO_TARGET_URL,
                          .target = target,
                          .work_dir = api.dir,
                          .cache_dir = api.dir,
                          .offline = offline,
                          .timeout_ms = 60000};
    return fh->plugin->scanner->run(fh->ctx, &job, &fh->e);
}

static int api_setup(void **state)
{
    memset(&api, 0, sizeof api);
    api.status = 200;
    if (sco_fs_mkdtemp(NULL, "zap", &api.dir, NULL) < 0)
        return -1;
    return plugin_setup(state);
}

static int api_teardown(void **state)
{
    sco_fs_remove_tree(api.dir);
    free(api.dir);
    return plugin_teardown(state);
}

#define WITH_API "url", "http://127.0.0.1:8090/", "api_key", "the-key", "poll_interval", "10ms"

static void test_api(void **state)
{
    (void)state;
    api.alerts = 1201;
    api.spider_done_after = 2;
    const char *const options[] = {WITH_API, NULL};
    assert_int_equal(scan(options, false, "http://127.0.0.1:9/"), 0);
    assert_string_equal(api.headers, "X-ZAP-API-Key: the-key");
    assert_has(api.log, "/spider/action/scan/?url=http%3A%2F%2F127.0.0.1%3A9%2F&recurse=true");
    assert_has(api.log, "start=0&count=500");
    assert_has(api.log, "start=1000&count=500");
    assert_lacks(api.log, "start=1500");
    assert_lacks(api.log, "ascan");
    assert_int_equal(api.spider_asked, 3);
    assert_int_equal(fh->n, 3); /* three kinds, one site */
    assert_str(finding(0)->resource, "http://127.0.0.1:9");
    assert_int_equal(finding(0)->n_locations, 401);
    assert_str(finding(0)->locations[1].resource, "GET http://127.0.0.1:9/p3");
    assert_int_equal(finding(0)->severity, SCO_SEV_LOW);
    assert_int_equal(fh->n_incomplete, 0);
    assert_has(sco_buf_z(&fh->tools), "ZAP 2.16.1");
    assert_int_equal(sco_fs_remove_tree(api.dir), 0);
}

static void test_api_active_and_limits(void **state)
{
    (void)state;
    api.alerts = 1;
    api.claimed = 9;
    api.spider_done_after = 1000000;
    const char *const options[] = {WITH_API,    "active",       "true", "scan_policy",
                                   "My Policy", "max_duration", "50ms", NULL};
    assert_int_equal(scan(options, true, "http://localhost:9/"), 0);
    assert_has(api.log, "/ascan/action/scan/?url=http%3A%2F%2Flocalhost%3A9%2F&recurse=true&"
                        "scanPolicyName=My%20Policy");
    assert_has(api.log, "/spider/action/stop/?scanId=0");
    const char *why = sco_buf_z(&fh->incompletes);
    assert_has(why, "the spider was stopped");
    assert_has(why, "fewer alerts");
    assert_int_equal(fh->n, 1);
}

static void test_api_target_not_reached(void **state)
{
    (void)state;
    api.status = 400;
    const char *const options[] = {WITH_API, NULL};
    assert_int_equal(scan(options, false, "http://127.0.0.1:9/"), SCO_E_NETWORK);
    assert_has(fh->error, "reaching the target: HTTP status 400: URL not found");
    api.status = 403;
    assert_int_equal(scan(options, false, "http://127.0.0.1:9/"), SCO_E_PERMISSION);
    assert_lacks(fh->error, "the-key");
}

static void test_targets_refused(void **state)
{
    (void)state;
    const char *const options[] = {WITH_API, NULL};
    assert_int_equal(scan(options, true, "http://example.com/"), SCO_RUN_SKIPPED);
    assert_int_equal(scan(options, true, "http://127.example.com/"), SCO_RUN_SKIPPED);
    assert_int_equal(scan(options, true, "http://localhost.example.com/"), SCO_RUN_SKIPPED);
    assert_int_equal(scan(options, false, "file:///etc/passwd"), SCO_E_INVALID);
    assert_int_equal(api.n, 0);
}

static void test_cancelled(void **state)
{
    (void)state;
    api.spider_done_after = 1000;
    const char *const options[] = {WITH_API, NULL};
    plugin_reopen(options);
    fh->http = fake_http;
    fh->cancelled = 1;
    struct sco_job job = {
        .struct_size = sizeof job, .target = "http://127.0.0.1:9/", .work_dir = api.dir};
    assert_int_equal(fh->plugin->scanner->run(fh->ctx, &job, &fh->e), SCO_E_CANCELLED);
    assert_has(api.log, "/spider/action/stop/");
}

/* ---- plan -------------------------------------------------------------------------------------
 */

static struct {
    int exit_code;
    bool write;
    char arguments[4096];
    char plan[4096];
} ran;

static int fake_run(struct fake_host *host, const struct sco_command *c,
                    struct sco_command_result *r, struct sco_errbuf *e)
{
    size_t n = 0;
    (void)host;
    if (strcmp(c->argv[0], "missing") == 0)
        return sco_errf(e, SCO_E_NOT_FOUND, "no such program");
    for (size_t i = 0; c->argv[i]; i++) {
        struct sco_buf plan = {0};
        n += (size_t)snprintf(ran.arguments + n, sizeof ran.arguments - n, "%s ", c->argv[i]);
        if (strcmp(c->argv[i], "-autorun") == 0 &&
            sco_fs_read(c->argv[i + 1], 4000, &plan, NULL) == 0)
            snprintf(ran.plan, sizeof ran.plan, "%s", sco_buf_z(&plan));
        sco_buf_done(&plan);
    }
    r->started_ms = sco_now_ms();
    r->exit_code = ran.exit_code;
    r->out = SCO_STR("Job spider failed\n");
    if (ran.write) {
        char path[4096];
        struct sco_buf report = {0};
        snprintf(path, sizeof path, "%s/zap-report.json", api.dir);
        assert_int_equal(sco_fs_read(data("report.json"), 1 << 20, &report, NULL), 0);
        assert_int_equal(sco_fs_write(path, sco_buf_str(&report), 0600, NULL), 0);
        sco_buf_done(&report);
    }
    return 0;
}

static int run_plan(int exit_code, bool write, const char *const *options)
{
    ran.exit_code = exit_code;
    ran.write = write;
    sco_fs_remove_tree(api.dir); /* each run has a work folder of its own */
    assert_int_equal(sco_fs_mkdirs(api.dir, 0700, NULL), 0);
    plugin_reopen(options);
    fh->run = fake_run;
    struct sco_job job = {.struct_size = sizeof job,
                          .target_kind = SCO_TARGET_URL,
                          .target = "http://127.0.0.1:8080/a\"b\\",
                          .work_dir = api.dir,
                          .timeout_ms = 3600000};
    return fh->plugin->scanner->run(fh->ctx, &job, &fh->e);
}

static void test_plan(void **state)
{
    (void)state;
    const char *const options[] = {"active", "true", "scan_policy", "Light", NULL};
    assert_int_equal(run_plan(0, true, options), 0);
    assert_int_equal(fh->n, 2);
    assert_has(ran.arguments, "zap.sh -cmd -silent -dir ");
    assert_has(ran.plan, "- \"http://127.0.0.1:8080/a\\\"b\\\\\"\n");
    assert_has(ran.plan, "  - type: activeScan\n");
    assert_has(ran.plan, "policy: \"Light\"");
    assert_has(ran.plan, "maxDuration: 30\n");
    assert_int_equal(run_plan(1, true, options), 0);
    assert_has(sco_buf_z(&fh->incompletes), "the automation plan had errors: Job spider failed");
    assert_int_equal(run_plan(2, true, options), 0);
    assert_has(sco_buf_z(&fh->logs), "the automation plan had warnings");
    assert_int_equal(run_plan(1, false, options), SCO_E_TOOL);
    assert_int_equal(run_plan(0, false, options), SCO_E_TOOL);
    assert_has(fh->error, "wrote no report");
    const char *const missing[] = {"program", "missing", NULL};
    assert_int_equal(run_plan(0, true, missing), SCO_E_NOT_FOUND);
    assert_has(fh->error, "set `url`");
}

static void test_sniff(void **state)
{
    (void)state;
    assert_int_equal(fake_host_sniff(fh, data("report.json")), 99);
    assert_int_equal(fake_host_sniff(fh, data("report.xml")), 99);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("sarif", "basic.sarif")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plugin_setup, plugin_teardown)
#define API_TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_json),
        TEST(test_separate_and_evidence),
        TEST(test_xml),
        TEST(test_nothing_reached_is_incomplete),
        TEST(test_refused),
        TEST(test_hostile_alerts_are_counted),
        TEST(test_html),
        API_TEST(test_api),
        API_TEST(test_api_active_and_limits),
        API_TEST(test_api_target_not_reached),
        API_TEST(test_targets_refused),
        API_TEST(test_cancelled),
        API_TEST(test_plan),
        TEST(test_sniff),
    };
    return cmocka_run_group_tests_name("zap", tests, NULL, NULL);
}
