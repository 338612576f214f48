/* What git tracks is never ignored: indexes of every kind that git writes, and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "engine_priv.h"
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *root;

static void put(const char *name, struct sco_str text)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, dir = {0};
    struct sco_error err = {0};
    sco_buf_addf(&path, "%s/%s", root, name);
    const char *z = sco_buf_z(&path);
    sco_buf_add(&dir, sco_str_make(z, (size_t)(strrchr(z, '/') - z)));
    assert_int_equal(sco_fs_mkdirs(sco_buf_z(&dir), 0700, &err), 0);
    assert_int_equal(sco_fs_write(z, text, 0600, &err), 0);
}

/* Runs git with the words of `line`. */
static void git(const char *line)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char *argv[32] = {"git", "-C", root};
    size_t n = 3;
    struct sco_str rest = sco_str_c(line), word;
    while (sco_str_split(&rest, ' ', &word) && n < SCO_ARRAY_LEN(argv) - 1)
        argv[n++] = sco_arena_cstr(&arena, word);
    pid_t pid;
    int status;
    assert_int_equal(posix_spawnp(&pid, "git", NULL, NULL, (char **)argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int set_up(void **state)
{
    (void)state;
    return sco_fs_mkdtemp(NULL, "sco-index", &root, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    sco_fs_remove_tree(root);
    free(root);
    return 0;
}

static bool has(const char *below, const char *path, bool is_dir)
{
    SCO_AUTO(sco_buf) struct sco_buf dir = {0};
    struct git_index ix = {0};
    sco_buf_addf(&dir, "%s%s", root, below);
    git_index_read(&ix, sco_buf_z(&dir));
    bool found = git_index_has(&ix, sco_str_c(path), is_dir);
    git_index_done(&ix);
    return found;
}

static bool is_unknown(void)
{
    return has("", "surely/not/there", false);
}

/* 300 files in two folders, one of a long name; a folder that is not tracked. */
static void fill(const char *init)
{
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    git(init);
    for (int i = 0; i < 300; i++) {
        sco_buf_clear(&name);
        sco_buf_addf(&name, "%s/file-%03d", i % 2 ? "src/deep/er" : "lib", i);
        put(sco_buf_z(&name), SCO_STR("x"));
    }
    sco_buf_clear(&name);
    sco_buf_addz(&name, "long");
    for (int i = 0; i < 3; i++)
        sco_buf_addf(&name, "/%0200d", i);
    put(sco_buf_z(&name), SCO_STR("x"));
    git("add .");
    put("not/tracked", SCO_STR("x"));
    assert_true(has("", sco_buf_z(&name), false));
}

static void check_filled(void)
{
    assert_false(is_unknown());
    assert_true(has("", "lib/file-000", false));
    assert_true(has("", "src/deep/er/file-299", false));
    assert_false(has("", "lib/file-001", false));
    assert_false(has("", "lib/file-00", false));
    assert_true(has("", "lib", true));
    assert_true(has("", "src/deep", true));
    assert_true(has("", "long", true));
    assert_false(has("", "lib", false));
    assert_false(has("", "li", true));
    assert_false(has("", "not", true));
    assert_false(has("", "not/tracked", false));
    assert_false(has("", "zzz", true));
    /* a target inside of the work tree */
    assert_true(has("/src", "deep/er/file-299", false));
    assert_true(has("/src", "deep", true));
    assert_false(has("/src", "lib", true));
}

static void version_2(void **state)
{
    (void)state;
    fill("init -q");
    check_filled();
}

static void version_4(void **state)
{
    (void)state;
    fill("init -q");
    git("update-index --index-version 4");
    check_filled();
}

static void version_3(void **state)
{
    (void)state;
    fill("init -q");
    put("later", SCO_STR("x"));
    git("add --intent-to-add later"); /* needs extended flags */
    check_filled();
    assert_true(has("", "later", false));
}

static void sha_256(void **state)
{
    (void)state;
    fill("init -q --object-format=sha256");
    check_filled();
}

static void linked_work_tree(void **state)
{
    (void)state;
    fill("init -q");
    git("-c user.name=n -c user.email=e@example.org commit -q -m x");
    git("worktree add -q linked");
    assert_true(has("/linked", "lib/file-000", false));
    assert_false(has("/linked", "not", true));
}

static void split_index_is_unknown(void **state)
{
    (void)state;
    fill("init -q");
    git("update-index --split-index");
    assert_true(is_unknown());
}

static void nothing_is_tracked(void **state)
{
    (void)state;
    put("a", SCO_STR("x"));
    assert_false(is_unknown()); /* no work tree */
    git("init -q");
    assert_false(is_unknown()); /* no index yet */
    assert_false(has("", "a", false));
}

static void broken_is_unknown(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    struct sco_error err = {0};
    git("init -q");
    put("a/b", SCO_STR("x"));
    put("c", SCO_STR("x"));
    git("add .");
    sco_buf_addf(&path, "%s/.git/index", root);
    assert_int_equal(sco_fs_read(sco_buf_z(&path), 1 << 20, &text, &err), 0);
    for (size_t n = 0; n < text.n; n++) { /* cut anywhere */
        put(".git/index", sco_str_make(text.p, n));
        assert_true(is_unknown());
    }
    for (size_t n = 0; n < text.n; n++) { /* each byte turned round: no crash */
        text.p[n] = (char)~text.p[n];
        put(".git/index", sco_buf_str(&text));
        (void)is_unknown();
        text.p[n] = (char)~text.p[n];
    }
    memcpy(text.p + 8, "\xff\xff\xff\xff", 4); /* a count beyond the file */
    put(".git/index", sco_buf_str(&text));
    assert_true(is_unknown());
}

static int collect(void *user, struct sco_str path)
{
    sco_buf_add(user, path);
    sco_buf_addc(user, ' ');
    return 0;
}

/* A change that brings "*" in .gitignore hides nothing that it brings. */
static void tracked_files_are_not_ignored(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf files = {0};
    struct sco_target t;
    struct sco_error err = {0};
    struct tree_options o = {0};
    put("evil.py", SCO_STR("x"));
    put("app/evil.py", SCO_STR("x"));
    put("app/sub/evil.py", SCO_STR("x"));
    git("init -q");
    git("add .");
    put("local.py", SCO_STR("x"));
    put("app/local.py", SCO_STR("x"));
    put("build/local.py", SCO_STR("x"));
    static const char *const ignores[] = {"*\n", "/app/\nbuild\nlocal.py\n*.py\n"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(ignores); i++) {
        put(".gitignore", sco_str_c(ignores[i]));
        sco_buf_clear(&files);
        assert_int_equal(target_resolve(root, &arena, &t, &err), 0);
        assert_int_equal(tree_walk(&t, &o, &arena, collect, &files, &err), 0);
        assert_string_equal(sco_buf_z(&files), i ? ".gitignore app/evil.py app/sub/evil.py evil.py "
                                                 : "app/evil.py app/sub/evil.py evil.py ");
        assert_true(tree_is_excluded(&t, SCO_STR("app/local.py")));
        assert_true(tree_is_excluded(&t, SCO_STR("build/local.py")));
        assert_false(tree_is_excluded(&t, SCO_STR("app/sub/evil.py")));
        sco_map_done(&t.excluded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(version_3, set_up, tear_down),
        cmocka_unit_test_setup_teardown(version_4, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sha_256, set_up, tear_down),
        cmocka_unit_test_setup_teardown(linked_work_tree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(split_index_is_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_tracked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_is_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tracked_files_are_not_ignored, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
