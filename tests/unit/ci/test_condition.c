/* Conditions of own pipelines. */
#include <secureops/pipeline.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct sco_pipeline_facts facts = {.branch = "release/1.2",
                                                .event = "push",
                                                .actor = "o'brien",
                                                .repository = "acme/shop",
                                                .commit_sha = "abc"};

static void hold(void **state)
{
    static const struct {
        const char *text;
        bool holds;
    } cases[] = {
        {"branch == \"release/1.2\"", true},
        {"branch == 'main'", false},
        {"branch != 'main' && event == 'push'", true},
        {"branch == 'main' || event == 'push' && tag == ''", true},
        {"(branch == 'main' || event == 'push') && tag == 'v1'", false},
        {"!(event == 'push')", false},
        {"!event == 'push'", false},
        {"branch =~ 'release/*'", true},
        {"'release/1.2' =~ branch", true},
        {"branch=~'rel*'", false}, /* one segment */
        {"actor == \"o'brien\"", true},
        {"  success()  ", true},
        {"failure()", false},
        {"always()&&commit_sha=='abc'", true},
        {NULL, true},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++)
        if (sco_pipeline_holds(cases[i].text, &facts) != cases[i].holds)
            fail_msg("%s", cases[i].text ? cases[i].text : "NULL");
}

/* Without a word about it, what follows a failure does not run. */
static void after_a_failure(void **state)
{
    struct sco_pipeline_facts f = facts;
    (void)state;
    f.failed = true;
    assert_false(sco_pipeline_holds(NULL, &f));
    assert_false(sco_pipeline_holds("event == 'push'", &f));
    assert_false(sco_pipeline_holds("actor != 'always()'", &f)); /* text is no word */
    assert_false(sco_pipeline_holds("success()", &f));
    assert_true(sco_pipeline_holds("failure()", &f));
    assert_true(sco_pipeline_holds("always()", &f));
    assert_false(sco_pipeline_holds("failure() && event == 'tag'", &f));
    f.cancelled = true;
    assert_false(sco_pipeline_holds("failure()", &f));
    assert_true(sco_pipeline_holds("always()", &f));
}

static void mistakes(void **state)
{
    static const char *const bad[][2] = {
        {"", "expected a name or a text in quotes"},
        {"brnch == 'x'", "did you mean branch?"},
        {"branch = 'x'", "expected ==, != or =~"},
        {"branch == 'x", "the quote is not closed"},
        {"branch == 'x' and event == 'y'", "nothing more was expected"},
        {"(branch == 'x'", "expected )"},
        {"sucess()", "there are success(), failure() and always()"},
        {"success(1)", "expected ()"},
        {"branch == 'x' &&", "expected a name or a text in quotes"},
    };
    char deep[200];
    struct sco_error err = {0};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        assert_int_equal(sco_pipeline_check(bad[i][0], &err), SCO_E_INVALID);
        if (!strstr(err.text, bad[i][1]))
            fail_msg("%s: %s", bad[i][0], err.text);
        assert_false(sco_pipeline_holds(bad[i][0], &facts));
    }
    memset(deep, '(', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    assert_int_equal(sco_pipeline_check(deep, &err), SCO_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hold), cmocka_unit_test(after_a_failure),
                                       cmocka_unit_test(mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
