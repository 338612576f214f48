/* The SARIF plugin: every way in which a result names its rule, place, level and identity. */
#include "plugin_test.h"

static void parse_basic(void)
{
    assert_int_equal(fake_host_parse(fh, plugin_testdata("sarif", "basic.sarif"), NULL), 0);
}

static void test_counts_and_incompletes(void **state)
{
    (void)state;
    parse_basic();
    assert_int_equal(fh->n, 6);
    const char *why = sco_buf_z(&fh->incompletes);
    assert_has(why, "Example Analyzer: says that it did not run successfully: could not read");
    assert_has(why, "2 of 9, the first: result 8: not an object");
    assert_has(why, "Never Ran: no results in the log");
    assert_int_equal(fh->n_incomplete, 3);
    assert_has(sco_buf_z(&fh->logs), "1 results are open or wait for a review");
    assert_has(sco_buf_z(&fh->tools), "Example Analyzer 1.2.3\n");
}

static void test_message_rule_and_places(void **state)
{
    (void)state;
    parse_basic();
    const struct sco_report_finding *f = finding(0);
    assert_str(f->rule_id, "EX100/deep");
    assert_str(f->title, "Opens name, not {0} or {curly}");
    assert_str(f->description, "The name of the file comes from outside.");
    assert_str(f->remediation, "Check the name.");
    assert_int_equal(f->type, SCO_TYPE_SAST);
    assert_int_equal(f->severity, SCO_SEV_CRITICAL);
    assert_str(f->file_path, "lib/open.c");
    assert_int_equal(f->line, 7);
    assert_int_equal(f->end_line, 7);
    assert_int_equal(f->column, 3);
    assert_str(f->snippet, "open(name)");
    assert_str(f->stable_id, "two");
    assert_int_equal(f->cwes.n, 1);
    assert_str(f->cwes.v[0], "73");
    assert_str(f->references.v[0], "https://example.com/EX100");
    assert_str(f->tool_name, "Example Analyzer");
    f = finding(1); /* the second location of the same result */
    assert_str(f->file_path, "lib/a b.c");
    assert_int_equal(f->line, 0);
    assert_str(fake_meta(fh, 1, "char_offset"), "120");
    assert_str(f->stable_id, "two#2");
}

static void test_suppressions_links_extensions(void **state)
{
    (void)state;
    parse_basic();
    const struct sco_report_finding *f = finding(2);
    assert_str(f->rule_id, "EX200");
    assert_str(f->title, "See the caller and [this].");
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_str(f->cwes.v[0], "79");
    assert_int_equal(f->n_suppressions, 1);
    assert_int_equal(f->suppressions[0].kind, SCO_SUPPRESS_INLINE);
    assert_str(f->suppressions[0].reason, "checked by hand");
    assert_str(f->resource, "example::run");
    f = finding(3);
    assert_str(f->rule_id, "EXT1");
    assert_int_equal(f->severity, SCO_SEV_INFO);
    assert_int_equal(f->n_suppressions, 0); /* one of them was rejected */
    assert_str(f->cwes.v[0], "22");
    assert_int_equal(finding(4)->severity, SCO_SEV_HIGH); /* overridden level */
    assert_str(finding(4)->cwes.v[0], "120");             /* by its place in the taxonomy */
}

static void test_secrets(void **state)
{
    (void)state;
    parse_basic();
    const struct sco_report_finding *f = finding(5);
    assert_int_equal(f->type, SCO_TYPE_SECRET);
    assert_str(f->secret, "not-a-real-token-0001");
    assert_int_equal(f->snippet.n, 0);
    assert_int_equal(f->stable_id.n, 0); /* author and date identify nothing */
    assert_str(f->commit, "0123456789abcdef");
}

static void test_packages(void **state)
{
    (void)state;
    assert_int_equal(fake_host_parse(fh, plugin_testdata("sarif", "packages.sarif"), NULL), 0);
    assert_int_equal(fh->n, 4);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SCA);
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_str(f->title, "example: reads past the end");
    assert_str(f->package_name, "example");
    assert_str(f->package_version, "1.0");
    assert_str(f->fixed_version, "1.1");
    assert_str(f->ids.v[0], "CVE-2099-0001");
    assert_int_equal(finding(1)->type, SCO_TYPE_IAC);
    assert_int_equal(finding(1)->severity, SCO_SEV_HIGH);
    f = finding(2);
    assert_str(f->ids.v[0], "GHSA-aaaa-bbbb-cccc");
    assert_str(f->package_name, "example");
    assert_str(f->package_version, "2.0");
    assert_str(f->ecosystem, "pypi");
    f = finding(3);
    assert_int_equal(f->type, SCO_TYPE_DAST);
    assert_str(f->resource, "POST http://127.0.0.1/x?y=1");
    assert_int_equal(f->file_path.n, 0);
}

static void test_options(void **state)
{
    (void)state;
    plugin_reopen((const char *const[]){"type", "quality", "merge_locations", "true", NULL});
    parse_basic();
    assert_int_equal(fh->n, 5);
    assert_int_equal(finding(0)->type, SCO_TYPE_QUALITY);
    assert_int_equal(finding(0)->n_locations, 1);
    assert_str(finding(0)->locations[0].file_path, "lib/a b.c");
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *why;
    } cases[] = {
        {"", SCO_E_PARSE, "empty"},
        {"null", SCO_E_FORMAT, "no \"runs\""},
        {"[]", SCO_E_FORMAT, "no \"runs\""},
        {"{\"version\":\"2.1.0\"}", SCO_E_FORMAT, "no \"runs\""},
        {"{\"version\":\"2.1.0\",\"runs\":null}", SCO_E_FORMAT, "not a list"},
        {"{\"version\":\"2.1.0\",\"runs\":{}}", SCO_E_FORMAT, "not a list"},
        {"{\"version\":\"1.0.0\",\"runs\":[{}]}", SCO_E_FORMAT, "1.0.0 is not supported"},
        {"{\"version\":\"2.1.0\",\"runs\":[{\"results\":[", SCO_E_PARSE, ""},
        {"INFO start\n{\"version\":\"2.1.0\",\"runs\":[]}", SCO_E_PARSE, ""},
        {"{\"version\":\"2.1.0\",\"runs\":[{\"results\":[]}]} {}", SCO_E_PARSE, "more after"},
        {"{\"version\":\"2.1.0\",\"runs\":[]}", SCO_RUN_INCOMPLETE, "no tool has run"},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        assert_int_equal(parse_text(cases[i].text), cases[i].code);
        assert_has(fh->error, cases[i].why);
    }
    assert_int_equal(fh->n, 0);
}

/* Nothing of it may pass as a clean run. */
static void test_hostile_is_incomplete(void **state)
{
    static const char *const cases[] = {
        "{\"runs\":[null]}",
        "{\"runs\":[{}]}",
        "{\"runs\":[{\"tool\":7,\"results\":\"none\"}]}",
        "{\"runs\":[{\"tool\":{\"driver\":{\"name\":\"x\"}},\"results\":{\"a\":{}}}]}",
        "{\"runs\":[{\"results\":[null,[],\"x\"]}]}",
        "{\"runs\":[{\"results\":[{\"message\":{},\"locations\":7}]}]}",
        "{\"runs\":[{\"externalPropertyFileReferences\":{\"results\":[{}]}}]}",
        "{\"runs\":[{\"results\":[],\"invocations\":[{\"executionSuccessful\":false}]}]}",
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        size_t before = fh->n_incomplete;
        assert_int_equal(parse_text(cases[i]), 0);
        assert_true(fh->n_incomplete > before);
    }
    assert_int_equal(fh->n, 0);
}

static void test_odd_results(void **state)
{
    (void)state;
    assert_int_equal(
        parse_text("{\"runs\":[{\"tool\":{\"driver\":{\"name\":\"t\",\"rules\":[7,{\"id\":\"\"}]}},"
                   "\"results\":[{\"ruleIndex\":1,\"message\":{\"text\":\"Only text. More.\"}},"
                   "{\"ruleId\":\"a\",\"ruleIndex\":99999999999,\"level\":\"fatal\","
                   "\"locations\":[{},{\"physicalLocation\":{\"artifactLocation\":{\"index\":5},"
                   "\"region\":{\"startLine\":-4,\"endLine\":\"x\"}}}]},"
                   "{\"ruleId\":\"b\",\"message\":{\"text\":\"{0} {9}\",\"arguments\":[[],null]},"
                   "\"fingerprints\":{\"k\":{\"value\":\"nested\"}}}]}]}"),
        0);
    assert_int_equal(fh->n, 4);
    assert_str(finding(0)->rule_id, "Only text. More.");
    assert_int_equal(finding(1)->severity, SCO_SEV_UNKNOWN);
    assert_str(finding(1)->severity_text, "fatal");
    assert_int_equal(finding(2)->line, 0);
    assert_str(finding(3)->stable_id, "nested");
    assert_int_equal(fh->n_incomplete, 0);
}

static void test_message_arguments_are_limited(void **state)
{
    (void)state;
    struct sco_buf b = {0};
    sco_buf_addz(&b, "{\"runs\":[{\"results\":[{\"ruleId\":\"r\",\"message\":{\"text\":\"");
    for (int i = 0; i < 20000; i++)
        sco_buf_addz(&b, "{0}");
    sco_buf_addz(&b, "\",\"arguments\":[\"");
    for (int i = 0; i < 20000; i++)
        sco_buf_addz(&b, "0123456789");
    sco_buf_addz(&b, "\"]}}]}]}");
    assert_int_equal(fake_host_parse_text(fh, b.p, b.n), 0);
    assert_true(finding(0)->description.n <= 64 << 10);
    sco_buf_done(&b);
}

static void test_emit_failure_stops(void **state)
{
    (void)state;
    fh->limit = 2;
    assert_int_equal(fake_host_parse(fh, plugin_testdata("sarif", "basic.sarif"), NULL),
                     SCO_E_LIMIT);
    assert_int_equal(fh->n, 2);
}

static void test_sniff(void **state)
{
    (void)state;
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("sarif", "basic.sarif")), 100);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("sarif", "packages.sarif")), 95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_and_incompletes, plugin_setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(test_message_rule_and_places, plugin_setup,
                                        plugin_teardown),
        cmocka_unit_test_setup_teardown(test_suppressions_links_extensions, plugin_setup,
                                        plugin_teardown),
        cmocka_unit_test_setup_teardown(test_secrets, plugin_setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(test_packages, plugin_setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(test_options, plugin_setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(test_refused, plugin_setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(test_hostile_is_incomplete, plugin_setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(test_odd_results, plugin_setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(test_message_arguments_are_limited, plugin_setup,
                                        plugin_teardown),
        cmocka_unit_test_setup_teardown(test_emit_failure_stops, plugin_setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(test_sniff, plugin_setup, plugin_teardown),
    };
    return cmocka_run_group_tests_name("sarif", tests, NULL, NULL);
}
