/* The order in which people see findings: what needs attention first. */
#include "identity_priv.h"

#include <math.h>
#include <stdlib.h>

struct key {
    uint32_t coarse; /* suppressed, risk, severity, type; the smaller the earlier */
    uint32_t at;
};

static uint32_t coarse_key(const struct sco_finding *f)
{
    uint32_t risk = (uint32_t)lroundf(f->risk_score * 10);
    bool suppressed = f->suppressions && f->suppressions->n;
    risk = risk > 1000 ? 1000 : risk;
    return (uint32_t)suppressed << 24 | (1000 - risk) << 8 |
           (uint32_t)(SCO_SEV_CRITICAL - f->severity) << 4 | f->type;
}

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct key *a = pa, *b = pb;
    if (a->coarse != b->coarse)
        return a->coarse < b->coarse ? -1 : 1;
    const struct sco_finding *v = arg, *x = &v[a->at], *y = &v[b->at];
    int c = finding_str_compare(x->file_path, y->file_path);
    c = c ? c : (x->line > y->line) - (x->line < y->line);
    c = c ? c : finding_str_compare(x->rule_id, y->rule_id);
    c = c ? c : memcmp(x->fingerprint, y->fingerprint, SCO_FINGERPRINT_LEN);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

/* Moves each finding to its place along the cycles of the permutation, without a second array. */
static void permute(struct sco_finding *v, struct key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (keys[i].at == i)
            continue;
        struct sco_finding first = v[i];
        size_t to = i;
        while (keys[to].at != i) {
            size_t from = keys[to].at;
            v[to] = v[from];
            keys[to].at = (uint32_t)to;
            to = from;
        }
        v[to] = first;
        keys[to].at = (uint32_t)to;
    }
}

int sco_findings_rank(struct sco_finding_set *s, struct sco_error *err)
{
    if (s->n >= UINT32_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "too many findings");
    SCO_AUTO(sco_free) struct key *keys = sco_alloc(s->n, sizeof *keys);
    if (!keys)
        return sco_error_nomem(err);
    for (size_t i = 0; i < s->n; i++)
        keys[i] = (struct key){coarse_key(&s->v[i]), (uint32_t)i};
    qsort_r(keys, s->n, sizeof *keys, compare, s->v);
    permute(s->v, keys, s->n);
    return 0;
}
