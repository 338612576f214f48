/* The mirrors of a value: which of its leaves are unknown, which are sensitive.
 *
 * A mirror has the shape of the value with `true` at the leaves it speaks of; known parts are left
 * out, `false` or empty. It may be shorter or longer than the value (sets, older versions), so
 * nothing of one is looked up in the other without asking whether it is there. Where the shapes do
 * not fit, the answer is the careful one: unknown, sensitive. */
#include "plan_priv.h"

static bool is_true(const struct sco_iac_node *v)
{
    return v->type == SCO_IAC_BOOL && v->i;
}

static const struct sco_iac_node *child(const struct sco_iac_node *v, uint32_t i)
{
    return v->type == SCO_IAC_MAP ? &v->member[i].value : &v->item[i];
}

static bool is_container(const struct sco_iac_node *v)
{
    return v->type == SCO_IAC_MAP || v->type == SCO_IAC_LIST;
}

/* Whether a mirror says anything. */
static bool any_true(const struct sco_iac_node *v)
{
    if (!is_container(v))
        return is_true(v);
    for (uint32_t i = 0; i < v->n; i++)
        if (any_true(child(v, i)))
            return true;
    return false;
}

struct sco_iac_node *plan_get(const struct sco_iac_node *v, const char *key, uint32_t *hint)
{
    if (!v || v->type != SCO_IAC_MAP || !v->n)
        return NULL;
    uint32_t start = hint && *hint < v->n ? *hint : 0;
    for (uint32_t k = 0, i = start; k < v->n; k++, i = i + 1 < v->n ? i + 1 : 0) {
        if (v->member[i].key != key)
            continue;
        if (hint)
            *hint = i + 1;
        return (struct sco_iac_node *)&v->member[i].value;
    }
    return NULL;
}

/* ---- unknown ---- */
static void make_unknown(struct sco_iac_node *v)
{
    v->type = SCO_IAC_UNKNOWN;
    v->flags = (uint8_t)((v->flags & SCO_IAC_SENSITIVE) | SCO_IAC_MADE);
    v->n = 0;
    v->text = NULL;
}

/* A value that is only in the mirror: what is true in it is unknown, what is known is null. All of
 * it stands where its container does. */
static int from_mirror(struct plan *p, const struct sco_iac_node *mirror, struct iac_span at,
                       struct sco_iac_node *ret)
{
    if (!is_container(mirror)) {
        *ret = is_true(mirror) ? iac_unknown(at) : iac_null(at);
        ret->flags |= SCO_IAC_MADE;
        return 0;
    }
    SCO_AUTO(iac_members) struct iac_members members = {0};
    SCO_AUTO(iac_items) struct iac_items items = {0};
    bool map = mirror->type == SCO_IAC_MAP;
    for (uint32_t i = 0; i < mirror->n; i++) {
        struct sco_iac_node v = {0};
        int r = from_mirror(p, child(mirror, i), at, &v);
        if (r == 0 && map)
            r = iac_member(p->s, &members,
                           sco_str_make(mirror->member[i].key, mirror->member[i].key_n), at.pos, v);
        else if (r == 0)
            r = iac_item(&items, v);
        if (r < 0)
            return r;
    }
    int r = map ? iac_map(p->s, &members, at, ret, NULL) : iac_list(p->s, &items, at, ret);
    if (r == 0)
        ret->flags |= SCO_IAC_MADE;
    return r;
}

static struct iac_span span_of(const struct sco_iac_node *v)
{
    return (struct iac_span){v->doc, v->pos, v->end};
}

/* A map of n members and m more, which are copies of what the mirror has beyond it. */
static int add_members(struct plan *p, struct sco_iac_node *v, const struct sco_iac_node *mirror,
                       const uint32_t *missing, uint32_t m)
{
    struct sco_iac_member *all =
        sco_arena_alloc_raw(&p->s->arena, ((size_t)v->n + m) * sizeof *all);
    if (!all)
        return SCO_E_NOMEM;
    p->s->n_nodes += m;
    if (v->n)
        memcpy(all, v->member, v->n * sizeof *all);
    for (uint32_t i = 0; i < m; i++) {
        struct sco_iac_member *to = &all[v->n + i];
        *to = mirror->member[missing[i]];
        to->key_pos = v->pos;
        int r = from_mirror(p, &mirror->member[missing[i]].value, span_of(v), &to->value);
        if (r < 0)
            return r;
    }
    v->member = all;
    v->n += m;
    return 0;
}

/* Looking up the keys of a mirror in a map: mostly both have the same order. */
enum { LINEAR_MAX = 128 }; /* members that are searched one by one */
struct finder {
    const struct sco_iac_node *map;
    struct sco_map index; /* from the pointer of the key to the value */
    uint32_t hint;
};

static int finder_init(struct finder *f, const struct sco_iac_node *map,
                       const struct sco_iac_node *mirror)
{
    *f = (struct finder){.map = map};
    if (map->n <= LINEAR_MAX || mirror->n <= LINEAR_MAX)
        return 0;
    for (uint32_t i = 0; i < map->n; i++) {
        const char *key = map->member[i].key;
        void **place = sco_map_put(&f->index, sco_str_make((const char *)&key, sizeof key), NULL);
        if (!place) {
            sco_map_done(&f->index);
            return SCO_E_NOMEM;
        }
        *place = (void *)&map->member[i].value;
    }
    return 0;
}

static struct sco_iac_node *finder_get(struct finder *f, const char *key)
{
    if (f->index.n)
        return sco_map_get(&f->index, sco_str_make((const char *)&key, sizeof key));
    return plan_get(f->map, key, &f->hint);
}

static int unknown_map(struct plan *p, struct sco_iac_node *v, const struct sco_iac_node *mirror)
{
    SCO_AUTO(sco_free) uint32_t *missing = NULL;
    size_t n_missing = 0, cap = 0;
    struct finder f;
    int r = finder_init(&f, v, mirror);
    for (uint32_t i = 0; r == 0 && i < mirror->n; i++) {
        const struct sco_iac_node *m = &mirror->member[i].value;
        if (!any_true(m))
            continue;
        struct sco_iac_node *at = finder_get(&f, mirror->member[i].key);
        if (at)
            r = plan_unknown(p, at, m);
        else if ((r = SCO_VEC_PUSH(missing, n_missing, cap)) == 0)
            missing[n_missing++] = i;
    }
    sco_map_done(&f.index);
    return r == 0 && n_missing ? add_members(p, v, mirror, missing, (uint32_t)n_missing) : r;
}

static int unknown_list(struct plan *p, struct sco_iac_node *v, const struct sco_iac_node *mirror)
{
    struct sco_iac_node *items = (struct sco_iac_node *)v->item;
    uint32_t both = v->n < mirror->n ? v->n : mirror->n, n = v->n;
    for (uint32_t i = 0; i < both; i++) {
        int r = plan_unknown(p, &items[i], &mirror->item[i]);
        if (r < 0)
            return r;
    }
    for (uint32_t i = both; i < mirror->n; i++)
        n += any_true(&mirror->item[i]);
    if (n == v->n)
        return 0;
    struct sco_iac_node *all = sco_arena_alloc_raw(&p->s->arena, (size_t)n * sizeof *all);
    if (!all)
        return SCO_E_NOMEM;
    if (v->n)
        memcpy(all, v->item, v->n * sizeof *all);
    p->s->n_nodes += n - v->n;
    for (uint32_t i = both, to = v->n; i < mirror->n; i++) {
        if (!any_true(&mirror->item[i]))
            continue;
        int r = from_mirror(p, &mirror->item[i], span_of(v), &all[to++]);
        if (r < 0)
            return r;
    }
    v->item = all;
    v->n = n;
    return 0;
}

int plan_unknown(struct plan *p, struct sco_iac_node *v, const struct sco_iac_node *mirror)
{
    if (!is_container(mirror)) {
        if (is_true(mirror))
            make_unknown(v);
        return 0;
    }
    if (v->type == SCO_IAC_UNKNOWN || !any_true(mirror))
        return 0;
    if (v->type == SCO_IAC_MAP && mirror->type == SCO_IAC_MAP)
        return unknown_map(p, v, mirror);
    if (v->type == SCO_IAC_LIST && mirror->type == SCO_IAC_LIST)
        return unknown_list(p, v, mirror);
    if (v->type == SCO_IAC_NULL)
        return from_mirror(p, mirror, span_of(v), v);
    make_unknown(v);
    return 0;
}

/* ---- sensitive ---- */
static void all_sensitive(struct sco_iac_node *v)
{
    v->flags |= SCO_IAC_SENSITIVE;
    for (uint32_t i = 0; is_container(v) && i < v->n; i++)
        all_sensitive((struct sco_iac_node *)child(v, i));
}

static void sensitive_map(struct sco_iac_node *v, const struct sco_iac_node *mirror)
{
    struct finder f;
    if (finder_init(&f, v, mirror) < 0) {
        all_sensitive(v); /* no memory to be exact */
        return;
    }
    for (uint32_t i = 0; i < mirror->n; i++) {
        struct sco_iac_node *at = finder_get(&f, mirror->member[i].key);
        if (at)
            plan_sensitive(at, &mirror->member[i].value);
    }
    sco_map_done(&f.index);
}

void plan_sensitive(struct sco_iac_node *v, const struct sco_iac_node *mirror)
{
    if (!is_container(mirror)) {
        if (is_true(mirror))
            all_sensitive(v);
        return;
    }
    if (!any_true(mirror))
        return;
    if (v->type != mirror->type || (v->type == SCO_IAC_LIST && v->n != mirror->n)) {
        all_sensitive(v);
        return;
    }
    if (v->type == SCO_IAC_MAP) {
        sensitive_map(v, mirror);
        return;
    }
    for (uint32_t i = 0; i < v->n; i++)
        plan_sensitive((struct sco_iac_node *)&v->item[i], &mirror->item[i]);
}
