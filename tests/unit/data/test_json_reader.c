/* The JSON reader: values, deferred parts and walks, errors and limits. */
#include "json_help.h"
#include "json_priv.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <secureops/fs.h>

struct fixture {
    struct sco_arena arena;
    struct sco_error err;
};

static const struct sco_node *parse(struct fixture *f, const char *text)
{
    const struct sco_node *v = NULL;
    int r = sco_json_parse(sco_str_c(text), &f->arena, &v, &f->err);
    if (r < 0)
        print_error("%s: %s\n", text, f->err.text);
    assert_int_equal(r, 0);
    return v;
}

static void is_text(const struct sco_node *v, const char *want)
{
    assert_non_null(v);
    assert_int_equal(v->text.n, strlen(want));
    assert_string_equal(v->text.p, want); /* so it is NUL-terminated, too */
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    sco_json_window = SCO_JSON_WINDOW;
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sco_arena_done(&f->arena);
    free(f);
    return 0;
}

/* ---- values -----------------------------------------------------------------------------------
 */

static void test_values(void **state)
{
    struct fixture *f = *state;
    const struct sco_node *v =
        parse(f, " { \"a\" : null , \"b\":true,\"c\":false,\"d\":[ ],\"e\":{},\"f\":[1,[2],\"x\"],"
                 "\"a\":7,\"\":\"empty name\"}\r\n\t ");
    assert_int_equal(v->type, SCO_NODE_MAP);
    assert_int_equal(v->n, 8);
    assert_int_equal(sco_get(v, "a")->type, SCO_NODE_NULL); /* the first of two */
    assert_int_equal(sco_get(v, "b")->type, SCO_NODE_BOOL);
    assert_int_equal(sco_get(v, "b")->i, 1);
    is_text(sco_get(v, "c"), "false");
    assert_int_equal(sco_get(v, "d")->type, SCO_NODE_LIST);
    assert_null(sco_get(v, "d")->child);
    assert_int_equal(sco_get(v, "e")->type, SCO_NODE_MAP);
    const struct sco_node *list = sco_get(v, "f");
    assert_int_equal(list->n, 3);
    is_text(list->child, "1");
    assert_int_equal(list->child->next->child->i, 2);
    is_text(list->child->next->next, "x");
    assert_null(list->child->next->next->next);
    is_text(sco_get(v, ""), "empty name");
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        uint32_t type;
        int64_t i;
    } cases[] = {
        {"0", SCO_NODE_INT, 0},
        {"-0", SCO_NODE_INT, 0},
        {"7", SCO_NODE_INT, 7},
        {"-12", SCO_NODE_INT, -12},
        {"999999999999999999", SCO_NODE_INT, 999999999999999999},
        {"1000000000000000000", SCO_NODE_INT, 1000000000000000000},
        {"9223372036854775807", SCO_NODE_INT, INT64_MAX},
        {"-9223372036854775808", SCO_NODE_INT, INT64_MIN},
        {"9223372036854775808", SCO_NODE_REAL, 0},
        {"-9223372036854775809", SCO_NODE_REAL, 0},
        {"123456789012345678901234567890", SCO_NODE_REAL, 0},
        {"1.0", SCO_NODE_REAL, 0},
        {"0.1", SCO_NODE_REAL, 0},
        {"-0.0", SCO_NODE_REAL, 0},
        {"1e5", SCO_NODE_REAL, 0},
        {"1E+5", SCO_NODE_REAL, 0},
        {"12.50e-300", SCO_NODE_REAL, 0},
        {"1e999999", SCO_NODE_REAL, 0},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        SCO_AUTO(sco_buf) struct sco_buf in_list = {0};
        sco_buf_addf(&in_list, "[%s, %s]", cases[i].text, cases[i].text);
        const struct sco_node *v = parse(f, cases[i].text);
        for (int k = 0; k < 2; k++, v = parse(f, sco_buf_z(&in_list))->child->next) {
            assert_int_equal(v->type, cases[i].type);
            is_text(v, cases[i].text);
            if (v->type == SCO_NODE_INT)
                assert_true(v->i == cases[i].i);
        }
    }
}

static void test_strings(void **state)
{
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"\"\"", ""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\"", "A\xC3\xA9\xE2\x82\xAC"},
        {"\"\\uD83D\\ude00\"", "\xF0\x9F\x98\x80"},
        {"\"a\\u0000b\"", "a\xEF\xBF\xBD"
                          "b"},
        {"\"\x7F\xC3\xA9\xF0\x9F\x98\x80\"", "\x7F\xC3\xA9\xF0\x9F\x98\x80"},
        {"\"plain text of more than sixteen bytes\"", "plain text of more than sixteen bytes"},
        {"\"text of more than sixteen bytes \\n\\\\\"", "text of more than sixteen bytes \n\\"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        SCO_AUTO(sco_buf) struct sco_buf map = {0};
        sco_buf_addf(&map, "{%s: %s          }", cases[i].json, cases[i].json);
        is_text(parse(f, cases[i].json), cases[i].want);
        const struct sco_node *v = parse(f, sco_buf_z(&map))->child;
        is_text(v, cases[i].want);
        assert_string_equal(v->key.p, cases[i].want);
    }
}

/* ---- errors -----------------------------------------------------------------------------------
 */

static void test_errors(void **state)
{
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"", "offset 0, $: expected a value, found the end"},
        {"  ", "offset 2, $: expected a value, found the end"},
        {"[1,]", "offset 3, $[1]: expected a value, found ']'"},
        {"[,1]", "offset 1, $[0]: expected a value, found ','"},
        {"{\"a\":1,}", "offset 7, $: expected a name in quotes, found '}'"},
        {"{a:1}", "offset 1, $: expected a name in quotes, found 'a'"},
        {"{\"a\" 1}", "offset 5, $.a: expected ':', found '1'"},
        {"{\"a\":1 \"b\":2}", "offset 7, $.a: expected ',' or '}', found '\"'"},
        {"[1 2]", "offset 3, $[0]: expected ',' or ']', found '2'"},
        {"[1}", "offset 2, $[0]: expected ',' or ']', found '}'"},
        {"[01]", "offset 2, $[0]: bad number"},
        {"[-]", "offset 2, $[0]: bad number"},
        {"[1.]", "offset 3, $[0]: bad number"},
        {"[.5]", "offset 1, $[0]: expected a value, found '.'"},
        {"[1e]", "offset 3, $[0]: bad number"},
        {"[+1]", "offset 1, $[0]: expected a value, found '+'"},
        {"[NaN]", "offset 1, $[0]: expected a value, found 'N'"},
        {"[nul]", "offset 1, $[0]: expected a value, found 'n'"},
        {"[truefalse]", "offset 5, $[0]: expected ',' or ']', found 'f'"},
        {"1 2", "offset 2, $: expected nothing more, found '2'"},
        {"[1]]", "offset 3, $: expected nothing more, found ']'"},
        {"\"\\q\"", "offset 1, $: bad escape in a string"},
        {"\"ab\\u12G4\"", "offset 3, $: bad \\u escape in a string"},
        {"\"\\ud800\"", "offset 1, $: lone high surrogate in a string"},
        {"\"\\ud800\\u0041\"", "offset 1, $: lone high surrogate in a string"},
        {"\"x\\udc00\"", "offset 2, $: lone low surrogate in a string"},
        {"\"a\nb\"", "offset 2, $: control character 0x0a in a string"},
        {"\"ab\xFF\"", "offset 3, $: invalid UTF-8 in a string"},
        {"\"a\xC0\xAF\"", "offset 2, $: invalid UTF-8 in a string"},
        {"[\x01]", "offset 1, $[0]: expected a value, found byte 0x01"},
        {"{\"Results\":[1,2,{\"b\":[{\"Ti tle\":\"\\x\"}]}]}",
         "offset 33, $.Results[2].b[0][\"Ti tle\"]: bad escape in a string"},
        {"[\"abc", "offset 5, $[0]: ends in the middle of a string"},
        {"[\"abc\\", "offset 6, $[0]: ends in the middle of a string"},
        {"[1, {\"a\":", "offset 9, $[1].a: ends in the middle of an object"},
        {"[1, {\"a\":[", "offset 10, $[1].a: ends in the middle of a list"},
        {"[-", "offset 2, $[0]: ends in the middle of a number"},
        {"[fals", "offset 5, $[0]: ends in the middle of false"},
        {"\xFF\xFE[\0]\0", "offset 0, $: the text is UTF-16 or UTF-32, expected UTF-8"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        const struct sco_node *v = (const void *)f;
        int r = sco_json_parse(sco_str_c(cases[i].json), &f->arena, &v, &f->err);
        assert_int_equal(r, SCO_E_PARSE);
        assert_int_equal(f->err.code, SCO_E_PARSE);
        assert_string_equal(f->err.text, cases[i].want);
        assert_ptr_equal(v, f); /* untouched */
        assert_int_equal(sco_json_parse(sco_str_c(cases[i].json), &f->arena, &v, NULL), r);
    }
}

static void test_long_names_in_paths(void **state)
{
    struct fixture *f = *state;
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    const struct sco_node *v;
    for (int i = 0; i < 200; i++) {
        sco_buf_addz(&text, "{\"");
        for (int k = 0; k < 100; k++)
            sco_buf_addz(&text, "\xC3\xA9");
        sco_buf_addz(&text, "\":");
    }
    sco_buf_addz(&text, "!");
    assert_int_equal(sco_json_parse(sco_buf_str(&text), &f->arena, &v, &f->err), SCO_E_PARSE);
    assert_true(sco_utf8_valid(sco_str_c(f->err.text)));
    assert_non_null(strstr(f->err.text, "...: expected a value, found '!'"));
}

/* An error names the file; files that cannot be read have codes of their own. */
static void test_files(void **state)
{
    struct fixture *f = *state;
    struct sco_reader *r = NULL;
    const struct sco_node *v;
    char *dir = NULL;
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    assert_int_equal(sco_fs_mkdtemp(NULL, "json", &dir, &f->err), 0);
    assert_int_equal(sco_path_join(&path, sco_str_c(dir), SCO_STR("trivy.json")), 0);
    assert_int_equal(sco_fs_write(sco_buf_z(&path), SCO_STR("{\"a\": tru"), 0600, &f->err), 0);
    assert_int_equal(sco_reader_open(sco_buf_z(&path), &r, &f->err), 0);
    assert_int_equal(sco_reader_read(r, NULL, &v, &f->err), SCO_E_PARSE);
    assert_string_equal(f->err.text, "trivy.json: offset 9, $.a: ends in the middle of true");
    f->err.text[0] = 0; /* and it stays in error */
    assert_int_equal(sco_reader_read(r, NULL, &v, &f->err), SCO_E_PARSE);
    assert_string_equal(f->err.text, "trivy.json: offset 9, $.a: ends in the middle of true");
    assert_int_equal(sco_reader_check_end(r, &f->err), SCO_E_PARSE);
    r = sco_reader_close(r);
    assert_int_equal(sco_reader_open("/nonexistent/x.json", &r, &f->err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_reader_open(dir, &r, &f->err), SCO_E_IO);
    assert_null(r);
    assert_null(sco_reader_close(NULL));
    sco_fs_remove_tree(dir);
    free(dir);
}

/* ---- top-level values -------------------------------------------------------------------------
 */

static int read_all(struct sco_str text, struct sco_buf *out, struct sco_error *err)
{
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    assert_int_equal(sco_reader_open(text_file(text), &r, err), 0);
    int res = dump_walked(r, NULL, out, err);
    if (res == 0)
        assert_int_equal(sco_reader_check_end(r, err), 0);
    return res;
}

static void test_several_values(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: an error */
    } cases[] = {
        {"", ""},
        {" \n", ""},
        {"\xEF\xBB\xBF", ""},
        {"\xEF\xBB\xBF{\"a\":1}\n", "{\"a\":1}\n"},
        {"{\"a\":1}\n{\"b\":2}\n\n[3]", "{\"a\":1}\n{\"b\":2}\n[3]\n"},
        {"{}{}[]", "{}\n{}\n[]\n"},
        {"1 2 \"x\"true", "1\n2\n\"x\"\ntrue\n"},
        {"12\"x\"", "12\n\"x\"\n"},
        {"truefalse", NULL},
        {"12true", NULL},
        {"{}]", NULL},
        {"{} x", NULL},
        {"{},{}", NULL},
        {"{}\n{\"a\":", NULL},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        SCO_AUTO(sco_buf) struct sco_buf out = {0};
        int r = read_all(sco_str_c(cases[i].text), &out, &f->err);
        assert_int_equal(r, cases[i].want ? 0 : SCO_E_PARSE);
        if (cases[i].want)
            assert_string_equal(sco_buf_z(&out), cases[i].want);
    }
}

static void test_check_end(void **state)
{
    struct fixture *f = *state;
    const struct sco_node *v;
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    assert_int_equal(sco_reader_open_mem(SCO_STR("{} {}"), &r, &f->err), 0);
    assert_int_equal(sco_reader_read(r, NULL, &v, &f->err), 1);
    assert_int_equal(sco_reader_check_end(r, &f->err), SCO_E_PARSE);
    assert_string_equal(f->err.text, "offset 3, $: expected nothing more, found '{'");
}

/* ---- deferred parts and walks -----------------------------------------------------------------
 */

#define DOCUMENT                                                                                   \
    "{\"runs\":[{\"results\":[{\"id\":1,\"tags\":[\"a\",\"]\"]},{\"id\":2}],\"x\":[1]},"           \
    "{\"results\":[],\"y\":{}}],\"tail\":{\"results\":{\"k\":[1],\"l\":\"\\\\\"}}}"

static const char *const by_results[] = {"results", NULL};
static const char *const by_runs[] = {"runs", "tags", NULL};

static void test_deferred(void **state)
{
    struct fixture *f = *state;
    const struct sco_node *v, *c;
    struct sco_iter *it;
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    assert_int_equal(sco_reader_open(text_file(SCO_STR(DOCUMENT)), &r, &f->err), 0);
    assert_int_equal(sco_reader_read(r, by_results, &v, &f->err), 1);
    const struct sco_node *run = sco_get(v, "runs")->child;
    assert_int_equal(sco_get(run, "results")->type, SCO_NODE_DEFERRED);
    assert_null(sco_text(sco_get(run, "results")).p);
    assert_int_equal(sco_get(run, "x")->type, SCO_NODE_LIST);
    assert_int_equal(sco_get(run->next, "results")->type, SCO_NODE_DEFERRED);
    const struct sco_node *late = sco_path(v, "tail.results");
    assert_int_equal(late->type, SCO_NODE_DEFERRED);

    assert_int_equal(sco_iter_open(r, late, &it, &f->err), 0); /* a map: items have keys */
    assert_int_equal(sco_iter_next(it, NULL, &c, &f->err), 1);
    assert_string_equal(c->key.p, "k");
    assert_int_equal(c->type, SCO_NODE_LIST);
    assert_int_equal(sco_iter_next(it, NULL, &c, &f->err), 1);
    is_text(c, "\\");
    assert_int_equal(sco_iter_next(it, NULL, &c, &f->err), 0);
    assert_int_equal(sco_iter_next(it, NULL, &c, &f->err), 0);
    sco_iter_close(it);

    assert_int_equal(sco_iter_open(r, sco_get(run, "results"), &it, &f->err), 0);
    static const char *const tags[] = {"tags", NULL};
    assert_int_equal(sco_iter_next(it, tags, &c, &f->err), 1);
    assert_int_equal(sco_get(c, "id")->i, 1);
    assert_int_equal(sco_get(c, "tags")->type, SCO_NODE_DEFERRED);
    assert_int_equal(sco_iter_next(it, tags, &c, &f->err), 1);
    assert_int_equal(sco_get(c, "id")->i, 2);
    sco_iter_close(it);
    assert_int_equal(sco_reader_read(r, NULL, &v, &f->err), 0); /* wherever the walks were */
}

static void walk_to_end(struct sco_reader *r, const struct sco_node *node, size_t want)
{
    struct sco_iter *it;
    const struct sco_node *c;
    size_t n = 0;
    int res;
    assert_int_equal(sco_iter_open(r, node, &it, NULL), 0);
    while ((res = sco_iter_next(it, NULL, &c, NULL)) == 1)
        n++;
    assert_int_equal(res, 0);
    assert_int_equal(n, want);
    sco_iter_close(it);
}

static void test_other_walks(void **state)
{
    struct fixture *f = *state;
    const struct sco_node *v;
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    static const char *const top[] = {"[]", NULL};
    assert_int_equal(sco_reader_open_mem(SCO_STR("[1,[2,3],{\"a\":[]}] {\"a\":[1,2]} 5"), &r, NULL),
                     0);
    assert_int_equal(sco_reader_read(r, top, &v, &f->err), 1);
    assert_int_equal(v->type, SCO_NODE_DEFERRED);
    walk_to_end(r, v, 3);
    assert_int_equal(sco_reader_read(r, top, &v, &f->err), 1);
    assert_int_equal(v->type, SCO_NODE_MAP);
    walk_to_end(r, v, 1);
    walk_to_end(r, v->child, 2);
    assert_int_equal(sco_reader_read(r, top, &v, &f->err), 1);
    walk_to_end(r, v, 0); /* a number */
    walk_to_end(r, NULL, 0);
    sco_iter_close(NULL);
}

/* Two walks over the same list take turns, with a window smaller than the distance between them. */
static void test_walks_take_turns(void **state)
{
    struct fixture *f = *state;
    const struct sco_node *v, *a, *b;
    struct sco_iter *one, *two;
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    static const char *const top[] = {"[]", NULL};
    sco_json_window = 64;
    sco_buf_addc(&text, '[');
    for (int i = 0; i < 1000; i++)
        sco_buf_addf(&text, "%s{\"n\":%d}", i ? "," : "", i);
    sco_buf_addc(&text, ']');
    assert_int_equal(sco_reader_open(text_file(sco_buf_str(&text)), &r, NULL), 0);
    assert_int_equal(sco_reader_read(r, top, &v, &f->err), 1);
    assert_int_equal(sco_iter_open(r, v, &one, &f->err), 0);
    assert_int_equal(sco_iter_open(r, v, &two, &f->err), 0);
    for (int i = 0; i < 500; i++)
        assert_int_equal(sco_iter_next(two, NULL, &b, &f->err), 1);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(sco_iter_next(one, NULL, &a, &f->err), 1);
        assert_int_equal(sco_iter_next(two, NULL, &b, &f->err), 1);
        assert_int_equal(sco_get(a, "n")->i, i);
        assert_int_equal(sco_get(b, "n")->i, i + 500);
    }
    assert_int_equal(sco_iter_next(two, NULL, &b, &f->err), 0);
    sco_iter_close(one);
    sco_iter_close(two);
}

/* What is deferred is checked when it is walked, with the path from the top. */
static void test_deferred_is_checked(void **state)
{
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"{\"runs\":[{\"results\":[1,2,{\"a\":[\"\\x\"]}]}]}",
         "offset 32, $.runs[0].results[2].a[0]: bad escape in a string"},
        {"{\"runs\":[1 2]}", "offset 11, $.runs: expected ',' or ']', found '2'"},
        {"{\"runs\":{\"a\":1,\"b\" 2}}", "offset 19, $.runs.b: expected ':', found '2'"},
        {"{\"runs\":{\"a\":1,,}}", "offset 15, $.runs: expected a name in quotes, found ','"},
        {"{\"runs\":[1,{\"x\":[2}]]}", "offset 18, $.runs[1].x[0]: expected ',' or ']', found '}'"},
    };
    static const char *const names[] = {"runs", "results", NULL};
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
        SCO_AUTO(sco_buf) struct sco_buf out = {0};
        assert_int_equal(sco_reader_open_mem(sco_str_c(cases[i].json), &r, NULL), 0);
        assert_int_equal(dump_walked(r, names, &out, &f->err), SCO_E_PARSE);
        assert_string_equal(f->err.text, cases[i].want);
    }
}

static void test_walk_stays_in_error(void **state)
{
    struct fixture *f = *state;
    const struct sco_node *v, *c;
    struct sco_iter *it;
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    assert_int_equal(sco_reader_open_mem(SCO_STR("{\"runs\":[1,x,3]}"), &r, NULL), 0);
    assert_int_equal(sco_reader_read(r, by_runs, &v, &f->err), 1);
    assert_int_equal(sco_iter_open(r, v->child, &it, &f->err), 0);
    assert_int_equal(sco_iter_next(it, NULL, &c, &f->err), 1);
    for (int i = 0; i < 3; i++) {
        c = v;
        f->err.text[0] = 0;
        assert_int_equal(sco_iter_next(it, NULL, &c, &f->err), SCO_E_PARSE);
        assert_string_equal(f->err.text, "offset 11, $.runs[1]: expected a value, found 'x'");
        assert_ptr_equal(c, v);
    }
    sco_iter_close(it);
}

/* ---- scan and head ----------------------------------------------------------------------------
 */

static void test_scan(void **state)
{
    struct fixture *f = *state;
    uint64_t n = 0;
    const char *path = text_file(SCO_STR("{\"a\":[1,true,{}],\"b\":\"\\u00e9\"} [] 1"));
    assert_int_equal(sco_json_scan(path, &n, &f->err), 0);
    assert_int_equal(n, 14);
    static const char *const bad[] = {"[1,]", "{\"a\"}", "[\"\\x\"]", "[[1]", "{\"a\":1]", "tru"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_int_equal(sco_json_scan(text_file(sco_str_c(bad[i])), &n, NULL), SCO_E_PARSE);
    assert_int_equal(sco_json_scan("/nonexistent", &n, &f->err), SCO_E_NOT_FOUND);
}

static void test_head(void **state)
{
    struct fixture *f = *state;
    static const char text[] =
        "{\"version\":\"2.1.0\",\"n\":12,\"runs\":[{\"tool\":{}},{\"x\":1}]}";
    for (size_t n = 0; n < sizeof text; n++) {
        SCO_AUTO(sco_free) char *copy = sco_strdup(sco_str_make(text, n)); /* exact size for ASan */
        const struct sco_node *v = sco_json_parse_head(sco_str_make(copy, n), &f->arena);
        if (n == 0) {
            assert_null(v);
            continue;
        }
        assert_int_equal(v->type, SCO_NODE_MAP);
        assert_int_equal(sco_get(v, "version") != NULL, n >= 18);
        assert_int_equal(sco_get(v, "n") != NULL, n >= 26); /* 12 could go on until the comma */
        if (n >= 34)
            assert_int_equal(sco_get(v, "runs")->n, n < 35 ? 0 : n < 47 ? 1 : 2);
    }
    assert_null(sco_json_parse_head(SCO_STR("[section]\nkey=1\n"), &f->arena));
    assert_null(sco_json_parse_head(SCO_STR("{{ template }}"), &f->arena));
    assert_null(sco_json_parse_head(SCO_STR("<xml/>"), &f->arena));
    assert_null(sco_json_parse_head(SCO_STR("\"cut"), &f->arena));
    assert_non_null(sco_json_parse_head(SCO_STR("{\"a\":1, oops"), &f->arena));
    assert_int_equal(sco_json_parse_head(SCO_STR("\xEF\xBB\xBF[1]"), &f->arena)->n, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_names_in_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_check_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_walks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walks_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk_stays_in_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_head, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
