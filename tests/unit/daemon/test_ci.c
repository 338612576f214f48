/* Events of CI platforms in the daemon: what is scanned, under which name, and how often. */
#include "ci.h"

#include <secureops/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct world {
    char *dir;
    struct sco_store *store;
    struct sco_integration integration;
    struct ci_setup setup;
    struct sco_job_page jobs;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sco_error err = {0};
    char where[600];
    struct sco_config *config = NULL;
    struct sco_config_input in = {
        .file = "secureops.yaml", .text = SCO_STR("log: {level: info}\n"), .no_user_file = true};
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-ci-", &w->dir, &err), 0);
    snprintf(where, sizeof where, "%s/store.db", w->dir);
    struct sco_store_options o = {.where = where, .create = true};
    assert_int_equal(sco_store_open(&o, &w->store, &err), 0);
    assert_int_equal(
        sco_store_set_context(w->store, &(struct sco_store_context){.source = "one"}, &err), 0);
    assert_int_equal(sco_config_load(&in, &config, &err), 0);
    assert_int_equal(sco_ci_rules_new(config, &w->setup.rules, &err), 0);
    sco_config_input_done(&in);
    sco_config_free(config);
    w->integration = (struct sco_integration){
        .name = "github", .plugin = "github", .platform = "github", .enabled = true};
    w->setup.v = &w->integration;
    w->setup.n = 1;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    sco_job_page_done(&w->jobs);
    sco_ci_rules_free(w->setup.rules);
    sco_store_close(w->store);
    assert_int_equal(sco_fs_remove_tree(w->dir), 0);
    free(w->dir);
    free(w);
    return 0;
}

/* How many scans there are then; the last one is jobs.v[0]. */
static size_t scans_after(struct world *w, const char *json, bool polled)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_error err = {0};
    struct sco_ci_event e;
    struct ci_applied done = {0};
    struct sco_job_filter f = {.kind = "scan"};
    if (sco_ci_event_parse(sco_str_c(json), "github", &arena, &e, &err) < 0 ||
        sco_store_begin(w->store, &err) < 0 ||
        sco_store_end(w->store, ci_apply(w->store, &w->setup, &e, polled, 1000, &done, &err),
                      &err) < 0)
        fail_msg("%s", err.text);
    sco_job_page_done(&w->jobs);
    assert_int_equal(sco_store_jobs(w->store, &f, &w->jobs, &err), 0);
    return w->jobs.n;
}

#define REPOSITORY(host)                                                                           \
    "\"platform\":\"github\",\"repo_full_name\":\"acme/shop\","                                    \
    "\"clone_url\":\"https://" host "/acme/shop.git\","
#define PULL(more, details)                                                                        \
    "{" REPOSITORY(                                                                                \
        "git.example") "\"event\":\"pull_request\",\"pr_number\":7,\"status\":\"open\","           \
                       "\"commit_sha\":\"" SHA_A "\",\"base_sha\":\"" SHA_B                        \
                       "\",\"ref\":\"refs/pull/7/head\","                                          \
                       "\"pr_target_branch\":\"main\"," more ",\"details\":" details "}"
#define PUSH(host, more)                                                                           \
    "{" REPOSITORY(host) "\"event\":\"push\",\"commit_sha\":\"" SHA_A "\",\"branch\":\"main\","    \
                         "\"ref\":\"refs/heads/main\"" more "}"

/* A stranger's branch "main" is not ours, also when the fork is not there to tell them apart. */
static void a_fork_that_is_gone(void **state)
{
    struct world *w = *state;
    assert_int_equal(scans_after(w,
                                 PULL("\"action\":\"opened\",\"is_fork\":true,\"branch\":\"main\","
                                      "\"pr_source_branch\":\"main\"",
                                      "{\"needs_scan\":true}"),
                                 false),
                     1);
    const char *request = w->jobs.v[0].request.request;
    assert_non_null(strstr(request, "\"branch\":\"refs/pull/7/head\""));
    assert_null(strstr(request, "\"branch\":\"main\""));
    assert_non_null(strstr(request, "https://git.example/acme/shop"));
    assert_int_equal(
        scans_after(w,
                    "{" REPOSITORY("git.example") "\"event\":\"manual\",\"is_fork\":"
                                                  "true,\"branch\":\"main\",\"commit_sha\":\"" SHA_B
                                                  "\"}",
                    false),
        1); /* whose is it? */
}

static void a_tag_called_as_a_branch(void **state)
{
    struct world *w = *state;
    assert_int_equal(scans_after(w, PUSH("git.example", ""), false), 1);
    assert_int_equal(
        scans_after(w,
                    "{" REPOSITORY(
                        "git.example") "\"event\":\"tag\",\"tag\":\"main\","
                                       "\"ref\":\"refs/tags/main\",\"commit_sha\":\"" SHA_B "\"}",
                    false),
        2);
    assert_string_equal(w->jobs.v[0].request.revision, "refs/tags/main+sbom");
    assert_non_null(strstr(w->jobs.v[0].request.request, "\"sbom\":\"auto\""));
    assert_null(strstr(w->jobs.v[1].request.request, "sbom"));
    assert_non_null(strstr(w->jobs.v[0].request.request, "\"branch\":\"refs/tags/main\""));
    assert_int_equal(w->jobs.v[1].state, SCO_JOB_QUEUED); /* the branch's scan still waits */
}

/* The webhook of the new commit was lost, and one of a label came through. */
static void a_label_is_no_scan(void **state)
{
    struct world *w = *state;
    const char *label = PULL("\"action\":\"labeled\",\"branch\":\"fix\","
                             "\"pr_source_branch\":\"fix\"",
                             "{\"needs_scan\":false}");
    const char *draft = PULL("\"action\":\"synchronize\",\"branch\":\"fix\","
                             "\"pr_source_branch\":\"fix\"",
                             "{\"needs_scan\":true,\"draft\":true}");
    const char *found = PULL("\"action\":\"synchronize\",\"branch\":\"fix\","
                             "\"pr_source_branch\":\"fix\"",
                             "{\"needs_scan\":true,\"draft\":false}");
    assert_int_equal(scans_after(w, label, false), 0);
    assert_int_equal(scans_after(w, found, true), 1);
    assert_int_equal(scans_after(w, found, true), 1);
    assert_int_equal(scans_after(w, draft, true), 2); /* drafts are scanned unless a rule says so */
}

/* GitLab calls every change of a request an update. */
static void updates_of_one_commit(void **state)
{
    struct world *w = *state;
#define UPDATE(more, details)                                                                      \
    PULL("\"action\":\"update\",\"branch\":\"fix\",\"pr_source_branch\":\"fix\"" more, details)
    assert_int_equal(scans_after(w, UPDATE("", "{\"needs_scan\":false}"), false), 0);
    assert_int_equal(scans_after(w, UPDATE("", "{\"needs_scan\":true}"), false), 1);
    assert_int_equal(scans_after(w, UPDATE("", "{\"needs_scan\":true}"), false), 1);
}

static void tags_of_one_commit(void **state)
{
    struct world *w = *state;
#define TAG(name)                                                                                  \
    "{" REPOSITORY("git.example") "\"event\":\"tag\",\"tag\":\"" name                              \
                                  "\",\"ref\":\"refs/tags/" name "\",\"commit_sha\":\"" SHA_A      \
                                  "\"}"
    assert_int_equal(scans_after(w, TAG("v1"), true), 1);
    assert_int_equal(scans_after(w, TAG("v1.0"), true), 2);
    assert_int_equal(scans_after(w, TAG("v1"), true), 2);
}

static void asked_for_by_hand(void **state)
{
    struct world *w = *state;
    static const char run[] =
        "{" REPOSITORY("git.example") "\"event\":\"manual\",\"branch\":"
                                      "\"main\",\"ref\":\"refs/heads/main\",\"actor\":\"kim\"}";
    assert_int_equal(scans_after(w, run, false), 1);
    assert_int_equal(scans_after(w, run, false), 2);
}

/* A mirror has the same name and the same commits, and is told of its own. */
static void mirrors(void **state)
{
    struct world *w = *state;
    assert_int_equal(scans_after(w, PUSH("git.example", ""), false), 1);
    assert_int_equal(scans_after(w, PUSH("git.example", ""), false), 1);
    assert_int_equal(scans_after(w, PUSH("mirror.example", ""), false), 2);
    assert_int_equal(scans_after(w, PUSH("mirror.example", ""), true), 2);
}

/* Git lets everybody be called by megabytes. */
static void long_names(void **state)
{
    struct world *w = *state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(
        &b, "{" REPOSITORY(
                "git.example") "\"event\":\"push\",\"commit_sha\":\"" SHA_A
                               "\",\"branch\":\"main\",\"details\":{\"commits\":[{\"sha\":\"" SHA_A
                               "\",\"at\":\"2026-01-01T00:00:00Z\",\"author\":\"");
    for (int i = 0; i < 300000; i++)
        sco_buf_addz(&b, "\xc3\xa9");
    sco_buf_addz(&b, "\"}]}}");
    assert_int_equal(scans_after(w, sco_buf_z(&b), false), 1);
}

/* A platform that says "in an hour" is not asked every minute, nor twelve times in an hour. */
static void a_poll_that_waits(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    struct sco_job_filter f = {.kind = "ci"};
    struct daemon d = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct ci c = {.d = &d, .setup = &w->setup};
    w->setup.refs = 1;
    w->setup.base = "https://secureops.example";
    w->integration.poll_ms = 60000;
    for (int64_t now = 1000000; now < 1600000; now += 20000)
        ci_polled(&c, w->store, now);
    assert_int_equal(sco_store_jobs(w->store, &f, &p, &err), 0);
    assert_int_equal(p.n, 1);
    enum sco_job_state was;
    assert_int_equal(sco_store_job_cancel(w->store, p.v[0].id, "test", 1600000, &was, &err), 0);
    sco_job_page_done(&p);
    ci_polled(&c, w->store, 1700000);
    assert_int_equal(sco_store_jobs(w->store, &f, &p, &err), 0);
    assert_int_equal(p.n, 2);
    sco_job_page_done(&p);
}

/* A job of Jenkins without source code management: its runs are known all the same. */
static void runs_of_no_repository(void **state)
{
    static const char *const runs[] = {
        "{\"event\":\"pipeline\",\"platform\":\"jenkins\",\"pipeline_id\":\"folder/nightly#7\","
        "\"name\":\"nightly\",\"status\":\"running\"}",
        "{\"event\":\"pipeline\",\"platform\":\"jenkins\",\"pipeline_id\":\"folder/nightly#7\","
        "\"name\":\"nightly\",\"status\":\"failure\"}",
        "{\"event\":\"pipeline\",\"platform\":\"azure\",\"pipeline_id\":\"12\",\"status\":"
        "\"success\"}"};
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_execution_page p = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(runs); i++)
        assert_int_equal(scans_after(w, runs[i], false), 0);
    assert_int_equal(sco_store_executions(w->store, &(struct sco_execution_filter){0}, &p, &err),
                     0);
    assert_int_equal(p.n, 2);
    for (size_t i = 0; i < p.n; i++) {
        bool jenkins = strcmp(p.v[i].platform, "jenkins") == 0;
        assert_string_equal(p.v[i].repository, jenkins ? "github/folder/nightly" : "github");
        assert_string_equal(p.v[i].status, jenkins ? "failure" : "success");
    }
    sco_execution_page_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fork_that_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tag_called_as_a_branch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_label_is_no_scan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(updates_of_one_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tags_of_one_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asked_for_by_hand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mirrors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_poll_that_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_of_no_repository, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
