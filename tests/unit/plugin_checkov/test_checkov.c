/* The Checkov plugin: the three shapes of its report, and what its log adds to a run. */
#include "plugin_test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "plugin_run.h"

static const char CLEAN[] = "{\"check_type\": \"terraform\", \"results\": {\"failed_checks\": []}, "
                            "\"summary\": {\"passed\": 4, \"failed\": 0}}";

static int parse_file(const char *name)
{
    return fake_host_parse(fh, plugin_testdata("checkov", name), NULL);
}

static void test_list_of_reports(void **state)
{
    (void)state;
    assert_int_equal(parse_file("two-frameworks.json"), 0);
    assert_int_equal(fh->n, 4);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_IAC);
    assert_int_equal(f->severity, SCO_SEV_MEDIUM); /* null */
    assert_str(f->rule_id, "CKV_AWS_24");
    assert_str(f->file_path, "net/main.tf");
    assert_int_equal(f->line, 6);
    assert_int_equal(f->end_line, 14);
    assert_str(f->resource, "aws_security_group.open");
    assert_str(f->references.v[0], "https://docs.example/ckv-aws-24");
    assert_int_equal(f->n_locations, 1);
    assert_str(f->locations[0].file_path, "main.tf");
    assert_int_equal(f->locations[0].end_line, 4);
    assert_str(fake_meta(fh, 0, "evaluated_keys"), "ingress/[0]/from_port, ingress/[0]/to_port");
    f = finding(1);
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_int_equal(f->line, 0); /* [0, 0] */
    assert_has(sco_buf_z(&fh->tools), "Checkov 3.3.30");
    assert_has(sco_buf_z(&fh->incompletes), "1 file could not be parsed: broken.tf");
}

static void test_skipped_is_suppressed(void **state)
{
    (void)state;
    assert_int_equal(parse_file("two-frameworks.json"), 0);
    const struct sco_report_finding *f = finding(2);
    assert_str(f->rule_id, "CKV_AWS_17");
    assert_int_equal(f->n_suppressions, 1);
    assert_int_equal(f->suppressions[0].kind, SCO_SUPPRESS_INLINE);
    assert_str(f->suppressions[0].reason, "only in the lab");
    f = finding(3); /* the digest of a secret is not shown */
    assert_int_equal(f->type, SCO_TYPE_SECRET);
    assert_null(f->resource.p);
    assert_str(f->stable_id, "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8");
    assert_int_equal(f->n_suppressions, 0);
}

static void test_packages_and_short_list(void **state)
{
    (void)state;
    assert_int_equal(parse_file("packages.json"), 0);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SCA);
    assert_int_equal(f->severity, SCO_SEV_CRITICAL);
    assert_str(f->ids.v[0], "CVE-2020-1747");
    assert_str(f->package_name, "pyyaml");
    assert_str(f->fixed_version, "5.3.1");
    assert_str(f->cvss_vector, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
    assert_has(sco_buf_z(&fh->incompletes), "counts 3 failed checks, but the report lists 1");
}

static void test_nothing_checked(void **state)
{
    (void)state;
    assert_int_equal(parse_file("nothing.json"), SCO_RUN_SKIPPED);
    assert_int_equal(parse_text("{\"passed\":0,\"failed\":0,\"skipped\":0,\"parsingerrors\":2,"
                                "\"resourcecount\":0,\"checkov_version\":\"2.1\"}"),
                     0);
    assert_has(sco_buf_z(&fh->incompletes), "2 files could not be parsed");
    assert_int_equal(parse_file("unparsed.json"), 0);
    assert_int_equal(fh->n_incomplete, 2);
    assert_int_equal(parse_text(CLEAN), 0);
    assert_int_equal(fh->n_incomplete, 2);
}

static void test_odd_items(void **state)
{
    (void)state;
    assert_int_equal(
        parse_text("{\"check_type\": [], \"results\": {\"failed_checks\": [7, null, "
                   "{\"check_id\": \"A\", \"severity\": 9, \"file_line_range\": \"x\", "
                   "\"resource\": [], \"check_result\": null}]}}"),
        0);
    assert_int_equal(fh->n, 1);
    assert_has(sco_buf_z(&fh->incompletes), "2 items of the report were not understood");
    assert_true(parse_text("{\"results\": {\"failed_checks\": {}}}") < 0);
    assert_true(parse_text("{\"results\": {}}") < 0);
}

static void test_cuts_and_nonsense(void **state)
{
    (void)state;
    cut_everywhere(plugin_testdata("checkov", "two-frameworks.json"));
    cut_everywhere(plugin_testdata("checkov", "nothing.json"));
    refuse_nonsense();
    assert_true(parse_text("[]") < 0);
    assert_true(parse_text("null") < 0);
}

static void test_sniff(void **state)
{
    (void)state;
    assert_true(fake_host_sniff(fh, plugin_testdata("checkov", "two-frameworks.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("checkov", "nothing.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("checkov", "unparsed.json")) >= 90);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("bandit", "report.json")), 0);
}

/* ---- run ---- */
static int run_with(struct fake_program p)
{
    struct sco_job job = fake_job();
    p.report_path = "checkov/results_json.json";
    program[0] = p;
    int r = run_job(&job);
    remove_job();
    return r;
}

static void test_exit_status(void **state)
{
    (void)state;
    assert_int_equal(run_with((struct fake_program){.report = CLEAN}), 0);
    assert_int_equal(fh->n_incomplete, 0);
    assert_int_equal(run_with((struct fake_program){.exit_code = 2, .err = "checkov: error: x"}),
                     SCO_E_TOOL);
    assert_has(fh->error, "failed with exit status 2: checkov: error: x");
    assert_int_equal(
        run_with((struct fake_program){
            .err = "2026 [MainThread  ] [ERROR]  Directory x does not exist; skipping it"}),
        SCO_E_TOOL);
    assert_has(fh->error, "wrote no report: 2026 [MainThread ] [ERROR] Directory x does not exist");
}

static void test_errors_in_the_log(void **state)
{
    (void)state;
    assert_int_equal(
        run_with((struct fake_program){
            .report = CLEAN, .err = "a\n2026 [ERROR] Failed to run check CKV_X\n[ERROR] again\nb"}),
        0);
    assert_has(sco_buf_z(&fh->incompletes),
               "2 errors of its own: 2026 [ERROR] Failed to run check CKV_X");
}

static void test_command_line(void **state)
{
    (void)state;
    const char *excludes[] = {"a+b", NULL};
    const char *options[] = {"target_config", "true", "skip_checks", "CKV_A,CKV_B", NULL};
    struct sco_job job = fake_job();
    job.excludes = excludes;
    program[0] = (struct fake_program){.report = CLEAN, .report_path = "checkov/results_json.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], " --directory=/tmp/"); /* so the target's own file is not read */
    assert_lacks(command_lines[0], " -d ");
    assert_has(command_lines[0], "/target/a\\+b(/|$) ");
    assert_has(command_lines[0], "--soft-fail --skip-download --framework terraform,");
    assert_lacks(command_lines[0], "PARALLELIZATION");
    remove_job();
    plugin_reopen(options);
    job = fake_job();
    job.cpus = 1;
    program[0] = (struct fake_program){.report = CLEAN, .report_path = "checkov/results_json.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], " -d /tmp/");
    assert_has(command_lines[0], "--skip-check CKV_A,CKV_B ");
    assert_has(command_lines[0], "CHECKOV_PARALLELIZATION_TYPE=none ");
    remove_job();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, plugin_setup, plugin_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_list_of_reports),
        TEST(test_skipped_is_suppressed),
        TEST(test_packages_and_short_list),
        TEST(test_nothing_checked),
        TEST(test_odd_items),
        TEST(test_cuts_and_nonsense),
        TEST(test_sniff),
        TEST(test_exit_status),
        TEST(test_errors_in_the_log),
        TEST(test_command_line),
    };
    return cmocka_run_group_tests_name("plugin checkov", tests, NULL, NULL);
}
