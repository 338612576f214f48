/* JUnit XML, for the test views of CI systems: a suite per tool; in it a case per scanner run
 * (error: it did not finish; skipped: it had nothing to do) and a case per finding (failure, or
 * skipped when suppressed or known before). Text is made printable first, so that the document is
 * well-formed and harmless in a terminal whatever a tool said. */
#include "report_priv.h"

#include <stdlib.h>

enum { BODY_LINES_MAX = 200 };

struct junit {
    const struct sco_scan *scan;
    struct sink *s;
    struct sco_buf *b;
    struct sco_buf tmp, raw;
};

/* Escapes printable text. U+FFFE and U+FFFF are code points that XML does not have. */
static void add_escaped(struct sco_buf *b, struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        size_t start = i;
        while (i < s.n && s.p[i] != '&' && s.p[i] != '<' && s.p[i] != '>' && s.p[i] != '"' &&
               s.p[i] != '\xEF')
            i++;
        sco_buf_add(b, sco_str_make(s.p + start, i - start));
        if (i == s.n)
            break;
        const char *p = s.p + i;
        if (*p == '&')
            sco_buf_addz(b, "&amp;");
        else if (*p == '<')
            sco_buf_addz(b, "&lt;");
        else if (*p == '>')
            sco_buf_addz(b, "&gt;");
        else if (*p == '"')
            sco_buf_addz(b, "&quot;");
        else if (i + 2 < s.n && memcmp(p, "\xEF\xBF", 2) == 0 && (unsigned char)p[2] >= 0xBE) {
            sco_buf_addz(b, "\xEF\xBF\xBD");
            i += 2;
        } else
            sco_buf_addc(b, *p);
    }
}

/* One line of text. */
static void add_text(struct junit *j, struct sco_str s)
{
    buf_restart(&j->tmp, j->b);
    sco_buf_add_printable(&j->tmp, s);
    add_escaped(j->b, sco_buf_str(&j->tmp));
}

static void add_textz(struct junit *j, const char *z)
{
    add_text(j, sco_str_c(z));
}

/* Text that keeps its lines. */
static void add_lines(struct junit *j, const char *z)
{
    struct sco_str rest = sco_str_trim(sco_str_c(z)), line;
    for (int i = 0; sco_str_split(&rest, '\n', &line); i++) {
        if (i == BODY_LINES_MAX) {
            sco_buf_addz(j->b, "...\n");
            return;
        }
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        add_text(j, line);
        sco_buf_addc(j->b, '\n');
    }
}

static void add_attribute(struct junit *j, const char *name, const char *value)
{
    sco_buf_addf(j->b, " %s=\"", name);
    add_textz(j, value);
    sco_buf_addc(j->b, '"');
}

static void add_seconds(struct junit *j, int64_t ms)
{
    ms = ms > 0 ? ms : 0;
    sco_buf_addf(j->b, " time=\"%lld.%03d\"", (long long)(ms / 1000), (int)(ms % 1000));
}

/* ---- findings -------------------------------------------------------------------------------- */
static void add_detail(struct junit *j, const char *label, const char *value)
{
    if (!value || !*value)
        return;
    sco_buf_addf(j->b, "%s: ", label);
    add_textz(j, value);
    sco_buf_addc(j->b, '\n');
}

static void add_body(struct junit *j, const struct sco_finding *f)
{
    const struct sco_package *p = f->package;
    char fingerprint[65];
    sco_fingerprint_hex(f->fingerprint, fingerprint);
    if (f->description)
        add_lines(j, f->description);
    if (f->file_path) {
        sco_buf_addz(j->b, "Location: ");
        add_textz(j, f->file_path);
        sco_buf_addf(j->b, f->line > 0 ? ":%d\n" : "\n", f->line);
    }
    add_detail(j, "Resource", f->resource);
    if (p && p->name) {
        buf_restart(&j->raw, j->b);
        sco_buf_addf(&j->raw, "%s %s", p->name, p->version ? p->version : "");
        add_detail(j, "Package", sco_buf_z(&j->raw));
    }
    add_detail(j, "CVE", f->cve_id);
    for (uint32_t i = 0; f->cwe_ids && i < f->cwe_ids->n; i++)
        add_detail(j, "CWE", f->cwe_ids->v[i]);
    buf_restart(&j->raw, j->b);
    add_fix(&j->raw, f);
    add_detail(j, "Fix", sco_buf_z(&j->raw));
    for (uint32_t i = 0; f->tools && i < f->tools->n; i++) {
        buf_restart(&j->raw, j->b);
        sco_buf_addf(&j->raw, "%s %s", f->tools->v[i]->name ? f->tools->v[i]->name : "unknown",
                     f->tools->v[i]->rule_id ? f->tools->v[i]->rule_id : "");
        add_detail(j, "Reported by", sco_buf_z(&j->raw));
    }
    add_detail(j, "Fingerprint", fingerprint);
}

static void add_finding(struct junit *j, const struct tool_group *g, const struct sco_finding *f)
{
    const char *title = f->title ? f->title : f->rule_id ? f->rule_id : "finding";
    sco_buf_addz(j->b, "    <testcase name=\"");
    add_textz(j, title);
    if (f->file_path) { /* views that show names only must tell cases apart */
        sco_buf_addz(j->b, " (");
        add_textz(j, f->file_path);
        sco_buf_addf(j->b, f->line > 0 ? ":%d)" : ")", f->line);
    } else if (f->resource) {
        sco_buf_addz(j->b, " (");
        add_textz(j, f->resource);
        sco_buf_addc(j->b, ')');
    }
    sco_buf_addz(j->b, "\" classname=\"");
    add_textz(j, g->name);
    sco_buf_addc(j->b, '/');
    add_textz(j, f->rule_id ? f->rule_id : "unknown");
    sco_buf_addc(j->b, '"');
    if (f->file_path)
        add_attribute(j, "file", f->file_path);
    if (f->file_path && f->line > 0)
        sco_buf_addf(j->b, " line=\"%d\"", f->line);
    sco_buf_addz(j->b, " time=\"0\">\n");
    if (!sco_finding_counts(f)) {
        sco_buf_addz(j->b, "      <skipped");
        add_attribute(j, "message", finding_skip_reason(f));
        sco_buf_addz(j->b, "/>\n");
    } else {
        sco_buf_addf(j->b,
                     "      <failure type=\"%s\" message=\"%s: ", sco_severity_name(f->severity),
                     sco_severity_name(f->severity));
        add_textz(j, title);
        sco_buf_addz(j->b, "\">");
        add_body(j, f);
        sco_buf_addz(j->b, "</failure>\n");
    }
    sco_buf_addz(j->b, "    </testcase>\n");
}

/* ---- runs ------------------------------------------------------------------------------------ */
/* A scanner that is not there, and was not asked for, is skipped. */
static bool run_is_error(const struct sco_scanner_run *r)
{
    return !run_is_complete(r) && r->status != SCO_RUN_STATUS_SKIPPED &&
           (r->status != SCO_RUN_STATUS_MISSING || r->required || r->counts);
}

static void add_run(struct junit *j, const struct tool_group *g, const struct sco_scanner_run *r)
{
    const char *status = sco_run_status_name(r->status);
    sco_buf_addz(j->b, "    <testcase name=\"scan");
    if (r->target) {
        sco_buf_addz(j->b, " of ");
        add_textz(j, r->target);
    }
    sco_buf_addc(j->b, '"');
    add_attribute(j, "classname", g->name);
    add_seconds(j, r->duration_ms);
    if (run_is_complete(r)) {
        sco_buf_addz(j->b, "/>\n");
        return;
    }
    bool error = run_is_error(r);
    sco_buf_addf(j->b, ">\n      <%s%s%s%s message=\"%s", error ? "error" : "skipped",
                 error ? " type=\"" : "", error ? status : "", error ? "\"" : "", status);
    if (r->reason) {
        sco_buf_addz(j->b, ": ");
        add_textz(j, r->reason);
    }
    sco_buf_addz(j->b, "\">");
    if (r->hint)
        add_textz(j, r->hint);
    sco_buf_addf(j->b, "</%s>\n    </testcase>\n", error ? "error" : "skipped");
}

struct totals {
    size_t tests, failures, errors, skipped;
    int64_t ms;
};

static struct totals group_totals(const struct grouping *g, size_t at)
{
    const struct tool_group *t = &g->v[at];
    struct totals sum = {t->n, t->n - t->n_skipped, 0, t->n_skipped, 0};
    for (size_t i = 0; i < g->scan->n_runs; i++) {
        const struct sco_scanner_run *r = &g->scan->runs[i];
        if (g->run_group[i] != at)
            continue;
        sum.tests++;
        sum.errors += run_is_error(r);
        sum.skipped += !run_is_complete(r) && !run_is_error(r);
        sum.ms += r->duration_ms > 0 ? r->duration_ms : 0;
    }
    return sum;
}

static void add_totals(struct junit *j, const struct totals *t)
{
    sco_buf_addf(j->b, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", t->tests,
                 t->failures, t->errors, t->skipped);
    add_seconds(j, t->ms);
}

static void add_suite(struct junit *j, const struct grouping *g, size_t at)
{
    const struct tool_group *t = &g->v[at];
    struct totals sum = group_totals(g, at);
    sco_buf_addz(j->b, "  <testsuite");
    add_attribute(j, "name", t->name);
    add_totals(j, &sum);
    if (j->scan->started_ms) {
        char text[SCO_TIME_LEN];
        sco_time_format(j->scan->started_ms, text);
        sco_buf_addf(j->b, " timestamp=\"%.19s\"", text);
    }
    sco_buf_addz(j->b, ">\n");
    for (size_t i = 0; i < g->scan->n_runs; i++)
        if (g->run_group[i] == at)
            add_run(j, t, &g->scan->runs[i]);
    for (size_t i = 0; i < t->n && sink_more(j->s); i++)
        add_finding(j, t, &j->scan->findings.v[g->order[t->first + i]]);
    sco_buf_addz(j->b, "  </testsuite>\n");
}

int junit_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err)
{
    SCO_AUTO(grouping) struct grouping g = {0};
    int r = grouping_init(&g, scan, err);
    if (r < 0)
        return r;
    struct junit j = {.scan = scan, .s = s, .b = &s->b};
    struct totals all = {0};
    for (size_t i = 0; i < g.n; i++) {
        struct totals t = group_totals(&g, i);
        all.tests += t.tests;
        all.failures += t.failures;
        all.errors += t.errors;
        all.skipped += t.skipped;
    }
    all.ms = scan->completed_ms - scan->started_ms;
    sco_buf_addz(j.b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"secureops\"");
    add_totals(&j, &all);
    sco_buf_addz(j.b, ">\n");
    for (size_t i = 0; i < g.n && sink_more(s); i++)
        add_suite(&j, &g, i);
    sco_buf_addz(j.b, "</testsuites>\n");
    if (j.tmp.failed || j.raw.failed)
        r = sco_error_nomem(err);
    sco_buf_done(&j.tmp);
    sco_buf_done(&j.raw);
    return r;
}
