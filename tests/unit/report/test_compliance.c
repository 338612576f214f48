/* Controls and their evidence: a pass needs some, doubt is never one, and what came from outside
 * stays text in every format. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <secureops/compliance.h>
#include "scan_fixture.h"

static struct sco_scan scan;
static struct sco_arena arena;
static struct sco_compliance *c;
static struct sco_scan_policy counts[1];

static void start(void)
{
    fixture_init(&scan);
    counts[0] = (struct sco_scan_policy){.id = "p"};
    scan.policies.v = counts;
    scan.policies.n = 1;
    struct sco_scanner_run *run =
        fixture_run(&scan, "policies", "SecureOps policies", SCO_RUN_STATUS_COMPLETED);
    run->finds = SCO_TYPE_BIT(SCO_TYPE_IAC);
    run->counts = true;
}

static void end(void)
{
    c = sco_compliance_free(c);
    fixture_done(&scan);
    sco_arena_done(&arena);
}

/* Judges one control, given as JSON. */
static enum sco_control_status judge(const char *control)
{
    const struct sco_node *m = NULL;
    const char *text = sco_arena_fmt(
        &arena, "{\"id\":\"f\",\"title\":\"<F>\",\"version\":\"1\",\"controls\":[%s]}", control);
    c = sco_compliance_free(c);
    assert_int_equal(sco_json_parse(sco_str_c(text), &arena, &m, NULL), 0);
    assert_int_equal(sco_compliance_judge(m, "f@1", &scan, &c, NULL), 0);
    assert_int_equal(c->n_controls, 1);
    assert_int_equal(c->counts[c->controls[0].status], 1);
    assert_non_null(c->controls[0].reason);
    return c->controls[0].status;
}

#define POLICY "{\"id\":\"1\",\"title\":\"=T\",\"policies\":[\"p\"]}"
#define MANUAL "{\"id\":\"1\",\"title\":\"t\",\"policies\":[\"p\"],\"manual\":true}"
#define FACT(f) "{\"id\":\"1\",\"title\":\"t\",\"facts\":[\"" f "\"]}"
#define BOTH "{\"id\":\"1\",\"title\":\"t\",\"policies\":[\"p\"],\"facts\":[\"scanned:IAC\"]}"

static void test_policies(void **state)
{
    (void)state;
    start();
    uint64_t *v = counts[0].verdicts;
    assert_int_equal(judge(POLICY), SCO_CONTROL_NOT_EVALUATED);
    assert_int_equal(judge(BOTH), SCO_CONTROL_NOT_EVALUATED); /* a fact is no verdict */
    v[5] = 9;                                                 /* not applicable */
    assert_int_equal(judge(POLICY), SCO_CONTROL_NOT_APPLICABLE);
    scan.runs[0].status = SCO_RUN_STATUS_INCOMPLETE; /* there may be something to judge */
    assert_int_equal(judge(POLICY), SCO_CONTROL_UNKNOWN);
    scan.runs[0].status = SCO_RUN_STATUS_COMPLETED;
    v[SCO_SCAN_PASS] = 1;
    assert_int_equal(judge(POLICY), SCO_CONTROL_PASS);
    assert_int_equal(judge(BOTH), SCO_CONTROL_PASS);
    assert_int_equal(judge(MANUAL), SCO_CONTROL_MANUAL); /* never passed */
    static const struct {
        int verdict;
        enum sco_control_status status;
    } doubts[] = {{SCO_SCAN_UNKNOWN, SCO_CONTROL_UNKNOWN},
                  {SCO_SCAN_SKIP, SCO_CONTROL_WAIVED},
                  {SCO_SCAN_ERROR, SCO_CONTROL_ERROR}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(doubts); i++) {
        v[doubts[i].verdict] = 1;
        assert_int_equal(judge(POLICY), doubts[i].status);
        v[doubts[i].verdict] = 0;
    }
    v[SCO_SCAN_FAIL] = 1;
    v[SCO_SCAN_ERROR] = 1;
    assert_int_equal(judge(POLICY), SCO_CONTROL_FAIL);
    assert_int_equal(judge(MANUAL), SCO_CONTROL_FAIL);
    assert_int_equal(judge("{\"id\":\"1\",\"title\":\"t\"}"), SCO_CONTROL_MANUAL);
    end();
}

static void test_incomplete_run(void **state)
{
    (void)state;
    start();
    counts[0].verdicts[SCO_SCAN_PASS] = 5;
    scan.runs[0].status = SCO_RUN_STATUS_INCOMPLETE;
    assert_int_equal(judge(POLICY), SCO_CONTROL_UNKNOWN);
    end();
}

static void test_waived(void **state)
{
    (void)state;
    start();
    counts[0].verdicts[SCO_SCAN_PASS] = 5;
    counts[0].verdicts[SCO_SCAN_FAIL] = 1;
    struct sco_finding *f =
        fixture_finding(&scan, SCO_TYPE_IAC, SCO_SEV_HIGH, "SecureOps policies", "p", "x");
    assert_int_equal(judge(POLICY), SCO_CONTROL_FAIL);
    assert_int_equal(c->controls[0].n_failures, 1);
    fixture_suppress(&scan, f, SCO_SUPPRESS_WAIVER, "ok", NULL);
    assert_int_equal(judge(POLICY), SCO_CONTROL_WAIVED);
    assert_int_equal(c->controls[0].n_failures, 0);
    f = fixture_finding(&scan, SCO_TYPE_IAC, SCO_SEV_HIGH, "SecureOps policies", "p", "y");
    counts[0].verdicts[SCO_SCAN_FAIL] = 2;
    scan.findings.v[0].occurrences = 3; /* of other tools too */
    assert_int_equal(judge(POLICY), SCO_CONTROL_FAIL);
    end();
}

static void test_facts(void **state)
{
    (void)state;
    start();
    assert_int_equal(judge(FACT("scanned:IAC")), SCO_CONTROL_PASS);
    assert_int_equal(judge(FACT("scanned:any")), SCO_CONTROL_PASS);
    assert_int_equal(judge(FACT("scanned:SCA")), SCO_CONTROL_UNKNOWN);
    assert_int_equal(judge(FACT("clean:SCA:LOW")), SCO_CONTROL_UNKNOWN); /* nobody looked */
    assert_int_equal(judge(FACT("clean:IAC:HIGH")), SCO_CONTROL_PASS);
    fixture_finding(&scan, SCO_TYPE_IAC, SCO_SEV_MEDIUM, "T", "r", "x");
    assert_int_equal(judge(FACT("clean:IAC:HIGH")), SCO_CONTROL_PASS);
    assert_int_equal(judge(FACT("clean:IAC:MEDIUM")), SCO_CONTROL_FAIL);
    assert_int_equal(judge(FACT("clean:any:MEDIUM")), SCO_CONTROL_FAIL);
    fixture_suppress(&scan, &scan.findings.v[0], SCO_SUPPRESS_WAIVER, "ok", NULL);
    assert_int_equal(judge(FACT("clean:IAC:MEDIUM")), SCO_CONTROL_UNKNOWN);
    assert_int_equal(judge(FACT("clean:IAC:HIGH")), SCO_CONTROL_PASS);
    assert_int_equal(judge(FACT("gated")), SCO_CONTROL_UNKNOWN);
    struct sco_scan_gate gate = {.policy = "g", .verdict = "error", .message = "m"};
    scan.policies.gates = &gate;
    scan.policies.n_gates = 1;
    scan.policies.gate_title = "strict";
    assert_int_equal(judge(FACT("gated")), SCO_CONTROL_UNKNOWN); /* it could not judge */
    gate.verdict = "pass";
    assert_int_equal(judge(FACT("gated")), SCO_CONTROL_UNKNOWN); /* nobody chose it */
    scan.gate.chosen = true;
    assert_int_equal(judge(FACT("gated")), SCO_CONTROL_PASS);
    scan.policies.n_gates = 0;
    assert_int_equal(judge(FACT("gated")), SCO_CONTROL_UNKNOWN); /* report-only */
    scan.gate.fail_on = SCO_SEV_HIGH;
    assert_int_equal(judge(FACT("gated")), SCO_CONTROL_PASS);
    scan.runs[0].status = SCO_RUN_STATUS_SKIPPED;
    assert_int_equal(judge(FACT("gated")), SCO_CONTROL_UNKNOWN); /* over nothing */
    scan.runs[0].status = SCO_RUN_STATUS_COMPLETED;
    assert_int_equal(judge(FACT("nonsense")), SCO_CONTROL_UNKNOWN);
    assert_int_equal(judge(FACT("scanned:NONSENSE")), SCO_CONTROL_UNKNOWN);
    assert_int_equal(judge(FACT("clean:IAC")), SCO_CONTROL_UNKNOWN);
    struct sco_scanner_run *half = fixture_run(&scan, "trivy", "Trivy", SCO_RUN_STATUS_TIMEOUT);
    half->finds = SCO_TYPE_BIT(SCO_TYPE_IAC);
    half->counts = true;
    assert_int_equal(judge(FACT("scanned:IAC")), SCO_CONTROL_PASS);
    assert_int_equal(judge(FACT("clean:IAC:HIGH")), SCO_CONTROL_UNKNOWN);
    end();
}

static void test_formats(void **state)
{
    (void)state;
    start();
    scan.target = "<script>alert(1)</script>\x1b[31m";
    counts[0].verdicts[SCO_SCAN_FAIL] = 1;
    struct sco_finding *f =
        fixture_finding(&scan, SCO_TYPE_IAC, SCO_SEV_HIGH, "SecureOps policies", "p", "x");
    f->description = "=HYPERLINK(\"x\") <img src=x onerror=y> \xe2\x80\xae";
    f->resource = "+cmd";
    assert_int_equal(judge(POLICY), SCO_CONTROL_FAIL);
    SCO_AUTO(sco_buf) struct sco_buf html = {0}, csv = {0}, json = {0}, table = {0};
    sco_compliance_html(c, &html);
    sco_compliance_csv(c, &csv);
    sco_compliance_json(c, &json);
    sco_compliance_table(c, &table);
    assert_null(strstr(sco_buf_z(&html), "<script"));
    assert_null(strstr(sco_buf_z(&html), "<img"));
    assert_null(strstr(sco_buf_z(&html), "<F>"));
    assert_non_null(strstr(sco_buf_z(&html), "&lt;img src=x"));
    assert_non_null(strstr(sco_buf_z(&csv), "\"'=T\""));
    for (const struct sco_buf *b = &html;; b = &table) {
        assert_null(memchr(b->p, '\x1b', b->n));
        assert_null(memmem(b->p, b->n, "\xe2\x80\xae", 3));
        if (b == &table)
            break;
    }
    const struct sco_node *m = NULL;
    assert_int_equal(sco_json_parse(sco_buf_str(&json), &arena, &m, NULL), 0);
    const struct sco_node *control = sco_get(m, "controls")->child;
    assert_true(sco_str_is(sco_text(sco_get(control, "status")), "fail"));
    assert_int_equal(sco_get(control, "failures")->n, 1);
    assert_int_equal(sco_int(sco_get(sco_get(m, "summary"), "fail"), 0), 1);
    end();
}

/* What a store gives for an auditor: hostile text stays text there, too. */
static void test_view(void **state)
{
    (void)state;
    static const char view[] =
        "{\"framework\":\"f\",\"title\":\"<script>x</script>\",\"version\":\"1\",\"result\":"
        "\"undetermined\",\"reasons\":[\"1 control waived<b>\"],\"counts\":{\"waived\":1},"
        "\"assessments\":[{\"id\":\"a\",\"repository\":\"=cmd\",\"branch\":\"main\",\"result\":"
        "\"\\\"><img>\",\"digest\":\"d1\",\"stale\":true,\"assessed_at\":\"2027-01-15T08:00:00Z\","
        "\"reasons\":[\"stale\"],\"counts\":{}}],\"controls\":[{\"id\":\"1\",\"title\":\"+T\","
        "\"verdict\":\"waived\",\"results\":[{\"repository\":\"=cmd\",\"branch\":\"main\","
        "\"assessment_id\":\"a\",\"verdict\":\"waived\",\"reason\":\"1 accepted\",\"evidence\":"
        "{\"policies\":[{\"id\":\"p\",\"skip\":2},{\"id\":\"q\"}],\"facts\":[],\"failures\":"
        "[{\"file_path\":\"a.tf\",\"line_number\":3,\"resource\":\"r\",\"message\":\"<i>\\u001b\"}]"
        ","
        "\"failures_left_out\":7},\"attestation\":{\"verdict\":\"pass\",\"attested_by\":\"ada\","
        "\"attested_at\":\"2027\",\"reason\":\"seen\"}}]}],\"unassessed\":1,"
        "\"unassessed_repositories\":[\"<u>\"]}";
    const struct sco_node *m = NULL;
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf html = {0}, csv = {0}, table = {0};
    if (sco_json_parse(sco_str_c(view), &arena, &m, &err) < 0)
        fail_msg("%s", err.text);
    sco_compliance_view_html(m, &html);
    sco_compliance_view_csv(m, &csv);
    sco_compliance_view_table(m, &table);
    static const char *const never[] = {"<script", "<img", "<i>", "<b>", "<u>", "\x1b"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(never); i++)
        assert_null(strstr(sco_buf_z(&html), never[i]));
    assert_non_null(strstr(sco_buf_z(&html), "p: 2 skip"));
    assert_non_null(strstr(sco_buf_z(&html), "q: applied to nothing"));
    assert_non_null(strstr(sco_buf_z(&html), "a.tf:3 r: &lt;i&gt;"));
    assert_non_null(strstr(sco_buf_z(&html), "and 7 more"));
    assert_non_null(strstr(sco_buf_z(&html), "by ada at 2027: seen"));
    assert_non_null(strstr(sco_buf_z(&html), "Not assessed: 1"));
    assert_non_null(strstr(sco_buf_z(&csv), "\"'+T\",\"'=cmd\",\"main\""));
    assert_non_null(strstr(sco_buf_z(&csv), ",\"d1\",\"true\"\r\n"));
    assert_null(memchr(table.p, '\x1b', table.n));
    assert_non_null(strstr(sco_buf_z(&table), "undetermined"));
    sco_buf_clear(&html); /* whatever it is asked of */
    sco_compliance_view_html(NULL, &html);
    sco_arena_done(&arena);
}

static void test_no_memory(void **state)
{
    (void)state;
    start();
    const struct sco_node *m = NULL;
    assert_int_equal(
        sco_json_parse(SCO_STR("{\"id\":\"f\",\"title\":\"t\",\"controls\":[" BOTH "," POLICY "]}"),
                       &arena, &m, NULL),
        0);
    for (long n = 0;; n++) {
        struct sco_compliance *x = NULL;
        sco_alloc_fail_at(n);
        int r = sco_compliance_judge(m, "f", &scan, &x, NULL);
        bool all = sco_alloc_fail_at(-1) <= n;
        assert_int_equal(x != NULL, r == 0);
        sco_compliance_free(x);
        if (all)
            break;
        assert_true(r == 0 || r == SCO_E_NOMEM);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),  cmocka_unit_test(test_incomplete_run),
        cmocka_unit_test(test_waived),    cmocka_unit_test(test_facts),
        cmocka_unit_test(test_formats),   cmocka_unit_test(test_view),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("compliance", tests, NULL, NULL);
}
