/* Option values into contexts, descriptions, and what happens without memory. Refusals of whole
 * plugins are in tests/integration/worker: a plugin that is loaded here stays. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include <secureops/plug.h>

struct ctx {
    int64_t flag, count, wait, bytes;
    struct sco_str text, word;
    struct sco_str_list list;
    double ratio;
    struct sco_str token;
};

#define ROW(name_, type_, field, ...)                                                              \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct ctx, field), __VA_ARGS__           \
    }

static const struct sco_option rows[] = {
    ROW("flag", SCO_OPT_BOOL, flag, .def = "yes"),
    ROW("count", SCO_OPT_INT, count, .def = "3", .min = 1, .max = 10),
    ROW("wait", SCO_OPT_DURATION, wait, .def = "1m30s"),
    ROW("bytes", SCO_OPT_SIZE, bytes, .def = "64KiB"),
    ROW("text", SCO_OPT_STR, text, .def = "as it is"),
    ROW("word", SCO_OPT_ENUM, word, .def = "low", .values = "low, high"),
    ROW("list", SCO_OPT_LIST, list, .def = "a, b,,c "),
    ROW("ratio", SCO_OPT_REAL, ratio, .def = "0.5"),
    ROW("token", SCO_OPT_STR, token, .flags = SCO_OPT_SECRET),
    ROW("old-text", SCO_OPT_STR, text, .flags = SCO_OPT_DEPRECATED, .values = "text"),
    {.name = NULL},
};

static const struct sco_loaded_plugin plugin = {
    .path = "/test.so",
    .plugin = {.name = "test", .ctx_size = sizeof(struct ctx)},
    .options = rows,
    .n_options = SCO_ARRAY_LEN(rows) - 1,
};

static struct sco_arena arena;
static struct sco_error err;

static int context(const char *json, struct ctx **ret)
{
    const struct sco_node *v = NULL;
    void *ctx = NULL;
    sco_arena_done(&arena);
    if (json)
        assert_int_equal(sco_json_parse(sco_str_c(json), &arena, &v, NULL), 0);
    memset(&err, 0, sizeof err);
    int r = sco_plug_context(&plugin, v, &arena, &ctx, &err);
    *ret = ctx;
    return r;
}

static void refused(const char *json, const char *text)
{
    struct ctx *c;
    int r = context(json, &c);
    assert_true(r == SCO_E_INVALID || r == SCO_E_LIMIT);
    if (!strstr(err.text, text))
        fail_msg("%s: expected \"%s\", found \"%s\"", json, text, err.text);
}

static void test_defaults(void **state)
{
    (void)state;
    struct ctx *c;
    assert_int_equal(context(NULL, &c), 0);
    assert_int_equal(c->flag, 1);
    assert_int_equal(c->count, 3);
    assert_int_equal(c->wait, 90000);
    assert_int_equal(c->bytes, 65536);
    assert_string_equal(c->text.p, "as it is");
    assert_true(sco_str_is(c->word, "low"));
    assert_int_equal(c->list.n, 3);
    assert_string_equal(c->list.v[2].p, "c");
    assert_true(c->ratio == 0.5);
    assert_null(c->token.p);
}

static void test_values(void **state)
{
    (void)state;
    struct ctx *c;
    assert_int_equal(
        context("{\"flag\":false,\"count\":10,\"wait\":250,\"bytes\":1,\"text\":\"\","
                "\"word\":\"high\",\"list\":[\"x,y\",\"\"],\"ratio\":2,\"token\":null}",
                &c),
        0);
    assert_int_equal(c->flag, 0);
    assert_int_equal(c->count, 10);
    assert_int_equal(c->wait, 250);
    assert_int_equal(c->bytes, 1);
    assert_int_equal(c->text.n, 0);
    assert_non_null(c->text.p);
    assert_string_equal(c->word.p, "high");
    assert_int_equal(c->list.n, 2);
    assert_string_equal(c->list.v[0].p, "x,y");
    assert_true(c->ratio == 2.0);
    assert_int_equal(context("{\"flag\":\"off\",\"count\":\"4\",\"wait\":\"2h\",\"bytes\":\"1MiB\","
                             "\"list\":\"x, y\",\"ratio\":\"1e-3\",\"old-text\":\"new\"}",
                             &c),
                     0);
    assert_int_equal(c->flag, 0);
    assert_int_equal(c->count, 4);
    assert_int_equal(c->wait, 7200000);
    assert_int_equal(c->bytes, 1 << 20);
    assert_int_equal(c->list.n, 2);
    assert_string_equal(c->text.p, "new");
}

static void test_refusals(void **state)
{
    (void)state;
    refused("{\"cuont\":1}", "test has no option \"cuont\": did you mean \"count\"?");
    refused("{\"zzzzzzzz\":1}", "test has no option \"zzzzzzzz\"");
    refused("{\"count\":0}", "test: option count: expected 1 to 10, found \"0\"");
    refused("{\"count\":11}", "expected 1 to 10");
    refused("{\"count\":1.5}", "expected a value of type int, found another");
    refused("{\"count\":true}", "found another");
    refused("{\"count\":\"3 \"}", "expected a whole number, found \"3 \"");
    refused("{\"flag\":1}", "found another");
    refused("{\"flag\":\"maybe\"}", "expected true or false, found \"maybe\"");
    refused("{\"wait\":\"soon\"}", "expected a duration");
    refused("{\"bytes\":\"1XB\"}", "expected a size");
    refused("{\"word\":\"lo\"}", "expected one of low, high, found \"lo\"");
    refused("{\"word\":\"\"}", "expected one of low, high");
    refused("{\"list\":[1,{}]}", "expected a list of texts");
    refused("{\"list\":{}}", "found another");
    refused("{\"ratio\":\"NaN\"}", "expected a number");
    refused("{\"text\":[\"a\"]}", "found another");
    refused("[]", "the options of test are not a map");
    refused("{\"text\":\"\\u001b[31m\",\"count\":\"\\u001b[31m\"}", "found \"\\x1b[31m\"");
}

static void test_secret_is_not_repeated(void **state)
{
    (void)state;
    struct ctx *c;
    assert_int_equal(context("{\"token\":[\"hunter2\"]}", &c), SCO_E_INVALID);
    assert_null(strstr(err.text, "hunter2"));
}

static void test_required(void **state)
{
    (void)state;
    const struct sco_option needed[] = {
        ROW("url", SCO_OPT_STR, text, .flags = SCO_OPT_REQUIRED),
        {.name = NULL},
    };
    struct sco_loaded_plugin p = plugin;
    void *ctx;
    p.options = needed;
    p.n_options = 1;
    assert_int_equal(sco_plug_context(&p, NULL, &arena, &ctx, &err), SCO_E_INVALID);
    assert_string_equal(err.text, "test needs the option \"url\"");
}

static char *plugin_path(const char *name)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/tests/%s.so", getenv("SECUREOPS_BUILD"), name);
    return sco_strdup(sco_buf_str(&path));
}

static void test_describe(void **state)
{
    (void)state;
    SCO_AUTO(sco_free) char *path = plugin_path("fakes/fake");
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_loaded_plugin p;
    const struct sco_node *v;
    sco_arena_done(&arena);
    assert_int_equal(sco_plug_load(path, &arena, &p, &err), 0);
    sco_plug_describe(&p, &o);
    assert_int_equal(sco_json_parse(sco_buf_str(&b), &arena, &v, &err), 0);
    assert_true(sco_str_is(sco_text_at(v, "name"), "fake"));
    assert_true(sco_str_is(sco_text_at(v, "path"), path));
    assert_true(sco_str_is(sco_text_at(v, "abi"), "1.2"));
    assert_int_equal(sco_get(v, "options")->n, 3);
    const struct sco_node *token = sco_get(v, "options")->child->next;
    assert_true(sco_str_is(sco_text_at(token, "name"), "token"));
    assert_int_equal(sco_bool(sco_get(token, "secret"), 0), 1);
    assert_true(sco_str_is(sco_text(sco_path(v, "scanner.targets")->child), "directory"));
    assert_true(sco_str_is(sco_text(sco_path(v, "scanner.finds")->child), "SAST"));
    assert_int_equal(sco_bool(sco_path(v, "scanner.can_run"), 0), 1);
}

/* The Nth allocation fails, for every N: an error, no leak, no half result. */
static void test_no_memory(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena in = {0};
    const struct sco_node *v;
    const char json[] = "{\"text\":\"abc\",\"list\":[\"x\",\"y\"],\"wait\":\"1s\",\"count\":99}";
    const char good[] =
        "{\"text\":\"abc\",\"list\":[\"x\",\"y\"],\"wait\":\"1s\",\"word\":\"high\"}";
    SCO_AUTO(sco_free) char *path = plugin_path("plugins/older");
    for (int pass = 0; pass < 3; pass++) {
        assert_int_equal(sco_json_parse(sco_str_c(pass ? good : json), &in, &v, NULL), 0);
        int r = SCO_E_NOMEM;
        for (long n = 0; r == SCO_E_NOMEM; n++) {
            struct sco_arena a = {0};
            struct sco_loaded_plugin p;
            void *ctx = &p;
            assert_true(n < 1000);
            sco_alloc_fail_at(n);
            r = pass < 2 ? sco_plug_context(&plugin, v, &a, &ctx, &err)
                         : sco_plug_load(path, &a, &p, &err);
            sco_alloc_fail_at(-1);
            if (r < 0)
                assert_ptr_equal(ctx, &p); /* untouched */
            sco_arena_done(&a);
        }
        assert_int_equal(r, pass == 0 ? SCO_E_INVALID : 0);
    }
}

static int done(void **state)
{
    (void)state;
    sco_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_secret_is_not_repeated),
        cmocka_unit_test(test_required),  cmocka_unit_test(test_describe),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
