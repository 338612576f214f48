/* Which rule an event meets, and what is then to be done. */
#include <secureops/ci.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct world {
    struct sco_config *config;
    struct sco_ci_rules *rules;
    struct sco_arena arena;
    struct sco_ci_action *v;
    size_t n;
    const char *rule;
};

static struct world with(const char *yaml)
{
    struct world w = {0};
    struct sco_error err = {0};
    struct sco_config_input in = {
        .file = "secureops.yaml", .text = sco_str_c(yaml), .no_user_file = true};
    assert_int_equal(sco_config_load(&in, &w.config, &err), 0);
    assert_int_equal(sco_ci_rules_new(w.config, &w.rules, &err), 0);
    sco_config_input_done(&in);
    w.config = sco_config_free(w.config); /* the rules need it no more */
    return w;
}

static void done(struct world *w)
{
    sco_ci_rules_free(w->rules);
    sco_arena_done(&w->arena);
}

static void apply(struct world *w, struct sco_ci_event e)
{
    struct sco_error err = {0};
    assert_int_equal(sco_ci_rules_apply(w->rules, &e, &w->arena, &w->v, &w->n, &w->rule, &err), 0);
}

static const struct sco_node *json(struct world *w, const char *text)
{
    const struct sco_node *root;
    assert_int_equal(sco_json_parse(sco_str_c(text), &w->arena, &root, NULL), 0);
    return root;
}

static const struct sco_ci_event push = {.kind = SCO_CI_PUSH,
                                         .integration = "github",
                                         .platform = "github",
                                         .action = "updated",
                                         .repo_full_name = "acme/shop",
                                         .clone_url = "https://git.example.com/acme/shop.git",
                                         .branch = "main",
                                         .commit_sha = "0123456789012345678901234567890123456789",
                                         .actor = "kim"};
static const struct sco_ci_event pull = {.kind = SCO_CI_PULL_REQUEST,
                                         .integration = "github",
                                         .platform = "github",
                                         .action = "opened",
                                         .repo_full_name = "acme/shop",
                                         .clone_url = "https://git.example.com/acme/shop.git",
                                         .branch = "fix",
                                         .pr_source_branch = "fix",
                                         .pr_target_branch = "main",
                                         .pr_number = 7,
                                         .status = "open",
                                         .commit_sha = "0123456789012345678901234567890123456789",
                                         .actor = "kim"};

static void without_rules(void **state)
{
    struct world w = with("");
    (void)state;
    apply(&w, push);
    assert_int_equal(w.n, 1);
    assert_string_equal(w.rule, "default");
    assert_int_equal(w.v[0].kind, SCO_CI_ACTION_SCAN);
    assert_true(w.v[0].publish && !w.v[0].diff && !w.v[0].sbom && !w.v[0].steps);
    assert_int_equal(w.v[0].priority, 5);
    assert_string_equal(w.v[0].scan.p, "{}");
    apply(&w, pull);
    assert_true(w.n == 1 && w.v[0].diff && w.v[0].publish && w.v[0].priority == 7);
    struct sco_ci_event e = {.kind = SCO_CI_RELEASE,
                             .clone_url = push.clone_url,
                             .tag = "v1",
                             .status = "published",
                             .action = "published"};
    apply(&w, e);
    assert_true(w.n == 1 && w.v[0].sbom && w.v[0].sbom_auto && !w.v[0].diff &&
                w.v[0].priority == 4);
    e.kind = SCO_CI_PIPELINE;
    apply(&w, e);
    assert_true(w.n == 0 && !w.rule);
    done(&w);
}

/* What has no code to be looked at. */
static void nothing_to_scan(void **state)
{
    struct world w = with("");
    struct sco_ci_event e = push;
    (void)state;
    e.is_delete = true;
    apply(&w, e);
    assert_int_equal(w.n, 0);
    e = pull;
    e.status = "merged";
    apply(&w, e);
    assert_int_equal(w.n, 0);
    e = pull;
    e.details = json(&w, "{\"needs_scan\":false}");
    apply(&w, e);
    assert_int_equal(w.n, 0);
    e.details = json(&w, "{\"needs_scan\":true,\"draft\":true}");
    apply(&w, e);
    assert_int_equal(w.n, 1);
    e = (struct sco_ci_event){
        .kind = SCO_CI_RELEASE, .clone_url = "https://x/y", .tag = "v1", .status = "draft"};
    apply(&w, e);
    assert_int_equal(w.n, 0);
    done(&w);
}

static const char conditions_yaml[] = "rules:\n"
                                      "  - {name: robots, on: [push, pull_request], actors: "
                                      "['*bot*'], scan: false}\n"
                                      "  - {name: docs, on: push, repositories: [acme/docs], "
                                      "types: [SECRET], publish: []}\n"
                                      "  - name: code\n"
                                      "    on: [push]\n"
                                      "    branches: ['@default', 'release/*']\n"
                                      "    paths: ['*.c', 'src/**']\n"
                                      "    fail_on: high\n"
                                      "    publish: [status, sarif]\n"
                                      "    workflows: [deploy-gate]\n"
                                      "    notify: true\n"
                                      "  - {name: forks, on: pull_request, forks: only, "
                                      "priority: 1, diff: 'true'}\n"
                                      "  - {name: own, on: pull_request, drafts: false, "
                                      "pipelines: [build], timeout: 5m}\n";

static void conditions(void **state)
{
    struct world w = with(conditions_yaml);
    struct sco_ci_event e = push;
    (void)state;
    e.actor = "renovate-bot-1";
    apply(&w, e);
    assert_true(w.n == 0 && strcmp(w.rule, "robots") == 0);
    e = push;
    e.repo_full_name = "acme/docs";
    apply(&w, e);
    assert_true(w.n == 1 && !w.v[0].publish && strcmp(w.rule, "docs") == 0);
    assert_string_equal(w.v[0].scan.p, "{\"types\":[\"SECRET\"]}");
    apply(&w, push); /* which files changed is not known */
    assert_int_equal(w.n, 3);
    assert_string_equal(w.v[0].scan.p, "{\"fail_on\":\"high\"}");
    assert_string_equal(w.v[0].steps[0], "status");
    assert_string_equal(w.v[0].steps[1], "sarif");
    assert_null(w.v[0].steps[2]);
    assert_true(w.v[1].kind == SCO_CI_ACTION_WORKFLOW && strcmp(w.v[1].name, "deploy-gate") == 0);
    assert_int_equal(w.v[2].kind, SCO_CI_ACTION_NOTIFY);
    e = push;
    e.details = json(&w, "{\"files\":{\"added\":[\"README.md\"],\"modified\":[\"doc/x.txt\"]}}");
    apply(&w, e);
    assert_true(w.n == 0 && !w.rule);
    e.details = json(&w, "{\"files\":{\"removed\":[\"src/deep/x.txt\"]}}");
    apply(&w, e);
    assert_int_equal(w.n, 3);
    done(&w);
}

static void branches_and_forks(void **state)
{
    struct world w = with(conditions_yaml);
    struct sco_ci_event e = push;
    (void)state;
    e.branch = "feature";
    apply(&w, e);
    assert_null(w.rule);
    e.default_branch = "feature";
    apply(&w, e);
    assert_string_equal(w.rule, "code");
    e.branch = "main";
    apply(&w, e);
    assert_null(w.rule);
    e.branch = "release/1.2";
    apply(&w, e);
    assert_string_equal(w.rule, "code");
    e = pull;
    e.is_fork = true;
    apply(&w, e);
    assert_string_equal(w.rule, "forks");
    assert_true(w.n == 1 && w.v[0].priority == 1 && w.v[0].diff);
    apply(&w, pull);
    assert_string_equal(w.rule, "own");
    assert_true(w.n == 2 && w.v[0].timeout_ms == 300000);
    assert_true(w.v[1].kind == SCO_CI_ACTION_PIPELINE && strcmp(w.v[1].name, "build") == 0);
    e = pull;
    e.details = json(&w, "{\"draft\":true}");
    apply(&w, e);
    assert_null(w.rule);
    done(&w);
}

static void an_empty_list(void **state)
{
    struct world w = with("rules: []\n");
    (void)state;
    apply(&w, push);
    assert_true(w.n == 0 && !w.rule);
    done(&w);
}

/* The error names the place and the nearest word. */
static void mistakes(void **state)
{
    static const char *const bad[][2] = {
        {"rules:\n  - {on: [push, schedule]}\n", "secureops.yaml:2:5: rules: on: no platform "
                                                 "tells of schedule: its workflows are named by "
                                                 "workflows.schedule"},
        {"rules:\n  - {on: pull_requst}\n", "secureops.yaml:2:5: rules: on: there is no "
                                            "\"pull_requst\"; did you mean pull_request?"},
        {"rules:\n  - {on: []}\n", "secureops.yaml:2:5: rules: on: names no event"},
        {"rules:\n  - {on: push, path: ../a}\n",
         "secureops.yaml:2:5: rules: path: a folder within the repository, as services/api"},
        {"rules:\n  - {on: push, path: /a}\n",
         "secureops.yaml:2:5: rules: path: a folder within the repository, as services/api"},
        {"rules:\n  - {on: push, path: a/}\n",
         "secureops.yaml:2:5: rules: path: a folder within the repository, as services/api"},
        {"rules:\n  - {on: push, path: a//b}\n",
         "secureops.yaml:2:5: rules: path: a folder within the repository, as services/api"},
        {"rules:\n  - {name: x}\n", "secureops.yaml:2:5: rules[0].on is required, but not given"},
        {"rules:\n  - {on: push, publish: [chek]}\n",
         "secureops.yaml:2:5: rules: publish: there is no \"chek\"; did you mean check?"},
        {"rules: {on: push}\n", "secureops.yaml:1:8: rules: expected a list of maps, got a map"},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        struct sco_error err = {0};
        struct sco_config *c = NULL;
        struct sco_config_input in = {
            .file = "secureops.yaml", .text = sco_str_c(bad[i][0]), .no_user_file = true};
        assert_int_equal(sco_config_load(&in, &c, &err), SCO_E_INVALID);
        assert_string_equal(err.text, bad[i][1]);
        sco_config_input_done(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules), cmocka_unit_test(nothing_to_scan),
        cmocka_unit_test(conditions),    cmocka_unit_test(branches_and_forks),
        cmocka_unit_test(an_empty_list), cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
