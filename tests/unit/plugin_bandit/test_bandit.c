/* The Bandit plugin: reports, and what an exit status and a report together mean. */
#include "plugin_test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "plugin_run.h"

static const char CLEAN[] =
    "{\"errors\": [], \"metrics\": {\"_totals\": {\"loc\": 3}, \"a.py\": {\"loc\": 3}}, "
    "\"results\": []}";
static const char NOTHING[] =
    "{\"errors\": [], \"metrics\": {\"_totals\": {\"loc\": 0}}, \"results\": []}";
static const char ONE[] =
    "{\"errors\": [], \"metrics\": {\"_totals\": {\"loc\": 3}, \"a.py\": {\"loc\": 3}}, "
    "\"results\": [{\"test_id\": \"B101\", \"filename\": \"a.py\", \"line_number\": 1}]}";

static int parse_file(const char *name)
{
    return fake_host_parse(fh, plugin_testdata("bandit", name), NULL);
}

static void test_report(void **state)
{
    (void)state;
    assert_int_equal(parse_file("report.json"), 0);
    assert_int_equal(fh->n, 3);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SAST);
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_str(f->rule_id, "B602");
    assert_str(f->title, "subprocess call with shell=True identified, security issue.");
    assert_str(f->file_path, "app/main.py");
    assert_int_equal(f->line, 12);
    assert_int_equal(f->end_line, 13);
    assert_int_equal(f->column, 5);
    assert_str(f->snippet, "     subprocess.call(\"ping \" + host,");
    assert_str(f->cwes.v[0], "78");
    assert_str(f->references.v[0], "https://bandit.example/b602");
    assert_str(fake_meta(fh, 0, "confidence"), "HIGH");
    assert_has(sco_buf_z(&fh->incompletes), "1 file was not checked: app/broken.py (syntax error");
}

static void test_password_is_a_secret(void **state)
{
    (void)state;
    assert_int_equal(parse_file("report.json"), 0);
    const struct sco_report_finding *f = finding(1);
    assert_int_equal(f->type, SCO_TYPE_SECRET);
    assert_str(f->secret, "tr0ub4dor&3");
    assert_str(f->title, "Possible hardcoded password");
    assert_null(f->snippet.p);
    assert_int_equal(f->line, 3); /* written as a text */
    f = finding(2);
    assert_str(f->rule_id, "odd_check");
    assert_int_equal(f->severity, SCO_SEV_UNKNOWN);
    assert_str(f->severity_text, "UNDEFINED");
}

static void test_nothing_looked_at(void **state)
{
    (void)state;
    assert_int_equal(parse_file("nothing.json"), SCO_RUN_SKIPPED);
    assert_has(fh->error, "no file was looked at");
    assert_int_equal(parse_file("clean.json"), 0);
    assert_int_equal(fh->n_incomplete, 0);
    assert_int_equal(parse_file("missing-path.json"), 0);
    assert_has(sco_buf_z(&fh->incompletes), "nosuch (No such file or directory)");
}

static void test_cuts_and_nonsense(void **state)
{
    (void)state;
    cut_everywhere(plugin_testdata("bandit", "report.json"));
    refuse_nonsense();
    assert_true(parse_text("{\"results\": [], \"errors\": [], \"paths\": {}}") < 0); /* Semgrep */
}

static void test_sniff(void **state)
{
    (void)state;
    assert_true(fake_host_sniff(fh, plugin_testdata("bandit", "report.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("bandit", "clean.json")) >= 80);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("semgrep", "clean.json")), 0);
}

/* ---- run ---- */
static int run_with(struct fake_program p, const char *const *files)
{
    struct sco_job job = fake_job();
    job.files = files;
    p.report_path = "bandit.json";
    program[0] = p;
    int r = run_job(&job);
    remove_job();
    return r;
}

static void test_exit_status(void **state)
{
    (void)state;
    assert_int_equal(run_with((struct fake_program){.report = CLEAN}, NULL), 0);
    assert_int_equal(run_with((struct fake_program){.report = ONE, .exit_code = 1}, NULL), 0);
    assert_int_equal(fh->n, 1);
    assert_int_equal(
        run_with((struct fake_program){.exit_code = 1, .err = "Traceback\nValueError: x"}, NULL),
        SCO_E_TOOL);
    assert_has(fh->error, "exited with status 1 but wrote no report: Traceback; ValueError: x");
    assert_int_equal(
        run_with((struct fake_program){.exit_code = 2, .err = "bandit: error: no"}, NULL),
        SCO_E_TOOL);
    assert_has(fh->error, "failed with exit status 2: bandit: error: no");
    assert_int_equal(run_with((struct fake_program){.report = ""}, NULL), SCO_E_TOOL);
    assert_has(fh->error, "empty report");
    assert_int_equal(run_with((struct fake_program){.report = CLEAN, .old = 1}, NULL), SCO_E_TOOL);
    assert_has(fh->error, "older than its run");
}

static void test_ends(void **state)
{
    (void)state;
    assert_int_equal(run_with((struct fake_program){.signal = 11, .report = CLEAN}, NULL),
                     SCO_E_TOOL);
    assert_has(fh->error, "ended by signal 11");
    assert_int_equal(run_with((struct fake_program){.timed_out = 1, .signal = 9}, NULL),
                     SCO_E_TIMEOUT);
    assert_int_equal(run_with((struct fake_program){.truncated = 1, .signal = 9}, NULL),
                     SCO_E_LIMIT);
    assert_int_equal(run_with((struct fake_program){.missing = 1}, NULL), SCO_E_NOT_FOUND);
    assert_int_equal(run_with((struct fake_program){.report = "{\"results\": ["}, NULL),
                     SCO_E_PARSE);
}

static void test_files_that_were_not_seen(void **state)
{
    (void)state;
    const char *files[] = {"a.py", NULL};
    assert_int_equal(run_with((struct fake_program){.report = NOTHING}, NULL), SCO_RUN_SKIPPED);
    assert_int_equal(run_with((struct fake_program){.report = NOTHING}, files), SCO_RUN_INCOMPLETE);
    assert_has(fh->error, "no file was looked at, though there are some (a.py)");
}

static void test_command_line(void **state)
{
    (void)state;
    const char *options[] = {"tests", "B602,B105", "target_config", "false", NULL};
    const char *excludes[] = {"venv", "a,b", "c*", NULL};
    plugin_reopen(options);
    struct sco_job job = fake_job();
    job.excludes = excludes;
    program[0] = (struct fake_program){.report = CLEAN, .report_path = "bandit.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], "/opt/bin/tool -f json -o /tmp/sco-plugin-");
    assert_has(command_lines[0], ",./venv/* ");
    assert_lacks(command_lines[0], "a,b");
    assert_has(command_lines[0], "--ini ");
    assert_has(command_lines[0], "-t B602,B105 ");
    assert_lacks(command_lines[0], "--exit-zero"); /* 1.6.2 has none */
    remove_job();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, plugin_setup, plugin_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_report),
        TEST(test_password_is_a_secret),
        TEST(test_nothing_looked_at),
        TEST(test_cuts_and_nonsense),
        TEST(test_sniff),
        TEST(test_exit_status),
        TEST(test_ends),
        TEST(test_files_that_were_not_seen),
        TEST(test_command_line),
    };
    return cmocka_run_group_tests_name("plugin bandit", tests, NULL, NULL);
}
