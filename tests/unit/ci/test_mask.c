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
        cmocka_unit_test(nothing_is_held_without_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
