/* Walking a target: ignore rules, vendored folders, git information, kinds of targets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "engine_priv.h"
#include <sys/stat.h>
#include <unistd.h>

static char *root;

static void put(const char *name, const char *text)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, dir = {0};
    struct sco_error err = {0};
    sco_buf_addf(&path, "%s/%s", root, name);
    sco_buf_add(&dir, sco_str_make(sco_buf_z(&path),
                                   (size_t)(strrchr(sco_buf_z(&path), '/') - sco_buf_z(&path))));
    assert_int_equal(sco_fs_mkdirs(sco_buf_z(&dir), 0700, &err), 0);
    assert_int_equal(sco_fs_write(sco_buf_z(&path), sco_str_c(text), 0600, &err), 0);
}

static int set_up(void **state)
{
    (void)state;
    return sco_fs_mkdtemp(NULL, "sco-tree", &root, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    sco_fs_remove_tree(root);
    free(root);
    return 0;
}

static void gitignore_rules(void **state)
{
    (void)state;
    struct ignore ig = {0};
    assert_int_equal(ignore_add_text(&ig,
                                     SCO_STR("# comment\n*.log\n!keep.log\n/build\ndocs/*.txt\n"
                                             "tmp/\n\\#odd\ntrailing  \r\na/**/z\n"),
                                     ""),
                     0);
    assert_int_equal(ignore_add_text(&ig, SCO_STR("*.c\n/only\n"), "sub/"), 0);
    static const struct {
        const char *path;
        bool dir, ignored;
    } rows[] = {
        {"a.log", false, true},       {"x/y/a.log", false, true},     {"keep.log", false, false},
        {"x/keep.log", false, false}, {"build", true, true},          {"x/build", true, false},
        {"docs/a.txt", false, true},  {"docs/b/a.txt", false, false}, {"tmp", true, true},
        {"tmp", false, false},        {"x/tmp", true, true},          {"#odd", false, true},
        {"trailing", false, true},    {"a/b/c/z", false, true},       {"a.c", false, false},
        {"sub/a.c", false, true},     {"sub/x/a.c", false, true},     {"sub/only", false, true},
        {"sub/x/only", false, false}, {"only", false, false},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++)
        if (ignore_match(&ig, sco_str_c(rows[i].path), rows[i].dir) != rows[i].ignored)
            fail_msg("%s", rows[i].path);
    ignore_done(&ig);
}

static int collect(void *user, struct sco_str path)
{
    struct sco_buf *b = user;
    sco_buf_add(b, path);
    sco_buf_addc(b, ' ');
    return 0;
}

static void walk(struct sco_target *t, const struct tree_options *o, struct sco_buf *files,
                 struct sco_arena *arena)
{
    struct sco_error err = {0};
    assert_int_equal(target_resolve(root, arena, t, &err), 0);
    assert_int_equal(tree_walk(t, o, arena, collect, files, &err), 0);
}

static void leaves_out_what_is_not_ours(void **state)
{
    (void)state;
    put("main.py", "x");
    put("src/a.py", "x");
    put("node_modules/m/i.js", "x");
    put("src/vendor/v.go", "x");
    put("out/gen.py", "x");
    put("secret.env", "x");
    put(".gitignore", "out/\n*.env\n");
    put("src/.gitignore", "!x\nlocal.py\n");
    put("src/local.py", "x");
    put(".git/config", "x");
    struct sco_arena arena = {0};
    struct sco_target t;
    SCO_AUTO(sco_buf) struct sco_buf files = {0};
    struct tree_options o = {0};
    walk(&t, &o, &files, &arena);
    assert_string_equal(sco_buf_z(&files), ".gitignore main.py src/.gitignore src/a.py ");
    assert_int_equal(t.n_files, 4);
    assert_null(t.cut);
    assert_true(t.left_out);
    assert_string_equal(t.excludes[0], "node_modules");
    assert_string_equal(t.excludes[1], "out");
    assert_string_equal(t.excludes[2], "src/vendor");
    assert_null(t.excludes[3]);
    assert_true(tree_is_excluded(&t, SCO_STR("node_modules/m/i.js")));
    assert_true(tree_is_excluded(&t, SCO_STR("secret.env")));
    assert_true(tree_is_excluded(&t, SCO_STR(".git/config")));
    assert_false(tree_is_excluded(&t, SCO_STR("main.py")));
    assert_false(tree_is_excluded(&t, SCO_STR("outer/x")));
    sco_map_done(&t.excluded);

    static const char *const globs[] = {"*.py", NULL};
    o = (struct tree_options){.include_ignored = true, .excludes = globs};
    sco_buf_clear(&files);
    walk(&t, &o, &files, &arena);
    assert_string_equal(sco_buf_z(&files), ".gitignore node_modules/m/i.js secret.env "
                                           "src/.gitignore src/vendor/v.go ");
    sco_map_done(&t.excluded);
    sco_arena_done(&arena);
}

static void special(const char *name, mode_t type)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/%s", root, name);
    assert_int_equal(mknod(sco_buf_z(&path), type | 0600, 0), 0);
}

static void link_to(const char *name, const char *to)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/%s", root, name);
    assert_int_equal(symlink(to, sco_buf_z(&path)), 0);
}

/* Would hang, or read a device for ever, if they were opened as files. */
static void special_files_are_not_read(void **state)
{
    (void)state;
    const char *repository = NULL, *branch = NULL, *commit = NULL;
    struct sco_arena arena = {0};
    struct sco_target t;
    SCO_AUTO(sco_buf) struct sco_buf files = {0};
    struct tree_options o = {0};
    put("a.py", "x");
    put("sub/b.py", "x");
    put("sub/c/d.py", "x");
    put(".git/objects/x", "x");
    special(".gitignore", S_IFIFO);
    special("sub/.gitignore", S_IFSOCK);
    link_to("sub/c/.gitignore", "/dev/zero");
    special(".git/HEAD", S_IFIFO);
    special(".git/config", S_IFIFO);
    link_to(".git/commondir", "/dev/zero");
    walk(&t, &o, &files, &arena);
    assert_string_equal(sco_buf_z(&files), "a.py sub/b.py sub/c/d.py ");
    assert_null(t.cut);
    gitinfo_read(root, &arena, &repository, &branch, &commit);
    assert_null(repository);
    assert_null(branch);
    assert_null(commit);
    sco_map_done(&t.excluded);
    sco_arena_done(&arena);
}

static void everything_left_out_is_not_empty(void **state)
{
    (void)state;
    struct sco_arena arena = {0};
    struct sco_target t;
    SCO_AUTO(sco_buf) struct sco_buf files = {0};
    struct tree_options o = {0};
    walk(&t, &o, &files, &arena);
    assert_true(target_is_empty(&t));
    sco_map_done(&t.excluded);
    put(".gitignore", "*\n");
    put("a.py", "x");
    walk(&t, &o, &files, &arena);
    assert_int_equal(t.n_files, 0);
    assert_false(target_is_empty(&t));
    sco_map_done(&t.excluded);
    sco_arena_done(&arena);
}

static void walk_can_be_stopped(void **state)
{
    (void)state;
    struct sco_arena arena = {0};
    struct sco_target t;
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf files = {0};
    volatile sig_atomic_t stop = 1;
    struct tree_options o = {.stop = &stop};
    put("a.py", "x");
    assert_int_equal(target_resolve(root, &arena, &t, &err), 0);
    assert_int_equal(tree_walk(&t, &o, &arena, collect, &files, &err), SCO_E_CANCELLED);
    sco_map_done(&t.excluded);
    sco_arena_done(&arena);
}

/* Deeper than is followed: said, and by name. */
static void what_is_not_looked_at_is_said(void **state)
{
    (void)state;
    struct sco_arena arena = {0};
    struct sco_target t;
    SCO_AUTO(sco_buf) struct sco_buf files = {0}, name = {0};
    struct tree_options o = {0};
    for (int i = 0; i < 140; i++)
        sco_buf_addz(&name, "d/");
    sco_buf_addz(&name, "f");
    put(sco_buf_z(&name), "x");
    walk(&t, &o, &files, &arena);
    assert_non_null(t.cut);
    assert_non_null(strstr(t.cut, "nested deeper than 128: d/d/"));
    sco_map_done(&t.excluded);
    sco_arena_done(&arena);
}

static void git_without_git(void **state)
{
    (void)state;
    const char *repository = NULL, *branch = NULL, *commit = NULL;
    struct sco_arena arena = {0};
    put(".git/HEAD", "ref: refs/heads/feature/x\n");
    put(".git/packed-refs", "# pack-refs\n0123456789012345678901234567890123456789 "
                            "refs/heads/feature/x\n");
    put(".git/config", "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = "
                       "https://me:token@example.org/a/b.git\n[branch \"m\"]\n\tremote = origin\n");
    gitinfo_read(root, &arena, &repository, &branch, &commit);
    assert_string_equal(repository, "https://example.org/a/b.git");
    assert_string_equal(branch, "feature/x");
    assert_string_equal(commit, "0123456789012345678901234567890123456789");
    put(".git/HEAD", "ref: ../../../etc/passwd\n");
    branch = commit = NULL;
    gitinfo_read(root, &arena, &repository, &branch, &commit);
    assert_null(commit);
    sco_arena_done(&arena);
}

static void kinds_of_targets(void **state)
{
    (void)state;
    struct sco_arena arena = {0};
    struct sco_target t;
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    assert_int_equal(target_resolve("https://example.org/", &arena, &t, &err), 0);
    assert_int_equal(t.kinds, SCO_TARGET_URL);
    assert_int_equal(target_resolve("image:nginx:1.25", &arena, &t, &err), 0);
    assert_string_equal(t.path, "nginx:1.25");
    assert_int_equal(target_resolve("image:-rf", &arena, &t, &err), SCO_E_INVALID);
    assert_int_equal(target_resolve("no/such", &arena, &t, &err), SCO_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "image:NAME"));
    put("bom.json", "{\"bomFormat\":\"CycloneDX\",\"components\":[");
    sco_buf_addf(&path, "%s/bom.json", root);
    assert_int_equal(target_resolve(sco_buf_z(&path), &arena, &t, &err), 0);
    assert_int_equal(t.kinds, SCO_TARGET_SBOM | SCO_TARGET_FILE);
    put("plan.json", "{\"format_version\":\"1.2\",\"terraform_version\":\"1.5\",\"x\":1}");
    sco_buf_clear(&path);
    sco_buf_addf(&path, "%s/plan.json", root);
    assert_int_equal(target_resolve(sco_buf_z(&path), &arena, &t, &err), 0);
    assert_int_equal(t.kinds, SCO_TARGET_PLAN | SCO_TARGET_FILE);
    assert_int_equal(target_resolve(root, &arena, &t, &err), 0);
    assert_int_equal(t.kinds & SCO_TARGET_DIRECTORY, SCO_TARGET_DIRECTORY);
    sco_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gitignore_rules),
        cmocka_unit_test_setup_teardown(leaves_out_what_is_not_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(special_files_are_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(everything_left_out_is_not_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(walk_can_be_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_looked_at_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(git_without_git, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kinds_of_targets, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
