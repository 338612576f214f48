/* From a bundle to verdicts. */
#include "policy_test.h"

static void test_first(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    bundle_file(&b, "k8s/privileged.lua",
                "return {\n"
                "  id = \"k8s-privileged\",\n"
                "  title = \"Containers do not run privileged\",\n"
                "  severity = \"HIGH\",\n"
                "  applies_to = \"kubernetes:workload\",\n"
                "  aliases = { \"CKV_K8S_16\", \"KSV-0017\" },\n"
                "  remediation = \"Remove it.\",\n"
                "  check = function(r)\n"
                "    for _, c in k8s.containers(r) do\n"
                "      if c.securityContext.privileged == true then\n"
                "        fail(c, \"securityContext.privileged\", \"container \" .. c.name .. \" is "
                "privileged\")\n"
                "      end\n"
                "    end\n"
                "  end,\n"
                "}\n");
    bundle_load(&b);
    size_t n;
    sco_policies_problems(b.p, &n);
    assert_int_equal(n, 0);
    const struct sco_policy *list = sco_policies_list(b.p, &n);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].id, "k8s-privileged");
    assert_int_equal(list[0].line, 1);
    assert_int_equal(list[0].severity, SCO_SEV_HIGH);
    assert_ptr_equal(sco_policies_find(b.p, sco_str_c("AVD-KSV-0017")), &list[0]);
    assert_string_equal(bundle_eval(&b, "pod.yaml", POD),
                        "fail k8s-privileged Pod.default.web pod.yaml:11 "
                        "/spec/containers/0/securityContext/privileged: "
                        "container a is privileged\n");
    assert_string_equal(bundle_eval(&b, "s.yaml",
                                    "apiVersion: v1\nkind: Service\n"
                                    "metadata:\n  name: s\n"),
                        "");
    bundle_done(&b);
}

static void test_absent(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    bundle_check(&b, "if r.a.b.c.d == nil and r.metadata.name.x.y == nil and (5).x == nil then\n"
                     "  fail(r, 'a.b[2].c', 'absent ' .. r.nothing)\nend");
    assert_string_equal(bundle_eval(&b, "pod.yaml", POD),
                        "fail t Pod.default.web pod.yaml:1 /a/b/2/c: absent nil\n");
    bundle_done(&b);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *body, *message;
    } cases[] = {
        {"faill(r, 'x')", "error t Pod.default.web pod.yaml:1 : t.lua:2: 'faill' is not defined: "
                          "did you mean 'fail'?\n"},
        {"x = 1", "error t Pod.default.web pod.yaml:1 : t.lua:2: assignment to global 'x': only "
                  "'local' variables can be set here\n"},
        {"r.spec.x = 1", "error t Pod.default.web pod.yaml:1 : t.lua:2: the document cannot be "
                         "changed\n"},
        {"string.format = 1", "error t Pod.default.web pod.yaml:1 : t.lua:2: 'string' cannot be "
                              "changed\n"},
        {"local s = ('x'):gsub('x', 'y')",
         "error t Pod.default.web pod.yaml:1 : t.lua:2: attempt to call a nil value (method "
         "'gsub')\n"},
        {"string.gsub('x', 'y', 'z')",
         "error t Pod.default.web pod.yaml:1 : t.lua:2: 'string.gsub' is not there: patterns are "
         "not available: use string.replace, split or glob\n"},
        {"fail(r, 'x', 'first'); error('then')",
         "fail t Pod.default.web pod.yaml:1 /x: first\nerror t Pod.default.web pod.yaml:1 : "
         "t.lua:2: then\n"},
        {"fail('x'); unknown('later')", "fail t Pod.default.web pod.yaml:1 : x\n"},
        {"unknown('why')", "unknown t Pod.default.web pod.yaml:1 : why\n"},
        {"not_applicable()", "not_applicable t Pod.default.web pod.yaml:1 : \n"},
        {"pcall(unknown); fail('no')", "unknown t Pod.default.web pod.yaml:1 : a value that "
                                       "decides is known only at run time\n"},
        {"while true do end",
         "error t Pod.default.web pod.yaml:1 : instruction limit reached (10000000)\n"},
        {"local t = {}\nfor i = 1, 1e9 do t[i] = {i} end",
         "error t Pod.default.web pod.yaml:1 : memory limit reached (16777216 bytes)\n"},
        {"error({})", "error t Pod.default.web pod.yaml:1 : (error object is a table value)\n"},
    };
    struct bundle b;
    bundle_init(&b);
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        bundle_check(&b, cases[i].body);
        assert_string_equal(bundle_eval(&b, "pod.yaml", POD), cases[i].message);
        assert_string_equal(bundle_eval(&b, "pod.yaml", POD), cases[i].message);
    }
    bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
