/* Hostile scripts: tests/policy/hostile/NAME.lua, whose first line says what has to come out:
 *   -- expect: VERDICT TEXT      the verdict, and what its message holds; "fails N": so many fails
 *   -- expect: problem TEXT      the file is refused while loading
 *   -- then: VERDICT TEXT        of the second run, when it is another
 * Each runs alone, twice in one state, and ends within 5 seconds of CPU time. */
#include "policy_test.h"

#include <dirent.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 5 };

/* Ends the test with the default action of the signals; 0 switches it off. On a busy machine only
 * the time of the CPU says something. */
static void set_alarm(int seconds)
{
    struct itimerval t = {.it_value.tv_sec = seconds};
    assert_int_equal(setitimer(ITIMER_PROF, &t, NULL), 0);
    alarm((unsigned)seconds * 12);
}

struct outcome {
    size_t fails, others;
    enum sco_verdict_kind kind;
    char message[SCO_POLICY_MESSAGE_MAX + 64];
};

static int on_verdict(void *user, const struct sco_verdict *v)
{
    struct outcome *o = user;
    o->kind = v->kind;
    snprintf(o->message, sizeof o->message, "%s", v->message);
    assert_true(strlen(v->message) < SCO_POLICY_MESSAGE_MAX + 64);
    assert_true(sco_utf8_valid(sco_str_c(v->message)));
    if (v->kind == SCO_VERDICT_FAIL)
        o->fails++;
    else
        o->others++;
    return 0;
}

static bool as_expected(const char *expect, const struct outcome *o)
{
    char word[32];
    size_t fails;
    if (sscanf(expect, "fails %zu", &fails) == 1)
        return o->fails == fails && strstr(o->message, "more places");
    size_t n = strcspn(expect, " ");
    snprintf(word, sizeof word, "%.*s", (int)n, expect);
    const char *text = expect[n] ? expect + n + 1 : "";
    return strcmp(word, sco_verdict_name(o->kind)) == 0 && strstr(o->message, text) &&
           o->fails <= 1 && o->others <= 1;
}

static void copy_libraries(struct bundle *b, const char *dir)
{
    static const char *const names[] = {"lib/holes.lua", "lib/loop.lua"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++) {
        SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
        sco_buf_addf(&path, "%s/%s", dir, names[i]);
        assert_int_equal(sco_fs_read(sco_buf_z(&path), 1 << 20, &text, &b->err), 0);
        bundle_file(b, names[i], sco_buf_z(&text));
    }
}

/* Loads the file alone, with the libraries. */
static size_t run_file(const char *dir, const char *name)
{
    size_t wrong = 0;
    struct bundle b;
    struct sco_buf path = {0}, text = {0};
    struct sco_error err = {0};
    bundle_init(&b);
    sco_buf_addf(&path, "%s/%s", dir, name);
    assert_int_equal(sco_fs_read(sco_buf_z(&path), 1 << 20, &text, &err), 0);
    const char *mark = memmem(text.p, text.n, "-- expect: ", 11);
    assert_non_null(mark);
    char expect[256];
    snprintf(expect, sizeof expect, "%.*s", (int)strcspn(mark + 11, "\n"), mark + 11);
    char *file = NULL;
    assert_true(asprintf(&file, "%s/%s", b.dir, name) > 0);
    assert_int_equal(sco_fs_write(file, sco_buf_str(&text), 0644, &err), 0);
    free(file);
    copy_libraries(&b, dir);

    set_alarm(SECONDS);
    bundle_load(&b);
    size_t n;
    const struct sco_policy_problem *problems = sco_policies_problems(b.p, &n);
    if (strncmp(expect, "problem ", 8) == 0) {
        if (n != 1 || !strstr(problems[0].message, expect + 8))
            wrong = 1, print_error("%s: expected %s, got %s\n", name, expect,
                                   n ? problems[0].message : "none");
    } else {
        if (n)
            wrong = 1, print_error("%s: %s\n", name, problems[0].message);
        struct sco_iac_set docs = {0};
        assert_int_equal(
            sco_iac_add_text(&docs, sco_str_c(POD), "pod.yaml", SCO_IAC_FORMAT_NONE, 0, &err), 1);
        for (int i = 0; i < 2; i++) {
            struct outcome o = {0};
            mark = i ? memmem(text.p, text.n, "-- then: ", 9) : NULL;
            if (mark)
                snprintf(expect, sizeof expect, "%.*s", (int)strcspn(mark + 9, "\n"), mark + 9);
            set_alarm(SECONDS);
            assert_int_equal(sco_policies_eval(b.p, &docs, on_verdict, &o, &err), 0);
            if (!as_expected(expect, &o))
                wrong = 1, print_error("%s, run %d: expected %s, got %s: %.200s (%zu fails, %zu "
                                       "others)\n",
                                       name, i + 1, expect, sco_verdict_name(o.kind), o.message,
                                       o.fails, o.others);
        }
        sco_iac_set_done(&docs);
    }
    set_alarm(0);
    sco_buf_done(&path);
    sco_buf_done(&text);
    bundle_done(&b);
    return wrong;
}

static void test_hostile(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf dir = {0};
    sco_buf_addf(&dir, "%s/tests/policy/hostile", getenv("SECUREOPS_SOURCE"));
    DIR *d = opendir(sco_buf_z(&dir));
    assert_non_null(d);
    size_t n = 0, wrong = 0;
    for (struct dirent *e; (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (len < 4 || strcmp(e->d_name + len - 4, ".lua") != 0)
            continue;
        if (getenv("VERBOSE"))
            print_message("%s %.2f\n", e->d_name, (double)clock() / CLOCKS_PER_SEC);
        wrong += run_file(sco_buf_z(&dir), e->d_name);
        n++;
    }
    closedir(d);
    assert_int_equal(wrong, 0);
    assert_true(n >= 46);
    print_message("%zu hostile scripts\n", n);
}

/* What one policy does to its state is nothing to another, before it or after it. */
static void test_neighbours(void **state)
{
    (void)state;
    struct bundle b;
    bundle_init(&b);
    bundle_file(&b, "a.lua",
                "return { id = 'a', title = 'a', severity = 'LOW', applies_to = 'kubernetes', "
                "remediation = 'a', check = function(r) local t = {} while true do t = {t, t} end "
                "end }");
    bundle_file(&b, "b.lua",
                "return { id = 'b', title = 'b', severity = 'LOW', applies_to = 'kubernetes', "
                "remediation = 'b', check = function(r) fail('b is judged') end }");
    bundle_load(&b);
    const char *text = bundle_eval(&b, "pod.yaml", POD);
    assert_non_null(strstr(text, "error a Pod.default.web pod.yaml:1 : memory limit"));
    assert_non_null(strstr(text, "fail b Pod.default.web pod.yaml:1 : b is judged"));
    bundle_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile),
                                       cmocka_unit_test(test_neighbours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
