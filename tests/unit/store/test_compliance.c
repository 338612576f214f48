/* Assessments and attestations: what is stored with a scan, which is the latest, what is never
 * compliant, what an attestation counts for and for how long, that nothing is changed unnoticed. */
#include "world.h"

#include <secureops/json.h>
#include <secureops/store_compliance.h>

#define DAY ((int64_t)24 * 3600 * 1000)

/* "pass manual fail": the controls 1, 2, 3. */
struct assessed {
    const char *framework, *version, *statuses;
    bool incomplete;
};

static int attach(void *user, struct sco_store *s, const struct sco_scan *scan,
                  struct sco_error *err)
{
    const struct assessed *x = user;
    struct sco_new_verdict v[16];
    struct sco_str rest = sco_str_c(x->statuses), one;
    char ids[16][4], statuses[16][20];
    size_t n = 0;
    while (sco_str_split(&rest, ' ', &one)) {
        snprintf(ids[n], sizeof ids[n], "%zu", n + 1);
        snprintf(statuses[n], sizeof statuses[n], "%.*s", SCO_STR_ARG(one));
        v[n] = (struct sco_new_verdict){.control = ids[n],
                                        .title = "Title",
                                        .manual = strcmp(statuses[n], "manual") == 0,
                                        .status = statuses[n],
                                        .reason = "because",
                                        .evidence = "{\"policies\":[]}"};
        n++;
    }
    struct sco_new_assessment a = {
        .framework = x->framework, .version = x->version, .title = "Frame", .v = v, .n = n};
    return sco_store_assessment_add(s, scan->id, &a, err);
}

static int assess_try(struct world *w, struct assessed x, struct sco_error *err)
{
    struct sco_scan *s = scan_new(w);
    scan_run(s, "policies", x.incomplete ? SCO_RUN_STATUS_FAILED : SCO_RUN_STATUS_COMPLETED);
    struct sco_store_subject sub = {.repository = w->repository,
                                    .branch = w->branch,
                                    .scope = w->scope,
                                    .attach = attach,
                                    .user = &x};
    int r = sco_store_save_scan(w->s, &sub, s, err);
    scan_free(s);
    return r;
}

static void assess_as(struct world *w, struct assessed x)
{
    struct sco_error err = {0};
    x.framework = x.framework ? x.framework : "frame";
    x.version = x.version ? x.version : "1";
    OK(assess_try(w, x, &err));
}
#define assess(w, ...) assess_as(w, (struct assessed){__VA_ARGS__})

static struct sco_compliance_filter filter(struct world *w)
{
    return (struct sco_compliance_filter){.now = w->now, .stale_ms = 30 * DAY};
}

static struct sco_assessment_page page;
static const struct sco_stored_assessment *latest(struct world *w)
{
    struct sco_error err = {0};
    struct sco_compliance_filter f = filter(w);
    f.repository = w->repository;
    sco_assessment_page_done(&page);
    OK(sco_store_assessments(w->s, &f, &page, &err));
    assert_int_equal(page.n, 1);
    return &page.v[0];
}

static void forget_page(void)
{
    sco_assessment_page_done(&page);
}

static bool has_reason(const struct sco_stored_assessment *x, const char *text)
{
    for (size_t i = 0; i < x->n_reasons; i++)
        if (strstr(x->reasons[i], text))
            return true;
    return false;
}

/* ---- results ---- */
TEST(compliant_is_what_was_checked)
{
    WORLD;
    static const struct {
        const char *statuses, *reason;
        enum sco_compliance_result result;
        bool incomplete;
    } cases[] = {
        {"pass not_applicable", NULL, SCO_COMPLIANCE_COMPLIANT, false},
        {"pass pass", "not complete", SCO_COMPLIANCE_UNDETERMINED, true},
        {"not_applicable", "no control has passed", SCO_COMPLIANCE_UNDETERMINED, false},
        {"pass manual", "1 control manual, and not attested", SCO_COMPLIANCE_UNDETERMINED, false},
        {"pass waived", "waived", SCO_COMPLIANCE_UNDETERMINED, false},
        {"pass unknown", "not known", SCO_COMPLIANCE_UNDETERMINED, false},
        {"pass error", "an error of a policy", SCO_COMPLIANCE_UNDETERMINED, false},
        {"pass not_evaluated", "not evaluated", SCO_COMPLIANCE_UNDETERMINED, false},
        {"pass fail fail", "2 controls failed", SCO_COMPLIANCE_NON_COMPLIANT, false},
        {"pass fail", "not complete", SCO_COMPLIANCE_NON_COMPLIANT, true},
    };
    (void)err;
    for (size_t i = 0; i < SCO_ARRAY_LEN(cases); i++) {
        assess(w, .statuses = cases[i].statuses, .incomplete = cases[i].incomplete);
        const struct sco_stored_assessment *x = latest(w);
        assert_int_equal(x->result, cases[i].result);
        assert_int_equal(x->complete, !cases[i].incomplete);
        if (cases[i].reason)
            assert_true(has_reason(x, cases[i].reason));
        else
            assert_int_equal(x->n_reasons, 0);
    }
    forget_page();
}

TEST(old_is_stale)
{
    WORLD;
    (void)err;
    assess(w, .statuses = "pass");
    int64_t first = latest(w)->assessed_at;
    assert_false(latest(w)->stale);
    w->now += 31 * DAY;
    assert_true(latest(w)->stale);
    assert_int_equal(latest(w)->result, SCO_COMPLIANCE_UNDETERMINED);
    assert_true(has_reason(latest(w), "31 days old"));
    assess(w, .statuses = "pass", .incomplete = true); /* does not make it fresh */
    assert_true(latest(w)->stale);
    assert_int_equal(latest(w)->last_complete_at, first);
    assess(w, .statuses = "pass");
    assert_false(latest(w)->stale);
    w->repository = "other";
    assess(w, .statuses = "pass", .incomplete = true);
    assert_true(latest(w)->stale); /* there is none that was complete */
    assert_int_equal(latest(w)->last_complete_at, 0);
    forget_page();
}

/* ---- what is listed ---- */
TEST(latest_and_history)
{
    WORLD;
    struct sco_compliance_filter f = filter(w);
    struct sco_assessment_page p = {0};
    for (int i = 0; i < 3; i++)
        assess(w, .statuses = i == 1 ? "fail" : "pass");
    w->scope = "sub";
    assess(w, .statuses = "fail");
    w->scope = "";
    w->branch = "dev";
    assess(w, .statuses = "fail");
    w->repository = "other";
    assess(w, .statuses = "pass", .framework = "second", .version = "");
    OK(sco_store_assessments(w->s, &f, &p, &err));
    assert_int_equal(p.n, 4); /* main, its folder, dev, and the other one */
    assert_string_equal(p.v[0].framework, "second");
    sco_assessment_page_done(&p);
    f.framework = "frame";
    f.branch = "main";
    f.limit = 1;
    OK(sco_store_assessments(w->s, &f, &p, &err));
    assert_string_equal(p.v[0].scope, "sub");
    char *cursor = sco_strdup(sco_str_c(p.cursor));
    sco_assessment_page_done(&p);
    f.cursor = cursor;
    OK(sco_store_assessments(w->s, &f, &p, &err));
    assert_int_equal(p.n, 1);
    assert_null(p.cursor);
    assert_int_equal(p.v[0].counts[SCO_VERDICT_PASS], 1);
    sco_assessment_page_done(&p);
    free(cursor);
    f.cursor = NULL;
    f.limit = 0;
    OK(sco_store_assessment_history(w->s, &f, &p, &err));
    assert_int_equal(p.n, 4);
    assert_int_equal(p.v[2].result, SCO_COMPLIANCE_NON_COMPLIANT);
    f.from = f.to = p.v[2].assessed_at;
    sco_assessment_page_done(&p);
    OK(sco_store_assessment_history(w->s, &f, &p, &err));
    assert_int_equal(p.n, 1);
    sco_assessment_page_done(&p);
    static const char *const globs[] = {"oth*", NULL};
    f = filter(w);
    f.repositories = globs;
    OK(sco_store_assessments(w->s, &f, &p, &err));
    assert_int_equal(p.n, 1);
    sco_assessment_page_done(&p);
    OK(store_exec(w->s,
                  "INSERT INTO pipelines (name, kind, repository_url, platform, branch, team, "
                  "config, status, created_by, created_at, updated_at, id) SELECT 'p', "
                  "'repository', 'other', '', '', 'blue', '{}', 'active', 'x', 0, 0, id FROM "
                  "scan_results WHERE branch_pk = 1 AND scope = 'sub'",
                  NULL, 0, NULL, &err));
    f = filter(w);
    f.team = "blue";
    OK(sco_store_assessments(w->s, &f, &p, &err));
    assert_int_equal(p.n, 1);
    assert_string_equal(p.v[0].repository, "other");
    sco_assessment_page_done(&p);
    f.cursor = "x";
    assert_int_equal(sco_store_assessments(w->s, &f, &p, &err), SCO_E_INVALID);
}

/* Nothing of it is kept without the scan, nor the other way round. */
TEST(one_transaction)
{
    WORLD;
    struct sco_scan_page p = {0};
    struct sco_store_scan_filter all = {0};
    assert_int_equal(assess_try(w, (struct assessed){"frame", "1", "pass passed", false}, &err),
                     SCO_E_INVALID);
    assert_int_equal(assess_try(w, (struct assessed){"frame", "1", "attested", false}, &err),
                     SCO_E_INVALID);
    OK(sco_store_scans(w->s, &all, &p, &err));
    assert_int_equal(p.n, 0);
    sco_scan_page_done(&p);
    struct sco_new_assessment a = {.framework = "f", .version = "", .title = "t"};
    assert_int_equal(
        sco_store_assessment_add(w->s, "00000000-0000-4000-8000-000000000000", &a, &err),
        SCO_E_NOT_FOUND);
}

/* ---- attestations ---- */
static int attest(struct world *w, struct sco_stored_attestation a, struct sco_error *err)
{
    char id[37];
    a.framework = a.framework ? a.framework : "frame";
    a.version = a.version ? a.version : "1";
    a.control = a.control ? a.control : "2";
    a.repository = a.repository ? a.repository : "";
    a.verdict = a.verdict ? a.verdict : "pass";
    a.reason = a.reason ? a.reason : "seen";
    a.attested_by = a.attested_by ? a.attested_by : "ada@example.com";
    a.attested_at = w->now;
    return sco_store_attest(w->s, &a, id, err);
}
#define ATTEST(...) OK(attest(w, (struct sco_stored_attestation){__VA_ARGS__}, &err))

TEST(attested_until_it_expires)
{
    WORLD;
    assess(w, .statuses = "pass manual");
    ATTEST(.expires_at = w->now + DAY, .evidence = "https://wiki.example/backup");
    assert_int_equal(latest(w)->result, SCO_COMPLIANCE_COMPLIANT);
    assert_int_equal(latest(w)->counts[SCO_VERDICT_ATTESTED], 1);
    assert_int_equal(latest(w)->counts[SCO_VERDICT_PASS], 1); /* not among the passed */
    w->now += DAY;
    assert_int_equal(latest(w)->result, SCO_COMPLIANCE_UNDETERMINED);
    assert_int_equal(latest(w)->counts[SCO_VERDICT_MANUAL], 1);
    ATTEST(.verdict = "fail");
    assert_int_equal(latest(w)->result, SCO_COMPLIANCE_NON_COMPLIANT);
    ATTEST(.verdict = "not_applicable");
    assert_int_equal(latest(w)->result, SCO_COMPLIANCE_COMPLIANT);
    ATTEST(.repository = w->repository, .verdict = "withdrawn"); /* here, of what holds elsewhere */
    assert_int_equal(latest(w)->result, SCO_COMPLIANCE_UNDETERMINED);
    ATTEST(.repository = w->repository);
    assert_int_equal(latest(w)->result, SCO_COMPLIANCE_COMPLIANT);
    struct sco_attestation_filter f = {.framework = "frame", .now = w->now};
    struct sco_attestation_page p = {0};
    OK(sco_store_attestations(w->s, &f, &p, &err));
    assert_int_equal(p.n, 5);
    assert_true(p.v[0].in_force);
    assert_false(p.v[1].in_force); /* there is a newer one */
    assert_true(p.v[2].in_force);
    assert_false(p.v[4].in_force);
    assert_string_equal(p.v[4].evidence, "https://wiki.example/backup");
    sco_attestation_page_done(&p);
    static const char *const globs[] = {"nothing", NULL};
    f.repositories = globs;
    OK(sco_store_attestations(w->s, &f, &p, &err));
    assert_int_equal(p.n, 3); /* those that hold for all */
    sco_attestation_page_done(&p);
    assess(w, .statuses = "pass manual", .version = "2"); /* says nothing of the next version */
    struct sco_compliance_filter all = filter(w);
    all.version = "2";
    sco_assessment_page_done(&page);
    OK(sco_store_assessments(w->s, &all, &page, &err));
    assert_int_equal(page.v[0].counts[SCO_VERDICT_MANUAL], 1);
    forget_page();
}

TEST(attestations_are_checked_and_kept)
{
    WORLD;
    assess(w, .statuses = "pass manual");
#define REFUSED(e, ...)                                                                            \
    assert_int_equal(attest(w, (struct sco_stored_attestation){__VA_ARGS__}, &err), e)
    REFUSED(SCO_E_INVALID, .control = "1"); /* scans judge it */
    REFUSED(SCO_E_NOT_FOUND, .control = "9");
    REFUSED(SCO_E_NOT_FOUND, .version = "9");
    REFUSED(SCO_E_INVALID, .verdict = "passed");
    REFUSED(SCO_E_INVALID, .expires_at = w->now);
    struct sco_stored_attestation a = {.framework = "frame",
                                       .version = "1",
                                       .control = "2",
                                       .repository = "",
                                       .verdict = "pass",
                                       .reason = "",
                                       .attested_by = "ada"};
    char id[37];
    assert_int_equal(sco_store_attest(w->s, &a, id, &err), SCO_E_INVALID);
    ATTEST(.reason = "seen");
    assert_true(store_exec(w->s, "UPDATE compliance_attestations SET verdict = 'fail'", NULL, 0,
                           NULL, &err) < 0);
    assert_true(store_exec(w->s, "DELETE FROM compliance_attestations", NULL, 0, NULL, &err) < 0);
}

/* ---- over all repositories ---- */
static enum sco_verdict verdict_of(const struct sco_compliance_view *v, const char *control)
{
    for (size_t i = 0; i < v->n_rows; i++)
        if (strcmp(v->rows[i].id, control) == 0)
            return v->rows[i].verdict;
    fail_msg("no control %s", control);
    return SCO_VERDICT_MAX_;
}

TEST(the_worst_decides)
{
    WORLD;
    struct sco_compliance_filter f = filter(w);
    struct sco_compliance_view v = {0};
    assess(w, .statuses = "pass manual pass not_applicable pass");
    w->repository = "other";
    assess(w, .statuses = "pass pass fail pass"); /* knows no control 5 */
    w->repository = "never";
    struct sco_scan *s = scan_new(w);
    save_is(w, s);
    f.framework = "nope";
    assert_int_equal(sco_store_compliance(w->s, &f, true, &v, &err), SCO_E_NOT_FOUND);
    f.framework = "frame";
    OK(sco_store_compliance(w->s, &f, true, &v, &err));
    assert_int_equal(v.assessments.n, 2);
    assert_int_equal(verdict_of(&v, "1"), SCO_VERDICT_PASS);
    assert_int_equal(verdict_of(&v, "2"), SCO_VERDICT_MANUAL); /* manual is not passed elsewhere */
    assert_int_equal(verdict_of(&v, "3"), SCO_VERDICT_FAIL);
    assert_int_equal(verdict_of(&v, "4"), SCO_VERDICT_PASS);
    assert_int_equal(verdict_of(&v, "5"), SCO_VERDICT_NOT_EVALUATED);
    assert_int_equal(v.result, SCO_COMPLIANCE_NON_COMPLIANT);
    assert_int_equal(v.n_unassessed, 1);
    assert_string_equal(v.unassessed[0], "never");
    assert_string_equal(v.rows[0].cells[0].evidence, "{\"policies\":[]}");
    SCO_AUTO(sco_buf) struct sco_buf json = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    struct sco_json_out o = {.b = &json};
    sco_compliance_view_write(&o, &v);
    OK(sco_json_parse(sco_buf_str(&json), &arena, &m, &err));
    assert_true(sco_str_is(sco_text(sco_get(m, "result")), "non_compliant"));
    assert_int_equal(sco_get(m, "controls")->n, 5);
    sco_compliance_view_done(&v);
    f.repository = "https://git.example/app";
    OK(sco_store_compliance(w->s, &f, false, &v, &err));
    assert_int_equal(v.assessments.n, 1);
    assert_int_equal(verdict_of(&v, "3"), SCO_VERDICT_PASS);
    assert_null(v.rows[0].cells[0].evidence);
    assert_int_equal(v.n_unassessed, 0);
    sco_compliance_view_done(&v);
}

/* ---- care ---- */
static void verify_is(struct world *w, int code)
{
    struct sco_error err = {0};
    uint64_t findings, scans;
    int r = sco_store_verify(w->s, &findings, &scans, &err);
    if (r != code)
        fail_msg("%d: %s", r, err.text);
}

TEST(changes_are_noticed)
{
    WORLD;
    static const char *const changes[][2] = {
        {"UPDATE compliance_results SET status = 'pass' WHERE status = 'fail'",
         "UPDATE compliance_results SET status = 'fail' WHERE control = '2'"},
        {"UPDATE compliance_assessments SET failed = failed + 1",
         "UPDATE compliance_assessments SET failed = failed - 1"},
        {"UPDATE compliance_assessments SET assessed_at = assessed_at + 1",
         "UPDATE compliance_assessments SET assessed_at = assessed_at - 1"},
        {"UPDATE branches SET repository = 'x'",
         "UPDATE branches SET repository = 'https://git.example/app'"},
    };
    for (int i = 0; i < 3; i++)
        assess(w, .statuses = "pass fail");
    verify_is(w, 0);
    for (size_t i = 0; i < SCO_ARRAY_LEN(changes); i++) {
        OK(store_exec(w->s, changes[i][0], NULL, 0, NULL, &err));
        verify_is(w, SCO_E_FORMAT);
        OK(store_exec(w->s, changes[i][1], NULL, 0, NULL, &err));
        verify_is(w, 0);
    }
    OK(store_exec(w->s, "DELETE FROM compliance_results WHERE assessment_pk = 2", NULL, 0, NULL,
                  &err));
    verify_is(w, SCO_E_FORMAT);
    OK(store_exec(w->s, "DELETE FROM compliance_assessments WHERE pk = 2", NULL, 0, NULL, &err));
    verify_is(w, SCO_E_FORMAT); /* one is missing between two */
}

TEST(the_last_ones_are_kept)
{
    WORLD;
    assess(w, .statuses = "pass");
    assess(w, .statuses = "pass"); /* the last complete one */
    assess(w, .statuses = "pass", .incomplete = true);
    assess(w, .statuses = "pass", .incomplete = true);
    w->branch = "dev";
    assess(w, .statuses = "pass");
    assess(w, .statuses = "pass");
    w->now += 100 * DAY;
    struct sco_store_keep k = {.now = w->now, .keep_ms = {[SCO_KEEP_SCANS] = DAY}};
    OK(sco_store_retain_all(w->s, &k, &err));
    assert_int_equal(ask(w->s, "SELECT count(*) FROM scan_results"), 0);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM compliance_assessments"), 4);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM compliance_results"), 4);
    verify_is(w, 0);
    struct sco_compliance_filter f = filter(w);
    struct sco_assessment_page p = {0};
    OK(sco_store_assessments(w->s, &f, &p, &err));
    assert_int_equal(p.n, 2); /* named, as stale */
    assert_true(p.v[0].stale && p.v[1].stale);
    sco_assessment_page_done(&p);
}

#ifdef STORE_IS_sqlite
TEST(goes_along_with_a_copy)
{
    WORLD;
    char path[600];
    uint64_t rows = 0;
    struct sco_store *other = NULL, *first = w->s;
    assess(w, .statuses = "pass manual fail");
    assess(w, .statuses = "pass manual pass");
    ATTEST(.reason = "seen");
    snprintf(path, sizeof path, "%s/other.db", w->dir);
    struct sco_store_options o = {.where = path, .create = true};
    OK(store_open_with(w->s->ops, &o, &other, &err));
    OK(sco_store_copy(w->s, other, &rows, &err));
    w->s = other;
    verify_is(w, 0);
    assert_int_equal(latest(w)->result, SCO_COMPLIANCE_COMPLIANT);
    assess(w, .statuses = "pass manual pass"); /* and goes on there */
    verify_is(w, 0);
    forget_page();
    w->s = first;
    sco_store_close(other);
}
#endif

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        T(compliant_is_what_was_checked),
        T(old_is_stale),
        T(latest_and_history),
        T(one_transaction),
        T(attested_until_it_expires),
        T(attestations_are_checked_and_kept),
        T(the_worst_decides),
        T(changes_are_noticed),
        T(the_last_ones_are_kept),
#ifdef STORE_IS_sqlite
        T(goes_along_with_a_copy),
#endif
    };
    return cmocka_run_group_tests_name("compliance of a store", tests, NULL, NULL);
}
