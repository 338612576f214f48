/* The JSON reader against what goes wrong: cut files, tokens across the window's border, files that
 * change, pipes, the named limits, no memory. */
#include "json_help.h"
#include "json_priv.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include <secureops/fs.h>

/* Every kind of token, escapes and characters of each length. */
static const char document[] =
    "{\"version\":\"2.1.0\",\"empty\":{},\"none\":[],\"runs\":[{\"tool\":{\"name\":\"\\u00e9\\ud83d"
    "\\ude00\\\\\"},\"results\":[{\"id\":\"a\",\"level\":-12,\"f\":1.50e+3,\"ok\":true},\n\t "
    "{\"id\":"
    "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 text of more than sixteen bytes and an \\\" escape\","
    "\"no\":false,\"nil\":null,\"deep\":[[[{\"x\":[1,2,{\"y\":\"]}\"}]}]]]}, 9223372036854775807 "
    "]},"
    "{\"results\":[\"\\\\\",\"\\\"\",\"]\"]}],\"tail\":\"end\"}";

static const char *const names[] = {"results", "runs", "tool", "none", NULL};
static const char *const results_only[] = {"results", NULL};
static const char *const *const ways[] = {NULL, names, results_only};

static int setup(void **state)
{
    (void)state;
    sco_json_window = SCO_JSON_WINDOW;
    return 0;
}

/* Reads a file with a small window, deferred or not, whole. */
static int dump_file(const char *path, size_t window, const char *const *deferred,
                     struct sco_buf *out, struct sco_error *err)
{
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    sco_json_window = window;
    int res = sco_reader_open(path, &r, err);
    if (res == 0)
        res = dump_walked(r, deferred, out, err);
    sco_json_window = SCO_JSON_WINDOW;
    return res;
}

static void test_window_borders(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf want = {0};
    struct sco_error err;
    (void)state;
    assert_int_equal(dump_parsed(sco_str_c(document), &want, &err), 0);
    sco_buf_addc(&want, '\n');
    const char *path = text_file(sco_str_c(document));
    for (size_t window = 1; window <= 200; window++) {
        for (size_t w = 0; w < SCO_ARRAY_LEN(ways); w++) {
            SCO_AUTO(sco_buf) struct sco_buf out = {0};
            assert_int_equal(dump_file(path, window, ways[w], &out, &err), 0);
            assert_string_equal(sco_buf_z(&out), sco_buf_z(&want));
        }
    }
}

/* Whatever is missing at the end, and however it is read, it is an error, and says so. */
static void test_cut_at_every_byte(void **state)
{
    static const size_t windows[] = {1, 7, 64, SCO_JSON_WINDOW};
    struct sco_error err;
    (void)state;
    for (size_t n = 1; n < sizeof document - 1; n++) {
        SCO_AUTO(sco_free) char *copy = sco_strdup(sco_str_make(document, n));
        SCO_AUTO(sco_buf) struct sco_buf out = {0};
        assert_int_equal(dump_parsed(sco_str_make(copy, n), &out, &err), SCO_E_PARSE);
        const char *path = text_file(sco_str_make(copy, n));
        for (size_t k = 0; k < SCO_ARRAY_LEN(ways) * SCO_ARRAY_LEN(windows); k++) {
            SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
            const struct sco_node *v;
            sco_json_window = windows[k / SCO_ARRAY_LEN(ways)];
            assert_int_equal(sco_reader_open(path, &r, &err), 0);
            /* the first read, before anything deferred is walked */
            assert_int_equal(sco_reader_read(r, ways[k % SCO_ARRAY_LEN(ways)], &v, &err),
                             SCO_E_PARSE);
            if (!strstr(err.text, "ends in the middle of "))
                fail_msg("cut at %zu: %s", n, err.text);
        }
        uint64_t tokens;
        assert_int_equal(sco_json_scan(path, &tokens, &err), SCO_E_PARSE);
    }
}

/* ---- files that are not what they seem --------------------------------------------------------
 */

static int walk_and_meddle(void (*meddle)(void), struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    const struct sco_node *v, *c;
    struct sco_iter *it;
    int res, n = 0;
    sco_buf_addz(&text, "{\"results\":[0");
    for (int i = 1; i < 5000; i++)
        sco_buf_addf(&text, ", %d", i);
    sco_buf_addz(&text, "]}");
    sco_json_window = 1024;
    assert_int_equal(sco_reader_open(text_file(sco_buf_str(&text)), &r, err), 0);
    assert_int_equal(sco_reader_read(r, results_only, &v, err), 1);
    assert_int_equal(sco_iter_open(r, v->child, &it, err), 0);
    while ((res = sco_iter_next(it, NULL, &c, err)) == 1)
        if (++n == 2000)
            meddle();
    sco_iter_close(it);
    return res;
}

static void grow(void)
{
    text_file_append(SCO_STR(" [1]"));
}

static void shrink(void)
{
    text_file_truncate(15000);
}

static void nothing(void)
{
}

static void test_changing_file(void **state)
{
    struct sco_error err = {0};
    (void)state;
    assert_int_equal(walk_and_meddle(nothing, &err), 0);
    assert_int_equal(walk_and_meddle(grow, &err), SCO_E_IO);
    assert_non_null(strstr(err.text, "the file grew while it was read"));
    assert_int_equal(walk_and_meddle(shrink, &err), SCO_E_IO);
    assert_non_null(strstr(err.text, "the file shrank while it was read"));
}

static void test_pipe(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf want = {0}, out = {0};
    struct sco_error err;
    char path[64];
    int fd[2];
    (void)state;
    assert_int_equal(dump_parsed(sco_str_c(document), &want, &err), 0);
    sco_buf_addc(&want, '\n');
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(sco_fs_write_all(fd[1], sco_str_c(document)), 0);
    close(fd[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd[0]);
    assert_int_equal(dump_file(path, 64, names, &out, &err), 0);
    assert_string_equal(sco_buf_z(&out), sco_buf_z(&want));
    close(fd[0]);
}

/* Files that say they are empty are read nevertheless. */
static void test_file_of_proc(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_error err;
    (void)state;
    assert_int_equal(dump_file("/proc/self/oom_score_adj", 64, NULL, &out, &err), 0);
    assert_true(out.n > 1); /* a number */
}

/* ---- limits -----------------------------------------------------------------------------------
 */

static void nested(struct sco_buf *out, const char *open, const char *close, int n)
{
    sco_buf_clear(out);
    for (int i = 0; i < n; i++)
        sco_buf_addz(out, open);
    sco_buf_addz(out, "1");
    for (int i = 0; i < n; i++)
        sco_buf_addz(out, close);
}

/* The depth counts from the top of the document, also when parts of it are deferred. */
static void test_depth(void **state)
{
    static const struct {
        const char *open, *close, *name;
    } kinds[] = {{"[", "]", "[]"}, {"{\"a\":", "}", "a"}};
    (void)state;
    for (size_t k = 0; k < SCO_ARRAY_LEN(kinds); k++) {
        for (int more = 0; more < 2; more++) {
            SCO_AUTO(sco_buf) struct sco_buf text = {0}, out = {0}, walked = {0};
            SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
            struct sco_error err = {0};
            const char *const deferred[] = {kinds[k].name, NULL};
            nested(&text, kinds[k].open, kinds[k].close, SCO_JSON_DEPTH_MAX + more);
            int want = more ? SCO_E_LIMIT : 0;
            assert_int_equal(dump_parsed(sco_buf_str(&text), &out, &err), want);
            assert_int_equal(strstr(err.text, "SCO_JSON_DEPTH_MAX") != NULL, more);
            assert_int_equal(sco_reader_open_mem(sco_buf_str(&text), &r, &err), 0);
            assert_int_equal(dump_walked(r, deferred, &walked, &err), want);
            uint64_t n;
            assert_int_equal(sco_json_scan(text_file(sco_buf_str(&text)), &n, &err), want);
        }
    }
}

/* What is deferred and never walked may be deeper than what could be walked: no memory is used. */
static void test_deep_skip(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    static const char *const top[] = {"[]", NULL};
    const struct sco_node *v;
    (void)state;
    nested(&text, "[", "]", 1000000);
    assert_int_equal(sco_reader_open_mem(sco_buf_str(&text), &r, NULL), 0);
    assert_int_equal(sco_reader_read(r, top, &v, NULL), 1);
    assert_int_equal(sco_reader_check_end(r, NULL), 0);
}

static void test_long_token(void **state)
{
    struct sco_error err;
    size_t n = SCO_JSON_TOKEN_MAX;
    SCO_AUTO(sco_free) char *text = sco_grow(NULL, n + 3, 1);
    (void)state;
    for (int more = 0; more < 2; more++, n++) {
        SCO_AUTO(sco_buf) struct sco_buf out = {0};
        memset(text, 'x', n + 2);
        text[0] = text[n + 1] = '"';
        struct sco_str s = sco_str_make(text, n + 2);
        assert_int_equal(dump_parsed(s, &out, &err), more ? SCO_E_LIMIT : 0);
        assert_int_equal(out.n, more ? 0 : n + 2);
        int r = dump_file(text_file(s), SCO_JSON_WINDOW, NULL, &out, &err);
        assert_int_equal(r, more ? SCO_E_LIMIT : 0);
        if (more)
            assert_non_null(strstr(err.text, "SCO_JSON_TOKEN_MAX"));
    }
    memset(text, '1', SCO_JSON_TOKEN_MAX + 1);
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_str s = sco_str_make(text, SCO_JSON_TOKEN_MAX + 1);
    assert_int_equal(dump_parsed(s, &out, &err), SCO_E_LIMIT);
}

static void test_big_tree(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    static const char *const top[] = {"[]", NULL};
    const struct sco_node *v, *c;
    struct sco_iter *it;
    struct sco_error err;
    size_t n = 0;
    int res;
    (void)state;
    sco_buf_addc(&text, '[');
    for (size_t i = 0; i < SCO_JSON_TREE_MAX / sizeof(struct sco_node); i++)
        sco_buf_add(&text, SCO_STR("0,"));
    sco_buf_add(&text, SCO_STR("0]"));
    assert_int_equal(sco_reader_open_mem(sco_buf_str(&text), &r, &err), 0);
    assert_int_equal(sco_reader_read(r, NULL, &v, &err), SCO_E_LIMIT);
    assert_non_null(strstr(err.text, "SCO_JSON_TREE_MAX"));
    r = sco_reader_close(r);
    assert_int_equal(sco_reader_open_mem(sco_buf_str(&text), &r, &err), 0);
    assert_int_equal(sco_reader_read(r, top, &v, &err), 1); /* deferred, there is no limit */
    assert_int_equal(sco_iter_open(r, v, &it, &err), 0);
    while ((res = sco_iter_next(it, NULL, &c, &err)) == 1)
        n++;
    assert_int_equal(res, 0);
    assert_int_equal(n, SCO_JSON_TREE_MAX / sizeof(struct sco_node) + 1);
    sco_iter_close(it);
}

/* ---- memory -----------------------------------------------------------------------------------
 */

/* Whichever allocation fails: SCO_E_NOMEM and nothing leaks (the sanitizer looks). */
static void test_no_memory(void **state)
{
    struct sco_error err;
    const char *path = text_file(sco_str_c(document));
    (void)state;
    for (size_t w = 0; w < SCO_ARRAY_LEN(ways); w++) {
        for (long n = 0;; n++) {
            SCO_AUTO(sco_buf) struct sco_buf out = {0};
            assert_int_equal(sco_buf_reserve(&out, 4096), 0); /* the test's own */
            sco_alloc_fail_at(n);
            int r = dump_file(path, 16, ways[w], &out, &err);
            long used = sco_alloc_fail_at(-1);
            if (r == 0) {
                assert_true(used <= n && n > 5);
                break;
            }
            assert_int_equal(r, SCO_E_NOMEM);
            assert_non_null(strstr(err.text, "out of memory"));
        }
    }
}

static void test_no_memory_for_parse(void **state)
{
    struct sco_error err;
    (void)state;
    for (long n = 0;; n++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        const struct sco_node *v = NULL;
        sco_alloc_fail_at(n);
        int r = sco_json_parse(sco_str_c(document), &arena, &v, &err);
        sco_alloc_fail_at(-1);
        if (r == 0) {
            assert_true(n > 0);
            break;
        }
        assert_int_equal(r, SCO_E_NOMEM);
        assert_null(v);
    }
}

#ifndef SCO_SANITIZED
static long resident_kib(void)
{
    char line[128] = "";
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fgets(line, sizeof line, f) && sscanf(line, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_constant_memory(void **state)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    (void)state;
    sco_buf_addz(&text, "{\"runs\":[{\"results\":[0");
    for (int i = 0; i < 100000; i++)
        sco_buf_addf(&text, ",{\"id\":%d,\"text\":\"%0200d\",\"list\":[1,2,{\"a\":{}}]}", i, i);
    sco_buf_addz(&text, "]}]}");
    const char *path = text_file(sco_buf_str(&text));
    struct sco_error err;
    SCO_AUTO(sco_reader) struct sco_reader *r = NULL;
    const struct sco_node *v, *run, *c;
    struct sco_iter *runs, *it;
    size_t n = 0;
    long before = resident_kib();
    assert_int_equal(sco_reader_open(path, &r, &err), 0);
    assert_int_equal(sco_reader_read(r, names, &v, &err), 1);
    assert_int_equal(sco_iter_open(r, v->child, &runs, &err), 0);
    assert_int_equal(sco_iter_next(runs, names, &run, &err), 1);
    assert_int_equal(sco_iter_open(r, run->child, &it, &err), 0);
    while (sco_iter_next(it, NULL, &c, &err) == 1)
        n++;
    assert_int_equal(n, 100001);
    assert_true(resident_kib() - before < 8 * 1024);
    sco_iter_close(it);
    sco_iter_close(runs);
}
#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_window_borders, setup),
        cmocka_unit_test_setup(test_cut_at_every_byte, setup),
        cmocka_unit_test_setup(test_changing_file, setup),
        cmocka_unit_test_setup(test_pipe, setup),
        cmocka_unit_test_setup(test_file_of_proc, setup),
        cmocka_unit_test_setup(test_depth, setup),
        cmocka_unit_test_setup(test_deep_skip, setup),
        cmocka_unit_test_setup(test_long_token, setup),
        cmocka_unit_test_setup(test_big_tree, setup),
        cmocka_unit_test_setup(test_no_memory, setup),
        cmocka_unit_test_setup(test_no_memory_for_parse, setup),
#ifndef SCO_SANITIZED
        cmocka_unit_test_setup(test_constant_memory, setup),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
