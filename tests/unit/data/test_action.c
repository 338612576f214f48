/* Shapes of actions, and where calls may go. */
#include <secureops/action.h>
#include <secureops/json.h>

#include <setjmp.h>
#include <cmocka.h>

static char said[1024];

static int check(const char *kind, const char *json)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *v = NULL;
    struct sco_error err = {0};
    enum sco_action_kind k;
    assert_int_equal(sco_action_parse_kind(sco_str_c(kind), &k), 0);
    assert_int_equal(sco_json_parse(sco_str_c(json), &arena, &v, &err), 0);
    int r = sco_action_check(k, v, &err);
    snprintf(said, sizeof said, "%s", err.text);
    assert_true(r == 0 || r == SCO_E_INVALID);
    assert_int_equal(r < 0, said[0] != 0);
    return r;
}

static void accept(const char *kind, const char *json)
{
    if (check(kind, json) < 0)
        fail_msg("%s %s: %s", kind, json, said);
}

static void refuse(const char *kind, const char *json, const char *why)
{
    assert_int_equal(check(kind, json), SCO_E_INVALID);
    if (!strstr(said, why))
        fail_msg("%s: %s, not %s", json, said, why);
}

static void test_shapes(void **state)
{
    (void)state;
    enum sco_action_kind k = SCO_ACTION_CALL;
    assert_int_equal(sco_action_parse_kind(SCO_STR("delete"), &k), SCO_E_NOT_FOUND);
    assert_int_equal(k, SCO_ACTION_CALL);
    assert_null(sco_action_name(SCO_ACTION_KIND_MAX_));
    accept("scan", "[]"); /* scan{} of Lua */
    accept("scan", "{\"types\":[\"SAST\"],\"at\":\"23:59\",\"priority\":9,\"base\":\"main\"}");
    refuse("scan", "{\"at\":\"24:00\"}", "'at' has to be a time of the day");
    refuse("scan", "{\"at\":\"1:00\"}", "HH:MM");
    refuse("scan", "{\"priority\":10}", "0 to 9");
    refuse("scan", "{\"tpyes\":[]}", "unknown member 'tpyes': did you mean 'types'?");
    refuse("scan", "{\"types\":\"SAST\"}", "a list");
    refuse("scan", "{\"branch\":\"a\\nb\"}", "one line");
    refuse("scan", "3", "a table with named members");
    accept("notify", "{\"title\":\"t\",\"severity\":\"LOW\",\"mail\":[\"a@b.c\"]}");
    refuse("notify", "{\"text\":\"t\"}", "'title' is missing");
    refuse("notify", "{\"title\":\"t\",\"severity\":\"low\"}", "CRITICAL");
    accept("comment", "{\"text\":\"a\\nb\"}");
    refuse("comment", "[]", "'text' is missing");
    accept("trigger", "{\"workflow\":\"x.yml\",\"inputs\":{\"a\":\"b\"}}");
    refuse("trigger", "{\"workflow\":\"x.yml\",\"inputs\":{\"a\":1}}", "names with a text");
    accept("pipeline", "{\"name\":\"p\",\"inputs\":[]}");
}

static void test_calls(void **state)
{
    (void)state;
#define CALL(headers) "{\"url\":\"https://a.example/x\",\"headers\":" headers "}"
    accept("call",
           CALL("{\"X-A\":\"b\",\"Authorization\":{\"secret\":\"T_1\",\"prefix\":\"B \"}}"));
    refuse("call", CALL("{\"Host\":\"b\"}"), "not Host");
    refuse("call", CALL("{\"a b\":\"b\"}"), "names of headers");
    refuse("call", CALL("{\"a\":\"b\\r\\nc: d\"}"), "one line");
    refuse("call", CALL("{\"a\":{\"secret\":\"t\"}}"), "secret(NAME)");
    refuse("call", CALL("{\"a\":{\"secret\":\"T\",\"x\":\"y\"}}"), "secret(NAME)");
    refuse("call", CALL("{\"a\":{\"secret\":\"T\",\"prefix\":\"\\n\"}}"), "secret(NAME)");
    refuse("call", "{\"url\":\"ftp://a\"}", "a URL https://");
    refuse("call", "{\"url\":\"https://u:p@a/\"}", "without user");
    refuse("call", "{\"url\":\"https://a.example/\",\"method\":\"TRACE\"}", "POST");
    SCO_AUTO(sco_buf) struct sco_buf deep = {0};
    sco_buf_addz(&deep, "{\"url\":\"https://a.example/\",\"body\":");
    for (int i = 0; i < 40; i++)
        sco_buf_addc(&deep, '[');
    for (int i = 0; i < 40; i++)
        sco_buf_addc(&deep, ']');
    sco_buf_addc(&deep, '}');
    refuse("call", sco_buf_z(&deep), "nested");
}

static void test_urls(void **state)
{
    (void)state;
    struct sco_action_url u;
    static const char *const bad[] = {
        "",           "https://",    "https:///x",    "http://a:0/",     "http://a:99999/",
        "http://a:/", "http://a@b/", "http://[::1/",  "http://a\\b/",    "http://a b/",
        "http://-a/", "http://.a/",  "http://a/\x01", "http://\xc3\xa4/"};
    assert_int_equal(sco_action_url(SCO_STR("https://Hooks.Example.COM:8443/a?b#c"), &u, NULL), 0);
    assert_string_equal(u.host, "hooks.example.com");
    assert_int_equal(u.port, 8443);
    assert_true(u.tls);
    assert_int_equal(sco_action_url(SCO_STR("http://[::1]?x"), &u, NULL), 0);
    assert_string_equal(u.host, "::1");
    assert_int_equal(u.port, 80);
    assert_int_equal(sco_action_url(SCO_STR("http://localhost./"), &u, NULL), 0);
    assert_string_equal(u.host, "localhost");
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        if (sco_action_url(sco_str_c(bad[i]), &u, NULL) != SCO_E_INVALID)
            fail_msg("taken: %s", bad[i]);
}

static bool allowed(const char *url, const char *list, bool *literal)
{
    struct sco_str v[8], rest = sco_str_c(list), one;
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    struct sco_str_list hosts = {.v = v, .n = 0};
    struct sco_action_url u;
    while (sco_str_split(&rest, ',', &one))
        v[hosts.n++] = sco_arena_str(&a, one);
    assert_int_equal(sco_action_url(sco_str_c(url), &u, NULL), 0);
    return sco_action_host_allowed(&u, &hosts, literal);
}

static void test_hosts(void **state)
{
    (void)state;
    bool literal;
    static const char *const own[] = {"http://127.0.0.1/",
                                      "http://localhost/",
                                      "http://a.localhost/",
                                      "http://169.254.169.254/",
                                      "http://2130706433/",
                                      "http://0x7f.1/",
                                      "http://[::1]/",
                                      "http://[fe80::1]/",
                                      "http://10.0.0.1/",
                                      "http://printer.local/",
                                      "http://metadata.google.internal/"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(own); i++)
        if (allowed(own[i], "*", &literal))
            fail_msg("reached by a wildcard: %s", own[i]);
    assert_true(allowed("http://127.0.0.1:8080/", "127.0.0.1:8080", &literal));
    assert_true(literal);
    assert_false(allowed("http://127.0.0.1:8081/", "127.0.0.1:8080", &literal));
    assert_true(allowed("http://[::1]:9/", "[::1]:9", &literal));
    assert_true(allowed("https://a.example.com/", "x.y,*.example.com", &literal));
    assert_false(literal);
    assert_false(allowed("https://example.com.evil.org/", "*.example.com", &literal));
    assert_false(allowed("https://example.com/", "", &literal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_calls),
                                       cmocka_unit_test(test_urls), cmocka_unit_test(test_hosts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
