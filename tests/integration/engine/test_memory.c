/* The nth allocation of the engine fails, for every n: a scan with a finding ends with an error, as
 * incomplete or with that finding, and never as passed. Nothing is leaked or hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <secureops/engine.h>
#include <secureops/fs.h>
#include <secureops/report.h>
#include <stdlib.h>
#include <unistd.h>

static char *root;
static struct sco_arena places; /* paths */

static const char *put(const char *name, struct sco_str text, int mode)
{
    const char *path = sco_arena_fmt(&places, "%s/%s", root, name);
    assert_non_null(path);
    char *dir = sco_arena_cstr(&places, sco_str_make(path, (size_t)(strrchr(path, '/') - path)));
    assert_int_equal(sco_fs_mkdirs(dir, 0700, NULL), 0);
    assert_int_equal(sco_fs_write(path, text, mode, NULL), 0);
    return path;
}

#define REPORT                                                                                     \
    "[{\"RuleID\":\"github-pat\",\"Description\":\"A token\",\"StartLine\":1,\"EndLine\":1,"       \
    "\"StartColumn\":1,\"EndColumn\":9,\"Match\":\"abcdefghi\",\"Secret\":\"abcdefghi\","          \
    "\"File\":\"a.ini\",\"Commit\":\"\",\"Fingerprint\":\"a.ini:github-pat:1\"}]"
#define PROGRAM                                                                                    \
    "#!/bin/sh\ncase $1 in version | --version) echo 8.30.1; exit ;; esac\n"                       \
    "while [ $# -gt 0 ]; do case $1 in --report-path=*) out=${1#*=} ;; --report-path) out=$2 ;; "  \
    "esac; shift; done\nprintf '%s' '" REPORT "' >\"$out\"\nexit 10\n"

static struct sco_engine_options options(void)
{
    static const char *dirs[2], *only[] = {"gitleaks", NULL};
    static char tools[4096], cache[4096], plugins[4096];
    snprintf(tools, sizeof tools, "%s/tools", root);
    snprintf(cache, sizeof cache, "%s/cache", root);
    snprintf(plugins, sizeof plugins, "%s/plugins", root);
    dirs[0] = plugins;
    return (struct sco_engine_options){.worker = WORKER,
                                       .plugin_dirs = dirs,
                                       .tools_path = tools,
                                       .cache_dir = cache,
                                       .scanners = only,
                                       .gate = {.fail_on = SCO_SEV_INFO}};
}

static int run_import(struct sco_engine *e, struct sco_scan **ret, struct sco_error *err)
{
    static char path[4096];
    const char *files[] = {path};
    snprintf(path, sizeof path, "%s/r.json", root);
    return sco_engine_import(e, files, 1, NULL, NULL, ret, err);
}

static int run_scan(struct sco_engine *e, struct sco_scan **ret, struct sco_error *err)
{
    static char path[4096];
    const char *targets[] = {path};
    struct sco_plan *plan = NULL;
    snprintf(path, sizeof path, "%s/target", root);
    int r = sco_engine_plan(e, targets, 1, &plan, err);
    if (r == 0)
        r = sco_engine_scan(e, plan, ret, err);
    sco_plan_free(plan);
    return r;
}

static int write_report(const struct sco_scan *scan, struct sco_error *err)
{
    static char path[4096];
    static const struct sco_report_options none;
    int files;
    snprintf(path, sizeof path, "%s/out.json", root);
    int r = sco_report_write_file(scan, SCO_REPORT_JSON, &none, path, &files, err);
    return r;
}

/* False when there was no nth allocation. */
static bool fails_at(long n,
                     int (*run)(struct sco_engine *, struct sco_scan **, struct sco_error *))
{
    struct sco_engine_options o = options();
    struct sco_engine *e = NULL;
    struct sco_scan *scan = NULL;
    struct sco_error err = {0};
    sco_alloc_fail_at(n);
    int r = sco_engine_new(&o, &e, &err);
    if (r == 0)
        r = run(e, &scan, &err);
    if (r == 0)
        r = write_report(scan, &err);
    long used = sco_alloc_fail_at(-1);
    if (r < 0)
        assert_int_not_equal(err.text[0], 0);
    else if (scan->exit_status != 3) {
        assert_int_equal(scan->exit_status, 1);
        assert_int_equal(scan->findings.n, 1);
        assert_int_equal(scan->runs[0].status, SCO_RUN_STATUS_COMPLETED);
    } else
        assert_true(scan->gate.n_reasons > 0);
    sco_scan_free(scan);
    sco_engine_free(e);
    return used > n;
}

static int set_up(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf plugin = {0};
    if (sco_fs_mkdtemp(NULL, "sco-memory", &root, NULL) < 0 ||
        sco_fs_read(PLUGIN, 256 << 20, &plugin, NULL) < 0)
        return -1;
    put("plugins/gitleaks.so", sco_buf_str(&plugin), 0700);
    put("tools/gitleaks", SCO_STR(PROGRAM), 0700);
    put("target/a.ini", SCO_STR("abcdefghi\n"), 0600);
    put("target/.gitignore", SCO_STR("*.log\n"), 0600);
    put("r.json", SCO_STR(REPORT), 0600);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    size_t left = sco_fs_remove_tree(root);
    free(root);
    sco_arena_done(&places);
    return (int)left;
}

static void no_memory_for_an_import(void **state)
{
    (void)state;
    long n = 0;
    while (fails_at(n, run_import))
        n++;
    assert_in_range(n, 50, 100000);
}

static void no_memory_for_a_scan(void **state)
{
    (void)state;
    long n = 0;
    while (fails_at(n, run_scan))
        n++;
    assert_in_range(n, 50, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_for_an_import),
        cmocka_unit_test(no_memory_for_a_scan),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
