/* What is known only at run time, what is secret, what is kept, and that all of it comes out the
 * same each time. */
#include "policy_test.h"

/* One resource: password is sensitive; key_id, names[1] and tags.late are unknown. */
#define PLAN                                                                                       \
    "{\"format_version\":\"1.2\",\"terraform_version\":\"1.5.7\",\"timestamp\":"                   \
    "\"2024-01-02T00:00:00Z\",\"resource_changes\":[{\"address\":\"aws_x.a\",\"mode\":"            \
    "\"managed\",\"type\":\"aws_x\",\"name\":\"a\",\"provider_name\":\"p\",\"change\":{"           \
    "\"actions\":[\"create\"],\"before\":null,\"after\":{\"name\":\"n\",\"password\":"             \
    "\"hunter2\",\"names\":[\"one\",null,\"two\"],\"tags\":{\"env\":\"x\"}},"                      \
    "\"after_unknown\":{\"key_id\":true,\"names\":[false,true,false],\"tags\":{\"late\":true}},"   \
    "\"before_sensitive\":false,\"after_sensitive\":{\"password\":true}}}],"                       \
    "\"configuration\":{\"root_module\":{\"resources\":[{\"address\":\"aws_x.a\",\"mode\":"        \
    "\"managed\",\"type\":\"aws_x\",\"name\":\"a\",\"expressions\":{\"key_id\":{"                  \
    "\"references\":[\"aws_k.k.arn\",\"aws_k.k\"]},\"name\":{\"constant_value\":\"n\"}}}]}}}"

static const char *eval_plan(struct bundle *b, const char *body)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    sco_buf_addf(&text,
                 "return { id = 't', title = 't', severity = 'LOW', remediation = 'r', "
                 "applies_to = 'terraform:aws_x', check = function(r)\nlocal v = r.values\n%s\n"
                 "end }\n",
                 body);
    bundle_file(b, "t.lua", sco_buf_z(&text));
    bundle_load(b);
    size_t n;
    sco_policies_problems(b->p, &n);
    assert_int_equal(n, 0);
    return bundle_eval(b, "tfplan.json", PLAN);
}

static void test_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"if v.key_id == nil then fail('no key') end", "unknown t aws_x.a tfplan.json:1 "},
        {"if v.key_id then fail('key') end", "unknown t"},
        {"if not v.key_id then fail('no key') end", "unknown t"},
        {"fail('first'); local x = v.key_id", "fail t aws_x.a tfplan.json:1 "},
        {"if is_unknown(v, 'key_id') then return end fail('x')", "pass t"},
        {"if has(v, 'key_id') then fail('has it') end", "fail t"},
        {"if has(v, 'key_id.x') then fail('has it') end", "unknown t"},
        {"if is_unknown(v, 'key_id.x') then fail('unknown') end", "fail t"},
        {"if is_unknown(v, 'name') then fail('unknown') end", "pass t"},
        {"if is_unknown(v, 'nothing') then fail('unknown') end", "pass t"},
        {"local x = get(v, 'key_id')", "unknown t"},
        {"local x = get(v, 'key_id.more')", "unknown t"},
        {"pcall(function() return v.key_id end) fail('went on')", "unknown t"},
        {"for _, n in ipairs(v.names) do if n == 'two' then fail('two') return end end", "fail t"},
        {"for _, n in ipairs(v.names) do if n == 'six' then fail('six') return end end",
         "unknown t"},
        {"for _, n in pairs(v.names) do if n == 'two' then return end end", "pass t"},
        {"for k, n in pairs(v.tags) do if n == 'x' then return end end", "pass t"},
        {"for k, n in pairs(v.tags) do if n == 'y' then return end end", "unknown t"},
        {"if #v.names ~= 3 then fail('length') end", "pass t"},
        {"if next(v.tags) ~= 'env' then fail('next') end", "pass t"},
        {"local k = next(v.tags, 'env')", "unknown t"},
        {"if #keys(v.tags) ~= 2 then fail('keys') end", "pass t"},
        {"table.concat(v.names)", "unknown t"},
        {"local a, b, c = table.unpack(v.names)", "unknown t"},
        {"local s = 'x' .. v.key_id", "unknown t"},
        {"unknown('because')", "because\n"},
        {"if terraform.references(r, 'key_id')[2] ~= 'aws_k.k' then fail('refs') end", "pass t"},
        {"if not terraform.configured(r, 'key_id') or terraform.configured(r, 'x') then fail('c') "
         "end",
         "pass t"},
        {"if now() ~= 1704153600 then fail('now') end", "pass t"},
    };
    struct bundle b;
    bundle_init(&b);
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        const char *got = eval_plan(&b, cases[i].body);
        if (!strstr(got, cases[i].want))
            print_error("%s\nwanted %s\ngot    %s", cases[i].body, cases[i].want, got);
        assert_non_null(strstr(got, cases[i].want));
        assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1); /* one verdict */
    }
    bundle_done(&b);
}

static bool leaks;
static int look_for_secret(void *user, const struct sco_verdict *v)
{
    const char *const texts[] = {v->message, v->reason,  v->pointer,
                                 v->trace,   v->expires, v->fix ? v->fix->text : NULL};
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        leaks = leaks || (texts[i] && (strstr(texts[i], "hunter") || strstr(texts[i], "unter2") ||
                                       strstr(texts[i], "2retnuh")));
    return bundle_add(user, v);
}

static void test_sensitive(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"if v.password == 'hunter2' then fail(v, 'password', 'it is the known one') end",
         "/password: it is the known one\n"},
        {"fail(v, 'password', 'password is ' .. v.password)", "details withheld"},
        {"local p = v.password fail(v, 'name', 'name is ' .. v.name)", "details withheld"},
        {"fail(v, 'name', 'name is ' .. v.name) local p = v.password", "name is n\n"},
        {"error(v.password)", "details withheld"},
        {"error({ v.password })", "details withheld"},
        {"local t = { [v.password] = 1 } local x = t.a.b + 1", "details withheld"},
        {"_ENV[v.password]()", "details withheld"},
        {"local f = string[v.password]", "details withheld"},
        {"fail(v, v.password, 'path')", "/resource_changes/0/change/after: path\n"},
        {"fail(v, { 'tags', v.password }, 'path')", "/change/after/tags: path\n"},
        {"fail(v, 'name', 'fix', { set = v.password })", ": fix\n"},
        {"unknown(v.password)", "details withheld"},
        {"not_applicable(v.password)", "details withheld"},
        {"for k, x in pairs(v) do fail(v, k, tostring(x)) end", "details withheld"},
        {"fail(v, 'name', (v.password):reverse())", "details withheld"},
        {"fail(v, 'name', (v.password):sub(2))", "details withheld"},
        {"fail(v, 'name', json(v, 'password') or select(2, json(v, 'password')))",
         "details withheld"},
        {"fail(v, 'name', get(v, 'password'))", "details withheld"},
        {"string.rep(v.password, 1e9)", "details withheld"},
        {"local x <close> = v.password", "details withheld"},
        {"local x = r[v.password]", "pass t"},
        {"local x = get(v, v.password)", "pass t"},
        {"local x = has(v, 'tags.' .. v.password) or is_unknown(v, { v.password, 'b' })", "pass t"},
        {"for _, x in ipairs({ v.password }) do local y = v.tags[x .. x] end", "pass t"},
    };
    struct bundle b;
    bundle_init(&b);
    b.opt.trace = true;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        eval_plan(&b, cases[i].body);
        struct sco_iac_set docs = {0};
        assert_int_equal(sco_iac_add_text(&docs, sco_str_c(PLAN), "tfplan.json", 0, 0, &b.err), 1);
        sco_buf_clear(&b.out);
        leaks = false;
        assert_int_equal(sco_policies_eval(b.p, &docs, look_for_secret, &b, &b.err), 0);
        const char *got = sco_buf_z(&b.out);
        if (leaks || !strstr(got, cases[i].want))
            print_error("%s\nwanted %s\ngot    %s", cases[i].body, cases[i].want, got);
        assert_non_null(strstr(got, cases[i].want));
        assert_false(leaks);
        sco_iac_set_done(&docs);
    }
    bundle_done(&b);
}

/* A secret that a policy keeps does not come out with the next resource. */
static void test_kept_secret(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    bundle_file(&b, "lib/store.lua", "local M = { kept = {} }\nreturn M\n");
    bundle_file(&b, "t.lua",
                "local kept\nlocal store = import('store')\nglobal = {}\n"
                "return { id = 't', title = 't', severity = 'LOW', remediation = 'r', "
                "applies_to = { 'terraform:aws_x', 'kubernetes' }, check = function(r)\n"
                "if r.values then kept = r.values.password store.kept.x = kept global.x = kept\n"
                "else fail(tostring(kept) .. tostring(store.kept.x) .. tostring(global.x)) end\n"
                "end }\n");
    bundle_load(&b);
    struct sco_iac_set docs = {0};
    assert_int_equal(sco_iac_add_text(&docs, sco_str_c(PLAN), "tfplan.json", 0, 0, &b.err), 1);
    assert_int_equal(sco_iac_add_text(&docs, sco_str_c(POD), "pod.yaml", 0, 0, &b.err), 1);
    assert_int_equal(sco_policies_eval(b.p, &docs, bundle_add, &b, &b.err), 0);
    assert_string_equal(sco_buf_z(&b.out), "pass t aws_x.a tfplan.json:1 : \n"
                                           "fail t Pod.default.web pod.yaml:1 : nilnilnil\n");
    sco_iac_set_done(&docs);
    bundle_done(&b);
}

/* A selector that is not all known selects neither nothing nor everything. */
static void test_unknown_selector(void **state)
{
    (void)state;
    static const struct {
        const char *after, *unknown, *want;
    } cases[] = {
        {"{}", "{\"s\":true}", "unknown t"},
        {"{\"s\":{}}", "{\"s\":{\"matchLabels\":true}}", "unknown t"},
        {"{\"s\":{}}", "{\"s\":{\"matchExpressions\":true}}", "unknown t"},
        {"{\"s\":{\"matchExpressions\":[{\"key\":\"env\",\"operator\":\"In\","
         "\"values\":[\"y\",null]}]}}",
         "{\"s\":{\"matchExpressions\":[{\"values\":[false,true]}]}}", "unknown t"},
        {"{\"s\":{\"matchExpressions\":[{\"key\":\"env\",\"values\":[]}]}}",
         "{\"s\":{\"matchExpressions\":[{\"operator\":true}]}}", "unknown t"},
        {"{\"s\":{\"matchExpressions\":[{\"key\":\"env\",\"operator\":\"In\","
         "\"values\":[\"x\",null]}]}}",
         "{\"s\":{\"matchExpressions\":[{\"values\":[false,true]}]}}", ": selected\n"},
    };
    struct bundle b;
    bundle_init(&b);
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        SCO_AUTO(sco_buf) struct sco_buf plan = {0};
        sco_buf_addf(&plan,
                     "{\"format_version\":\"1.2\",\"resource_changes\":[{\"address\":\"aws_x.a\","
                     "\"mode\":\"managed\",\"type\":\"aws_x\",\"name\":\"a\",\"change\":{"
                     "\"actions\":[\"create\"],\"before\":null,\"after\":{\"l\":{\"env\":\"x\"},"
                     "\"o\":%s},\"after_unknown\":{\"o\":%s}}}]}",
                     cases[i].after, cases[i].unknown);
        eval_plan(&b, "if k8s.selects(v.o.s, v.l) then fail('selected') end");
        const char *got = bundle_eval(&b, "tfplan.json", sco_buf_z(&plan));
        if (!strstr(got, cases[i].want))
            print_error("%s %s\nwanted %s\ngot    %s", cases[i].after, cases[i].unknown,
                        cases[i].want, got);
        assert_non_null(strstr(got, cases[i].want));
    }
    bundle_done(&b);
}

enum { TRACE = 2000 };

static int copy_trace(void *user, const struct sco_verdict *v)
{
    snprintf(user, TRACE, "%s", v->trace);
    return 7;
}

static void test_trace(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    b.opt.trace = true;
    bundle_check(&b, "local x = r.spec.containers[1].image\nlocal y = r.nothing.at.all\n"
                     "for i, c in ipairs(r.spec.containers) do local n = c.name end");
    struct sco_iac_set docs = {0};
    assert_int_equal(sco_iac_add_text(&docs, sco_str_c(POD), "pod.yaml", 0, 0, &b.err), 1);
    char trace[TRACE] = "";
    assert_int_equal(sco_policies_eval(b.p, &docs, copy_trace, trace, &b.err), 7); /* passed on */
    assert_string_equal(trace,
                        "/spec = (map of 1)\n/spec/containers = (list of 2)\n"
                        "/spec/containers/0 = (map of 4)\n"
                        "/spec/containers/0/image = \"nginx\"\n/nothing = nil\n"
                        "/spec = (map of 1)\n/spec/containers = (list of 2)\n"
                        "/spec/containers/0 = (map of 4)\n/spec/containers/0/name = \"a\"\n"
                        "/spec/containers/1 = (map of 2)\n/spec/containers/1/name = \"b\"\n");
    sco_iac_set_done(&docs);
    bundle_done(&b);
}

/* Memory that is kept between resources is found and taken from the policy that keeps it. */
static void test_hoarder(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    b.opt.limits.total_memory = 24 << 20;
    bundle_file(&b, "hoards.lua",
                "local kept = {}\nreturn { id = 'hoards', title = 't', severity = 'LOW', "
                "remediation = 'r', applies_to = 'kubernetes', check = function(r)\n"
                "for i = 1, 1000 do kept[#kept + 1] = ('x'):rep(1000) .. #kept end end }\n");
    bundle_file(&b, "works.lua",
                "return { id = 'works', title = 't', severity = 'LOW', remediation = 'r', "
                "applies_to = 'kubernetes', check = function(r)\n"
                "local t = {} for i = 1, 1000 do t[i] = ('y'):rep(1000) .. i end end }\n");
    bundle_load(&b);
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    for (int i = 0; i < 40; i++)
        sco_buf_addz(&text, "---\n" POD);
    const char *got = bundle_eval(&b, "pod.yaml", sco_buf_z(&text));
    assert_non_null(strstr(got, "pass hoards"));
    assert_non_null(strstr(got, "error hoards Pod.default.web pod.yaml:"));
    assert_non_null(strstr(got, "disabled: it kept "));
    assert_null(strstr(got, "error works"));
    bundle_done(&b);
}

/* The same input, the same text: in one state, and in another. */
static void test_deterministic(void **state)
{
    (void)state;
    static const char body[] =
        "local t, s = {}, ''\n"
        "for _, c in ipairs(r.spec.containers) do t[c.name] = c.image t[c.image] = c.name end\n"
        "for k, v in pairs(t) do s = s .. k .. v end\n"
        "local functions = { fail, unknown, pairs, function() end }\n"
        "for _, f in ipairs(functions) do s = s .. tostring(f) end\n"
        "s = s .. tostring(r) .. tostring(t) .. (next(t))\n"
        "fail(r, 'x', s)\nfail(r.spec, s)";
    struct bundle a, b;
    bundle_init(&a);
    bundle_init(&b);
    bundle_check(&a, body);
    SCO_AUTO(sco_free) char *first = strdup(bundle_eval(&a, "pod.yaml", POD));
    for (int i = 0; i < 20; i++) {
        bundle_check(&b, body);
        assert_string_equal(bundle_eval(&b, "pod.yaml", POD), first);
        assert_string_equal(bundle_eval(&a, "pod.yaml", POD), first);
    }
    bundle_done(&a);
    bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown),          cmocka_unit_test(test_sensitive),
        cmocka_unit_test(test_kept_secret),      cmocka_unit_test(test_trace),
        cmocka_unit_test(test_unknown_selector), cmocka_unit_test(test_hoarder),
        cmocka_unit_test(test_deterministic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
