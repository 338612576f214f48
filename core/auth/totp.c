/* The second factor: time-based codes (RFC 6238: SHA-1, 6 digits, 30 s) and recovery codes. A
 * user's secret is sealed; "?" stands before one that was not confirmed yet. */
#include "auth_priv.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { SECRET_LEN = 20, STEP_MS = 30000, DIGITS = 6, MODULUS = 1000000, RECOVERY = 10 };

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static void add_base32(struct sco_buf *b, const uint8_t *p, size_t n)
{
    uint32_t bits = 0, have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 5; have -= 5)
            sco_buf_addc(b, base32[bits >> (have - 5) & 31]);
    }
    if (have)
        sco_buf_addc(b, base32[bits << (5 - have) & 31]);
}

uint32_t totp_code(struct sco_str secret, int64_t step)
{
    uint8_t message[8], md[EVP_MAX_MD_SIZE] = {0};
    unsigned n = 0;
    for (size_t i = 0; i < 8; i++)
        message[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    SCO_BUG_ON(!HMAC(EVP_sha1(), secret.p, (int)secret.n, message, sizeof message, md, &n));
    const uint8_t *p = md + (md[n - 1] & 15);
    return ((uint32_t)(p[0] & 127) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]) %
           MODULUS;
}

bool totp_active(const struct sco_stored_user *u)
{
    return u->totp && u->totp[0] != '?';
}

/* ---- the sealed secret ---- */
static int seal(struct sco_auth *a, const char *user_id, struct sco_str secret, bool confirmed,
                struct sco_arena *arena, const char **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf sealed = {0}, text = {0}, context = {0};
    sco_buf_addf(&context, "totp:%s", user_id);
    int r = context.failed ? sco_error_nomem(err)
                           : sco_seal(a->key.seal, sco_buf_str(&context), secret, &sealed, err);
    if (r < 0)
        return r;
    if (!confirmed)
        sco_buf_addc(&text, '?');
    sco_base64_encode(sco_buf_str(&sealed), &text);
    const char *z = text.failed ? NULL : sco_arena_cstr(arena, sco_buf_str(&text));
    if (!z)
        return sco_error_nomem(err);
    *ret = z;
    return 0;
}

/* *ret_old: it was sealed with the old key. */
static int unseal(struct sco_auth *a, const struct sco_stored_user *u, uint8_t ret[SECRET_LEN],
                  bool *ret_old, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf plain = {0}, context = {0};
    uint8_t sealed[128];
    size_t n = 0;
    struct sco_str text = sco_str_c(u->totp);
    if (text.n && text.p[0] == '?')
        text = sco_str_make(text.p + 1, text.n - 1);
    sco_buf_addf(&context, "totp:%s", u->id);
    if (context.failed)
        return sco_error_nomem(err);
    if (!sco_base64_decode(text, sealed, sizeof sealed, &n))
        return sco_error_set(err, SCO_E_FORMAT, "the second factor of %s is malformed", u->email);
    struct sco_str bytes = sco_str_make((char *)sealed, n), what = sco_buf_str(&context);
    int r = sco_unseal(a->key.seal, what, bytes, &plain, err);
    *ret_old = r == SCO_E_PERMISSION && a->old_key.there;
    if (*ret_old)
        r = sco_unseal(a->old_key.seal, what, bytes, &plain, err);
    if (r == SCO_E_PERMISSION || (r == 0 && plain.n != SECRET_LEN))
        r = sco_error_set(err, SCO_E_FORMAT, "the second factor of %s was sealed with another key",
                          u->email);
    if (r == 0)
        memcpy(ret, plain.p, SECRET_LEN);
    if (plain.p)
        sco_wipe(plain.p, plain.cap);
    return r;
}

int totp_reseal(struct sco_auth *a, const struct sco_stored_user *u, struct sco_arena *arena,
                const char **ret, struct sco_error *err)
{
    uint8_t secret[SECRET_LEN];
    bool old = false;
    int r = unseal(a, u, secret, &old, err);
    if (r < 0 || !old)
        return r;
    r = seal(a, u->id, sco_str_make((char *)secret, sizeof secret), totp_active(u), arena, ret,
             err);
    sco_wipe(secret, sizeof secret);
    return r < 0 ? r : 1;
}

/* ---- codes ---- */
static bool parse_code(struct sco_str code, uint32_t *ret)
{
    int64_t v;
    if (code.n != DIGITS || sco_parse_i64(code, 0, MODULUS - 1, &v) < 0 || code.p[0] < '0' ||
        code.p[0] > '9')
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* A step before and one after: clocks differ. No code is good twice. */
static int check_code(struct sco_auth *a, struct sco_store *s, const struct sco_stored_user *u,
                      uint32_t code, struct sco_error *err)
{
    uint8_t secret[SECRET_LEN];
    bool old, first = false;
    int64_t step = auth_now(a) / STEP_MS, found = -1;
    int r = unseal(a, u, secret, &old, err);
    for (int64_t i = step - 1; r == 0 && i <= step + 1; i++) {
        uint32_t want = totp_code(sco_str_make((char *)secret, sizeof secret), i);
        if (sco_equal_secret(&want, &code, sizeof want))
            found = i;
    }
    sco_wipe(secret, sizeof secret);
    if (r == 0 && found >= 0)
        r = sco_store_totp_step(s, u->id, found, &first, err);
    return r == 0 && !first ? auth_denied(err) : r;
}

/* Without what people write between, in lower case. */
static void digest_recovery(struct sco_str code, char ret_hex[65])
{
    char plain[64];
    uint8_t digest[32];
    size_t n = 0;
    for (size_t i = 0; i < code.n && n < sizeof plain; i++)
        if (code.p[i] != '-' && code.p[i] != ' ')
            plain[n++] = (char)(code.p[i] >= 'A' && code.p[i] <= 'Z' ? code.p[i] + 32 : code.p[i]);
    sco_sha256_of(sco_str_make(plain, n), digest);
    sco_hex(digest, sizeof digest, ret_hex);
    sco_wipe(plain, sizeof plain);
}

/* The codes that are left, without this one; false: it is not there. */
static bool take_recovery(const char *left, const char hex[65], struct sco_buf *out)
{
    struct sco_str rest = sco_str_c(left), one;
    bool found = false;
    while (rest.n && sco_str_split(&rest, ',', &one)) {
        if (!found && one.n == 64 && sco_equal_secret(one.p, hex, 64)) {
            found = true;
            continue;
        }
        if (out->n)
            sco_buf_addc(out, ',');
        sco_buf_add(out, one);
    }
    return found;
}

static int use_recovery(struct sco_auth *a, struct sco_store *s, const char *user_id,
                        struct sco_str code, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf left = {0};
    struct sco_user_page page = {0};
    char hex[65];
    digest_recovery(code, hex);
    int r = sco_store_user_lock(s, user_id, err);
    if (r == 0)
        r = sco_store_user(s, user_id, &page, err);
    if (r != 0)
        return r;
    struct sco_stored_user u = page.v[0];
    if (!u.recovery || !take_recovery(u.recovery, hex, &left))
        r = auth_denied(err);
    u.recovery = left.n ? sco_buf_z(&left) : NULL;
    if (r == 0)
        r = left.failed ? sco_error_nomem(err) : sco_store_user_put(s, &u, auth_now(a), NULL, err);
    sco_user_page_done(&page);
    return r;
}

int totp_check(struct sco_auth *a, struct sco_store *s, const struct sco_stored_user *u,
               struct sco_str code, struct sco_error *err)
{
    uint32_t number;
    code = sco_str_trim(code);
    if (parse_code(code, &number))
        return check_code(a, s, u, number, err);
    int r = sco_store_begin(s, err);
    return r < 0 ? r : sco_store_end(s, use_recovery(a, s, u->id, code, err), err);
}

/* ---- setting it up ---- */
/* otpauth://totp/SecureOps:ada%40example.com?... */
static void write_uri(const char *email, const uint8_t secret[SECRET_LEN], struct sco_buf *b)
{
    sco_buf_addz(b, "otpauth://totp/SecureOps:");
    for (const char *c = email; *c; c++)
        if ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("-._~", *c))
            sco_buf_addc(b, *c);
        else
            sco_buf_addf(b, "%%%02X", (unsigned char)*c);
    sco_buf_addz(b, "?secret=");
    add_base32(b, secret, SECRET_LEN);
    sco_buf_addz(b, "&issuer=SecureOps&algorithm=SHA1&digits=6&period=30");
}

typedef int (*change_fn)(struct sco_auth *a, struct sco_store *s, struct sco_stored_user *u,
                         void *user, struct sco_error *err);

/* Reads the user, lets `fn` change the copy, writes it, in one transaction. */
static int change_user(struct sco_auth *a, struct sco_store *s, const char *id, change_fn fn,
                       void *user, struct sco_error *err)
{
    struct sco_user_page page = {0};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_user_lock(s, id, err);
    if (r == 0)
        r = sco_store_user(s, id, &page, err);
    if (r == 0) {
        struct sco_stored_user u = page.v[0];
        r = fn(a, s, &u, user, err);
        if (r == 0)
            r = sco_store_user_put(s, &u, auth_now(a), NULL, err);
        sco_user_page_done(&page);
    }
    return sco_store_end(s, r, err);
}

struct begin {
    struct sco_arena *arena;
    const char *uri;
};

static int begin(struct sco_auth *a, struct sco_store *s, struct sco_stored_user *u, void *user,
                 struct sco_error *err)
{
    struct begin *b = user;
    SCO_AUTO(sco_buf) struct sco_buf uri = {0};
    uint8_t secret[SECRET_LEN];
    (void)s;
    if (totp_active(u))
        return sco_error_set(err, SCO_E_INVALID,
                             "there is a second factor already: remove it first");
    if (sco_random(secret, sizeof secret) < 0)
        return sco_error_set(err, SCO_E_IO, "no random bytes can be had");
    int r =
        seal(a, u->id, sco_str_make((char *)secret, sizeof secret), false, b->arena, &u->totp, err);
    write_uri(u->email, secret, &uri);
    sco_wipe(secret, sizeof secret);
    b->uri = uri.failed ? NULL : sco_arena_cstr(b->arena, sco_buf_str(&uri));
    return r < 0 ? r : b->uri ? 0 : sco_error_nomem(err);
}

int sco_auth_totp_begin(struct sco_auth *a, struct sco_store *s, const char *user_id,
                        struct sco_arena *arena, const char **ret_uri, struct sco_error *err)
{
    struct begin b = {.arena = arena};
    int r = change_user(a, s, user_id, begin, &b, err);
    if (r == 0)
        *ret_uri = b.uri;
    return r;
}

struct confirm {
    struct sco_arena *arena;
    struct sco_str code;
    const char **codes;
};

/* 80 random bits each, as "abcd-efgh-ijkl-mnop"; kept as digests. */
static int make_recovery(struct confirm *c, const char **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf digests = {0};
    c->codes = sco_arena_alloc(c->arena, (RECOVERY + 1) * sizeof *c->codes);
    for (size_t i = 0; c->codes && i < RECOVERY; i++) {
        SCO_AUTO(sco_buf) struct sco_buf plain = {0};
        uint8_t random[10];
        char hex[65];
        if (sco_random(random, sizeof random) < 0)
            return sco_error_set(err, SCO_E_IO, "no random bytes can be had");
        add_base32(&plain, random, sizeof random);
        for (size_t k = 0; k < plain.n; k++)
            plain.p[k] = (char)(plain.p[k] >= 'A' ? plain.p[k] + 32 : plain.p[k]);
        c->codes[i] = plain.failed ? NULL
                                   : sco_arena_fmt(c->arena, "%.4s-%.4s-%.4s-%.4s", plain.p,
                                                   plain.p + 4, plain.p + 8, plain.p + 12);
        if (!c->codes[i])
            return sco_error_nomem(err);
        digest_recovery(sco_str_c(c->codes[i]), hex);
        sco_buf_addf(&digests, "%s%s", i ? "," : "", hex);
    }
    *ret = digests.failed ? NULL : sco_arena_cstr(c->arena, sco_buf_str(&digests));
    return c->codes && *ret ? 0 : sco_error_nomem(err);
}

static int confirm(struct sco_auth *a, struct sco_store *s, struct sco_stored_user *u, void *user,
                   struct sco_error *err)
{
    struct confirm *c = user;
    uint32_t number;
    if (!u->totp || totp_active(u))
        return sco_error_set(err, SCO_E_INVALID, "no second factor waits to be confirmed");
    if (!parse_code(sco_str_trim(c->code), &number))
        return auth_denied(err);
    int r = check_code(a, s, u, number, err);
    u->totp++; /* without the "?" */
    return r < 0 ? r : make_recovery(c, &u->recovery, err);
}

int sco_auth_totp_confirm(struct sco_auth *a, struct sco_store *s, const char *user_id,
                          struct sco_str code, struct sco_arena *arena,
                          const char *const **ret_recovery, struct sco_error *err)
{
    struct confirm c = {.arena = arena, .code = code};
    int r = change_user(a, s, user_id, confirm, &c, err);
    if (r == 0)
        *ret_recovery = c.codes;
    return r;
}

static int forget(struct sco_auth *a, struct sco_store *s, struct sco_stored_user *u, void *user,
                  struct sco_error *err)
{
    (void)a;
    (void)s;
    (void)user;
    (void)err;
    u->totp = u->recovery = NULL;
    return 0;
}

int sco_auth_totp_remove(struct sco_auth *a, struct sco_store *s, const char *user_id,
                         struct sco_error *err)
{
    return change_user(a, s, user_id, forget, NULL, err);
}
