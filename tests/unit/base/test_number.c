/* Strict numbers, durations, sizes, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <secureops/base.h>

static void integers(void **state)
{
    (void)state;
    int64_t v = 5;
    assert_int_equal(sco_parse_i64(SCO_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MIN);
    static const char *const bad[] = {
        "", "-", "1x", " 1", "1 ", "9223372036854775808", "+1", "0x1", "99999999999999999999999"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        v = 5;
        assert_int_equal(sco_parse_i64(sco_str_c(bad[i]), INT64_MIN, INT64_MAX, &v), SCO_E_INVALID);
        assert_int_equal(v, 5);
    }
    assert_int_equal(sco_parse_i64(SCO_STR("11"), 0, 10, &v), SCO_E_INVALID);
}

static void reals_and_booleans(void **state)
{
    (void)state;
    double d;
    bool b;
    assert_int_equal(sco_parse_real(SCO_STR("-1.5e2"), &d), 0);
    assert_true(d == -150);
    assert_int_equal(sco_parse_real(SCO_STR("inf"), &d), SCO_E_INVALID);
    assert_int_equal(sco_parse_real(SCO_STR("1,5"), &d), SCO_E_INVALID);
    assert_int_equal(sco_parse_real(SCO_STR("1e999"), &d), SCO_E_INVALID);
    assert_int_equal(sco_parse_bool(SCO_STR("Yes"), &b), 0);
    assert_true(b);
    assert_int_equal(sco_parse_bool(SCO_STR("off"), &b), 0);
    assert_false(b);
    assert_int_equal(sco_parse_bool(SCO_STR("2"), &b), SCO_E_INVALID);
}

static void durations_and_sizes(void **state)
{
    (void)state;
    int64_t v;
    assert_int_equal(sco_parse_duration(SCO_STR("1h30m"), &v), 0);
    assert_int_equal(v, 5400000);
    assert_int_equal(sco_parse_duration(SCO_STR("500ms"), &v), 0);
    assert_int_equal(v, 500);
    assert_int_equal(sco_parse_duration(SCO_STR("0"), &v), 0);
    static const char *const bad[] = {"", "5", "5 m", "-5m", "5mm", "9999999999999999d", "m"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_int_equal(sco_parse_duration(sco_str_c(bad[i]), &v), SCO_E_INVALID);
    assert_int_equal(sco_parse_size(SCO_STR("10MiB"), &v), 0);
    assert_int_equal(v, 10 << 20);
    assert_int_equal(sco_parse_size(SCO_STR("5MB"), &v), 0);
    assert_int_equal(v, 5000000);
    assert_int_equal(sco_parse_size(SCO_STR("512"), &v), 0);
    assert_int_equal(sco_parse_size(SCO_STR("1Q"), &v), SCO_E_INVALID);
    assert_int_equal(sco_parse_size(SCO_STR("99999999999T"), &v), SCO_E_INVALID);
    struct sco_buf b = {0};
    sco_buf_add_duration(&b, 850);
    sco_buf_addc(&b, ' ');
    sco_buf_add_duration(&b, 12400);
    sco_buf_addc(&b, ' ');
    sco_buf_add_duration(&b, 185000);
    sco_buf_addc(&b, ' ');
    sco_buf_add_duration(&b, 7800000);
    assert_string_equal(sco_buf_z(&b), "850ms 12.4s 3m05s 2h10m");
    sco_buf_done(&b);
}

static void times(void **state)
{
    (void)state;
    int64_t t;
    char out[SCO_TIME_LEN];
    assert_int_equal(sco_time_parse(SCO_STR("2026-11-21T22:34:34.123Z"), &t), 0);
    sco_time_format(t, out);
    assert_string_equal(out, "2026-11-21T22:34:34.123Z");
    assert_int_equal(sco_time_parse(SCO_STR("2024-02-29T01:00:00+0200"), &t), 0);
    sco_time_format(t, out);
    assert_string_equal(out, "2024-02-28T23:00:00.000Z");
    assert_int_equal(sco_time_parse(SCO_STR("1970-01-01"), &t), 0);
    assert_int_equal(t, 0);
    assert_int_equal(sco_time_parse(SCO_STR("2026-01-01T00:00:00.1234567-00:30"), &t), 0);
    static const char *const bad[] = {"",
                                      "2023-02-29",
                                      "2023-13-01",
                                      "2023-1-1",
                                      "2023-01-01T",
                                      "2023-01-01T25:00:00Z",
                                      "2023-01-01T00:00:00",
                                      "2023-01-01T00:00:00Zx"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_int_equal(sco_time_parse(sco_str_c(bad[i]), &t), SCO_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(reals_and_booleans),
        cmocka_unit_test(durations_and_sizes),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
