/* Names and the words of tools. */
#include "data_test.h"

static void names(void **state)
{
    (void)state;
    for (uint32_t i = SCO_SEV_INFO; i < SCO_SEV_MAX_; i++)
        assert_int_equal(sco_severity_parse(sco_str_c(sco_severity_name(i))), i);
    assert_int_equal(sco_severity_parse(SCO_STR("high")), SCO_SEV_HIGH);
    assert_int_equal(sco_severity_parse(SCO_STR("moderate")), SCO_SEV_UNKNOWN);
    assert_int_equal(sco_severity_parse(SCO_STR("")), SCO_SEV_UNKNOWN);
    assert_string_equal(sco_severity_name(0), "INFO");
    assert_string_equal(sco_severity_name(77), "INFO");
    for (uint32_t i = 1; i < SCO_TYPE_MAX_; i++)
        assert_int_equal(sco_type_parse(sco_str_c(sco_type_name(i))), i);
    assert_int_equal(sco_type_parse(SCO_STR("x")), 0);
    assert_string_equal(sco_type_name(0), "");
    assert_string_equal(sco_type_name(99), "");
    assert_string_equal(sco_status_name(SCO_STATUS_FALSE_POSITIVE), "FALSE_POSITIVE");
    assert_string_equal(sco_status_name((enum sco_status)99), "OPEN");
    assert_string_equal(sco_target_name(SCO_TARGET_DIRECTORY), "directory");
    assert_string_equal(sco_target_name(SCO_TARGET_FILE), "file");
    assert_null(sco_target_name(0));
    assert_null(sco_target_name(SCO_TARGET_DIRECTORY | SCO_TARGET_GIT));
    assert_null(sco_target_name(SCO_TARGET_FILE << 1));
}

static void targets(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *n = NULL;
    assert_int_equal(sco_target_bits(NULL), 0);
    assert_int_equal(sco_json_parse(SCO_STR("[\"git\",\"url\",\"x\",1]"), &arena, &n, NULL), 0);
    assert_int_equal(sco_target_bits(n), SCO_TARGET_GIT | SCO_TARGET_URL);
    assert_int_equal(sco_json_parse(SCO_STR("\"plan\""), &arena, &n, NULL), 0);
    assert_int_equal(sco_target_bits(n), SCO_TARGET_PLAN);
}

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        uint32_t severity;
    } v[] = {
        {"CRITICAL", SCO_SEV_CRITICAL},  {"Blocker", SCO_SEV_CRITICAL},
        {"HIGH", SCO_SEV_HIGH},          {"error", SCO_SEV_HIGH},
        {"Important", SCO_SEV_HIGH},     {"MODERATE", SCO_SEV_MEDIUM},
        {"warning", SCO_SEV_MEDIUM},     {"major", SCO_SEV_MEDIUM},
        {" medium\n", SCO_SEV_MEDIUM},   {"low", SCO_SEV_LOW},
        {"minor", SCO_SEV_LOW},          {"note", SCO_SEV_INFO},
        {"Negligible", SCO_SEV_INFO},    {"TRACE", SCO_SEV_INFO},
        {"Informational", SCO_SEV_INFO}, {"unknown", SCO_SEV_UNKNOWN},
        {"UNDEFINED", SCO_SEV_UNKNOWN},  {"", SCO_SEV_UNKNOWN},
        {"7.5", SCO_SEV_UNKNOWN},        {"highest", SCO_SEV_UNKNOWN},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        if (sco_severity_from_word(sco_str_c(v[i].word)) != v[i].severity)
            fail_msg("%s: %u", v[i].word, sco_severity_from_word(sco_str_c(v[i].word)));
}

static void scores(void **state)
{
    (void)state;
    assert_int_equal(sco_severity_from_score(-1), SCO_SEV_INFO);
    assert_int_equal(sco_severity_from_score(0), SCO_SEV_INFO);
    assert_int_equal(sco_severity_from_score(0.1), SCO_SEV_LOW);
    assert_int_equal(sco_severity_from_score(3.9), SCO_SEV_LOW);
    assert_int_equal(sco_severity_from_score(4), SCO_SEV_MEDIUM);
    assert_int_equal(sco_severity_from_score(6.95), SCO_SEV_MEDIUM);
    assert_int_equal(sco_severity_from_score(7), SCO_SEV_HIGH);
    assert_int_equal(sco_severity_from_score(8.99), SCO_SEV_HIGH);
    assert_int_equal(sco_severity_from_score(9), SCO_SEV_CRITICAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(targets),
        cmocka_unit_test(words),
        cmocka_unit_test(scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
