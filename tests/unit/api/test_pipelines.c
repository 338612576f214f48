/* Pipelines over the API: definitions, platforms, approvals, rollback, scopes. */
#include "content.h"

#include <secureops/ci.h>
#include <secureops/pipeline_start.h>
#include <secureops/store_pipelines.h>

#define T struct content *t = *state
#define SHOP "https://git.example.com/acme/shop"
#define BODY(name, more) "{\"name\":\"" name "\",\"target\":{\"location\":\"" SHOP "\"}," more "}"
#define OWN "\"definition\":\"stages: [{name: a, environment: live, steps: [{run: x}]}]\""
#define HUB                                                                                        \
    "\"integration\":\"hub\",\"repository\":\"acme/shop\",\"workflow\":\"ci.yml\",\"branch\":"     \
    "\"main\""

static const char *const globs[] = {"acme/*", NULL};
static const struct sco_integration hub = {.name = "hub",
                                           .plugin = "github",
                                           .platform = "github",
                                           .server = "https://git.example.com",
                                           .repositories = globs,
                                           .enabled = true};

static int set_up(void **state)
{
    int r = content_set_up(state);
    T;
    t->o.pipelines = t->o.rollback_approval = true;
    t->o.webhooks.integrations = &hub;
    t->o.webhooks.n_integrations = 1;
    return r;
}

static const char *path(const char *id, const char *what)
{
    static char p[200];
    snprintf(p, sizeof p, "/pipelines/executions/%s%s", id, what);
    return p;
}

static void own(void **state)
{
    T;
    expect(t, 201, "POST", "/pipelines", BODY("shop", OWN));
    assert_string_equal(at(t, "kind"), "own");
    assert_string_equal(at(t, "repository"), SHOP);
    expect(t, 409, "POST", "/pipelines", BODY("shop", OWN));
    expect(t, 400, "POST", "/pipelines", BODY("x", "\"definition\":\"stages: []\""));
    assert_non_null(strstr(t->c.faults->detail, "definition:1:9:"));
    expect(t, 400, "POST", "/pipelines", BODY("x", OWN ",\"integration\":\"hub\""));
    expect(t, 400, "POST", "/pipelines", BODY("x", "\"branch\":\"main\""));
    expect(t, 200, "GET", "/pipelines/shop", NULL);
    expect(t, 200, "GET", "/pipelines", NULL);
    assert_string_equal(at(t, "items.0.definition"), "");
    expect(t, 400, "POST", "/pipelines/shop/execute", "{\"ref\":\"a..b\"}");
    expect(t, 400, "POST", "/pipelines/shop/execute", "{\"commit\":\"xyz\"}");
    expect(t, 400, "POST", "/pipelines/shop/execute", "{\"inputs\":{\"a b\":\"c\"}}");
    expect(t, 202, "POST", "/pipelines/shop/execute",
           "{\"ref\":\"refs/tags/v1\",\"inputs\":{\"a\":\"b\"}}");
    assert_string_equal(at(t, "ref"), "v1");
    assert_string_equal(at(t, "status"), "queued");
    char id[40];
    snprintf(id, sizeof id, "%s", at(t, "id"));
    expect(t, 409, "POST", path(id, "/approve"), "{}");
    expect(t, 409, "POST", path(id, "/rerun"), NULL);
    expect(t, 409, "POST", path(id, "/refresh"), NULL);
    expect(t, 202, "POST", path(id, "/cancel"), NULL); /* nobody has begun it */
    assert_string_equal(at(t, "status"), "cancelled");
    expect(t, 202, "POST", path(id, "/rerun"), NULL);
    assert_string_equal(at(t, "ref"), "v1");
    t->o.pipelines = false;
    expect(t, 409, "POST", "/pipelines/shop/execute", "{}");
    t->o.pipelines = true;
    static const char *const others[] = {"https://git.example.com/other/*", NULL};
    t->o.pipeline_repositories = others;
    expect(t, 403, "POST", "/pipelines/shop/execute", "{}");
    t->o.pipeline_repositories = NULL;
    expect(t, 200, "PUT", "/pipelines/shop", BODY("shop", OWN ",\"status\":\"paused\""));
    expect(t, 409, "POST", "/pipelines/shop/execute", "{}");
    expect(t, 204, "DELETE", "/pipelines/shop", NULL);
}

/* Whose definition it is goes by the place that it was put for. */
static void a_moved_target(void **state)
{
    T;
    expect(t, 201, "POST", "/pipelines", BODY("shop", OWN));
    expect(t, 200, "PUT", "/targets/shop",
           "{\"name\":\"shop\",\"target\":{\"location\":\"https://git.example.com/evil/x\"}}");
    expect(t, 409, "POST", "/pipelines/shop/execute", "{}");
    says(t, "another one");
}

static void at_a_platform(void **state)
{
    T;
    char id[40];
    struct sco_error err = {0};
    expect(t, 201, "POST", "/pipelines", BODY("ci", HUB));
    assert_string_equal(at(t, "kind"), "platform");
    assert_string_equal(at(t, "platform"), "github");
    expect(t, 400, "POST", "/pipelines",
           BODY("x", "\"integration\":\"nope\",\"repository\":\"acme/shop\""));
    expect(t, 400, "POST", "/pipelines",
           BODY("x", "\"integration\":\"hub\",\"repository\":\"evil/shop\""));
    expect(t, 202, "POST", "/pipelines/ci/execute", "{\"inputs\":{\"a\":\"b\"}}");
    snprintf(id, sizeof id, "%s", at(t, "id"));
    assert_string_equal(at(t, "integration"), "hub");
    struct sco_job_page jobs = {0};
    struct sco_job_filter f = {.kind = "ci"};
    assert_int_equal(sco_store_jobs(t->w->s, &f, &jobs, &err), 0);
    assert_int_equal(jobs.n, 1);
    const char *request = jobs.v[0].request.request;
    assert_non_null(strstr(request, "\"op\":\"trigger\""));
    assert_non_null(strstr(request, "\"repository\":\"acme/shop\""));
    assert_non_null(strstr(request, "\"ref\":\"main\""));
    assert_non_null(strstr(request, "\"workflow\":\"ci.yml\""));
    assert_non_null(strstr(request, "\"inputs\":{\"a\":\"b\"}"));
    assert_non_null(strstr(request, id));
    sco_job_page_done(&jobs);
    /* as the runner and webhooks do */
    struct sco_stored_execution x = {.id = id,
                                     .external_id = "77",
                                     .status = "success",
                                     .commit_sha = "aaaaaaa",
                                     .environment = "live"};
    char same[37];
    bool changed;
    assert_int_equal(sco_store_execution_put(t->w->s, &x, 5, same, &changed, &err), 0);
    expect(t, 202, "POST", path(id, "/rerun"), NULL);
    for (int i = 0; i < 3; i++) /* one look at a time, whoever wants it */
        expect(t, 202, "POST", path(id, "/refresh"), NULL);
    uint64_t looks = 0;
    assert_int_equal(sco_pipelines_look(t->w->s, INT64_MAX / 2, &looks, &err), 0);
    assert_int_equal(looks, 1);
    expect(t, 409, "POST", path(id, "/cancel"), NULL);
    assert_int_equal(sco_store_jobs(t->w->s, &f, &jobs, &err), 0);
    assert_int_equal(jobs.n, 3); /* trigger, rerun, follow */
    assert_non_null(strstr(jobs.v[1].request.request, "\"pipeline_id\":\"77\""));
    sco_job_page_done(&jobs);
}

/* A stranger's environment is not ours, however often it is run. */
static void a_forks_run_again_is_a_forks(void **state)
{
    T;
    char id[40], same[37];
    struct sco_error err = {0};
    struct sco_execution_page p = {0};
    expect(t, 201, "POST", "/pipelines", BODY("ci", HUB));
    expect(t, 202, "POST", "/pipelines/ci/execute", "{}");
    snprintf(id, sizeof id, "%s", at(t, "id"));
    struct sco_stored_execution x = {.id = id,
                                     .external_id = "77",
                                     .status = "success",
                                     .commit_sha = "aaaaaaa",
                                     .environment = "live",
                                     .is_fork = true};
    assert_int_equal(sco_store_execution_put(t->w->s, &x, 5, same, NULL, &err), 0);
    expect(t, 202, "POST", path(id, "/rerun"), NULL);
    assert_int_equal(sco_store_execution(t->w->s, at(t, "id"), &p, &err), 0);
    assert_string_equal(p.v[0].environment, "live");
    assert_true(p.v[0].is_fork);
    sco_execution_page_done(&p);
}

static void a_rollback_is_approved_by_another(void **state)
{
    T;
    char ids[3][40];
    struct sco_error err = {0};
    expect(t, 201, "POST", "/pipelines", BODY("shop", OWN));
    expect(t, 400, "POST", "/pipelines/shop/rollback", "{\"environment\":\"\"}");
    expect(t, 409, "POST", "/pipelines/shop/rollback", "{\"environment\":\"live\"}");
    for (int i = 0; i < 2; i++) {
        expect(t, 202, "POST", "/pipelines/shop/execute",
               i ? "{\"commit\":\"bbbbbbb\"}" : "{\"commit\":\"aaaaaaa\"}");
        snprintf(ids[i], sizeof ids[i], "%s", at(t, "id"));
        struct sco_stored_execution x = {
            .id = ids[i], .status = i ? "failure" : "success", .environment = "live"};
        char same[37];
        bool changed;
        assert_int_equal(sco_store_execution_put(t->w->s, &x, 5, same, &changed, &err), 0);
    }
    expect(t, 202, "POST", "/pipelines/shop/rollback", "{\"environment\":\"live\"}");
    snprintf(ids[2], sizeof ids[2], "%s", at(t, "id"));
    assert_string_equal(at(t, "status"), "waiting_approval");
    assert_string_equal(at(t, "commit_sha"), "aaaaaaa");
    assert_string_equal(at(t, "rollback_of"), ids[1]);
    assert_string_equal(at(t, "job_id"), "");
    expect(t, 403, "POST", path(ids[2], "/approve"), "{}");
    says(t, "somebody else");
    const struct sco_principal me = next.who;
    struct sco_principal other = me;
    snprintf(other.user_id, sizeof other.user_id, "00000000-0000-4000-8000-00000000000f");
    other.name = "other@example.com";
    next.who = other;
    expect(t, 400, "POST", path(ids[2], "/approve"), "{\"stage\":\"a\"}");
    expect(t, 202, "POST", path(ids[2], "/approve"), "{}");
    assert_string_not_equal(at(t, "job_id"), "");
    expect(t, 409, "POST", path(ids[2], "/reject"), "{}");
    expect(t, 200, "GET", path(ids[2], "/stages"), NULL);
    assert_string_equal(at(t, "approvals.0.by"), "other@example.com");
    next.who = me;
    expect(t, 200, "GET", "/pipelines/statistics?environment=live&pipeline=shop", NULL);
    assert_string_equal(at(t, "dora.failed_deployments"), "1");
}

/* A fork's run has the name of a branch and an environment, too, and is no revision of ours. */
static void a_fork_is_not_rolled_back_to(void **state)
{
    T;
    static const struct {
        const char *commit, *status;
        bool fork;
    } runs[] = {{"aaaaaaa", "success", false},
                {"eeeeeee", "success", true},
                {"bbbbbbb", "failure", false},
                {"fffffff", "success", true}};
    char ids[4][40];
    struct sco_error err = {0};
    expect(t, 201, "POST", "/pipelines", BODY("ci", HUB));
    for (size_t i = 0; i < SCO_ARRAY_LEN(runs); i++) {
        expect(t, 202, "POST", "/pipelines/ci/execute", "{}");
        snprintf(ids[i], sizeof ids[i], "%s", at(t, "id"));
        struct sco_stored_execution x = {.id = ids[i],
                                         .status = runs[i].status,
                                         .commit_sha = runs[i].commit,
                                         .environment = "live",
                                         .is_fork = runs[i].fork};
        char same[37];
        assert_int_equal(sco_store_execution_put(t->w->s, &x, 5, same, NULL, &err), 0);
    }
    char body[100];
    snprintf(body, sizeof body, "{\"environment\":\"live\",\"to\":\"%s\"}", ids[1]);
    expect(t, 409, "POST", "/pipelines/ci/rollback", body);
    expect(t, 202, "POST", "/pipelines/ci/rollback", "{\"environment\":\"live\"}");
    assert_string_equal(at(t, "commit_sha"), "aaaaaaa");
    assert_string_equal(at(t, "rollback_of"), ids[2]);
}

static void scopes(void **state)
{
    T;
    char id[40];
    static const char *const mine[] = {"https://git.example.com/team/*", NULL};
    expect(t, 201, "POST", "/pipelines", BODY("shop", OWN));
    expect(t, 202, "POST", "/pipelines/shop/execute", "{}");
    snprintf(id, sizeof id, "%s", at(t, "id"));
    next.who.repositories = mine;
    expect(t, 404, "GET", "/pipelines/shop", NULL);
    expect(t, 404, "PUT", "/pipelines/shop", BODY("shop", OWN));
    expect(t, 404, "DELETE", "/pipelines/shop", NULL);
    expect(t, 404, "POST", "/pipelines/shop/execute", "{}");
    expect(t, 404, "POST", "/pipelines/shop/rollback", "{\"environment\":\"live\"}");
    static const char *const gets[] = {"", "/stages", "/logs", "/artifacts",
                                       "/artifacts/download?name=x"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(gets); i++)
        expect(t, 404, "GET", path(id, gets[i]), NULL);
    static const char *const posts[] = {"/approve", "/reject", "/cancel", "/rerun", "/refresh"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(posts); i++)
        expect(t, 404, "POST", path(id, posts[i]), "{}");
    expect(t, 403, "POST", "/pipelines", BODY("y", OWN));
    expect(t, 200, "GET", "/pipelines/history", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 200, "GET", "/pipelines/statistics", NULL);
    assert_string_equal(at(t, "executions"), "0");
    /* a place in scope does not open another one at the platform */
    expect(t, 400, "POST", "/pipelines",
           "{\"name\":\"z\",\"target\":{\"location\":\"https://git.example.com/team/app\"},"
           "\"integration\":\"hub\",\"repository\":\"acme/shop\"}");
    expect(t, 403, "POST", "/pipelines",
           "{\"name\":\"z\",\"target\":{\"location\":\"https://git.example.com/team/acme/shop\"},"
           "\"integration\":\"hub\",\"repository\":\"acme/shop\"}");
    static const char *const own[] = {"https://git.example.com/acme/*", NULL};
    next.who.repositories = own;
    expect(t, 201, "POST", "/pipelines", BODY("z", HUB));
    next.who.repositories = NULL;
}

/* The token goes to the integration's server: nothing else is run there in a location's name. */
static void of_another_server(void **state)
{
    T;
    static const char *const bad[] = {
        "https://git.example.com.evil.example/acme/shop", "https://evil.example/acme/shop",
        "https://git.example.com:8443/acme/shop", "https://git.example.com/other/acme/shop",
        "https://git.example.com/acme/other"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        char body[400];
        snprintf(body, sizeof body, "{\"name\":\"x\",\"target\":{\"location\":\"%s\"}," HUB "}",
                 bad[i]);
        expect(t, 400, "POST", "/pipelines", body);
        assert_non_null(strstr(t->c.faults->detail, "integrations.hub"));
    }
    expect(t, 201, "POST", "/pipelines", BODY("ci", HUB));
    expect(t, 400, "PUT", "/pipelines/ci",
           "{\"name\":\"ci\",\"target\":{\"location\":\"https://evil.example/acme/shop\"}," HUB
           "}");
    expect(t, 202, "POST", "/pipelines/ci/execute", "{}");
    struct sco_integration moved = hub;
    moved.server = "https://elsewhere.example";
    t->o.webhooks.integrations = &moved;
    expect(t, 409, "POST", "/pipelines/ci/execute", "{}");
    says(t, "integrations.hub");
    expect(t, 409, "POST", "/pipelines/ci/rollback", "{\"environment\":\"live\"}");
    moved.enabled = false;
    expect(t, 409, "POST", "/pipelines/ci/execute", "{}");
}

#define C(name) cmocka_unit_test_setup_teardown(name, set_up, content_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        C(own),
        C(a_moved_target),
        C(at_a_platform),
        C(a_forks_run_again_is_a_forks),
        C(a_rollback_is_approved_by_another),
        C(scopes),
        C(of_another_server),
        C(a_fork_is_not_rolled_back_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
