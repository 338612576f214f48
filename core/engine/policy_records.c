/* What the plugin `policies` says of a scan beside findings: kept in the scan, as counts per
 * policy, and what could not be judged. With several targets, the runs add up. */
#include "session_priv.h"

static const char *keep(struct sco_scan *s, const struct sco_node *m, const char *key)
{
    struct sco_str text = sco_text(sco_get(m, key));
    return text.n ? sco_arena_cstr(&s->arena, text) : NULL;
}

static uint64_t number(const struct sco_node *m, const char *key)
{
    int64_t n = sco_int(sco_get(m, key), 0);
    return n > 0 ? (uint64_t)n : 0;
}

static int take_bundle(struct sco_scan *s, const struct sco_node *m)
{
    struct sco_scan_policies *p = &s->policies;
    struct sco_scan_bundle b = {keep(s, m, "path"), keep(s, m, "digest")};
    if (!b.path || !b.digest)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < p->n_bundles; i++)
        if (strcmp(p->bundles[i].path, b.path) == 0)
            return 0;
    if (SCO_VEC_PUSH(p->bundles, p->n_bundles, p->cap_bundles) < 0)
        return SCO_E_NOMEM;
    p->bundles[p->n_bundles++] = b;
    return 0;
}

static struct sco_scan_policy *find_policy(struct sco_scan *s, const struct sco_node *m)
{
    struct sco_scan_policies *p = &s->policies;
    struct sco_str id = sco_text(sco_get(m, "id"));
    for (size_t i = 0; i < p->n; i++)
        if (sco_str_is(id, p->v[i].id))
            return &p->v[i];
    if (SCO_VEC_PUSH(p->v, p->n, p->cap) < 0)
        return NULL;
    struct sco_scan_policy *x = &p->v[p->n];
    *x = (struct sco_scan_policy){.id = keep(s, m, "id"), .title = keep(s, m, "title")};
    x->severity = sco_severity_parse(sco_text(sco_get(m, "severity")));
    if (!x->id)
        return NULL;
    p->n++;
    return x;
}

static int take_policy(struct sco_scan *s, const struct sco_node *m)
{
    struct sco_scan_policies *p = &s->policies;
    struct sco_scan_policy *x = find_policy(s, m);
    if (!x)
        return SCO_E_NOMEM;
    uint64_t n = number(m, "evaluations");
    x->evaluations += n;
    p->evaluations += n;
    for (int i = 0; i < SCO_SCAN_VERDICTS; i++) {
        n = number(sco_get(m, "verdicts"), sco_scan_verdicts[i]);
        x->verdicts[i] += n;
        p->verdicts[i] += n;
    }
    return 0;
}

static int take_issue(struct sco_scan *s, const struct sco_node *m, const char *kind)
{
    struct sco_scan_policies *p = &s->policies;
    if (p->n_issues >= SCO_SCAN_ISSUES_MAX) {
        p->issues_left_out++;
        return 0;
    }
    if (SCO_VEC_PUSH(p->issues, p->n_issues, p->cap_issues) < 0)
        return SCO_E_NOMEM;
    struct sco_scan_issue x = {.kind = kind,
                               .policy = keep(s, m, "policy"),
                               .resource = keep(s, m, "resource"),
                               .file_path = keep(s, m, "file_path"),
                               .status = keep(s, m, "status"),
                               .message = keep(s, m, "message"),
                               .line = sco_int(sco_get(m, "line_number"), 0)};
    if (!x.message)
        x.message = keep(s, m, "reason");
    p->issues[p->n_issues++] = x;
    return 0;
}

int policy_record_take(struct sco_scan *s, struct sco_str kind, struct sco_str json)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    int r = sco_json_parse(json, &arena, &m, NULL);
    if (r < 0)
        return r;
    if (sco_str_is(kind, "bundle"))
        return take_bundle(s, m);
    if (sco_str_is(kind, "policy"))
        return take_policy(s, m);
    if (sco_str_is(kind, "verdict"))
        return take_issue(
            s, m, sco_str_is(sco_text(sco_get(m, "verdict")), "error") ? "error" : "unknown");
    if (sco_str_is(kind, "document"))
        return take_issue(s, m, "document");
    if (sco_str_is(kind, "problem"))
        return take_issue(s, m, "problem");
    for (int i = 0; i < SCO_SCAN_DOCUMENTS && sco_str_is(kind, "documents"); i++)
        s->policies.documents[i] += number(m, sco_scan_documents[i]);
    return 0;
}

static int by_id(const void *pa, const void *pb)
{
    const struct sco_scan_policy *a = pa, *b = pb;
    return strcmp(a->id, b->id);
}

/* Whichever worker spoke first. */
void policy_records_sort(struct sco_scan_policies *p)
{
    if (p->n)
        qsort(p->v, p->n, sizeof *p->v, by_id);
}

void policy_records_done(struct sco_scan_policies *p)
{
    free(p->bundles);
    free(p->v);
    free(p->issues);
    free(p->gates);
}
