/* Package findings: same package, same file, and an id in common. One tool's list of ids may bridge
 * two others. Each (package, file, id) leads to the first finding that has it. */
#include "correlate_priv.h"

#include <stdlib.h>

struct entry {
    uint64_t hash; /* 0: free */
    const char *id;
    uint32_t finding;
};

struct index {
    struct entry *v;
    size_t n, cap;
    struct sco_buf a, b;
    bool failed;
};

static int grow(struct index *x)
{
    size_t cap = x->cap ? x->cap * 2 : 4096;
    struct entry *v = sco_alloc(cap, sizeof *v);
    if (!v)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < x->cap; i++) {
        if (!x->v[i].hash)
            continue;
        size_t j = x->v[i].hash & (cap - 1);
        while (v[j].hash)
            j = (j + 1) & (cap - 1);
        v[j] = x->v[i];
    }
    free(x->v);
    x->v = v;
    x->cap = cap;
    return 0;
}

static bool same_package(struct index *x, const struct sco_package *a, const struct sco_package *b)
{
    if (a == b)
        return true;
    sco_buf_clear(&x->b);
    finding_package_key(&x->b, b); /* a's key is in x->a */
    x->failed |= x->b.failed;
    return sco_str_eq(sco_buf_str(&x->a), sco_buf_str(&x->b));
}

static int put(struct correlation *c, struct index *x, uint32_t i, uint64_t base, const char *id)
{
    const struct sco_finding *f = &c->s->v[i];
    if (x->n * 4 >= x->cap * 3 && grow(x) < 0)
        return SCO_E_NOMEM;
    uint64_t hash = sco_hash(id, strlen(id), base) | 1;
    size_t at = hash & (x->cap - 1);
    for (; x->v[at].hash; at = (at + 1) & (x->cap - 1)) {
        const struct sco_finding *o = &c->s->v[x->v[at].finding];
        if (x->v[at].hash == hash && strcmp(x->v[at].id, id) == 0 &&
            finding_str_compare(f->file_path, o->file_path) == 0 &&
            same_package(x, f->package, o->package)) {
            cluster_join(c, x->v[at].finding, i);
            return 0;
        }
    }
    x->v[at] = (struct entry){hash, id, i};
    x->n++;
    return 0;
}

static int add(struct correlation *c, struct index *x, uint32_t i)
{
    const struct sco_finding *f = &c->s->v[i];
    sco_buf_clear(&x->a);
    finding_package_key(&x->a, f->package);
    uint64_t base = sco_hash(x->a.p, x->a.n, c->seed);
    if (f->file_path) /* no path is not the same as some path */
        base = sco_hash(f->file_path, strlen(f->file_path), base ^ 1);
    int r = 0;
    if (f->cve_id)
        r = put(c, x, i, base, f->cve_id);
    for (uint32_t k = 0; r == 0 && f->aliases && k < f->aliases->n; k++)
        r = put(c, x, i, base, f->aliases->v[k]);
    if (r == 0 && !f->cve_id && !f->aliases)
        r = put(c, x, i, base, f->rule_id);
    return r ? r : (x->a.failed || x->failed) ? SCO_E_NOMEM : 0;
}

int correlate_packages(struct correlation *c)
{
    struct index x = {0};
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < c->s->n; i++)
        if (c->s->v[i].type == SCO_TYPE_SCA)
            r = add(c, &x, i);
    free(x.v);
    sco_buf_done(&x.a);
    sco_buf_done(&x.b);
    return r;
}
