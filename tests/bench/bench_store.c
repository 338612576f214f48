/* How fast a scan's findings are merged, beside what the database does with the same bytes and
 * nothing to think about:
 *
 *   bench_store FINDINGS ROUNDS              SQLite, in a temporary folder
 *   bench_store FINDINGS ROUNDS URL          PostgreSQL; everything in the schema public goes
 *   bench_store FINDINGS ROUNDS WHERE N      with N findings of other branches there before, which
 *                                            are filled in once (WHERE: a path or an URL)
 *
 * Each round measures all variants, in turn; the medians and their ratio are printed. `tables`:
 * rows that are ready go into the store's own tables, by prepared inserts or COPY. `plain`: one
 * table with the same payload, by an insert that updates what is there (PostgreSQL: COPY and one
 * such insert). */
#include "bench_store.h"

#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <unistd.h>

const struct sco_store_ops *sco_store_postgresql(void);
const struct sco_store_ops *sco_store_sqlite(void);

enum { ROUNDS_MAX = 99 };

static size_t n_findings;

void die(const char *what, const char *why)
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
struct sco_scan *make_scan(size_t n, int64_t at)
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
    s->findings.v = sco_alloc(n, sizeof *s->findings.v);
    if (!s->runs || !s->findings.v)
        die("scan", "out of memory");
    s->runs[s->n_runs++] =
        (struct sco_scanner_run){.name = "semgrep", .title = "Semgrep", .counts = true};
    const struct sco_tool *tool = sco_pool_tool(
        pool, &(struct sco_tool){.name = "Semgrep", .version = "1.2.3", .severity = 3});
    const struct sco_tools *tools = sco_pool_tools(pool, &tool, 1);
    struct sco_sha256 *sha = sco_sha256_new();
    for (size_t i = 0; i < n; i++) {
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

void free_scan(struct sco_scan *s)
{
    struct sco_pool *pool = s->findings.pool;
    sco_finding_set_done(&s->findings);
    sco_pool_free(pool);
    sco_arena_done(&s->arena);
    free(s);
}

double seconds_since(int64_t ns)
{
    return (double)(sco_mono_ns() - ns) / 1e9;
}

/* ---- ours ---- */
static double merge(struct sco_store *store, const char *branch, int64_t at, uint64_t created)
{
    struct sco_error err = {0};
    struct sco_store_subject sub = {
        .repository = "https://git.example/app", .branch = branch, .scope = ""};
    struct sco_scan *s = make_scan(n_findings, at);
    int64_t from = sco_mono_ns();
    check(sco_store_save_scan(store, &sub, s, &err), "merge", &err);
    double t = seconds_since(from);
    if (s->stored.created != created || s->stored.created + s->stored.seen != n_findings)
        die("merge", "wrong counts");
    free_scan(s);
    return t;
}

static struct sco_store *open_store(const char *where)
{
    struct sco_error err = {0};
    struct sco_store *store = NULL;
    struct sco_store_options o = {.where = where, .create = true};
    const struct sco_store_ops *ops = sco_store_sqlite();
#ifdef BENCH_POSTGRESQL
    if (strstr(where, "://"))
        ops = sco_store_postgresql();
#endif
    check(store_open_with(ops, &o, &store, &err), "open", &err);
    return store;
}

static void round_sqlite(const char *dir, double t[VARIANTS])
{
    SCO_AUTO(sco_buf) struct sco_buf ours = {0}, raw = {0}, tables = {0};
    sqlite3 *h = NULL;
    sco_buf_addf(&ours, "%s/ours.db", dir);
    sco_buf_addf(&raw, "%s/raw.db", dir);
    sco_buf_addf(&tables, "%s/tables.db", dir);
    plain_sqlite_open(sco_buf_z(&raw), &h);
    t[PLAIN_NEW] = plain_sqlite(h, n_findings, 1000);
    t[PLAIN_SEEN] = plain_sqlite(h, n_findings, 2000);
    sqlite3_close(h);
    sco_store_close(open_store(sco_buf_z(&tables)));
    t[TABLES_NEW] = tables_sqlite(sco_buf_z(&tables), n_findings);
    struct sco_store *store = open_store(sco_buf_z(&ours));
    t[MERGE_NEW] = merge(store, "main", 1000, n_findings);
    t[MERGE_SEEN] = merge(store, "main", 2000, 0);
    sco_store_close(store);
    sco_fs_remove_tree(dir);
}

#ifdef BENCH_POSTGRESQL
static void round_postgresql(const char *url, double t[VARIANTS])
{
    PGconn *c = PQconnectdb(url);
    plain_postgresql_open(c);
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[PLAIN_NEW] = plain_postgresql(c, n_findings, 1000);
    pg_ok(c, PQexec(c, "VACUUM ANALYZE raw"));
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[PLAIN_SEEN] = plain_postgresql(c, n_findings, 2000);
    pg_ok(c, PQexec(c, "DROP TABLE raw"));
    struct sco_store *store = open_store(url);
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[TABLES_NEW] = tables_postgresql(c, n_findings);
    pg_ok(c, PQexec(c, "TRUNCATE vulnerabilities, vulnerability_details; DELETE FROM branches"));
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[MERGE_NEW] = merge(store, "main", 1000, n_findings);
    pg_ok(c, PQexec(c, "VACUUM ANALYZE vulnerabilities"));
    pg_ok(c, PQexec(c, "CHECKPOINT"));
    t[MERGE_SEEN] = merge(store, "main", 2000, 0);
    sco_store_close(store);
    PQfinish(c);
}
#endif

/* ---- with many there before ---- */
static int take_count(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static struct sco_store *filled_store(const char *where, int64_t present)
{
    struct sco_error err = {0};
    struct sco_store *store = open_store(where);
    int64_t n = 0;
    check(store_query(store, "SELECT count(*) FROM vulnerabilities", NULL, 0, take_count, &n, &err),
          "count", &err);
    if (!n) {
        int64_t from = sco_mono_ns();
#ifdef BENCH_POSTGRESQL
        if (strstr(where, "://"))
            fill_postgresql(where, present);
        else
#endif
            fill_sqlite(where, present);
        fprintf(stderr, "%s: filled in %.0f s\n", where, seconds_since(from));
    }
    return store;
}

static void round_filled(struct sco_store *store, double t[VARIANTS])
{
    char branch[37];
    sco_uuid4(branch);
    t[MERGE_NEW] = merge(store, branch, 1000, n_findings);
    t[MERGE_SEEN] = merge(store, branch, 2000, 0);
}

/* ---- figures ---- */
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

static void print_ratio(const double (*t)[VARIANTS], size_t rounds, const char *driver,
                        const char *what, size_t raw, size_t ours)
{
    double ratios[ROUNDS_MAX], merged = median(t, rounds, ours), other = median(t, rounds, raw);
    for (size_t i = 0; i < rounds; i++)
        ratios[i] = t[i][raw] / t[i][ours];
    qsort(ratios, rounds, sizeof *ratios, compare);
    printf("%-10s %-18s merge %7.0f ms %8.0f/s   raw %7.0f ms %8.0f/s   ratio %.2f [%.2f-%.2f]\n",
           driver, what, merged * 1000, (double)n_findings / merged, other * 1000,
           (double)n_findings / other, ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
}

int main(int argc, char **argv)
{
    static double t[ROUNDS_MAX][VARIANTS];
    int64_t n = 100000, rounds = 5, present = 0;
    const char *where = argc > 3 ? argv[3] : getenv("SECUREOPS_TEST_STORE");
    if ((argc > 1 && sco_parse_i64(sco_str_c(argv[1]), 1, 10000000, &n) < 0) ||
        (argc > 2 && sco_parse_i64(sco_str_c(argv[2]), 1, ROUNDS_MAX, &rounds) < 0) ||
        (argc > 4 && sco_parse_i64(sco_str_c(argv[4]), 1, 100000000, &present) < 0))
        die("usage", "bench_store [FINDINGS [ROUNDS [WHERE [PRESENT]]]]");
    n_findings = (size_t)n;
    bool url = where && strstr(where, "://");
    const char *driver = url ? "PostgreSQL" : "SQLite";
    struct sco_store *filled = present ? filled_store(where, present) : NULL;
    for (size_t i = 0; i < (size_t)rounds; i++) {
        struct sco_error err = {0};
        SCO_AUTO(sco_free) char *dir = NULL;
        if (filled) {
            round_filled(filled, t[i]);
            continue;
        }
#ifdef BENCH_POSTGRESQL
        if (url) {
            round_postgresql(where, t[i]);
            continue;
        }
#endif
        check(sco_fs_mkdtemp(NULL, "sco-bench-", &dir, &err), "folder", &err);
        round_sqlite(dir, t[i]);
    }
    sco_store_close(filled);
    if (present) {
        printf("%-10s %lld there before: new %.0f ms, seen before %.0f ms\n", driver,
               (long long)present, median(t, (size_t)rounds, MERGE_NEW) * 1000,
               median(t, (size_t)rounds, MERGE_SEEN) * 1000);
        return 0;
    }
    print_ratio(t, (size_t)rounds, driver, "new, tables", TABLES_NEW, MERGE_NEW);
    print_ratio(t, (size_t)rounds, driver, "new, plain", PLAIN_NEW, MERGE_NEW);
    print_ratio(t, (size_t)rounds, driver, "seen before, plain", PLAIN_SEEN, MERGE_SEEN);
    return 0;
}
