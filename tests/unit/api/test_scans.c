/* Requests for scans, jobs, what scans left, imports. */
#include "content.h"

#include <secureops/fs.h>
#include <sys/stat.h>
#include <zlib.h>

#define T struct content *t = *state
#define TARGET(location) "{\"target\":{\"location\":\"" location "\"}}"
#define APP "https://git.example.com/team/app"

static const char *job_request(struct content *t, const char *member)
{
    static char path[100];
    snprintf(path, sizeof path, "request.%s", member);
    return at(t, path);
}

static void a_request(void **state)
{
    T;
    expect(t, 202, "POST", "/scans/sast",
           "{\"target\":{\"location\":\"https://Git.Example.com/team/app.git\"},"
           "\"branch\":\"main\",\"scanners\":[\"bandit\",\"semgrep\"],\"skip\":[\"zap\"],"
           "\"fail_on\":\"high\",\"timeout\":\"15m\",\"priority\":7,\"offline\":true,"
           "\"checkout_secret\":\"checkout.git.example.com\"}");
    assert_true(t->c.wake);
    assert_string_equal(at(t, "state"), "queued");
    assert_string_equal(at(t, "kind"), "scan");
    assert_string_equal(at(t, "origin"), "api");
    assert_string_equal(at(t, "scanners"), "bandit,semgrep");
    assert_string_equal(at(t, "revision"), "main");
    assert_string_equal(at(t, "priority"), "7");
    assert_string_equal(at(t, "correlation_id"), "request-1");
    assert_string_equal(job_request(t, "types.0"), "SAST");
    assert_string_equal(job_request(t, "timeout_ms"), "900000");
    assert_string_equal(job_request(t, "offline"), "true");
    assert_string_equal(job_request(t, "target.kind"), "repository");
    char where[80], id[40];
    snprintf(id, sizeof id, "%s", at(t, "id"));
    snprintf(where, sizeof where, "/api/v1/scans/%s", id);
    assert_string_equal(header(t, "Location"), where);
    expect(t, 200, "GET", where + strlen("/api/v1"), NULL);
    assert_string_equal(at(t, "status"), "queued");
    assert_string_equal(at(t, "job.id"), id);
    assert_string_equal(at(t, "scan"), "");
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    assert_string_equal(job_request(t, "types"), ""); /* all of them */
}

static void what_may_not_be_scanned(void **state)
{
    T;
    static const struct {
        const char *body, *says;
        int status;
    } bad[] = {
        {"{\"target\":{}}", "a name, or a location", 400},
        {"{\"target\":{\"location\":\"" APP "\",\"name\":\"x\"}}", "a name, or a location", 400},
        {"{\"target\":{\"name\":\"nobody\"}}", "no target of this name", 400},
        {TARGET("https://user:secret@git.example.com/a"), "credentials", 400},
        {TARGET("https://token@git.example.com/a"), "credentials", 400},
        {TARGET("http://git.example.com/a"), "scheme", 400},
        {TARGET("ext::sh -c id"), "no spaces", 400},
        {TARGET("ext::id"), "expected https", 400},
        {TARGET("ftp://git.example.com/a"), "scheme", 400},
        {TARGET("--upload-pack=id"), "hyphen", 400},
        {TARGET("ssh://-oProxyCommand=id/a"), "option", 400},
        {TARGET("git@-oProxyCommand=id:a"), "expected https", 400},
        {TARGET("https:///a"), "no host", 400},
        {TARGET("https://git.example.com/mine/../a"), "no \"..", 400},
        {TARGET("https://git.example.com/mine/.%2E/a"), "no \"..", 400},
        {TARGET("https://git.example.com/mine/%2e%2e%2fa"), "no \"..", 400},
        {TARGET("https://git.example.com/a?/mine/b"), "no \"..", 400},
        {TARGET("ssh://git@git.example.com/mine/./../a"), "no \"..", 400},
        {TARGET("git@git.example.com:mine/../a"), "no \"..", 400},
        {TARGET("git@git.example.com:../a"), "no \"..", 400},
        {TARGET("relative/folder"), "expected https", 400},
        {TARGET("/etc"), "checkout.folders", 403},
        {TARGET("file:///etc"), "checkout.folders", 403},
        {TARGET("file://host/etc"), "file:///folder", 400},
        {"{\"target\":{\"kind\":\"directory\",\"location\":\"/nowhere\"}}", "checkout.folders",
         403},
        {"{\"target\":{\"kind\":\"directory\",\"location\":\"src\"}}", "absolute", 400},
        {"{\"target\":{\"kind\":\"image\",\"location\":\"a;b\"}}", "image", 400},
        {"{\"target\":{\"kind\":\"url\",\"location\":\"file:///etc/passwd\"}}", "scheme", 400},
        {"{\"target\":{\"kind\":\"house\",\"location\":\"x\"}}", "kind", 400},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        expect(t, bad[i].status, "POST", "/scans/all", bad[i].body);
        says(t, bad[i].says);
    }
    static const char *const members[][2] = {
        {"\"branch\":\"--exec=x\"", "branch"},
        {"\"branch\":\"a..b\"", "branch"},
        {"\"branch\":\"a b\"", "branch"},
        {"\"commit\":\"HEAD\"", "hex"},
        {"\"commit\":\"abc\"", "hex"},
        {"\"scanners\":[\"-x\"]", "/scanners/0"},
        {"\"scanners\":[\"a\",\"b,c\"]", "/scanners/1"},
        {"\"fail_on\":\"awful\"", "fail_on"},
        {"\"timeout\":\"10\"", "timeout"},
        {"\"timeout\":\"48h\"", "timeout"},
        {"\"priority\":10", "priority"},
        {"\"deadline\":\"2001-01-01\"", "deadline"},
        {"\"checkout_secret\":\"smtp\"", "checkout.git.example.com"},
        {"\"checkout_secret\":\"checkout.git.example.community\"", "checkout.git.example.com"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(members); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "{\"target\":{\"location\":\"" APP "\"},%s}", members[i][0]);
        expect(t, 400, "POST", "/scans/all", sco_buf_z(&b));
        says(t, members[i][1]);
    }
    expect(t, 200, "GET", "/jobs", NULL);
    assert_string_equal(at(t, "items"), "0"); /* nothing of it was queued */
}

static void scanners_that_there_are(void **state)
{
    T;
    t->run_output = "{\"plugins\":[{\"name\":\"bandit\"},{\"name\":\"zap\"}]}";
    expect(t, 202, "POST", "/scans/all",
           "{\"target\":{\"location\":\"" APP "\"},\"scanners\":[\"zap\"],\"skip\":[\"bandit\"]}");
    expect(t, 400, "POST", "/scans/all",
           "{\"target\":{\"location\":\"" APP "\"},\"scanners\":[\"zap\",\"bandid\"]}");
    says(t, "/scanners/1");
    says(t, "did you mean \"bandit\"?");
    t->run_output = "nonsense"; /* nobody knows: the job will tell */
    expect(t, 202, "POST", "/scans/all",
           "{\"target\":{\"location\":\"" APP "\"},\"scanners\":[\"bandid\"]}");
}

static void hosts(void **state)
{
    T;
    static const char *const rules[] = {"git.example.com", "*.good.example", NULL};
    t->o.checkout_hosts = rules;
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    expect(t, 202, "POST", "/scans/all", TARGET("ssh://git@GIT.example.com/a"));
    expect(t, 202, "POST", "/scans/all", TARGET("git@x.good.example:team/app.git"));
    expect(t, 403, "POST", "/scans/all", TARGET("https://other.example/a"));
    says(t, "checkout.hosts");
    expect(t, 403, "POST", "/scans/all", TARGET("git@other.example:a"));
    expect(t, 403, "POST", "/scans/all", TARGET("https://git.example.com.evil.example/a"));
    expect(t, 403, "POST", "/scans/dast",
           "{\"target\":{\"kind\":\"url\",\"location\":\"http://169.254.169.254/\"}}");
}

static void folders(void **state)
{
    T;
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, link = {0};
    sco_buf_addf(&b, TARGET("%s"), t->folder);
    expect(t, 202, "POST", "/scans/all", sco_buf_z(&b));
    assert_string_equal(at(t, "target"), t->folder);
    assert_string_equal(at(t, "only_node"), "node-1"); /* so that one sees whom it waits for */
    struct sco_job_page p = {0};
    assert_int_equal(sco_store_job(t->w->s, at(t, "id"), &p, &t->err), 0);
    assert_string_equal(p.v[0].request.only_node, "node-1"); /* its files are here */
    sco_job_page_done(&p);
    /* A link in the folder leads nowhere else. */
    sco_buf_addf(&link, "%s/out", t->folder);
    assert_int_equal(symlink("/etc", sco_buf_z(&link)), 0);
    sco_buf_clear(&b);
    sco_buf_addf(&b, TARGET("%s"), sco_buf_z(&link));
    expect(t, 403, "POST", "/scans/all", sco_buf_z(&b));
    sco_buf_clear(&b);
    sco_buf_addf(&b, TARGET("%s/../.."), t->folder);
    expect(t, 403, "POST", "/scans/all", sco_buf_z(&b));
    sco_buf_clear(&b);
    sco_buf_clear(&link);
    sco_buf_addf(&link, "%sx", t->folder); /* begins with its name */
    assert_int_equal(mkdir(sco_buf_z(&link), 0700), 0);
    sco_buf_clear(&b);
    sco_buf_addf(&b, TARGET("%s"), sco_buf_z(&link));
    expect(t, 403, "POST", "/scans/all", sco_buf_z(&b));
    t->o.checkout_folders = NULL;
    sco_buf_clear(&b);
    sco_buf_addf(&b, TARGET("%s"), t->folder);
    expect(t, 403, "POST", "/scans/all", sco_buf_z(&b));
}

static void the_same_key_again(void **state)
{
    T;
    char id[40];
    next.idempotency_key = "k";
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    snprintf(id, sizeof id, "%s", at(t, "id"));
    next.idempotency_key = "k";
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    assert_string_equal(at(t, "id"), id);
    assert_false(t->c.wake);
    next.idempotency_key = "k";
    next.who.name = "bob";
    snprintf(next.who.user_id, sizeof next.who.user_id, "bob");
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    assert_string_not_equal(at(t, "id"), id);
    snprintf(id, sizeof id, "%s", at(t, "id")); /* two of an issuer, who have no account here */
    next.who.user_id[0] = 0;
    next.who.name = "oidc:eve";
    next.idempotency_key = "k";
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    assert_string_not_equal(at(t, "id"), id);
    snprintf(id, sizeof id, "%s", at(t, "id"));
    next.who.name = "oidc:ida";
    next.idempotency_key = "k";
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    assert_string_not_equal(at(t, "id"), id);
}

static void what_others_may_not_see(void **state)
{
    T;
    static const char *const mine[] = {"https://git.example.com/mine/*", NULL};
    char path[80];
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    snprintf(path, sizeof path, "/jobs/%s", at(t, "id"));
    next.who.name = "bob";
    next.who.user_id[0] = 0;
    next.who.repositories = mine;
    expect(t, 404, "GET", path, NULL);
    says(t, "there is no job");
    snprintf(path, sizeof path, "/scans/%s", strrchr(t->c.path, '/') + 1);
    expect(t, 404, "GET", path, NULL);
    char cancel[100];
    snprintf(cancel, sizeof cancel, "%s/cancel", path);
    expect(t, 404, "POST", cancel, NULL);
    expect(t, 200, "GET", "/jobs", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 403, "POST", "/scans/all", TARGET(APP));
    says(t, "scope");
    expect(t, 202, "POST", "/scans/all", TARGET("https://git.example.com/mine/app"));
    expect(t, 200, "GET", "/jobs", NULL);
    assert_string_equal(at(t, "items"), "1");
    next.body_file = "/nowhere";
    expect(t, 403, "POST", "/imports?repository=" APP, NULL);
    expect(t, 404, "GET", "/scans/nonsense", NULL);
    next.who = (struct sco_principal){0};
}

static void cancel_and_retry(void **state)
{
    T;
    char path[80], cancel[100], retry[100];
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    snprintf(path, sizeof path, "/scans/%s", at(t, "id"));
    snprintf(cancel, sizeof cancel, "%s/cancel", path);
    snprintf(retry, sizeof retry, "%s/retry", path);
    expect(t, 409, "POST", retry, NULL);
    expect(t, 200, "POST", cancel, NULL);
    assert_string_equal(at(t, "state"), "cancelled");
    expect(t, 409, "POST", cancel, NULL);
    expect(t, 200, "GET", "/jobs?state=cancelled,failed", NULL);
    assert_string_equal(at(t, "items"), "1");
    expect(t, 200, "GET", "/jobs?state=queued", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 400, "GET", "/jobs?state=lost", NULL);
    expect(t, 202, "POST", retry, NULL);
    assert_string_equal(at(t, "state"), "queued");
    assert_true(t->c.wake);
}

static const char *upload(struct content *t, const char *text)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/upload", t->w->dir);
    assert_int_equal(sco_fs_write(path, sco_str_c(text), 0600, &t->err), 0);
    return path;
}

static void imports(void **state)
{
    T;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf report = {0};
    const struct sco_node *q = NULL;
    next.body_file = upload(t, "a report");
    expect(t, 202, "POST", "/imports?repository=" APP "&branch=main&scanner=sarif", NULL);
    assert_true(t->c.body_file_taken);
    assert_string_equal(at(t, "kind"), "import");
    assert_string_equal(at(t, "target"), APP);
    assert_null(strstr(reply(t), t->w->dir)); /* where it is is nobody's business */
    struct sco_job_page p = {0};
    assert_int_equal(sco_store_job(t->w->s, at(t, "id"), &p, &t->err), 0);
    assert_string_equal(p.v[0].request.only_node, "node-1");
    assert_int_equal(sco_json_parse(sco_str_c(p.v[0].request.request), &arena, &q, &t->err), 0);
    const char *file = sco_text(sco_get(q, "file")).p;
    assert_non_null(strstr(file, "/import-"));
    assert_int_equal(sco_fs_read(file, 100, &report, &t->err), 0);
    assert_string_equal(sco_buf_z(&report), "a report");
    sco_job_page_done(&p);
    next.body_file = upload(t, "another"); /* does not take the place of the first */
    expect(t, 202, "POST", "/imports?repository=" APP "&branch=main&scanner=sarif", NULL);
    expect(t, 200, "GET", "/jobs?state=queued", NULL);
    assert_string_equal(at(t, "items"), "2");
    static const char *const bad[] = {"?branch=main", "?repository=a&branch=--x", "?repository=-a",
                                      "?repository=a&scope=-x"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        char path[100];
        snprintf(path, sizeof path, "/imports%s", bad[i]);
        next.body_file = upload(t, "x");
        expect(t, 400, "POST", path, NULL);
        assert_false(t->c.body_file_taken);
    }
    expect(t, 400, "POST", "/imports?repository=a", NULL);
}

/* ---- what a scan left ---- */
static void add_artifact(struct content *t, const char *scan, const char *name, const char *text)
{
    uint8_t packed[4096];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                  .avail_in = (uInt)strlen(text),
                  .next_out = packed,
                  .avail_out = sizeof packed};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(sco_store_artifact_add(t->w->s, scan, name, "application/json", true,
                                            sco_str_make((char *)packed, z.total_out), t->w->now,
                                            &t->err),
                     0);
    deflateEnd(&z);
}

static void results(void **state)
{
    T;
    char id[40], path[100];
    struct sco_scan *s = scan_new(t->w);
    scan_run(s, "semgrep", SCO_RUN_STATUS_COMPLETED);
    scan_add(s, 1, "semgrep");
    snprintf(id, sizeof id, "%s", s->id);
    save_is(t->w, s, .created = 1);
    add_artifact(t, id, "report.json",
                 "{\"version\":\"1\",\"scan\":{},\"scanners\":[{\"findings\":9}],\"findings\":"
                 "[{\"n\":1},{\"n\":2},{\"n\":3}],\"summary\":{}}");
    snprintf(path, sizeof path, "/scans/%s", id);
    expect(t, 200, "GET", path, NULL);
    assert_string_equal(at(t, "scan.repository"), "https://git.example/app");
    assert_string_equal(at(t, "scan.scanners.0.name"), "semgrep");
    assert_string_equal(at(t, "job"), "");
    snprintf(path, sizeof path, "/scans/%s/report", id);
    expect(t, 200, "GET", path, NULL);
    assert_string_equal(at(t, "version"), "1");
    assert_string_equal(header(t, "Content-Encoding"), "");
    send_header("Accept-Encoding", "br, gzip");
    expect(t, 200, "GET", path, NULL);
    assert_string_equal(header(t, "Content-Encoding"), "gzip");
    assert_memory_equal(reply(t), "\x1f\x8b", 2); /* as it is kept */
    send_header("Accept-Encoding", "gzip;q=0");
    expect(t, 200, "GET", path, NULL);
    assert_string_equal(header(t, "Content-Encoding"), "");
    snprintf(path, sizeof path, "/scans/%s/findings?limit=2", id);
    expect(t, 200, "GET", path, NULL);
    assert_string_equal(at(t, "items.1.n"), "2");
    assert_string_equal(at(t, "next_cursor"), "2");
    snprintf(path, sizeof path, "/scans/%s/findings?limit=2&cursor=2", id);
    expect(t, 200, "GET", path, NULL);
    assert_string_equal(at(t, "items"), "1");
    assert_string_equal(at(t, "items.0.n"), "3");
    assert_string_equal(at(t, "next_cursor"), "");
    snprintf(path, sizeof path, "/scans/%s/findings?cursor=x", id);
    expect(t, 400, "GET", path, NULL);
    snprintf(path, sizeof path, "/scans/%s/sarif", id);
    expect(t, 404, "GET", path, NULL);
    says(t, "report.sarif");
    expect(t, 200, "GET", "/scans", NULL);
    assert_string_equal(at(t, "items"), "1");
    expect(t, 202, "POST", "/scans/all", TARGET(APP));
    snprintf(path, sizeof path, "/scans/%s/report", at(t, "id"));
    expect(t, 404, "GET", path, NULL);
    says(t, "queued");
}

static void a_damaged_report(void **state)
{
    T;
    char id[40], path[100];
    struct sco_scan *s = scan_new(t->w);
    scan_run(s, "semgrep", SCO_RUN_STATUS_COMPLETED);
    snprintf(id, sizeof id, "%s", s->id);
    save_is(t->w, s, 0);
    static const char *const names[] = {"report.json", "report.sarif"};
    static const char *const bytes[] = {"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab", "no gzip at all"};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sco_store_artifact_add(t->w->s, id, names[i], "application/json", true,
                                                sco_str_make(bytes[i], 11), t->w->now, &t->err),
                         0);
    snprintf(path, sizeof path, "/scans/%s/report", id);
    expect(t, 500, "GET", path, NULL);
    says(t, "is cut");
    snprintf(path, sizeof path, "/scans/%s/sarif", id);
    expect(t, 500, "GET", path, NULL);
    says(t, "damaged");
}

int main(void)
{
#define C(name) cmocka_unit_test_setup_teardown(name, content_set_up, content_tear_down)
    const struct CMUnitTest tests[] = {C(a_request),
                                       C(what_may_not_be_scanned),
                                       C(scanners_that_there_are),
                                       C(hosts),
                                       C(folders),
                                       C(the_same_key_again),
                                       C(what_others_may_not_see),
                                       C(cancel_and_retry),
                                       C(imports),
                                       C(results),
                                       C(a_damaged_report)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
