/* CSV (RFC 4180): a row per finding, the same columns always. A text that a spreadsheet would take
 * for a formula begins with an apostrophe. */
#include "report_priv.h"

static const char *const columns[] = {"fingerprint", "state",      "vulnerability_type",
                                      "severity",    "title",      "file_path",
                                      "line_number", "end_line",   "resource",
                                      "package",     "version",    "fixed_version",
                                      "cve_id",      "cwe_ids",    "cvss_score",
                                      "epss",        "kev",        "risk_score",
                                      "status",      "rule_id",    "tools",
                                      "suppressed",  "remediation"};

static void put(struct sco_buf *b, const char *z, bool first)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    if (!first)
        sco_buf_addc(b, ',');
    if (!z || !*z)
        return;
    sco_buf_add_printable(&safe, sco_str_c(z));
    struct sco_str s = sco_buf_str(&safe);
    bool formula = s.n && strchr("=+-@|%", s.p[0]) && s.p[0];
    bool quoted = formula;
    for (size_t i = 0; i < s.n; i++)
        quoted |= strchr(",\";", s.p[i]) != NULL;
    if (quoted)
        sco_buf_addz(b, formula ? "\"'" : "\"");
    for (size_t i = 0; i < s.n; i++)
        sco_buf_addz(b, s.p[i] == '"' ? "\"\"" : (char[]){s.p[i], 0});
    if (quoted)
        sco_buf_addc(b, '"');
    b->failed |= safe.failed;
}

static void put_number(struct sco_buf *b, double v, int digits)
{
    char text[32];
    snprintf(text, sizeof text, "%.*f", digits, v);
    sco_buf_addc(b, ',');
    if (v > 0)
        sco_buf_addz(b, text);
}

static void put_line(struct sco_buf *b, int32_t line)
{
    sco_buf_addc(b, ',');
    if (line > 0)
        sco_buf_addf(b, "%d", line);
}

static void put_strs(struct sco_buf *b, const struct sco_strs *l)
{
    SCO_AUTO(sco_buf) struct sco_buf all = {0};
    for (uint32_t i = 0; l && i < l->n; i++)
        sco_buf_addf(&all, "%s%s", i ? " " : "", l->v[i]);
    put(b, sco_buf_z(&all), false);
    b->failed |= all.failed;
}

static void put_tools(struct sco_buf *b, const struct sco_tools *l)
{
    SCO_AUTO(sco_buf) struct sco_buf all = {0};
    for (uint32_t i = 0; l && i < l->n; i++)
        sco_buf_addf(&all, "%s%s", i ? " " : "", l->v[i]->name ? l->v[i]->name : "unknown");
    put(b, sco_buf_z(&all), false);
    b->failed |= all.failed;
}

static void put_finding(struct sco_buf *b, const struct sco_finding *f)
{
    const struct sco_package none = {0}, *p = f->package ? f->package : &none;
    char hex[65];
    sco_fingerprint_hex(f->fingerprint, hex);
    put(b, hex, true);
    const char *const head[] = {sco_baseline_name(f->baseline), sco_type_name(f->type),
                                sco_severity_name(f->severity), f->title, f->file_path};
    for (size_t i = 0; i < SCO_ARRAY_LEN(head); i++)
        put(b, head[i], false);
    put_line(b, f->line);
    put_line(b, f->end_line);
    const char *const middle[] = {f->resource, p->name, p->version, p->fixed_version, f->cve_id};
    for (size_t i = 0; i < SCO_ARRAY_LEN(middle); i++)
        put(b, middle[i], false);
    put_strs(b, f->cwe_ids);
    put_number(b, (double)f->cvss_score, 1);
    put_number(b, (double)f->epss, 5);
    put(b, f->kev ? "true" : NULL, false);
    put_number(b, (double)f->risk_score, 1);
    put(b, sco_status_name((enum sco_status)f->status), false);
    put(b, f->rule_id, false);
    put_tools(b, f->tools);
    put(b, sco_finding_is_suppressed(f) ? finding_suppression_reason(f) : NULL, false);
    put(b, f->remediation, false);
    sco_buf_addz(b, "\r\n");
}

int csv_write(const struct sco_scan *scan, struct sink *s, struct sco_error *err)
{
    (void)err;
    for (size_t i = 0; i < SCO_ARRAY_LEN(columns); i++)
        put(&s->b, columns[i], i == 0);
    sco_buf_addz(&s->b, "\r\n");
    for (size_t i = 0; i < scan->findings.n && sink_more(s); i++)
        put_finding(&s->b, &scan->findings.v[i]);
    return 0;
}
