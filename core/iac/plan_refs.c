/* What the configuration says of a resource's arguments: which are set, and to what they refer.
 *
 * References are written relative to their module and without instance keys; they become full
 * addresses here. A variable is followed to the argument of the module call, an output into the
 * module, each.value to the expression of for_each. Locals are not in the JSON: they stay names. */
#include "plan_priv.h"

/* Where a list of references is read: the module, and what each.* and count.index belong to. */
struct scope {
    struct plan_module *module;
    const struct sco_iac_node *owner; /* resource or module call; NULL: of an output */
    struct sco_str index;             /* "[0]" of that; or empty */
};

struct refs {
    struct plan *p;
    struct iac_items items; /* of the argument that is read */
    struct iac_members references, configured;
    struct sco_buf path, text;
    size_t last_start, last_n; /* of the list that was made last */
    struct sco_iac_node last;
    uint32_t steps; /* references looked at for the argument, also those that said nothing new */
    bool per_instance;
};

static bool starts(struct sco_str s, const char *z)
{
    size_t n = strlen(z);
    return s.n >= n && memcmp(s.p, z, n) == 0;
}

static struct sco_str head(struct sco_str s, size_t n)
{
    return sco_str_make(s.p, n);
}

/* ---- one reference ---- */
/* Adds the text in r->text, unless one of the last few says the same. */
static int add(struct refs *r, const struct sco_iac_node *at)
{
    struct sco_str text = sco_buf_str(&r->text);
    if (r->text.failed)
        return SCO_E_NOMEM;
    if (r->items.n - r->last_start >= PLAN_REFERENCES_MAX) {
        r->p->references_cut = true;
        return 0;
    }
    for (size_t i = r->items.n; i-- > r->last_start && r->items.n - i < 16;)
        if (sco_str_eq(sco_iac_text(&r->items.v[i]), text))
            return 0;
    struct sco_iac_node v = {0};
    int e = iac_str(r->p->s, text, (struct iac_span){at->doc, at->pos, at->end}, &v);
    if (e < 0)
        return e;
    v.flags |= SCO_IAC_MADE;
    return iac_item(&r->items, v);
}

/* "module.a." before what is written relative to the module. */
static void begin(struct refs *r, const struct plan_module *m)
{
    sco_buf_clear(&r->text);
    sco_buf_add(&r->text, m->address);
    if (m->address.n)
        sco_buf_addc(&r->text, '.');
}

static int add_relative(struct refs *r, const struct scope *sc, struct sco_str text,
                        const struct sco_iac_node *at)
{
    begin(r, sc->module);
    sco_buf_add(&r->text, text);
    return add(r, at);
}

static int follow(struct refs *r, const struct scope *sc, const struct sco_iac_node *expression,
                  uint32_t depth);

/* var.NAME: what the module call passes. */
static int follow_variable(struct refs *r, const struct scope *sc, struct sco_str name,
                           uint32_t depth)
{
    const struct plan_module *m = sc->module;
    if (!m->parent || !m->call)
        return 0;
    struct scope up = {m->parent, m->call, m->key};
    return follow(r, &up, sco_iac_get_str(sco_iac_get(m->call, "expressions"), name), depth);
}

/* module.NAME[KEY].OUTPUT: what the module gives. */
static int follow_output(struct refs *r, const struct scope *sc, struct sco_str text,
                         uint32_t depth)
{
    struct sco_str rest = text, name, key;
    if (!plan_module_step(&rest, &name, &key) || !rest.n ||
        plan_name_end(rest, 0) != rest.n) /* only the shortest of its prefixes */
        return 0;
    begin(r, sc->module);
    sco_buf_add(&r->text, head(text, text.n - rest.n - 1));
    struct sco_str address = sco_arena_str(&r->p->scratch, sco_buf_str(&r->text));
    if (r->text.failed || !address.p)
        return SCO_E_NOMEM;
    struct scope down = {.module = plan_module(r->p, address)};
    if (!down.module)
        return SCO_E_NOMEM;
    const struct sco_iac_node *outputs = sco_iac_get(down.module->config, "outputs");
    return follow(r, &down, sco_iac_get(sco_iac_get_str(outputs, rest), "expression"), depth);
}

/* A resource without instance key, in an expression that also speaks of each.key or count.index:
 * Terraform writes aws_x.y[each.key].id so. True when it has instances and the key is known. */
static int own_instance(struct refs *r, const struct scope *sc, struct sco_str base, bool *ret)
{
    const struct sco_iac_node *config;
    int e = plan_configuration(r->p, sc->module, base, &config);
    if (e < 0)
        return e;
    *ret = sc->index.n &&
           (sco_iac_get(config, "for_each_expression") || sco_iac_get(config, "count_expression"));
    return 0;
}

/* `before`: the reference before it in its list, which may be a longer form of it. */
static int resource(struct refs *r, const struct scope *sc, const struct sco_iac_node *at,
                    struct sco_str before, bool by_instance)
{
    struct sco_str text = sco_iac_text(at);
    size_t base = plan_resource_end(text), key = plan_key_end(text, base);
    bool own = false;
    if (!base)
        return 0;
    if (key == base && before.n > base && before.p[base] == '[' &&
        memcmp(before.p, text.p, base) == 0)
        return 0; /* "aws_x.y" behind "aws_x.y[0]": not all of them */
    int e = by_instance && key == base ? own_instance(r, sc, head(text, base), &own) : 0;
    if (e < 0)
        return e;
    begin(r, sc->module);
    sco_buf_add(&r->text, head(text, key));
    if (own)
        sco_buf_add(&r->text, sc->index);
    size_t n = r->text.n;
    if (key < text.n) { /* the attribute too, before the resource itself */
        sco_buf_add(&r->text, sco_str_make(text.p + key, text.n - key));
        if ((e = add(r, at)) < 0)
            return e;
        r->text.n = n;
    }
    return add(r, at);
}

static int reference(struct refs *r, const struct scope *sc, const struct sco_iac_node *at,
                     struct sco_str before, bool by_instance, uint32_t depth)
{
    struct sco_str text = sco_iac_text(at);
    int e;
    if (starts(text, "each.") || starts(text, "count.")) {
        sco_buf_clear(&r->text);
        sco_buf_add(&r->text, text);
        if ((e = add(r, at)) < 0 || !starts(text, "each.value"))
            return e;
        return follow(r, sc, sco_iac_get(sc->owner, "for_each_expression"), depth);
    }
    if (starts(text, "var.")) {
        struct sco_str name = sco_str_make(text.p + 4, text.n - 4);
        if ((e = add_relative(r, sc, text, at)) < 0 || plan_name_end(name, 0) != name.n)
            return e;
        return follow_variable(r, sc, name, depth);
    }
    if (starts(text, "module.")) {
        if ((e = add_relative(r, sc, text, at)) < 0)
            return e;
        return follow_output(r, sc, text, depth);
    }
    if (starts(text, "local."))
        return add_relative(r, sc, text, at);
    if (starts(text, "path.") || starts(text, "terraform.") || starts(text, "self."))
        return 0;
    return resource(r, sc, at, before, by_instance);
}

static int follow(struct refs *r, const struct scope *sc, const struct sco_iac_node *expression,
                  uint32_t depth)
{
    const struct sco_iac_node *list = sco_iac_get(expression, "references"), *at;
    bool by_instance = false;
    struct sco_str before = {"", 0};
    if (depth > PLAN_FOLLOW_MAX) {
        r->p->references_cut = true;
        return 0;
    }
    for (size_t i = 0; (at = sco_iac_at(list, i)); i++) {
        struct sco_str t = sco_iac_text(at);
        by_instance |= starts(t, "each.key") || starts(t, "each.value") || starts(t, "count.index");
    }
    r->per_instance |= by_instance;
    for (size_t i = 0; (at = sco_iac_at(list, i)); i++) {
        if (++r->steps > PLAN_STEPS_MAX) {
            r->p->references_cut = true;
            return 0;
        }
        int e = reference(r, sc, at, before, by_instance, depth + 1);
        if (e < 0)
            return e;
        before = sco_iac_text(at);
    }
    return 0;
}

/* ---- the arguments of a resource ---- */
/* What r->items has from `start` on becomes the references of the path. */
static int list_at_path(struct refs *r, size_t start, const struct sco_iac_node *at)
{
    size_t n = r->items.n - start;
    if (!n)
        return 0;
    if (start != r->last_start || n != r->last_n) { /* else a block of one argument: the same */
        struct iac_span span = {at->doc, at->pos, at->end};
        int e = iac_seal_list(r->p->s, r->items.v + start, n, span, &r->last);
        if (e < 0)
            return e;
        r->last.flags |= SCO_IAC_MADE;
        r->last_start = start;
        r->last_n = n;
    }
    return iac_member(r->p->s, &r->references, sco_buf_str(&r->path), at->pos, r->last);
}

static bool is_expression(const struct sco_iac_node *v)
{
    return v->type == SCO_IAC_MAP && (!v->n || sco_iac_get(v, "constant_value") ||
                                      sco_iac_is(sco_iac_get(v, "references"), SCO_IAC_LIST));
}

static int argument(struct refs *r, const struct scope *sc, const struct sco_iac_node *v)
{
    struct sco_iac_node yes = iac_bool(true, (struct iac_span){v->doc, v->pos, v->end});
    size_t start = r->items.n, path = r->path.n;
    yes.flags |= SCO_IAC_MADE;
    int e = r->path.failed
                ? SCO_E_NOMEM
                : iac_member(r->p->s, &r->configured, sco_buf_str(&r->path), v->pos, yes);
    if (e == 0 && is_expression(v)) {
        r->last_start = start; /* what add() looks back to */
        r->last_n = 0;
        r->steps = 0;
        e = follow(r, sc, v, 0);
    } else if (v->type == SCO_IAC_MAP || v->type == SCO_IAC_LIST) {
        for (uint32_t i = 0; e == 0 && i < v->n; i++) {
            if (v->type == SCO_IAC_MAP)
                sco_buf_addf(&r->path, ".%s", v->member[i].key);
            else
                sco_buf_addf(&r->path, "[%u]", i);
            e = argument(r, sc, v->type == SCO_IAC_MAP ? &v->member[i].value : &v->item[i]);
            r->path.n = path;
        }
    }
    return e < 0 ? e : list_at_path(r, start, v);
}

static int arguments(struct refs *r, const struct scope *sc, const struct sco_iac_node *config,
                     struct plan_args *ret)
{
    const struct sco_iac_node *all = sco_iac_get(config, "expressions");
    struct iac_span span = {r->p->doc, config->pos, config->end};
    int e = 0;
    for (uint32_t i = 0; e == 0 && sco_iac_is(all, SCO_IAC_MAP) && i < all->n; i++) {
        sco_buf_clear(&r->path);
        sco_buf_add(&r->path, sco_str_make(all->member[i].key, all->member[i].key_n));
        r->items.n = r->last_start = r->last_n = 0;
        e = argument(r, sc, &all->member[i].value);
    }
    if (e == 0)
        e = iac_map(r->p->s, &r->configured, span, &ret->configured, NULL);
    if (e == 0)
        e = iac_map(r->p->s, &r->references, span, &ret->references, NULL);
    ret->configured.flags |= SCO_IAC_MADE;
    ret->references.flags |= SCO_IAC_MADE;
    ret->per_instance = r->per_instance;
    return e;
}

int plan_args(struct plan *p, struct plan_module *m, const struct sco_iac_node *config,
              struct sco_str index, struct plan_args *ret)
{
    const void *key[2] = {m, config};
    struct sco_str cache_key = sco_str_make((const char *)key, sizeof key);
    const struct plan_args *cached = sco_map_get(&p->args, cache_key);
    if (cached) {
        *ret = *cached;
        return 0;
    }
    struct refs r = {.p = p};
    struct scope sc = {m, config, index};
    struct plan_args *kept = NULL;
    int e = arguments(&r, &sc, config, ret);
    iac_items_cleanup_(&r.items);
    iac_members_cleanup_(&r.references);
    iac_members_cleanup_(&r.configured);
    sco_buf_done(&r.path);
    sco_buf_done(&r.text);
    if (e < 0 || r.per_instance)
        return e;
    void **place = sco_map_put(&p->args, cache_key, NULL);
    if (!place || !(kept = sco_arena_alloc_raw(&p->scratch, sizeof *kept)))
        return SCO_E_NOMEM;
    *kept = *ret;
    *place = kept;
    return 0;
}
