/* The job message and versions in the words of programs. The rest of core/host is tested with the
 * real worker, in tests/integration/worker. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <secureops/host.h>

static const char full[] =
    "{\"kind\":\"scan\",\"plugins\":[\"/p/a.so\"],\"descriptors\":[\"{}\"],\"options\":{\"x\":1},"
    "\"target\":{\"kind\":\"image\",\"path\":\"alpine:3\"},\"root\":null,\"work_dir\":\"/w\","
    "\"cache_dir\":\"/c\",\"program\":\"/usr/bin/"
    "x\",\"version\":null,\"excludes\":[\"node_modules\"],"
    "\"files\":[\"a\",\"b/c\"],\"offline\":true,\"cpus\":3,\"timeout_ms\":5000,"
    "\"limits\":{\"findings\":7,\"output\":8,\"memory\":9},"
    "\"sandbox\":{\"landlock\":false,\"write\":[\"/extra\"]},"
    "\"env\":{\"PATH\":\"/bin\",\"X\":\"a=b\"},\"digest_key\":\"00ff10\"}";

static void test_whole(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_worker_job j;
    assert_int_equal(sco_worker_job_parse(sco_str_c(full), &arena, &j, NULL), 0);
    assert_int_equal(j.kind, SCO_JOB_SCAN);
    assert_string_equal(j.plugins[0], "/p/a.so");
    assert_null(j.plugins[1]);
    assert_string_equal(j.descriptors[0], "{}");
    assert_int_equal(sco_int_at(j.options, "x", 0), 1);
    assert_int_equal(j.target_kind, SCO_TARGET_IMAGE);
    assert_string_equal(j.target, "alpine:3");
    assert_null(j.root);
    assert_null(j.version);
    assert_string_equal(j.excludes[0], "node_modules");
    assert_string_equal(j.files[1], "b/c");
    assert_null(j.files[2]);
    assert_true(j.offline);
    assert_int_equal(j.cpus, 3);
    assert_int_equal(j.timeout_ms, 5000);
    assert_int_equal(j.max_findings, 7);
    assert_int_equal(j.max_output, 8);
    assert_int_equal(j.max_memory, 9);
    assert_false(j.landlock);
    assert_true(j.seccomp); /* on by default */
    assert_string_equal(j.write[0], "/extra");
    assert_string_equal(j.env[0], "PATH=/bin");
    assert_string_equal(j.env[1], "X=a=b");
    assert_int_equal(j.digest_key.n, 3);
    assert_memory_equal(j.digest_key.p, "\x00\xFF\x10", 3);
}

static void test_least(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_worker_job j;
    assert_int_equal(sco_worker_job_parse(SCO_STR("{\"kind\":\"describe\"}"), &arena, &j, NULL), 0);
    assert_null(j.plugins[0]);
    assert_null(j.descriptors);
    assert_null(j.excludes[0]);
    assert_null(j.env[0]);
    assert_null(j.files);
    assert_int_equal(j.cpus, 1);
    assert_true(j.landlock);
}

static void test_descriptors(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_worker_job j;
    struct sco_str json = SCO_STR("{\"kind\":\"version\",\"plugins\":[\"/a\",\"/b\",\"/c\"],"
                                  "\"descriptors\":[null,\"{}\",null]}");
    assert_int_equal(sco_worker_job_parse(json, &arena, &j, NULL), 0);
    assert_null(j.descriptors[0]);
    assert_string_equal(j.descriptors[1], "{}");
    assert_null(j.descriptors[2]);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"", ""},
        {"[]", "\"kind\""},
        {"{\"kind\":\"dance\"}", "\"kind\": expected scan, import, describe, version or ci"},
        {"{\"kind\":\"version\"}", "\"plugins\": expected one at least"},
        {"{\"kind\":\"version\",\"plugins\":\"a\"}", "\"plugins\": expected a list"},
        {"{\"kind\":\"version\",\"plugins\":[1]}", "\"plugins\": expected texts"},
        {"{\"kind\":\"version\",\"plugins\":[\"/a\"],\"descriptors\":[]}",
         "\"descriptors\": expected one for each plugin"},
        {"{\"kind\":\"version\",\"plugins\":[\"/a\"],\"descriptors\":[{}]}",
         "\"descriptors\": expected texts"},
        {"{\"kind\":\"import\",\"plugins\":[\"/a\"]}", "\"input\": expected text"},
        {"{\"kind\":\"scan\",\"plugins\":[\"/a\"]}", "\"target.kind\""},
        {"{\"kind\":\"scan\",\"plugins\":[\"/a\"],\"target\":{\"kind\":\"url\"}}",
         "\"target.path\""},
        {"{\"kind\":\"describe\",\"timeout_ms\":-1}", "\"timeout_ms\": expected a number"},
        {"{\"kind\":\"describe\",\"offline\":1}", "\"offline\": expected true or false"},
        {"{\"kind\":\"describe\",\"env\":[]}", "\"env\": expected a map"},
        {"{\"kind\":\"describe\",\"digest_key\":\"zz\"}", "\"digest_key\""},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        struct sco_worker_job j;
        struct sco_error err = {0};
        int r = sco_worker_job_parse(sco_str_c(cases[i].json), &arena, &j, &err);
        assert_true(r == SCO_E_FORMAT || r == SCO_E_PARSE);
        if (!strstr(err.text, cases[i].text))
            fail_msg("%s: found %s", cases[i].json, err.text);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    int r = SCO_E_NOMEM;
    for (long n = 0; r == SCO_E_NOMEM; n++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        struct sco_worker_job j;
        assert_true(n < 1000);
        sco_alloc_fail_at(n);
        r = sco_worker_job_parse(sco_str_c(full), &arena, &j, NULL);
        sco_alloc_fail_at(-1);
    }
    assert_int_equal(r, 0);
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *text, *version;
    } cases[] = {
        {"1.2.3", "1.2.3"},
        {"Version: 0.74.0\nVulnerability DB:\n  Version: 2\n", "0.74.0"},
        {"gitleaks version 8.30.0", "8.30.0"},
        {"v8.30.0", "8.30.0"},
        {"bandit 1.9.4\n  python version = 3.11.2 (main)", "1.9.4"},
        {"Dependency-Check Core version 12.1.0", "12.1.0"},
        {"tool (v2.0.0-rc.1+build5), done", "2.0.0-rc.1+build5"},
        {"hadolint 2.15.1.", "2.15.1"},
        {"12:30:11.123 INFO starting 3.4", "3.4"},
        {"/usr/lib/python3.11/site.py:3: warning\nsemgrep 1.185.0", "1.185.0"},
        {"ZAP 2.17.0", "2.17.0"},
        {"SARIF-tool/1.2", NULL},
        {"no digits", NULL},
        {"release 7", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        struct sco_str v = sco_version_in(sco_str_c(cases[i].text));
        if (!sco_str_eq(v, sco_str_c(cases[i].version)))
            fail_msg("%s: found %.*s", cases[i].text, SCO_STR_ARG(v));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),       cmocka_unit_test(test_least),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
