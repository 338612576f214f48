/* Definitions of own pipelines: what is in them, in which order, and every mistake with its place.
 */
#include <secureops/pipeline.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct sco_arena arena;
static struct sco_pipeline p;
static struct sco_error err;

static int tear_down(void **state)
{
    (void)state;
    sco_arena_done(&arena);
    return 0;
}

static void parse(const char *yaml)
{
    memset(&err, 0, sizeof err);
    if (sco_pipeline_parse(sco_str_c(yaml), "f.yaml", &arena, &p, &err) < 0)
        fail_msg("%s", err.text);
}

static const char *env(const char *const *v, const char *name)
{
    size_t n = strlen(name);
    for (; v && *v; v++)
        if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
            return *v + n + 1;
    return "";
}

static void all_of_it(void **state)
{
    (void)state;
    parse("env: {CI: \"true\", X: 1}\n"
          "timeout: 1h\n"
          "parallel: 3\n"
          "stages:\n"
          "  - name: deploy\n"
          "    needs: test\n"
          "    if: branch == \"main\"\n"
          "    environment: production\n"
          "    approval: true\n"
          "    secrets: [KEY, OTHER]\n"
          "    retries: 2\n"
          "    timeout: 20m\n"
          "    continue_on_error: true\n"
          "    network: none\n"
          "    artifacts: [dist, 'a/*.txt']\n"
          "    steps:\n"
          "      - {name: go, run: make, env: {A: b}, timeout: 5m, retries: 1, directory: sub,\n"
          "         if: always(), continue_on_error: true}\n"
          "      - {scan: {types: [SAST], fail_on: high, offline: true}}\n"
          "  - name: test\n"
          "    env: {X: 2}\n"
          "    steps: [{run: x}]\n");
    assert_int_equal(p.n, 2);
    assert_int_equal(p.timeout_ms, 3600000);
    assert_int_equal(p.parallel, 3);
    assert_string_equal(p.stages[0].name, "test"); /* before what needs it */
    assert_string_equal(env(p.stages[0].env, "CI"), "true");
    assert_string_equal(env(p.stages[0].env, "X"), "2");
    const struct sco_pipeline_stage *d = &p.stages[1];
    assert_string_equal(env(d->env, "X"), "1");
    assert_int_equal(d->n_needs, 1);
    assert_int_equal(d->needs[0], 0);
    assert_string_equal(d->condition, "branch == \"main\"");
    assert_string_equal(d->environment, "production");
    assert_true(d->approval && d->continue_on_error);
    assert_string_equal(d->network, "none");
    assert_string_equal(p.stages[0].network, "outside");
    assert_string_equal(d->secrets[1], "OTHER");
    assert_null(d->secrets[2]);
    assert_string_equal(d->artifacts[0], "dist");
    assert_int_equal(d->retries, 2);
    assert_int_equal(d->timeout_ms, 1200000);
    assert_int_equal(d->n_steps, 2);
    assert_string_equal(d->steps[0].directory, "sub");
    assert_string_equal(d->steps[0].condition, "always()");
    assert_string_equal(env(d->steps[0].env, "A"), "b");
    assert_true(d->steps[0].continue_on_error);
    assert_null(d->steps[1].run);
    assert_string_equal(d->steps[1].name, "step 2");
    assert_string_equal(d->steps[1].scan,
                        "{\"types\":[\"SAST\"],\"fail_on\":\"high\",\"offline\":true}");
}

static void a_matrix(void **state)
{
    (void)state;
    parse("stages:\n"
          "  - name: test\n"
          "    matrix: {python: [3.10, \"3.11\"], os: [a, b, c]}\n"
          "    exclude: [{python: 3.10, os: b}, {os: c}]\n"
          "    steps: [{run: x}]\n"
          "  - {name: after, needs: [test], steps: [{run: x}]}\n");
    assert_int_equal(p.n, 4);
    assert_string_equal(p.stages[0].name, "test (3.10, a)"); /* not 3.1 */
    assert_string_equal(p.stages[0].stage, "test");
    assert_string_equal(p.stages[1].name, "test (3.11, a)");
    assert_string_equal(p.stages[2].name, "test (3.11, b)");
    assert_string_equal(env(p.stages[0].env, "MATRIX_PYTHON"), "3.10");
    assert_string_equal(env(p.stages[2].env, "MATRIX_OS"), "b");
    assert_int_equal(p.stages[3].n_needs, 3);
}

#define S(more) "stages:\n  - name: a\n    steps: [{run: x}]\n    " more "\n"
static void mistakes(void **state)
{
    static const struct {
        const char *yaml, *says;
    } bad[] = {
        {"", "empty"},
        {"a: [", "f.yaml:2:1: "},
        {"[]", "f.yaml:1:1: a pipeline is a map"},
        {"stagse: []", "f.yaml:1:1: a pipeline has no \"stagse\"; did you mean \"stages\"?"},
        {"env: {}", "there are no stages"},
        {"stages: []", "f.yaml:1:9: stages is a list of 1 to"},
        {"stages: [x]", "f.yaml:1:10: a stage is a map"},
        {"stages: [{steps: [{run: x}]}]", "f.yaml:1:10: a stage has a name"},
        {"stages: [{name: \"a\\nb\", steps: [{run: x}]}]", "a stage has a name"},
        {"stages: [{name: a(b), steps: [{run: x}]}]", "a stage has a name"},
        {"stages: [{name: a, network: off, steps: [{run: x}]}]",
         "f.yaml:1:29: network is none, outside or full"},
        {"stages: [{name: a, network: [none], steps: [{run: x}]}]", "f.yaml:1:29: text is wanted"},
        {"stages: [{name: a}]", "f.yaml:1:10: the stage \"a\" has no steps"},
        {"stages: [{name: a, steps: []}]", "1 to 100 steps"},
        {"stages: [{name: a, steps: [{}]}]", "either run or scan"},
        {"stages: [{name: a, steps: [{run: x, scan: {}}]}]", "either run or scan"},
        {"stages: [{name: a, steps: [{rnu: x}]}]", "did you mean \"run\"?"},
        {"stages: [{name: a, steps: [{run: x}]}, {name: a, steps: [{run: x}]}]",
         "f.yaml:1:47: the stage \"a\" is there twice"},
        {S("needs: [b]"), "f.yaml:4:12: there is no stage \"b\""},
        {S("needs: [a]"), "the stage \"a\" needs itself"},
        {"stages:\n  - {name: a, needs: [b], steps: [{run: x}]}\n"
         "  - {name: b, needs: [c], steps: [{run: x}]}\n"
         "  - {name: c, needs: [a], steps: [{run: x}]}\n",
         "f.yaml:4:22: the stage \"a\" needs itself, by way of \"c\""},
        {S("if: brnch == 'x'"), "f.yaml:4:9: the condition: at \"brnch"},
        {S("timeout: soon"), "f.yaml:4:14: a duration"},
        {S("timeout: 25h"), "a duration from 1s to 24h"},
        {S("retries: -1"), "a number from 0 to 10"},
        {S("retries: many"), "a number"},
        {S("approval: maybe"), "true or false"},
        {S("approval: \"true\""), "true or false"},
        {S("env: [x]"), "env is a map"},
        {S("env: {A-B: c}"), "f.yaml:4:11: \"A-B\" is no name for a variable"},
        {S("env: {SECUREOPS_X: c}"), "is no name for a variable"},
        {S("env: {A: [b]}"), "text is wanted"},
        {S("secrets: [\"A=B\"]"), "is no name for a variable"},
        {S("artifacts: [../x]"), "a path in the checkout"},
        {S("artifacts: [/etc/passwd]"), "a path in the checkout"},
        {S("environment: \"a\\nb\""), "an environment's name"},
        {S("matrix: {}"), "a matrix is a map of 1 to"},
        {S("matrix: {a: x}"), "a list of 1 to"},
        {S("matrix: {a: [x, x]}"), "\"x\" is there twice"},
        {S("matrix: {a: [x], A: [y]}"), "in the same variable"},
        {S("matrix: {a: [x]}\n    exclude: [{a: x}]"), "nothing of the matrix is left"},
        {S("matrix: {a: [x]}\n    exclude: [{a: y}]"), "no such value"},
        {S("exclude: [{a: y}]"), "there is no matrix"},
        {"stages: [{name: a, steps: [{run: x, directory: a/../../b}]}]", "a path in the checkout"},
        {"stages: [{name: a, steps: [{scan: {type: [SAST]}}]}]", "did you mean \"types\"?"},
        {"parallel: 0\nstages: []", "f.yaml:1:11: a number from 1 to 16"},
        {"stages: [{name: a, name: b, steps: [{run: x}]}]", "f.yaml:1:"},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        err = (struct sco_error){0};
        int r = sco_pipeline_parse(sco_str_c(bad[i].yaml), "f.yaml", &arena, &p, &err);
        if (r == 0 || !strstr(err.text, bad[i].says))
            fail_msg("%s\n%d: \"%s\", not \"%s\"", bad[i].yaml, r, err.text, bad[i].says);
    }
}

static void limits(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    (void)state;
    sco_buf_addz(&b, "stages:\n");
    for (int i = 0; i < 17; i++)
        sco_buf_addf(&b,
                     "  - {name: s%d, matrix: {a: [1, 2, 3, 4], b: [1, 2, 3, 4]}, steps: [{run: "
                     "x}]}\n",
                     i);
    assert_int_equal(sco_pipeline_parse(sco_buf_str(&b), "f", &arena, &p, &err), SCO_E_LIMIT);
    assert_non_null(strstr(err.text, "f:18:"));
    sco_buf_clear(&b);
    while (b.n <= SCO_PIPELINE_SIZE_MAX)
        sco_buf_addz(&b, "# nothing\n");
    assert_int_equal(sco_pipeline_parse(sco_buf_str(&b), "f", &arena, &p, &err), SCO_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_of_it, tear_down),
        cmocka_unit_test_teardown(a_matrix, tear_down),
        cmocka_unit_test_teardown(mistakes, tear_down),
        cmocka_unit_test_teardown(limits, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
