/* Providers of secrets, and HashiCorp Vault, whose answers are given here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <secureops/option.h>

static struct vault {
    const char *answer; /* NULL: 404 */
    char url[512], token[128], space[128];
    int code;
} seen;

static int fetch(void *user, const char *url, const char *const *headers, struct sco_buf *out,
                 struct sco_error *err)
{
    struct vault *v = user;
    snprintf(v->url, sizeof v->url, "%s", url);
    v->token[0] = v->space[0] = 0;
    for (; *headers; headers++) {
        if (sco_str_starts(sco_str_c(*headers), "X-Vault-Token: "))
            snprintf(v->token, sizeof v->token, "%s", *headers + 15);
        if (sco_str_starts(sco_str_c(*headers), "X-Vault-Namespace: "))
            snprintf(v->space, sizeof v->space, "%s", *headers + 19);
    }
    if (!v->answer)
        return sco_error_set(err, v->code, "answered with an error");
    sco_buf_addz(out, v->answer);
    return 0;
}

static struct sco_vault vault = {.address = "https://vault.example.com:8200/",
                                 .token = "hvs.token",
                                 .fetch = fetch,
                                 .user = &seen};

#define GOOD "{\"data\":{\"data\":{\"password\":\"hunter2\",\"n\":1,\"empty\":\"\"}}}"

static int resolve(const char *ref, struct sco_buf *out, struct sco_error *err)
{
    sco_buf_clear(out);
    int r = sco_secret_resolve(sco_str_c(ref), out, err);
    assert_true(r == 0 || out->n == 0);
    assert_true(r == 0 || !strstr(err->text, "hunter2"));
    assert_true(r == 0 || !strstr(err->text, "hvs.token"));
    return r;
}

static int set_up(void **state)
{
    (void)state;
    seen = (struct vault){.answer = GOOD, .code = SCO_E_NOT_FOUND};
    vault.name_space = NULL;
    sco_secret_provider("vault", sco_vault_secret, &vault);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sco_secret_provider("vault", NULL, NULL);
    sco_secret_provider("store", NULL, NULL);
    return 0;
}

static void references(void **state)
{
    (void)state;
    static const char *const good[] = {"env:A_1", "file:/x", "vault:a/b#c", "store:git.token"};
    static const char *const bad[] = {"",          "vault:",  "store:",  "store:a b",
                                      "store:a\n", "vault",   "env:1",   "env:a-b",
                                      "file:",     "hunter2", "Vault:x", "store:\x7f"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(good); i++)
        assert_true(sco_secret_is_ref(sco_str_c(good[i])));
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_false(sco_secret_is_ref(sco_str_c(bad[i])));
}

static int ask_store(void *user, const char *name, struct sco_buf *out, struct sco_error *err)
{
    (void)err;
    sco_buf_addf(out, "%s=%s", (const char *)user, name);
    return 0;
}

static void providers(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err;
    assert_int_equal(resolve("store:git", &b, &err), SCO_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "store:git"));
    sco_secret_provider("store", ask_store, "asked");
    assert_int_equal(resolve("store:git", &b, &err), 0);
    assert_string_equal(sco_buf_z(&b), "asked=git");
    sco_secret_provider("vault", NULL, NULL);
    assert_int_equal(resolve("vault:a/b#c", &b, &err), SCO_E_UNSUPPORTED);
}

static void vault_answers(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err;
    assert_int_equal(resolve("vault:secret/team/db#password", &b, &err), 0);
    assert_string_equal(sco_buf_z(&b), "hunter2");
    assert_string_equal(seen.url, "https://vault.example.com:8200/v1/secret/data/team/db");
    assert_string_equal(seen.token, "hvs.token");
    assert_string_equal(seen.space, "");
    vault.name_space = "ops";
    assert_int_equal(resolve("vault:secret/a?b%2f#password", &b, &err), 0);
    assert_string_equal(seen.url, "https://vault.example.com:8200/v1/secret/data/a%3Fb%252f");
    assert_string_equal(seen.space, "ops");
    assert_int_equal(resolve("vault:secret/a#other", &b, &err), SCO_E_NOT_FOUND);
    assert_int_equal(resolve("vault:secret/a#n", &b, &err), SCO_E_NOT_FOUND);
    assert_int_equal(resolve("vault:secret/a#empty", &b, &err), SCO_E_INVALID);
    static const char *const bad[] = {
        "vault:secret#a", "vault:secret/a",    "vault:secret/a#",   "vault:secret/../sys#a",
        "vault:/a#b",     "vault:secret//a#b", "vault:secret/./a#b"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_int_equal(resolve(bad[i], &b, &err), SCO_E_INVALID);
    static const char *const answers[] = {"",
                                          "hunter2",
                                          "[]",
                                          "{}",
                                          "{\"data\":{\"data\":null}}",
                                          "{\"data\":{\"password\":\"hunter2\"}}"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(answers); i++) {
        seen.answer = answers[i];
        int r = resolve("vault:secret/a#password", &b, &err);
        assert_true(r == SCO_E_FORMAT || r == SCO_E_NOT_FOUND);
    }
    seen.answer = NULL;
    static const int codes[] = {SCO_E_NOT_FOUND, SCO_E_PERMISSION, SCO_E_NETWORK};
    for (size_t i = 0; i < SCO_ARRAY_LEN(codes); i++) {
        seen.code = codes[i];
        assert_int_equal(resolve("vault:secret/a#password", &b, &err), codes[i]);
        assert_non_null(strstr(err.text, "vault:secret/a#password"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(references, set_up, tear_down),
        cmocka_unit_test_setup_teardown(providers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(vault_answers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
