/* What somebody may see of the store, and whose a finding is. */
#include "world.h"

static struct sco_error err;

static size_t findings_of(struct world *w, struct sco_store_filter f)
{
    struct sco_finding_page p = {0};
    f.statuses = ALL_STATUSES;
    if (sco_store_findings(w->s, &f, &p, &err) < 0)
        fail_msg("%s", err.text);
    size_t n = p.n;
    sco_finding_page_done(&p);
    return n;
}

static size_t scans_of(struct world *w, const char *const *repositories)
{
    struct sco_scan_page p = {0};
    struct sco_store_scan_filter f = {.repositories = repositories};
    if (sco_store_scans(w->s, &f, &p, &err) < 0)
        fail_msg("%s", err.text);
    size_t n = p.n;
    sco_scan_page_done(&p);
    return n;
}

static void save(struct world *w, const char *repository, uint32_t number)
{
    w->repository = repository;
    struct sco_scan *s = scan_new(w);
    scan_run(s, "semgrep", SCO_RUN_STATUS_COMPLETED);
    scan_add(s, number, "semgrep");
    save_is(w, s, .created = 1);
}

static void only_what_may_be_seen(void **state)
{
    struct world *w = *state;
    save(w, "https://git.example.com/a/one", 1);
    save(w, "https://git.example.com/a/two", 1);
    save(w, "https://git.example.com/b/three", 2);
    static const struct {
        const char *globs[3];
        size_t n;
    } cases[] = {
        {{"https://git.example.com/a/*"}, 2},
        {{"https://git.example.com/a/one"}, 1},
        {{"**/a/*", "**/b/*"}, 3},
        {{"https://git.example.com/*"}, 0}, /* one star stays within a folder */
        {{"%"}, 0},
        {{NULL}, 0}, /* nothing at all is not everything */
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        assert_int_equal(findings_of(w, (struct sco_store_filter){.repositories = cases[i].globs}),
                         cases[i].n);
        assert_int_equal(scans_of(w, cases[i].globs), cases[i].n);
    }
    assert_int_equal(findings_of(w, (struct sco_store_filter){0}), 3);
    assert_int_equal(
        findings_of(w, (struct sco_store_filter){.repositories = cases[0].globs, .limit = 1}), 1);
}

static void assignees(void **state)
{
    struct world *w = *state;
    bool changed = false;
    save(w, "a", 1);
    save(w, "b", 2);
    w->repository = "a";
    char id[37];
    snprintf(id, sizeof id, "%s", stored(w, 1)->id);
    assert_null(stored(w, 1)->assignee);
    assert_int_equal(sco_store_assign(w->s, id, "ada", "bob", w->now, &changed, &err), 0);
    assert_true(changed);
    assert_string_equal(stored(w, 1)->assignee, "ada");
    assert_string_equal(history_of(w, 1), "created,assigned");
    assert_int_equal(sco_store_assign(w->s, id, "ada", "bob", w->now, &changed, &err), 0);
    assert_false(changed);
    assert_int_equal(findings_of(w, (struct sco_store_filter){.assignee = "ada"}), 1);
    assert_int_equal(findings_of(w, (struct sco_store_filter){.assignee = "a"}), 0);
    assert_int_equal(findings_of(w, (struct sco_store_filter){.assignee = ""}), 1);
    struct sco_scan *s = scan_new(w); /* a scan leaves it alone */
    scan_run(s, "semgrep", SCO_RUN_STATUS_COMPLETED);
    scan_add(s, 1, "semgrep");
    save_is(w, s, .seen = 1);
    assert_string_equal(stored(w, 1)->assignee, "ada");
    assert_int_equal(sco_store_assign(w->s, id, "", "bob", w->now, &changed, &err), 0);
    assert_true(changed);
    assert_null(stored(w, 1)->assignee);
    assert_int_equal(sco_store_assign(w->s, id, "\xff", "bob", w->now, &changed, &err),
                     SCO_E_INVALID);
    assert_int_equal(sco_store_assign(w->s, "00000000-0000-7000-8000-000000000000", "ada", "bob",
                                      w->now, &changed, &err),
                     SCO_E_NOT_FOUND);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {T(only_what_may_be_seen), T(assignees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
