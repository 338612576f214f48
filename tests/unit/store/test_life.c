/* The life of findings: every scenario of docs/store.md, and what other stores are known to get
 * wrong. */
#include "world.h"

#define DONE SCO_RUN_STATUS_COMPLETED

/* A complete scan by one tool that reports these numbers. */
static struct sco_scan *scan_of(struct world *w, const char *tool, const uint32_t *numbers,
                                size_t n)
{
    struct sco_scan *s = scan_new(w);
    scan_run(s, tool, DONE);
    for (size_t i = 0; i < n; i++)
        scan_add(s, numbers[i], tool);
    return s;
}
#define SCAN(...)                                                                                  \
    scan_of(w, "semgrep", (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4)
static struct sco_scan *clean(struct world *w)
{
    return scan_of(w, "semgrep", NULL, 0);
}

TEST(new_seen_resolved_reopened)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2, 3), .created = 3);
    char id[37];
    snprintf(id, sizeof id, "%s", stored(w, 2)->id);
    int64_t first = stored(w, 2)->first_detected;
    assert_int_equal(first, stored(w, 2)->last_detected);
    save_is(w, SCAN(1, 2, 3), .seen = 3);
    assert_int_equal(stored(w, 2)->first_detected, first);
    assert_int_equal(stored(w, 2)->last_detected, first + 1000);
    save_is(w, SCAN(1, 3), .seen = 2, .resolved = 1);
    assert_int_equal(status_of(w, 2), SCO_STATUS_RESOLVED);
    assert_int_equal(stored(w, 2)->resolved_at, first + 2000);
    assert_string_equal(stored(w, 2)->resolved_by, "scan");
    assert_int_equal(stored(w, 2)->last_detected, first + 1000);
    save_is(w, SCAN(1, 3), .seen = 2);
    save_is(w, SCAN(1, 2, 3), .seen = 2, .reopened = 1);
    assert_int_equal(status_of(w, 2), SCO_STATUS_OPEN);
    assert_int_equal(stored(w, 2)->resolved_at, 0);
    assert_null(stored(w, 2)->resolved_by);
    assert_string_equal(stored(w, 2)->id, id);
    assert_int_equal(stored(w, 2)->first_detected, first);
    assert_string_equal(history_of(w, 2), "created,resolved,reopened");
    assert_string_equal(history_of(w, 1), "created");
}

/* Four alerts, imported again with one gone and one new: created 1, closed 1, untouched 3. */
TEST(one_gone_one_new)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2, 3, 4), .created = 4);
    save_is(w, SCAN(2, 3, 4, 5), .created = 1, .seen = 3, .resolved = 1);
}

/* DefectDojo 11470, 8100, 9290: the same report again closed live findings. */
TEST(the_same_report_again_is_no_news)
{
    struct world *w = *state;
    struct sco_scan *s = SCAN(7, 1, 7, 2, 7); /* and has one thing several times in it */
    save_is(w, s, .created = 3);
    for (int i = 0; i < 3; i++)
        save_is(w, SCAN(7, 1, 7, 2, 7), .seen = 3);
    assert_int_equal(count_findings(w, 1u << SCO_STATUS_OPEN), 3);
    assert_string_equal(history_of(w, 7), "created");
}

/* 11227, 14205, 12618: a moved line, another wording or severity are no other finding. */
TEST(lines_texts_and_severities_are_refreshed)
{
    struct world *w = *state;
    save_is(w, SCAN(1), .created = 1);
    struct sco_scan *s = SCAN(1);
    s->findings.v[0].line = 42;
    s->findings.v[0].severity = SCO_SEV_CRITICAL;
    s->findings.v[0].title = "New title";
    s->findings.v[0].description = "New words of the advisory";
    save_is(w, s, .seen = 1, .changed = 1);
    const struct sco_stored_finding *f = stored(w, 1);
    assert_int_equal(f->line_number, 42);
    assert_int_equal(f->severity, SCO_SEV_CRITICAL);
    assert_string_equal(f->title, "New title");
    assert_non_null(strstr(f->content, "New words of the advisory"));
    assert_string_equal(history_of(w, 1), "created,changed");
    struct sco_store_history h = {0};
    assert_int_equal(sco_store_history(w->s, stored(w, 1)->id, &h, NULL), 0);
    assert_string_equal(h.v[1].reason,
                        "severity HIGH to CRITICAL; line 10 to 42; title Title to New title");
    assert_string_equal(h.v[1].by, "scan");
    assert_int_equal(strlen(h.v[1].scan_id), 36);
    sco_store_history_done(&h);
    /* another version of the tool, other words: refreshed, and not worth a row of history */
    s = SCAN(1);
    s->findings.v[0] = (struct sco_finding){0};
    s->findings.n = 0;
    struct sco_finding *g = scan_add(s, 1, "semgrep");
    g->line = 42;
    g->severity = SCO_SEV_CRITICAL;
    g->title = "New title";
    g->description = "Other words";
    save_is(w, s, .seen = 1, .changed = 1);
    assert_string_equal(history_of(w, 1), "created,changed");
    assert_non_null(strstr(stored(w, 1)->content, "Other words"));
}

/* A failed or partial scan must never look like "all fixed". */
TEST(nothing_is_resolved_by_what_did_not_finish)
{
    struct world *w = *state;
    static const enum sco_run_status bad[] = {SCO_RUN_STATUS_INCOMPLETE, SCO_RUN_STATUS_FAILED,
                                              SCO_RUN_STATUS_TIMEOUT, SCO_RUN_STATUS_MISSING,
                                              SCO_RUN_STATUS_SKIPPED};
    save_is(w, SCAN(1, 2), .created = 2);
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        struct sco_scan *s = scan_new(w);
        scan_run(s, "semgrep", bad[i]);
        scan_add(s, 1, "semgrep");
        save_is(w, s, .seen = 1, .not_checked = 1);
        assert_int_equal(status_of(w, 2), SCO_STATUS_OPEN);
    }
    struct sco_scan *s = clean(w);
    s->cancelled = true;
    save_is(w, s, .not_checked = 2);
    s = clean(w); /* one of two runs of the tool failed: another target */
    scan_run(s, "semgrep", SCO_RUN_STATUS_FAILED);
    save_is(w, s, .not_checked = 2);
    s = clean(w); /* part of the target could not be looked at */
    scan_run(s, "secureops", SCO_RUN_STATUS_INCOMPLETE);
    save_is(w, s, .not_checked = 2);
    s = scan_new(w); /* no scanner at all */
    save_is(w, s, .not_checked = 2);
    save_is(w, clean(w), .resolved = 2);
}

TEST(an_incomplete_scan_creates_and_reopens)
{
    struct world *w = *state;
    save_is(w, SCAN(1), .created = 1);
    save_is(w, clean(w), .resolved = 1);
    struct sco_scan *s = scan_new(w);
    scan_run(s, "semgrep", SCO_RUN_STATUS_TIMEOUT);
    scan_add(s, 1, "semgrep");
    scan_add(s, 2, "semgrep");
    save_is(w, s, .created = 1, .reopened = 1);
}

/* One report of several that cannot be read may be a part of what another one says. */
TEST(an_import_with_an_unreadable_report_resolves_nothing)
{
    struct world *w = *state;
    struct sco_scan *s = SCAN(1, 2);
    s->command = "import";
    save_is(w, s, .created = 2);
    s = SCAN(1);
    s->command = "import";
    scan_run(s, "report", SCO_RUN_STATUS_FAILED);
    save_is(w, s, .seen = 1, .not_checked = 1);
    s = SCAN(1);
    s->command = "import";
    save_is(w, s, .seen = 1, .resolved = 1);
}

/* 12754, 11320, 14363: closing reached outside its tool, service or branch. */
TEST(other_tools_scopes_branches_and_repositories_are_left_alone)
{
    struct world *w = *state;
    save_is(w, SCAN(1), .created = 1);
    save_is(w, scan_of(w, "trivy", NULL, 0), .not_checked = 1); /* --scanners trivy */
    w->scope = "service-b";
    save_is(w, clean(w), .not_checked = 1);
    w->scope = "";
    w->branch = "feature";
    save_is(w, clean(w), 0);
    save_is(w, SCAN(1), .created = 1); /* the same fingerprint, another branch: another finding */
    save_is(w, clean(w), .resolved = 1);
    w->branch = "main";
    assert_int_equal(status_of(w, 1), SCO_STATUS_OPEN);
    w->repository = "https://git.example/other";
    save_is(w, clean(w), 0);
    w->repository = "https://git.example/app";
    assert_int_equal(status_of(w, 1), SCO_STATUS_OPEN);
    save_is(w, clean(w), .resolved = 1);
}

TEST(paths_that_a_scan_leaves_out_are_not_fixed)
{
    struct world *w = *state;
    struct sco_scan *s = SCAN(1, 2);
    s->findings.v[0].file_path = "vendor/x.py";
    save_is(w, s, .created = 2);
    w->left_out = "vendor/x.py";
    save_is(w, clean(w), .resolved = 1, .not_checked = 1);
    assert_int_equal(status_of(w, 1), SCO_STATUS_OPEN);
    w->left_out = NULL;
    save_is(w, clean(w), .resolved = 1);
}

/* The last Python file is gone: there is nothing that bandit could look at. */
TEST(a_tool_with_nothing_left_to_look_at_resolves)
{
    struct world *w = *state;
    struct sco_scan *s = SCAN(1, 2);
    s->findings.v[1].file_path = NULL;
    save_is(w, s, .created = 2);
    s = scan_new(w);
    scan_run(s, "semgrep", SCO_RUN_STATUS_SKIPPED);
    s->runs[0].nothing = true;
    save_is(w, s, .resolved = 1, .not_checked = 1);
    assert_int_equal(status_of(w, 1), SCO_STATUS_RESOLVED);
    assert_int_equal(status_of(w, 2), SCO_STATUS_OPEN); /* it has no path: nobody knows */
}

TEST(several_tools_report_one_finding)
{
    struct world *w = *state;
    struct sco_scan *s = SCAN(1);
    scan_run(s, "bandit", DONE);
    scan_add_tool(s, &s->findings.v[0], "bandit", SCO_SEV_CRITICAL);
    save_is(w, s, .created = 1);
    assert_string_equal(stored(w, 1)->tools, "semgrep,bandit");
    /* one of them alone says nothing about what the other one reported */
    save_is(w, clean(w), .not_checked = 1);
    s = SCAN(1);
    save_is(w, s, .seen = 1, .changed = 1);
    assert_string_equal(stored(w, 1)->tools, "semgrep,bandit");
    assert_int_equal(stored(w, 1)->severity, SCO_SEV_CRITICAL);
    assert_non_null(strstr(stored(w, 1)->content, "bandit"));
    /* both ran, and one no longer reports it */
    s = SCAN(1);
    scan_run(s, "bandit", DONE);
    s->findings.v[0].title = "Only semgrep";
    save_is(w, s, .seen = 1, .changed = 1);
    assert_string_equal(stored(w, 1)->tools, "semgrep");
    assert_int_equal(stored(w, 1)->severity, SCO_SEV_HIGH);
    save_is(w, clean(w), .resolved = 1);
}

TEST(false_positives_and_accepted_ones_stay)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2, 3), .created = 3);
    set_status(w, 1, SCO_STATUS_FALSE_POSITIVE, 0);
    set_status(w, 2, SCO_STATUS_ACCEPTED, 0);
    set_status(w, 3, SCO_STATUS_IN_PROGRESS, 0);
    save_is(w, SCAN(1, 2, 3), .seen = 3);
    save_is(w, clean(w), .resolved = 1); /* gone: what was settled stays so */
    save_is(w, SCAN(1, 2), .seen = 2);
    assert_int_equal(status_of(w, 1), SCO_STATUS_FALSE_POSITIVE);
    assert_int_equal(status_of(w, 2), SCO_STATUS_ACCEPTED);
    assert_int_equal(status_of(w, 3), SCO_STATUS_RESOLVED);
    assert_string_equal(stored(w, 1)->status_by, "ada@example.com");
    assert_string_equal(stored(w, 1)->status_reason, "because");
    assert_string_equal(history_of(w, 3), "created,status,resolved");
}

TEST(accepted_until_a_date)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2, 3), .created = 3);
    set_status(w, 1, SCO_STATUS_ACCEPTED, w->now + 10000);
    set_status(w, 2, SCO_STATUS_ACCEPTED, w->now + 10000);
    set_status(w, 3, SCO_STATUS_ACCEPTED, w->now + 10000);
    save_is(w, SCAN(1, 2, 3), .seen = 3);
    assert_int_equal(status_of(w, 1), SCO_STATUS_ACCEPTED);
    w->now += 20000;
    save_is(w, SCAN(1), .seen = 1, .resolved = 2); /* open again, and the others are gone */
    assert_int_equal(status_of(w, 1), SCO_STATUS_OPEN);
    assert_int_equal(status_of(w, 2), SCO_STATUS_RESOLVED);
    assert_int_equal(stored(w, 1)->accepted_until, 0);
    assert_string_equal(history_of(w, 1), "created,status,expired");
    set_status(w, 1, SCO_STATUS_ACCEPTED, w->now + 10000);
    uint64_t n = 99;
    assert_int_equal(sco_store_expire(w->s, w->now, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(sco_store_expire(w->s, w->now + 20000, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(status_of(w, 1), SCO_STATUS_OPEN);
    assert_string_equal(history_of(w, 1), "created,status,expired,status,expired");
}

TEST(resolved_by_hand_and_found_again)
{
    struct world *w = *state;
    save_is(w, SCAN(1), .created = 1);
    set_status(w, 1, SCO_STATUS_RESOLVED, 0);
    assert_string_equal(stored(w, 1)->resolved_by, "ada@example.com");
    save_is(w, SCAN(1), .reopened = 1);
    assert_string_equal(history_of(w, 1), "created,status,reopened");
}

/* A scanner that knows states of its own (SonarQube: closed, won't fix). */
TEST(states_that_the_tool_reports)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2, 3), .created = 3);
    struct sco_scan *s = SCAN(1, 2, 3, 4);
    s->findings.v[0].status = SCO_STATUS_RESOLVED;
    s->findings.v[1].status = SCO_STATUS_FALSE_POSITIVE;
    s->findings.v[3].status = SCO_STATUS_ACCEPTED;
    save_is(w, s, .created = 1, .seen = 3, .changed = 2);
    assert_int_equal(status_of(w, 1), SCO_STATUS_RESOLVED);
    assert_int_equal(status_of(w, 2), SCO_STATUS_FALSE_POSITIVE);
    assert_int_equal(status_of(w, 4), SCO_STATUS_ACCEPTED);
    assert_string_equal(stored(w, 2)->status_by, "tool:semgrep");
    s = SCAN(1, 2, 3, 4); /* resolved and reported as resolved: nothing happens */
    s->findings.v[0].status = SCO_STATUS_RESOLVED;
    s->findings.v[3].status = SCO_STATUS_ACCEPTED;
    save_is(w, s, .seen = 4, .changed = 1);
    assert_int_equal(status_of(w, 1), SCO_STATUS_RESOLVED);
    assert_int_equal(status_of(w, 2), SCO_STATUS_OPEN); /* the tool has changed its mind */
    assert_int_equal(status_of(w, 4), SCO_STATUS_ACCEPTED);
    set_status(w, 3, SCO_STATUS_FALSE_POSITIVE, 0);
    s = SCAN(1, 2, 3, 4); /* and a person's word is not changed by it */
    s->findings.v[2].status = SCO_STATUS_RESOLVED;
    s->findings.v[3].status = SCO_STATUS_ACCEPTED;
    save_is(w, s, .seen = 3, .reopened = 1, .changed = 2);
    assert_int_equal(status_of(w, 3), SCO_STATUS_FALSE_POSITIVE);
}

static void suppress(struct sco_scan *s, size_t i, const char *reason)
{
    struct sco_suppresseds *l =
        sco_pool_alloc(s->findings.pool, sizeof *l + sizeof(struct sco_suppressed));
    l->n = 1;
    l->v[0] = (struct sco_suppressed){.kind = 1, .reason = reason};
    s->findings.v[i].suppressions = l;
}

TEST(suppressions_are_recorded)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2), .created = 2);
    struct sco_scan *s = SCAN(1, 2);
    suppress(s, 0, "agreed with ops");
    save_is(w, s, .seen = 2, .changed = 1);
    assert_true(stored(w, 1)->suppressed);
    assert_false(stored(w, 2)->suppressed);
    assert_int_equal(status_of(w, 1), SCO_STATUS_OPEN);
    assert_string_equal(history_of(w, 1), "created,suppressed");
    struct sco_finding_page p = {0};
    assert_int_equal(sco_store_findings(w->s, &(struct sco_store_filter){0}, &p, NULL), 0);
    assert_int_equal(p.n, 1);
    sco_finding_page_done(&p);
    save_is(w, SCAN(1, 2), .seen = 2, .changed = 1);
    assert_string_equal(history_of(w, 1), "created,suppressed,unsuppressed");
    s = SCAN(1);
    suppress(s, 0, "again");
    save_is(w, s, .seen = 1, .changed = 1, .resolved = 1);
    save_is(w, clean(w), .resolved = 1);
}

/* Two scans at once: what one has resolved while the other was under way stays so, and what one has
 * just seen is not gone. */
TEST(a_scan_that_began_before_another_ended)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2), .created = 2);
    struct sco_scan *slow = SCAN(1);
    save_is(w, SCAN(2), .seen = 1, .resolved = 1);
    slow->completed_ms = w->now;
    w->now += 1000;
    save_is(w, slow, .seen = 1, .not_checked = 1);
    assert_int_equal(status_of(w, 1), SCO_STATUS_RESOLVED);
    assert_int_equal(status_of(w, 2), SCO_STATUS_OPEN);
    save_is(w, SCAN(1), .reopened = 1, .resolved = 1);
}

TEST(recall_tells_when_first_seen)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2), .created = 2);
    int64_t first = stored(w, 1)->first_detected;
    save_is(w, SCAN(1), .seen = 1, .resolved = 1);
    struct sco_scan *s = SCAN(1, 1, 2, 3);
    struct sco_store_subject sub = {.repository = w->repository, .branch = w->branch, .scope = ""};
    uint64_t n = 1;
    assert_int_equal(sco_store_recall(w->s, &sub, &s->findings, w->now, &n, NULL), 0);
    assert_int_equal(n, 0);
    for (int i = 0; i < 2; i++) { /* both that have the fingerprint */
        assert_non_null(s->findings.v[i].stored);
        assert_int_equal(s->findings.v[i].stored->first_detected, first);
        assert_string_equal(s->findings.v[i].stored->id, stored(w, 1)->id);
    }
    assert_null(s->findings.v[2].stored); /* was resolved: it is new again */
    assert_null(s->findings.v[3].stored);
    scan_free(s);
}

TEST(recall_for_a_gate)
{
    struct world *w = *state;
    save_is(w, SCAN(1, 2, 3), .created = 3);
    set_status(w, 1, SCO_STATUS_FALSE_POSITIVE, 0);
    set_status(w, 2, SCO_STATUS_ACCEPTED, w->now + 5000);
    struct sco_scan *s = SCAN(1, 2, 3);
    struct sco_store_subject sub = {.repository = w->repository, .branch = w->branch, .scope = ""};
    uint64_t n = 0;
    assert_int_equal(sco_store_recall(w->s, &sub, &s->findings, w->now, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(s->findings.v[0].status, SCO_STATUS_FALSE_POSITIVE);
    assert_int_equal(s->findings.v[1].status, SCO_STATUS_ACCEPTED);
    assert_int_equal(s->findings.v[2].status, SCO_STATUS_OPEN);
    save_is(w, s, .seen = 3); /* its word is the store's own: nothing happens */
    assert_string_equal(stored(w, 1)->status_by, "ada@example.com");
    s = SCAN(1, 2, 3);
    assert_int_equal(sco_store_recall(w->s, &sub, &s->findings, w->now + 90000, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(s->findings.v[1].status, SCO_STATUS_OPEN);
    save_is(w, s, .seen = 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        T(new_seen_resolved_reopened),
        T(one_gone_one_new),
        T(the_same_report_again_is_no_news),
        T(lines_texts_and_severities_are_refreshed),
        T(nothing_is_resolved_by_what_did_not_finish),
        T(an_incomplete_scan_creates_and_reopens),
        T(an_import_with_an_unreadable_report_resolves_nothing),
        T(other_tools_scopes_branches_and_repositories_are_left_alone),
        T(paths_that_a_scan_leaves_out_are_not_fixed),
        T(a_tool_with_nothing_left_to_look_at_resolves),
        T(several_tools_report_one_finding),
        T(false_positives_and_accepted_ones_stay),
        T(accepted_until_a_date),
        T(resolved_by_hand_and_found_again),
        T(states_that_the_tool_reports),
        T(suppressions_are_recorded),
        T(a_scan_that_began_before_another_ended),
        T(recall_tells_when_first_seen),
        T(recall_for_a_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
