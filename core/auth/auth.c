/* The service: its keys, and whom a bearer token stands for. One struct sco_auth is shared by all
 * threads; what changes in it is under its lock, what is slow is not. */
#include "auth_priv.h"

#include <stdlib.h>

int auth_denied(struct sco_error *err)
{
    return sco_error_set(err, SCO_E_PERMISSION, "unknown, expired or revoked");
}

/* ---- keys ---- */
/* One key for each use: what one of them does says nothing of the others. */
static int derive(struct sco_str key, const char *id, struct auth_key *k, struct sco_error *err)
{
    uint8_t digest[32], raw[16];
    char hex[33];
    if (key.n < 32)
        return sco_error_set(err, SCO_E_INVALID, "the key of auth has less than 32 bytes");
    if (sco_hkdf(key, "secureops seal 1", k->seal, sizeof k->seal) < 0 ||
        sco_hkdf(key, "secureops access token ed25519 1", k->secret, sizeof k->secret) < 0 ||
        sco_hkdf(key, "secureops key id 1", raw, sizeof raw) < 0)
        return sco_error_set(err, SCO_E_INTERNAL, "keys cannot be derived");
    sco_hex(raw, 8, hex);
    snprintf(k->id, sizeof k->id, "%s", id && *id ? id : hex);
    sco_ed25519_public(k->secret, k->public);
    sco_sha256_of(sco_str_make((char *)k->public, sizeof k->public), digest);
    sco_hex(digest, 8, k->kid);
    k->there = true;
    return 0;
}

static int copy_texts(struct sco_auth *a, const struct sco_auth_options *o, struct sco_error *err)
{
    const char *const from[] = {o->issuer,           o->audience,
                                o->oidc_issuer,      o->oidc_audience,
                                o->oidc_roles_claim, o->oidc_repositories_claim,
                                o->oidc_teams_claim, o->oidc_jwks};
    const char **to[] = {&a->o.issuer,           &a->o.audience,
                         &a->o.oidc_issuer,      &a->o.oidc_audience,
                         &a->o.oidc_roles_claim, &a->o.oidc_repositories_claim,
                         &a->o.oidc_teams_claim, &a->o.oidc_jwks};
    for (size_t i = 0; i < SCO_ARRAY_LEN(from); i++) {
        *to[i] = from[i] && *from[i] ? sco_arena_cstr(&a->arena, sco_str_c(from[i])) : NULL;
        if (from[i] && *from[i] && !*to[i])
            return sco_error_nomem(err);
    }
    return 0;
}

int sco_auth_new(const struct sco_auth_options *o, struct sco_auth **ret, struct sco_error *err)
{
    struct sco_auth *a = sco_alloc(1, sizeof *a);
    if (!a)
        return sco_error_nomem(err);
    pthread_mutex_init(&a->lock, NULL);
    a->o = *o;
    a->o.key = a->o.old_key = sco_str_make(NULL, 0);
    a->o.access_ms = o->access_ms ? o->access_ms : AUTH_ACCESS_MS;
    a->o.refresh_ms = o->refresh_ms ? o->refresh_ms : (int64_t)30 * 24 * 3600 * 1000;
    int r = copy_texts(a, o, err);
    if (r == 0 && (!a->o.issuer || !a->o.audience))
        r = sco_error_set(err, SCO_E_INVALID, "auth needs an issuer and an audience");
    if (r == 0)
        r = derive(o->key, o->key_id, &a->key, err);
    if (r == 0 && o->old_key.n)
        r = derive(o->old_key, o->old_key_id, &a->old_key, err);
    if (r == 0 && a->o.oidc_issuer)
        r = oidc_new(a, &a->oidc, err);
    if (r < 0) {
        sco_auth_free(a);
        return r;
    }
    *ret = a;
    return 0;
}

struct sco_auth *sco_auth_free(struct sco_auth *a)
{
    if (!a)
        return NULL;
    oidc_free(a->oidc);
    pthread_mutex_destroy(&a->lock);
    sco_arena_done(&a->arena);
    sco_wipe(a, sizeof *a);
    free(a);
    return NULL;
}

/* ---- principals ---- */
/* "a, b" as a list that ends with NULL; NULL for an empty one. */
static int list_of(const char *text, struct sco_arena *arena, const char *const **ret,
                   struct sco_error *err)
{
    struct sco_str rest = sco_str_c(text), one;
    size_t n = 0, max = 2;
    for (const char *c = text; *c; c++)
        max += *c == ',';
    const char **v = sco_arena_alloc(arena, max * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    while (rest.n && sco_str_split(&rest, ',', &one)) {
        one = sco_str_trim(one);
        if (one.n && !(v[n++] = sco_arena_cstr(arena, one)))
            return sco_error_nomem(err);
    }
    *ret = n ? v : NULL;
    return 0;
}

int principal_of_user(const struct sco_stored_user *u, struct sco_arena *arena,
                      struct sco_principal *ret, struct sco_error *err)
{
    struct sco_principal p = {0};
    memcpy(p.user_id, u->id, sizeof p.user_id);
    p.name = sco_arena_cstr(arena, sco_str_c(u->email));
    int r = p.name ? sco_roles_parse(sco_str_c(u->roles), &p.roles, err) : sco_error_nomem(err);
    if (r == 0)
        r = list_of(u->repositories, arena, &p.repositories, err);
    if (r == 0)
        r = list_of(u->teams, arena, &p.teams, err);
    if (r < 0)
        return r;
    struct sco_permissions granted = {0};
    sco_permissions_of_roles(p.roles, &p.permissions);
    r = sco_permissions_parse(sco_str_c(u->permissions), &granted, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < SCO_ACT_MAX_; i++)
        p.permissions.may[i] |= granted.may[i];
    for (uint32_t i = 0; i < SCO_ACT_APPROVE; i++)
        p.permissions.may[i] |= 1u << SCO_RES_SELF;
    *ret = p;
    return 0;
}

/* ---- access tokens ---- */
static bool recall(struct sco_auth *a, const uint8_t digest[32], struct auth_claims *ret)
{
    size_t at = (size_t)(digest[0] | digest[1] << 8) & (AUTH_CACHE - 1);
    pthread_mutex_lock(&a->lock);
    bool found = memcmp(a->cache[at].digest, digest, 32) == 0;
    if (found)
        *ret = a->cache[at].claims;
    pthread_mutex_unlock(&a->lock);
    return found && ret->expires_at > auth_now(a);
}

static void remember(struct sco_auth *a, const uint8_t digest[32], const struct auth_claims *c)
{
    size_t at = (size_t)(digest[0] | digest[1] << 8) & (AUTH_CACHE - 1);
    pthread_mutex_lock(&a->lock);
    memcpy(a->cache[at].digest, digest, 32);
    a->cache[at].claims = *c;
    pthread_mutex_unlock(&a->lock);
}

/* What the token says was true when it was issued; the user's row says what is true now. */
static int of_claims(struct sco_store *s, const struct auth_claims *c, int64_t now,
                     struct sco_arena *arena, struct sco_principal *ret, struct sco_error *err)
{
    struct sco_user_page page = {0};
    bool alive = false;
    int r = sco_store_session(s, c->user_id, c->family, now, &page, &alive, err);
    if (r == SCO_E_NOT_FOUND)
        return auth_denied(err);
    if (r < 0)
        return r;
    const struct sco_stored_user *u = page.v;
    if (!alive || u->generation != c->generation || strcmp(u->status, "active") != 0)
        r = auth_denied(err);
    else
        r = principal_of_user(u, arena, ret, err);
    if (r == 0)
        ret->expires_at = c->expires_at;
    sco_user_page_done(&page);
    return r;
}

static int of_jwt(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                  struct sco_arena *arena, struct sco_principal *ret, struct sco_error *err)
{
    uint8_t digest[32];
    struct auth_claims c;
    struct jwt t;
    sco_sha256_of(token, digest);
    if (!recall(a, digest, &c)) {
        if (jwt_parse(token, arena, &t) < 0)
            return auth_denied(err);
        int r = jwt_verify(a, &t, &c);
        if (r == 1 && a->oidc)
            return oidc_verify(a, &t, arena, ret, err);
        if (r != 0)
            return auth_denied(err);
        remember(a, digest, &c);
    }
    return of_claims(s, &c, auth_now(a), arena, ret, err);
}

/* ---- API tokens ---- */
/* No more than its owner may, now; and of that, what it was made for. */
static int narrow(const struct sco_stored_token *t, struct sco_arena *arena,
                  struct sco_principal *p, struct sco_error *err)
{
    struct sco_permissions scopes = p->permissions;
    p->token_id = sco_arena_cstr(arena, sco_str_c(t->id));
    p->name = sco_arena_fmt(arena, "token:%s", t->name ? t->name : t->id);
    if (!p->token_id || !p->name)
        return sco_error_nomem(err);
    int r = t->scopes && *t->scopes ? sco_permissions_parse(sco_str_c(t->scopes), &scopes, err) : 0;
    for (uint32_t i = 0; i < SCO_ACT_MAX_; i++)
        p->permissions.may[i] &= scopes.may[i] | (i == SCO_ACT_READ ? 1u << SCO_RES_SELF : 0);
    p->expires_at = t->expires_at;
    return r;
}

int sco_auth_user(struct sco_store *s, const char *user_id, struct sco_arena *arena,
                  struct sco_principal *ret, struct sco_error *err)
{
    struct sco_user_page page = {0};
    struct sco_principal p = {0};
    int r = sco_store_user(s, user_id, &page, err);
    if (r == SCO_E_NOT_FOUND)
        return sco_error_set(err, SCO_E_PERMISSION, "the user is gone");
    if (r < 0)
        return r;
    if (strcmp(page.v[0].status, "active") != 0)
        r = sco_error_set(err, SCO_E_PERMISSION, "the user %s is not active", page.v[0].email);
    else
        r = principal_of_user(page.v, arena, &p, err);
    sco_user_page_done(&page);
    if (r == 0)
        *ret = p;
    return r;
}

static int of_token(struct sco_auth *a, struct sco_store *s, const struct sco_stored_token *t,
                    struct sco_arena *arena, struct sco_principal *ret, struct sco_error *err)
{
    struct sco_user_page page = {0};
    struct sco_principal p = {0};
    int64_t now = auth_now(a);
    if (strcmp(t->kind, "api") != 0 || t->revoked || !t->user_id ||
        (t->expires_at && t->expires_at <= now))
        return auth_denied(err);
    int r = sco_store_user(s, t->user_id, &page, err);
    if (r == SCO_E_NOT_FOUND)
        return auth_denied(err);
    if (r < 0)
        return r;
    r = strcmp(page.v[0].status, "active") != 0 ? auth_denied(err)
                                                : principal_of_user(page.v, arena, &p, err);
    sco_user_page_done(&page);
    if (r == 0)
        r = narrow(t, arena, &p, err);
    enum { SEEN_MS = 300000 };
    if (r == 0 && now - t->last_used_at > SEEN_MS)
        r = sco_store_token_seen(s, t->id, now, err);
    if (r == 0)
        *ret = p;
    return r;
}

int sco_auth_bearer(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                    struct sco_arena *arena, struct sco_principal *ret, struct sco_error *err)
{
    struct sco_token_page page = {0};
    uint8_t digest[32];
    if (!token.n || token.n > AUTH_TOKEN_MAX)
        return auth_denied(err);
    if (memchr(token.p, '.', token.n))
        return of_jwt(a, s, token, arena, ret, err);
    sco_sha256_of(token, digest);
    int r = sco_store_token(s, digest, &page, err);
    if (r == SCO_E_NOT_FOUND)
        return auth_denied(err);
    if (r == 0)
        r = of_token(a, s, page.v, arena, ret, err);
    sco_token_page_done(&page);
    return r;
}
