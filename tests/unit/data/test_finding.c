/* The finding as JSON: names, what is left out, and numbers as they were meant. */
#include "data_test.h"

static void is(const struct sco_finding *f, const char *want)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_finding_write(&o, f);
    assert_string_equal(sco_buf_z(&b), want);
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root;
    assert_int_equal(sco_json_parse(sco_buf_str(&b), &arena, &root, NULL), 0);
}

#define FP32 "00000000000000000000000000000000"

static const struct sco_tool tool = {"t", NULL, "r", SCO_SEV_LOW};

static void least(void **state)
{
    (void)state;
    struct sco_pool *p = sco_pool_new();
    const struct sco_tool *pt = &tool;
    struct sco_finding f = {.type = SCO_TYPE_SCA, .severity = SCO_SEV_LOW, .occurrences = 1};
    f.title = "title";
    f.rule_id = "r";
    f.tools = sco_pool_tools(p, &pt, 1);
    is(&f, "{\"fingerprint\":\"" FP32 FP32 "\",\"vulnerability_type\":\"SCA\",\"severity\":\"LOW\","
           "\"title\":\"title\",\"rule_id\":\"r\",\"tools\":[{\"name\":\"t\",\"rule_id\":\"r\","
           "\"severity\":\"LOW\"}],\"risk_score\":16.3,"
           "\"risk_explanation\":\"severity LOW as 2.5 x 6.5 = 16.3\",\"status\":\"OPEN\"}");
    sco_pool_free(p);
}

static void all(void **state)
{
    (void)state;
    static const struct sco_package package = {"a", "1", "npm", "pkg:npm/a@1", "2"};
    struct sco_pool *p = sco_pool_new();
    const struct sco_tool *pt = &tool;
    const char *one = "one";
    struct {
        struct sco_places l;
        struct sco_place v[1];
    } places = {{1}, {{"b", "res", 1, 2, 3, 4}}};
    struct {
        struct sco_suppresseds l;
        struct sco_suppressed v[2];
    } sup = {{2},
             {{SCO_SUPPRESS_INLINE, "why", NULL}, {SCO_SUPPRESS_BASELINE, NULL, "2030-01-01"}}};
    struct sco_finding f = {.type = SCO_TYPE_SECRET,
                            .severity = SCO_SEV_CRITICAL,
                            .status = SCO_STATUS_ACCEPTED,
                            .kev = 1,
                            .line = 1,
                            .end_line = 2,
                            .column = 3,
                            .end_column = 4,
                            .cvss_score = 9.8f,
                            .epss = 0.00043f,
                            .occurrences = 3,
                            .title = "t",
                            .description = "d",
                            .remediation = "m",
                            .rule_id = "r",
                            .file_path = "f",
                            .resource = "s",
                            .parameter = "p",
                            .package = &package,
                            .cve_id = "CVE-2020-1234",
                            .cvss_vector = "v",
                            .commit = "c",
                            .identity = "not written",
                            .secret_digest = "D",
                            .secret_preview = "P",
                            .metadata = "{\"k\":\"v\",\"l\":\"w\"}"};
    f.references = f.aliases = f.cwe_ids = sco_pool_strs(p, &one, 1);
    f.tools = sco_pool_tools(p, &pt, 1);
    f.locations = &places.l;
    f.suppressions = &sup.l;
    is(&f,
       "{\"fingerprint\":\"" FP32 FP32 "\",\"vulnerability_type\":\"SECRET\","
       "\"severity\":\"CRITICAL\",\"title\":\"t\",\"description\":\"d\",\"remediation\":\"m\","
       "\"references\":[\"one\"],\"rule_id\":\"r\","
       "\"tools\":[{\"name\":\"t\",\"rule_id\":\"r\",\"severity\":\"LOW\"}],"
       "\"commit_sha\":\"c\",\"file_path\":\"f\",\"line_number\":1,\"end_line\":2,"
       "\"column\":3,\"end_column\":4,\"resource\":\"s\",\"parameter\":\"p\","
       "\"locations\":[{\"file_path\":\"b\",\"line_number\":1,\"end_line\":2,\"column\":3,"
       "\"end_column\":4,\"resource\":\"res\"}],"
       "\"package\":{\"name\":\"a\",\"version\":\"1\",\"ecosystem\":\"npm\","
       "\"purl\":\"pkg:npm/a@1\",\"fixed_version\":\"2\"},"
       "\"cve_id\":\"CVE-2020-1234\",\"aliases\":[\"one\"],\"cwe_ids\":[\"one\"],"
       "\"cvss_score\":9.8,\"cvss_vector\":\"v\",\"epss\":0.00043,\"kev\":true,"
       "\"risk_score\":100.0,\"risk_explanation\":\"CVSS 9.8 x 6.5 = 63.7; known exploited +40.0; "
       "SECRET +19.6; fix available +4.9; at most 100\",\"status\":\"ACCEPTED\","
       "\"occurrences\":3,\"suppressions\":[{\"kind\":\"inline\",\"reason\":\"why\"},"
       "{\"kind\":\"baseline\",\"expires\":\"2030-01-01\"}],"
       "\"metadata\":{\"secret_preview\":\"P\",\"secret_digest\":\"D\",\"k\":\"v\","
       "\"l\":\"w\"}}");
    sco_pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least),
        cmocka_unit_test(all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
