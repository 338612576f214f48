/* Text: UTF-8, terminal safety, globs, splitting, nearest word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <secureops/base.h>

static void utf8_is_strict(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "0123456789abcdef\xC3\xA9"};
    static const char *const bad[] = {"\x80",         "\xC0\x80",           "\xC3",
                                      "\xE0\x80\x80", "\xED\xA0\x80",       "\xF4\x90\x80\x80",
                                      "\xFF",         "0123456789\xE2\x82", "\xF0\x80\x80\x80"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(good); i++)
        assert_true(sco_utf8_valid(sco_str_c(good[i])));
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_false(sco_utf8_valid(sco_str_c(bad[i])));
}

static void repair_and_print(void **state)
{
    (void)state;
    struct sco_buf b = {0};
    sco_buf_add_utf8(&b, sco_str_make("a\xFF\0b", 4));
    assert_string_equal(sco_buf_z(&b), "a\xEF\xBF\xBD\xEF\xBF\xBD"
                                       "b");
    assert_true(sco_utf8_valid(sco_buf_str(&b)));
    sco_buf_clear(&b);
    sco_buf_add_printable(&b, SCO_STR("\x1b[31m\n\xE2\x80\xAE"
                                      "x\xFF\xC2\x9B"));
    assert_string_equal(sco_buf_z(&b), "\\x1b[31m \\u202ex\\xff\\x9b");
    sco_buf_done(&b);
    assert_int_equal(sco_utf8_width(SCO_STR("ab\xE4\xB8\xAD")), 4);
}

static void globs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool match;
    } rows[] = {
        {"*.py", "a.py", true},
        {"*.py", "a/b.py", false},
        {"**/*.py", "b.py", true},
        {"**/*.py", "a/b/c.py", true},
        {"a/**", "a/b/c", true},
        {"a/**/z", "a/z", true},
        {"a/**/z", "a/b/c/z", true},
        {"a/**/z", "a/b/c/zz", false},
        {"?.c", "x.c", true},
        {"?.c", "/.c", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[]]x", "]x", true},
        {"{a,b}.{c,d}", "b.d", true},
        {"{a,b}.{c,d}", "b.e", false},
        {"Dockerfile*", "Dockerfile.dev", true},
        {"\\*", "*", true},
        {"\\*", "x", false},
        {"a*b*c", "aXbYbZc", true},
        {"[", "[", true},
        {"", "", true},
        {"*", "", true},
        {"**", "a/b", true},
        {"docs/*", "docs/a/b", false},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++)
        if (sco_glob_match(rows[i].pattern, sco_str_c(rows[i].text)) != rows[i].match)
            fail_msg("%s on %s is not %d", rows[i].pattern, rows[i].text, rows[i].match);
    assert_true(sco_glob_match_file("*.py", SCO_STR("a/b.py")));
    assert_true(sco_glob_match_file("k8s/*.yaml", SCO_STR("k8s/x.yaml")));
    assert_false(sco_glob_match_file("k8s/*.yaml", SCO_STR("a/k8s/x.yaml")));
}

static void hostile_globs_end(void **state)
{
    (void)state;
    char text[2000], stars[200];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i + 1 < sizeof stars; i += 2) {
        stars[i] = '*';
        stars[i + 1] = 'a';
    }
    stars[sizeof stars - 2] = 'b';
    stars[sizeof stars - 1] = 0;
    assert_false(sco_glob_match(stars, sco_str_make(text, sizeof text)));
    struct sco_buf b = {0};
    for (int i = 0; i < 30; i++)
        sco_buf_addz(&b, "{a,aa}");
    assert_false(sco_glob_match(sco_buf_z(&b), sco_str_make(text, 200)));
    sco_buf_done(&b);
}

static void split_trim_nearest(void **state)
{
    (void)state;
    struct sco_str rest = SCO_STR("a,,b"), part;
    assert_true(sco_str_split(&rest, ',', &part) && sco_str_is(part, "a"));
    assert_true(sco_str_split(&rest, ',', &part) && part.n == 0);
    assert_true(sco_str_split(&rest, ',', &part) && sco_str_is(part, "b"));
    assert_false(sco_str_split(&rest, ',', &part));
    assert_true(sco_str_is(sco_str_trim(SCO_STR(" \t x y\n")), "x y"));
    static const char *const names[] = {"trivy", "semgrep", "bandit"};
    assert_string_equal(sco_str_nearest(SCO_STR("semgerp"), names, 3), "semgrep");
    assert_null(sco_str_nearest(SCO_STR("zzzzzz"), names, 3));
    assert_true(sco_str_ends(SCO_STR("a.so"), ".so"));
    assert_true(sco_str_cmp(SCO_STR("a"), SCO_STR("ab")) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(repair_and_print),
        cmocka_unit_test(globs),
        cmocka_unit_test(hostile_globs_end),
        cmocka_unit_test(split_trim_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
