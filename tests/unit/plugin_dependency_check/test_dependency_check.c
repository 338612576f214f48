/* The Dependency-Check plugin: both report formats, running the program, secrets out of arguments.
 */
#include "plugin_test.h"

#include <secureops/fs.h>

#include <sys/stat.h>
#include <unistd.h>

static const char *data(const char *name)
{
    return plugin_testdata("dependency-check", name);
}

static void test_json(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("report.json"), NULL), 0);
    assert_int_equal(fh->n, 4);
    const struct sco_report_finding *f = finding(0);
    assert_str(f->rule_id, "CVE-2099-1000");
    assert_str(f->title, "CVE-2099-1000 in org.example:example-core 1.2");
    assert_str(f->package_name, "org.example:example-core");
    assert_str(f->package_version, "1.2");
    assert_str(f->ecosystem, "maven");
    assert_str(f->fixed_version, "1.4");
    assert_str(f->file_path, "/app/outer.war/example-core-1.2.jar");
    assert_int_equal(f->severity, SCO_SEV_MEDIUM);
    assert_str(f->cvss_vector, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N");
    assert_int_equal(f->flags, SCO_FINDING_KEV);
    assert_int_equal(f->cwes.n, 2);
    assert_str(f->ids.v[0], "CVE-2099-1000");
    assert_str(f->references.v[0], "https://example.com/1");
    assert_str(f->locations[0].file_path, "/app/copy.jar");
    f = finding(1);
    assert_int_equal(f->severity, SCO_SEV_UNKNOWN);
    assert_str(f->severity_text, "weird");
    assert_true(sco_str_starts(f->cvss_vector, "CVSS:4.0/"));
    f = finding(2);
    assert_int_equal(f->suppressions[0].kind, SCO_SUPPRESS_WAIVER);
    assert_str(f->suppressions[0].reason, "not reachable");
    f = finding(3);
    assert_str(f->package_name, "left");
    assert_str(f->package_version, "1.0");
    assert_str(f->file_path, "/app/package-lock.json");
    const char *why = sco_buf_z(&fh->incompletes);
    assert_has(why, "the index could not be asked; one file could not be read");
    assert_has(why, "1 item of the report was not understood"); /* the one without a name */
    assert_has(sco_buf_z(&fh->tools), "dependency-check 12.1.0");
}

static void test_xml(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("report.xml"), NULL), 0);
    assert_int_equal(fh->n, 3);
    const struct sco_report_finding *f = finding(0);
    assert_str(f->package_name, "org.example:core");
    assert_str(f->package_version, "1.2");
    assert_str(f->cvss_vector, "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H");
    assert_str(f->description, "Never stops & waits.");
    assert_str(fake_meta(fh, 0, "source"), "NVD");
    assert_str(finding(1)->suppressions[0].reason, "only in tests");
    f = finding(2);
    assert_str(f->package_name, "lib");
    assert_str(f->package_version, "2.0");
    assert_str(f->cvss_vector, "AV:N/AC:M/Au:N/C:P/I:N/A:N");
    assert_str(f->cwes.v[0], "CWE-22 Path Traversal");
    assert_has(sco_buf_z(&fh->incompletes), "the index could not be asked");
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"", "empty"},
        {"null", "neither"},
        {"{\"reportSchema\":\"1.1\"}", "no \"dependencies\""},
        {"{\"reportSchema\":\"1.1\",\"dependencies\":null}", "no \"dependencies\""},
        {"{\"reportSchema\":\"1.1\",\"dependencies\":{\"a\":{}}}", "not a list"},
        {"{\"reportSchema\":\"1.1\",\"dependencies\":[", ""},
        {"{\"a\":1}", "neither"},
        {"<html><scanInfo/></html>", "root"},
        {"<analysis><dependencies/></analysis>", "root"},
        {"<analysis><scanInfo/><dependencies><dependency>", ""},
        {"<analysis", ""},
        {"Downloading... {}", ""},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        assert_true(parse_text(cases[i].text) < 0);
        assert_has(fh->error, cases[i].why);
        assert_true(fh->error[0] != 0);
    }
    assert_int_equal(fh->n, 0);
}

static void test_hostile_items_are_counted(void **state)
{
    (void)state;
    assert_int_equal(
        parse_text("{\"scanInfo\":7,\"dependencies\":[7,{\"vulnerabilities\":\"x\"},"
                   "{\"vulnerabilities\":[null,{},{\"name\":[]},{\"name\":\"X-1\",\"cwes\":7,"
                   "\"references\":\"u\",\"cvssv3\":[],\"severity\":{}}]}]}"),
        0);
    assert_int_equal(fh->n, 1);
    assert_has(sco_buf_z(&fh->incompletes), "5 items of the report were not understood");
}

/* ---- running ----------------------------------------------------------------------------------
 */

static struct {
    char arguments[8192];
    char properties[1024];
    mode_t mode;
    int exit_code;
    bool write;
} ran;

static int fake_run(struct fake_host *host, const struct sco_command *c,
                    struct sco_command_result *r, struct sco_errbuf *e)
{
    const char *report = NULL, *properties = NULL;
    size_t n = 0;
    (void)host;
    (void)e;
    for (size_t i = 0; c->argv[i]; i++) {
        n += (size_t)snprintf(ran.arguments + n, sizeof ran.arguments - n, "%s ", c->argv[i]);
        if (strcmp(c->argv[i], "--out") == 0)
            report = c->argv[i + 1];
        if (strcmp(c->argv[i], "--propertyfile") == 0)
            properties = c->argv[i + 1];
    }
    if (properties) {
        struct sco_buf b = {0};
        struct stat st;
        assert_int_equal(sco_fs_read(properties, 1000, &b, NULL), 0);
        snprintf(ran.properties, sizeof ran.properties, "%s", sco_buf_z(&b));
        sco_buf_done(&b);
        stat(properties, &st);
        ran.mode = st.st_mode & 0777;
    }
    r->started_ms = sco_now_ms();
    r->exit_code = ran.exit_code;
    r->err = SCO_STR("some words\n");
    struct sco_buf b = {0};
    if (ran.write && sco_fs_read(data("report.json"), 1 << 20, &b, NULL) == 0)
        assert_int_equal(sco_fs_write(report, sco_buf_str(&b), 0600, NULL), 0);
    sco_buf_done(&b);
    return 0;
}

static int run_with(int exit_code, bool write, bool offline, const char *cache)
{
    char *dir = NULL;
    static const char *const excludes[] = {"vendor/old", NULL};
    assert_int_equal(sco_fs_mkdtemp(NULL, "odc", &dir, NULL), 0);
    memset(&ran, 0, sizeof ran);
    ran.exit_code = exit_code;
    ran.write = write;
    fh->run = fake_run;
    struct sco_job job = {.struct_size = sizeof job,
                          .target_kind = SCO_TARGET_DIRECTORY,
                          .target = "/src",
                          .work_dir = dir,
                          .cache_dir = cache ? cache : dir,
                          .program = "/opt/dependency-check.sh",
                          .excludes = excludes,
                          .offline = offline};
    int r = fh->plugin->scanner->run(fh->ctx, &job, &fh->e);
    sco_fs_remove_tree(dir);
    free(dir);
    return r;
}

static void test_run_keeps_secrets_out_of_arguments(void **state)
{
    (void)state;
    plugin_reopen((const char *const[]){"nvd_api_key", "key 1=2", "ossindex_user", "u@example.com",
                                        "ossindex_password", "pass\\word", "disable",
                                        "oss-index,central", NULL});
    assert_int_equal(run_with(0, true, false, NULL), 0);
    assert_int_equal(fh->n, 4);
    assert_lacks(ran.arguments, "key 1");
    assert_lacks(ran.arguments, "word");
    assert_has(ran.arguments, "--disableOssIndex --disableCentral");
    assert_has(ran.arguments, "--exclude /src/vendor/old/**");
    assert_has(ran.arguments, "--failOnCVSS 11");
    assert_has(ran.properties, "nvd.api.key=key\\ 1\\=2\n");
    assert_has(ran.properties, "analyzer.ossindex.password=pass\\\\word\n");
    assert_int_equal(ran.mode, 0600);
}

static void test_run_exit_statuses(void **state)
{
    (void)state;
    assert_int_equal(run_with(15, true, false, NULL), 0);
    size_t before = fh->n_incomplete;
    assert_int_equal(run_with(14, true, false, NULL), 0);
    assert_true(fh->n_incomplete > before + 1);
    assert_has(sco_buf_z(&fh->incompletes), "exit status 14");
    assert_int_equal(run_with(13, true, false, NULL), SCO_E_TOOL);
    assert_has(fh->error, "fatal error");
    assert_has(fh->error, "some words");
    assert_int_equal(run_with(0, false, false, NULL), SCO_E_TOOL);
    assert_has(fh->error, "wrote no report");
}

static void test_run_offline_needs_a_database(void **state)
{
    (void)state;
    assert_int_equal(run_with(0, true, true, NULL), SCO_E_TOOL);
    assert_has(fh->error, "no vulnerability database");
    char *cache = NULL;
    struct sco_buf path = {0};
    assert_int_equal(sco_fs_mkdtemp(NULL, "odc", &cache, NULL), 0);
    sco_buf_addf(&path, "%s/odc.mv.db", cache);
    assert_int_equal(sco_fs_write(sco_buf_z(&path), SCO_STR("x"), 0600, NULL), 0);
    assert_int_equal(run_with(0, true, true, cache), 0);
    assert_has(ran.arguments, "--noupdate");
    assert_has(ran.arguments, "--disableNodeAudit");
    sco_fs_remove_tree(cache);
    sco_buf_done(&path);
    free(cache);
}

static void test_unknown_analyser(void **state)
{
    (void)state;
    plugin_reopen((const char *const[]){"disable", "nothing", NULL});
    assert_int_equal(run_with(0, true, false, NULL), SCO_E_INVALID);
    assert_has(fh->error, "no analyser is called \"nothing\"");
}

static void test_sniff(void **state)
{
    (void)state;
    assert_int_equal(fake_host_sniff(fh, data("report.json")), 98);
    assert_int_equal(fake_host_sniff(fh, data("report.xml")), 98);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("sarif", "basic.sarif")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plugin_setup, plugin_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_json),
        TEST(test_xml),
        TEST(test_refused),
        TEST(test_hostile_items_are_counted),
        TEST(test_run_keeps_secrets_out_of_arguments),
        TEST(test_run_exit_statuses),
        TEST(test_run_offline_needs_a_database),
        TEST(test_unknown_analyser),
        TEST(test_sniff),
    };
    return cmocka_run_group_tests_name("dependency-check", tests, NULL, NULL);
}
