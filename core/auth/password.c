/* Passwords: scrypt, as "$scrypt$ln=15,r=8,p=1$SALT$HASH" with both in base64url. The parameters
 * are part of the text, so that they can be raised: what was hashed with others is hashed anew at
 * the next login. */
#include "auth_priv.h"

#include <openssl/evp.h>

enum {
    LOG_N = 15,
    R = 8,
    P = 1,
    SALT_LEN = 16,
    HASH_LEN = 32,
    LOG_N_MAX = 18,
    R_MAX = 16,
    P_MAX = 4,
    MEMORY_MAX = 512 << 20,
};

struct params {
    int64_t log_n, r, p;
    uint8_t salt[32], hash[HASH_LEN];
    size_t n_salt;
};

static bool derive(const struct params *x, struct sco_str password, uint8_t out[HASH_LEN])
{
    return EVP_PBE_scrypt(password.p ? password.p : "", password.n, x->salt, x->n_salt,
                          1ull << x->log_n, (uint64_t)x->r, (uint64_t)x->p, MEMORY_MAX, out,
                          HASH_LEN) == 1;
}

static bool number(struct sco_str *rest, const char *name, int64_t max, int64_t *ret)
{
    struct sco_str one;
    size_t n = strlen(name);
    return sco_str_split(rest, ',', &one) && sco_str_starts(one, name) &&
           sco_parse_i64(sco_str_make(one.p + n, one.n - n), 1, max, ret) == 0;
}

static bool parse(struct sco_str text, struct params *ret)
{
    struct params x = {0};
    struct sco_str empty, name, numbers, salt, hash;
    size_t n_hash = 0;
    if (!sco_str_split(&text, '$', &empty) || empty.n || !sco_str_split(&text, '$', &name) ||
        !sco_str_is(name, "scrypt") || !sco_str_split(&text, '$', &numbers) ||
        !sco_str_split(&text, '$', &salt) || !sco_str_split(&text, '$', &hash) || text.p)
        return false;
    if (!number(&numbers, "ln=", LOG_N_MAX, &x.log_n) || !number(&numbers, "r=", R_MAX, &x.r) ||
        !number(&numbers, "p=", P_MAX, &x.p) || numbers.p)
        return false;
    if (!sco_base64url_decode(salt, x.salt, sizeof x.salt, &x.n_salt) || x.n_salt < 8 ||
        !sco_base64url_decode(hash, x.hash, sizeof x.hash, &n_hash) || n_hash != HASH_LEN)
        return false;
    *ret = x;
    return true;
}

int password_hash(struct sco_str password, struct sco_arena *arena, const char **ret,
                  struct sco_error *err)
{
    struct params x = {.log_n = LOG_N, .r = R, .p = P, .n_salt = SALT_LEN};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (sco_random(x.salt, SALT_LEN) < 0)
        return sco_error_set(err, SCO_E_IO, "no random bytes can be had");
    if (!derive(&x, password, x.hash))
        return sco_error_nomem(err);
    sco_buf_addf(&b, "$scrypt$ln=%d,r=%d,p=%d$", LOG_N, R, P);
    sco_base64url_encode(sco_str_make((char *)x.salt, SALT_LEN), &b);
    sco_buf_addc(&b, '$');
    sco_base64url_encode(sco_str_make((char *)x.hash, HASH_LEN), &b);
    const char *text = b.failed ? NULL : sco_arena_cstr(arena, sco_buf_str(&b));
    if (!text)
        return sco_error_nomem(err);
    *ret = text;
    return 0;
}

bool password_verify(const char *hash, struct sco_str password, bool *ret_rehash)
{
    struct params x = {.log_n = LOG_N, .r = R, .p = P, .n_salt = SALT_LEN};
    uint8_t got[HASH_LEN];
    bool there = hash && parse(sco_str_c(hash), &x);
    bool done = derive(&x, password, got);
    bool right = done && there && sco_equal_secret(got, x.hash, HASH_LEN);
    sco_wipe(got, sizeof got);
    if (right)
        *ret_rehash = x.log_n != LOG_N || x.r != R || x.p != P || x.n_salt != SALT_LEN;
    return right;
}

bool password_is_hash(struct sco_str text)
{
    struct params x;
    return parse(text, &x);
}

int password_check(struct sco_str password, const char *email, struct sco_error *err)
{
    enum { SHORTEST = 12, DIFFERENT = 5 };
    bool seen[256] = {0};
    size_t different = 0;
    for (size_t i = 0; i < password.n; i++) {
        different += !seen[(uint8_t)password.p[i]];
        seen[(uint8_t)password.p[i]] = true;
    }
    if (sco_utf8_width(password) < SHORTEST)
        return sco_error_set(err, SCO_E_INVALID, "a password has %d characters or more", SHORTEST);
    if (password.n > AUTH_PASSWORD_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a password has at most %d bytes",
                             AUTH_PASSWORD_MAX);
    if (different < DIFFERENT || sco_str_is_nocase(password, email))
        return sco_error_set(err, SCO_E_INVALID,
                             "this password is easily guessed: it has too few different "
                             "characters, or is the e-mail address");
    return 0;
}
