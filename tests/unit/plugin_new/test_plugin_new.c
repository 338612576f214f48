/* plugin new: names, replacement, refusals, nothing left after a failure. That what comes out
 * builds and passes its tests is shown by tests/integration/sdk. */
#include <secureops/fs.h>
#include "plugin_new_priv.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    char dir[64], template_dir[96], dest[96];
    struct sco_error err;
};

static void put(const char *dir, const char *name, const char *text, int mode)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/%s", dir, name);
    assert_int_equal(sco_fs_write(sco_buf_z(&path), sco_str_c(text), mode, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/sco-new-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->template_dir, sizeof f->template_dir, "%s/template", f->dir);
    snprintf(f->dest, sizeof f->dest, "%s/made", f->dir);
    SCO_AUTO(sco_buf) struct sco_buf bin = {0};
    sco_buf_addf(&bin, "%s/bin", f->template_dir);
    if (sco_fs_mkdirs(sco_buf_z(&bin), 0755, &f->err) < 0)
        return -1;
    put(f->template_dir, "sample-scanner.c",
        "sample-scanner sample_scanner SAMPLE_SCANNER Sample scanner, sample-scan\n", 0644);
    put(f->template_dir, ".gitignore", "/build/\n", 0644);
    put(sco_buf_z(&bin), "sample-scanner", "#!/bin/sh\n", 0755);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sco_fs_remove_tree(f->dir);
    free(f);
    return 0;
}

static void assert_file(const struct fixture *f, const char *name, const char *text)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, got = {0};
    sco_buf_addf(&path, "%s/%s", f->dest, name);
    assert_int_equal(sco_fs_read(sco_buf_z(&path), 1000, &got, NULL), 0);
    assert_string_equal(sco_buf_z(&got), text);
}

static void replaces_every_form(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char path[160];
    assert_int_equal(sco_plugin_new(f->template_dir, "acme-2-audit", f->dest, &f->err), 0);
    assert_file(f, "acme-2-audit.c",
                "acme-2-audit acme_2_audit ACME_2_AUDIT Acme 2 audit, sample-scan\n");
    assert_file(f, ".gitignore", "/build/\n");
    snprintf(path, sizeof path, "%s/bin/acme-2-audit", f->dest);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_mode & S_IXUSR);
}

static void refuses_names(void **state)
{
    static const char *const bad[] = {
        "",   "A",   "a_b",  "-a",  "a-",       "a--b",
        "1a", "a/b", "../x", "a b", "\xc3\xa4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        assert_int_equal(sco_plugin_new(f->template_dir, bad[i], f->dest, &f->err), SCO_E_INVALID);
        assert_non_null(strstr(f->err.text, "is no name for a plugin"));
        assert_false(sco_fs_is_dir(f->dest));
    }
    assert_int_equal(sco_plugin_new("/nowhere", "ok", f->dest, &f->err), SCO_E_NOT_FOUND);
}

static void leaves_existing_folders_alone(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->dest, 0755), 0);
    put(f->dest, "mine", "x", 0644);
    assert_int_equal(sco_plugin_new(f->template_dir, "acme", f->dest, &f->err), SCO_E_PERMISSION);
    assert_file(f, "mine", "x");
}

static void removes_what_failed(void **state)
{
    struct fixture *f = *state;
    char path[160];
    snprintf(path, sizeof path, "%s/bin/loop", f->template_dir);
    assert_int_equal(symlink(".", path), 0);
    assert_int_equal(sco_plugin_new(f->template_dir, "acme", f->dest, &f->err), SCO_E_INVALID);
    assert_false(sco_fs_is_dir(f->dest));
    assert_int_equal(unlink(path), 0);
    for (long n = 0, r = SCO_E_NOMEM; r != 0; n++) {
        assert_true(n < 200);
        sco_alloc_fail_at(n);
        r = sco_plugin_new(f->template_dir, "acme", f->dest, NULL);
        sco_alloc_fail_at(-1);
        assert_true(r == 0 || r == SCO_E_NOMEM);
        assert_int_equal(sco_fs_is_dir(f->dest), r == 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(replaces_every_form),
        TEST(refuses_names),
        TEST(leaves_existing_folders_alone),
        TEST(removes_what_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
