/* The pool: one copy per content, whatever the number; records with their padding. */
#include "data_test.h"

#include <stdio.h>

static void texts(void **state)
{
    (void)state;
    struct sco_pool *p = sco_pool_new();
    const char *a = sco_pool_str(p, SCO_STR("text"));
    char other[] = "text";
    assert_string_equal(a, "text");
    assert_ptr_equal(sco_pool_str(p, sco_str_make(other, 4)), a);
    assert_ptr_not_equal(sco_pool_str(p, SCO_STR("texts")), a);
    assert_null(sco_pool_str(p, sco_str_make(NULL, 0)));
    assert_string_equal(sco_pool_str(p, SCO_STR("")), "");
    /* a NUL within a text does not make it equal to its beginning */
    assert_ptr_not_equal(sco_pool_str(p, sco_str_make("text\0x", 6)), a);

    enum { N = 20000 };
    static const char *v[N];
    char tmp[32];
    for (int i = 0; i < N; i++) {
        snprintf(tmp, sizeof tmp, "text number %d", i);
        v[i] = sco_pool_str(p, sco_str_c(tmp));
    }
    size_t size = sco_pool_size(p);
    for (int i = 0; i < N; i++) {
        snprintf(tmp, sizeof tmp, "text number %d", i);
        assert_ptr_equal(sco_pool_str(p, sco_str_c(tmp)), v[i]);
        assert_string_equal(v[i], tmp);
    }
    assert_int_equal(sco_pool_size(p), size);
    assert_true(size < N * 64);
    assert_null(sco_pool_free(p));
    assert_null(sco_pool_free(NULL));
}

static void records(void **state)
{
    (void)state;
    struct sco_pool *p = sco_pool_new();
    const char *l[2] = {sco_pool_str(p, SCO_STR("a")), sco_pool_str(p, SCO_STR("b"))};
    const struct sco_strs *s = sco_pool_strs(p, l, 2);
    assert_int_equal(s->n, 2);
    assert_ptr_equal(s->v[1], l[1]);
    assert_ptr_equal(sco_pool_strs(p, l, 2), s);
    assert_ptr_not_equal(sco_pool_strs(p, l, 1), s);
    assert_int_equal((uintptr_t)s % 8, 0);

    struct sco_tool t, u;
    memset(&t, 0x55, sizeof t); /* padding differs */
    memset(&u, 0xAA, sizeof u);
    t.name = u.name = l[0];
    t.version = u.version = NULL;
    t.rule_id = u.rule_id = l[1];
    t.severity = u.severity = SCO_SEV_LOW;
    const struct sco_tool *pt = sco_pool_tool(p, &t);
    assert_ptr_equal(sco_pool_tool(p, &u), pt);
    u.severity = SCO_SEV_HIGH;
    assert_ptr_not_equal(sco_pool_tool(p, &u), pt);
    const struct sco_tools *ts = sco_pool_tools(p, &pt, 1);
    assert_int_equal(ts->n, 1);
    assert_ptr_equal(ts->v[0], pt);

    char *zero = sco_pool_alloc(p, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zero[i], 0);
    sco_pool_free(p);
}

static void out_of_memory(void **state)
{
    (void)state;
    sco_alloc_fail_at(0);
    assert_null(sco_pool_new());
    for (long n = 0; n < 4; n++) {
        struct sco_pool *p = (sco_alloc_fail_at(-1), sco_pool_new());
        sco_alloc_fail_at(n);
        const char *a = sco_pool_str(p, SCO_STR("a"));
        sco_alloc_fail_at(-1);
        assert_true((a == NULL) == (n < 3));                     /* two tables, one block */
        assert_string_equal(sco_pool_str(p, SCO_STR("a")), "a"); /* still in order */
        sco_pool_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(records),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
