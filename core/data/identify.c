/* Fingerprints of a whole scan. Items with one key are told apart by their place ("occurrence")
 * where the type allows several, and become one finding where they say the same thing twice. */
#include "identity_priv.h"

#include <stdlib.h>

static const uint32_t END = UINT32_MAX;

struct groups {
    uint32_t *table; /* by fingerprint: index + 1 of the first item with it */
    uint32_t *next;  /* chain of the items with one fingerprint */
    size_t mask;
};

static size_t slot_of(const struct groups *g, const struct sco_finding *v, const uint8_t *fp)
{
    uint64_t start;
    memcpy(&start, fp, sizeof start);
    size_t i = start & g->mask;
    while (g->table[i] && memcmp(v[g->table[i] - 1].fingerprint, fp, SCO_FINGERPRINT_LEN) != 0)
        i = (i + 1) & g->mask;
    return i;
}

static int group(struct groups *g, const struct sco_finding_set *s)
{
    size_t cap = 16;
    while (cap < s->n * 2)
        cap *= 2;
    g->mask = cap - 1;
    g->table = sco_alloc(cap, sizeof *g->table);
    g->next = sco_alloc(s->n, sizeof *g->next);
    if (!g->table || !g->next)
        return SCO_E_NOMEM;
    for (uint32_t i = 0; i < s->n; i++) {
        s->v[i].occurrences += !s->v[i].occurrences; /* 0 would mean dead */
        uint32_t *first = &g->table[slot_of(g, s->v, s->v[i].fingerprint)];
        if (*first) {
            g->next[i] = g->next[*first - 1];
            g->next[*first - 1] = i;
        } else {
            g->next[i] = END;
            *first = i + 1;
        }
    }
    return 0;
}

/* Where among its equals an item stands. The title comes last: two messages on one place are two
 * findings, but a reworded one keeps its number while it is alone there. */
static int compare_rank(const struct sco_finding *a, const struct sco_finding *b)
{
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    if (a->end_line != b->end_line)
        return a->end_line < b->end_line ? -1 : 1;
    if (a->end_column != b->end_column)
        return a->end_column < b->end_column ? -1 : 1;
    return finding_str_compare(a->title, b->title);
}

static int by_content(const void *a, const void *b)
{
    return finding_compare(*(const struct sco_finding *const *)a,
                           *(const struct sco_finding *const *)b);
}

static int by_rank(const void *a, const void *b)
{
    int c =
        compare_rank(*(const struct sco_finding *const *)a, *(const struct sco_finding *const *)b);
    return c ? c : by_content(a, b);
}

struct job {
    struct sco_finding_set *s;
    struct merger merger;
    struct sco_sha256 *sha;
    struct sco_buf tmp;
    struct sco_finding **v;
    size_t n, cap;
    bool merged; /* some are dead */
};

/* Items of one key: runs of the same place become one finding each, numbered in order. */
static int settle(struct job *j)
{
    bool numbered = finding_has_occurrence(j->v[0]);
    uint32_t occurrence = 0;
    qsort(j->v, j->n, sizeof(void *), numbered ? by_rank : by_content);
    for (size_t from = 0, to; from < j->n; from = to, occurrence++) {
        to = from + 1;
        while (to < j->n && (!numbered || compare_rank(j->v[from], j->v[to]) == 0))
            to++;
        int r = occurrence ? finding_fingerprint(j->sha, &j->tmp, j->v[from], occurrence,
                                                 j->v[from]->fingerprint)
                           : 0;
        if (r == 0 && to - from > 1) {
            j->merged = true;
            r = finding_merge(&j->merger, j->v + from, to - from);
            j->v[from]->risk_score = (float)sco_risk_score(j->v[from], NULL);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int settle_all(struct job *j, const struct groups *g)
{
    for (uint32_t i = 0; i <= g->mask; i++) {
        if (!g->table[i] || g->next[g->table[i] - 1] == END)
            continue;
        j->n = 0;
        for (uint32_t at = g->table[i] - 1; at != END; at = g->next[at]) {
            if (PUSH_POINTER(j->v, j->n, j->cap) < 0)
                return SCO_E_NOMEM;
            j->v[j->n++] = &j->s->v[at];
        }
        int r = settle(j);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Fingerprint and risk of those that have none yet, as if each were alone with its key. */
static int prepare(struct job *j)
{
    struct sco_finding_set *s = j->s;
    j->sha = sco_sha256_new();
    if (!j->sha)
        return SCO_E_NOMEM;
    for (; s->n_prepared < s->n; s->n_prepared++) {
        struct sco_finding *f = &s->v[s->n_prepared];
        int r = finding_fingerprint(j->sha, &j->tmp, f, 0, f->fingerprint);
        if (r < 0)
            return r;
        f->risk_score = (float)sco_risk_score(f, NULL);
    }
    return 0;
}

static int identify(struct job *j, struct groups *g)
{
    struct sco_finding_set *s = j->s;
    int r = prepare(j);
    s->n_prepared = 0; /* from here on they change */
    r = r ? r : group(g, s);
    r = r ? r : settle_all(j, g);
    if (j->merged)
        findings_compact(s); /* also after a failure: the set stays whole */
    return r;
}

static int end_job(struct job *j, int r, struct sco_error *err)
{
    sco_sha256_free(j->sha);
    sco_buf_done(&j->tmp);
    free(j->v);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    return r < 0 ? sco_error_set(err, r, "cannot compute fingerprints") : 0;
}

int sco_findings_prepare(struct sco_finding_set *s, struct sco_error *err)
{
    struct job j = {.s = s};
    return end_job(&j, prepare(&j), err);
}

int sco_findings_identify(struct sco_finding_set *s, struct sco_error *err)
{
    struct job j = {.s = s, .merger = {.pool = s->pool, .add_places = true}};
    struct groups g = {0};
    if (s->n >= END)
        return sco_error_set(err, SCO_E_LIMIT, "too many findings");
    int r = identify(&j, &g);
    free(g.table);
    free(g.next);
    return end_job(&j, r, err);
}
