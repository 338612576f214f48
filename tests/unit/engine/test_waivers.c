/* Waivers: what they match, when they have expired, what is wrong with a file; and how files are
 * cut into shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine_priv.h"

#include <unistd.h>

static char path[] = "/tmp/sco-waivers-XXXXXX";
static const int64_t noon = 1798718400000; /* 2026-12-31T12:00:00Z */

static int load(const char *text, struct sco_waivers **ret, struct sco_error *err)
{
    const char *files[] = {path, NULL};
    assert_int_equal(sco_fs_write(path, sco_str_c(text), 0600, NULL), 0);
    return sco_waivers_load(files, noon, ret, err);
}

static const char *match(struct sco_waivers *w, const char *id, const char *resource,
                         const char *file)
{
    const struct sco_waiver *x = sco_waivers_match(w, &id, 1, resource, file);
    return x ? x->reason : NULL;
}

static void test_matches(void **state)
{
    (void)state;
    struct sco_waivers *w = NULL;
    assert_int_equal(load("waivers:\n"
                          "  - {policy: k8s-a, resource: 'Pod.*', reason: one}\n"
                          "  - {rule: 'CKV_K8S_1?', path: 'deploy/**', reason: two}\n"
                          "  - {rule: AVD-AWS-0001, reason: three}\n"
                          "  - {rule: 'kics:*', path: kics, reason: four}\n"
                          "  - {rule: 'AVD-*', path: avd, reason: five}\n"
                          "  - {rule: '*', path: 'top*', reason: six}\n",
                          &w, NULL),
                     0);
    assert_string_equal(match(w, "k8s-a", "Pod.x", "a.yaml"), "one");
    assert_null(match(w, "k8s-a", "Service.x", "a.yaml"));
    assert_null(match(w, "k8s-a", NULL, "a.yaml")); /* a resource is asked for */
    assert_null(match(w, "k8s-ab", "Pod.x", "a.yaml"));
    assert_string_equal(match(w, "ckv_k8s_16", NULL, "deploy/x/a.yaml"), "two");
    assert_null(match(w, "CKV_K8S_16", NULL, "other/a.yaml"));
    assert_null(match(w, "CKV_K8S_160", NULL, "deploy/a.yaml"));
    assert_string_equal(match(w, "AWS-0001", NULL, NULL), "three");
    assert_string_equal(match(w, "kics:dd29336b", NULL, "kics"), "four");
    assert_string_equal(match(w, "AVD-KSV-0001", NULL, "avd"), "five");
    assert_null(match(w, "k8s-privileged", NULL, "kics"));
    assert_null(match(w, "CVE-2024-1234", NULL, "avd"));
    assert_int_equal(w->v[0].matched, 1);
    assert_int_equal(w->v[1].matched, 1);
    sco_waivers_free(w);
}

static void test_expiry(void **state)
{
    (void)state;
    static const struct {
        const char *expires;
        bool expired;
    } cases[] = {{"2026-12-30", true},
                 {"2026-12-31", false}, /* to the end of the day */
                 {"2026-12-31T11:59:59Z", true},
                 {"2026-12-31T12:00:01Z", false},
                 {"2027-01-01", false}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        char text[200];
        struct sco_waivers *w = NULL;
        snprintf(text, sizeof text, "waivers:\n  - {policy: a, reason: r, expires: '%s'}\n",
                 cases[i].expires);
        assert_int_equal(load(text, &w, NULL), 0);
        assert_int_equal(w->v[0].expired, cases[i].expired);
        assert_int_equal(match(w, "a", NULL, NULL) == NULL, cases[i].expired);
        assert_int_equal(w->v[0].matched, 1); /* counted, so that it can be told */
        sco_waivers_free(w);
    }
}

/* One that holds speaks for the place; an expired one beside it is silent. */
static void test_expired_beside_another(void **state)
{
    (void)state;
    struct sco_waivers *w = NULL;
    assert_int_equal(load("waivers:\n  - {policy: a, reason: old, expires: 2020-01-01}\n"
                          "  - {policy: a, reason: new}\n",
                          &w, NULL),
                     0);
    assert_string_equal(match(w, "a", NULL, NULL), "new");
    assert_int_equal(w->v[0].matched, 0);
    sco_waivers_free(w);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const texts[] = {"waivers: 1\n",
                                        "other: []\n",
                                        "- a\n",
                                        "waivers: [a]\n",
                                        "waivers:\n  - {policy: a}\n",
                                        "waivers:\n  - {reason: a}\n",
                                        "waivers:\n  - {policy: '', reason: a}\n",
                                        "waivers:\n  - {policy: [a], reason: a}\n",
                                        "waivers:\n  - {policy: '**', reason: a}\n",
                                        "waivers:\n  - {policy: '{*,x}', reason: a}\n",
                                        "waivers:\n  - {policy: '[!_]*', reason: a}\n",
                                        "waivers:\n  - {policy: '*', path: '**', reason: a}\n",
                                        "waivers:\n  - {policy: '*', resource: '*', reason: a}\n",
                                        "waivers:\n  - {policy: a, rule: a, reason: a}\n",
                                        "waivers:\n  - {policy: a, reason: a, until: b}\n",
                                        "waivers:\n  - {policy: a, reason: a, expires: 1}\n",
                                        "waivers: [\n"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++) {
        struct sco_waivers *w = NULL;
        struct sco_error err = {0};
        assert_true(load(texts[i], &w, &err) < 0);
        assert_null(w);
        if (!strstr(err.text, path) || !strstr(err.text, ":"))
            fail_msg("no place: %s", err.text);
    }
    struct sco_waivers *w = NULL;
    assert_int_equal(load("waivers:\n", &w, NULL), 0);
    assert_int_equal(w->n, 0);
    sco_waivers_free(w);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] =
        "waivers:\n  - {policy: a, reason: b, path: c, expires: 2027-01-01}\n";
    const char *files[] = {path, NULL};
    assert_int_equal(sco_fs_write(path, sco_str_c(text), 0600, NULL), 0);
    for (long n = 0;; n++) {
        struct sco_waivers *w = NULL;
        sco_alloc_fail_at(n);
        int r = sco_waivers_load(files, noon, &w, NULL);
        bool all = sco_alloc_fail_at(-1) <= n;
        sco_waivers_free(w);
        if (all) {
            assert_int_equal(r, 0);
            break;
        }
        assert_int_equal(r, SCO_E_NOMEM);
    }
}

static void test_shares(void **state)
{
    (void)state;
    uint64_t sizes[5000];
    size_t ends[64];
    for (size_t i = 0; i < 5000; i++)
        sizes[i] = 100;
    assert_int_equal(policy_shares_cut(sizes, 2000, 4, ends), 1); /* few and small */
    assert_int_equal(ends[0], 2000);
    assert_int_equal(policy_shares_cut(sizes, 5000, 1, ends), 1);
    assert_int_equal(policy_shares_cut(sizes, 0, 4, ends), 1);
    assert_int_equal(ends[0], 0);
    assert_int_equal(policy_shares_cut(sizes, 5000, 4, ends), 4);
    assert_int_equal(ends[0], 1250);
    assert_int_equal(ends[3], 5000);
    sizes[0] = 50 << 20; /* one large file: the others are spread as they can be */
    size_t n = policy_shares_cut(sizes, 10, 2, ends);
    assert_int_equal(n, 2);
    assert_int_equal(ends[0], 1);
    assert_int_equal(ends[1], 10);
    for (size_t jobs = 1; jobs < 100; jobs++) { /* every file once, whatever the sizes */
        for (size_t i = 0; i < 5000; i++)
            sizes[i] = (i * 7919) % 100000;
        n = policy_shares_cut(sizes, 5000, jobs, ends);
        assert_true(n >= 1 && n <= 64 && n <= jobs);
        for (size_t i = 1; i < n; i++)
            assert_true(ends[i] > ends[i - 1]);
        assert_int_equal(ends[n - 1], 5000);
    }
}

static void test_outcomes(void **state)
{
    (void)state;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    enum sco_run_status s = SCO_RUN_STATUS_SKIPPED;
    const char *r = policy_shares_join(&arena, &s, "nothing", SCO_RUN_STATUS_COMPLETED, NULL);
    assert_int_equal(s, SCO_RUN_STATUS_COMPLETED);
    assert_null(r);
    r = policy_shares_join(&arena, &s, NULL, SCO_RUN_STATUS_SKIPPED, "nothing");
    assert_int_equal(s, SCO_RUN_STATUS_COMPLETED);
    assert_null(r);
    r = policy_shares_join(&arena, &s, "a note", SCO_RUN_STATUS_INCOMPLETE, "b broke");
    assert_int_equal(s, SCO_RUN_STATUS_INCOMPLETE);
    assert_string_equal(r, "a note; b broke");
    r = policy_shares_join(&arena, &s, r, SCO_RUN_STATUS_COMPLETED, NULL);
    assert_int_equal(s, SCO_RUN_STATUS_INCOMPLETE); /* never better again */
    r = policy_shares_join(&arena, &s, r, SCO_RUN_STATUS_FAILED, "crashed");
    assert_int_equal(s, SCO_RUN_STATUS_FAILED);
    s = SCO_RUN_STATUS_SKIPPED;
    r = policy_shares_join(&arena, &s, "same", SCO_RUN_STATUS_SKIPPED, "same");
    assert_int_equal(s, SCO_RUN_STATUS_SKIPPED);
    assert_string_equal(r, "same");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),   cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_expired_beside_another),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_shares),
        cmocka_unit_test(test_outcomes),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int r = cmocka_run_group_tests_name("waivers", tests, NULL, NULL);
    unlink(path);
    return r;
}
