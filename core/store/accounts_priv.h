/* Shared by users.c, tokens.c, secrets.c, audit.c. */
#pragma once

#include "store_priv.h"

#include <secureops/store_accounts.h>

static inline struct store_value sv_uuid(const uint8_t id[16])
{
    return sv_bytes(STORE_UUID, id, 16);
}

/* A cursor is the number of the last row of the page before. NULL: `first`. */
int accounts_cursor(const char *cursor, int64_t first, int64_t *ret,
                    struct sco_error *err) SCO_NODISCARD;
int accounts_limit(uint32_t limit, size_t *ret, struct sco_error *err) SCO_NODISCARD;
/* SCO_E_NOT_FOUND: no id, so nobody has it. */
int accounts_id(const char *id, const char *what, uint8_t ret[16],
                struct sco_error *err) SCO_NODISCARD;
/* The digest of a row or the like: 32 bytes, or SCO_E_FORMAT. */
int accounts_digest(const struct store_value *v, uint8_t ret[32]) SCO_NODISCARD;
int accounts_take_i64(void *user, const struct store_value *v, size_t n);
/* DELETE or UPDATE: how many. */
int accounts_change(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                    uint64_t *ret, struct sco_error *err) SCO_NODISCARD;
