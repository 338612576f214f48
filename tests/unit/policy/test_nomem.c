/* The Nth allocation fails, for every N: either the whole is SCO_E_NOMEM, or nothing is missing. */
#include "policy_test.h"

static int on_case(void *user, const struct sco_policy_case_result *r)
{
    struct bundle *b = user;
    sco_buf_addf(&b->out, "%d %s %s\n", r->passed, r->policy, r->message ? r->message : "");
    return 0;
}

static int on_verdict(void *user, const struct sco_verdict *v)
{
    struct bundle *b = user;
    sco_buf_addf(&b->out, "%s %s %s %s %s\n", sco_verdict_name(v->kind), v->policy->id, v->pointer,
                 v->message, v->reason ? v->reason : "");
    if (v->fix)
        sco_buf_addf(&b->out, "fix %s\n", v->fix->text);
    return 0;
}

/* Documents are made before: theirs is another test. */
static int everything(struct bundle *b, const struct sco_iac_set *docs, bool cases)
{
    struct sco_policies *p = NULL;
    sco_buf_clear(&b->out);
    int r = sco_policies_load(&b->opt, &p, &b->err);
    static const char *const frameworks[] = {"f@1", NULL};
    if (r == 0)
        r = sco_policies_select(p, NULL, frameworks, NULL, false, &b->err);
    if (r == 0)
        r = sco_policies_eval(p, docs, on_verdict, b, &b->err);
    if (r == 0 && cases)
        r = sco_policies_test(p, on_case, b, &b->err);
    size_t problems = 0;
    if (p)
        sco_policies_problems(p, &problems);
    if (r == 0)
        assert_int_equal(problems, 0);
    sco_policies_free(p);
    return r;
}

static void fill(struct bundle *b)
{
    bundle_init(b);
    bundle_file(b, "compliance/f.yaml",
                "id: f\ntitle: F\nversion_param: v\ncontrols: [{id: a, title: A, facts: [x]}]\n");
    bundle_file(b, "lib/l.lua", "return { word = 'bad' }\n");
    bundle_file(b, "p.lua",
                "local l = import('l')\n"
                "return { id = 'p', title = 't', severity = 'LOW', remediation = 'r',\n"
                "  applies_to = 'kubernetes', aliases = { 'CKV_K8S_1' }, links = { 'x' },\n"
                "  frameworks = { f = 'a' }, cwe = { 79 }, scope = 'project',\n"
                "  params = { max = 3, v = 'x', list = { 'a' } },\n"
                "  check = function(r, params)\n"
                "    for _, c in k8s.containers(r) do\n"
                "      fail(c, 'securityContext.privileged', 'in ' .. c.name .. l.word, "
                "{ set = { a = { 1, 'x' } } })\n"
                "    end\n"
                "    local s = iam.statements('{\"Statement\": [{\"Action\": \"a\"}]}')\n"
                "    local c = shell.commands('a && b c')\n"
                "    fail(r, 'x.y[0]', s[1].actions[1] .. c[1].name .. #resources('kubernetes'))\n"
                "    for k, v in pairs({ b = 1, a = 2 }) do fail(r, 'p.' .. k, params.v) end\n"
                "  end,\n}\n");
    bundle_file(b, "p.cases.yaml",
                "- name: one\n  params: {max: 4}\n  input: |\n    apiVersion: v1\n    kind: Pod\n"
                "  expect: fail\n");
}

static void test_nomem(void **state)
{
    (void)state;
    struct bundle b;
    struct sco_iac_set docs = {0};
    fill(&b);
    static const char text[] = POD "# checkov:skip=CKV_K8S_1:why\n---\n" POD;
    assert_int_equal(sco_iac_add_text(&docs, sco_str_c(text), "a.yaml", 0, 0, &b.err), 2);
    assert_int_equal(everything(&b, &docs, true), 0);
    SCO_AUTO(sco_free) char *want = strdup(sco_buf_z(&b.out));
    assert_non_null(
        strstr(want, "skip p /spec/containers/0/securityContext/privileged in abad why"));
    assert_non_null(strstr(want, "1 p "));
    size_t failed = 0, recovered = 0;
    for (long n = 0;; n++) {
        sco_buf_reserve(&b.out, 64 << 10); /* what the test itself needs is there */
        sco_alloc_fail_at(n);
        int r = everything(&b, &docs, true);
        long counted = sco_alloc_fail_at(-1);
        if (r == SCO_E_NOMEM) {
            failed++;
        } else {
            if (r != 0 || strcmp(sco_buf_z(&b.out), want) != 0)
                print_error("allocation %ld: %d %s\n%s", n, r, b.err.text, sco_buf_z(&b.out));
            assert_int_equal(r, 0);
            assert_string_equal(sco_buf_z(&b.out), want);
            recovered++;
        }
        if (counted <= n)
            break;
    }
    print_message("%zu times no memory, %zu times recovered\n", failed, recovered);
    assert_true(failed > 100);
    sco_iac_set_done(&docs);
    bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nomem)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
