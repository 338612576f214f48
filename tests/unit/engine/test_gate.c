/* The gate: what fails, what is incomplete, what outranks what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "engine_priv.h"

static struct sco_finding findings[3];
static struct sco_scanner_run runs[2];

static struct sco_scan scan_of(size_t n_findings, size_t n_runs)
{
    struct sco_scan s = {.runs = runs, .n_runs = n_runs};
    s.findings.v = findings;
    s.findings.n = n_findings;
    memset(findings, 0, sizeof findings);
    memset(runs, 0, sizeof runs);
    for (int i = 0; i < 2; i++)
        runs[i] = (struct sco_scanner_run){.name = "fake", .counts = true};
    for (int i = 0; i < 3; i++) {
        findings[i].type = SCO_TYPE_SAST;
        findings[i].severity = SCO_SEV_MEDIUM;
    }
    return s;
}

static void judge(struct sco_scan *s, const struct sco_gate_rules *r, int want)
{
    assert_int_equal(gate_judge(s, r, NULL), 0);
    assert_int_equal(s->exit_status, want);
    assert_int_equal(s->gate.n_reasons > 0, want != 0);
    sco_arena_done(&s->arena);
}

static void severity_decides(void **state)
{
    (void)state;
    struct sco_scan s = scan_of(3, 1);
    struct sco_gate_rules high = {.fail_on = SCO_SEV_HIGH}, medium = {.fail_on = SCO_SEV_MEDIUM},
                          none = {0};
    judge(&s, &high, 0);
    judge(&s, &medium, 1);
    judge(&s, &none, 0);
    static const struct sco_suppresseds nothing = {0}, suppressed = {.n = 1};
    for (int i = 0; i < 3; i++) {
        findings[i].suppressions = &nothing;
        findings[i].status = SCO_STATUS_IN_PROGRESS;
    }
    judge(&s, &medium, 1);
    findings[0].suppressions = &suppressed;
    findings[1].status = SCO_STATUS_ACCEPTED;
    findings[2].status = SCO_STATUS_FALSE_POSITIVE;
    judge(&s, &medium, 0);
}

static void thresholds_count(void **state)
{
    (void)state;
    struct sco_scan s = scan_of(3, 1);
    struct sco_threshold t = {.type = SCO_TYPE_SAST, .severity = SCO_SEV_LOW, .max = 3};
    struct sco_gate_rules r = {.thresholds = &t, .n_thresholds = 1};
    judge(&s, &r, 0);
    t.max = 2;
    judge(&s, &r, 1);
    t.type = SCO_TYPE_SCA;
    judge(&s, &r, 0);
}

static void incomplete_outranks_failed(void **state)
{
    (void)state;
    struct sco_gate_rules r = {.fail_on = SCO_SEV_LOW};
    for (int st = 0; st < SCO_RUN_STATUS_MAX_; st++) {
        struct sco_scan s = scan_of(3, 2);
        runs[1].status = (enum sco_run_status)st;
        judge(&s, &r, st == SCO_RUN_STATUS_COMPLETED ? 1 : 3);
        runs[1].counts = false;
        judge(&s, &r, 1);
        runs[1].counts = true;
        r.warn_on_incomplete = true;
        judge(&s, &r, 1);
        r.warn_on_incomplete = false;
    }
    struct sco_scan s = scan_of(0, 1);
    s.cancelled = true;
    judge(&s, &r, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(severity_decides),
        cmocka_unit_test(thresholds_count),
        cmocka_unit_test(incomplete_outranks_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
