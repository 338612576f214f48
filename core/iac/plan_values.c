/* Plans without resource_changes: the instances of planned_values. They do not say what is unknown,
 * but leave it out: an argument that the configuration sets by reference and that has no value here
 * is taken as unknown. */
#include "plan_priv.h"

/* Arguments set by reference that have no value. */
static int add_unknown(struct plan *p, struct sco_iac_node *values,
                       const struct sco_iac_node *references)
{
    SCO_AUTO(iac_members) struct iac_members mirror = {0};
    struct iac_span at = {p->doc, values->pos, values->end};
    struct sco_iac_node all = {0};
    for (uint32_t i = 0; i < references->n; i++) {
        const struct sco_iac_member *m = &references->member[i];
        struct sco_str path = sco_str_make(m->key, m->key_n);
        if (plan_name_end(path, 0) != path.n)
            continue; /* inside a block */
        const struct sco_iac_node *v = plan_get(values, m->key, NULL);
        if (v && v->type != SCO_IAC_NULL)
            continue;
        int r = iac_member(p->s, &mirror, path, at.pos, iac_bool(true, at));
        if (r < 0)
            return r;
    }
    if (!mirror.n)
        return 0;
    int r = iac_map(p->s, &mirror, at, &all, NULL);
    return r < 0 ? r : plan_unknown(p, values, &all);
}

static int entry(struct plan *p, struct sco_iac_node *node, struct sco_str module_address)
{
    struct sco_iac_node *values = plan_get(node, p->key[K_VALUES], NULL),
                        *secret = plan_get(node, p->key[K_SENSITIVE_VALUES], NULL);
    if (!sco_iac_text(plan_get(node, p->key[K_ADDRESS], NULL)).n ||
        !sco_iac_text(plan_get(node, p->key[K_TYPE], NULL)).n || !sco_iac_is(values, SCO_IAC_MAP)) {
        p->n_malformed++;
        return 0;
    }
    if (secret)
        plan_sensitive(values, secret);
    struct plan_entry e = {.node = node, .module_address = module_address, .values = values};
    int r = plan_resource(p, &e);
    const struct sco_iac_node *references = plan_get(node, p->key[K_REFERENCES], NULL);
    return r < 0 ? r : add_unknown(p, plan_get(node, p->key[K_VALUES], NULL), references);
}

static int module(struct plan *p, const struct sco_iac_node *m)
{
    const struct sco_iac_node *resources = sco_iac_get(m, "resources"), *v;
    const struct sco_iac_node *children = sco_iac_get(m, "child_modules");
    struct sco_str address = sco_iac_text(plan_get(m, p->key[K_ADDRESS], NULL));
    if (!address.p)
        address = sco_str_make("", 0);
    for (size_t i = 0; (v = sco_iac_at(resources, i)); i++) {
        int r = entry(p, (struct sco_iac_node *)v, address);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; (v = sco_iac_at(children, i)); i++) {
        int r = module(p, v);
        if (r < 0)
            return r;
    }
    return 0;
}

int plan_values(struct plan *p, struct sco_iac_node *planned)
{
    const struct sco_iac_node *root = sco_iac_get(planned, "root_module");
    return root ? module(p, root) : 0;
}
