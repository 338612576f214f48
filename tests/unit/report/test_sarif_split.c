/* SARIF files at GitHub's limits: results and runs of a file, its size; memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <secureops/fs.h>

#include "scan_fixture.h"

static char *dir;

static int set_up(void **state)
{
    (void)state;
    return sco_fs_mkdtemp(NULL, "test-sarif", &dir, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    size_t left = sco_fs_remove_tree(dir);
    free(dir);
    return left ? -1 : 0;
}

static const char *in_dir(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static json_t *load(const char *name)
{
    json_t *j = json_load_file(in_dir(name), 0, NULL);
    if (!j)
        fprintf(stderr, "%s is no JSON\n", name);
    assert_non_null(j);
    return j;
}

static json_t *runs(json_t *j)
{
    return json_object_get(j, "runs");
}

static size_t n_results(json_t *j, size_t run)
{
    return json_array_size(json_object_get(json_array_get(runs(j), run), "results"));
}

static const char *category(json_t *j, size_t run)
{
    return json_string_value(
        json_object_get(json_object_get(json_array_get(runs(j), run), "automationDetails"), "id"));
}

static int write_files(const struct sco_scan *s, const char *name)
{
    struct sco_error err = {0};
    int files = 0;
    int r = sco_report_write_file(s, SCO_REPORT_SARIF, NULL, in_dir(name), &files, &err);
    if (r < 0)
        fprintf(stderr, "%s\n", err.text);
    assert_int_equal(r, 0);
    return files;
}

static void many_results(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    fixture_run(&s, "t", "T", SCO_RUN_STATUS_COMPLETED);
    for (int i = 0; i < 60000; i++) {
        uint32_t severity = i < 25000 ? SCO_SEV_HIGH : SCO_SEV_LOW;
        fixture_finding(&s, SCO_TYPE_SAST, severity, "T", "R", "title")->line = 60000 - i;
    }
    fixture_count(&s);
    assert_int_equal(write_files(&s, "out.sarif"), 3);
    json_t *a = load("out.sarif"), *b = load("out-2.sarif"), *c = load("out-3.sarif");
    assert_int_equal(json_array_size(runs(a)), 1);
    assert_int_equal(n_results(a, 0), 25000);
    assert_int_equal(n_results(b, 0), 25000);
    assert_int_equal(n_results(c, 0), 10000);
    assert_string_equal(category(a, 0), "secureops/t/0b7c6c1e-5d0c-4a6e-9a53-0123456789ab");
    assert_string_equal(category(b, 0), "secureops/t/2/0b7c6c1e-5d0c-4a6e-9a53-0123456789ab");
    assert_string_equal(category(c, 0), "secureops/t/3/0b7c6c1e-5d0c-4a6e-9a53-0123456789ab");
    /* the most important ones are in the first file */
    json_t *rules = json_object_get(
        json_object_get(json_object_get(json_array_get(runs(b), 0), "tool"), "driver"), "rules");
    assert_string_equal(
        json_string_value(json_object_get(
            json_object_get(json_array_get(rules, 0), "defaultConfiguration"), "level")),
        "note");
    json_decref(a);
    json_decref(b);
    json_decref(c);
    fixture_done(&s);
}

static void many_tools(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    for (int i = 0; i < 45; i++) {
        const char *name = sco_arena_fmt(&s.arena, "tool%d", i);
        fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, name, "R", "title");
    }
    assert_int_equal(write_files(&s, "out.sarif.json"), 3);
    json_t *a = load("out.sarif.json"), *b = load("out-2.sarif.json"),
           *c = load("out-3.sarif.json");
    assert_int_equal(json_array_size(runs(a)), 20);
    assert_int_equal(json_array_size(runs(b)), 20);
    assert_int_equal(json_array_size(runs(c)), 5);
    json_decref(a);
    json_decref(b);
    json_decref(c);
    fixture_done(&s);
}

/* More tools than anybody has: the rest shares one run. */
static void absurdly_many_tools(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    for (int i = 0; i < 3000; i++)
        fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, sco_arena_fmt(&s.arena, "tool%d", i), "R",
                        "title");
    SCO_AUTO(sco_buf) struct sco_buf b = fixture_report(&s, SCO_REPORT_SARIF, NULL);
    json_t *j = json_loadb(b.p, b.n, 0, NULL);
    assert_int_equal(json_array_size(runs(j)), 1001);
    assert_int_equal(n_results(j, 1000), 2000);
    json_decref(j);
    fixture_done(&s);
}

/* Text that no compressor makes smaller than three quarters. */
static const char *noise(struct sco_scan *s, uint64_t seed, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *p = sco_arena_alloc(&s->arena, n + 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = digits[seed >> 58];
    }
    return p;
}

static void large_texts(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    for (int i = 0; i < 900; i++) {
        struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SCA, SCO_SEV_HIGH, "T",
                                                sco_arena_fmt(&s.arena, "R%04d", i), "title");
        f->description = noise(&s, (uint64_t)i, 16 << 10);
    }
    int files = write_files(&s, "out");
    assert_true(files >= 2 && files <= 8);
    size_t n = 0;
    for (int i = 1; i <= files; i++) {
        char name[32];
        struct stat st;
        snprintf(name, sizeof name, i == 1 ? "out" : "out-%d", i);
        json_t *j = load(name);
        n += n_results(j, 0);
        json_decref(j);
        assert_int_equal(stat(in_dir(name), &st), 0);
        assert_true(st.st_size < 26 << 20); /* twice the text, and each byte at least 3/8 of one */
    }
    assert_int_equal(n, 900);
    fixture_done(&s);
}

static void memory(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct sco_scan s;
    fixture_init(&s);
    for (int i = 0; i < MANY; i++)
        fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, "T", "R", "title")->line = i + 1;
    malloc_trim(0);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    write_files(&s, "out.sarif");
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd <= before + 4096);
    fixture_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_results, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_tools, set_up, tear_down),
        cmocka_unit_test(absurdly_many_tools),
        cmocka_unit_test_setup_teardown(large_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
