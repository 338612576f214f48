/* Descriptors of scanners: what is checked, where a mistake is said to be, and the JSON form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "engine_priv.h"

#include <sys/stat.h>
#include <unistd.h>

#define JSON_ONE                                                                                   \
    "name: acme\n"                                                                                 \
    "title: Acme Audit\n"                                                                          \
    "finds: [SAST, SECRET]\n"                                                                      \
    "type: SAST\n"                                                                                 \
    "programs: [acme, acme3]\n"                                                                    \
    "detect: \"*.acme\"\n"                                                                         \
    "timeout: 90s\n"                                                                               \
    "network: true\n"                                                                              \
    "command: [acme, --out, \"{report}\", \"-j{jobs}\", \"{options}\", \"{target}\"]\n"            \
    "when_offline: [--offline]\n"                                                                  \
    "exclude: {flag: --skip, style: comma, pattern: \"{dir}/**\"}\n"                               \
    "env: {ACME_CACHE: \"{cache_dir}/x\"}\n"                                                       \
    "report: {format: json}\n"                                                                     \
    "exit_codes: {ok: [0, 1], incomplete: 3}\n"                                                    \
    "findings: results.list\n"                                                                     \
    "fields: {rule_id: \"AC{id}\", severity: level, line: pos.0}\n"                                \
    "severity_map: {error: HIGH, 2: LOW, \"*\": info}\n"                                           \
    "errors: errors\n"                                                                             \
    "sniff: {keys: [results]}\n"

#define SARIF_ONE                                                                                  \
    "name: acme\n"                                                                                 \
    "finds: [SAST, SECRET]\n"                                                                      \
    "programs: [acme]\n"                                                                           \
    "command: [\"{program}\", \"{target}\"]\n"                                                     \
    "report: {format: sarif, from: stdout}\n"

static struct sco_arena arena;
static struct sco_error err;

static int teardown(void **state)
{
    (void)state;
    sco_arena_done(&arena);
    return 0;
}

static const struct sco_node *good(const char *text)
{
    struct sco_str json = {NULL, 0};
    const struct sco_node *root = NULL;
    err.text[0] = 0;
    if (descriptor_parse(sco_str_c(text), "/p/acme.yaml", &arena, &json, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(json.p[json.n], 0);
    assert_int_equal(sco_json_parse(json, &arena, &root, &err), 0);
    return root;
}

static void bad(const char *text, const char *want)
{
    struct sco_str json = {(const char *)&arena, 7};
    err.text[0] = 0;
    int r = descriptor_parse(sco_str_c(text), "/p/acme.yaml", &arena, &json, &err);
    if (r >= 0)
        fail_msg("accepted, expected \"%s\":\n%s", want, text);
    assert_true(r == SCO_E_INVALID || r == SCO_E_PARSE || r == SCO_E_LIMIT);
    if (!strstr(err.text, want))
        fail_msg("expected \"%s\", got \"%s\" of\n%s", want, err.text, text);
    assert_true(sco_str_starts(sco_str_c(err.text), "/p/acme.yaml:"));
    assert_int_equal(json.n, 7); /* untouched */
}

/* The text with one line that starts with `key` put in the place of the old one; line NULL: gone.
 */
static const char *with(const char *text, const char *key, const char *line)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_str rest = sco_str_c(text), one;
    bool found = false;
    while (sco_str_split(&rest, '\n', &one)) {
        if (!one.n)
            continue;
        if (!sco_str_starts(one, key)) {
            sco_buf_add(&b, one);
            sco_buf_addc(&b, '\n');
            continue;
        }
        found = true;
        sco_buf_addf(&b, "%s%s", line ? line : "", line ? "\n" : "");
    }
    if (!found)
        sco_buf_addf(&b, "%s\n", line);
    return sco_arena_cstr(&arena, sco_buf_str(&b));
}

static void text_is(const struct sco_node *root, const char *path, const char *want)
{
    struct sco_str s = sco_text_at(root, path);
    if (!sco_str_is(s, want))
        fail_msg("%s: expected \"%s\", got \"%.*s\"", path, want, SCO_STR_ARG(s));
}

static void json_form(void **state)
{
    (void)state;
    const struct sco_node *root = good(JSON_ONE);
    text_is(root, "scanner.name", "acme");
    text_is(root, "scanner.timeout", "90000");
    text_is(root, "scanner.network", "true");
    text_is(root, "scanner.cwd", "work");
    text_is(root, "scanner.findings", "results.list");
    text_is(root, "type", "SAST");
    text_is(root, "report.from", "file");
    text_is(root, "exclude.pattern", "{dir}/**");
    text_is(root, "env.ACME_CACHE", "{cache_dir}/x");
    text_is(root, "severity_map.error", "HIGH");
    text_is(root, "severity_map.2", "LOW");
    text_is(root, "severity_map.*", "INFO");
    text_is(root, "fields.rule_id", "AC{id}");
    assert_int_equal(sco_path(root, "scanner.command")->n, 6);
    assert_int_equal(sco_path(root, "scanner.detect")->n, 1); /* one text is a list of one */
    assert_int_equal(sco_path(root, "scanner.targets")->n, 1);
    text_is(sco_first(sco_path(root, "scanner.targets")), "", "directory");
    assert_int_equal(sco_path(root, "exit_codes.ok")->n, 2);
    assert_int_equal(sco_path(root, "exit_codes.incomplete")->n, 1);
    assert_null(sco_path(root, "scanner.version_args")); /* absent is absent */

    root = good(SARIF_ONE);
    text_is(sco_first(sco_path(root, "exit_codes.ok")), "", "0");
    assert_null(sco_get(root, "type")); /* the log tells */
    assert_null(sco_get(root, "exclude"));
    root = good(with(with(JSON_ONE, "type", NULL), "finds", "finds: IAC"));
    text_is(root, "type", "IAC");
    good(with(JSON_ONE, "command", "command: [acme3, \"{files}\", \"-o{report}\"]"));
    good(with(SARIF_ONE, "command", "command: [acme, .]\ncwd: target"));
    good(with(SARIF_ONE, "command", "command: [acme, \"{ x}\", \"{}\", \"{A}\", \"{target}\"]"));
    good(with(JSON_ONE, "findings", "findings: ."));
}

static void keys(void **state)
{
    (void)state;
    bad("", "is empty");
    bad("- a\n", ":1:1: expected a map, got a list");
    bad("name: [\n", ":2:1: ");
    bad("a: 1\n---\nb: 1\n", ":2:1: ");
    bad(with(JSON_ONE, "title", "titel: x"), ":2:1: unknown option \"titel\"; did you mean title?");
    bad(with(JSON_ONE, "sniff", "snif: {keys: [a]}"), "did you mean sniff?");
    bad(with(JSON_ONE, "report", "report: {format: json, form: file}"), ":13:24: unknown option");
    bad(with(JSON_ONE, "report", "report: {format: xml}"), ":13:18: report.format: expected one");
    bad(with(JSON_ONE, "report", "report: {from: file}"), ":13:9: report.format is required");
    bad(with(JSON_ONE, "report", "report: json"), ":13:9: report: expected a map, got text");
    bad(with(JSON_ONE, "report", NULL), ":1:1: report is required");
    bad(with(JSON_ONE, "programs", NULL), "programs is required");
    bad(with(JSON_ONE, "timeout", "timeout: soon"), ":7:10: timeout: expected a duration");
    bad(with(JSON_ONE, "timeout", "timeout: 1ms"), ":7:10: timeout: ");
    bad(with(JSON_ONE, "network", "network: maybe"), ":8:10: network: ");
    bad(with(JSON_ONE, "title", "title: [a, b]"), ":2:8: title: expected text, got a list");
    bad(with(JSON_ONE, "title", "title:"), ":2:7: title: ");
    bad(with(JSON_ONE, "command", "command: {a: b}"), ":9:10: command: ");
    bad(with(JSON_ONE, "fields", "fields: {rule_id: id, rule: x}"), ":16:23: unknown option");
    bad(with(JSON_ONE, "fields", "fields: {line: x}"), ":16:9: fields.rule_id is required");
}

static void who_it_is(void **state)
{
    (void)state;
    bad(with(JSON_ONE, "name", "name: other"),
        ":1:7: name: the scanner calls itself \"other\", its "
        "file must be other.yaml");
    bad(with(JSON_ONE, "name", "name: Acme"), ":1:7: name: expected up to 64 lower-case");
    bad(with(JSON_ONE, "name", "name: -x"), ":1:7: name: expected");
    bad(with(JSON_ONE, "name", "name: ../x"), ":1:7: name: expected");
    bad(with(JSON_ONE, "finds", "finds: [SAST, SECRETS]"),
        ":3:15: finds: \"SECRETS\" is none of SAST, SCA, DAST, IAC, SECRET, LICENSE, QUALITY; did "
        "you mean SECRET?");
    bad(with(JSON_ONE, "finds", "finds: []"), ":3:8: finds: expected one at least");
    bad(with(JSON_ONE, "type", "type: SCA"), ":4:7: type: SCA is not in finds");
    bad(with(JSON_ONE, "type", "type: BUG"), ":4:7: type: \"BUG\" is none of");
    bad(with(JSON_ONE, "type", NULL), ":3:8: type is required where finds has several");
    bad(with(JSON_ONE, "targets", "targets: [directory, folder]"), ":20:22: targets: \"folder\"");
    bad(with(JSON_ONE, "programs", "programs: [./acme]"), ":5:12: programs: expected a name");
    bad(with(JSON_ONE, "programs", "programs: [acme, bin/acme]"), ":5:18: programs: expected");
    bad(with(JSON_ONE, "programs", "programs: []"), ":5:11: programs: expected one");
    good(with(JSON_ONE, "programs", "programs: [/opt/acme/bin/acme, acme]"));
}

static void command(void **state)
{
    (void)state;
    bad(with(JSON_ONE, "command", "command: [acme, \"{reprt}\", \"{target}\"]"),
        ":9:17: placeholder: \"reprt\" is none of target, report, work_dir, cache_dir, program, "
        "jobs, files, options; did you mean report?");
    bad(with(JSON_ONE, "command", "command: [sh, -c, \"{target}{report}\"]"),
        ":9:11: command: the first must be {program} or one of programs, as acme");
    bad(with(JSON_ONE, "command", "command: []"), ":9:10: command: expected one at least");
    bad(with(JSON_ONE, "command", "command: [acme, \"{report}\"]"),
        "nothing names what is scanned");
    bad(with(JSON_ONE, "command", "command: [acme, \"{target}\"]"), "nothing names the report");
    bad(with(JSON_ONE, "command", "command: [acme, \"x={files}\", \"{report}\"]"),
        ":9:17: {files} stands for whole arguments");
    bad(with(JSON_ONE, "command", "command: [acme, \"{options}\", \"{options}\", \"{target}\"]"),
        ":9:30: {options} is there twice");
    bad(with(with(JSON_ONE, "detect", NULL), "command",
             "command: [acme, \"{files}\", \"{report}\"]"),
        "{files} are those that detect matches");
    bad(with(SARIF_ONE, "command", "command: [acme, \"{target}\", \"{report}\"]"),
        "{report} has no meaning with");
    bad(with(JSON_ONE, "when_offline", "when_offline: [\"{files}\"]"),
        ":10:16: {files} has no meaning here");
    bad(with(JSON_ONE, "env", "env: {A-B: x}"), ":12:7: env: expected the name");
    bad(with(JSON_ONE, "env", "env: {A: [x]}"), ":12:10: env: expected text, got a list");
    bad(with(JSON_ONE, "env", "env: {A: \"{options}\"}"), ":12:10: {options} has no meaning here");
    bad(with(JSON_ONE, "exclude", "exclude: {flag: -x, pattern: all}"),
        ":11:30: exclude.pattern: expected {dir} in it");
    bad(with(JSON_ONE, "exclude", "exclude: {style: comma}"), "exclude.flag is required");
    bad(with(JSON_ONE, "exclude", "exclude: {flag: -x, style: many}"), ":11:28: exclude.style");
}

static void report(void **state)
{
    (void)state;
    bad(with(JSON_ONE, "exit_codes", "exit_codes: {ok: [0, 256]}"),
        ":14:22: exit_codes.ok: expected 0 to 255");
    bad(with(JSON_ONE, "exit_codes", "exit_codes: {ok: [0, -1]}"), ":14:22: exit_codes.ok");
    bad(with(JSON_ONE, "exit_codes", "exit_codes: {ok: [0, 1], incomplete: [2, 1]}"),
        ":14:42: exit_codes: 1 is there twice");
    bad(with(JSON_ONE, "exit_codes", "exit_codes: {incomplete: 0}"), "0 is there twice");
    bad(with(JSON_ONE, "findings", NULL), ":13:9: reports of format json need findings");
    bad(with(JSON_ONE, "fields", NULL), ":13:9: reports of format json need fields");
    bad(with(JSON_ONE, "findings", "findings: a..b"), ":15:11: expected a path");
    bad(with(JSON_ONE, "findings", "findings: .a"), ":15:11: expected a path");
    bad(with(JSON_ONE, "errors", "errors: a."), ":18:9: expected a path");
    bad(with(JSON_ONE, "fields", "fields: {rule_id: a.b..c}"), ":16:19: expected a path");
    bad(with(JSON_ONE, "fields", "fields: {rule_id: \"x{a\"}"), ":16:19: a path is not closed");
    bad(with(JSON_ONE, "fields", "fields: {rule_id: \"x{}\"}"), ":16:19: expected a path");
    bad(with(JSON_ONE, "fields", "fields: {rule_id: id, line: \"{pos}\"}"),
        ":16:29: line takes one path");
    bad(with(JSON_ONE, "severity_map", "severity_map: {error: HIHG}"),
        ":17:23: severity_map: \"HIHG\" is none of CRITICAL, HIGH, MEDIUM, LOW, INFO; did you mean "
        "HIGH?");
    bad(with(JSON_ONE, "severity_map", "severity_map: {error: {a: b}}"), ":17:23: severity_map:");
    bad(with(JSON_ONE, "sniff", "sniff: {keys: []}"), ":19:15: sniff.keys: expected one");
    bad(with(SARIF_ONE, "findings", "findings: x"), ":6:1: findings is for reports of format json");
    bad(with(SARIF_ONE, "sniff", "sniff: {keys: [runs]}"), ":6:1: sniff is for reports");
    bad(with(SARIF_ONE, "severity_map", "severity_map: {a: LOW}"), ":6:1: severity_map is for");
}

static void limits(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, "command: [acme, \"{target}\", \"{report}\"");
    for (int i = 0; i < 300; i++)
        sco_buf_addz(&b, ", a");
    sco_buf_addz(&b, "]");
    bad(with(JSON_ONE, "command", sco_buf_z(&b)), ":9:10: more than 256 items");
    sco_buf_clear(&b);
    sco_buf_addz(&b, "fields: {rule_id: a");
    for (int i = 0; i < 40; i++)
        sco_buf_addz(&b, ".a");
    sco_buf_addz(&b, "}");
    bad(with(JSON_ONE, "fields", sco_buf_z(&b)), ":16:19: expected a path");
}

/* A descriptor says what is run, so it is read under the rules for plugins. */
static void files(void **state)
{
    (void)state;
    struct sco_str json;
    char *dir;
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-test", &dir, &err), 0);
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/acme.yaml", dir);
    const char *file = sco_buf_z(&path);
    assert_int_equal(sco_fs_write(file, sco_str_c(JSON_ONE), 0644, &err), 0);
    assert_int_equal(descriptor_load(file, &arena, &json, &err), 0);
    assert_int_equal(chmod(file, 0666), 0);
    assert_int_equal(descriptor_load(file, &arena, &json, &err), SCO_E_PERMISSION);
    assert_non_null(strstr(err.text, "mode: expected no write permission"));
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(descriptor_load(file, &arena, &json, &err), SCO_E_PERMISSION);
    assert_int_equal(chmod(dir, 0755), 0);
    SCO_AUTO(sco_buf) struct sco_buf big = {0};
    while (big.n < 70000)
        sco_buf_addz(&big, "# filling\n");
    assert_int_equal(sco_fs_write(file, sco_buf_str(&big), 0644, &err), 0);
    assert_int_equal(descriptor_load(file, &arena, &json, &err), SCO_E_LIMIT);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(descriptor_load(file, &arena, &json, &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_fs_remove_tree(dir), 0);
    free(dir);
}

static void out_of_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {JSON_ONE, SARIF_ONE};
    for (size_t t = 0; t < SCO_ARRAY_LEN(texts); t++) {
        int r = SCO_E_NOMEM;
        for (long n = 0; r < 0; n++) {
            SCO_AUTO(sco_arena) struct sco_arena a = {0};
            struct sco_str json = {NULL, 0};
            assert_true(n < 100000);
            sco_alloc_fail_at(n);
            r = descriptor_parse(sco_str_c(texts[t]), "acme.yaml", &a, &json, &err);
            sco_alloc_fail_at(-1);
            if (r < 0 && r != SCO_E_NOMEM)
                fail_msg("allocation %ld: %s", n, err.text);
            assert_true(r == 0 ? json.n > 0 : !json.p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(json_form, teardown),
        cmocka_unit_test_teardown(keys, teardown),
        cmocka_unit_test_teardown(who_it_is, teardown),
        cmocka_unit_test_teardown(command, teardown),
        cmocka_unit_test_teardown(report, teardown),
        cmocka_unit_test_teardown(limits, teardown),
        cmocka_unit_test_teardown(files, teardown),
        cmocka_unit_test_teardown(out_of_memory, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
