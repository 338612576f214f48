/* bench_store: what the databases do with the same bytes, without a merge. */
#include "bench_store.h"

#include <secureops/crypto.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- plain: one table ---- */
#define RAW_COLUMNS                                                                                \
    "fp, title, descr, rule, path, tool, version, kind, status, severity, line, risk, first, last"

static const char *raw_texts(const struct sco_finding *f, size_t i)
{
    const char *const v[] = {f->title,  f->description, f->rule_id, f->file_path,
                             "Semgrep", "1.2.3",        "SAST",     "OPEN"};
    return v[i];
}

static void sql_ok(sqlite3 *h, int rc)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        die("sqlite", sqlite3_errmsg(h));
}

double plain_sqlite(sqlite3 *h, size_t n, int64_t at)
{
    static const char sql[] =
        "INSERT INTO raw (project, " RAW_COLUMNS ") VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
        "?10, ?11, ?12, ?13, ?14) ON CONFLICT (project, fp) DO UPDATE SET last = excluded.last, "
        "title = excluded.title, descr = excluded.descr, severity = excluded.severity, "
        "line = excluded.line, path = excluded.path";
    sqlite3_stmt *st = NULL;
    struct sco_scan *s = make_scan(n, at);
    int64_t from = sco_mono_ns();
    sql_ok(h, sqlite3_exec(h, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    sql_ok(h, sqlite3_prepare_v2(h, sql, -1, &st, NULL));
    for (size_t i = 0; i < s->findings.n; i++) {
        const struct sco_finding *f = &s->findings.v[i];
        sqlite3_bind_blob(st, 1, f->fingerprint, SCO_FINGERPRINT_LEN, SQLITE_STATIC);
        for (int k = 0; k < 8; k++)
            sqlite3_bind_text(st, 2 + k, raw_texts(f, (size_t)k), -1, SQLITE_STATIC);
        sqlite3_bind_int(st, 10, f->severity);
        sqlite3_bind_int(st, 11, f->line);
        sqlite3_bind_double(st, 12, (double)f->risk_score);
        sqlite3_bind_int64(st, 13, at);
        sqlite3_bind_int64(st, 14, at);
        sql_ok(h, sqlite3_step(st));
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    sql_ok(h, sqlite3_exec(h, "COMMIT", NULL, NULL, NULL));
    double t = seconds_since(from);
    free_scan(s);
    return t;
}

void plain_sqlite_open(const char *path, sqlite3 **ret)
{
    sqlite3 *h = NULL;
    sql_ok(h, sqlite3_open(path, &h));
    sql_ok(h, sqlite3_exec(h,
                           "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                           "PRAGMA cache_size = -65536; CREATE TABLE raw (pk INTEGER PRIMARY KEY, "
                           "project INTEGER, " RAW_COLUMNS ", UNIQUE (project, fp)); "
                           "CREATE INDEX raw_status ON raw (project, status)",
                           NULL, NULL, NULL));
    *ret = h;
}

/* ---- tables: the rows of a merge, ready to be written ---- */
struct ready {
    struct sco_scan *scan;
    struct sco_finding **sorted;
    struct sco_buf content;
    size_t *ends;
    uint8_t scan_id[16];
    struct store_value row[2][32]; /* findings, details */
};

static int compare(const void *a, const void *b)
{
    const struct sco_finding *const *x = a, *const *y = b;
    return memcmp((*x)->fingerprint, (*y)->fingerprint, SCO_FINGERPRINT_LEN);
}

static void get_ready(struct ready *r, size_t n)
{
    struct sco_finding_writer *w = sco_finding_writer_new();
    r->scan = make_scan(n, 1000);
    r->sorted = sco_alloc(n, sizeof *r->sorted);
    r->ends = sco_alloc(n + 1, sizeof *r->ends);
    if (!w || !r->sorted || !r->ends || !store_uuid_parse(sco_str_c(r->scan->id), r->scan_id))
        die("rows", "out of memory");
    for (size_t i = 0; i < n; i++)
        r->sorted[i] = &r->scan->findings.v[i];
    qsort(r->sorted, n, sizeof *r->sorted, compare);
    for (size_t i = 0; i < n; i++) {
        struct sco_json_out o = {.b = &r->content};
        sco_finding_writer_add(w, &o, r->sorted[i]);
        r->ends[i + 1] = r->content.n;
    }
    sco_finding_writer_free(w);
}

static void ready_done(struct ready *r)
{
    free_scan(r->scan);
    free(r->sorted);
    free(r->ends);
    sco_buf_done(&r->content);
}

static void make_rows(struct ready *r, size_t i, uint8_t id[16])
{
    const struct sco_finding *f = r->sorted[i];
    const char *content = r->content.p + r->ends[i];
    memset(id, 0, 16);
    for (size_t k = 0; k < 8; k++)
        id[8 + k] = (uint8_t)(i >> (56 - 8 * k));
    const struct store_value row[] = {
        sv_i64((int64_t)i + 1),
        sv_bytes(STORE_UUID, id, 16),
        sv_i64(1),
        sv_bytes(STORE_BLOB, f->fingerprint, SCO_FINGERPRINT_LEN),
        sv_bytes(STORE_BLOB, f->fingerprint, 16),
        sv_text("SAST"),
        sv_text(sco_severity_name(f->severity)),
        sv_text(f->title),
        sv_text(f->rule_id),
        sv_text(f->file_path),
        sv_i64(f->line),
        sv_text(NULL),
        sv_text("Semgrep"),
        sv_real((double)f->risk_score),
        sv_bool(false),
        sv_text(""),
        sv_text("OPEN"),
        sv_i64(1500),
        sv_i64(1500),
        sv_bytes(STORE_UUID, r->scan_id, 16),
        sv_bytes(STORE_UUID, r->scan_id, 16),
    };
    memcpy(r->row[0], row, sizeof row);
    r->row[1][0] = row[0];
    r->row[1][1] = sv_json(sco_str_make(content, r->ends[i + 1] - r->ends[i]));
}

static const enum store_bulk kinds[2] = {BULK_FINDINGS, BULK_DETAILS};

static sqlite3_stmt *insert_into(sqlite3 *h, const struct store_bulk_spec *spec)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sqlite3_stmt *st = NULL;
    sco_buf_addf(&b, "INSERT INTO %s (", spec->table);
    for (size_t i = 0; i < spec->n; i++)
        sco_buf_addf(&b, "%s%s", i ? ", " : "", spec->columns[i].name);
    sco_buf_addz(&b, ") VALUES (");
    for (size_t i = 0; i < spec->n; i++)
        sco_buf_addf(&b, "%s?", i ? ", " : "");
    sco_buf_addc(&b, ')');
    sql_ok(h, sqlite3_prepare_v2(h, sco_buf_z(&b), -1, &st, NULL));
    return st;
}

static void bind(sqlite3_stmt *st, int at, const struct store_value *v)
{
    if (v->type == STORE_NULL)
        sqlite3_bind_null(st, at);
    else if (v->type == STORE_I64 || v->type == STORE_BOOL)
        sqlite3_bind_int64(st, at, v->i);
    else if (v->type == STORE_REAL)
        sqlite3_bind_double(st, at, v->real);
    else if (v->type == STORE_TEXT || v->type == STORE_JSON)
        sqlite3_bind_text(st, at, v->s.p, (int)v->s.n, SQLITE_STATIC);
    else
        sqlite3_bind_blob(st, at, v->s.p, (int)v->s.n, SQLITE_STATIC);
}

double tables_sqlite(const char *path, size_t n)
{
    struct ready r = {0};
    uint8_t id[16];
    sqlite3 *h = NULL;
    get_ready(&r, n);
    sql_ok(h, sqlite3_open(path, &h));
    sql_ok(h, sqlite3_exec(h,
                           "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; "
                           "INSERT INTO branches (pk, repository, branch) VALUES (1, 'a', 'b')",
                           NULL, NULL, NULL));
    int64_t from = sco_mono_ns();
    sql_ok(h, sqlite3_exec(h, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    for (size_t k = 0; k < 2; k++) {
        sqlite3_stmt *st = insert_into(h, &store_bulks[kinds[k]]);
        for (size_t i = 0; i < n; i++) {
            make_rows(&r, i, id);
            for (size_t c = 0; c < store_bulks[kinds[k]].n; c++)
                bind(st, (int)c + 1, &r.row[k][c]);
            sql_ok(h, sqlite3_step(st));
            sqlite3_reset(st);
        }
        sqlite3_finalize(st);
    }
    sql_ok(h, sqlite3_exec(h, "COMMIT", NULL, NULL, NULL));
    double t = seconds_since(from);
    sqlite3_close(h);
    ready_done(&r);
    return t;
}

/* ---- findings of other branches that are there before ---- */
enum { PER_BRANCH = 100000 };

void fill_sqlite(const char *path, int64_t n)
{
    sqlite3 *h = NULL;
    char sql[2048];
    sql_ok(h, sqlite3_open(path, &h));
    sql_ok(h, sqlite3_exec(h, "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000", NULL, NULL,
                           NULL));
    for (int64_t at = 0; at < n; at += PER_BRANCH) {
        snprintf(sql, sizeof sql,
                 "BEGIN; INSERT INTO branches (pk, repository, branch) VALUES (1 + %lld, "
                 "'https://git.example/other-%lld', 'main'); CREATE TEMP TABLE t AS WITH RECURSIVE "
                 "c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %lld) SELECT i, "
                 "randomblob(32) AS fp FROM c ORDER BY fp; "
                 "INSERT INTO vulnerabilities (pk, id, branch_pk, fingerprint, digest, "
                 "vulnerability_type, severity, title, rule_id, file_path, line_number, tools, "
                 "risk_score, suppressed, scope, status, first_detected, last_detected, "
                 "first_scan, last_scan) SELECT %lld + rowid, CAST(printf('%%016lld', %lld + "
                 "rowid) AS BLOB), 1 + %lld, fp, "
                 "substr(fp, 1, 16), 'SAST', 'HIGH', 'Rule ' || i || ' says that this call is not "
                 "safe', 'python.lang.security.rule-' || (i %% 400), 'services/service-' || "
                 "(i %% 40) || '/src/module_' || (i %% 4000) || '.py', i %% 900, 'Semgrep', "
                 "(i %% 1000) / 10.0, 0, '', 'OPEN', 1, 1, zeroblob(16), zeroblob(16) FROM t; "
                 "INSERT INTO vulnerability_details (pk, content) SELECT %lld + rowid, "
                 "'{\"fingerprint\":\"' || lower(hex(fp)) || '\"}' FROM t; DROP TABLE t; COMMIT",
                 (long long)(at / PER_BRANCH), (long long)(at / PER_BRANCH),
                 (long long)(n - at < PER_BRANCH ? n - at : PER_BRANCH), (long long)at,
                 (long long)at, (long long)(at / PER_BRANCH), (long long)at);
        sql_ok(h, sqlite3_exec(h, sql, NULL, NULL, NULL));
    }
    sqlite3_close(h);
}

#ifdef BENCH_POSTGRESQL
void pg_ok(PGconn *c, PGresult *r)
{
    ExecStatusType st = PQresultStatus(r);
    if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK && st != PGRES_COPY_IN)
        die("postgresql", PQerrorMessage(c));
    PQclear(r);
}

static void put(struct sco_buf *b, uint64_t v, int bytes)
{
    while (bytes--)
        sco_buf_addc(b, (char)(v >> (8 * bytes)));
}

static void put_text(struct sco_buf *b, const char *p, size_t n)
{
    put(b, n, 4);
    sco_buf_add(b, sco_str_make(p, n));
}

double plain_postgresql(PGconn *c, size_t n, int64_t at)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_scan *s = make_scan(n, at);
    int64_t from = sco_mono_ns();
    pg_ok(c, PQexec(c, "BEGIN; CREATE TEMP TABLE t (LIKE raw) ON COMMIT DROP; "
                       "ALTER TABLE t DROP COLUMN pk, DROP COLUMN project"));
    pg_ok(c, PQexec(c, "COPY t (" RAW_COLUMNS ") FROM STDIN (FORMAT binary)"));
    sco_buf_add(&b, sco_str_make("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0", 19));
    for (size_t i = 0; i < s->findings.n; i++) {
        const struct sco_finding *f = &s->findings.v[i];
        const int64_t numbers[] = {f->severity, f->line, (int64_t)(f->risk_score * 10), at, at};
        put(&b, 14, 2);
        put_text(&b, (const char *)f->fingerprint, SCO_FINGERPRINT_LEN);
        for (size_t k = 0; k < 8; k++)
            put_text(&b, raw_texts(f, k), strlen(raw_texts(f, k)));
        for (size_t k = 0; k < 5; k++) {
            put(&b, 8, 4);
            put(&b, (uint64_t)numbers[k], 8);
        }
        if (b.n > 65536) {
            PQputCopyData(c, b.p, (int)b.n);
            sco_buf_clear(&b);
        }
    }
    put(&b, 0xffff, 2);
    PQputCopyData(c, b.p, (int)b.n);
    PQputCopyEnd(c, NULL);
    for (PGresult *r; (r = PQgetResult(c));)
        pg_ok(c, r);
    pg_ok(c, PQexec(c, "INSERT INTO raw (project, " RAW_COLUMNS ") SELECT 1, " RAW_COLUMNS
                       " FROM t ON CONFLICT (project, fp) DO UPDATE SET last = excluded.last, "
                       "title = excluded.title, descr = excluded.descr, severity = "
                       "excluded.severity, line = excluded.line, path = excluded.path"));
    pg_ok(c, PQexec(c, "COMMIT"));
    double t = seconds_since(from);
    free_scan(s);
    return t;
}

void plain_postgresql_open(PGconn *c)
{
    pg_ok(c, PQexec(c, "SET client_min_messages = error; DROP SCHEMA public CASCADE; "
                       "CREATE SCHEMA public; CREATE TABLE raw (pk bigint GENERATED ALWAYS AS "
                       "IDENTITY PRIMARY KEY, project bigint, fp bytea, title text, descr text, "
                       "rule text, path text, tool text, version text, kind text, status text, "
                       "severity bigint, line bigint, risk bigint, first bigint, last bigint, "
                       "UNIQUE (project, fp)) WITH (fillfactor = 85); CREATE INDEX ON raw "
                       "(project, status)"));
}

static void put_column(struct sco_buf *b, const struct store_value *v)
{
    if (v->type == STORE_NULL) {
        put(b, UINT32_MAX, 4);
    } else if (v->type == STORE_I64 || v->type == STORE_REAL) {
        uint64_t word = (uint64_t)v->i;
        if (v->type == STORE_REAL)
            memcpy(&word, &v->real, sizeof word);
        put(b, 8, 4);
        put(b, word, 8);
    } else if (v->type == STORE_BOOL) {
        put(b, 1, 4);
        put(b, (uint64_t)v->i, 1);
    } else {
        put_text(b, v->s.p, v->s.n);
    }
}

/* COPY takes what was put together before the clock started. */
double tables_postgresql(PGconn *c, size_t n)
{
    struct ready r = {0};
    struct sco_buf rows[2] = {0};
    uint8_t id[16];
    get_ready(&r, n);
    for (size_t k = 0; k < 2; k++) {
        sco_buf_add(&rows[k], sco_str_make("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0", 19));
        for (size_t i = 0; i < n; i++) {
            make_rows(&r, i, id);
            put(&rows[k], store_bulks[kinds[k]].n, 2);
            for (size_t x = 0; x < store_bulks[kinds[k]].n; x++)
                put_column(&rows[k], &r.row[k][x]);
        }
        put(&rows[k], 0xffff, 2);
    }
    int64_t from = sco_mono_ns();
    pg_ok(c,
          PQexec(c, "BEGIN; INSERT INTO branches (pk, repository, branch) VALUES (1, 'a', 'b')"));
    for (size_t k = 0; k < 2; k++) {
        const struct store_bulk_spec *spec = &store_bulks[kinds[k]];
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_buf_addf(&b, "COPY %s (", spec->table);
        for (size_t i = 0; i < spec->n; i++)
            sco_buf_addf(&b, "%s%s", i ? ", " : "", spec->columns[i].name);
        sco_buf_addz(&b, ") FROM STDIN (FORMAT binary)");
        pg_ok(c, PQexec(c, sco_buf_z(&b)));
        for (size_t at = 0; at < rows[k].n; at += 65536)
            PQputCopyData(c, rows[k].p + at,
                          (int)(rows[k].n - at < 65536 ? rows[k].n - at : 65536));
        PQputCopyEnd(c, NULL);
        for (PGresult *res; (res = PQgetResult(c));)
            pg_ok(c, res);
    }
    pg_ok(c, PQexec(c, "COMMIT"));
    double t = seconds_since(from);
    for (size_t k = 0; k < 2; k++)
        sco_buf_done(&rows[k]);
    ready_done(&r);
    return t;
}

void fill_postgresql(const char *url, int64_t n)
{
    char sql[2048];
    PGconn *c = PQconnectdb(url);
    pg_ok(c, PQexec(c, "SET synchronous_commit = off"));
    for (int64_t at = 0; at < n; at += PER_BRANCH) {
        snprintf(
            sql, sizeof sql,
            "BEGIN; INSERT INTO branches (pk, repository, branch) OVERRIDING SYSTEM VALUE "
            "VALUES (nextval(pg_get_serial_sequence('branches', 'pk')), "
            "'https://git.example/other-%lld', 'main'); CREATE TEMP TABLE t "
            "ON COMMIT DROP AS SELECT i, fp, row_number() OVER (ORDER BY fp) + %lld AS pk FROM "
            "(SELECT i, sha256((%lld + i)::text::bytea) AS fp FROM generate_series(1, %lld) "
            "i) x; INSERT INTO vulnerabilities (pk, id, branch_pk, fingerprint, digest, "
            "vulnerability_type, severity, title, rule_id, file_path, line_number, tools, "
            "risk_score, suppressed, scope, status, first_detected, last_detected, "
            "first_scan, last_scan) SELECT nextval('vulnerabilities_pk'), "
            "lpad(to_hex(pk), 32, '0')::uuid, "
            "(SELECT max(pk) FROM branches), fp, substr(fp, 1, 16), 'SAST', 'HIGH', 'Rule ' || "
            "i || ' says that this call is not safe', 'python.lang.security.rule-' || i %% "
            "400, 'services/service-' || i %% 40 || '/src/module_' || i %% 4000 || '.py', i "
            "%% 900, 'Semgrep', (i %% 1000) / 10.0, false, '', 'OPEN', 1, 1, gen_random_uuid(),"
            " gen_random_uuid() FROM t ORDER BY pk; INSERT INTO vulnerability_details SELECT "
            "v.pk, json_build_object('fingerprint', encode(v.fingerprint, 'hex')) FROM "
            "vulnerabilities v WHERE branch_pk = (SELECT max(pk) FROM branches) ORDER BY pk; "
            "COMMIT",
            (long long)(at / PER_BRANCH), (long long)at, (long long)at,
            (long long)(n - at < PER_BRANCH ? n - at : PER_BRANCH));
        pg_ok(c, PQexec(c, sql));
    }
    pg_ok(c, PQexec(c, "VACUUM ANALYZE"));
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    PQfinish(c);
}
#endif
