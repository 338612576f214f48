/* The encoder's normal form: severity, ids, packages, secrets, texts, paths. */
#include "data_test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <secureops/fs.h>

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

static bool has_meta(const struct sco_finding *f, const char *text)
{
    return f->metadata && strstr(f->metadata, text);
}

/* ---- severity and CVSS ---- */

static const struct sco_finding *with_severity(uint32_t severity, const char *word, double score)
{
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    r.severity = severity;
    r.severity_text = sco_str_c(word);
    r.cvss_score = score;
    return wire_pass(&w, &r);
}

static void severity(void **state)
{
    (void)state;
    const struct sco_finding *f = with_severity(SCO_SEV_LOW, NULL, 9.9);
    assert_int_equal(f->severity, SCO_SEV_LOW); /* explicit wins */
    assert_null(f->metadata);
    f = with_severity(SCO_SEV_HIGH, "high", 0);
    assert_null(f->metadata); /* the same name */
    f = with_severity(SCO_SEV_HIGH, "BLOCKER", 0);
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_true(has_meta(f, "\"original_severity\":\"BLOCKER\""));
    f = with_severity(SCO_SEV_UNKNOWN, "Moderate", 9.9);
    assert_int_equal(f->severity, SCO_SEV_MEDIUM);
    assert_true(has_meta(f, "\"original_severity\":\"Moderate\""));
    f = with_severity(SCO_SEV_UNKNOWN, "UNKNOWN", 9.1);
    assert_int_equal(f->severity, SCO_SEV_CRITICAL);
    assert_true(has_meta(f, "\"original_severity\":\"UNKNOWN\""));
    assert_false(has_meta(f, "severity_unknown"));
    f = with_severity(SCO_SEV_UNKNOWN, "banana", 0);
    assert_int_equal(f->severity, SCO_SEV_INFO);
    assert_string_equal(f->metadata,
                        "{\"original_severity\":\"banana\",\"severity_unknown\":\"true\"}");
    f = with_severity(77, NULL, 0); /* out of range is unknown */
    assert_int_equal(f->severity, SCO_SEV_INFO);
    assert_true(has_meta(f, "severity_unknown"));
    f = with_severity(SCO_SEV_UNKNOWN, NULL, 6.95);
    assert_int_equal(f->severity, SCO_SEV_MEDIUM);
    f = with_severity(SCO_SEV_UNKNOWN, NULL, 11); /* not a score */
    assert_int_equal(f->severity, SCO_SEV_INFO);
    assert_true(f->cvss_score == 0);
    f = with_severity(SCO_SEV_UNKNOWN, NULL, __builtin_nan(""));
    assert_true(f->cvss_score == 0);
}

static void cvss(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SCA, "r", "t");
    r.severity = SCO_SEV_UNKNOWN;
    r.cvss_score = 1.0;
    r.cvss_vector = SCO_STR(" CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H ");
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_true(f->cvss_score == 9.8f); /* computed */
    assert_int_equal(f->severity, SCO_SEV_CRITICAL);
    assert_string_equal(f->cvss_vector, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
    r.cvss_vector = SCO_STR("(AV:N/AC:L/Au:N/C:P/I:P/A:P)");
    f = wire_pass(&w, &r);
    assert_true(f->cvss_score == 7.5f);
    r.cvss_vector = SCO_STR("CVSS:3.1/AV:N");
    f = wire_pass(&w, &r);
    assert_true(f->cvss_score == 1.0f);
    assert_null(f->cvss_vector);
    assert_int_equal(f->severity, SCO_SEV_LOW);
    assert_true(has_meta(f, "\"cvss_vector_invalid\":\"CVSS:3.1/AV:N\""));
    r.cvss_vector = SCO_STR("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N");
    f = wire_pass(&w, &r);
    assert_true(f->cvss_score == 0); /* a vector that scores 0 is known to be 0 */
    assert_int_equal(f->severity, SCO_SEV_INFO);
    assert_null(f->metadata);
}

/* ---- ids ---- */

static void ids(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SCA, "PYSEC-2021-1", "t");
    struct sco_str v[] = {SCO_STR(" pysec-2021-1 "),
                          SCO_STR("GHSA-ABCD-efgh-1234"),
                          SCO_STR("CVE-2021-123"), /* too short for a CVE */
                          SCO_STR("cve-2022-11111"),
                          SCO_STR("CVE-2021-22222"),
                          SCO_STR("")};
    r.ids = (struct sco_str_list){v, 6};
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_string_equal(f->cve_id, "CVE-2022-11111"); /* the first listed */
    assert_int_equal(f->aliases->n, 4);
    assert_string_equal(f->aliases->v[0], "PYSEC-2021-1");
    assert_string_equal(f->aliases->v[1], "GHSA-abcd-efgh-1234");
    assert_string_equal(f->aliases->v[2], "CVE-2021-123");
    assert_string_equal(f->aliases->v[3], "CVE-2021-22222");

    r = report(SCO_TYPE_SCA, "CVE-2021-44228", "t");
    f = wire_pass(&w, &r);
    assert_string_equal(f->cve_id, "CVE-2021-44228");
    assert_null(f->aliases);
    r = report(SCO_TYPE_SCA, "GHSA-abcd-efgh-1234", "t");
    f = wire_pass(&w, &r);
    assert_null(f->cve_id);
    assert_string_equal(f->aliases->v[0], "GHSA-abcd-efgh-1234");
    r = report(SCO_TYPE_SAST, "CVE-rule", "t");
    f = wire_pass(&w, &r);
    assert_null(f->cve_id);
    assert_null(f->aliases);
}

static void cwes(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    struct sco_str v[] = {SCO_STR("CWE-079: XSS"),  SCO_STR("cwe_89"), SCO_STR("0"),
                          SCO_STR("CWE-"),          SCO_STR("x79"),    SCO_STR("79x"),
                          SCO_STR("CWE-79"),        SCO_STR(" 22 "),   SCO_STR("12345678"),
                          SCO_STR("CWE-NVD-noinfo")};
    r.cwes = (struct sco_str_list){v, 10};
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_int_equal(f->cwe_ids->n, 3);
    assert_string_equal(f->cwe_ids->v[0], "CWE-79");
    assert_string_equal(f->cwe_ids->v[1], "CWE-89");
    assert_string_equal(f->cwe_ids->v[2], "CWE-22");
}

/* ---- packages ---- */

static void purls(void **state)
{
    (void)state;
    static const struct {
        const char *ecosystem, *name, *version, *purl, *type;
    } v[] = {
        {"npm", "@angular/core", "1.0.0", "pkg:npm/%40angular/core@1.0.0", "npm"},
        {"PyPI", "My_Package", "1.0", "pkg:pypi/my-package@1.0", "pypi"},
        {"Maven", "org.a:b", "1", "pkg:maven/org.a/b@1", "maven"},
        {"Go", "github.com/A/b", "v1.2", "pkg:golang/github.com/a/b@v1.2", "golang"},
        {"crates.io", "serde", NULL, "pkg:cargo/serde", "cargo"},
        {"Debian:12", "openssl", "1:3.0+deb", "pkg:deb/debian/openssl@1:3.0%2Bdeb", "deb"},
        {"ubuntu", "gcc", "1~2", "pkg:deb/ubuntu/gcc@1~2", "deb"},
        {"alpine", "musl", "1", "pkg:apk/alpine/musl@1", "apk"},
        {"rubygems", "rails", "7", "pkg:gem/rails@7", "gem"},
        {"nuget", "A.B", "1 2", "pkg:nuget/A.B@1%202", "nuget"},
        {"Packagist", "Symfony/Http", "6", "pkg:composer/symfony/http@6", "composer"},
        {"Martian", "thing", "1", NULL, "martian"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++) {
        struct sco_report_finding r = report(SCO_TYPE_SCA, "r", "t");
        r.ecosystem = sco_str_c(v[i].ecosystem);
        r.package_name = sco_str_c(v[i].name);
        r.package_version = sco_str_c(v[i].version);
        const struct sco_package *p = wire_pass(&w, &r)->package;
        if (v[i].purl)
            assert_string_equal(p->purl, v[i].purl);
        else
            assert_null(p->purl);
        assert_string_equal(p->ecosystem, v[i].type);
        assert_string_equal(p->name, v[i].name);
    }
}

static void read_from_purl(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SCA, "r", "t");
    r.purl = SCO_STR("pkg:npm/%40scope/name@1.2%2B3?x=y#sub");
    const struct sco_package *p = wire_pass(&w, &r)->package;
    assert_string_equal(p->name, "@scope/name");
    assert_string_equal(p->version, "1.2+3");
    assert_string_equal(p->ecosystem, "npm");
    assert_string_equal(p->purl, "pkg:npm/%40scope/name@1.2%2B3?x=y#sub");
    r.purl = SCO_STR("not a purl");
    p = wire_pass(&w, &r)->package;
    assert_null(p->name);
    r.purl = SCO_STR("pkg:npm/a%00b@%FF"); /* decodes to nonsense: repaired */
    p = wire_pass(&w, &r)->package;
    assert_string_equal(p->name, "a\xEF\xBF\xBD"
                                 "b");
    assert_string_equal(p->version, "\xEF\xBF\xBD");
}

/* ---- texts ---- */

static void texts(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, " rule\n1 ", NULL);
    r.description = sco_str_make("bad \xFF, nul \0.", 12);
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_string_equal(f->rule_id, "rule 1");
    assert_string_equal(f->title, "rule 1"); /* nothing better */
    assert_string_equal(f->description, "bad \xEF\xBF\xBD, nul \xEF\xBF\xBD");
    r.title = SCO_STR("  two \r\n\t lines\x7F ");
    assert_string_equal(wire_pass(&w, &r)->title, "two lines");
    r.title = SCO_STR("   ");
    assert_string_equal(wire_pass(&w, &r)->title, "rule 1");
}

static void cut(void **state)
{
    (void)state;
    char *big = malloc(40000);
    for (size_t i = 0; i + 3 <= 40000; i += 3)
        memcpy(big + i, "\xE2\x82\xAC", 3); /* three bytes: cuts fall within */
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", NULL);
    struct sco_str ref = sco_str_make(big, 30000);
    r.title = sco_str_make(big, 600);
    r.description = sco_str_make(big, 39999);
    r.remediation = sco_str_make(big, 9999);
    r.references = (struct sco_str_list){&ref, 1};
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_true(strlen(f->title) <= 500 && strlen(f->title) > 490);
    assert_true(strlen(f->description) <= 16384 && strlen(f->description) > 16370);
    assert_int_equal(strlen(f->remediation), 9999);
    assert_true(strlen(f->references->v[0]) <= 4096);
    assert_string_equal(f->title + strlen(f->title) - 3, "...");
    assert_true(sco_utf8_valid(sco_str_c(f->title)));
    assert_true(sco_utf8_valid(sco_str_c(f->description)));
    assert_true(has_meta(f, "\"truncated\":\"title, description, references\""));
    free(big);
}

/* Lists beyond their limits lose their ends, nothing else. */
static void long_lists(void **state)
{
    (void)state;
    enum { N = 3000 };
    static struct sco_str v[N];
    static char text[N][24];
    static struct sco_pair meta[N];
    static struct sco_location places[N];
    static struct sco_suppression sup[N];
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "ID-%d", i + 1);
        v[i] = sco_str_c(text[i]);
        meta[i] = (struct sco_pair){v[i], v[i]};
        places[i].line = i;
        sup[i].kind = SCO_SUPPRESS_INLINE;
    }
    struct sco_report_finding r = report(SCO_TYPE_SCA, "r", "t");
    r.ids = r.cwes = r.references = (struct sco_str_list){v, N};
    r.metadata = meta;
    r.n_metadata = N;
    r.locations = places;
    r.n_locations = N;
    r.suppressions = sup;
    r.n_suppressions = N;
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_int_equal(f->aliases->n, 64);
    assert_int_equal(f->references->n, 256);
    assert_int_equal(f->locations->n, 1000);
    assert_int_equal(f->suppressions->n, 64);
    assert_true(has_meta(f, "\"ID-128\":\"ID-128\""));
    assert_false(has_meta(f, "\"ID-129\""));
    assert_true(has_meta(f, "metadata entries"));
}

static void metadata(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    struct sco_pair v[] = {{SCO_STR("a"), SCO_STR("1")},
                           {SCO_STR("a"), SCO_STR("2")},
                           {SCO_STR(""), SCO_STR("x")},
                           {SCO_STR("empty"), SCO_STR("")},
                           {SCO_STR("secret_digest"), SCO_STR("fake")},
                           {SCO_STR("severity_unknown"), SCO_STR("lie")},
                           {SCO_STR("q\"k"), SCO_STR("b\\s")}};
    r.severity = SCO_SEV_UNKNOWN;
    r.metadata = v;
    r.n_metadata = 7;
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_string_equal(f->metadata,
                        "{\"a\":\"1\",\"q\\\"k\":\"b\\\\s\",\"severity_unknown\":\"true\"}");
}

static void flags_and_lines(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    r.flags = SCO_FINDING_FALSE_POSITIVE | SCO_FINDING_KEV;
    r.line = INT64_MAX;
    r.end_line = INT64_MAX;
    r.column = -5;
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_int_equal(f->status, SCO_STATUS_FALSE_POSITIVE);
    assert_int_equal(f->kev, 1);
    assert_int_equal(f->line, INT32_MAX);
    assert_int_equal(f->column, 0);
    r.flags = SCO_FINDING_RESOLVED;
    r.line = 0;
    r.column = 9; /* no line, no column */
    f = wire_pass(&w, &r);
    assert_int_equal(f->status, SCO_STATUS_RESOLVED);
    assert_int_equal(f->column, 0);
}

static void tools(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    assert_string_equal(wire_pass(&w, &r)->tools->v[0]->version, "1.0");
    assert_int_equal(sco_encoder_tool(w.e, SCO_STR("other"), sco_str_make(NULL, 0)), 0);
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_string_equal(f->tools->v[0]->name, "other");
    assert_null(f->tools->v[0]->version);
    r.tool_name = SCO_STR("own");
    r.tool_version = SCO_STR("7");
    f = wire_pass(&w, &r);
    assert_string_equal(f->tools->v[0]->name, "own");
    assert_string_equal(f->tools->v[0]->version, "7");
}

static void refused(void **state)
{
    (void)state;
    struct sco_error err;
    struct sco_buf out = {0};
    struct sco_report_finding r = report(0, "r", "t");
    sco_buf_addz(&out, "before");
    assert_int_equal(sco_encoder_add(w.e, &r, &out, &err), SCO_E_INVALID);
    r = report(8, "r", "t");
    assert_int_equal(sco_encoder_add(w.e, &r, &out, &err), SCO_E_INVALID);
    r = report(SCO_TYPE_SAST, " \n", "t");
    assert_int_equal(sco_encoder_add(w.e, &r, &out, &err), SCO_E_INVALID);
    r = report(SCO_TYPE_SAST, "r", "t");
    r.struct_size = 8;
    assert_int_equal(sco_encoder_add(w.e, &r, &out, &err), SCO_E_INVALID);
    r = report(SCO_TYPE_SAST, "\x0E", "t"); /* nothing is left of it */
    assert_int_equal(sco_encoder_add(w.e, &r, &out, &err), SCO_E_INVALID);
    assert_string_equal(sco_buf_z(&out), "before");
    /* an older, smaller struct: the fields beyond it are not read */
    r = report(SCO_TYPE_SAST, "r", "t");
    r.description = SCO_STR("beyond");
    r.struct_size = offsetof(struct sco_report_finding, description);
    assert_null(wire_pass(&w, &r)->description);
    sco_buf_done(&out);
}

/* ---- secrets ---- */

static void secrets(void **state)
{
    (void)state;
    static const char value[] = "  AKIAQWERTYUIOPASDFGH\n";
    struct sco_report_finding r = report(SCO_TYPE_SECRET, "aws-key", "key AKIAQWERTYUIOPASDFGH");
    struct sco_pair meta[] = {{SCO_STR("match"), SCO_STR("id=AKIAQWERTYUIOPASDFGH;")},
                              {SCO_STR("AKIAQWERTYUIOPASDFGH"), SCO_STR("v")}};
    struct sco_str ref = SCO_STR("https://x/?k=AKIAQWERTYUIOPASDFGH&k=AKIAQWERTYUIOPASDFGH");
    r.secret = sco_str_c(value);
    r.description = SCO_STR("found   AKIAQWERTYUIOPASDFGH\n twice AKIAQWERTYUIOPASDFGH");
    r.remediation = r.description;
    r.resource = r.title;
    r.parameter = r.title;
    r.file_path = SCO_STR("dir/AKIAQWERTYUIOPASDFGH.txt");
    r.snippet = SCO_STR("AKIAQWERTYUIOPASDFGH");
    r.references = (struct sco_str_list){&ref, 1};
    r.metadata = meta;
    r.n_metadata = 2;
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_null(strstr(sco_buf_z(&w.buf), "AKIAQ"));
    assert_string_equal(f->title, "key [redacted]");
    assert_string_equal(f->references->v[0], "https://x/?k=[redacted]&k=[redacted]");
    assert_string_equal(f->secret_preview, "AKIA**** (16 to 31 bytes)");
    assert_int_equal(strlen(f->secret_digest), 64);
    assert_string_equal(f->secret_digest,
                        "9fd0a9af6eafc96aa7b4cb648ddaf702e17550474edf6b5a612bb66e77cbf065");
    assert_null(f->identity); /* the line would hold the value */
}

static void short_secrets(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SECRET, "password", "password = abc in abcdef");
    r.secret = SCO_STR("abc");
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_string_equal(f->title, "password = [redacted] in abcdef");
    assert_string_equal(f->secret_preview, "**** (under 8 bytes)");
    r.secret = SCO_STR("fifteen-bytes-x");
    f = wire_pass(&w, &r);
    assert_string_equal(f->secret_preview, "**** (8 to 15 bytes)");
    /* a value that the tool has hidden is none: digests of it would all be the same */
    static const char *const masked[] = {"REDACTED", "********", "[redacted]", "xxxxxxxx", "  "};
    for (size_t i = 0; i < SCO_ARRAY_LEN(masked); i++) {
        r.secret = sco_str_c(masked[i]);
        f = wire_pass(&w, &r);
        assert_null(f->secret_digest);
        assert_null(f->secret_preview);
    }
}

static void long_secrets(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SECRET, "private-key", "key");
    r.secret = SCO_STR("-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA1234567890\nabcdefghijklmnopqrstuv\n"
                       "-----END KEY-----\n");
    r.description =
        SCO_STR("starts with MIIEpAIBAAKCAQEA1234567890 and so on, -----BEGIN KEY-----");
    const struct sco_finding *f = wire_pass(&w, &r);
    assert_string_equal(f->description, "starts with [redacted] and so on, -----BEGIN KEY-----");
    /* the cut comes after the search: no half of a secret at the end */
    char *big = malloc(20000);
    memset(big, '.', 20000);
    memcpy(big + 16374, "abcdefghijklmnopqrstuv", 22);
    r.description = sco_str_make(big, 20000);
    f = wire_pass(&w, &r);
    assert_null(strstr(f->description, "abc"));
    free(big);
}

static void own_key(void **state)
{
    (void)state;
    struct sco_encoder_options o = {.tool_name = "t", .digest_key = SCO_STR("k")};
    struct wire other;
    wire_init(&other, &o);
    struct sco_report_finding r = report(SCO_TYPE_SECRET, "r", "t");
    r.secret = SCO_STR("a secret value");
    const char *a = wire_pass(&w, &r)->secret_digest, *b = wire_pass(&other, &r)->secret_digest;
    assert_string_not_equal(a, b);
    assert_string_equal(wire_pass(&other, &r)->secret_digest, b);
    wire_done(&other);
}

/* ---- sources ---- */

struct tree {
    char *root;
    struct wire w;
};

static void write_file(const struct tree *t, const char *name, const char *text)
{
    struct sco_error err = {0};
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", t->root, name);
    if (sco_fs_write(path, sco_str_c(text), 0600, &err) < 0)
        fail_msg("%s", err.text);
}

static void tree_init(struct tree *t)
{
    struct sco_error err = {0};
    char path[1024];
    assert_int_equal(sco_fs_mkdtemp(NULL, "enc", &t->root, &err), 0);
    snprintf(path, sizeof path, "%s/src", t->root);
    assert_int_equal(mkdir(path, 0700), 0);
    struct sco_encoder_options o = {.root = t->root, .read_sources = true, .tool_name = "t"};
    wire_init(&t->w, &o);
}

static void tree_done(struct tree *t)
{
    wire_done(&t->w);
    sco_fs_remove_tree(t->root);
    free(t->root);
}

static const char *identity(struct tree *t, const char *path, int64_t line, const char *snippet)
{
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    r.file_path = sco_str_c(path);
    r.line = line;
    r.snippet = sco_str_c(snippet);
    return wire_pass(&t->w, &r)->identity;
}

static void source_lines(void **state)
{
    (void)state;
    struct tree t;
    tree_init(&t);
    write_file(&t, "src/a.py", "first\n\n    call( x )\nlast");
    const char *call = identity(&t, "src/a.py", 3, NULL);
    assert_int_equal(strlen(call), 24);
    assert_string_equal(identity(&t, "src/a.py", 3, "something else"), call);    /* source first */
    assert_string_equal(identity(&t, "gone.py", 9, "\n\tcall(x) \nmore"), call); /* snippet else */
    assert_string_not_equal(identity(&t, "src/a.py", 1, NULL), call);
    assert_string_equal(identity(&t, "src/a.py", 4, NULL), identity(&t, "gone.py", 1, "last"));
    assert_null(identity(&t, "src/a.py", 5, NULL)); /* beyond the end */
    assert_null(identity(&t, "src/a.py", 2, NULL)); /* blank */
    assert_null(identity(&t, "gone.py", 1, "requires login"));
    assert_string_equal(identity(&t, "/src/a.py", 3, NULL), call); /* as Checkov writes it */
    tree_done(&t);
}

/* Nothing outside of the tree is read, and nothing that could block. */
static void hostile_tree(void **state)
{
    (void)state;
    struct tree t;
    char path[1024], target[1024];
    tree_init(&t);
    write_file(&t, "real.txt", "secret line\n");
    snprintf(path, sizeof path, "%s/link", t.root);
    snprintf(target, sizeof target, "%s/real.txt", t.root);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof path, "%s/dirlink", t.root);
    assert_int_equal(symlink(t.root, path), 0);
    snprintf(path, sizeof path, "%s/fifo", t.root);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_non_null(identity(&t, "real.txt", 1, NULL));
    assert_null(identity(&t, "link", 1, NULL));
    assert_null(identity(&t, "dirlink/real.txt", 1, NULL));
    assert_null(identity(&t, "fifo", 1, NULL));
    assert_null(identity(&t, "src", 1, NULL));
    assert_null(identity(&t, "../../../etc/passwd", 1, NULL));
    assert_null(identity(&t, "/etc/passwd", 1, NULL));
    tree_done(&t);
}

static const char *path_of(struct tree *t, const char *path)
{
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    r.file_path = sco_str_c(path);
    return wire_pass(&t->w, &r)->file_path;
}

static void paths(void **state)
{
    (void)state;
    struct tree t;
    char path[1024];
    tree_init(&t);
    write_file(&t, "src/a.py", "x\n");
    snprintf(path, sizeof path, "%s/src/a.py", t.root);
    assert_string_equal(path_of(&t, path), "src/a.py");
    assert_string_equal(path_of(&t, "./src//a.py"), "src/a.py");
    assert_string_equal(path_of(&t, "src/a.py"), "src/a.py");
    assert_string_equal(path_of(&t, "/src/a.py"), "src/a.py");
    /* from another checkout: what exists here is taken */
    assert_string_equal(path_of(&t, "/home/nobody/build/17/src/a.py"), "src/a.py");
    assert_string_equal(path_of(&t, "file:///home/nobody/build/17/src/a.py"), "src/a.py");
    assert_string_equal(path_of(&t, "/home/nobody/build/17/src/b.py"),
                        "home/nobody/build/17/src/b.py");
    assert_string_equal(path_of(&t, "https://example.org/a"), "https://example.org/a");
    assert_string_equal(path_of(&t, "lib.jar!/x.class"), "lib.jar!/x.class");
    assert_null(path_of(&t, NULL));
    tree_done(&t);
}

/* A very long line is hashed from the column on, so that two places on it differ. */
static void long_line(void **state)
{
    (void)state;
    struct tree t;
    tree_init(&t);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (int i = 0; i < 100000; i++)
        sco_buf_addf(&b, "call(%d);", i);
    write_file(&t, "min.js", sco_buf_z(&b));
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    r.file_path = SCO_STR("min.js");
    r.line = 1;
    r.column = 5001;
    const char *a = wire_pass(&t.w, &r)->identity;
    r.column = 500001;
    const char *c = wire_pass(&t.w, &r)->identity;
    assert_string_not_equal(a, c);
    r.column = 99999999; /* beyond the line */
    assert_non_null(wire_pass(&t.w, &r)->identity);
    tree_done(&t);
}

static void stable_ids(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SAST, "r", "t");
    r.line = 5;
    r.stable_id = SCO_STR("similarity-1");
    const char *a = wire_pass(&w, &r)->identity;
    assert_non_null(a);
    r.snippet = SCO_STR("x");
    assert_string_not_equal(wire_pass(&w, &r)->identity, a);
    r.type = SCO_TYPE_SCA; /* not part of its identity */
    assert_null(wire_pass(&w, &r)->identity);
    r.type = SCO_TYPE_IAC;
    r.resource = SCO_STR("aws_s3_bucket.a");
    assert_null(wire_pass(&w, &r)->identity);
}

/* ---- out of memory ---- */

/* A failed finding leaves neither a byte nor a number behind: the decoder still agrees. */
static void out_of_memory(void **state)
{
    (void)state;
    struct sco_report_finding r = report(SCO_TYPE_SECRET, "GHSA-abcd-efgh-1234", "the title");
    struct sco_str cwe = SCO_STR("79"),
                   ref = SCO_STR("https://example.org/a/page/of/some/length/x");
    struct sco_pair meta = {SCO_STR("key"),
                            SCO_STR("a value of more than forty-eight bytes, it is")};
    struct sco_location place = {.file_path = SCO_STR("x/y")};
    r.description = SCO_STR("a description of more than forty-eight bytes: hunter2hunter2");
    r.secret = SCO_STR("hunter2hunter2");
    r.file_path = SCO_STR("./a/../b");
    r.purl = SCO_STR("pkg:npm/%41@1");
    r.cwes = (struct sco_str_list){&cwe, 1};
    r.references = (struct sco_str_list){&ref, 1};
    r.metadata = &meta;
    r.n_metadata = 1;
    r.locations = &place;
    r.n_locations = 1;
    struct sco_error err;
    long n = 0;
    for (int rounds = 0; rounds < 3; n++) {
        size_t before = w.buf.n;
        sco_alloc_fail_at(n);
        int code = sco_encoder_add(w.e, &r, &w.buf, &err);
        bool reached = sco_alloc_fail_at(-1) > n;
        if (code < 0) {
            assert_int_equal(code, SCO_E_NOMEM);
            assert_int_equal(w.buf.n, before);
            assert_false(w.buf.failed);
        }
        if (!reached) {
            assert_int_equal(code, 0);
            rounds++;
            n = -1;
        }
    }
    assert_int_equal(sco_decoder_batch(w.d, sco_buf_str(&w.buf), &w.set, &err), 0);
    for (size_t i = 0; i < w.set.n; i++)
        assert_string_equal(w.set.v[i].description,
                            "a description of more than forty-eight bytes: [redacted]");
    for (n = 0;; n++) {
        struct sco_encoder_options o = {.root = "/x", .tool_name = "t", .digest_key = SCO_STR("k")};
        sco_alloc_fail_at(n);
        struct sco_encoder *e = sco_encoder_new(&o);
        if (sco_alloc_fail_at(-1) <= n) {
            assert_non_null(e);
            sco_encoder_free(e);
            return;
        }
        assert_null(e);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(severity),        T(cvss),       T(ids),           T(cwes),         T(purls),
        T(read_from_purl),  T(texts),      T(cut),           T(long_lists),   T(metadata),
        T(flags_and_lines), T(tools),      T(refused),       T(secrets),      T(short_secrets),
        T(long_secrets),    T(own_key),    T(source_lines),  T(hostile_tree), T(paths),
        T(long_line),       T(stable_ids), T(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
