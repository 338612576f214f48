/* What is asked of deliveries, executions and publications finds its rows by an index. */
#include "plans.h"

#include <secureops/store_ci.h>
#include <secureops/store_pipelines.h>

static bool filtered; /* what goes by age until a page is full may go through all of it */

#if STORE_IS_sqlite
#define NO "0"
#define YES "1"
#define BYTES "x'00'"
#else
#define NO "false"
#define YES "true"
#define BYTES "'\\000'::bytea"
#endif

static bool is_bad(const char *line, const char *rest)
{
    (void)rest;
#if STORE_IS_sqlite
    if (filtered && strstr(line, "USING INTEGER PRIMARY KEY (rowid<?)"))
        return true;
    return strncmp(line, "SCAN ", 5) == 0 && !strstr(line, "USING") &&
           strncmp(line, "SCAN l", 6) != 0 && !strstr(line, "webhook_lanes") &&
           strncmp(line, "SCAN next", 9) != 0 && strncmp(line, "SCAN x\n", 7) != 0 &&
           strncmp(line, "SCAN CONSTANT", 13) != 0;
#else
    if (filtered && strstr(line, "_pkey"))
        return true;
    const char *at = strstr(line, "Seq Scan on ");
    return at && !strstr(at, "webhook_lanes") && !strstr(at, "(cost=0.00..0.00 ") &&
           !(strstr(at, "pipeline_executions_") && strstr(at, "rows=1 ")); /* an empty month */
#endif
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
        "INSERT INTO pipeline_logs (execution_id, at, stage, attempt, size, bytes) SELECT id, 0, "
        "'build', 1, 1, " BYTES " FROM pipeline_executions",
        "INSERT INTO pipeline_approvals (execution_id, stage, approved, decided_by, decided_at) "
        "SELECT id, '', " YES ", 'ada', 1 FROM pipeline_executions",
        "INSERT INTO publications (id, integration, repository, marker, subject, commit_sha, "
        "pr_number, publication, job_id, revision, created_at, updated_at) " COUNT_TO(
            5000) "SELECT " UUID ", 'github', 'r' || (i % 500), 'm', 's' || i, 's' || i, 0, CASE "
                  "WHEN i % 500 = 0 THEN "
                  "'pending' ELSE 'published' END, " UUID ", 1, i, i FROM c",
        "ANALYZE",
    };
    struct sco_error err = {0};
    OK(store_make_partitions(w->s, 1800000000000, &err));
    for (size_t i = 0; i < SCO_ARRAY_LEN(sql); i++)
        OK(store_exec(w->s, sql[i], NULL, 0, NULL, &err));
}

static int take_uuid(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    store_uuid_format((const uint8_t *)v[0].s.p, user);
    return 0;
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

static void watch(struct world *w)
{
    filtered = false;
    spy_on(w, is_bad, NULL);
}

static void one_id(struct world *w, const char *sql, char id[37])
{
    struct sco_error err = {0};
    OK(plans.real->query(w->s->db, sql, NULL, 0, take_uuid, id, &err));
}

static void publications(struct world *w, struct sco_publication_filter f, const char *what)
{
    struct sco_error err = {0};
    struct sco_publication_page p = {0};
    f.limit = 20;
    OK(sco_store_publications(w->s, &f, &p, &err));
    sco_publication_page_done(&p);
    is_indexed(what);
}

/* What runners and the clock ask with each scan, stage or beat. */
static void what_is_asked_often(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    char run[37], job[37], publication[37];
    uint64_t n;
    bool first;
    fill(w);
    watch(w);
    one_id(w, "SELECT id FROM pipeline_executions WHERE status = 'running' LIMIT 1", run);
    one_id(w, "SELECT job_id FROM publications LIMIT 1", job);
    one_id(w, "SELECT id FROM publications WHERE publication = 'pending' LIMIT 1", publication);
    struct sco_publication_page p = {0};
    OK(sco_store_publications_of_job(w->s, job, &p, &err));
    assert_int_equal(p.n, 1);
    sco_publication_page_done(&p);
    is_indexed("publications of a job");
    publications(w, (struct sco_publication_filter){0}, "publications");
    publications(w, (struct sco_publication_filter){.integration = "github"}, "of an integration");
    filtered = true;
    publications(w, (struct sco_publication_filter){.states = 1 << SCO_PUBLICATION_FAILED},
                 "failed ones");
    publications(w, (struct sco_publication_filter){.repository = "r7"}, "of a repository");
    publications(w, (struct sco_publication_filter){.repository = "r7", .pr_number = 7},
                 "of a change");
    publications(w, (struct sco_publication_filter){.commit_sha = "s7"}, "of a commit");
    filtered = false;
    OK(sco_store_publication_waits(w->s, publication, 1, job, NULL, w->now, &err));
    OK(sco_store_publication_told(w->s, publication, 1, NULL, &err));
    OK(sco_store_publication_end(w->s, publication, 1, SCO_PUBLICATION_PUBLISHED, NULL, NULL, NULL,
                                 w->now, &err));
    OK(sco_store_publication_again(w->s, publication, w->now, &err));
    is_indexed("a publication's states");
    struct sco_publication_counts pc;
    OK(sco_store_publication_counts(w->s, &pc, &err));
    is_indexed("publication counts");
    const char *const *known, **due;
    size_t n_due;
    OK(sco_store_poll_repositories(w->s, "github", 200, &a, &known, &err));
    assert_string_equal(known[0], "r0");
    assert_string_equal(known[199], "r278"); /* in the order of names */
    assert_null(known[200]);
    is_indexed("repositories to poll");
    struct sco_delivery_page d = {0};
    OK(sco_store_deliveries_claim(w->s, "one", INT64_MAX - 1, INT64_MAX, 1, &d, &err));
    sco_delivery_page_done(&d);
    is_indexed("claim");
    OK(sco_store_deliveries_release(w->s, "one", &err));
    is_indexed("release");
    OK(sco_store_deliveries_claim(w->s, "two", INT64_MAX - 1, INT64_MAX, 1, &d, &err));
    OK(sco_store_delivery_end(w->s, d.v[0].id, "two", false, NULL, 0, w->now, &err));
    sco_delivery_page_done(&d);
    is_indexed("the end of a delivery");
    OK(sco_store_deliveries_retain(w->s, 3, &n, &err));
    is_indexed("old deliveries");
    OK(sco_store_effect_once(w->s, "x", w->now, &first, &err));
    OK(sco_store_runs_due(w->s, w->now, w->now + 1, 20, &a, &due, &n_due, &err));
    is_indexed("runs that are due");
    OK(sco_store_runs_watch(w->s, w->now, &n, &err));
    is_indexed("runs that nobody ends");
    uint64_t size = 0;
    OK(sco_store_log_add(w->s, run, 1, "build", 1, SCO_STR("text\n"), &err));
    OK(sco_store_log_size(w->s, run, &size, &err));
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    OK(sco_store_log(w->s, run, 0, NULL, 1000, &out, &size, &err));
    is_indexed("logs");
    struct sco_approval_list al = {0};
    OK(sco_store_approvals(w->s, run, &al, &err));
    sco_approval_list_done(&al);
    is_indexed("approvals");
    struct sco_artifact_list fl = {0};
    OK(sco_store_artifact_list(w->s, run, &fl, &err));
    sco_artifact_list_done(&fl);
    OK(sco_store_artifacts_drop(w->s, run, "build/", &err));
    is_indexed("artifacts");
    struct sco_pipeline_figures g = {0};
    struct sco_figures_filter gf = {.repository = "r7", .since = 1, .until = INT64_MAX};
    OK(sco_store_pipeline_figures(w->s, &gf, &g, &err));
    sco_pipeline_figures_done(&g);
    is_indexed("figures of a repository");
    assert_int_equal(runs(w, (struct sco_execution_filter){.repository = "r7", .branch = "main"}),
                     8);
    is_indexed("executions of a branch");
    assert_int_equal(runs(w, (struct sco_execution_filter){.status = "running"}), 20);
    is_indexed("executions by status");
    spy_off(w, 30);
}

static void every_list_has_an_index(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    fill(w);
    watch(w);
    struct sco_delivery_page d = {0};
    struct sco_delivery_filter f = {.limit = 20};
    OK(sco_store_deliveries(w->s, &f, &d, &err));
    char id[37];
    snprintf(id, sizeof id, "%s", d.v[0].id);
    sco_delivery_page_done(&d);
    is_indexed("deliveries");
    filtered = true;
    f.states = 1 << SCO_DELIVERY_FAILED;
    OK(sco_store_deliveries(w->s, &f, &d, &err));
    sco_delivery_page_done(&d);
    is_indexed("failed deliveries");
    filtered = false;
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
    spy_off(w, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_list_has_an_index, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(what_is_asked_often, world_set_up, world_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
