/* Secrets at rest (AES-256-GCM), keys out of keys (HKDF), and what both are written in. */
#include <secureops/crypto.h>

#include <nettle/base64.h>
#include <nettle/gcm.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>

enum { VERSION = 1, NONCE_LEN = GCM_IV_SIZE, TAG_LEN = GCM_DIGEST_SIZE };
_Static_assert(SCO_SEAL_EXTRA == 1 + NONCE_LEN + TAG_LEN, "the form of what is sealed");

static void start(struct gcm_aes256_ctx *ctx, const uint8_t *key, const uint8_t *nonce,
                  struct sco_str context)
{
    gcm_aes256_set_key(ctx, key);
    gcm_aes256_set_iv(ctx, NONCE_LEN, nonce);
    if (context.n)
        gcm_aes256_update(ctx, context.n, (const uint8_t *)context.p);
}

int sco_seal(const uint8_t key[SCO_SEAL_KEY_LEN], struct sco_str context, struct sco_str plain,
             struct sco_buf *out, struct sco_error *err)
{
    struct gcm_aes256_ctx ctx;
    uint8_t head[1 + NONCE_LEN] = {VERSION}, tag[TAG_LEN];
    if (plain.n > SIZE_MAX / 2 || sco_buf_reserve(out, plain.n + SCO_SEAL_EXTRA) < 0)
        return sco_error_nomem(err);
    if (sco_random(head + 1, NONCE_LEN) < 0)
        return sco_error_set(err, SCO_E_IO, "no random bytes can be had");
    start(&ctx, key, head + 1, context);
    sco_buf_add(out, sco_str_make((const char *)head, sizeof head));
    gcm_aes256_encrypt(&ctx, plain.n, (uint8_t *)out->p + out->n,
                       (const uint8_t *)(plain.p ? plain.p : ""));
    out->n += plain.n;
    gcm_aes256_digest(&ctx, TAG_LEN, tag);
    sco_buf_add(out, sco_str_make((const char *)tag, TAG_LEN));
    sco_wipe(&ctx, sizeof ctx);
    return 0;
}

int sco_unseal(const uint8_t key[SCO_SEAL_KEY_LEN], struct sco_str context, struct sco_str sealed,
               struct sco_buf *out, struct sco_error *err)
{
    struct gcm_aes256_ctx ctx;
    uint8_t tag[TAG_LEN];
    const uint8_t *p = (const uint8_t *)sealed.p;
    if (sealed.n < SCO_SEAL_EXTRA || p[0] != VERSION)
        return sco_error_set(err, SCO_E_PERMISSION, "not sealed by this program");
    size_t n = sealed.n - SCO_SEAL_EXTRA;
    if (sco_buf_reserve(out, n + 1) < 0)
        return sco_error_nomem(err);
    uint8_t *plain = (uint8_t *)out->p + out->n;
    start(&ctx, key, p + 1, context);
    gcm_aes256_decrypt(&ctx, n, plain, p + 1 + NONCE_LEN);
    gcm_aes256_digest(&ctx, TAG_LEN, tag);
    sco_wipe(&ctx, sizeof ctx);
    if (!sco_equal_secret(tag, p + sealed.n - TAG_LEN, TAG_LEN)) {
        sco_wipe(plain, n);
        return sco_error_set(err, SCO_E_PERMISSION,
                             "sealed with another key, for something else, or changed since");
    }
    out->n += n;
    return 0;
}

int sco_hkdf(struct sco_str key, const char *info, uint8_t *out, size_t n)
{
    static const uint8_t salt[SCO_SHA256_LEN]; /* RFC 5869: absent is as many zeros */
    struct hmac_sha256_ctx ctx;
    uint8_t prk[SCO_SHA256_LEN];
    if (n > 255 * SCO_SHA256_LEN)
        return SCO_E_LIMIT;
    hmac_sha256_set_key(&ctx, sizeof salt, salt);
    hkdf_extract(&ctx, (nettle_hash_update_func *)hmac_sha256_update,
                 (nettle_hash_digest_func *)hmac_sha256_digest, SCO_SHA256_LEN, key.n,
                 (const uint8_t *)(key.p ? key.p : ""), prk);
    hmac_sha256_set_key(&ctx, sizeof prk, prk);
    hkdf_expand(&ctx, (nettle_hash_update_func *)hmac_sha256_update,
                (nettle_hash_digest_func *)hmac_sha256_digest, SCO_SHA256_LEN, strlen(info),
                (const uint8_t *)info, n, out);
    sco_wipe(&ctx, sizeof ctx);
    sco_wipe(prk, sizeof prk);
    return 0;
}

bool sco_equal_secret(const void *a, const void *b, size_t n)
{
    return memeql_sec(a, b, n) != 0;
}

void sco_wipe(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

/* ---- base64 ---- */
void sco_base64_encode(struct sco_str bytes, struct sco_buf *out)
{
    size_t n = BASE64_ENCODE_RAW_LENGTH(bytes.n);
    if (sco_buf_reserve(out, n + 1) < 0)
        return; /* `failed` is set */
    base64_encode_raw(out->p + out->n, bytes.n, (const uint8_t *)(bytes.p ? bytes.p : ""));
    out->n += n;
}

void sco_base64url_encode(struct sco_str bytes, struct sco_buf *out)
{
    size_t from = out->n;
    sco_base64_encode(bytes, out);
    for (size_t i = from; i < out->n; i++) {
        char *c = &out->p[i];
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    }
    while (out->n > from && out->p[out->n - 1] == '=')
        out->n--;
}

static int url_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '-'             ? 62
           : c == '_'             ? 63
                                  : -1;
}

bool sco_base64url_decode(struct sco_str text, uint8_t *out, size_t cap, size_t *ret_n)
{
    uint32_t bits = 0;
    size_t n = 0, have = 0;
    for (size_t i = 0; i < text.n; i++) {
        int d = url_digit(text.p[i]);
        if (d < 0)
            return false;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have < 8)
            continue;
        if (n == cap)
            return false;
        have -= 8;
        out[n++] = (uint8_t)(bits >> have);
    }
    /* one text for each sequence of bytes: what is left over is zero, and less than a digit */
    if (have >= 6 || (bits & ((1u << have) - 1)))
        return false;
    *ret_n = n;
    return true;
}
