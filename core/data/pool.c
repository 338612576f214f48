/* The strings and small immutable records of a scan's findings, each distinct content once.
 *
 * Two hash tables (texts; records) over one arena. A slot is a 32-bit hash and a pointer, in two
 * arrays: 12 bytes, and a table grows without touching the texts. Content is compared on a hit, so
 * a collision costs time only; the hash is seeded per pool. Nothing is removed. */
#include "finding_priv.h"

#include <secureops/crypto.h>
#include <stdlib.h>

/* Both kinds of content stand behind their length. */
struct text {
    uint32_t n;
    char p[];
};
struct record {
    uint32_t n;
    _Alignas(8) char p[];
};

struct table {
    uint32_t *hashes;
    const void **items; /* NULL: free */
    size_t n, cap;
};

struct sco_pool {
    struct sco_arena arena;
    struct table texts, records;
    uint64_t seed;
};

struct sco_pool *sco_pool_new(void)
{
    struct sco_pool *p = sco_alloc(1, sizeof *p);
    if (p && sco_random(&p->seed, sizeof p->seed) < 0)
        p->seed = (uint64_t)(uintptr_t)p;
    return p;
}

static void table_done(struct table *t)
{
    free(t->hashes);
    free((void *)t->items);
}

struct sco_pool *sco_pool_free(struct sco_pool *p)
{
    if (p) {
        table_done(&p->texts);
        table_done(&p->records);
        sco_arena_done(&p->arena);
    }
    free(p);
    return NULL;
}

static int table_grow(struct table *t)
{
    size_t cap = t->cap ? t->cap * 2 : 1024;
    struct table to = {.cap = cap, .n = t->n};
    to.hashes = sco_alloc(cap, sizeof *to.hashes);
    to.items = sco_alloc(cap, sizeof *to.items);
    if (!to.hashes || !to.items) {
        table_done(&to);
        return SCO_E_NOMEM;
    }
    for (size_t i = 0; i < t->cap; i++) {
        if (!t->items[i])
            continue;
        size_t j = t->hashes[i] & (cap - 1);
        while (to.items[j])
            j = (j + 1) & (cap - 1);
        to.items[j] = t->items[i];
        to.hashes[j] = t->hashes[i];
    }
    table_done(t);
    *t = to;
    return 0;
}

/* Makes room for one more; at most 7/8 full. */
static int table_reserve(struct table *t)
{
    return t->n * 8 >= t->cap * 7 ? table_grow(t) : 0;
}

static void table_set(struct table *t, size_t at, uint32_t hash, const void *item)
{
    t->items[at] = item;
    t->hashes[at] = hash;
    t->n++;
}

const char *sco_pool_str(struct sco_pool *p, struct sco_str s)
{
    if (!s.p || s.n >= UINT32_MAX || table_reserve(&p->texts) < 0)
        return NULL;
    struct table *t = &p->texts;
    uint32_t hash = (uint32_t)sco_hash(s.p, s.n, p->seed);
    size_t i = hash & (t->cap - 1);
    for (; t->items[i]; i = (i + 1) & (t->cap - 1)) {
        const struct text *x = t->items[i];
        if (t->hashes[i] == hash && x->n == s.n && memcmp(x->p, s.p, s.n) == 0)
            return x->p;
    }
    struct text *x = sco_arena_alloc_raw(&p->arena, sizeof *x + s.n + 1);
    if (!x)
        return NULL;
    x->n = (uint32_t)s.n;
    memcpy(x->p, s.p, s.n);
    x->p[s.n] = 0;
    table_set(t, i, hash, x);
    return x->p;
}

/* The pool's copy of a record given in two pieces. Padding must be zero. */
static const void *intern(struct sco_pool *p, struct sco_str a, struct sco_str b)
{
    size_t n;
    if (__builtin_add_overflow(a.n, b.n, &n) || n >= UINT32_MAX || table_reserve(&p->records) < 0)
        return NULL;
    struct table *t = &p->records;
    uint32_t hash = (uint32_t)sco_hash(b.p, b.n, sco_hash(a.p, a.n, p->seed));
    size_t i = hash & (t->cap - 1);
    for (; t->items[i]; i = (i + 1) & (t->cap - 1)) {
        const struct record *x = t->items[i];
        if (t->hashes[i] == hash && x->n == n && memcmp(x->p, a.p, a.n) == 0 &&
            (!b.n || memcmp(x->p + a.n, b.p, b.n) == 0))
            return x->p;
    }
    struct record *x = sco_arena_alloc_raw(&p->arena, sizeof *x + n);
    if (!x)
        return NULL;
    x->n = (uint32_t)n;
    memcpy(x->p, a.p, a.n);
    if (b.n)
        memcpy(x->p + a.n, b.p, b.n);
    table_set(t, i, hash, x);
    return x->p;
}

void *sco_pool_alloc(struct sco_pool *p, size_t n)
{
    return sco_arena_alloc(&p->arena, n);
}

#define VIEW(ptr, bytes) sco_str_make((const char *)(ptr), (bytes))

/* A count (with its padding) and an array. */
static const void *intern_list(struct sco_pool *p, const void *v, uint32_t n, size_t size)
{
    uint64_t head = 0;
    memcpy(&head, &n, sizeof n);
    return intern(p, VIEW(&head, sizeof head), VIEW(v, n * size));
}

const struct sco_strs *sco_pool_strs(struct sco_pool *p, const char *const *v, uint32_t n)
{
    _Static_assert(offsetof(struct sco_strs, v) == 8, "count and padding");
    return intern_list(p, v, n, sizeof *v);
}

const struct sco_tools *sco_pool_tools(struct sco_pool *p, const struct sco_tool *const *v,
                                       uint32_t n)
{
    _Static_assert(offsetof(struct sco_tools, v) == 8, "count and padding");
    return intern_list(p, v, n, sizeof *v);
}

const struct sco_places *sco_pool_places(struct sco_pool *p, const struct sco_place *v, uint32_t n)
{
    _Static_assert(offsetof(struct sco_places, v) == 8, "count and padding");
    return intern_list(p, v, n, sizeof *v);
}

const struct sco_suppresseds *sco_pool_suppresseds(struct sco_pool *p,
                                                   const struct sco_suppressed *v, uint32_t n)
{
    _Static_assert(offsetof(struct sco_suppresseds, v) == 8, "count and padding");
    return intern_list(p, v, n, sizeof *v);
}

const struct sco_tool *sco_pool_tool(struct sco_pool *p, const struct sco_tool *t)
{
    struct sco_tool copy;
    memset(&copy, 0, sizeof copy); /* the padding is part of the record */
    copy.name = t->name;
    copy.version = t->version;
    copy.rule_id = t->rule_id;
    copy.severity = t->severity;
    return intern(p, VIEW(&copy, sizeof copy), VIEW(NULL, 0));
}

const struct sco_package *sco_pool_package(struct sco_pool *p, const struct sco_package *k)
{
    return intern(p, VIEW(k, sizeof *k), VIEW(NULL, 0)); /* five pointers: no padding */
}

size_t sco_pool_size(const struct sco_pool *p)
{
    size_t slot = sizeof(uint32_t) + sizeof(void *);
    return sizeof *p + p->arena.used + (p->texts.cap + p->records.cap) * slot;
}
