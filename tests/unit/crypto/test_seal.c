/* Sealing against vectors of the GCM specification, HKDF against RFC 5869, base64 against RFC 4648.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <secureops/crypto.h>

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[0]; hex += 2) {
        const char two[3] = {hex[0], hex[1], 0};
        out[n++] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static int open_vector(const char *key, const char *iv, const char *aad, const char *text,
                       const char *tag, struct sco_buf *out)
{
    uint8_t k[32], a[64], sealed[256] = {1};
    unhex(key, k);
    size_t n = 1 + unhex(iv, sealed + 1), n_a = unhex(aad, a);
    n += unhex(text, sealed + n);
    n += unhex(tag, sealed + n);
    return sco_unseal(k, sco_str_make((char *)a, n_a), sco_str_make((char *)sealed, n), out, NULL);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY16 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define TEXT16                                                                                     \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682" \
    "8"                                                                                            \
    "838c5f61e6393ba7a0abcc9f662"
#define PLAIN16                                                                                    \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6" \
    "b"                                                                                            \
    "525b16aedf5aa0de657ba637b39"

/* Test cases 13, 14 and 16 of "The Galois/Counter Mode of Operation". */
static void gcm_vectors(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    uint8_t want[64];
    assert_int_equal(open_vector(ZEROS, "000000000000000000000000", "", "",
                                 "530f8afbc74536b9a963b4f1c4cb738b", &out),
                     0);
    assert_int_equal(out.n, 0);
    assert_int_equal(open_vector(ZEROS, "000000000000000000000000", "",
                                 "cea7403d4d606b6e074ec5d3baf39d18",
                                 "d0d1c8a799996bf0265b98b5d48ab919", &out),
                     0);
    assert_int_equal(out.n, 16);
    memset(want, 0, 16);
    assert_memory_equal(out.p, want, 16);
    sco_buf_clear(&out);
    assert_int_equal(open_vector(KEY16, "cafebabefacedbaddecaf888",
                                 "feedfacedeadbeeffeedfacedeadbeefabaddad2", TEXT16,
                                 "76fc6ece0f4e1768cddf8853bb2d551b", &out),
                     0);
    assert_int_equal(out.n, unhex(PLAIN16, want));
    assert_memory_equal(out.p, want, out.n);
    assert_int_equal(open_vector(KEY16, "cafebabefacedbaddecaf888",
                                 "feedfacedeadbeeffeedfacedeadbeefabaddad3", TEXT16,
                                 "76fc6ece0f4e1768cddf8853bb2d551b", &out),
                     SCO_E_PERMISSION);
    assert_int_equal(out.n, 60); /* as it was */
}

static void every_changed_bit_is_noticed(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf sealed = {0}, again = {0}, out = {0};
    uint8_t key[32] = {7}, other[32] = {8};
    struct sco_str context = SCO_STR("secret:a"), plain = SCO_STR("hunter2");
    assert_int_equal(sco_seal(key, context, plain, &sealed, NULL), 0);
    assert_int_equal(sco_seal(key, context, plain, &again, NULL), 0);
    assert_int_equal(sealed.n, plain.n + SCO_SEAL_EXTRA);
    assert_memory_not_equal(sealed.p, again.p, sealed.n); /* another nonce */
    assert_null(memmem(sealed.p, sealed.n, plain.p, plain.n));
    assert_int_equal(sco_unseal(key, context, sco_buf_str(&sealed), &out, NULL), 0);
    assert_true(sco_str_eq(sco_buf_str(&out), plain));
    sco_buf_clear(&out);
    for (size_t i = 0; i < 8 * sealed.n; i++) {
        sealed.p[i / 8] = (char)(sealed.p[i / 8] ^ (1 << i % 8));
        assert_int_equal(sco_unseal(key, context, sco_buf_str(&sealed), &out, NULL),
                         SCO_E_PERMISSION);
        sealed.p[i / 8] = (char)(sealed.p[i / 8] ^ (1 << i % 8));
    }
    for (size_t n = 0; n < sealed.n; n++)
        assert_int_equal(sco_unseal(key, context, sco_str_make(sealed.p, n), &out, NULL),
                         SCO_E_PERMISSION);
    assert_int_equal(sco_unseal(other, context, sco_buf_str(&sealed), &out, NULL),
                     SCO_E_PERMISSION);
    assert_int_equal(sco_unseal(key, SCO_STR("secret:b"), sco_buf_str(&sealed), &out, NULL),
                     SCO_E_PERMISSION);
    assert_int_equal(out.n, 0);
}

/* RFC 5869, test case 3: neither salt nor info. */
static void hkdf(void **state)
{
    (void)state;
    uint8_t key[22], out[42], want[42], other[42];
    memset(key, 0x0b, sizeof key);
    assert_int_equal(sco_hkdf(sco_str_make((char *)key, sizeof key), "", out, sizeof out), 0);
    unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
          want);
    assert_memory_equal(out, want, sizeof out);
    assert_int_equal(sco_hkdf(sco_str_make((char *)key, sizeof key), "x", other, sizeof other), 0);
    assert_memory_not_equal(out, other, sizeof out);
    assert_int_equal(sco_hkdf(SCO_STR("k"), "", out, 255 * 32 + 1), SCO_E_LIMIT);
}

static void base64(void **state)
{
    (void)state;
    static const char *const want[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    for (size_t n = 0; n < 7; n++) {
        SCO_AUTO(sco_buf) struct sco_buf a = {0}, b = {0};
        uint8_t back[8];
        size_t n_back = 99;
        sco_base64url_encode(sco_str_make("foobar", n), &a);
        assert_string_equal(sco_buf_z(&a), want[n]);
        assert_true(sco_base64url_decode(sco_buf_str(&a), back, n, &n_back));
        assert_int_equal(n_back, n);
        assert_memory_equal(back, "foobar", n);
        if (n)
            assert_false(sco_base64url_decode(sco_buf_str(&a), back, n - 1, &n_back));
        sco_base64_encode(sco_str_make("foobar", n), &b);
        assert_int_equal(b.n, (n + 2) / 3 * 4);
        assert_true(sco_base64_decode(sco_buf_str(&b), back, sizeof back, &n_back));
        assert_int_equal(n_back, n);
    }
    SCO_AUTO(sco_buf) struct sco_buf c = {0};
    sco_base64_encode(sco_str_make("\xfb\xff", 2), &c);
    sco_base64url_encode(sco_str_make("\xfb\xff", 2), &c);
    assert_string_equal(sco_buf_z(&c), "+/8=-_8");
    static const char *const bad[] = {"Z", "Zh", "Zm9", "Zg==", "Zm9v ", "Zm+v", "Zm/v", "\xff"};
    uint8_t out[8];
    size_t n = 77;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_false(sco_base64url_decode(sco_str_c(bad[i]), out, sizeof out, &n));
    assert_int_equal(n, 77);
}

static void equal(void **state)
{
    (void)state;
    assert_true(sco_equal_secret("abc", "abc", 3));
    assert_false(sco_equal_secret("abc", "abd", 3));
    assert_false(sco_equal_secret("xbc", "abc", 3));
    char secret[] = "secret";
    sco_wipe(secret, 6);
    assert_memory_equal(secret, "\0\0\0\0\0\0", 6);
}

static void no_memory(void **state)
{
    (void)state;
    struct sco_buf out = {0};
    uint8_t key[32] = {0}, sealed[64] = {1};
    sco_alloc_fail_at(0);
    assert_int_equal(sco_seal(key, SCO_STR(""), SCO_STR("x"), &out, NULL), SCO_E_NOMEM);
    sco_buf_done(&out);
    out = (struct sco_buf){0};
    sco_alloc_fail_at(0);
    assert_int_equal(sco_unseal(key, SCO_STR(""), sco_str_make((char *)sealed, 64), &out, NULL),
                     SCO_E_NOMEM);
    sco_buf_done(&out);
    out = (struct sco_buf){0};
    sco_alloc_fail_at(0);
    sco_base64url_encode(SCO_STR("x"), &out);
    assert_true(out.failed);
    sco_buf_done(&out);
    sco_alloc_fail_at(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gcm_vectors), cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(hkdf),        cmocka_unit_test(base64),
        cmocka_unit_test(equal),       cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
