/* Signed tokens (RFC 7519, 9068): taken apart, and ours issued and verified. The algorithm is not
 * the token's to choose: ours are EdDSA with one of two keys that are known by their id. */
#include "auth_priv.h"

static bool decode_json(struct sco_str part, struct sco_arena *arena, const struct sco_node **ret)
{
    size_t n = 0;
    uint8_t *text = sco_arena_alloc_raw(arena, part.n + 1);
    return text && sco_base64url_decode(part, text, part.n, &n) &&
           sco_json_parse(sco_str_make((char *)text, n), arena, ret, NULL) == 0 &&
           sco_is(*ret, SCO_NODE_MAP);
}

/* A name twice could be read as one or the other. */
static bool names_once(const struct sco_node *map)
{
    enum { MAX = 64 };
    if (map->n > MAX)
        return false;
    for (const struct sco_node *a = map->child; a; a = a->next)
        for (const struct sco_node *b = a->next; b; b = b->next)
            if (sco_str_eq(a->key, b->key))
                return false;
    return true;
}

static struct sco_str string_at(const struct sco_node *map, const char *name)
{
    const struct sco_node *v = sco_get(map, name);
    return sco_is(v, SCO_NODE_STR) ? v->text : sco_str_make(NULL, 0);
}

int jwt_parse(struct sco_str token, struct sco_arena *arena, struct jwt *ret)
{
    struct jwt t = {0};
    struct sco_str rest = token, header, claims, signature;
    if (token.n > AUTH_TOKEN_MAX || !sco_str_split(&rest, '.', &header) || !rest.p ||
        !sco_str_split(&rest, '.', &claims) || !rest.p || memchr(rest.p, '.', rest.n))
        return SCO_E_PERMISSION;
    signature = rest;
    if (!decode_json(header, arena, &t.header) || !decode_json(claims, arena, &t.claims) ||
        !names_once(t.header) || !names_once(t.claims))
        return SCO_E_PERMISSION;
    t.signature = sco_arena_alloc_raw(arena, signature.n + 1);
    if (!t.signature ||
        !sco_base64url_decode(signature, t.signature, signature.n, &t.n_signature) ||
        sco_get(t.header, "crit"))
        return SCO_E_PERMISSION;
    t.signed_part = sco_str_make(token.p, (size_t)(signature.p - token.p) - 1);
    t.alg = string_at(t.header, "alg");
    t.kid = string_at(t.header, "kid");
    *ret = t;
    return 0;
}

bool jwt_time(const struct jwt *t, const char *name, int64_t *ret)
{
    const struct sco_node *v = sco_get(t->claims, name);
    if (!sco_is(v, SCO_NODE_INT) && !sco_is(v, SCO_NODE_REAL))
        return false;
    double seconds = sco_real(v, -1);
    if (!(seconds >= 0 && seconds < 1e11)) /* the year 5138 */
        return false;
    *ret = (int64_t)(seconds * 1000);
    return true;
}

bool jwt_audience(const struct jwt *t, const char *audience)
{
    const struct sco_node *list = sco_get(t->claims, "aud");
    for (const struct sco_node *v = sco_first(list); v; v = sco_next(list, v))
        if (sco_is(v, SCO_NODE_STR) && sco_str_is(v->text, audience))
            return true;
    return false;
}

/* ---- ours ---- */
static void write_header(const struct auth_key *k, struct sco_buf *out)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", k->kid);
    sco_base64url_encode(sco_buf_str(&b), out);
    out->failed |= b.failed;
}

static void write_claims(const struct sco_auth *a, const struct auth_claims *c, struct sco_buf *out)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    char id[37];
    sco_uuid4(id);
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "iss", a->o.issuer);
    sco_json_kz(&o, "aud", a->o.audience);
    sco_json_kz(&o, "sub", c->user_id);
    sco_json_ki64(&o, "iat", auth_now(a) / 1000);
    sco_json_ki64(&o, "exp", c->expires_at / 1000);
    sco_json_kz(&o, "jti", id);
    sco_json_kz(&o, "sid", c->family);
    sco_json_ki64(&o, "gen", c->generation);
    sco_json_end(&o, '}');
    sco_base64url_encode(sco_buf_str(&b), out);
    out->failed |= b.failed;
}

int jwt_issue(struct sco_auth *a, const struct auth_claims *c, struct sco_arena *arena, char **ret,
              struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    uint8_t signature[SCO_ED25519_SIGNATURE_LEN];
    write_header(&a->key, &b);
    sco_buf_addc(&b, '.');
    write_claims(a, c, &b);
    if (b.failed)
        return sco_error_nomem(err);
    sco_ed25519_sign(a->key.secret, sco_buf_str(&b), signature);
    sco_buf_addc(&b, '.');
    sco_base64url_encode(sco_str_make((char *)signature, sizeof signature), &b);
    char *text = b.failed ? NULL : sco_arena_cstr(arena, sco_buf_str(&b));
    if (!text)
        return sco_error_nomem(err);
    *ret = text;
    return 0;
}

static bool copy_id(struct sco_str s, char out[37])
{
    if (s.n != 36)
        return false;
    memcpy(out, s.p, 36);
    out[36] = 0;
    return true;
}

static const struct auth_key *key_of(const struct sco_auth *a, struct sco_str kid)
{
    return sco_str_is(kid, a->key.kid)                           ? &a->key
           : a->old_key.there && sco_str_is(kid, a->old_key.kid) ? &a->old_key
                                                                 : NULL;
}

int jwt_verify(struct sco_auth *a, const struct jwt *t, struct auth_claims *ret)
{
    const struct auth_key *k = key_of(a, t->kid);
    struct auth_claims c = {0};
    int64_t now = auth_now(a), issued = 0;
    if (!k)
        return 1;
    if (!sco_str_is(t->alg, "EdDSA") || !sco_str_is(string_at(t->header, "typ"), "at+jwt") ||
        t->n_signature != SCO_ED25519_SIGNATURE_LEN ||
        !sco_ed25519_verify(k->public, t->signed_part, t->signature))
        return SCO_E_PERMISSION;
    const struct sco_node *generation = sco_get(t->claims, "gen");
    if (!sco_str_is(string_at(t->claims, "iss"), a->o.issuer) || !jwt_audience(t, a->o.audience) ||
        !jwt_time(t, "exp", &c.expires_at) || !jwt_time(t, "iat", &issued) ||
        !string_at(t->claims, "jti").n || !copy_id(string_at(t->claims, "sub"), c.user_id) ||
        !copy_id(string_at(t->claims, "sid"), c.family) || !sco_is(generation, SCO_NODE_INT) ||
        generation->i < 0 || generation->i > UINT32_MAX)
        return SCO_E_PERMISSION;
    /* nodes' clocks differ: one may have issued it a moment ahead of ours */
    if (c.expires_at <= now || issued > now + AUTH_SKEW_MS)
        return SCO_E_PERMISSION;
    c.generation = (uint32_t)generation->i;
    *ret = c;
    return 0;
}

static void write_key(struct sco_json_out *o, const struct auth_key *k)
{
    SCO_AUTO(sco_buf) struct sco_buf x = {0};
    sco_base64url_encode(sco_str_make((const char *)k->public, sizeof k->public), &x);
    sco_json_begin(o, '{');
    sco_json_kz(o, "kty", "OKP");
    sco_json_kz(o, "crv", "Ed25519");
    sco_json_kz(o, "use", "sig");
    sco_json_kz(o, "alg", "EdDSA");
    sco_json_kz(o, "kid", k->kid);
    sco_json_kstr(o, "x", sco_buf_str(&x));
    sco_json_end(o, '}');
    o->b->failed |= x.failed;
}

void sco_auth_jwks(const struct sco_auth *a, struct sco_buf *out)
{
    struct sco_json_out o = {.b = out};
    sco_json_begin(&o, '{');
    sco_json_key(&o, "keys");
    sco_json_begin(&o, '[');
    write_key(&o, &a->key);
    if (a->old_key.there)
        write_key(&o, &a->old_key);
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
}
