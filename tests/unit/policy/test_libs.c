/* The libraries, by policies that check them: tests/policy/libs. Each passes; `failing` and `base`
 * do not, which shows that a wrong answer would be seen. */
#include "policy_test.h"

static int on_verdict(void *user, const struct sco_verdict *v)
{
    size_t *n = user;
    if (strcmp(v->policy->id, "failing") == 0) {
        assert_int_equal(v->kind, SCO_VERDICT_ERROR);
        assert_string_equal(v->message,
                            "failing.lua:6: nested: expected {1=1, 2={a=3}}, got {1=1, 2={a=2}}");
        assert_true(strncmp(v->reason, "lib/expect.lua:", 15) == 0 || strstr(v->reason, "failing"));
    } else if (strcmp(v->policy->id, "base") == 0) {
        assert_int_equal(v->kind, SCO_VERDICT_ERROR);
        assert_non_null(strstr(v->message, "'print_nothing' is not defined"));
    } else {
        if (v->kind != SCO_VERDICT_PASS)
            print_error("%s: %s: %s\n%s\n", v->policy->id, sco_verdict_name(v->kind), v->message,
                        v->reason ? v->reason : "");
        assert_int_equal(v->kind, SCO_VERDICT_PASS);
    }
    ++*n;
    return 0;
}

static void test_libs(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf dir = {0};
    sco_buf_addf(&dir, "%s/tests/policy/libs", getenv("SECUREOPS_SOURCE"));
    const char *bundles[] = {sco_buf_z(&dir), NULL};
    struct sco_policies_options o = {.bundles = bundles};
    struct sco_policies *p;
    struct sco_error err = {0};
    assert_int_equal(sco_policies_load(&o, &p, &err), 0);
    size_t n, policies;
    const struct sco_policy_problem *problems = sco_policies_problems(p, &n);
    for (size_t i = 0; i < n; i++)
        print_error("%s\n", problems[i].message);
    assert_int_equal(n, 0);
    sco_policies_list(p, &policies);
    assert_true(policies >= 8);
    struct sco_iac_set docs = {0};
    assert_int_equal(
        sco_iac_add_text(&docs, sco_str_c(POD), "pod.yaml", SCO_IAC_FORMAT_NONE, 0, &err), 1);
    assert_int_equal(sco_policies_eval(p, &docs, on_verdict, &n, &err), 0);
    assert_int_equal(n, policies);
    sco_iac_set_done(&docs);
    sco_policies_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_libs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
