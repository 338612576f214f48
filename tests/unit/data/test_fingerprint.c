/* Fingerprints: what must not change them, what must, and what becomes one finding. */
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

static void identify(void)
{
    struct sco_error err = {0};
    if (sco_findings_identify(&w.set, &err) < 0)
        fail_msg("%s", err.text);
}

/* The fingerprint of one finding alone. */
static const char *fp(const struct sco_report_finding *r)
{
    static char hex[8][65];
    static int k;
    w.set.n = 0;
    wire_pass(&w, r);
    identify();
    assert_int_equal(w.set.n, 1);
    k = (k + 1) % 8;
    sco_fingerprint_hex(w.set.v[0].fingerprint, hex[k]);
    return hex[k];
}

#define SAME(a, b) assert_string_equal(fp(&(a)), fp(&(b)))
#define DIFFERS(a, b) assert_string_not_equal(fp(&(a)), fp(&(b)))

/* Texts, severity, version, tool: nothing of these is identity. */
static void reword(struct sco_report_finding *r)
{
    r->severity = SCO_SEV_CRITICAL;
    r->title = SCO_STR("another title");
    r->description = SCO_STR("reworded");
    r->remediation = SCO_STR("upgrade");
    r->tool_version = SCO_STR("99");
    r->tool_name = SCO_STR("tool");
    r->cvss_score = 3.3;
    r->package_version = SCO_STR("5.5.5");
    r->fixed_version = SCO_STR("6");
    r->line += r->line ? 100 : 0;
    r->column += r->line ? 3 : 0;
    r->commit = SCO_STR("0123456789");
}

static void sca(void **state)
{
    (void)state;
    struct sco_report_finding a = report(SCO_TYPE_SCA, "X-1", "t"), b;
    struct sco_str ids[] = {SCO_STR("GHSA-abcd-efgh-1234"), SCO_STR("CVE-2021-44228")};
    a.ids = (struct sco_str_list){ids, 2};
    a.package_name = SCO_STR("lodash");
    a.ecosystem = SCO_STR("npm");
    a.package_version = SCO_STR("1.0.0");
    a.file_path = SCO_STR("package-lock.json");
    b = a;
    reword(&b);
    SAME(a, b);
    b = a;
    b.rule_id = SCO_STR("CVE-2021-44228"); /* the rule does not matter when there is an id */
    SAME(a, b);
    b = a;
    b.purl = SCO_STR("pkg:npm/lodash@9.9?arch=x#y");
    b.package_name = SCO_STR("whatever");
    SAME(a, b);
    b = a;
    b.ids = (struct sco_str_list){ids + 1, 1};
    SAME(a, b);
    b = a;
    b.ids = (struct sco_str_list){ids, 1};
    DIFFERS(a, b);
    b = a;
    b.package_name = SCO_STR("lodash.merge");
    DIFFERS(a, b);
    b = a;
    b.file_path = SCO_STR("web/package-lock.json");
    DIFFERS(a, b);
    b.file_path = sco_str_make(NULL, 0);
    DIFFERS(a, b);
    a.ids = b.ids = (struct sco_str_list){NULL, 0};
    b = a;
    b.rule_id = SCO_STR("X-2");
    DIFFERS(a, b);
}

static void package_names(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"pkg:pypi/Jaraco.Text@1", "pkg:pypi/jaraco_text@2"},
        {"pkg:npm/%40angular/core@1", "pkg:npm/@angular/core"},
        {"pkg:npm/@angular/core@1", "pkg:npm/@angular/core@2"},
        {"pkg:golang/github.com/A/b@v1.0.0#sub", "pkg:golang/github.com/a/b"},
        {"pkg:maven/org.a/b@1?type=jar", "PKG:Maven/org.a/b"},
        {"pkg:npm/@scope", "pkg:npm/@scope?x=1"},
    };
    static const char *const other[][2] = {
        {"pkg:npm/JSONStream@1", "pkg:npm/jsonstream@1"},
        {"pkg:npm/a@1", "pkg:pypi/a@1"},
        {"pkg:npm/@a/b@1", "pkg:npm/@a/c@1"},
        {"pkg:npm/@a@1", "pkg:npm/@b@1"},
    };
    struct sco_report_finding a = report(SCO_TYPE_SCA, "CVE-2021-44228", "t"), b = a;
    for (size_t i = 0; i < SCO_ARRAY_LEN(pairs); i++) {
        a.purl = sco_str_c(pairs[i][0]);
        b.purl = sco_str_c(pairs[i][1]);
        SAME(a, b);
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(other); i++) {
        a.purl = sco_str_c(other[i][0]);
        b.purl = sco_str_c(other[i][1]);
        DIFFERS(a, b);
    }
}

static void sast(void **state)
{
    (void)state;
    struct sco_report_finding a = report(SCO_TYPE_SAST, "rule", "message"), b;
    a.file_path = SCO_STR("src/a.py");
    a.line = 10;
    a.snippet = SCO_STR("  eval(x)");
    b = a;
    reword(&b);
    SAME(a, b);
    b = a;
    b.snippet = SCO_STR("eval( x )\nnext line");
    b.file_path = SCO_STR("./src/../src/a.py");
    SAME(a, b);
    b = a;
    b.snippet = SCO_STR("eval(y)");
    DIFFERS(a, b);
    b = a;
    b.rule_id = SCO_STR("rule2");
    DIFFERS(a, b);
    b = a;
    b.file_path = SCO_STR("src/b.py");
    DIFFERS(a, b);
    b = a;
    b.type = SCO_TYPE_QUALITY; /* how a tool files it does not matter */
    SAME(a, b);
    /* without any source: rule, path and order */
    a.snippet = sco_str_make(NULL, 0);
    b = a;
    reword(&b);
    SAME(a, b);
    a.line = 0; /* no place at all */
    b = a;
    reword(&b);
    SAME(a, b);
}

static void iac(void **state)
{
    (void)state;
    struct sco_report_finding a = report(SCO_TYPE_IAC, "AVD-DS-0002", "t"), b;
    a.file_path = SCO_STR("Dockerfile");
    a.resource = SCO_STR("stage.0");
    b = a;
    reword(&b);
    b.snippet = SCO_STR("changed");
    SAME(a, b);
    b = a;
    b.rule_id = SCO_STR("DS002");
    SAME(a, b);
    b.rule_id = SCO_STR("DS-0002");
    SAME(a, b);
    b.rule_id = SCO_STR("DS-0003");
    DIFFERS(a, b);
    b = a;
    b.resource = SCO_STR("stage.1");
    DIFFERS(a, b);
    a.rule_id = SCO_STR("DL3002");
    b = a;
    b.rule_id = SCO_STR("DL-3002"); /* not that kind of name */
    DIFFERS(a, b);
    a.resource = b.resource = sco_str_make(NULL, 0);
    a.rule_id = b.rule_id;
    a.snippet = SCO_STR("USER root");
    b.snippet = SCO_STR("USER app");
    DIFFERS(a, b);
}

static void secret(void **state)
{
    (void)state;
    struct sco_report_finding a = report(SCO_TYPE_SECRET, "aws", "t"), b;
    a.file_path = SCO_STR("config.py");
    a.secret = SCO_STR("AKIAQWERTYUIOPASDFGH");
    b = a;
    reword(&b);
    b.rule_id = SCO_STR("generic");
    SAME(a, b);
    b = a;
    b.secret = SCO_STR("AKIAQWERTYUIOPASDFGX");
    DIFFERS(a, b);
    b = a;
    b.file_path = SCO_STR("other.py");
    DIFFERS(a, b);
    a.secret = sco_str_make(NULL, 0);
    b = a;
    b.rule_id = SCO_STR("generic");
    DIFFERS(a, b);
}

static void dast(void **state)
{
    (void)state;
    struct sco_report_finding a = report(SCO_TYPE_DAST, "40018", "SQL"), b;
    a.resource = SCO_STR("GET https://example.org/a/b?id=1&q=x#frag");
    a.parameter = SCO_STR("id");
    static const char *const same[] = {
        "GET HTTPS://Example.ORG:443/a/b?q=zzz&id=2",
        "GET https://user:pw@example.org/a/b?id=1&q=x&id=3",
        "GET https://example.org/a/b?id=&q=&cachebuster123",
    };
    static const char *const other[] = {
        "POST https://example.org/a/b?id=1&q=x",    "GET https://example.org/a/b?id=1",
        "GET http://example.org/a/b?id=1&q=x",      "GET https://example.org/A/b?id=1&q=x",
        "GET https://example.org:444/a/b?id=1&q=x",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(same); i++) {
        b = a;
        reword(&b);
        b.resource = sco_str_c(same[i]);
        SAME(a, b);
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(other); i++) {
        b = a;
        b.resource = sco_str_c(other[i]);
        DIFFERS(a, b);
    }
    b = a;
    b.parameter = SCO_STR("q");
    DIFFERS(a, b);
    a.resource = SCO_STR("GET http://h:80");
    b = a;
    b.resource = SCO_STR("GET http://h/");
    b.parameter = a.parameter;
    SAME(a, b);
}

static void license(void **state)
{
    (void)state;
    struct sco_report_finding a = report(SCO_TYPE_LICENSE, "GPL-3.0", "t"), b;
    a.purl = SCO_STR("pkg:npm/a@1");
    a.file_path = SCO_STR("package.json");
    b = a;
    reword(&b);
    b.purl = SCO_STR("pkg:npm/a@2");
    SAME(a, b);
    b.rule_id = SCO_STR("MIT");
    DIFFERS(a, b);
}

/* Values of version 1. Should one of these change, stored findings would all be new: make v2. */
static void frozen(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SCA, "CVE-2021-44228", "t");
    r.purl = SCO_STR("pkg:npm/a@1");
    r.file_path = SCO_STR("package-lock.json");
    assert_string_equal(fp(&r), "1d135bc8fc8e7dcf885860305d2779e0bf9f1b25446518a66c673f90fd38b78b");
    r = report(SCO_TYPE_SAST, "rule", "t");
    r.file_path = SCO_STR("a.py");
    r.snippet = SCO_STR("eval(x)");
    r.line = 1;
    assert_string_equal(fp(&r), "29896906ddf495c3bc16b9227ab04d06de5963fcccb8a1dbb4fa12cfabbb58d6");
}

/* ---- several items of one scan ---- */

static void add(const struct sco_report_finding *r)
{
    wire_pass(&w, r);
}

static void occurrences(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "rule", "t");
    r.file_path = SCO_STR("a.py");
    r.snippet = SCO_STR("eval(x)");
    uint8_t first[3][SCO_FINGERPRINT_LEN];
    for (r.line = 30; r.line >= 10; r.line -= 10)
        add(&r);
    identify();
    assert_int_equal(w.set.n, 3); /* the same text on three lines */
    for (size_t i = 0; i < 3; i++)
        memcpy(first[w.set.v[i].line / 10 - 1], w.set.v[i].fingerprint, SCO_FINGERPRINT_LEN);
    assert_memory_not_equal(first[0], first[1], SCO_FINGERPRINT_LEN);
    assert_memory_not_equal(first[1], first[2], SCO_FINGERPRINT_LEN);
    /* seven lines further down, in another order: the same three */
    w.set.n = 0;
    for (r.line = 17; r.line <= 37; r.line += 10)
        add(&r);
    identify();
    assert_int_equal(w.set.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(first[w.set.v[i].line / 10 - 1], w.set.v[i].fingerprint,
                            SCO_FINGERPRINT_LEN);
    /* identify again: nothing changes */
    identify();
    assert_int_equal(w.set.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(first[w.set.v[i].line / 10 - 1], w.set.v[i].fingerprint,
                            SCO_FINGERPRINT_LEN);
}

static void twice_the_same(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "rule", "t");
    r.file_path = SCO_STR("a.py");
    r.snippet = SCO_STR("eval(x)");
    r.line = 5;
    add(&r);
    add(&r);
    r.severity = SCO_SEV_HIGH; /* the same place, said stronger */
    add(&r);
    r.column = 9; /* another place */
    add(&r);
    r.title = SCO_STR("another message on that place");
    add(&r);
    identify();
    assert_int_equal(w.set.n, 3);
    uint32_t sum = 0;
    for (size_t i = 0; i < 3; i++) {
        const struct sco_finding *f = &w.set.v[i];
        sum += f->occurrences;
        if (f->column == 0) {
            assert_int_equal(f->occurrences, 3);
            assert_int_equal(f->severity, SCO_SEV_HIGH);
            assert_int_equal(f->tools->n, 1);
        }
    }
    assert_int_equal(sum, 5);
}

/* Results without any place are not all the same thing. */
static void nowhere(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "rule", "one");
    add(&r);
    r.title = SCO_STR("two");
    add(&r);
    identify();
    assert_int_equal(w.set.n, 2);
}

static void one_secret_many_places(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SECRET, "generic", "t");
    r.file_path = SCO_STR("a.env");
    r.secret = SCO_STR("hunter2hunter2hunter2");
    for (r.line = 9; r.line >= 3; r.line -= 3)
        add(&r);
    r.rule_id = SCO_STR("aws");
    r.tool_name = SCO_STR("another");
    r.line = 3;
    add(&r);
    identify();
    assert_int_equal(w.set.n, 1);
    const struct sco_finding *f = &w.set.v[0];
    assert_int_equal(f->occurrences, 4);
    assert_int_equal(f->line, 3);
    assert_int_equal(f->locations->n, 2);
    assert_int_equal(f->locations->v[0].line, 6);
    assert_int_equal(f->locations->v[1].line, 9);
    assert_int_equal(f->tools->n, 2);
    assert_string_equal(f->tools->v[0]->name, "another");
    assert_string_equal(f->rule_id, "aws");
}

/* Secrets whose value the tool does not give are told apart by place. */
static void hidden_secrets(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SECRET, "generic", "t");
    r.file_path = SCO_STR("a.env");
    r.secret = SCO_STR("REDACTED");
    for (r.line = 1; r.line <= 3; r.line++)
        add(&r);
    identify();
    assert_int_equal(w.set.n, 3);
}

static void package_versions(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SCA, "CVE-2021-44228", "t");
    struct sco_pair meta = {SCO_STR("k"), SCO_STR("v")};
    r.ecosystem = SCO_STR("npm");
    r.package_name = SCO_STR("a");
    r.file_path = SCO_STR("package-lock.json");
    r.metadata = &meta;
    r.n_metadata = 1;
    r.package_version = SCO_STR("2.0");
    r.fixed_version = SCO_STR("2.1");
    add(&r);
    r.package_version = SCO_STR("1.0");
    r.fixed_version = SCO_STR("1.9");
    add(&r);
    add(&r);
    identify();
    assert_int_equal(w.set.n, 1);
    const struct sco_finding *f = &w.set.v[0];
    assert_int_equal(f->occurrences, 3);
    assert_string_equal(f->package->version, "1.0");
    assert_string_equal(f->package->fixed_version, "1.9, 2.1");
    assert_string_equal(f->metadata, "{\"k\":\"v\",\"package_versions\":\"1.0, 2.0\"}");
    assert_null(f->locations);
}

/* Only when all say so is a merged finding suppressed. */
static void suppressed(void **state)
{
    (void)state;
    struct sco_suppression s = {.kind = SCO_SUPPRESS_INLINE, .reason = SCO_STR("nosec")};
    struct sco_suppression s2 = {.kind = SCO_SUPPRESS_WAIVER, .expires = SCO_STR("2030-01-01")};
    struct sco_report_finding r = report(SCO_TYPE_SAST, "rule", "t");
    r.suppressions = &s;
    r.n_suppressions = 1;
    add(&r);
    add(&r);
    r.suppressions = &s2;
    add(&r);
    identify();
    assert_int_equal(w.set.n, 1);
    assert_int_equal(w.set.v[0].suppressions->n, 2);
    r.n_suppressions = 0;
    add(&r);
    identify();
    assert_int_equal(w.set.n, 1);
    assert_null(w.set.v[0].suppressions);
    assert_int_equal(w.set.v[0].occurrences, 4);
}

static void many_the_same(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "rule", "t");
    char tool[32];
    enum { N = 20000 };
    for (int i = 0; i < N; i++) { /* hostile: one place, as many tools as findings */
        snprintf(tool, sizeof tool, "tool-%d", i);
        r.tool_name = sco_str_c(tool);
        add(&r);
    }
    identify();
    assert_int_equal(w.set.n, 1);
    assert_int_equal(w.set.v[0].occurrences, N);
    assert_int_equal(w.set.v[0].tools->n, 64);
    assert_string_equal(w.set.v[0].tools->v[0]->name, "tool-0");
}

static void out_of_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct sco_report_finding r = report(SCO_TYPE_SECRET, "rule", "t");
        struct sco_error err = {0};
        wire_done(&w);
        wire_init(&w, NULL);
        r.secret = SCO_STR("hunter2hunter2");
        for (r.line = 1; r.line < 5; r.line++)
            add(&r);
        r.type = SCO_TYPE_SCA;
        for (r.line = 1; r.line < 5; r.line++) {
            r.package_name = SCO_STR("x");
            r.package_version = r.line % 2 ? SCO_STR("1") : SCO_STR("2");
            add(&r);
        }
        sco_alloc_fail_at(n);
        int code = sco_findings_identify(&w.set, &err);
        bool done = sco_alloc_fail_at(-1) <= n;
        for (size_t i = 0; i < w.set.n; i++) /* a whole set, whatever happened */
            assert_true(w.set.v[i].occurrences >= 1 && w.set.v[i].tools);
        if (done) {
            assert_int_equal(code, 0);
            assert_int_equal(w.set.n, 2);
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
        T(sca),
        T(package_names),
        T(sast),
        T(iac),
        T(secret),
        T(dast),
        T(license),
        T(frozen),
        T(occurrences),
        T(twice_the_same),
        T(nowhere),
        T(one_secret_many_places),
        T(hidden_secrets),
        T(package_versions),
        T(suppressed),
        T(many_the_same),
        T(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
