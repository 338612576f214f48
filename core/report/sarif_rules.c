/* Rules and taxonomies of a run, put together from its findings: the tools' reports have no rule
 * texts that survive normalisation, so what all findings of a rule agree on becomes the rule's. */
#include "sarif_priv.h"

#include <stdlib.h>

enum { CWE_DIGITS_MAX = 6, REFERENCES_SHOWN = 10 };

static const char *const type_labels[SCO_TYPE_MAX_] = {
    [SCO_TYPE_SAST] = "Weakness in the code",
    [SCO_TYPE_SCA] = "Vulnerable package",
    [SCO_TYPE_DAST] = "Weakness of the running application",
    [SCO_TYPE_IAC] = "Misconfiguration",
    [SCO_TYPE_SECRET] = "Secret in the source",
    [SCO_TYPE_LICENSE] = "License problem",
    [SCO_TYPE_QUALITY] = "Code quality",
};

const char *sarif_rule_id(const struct sco_finding *f)
{
    return f->rule_id && *f->rule_id ? f->rule_id : "unknown";
}

const char *sarif_level(uint32_t severity)
{
    return severity >= SCO_SEV_HIGH ? "error" : severity == SCO_SEV_MEDIUM ? "warning" : "note";
}

const char *sarif_security_severity(uint32_t severity, double score, char out[8])
{
    static const char *const fixed[SCO_SEV_MAX_] = {
        [SCO_SEV_LOW] = "2.0",
        [SCO_SEV_MEDIUM] = "5.5",
        [SCO_SEV_HIGH] = "8.0",
        [SCO_SEV_CRITICAL] = "9.5",
    };
    if (severity >= SCO_SEV_MAX_ || !fixed[severity])
        return NULL;
    int tenths = (int)(score * 10 + 0.5);
    if (tenths <= 0 || tenths > 100 || sco_severity_from_score(tenths / 10.0) != severity)
        return fixed[severity];
    snprintf(out, 8, "%d.%d", tenths / 10, tenths % 10);
    return out;
}

/* The number of "CWE-79" as text, {NULL, 0} when it is not one. */
static struct sco_str cwe_number(const char *cwe)
{
    struct sco_str s = sco_str_c(cwe), none = {NULL, 0};
    if (!sco_str_starts(s, "CWE-") || s.n == 4 || s.n > 4 + CWE_DIGITS_MAX)
        return none;
    for (size_t i = 4; i < s.n; i++)
        if ((unsigned)(s.p[i] - '0') > 9u)
            return none;
    return sco_str_make(s.p + 4, s.n - 4);
}

/* Lists of SARIF have no item twice. */
static bool seen_before(const struct sco_strs *l, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (strcmp(l->v[i], l->v[at]) == 0)
            return true;
    return false;
}

/* ---- collecting ------------------------------------------------------------------------------ */
static int collect_cwes(struct sarif *w, const struct sco_strs *cwes)
{
    for (uint32_t i = 0; cwes && i < cwes->n; i++) {
        struct sco_str id = sco_str_c(cwes->v[i]);
        if (!cwe_number(cwes->v[i]).n || sco_map_has(&w->cwe_at, id))
            continue;
        void **slot = sco_map_put(&w->cwe_at, id, NULL);
        if (!slot || SCO_VEC_PUSH(w->cwes, w->n_cwes, w->cap_cwes) < 0)
            return SCO_E_NOMEM;
        w->cwes[w->n_cwes++] = cwes->v[i];
        *slot = (void *)(uintptr_t)w->n_cwes;
    }
    return 0;
}

static bool differs(const char *a, const char *b)
{
    return a != b && (!a || !b || strcmp(a, b) != 0);
}

static int collect_rule(struct sarif *w, const struct sco_finding *f)
{
    const char *id = sarif_rule_id(f);
    void **slot = sco_map_put(&w->rule_at, sco_str_c(id), NULL);
    if (!slot)
        return SCO_E_NOMEM;
    if (!*slot) {
        if (SCO_VEC_PUSH(w->rules, w->n_rules, w->cap_rules) < 0)
            return SCO_E_NOMEM;
        w->rules[w->n_rules++] = (struct sarif_rule){.id = id, .first = f};
        *slot = (void *)(uintptr_t)w->n_rules;
    }
    struct sarif_rule *r = &w->rules[(uintptr_t)*slot - 1];
    r->titles |= differs(r->first->title, f->title);
    r->descriptions |= differs(r->first->description, f->description);
    r->remediations |= differs(r->first->remediation, f->remediation);
    if (f->severity > r->severity) {
        r->severity = f->severity;
        r->score = 0;
    }
    double score = (double)f->cvss_score;
    if (f->severity == r->severity && score > r->score &&
        sco_severity_from_score(score) == r->severity)
        r->score = score;
    return 0;
}

int sarif_collect(struct sarif *w)
{
    const struct sco_strs *last = NULL;
    for (size_t i = 0; i < w->chunk->n; i++) {
        const struct sco_finding *f = &w->scan->findings.v[w->g.order[w->chunk->first + i]];
        if (collect_rule(w, f) < 0)
            return SCO_E_NOMEM;
        if (f->cwe_ids != last && collect_cwes(w, f->cwe_ids) < 0)
            return SCO_E_NOMEM;
        last = f->cwe_ids;
        w->suppressions |= sco_finding_is_suppressed(f);
    }
    return 0;
}

void sarif_forget(struct sarif *w)
{
    free(w->rules);
    free(w->cwes);
    sco_map_done(&w->rule_at);
    sco_map_done(&w->cwe_at);
    w->rules = NULL;
    w->cwes = NULL;
    w->n_rules = w->cap_rules = w->n_cwes = w->cap_cwes = 0;
    w->suppressions = false;
}

size_t sarif_rule_index(const struct sarif *w, const struct sco_finding *f)
{
    return (size_t)(uintptr_t)sco_map_get(&w->rule_at, sco_str_c(sarif_rule_id(f))) - 1;
}

/* ---- writing --------------------------------------------------------------------------------- */
void sarif_write_cwe_targets(struct sarif *w, const struct sco_strs *cwes, bool relationships)
{
    struct sco_json_out *o = &w->o;
    sco_json_begin(o, '[');
    for (uint32_t i = 0; cwes && i < cwes->n && i < SARIF_CWES_MAX; i++) {
        uintptr_t at = (uintptr_t)sco_map_get(&w->cwe_at, sco_str_c(cwes->v[i]));
        if (!at || seen_before(cwes, i))
            continue;
        sco_json_begin(o, '{');
        if (relationships) {
            sco_json_key(o, "target");
            sco_json_begin(o, '{');
        }
        sco_json_kz(o, "id", cwes->v[i]);
        sco_json_ki64(o, "index", (int64_t)at - 1);
        sco_json_key(o, "toolComponent");
        sco_json_raw(o, SCO_STR("{\"name\":\"CWE\",\"index\":0}"));
        if (relationships) {
            sco_json_end(o, '}');
            sco_json_key(o, "kinds");
            sco_json_raw(o, SCO_STR("[\"superset\"]"));
        }
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

static void write_tags(struct sarif *w, const struct sarif_rule *r, bool security)
{
    struct sco_json_out *o = &w->o;
    const struct sco_strs *cwes = r->first->cwe_ids;
    int n = 2;
    sco_json_key(o, "tags");
    sco_json_begin(o, '[');
    if (security)
        sco_json_str(o, SCO_STR("security"));
    sco_json_str(o, sco_str_c(sco_type_name(r->first->type)));
    for (uint32_t i = 0; cwes && i < cwes->n && n < SARIF_TAGS_MAX; i++) {
        struct sco_str number = cwe_number(cwes->v[i]);
        if (!number.n || seen_before(cwes, i))
            continue;
        buf_restart(&w->tmp, &w->s->b);
        sco_buf_addf(&w->tmp, "external/cwe/cwe-%s%.*s",
                     number.n >= 3   ? ""
                     : number.n == 2 ? "0"
                                     : "00",
                     SCO_STR_ARG(number));
        sco_json_str(o, sco_buf_str(&w->tmp));
        n++;
    }
    sco_json_end(o, ']');
}

/* How often a report of this kind is right: no tool's own statement, but the order in which GitHub
 * shows alerts of the same severity. */
static const char *precision(uint32_t type)
{
    return type == SCO_TYPE_SCA || type == SCO_TYPE_LICENSE  ? "very-high"
           : type == SCO_TYPE_IAC || type == SCO_TYPE_SECRET ? "high"
                                                             : "medium";
}

static void write_properties(struct sarif *w, const struct sarif_rule *r)
{
    struct sco_json_out *o = &w->o;
    char out[8];
    bool security = r->first->type != SCO_TYPE_QUALITY && r->first->type != SCO_TYPE_LICENSE;
    sco_json_key(o, "properties");
    sco_json_begin(o, '{');
    sco_json_kz(o, "precision", precision(r->first->type));
    if (security)
        sco_json_kz(o, "security-severity", sarif_security_severity(r->severity, r->score, out));
    else
        sco_json_kz(o, "problem.severity",
                    r->severity >= SCO_SEV_HIGH     ? "error"
                    : r->severity == SCO_SEV_MEDIUM ? "warning"
                                                    : "recommendation");
    write_tags(w, r, security);
    sco_json_end(o, '}');
}

/* Title, or a general text when the findings of the rule have several; into w->text. */
static void set_short(struct sarif *w, const struct sarif_rule *r)
{
    const char *title = r->first->title;
    buf_restart(&w->text, &w->s->b);
    if (!r->titles && title && *title)
        sarif_add_cut(&w->text, sco_str_c(title), SARIF_TEXT_MAX);
    else
        sco_buf_addf(&w->text, "%s: %s",
                     r->first->type < SCO_TYPE_MAX_ && type_labels[r->first->type]
                         ? type_labels[r->first->type]
                         : "Finding",
                     r->id);
}

static const char *description(const struct sarif_rule *r)
{
    const char *d = r->first->description;
    return r->descriptions || !d || !*d ? NULL : d;
}

typedef void (*add_fn)(struct sco_buf *b, struct sco_str s);

/* Description, what to do and the references, as text or as Markdown; into w->tmp. */
static void set_help(struct sarif *w, const struct sarif_rule *r, add_fn add, const char *item)
{
    struct sco_buf *b = &w->tmp;
    const struct sco_strs *refs = r->first->references;
    buf_restart(b, &w->s->b);
    set_short(w, r);
    add(b, description(r) ? sco_str_c(description(r)) : sco_buf_str(&w->text));
    if (!r->remediations && r->first->remediation && *r->first->remediation) {
        sco_buf_addz(b, "\n\n");
        add(b, sco_str_c(r->first->remediation));
    } else if (r->first->type == SCO_TYPE_SCA)
        sco_buf_addz(b, "\n\nUse a version of the package that does not have this vulnerability.");
    const char *gap = "\n\n";
    for (uint32_t i = 0; refs && i < refs->n && i < REFERENCES_SHOWN; i++)
        if (sarif_is_url(sco_str_c(refs->v[i]))) {
            sco_buf_addf(b, "%s%s", gap, item);
            sco_buf_addz(b, refs->v[i]);
            if (item[2] == '<')
                sco_buf_addc(b, '>');
            gap = "\n";
        }
}

static const char *help_uri(const struct sarif_rule *r)
{
    const struct sco_strs *refs = r->first->references;
    for (uint32_t i = 0; refs && i < refs->n; i++)
        if (sarif_is_url(sco_str_c(refs->v[i])))
            return refs->v[i];
    return NULL;
}

static void write_texts(struct sarif *w, const struct sarif_rule *r)
{
    struct sco_json_out *o = &w->o;
    buf_restart(&w->tmp, &w->s->b);
    sarif_add_pascal(&w->tmp, sco_str_c(r->titles || !r->first->title ? r->id : r->first->title));
    if (!sco_str_is_nocase(sco_buf_str(&w->tmp), r->id)) /* SARIF 3.49.7: then it is left out */
        sco_json_kstr(o, "name", sco_buf_str(&w->tmp));
    set_short(w, r);
    sarif_write_text(o, "shortDescription", sco_buf_str(&w->text));
    if (description(r)) {
        buf_restart(&w->text, &w->s->b);
        sarif_add_cut(&w->text, sco_str_c(description(r)), SARIF_TEXT_MAX);
    }
    sarif_write_text(o, "fullDescription", sco_buf_str(&w->text));
    sco_json_key(o, "help");
    sco_json_begin(o, '{');
    set_help(w, r, sco_buf_add, "- ");
    sco_json_key(o, "text");
    sco_json_str(o, sco_buf_str(&w->tmp));
    set_help(w, r, sarif_add_markdown, "- <");
    sco_json_key(o, "markdown");
    sco_json_str(o, sco_buf_str(&w->tmp));
    sco_json_end(o, '}');
    sco_json_kz(o, "helpUri", help_uri(r));
}

void sarif_write_rules(struct sarif *w)
{
    struct sco_json_out *o = &w->o;
    sco_json_key(o, "rules");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < w->n_rules && sink_more(w->s); i++) {
        const struct sarif_rule *r = &w->rules[i];
        sco_json_begin(o, '{');
        sco_json_kz(o, "id", r->id);
        write_texts(w, r);
        sco_json_key(o, "defaultConfiguration");
        sco_json_begin(o, '{');
        sco_json_kz(o, "level", sarif_level(r->severity));
        sco_json_end(o, '}');
        if (r->first->cwe_ids && w->n_cwes) {
            sco_json_key(o, "relationships");
            sarif_write_cwe_targets(w, r->first->cwe_ids, true);
        }
        write_properties(w, r);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

void sarif_write_taxonomies(struct sarif *w)
{
    struct sco_json_out *o = &w->o;
    if (!w->n_cwes)
        return;
    sco_json_key(o, "taxonomies");
    sco_json_begin(o, '[');
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", "CWE");
    sco_json_kz(o, "organization", "MITRE");
    sco_json_kz(o, "informationUri", "https://cwe.mitre.org/");
    sarif_write_text(o, "shortDescription", SCO_STR("The MITRE Common Weakness Enumeration"));
    sco_json_kbool(o, "isComprehensive", false);
    sco_json_key(o, "taxa");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < w->n_cwes && sink_more(w->s); i++) {
        buf_restart(&w->tmp, &w->s->b);
        sco_buf_addf(&w->tmp, "https://cwe.mitre.org/data/definitions/%s.html", w->cwes[i] + 4);
        sco_json_begin(o, '{');
        sco_json_kz(o, "id", w->cwes[i]);
        sco_json_key(o, "helpUri");
        sco_json_str(o, sco_buf_str(&w->tmp));
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
    sco_json_end(o, '}');
    sco_json_end(o, ']');
}
