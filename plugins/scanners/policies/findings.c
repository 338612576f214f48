/* Verdicts as findings: FAIL, and SKIP as one that a comment suppresses. */
#include "policies_priv.h"

enum { CWE_MAX = 64, LIST_MAX = 256, PAIRS_MAX = 8 };

static struct sco_str str(const char *z)
{
    return z ? sco_str_c(z) : sco_str_make(NULL, 0);
}

static struct sco_str_list list_of(const char *const *z, struct sco_str *v)
{
    size_t n = 0;
    for (; z && *z && n < LIST_MAX; z++)
        v[n++] = sco_str_c(*z);
    return (struct sco_str_list){.v = v, .n = n};
}

static struct sco_str_list cwes_of(const struct sco_policy *p, struct sco_str *v, char (*text)[24])
{
    size_t n = p->n_cwe < CWE_MAX ? p->n_cwe : CWE_MAX;
    for (size_t i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "CWE-%lld", (long long)p->cwe[i]);
        v[i] = sco_str_c(text[i]);
    }
    return (struct sco_str_list){.v = v, .n = n};
}

/* {"offset":n,"length":n,"text":"..."}: metadata is text. */
static void write_fix(struct sco_buf *b, const struct sco_policy_fix *f)
{
    struct sco_json_out o = {.b = b};
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "offset", f->pos);
    sco_json_ki64(&o, "length", f->end - f->pos);
    sco_json_kz(&o, "text", f->text);
    sco_json_end(&o, '}');
}

static size_t metadata(struct sco_pair *m, const struct sco_verdict *v, struct sco_buf *fix)
{
    size_t n = 0;
    if (v->pointer && *v->pointer)
        m[n++] = (struct sco_pair){SCO_STR("pointer"), sco_str_c(v->pointer)};
    m[n++] = (struct sco_pair){SCO_STR("policy_digest"), str(v->policy->digest)};
    if (v->doc && v->doc->source)
        m[n++] = (struct sco_pair){SCO_STR("source"), sco_str_c(v->doc->source)};
    if (v->fix) {
        write_fix(fix, v->fix);
        m[n++] = (struct sco_pair){SCO_STR("fix"), sco_buf_str(fix)};
    }
    return n;
}

int finding_emit(struct policies *p, const struct sco_verdict *v)
{
    const struct sco_policy *policy = v->policy;
    struct sco_str ids[LIST_MAX], links[LIST_MAX], cwes[CWE_MAX];
    char cwe_text[CWE_MAX][24];
    struct sco_pair meta[PAIRS_MAX];
    SCO_AUTO(sco_buf) struct sco_buf fix = {0};
    struct sco_suppression skip = {
        .kind = SCO_SUPPRESS_INLINE, .reason = str(v->reason), .expires = str(v->expires)};
    struct sco_report_finding f = {
        .struct_size = sizeof f,
        .type = SCO_TYPE_IAC,
        .severity = severity_of(p, policy),
        .rule_id = sco_str_c(policy->id),
        .title = str(policy->title),
        .description = str(v->message && *v->message ? v->message : policy->description),
        .remediation = str(policy->remediation),
        .file_path = str(v->place.file_path),
        .line = v->place.line,
        .end_line = v->place.end_line,
        .column = v->place.column,
        .end_column = v->place.end_column,
        .resource = str(v->resource ? v->resource->name : NULL),
        .ids = list_of(policy->aliases, ids),
        .cwes = cwes_of(policy, cwes, cwe_text),
        .references = list_of(policy->links, links),
        .metadata = meta,
        .n_metadata = metadata(meta, v, &fix),
        .suppressions = &skip,
        .n_suppressions = v->kind == SCO_VERDICT_SKIP,
    };
    return p->host->emit(p->host, &f);
}
