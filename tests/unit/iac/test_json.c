/* JSON with places: values, positions, errors, limits, JSON in strings. */
#include "iac_help.h"
#include "iac_priv.h"

/* Parses a text as the only document. */
static const struct sco_iac_node *parse(struct fixture *f, const char *text)
{
    static struct sco_iac_text t;
    const struct sco_iac_node *root = NULL;
    done(f);
    t = (struct sco_iac_text){.file_path = "t.json", .bytes = sco_str_c(text)};
    f->err = (struct sco_error){0};
    assert_non_null(iac_doc(&f->set, &t, 0, SCO_IAC_FORMAT_NONE));
    f->r = sco_iac_json(&f->set, 0, t.bytes, NULL, &root, &f->err);
    if (f->r < 0)
        assert_null(root);
    return root;
}

static void test_values(void **state)
{
    (void)state;
    struct fixture f = {0};
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {" null ", "null"},
        {"[true,false]", "[true, false]"},
        {"-0", "0"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9007199254740993", "9007199254740993"},
        {"9223372036854775809", "#9223372036854775809"},
        {"18446744073709551616", "1.84467e+19."},
        {"1.5e3", "1500."},
        {"1e400", "#1e400"},
        {"1e-400", "#1e-400"},
        {"0.12345678901234567890", "#0.12345678901234567890"},
        {"\"a\\n\\u00e9\\ud83d\\ude00\\/\"", "\"a\n\xC3\xA9\xF0\x9F\x98\x80/\""},
        {"{}", "{}"},
        {"[ ]", "[]"},
        {"{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":\"\"}", "{a: {b: [1, {c: null}]}, d: \"\"}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{b: 2, a: 3}"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        const struct sco_iac_node *v = parse(&f, cases[i].text);
        if (f.r < 0)
            print_error("%s\n", f.err.text);
        assert_shows(v, cases[i].shown);
    }
    assert_string_equal(doc(&f, 0)->notes[0],
                        "t.json:1:14: key \"a\" is repeated: the last one counts");
    assert_null(doc(&f, 0)->notes[1]);
    done(&f);
}

static void test_nul_in_string(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct sco_str s = sco_iac_text(parse(&f, "\"a\\u0000b\""));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    done(&f);
}

static void test_places(void **state)
{
    (void)state;
    struct fixture f = {0};
    const struct sco_iac_node *v = parse(&f, "{\r\n  \"\xC3\xA9\": [1, \"\xC3\xA9\xC3\xA9\"],\r\n"
                                             "  \"b\": {\"c\": true\n} }");
    assert_place(&f, v, "1:1-4:3");
    assert_place(&f, sco_iac_at(sco_iac_get(v, "\xC3\xA9"), 1), "2:12-2:15");
    assert_place(&f, sco_iac_get(v, "b"), "3:8-4:1");
    assert_place(&f, sco_iac_path(v, "b.c"), "3:14-3:17");
    assert_int_equal(v->member[1].key_pos,
                     strstr(f.set.docs[0].text->bytes.p, "\"b\"") - f.set.docs[0].text->bytes.p);
    done(&f);
}

static void test_errors(void **state)
{
    (void)state;
    struct fixture f = {0};
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "t.json:1:1: the text ends where a value is expected"},
        {"{\"a\":1,}", "t.json:1:8: '}' where a key in double quotes is expected"},
        {"[1,]", "t.json:1:4: ']' where a value is expected"},
        {"{\"a\" 1}", "t.json:1:6: '1' where ':' is expected"},
        {"[1 2]", "t.json:1:4: '2' where ',' or ']' is expected"},
        {"{\"a\":1", "t.json:1:7: the text ends where ',' or '}' is expected"},
        {"[\n 01]", "t.json:2:2: a number with a leading zero"},
        {"-x", "t.json:1:1: '-' without digits"},
        {"1.", "t.json:1:3: the text ends where a digit after the point is expected"},
        {"1e+", "t.json:1:4: the text ends where a digit of the exponent is expected"},
        {"+1", "t.json:1:1: '+' where a value is expected"},
        {"nul", "t.json:1:1: 'n' where a value is expected"},
        {"\"a", "t.json:1:1: a string that does not end"},
        {"\"a\\n", "t.json:1:1: a string that does not end"},
        {"\"a\\", "t.json:1:3: an escape that JSON does not have"},
        {"\"\\x\"", "t.json:1:2: an escape that JSON does not have"},
        {"\"\\ud800x\"", "t.json:1:2: half of a surrogate pair"},
        {"\"\\udc00\"", "t.json:1:2: half of a surrogate pair"},
        {"\"\\ud800\\u0041\"", "t.json:1:2: half of a surrogate pair"},
        {"\"\\u12g4\"", "t.json:1:2: \\u needs four hexadecimal digits"},
        {"\"a\tb\"", "t.json:1:3: a control character (0x09) in a string: use \\n, \\t or \\u00xx"},
        {"\"\\n\tb\"",
         "t.json:1:4: a control character (0x09) in a string: use \\n, \\t or \\u00xx"},
        {"\"\xFF\"", "t.json:1:1: a string that is not UTF-8"},
        {"{} x", "t.json:1:4: more text after the end of the JSON"},
        {"{}{}", "t.json:1:3: more text after the end of the JSON"},
        {"\x01", "t.json:1:1: byte 0x01 where a value is expected"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        parse(&f, cases[i].text);
        assert_int_equal(f.r, SCO_E_PARSE);
        assert_string_equal(f.err.text, cases[i].error);
    }
    done(&f);
}

static void test_depth(void **state)
{
    (void)state;
    struct fixture f = {0};
    char text[2 * (SCO_IAC_DEPTH_MAX + 1) + 1] = {0};
    memset(text, '[', SCO_IAC_DEPTH_MAX);
    memset(text + SCO_IAC_DEPTH_MAX, ']', SCO_IAC_DEPTH_MAX);
    assert_non_null(parse(&f, text));
    memset(text, '[', SCO_IAC_DEPTH_MAX + 1);
    memset(text + SCO_IAC_DEPTH_MAX + 1, ']', SCO_IAC_DEPTH_MAX + 1);
    parse(&f, text);
    assert_int_equal(f.r, SCO_E_LIMIT);
    assert_string_equal(f.err.text, "t.json:1:201: nested deeper than 200 (SCO_IAC_DEPTH_MAX)");
    done(&f);
}

/* JSON inside a string: everything lies where the string does, and is MADE and as sensitive. */
static void test_in_string(void **state)
{
    (void)state;
    struct fixture f = {0};
    const struct sco_iac_node *in = NULL,
                              *v = parse(&f, "{\n \"policy\": \"{\\\"a\\\": [1, 2]}\"}");
    struct sco_iac_node *policy = (struct sco_iac_node *)sco_iac_get(v, "policy");
    policy->flags |= SCO_IAC_SENSITIVE;
    assert_int_equal(sco_iac_json(&f.set, 0, sco_iac_text(policy), policy, &in, &f.err), 0);
    assert_shows(in, "{a: [1, 2]}");
    const struct sco_iac_node *one = sco_iac_at(sco_iac_get(in, "a"), 1);
    assert_place(&f, one, "2:12-2:28");
    assert_int_equal(one->flags, SCO_IAC_MADE | SCO_IAC_SENSITIVE);
    in = NULL;
    assert_int_equal(sco_iac_json(&f.set, 0, sco_str_c("{'a'}"), policy, &in, &f.err), SCO_E_PARSE);
    assert_null(in);
    assert_string_equal(f.err.text, "t.json:2:12: JSON in this string, byte 2: ''' where a key in "
                                    "double quotes is expected");
    done(&f);
}

static bool want_a(void *user, struct sco_str key)
{
    (void)user;
    return sco_str_is(key, "a");
}

static void test_filtered(void **state)
{
    (void)state;
    struct fixture f = {0};
    static const char text[] =
        "{\"x\": {\"a\": [\"]}\\\"\", {}]}, \"a\": {\"x\": 1}, \"n\": -1.5e3 ,"
        "\"t\":true,\"s\":\"}\"}";
    const struct sco_iac_node *v = NULL, *x = NULL;
    parse(&f, text);
    struct sco_str bytes = f.set.docs[0].text->bytes;
    assert_int_equal(iac_json_filtered(&f.set, 0, bytes, want_a, NULL, &v, &f.err), 0);
    assert_shows(v, "{x: unknown, a: {x: 1}, n: unknown, t: unknown, s: unknown}");
    const struct sco_iac_node *skipped = sco_iac_get(v, "x");
    struct sco_str part = sco_str_make(bytes.p + skipped->pos, skipped->end - skipped->pos);
    assert_int_equal(sco_iac_json(&f.set, 0, part, NULL, &x, &f.err), 0);
    assert_shows(x, "{a: [\"]}\"\", {}]}");
    assert_place(&f, sco_iac_at(sco_iac_get(x, "a"), 1), "1:22-1:23"); /* in the whole text */
    skipped = sco_iac_get(v, "n");
    assert_memory_equal(bytes.p + skipped->pos, "-1.5e3 ", 7);
    assert_int_equal(skipped->end - skipped->pos, 6);
    static const char *const bad[] = {"{\"x\": }", "{\"x\": [1", "{\"x\": \"",
                                      "{\"x\":", "{\"x\": 1"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_int_equal(iac_json_filtered(&f.set, 0, sco_str_c(bad[i]), want_a, NULL, &v, &f.err),
                         SCO_E_PARSE);
    done(&f);
}

static void test_pointer(void **state)
{
    (void)state;
    struct fixture f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const struct sco_iac_node *v = parse(&f, "{\"a/b\": [1, {\"m~n\": 2}], \"c\": 3}");
    assert_true(sco_iac_pointer(v, sco_iac_get(sco_iac_at(sco_iac_get(v, "a/b"), 1), "m~n"), &b));
    assert_string_equal(sco_buf_z(&b), "/a~1b/1/m~0n");
    sco_buf_clear(&b);
    assert_true(sco_iac_pointer(v, v, &b));
    assert_int_equal(b.n, 0);
    assert_false(sco_iac_pointer(sco_iac_get(v, "c"), v, &b));
    assert_int_equal(b.n, 0);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),   cmocka_unit_test(test_nul_in_string),
        cmocka_unit_test(test_places),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_in_string),
        cmocka_unit_test(test_filtered), cmocka_unit_test(test_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
