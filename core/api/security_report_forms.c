/* Reports for people: CSV for spreadsheets, HTML as one page that loads nothing. What scanners and
 * repositories say is text in both, never a formula and never markup. */
#include "content_priv.h"

/* ---- CSV: RFC 4180 ---- */
/* A cell that a spreadsheet would evaluate gets an apostrophe before it. */
static void csv_cell(struct sco_buf *b, const char *z)
{
    if (!z)
        return;
    sco_buf_addc(b, '"');
    if (*z && strchr("=+-@\t\r\n", *z))
        sco_buf_addc(b, '\'');
    for (; *z; z++) {
        if (*z == '"')
            sco_buf_addc(b, '"');
        sco_buf_addc(b, *z == '\r' ? ' ' : *z);
    }
    sco_buf_addc(b, '"');
}

static void csv_time(struct sco_buf *b, int64_t at)
{
    char text[SCO_TIME_LEN];
    if (!at)
        return;
    sco_time_format(at, text);
    sco_buf_addz(b, text);
}

static void csv_begin(struct sco_buf *b, const struct api_call *c, const struct report_count *n)
{
    (void)c;
    (void)n;
    sco_buf_addz(b, "id,severity,risk_score,vulnerability_type,status,title,rule_id,cve_id,"
                    "repository,branch,file_path,line_number,package,package_version,"
                    "fixed_version,tools,assignee,first_detected,last_detected,resolved_at,"
                    "accepted_until,status_by,status_reason,fingerprint\r\n");
}

static int csv_finding(struct sco_buf *b, const struct sco_stored_finding *f, uint64_t nth,
                       struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *content = NULL;
    (void)nth;
    int r = sco_json_parse(sco_str_c(f->content), &arena, &content, err);
    if (r < 0)
        return sco_error_prefix(err, "finding %s", f->id);
    const struct sco_node *package = sco_get(content, "package");
    sco_buf_addf(b, "%s,%s,%.1f,%s,%s,", f->id, sco_severity_name(f->severity), f->risk_score,
                 sco_type_name(f->type), sco_status_name(f->status));
    const char *const texts[] = {f->title,      f->rule_id, f->cve_id,
                                 f->repository, f->branch,  f->file_path};
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++) {
        csv_cell(b, texts[i]);
        sco_buf_addc(b, ',');
    }
    if (f->line_number > 0)
        sco_buf_add_i64(b, f->line_number);
    const char *const more[] = {
        sco_text(sco_get(package, "name")).p, sco_text(sco_get(package, "version")).p,
        sco_text(sco_get(package, "fixed_version")).p, f->tools, f->assignee};
    for (size_t i = 0; i < SCO_ARRAY_LEN(more); i++) {
        sco_buf_addc(b, ',');
        csv_cell(b, more[i]);
    }
    const int64_t times[] = {f->first_detected, f->last_detected, f->resolved_at,
                             f->accepted_until};
    for (size_t i = 0; i < SCO_ARRAY_LEN(times); i++) {
        sco_buf_addc(b, ',');
        csv_time(b, times[i]);
    }
    sco_buf_addc(b, ',');
    csv_cell(b, f->status_by);
    sco_buf_addc(b, ',');
    csv_cell(b, f->status_reason);
    sco_buf_addf(b, ",%s\r\n", f->fingerprint);
    return sco_buf_check(b, err);
}

static void csv_end(struct sco_buf *b)
{
    (void)b;
}

const struct report_form report_form_csv = {
    "csv", "text/csv; charset=utf-8", "csv", csv_begin, csv_finding, csv_end};

/* ---- HTML ---- */
static void html_text(struct sco_buf *b, const char *z)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, sco_str_c(z ? z : ""));
    b->failed |= safe.failed;
    for (size_t i = 0; i < safe.n; i++) {
        char ch = safe.p[i];
        const char *entity = ch == '&'    ? "&amp;"
                             : ch == '<'  ? "&lt;"
                             : ch == '>'  ? "&gt;"
                             : ch == '"'  ? "&quot;"
                             : ch == '\'' ? "&#39;"
                                          : NULL;
        if (entity)
            sco_buf_addz(b, entity);
        else
            sco_buf_addc(b, ch);
    }
}

static void html_begin(struct sco_buf *b, const struct api_call *c, const struct report_count *n)
{
    char at[SCO_TIME_LEN];
    sco_time_format(c->now, at);
    sco_buf_addz(
        b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
           "'unsafe-inline'\"><title>Security report</title><style>\n"
           "body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222}\n"
           "table{border-collapse:collapse;width:100%}\n"
           "th,td{text-align:left;padding:4px 8px;border-bottom:1px solid #ddd;"
           "vertical-align:top;overflow-wrap:anywhere}\n"
           ".CRITICAL{color:#a00;font-weight:bold}.HIGH{color:#c50}.MEDIUM{color:#970}\n"
           "</style></head><body><h1>Security report</h1>\n<p>");
    sco_buf_addf(b, "%s; %llu finding%s:", at, (unsigned long long)n->findings,
                 n->findings == 1 ? "" : "s");
    for (uint32_t i = SCO_SEV_CRITICAL; i >= SCO_SEV_INFO; i--)
        sco_buf_addf(b, " %llu %s%s", (unsigned long long)n->by_severity[i], sco_severity_name(i),
                     i > SCO_SEV_INFO ? "," : "");
    sco_buf_addz(b, "</p>\n<p>");
    for (size_t i = 0; i < c->n_query; i++) {
        sco_buf_addz(b, i ? ", " : "");
        html_text(b, c->query[i].name);
        sco_buf_addz(b, " = ");
        html_text(b, c->query[i].value);
    }
    sco_buf_addz(b, "</p>\n<table><thead><tr><th>Severity</th><th>Risk</th><th>Finding</th>"
                    "<th>Where</th><th>Repository</th><th>Tools</th><th>Status</th>"
                    "<th>Since</th></tr></thead><tbody>\n");
}

static void html_cell(struct sco_buf *b, const char *first, const char *second)
{
    sco_buf_addz(b, "<td>");
    html_text(b, first);
    if (second && *second) {
        sco_buf_addz(b, "<br><small>");
        html_text(b, second);
        sco_buf_addz(b, "</small>");
    }
    sco_buf_addz(b, "</td>");
}

static int html_finding(struct sco_buf *b, const struct sco_stored_finding *f, uint64_t nth,
                        struct sco_error *err)
{
    char since[SCO_TIME_LEN];
    SCO_AUTO(sco_buf) struct sco_buf place = {0};
    (void)nth;
    sco_time_format(f->first_detected, since);
    since[10] = 0;
    if (f->file_path)
        sco_buf_addz(&place, f->file_path);
    if (f->file_path && f->line_number > 0)
        sco_buf_addf(&place, ":%lld", (long long)f->line_number);
    const char *severity = sco_severity_name(f->severity);
    sco_buf_addf(b, "<tr><td class=\"%s\">%s</td><td>%.1f</td>", severity, severity, f->risk_score);
    html_cell(b, f->title ? f->title : f->rule_id, f->cve_id ? f->cve_id : f->rule_id);
    html_cell(b, sco_buf_z(&place), NULL);
    html_cell(b, f->repository, f->branch);
    html_cell(b, f->tools, NULL);
    html_cell(b, sco_status_name(f->status), f->assignee);
    html_cell(b, since, NULL);
    sco_buf_addz(b, "</tr>\n");
    b->failed |= place.failed;
    return sco_buf_check(b, err);
}

static void html_end(struct sco_buf *b)
{
    sco_buf_addz(b, "</tbody></table></body></html>\n");
}

const struct report_form report_form_html = {
    "html", "text/html; charset=utf-8", "html", html_begin, html_finding, html_end};
