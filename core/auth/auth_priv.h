/* Inside of auth: keys, tokens, what is shared by the threads. */
#pragma once

#include <secureops/auth.h>
#include <secureops/crypto.h>
#include <secureops/json.h>

#include <pthread.h>

enum {
    AUTH_TOKEN_MAX = 16 << 10, /* characters of a bearer token */
    AUTH_CACHE = 512,          /* verified access tokens, a power of two */
    AUTH_PASSWORD_MAX = 1024,
    AUTH_EMAIL_MAX = 254,
    AUTH_ACCESS_MS = 15 * 60 * 1000,
    AUTH_SKEW_MS = 60 * 1000, /* of the clocks of others */
};

struct auth_key { /* what follows from one configured key */
    bool there;
    char id[33];
    uint8_t seal[SCO_SEAL_KEY_LEN];
    uint8_t secret[SCO_ED25519_KEY_LEN], public[SCO_ED25519_KEY_LEN];
    char kid[17]; /* of the public key */
};

struct auth_claims { /* of an access token of ours */
    char user_id[37], family[37];
    uint32_t generation;
    int64_t expires_at;
};
struct auth_cached {
    uint8_t digest[32]; /* of the token; all zero: free */
    struct auth_claims claims;
};

struct oidc;
struct sco_auth {
    struct sco_auth_options o; /* texts are in the arena; keys are not kept */
    struct sco_arena arena;
    struct auth_key key, old_key;
    struct oidc *oidc;    /* NULL: none */
    pthread_mutex_t lock; /* of the cache */
    struct auth_cached cache[AUTH_CACHE];
};

static inline int64_t auth_now(const struct sco_auth *a)
{
    return a->o.now ? a->o.now(a->o.user) : sco_now_ms();
}
/* The one answer to whatever is wrong with a token or a login. */
int auth_denied(struct sco_error *err);

/* ---- jwt.c ---- */
struct jwt {                                /* a signed token, taken apart; in the arena */
    const struct sco_node *header, *claims; /* claims are not to be believed before the signature */
    struct sco_str signed_part;
    uint8_t *signature;
    size_t n_signature;
    struct sco_str alg, kid;
};
/* SCO_E_PERMISSION: malformed, or with a header that would have to be understood (crit). */
int jwt_parse(struct sco_str token, struct sco_arena *arena, struct jwt *ret) SCO_NODISCARD;
/* A NumericDate as Unix ms; false: not there, or out of any range. */
bool jwt_time(const struct jwt *t, const char *name, int64_t *ret) SCO_NODISCARD;
bool jwt_audience(const struct jwt *t, const char *audience) SCO_NODISCARD;
int jwt_issue(struct sco_auth *a, const struct auth_claims *c, struct sco_arena *arena, char **ret,
              struct sco_error *err) SCO_NODISCARD;
/* 1: not signed by one of our keys. */
int jwt_verify(struct sco_auth *a, const struct jwt *t, struct auth_claims *ret) SCO_NODISCARD;

/* ---- oidc.c, jwk.c ---- */
int oidc_new(const struct sco_auth *a, struct oidc **ret, struct sco_error *err) SCO_NODISCARD;
struct oidc *oidc_free(struct oidc *o);
int oidc_verify(struct sco_auth *a, const struct jwt *t, struct sco_arena *arena,
                struct sco_principal *ret, struct sco_error *err) SCO_NODISCARD;

enum { JWK_MAX = 64, JWKS_TEXT_MAX = 256 << 10 };
enum jwk_alg { JWK_RS256 = 1, JWK_ES256, JWK_EDDSA };
struct evp_pkey_st;
struct jwk {
    enum jwk_alg alg;
    char kid[129];           /* "": it has none */
    struct evp_pkey_st *key; /* RS256, ES256 */
    uint8_t x[SCO_ED25519_KEY_LEN];
};
struct jwks {
    struct jwk v[JWK_MAX];
    size_t n;
};
/* Keys of other kinds and uses are left out. SCO_E_FORMAT: no key set. */
int jwks_parse(struct sco_str text, struct jwks *ret, struct sco_error *err) SCO_NODISCARD;
void jwks_done(struct jwks *k);
void jwk_done(struct jwk *k);
/* Another reference of the same key. */
void jwk_copy(const struct jwk *from, struct jwk *to);
enum jwk_alg jwk_alg_parse(struct sco_str name); /* 0: none that is taken */
bool jwk_verify(const struct jwk *k, const struct jwt *t) SCO_NODISCARD;

/* ---- password.c ---- */
/* In its text form, with parameters and salt. */
int password_hash(struct sco_str password, struct sco_arena *arena, const char **ret,
                  struct sco_error *err) SCO_NODISCARD;
/* *ret_rehash: right, and its parameters are not today's. false: wrong, or malformed. `hash` NULL:
 * takes as long, and is wrong. */
bool password_verify(const char *hash, struct sco_str password, bool *ret_rehash) SCO_NODISCARD;
/* Whether it is a hash in its text form. */
bool password_is_hash(struct sco_str text) SCO_NODISCARD;
int password_check(struct sco_str password, const char *email, struct sco_error *err) SCO_NODISCARD;

/* ---- totp.c ---- */
bool totp_active(const struct sco_stored_user *u);
/* `code`: of the second factor, or a recovery code, which is used up. SCO_E_PERMISSION. */
int totp_check(struct sco_auth *a, struct sco_store *s, const struct sco_stored_user *u,
               struct sco_str code, struct sco_error *err) SCO_NODISCARD;
uint32_t totp_code(struct sco_str secret, int64_t step);
/* The sealed second factor of a user anew, with today's key: 1; 0: it is so already. */
int totp_reseal(struct sco_auth *a, const struct sco_stored_user *u, struct sco_arena *arena,
                const char **ret, struct sco_error *err) SCO_NODISCARD;

/* ---- session.c ---- */
/* A random text with a prefix of the kind. */
int token_new(const char *kind, struct sco_arena *arena, char **ret, uint8_t ret_digest[32],
              struct sco_error *err) SCO_NODISCARD;
/* The principal of a user, as its row says. */
int principal_of_user(const struct sco_stored_user *u, struct sco_arena *arena,
                      struct sco_principal *ret, struct sco_error *err) SCO_NODISCARD;
