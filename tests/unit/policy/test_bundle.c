/* Loading: what a bundle says of itself, problems, selection, parameters, frameworks, archives. */
#include "policy_test.h"

#include <unistd.h>
#include <secureops/crypto.h>

#define GOOD(id)                                                                                   \
    "return { id = '" id "', title = 't', severity = 'LOW', applies_to = 'kubernetes', "           \
    "remediation = 'r', check = function(r) end }\n"

static void problem(const char *text, const char *want)
{
    struct bundle b;
    bundle_init(&b);
    bundle_file(&b, "p/x.lua", text);
    bundle_file(&b, "good.lua", GOOD("good"));
    bundle_load(&b);
    size_t n, policies;
    const struct sco_policy_problem *v = sco_policies_problems(b.p, &n);
    sco_policies_list(b.p, &policies);
    assert_int_equal(policies, 1); /* the other file is used */
    SCO_AUTO(sco_buf) struct sco_buf full = {0};
    sco_buf_addf(&full, "%s/%s", b.dir, want);
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        found = found || strcmp(v[i].message, sco_buf_z(&full)) == 0;
    }
    if (!found) {
        print_error("wanted %s\n", sco_buf_z(&full));
        for (size_t i = 0; i < n; i++)
            print_error("got    %s\n", v[i].message);
    }
    assert_true(found);
    bundle_done(&b);
}

static void test_problems(void **state)
{
    (void)state;
    problem("return {\n  id = 'x',\n  serverity = 'LOW',\n}",
            "p/x.lua:3: unknown field 'serverity': did you mean 'severity'?");
    problem("return {\n  id = 'x',\n}", "p/x.lua:1: field 'check' is missing");
    problem("return { id = 'X y', title = 't' }",
            "p/x.lua:1: id 'X y': only lower case letters, digits and hyphens");
    problem("return {\n id = 'x',\n severity = 'High' }",
            "p/x.lua:3: severity 'High': CRITICAL, HIGH, MEDIUM, LOW or INFO");
    problem("return { id = 'x', applies_to = 'kubernetes:workloads' }",
            "p/x.lua:1: applies_to 'kubernetes:workloads' is no selector: did you mean "
            "'kubernetes:workload'?");
    problem("return { id = 'x', applies_to = {} }", "p/x.lua:1: 'applies_to' is empty");
    problem("return { id = 'x', aliases = { 'kics:1' } }",
            "p/x.lua:1: alias 'kics:1': no id as CKV_K8S_16, KSV-0017 or kics:<query id>");
    problem("return { id = 'x', aliases = 'CKV_1' }",
            "p/x.lua:1: 'aliases' is a string, not a list of texts");
    problem("return { id = 'x', title = 5 }", "p/x.lua:1: 'title' is a number, not text");
    problem("return { id = 'x', title = ' ' }", "p/x.lua:1: 'title' is empty");
    problem("return { id = 'x', cwe = { '79' } }",
            "p/x.lua:1: 'cwe': item 1 is no number of a weakness");
    problem("return { id = 'x', scope = 'world' }",
            "p/x.lua:1: scope 'world': \"resource\" or \"project\"");
    problem("return { id = 'x', default = 'no' }",
            "p/x.lua:1: 'default' is a string, not true or false");
    problem("return { id = 'x', params = { f = function() end } }",
            "p/x.lua:1: the default of 'f' is a function");
    problem("return { id = 'x', frameworks = { a = { 5 } } }",
            "p/x.lua:1: a control of 'a' is a number: write it as text");
    problem("return {\n\n x = = 1 }", "p/x.lua:3: unexpected symbol near '='");
    problem("return 5", "p/x.lua: the file returns a number, not a policy");
    problem("return { 5 }", "p/x.lua: item 1 of the list is a number, not a policy");
    problem("local x = zzzzzzzz.y", "p/x.lua:1: 'zzzzzzzz' is not defined");
}

static void test_problem_of_ids(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    bundle_file(&b, "a.lua", GOOD("same"));
    bundle_file(&b, "b.lua", "\n" GOOD("same"));
    bundle_file(&b, "meta/x.lua", "this is no Lua");
    bundle_file(&b, ".hidden.lua", "this is no Lua");
    bundle_file(&b, "lib/x.lua", "this is no Lua, and nobody imports it");
    bundle_load(&b);
    size_t n;
    const struct sco_policy_problem *v = sco_policies_problems(b.p, &n);
    assert_int_equal(n, 1);
    assert_non_null(strstr(v[0].message, "b.lua:2: id 'same' is also in "));
    assert_non_null(strstr(v[0].message, "a.lua:1"));
    const struct sco_policy *list = sco_policies_list(b.p, &n);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].file_path, "a.lua");
    assert_int_equal(strlen(list[0].digest), 64);
    char *before = strdup(list[0].digest);
    bundle_file(&b, "lib/x.lua", "return {}");
    bundle_load(&b);
    list = sco_policies_list(b.p, &n);
    assert_string_not_equal(before, list[0].digest); /* whatever changes */
    free(before);
    SCO_AUTO(sco_buf) struct sco_buf at = {0};
    sco_buf_addf(&at, "%s/more", b.dir);
    assert_int_equal(symlink("/etc", sco_buf_z(&at)), 0);
    bundle_load(&b);
    v = sco_policies_problems(b.p, &n);
    assert_int_equal(n, 2);
    assert_non_null(strstr(v[1].message, "/more: not a folder but a link to one"));
    bundle_done(&b);
}

static void select_and_count(struct bundle *b, const char *const *want,
                             const char *const *frameworks, const char *const *skip, bool enabled,
                             const char *ids)
{
    SCO_AUTO(sco_buf) struct sco_buf got = {0};
    assert_int_equal(sco_policies_select(b->p, want, frameworks, skip, enabled, &b->err), 0);
    size_t n;
    const struct sco_policy *list = sco_policies_list(b->p, &n);
    for (size_t i = 0; i < n; i++)
        if (list[i].selected)
            sco_buf_addf(&got, "%s ", list[i].id);
    assert_string_equal(sco_buf_z(&got), ids);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void load_three(struct bundle *b)
{
    bundle_init(b);
    bundle_file(b, "x.lua",
                "local function p(id, alias, fw, default, params)\n"
                "  return { id = id, title = id, severity = 'LOW', applies_to = 'kubernetes', "
                "remediation = 'r', aliases = { alias }, frameworks = fw, default = default, "
                "params = params, check = function(r, params)\n"
                "    fail(r, 'x', id .. ' ' .. tostring(params.version) .. ' ' .. "
                "tostring(params.max)) end }\nend\n"
                "return {\n"
                "  p('k-a', 'CKV_K8S_1', { base = 'one' }, nil, { version = 'latest', max = 5 }),\n"
                "  p('k-b', 'KSV-0012', { base = { 'one', 'two' } }, false),\n"
                "  p('d-c', 'DL3006', { own = '9' }),\n}\n");
    bundle_file(b, "compliance/base.yaml",
                "id: base\ntitle: Base\nversion: '1'\nversion_param: version\ncontrols:\n"
                "- id: one\n  title: One\n- id: two\n  title: Two\n- id: three\n  title: Three\n"
                "  manual: true\n  facts: [scan.completed]\n");
    bundle_file(b, "compliance/own.yaml",
                "id: own\ntitle: Own\nincludes: [base]\ncontrols:\n- {id: '9', title: Nine}\n");
    bundle_load(b);
    size_t n;
    const struct sco_policy_problem *v = sco_policies_problems(b->p, &n);
    for (size_t i = 0; i < n; i++)
        print_error("%s\n", v[i].message);
    assert_int_equal(n, 0);
}

static void test_select(void **state)
{
    (void)state;
    struct bundle b;
    load_three(&b);
    select_and_count(&b, NULL, NULL, NULL, false, "d-c k-a k-b ");
    select_and_count(&b, NULL, NULL, NULL, true, "d-c k-a ");
    select_and_count(&b, LIST("k-*"), NULL, NULL, true, "k-a k-b ");
    select_and_count(&b, LIST("CKV_K8S_*", "d-c"), NULL, NULL, true, "d-c k-a ");
    select_and_count(&b, LIST("AVD-KSV-0012"), NULL, NULL, true, "k-b ");
    select_and_count(&b, NULL, NULL, LIST("k-a"), true, "d-c ");
    select_and_count(&b, NULL, LIST("base"), NULL, true, "k-a k-b ");
    select_and_count(&b, NULL, LIST("own"), LIST("KSV012"), true, "d-c k-a ");
    assert_int_equal(sco_policies_select(b.p, LIST("k-aa"), NULL, NULL, true, &b.err),
                     SCO_E_INVALID);
    assert_string_equal(b.err.text, "no policy 'k-aa': did you mean 'k-a'?");
    assert_int_equal(sco_policies_select(b.p, NULL, LIST("bases"), NULL, true, &b.err),
                     SCO_E_INVALID);
    assert_string_equal(b.err.text, "no framework 'bases': did you mean 'base'?");
    assert_int_equal(sco_policies_select(b.p, NULL, LIST("own@1"), NULL, true, &b.err),
                     SCO_E_INVALID);
    assert_int_equal(sco_policies_select(b.p, NULL, LIST("base@1.25"), NULL, true, &b.err), 0);
    assert_string_equal(bundle_eval(&b, "pod.yaml", POD),
                        "fail k-a Pod.default.web pod.yaml:1 /x: k-a 1.25 5\n"
                        "fail k-b Pod.default.web pod.yaml:1 /x: k-b nil nil\n");
    assert_int_equal(sco_policies_select(b.p, LIST("k-a"), NULL, NULL, true, &b.err), 0);
    assert_string_equal(bundle_eval(&b, "pod.yaml", POD),
                        "fail k-a Pod.default.web pod.yaml:1 /x: k-a latest 5\n");
    /* beside what is chosen by name and configured */
    b.opt.params = "{\"k-a\": {\"max\": 7}}";
    bundle_load(&b);
    assert_int_equal(
        sco_policies_select(b.p, LIST("k-a"), LIST("base@1.25", "base@1.25"), NULL, true, &b.err),
        0);
    assert_non_null(strstr(bundle_eval(&b, "pod.yaml", POD), "k-a 1.25 7\n"));
    assert_int_equal(
        sco_policies_select(b.p, NULL, LIST("base@1.25", "base@1.26"), NULL, true, &b.err),
        SCO_E_INVALID);
    assert_string_equal(b.err.text, "base@1.25 and base@1.26 ask for different versions of policy "
                                    "'k-a': choose one");
    assert_int_equal(sco_policies_select(b.p, NULL, NULL, LIST("AVD-*"), true, &b.err),
                     SCO_E_INVALID);
    bundle_done(&b);
}

static void test_frameworks(void **state)
{
    (void)state;
    struct bundle b;
    load_three(&b);
    size_t n;
    const struct sco_framework *f = sco_policies_frameworks(b.p, &n);
    assert_int_equal(n, 2);
    assert_string_equal(f[0].id, "base");
    assert_string_equal(f[0].version_param, "version");
    assert_int_equal(f[0].n_controls, 3);
    assert_string_equal(f[0].controls[0].policies[0]->id, "k-a");
    assert_string_equal(f[0].controls[0].policies[1]->id, "k-b");
    assert_null(f[0].controls[0].policies[2]);
    assert_string_equal(f[0].controls[1].policies[0]->id, "k-b");
    assert_true(f[0].controls[2].manual);
    assert_null(f[0].controls[2].policies[0]);
    assert_string_equal(f[0].controls[2].facts[0], "scan.completed");
    assert_null(f[0].controls[2].facts[1]);
    assert_int_equal(f[1].n_controls, 4);
    assert_string_equal(f[1].controls[0].policies[0]->id, "d-c");
    assert_string_equal(f[1].controls[1].policies[0]->id, "k-a"); /* included */
    bundle_file(&b, "compliance/bad.yaml",
                "id: bad\ntitle: Bad\ncontrol: []\nincludes: [nobody, bad]\ncontrols:\n"
                "- {id: a, title: A}\n- {id: a, title: A}\n- {id: b}\n- 5\n");
    bundle_file(&b, "compliance/worse.yaml", "a: [");
    bundle_file(&b, "compliance/about.yaml",
                "id: about\ntitle: A\nincludes: [round]\ncontrols: [{id: a, title: A}]\n");
    bundle_file(&b, "compliance/round.yaml",
                "id: round\ntitle: R\ncontrols: [{id: r, title: R}]\nincludes: [about]\n");
    bundle_file(&b, "y.lua",
                "return { id = 'y', title = 't', severity = 'LOW', applies_to = 'kubernetes', "
                "remediation = 'r', check = function(r) end, "
                "frameworks = { base = { 'twoo' }, bases = 'x' } }\n");
    bundle_load(&b);
    const struct sco_policy_problem *v = sco_policies_problems(b.p, &n);
    static const char *const want[] = {
        "bad.yaml:3: unknown field 'control': did you mean 'controls'?",
        "bad.yaml:4: includes 'nobody': no such framework",
        "bad.yaml:4: includes 'bad', which includes this one",
        "round.yaml:4: includes 'about', which includes this one",
        "bad.yaml:7: control 'a' is there twice",
        "bad.yaml:8: a control needs 'id' and 'title'",
        "bad.yaml:9: a control is text, not a map",
        "worse.yaml:",
        "y.lua:1: policy 'y': no control 'twoo' in base: did you mean 'two'?",
        "y.lua:1: policy 'y': no framework 'bases': did you mean 'base'?",
    };
    assert_int_equal(n, SCO_ARRAY_LEN(want));
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t k = 0; k < n; k++)
            found = found || strstr(v[k].message, want[i]);
        if (!found)
            print_error("not found: %s\n", want[i]);
        assert_true(found);
    }
    bundle_done(&b);
}

static void bad_params(struct bundle *b, const char *params, const char *want)
{
    struct sco_policies *p;
    b->opt.params = params;
    int r = sco_policies_load(&b->opt, &p, &b->err);
    assert_true(r < 0);
    assert_string_equal(b->err.text, want);
}

static void test_params(void **state)
{
    (void)state;
    struct bundle b;
    load_three(&b);
    b.opt.params = "{\"k-a\": {\"max\": 7.5}}";
    bundle_load(&b);
    assert_string_equal(sco_policies_find(b.p, sco_str_c("k-a"))->params,
                        "{\"max\":5,\"version\":\"latest\"}");
    const char *text = bundle_eval(&b, "pod.yaml", POD);
    assert_non_null(strstr(text, "k-a latest 7.5\n"));
    bad_params(&b, "{\"k-a\": {\"maxx\": 7}}",
               "policy 'k-a' has no parameter 'maxx': did you mean 'max'?");
    bad_params(&b, "{\"k-a\": {\"max\": \"7\"}}",
               "parameter 'max' of policy 'k-a' has another type than its default");
    bad_params(&b, "{\"k-x\": {}}", "parameters for 'k-x': no such policy");
    bad_params(&b, "[]", "policy parameters are not a map");
    b.opt.params = NULL;
    b.bundles[0] = "/nonexistent";
    struct sco_policies *p;
    assert_int_equal(sco_policies_load(&b.opt, &p, &b.err), SCO_E_INVALID);
    bundle_done(&b);
}

/* ---- archives ---- */
static void tar_add(struct sco_buf *out, const char *name, const char *text, char type)
{
    char head[512] = {0};
    size_t n = strlen(text);
    snprintf(head, 100, "%s", name);
    snprintf(head + 124, 12, "%011o", (unsigned)n);
    head[156] = type;
    memcpy(head + 257, "ustar\00000", 8);
    memset(head + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    sco_buf_add(out, sco_str_make(head, 512));
    sco_buf_addz(out, text);
    while (out->n % 512)
        sco_buf_addc(out, 0);
}

static void write_file(const char *dir, const char *name, struct sco_str text)
{
    char path[512];
    struct sco_error err;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(sco_fs_write(path, text, 0644, &err), 0);
}

static int load_archive(const char *dir, const char *keys, struct sco_error *err)
{
    char path[512], key_path[512];
    snprintf(path, sizeof path, "%s/b.tar", dir);
    snprintf(key_path, sizeof key_path, "%s/keys.pem", dir);
    const char *bundles[] = {path, NULL};
    struct sco_policies_options o = {.bundles = bundles, .public_keys = keys ? key_path : NULL};
    struct sco_policies *p = NULL;
    int r = sco_policies_load(&o, &p, err);
    if (r == 0) {
        size_t n, problems;
        sco_policies_list(p, &n);
        sco_policies_problems(p, &problems);
        assert_int_equal(n, 1);
        assert_int_equal(problems, 0);
    }
    sco_policies_free(p);
    return r;
}

/* Of RFC 8410, 10. */
#define PUBLIC                                                                                     \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
#define SECRET                                                                                     \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"                           \
    "-----END PRIVATE KEY-----\n"

static void test_archive(void **state)
{
    (void)state;
    struct bundle b;
    struct sco_buf tar = {0};
    struct sco_error err = {0};
    uint8_t secret[32], signature[64];
    bundle_init(&b);
    tar_add(&tar, "./", "", '5');
    tar_add(&tar, "./lib/l.lua", "return { yes = true }", '0');
    tar_add(&tar, "./x.lua", "local l = import('l')\n" GOOD("x"), '0');
    tar_add(&tar, "README.md", "no policy", '0');
    for (int i = 0; i < 1024; i++)
        sco_buf_addc(&tar, 0);
    write_file(b.dir, "b.tar", sco_buf_str(&tar));
    write_file(b.dir, "keys.pem", sco_str_c(PUBLIC));
    assert_int_equal(load_archive(b.dir, NULL, &err), 0);
    assert_int_equal(load_archive(b.dir, PUBLIC, &err), SCO_E_INVALID);
    assert_non_null(strstr(err.text, "is not signed"));

    assert_int_equal(sco_ed25519_read_secret(sco_str_c(SECRET), secret), 0);
    sco_ed25519_sign(secret, sco_buf_str(&tar), signature);
    write_file(b.dir, "b.tar.sig", sco_str_make((char *)signature, 64));
    assert_int_equal(load_archive(b.dir, PUBLIC, &err), 0);

    for (size_t i = 0; i < tar.n; i += 97) { /* any change is noticed */
        tar.p[i] ^= 1;
        write_file(b.dir, "b.tar", sco_buf_str(&tar));
        assert_int_equal(load_archive(b.dir, PUBLIC, &err), SCO_E_INVALID);
        tar.p[i] ^= 1;
    }
    write_file(b.dir, "b.tar", sco_buf_str(&tar));
    signature[5] ^= 1;
    write_file(b.dir, "b.tar.sig", sco_str_make((char *)signature, 64));
    assert_int_equal(load_archive(b.dir, PUBLIC, &err), SCO_E_INVALID);
    assert_non_null(strstr(err.text, "by none of the public keys"));
    write_file(b.dir, "keys.pem", sco_str_c("no key"));
    assert_int_equal(load_archive(b.dir, PUBLIC, &err), SCO_E_INVALID);
    sco_buf_done(&tar);
    bundle_done(&b);
}

static void test_archive_bad(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        char type;
        const char *want;
    } cases[] = {
        {"../x.lua", '0', "leads out of the bundle"},
        {"/x.lua", '0', "leads out of the bundle"},
        {"a/../../x.lua", '0', "leads out of the bundle"},
        {"a\\..\\x.lua", '0', "leads out of the bundle"},
        {"x.lua", '2', "no regular file"},
        {"x.lua", '1', "no regular file"},
        {"x.lua", 'L', "no regular file"},
        {"x.lua", 'x', "no regular file"},
        {"good.lua", '0', "is there twice"},
    };
    struct bundle b;
    struct sco_error err = {0};
    bundle_init(&b);
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        struct sco_buf tar = {0};
        tar_add(&tar, "good.lua", GOOD("x"), '0');
        tar_add(&tar, cases[i].name, GOOD("y"), cases[i].type);
        write_file(b.dir, "b.tar", sco_buf_str(&tar));
        assert_int_equal(load_archive(b.dir, NULL, &err), SCO_E_INVALID);
        assert_non_null(strstr(err.text, cases[i].want));
        sco_buf_done(&tar);
    }
    struct sco_buf tar = {0};
    tar_add(&tar, "good.lua", GOOD("x"), '0');
    for (size_t n = 1; n < tar.n; n += 13) { /* cut off anywhere */
        if (n % 512 == 0)
            continue;
        write_file(b.dir, "b.tar", sco_str_make(tar.p, n));
        int r = load_archive(b.dir, NULL, &err);
        assert_true(r == SCO_E_INVALID || n > 512 + strlen(GOOD("x")));
    }
    write_file(b.dir, "b.tar", sco_str_c("\x1f\x8b gzip"));
    assert_int_equal(load_archive(b.dir, NULL, &err), SCO_E_INVALID);
    sco_buf_done(&tar);
    bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems),    cmocka_unit_test(test_problem_of_ids),
        cmocka_unit_test(test_select),      cmocka_unit_test(test_frameworks),
        cmocka_unit_test(test_params),      cmocka_unit_test(test_archive),
        cmocka_unit_test(test_archive_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
