/* Alerts of the API, which gives each place as an alert of its own, put together as ZAP's reports
 * do: by site, rule and name. Texts are kept once for each group. */
#include "zap_priv.h"

struct group {
    struct alert a;
    struct instance *v;
    size_t cap;
    size_t hash;
};

struct zap_groups {
    struct zap *z;
    struct group **slots; /* by site, rule and name */
    size_t n_slots;
    struct group **order; /* as they came */
    size_t n;
    uint64_t alerts;
};

struct zap_groups *zap_groups_new(struct zap *z)
{
    struct zap_groups *g = z->h->alloc(z->h, sizeof *g);
    if (!g)
        return NULL;
    g->z = z;
    g->n_slots = 131072; /* a power of 2 above twice ZAP_GROUPS_MAX */
    g->slots = z->h->alloc(z->h, g->n_slots * sizeof(struct group *));
    g->order = z->h->alloc(z->h, ZAP_GROUPS_MAX * sizeof(struct group *));
    return g->slots && g->order ? g : NULL;
}

static size_t hash_of(const struct zap_groups *g, const struct alert *a)
{
    const struct sco_str parts[] = {a->ref, a->plugin_id, a->name, a->site};
    uint64_t h = 14695981039346656037u ^ ((uint64_t)(uintptr_t)g >> 4);
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i <= parts[k].n; i++) /* one more: the end counts */
            h = (h ^ (i < parts[k].n ? (unsigned char)parts[k].p[i] : 0u)) * 1099511628211u;
    return (size_t)(h ^ (h >> 29));
}

static int same(const struct alert *a, const struct alert *b)
{
    return sco_str_eq(a->ref, b->ref) && sco_str_eq(a->plugin_id, b->plugin_id) &&
           sco_str_eq(a->name, b->name) && sco_str_eq(a->site, b->site);
}

static struct sco_str keep(const struct sco_host *h, struct sco_str s, size_t max)
{
    if (s.n > max)
        s.n = max;
    const char *p = s.n ? sco_cstr(h, s) : NULL;
    return sco_str_make(p, p ? s.n : 0);
}

static struct group *new_group(struct zap_groups *g, const struct alert *a)
{
    const struct sco_host *h = g->z->h;
    struct group *made = h->alloc(h, sizeof *made);
    if (!made)
        return NULL;
    made->a = *a;
    struct sco_str *const texts[] = {&made->a.plugin_id, &made->a.ref,        &made->a.name,
                                     &made->a.risk,      &made->a.confidence, &made->a.description,
                                     &made->a.solution,  &made->a.other,      &made->a.reference,
                                     &made->a.cwe,       &made->a.wasc,       &made->a.site};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = keep(h, *texts[i], 16384);
    return made;
}

static int add_instance(const struct sco_host *h, struct group *g, const struct instance *i)
{
    if (g->a.n_total++ >= ZAP_INSTANCES_MAX)
        return 0;
    if (g->a.n_instances == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 4;
        struct instance *v = h->alloc(h, cap * sizeof *v);
        if (!v)
            return SCO_E_NOMEM;
        if (g->a.n_instances)
            memcpy(v, g->v, g->a.n_instances * sizeof *v);
        g->v = v;
        g->cap = cap;
    }
    struct instance *slot = &g->v[g->a.n_instances++];
    slot->url = keep(h, i->url, 4096);
    slot->method = keep(h, i->method, 32);
    slot->param = keep(h, i->param, 1024);
    slot->attack = keep(h, i->attack, 1024);
    slot->evidence = keep(h, i->evidence, 1024);
    g->a.instances = g->v;
    return 0;
}

int zap_groups_add(struct zap_groups *g, const struct sco_node *node)
{
    const struct sco_host *h = g->z->h;
    struct instance i = {.url = sco_text(sco_get(node, "url")),
                         .method = sco_text(sco_get(node, "method")),
                         .param = sco_text(sco_get(node, "param")),
                         .attack = sco_text(sco_get(node, "attack")),
                         .evidence = sco_text(sco_get(node, "evidence"))};
    struct sco_str name = sco_text(sco_get(node, "name"));
    struct alert a = {.plugin_id = sco_text(sco_get(node, "pluginId")),
                      .ref = sco_text(sco_get(node, "alertRef")),
                      .name = name.n ? name : sco_text(sco_get(node, "alert")),
                      .risk = sco_text(sco_get(node, "risk")),
                      .confidence = sco_text(sco_get(node, "confidence")),
                      .description = sco_text(sco_get(node, "description")),
                      .solution = sco_text(sco_get(node, "solution")),
                      .other = sco_text(sco_get(node, "other")),
                      .reference = sco_text(sco_get(node, "reference")),
                      .cwe = sco_text(sco_get(node, "cweid")),
                      .wasc = sco_text(sco_get(node, "wascid")),
                      .site = zap_site_of(i.url)};
    if ((!a.plugin_id.n && !a.ref.n) || !a.name.n || !a.site.n)
        return REP_UNUSABLE;
    if (g->alerts++ >= ZAP_ALERTS_MAX)
        return SCO_E_LIMIT;
    size_t hash = hash_of(g, &a), at = hash & (g->n_slots - 1);
    while (g->slots[at] && !(g->slots[at]->hash == hash && same(&g->slots[at]->a, &a)))
        at = (at + 1) & (g->n_slots - 1);
    if (!g->slots[at]) {
        if (g->n == ZAP_GROUPS_MAX)
            return SCO_E_LIMIT;
        if (!(g->slots[at] = new_group(g, &a)))
            return SCO_E_NOMEM;
        g->slots[at]->hash = hash;
        g->order[g->n++] = g->slots[at];
    }
    return add_instance(h, g->slots[at], &i);
}

int zap_groups_report(struct zap_groups *g, struct rep_doc *doc)
{
    for (size_t i = 0; i < g->n; i++) {
        int r = zap_report(g->z, doc, &g->order[i]->a);
        if (r < 0)
            return r;
    }
    return 0;
}
