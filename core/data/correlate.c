/* One finding for what several tools say about one weakness: union-find over the whole scan, then a
 * merge of each cluster. The result does not depend on the order of the input. */
#include "correlate_priv.h"

#include <stdlib.h>

uint32_t cluster_root(struct correlation *c, uint32_t i)
{
    while (c->parent[i] != i) {
        c->parent[i] = c->parent[c->parent[i]];
        i = c->parent[i];
    }
    return i;
}

/* The smaller index becomes the root, so that clusters do not depend on who asked first. */
void cluster_join(struct correlation *c, uint32_t a, uint32_t b)
{
    a = cluster_root(c, a);
    b = cluster_root(c, b);
    if (a == b)
        return;
    uint32_t root = a < b ? a : b, other = a < b ? b : a;
    c->parent[other] = root;
    c->joined = true;
    if (c->tools) {
        c->tools[root] |= c->tools[other];
        c->low[root] = c->low[other] < c->low[root] ? c->low[other] : c->low[root];
        c->high[root] = c->high[other] > c->high[root] ? c->high[other] : c->high[root];
    }
}

bool cluster_try(struct correlation *c, uint32_t a, uint32_t b, bool span)
{
    a = cluster_root(c, a);
    b = cluster_root(c, b);
    if (a == b || !c->tools[a] || !c->tools[b] || (c->tools[a] & c->tools[b]))
        return false;
    int64_t low = c->low[a] < c->low[b] ? c->low[a] : c->low[b];
    int64_t high = c->high[a] > c->high[b] ? c->high[a] : c->high[b];
    if (span && high - low > CORRELATE_LINES)
        return false;
    cluster_join(c, a, b);
    return true;
}

/* ---- tools ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One look at each finding; *names gets the names of the tools. The last name seen is the usual
 * hit: the pool has each text once. */
static int look_at_all(struct correlation *c, struct sco_map *names)
{
    const char *last = NULL;
    for (uint32_t i = 0; i < c->s->n; i++) {
        struct sco_finding *f = &c->s->v[i];
        c->parent[i] = i;
        f->occurrences += !f->occurrences;
        c->has_packages |= f->type == SCO_TYPE_SCA;
        for (uint32_t k = 0; f->tools && k < f->tools->n; k++) {
            const char *name = f->tools->v[k]->name;
            if (name != last && !sco_map_put(names, sco_str_c(name), NULL))
                return SCO_E_NOMEM;
            last = name;
        }
    }
    c->n_tools = names->n;
    return 0;
}

/* Sorted names of all tools; they stay the map's. */
static const char **sort_names(const struct sco_map *m)
{
    const char **names = sco_alloc(m->n, sizeof *names);
    struct sco_str key;
    size_t n = 0;
    for (size_t pos = 0; names && sco_map_next(m, &pos, &key, NULL);)
        names[n++] = key.p; /* NUL-terminated */
    if (names)
        qsort(names, n, sizeof *names, by_name);
    return names;
}

static uint64_t tool_bits(const struct correlation *c, const char **names,
                          const struct sco_tools *t)
{
    uint64_t bits = 0;
    for (uint32_t k = 0; t && k < t->n; k++) {
        const char **at = bsearch(&t->v[k]->name, names, c->n_tools, sizeof *names, by_name);
        size_t rank = at ? (size_t)(at - names) : CORRELATE_TOOLS_MAX;
        if (rank >= CORRELATE_TOOLS_MAX)
            return 0;
        bits |= 1ull << rank;
    }
    return bits;
}

/* Only when there are two tools or more: with one, nothing can merge by place. */
static int set_tools(struct correlation *c, const struct sco_map *m)
{
    const struct sco_tools *last = NULL;
    uint64_t bits = 0;
    if (c->n_tools < 2)
        return 0;
    SCO_AUTO(sco_free) const char **names = sort_names(m);
    c->tools = sco_alloc(c->s->n, sizeof *c->tools);
    c->low = sco_alloc(c->s->n, sizeof *c->low);
    c->high = sco_alloc(c->s->n, sizeof *c->high);
    if (!names || !c->tools || !c->low || !c->high)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < c->s->n; i++) {
        const struct sco_finding *f = &c->s->v[i];
        if (f->tools != last)
            bits = tool_bits(c, names, f->tools);
        last = f->tools;
        c->tools[i] = bits;
        c->low[i] = c->high[i] = f->line;
    }
    return 0;
}

/* ---- merge ---- */

/* The canonical id decides the fingerprint of a package finding: a CVE before a GHSA before others.
 */
static int id_class(const struct sco_finding *f)
{
    if (f->type != SCO_TYPE_SCA)
        return 0;
    return f->cve_id ? 1 : sco_str_starts(finding_vuln_id(f), "GHSA-") ? 2 : 3;
}

static int by_primary(const void *pa, const void *pb)
{
    const struct sco_finding *a = *(const struct sco_finding *const *)pa;
    const struct sco_finding *b = *(const struct sco_finding *const *)pb;
    int c = id_class(a) - id_class(b);
    if (!c && a->type == SCO_TYPE_SCA)
        c = sco_str_cmp(finding_vuln_id(a), finding_vuln_id(b));
    c = c ? c : finding_compare(a, b);
    return c ? c : memcmp(a->fingerprint, b->fingerprint, SCO_FINGERPRINT_LEN);
}

/* Chains the members of each cluster behind its root: next[i] is the one after i, or i itself. */
static int merge_clusters(struct correlation *c)
{
    const struct merger m = {.pool = c->s->pool};
    SCO_AUTO(sco_free) uint32_t *next = sco_alloc(c->s->n, sizeof *next);
    SCO_AUTO(sco_free) struct sco_finding **v = NULL;
    size_t cap = 0;
    int r = next ? 0 : SCO_E_NOMEM;
    for (uint32_t i = 0; r == 0 && i < c->s->n; i++) {
        uint32_t root = cluster_root(c, i);
        next[i] = i;
        if (root != i) { /* roots come first: they have the smallest index */
            next[i] = next[root] == root ? i : next[root];
            next[root] = i;
        }
    }
    for (uint32_t i = 0; r == 0 && i < c->s->n; i++) {
        size_t n = 0;
        if (c->parent[i] != i || next[i] == i)
            continue;
        for (uint32_t at = i;; at = next[at]) {
            r = PUSH_POINTER(v, n, cap);
            if (r < 0)
                break;
            v[n++] = &c->s->v[at];
            if (next[at] == at)
                break;
        }
        if (r < 0)
            break;
        qsort(v, n, sizeof(void *), by_primary);
        r = finding_merge(&m, v, n);
        v[0]->risk_score = (float)sco_risk_score(v[0], NULL);
    }
    findings_compact(c->s);
    return r;
}

static int correlate(struct correlation *c)
{
    SCO_AUTO(sco_map) struct sco_map names = {0};
    c->parent = sco_alloc(c->s->n, sizeof *c->parent);
    if (!c->parent)
        return SCO_E_NOMEM;
    int r = look_at_all(c, &names);
    r = r ? r : set_tools(c, &names);
    if (r == 0 && c->has_packages)
        r = correlate_packages(c);
    if (r == 0 && c->tools)
        r = correlate_places(c);
    free(c->tools); /* before the merge, which needs memory of its own */
    free(c->low);
    free(c->high);
    c->tools = NULL;
    return r == 0 && c->joined ? merge_clusters(c) : r;
}

int sco_findings_correlate(struct sco_finding_set *s, struct sco_error *err)
{
    struct correlation c = {.s = s};
    if (s->n >= UINT32_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "too many findings");
    if (sco_random(&c.seed, sizeof c.seed) < 0)
        return sco_error_set(err, SCO_E_INTERNAL, "no random bytes");
    int r = correlate(&c);
    free(c.parent);
    return r < 0 ? sco_error_nomem(err) : 0;
}
