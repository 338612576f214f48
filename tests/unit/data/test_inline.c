/* Comments of the source that suppress findings: of the tool that they speak to, for the rules that
 * they name. */
#include "data_test.h"

#include <stdio.h>

#include <secureops/fs.h>

static const struct {
    const char *tool, *rule, *text; /* the finding is on the line with "weak" */
    bool is;
} cases[] = {
    {"Bandit", "B602", "weak()  # nosec\n", true},
    {"Bandit", "B602", "weak()  #nosec B602\n", true},
    {"Bandit", "B602", "weak()  # nosec: B101, B602\n", true},
    {"Bandit", "B602", "weak()  # nosec B101\n", false},
    {"Bandit", "B602", "weak()  # nosec because it is fine\n", true},
    {"Bandit", "B602", "weak('nosec')\n", false},
    {"Bandit", "B602", "weak()  # nosecurity\n", false},
    {"Bandit", "B602", "# nosec\nweak()\n", false},
    {"Semgrep", "B602", "weak()  # nosec\n", false}, /* of another tool */
    {"Other", "B602", "weak()  # nosec\n", false},
    {"gosec", "G101", "weak() // #nosec G101 -- why\n", true},
    {"gosec", "G101", "weak() // #nosec G102 -- not G999\n", false},
    {"Semgrep", "a.b.rule-x", "weak() // nosemgrep\n", true},
    {"Semgrep", "a.b.rule-x", "weak() // nosemgrep: rule-x\n", true},
    {"Semgrep", "a.b.rule-x", "// nosemgrep: a.b.rule-y, a.b.rule-x\nweak()\n", true},
    {"Semgrep", "a.b.rule-x", "weak() // nosemgrep: rule-y\n", false},
    {"Semgrep", "a.b.rule-x", "weak() // nosemgrep: le-x\n", false},
    {"Semgrep", "a.b.rule-x", "weak() nosemgrep\n", false},
    {"Checkov", "CKV_AWS_1", "weak {\n  # checkov:skip=CKV_AWS_1:because\n}\n", true},
    {"Checkov", "CKV_AWS_1", "weak {\n  # checkov:skip=CKV_AWS_2:CKV_AWS_1\n}\n", false},
    {"Checkov", "CKV_AWS_1", "weak {\n  # checkov:skip=\n}\n", false},
    {"Trivy", "AVD-AWS-0001", "#trivy:ignore:AVD-AWS-0001\nweak {\n", true},
    {"Trivy", "AVD-AWS-0001", "weak { #trivy:ignore:aws-0001\n", true},
    {"Trivy", "AVD-AWS-0001", "weak { #trivy:ignore:AVD-AWS-0002\n", false},
    {"Gitleaks", "key", "weak = 1 # gitleaks:allow\n", true},
    {"TruffleHog", "key", "weak = 1 // trufflehog:ignore\n", true},
    {"Hadolint", "DL3006", "# hadolint ignore=DL3001,DL3006\nFROM weak\n", true},
    {"Hadolint", "DL3006", "# hadolint ignore=DL3001\nFROM weak\n", false},
    {"Hadolint", "DL3006", "FROM weak # hadolint ignore=DL3006\n", false},
    {"KICS", "abc", "# kics-scan ignore-line\nweak: 1\n", true},
    {"Flawfinder", "x", "weak(); // Flawfinder: ignore\n", true},
};

static int32_t line_of(const char *text)
{
    int32_t line = 1;
    for (const char *p = text; strncmp(p, "weak", 4) != 0; p++)
        line += *p == '\n';
    return line;
}

static void comments(void **state)
{
    (void)state;
    char *root = NULL;
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    assert_int_equal(sco_fs_mkdtemp(NULL, "inline", &root, NULL), 0);
    sco_buf_addf(&path, "%s/f", root);
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        struct sco_encoder_options o = {
            .root = root, .read_sources = true, .tool_name = cases[i].tool};
        struct wire w;
        assert_int_equal(sco_fs_write(sco_buf_z(&path), sco_str_c(cases[i].text), 0600, NULL), 0);
        wire_init(&w, &o);
        struct sco_report_finding f = report(SCO_TYPE_SAST, cases[i].rule, "t");
        f.file_path = SCO_STR("f");
        f.line = line_of(cases[i].text);
        f.end_line = strchr(cases[i].text, '{') ? f.line + 2 : f.line;
        const struct sco_finding *got = wire_pass(&w, &f);
        if (sco_finding_is_suppressed(got) != cases[i].is)
            fail_msg("%s %s: %s", cases[i].tool, cases[i].rule, cases[i].text);
        if (cases[i].is) {
            assert_int_equal(got->suppressions->n, 1);
            assert_int_equal(got->suppressions->v[0].kind, SCO_SUPPRESS_INLINE);
            assert_non_null(strstr(cases[i].text, got->suppressions->v[0].reason));
        }
        f.commit = SCO_STR("0123456789"); /* the line of another time */
        assert_false(sco_finding_is_suppressed(wire_pass(&w, &f)));
        wire_done(&w);
    }
    sco_fs_remove_tree(root);
    free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(comments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
