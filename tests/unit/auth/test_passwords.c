/* Passwords as text, and the codes of the second factor against RFC 6238. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "auth_priv.h"

static void hashes(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const char *one = NULL, *two = NULL;
    bool rehash = true;
    assert_int_equal(password_hash(SCO_STR("correct horse"), &a, &one, NULL), 0);
    assert_int_equal(password_hash(SCO_STR("correct horse"), &a, &two, NULL), 0);
    assert_string_not_equal(one, two); /* another salt */
    assert_true(sco_str_starts(sco_str_c(one), "$scrypt$ln=15,r=8,p=1$"));
    assert_true(password_verify(one, SCO_STR("correct horse"), &rehash));
    assert_false(rehash);
    assert_false(password_verify(one, SCO_STR("correct horsf"), &rehash));
    assert_false(password_verify(one, SCO_STR(""), &rehash));
    assert_false(password_verify(NULL, SCO_STR("correct horse"), &rehash));
}

/* RFC 7914, 12: P "pleaseletmein", S "SodiumChloride", N 16384, r 8, p 1, the first 32 bytes. */
static void known_answer_and_rehash(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    static const uint8_t hash[32] = {0x70, 0x23, 0xbd, 0xcb, 0x3a, 0xfd, 0x73, 0x48,
                                     0x46, 0x1c, 0x06, 0xcd, 0x81, 0xfd, 0x38, 0xeb,
                                     0xfd, 0xa8, 0xfb, 0xba, 0x90, 0x4f, 0x8e, 0x3e,
                                     0xa9, 0xb5, 0x43, 0xf6, 0x54, 0x5d, 0xa1, 0xf2};
    bool rehash = false;
    sco_buf_addz(&b, "$scrypt$ln=14,r=8,p=1$");
    sco_base64url_encode(SCO_STR("SodiumChloride"), &b);
    sco_buf_addc(&b, '$');
    sco_base64url_encode(sco_str_make((const char *)hash, sizeof hash), &b);
    assert_true(password_verify(sco_buf_z(&b), SCO_STR("pleaseletmein"), &rehash));
    assert_true(rehash); /* fewer rounds than today's */
}

static void malformed_hashes(void **state)
{
    (void)state;
#define SALT "U29kaXVtQ2hsb3JpZGU"
#define HASH "cCO9yzr9c0hGHAbNgf046_2o-7qQT44-qbVD9lRdofI"
    static const char *const bad[] = {
        "",
        "$",
        "$scrypt",
        "$scrypt$ln=14,r=8,p=1$" SALT,
        "$scrypt$ln=14,r=8,p=1$" SALT "$",
        "$scrypt$ln=14,r=8,p=1$" SALT "$" HASH "$",
        "x$scrypt$ln=14,r=8,p=1$" SALT "$" HASH,
        "$bcrypt$ln=14,r=8,p=1$" SALT "$" HASH,
        "$scrypt$ln=30,r=8,p=1$" SALT "$" HASH, /* would take a terabyte */
        "$scrypt$ln=14,r=0,p=1$" SALT "$" HASH,
        "$scrypt$ln=14,r=8$" SALT "$" HASH,
        "$scrypt$ln=14,r=8,p=1,x=1$" SALT "$" HASH,
        "$scrypt$r=8,ln=14,p=1$" SALT "$" HASH,
        "$scrypt$ln=14,r=8,p=1$$" HASH,
        "$scrypt$ln=14,r=8,p=1$" SALT "$" HASH "A",
    };
    bool rehash;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_false(password_verify(bad[i], SCO_STR("pleaseletmein"), &rehash));
}

static void policy(void **state)
{
    (void)state;
    struct sco_error err;
    char text[AUTH_PASSWORD_MAX + 2];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    assert_int_equal(password_check(sco_str_make(text, 12), "ada@example.com", &err), 0);
    assert_int_equal(password_check(sco_str_make(text, AUTH_PASSWORD_MAX), "ada@example.com", &err),
                     0);
    assert_int_equal(
        password_check(sco_str_make(text, AUTH_PASSWORD_MAX + 1), "ada@example.com", &err),
        SCO_E_INVALID);
    static const char *const bad[] = {"", "Ada@Example.com", "aaaaaaaaaaaaaaaa",
                                      "abababababababab"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_int_equal(password_check(sco_str_c(bad[i]), "ada@example.com", &err), SCO_E_INVALID);
    assert_int_equal(password_check(sco_str_make(text, 11), "ada@example.com", &err),
                     SCO_E_INVALID);
    assert_null(strstr(err.text, "abcdef")); /* never repeated */
}

/* RFC 6238, appendix B; its codes have 8 digits, ours are the last 6 of them. */
static void codes(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        uint32_t code;
    } v[] = {{59, 287082},       {1111111109, 81804},  {1111111111, 50471},
             {1234567890, 5924}, {2000000000, 279037}, {20000000000, 353130}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        assert_int_equal(totp_code(SCO_STR("12345678901234567890"), v[i].at / 30), v[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes),
        cmocka_unit_test(known_answer_and_rehash),
        cmocka_unit_test(malformed_hashes),
        cmocka_unit_test(policy),
        cmocka_unit_test(codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
