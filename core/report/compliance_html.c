/* The compliance report as one HTML file that loads nothing and runs nothing. Everything that came
 * from outside is escaped. */
#include <secureops/compliance.h>
#include "compliance_priv.h"

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;"
    "color:#1b1f24;background:#fff}"
    "h1{font-size:1.5rem;margin-bottom:.2rem}.meta{color:#57606a}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #d0d7de}"
    "ul{margin:.3rem 0;padding-left:1.2rem}code{font-size:.9em}"
    ".s{display:inline-block;padding:0 .5rem;border-radius:1rem;font-weight:600;white-space:nowrap}"
    ".pass{background:#d9f2e0;color:#0a5223}.fail{background:#ffdcd9;color:#8c1313}"
    ".unknown,.error,.waived,.undetermined{background:#fff1c9;color:#6b4d00}"
    ".compliant,.attested{background:#d9f2e0;color:#0a5223}.non_compliant{background:#ffdcd9;"
    "color:#8c1313}.manual,.not_evaluated,.not_applicable{background:#e6eaef;color:#3b434c}"
    "@media(prefers-color-scheme:dark){body{background:#12161b;color:#e3e8ee}"
    ".meta{color:#9aa5b1}th,td{border-color:#333c46}}"
    "@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}";

void compliance_esc(struct sco_buf *b, const char *z)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, sco_str_c(z ? z : ""));
    for (size_t i = 0; i < safe.n; i++) {
        switch (safe.p[i]) {
        case '&':
            sco_buf_addz(b, "&amp;");
            break;
        case '<':
            sco_buf_addz(b, "&lt;");
            break;
        case '>':
            sco_buf_addz(b, "&gt;");
            break;
        case '"':
            sco_buf_addz(b, "&quot;");
            break;
        case '\'':
            sco_buf_addz(b, "&#39;");
            break;
        default:
            sco_buf_addc(b, safe.p[i]);
        }
    }
    b->failed |= safe.failed;
}

const char *compliance_label(const char *status)
{
    return strcmp(status, "not_evaluated") == 0    ? "not evaluated"
           : strcmp(status, "not_applicable") == 0 ? "not applicable"
           : strcmp(status, "non_compliant") == 0  ? "not compliant"
                                                   : status;
}

void compliance_add_status(struct sco_buf *b, const char *status)
{
    sco_buf_addf(b, "<span class=\"s %s\">%s</span>", status, compliance_label(status));
}

static void add_status(struct sco_buf *b, enum sco_control_status s)
{
    compliance_add_status(b, sco_control_status_name(s));
}

void compliance_html_begin(struct sco_buf *b, const char *title)
{
    sco_buf_addz(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<meta name=\"viewport\" content=\"width=device-width\">"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                    "style-src 'unsafe-inline'\"><title>");
    compliance_esc(b, title);
    sco_buf_addf(b, "</title><style>%s</style></head>\n<body>\n<h1>", style);
    compliance_esc(b, title);
}

static void add_head(struct sco_buf *b, const struct sco_compliance *c)
{
    char started[SCO_TIME_LEN];
    sco_time_format(c->scan->started_ms, started);
    compliance_html_begin(b, c->title);
    sco_buf_addz(b, " ");
    compliance_esc(b, c->version);
    sco_buf_addz(b, "</h1>\n<p class=\"meta\">");
    compliance_esc(b, c->requested);
    sco_buf_addz(b, " judged by a scan of <code>");
    compliance_esc(b, c->scan->target);
    sco_buf_addf(b, "</code> at %s (%s), SecureOps %s</p>\n<p>", started, scan_status(c->scan),
                 SCO_VERSION);
    for (int i = 0; i < SCO_CONTROL_MAX_; i++) {
        add_status(b, (enum sco_control_status)i);
        sco_buf_addf(b, " %llu &nbsp; ", (unsigned long long)c->counts[i]);
    }
    sco_buf_addz(b, "</p>\n");
}

static void add_evidence(struct sco_buf *b, const struct sco_control *x)
{
    for (size_t i = 0; i < x->n_facts; i++) {
        sco_buf_addz(b, "<li>");
        add_status(b, x->facts[i].status);
        sco_buf_addz(b, " <code>");
        compliance_esc(b, x->facts[i].fact);
        sco_buf_addz(b, "</code> ");
        compliance_esc(b, x->facts[i].detail);
        sco_buf_addz(b, "</li>");
    }
    for (size_t i = 0; i < x->n_policies; i++) {
        bool any = false;
        sco_buf_addz(b, "<li><code>");
        compliance_esc(b, x->policies[i].id);
        sco_buf_addz(b, "</code>");
        for (int k = 0; k < SCO_SCAN_VERDICTS; k++) {
            if (!x->policies[i].verdicts[k])
                continue;
            sco_buf_addf(b, "%s %llu %s", any ? "," : "",
                         (unsigned long long)x->policies[i].verdicts[k], sco_scan_verdicts[k]);
            any = true;
        }
        sco_buf_addz(b, any ? "</li>" : " applied to nothing</li>");
    }
}

static void add_failures(struct sco_buf *b, const struct sco_control *x)
{
    for (size_t i = 0; i < x->n_failures; i++) {
        const struct sco_control_failure *f = &x->failures[i];
        sco_buf_addz(b, "<li><code>");
        compliance_esc(b, f->file_path);
        if (f->line > 0)
            sco_buf_addf(b, ":%lld", (long long)f->line);
        sco_buf_addz(b, "</code> ");
        compliance_esc(b, f->resource);
        sco_buf_addz(b, ": ");
        compliance_esc(b, f->message);
        sco_buf_addz(b, "</li>");
    }
    if (x->failures_left_out)
        sco_buf_addf(b, "<li>and %zu more</li>", x->failures_left_out);
}

void sco_compliance_html(const struct sco_compliance *c, struct sco_buf *out)
{
    add_head(out, c);
    sco_buf_addz(out, "<table><thead><tr><th>Control</th><th>Status</th><th>Evidence</th></tr>"
                      "</thead>\n<tbody>\n");
    for (size_t i = 0; i < c->n_controls; i++) {
        const struct sco_control *x = &c->controls[i];
        sco_buf_addz(out, "<tr><td><strong>");
        compliance_esc(out, x->id);
        sco_buf_addz(out, "</strong><br>");
        compliance_esc(out, x->title);
        sco_buf_addz(out, "</td><td>");
        add_status(out, x->status);
        sco_buf_addz(out, "</td><td>");
        compliance_esc(out, x->reason);
        sco_buf_addz(out, "<ul>");
        add_evidence(out, x);
        sco_buf_addz(out, "</ul>");
        if (x->n_failures) {
            sco_buf_addz(out, "Failing:<ul>");
            add_failures(out, x);
            sco_buf_addz(out, "</ul>");
        }
        sco_buf_addz(out, "</td></tr>\n");
    }
    sco_buf_addz(out, "</tbody></table>\n</body></html>\n");
}
