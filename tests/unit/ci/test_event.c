/* Events: what is taken, what is refused, and why it matters. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <secureops/ci.h>

static struct sco_arena arena;
static struct sco_error err;
static struct sco_ci_event e;

static int parse(const char *json)
{
    sco_arena_reset(&arena);
    memset(&err, 0, sizeof err);
    return sco_ci_event_parse(sco_str_c(json), "one", &arena, &e, &err);
}

static void whole(void **state)
{
    (void)state;
    const char *json =
        "{\"platform\":\"github\",\"event\":\"pull_request\",\"action\":\"opened\","
        "\"native_event\":\"pull_request\",\"repo_full_name\":\"acme/web.app\","
        "\"clone_url\":\"https://github.com/acme/web.app.git\",\"ref\":\"refs/pull/12/merge\","
        "\"branch\":\"feature/x\",\"tag\":null,"
        "\"commit_sha\":\"53d54ac915144006c2c9e90d2c7d3880920db49c\",\"base_sha\":null,"
        "\"pr_number\":12,\"pr_source_branch\":\"feature/x\",\"pr_target_branch\":\"main\","
        "\"is_fork\":true,\"is_delete\":null,\"actor\":\"J\\u00f6rg\",\"pipeline_id\":null,"
        "\"status\":\"open\",\"created_at\":\"2026-11-20T09:31:07Z\",\"started_at\":null,"
        "\"url\":\"http://git.example:8080/acme/web.app/pull/"
        "12?a=b#c\",\"default_branch\":\"main\","
        "\"details\":{\"draft\":false},\"context\":{\"id\":7},\"unknown_member\":[1]}";
    assert_int_equal(parse(json), 0);
    assert_int_equal(e.kind, SCO_CI_PULL_REQUEST);
    assert_string_equal(sco_ci_kind_name(e.kind), "pull_request");
    assert_string_equal(e.integration, "one");
    assert_string_equal(e.platform, "github");
    assert_string_equal(e.repo_full_name, "acme/web.app");
    assert_string_equal(e.branch, "feature/x");
    assert_null(e.tag);
    assert_null(e.base_sha);
    assert_null(e.head_clone_url);
    assert_int_equal(e.pr_number, 12);
    assert_true(e.is_fork);
    assert_false(e.is_delete);
    assert_int_equal(e.created_at, 1795167067000);
    assert_int_equal(e.started_at, 0);
    assert_int_equal(sco_int_at(e.context, "id", 0), 7);
    assert_true(sco_str_is(e.json, json));
}

#define EVENT(kind, more) "{\"event\":\"" kind "\",\"repo_full_name\":\"a/b\"" more "}"

static void taken(void **state)
{
    static const char *const good[] = {
        "{\"event\":\"ping\"}",
        "{\"event\":\"pipeline\",\"pipeline_id\":\"folder/job#7\"}",
        "{\"event\":\"ignored\",\"native_event\":\"star\"}",
        EVENT("push", ",\"branch\":\"main\""),
        EVENT("push", ",\"branch\":\"feature/\xc3\xa9t\xc3\xa9_#1\""),
        EVENT("push", ",\"branch\":\"dependabot/npm_and_yarn/@x/y-1.2.3\""),
        EVENT("tag", ",\"tag\":\"v1.0.0-rc.1+build\""),
        EVENT("pipeline", ",\"pipeline_id\":\"7\",\"status\":\"timed_out\""),
        EVENT("job", ""),
        EVENT("comment", ",\"actor\":\"\""),
        EVENT("push", ",\"branch\":\"x\",\"clone_url\":\"https://[::1]:8443/a%20b\""),
        EVENT("job", ",\"clone_url\":\"git@git.example.com:acme/shop.git\""),
        EVENT("job", ",\"clone_url\":\"ssh://git@git.example.com:2222/acme/shop.git\""),
        "{\"event\":\"job\",\"repo_full_name\":\"Project With Spaces/repo\"}",
        "{\"event\":\"job\",\"repo_full_name\":\"group/sub/group/name\"}",
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(good); i++) {
        int r = parse(good[i]);
        if (r != 0)
            fail_msg("%s: %s", good[i], err.text);
    }
}

/* Azure DevOps names the organisation there: whoever clones brings a credential of its own. */
static void a_user_in_the_url(void **state)
{
    (void)state;
    assert_int_equal(
        parse(EVENT("job", ",\"clone_url\":\"https://org@dev.azure.com/org/p/_git/r\"")), 0);
    assert_string_equal(e.clone_url, "https://dev.azure.com/org/p/_git/r");
}

static void refused(void **state)
{
    static const struct {
        const char *json, *why;
    } v[] = {
        {"", "event"},
        {"{", "event"},
        {"[]", "an object"},
        {"{}", "\"event\""},
        {"{\"event\":\"schedule\"}", "\"event\""}, /* ours alone */
        {"{\"event\":7}", "\"event\""},
        {"{\"event\":\"push\",\"branch\":\"main\"}", "repo_full_name"},
        {EVENT("push", ""), "\"branch\""},
        {EVENT("tag", ""), "\"tag\""},
        {EVENT("pull_request", ""), "pr_number"},
        {EVENT("pipeline", ""), "pipeline_id"},
        {EVENT("pull_request", ",\"pr_number\":0"), "pr_number"},
        {EVENT("pull_request", ",\"pr_number\":\"1\""), "pr_number"},
        {EVENT("job", ",\"commit_sha\":\"53d54ac9\""), "commit_sha"},
        {EVENT("job", ",\"commit_sha\":\"0000000000000000000000000000000000000000\""),
         "commit_sha"},
        {EVENT("job", ",\"commit_sha\":\"53D54AC915144006C2C9E90D2C7D3880920DB49C\""),
         "commit_sha"},
        {EVENT("job", ",\"branch\":\"--upload-pack=x\""), "\"branch\""},
        {EVENT("job", ",\"branch\":\"a..b\""), "\"branch\""},
        {EVENT("job", ",\"branch\":\"a b\""), "\"branch\""},
        {EVENT("job", ",\"branch\":\"a\\nb\""), "\"branch\""},
        {EVENT("job", ",\"branch\":\"a/.b\""), "\"branch\""},
        {EVENT("job", ",\"branch\":\"a.lock\""), "\"branch\""},
        {EVENT("job", ",\"branch\":\"a@{1}\""), "\"branch\""},
        {EVENT("job", ",\"branch\":\"/a\""), "\"branch\""},
        {EVENT("job", ",\"ref\":\"heads/main\""), "\"ref\""},
        {EVENT("job", ",\"clone_url\":\"file:///etc\""), "clone_url"},
        {EVENT("job", ",\"clone_url\":\"ext::sh -c x\""), "clone_url"},
        {EVENT("job", ",\"clone_url\":\"https://\""), "clone_url"},
        {EVENT("job", ",\"clone_url\":\"https://user:pass@host/x\""), "clone_url"},
        {EVENT("job", ",\"clone_url\":\"https:///x\""), "clone_url"},
        {EVENT("job", ",\"clone_url\":\"https://a@b@host/x\""), "clone_url"},
        {EVENT("job", ",\"clone_url\":\"ssh://-oProxyCommand=x/y\""), "clone_url"},
        {EVENT("job", ",\"clone_url\":\"-oProxyCommand=x@y:z\""), "clone_url"},
        {EVENT("job", ",\"clone_url\":\"git@host\""), "clone_url"},
        {EVENT("job", ",\"url\":\"https://org@host/x\""), "\"url\""},
        {EVENT("job", ",\"clone_url\":\"https://host/a b\""), "clone_url"},
        {EVENT("job", ",\"url\":\"javascript:alert(1)\""), "\"url\""},
        {EVENT("job", ",\"status\":\"fine\""), "status"},
        {EVENT("job", ",\"is_fork\":\"yes\""), "is_fork"},
        {EVENT("job", ",\"created_at\":\"yesterday\""), "created_at"},
        {EVENT("job", ",\"created_at\":17951"), "created_at"},
        {EVENT("job", ",\"details\":[]"), "details"},
        {EVENT("job", ",\"context\":\"x\""), "context"},
        {EVENT("job", ",\"actor\":\"a\\u001bb\""), "actor"},
        {EVENT("job", ",\"actor\":7"), "actor"},
        {"{\"event\":\"job\",\"repo_full_name\":\"a/../b\"}", "repo_full_name"},
        {"{\"event\":\"job\",\"repo_full_name\":\"/a/b\"}", "repo_full_name"},
        {"{\"event\":\"job\",\"repo_full_name\":\"a//b\"}", "repo_full_name"},
        {"{\"event\":\"job\",\"repo_full_name\":\"a/b/\"}", "repo_full_name"},
        {"{\"event\":\"job\",\"repo_full_name\":\"-a/b\"}", "repo_full_name"},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++) {
        int r = parse(v[i].json);
        if (r != SCO_E_FORMAT || !strstr(err.text, v[i].why))
            fail_msg("%s: %d, \"%s\" lacks \"%s\"", v[i].json, r, err.text, v[i].why);
    }
}

/* The Nth allocation fails, for every N: an error, and nothing else. */
static void no_memory(void **state)
{
    (void)state;
    int r = SCO_E_NOMEM;
    for (long n = 0; r == SCO_E_NOMEM; n++) {
        struct sco_arena a = {0};
        struct sco_ci_event got;
        assert_true(n < 1000);
        sco_alloc_fail_at(n);
        r = sco_ci_event_parse(SCO_STR(EVENT("push", ",\"branch\":\"main\"")), "one", &a, &got,
                               &err);
        sco_alloc_fail_at(-1);
        sco_arena_done(&a);
    }
    assert_int_equal(r, 0);
}

static int done(void **state)
{
    (void)state;
    sco_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),   cmocka_unit_test(taken),     cmocka_unit_test(a_user_in_the_url),
        cmocka_unit_test(refused), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
