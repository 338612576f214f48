/* The snapshot: layers and their order, trust, scanners, messages, the generated reference. */
#include <secureops/config.h>
#include <secureops/fs.h>

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    char dir[64];
    char *before; /* current folder */
    struct sco_config_input in;
    struct sco_config *c;
    struct sco_error err;
    struct sco_arena arena;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/sco-config-XXXXXX");
    f->before = getcwd(NULL, 0);
    if (!mkdtemp(f->dir) || chdir(f->dir) < 0)
        return -1;
    setenv("XDG_CONFIG_HOME", f->dir, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = chdir(f->before);
    sco_fs_remove_tree(f->dir);
    sco_config_free(f->c);
    sco_config_input_done(&f->in);
    sco_arena_done(&f->arena);
    free(f->before);
    free(f);
    return r;
}

static void put(struct fixture *f, const char *path, const char *text)
{
    if (strncmp(path, "secureops/", 10) == 0)
        assert_int_equal(sco_fs_mkdirs("secureops", 0700, &f->err), 0);
    assert_int_equal(sco_fs_write(path, sco_str_c(text), 0600, &f->err), 0);
}

static int load(struct fixture *f)
{
    f->c = sco_config_free(f->c);
    f->err.text[0] = 0;
    return sco_config_load(&f->in, &f->c, &f->err);
}

static int load_text(struct fixture *f, const char *text)
{
    f->in.text = sco_str_c(text);
    return load(f);
}

static void defaults(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load(f), 0);
    const struct sco_config *c = f->c;
    assert_int_equal(c->scan.jobs, 0);
    assert_int_equal(c->scan.offline, 0);
    assert_int_equal(c->scan.sandbox, 1);
    assert_int_equal(c->scan.exclude.n, 0);
    assert_int_equal(c->gate.fail_on, SCO_SEV_HIGH);
    assert_false(c->gate.warn_on_incomplete);
    assert_int_equal(c->gate.n_thresholds, 0);
    assert_int_equal(c->output.n, 1);
    assert_string_equal(c->output.v[0].p, "table");
    assert_int_equal(c->log.level, SCO_LOG_WARNING);
    assert_int_equal(c->log.format, SCO_LOG_TEXT);
    assert_null(c->secrets.digest_key.p);
    assert_null(c->files[0]);
    assert_null(c->warnings[0]);
}

static void layers(void **state)
{
    static const char *const env[] = {"SECUREOPS_SCAN_OFFLINE=yes",
                                      "SECUREOPS_LOG_LEVEL=", "SECUREOPS_OUTPUT=json=a.json, sarif",
                                      "PATH=/bin", NULL};
    struct fixture *f = *state;
    put(f, "secureops/config.yaml",
        "scan: {jobs: 2, timeout: 1m, exclude: [u]}\nlog: {level: info}\ntools: {path: [bin, "
        "/x]}\n");
    put(f, "secureops.yaml",
        "scan:\n  jobs: 3\n  exclude: [l1, l2]\ngate:\n  fail_on: MEDIUM\n  on_incomplete: warn\n"
        "  thresholds:\n    - {type: secret, max: 0}\n    - {severity: medium, max: 10}\n");
    assert_int_equal(load(f), 0);
    const struct sco_config *c = f->c;
    assert_int_equal(c->scan.jobs, 3);
    assert_int_equal(c->scan.timeout, 60000);
    assert_int_equal(c->scan.exclude.n, 2);
    assert_int_equal(c->gate.fail_on, SCO_SEV_MEDIUM);
    assert_true(c->gate.warn_on_incomplete);
    assert_int_equal(c->gate.n_thresholds, 2);
    assert_int_equal(c->gate.thresholds[0].type, SCO_TYPE_SECRET);
    assert_int_equal(c->gate.thresholds[0].severity, SCO_SEV_INFO);
    assert_int_equal(c->gate.thresholds[1].type, 0);
    assert_int_equal(c->gate.thresholds[1].severity, SCO_SEV_MEDIUM);
    assert_int_equal(c->gate.thresholds[1].max, 10);
    assert_int_equal(c->log.level, SCO_LOG_INFO);
    char *real = sco_fs_realpath(".", NULL);
    assert_string_equal(c->tools.path.v[0].p, sco_arena_fmt(&f->arena, "%s/secureops/bin", real));
    assert_string_equal(c->tools.path.v[1].p, "/x");
    free(real);
    assert_non_null(strstr(c->files[0], "/secureops/config.yaml"));
    assert_string_equal(c->files[1], "secureops.yaml");
    assert_null(c->files[2]);

    f->in.env = env;
    assert_int_equal(sco_config_set(&f->in, "scan.jobs", "5", "--jobs", &f->err), 0);
    assert_int_equal(sco_config_add(&f->in, "scan.exclude", "c", "--exclude", &f->err), 0);
    assert_int_equal(load(f), 0);
    c = f->c;
    assert_int_equal(c->scan.offline, 1);
    assert_int_equal(c->scan.jobs, 5);
    assert_int_equal(c->scan.exclude.n, 3);
    assert_string_equal(c->scan.exclude.v[2].p, "c");
    assert_int_equal(c->output.n, 2);
    assert_string_equal(c->output.v[1].p, "sarif");
    assert_int_equal(c->log.level, SCO_LOG_INFO); /* an empty variable is none */

    put(f, "other.yaml", "scan: {jobs: 7}\n");
    sco_config_input_done(&f->in);
    f->in.file = "other.yaml";
    assert_int_equal(load(f), 0);
    assert_int_equal(f->c->scan.jobs, 7);
    assert_int_equal(f->c->gate.fail_on, SCO_SEV_HIGH); /* secureops.yaml is not read then */
    f->in = (struct sco_config_input){.no_user_file = true, .no_local_file = true};
    assert_int_equal(load(f), 0);
    assert_int_equal(f->c->scan.jobs, 0);
}

static void files_that_fail(void **state)
{
    struct fixture *f = *state;
    f->in.file = "nowhere.yaml";
    assert_int_equal(load(f), SCO_E_NOT_FOUND);
    assert_null(f->c);
    f->in.file = NULL;
    put(f, "secureops.yml", "scan: {jobs: 3}\n");
    assert_int_equal(load(f), 0);
    assert_non_null(strstr(f->c->warnings[0], "the name is secureops.yaml"));
    assert_int_equal(sco_fs_mkdirs("secureops.yaml", 0700, &f->err), 0);
    assert_true(load(f) < 0); /* there, but unreadable: not the same as absent */
    assert_int_equal(sco_fs_remove_tree("secureops.yaml"), 0);
    assert_int_equal(symlink("gone", "secureops.yaml"), 0);
    assert_int_equal(load(f), 0); /* a link to nothing is no file */
}

static void errors(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"scna: {}", "c.yaml:1:1: unknown option \"scna\"; did you mean scan?"},
        {"scan:\n  jbos: 1", "c.yaml:2:3: unknown option \"jbos\" in scan; did you mean jobs?"},
        {"scan: [1]", "c.yaml:1:7: scan: expected a map, got a list"},
        {"- 1", "c.yaml:1:1: configuration: expected a map, got a list"},
        {"gate: {thresholds: {max: 1}}",
         "c.yaml:1:20: gate.thresholds: expected a list of maps, got a map"},
        {"gate: {thresholds: [{type: sast}]}",
         "c.yaml:1:21: gate.thresholds[0].max is required, but not given"},
        {"gate: {thresholds: [{max: -1}]}", "c.yaml:1:27: gate.thresholds[0].max: -1 is out of "
                                            "range, allowed is at least 0"},
        {"gate: {fail_on: hihg}", "c.yaml:1:17: gate.fail_on: expected one of none, info, low, "
                                  "medium, high, critical, got \"hihg\"; did you mean high?"},
        {"gate: {fail_on: }", "c.yaml:1:17: gate.fail_on: expected one of none, info, low, medium, "
                              "high, critical, got nothing"},
        {"scanners: [a]", "c.yaml:1:11: scanners: expected a map, got a list"},
        {"scanners: {Trivy: {}}", "c.yaml:1:12: the name of a scanner is 1 to 64 lower case "
                                  "letters, digits and -, with no - "
                                  "first"},
        {"scanners: {-x: {}}", "c.yaml:1:12: the name of a scanner is 1 to 64 lower case letters, "
                               "digits and -, with no - first"},
        {"scanners: {trivy: {enabled: maybe}}", "c.yaml:1:29: scanners.trivy.enabled: expected one "
                                                "of auto, true, false, got \"maybe\""},
        {"scanners: {trivy: 1}", "c.yaml:1:19: scanners.trivy: expected a map, got text"},
        {"secrets: {digest_key: hunter2}", "c.yaml:1:23: secrets.digest_key: a secret is written "
                                           "as env:NAME or file:PATH, never as it is"},
    };
    struct fixture *f = *state;
    f->in.file = "c.yaml";
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        assert_int_equal(load_text(f, cases[i].text), SCO_E_INVALID);
        assert_string_equal(f->err.text, cases[i].error);
        assert_null(f->c);
    }
    assert_int_equal(load_text(f, "scan: {jobs: 1, jobs: 2}"), SCO_E_PARSE);
    assert_int_equal(load_text(f, "scan:\n"), 0);
    assert_int_equal(load_text(f, "x: &x {jobs: 2}\nscan: *x\n"), SCO_E_INVALID);
    assert_int_equal(load_text(f, "scan: &x {jobs: 2}\nscanners: {a: {<<: {required: true}}}\n"),
                     0);
}

/* The file that was only found in the current folder may come with a pull request. */
static void untrusted(void **state)
{
    static const char *const refused[] = {
        "tools: {plugins: [evil]}\n",        "tools: {path: [evil]}\n",
        "secrets: {digest_key: env:HOME}\n", "scan: {sandbox: false}\n",
        "scan: {sandbox: true}\n",
    };
    static const struct sco_option rows[] = {
        {.name = "token", .type = SCO_OPT_STR, .flags = SCO_OPT_SECRET},
        {.name = "url", .type = SCO_OPT_STR, .flags = SCO_OPT_TRUSTED},
        {.name = "old_url", .type = SCO_OPT_STR, .flags = SCO_OPT_DEPRECATED, .values = "url"},
        {.name = "tune", .type = SCO_OPT_STR},
        {0}};
    struct fixture *f = *state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(refused); i++) {
        put(f, "secureops.yaml", refused[i]);
        f->in.file = NULL;
        assert_int_equal(load(f), SCO_E_PERMISSION);
        assert_non_null(strstr(f->err.text, "secureops.yaml:1:"));
        assert_non_null(strstr(f->err.text, "name the file with --config to trust it"));
        f->in.file = "secureops.yaml";
        assert_int_equal(load(f), 0);
        f->in.file = NULL;
        put(f, "secureops/config.yaml", refused[i]);
        put(f, "secureops.yaml", "tools:\nsecrets:\n");
        assert_int_equal(load(f), 0);
        put(f, "secureops/config.yaml", "");
    }
    static const char *const options[] = {"token: env:HOME", "url: http://x", "old_url: http://x"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(options); i++) {
        put(f, "secureops.yaml",
            sco_arena_fmt(&f->arena, "scanners: {sonarqube: {tune: x, %s}}\n", options[i]));
        f->in.file = NULL;
        assert_int_equal(load(f), 0);
        assert_int_equal(sco_config_scanner_options(f->c, "sonarqube", rows, 0, &b, NULL, &f->err),
                         SCO_E_PERMISSION);
        f->in.file = "secureops.yaml";
        assert_int_equal(load(f), 0);
        assert_int_equal(sco_config_scanner_options(f->c, "sonarqube", rows, 0, &b, NULL, &f->err),
                         0);
    }
    put(f, "secureops.yaml", "scanners: {sonarqube: {tune: x}}\n");
    f->in.file = NULL;
    sco_buf_clear(&b);
    assert_int_equal(load(f), 0);
    assert_int_equal(sco_config_scanner_options(f->c, "sonarqube", rows, 0, &b, NULL, &f->err), 0);
    assert_string_equal(sco_buf_z(&b), "{\"tune\":\"x\"}");
}

static void environment(void **state)
{
    static const char *const env[] = {"SECUREOPS_SCAN_JBOS=3", "SECUREOPS_CORPUS=/x",
                                      "SECUREOPS_SECRETS_DIGEST_KEY=0123", NULL};
    static const char *const bad[] = {"SECUREOPS_SCAN_JOBS=x", NULL};
    struct fixture *f = *state;
    f->in.env = env;
    assert_int_equal(load(f), 0);
    assert_string_equal(f->c->warnings[0], "SECUREOPS_SCAN_JBOS is no option of section scan, "
                                           "ignoring");
    assert_null(f->c->warnings[1]);
    assert_string_equal(f->c->secrets.digest_key.p, "env:SECUREOPS_SECRETS_DIGEST_KEY");
    f->in.env = bad;
    assert_int_equal(load(f), SCO_E_INVALID);
    assert_string_equal(f->err.text,
                        "SECUREOPS_SCAN_JOBS: scan.jobs: expected a whole number, got \"x\"");
}

static void overrides(void **state)
{
    static const struct {
        const char *path, *value, *error;
    } cases[] = {
        {"scan.jobs", "x", "--set: scan.jobs: expected a whole number, got \"x\""},
        {"scan.job", "1", "--set: unknown option scan.job; did you mean scan.jobs?"},
        {"outptu", "1", "--set: unknown option outptu; did you mean output?"},
        {"sacn.jobs", "1", "--set: unknown section sacn; did you mean scan?"},
        {"gate.thresholds", "1", "--set: gate.thresholds can only be given in a file"},
        {"scanners", "1", "--set: scanners is a section, write scanners.NAME"},
        {"scan", "1", "--set: scan is a section, write scan.NAME"},
        {"scanners.trivy", "1", "--set: scanners.trivy is no option; write scanners.NAME.OPTION"},
        {"scanners.trivy.enabled", "x",
         "--set: scanners.trivy.enabled: expected one of auto, "
         "true, false, got \"x\""},
    };
    static const char *const bad[] = {"", ".", "a..b", "a.b.c.d", "A", "a b", "scan."};
    struct fixture *f = *state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        assert_int_equal(sco_config_set(&f->in, cases[i].path, cases[i].value, "--set", &f->err),
                         0);
        assert_true(load(f) < 0);
        assert_string_equal(f->err.text, cases[i].error);
        sco_config_input_done(&f->in);
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_int_equal(sco_config_set(&f->in, bad[i], "1", "--set", &f->err), SCO_E_INVALID);
}

static void scanners(void **state)
{
    static const struct sco_option rows[] = {
        {.name = "severity", .type = SCO_OPT_LIST, .def = "HIGH"},
        {.name = "token", .type = SCO_OPT_STR, .flags = SCO_OPT_SECRET},
        {.name = "old", .type = SCO_OPT_LIST, .flags = SCO_OPT_DEPRECATED, .values = "severity"},
        {0}};
    static const struct sco_option reserved[] = {{.name = "timeout", .type = SCO_OPT_INT}, {0}};
    static const char *const env[] = {"SECUREOPS_SCANNERS_DEPENDENCY_CHECK_SEVERITY=LOW,INFO",
                                      "SECUREOPS_SCANNERS_TRIVY_REQUIRED=true",
                                      "SECUREOPS_SCANNERS_TRIVY_TOKEN=literal",
                                      "SECUREOPS_SCANNERS_TRIVY_SEVERTIY=x", NULL};
    struct fixture *f = *state;
    struct sco_config_scanner s;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_warnings w = {.arena = &f->arena};
    f->in.file = "c.yaml";
    f->in.env = env;
    assert_int_equal(sco_config_set(&f->in, "scanners.semgrep.enabled", "false", "--skip", &f->err),
                     0);
    assert_int_equal(load_text(f, "scanners:\n  trivy:\n    timeout: 5m\n    old: [A]\n  semgrep:\n"
                                  "    enabled: true\n  bandit:\n"),
                     0);
    assert_int_equal(sco_config_scanner(f->c, "trivy", &s, &f->err), 0);
    assert_int_equal(s.enabled, SCO_ENABLED_ALWAYS); /* required says so */
    assert_true(s.required && s.configured);
    assert_int_equal(s.timeout, 300000);
    assert_int_equal(sco_config_scanner(f->c, "semgrep", &s, &f->err), 0);
    assert_int_equal(s.enabled, SCO_ENABLED_NEVER);
    assert_int_equal(sco_config_scanner(f->c, "bandit", &s, &f->err), 0);
    assert_int_equal(s.enabled, SCO_ENABLED_AUTO);
    assert_true(s.configured);
    assert_int_equal(sco_config_scanner(f->c, "dependency-check", &s, &f->err), 0);
    assert_true(s.configured); /* by a variable */
    assert_int_equal(sco_config_scanner(f->c, "zap", &s, &f->err), 0);
    assert_false(s.configured);

    assert_int_equal(sco_config_scanner_options(f->c, "trivy", rows, 0, &b, &w, &f->err), 0);
    assert_string_equal(sco_buf_z(&b), "{\"severity\":[\"A\"],"
                                       "\"token\":\"env:SECUREOPS_SCANNERS_TRIVY_TOKEN\"}");
    assert_int_equal(w.n, 2);
    assert_string_equal(w.v[0], "c.yaml:4:10: scanners.trivy.old is deprecated, use severity");
    assert_string_equal(w.v[1], "SECUREOPS_SCANNERS_TRIVY_SEVERTIY is no option of scanners.trivy");
    sco_buf_clear(&b);
    assert_int_equal(
        sco_config_scanner_options(f->c, "dependency-check", rows, 0, &b, NULL, &f->err), 0);
    assert_string_equal(sco_buf_z(&b), "{\"severity\":[\"LOW\",\"INFO\"]}");
    sco_buf_clear(&b);
    assert_int_equal(sco_config_scanner_options(f->c, "bandit", NULL, 0, &b, NULL, &f->err), 0);
    assert_string_equal(sco_buf_z(&b), "{}");
    assert_int_equal(sco_config_scanner_options(f->c, "trivy", NULL, 0, &b, NULL, &f->err),
                     SCO_E_INVALID);
    assert_string_equal(f->err.text, "c.yaml:4:5: unknown option \"old\" in scanners.trivy");
    assert_int_equal(sco_config_scanner_options(f->c, "zap", reserved, 0, &b, NULL, &f->err),
                     SCO_E_INVALID);
    assert_string_equal(sco_buf_z(&b), "{}"); /* untouched by failures */
}

static void scanner_names(void **state)
{
    static const char *const names[] = {"trivy", "semgrep", "dependency-check"};
    static const char *const good[] = {"SECUREOPS_SCANNERS_DEPENDENCY_CHECK_TIMEOUT=1m", NULL};
    static const char *const bad[] = {"SECUREOPS_SCANNERS_SEMREP_TIMEOUT=1m", NULL};
    struct fixture *f = *state;
    f->in.file = "c.yaml";
    f->in.env = good;
    assert_int_equal(load_text(f, "scanners: {trivy: {}}\n"), 0);
    assert_int_equal(sco_config_check_scanners(f->c, names, 3, &f->err), 0);
    assert_int_equal(load_text(f, "scanners: {trvy: {}}\n"), 0);
    assert_int_equal(sco_config_check_scanners(f->c, names, 3, &f->err), SCO_E_INVALID);
    assert_string_equal(f->err.text, "c.yaml:1:12: no scanner is called trvy; did you mean trivy?");
    f->in.env = bad;
    assert_int_equal(load_text(f, ""), 0);
    assert_int_equal(sco_config_check_scanners(f->c, names, 3, &f->err), SCO_E_INVALID);
    f->in.env = NULL;
    assert_int_equal(sco_config_set(&f->in, "scanners.x.enabled", "true", "--set", &f->err), 0);
    assert_int_equal(load_text(f, ""), 0);
    assert_int_equal(sco_config_check_scanners(f->c, names, 3, &f->err), SCO_E_INVALID);
    assert_string_equal(f->err.text, "--set: no scanner is called x");
}

static void show(void **state)
{
    struct fixture *f = *state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    f->in.file = "c.yaml";
    assert_int_equal(load_text(f, "scan: {timeout: 90s, exclude: [a, \"b c\"]}\n"
                                  "gate: {thresholds: [{type: iac, severity: low, max: 2}]}\n"
                                  "secrets: {digest_key: env:KEY}\nscanners: {x: {t: lit}}\n"),
                     0);
    sco_config_show(f->c, &b);
    const char *z = sco_buf_z(&b);
    assert_non_null(strstr(z, "  timeout: 90s  # c.yaml:1:17\n"));
    assert_non_null(strstr(z, "  exclude: [\"a\",\"b c\"]  # c.yaml:1:31\n"));
    assert_non_null(strstr(z, "  offline: false  # default\n"));
    assert_non_null(strstr(z, "    - {type: iac, severity: low, max: 2}\n"));
    assert_non_null(strstr(z, "  digest_key: \"env:KEY\""));
    assert_non_null(strstr(z, "# scanners.x  c.yaml:4:12\n"));
    assert_null(strstr(z, "lit")); /* may be a secret of the plugin */
    const char *text = sco_arena_cstr(&f->arena, sco_buf_str(&b));
    assert_int_equal(load_text(f, text), 0); /* and it is a configuration again */
    assert_int_equal(f->c->scan.timeout, 90000);
}

static void docs(void **state)
{
    static const struct sco_option rows[] = {
        {.name = "level", .type = SCO_OPT_INT, .def = "1", .max = 3, .doc = "A level."}, {0}};
    const struct sco_config_doc plugins[] = {
        {"a", "Scanner A", rows, false}, {"b", NULL, NULL, false}, {"c", "Platform C", rows, true}};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    (void)state;
    sco_config_docs(plugins, 3, &b);
    const char *z = sco_buf_z(&b);
    assert_non_null(strstr(z, "\n## gate\n"));
    assert_non_null(strstr(z, "| `fail_on` | `none`, `info`,"));
    assert_non_null(strstr(z, "### scanners.a\n\nScanner A:\n\n| option |"));
    assert_non_null(strstr(z, "| `level` | int, 0 to 3 | `1` | A level. |\n"));
    assert_non_null(strstr(z, "### scanners.b\n\nb has no further options.\n"));
    assert_null(strstr(z, "### scanners.c"));
    assert_non_null(strstr(z, "### integrations.NAME with plugin: c\n\nPlatform C:\n"));
}

static void no_memory(void **state)
{
    static const char text[] =
        "scan: {exclude: [a], jobs: 2}\ntools: {path: [x, ~/y]}\n"
        "gate: {thresholds: [{max: 1}]}\nscanners: {s: {timeout: 1m, o: 2}}\n";
    static const char *const env[] = {"SECUREOPS_SCAN_OFFLINE=1", NULL};
    static const char *const names[] = {"s"};
    static const struct sco_option rows[] = {{.name = "o", .type = SCO_OPT_INT}, {0}};
    int r = SCO_E_NOMEM;
    (void)state;
    for (long n = 0; r != 0; n++) {
        struct sco_config_input in = {.file = "c.yaml", .env = env, .text = sco_str_c(text)};
        struct sco_config *c = NULL;
        struct sco_config_scanner s;
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        assert_true(n < 2000);
        sco_alloc_fail_at(n);
        if ((r = sco_config_set(&in, "scan.jobs", "3", "--jobs", NULL)) == 0 &&
            (r = sco_config_set(&in, "scanners.s.required", "true", "--set", NULL)) == 0 &&
            (r = sco_config_load(&in, &c, NULL)) == 0 &&
            (r = sco_config_scanner(c, "s", &s, NULL)) == 0 &&
            (r = sco_config_check_scanners(c, names, 1, NULL)) == 0)
            r = sco_config_scanner_options(c, "s", rows, 0, &b, NULL, NULL);
        sco_alloc_fail_at(-1);
        assert_true(r == 0 || r == SCO_E_NOMEM);
        if (r == 0)
            assert_string_equal(sco_buf_z(&b), "{\"o\":2}");
        sco_config_free(c);
        sco_config_input_done(&in);
    }
}

static void required_and_switched_off(void **state)
{
    struct fixture *f = *state;
    struct sco_config_scanner s;
    f->in.file = "c.yaml";
    assert_int_equal(load_text(f, "scanners:\n  trivy: {enabled: false, required: true}\n"), 0);
    assert_int_equal(sco_config_scanner(f->c, "trivy", &s, &f->err), SCO_E_INVALID);
    assert_non_null(strstr(f->err.text, "scanners.trivy is required and switched off"));
    assert_int_equal(sco_config_scanner(f->c, "bandit", &s, &f->err), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(layers),
        TEST(files_that_fail),
        TEST(errors),
        TEST(untrusted),
        TEST(environment),
        TEST(overrides),
        TEST(scanners),
        TEST(scanner_names),
        TEST(show),
        TEST(docs),
        TEST(no_memory),
        TEST(required_and_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
