/* The finding as JSON for reports, API and events; the set that holds findings. */
#include "finding_priv.h"

#include <math.h>
#include <stdlib.h>

void sco_finding_set_done(struct sco_finding_set *s)
{
    free(s->v);
    *s = (struct sco_finding_set){.pool = s->pool};
}

bool sco_finding_is_suppressed(const struct sco_finding *f)
{
    return (f->suppressions && f->suppressions->n) || f->status == SCO_STATUS_RESOLVED ||
           f->status == SCO_STATUS_FALSE_POSITIVE || f->status == SCO_STATUS_ACCEPTED;
}

void sco_fingerprint_hex(const uint8_t fp[SCO_FINGERPRINT_LEN], char out[65])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SCO_FINGERPRINT_LEN; i++) {
        out[2 * i] = digits[fp[i] >> 4];
        out[2 * i + 1] = digits[fp[i] & 15];
    }
    out[64] = 0;
}

const char *sco_suppression_name(uint32_t kind)
{
    static const char *const names[] = {[SCO_SUPPRESS_INLINE] = "inline",
                                        [SCO_SUPPRESS_WAIVER] = "waiver",
                                        [SCO_SUPPRESS_BASELINE] = "baseline"};
    return kind < SCO_ARRAY_LEN(names) ? names[kind] : NULL;
}

/* Numbers are kept as float: what is written is the decimal that was meant, not its neighbour. */
static void write_decimal(struct sco_json_out *o, const char *key, double v, double scale)
{
    if (v > 0)
        sco_json_kreal(o, key, round(v * scale) / scale);
}

static void write_strs(struct sco_json_out *o, const char *key, const struct sco_strs *l)
{
    if (!l || !l->n)
        return;
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    for (uint32_t i = 0; i < l->n; i++)
        sco_json_str(o, sco_str_c(l->v[i]));
    sco_json_end(o, ']');
}

static void write_line(struct sco_json_out *o, const char *key, int32_t v)
{
    if (v > 0)
        sco_json_ki64(o, key, v);
}

static void write_package(struct sco_json_out *o, const struct sco_package *p)
{
    if (!p)
        return;
    sco_json_key(o, "package");
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", p->name);
    sco_json_kz(o, "version", p->version);
    sco_json_kz(o, "ecosystem", p->ecosystem);
    sco_json_kz(o, "purl", p->purl);
    sco_json_kz(o, "fixed_version", p->fixed_version);
    sco_json_end(o, '}');
}

static void write_tools(struct sco_json_out *o, const struct sco_tools *l)
{
    sco_json_key(o, "tools");
    sco_json_begin(o, '[');
    for (uint32_t i = 0; l && i < l->n; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "name", l->v[i]->name);
        sco_json_kz(o, "version", l->v[i]->version);
        sco_json_kz(o, "rule_id", l->v[i]->rule_id);
        sco_json_kz(o, "severity", sco_severity_name(l->v[i]->severity));
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void write_places(struct sco_json_out *o, const struct sco_places *l)
{
    if (!l || !l->n)
        return;
    sco_json_key(o, "locations");
    sco_json_begin(o, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "file_path", l->v[i].file_path);
        write_line(o, "line_number", l->v[i].line);
        write_line(o, "end_line", l->v[i].end_line);
        write_line(o, "column", l->v[i].column);
        write_line(o, "end_column", l->v[i].end_column);
        sco_json_kz(o, "resource", l->v[i].resource);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void write_suppressions(struct sco_json_out *o, const struct sco_suppresseds *l)
{
    if (!l || !l->n)
        return;
    sco_json_key(o, "suppressions");
    sco_json_begin(o, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "kind", sco_suppression_name(l->v[i].kind));
        sco_json_kz(o, "reason", l->v[i].reason);
        sco_json_kz(o, "expires", l->v[i].expires);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void write_metadata(struct sco_json_out *o, const struct sco_finding *f)
{
    size_t n = f->metadata ? strlen(f->metadata) : 0;
    if (n <= 2 && !f->secret_digest && !f->secret_preview)
        return;
    sco_json_key(o, "metadata");
    sco_json_begin(o, '{');
    sco_json_kz(o, "secret_preview", f->secret_preview);
    sco_json_kz(o, "secret_digest", f->secret_digest);
    if (n > 2) /* the members, without the braces */
        sco_json_raw(o, sco_str_make(f->metadata + 1, n - 2));
    sco_json_end(o, '}');
}

static void write_risk(struct sco_json_out *o, const struct sco_finding *f)
{
    sco_json_kreal(o, "risk_score", round(sco_risk_score(f, NULL) * 10) / 10);
    sco_json_key(o, "risk_explanation");
    sco_json_begin_plain(o);
    sco_risk_score(f, o->b);
    sco_json_end_plain(o);
}

static void write_place(struct sco_json_out *o, const struct sco_finding *f)
{
    sco_json_kz(o, "commit_sha", f->commit);
    sco_json_kz(o, "file_path", f->file_path);
    write_line(o, "line_number", f->line);
    write_line(o, "end_line", f->end_line);
    write_line(o, "column", f->column);
    write_line(o, "end_column", f->end_column);
    sco_json_kz(o, "resource", f->resource);
    sco_json_kz(o, "parameter", f->parameter);
    write_places(o, f->locations);
}

void sco_finding_write(struct sco_json_out *o, const struct sco_finding *f)
{
    char hex[65];
    sco_fingerprint_hex(f->fingerprint, hex);
    sco_json_begin(o, '{');
    sco_json_kz(o, "fingerprint", hex);
    sco_json_kz(o, "vulnerability_type", sco_type_name(f->type));
    sco_json_kz(o, "severity", sco_severity_name(f->severity));
    sco_json_kz(o, "title", f->title);
    sco_json_kz(o, "description", f->description);
    sco_json_kz(o, "remediation", f->remediation);
    write_strs(o, "references", f->references);
    sco_json_kz(o, "rule_id", f->rule_id);
    write_tools(o, f->tools);
    write_place(o, f);
    write_package(o, f->package);
    sco_json_kz(o, "cve_id", f->cve_id);
    write_strs(o, "aliases", f->aliases);
    write_strs(o, "cwe_ids", f->cwe_ids);
    write_decimal(o, "cvss_score", (double)f->cvss_score, 100);
    sco_json_kz(o, "cvss_vector", f->cvss_vector);
    write_decimal(o, "epss", (double)f->epss, 1e6);
    if (f->kev)
        sco_json_kbool(o, "kev", true);
    write_risk(o, f);
    sco_json_kz(o, "status", sco_status_name(f->status));
    if (f->occurrences > 1)
        sco_json_ki64(o, "occurrences", f->occurrences);
    write_suppressions(o, f->suppressions);
    write_metadata(o, f);
    sco_json_end(o, '}');
}
