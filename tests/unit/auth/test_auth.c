/* Logins, tokens, second factors and secrets over a store. */
#include "auth_priv.h"
#include "world.h"

#include <secureops/fs.h>

#define TEST(name) static void name(void **state)
#define OK(call)                                                                                   \
    do {                                                                                           \
        int ok_ = (call);                                                                          \
        if (ok_ != 0)                                                                              \
            fail_msg("%s:%d: %d %s", __FILE__, __LINE__, ok_, err.text);                           \
    } while (0)
#define DENIED(call) assert_int_equal((call), SCO_E_PERMISSION)
#define PASSWORD "correct horse battery"

struct fix {
    struct world *w;
    struct sco_store *s;
    struct sco_auth *a;
    struct sco_arena arena;
    int64_t now;
    char user[37];
};

static int64_t now_of(void *user)
{
    return ((struct fix *)user)->now;
}

static const char key_1[] = "0123456789abcdef0123456789abcdef";
static const char key_2[] = "another key that is 32 bytes lon";

static struct sco_auth *auth_with(struct fix *f, const char *key, const char *old)
{
    struct sco_error err = {0};
    struct sco_auth *a = NULL;
    struct sco_auth_options o = {.issuer = "https://scans.example.com",
                                 .audience = "https://scans.example.com",
                                 .key = sco_str_make(key, 32),
                                 .old_key = sco_str_make(old, old ? 32 : 0),
                                 .now = now_of,
                                 .user = f};
    OK(sco_auth_new(&o, &a, &err));
    return a;
}

/* The password's hash is made once: it is slow on purpose. */
static const char *hashed(void)
{
    static char text[128];
    if (!text[0]) {
        SCO_AUTO(sco_arena) struct sco_arena a = {0};
        const char *hash = NULL;
        assert_int_equal(password_hash(SCO_STR(PASSWORD), &a, &hash, NULL), 0);
        snprintf(text, sizeof text, "%s", hash);
    }
    return text;
}

static int set_up(void **state)
{
    struct sco_error err = {0};
    struct fix *f = calloc(1, sizeof *f);
    world_set_up((void **)&f->w);
    f->s = f->w->s;
    f->now = f->w->now;
    f->a = auth_with(f, key_1, NULL);
    struct sco_stored_user u = {.email = "ada@example.com",
                                .name = "Ada",
                                .roles = "developer,viewer",
                                .repositories = "app-*, web",
                                .teams = "core",
                                .status = "active",
                                .password = hashed()};
    OK(sco_store_user_put(f->s, &u, f->now, f->user, &err));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;
    sco_auth_free(f->a);
    sco_arena_done(&f->arena);
    world_tear_down((void **)&f->w);
    free(f);
    return 0;
}

static int login(struct fix *f, const char *email, const char *password, const char *totp,
                 struct sco_tokens *ret)
{
    struct sco_error err = {0};
    int64_t wait = 0;
    struct sco_login l = {sco_str_c(email), sco_str_c(password), sco_str_c(totp), "192.0.2.1"};
    int r = sco_auth_login(f->a, f->s, &l, &f->arena, ret, &wait, &err);
    assert_int_equal(r == SCO_E_LIMIT, wait > 0);
    assert_true(!*password || !strstr(err.text, password)); /* never in a text */
    return r;
}

static struct sco_tokens logged_in(struct fix *f)
{
    struct sco_tokens t = {0};
    assert_int_equal(login(f, "Ada@Example.com ", PASSWORD, "", &t), 0);
    return t;
}

static int bearer(struct fix *f, const char *token, struct sco_principal *ret)
{
    struct sco_error err = {0};
    return sco_auth_bearer(f->a, f->s, sco_str_c(token), &f->arena, ret, &err);
}

static int refresh(struct fix *f, const char *token, struct sco_tokens *ret)
{
    struct sco_error err = {0};
    return sco_auth_refresh(f->a, f->s, sco_str_c(token), &f->arena, ret, &err);
}

static void change(struct fix *f, const char *status, const char *roles)
{
    struct sco_error err = {0};
    struct sco_user_page p = {0};
    OK(sco_store_user(f->s, f->user, &p, &err));
    struct sco_stored_user u = p.v[0];
    u.status = status;
    u.roles = roles;
    OK(sco_store_user_put(f->s, &u, f->now, NULL, &err));
    sco_user_page_done(&p);
}

/* ---- permissions beyond the roles ---- */
TEST(one_may_be_given_a_single_permission)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_principal p = {0};
    struct sco_user_page page = {0};
    struct sco_tokens t = logged_in(f);
    assert_int_equal(bearer(f, t.access, &p), 0);
    assert_false(sco_principal_may(&p, SCO_ACT_APPROVE, SCO_RES_PIPELINES));
    OK(sco_store_user(f->s, f->user, &page, &err));
    struct sco_stored_user u = page.v[0];
    char id[37];
    u.permissions = "approve:pipelines,create:compliance";
    OK(sco_store_user_put(f->s, &u, f->now, id, &err));
    sco_user_page_done(&page);
    assert_int_equal(bearer(f, t.access, &p), 0);
    assert_true(sco_principal_may(&p, SCO_ACT_APPROVE, SCO_RES_PIPELINES));
    assert_true(sco_principal_may(&p, SCO_ACT_CREATE, SCO_RES_COMPLIANCE));
    assert_false(sco_principal_may(&p, SCO_ACT_UPDATE, SCO_RES_PIPELINES));
    assert_false(sco_principal_may(&p, SCO_ACT_APPROVE, SCO_RES_SELF));
    assert_true(sco_principal_may(&p, SCO_ACT_UPDATE, SCO_RES_VULNERABILITIES)); /* of the role */
    OK(sco_store_user(f->s, f->user, &page, &err));
    u = page.v[0];
    assert_string_equal(u.permissions, "approve:pipelines,create:compliance");
    u.permissions = NULL;
    OK(sco_store_user_put(f->s, &u, f->now, id, &err));
    sco_user_page_done(&page);
    assert_int_equal(bearer(f, t.access, &p), 0);
    assert_false(sco_principal_may(&p, SCO_ACT_APPROVE, SCO_RES_PIPELINES));
}

/* ---- logins ---- */
TEST(a_login)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_principal p = {0};
    struct sco_user_page page = {0};
    struct sco_tokens t = logged_in(f);
    assert_int_equal(t.access_expires_at, f->now + 15 * 60 * 1000);
    assert_int_equal(bearer(f, t.access, &p), 0);
    assert_string_equal(p.user_id, f->user);
    assert_string_equal(p.name, "ada@example.com");
    assert_null(p.token_id);
    assert_string_equal(p.repositories[0], "app-*");
    assert_string_equal(p.repositories[1], "web");
    assert_null(p.repositories[2]);
    assert_string_equal(p.teams[0], "core");
    assert_true(sco_principal_may(&p, SCO_ACT_UPDATE, SCO_RES_VULNERABILITIES));
    assert_true(sco_principal_may(&p, SCO_ACT_DELETE, SCO_RES_SELF));
    assert_false(sco_principal_may(&p, SCO_ACT_READ, SCO_RES_USERS));
    assert_int_equal(p.expires_at / 1000, t.access_expires_at / 1000);
    OK(sco_store_user(f->s, f->user, &page, &err));
    assert_int_equal(page.v[0].last_login_at, f->now);
    sco_user_page_done(&page);
    DENIED(bearer(f, t.refresh, &p)); /* it is for one thing only */
    f->now = t.access_expires_at;
    DENIED(bearer(f, t.access, &p)); /* also out of the cache */
}

TEST(wrong_logins)
{
    struct fix *f = *state;
    struct sco_tokens t = {0};
    DENIED(login(f, "ada@example.com", "correct horse batterz", "", &t));
    DENIED(login(f, "eve@example.com", PASSWORD, "", &t));
    DENIED(login(f, "", PASSWORD, "", &t));
    DENIED(login(f, "ada@example.com", "", "", &t));
    change(f, "disabled", "viewer");
    DENIED(login(f, "ada@example.com", PASSWORD, "", &t));
    change(f, "unverified", "viewer");
    DENIED(login(f, "ada@example.com", PASSWORD, "", &t));
    assert_null(t.access);
    assert_null(t.refresh);
}

/* No account, or none that has a password: as long as a wrong one. */
TEST(an_unknown_email_takes_as_long)
{
    struct fix *f = *state;
    struct sco_tokens t = {0};
    int64_t known = INT64_MAX, unknown = INT64_MAX;
    for (int i = 0; i < 3; i++) { /* the quickest of three: others may be working */
        int64_t at = sco_mono_ns();
        DENIED(login(f, "ada@example.com", "wrong password here", "", &t));
        int64_t between = sco_mono_ns();
        DENIED(login(f, "eve@example.com", "wrong password here", "", &t));
        int64_t end = sco_mono_ns();
        known = between - at < known ? between - at : known;
        unknown = end - between < unknown ? end - between : unknown;
    }
    assert_true(unknown > known / 2 && unknown < known * 2);
}

TEST(throttled_by_account)
{
    struct fix *f = *state;
    struct sco_tokens t = {0};
    for (int i = 0; i < 6; i++)
        DENIED(login(f, "ada@example.com", "wrong", "", &t));
    assert_int_equal(login(f, "ada@example.com", PASSWORD, "", &t), SCO_E_LIMIT);
    assert_int_equal(login(f, "ADA@example.com", PASSWORD, "", &t), SCO_E_LIMIT);
    DENIED(login(f, "eve@example.com", "wrong", "", &t)); /* others are not held up */
    f->now += 1000;
    assert_int_equal(login(f, "ada@example.com", PASSWORD, "", &t), 0);
    DENIED(login(f, "ada@example.com", "wrong", "", &t)); /* and it counts from the start */
    DENIED(login(f, "ada@example.com", "wrong", "", &t));
}

TEST(throttled_by_address)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_tokens t = {0};
    static const struct sco_throttle all = {
        .free = 30, .base_ms = 1000, .max_ms = 900000, .forget_ms = 3600000};
    int64_t wait = 0;
    for (int i = 0; i < 31; i++) /* a password each on many accounts */
        OK(sco_store_throttle(f->s, "address:192.0.2.1", &all, f->now, &wait, &err));
    assert_int_equal(login(f, "ada@example.com", PASSWORD, "", &t), SCO_E_LIMIT);
    f->now += 1000;
    assert_int_equal(login(f, "ada@example.com", PASSWORD, "", &t), 0);
    DENIED(login(f, "eve@example.com", "wrong", "", &t)); /* a login does not pardon the others */
    assert_int_equal(login(f, "ada@example.com", PASSWORD, "", &t), SCO_E_LIMIT);
}

TEST(an_old_hash_is_made_anew)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_user_page p = {0};
    struct sco_tokens t = {0};
    OK(sco_store_user(f->s, f->user, &p, &err));
    struct sco_stored_user u = p.v[0];
    u.password = "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"
                 "cCO9yzr9c0hGHAbNgf046_2o-7qQT44-qbVD9lRdofI";
    OK(sco_store_user_put(f->s, &u, f->now, NULL, &err));
    sco_user_page_done(&p);
    assert_int_equal(login(f, "ada@example.com", "pleaseletmein", "", &t), 0);
    OK(sco_store_user(f->s, f->user, &p, &err));
    assert_true(sco_str_starts(sco_str_c(p.v[0].password), "$scrypt$ln=15,"));
    sco_user_page_done(&p);
    assert_int_equal(login(f, "ada@example.com", "pleaseletmein", "", &t), 0);
}

/* ---- access tokens ---- */
TEST(what_is_true_now_counts)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_principal p = {0};
    struct sco_tokens t = logged_in(f), more;
    change(f, "active", "hr_manager");
    assert_int_equal(bearer(f, t.access, &p), 0);
    assert_false(sco_principal_may(&p, SCO_ACT_READ, SCO_RES_DASHBOARDS));
    change(f, "disabled", "hr_manager");
    DENIED(bearer(f, t.access, &p));
    DENIED(refresh(f, t.refresh, &more));
    change(f, "active", "viewer");
    assert_int_equal(bearer(f, t.access, &p), 0);
    OK(sco_store_user_void(f->s, f->user, f->now, &err));
    DENIED(bearer(f, t.access, &p));
    OK(sco_store_user_delete(f->s, f->user, &err));
    DENIED(bearer(f, t.access, &p));
}

/* A token put together of a header and claims, signed with `key`. */
static const char *forge(struct fix *f, const char *header, const char *claims,
                         const struct auth_key *key)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    uint8_t signature[64] = {0};
    sco_base64url_encode(sco_str_c(header), &b);
    sco_buf_addc(&b, '.');
    sco_base64url_encode(sco_str_c(claims), &b);
    if (key)
        sco_ed25519_sign(key->secret, sco_buf_str(&b), signature);
    sco_buf_addc(&b, '.');
    if (key)
        sco_base64url_encode(sco_str_make((char *)signature, 64), &b);
    return sco_arena_cstr(&f->arena, sco_buf_str(&b));
}

static const char *decoded(struct fix *f, const char *part, size_t n)
{
    char *out = sco_arena_alloc(&f->arena, n + 1);
    size_t n_out = 0;
    assert_true(sco_base64url_decode(sco_str_make(part, n), (uint8_t *)out, n, &n_out));
    return out;
}

static const char *replaced(struct fix *f, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    return sco_arena_fmt(&f->arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

TEST(forged_tokens)
{
    struct fix *f = *state;
    struct sco_principal p = {0};
    struct sco_tokens t = logged_in(f);
    const char *dot = strchr(t.access, '.'), *dot2 = strchr(dot + 1, '.');
    const char *header = decoded(f, t.access, (size_t)(dot - t.access));
    const char *claims = decoded(f, dot + 1, (size_t)(dot2 - dot) - 1);
    const struct auth_key *k = &f->a->key;
    assert_int_equal(bearer(f, forge(f, header, claims, k), &p), 0); /* the forge is right */
    struct auth_key other = *k;
    other.secret[0] ^= 1;
    DENIED(bearer(f, forge(f, header, claims, &other), &p));
    DENIED(bearer(f, forge(f, header, claims, NULL), &p));
    static const char *const algs[] = {"none", "None", "HS256", "RS256", "ES256", "eddsa", ""};
    for (size_t i = 0; i < SCO_ARRAY_LEN(algs); i++) {
        const char *h = replaced(f, header, "EdDSA", algs[i]);
        DENIED(bearer(f, forge(f, h, claims, k), &p));
        DENIED(bearer(f, forge(f, h, claims, NULL), &p));
    }
    DENIED(bearer(f, forge(f, replaced(f, header, "at+jwt", "JWT"), claims, k), &p));
    DENIED(bearer(f, forge(f, replaced(f, header, k->kid, "0000000000000000"), claims, k), &p));
    DENIED(bearer(f, forge(f, replaced(f, header, "{", "{\"crit\":[],"), claims, k), &p));
    DENIED(bearer(f, forge(f, replaced(f, header, "{", "{\"alg\":\"EdDSA\","), claims, k), &p));
    DENIED(bearer(f, forge(f, "[]", claims, k), &p));
    static const char *const without[] = {"iss", "aud", "sub", "iat", "exp", "jti", "sid", "gen"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(without); i++) {
        const char *name = sco_arena_fmt(&f->arena, "\"%s\"", without[i]);
        DENIED(bearer(f, forge(f, header, replaced(f, claims, name, "\"x\""), k), &p));
    }
    DENIED(bearer(f, forge(f, header, replaced(f, claims, "\"gen\":0", "\"gen\":1"), k), &p));
    DENIED(bearer(f, forge(f, header, replaced(f, claims, "\"gen\":0", "\"gen\":-1"), k), &p));
    DENIED(bearer(f, forge(f, header, replaced(f, claims, "\"iss\":\"https", "\"iss\":\"http"), k),
                  &p));
    DENIED(bearer(f, forge(f, header, replaced(f, claims, f->user, "ada"), k), &p));
    /* one character of each part */
    for (const char *c = t.access; *c; c += 7) {
        char *x = sco_arena_cstr(&f->arena, sco_str_c(t.access));
        x[c - t.access] = *c == 'A' ? 'B' : 'A';
        DENIED(bearer(f, x, &p));
    }
    static const char *const junk[] = {".",        "..",          "...", "a.b.c",
                                       "e30.e30.", "e30.e30.e30", "sco_"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(junk); i++)
        DENIED(bearer(f, junk[i], &p));
}

TEST(keys_are_rotated)
{
    struct fix *f = *state;
    struct sco_principal p = {0};
    struct sco_tokens old = logged_in(f);
    SCO_AUTO(sco_buf) struct sco_buf jwks = {0};
    sco_auth_free(f->a);
    f->a = auth_with(f, key_2, key_1);
    assert_int_equal(bearer(f, old.access, &p), 0);
    struct sco_tokens new = logged_in(f);
    assert_int_equal(bearer(f, new.access, &p), 0);
    sco_auth_jwks(f->a, &jwks);
    struct jwks *keys = calloc(1, sizeof *keys);
    assert_int_equal(jwks_parse(sco_buf_str(&jwks), keys, NULL), 0); /* others can read it */
    assert_int_equal(keys->n, 2);
    assert_memory_equal(keys->v[0].x, f->a->key.public, 32);
    assert_string_equal(keys->v[1].kid, f->a->old_key.kid);
    free(keys);
    sco_auth_free(f->a);
    f->a = auth_with(f, key_2, NULL);
    DENIED(bearer(f, old.access, &p));
    assert_int_equal(bearer(f, new.access, &p), 0);
}

/* ---- refresh ---- */
TEST(refresh_tokens_rotate)
{
    struct fix *f = *state;
    struct sco_principal p = {0};
    struct sco_tokens t = logged_in(f), next = {0}, other = logged_in(f);
    f->now += 10 * 60 * 1000;
    assert_int_equal(refresh(f, t.refresh, &next), 0);
    assert_string_not_equal(next.refresh, t.refresh);
    assert_int_equal(next.refresh_expires_at, t.refresh_expires_at); /* no login is for ever */
    assert_int_equal(bearer(f, next.access, &p), 0);
    assert_int_equal(bearer(f, t.access, &p), 0);
    /* the first one again: somebody has a copy, and nobody knows who */
    DENIED(refresh(f, t.refresh, &(struct sco_tokens){0}));
    DENIED(refresh(f, next.refresh, &(struct sco_tokens){0}));
    DENIED(bearer(f, next.access, &p));
    DENIED(bearer(f, t.access, &p));
    assert_int_equal(refresh(f, other.refresh, &next), 0); /* another login is not touched */
    DENIED(refresh(f, "scor_x", &next));
    DENIED(refresh(f, other.access, &next));
    f->now = next.refresh_expires_at;
    DENIED(refresh(f, next.refresh, &next));
}

TEST(logout)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_principal p = {0};
    struct sco_tokens t = logged_in(f);
    OK(sco_auth_logout(f->a, f->s, sco_str_c("scor_unknown"), &err));
    assert_int_equal(bearer(f, t.access, &p), 0);
    OK(sco_auth_logout(f->a, f->s, sco_str_c(t.refresh), &err));
    DENIED(bearer(f, t.access, &p));
    DENIED(refresh(f, t.refresh, &t));
}

/* ---- API tokens ---- */
static const char *issue(struct fix *f, const char *kind, const char *scopes, int64_t ttl)
{
    struct sco_error err = {0};
    struct sco_stored_token t = {.user_id = f->user, .kind = kind, .name = "ci", .scopes = scopes};
    const char *text = NULL;
    OK(sco_auth_issue(f->a, f->s, &t, ttl, &f->arena, &text, &err));
    return text;
}

TEST(api_tokens)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_principal p = {0};
    struct sco_token_page page = {0};
    uint64_t n;
    const char *all = issue(f, "api", NULL, 0), *some = issue(f, "api", "read:*,*:users", 1000);
    assert_true(sco_str_starts(sco_str_c(all), "sco_"));
    assert_int_equal(strlen(all), 4 + 43);
    assert_int_equal(bearer(f, all, &p), 0);
    assert_string_equal(p.name, "token:ci");
    assert_string_equal(p.user_id, f->user);
    assert_non_null(p.token_id);
    assert_true(sco_principal_may(&p, SCO_ACT_UPDATE, SCO_RES_VULNERABILITIES));
    assert_int_equal(bearer(f, some, &p), 0);
    assert_true(sco_principal_may(&p, SCO_ACT_READ, SCO_RES_SECURITY));
    assert_false(sco_principal_may(&p, SCO_ACT_UPDATE, SCO_RES_VULNERABILITIES));
    assert_false(sco_principal_may(&p, SCO_ACT_READ, SCO_RES_USERS)); /* nor may its owner */
    assert_false(sco_principal_may(&p, SCO_ACT_CREATE, SCO_RES_SELF));
    assert_string_equal(p.repositories[0], "app-*");
    /* what is stored is no token */
    OK(sco_store_tokens(f->s, f->user, "api", NULL, 0, &page, &err));
    assert_int_equal(page.n, 2);
    assert_int_equal(page.v[0].last_used_at, f->now);
    char hex[65];
    sco_hex(page.v[0].digest, 32, hex);
    DENIED(bearer(f, hex, &p));
    OK(sco_store_tokens_revoke(f->s, page.v[1].id, NULL, NULL, &n, &err));
    sco_token_page_done(&page);
    DENIED(bearer(f, all, &p));
    f->now += 999;
    assert_int_equal(bearer(f, some, &p), 0);
    f->now += 1;
    DENIED(bearer(f, some, &p));
    all = issue(f, "api", NULL, 0);
    change(f, "disabled", "admin");
    DENIED(bearer(f, all, &p));
    DENIED(bearer(f, issue(f, "reset", NULL, 0), &p));
}

TEST(tokens_of_one_use)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    const char *user = NULL, *t = issue(f, "reset", NULL, 0);
    DENIED(sco_auth_redeem(f->a, f->s, "verify", sco_str_c(t), &f->arena, &user, &err));
    OK(sco_auth_redeem(f->a, f->s, "reset", sco_str_c(t), &f->arena, &user, &err));
    assert_string_equal(user, f->user);
    DENIED(sco_auth_redeem(f->a, f->s, "reset", sco_str_c(t), &f->arena, &user, &err));
    t = issue(f, "reset", NULL, 0);
    f->now += 3600 * 1000;
    DENIED(sco_auth_redeem(f->a, f->s, "reset", sco_str_c(t), &f->arena, &user, &err));
    DENIED(sco_auth_redeem(f->a, f->s, "reset", SCO_STR(""), &f->arena, &user, &err));
}

TEST(a_new_password_voids_everything)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_principal p;
    struct sco_tokens t = logged_in(f);
    const char *api = issue(f, "api", NULL, 0);
    assert_int_equal(sco_auth_set_password(f->a, f->s, f->user, SCO_STR("short"), &err),
                     SCO_E_INVALID);
    assert_int_equal(bearer(f, t.access, &p), 0);
    OK(sco_auth_set_password(f->a, f->s, f->user, SCO_STR("another good one"), &err));
    DENIED(bearer(f, t.access, &p));
    DENIED(bearer(f, api, &p));
    DENIED(refresh(f, t.refresh, &t));
    DENIED(login(f, "ada@example.com", PASSWORD, "", &t));
    assert_int_equal(login(f, "ada@example.com", "another good one", "", &t), 0);
    assert_int_equal(bearer(f, t.access, &p), 0);
}

/* ---- the first user ---- */
TEST(setup)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_principal p = {0};
    struct sco_user_page page = {0};
    const char *t = NULL, *second = NULL;
    char id[37];
    struct sco_stored_user u = {.email = "root@example.com", .name = "Root", .roles = "viewer"};
    assert_int_equal(sco_auth_setup_token(f->a, f->s, &f->arena, &t, &err), 1);
    OK(sco_store_user_delete(f->s, f->user, &err));
    OK(sco_auth_setup_token(f->a, f->s, &f->arena, &t, &err));
    OK(sco_auth_setup_token(f->a, f->s, &f->arena, &second, &err));
    DENIED(bearer(f, t, &p));
    struct sco_str good = SCO_STR(PASSWORD);
    DENIED(sco_auth_setup(f->a, f->s, SCO_STR("scou_x"), &u, good, id, &err));
    assert_int_equal(sco_auth_setup(f->a, f->s, sco_str_c(t), &u, SCO_STR("x"), id, &err),
                     SCO_E_INVALID);
    OK(sco_auth_setup(f->a, f->s, sco_str_c(t), &u, good, id, &err)); /* not used up by that */
    OK(sco_store_user(f->s, id, &page, &err));
    assert_string_equal(page.v[0].roles, "admin");
    assert_string_equal(page.v[0].status, "active");
    sco_user_page_done(&page);
    u.email = "eve@example.com";
    DENIED(sco_auth_setup(f->a, f->s, sco_str_c(second), &u, good, id, &err));
    assert_int_equal(sco_auth_setup_token(f->a, f->s, &f->arena, &t, &err), 1);
}

/* ---- the second factor ---- */
static uint32_t unbase32(const char *text, uint8_t *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t bits = 0, have = 0, n = 0;
    for (const char *d; *text && (d = strchr(digits, *text)); text++) {
        bits = bits << 5 | (uint32_t)(d - digits);
        have += 5;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    return n;
}

static const char *code_at(struct fix *f, const char *uri, int64_t at)
{
    uint8_t secret[32];
    uint32_t n = unbase32(strstr(uri, "secret=") + 7, secret);
    assert_int_equal(n, 20);
    return sco_arena_fmt(&f->arena, "%06u", totp_code(sco_str_make((char *)secret, n), at / 30000));
}

static const char *begin_totp(struct fix *f)
{
    struct sco_error err = {0};
    const char *uri = NULL;
    OK(sco_auth_totp_begin(f->a, f->s, f->user, &f->arena, &uri, &err));
    assert_true(sco_str_starts(sco_str_c(uri), "otpauth://totp/SecureOps:ada%40example.com?"));
    return uri;
}

static const char *const *confirm_totp(struct fix *f, const char *uri)
{
    struct sco_error err = {0};
    const char *const *codes = NULL;
    OK(sco_auth_totp_confirm(f->a, f->s, f->user, sco_str_c(code_at(f, uri, f->now)), &f->arena,
                             &codes, &err));
    return codes;
}

TEST(a_second_factor)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_tokens t = {0};
    const char *const *codes = NULL;
    const char *again, *uri = begin_totp(f);
    uri = begin_totp(f); /* as often as one likes, until it is confirmed */
    assert_int_equal(login(f, "ada@example.com", PASSWORD, "", &t), 0); /* not wanted yet */
    DENIED(sco_auth_totp_confirm(f->a, f->s, f->user, SCO_STR("12345"), &f->arena, &codes, &err));
    codes = confirm_totp(f, uri);
    assert_int_equal(sco_auth_totp_begin(f->a, f->s, f->user, &f->arena, &again, &err),
                     SCO_E_INVALID);
    assert_int_equal(login(f, "ada@example.com", PASSWORD, "", &t), 1);
    DENIED(login(f, "ada@example.com", "wrong", "", &t)); /* the password comes first */
    DENIED(login(f, "ada@example.com", PASSWORD, code_at(f, uri, f->now), &t)); /* was used */
    f->now += 30000;
    const char *code = code_at(f, uri, f->now);
    assert_int_equal(login(f, "ada@example.com", PASSWORD, code, &t), 0);
    DENIED(login(f, "ada@example.com", PASSWORD, code, &t));
    f->now += 120000;
    assert_int_equal(login(f, "ada@example.com", PASSWORD, code_at(f, uri, f->now - 30000), &t), 0);
    assert_int_equal(login(f, "ada@example.com", PASSWORD, code_at(f, uri, f->now + 30000), &t), 0);
    DENIED(login(f, "ada@example.com", PASSWORD, code_at(f, uri, f->now + 60000), &t));
    DENIED(login(f, "ada@example.com", PASSWORD, code_at(f, uri, f->now - 60000), &t));
    OK(sco_auth_totp_remove(f->a, f->s, f->user, &err));
    assert_int_equal(login(f, "ada@example.com", PASSWORD, "", &t), 0);
}

TEST(recovery_codes)
{
    struct fix *f = *state;
    struct sco_tokens t = {0};
    struct sco_error err = {0};
    struct sco_user_page page = {0};
    const char *const *codes = confirm_totp(f, begin_totp(f));
    size_t n = 0;
    while (codes[n])
        assert_int_equal(strlen(codes[n++]), 19);
    assert_int_equal(n, 10);
    OK(sco_store_user(f->s, f->user, &page, &err));
    assert_null(strstr(page.v[0].recovery, codes[0]));
    sco_user_page_done(&page);
    assert_int_equal(login(f, "ada@example.com", PASSWORD, codes[3], &t), 0);
    DENIED(login(f, "ada@example.com", PASSWORD, codes[3], &t));
    char plain[32], *to = plain;
    for (const char *c = codes[0]; *c; c++)
        if (*c != '-')
            *to++ = (char)(*c >= 'a' ? *c - 32 : *c);
    *to = 0;
    assert_int_equal(login(f, "ada@example.com", PASSWORD, plain, &t), 0); /* as people write */
    DENIED(login(f, "ada@example.com", PASSWORD, "aaaa-bbbb-cccc-dddd", &t));
}

/* ---- secrets, rotation ---- */
static int secret_is(struct fix *f, const char *name, const char *want)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err = {0};
    int r = sco_auth_secret_get(f->a, f->s, name, &b, &err);
    assert_true(r < 0 || sco_str_is(sco_buf_str(&b), want));
    assert_true(r == 0 || b.n == 0);
    assert_null(strstr(err.text, want));
    return r;
}

TEST(secrets_at_rest)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_secret_page p = {0};
    OK(sco_auth_secret_put(f->a, f->s, "git.token", SCO_STR("hunter2"), &err));
    OK(sco_auth_secret_put(f->a, f->s, "other", SCO_STR("swordfish"), &err));
    OK(secret_is(f, "git.token", "hunter2"));
    OK(sco_auth_secret_put(f->a, f->s, "git.token", SCO_STR("hunter3"), &err));
    OK(secret_is(f, "git.token", "hunter3"));
    assert_int_equal(secret_is(f, "none", "x"), SCO_E_NOT_FOUND);
    assert_int_equal(sco_auth_secret_put(f->a, f->s, "a b", SCO_STR("x"), &err), SCO_E_INVALID);
    assert_int_equal(sco_auth_secret_put(f->a, f->s, "", SCO_STR("x"), &err), SCO_E_INVALID);
    assert_int_equal(sco_auth_secret_put(f->a, f->s, "a", SCO_STR(""), &err), SCO_E_INVALID);
    /* one row in the place of another */
    OK(sco_store_secrets(f->s, "other", &p, &err));
    struct sco_stored_secret x = p.v[0];
    x.name = "git.token";
    OK(sco_store_secret_put(f->s, &x, f->now, &err));
    sco_secret_page_done(&p);
    assert_int_equal(secret_is(f, "git.token", "swordfish"), SCO_E_FORMAT);
}

TEST(everything_is_sealed_anew)
{
    struct fix *f = *state;
    struct sco_error err = {0};
    struct sco_tokens t = {0};
    uint64_t n = 0;
    const char *uri = begin_totp(f);
    confirm_totp(f, uri);
    OK(sco_auth_secret_put(f->a, f->s, "a", SCO_STR("one"), &err));
    OK(sco_auth_secret_put(f->a, f->s, "b", SCO_STR("two"), &err));
    sco_auth_free(f->a);
    f->a = auth_with(f, key_2, key_1);
    OK(secret_is(f, "a", "one"));
    OK(sco_auth_secret_put(f->a, f->s, "b", SCO_STR("three"), &err));
    OK(sco_auth_rotate(f->a, f->s, &n, &err));
    assert_int_equal(n, 2); /* a, and the second factor */
    OK(sco_auth_rotate(f->a, f->s, &n, &err));
    assert_int_equal(n, 0);
    sco_auth_free(f->a);
    f->a = auth_with(f, key_2, NULL);
    OK(secret_is(f, "a", "one"));
    OK(secret_is(f, "b", "three"));
    f->now += 30000;
    assert_int_equal(login(f, "ada@example.com", PASSWORD, code_at(f, uri, f->now), &t), 0);
    sco_auth_free(f->a);
    f->a = auth_with(f, key_1, NULL);
    assert_int_equal(secret_is(f, "a", "one"), SCO_E_FORMAT);
    assert_int_equal(sco_auth_rotate(f->a, f->s, &n, &err), SCO_E_FORMAT);
}

TEST(options_are_checked)
{
    (void)state;
    struct sco_error err = {0};
    struct sco_auth *a = NULL;
    struct sco_auth_options o = {.issuer = "i", .audience = "a", .key = sco_str_make(key_1, 31)};
    assert_int_equal(sco_auth_new(&o, &a, &err), SCO_E_INVALID);
    o.key.n = 32;
    o.oidc_issuer = "https://issuer";
    assert_int_equal(sco_auth_new(&o, &a, &err), SCO_E_INVALID); /* no audience */
    o.oidc_audience = "us";
    assert_int_equal(sco_auth_new(&o, &a, &err), SCO_E_UNSUPPORTED); /* no way to ask */
    o.oidc_jwks = "/nonexistent/keys.json";
    assert_int_equal(sco_auth_new(&o, &a, &err), SCO_E_NOT_FOUND);
    assert_null(a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_may_be_given_a_single_permission),
        T(a_login),
        T(wrong_logins),
        T(an_unknown_email_takes_as_long),
        T(throttled_by_account),
        T(throttled_by_address),
        T(an_old_hash_is_made_anew),
        T(what_is_true_now_counts),
        T(forged_tokens),
        T(keys_are_rotated),
        T(refresh_tokens_rotate),
        T(logout),
        T(api_tokens),
        T(tokens_of_one_use),
        T(a_new_password_voids_everything),
        T(setup),
        T(a_second_factor),
        T(recovery_codes),
        T(secrets_at_rest),
        T(everything_is_sealed_anew),
        cmocka_unit_test(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
