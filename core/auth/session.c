/* Logins: passwords to tokens, refresh tokens to the next ones, tokens of one use. */
#include "auth_priv.h"

static const struct sco_throttle by_account = {
    .free = 5, .base_ms = 1000, .max_ms = 15 * 60 * 1000, .forget_ms = 60 * 60 * 1000};
static const struct sco_throttle by_address = {/* many people may have one */
                                               .free = 30,
                                               .base_ms = 1000,
                                               .max_ms = 15 * 60 * 1000,
                                               .forget_ms = 60 * 60 * 1000};

/* ---- tokens ---- */
int token_new(const char *kind, struct sco_arena *arena, char **ret, uint8_t ret_digest[32],
              struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    uint8_t random[32];
    if (sco_random(random, sizeof random) < 0)
        return sco_error_set(err, SCO_E_IO, "no random bytes can be had");
    sco_buf_addz(&b, strcmp(kind, "api") == 0       ? "sco_"
                     : strcmp(kind, "refresh") == 0 ? "scor_"
                                                    : "scou_");
    sco_base64url_encode(sco_str_make((char *)random, sizeof random), &b);
    char *text = b.failed ? NULL : sco_arena_cstr(arena, sco_buf_str(&b));
    if (!text)
        return sco_error_nomem(err);
    sco_sha256_of(sco_str_c(text), ret_digest);
    *ret = text;
    return 0;
}

int sco_auth_issue(struct sco_auth *a, struct sco_store *s, const struct sco_stored_token *t,
                   int64_t ttl_ms, struct sco_arena *arena, const char **ret, struct sco_error *err)
{
    enum { HOUR_MS = 3600 * 1000 };
    struct sco_stored_token x = *t;
    char *text = NULL;
    if (!ttl_ms && strcmp(t->kind, "api") != 0)
        ttl_ms = HOUR_MS;
    x.expires_at = ttl_ms ? auth_now(a) + ttl_ms : 0;
    int r = token_new(t->kind, arena, &text, x.digest, err);
    if (r == 0)
        r = sco_store_token_add(s, &x, auth_now(a), NULL, err);
    if (r == 0)
        *ret = text;
    return r;
}

static bool usable(const struct sco_stored_token *t, const char *kind, int64_t now)
{
    return strcmp(t->kind, kind) == 0 && !t->revoked && !t->used_at &&
           (!t->expires_at || t->expires_at > now);
}

int sco_auth_redeem(struct sco_auth *a, struct sco_store *s, const char *kind, struct sco_str token,
                    struct sco_arena *arena, const char **ret_user_id, struct sco_error *err)
{
    struct sco_token_page page = {0};
    uint8_t digest[32];
    bool first = false;
    const char *user = NULL;
    int64_t now = auth_now(a);
    sco_sha256_of(token, digest);
    int r = sco_store_token(s, digest, &page, err);
    if (r == SCO_E_NOT_FOUND)
        return auth_denied(err);
    if (r < 0)
        return r;
    if (!usable(page.v, kind, now))
        r = auth_denied(err);
    if (r == 0)
        r = sco_store_token_use(s, page.v[0].id, now, &first, err);
    if (r == 0 && !first)
        r = auth_denied(err);
    if (r == 0 && page.v[0].user_id &&
        !(user = sco_arena_cstr(arena, sco_str_c(page.v[0].user_id))))
        r = sco_error_nomem(err);
    sco_token_page_done(&page);
    if (r == 0)
        *ret_user_id = user;
    return r;
}

static int make_tokens(struct sco_auth *a, struct sco_store *s, const struct sco_stored_user *u,
                       const char *family, int64_t refresh_expires_at, struct sco_arena *arena,
                       struct sco_tokens *ret, struct sco_error *err)
{
    struct sco_tokens t = {.refresh_expires_at = refresh_expires_at};
    struct sco_stored_token row = {
        .user_id = u->id, .kind = "refresh", .family = family, .expires_at = refresh_expires_at};
    struct auth_claims c = {.generation = u->generation,
                            .expires_at = auth_now(a) + a->o.access_ms};
    if (c.expires_at > refresh_expires_at)
        c.expires_at = refresh_expires_at;
    t.access_expires_at = c.expires_at;
    memcpy(c.user_id, u->id, sizeof c.user_id);
    memcpy(c.family, family, sizeof c.family);
    int r = token_new("refresh", arena, &t.refresh, row.digest, err);
    if (r == 0)
        r = sco_store_token_add(s, &row, auth_now(a), NULL, err);
    if (r == 0)
        r = jwt_issue(a, &c, arena, &t.access, err);
    if (r == 0)
        *ret = t;
    return r;
}

/* ---- login ---- */
struct keys {
    const char *email, *account, *address;
};

static int throttle(struct sco_auth *a, struct sco_store *s, const struct keys *k,
                    int64_t *ret_wait_ms, struct sco_error *err)
{
    int64_t now = auth_now(a), wait = 0;
    int r = k->address ? sco_store_throttle(s, k->address, &by_address, now, &wait, err) : 0;
    if (r == 0 && !wait)
        r = sco_store_throttle(s, k->account, &by_account, now, &wait, err);
    if (r < 0 || !wait)
        return r;
    *ret_wait_ms = wait;
    return sco_error_set(err, SCO_E_LIMIT, "too many failed logins: try again in %lld s",
                         (long long)((wait + 999) / 1000));
}

static int pardon(struct sco_store *s, const struct keys *k, bool all, struct sco_error *err)
{
    int r = sco_store_throttle_pardon(s, k->account, all, err);
    return r == 0 && k->address ? sco_store_throttle_pardon(s, k->address, false, err) : r;
}

/* With newer parameters. What else of the user was changed meanwhile, stays changed. */
static int rehash_password(struct sco_auth *a, struct sco_store *s, const char *id, const char *old,
                           const char *hash, struct sco_error *err)
{
    struct sco_user_page page = {0};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_user_lock(s, id, err);
    if (r == 0)
        r = sco_store_user(s, id, &page, err);
    if (r == 0 && page.v[0].password && strcmp(page.v[0].password, old) == 0) {
        struct sco_stored_user u = page.v[0];
        u.password = hash;
        r = sco_store_user_put(s, &u, auth_now(a), NULL, err);
    }
    sco_user_page_done(&page);
    return sco_store_end(s, r, err);
}

/* The user, when the password is right. */
static int check_password(struct sco_auth *a, struct sco_store *s, const char *email,
                          struct sco_str password, struct sco_user_page *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_user_page page = {0};
    const char *hash = NULL;
    bool rehash = false;
    int r = sco_store_user(s, email, &page, err);
    if (r < 0 && r != SCO_E_NOT_FOUND)
        return r;
    bool right = password_verify(page.n ? page.v[0].password : NULL, password, &rehash);
    r = right && strcmp(page.v[0].status, "active") == 0 ? 0 : auth_denied(err);
    if (r == 0 && rehash && password_hash(password, &arena, &hash, err) == 0)
        r = rehash_password(a, s, page.v[0].id, page.v[0].password, hash, err);
    if (r < 0)
        sco_user_page_done(&page);
    else
        *ret = page;
    return r;
}

static int enter(struct sco_auth *a, struct sco_store *s, const struct sco_stored_user *u,
                 const struct keys *k, struct sco_arena *arena, struct sco_tokens *ret,
                 struct sco_error *err)
{
    char family[37];
    sco_uuid4(family);
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = pardon(s, k, true, err);
    if (r == 0)
        r = sco_store_user_login(s, u->id, auth_now(a), err);
    if (r == 0)
        r = make_tokens(a, s, u, family, auth_now(a) + a->o.refresh_ms, arena, ret, err);
    return sco_store_end(s, r, err);
}

static int find_keys(const struct sco_login *l, struct sco_arena *arena, struct keys *ret,
                     struct sco_error *err)
{
    struct sco_str email = sco_str_trim(l->email);
    if (!email.n || email.n > AUTH_EMAIL_MAX || l->password.n > AUTH_PASSWORD_MAX ||
        memchr(email.p, 0, email.n) || !sco_utf8_valid(email))
        return auth_denied(err);
    char *z = sco_arena_cstr(arena, email);
    for (char *c = z; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    *ret = (struct keys){.email = z};
    ret->account = z ? sco_arena_fmt(arena, "user:%s", z) : NULL;
    ret->address = l->address ? sco_arena_fmt(arena, "address:%s", l->address) : NULL;
    return ret->account && (ret->address || !l->address) ? 0 : sco_error_nomem(err);
}

int sco_auth_login(struct sco_auth *a, struct sco_store *s, const struct sco_login *l,
                   struct sco_arena *arena, struct sco_tokens *ret, int64_t *ret_wait_ms,
                   struct sco_error *err)
{
    struct sco_user_page page = {0};
    struct keys k = {0};
    int r = find_keys(l, arena, &k, err);
    if (r == 0)
        r = throttle(a, s, &k, ret_wait_ms, err);
    if (r == 0)
        r = check_password(a, s, k.email, l->password, &page, err);
    if (r != 0)
        return r;
    const struct sco_stored_user *u = page.v;
    if (totp_active(u) && !l->totp.n) {
        r = pardon(s, &k, false, err);
        r = r < 0 ? r : 1;
    } else {
        if (totp_active(u))
            r = totp_check(a, s, u, l->totp, err);
        if (r == 0)
            r = enter(a, s, u, &k, arena, ret, err);
    }
    sco_user_page_done(&page);
    return r;
}

int sco_auth_confirm_password(struct sco_auth *a, struct sco_store *s, const char *user_id,
                              struct sco_str password, int64_t *ret_wait_ms, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_user_page page = {0};
    struct keys k = {0};
    int r = sco_store_user(s, user_id, &page, err);
    if (r < 0)
        return r;
    struct sco_login l = {.email = sco_str_c(page.v[0].email), .password = password};
    r = find_keys(&l, &arena, &k, err);
    sco_user_page_done(&page);
    if (r == 0)
        r = throttle(a, s, &k, ret_wait_ms, err);
    if (r == 0)
        r = check_password(a, s, k.email, password, &page, err);
    if (r == 0)
        r = pardon(s, &k, true, err);
    sco_user_page_done(&page);
    return r;
}

/* ---- refresh ---- */
/* In the transaction. 1: it was used before; its family ends, and that is kept. */
static int rotate(struct sco_auth *a, struct sco_store *s, const struct sco_stored_token *t,
                  struct sco_arena *arena, struct sco_tokens *ret, struct sco_error *err)
{
    struct sco_user_page page = {0};
    bool first = false;
    uint64_t n;
    int r = sco_store_token_use(s, t->id, auth_now(a), &first, err);
    if (r == 0 && !first) {
        r = sco_store_tokens_revoke(s, NULL, t->family, NULL, &n, err);
        return r < 0 ? r : 1;
    }
    if (r == 0)
        r = sco_store_user(s, t->user_id, &page, err);
    if (r != 0)
        return r == SCO_E_NOT_FOUND ? auth_denied(err) : r;
    r = strcmp(page.v[0].status, "active") != 0
            ? auth_denied(err)
            : make_tokens(a, s, page.v, t->family, t->expires_at, arena, ret, err);
    sco_user_page_done(&page);
    return r;
}

int sco_auth_refresh(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                     struct sco_arena *arena, struct sco_tokens *ret, struct sco_error *err)
{
    struct sco_token_page page = {0};
    uint8_t digest[32];
    int used = 0;
    sco_sha256_of(token, digest);
    int r = sco_store_token(s, digest, &page, err);
    if (r == SCO_E_NOT_FOUND)
        return auth_denied(err);
    if (r < 0)
        return r;
    const struct sco_stored_token *t = page.v;
    if (strcmp(t->kind, "refresh") != 0 || !t->user_id || !t->family || t->revoked ||
        t->expires_at <= auth_now(a)) {
        r = auth_denied(err);
    } else if ((r = sco_store_begin(s, err)) == 0) {
        used = rotate(a, s, t, arena, ret, err);
        r = sco_store_end(s, used > 0 ? 0 : used, err);
        if (r == 0 && used)
            r = auth_denied(err);
    }
    sco_token_page_done(&page);
    return r;
}

int sco_auth_logout(struct sco_auth *a, struct sco_store *s, struct sco_str refresh,
                    struct sco_error *err)
{
    struct sco_token_page page = {0};
    uint8_t digest[32];
    uint64_t n;
    (void)a;
    sco_sha256_of(refresh, digest);
    int r = sco_store_token(s, digest, &page, err);
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r == 0 && strcmp(page.v[0].kind, "refresh") == 0 && page.v[0].family)
        r = sco_store_tokens_revoke(s, NULL, page.v[0].family, NULL, &n, err);
    sco_token_page_done(&page);
    return r;
}

/* ---- passwords, the first user ---- */
int sco_auth_set_password(struct sco_auth *a, struct sco_store *s, const char *user_id,
                          struct sco_str password, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_user_page page = {0};
    const char *hash = NULL;
    int r = sco_store_user(s, user_id, &page, err);
    if (r == 0)
        r = password_check(password, page.v[0].email, err);
    if (r == 0)
        r = password_hash(password, &arena, &hash, err);
    sco_user_page_done(&page);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_user_lock(s, user_id, err);
    if (r == 0)
        r = sco_store_user(s, user_id, &page, err);
    if (r == 0) {
        struct sco_stored_user u = page.v[0];
        u.password = hash;
        r = sco_store_user_put(s, &u, auth_now(a), NULL, err);
        sco_user_page_done(&page);
    }
    if (r == 0)
        r = sco_store_user_void(s, user_id, auth_now(a), err);
    return sco_store_end(s, r, err);
}

int sco_auth_setup_token(struct sco_auth *a, struct sco_store *s, struct sco_arena *arena,
                         const char **ret, struct sco_error *err)
{
    const struct sco_stored_token t = {.kind = "setup"};
    uint64_t users = 0;
    int r = sco_store_user_count(s, &users, err);
    if (r < 0 || users)
        return r < 0 ? r : 1;
    return sco_auth_issue(a, s, &t, 0, arena, ret, err);
}

/* Under the lock, so that two tokens do not make two administrators. */
static int make_first(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                      const struct sco_stored_user *user, struct sco_arena *arena, char ret_id[37],
                      struct sco_error *err)
{
    const char *nobody;
    uint64_t users = 0;
    int r = sco_store_users_lock(s, err);
    if (r == 0)
        r = sco_store_user_count(s, &users, err);
    if (r == 0 && users)
        r = auth_denied(err);
    if (r == 0)
        r = sco_auth_redeem(a, s, "setup", token, arena, &nobody, err);
    return r == 0 ? sco_store_user_put(s, user, auth_now(a), ret_id, err) : r;
}

int sco_auth_setup(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                   const struct sco_stored_user *user, struct sco_str password, char ret_id[37],
                   struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_stored_user u = *user;
    char id[37];
    u.id = NULL;
    u.roles = "admin";
    u.repositories = u.teams = "";
    u.status = "active";
    int r = password_check(password, u.email, err);
    if (r == 0)
        r = password_hash(password, &arena, &u.password, err);
    if (r == 0)
        r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, make_first(a, s, token, &u, &arena, id, err), err);
    if (r == 0)
        memcpy(ret_id, id, sizeof id);
    return r;
}
