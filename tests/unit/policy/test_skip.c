/* Inline skips, of ours and of the peers. */
#include "policy_test.h"

static void load(struct bundle *b)
{
    bundle_init(b);
    b->opt.now_ms = 1750000000000; /* 2025-06-15 */
    bundle_file(b, "k.lua",
                "return { id = 'k-one', title = 't', severity = 'LOW', remediation = 'r',\n"
                "applies_to = { 'kubernetes', 'compose:service', 'dockerfile:RUN', 'dockerfile',\n"
                "'github:job', 'github:step' },\n"
                "aliases = { 'CKV_K8S_16', 'KSV-0017', 'DL3006', "
                "'kics:dd29336b-fe57-445b-a26e-e6aa867ae609' },\n"
                "check = function(r)\n"
                "  if has(r, 'spec') then fail(r, 'spec.x', 'm') else fail('m') end\nend }\n");
    bundle_load(b);
}

static void is(struct bundle *b, const char *name, const char *text, const char *want)
{
    const char *got = bundle_eval(b, name, text);
    if (!strstr(got, want))
        print_error("%s\nwanted %s\ngot    %s", text, want, got);
    assert_non_null(strstr(got, want));
}

#define HEAD "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n"

static void test_kubernetes(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    is(&b, "a.yaml", HEAD "spec: {}\n", "fail k-one");
    is(&b, "a.yaml", HEAD "spec: {} # checkov:skip=CKV_K8S_16:not here\n",
       "skip k-one Pod.default.a a.yaml:5 /spec/x: m [not here]");
    is(&b, "a.yaml", "# checkov:skip=CKV_K8S_1,CKV_K8S_16\n" HEAD "spec: {}\n", "skip k-one");
    is(&b, "a.yaml", HEAD "spec: {} # checkov:skip=CKV_K8S_1: other\n", "fail k-one");
    is(&b, "a.yaml", HEAD "spec: {} # checkov:skip=\n", "fail k-one");
    is(&b, "a.yaml", HEAD "spec: {} # bridgecrew:skip=CKV_K8S_16: why : so\n", "[why : so]");
    is(&b, "a.yaml", HEAD "spec: {} # cortex:skip=CKV_K8S_16\n", "skip k-one");
    is(&b, "a.yaml", HEAD "spec: {} # secureops:skip=k-one: own\n", "[own]");
    is(&b, "a.yaml",
       HEAD "spec: {} # secureops:skip=kics:dd29336b-fe57-445b-a26e-e6aa867ae609:own\n", "[own]");
    is(&b, "a.yaml", HEAD "spec: {} # secureops:skip=k-*\n", "skip k-one");
    is(&b, "a.yaml", HEAD "  annotations:\n    note: '# checkov:skip=CKV_K8S_1'\nspec: {}\n",
       "fail k-one");
    is(&b, "a.yaml", HEAD "spec: {a: checkov:skip=CKV_K8S_16}\n", "fail k-one"); /* no comment */
    is(&b, "a.yaml", HEAD "spec: {} # notcheckov:skip=CKV_K8S_16\n", "fail k-one");
    bundle_done(&b);
}

/* What looks like a comment inside a value is part of the value. */
static void test_content(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    is(&b, "a.yaml", HEAD "  annotations:\n    note: 'x # checkov:skip=CKV_K8S_16'\nspec: {}\n",
       "fail k-one");
    is(&b, "a.yaml",
       HEAD "  annotations:\n    note: \"x\n      # checkov:skip=CKV_K8S_16\"\nspec: {}\n",
       "fail k-one");
    is(&b, "a.yaml",
       HEAD "spec:\n  script: |\n    one\n    # checkov:skip=CKV_K8S_16\n    two # "
            "secureops:skip=k-one\n",
       "fail k-one");
    is(&b, "a.yaml",
       HEAD "spec:\n  script: |\n    one\n\n    two\n  # checkov:skip=CKV_K8S_16:after\n  x: 1\n",
       "[after]");
    is(&b, "a.yaml", HEAD "spec:\n  script: |\n    one\n# checkov:skip=CKV_K8S_16:after\n",
       "[after]");
    is(&b, "a.yaml", HEAD "spec:\n  script: one two # checkov:skip=CKV_K8S_16:after\n", "[after]");
    is(&b, "a.json",
       "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\", "
       "\"annotations\": {\"x\": \"y # checkov:skip=CKV_K8S_16\"}}, \"spec\": {}}",
       "fail k-one");
    const char *got =
        bundle_eval(&b, "Dockerfile",
                    "FROM a:1\nRUN <<EOF\n# checkov:skip=CKV_K8S_16\n"
                    "# secureops:skip=k-one\nEOF\nRUN two # checkov:skip=CKV_K8S_16\n");
    assert_null(strstr(got, "skip"));
    got = bundle_eval(&b, "Dockerfile",
                      "FROM a:1\nRUN one && \\\n  # checkov:skip=CKV_K8S_16\n  two\n");
    assert_null(strstr(got, "fail"));
    bundle_done(&b);
}

static void test_documents(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    const char *got = bundle_eval(&b, "a.yaml",
                                  HEAD "spec: {}\n---\n# checkov:skip=CKV_K8S_16:second\n" HEAD
                                       "spec: {}\n---\n" HEAD "spec: {}\n");
    assert_string_equal(got, "fail k-one Pod.default.a a.yaml:5 /spec/x: m\n"
                             "skip k-one Pod.default.a a.yaml:12 /spec/x: m [second]\n"
                             "fail k-one Pod.default.a a.yaml:18 /spec/x: m\n");
    got = bundle_eval(&b, "a.yaml",
                      "apiVersion: v1\nkind: List\nitems:\n"
                      "- kind: Pod\n  apiVersion: v1\n  metadata: {name: a}\n"
                      "  spec: {} # checkov:skip=CKV_K8S_16:first\n"
                      "- kind: Pod\n  apiVersion: v1\n  metadata: {name: b}\n  spec: {}\n");
    assert_non_null(strstr(got, "skip k-one Pod.default.a"));
    assert_non_null(strstr(got, "fail k-one Pod.default.b"));
    bundle_done(&b);
}

static void test_annotations(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    is(&b, "a.yaml", HEAD "  annotations:\n    checkov.io/skip1: CKV_K8S_16=a=b reason\nspec: {}\n",
       "skip k-one Pod.default.a a.yaml:7 /spec/x: m [a=b reason]");
    is(&b, "a.yaml", HEAD "  annotations: {bridgecrew.io/skip2: CKV_K8S_16}\nspec: {}\n",
       "skip k-one");
    is(&b, "a.yaml", HEAD "  annotations: {cortex.io/skip: CKV_K8S_17=x}\nspec: {}\n",
       "fail k-one");
    is(&b, "a.yaml", HEAD "  annotations: {secureops.io/skip-1: \"k-one=x\"}\nspec: {}\n", "[x]");
    is(&b, "a.yaml", HEAD "  labels: {checkov.io/skip: CKV_K8S_16}\nspec: {}\n", "fail k-one");
    bundle_done(&b);
}

static void test_trivy(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    static const struct {
        const char *comment, *want;
    } cases[] = {
        {"#trivy:ignore:KSV-0017", "skip k-one"},
        {"# trivy:ignore:AVD-KSV-0017", "skip k-one"},
        {"#trivy:ignore:KSV017", "skip k-one"},
        {"#trivy:ignore:KSV-*", "skip k-one"},
        {"#trivy:ignore:DS-*", "fail k-one"},
        {"#trivy:ignore:KSV-0018 trivy:ignore:KSV-0017", "skip k-one"},
        {"#trivy:ignore:KSV-0017:exp:2024-03-10", "fail k-one"},
        {"#trivy:ignore:KSV-0017:exp:2030-03-10", " until 2030-03-10]"},
        {"#trivy:ignore:KSV-0017:exp:someday", "fail k-one"},
        {"#trivy:ignore:KSV-0017:ws:dev-*", "fail k-one"},
        {"#trivy:ignore:KSV-0017[name=x]", "fail k-one"},
        {"# do not write trivy:ignore:KSV-0017 here", "fail k-one"},
        {"#trivy:ignore:AVD-*", "fail k-one"}, /* not what AVD- is left out of: all */
        {"#trivy:ignore:AVD-KSV-*", "skip k-one"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, "%s\n%sspec: {}\n", cases[i].comment, HEAD);
        is(&b, "a.yaml", text, cases[i].want);
    }
    bundle_done(&b);
}

#define KICS "dd29336b-fe57-445b-a26e-e6aa867ae609"

static void test_kics(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    static const struct {
        const char *before, *after, *want;
    } cases[] = {
        {"# kics-scan ignore\n", "", "skip k-one"},
        {"# kics-scan disable=" KICS "\n", "", "skip k-one"},
        {"# kics-scan disable=d740d048-8ed3-49d3-b77b-6f072f3b669e\n", "", "fail k-one"},
        {"# kics-scan enable=" KICS "\n", "", "fail k-one"},
        {"# kics-scan enable=d740d048-8ed3-49d3-b77b-6f072f3b669e\n", "", "skip k-one"},
        {"", "# kics-scan ignore\n", "fail k-one"}, /* not at the start */
        {"", "# kics-scan ignore-line\n", "skip k-one"},
        {"", "# kics-scan ignore-block\n", "skip k-one"},
        {"# kics-scan ignore-line\n", "", "fail k-one"},
        {"# when to use kics-scan ignore\n", "", "fail k-one"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s%sspec:\n  hostPID: true\n", cases[i].before, HEAD,
                 cases[i].after);
        is(&b, "a.yaml", text, cases[i].want);
    }
    bundle_done(&b);
}

static void test_dockerfile(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    const char *got = bundle_eval(&b, "Dockerfile",
                                  "FROM a:1\n# hadolint ignore=DL3006,DL3008\nRUN one\nRUN two\n");
    assert_string_equal(got,
                        "fail k-one Dockerfile Dockerfile:1 : m\n"
                        "skip k-one stage(0).RUN[0] Dockerfile:3 /stages/0/instructions/1: m []\n"
                        "fail k-one stage(0).RUN[1] Dockerfile:4 /stages/0/instructions/2: m\n");
    is(&b, "Dockerfile", "# hadolint global ignore=DL3006\nFROM a:1\nRUN one\n",
       "skip k-one stage(0).RUN[0]");
    got = bundle_eval(&b, "Dockerfile", "FROM a:1\nRUN one\n# checkov:skip=CKV_K8S_16:all\n");
    assert_null(strstr(got, "fail"));
    got = bundle_eval(&b, "Dockerfile", "FROM a:1\n#trivy:ignore:KSV-0017\nRUN one\nRUN two\n");
    assert_non_null(strstr(got, "skip k-one stage(0).RUN[0]"));
    assert_non_null(strstr(got, "fail k-one stage(0).RUN[1]"));
    bundle_done(&b);
}

static void test_nested(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    const char *got = bundle_eval(
        &b, ".github/workflows/a.yml",
        "on: push\njobs:\n  x:\n    runs-on: u\n    steps:\n    - run: a # "
        "checkov:skip=CKV_K8S_16\n"
        "    - run: b\n  # checkov:skip=CKV_K8S_16:job\n  y:\n    runs-on: u\n    steps:\n"
        "    - run: c\n");
    assert_non_null(strstr(got, "skip k-one jobs(x) ")); /* its block holds the comment */
    assert_non_null(strstr(got, "skip k-one jobs(x).steps[1]"));
    assert_non_null(strstr(got, "fail k-one jobs(x).steps[2]"));
    assert_non_null(strstr(got, "skip k-one jobs(y) "));
    assert_non_null(strstr(got, "skip k-one jobs(y).steps[1]"));
    got = bundle_eval(&b, "compose.yaml",
                      "services:\n  # secureops:skip=k-one:web\n  web:\n    image: a\n  db:\n"
                      "    image: b\n");
    assert_non_null(strstr(got, "skip k-one services.web"));
    assert_non_null(strstr(got, "fail k-one services.db"));
    bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kubernetes),  cmocka_unit_test(test_documents),
        cmocka_unit_test(test_annotations), cmocka_unit_test(test_trivy),
        cmocka_unit_test(test_kics),        cmocka_unit_test(test_dockerfile),
        cmocka_unit_test(test_nested),      cmocka_unit_test(test_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
