/* Tokens, and replies to requests with an idempotency key. */
#include "accounts_priv.h"

#include <secureops/crypto.h>

#define TOKEN_COLUMNS                                                                              \
    "SELECT t.pk, t.id, u.id, t.kind, t.name, t.scopes, t.family, t.digest, t.created_at, "        \
    "t.expires_at, t.last_used_at, t.used_at, t.revoked FROM tokens t LEFT JOIN users u ON u.pk "  \
    "= t.user_pk "

struct reading {
    struct sco_token_page *page;
    size_t limit;
    int64_t pk;
};

static int on_token(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_token_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->n == rd->limit) {
        p->cursor = sco_arena_fmt(a, "%lld", (long long)rd->pk);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    struct sco_stored_token *x = &p->v[p->n++];
    *x = (struct sco_stored_token){.id = store_uuid_text(a, &v[1]),
                                   .user_id = store_uuid_text(a, &v[2]),
                                   .kind = store_keep(a, &v[3]),
                                   .name = store_keep(a, &v[4]),
                                   .scopes = store_keep(a, &v[5]),
                                   .family = store_keep(a, &v[6]),
                                   .created_at = v[8].i,
                                   .expires_at = v[9].i,
                                   .last_used_at = v[10].i,
                                   .used_at = v[11].i,
                                   .revoked = v[12].i != 0};
    rd->pk = v[0].i;
    /* a token whose scopes could not be kept would be one without limits */
    bool kept = x->id && x->kind && (x->user_id || v[2].type == STORE_NULL) &&
                (x->name || v[4].type == STORE_NULL) && (x->scopes || v[5].type == STORE_NULL) &&
                (x->family || v[6].type == STORE_NULL);
    return kept ? accounts_digest(&v[7], x->digest) : SCO_E_NOMEM;
}

static int read_tokens(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                       struct reading *rd, struct sco_error *err)
{
    struct sco_token_page *p = rd->page;
    p->v = sco_arena_alloc(&p->arena, (rd->limit + 1) * sizeof *p->v);
    return p->v ? store_query(s, sql, v, n, on_token, rd, err) : sco_error_nomem(err);
}

static int read_token(struct sco_store *s, const char *sql, const struct store_value *v,
                      struct sco_token_page *ret, struct sco_error *err)
{
    struct sco_token_page page = {0};
    struct reading rd = {.page = &page, .limit = 1};
    int r = read_tokens(s, sql, v, 1, &rd, err);
    if (r == 0 && !page.n)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no such token");
    if (r < 0)
        sco_token_page_done(&page);
    else
        *ret = page;
    return r;
}

int sco_store_token(struct sco_store *s, const uint8_t digest[32], struct sco_token_page *ret,
                    struct sco_error *err)
{
    struct store_value v = sv_bytes(STORE_BLOB, digest, 32);
    return read_token(s, TOKEN_COLUMNS "WHERE t.digest = $1", &v, ret, err);
}

int sco_store_token_by_id(struct sco_store *s, const char *id, struct sco_token_page *ret,
                          struct sco_error *err)
{
    uint8_t raw[16];
    int r = accounts_id(id, "token", raw, err);
    struct store_value v = sv_uuid(raw);
    return r < 0 ? r : read_token(s, TOKEN_COLUMNS "WHERE t.id = $1", &v, ret, err);
}

void sco_token_page_done(struct sco_token_page *p)
{
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

int sco_store_tokens(struct sco_store *s, const char *user_id, const char *kind, const char *cursor,
                     uint32_t limit, struct sco_token_page *ret, struct sco_error *err)
{
    struct sco_token_page page = {0};
    struct reading rd = {.page = &page};
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    struct store_value v[4];
    uint8_t raw[16];
    int64_t before = 0;
    size_t n = 0;
    int r = accounts_limit(limit, &rd.limit, err);
    if (r == 0)
        r = accounts_cursor(cursor, INT64_MAX, &before, err);
    if (r == 0 && user_id)
        r = accounts_id(user_id, "user", raw, err);
    if (r < 0)
        return r;
    v[n++] = sv_i64(before);
    sco_buf_addz(&sql, TOKEN_COLUMNS "WHERE t.pk < $1");
    if (user_id) {
        v[n++] = sv_uuid(raw);
        sco_buf_addf(&sql, " AND t.user_pk = (SELECT pk FROM users WHERE id = $%zu)", n);
    }
    if (kind) {
        v[n++] = sv_text(kind);
        sco_buf_addf(&sql, " AND t.kind = $%zu", n);
    }
    v[n++] = sv_i64((int64_t)rd.limit + 1);
    sco_buf_addf(&sql, " ORDER BY t.pk DESC LIMIT $%zu", n);
    r = sql.failed ? sco_error_nomem(err) : read_tokens(s, sco_buf_z(&sql), v, n, &rd, err);
    if (r < 0)
        sco_token_page_done(&page);
    else
        *ret = page;
    return r;
}

/* ---- writing ---- */
static int user_pk(struct sco_store *s, const char *id, int64_t *ret, struct sco_error *err)
{
    uint8_t raw[16];
    int64_t pk = 0;
    int r = accounts_id(id, "user", raw, err);
    struct store_value v = sv_uuid(raw);
    if (r == 0)
        r = store_query(s, "SELECT pk FROM users WHERE id = $1", &v, 1, accounts_take_i64, &pk,
                        err);
    if (r == 0 && !pk)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no user \"%s\"", id);
    if (r == 0)
        *ret = pk;
    return r;
}

int sco_store_token_add(struct sco_store *s, const struct sco_stored_token *t, int64_t now,
                        char ret_id[37], struct sco_error *err)
{
    uint8_t raw[16];
    char id[37];
    int64_t pk = 0;
    int r = t->user_id ? user_pk(s, t->user_id, &pk, err) : 0;
    if (r < 0)
        return r;
    sco_uuid4(id);
    store_uuid_parse(sco_str_c(id), raw);
    struct store_value v[] = {sv_uuid(raw),
                              sv_i64_or_null(pk),
                              sv_text(t->kind),
                              sv_text(t->name),
                              sv_text(t->scopes),
                              sv_text(t->family),
                              sv_bytes(STORE_BLOB, t->digest, 32),
                              sv_i64(now),
                              sv_i64_or_null(t->expires_at)};
    r = store_exec(s,
                   "INSERT INTO tokens (id, user_pk, kind, name, scopes, family, digest, "
                   "created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                   v, SCO_ARRAY_LEN(v), NULL, err);
    if (r == 0 && ret_id)
        memcpy(ret_id, id, sizeof id);
    return r;
}

int sco_store_token_use(struct sco_store *s, const char *id, int64_t now, bool *ret_first,
                        struct sco_error *err)
{
    uint8_t raw[16];
    int64_t changed = 0;
    int r = accounts_id(id, "token", raw, err);
    struct store_value v[] = {sv_i64(now), sv_i64(now), sv_uuid(raw)};
    if (r == 0)
        r = store_exec(s,
                       "UPDATE tokens SET used_at = $1, last_used_at = $2 WHERE id = $3 AND "
                       "used_at IS NULL AND NOT revoked",
                       v, SCO_ARRAY_LEN(v), &changed, err);
    if (r == 0)
        *ret_first = changed == 1;
    return r;
}

int sco_store_token_seen(struct sco_store *s, const char *id, int64_t now, struct sco_error *err)
{
    enum { COARSELY_MS = 300000 };
    uint8_t raw[16];
    int r = accounts_id(id, "token", raw, err);
    struct store_value v[] = {sv_i64(now), sv_uuid(raw), sv_i64(now - COARSELY_MS)};
    return r < 0 ? r
                 : store_exec(s,
                              "UPDATE tokens SET last_used_at = $1 WHERE id = $2 AND "
                              "coalesce(last_used_at, 0) < $3",
                              v, SCO_ARRAY_LEN(v), NULL, err);
}

int sco_store_tokens_revoke(struct sco_store *s, const char *id, const char *family,
                            const char *user_id, uint64_t *ret, struct sco_error *err)
{
    uint8_t raw[16] = {0};
    SCO_BUG_ON((id != NULL) + (family != NULL) + (user_id != NULL) != 1);
    int r = family ? 0 : accounts_id(id ? id : user_id, id ? "token" : "user", raw, err);
    struct store_value v[] = {sv_bool(true), family ? sv_text(family) : sv_uuid(raw)};
    const char *sql = family ? "UPDATE tokens SET revoked = $1 WHERE NOT revoked AND family = $2"
                      : id   ? "UPDATE tokens SET revoked = $1 WHERE NOT revoked AND id = $2"
                             : "UPDATE tokens SET revoked = $1 WHERE NOT revoked AND user_pk = "
                               "(SELECT pk FROM users WHERE id = $2)";
    return r < 0 ? r : accounts_change(s, sql, v, SCO_ARRAY_LEN(v), ret, err);
}

int sco_store_tokens_expire(struct sco_store *s, int64_t now, uint64_t *ret, struct sco_error *err)
{
    struct store_value v = sv_i64(now);
    return accounts_change(s, "DELETE FROM tokens WHERE expires_at < $1", &v, 1, ret, err);
}

/* ---- replies ---- */
struct reply_reading {
    struct sco_stored_reply *ret;
    struct sco_arena *arena;
    bool found;
};

static int on_reply(void *user, const struct store_value *v, size_t n)
{
    struct reply_reading *rd = user;
    struct sco_stored_reply x = {.status = (int)v[1].i,
                                 .content_type = store_keep(rd->arena, &v[2]),
                                 .body = sco_arena_str(rd->arena, v[3].s)};
    (void)n;
    if ((!x.content_type && v[2].type != STORE_NULL) || (!x.body.p && v[3].s.n))
        return SCO_E_NOMEM;
    int r = accounts_digest(&v[0], x.digest);
    if (r < 0)
        return r;
    *rd->ret = x;
    rd->found = true;
    return 0;
}

int sco_store_reply(struct sco_store *s, const char *principal, const char *key,
                    struct sco_stored_reply *ret, struct sco_arena *arena, struct sco_error *err)
{
    struct store_value v[] = {sv_text(principal), sv_text(key)};
    struct reply_reading rd = {ret, arena, false};
    int r = store_query(s,
                        "SELECT digest, status, content_type, body FROM replies WHERE principal = "
                        "$1 AND key = $2",
                        v, SCO_ARRAY_LEN(v), on_reply, &rd, err);
    if (r == 0 && !rd.found)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "no reply has this key");
    return r;
}

int sco_store_reply_put(struct sco_store *s, const char *principal, const char *key,
                        const struct sco_stored_reply *p, int64_t now, struct sco_error *err)
{
    int64_t added = 0;
    struct store_value v[] = {sv_text(principal),
                              sv_text(key),
                              sv_bytes(STORE_BLOB, p->digest, 32),
                              sv_i64(p->status),
                              sv_text(p->content_type),
                              sv_bytes(STORE_BLOB, p->body.p ? p->body.p : "", p->body.n),
                              sv_i64(now)};
    int r = store_exec(s,
                       "INSERT INTO replies (principal, key, digest, status, content_type, body, "
                       "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (principal, "
                       "key) DO NOTHING",
                       v, SCO_ARRAY_LEN(v), &added, err);
    return r < 0 ? r : !added;
}

int sco_store_replies_expire(struct sco_store *s, int64_t before, uint64_t *ret,
                             struct sco_error *err)
{
    struct store_value v = sv_i64(before);
    return accounts_change(s, "DELETE FROM replies WHERE created_at < $1", &v, 1, ret, err);
}
