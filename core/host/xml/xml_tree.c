/* XML elements as trees of struct sco_node, and the calls for the records among them. */
#include "xml_priv.h"

#include <stdlib.h>

int xml_tree_init(struct xml_tree *t)
{
    t->levels = sco_alloc(SCO_XML_DEPTH_MAX, sizeof *t->levels);
    return t->levels ? 0 : SCO_E_NOMEM;
}

void xml_tree_done(struct xml_tree *t)
{
    for (size_t i = 0; t->levels && i < SCO_XML_DEPTH_MAX; i++) {
        sco_buf_done(&t->levels[i].text);
        sco_arena_done(&t->levels[i].arena);
    }
    free(t->levels);
    sco_arena_done(&t->record);
}

/* Why an allocation of one text or node failed. */
static int no_room(struct xml_tree *t, const struct sco_arena *a)
{
    if (a->used > SCO_JSON_TREE_MAX - SCO_JSON_TOKEN_MAX - 4096) {
        t->limit = "SCO_JSON_TREE_MAX";
        return SCO_E_LIMIT;
    }
    return SCO_E_NOMEM;
}

struct sco_node *xml_member(struct sco_arena *a, struct sco_node *map,
                            const struct sco_node ***tail, const char *prefix, struct sco_str name)
{
    size_t n = strlen(prefix);
    struct sco_node *v = sco_arena_alloc(a, sizeof *v);
    char *key = sco_arena_alloc_raw(a, n + name.n + 1);
    if (!v || !key)
        return NULL;
    memcpy(key, prefix, n);
    if (name.p && name.n)
        memcpy(key + n, name.p, name.n);
    key[n + name.n] = 0;
    v->key = sco_str_make(key, n + name.n);
    **tail = v;
    *tail = &v->next;
    map->n++;
    return v;
}

static bool is_record(const struct xml_tree *t, struct sco_str name)
{
    for (const char *const *r = t->records; r && *r; r++)
        if (sco_str_is(name, *r))
            return true;
    return false;
}

static struct sco_arena *arena_of(struct xml_tree *t, size_t depth)
{
    return t->in_record && depth >= t->in_record ? &t->record : &t->levels[depth - 1].arena;
}

static int add_text(struct xml_tree *t, struct sco_arena *a, struct sco_node *map,
                    const struct sco_node ***tail, struct sco_str name, struct sco_str text)
{
    struct sco_node *v = xml_member(a, map, tail, name.p ? "@" : "#text", name);
    if (!v || !(v->text = sco_arena_str(a, text)).p)
        return no_room(t, a);
    v->type = SCO_NODE_STR;
    return 0;
}

int xml_start(struct xml_tree *t, struct sco_str name)
{
    if (t->depth == SCO_XML_DEPTH_MAX) {
        t->limit = "SCO_XML_DEPTH_MAX";
        return SCO_E_LIMIT;
    }
    if (t->depth) {
        struct xml_level *up = &t->levels[t->depth - 1];
        up->has_child = true;
        if (!t->in_record)
            sco_buf_clear(&up->text); /* no simple child, and no record */
    }
    struct xml_level *l = &t->levels[t->depth++];
    if (!t->in_record && is_record(t, name))
        t->in_record = t->depth;
    struct sco_arena *a = arena_of(t, t->depth);
    if (a != &t->record || t->depth == t->in_record)
        sco_arena_reset(a);
    a->limit = SCO_JSON_TREE_MAX;
    l->has_child = false;
    sco_buf_clear(&l->text);
    l->node = sco_arena_alloc(a, sizeof *l->node);
    if (!l->node || !(l->node->key = sco_arena_str(a, name)).p)
        return no_room(t, a);
    l->node->type = SCO_NODE_MAP;
    l->tail = &l->node->child;
    return 0;
}

int xml_attribute(struct xml_tree *t, struct sco_str name, struct sco_str value)
{
    struct xml_level *l = &t->levels[t->depth - 1];
    return add_text(t, arena_of(t, t->depth), l->node, &l->tail, name, value);
}

int xml_text(struct xml_tree *t, struct sco_str text)
{
    if (!t->depth)
        return 0;
    struct xml_level *l = &t->levels[t->depth - 1];
    if (!t->in_record && l->has_child)
        return 0;
    if (text.n > SCO_JSON_TOKEN_MAX - l->text.n) {
        t->limit = "SCO_JSON_TOKEN_MAX";
        return SCO_E_LIMIT;
    }
    sco_buf_add(&l->text, text);
    return l->text.failed ? SCO_E_NOMEM : 0;
}

/* A copy of a simple element in the arena of its parent. */
static struct sco_node *copy_simple(struct sco_arena *a, const struct sco_node *v)
{
    struct sco_node *map = sco_arena_alloc(a, sizeof *map);
    if (!map || !(map->key = sco_arena_str(a, v->key)).p)
        return NULL;
    const struct sco_node **tail = &map->child;
    map->type = SCO_NODE_MAP;
    for (const struct sco_node *c = v->child; c; c = c->next) {
        struct sco_node *m = xml_member(a, map, &tail, "", c->key);
        if (!m || !(m->text = sco_arena_str(a, c->text)).p)
            return NULL;
        m->type = SCO_NODE_STR;
    }
    return map;
}

/* Hangs an element that ended into the one above. */
static int hang(struct xml_tree *t, struct sco_node *v, bool simple)
{
    if (!t->depth || (!t->in_record && !simple))
        return 0;
    struct xml_level *up = &t->levels[t->depth - 1];
    struct sco_arena *a = arena_of(t, t->depth);
    if (!t->in_record && !(v = copy_simple(a, v)))
        return no_room(t, a);
    *up->tail = v;
    up->tail = &v->next;
    up->node->n++;
    return 0;
}

static int hand_out(struct xml_tree *t, const struct sco_node *record)
{
    const struct sco_node *above[SCO_XML_DEPTH_MAX];
    for (size_t i = 0; i + 1 < t->depth; i++)
        above[i] = t->levels[i].node;
    return t->fn(t->user, above, t->depth - 1, record);
}

int xml_end(struct xml_tree *t)
{
    struct xml_level *l = &t->levels[t->depth - 1];
    struct sco_node *v = l->node;
    struct sco_str text = sco_buf_str(&l->text);
    bool simple = !l->has_child;
    if (simple ? text.n : sco_str_trim(text).n) {
        int r = add_text(t, arena_of(t, t->depth), v, &l->tail, sco_str_make(NULL, 0), text);
        if (r < 0)
            return r;
    }
    if (l->text.cap > 1 << 20)
        sco_buf_done(&l->text);
    bool record = is_record(t, v->key);
    if (record) {
        int r = hand_out(t, v);
        if (r != 0)
            return r;
    }
    bool outermost = t->in_record == t->depth;
    t->depth--;
    if (!outermost)
        return hang(t, v, simple);
    t->in_record = 0;
    return 0;
}
