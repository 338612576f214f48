/* Definitions, runs, approvals, logs and artifacts of pipelines; figures with numbers that were
 * worked out by hand. */
#include "world.h"

#include <secureops/store_pipelines.h>

#define URL "https://git.example/acme/shop"

static struct sco_stored_pipeline a_pipeline(const char *name)
{
    return (struct sco_stored_pipeline){.target = {.name = name,
                                                   .kind = "repository",
                                                   .location = URL,
                                                   .platform = "generic",
                                                   .branch = "main",
                                                   .team = "",
                                                   .config = "{}",
                                                   .status = "active"},
                                        .location = URL,
                                        .repository = URL,
                                        .definition = "stages: []"};
}

TEST(a_definition_is_a_target)
{
    WORLD;
    struct sco_stored_pipeline x = a_pipeline("shop");
    struct sco_pipeline_page p = {0};
    char id[37];
    OK(sco_store_pipeline_put(w->s, &x, w->now, id, &err));
    assert_int_equal(sco_store_pipeline_put(w->s, &x, w->now, id, &err), SCO_E_INVALID);
    OK(sco_store_pipeline(w->s, "shop", &p, &err));
    assert_string_equal(p.v[0].definition, "stages: []");
    assert_null(p.v[0].integration);
    sco_pipeline_page_done(&p);
    x.target.id = id;
    x.definition = NULL;
    assert_int_equal(sco_store_pipeline_put(w->s, &x, w->now, id, &err), SCO_E_INVALID);
    x.integration = "github";
    OK(sco_store_pipeline_put(w->s, &x, w->now, id, &err));
    x = a_pipeline("other");
    char other[37];
    OK(sco_store_pipeline_put(w->s, &x, w->now, other, &err));
    /* who moves the target does not move the definition */
    x.target.id = other;
    x.target.location = "https://git.example/evil/one";
    char same[37];
    OK(sco_store_target_put(w->s, &x.target, w->now, same, &err));
    OK(sco_store_pipelines(w->s, NULL, 1, &p, &err));
    assert_string_equal(p.v[0].target.name, "other");
    assert_string_equal(p.v[0].target.location, "https://git.example/evil/one");
    assert_string_equal(p.v[0].location, URL);
    assert_string_equal(p.cursor, "other");
    sco_pipeline_page_done(&p);
    OK(sco_store_pipeline_delete(w->s, id, &err));
    assert_int_equal(sco_store_pipeline_delete(w->s, id, &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_pipeline(w->s, "shop", &p, &err), SCO_E_NOT_FOUND);
}

/* ---- executions ---- */
static char *an_execution(struct world *w, struct sco_stored_execution x, char id[37])
{
    struct sco_error err = {0};
    bool changed;
    x.integration = "";
    x.platform = "secureops";
    x.repository = x.clone_url = URL;
    x.name = "shop";
    OK(sco_store_execution_put(w->s, &x, x.queued_at ? x.queued_at : w->now, id, &changed, &err));
    return id;
}

#if !STORE_IS_sqlite
static int add_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user += v[0].i;
    return 0;
}

static int64_t rows_read(struct world *w)
{
    struct sco_error err = {0};
    int64_t n = 0;
    OK(store_query(w->s,
                   "SELECT (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM "
                   "pg_stat_xact_user_tables WHERE relname LIKE 'pipeline_logs%'",
                   NULL, 0, add_i64, &n, &err));
    return n;
}
#endif

/* What was said in the order it was said in; and not all the rest is read for each piece of it. */
static void log_in_pieces(struct world *w, const char *id, uint64_t at)
{
    enum { PARTS = 200, PART = 16 << 10, PIECE = 64 << 10 };
    static const char *const stages[] = {NULL, "many"};
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf all = {0};
    uint64_t start = at;
    for (size_t i = 0; i < PARTS; i++) {
        while (all.n < (i + 1) * PART)
            sco_buf_addf(&all, "%015zu\n", all.n);
        struct sco_str part = sco_str_make(all.p + i * PART, PART);
        OK(sco_store_log_add(w->s, id, at, "many", 1, part, &err));
        at += PART;
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(stages); i++) {
        SCO_AUTO(sco_buf) struct sco_buf got = {0};
        uint64_t from = start, next = start;
        OK(sco_store_begin(w->s, &err));
        do {
            SCO_AUTO(sco_buf) struct sco_buf piece = {0};
            from = next;
            OK(sco_store_log(w->s, id, from, stages[i], PIECE, &piece, &next, &err));
            assert_true(piece.n <= PIECE);
            sco_buf_add(&got, sco_buf_str(&piece));
        } while (next != from);
        assert_true(sco_str_eq(sco_buf_str(&got), sco_buf_str(&all)));
#if !STORE_IS_sqlite
        if (!stages[i])
            assert_in_range(rows_read(w), PARTS, 8 * PARTS);
#endif
        OK(sco_store_end(w->s, 0, &err));
    }
}

TEST(what_a_run_leaves)
{
    WORLD;
    char id[37];
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_pipeline_run run = {.definition = "d", .request = "{\"a\":1}"}, got = {0};
    struct sco_approval_list approvals = {0};
    struct sco_artifact_list artifacts = {0};
    uint64_t size = 7, next = 0;
    an_execution(w, (struct sco_stored_execution){.status = "running"}, id);
    OK(sco_store_run_put(w->s, id, &run, &err));
    OK(sco_store_run(w->s, id, &arena, &got, &err));
    assert_string_equal(got.definition, "d");
    assert_null(got.requested_by);
    struct sco_stored_approval a = {.stage = "deploy", .by = "ada", .approved = true, .at = 5};
    OK(sco_store_approval_add(w->s, id, &a, &err));
    OK(sco_store_approvals(w->s, id, &approvals, &err));
    assert_int_equal(approvals.n, 1);
    assert_true(approvals.v[0].approved && !approvals.v[0].reason);
    sco_approval_list_done(&approvals);
    OK(sco_store_log_size(w->s, id, &size, &err));
    assert_int_equal(size, 0);
    OK(sco_store_log_add(w->s, id, 0, "a", 1, SCO_STR("one\ntwo\n"), &err));
    OK(sco_store_log_add(w->s, id, 8, "b", 1, SCO_STR("three\n"), &err));
    OK(sco_store_log_size(w->s, id, &size, &err));
    assert_int_equal(size, 14);
    /* another runner, which has not seen it: no part is in another's place */
    assert_true(sco_store_log_add(w->s, id, 8, "a", 1, SCO_STR("x\n"), &err) < 0);
    OK(sco_store_log(w->s, id, 0, NULL, 1000, &out, &next, &err));
    assert_string_equal(sco_buf_z(&out), "one\ntwo\nthree\n");
    assert_int_equal(next, 14);
    sco_buf_clear(&out);
    OK(sco_store_log(w->s, id, 4, NULL, 5, &out, &next, &err));
    assert_string_equal(sco_buf_z(&out), "two\n");
    assert_int_equal(next, 8);
    sco_buf_clear(&out);
    OK(sco_store_log(w->s, id, 0, "b", 1000, &out, &next, &err));
    assert_string_equal(sco_buf_z(&out), "three\n");
    log_in_pieces(w, id, size);
    OK(sco_store_artifact_add(w->s, id, "a/x", "text/plain", false, SCO_STR("1"), 1, &err));
    OK(sco_store_artifact_add(w->s, id, "ab/x", "text/plain", false, SCO_STR("22"), 1, &err));
    OK(sco_store_artifacts_drop(w->s, id, "a/", &err));
    OK(sco_store_artifact_list(w->s, id, &artifacts, &err));
    assert_int_equal(artifacts.n, 1);
    assert_string_equal(artifacts.v[0].name, "ab/x");
    assert_int_equal(artifacts.v[0].size, 2);
    sco_artifact_list_done(&artifacts);
}

/* Its job is dead; nobody else would end it. */
TEST(an_execution_without_a_job_ends)
{
    WORLD;
    char id[37], same[37];
    struct sco_job_added added;
    struct sco_job_page jobs = {0};
    struct sco_execution_page p = {0};
    enum sco_job_state job_state;
    bool changed;
    uint64_t n = 9;
    struct sco_job_request q = {.kind = "pipeline",
                                .target_key = "k",
                                .revision = "r",
                                .scanners = "",
                                .request = "{}",
                                .origin = "pipeline",
                                .max_attempts = 1};
    OK(sco_store_job_add(w->s, &q, w->now, &added, &err));
    an_execution(w, (struct sco_stored_execution){.status = "running"}, id);
    struct sco_stored_execution with = {.id = id, .job_id = added.id};
    OK(sco_store_execution_put(w->s, &with, w->now, same, &changed, &err));
    struct sco_job_claim c = {.node = "n", .now = w->now, .lease_ms = 1000, .max = 1};
    OK(sco_store_jobs_claim(w->s, &c, &jobs, &err));
    struct sco_job_lease lease = {.job_id = added.id, .node = "n", .attempt = 1};
    OK(sco_store_job_hold(w->s, &lease, &err));
    lease.attempt = 2;
    assert_int_equal(sco_store_job_hold(w->s, &lease, &err), SCO_E_CANCELLED);
    lease.attempt = 1;
    struct sco_job_end end = {
        .lease = lease, .outcome = SCO_JOB_END_FAILED, .reason = "no secret", .now = w->now};
    OK(sco_store_job_end(w->s, &end, &job_state, &err));
    OK(sco_store_runs_watch(w->s, w->now + 1000, &n, &err));
    assert_int_equal(n, 0); /* its runner may be about to say it */
    OK(sco_store_runs_watch(w->s, w->now + 6000, &n, &err));
    assert_int_equal(n, 1);
    OK(sco_store_execution(w->s, id, &p, &err));
    assert_string_equal(p.v[0].status, "failure");
    assert_string_equal(p.v[0].reason, "no secret");
    sco_execution_page_done(&p);
    sco_job_page_done(&jobs);
}

/* ---- figures ---- */
enum { MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
static const int64_t BASE = 1700000000000;

static char *run(struct world *w, char id[37], const char *status, const char *commit,
                 const char *environment, int64_t at, int64_t queued, int64_t took)
{
    return an_execution(w,
                        (struct sco_stored_execution){.status = status,
                                                      .commit_sha = commit,
                                                      .environment = environment,
                                                      .branch = "main",
                                                      .queued_at = BASE + at,
                                                      .started_at = BASE + at + queued,
                                                      .completed_at = BASE + at + queued + took},
                        id);
}

TEST(figures)
{
    WORLD;
    char id[37], bad[37];
    struct sco_pipeline_figures f = {0};
    struct sco_figures_filter q = {.since = BASE, .until = BASE + 10 * (int64_t)DAY};
    /* builds: commit a seen a day before the time, b and c within it */
    run(w, id, "success", "a", NULL, -DAY, MINUTE, MINUTE);
    run(w, id, "success", "b", NULL, HOUR, 1 * MINUTE, 10 * MINUTE);
    run(w, id, "failure", "c", NULL, 2 * HOUR, 2 * MINUTE, 20 * MINUTE);
    run(w, id, "cancelled", "c", NULL, 3 * HOUR, 3 * MINUTE, 5 * MINUTE);
    /* deployments: a a day and two hours after it was seen; b fails, c restores three hours later
     */
    run(w, id, "success", "a", "production", HOUR, 0, HOUR);
    run(w, bad, "timed_out", "b", "production", 4 * HOUR, 0, HOUR);
    run(w, id, "success", "c", "production", 7 * HOUR, 0, HOUR);
    OK(sco_store_pipeline_figures(w->s, &q, &f, &err));
    assert_int_equal(f.executions, 6);
    assert_int_equal(f.succeeded, 3);
    assert_int_equal(f.failed, 2);
    assert_int_equal(f.cancelled, 1);
    /* 10, 20, 60, 60, 60 minutes; of the cancelled one it says nothing */
    assert_int_equal(f.duration_p50_ms, HOUR);
    assert_int_equal(f.duration_p95_ms, HOUR);
    assert_int_equal(f.queue_p50_ms, 0); /* 0 0 0 1 2 3 */
    assert_int_equal(f.queue_p95_ms, 3 * MINUTE);
    assert_int_equal(f.deployments, 2);
    assert_int_equal(f.tried_deployments, 3);
    assert_int_equal(f.failed_deployments, 1);
    /* a: 26 h; c: from 2 h to 8 h */
    assert_int_equal(f.lead_times, 2);
    assert_int_equal(f.lead_time_ms, 6 * HOUR);
    assert_int_equal(f.restores, 1);
    assert_int_equal(f.restore_ms, 3 * HOUR); /* from 5 h to 8 h */
    sco_pipeline_figures_done(&f);
    /* one that succeeded and was rolled back has failed, too */
    struct sco_stored_execution back = {.status = "success",
                                        .commit_sha = "a",
                                        .environment = "production",
                                        .rollback_of = id,
                                        .queued_at = BASE + 9 * HOUR,
                                        .started_at = BASE + 9 * HOUR,
                                        .completed_at = BASE + 10 * HOUR};
    char rollback[37];
    an_execution(w, back, rollback);
    q.environment = "production";
    OK(sco_store_pipeline_figures(w->s, &q, &f, &err));
    assert_int_equal(f.executions, 4);
    assert_int_equal(f.tried_deployments, 4);
    assert_int_equal(f.failed_deployments, 2);
    assert_int_equal(f.restores, 1);
    assert_int_equal(f.restore_ms, 5 * HOUR); /* broken from 5 h until 10 h */
    sco_pipeline_figures_done(&f);
    /* nothing: no figures, not zeros */
    q.environment = "nowhere";
    OK(sco_store_pipeline_figures(w->s, &q, &f, &err));
    assert_int_equal(f.executions, 0);
    assert_int_equal(f.duration_p50_ms, -1);
    assert_int_equal(f.lead_time_ms, -1);
    sco_pipeline_figures_done(&f);
    const char *const none[] = {"https://git.example/other/*", NULL};
    q = (struct sco_figures_filter){
        .since = BASE, .until = BASE + 10 * (int64_t)DAY, .repositories = none};
    OK(sco_store_pipeline_figures(w->s, &q, &f, &err));
    assert_int_equal(f.executions, 0);
    sco_pipeline_figures_done(&f);
}

/* A fork calls its branch and its environment as it likes. */
TEST(forks)
{
    WORLD;
    char own[37], theirs[37], later[37];
    struct sco_pipeline_figures f = {0};
    struct sco_execution_page page = {0};
    struct sco_figures_filter q = {.since = BASE, .until = BASE + DAY};
    struct sco_stored_execution x = {.status = "success",
                                     .commit_sha = "a",
                                     .environment = "production",
                                     .branch = "main",
                                     .queued_at = BASE + HOUR,
                                     .started_at = BASE + HOUR,
                                     .completed_at = BASE + 2 * (int64_t)HOUR};
    an_execution(w, x, own);
    x.is_fork = true;
    x.commit_sha = "b";
    an_execution(w, x, theirs);
    x = (struct sco_stored_execution){.id = own, .is_fork = false, .commit_sha = "c"};
    OK(sco_store_execution_put(w->s, &x, BASE, later, NULL, &err));
    x = (struct sco_stored_execution){.id = theirs, .is_fork = false, .commit_sha = "d"};
    OK(sco_store_execution_put(w->s, &x, BASE, later, NULL, &err));
    OK(sco_store_execution(w->s, theirs, &page, &err));
    assert_true(page.v[0].is_fork); /* once said it stays */
    sco_execution_page_done(&page);
    OK(sco_store_executions(w->s, &(struct sco_execution_filter){.branch = "main"}, &page, &err));
    assert_int_equal(page.n, 1);
    assert_string_equal(page.v[0].id, own);
    assert_false(page.v[0].is_fork);
    sco_execution_page_done(&page);
    OK(sco_store_executions(w->s, &(struct sco_execution_filter){0}, &page, &err));
    assert_int_equal(page.n, 2);
    sco_execution_page_done(&page);
    OK(sco_store_pipeline_figures(w->s, &q, &f, &err));
    assert_int_equal(f.executions, 2);
    assert_int_equal(f.deployments, 1);
    assert_int_equal(f.tried_deployments, 1);
    sco_pipeline_figures_done(&f);
    for (int i = 0; i < 2; i++) {
        q.branch = i ? NULL : "main";
        q.environment = i ? "production" : NULL;
        OK(sco_store_pipeline_figures(w->s, &q, &f, &err));
        assert_int_equal(f.executions, 1);
        sco_pipeline_figures_done(&f);
    }
    /* it may be known later */
    x = (struct sco_stored_execution){.id = own, .is_fork = true};
    OK(sco_store_execution_put(w->s, &x, BASE, later, NULL, &err));
    OK(sco_store_executions(w->s, &(struct sco_execution_filter){.branch = "main"}, &page, &err));
    assert_int_equal(page.n, 0);
    sco_execution_page_done(&page);
}

static void stage(struct world *w, const char *id, const char *name, const char *status,
                  uint32_t attempt, int64_t at)
{
    struct sco_error err = {0};
    struct sco_stored_stage x = {
        .name = name, .status = status, .attempt = attempt, .completed_at = BASE + at};
    OK(sco_store_stages_put(w->s, id, &x, 1, BASE + at, &err));
}

TEST(flaky_stages)
{
    WORLD;
    char one[37], two[37], three[37];
    struct sco_pipeline_figures f = {0};
    struct sco_figures_filter q = {.since = BASE, .until = BASE + DAY};
    run(w, one, "failure", "a", NULL, 0, 0, HOUR);
    run(w, two, "success", "a", NULL, 2 * HOUR, 0, HOUR);
    run(w, three, "success", "b", NULL, 4 * HOUR, 0, HOUR);
    stage(w, one, "test", "failure", 1, HOUR); /* then passed, in another run */
    stage(w, two, "test", "success", 1, 2 * HOUR);
    stage(w, three, "test", "timed_out", 1, 4 * HOUR); /* and by a retry */
    stage(w, three, "test", "success", 2, 5 * HOUR);
    stage(w, one, "lint", "success", 1, HOUR); /* broken by something else: not flaky */
    stage(w, two, "lint", "failure", 1, 2 * HOUR);
    stage(w, one, "build", "success", 1, HOUR);
    OK(sco_store_pipeline_figures(w->s, &q, &f, &err));
    assert_int_equal(f.n_flaky, 1);
    assert_string_equal(f.flaky[0].stage, "test");
    assert_string_equal(f.flaky[0].pipeline, "shop");
    assert_int_equal(f.flaky[0].commits, 2);
    sco_pipeline_figures_done(&f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_definition_is_a_target),
        T(what_a_run_leaves),
        T(an_execution_without_a_job_ends),
        T(figures),
        T(forks),
        T(flaky_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
