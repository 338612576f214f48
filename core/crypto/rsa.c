/* RS256, for the tokens of platforms: RSASSA-PKCS1-v1_5 with SHA-256 by Nettle, keys as openssl and
 * the platforms write them (PEM, PKCS #1 or PKCS #8). */
#include <secureops/crypto.h>

#include <nettle/asn1.h>
#include <nettle/rsa.h>
#include <stdlib.h>

enum { BITS_MIN = 2048, BITS_MAX = 16384, DER_MAX = 16 << 10 };

static bool find_block(struct sco_str pem, const char *label, struct sco_str *ret)
{
    char begin[64], end[64];
    snprintf(begin, sizeof begin, "-----BEGIN %s-----", label);
    snprintf(end, sizeof end, "-----END %s-----", label);
    const char *from = pem.n ? memmem(pem.p, pem.n, begin, strlen(begin)) : NULL;
    if (!from)
        return false;
    from += strlen(begin);
    const char *to = memmem(from, pem.n - (size_t)(from - pem.p), end, strlen(end));
    if (!to)
        return false;
    *ret = sco_str_make(from, (size_t)(to - from));
    return true;
}

/* PKCS #8: SEQUENCE { version 0, SEQUENCE { rsaEncryption, NULL }, OCTET STRING { PKCS #1 } }. */
static bool unwrap(size_t n, const uint8_t *der, size_t *ret_n, const uint8_t **ret)
{
    static const uint8_t rsa_encryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
    struct asn1_der_iterator all, seq, algorithm;
    uint32_t version;
    if (asn1_der_iterator_first(&all, n, der) != ASN1_ITERATOR_CONSTRUCTED ||
        all.type != ASN1_SEQUENCE ||
        asn1_der_decode_constructed(&all, &seq) != ASN1_ITERATOR_PRIMITIVE ||
        seq.type != ASN1_INTEGER || !asn1_der_get_uint32(&seq, &version) || version > 1 ||
        asn1_der_iterator_next(&seq) != ASN1_ITERATOR_CONSTRUCTED || seq.type != ASN1_SEQUENCE ||
        asn1_der_decode_constructed(&seq, &algorithm) != ASN1_ITERATOR_PRIMITIVE ||
        algorithm.type != ASN1_IDENTIFIER || algorithm.length != sizeof rsa_encryption ||
        memcmp(algorithm.data, rsa_encryption, sizeof rsa_encryption) != 0 ||
        asn1_der_iterator_next(&seq) != ASN1_ITERATOR_PRIMITIVE || seq.type != ASN1_OCTETSTRING)
        return false;
    *ret_n = seq.length;
    *ret = seq.data;
    return true;
}

static int read_key(struct sco_str pem, struct rsa_public_key *pub, struct rsa_private_key *key,
                    struct sco_error *err)
{
    struct sco_str block;
    uint8_t der[DER_MAX];
    const uint8_t *p = der;
    size_t n = 0;
    bool pkcs8 = find_block(pem, "PRIVATE KEY", &block);
    if (!pkcs8 && find_block(pem, "ENCRYPTED PRIVATE KEY", &block))
        return sco_error_set(err, SCO_E_INVALID, "the private key is encrypted with a password");
    if (!pkcs8 && !find_block(pem, "RSA PRIVATE KEY", &block))
        return sco_error_set(
            err, SCO_E_INVALID,
            "expected a private key in PEM (BEGIN RSA PRIVATE KEY or BEGIN PRIVATE "
            "KEY), found none");
    bool good = sco_base64_decode(block, der, sizeof der, &n) &&
                (!pkcs8 || unwrap(n, der, &n, &p)) &&
                rsa_keypair_from_der(pub, key, BITS_MAX, n, p) && rsa_private_key_prepare(key);
    sco_wipe(der, sizeof der);
    if (!good)
        return sco_error_set(err, SCO_E_INVALID, "the private key is not an RSA key");
    if (mpz_sizeinbase(pub->n, 2) < BITS_MIN)
        return sco_error_set(err, SCO_E_INVALID, "the private key has fewer than %d bits",
                             (int)BITS_MIN);
    return 0;
}

static void blinding(void *ctx, size_t n, uint8_t *p)
{
    int *failed = ctx;
    if (sco_random(p, n) < 0)
        *failed = 1;
}

static int sign(const struct rsa_public_key *pub, const struct rsa_private_key *key,
                struct sco_str text, struct sco_buf *out)
{
    struct sha256_ctx hash;
    int failed = 0;
    mpz_t s;
    if (sco_buf_reserve(out, pub->size) < 0)
        return SCO_E_NOMEM;
    sha256_init(&hash);
    if (text.n)
        sha256_update(&hash, text.n, (const uint8_t *)text.p);
    mpz_init(s);
    if (!rsa_sha256_sign_tr(pub, key, &failed, blinding, &hash, s))
        failed = 1;
    else
        nettle_mpz_get_str_256(pub->size, (uint8_t *)out->p + out->n, s);
    mpz_clear(s);
    if (failed)
        return SCO_E_INTERNAL;
    out->n += pub->size;
    return 0;
}

int sco_rs256_sign(struct sco_str pem, struct sco_str text, struct sco_buf *out,
                   struct sco_error *err)
{
    struct rsa_public_key pub;
    struct rsa_private_key key;
    rsa_public_key_init(&pub);
    rsa_private_key_init(&key);
    int r = read_key(pem, &pub, &key, err);
    if (r == 0 && (r = sign(&pub, &key, text, out)) < 0)
        r = r == SCO_E_NOMEM ? sco_error_nomem(err)
                             : sco_error_set(err, r, "the private key does not sign");
    rsa_private_key_clear(&key);
    rsa_public_key_clear(&pub);
    return r;
}
