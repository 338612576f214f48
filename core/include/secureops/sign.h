/* Signatures, sealing and compression for plugins: a shared object of its own (sign.so), so that
 * only the jobs that sign load GMP. The module is part of the same build as the host: `struct_size`
 * is the check that it is. */
#pragma once

#include <secureops/base.h>

#define SCO_SIGN_MODULE_SYMBOL "sco_sign_module_v1"

struct sco_sign_module {
    uint32_t struct_size;
    uint32_t reserved;
    /* RS256; see sco_rs256_sign. Appends. */
    int (*rs256)(struct sco_str pem, struct sco_str text, struct sco_buf *out,
                 struct sco_error *err);
    /* The same bytes give the same bytes: no name, no time. Appends. */
    int (*gzip)(struct sco_str bytes, struct sco_buf *out, struct sco_error *err);
    /* sco_seal and sco_unseal under a key out of `secret`. Append. */
    int (*seal)(struct sco_str secret, struct sco_str what, struct sco_str text,
                struct sco_buf *out, struct sco_error *err);
    int (*unseal)(struct sco_str secret, struct sco_str what, struct sco_str sealed,
                  struct sco_buf *out, struct sco_error *err);
};

SCO_EXPORT const struct sco_sign_module *sco_sign_module_v1(void);
typedef const struct sco_sign_module *(*sco_sign_module_fn)(void);
