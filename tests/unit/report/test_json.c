/* The JSON report: shape, one finding per line, hostile texts, memory, write errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

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

static const char *text(json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

static long long number(json_t *j, const char *key)
{
    assert_true(json_is_integer(json_object_get(j, key)));
    return json_integer_value(json_object_get(j, key));
}

static void empty_scan(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JSON, NULL);
    json_t *j = load(&b), *scan = json_object_get(j, "scan");
    assert_string_equal(text(j, "version"), "1");
    assert_string_equal(text(scan, "command"), "scan");
    assert_string_equal(text(scan, "started_at"), "2026-01-02T03:04:05.000Z");
    assert_string_equal(text(scan, "status"), "completed");
    assert_int_equal(number(scan, "duration_ms"), 2500);
    assert_true(json_is_null(json_object_get(scan, "commit_sha")));
    assert_string_equal(text(json_object_get(scan, "tool"), "version"), SCO_VERSION);
    assert_int_equal(json_array_size(json_object_get(j, "findings")), 0);
    assert_int_equal(json_array_size(json_object_get(j, "scanners")), 0);
    assert_true(json_is_object(json_object_get(j, "policies")));
    assert_string_equal(text(json_object_get(j, "gate"), "result"), "passed");
    assert_int_equal(number(j, "exit_status"), 0);
    json_decref(j);
    fixture_done(&s);
}

static void every_status(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    for (int i = 0; i < SCO_RUN_STATUS_MAX_; i++)
        fixture_run(&s, "tool", "Tool", (enum sco_run_status)i)->reason = "because";
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JSON, NULL);
    json_t *j = load(&b), *runs = json_object_get(j, "scanners");
    static const char *const names[] = {"completed", "incomplete", "failed",
                                        "timeout",   "missing",    "skipped"};
    assert_int_equal(json_array_size(runs), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(text(json_array_get(runs, i), "status"), names[i]);
        assert_string_equal(text(json_array_get(runs, i), "reason"), "because");
    }
    assert_int_equal(number(json_array_get(runs, 4), "duration_ms"), -1);
    assert_string_equal(text(json_object_get(j, "scan"), "status"), "incomplete");
    json_decref(j);
    s.cancelled = true;
    SCO_AUTO(sco_buf) struct sco_buf c = fixture_report(&s, SCO_REPORT_JSON, NULL);
    j = load(&c);
    assert_string_equal(text(json_object_get(j, "scan"), "status"), "cancelled");
    json_decref(j);
    fixture_done(&s);
}

static void full_scan(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    s.repository = "https://user:s3cr@t@git.example/team/app.git";
    s.branch = "main";
    fixture_run(&s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    struct sco_finding *f =
        fixture_finding(&s, SCO_TYPE_SCA, SCO_SEV_CRITICAL, "Trivy", "CVE-2026-1", "Overflow");
    fixture_package(&s, f, "left-pad", "1.0.0", "1.0.1");
    f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "Trivy", "R2", "Weak");
    fixture_suppress(&s, f, SCO_SUPPRESS_WAIVER, "known", "2027-01-01");
    fixture_count(&s);
    fixture_gate(&s, SCO_GATE_FAILED, 1, "1 finding of severity HIGH or above");
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JSON, NULL);
    assert_null(strstr(b.p, "s3cr"));
    json_t *j = load(&b), *findings = json_object_get(j, "findings");
    assert_string_equal(text(json_object_get(j, "scan"), "repository"),
                        "https://git.example/team/app.git");
    assert_int_equal(json_array_size(findings), 2);
    assert_string_equal(text(json_array_get(findings, 0), "title"), "Overflow");
    json_t *run = json_array_get(json_object_get(j, "scanners"), 0);
    assert_int_equal(number(run, "findings"), 1);
    assert_int_equal(number(run, "suppressed"), 1);
    assert_int_equal(number(json_object_get(run, "severities"), "CRITICAL"), 1);
    json_t *sum = json_object_get(j, "summary");
    assert_int_equal(number(sum, "findings"), 2);
    assert_int_equal(number(json_object_get(sum, "by_type"), "SCA"), 1);
    assert_int_equal(number(json_object_get(sum, "by_severity"), "LOW"), 0);
    json_t *gate = json_object_get(j, "gate");
    assert_string_equal(text(gate, "fail_on"), "HIGH");
    assert_string_equal(text(gate, "result"), "failed");
    assert_int_equal(json_array_size(json_object_get(gate, "reasons")), 1);
    json_decref(j);
    fixture_done(&s);
}

/* Each line between the brackets of "findings" is a finding: a JSON object but for its comma. */
static void one_line_each(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    for (int i = 0; i < 20; i++)
        fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "R", "a\nb")->description = "c\r\nd";
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JSON, NULL);
    const char *start = strstr(b.p, "\"findings\":[\n");
    assert_non_null(start);
    struct sco_str rest = sco_str_c(strchr(start, '\n') + 1), line;
    int n = 0;
    while (sco_str_split(&rest, '\n', &line) && line.n && line.p[0] == '{') {
        line.n -= line.p[line.n - 1] == ',';
        json_t *j = json_loadb(line.p, line.n, 0, NULL);
        assert_non_null(j);
        json_decref(j);
        n++;
    }
    assert_int_equal(n, 20);
    fixture_done(&s);
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
        struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, z, z, z);
        f->description = f->remediation = f->file_path = f->resource = f->cve_id = z;
        fixture_package(&s, f, z, z, z);
        fixture_suppress(&s, f, SCO_SUPPRESS_INLINE, z, z);
        fixture_gate(&s, SCO_GATE_INCOMPLETE, 3, z);
        SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_JSON, NULL);
        json_decref(load(&b));
        for (size_t k = 0; k < b.n; k++)
            assert_true(b.p[k] == '\n' || (unsigned char)b.p[k] >= 0x20);
        fixture_done(&s);
    }
}

static size_t heap_in_use(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void many_findings(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct sco_scan s;
    struct sco_error err;
    fixture_init(&s);
    for (int i = 0; i < MANY; i++)
        fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "R", "title")->line = i + 1;
    int fd = open("/dev/null", O_WRONLY);
    /* The peak of the heap: what stays reserved after everything is freed again. */
    malloc_trim(0);
    size_t before = heap_in_use(), arena = mallinfo2().arena;
    assert_int_equal(sco_report_write(&s, SCO_REPORT_JSON, NULL, fd, &err), 0);
    size_t grown = mallinfo2().arena > arena ? mallinfo2().arena - arena : 0;
    assert_true(heap_in_use() <= before + 4096);
    assert_true(grown <= 1 << 20);
    close(fd);
    fixture_done(&s);
}

static void write_error(void **state)
{
    (void)state;
    struct sco_scan s;
    struct sco_error err;
    fixture_init(&s);
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    for (int f = 0; f < SCO_REPORT_MAX_; f++) {
        assert_int_equal(sco_report_write(&s, (enum sco_report_format)f, NULL, fd, &err), SCO_E_IO);
        assert_non_null(strstr(err.text, strerror(ENOSPC)));
    }
    close(fd);
    fixture_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_scan),  cmocka_unit_test(every_status),
        cmocka_unit_test(full_scan),   cmocka_unit_test(one_line_each),
        cmocka_unit_test(hostile),     cmocka_unit_test(many_findings),
        cmocka_unit_test(write_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
