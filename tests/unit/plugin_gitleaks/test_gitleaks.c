/* The Gitleaks plugin: both generations of reports, secrets that go nowhere but to the host, and
 * the exit status that means leaks, a part, or a failure. */
#include "plugin_test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "plugin_run.h"

static const char LEAK[] = "[{\"RuleID\": \"generic\", \"Secret\": \"s3cr3t\", \"File\": \"a\"}]";

static int parse_file(const char *name)
{
    return fake_host_parse(fh, plugin_testdata("gitleaks", name), NULL);
}

/* No text that is kept may hold the value. */
static void assert_no_value(size_t i, const char *value)
{
    const struct sco_report_finding *f = finding(i);
    const struct sco_str texts[] = {f->title,     f->description, f->snippet,  f->rule_id,
                                    f->file_path, f->resource,    f->stable_id};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (texts[k].n)
            assert_null(memmem(texts[k].p, texts[k].n, value, strlen(value)));
    for (size_t k = 0; k < f->n_metadata; k++)
        assert_null(memmem(f->metadata[k].value.p, f->metadata[k].value.n, value, strlen(value)));
}

static void test_current(void **state)
{
    (void)state;
    assert_int_equal(parse_file("report.json"), 0);
    assert_int_equal(fh->n, 3);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SECRET);
    assert_int_equal(f->severity, SCO_SEV_CRITICAL); /* a cloud provider's key */
    assert_str(f->title, "Hard-coded secret: aws-access-token");
    assert_str(f->secret, "AKIAIOSFODNN7EXAMPLE");
    assert_str(f->file_path, "deploy/settings.env");
    assert_int_equal(f->line, 4);
    assert_int_equal(f->column, 15);
    assert_str(f->cwes.v[0], "CWE-798");
    assert_no_value(0, "AKIAIOSFODNN7EXAMPLE");
    f = finding(1);
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_str(f->commit, "0123456789abcdef0123456789abcdef01234567");
    assert_str(f->file_path, "old/archive.zip!config.ini");
    assert_str(fake_meta(fh, 1, "tags"), "key,generic");
    assert_no_value(1, "k3y-9f8e7d6c5b4a39281706");
    assert_no_value(1, "someone@example.org");
    assert_no_value(1, "add config");
}

static void test_redacted_is_no_secret(void **state)
{
    (void)state;
    assert_int_equal(parse_file("report.json"), 0);
    const struct sco_report_finding *f = finding(2);
    assert_null(f->secret.p);
    assert_str(f->snippet, "token=REDACTED");
    assert_int_equal(f->line, 12);
    assert_int_equal(parse_text("[{\"RuleID\": \"x\", \"Secret\": \"AKIA...\", \"File\": \"f\"},"
                                "{\"RuleID\": \"x\", \"Secret\": \"****\", \"File\": \"f\"}]"),
                     0);
    assert_null(finding(3)->secret.p);
    assert_null(finding(4)->secret.p);
}

static void test_legacy(void **state)
{
    (void)state;
    assert_int_equal(parse_file("legacy.json"), 0);
    assert_int_equal(fh->n, 2);
    assert_str(finding(0)->title, "Hard Coded Github");
    assert_int_equal(finding(0)->severity, SCO_SEV_CRITICAL);
    assert_str(finding(0)->secret, "GITHUB_TOKEN=\"0123456789abcdef0123456789abcdef01234567\"");
    assert_no_value(0, "0123456789abcdef0123456789abcdef01234567");
    assert_str(finding(0)->commit, "fedcba9876543210fedcba9876543210fedcba98");
    assert_null(finding(1)->secret.p);
    assert_int_equal(finding(1)->line, 7);
}

static void test_empty_and_null(void **state)
{
    (void)state;
    assert_int_equal(parse_text("[]"), 0);
    assert_int_equal(parse_text("null"), SCO_RUN_INCOMPLETE);
    assert_has(fh->error, "does not say what was scanned");
    assert_int_equal(parse_text("[{\"RuleID\": \"x\", \"File\": \"f\"}, 7, {\"a\": 1}]"), 0);
    assert_has(sco_buf_z(&fh->incompletes), "2 items of the report were not understood");
}

static void test_cuts_and_nonsense(void **state)
{
    (void)state;
    cut_everywhere(plugin_testdata("gitleaks", "report.json"));
    cut_everywhere(plugin_testdata("gitleaks", "legacy.json"));
    refuse_nonsense();
}

static void test_sniff(void **state)
{
    (void)state;
    assert_true(fake_host_sniff(fh, plugin_testdata("gitleaks", "report.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("gitleaks", "legacy.json")) >= 90);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("trivy", "legacy.json")), 0);
}

/* ---- run ---- */
static int run_with(struct fake_program p)
{
    struct sco_job job = fake_job();
    p.report_path = "files.json";
    program[0] = p;
    int r = run_job(&job);
    if (p.report && r >= 0) {
        char path[256];
        snprintf(path, sizeof path, "%s/files.json", work_dir);
        assert_int_not_equal(access(path, F_OK), 0); /* values are not left behind */
    }
    remove_job();
    return r;
}

static void test_exit_status(void **state)
{
    (void)state;
    assert_int_equal(run_with((struct fake_program){.report = "[]"}), 0);
    assert_int_equal(run_with((struct fake_program){.report = LEAK, .exit_code = 10}), 0);
    assert_int_equal(fh->n, 1);
    assert_int_equal(fh->n_incomplete, 0);
    assert_int_equal(
        run_with((struct fake_program){.report = LEAK,
                                       .exit_code = 1,
                                       .err = "\x1b[90m1:00\x1b[0m \x1b[31mERR\x1b[0m bad zip"}),
        0);
    assert_has(sco_buf_z(&fh->incompletes), "part of the target was not scanned: 1:00 ERR bad zip");
    assert_int_equal(run_with((struct fake_program){.exit_code = 1, .err = "FTL no such file"}),
                     SCO_E_TOOL);
    assert_has(fh->error, "failed with exit status 1: FTL no such file");
    assert_int_equal(run_with((struct fake_program){.exit_code = 126, .report = "[]"}), SCO_E_TOOL);
    assert_int_equal(run_with((struct fake_program){.exit_code = 0}), SCO_E_TOOL);
    assert_has(fh->error, "wrote no report");
}

static void test_history_follows_files(void **state)
{
    (void)state;
    char path[256];
    struct sco_job job = fake_job();
    snprintf(path, sizeof path, "%s/.git", job.target);
    assert_int_equal(mkdir(path, 0700), 0);
    program[0] = (struct fake_program){.report = "[]", .report_path = "files.json"};
    program[1] =
        (struct fake_program){.report = LEAK, .report_path = "history.json", .exit_code = 10};
    assert_int_equal(run_job(&job), 0);
    assert_int_equal(runs, 2);
    assert_has(command_lines[0], "/opt/bin/tool dir ");
    assert_has(command_lines[1], "/opt/bin/tool git ");
    assert_has(command_lines[1], "--exit-code=10 ");
    assert_lacks(command_lines[1], "--redact");
    assert_int_equal(fh->n, 1);
    remove_job();
}

static void test_old_release_has_one_command(void **state)
{
    (void)state;
    struct sco_job job = fake_job();
    job.version = "8.16.2";
    program[0] = (struct fake_program){.report = "[]", .report_path = "files.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], "/opt/bin/tool detect --source . --no-git ");
    remove_job();
}

static void test_excludes_become_a_configuration(void **state)
{
    (void)state;
    const char *excludes[] = {"node_modules", "a.b/it's", NULL};
    char path[256], text[1024] = "";
    struct sco_job job = fake_job();
    job.excludes = excludes;
    program[0] = (struct fake_program){.report = "[]", .report_path = "files.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], "--config ");
    snprintf(path, sizeof path, "%s/gitleaks.toml", work_dir);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_has(text, "useDefault = true");
    assert_has(text, "'''^(?:\\./)?node_modules/'''");
    assert_has(text, "'''^(?:\\./)?a\\.b/it.s/'''");
    remove_job();
}

static void test_own_configuration(void **state)
{
    (void)state;
    const char *options[] = {"target_config", "true", NULL};
    struct sco_job job = fake_job();
    write_file(job.target, ".gitleaks.toml", "");
    program[0] = (struct fake_program){.report = "[]", .report_path = "files.json"};
    assert_int_equal(run_job(&job), 0);
    assert_lacks(command_lines[0], "/target/.gitleaks.toml");
    assert_has(command_lines[0], "/gitleaks.toml "); /* else Gitleaks would take the target's */
    remove_job();
    plugin_reopen(options);
    job = fake_job();
    write_file(job.target, ".gitleaks.toml", "");
    write_file(job.target, ".gitleaksignore", "");
    program[0] = (struct fake_program){.report = "[]", .report_path = "files.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], "/target/.gitleaks.toml ");
    assert_has(command_lines[0], "--gitleaks-ignore-path ");
    remove_job();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, plugin_setup, plugin_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_current),
        TEST(test_redacted_is_no_secret),
        TEST(test_legacy),
        TEST(test_empty_and_null),
        TEST(test_cuts_and_nonsense),
        TEST(test_sniff),
        TEST(test_exit_status),
        TEST(test_history_follows_files),
        TEST(test_old_release_has_one_command),
        TEST(test_excludes_become_a_configuration),
        TEST(test_own_configuration),
    };
    return cmocka_run_group_tests_name("plugin gitleaks", tests, NULL, NULL);
}
