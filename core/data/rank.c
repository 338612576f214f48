/* The order in which people see findings: what needs attention first. */
#include "identity_priv.h"

#include <math.h>
#include <stdlib.h>

struct key {
    uint32_t coarse; /* suppressed, known, risk, severity, type; the smaller the earlier */
    uint32_t path;   /* its number in the order of all paths; equal paths share one */
    uint32_t line;
    uint32_t at;
};

static uint32_t coarse_key(const struct sco_finding *f)
{
    uint32_t risk = (uint32_t)lroundf(f->risk_score * 10);
    risk = risk > 1000 ? 1000 : risk;
    return (uint32_t)sco_finding_is_suppressed(f) << 25 | (uint32_t)sco_finding_is_known(f) << 24 |
           (1000 - risk) << 8 | (uint32_t)(SCO_SEV_CRITICAL - f->severity) << 4 | f->type;
}

/* Of findings with equal keys. */
static int compare(const void *pa, const void *pb, void *arg)
{
    const struct key *a = pa, *b = pb;
    const struct sco_finding *v = arg, *x = &v[a->at], *y = &v[b->at];
    int c = finding_str_compare(x->rule_id, y->rule_id);
    c = c ? c : memcmp(x->fingerprint, y->fingerprint, SCO_FINGERPRINT_LEN);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

/* Sorts by one byte, `shift` bits up, of one member of the keys; equal ones keep their order.
 * False: they are all the same, and stay where they are. */
static bool sort_by_byte(const struct key *from, struct key *to, size_t n, size_t member,
                         unsigned shift)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        memcpy(&v, (const char *)&from[i] + member, sizeof v);
        start[(v >> shift & 255) + 1]++;
    }
    for (size_t i = 0; i < 256; i++) {
        if (start[i + 1] == n)
            return false;
        start[i + 1] += start[i];
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        memcpy(&v, (const char *)&from[i] + member, sizeof v);
        to[start[v >> shift & 255]++] = from[i];
    }
    return true;
}

/* Byte by byte, the least important first; what is equal then, by content. Returns where the
 * sorted keys are: in a or in b. */
static struct key *sort_keys(struct key *a, struct key *b, size_t n, struct sco_finding *v)
{
    static const size_t members[] = {offsetof(struct key, line), offsetof(struct key, path),
                                     offsetof(struct key, coarse)};
    for (size_t m = 0; m < SCO_ARRAY_LEN(members); m++) {
        for (unsigned shift = 0; shift < 32; shift += 8) {
            if (!sort_by_byte(a, b, n, members[m], shift))
                continue;
            struct key *sorted = b;
            b = a;
            a = sorted;
        }
    }
    for (size_t from = 0, to; from < n; from = to) {
        to = from + 1;
        while (to < n && memcmp(&a[from], &a[to], offsetof(struct key, at)) == 0)
            to++;
        if (to - from > 1)
            qsort_r(&a[from], to - from, sizeof *a, compare, v);
    }
    return a;
}

/* ---- numbers of paths: there are few, and comparing them again and again is most of a sort ----
 */

struct path {
    const char *text; /* NULL: free */
    uint32_t number;  /* as they came, from 1 */
};

struct paths {
    struct path *v; /* by address: the pool has each text once */
    size_t n, cap;
};

static struct path *find_path(const struct paths *p, const char *text)
{
    size_t i = ((uintptr_t)text >> 3) * 0x9E3779B97F4A7C15u >> 32 & (p->cap - 1);
    while (p->v[i].text && p->v[i].text != text)
        i = (i + 1) & (p->cap - 1);
    return &p->v[i];
}

static int grow_paths(struct paths *p)
{
    struct paths to = {.cap = p->cap ? p->cap * 2 : 256, .n = p->n};
    to.v = sco_alloc(to.cap, sizeof *to.v);
    if (!to.v)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < p->cap; i++)
        if (p->v[i].text)
            *find_path(&to, p->v[i].text) = p->v[i];
    free(p->v);
    *p = to;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp((*(const struct path *const *)a)->text, (*(const struct path *const *)b)->text);
}

/* *ret: for each number the place in the order of all paths; findings without path come first. */
static int order_paths(const struct paths *p, uint32_t **ret)
{
    SCO_AUTO(sco_free) struct path **sorted = sco_alloc(p->n, sizeof(void *));
    uint32_t *order = sco_alloc(p->n + 1, sizeof *order), place = 0;
    size_t n = 0;
    if (!sorted || !order) {
        free(order);
        return SCO_E_NOMEM;
    }
    for (size_t i = 0; i < p->cap; i++)
        if (p->v[i].text)
            sorted[n++] = &p->v[i];
    qsort(sorted, n, sizeof(void *), by_text);
    for (size_t i = 0; i < n; i++) {
        place += !i || strcmp(sorted[i - 1]->text, sorted[i]->text) != 0;
        order[sorted[i]->number] = place;
    }
    *ret = order;
    return 0;
}

static int number_of(struct paths *p, const char *text, uint32_t *ret)
{
    if (p->n * 2 >= p->cap && grow_paths(p) < 0)
        return SCO_E_NOMEM;
    struct path *at = find_path(p, text);
    if (!at->text)
        *at = (struct path){text, (uint32_t)++p->n};
    *ret = at->number;
    return 0;
}

static int fill_keys(const struct sco_finding_set *s, struct key *keys)
{
    struct paths paths = {0};
    SCO_AUTO(sco_free) uint32_t *order = NULL;
    int r = 0;
    for (uint32_t i = 0; i < s->n && r == 0; i++) {
        const struct sco_finding *f = &s->v[i];
        keys[i] = (struct key){.coarse = coarse_key(f), .line = (uint32_t)f->line, .at = i};
        if (f->file_path)
            r = number_of(&paths, f->file_path, &keys[i].path);
    }
    r = r ? r : order_paths(&paths, &order);
    for (uint32_t i = 0; i < s->n && r == 0; i++)
        keys[i].path = order[keys[i].path];
    free(paths.v);
    return r;
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
    SCO_AUTO(sco_free) struct key *other = sco_alloc(s->n, sizeof *keys);
    if (!keys || !other || fill_keys(s, keys) < 0)
        return sco_error_nomem(err);
    permute(s->v, sort_keys(keys, other, s->n, s->v), s->n);
    return 0;
}
