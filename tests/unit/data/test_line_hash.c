/* primaryLocationLineHash: GitHub's published vectors and others of the same function. */
#include "data_test.h"

struct vector {
    const char *text;
    const char *hashes[12];
};

static void check(struct sco_str text, const char *const *want)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char **got;
    size_t n, i;
    assert_int_equal(sco_line_hashes(text, &arena, &got, &n), 0);
    for (i = 0; want[i]; i++) {
        assert_true(i < n);
        assert_string_equal(got[i], want[i]);
    }
    assert_int_equal(i, n);
}

#define END_LF                                                                                     \
    {                                                                                              \
        "e9496ae3ebfced30:1", "fb7c023a8b9ccb3f:1", "ce8ba1a563dcdaca:1", "e20e36e16fcb0cc8:1",    \
            "b3edc88f2938467e:1", "c8e28b0b4002a3a0:1", "c129715d7a2bc9a3:1"                       \
    }

static void vectors(void **state)
{
    (void)state;
    static const struct vector v[] = {
        {"", {"c129715d7a2bc9a3:1"}},
        {" a\nb\n  \t\tc\n d",
         {"271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"}},
        {" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End",
         {"8b7cf3e952e7aeb2:1", "b1ae1287ec4718d9:1", "bff680108adb0fcc:1", "c6805c5e1288b612:1",
          "b86d3392aea1be30:1", "e6ceba753e1a442:1"}},
        {" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", END_LF},
        {" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r", END_LF},
        {" hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n", END_LF},
        {" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", END_LF},
        {"x = 2\nx = 1\nprint(x)\nx = 3\nprint(x)\nx = 4\nprint(x)\n",
         {"e54938cc54b302f1:1", "bb609acbe9138d60:1", "1131fd5871777f34:1", "5c482a0f8b35ea28:1",
          "54517377da7028d2:1", "2c644846cb18d53e:1", "f1b89f20de0d133:1", "c129715d7a2bc9a3:1"}},
        {"hello;\nworld!\n", {"f41e0e2a2dd9c5e3:1", "54b9d0703763356:1", "c129715d7a2bc9a3:1"}},
        {"\xC3\xA9\xF0\x9F\x98\x80\n", {"16a367e7bde89037:1", "c129715d7a2bc9a3:1"}},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        check(sco_str_c(v[i].text), v[i].hashes);
}

static void counted(void **state)
{
    (void)state;
    static const char line[] = "Lorem ipsum dolor sit amet.\n";
    static const char *const want[] = {
        "a7f2ff13bc495cf2:1", "a7f2ff13bc495cf2:2", "a7f2ff13bc495cf2:3", "a7f2ff13bc495cf2:4",
        "a7f2ff13bc495cf2:5", "a7f2ff13bc495cf2:6", "a7f2ff1481e87703:1", "a9cf91f7bbf1862b:1",
        "55ec222b86bcae53:1", "cc97dc7b1d7d8f7b:1", "c129715d7a2bc9a3:1", NULL};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (int i = 0; i < 10; i++)
        sco_buf_addz(&b, line);
    check(sco_buf_str(&b), want);
}

/* Any bytes: one answer per line, no overrun (under the sanitizer). */
static void garbage(void **state)
{
    (void)state;
    char text[64];
    uint32_t x = 1;
    for (int round = 0; round < 2000; round++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        const char **got;
        size_t n, len = (x >> 8) % (sizeof text + 1);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
        char *copy = malloc(len + 1);
        memcpy(copy, text, len);
        assert_int_equal(sco_line_hashes(sco_str_make(copy, len), &arena, &got, &n), 0);
        assert_true(n >= 1);
        for (size_t i = 0; i < n; i++)
            assert_non_null(strchr(got[i], ':'));
        free(copy);
    }
}

static void out_of_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        const char **got = NULL;
        size_t lines = 0;
        sco_alloc_fail_at(n);
        int r = sco_line_hashes(SCO_STR("a\nb\nc"), &arena, &got, &lines);
        if (sco_alloc_fail_at(-1) <= n) {
            assert_int_equal(r, 0);
            return;
        }
        assert_int_equal(r, SCO_E_NOMEM);
        assert_null(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(counted),
        cmocka_unit_test(garbage),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
