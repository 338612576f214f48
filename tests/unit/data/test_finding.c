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

/* Every length, and what needs an escape or is not ASCII at every place. */
static void lengths(void **state)
{
    static const char *const odd[] = {"",     "\"",   "\\",       "\n",
                                      "\x01", "\x7f", "\xC3\xBC", "\xE2\x80\xA8"};
    enum { LONGEST = 40 };
    (void)state;
    for (size_t k = 0; k < SCO_ARRAY_LEN(odd); k++) {
        for (size_t n = 0; n < LONGEST; n++) {
            for (size_t at = 0; at <= n; at++) {
                SCO_AUTO(sco_buf) struct sco_buf text = {0}, b = {0};
                SCO_AUTO(sco_arena) struct sco_arena arena = {0};
                struct sco_json_out o = {.b = &b};
                const struct sco_node *root;
                for (size_t i = 0; i <= n; i++)
                    sco_buf_addz(&text, i == at ? odd[k] : i == n ? "" : "x");
                struct sco_finding f = {.title = sco_buf_z(&text)};
                sco_finding_write(&o, &f);
                assert_int_equal(sco_json_parse(sco_buf_str(&b), &arena, &root, NULL), 0);
                struct sco_str title = sco_text(sco_get(root, "title"));
                assert_true(sco_str_eq(title, sco_buf_str(&text)));
            }
        }
    }
}

static void is_the_same(struct sco_finding_writer *w, const struct sco_finding *f)
{
    SCO_AUTO(sco_buf) struct sco_buf a = {0}, b = {0};
    struct sco_json_out o = {.b = &a}, with = {.b = &b};
    sco_finding_write(&o, f);
    sco_finding_writer_add(w, &with, f);
    assert_string_equal(sco_buf_z(&b), sco_buf_z(&a));
}

/* What a writer keeps is never taken for another finding's. */
static void writer(void **state)
{
    (void)state;
    struct sco_pool *p = sco_pool_new();
    struct sco_finding_writer *w = sco_finding_writer_new();
    const struct sco_tool *pt = &tool;
    const char *one = "one";
    const struct sco_package package = {.name = "a", .fixed_version = "2"};
    const struct sco_suppressed waiver = {.kind = SCO_SUPPRESS_WAIVER};
    const struct sco_strs *strs = sco_pool_strs(p, &one, 1);
    const struct sco_tools *tools = sco_pool_tools(p, &pt, 1);
    struct sco_suppresseds *waived = sco_pool_alloc(p, sizeof *waived + sizeof waiver);
    waived->n = 1;
    waived->v[0] = waiver;
    char *huge = sco_pool_alloc(p, 20001);
    memset(huge, 'x', 20000);
    const struct sco_finding base = {.title = "t", .rule_id = "r", .type = 1, .severity = 1};
    struct sco_finding v[24];
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        v[i] = base;
    v[1].description = "d";
    v[2].remediation = "d";
    v[3].references = strs;
    v[4].rule_id = "d";
    v[5].tools = tools;
    v[6].package = &package;
    v[7].cve_id = "d";
    v[8].aliases = strs;
    v[9].cwe_ids = strs;
    v[10].cvss_vector = "d";
    v[11].suppressions = waived;
    v[12].metadata = "{\"k\":\"v\"}";
    v[13].secret_digest = "d";
    v[14].secret_preview = "d";
    v[15].cvss_score = 5;
    v[16].epss = 0.5F;
    v[17].occurrences = 2;
    v[18].type = SCO_TYPE_SECRET;
    v[19].severity = SCO_SEV_CRITICAL;
    v[20].status = SCO_STATUS_ACCEPTED;
    v[21].kev = 1;
    v[22].description = huge;
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
            is_the_same(w, &v[i]);
    is_the_same(NULL, &v[0]);
    assert_null(sco_finding_writer_free(w));
    assert_null(sco_finding_writer_free(NULL));
    sco_pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least),
        cmocka_unit_test(all),
        cmocka_unit_test(lengths),
        cmocka_unit_test(writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
