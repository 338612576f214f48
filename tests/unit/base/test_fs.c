/* Files, folders, paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void paths_of_findings(void **state)
{
    (void)state;
    static const struct {
        const char *path, *root, *want;
    } rows[] = {
        {"src/a.c", NULL, "src/a.c"},
        {"./src//a.c", NULL, "src/a.c"},
        {"/repo/src/a.c", "/repo", "src/a.c"},
        {"/repo/src/a.c", "/repo/", "src/a.c"},
        {"/repository/a.c", "/repo", "repository/a.c"},
        {"/main.tf", NULL, "main.tf"},
        {"file:///repo/a%20b.c", "/repo", "a b.c"},
        {"file://host/repo/a.c", "/repo", "a.c"},
        {"src\\win\\a.cs", NULL, "src/win/a.cs"},
        {"a/../b/./c", NULL, "b/c"},
        {"../../etc/passwd", NULL, "etc/passwd"},
        {"/repo/x/../a.c", "/repo", "a.c"},
        {"a.zip!inner/x", NULL, "a.zip!inner/x"},
        {"", NULL, ""},
        {"/", NULL, "/"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        sco_path_relative(&b, sco_str_c(rows[i].path), sco_str_c(rows[i].root));
        assert_string_equal(sco_buf_z(&b), rows[i].want);
    }
}

static void normalize(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_path_normalize(&b, SCO_STR("/a/b/../../../c"));
    assert_string_equal(sco_buf_z(&b), "/c");
    sco_buf_clear(&b);
    sco_path_normalize(&b, SCO_STR("x/.."));
    assert_string_equal(sco_buf_z(&b), ".");
    assert_true(sco_str_is(sco_path_base(SCO_STR("a/b.c")), "b.c"));
}

static void write_read_remove(void **state)
{
    (void)state;
    struct sco_error err;
    char *dir;
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-test", &dir, &err), 0);
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    sco_buf_addf(&path, "%s/a/b/c", dir);
    assert_int_equal(sco_fs_mkdirs(sco_buf_z(&path), 0700, &err), 0);
    sco_buf_addz(&path, "/file");
    assert_int_equal(sco_fs_write(sco_buf_z(&path), SCO_STR("hello"), 0600, &err), 0);
    assert_int_equal(sco_fs_read(sco_buf_z(&path), 100, &text, &err), 0);
    assert_true(sco_str_is(sco_buf_str(&text), "hello"));
    assert_int_equal(sco_fs_mkdirs(sco_buf_z(&path), 0700, &err), SCO_E_IO); /* it is a file */
    for (int i = 0; i < 2; i++) { /* with a file in its place, and without */
        assert_int_equal(sco_fs_write_cache(sco_buf_z(&path), SCO_STR("again"), &err), 0);
        assert_int_equal(i ? 0 : unlink(sco_buf_z(&path)), 0);
    }
    sco_buf_done(&text);
    assert_int_equal(sco_fs_read(sco_buf_z(&path), 100, &text, &err), 0);
    assert_true(sco_str_is(sco_buf_str(&text), "again"));
    struct sco_buf none = {0};
    assert_int_equal(sco_fs_read(sco_buf_z(&path), 4, &none, &err), SCO_E_LIMIT);
    assert_null(none.p);
    assert_int_equal(sco_fs_read("/nonexistent/x", 4, &none, &err), SCO_E_NOT_FOUND);
    assert_int_equal(chmod(dir, 0500), 0);
    SCO_AUTO(sco_buf) struct sco_buf link = {0};
    sco_buf_addf(&link, "%s/a/link", dir);
    assert_int_equal(symlink("/etc", sco_buf_z(&link)), 0);
    assert_int_equal(sco_fs_remove_tree(dir), 0);
    assert_false(sco_fs_is_dir(dir));
    assert_true(sco_fs_is_dir("/etc"));
    free(dir);
}

static int trusted(const char *path)
{
    SCO_AUTO(sco_fd) int fd = -1;
    struct sco_error err = {0};
    int r = sco_fs_open_trusted(path, &fd, &err);
    assert_true(r == 0 ? fd >= 0 : fd == -1 && err.text[0]);
    return r;
}

/* What decides which code runs may be written by root and the user alone. */
static void trusted_files(void **state)
{
    (void)state;
    struct sco_error err;
    char *dir;
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-test", &dir, &err), 0);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "%s/file", dir);
    const char *path = sco_buf_z(&b);
    assert_int_equal(trusted(path), SCO_E_NOT_FOUND);
    assert_int_equal(sco_fs_write(path, SCO_STR("x"), 0600, &err), 0);
    assert_int_equal(trusted(path), 0);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(trusted(path), SCO_E_PERMISSION);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(trusted(path), 0);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(trusted(path), SCO_E_PERMISSION);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(trusted("/etc"), SCO_E_INVALID);
    assert_int_equal(trusted("etc/passwd"), SCO_E_INVALID);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* and does not wait for a writer */
    assert_int_equal(trusted(path), SCO_E_INVALID);
    assert_int_equal(sco_fs_remove_tree(dir), 0);
    free(dir);
}

static int regular(int dir, const char *name, size_t limit)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    int r = sco_fs_read_regular(dir, name, limit, &b, NULL);
    if (r == 0)
        assert_string_equal(sco_buf_z(&b), "text");
    return r;
}

/* Neither followed nor waited for. */
static void regular_files_only(void **state)
{
    (void)state;
    char *dir = NULL;
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-test", &dir, NULL), 0);
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/file", dir);
    assert_int_equal(sco_fs_write(sco_buf_z(&path), SCO_STR("text"), 0600, NULL), 0);
    assert_int_equal(symlinkat("file", fd, "link"), 0);
    assert_int_equal(symlinkat("/dev/zero", fd, "zero"), 0);
    assert_int_equal(mkfifoat(fd, "pipe", 0600), 0);
    assert_int_equal(mknodat(fd, "socket", S_IFSOCK | 0600, 0), 0);
    assert_int_equal(mkdirat(fd, "folder", 0700), 0);
    assert_int_equal(regular(fd, "file", 100), 0);
    assert_int_equal(regular(AT_FDCWD, sco_buf_z(&path), 100), 0);
    assert_int_equal(regular(fd, "file", 3), SCO_E_LIMIT);
    assert_int_equal(regular(fd, "none", 100), SCO_E_NOT_FOUND);
    static const char *const odd[] = {"link", "zero", "pipe", "socket", "folder"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(odd); i++)
        assert_int_equal(regular(fd, odd[i], 100), SCO_E_INVALID);
    close(fd);
    assert_int_equal(sco_fs_remove_tree(dir), 0);
    free(dir);
}

static void programs(void **state)
{
    (void)state;
    char *p = sco_fs_find_program("sh", "/nonexistent:relative::/usr/bin:/bin");
    assert_non_null(p);
    free(p);
    assert_null(sco_fs_find_program("no-such-program", "/usr/bin:/bin"));
    assert_null(sco_fs_find_program("/etc/passwd", "/usr/bin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_findings),  cmocka_unit_test(normalize),
        cmocka_unit_test(write_read_remove),  cmocka_unit_test(trusted_files),
        cmocka_unit_test(regular_files_only), cmocka_unit_test(programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
