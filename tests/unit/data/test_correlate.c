/* Correlation across tools, the order of the result, and that input order and hostile input do not
 * matter. */
#include "data_test.h"

#include <stdio.h>

static struct wire w;

static int setup(void **state)
{
    (void)state;
    wire_init(&w, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wire_done(&w);
    return 0;
}

static void run(void)
{
    struct sco_error err = {0};
    if (sco_findings_identify(&w.set, &err) < 0 || sco_findings_correlate(&w.set, &err) < 0 ||
        sco_findings_rank(&w.set, &err) < 0)
        fail_msg("%s", err.text);
}

static void add_sca(const char *tool, const char *id, const char *alias, const char *purl,
                    const char *path)
{
    struct sco_report_finding r = report(SCO_TYPE_SCA, id, id);
    struct sco_str ids[2] = {sco_str_c(id), sco_str_c(alias)};
    r.tool_name = sco_str_c(tool);
    r.ids = (struct sco_str_list){ids, alias ? 2 : 1};
    r.purl = sco_str_c(purl);
    r.file_path = sco_str_c(path);
    wire_pass(&w, &r);
}

#define NPM_A "pkg:npm/a@1"
#define CVE1 "CVE-2021-11111"
#define CVE2 "CVE-2021-22222"
#define GHSA1 "GHSA-aaaa-aaaa-aaaa"

static bool has(const struct sco_strs *l, const char *s)
{
    for (uint32_t i = 0; l && i < l->n; i++)
        if (strcmp(l->v[i], s) == 0)
            return true;
    return false;
}

static void sca_aliases(void **state)
{
    (void)state;
    add_sca("npm-audit", GHSA1, NULL, NPM_A, "p.json");
    add_sca("trivy", CVE1, NULL, "pkg:npm/a@1.0.0?x=y", "p.json");
    run();
    assert_int_equal(w.set.n, 2); /* nobody says that they are one */
    uint8_t canonical[SCO_FINGERPRINT_LEN];
    size_t cve = w.set.v[0].cve_id ? 0 : 1;
    memcpy(canonical, w.set.v[cve].fingerprint, sizeof canonical);
    add_sca("osv", GHSA1, CVE1, NPM_A, "p.json"); /* the bridge */
    run();
    assert_int_equal(w.set.n, 1);
    const struct sco_finding *f = &w.set.v[0];
    assert_string_equal(f->cve_id, CVE1);
    assert_int_equal(f->aliases->n, 1);
    assert_string_equal(f->aliases->v[0], GHSA1);
    assert_int_equal(f->tools->n, 3);
    assert_string_equal(f->tools->v[0]->name, "npm-audit");
    assert_string_equal(f->tools->v[2]->name, "trivy");
    assert_string_equal(f->rule_id, f->tools->v[0]->rule_id);
    assert_memory_equal(f->fingerprint, canonical, sizeof canonical);
    assert_int_equal(f->occurrences, 3);
}

static void sca_apart(void **state)
{
    (void)state;
    add_sca("a", CVE1, NULL, NPM_A, "p.json");
    add_sca("b", CVE1, NULL, NPM_A, NULL);           /* an image scan: no path is not any path */
    add_sca("b", CVE1, NULL, NPM_A, "web/p.json");   /* another manifest */
    add_sca("b", CVE1, NULL, "pkg:npm/b", "p.json"); /* another package */
    add_sca("b", CVE2, NULL, NPM_A, "p.json");       /* another id */
    run();
    assert_int_equal(w.set.n, 5);
    add_sca("c", CVE1, NULL, NPM_A, NULL);
    run();
    assert_int_equal(w.set.n, 5);
}

static void sca_native_ids(void **state)
{
    (void)state;
    add_sca("osv", "PYSEC-2021-1", GHSA1, "pkg:pypi/x@1", NULL);
    add_sca("osv", GHSA1, "PYSEC-2021-1", "pkg:pypi/x@1", NULL); /* the same tool, two entries */
    run();
    assert_int_equal(w.set.n, 1);
    assert_int_equal(w.set.v[0].tools->n, 2);
}

static struct sco_report_finding sast(const char *tool, const char *rule, int64_t line,
                                      struct sco_str *cwe)
{
    struct sco_report_finding r = report(SCO_TYPE_SAST, rule, rule);
    r.tool_name = sco_str_c(tool);
    r.file_path = SCO_STR("src/a.py");
    r.line = line;
    r.cwes = (struct sco_str_list){cwe, 1};
    return r;
}

static void add_sast(const char *tool, const char *rule, int64_t line, const char *cwe)
{
    struct sco_str c = sco_str_c(cwe);
    struct sco_report_finding r = sast(tool, rule, line, &c);
    wire_pass(&w, &r);
}

static const struct sco_finding *with_tool(const char *name, int32_t line)
{
    for (size_t i = 0; i < w.set.n; i++)
        if (w.set.v[i].line == line && strcmp(w.set.v[i].tools->v[0]->name, name) == 0)
            return &w.set.v[i];
    fail_msg("no finding of %s on line %d", name, line);
    return NULL;
}

static void sast_near(void **state)
{
    (void)state;
    add_sast("semgrep", "s", 12, "79");
    add_sast("bandit", "b", 10, "79");
    add_sast("codeql", "c", 13, "79");
    run();
    assert_int_equal(w.set.n, 1);
    const struct sco_finding *f = &w.set.v[0];
    assert_int_equal(f->line, 10); /* of the first tool by name */
    assert_string_equal(f->rule_id, "b");
    assert_int_equal(f->tools->n, 3);
    assert_null(f->locations);
}

static void sast_apart(void **state)
{
    (void)state;
    add_sast("a", "a1", 10, "79");
    add_sast("b", "b1", 14, "79"); /* too far */
    add_sast("b", "b2", 10, "89"); /* another weakness */
    add_sast("a", "a2", 10, "79"); /* the same tool */
    struct sco_str cwe = SCO_STR("79");
    struct sco_report_finding r = sast("c", "c1", 10, &cwe);
    r.file_path = SCO_STR("src/b.py");
    wire_pass(&w, &r);
    r = sast("c", "c2", 10, &cwe);
    r.type = SCO_TYPE_QUALITY;
    wire_pass(&w, &r);
    r = sast("c", "c3", 10, &cwe);
    r.cwes.n = 0;
    wire_pass(&w, &r);
    r = sast("c", "c4", 0, &cwe);
    wire_pass(&w, &r);
    run();
    assert_int_equal(w.set.n, 8);
}

/* The nearest pair merges, the further one stays. */
static void sast_nearest(void **state)
{
    (void)state;
    add_sast("a", "a1", 10, "79");
    add_sast("b", "b1", 12, "79");
    add_sast("b", "b2", 11, "79");
    run();
    assert_int_equal(w.set.n, 2);
    assert_string_equal(with_tool("a", 10)->tools->v[1]->rule_id, "b2");
    with_tool("b", 12);
}

/* Two each on one line: the first meets the first, the second the second. */
static void sast_pairs(void **state)
{
    (void)state;
    struct sco_str cwe = SCO_STR("79");
    for (int i = 1; i <= 2; i++) {
        struct sco_report_finding r = sast("a", i == 1 ? "a1" : "a2", 10, &cwe);
        r.column = i * 10;
        wire_pass(&w, &r);
        r = sast("b", i == 1 ? "b1" : "b2", 10, &cwe);
        r.column = i * 10 + 1;
        wire_pass(&w, &r);
    }
    run();
    assert_int_equal(w.set.n, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct sco_tools *t = w.set.v[i].tools;
        assert_int_equal(t->n, 2);
        assert_int_equal(t->v[0]->rule_id[1], t->v[1]->rule_id[1]);
    }
}

/* A cluster does not creep along a file. */
static void sast_span(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        add_sast(names[i], "r", 10 + 2 * i, "79");
    run();
    assert_int_equal(w.set.n, 2);
}

static void merged_content(void **state)
{
    (void)state;
    struct sco_str c1[2] = {SCO_STR("79"), SCO_STR("80")}, c2 = SCO_STR("79");
    struct sco_str ref1 = SCO_STR("https://a"), ref2 = SCO_STR("https://b");
    struct sco_suppression s = {.kind = SCO_SUPPRESS_INLINE};
    struct sco_report_finding r = sast("zeta", "z", 10, c1);
    r.cwes.n = 2;
    r.severity = SCO_SEV_CRITICAL;
    r.description = SCO_STR("described");
    r.epss = 0.5;
    r.flags = SCO_FINDING_KEV;
    r.references = (struct sco_str_list){&ref1, 1};
    r.suppressions = &s;
    r.n_suppressions = 1;
    wire_pass(&w, &r);
    r = sast("alpha", "a", 11, &c2);
    r.severity = SCO_SEV_LOW;
    r.cvss_score = 5;
    r.references = (struct sco_str_list){&ref2, 1};
    wire_pass(&w, &r);
    run();
    assert_int_equal(w.set.n, 1);
    const struct sco_finding *f = &w.set.v[0];
    assert_string_equal(f->title, "a");
    assert_string_equal(f->description, "described");
    assert_int_equal(f->severity, SCO_SEV_CRITICAL);
    assert_int_equal(f->kev, 1);
    assert_true(f->epss == 0.5f);
    assert_true(f->cvss_score == 5);
    assert_true(has(f->cwe_ids, "CWE-79") && has(f->cwe_ids, "CWE-80"));
    assert_true(has(f->references, "https://a") && has(f->references, "https://b"));
    assert_null(f->suppressions); /* one of the two nobody excused */
    assert_true(f->risk_score == 100);
}

static void add_iac(const char *tool, const char *rule, const char *alias, const char *resource,
                    int64_t line, int64_t end)
{
    struct sco_report_finding r = report(SCO_TYPE_IAC, rule, rule);
    struct sco_str id = sco_str_c(alias);
    r.tool_name = sco_str_c(tool);
    r.file_path = SCO_STR("main.tf");
    r.resource = sco_str_c(resource);
    r.line = line;
    r.end_line = end;
    r.ids = (struct sco_str_list){&id, alias ? 1 : 0};
    wire_pass(&w, &r);
}

static void iac(void **state)
{
    (void)state;
    add_iac("policy", "s3-public", "ckv_aws_20", "aws_s3_bucket.a", 0, 0);
    add_iac("checkov", "CKV_AWS_20", NULL, "aws_s3_bucket.a", 0, 0);
    add_iac("trivy", "AVD-AWS-0107", NULL, "aws_security_group.x", 10, 20);
    add_iac("tfsec", "AWS-0107", NULL, "aws_security_group.x.ingress", 15, 15);
    run();
    assert_int_equal(w.set.n, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(w.set.v[i].tools->n, 2);
    w.set.n = 0;
    add_iac("a", "CKV_1", NULL, "r1", 1, 5);
    add_iac("b", "CKV_1", NULL, "r2", 6, 9); /* another resource, other lines */
    add_iac("b", "CKV_2", NULL, "r1", 1, 5); /* another check */
    add_iac("a", "CKV_1", NULL, "r3", 2, 3); /* the same tool */
    run();
    assert_int_equal(w.set.n, 4);
    w.set.n = 0;
    add_iac("policy", "x", "kics:1fa2-ab", "r1", 3, 3); /* KICS does not say whose id it is */
    add_iac("kics", "1fa2-ab", NULL, "r1", 9, 9);
    run();
    assert_int_equal(w.set.n, 1);
}

/* ---- order ---- */

static uint32_t seed;

static uint32_t any(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

enum { MIX = 400 };

/* The i-th finding of a mixed bag: few values each, so that much meets. */
static void add_mixed(uint32_t i)
{
    static const char *const tools[] = {"a", "b", "c", "d"};
    static const char *const ids[] = {CVE1, CVE2, GHSA1, "GHSA-bbbb-bbbb-bbbb", "PYSEC-2020-1"};
    static const char *const cwes[] = {"79", "89"};
    static const char *const titles[] = {"t1", "t2"};
    seed = i * 7919 + 1;
    uint32_t type = any(4);
    const char *tool = tools[any(4)];
    if (type == 0) {
        add_sca(tool, ids[any(5)], any(2) ? ids[any(5)] : NULL, any(2) ? NPM_A : "pkg:npm/b@2",
                any(2) ? "p.json" : NULL);
    } else if (type == 1) {
        struct sco_str cwe[2] = {sco_str_c(cwes[any(2)]), sco_str_c(cwes[any(2)])};
        struct sco_report_finding r = sast(tool, titles[any(2)], 1 + any(12), cwe);
        r.cwes.n = 1 + any(2);
        r.title = sco_str_c(titles[any(2)]);
        r.severity = 1 + any(5);
        r.column = any(3);
        wire_pass(&w, &r);
    } else if (type == 2) {
        add_iac(tool, any(2) ? "DS002" : "DS-0003", any(2) ? "CKV_1" : NULL,
                any(3)   ? "res"
                : any(2) ? "other"
                         : NULL,
                any(9), 0);
    } else {
        struct sco_report_finding r = report(SCO_TYPE_SECRET, titles[any(2)], "secret");
        r.tool_name = sco_str_c(tool);
        r.file_path = any(2) ? SCO_STR("a.env") : SCO_STR("b.env");
        r.secret = any(2) ? SCO_STR("hunter2hunter2") : SCO_STR("swordfish12345");
        r.line = any(4);
        wire_pass(&w, &r);
    }
}

/* The whole result as text. */
static char *result(const uint32_t *order)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    wire_done(&w);
    wire_init(&w, NULL);
    for (uint32_t i = 0; i < MIX; i++)
        add_mixed(order[i]);
    run();
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < w.set.n; i++)
        sco_finding_write(&o, &w.set.v[i]);
    sco_json_end(&o, ']');
    return sco_strdup(sco_buf_str(&b));
}

static void shuffled(void **state)
{
    (void)state;
    uint32_t order[MIX];
    for (uint32_t i = 0; i < MIX; i++)
        order[i] = i;
    char *want = result(order);
    assert_true(w.set.n > 20 && w.set.n < MIX * 3 / 4);
    for (int round = 0; round < 25; round++) {
        seed = (uint32_t)round + 77;
        for (uint32_t i = MIX - 1; i; i--) {
            uint32_t j = any(i + 1), t = order[i];
            order[i] = order[j];
            order[j] = t;
        }
        char *got = result(order);
        size_t at = 0;
        while (want[at] && want[at] == got[at])
            at++;
        if (want[at] || got[at])
            fail_msg("round %d differs at %zu:\n%.300s\n%.300s", round, at,
                     want + (at > 100 ? at - 100 : 0), got + (at > 100 ? at - 100 : 0));
        free(got);
    }
    free(want);
}

static void ranked(void **state)
{
    (void)state;
    struct sco_suppression s = {.kind = SCO_SUPPRESS_BASELINE};
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "suppressed");
    r.severity = SCO_SEV_CRITICAL;
    r.suppressions = &s;
    r.n_suppressions = 1;
    wire_pass(&w, &r);
    r = report(SCO_TYPE_SAST, "r", "low");
    r.severity = SCO_SEV_LOW;
    wire_pass(&w, &r);
    static const char *const files[] = {"b", "a", "c"};
    for (int i = 0; i < 3; i++) {
        r = report(SCO_TYPE_SAST, "r", files[i]);
        r.severity = SCO_SEV_HIGH;
        r.file_path = sco_str_c(files[i]);
        wire_pass(&w, &r);
    }
    run();
    static const char *const want[] = {"a", "b", "c", "low", "suppressed"};
    assert_int_equal(w.set.n, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(w.set.v[i].title, want[i]);
}

/* ---- hostile ---- */

/* All on one line, of two tools: a quadratic merge would take hours. */
static void one_line(void **state)
{
    (void)state;
    struct sco_str cwe = SCO_STR("79");
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        struct sco_report_finding r = sast(i % 2 ? "a" : "b", "r", 1 + i % 3, &cwe);
        r.column = 1 + i;
        wire_pass(&w, &r);
    }
    int64_t start = sco_mono_ms();
    run();
    assert_true(w.set.n >= N / 2 && w.set.n < N);
    if (sco_mono_ms() - start > 20000)
        fail_msg("%lld ms", (long long)(sco_mono_ms() - start));
}

static void one_cluster(void **state)
{
    (void)state;
    char id[32];
    enum { N = 20000 };
    for (int i = 0; i < N; i++) { /* a chain of aliases, all one weakness */
        char next[32];
        snprintf(id, sizeof id, "X-%d", i);
        snprintf(next, sizeof next, "X-%d", i + 1);
        add_sca(i % 2 ? "a" : "b", id, next, NPM_A, "p.json");
    }
    run();
    assert_int_equal(w.set.n, 1);
    assert_int_equal(w.set.v[0].occurrences, N);
    assert_int_equal(w.set.v[0].aliases->n, 64);
}

static void many_tools(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "tool-%05d", i);
        add_sast(name, "r", 10, "79");
    }
    run();
    /* identical rule and place: identification merges them, tools are capped */
    assert_int_equal(w.set.n, 1);
    assert_int_equal(w.set.v[0].tools->n, 64);
    w.set.n = 0;
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "tool-%05d", i);
        add_sast(name, name, 10, "79");
    }
    run();
    assert_int_equal(w.set.n, 5000 - 63); /* the first 64 tools take part */
}

static void empty(void **state)
{
    (void)state;
    run();
    assert_int_equal(w.set.n, 0);
}

static void out_of_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct sco_error err = {0};
        wire_done(&w);
        wire_init(&w, NULL);
        for (uint32_t i = 0; i < 60; i++)
            add_mixed(i);
        assert_int_equal(sco_findings_identify(&w.set, &err), 0);
        sco_alloc_fail_at(n);
        int code = sco_findings_correlate(&w.set, &err);
        code = code ? code : sco_findings_rank(&w.set, &err);
        bool done = sco_alloc_fail_at(-1) <= n;
        for (size_t i = 0; i < w.set.n; i++)
            assert_true(w.set.v[i].occurrences >= 1 && w.set.v[i].tools);
        if (done) {
            assert_int_equal(code, 0);
            return;
        }
        if (code != SCO_E_NOMEM)
            fail_msg("allocation %ld: %d", n, code);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sca_aliases),  T(sca_apart),     T(sca_native_ids), T(sast_near),      T(sast_apart),
        T(sast_nearest), T(sast_pairs),    T(sast_span),      T(merged_content), T(iac),
        T(shuffled),     T(ranked),        T(one_line),       T(one_cluster),    T(many_tools),
        T(empty),        T(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
