/* Partitions of PostgreSQL's tables, and what copies need. A month each, called TABLE_YYYY_MM, in
 * UTC. Rows of other months are in TABLE_default. Names in the statements are ours. */
#include "postgresql_priv.h"

#include <time.h>

struct pg {
    const struct sco_store_ops *o;
    void *db;
};
enum { MONTHS_AHEAD = 3, MONTHS_BACK = 120 };

static int run(const struct pg *d, const char *sql, struct sco_error *err)
{
    return d->o->script(d->db, sco_str_c(sql), err);
}

static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static int64_t month_start(int month) /* since 1970-01 */
{
    struct tm tm = {.tm_year = 70 + month / 12, .tm_mon = month % 12, .tm_mday = 1};
    return (int64_t)timegm(&tm) * 1000;
}

static int month_of(int64_t ms)
{
    time_t at = (time_t)(ms / 1000);
    struct tm tm;
    return gmtime_r(&at, &tm) ? (tm.tm_year - 70) * 12 + tm.tm_mon : 0;
}

/* What came before its partition was there is in the default one, and moves. Rows of the audit log
 * are kept by triggers: they are off while their table is locked, and the rows stay what they are.
 */
static int make_partition(const struct pg *d, const char *table, const char *column, int month,
                          struct sco_error *err)
{
    char name[64], sql[1536];
    int64_t there = 0;
    long long from = (long long)month_start(month), to = (long long)month_start(month + 1);
    snprintf(name, sizeof name, "%s_%04d_%02d", table, 1970 + month / 12, month % 12 + 1);
    struct store_value v = sv_text(name);
    int r = d->o->query(d->db,
                        "SELECT count(*) FROM pg_tables WHERE tablename = $1 AND schemaname = "
                        "current_schema()",
                        &v, 1, take_i64, &there, err);
    if (r < 0 || there)
        return r;
    snprintf(sql, sizeof sql,
             "LOCK TABLE %s_default IN ACCESS EXCLUSIVE MODE; "
             "CREATE TABLE %s (LIKE %s INCLUDING ALL); "
             "ALTER TABLE %s_default DISABLE TRIGGER USER; "
             "WITH moved AS (DELETE FROM %s_default WHERE %s >= %lld AND %s < %lld RETURNING *) "
             "INSERT INTO %s SELECT * FROM moved; "
             "ALTER TABLE %s_default ENABLE TRIGGER USER; "
             "ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%lld) TO (%lld)",
             table, name, table, table, table, column, from, column, to, name, table, table, name,
             from, to);
    return run(d, sql, err);
}

/* The months of rows that are in the default one: of a copy from another store, of a time when
 * nobody made partitions. What is further away than anything is kept stays. */
static int split_default(const struct pg *d, const char *table, const char *column, int now,
                         struct sco_error *err)
{
    char sql[256];
    int64_t at = 0;
    int r = 0, month = now - MONTHS_BACK;
    while (month <= now + MONTHS_AHEAD && r == 0) {
        at = INT64_MIN;
        snprintf(sql, sizeof sql, "SELECT %s FROM %s_default WHERE %s >= %lld ORDER BY 1 LIMIT 1",
                 column, table, column, (long long)month_start(month));
        r = d->o->query(d->db, sql, NULL, 0, take_i64, &at, err);
        if (r < 0 || at == INT64_MIN || (month = month_of(at)) > now + MONTHS_AHEAD)
            break;
        r = make_partition(d, table, column, month++, err);
    }
    return r;
}

struct old_partitions {
    struct sco_buf names; /* one after the other, each with its NUL */
    size_t prefix;
    int before; /* month */
};

static int take_old(void *user, const struct store_value *v, size_t n)
{
    struct old_partitions *o = user;
    struct sco_str name = v[0].s, year, month;
    int64_t y, m;
    (void)n;
    if (name.n <= o->prefix)
        return 0;
    name.p += o->prefix;
    name.n -= o->prefix;
    if (sco_str_split(&name, '_', &year) && sco_str_split(&name, '_', &month) && !name.p &&
        sco_parse_i64(year, 1970, 9999, &y) == 0 && sco_parse_i64(month, 1, 12, &m) == 0 &&
        (y - 1970) * 12 + m - 1 < o->before) {
        sco_buf_add(&o->names, v[0].s);
        sco_buf_addc(&o->names, 0);
    }
    return o->names.failed ? SCO_E_NOMEM : 0;
}

static int drop_if_empty(const struct pg *d, const char *name, struct sco_error *err)
{
    char sql[256];
    int64_t rows = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT 1 FROM %s LIMIT 1) x", name);
    int r = d->o->query(d->db, sql, NULL, 0, take_i64, &rows, err);
    snprintf(sql, sizeof sql, "DROP TABLE %s", name);
    return r < 0 || rows ? r : run(d, sql, err);
}

static int drop_partitions(const struct pg *d, const char *table, int64_t before,
                           struct sco_error *err)
{
    struct old_partitions o = {.prefix = strlen(table) + 1, .before = month_of(before)};
    struct store_value v = sv_text(table);
    int r =
        d->o->query(d->db,
                    "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = "
                    "i.inhrelid JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = $1 AND "
                    "p.relnamespace = current_schema()::regnamespace ORDER BY 1",
                    &v, 1, take_old, &o, err);
    for (size_t at = 0; at < o.names.n && r == 0; at += strlen(o.names.p + at) + 1)
        r = drop_if_empty(d, o.names.p + at, err);
    sco_buf_done(&o.names);
    return r;
}

int pg_partitions(const struct sco_store_ops *o, void *db, const char *table, const char *column,
                  int64_t now, int64_t before, struct sco_error *err)
{
    const struct pg d = {o, db};
    int month = month_of(now);
    int r = o->begin(db, true, err);
    if (r == 0)
        r = o->lock(db, err); /* of several nodes one */
    for (int i = 0; i <= MONTHS_AHEAD && r == 0; i++)
        r = make_partition(&d, table, column, month + i, err);
    if (r == 0)
        r = split_default(&d, table, column, month, err);
    if (r == 0 && before > 0)
        r = drop_partitions(&d, table, before, err);
    if (r == 0)
        return o->commit(db, err);
    o->rollback(db);
    return sco_error_prefix(err, "partitions of %s", table);
}

/* ---- columns and sequences, for copies between stores ---- */
struct columns {
    store_row_fn row;
    void *user;
};

static int on_column(void *user, const struct store_value *v, size_t n)
{
    static const struct {
        const char *name;
        uint32_t type;
    } types[] = {{"bigint", STORE_I64},   {"double precision", STORE_REAL},
                 {"boolean", STORE_BOOL}, {"text", STORE_TEXT},
                 {"json", STORE_JSON},    {"bytea", STORE_BLOB},
                 {"uuid", STORE_UUID}};
    const struct columns *c = user;
    (void)n;
    for (size_t i = 0; i < SCO_ARRAY_LEN(types); i++)
        if (sco_str_is(v[1].s, types[i].name)) {
            struct store_value out[2] = {v[0], sv_i64(types[i].type)};
            return c->row(c->user, out, 2);
        }
    return SCO_E_INTERNAL;
}

int pg_columns(const struct sco_store_ops *o, void *db, const char *table, store_row_fn row,
               void *user, struct sco_error *err)
{
    struct store_value v = sv_text(table);
    struct columns c = {row, user};
    return o->query(db,
                    "SELECT column_name::text, data_type::text FROM information_schema.columns "
                    "WHERE table_name = $1 AND table_schema = current_schema() ORDER BY "
                    "ordinal_position",
                    &v, 1, on_column, &c, err);
}

int pg_renumber(const struct sco_store_ops *o, void *db, const char *table, struct sco_error *err)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT setval(coalesce(pg_get_serial_sequence('%s', 'pk'), '%s_pk')::regclass, "
             "greatest((SELECT max(pk) FROM %s), 1))",
             table, table, table);
    return o->script(db, sco_str_c(sql), err);
}
