/* Cases beside policies, and which lines they cover. */
#include "policy_test.h"

static int on_case(void *user, const struct sco_policy_case_result *r)
{
    struct bundle *b = user;
    sco_buf_addf(&b->out, "%s %s:%u %s [%s]%s%s\n", r->passed ? "ok" : "not", r->file_path, r->line,
                 r->policy, r->name, r->message ? ": " : "", r->message ? r->message : "");
    assert_int_equal(r->passed, !r->message);
    return 0;
}

static const char *run(struct bundle *b, const char *cases)
{
    bundle_file(b, "p.cases.yaml", cases);
    bundle_load(b);
    sco_buf_clear(&b->out);
    assert_int_equal(sco_policies_test(b->p, on_case, b, &b->err), 0);
    return sco_buf_z(&b->out);
}

static void load(struct bundle *b)
{
    bundle_init(b);
    bundle_file(b, "lib/l.lua", "return { word = 'bad' }\n");
    bundle_file(b, "compliance/f.yaml",
                "id: f\ntitle: F\nversion_param: version\ncontrols: [{id: a, title: A}]\n");
    bundle_file(b, "p.lua",
                "local l = import('l')\n"
                "local seen = 0\n"
                "return { id = 'p', title = 't', severity = 'LOW', remediation = 'r',\n"
                "  applies_to = { 'kubernetes', 'dockerfile:RUN' }, frameworks = { f = 'a' },\n"
                "  params = { max = 3, version = 'x' },\n"
                "  check = function(r, params)\n"
                "    seen = seen + 1\n"
                "    if r.metadata.name == 'state' then\n"
                "      fail('seen ' .. seen)\n"
                "    elseif r.metadata.name == l.word then\n"
                "      fail(r, 'metadata.name', 'the name is bad')\n"
                "    elseif r.metadata.name == 'limit' and params.max > 3 then\n"
                "      fail('more than ' .. params.max .. ' in ' .. params.version)\n"
                "    elseif r.metadata.name == 'skip' then\n"
                "      not_applicable()\n"
                "    end\n"
                "  end,\n"
                "}\n");
}

#define POD_NAMED(name)                                                                            \
    "  input: |\n    apiVersion: v1\n    kind: Pod\n    metadata:\n      name: " name "\n"

static void test_words(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    assert_string_equal(
        run(&b,
            "- name: one\n" POD_NAMED(
                "bad") "  expect: fail\n"
                       "- name: two\n  policy: p\n" POD_NAMED(
                           "good") "  expect: pass\n"
                                   "- name: three\n" POD_NAMED(
                                       "skip") "  expect: not_applicable\n"
                                               "- name: four\n" POD_NAMED(
                                                   "bad") "  expect: [{verdict: fail, resource: "
                                                          "Pod.default.bad, line: 4,\n"
                                                          "    pointer: /metadata/name, message: "
                                                          "'*is bad'}]\n"
                                                          "- name: five\n  params: {max: 7}\n  "
                                                          "framework: f@1.25\n" POD_NAMED(
                                                              "limit") "  expect: [{verdict: fail, "
                                                                       "message: more than 7 in "
                                                                       "1.25}]\n"
                                                                       "- name: six\n  expect: "
                                                                       "fail\n  files:\n    "
                                                                       "a.yaml: |\n      "
                                                                       "apiVersion: v1\n"
                                                                       "      kind: Pod\n      "
                                                                       "metadata: {name: bad}\n"
                                                                       "- name: seven\n  file: "
                                                                       "Dockerfile\n  input: |\n   "
                                                                       " FROM a\n    RUN x\n"
                                                                       "  expect: pass\n"),
        "ok p.cases.yaml:1 p [one]\nok p.cases.yaml:8 p [two]\nok p.cases.yaml:16 p [three]\n"
        "ok p.cases.yaml:23 p [four]\nok p.cases.yaml:31 p [five]\nok p.cases.yaml:40 p [six]\n"
        "ok p.cases.yaml:47 p [seven]\n");
    bundle_done(&b);
}

static void test_differences(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    assert_string_equal(
        run(&b,
            "- name: one\n" POD_NAMED(
                "good") "  expect: fail\n"
                        "- name: two\n" POD_NAMED(
                            "bad") "  expect: [{verdict: fail, line: 9}]\n"
                                   "- name: three\n" POD_NAMED(
                                       "bad") "  expect: []\n"
                                              "- name: four\n" POD_NAMED(
                                                  "state") "  expect: fail\n"
                                                           "- name: five\n  file: none.txt\n  "
                                                           "input: text\n  expect: fail\n"
                                                           "- name: six\n  input: |\n    services: "
                                                           "{a: {image: b}}\n  file: compose.yaml\n"
                                                           "  expect: fail\n"),
        "not p.cases.yaml:1 p [one]: expected fail; got pass Pod.default.good line 1\n"
        "not p.cases.yaml:8 p [two]: expected fail line 9; got fail Pod.default.bad line 4 "
        "/metadata/name: the name is bad\n"
        "not p.cases.yaml:15 p [three]: expected nothing but pass and "
        "not_applicable; got fail Pod.default.bad line 4 "
        "/metadata/name: the name is bad\n"
        "not p.cases.yaml:22 p [four]: the second run gave another result: the policy keeps state\n"
        "not p.cases.yaml:29 p [five]: the input was not read: none.txt: not recognised as "
        "infrastructure code: no Kubernetes object, Dockerfile, Compose file, workflow, GitLab "
        "pipeline or Terraform plan\n"
        "not p.cases.yaml:33 p [six]: expected fail; got no verdict: the policy applies to nothing "
        "in the input\n"
        "not p.lua:3 p [cases]: no case shows the policy passing or failing\n");
    bundle_done(&b);
}

static void test_wrong_cases(void **state)
{
    (void)state;
    struct bundle b;
    load(&b);
    static const struct {
        const char *cases, *want;
    } v[] = {
        {"- nam: x\n" POD_NAMED("a") "  expect: fail\n",
         "unknown field 'nam': did you mean 'name'?"},
        {"- name: x\n  expect: fail\n", "'input' is missing"},
        {"- name: x\n" POD_NAMED("a"), "'expect' is missing"},
        {"- name: x\n" POD_NAMED("a") "  expect: fails\n", "verdict 'fails': pass, fail, unknown"},
        {"- name: x\n" POD_NAMED("a") "  expect: {verdict: fail}\n",
         "'expect' is a map: a verdict, or a list of them"},
        {"- name: x\n" POD_NAMED("a") "  expect: [{verdict: fail, line: x}]\n",
         "'line' is no line number"},
        {"- name: x\n  policy: q\n" POD_NAMED("a") "  expect: fail\n",
         "no policy 'q' (see the problems of the bundle)"},
        {"- name: x\n  params: {nothing: 1}\n" POD_NAMED("a") "  expect: fail\n",
         "policy 'p' has no parameter 'nothing'"},
        {"- name: x\n  framework: g\n" POD_NAMED("a") "  expect: fail\n", "no framework 'g'"},
        {"- name: x\n  files: {}\n  expect: []\n", "there is nothing in the input"},
        {"- name: x\n  file: Dockerfile\n  input: '# nothing'\n  expect: []\n", "nput"},
        {"a: b\n", "a file of cases is a list"},
        {"- [\n", "p.cases.yaml:2:1"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++) {
        const char *got = run(&b, v[i].cases);
        if (!strstr(got, v[i].want) || strncmp(got, "not ", 4) != 0)
            print_error("%s\nwanted %s\ngot    %s", v[i].cases, v[i].want, got);
        assert_non_null(strstr(got, v[i].want));
        assert_int_equal(strncmp(got, "not ", 4), 0);
    }
    bundle_done(&b);
}

static int on_coverage(void *user, const struct sco_policy_coverage *c)
{
    struct bundle *b = user;
    sco_buf_addf(&b->out, "%s %u/%u %u/%u", c->file_path, c->covered, c->lines, c->branches_taken,
                 c->branches);
    for (const uint32_t *m = c->missed; *m; m++)
        sco_buf_addf(&b->out, " %u", *m);
    sco_buf_addc(&b->out, '\n');
    return 0;
}

static const char *coverage(struct bundle *b, const char *cases)
{
    run(b, cases);
    sco_buf_clear(&b->out);
    assert_int_equal(sco_policies_coverage(b->p, on_coverage, b, &b->err), 0);
    return sco_buf_z(&b->out);
}

static void test_coverage(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    b.opt.coverage = true;
    bundle_file(&b, "p.lua",
                "-- a comment\n"
                "local function never()\n" /* 2 */
                "  return 1\n"             /* 3 */
                "end\n"                    /* 4 */
                "return { id = 'p', title = 't', severity = 'LOW', remediation = 'r',\n"
                "  applies_to = 'kubernetes',\n"
                "  check = function(r)\n"                /* 7 */
                "    if r.metadata.name == 'bad' then\n" /* 8 */
                "      fail('bad')\n"                    /* 9 */
                "    else\n"
                "      local x = never\n" /* 11 */
                "    end\n"
                "  end,\n" /* 13 */
                "}\n");
    const char *got = coverage(&b, "- name: one\n" POD_NAMED("good") "  expect: pass\n");
    if (!strstr(got, " 1/2 3 9\n"))
        print_error("%s", got);
    assert_non_null(strstr(got, " 1/2 3 9\n"));
    got = coverage(
        &b, "- name: one\n" POD_NAMED("good") "  expect: pass\n"
                                              "- name: two\n" POD_NAMED("bad") "  expect: fail\n");
    assert_non_null(strstr(got, " 2/2 3\n"));
    bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_wrong_cases),
        cmocka_unit_test(test_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
