/* Cryptography for plugins (struct sco_crypto_api): what a webhook or a token needs, over
 * core/crypto. Signing, sealing and gzip are in a module of their own, loaded when first asked for.
 */
#include "host_priv.h"

#include <secureops/crypto.h>

static int api_hmac(const struct sco_host *h, struct sco_str key, struct sco_str text,
                    unsigned char *out)
{
    (void)h;
    return sco_hmac_sha256(key, text, out);
}

static void api_sha256(const struct sco_host *h, struct sco_str text, unsigned char *out)
{
    (void)h;
    sco_sha256_of(text, out);
}

/* A secret that was never set proves nothing, also not to somebody who sends nothing. */
static int api_equal(const struct sco_host *h, struct sco_str given, struct sco_str secret)
{
    (void)h;
    if (!secret.n)
        return 0;
    volatile unsigned char differs = given.n != secret.n;
    for (size_t i = 0, k = 0; i < given.n; i++, k = k + 1 < secret.n ? k + 1 : 0)
        differs = (unsigned char)(differs | (unsigned char)(given.p[i] ^ secret.p[k]));
    return !differs;
}

static struct sco_str keep(const struct sco_host *h, const void *p, size_t n)
{
    char *out = h->tmp(h, n + 1);
    if (out && n)
        memcpy(out, p, n);
    return sco_str_make(out, out ? n : 0);
}

static struct sco_str api_encode(const struct sco_host *h, struct sco_str bytes, int url)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (url)
        sco_base64url_encode(bytes, &b);
    else
        sco_base64_encode(bytes, &b);
    return b.failed ? sco_str_make(NULL, 0) : keep(h, b.p, b.n);
}

/* Strict: what is not the one encoding of its bytes is malformed. */
static struct sco_str api_decode(const struct sco_host *h, struct sco_str text, int url)
{
    uint8_t *out = h->tmp(h, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ')
            return sco_str_make(NULL, 0);
    bool good = out && (url ? sco_base64url_decode(text, out, text.n + 1, &n)
                            : sco_base64_decode(text, out, text.n + 1, &n));
    return good ? sco_str_make((const char *)out, n) : sco_str_make(NULL, 0);
}

static int give(const struct sco_host *h, int r, const struct sco_buf *b, struct sco_str *ret,
                struct sco_error *err, struct sco_errbuf *e)
{
    char *p = r == 0 ? h->alloc(h, b->n + 1) : NULL;
    if (r == 0 && !p)
        r = sco_error_nomem(err);
    if (r < 0)
        return sco_error_to_errbuf(err, r, e);
    if (b->n)
        memcpy(p, b->p, b->n);
    *ret = sco_str_make(p, b->n);
    return 0;
}

static int api_sign_rs256(const struct sco_host *h, struct sco_str pem, struct sco_str text,
                          struct sco_str *ret, struct sco_errbuf *e)
{
    const struct sco_sign_module *m = NULL;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err = {0};
    int r = host_sign(&m, &err);
    return give(h, r < 0 ? r : m->rs256(pem, text, &b, &err), &b, ret, &err, e);
}

static int api_gzip(const struct sco_host *h, struct sco_str bytes, struct sco_str *ret,
                    struct sco_errbuf *e)
{
    const struct sco_sign_module *m = NULL;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err = {0};
    int r = host_sign(&m, &err);
    return give(h, r < 0 ? r : m->gzip(bytes, &b, &err), &b, ret, &err, e);
}

static int api_seal(const struct sco_host *h, struct sco_str secret, struct sco_str what,
                    struct sco_str text, struct sco_str *ret, struct sco_errbuf *e)
{
    const struct sco_sign_module *m = NULL;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err = {0};
    int r = host_sign(&m, &err);
    return give(h, r < 0 ? r : m->seal(secret, what, text, &b, &err), &b, ret, &err, e);
}

static int api_unseal(const struct sco_host *h, struct sco_str secret, struct sco_str what,
                      struct sco_str sealed, struct sco_str *ret, struct sco_errbuf *e)
{
    const struct sco_sign_module *m = NULL;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err = {0};
    int r = host_sign(&m, &err);
    r = give(h, r < 0 ? r : m->unseal(secret, what, sealed, &b, &err), &b, ret, &err, e);
    if (b.p)
        sco_wipe(b.p, b.cap);
    return r;
}

const struct sco_crypto_api host_crypto_api = {
    .struct_size = sizeof(struct sco_crypto_api),
    .hmac_sha256 = api_hmac,
    .sha256 = api_sha256,
    .equal = api_equal,
    .base64_encode = api_encode,
    .base64_decode = api_decode,
    .sign_rs256 = api_sign_rs256,
    .gzip = api_gzip,
    .seal = api_seal,
    .unseal = api_unseal,
};
