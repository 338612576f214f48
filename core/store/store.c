/* Opening a store, its schema, transactions; small helpers of the other files. */
#include "store_priv.h"

#include <stdlib.h>

int store_queue_up(struct sco_store *s, const char *table, const char *name, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (!s->ops->queue_up)
        return 0;
    sco_buf_addf(&b, "%s/%s", table, name);
    int r = sco_buf_check(&b, err);
    return r < 0 ? r : s->ops->queue_up(s->db, sco_buf_str(&b), err);
}

/* ---- values ---- */
const char *store_keep(struct sco_arena *a, const struct store_value *v)
{
    return v->type == STORE_NULL ? NULL : sco_arena_cstr(a, v->s);
}

void store_uuid_format(const uint8_t id[16], char out[37])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[id[i] >> 4];
        *out++ = digits[id[i] & 15];
    }
    *out = 0;
}

const char *store_uuid_text(struct sco_arena *a, const struct store_value *v)
{
    char text[37];
    if (v->type == STORE_NULL || v->s.n != 16)
        return NULL;
    store_uuid_format((const uint8_t *)v->s.p, text);
    return sco_arena_cstr(a, sco_str_c(text));
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool store_uuid_parse(struct sco_str text, uint8_t ret[16])
{
    size_t n = 0;
    if (text.n != 36)
        return false;
    for (size_t i = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.p[i++] != '-')
                return false;
            continue;
        }
        int hi = digit(text.p[i]), lo = digit(text.p[i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        ret[n++] = (uint8_t)(hi << 4 | lo);
        i += 2;
    }
    return true;
}

/* ---- statements ---- */
/* Of one "=": SQLite takes a partial index for nothing else. */
void store_one_of(struct sco_buf *sql, const char *column, uint32_t wanted, unsigned n,
                  const char *(*name)(unsigned i))
{
    uint32_t all = (1u << n) - 1;
    wanted &= all;
    if (!wanted || wanted == all)
        return;
    bool one = (wanted & (wanted - 1)) == 0;
    sco_buf_addf(sql, " AND %s %s", column, one ? "= " : "IN (");
    for (unsigned i = 0, more = 0; i < n; i++)
        if (wanted & (1u << i))
            sco_buf_addf(sql, "%s'%s'", more++ ? ", " : "", name(i));
    if (!one)
        sco_buf_addc(sql, ')');
}

void sco_store_observe(struct sco_store *s, sco_store_observe_fn fn, void *user)
{
    s->observe = fn;
    s->observer = user;
}

static int64_t start(const struct sco_store *s)
{
    return s->observe ? sco_mono_ns() : 0;
}

static void tell(const struct sco_store *s, const char *what, int64_t since)
{
    if (s->observe && since)
        s->observe(s->observer, what, sco_mono_ns() - since);
}

int store_exec(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
               int64_t *ret_changed, struct sco_error *err)
{
    int64_t since = s->depth ? 0 : start(s);
    int r = s->ops->exec(s->db, sql, v, n, ret_changed, err);
    tell(s, "statement", since);
    return r;
}

int store_query(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                store_row_fn row, void *user, struct sco_error *err)
{
    int64_t since = s->depth ? 0 : start(s);
    int r = s->ops->query(s->db, sql, v, n, row, user, err);
    tell(s, "statement", since);
    return r;
}

int store_often(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
                store_row_fn row, void *user, struct sco_error *err)
{
    if (!s->ops->often)
        return store_query(s, sql, v, n, row, user, err);
    int64_t since = s->depth ? 0 : start(s);
    int r = s->ops->often(s->db, sql, v, n, row, user, err);
    tell(s, "statement", since);
    return r;
}

int sco_store_begin(struct sco_store *s, struct sco_error *err)
{
    int64_t since = s->depth ? 0 : start(s);
    int r = s->depth ? 0 : s->ops->begin(s->db, true, err);
    if (!s->depth)
        s->began_ns = since;
    if (r == 0 && !s->depth++)
        s->failed = 0;
    return r;
}

int sco_store_end(struct sco_store *s, int r, struct sco_error *err)
{
    if (r < 0 && !s->failed)
        s->failed = r;
    if (--s->depth)
        return r;
    if (r == 0 && s->failed) /* what failed within has been undone by its server already */
        r = sco_error_set(err, s->failed, "a call within the transaction has failed");
    if (r == 0) {
        int64_t since = start(s);
        r = s->ops->commit(s->db, err);
        tell(s, "commit", since);
    } else {
        s->ops->rollback(s->db);
    }
    tell(s, "transaction", s->began_ns);
    return r;
}

int sco_store_ready(struct sco_store *s, struct sco_error *err)
{
    if (s->depth) { /* whoever worked before did not end: nothing of it may be kept */
        s->depth = 0;
        s->ops->rollback(s->db);
    }
    return s->ops->ready(s->db, err);
}

int sco_store_now(struct sco_store *s, int64_t now, int64_t *ret, struct sco_error *err)
{
    *ret = now;
    return s->ops->clock ? s->ops->clock(s->db, ret, err) : 0;
}

int sco_store_set_context(struct sco_store *s, const struct sco_store_context *c,
                          struct sco_error *err)
{
    sco_arena_reset(&s->context_arena);
    s->context = (struct sco_store_context){0};
    const char *from[] = {c ? c->source : NULL, c ? c->correlation_id : NULL,
                          c ? c->user_id : NULL};
    const char *to[3] = {0};
    for (size_t i = 0; i < 3; i++)
        if (from[i] && !(to[i] = sco_arena_cstr(&s->context_arena, sco_str_c(from[i]))))
            return sco_error_nomem(err);
    s->context = (struct sco_store_context){to[0], to[1], to[2]};
    return 0;
}

void sco_store_set_sla(struct sco_store *s, const int64_t ms[SCO_SEV_MAX_])
{
    memcpy(s->sla_ms, ms, sizeof s->sla_ms);
}

/* ---- schema ---- */
uint32_t sco_store_program_version(const struct sco_store *s)
{
    return (uint32_t)*s->ops->n_migrations;
}

int sco_store_version(struct sco_store *s, uint32_t *ret, struct sco_error *err)
{
    return s->ops->version(s->db, ret, err);
}

static int refuse_newer(const struct sco_store *s, uint32_t version, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_UNSUPPORTED,
                         "%s was written by a newer SecureOps (schema %u, this program knows %u): "
                         "install that version, or restore a backup from before",
                         s->where, version, sco_store_program_version(s));
}

/* One step, unless somebody else has done it meanwhile. 1: there may be more to do. */
static int migrate_step(struct sco_store *s, uint32_t *ret_from, struct sco_error *err)
{
    uint32_t version = 0;
    bool done = false;
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = s->ops->lock(s->db, err);
    if (r == 0)
        r = s->ops->version(s->db, &version, err);
    if (r == 0 && version > *s->ops->n_migrations)
        r = refuse_newer(s, version, err);
    if (r == 0 && version == *s->ops->n_migrations)
        done = true;
    if (r == 0 && !done) {
        const struct store_migration *m = &s->ops->migrations[version];
        r = s->ops->script(s->db, sco_str_make((const char *)m->sql, m->n), err);
        if (r == 0)
            r = s->ops->set_version(s->db, version + 1, err);
        if (r < 0)
            sco_error_prefix(err, "migration %s", m->name);
    }
    r = sco_store_end(s, r, err);
    if (r == 0 && *ret_from == UINT32_MAX)
        *ret_from = version;
    return r < 0 ? r : !done;
}

int sco_store_migrate(struct sco_store *s, uint32_t *ret_from, struct sco_error *err)
{
    uint32_t from = UINT32_MAX;
    int r;
    while ((r = migrate_step(s, &from, err)) > 0) {
    }
    if (r == 0 && from < *s->ops->n_migrations)
        r = store_make_partitions(s, sco_now_ms(), err);
    if (r == 0)
        *ret_from = from;
    return r;
}

static int check_version(struct sco_store *s, const struct sco_store_options *o,
                         struct sco_error *err)
{
    uint32_t version = 0, from;
    int r = s->ops->version(s->db, &version, err);
    if (r < 0)
        return r;
    if (version > *s->ops->n_migrations)
        return refuse_newer(s, version, err);
    if (version == *s->ops->n_migrations || o->any_version)
        return 0;
    if (o->create)
        return sco_store_migrate(s, &from, err);
    if (!version)
        return sco_error_set(err, SCO_E_NOT_FOUND,
                             "%s holds no store yet: \"secureops scan --store\" or \"secureops db "
                             "migrate\" makes one",
                             s->where);
    return sco_error_set(err, SCO_E_UNSUPPORTED,
                         "%s has schema %u, this program wants %u: \"secureops db backup PATH\", "
                         "then \"secureops db migrate\"",
                         s->where, version, sco_store_program_version(s));
}

/* ---- open and close ---- */
/* postgresql://user:password@host/db: without the password. */
static char *display_name(const char *where)
{
    const char *scheme = strstr(where, "://");
    const char *host = scheme ? scheme + 3 : NULL, *end = host ? host + strcspn(host, "/?") : NULL;
    const char *at = host ? memrchr(host, '@', (size_t)(end - host)) : NULL;
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (colon) {
        sco_buf_add(&b, sco_str_make(where, (size_t)(colon - where)));
        where = at;
    }
    sco_buf_add(&b, sco_str_make(where, scheme ? strcspn(where, "?") : strlen(where)));
    return b.failed ? NULL : sco_strdup(sco_buf_str(&b));
}

int store_open_with(const struct sco_store_ops *ops, const struct sco_store_options *o,
                    struct sco_store **ret, struct sco_error *err)
{
    struct sco_store *s = sco_alloc(1, sizeof *s);
    if (!s)
        return sco_error_nomem(err);
    enum { DAY_MS = 24 * 3600 * 1000 };
    static const int64_t sla_days[SCO_SEV_MAX_] = {
        [SCO_SEV_CRITICAL] = 7, [SCO_SEV_HIGH] = 30, [SCO_SEV_MEDIUM] = 90, [SCO_SEV_LOW] = 180};
    for (size_t i = 0; i < SCO_SEV_MAX_; i++)
        s->sla_ms[i] = sla_days[i] * DAY_MS;
    s->ops = ops;
    s->where = display_name(o->where);
    s->address = sco_strdup(sco_str_c(o->where));
    int r = s->where && s->address ? ops->open(o, &s->db, err) : sco_error_nomem(err);
    if (r == 0)
        r = check_version(s, o, err);
    if (r < 0) {
        sco_store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

int sco_store_open(const struct sco_store_options *o, struct sco_store **ret, struct sco_error *err)
{
    struct sco_str where = sco_str_c(o->where);
    const struct sco_store_ops *ops = NULL;
    bool postgresql =
        sco_str_starts(where, "postgresql://") || sco_str_starts(where, "postgres://");
    if (!where.n || (!postgresql && strstr(o->where, "://")))
        return sco_error_set(err, SCO_E_INVALID,
                             "a store is a path or postgresql://USER@HOST/DATABASE, not \"%s\"",
                             where.n ? o->where : "");
    int r = store_module(postgresql ? "store_postgresql" : "store_sqlite", o->modules, &ops, err);
    return r < 0 ? r : store_open_with(ops, o, ret, err);
}

struct sco_store *sco_store_close(struct sco_store *s)
{
    if (!s)
        return NULL;
    if (s->db)
        s->ops->close(s->db);
    sco_arena_done(&s->context_arena);
    free(s->where);
    free(s->address);
    free(s);
    return NULL;
}

const char *sco_store_address(const struct sco_store *s)
{
    return s->address;
}

const char *sco_store_where(const struct sco_store *s)
{
    return s->where;
}

/* ---- care ---- */
int sco_store_backup(struct sco_store *s, const char *path, struct sco_error *err)
{
    return s->ops->backup(s->db, path, err);
}
