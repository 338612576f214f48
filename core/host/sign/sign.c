/* The module sign.so: RS256 and AES-GCM by Nettle, gzip by zlib. */
#include <secureops/sign.h>

#include <secureops/crypto.h>

#include <zlib.h>

#define KEY_USE "secureops plugin seal 1"

enum { GZIP_WINDOW = 15 + 16, CHUNK = 64 << 10, STEP_MAX = 1 << 30 };

static int deflate_all(z_stream *z, struct sco_str bytes, struct sco_buf *out)
{
    int r = Z_OK;
    size_t at = 0;
    while (r != Z_STREAM_END) {
        if (sco_buf_reserve(out, CHUNK) < 0)
            return SCO_E_NOMEM;
        if (z->avail_in == 0) {
            size_t n = bytes.n - at < STEP_MAX ? bytes.n - at : STEP_MAX;
            z->next_in = (Bytef *)(uintptr_t)(bytes.p + at);
            z->avail_in = (uInt)n;
            at += n;
        }
        z->next_out = (Bytef *)out->p + out->n;
        z->avail_out = CHUNK;
        r = deflate(z, at == bytes.n ? Z_FINISH : Z_NO_FLUSH);
        if (r != Z_OK && r != Z_STREAM_END)
            return SCO_E_INTERNAL;
        out->n += CHUNK - z->avail_out;
    }
    return 0;
}

static int gzip(struct sco_str bytes, struct sco_buf *out, struct sco_error *err)
{
    z_stream z = {0};
    size_t before = out->n;
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return sco_error_nomem(err);
    int r = deflate_all(&z, sco_str_make(bytes.p ? bytes.p : "", bytes.n), out);
    deflateEnd(&z);
    if (r == 0)
        return 0;
    out->n = before;
    return r == SCO_E_NOMEM ? sco_error_nomem(err)
                            : sco_error_set(err, r, "the text cannot be compressed");
}

static int seal(struct sco_str secret, struct sco_str what, struct sco_str text,
                struct sco_buf *out, struct sco_error *err)
{
    uint8_t key[SCO_SEAL_KEY_LEN];
    int r = secret.n ? sco_hkdf(secret, KEY_USE, key, sizeof key) : SCO_E_INVALID;
    if (r < 0)
        return sco_error_set(err, r, "there is nothing to make a key of");
    r = sco_seal(key, what, text, out, err);
    sco_wipe(key, sizeof key);
    return r;
}

static int unseal(struct sco_str secret, struct sco_str what, struct sco_str sealed,
                  struct sco_buf *out, struct sco_error *err)
{
    uint8_t key[SCO_SEAL_KEY_LEN];
    int r = secret.n ? sco_hkdf(secret, KEY_USE, key, sizeof key) : SCO_E_INVALID;
    if (r < 0)
        return sco_error_set(err, r, "there is nothing to make a key of");
    r = sco_unseal(key, what, sealed, out, err);
    sco_wipe(key, sizeof key);
    return r;
}

static const struct sco_sign_module module = {
    .struct_size = sizeof module,
    .rs256 = sco_rs256_sign,
    .gzip = gzip,
    .seal = seal,
    .unseal = unseal,
};

const struct sco_sign_module *sco_sign_module_v1(void)
{
    return &module;
}
