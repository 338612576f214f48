/* The Semgrep plugin: scan reports with findings and errors side by side, the exports of the
 * platform, and where its rules come from. */
#include "plugin_test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "plugin_run.h"

static const char CLEAN[] =
    "{\"version\": \"1\", \"results\": [], \"errors\": [], \"paths\": {\"scanned\": [\"a.py\"]}}";
static const char NOTHING[] =
    "{\"version\": \"1\", \"results\": [], \"errors\": [], \"paths\": {\"scanned\": []}}";
static const char BAD_CONFIG[] =
    "{\"version\": \"1\", \"results\": [], \"errors\": [{\"code\": 7, \"level\": \"error\", "
    "\"message\": \"invalid configuration\"}], \"paths\": {\"scanned\": []}}";
static const char BAD_RULE[] =
    "{\"version\": \"1\", \"results\": [], \"errors\": [{\"code\": 2, \"level\": \"error\", "
    "\"message\": \"Rule parse error in rule x\"}], \"paths\": {\"scanned\": [\"a.py\"]}}";

static int parse_file(const char *name)
{
    return fake_host_parse(fh, plugin_testdata("semgrep", name), NULL);
}

static void test_results(void **state)
{
    (void)state;
    assert_int_equal(parse_file("scan.json"), 0);
    assert_int_equal(fh->n, 5);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SAST);
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_str(f->rule_id, "rules.shell-true");
    assert_str(f->title, "Runs a command through the shell");
    assert_str(f->remediation, "subprocess.run(args)");
    assert_str(f->cwes.v[0], "CWE-78: OS Command Injection");
    assert_int_equal(f->references.n, 2);
    assert_null(f->snippet.p); /* "requires login" */
    assert_null(f->stable_id.p);
    assert_int_equal(f->line, 11);
    assert_int_equal(f->column, 12);
    f = finding(1);
    assert_int_equal(f->severity, SCO_SEV_MEDIUM);
    assert_str(f->snippet, "    return hashlib.md5(x)");
    assert_int_equal(f->suppressions[0].kind, SCO_SUPPRESS_INLINE);
    assert_str(fake_meta(fh, 1, "match_fingerprint"), "abc_0");
    f = finding(2);
    assert_int_equal(f->type, SCO_TYPE_QUALITY);
    assert_int_equal(f->severity, SCO_SEV_UNKNOWN);
    assert_str(f->severity_text, "INVENTORY");
    assert_int_equal(finding(4)->type, SCO_TYPE_SECRET);
}

static void test_dependency(void **state)
{
    (void)state;
    assert_int_equal(parse_file("scan.json"), 0);
    const struct sco_report_finding *f = finding(3);
    assert_int_equal(f->type, SCO_TYPE_SCA);
    assert_str(f->package_name, "pyyaml");
    assert_str(f->package_version, "5.1");
    assert_str(f->fixed_version, "5.3.1");
    assert_str(f->ids.v[0], "CVE-2020-1747");
    assert_str(fake_meta(fh, 3, "reachable"), "true");
}

static void test_errors_make_it_incomplete(void **state)
{
    (void)state;
    const char *options[] = {"partial_parsing", "accept", NULL};
    assert_int_equal(parse_file("scan.json"), 0);
    const char *why = sco_buf_z(&fh->incompletes);
    assert_has(why, "1 error: Rule parse error in rule x: Invalid pattern");
    assert_has(why, "1 file was not fully checked (Timeout): app/big.js");
    assert_has(why, "1 file was parsed in part only: app/odd.py");
    assert_has(why, "1 item of the report was not understood");
    plugin_reopen(options);
    assert_int_equal(parse_file("scan.json"), 0);
    assert_lacks(sco_buf_z(&fh->incompletes), "parsed in part");
    assert_has(sco_buf_z(&fh->logs), "1 file was parsed in part only: app/odd.py");
}

static void test_nothing_scanned(void **state)
{
    (void)state;
    assert_int_equal(parse_file("nothing.json"), SCO_RUN_SKIPPED);
    assert_int_equal(parse_file("clean.json"), 0);
    assert_int_equal(fh->n_incomplete, 0);
    assert_int_equal(parse_file("bad-config.json"), 0);
    assert_has(sco_buf_z(&fh->incompletes), "invalid configuration file found");
}

static void test_platform(void **state)
{
    (void)state;
    assert_int_equal(parse_file("platform.json"), 0);
    assert_int_equal(fh->n, 3);
    const struct sco_report_finding *f = finding(0);
    assert_str(f->rule_id, "js.href");
    assert_str(f->stable_id, "m1_0");
    assert_str(f->remediation,
               "Check the address.\n\n1. Parse it.\n\nSuggested change:\ncheck(url)");
    assert_int_equal(f->cwes.n, 2);
    assert_int_equal(f->references.n, 1);
    assert_int_equal(f->flags, 0);
    assert_int_equal(finding(1)->flags, SCO_FINDING_RESOLVED);
    f = finding(2);
    assert_int_equal(f->flags, SCO_FINDING_FALSE_POSITIVE);
    assert_str(f->suppressions[0].reason, "false_positive: a test");
}

static void test_supply_chain(void **state)
{
    (void)state;
    assert_int_equal(parse_file("supply-chain.json"), 0);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SCA);
    assert_str(f->ecosystem, "pypi");
    assert_str(f->fixed_version, "1.53.0");
    assert_int_equal(f->line, 22);
    assert_has(sco_buf_z(&fh->incompletes), "further pages");
}

static void test_titles(void **state)
{
    (void)state;
    char text[2048], message[1024] = "";
    for (int i = 0; i < 60; i++)
        strncat(message, i % 2 ? "wörter " : "lange ", sizeof message - strlen(message) - 1);
    snprintf(text, sizeof text,
             "{\"version\":\"1\",\"results\":[{\"check_id\":\"a\",\"extra\":{\"message\":\"%s\"}},"
             "{\"check_id\":\"b\",\"extra\":{\"message\":\"  Use e.g. this one!  More.\"}},"
             "{\"check_id\":\"c\",\"extra\":{\"message\":\"\"}},{\"check_id\":\"d\"}]}",
             message);
    assert_int_equal(parse_text(text), 0);
    assert_true(finding(0)->title.n <= 124);
    assert_int_equal(finding(0)->title.p[finding(0)->title.n - 1], '.');
    assert_str(finding(1)->title, "Use e.g. this one!");
    assert_int_equal(finding(2)->title.n, 0);
    assert_int_equal(finding(3)->title.n, 0);
}

static void test_cuts_and_nonsense(void **state)
{
    (void)state;
    cut_everywhere(plugin_testdata("semgrep", "scan.json"));
    cut_everywhere(plugin_testdata("semgrep", "platform.json"));
    cut_everywhere(plugin_testdata("semgrep", "supply-chain.json"));
    refuse_nonsense();
    assert_true(parse_text("{\"findings\": null}") < 0);
    assert_true(parse_text("{\"vulns\": [{}]}") < 0);
}

static void test_sniff(void **state)
{
    (void)state;
    assert_true(fake_host_sniff(fh, plugin_testdata("semgrep", "scan.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("semgrep", "clean.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("semgrep", "platform.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("semgrep", "supply-chain.json")) >= 90);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("bandit", "clean.json")), 0);
}

/* ---- run ---- */
static int run_with(struct fake_program p)
{
    struct sco_job job = fake_job();
    write_file(job.target, ".semgrep.yml", "rules: []");
    p.report_path = "semgrep.json";
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
    assert_int_equal(run_with((struct fake_program){.report = NOTHING}), SCO_RUN_SKIPPED);
    assert_int_equal(run_with((struct fake_program){.report = BAD_CONFIG, .exit_code = 7}),
                     SCO_E_TOOL);
    assert_has(fh->error, "Semgrep failed with exit status 7: invalid configuration");
    assert_int_equal(run_with((struct fake_program){.report = BAD_CONFIG, .exit_code = 2}),
                     SCO_E_TOOL);
    assert_int_equal(run_with((struct fake_program){.report = BAD_RULE, .exit_code = 2}), 0);
    assert_has(sco_buf_z(&fh->incompletes), "1 error: Rule parse error in rule x");
    assert_int_equal(run_with((struct fake_program){.exit_code = 2, .err = "unknown option"}),
                     SCO_E_TOOL);
    assert_has(fh->error, "exit status 2: unknown option");
}

static void test_no_rules(void **state)
{
    (void)state;
    const char *options[] = {"config", "p/default,auto", NULL};
    struct sco_job job = fake_job();
    assert_int_equal(run_job(&job), SCO_RUN_SKIPPED);
    assert_has(fh->error, "there are no rules: name a rules file or folder");
    remove_job();
    plugin_reopen(options);
    job = fake_job();
    job.offline = 1;
    assert_int_equal(run_job(&job), SCO_RUN_SKIPPED);
    assert_has(fh->error, "its rules come from the network, and the run is offline");
    assert_int_equal(runs, 0);
    remove_job();
}

static void test_rules_and_command_line(void **state)
{
    (void)state;
    const char *options[] = {"config", "rules/own.yml,p/default,/etc/rules", "exclude_rules", "r1",
                             NULL};
    const char *excludes[] = {"web/dist", NULL};
    plugin_reopen(options);
    struct sco_job job = fake_job();
    job.offline = 1;
    job.excludes = excludes;
    program[0] = (struct fake_program){.report = CLEAN, .report_path = "semgrep.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], "/target/rules/own.yml --config /etc/rules --exclude-rule r1 ");
    assert_has(command_lines[0], "--metrics=off ");
    assert_has(command_lines[0], "SEMGREP_SEND_METRICS=off ");
    assert_has(command_lines[0], "--exclude=/web/dist . ");
    assert_lacks(command_lines[0], "p/default");
    assert_has(sco_buf_z(&fh->incompletes), "1 rule source was not used: the run is offline");
    remove_job();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, plugin_setup, plugin_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_results),
        TEST(test_dependency),
        TEST(test_errors_make_it_incomplete),
        TEST(test_nothing_scanned),
        TEST(test_platform),
        TEST(test_supply_chain),
        TEST(test_titles),
        TEST(test_cuts_and_nonsense),
        TEST(test_sniff),
        TEST(test_exit_status),
        TEST(test_no_rules),
        TEST(test_rules_and_command_line),
    };
    return cmocka_run_group_tests_name("plugin semgrep", tests, NULL, NULL);
}
