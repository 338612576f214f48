/* How fast a scan's findings are merged, beside what the database does with the same bytes and
 * nothing to think about:
 *
 *   bench_store FINDINGS ROUNDS              SQLite against prepared inserts in one transaction
 *   bench_store FINDINGS ROUNDS URL          PostgreSQL against COPY and INSERT .. ON CONFLICT
 *
 * Each round measures all variants, in turn; the medians and their ratio are printed. */
#include "store_priv.h"

#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef BENCH_POSTGRESQL
#include <libpq-fe.h>
const struct sco_store_ops *sco_store_postgresql(void);
#endif
#include <sqlite3.h>
const struct sco_store_ops *sco_store_sqlite(void);

enum { VARIANTS = 4, ROUNDS_MAX = 99 };

static size_t n_findings;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, why);
    exit(1);
}

static void check(int r, const char *what, const struct sco_error *err)
{
    if (r < 0)
        die(what, err->text);
}

/* ---- findings: some 530 bytes each, as many rules and files as a real report ---- */
static struct sco_scan *make_scan(int64_t at)
{
    struct sco_scan *s = sco_alloc(1, sizeof *s);
    if (!s || !(s->findings.pool = sco_pool_new()))
        die("scan", "out of memory");
    struct sco_pool *pool = s->findings.pool;
    sco_uuid4(s->id);
    s->command = "scan";
    s->started_ms = at;
    s->completed_ms = at + 500;
    s->runs = sco_arena_alloc(&s->arena, sizeof *s->runs);
    s->findings.v = sco_alloc(n_findings, sizeof *s->findings.v);
    if (!s->runs || !s->findings.v)
        die("scan", "out of memory");
    s->runs[s->n_runs++] =
        (struct sco_scanner_run){.name = "semgrep", .title = "Semgrep", .counts = true};
    const struct sco_tool *tool = sco_pool_tool(
        pool, &(struct sco_tool){.name = "Semgrep", .version = "1.2.3", .severity = 3});
    const struct sco_tools *tools = sco_pool_tools(pool, &tool, 1);
    struct sco_sha256 *sha = sco_sha256_new();
    for (size_t i = 0; i < n_findings; i++) {
        char text[320];
        struct sco_finding *f = &s->findings.v[s->findings.n++];
        *f = (struct sco_finding){.type = SCO_TYPE_SAST,
                                  .severity = (uint8_t)(1 + i % 5),
                                  .line = (int32_t)(1 + i % 900),
                                  .occurrences = 1,
                                  .cvss_score = 7.5f,
                                  .tools = tools};
        snprintf(text, sizeof text, "python.lang.security.rule-%zu", i % 400);
        f->rule_id = sco_pool_str(pool, sco_str_c(text));
        snprintf(text, sizeof text, "Rule %zu says that this call is not safe", i % 400);
        f->title = sco_pool_str(pool, sco_str_c(text));
        snprintf(text, sizeof text,
                 "The call of function %zu takes text from outside and hands it on. An attacker "
                 "who can choose it may run programs with the rights of this one. %120zu",
                 i, i);
        f->description = sco_pool_str(pool, sco_str_c(text));
        snprintf(text, sizeof text, "services/service-%zu/src/module_%zu.py", i % 40, i % 4000);
        f->file_path = sco_pool_str(pool, sco_str_c(text));
        f->risk_score = (float)(i % 1000) / 10.0f;
        snprintf(text, sizeof text, "%zu", i);
        sco_sha256_begin(sha);
        sco_sha256_add(sha, sco_str_c(text));
        if (!f->description || !f->file_path || sco_sha256_end(sha, f->fingerprint) < 0)
            die("finding", "out of memory");
    }
    sco_sha256_free(sha);
    return s;
}

static void free_scan(struct sco_scan *s)
{
    struct sco_pool *pool = s->findings.pool;
    sco_finding_set_done(&s->findings);
    sco_pool_free(pool);
    sco_arena_done(&s->arena);
    free(s);
}

static double seconds_since(int64_t ns)
{
    return (double)(sco_mono_ns() - ns) / 1e9;
}

/* ---- ours ---- */
static double merge(struct sco_store *store, int64_t at, uint64_t created)
{
    struct sco_error err = {0};
    struct sco_store_subject sub = {
        .repository = "https://git.example/app", .branch = "main", .scope = ""};
    struct sco_scan *s = make_scan(at);
    int64_t from = sco_mono_ns();
    check(sco_store_save_scan(store, &sub, s, &err), "merge", &err);
    double t = seconds_since(from);
    if (s->stored.created != created || s->stored.created + s->stored.seen != n_findings)
        die("merge", "wrong counts");
    free_scan(s);
    return t;
}

/* ---- raw: the same columns in one table ---- */
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

static double raw_sqlite(sqlite3 *h, int64_t at)
{
    static const char sql[] =
        "INSERT INTO raw (project, " RAW_COLUMNS ") VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
        "?10, ?11, ?12, ?13, ?14) ON CONFLICT (project, fp) DO UPDATE SET last = excluded.last, "
        "title = excluded.title, descr = excluded.descr, severity = excluded.severity, "
        "line = excluded.line, path = excluded.path";
    sqlite3_stmt *st = NULL;
    struct sco_scan *s = make_scan(at);
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

static void round_sqlite(const char *dir, double t[VARIANTS])
{
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf ours = {0}, raw = {0};
    struct sco_store *store = NULL;
    sqlite3 *h = NULL;
    sco_buf_addf(&ours, "%s/ours.db", dir);
    sco_buf_addf(&raw, "%s/raw.db", dir);
    sql_ok(h, sqlite3_open(sco_buf_z(&raw), &h));
    sql_ok(h, sqlite3_exec(h,
                           "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                           "PRAGMA cache_size = -65536; CREATE TABLE raw (pk INTEGER PRIMARY KEY, "
                           "project INTEGER, " RAW_COLUMNS ", UNIQUE (project, fp)); "
                           "CREATE INDEX raw_status ON raw (project, status)",
                           NULL, NULL, NULL));
    t[1] = raw_sqlite(h, 1000);
    t[3] = raw_sqlite(h, 2000);
    sqlite3_close(h);
    struct sco_store_options o = {.where = sco_buf_z(&ours), .create = true};
    check(store_open_with(sco_store_sqlite(), &o, &store, &err), "open", &err);
    t[0] = merge(store, 1000, n_findings);
    t[2] = merge(store, 2000, 0);
    sco_store_close(store);
    sco_fs_remove_tree(dir);
}

#ifdef BENCH_POSTGRESQL
static void pg_ok(PGconn *c, PGresult *r)
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

static double raw_postgresql(PGconn *c, int64_t at)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_scan *s = make_scan(at);
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

static void round_postgresql(const char *url, double t[VARIANTS])
{
    struct sco_error err = {0};
    struct sco_store *store = NULL;
    PGconn *c = PQconnectdb(url);
    pg_ok(c, PQexec(c, "SET client_min_messages = error; DROP SCHEMA public CASCADE; "
                       "CREATE SCHEMA public; CREATE TABLE raw (pk bigint GENERATED ALWAYS AS "
                       "IDENTITY PRIMARY KEY, project bigint, fp bytea, title text, descr text, "
                       "rule text, path text, tool text, version text, kind text, status text, "
                       "severity bigint, line bigint, risk bigint, first bigint, last bigint, "
                       "UNIQUE (project, fp)) WITH (fillfactor = 85); CREATE INDEX ON raw "
                       "(project, status)"));
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[1] = raw_postgresql(c, 1000);
    pg_ok(c, PQexec(c, "VACUUM ANALYZE raw"));
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[3] = raw_postgresql(c, 2000);
    struct sco_store_options o = {.where = url, .create = true};
    check(store_open_with(sco_store_postgresql(), &o, &store, &err), "open", &err);
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[0] = merge(store, 1000, n_findings);
    pg_ok(c, PQexec(c, "VACUUM ANALYZE vulnerabilities"));
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[2] = merge(store, 2000, 0);
    sco_store_close(store);
    PQfinish(c);
}
#endif

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(const double (*t)[VARIANTS], size_t rounds, size_t variant)
{
    double v[ROUNDS_MAX];
    for (size_t i = 0; i < rounds; i++)
        v[i] = t[i][variant];
    qsort(v, rounds, sizeof *v, compare);
    return v[rounds / 2];
}

int main(int argc, char **argv)
{
    static double t[ROUNDS_MAX][VARIANTS];
    int64_t n = 100000, rounds = 5;
    const char *url = argc > 3 ? argv[3] : getenv("SECUREOPS_TEST_STORE");
    if ((argc > 1 && sco_parse_i64(sco_str_c(argv[1]), 1, 10000000, &n) < 0) ||
        (argc > 2 && sco_parse_i64(sco_str_c(argv[2]), 1, ROUNDS_MAX, &rounds) < 0))
        die("usage", "bench_store [FINDINGS [ROUNDS [URL]]]");
    n_findings = (size_t)n;
    for (size_t i = 0; i < (size_t)rounds; i++) {
        if (url) {
#ifdef BENCH_POSTGRESQL
            round_postgresql(url, t[i]);
#else
            die(url, "built without libpq");
#endif
        } else {
            struct sco_error err = {0};
            SCO_AUTO(sco_free) char *dir = NULL;
            check(sco_fs_mkdtemp(NULL, "sco-bench-", &dir, &err), "folder", &err);
            round_sqlite(dir, t[i]);
        }
    }
    static const char *const names[] = {"all new", "all seen before"};
    for (size_t k = 0; k < 2; k++) {
        double ours = median(t, (size_t)rounds, 2 * k), raw = median(t, (size_t)rounds, 2 * k + 1);
        double ratios[ROUNDS_MAX];
        for (size_t i = 0; i < (size_t)rounds; i++)
            ratios[i] = t[i][2 * k + 1] / t[i][2 * k];
        qsort(ratios, (size_t)rounds, sizeof *ratios, compare);
        printf(
            "%-10s %-16s merge %7.0f ms %8.0f/s   raw %7.0f ms %8.0f/s   ratio %.2f [%.2f-%.2f]\n",
            url ? "PostgreSQL" : "SQLite", names[k], ours * 1000, (double)n / ours, raw * 1000,
            (double)n / raw, ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
    }
    return 0;
}
