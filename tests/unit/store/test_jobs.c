/* The queue: what is added, who gets it, in which order, how it ends. */
#include "jobs_world.h"

#include <secureops/store_stats.h>

#include <secureops/store_events.h>

/* ---- adding ---- */
TEST(attempts_are_as_configured)
{
    WORLD;
    struct sco_job_page p = {0};
    struct sco_job_request q = {.kind = "scan",
                                .target_key = "app",
                                .revision = "",
                                .scanners = "",
                                .request = "{}",
                                .origin = "api",
                                .idempotency_key = "one"};
    static const uint32_t configured[] = {0, 7}, expected[] = {3, 7};
    for (size_t i = 0; i < 2; i++) {
        sco_store_set_attempts(w->s, configured[i]);
        q.idempotency_key = i ? "two" : "one";
        struct sco_job_added a = add_job(w, q);
        assert_int_equal(sco_store_job(w->s, a.id, &p, &err), 0);
        assert_int_equal(p.v[0].request.max_attempts, expected[i]);
        sco_job_page_done(&p);
    }
}

TEST(what_is_added_is_there)
{
    WORLD;
    struct sco_job_page p = {0};
    struct sco_job_request q = {.kind = "scan",
                                .target_key = "https://git.example/app",
                                .revision = "v1",
                                .scanners = "trivy,semgrep",
                                .request = "{\"offline\":true}",
                                .origin = "schedule",
                                .requested_by = "nightly",
                                .correlation_id = "c-1",
                                .traceparent = "00-1-2-01",
                                .only_node = "one",
                                .priority = 7,
                                .max_attempts = 2,
                                .not_before = w->now + 1,
                                .deadline = w->now + 1000};
    struct sco_job_added a = add_job(w, q);
    assert_false(a.existing);
    assert_string_equal(a.replaced, "");
    assert_int_equal(sco_store_job(w->s, a.id, &p, &err), 0);
    const struct sco_stored_job *j = &p.v[0];
    assert_string_equal(j->id, a.id);
    assert_int_equal(j->state, SCO_JOB_QUEUED);
    assert_string_equal(j->request.kind, q.kind);
    assert_string_equal(j->request.target_key, q.target_key);
    assert_string_equal(j->request.revision, q.revision);
    assert_string_equal(j->request.scanners, q.scanners);
    assert_string_equal(j->request.request, q.request);
    assert_string_equal(j->request.origin, q.origin);
    assert_string_equal(j->request.requested_by, q.requested_by);
    assert_string_equal(j->request.correlation_id, q.correlation_id);
    assert_string_equal(j->request.traceparent, q.traceparent);
    assert_string_equal(j->request.only_node, q.only_node);
    assert_null(j->request.idempotency_key);
    assert_int_equal(j->request.priority, 7);
    assert_int_equal(j->request.max_attempts, 2);
    assert_int_equal(j->not_before, q.not_before);
    assert_int_equal(j->request.deadline, q.deadline);
    assert_int_equal(j->created_at, w->now);
    assert_int_equal(j->attempt, 0);
    assert_null(j->node);
    assert_null(j->scan_id);
    sco_job_page_done(&p);
    assert_int_equal(sco_store_job(w->s, "00000000-0000-4000-8000-000000000000", &p, &err),
                     SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_job(w->s, "x", &p, &err), SCO_E_NOT_FOUND);
    q.priority = 10;
    assert_int_equal(sco_store_job_add(w->s, &q, w->now, &a, &err), SCO_E_INVALID);
    q.priority = 0;
    q.target_key = "";
    assert_int_equal(sco_store_job_add(w->s, &q, w->now, &a, &err), SCO_E_INVALID);
}

TEST(a_key_adds_one_job)
{
    WORLD;
    struct sco_job_request q = a_request("a");
    q.idempotency_key = "k";
    struct sco_job_added first = add_job(w, q), again;
    q.target_key = "b";
    again = add_job(w, q);
    assert_true(again.existing);
    assert_string_equal(again.id, first.id);
    assert_string_equal(claim(w, 0), "a"); /* also when it runs, or has ended */
    again = add_job(w, q);
    assert_true(again.existing);
    q.idempotency_key = "l";
    assert_false(add_job(w, q).existing);
    (void)err;
}

TEST(a_newer_request_replaces_one_that_waits)
{
    WORLD;
    struct sco_job_request q = a_request("a");
    q.priority = 8;
    struct sco_job_added first = add_job(w, q), import;
    w->now += 1000;
    q.priority = 2;
    struct sco_job_added second = add_job(w, q);
    assert_string_equal(second.replaced, first.id);
    assert_int_equal(state_of(w, first.id), SCO_JOB_REPLACED);
    /* it has the place of the one that it replaced, and its priority */
    q = a_request("b");
    q.priority = 7;
    add_job(w, q);
    struct sco_job_page p = {0};
    assert_string_equal(claim_as(w, (struct sco_job_claim){.ageing_ms = 600000}, &p), "a,b");
    assert_string_equal(p.v[0].id, second.id);
    sco_job_page_done(&p);
    /* what runs is left alone */
    assert_string_equal(add_job(w, a_request("a")).replaced, "");
    /* another revision, other scanners, another request: another job */
    q = a_request("a");
    q.revision = "dev";
    assert_string_equal(add_job(w, q).replaced, "");
    q = a_request("a");
    q.scanners = "trivy";
    assert_string_equal(add_job(w, q).replaced, "");
    q = a_request("a");
    q.request = "{\"types\":[\"SCA\"]}";
    assert_string_equal(add_job(w, q).replaced, "");
    q = a_request("a");
    q.only_node = "two";
    assert_string_equal(add_job(w, q).replaced, "");
    /* an import has a report of its own */
    q = a_request("a");
    q.kind = "import";
    import = add_job(w, q);
    assert_string_equal(add_job(w, q).replaced, "");
    assert_int_equal(state_of(w, import.id), SCO_JOB_QUEUED);
    (void)err;
}

/* ---- who is next ---- */
TEST(the_highest_priority_is_first)
{
    WORLD;
    static const int32_t priorities[] = {3, 9, 0, 5, 9};
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < 5; i++) {
        struct sco_job_request q = a_request(names[i]);
        q.priority = priorities[i];
        add_job(w, q);
        w->now += 10;
    }
    assert_string_equal(claim(w, .max = 2), "b,e");
    assert_string_equal(claim(w, .node = "two"), "d,a,c");
    assert_string_equal(claim(w, 0), "");
    (void)err;
}

TEST(who_waits_gets_older)
{
    WORLD;
    struct sco_job_request low = a_request("low"), high = a_request("high");
    low.priority = 1;
    high.priority = 4;
    add_job(w, low);
    w->now += 2999;
    add_job(w, high);
    /* three priorities are worth three seconds: it lacks a millisecond */
    assert_string_equal(claim(w, .ageing_ms = 1000, .max = 1), "high");
    high.target_key = "higher";
    w->now += 2;
    add_job(w, high);
    assert_string_equal(claim(w, .ageing_ms = 1000, .max = 1), "low");
    /* without ageing a year does not help */
    low.target_key = "old";
    add_job(w, low);
    w->now += 366LL * 86400000;
    high.target_key = "new";
    add_job(w, high);
    assert_string_equal(claim(w, 0), "higher,new,old");
    (void)err;
}

TEST(not_yet_not_here_not_any_more)
{
    WORLD;
    uint64_t n = 0;
    struct sco_job_request q = a_request("later");
    q.not_before = w->now + 1000;
    add_job(w, q);
    q = a_request("there");
    q.only_node = "two";
    add_job(w, q);
    q = a_request("late");
    q.deadline = w->now + 500;
    struct sco_job_added late = add_job(w, q);
    w->now += 500;
    assert_string_equal(claim(w, 0), "");
    assert_string_equal(claim(w, .node = "two"), "there");
    w->now += 500;
    assert_string_equal(claim(w, 0), "later");
    assert_int_equal(state_of(w, late.id), SCO_JOB_QUEUED);
    assert_int_equal(sco_store_jobs_reap(w->s, w->now, 0, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(state_of(w, late.id), SCO_JOB_CANCELLED);
}

TEST(a_deadline_is_for_the_beginning)
{
    WORLD;
    uint64_t n = 0;
    struct sco_job_page p = {0};
    enum sco_job_state st;
    struct sco_job_request q = a_request("a");
    q.deadline = w->now + 500;
    add_job(w, q);
    claim_as(w, (struct sco_job_claim){0}, &p);
    struct sco_job_lease l = {p.v[0].id, "one", 1};
    assert_int_equal(end_job(w, l, SCO_JOB_END_RETRY, &st), 0);
    assert_int_equal(st, SCO_JOB_QUEUED);
    sco_job_page_done(&p);
    w->now += 10000;
    assert_int_equal(sco_store_jobs_reap(w->s, w->now, 0, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_string_equal(claim(w, 0), "a");
}

/* ---- limits ---- */
TEST(a_target_is_scanned_by_few_at_once)
{
    WORLD;
    for (int i = 0; i < 5; i++) {
        struct sco_job_request q = a_request("a");
        char revision[8];
        snprintf(revision, sizeof revision, "%d", i);
        q.revision = revision;
        add_job(w, q);
    }
    add_job(w, a_request("b"));
    assert_string_equal(claim(w, .max = 3), "a,b"); /* one, when nothing is said */
    assert_string_equal(claim(w, .node = "two"), "");
    assert_string_equal(claim(w, .target_max = 3), "a,a");
    assert_string_equal(claim(w, .target_max = 3, .node = "two"), "");
    assert_string_equal(claim(w, .target_max = 9), "a,a");
    (void)err;
}

/* "The scan runs" must not be told after its result. */
TEST(a_platform_is_told_one_thing_at_a_time)
{
    WORLD;
    static const char *const revisions[] = {"pending", "result"};
    for (size_t i = 0; i < 2; i++) {
        struct sco_job_request q = a_request("ci:github/acme/shop");
        q.kind = "ci";
        q.scanners = "ci";
        q.revision = revisions[i];
        add_job(w, q);
    }
    assert_string_equal(claim(w, .target_max = 5), "ci:github/acme/shop");
    assert_string_equal(claim(w, .target_max = 5), "");
    (void)err;
}

/* Neither takes slots from the other, whatever their priorities. */
TEST(short_jobs_have_slots_of_their_own)
{
    WORLD;
    static const char *const kinds[] = {"scan", "ci", "import", "call", "pipeline", "workflow"};
    struct sco_job_claim c = {.node = "one", .now = w->now, .lease_ms = 60000, .max_short = 2};
    struct sco_job_page p = {0};
    for (size_t i = 0; i < SCO_ARRAY_LEN(kinds); i++) {
        struct sco_job_request q = a_request(kinds[i]);
        q.kind = kinds[i];
        q.scanners = kinds[i];
        q.priority = sco_job_is_short(kinds[i]) ? 1 : 9;
        assert_int_equal(sco_job_is_short(kinds[i]), i % 2);
        add_job(w, q);
        w->now++;
    }
    c.now = w->now;
    assert_int_equal(sco_store_jobs_claim(w->s, &c, &p, &err), 0); /* no other slot is free */
    assert_int_equal(p.n, 2);
    assert_string_equal(p.v[0].request.kind, "ci");
    assert_string_equal(p.v[1].request.kind, "call");
    sco_job_page_done(&p);
    c.max = 2;
    c.max_short = 0;
    assert_int_equal(sco_store_jobs_claim(w->s, &c, &p, &err), 0);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.v[0].request.kind, "scan");
    assert_string_equal(p.v[1].request.kind, "import");
    sco_job_page_done(&p);
    c.max = c.max_short = 9;
    assert_int_equal(sco_store_jobs_claim(w->s, &c, &p, &err), 0);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.v[0].request.kind, "pipeline"); /* in the order of their ranks */
    assert_string_equal(p.v[1].request.kind, "workflow");
    sco_job_page_done(&p);
    c.max = SCO_JOB_CLAIM_MAX;
    assert_int_equal(sco_store_jobs_claim(w->s, &c, &p, &err), SCO_E_INVALID);
}

static void add_for(struct world *w, const char *target, const char *scanners)
{
    struct sco_job_request q = a_request(target);
    q.scanners = scanners;
    add_job(w, q);
    w->now++;
}

TEST(a_scanner_has_a_limit)
{
    WORLD;
    struct sco_job_limit limits[] = {{"trivy", 2}, {"semgrep", 1}};
    struct sco_job_claim c = {.limits = limits, .n_limits = 2};
    add_for(w, "a", "trivy");
    add_for(w, "b", "trivy,semgrep");
    add_for(w, "c", "trivy");
    add_for(w, "d", "semgrep");
    add_for(w, "e", "bandit,trivy-x");
    add_for(w, "f", "");
    assert_string_equal(claim_as(w, c, NULL), "a,b,e");
    assert_string_equal(claim_as(w, c, NULL), "");
    c.node = "two";
    limits[1].max = 2; /* also when another node asks */
    assert_string_equal(claim_as(w, c, NULL), "d");
    limits[0].max = 3;
    assert_string_equal(claim_as(w, c, NULL), "c");
    limits[0].max = limits[1].max = 4;
    assert_string_equal(claim_as(w, c, NULL), "f");
    add_for(w, "g", "gitleaks");
    struct sco_job_limit none[] = {{"gitleaks", 0}};
    assert_string_equal(claim(w, .limits = none, .n_limits = 1), "");
    struct sco_job_limit many[40] = {{"x", 1}};
    struct sco_job_page p;
    c = (struct sco_job_claim){.node = "one", .lease_ms = 1, .limits = many, .n_limits = 40};
    assert_int_equal(sco_store_jobs_claim(w->s, &c, &p, &err), SCO_E_LIMIT);
}

/* ---- leases ---- */
static struct sco_stored_job take_one(struct world *w, const char *node, char id[37])
{
    struct sco_job_page p = {0};
    claim_as(w, (struct sco_job_claim){.node = node, .max = 1}, &p);
    assert_int_equal(p.n, 1);
    struct sco_stored_job j = p.v[0];
    snprintf(id, 37, "%s", j.id);
    sco_job_page_done(&p);
    return j;
}

TEST(how_jobs_end)
{
    WORLD;
    static const struct {
        enum sco_job_outcome outcome;
        enum sco_job_state state;
    } ends[] = {{SCO_JOB_END_COMPLETED, SCO_JOB_COMPLETED},
                {SCO_JOB_END_FAILED, SCO_JOB_FAILED},
                {SCO_JOB_END_CANCELLED, SCO_JOB_CANCELLED}};
    for (size_t i = 0; i < 3; i++) {
        char id[37];
        enum sco_job_state st = SCO_JOB_QUEUED;
        struct sco_job_page p = {0};
        add_job(w, a_request("a"));
        take_one(w, "one", id);
        struct sco_job_end e = {.lease = {id, "one", 1},
                                .outcome = ends[i].outcome,
                                .reason = "why",
                                .scan_id = "01a20172-0000-4000-8000-000000000001",
                                .now = w->now + 7};
        assert_int_equal(sco_store_job_end(w->s, &e, &st, &err), 0);
        assert_int_equal(st, ends[i].state);
        assert_int_equal(sco_store_job(w->s, id, &p, &err), 0);
        assert_int_equal(p.v[0].state, st);
        assert_string_equal(p.v[0].reason, "why");
        assert_string_equal(p.v[0].scan_id, e.scan_id);
        assert_int_equal(p.v[0].completed_at, w->now + 7);
        assert_int_equal(p.v[0].started_at, w->now);
        sco_job_page_done(&p);
        assert_int_equal(sco_store_job_end(w->s, &e, &st, &err), SCO_E_CANCELLED); /* once */
    }
}

TEST(tried_again_until_dead)
{
    WORLD;
    enum sco_job_state st = SCO_JOB_QUEUED;
    char id[37];
    struct sco_job_request q = a_request("a");
    q.max_attempts = 2;
    add_job(w, q);
    take_one(w, "one", id);
    assert_int_equal(end_job(w, (struct sco_job_lease){id, "one", 1}, SCO_JOB_END_RETRY, &st), 0);
    assert_int_equal(st, SCO_JOB_QUEUED);
    assert_string_equal(claim(w, 0), ""); /* not before retry_at */
    w->now += 5000;
    /* a node that stops hands back: as if it had not begun, and its lease is void */
    assert_int_equal(take_one(w, "one", id).attempt, 2);
    assert_int_equal(end_job(w, (struct sco_job_lease){id, "one", 2}, SCO_JOB_END_RELEASED, &st),
                     0);
    assert_int_equal(st, SCO_JOB_QUEUED);
    assert_string_equal(claim(w, 0), "");
    w->now += 5000;
    assert_int_equal(take_one(w, "one", id).attempt, 3);
    assert_int_equal(end_job(w, (struct sco_job_lease){id, "one", 2}, SCO_JOB_END_COMPLETED, &st),
                     SCO_E_CANCELLED);
    assert_int_equal(end_job(w, (struct sco_job_lease){id, "two", 3}, SCO_JOB_END_COMPLETED, &st),
                     SCO_E_CANCELLED);
    assert_int_equal(end_job(w, (struct sco_job_lease){id, "one", 3}, SCO_JOB_END_RETRY, &st), 0);
    assert_int_equal(st, SCO_JOB_DEAD);
    /* somebody wants it again: it has all its attempts */
    assert_int_equal(sco_store_job_retry(w->s, id, "ada", w->now, &err), 0);
    assert_int_equal(sco_store_job_retry(w->s, id, "ada", w->now, &err), SCO_E_INVALID);
    take_one(w, "one", id);
    assert_int_equal(end_job(w, (struct sco_job_lease){id, "one", 4}, SCO_JOB_END_RETRY, &st), 0);
    assert_int_equal(st, SCO_JOB_QUEUED);
}

TEST(leases_are_renewed)
{
    WORLD;
    char a[37], b[37];
    enum sco_job_state st;
    struct sco_job_page p = {0};
    add_job(w, a_request("a"));
    take_one(w, "one", a);
    add_job(w, a_request("b"));
    take_one(w, "one", b);
    assert_int_equal(sco_store_job_cancel(w->s, b, "ada", w->now, &st, &err), 0);
    assert_int_equal(st, SCO_JOB_RUNNING);
    struct sco_job_renewal v[] = {{.lease = {a, "one", 1}, .lost = true, .cancel = true},
                                  {.lease = {b, "one", 1}},
                                  {.lease = {a, "one", 2}},
                                  {.lease = {b, "two", 1}}};
    assert_int_equal(sco_store_jobs_renew(w->s, v, 4, w->now + 99000, &err), 0);
    assert_true(!v[0].lost && !v[0].cancel && !v[1].lost && v[1].cancel);
    assert_true(v[2].lost && v[3].lost);
    assert_int_equal(sco_store_job(w->s, a, &p, &err), 0);
    assert_int_equal(p.v[0].lease_until, w->now + 99000);
    sco_job_page_done(&p);
    /* what was to be cancelled is not tried again */
    assert_int_equal(end_job(w, (struct sco_job_lease){b, "one", 1}, SCO_JOB_END_RETRY, &st), 0);
    assert_int_equal(st, SCO_JOB_CANCELLED);
}

TEST(who_is_gone_loses_its_jobs)
{
    WORLD;
    uint64_t n = 9;
    char id[37];
    struct sco_job_page p = {0};
    struct sco_job_request q = a_request("a");
    q.max_attempts = 2;
    add_job(w, q);
    take_one(w, "one", id);
    assert_int_equal(sco_store_jobs_reap(w->s, w->now + 60000, 1000, &n, &err), 0);
    assert_int_equal(n, 0); /* to the millisecond */
    w->now += 60001;
    assert_int_equal(sco_store_jobs_reap(w->s, w->now, 1000, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(sco_store_job(w->s, id, &p, &err), 0);
    assert_int_equal(p.v[0].state, SCO_JOB_QUEUED);
    assert_int_equal(p.v[0].not_before, w->now + 1000);
    assert_non_null(strstr(p.v[0].reason, "node one went away"));
    sco_job_page_done(&p);
    w->now += 1000;
    assert_int_equal(take_one(w, "two", id).attempt, 2);
    struct sco_job_renewal v = {.lease = {id, "one", 1}};
    assert_int_equal(sco_store_jobs_renew(w->s, &v, 1, w->now, &err), 0);
    assert_true(v.lost);
    w->now += 60001;
    assert_int_equal(sco_store_jobs_reap(w->s, w->now, 1000, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(state_of(w, id), SCO_JOB_DEAD);
}

TEST(a_node_that_comes_back_takes_its_jobs)
{
    WORLD;
    uint64_t n = 9;
    char id[37], last[37];
    struct sco_job_page p = {0};
    struct sco_alert_page alerts = {0};
    struct sco_job_request q = a_request("a"), doomed = a_request("b");
    doomed.max_attempts = 1;
    snprintf(id, sizeof id, "%s", add_job(w, q).id);
    snprintf(last, sizeof last, "%s", add_job(w, doomed).id);
    assert_string_equal(claim(w, 0), "a,b");
    assert_int_equal(sco_store_jobs_recover(w->s, "two", w->now, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(sco_store_jobs_recover(w->s, "one", w->now, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(sco_store_job(w->s, id, &p, &err), 0);
    assert_int_equal(p.v[0].state, SCO_JOB_QUEUED);
    assert_non_null(strstr(p.v[0].reason, "node one was started again"));
    sco_job_page_done(&p);
    assert_int_equal(state_of(w, last), SCO_JOB_DEAD);
    assert_int_equal(sco_store_alerts(w->s, &(struct sco_alert_filter){0}, &alerts, &err), 0);
    assert_int_equal(alerts.n, 1);
    assert_string_equal(alerts.v[0].kind, "job_dead");
    assert_string_equal(alerts.v[0].object, last);
    assert_string_equal(alerts.v[0].repository, "b");
    sco_alert_page_done(&alerts);
    enum sco_job_state st;
    assert_int_equal(end_job(w, (struct sco_job_lease){id, "one", 1}, SCO_JOB_END_COMPLETED, &st),
                     SCO_E_CANCELLED); /* a runner that outlived its daemon */
    assert_int_equal(take_one(w, "one", id).attempt, 2);
}

/* ---- what people do ---- */
TEST(cancelled_at_once_or_soon)
{
    WORLD;
    enum sco_job_state st = SCO_JOB_RUNNING;
    uint64_t n = 0;
    char id[37];
    struct sco_job_added a = add_job(w, a_request("a"));
    assert_int_equal(sco_store_job_cancel(w->s, a.id, "ada", w->now, &st, &err), 0);
    assert_int_equal(st, SCO_JOB_CANCELLED);
    assert_string_equal(claim(w, 0), "");
    assert_int_equal(sco_store_job_cancel(w->s, a.id, "ada", w->now, &st, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_job_cancel(w->s, "00000000-0000-4000-8000-000000000000", "ada",
                                          w->now, &st, &err),
                     SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_job_retry(w->s, a.id, "ada", w->now, &err), 0);
    take_one(w, "one", id);
    assert_string_equal(id, a.id);
    assert_int_equal(sco_store_job_cancel(w->s, a.id, "ada", w->now, &st, &err), 0);
    assert_int_equal(st, SCO_JOB_RUNNING);
    /* its node dies before it could end it */
    assert_int_equal(sco_store_jobs_reap(w->s, w->now + 60001, 0, &n, &err), 0);
    assert_int_equal(state_of(w, id), SCO_JOB_CANCELLED);
}

/* ---- lists ---- */
static size_t list_all(struct world *w, struct sco_job_filter f, char *out, size_t room)
{
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    size_t pages = 0;
    SCO_AUTO(sco_buf) struct sco_buf cursor = {0};
    out[0] = 0;
    do {
        if (cursor.n)
            f.cursor = sco_buf_z(&cursor);
        if (sco_store_jobs(w->s, &f, &p, &err) < 0)
            fail_msg("%s", err.text);
        for (size_t i = 0; i < p.n; i++)
            snprintf(out + strlen(out), room - strlen(out), "%s", p.v[i].request.target_key);
        sco_buf_clear(&cursor);
        sco_buf_addz(&cursor, p.cursor ? p.cursor : "");
        sco_job_page_done(&p);
        pages++;
    } while (cursor.n);
    return pages;
}

TEST(lists_have_pages_and_filters)
{
    WORLD;
    char out[64];
    static const char *const scope[] = {"a*", "c", NULL}, *const nothing[] = {NULL};
    struct sco_job_page p;
    for (const char *t = "abcabc"; *t; t++) {
        struct sco_job_request q = a_request((char[]){*t, 0});
        q.kind = "import";
        add_job(w, q);
    }
    assert_string_equal(claim(w, .max = 1), "a");
    assert_int_equal(list_all(w, (struct sco_job_filter){0}, out, sizeof out), 1);
    assert_string_equal(out, "cbacba");
    assert_int_equal(list_all(w, (struct sco_job_filter){.limit = 4}, out, sizeof out), 2);
    assert_string_equal(out, "cbacba");
    assert_int_equal(list_all(w, (struct sco_job_filter){.limit = 3}, out, sizeof out), 2);
    assert_string_equal(out, "cbacba");
    list_all(w, (struct sco_job_filter){.states = 1u << SCO_JOB_RUNNING}, out, sizeof out);
    assert_string_equal(out, "a");
    list_all(w, (struct sco_job_filter){.target_key = "b", .kind = "import"}, out, sizeof out);
    assert_string_equal(out, "bb");
    list_all(w, (struct sco_job_filter){.kind = "scan"}, out, sizeof out);
    assert_string_equal(out, "");
    assert_int_equal(
        list_all(w, (struct sco_job_filter){.targets = scope, .limit = 1}, out, sizeof out), 4);
    assert_string_equal(out, "caca");
    list_all(w, (struct sco_job_filter){.targets = nothing}, out, sizeof out);
    assert_string_equal(out, "");
    assert_int_equal(sco_store_jobs(w->s, &(struct sco_job_filter){.cursor = "x"}, &p, &err),
                     SCO_E_INVALID);
    assert_int_equal(sco_store_jobs(w->s, &(struct sco_job_filter){.limit = 5000}, &p, &err),
                     SCO_E_INVALID);
    struct sco_job_counts c;
    assert_int_equal(sco_store_job_counts(w->s, w->now, &c, &err), 0);
    assert_int_equal(c.by_state[SCO_JOB_QUEUED], 5);
    assert_int_equal(c.by_state[SCO_JOB_RUNNING], 1);
    assert_int_equal(c.oldest_queued, w->now);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {T(attempts_are_as_configured),
                                       T(what_is_added_is_there),
                                       T(a_key_adds_one_job),
                                       T(a_newer_request_replaces_one_that_waits),
                                       T(the_highest_priority_is_first),
                                       T(who_waits_gets_older),
                                       T(not_yet_not_here_not_any_more),
                                       T(a_deadline_is_for_the_beginning),
                                       T(a_target_is_scanned_by_few_at_once),
                                       T(a_platform_is_told_one_thing_at_a_time),
                                       T(short_jobs_have_slots_of_their_own),
                                       T(a_scanner_has_a_limit),
                                       T(how_jobs_end),
                                       T(tried_again_until_dead),
                                       T(leases_are_renewed),
                                       T(who_is_gone_loses_its_jobs),
                                       T(a_node_that_comes_back_takes_its_jobs),
                                       T(cancelled_at_once_or_soon),
                                       T(lists_have_pages_and_filters)};
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
