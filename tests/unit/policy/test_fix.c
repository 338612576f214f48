/* Suggested changes: the text after the change is applied, and it reads as it should. */
#include "policy_test.h"

struct applied {
    const char *text;
    struct sco_buf out;
    size_t fixes, fails;
};

static int on_verdict(void *user, const struct sco_verdict *v)
{
    struct applied *a = user;
    if (v->kind == SCO_VERDICT_PASS)
        return 0;
    if (v->kind != SCO_VERDICT_FAIL)
        print_error("%s: %s\n", sco_verdict_name(v->kind), v->message);
    assert_int_equal(v->kind, SCO_VERDICT_FAIL);
    a->fails++;
    if (!v->fix)
        return 0;
    a->fixes++;
    sco_buf_clear(&a->out);
    sco_buf_add(&a->out, sco_str_make(a->text, v->fix->pos));
    sco_buf_addz(&a->out, v->fix->text);
    sco_buf_addz(&a->out, a->text + v->fix->end);
    return 0;
}

/* NULL for `want`: no fix can be computed. */
static void check(const char *body, const char *name, const char *text, const char *want)
{
    struct bundle b;
    struct applied a = {.text = text};
    struct sco_iac_set docs = {0}, again = {0};
    bundle_init(&b);
    SCO_AUTO(sco_buf) struct sco_buf lua = {0};
    sco_buf_addf(&lua,
                 "return { id = 't', title = 't', severity = 'LOW', remediation = 'r',\n"
                 "applies_to = { 'kubernetes', 'dockerfile:instruction' },\n"
                 "check = function(r)\n%s\nend }\n",
                 body);
    bundle_file(&b, "t.lua", sco_buf_z(&lua));
    bundle_load(&b);
    assert_int_equal(sco_iac_add_text(&docs, sco_str_c(text), name, 0, 0, &b.err), 1);
    assert_int_equal(sco_policies_eval(b.p, &docs, on_verdict, &a, &b.err), 0);
    assert_int_equal(a.fails, 1);
    if (a.fixes != (want ? 1 : 0))
        print_error("%s\n%s", body, sco_buf_z(&a.out));
    assert_int_equal(a.fixes, want ? 1 : 0);
    if (want) {
        assert_string_equal(sco_buf_z(&a.out), want);
        assert_int_equal(
            sco_iac_add_text(&again, sco_buf_str(&a.out), name, 0, SCO_IAC_EXPLICIT, &b.err), 1);
        assert_int_equal(again.docs[0].status, SCO_IAC_PARSED);
    }
    sco_iac_set_done(&docs);
    sco_iac_set_done(&again);
    sco_buf_done(&a.out);
    bundle_done(&b);
}

#define HEAD "apiVersion: v1\nkind: Pod\n"

static void test_set(void **state)
{
    (void)state;
    check("fail(r, 'spec.a', 'm', { set = false })", "a.yaml",
          HEAD "spec:\n  a: true # c\n  b: 1\n", HEAD "spec:\n  a: false # c\n  b: 1\n");
    check("fail(r, 'spec.a', 'm', { set = 'x y' })", "a.yaml", HEAD "spec:\n  a: \"q\"\n",
          HEAD "spec:\n  a: \"x y\"\n");
    check("fail(r, 'spec.a', 'm', { set = 'word' })", "a.yaml", HEAD "spec:\n  a: yes\n",
          HEAD "spec:\n  a: word\n");
    check("fail(r, 'spec.a', 'm', { set = 'true' })", "a.yaml", HEAD "spec:\n  a: 1\n",
          HEAD "spec:\n  a: \"true\"\n");
    check("fail(r, 'spec.a', 'm', { set = 5 })", "a.yaml", HEAD "spec:\n  a:\n  b: 1\n",
          HEAD "spec:\n  a: 5\n  b: 1\n");
    check("fail(r, 'spec.c', 'm', { set = true })", "a.yaml", HEAD "spec:\n  a: 1\n  b: 2\n",
          HEAD "spec:\n  a: 1\n  b: 2\n  c: true\n");
    check("fail(r, 'spec.c', 'm', { set = true })", "a.yaml", HEAD "spec:\n  a: 1\n  b: 2",
          HEAD "spec:\n  a: 1\n  b: 2\n  c: true");
    check("fail(r, 'spec.c.d', 'm', { set = { 'ALL' } })", "a.yaml",
          HEAD "spec:\n  a: |\n    text\n\n    more\nmetadata: {name: a}\n",
          HEAD
          "spec:\n  a: |\n    text\n\n    more\n  c:\n    d: [\"ALL\"]\nmetadata: {name: a}\n");
    check("fail(r, 'spec.c[0].e', 'm', { set = 1 })", "a.yaml", HEAD "spec:\n  a: 1\n", NULL);
    check("fail(r.spec.l[2], 'z', 'm', { set = { b = 1 } })", "a.yaml",
          HEAD "spec:\n  l:\n  - n: 1\n  - n: 2\n    m: 3 # c\n  - n: 4\n",
          HEAD "spec:\n  l:\n  - n: 1\n  - n: 2\n    m: 3 # c\n    z: {\"b\":1}\n  - n: 4\n");
    check("fail(r, 'spec.c', 'm', { set = true })", "a.yaml", HEAD "spec: {a: 1}\n",
          HEAD "spec: {\"c\": true, a: 1}\n");
    check("fail(r, 'spec.c.d', 'm', { set = true })", "a.yaml", HEAD "spec: {}\n",
          HEAD "spec: {\"c\": {\"d\": true}}\n");
    check("fail(r, 'spec.c', 'm', { set = true })", "a.yaml", HEAD "spec:\nmetadata: {}\n",
          HEAD "spec:\n  c: true\nmetadata: {}\n");
    check("fail(r, 'spec.c', 'm', { set = 'x' })", "a.json",
          "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\"a\": 1}}",
          "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\"c\": \"x\", \"a\": 1}}");
    check("fail(r, 'spec.a', 'm', { set = 'x' })", "a.json",
          "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\"a\": 1}}",
          "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\"a\": \"x\"}}");
    check("fail(r, 'spec.a', 'm', { set = 2 })", "a.yaml", HEAD "metadata: &m {a: 1}\nspec: *m\n",
          NULL); /* an alias */
}

static void test_remove(void **state)
{
    (void)state;
    check("fail(r, 'spec.a', 'm', { remove = true })", "a.yaml", HEAD "spec:\n  a: true\n  b: 1\n",
          HEAD "spec:\n  b: 1\n");
    check("fail(r, 'spec.b', 'm', { remove = true })", "a.yaml",
          HEAD "spec:\n  a: true\n  b:\n    c: 1\n    d: 2\n", HEAD "spec:\n  a: true\n");
    check("fail(r, 'spec.a', 'm', { remove = true })", "a.yaml", HEAD "spec:\n  a: true\n", NULL);
    check("fail(r, 'spec.nothing', 'm', { remove = true })", "a.yaml", HEAD "spec:\n  a: true\n",
          NULL);
    check("fail(r, 'spec.l[0]', 'm', { remove = true })", "a.yaml",
          HEAD "spec:\n  l:\n  - a\n  - b\n", HEAD "spec:\n  l:\n  - b\n");
    check("fail(r, 'spec.l[0].a', 'm', { remove = true })", "a.yaml",
          HEAD "spec:\n  l:\n  - a: 1\n    b: 2\n", HEAD "spec:\n  l:\n  - b: 2\n");
    check("fail(r, 'spec.l[1]', 'm', { remove = true })", "a.yaml", HEAD "spec: {l: [a, b, c]}\n",
          HEAD "spec: {l: [a, c]}\n");
    check("fail(r, 'spec.l[2]', 'm', { remove = true })", "a.yaml", HEAD "spec: {l: [a, b, c]}\n",
          HEAD "spec: {l: [a, b]}\n");
    check("fail(r, 'spec.a', 'm', { remove = true })", "a.yaml", HEAD "spec: {a: 1, b: 2}\n",
          HEAD "spec: {b: 2}\n");
}

static void test_replace(void **state)
{
    (void)state;
#define RUN_ONLY "if not resource_name(r):contains('RUN') then return end\n"
    check(RUN_ONLY "fail(r, '', 'm', { replace = 'apt', with = 'apt-get' })", "Dockerfile",
          "FROM apt:1\nRUN x-apt /apt aptx && \\\n  apt  install a apt\nUSER x\n",
          "FROM apt:1\nRUN x-apt /apt aptx && \\\n  apt-get  install a apt\nUSER x\n");
    check(RUN_ONLY "fail(r.commands[2], '', 'm', { replace = 'b', with = 'c d' })", "Dockerfile",
          "FROM a:1\nRUN a b && b\n", "FROM a:1\nRUN a b && c d\n");
    check(RUN_ONLY "fail(r, '', 'm', { replace = 'not there', with = 'x' })", "Dockerfile",
          "FROM a:1\nRUN a\n", NULL);
    check(RUN_ONLY "fail(r, '', 'm', { replace = '', with = 'x' })", "Dockerfile",
          "FROM a:1\nRUN a\n", NULL);
    check("fail(r, 'spec.a', 'm', { replace = 'x', with = 'y' })", "a.yaml",
          "apiVersion: v1\nkind: Pod\nspec:\n  a: x\n", NULL); /* that is { set } */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_set), cmocka_unit_test(test_remove),
                                       cmocka_unit_test(test_replace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
