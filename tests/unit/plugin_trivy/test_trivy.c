/* The Trivy plugin: four kinds of findings in three shapes of reports; running it with and without
 * a vulnerability database. */
#include "plugin_test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "plugin_run.h"

static const char CLEAN[] = "{\"SchemaVersion\": 2, \"ArtifactName\": \"x\", \"Results\": []}";

static int parse_file(const char *name)
{
    return fake_host_parse(fh, plugin_testdata("trivy", name), NULL);
}

static void test_vulnerability(void **state)
{
    (void)state;
    assert_int_equal(parse_file("folder.json"), 0);
    assert_int_equal(fh->n, 8);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SCA);
    assert_int_equal(f->severity, SCO_SEV_HIGH);
    assert_str(f->rule_id, "CVE-2019-10906");
    assert_str(f->title, "CVE-2019-10906 jinja2 2.10: sandbox escape through str.format_map");
    assert_str(f->package_name, "jinja2");
    assert_str(f->purl, "pkg:pypi/jinja2@2.10");
    assert_str(f->fixed_version, "2.10.1");
    assert_str(f->file_path, "app/requirements.txt");
    assert_int_equal(f->line, 3); /* from the list of packages */
    assert_str(f->cvss_vector, "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:H/I:N/A:N"); /* ghsa */
    assert_int_equal(f->ids.n, 1);
    assert_int_equal(f->references.n, 2);
    assert_str(f->references.v[0], "https://avd.example/cve-2019-10906");
    assert_str(fake_meta(fh, 0, "vendor_ids"), "GHSA-462w-v97r-4m45");
    f = finding(1);
    assert_int_equal(f->severity, SCO_SEV_UNKNOWN);
    assert_str(f->severity_text, "UNKNOWN");
    assert_int_equal(f->line, 1);
    assert_has(sco_buf_z(&fh->incompletes), "1 item of the report was not understood");
    assert_has(sco_buf_z(&fh->tools), "Trivy 0.76.0");
}

static void test_suppressed(void **state)
{
    (void)state;
    assert_int_equal(parse_file("folder.json"), 0);
    const struct sco_report_finding *f = finding(2);
    assert_str(f->rule_id, "CVE-2018-18074");
    assert_int_equal(f->n_suppressions, 1);
    assert_int_equal(f->suppressions[0].kind, SCO_SUPPRESS_WAIVER);
    assert_str(f->suppressions[0].reason, "not reachable, .trivyignore.yaml");
    assert_int_equal(finding(3)->n_suppressions, 0);
}

static void test_misconfiguration(void **state)
{
    (void)state;
    assert_int_equal(parse_file("folder.json"), 0);
    const struct sco_report_finding *f = finding(3);
    assert_int_equal(f->type, SCO_TYPE_IAC);
    assert_str(f->rule_id, "DS-0002");
    assert_str(fake_meta(fh, 3, "id"), "DS002");
    assert_str(f->description,
               "Specify at least 1 USER command\n\nRunning as root can lead to an escape.");
    assert_str(f->remediation, "Add a USER line.");
    assert_str(f->snippet, "RUN id");
    assert_int_equal(f->line, 2);
    f = finding(4); /* PASS is no finding, EXCEPTION a suppressed one */
    assert_str(f->rule_id, "DS-0026");
    assert_int_equal(f->n_suppressions, 1);
    f = finding(5);
    assert_str(f->rule_id, "AWS-0107");
    assert_str(f->resource, "module.net.aws_security_group.open");
    assert_int_equal(f->n_locations, 1);
    assert_str(f->locations[0].file_path, "main.tf");
    assert_int_equal(f->locations[0].end_line, 3);
}

static void test_secret_and_license(void **state)
{
    (void)state;
    assert_int_equal(parse_file("folder.json"), 0);
    const struct sco_report_finding *f = finding(6);
    assert_int_equal(f->type, SCO_TYPE_SECRET);
    assert_null(f->secret.p); /* Trivy masks it itself */
    assert_str(f->snippet, "AWS_ACCESS_KEY_ID=********************");
    f = finding(7);
    assert_int_equal(f->type, SCO_TYPE_LICENSE);
    assert_str(f->rule_id, "GPL-3.0");
    assert_str(f->title, "License GPL-3.0 of readline");
    assert_str(f->file_path, "vendor/readline/COPYING");
}

static void test_cluster(void **state)
{
    (void)state;
    assert_int_equal(parse_file("cluster.json"), 0);
    assert_int_equal(fh->n, 2);
    assert_str(finding(0)->resource, "shop/Deployment/web");
    assert_str(finding(0)->file_path, "web:1 (debian 12.1)");
    assert_str(finding(1)->rule_id, "KSV-0001");
    assert_has(sco_buf_z(&fh->incompletes), "Node/n1 was not scanned: image scan failed");
}

static void test_other_shapes(void **state)
{
    (void)state;
    assert_int_equal(parse_file("legacy.json"), 0);
    assert_int_equal(fh->n, 1);
    assert_int_equal(parse_file("clean.json"), 0);
    assert_int_equal(fh->n, 1);
    assert_int_equal(fh->n_incomplete, 0);
    assert_int_equal(parse_text("null"), SCO_RUN_INCOMPLETE);
    assert_int_equal(parse_text("[]"), SCO_RUN_INCOMPLETE);
    assert_int_equal(
        parse_text("{\"SchemaVersion\": 2, \"ArtifactName\": \"x\", \"Results\": null}"),
        SCO_RUN_INCOMPLETE);
    assert_int_equal(parse_text("{\"SchemaVersion\": 3, \"ArtifactName\": \"x\"}"), SCO_E_FORMAT);
    assert_has(fh->error, "SchemaVersion 3; this plugin reads 2");
    assert_int_equal(parse_text("{\"ClusterName\": \"x\"}"), SCO_E_FORMAT);
    assert_int_equal(parse_text("{\"SchemaVersion\": 2, \"ArtifactName\": \"x\", \"Results\": {}}"),
                     SCO_E_FORMAT);
    assert_int_equal(parse_text("{\"SchemaVersion\": 2, \"ArtifactName\": \"x\", \"Results\": "
                                "[{\"Target\": \"a\", \"Vulnerabilities\": \"b\"}]}"),
                     SCO_E_FORMAT);
}

static void test_old_check_ids(void **state)
{
    (void)state;
    static const char *const ids[][2] = {{"DS002", "DS-0002"},
                                         {"AVD-DS-0002", "DS-0002"},
                                         {"DS-0002", "DS-0002"},
                                         {"KSV117", "KSV-0117"},
                                         {"AVD-AWS-0086", "AWS-0086"},
                                         {"N1", "N1"},
                                         {"ID", "ID"},
                                         {"007", "007"}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char text[512];
        snprintf(
            text, sizeof text,
            "{\"SchemaVersion\": 2, \"ArtifactName\": \"x\", \"Results\": [{\"Target\": \"a\", "
            "\"Misconfigurations\": [{\"ID\": \"%s\"}]}]}",
            ids[i][0]);
        assert_int_equal(parse_text(text), 0);
        assert_str(finding(i)->rule_id, ids[i][1]);
    }
}

static void test_cuts_and_nonsense(void **state)
{
    (void)state;
    cut_everywhere(plugin_testdata("trivy", "folder.json"));
    cut_everywhere(plugin_testdata("trivy", "cluster.json"));
    cut_everywhere(plugin_testdata("trivy", "legacy.json"));
    refuse_nonsense();
}

static void test_sniff(void **state)
{
    (void)state;
    assert_true(fake_host_sniff(fh, plugin_testdata("trivy", "folder.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("trivy", "cluster.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("trivy", "legacy.json")) >= 90);
    assert_true(fake_host_sniff(fh, plugin_testdata("trivy", "clean.json")) >= 90);
    assert_int_equal(fake_host_sniff(fh, plugin_testdata("gitleaks", "report.json")), 0);
}

/* ---- run ---- */
static void database(const struct sco_job *job)
{
    write_file(job->cache_dir, "db/metadata.json", "{}");
}

static void test_command_line(void **state)
{
    (void)state;
    const char *excludes[] = {"node_modules", "a,b", NULL};
    struct sco_job job = fake_job();
    job.excludes = excludes;
    job.offline = 1;
    database(&job);
    write_file(job.target, ".trivyignore", "");
    program[0] = (struct fake_program){.report = CLEAN, .report_path = "trivy.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], "/opt/bin/tool fs --format json -o /tmp/");
    assert_has(command_lines[0], "--exit-code 0 --timeout 58s --cache-dir ");
    assert_has(command_lines[0], "--scanners vuln,secret,misconfig ");
    assert_has(command_lines[0], "--ignorefile /tmp/");
    assert_has(command_lines[0], "/target/node_modules ");
    assert_lacks(command_lines[0], "a,b");
    assert_has(command_lines[0], "TRIVY_SKIP_DB_UPDATE=true ");
    assert_has(command_lines[0], "TRIVY_OFFLINE_SCAN=true ");
    assert_int_equal(fh->n_incomplete, 0);
    remove_job();
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        const char *expect;
    } t[] = {{SCO_TARGET_IMAGE, "/opt/bin/tool image "},
             {SCO_TARGET_SBOM, "/opt/bin/tool sbom "},
             {SCO_TARGET_PLAN, "/opt/bin/tool config "},
             {SCO_TARGET_FILE, "/opt/bin/tool fs "}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct sco_job job = fake_job();
        job.target_kind = t[i].kind;
        if (t[i].kind == SCO_TARGET_IMAGE)
            job.target = "registry.example/web:1";
        program[0] = (struct fake_program){.report = CLEAN, .report_path = "trivy.json"};
        assert_int_equal(run_job(&job), 0);
        assert_has(command_lines[0], t[i].expect);
        if (t[i].kind == SCO_TARGET_IMAGE)
            assert_lacks(command_lines[0], "--input");
        if (t[i].kind == SCO_TARGET_PLAN)
            assert_lacks(command_lines[0], "--scanners");
        if (t[i].kind == SCO_TARGET_SBOM)
            assert_has(command_lines[0], "--scanners vuln ");
        remove_job();
    }
}

static void test_offline_without_database(void **state)
{
    (void)state;
    const char *options[] = {"scanners", "vuln", NULL};
    struct sco_job job = fake_job();
    job.offline = 1;
    program[0] = (struct fake_program){.report = CLEAN, .report_path = "trivy.json"};
    assert_int_equal(run_job(&job), 0);
    assert_has(command_lines[0], "--scanners secret,misconfig ");
    assert_has(sco_buf_z(&fh->incompletes), "vulnerabilities were not looked for: there is no");
    remove_job();
    plugin_reopen(options);
    job = fake_job();
    job.offline = 1;
    assert_int_equal(run_job(&job), SCO_RUN_INCOMPLETE);
    assert_int_equal(runs, 0);
    remove_job();
}

static void test_database_cannot_be_fetched(void **state)
{
    (void)state;
    struct sco_job job = fake_job();
    program[0] = (struct fake_program){
        .exit_code = 1,
        .err = "2026\tFATAL\tFatal error\trun error: init error: DB error: failed to download"};
    program[1] = (struct fake_program){.report = CLEAN, .report_path = "trivy.json"};
    assert_int_equal(run_job(&job), 0);
    assert_int_equal(runs, 2);
    assert_has(command_lines[0], "--scanners vuln,secret,misconfig ");
    assert_has(command_lines[1], "--scanners secret,misconfig ");
    assert_has(
        sco_buf_z(&fh->incompletes),
        "vulnerabilities were not looked for: run error: init error: DB error: failed to download");
    remove_job();
}

static void test_failures(void **state)
{
    (void)state;
    struct sco_job job = fake_job();
    program[0] = (struct fake_program){.exit_code = 1, .err = "x\tFATAL\tno such directory"};
    assert_int_equal(run_job(&job), SCO_E_TOOL);
    assert_has(fh->error, "Trivy failed with exit status 1: no such directory");
    remove_job();
    job = fake_job();
    program[0] = (struct fake_program){
        .report = CLEAN,
        .report_path = "trivy.json",
        .err = "t\tERROR\t[misconfig] Falling back to embedded checks\terr=\"x\"\n"
               "t\tERROR\t[terraform parser] Error parsing file\tfile_path=\"main.tf\"\n"
               "u\tERROR\t[terraform parser] Error parsing file\tfile_path=\"main.tf\"\n"};
    assert_int_equal(run_job(&job), 0);
    assert_has(sco_buf_z(&fh->incompletes),
               "1 error on the way: [terraform parser] Error parsing file file_path=\"main.tf\"");
    remove_job();
}

static void test_server_and_token(void **state)
{
    (void)state;
    const char *options[] = {"server", "http://trivy:4954", "token", "s3cr3t", NULL};
    plugin_reopen(options);
    struct sco_job job = fake_job();
    job.offline = 1;
    program[0] = (struct fake_program){.report = CLEAN, .report_path = "trivy.json"};
    assert_int_equal(run_job(&job), 0);                  /* the server has the database */
    assert_has(command_lines[0], "TRIVY_TOKEN=s3cr3t "); /* the environment, */
    assert_lacks(command_lines[0], "--token");           /* not the command line */
    assert_has(command_lines[0], "--server http://trivy:4954 ");
    remove_job();
}

static void test_unknown_scanner_option(void **state)
{
    (void)state;
    const char *options[] = {"scanners", "vuln,secrets", NULL};
    fake_host_free(fh);
    fh = fake_host_new();
    assert_int_equal(fake_host_open(fh, sco_plugin_v1(), options), SCO_E_INVALID);
    assert_has(fh->error, "\"secrets\" is not one of vuln, secret");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, plugin_setup, plugin_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_vulnerability),
        TEST(test_suppressed),
        TEST(test_misconfiguration),
        TEST(test_secret_and_license),
        TEST(test_cluster),
        TEST(test_other_shapes),
        TEST(test_old_check_ids),
        TEST(test_cuts_and_nonsense),
        TEST(test_sniff),
        TEST(test_command_line),
        TEST(test_targets),
        TEST(test_offline_without_database),
        TEST(test_database_cannot_be_fetched),
        TEST(test_failures),
        TEST(test_server_and_token),
        TEST(test_unknown_scanner_option),
    };
    return cmocka_run_group_tests_name("plugin trivy", tests, NULL, NULL);
}
