/* Digests against published values, and the encoding of fields. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <secureops/crypto.h>

static void is_hex(const uint8_t md[SCO_SHA256_LEN], const char *want)
{
    char hex[2 * SCO_SHA256_LEN + 1];
    sco_hex(md, SCO_SHA256_LEN, hex);
    assert_string_equal(hex, want);
}

static void sha256(void **state)
{
    (void)state;
    uint8_t md[SCO_SHA256_LEN];
    struct sco_sha256 *h = sco_sha256_new();
    assert_int_equal(sco_sha256_end(h, md), 0); /* new begins */
    is_hex(md, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sco_sha256_begin(h);
    sco_sha256_add(h, SCO_STR("a"));
    sco_sha256_add(h, SCO_STR("bc"));
    assert_int_equal(sco_sha256_end(h, md), 0);
    is_hex(md, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    sco_sha256_of(SCO_STR("abc"), md);
    is_hex(md, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sco_sha256_of(sco_str_make(NULL, 0), md);
    is_hex(md, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    /* a million "a" in pieces of every size around the gathering buffer */
    static char a[5000];
    memset(a, 'a', sizeof a);
    sco_sha256_begin(h);
    for (size_t left = 1000000, n = 1; left; n = n % 4999 + 7) {
        size_t take = n < left ? n : left;
        sco_sha256_add(h, sco_str_make(a, take));
        left -= take;
    }
    assert_int_equal(sco_sha256_end(h, md), 0);
    is_hex(md, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_null(sco_sha256_free(h));
    assert_null(sco_sha256_free(NULL));
}

/* Every length around the padding of one to four blocks: the digest of all the digests. */
static void lengths(void **state)
{
    (void)state;
    enum { MOST = 300 };
    static char a[MOST];
    static uint8_t all[(MOST + 1) * SCO_SHA256_LEN];
    uint8_t md[SCO_SHA256_LEN];
    struct sco_sha256 *h = sco_sha256_new();
    memset(a, 'a', sizeof a);
    for (size_t n = 0; n <= MOST; n++) {
        sco_sha256_begin(h);
        sco_sha256_add(h, sco_str_make(a, n));
        assert_int_equal(sco_sha256_end(h, all + n * SCO_SHA256_LEN), 0);
    }
    sco_sha256_begin(h);
    sco_sha256_add(h, sco_str_make((const char *)all, sizeof all));
    assert_int_equal(sco_sha256_end(h, md), 0);
    is_hex(md, "e8e4a8cfe049153f6f930f2156161a5b19bb9b3dc4b698c20e4d44a29d7f9526");
    sco_sha256_free(h);
}

static void digest_of(struct sco_sha256 *h, const struct sco_str *v, size_t n, uint8_t *md)
{
    sco_sha256_begin(h);
    for (size_t i = 0; i < n; i++)
        sco_sha256_field(h, v[i]);
    assert_int_equal(sco_sha256_end(h, md), 0);
}

/* ("ab", "c"), ("a", "bc"), ("abc"), an empty field and an absent one are five different things. */
static void fields(void **state)
{
    (void)state;
    struct sco_sha256 *h = sco_sha256_new();
    const struct sco_str v[5][2] = {{SCO_STR("ab"), SCO_STR("c")},
                                    {SCO_STR("a"), SCO_STR("bc")},
                                    {SCO_STR("abc"), SCO_STR("")},
                                    {SCO_STR("abc"), {NULL, 0}},
                                    {SCO_STR("None"), SCO_STR("None")}};
    uint8_t md[5][SCO_SHA256_LEN], one[SCO_SHA256_LEN];
    for (size_t i = 0; i < 5; i++)
        digest_of(h, v[i], 2, md[i]);
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(md[i], md[j], SCO_SHA256_LEN);
    sco_sha256_begin(h);
    sco_sha256_add(h, sco_str_make("\0\0\0\2ab\0\0\0\1c", 11));
    assert_int_equal(sco_sha256_end(h, one), 0);
    assert_memory_equal(one, md[0], SCO_SHA256_LEN);
    sco_sha256_free(h);
}

static void hmac(void **state)
{
    (void)state;
    uint8_t md[SCO_SHA256_LEN];
    /* RFC 4231, case 2 */
    assert_int_equal(sco_hmac_sha256(SCO_STR("Jefe"), SCO_STR("what do ya want for nothing?"), md),
                     0);
    is_hex(md, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    /* case 6: a key that is longer than a block */
    char key[131];
    memset(key, 0xAA, sizeof key);
    assert_int_equal(sco_hmac_sha256(sco_str_make(key, sizeof key),
                                     SCO_STR("Test Using Larger Than Block-Size Key - Hash Key "
                                             "First"),
                                     md),
                     0);
    is_hex(md, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_int_equal(sco_hmac_sha256(sco_str_make(NULL, 0), sco_str_make(NULL, 0), md), 0);
    is_hex(md, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void from_hex(const char *hex, uint8_t *out)
{
    for (; *hex; hex += 2) {
        unsigned v;
        assert_int_equal(sscanf(hex, "%2x", &v), 1);
        *out++ = (uint8_t)v;
    }
}

/* The first and the third example of RFC 8032, 7.1. */
static void ed25519(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *key, *text, *signature;
    } v[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
         "cf9b"
         "46bd25bf5f0595bbe24655141438e7a100b"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
         "84dc"
         "6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++) {
        uint8_t secret[32], key[32], want[64], got[64], text[8];
        from_hex(v[i].secret, secret);
        from_hex(v[i].key, want);
        from_hex(v[i].text, text);
        struct sco_str s = sco_str_make((char *)text, strlen(v[i].text) / 2);
        sco_ed25519_public(secret, key);
        assert_memory_equal(key, want, 32);
        from_hex(v[i].signature, want);
        sco_ed25519_sign(secret, s, got);
        assert_memory_equal(got, want, 64);
        assert_true(sco_ed25519_verify(key, s, got));
        for (size_t k = 0; k < 64; k++) {
            got[k] ^= 1;
            assert_false(sco_ed25519_verify(key, s, got));
            got[k] ^= 1;
        }
    }
}

static void pem(void **state)
{
    (void)state;
    static const char text[] =
        "comment\n-----BEGIN PUBLIC KEY-----\n"
        "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
        "-----END PUBLIC KEY-----\n-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA"
        "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    uint8_t key[32];
    size_t at = 0;
    assert_int_equal(sco_ed25519_read_public(sco_str_c(text), &at, key), 0);
    assert_int_equal(key[0], 0x19);
    assert_int_equal(key[31], 0xe1);
    assert_int_equal(sco_ed25519_read_public(sco_str_c(text), &at, key),
                     SCO_E_INVALID); /* X25519 */
    assert_int_equal(sco_ed25519_read_public(sco_str_c(text), &at, key), SCO_E_NOT_FOUND);
    static const char secret[] =
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
        "-----END PRIVATE KEY-----\n";
    uint8_t public[32];
    assert_int_equal(sco_ed25519_read_secret(sco_str_c(secret), key), 0);
    at = 0;
    sco_ed25519_public(key, public);
    assert_int_equal(sco_ed25519_read_public(sco_str_c(text), &at, key), 0);
    assert_memory_equal(public, key, 32); /* both of RFC 8410, 10 */
    assert_int_equal(sco_ed25519_read_secret(sco_str_c(text), key), SCO_E_NOT_FOUND);
}

static void uuid(void **state)
{
    (void)state;
    char a[37], b[37];
    sco_uuid4(a);
    sco_uuid4(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
    assert_int_equal(a[8], '-');
    assert_int_equal(a[13], '-');
    assert_int_equal(a[14], '4');
    assert_int_equal(a[18], '-');
    assert_non_null(strchr("89ab", a[19]));
    assert_int_equal(a[23], '-');
}

static void no_memory(void **state)
{
    (void)state;
    sco_alloc_fail_at(0);
    assert_null(sco_sha256_new());
    sco_alloc_fail_at(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256),  cmocka_unit_test(lengths), cmocka_unit_test(fields),
        cmocka_unit_test(hmac),    cmocka_unit_test(uuid),    cmocka_unit_test(no_memory),
        cmocka_unit_test(ed25519), cmocka_unit_test(pem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
