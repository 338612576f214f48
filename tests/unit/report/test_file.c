/* Report files: there whole or not at all, links and devices stay what they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <secureops/fs.h>

#include "scan_fixture.h"

static char *dir;

static int set_up(void **state)
{
    (void)state;
    return sco_fs_mkdtemp(NULL, "test-report", &dir, NULL);
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

static size_t files_in_dir(void)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void every_format(void **state)
{
    (void)state;
    struct sco_scan s;
    struct sco_error err = {0};
    fixture_init(&s);
    for (int f = 0; f < SCO_REPORT_MAX_; f++) {
        enum sco_report_format format = (enum sco_report_format)f;
        const char *path = in_dir(sco_report_format_name(format));
        int files = 0;
        assert_int_equal(sco_report_write_file(&s, format, NULL, path, &files, &err), 0);
        assert_int_equal(files, 1);
        SCO_AUTO(sco_buf) struct sco_buf want = fixture_report(&s, format, NULL), got = {0};
        assert_int_equal(sco_fs_read(path, 1 << 20, &got, &err), 0);
        assert_true(sco_str_eq(sco_buf_str(&got), sco_buf_str(&want)));
        assert_int_equal(sco_report_format_parse(sco_str_c(sco_report_format_name(format))), f);
    }
    assert_int_equal(files_in_dir(), SCO_REPORT_MAX_);
    assert_int_equal(sco_report_format_parse(SCO_STR("yaml")), SCO_REPORT_MAX_);
    fixture_done(&s);
}

static void errors_name_the_path(void **state)
{
    (void)state;
    struct sco_scan s;
    struct sco_error err = {0};
    fixture_init(&s);
    for (int f = 0; f < SCO_REPORT_MAX_; f++) {
        const char *path = in_dir("no/such/folder/report");
        assert_int_equal(
            sco_report_write_file(&s, (enum sco_report_format)f, NULL, path, NULL, &err),
            SCO_E_NOT_FOUND);
        assert_non_null(strstr(err.text, path));
        assert_true(sco_report_write_file(&s, (enum sco_report_format)f, NULL, "/dev/full", NULL,
                                          &err) < 0);
        assert_non_null(strstr(err.text, "/dev/full"));
    }
    fixture_done(&s);
}

static void replaces_whole_files_only(void **state)
{
    (void)state;
    struct sco_scan s;
    struct sco_error err = {0};
    struct stat st;
    fixture_init(&s);
    char *target = strdup(in_dir("target")), *link = strdup(in_dir("link"));
    assert_int_equal(sco_fs_write(target, SCO_STR("old"), 0600, &err), 0);
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(sco_report_write_file(&s, SCO_REPORT_JSON, NULL, link, NULL, &err), 0);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(target, &st), 0);
    assert_true(st.st_size > 100);
    assert_int_equal(sco_report_write_file(&s, SCO_REPORT_SARIF, NULL, "/dev/null", NULL, &err), 0);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(files_in_dir(), 2);
    free(target);
    free(link);
    fixture_done(&s);
}

/* Out of memory at any point: the whole report or an error, never a part of it. */
static void no_memory(void **state)
{
    (void)state;
    struct sco_scan s;
    fixture_init(&s);
    s.repository = "https://git.example/a/b";
    fixture_run(&s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    fixture_run(&s, "other", "Other", SCO_RUN_STATUS_FAILED)->reason = "why";
    struct sco_finding *f =
        fixture_finding(&s, SCO_TYPE_SCA, SCO_SEV_HIGH, "Trivy", "CVE-1", "Overflow");
    fixture_package(&s, f, "left-pad", "1.0.0", "1.0.1");
    f->cwe_ids = fixture_strs(&s, (const char *const[]){"CWE-79", NULL});
    fixture_count(&s);
    fixture_gate(&s, SCO_GATE_FAILED, 1, "a reason");
    for (int k = 0; k < SCO_REPORT_MAX_; k++) {
        enum sco_report_format format = (enum sco_report_format)k;
        SCO_AUTO(sco_buf) struct sco_buf want = fixture_report(&s, format, NULL);
        bool refused = true; /* until a run has fewer than n allocations */
        for (long n = 0; refused; n++) {
            struct sco_error err = {0};
            SCO_AUTO(sco_buf) struct sco_buf got = {0};
            sco_alloc_fail_at(n);
            int r = sco_report_write_file(&s, format, NULL, in_dir("report"), NULL, &err);
            refused = sco_alloc_fail_at(-1) > n;
            assert_true(r == 0 || r == SCO_E_NOMEM);
            assert_int_equal(files_in_dir(), r == 0 ? 1 : 0);
            if (r < 0)
                continue;
            assert_int_equal(sco_fs_read(in_dir("report"), 1 << 20, &got, &err), 0);
            assert_true(sco_str_eq(sco_buf_str(&got), sco_buf_str(&want)));
            assert_int_equal(unlink(in_dir("report")), 0);
        }
    }
    fixture_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_format, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_name_the_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaces_whole_files_only, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
