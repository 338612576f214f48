/* Users, and how often logins failed. */
#include "accounts_priv.h"

#include <secureops/crypto.h>

/* ---- helpers of the accounts ---- */
int accounts_cursor(const char *cursor, int64_t first, int64_t *ret, struct sco_error *err)
{
    *ret = first;
    if (!cursor || sco_parse_i64(sco_str_c(cursor), 0, INT64_MAX, ret) == 0)
        return 0;
    return sco_error_set(err, SCO_E_INVALID,
                         "\"%s\" is no cursor: give the one that the page before ended with",
                         cursor);
}

int accounts_limit(uint32_t limit, size_t *ret, struct sco_error *err)
{
    *ret = limit ? limit : 100;
    if (*ret <= SCO_STORE_PAGE_MAX)
        return 0;
    return sco_error_set(err, SCO_E_INVALID, "a page has at most %d rows", SCO_STORE_PAGE_MAX);
}

int accounts_id(const char *id, const char *what, uint8_t ret[16], struct sco_error *err)
{
    if (store_uuid_parse(sco_str_c(id), ret))
        return 0;
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no %s \"%s\"", what, id);
}

int accounts_digest(const struct store_value *v, uint8_t ret[32])
{
    if (v->s.n != 32)
        return SCO_E_FORMAT;
    memcpy(ret, v->s.p, 32);
    return 0;
}

int accounts_take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

int accounts_change(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                    uint64_t *ret, struct sco_error *err)
{
    int64_t changed = 0;
    int r = store_exec(s, sql, v, n, &changed, err);
    if (r == 0)
        *ret = (uint64_t)changed;
    return r;
}

/* ---- reading ---- */
#define USER_COLUMNS                                                                               \
    "SELECT u.pk, u.id, u.email, u.name, u.roles, u.repositories, u.teams, u.status, u.password, " \
    "u.totp, u.recovery, u.created_at, u.updated_at, u.last_login_at, u.totp_step, u.generation, " \
    "coalesce(f.failures, 0), coalesce(f.locked_until, 0), u.permissions"
#define USER_TABLES " FROM users u LEFT JOIN login_failures f ON f.key = 'user:' || u.email "

struct reading {
    struct sco_user_page *page;
    size_t limit;
    int64_t pk;
    bool alive;
};

static int on_user(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_user_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    if (p->n == rd->limit) {
        p->cursor = sco_arena_fmt(a, "%lld", (long long)rd->pk);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    struct sco_stored_user *x = &p->v[p->n++];
    *x = (struct sco_stored_user){.id = store_uuid_text(a, &v[1]),
                                  .email = store_keep(a, &v[2]),
                                  .name = store_keep(a, &v[3]),
                                  .roles = store_keep(a, &v[4]),
                                  .repositories = store_keep(a, &v[5]),
                                  .teams = store_keep(a, &v[6]),
                                  .status = store_keep(a, &v[7]),
                                  .password = store_keep(a, &v[8]),
                                  .totp = store_keep(a, &v[9]),
                                  .recovery = store_keep(a, &v[10]),
                                  .created_at = v[11].i,
                                  .updated_at = v[12].i,
                                  .last_login_at = v[13].i,
                                  .totp_step = v[14].i,
                                  .generation = (uint32_t)v[15].i,
                                  .failures = v[16].i,
                                  .locked_until = v[17].i,
                                  .permissions = store_keep(a, &v[18])};
    rd->pk = v[0].i;
    rd->alive = n > 19 && v[19].i;
    /* what is there and could not be kept must not look as if it were not */
    bool kept = x->permissions && x->id && x->email && x->name && x->roles && x->repositories &&
                x->teams && x->status && (x->password || v[8].type == STORE_NULL) &&
                (x->totp || v[9].type == STORE_NULL) && (x->recovery || v[10].type == STORE_NULL);
    return kept ? 0 : SCO_E_NOMEM;
}

static int read_users(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                      struct reading *rd, struct sco_error *err)
{
    struct sco_user_page *p = rd->page;
    p->v = sco_arena_alloc(&p->arena, (rd->limit + 1) * sizeof *p->v);
    return p->v ? store_query(s, sql, v, n, on_user, rd, err) : sco_error_nomem(err);
}

static int finish_user(struct reading *rd, const char *id, int r, struct sco_user_page *ret,
                       struct sco_error *err)
{
    if (r == 0 && !rd->page->n)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no user \"%s\"", id);
    if (r < 0)
        sco_user_page_done(rd->page);
    else
        *ret = *rd->page;
    return r;
}

static const char *lower(struct sco_arena *a, const char *text)
{
    char *z = sco_arena_cstr(a, sco_str_c(text));
    for (char *c = z; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return z;
}

int sco_store_user(struct sco_store *s, const char *id, struct sco_user_page *ret,
                   struct sco_error *err)
{
    uint8_t raw[16];
    struct sco_user_page page = {0};
    struct reading rd = {.page = &page, .limit = 1};
    bool by_id = store_uuid_parse(sco_str_c(id), raw);
    const char *email = by_id ? "" : lower(&page.arena, id);
    struct store_value v = by_id ? sv_uuid(raw) : sv_text(email);
    int r = !email  ? sco_error_nomem(err)
            : by_id ? read_users(s, USER_COLUMNS USER_TABLES "WHERE u.id = $1", &v, 1, &rd, err)
                    : read_users(s, USER_COLUMNS USER_TABLES "WHERE u.email = $1", &v, 1, &rd, err);
    return finish_user(&rd, id, r, ret, err);
}

int sco_store_session(struct sco_store *s, const char *user_id, const char *family, int64_t now,
                      struct sco_user_page *ret, bool *ret_alive, struct sco_error *err)
{
    uint8_t raw[16];
    struct sco_user_page page = {0};
    struct reading rd = {.page = &page, .limit = 1};
    int r = accounts_id(user_id, "user", raw, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_text(family), sv_i64(now), sv_uuid(raw)};
    r = read_users(s,
                   USER_COLUMNS
                   ", CASE WHEN EXISTS (SELECT 1 FROM tokens t WHERE t.family = $1 AND "
                   "t.user_pk = u.pk AND t.used_at IS NULL AND NOT t.revoked AND t.expires_at > "
                   "$2) THEN 1 ELSE 0 END" USER_TABLES "WHERE u.id = $3",
                   v, SCO_ARRAY_LEN(v), &rd, err);
    r = finish_user(&rd, user_id, r, ret, err);
    if (r == 0)
        *ret_alive = rd.alive;
    return r;
}

int sco_store_users(struct sco_store *s, const char *cursor, uint32_t limit,
                    struct sco_user_page *ret, struct sco_error *err)
{
    struct sco_user_page page = {0};
    struct reading rd = {.page = &page};
    int64_t after = 0;
    int r = accounts_limit(limit, &rd.limit, err);
    if (r == 0)
        r = accounts_cursor(cursor, 0, &after, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_i64(after), sv_i64((int64_t)rd.limit + 1)};
    r = read_users(s, USER_COLUMNS USER_TABLES "WHERE u.pk > $1 ORDER BY u.pk LIMIT $2", v,
                   SCO_ARRAY_LEN(v), &rd, err);
    if (r < 0)
        sco_user_page_done(&page);
    else
        *ret = page;
    return r;
}

void sco_user_page_done(struct sco_user_page *p)
{
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

int sco_store_user_count(struct sco_store *s, uint64_t *ret, struct sco_error *err)
{
    int64_t n = 0;
    int r = store_query(s, "SELECT count(*) FROM users", NULL, 0, accounts_take_i64, &n, err);
    if (r == 0)
        *ret = (uint64_t)n;
    return r;
}

/* ---- writing ---- */
static int taken(const char *email, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_INVALID, "%s is the e-mail address of another user", email);
}

/* An address that is this user's already is nobody else's: its row may be locked, and who waits for
 * both would do so in another order. */
static int queue_for(struct sco_store *s, const char *email, const struct store_value *id,
                     struct sco_error *err)
{
    int64_t mine = 0;
    struct store_value v[] = {*id, sv_text(email)};
    int r = store_query(s, "SELECT count(*) FROM users WHERE id = $1 AND email = $2", v,
                        SCO_ARRAY_LEN(v), accounts_take_i64, &mine, err);
    return r < 0 || mine ? r : store_queue_up(s, "users", email, err);
}

static int add_user(struct sco_store *s, const struct sco_stored_user *u, const char *email,
                    int64_t now, char ret_id[37], struct sco_error *err)
{
    uint8_t raw[16];
    char id[37];
    int64_t added = 0;
    sco_uuid4(id);
    store_uuid_parse(sco_str_c(id), raw);
    struct store_value v[] = {sv_uuid(raw),
                              sv_text(email),
                              sv_text(u->name ? u->name : ""),
                              sv_text(u->roles ? u->roles : ""),
                              sv_text(u->repositories ? u->repositories : ""),
                              sv_text(u->teams ? u->teams : ""),
                              sv_text(u->status),
                              sv_text(u->password),
                              sv_text(u->totp),
                              sv_text(u->recovery),
                              sv_i64(now),
                              sv_i64(now),
                              sv_i64(u->generation),
                              sv_text(u->permissions ? u->permissions : "")};
    int r = store_queue_up(s, "users", email, err);
    if (r == 0)
        r = store_exec(s,
                       "INSERT INTO users (id, email, name, roles, repositories, teams, status, "
                       "password, totp, recovery, created_at, updated_at, generation, permissions) "
                       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON "
                       "CONFLICT (email) DO NOTHING",
                       v, SCO_ARRAY_LEN(v), &added, err);
    if (r == 0 && !added)
        r = taken(email, err);
    if (r == 0)
        memcpy(ret_id, id, sizeof id);
    return r;
}

static int change_user(struct sco_store *s, const struct sco_stored_user *u, const char *email,
                       const uint8_t raw[16], int64_t now, struct sco_error *err)
{
    int64_t others = 0, changed = 0;
    struct store_value same[] = {sv_text(email), sv_uuid(raw)};
    struct store_value v[] = {sv_text(email),
                              sv_text(u->name ? u->name : ""),
                              sv_text(u->roles ? u->roles : ""),
                              sv_text(u->repositories ? u->repositories : ""),
                              sv_text(u->teams ? u->teams : ""),
                              sv_text(u->status),
                              sv_text(u->password),
                              sv_text(u->totp),
                              sv_text(u->recovery),
                              sv_i64(now),
                              sv_i64(u->generation),
                              sv_i64(u->generation),
                              sv_text(u->permissions ? u->permissions : ""),
                              sv_uuid(raw)};
    int r = queue_for(s, email, &same[1], err);
    if (r == 0)
        r = store_query(s, "SELECT count(*) FROM users WHERE email = $1 AND id <> $2", same,
                        SCO_ARRAY_LEN(same), accounts_take_i64, &others, err);
    if (r == 0 && others)
        r = taken(email, err);
    if (r == 0)
        r = store_exec(s,
                       "UPDATE users SET email = $1, name = $2, roles = $3, repositories = $4, "
                       "teams = $5, status = $6, password = $7, totp = $8, recovery = $9, "
                       "updated_at = $10, generation = CASE WHEN generation < $11 THEN $12 ELSE "
                       "generation END, permissions = $13 WHERE id = $14",
                       v, SCO_ARRAY_LEN(v), &changed, err);
    if (r == 0 && !changed)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no user \"%s\"", u->id);
    return r;
}

int sco_store_user_put(struct sco_store *s, const struct sco_stored_user *u, int64_t now,
                       char ret_id[37], struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    uint8_t raw[16] = {0};
    int r = u->id ? accounts_id(u->id, "user", raw, err) : 0;
    if (r < 0)
        return r;
    if (!u->email || !*u->email || !u->status)
        return sco_error_set(err, SCO_E_INVALID, "a user has an e-mail address and a status");
    const char *email = lower(&arena, u->email);
    r = email ? sco_store_begin(s, err) : sco_error_nomem(err);
    if (r < 0)
        return r;
    char id[37];
    r = u->id ? change_user(s, u, email, raw, now, err) : add_user(s, u, email, now, id, err);
    if (u->id)
        store_uuid_format(raw, id);
    r = sco_store_end(s, r, err);
    if (r == 0 && ret_id)
        memcpy(ret_id, id, sizeof id);
    return r;
}

/* One row is changed, or there is no such user. */
static int change_one(struct sco_store *s, const char *sql, struct store_value *v, size_t n,
                      const char *id, struct sco_error *err)
{
    uint8_t raw[16];
    int64_t changed = 0;
    int r = accounts_id(id, "user", raw, err);
    if (r < 0)
        return r;
    v[n - 1] = sv_uuid(raw);
    r = store_exec(s, sql, v, n, &changed, err);
    if (r == 0 && !changed)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no user \"%s\"", id);
    return r;
}

int sco_store_user_delete(struct sco_store *s, const char *id, struct sco_error *err)
{
    struct store_value v[1];
    return change_one(s, "DELETE FROM users WHERE id = $1", v, 1, id, err);
}

int sco_store_user_lock(struct sco_store *s, const char *id, struct sco_error *err)
{
    struct store_value v[1];
    return change_one(s, "UPDATE users SET updated_at = updated_at WHERE id = $1", v, 1, id, err);
}

int sco_store_users_lock(struct sco_store *s, struct sco_error *err)
{
    return s->ops->lock(s->db, err);
}

int sco_store_user_login(struct sco_store *s, const char *id, int64_t now, struct sco_error *err)
{
    struct store_value v[2] = {sv_i64(now)};
    return change_one(s, "UPDATE users SET last_login_at = $1 WHERE id = $2", v, 2, id, err);
}

int sco_store_user_void(struct sco_store *s, const char *id, int64_t now, struct sco_error *err)
{
    struct store_value v[2] = {sv_i64(now)};
    uint64_t n;
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = change_one(s, "UPDATE users SET generation = generation + 1, updated_at = $1 WHERE id = $2",
                   v, 2, id, err);
    if (r == 0)
        r = sco_store_tokens_revoke(s, NULL, NULL, id, &n, err);
    return sco_store_end(s, r, err);
}

int sco_store_totp_step(struct sco_store *s, const char *id, int64_t step, bool *ret_first,
                        struct sco_error *err)
{
    uint8_t raw[16];
    int64_t changed = 0;
    int r = accounts_id(id, "user", raw, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_i64(step), sv_uuid(raw), sv_i64(step)};
    r = store_exec(s, "UPDATE users SET totp_step = $1 WHERE id = $2 AND totp_step < $3", v,
                   SCO_ARRAY_LEN(v), &changed, err);
    if (r == 0)
        *ret_first = changed == 1;
    return r;
}
