/* SHA-256 and HMAC: buffering, padding, fields. Objects belong to one thread at a time. */
#include <secureops/crypto.h>

#include "sha256_priv.h"

#include <stdlib.h>

enum { LENGTH_SIZE = 8 }; /* what ends the last block */

struct sco_sha256 {
    sha256_blocks_fn blocks;
    uint32_t state[8];
    uint64_t total; /* bytes */
    size_t n;       /* of them waiting in `block` */
    bool failed;
    uint8_t block[SHA256_BLOCK];
};

struct sco_sha256 *sco_sha256_new(void)
{
    struct sco_sha256 *h = sco_alloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->blocks = sha256_choose();
    sco_sha256_begin(h);
    return h;
}

struct sco_sha256 *sco_sha256_free(struct sco_sha256 *h)
{
    free(h);
    return NULL;
}

void sco_sha256_begin(struct sco_sha256 *h)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, start, sizeof start);
    h->total = 0;
    h->n = 0;
    h->failed = false;
}

void sco_sha256_add(struct sco_sha256 *h, struct sco_str bytes)
{
    h->total += bytes.n;
    while (bytes.n) {
        size_t n = SHA256_BLOCK - h->n;
        if (!h->n && bytes.n >= SHA256_BLOCK) { /* without a copy */
            n = bytes.n - bytes.n % SHA256_BLOCK;
            h->blocks(h->state, (const uint8_t *)bytes.p, n / SHA256_BLOCK);
        } else {
            n = n < bytes.n ? n : bytes.n;
            memcpy(h->block + h->n, bytes.p, n);
            h->n = (h->n + n) % SHA256_BLOCK;
            if (!h->n)
                h->blocks(h->state, h->block, 1);
        }
        bytes = sco_str_make(bytes.p + n, bytes.n - n);
    }
}

static void put_be(uint8_t *out, uint64_t v, size_t n)
{
    while (n--) {
        out[n] = (uint8_t)v;
        v >>= 8;
    }
}

void sco_sha256_field(struct sco_sha256 *h, struct sco_str field)
{
    if (field.n >= UINT32_MAX)
        h->failed = true; /* would read as "absent" or as a shorter field */
    uint8_t len[4];
    put_be(len, field.p ? field.n : UINT32_MAX, sizeof len);
    sco_sha256_add(h, sco_str_make((const char *)len, sizeof len));
    if (field.p)
        sco_sha256_add(h, field);
}

int sco_sha256_end(struct sco_sha256 *h, uint8_t out[SCO_SHA256_LEN])
{
    if (h->failed || h->total > UINT64_MAX / 8)
        return SCO_E_INTERNAL;
    h->block[h->n++] = 0x80;
    if (h->n > SHA256_BLOCK - LENGTH_SIZE) { /* no room for the length */
        memset(h->block + h->n, 0, SHA256_BLOCK - h->n);
        h->blocks(h->state, h->block, 1);
        h->n = 0;
    }
    memset(h->block + h->n, 0, SHA256_BLOCK - LENGTH_SIZE - h->n);
    put_be(h->block + SHA256_BLOCK - LENGTH_SIZE, h->total * 8, LENGTH_SIZE);
    h->blocks(h->state, h->block, 1);
    for (size_t i = 0; i < 8; i++)
        put_be(out + 4 * i, h->state[i], 4);
    return 0;
}

/* H(key ^ outer, H(key ^ inner, text)), the key padded to a block, or digested when it is longer. */
int sco_hmac_sha256(struct sco_str key, struct sco_str text, uint8_t out[SCO_SHA256_LEN])
{
    struct sco_sha256 h = {.blocks = sha256_choose()};
    uint8_t pad[SHA256_BLOCK] = {0}, inner[SCO_SHA256_LEN];
    int r = 0;
    if (key.n > sizeof pad) {
        sco_sha256_begin(&h);
        sco_sha256_add(&h, key);
        r = sco_sha256_end(&h, pad);
    } else if (key.n) {
        memcpy(pad, key.p, key.n);
    }
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    sco_sha256_begin(&h);
    sco_sha256_add(&h, sco_str_make((const char *)pad, sizeof pad));
    sco_sha256_add(&h, text);
    if (r == 0)
        r = sco_sha256_end(&h, inner);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5C;
    sco_sha256_begin(&h);
    sco_sha256_add(&h, sco_str_make((const char *)pad, sizeof pad));
    sco_sha256_add(&h, sco_str_make((const char *)inner, sizeof inner));
    if (r == 0)
        r = sco_sha256_end(&h, out);
    explicit_bzero(pad, sizeof pad);
    explicit_bzero(&h, sizeof h);
    return r;
}
