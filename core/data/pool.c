/* The strings and small immutable records of a scan's findings, each distinct content once.
 *
 * Memory comes in chunks of 16 MiB that never move, so a 32-bit number (chunk, offset / 8) names an
 * item, and a slot of the two hash tables (texts; records) is 8 bytes: a hash and such a number.
 * Tables grow without touching the items. Content is compared on a hit, so a collision costs time
 * only; the hash is seeded per pool. Nothing is removed. */
#include "finding_priv.h"

#include <secureops/crypto.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    CHUNK = 16 << 20, /* the system gives what is touched of it */
    CHUNK_BITS = 21,
    CHUNKS_MAX = 1 << (32 - CHUNK_BITS),
    LARGE_PAGE = 2 << 20,
};

/* Both kinds of content stand behind their length. */
struct text {
    uint32_t n;
    char p[];
};
struct record {
    uint32_t n;
    _Alignas(8) char p[];
};

struct slot {
    uint32_t hash;
    uint32_t item; /* number of the item, from 1; 0: free */
};

struct table {
    struct slot *v;
    size_t n, cap;
};

struct sco_pool {
    char **chunks;
    size_t n_chunks, cap_chunks;
    size_t used;  /* of the last chunk */
    size_t bytes; /* of all chunks */
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

struct sco_pool *sco_pool_free(struct sco_pool *p)
{
    if (p) {
        for (size_t i = 0; i < p->n_chunks; i++)
            free(p->chunks[i]);
        free((void *)p->chunks);
        free(p->texts.v);
        free(p->records.v);
    }
    free(p);
    return NULL;
}

/* Texts are looked up all over the pool: with large pages, few of the looks need a walk through the
 * tables of the processor. A small scan stays in front of the first of them. No more than a wish.
 */
static void want_large_pages(char *chunk, size_t size)
{
    uintptr_t mask = LARGE_PAGE - 1, at = (uintptr_t)chunk;
    uintptr_t from = (at + LARGE_PAGE + mask) & ~mask, end = (at + size) & ~mask;
    if (from < end)
        madvise(chunk + (from - at), end - from, MADV_HUGEPAGE);
}

/* n bytes, aligned to 8; *ret_item is their number. More than a chunk gets one of its own. */
static void *take(struct sco_pool *p, size_t n, uint32_t *ret_item)
{
    size_t size = n > CHUNK ? n : CHUNK;
    if (!p->n_chunks || n > CHUNK - p->used) {
        if (p->n_chunks == CHUNKS_MAX - 1 ||
            SCO_VEC_PUSH(p->chunks, p->n_chunks, p->cap_chunks) < 0)
            return NULL;
        char *chunk = sco_grow(NULL, size, 1);
        if (!chunk)
            return NULL;
        want_large_pages(chunk, size);
        p->chunks[p->n_chunks++] = chunk;
        p->bytes += size;
        p->used = 0;
    }
    size_t at = p->used;
    p->used = n > CHUNK ? CHUNK : (at + n + 7) & ~(size_t)7;
    *ret_item = ((uint32_t)(p->n_chunks - 1) << CHUNK_BITS | (uint32_t)(at / 8)) + 1;
    return p->chunks[p->n_chunks - 1] + at;
}

static const void *item(const struct sco_pool *p, uint32_t number)
{
    number--;
    return p->chunks[number >> CHUNK_BITS] + (size_t)(number & ((1u << CHUNK_BITS) - 1)) * 8;
}

static int table_grow(struct table *t)
{
    size_t cap = t->cap ? t->cap * 2 : 1024;
    struct slot *v = sco_alloc(cap, sizeof *v);
    if (!v)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < t->cap; i++) {
        if (!t->v[i].item)
            continue;
        size_t j = t->v[i].hash & (cap - 1);
        while (v[j].item)
            j = (j + 1) & (cap - 1);
        v[j] = t->v[i];
    }
    free(t->v);
    t->v = v;
    t->cap = cap;
    return 0;
}

/* Makes room for one more; at most 7/8 full. */
static int table_reserve(struct table *t)
{
    return t->n * 8 >= t->cap * 7 ? table_grow(t) : 0;
}

const char *sco_pool_str(struct sco_pool *p, struct sco_str s)
{
    struct table *t = &p->texts;
    uint32_t number;
    if (!s.p || s.n >= UINT32_MAX || table_reserve(t) < 0)
        return NULL;
    uint32_t hash = (uint32_t)sco_hash(s.p, s.n, p->seed);
    size_t i = hash & (t->cap - 1);
    for (; t->v[i].item; i = (i + 1) & (t->cap - 1)) {
        if (t->v[i].hash != hash)
            continue;
        const struct text *x = item(p, t->v[i].item);
        if (x->n == s.n && memcmp(x->p, s.p, s.n) == 0)
            return x->p;
    }
    struct text *x = take(p, sizeof *x + s.n + 1, &number);
    if (!x)
        return NULL;
    x->n = (uint32_t)s.n;
    memcpy(x->p, s.p, s.n);
    x->p[s.n] = 0;
    t->v[i] = (struct slot){hash, number};
    t->n++;
    return x->p;
}

/* The pool's copy of a record given in two pieces. Padding must be zero. */
static const void *intern(struct sco_pool *p, struct sco_str a, struct sco_str b)
{
    struct table *t = &p->records;
    uint32_t number;
    size_t n;
    if (__builtin_add_overflow(a.n, b.n, &n) || n >= UINT32_MAX || table_reserve(t) < 0)
        return NULL;
    uint32_t hash = (uint32_t)sco_hash(b.p, b.n, sco_hash(a.p, a.n, p->seed));
    size_t i = hash & (t->cap - 1);
    for (; t->v[i].item; i = (i + 1) & (t->cap - 1)) {
        if (t->v[i].hash != hash)
            continue;
        const struct record *x = item(p, t->v[i].item);
        if (x->n == n && memcmp(x->p, a.p, a.n) == 0 && (!b.n || memcmp(x->p + a.n, b.p, b.n) == 0))
            return x->p;
    }
    struct record *x = take(p, sizeof *x + n, &number);
    if (!x)
        return NULL;
    x->n = (uint32_t)n;
    memcpy(x->p, a.p, a.n);
    if (b.n)
        memcpy(x->p + a.n, b.p, b.n);
    t->v[i] = (struct slot){hash, number};
    t->n++;
    return x->p;
}

void *sco_pool_alloc(struct sco_pool *p, size_t n)
{
    uint32_t number;
    void *m = n > SIZE_MAX - 8 ? NULL : take(p, n, &number);
    return m ? memset(m, 0, n) : NULL;
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
    return intern_list(p, v, n, sizeof(void *));
}

const struct sco_tools *sco_pool_tools(struct sco_pool *p, const struct sco_tool *const *v,
                                       uint32_t n)
{
    _Static_assert(offsetof(struct sco_tools, v) == 8, "count and padding");
    return intern_list(p, v, n, sizeof(void *));
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
    size_t unused = p->n_chunks ? CHUNK - p->used : 0;
    return sizeof *p + p->bytes - unused + (p->texts.cap + p->records.cap) * sizeof(struct slot);
}
