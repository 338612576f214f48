/* Diffs of git: names, hunks, moved lines, places; and packages in the text of lock files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "diff_priv.h"

#define SHA "0123456789012345678901234567890123456789"
#define RAW(status, name) ":100644 100644 " SHA " " SHA " " status "\0" name "\0"
#define LITERAL(s) sco_str_make(s, sizeof(s) - 1)

struct world {
    struct sco_arena arena;
    struct diff_build b;
    struct sco_diff d;
};

static int read_all(struct world *w, struct sco_str names, const char *patch)
{
    struct sco_error err = {0};
    *w = (struct world){0};
    w->b.arena = &w->arena;
    int r = diff_parse_names(&w->b, names, &err);
    if (r == 0)
        r = diff_parse_patch(&w->b, sco_str_c(patch), &err);
    if (r == 0)
        r = diff_find_moved(&w->b, &err);
    if (r == 0)
        r = diff_build_end(&w->b, &w->d, &err);
    return r;
}

static void done(struct world *w)
{
    diff_build_done(&w->b);
    sco_arena_done(&w->arena);
}

static void hunks(void **state)
{
    (void)state;
    struct world w;
    assert_int_equal(read_all(&w, LITERAL(RAW("M", "a") "2\t2\ta\0"),
                              "diff --git a/a b/a\nindex 1..2 100644\n--- a/a\n+++ b/a\n"
                              "@@ -3 +3,2 @@ f\n-old\n+new\n+more\n@@ -9,2 +10,0 @@\n-x\n-y\n"),
                     0);
    assert_int_equal(w.d.n_files, 1);
    const struct sco_diff_file *f = &w.d.files[0];
    assert_string_equal(f->path, "a");
    assert_int_equal(f->n_hunks, 2);
    const struct {
        int32_t line, end;
        enum sco_diff_place is;
    } places[] = {
        {1, 0, SCO_DIFF_SAME},    {2, 2, SCO_DIFF_SAME},     {3, 0, SCO_DIFF_TOUCHED},
        {4, 0, SCO_DIFF_TOUCHED}, {5, 0, SCO_DIFF_SAME},     {1, 3, SCO_DIFF_TOUCHED},
        {5, 10, SCO_DIFF_SAME},   {5, 11, SCO_DIFF_TOUCHED}, {10, 0, SCO_DIFF_SAME},
        {11, 20, SCO_DIFF_SAME},  {0, 0, SCO_DIFF_TOUCHED},  {4, 1, SCO_DIFF_TOUCHED},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(places); i++)
        assert_int_equal(sco_diff_lines(f, places[i].line, places[i].end, false), places[i].is);
    assert_int_equal(sco_diff_old_line(f, 1), 1);
    assert_int_equal(sco_diff_old_line(f, 3), 0);
    assert_int_equal(sco_diff_old_line(f, 5), 4);
    assert_int_equal(sco_diff_old_line(f, 9), 8);
    assert_int_equal(sco_diff_old_line(f, 11), 11);
    assert_int_equal(sco_diff_old_line(f, 20), 20);
    done(&w);
}

static void names(void **state)
{
    (void)state;
    struct world w;
    assert_int_equal(
        read_all(&w,
                 LITERAL(RAW("A", "n\new") RAW("D", "gone") RAW("R090", "from\0to")
                             RAW("R100", "b1\0b2") RAW("M", "bin") RAW("T", "link")
                                 RAW("U", "c") ":160000 160000 " SHA " " SHA " M\0mod\0"
                                               "1\t0\tn\new\0"
                                               "0\t1\tgone\0"
                                               "1\t1\t\0from\0to\0"
                                               "-\t-\t\0b1\0b2\0"
                                               "-\t-\tbin\0"),
                 "diff --git \"a/n\\new\" \"b/n\\new\"\nnew file mode 100644\n--- /dev/null\n"
                 "+++ \"b/n\\new\"\n@@ -0,0 +1 @@\n+--- a/evil\n"
                 "diff --git a/gone b/gone\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
                 "diff --git a/from b/to\nsimilarity index 90%\nrename from from\nrename to to\n"
                 "--- a/from\n+++ b/to\n@@ -4 +4 @@\n-x\n\\ No newline at end of file\n+y\n"
                 "Binary files a/bin and b/bin differ\n"
                 "diff --git a/link b/link\n--- a/link\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
                 "diff --git a/link b/link\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+x\n"
                 "* Unmerged path c\n"),
        0);
    assert_int_equal(w.d.n_files, 8);
    assert_string_equal(w.d.files[0].path, "n\new");
    assert_null(w.d.files[0].old_path);
    assert_null(w.d.files[1].path);
    assert_string_equal(w.d.files[2].old_path, "from");
    assert_int_equal(w.d.files[2].n_hunks, 1);
    assert_false(w.d.files[3].binary); /* only renamed */
    assert_true(w.d.files[4].binary);
    assert_true(w.d.files[5].binary);
    assert_true(w.d.files[6].binary);
    assert_true(w.d.files[7].module);
    done(&w);
}

#define HEAD "diff --git a/a b/a\n--- a/a\n+++ b/a\n"
static void broken(void **state)
{
    (void)state;
    static const char *const patches[] = {
        "@@ -1 +1 @@\n-a\n+b\n",
        HEAD "@@ -1 +1 @@\n-a\n",
        HEAD "@@ -1 +1 @@\n-a\n b\n",
        HEAD "@@ -1,x +1 @@\n-a\n+b\n",
        HEAD "@@ -1 +99999999999 @@\n-a\n+b\n",
        HEAD "@@ -1 +1,999999999 @@\n-a\n+b\n",
        HEAD "@@ +1 -1 @@\n-a\n+b\n",
        "diff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -1 +1 @@\n-a\n+b\n",
        "diff --git a/a b/a\n--- a/a\n+++ \"b/\\9\"\n",
        "diff --git a/a b/a\n--- a/a\n+++ x/a\n",
    };
    struct world w;
    for (size_t i = 0; i < SCO_ARRAY_LEN(patches); i++) {
        assert_int_equal(read_all(&w, LITERAL(RAW("M", "a")), patches[i]), SCO_E_FORMAT);
        done(&w);
    }
    const struct sco_str lists[] = {
        LITERAL(":100644"),         LITERAL(":1 2 3 4 M\0"), LITERAL(":1 2 3 4 R100\0a\0"),
        LITERAL(":1 2 3 4 ?\0a\0"), LITERAL("1\t2"),         LITERAL("1\t2\t\0a\0")};
    for (size_t i = 0; i < SCO_ARRAY_LEN(lists); i++) {
        assert_int_equal(read_all(&w, lists[i], ""), SCO_E_FORMAT);
        done(&w);
    }
}

static void moved(void **state)
{
    (void)state;
    struct world w;
    assert_int_equal(
        read_all(&w, LITERAL(RAW("M", "a") RAW("M", "b")),
                 HEAD "@@ -1,5 +0,0 @@\n-first line of a block\n-\n-  second line\n-return 0;\n"
                      "-}\n"
                      "diff --git a/b b/b\n--- a/b\n+++ b/b\n"
                      "@@ -0,0 +1,4 @@\n+first line of a block\n+\n+    second line\n+other\n"
                      "@@ -7,0 +11,3 @@\n+return 0;\n+}\n+first line of a block\n"),
        0);
    const struct sco_diff_file *a = &w.d.files[0], *b = &w.d.files[1];
    assert_int_equal(a->hunks[0].lost, 2);
    assert_int_equal(sco_diff_lines(b, 1, 2, true), SCO_DIFF_SAME);
    assert_int_equal(sco_diff_lines(b, 3, 3, false), SCO_DIFF_SAME);
    assert_int_equal(sco_diff_lines(b, 3, 3, true), SCO_DIFF_TOUCHED);
    assert_int_equal(sco_diff_lines(b, 4, 4, false), SCO_DIFF_TOUCHED);
    assert_int_equal(sco_diff_lines(b, 11, 12, false), SCO_DIFF_TOUCHED); /* too short to tell */
    assert_int_equal(sco_diff_lines(b, 13, 13, false), SCO_DIFF_TOUCHED); /* a second copy */
    done(&w);
}

/* Lines that say nothing, thousands of times: each would be compared with all that follow it. What
 * is moved with them is found as long as it is not too many looks away. */
static void moved_in_bulk(void **state)
{
    (void)state;
    enum { LINES = 20000 };
    SCO_AUTO(sco_buf) struct sco_buf patch = {0};
    struct world w;
    sco_buf_addf(&patch, HEAD "@@ -1,%d +0,0 @@\n-a line that is moved along\n", LINES + 1);
    for (int i = 0; i < LINES; i++)
        sco_buf_addz(&patch, "-}\n");
    sco_buf_addf(&patch,
                 "diff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -0,0 +1,%d @@\n"
                 "+a line that is moved along\n+=\n",
                 LINES + 2);
    for (int i = 0; i < LINES; i++)
        sco_buf_addz(&patch, "+}\n");
    assert_int_equal(read_all(&w, LITERAL(RAW("M", "a") RAW("M", "b")), sco_buf_z(&patch)), 0);
    assert_int_equal(sco_diff_lines(&w.d.files[1], 1, 1, false), SCO_DIFF_SAME);
    assert_int_equal(sco_diff_lines(&w.d.files[1], LINES, LINES, false), SCO_DIFF_TOUCHED);
    done(&w);
}

static void packages(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *version;
        bool has;
    } cases[] = {
        {"django==1.0\n", "django", "1.0", true},
        {"django==1.0.1\n", "django", "1.0", false},
        {"django>=1.0\n", "django", "1.0", false},
        {"my-django==1.0\n", "django", "1.0", false},
        {"Django[argon2]==1.0 ; x\n", "Django", "1.0", true},
        {"require github.com/a/b v1.2.3\n", "github.com/a/b", "v1.2.3", true},
        {"github.com/a/b v1.2.3/go.mod h1:x\n", "github.com/a/b", "1.2.3", false},
        {"    rails (5.0.1)\n", "rails", "5.0.1", true},
        {"\"node_modules/x\": {\n \"version\": \"1.2.3\",\n", "x", "1.2.3", true},
        {"\"node_modules/x\": {\n \"version\": \"1.2.4\",\n}, \"y\": { \"version\": \"1.2.3\"", "x",
         "1.2.3", false},
        {"\"node_modules/@s/x\": {\n \"version\": \"1.2.3\",\n", "x", "1.2.3", false},
        {"\"node_modules/@s/x\": {\n \"version\": \"1.2.3\",\n", "@s/x", "1.2.3", true},
        {"\"x\": \"^1.2.3\",\n", "x", "1.2.3", false},
        {"x@^1.2.0:\n  version \"1.2.3\"\n", "x", "1.2.3", true},
        {"name = \"x\"\nversion = \"1.2.3\"\n", "x", "1.2.3", true},
        {"<artifactId>x</artifactId>\n<version>1.2.3</version>\n", "org.y:x", "1.2.3", true},
        {"org.y:x:1.2.3=compileClasspath\n", "org.y:x", "1.2.3", true},
        {"\"x\": {\n\"hashes\": [\n\"sha256:1\"\n],\n\"version\": \"==1.2.3\"\n", "x", "1.2.3",
         true},
        {"x 1.2.3\n", "x", "", false},
        {"", "x", "1", false},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++)
        if (compare_has_package(sco_str_c(cases[i].text), cases[i].name, cases[i].version) !=
            cases[i].has)
            fail_msg("%s %s in %s", cases[i].name, cases[i].version, cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hunks), cmocka_unit_test(names),         cmocka_unit_test(broken),
        cmocka_unit_test(moved), cmocka_unit_test(moved_in_bulk), cmocka_unit_test(packages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
