/* Texts that were sent before: by number, from their second coming on.
 *
 * A text has one hash, with a key of this process. `seen` remembers the hashes of texts that came
 * once; the tables hold those that came again, and got a number. */
#include "encoder_priv.h"

#include <stdlib.h>
#include <sys/random.h>

static int grow(struct enc_known *k)
{
    uint32_t cap = k->cap ? k->cap * 2 : 64;
    struct enc_definition **v = sco_alloc(cap, sizeof(struct enc_definition *));
    if (!v)
        return SCO_E_NOMEM;
    for (uint32_t i = 0; i < k->cap; i++) {
        if (!k->v[i])
            continue;
        size_t at = k->v[i]->hash & (cap - 1);
        while (v[at])
            at = (at + 1) & (cap - 1);
        v[at] = k->v[i];
    }
    free(k->v);
    k->v = v;
    k->cap = cap;
    return 0;
}

static struct enc_definition *find(const struct enc_known *k, uint64_t hash, struct sco_str s)
{
    for (size_t at = hash & (k->cap - 1); k->cap && k->v[at]; at = (at + 1) & (k->cap - 1))
        if (k->v[at]->hash == hash && sco_str_eq(k->v[at]->text, s))
            return k->v[at];
    return NULL;
}

/* NULL: it goes out as text. */
static struct enc_definition *add(struct sco_encoder *e, struct enc_known *k, uint64_t hash,
                                  struct sco_str s)
{
    const struct enc_known *all = e->known;
    if (all[ENC_TEXTS].n + all[ENC_OBJECTS].n >= WIRE_DEFINITIONS_MAX ||
        e->n_pending == ENC_PENDING_MAX || e->definition_memory.used > 2 * ENC_DEFINITION_BYTES ||
        (k->n * 2 >= k->cap && grow(k) < 0))
        return NULL;
    struct enc_definition *d = sco_arena_alloc(&e->definition_memory, sizeof *d);
    struct sco_str copy = d ? sco_arena_str(&e->definition_memory, s) : sco_str_make(NULL, 0);
    if (!copy.p)
        return NULL;
    *d = (struct enc_definition){.hash = hash, .text = copy};
    size_t at = hash & (k->cap - 1);
    while (k->v[at])
        at = (at + 1) & (k->cap - 1);
    k->v[at] = d;
    k->n++;
    return d;
}

bool enc_is_known(struct sco_encoder *e, enum enc_kind kind, struct sco_str s, uint32_t *ret_number,
                  bool *ret_define)
{
    if (!e->hash_key) {
        if (getrandom(&e->hash_key, sizeof e->hash_key, GRND_NONBLOCK) < 0)
            e->hash_key = (uint64_t)(uintptr_t)e;
        e->hash_key |= 1;
    }
    uint64_t hash = sco_hash(s.p, s.n, e->hash_key);
    *ret_define = false;
    struct enc_definition *d = find(&e->known[kind], hash, s);
    if (d) {
        *ret_number = d->number - 1;
        return d->number != 0;
    }
    uint32_t mark = (uint32_t)(hash >> 32) | 1, *seen = &e->seen[mark / 2 % ENC_SEEN];
    if (*seen != mark) {
        *seen = mark;
        return false;
    }
    d = add(e, &e->known[kind], hash, s);
    if (d)
        e->pending[e->n_pending++] = d;
    *ret_define = d != NULL;
    return false;
}

void enc_known_sent(struct sco_encoder *e)
{
    for (uint32_t i = 0; i < e->n_pending; i++)
        e->pending[i]->number = ++e->n_definitions;
}

void enc_known_free(struct sco_encoder *e)
{
    free(e->known[ENC_TEXTS].v);
    free(e->known[ENC_OBJECTS].v);
    sco_arena_done(&e->definition_memory);
}
