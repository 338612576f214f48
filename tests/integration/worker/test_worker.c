/* The real secureops-worker against plugins with one sin each: what it says, how it ends, how long
 * it takes, and that nothing is left. */
#include "worker_case.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <secureops/fs.h>

/* ---- loading ---- */

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *error;
    } cases[] = {
        {"bad-magic", "magic: expected 0x50434f53, found 0x12345678"},
        {"bad-major", "abi_major: expected 1, found 2"},
        {"future-minor", "abi_minor: expected 2 or lower, found 3"},
        {"tiny-struct", "struct_size: expected"},
        {"bad-kind", "kind: expected 1 or 2, found 77"},
        {"null-name", "name: expected text, found NULL"},
        {"bad-name", "found \\\"Bad Name!\\\""},
        {"no-scanner", "scanner: expected a description of the scanner, found NULL"},
        {"ci-none", "ci: expected a description of the platform, found NULL"},
        {"ci-size", "ci.struct_size: expected 4 to 65536, found 2"},
        {"ci-nothing", "ci: expected one operation at least"},
        {"ci-half", "ci: expected verify and translate, or neither"},
        {"ci-no-open", "open: expected a function, found NULL"},
        {"no-run", "expected run or parse, found neither"},
        {"bad-offset", "option count: offset: expected"},
        {"bad-default", "option count: default: expected a whole number, found \\\"12x\\\""},
        {"bad-option-type", "option count: type: expected 1 to 8, found 99"},
        {"option-twice", "option count: name: is there twice"},
        {"huge-context", "ctx_size: expected at most"},
        {"null-plugin", "sco_plugin_v1(): expected a plugin, found NULL"},
        {"no-symbol", "symbol: expected sco_plugin_v1(), found none"},
        {"not-elf", ".so: "},
        {"not-there", "No such file"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        const char *path = drive_plugin("plugins", cases[i].name);
        job((struct drive_job){.kind = "describe", .plugin = path});
        expect("completed", "");
        assert_string_equal(r.loading, path);
        if (!strstr(r.describe, cases[i].error) || !strstr(r.describe, path))
            fail_msg("%s: expected %s\nfound %s", cases[i].name, cases[i].error, r.describe);
        job((struct drive_job){.plugin = path}); /* a scan says the same */
        assert_string_equal(r.status, "failed");
        assert_true(strstr(r.reason, cases[i].name) != NULL);
    }
}

static void test_describes_the_others(void **state)
{
    (void)state;
    job((struct drive_job){.kind = "describe",
                           .plugin = drive_plugin("plugins", "bad-magic"),
                           .plugin2 = drive_plugin("fakes", "fake")});
    expect("completed", "");
    assert_non_null(strstr(r.describe, "\"name\":\"fake\""));
    assert_non_null(strstr(r.describe, "\"secret\":true"));
    assert_non_null(strstr(r.describe, "\"targets\":[\"directory\"]"));
}

static void test_older(void **state)
{
    (void)state;
    job((struct drive_job){.plugin = drive_plugin("plugins", "older")});
    expect("completed", "");
    assert_int_equal(r.findings, 1);
    assert_non_null(strstr(r.text, "\"rule_id\":\"OLD\""));
    job((struct drive_job){.kind = "describe", .plugin = drive_plugin("plugins", "older-ci")});
    assert_non_null(strstr(r.describe, "\"kind\":\"ci\""));
    job((struct drive_job){.plugin = drive_plugin("plugins", "older-ci")});
    expect("failed", "older-ci is not a scanner");
    job((struct drive_job){.kind = "ci", .plugin = drive_plugin("plugins", "older-ci")});
    expect("failed", "older-ci is not a plugin of a CI platform");
    job((struct drive_job){.kind = "ci", .plugin = drive_plugin("plugins", "older")});
    expect("failed", "older is not a plugin of a CI platform");
    job((struct drive_job){.kind = "describe", .plugin = drive_plugin("plugins", "ci-short")});
    assert_non_null(strstr(r.describe, "\"operations\":[\"trigger\"]")); /* and no poll */
}

/* A file that others may write to, and one in such a folder. */
static void test_permissions(void **state)
{
    (void)state;
    char path[1200];
    SCO_AUTO(sco_buf) struct sco_buf so = {0};
    assert_int_equal(sco_fs_read(drive_plugin("plugins", "older"), 16 << 20, &so, NULL), 0);
    snprintf(path, sizeof path, "%s/mine.so", drive_dir());
    assert_int_equal(sco_fs_write(path, sco_buf_str(&so), 0755, NULL), 0);
    job((struct drive_job){.plugin = path});
    expect("completed", "");
    assert_int_equal(chmod(path, 0775), 0);
    job((struct drive_job){.plugin = path});
    expect("failed",
           "mine.so: mode: expected no write permission for group and others, found 0775");
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(drive_dir(), 0777), 0);
    job((struct drive_job){.plugin = path});
    expect("failed", "mode: expected no write permission for group and others, found 0777");
    assert_int_equal(chmod(drive_dir(), 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 0), 0);
        job((struct drive_job){.plugin = path});
        expect("failed", "owner: expected root or user 0, found user 12345");
    }
    job((struct drive_job){.plugin = "relative.so"});
    expect("failed", "path: expected an absolute one");
    unlink(path);
}

static void test_load_ends(void **state)
{
    (void)state;
    const char *crash = drive_plugin("plugins", "crash-load");
    job((struct drive_job){.kind = "describe", .plugin = crash});
    expect_crash(SIGSEGV);
    assert_string_equal(r.loading, crash);
    const char *hang = drive_plugin("plugins", "hang-load");
    job((struct drive_job){.kind = "describe", .plugin = hang, .timeout_ms = 200});
    expect("timeout", "did not end within its deadline of 0.2 s");
    assert_string_equal(r.loading, hang);
    assert_in_range(r.duration_ms, 200, 4500);
}

/* ---- ends ---- */

static void test_crashes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int signal;
    } cases[] = {{"crash-open", SIGSEGV},
                 {"crash-run", SIGSEGV},
                 {"crash-close", SIGSEGV},
                 {"abort-run", SIGABRT},
                 {"stack-overflow", SIGSEGV}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        job((struct drive_job){.plugin = drive_plugin("plugins", cases[i].name)});
        expect_crash(cases[i].signal);
    }
}

static void test_exits(void **state)
{
    (void)state;
    job((struct drive_job){.plugin = drive_plugin("plugins", "exit-run")});
    expect("failed", "the plugin called exit()");
    assert_int_equal(r.findings, 2); /* what it said before counts */
    assert_int_equal(r.claimed, 2);
    job((struct drive_job){.plugin = drive_plugin("plugins", "exit-hard")});
    expect("died", "exit 0 signal 0");
    job((struct drive_job){.plugin = drive_plugin("plugins", "fail-open")});
    expect("failed", "fail-open does not start: no licence was found");
    job((struct drive_job){.plugin = drive_plugin("plugins", "odd-result")});
    expect("failed", "the plugin returned 42, which has no meaning");
    job((struct drive_job){.plugin = drive_plugin("plugins", "silent-failure")});
    expect("failed", "tool: the plugin gave no reason");
    job((struct drive_job){.plugin = drive_plugin("plugins", "fork-both")});
    expect("completed", "");
    assert_int_equal(r.findings, 2);
    assert_false(r.broken);
}

static void test_hangs(void **state)
{
    (void)state;
    static const char *const names[] = {"hang-run", "spin-run"};
    for (size_t i = 0; i < 2; i++) {
        job((struct drive_job){.plugin = drive_plugin("plugins", names[i]), .timeout_ms = 100});
        expect("timeout", "did not end within its deadline of 0.1 s");
        assert_in_range(r.duration_ms, 3000, 4000);
    }
    job((struct drive_job){
        .plugin = drive_plugin("plugins", "hang-deaf"), .timeout_ms = 100, .kill_ms = 500});
    assert_true(r.killed);
    assert_int_equal(r.signal, SIGKILL);
}

/* ---- misuse ---- */

static void test_flood(void **state)
{
    (void)state;
    const char *path = drive_plugin("plugins", "flood");
    int64_t n = SANITIZED ? 50000 : 1000000;
    char options[64];
    snprintf(options, sizeof options, "{\"count\":%lld}", (long long)n);
    job((struct drive_job){.plugin = path, .options = options, .timeout_ms = 60000});
    expect("completed", "");
    assert_int_equal(r.findings, n);
    assert_int_equal(r.claimed, n);
    job((struct drive_job){.plugin = path, .max_findings = 1000});
    expect("incomplete", "more than 1000 findings: the others were left out");
    assert_int_equal(r.findings, 1000);
    job((struct drive_job){
        .plugin = path, .options = "{\"count\":100000000}", .cancel_ms = 100, .kill_ms = 5000});
    expect("cancelled", "stopped after");
    assert_true(r.findings > 0 && r.findings == r.claimed);
}

static void test_records(void **state)
{
    (void)state;
    const char *path = drive_plugin("plugins", "bad-records");
    job((struct drive_job){.plugin = path, .options = "{\"count\":20000}"});
    expect("incomplete", "a record was refused");
    assert_non_null(strstr(r.reason, "a record of 1048578 bytes was refused"));
    assert_int_equal(r.records, 20000); /* the refused ones are not counted */
    assert_int_equal(r.records_claimed, 20000);
    job((struct drive_job){.plugin = path, .options = "{\"count\":20000}", .max_output = 1000});
    expect("incomplete", "more than 1000 bytes of records");
    assert_int_equal(r.records, r.records_claimed);
    assert_true(r.records > 50 && r.records < 200);
}

static void test_misuse(void **state)
{
    (void)state;
    job((struct drive_job){.plugin = drive_plugin("plugins", "bad-utf8")});
    assert_false(r.broken);
    expect("incomplete", "\\x1b");
    assert_true(sco_utf8_valid(sco_str_c(r.text)));
    assert_int_equal(r.findings, 1);
    assert_true(sco_utf8_valid(sco_str_c(r.reason)));
    assert_true(sco_utf8_valid(sco_str_c(r.log)));
    job((struct drive_job){.plugin = drive_plugin("plugins", "late-emit")});
    expect("incomplete", "3 calls of the plugin came outside of its run");
    assert_int_equal(r.findings, 1);
    assert_null(strstr(r.text, "LATE"));
    job((struct drive_job){.plugin = drive_plugin("plugins", "thread-emit")});
    expect("incomplete", "from another thread");
    assert_int_equal(r.findings, 0);
    job((struct drive_job){.plugin = drive_plugin("plugins", "no-type")});
    expect("incomplete", "a finding was refused");
    job((struct drive_job){.plugin = drive_plugin("plugins", "log-flood"), .timeout_ms = 60000});
    expect("incomplete", "reason 0; reason 1; ");
    assert_non_null(strstr(r.reason, "more"));
    assert_true(r.logs < 2000 && r.progress < 2000 && r.incomplete == 10);
    assert_non_null(strstr(r.log, "left out"));
}

static void test_descriptors(void **state)
{
    (void)state;
    static const char *const harmless[] = {"stdout-noise", "write-fd3"};
    for (size_t i = 0; i < 2; i++) {
        job((struct drive_job){.plugin = drive_plugin("plugins", harmless[i])});
        expect("completed", "");
        assert_false(r.broken);
        assert_int_equal(r.findings, 1);
    }
    job((struct drive_job){.plugin = drive_plugin("plugins", "garbage")});
    assert_true(r.broken);
    job((struct drive_job){.plugin = drive_plugin("plugins", "close-fds")});
    assert_string_equal(r.status, "died");
    job((struct drive_job){.plugin = drive_plugin("plugins", "leak-children")});
    expect("completed", "");
    assert_string_equal(r.log, "leak-children left processes behind: 5 were killed");
}

/* ---- import ---- */

static const char *write_input(const char *name, const char *text)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", drive_dir(), name);
    assert_int_equal(sco_fs_write(path, sco_str_c(text), 0600, NULL), 0);
    return path;
}

static void import(const char *text, const char *format, const char *other)
{
    job((struct drive_job){.kind = "import",
                           .plugin = drive_plugin("fakes", "fake"),
                           .plugin2 = other,
                           .format = format,
                           .input = write_input("in.json", text)});
}

static void test_import(void **state)
{
    (void)state;
    static const char good[] = "{\"fakescan\":1,\"findings\":[{\"rule\":\"A\"},{\"rule\":\"B\"}]}";
    const char *utf8 = drive_plugin("plugins", "bad-utf8");
    import(good, NULL, utf8);
    expect("completed", "");
    assert_string_equal(r.chosen, "fake");
    assert_int_equal(r.findings, 2);
    import("{\"bad\":\"bad-utf8\"}", NULL, utf8);
    assert_string_equal(r.chosen, "bad-utf8");
    import("{\"other\":1,\"thing\":2}", NULL, utf8);
    expect("failed",
           "in.json is not a report of a known tool: it is a JSON object with the members "
           "other, thing; known: fake, bad-utf8");
    import("{\"other\":1}", "fake", utf8);
    expect("failed", "not a report of fakescan");
    import(good, "nobody", utf8);
    expect("failed", "no plugin \"nobody\" reads reports; known: fake, bad-utf8");
    import("", NULL, utf8);
    expect("failed", "in.json is empty");
    import(" \n\t ", NULL, NULL);
    expect("failed", "in.json is empty");
    import("{\"fakescan\":1,\"findings\":[{\"rule\":\"A\"},", NULL, NULL);
    expect("failed", "offset");
    import("{\"bad\":\"x\"}", NULL, drive_plugin("plugins", "bad-magic"));
    expect("failed", "known: fake");
    assert_non_null(strstr(r.log, "magic: expected"));
    const char *crash = drive_plugin("plugins", "crash-sniff");
    import(good, NULL, crash);
    expect_crash(SIGSEGV);
    assert_string_equal(r.loading, crash);
}

static void test_what_it_looks_like(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"[]", "an empty JSON list"},
        {"[{\"a\":1}]", "a JSON list of objects with the members a"},
        {"{\"a\":", "a JSON object"},
        {"<html><body>", "a web page"},
        {"<a:report xmlns:a=\"urn:x\"><b/></a:report>",
         "an XML document with the root element report"},
        {"hello\nworld", "text that starts with \"hello\""},
        {"PK\x03\x04zip", "a zip archive: unpack it first"},
        {"\x1F\x8B\x08", "a gzip file: unpack it first"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        import(cases[i].text, NULL, NULL);
        expect("failed", cases[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_describes_the_others),
        cmocka_unit_test(test_older),     cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_load_ends), cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_exits),     cmocka_unit_test(test_hangs),
        cmocka_unit_test(test_flood),     cmocka_unit_test(test_records),
        cmocka_unit_test(test_misuse),    cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_import),    cmocka_unit_test(test_what_it_looks_like),
    };
    drive_dir();
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
