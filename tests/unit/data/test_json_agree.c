/* The JSON reader against jansson: both accept or refuse a text, and read the same from it. And
 * against itself: whole or deferred and walked, with any window, the result is the same. */
#include "json_help.h"
#include "json_priv.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>
#include <jansson.h>

#include <secureops/fs.h>

static uint64_t seed;

static size_t below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed >> 11) % n;
}

/* ---- the same value? --------------------------------------------------------------------------
 */

/* jansson keeps NUL in strings; the reader makes it U+FFFD. */
static bool same_text(struct sco_str ours, const char *theirs, size_t n)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_add_utf8(&b, sco_str_make(theirs, n));
    return sco_str_eq(ours, sco_buf_str(&b));
}

/* jansson keeps the last of two members with one name. */
static const struct sco_node *last_member(const struct sco_node *map, const char *key)
{
    const struct sco_node *found = NULL;
    for (const struct sco_node *c = map->child; c; c = c->next)
        if (sco_str_is(c->key, key))
            found = c;
    return found;
}

static bool same(const struct sco_node *v, const json_t *j);

static bool same_map(const struct sco_node *v, const json_t *j)
{
    const char *key;
    json_t *value;
    size_t names = 0;
    json_object_foreach((json_t *)(uintptr_t)j, key,
                        value) if (!last_member(v, key) ||
                                   !same(last_member(v, key), value)) return false;
    for (const struct sco_node *c = v->child; c; c = c->next)
        names += last_member(v, c->key.p) == c;
    return names == json_object_size(j);
}

static bool same(const struct sco_node *v, const json_t *j)
{
    const struct sco_node *c = v->child;
    double real;
    switch (json_typeof(j)) {
    case JSON_NULL:
        return v->type == SCO_NODE_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return v->type == SCO_NODE_BOOL && (v->i != 0) == json_is_true(j);
    case JSON_INTEGER:
        return v->type == SCO_NODE_INT && v->i == json_integer_value(j);
    case JSON_REAL:
        return v->type == SCO_NODE_REAL &&
               (v->text.n >= 64 ||
                (sco_parse_real(v->text, &real) == 0 && (real == json_real_value(j))));
    case JSON_STRING:
        return v->type == SCO_NODE_STR &&
               same_text(v->text, json_string_value(j), json_string_length(j));
    case JSON_ARRAY:
        if (v->type != SCO_NODE_LIST || v->n != json_array_size(j))
            return false;
        for (size_t i = 0; i < v->n; i++, c = c->next)
            if (!same(c, json_array_get(j, i)))
                return false;
        return c == NULL;
    case JSON_OBJECT:
        return v->type == SCO_NODE_MAP && same_map(v, j);
    }
    return false;
}

/* Texts that only jansson refuses, for limits of its own. */
static bool is_own_limit(enum json_error_code code)
{
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

static void show(struct sco_str text, const char *what, const char *ours, const char *theirs)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_add_printable(&b, text);
    fail_msg("%s: %s\nours: %s\ntheirs: %s", what, sco_buf_z(&b), ours, theirs);
}

/* ---- all ways of reading ----------------------------------------------------------------------
 */

static const char *const names[] = {"a", "b", "[]", NULL};

/* An empty map that was deferred cannot be told from an empty list: makes all of them lists. */
static void forget_empty_maps(struct sco_buf *b)
{
    sco_buf_z(b);
    char *p = b->p;
    while (p && (p = strstr(p, "{}")))
        p[0] = '[', p[1] = ']';
}

/* Deferred and walked, in a window of some bytes: accepts what parse accepts, and reads the same.
 */
static void compare_walk(struct sco_str text, size_t window, int want, const struct sco_buf *parsed)
{
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_error err = {0};
    const struct sco_node *v;
    sco_json_window = window;
    int res =
        window ? sco_reader_open(text_file(text), &r, &err) : sco_reader_open_mem(text, &r, &err);
    assert_int_equal(res, 0);
    res = sco_reader_read(r, names, &v, &err);
    if (res == 1) {
        struct sco_json_out o = {.b = &out};
        res = dump_node(r, v, names, &o, &err);
        forget_empty_maps(&out);
        if (res == 0)
            res = sco_reader_check_end(r, &err);
    } else if (res == 0) {
        res = SCO_E_PARSE; /* no value at all: parse wants one */
    }
    if (res != want)
        show(text, "walked otherwise than parsed", err.text, want ? "refused" : "accepted");
    if (res == 0 && !sco_str_eq(sco_buf_str(&out), sco_buf_str(parsed)))
        show(text, "walked to something else", sco_buf_z(&out), parsed->p);
}

static bool compare(struct sco_str text)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    const struct sco_node *v = NULL;
    struct sco_error err = {0};
    json_error_t theirs;
    int r = sco_json_parse(text, &arena, &v, &err);
    json_t *j = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &theirs);
    if (r == 0 && !j && !is_own_limit(json_error_code(&theirs)))
        show(text, "accepted by us alone", "", theirs.text);
    if (r < 0 && j && !memchr(text.p, 0, text.n)) /* jansson takes some NULs for an end */
        show(text, "refused by us alone", err.text, "");
    if (r == 0 && j && !same(v, j))
        show(text, "read differently", "", "");
    json_decref(j);
    if (r == 0) {
        struct sco_json_out o = {.b = &out};
        sco_json_node(&o, v);
        forget_empty_maps(&out);
    }
    compare_walk(text, 0, r, &out);
    if (below(8) == 0)
        compare_walk(text, 1 + below(40), r, &out);
    return r == 0;
}

/* ---- texts ------------------------------------------------------------------------------------
 */

static const char *const tricky[] = {
    "",
    " ",
    "0",
    "-",
    "-0",
    "00",
    "01",
    "-01",
    "1.",
    "1.e1",
    ".1",
    "1e",
    "1e+",
    "1e-1",
    "1E1",
    "+1",
    "0x1",
    "1.5.5",
    "1-1",
    "1e1e1",
    "--1",
    "NaN",
    "Infinity",
    "-Infinity",
    "nul",
    "nulll",
    "true",
    "True",
    "truefalse",
    "[]",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[]]",
    "[[]",
    "{}",
    "{",
    "}",
    "{]",
    "[}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{\"a\":1}}",
    "{\"a\"::1}",
    "{\"a\":1,\"a\":2}",
    "{\"\":1}",
    "\"",
    "\"\"",
    "\"\\\"",
    "\"\\\\\"",
    "\"\\",
    "\"\\u\"",
    "\"\\u1\"",
    "\"\\u123\"",
    "\"\\u123g\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\ud800\"",
    "\"\\ud800\\u0020\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uD83D\\uDE00x\"",
    "\"\\ud83d\\ude0\"",
    "\"\\ud83dx\"",
    "\"\\U0041\"",
    "\"\\x41\"",
    "\"\\a\"",
    "\"\\'\"",
    "\"\\/\"",
    "\"\t\"",
    "\"\n\"",
    "\"\x7f\"",
    "\"\x1f\"",
    "\"\x80\"",
    "\"\xC0\x80\"",
    "\"\xC1\xBF\"",
    "\"\xC3\xA9\"",
    "\"\xC3\"",
    "\"\xE0\x80\x80\"",
    "\"\xE0\x9F\xBF\"",
    "\"\xE0\xA0\x80\"",
    "\"\xED\x9F\xBF\"",
    "\"\xED\xA0\x80\"",
    "\"\xEF\xBF\xBF\"",
    "\"\xF0\x80\x80\x80\"",
    "\"\xF0\x8F\xBF\xBF\"",
    "\"\xF0\x90\x80\x80\"",
    "\"\xF4\x8F\xBF\xBF\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xF5\x80\x80\x80\"",
    "\"\xF8\x88\x80\x80\x80\"",
    "\"\xFE\"",
    "\"\xFF\"",
    "\"\xE2\x82\"",
    "\"\xF0\x9F\x98\"",
    "[\"\xE2\",\"\x82\xAC\"]",
    "\f[]",
    "\v[]",
    "\xC2\xA0[]",
    "/**/[]",
    "[]//x",
    "# x\n[]",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "1e308",
    "1e309",
    "-1e309",
    "1e-400",
    "123456789012345678901234567890.5",
    "[\"a\\\",\",\"\\\\\",\"]\"]",
    "{\"a\":[\"}\",{\"b\":\"{\"}]}",
    "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
    "[1]x",
    "[1] x",
    "[1]\n",
    "\n[1]",
    "{\"a\" \n: \t1\r}",
};

static void test_tricky_texts(void **state)
{
    (void)state;
    seed = 1;
    for (size_t i = 0; i < SCO_ARRAY_LEN(tricky); i++) {
        SCO_AUTO(sco_buf) struct sco_buf inner = {0};
        compare(sco_str_c(tricky[i]));
        sco_buf_addf(&inner, "{\"a\": [%s, {\"c\": %s, \"text of sixteen b\": \"x\"}]}", tricky[i],
                     tricky[i]);
        compare(sco_buf_str(&inner));
    }
    compare(sco_str_make("\0", 1));
    compare(sco_str_make("[\"a\0b\"]", 7));
    compare(sco_str_make("[1\0]", 4));
    compare(sco_str_make("[1]\0", 4));
}

/* A random value; now and then with white space, long strings and the deferred names. */
static void make_value(struct sco_buf *b, int depth)
{
    static const char *const leaves[] = {
        "0",
        "-1",
        "1.5e3",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "\"\\n\\u00e9\\\\\"",
        "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
        "\"]}[{\\\"\"",
        "\"a text that is longer than sixteen bytes, or even thirty-two\"",
        "12345678901234567",
        "\"\\ud83d\\ude00\"",
        "\"0123456789abcde\\\"\"",
        "\"0123456789abcdef\""};
    static const char *const keys[] = {
        "\"a\"", "\"b\"", "\"c\"", "\"\"", "\"a longer member name\"", "\"\\u0061\""};
    static const char *const spaces[] = {"", "", "", " ", "\n  ", "\t\r\n                      "};
    size_t kind = depth > 0 ? below(4) : 3, n = below(5);
    sco_buf_addz(b, spaces[below(SCO_ARRAY_LEN(spaces))]);
    if (kind == 3) {
        sco_buf_addz(b, leaves[below(SCO_ARRAY_LEN(leaves))]);
    } else {
        bool map = kind == 0;
        sco_buf_addc(b, map ? '{' : '[');
        for (size_t i = 0; i < n; i++) {
            sco_buf_addz(b, i ? "," : "");
            sco_buf_addz(b, map ? keys[below(SCO_ARRAY_LEN(keys))] : "");
            sco_buf_addz(b, map ? ":" : "");
            make_value(b, depth - 1);
        }
        sco_buf_addc(b, map ? '}' : ']');
    }
    sco_buf_addz(b, spaces[below(SCO_ARRAY_LEN(spaces))]);
}

static void mutate(struct sco_buf *b)
{
    static const char bytes[] =
        "\"\"\\\\{}[],:0123-+.eEtfnu \n\x00\x01\x1f\x7f\x80\xBF\xC2\xE2\xED\xF0\xFF";
    size_t at = b->n ? below(b->n) : 0;
    switch (below(4)) {
    case 0:
        if (b->n)
            b->p[at] = bytes[below(sizeof bytes - 1)];
        break;
    case 1:
        b->n = at;
        break;
    case 2:
        if (b->n) {
            memmove(b->p + at, b->p + at + 1, b->n - at - 1);
            b->n--;
        }
        break;
    default:
        sco_buf_addc(b, ' ');
        memmove(b->p + at + 1, b->p + at, b->n - at - 1);
        b->p[at] = bytes[below(sizeof bytes - 1)];
    }
}

static void test_random_texts(void **state)
{
    size_t accepted = 0, rounds = getenv("SECUREOPS_LONG_TESTS") ? 3000000 : 12000;
    (void)state;
    seed = 0x5EC0;
    for (size_t i = 0; i < rounds; i++) {
        SCO_AUTO(sco_buf) struct sco_buf text = {0};
        make_value(&text, 4);
        for (size_t k = below(3); k; k--)
            mutate(&text);
        SCO_AUTO(sco_free) char *exact = sco_strdup(sco_buf_str(&text)); /* reads beyond: ASan */
        accepted += compare(sco_str_make(exact, text.n));
    }
    assert_true(accepted > rounds / 4 && accepted < rounds - rounds / 4);
}

/* ---- UTF-8 ------------------------------------------------------------------------------------
 */

static void same_utf8(const char *p, size_t n)
{
    bool whole = sco_json_utf8(p, n) == n;
    if (whole != sco_utf8_valid(sco_str_make(p, n)))
        show(sco_str_make(p, n), "UTF-8 judged differently", whole ? "good" : "bad", "");
}

static void test_utf8(void **state)
{
    static const unsigned char tails[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                          0xA0, 0xBF, 0xC0, 0xC3, 0xE2, 0xFF};
    enum { TAILS = sizeof tails };
    (void)state;
    for (unsigned i = 0; i < 256 * 256; i++) {
        char z[16] = {(char)(i >> 8), (char)i, 0};
        same_utf8(z, 1);
        same_utf8(z, 2);
        for (unsigned k = 0; k < TAILS * TAILS; k++) {
            z[2] = (char)tails[k / TAILS];
            z[3] = (char)tails[k % TAILS];
            same_utf8(z, 3);
            same_utf8(z, 4);
        }
        snprintf(z + 4, sizeof z - 4, "abcdefghijk"); /* with room for eight at a time */
        same_utf8(z, 15);
    }
    assert_int_equal(sco_json_utf8("abcdefghij\xC3\xA9\xFFx", 14), 12);
}

/* ---- real reports -----------------------------------------------------------------------------
 */

static size_t compare_folder(const char *path, int depth)
{
    size_t n = 0;
    DIR *dir = depth < 8 ? opendir(path) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        SCO_AUTO(sco_buf) struct sco_buf name = {0}, text = {0};
        if (e->d_name[0] == '.')
            continue;
        assert_int_equal(sco_path_join(&name, sco_str_c(path), sco_str_c(e->d_name)), 0);
        if (sco_fs_is_dir(sco_buf_z(&name)))
            n += compare_folder(name.p, depth + 1);
        else if (sco_str_ends(sco_buf_str(&name), ".json") &&
                 sco_fs_read(name.p, 64 << 20, &text, NULL) == 0 && text.n)
            n += compare(sco_buf_str(&text));
    }
    if (dir)
        closedir(dir);
    return n;
}

static void test_real_reports(void **state)
{
    const char *corpus = getenv("SECUREOPS_CORPUS"), *source = getenv("SECUREOPS_SOURCE");
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    (void)state;
    sco_buf_addf(&path, "%s%s",
                 corpus   ? corpus
                 : source ? source
                          : ".",
                 corpus ? "" : "/../shared/corpus");
    if (!sco_fs_is_dir(sco_buf_z(&path))) {
        print_message("no corpus of real reports at %s\n", path.p);
        sco_buf_done(&path); /* skip() jumps */
        skip();
    }
    seed = 7;
    size_t n = compare_folder(path.p, 0);
    print_message("%zu real documents\n", n);
    assert_true(n > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tricky_texts),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_real_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
