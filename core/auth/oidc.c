/* Bearer tokens of an OpenID Connect issuer. Its keys come from a file, or are discovered and asked
 * again when a token names one that is not known: at most once a minute, by one thread, while the
 * others go on with the keys that there are. Keys that could not be asked for a day are not
 * believed any more. */
#include "auth_priv.h"

#include <secureops/fs.h>

#include <stdlib.h>

enum {
    AGAIN_MS = 60 * 1000,           /* between two requests */
    FRESH_MS = 60 * 60 * 1000,      /* then they are asked again */
    STALE_MS = 24 * 60 * 60 * 1000, /* then they are not believed */
    SUBJECT_MAX = 255,
    SCOPE_MAX = 1000, /* entries of a claim */
    SCOPE_TEXT_MAX = 512,
};

struct oidc {
    pthread_mutex_t lock; /* of all below */
    struct jwks keys;
    int64_t asked_at, got_at;
    bool have, asking;
    bool file;
};

struct oidc *oidc_free(struct oidc *o)
{
    if (!o)
        return NULL;
    jwks_done(&o->keys);
    pthread_mutex_destroy(&o->lock);
    free(o);
    return NULL;
}

static int read_keys(const char *path, struct jwks *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    int r = sco_fs_read(path, JWKS_TEXT_MAX, &text, err);
    if (r == 0)
        r = jwks_parse(sco_buf_str(&text), ret, err);
    if (r == 0 && !ret->n)
        r = sco_error_set(err, SCO_E_FORMAT, "no key for RS256, ES256 or EdDSA");
    return r < 0 ? sco_error_prefix(err, "auth.oidc_jwks: %s", path) : 0;
}

int oidc_new(const struct sco_auth *a, struct oidc **ret, struct sco_error *err)
{
    const struct sco_auth_options *o = &a->o;
    if (!o->oidc_audience)
        return sco_error_set(err, SCO_E_INVALID,
                             "auth.oidc_issuer needs auth.oidc_audience: else tokens for others "
                             "would be taken");
    struct oidc *x = sco_alloc(1, sizeof *x);
    if (!x)
        return sco_error_nomem(err);
    pthread_mutex_init(&x->lock, NULL);
    x->file = o->oidc_jwks != NULL;
    int r = x->file ? read_keys(o->oidc_jwks, &x->keys, err) : 0;
    if (r == 0 && !x->file && !o->fetch)
        r = sco_error_set(err, SCO_E_UNSUPPORTED, "the keys of %s cannot be asked for here",
                          o->oidc_issuer);
    x->have = x->file;
    x->asked_at = INT64_MIN / 2;
    if (r < 0) {
        oidc_free(x);
        return r;
    }
    *ret = x;
    return 0;
}

/* ---- discovery ---- */
static bool safe_url(const char *issuer, struct sco_str url)
{
    return sco_str_starts(url, "https://") ||
           (sco_str_starts(url, "http://") && sco_str_starts(sco_str_c(issuer), "http://"));
}

static int discover(const struct sco_auth *a, struct sco_buf *ret_url, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf url = {0}, body = {0};
    const struct sco_node *root = NULL;
    struct sco_str issuer = sco_str_c(a->o.oidc_issuer), base = issuer;
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    sco_buf_add(&url, base);
    sco_buf_addz(&url, "/.well-known/openid-configuration");
    int r = sco_buf_check(&url, err);
    if (r == 0)
        r = a->o.fetch(a->o.user, sco_buf_z(&url), &body, err);
    if (r == 0 &&
        (body.n > JWKS_TEXT_MAX || sco_json_parse(sco_buf_str(&body), &arena, &root, NULL) < 0))
        r = sco_error_set(err, SCO_E_FORMAT, "no JSON, or too much of it");
    if (r < 0)
        return r;
    struct sco_str keys = sco_text(sco_get(root, "jwks_uri"));
    if (!sco_str_eq(sco_text(sco_get(root, "issuer")), issuer) || !safe_url(a->o.oidc_issuer, keys))
        return sco_error_set(err, SCO_E_FORMAT, "it describes another issuer, or no jwks_uri");
    sco_buf_add(ret_url, keys);
    return sco_buf_check(ret_url, err);
}

static int ask(const struct sco_auth *a, struct jwks *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf url = {0}, body = {0};
    int r = discover(a, &url, err);
    if (r == 0)
        r = a->o.fetch(a->o.user, sco_buf_z(&url), &body, err);
    if (r == 0)
        r = jwks_parse(sco_buf_str(&body), ret, err);
    return r < 0 ? sco_error_prefix(err, "keys of %s", a->o.oidc_issuer) : 0;
}

/* Asks, without the lock meanwhile; what fails leaves the keys as they were. */
static void refresh(struct sco_auth *a, struct oidc *o, int64_t now)
{
    o->asking = true;
    o->asked_at = now;
    pthread_mutex_unlock(&o->lock);
    struct jwks *keys = sco_alloc(1, sizeof *keys), old = {0};
    struct sco_error err;
    int r = keys ? ask(a, keys, &err) : SCO_E_NOMEM;
    pthread_mutex_lock(&o->lock);
    if (r == 0) {
        old = o->keys;
        o->keys = *keys;
        o->have = true;
        o->got_at = now;
    }
    o->asking = false;
    jwks_done(&old);
    free(keys);
}

/* The i-th key that may have signed it; false: there is none. */
static bool key_of(const struct oidc *o, const struct jwt *t, size_t i, struct jwk *ret)
{
    for (size_t k = 0; k < o->keys.n; k++) {
        const struct jwk *key = &o->keys.v[k];
        if (key->alg != jwk_alg_parse(t->alg) || (t->kid.n && !sco_str_is(t->kid, key->kid)))
            continue;
        if (i-- == 0) {
            jwk_copy(key, ret);
            return true;
        }
    }
    return false;
}

/* 0: signed by a key of the issuer. SCO_E_NETWORK: its keys cannot be had. */
static int check_signature(struct sco_auth *a, const struct jwt *t, struct sco_error *err)
{
    enum { KEYS_TRIED = 8 };
    struct oidc *o = a->oidc;
    struct jwk key = {0};
    int64_t now = auth_now(a);
    bool good = false;
    if (!jwk_alg_parse(t->alg))
        return auth_denied(err);
    pthread_mutex_lock(&o->lock);
    bool known = key_of(o, t, 0, &key);
    jwk_done(&key);
    bool wanted = !o->have || !known || now - o->got_at > FRESH_MS;
    if (!o->file && wanted && !o->asking && now - o->asked_at >= AGAIN_MS)
        refresh(a, o, now);
    bool have = o->have && (o->file || now - o->got_at <= STALE_MS);
    struct jwk keys[KEYS_TRIED];
    size_t n = 0;
    while (have && n < KEYS_TRIED && key_of(o, t, n, &keys[n]))
        n++;
    pthread_mutex_unlock(&o->lock);
    for (size_t i = 0; i < n; i++) {
        good = good || jwk_verify(&keys[i], t);
        jwk_done(&keys[i]);
    }
    if (!have)
        return sco_error_set(err, SCO_E_NETWORK, "the keys of %s cannot be had", a->o.oidc_issuer);
    return good ? 0 : auth_denied(err);
}

/* ---- claims ---- */
static void add_role(struct sco_str name, uint32_t *roles)
{
    uint32_t bit;
    if (name.n && !memchr(name.p, ',', name.n) && sco_roles_parse(name, &bit, NULL) == 0)
        *roles |= bit;
}

static const struct sco_node *claim(const struct jwt *t, const char *name)
{
    const struct sco_node *v = sco_get(t->claims, name); /* as it is: "https://example.com/roles" */
    return v ? v : sco_path(t->claims, name);            /* "realm_access.roles" */
}

/* A list, or words; what is no role of ours is somebody else's. */
static uint32_t roles_of(const struct sco_auth *a, const struct jwt *t)
{
    const struct sco_node *v = claim(t, a->o.oidc_roles_claim ? a->o.oidc_roles_claim : "roles");
    uint32_t roles = 0;
    if (sco_is(v, SCO_NODE_STR)) {
        struct sco_str rest = v->text, one;
        while (rest.n && sco_str_split(&rest, ' ', &one))
            add_role(one, &roles);
    }
    if (sco_is(v, SCO_NODE_LIST))
        for (const struct sco_node *i = v->child; i; i = i->next)
            add_role(sco_text(i), &roles);
    return roles;
}

static int add_scope(struct sco_str text, const char **v, size_t *n, struct sco_arena *arena,
                     struct sco_error *err)
{
    if (!text.n)
        return 0;
    if (*n == SCOPE_MAX || text.n > SCOPE_TEXT_MAX || memchr(text.p, 0, text.n))
        return auth_denied(err); /* a part of a scope would be another scope */
    v[*n] = sco_arena_cstr(arena, text);
    return v[(*n)++] ? 0 : sco_error_nomem(err);
}

/* A list, or words. Who is to be bound and brings no such claim, or another kind of value, is bound
 * to nothing: an issuer that forgets a claim opens nothing. */
static int scope_of(const struct jwt *t, const char *name, struct sco_arena *arena,
                    const char *const **ret, struct sco_error *err)
{
    if (!name)
        return 0;
    const struct sco_node *c = claim(t, name);
    const char **v = sco_arena_alloc(arena, (SCOPE_MAX + 1) * sizeof *v);
    size_t n = 0;
    int r = v ? 0 : sco_error_nomem(err);
    if (sco_is(c, SCO_NODE_STR)) {
        struct sco_str rest = c->text, one;
        while (r == 0 && rest.n && sco_str_split(&rest, ' ', &one))
            r = add_scope(one, v, &n, arena, err);
    }
    if (sco_is(c, SCO_NODE_LIST))
        for (const struct sco_node *i = c->child; r == 0 && i; i = i->next)
            r = add_scope(sco_text(i), v, &n, arena, err);
    if (r < 0)
        return r;
    v[n] = NULL;
    *ret = v;
    return 0;
}

int oidc_verify(struct sco_auth *a, const struct jwt *t, struct sco_arena *arena,
                struct sco_principal *ret, struct sco_error *err)
{
    struct sco_principal p = {0};
    int64_t now = auth_now(a), expires = 0, from = 0, issued = 0;
    struct sco_str subject = sco_text(sco_get(t->claims, "sub"));
    /* whose it says it is, first: keys are not asked for anybody's token */
    if (!sco_str_is(sco_text(sco_get(t->claims, "iss")), a->o.oidc_issuer) ||
        !jwt_audience(t, a->o.oidc_audience) || !subject.n || subject.n > SUBJECT_MAX)
        return auth_denied(err);
    if (!jwt_time(t, "exp", &expires) || expires + AUTH_SKEW_MS <= now)
        return auth_denied(err);
    if (sco_get(t->claims, "nbf") && (!jwt_time(t, "nbf", &from) || from > now + AUTH_SKEW_MS))
        return auth_denied(err);
    if (sco_get(t->claims, "iat") && (!jwt_time(t, "iat", &issued) || issued > now + AUTH_SKEW_MS))
        return auth_denied(err);
    int r = check_signature(a, t, err);
    if (r < 0)
        return r;
    p.roles = roles_of(a, t);
    if (!p.roles)
        return auth_denied(err);
    r = scope_of(t, a->o.oidc_repositories_claim, arena, &p.repositories, err);
    if (r == 0)
        r = scope_of(t, a->o.oidc_teams_claim, arena, &p.teams, err);
    if (r < 0)
        return r;
    p.name = sco_arena_fmt(arena, "oidc:%.*s", SCO_STR_ARG(subject));
    if (!p.name)
        return sco_error_nomem(err);
    p.expires_at = expires;
    sco_permissions_of_roles(p.roles, &p.permissions);
    p.permissions.may[SCO_ACT_READ] |= 1u << SCO_RES_SELF; /* there is no account to change */
    *ret = p;
    return 0;
}
