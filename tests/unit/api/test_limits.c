/* Who the client is behind proxies; token buckets; the caches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server_priv.h"

static const char *const trusted[] = {"127.0.0.1", "10.0.0.0/8", "2001:db8::/33", "unix", NULL};

static const char *client(const char *peer, const char *forwarded)
{
    static char out[48];
    struct sco_str f = forwarded ? sco_str_c(forwarded) : sco_str_make(NULL, 0);
    api_address_client(trusted, peer, f, out);
    return out;
}

static void test_client(void **state)
{
    (void)state;
    assert_string_equal(client("127.0.0.1", NULL), "127.0.0.1");
    assert_string_equal(client("127.0.0.1", "192.0.2.7"), "192.0.2.7");
    assert_string_equal(client("unix", "192.0.2.7"), "192.0.2.7");
    /* What the client wrote itself stands left of what the proxy saw. */
    assert_string_equal(client("10.9.9.9", "1.1.1.1, 192.0.2.7"), "192.0.2.7");
    assert_string_equal(client("10.9.9.9", "1.1.1.1, 192.0.2.7 ,10.1.1.1"), "192.0.2.7");
    assert_string_equal(client("192.0.2.1", "1.1.1.1"), "192.0.2.1");
    assert_string_equal(client("11.0.0.1", "1.1.1.1"), "11.0.0.1");
    assert_string_equal(client("10.0.0.1", "nonsense"), "10.0.0.1");
    assert_string_equal(client("10.0.0.1", "1.1.1.1\"; drop"), "10.0.0.1");
    assert_string_equal(client("10.0.0.1", ", ,"), "10.0.0.1");
    assert_string_equal(client("::ffff:10.0.0.1", "1.1.1.1"), "1.1.1.1");
    assert_string_equal(client("2001:db8:7fff::1", "2001:DB8:8000::1"), "2001:db8:8000::1");
    assert_string_equal(client("2001:db8:8000::1", "1.1.1.1"), "2001:db8:8000::1");
    api_address_client(NULL, "127.0.0.1", SCO_STR("1.1.1.1"), (char[48]){0});
}

/* Who has a network of IPv6 is not let in again under each of its addresses. */
static void test_network(void **state)
{
    static const char *const v[][2] = {{"192.0.2.7", "192.0.2.7"},
                                       {"::ffff:192.0.2.7", "::ffff:192.0.2.7"},
                                       {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                                       {"2001:db8:1:2::1", "2001:db8:1:2::"},
                                       {"2001:db8:1:3::1", "2001:db8:1:3::"},
                                       {"::1", "::"},
                                       {"unix", "unix"}};
    char out[48];
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++) {
        api_address_network(v[i][0], out);
        assert_string_equal(out, v[i][1]);
    }
}

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; trusted[i]; i++)
        assert_true(api_address_rule_valid(trusted[i]));
    static const char *const bad[] = {"", "10.0.0.0/33", "10.0.0.0/", "::/129", "host", "10.0.0/8"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_false(api_address_rule_valid(bad[i]));
}

static void test_buckets(void **state)
{
    struct rate_state s = {0};
    struct api_rates *r = api_rates_new();
    struct sco_str a = SCO_STR("a"), b = SCO_STR("b");
    (void)state;
    for (int i = 2; i >= 0; i--) {
        assert_true(api_rates_take(r, a, 2, 3, 1000, &s));
        assert_int_equal(s.left, i);
    }
    assert_false(api_rates_take(r, a, 2, 3, 1000, &s));
    assert_int_equal(s.retry_s, 1);
    assert_int_equal(s.reset_s, 2);
    assert_false(api_rates_peek(r, a, 2, 3, 1400, &s));
    assert_true(api_rates_take(r, b, 2, 3, 1000, &s)); /* another's */
    assert_true(api_rates_peek(r, a, 2, 3, 1500, &s));
    assert_true(api_rates_take(r, a, 2, 3, 1500, &s));
    assert_false(api_rates_take(r, a, 2, 3, 1500, &s));
    assert_false(api_rates_take(r, a, 2, 3, 900, &s)); /* the clock went back */
    assert_true(api_rates_take(r, a, 2, 3, 100000, &s));
    assert_int_equal(s.left, 2);
    api_rates_free(r);
}

/* Many keys do not let a spent bucket be forgotten. */
static void test_many_buckets(void **state)
{
    struct rate_state s = {0};
    struct api_rates *r = api_rates_new();
    char key[32];
    (void)state;
    assert_true(api_rates_take(r, SCO_STR("spent"), 1, 1, 0, &s));
    for (int i = 0; i < 50000; i++) {
        int n = snprintf(key, sizeof key, "k%d", i);
        assert_true(api_rates_take(r, sco_str_make(key, (size_t)n), 1000, 1, i / 100, &s));
    }
    assert_false(api_rates_take(r, SCO_STR("spent"), 1, 1, 501, &s));
    api_rates_free(r);
}

static void test_principals(void **state)
{
    struct api_principals *all = api_principals_new();
    struct principal *p = sco_alloc(1, sizeof *p);
    uint8_t digest[32] = {1, 2, 3};
    (void)state;
    p->refs = 1;
    memcpy(p->digest, digest, sizeof digest);
    p->until = 100;
    api_principals_put(all, p);
    assert_ptr_equal(api_principals_get(all, digest, 99), p);
    api_principal_unref(p);
    digest[31] = 1;
    assert_null(api_principals_get(all, digest, 99)); /* the same slot, another token */
    digest[31] = 0;
    assert_null(api_principals_get(all, digest, 100));
    assert_int_equal(p->refs, 1); /* ours */
    p->until = 1000;
    api_principals_put(all, p);
    api_principals_forget(all);
    assert_null(api_principals_get(all, digest, 99));
    api_principal_unref(p);
    api_principals_free(all);
}

static void test_replies(void **state)
{
    struct api_replies *r = api_replies_new();
    struct sco_str key = SCO_STR("k");
    (void)state;
    uint64_t generation = api_replies_generation(r);
    struct cached_reply *c = api_replies_put(r, key, 10, 0);
    sco_buf_addz(&c->body, "x");
    assert_ptr_equal(api_replies_get(r, key, 999), c);
    assert_null(api_replies_get(r, key, 1000));
    assert_null(api_replies_put(r, key, 1 << 20, 0)); /* too long to be kept */
    api_replies_forget(r);
    assert_null(api_replies_get(r, key, 0));
    assert_int_not_equal(api_replies_generation(r), generation);
    char name[16];
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(name, sizeof name, "%d", i);
        c = api_replies_put(r, sco_str_make(name, (size_t)n), 60000, 0);
        sco_buf_addz(&c->body, "x");
    }
    assert_non_null(api_replies_get(r, SCO_STR("4999"), 1));
    api_replies_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client),       cmocka_unit_test(test_network),
        cmocka_unit_test(test_rules),        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_many_buckets), cmocka_unit_test(test_principals),
        cmocka_unit_test(test_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
