/* The JSON writer: commas, escapes, numbers, trees; and that the reader takes what it writes. */
#include "json_help.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_shapes(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    (void)state;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "z", "text");
    sco_json_kz(&o, "none", NULL);
    sco_json_kstr(&o, "s", SCO_STR(""));
    sco_json_kstr(&o, "none", sco_str_make(NULL, 0));
    sco_json_ki64(&o, "i", INT64_MIN);
    sco_json_kreal(&o, "r", 0.1);
    sco_json_kbool(&o, "b", true);
    sco_json_key(&o, "list");
    sco_json_begin(&o, '[');
    sco_json_null(&o);
    sco_json_begin(&o, '[');
    sco_json_end(&o, ']');
    sco_json_begin(&o, '{');
    sco_json_end(&o, '}');
    sco_json_raw(&o, SCO_STR("{\"raw\":1}"));
    sco_json_i64(&o, 7);
    sco_json_end(&o, ']');
    sco_json_kbool(&o, "last", false);
    sco_json_end(&o, '}');
    assert_string_equal(
        sco_buf_z(&b), "{\"z\":\"text\",\"s\":\"\",\"i\":-9223372036854775808,\"r\":0.1,\"b\":true,"
                       "\"list\":[null,[],{},{\"raw\":1},7],\"last\":false}");
    assert_int_equal(o.depth, 0);
    sco_json_i64(&o, 1); /* the next document has no comma before it */
    assert_string_equal(strrchr(sco_buf_z(&b), '}'), "}1");
}

static void test_pretty(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, all = {0};
    struct sco_json_out o = {.b = &b, .pretty = true};
    (void)state;
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "a", 1);
    sco_buf_add(&all, sco_buf_str(&b)); /* may be flushed between any two calls */
    sco_buf_clear(&b);
    sco_json_key(&o, "b");
    sco_buf_add(&all, sco_buf_str(&b));
    sco_buf_clear(&b);
    sco_json_begin(&o, '[');
    sco_json_begin(&o, '{');
    sco_json_end(&o, '}');
    sco_buf_add(&all, sco_buf_str(&b));
    sco_buf_clear(&b);
    sco_json_str(&o, SCO_STR("x"));
    sco_json_end(&o, ']');
    sco_json_key(&o, "c");
    sco_json_begin(&o, '[');
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    sco_buf_add(&all, sco_buf_str(&b));
    assert_string_equal(sco_buf_z(&all), "{\n  \"a\": 1,\n  \"b\": [\n    {},\n    \"x\"\n  ],\n"
                                         "  \"c\": []\n}");
}

static void test_text(void **state)
{
    static const struct {
        struct sco_str text;
        const char *want;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{"a\"\\/\b\f\n\r\t\x01\x1f\x7f", 12}, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {{"a\0b", 3},
         "\"a\xEF\xBF\xBD"
         "b\""},
        {{"\xC3\xA9\xF0\x9F\x98\x80", 6}, "\"\xC3\xA9\xF0\x9F\x98\x80\""},
        {{"\xE2\x80\xA8x\xE2\x80\xA9\xE2\x80\xAA", 10}, "\"\\u2028x\\u2029\xE2\x80\xAA\""},
        {{"\xE2\x80\xE2\x80\xA8", 5}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\\u2028\""},
        {{"cut \xE2\x80", 6}, "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{"\xFF\"\xC0\xAF", 4}, "\"\xEF\xBF\xBD\\\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{"</script>", 9}, "\"</script>\""},
        {{"exactly sixteen\n", 16}, "\"exactly sixteen\\n\""},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0}, again = {0};
        struct sco_json_out o = {.b = &b};
        struct sco_error err;
        sco_json_str(&o, cases[i].text);
        assert_string_equal(sco_buf_z(&b), cases[i].want);
        assert_int_equal(dump_parsed(sco_buf_str(&b), &again, &err), 0);
        assert_string_equal(sco_buf_z(&again), cases[i].want);
    }
}

static void test_names_are_escaped(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    (void)state;
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "a\"\n\xFF", 1);
    sco_json_end(&o, '}');
    assert_string_equal(sco_buf_z(&b), "{\"a\\\"\\n\xEF\xBF\xBD\":1}");
}

static void test_reals(void **state)
{
    static const struct {
        double v;
        const char *want;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {0.1, "0.1"},
        {9.8, "9.8"},
        {1e15, "1e+15"},
        {100, "100.0"},
        {1e300, "1e+300"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {5e-324, "4.94065645841247e-324"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        struct sco_json_out o = {.b = &b};
        sco_json_real(&o, cases[i].v);
        assert_string_equal(sco_buf_z(&b), cases[i].want);
    }
}

/* A program that set its locale still writes points. */
static void test_reals_in_another_locale(void **state)
{
    static const char *const with_comma[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    const char *found = NULL;
    (void)state;
    for (size_t i = 0; !found && i < SCO_ARRAY_LEN(with_comma); i++)
        found = setlocale(LC_NUMERIC, with_comma[i]);
    if (!found) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_real(&o, 1.5);
    assert_string_equal(sco_buf_z(&b), "1.5");
    setlocale(LC_NUMERIC, "C");
}

/* Random bit patterns read back as the same number. */
static void test_reals_read_back(void **state)
{
    uint64_t seed = 88172645463325252;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        double v, back = 0;
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(&v, &seed, sizeof v);
        if (!isfinite(v))
            continue;
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        struct sco_json_out o = {.b = &b};
        sco_json_real(&o, v);
        assert_int_equal(sco_parse_real(sco_buf_str(&b), &back), 0);
        assert_true(back == v);
    }
}

static void test_node(void **state)
{
    static const char text[] = "{\"a\":[1,-2.50e1,123456789012345678901234567890,true,null,[],{}],"
                               "\"a\":{\"b\":\"\\n\",\"c\":[[[]]]}}";
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err;
    (void)state;
    assert_int_equal(dump_parsed(sco_str_c(text), &b, &err), 0);
    assert_string_equal(sco_buf_z(&b), text); /* numbers as written, both members called a */
}

/* Nodes that no reader makes are written as something valid. */
static void test_odd_nodes(void **state)
{
    static const struct sco_node deferred = {.type = SCO_NODE_DEFERRED};
    static const struct sco_node bad = {
        .type = SCO_NODE_REAL, .text = {"1e", 2}, .next = &deferred};
    static const struct sco_node made = {.type = SCO_NODE_INT, .i = -5, .next = &bad};
    static const struct sco_node list = {.type = SCO_NODE_LIST, .n = 3, .child = &made};
    struct sco_node deep[1000] = {{0}};
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, again = {0};
    struct sco_json_out o = {.b = &b};
    (void)state;
    sco_json_begin(&o, '[');
    sco_json_node(&o, &list);
    sco_json_node(&o, NULL);
    sco_json_end(&o, ']');
    assert_string_equal(sco_buf_z(&b), "[[-5,null,null],null]");

    for (size_t i = 0; i < SCO_ARRAY_LEN(deep); i++) {
        deep[i].type = SCO_NODE_LIST;
        deep[i].child = i + 1 < SCO_ARRAY_LEN(deep) ? &deep[i + 1] : NULL;
    }
    sco_buf_clear(&b);
    sco_json_node(&o, deep);
    assert_int_equal(o.depth, 0);
    assert_non_null(strstr(sco_buf_z(&b), "[null]"));
    assert_int_equal(b.n, 2 * 2 * SCO_JSON_DEPTH_MAX + 4);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 3; n++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        struct sco_json_out o = {.b = &b};
        sco_alloc_fail_at(n);
        sco_json_begin(&o, '[');
        for (int i = 0; i < 100; i++)
            sco_json_str(&o, SCO_STR("text"));
        sco_json_end(&o, ']');
        sco_alloc_fail_at(-1);
        assert_int_equal(sco_buf_check(&b, NULL), SCO_E_NOMEM);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_names_are_escaped),
        cmocka_unit_test(test_reals),
        cmocka_unit_test(test_reals_in_another_locale),
        cmocka_unit_test(test_reals_read_back),
        cmocka_unit_test(test_node),
        cmocka_unit_test(test_odd_nodes),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
