/* Secrets in logs: in whatever pieces, and encoded. */
#include <secureops/mask.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char *masked(struct sco_mask *m, const char *text, size_t piece)
{
    static struct sco_buf out;
    size_t n = strlen(text);
    sco_buf_clear(&out);
    for (size_t i = 0; i < n; i += piece)
        sco_mask_feed(m, sco_str_make(text + i, n - i < piece ? n - i : piece), false, &out);
    sco_mask_feed(m, sco_str_make(NULL, 0), true, &out);
    const char *z = sco_buf_z(&out);
    return z;
}

static void in_any_pieces(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"key=hunter2-key\n", "key=***\n"},
        {"hunter2-hunter2-key", "hunter2-***"}, /* a beginning that comes to nothing */
        {"hunter2-ke", "hunter2-ke"},
        {"hunter2-keyhunter2-key", "******"},
        {"aHVudGVyMi1rZXk=", "***k="}, /* the last letter is not the secret's alone */
        {"eGh1bnRlcjIta2V5", "eG***"}, /* behind one byte */
        {"eHhodW50ZXIyLWtleQ==", "eHh***Q=="},
        {"secret%20value!", "***!"},
        {"c2VjcmV0IHZhbHVl", "***"},
        {"nothing at all", "nothing at all"},
        {"line two of a key", "*** of a key"},
    };
    struct sco_mask m = {0};
    struct sco_error err = {0};
    (void)state;
    assert_int_equal(sco_mask_add(&m, SCO_STR("hunter2-key"), &err), 0);
    assert_int_equal(sco_mask_add(&m, SCO_STR("secret value"), &err), 0);
    assert_int_equal(sco_mask_add(&m, SCO_STR("line one\nline two\nx"), &err), 0);
    assert_int_equal(sco_mask_add(&m, SCO_STR("abc"), &err), SCO_E_INVALID);
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 24; piece++)
            if (strcmp(masked(&m, cases[i].text, piece), cases[i].want) != 0)
                fail_msg("%s in pieces of %zu: %s", cases[i].text, piece,
                         masked(&m, cases[i].text, piece));
    sco_mask_done(&m);
}

/* Each as an encoder that people use has it. */
static void encoded(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"wJalr%2FX%21+%22b", "***"}, /* all of it, the blank as in a form */
        {"wJalr/X%21%20%22b", "***"}, /* Python's quote */
        {"wJalr/X%21+%22b", "***"},        {"wJalr%2FX!%20%22b", "***"}, /* encodeURIComponent */
        {"wJalr%2fX!%20%22b", "***"},      {"wJalr/X!%20%22b", "***"},   /* encodeURI */
        {"\"wJalr/X! \\\"b\"", "\"***\""},                               /* JSON */
        {"wJalr\\/X! \\\"b", "***"},                                     /* PHP's */
        {"wJalr/X! \"c", "wJalr/X! \"c"},  {"-----BEGIN\\nx", "***"},
    };
    struct sco_mask m = {0};
    (void)state;
    assert_int_equal(sco_mask_add(&m, SCO_STR("wJalr/X! \"b"), NULL), 0);
    assert_int_equal(sco_mask_add(&m, SCO_STR("-----BEGIN\nx"), NULL), 0);
    assert_int_equal(sco_mask_add(&m, SCO_STR("pass12\n"), NULL), 0);
    assert_int_equal(sco_mask_add(&m, SCO_STR("ab  \n"), NULL), SCO_E_INVALID);
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 24; piece++)
            if (strcmp(masked(&m, cases[i].text, piece), cases[i].want) != 0)
                fail_msg("%s in pieces of %zu: %s", cases[i].text, piece,
                         masked(&m, cases[i].text, piece));
    sco_mask_done(&m);
}

/* `base64` breaks what is long into lines of 76 letters. */
static void wrapped(void **state)
{
    static const char lines[] = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
                                "QUFBQUFBQUFB\nQkJCQkJC\nnext\n";
    char secret[64] = "";
    struct sco_mask m = {0};
    (void)state;
    memset(secret, 'A', 57);
    memset(secret + 57, 'B', 6);
    assert_int_equal(sco_mask_add(&m, sco_str_c(secret), NULL), 0);
    for (size_t piece = 1; piece < 100; piece++)
        assert_string_equal(masked(&m, lines, piece), "***\nnext\n");
    assert_string_equal(masked(&m, "AAAA\nAAAA\n", 3), "AAAA\nAAAA\n");
    sco_mask_done(&m);
}

/* What cannot be the start of a secret is not held back: logs are read live. */
static void nothing_is_held_without_need(void **state)
{
    struct sco_mask m = {0};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    (void)state;
    assert_int_equal(sco_mask_add(&m, SCO_STR("hunter2"), NULL), 0);
    sco_mask_feed(&m, SCO_STR("a line\n"), false, &out);
    assert_string_equal(sco_buf_z(&out), "a line\n");
    sco_mask_feed(&m, SCO_STR("hunt"), false, &out);
    assert_string_equal(sco_buf_z(&out), "a line\n");
    sco_mask_feed(&m, SCO_STR("ing"), false, &out);
    assert_string_equal(sco_buf_z(&out), "a line\nhunting");
    sco_mask_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_any_pieces),
        cmocka_unit_test(encoded),
        cmocka_unit_test(wrapped),
        cmocka_unit_test(nothing_is_held_without_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
