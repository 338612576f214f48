/* The PostgreSQL driver: bound parameters and results in binary, rows in bulk through COPY. Calls
 * block; a connection belongs to one thread at a time. */
#include "postgresql_priv.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>

extern const struct store_migration postgresql_migrations[];
extern const size_t postgresql_n_migrations;

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_FLOAT8 = 701,
    OID_UUID = 2950,
    COPY_CHUNK = 64 << 10,
    WAIT_MS = 30000,
    CONNECT_S = 15,
    MIGRATION_LOCK = 0x53434F53, /* of pg_advisory locks: "SCOS" */
    RESERVE_LOCK,
};

static const Oid oids[] = {
    [STORE_NULL] = OID_TEXT,  [STORE_I64] = OID_INT8,  [STORE_REAL] = OID_FLOAT8,
    [STORE_BOOL] = OID_BOOL,  [STORE_TEXT] = OID_TEXT, [STORE_JSON] = OID_JSON,
    [STORE_BLOB] = OID_BYTEA, [STORE_UUID] = OID_UUID,
};

struct db {
    PGconn *c;
    struct pg_often *often; /* what this connection has prepared */
    int64_t wait_ms;
    bool set_up;    /* this connection has its settings */
    bool reserving; /* RESERVE_LOCK is held: by the connection, whatever becomes of a transaction */
};

/* ---- errors ---- */
static int code_of(const char *state)
{
    static const struct {
        const char *prefix;
        int code;
    } codes[] = {
        {"08", SCO_E_NETWORK}, {"57P", SCO_E_NETWORK},      {"53", SCO_E_IO},
        {"58", SCO_E_IO},      {"55P03", SCO_E_TIMEOUT},    {"57014", SCO_E_TIMEOUT},
        {"40", SCO_E_TIMEOUT}, {"42501", SCO_E_PERMISSION}, {"28", SCO_E_PERMISSION},
        {"25006", SCO_E_IO},   {"XX001", SCO_E_FORMAT},     {"XX002", SCO_E_FORMAT},
    };
    for (size_t i = 0; state && i < SCO_ARRAY_LEN(codes); i++)
        if (strncmp(state, codes[i].prefix, strlen(codes[i].prefix)) == 0)
            return codes[i].code;
    return SCO_E_INTERNAL;
}

static int fail(struct db *d, const PGresult *res, struct sco_error *err)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    int code = state ? code_of(state) : SCO_E_NETWORK; /* of libpq: the server said nothing */
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, text ? text : PQerrorMessage(d->c));
    struct sco_str what = sco_str_trim(sco_buf_str(&b));
    return sco_error_set(err, code, "PostgreSQL: %.*s%s", SCO_STR_ARG(what),
                         code == SCO_E_TIMEOUT ? "; somebody else is writing, try again" : "");
}

/* ---- parameters ---- */
struct params {
    Oid types[STORE_PARAMS_MAX];
    const char *values[STORE_PARAMS_MAX];
    int lengths[STORE_PARAMS_MAX], formats[STORE_PARAMS_MAX];
    uint64_t words[STORE_PARAMS_MAX];
};

static uint64_t network(const struct store_value *v)
{
    uint64_t w = (uint64_t)v->i;
    if (v->type == STORE_REAL)
        memcpy(&w, &v->real, sizeof w);
    return htobe64(w);
}

static int fill(struct params *p, const struct store_value *v, size_t n, struct sco_error *err)
{
    for (size_t i = 0; i < n; i++) {
        p->types[i] = oids[v[i].type];
        p->formats[i] = 1;
        p->values[i] = v[i].s.p ? v[i].s.p : "";
        p->lengths[i] = (int)v[i].s.n;
        if (v[i].s.n > INT32_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "a text of more than 2 GiB");
        if (v[i].type == STORE_NULL) {
            p->types[i] = 0; /* the server knows which it has to be */
            p->values[i] = NULL;
        } else if (v[i].type == STORE_I64 || v[i].type == STORE_REAL) {
            p->words[i] = network(&v[i]);
            p->values[i] = (const char *)&p->words[i];
            p->lengths[i] = 8;
        } else if (v[i].type == STORE_BOOL) {
            p->values[i] = v[i].i ? "\1" : "\0";
            p->lengths[i] = 1;
        }
    }
    return 0;
}

/* ---- results ---- */
static int read_column(const PGresult *res, int row, int at, struct store_value *v)
{
    uint64_t w;
    uint32_t half;
    const char *p = PQgetvalue(res, row, at);
    *v = (struct store_value){0};
    if (PQgetisnull(res, row, at))
        return 0;
    v->s = sco_str_make(p, (size_t)PQgetlength(res, row, at));
    switch (PQftype(res, at)) {
    case OID_INT8:
    case OID_FLOAT8:
        memcpy(&w, p, sizeof w);
        w = be64toh(w);
        v->type = PQftype(res, at) == OID_INT8 ? STORE_I64 : STORE_REAL;
        v->i = (int64_t)w;
        memcpy(&v->real, &w, sizeof w);
        if (v->type == STORE_I64)
            v->real = (double)v->i;
        return 0;
    case OID_INT4:
        memcpy(&half, p, sizeof half);
        v->type = STORE_I64;
        v->i = (int32_t)be32toh(half);
        return 0;
    case OID_BOOL:
        v->type = STORE_I64;
        v->i = *p != 0;
        return 0;
    case OID_TEXT:
    case OID_JSON:
        v->type = STORE_TEXT;
        return 0;
    case OID_BYTEA:
    case OID_UUID:
        v->type = STORE_BLOB;
        return 0;
    default:
        return SCO_E_INTERNAL;
    }
}

static int each_row(const PGresult *res, store_row_fn row, void *user)
{
    struct store_value out[STORE_PARAMS_MAX];
    int columns = PQnfields(res), r = 0;
    SCO_BUG_ON(columns > STORE_PARAMS_MAX);
    for (int k = 0; k < PQntuples(res) && r == 0; k++) {
        for (int i = 0; i < columns && r == 0; i++)
            r = read_column(res, k, i, &out[i]);
        if (r == 0)
            r = row(user, out, (size_t)columns);
    }
    return r;
}

/* All results of what was sent, until there is none: the connection is free again then. */
static int drain(struct db *d, store_row_fn row, void *user, int64_t *ret_changed,
                 struct sco_error *err)
{
    int r = 0;
    PGresult *res;
    while ((res = PQgetResult(d->c))) {
        ExecStatusType st = PQresultStatus(res);
        if (r == 0 && (st == PGRES_SINGLE_TUPLE || st == PGRES_TUPLES_OK)) {
            r = row ? each_row(res, row, user) : 0;
            if (r == SCO_E_NOMEM)
                sco_error_nomem(err);
            else if (r == SCO_E_INTERNAL)
                sco_error_set(err, r, "PostgreSQL: a column of a type that is not known");
        } else if (r == 0 && st != PGRES_COMMAND_OK)
            r = fail(d, res, err);
        if (ret_changed && r == 0 && *PQcmdTuples(res))
            sco_parse_i64(sco_str_c(PQcmdTuples(res)), 0, INT64_MAX, ret_changed);
        PQclear(res);
    }
    return r;
}

static int send(struct db *d, const char *sql, const struct store_value *v, size_t n, bool single,
                struct sco_error *err)
{
    struct params p;
    SCO_BUG_ON(n > STORE_PARAMS_MAX);
    int r = fill(&p, v, n, err);
    if (r < 0)
        return r;
    if (!PQsendQueryParams(d->c, sql, (int)n, p.types, p.values, p.lengths, p.formats, 1))
        return fail(d, NULL, err);
    if (single)
        PQsetSingleRowMode(d->c); /* rows of any number, in little memory */
    return 0;
}

static int db_query(void *db, const char *sql, const struct store_value *v, size_t n,
                    store_row_fn row, void *user, struct sco_error *err)
{
    int r = send(db, sql, v, n, true, err);
    return r == 0 ? drain(db, row, user, NULL, err) : r;
}

/* Prepared once for the connection: of a small statement, parsing and planning are the most. */
static int db_often(void *db, const char *sql, const struct store_value *v, size_t n,
                    store_row_fn row, void *user, struct sco_error *err)
{
    struct db *d = db;
    struct params p;
    char name[PG_OFTEN_NAME];
    bool anew = false;
    if (!pg_often_find(&d->often, sql, v, n, name, &anew))
        return db_query(db, sql, v, n, row, user, err);
    int r = fill(&p, v, n, err);
    if (r == 0 && anew) {
        r = PQsendPrepare(d->c, name, sql, (int)n, p.types) ? drain(d, NULL, NULL, NULL, err)
                                                            : fail(d, NULL, err);
        if (r < 0)
            pg_often_drop_last(d->often);
    }
    if (r == 0)
        r = PQsendQueryPrepared(d->c, name, (int)n, p.values, p.lengths, p.formats, 1)
                ? drain(d, row, user, NULL, err)
                : fail(d, NULL, err);
    return r;
}

static int db_exec(void *db, const char *sql, const struct store_value *v, size_t n,
                   int64_t *ret_changed, struct sco_error *err)
{
    int r = send(db, sql, v, n, false, err);
    return r == 0 ? drain(db, NULL, NULL, ret_changed, err) : r;
}

static int run(struct db *d, const char *sql, struct sco_error *err)
{
    if (!PQsendQuery(d->c, sql))
        return fail(d, NULL, err);
    return drain(d, NULL, NULL, NULL, err);
}

/* ---- transactions ---- */
static int db_begin(void *db, bool write, struct sco_error *err)
{
    return run(db, write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
}

static int db_relax(void *db, struct sco_error *err)
{
    return run(db, "SET LOCAL synchronous_commit = off", err);
}

static void db_rollback(void *db)
{
    struct db *d = db;
    if (PQtransactionStatus(d->c) != PQTRANS_IDLE)
        run(d, "ROLLBACK", NULL); /* a lost connection has rolled back */
    if (d->reserving)
        run(d, "SELECT pg_advisory_unlock_all()", NULL);
    d->reserving = false;
}

/* COMMIT of a transaction that failed before answers ROLLBACK, and no error. */
static int db_commit(void *db, struct sco_error *err)
{
    struct db *d = db;
    if (PQtransactionStatus(d->c) != PQTRANS_INTRANS) {
        db_rollback(db);
        return sco_error_set(err, SCO_E_INTERNAL, "PostgreSQL: the transaction had failed");
    }
    int r = run(d, "COMMIT", err);
    if (r < 0)
        db_rollback(db);
    return r;
}

static int lock_with(struct db *d, const char *sql, int64_t key, struct sco_error *err)
{
    struct store_value v = sv_i64(key);
    return db_exec(d, sql, &v, 1, NULL, err);
}

static int db_lock(void *db, struct sco_error *err)
{
    return lock_with(db, "SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK, err);
}

static int db_queue_up(void *db, struct sco_str name, struct sco_error *err)
{
    struct store_value v = {.type = STORE_TEXT, .s = name};
    return db_often(db, "SELECT count(pg_advisory_xact_lock(hashtextextended($1, 0)))", &v, 1, NULL,
                    NULL, err);
}

/* ---- schema ---- */
static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static int db_clock(void *db, int64_t *ret, struct sco_error *err)
{
    return db_often(db, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", NULL, 0,
                    take_i64, ret, err);
}

static int db_version(void *db, uint32_t *ret, struct sco_error *err)
{
    int64_t there = 0, version = 0;
    int r = db_query(db,
                     "SELECT count(*) FROM pg_tables WHERE tablename = 'secureops_schema' AND "
                     "schemaname = current_schema()",
                     NULL, 0, take_i64, &there, err);
    if (r == 0 && there)
        r = db_query(db, "SELECT version FROM secureops_schema", NULL, 0, take_i64, &version, err);
    if (r == 0)
        *ret = (uint32_t)version;
    return r;
}

static int db_set_version(void *db, uint32_t version, struct sco_error *err)
{
    struct store_value v = sv_i64(version);
    int r = run(db,
                "SET LOCAL client_min_messages = warning; "
                "CREATE TABLE IF NOT EXISTS secureops_schema (version BIGINT NOT NULL); "
                "DELETE FROM secureops_schema",
                err);
    if (r == 0)
        r = db_exec(db, "INSERT INTO secureops_schema (version) VALUES ($1)", &v, 1, NULL, err);
    return r;
}

static int db_script(void *db, struct sco_str sql, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_add(&b, sql);
    return b.failed ? sco_error_nomem(err) : run(db, sco_buf_z(&b), err);
}

/* A block of the sequence: two take theirs one after the other, and nobody waits for a commit. */
static int db_reserve(void *db, int64_t n, int64_t *ret, struct sco_error *err)
{
    struct db *d = db;
    struct store_value v = sv_i64(n - 1);
    int64_t first = 0;
    int r = lock_with(db, "SELECT pg_advisory_lock($1)", RESERVE_LOCK, err);
    if (r < 0)
        return r;
    d->reserving = true;
    r = db_query(db, "SELECT nextval('vulnerabilities_pk')", NULL, 0, take_i64, &first, err);
    if (r == 0)
        r = db_exec(db, "SELECT setval('vulnerabilities_pk', currval('vulnerabilities_pk') + $1)",
                    &v, 1, NULL, err);
    if (r < 0)
        return r; /* no statement works until the rollback, which unlocks */
    r = lock_with(db, "SELECT pg_advisory_unlock($1)", RESERVE_LOCK, err);
    if (r < 0)
        return r;
    d->reserving = false;
    *ret = first;
    return r;
}

/* ---- many rows: COPY BINARY ---- */
static void put16(struct sco_buf *b, uint16_t v)
{
    v = htobe16(v);
    sco_buf_add(b, sco_str_make((const char *)&v, sizeof v));
}

static void put32(struct sco_buf *b, uint32_t v)
{
    v = htobe32(v);
    sco_buf_add(b, sco_str_make((const char *)&v, sizeof v));
}

static void put_value(struct sco_buf *b, const struct store_value *v)
{
    uint64_t w;
    switch (v->type) {
    case STORE_NULL:
        put32(b, UINT32_MAX);
        return;
    case STORE_I64:
    case STORE_REAL:
        put32(b, sizeof w);
        w = network(v);
        sco_buf_add(b, sco_str_make((const char *)&w, sizeof w));
        return;
    case STORE_BOOL:
        put32(b, 1);
        sco_buf_addc(b, v->i ? 1 : 0);
        return;
    default:
        put32(b, (uint32_t)v->s.n);
        sco_buf_add(b, v->s);
    }
}

static int flush(struct db *d, struct sco_buf *b, struct sco_error *err)
{
    if (b->failed)
        return sco_error_nomem(err);
    if (b->n && PQputCopyData(d->c, b->p, (int)b->n) != 1)
        return fail(d, NULL, err);
    sco_buf_clear(b);
    return 0;
}

static int copy_rows(struct db *d, const struct store_bulk_spec *spec, store_next_fn next,
                     void *user, struct sco_error *err)
{
    static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct store_value row[BULK_COLUMNS_MAX];
    int r;
    sco_buf_add(&b, sco_str_make(header, 19));
    while ((r = next(user, row, err)) > 0) {
        put16(&b, (uint16_t)spec->n);
        for (size_t i = 0; i < spec->n; i++) {
            if (row[i].s.n > INT32_MAX / 2)
                return sco_error_set(err, SCO_E_LIMIT, "a text of more than 1 GiB");
            put_value(&b, &row[i]);
        }
        if ((b.n >= COPY_CHUNK || b.failed) && (r = flush(d, &b, err)) < 0)
            return r;
    }
    put16(&b, UINT16_MAX);
    return r < 0 ? r : flush(d, &b, err);
}

static int copy(struct db *d, const char *sql, const struct store_bulk_spec *spec,
                store_next_fn next, void *user, struct sco_error *err)
{
    PGresult *res = PQexec(d->c, sql);
    bool started = PQresultStatus(res) == PGRES_COPY_IN;
    int r = started ? 0 : fail(d, res, err);
    PQclear(res);
    if (r < 0)
        return r;
    r = copy_rows(d, spec, next, user, err);
    if (PQputCopyEnd(d->c, r < 0 ? "given up" : NULL) != 1 && r == 0)
        r = fail(d, NULL, err);
    int ended = drain(d, NULL, NULL, NULL, r < 0 ? NULL : err);
    return r < 0 ? r : ended;
}

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
        [STORE_NULL] = "text",    [STORE_I64] = "bigint", [STORE_REAL] = "double precision",
        [STORE_BOOL] = "boolean", [STORE_TEXT] = "text",  [STORE_JSON] = "json",
        [STORE_BLOB] = "bytea",   [STORE_UUID] = "uuid"};
    return names[type];
}

static void add_columns(struct sco_buf *b, const struct store_bulk_spec *spec)
{
    for (size_t i = 0; i < spec->n; i++)
        sco_buf_addf(b, "%s%s", i ? ", " : "", spec->columns[i].name);
}

/* New rows go where they belong: the branch is locked, so that nobody else adds the same. */
static int insert(struct db *d, const struct store_bulk_spec *spec, store_next_fn next, void *user,
                  struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "COPY %s (", spec->table);
    add_columns(&b, spec);
    sco_buf_addz(&b, ") FROM STDIN (FORMAT binary)");
    return b.failed ? sco_error_nomem(err) : copy(d, sco_buf_z(&b), spec, next, user, err);
}

/* Changed ones through a table of this transaction, and one UPDATE. */
static int update(struct db *d, const struct store_bulk_spec *spec, store_next_fn next, void *user,
                  struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, merge = {0};
    sco_buf_addz(&b, "CREATE TEMP TABLE incoming (");
    for (size_t i = 0; i < spec->n; i++)
        sco_buf_addf(&b, "%s%s %s", i ? ", " : "", spec->columns[i].name,
                     type_name(spec->columns[i].type));
    sco_buf_addz(&b, ") ON COMMIT DROP");
    sco_buf_addf(&merge, "UPDATE %s t SET ", spec->table);
    for (size_t i = 1; i < spec->n; i++)
        sco_buf_addf(&merge, "%s%s = i.%s", i > 1 ? ", " : "", spec->columns[i].name,
                     spec->columns[i].name);
    sco_buf_addf(&merge, " FROM incoming i WHERE t.%s = i.%s", spec->columns[0].name,
                 spec->columns[0].name);
    if (b.failed || merge.failed)
        return sco_error_nomem(err);
    int r = run(d, sco_buf_z(&b), err);
    if (r == 0)
        r = copy(d, "COPY incoming FROM STDIN (FORMAT binary)", spec, next, user, err);
    if (r == 0)
        r = run(d, "ANALYZE incoming", err); /* a thousand times more rows than it would guess */
    if (r == 0)
        r = run(d, sco_buf_z(&merge), err);
    if (r == 0)
        r = run(d, "DROP TABLE incoming", err);
    return r;
}

static int db_bulk(void *db, const struct store_bulk_spec *spec, store_next_fn next, void *user,
                   struct sco_error *err)
{
    return spec->update ? update(db, spec, next, user, err) : insert(db, spec, next, user, err);
}

/* ---- open ---- */
static void on_notice(void *user, const PGresult *res)
{
    (void)user;
    (void)res;
}

/* A node that vanished, or was stopped in the middle, keeps its locks for a while and not for the
 * hours that TCP would give it. */
static int set_up(struct db *d, struct sco_error *err)
{
    char sql[512];
    if (PQserverVersion(d->c) < 130000)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "PostgreSQL %d is too old: 13 is needed",
                             PQserverVersion(d->c) / 10000);
    snprintf(sql, sizeof sql,
             "SET lock_timeout = %lld; SET client_encoding = 'UTF8'; SET search_path = public; "
             "SET client_min_messages = warning; SET standard_conforming_strings = on; "
             "SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; "
             "SET tcp_keepalives_count = 3; SET idle_in_transaction_session_timeout = '10min'",
             (long long)d->wait_ms);
    return run(d, sql, err);
}

static int connected(struct db *d, struct sco_error *err)
{
    if (!d->c)
        return sco_error_nomem(err);
    if (PQstatus(d->c) == CONNECTION_OK) {
        PQsetNoticeReceiver(d->c, on_notice, NULL);
        int r = set_up(d, err);
        d->set_up = r == 0;
        return r;
    }
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, PQerrorMessage(d->c));
    struct sco_str what = sco_str_trim(sco_buf_str(&b));
    return sco_error_set(err, SCO_E_NETWORK, "cannot reach the store: %.*s", SCO_STR_ARG(what));
}

/* A server that went away has closed the connection: that can be read, behind its last words. */
static bool is_connected(struct db *d)
{
    struct pollfd p = {.fd = PQsocket(d->c), .events = POLLIN};
    while (d->set_up && PQstatus(d->c) == CONNECTION_OK && poll(&p, 1, 0) > 0)
        if (!PQconsumeInput(d->c))
            return false;
    return d->set_up && PQstatus(d->c) == CONNECTION_OK;
}

static int db_ready(void *db, struct sco_error *err)
{
    struct db *d = db;
    if (is_connected(d))
        return 0;
    d->set_up = false;
    PQreset(d->c);
    d->often = pg_often_free(d->often);
    return connected(d, err);
}

static void db_close(void *db)
{
    struct db *d = db;
    PQfinish(d->c);
    pg_often_free(d->often);
    free(d);
}

static int db_open(const struct sco_store_options *o, void **ret, struct sco_error *err)
{
    /* a server that is silent is given up in minutes; what the address says comes later, and counts
     */
    static const char *const names[] = {
        "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
        "dbname",          "connect_timeout",     "application_name", NULL};
    char timeout[16];
    snprintf(timeout, sizeof timeout, "%d", CONNECT_S);
    const char *const values[] = {"60", "10", "3", "90000", o->where, timeout, "secureops", NULL};
    struct db *d = sco_alloc(1, sizeof *d);
    if (!d)
        return sco_error_nomem(err);
    d->wait_ms = o->wait_ms > 0 ? o->wait_ms : WAIT_MS;
    d->c = PQconnectdbParams(names, values, 1);
    int r = connected(d, err);
    if (r < 0) {
        db_close(d);
        return r;
    }
    *ret = d;
    return 0;
}

static int db_columns(void *db, const char *table, store_row_fn row, void *user,
                      struct sco_error *err)
{
    return pg_columns(sco_store_postgresql(), db, table, row, user, err);
}

static int db_renumber(void *db, const char *table, struct sco_error *err)
{
    return pg_renumber(sco_store_postgresql(), db, table, err);
}

static int db_partitions(void *db, const char *table, const char *column, int64_t now,
                         int64_t before, struct sco_error *err)
{
    return pg_partitions(sco_store_postgresql(), db, table, column, now, before, err);
}

/* ---- care ---- */
static int db_backup(void *db, const char *path, struct sco_error *err)
{
    (void)db;
    return sco_error_set(err, SCO_E_UNSUPPORTED,
                         "a PostgreSQL store is copied with its own tools: pg_dump -Fc -f %s "
                         "DATABASE",
                         path);
}

/* What constraints hold has been held by the server; that pages can be read is told by reading. */
static int db_verify(void *db, struct sco_error *err)
{
    return run(db,
               "SELECT count(*) FROM scan_results; SELECT count(*) FROM scan_scanners; "
               "SELECT count(*) FROM vulnerability_history",
               err);
}

const struct sco_store_ops *sco_store_postgresql(void)
{
    static const struct sco_store_ops ops = {
        .struct_size = sizeof ops,
        .name = "PostgreSQL",
        .skip_locked = " FOR UPDATE SKIP LOCKED",
        .migrations = postgresql_migrations,
        .n_migrations = &postgresql_n_migrations,
        .open = db_open,
        .close = db_close,
        .ready = db_ready,
        .begin = db_begin,
        .commit = db_commit,
        .rollback = db_rollback,
        .relax = db_relax,
        .clock = db_clock,
        .lock = db_lock,
        .queue_up = db_queue_up,
        .version = db_version,
        .set_version = db_set_version,
        .script = db_script,
        .exec = db_exec,
        .query = db_query,
        .often = db_often,
        .reserve = db_reserve,
        .bulk = db_bulk,
        .columns = db_columns,
        .renumber = db_renumber,
        .partitions = db_partitions,
        .backup = db_backup,
        .verify = db_verify,
    };
    return &ops;
}
