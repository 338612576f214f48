/* JSON Web Keys (RFC 7517) of an issuer: RSA, P-256 and Ed25519, and what they sign. A key is good
 * for one algorithm, which its kind says, and not the token. */
#include "auth_priv.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, PART_MAX = RSA_BITS_MAX / 8, P256_LEN = 32 };

struct part {
    uint8_t v[PART_MAX];
    size_t n;
};

static bool take_part(const struct sco_node *key, const char *name, struct part *ret)
{
    const struct sco_node *v = sco_get(key, name);
    return sco_is(v, SCO_NODE_STR) && v->text.n &&
           sco_base64url_decode(v->text, ret->v, sizeof ret->v, &ret->n) && ret->n;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key(const struct sco_node *node)
{
    struct part n, e;
    if (!take_part(node, "n", &n) || !take_part(node, "e", &e) || e.n > 8 || !(e.v[e.n - 1] & 1))
        return NULL;
    BIGNUM *bn = BN_bin2bn(n.v, (int)n.n, NULL), *be = BN_bin2bn(e.v, (int)e.n, NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    if (b && bn && be && BN_num_bits(bn) >= RSA_BITS_MIN && BN_is_odd(bn) && !BN_is_one(be) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be) == 1)
        params = OSSL_PARAM_BLD_to_param(b);
    if (params)
        key = from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(bn);
    BN_free(be);
    return key;
}

static EVP_PKEY *p256_key(const struct sco_node *node)
{
    struct part x, y;
    uint8_t point[1 + 2 * P256_LEN] = {4}; /* uncompressed */
    char group[] = "P-256";
    if (!sco_str_is(sco_text(sco_get(node, "crv")), group) || !take_part(node, "x", &x) ||
        !take_part(node, "y", &y) || x.n != P256_LEN || y.n != P256_LEN)
        return NULL;
    memcpy(point + 1, x.v, P256_LEN);
    memcpy(point + 1 + P256_LEN, y.v, P256_LEN);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end()};
    return from_params("EC", params); /* which refuses a point that is not on the curve */
}

enum jwk_alg jwk_alg_parse(struct sco_str name)
{
    return sco_str_is(name, "RS256")   ? JWK_RS256
           : sco_str_is(name, "ES256") ? JWK_ES256
           : sco_str_is(name, "EdDSA") ? JWK_EDDSA
                                       : 0;
}

/* false: a key that is not for us. */
static bool take_key(const struct sco_node *node, struct jwk *ret)
{
    struct jwk k = {0};
    struct part x;
    struct sco_str kty = sco_text(sco_get(node, "kty")), kid = sco_text(sco_get(node, "kid"));
    struct sco_str use = sco_text(sco_get(node, "use")), alg = sco_text(sco_get(node, "alg"));
    if (!sco_is(node, SCO_NODE_MAP) || kid.n >= sizeof k.kid || (use.p && !sco_str_is(use, "sig")))
        return false;
    if (kid.p)
        memcpy(k.kid, kid.p, kid.n);
    k.alg = sco_str_is(kty, "RSA")   ? JWK_RS256
            : sco_str_is(kty, "EC")  ? JWK_ES256
            : sco_str_is(kty, "OKP") ? JWK_EDDSA
                                     : 0;
    if (!k.alg || (alg.p && jwk_alg_parse(alg) != k.alg))
        return false;
    if (k.alg == JWK_EDDSA) {
        if (!sco_str_is(sco_text(sco_get(node, "crv")), "Ed25519") || !take_part(node, "x", &x) ||
            x.n != sizeof k.x)
            return false;
        memcpy(k.x, x.v, sizeof k.x);
    } else if (!(k.key = k.alg == JWK_RS256 ? rsa_key(node) : p256_key(node))) {
        return false;
    }
    *ret = k;
    return true;
}

int jwks_parse(struct sco_str text, struct jwks *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root = NULL;
    if (text.n > JWKS_TEXT_MAX || sco_json_parse(text, &arena, &root, NULL) < 0 ||
        !sco_is(sco_get(root, "keys"), SCO_NODE_LIST))
        return sco_error_set(err, SCO_E_FORMAT, "no JSON Web Key Set");
    ret->n = 0;
    for (const struct sco_node *v = sco_get(root, "keys")->child; v && ret->n < JWK_MAX;
         v = v->next)
        ret->n += take_key(v, &ret->v[ret->n]);
    return 0;
}

void jwk_done(struct jwk *k)
{
    EVP_PKEY_free(k->key);
    k->key = NULL;
}

void jwk_copy(const struct jwk *from, struct jwk *to)
{
    *to = *from;
    if (to->key)
        EVP_PKEY_up_ref(to->key);
}

void jwks_done(struct jwks *k)
{
    for (size_t i = 0; i < k->n; i++)
        jwk_done(&k->v[i]);
    k->n = 0;
}

/* ---- signatures ---- */
static bool digest_verify(EVP_PKEY *key, const uint8_t *signature, size_t n, struct sco_str text)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, signature, n, (const uint8_t *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

/* JSON has r and s one after the other (RFC 7518, 3.4), OpenSSL wants them as DER. */
static bool verify_p256(const struct jwk *k, const struct jwt *t)
{
    if (t->n_signature != 2 * P256_LEN)
        return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(t->signature, P256_LEN, NULL);
    BIGNUM *s = BN_bin2bn(t->signature + P256_LEN, P256_LEN, NULL);
    unsigned char *der = NULL;
    bool good = false;
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        int n = i2d_ECDSA_SIG(sig, &der);
        good = n > 0 && digest_verify(k->key, der, (size_t)n, t->signed_part);
    } else {
        BN_free(r);
        BN_free(s);
    }
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return good;
}

bool jwk_verify(const struct jwk *k, const struct jwt *t)
{
    if (jwk_alg_parse(t->alg) != k->alg)
        return false;
    if (k->alg == JWK_RS256)
        return digest_verify(k->key, t->signature, t->n_signature, t->signed_part);
    if (k->alg == JWK_ES256)
        return verify_p256(k, t);
    return t->n_signature == SCO_ED25519_SIGNATURE_LEN &&
           sco_ed25519_verify(k->x, t->signed_part, t->signature);
}
