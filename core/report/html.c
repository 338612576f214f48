/* The report as one HTML file that loads nothing and runs nothing. Everything that came from
 * outside is escaped; a reference is a link only when it is an URL of http. */
#include "report_priv.h"
#include <secureops/compliance.h>
#include "compliance_priv.h"

enum { REFERENCES_SHOWN = 20 };

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#1b1f24;background:#fff}h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;"
    "padding:.3rem .6rem;border-bottom:1px solid #d0d7de}td.n,th.n{text-align:right}"
    "details{border:1px solid #d0d7de;border-radius:.4rem;margin:.5rem 0;padding:.4rem .8rem}"
    "summary{cursor:pointer}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:0}"
    "code{font-size:.9em;overflow-wrap:anywhere}dt{font-weight:600}dd{margin:0 0 .5rem}"
    ".s{display:inline-block;padding:0 .5rem;border-radius:1rem;font-weight:600}"
    ".CRITICAL,.failed{background:#ffdcd9;color:#8c1313}.HIGH{background:#ffe5d0;color:#7a3000}"
    ".MEDIUM,.incomplete{background:#fff1c9;color:#6b4d00}.LOW{background:#dcebff;color:#0b3d84}"
    ".INFO{background:#e6eaef;color:#3b434c}.passed{background:#d9f2e0;color:#0a5223}"
    "@media(prefers-color-scheme:dark){body{background:#12161b;color:#e3e8ee}a{color:#8ab8ff}"
    "th,td,details{border-color:#333c46}}@media print{details{break-inside:avoid}}";

struct html {
    const struct sco_scan *scan;
    struct sink *s;
    struct sco_buf *b;
};

static void add(struct html *h, const char *z)
{
    sco_buf_addz(h->b, z);
}

static void text(struct html *h, const char *z)
{
    compliance_esc(h->b, z);
}

/* Text that keeps its lines. */
static void lines(struct html *h, const char *z)
{
    struct sco_str rest = sco_str_trim(sco_str_c(z)), line;
    SCO_AUTO(sco_buf) struct sco_buf one = {0};
    add(h, "<pre>");
    while (sco_str_split(&rest, '\n', &line)) {
        buf_restart(&one, h->b);
        sco_buf_add(&one,
                    line.n && line.p[line.n - 1] == '\r' ? sco_str_make(line.p, line.n - 1) : line);
        text(h, sco_buf_z(&one));
        add(h, "\n");
    }
    add(h, "</pre>");
    h->b->failed |= one.failed;
}

/* ---- the head ---- */
static void add_head(struct html *h)
{
    static const char *const results[] = {"passed", "failed", "incomplete"};
    const struct sco_scan *s = h->scan;
    const char *result = results[(unsigned)s->gate.result < 3 ? s->gate.result : 2];
    char when[SCO_TIME_LEN];
    sco_time_format(s->completed_ms, when);
    add(h, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
           "style-src 'unsafe-inline'\"><meta name=\"referrer\" content=\"no-referrer\">"
           "<meta name=\"viewport\" content=\"width=device-width\"><title>SecureOps: ");
    text(h, s->target);
    sco_buf_addf(h->b, "</title><style>%s</style></head><body>\n<h1>", style);
    text(h, s->target ? s->target : "?");
    sco_buf_addf(h->b, " <span class=\"s %s\">%s</span></h1>\n<p>", result, result);
    if (s->branch || s->commit_sha) {
        text(h, s->branch);
        sco_buf_addf(h->b, "%s<code>%.12s</code>, ", s->branch ? " at " : "",
                     s->commit_sha ? s->commit_sha : "");
    }
    sco_buf_addf(h->b, "%s, SecureOps %s</p>\n", when, SCO_VERSION);
    add(h, s->gate.n_reasons ? "<ul>\n" : "");
    for (size_t i = 0; i < s->gate.n_reasons; i++) {
        add(h, "<li>");
        text(h, s->gate.reasons[i]);
        add(h, "</li>\n");
    }
    add(h, s->gate.n_reasons ? "</ul>\n" : "");
}

static void add_counts(struct html *h)
{
    const struct sco_summary *s = &h->scan->summary;
    const struct sco_scan_comparison *c = &h->scan->comparison;
    add(h, "<p>");
    for (uint32_t i = SCO_SEV_CRITICAL; i >= SCO_SEV_INFO; i--)
        sco_buf_addf(h->b, "<span class=\"s %s\">%llu %s</span> ", sco_severity_name(i),
                     (unsigned long long)s->by_severity[i], sco_severity_name(i));
    if (sco_is_compared(c))
        sco_buf_addf(h->b, "; %llu unchanged", (unsigned long long)s->unchanged);
    sco_buf_addf(h->b, "; %llu suppressed</p>\n", (unsigned long long)s->suppressed);
    if (!sco_is_compared(c))
        return;
    add(h, "<p>Compared with <code>");
    text(h, c->base ? c->base : c->baseline);
    add(h, "</code>");
    if (c->merge_base)
        sco_buf_addf(h->b, " at <code>%.12s</code>", c->merge_base);
    add(h, "</p>\n");
}

static void add_runs(struct html *h)
{
    add(h, "<h2>Scanners</h2>\n<table><tr><th>Scanner</th><th>Result</th>"
           "<th class=\"n\">Findings</th><th>Why</th></tr>\n");
    for (size_t i = 0; i < h->scan->n_runs && sink_more(h->s); i++) {
        const struct sco_scanner_run *r = &h->scan->runs[i];
        add(h, "<tr><td>");
        text(h, run_title(r));
        add(h, " ");
        text(h, r->version);
        sco_buf_addf(h->b, "</td><td>%s</td><td class=\"n\">%llu</td><td>",
                     sco_run_status_name(r->status), (unsigned long long)run_findings(r));
        text(h, r->reason);
        add(h, "</td></tr>\n");
    }
    add(h, "</table>\n");
}

/* ---- findings ---- */
static bool is_web(const char *z)
{
    return strncmp(z, "https://", 8) == 0 || strncmp(z, "http://", 7) == 0;
}

static void item(struct html *h, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    sco_buf_addf(h->b, "<dt>%s</dt><dd>", name);
    lines(h, value);
    add(h, "</dd>");
}

static void add_references(struct html *h, const struct sco_strs *l)
{
    if (!l || !l->n)
        return;
    add(h, "<dt>References</dt><dd>");
    for (uint32_t i = 0; i < l->n && i < REFERENCES_SHOWN; i++) {
        bool web = is_web(l->v[i]);
        add(h, web ? "<a rel=\"noopener noreferrer nofollow\" href=\"" : "<code>");
        text(h, l->v[i]);
        if (web) {
            add(h, "\">");
            text(h, l->v[i]);
        }
        add(h, web ? "</a><br>" : "</code><br>");
    }
    add(h, "</dd>");
}

static void add_tools(struct html *h, const struct sco_tools *l)
{
    add(h, "<dt>Reported by</dt><dd>");
    for (uint32_t i = 0; l && i < l->n; i++) {
        text(h, l->v[i]->name);
        add(h, " <code>");
        text(h, l->v[i]->rule_id);
        add(h, "</code><br>");
    }
    add(h, "</dd>");
}

static void add_place(struct html *h, const struct sco_finding *f)
{
    add(h, "<code>");
    text(h, f->file_path ? f->file_path : f->resource);
    if (f->file_path && f->line > 0)
        sco_buf_addf(h->b, ":%d", f->line);
    add(h, "</code>");
}

static void add_finding(struct html *h, const struct sco_finding *f)
{
    SCO_AUTO(sco_buf) struct sco_buf package = {0};
    char hex[65];
    sco_fingerprint_hex(f->fingerprint, hex);
    const char *severity = sco_severity_name(f->severity);
    sco_buf_addf(h->b, "<details><summary><span class=\"s %s\">%s</span> ", severity, severity);
    text(h, f->title ? f->title : f->rule_id);
    add(h, " ");
    add_place(h, f);
    add(h, "</summary><dl>");
    if (!sco_finding_counts(f))
        item(h, "Does not count", finding_skip_reason(f));
    item(h, "Description", f->description);
    item(h, "What to do", f->remediation);
    item(h, "Resource", f->file_path ? f->resource : NULL);
    if (f->package && f->package->name)
        sco_buf_addf(&package, "%s %s%s%s", f->package->name,
                     f->package->version ? f->package->version : "",
                     f->package->fixed_version ? ", fixed in " : "",
                     f->package->fixed_version ? f->package->fixed_version : "");
    item(h, "Package", sco_buf_z(&package));
    item(h, "Vulnerability", f->cve_id);
    item(h, "Secret", f->secret_preview);
    add_tools(h, f->tools);
    add_references(h, f->references);
    item(h, "Fingerprint", hex);
    add(h, "</dl></details>\n");
    h->b->failed |= package.failed;
}

enum kind { KIND_COUNTS, KIND_KNOWN, KIND_SUPPRESSED };

static enum kind kind_of(const struct sco_finding *f)
{
    return sco_finding_is_suppressed(f) ? KIND_SUPPRESSED
           : sco_finding_is_known(f)    ? KIND_KNOWN
                                        : KIND_COUNTS;
}

static void add_findings(struct html *h, enum kind kind, const char *title)
{
    const struct sco_finding_set *set = &h->scan->findings;
    bool any = false;
    for (size_t i = 0; i < set->n && sink_more(h->s); i++) {
        if (kind_of(&set->v[i]) != kind)
            continue;
        if (!any)
            sco_buf_addf(h->b, "<h2>%s</h2>\n", title);
        any = true;
        add_finding(h, &set->v[i]);
    }
}

int html_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err)
{
    struct html h = {.scan = scan, .s = s, .b = &s->b};
    (void)err;
    add_head(&h);
    add_counts(&h);
    add_runs(&h);
    add_findings(&h, KIND_COUNTS, sco_is_compared(&scan->comparison) ? "New findings" : "Findings");
    add_findings(&h, KIND_KNOWN, "Unchanged");
    add_findings(&h, KIND_SUPPRESSED, "Suppressed");
    add(&h, "</body></html>\n");
    return 0;
}
