/* How fast jobs are claimed and completed, beside a bare table that knows no limits, leases or
 * attempts:
 *
 *   bench_queue NODES BATCH SECONDS ROUNDS         SQLite
 *   bench_queue NODES BATCH SECONDS ROUNDS URL     PostgreSQL: UPDATE .. FOR UPDATE SKIP LOCKED
 *
 * A node is a process with a connection. It claims BATCH jobs, then completes them: `each` in a
 * transaction of its own, as runners do; `batch`: all in one. Each round measures all variants, in
 * turn; the medians and their ratio are printed. */
#include "store_priv.h"

#include <secureops/fs.h>
#include <secureops/store_jobs.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef BENCH_POSTGRESQL
#include <libpq-fe.h>
const struct sco_store_ops *sco_store_postgresql(void);
#endif
#include <sqlite3.h>
const struct sco_store_ops *sco_store_sqlite(void);

enum { VARIANTS = 4, ROUNDS_MAX = 99, JOBS = 60000, TARGETS = 20000, BATCH_MAX = 100 };

static int nodes, batch, seconds;
static const char *where;
static bool postgresql;

struct shared {
    _Atomic int64_t done[64], claims_ns[64];
};
static struct shared *shared;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_queue: %s: %s\n", what, why);
    exit(1);
}

static void check(int r, const char *what, const struct sco_error *err)
{
    if (r < 0)
        die(what, err->text);
}

/* ---- the store ---- */
static struct sco_store *open_store(void)
{
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    struct sco_store_options o = {.where = where, .create = true};
    const struct sco_store_ops *ops = sco_store_sqlite();
#ifdef BENCH_POSTGRESQL
    if (postgresql)
        ops = sco_store_postgresql();
#endif
    check(store_open_with(ops, &o, &s, &err), "open", &err);
    return s;
}

static void script(struct sco_store *s, const char *sql)
{
    struct sco_error err = {0};
    check(s->ops->script(s->db, sco_str_c(sql), &err), "script", &err);
}

static void series(struct sco_buf *b)
{
    if (postgresql)
        sco_buf_addf(b, "generate_series(1, %d) n(i)", JOBS);
    else
        sco_buf_addf(b,
                     "(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < "
                     "%d) SELECT i FROM c) n",
                     JOBS);
}

/* Both queues filled anew: targets differ, so that limits are looked at and seldom reached. */
static void fill(void)
{
    struct sco_store *s = open_store();
    const char *uuid = postgresql ? "gen_random_uuid()" : "randomblob(16)";
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    script(s, "DELETE FROM jobs; DROP TABLE IF EXISTS bare_jobs");
    sco_buf_addf(&b,
                 "CREATE TABLE bare_jobs (pk %s PRIMARY KEY, id %s NOT NULL UNIQUE, state TEXT NOT "
                 "NULL, rank BIGINT NOT NULL, request TEXT NOT NULL);"
                 "CREATE INDEX bare_queued ON bare_jobs (rank, pk) WHERE state = 'queued';",
                 postgresql ? "BIGINT" : "INTEGER", postgresql ? "UUID" : "BLOB");
    sco_buf_addf(&b,
                 "INSERT INTO bare_jobs SELECT i, %s, 'queued', i * 1000 - (i %% 10) * 600000, "
                 "'{\"target\":{\"kind\":\"repository\"}}' FROM ",
                 uuid);
    series(&b);
    sco_buf_addf(&b,
                 "; INSERT INTO jobs (id, kind, target_key, revision, scanners, request, origin, "
                 "priority, waiting_since, rank, max_attempts, not_before, deadline, created_at) "
                 "SELECT %s, 'scan', 'https://git.example/' || (i %% %d), 'main', '', "
                 "'{\"target\":{\"kind\":\"repository\"}}', 'api', i %% 10, i * 1000, i * 1000 - "
                 "(i %% 10) * 600000, 3, 0, 0, i FROM ",
                 uuid, TARGETS);
    series(&b);
    sco_buf_addz(&b, postgresql ? "; ANALYZE jobs; ANALYZE bare_jobs" : "; ANALYZE");
    script(s, sco_buf_z(&b));
    sco_store_close(s);
}

static bool store_cycle(struct sco_store *s, const char *node, bool each, int64_t *done)
{
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    enum sco_job_state st;
    struct sco_job_claim c = {.node = node,
                              .now = sco_now_ms(),
                              .lease_ms = 600000,
                              .ageing_ms = 600000,
                              .max = (uint32_t)batch};
    check(sco_store_jobs_claim(s, &c, &p, &err), "claim", &err);
    if (!each)
        check(sco_store_begin(s, &err), "begin", &err);
    for (size_t i = 0; i < p.n; i++) {
        struct sco_job_end e = {.lease = {p.v[i].id, node, p.v[i].attempt}, .now = c.now};
        check(sco_store_job_end(s, &e, &st, &err), "end", &err);
        ++*done;
    }
    if (!each)
        check(sco_store_end(s, 0, &err), "commit", &err);
    bool any = p.n > 0;
    sco_job_page_done(&p);
    return any;
}

/* ---- bare: prepared statements, one for the claim and one for the ends ---- */
#ifdef BENCH_POSTGRESQL
static void pg_ok(PGconn *c, PGresult *r, ExecStatusType want, const char *what)
{
    if (PQresultStatus(r) != want)
        die(what, PQerrorMessage(c));
}

static bool pg_cycle(PGconn *c, bool each, int64_t *done)
{
    char n[16], list[BATCH_MAX * 24] = "{";
    const char *args[] = {n};
    snprintf(n, sizeof n, "%d", batch);
    PGresult *r = PQexecPrepared(c, "claim", 1, args, NULL, NULL, 0);
    pg_ok(c, r, PGRES_TUPLES_OK, "claim");
    int got = PQntuples(r);
    for (int i = 0; i < got; i++) {
        const char *one[] = {PQgetvalue(r, i, 0)};
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? "," : "", one[0]);
        if (each) {
            PGresult *e = PQexecPrepared(c, "end", 1, one, NULL, NULL, 0);
            pg_ok(c, e, PGRES_COMMAND_OK, "end");
            PQclear(e);
        }
    }
    if (!each) {
        const char *all[] = {list};
        list[strlen(list) + 1] = 0;
        list[strlen(list)] = '}';
        PGresult *e = PQexecPrepared(c, "ends", 1, all, NULL, NULL, 0);
        pg_ok(c, e, PGRES_COMMAND_OK, "ends");
        PQclear(e);
    }
    PQclear(r);
    *done += got;
    return got > 0;
}

static PGconn *pg_open(void)
{
    static const char *const sql[][2] = {
        {"claim", "UPDATE bare_jobs SET state = 'running' WHERE pk IN (SELECT pk FROM bare_jobs "
                  "WHERE state = 'queued' ORDER BY rank, pk LIMIT $1::bigint FOR UPDATE SKIP "
                  "LOCKED) RETURNING pk, id, request"},
        {"end", "UPDATE bare_jobs SET state = 'completed' WHERE pk = $1::bigint"},
        {"ends", "UPDATE bare_jobs SET state = 'completed' WHERE pk = ANY($1::bigint[])"},
    };
    PGconn *c = PQconnectdb(where);
    if (PQstatus(c) != CONNECTION_OK)
        die("connect", PQerrorMessage(c));
    for (size_t i = 0; i < 3; i++) {
        PGresult *r = PQprepare(c, sql[i][0], sql[i][1], 0, NULL);
        pg_ok(c, r, PGRES_COMMAND_OK, "prepare");
        PQclear(r);
    }
    return c;
}
#endif

struct lite {
    sqlite3 *h;
    sqlite3_stmt *claim, *end;
};

static void lite_ok(struct lite *l, int rc, int want, const char *what)
{
    if (rc != want)
        die(what, sqlite3_errmsg(l->h));
}

static void lite_open(struct lite *l)
{
    lite_ok(l, sqlite3_open_v2(where, &l->h, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK, "open");
    sqlite3_busy_timeout(l->h, 30000);
    sqlite3_exec(l->h, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
    lite_ok(l,
            sqlite3_prepare_v2(l->h,
                               "UPDATE bare_jobs SET state = 'running' WHERE pk IN (SELECT pk FROM "
                               "bare_jobs WHERE state = 'queued' ORDER BY rank, pk LIMIT ?1) "
                               "RETURNING pk, id, request",
                               -1, &l->claim, NULL),
            SQLITE_OK, "prepare");
    lite_ok(l,
            sqlite3_prepare_v2(l->h, "UPDATE bare_jobs SET state = 'completed' WHERE pk = ?1", -1,
                               &l->end, NULL),
            SQLITE_OK, "prepare");
}

static bool lite_cycle(struct lite *l, bool each, int64_t *done)
{
    int64_t pks[BATCH_MAX];
    int n = 0;
    lite_ok(l, sqlite3_exec(l->h, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK, "begin");
    sqlite3_bind_int(l->claim, 1, batch);
    while (sqlite3_step(l->claim) == SQLITE_ROW)
        pks[n++] = sqlite3_column_int64(l->claim, 0);
    lite_ok(l, sqlite3_reset(l->claim), SQLITE_OK, "claim");
    lite_ok(l, sqlite3_exec(l->h, "COMMIT", NULL, NULL, NULL), SQLITE_OK, "commit");
    if (!each)
        lite_ok(l, sqlite3_exec(l->h, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK, "begin");
    for (int i = 0; i < n; i++) {
        sqlite3_bind_int64(l->end, 1, pks[i]);
        lite_ok(l, sqlite3_step(l->end), SQLITE_DONE, "end");
        sqlite3_reset(l->end);
    }
    if (!each)
        lite_ok(l, sqlite3_exec(l->h, "COMMIT", NULL, NULL, NULL), SQLITE_OK, "commit");
    *done += n;
    return n > 0;
}

/* ---- a run ---- */
static void run_node(int number, int variant)
{
    bool bare = variant % 2, each = variant < 2, any = true;
    char name[24];
    int64_t done = 0;
    snprintf(name, sizeof name, "node-%d", number);
    struct sco_store *s = bare ? NULL : open_store();
    struct lite l = {0};
#ifdef BENCH_POSTGRESQL
    PGconn *c = bare && postgresql ? pg_open() : NULL;
#endif
    if (bare && !postgresql)
        lite_open(&l);
    int64_t from = sco_mono_ns(), until = from + seconds * 1000000000LL;
    while (any && sco_mono_ns() < until) {
        if (!bare)
            any = store_cycle(s, name, each, &done);
#ifdef BENCH_POSTGRESQL
        else if (postgresql)
            any = pg_cycle(c, each, &done);
#endif
        else
            any = lite_cycle(&l, each, &done);
    }
    shared->done[number] = done;
    shared->claims_ns[number] = sco_mono_ns() - from;
    _exit(0);
}

/* Jobs a second of all nodes together. */
static double run(int variant)
{
    double sum = 0;
    int status;
    fill();
    fflush(NULL);
    for (int i = 0; i < nodes; i++)
        if (fork() == 0)
            run_node(i, variant);
    for (int i = 0; i < nodes; i++)
        if (wait(&status) < 0 || status)
            die("node", "failed");
    for (int i = 0; i < nodes; i++)
        sum += (double)shared->done[i] / ((double)shared->claims_ns[i] / 1e9);
    return sum;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, compare);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"store, each", "bare, each", "store, batch", "bare, batch"};
    static double v[VARIANTS][ROUNDS_MAX], ratio[2][ROUNDS_MAX];
    int64_t n[4] = {0};
    struct sco_error err = {0};
    SCO_AUTO(sco_free) char *dir = NULL;
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    for (int i = 0; i < 4 && argc > 4; i++)
        if (sco_parse_i64(sco_str_c(argv[i + 1]), 1, 60, &n[i]) < 0)
            die("argument", argv[i + 1]);
    if (argc < 5 || argc > 6)
        die("usage", "bench_queue NODES BATCH SECONDS ROUNDS [postgresql://...]");
    nodes = (int)n[0];
    batch = (int)n[1];
    seconds = (int)n[2];
    where = argc > 5 ? argv[5] : getenv("SECUREOPS_TEST_STORE");
    postgresql = where != NULL;
    if (!where) {
        check(sco_fs_mkdtemp(NULL, "sco-bench-", &dir, &err), "mkdtemp", &err);
        sco_buf_addf(&path, "%s/store.db", dir);
        where = sco_buf_z(&path);
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap", "out of memory");
    for (int round = 0; round < n[3]; round++) {
        for (int i = 0; i < VARIANTS; i++)
            v[(i + round) % VARIANTS][round] = run((i + round) % VARIANTS);
        for (int i = 0; i < 2; i++)
            ratio[i][round] = v[2 * i][round] / v[2 * i + 1][round];
    }
    printf("%s, %d nodes, batches of %d\n", postgresql ? "PostgreSQL" : "SQLite", nodes, batch);
    for (int i = 0; i < VARIANTS; i++)
        printf("%-14s %9.0f jobs/s\n", names[i], median(v[i], (int)n[3]));
    printf("ratio, each    %9.2f\nratio, batch   %9.2f\n", median(ratio[0], (int)n[3]),
           median(ratio[1], (int)n[3]));
    if (dir)
        sco_fs_remove_tree(dir);
    return 0;
}
