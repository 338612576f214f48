/* What plugins get of cryptography: struct sco_crypto_api, behind the host of tests. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "fake_host.h"

#include <stdlib.h>
#include <zlib.h>

static struct fake_host *fh;
static const struct sco_crypto_api *api;

static int setup(void **state)
{
    (void)state;
    fh = fake_host_new();
    api = fh->h.crypto;
    return api && api->struct_size == sizeof *api ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fake_host_free(fh);
    return 0;
}

static void hmac(void **state)
{
    static const unsigned char rfc4231_2[] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e,
                                              0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7};
    unsigned char mac[32], digest[32];
    (void)state;
    assert_int_equal(
        api->hmac_sha256(&fh->h, SCO_STR("Jefe"), SCO_STR("what do ya want for nothing?"), mac), 0);
    assert_memory_equal(mac, rfc4231_2, sizeof rfc4231_2);
    api->sha256(&fh->h, SCO_STR("abc"), digest);
    assert_int_equal(digest[0], 0xba);
    assert_int_equal(digest[31], 0xad);
}

static void equal(void **state)
{
    static const struct {
        const char *given, *secret;
        int same;
    } v[] = {{"abc", "abc", 1}, {"abc", "abd", 0}, {"abcabc", "abc", 0},
             {"ab", "abc", 0},  {"", "abc", 0},    {"", "", 0},
             {"abc", "", 0},    {"aaaa", "a", 0},  {"\xff\x01", "\xff\x01", 1}};
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        assert_int_equal(api->equal(&fh->h, sco_str_c(v[i].given), sco_str_c(v[i].secret)),
                         v[i].same);
    assert_int_equal(api->equal(&fh->h, sco_str_make(NULL, 0), sco_str_make(NULL, 0)), 0);
}

static void base64(void **state)
{
    static const char *const bad[] = {"Zg=", "Zg", "Zh==", "Z g==", "Zg==\n", "Zg-_", "===="};
    static const char *const bad_url[] = {"Zg==", "Zh", "Z", "Zg+/", "Z g"};
    struct sco_str s;
    (void)state;
    assert_true(sco_str_is(api->base64_encode(&fh->h, SCO_STR("fo"), 0), "Zm8="));
    assert_true(sco_str_is(api->base64_encode(&fh->h, SCO_STR("\xfb\xff"), 1), "-_8"));
    assert_true(sco_str_is(api->base64_decode(&fh->h, SCO_STR("Zm9vYg=="), 0), "foob"));
    assert_true(sco_str_eq(api->base64_decode(&fh->h, SCO_STR("-_8"), 1), SCO_STR("\xfb\xff")));
    s = api->base64_decode(&fh->h, SCO_STR(""), 0);
    assert_true(s.p != NULL && s.n == 0);
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        if (api->base64_decode(&fh->h, sco_str_c(bad[i]), 0).p)
            fail_msg("taken: %s", bad[i]);
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad_url); i++)
        if (api->base64_decode(&fh->h, sco_str_c(bad_url[i]), 1).p)
            fail_msg("taken: %s", bad_url[i]);
}

static void gzip_of(size_t n)
{
    struct sco_str packed = {NULL, 0}, again = {NULL, 0};
    unsigned char *text = malloc(n + 1), *back = malloc(n + 1);
    z_stream z = {0};
    assert_non_null(text);
    assert_non_null(back);
    for (size_t i = 0; i < n; i++)
        text[i] = (unsigned char)(i * i >> 7);
    struct sco_str s = sco_str_make((const char *)text, n);
    assert_int_equal(api->gzip(&fh->h, s, &packed, &fh->e), 0);
    assert_int_equal(api->gzip(&fh->h, s, &again, &fh->e), 0);
    assert_true(sco_str_eq(packed, again));
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)packed.p;
    z.avail_in = (uInt)packed.n;
    z.next_out = back;
    z.avail_out = (uInt)n + 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, n);
    assert_int_equal(z.avail_in, 0);
    assert_memory_equal(text, back, n);
    inflateEnd(&z);
    free(text);
    free(back);
}

static void gzip(void **state)
{
    (void)state;
    gzip_of(0);
    gzip_of(1);
    gzip_of(1 << 20);
}

static void sign(void **state)
{
    struct sco_str s = {NULL, 0};
    (void)state;
    assert_int_equal(api->sign_rs256(&fh->h, SCO_STR("no key"), SCO_STR("x"), &s, &fh->e),
                     SCO_E_INVALID);
    assert_null(s.p);
    assert_non_null(strstr(fh->error, "private key"));
}

static void seal(void **state)
{
    struct sco_str sealed = {NULL, 0}, other = {NULL, 0}, back = {NULL, 0};
    struct sco_str secret = SCO_STR("a private key"), what = SCO_STR("token 99"),
                   text = SCO_STR("ghs_secret");
    (void)state;
    assert_int_equal(api->seal(&fh->h, secret, what, text, &sealed, &fh->e), 0);
    assert_int_equal(api->seal(&fh->h, secret, what, text, &other, &fh->e), 0);
    assert_false(sco_str_eq(sealed, other));
    assert_null(memmem(sealed.p, sealed.n, text.p, text.n));
    assert_int_equal(api->unseal(&fh->h, secret, what, sealed, &back, &fh->e), 0);
    assert_true(sco_str_eq(back, text));
    back.p = NULL;
    assert_int_equal(api->unseal(&fh->h, SCO_STR("another"), what, sealed, &back, &fh->e),
                     SCO_E_PERMISSION);
    assert_int_equal(api->unseal(&fh->h, secret, SCO_STR("token 98"), sealed, &back, &fh->e),
                     SCO_E_PERMISSION);
    sealed.n--;
    assert_int_equal(api->unseal(&fh->h, secret, what, sealed, &back, &fh->e), SCO_E_PERMISSION);
    assert_int_equal(api->seal(&fh->h, SCO_STR(""), what, text, &other, &fh->e), SCO_E_INVALID);
    assert_null(back.p);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(hmac), TEST(equal), TEST(base64),
                                       TEST(gzip), TEST(sign),  TEST(seal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
