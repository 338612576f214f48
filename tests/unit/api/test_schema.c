/* Requests against schemas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server_priv.h"

static struct api_call call;

/* Pointers of what is wrong, in order, "" for nothing. */
static const char *check(const char *schema, const char *value)
{
    static char text[1024];
    struct sco_error err = {0};
    const struct sco_node *s = NULL, *v = NULL;
    sco_arena_reset(&call.arena);
    call.faults = NULL;
    if (sco_json_parse(sco_str_c(schema), &call.arena, &s, &err) < 0 ||
        sco_json_parse(sco_str_c(value), &call.arena, &v, &err) < 0)
        fail_msg("%s", err.text);
    bool ok = api_schema_check(&call, s, s, v, "");
    assert_int_equal(ok, call.faults == NULL);
    text[0] = 0;
    for (const struct api_fault *f = call.faults; f; f = f->next) {
        char before[1024];
        snprintf(before, sizeof before, "%s", text);
        snprintf(text, sizeof text, "%.300s%s%.600s", *f->pointer ? f->pointer : "body",
                 *before ? " " : "", before);
    }
    return text;
}

#define GOOD(schema, value) assert_string_equal(check(schema, value), "")
#define BAD(schema, value) assert_string_equal(check(schema, value), "body")

static void test_types(void **state)
{
    (void)state;
    GOOD("{}", "[1,{\"a\":null}]");
    GOOD("{\"type\":\"integer\"}", "1");
    BAD("{\"type\":\"integer\"}", "1.5");
    BAD("{\"type\":\"integer\"}", "\"1\"");
    GOOD("{\"type\":\"number\"}", "1");
    GOOD("{\"type\":\"number\"}", "1.5e3");
    GOOD("{\"type\":[\"string\",\"null\"]}", "null");
    BAD("{\"type\":[\"string\",\"null\"]}", "true");
    GOOD("{\"type\":\"boolean\"}", "false");
    BAD("{\"type\":\"object\"}", "[]");
    BAD("{\"type\":\"array\"}", "{}");
    GOOD("true", "1");
    BAD("false", "1");
    BAD("{\"$ref\":\"#/nowhere\"}", "1");
}

static void test_values(void **state)
{
    (void)state;
    GOOD("{\"enum\":[\"a\",1,null,{\"b\":[2]}]}", "{\"b\":[2]}");
    BAD("{\"enum\":[\"a\",1,null]}", "\"1\"");
    GOOD("{\"const\":1}", "1");
    BAD("{\"const\":1}", "2");
    GOOD("{\"minimum\":1,\"maximum\":3}", "3");
    BAD("{\"minimum\":1,\"maximum\":3}", "0");
    BAD("{\"minimum\":1,\"maximum\":3}", "3.1");
    BAD("{\"exclusiveMinimum\":1}", "1");
    BAD("{\"exclusiveMaximum\":3}", "3");
    GOOD("{\"minLength\":2,\"maxLength\":2}", "\"\xc3\xa9\xc3\xa9\"");
    BAD("{\"minLength\":1}", "\"\"");
    BAD("{\"maxLength\":1}", "\"ab\"");
    GOOD("{\"pattern\":\"^[a-z]+$\"}", "\"ab\"");
    BAD("{\"pattern\":\"^[a-z]+$\"}", "\"aB\"");
    BAD("{\"pattern\":\"[\"}", "\"a\""); /* what cannot be checked is refused */
}

static void test_formats(void **state)
{
    static const struct {
        const char *format, *good, *bad;
    } all[] = {{"date-time", "2026-11-22T07:00:00Z", "2026-11-22"},
               {"date", "2026-11-22", "2026-11-22T07:00:00Z"},
               {"uuid", "123e4567-e89b-42d3-a456-426614174000", "123e4567e89b42d3a456426614174000"},
               {"uri", "https://a.example/b?c", "a b"},
               {"uri", "git+ssh://a/b", "://a"},
               {"email", "a@b.example", "a@b@c"},
               {"email", "a.b@c", "@c"}};
    char schema[64], value[96];
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(all); i++) {
        snprintf(schema, sizeof schema, "{\"format\":\"%s\"}", all[i].format);
        snprintf(value, sizeof value, "\"%s\"", all[i].good);
        GOOD(schema, value);
        snprintf(value, sizeof value, "\"%s\"", all[i].bad);
        BAD(schema, value);
    }
}

static void test_structure(void **state)
{
    static const char schema[] =
        "{\"type\":\"object\",\"required\":[\"a\",\"b\"],\"additionalProperties\":false,"
        "\"properties\":{\"a\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,"
        "\"uniqueItems\":true,\"items\":{\"$ref\":\"#/s\"}},\"b\":{\"$ref\":\"#/s\"},"
        "\"c/d~\":{\"type\":\"integer\"}},\"s\":{\"type\":\"string\"}}";
    (void)state;
    GOOD(schema, "{\"a\":[\"x\"],\"b\":\"y\"}");
    assert_string_equal(check(schema, "{}"), "/a /b");
    assert_string_equal(check(schema, "{\"a\":[\"x\",1,2],\"b\":3}"), "/a/1 /a/2 /b");
    assert_string_equal(check(schema, "{\"a\":[],\"b\":\"\"}"), "/a");
    assert_string_equal(check(schema, "{\"a\":[\"x\",\"x\"],\"b\":\"\"}"), "/a");
    assert_string_equal(check(schema, "{\"a\":[\"1\",\"2\",\"3\",\"4\"],\"b\":\"\"}"), "/a");
    assert_string_equal(check(schema, "{\"a\":[\"x\"],\"b\":\"\",\"e\":1}"), "/e");
    assert_string_equal(check(schema, "{\"a\":[\"x\"],\"b\":\"\",\"c/d~\":\"\"}"), "/c~1d~0");
    assert_string_equal(check(schema, "{\"a\":[\"x\"],\"b\":\"\",\"b\":\"\"}"), "body");
    assert_string_equal(
        check("{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"x\":1,\"y\":\"\"}"), "/y");
    BAD("{\"minProperties\":1}", "{}");
    BAD("{\"maxProperties\":1}", "{\"a\":1,\"b\":2}");
}

static void test_several(void **state)
{
    (void)state;
    static const char one[] = "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":5}]}";
    GOOD(one, "1");
    GOOD(one, "5.5");
    BAD(one, "6");
    BAD(one, "1.5");
    GOOD("{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "\"\"");
    BAD("{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "[]");
    assert_string_equal(check("{\"allOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{}"),
                        "/a /b");
    BAD("{\"not\":{\"type\":\"string\"}}", "\"\"");
    /* What has no end comes to one. */
    assert_string_not_equal(check("{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "1"), "");
}

static const char *check_text(const char *schema, const char *text)
{
    const struct sco_node *s = NULL;
    sco_arena_reset(&call.arena);
    call.faults = NULL;
    assert_int_equal(sco_json_parse(sco_str_c(schema), &call.arena, &s, NULL), 0);
    bool ok = api_schema_check_text(&call, s, s, text, "q");
    assert_int_equal(ok, call.faults == NULL);
    return ok ? "" : call.faults->pointer;
}

static void test_query(void **state)
{
    (void)state;
    assert_string_equal(check_text("{\"type\":\"integer\",\"maximum\":5}", "5"), "");
    assert_string_equal(check_text("{\"type\":\"integer\",\"maximum\":5}", "6"), "?q");
    assert_string_equal(check_text("{\"type\":\"integer\"}", "5x"), "?q");
    assert_string_equal(check_text("{\"type\":\"integer\"}", ""), "?q");
    assert_string_equal(check_text("{\"type\":\"boolean\"}", "true"), "");
    assert_string_equal(check_text("{\"type\":\"boolean\"}", "1"), "?q");
    assert_string_equal(check_text("{\"type\":\"number\"}", "1.5"), "");
    assert_string_equal(check_text("{\"type\":\"string\"}", "5"), "");
    static const char list[] = "{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"b\"]}}";
    assert_string_equal(check_text(list, "a,b"), "");
    assert_string_equal(check_text(list, "a,c"), "?q/1");
    assert_string_equal(check_text(list, "a,,b"), "?q/1");
}

static int done(void **state)
{
    (void)state;
    sco_arena_done(&call.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),   cmocka_unit_test(test_values),
        cmocka_unit_test(test_formats), cmocka_unit_test(test_structure),
        cmocka_unit_test(test_several), cmocka_unit_test(test_query),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
