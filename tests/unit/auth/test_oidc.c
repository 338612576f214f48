/* Bearer tokens of an issuer: keys of three kinds, discovery, claims. The issuer is this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "auth_priv.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <secureops/fs.h>

#define ISSUER "https://issuer.example.com/realm"
#define NOW 1800000000LL /* s */

static EVP_PKEY *rsa, *p256, *weak;
static const uint8_t ed_secret[32] = {42};

static struct issuer {
    int asked, failing;
    bool without_rsa;
    const char *discovery; /* NULL: the right one */
    int64_t now;
} is;

static int make_keys(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    weak = EVP_RSA_gen(1024);
    p256 = EVP_EC_gen("P-256");
    return rsa && p256 && weak ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(weak);
    return 0;
}

static void add_bn(struct sco_buf *b, const EVP_PKEY *key, const char *param, const char *name)
{
    BIGNUM *n = NULL;
    uint8_t raw[512];
    assert_int_equal(EVP_PKEY_get_bn_param(key, param, &n), 1);
    int len = strcmp(name, "x") == 0 || strcmp(name, "y") == 0 ? 32 : BN_num_bytes(n);
    BN_bn2binpad(n, raw, len);
    sco_buf_addf(b, ",\"%s\":\"", name);
    sco_base64url_encode(sco_str_make((char *)raw, (size_t)len), b);
    sco_buf_addc(b, '"');
    BN_free(n);
}

static void add_rsa(struct sco_buf *b, const EVP_PKEY *key, const char *rest)
{
    sco_buf_addf(b, "{\"kty\":\"RSA\"%s", rest);
    add_bn(b, key, OSSL_PKEY_PARAM_RSA_N, "n");
    add_bn(b, key, OSSL_PKEY_PARAM_RSA_E, "e");
    sco_buf_addc(b, '}');
}

static void key_set(struct sco_buf *b)
{
    uint8_t public[32];
    sco_ed25519_public(ed_secret, public);
    sco_buf_addz(b, "{\"keys\":[");
    if (!is.without_rsa) {
        add_rsa(b, rsa, ",\"kid\":\"r1\",\"use\":\"sig\",\"alg\":\"RS256\"");
        sco_buf_addc(b, ',');
    }
    add_rsa(b, weak, ",\"kid\":\"weak\"");
    sco_buf_addc(b, ',');
    add_rsa(b, rsa, ",\"kid\":\"enc\",\"use\":\"enc\"");
    sco_buf_addz(b, ",{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e1\"");
    add_bn(b, p256, OSSL_PKEY_PARAM_EC_PUB_X, "x");
    add_bn(b, p256, OSSL_PKEY_PARAM_EC_PUB_Y, "y");
    sco_buf_addz(b, "},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d1\",\"x\":\"");
    sco_base64url_encode(sco_str_make((char *)public, 32), b);
    sco_buf_addz(b, "\"},{\"kty\":\"oct\",\"k\":\"c2VjcmV0\",\"kid\":\"h1\"}]}");
}

static int fetch(void *user, const char *url, struct sco_buf *out, struct sco_error *err)
{
    struct issuer *i = user;
    i->asked++;
    if (i->failing)
        return sco_error_set(err, SCO_E_NETWORK, "away");
    if (strcmp(url, ISSUER "/.well-known/openid-configuration") == 0)
        sco_buf_addz(out, i->discovery ? i->discovery
                                       : "{\"issuer\":\"" ISSUER
                                         "\",\"jwks_uri\":\"https://keys.example.com/jwks\"}");
    else if (strcmp(url, "https://keys.example.com/jwks") == 0)
        key_set(out);
    else
        return sco_error_set(err, SCO_E_NOT_FOUND, "%s", url);
    return 0;
}

static int64_t now_of(void *user)
{
    return ((struct issuer *)user)->now;
}

static struct sco_auth *auth_with(const char *jwks, const char *repositories, const char *teams)
{
    struct sco_error err = {0};
    struct sco_auth *a = NULL;
    struct sco_auth_options o = {.issuer = "us",
                                 .audience = "us",
                                 .key = SCO_STR("0123456789abcdef0123456789abcdef"),
                                 .oidc_issuer = ISSUER,
                                 .oidc_audience = "secureops",
                                 .oidc_roles_claim = "realm_access.roles",
                                 .oidc_repositories_claim = repositories,
                                 .oidc_teams_claim = teams,
                                 .oidc_jwks = jwks,
                                 .fetch = jwks ? NULL : fetch,
                                 .now = now_of,
                                 .user = &is};
    is = (struct issuer){.now = NOW * 1000};
    if (sco_auth_new(&o, &a, &err) < 0)
        fail_msg("%s", err.text);
    return a;
}

static struct sco_auth *auth_new(const char *jwks)
{
    return auth_with(jwks, NULL, NULL);
}

/* ---- tokens ---- */
static void sign_with(EVP_PKEY *key, struct sco_buf *b)
{
    uint8_t sig[512], raw[64];
    size_t n = sizeof sig;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &n, (uint8_t *)b->p, b->n), 1);
    EVP_MD_CTX_free(ctx);
    struct sco_str s = sco_str_make((char *)sig, n);
    if (key == p256) {
        const unsigned char *p = sig;
        ECDSA_SIG *e = d2i_ECDSA_SIG(NULL, &p, (long)n);
        BN_bn2binpad(ECDSA_SIG_get0_r(e), raw, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(e), raw + 32, 32);
        ECDSA_SIG_free(e);
        s = sco_str_make((char *)raw, 64);
    }
    sco_buf_addc(b, '.');
    sco_base64url_encode(s, b);
}

static const char *token(struct sco_arena *arena, const char *header, const char *claims,
                         EVP_PKEY *key)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    uint8_t sig[64];
    sco_base64url_encode(sco_str_c(header), &b);
    sco_buf_addc(&b, '.');
    sco_base64url_encode(sco_str_c(claims), &b);
    if (key) {
        sign_with(key, &b);
    } else {
        sco_ed25519_sign(ed_secret, sco_buf_str(&b), sig);
        sco_buf_addc(&b, '.');
        sco_base64url_encode(sco_str_make((char *)sig, 64), &b);
    }
    return sco_arena_cstr(arena, sco_buf_str(&b));
}

#define CLAIMS                                                                                     \
    "\"iss\":\"" ISSUER "\",\"aud\":[\"x\",\"secureops\"],\"sub\":\"u1\",\"realm_access\":{"       \
    "\"roles\":[\"viewer\",\"offline\",\"developer\"]}"
#define GOOD "{" CLAIMS ",\"exp\":1800000100,\"nbf\":1799999990,\"iat\":1799999990.5}"
#define R1 "{\"alg\":\"RS256\",\"kid\":\"r1\"}"

static struct sco_arena arena;
static int bearer(struct sco_auth *a, const char *header, const char *claims, EVP_PKEY *key,
                  struct sco_principal *ret)
{
    struct sco_error err = {0};
    const char *t = token(&arena, header, claims, key);
    return sco_auth_bearer(a, NULL, sco_str_c(t), &arena, ret, &err);
}
#define IS(want, header, claims, key)                                                              \
    assert_int_equal(bearer(a, header, claims, key, &(struct sco_principal){0}), want)
#define DENIED(header, claims, key) IS(SCO_E_PERMISSION, header, claims, key)

static void three_algorithms(void **state)
{
    (void)state;
    struct sco_auth *a = auth_new(NULL);
    struct sco_principal p = {0};
    assert_int_equal(bearer(a, R1, GOOD, rsa, &p), 0);
    assert_string_equal(p.name, "oidc:u1");
    assert_string_equal(p.user_id, "");
    assert_int_equal(p.roles, 1 << SCO_ROLE_VIEWER | 1 << SCO_ROLE_DEVELOPER);
    assert_true(sco_principal_may(&p, SCO_ACT_READ, SCO_RES_DASHBOARDS));
    assert_false(sco_principal_may(&p, SCO_ACT_UPDATE, SCO_RES_SELF));
    assert_int_equal(p.expires_at, 1800000100000);
    IS(0, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", GOOD, p256);
    IS(0, "{\"alg\":\"EdDSA\",\"kid\":\"d1\"}", GOOD, NULL);
    IS(0, "{\"alg\":\"RS256\"}", GOOD, rsa); /* whichever fits */
    assert_int_equal(is.asked, 2);           /* discovery, keys: once */
    sco_auth_free(a);
    sco_arena_done(&arena);
}

static void wrong_signatures(void **state)
{
    (void)state;
    struct sco_auth *a = auth_new(NULL);
    IS(0, R1, GOOD, rsa);
    DENIED(R1, GOOD, weak);
    DENIED("{\"alg\":\"RS256\",\"kid\":\"weak\"}", GOOD, weak); /* 1024 bits */
    DENIED("{\"alg\":\"RS256\",\"kid\":\"enc\"}", GOOD, rsa);
    DENIED("{\"alg\":\"RS256\",\"kid\":\"e1\"}", GOOD, rsa);
    DENIED("{\"alg\":\"ES256\",\"kid\":\"r1\"}", GOOD, rsa);
    DENIED("{\"alg\":\"ES256\",\"kid\":\"e1\"}", GOOD, rsa);
    DENIED("{\"alg\":\"EdDSA\",\"kid\":\"d1\"}", GOOD, p256);
    static const char *const algs[] = {"none", "HS256", "RS512", "PS256", "rs256", ""};
    for (size_t i = 0; i < SCO_ARRAY_LEN(algs); i++)
        DENIED(sco_arena_fmt(&arena, "{\"alg\":\"%s\",\"kid\":\"r1\"}", algs[i]), GOOD, rsa);
    DENIED("{\"alg\":\"HS256\",\"kid\":\"h1\"}", GOOD, rsa);
    /* the bytes of a good one, one at a time */
    const char *good = token(&arena, R1, GOOD, rsa);
    for (size_t i = 0; i < strlen(good); i += 5) {
        char *x = sco_arena_cstr(&arena, sco_str_c(good));
        x[i] = x[i] == 'B' ? 'C' : 'B';
        struct sco_principal p;
        int r = sco_auth_bearer(a, NULL, sco_str_c(x), &arena, &p, NULL);
        assert_int_equal(r, SCO_E_PERMISSION);
    }
    sco_auth_free(a);
    sco_arena_done(&arena);
}

static void claims(void **state)
{
    (void)state;
    struct sco_auth *a = auth_new(NULL);
    static const char *const good[] = {
        "{" CLAIMS ",\"exp\":1800000001}",
        "{" CLAIMS ",\"exp\":1799999941}", /* within a minute */
        "{" CLAIMS ",\"exp\":1800000001,\"nbf\":1800000059}",
        "{\"iss\":\"" ISSUER "\",\"aud\":\"secureops\",\"sub\":\"u\",\"exp\":1800000001,"
        "\"realm_access\":{\"roles\":\"x viewer\"}}",
    };
    static const char *const bad[] = {
        "{" CLAIMS "}",
        "{" CLAIMS ",\"exp\":1799999940}",
        "{" CLAIMS ",\"exp\":\"1800000001\"}",
        "{" CLAIMS ",\"exp\":-1}",
        "{" CLAIMS ",\"exp\":1e300}",
        "{" CLAIMS ",\"exp\":1800000001,\"nbf\":1800000061}",
        "{" CLAIMS ",\"exp\":1800000001,\"nbf\":\"now\"}",
        "{" CLAIMS ",\"exp\":1800000001,\"iat\":1800000061}",
        "{" CLAIMS ",\"exp\":1800000001,\"exp\":1800000002}",
        "{\"iss\":\"https://other\",\"aud\":\"secureops\",\"sub\":\"u\",\"exp\":1800000001,"
        "\"realm_access\":{\"roles\":[\"viewer\"]}}",
        "{\"iss\":\"" ISSUER "\",\"aud\":\"other\",\"sub\":\"u\",\"exp\":1800000001,"
        "\"realm_access\":{\"roles\":[\"viewer\"]}}",
        "{\"iss\":\"" ISSUER "\",\"sub\":\"u\",\"exp\":1800000001,"
        "\"realm_access\":{\"roles\":[\"viewer\"]}}",
        "{\"iss\":\"" ISSUER "\",\"aud\":\"secureops\",\"exp\":1800000001,"
        "\"realm_access\":{\"roles\":[\"viewer\"]}}",
        "{\"iss\":\"" ISSUER "\",\"aud\":\"secureops\",\"sub\":\"u\",\"exp\":1800000001,"
        "\"realm_access\":{\"roles\":[\"viewer,admin\",\"Admin\"]}}",
        "{\"iss\":\"" ISSUER "\",\"aud\":\"secureops\",\"sub\":\"u\",\"exp\":1800000001}",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(good); i++)
        IS(0, R1, good[i], rsa);
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        DENIED(R1, bad[i], rsa);
    sco_auth_free(a);
    sco_arena_done(&arena);
}

/* Which of two repositories a token with these further claims sees; teams go to *ret. */
static int sees(struct sco_auth *a, const char *more, struct sco_principal *ret)
{
    const char *text = sco_arena_fmt(&arena, "{" CLAIMS ",\"exp\":1800000001%s}", more);
    assert_int_equal(bearer(a, R1, text, rsa, ret), 0);
    return sco_principal_sees(ret, "https://h/a/x") | sco_principal_sees(ret, "https://h/b/x") << 1;
}

static void scopes(void **state)
{
    (void)state;
    struct sco_principal p;
    struct sco_auth *a = auth_new(NULL); /* nothing is configured: roles alone */
    assert_int_equal(sees(a, ",\"repos\":[\"https://h/a/*\"],\"groups\":[\"red\"]", &p), 3);
    assert_null(p.teams);
    sco_auth_free(a);
    a = auth_with(NULL, "repos", "https://h/groups");
    assert_int_equal(
        sees(a, ",\"repos\":[\"https://h/a/*\"],\"https://h/groups\":\"red blue\"", &p), 1);
    assert_string_equal(p.teams[0], "red");
    assert_string_equal(p.teams[1], "blue");
    assert_null(p.teams[2]);
    assert_int_equal(sees(a, ",\"repos\":\"https://h/b/* https://h/a/x\"", &p), 3);
    assert_non_null(p.teams); /* of none */
    assert_null(p.teams[0]);
    static const char *const nothing[] = {"",
                                          ",\"repos\":[]",
                                          ",\"repos\":null",
                                          ",\"repos\":\"\"",
                                          ",\"repos\":{\"https://h/a/x\":1}",
                                          ",\"repos\":[7,[]]"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(nothing); i++)
        assert_int_equal(sees(a, nothing[i], &p), 0);
    /* more than is taken: no part of it counts */
    SCO_AUTO(sco_buf) struct sco_buf many = {0};
    sco_buf_addz(&many, "{" CLAIMS ",\"exp\":1800000001,\"repos\":[\"**\"");
    for (int i = 0; i < 1000; i++)
        sco_buf_addz(&many, ",\"x\"");
    sco_buf_addz(&many, "]}");
    DENIED(R1, sco_buf_z(&many), rsa);
    sco_auth_free(a);
    sco_arena_done(&arena);
}

static void keys_are_asked_again(void **state)
{
    (void)state;
    struct sco_auth *a = auth_new(NULL);
    is.without_rsa = true;
    DENIED(R1, GOOD, rsa);
    assert_int_equal(is.asked, 2);
    is.without_rsa = false; /* the issuer has a new key */
    DENIED(R1, GOOD, rsa);  /* but a minute is not over */
    assert_int_equal(is.asked, 2);
    is.now += 60000;
    IS(0, R1, GOOD, rsa);
    assert_int_equal(is.asked, 4);
    /* tokens for others, or of nobody, ask for nothing */
    is.now += 3000;
    for (int i = 0; i < 5; i++)
        DENIED("{\"alg\":\"RS256\",\"kid\":\"x\"}", GOOD, rsa);
    assert_int_equal(is.asked, 4);
    sco_auth_free(a);
    sco_arena_done(&arena);
}

static void an_issuer_that_is_away(void **state)
{
    (void)state;
    struct sco_auth *a = auth_new(NULL);
#define LATE "{" CLAIMS ",\"exp\":1900000000}"
    is.failing = 1;
    IS(SCO_E_NETWORK, R1, LATE, rsa);
    IS(SCO_E_NETWORK, R1, LATE, rsa);
    assert_int_equal(is.asked, 1); /* in a minute */
    is.failing = 0;
    is.now += 60000;
    IS(0, R1, LATE, rsa);
    is.failing = 1;
    is.now += 2 * 3600 * 1000;
    IS(0, R1, LATE, rsa); /* with the keys that there are */
    assert_int_equal(is.asked, 4);
    is.now += 23LL * 3600 * 1000;
    IS(SCO_E_NETWORK, R1, LATE, rsa); /* a day later not any more */
    sco_auth_free(a);
    sco_arena_done(&arena);
}

static void discovery(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"issuer\":\"" ISSUER "\"}",
        "{\"issuer\":\"https://other\",\"jwks_uri\":\"https://keys.example.com/jwks\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://keys.example.com/jwks\"}",
        "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"file:///etc/passwd\"}",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        struct sco_auth *a = auth_new(NULL);
        is.discovery = bad[i];
        IS(SCO_E_NETWORK, R1, GOOD, rsa);
        sco_auth_free(a);
    }
    sco_arena_done(&arena);
}

static void keys_of_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/sco-jwks-XXXXXX";
    SCO_AUTO(sco_fd) int fd = mkstemp(path);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    key_set(&b);
    assert_int_equal(sco_fs_write_all(fd, sco_buf_str(&b)), 0);
    struct sco_auth *a = auth_new(path);
    IS(0, R1, GOOD, rsa);
    DENIED("{\"alg\":\"RS256\",\"kid\":\"x\"}", GOOD, rsa);
    is.now += 1000LL * 3600 * 1000;
    IS(0, R1, "{" CLAIMS ",\"exp\":1900000000}", rsa); /* it does not go stale */
    assert_int_equal(is.asked, 0);
    sco_auth_free(a);
    sco_arena_done(&arena);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_algorithms),
        cmocka_unit_test(wrong_signatures),
        cmocka_unit_test(claims),
        cmocka_unit_test(scopes),
        cmocka_unit_test(keys_are_asked_again),
        cmocka_unit_test(an_issuer_that_is_away),
        cmocka_unit_test(discovery),
        cmocka_unit_test(keys_of_a_file),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
