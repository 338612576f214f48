/* The table: its text, its width, and that nothing from outside reaches a terminal raw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "hostile.h"
#include "scan_fixture.h"

static const struct sco_report_options plain = {.columns = 100};

static void has(const struct sco_buf *b, const char *z)
{
    if (!strstr(b->p, z))
        fprintf(stderr, "no \"%s\" in:\n%s\n", z, b->p);
    assert_non_null(strstr(b->p, z));
}

static struct sco_str last_line(const struct sco_buf *b)
{
    assert_true(b->n && b->p[b->n - 1] == '\n');
    const char *p = memrchr(b->p, '\n', b->n - 1);
    p = p ? p + 1 : b->p;
    return sco_str_make(p, (size_t)(b->p + b->n - 1 - p));
}

static void is_last(const struct sco_buf *b, const char *z)
{
    if (!sco_str_is(last_line(b), z))
        fprintf(stderr, "want %s in:\n%s\n", z, b->p);
    assert_true(sco_str_is(last_line(b), z));
}

static void typical(struct sco_scan *s)
{
    fixture_init(s);
    s->branch = "main";
    s->commit_sha = "0123456789abcdef0123456789abcdef01234567";
    fixture_run(s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    struct sco_scanner_run *r = fixture_run(s, "semgrep", "Semgrep", SCO_RUN_STATUS_TIMEOUT);
    r->reason = "no end after 10m00s: stopped";
    r->hint = "allow more with --timeout 20m";
    r = fixture_run(s, "gitleaks", "Gitleaks", SCO_RUN_STATUS_MISSING);
    r->reason = "no program gitleaks in the PATH";
    r->hint = "scripts/install-scanners.sh gitleaks";
    struct sco_finding *f =
        fixture_finding(s, SCO_TYPE_SCA, SCO_SEV_CRITICAL, "Trivy", "CVE-2026-1", "Overflow");
    fixture_package(s, f, "left-pad", "1.0.0", "1.0.1");
    fixture_tool(s, f, "Grype", "GHSA-1");
    f->kev = 1;
    f->risk_score = 98.2f;
    for (int i = 1; i <= 2; i++) {
        f = fixture_finding(s, SCO_TYPE_IAC, SCO_SEV_HIGH, "Trivy", "DS002", "Runs as root");
        f->file_path = i == 1 ? "a/Dockerfile" : "b/Dockerfile";
        f->line = i;
        f->remediation = "Add a USER line.\nMore text.";
    }
    f = fixture_finding(s, SCO_TYPE_SECRET, SCO_SEV_HIGH, "Trivy", "aws", "AWS key");
    fixture_suppress(s, f, SCO_SUPPRESS_WAIVER, "test data", "2027-01-01");
    fixture_count(s);
    fixture_gate(s, SCO_GATE_FAILED, 1, "3 findings of severity HIGH or above (--fail-on HIGH)");
}

static void golden(void **state)
{
    (void)state;
    struct sco_scan s;
    typical(&s);
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    static const char want[] =
        "SecureOps " SCO_VERSION ": scan of app (main at 0123456789ab) in 2.5s\n"
        "\n"
        "Scanner       Crit High  Med  Low Info Suppr.    Time  Result\n"
        "Trivy 1.2.3      1    2    0    0    0      1    1.5s  completed\n"
        "Semgrep 1.2.3    -    -    -    -    -      -    1.5s  timeout  no end after 10m00s: "
        "stopped\n"
        "    -> allow more with --timeout 20m\n"
        "Gitleaks         -    -    -    -    -      -       -  missing  no program gitleaks in "
        "the PATH\n"
        "    -> scripts/install-scanners.sh gitleaks\n"
        "\n"
        "CRITICAL  Overflow in left-pad 1.0.0 [known to be exploited]\n"
        "          src/file.c:10\n"
        "          Trivy CVE-2026-1, Grype GHSA-1, risk 98\n"
        "          fix: upgrade left-pad 1.0.0 to 1.0.1\n"
        "\n"
        "HIGH      Runs as root\n"
        "          a/Dockerfile:1\n"
        "          b/Dockerfile:2\n"
        "          Trivy DS002\n"
        "          fix: Add a USER line.\n"
        "\n"
        "1 suppressed, not shown: --show-suppressed\n"
        "\n"
        "3 findings: 1 critical, 2 high; 1 suppressed\n"
        "FAILED (exit 1): 3 findings of severity HIGH or above (--fail-on HIGH)\n";
    if (strcmp(b.p, want) != 0)
        fprintf(stderr, "---- got\n%s---- want\n%s", b.p, want);
    assert_string_equal(b.p, want);
    fixture_done(&s);
}

static void shows_suppressed(void **state)
{
    (void)state;
    struct sco_scan s;
    typical(&s);
    struct sco_report_options o = {.columns = 100, .show_suppressed = true};
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &o);
    has(&b, "\nSuppressed (1):\n\nHIGH      AWS key\n");
    has(&b, "          suppressed: test data (until 2027-01-01)\n");
    fixture_done(&s);
}

static void colours(void **state)
{
    (void)state;
    struct sco_scan s;
    typical(&s);
    struct sco_report_options o = {.columns = 100, .color = true};
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &o);
    has(&b, "\x1b[1;31mCRITICAL\x1b[0m");
    has(&b, "\x1b[1;31mFAILED\x1b[0m (exit 1)");
    /* without the colours it is the plain text */
    SCO_AUTO(sco_buf) struct sco_buf p = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    SCO_AUTO(sco_buf) struct sco_buf stripped = {0};
    for (const char *c = b.p; *c; c++)
        if (*c == '\x1b')
            c = strchr(c, 'm');
        else
            sco_buf_addc(&stripped, *c);
    assert_string_equal(sco_buf_z(&stripped), p.p);
    fixture_done(&s);
}

static void verdicts(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    fixture_run(&s, "a", "A", SCO_RUN_STATUS_COMPLETED);
    fixture_gate(&s, SCO_GATE_PASSED, 0, NULL);
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    is_last(&b, "PASSED (exit 0): no finding of severity HIGH or above");
    has(&b, "\nNo findings\n");
    s.gate.fail_on = 0;
    SCO_AUTO(sco_buf) struct sco_buf c = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    is_last(&c, "PASSED (exit 0): no --fail-on severity is set");
    fixture_run(&s, "b", "B", SCO_RUN_STATUS_FAILED)->reason = "it crashed";
    fixture_gate(&s, SCO_GATE_INCOMPLETE, 3, "b: failed: it crashed");
    SCO_AUTO(sco_buf) struct sco_buf d = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    is_last(&d, "INCOMPLETE (exit 3): 1 of 2 scanners did not finish: B (failed)");
    has(&d, "\n  - b: failed: it crashed\n");
    has(&d, "\nNo findings in what was checked\n");
    s.cancelled = true;
    SCO_AUTO(sco_buf) struct sco_buf e = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    is_last(&e, "INCOMPLETE (exit 3): the scan was cancelled");
    fixture_done(&s);
}

static void every_status(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    for (int i = 0; i < SCO_RUN_STATUS_MAX_; i++)
        fixture_run(&s, "t", "Tool", (enum sco_run_status)i)->hint = "do this";
    s.runs[4].required = true;
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    for (int i = 0; i < SCO_RUN_STATUS_MAX_; i++)
        has(&b, sco_run_status_name((enum sco_run_status)i));
    has(&b, "missing  (required) no reason is known");
    fixture_done(&s);
}

static void long_reason(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    SCO_AUTO(sco_buf) struct sco_buf why = {0};
    for (int i = 0; i < 3000; i++)
        sco_buf_addf(&why, "word%d ", i);
    fixture_run(&s, "t", "Tool", SCO_RUN_STATUS_FAILED)->reason = sco_buf_z(&why);
    SCO_AUTO(sco_buf) struct sco_buf one = {0};
    for (int i = 0; i < 20000; i++)
        sco_buf_addc(&one, 'x');
    fixture_run(&s, "u", "Other", SCO_RUN_STATUS_FAILED)->reason = sco_buf_z(&one);
    struct sco_report_options o = {.columns = 70};
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &o);
    has(&b, "    word0 word1 ");
    has(&b, "xxx ...\n");
    assert_true(b.n < 4000);
    struct sco_str rest = sco_buf_str(&b), line;
    while (sco_str_split(&rest, '\n', &line))
        if (line.n && line.p[0] == ' ')
            assert_true(sco_utf8_width(line) <= 70);
    fixture_done(&s);
}

static void more_than_fifty(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    for (int i = 0; i < 120; i++)
        fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "R",
                        sco_arena_fmt(&s.arena, "finding number %d", i));
    fixture_count(&s);
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    has(&b, "finding number 49\n");
    assert_null(strstr(b.p, "finding number 50"));
    has(&b, "... and 70 more: --all shows them");
    struct sco_report_options o = {.all = true};
    SCO_AUTO(sco_buf) struct sco_buf c = fixture_report(&s, SCO_REPORT_TABLE, &o);
    has(&c, "finding number 119\n");
    assert_null(strstr(c.p, "more: --all"));
    fixture_done(&s);
}

/* No control character but the new line, no bidirectional control, valid UTF-8. */
static void is_harmless(const struct sco_buf *b)
{
    assert_true(sco_utf8_valid(sco_buf_str(b)));
    for (size_t i = 0; i < b->n; i++) {
        unsigned char c = (unsigned char)b->p[i];
        assert_true(c == '\n' || (c >= 0x20 && c != 0x7f));
        assert_false(c == 0xc2 && (unsigned char)b->p[i + 1] < 0xa0);
    }
    assert_null(strstr(b->p, "\xe2\x80\xae"));
    assert_null(strstr(b->p, "\xe2\x81\xa6"));
}

static void hostile(void **state)
{
    (void)state;
    for (int i = 0; i < HOSTILE; i++) {
        const char *z = hostile_texts[i];
        struct sco_scan s;
        fixture_init(&s);
        s.target = s.branch = s.commit_sha = z;
        for (int k = 0; k < 2; k++) {
            struct sco_scanner_run *r = fixture_run(&s, z, z, SCO_RUN_STATUS_FAILED);
            r->reason = r->hint = r->version = r->target = z;
        }
        for (int k = 0; k < 2; k++) {
            struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, z, z, z);
            f->remediation = f->file_path = f->resource = f->cve_id = f->parameter = f->commit = z;
            f->secret_preview = z;
            if (k)
                fixture_suppress(&s, f, SCO_SUPPRESS_INLINE, z, z);
        }
        fixture_gate(&s, SCO_GATE_FAILED, 1, z);
        struct sco_report_options o = {.columns = 60 + i, .show_suppressed = true};
        SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &o);
        is_harmless(&b);
        assert_true(sco_str_starts(last_line(&b), "FAILED (exit 1): "));
        fixture_done(&s);
    }
}

/* A remediation that only repeats the title is no fix. */
static void no_fix(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "a", "Use of eval")->remediation =
        "Use of eval.";
    fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "b", "Use of exec")->remediation =
        "Use of exec is wrong.";
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &plain);
    assert_null(strstr(b.p, "fix: Use of eval"));
    has(&b, "fix: Use of exec is wrong.");
    fixture_done(&s);
}

static void narrow(void **state)
{
    (void)state;
    struct sco_scan s;
    typical(&s);
    for (int columns = 1; columns < 130; columns += 3) {
        struct sco_report_options o = {.columns = columns};
        SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_TABLE, &o);
        assert_true(sco_str_starts(last_line(&b), "FAILED (exit 1): "));
    }
    fixture_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),       cmocka_unit_test(shows_suppressed),
        cmocka_unit_test(colours),      cmocka_unit_test(verdicts),
        cmocka_unit_test(every_status), cmocka_unit_test(long_reason),
        cmocka_unit_test(hostile),      cmocka_unit_test(more_than_fifty),
        cmocka_unit_test(narrow),       cmocka_unit_test(no_fix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
