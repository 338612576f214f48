/* SARIF: the shape of runs, rules, results; read back with another JSON library. That the whole is
 * valid against the schema is tests/integration/test_sarif_schema.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include <secureops/fs.h>

#include "hostile.h"
#include "scan_fixture.h"

static json_t *load(const struct sco_buf *b)
{
    json_error_t e;
    json_t *j = json_loadb(b->p, b->n, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        fprintf(stderr, "%s at %d:%d\n", e.text, e.line, e.column);
    assert_non_null(j);
    return j;
}

/* A value by names and numbers: "runs.0.tool.driver.name" with '/' between. NULL: absent. */
static json_t *at(json_t *j, const char *path)
{
    char part[64];
    while (j && *path) {
        size_t n = strcspn(path, "/");
        assert_true(n < sizeof part);
        memcpy(part, path, n);
        part[n] = 0;
        j = json_is_array(j) ? json_array_get(j, (size_t)strtoul(part, NULL, 10))
                             : json_object_get(j, part);
        path += n + (path[n] == '/');
    }
    return j;
}

static void text_is(json_t *j, const char *path, const char *want)
{
    const char *got = json_string_value(at(j, path));
    if (!got || strcmp(got, want) != 0)
        fprintf(stderr, "%s: got %s\n", path, got ? got : "(nothing)");
    assert_non_null(got);
    assert_string_equal(got, want);
}

static void number_is(json_t *j, const char *path, long long want)
{
    assert_true(json_is_integer(at(j, path)));
    assert_int_equal(json_integer_value(at(j, path)), want);
}

static json_t *report(const struct sco_scan *s)
{
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(s, SCO_REPORT_SARIF, NULL);
    return load(&b);
}

static void two_results(struct sco_scan *s)
{
    fixture_init(s);
    fixture_run(s, "semgrep", "Semgrep", SCO_RUN_STATUS_COMPLETED);
    struct sco_finding *f = fixture_finding(s, SCO_TYPE_SAST, SCO_SEV_CRITICAL, "Semgrep",
                                            "py.eval", "Use of eval [bad]");
    f->cwe_ids = fixture_strs(s, (const char *const[]){"CWE-95", "CWE-79", "nonsense", NULL});
    f->references =
        fixture_strs(s, (const char *const[]){"not a url", "https://a.example/x", NULL});
    f->file_path = "b dir/x[1].py";
    f->column = 5;
    f->end_column = 9;
    f->cvss_score = 9.8f;
    f->risk_score = 64.25f;
    f = fixture_finding(s, SCO_TYPE_SAST, SCO_SEV_LOW, "Semgrep", "py.other", "Other");
    f->file_path = "a.py";
    f->line = 3;
    f->column = 7;
    f->end_column = 7;
    f->end_line = 2;
    fixture_count(s);
}

static void results(void **state)
{
    (void)state;
    struct sco_scan s;
    two_results(&s);
    json_t *j = report(&s);
    text_is(j, "version", "2.1.0");
    assert_int_equal(json_array_size(at(j, "runs")), 1);
    text_is(j, "runs/0/tool/driver/name", "Semgrep");
    text_is(j, "runs/0/tool/driver/semanticVersion", "1.2.3");
    text_is(j, "runs/0/automationDetails/id",
            "secureops/semgrep/0b7c6c1e-5d0c-4a6e-9a53-0123456789ab");
    /* by place: a.py first */
    json_t *a = at(j, "runs/0/results/0"), *b = at(j, "runs/0/results/1");
    text_is(a, "ruleId", "py.other");
    text_is(a, "level", "note");
    number_is(a, "locations/0/physicalLocation/region/startLine", 3);
    number_is(a, "locations/0/physicalLocation/region/startColumn", 7);
    assert_null(at(a, "locations/0/physicalLocation/region/endColumn"));
    assert_null(at(a, "locations/0/physicalLocation/region/endLine"));
    text_is(b, "ruleId", "py.eval");
    text_is(b, "level", "error");
    text_is(b, "message/text", "Use of eval \\[bad\\].");
    text_is(b, "locations/0/physicalLocation/artifactLocation/uri", "b%20dir/x%5B1%5D.py");
    text_is(b, "locations/0/physicalLocation/artifactLocation/uriBaseId", "%SRCROOT%");
    number_is(b, "locations/0/physicalLocation/region/endColumn", 9);
    text_is(b, "properties/severity", "CRITICAL");
    assert_null(at(b, "suppressions"));
    for (size_t i = 0; i < 2; i++) {
        json_t *r = json_array_get(at(j, "runs/0/results"), i);
        json_t *rule = json_array_get(at(j, "runs/0/tool/driver/rules"),
                                      (size_t)json_integer_value(at(r, "ruleIndex")));
        text_is(rule, "id", json_string_value(at(r, "ruleId")));
        assert_int_equal(
            json_string_length(json_object_get(at(r, "fingerprints"), "secureops/finding/v1")), 64);
    }
    json_decref(j);
    fixture_done(&s);
}

static void rules(void **state)
{
    (void)state;
    struct sco_scan s;
    two_results(&s);
    json_t *j = report(&s), *b = at(j, "runs/0/results/1");
    json_t *rule = json_array_get(at(j, "runs/0/tool/driver/rules"),
                                  (size_t)json_integer_value(at(b, "ruleIndex")));
    text_is(rule, "name", "UseOfEvalBad");
    text_is(rule, "shortDescription/text", "Use of eval [bad]");
    text_is(rule, "helpUri", "https://a.example/x");
    text_is(rule, "defaultConfiguration/level", "error");
    text_is(rule, "properties/security-severity", "9.8");
    text_is(rule, "properties/tags/0", "security");
    text_is(rule, "properties/tags/2", "external/cwe/cwe-095");
    assert_int_equal(json_array_size(at(rule, "relationships")), 2);
    text_is(rule, "relationships/1/target/id", "CWE-79");
    json_t *taxon =
        json_array_get(at(j, "runs/0/taxonomies/0/taxa"),
                       (size_t)json_integer_value(at(rule, "relationships/1/target/index")));
    text_is(taxon, "id", "CWE-79");
    json_decref(j);
    fixture_done(&s);
}

static void packages_urls_and_images(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    s.target = "registry.example/app:1.0";
    fixture_run(&s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    struct sco_finding *f =
        fixture_finding(&s, SCO_TYPE_SCA, SCO_SEV_HIGH, "Trivy", "CVE-1", "Overflow");
    fixture_package(&s, f, "left-pad", "1.0.0", "1.0.1");
    f->file_path = NULL;
    f->line = 0;
    f = fixture_finding(&s, SCO_TYPE_DAST, SCO_SEV_MEDIUM, "Trivy", "10020", "Header missing");
    f->file_path = NULL;
    f->line = 0;
    f->resource = "GET https://shop.example:8443/a/b?session=123#x";
    json_t *j = report(&s), *r = at(j, "runs/0/results");
    json_t *image = json_array_get(r, 1), *url = json_array_get(r, 0);
    text_is(url, "ruleId", "10020");
    text_is(url, "locations/0/physicalLocation/artifactLocation/uri", "shop.example%3A8443/a/b");
    number_is(url, "locations/0/physicalLocation/region/startLine", 1);
    assert_true(json_is_false(at(url, "properties/lineKnown")));
    text_is(image, "locations/0/physicalLocation/artifactLocation/uri",
            "registry.example/app%3A1.0");
    text_is(image, "locations/0/logicalLocations/0/fullyQualifiedName", "pkg:npm/left-pad@1.0.0");
    text_is(image, "message/text",
            "Overflow. Package left-pad 1.0.0: upgrade left-pad 1.0.0 to 1.0.1.");
    assert_null(at(image, "partialFingerprints/primaryLocationLineHash"));
    json_decref(j);
    /* a folder of this machine is not told */
    s.target = s.runs[0].target = "/home/someone/secret-project";
    j = report(&s);
    text_is(j, "runs/0/results/1/locations/0/physicalLocation/artifactLocation/uri",
            "secret-project");
    json_decref(j);
    fixture_done(&s);
}

/* A rule whose findings differ gets a general text, and the severity of the worst. */
static void rule_of_many(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    fixture_finding(&s, SCO_TYPE_SECRET, SCO_SEV_LOW, "T", "aws-KEY", "Key of A")->cvss_score =
        9.9f;
    fixture_finding(&s, SCO_TYPE_SECRET, SCO_SEV_HIGH, "T", "aws-KEY", "Key of B");
    json_t *j = report(&s), *rule = at(j, "runs/0/tool/driver/rules/0");
    assert_int_equal(json_array_size(at(j, "runs/0/tool/driver/rules")), 1);
    text_is(rule, "shortDescription/text", "Secret in the source: aws-KEY");
    text_is(rule, "name", "AwsKey");
    text_is(rule, "properties/security-severity", "8.0");
    text_is(rule, "defaultConfiguration/level", "error");
    json_decref(j);
    fixture_done(&s);
}

static void suppressions(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "T", "a", "A");
    struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "T", "b", "B");
    fixture_suppress(&s, f, SCO_SUPPRESS_INLINE, "test code", NULL);
    f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "T", "c", "C");
    f->status = SCO_STATUS_FALSE_POSITIVE;
    fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "U", "a", "A");
    json_t *j = report(&s);
    assert_int_equal(json_array_size(at(j, "runs/0/results/0/suppressions")), 0);
    assert_true(json_is_array(at(j, "runs/0/results/0/suppressions")));
    text_is(j, "runs/0/results/1/suppressions/0/kind", "inSource");
    text_is(j, "runs/0/results/1/suppressions/0/justification", "test code");
    text_is(j, "runs/0/results/2/suppressions/0/kind", "external");
    assert_null(at(j, "runs/1/results/0/suppressions"));
    json_decref(j);
    fixture_done(&s);
}

static json_t *run_of(json_t *j, const char *tool)
{
    size_t i;
    json_t *run;
    json_array_foreach(at(j, "runs"), i,
                       run) if (strcmp(json_string_value(at(run, "tool/driver/name")), tool) ==
                                0) return run;
    return NULL;
}

static json_t *invocation_of(json_t *run, const char *scanner)
{
    size_t i;
    json_t *v;
    json_array_foreach(at(run, "invocations"), i,
                       v) if (strcmp(json_string_value(at(v, "properties/scanner")), scanner) ==
                              0) return v;
    return NULL;
}

static void every_status(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    static const char *const names[] = {"A", "B", "C", "D", "E", "F"};
    for (int i = 0; i < SCO_RUN_STATUS_MAX_; i++)
        fixture_run(&s, names[i], names[i], (enum sco_run_status)i)->reason = "why";
    fixture_run(&s, "G", "G", SCO_RUN_STATUS_MISSING)->required = true;
    fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "C", "a", "A");
    json_t *j = report(&s), *own = run_of(j, "SecureOps");
    assert_int_equal(json_array_size(at(j, "runs")), 3);
    assert_true(json_is_array(at(run_of(j, "A"), "results")));
    assert_int_equal(json_array_size(at(run_of(j, "A"), "results")), 0);
    assert_true(json_is_true(at(run_of(j, "A"), "invocations/0/executionSuccessful")));
    assert_int_equal(
        json_array_size(at(run_of(j, "A"), "invocations/0/toolExecutionNotifications")), 0);
    assert_int_equal(json_array_size(at(run_of(j, "C"), "results")), 1);
    assert_true(json_is_false(at(run_of(j, "C"), "invocations/0/executionSuccessful")));
    text_is(run_of(j, "C"), "invocations/0/toolExecutionNotifications/0/level", "error");
    /* never "nothing found" of what did not run to its end */
    static const char *const unfinished[] = {"B", "D", "G"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(unfinished); i++) {
        json_t *v = invocation_of(own, unfinished[i]);
        assert_null(run_of(j, unfinished[i]));
        assert_true(json_is_false(at(v, "executionSuccessful")));
        text_is(v, "toolExecutionNotifications/0/level", "error");
    }
    assert_int_equal(json_array_size(at(own, "invocations")), 3);
    assert_int_equal(json_array_size(at(own, "results")), 0);
    text_is(invocation_of(own, "D"), "toolExecutionNotifications/0/message/text", "timeout: why.");
    text_is(j, "properties/notRun/0/scanner", "E");
    text_is(j, "properties/notRun/1/status", "skipped");
    text_is(j, "properties/scanStatus", "incomplete");
    json_decref(j);
    fixture_done(&s);
}

/* A report of any tool: the run is the tool's, the homepage of the reader is not. */
static void imported(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    struct sco_scanner_run *r = fixture_run(&s, "sarif", "SARIF", SCO_RUN_STATUS_COMPLETED);
    r->tool = "CodeQL";
    r->version = "v2.1";
    r->homepage = "https://sarif.example";
    fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "CodeQL", "a", "A");
    fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "Other", "a", "A");
    json_t *j = report(&s);
    assert_int_equal(json_array_size(at(j, "runs")), 2);
    text_is(j, "runs/0/tool/driver/name", "CodeQL");
    text_is(j, "runs/0/tool/driver/version", "2.1");
    assert_null(at(j, "runs/0/tool/driver/informationUri"));
    text_is(j, "runs/1/tool/driver/name", "Other");
    s.runs[0].tool = "sarif";
    json_decref(j);
    j = report(&s);
    text_is(j, "runs/0/tool/driver/name", "SARIF");
    text_is(j, "runs/0/tool/driver/informationUri", "https://sarif.example");
    json_decref(j);
    fixture_done(&s);
}

static void empty_scan(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    json_t *j = report(&s);
    assert_int_equal(json_array_size(at(j, "runs")), 1);
    text_is(j, "runs/0/tool/driver/name", "SecureOps");
    text_is(j, "runs/0/invocations/0/toolExecutionNotifications/0/message/text", "no scanner ran.");
    json_decref(j);
    fixture_done(&s);
}

/* Several tools: the first one's run has it; the other one's run says where it is. */
static void several_tools(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    fixture_run(&s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    fixture_run(&s, "grype", "Grype", SCO_RUN_STATUS_COMPLETED);
    struct sco_finding *f =
        fixture_finding(&s, SCO_TYPE_SCA, SCO_SEV_HIGH, "trivy", "CVE-1", "Overflow");
    fixture_tool(&s, f, "Grype", "GHSA-1");
    fixture_count(&s);
    json_t *j = report(&s);
    assert_int_equal(json_array_size(at(j, "runs")), 2);
    text_is(j, "runs/0/tool/driver/name", "Trivy");
    text_is(j, "runs/0/results/0/properties/tools/1/name", "Grype");
    text_is(j, "runs/0/results/0/properties/tools/1/ruleId", "GHSA-1");
    assert_int_equal(json_array_size(at(j, "runs/1/results")), 0);
    text_is(j, "runs/1/invocations/0/toolExecutionNotifications/0/level", "note");
    json_decref(j);
    fixture_done(&s);
}

static void provenance(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"https://token:x-oauth@git.example/a/b.git", "https://git.example/a/b.git"},
        {"git@git.example:a/b.git", "https://git.example/a/b.git"},
        {"ssh://git@git.example/a/b", "https://git.example/a/b"},
        {"https://git.example/a@b", "https://git.example/a@b"},
        {"/srv/git/a.git", NULL},
        {"a b", NULL},
        {"", NULL},
        {"://", NULL},
        {":", NULL},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        struct sco_scan s;
        fixture_init(&s);
        s.repository = rows[i][0];
        s.commit_sha = "0123";
        json_t *j = report(&s);
        if (rows[i][1]) {
            text_is(j, "runs/0/versionControlProvenance/0/repositoryUri", rows[i][1]);
            text_is(j, "runs/0/versionControlProvenance/0/revisionId", "0123");
        } else
            assert_null(at(j, "runs/0/versionControlProvenance"));
        json_decref(j);
        fixture_done(&s);
    }
}

static void line_hashes(void **state)
{
    (void)state;
    struct sco_scan s;
    struct sco_error err;
    char *root = NULL;
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    assert_int_equal(sco_fs_mkdtemp(NULL, "test-sarif", &root, &err), 0);
    sco_buf_addf(&path, "%s/src", root);
    assert_int_equal(sco_fs_mkdirs(sco_buf_z(&path), 0700, &err), 0);
    sco_buf_addz(&path, "/file.c");
    assert_int_equal(sco_fs_write(sco_buf_z(&path), SCO_STR("hello;\nworld!\n"), 0600, &err), 0);
    sco_buf_addz(&path, ".link");
    assert_int_equal(symlink("file.c", sco_buf_z(&path)), 0);
    fixture_init(&s);
    s.root = root;
    static const struct {
        const char *path;
        int32_t line;
        uint32_t type;
        const char *want;
    } rows[] = {
        {"src/file.c", 1, SCO_TYPE_SAST, "f41e0e2a2dd9c5e3:1"},
        {"src/file.c", 2, SCO_TYPE_SAST, "54b9d0703763356:1"},
        {"src/file.c", 9, SCO_TYPE_SAST, NULL},
        {"src/file.c", 1, SCO_TYPE_SECRET, NULL},
        {"src/file.c.link", 1, SCO_TYPE_SAST, NULL},
        {"src", 1, SCO_TYPE_SAST, NULL},
        {"src/../src/file.c", 1, SCO_TYPE_SAST, NULL},
        {"/etc/passwd", 1, SCO_TYPE_SAST, NULL},
        {"", 1, SCO_TYPE_SAST, NULL},
        {"no/such", 1, SCO_TYPE_SAST, NULL},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        struct sco_finding *f = fixture_finding(&s, rows[i].type, SCO_SEV_HIGH, "T",
                                                sco_arena_fmt(&s.arena, "%02zu", i), "A");
        f->file_path = rows[i].path;
        f->line = rows[i].line;
    }
    json_t *j = report(&s), *r;
    size_t k;
    json_array_foreach(at(j, "runs/0/results"), k, r)
    {
        size_t i = (size_t)strtoul(json_string_value(at(r, "ruleId")), NULL, 10);
        json_t *hash = at(r, "partialFingerprints/primaryLocationLineHash");
        if (rows[i].want)
            assert_string_equal(json_string_value(hash), rows[i].want);
        else
            assert_null(hash);
    }
    json_decref(j);
    assert_int_equal(sco_fs_remove_tree(root), 0);
    free(root);
    fixture_done(&s);
}

static bool is_uri_reference(const char *z)
{
    for (; *z; z++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/%@", *z))
            return false;
    return true;
}

static void hostile(void **state)
{
    (void)state;
    for (int i = 0; i < HOSTILE; i++) {
        const char *z = hostile_texts[i];
        struct sco_scan s;
        fixture_init(&s);
        s.target = s.branch = s.repository = s.commit_sha = z;
        struct sco_scanner_run *r = fixture_run(&s, z, z, SCO_RUN_STATUS_FAILED);
        r->reason = r->hint = r->version = r->tool = z;
        for (int k = 0; k < 3; k++) {
            struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, z, z, z);
            f->description = f->remediation = f->resource = f->cve_id = z;
            f->file_path = k < 2 ? z : NULL;
            f->references = f->cwe_ids = f->aliases =
                fixture_strs(&s, (const char *const[]){z, z, NULL});
            if (k)
                fixture_package(&s, f, z, z, z);
            if (k == 1)
                fixture_suppress(&s, f, SCO_SUPPRESS_INLINE, z, z);
        }
        SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_SARIF, NULL);
        json_t *j = load(&b);
        for (size_t k = 0; k < 3; k++) {
            json_t *result = json_array_get(at(j, "runs/0/results"), k);
            const char *uri =
                json_string_value(at(result, "locations/0/physicalLocation/artifactLocation/uri"));
            assert_true(uri && *uri && *uri != '/' && is_uri_reference(uri));
            assert_null(strstr(uri, ".."));
        }
        json_decref(j);
        fixture_done(&s);
    }
}

static void long_texts(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    for (int i = 0; i < 30000; i++)
        sco_buf_addz(&text, "\xe6\xbc\xa2 ");
    struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "R", "short");
    f->description = sco_buf_z(&text);
    json_t *j = report(&s);
    const char *full = json_string_value(at(j, "runs/0/tool/driver/rules/0/fullDescription/text"));
    size_t characters = 0;
    for (const char *p = full; *p; p++)
        characters += ((unsigned char)*p & 0xC0) != 0x80;
    assert_int_equal(characters, 1000);
    assert_true(sco_str_ends(sco_str_c(full), "..."));
    json_decref(j);
    fixture_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results),       cmocka_unit_test(rules),
        cmocka_unit_test(imported),      cmocka_unit_test(packages_urls_and_images),
        cmocka_unit_test(rule_of_many),  cmocka_unit_test(suppressions),
        cmocka_unit_test(every_status),  cmocka_unit_test(empty_scan),
        cmocka_unit_test(several_tools), cmocka_unit_test(provenance),
        cmocka_unit_test(line_hashes),   cmocka_unit_test(hostile),
        cmocka_unit_test(long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
