/* Runs at platforms: one execution for each attempt, whoever tells of it first; those that are
 * looked at until they end. */
#include "world.h"

#include <pthread.h>
#include <secureops/store_pipelines.h>

#define URL "https://git.example/acme/shop"

static void put_run(struct world *w, struct sco_stored_execution x, char id[37])
{
    struct sco_error err = {0};
    if (!x.id) {
        x.integration = x.platform = "github";
        x.repository = "acme/shop";
        x.clone_url = URL;
    }
    OK(sco_store_execution_put(w->s, &x, w->now++, id, NULL, &err));
}

static void ask_for(struct world *w, char id[37])
{
    struct sco_error err = {0};
    struct sco_pipeline_run run = {.request = "{}", .requested_by = "ann"};
    put_run(w,
            (struct sco_stored_execution){.name = "shop",
                                          .status = "queued",
                                          .event = "api",
                                          .triggered_by = "ann",
                                          .environment = "production"},
            id);
    OK(sco_store_run_put(w->s, id, &run, &err));
}

static void webhook(struct world *w, const char *run, uint32_t attempt, const char *status,
                    char id[37])
{
    struct sco_error err = {0};
    struct sco_stored_stage stage = {.name = "build", .status = status, .external_id = "11"};
    put_run(w,
            (struct sco_stored_execution){.name = "CI",
                                          .external_id = run,
                                          .attempt = attempt,
                                          .event = "workflow_run",
                                          .triggered_by = "bot",
                                          .commit_sha = "abc",
                                          .status = status,
                                          .started_at = 1000},
            id);
    OK(sco_store_stages_put(w->s, id, &stage, 1, w->now, &err));
}

static void check_run(struct world *w, const char *id, const char *run, uint32_t attempt,
                      const char *status)
{
    struct sco_error err = {0};
    struct sco_execution_page p = {0};
    OK(sco_store_execution(w->s, id, &p, &err));
    assert_string_equal(p.v[0].external_id, run);
    assert_int_equal(p.v[0].attempt, attempt);
    assert_string_equal(p.v[0].status, status);
    sco_execution_page_done(&p);
}

static int64_t executions(struct world *w)
{
    return ask(w->s, "SELECT count(*) FROM pipeline_executions");
}

TEST(a_run_that_is_named_before_its_webhook)
{
    WORLD;
    (void)err;
    char id[37], same[37];
    ask_for(w, id);
    put_run(w, (struct sco_stored_execution){.id = id, .external_id = "7", .attempt = 1}, same);
    webhook(w, "7", 1, "running", same);
    assert_string_equal(id, same);
    webhook(w, "7", 0, "success", same); /* a platform that counts no attempts */
    assert_string_equal(id, same);
    put_run(w, (struct sco_stored_execution){.id = id, .external_id = "8"}, same);
    check_run(w, id, "7", 1, "success"); /* it stays the run that it is */
    assert_int_equal(executions(w), 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipeline_stages"), 1);
}

TEST(a_run_that_is_named_after_its_webhook)
{
    static const char *const states[] = {"queued", "running", "success"};
    WORLD;
    struct sco_execution_page p = {0};
    char id[37], early[37], same[37], run[8];
    for (size_t i = 0; i < SCO_ARRAY_LEN(states); i++) {
        snprintf(run, sizeof run, "%zu", 70 + i);
        ask_for(w, id);
        webhook(w, run, 1, states[i], early);
        assert_string_not_equal(id, early);
        put_run(w, (struct sco_stored_execution){.id = id, .external_id = run, .status = "queued"},
                same);
        assert_string_equal(id, same);
        check_run(w, id, run, 1, states[i]);
        assert_int_equal(sco_store_execution(w->s, early, &p, &err), SCO_E_NOT_FOUND);
        assert_int_equal(executions(w), i + 1);
        webhook(w, run, 1, "success", same);
        assert_string_equal(id, same);
        OK(sco_store_execution(w->s, id, &p, &err));
        assert_string_equal(p.v[0].triggered_by, "ann"); /* who asked for it here */
        assert_string_equal(p.v[0].environment, "production");
        assert_string_equal(p.v[0].commit_sha, "abc");
        sco_execution_page_done(&p);
        struct sco_stage_list l = {0};
        OK(sco_store_stages(w->s, id, &l, &err));
        assert_int_equal(l.n, 1);
        sco_stage_list_done(&l);
    }
    uint64_t findings, scans;
    OK(sco_store_verify(w->s, &findings, &scans, &err));
}

TEST(attempts_of_a_run)
{
    WORLD;
    (void)err;
    char first[37], second[37], third[37], same[37];
    webhook(w, "7", 1, "failure", first);
    ask_for(w, second); /* a platform that counts */
    webhook(w, "7", 2, "running", same);
    put_run(w, (struct sco_stored_execution){.id = second, .external_id = "7", .attempt = 2}, same);
    check_run(w, second, "7", 2, "running");
    check_run(w, first, "7", 1, "failure");
    ask_for(w, third); /* one that does not */
    put_run(w, (struct sco_stored_execution){.id = third, .external_id = "7", .again = true}, same);
    check_run(w, third, "7", 3, "queued");
    webhook(w, "7", 0, "running", same);
    assert_string_equal(same, third);
    webhook(w, "7", 1, "failure", same); /* late */
    assert_string_equal(same, first);
    assert_int_equal(executions(w), 3);
    put_run(w, (struct sco_stored_execution){.id = third, .external_id = "7", .again = true}, same);
    check_run(w, third, "7", 3, "running"); /* told twice */
}

TEST(two_that_were_asked_for_are_two)
{
    WORLD;
    char one[37], two[37], same[37];
    struct sco_execution_page p = {0};
    ask_for(w, one);
    ask_for(w, two);
    put_run(w, (struct sco_stored_execution){.id = one, .external_id = "7"}, same);
    put_run(w, (struct sco_stored_execution){.id = two, .external_id = "7"}, same);
    check_run(w, one, "7", 1, "queued");
    OK(sco_store_execution(w->s, two, &p, &err));
    assert_null(p.v[0].external_id);
    assert_string_equal(p.v[0].status, "failure");
    assert_non_null(strstr(p.v[0].reason, "another execution"));
    sco_execution_page_done(&p);
}

enum { RACERS = 8 };
struct racer {
    struct world *w;
    const char *id; /* of the one that was asked for; NULL: a webhook */
    pthread_t thread;
    int result;
    struct sco_error err;
};

static void *race(void *user)
{
    struct racer *t = user;
    struct sco_store *s = world_open(t->w);
    char id[37];
    struct sco_stored_execution x = {.id = t->id,
                                     .integration = "github",
                                     .platform = "github",
                                     .repository = "acme/shop",
                                     .clone_url = URL,
                                     .external_id = "9",
                                     .status = "running"};
    struct sco_stored_stage stage = {.name = "build", .status = "running", .external_id = "1"};
    t->result = sco_store_begin(s, &t->err);
    if (t->result == 0) {
        t->result = sco_store_execution_put(s, &x, t->w->now, id, NULL, &t->err);
        if (t->result == 0)
            t->result = sco_store_stages_put(s, id, &stage, 1, t->w->now, &t->err);
        t->result = sco_store_end(s, t->result, &t->err);
    }
    sco_store_close(s);
    return NULL;
}

TEST(webhooks_and_the_answer_at_once)
{
    WORLD;
    (void)err;
    char id[37];
    struct racer t[RACERS];
    ask_for(w, id);
    for (size_t i = 0; i < RACERS; i++) {
        t[i] = (struct racer){.w = w, .id = i == RACERS / 2 ? id : NULL};
        pthread_create(&t[i].thread, NULL, race, &t[i]);
    }
    for (size_t i = 0; i < RACERS; i++) {
        pthread_join(t[i].thread, NULL);
        if (t[i].result < 0)
            fail_msg("%s", t[i].err.text);
    }
    assert_int_equal(executions(w), 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM pipeline_stages"), 1);
    check_run(w, id, "9", 1, "running");
}

TEST(runs_that_are_followed)
{
    WORLD;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char **v = NULL;
    size_t n = 0;
    char id[37];
    struct sco_pipeline_run run;
    ask_for(w, id);
    OK(sco_store_runs_due(w->s, 1000, 2000, 10, &arena, &v, &n, &err));
    assert_int_equal(n, 0);
    OK(sco_store_run_follow(w->s, id, "{\"looks\":1}", 900, &err));
    OK(sco_store_runs_due(w->s, 1000, 2000, 10, &arena, &v, &n, &err));
    assert_int_equal(n, 1);
    assert_string_equal(v[0], id);
    OK(sco_store_runs_due(w->s, 1000, 2000, 10, &arena, &v, &n, &err)); /* by one of several */
    assert_int_equal(n, 0);
    OK(sco_store_runs_due(w->s, 2000, 3000, 10, &arena, &v, &n, &err));
    assert_int_equal(n, 1);
    OK(sco_store_run(w->s, id, &arena, &run, &err));
    assert_string_equal(run.state, "{\"looks\":1}");
    OK(sco_store_run_follow(w->s, id, NULL, 0, &err));
    OK(sco_store_runs_due(w->s, 9000, 9000, 10, &arena, &v, &n, &err));
    assert_int_equal(n, 0);
    assert_int_equal(sco_store_run_follow(w->s, w->repository, NULL, 0, &err), SCO_E_NOT_FOUND);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_run_that_is_named_before_its_webhook),
        T(a_run_that_is_named_after_its_webhook),
        T(attempts_of_a_run),
        T(two_that_were_asked_for_are_two),
        T(webhooks_and_the_answer_at_once),
        T(runs_that_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
