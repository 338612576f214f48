/* What is asked of deliveries, executions and publications finds its rows by an index. */
#include "world.h"

#include <secureops/store_ci.h>

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

static const struct sco_store_ops *real;
static char bad_plan[4096];
static size_t n_plans;

static int on_plan(void *user, const struct store_value *v, size_t n)
{
    struct sco_buf *b = user;
    sco_buf_add(b, v[n - 1].s);
    sco_buf_addc(b, '\n');
    return 0;
}

#if STORE_IS_sqlite
#define EXPLAIN "EXPLAIN QUERY PLAN "
#define UUID "randomblob(16)"
#define NO "0"
#else
#define EXPLAIN "EXPLAIN "
#define UUID "gen_random_uuid()"
#define NO "false"
#endif

static bool is_bad(const char *line)
{
#if STORE_IS_sqlite
    return strncmp(line, "SCAN ", 5) == 0 && !strstr(line, "USING") && strncmp(line, "SCAN l", 6);
#else
    const char *at = strstr(line, "Seq Scan on ");
    return at && !strstr(at, "webhook_lanes") && !strstr(at, "(cost=0.00..0.00 ");
#endif
}

static int spy(void *db, const char *sql, const struct store_value *v, size_t n, store_row_fn row,
               void *user, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, plan = {0};
    sco_buf_addf(&b, EXPLAIN "%s", sql);
    int r = real->query(db, sco_buf_z(&b), v, n, on_plan, &plan, err);
    if (r < 0)
        return r;
    n_plans++;
    for (const char *line = sco_buf_z(&plan); *line; line = strchr(line, '\n') + 1)
        if (is_bad(line))
            snprintf(bad_plan, sizeof bad_plan, "%s\n%s", sql, sco_buf_z(&plan));
    return real->query(db, sql, v, n, row, user, err);
}

#define COUNT_TO(n)                                                                                \
    "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < " #n ") "

static void fill(struct world *w)
{
    static const char *const sql[] = {
        "INSERT INTO webhook_lanes (integration) VALUES ('i0')",
        "INSERT INTO webhook_deliveries (id, integration, key, native_event, is_event, state, "
        "received_at, ordinal, headers, done_at) " COUNT_TO(
            20000) "SELECT " UUID ", 'i' || (i % 5), 'k' || i, 'push', " NO
                   ", CASE WHEN i % 200 = 0 THEN 'received' WHEN i "
                   "% 300 = 1 THEN 'failed' ELSE 'done' END, i, 0, '[]', CASE WHEN i % 200 = 0 "
                   "THEN 0 "
                   "ELSE i END "
                   "FROM c",
        "INSERT INTO pipelines (id, name, kind, platform, repository_url, branch, team, status, "
        "config, created_at, updated_at) " COUNT_TO(
            3000) "SELECT " UUID ", 'r' || i, 'repository', 'github', 'u' || i, '', '', 'active', "
                  "'{}', 0, 0 FROM c",
        "INSERT INTO pipeline_executions (id, pipeline_id, integration, platform, repository, "
        "external_id, attempt, name, branch, status, created_at, updated_at, completed_at) "
        "SELECT " UUID
        ", p.id, 'github', 'github', p.name, p.name || '.' || i, 1, 'CI', 'main', CASE WHEN i "
        "= 1 THEN 'running' ELSE 'success' END, 1800000000000 + i * 1000000, 0, CASE WHEN i = 1 "
        "THEN 0 ELSE 1 END FROM pipelines p JOIN (" COUNT_TO(8) "SELECT i FROM c) x ON true",
        "INSERT INTO pipeline_stages (execution_id, ordinal, attempt, name, status) SELECT id, 1, "
        "1, 'build', 'success' FROM pipeline_executions",
        "INSERT INTO publications (id, integration, repository, marker, subject, commit_sha, "
        "pr_number, publication, job_id, revision, created_at, updated_at) " COUNT_TO(
            5000) "SELECT " UUID
                  ", 'github', 'r', 'm', 's' || i, 's', 0, CASE WHEN i % 500 = 0 THEN "
                  "'pending' ELSE 'published' END, " UUID ", 1, i, i FROM c",
        "ANALYZE",
    };
    struct sco_error err = {0};
    OK(store_make_partitions(w->s, 1800000000000, &err));
    for (size_t i = 0; i < SCO_ARRAY_LEN(sql); i++)
        OK(store_exec(w->s, sql[i], NULL, 0, NULL, &err));
}

static void is_indexed(const char *what)
{
    if (*bad_plan)
        fail_msg("%s reads a whole table: %s", what, bad_plan);
}

static int64_t runs(struct world *w, struct sco_execution_filter f)
{
    struct sco_error err = {0};
    struct sco_execution_page p = {0};
    f.limit = 20;
    OK(sco_store_executions(w->s, &f, &p, &err));
    int64_t n = (int64_t)p.n;
    sco_execution_page_done(&p);
    return n;
}

static void every_list_has_an_index(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    fill(w);
    struct sco_store_ops ops = *w->s->ops;
    real = w->s->ops;
    ops.query = spy;
    ops.often = NULL;
    w->s->ops = &ops;
    *bad_plan = 0;
    n_plans = 0;
    struct sco_delivery_page d = {0};
    struct sco_delivery_filter f = {.limit = 20};
    OK(sco_store_deliveries(w->s, &f, &d, &err));
    char id[37];
    snprintf(id, sizeof id, "%s", d.v[0].id);
    sco_delivery_page_done(&d);
    is_indexed("deliveries");
    f.states = 1 << SCO_DELIVERY_FAILED;
    OK(sco_store_deliveries(w->s, &f, &d, &err));
    sco_delivery_page_done(&d);
    is_indexed("failed deliveries");
    OK(sco_store_delivery(w->s, id, &d, &err));
    sco_delivery_page_done(&d);
    is_indexed("a delivery");
    OK(sco_store_deliveries_claim(w->s, "one", 1, 2, 100, &d, &err));
    sco_delivery_page_done(&d);
    is_indexed("a claim");
    struct sco_delivery_counts c;
    OK(sco_store_delivery_counts(w->s, &c, &err));
    assert_int_equal(c.received, 100);
    is_indexed("counts");
    assert_int_equal(runs(w, (struct sco_execution_filter){0}), 20);
    is_indexed("executions");
    assert_int_equal(runs(w, (struct sco_execution_filter){.repository = "r7"}), 8);
    is_indexed("executions of a repository");
    assert_int_equal(runs(w, (struct sco_execution_filter){.since = 1800000007000000}), 0);
    is_indexed("executions since");
    struct sco_execution_page e = {0};
    OK(sco_store_executions(w->s, &(struct sco_execution_filter){.limit = 1}, &e, &err));
    char run[37], target[37];
    snprintf(run, sizeof run, "%s", e.v[0].id);
    snprintf(target, sizeof target, "%s", e.v[0].pipeline_id);
    sco_execution_page_done(&e);
    assert_int_equal(runs(w, (struct sco_execution_filter){.pipeline_id = target}), 8);
    is_indexed("executions of a target");
    OK(sco_store_execution(w->s, run, &e, &err));
    sco_execution_page_done(&e);
    is_indexed("an execution");
    struct sco_stage_list l = {0};
    OK(sco_store_stages(w->s, run, &l, &err));
    assert_int_equal(l.n, 1);
    sco_stage_list_done(&l);
    is_indexed("stages");
    struct sco_stored_execution x = {.integration = "github",
                                     .platform = "github",
                                     .repository = "acme/shop",
                                     .clone_url = "https://git.example/acme/shop",
                                     .external_id = "r7.1",
                                     .name = "CI",
                                     .branch = "main",
                                     .status = "success"};
    OK(sco_store_execution_put(w->s, &x, w->now, run, NULL, &err));
    is_indexed("a put");
    struct sco_publication_page p = {0};
    OK(sco_store_publications_stuck(w->s, w->now, 10, &p, &err));
    assert_int_equal(p.n, 10);
    snprintf(id, sizeof id, "%s", p.v[0].id);
    sco_publication_page_done(&p);
    OK(sco_store_publication(w->s, id, &p, &err));
    sco_publication_page_done(&p);
    is_indexed("a publication");
    assert_true(n_plans > 12);
    w->s->ops = real;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_list_has_an_index, world_set_up, world_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
