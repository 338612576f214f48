/* Building trees: interned keys, vectors of children and how they become part of the set.
 *
 * A reader collects the children of a node in a vector of its own and seals it: one copy into the
 * arena, one allocation per container, no matter how the children came. */
#include "set_priv.h"

#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

/* ---- keys ---- */
static int grow_keys(struct iac_impl *m)
{
    size_t cap = m->cap_keys ? m->cap_keys * 2 : 256;
    struct iac_keyed **slots = sco_alloc(cap, sizeof *slots);
    if (!slots)
        return SCO_E_NOMEM;
    if (!m->seed && getrandom(&m->seed, sizeof m->seed, GRND_NONBLOCK) < 0)
        m->seed = (uint64_t)(uintptr_t)slots;
    m->seed |= 1;
    for (size_t i = 0; i < m->cap_keys; i++) {
        if (!m->keys[i])
            continue;
        size_t at = m->keys[i]->hash & (cap - 1);
        while (slots[at])
            at = (at + 1) & (cap - 1);
        slots[at] = m->keys[i];
    }
    free(m->keys);
    m->keys = slots;
    m->cap_keys = cap;
    return 0;
}

const char *iac_key(struct sco_iac_set *s, struct sco_str key)
{
    struct iac_impl *m = iac_impl(s);
    if (!m || key.n > UINT32_MAX - 1 || (m->n_keys * 2 >= m->cap_keys && grow_keys(m) < 0))
        return NULL;
    uint32_t hash = (uint32_t)sco_hash(key.p, key.n, m->seed);
    size_t at = hash & (m->cap_keys - 1);
    for (; m->keys[at]; at = (at + 1) & (m->cap_keys - 1)) {
        struct iac_keyed *k = m->keys[at];
        if (k->hash == hash && k->n == key.n && (!key.n || memcmp(k->text, key.p, key.n) == 0))
            return k->text;
    }
    struct iac_keyed *k = sco_arena_alloc_raw(&s->arena, sizeof *k + key.n + 1);
    if (!k)
        return NULL;
    k->hash = hash;
    k->n = (uint32_t)key.n;
    k->stamp = 0;
    k->tag = 0;
    if (key.n)
        memcpy(k->text, key.p, key.n);
    k->text[key.n] = 0;
    m->keys[at] = k;
    m->n_keys++;
    return k->text;
}

static struct iac_keyed *keyed(const char *key)
{
    return (struct iac_keyed *)(void *)(key - offsetof(struct iac_keyed, text));
}

uint64_t iac_stamp_new(struct sco_iac_set *s)
{
    struct iac_impl *m = iac_impl(s);
    return m ? ++m->stamp : 0;
}

bool iac_stamp(const char *key, uint64_t stamp)
{
    struct iac_keyed *k = keyed(key);
    bool before = k->stamp == stamp;
    k->stamp = stamp;
    return before;
}

int iac_tag(struct sco_iac_set *s, struct sco_str tag, uint32_t *ret)
{
    const char *name = iac_key(s, tag);
    struct iac_keyed *k = name ? keyed(name) : NULL;
    if (!k)
        return SCO_E_NOMEM;
    if (!k->tag) {
        if (SCO_VEC_PUSH(s->tags, s->n_tags, s->cap_tags) < 0)
            return SCO_E_NOMEM;
        s->tags[s->n_tags++] = name;
        k->tag = (uint32_t)s->n_tags;
    }
    *ret = k->tag;
    return 0;
}

/* ---- vectors ---- */
void iac_members_cleanup_(struct iac_members *m)
{
    free(m->v);
    *m = (struct iac_members){0};
}

void iac_items_cleanup_(struct iac_items *m)
{
    free(m->v);
    *m = (struct iac_items){0};
}

int iac_member(struct sco_iac_set *s, struct iac_members *m, struct sco_str key, uint32_t key_pos,
               struct sco_iac_node value)
{
    const char *name = iac_key(s, key);
    if (!name || SCO_VEC_PUSH(m->v, m->n, m->cap) < 0)
        return SCO_E_NOMEM;
    m->v[m->n++] = (struct sco_iac_member){
        .key = name, .key_n = (uint32_t)key.n, .key_pos = key_pos, .value = value};
    return 0;
}

int iac_item(struct iac_items *m, struct sco_iac_node value)
{
    if (SCO_VEC_PUSH(m->v, m->n, m->cap) < 0)
        return SCO_E_NOMEM;
    m->v[m->n++] = value;
    return 0;
}

/* ---- sealing ---- */
static int count_nodes(struct sco_iac_set *s, size_t n)
{
    if (n > SCO_IAC_NODES_MAX || s->n_nodes > SCO_IAC_NODES_MAX - n) {
        struct iac_impl *m = iac_impl(s);
        if (m)
            m->full = true;
        return SCO_E_LIMIT;
    }
    s->n_nodes += n;
    return 0;
}

static struct sco_iac_node node_at(uint32_t type, struct iac_span at)
{
    return (struct sco_iac_node){
        .type = (uint8_t)type, .doc = at.doc, .pos = at.pos, .end = at.end};
}

/* Drops all but the last member of each key; returns how many are left. From the end, so that the
 * last one is met first. */
static size_t drop_repeated(struct iac_impl *impl, struct sco_iac_member *v, size_t n,
                            const char **ret_repeated)
{
    uint64_t stamp = ++impl->stamp;
    size_t dropped = 0;
    for (size_t i = n; i-- > 0;) {
        if (!iac_stamp(v[i].key, stamp))
            continue;
        if (ret_repeated)
            *ret_repeated = v[i].key;
        v[i].key = NULL;
        dropped++;
    }
    if (!dropped)
        return n;
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (v[i].key)
            v[left++] = v[i];
    return left;
}

int iac_seal_map(struct sco_iac_set *s, struct sco_iac_member *v, size_t n, struct iac_span at,
                 struct sco_iac_node *ret, const char **ret_repeated)
{
    struct iac_impl *impl = iac_impl(s);
    if (!impl)
        return SCO_E_NOMEM;
    n = drop_repeated(impl, v, n, ret_repeated);
    int r = count_nodes(s, n);
    if (r < 0)
        return r;
    struct sco_iac_member *copy = n ? sco_arena_alloc_raw(&s->arena, n * sizeof *copy) : NULL;
    if (n && !copy)
        return SCO_E_NOMEM;
    if (n)
        memcpy(copy, v, n * sizeof *copy);
    *ret = node_at(SCO_IAC_MAP, at);
    ret->n = (uint32_t)n;
    ret->member = copy;
    return 0;
}

int iac_seal_list(struct sco_iac_set *s, const struct sco_iac_node *v, size_t n, struct iac_span at,
                  struct sco_iac_node *ret)
{
    int r = count_nodes(s, n);
    if (r < 0)
        return r;
    struct sco_iac_node *copy = n ? sco_arena_alloc_raw(&s->arena, n * sizeof *copy) : NULL;
    if (n && !copy)
        return SCO_E_NOMEM;
    if (n)
        memcpy(copy, v, n * sizeof *copy);
    *ret = node_at(SCO_IAC_LIST, at);
    ret->n = (uint32_t)n;
    ret->item = copy;
    return 0;
}

int iac_map(struct sco_iac_set *s, struct iac_members *m, struct iac_span at,
            struct sco_iac_node *ret, const char **ret_repeated)
{
    int r = iac_seal_map(s, m->v, m->n, at, ret, ret_repeated);
    m->n = 0;
    return r;
}

int iac_list(struct sco_iac_set *s, struct iac_items *m, struct iac_span at,
             struct sco_iac_node *ret)
{
    int r = iac_seal_list(s, m->v, m->n, at, ret);
    m->n = 0;
    return r;
}

/* ---- scalars ---- */
int iac_str(struct sco_iac_set *s, struct sco_str text, struct iac_span at,
            struct sco_iac_node *ret)
{
    if (text.n >= UINT32_MAX)
        return SCO_E_LIMIT;
    struct sco_str copy = sco_arena_str(&s->arena, text);
    if (!copy.p)
        return SCO_E_NOMEM;
    *ret = iac_str_keep(copy, at);
    return 0;
}

struct sco_iac_node iac_str_keep(struct sco_str text, struct iac_span at)
{
    struct sco_iac_node v = node_at(SCO_IAC_STR, at);
    v.n = (uint32_t)text.n;
    v.text = text.p;
    return v;
}

struct sco_iac_node iac_int(int64_t i, struct iac_span at)
{
    struct sco_iac_node v = node_at(SCO_IAC_INT, at);
    v.i = i;
    return v;
}

struct sco_iac_node iac_real(double real, struct iac_span at)
{
    struct sco_iac_node v = node_at(SCO_IAC_REAL, at);
    v.real = real;
    return v;
}

struct sco_iac_node iac_bool(bool b, struct iac_span at)
{
    struct sco_iac_node v = node_at(SCO_IAC_BOOL, at);
    v.i = b;
    return v;
}

struct sco_iac_node iac_null(struct iac_span at)
{
    return node_at(SCO_IAC_NULL, at);
}

struct sco_iac_node iac_unknown(struct iac_span at)
{
    return node_at(SCO_IAC_UNKNOWN, at);
}

struct sco_iac_node *iac_node(struct sco_iac_set *s, struct sco_iac_node v)
{
    struct sco_iac_node *copy = sco_arena_alloc_raw(&s->arena, sizeof *copy);
    if (copy) {
        *copy = v;
        s->n_nodes++;
    }
    return copy;
}

/* ---- numbers ---- */
/* Whether a double reads back as these digits: what is written with up to 17 significant digits
 * does, an integer only when it is that double. */
static bool double_is_enough(struct sco_str digits, double v, bool integer)
{
    if (integer) {
        char text[400];
        int n = snprintf(text, sizeof text, "%.0f", v);
        struct sco_str plain =
            digits.p[0] == '+' ? sco_str_make(digits.p + 1, digits.n - 1) : digits;
        return n > 0 && (size_t)n < sizeof text && sco_str_is(plain, text);
    }
    size_t significant = 0;
    for (size_t i = 0; i < digits.n && digits.p[i] != 'e' && digits.p[i] != 'E'; i++)
        if (digits.p[i] >= '0' && digits.p[i] <= '9' && (significant || digits.p[i] != '0'))
            significant++;
    return significant <= 17 && (v != 0 || !significant) && isfinite(v);
}

int iac_number(struct sco_iac_set *s, struct sco_str digits, struct iac_span at,
               struct sco_iac_node *ret)
{
    bool integer = true;
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] == '.' || digits.p[i] == 'e' || digits.p[i] == 'E')
            integer = false;
    int64_t i;
    struct sco_str plain =
        digits.n && digits.p[0] == '+' ? sco_str_make(digits.p + 1, digits.n - 1) : digits;
    if (integer && sco_parse_i64(plain, INT64_MIN, INT64_MAX, &i) == 0) {
        *ret = iac_int(i, at);
        return 0;
    }
    double v;
    if (sco_parse_real(digits, &v) == 0 && double_is_enough(digits, v, integer)) {
        *ret = iac_real(v, at);
        return 0;
    }
    int r = iac_str(s, digits, at, ret);
    if (r == 0)
        ret->flags |= SCO_IAC_DIGITS;
    return r;
}
