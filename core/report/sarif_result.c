/* One result.
 *
 * Columns: a finding's `column` is 1-based. Its `end_column` is what the tool said, and tools
 * differ in whether it is the last column or the one after it; SARIF's endColumn is the one after.
 * On one line a value that is not greater than the start cannot be such an end and is left out,
 * which in SARIF means "to the end of the line". */
#include "sarif_priv.h"

#include <math.h>

/* ---- places ---------------------------------------------------------------------------------- */
static bool is_url(const char *s)
{
    return s && strstr(s, "://") != NULL;
}

/* "POST https://shop.example/cart?id=1" gives "shop.example/cart": consumers want a relative path,
 * and a query may hold what should not be shown around. */
static struct sco_str url_as_path(const char *s)
{
    const char *p = strstr(s, "://") + 3;
    return sco_str_make(p, strcspn(p, "?# "));
}

/* What stands for a file when a finding has none: what the tool looked at. */
static struct sco_str target_as_path(const struct sarif *w)
{
    const char *target = NULL;
    for (size_t i = 0; i < w->scan->n_runs && !target; i++)
        if (w->g.run_group[i] == w->chunk->group)
            target = w->scan->runs[i].target;
    if (!target)
        target = w->scan->target;
    if (target && (strcmp(target, ".") == 0 || !*target))
        target = w->scan->root;
    if (!target)
        return sco_str_make(NULL, 0);
    if (is_url(target))
        return url_as_path(target);
    struct sco_str s = sco_str_c(target);
    if (*target != '/')
        return s;
    while (s.n > 1 && s.p[s.n - 1] == '/')
        s.n--;
    const char *slash = memrchr(s.p, '/', s.n); /* a folder of this machine is nobody's business */
    return sco_str_make(slash + 1, s.n - (size_t)(slash + 1 - s.p));
}

static void write_artifact(struct sarif *w, const char *path, const char *resource)
{
    struct sco_json_out *o = &w->o;
    struct sco_str p = path && !is_url(path) ? sco_str_c(path)
                       : path                ? url_as_path(path)
                       : is_url(resource)    ? url_as_path(resource)
                                             : target_as_path(w);
    buf_restart(&w->tmp, &w->s->b);
    sarif_add_path_uri(&w->tmp, p);
    sco_json_key(o, "artifactLocation");
    sco_json_begin(o, '{');
    sco_json_key(o, "uri");
    sco_json_str(o, sco_buf_str(&w->tmp));
    sco_json_kz(o, "uriBaseId", "%SRCROOT%");
    sco_json_end(o, '}');
}

/* An unknown line is written as line 1: GitHub shows no result without a line. */
static void write_region(struct sco_json_out *o, int32_t line, int32_t end_line, int32_t column,
                         int32_t end_column)
{
    bool known = line > 0;
    sco_json_key(o, "region");
    sco_json_begin(o, '{');
    sco_json_ki64(o, "startLine", known ? line : 1);
    if (known && column > 0)
        sco_json_ki64(o, "startColumn", column);
    if (known && end_line > line)
        sco_json_ki64(o, "endLine", end_line);
    if (known && end_column > 0 && (end_line > line || (column > 0 && end_column > column)))
        sco_json_ki64(o, "endColumn", end_column);
    sco_json_end(o, '}');
}

static void write_logical(struct sarif *w, const struct sco_finding *f)
{
    struct sco_json_out *o = &w->o;
    const struct sco_package *p = f->package;
    if (!f->resource && !(p && (p->name || p->purl)))
        return;
    sco_json_key(o, "logicalLocations");
    sco_json_begin(o, '[');
    if (p && (p->name || p->purl)) {
        buf_restart(&w->tmp, &w->s->b);
        if (p->purl)
            sco_buf_addz(&w->tmp, p->purl);
        else
            sco_buf_addf(&w->tmp, "%s%s%s", p->name, p->version ? "@" : "",
                         p->version ? p->version : "");
        sco_json_begin(o, '{');
        sco_json_kz(o, "name", p->name);
        sco_json_key(o, "fullyQualifiedName");
        sco_json_str(o, sco_buf_str(&w->tmp));
        sco_json_kz(o, "kind", "module");
        sco_json_end(o, '}');
    }
    if (f->resource) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "fullyQualifiedName", f->resource);
        sco_json_kz(o, "kind", "resource");
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void write_locations(struct sarif *w, const struct sco_finding *f)
{
    struct sco_json_out *o = &w->o;
    sco_json_key(o, "locations");
    sco_json_begin(o, '[');
    sco_json_begin(o, '{');
    sco_json_key(o, "physicalLocation");
    sco_json_begin(o, '{');
    write_artifact(w, f->file_path, f->resource);
    write_region(o, f->line, f->end_line, f->column, f->end_column);
    sco_json_end(o, '}');
    write_logical(w, f);
    sco_json_end(o, '}');
    sco_json_end(o, ']');
    const struct sco_places *more = f->locations;
    if (!more || !more->n)
        return;
    sco_json_key(o, "relatedLocations");
    sco_json_begin(o, '[');
    for (uint32_t i = 0; i < more->n && i < SARIF_PLACES_MAX; i++) {
        const struct sco_place *p = &more->v[i];
        sco_json_begin(o, '{');
        sco_json_ki64(o, "id", i + 1);
        sco_json_key(o, "physicalLocation");
        sco_json_begin(o, '{');
        write_artifact(w, p->file_path, p->resource);
        write_region(o, p->line, p->end_line, p->column, p->end_column);
        sco_json_end(o, '}');
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

/* ---- texts ----------------------------------------------------------------------------------- */
static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Title; for packages what to do, for all else what the tool says. */
static void write_message(struct sarif *w, const struct sco_finding *f)
{
    struct sco_buf *b = &w->text;
    const struct sco_package *p = f->package;
    const char *title = f->title && *f->title ? f->title : sarif_rule_id(f);
    const char *d = f->description;
    buf_restart(b, &w->s->b);
    if (!d || !starts_with(d, title) || (p && p->name)) {
        sarif_add_cut(b, sco_str_c(title), SARIF_TEXT_MAX);
        if (b->n && b->p[b->n - 1] != '.')
            sco_buf_addc(b, '.');
    }
    if (p && p->name) {
        sco_buf_addf(b, " Package %s%s%s:", p->name, p->version ? " " : "",
                     p->version ? p->version : "");
        size_t start = b->n;
        sco_buf_addc(b, ' ');
        add_fix(b, f);
        if (b->n == start + 1)
            sco_buf_addz(b, "no fix is known");
    } else if (d && *d) {
        if (b->n)
            sco_buf_addz(b, "\n");
        sarif_add_cut(b, sco_str_c(d), SARIF_TEXT_MAX);
    }
    buf_restart(&w->tmp, &w->s->b);
    sarif_add_message(&w->tmp, sco_buf_str(b));
    sarif_write_text(&w->o, "message", sco_buf_str(&w->tmp));
}

static void write_fingerprints(struct sarif *w, const struct sco_finding *f)
{
    struct sco_json_out *o = &w->o;
    char hex[65];
    sco_fingerprint_hex(f->fingerprint, hex);
    sco_json_key(o, "fingerprints");
    sco_json_begin(o, '{');
    sco_json_kz(o, "secureops/finding/v1", hex);
    sco_json_end(o, '}');
    sco_json_key(o, "partialFingerprints");
    sco_json_begin(o, '{');
    /* Not for secrets: the hash of a line with a weak one could be used to confirm a guess. */
    if (f->type != SCO_TYPE_SECRET && f->file_path && f->line > 0)
        sco_json_kz(o, "primaryLocationLineHash", sarif_line_hash(w->lines, f->file_path, f->line));
    sco_json_kz(o, "secureops/v1", hex);
    sco_json_end(o, '}');
}

static void write_suppression(struct sarif *w, bool in_source, const char *reason,
                              const char *expires)
{
    struct sco_json_out *o = &w->o;
    sco_json_begin(o, '{');
    sco_json_kz(o, "kind", in_source ? "inSource" : "external");
    sco_json_kz(o, "status", "accepted");
    sco_json_kz(o, "justification", reason);
    if (expires) {
        sco_json_key(o, "properties");
        sco_json_begin(o, '{');
        sco_json_kz(o, "expires", expires);
        sco_json_end(o, '}');
    }
    sco_json_end(o, '}');
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The list has no item twice. */
static bool seen_before(const struct sco_suppresseds *l, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (same_text(l->v[i].reason, l->v[at].reason) &&
            same_text(l->v[i].expires, l->v[at].expires))
            return true;
    return false;
}

static void write_suppressions(struct sarif *w, const struct sco_finding *f)
{
    struct sco_json_out *o = &w->o;
    const struct sco_suppresseds *l = f->suppressions;
    sco_json_key(o, "suppressions");
    sco_json_begin(o, '[');
    for (uint32_t i = 0; l && i < l->n && i < SARIF_PLACES_MAX; i++)
        if (!seen_before(l, i))
            write_suppression(w, l->v[i].kind == SCO_SUPPRESS_INLINE, l->v[i].reason,
                              l->v[i].expires);
    if ((!l || !l->n) && sco_finding_is_suppressed(f))
        write_suppression(w, false, finding_suppression_reason(f), NULL);
    sco_json_end(o, ']');
}

/* ---- properties ------------------------------------------------------------------------------ */
static void write_tools(struct sco_json_out *o, const struct sco_tools *tools)
{
    if (!tools)
        return;
    sco_json_key(o, "tools");
    sco_json_begin(o, '[');
    for (uint32_t i = 0; i < tools->n; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "name", tools->v[i]->name);
        sco_json_kz(o, "ruleId", tools->v[i]->rule_id);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void write_decimal(struct sco_json_out *o, const char *key, double v, double scale)
{
    if (v > 0)
        sco_json_kreal(o, key, round(v * scale) / scale);
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
    sco_json_kz(o, "fixedVersion", p->fixed_version);
    sco_json_end(o, '}');
}

static void write_properties(struct sarif *w, const struct sco_finding *f)
{
    struct sco_json_out *o = &w->o;
    char out[8];
    sco_json_key(o, "properties");
    sco_json_begin(o, '{');
    sco_json_kz(o, "severity", sco_severity_name(f->severity));
    sco_json_kz(o, "security-severity",
                sarif_security_severity(f->severity, (double)f->cvss_score, out));
    sco_json_kz(o, "type", sco_type_name(f->type));
    write_tools(o, f->tools);
    sco_json_kz(o, "cve", f->cve_id);
    if (f->aliases && f->aliases->n) {
        sco_json_key(o, "aliases");
        sco_json_begin(o, '[');
        for (uint32_t i = 0; i < f->aliases->n; i++)
            sco_json_str(o, sco_str_c(f->aliases->v[i]));
        sco_json_end(o, ']');
    }
    write_package(o, f->package);
    sco_json_kz(o, "cvssVector", f->cvss_vector);
    write_decimal(o, "epss", (double)f->epss, 1e6);
    if (f->kev)
        sco_json_kbool(o, "kev", true);
    sco_json_kz(o, "parameter", f->parameter);
    sco_json_kz(o, "commit", f->commit);
    if (f->line <= 0)
        sco_json_kbool(o, "lineKnown", false);
    if (f->locations && f->locations->n > SARIF_PLACES_MAX)
        sco_json_ki64(o, "locationsLeftOut", f->locations->n - SARIF_PLACES_MAX);
    sco_json_end(o, '}');
}

void sarif_write_result(struct sarif *w, const struct sco_finding *f)
{
    struct sco_json_out *o = &w->o;
    size_t rule = sarif_rule_index(w, f);
    sco_json_begin(o, '{');
    sco_json_kz(o, "ruleId", sarif_rule_id(f));
    sco_json_ki64(o, "ruleIndex", (int64_t)rule);
    sco_json_kz(o, "kind", "fail");
    sco_json_kz(o, "level", sarif_level(f->severity));
    sco_json_kz(o, "baselineState", sco_baseline_name(f->baseline));
    write_message(w, f);
    write_locations(w, f);
    write_fingerprints(w, f);
    if (w->suppressions)
        write_suppressions(w, f);
    if (f->cwe_ids && f->cwe_ids != w->rules[rule].first->cwe_ids && w->n_cwes) {
        sco_json_key(o, "taxa");
        sarif_write_cwe_targets(w, f->cwe_ids, false);
    }
    write_decimal(o, "rank", (double)f->risk_score, 10);
    if (f->occurrences > 1)
        sco_json_ki64(o, "occurrenceCount", f->occurrences);
    write_properties(w, f);
    sco_json_end(o, '}');
}
