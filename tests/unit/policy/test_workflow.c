/* Workflows: what they may ask for, when, and that nothing is left of one that fails. */
#include "policy_test.h"

static int add(void *user, const struct sco_verdict *v)
{
    struct bundle *b = user;
    sco_buf_addf(&b->out, "%s", sco_verdict_name(v->kind));
    if (v->kind == SCO_VERDICT_ERROR)
        sco_buf_addf(&b->out, ": %s", v->message);
    if (v->actions)
        sco_buf_addf(&b->out, " %s", v->actions);
    if (v->changed)
        sco_buf_addf(&b->out, " changes %s", v->changed);
    assert_true(v->kind == SCO_VERDICT_PASS || (!v->actions && !v->changed));
    return 0;
}

static const char *run_on(struct bundle *b, const char *rest, const char *event)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_iac_set docs = {0};
    size_t n;
    sco_buf_addf(&text, "return { id = 'w', title = 't', on = 'push', %s }\n", rest);
    bundle_file(b, "workflows/w.lua", sco_buf_z(&text));
    bundle_load(b);
    const struct sco_policy_problem *problems = sco_policies_problems(b->p, &n);
    sco_buf_clear(&b->out);
    for (size_t i = 0; i < n; i++)
        sco_buf_addf(&b->out, "%s", strstr(problems[i].message, "workflows/"));
    assert_true(sco_iac_add_text(&docs, sco_str_c(event), "e.json", SCO_IAC_FORMAT_EVENT,
                                 SCO_IAC_EXPLICIT, &b->err) >= 0);
    if (!n) {
        static const char *const all[] = {"w", NULL};
        assert_int_equal(sco_policies_select(b->p, all, NULL, NULL, false, &b->err), 0);
        assert_int_equal(sco_policies_eval(b->p, &docs, add, b, &b->err), 0);
    }
    sco_iac_set_done(&docs);
    return sco_buf_z(&b->out);
}

#define EVENT "{\"event\":\"push\",\"branch\":\"main\",\"details\":{\"n\":[1,true,null]}}"

static const char *run(struct bundle *b, const char *body)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    sco_buf_addf(&text, "run = function(event, params)\n%s\nend", body);
    return run_on(b, sco_buf_z(&text), EVENT);
}

static void test_actions(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    assert_string_equal(run(&b, ""), "pass []");
    assert_string_equal(
        run(&b, "notify { title = event.branch .. (event.no.such or '!') } comment { text = 'x' }"),
        "pass [{\"action\":\"notify\",\"with\":{\"title\":\"main!\"}},"
        "{\"action\":\"comment\",\"with\":{\"text\":\"x\"}}]");
    assert_string_equal(
        run(&b, "call { url = 'https://a.example/', body = { e = event.details },\n"
                "  headers = { A = secret('T', 'Bearer ') } }"),
        "pass [{\"action\":\"call\",\"with\":{\"body\":{\"e\":{\"n\":[1,true,null]}},\"headers\":"
        "{\"A\":{\"prefix\":\"Bearer \",\"secret\":\"T\"}},\"url\":\"https://a.example/\"}}]");
    assert_string_equal(run(&b, "return { branch = 'x', details = event.details }"),
                        "pass [] changes {\"branch\":\"x\",\"details\":{\"n\":[1,true,null]}}");
    assert_string_equal(run_on(&b,
                               "when = function(e) return e.branch == 'x' end,\n"
                               "run = function() notify { title = 'x' } end",
                               EVENT),
                        "not_applicable");
    assert_string_equal(run_on(&b, "run = function() end", "{\"event\":\"tag\"}"), "");
    bundle_done(&b);
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    assert_string_equal(run(&b, "notify { title = 'x' }\nnotify { titel = 'x' }"),
                        "error: workflows/w.lua:3: notify: unknown member 'titel': did you mean "
                        "'title'?");
    assert_string_equal(run(&b, "scan { } fail('x')"),
                        "error: workflows/w.lua:2: fail() is for policies: a workflow acts");
    assert_string_equal(run(&b, "for i = 1, 51 do scan {} end"),
                        "error: workflows/w.lua:2: more than 50 actions");
    assert_string_equal(run(&b, "scan {} while true do end"),
                        "error: instruction limit reached (10000000)");
    assert_string_equal(run(&b, "for i = 1, 50 do comment { text = string.rep('x', 100000) } end"),
                        "error: workflows/w.lua:2: the actions are larger than 524288 bytes");
    assert_non_null(strstr(run(&b, "return true"), "run() returned a boolean value"));
    assert_non_null(strstr(run(&b, "call { url = 'https://a.example/', headers = event.details }"),
                           "cannot be written here"));
    assert_non_null(strstr(run(&b, "notify 'x'"), "a table with named members"));
    assert_non_null(strstr(run(&b, "local t = {} t.body = t\nt.url = 'https://a.example/' call(t)"),
                           "nested deeper"));
    assert_non_null(strstr(run_on(&b,
                                  "when = function() scan {} return true end,\n"
                                  "run = function() end",
                                  EVENT),
                           "when() decides, it does not act"));
    bundle_done(&b);
}

static void test_metadata(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    assert_non_null(strstr(run_on(&b, "run = 3", EVENT), "'run' is a number, not a function"));
    assert_non_null(strstr(run_on(&b, "run = function() end, severity = 'LOW'", EVENT),
                           "unknown field 'severity'"));
    assert_non_null(strstr(run_on(&b, "run = function() end, on = 'pusch'", EVENT),
                           "there is no event 'pusch': did you mean 'push'?"));
    assert_non_null(strstr(run_on(&b, "wehn = function() end, run = function() end", EVENT),
                           "did you mean 'when'?"));
    bundle_done(&b);
}

static int on_case(void *user, const struct sco_policy_case_result *r)
{
    struct bundle *b = user;
    sco_buf_addf(&b->out, "%s %s%s%s\n", r->passed ? "ok" : "not", r->name, r->message ? ": " : "",
                 r->message ? r->message : "");
    return 0;
}

static void test_cases(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    bundle_file(&b, "w.lua",
                "return { id = 'w', title = 't', on = 'push', params = { to = 'a' },\n"
                "  when = function(e) return e.branch ~= 'no' end,\n"
                "  run = function(e, p) if e.bad then error('x') end\n"
                "    notify { title = p.to .. e.branch, mail = { 'a@b.c' } } end }\n");
    bundle_file(&b, "w.cases.yaml",
                "- {name: a, event: {event: push, branch: x}, expect: [notify: {title: 'a*', mail: "
                "[a@b.c]}]}\n"
                "- {name: b, event: {event: push, branch: x}, expect: [notify]}\n"
                "- {name: c, event: {event: push, branch: x}, expect: []}\n"
                "- {name: d, event: {event: push, branch: x}, expect: [scan]}\n"
                "- {name: e, event: {event: push, branch: x}, expect: [notify: {title: b}]}\n"
                "- {name: f, event: {event: push, branch: x}, expect: [notify: {mail: []}]}\n"
                "- {name: g, event: {event: push, bad: true}, expect: error}\n"
                "- {name: h, event: {event: push, branch: 'no'}, expect: not_applicable}\n"
                "- {name: i, event: {event: push, branch: x}, params: {to: z}, expect: [notify: "
                "{title: zx}]}\n"
                "- {name: j, event: {event: tag}, expect: []}\n");
    bundle_load(&b);
    static const char *const all[] = {"*", NULL};
    assert_int_equal(sco_policies_select(b.p, all, NULL, NULL, false, &b.err), 0);
    assert_int_equal(sco_policies_test(b.p, on_case, &b, &b.err), 0);
    const char *out = sco_buf_z(&b.out);
    static const char *const starts[] = {
        "ok a\n",          "ok b\n",          "not c: more", "not d: action 1 is",
        "not e: action 1", "not f: action 1", "ok g\n",      "ok h\n",
        "ok i\n",          "not j: expected"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(starts); i++)
        if (!strstr(out, starts[i]))
            fail_msg("%s is not in\n%s", starts[i], out);
    bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions), cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_metadata), cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
