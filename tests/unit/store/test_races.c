/* Several connections at once, in an order that is held fast: who waits for whom, and what becomes
 * of a connection that is cut. */
#include "jobs_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <secureops/store_accounts.h>
#include <secureops/store_ci.h>
#include <secureops/store_events.h>

static struct sco_scan *some_findings(struct world *w, uint32_t n)
{
    struct sco_scan *s = scan_new(w);
    scan_run(s, "one", SCO_RUN_STATUS_COMPLETED);
    for (uint32_t i = 1; i <= n; i++)
        scan_add(s, i, "one");
    return s;
}

/* ---- on threads ---- */
struct task {
    struct world *w;
    struct sco_store *s;
    int (*run)(struct task *t, struct sco_error *err);
    int result;
    uint64_t n;
    struct sco_error err;
    pthread_t thread;
};

static void *task_main(void *user)
{
    struct task *t = user;
    t->result = t->run(t, &t->err);
    return NULL;
}

static void task_start(struct task *t, struct world *w,
                       int (*run)(struct task *, struct sco_error *))
{
    /* on a slow machine a wait is long; a circle of waits is told by the server itself */
    struct sco_error err = {0};
    struct sco_store_options o = {.where = w->where, .wait_ms = 60000};
    *t = (struct task){.w = w, .run = run};
    OK(store_open_with(w->s->ops, &o, &t->s, &err));
    assert_int_equal(pthread_create(&t->thread, NULL, task_main, t), 0);
}

static void task_end(struct task *t)
{
    pthread_join(t->thread, NULL);
    sco_store_close(t->s);
    if (t->result < 0)
        fail_msg("%s", t->err.text);
}

#if !STORE_IS_sqlite
static void save_one(struct world *w)
{
    struct sco_error err = {0};
    struct sco_scan *s = some_findings(w, 1);
    OK(scan_try(w, s, &err));
    scan_free(s);
}

static void wait_for_waiters(struct sco_store *s, int64_t n)
{
    enum { PATIENCE_MS = 10000 };
    int64_t until = sco_mono_ms() + PATIENCE_MS;
    while (ask(s, "SELECT count(*) FROM pg_locks WHERE NOT granted") < n)
        if (sco_mono_ms() > until)
            fail_msg("nobody waits");
}

static int expire(struct task *t, struct sco_error *err)
{
    return sco_store_expire(t->s, t->w->now, &t->n, err);
}

/* What a person decides meanwhile holds, and the history says nothing else. */
static void an_acceptance_that_was_changed_does_not_expire(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct task t;
    save_one(w);
    set_status(w, 1, SCO_STATUS_ACCEPTED, w->now + 5000);
    w->now += 10000;
    OK(sco_store_begin(w->s, &err));
    set_status(w, 1, SCO_STATUS_FALSE_POSITIVE, 0);
    task_start(&t, w, expire);
    wait_for_waiters(w->s, 1);
    OK(sco_store_end(w->s, 0, &err));
    task_end(&t);
    assert_int_equal(t.n, 0);
    assert_string_equal(history_of(w, 1), "created,status,status");
    assert_int_equal(status_of(w, 1), SCO_STATUS_FALSE_POSITIVE);
}

static void two_that_expire_tell_it_once(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct task t[2];
    save_one(w);
    set_status(w, 1, SCO_STATUS_ACCEPTED, w->now + 5000);
    w->now += 10000;
    OK(sco_store_begin(w->s, &err)); /* both are to wait here */
    OK(sco_store_lock_finding(w->s, stored(w, 1)->id, &err));
    OK(store_exec(w->s, "UPDATE vulnerabilities SET assignee = 'ada'", NULL, 0, NULL, &err));
    task_start(&t[0], w, expire);
    task_start(&t[1], w, expire);
    wait_for_waiters(w->s, 2);
    OK(sco_store_end(w->s, 0, &err));
    task_end(&t[0]);
    task_end(&t[1]);
    assert_int_equal(t[0].n + t[1].n, 1);
    assert_string_equal(history_of(w, 1), "created,status,expired");
}

static char elsewhere[37];

static int accept_elsewhere(struct task *t, struct sco_error *err)
{
    bool changed;
    struct sco_store_status st = {.status = SCO_STATUS_ACCEPTED,
                                  .reason = "because",
                                  .by = "ada@example.com",
                                  .accepted_until = t->w->now - 1000,
                                  .now = t->w->now - 2000};
    return sco_store_set_status(t->s, elsewhere, &st, &changed, err);
}

/* Whose branch was not locked is not written: two that do wait for each other in a circle. */
static void what_is_accepted_meanwhile_expires_the_next_time(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct task t, other;
    const char *branch = w->branch;
    w->branch = "other";
    save_one(w);
    snprintf(elsewhere, sizeof elsewhere, "%s", stored(w, 1)->id);
    w->branch = branch;
    save_one(w);
    set_status(w, 1, SCO_STATUS_ACCEPTED, w->now + 5000);
    w->now += 10000;
    OK(sco_store_begin(w->s, &err));
    OK(sco_store_lock_finding(w->s, stored(w, 1)->id, &err));
    task_start(&t, w, expire);
    wait_for_waiters(w->s, 1);
    task_start(&other, w, accept_elsewhere);
    task_end(&other);
    OK(sco_store_end(w->s, 0, &err));
    task_end(&t);
    assert_int_equal(t.n, 1);
    OK(sco_store_expire(w->s, w->now, &t.n, &err));
    assert_int_equal(t.n, 1);
    w->branch = "other";
    assert_string_equal(history_of(w, 1), "created,status,expired");
}

static int add_one(struct task *t, struct sco_error *err)
{
    struct sco_job_request q = a_request("app");
    struct sco_job_added a;
    return sco_store_job_add(t->s, &q, t->w->now, &a, err);
}

/* A push that is told twice at once is scanned once. */
static void two_requests_for_the_same_are_one(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct task t;
    OK(sco_store_begin(w->s, &err));
    add_job(w, a_request("app"));
    task_start(&t, w, add_one);
    wait_for_waiters(w->s, 1);
    OK(sco_store_end(w->s, 0, &err));
    task_end(&t);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM jobs WHERE state = 'queued'"), 1);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM jobs WHERE state = 'replaced'"), 1);
}

/* ---- a connection ---- */
static void a_cut_connection_is_made_anew(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_store *s = world_open(w);
    for (int i = 0; i < 3; i++) {
        struct store_value pid = sv_i64(ask(s, "SELECT pg_backend_pid()::bigint"));
        int64_t gone = 0;
        OK(store_query(w->s, "SELECT pg_terminate_backend($1::int, 5000)", &pid, 1, take_i64, &gone,
                       &err));
        assert_int_equal(gone, 1);
        OK(sco_store_ready(s, &err));
        assert_int_equal(ask(s, "SELECT count(*) FROM jobs"), 0);
        assert_int_equal(ask(s, "SELECT count(*) FROM pg_settings WHERE (name, setting) IN "
                                "(('idle_in_transaction_session_timeout', '600000'), "
                                "('lock_timeout', '5000'))"),
                         2);
    }
    sco_store_close(s);
}

/* One clock for all, whatever they think themselves. */
static void the_server_says_what_time_it_is(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    int64_t now = 0;
    OK(sco_store_now(w->s, 1, &now, &err));
    assert_in_range(now, sco_now_ms() - 60000, sco_now_ms() + 60000);
}

/* Others save their findings all the same. */
static void a_merge_that_fails_leaves_no_lock(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_scan *scan = some_findings(w, 1);
    struct sco_store *s = w->s;
    OK(store_exec(s, "ALTER SEQUENCE vulnerabilities_pk RENAME TO gone", NULL, 0, NULL, &err));
    assert_true(scan_try(w, scan, &err) < 0);
    OK(store_exec(s, "ALTER SEQUENCE gone RENAME TO vulnerabilities_pk", NULL, 0, NULL, &err));
    w->s = world_open(w);
    assert_int_equal(scan_try(w, scan, &err), 0);
    scan_free(scan);
    sco_store_close(s);
}
#endif

#if STORE_IS_sqlite
enum { WRITING_MS = 5000, BALLAST = 48 };
static atomic_bool enough;

static int write_on(struct task *t, struct sco_error *err)
{
    int64_t until = sco_mono_ms() + WRITING_MS;
    int r = 0;
    while (r == 0 && !atomic_load(&enough) && sco_mono_ms() < until)
        r = store_exec(t->s, "UPDATE job_queue SET claims = claims + 1", NULL, 0, NULL, err);
    t->n = (uint64_t)(until - sco_mono_ms()) > WRITING_MS ? 0 : 1; /* we were stopped in time */
    return r;
}

/* A copy of one moment: who writes meanwhile does not make it begin anew, for ever. */
static void backup_while_others_write(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct task t;
    char path[512];
    static char ballast[1 << 20];
    snprintf(path, sizeof path, "%s/copy", w->dir);
    for (size_t i = 0; i < sizeof ballast; i++)
        ballast[i] = (char)(i * 2654435761u >> 24);
    for (int i = 0; i < BALLAST; i++) {
        char id[37];
        sco_uuid4(id);
        OK(sco_store_artifact_add(w->s, id, "log", "text/plain", false,
                                  sco_str_make(ballast, sizeof ballast), w->now, &err));
    }
    atomic_store(&enough, false);
    task_start(&t, w, write_on);
    OK(sco_store_backup(w->s, path, &err));
    atomic_store(&enough, true);
    task_end(&t);
    assert_int_equal(t.n, 1);
    OK(store_exec(w->s, "UPDATE job_queue SET claims = 0", NULL, 0, NULL, &err)); /* and let go */
}
#endif

/* ---- all at once ---- */
enum { BRANCHES = 4, TASKS = 6, ROUNDS = 40 };

static uint32_t dice(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 16) % n;
}

static int change_some(struct task *t, const char (*ids)[37], size_t n, uint32_t *seed,
                       struct sco_error *err)
{
    const char *v[8];
    bool changed;
    int r = sco_store_begin(t->s, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++)
        v[i] = ids[dice(seed, (uint32_t)n)];
    r = sco_store_lock_findings(t->s, v, SCO_ARRAY_LEN(v), err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(v) && r == 0; i++) {
        struct sco_store_status st = {.status = SCO_STATUS_ACCEPTED,
                                      .reason = "because",
                                      .by = "ada",
                                      .accepted_until = t->w->now + 100 + dice(seed, 50),
                                      .now = t->w->now};
        r = sco_store_set_status(t->s, v[i], &st, &changed, err);
    }
    struct sco_audit_entry e = {
        .at = t->w->now, .actor = "ada", .action = "test", .outcome = "success"};
    if (r == 0)
        r = sco_store_audit_add(t->s, &e, err);
    return sco_store_end(t->s, r, err);
}

static int save_some(struct task *t, uint32_t *seed, struct sco_error *err)
{
    static const char *const names[BRANCHES] = {"b0", "b1", "b2", "b3"};
    struct world own = *t->w;
    own.s = t->s;
    own.branch = names[dice(seed, BRANCHES)];
    own.now += 1000;
    struct sco_scan *scan = some_findings(&own, 20 + dice(seed, 10));
    int r = scan_try(&own, scan, err);
    scan_free(scan);
    return r;
}

static int work_some(struct task *t, uint32_t *seed, struct sco_error *err)
{
    static const char *const names[] = {"x", "y", "z"};
    struct sco_job_request q = a_request(names[dice(seed, 3)]);
    struct sco_job_added added;
    struct sco_job_page p = {0};
    uint64_t reaped;
    struct sco_job_claim c = {.node = "one",
                              .now = t->w->now,
                              .lease_ms = 60000,
                              .max = 3,
                              .ageing_ms = 1000 * (1 + dice(seed, 2))};
    int r = sco_store_job_add(t->s, &q, t->w->now, &added, err);
    if (r == 0)
        r = sco_store_jobs_claim(t->s, &c, &p, err);
    for (size_t i = 0; i < p.n && r == 0; i++) {
        enum sco_job_state state;
        struct sco_job_end e = {.lease = {p.v[i].id, "one", p.v[i].attempt},
                                .outcome = SCO_JOB_END_RETRY,
                                .now = t->w->now};
        r = sco_store_job_end(t->s, &e, &state, err);
    }
    sco_job_page_done(&p);
    return r == 0 ? sco_store_jobs_reap(t->s, t->w->now, 1000, &reaped, err) : r;
}

static int all_of_it(struct task *t, struct sco_error *err)
{
    char ids[BRANCHES * 20][37];
    uint32_t seed = (uint32_t)(uintptr_t)t * 2654435761u;
    struct sco_store_filter f = {.statuses = ALL_STATUSES, .limit = BRANCHES * 20};
    struct sco_finding_page p = {0};
    struct sco_store_context c = {.source = "node"};
    int r = sco_store_set_context(t->s, &c, err);
    if (r == 0)
        r = sco_store_findings(t->s, &f, &p, err);
    for (size_t i = 0; i < p.n; i++)
        memcpy(ids[i], p.v[i].id, sizeof ids[i]);
    size_t n = p.n;
    sco_finding_page_done(&p);
    for (int i = 0; i < ROUNDS && r == 0; i++) {
        uint64_t gone;
        int64_t last;
        bool more;
        switch (dice(&seed, 5)) {
        case 0:
            r = change_some(t, (const char(*)[37])ids, n, &seed, err);
            break;
        case 1:
            r = save_some(t, &seed, err);
            break;
        case 2:
            r = sco_store_expire(t->s, t->w->now + 110 + dice(&seed, 60), &gone, err);
            break;
        case 3:
            r = work_some(t, &seed, err);
            break;
        default:
            r = sco_store_events_sequence(t->s, 1000, &last, &more, err);
        }
    }
    return r;
}

/* Nobody waits in a circle, and nothing is lost on the way. */
static void everything_at_once(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct task t[TASKS];
    static const char *const names[BRANCHES] = {"b0", "b1", "b2", "b3"};
    for (size_t i = 0; i < BRANCHES; i++) {
        struct sco_scan *scan = some_findings(w, 20);
        w->branch = names[i];
        OK(scan_try(w, scan, &err));
        scan_free(scan);
    }
    w->now += 10000;
    for (size_t i = 0; i < TASKS; i++)
        task_start(&t[i], w, all_of_it);
    for (size_t i = 0; i < TASKS; i++)
        task_end(&t[i]);
    assert_int_equal(ask(w->s, "SELECT count(*) FROM jobs WHERE state = 'running'"), 0);
    uint64_t findings, scans;
    OK(sco_store_verify(w->s, &findings, &scans, &err));
}

#if !STORE_IS_sqlite
/* ---- one name, two at once ---- */
static int put_schedule(struct task *t, struct sco_error *err)
{
    struct sco_stored_schedule x = {.name = "nightly",
                                    .time_zone = "UTC",
                                    .windows = "",
                                    .kind = "scan",
                                    .target_key = "app",
                                    .revision = "",
                                    .scanners = "",
                                    .request = "{}",
                                    .interval_ms = 1000};
    char id[37];
    return sco_store_schedule_put(t->s, &x, t->w->now, id, err);
}

static int put_target(struct task *t, struct sco_error *err)
{
    struct sco_stored_target x = {.name = "app",
                                  .kind = "repository",
                                  .location = "https://git.example/app",
                                  .platform = "",
                                  .branch = "",
                                  .team = "",
                                  .config = "{}",
                                  .status = "active"};
    char id[37];
    return sco_store_target_put(t->s, &x, t->w->now, id, err);
}

static int put_user(struct task *t, struct sco_error *err)
{
    struct sco_stored_user x = {.email = "ada@example.com", .status = "active"};
    char id[37];
    return sco_store_user_put(t->s, &x, t->w->now, id, err);
}

/* A user who takes the address as well: the other way round, an insert comes behind an update. */
static int rename_user(struct task *t, struct sco_error *err)
{
    struct sco_stored_user x = {.email = "bob@example.com", .status = "active"};
    char id[37];
    int r = sco_store_user_put(t->s, &x, t->w->now, id, err);
    x.id = id;
    x.email = "ada@example.com";
    return r < 0 ? r : sco_store_user_put(t->s, &x, t->w->now, id, err);
}

/* The first one has written and not committed: the second one waits, and is told why not. */
static void a_name_is_given_once(void **state)
{
    struct world *w = *state;
    static int (*const puts[][2])(struct task *, struct sco_error *) = {
        {put_schedule, put_schedule}, {put_target, put_target}, {put_user, put_user},
        {put_user, rename_user},      {rename_user, put_user},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(puts); i++) {
        struct sco_error err = {0};
        struct task first = {.w = w, .s = w->s}, second;
        OK(store_exec(w->s, "DELETE FROM users", NULL, 0, NULL, &err));
        OK(sco_store_begin(w->s, &err));
        OK(puts[i][0](&first, &err));
        task_start(&second, w, puts[i][1]);
        wait_for_waiters(w->s, 1);
        OK(sco_store_end(w->s, 0, &err));
        pthread_join(second.thread, NULL);
        sco_store_close(second.s);
        if (second.result != SCO_E_INVALID)
            fail_msg("%zu: %d %s", i, second.result, second.err.text);
    }
}

static int reap(struct task *t, struct sco_error *err)
{
    return sco_store_jobs_reap(t->s, t->w->now + 60001, 0, &t->n, err);
}

/* What is written under a lease is written before the job is anybody else's. */
static void a_job_that_is_held_is_not_taken_away(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct task t;
    char id[37];
    snprintf(id, sizeof id, "%s", add_job(w, a_request("a")).id);
    assert_string_equal(claim(w, 0), "a");
    struct sco_job_lease l = {id, "one", 1};
    OK(sco_store_begin(w->s, &err));
    OK(sco_store_job_hold(w->s, &l, &err));
    task_start(&t, w, reap); /* passes by what is held */
    task_end(&t);
    assert_int_equal(t.n, 0);
    OK(sco_store_end(w->s, 0, &err));
    task_start(&t, w, reap);
    task_end(&t);
    assert_int_equal(t.n, 1);
    assert_int_equal(sco_store_job_hold(w->s, &l, &err), SCO_E_CANCELLED);
}

static char looked_at[37];

static int look_at_run(struct task *t, struct sco_error *err)
{
    char id[37];
    struct sco_stored_execution x = {
        .id = looked_at, .status = "running", .url = "https://ci.example/9"};
    return sco_store_execution_put(t->s, &x, t->w->now, id, NULL, err);
}

/* A look at a run began before its webhook was committed: the end that the webhook told holds. */
static void an_end_is_not_undone_by_a_look(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct task t;
    char id[37];
    struct sco_execution_page p = {0};
    struct sco_stored_execution x = {.integration = "github",
                                     .platform = "github",
                                     .repository = "acme/shop",
                                     .clone_url = "https://git.example/acme/shop",
                                     .external_id = "9",
                                     .status = "running"};
    OK(sco_store_execution_put(w->s, &x, w->now, looked_at, NULL, &err));
    OK(sco_store_begin(w->s, &err));
    x.status = "success";
    OK(sco_store_execution_put(w->s, &x, w->now, id, NULL, &err));
    task_start(&t, w, look_at_run);
    wait_for_waiters(w->s, 1);
    OK(sco_store_end(w->s, 0, &err));
    task_end(&t);
    OK(sco_store_execution(w->s, looked_at, &p, &err));
    assert_string_equal(p.v[0].status, "success");
    assert_int_not_equal(p.v[0].completed_at, 0);
    assert_string_equal(p.v[0].url, "https://ci.example/9");
    sco_execution_page_done(&p);
}
#endif

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
#if !STORE_IS_sqlite
        T(an_acceptance_that_was_changed_does_not_expire),
        T(two_that_expire_tell_it_once),
        T(what_is_accepted_meanwhile_expires_the_next_time),
        T(two_requests_for_the_same_are_one),
        T(a_cut_connection_is_made_anew),
        T(the_server_says_what_time_it_is),
        T(a_merge_that_fails_leaves_no_lock),
        T(a_name_is_given_once),
        T(an_end_is_not_undone_by_a_look),
        T(a_job_that_is_held_is_not_taken_away),
#endif
#if STORE_IS_sqlite
        T(backup_while_others_write),
#endif
        T(everything_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
