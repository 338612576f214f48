/* Arena, buffer, map, vector, and how they behave when memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <secureops/base.h>
#include <stdlib.h>

static void arena_keeps_and_resets(void **state)
{
    (void)state;
    struct sco_arena a = {0};
    char *p[1000];
    for (size_t i = 0; i < 1000; i++) {
        p[i] = sco_arena_alloc(&a, i);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)(i & 0x7f), i);
    }
    for (size_t i = 1; i < 1000; i++)
        assert_int_equal(p[i][i - 1], (int)(i & 0x7f));
    sco_arena_reset(&a);
    assert_int_equal(a.used, 0);
    char *again = sco_arena_alloc(&a, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    assert_string_equal(sco_arena_fmt(&a, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(sco_arena_cstr(&a, SCO_STR("ab")), "ab");
    sco_arena_done(&a);
}

static void arena_limit_refuses(void **state)
{
    (void)state;
    struct sco_arena a = {.limit = 100};
    assert_non_null(sco_arena_alloc(&a, 60));
    assert_null(sco_arena_alloc(&a, 60));
    assert_null(sco_arena_alloc(&a, SIZE_MAX));
    assert_non_null(sco_arena_alloc(&a, 40));
    sco_arena_done(&a);
}

static void buffer_appends_and_fails_whole(void **state)
{
    (void)state;
    struct sco_buf b = {0};
    sco_buf_addz(&b, "a");
    sco_buf_add_i64(&b, INT64_MIN);
    sco_buf_addf(&b, "|%5d|", 42);
    assert_string_equal(sco_buf_z(&b), "a-9223372036854775808|   42|");
    size_t n = b.n;
    sco_alloc_fail_at(0);
    for (int i = 0; i < 1000; i++)
        sco_buf_addz(&b, "0123456789");
    sco_alloc_fail_at(-1);
    assert_true(b.failed);
    assert_true(b.n >= n);
    assert_memory_equal(b.p, "a-92", 4);
    assert_int_equal(sco_buf_check(&b, NULL), SCO_E_NOMEM);
    sco_buf_clear(&b);
    assert_int_equal(sco_buf_check(&b, NULL), 0);
    sco_buf_done(&b);
    struct sco_buf huge = {0};
    assert_int_equal(sco_buf_reserve(&huge, SIZE_MAX - 10), SCO_E_NOMEM);
    sco_buf_done(&huge);
}

static void map_finds_what_was_put(void **state)
{
    (void)state;
    struct sco_map m = {0};
    for (intptr_t i = 0; i < 10000; i++) {
        char key[32];
        int n = snprintf(key, sizeof key, "key-%ld", (long)i);
        void **slot = sco_map_put(&m, sco_str_make(key, (size_t)n), NULL);
        assert_non_null(slot);
        assert_null(*slot);
        *slot = (void *)(i + 1);
    }
    assert_int_equal(m.n, 10000);
    assert_int_equal((intptr_t)sco_map_get(&m, SCO_STR("key-77")), 78);
    assert_null(sco_map_get(&m, SCO_STR("key-10000")));
    assert_true(sco_map_has(&m, SCO_STR("key-0")));
    assert_false(sco_map_has(&m, SCO_STR("")));
    const char *kept;
    assert_int_equal((intptr_t)*sco_map_put(&m, SCO_STR("key-5"), &kept), 6);
    assert_string_equal(kept, "key-5");
    size_t pos = 0, seen = 0;
    void *value;
    struct sco_str key;
    intptr_t sum = 0;
    while (sco_map_next(&m, &pos, &key, &value)) {
        seen++;
        sum += (intptr_t)value;
    }
    assert_int_equal(seen, 10000);
    assert_int_equal(sum, 10000L * 10001 / 2);
    sco_map_done(&m);
}

static void map_survives_no_memory(void **state)
{
    (void)state;
    for (long fail = 0; fail < 8; fail++) {
        struct sco_map m = {0};
        int put = 0;
        sco_alloc_fail_at(fail);
        for (int i = 0; i < 100; i++) {
            char key[16];
            int n = snprintf(key, sizeof key, "%d", i);
            void **slot = sco_map_put(&m, sco_str_make(key, (size_t)n), NULL);
            if (slot) {
                *slot = &m;
                put++;
            }
        }
        sco_alloc_fail_at(-1);
        assert_int_equal(m.n, put);
        assert_true(put >= 99);
        sco_map_done(&m);
    }
}

static void error_texts_are_cut_visibly(void **state)
{
    (void)state;
    struct sco_error e;
    char big[3000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    assert_int_equal(sco_error_set(&e, SCO_E_LIMIT, "%s", big), SCO_E_LIMIT);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_string_equal(e.text + sizeof e.text - 4, "...");
    assert_int_equal(sco_error_errno(&e, 2, "cannot open %s", "f"), SCO_E_NOT_FOUND);
    assert_string_equal(e.text, "cannot open f: No such file or directory");
    sco_error_prefix(&e, "scan");
    assert_string_equal(e.text, "scan: cannot open f: No such file or directory");
    assert_string_equal(sco_error_name(SCO_E_TIMEOUT), "timeout");
    assert_string_equal(sco_error_name(-99), "unknown");
    assert_int_equal(sco_error_set(NULL, SCO_E_IO, "x"), SCO_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_keeps_and_resets),
        cmocka_unit_test(arena_limit_refuses),
        cmocka_unit_test(buffer_appends_and_fails_whole),
        cmocka_unit_test(map_finds_what_was_put),
        cmocka_unit_test(map_survives_no_memory),
        cmocka_unit_test(error_texts_are_cut_visibly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
