/* What a set keeps beside its public members: interned keys, texts, line tables. Between build.c,
 * set.c and place.c. */
#pragma once

#include "iac_priv.h"

/* An interned key. The text is what nodes point to; the rest serves one map at a time while it is
 * sealed: `stamp` says which, so that finding a repeated key costs nothing per key. */
struct iac_keyed {
    uint32_t hash, n;
    uint64_t stamp;
    uint32_t tag; /* as a YAML tag: index into the set's tags plus 1 */
    char text[];
};

struct iac_impl {
    struct iac_keyed **keys; /* open addressing, cap a power of two */
    size_t n_keys, cap_keys;
    uint64_t seed, stamp;
    bool full;    /* SCO_IAC_NODES_MAX was met */
    char **texts; /* taken over, malloc'd */
    size_t n_texts, cap_texts;
    struct sco_arena late; /* line tables: made when a set is otherwise only read */
};
struct iac_impl *iac_impl(struct sco_iac_set *s); /* made on first use; NULL: no memory */

/* Marks keys: true when the key has this mark already. A new mark is unlike all before it; it ends
 * when a map is sealed. 0: no memory. */
uint64_t iac_stamp_new(struct sco_iac_set *s);
bool iac_stamp(const char *key, uint64_t stamp);

/* Notes that a key of the map was there more than once. */
int iac_note_repeated(struct sco_iac_set *s, const struct sco_iac_node *map, const char *key);

/* Line and column of a byte. `m` NULL: without a table. */
void iac_text_place(struct iac_impl *m, struct sco_iac_text *t, uint32_t pos, uint32_t *ret_line,
                    uint32_t *ret_column);

/* ---- overlay.c ----
 * A map laid over another; the result is MADE and lies where the upper one does. */
struct iac_overlay_rules {   /* lists of keys, NULL-terminated or NULL */
    const char *const *join; /* lists of both are joined, the lower first */
    const char *const *drop; /* not in the result */
    bool tags;               /* `!reset x` removes, `!override x` replaces what is below */
};
int iac_overlay(struct sco_iac_set *s, const struct sco_iac_node *base,
                const struct sco_iac_node *over, const struct iac_overlay_rules *rules,
                struct sco_iac_node *ret);

/* Fills in the variables of a Compose file, in place. */
int iac_interpolate(struct sco_iac_set *s, struct sco_iac_node *v);
