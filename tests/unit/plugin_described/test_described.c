/* The plugin for described scanners: command lines, what is trusted, and findings out of JSON. What
 * the engine makes of a file is written down here as it hands it over. */
#include <plugin_test.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include <plugin_run.h>

#define HEAD "{\"scanner\":{\"name\":\"acme\",\"title\":\"Acme\",\"cwd\":\"work\","
#define FIELDS                                                                                     \
    "\"fields\":{\"rule_id\":\"AC{id}\",\"title\":\"text\",\"severity\":\"level\","                \
    "\"file_path\":\"pos.0.file\",\"line\":\"pos.0.line\",\"end_line\":\"pos.0.end\","             \
    "\"cwe\":\"cwe\",\"cve\":\"ids\",\"package_name\":\"pkg.name\",\"secret\":\"secret\"}"
#define REST                                                                                       \
    "\"exit_codes\":{\"ok\":[\"0\",\"1\"],\"incomplete\":[\"3\"]},\"type\":\"SAST\","              \
    "\"severity_map\":{\"bad\":\"HIGH\",\"2\":\"LOW\"}," FIELDS "}"
#define COMMAND                                                                                    \
    "\"command\":[\"acme\",\"-o\",\"{report}\",\"-j{jobs}\",\"{options}\",\"{target}\"],"          \
    "\"when_offline\":[\"--offline\",\"{cache_dir}\"],"
#define FILE_JSON                                                                                  \
    HEAD COMMAND "\"findings\":\"results\",\"errors\":\"errors\"},"                                \
                 "\"report\":{\"format\":\"json\",\"from\":\"file\"}," REST
#define LIST_JSON                                                                                  \
    HEAD "\"command\":[\"acme\",\"--\",\"{files}\"],\"findings\":\".\"},"                          \
         "\"report\":{\"format\":\"json\",\"from\":\"stdout\"}," REST
#define SARIF                                                                                      \
    HEAD COMMAND "\"a\":0},\"report\":{\"format\":\"sarif\",\"from\":\"file\"},"                   \
                 "\"exit_codes\":{\"ok\":[\"0\"]}}"

static void describe(const char *json)
{
    const char *const options[] = {"descriptor", json, NULL};
    plugin_reopen(options);
}

static int setup(void **state)
{
    const char *const options[] = {"descriptor", FILE_JSON, NULL};
    (void)state;
    fh = fake_host_new();
    return fake_host_open(fh, sco_plugin_v1(), options);
}

/* ---- findings -------------------------------------------------------------------------------- */

static void items(void **state)
{
    (void)state;
    assert_int_equal(
        parse_text(
            "{\"results\":[{\"id\":7,\"text\":\"weak\",\"level\":\"BAD\",\"pos\":[{\"file\":"
            "\"a.c\",\"line\":\"3\",\"end\":5}],\"cwe\":79,\"ids\":[\"CVE-2020-1\",\"GHSA-x\"],"
            "\"pkg\":{\"name\":\"zlib\"},\"secret\":\"hunter2\"},"
            "{\"id\":\"8\",\"level\":2,\"text\":null,\"pos\":[]},"
            "{\"id\":9,\"level\":\"odd\",\"pos\":{\"0\":{\"file\":\"b.c\",\"line\":-4}}}],"
            "\"errors\":[]}"),
        0);
    assert_int_equal(fh->n, 3);
    const struct sco_report_finding *f = finding(0);
    assert_int_equal(f->type, SCO_TYPE_SAST);
    assert_str(f->rule_id, "AC7");
    assert_str(f->title, "weak");
    assert_int_equal(f->severity, SCO_SEV_HIGH); /* case does not count */
    assert_str(f->file_path, "a.c");
    assert_int_equal(f->line, 3);
    assert_int_equal(f->end_line, 5);
    assert_str(f->cwes.v[0], "79");
    assert_int_equal(f->ids.n, 2);
    assert_str(f->package_name, "zlib");
    assert_str(f->secret, "hunter2");
    assert_int_equal(finding(1)->severity, SCO_SEV_LOW);
    assert_null(finding(1)->title.p);
    assert_null(finding(1)->file_path.p);
    f = finding(2);
    assert_int_equal(f->severity, SCO_SEV_UNKNOWN); /* the host decides by the word */
    assert_str(f->severity_text, "odd");
    assert_str(f->file_path, "b.c"); /* a map with such a name */
    assert_int_equal(f->line, 0);
    assert_int_equal(fh->n_incomplete, 0);
}

static void every_other_word(void **state)
{
    (void)state;
    describe("{\"scanner\":{\"name\":\"acme\",\"findings\":\"a.b\"},\"type\":\"SCA\",\"report\":{"
             "\"format\":\"json\"},\"fields\":{\"rule_id\":\"id\"},\"severity_map\":{\"*\":"
             "\"CRITICAL\"}}");
    assert_int_equal(parse_text("{\"a\":{\"b\":[{\"id\":1}]}}"), 0);
    assert_int_equal(finding(0)->severity, SCO_SEV_CRITICAL);
    assert_int_equal(finding(0)->type, SCO_TYPE_SCA);
    assert_int_equal(parse_text("{\"a\":{\"b\":null}}"), SCO_E_FORMAT);
    assert_has(fh->error, "\"a.b\" is null");
    assert_int_equal(parse_text("{\"a\":{}}"), SCO_E_FORMAT);
    assert_has(fh->error, "not a report of acme: it has no list at \"a.b\"");
    assert_int_equal(parse_text("{\"a\":{\"b\":{}}}"), SCO_E_FORMAT);
    assert_int_equal(parse_text("{\"a\":{\"b\":7}}"), SCO_E_FORMAT);
    /* a path that has the name of the list on its way */
    describe("{\"scanner\":{\"name\":\"acme\",\"findings\":\"a.a\"},\"type\":\"SCA\",\"report\":{"
             "\"format\":\"json\"},\"fields\":{\"rule_id\":\"id\"}}");
    assert_int_equal(parse_text("{\"a\":{\"a\":[{\"id\":1}]}}"), 0);
    assert_int_equal(fh->n, 1);
    describe(
        "{\"scanner\":{\"name\":\"acme\",\"findings\":\"a\",\"null_is_empty\":true},\"report\":{"
        "\"format\":\"json\"},\"fields\":{\"rule_id\":\"id\"}}");
    assert_int_equal(parse_text("{\"a\":null}"), 0);
    assert_int_equal(parse_text("{\"b\":null}"), SCO_E_FORMAT);
}

static void unusable_items(void **state)
{
    (void)state;
    assert_int_equal(parse_text("{\"results\":[{\"id\":1,\"level\":\"bad\"},{\"text\":\"x\"},7,"
                                "{\"id\":\"\"},{\"id\":{}}]}"),
                     0);
    assert_int_equal(fh->n, 1);
    assert_has(sco_buf_z(&fh->incompletes), "4 items of the report were not understood");
    assert_int_equal(parse_text("{\"results\":[{\"text\":\"x\"}]}"), SCO_E_FORMAT);
    assert_has(fh->error, "none of its 1 items is one");
}

static void wrong_paths_are_told(void **state)
{
    (void)state;
    assert_int_equal(parse_text("{\"results\":[{\"id\":1,\"severity\":\"bad\"}]}"), 0);
    assert_has(sco_buf_z(&fh->incompletes), "no finding has a severity: there is nothing at "
                                            "\"level\"");
    assert_has(sco_buf_z(&fh->logs), "no finding has a file_path");
}

static void own_errors(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"[{\"message\":\"cannot read a.c\"},{}]", "2 errors of its own: cannot read a.c"},
        {"[\"cannot read a.c\"]", "1 error of its own: cannot read a.c"},
        {"\"cannot read a.c\"", "1 error of its own: cannot read a.c"},
        {"{\"reason\":\"cannot read a.c\"}", "1 error of its own: cannot read a.c"},
        {"true", "Acme reported 1 error of its own"},
        {"3", "Acme reported 1 error of its own"},
        {"[]", NULL},
        {"{}", NULL},
        {"\"\"", NULL},
        {"null", NULL},
        {"0", NULL},
        {"false", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        describe(FILE_JSON);
        snprintf(text, sizeof text, "{\"results\":[],\"errors\":%s}", rows[i][0]);
        assert_int_equal(parse_text(text), 0);
        assert_int_equal(fh->n_incomplete, rows[i][1] != NULL);
        if (rows[i][1])
            assert_has(sco_buf_z(&fh->incompletes), rows[i][1]);
    }
    assert_int_equal(parse_text("{\"results\":[],\"errors\":[{\"message\":"), SCO_E_PARSE);
}

/* Items of such rules are no findings: a file was not looked at. */
static void rules_that_are_errors(void **state)
{
    (void)state;
    describe("{\"scanner\":{\"name\":\"acme\",\"findings\":\".\",\"error_rules\":[\"X1\",\"X2\"]},"
             "\"type\":\"SAST\",\"report\":{\"format\":\"json\"},\"fields\":{\"rule_id\":\"X{id}\","
             "\"title\":\"t\",\"file_path\":\"f\"}}");
    assert_int_equal(
        parse_text("[{\"id\":3},{\"id\":2,\"t\":\"not parsed\",\"f\":\"a.c\"},{\"id\":1}]"), 0);
    assert_int_equal(fh->n, 1);
    assert_has(sco_buf_z(&fh->incompletes), "acme reported 2 errors of its own: a.c: not parsed");
    assert_int_equal(parse_text("[{\"id\":2}]"), 0);
    assert_int_equal(fh->n_incomplete, 2);
}

static void hostile(void **state)
{
    (void)state;
    char path[128];
    fake_job();
    write_file(
        work_dir, "good.json",
        "{\"results\":[{\"id\":1,\"level\":\"bad\"},{\"id\":2,\"pos\":[{\"file\":\"b\"}]}]}");
    snprintf(path, sizeof path, "%s/good.json", work_dir);
    cut_everywhere(path);
    remove_job();
    refuse_nonsense();
    describe(LIST_JSON);
    static const char *const bad[] = {"",       "null", "{}",          "[7]",   "[{}]",
                                      "[null]", "7",    "[{\"id\":1}", "[] []", "{\"a\":[]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parse_text(bad[i]) >= 0)
            fail_msg("taken for a report: %s", bad[i]);
    assert_int_equal(parse_text("[]"), 0);
    describe(SARIF);
    refuse_nonsense();
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void command_line(void **state)
{
    (void)state;
    struct sco_job job = fake_job();
    char want[512];
    program[0] =
        (struct fake_program){.report = "{\"results\":[]}", .report_path = "report-1.json"};
    assert_int_equal(run_job(&job), 0);
    snprintf(want, sizeof want, "/opt/bin/tool -o %s/report-1.json -j2 %s ", work_dir, job.target);
    assert_string_equal(command_lines[0], want);
    remove_job();
}

static void options_where_they_are_wanted(void **state)
{
    (void)state;
    static const char *const dirs[] = {"node_modules", "a/b c", "*",     "x,y", "-rf",
                                       "**",           "q[a]",  "(x|y)", NULL};
    static const char *const rows[][2] = {
        {"\"flag\":\"--skip\",\"style\":\"comma\",\"pattern\":\"{dir}/**\"",
         "--skip node_modules/**,a/b c/** --offline "},
        {"\"flag\":\"--skip=\",\"style\":\"repeat\",\"pattern\":\"{dir}\"",
         "--skip=node_modules --skip=a/b c --offline "},
        {"\"flag\":\"-x\",\"style\":\"repeat\",\"pattern\":\"/{dir}/{dir}\"",
         "-x /node_modules/node_modules -x /a/b c/a/b c --offline "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[4096], want[512];
        snprintf(text, sizeof text, "%.*s,\"exclude\":{%s}}", (int)(sizeof FILE_JSON - 2),
                 FILE_JSON, rows[i][0]);
        describe(text);
        struct sco_job job = fake_job();
        job.excludes = dirs;
        job.offline = 1;
        program[0] =
            (struct fake_program){.report = "{\"results\":[]}", .report_path = "report-1.json"};
        assert_int_equal(run_job(&job), 0);
        snprintf(want, sizeof want, " -j2 %s%s %s ", rows[i][1], work_dir, job.target);
        assert_has(command_lines[0], want);
        remove_job();
    }
}

static void environment_and_folder(void **state)
{
    (void)state;
    describe(
        "{\"scanner\":{\"name\":\"acme\",\"findings\":\".\",\"cwd\":\"target\",\"command\":["
        "\"{program}\",\"x{program}y\",\"{ z}\"]},\"type\":\"SCA\",\"report\":{\"format\":"
        "\"json\",\"from\":\"stdout\"},\"exit_codes\":{\"ok\":[\"0\"]},\"fields\":{\"rule_id\":"
        "\"id\"},\"env\":{\"ACME_HOME\":\"{cache_dir}/h\",\"B\":\"\"}}");
    struct sco_job job = fake_job();
    program[0] = (struct fake_program){.report = "[]", .report_path = "report-1.json"};
    assert_int_equal(run_job(&job), 0);
    char want[256];
    snprintf(want, sizeof want, "ACME_HOME=%s/h B= /opt/bin/tool x/opt/bin/tooly { z} ", work_dir);
    assert_string_equal(command_lines[0], want);
    remove_job();
}

static void files_in_turns(void **state)
{
    (void)state;
    enum { N = 4100 };
    static const char *files[N + 1];
    describe(LIST_JSON);
    for (int i = 0; i < N; i++)
        files[i] = i == 1 ? "-rf" : "a.c";
    struct sco_job job = fake_job();
    job.files = files;
    program[0] = (struct fake_program){.report = "[{\"id\":1,\"level\":\"bad\"}]",
                                       .report_path = "report-1.json"};
    program[1] = (struct fake_program){
        .report = "[{\"id\":2,\"level\":\"bad\"}]", .report_path = "report-2.json", .exit_code = 3};
    assert_int_equal(run_job(&job), 0);
    assert_int_equal(runs, 2);
    assert_int_equal(fh->n, 2);
    assert_has(command_lines[0], "/target/-rf "); /* no name is an option */
    assert_has(sco_buf_z(&fh->incompletes), "status 3");
    remove_job();

    describe(LIST_JSON);
    job = fake_job();
    files[0] = NULL;
    job.files = files;
    assert_int_equal(run_job(&job), SCO_RUN_SKIPPED);
    assert_int_equal(runs, 0);
    job.target_kind = SCO_TARGET_FILE; /* no matter what is in `files` */
    program[0] = (struct fake_program){.report = "[]", .report_path = "report-1.json"};
    assert_int_equal(run_job(&job), 0);
    char want[256];
    snprintf(want, sizeof want, "/opt/bin/tool -- %s ", job.target);
    assert_string_equal(command_lines[0], want);
    remove_job();
}

static void trust(void **state)
{
    (void)state;
    static const struct {
        struct fake_program p;
        int result;
        const char *text;
    } rows[] = {
        {{.report = "{\"results\":[]}", .exit_code = 1}, 0, ""},
        {{.report = "{\"results\":[]}", .exit_code = 2, .err = "no rules\n"},
         SCO_E_TOOL,
         "Acme failed with exit status 2: no rules"},
        {{.report = "{\"results\":[]}", .signal = 11}, SCO_E_TOOL, "signal 11"},
        {{.report = "{\"results\":[]}", .timed_out = 1}, SCO_E_TIMEOUT, "deadline"},
        {{.report = "{\"results\":[]}", .truncated = 1}, SCO_E_LIMIT, "limit of output"},
        {{.report = "{\"results\":[]}", .old = 1}, SCO_E_TOOL, "older than its run"},
        {{.report = NULL, .err = "disk full"}, SCO_E_TOOL, "wrote no report: disk full"},
        {{.report = ""}, SCO_E_TOOL, "wrote an empty report"},
        {{.report = "{\"results\":["}, SCO_E_PARSE, ""},
        {{.report = "{}"}, SCO_E_FORMAT, "no list at \"results\""},
        {{.missing = 1}, SCO_E_NOT_FOUND, "no such program"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sco_job job = fake_job();
        program[0] = rows[i].p;
        program[0].report_path = "report-1.json";
        assert_int_equal(run_job(&job), rows[i].result);
        assert_has(fh->error, rows[i].text);
        assert_int_equal(fh->n_incomplete, 0);
        remove_job();
    }
    struct sco_job job = fake_job();
    program[0] = (struct fake_program){.report = "{\"results\":[{\"id\":1,\"level\":\"bad\"}]}",
                                       .report_path = "report-1.json",
                                       .exit_code = 3,
                                       .err = "a.c was not parsed\n"};
    assert_int_equal(run_job(&job), 0);
    assert_int_equal(fh->n, 1);
    assert_has(sco_buf_z(&fh->incompletes),
               "Acme ended with status 3, an incomplete scan: a.c was not parsed");
    remove_job();
}

static void sarif(void **state)
{
    (void)state;
    describe(SARIF);
    struct sco_job job = fake_job();
    program[0] = (struct fake_program){
        .report =
            "{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"Acme\"}},"
            "\"results\":[{\"ruleId\":\"R1\",\"level\":\"error\",\"message\":{\"text\":\"x\"}}"
            "]}]}",
        .report_path = "report-1.sarif"};
    assert_int_equal(run_job(&job), 0);
    assert_int_equal(fh->n, 1);
    assert_str(finding(0)->rule_id, "R1");
    assert_int_equal(finding(0)->severity, SCO_SEV_HIGH);
    runs = 0;
    program[0].report = "{\"version\":\"2.1.0\",\"runs\":[]}";
    assert_int_equal(run_job(&job), 0);
    assert_has(sco_buf_z(&fh->incompletes), "the log holds no run");
    assert_string_equal(fh->error, "");
    remove_job();
}

static void needs_a_descriptor(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"scanner\":{\"name\":\"x\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const options[] = {"descriptor", bad[i], NULL};
        fake_host_free(fh);
        fh = fake_host_new();
        assert_true(fake_host_open(fh, sco_plugin_v1(), options) < 0);
        assert_true(fh->error[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(items, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(every_other_word, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(unusable_items, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(wrong_paths_are_told, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(own_errors, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(rules_that_are_errors, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(hostile, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(command_line, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(options_where_they_are_wanted, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(environment_and_folder, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(files_in_turns, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(trust, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(sarif, setup, plugin_teardown),
        cmocka_unit_test_setup_teardown(needs_a_descriptor, setup, plugin_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
