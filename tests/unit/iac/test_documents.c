/* Files and texts into a set: what they are told to be, encodings, templates, what is left out and
 * what is not, and running out of memory anywhere. */
#include <secureops/fs.h>
#include "iac_help.h"

#include <sys/stat.h>
#include <unistd.h>

#define POD "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n"
#define WORKFLOW "on: push\njobs:\n  b:\n    runs-on: x\n    steps:\n    - run: echo\n"
#define SERVICES "services:\n  web:\n    image: x\n"
#define ACTION "name: a\nruns:\n  using: composite\n  steps:\n  - run: x\n"

static void assert_told(const char *name, const char *text, enum sco_iac_format format)
{
    struct fixture f = {0};
    add(&f, name, text);
    if (f.r != (format != SCO_IAC_FORMAT_NONE))
        print_error("%s: %d documents\n", name, f.r);
    assert_int_equal(f.r, format != SCO_IAC_FORMAT_NONE);
    if (f.r)
        assert_doc(&f, 0, format, SCO_IAC_PARSED);
    done(&f);
}

static void test_formats(void **state)
{
    (void)state;
    assert_told("positive1.yaml", POD, SCO_IAC_FORMAT_KUBERNETES);
    assert_told("a/b.yml", "  apiVersion: v1\n  kind: Pod\n", SCO_IAC_FORMAT_KUBERNETES);
    assert_told("a.yaml", "{apiVersion: v1, kind: Pod}", SCO_IAC_FORMAT_KUBERNETES);
    assert_told("a.yaml", "\"apiVersion\": v1\n'kind': Pod\n", SCO_IAC_FORMAT_KUBERNETES);
    assert_told("a.yaml", "{\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\"}",
                SCO_IAC_FORMAT_KUBERNETES);
    assert_told("a.json", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\"}", SCO_IAC_FORMAT_KUBERNETES);
    assert_told("docker-compose.yml", POD, SCO_IAC_FORMAT_KUBERNETES); /* the content decides */
    assert_told("x.yaml", WORKFLOW, SCO_IAC_FORMAT_GITHUB_WORKFLOW);
    assert_told("r/.github/workflows/x.yaml", WORKFLOW, SCO_IAC_FORMAT_GITHUB_WORKFLOW);
    assert_told(".github/workflows/x.yml", "name: x\n", SCO_IAC_FORMAT_GITHUB_WORKFLOW);
    assert_told("x.yaml", ACTION, SCO_IAC_FORMAT_GITHUB_ACTION);
    assert_told("x.yaml", SERVICES, SCO_IAC_FORMAT_COMPOSE);
    assert_told("x.json", "{\"services\": {\"a\": {\"image\": \"b\"}}}", SCO_IAC_FORMAT_COMPOSE);
    assert_told("docker-compose.prod.yml", "networks: {a: }\n", SCO_IAC_FORMAT_COMPOSE);
    assert_told("compose.yaml", "networks: {a: }\n", SCO_IAC_FORMAT_COMPOSE);
    assert_told("ci/.gitlab-ci.yml", "a: {script: x}\n", SCO_IAC_FORMAT_GITLAB_CI);
    assert_told("x.gitlab-ci.yml", "a: {script: x}\n", SCO_IAC_FORMAT_GITLAB_CI);
    assert_told("x.yml", "stages: [a]\nb:\n  script: [x]\n", SCO_IAC_FORMAT_GITLAB_CI);
    assert_told(".gitlab/ci/build.yml", "b: {stage: a, script: [x]}\n", SCO_IAC_FORMAT_GITLAB_CI);
    assert_told("x.yml", "b: {stage: a}\nc: {script: [x]}\n", SCO_IAC_FORMAT_NONE);
    assert_told("r.json", "{\"version\":\"1\",\"scan\":{},\"findings\":[]}", SCO_IAC_FORMAT_SCAN);
    assert_told("Dockerfile", "FROM a\n", SCO_IAC_FORMAT_DOCKERFILE);
    assert_told("a/Dockerfile.prod", "FROM a\n", SCO_IAC_FORMAT_DOCKERFILE);
    assert_told("web.dockerfile", "FROM a\n", SCO_IAC_FORMAT_DOCKERFILE);
    assert_told("Containerfile", "FROM a\n", SCO_IAC_FORMAT_DOCKERFILE);
    assert_told("p.json", "{\"format_version\":\"1.2\",\"resource_changes\":[]}",
                SCO_IAC_FORMAT_TERRAFORM_PLAN);
    assert_told("Dockerfile-alpine", "FROM a\n", SCO_IAC_FORMAT_DOCKERFILE);
    assert_told("dockerfile.prod", "# x\nARG a\nFROM a\n", SCO_IAC_FORMAT_DOCKERFILE);
    assert_told("web.Containerfile", "FROM a\n", SCO_IAC_FORMAT_DOCKERFILE);
    /* keys where a look at the text does not see them */
    assert_told("a.yaml", "? apiVersion\n: v1\n? kind\n: Pod\n", SCO_IAC_FORMAT_KUBERNETES);
    assert_told("a.yaml", "apiVersion: v1\rkind: Pod\r", SCO_IAC_FORMAT_KUBERNETES);
    assert_told("a.yaml", "%YAML 1.1\n---\n  apiVersion: v1\n  kind: Pod\n",
                SCO_IAC_FORMAT_KUBERNETES);
    assert_told("a.json", "apiVersion: v1\nkind: Pod\n", SCO_IAC_FORMAT_KUBERNETES);
    assert_told("p.json", "{\"format_version\":\"1.2\",\"configuration\":{}}",
                SCO_IAC_FORMAT_TERRAFORM_PLAN);
    /* nothing of ours */
    assert_told("values.yaml", "a:\n  apiVersion: v1\n  kind: Pod\n", SCO_IAC_FORMAT_NONE);
    assert_told("dockerfile.go", "package a\n", SCO_IAC_FORMAT_NONE);
    assert_told("x.yaml", "version: 2\njobs:\n  a:\n    steps: [checkout]\n", SCO_IAC_FORMAT_NONE);
    assert_told("x.yaml", "services:\n  App: {class: y}\n", SCO_IAC_FORMAT_NONE);
    assert_told("Chart.yaml", "apiVersion: v2\nname: x\n", SCO_IAC_FORMAT_NONE);
    assert_told("x.yaml", "- apiVersion: v1\n  kind: Pod\n", SCO_IAC_FORMAT_NONE);
    assert_told("x.yaml", "a: 1\n", SCO_IAC_FORMAT_NONE);
    assert_told("x.json", "{\"a\": 1}", SCO_IAC_FORMAT_NONE);
    assert_told("x.json", "{\"a\": ", SCO_IAC_FORMAT_NONE);
    assert_told("x.txt", POD, SCO_IAC_FORMAT_NONE);
    assert_told("Dockerfile.dockerignore", "x\n", SCO_IAC_FORMAT_NONE);
}

/* The format decides how scalars are read, also when it shows only in the content. */
static void test_schema_follows_content(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "x.yaml", "true: 1\n'on': {push: yes}\njobs:\n  y:\n    runs-on: no\n");
    assert_doc(&f, 0, SCO_IAC_FORMAT_GITHUB_WORKFLOW, SCO_IAC_PARSED);
    assert_shows(doc(&f, 0)->root, "{true: 1, on: {push: \"yes\"}, jobs: {y: {runs-on: \"no\"}}}");
    only(&f, "docker-compose.yml", "apiVersion: v1\nkind: Pod\nx: yes\n");
    assert_shows(sco_iac_get(doc(&f, 0)->root, "x"), "true");
    only(&f, "x.yaml", "{services: {a: {image: no}}}");
    assert_doc(&f, 0, SCO_IAC_FORMAT_COMPOSE, SCO_IAC_PARSED);
    assert_shows(doc(&f, 0)->root, "{services: {a: {image: \"no\"}}}");
    done(&f);
}

static void test_told_format(void **state)
{
    (void)state;
    struct fixture f = {0};
    add_as(&f, "anything", sco_str_c("a: {script: yes}\n"), SCO_IAC_FORMAT_GITLAB_CI, 0);
    assert_doc(&f, 0, SCO_IAC_FORMAT_GITLAB_CI, SCO_IAC_PARSED);
    assert_resources(&f, "gitlab jobs(a)");
    add_as(&f, "x", sco_str_c("FROM a\n"), SCO_IAC_FORMAT_DOCKERFILE, 0);
    assert_doc(&f, 1, SCO_IAC_FORMAT_DOCKERFILE, SCO_IAC_PARSED);
    add_as(&f, "x.yaml", sco_str_c("a: 1\n"), SCO_IAC_FORMAT_KUBERNETES, 0);
    assert_doc(&f, 2, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_FAILED);
    assert_reason(&f, 2, "it has no kind");
    done(&f);
}

static void test_explicit(void **state)
{
    (void)state;
    struct fixture f = {0};
    static const char *const names[] = {"x.txt", "x.yaml", "x.json", "README"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++) {
        done(&f);
        add_as(&f, names[i], sco_str_c("{\"a\": 1}"), SCO_IAC_FORMAT_NONE, SCO_IAC_EXPLICIT);
        assert_int_equal(f.r, 1);
        assert_doc(&f, 0, SCO_IAC_FORMAT_NONE, SCO_IAC_FAILED);
        assert_reason(&f, 0, "not recognised as infrastructure code");
    }
    done(&f);
    add_as(&f, "x.txt", sco_str_c(POD), SCO_IAC_FORMAT_NONE, SCO_IAC_EXPLICIT);
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_PARSED);
    add_as(&f, "x.txt", sco_str_c("# c\nFROM x\n"), SCO_IAC_FORMAT_NONE, SCO_IAC_EXPLICIT);
    assert_doc(&f, 1, SCO_IAC_FORMAT_DOCKERFILE, SCO_IAC_PARSED);
    add_as(&f, "x.json", sco_str_c("{\"a\": "), SCO_IAC_FORMAT_NONE, SCO_IAC_EXPLICIT);
    assert_doc(&f, 2, SCO_IAC_FORMAT_NONE, SCO_IAC_FAILED);
    assert_reason(&f, 2, "x.json:1:7: the text ends where a value is expected");
    done(&f);
}

/* ---- encodings ---- */
static void add_utf16(struct fixture *f, const char *ascii, bool big, const char *tail, size_t n)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (tail)
        sco_buf_add(&b, sco_str_make(big ? "\xFE\xFF" : "\xFF\xFE", 2));
    for (const char *p = ascii; *p; p++) {
        char pair[2] = {big ? 0 : *p, big ? *p : 0};
        sco_buf_add(&b, sco_str_make(pair, 2));
    }
    sco_buf_add(&b, sco_str_make(tail, n));
    done(f);
    add_as(f, "x.yaml", sco_buf_str(&b), SCO_IAC_FORMAT_NONE, 0);
}

static void test_encodings(void **state)
{
    (void)state;
    struct fixture f = {0};
    add_utf16(&f, "apiVersion: v1\r\nkind: ", false, "\xE9\x00\x3D\xD8\x00\xDE", 6);
    assert_shows(sco_iac_get(doc(&f, 0)->root, "kind"), "\"\xC3\xA9\xF0\x9F\x98\x80\"");
    assert_place(&f, sco_iac_get(doc(&f, 0)->root, "kind"), "2:7-2:8");
    add_utf16(&f, "apiVersion: v1\nkind: ", true, "\x00\xE9\xD8\x3D\xDE\x00", 6);
    assert_shows(sco_iac_get(doc(&f, 0)->root, "kind"), "\"\xC3\xA9\xF0\x9F\x98\x80\"");
    static const char *const bad[] = {"\x3D\xD8\x41\x00", "\x00\xDE\x41\x00", "\x41\x00\x3D\xD8"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        add_utf16(&f, "kind: ", false, bad[i], 4);
        assert_doc(&f, 0, SCO_IAC_FORMAT_NONE, SCO_IAC_FAILED);
        assert_reason(&f, 0, "malformed UTF-16");
    }
    add_utf16(&f, "kind: ", false, "x", 1);
    assert_reason(&f, 0, "malformed UTF-16");
    for (int big = 0; big < 2; big++) { /* without a mark */
        add_utf16(&f, POD, big, NULL, 0);
        assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_PARSED);
        assert_place(&f, doc(&f, 0)->root, "1:1-4:9");
    }
    only(&f, "x.yaml", "\xEF\xBB\xBF" POD);
    assert_place(&f, doc(&f, 0)->root, "1:1-4:9");
    only(&f, "x.yaml", POD "x: \xFF\n");
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_FAILED);
    assert_reason(&f, 0, "x.yaml: not UTF-8");
    only(&f, "x.yaml", "x: \xFF\n"); /* not ours */
    assert_int_equal(f.r, 0);
    done(&f);
    add_as(&f, "x.yaml", sco_str_make(POD "x: \0\n", sizeof(POD "x: \0\n") - 1),
           SCO_IAC_FORMAT_NONE, 0);
    assert_reason(&f, 0, "a NUL byte");
    only(&f, "x.yaml", POD "x: \x01\n");
    assert_reason(&f, 0, "x.yaml:5:4: not text: control characters are not allowed");
    done(&f);
}

static void test_zip(void **state)
{
    (void)state;
    static const char zip[] = "PK\003\004\024\0\b\0";
    struct fixture f = {0};
    add_as(&f, "a/x.tfplan", sco_str_make(zip, sizeof zip), SCO_IAC_FORMAT_NONE, 0);
    assert_doc(&f, 0, SCO_IAC_FORMAT_TERRAFORM_PLAN, SCO_IAC_FAILED);
    assert_reason(&f, 0, "terraform show -json a/x.tfplan");
    add_as(&f, "x.zip", sco_str_make(zip, sizeof zip), SCO_IAC_FORMAT_NONE, 0);
    assert_int_equal(f.r, 0);
    done(&f);
}

/* ---- templates ---- */
static void assert_template(const char *text)
{
    struct fixture f = {0};
    add(&f, "templates/x.yaml", text);
    assert_int_equal(f.r, 1);
    assert_int_equal(f.set.n_resources, 0);
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_SKIPPED);
    assert_reason(&f, 0, "template: ");
    done(&f);
}

static void test_templates(void **state)
{
    (void)state;
    assert_template("{{- if .Values.x }}\napiVersion: v1\nkind: Pod\n{{- end }}\n");
    assert_template("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\n");
    assert_template("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ name }}-x\n");
    assert_template("apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"{{ .Values.name }}\"\n");
    assert_template(POD
                    "---\napiVersion: v1\nkind: Pod\n{{- with .Values.y }}\nx: 1\n{{- end }}\n");
    assert_template("apiVersion: v1\nkind: Pod\n{% if x %}\nx: 1\n{% endif %}\n");
    assert_template(POD "a: \"{{ .Values.a }}\"\n{{- with .Values.y }}\nx: 1\n{{- end }}\n");
    assert_template("apiVersion: v1\nkind: Pod\nmetadata:\n  - name: {{ x\n    a: 1\n");
    struct fixture f = {0};
    add(&f, "x.yaml", POD "a: 'see {{ $labels.x }}'\nb: [\n"); /* they do not excuse an error */
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_FAILED);
    done(&f); /* placeholders that are text */
    add(&f, "x.yaml", POD "data: \"{{ $labels.x }}\"\nt: |\n  {{ .Values.x }}\n");
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_PARSED);
    only(&f, "templates/x.yaml", "{{ define \"x\" }}\na: 1\n{{ end }}\n"); /* not ours */
    assert_int_equal(f.r, 0);
    done(&f);
}

/* ---- what is beside our documents ---- */
static void test_strangers(void **state)
{
    (void)state;
    struct fixture f = {0};
    add(&f, "x.yaml", POD "---\nfoo: 1\n");
    assert_int_equal(f.r, 2);
    assert_doc(&f, 1, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_SKIPPED);
    assert_reason(&f, 1, "no apiVersion and kind");
    only(&f, "x.yaml", WORKFLOW "---\nfoo: 1\n");
    assert_doc(&f, 1, SCO_IAC_FORMAT_GITHUB_WORKFLOW, SCO_IAC_SKIPPED);
    assert_reason(&f, 1, "not recognised, unlike other documents of this file (github-workflow)");
    only(&f, "x.yaml", "foo: 1\n---\n  apiVersion: v1\n  kind: Pod\n");
    assert_reason(&f, 0, "not recognised, unlike other documents of this file");
    assert_doc(&f, 1, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_PARSED);
    only(&f, "x.tfplan", "noise\n{\"format_version\":\"1.2\",\"resource_changes\":[]}");
    assert_doc(&f, 0, SCO_IAC_FORMAT_TERRAFORM_PLAN, SCO_IAC_FAILED);
    assert_reason(&f, 0, "text before the JSON of the plan");
    only(&f, "x.json", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\",}");
    assert_doc(&f, 0, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_FAILED);
    assert_reason(&f, 0, "x.json:1:36: '}' where a key in double quotes is expected");
    only(&f, "x.json", "{\"a\": 1, \"planned_values\": {}, \"b\" 1}");
    assert_doc(&f, 0, SCO_IAC_FORMAT_TERRAFORM_PLAN, SCO_IAC_FAILED);
    done(&f);
}

static void test_files(void **state)
{
    (void)state;
    struct fixture f = {0};
    char dir[] = "/tmp/iac_XXXXXX", path[64], link_path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.yaml", dir);
    snprintf(link_path, sizeof link_path, "%s/l.yaml", dir);
    assert_int_equal(sco_fs_write(path, sco_str_c(POD), 0600, &f.err), 0);
    assert_int_equal(symlink("a.yaml", link_path), 0);
    assert_int_equal(sco_iac_add_file(&f.set, path, "k/a.yaml", SCO_IAC_FORMAT_NONE, 0, &f.err), 1);
    assert_string_equal(doc(&f, 0)->text->file_path, "k/a.yaml");
    assert_int_equal(sco_iac_add_file(&f.set, link_path, "l.yaml", SCO_IAC_FORMAT_NONE, 0, &f.err),
                     1);
    assert_doc(&f, 1, SCO_IAC_FORMAT_NONE, SCO_IAC_FAILED); /* links are not followed */
    assert_int_equal(sco_iac_add_file(&f.set, link_path, "l.yaml", SCO_IAC_FORMAT_NONE,
                                      SCO_IAC_EXPLICIT, &f.err),
                     1); /* but when the user names one */
    assert_doc(&f, 2, SCO_IAC_FORMAT_KUBERNETES, SCO_IAC_PARSED);
    unlink(link_path);
    unlink(path);
    rmdir(dir);
    assert_int_equal(sco_iac_add_file(&f.set, path, "x/Dockerfile", SCO_IAC_FORMAT_NONE, 0, &f.err),
                     1);
    assert_doc(&f, 3, SCO_IAC_FORMAT_DOCKERFILE, SCO_IAC_FAILED);
    assert_reason(&f, 3, "x/Dockerfile: ");
    done(&f);
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SCO_IAC_FORMAT_MAX_; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(sco_iac_format_name(i), sco_iac_format_name(k));
    assert_string_equal(sco_iac_format_name(99), "?");
    assert_string_equal(sco_iac_status_name(SCO_IAC_PARTIAL), "partial");
    assert_string_equal(sco_iac_type_name(SCO_IAC_UNKNOWN), "unknown");
    struct sco_iac_set empty = {0};
    sco_iac_set_done(&empty);
}

static void test_many_notes(void **state)
{
    (void)state;
    struct fixture f = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, POD "l:\n");
    for (int i = 0; i < 300; i++)
        sco_buf_addz(&b, "- {a: 1, a: 2}\n");
    add(&f, "x.yaml", sco_buf_z(&b));
    size_t n = 0;
    while (doc(&f, 0)->notes[n])
        n++;
    assert_int_equal(n, 201);
    assert_string_equal(doc(&f, 0)->notes[4],
                        "x.yaml:10:10: key \"a\" is repeated: the last one counts");
    assert_string_equal(doc(&f, 0)->notes[200], "more notes are left out");
    done(&f);
}

/* ---- out of memory ---- */
struct source {
    const char *name, *text;
};

static const struct source sources[] = {
    {"a.yaml",
     POD "spec: {containers: [&c {name: x}, *c]}\nx: {<<: {a: 1}, a: 2, a: !t 3}\n---\nb\n"},
    {"a.yaml", "apiVersion: argoproj.io/v1\nkind: Workflow\nspec:\n  templates:\n"
               "  - {container: {image: x}, initContainers: [{image: y}]}\n"},
    {"a.json",
     "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{\"kind\": \"Po\\u0064\"}]}"},
    {"compose.yaml", SERVICES "    command: ${A:-b} $C\n  b: {extends: web, ports: [1]}\n"},
    {"x.gitlab-ci.yml",
     "default: {image: x}\n.a: {script: [1]}\nb: {extends: .a}\nc: {script: 1}\n"},
    {".github/workflows/x.yml", WORKFLOW},
    {"action.yml", ACTION},
    {"t.yaml", "apiVersion: v1\nkind: {{ .Values.x }}\n"},
    {"t.yaml", "apiVersion: v1\nkind: [\n"},
    {"x.json", "{\"version\":\"1\",\"scan\":{},\"findings\":[]}"},
};

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(sources); i++) {
        bool finished = false;
        for (long n = 0; !finished; n++) {
            struct fixture f = {0};
            assert_true(n < 10000);
            (void)sco_alloc_fail_at(n);
            add_as(&f, sources[i].name, sco_str_c(sources[i].text), SCO_IAC_FORMAT_NONE,
                   SCO_IAC_EXPLICIT);
            finished = sco_alloc_fail_at(-1) <= n;
            if (finished)
                assert_true(f.r > 0);
            else if (f.r < 0)
                assert_int_equal(f.r, SCO_E_NOMEM);
            done(&f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),     cmocka_unit_test(test_schema_follows_content),
        cmocka_unit_test(test_told_format), cmocka_unit_test(test_explicit),
        cmocka_unit_test(test_encodings),   cmocka_unit_test(test_zip),
        cmocka_unit_test(test_templates),   cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_files),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_many_notes),  cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
