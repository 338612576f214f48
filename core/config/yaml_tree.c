/* The tree of sco_yaml: repeated keys, merge keys, look-up, messages. Nothing of libyaml. */
#include <secureops/yaml.h>
#include "yaml_priv.h"

/* Up to here a list is searched as it is: nearly all maps are small, and a hash table for each
 * would cost more than it saves. */
enum { LINEAR_MAX = 16 };

int sco_yaml_error(struct sco_error *err, int code, const char *file, const struct sco_yaml *at,
                   const char *fmt, ...)
{
    if (!err)
        return code;
    char text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!at)
        return sco_error_set(err, code, "%s: %s", file, text);
    return sco_error_set(err, code, "%s:%u:%u: %s", file, at->line, at->column, text);
}

bool sco_yaml_is_null(const struct sco_yaml *v)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (!v || v->kind != SCO_YAML_SCALAR || !v->plain)
        return false;
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++)
        if (sco_str_is(v->text, words[i]))
            return true;
    return false;
}

const char *sco_yaml_kind_name(const struct sco_yaml *v)
{
    if (!v || sco_yaml_is_null(v))
        return "nothing";
    return v->kind == SCO_YAML_MAP ? "a map" : v->kind == SCO_YAML_LIST ? "a list" : "text";
}

const struct sco_yaml *sco_yaml_get(const struct sco_yaml *map, struct sco_str key)
{
    if (!map || map->kind != SCO_YAML_MAP)
        return NULL;
    for (const struct sco_yaml *c = map->child; c; c = c->next)
        if (sco_str_eq(c->key->text, key))
            return c;
    return NULL;
}

int yaml_count_alias(struct yaml_build *b, const struct sco_yaml *at, uint32_t n)
{
    b->alias_nodes += n;
    if (b->alias_nodes <= SCO_YAML_ALIAS_NODES_MAX)
        return 0;
    return sco_yaml_error(b->err, SCO_E_LIMIT, b->file, at,
                          "aliases expand to more than %d nodes in all", SCO_YAML_ALIAS_NODES_MAX);
}

/* ---- members of one map ---- */
/* The members that a map has so far, with the means to find one by its key. */
struct members {
    struct sco_yaml *first, *last;
    uint32_t n;
    struct sco_map index; /* used from LINEAR_MAX on */
};

static struct sco_yaml *members_find(const struct members *m, struct sco_str key)
{
    if (m->index.n)
        return sco_map_get(&m->index, key);
    for (struct sco_yaml *c = m->first; c; c = (struct sco_yaml *)c->next)
        if (sco_str_eq(c->key->text, key))
            return c;
    return NULL;
}

static int members_index(struct members *m, struct sco_yaml *c)
{
    void **slot = sco_map_put(&m->index, c->key->text, NULL);
    if (!slot)
        return SCO_E_NOMEM;
    if (!*slot)
        *slot = c;
    return 0;
}

static int members_add(struct members *m, struct sco_yaml *c)
{
    c->next = NULL;
    if (m->last)
        m->last->next = c;
    else
        m->first = c;
    m->last = c;
    m->n++;
    if (m->n < LINEAR_MAX)
        return 0;
    if (m->n > LINEAR_MAX)
        return members_index(m, c);
    for (struct sco_yaml *i = m->first; i; i = (struct sco_yaml *)i->next)
        if (members_index(m, i) < 0)
            return SCO_E_NOMEM;
    return 0;
}

/* Adds those members of `from` that are not there yet, as copies. */
static int merge_map(struct yaml_build *b, struct members *m, const struct sco_yaml *at,
                     const struct sco_yaml *from)
{
    if (from->kind != SCO_YAML_MAP)
        return sco_yaml_error(b->err, SCO_E_PARSE, b->file, at,
                              "only maps can be merged with <<, this is %s",
                              sco_yaml_kind_name(from));
    for (const struct sco_yaml *c = from->child; c; c = c->next) {
        if (members_find(m, c->key->text))
            continue;
        int r = yaml_count_alias(b, at, c->size + 1);
        if (r < 0)
            return r;
        struct sco_yaml *copy = sco_arena_alloc(b->arena, sizeof *copy);
        if (!copy)
            return sco_error_nomem(b->err);
        *copy = *c;
        copy->alias = true;
        if (members_add(m, copy) < 0)
            return sco_error_nomem(b->err);
    }
    return 0;
}

static int merge(struct yaml_build *b, struct members *m, const struct sco_yaml *value)
{
    if (value->kind != SCO_YAML_LIST)
        return merge_map(b, m, value, value);
    for (const struct sco_yaml *c = value->child; c; c = c->next) {
        int r = merge_map(b, m, value, c);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_merge(const struct yaml_build *b, const struct sco_yaml *c)
{
    return (b->flags & SCO_YAML_MERGE) && c->key->plain && sco_str_is(c->key->text, "<<");
}

static int repeated(struct yaml_build *b, const struct sco_yaml *key, const struct sco_yaml *before)
{
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    sco_buf_add_printable(&name, sco_str_make(key->text.p, key->text.n < 80 ? key->text.n : 80));
    return sco_yaml_error(b->err, SCO_E_PARSE, b->file, key,
                          "key \"%s\" is there twice, first in line %u", sco_buf_z(&name),
                          before->key->line);
}

/* Moves the explicit members over, merge keys aside (linked by `next`). */
static int take_members(struct yaml_build *b, const struct sco_yaml *map, struct members *m,
                        struct sco_yaml **merges)
{
    for (struct sco_yaml *c = (struct sco_yaml *)map->child, *next; c; c = next) {
        next = (struct sco_yaml *)c->next;
        const struct sco_yaml *before =
            b->flags & SCO_YAML_KEEP_DUPLICATES ? NULL : members_find(m, c->key->text);
        if (is_merge(b, c)) {
            before = b->flags & SCO_YAML_KEEP_DUPLICATES ? NULL : *merges;
            c->next = NULL;
            while (*merges)
                merges = (struct sco_yaml **)&(*merges)->next;
            *merges = c;
        } else if (!before && members_add(m, c) < 0) {
            return sco_error_nomem(b->err);
        }
        if (before)
            return repeated(b, c->key, before);
    }
    return 0;
}

int yaml_finish_map(struct yaml_build *b, struct sco_yaml *map)
{
    struct members m = {0};
    struct sco_yaml *merges = NULL;
    int r = take_members(b, map, &m, &merges);
    for (const struct sco_yaml *c = merges; c && r == 0; c = c->next)
        r = merge(b, &m, c);
    sco_map_done(&m.index);
    if (r < 0)
        return r;
    map->child = m.first;
    map->n = m.n;
    map->size = 1;
    map->depth = 1;
    for (const struct sco_yaml *c = map->child; c; c = c->next) {
        map->size += c->size + 1;
        if (c->depth >= map->depth)
            map->depth = (uint8_t)(c->depth + 1);
    }
    return 0;
}
