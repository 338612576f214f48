/* Entries of resource_changes: what is unknown and sensitive goes into `after`, what policies want
 * ready made beside it. The entry stays a part of the tree, so that pointers lead into the file. */
#include "plan_priv.h"

static bool has_action(const struct sco_iac_node *actions, const char *name)
{
    const struct sco_iac_node *v;
    for (size_t i = 0; (v = sco_iac_at(actions, i)); i++)
        if (sco_str_is(sco_iac_text(v), name))
            return true;
    return false;
}

/* ---- selectors, name ---- */
static const char *resource_name(struct plan *p, const struct sco_iac_node *node)
{
    struct sco_str address = sco_iac_text(plan_get(node, p->key[K_ADDRESS], NULL)),
                   deposed = sco_iac_text(plan_get(node, p->key[K_DEPOSED], NULL));
    if (!deposed.n)
        return address.p;
    return sco_arena_fmt(&p->scratch, "%s (deposed %s)", address.p, deposed.p);
}

/* Only what will exist is judged as what it is: the rest is a change and no more. */
static int add_resource(struct plan *p, const struct sco_iac_node *node, bool will_exist)
{
    struct sco_str type = sco_iac_text(plan_get(node, p->key[K_TYPE], NULL)),
                   mode = sco_iac_text(plan_get(node, p->key[K_MODE], NULL));
    const char *selectors[4] = {"terraform:change"}, *name = resource_name(p, node);
    char *special = sco_arena_fmt(&p->scratch, "terraform:%s", type.p);
    if (!special || !name)
        return SCO_E_NOMEM;
    if (will_exist) {
        selectors[1] = sco_str_is(mode, "data") ? "terraform:data" : "terraform:resource";
        selectors[2] = special;
    }
    return iac_resource(p->s, p->doc, selectors, type.p, name, node, UINT32_MAX, NULL);
}

/* ---- configuration ---- */
/* "[0]" or "[\"key\"]": what stands behind type.name in the address. */
static struct sco_str instance_key(struct plan *p, const struct sco_iac_node *node,
                                   struct sco_str module_address)
{
    struct sco_str none = {"", 0};
    struct sco_str s = sco_iac_text(plan_get(node, p->key[K_ADDRESS], NULL));
    size_t skip = module_address.n ? module_address.n + 1 : 0;
    if (skip >= s.n)
        return none;
    s = sco_str_make(s.p + skip, s.n - skip);
    size_t base = plan_resource_end(s), end = plan_key_end(s, base);
    return base ? sco_str_make(s.p + base, end - base) : none;
}

static int configuration(struct plan *p, const struct plan_entry *e, struct plan_args *ret)
{
    struct iac_span span = {p->doc, e->node->pos, e->node->end};
    struct sco_str type = sco_iac_text(plan_get(e->node, p->key[K_TYPE], NULL)),
                   name = sco_iac_text(plan_get(e->node, p->key[K_NAME], NULL)),
                   mode = sco_iac_text(plan_get(e->node, p->key[K_MODE], NULL));
    struct plan_module *m = plan_module(p, e->module_address);
    SCO_AUTO(sco_buf) struct sco_buf relative = {0};
    const struct sco_iac_node *config = NULL;
    sco_buf_addf(&relative, "%s%s.%s", sco_str_is(mode, "data") ? "data." : "", type.p,
                 name.p ? name.p : "");
    if (!m || relative.failed)
        return SCO_E_NOMEM;
    int r = plan_configuration(p, m, sco_buf_str(&relative), &config);
    if (r < 0 || config)
        return r < 0 ? r
                     : plan_args(p, m, config, instance_key(p, e->node, e->module_address), ret);
    struct iac_members none = {0};
    r = iac_map(p->s, &none, span, &ret->configured, NULL);
    ret->references = ret->configured;
    return r;
}

/* ---- the made members ---- */
struct made {
    struct sco_iac_member *v;
    uint32_t n;
    struct iac_span at;
};

static void put(struct plan *p, struct made *m, enum plan_key k, const struct sco_iac_node *v)
{
    struct sco_iac_member *to = &m->v[m->n++];
    to->key = p->key[k];
    to->key_n = (uint32_t)strlen(to->key);
    to->key_pos = m->at.pos;
    to->value = v ? *v : iac_null(m->at);
}

/* Planned values do not tell what will happen: unknown. */
static void put_flag(struct plan *p, struct made *m, enum plan_key k, const struct plan_entry *e,
                     bool value)
{
    struct sco_iac_node v = e->actions ? iac_bool(value, m->at) : iac_unknown(m->at);
    v.flags |= SCO_IAC_MADE;
    put(p, m, k, &v);
}

static bool will_exist(const struct plan_entry *e)
{
    static const char *const lasting[] = {"create", "update", "no-op", "read"};
    if (!e->actions || !e->actions->n)
        return e->values != NULL;
    for (size_t i = 0; i < SCO_ARRAY_LEN(lasting); i++)
        if (has_action(e->actions, lasting[i]))
            return true;
    return !has_action(e->actions, "delete") && !has_action(e->actions, "forget");
}

static void put_all(struct plan *p, struct made *m, const struct plan_entry *e,
                    const struct plan_args *args, bool exists)
{
    bool create = has_action(e->actions, "create"), gone = has_action(e->actions, "delete");
    bool left = gone || has_action(e->actions, "forget");
    struct sco_iac_node yes = iac_bool(exists, m->at);
    yes.flags |= SCO_IAC_MADE;
    if (e->actions) { /* else the entry has its values itself */
        put(p, m, K_ACTIONS, e->actions);
        put(p, m, K_VALUES, e->values);
        put(p, m, K_BEFORE, e->before);
    }
    put(p, m, K_WILL_EXIST, &yes);
    put_flag(p, m, K_IS_NEW, e, create && !left);
    put_flag(p, m, K_IS_REPLACED, e, create && left);
    put_flag(p, m, K_IS_DESTROYED, e, gone);
    put(p, m, K_CONFIGURED, &args->configured);
    put(p, m, K_REFERENCES, &args->references);
}

int plan_resource(struct plan *p, struct plan_entry *e)
{
    enum { MADE = 9 };
    struct plan_args args = {0};
    struct sco_iac_node *node = e->node;
    int r = configuration(p, e, &args);
    if (r < 0)
        return r;
    struct made m = {.n = 0, .at = {p->doc, node->pos, node->end}};
    m.v = sco_arena_alloc_raw(&p->s->arena, ((size_t)node->n + MADE) * sizeof *m.v);
    if (!m.v)
        return SCO_E_NOMEM;
    for (uint32_t i = 0; i < node->n; i++) { /* what is made goes before what only has its name */
        const char *key = node->member[i].key;
        if (!e->actions || (key != p->key[K_ACTIONS] && key != p->key[K_VALUES]))
            m.v[m.n++] = node->member[i];
    }
    bool exists = will_exist(e);
    put_all(p, &m, e, &args, exists);
    p->s->n_nodes += MADE;
    node->member = m.v;
    node->n = m.n;
    p->n_resources++;
    return add_resource(p, node, exists);
}

/* ---- entries ---- */
static bool is_null(const struct sco_iac_node *v)
{
    return !v || v->type == SCO_IAC_NULL;
}

/* Applies the mirrors of a change to its values. */
static int merge(struct plan *p, struct sco_iac_node *change, struct sco_iac_node **ret_after,
                 struct sco_iac_node **ret_before)
{
    struct sco_iac_node *after = plan_get(change, p->key[K_AFTER], NULL),
                        *before = plan_get(change, p->key[K_BEFORE], NULL),
                        *unknown = plan_get(change, p->key[K_AFTER_UNKNOWN], NULL),
                        *secret = plan_get(change, p->key[K_AFTER_SENSITIVE], NULL),
                        *secret_before = plan_get(change, p->key[K_BEFORE_SENSITIVE], NULL);
    int r = after && unknown ? plan_unknown(p, after, unknown) : 0;
    if (r < 0)
        return r;
    if (after && secret)
        plan_sensitive(after, secret);
    if (before && secret_before)
        plan_sensitive(before, secret_before);
    *ret_after = is_null(after) ? NULL : after;
    *ret_before = is_null(before) ? NULL : before;
    return 0;
}

static int entry(struct plan *p, struct sco_iac_node *node)
{
    struct sco_iac_node *change = plan_get(node, p->key[K_CHANGE], NULL),
                        *actions = plan_get(change, p->key[K_ACTIONS], NULL), *before = NULL;
    struct plan_entry e = {.node = node, .actions = actions};
    if (!sco_iac_text(plan_get(node, p->key[K_ADDRESS], NULL)).n ||
        !sco_iac_text(plan_get(node, p->key[K_TYPE], NULL)).n ||
        !sco_iac_is(actions, SCO_IAC_LIST)) {
        p->n_malformed++;
        return 0;
    }
    int r = merge(p, change, &e.values, &before);
    if (r < 0)
        return r;
    e.before = before;
    e.module_address = sco_iac_text(plan_get(node, p->key[K_MODULE_ADDRESS], NULL));
    if (!e.module_address.p)
        e.module_address = sco_str_make("", 0);
    return plan_resource(p, &e);
}

int plan_changes(struct plan *p, struct sco_iac_node *list)
{
    if (list->type != SCO_IAC_LIST) {
        p->n_malformed++;
        return 0;
    }
    for (uint32_t i = 0; i < list->n; i++) {
        int r = entry(p, (struct sco_iac_node *)&list->item[i]);
        if (r < 0)
            return r;
    }
    return 0;
}
