/* The wire from end to end: what goes in comes out; what is not our wire is refused. */
#include "data_test.h"

static const char long_text[] =
    "a text of more than forty-eight bytes, so that it can get a number";

static void everything(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, NULL);
    struct sco_report_finding r = report(SCO_TYPE_SCA, "GHSA-jfh8-c2jp-5v3q", "log4j \"RCE\"\\");
    struct sco_str ids[] = {SCO_STR("ghsa-JFH8-c2jp-5v3q"), SCO_STR("CVE-2021-44228"),
                            SCO_STR("cve-2021-44228"), SCO_STR("CVE-2021-45046")};
    struct sco_str cwes[] = {SCO_STR("79"), SCO_STR("CWE-20: Improper"), SCO_STR("cwe79")};
    struct sco_str refs[] = {SCO_STR("https://example.org/a"), SCO_STR(""),
                             SCO_STR("https://example.org/a")};
    struct sco_location where = {.file_path = SCO_STR("./x/pom.xml"), .line = 3};
    struct sco_suppression sup = {.kind = SCO_SUPPRESS_WAIVER, .reason = SCO_STR("test")};
    struct sco_pair meta[] = {{SCO_STR("k"), SCO_STR("tab\there")}, {SCO_STR("k"), SCO_STR("2")}};
    r.severity = SCO_SEV_UNKNOWN;
    r.description = SCO_STR("line\nnext \x01");
    r.file_path = SCO_STR("a//b/../pom.xml");
    r.line = 7;
    r.end_line = 3; /* nonsense is dropped */
    r.package_name = SCO_STR("org.apache:log4j");
    r.package_version = SCO_STR("2.14+1");
    r.ecosystem = SCO_STR("Maven");
    r.fixed_version = SCO_STR("2.15");
    r.cvss_vector = SCO_STR("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H");
    r.epss = 0.97;
    r.flags = SCO_FINDING_KEV;
    r.ids = (struct sco_str_list){ids, 4};
    r.cwes = (struct sco_str_list){cwes, 3};
    r.references = (struct sco_str_list){refs, 3};
    r.locations = &where;
    r.n_locations = 1;
    r.suppressions = &sup;
    r.n_suppressions = 1;
    r.metadata = meta;
    r.n_metadata = 2;

    const struct sco_finding *f = wire_pass(&w, &r);
    assert_int_equal(f->type, SCO_TYPE_SCA);
    assert_int_equal(f->severity, SCO_SEV_CRITICAL);
    assert_int_equal(f->kev, 1);
    assert_int_equal(f->line, 7);
    assert_int_equal(f->end_line, 0);
    assert_int_equal(f->occurrences, 1);
    assert_string_equal(f->title, "log4j \"RCE\"\\");
    assert_string_equal(f->description, "line\nnext \x01");
    assert_string_equal(f->file_path, "a/pom.xml");
    assert_string_equal(f->cve_id, "CVE-2021-44228");
    assert_int_equal(f->aliases->n, 2);
    assert_string_equal(f->aliases->v[0], "GHSA-jfh8-c2jp-5v3q");
    assert_string_equal(f->aliases->v[1], "CVE-2021-45046");
    assert_int_equal(f->cwe_ids->n, 2);
    assert_string_equal(f->cwe_ids->v[0], "CWE-79");
    assert_string_equal(f->cwe_ids->v[1], "CWE-20");
    assert_int_equal(f->references->n, 1);
    assert_string_equal(f->package->purl, "pkg:maven/org.apache/log4j@2.14%2B1");
    assert_string_equal(f->package->ecosystem, "maven");
    assert_true(f->cvss_score == 10.0f);
    assert_true(f->epss == 0.97f);
    assert_int_equal(f->tools->n, 1);
    assert_string_equal(f->tools->v[0]->name, "tool");
    assert_string_equal(f->tools->v[0]->rule_id, "GHSA-jfh8-c2jp-5v3q");
    assert_int_equal(f->tools->v[0]->severity, SCO_SEV_CRITICAL);
    assert_string_equal(f->locations->v[0].file_path, "x/pom.xml");
    assert_int_equal(f->locations->v[0].line, 3);
    assert_int_equal(f->suppressions->v[0].kind, SCO_SUPPRESS_WAIVER);
    assert_string_equal(f->suppressions->v[0].reason, "test");
    assert_string_equal(f->metadata, "{\"k\":\"tab\\there\"}");
    wire_done(&w);
}

/* Repeated long texts become numbers; the wire shrinks, the findings stay the same. */
static void repeated(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, NULL);
    struct sco_report_finding r = report(SCO_TYPE_SAST, "rule", "title");
    struct sco_pair meta = {SCO_STR("key"), sco_str_c(long_text)};
    struct sco_str ref = sco_str_c(long_text);
    r.description = sco_str_c(long_text);
    r.references = (struct sco_str_list){&ref, 1};
    r.metadata = &meta;
    r.n_metadata = 1;
    for (int i = 0; i < 5; i++)
        wire_pass(&w, &r);
    assert_null(strstr(sco_buf_z(&w.buf), long_text));
    for (int i = 0; i < 5; i++) {
        const struct sco_finding *f = &w.set.v[i];
        assert_ptr_equal(f->description, w.set.v[0].description);
        assert_string_equal(f->description, long_text);
        assert_string_equal(f->references->v[0], long_text);
        assert_ptr_equal(f->metadata, w.set.v[0].metadata);
        assert_string_equal(f->metadata + 8,
                            "a text of more than forty-eight bytes, so that it can "
                            "get a number\"}");
    }
    /* a text that equals the metadata's JSON does not get the object's number */
    r.description = sco_str_c(w.set.v[0].metadata);
    r.n_metadata = 0;
    for (int i = 0; i < 3; i++)
        assert_string_equal(wire_pass(&w, &r)->description, w.set.v[0].metadata);
    wire_done(&w);
}

static int decode(struct sco_str batch)
{
    struct sco_finding_set set = {.pool = sco_pool_new()};
    struct sco_decoder *d = sco_decoder_new(set.pool);
    struct sco_error err = {0};
    int r = sco_decoder_batch(d, batch, &set, &err);
    if (r < 0) { /* once bad, always bad */
        assert_true(err.text[0] != 0);
        assert_int_equal(sco_decoder_batch(d, SCO_STR(""), &set, &err), SCO_E_FORMAT);
    }
    sco_finding_set_done(&set);
    sco_decoder_free(d);
    sco_pool_free(set.pool);
    return r;
}

#define HEAD                                                                                       \
    "{\"vulnerability_type\":\"SAST\",\"severity\":\"LOW\",\"rule_id\":\"r\",\"title\":\"t\""
#define TOOLS ",\"tools\":[{\"name\":\"n\",\"rule_id\":\"r\",\"severity\":\"LOW\"}]"

static void bad(void **state)
{
    (void)state;
    assert_int_equal(decode(SCO_STR("")), 0);
    assert_int_equal(decode(SCO_STR(HEAD TOOLS "}\n")), 0);
    static const struct {
        const char *text;
        int code;
    } v[] = {
        {"\n", SCO_E_PARSE},
        {"{}\n", SCO_E_FORMAT},
        {"[]\n", SCO_E_PARSE},
        {HEAD "}\n", SCO_E_FORMAT},
        {HEAD TOOLS "}", SCO_E_PARSE},
        {HEAD TOOLS "} \n", SCO_E_PARSE},
        {HEAD TOOLS ",\"tools\":[]}\n", SCO_E_FORMAT},
        {HEAD ",\"nonsense\":1" TOOLS "}\n", SCO_E_FORMAT},
        {HEAD ",\"description\":0" TOOLS "}\n", SCO_E_FORMAT},
        {HEAD ",\"description\":[\"d\"],\"remediation\":0" TOOLS ",\"metadata\":0}\n",
         SCO_E_FORMAT},
        {HEAD ",\"description\":\"\xff\"" TOOLS "}\n", SCO_E_PARSE},
        {HEAD ",\"description\":\"\\u0000\"" TOOLS "}\n", SCO_E_PARSE},
        {HEAD ",\"description\":\"\\u0041\"" TOOLS "}\n", SCO_E_PARSE},
        {HEAD ",\"description\":\"\"" TOOLS "}\n", SCO_E_FORMAT},
        {HEAD ",\"description\":\"a\nb\"" TOOLS "}\n", SCO_E_PARSE},
        {HEAD ",\"line_number\":4294967296" TOOLS "}\n", SCO_E_FORMAT},
        {HEAD ",\"line_number\":-1" TOOLS "}\n", SCO_E_PARSE},
        {HEAD ",\"cvss_hundredths\":1001" TOOLS "}\n", SCO_E_FORMAT},
        {HEAD TOOLS ",\"metadata\":{\"a\":1}}\n", SCO_E_PARSE},
        {HEAD TOOLS ",\"metadata\":{\"a\":{}}}\n", SCO_E_PARSE},
        {HEAD TOOLS ",\"metadata\":\"{}\"}\n", SCO_E_PARSE},
        {HEAD TOOLS ",\"suppressions\":[{\"kind\":\"x\"}]}\n", SCO_E_FORMAT},
        {HEAD TOOLS ",\"suppressions\":[{\"reason\":\"x\"}]}\n", SCO_E_FORMAT},
        {HEAD ",\"tools\":[{\"name\":\"n\"}]}\n", SCO_E_FORMAT},
        {"{\"vulnerability_type\":\"X\"}\n", SCO_E_FORMAT},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        if (decode(sco_str_c(v[i].text)) != v[i].code)
            fail_msg("%s gave %d", v[i].text, decode(sco_str_c(v[i].text)));
}

/* A batch may be cut anywhere by a dying worker: an error, except between findings. */
static void truncated(void **state)
{
    (void)state;
    static const char text[] =
        HEAD ",\"description\":[\"d\\n\"]" TOOLS ",\"metadata\":{\"a\":\"b\"}}\n";
    for (size_t n = 1; n < sizeof text - 1; n++) {
        char *copy = malloc(n); /* exact, for the sanitizer */
        memcpy(copy, text, n);
        assert_true(decode(sco_str_make(copy, n)) < 0);
        free(copy);
    }
    assert_int_equal(decode(sco_str_c(text)), 0);
}

/* What was decoded before a bad one stays. */
static void keeps_the_good(void **state)
{
    (void)state;
    struct sco_finding_set set = {.pool = sco_pool_new()};
    struct sco_decoder *d = sco_decoder_new(set.pool);
    assert_true(sco_decoder_batch(d, SCO_STR(HEAD TOOLS "}\n{"), &set, NULL) < 0);
    assert_int_equal(set.n, 1);
    assert_string_equal(set.v[0].title, "t");
    sco_finding_set_done(&set);
    sco_decoder_free(d);
    sco_pool_free(set.pool);
}

static void out_of_memory(void **state)
{
    (void)state;
    static const char text[] = HEAD ",\"description\":[\"d\\n\"],\"aliases\":[\"A\"]" TOOLS
                                    ",\"metadata\":{\"a\":\"b\"}}\n";
    for (long n = 0;; n++) {
        sco_alloc_fail_at(n);
        struct sco_finding_set set = {.pool = sco_pool_new()};
        struct sco_decoder *d = set.pool ? sco_decoder_new(set.pool) : NULL;
        int r = d ? sco_decoder_batch(d, sco_str_c(text), &set, NULL) : SCO_E_NOMEM;
        bool done = sco_alloc_fail_at(-1) <= n;
        if (done)
            assert_int_equal(r, 0);
        else
            assert_int_equal(r, SCO_E_NOMEM);
        sco_finding_set_done(&set);
        sco_decoder_free(d);
        sco_pool_free(set.pool);
        if (done)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),
        cmocka_unit_test(repeated),
        cmocka_unit_test(bad),
        cmocka_unit_test(truncated),
        cmocka_unit_test(keeps_the_good),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
