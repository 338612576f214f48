/* From a node to its place: the way down from the root (nodes do not know their parents), the
 * innermost resource around it, and the bytes to point at. */
#include "policy_priv.h"

enum { SEARCH_MAX = 200000 }; /* nodes looked at when positions do not lead the way */

struct way { /* one step of the way down */
    const struct sco_iac_node *parent;
    uint32_t i;
};
struct search {
    const struct sco_iac_node *to;
    struct way way[SCO_IAC_DEPTH_MAX + 2];
    size_t n, left;
    bool near;   /* positions lead: children that do not hold the place are passed over */
    bool sorted; /* and children stand in the order of the text, so that one can be picked */
};

static const struct sco_iac_node *child(const struct sco_iac_node *v, uint32_t i)
{
    return v->type == SCO_IAC_MAP ? &v->member[i].value : &v->item[i];
}

/* The index of `to` when it lies in the array of v's children. */
static bool own_child(const struct sco_iac_node *v, const struct sco_iac_node *to, uint32_t *ret)
{
    uintptr_t at = (uintptr_t)to, first, size;
    if (!v->n)
        return false;
    first = (uintptr_t)child(v, 0);
    size = v->type == SCO_IAC_MAP ? sizeof(struct sco_iac_member) : sizeof(struct sco_iac_node);
    if (at < first || at >= first + size * v->n)
        return false;
    *ret = (uint32_t)((at - first) / size);
    return true;
}

/* The last child that starts at `pos` or before; *ret_end is the index after it. */
static uint32_t last_before(const struct sco_iac_node *v, uint32_t pos, uint32_t *ret_end)
{
    uint32_t low = 0, high = v->n;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (child(v, middle)->pos <= pos)
            low = middle;
        else
            high = middle;
    }
    *ret_end = high;
    return low;
}

static bool find(struct search *s, const struct sco_iac_node *v)
{
    if (v == s->to)
        return true;
    if ((v->type != SCO_IAC_MAP && v->type != SCO_IAC_LIST) || s->n >= SCO_ARRAY_LEN(s->way))
        return false;
    uint32_t i;
    if (own_child(v, s->to, &i)) {
        s->way[s->n++] = (struct way){v, i};
        return true;
    }
    uint32_t end = v->n;
    for (i = s->sorted ? last_before(v, s->to->pos, &end) : 0; i < end && s->left; i++, s->left--) {
        const struct sco_iac_node *c = child(v, i);
        if (s->near && (c->pos > s->to->pos || c->end < s->to->end))
            continue;
        s->way[s->n++] = (struct way){v, i};
        if (find(s, c))
            return true;
        s->n--;
    }
    return false;
}

/* From the end of the way found so far. */
static bool go_on(struct search *s, const struct sco_iac_node *from, const struct sco_iac_node *to,
                  bool near, bool sorted)
{
    size_t n = s->n;
    s->to = to;
    s->near = near;
    s->sorted = sorted;
    s->left = near ? SIZE_MAX : SEARCH_MAX;
    if (find(s, from))
        return true;
    s->n = n;
    return false;
}

/* `via` (nullable) is a resource that may hold it. Aliases stand elsewhere in the text, and what a
 * plan does not know yet beside its neighbours: below the resource positions do not lead. */
static bool search(struct search *s, const struct sco_iac_node *from,
                   const struct sco_iac_node *via, const struct sco_iac_node *to)
{
    s->n = 0;
    if (go_on(s, from, to, true, true))
        return true;
    if (via && go_on(s, from, via, true, true) && go_on(s, via, to, false, false))
        return true;
    s->n = 0;
    return go_on(s, from, to, true, false) || go_on(s, from, to, false, false);
}

static void add_way(struct sco_buf *out, const struct search *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct way *w = &s->way[i];
        struct pl_step step = {.index = w->i};
        if (w->parent->type == SCO_IAC_MAP)
            step.key = sco_str_make(w->parent->member[w->i].key, w->parent->member[w->i].key_n);
        pl_path_show(out, &step, 1);
    }
}

/* ---- resources ---- */
static bool holds(const struct sco_iac_resource *r, const struct sco_iac_node *v)
{
    return r->node == v || (r->doc == v->doc && r->node->pos <= v->pos && r->node->end >= v->end);
}

static bool is_below(const struct sco_iac_set *docs, uint32_t i, uint32_t ancestor)
{
    while (i != UINT32_MAX && i > ancestor)
        i = docs->resources[i].parent;
    return i == ancestor;
}

/* The innermost resource around v: below the one that is judged, or anywhere in its document. */
static uint32_t innermost(struct sco_policies *p, const struct sco_iac_node *v)
{
    const struct sco_iac_set *docs = p->docs;
    uint32_t best = p->run.resource_index;
    if (v == p->run.resource->node)
        return best;
    if (holds(p->run.resource, v)) {
        for (uint32_t i = best + 1;
             i < docs->n_resources && is_below(docs, i, p->run.resource_index); i++)
            if (holds(&docs->resources[i], v) && is_below(docs, i, best))
                best = i;
        return best;
    }
    uint32_t exact = pl_resource_of(p, v);
    if (exact != UINT32_MAX || v->doc >= docs->n_docs || (v->flags & SCO_IAC_ALIASED))
        return exact != UINT32_MAX ? exact : best;
    const struct sco_iac_doc *doc = &docs->docs[v->doc];
    size_t span = SIZE_MAX;
    for (size_t i = doc->first_resource; i < doc->first_resource + doc->n_resources; i++) {
        const struct sco_iac_resource *r = &docs->resources[i];
        if (holds(r, v) && r->node->end - r->node->pos <= span) {
            span = r->node->end - r->node->pos;
            best = (uint32_t)i;
        }
    }
    return best;
}

static struct sco_str address(const struct sco_iac_node *const *v)
{
    return sco_str_make((const char *)v, sizeof *v);
}

uint32_t pl_resource_of(struct sco_policies *p, const struct sco_iac_node *v)
{
    if (p->run.resource && p->run.resource->node == v)
        return p->run.resource_index;
    if (!p->nodes_ready) {
        for (size_t i = 0; i < p->docs->n_resources; i++) {
            void **at = sco_map_put(&p->nodes, address(&p->docs->resources[i].node), NULL);
            if (!at) {
                p->nomem = true;
                return UINT32_MAX;
            }
            if (!*at)
                *at = (void *)(i + 1);
        }
        p->nodes_ready = true;
    }
    return (uint32_t)((uintptr_t)sco_map_get(&p->nodes, address(&v)) - 1);
}

/* ---- */
/* A node that was made out of a string is at the string. */
static const struct sco_iac_node *outside(const struct sco_policies *p,
                                          const struct sco_iac_node *v)
{
    if (!(v->flags & SCO_IAC_MADE))
        return v;
    struct search s;
    for (const struct pl_parsed *x = p->parsed; x; x = x->next) {
        if (x->root && x->base->doc == v->doc && x->base->pos == v->pos &&
            search(&s, x->root, NULL, v))
            return x->base;
    }
    return v;
}

/* The way from the root of the document to `where`: pointer, parent. */
static void locate_where(struct sco_policies *p, const struct sco_iac_node *where,
                         struct pl_place *ret, struct sco_buf *pointer)
{
    struct search s;
    const struct sco_iac_node *root = p->docs->docs[ret->resource->doc].root;
    if (!(root && search(&s, root, ret->resource->node, where)) &&
        !search(&s, p->run.resource->node, NULL, where))
        return;
    add_way(pointer, &s);
    for (size_t i = 0; i < s.n; i++)
        ret->aliased = ret->aliased || child(s.way[i].parent, s.way[i].i)->flags & SCO_IAC_ALIASED;
    if (!s.n)
        return;
    ret->parent = s.way[s.n - 1].parent;
    if (ret->parent->type == SCO_IAC_MAP)
        ret->member = &ret->parent->member[s.way[s.n - 1].i];
}

/* One step further down; false: there is nothing. */
static bool step_down(struct pl_place *at, const struct pl_step *step)
{
    size_t used;
    const struct sco_iac_node *next = pl_follow(at->node, step, 1, &used);
    if (!used)
        return false;
    at->parent = at->node;
    at->member = NULL;
    if (step->key.p)
        at->member = (const struct sco_iac_member *)((const char *)next -
                                                     offsetof(struct sco_iac_member, value));
    at->node = next;
    at->aliased = at->aliased || next->flags & SCO_IAC_ALIASED;
    return true;
}

/* What is not there may have been computed from a secret. */
static void add_missing(struct sco_policies *p, const struct pl_step *path, size_t n,
                        struct sco_buf *pointer)
{
    for (size_t i = 0; i < n; i++) {
        if (path[i].key.p && !pl_may_show(p, path[i].key))
            return;
        pl_path_show(pointer, path + i, 1);
    }
}

/* The members `values` and `before` of a plan's entry stand in its `change`, under other names. */
static void as_in_file(struct sco_policies *p, struct pl_place *at, struct sco_buf *pointer,
                       size_t start)
{
    static const char *const made[][2] = {{"/values", "/change/after"},
                                          {"/before", "/change/before"}};
    static const char list[] = "/resource_changes/";
    const char *z = sco_buf_z(pointer) + start;
    size_t n = strlen(list);
    if (p->docs->docs[at->resource->doc].format != SCO_IAC_FORMAT_TERRAFORM_PLAN ||
        strncmp(z, list, n) != 0)
        return;
    n += strspn(z + n, "0123456789");
    for (size_t i = 0; i < SCO_ARRAY_LEN(made); i++) {
        size_t m = strlen(made[i][0]);
        if (strncmp(z + n, made[i][0], m) != 0 || (z[n + m] && z[n + m] != '/'))
            continue;
        SCO_AUTO(sco_buf) struct sco_buf rest = {0};
        sco_buf_addz(&rest, z + n + m);
        pointer->n = start + n;
        sco_buf_addz(pointer, made[i][1]);
        sco_buf_add(pointer, sco_buf_str(&rest));
        pointer->failed = pointer->failed || rest.failed;
        return;
    }
}

int pl_locate(struct sco_policies *p, const struct sco_iac_node *where, const struct pl_step *path,
              size_t n_path, struct pl_place *ret, struct sco_buf *pointer)
{
    const struct sco_iac_node *v = outside(p, where ? where : p->run.resource->node);
    if (where && v != where)
        n_path = 0; /* the place ends at the string */
    *ret = (struct pl_place){.node = v};
    ret->resource = &p->docs->resources[innermost(p, v)];
    size_t used = 0, start = pointer->n;
    locate_where(p, v, ret, pointer);
    while (used < n_path && step_down(ret, &path[used]))
        used++;
    pl_path_show(pointer, path, used);
    if (used < n_path)
        add_missing(p, path + used, n_path - used, pointer);
    as_in_file(p, ret, pointer, start);
    ret->exists = used == n_path;
    v = ret->node;
    if (used)
        ret->resource = &p->docs->resources[innermost(p, v)];
    ret->pos = ret->member && ret->member->key_pos <= v->pos ? ret->member->key_pos : v->pos;
    ret->end = v->end;
    return pointer->failed ? SCO_E_NOMEM : 0;
}
