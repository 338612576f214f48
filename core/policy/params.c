/* Parameters of policies: defaults of the policy, values of the configuration. Scripts read them as
 * nodes that belong to no document, so that nobody can change them. */
#include "policy_priv.h"
#include <secureops/json.h>

static int convert(struct sco_arena *a, const struct sco_node *v, struct sco_iac_node *ret);

static int convert_children(struct sco_arena *a, const struct sco_node *v, struct sco_iac_node *ret)
{
    bool map = v->type == SCO_NODE_MAP;
    struct sco_iac_member *m = map ? sco_arena_alloc(a, (v->n + 1) * sizeof *m) : NULL;
    struct sco_iac_node *items = map ? NULL : sco_arena_alloc(a, (v->n + 1) * sizeof *items);
    if (!m && !items)
        return SCO_E_NOMEM;
    ret->type = map ? SCO_IAC_MAP : SCO_IAC_LIST;
    for (const struct sco_node *c = v->child; c; c = c->next) {
        int r = convert(a, c, map ? &m[ret->n].value : &items[ret->n]);
        if (r < 0)
            return r;
        if (map) {
            m[ret->n].key = sco_arena_cstr(a, c->key);
            m[ret->n].key_n = (uint32_t)c->key.n;
            if (!m[ret->n].key)
                return SCO_E_NOMEM;
        }
        ret->n++;
    }
    if (map)
        ret->member = m;
    else
        ret->item = items;
    return 0;
}

static int convert(struct sco_arena *a, const struct sco_node *v, struct sco_iac_node *ret)
{
    *ret = (struct sco_iac_node){.doc = UINT32_MAX};
    struct sco_str s;
    switch (v->type) {
    case SCO_NODE_BOOL:
        ret->type = SCO_IAC_BOOL;
        ret->i = v->i;
        return 0;
    case SCO_NODE_INT:
        ret->type = SCO_IAC_INT;
        ret->i = v->i;
        return 0;
    case SCO_NODE_REAL:
        ret->type = SCO_IAC_REAL;
        return sco_parse_real(v->text, &ret->real) < 0 ? SCO_E_INVALID : 0;
    case SCO_NODE_STR:
        s = sco_arena_str(a, v->text);
        ret->type = SCO_IAC_STR;
        ret->text = s.p;
        ret->n = (uint32_t)s.n;
        return s.p ? 0 : SCO_E_NOMEM;
    case SCO_NODE_LIST:
    case SCO_NODE_MAP:
        return convert_children(a, v, ret);
    default:
        ret->type = SCO_IAC_NULL;
        return 0;
    }
}

static const struct sco_node *member(const struct sco_node *map, struct sco_str key)
{
    for (const struct sco_node *c = map->child; c; c = c->next)
        if (sco_str_eq(c->key, key))
            return c;
    return NULL;
}

static bool same_type(const struct sco_node *a, const struct sco_node *b)
{
    bool number_a = a->type == SCO_NODE_INT || a->type == SCO_NODE_REAL;
    bool number_b = b->type == SCO_NODE_INT || b->type == SCO_NODE_REAL;
    return a->type == b->type || (number_a && number_b);
}

/* Checks the values against the defaults. */
static int check(const struct sco_policy *policy, const struct sco_node *defaults,
                 const struct sco_node *values, struct sco_error *err)
{
    if (values->type != SCO_NODE_MAP)
        return sco_error_set(err, SCO_E_INVALID, "parameters of '%s' are not a map", policy->id);
    const char *names[64];
    size_t n = 0;
    for (const struct sco_node *c = defaults->child; c && n < SCO_ARRAY_LEN(names); c = c->next)
        names[n++] = c->key.p;
    for (const struct sco_node *c = values->child; c; c = c->next) {
        const struct sco_node *d = member(defaults, c->key);
        const char *near = d ? NULL : sco_str_nearest(c->key, names, n);
        if (!d && near)
            return sco_error_set(err, SCO_E_INVALID,
                                 "policy '%s' has no parameter '%.*s': did you mean '%s'?",
                                 policy->id, (int)c->key.n, c->key.p, near);
        if (!d)
            return sco_error_set(err, SCO_E_INVALID, "policy '%s' has no parameter '%.*s'",
                                 policy->id, (int)c->key.n, c->key.p);
        if (!same_type(d, c))
            return sco_error_set(
                err, SCO_E_INVALID,
                "parameter '%.*s' of policy '%s' has another type than its default", (int)c->key.n,
                c->key.p, policy->id);
    }
    return 0;
}

/* Puts values over the defaults of a policy. */
static int set(struct sco_policies *p, size_t i, const struct sco_node *values,
               struct sco_error *err)
{
    struct sco_arena *a = &p->arena;
    const struct sco_node *defaults = NULL;
    int r = sco_json_parse(sco_str_c(p->policies[i].params), a, &defaults, err);
    if (r < 0)
        return r;
    r = values ? check(&p->policies[i], defaults, values, err) : 0;
    if (r < 0)
        return r;
    struct sco_iac_node *root = sco_arena_alloc(a, sizeof *root);
    struct sco_iac_member *m = sco_arena_alloc(a, (defaults->n + 1) * sizeof *m);
    if (!root || !m)
        return sco_error_nomem(err);
    *root = (struct sco_iac_node){.type = SCO_IAC_MAP, .doc = UINT32_MAX, .member = m};
    for (const struct sco_node *d = defaults->child; d; d = d->next) {
        const struct sco_node *v = values ? member(values, d->key) : NULL;
        m[root->n].key = sco_arena_cstr(a, d->key);
        m[root->n].key_n = (uint32_t)d->key.n;
        r = m[root->n].key ? convert(a, v ? v : d, &m[root->n].value) : SCO_E_NOMEM;
        if (r < 0)
            return r == SCO_E_NOMEM
                       ? sco_error_nomem(err)
                       : sco_error_set(err, r, "parameters of '%s': bad number", p->policies[i].id);
        root->n++;
    }
    p->entries[i].params = root;
    return 0;
}

int pl_params_set(struct sco_policies *p, size_t policy, const char *json, struct sco_error *err)
{
    const struct sco_node *values = NULL;
    int r = json ? sco_json_parse(sco_str_c(json), &p->arena, &values, err) : 0;
    return r < 0 ? r : set(p, policy, values, err);
}

int pl_params_version(struct sco_policies *p, size_t policy, const char *name, const char *value,
                      struct sco_error *err)
{
    const struct sco_iac_node *old = p->entries[policy].params;
    struct sco_iac_node *root = sco_arena_alloc(&p->arena, sizeof *root);
    struct sco_iac_member *m = sco_arena_alloc(&p->arena, (old->n + 1) * sizeof *m);
    const char *text = sco_arena_cstr(&p->arena, sco_str_c(value));
    if (!root || !m || !text)
        return sco_error_nomem(err);
    *root = *old;
    root->member = m;
    for (uint32_t i = 0; i < old->n; i++) {
        m[i] = old->member[i];
        if (strcmp(m[i].key, name) != 0)
            continue;
        if (m[i].value.type != SCO_IAC_STR)
            return sco_error_set(err, SCO_E_INVALID,
                                 "parameter '%s' of policy '%s' is no text: it cannot be a version",
                                 name, p->policies[policy].id);
        m[i].value.text = text;
        m[i].value.n = (uint32_t)strlen(text);
    }
    p->entries[policy].params = root;
    return 0;
}

int pl_params_apply(struct sco_policies *p, const char *json, struct sco_error *err)
{
    for (size_t i = 0; i < p->n_policies; i++) {
        int r = set(p, i, NULL, err);
        if (r < 0)
            return r;
    }
    const struct sco_node *root = NULL;
    int r = json ? sco_json_parse(sco_str_c(json), &p->arena, &root, err) : 0;
    if (r < 0 || !json)
        return r;
    if (root->type != SCO_NODE_MAP)
        return sco_error_set(err, SCO_E_INVALID, "policy parameters are not a map");
    for (const struct sco_node *c = root->child; c; c = c->next) {
        const struct sco_policy *policy = pl_find_id(p, c->key);
        if (!policy)
            policy = sco_policies_find(p, c->key);
        if (!policy)
            return sco_error_set(err, SCO_E_INVALID, "parameters for '%.*s': no such policy",
                                 (int)c->key.n, c->key.p);
        r = set(p, (size_t)(policy - p->policies), c, err);
        if (r < 0)
            return r;
    }
    return 0;
}
