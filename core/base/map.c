/* Hash map, open addressing with linear probing; at most 3/4 full. No removal. */
#include <secureops/base.h>

#include <stdlib.h>
#include <sys/random.h>

struct sco_map_slot {
    const char *key; /* NULL: free */
    uint32_t key_n, hash;
    void *value;
};

/* wyhash-like mixing by 64x64 -> 128 multiplication. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t m = (__uint128_t)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t load(const unsigned char *p, size_t n)
{
    uint64_t v = 0;
    if (n) /* p may be NULL then */
        memcpy(&v, p, n);
    return v;
}

uint64_t sco_hash(const void *data, size_t n, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ 0x9E3779B97F4A7C15u ^ n;
    for (; n >= 16; p += 16, n -= 16)
        h = mix(load(p, 8) ^ 0xA0761D6478BD642Fu, load(p + 8, 8) ^ h);
    if (n > 8) {
        h = mix(load(p, 8) ^ 0xE7037ED1A0B428DBu, h ^ n);
        p += 8;
        n -= 8;
    }
    return mix(mix(load(p, n) ^ 0x8EBC6AF09C88C6E3u, h), 0x589965CC75374CC3u);
}

static struct sco_map_slot *find(const struct sco_map *m, struct sco_str key, uint32_t hash)
{
    size_t mask = m->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct sco_map_slot *s = &m->slots[i];
        if (!s->key ||
            (s->hash == hash && s->key_n == key.n && (!key.n || memcmp(s->key, key.p, key.n) == 0)))
            return s;
    }
}

static int grow(struct sco_map *m)
{
    size_t cap = m->cap ? m->cap * 2 : 16;
    struct sco_map_slot *slots = sco_alloc(cap, sizeof *slots);
    if (!slots)
        return SCO_E_NOMEM;
    if (!m->seed && getrandom(&m->seed, sizeof m->seed, GRND_NONBLOCK) < 0)
        m->seed = (uint64_t)(uintptr_t)slots;
    m->seed |= 1;
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->slots[i].key)
            continue;
        size_t j = m->slots[i].hash & (cap - 1);
        while (slots[j].key)
            j = (j + 1) & (cap - 1);
        slots[j] = m->slots[i];
    }
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return 0;
}

void *sco_map_get(const struct sco_map *m, struct sco_str key)
{
    if (!m->n)
        return NULL;
    struct sco_map_slot *s = find(m, key, (uint32_t)sco_hash(key.p, key.n, m->seed));
    return s->key ? s->value : NULL;
}

bool sco_map_has(const struct sco_map *m, struct sco_str key)
{
    return m->n && find(m, key, (uint32_t)sco_hash(key.p, key.n, m->seed))->key;
}

void **sco_map_put(struct sco_map *m, struct sco_str key, const char **ret_key)
{
    if (key.n > UINT32_MAX || (m->n * 4 >= m->cap * 3 && grow(m) < 0))
        return NULL;
    uint32_t hash = (uint32_t)sco_hash(key.p, key.n, m->seed);
    struct sco_map_slot *s = find(m, key, hash);
    if (!s->key) {
        const char *copy = sco_arena_cstr(&m->keys, key);
        if (!copy)
            return NULL;
        *s = (struct sco_map_slot){.key = copy, .key_n = (uint32_t)key.n, .hash = hash};
        m->n++;
    }
    if (ret_key)
        *ret_key = s->key;
    return &s->value;
}

bool sco_map_next(const struct sco_map *m, size_t *pos, struct sco_str *ret_key, void **ret_value)
{
    for (; *pos < m->cap; ++*pos) {
        const struct sco_map_slot *s = &m->slots[*pos];
        if (!s->key)
            continue;
        if (ret_key)
            *ret_key = sco_str_make(s->key, s->key_n);
        if (ret_value)
            *ret_value = s->value;
        ++*pos;
        return true;
    }
    return false;
}

void sco_map_done(struct sco_map *m)
{
    free(m->slots);
    sco_arena_done(&m->keys);
    *m = (struct sco_map){0};
}

void sco_map_cleanup_(struct sco_map *m)
{
    sco_map_done(m);
}
