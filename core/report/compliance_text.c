/* The compliance report for a terminal, as JSON, and as CSV for a spreadsheet. */
#include <secureops/compliance.h>
#include "compliance_priv.h"

enum { ID_WIDTH_MIN = 8, ID_WIDTH_MAX = 30 };

/* ---- table ---- */
static const char *word(enum sco_control_status s)
{
    static const char *const words[] = {"PASS",          "FAIL",  "UNKNOWN", "MANUAL",
                                        "NOT EVALUATED", "ERROR", "WAIVED",  "NOT APPLICABLE"};
    return (unsigned)s < SCO_CONTROL_MAX_ ? words[s] : "UNKNOWN";
}

static void add_text(struct sco_buf *b, const char *z)
{
    sco_buf_add_printable(b, sco_str_c(z ? z : ""));
}

static void add_failure(struct sco_buf *b, const struct sco_control_failure *f)
{
    sco_buf_addz(b, "                 - ");
    add_text(b, f->file_path ? f->file_path : "");
    if (f->line > 0)
        sco_buf_addf(b, ":%lld", (long long)f->line);
    sco_buf_addz(b, f->file_path ? "  " : "");
    add_text(b, f->resource);
    sco_buf_addf(b, "  %s: ", f->policy);
    add_text(b, f->message);
    sco_buf_addc(b, '\n');
}

static void add_control(struct sco_buf *b, const struct sco_control *x, int width)
{
    enum { SHOWN = 5 };
    sco_buf_addf(b, "%-14s %-*s ", word(x->status), width, x->id);
    add_text(b, x->title);
    sco_buf_addf(b, "\n%*s", width + 16, "");
    add_text(b, x->reason);
    sco_buf_addc(b, '\n');
    for (size_t i = 0; i < x->n_facts; i++) {
        if (x->facts[i].status == SCO_CONTROL_PASS)
            continue;
        sco_buf_addf(b, "                 - %s: ", x->facts[i].fact);
        add_text(b, x->facts[i].detail);
        sco_buf_addc(b, '\n');
    }
    for (size_t i = 0; i < x->n_failures && i < SHOWN; i++)
        add_failure(b, &x->failures[i]);
    if (x->n_failures + x->failures_left_out > SHOWN)
        sco_buf_addf(b, "                 - and %zu more\n",
                     x->n_failures + x->failures_left_out - SHOWN);
}

void sco_compliance_table(const struct sco_compliance *c, struct sco_buf *out)
{
    add_text(out, c->title);
    if (c->version) {
        sco_buf_addz(out, " ");
        add_text(out, c->version);
    }
    sco_buf_addz(out, " (");
    add_text(out, c->requested);
    sco_buf_addz(out, "): ");
    add_text(out, c->scan->target);
    sco_buf_addz(out, "\n\n");
    int width = ID_WIDTH_MIN;
    for (size_t i = 0; i < c->n_controls; i++) {
        int n = (int)sco_utf8_width(sco_str_c(c->controls[i].id));
        width = n > ID_WIDTH_MAX || n < width ? width : n;
    }
    for (size_t i = 0; i < c->n_controls; i++)
        add_control(out, &c->controls[i], width);
    sco_buf_addf(out, "\n%zu controls", c->n_controls);
    for (int i = 0; i < SCO_CONTROL_MAX_; i++)
        sco_buf_addf(out, "%s %llu %s", i ? "," : ":", (unsigned long long)c->counts[i],
                     compliance_label(sco_control_status_name((enum sco_control_status)i)));
    sco_buf_addc(out, '\n');
}

/* ---- JSON ---- */
static void put_policies(struct sco_json_out *o, const struct sco_control *x)
{
    sco_json_key(o, "policies");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < x->n_policies; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "id", x->policies[i].id);
        for (int k = 0; k < SCO_SCAN_VERDICTS; k++)
            if (x->policies[i].verdicts[k])
                sco_json_ki64(o, sco_scan_verdicts[k], (int64_t)x->policies[i].verdicts[k]);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
    sco_json_key(o, "facts");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < x->n_facts; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "fact", x->facts[i].fact);
        sco_json_kz(o, "status", sco_control_status_name(x->facts[i].status));
        sco_json_kz(o, "detail", x->facts[i].detail);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void put_failures(struct sco_json_out *o, const struct sco_control *x)
{
    sco_json_key(o, "failures");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < x->n_failures; i++) {
        const struct sco_control_failure *f = &x->failures[i];
        sco_json_begin(o, '{');
        sco_json_kz(o, "policy", f->policy);
        sco_json_kz(o, "severity", f->severity);
        sco_json_kz(o, "resource", f->resource);
        sco_json_kz(o, "file_path", f->file_path);
        if (f->line > 0)
            sco_json_ki64(o, "line_number", f->line);
        sco_json_kz(o, "message", f->message);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
    if (x->failures_left_out)
        sco_json_ki64(o, "failures_left_out", (int64_t)x->failures_left_out);
}

static void put_head(struct sco_json_out *o, const struct sco_compliance *c)
{
    char started[SCO_TIME_LEN];
    sco_time_format(c->scan->started_ms, started);
    sco_json_kz(o, "version", "1");
    sco_json_key(o, "framework");
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", c->id);
    sco_json_kz(o, "title", c->title);
    sco_json_kz(o, "version", c->version);
    sco_json_kz(o, "requested", c->requested);
    sco_json_end(o, '}');
    sco_json_key(o, "scan");
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", c->scan->id);
    sco_json_kz(o, "target", c->scan->target);
    sco_json_kz(o, "started_at", started);
    sco_json_kz(o, "status", scan_status(c->scan));
    sco_json_end(o, '}');
    sco_json_key(o, "bundles");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < c->scan->policies.n_bundles; i++)
        sco_json_str(o, sco_str_c(c->scan->policies.bundles[i].digest));
    sco_json_end(o, ']');
    sco_json_key(o, "summary");
    sco_json_begin(o, '{');
    for (int i = 0; i < SCO_CONTROL_MAX_; i++)
        sco_json_ki64(o, sco_control_status_name((enum sco_control_status)i),
                      (int64_t)c->counts[i]);
    sco_json_end(o, '}');
}

void sco_control_evidence(struct sco_json_out *o, const struct sco_control *x)
{
    sco_json_begin(o, '{');
    put_policies(o, x);
    put_failures(o, x);
    sco_json_end(o, '}');
}

void sco_compliance_json(const struct sco_compliance *c, struct sco_buf *out)
{
    struct sco_json_out o = {.b = out, .pretty = true};
    sco_json_begin(&o, '{');
    put_head(&o, c);
    sco_json_key(&o, "controls");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < c->n_controls; i++) {
        const struct sco_control *x = &c->controls[i];
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "id", x->id);
        sco_json_kz(&o, "title", x->title);
        sco_json_kz(&o, "description", x->description);
        sco_json_kz(&o, "status", sco_control_status_name(x->status));
        sco_json_kz(&o, "reason", x->reason);
        put_policies(&o, x);
        put_failures(&o, x);
        sco_json_end(&o, '}');
    }
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    sco_buf_addc(out, '\n');
}

/* ---- CSV ----
 * A field that a spreadsheet would run as a formula starts with an apostrophe. */
void compliance_csv_field(struct sco_buf *b, const char *text, char end)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    sco_buf_add_printable(&safe, sco_str_c(text ? text : ""));
    sco_buf_addc(b, '"');
    if (safe.n && strchr("=+-@\t", safe.p[0]))
        sco_buf_addc(b, '\'');
    for (size_t i = 0; i < safe.n; i++) {
        if (safe.p[i] == '"')
            sco_buf_addc(b, '"');
        sco_buf_addc(b, safe.p[i]);
    }
    sco_buf_addc(b, '"');
    sco_buf_addc(b, end);
}

static void add_evidence(struct sco_buf *b, const struct sco_control *x)
{
    for (size_t i = 0; i < x->n_facts; i++)
        sco_buf_addf(b, "%s%s: %s", b->n ? "; " : "", x->facts[i].fact, x->facts[i].detail);
    for (size_t i = 0; i < x->n_policies; i++) {
        sco_buf_addf(b, "%s%s:", b->n ? "; " : "", x->policies[i].id);
        bool any = false;
        for (int k = 0; k < SCO_SCAN_VERDICTS; k++) {
            if (!x->policies[i].verdicts[k])
                continue;
            any = true;
            sco_buf_addf(b, " %llu %s", (unsigned long long)x->policies[i].verdicts[k],
                         sco_scan_verdicts[k]);
        }
        sco_buf_addz(b, any ? "" : " applied to nothing");
    }
}

static void add_places(struct sco_buf *b, const struct sco_control *x)
{
    for (size_t i = 0; i < x->n_failures; i++) {
        const struct sco_control_failure *f = &x->failures[i];
        sco_buf_addf(b, "%s%s%s%s", b->n ? "; " : "", f->file_path ? f->file_path : "",
                     f->file_path ? " " : "", f->resource ? f->resource : "");
    }
    if (x->failures_left_out)
        sco_buf_addf(b, "; and %zu more", x->failures_left_out);
}

void sco_compliance_csv(const struct sco_compliance *c, struct sco_buf *out)
{
    sco_buf_addz(out, "framework,control,title,status,reason,evidence,failing\r\n");
    for (size_t i = 0; i < c->n_controls; i++) {
        const struct sco_control *x = &c->controls[i];
        SCO_AUTO(sco_buf) struct sco_buf evidence = {0}, places = {0};
        add_evidence(&evidence, x);
        add_places(&places, x);
        compliance_csv_field(out, c->requested, ',');
        compliance_csv_field(out, x->id, ',');
        compliance_csv_field(out, x->title, ',');
        compliance_csv_field(out, sco_control_status_name(x->status), ',');
        compliance_csv_field(out, x->reason, ',');
        compliance_csv_field(out, sco_buf_z(&evidence), ',');
        compliance_csv_field(out, sco_buf_z(&places), '\r');
        sco_buf_addc(out, '\n');
        out->failed |= evidence.failed || places.failed;
    }
}
