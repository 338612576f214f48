/* What a set keeps beside its public members: interned keys, texts, line tables. Between build.c,
 * set.c and place.c. */
#pragma once

#include "iac_priv.h"

/* An interned key. The text is what nodes point to; the rest serves one map at a time while it is
 * sealed: `stamp` says which, so that finding a repeated key costs nothing per key. */
struct iac_keyed {
    uint32_t hash, n;
    uint64_t stamp;
    char text[];
};

struct iac_impl {
    struct iac_keyed **keys; /* open addressing, cap a power of two */
    size_t n_keys, cap_keys;
    uint64_t seed, stamp;
    struct sco_arena late; /* line tables: made when a set is otherwise only read */
};
struct iac_impl *iac_impl(struct sco_iac_set *s); /* made on first use; NULL: no memory */

/* Line and column of a byte. `m` NULL: without a table. */
void iac_text_place(struct iac_impl *m, struct sco_iac_text *t, uint32_t pos, uint32_t *ret_line,
                    uint32_t *ret_column);
