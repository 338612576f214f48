/* The finding as JSON for reports, API and events: nearly all the bytes of a report. */
#include "finding_priv.h"
#include "json_put.h"

#include <math.h>

static void put_text(struct sco_buf *b, const char *z)
{
    struct sco_str s = sco_str_c(z);
    if (!put_plain(b, s))
        sco_json_add_quoted(b, s);
}

/* Members that are NULL or 0 are left out. */
#define MEMBER(b, key, z)                                                                          \
    do {                                                                                           \
        if (z) {                                                                                   \
            PUT_KEY(b, key);                                                                       \
            put_text(b, z);                                                                        \
        }                                                                                          \
    } while (0)
#define MEMBER_LINE(b, key, v)                                                                     \
    do {                                                                                           \
        if ((v) > 0) {                                                                             \
            PUT_KEY(b, key);                                                                       \
            put_int(b, (uint32_t)(v));                                                             \
        }                                                                                          \
    } while (0)
#define MEMBER_STRS(b, key, l)                                                                     \
    do {                                                                                           \
        if ((l) && (l)->n) {                                                                       \
            PUT_KEY(b, key);                                                                       \
            put_strs(b, l);                                                                        \
        }                                                                                          \
    } while (0)

static void put_strs(struct sco_buf *b, const struct sco_strs *l)
{
    put_char(b, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            put_char(b, ',');
        put_text(b, l->v[i]);
    }
    put_char(b, ']');
}

/* Numbers are kept as float: what is written is the decimal that was meant, not its neighbour. */
static void put_decimal(struct sco_buf *b, double v, double scale)
{
    struct sco_json_out o = {.b = b};
    sco_json_real(&o, round(v * scale) / scale);
}

static void put_package(struct sco_buf *b, const struct sco_package *p)
{
    if (!p)
        return;
    PUT_KEY(b, "package");
    put_char(b, '{');
    MEMBER(b, "name", p->name);
    MEMBER(b, "version", p->version);
    MEMBER(b, "ecosystem", p->ecosystem);
    MEMBER(b, "purl", p->purl);
    MEMBER(b, "fixed_version", p->fixed_version);
    put_char(b, '}');
}

static void put_tools(struct sco_buf *b, const struct sco_tools *l)
{
    PUT_KEY(b, "tools");
    put_char(b, '[');
    for (uint32_t i = 0; l && i < l->n; i++) {
        if (i)
            put_char(b, ',');
        put_char(b, '{');
        MEMBER(b, "name", l->v[i]->name);
        MEMBER(b, "version", l->v[i]->version);
        MEMBER(b, "rule_id", l->v[i]->rule_id);
        MEMBER(b, "severity", sco_severity_name(l->v[i]->severity));
        put_char(b, '}');
    }
    put_char(b, ']');
}

static void put_places(struct sco_buf *b, const struct sco_places *l)
{
    if (!l || !l->n)
        return;
    PUT_KEY(b, "locations");
    put_char(b, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            put_char(b, ',');
        put_char(b, '{');
        MEMBER(b, "file_path", l->v[i].file_path);
        MEMBER_LINE(b, "line_number", l->v[i].line);
        MEMBER_LINE(b, "end_line", l->v[i].end_line);
        MEMBER_LINE(b, "column", l->v[i].column);
        MEMBER_LINE(b, "end_column", l->v[i].end_column);
        MEMBER(b, "resource", l->v[i].resource);
        put_char(b, '}');
    }
    put_char(b, ']');
}

static void put_suppressions(struct sco_buf *b, const struct sco_suppresseds *l)
{
    if (!l || !l->n)
        return;
    PUT_KEY(b, "suppressions");
    put_char(b, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            put_char(b, ',');
        put_char(b, '{');
        MEMBER(b, "kind", sco_suppression_name(l->v[i].kind));
        MEMBER(b, "reason", l->v[i].reason);
        MEMBER(b, "expires", l->v[i].expires);
        put_char(b, '}');
    }
    put_char(b, ']');
}

static void put_metadata(struct sco_buf *b, const struct sco_finding *f)
{
    struct sco_str m = sco_str_c(f->metadata);
    if (m.n <= 2 && !f->secret_digest && !f->secret_preview)
        return;
    PUT_KEY(b, "metadata");
    put_char(b, '{');
    MEMBER(b, "secret_preview", f->secret_preview);
    MEMBER(b, "secret_digest", f->secret_digest);
    if (m.n > 2) { /* the members, without the braces */
        put_key(b, "", 0);
        put_bytes(b, sco_str_make(m.p + 1, m.n - 2));
    }
    put_char(b, '}');
}

static void put_risk(struct sco_buf *b, const struct sco_finding *f)
{
    uint32_t tenths = (uint32_t)lround(sco_risk_score(f, NULL) * 10); /* 0 to 1000 */
    PUT_KEY(b, "risk_score");
    put_int(b, tenths / 10);
    put_char(b, '.');
    put_int(b, tenths % 10);
    PUT_KEY(b, "risk_explanation");
    put_char(b, '"');
    sco_risk_score(f, b);
    put_char(b, '"');
}

static void put_place(struct sco_buf *b, const struct sco_finding *f)
{
    MEMBER(b, "commit_sha", f->commit);
    MEMBER(b, "file_path", f->file_path);
    MEMBER_LINE(b, "line_number", f->line);
    MEMBER_LINE(b, "end_line", f->end_line);
    MEMBER_LINE(b, "column", f->column);
    MEMBER_LINE(b, "end_column", f->end_column);
    MEMBER(b, "resource", f->resource);
    MEMBER(b, "parameter", f->parameter);
    put_places(b, f->locations);
}

static void put_head(struct sco_buf *b, const struct sco_finding *f)
{
    char hex[65];
    sco_fingerprint_hex(f->fingerprint, hex);
    PUT_LIT(b, "\"fingerprint\":\"");
    put_bytes(b, sco_str_make(hex, sizeof hex - 1));
    put_char(b, '"');
    MEMBER(b, "vulnerability_type", sco_type_name(f->type));
    MEMBER(b, "severity", sco_severity_name(f->severity));
    MEMBER(b, "title", f->title);
    MEMBER(b, "description", f->description);
    MEMBER(b, "remediation", f->remediation);
    MEMBER_STRS(b, "references", f->references);
    MEMBER(b, "rule_id", f->rule_id);
}

static void put_scores(struct sco_buf *b, const struct sco_finding *f)
{
    if (f->cvss_score > 0) {
        PUT_KEY(b, "cvss_score");
        put_decimal(b, (double)f->cvss_score, 100);
    }
    MEMBER(b, "cvss_vector", f->cvss_vector);
    if (f->epss > 0) {
        PUT_KEY(b, "epss");
        put_decimal(b, (double)f->epss, 1e6);
    }
    if (f->kev)
        PUT_LIT(b, ",\"kev\":true");
    put_risk(b, f);
}

void sco_finding_write(struct sco_json_out *o, const struct sco_finding *f)
{
    struct sco_buf *b = o->b;
    sco_json_begin(o, '{');
    put_head(b, f);
    put_tools(b, f->tools);
    put_place(b, f);
    put_package(b, f->package);
    MEMBER(b, "cve_id", f->cve_id);
    MEMBER_STRS(b, "aliases", f->aliases);
    MEMBER_STRS(b, "cwe_ids", f->cwe_ids);
    put_scores(b, f);
    MEMBER(b, "status", sco_status_name(f->status));
    if (f->occurrences > 1) {
        PUT_KEY(b, "occurrences");
        put_int(b, f->occurrences);
    }
    put_suppressions(b, f->suppressions);
    put_metadata(b, f);
    sco_json_end(o, '}');
}
