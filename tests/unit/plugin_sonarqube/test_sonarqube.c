/* The SonarQube plugin: saved answers, reports and archives. The web API is tested through the
 * worker, in tests/integration. */
#include "plugin_test.h"

#include "../../../plugins/scanners/sonarqube/sonar_priv.h"

#include <secureops/fs.h>

static const char *data(const char *name)
{
    return plugin_testdata("sonarqube", name);
}

static void test_issues(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("issues.json"), NULL), 0);
    assert_int_equal(fh->n, 4);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SAST);
    assert_int_equal(f->severity, SCO_SEV_CRITICAL);
    assert_str(f->rule_id, "java:S2068");
    assert_str(f->title, "Remove this hard-coded password.");
    assert_str(f->file_path, "src/main/java/A.java");
    assert_int_equal(f->line, 12);
    assert_int_equal(f->end_line, 13);
    assert_int_equal(f->column, 5);
    assert_int_equal(f->end_column, 10);
    assert_str(f->stable_id, "0123456789abcdef0123456789abcdef");
    assert_str(f->cwes.v[0], "798");
    f = finding(1);
    assert_int_equal(f->type, SCO_TYPE_QUALITY);
    assert_int_equal(f->severity, SCO_SEV_MEDIUM);
    assert_str(f->file_path, "src/B.java");
    assert_str(f->stable_id, "AX2");
    f = finding(2);
    assert_int_equal(f->type, SCO_TYPE_SCA);
    assert_str(f->package_name, "org.example:lib");
    assert_str(f->package_version, "1.2");
    assert_int_equal(f->ids.n, 2);
    assert_str(f->ids.v[0], "CVE-2099-1");
    assert_str(f->ids.v[1], "GHSA-aaaa-bbbb-cccc");
    assert_true(f->cvss_score > 7.49 && f->cvss_score < 7.51);
    assert_int_equal(f->cwes.n, 1);
    assert_str(f->cwes.v[0], "CWE-502");
    assert_int_equal(f->file_path.n, 0);
    assert_str(f->resource, "org.example:app");
    assert_int_equal(finding(3)->severity, SCO_SEV_LOW); /* the impact on security counts */
    assert_has(sco_buf_z(&fh->logs), "2 issues that are resolved, accepted or false positives");
    assert_int_equal(fh->n_incomplete, 0);
}

static void test_resolved(void **state)
{
    (void)state;
    plugin_reopen((const char *const[]){"resolved", "true", NULL});
    assert_int_equal(fake_host_parse(fh, data("issues.json"), NULL), 0);
    assert_int_equal(fh->n, 6);
    assert_int_equal(finding(3)->flags, SCO_FINDING_FALSE_POSITIVE);
    assert_str(finding(4)->suppressions[0].reason, "accepted in SonarQube");
}

static void test_hotspots(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("hotspots.json"), NULL), 0);
    assert_int_equal(fh->n, 2); /* safe is over, acknowledged is not */
    const struct sco_report_finding *f = finding(0);
    assert_str(f->rule_id, "python:S4502");
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_str(f->file_path, "src/a.py");
    assert_str(finding(1)->rule_id, "auth");
    assert_str(fake_meta(fh, 1, "resolution"), "ACKNOWLEDGED");
    assert_has(sco_buf_z(&fh->incompletes), "this page has 3 of 250");
}

static void check_report(const struct sco_report_finding *f, const char *cwe)
{
    assert_str(f->cwes.v[0], cwe);
    assert_int_equal(f->references.n, 1);
}

static void test_report_json(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("report.json"), NULL), 0);
    assert_int_equal(fh->n, 2);
    const struct sco_report_finding *f = finding(0);
    check_report(f, "352");
    assert_str(f->title, "Disabling CSRF protections is security-sensitive");
    assert_str(f->description, "An attacker may force users.\n\n- CWE-352");
    assert_str(f->remediation, "Make sure it is safe here.");
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_int_equal(f->line, 8);
    assert_str(fake_meta(fh, 0, "key"), "K1");
    assert_str(finding(1)->description, "Look at it.");
    assert_str(finding(1)->stable_id, "K2"); /* it has no line */
}

static void test_report_html(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("report.html"), NULL), 0);
    assert_int_equal(fh->n, 2);
    const struct sco_report_finding *f = finding(0);
    check_report(f, "798");
    assert_str(f->rule_id, "java:S2068");
    assert_str(f->title, "Passwords should not be hard-coded");
    assert_str(f->remediation, "'PASSWORD' detected & reported.");
    assert_str(f->description, "Do not.\n\ninner\nCWE-798");
    assert_str(f->file_path, "src/A.java");
    assert_int_equal(f->line, 12);
    assert_int_equal(f->severity, SCO_SEV_MEDIUM);
    assert_int_equal(finding(1)->severity, SCO_SEV_CRITICAL);
    assert_has(sco_buf_z(&fh->incompletes), "1 item"); /* the row that is cut */
}

static void test_zip(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, data("answers.zip"), NULL), 0);
    assert_int_equal(fh->n, 6);
    assert_has(sco_buf_z(&fh->incompletes), "this page has 3 of 250");
}

/* Every cut and every changed byte is noticed, or changes nothing that is read. */
static void test_damaged_zip(void **state)
{
    struct sco_buf b = {0};
    (void)state;
    assert_int_equal(sco_fs_read(data("answers.zip"), 1 << 20, &b, NULL), 0);
    for (size_t n = 4; n < b.n; n += 7)
        assert_true(fake_host_parse_text(fh, b.p, n) < 0);
    size_t noticed = 0;
    for (size_t i = 4; i < b.n; i += 3) {
        b.p[i] ^= 0x55;
        noticed += fake_host_parse_text(fh, b.p, b.n) < 0;
        b.p[i] ^= 0x55;
    }
    assert_true(noticed > b.n / 5);
    sco_buf_done(&b);
}

static void test_inflate(void **state)
{
    static const char stored[] = "\x01\x03\x00\xfc\xff"
                                 "abc";
    static const char fixed[] = "\x4b\x4c\x4a\x06\x00"; /* "abc" */
    static const char run[] = "\x4b\x4c\x84\x01\x00";   /* "aaaaaaaaaa" */
    static const struct {
        const char *in;
        size_t n, out;
        const char *text;
    } cases[] = {
        {stored, 8, 3, "abc"},      {fixed, 5, 3, "abc"},
        {run, 5, 10, "aaaaaaaaaa"}, {stored, 7, 3, NULL},
        {stored, 8, 2, NULL},       {stored, 8, 4, NULL},
        {fixed, 3, 3, NULL},        {run, 5, 9, NULL},
        {"\x07", 1, 0, NULL},       {"\xff\xff\xff\xff", 4, 100, NULL},
        {"", 0, 0, NULL},           {"\x63\x00\x02", 3, 5, NULL},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        unsigned char out[128];
        int r = sonar_inflate(sco_str_make(cases[i].in, cases[i].n), out, cases[i].out);
        assert_int_equal(r, cases[i].text ? 0 : SCO_E_PARSE);
        if (cases[i].text)
            assert_memory_equal(out, cases[i].text, cases[i].out);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"", "empty"},
        {"{}", "neither"},
        {"7", "neither"},
        {"{\"issues\":null}", "null"},
        {"{\"issues\":{\"a\":1}}", "not a list"},
        {"{\"issues\":[", ""},
        {"<html><body>SonarQube</body></html>", "no table"},
        {"<html><body>Other</body></html>", "not a report"},
        {"<html>SonarQube<table><tr><th>Rule</th><th>Severity</th><th>Component</th><th>Line</th>"
         "</tr><tr><td>",
         "cut short"},
        {"PK\3\4 and nothing", "ZIP"},
        {"INFO: {\"issues\":[]}", ""},
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
        parse_text("{\"issues\":[null,7,{},{\"rule\":5,\"component\":[],\"line\":\"x\","
                   "\"textRange\":7,\"impacts\":\"a\",\"tags\":{\"a\":1}}]}"),
        0);
    assert_int_equal(fh->n, 1);
    assert_has(sco_buf_z(&fh->incompletes), "3 items");
    assert_int_equal(parse_text("[]"), 0);
}

static void test_sniff(void **state)
{
    (void)state;
    assert_int_equal(fake_host_sniff(fh, data("issues.json")), 80);
    assert_int_equal(fake_host_sniff(fh, data("hotspots.json")), 90);
    assert_int_equal(fake_host_sniff(fh, data("report.json")), 98);
    assert_int_equal(fake_host_sniff(fh, data("report.html")), 85);
    assert_int_equal(fake_host_sniff(fh, data("answers.zip")), 60);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("sarif", "basic.sarif")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plugin_setup, plugin_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_issues),      TEST(test_resolved),
        TEST(test_hotspots),    TEST(test_report_json),
        TEST(test_report_html), TEST(test_zip),
        TEST(test_damaged_zip), TEST(test_inflate),
        TEST(test_refused),     TEST(test_hostile_items_are_counted),
        TEST(test_sniff),
    };
    return cmocka_run_group_tests_name("sonarqube", tests, NULL, NULL);
}
