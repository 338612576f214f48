/* SHA-256 and HMAC by Nettle, which loads in a tenth of a millisecond (docs/adr/0011). Objects
 * belong to one thread at a time. */
#include <secureops/crypto.h>

#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <stdlib.h>

struct sco_sha256 {
    struct sha256_ctx ctx;
    bool failed;
};

struct sco_sha256 *sco_sha256_new(void)
{
    struct sco_sha256 *h = sco_alloc(1, sizeof *h);
    if (h)
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
    sha256_init(&h->ctx);
    h->failed = false;
}

void sco_sha256_add(struct sco_sha256 *h, struct sco_str bytes)
{
    if (bytes.n)
        sha256_update(&h->ctx, bytes.n, (const uint8_t *)bytes.p);
}

void sco_sha256_field(struct sco_sha256 *h, struct sco_str field)
{
    if (field.n >= UINT32_MAX)
        h->failed = true; /* would read as "absent" or as a shorter field */
    uint32_t n = field.p ? (uint32_t)field.n : UINT32_MAX;
    const uint8_t len[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    sha256_update(&h->ctx, sizeof len, len);
    if (field.p)
        sco_sha256_add(h, field);
}

int sco_sha256_end(struct sco_sha256 *h, uint8_t out[SCO_SHA256_LEN])
{
    if (h->failed)
        return SCO_E_INTERNAL;
    sha256_digest(&h->ctx, SCO_SHA256_LEN, out);
    return 0;
}

void sco_sha256_of(struct sco_str bytes, uint8_t out[SCO_SHA256_LEN])
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    if (bytes.n)
        sha256_update(&ctx, bytes.n, (const uint8_t *)bytes.p);
    sha256_digest(&ctx, SCO_SHA256_LEN, out);
    explicit_bzero(&ctx, sizeof ctx); /* it may have been a token */
}

int sco_hmac_sha256(struct sco_str key, struct sco_str text, uint8_t out[SCO_SHA256_LEN])
{
    struct hmac_sha256_ctx ctx;
    hmac_sha256_set_key(&ctx, key.n, (const uint8_t *)(key.p ? key.p : ""));
    if (text.n)
        hmac_sha256_update(&ctx, text.n, (const uint8_t *)text.p);
    hmac_sha256_digest(&ctx, SCO_SHA256_LEN, out);
    explicit_bzero(&ctx, sizeof ctx);
    return 0;
}
