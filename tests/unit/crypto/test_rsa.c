/* RS256: the forms that keys come in, a signature of openssl's, and what is no key. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "rsa_keys.h"

#include <secureops/crypto.h>

static struct sco_error err;

static void signs(const char *pem)
{
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    char hex[2 * 256 + 1];
    assert_int_equal(sco_rs256_sign(sco_str_c(pem), SCO_STR("abc"), &out, &err), 0);
    assert_int_equal(out.n, 256);
    sco_hex((const uint8_t *)out.p, out.n, hex);
    assert_string_equal(hex, rsa_signature);
}

static void forms_of_keys(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf padded = {0};
    signs(rsa_pkcs1);
    signs(rsa_pkcs8);
    sco_buf_addf(&padded, "a comment\n%s\n\n", rsa_pkcs8);
    signs(sco_buf_z(&padded));
}

static void refused(struct sco_str pem, const char *why)
{
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    memset(&err, 0, sizeof err);
    assert_int_equal(sco_rs256_sign(pem, SCO_STR("abc"), &out, &err), SCO_E_INVALID);
    assert_non_null(strstr(err.text, why));
    assert_int_equal(out.n, 0);
}

static void no_keys(void **state)
{
    (void)state;
    refused(sco_str_make(NULL, 0), "found none");
    refused(SCO_STR("hunter2"), "found none");
    refused(sco_str_c(rsa_small), "fewer than 2048 bits");
    refused(sco_str_c(rsa_encrypted), "encrypted with a password");
    refused(sco_str_c(ec_key), "not an RSA key");
    for (size_t n = 0; n + 60 < strlen(rsa_pkcs8); n += 97) { /* cut short, with its end put back */
        SCO_AUTO(sco_buf) struct sco_buf cut = {0};
        sco_buf_addf(&cut, "-----BEGIN PRIVATE KEY-----\n%.*s\n-----END PRIVATE KEY-----\n", (int)n,
                     rsa_pkcs8 + 28);
        refused(sco_buf_str(&cut), "not an RSA key");
    }
}

/* One octet changed anywhere: refused, or another signature, but never ours and never a crash. */
static void damaged_keys(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf pem = {0};
    sco_buf_addz(&pem, rsa_pkcs1);
    for (size_t i = 40; i + 40 < pem.n; i += 61) {
        SCO_AUTO(sco_buf) struct sco_buf out = {0};
        char was = pem.p[i];
        pem.p[i] = was == 'A' ? 'B' : 'A';
        int r = sco_rs256_sign(sco_buf_str(&pem), SCO_STR("abc"), &out, &err);
        assert_true(r == SCO_E_INVALID || r == SCO_E_INTERNAL || (r == 0 && out.n >= 255));
        pem.p[i] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_keys),
        cmocka_unit_test(no_keys),
        cmocka_unit_test(damaged_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
