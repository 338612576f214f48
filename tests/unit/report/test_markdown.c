/* Markdown for pull requests: what stands in it, that it fits, and that no text gets out of its
 * cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "hostile.h"
#include "scan_fixture.h"

static struct sco_buf render(const struct sco_scan *s, const struct sco_report_markdown_options *o)
{
    struct sco_buf b = {0};
    struct sco_error err = {0};
    int r = sco_report_markdown(s, o, &b, &err);
    if (r < 0)
        fprintf(stderr, "%s\n", err.text);
    assert_int_equal(r, 0);
    sco_buf_z(&b);
    return b;
}

static bool has(struct sco_buf *b, const char *what)
{
    bool found = strstr(sco_buf_z(b), what) != NULL;
    if (!found)
        fprintf(stderr, "no \"%s\" in:\n%s\n", what, sco_buf_z(b));
    return found;
}

static void shape(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    fixture_run(&s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    fixture_run(&s, "semgrep", "Semgrep", SCO_RUN_STATUS_FAILED)->reason = "it | crashed";
    struct sco_finding *f =
        fixture_finding(&s, SCO_TYPE_SCA, SCO_SEV_HIGH, "Trivy", "CVE-2024-1", "Bad package");
    fixture_package(&s, f, "lodash", "1.0", "1.1");
    f->baseline = SCO_BASELINE_NEW;
    f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "Trivy", "old", "Was there before");
    f->baseline = SCO_BASELINE_UNCHANGED;
    f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "Trivy", "gone", "Is suppressed");
    fixture_suppress(&s, f, SCO_SUPPRESS_WAIVER, "because", NULL);
    s.comparison.base = "main";
    s.comparison.merge_base = "0123456789abcdef";
    fixture_count(&s);
    s.summary.unchanged = 1;
    fixture_gate(&s, SCO_GATE_FAILED, 1, "1 new finding");
    struct sco_report_markdown_options o = {.marker = "<!-- secureops:app -->",
                                            .link = "https://example.com/scans/1",
                                            .file_url = "https://example.com/blob/0123/"};
    struct sco_buf b = render(&s, &o);
    assert_memory_equal(b.p, "<!-- secureops:app -->\n## SecureOps: failed\n", 44);
    assert_true(has(&b, "- 1 new finding\n"));
    assert_true(has(&b, "| New |"));
    assert_true(has(&b, "1 unchanged, 1 suppressed. Compared with `main` at `0123456789ab`."));
    assert_true(has(&b, "### New findings"));
    assert_true(has(&b, "| HIGH | Bad package<br>Fix: upgrade lodash 1.0 to 1.1 | "
                        "[`src/file.c:10`](https://example.com/blob/0123/src/file.c#L10) | "
                        "Trivy `CVE-2024-1` |"));
    assert_true(has(&b, "<details><summary>2 scanners</summary>"));
    assert_true(has(&b, "| failed: it &#124; crashed |"));
    assert_true(has(&b, "[The whole report](https://example.com/scans/1)"));
    assert_null(strstr(b.p, "Was there before"));
    assert_null(strstr(b.p, "Is suppressed"));
    sco_buf_done(&b);
    o.new_only = true;
    b = render(&s, &o);
    assert_null(strstr(b.p, "unchanged"));
    sco_buf_done(&b);
    fixture_done(&s);
}

/* How many cells each line of a table has: no text may change that. */
static void check_tables(struct sco_buf *b)
{
    struct sco_str rest = sco_buf_str(b), line;
    int columns = 0;
    while (sco_str_split(&rest, '\n', &line)) {
        int n = 0;
        for (size_t i = 0; i < line.n; i++)
            n += line.p[i] == '|';
        if (!n)
            columns = 0;
        else if (!columns)
            columns = n;
        assert_int_equal(n, columns);
    }
}

static const char *const injections[] = {
    "a | b | c",
    "`code` `` ``` |` \\| \\\\|",
    "@admin please, user@example.com #12 !34 ~label %5 $6 ^7 &8",
    "https://evil.example www.evil.example HTTP://x ftp://y mailto:z@y javascript:alert(1)",
    "[link](https://evil.example) ![image](https://evil.example/x.png) <https://evil.example>",
    "</details></table><script>alert(1)</script><img src=x onerror=alert(1)><!-- -->",
    "# heading\n\n```\ncode\n- list\n/close",
    "&lt;b&gt; &#124; &amp;",
};

/* What a reader sees of the characters that are references. */
static void decode(struct sco_buf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        char *end = NULL;
        long c = b->p[i] == '&' && b->p[i + 1] == '#' ? strtol(b->p + i + 2, &end, 10) : 0;
        b->p[n++] = !end ? b->p[i] : c < 128 ? (char)c : '\x01';
        if (end)
            i = (size_t)(end - b->p);
        else if (b->p[i] == '(' && i && b->p[i - 1] == ']') /* where a link leads is no text */
            while (b->p[i] != ')')
                i++;
    }
    b->p[b->n = n] = 0;
}

static void never_in(const struct sco_buf *b, const char *const *words)
{
    for (; *words; words++)
        if (strstr(b->p, *words))
            fail_msg("%s in %s", *words, b->p);
}

static void check_text(const char *text)
{
    static const char *const syntax[] = {"<script", "<img", "](https://evil", "\n/close",
                                         "\n```",   "<!--", "\n# ",           NULL};
    static const char *const links[] = {"@admin", "#12",   "!34",     "~label", "%5 ", "$6 ",
                                        "^7 ",    "www.e", "://evil", "r@e",    NULL};
    struct sco_scan s;
    fixture_init(&s);
    struct sco_scanner_run *run = fixture_run(&s, text, text, SCO_RUN_STATUS_FAILED);
    run->reason = run->version = text;
    struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, text, text, text);
    f->remediation = text;
    f->file_path = text;
    f = fixture_finding(&s, SCO_TYPE_DAST, SCO_SEV_HIGH, text, text, text);
    f->file_path = NULL;
    f->resource = text;
    s.comparison.base = text;
    fixture_count(&s);
    fixture_gate(&s, SCO_GATE_FAILED, 1, text);
    struct sco_report_markdown_options o = {.title = text, .file_url = "https://example.com/b/"};
    for (int i = 0; i < 2; i++) {
        struct sco_buf b = render(&s, &o);
        assert_true(sco_utf8_valid(sco_buf_str(&b)));
        check_tables(&b);
        /* a code span is text, whatever it says */
        bool span = false;
        for (size_t k = 0; k < b.n; k++) {
            span ^= b.p[k] == '`';
            if (span)
                b.p[k] = ' ';
        }
        assert_false(span);
        never_in(&b, syntax);
        decode(&b);
        never_in(&b, links);
        sco_buf_done(&b);
        o.file_url = NULL;
    }
    fixture_done(&s);
}

static void injection(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(injections); i++)
        check_text(injections[i]);
    for (size_t i = 0; i < HOSTILE; i++)
        check_text(hostile_texts[i]);
}

static void limit(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    char long_text[900];
    for (size_t i = 0; i < sizeof long_text - 1; i++)
        long_text[i] = "\xe6\xbc\xa2"[i % 3];
    long_text[sizeof long_text - 1] = 0;
    for (int i = 0; i < 40; i++)
        fixture_run(&s, "scanner", "Scanner", SCO_RUN_STATUS_FAILED)->reason = long_text;
    for (int i = 0; i < 300; i++) {
        struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "T", "R",
                                                i % 2 ? long_text : "@@@@@@@@@@@@@@@@@@@@@@@@@@");
        f->remediation = i % 3 ? long_text : NULL;
    }
    fixture_count(&s);
    fixture_gate(&s, SCO_GATE_FAILED, 1, long_text);
    char link[1000];
    memset(link, 'x', sizeof link);
    memcpy(link, "https://", 8);
    link[sizeof link - 1] = 0;
    char marker[200];
    memset(marker, 'm', sizeof marker);
    memcpy(marker, "<!-- ", 5);
    memcpy(marker + sizeof marker - 5, " -->", 5);
    for (size_t n = 2000; n < 200000; n += n < 6000 ? 37 : 5003) {
        struct sco_report_markdown_options o = {
            .limit = n, .link = link, .marker = marker, .title = "########################"};
        struct sco_buf b = render(&s, &o);
        assert_true(b.n <= n);
        assert_true(sco_utf8_valid(sco_buf_str(&b)));
        check_tables(&b);
        size_t rows = 0, opened = 0, closed = 0;
        long more = 0;
        for (const char *p = b.p; (p = strstr(p, "\n| HIGH | ")); p++)
            rows++;
        for (const char *p = b.p; (p = strstr(p, "<details>")); p++)
            opened++;
        for (const char *p = b.p; (p = strstr(p, "</details>")); p++)
            closed++;
        const char *words = strstr(b.p, " more finding");
        if (words) {
            while (words > b.p && words[-1] >= '0' && words[-1] <= '9')
                words--;
            more = strtol(words, NULL, 10);
        }
        assert_int_equal(rows + (size_t)more, 300);
        assert_int_equal(opened, closed);
        assert_true(has(&b, "[The whole report](https://"));
        sco_buf_done(&b);
    }
    fixture_done(&s);
}

static void wrong(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    const struct sco_report_markdown_options bad[] = {
        {.limit = 1999},
        {.link = "javascript:alert(1)"},
        {.link = "https://x.org/)"},
        {.link = "https://x.org/ y"},
        {.file_url = "/x"},
        {.marker = "text"},
        {.marker = "<!-- a --> <!-- b -->"},
        {.marker = "<!-- a\n-->"},
        {.marker = "<!---->"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        struct sco_buf b = {0};
        assert_int_equal(sco_report_markdown(&s, &bad[i], &b, NULL), SCO_E_INVALID);
        assert_int_equal(b.n, 0);
    }
    fixture_done(&s);
}

static void no_sbom(void **state)
{
    (void)state;
    struct sco_scan s;
    struct sco_report_markdown_options o = {0};
    fixture_init(&s);
    fixture_run(&s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    fixture_run(&s, "sbom", "SBOM", SCO_RUN_STATUS_MISSING)->reason = "no SBOM, no program";
    s.runs[1].hint = "one of trivy and syft";
    fixture_count(&s);
    struct sco_buf b = render(&s, &o);
    assert_true(has(&b, "Note: no SBOM, no program; install one of trivy and syft.\n"));
    sco_buf_done(&b);
    s.runs[1].counts = true; /* then it is a reason of the gate */
    b = render(&s, &o);
    assert_null(strstr(sco_buf_z(&b), "Note:"));
    sco_buf_done(&b);
    fixture_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape),   cmocka_unit_test(injection), cmocka_unit_test(limit),
        cmocka_unit_test(no_sbom), cmocka_unit_test(wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
