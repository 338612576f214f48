/* The section `integrations` with the tables of the plugins. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <secureops/ci.h>
#include <stdlib.h>

static const struct sco_option github[] = {
    {.name = "webhook_secret", .type = SCO_OPT_STR, .flags = SCO_OPT_SECRET | SCO_OPT_REQUIRED},
    {.name = "url", .type = SCO_OPT_STR, .def = "https://api.github.com"},
    {.name = NULL}};
static const struct sco_option azure[] = {{.name = "organization", .type = SCO_OPT_STR},
                                          {.name = NULL}};
static const struct sco_option clash[] = {{.name = "poll", .type = SCO_OPT_STR}, {.name = NULL}};
static const struct sco_ci_table tables[] = {
    {"github", github}, {"azure-devops", azure}, {"clash", clash}};

static struct sco_arena arena;
static struct sco_error err;
static struct sco_integration *v;
static size_t n;

static int load(const char *yaml, bool resolve)
{
    struct sco_config *c = NULL;
    struct sco_config_input in = {.file = "c.yaml", .text = sco_str_c(yaml), .no_user_file = true};
    sco_arena_reset(&arena);
    memset(&err, 0, sizeof err);
    n = 0;
    int r = sco_config_load(&in, &c, &err);
    if (r == 0)
        r = sco_integrations(c, tables, SCO_ARRAY_LEN(tables), resolve, &arena, &v, &n, &err);
    sco_config_input_done(&in);
    sco_config_free(c);
    return r;
}

static void values(void **state)
{
    (void)state;
    setenv("T_HOOK", "hunter2hunter2", 1);
    assert_int_equal(load("integrations:\n"
                          "  github: {webhook_secret: env:T_HOOK}\n"
                          "  acme:\n"
                          "    plugin: github\n"
                          "    webhook_secret: env:T_HOOK\n"
                          "    url: https://ghe.example/api/v3\n"
                          "    repositories: [acme/*, 'x/y']\n"
                          "    poll: 0\n"
                          "    flood_rate: 10\n"
                          "    delivery_limit: 1MiB\n"
                          "    break_after: 2\n"
                          "    break_time: 5s\n"
                          "  azure-devops: {organization: o}\n",
                          true),
                     0);
    assert_int_equal(n, 3);
    assert_string_equal(v[0].name, "github");
    assert_string_equal(v[0].platform, "github");
    assert_true(v[0].enabled);
    assert_null(v[0].repositories);
    assert_int_equal(v[0].poll_ms, 900000);
    assert_int_equal(v[0].delivery_limit, 25 << 20);
    assert_int_equal(v[0].break_after, 5);
    assert_int_equal(v[0].break_ms, 60000);
    assert_true(
        sco_str_is(v[0].options,
                   "{\"webhook_secret\":\"hunter2hunter2\",\"url\":\"https://api.github.com\"}"));
    assert_string_equal(v[1].plugin, "github");
    assert_string_equal(v[1].server, "https://ghe.example/api/v3");
    assert_string_equal(v[1].repositories[1], "x/y");
    assert_null(v[1].repositories[2]);
    assert_int_equal(v[1].poll_ms, 0);
    assert_int_equal(v[1].flood_rate, 10);
    assert_int_equal(v[1].delivery_limit, 1 << 20);
    assert_int_equal(v[1].break_ms, 5000);
    assert_string_equal(v[2].platform, "azure");
    assert_int_equal(load("", true), 0);
    assert_int_equal(n, 0);
    assert_int_equal(load("integrations:\n", true), 0);
    assert_int_equal(n, 0);
}

static void secrets(void **state)
{
    (void)state;
    unsetenv("T_NONE");
    const char *off = "integrations: {github: {webhook_secret: env:T_NONE, enabled: false}}";
    assert_int_equal(load(off, true), 0);
    assert_false(v[0].enabled);
    const char *on = "integrations: {github: {webhook_secret: env:T_NONE}}";
    assert_int_equal(load(on, false), 0);
    assert_non_null(strstr(v[0].options.p, "env:T_NONE")); /* a reference */
    assert_int_equal(load(on, true), SCO_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "T_NONE"));
    assert_int_equal(load("integrations: {github: {webhook_secret: hunter2}}", true),
                     SCO_E_INVALID);
    assert_null(strstr(err.text, "hunter2"));
}

static void mistakes(void **state)
{
    static const struct {
        const char *yaml, *text;
    } bad[] = {
        {"integrations: [x]", "c.yaml:1:15: integrations: expected a map"},
        {"integrations:\n  Git: {}", "c.yaml:2:3: the name of an integration"},
        {"integrations:\n  -x: {}", "c.yaml:2:3: the name of an integration"},
        {"integrations:\n  githb: {}", "c.yaml:2:3: integrations.githb: there is no plugin"},
        {"integrations:\n  githb: {}", "did you mean github?"},
        {"integrations:\n  x: {plugin: trivy}", "there is no plugin \"trivy\""},
        {"integrations:\n  github: {}", "webhook_secret"},
        {"integrations:\n  github: {webhook_secret: env:X, ulr: x}", "c.yaml:2:35"},
        {"integrations:\n  github: {webhook_secret: env:X, poll: soon}", "c.yaml:2:41"},
        {"integrations:\n  github: {webhook_secret: env:X, break_after: 0}", "break_after"},
        {"integrations:\n  clash: {poll: x}", "poll"},
        {"integrations:\n  clash: {}", "belongs to every integration"},
    };
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        assert_int_equal(load(bad[i].yaml, false), SCO_E_INVALID);
        if (!strstr(err.text, bad[i].text))
            fail_msg("%s: \"%s\" lacks \"%s\"", bad[i].yaml, err.text, bad[i].text);
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
        cmocka_unit_test(values),
        cmocka_unit_test(secrets),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
