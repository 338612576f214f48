/* The clockwork over a SQLite store, with a runner that does as it is told (fake_runner.c) and a
 * clock that is set by hand. Nothing sleeps: the loop runs until what is waited for is there. */
#include "sched_priv.h"
#include "store_priv.h"

#include <event2/event.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

const struct sco_store_ops *sco_store_sqlite(void);

enum { SECOND = 1000, MINUTE = 60 * SECOND, LEASE = 60 * SECOND, PATIENCE_MS = 10000 };

struct node {
    struct world *w;
    struct sco_threads *threads;
    struct sco_sched *s;
    int64_t ahead; /* of the clock of its machine */
    bool idle;
};
struct world {
    struct event_base *base;
    char *dir, where[512];
    struct sco_store *store; /* the test's own */
    int64_t now, mono;       /* of the clocks; changed only while no poll is under way */
    struct node nodes[2];
    struct sco_sched_options o;
    bool away; /* atomic */
    int orphans, fds;
    struct sco_metrics *metrics;
};

static const struct sco_store_ops *driver;

static struct sco_store *open_store(const struct world *w, bool create)
{
    struct sco_store *s = NULL;
    struct sco_error err = {0};
    struct sco_store_options o = {.where = w->where, .create = create, .wait_ms = 10000};
    if (store_open_with(driver, &o, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static void *start_thread(void *user)
{
    struct world *w = user;
    return open_store(w, false);
}

static void stop_thread(void *user, void *state)
{
    (void)user;
    sco_store_close(state);
}

static struct world *the_world; /* of the stores, which know only their thread */

static struct sco_store *get_store(void *state)
{
    return __atomic_load_n(&the_world->away, __ATOMIC_SEQ_CST) ? NULL : state;
}

static int64_t now(void *user)
{
    const struct node *n = user;
    return n->w->now + n->ahead;
}

static int64_t mono(void *user)
{
    return ((struct node *)user)->w->mono;
}

static void on_idle(void *user)
{
    ((struct node *)user)->idle = true;
}

static void on_orphans(void *user)
{
    ((struct node *)user)->w->orphans++;
}

static int add_secrets(void *user, struct sco_store *s, const struct sco_stored_job *job,
                       struct sco_json_out *out, struct sco_error *err)
{
    (void)user;
    (void)s;
    if (strstr(job->request.request, "no-such-secret"))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no secret of this name");
    sco_json_kz(out, "checkout_token", "s3cret");
    return 0;
}

static int count_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    closedir(d);
    return n;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sco_error err = {0};
    the_world = w;
    driver = sco_store_sqlite();
    w->fds = count_fds();
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-sched-", &w->dir, &err), 0);
    snprintf(w->where, sizeof w->where, "%s/store.db", w->dir);
    w->store = open_store(w, true);
    w->now = 1800000000000;
    w->mono = 1000000;
    w->base = event_base_new();
    w->metrics = sco_metrics_new();
    static char runner[1024], setup[1024];
    snprintf(runner, sizeof runner, "%s/tests/fake_runner", getenv("SECUREOPS_BUILD"));
    snprintf(setup, sizeof setup, "{\"store\":\"%s\",\"node\":\"one\"}", w->where);
    w->o = (struct sco_sched_options){.base = w->base,
                                      .store = get_store,
                                      .node = "one",
                                      .runner = runner,
                                      .setup = sco_str_c(setup),
                                      .slots = 4,
                                      .target_max = 10,
                                      .lease_ms = LEASE,
                                      .poll_ms = 5,
                                      .backoff_ms = 30 * SECOND,
                                      .backoff_max_ms = 30 * MINUTE,
                                      .metrics = w->metrics,
                                      .now = now,
                                      .mono = mono,
                                      .idle = on_idle,
                                      .orphans = on_orphans,
                                      .secrets = add_secrets,
                                      .kill_ms = 50};
    *state = w;
    return 0;
}

static struct sco_sched *start_node(struct world *w, int i)
{
    struct sco_error err = {0};
    struct node *n = &w->nodes[i];
    struct sco_threads_options t = {
        .name = "clock", .n = 1, .start = start_thread, .stop = stop_thread, .user = w};
    struct sco_sched_options o = w->o;
    n->w = w;
    assert_int_equal(sco_threads_new(w->base, &t, &n->threads, &err), 0);
    o.threads = n->threads;
    o.user = n;
    if (i)
        o.node = "two";
    assert_int_equal(sco_sched_new(&o, &n->s, &err), 0);
    return n->s;
}

/* One turn of the loop, and no endless waiting. */
static void turn(struct world *w, int64_t since)
{
    assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
    if (sco_mono_ms() - since > PATIENCE_MS)
        fail_msg("what was waited for has not come");
}

#define UNTIL(w, what)                                                                             \
    for (int64_t since = sco_mono_ms(); !(what);)                                                  \
    turn(w, since)

static int tear_down(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 2; i++) {
        struct node *n = &w->nodes[i];
        if (!n->s)
            continue;
        sco_sched_stop(n->s, 0);
        UNTIL(w, n->idle);
        sco_threads_free(n->threads);
        sco_sched_free(n->s);
    }
    assert_int_equal(event_base_get_num_events(w->base, EVENT_BASE_COUNT_ADDED), 0);
    event_base_free(w->base);
    sco_metrics_free(w->metrics);
    sco_store_close(w->store);
    assert_int_equal(sco_fs_remove_tree(w->dir), 0);
    free(w->dir);
    assert_int_equal(count_fds(), w->fds);
    free(w);
    return 0;
}

/* ---- jobs ---- */
static const char *add_of(struct world *w, const char *kind, const char *act)
{
    static char ids[8][37], request[1200];
    static int n;
    struct sco_error err = {0};
    struct sco_job_added a;
    snprintf(request, sizeof request, "{\"act\":\"%s\",\"now\":%lld,\"file\":\"%s/go\"}", act,
             (long long)w->now, w->dir);
    char *id = ids[n = (n + 1) % 8];
    struct sco_job_request q = {.kind = kind,
                                .target_key = act,
                                .revision = "",
                                .scanners = "",
                                .request = request,
                                .origin = "api",
                                .correlation_id = "c-1",
                                .priority = SCO_JOB_PRIORITY};
    if (sco_store_job_add(w->store, &q, w->now, &a, &err) < 0)
        fail_msg("%s", err.text);
    memcpy(id, a.id, 37);
    return id;
}

static const char *add(struct world *w, const char *act)
{
    return add_of(w, "scan", act);
}

/* Of the job that was asked for last. */
static struct sco_job_page page;

static const struct sco_stored_job *job(struct world *w, const char *id)
{
    struct sco_error err = {0};
    sco_job_page_done(&page);
    memset(&page, 0, sizeof page);
    if (sco_store_job(w->store, id, &page, &err) < 0)
        fail_msg("%s", err.text);
    return &page.v[0];
}

static size_t running(const struct world *w)
{
    struct sco_sched_state s;
    sco_sched_state(w->nodes[0].s, &s);
    return s.running;
}

static void let_run(struct world *w, size_t n)
{
    UNTIL(w, running(w) == n);
}

static void test_complete(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "complete");
    start_node(w, 0);
    UNTIL(w, job(w, id)->state == SCO_JOB_COMPLETED);
    let_run(w, 0);
    assert_int_equal(job(w, id)->attempt, 1);
    assert_string_equal(job(w, id)->node, "one");
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_metrics_write(w->metrics, &b);
    assert_non_null(strstr(sco_buf_z(&b), "secureops_job_duration_seconds_count{kind=\"scan\","
                                          "outcome=\"completed\"} 1"));
    assert_int_equal(w->orphans, 0);
}

static void test_many(void **state)
{
    struct world *w = *state;
    struct sco_job_counts c = {0};
    for (int i = 0; i < 30; i++) {
        struct sco_error err = {0};
        struct sco_job_added a;
        char target[32];
        snprintf(target, sizeof target, "target-%d", i);
        struct sco_job_request q = {.kind = "scan",
                                    .target_key = target,
                                    .revision = "",
                                    .scanners = "",
                                    .request = "{\"act\":\"complete\",\"now\":1800000000000}",
                                    .origin = "api",
                                    .priority = SCO_JOB_PRIORITY};
        assert_int_equal(sco_store_job_add(w->store, &q, w->now, &a, &err), 0);
    }
    int64_t since = sco_mono_ms();
    start_node(w, 0);
    do {
        assert_true(running(w) <= 4);
        turn(w, since);
        assert_int_equal(c.by_state[SCO_JOB_DEAD] + c.by_state[SCO_JOB_CANCELLED], 0);
        assert_int_equal(sco_store_job_counts(w->store, w->now, &c, NULL), 0);
    } while (c.by_state[SCO_JOB_COMPLETED] < 30);
    assert_int_equal(c.by_state[SCO_JOB_DEAD] + c.by_state[SCO_JOB_QUEUED], 0);
}

/* What a platform waits for is begun while scans have all slots; and the other way round. */
static void test_slots_of_short_jobs(void **state)
{
    struct world *w = *state;
    struct sco_sched_state s;
    w->o.slots = 1;
    w->o.ci_slots = 1;
    add(w, "hang");
    struct sco_sched *sched = start_node(w, 0);
    let_run(w, 1);
    const char *waits = add(w, "complete"), *told = add_of(w, "ci", "complete");
    UNTIL(w, job(w, told)->state == SCO_JOB_COMPLETED);
    assert_int_equal(job(w, waits)->state, SCO_JOB_QUEUED);
    add_of(w, "call", "hang");
    UNTIL(w, (sco_sched_state(sched, &s), s.running_ci == 1));
    const char *second = add_of(w, "workflow", "complete");
    int64_t at = w->now;
    w->now++;
    UNTIL(w, (sco_sched_state(sched, &s), s.last_poll > at));
    assert_int_equal(job(w, second)->state, SCO_JOB_QUEUED);
    assert_int_equal(s.running, 1);
    assert_int_equal(s.slots + s.ci_slots, 2);
    sco_sched_reload(sched, w->o.setup, 2, 2);
    UNTIL(w, job(w, second)->state == SCO_JOB_COMPLETED);
    UNTIL(w, job(w, waits)->state == SCO_JOB_COMPLETED);
}

/* A runner that dies is tried again, later and later, and then given up with what it said. */
static void test_retry_until_dead(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "exit");
    start_node(w, 0);
    int64_t least = 15 * SECOND, most = 30 * SECOND;
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        UNTIL(w, job(w, id)->attempt == attempt && job(w, id)->state != SCO_JOB_RUNNING);
        const struct sco_stored_job *j = job(w, id);
        assert_non_null(strstr(j->reason, "status 7"));
        assert_non_null(strstr(j->reason, "boom"));
        assert_null(strchr(j->reason, '\x1b'));
        if (attempt == 3)
            break;
        assert_int_equal(j->state, SCO_JOB_QUEUED);
        assert_in_range(j->not_before - w->now, least, most);
        least *= 2;
        most *= 2;
        w->now += MINUTE;
        w->mono += MINUTE;
    }
    assert_int_equal(job(w, id)->state, SCO_JOB_DEAD);
    let_run(w, 0);
    assert_int_equal(w->orphans, 3);
}

static void test_signal(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "die");
    start_node(w, 0);
    UNTIL(w, job(w, id)->attempt == 1 && job(w, id)->state == SCO_JOB_QUEUED);
    assert_non_null(strstr(job(w, id)->reason, "signal 9"));
}

static void test_what_it_says(void **state)
{
    struct world *w = *state;
    const char *failed = add(w, "fail"), *retry = add(w, "retry"), *garbage = add(w, "garbage");
    start_node(w, 0);
    UNTIL(w, job(w, failed)->state == SCO_JOB_FAILED);
    assert_string_equal(job(w, failed)->reason, "no such branch");
    UNTIL(w, job(w, retry)->state == SCO_JOB_QUEUED && job(w, retry)->attempt == 1);
    assert_string_equal(job(w, retry)->reason, "the network is away");
    UNTIL(w, job(w, garbage)->state == SCO_JOB_QUEUED && job(w, garbage)->attempt == 1);
    assert_non_null(strstr(job(w, garbage)->reason, "no sense"));
}

static void test_secrets(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "token"), *none = add(w, "no-such-secret");
    start_node(w, 0);
    UNTIL(w, job(w, id)->state == SCO_JOB_FAILED);
    assert_string_equal(job(w, id)->reason, "s3cret"); /* the runner has it */
    UNTIL(w, job(w, none)->state == SCO_JOB_FAILED);
    assert_non_null(strstr(job(w, none)->reason, "no secret of this name"));
}

static void test_cancel(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "hang");
    struct sco_error err = {0};
    enum sco_job_state now_is;
    struct sco_sched *s = start_node(w, 0);
    let_run(w, 1);
    assert_int_equal(sco_store_job_cancel(w->store, id, "somebody", w->now, &now_is, &err), 0);
    sco_sched_wake(s);
    UNTIL(w, job(w, id)->state == SCO_JOB_CANCELLED);
    let_run(w, 0);
}

/* SIGTERM does not help; SIGKILL does. */
static void test_deadline(void **state)
{
    struct world *w = *state;
    w->o.job_timeout_ms = 30;
    const char *id = add(w, "deaf");
    start_node(w, 0);
    UNTIL(w, job(w, id)->attempt == 1 && job(w, id)->state == SCO_JOB_QUEUED);
    assert_non_null(strstr(job(w, id)->reason, "deadline"));
}

/* Somebody else has the job now: the runner is killed, and the job not touched. */
static void test_lost_lease(void **state)
{
    struct world *w = *state;
    uint64_t n = 0;
    struct sco_error err = {0};
    const char *id = add(w, "hang");
    struct sco_sched *s = start_node(w, 0);
    let_run(w, 1);
    assert_int_equal(sco_store_jobs_reap(w->store, w->now + LEASE + 1, MINUTE, &n, &err), 0);
    assert_int_equal(n, 1);
    sco_sched_wake(s);
    let_run(w, 0);
    assert_int_equal(job(w, id)->state, SCO_JOB_QUEUED);
    assert_int_equal(job(w, id)->attempt, 1);
    assert_null(strstr(job(w, id)->reason ? job(w, id)->reason : "", "signal"));
}

/* Leases are renewed long before they end, however long the job runs. */
static void test_renewal(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "hang");
    start_node(w, 0);
    let_run(w, 1);
    for (int i = 0; i < 20; i++) {
        int64_t until = job(w, id)->lease_until;
        assert_true(until - w->now > LEASE / 2);
        w->now += LEASE / 4;
        w->mono += LEASE / 4;
        UNTIL(w, job(w, id)->lease_until > until);
    }
    assert_int_equal(running(w), 1);
    assert_int_equal(job(w, id)->attempt, 1);
}

/* ---- a store with a clock of its own ---- */
static int server_clock(void *db, int64_t *ret, struct sco_error *err)
{
    (void)db;
    (void)err;
    *ret = the_world->now;
    return 0;
}

static void test_clocks_that_differ(void **state)
{
    struct world *w = *state;
    struct sco_store_ops server = *sco_store_sqlite();
    struct sco_sched_state two;
    server.clock = server_clock;
    driver = &server;
    w->nodes[1].ahead = 60 * MINUTE;
    const char *id = add(w, "hang");
    start_node(w, 0);
    UNTIL(w, job(w, id)->state == SCO_JOB_RUNNING);
    start_node(w, 1);
    UNTIL(w, (sco_sched_state(w->nodes[1].s, &two), two.last_poll > 0));
    assert_int_equal(two.last_poll, w->now);
    assert_int_equal(job(w, id)->state, SCO_JOB_RUNNING); /* its lease is as good as before */
    assert_int_equal(job(w, id)->lease_until, w->now + LEASE);
    assert_string_equal(job(w, id)->node, "one");
    for (int i = 0; i < 2; i++) { /* their stores are of this driver */
        sco_sched_stop(w->nodes[i].s, 0);
        UNTIL(w, w->nodes[i].idle);
        w->nodes[i].threads = sco_threads_free(w->nodes[i].threads);
        w->nodes[i].s = sco_sched_free(w->nodes[i].s);
    }
}

static void test_stop_hands_back(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "hang");
    struct sco_sched *s = start_node(w, 0);
    let_run(w, 1);
    sco_sched_stop(s, 20);
    UNTIL(w, w->nodes[0].idle);
    assert_int_equal(job(w, id)->state, SCO_JOB_QUEUED);
    assert_non_null(strstr(job(w, id)->reason, "node one stops"));
    assert_int_equal(job(w, id)->not_before <= w->now, 1); /* another node may begin at once */
    assert_int_equal(running(w), 0);
}

static void test_stop_lets_end(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "wait");
    char path[600];
    struct sco_sched *s = start_node(w, 0);
    let_run(w, 1);
    sco_sched_stop(s, 60 * SECOND);
    const char *next = add(w, "complete"); /* nothing new begins */
    snprintf(path, sizeof path, "%s/go", w->dir);
    assert_int_equal(sco_fs_write(path, SCO_STR("x"), 0600, NULL), 0);
    UNTIL(w, w->nodes[0].idle);
    assert_int_equal(job(w, id)->state, SCO_JOB_COMPLETED);
    assert_int_equal(job(w, next)->state, SCO_JOB_QUEUED);
    assert_int_equal(job(w, next)->attempt, 0);
}

static void test_no_runner(void **state)
{
    struct world *w = *state;
    w->o.runner = "/nonexistent/secureops-runner";
    const char *id = add(w, "complete");
    start_node(w, 0);
    UNTIL(w, job(w, id)->reason != NULL);
    assert_non_null(strstr(job(w, id)->reason, "cannot start"));
    assert_int_equal(job(w, id)->state, SCO_JOB_QUEUED);
    let_run(w, 0);
}

static void test_store_away(void **state)
{
    struct world *w = *state;
    struct sco_sched_state s = {0};
    __atomic_store_n(&w->away, true, __ATOMIC_SEQ_CST);
    const char *id = add(w, "complete");
    struct sco_sched *sched = start_node(w, 0);
    UNTIL(w, (sco_sched_state(sched, &s), s.reason != NULL));
    assert_int_equal(s.last_poll, 0);
    __atomic_store_n(&w->away, false, __ATOMIC_SEQ_CST);
    UNTIL(w, job(w, id)->state == SCO_JOB_COMPLETED);
    sco_sched_state(sched, &s);
    assert_null(s.reason);
    assert_int_equal(s.last_poll, w->now);
}

/* The end of a job waits for the store. */
static void test_end_while_away(void **state)
{
    struct world *w = *state;
    const char *id = add(w, "wait");
    char path[600];
    start_node(w, 0);
    let_run(w, 1);
    __atomic_store_n(&w->away, true, __ATOMIC_SEQ_CST);
    snprintf(path, sizeof path, "%s/go", w->dir);
    assert_int_equal(sco_fs_write(path, SCO_STR("x"), 0600, NULL), 0);
    UNTIL(w, job(w, id)->state == SCO_JOB_COMPLETED); /* the runner has a store of its own */
    __atomic_store_n(&w->away, false, __ATOMIC_SEQ_CST);
    let_run(w, 0);
}

/* Other nodes' leases look expired to a clock that was set forward. */
static void test_clock_jump(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    struct sco_sched_state s = {0};
    const char *id = add(w, "hang");
    struct sco_job_claim c = {.node = "other", .now = w->now, .lease_ms = LEASE, .max = 1};
    assert_int_equal(sco_store_jobs_claim(w->store, &c, &p, &err), 0);
    assert_int_equal(p.n, 1);
    sco_job_page_done(&p);
    struct sco_sched *sched = start_node(w, 0);
    UNTIL(w, (sco_sched_state(sched, &s), s.last_poll == w->now));
    w->now += 60 * MINUTE; /* the wall clock alone */
    UNTIL(w, (sco_sched_state(sched, &s), s.last_poll == w->now));
    w->mono += LEASE / 2;
    w->now += LEASE / 2;
    UNTIL(w, (sco_sched_state(sched, &s), s.last_poll == w->now));
    assert_int_equal(job(w, id)->state, SCO_JOB_RUNNING);
    assert_string_equal(job(w, id)->node, "other");
    /* one that is dead is collected in the end */
    w->mono += LEASE;
    w->now += LEASE;
    UNTIL(w, job(w, id)->state == SCO_JOB_QUEUED || strcmp(job(w, id)->node, "one") == 0);
}

/* ---- schedules ---- */
static void put_schedule(struct world *w, enum sco_catch_up catch_up)
{
    char id[37];
    struct sco_error err = {0};
    struct sco_stored_schedule v = {.name = "hourly",
                                    .cron = "0 * * * *",
                                    .time_zone = "UTC",
                                    .windows = "",
                                    .kind = "scan",
                                    .target_key = "https://git.example/app",
                                    .revision = "",
                                    .scanners = "",
                                    .request = "{\"act\":\"hang\"}",
                                    .created_by = "test",
                                    .priority = SCO_JOB_PRIORITY,
                                    .catch_up = catch_up,
                                    .enabled = true,
                                    .next_at = 1800000000000};
    if (sco_store_schedule_put(w->store, &v, w->now, id, &err) < 0)
        fail_msg("%s", err.text);
}

static uint64_t count_jobs(struct world *w)
{
    struct sco_job_counts c = {0};
    uint64_t n = 0;
    assert_int_equal(sco_store_job_counts(w->store, w->now, &c, NULL), 0);
    for (int i = 0; i < SCO_JOB_STATE_MAX_; i++)
        n += c.by_state[i];
    return n;
}

/* Two nodes see the same tick at the same time: one job. */
static void test_one_tick_across_nodes(void **state)
{
    struct world *w = *state;
    struct sco_sched_state a = {0}, b = {0};
    put_schedule(w, SCO_CATCH_UP_ALL);
    w->o.slots = 0;
    start_node(w, 0);
    start_node(w, 1);
    for (int i = 1; i <= 5; i++) {
        w->now += 1;
        w->mono += 1;
        UNTIL(w, (sco_sched_state(w->nodes[0].s, &a), sco_sched_state(w->nodes[1].s, &b),
                  a.last_poll == w->now && b.last_poll == w->now));
        assert_int_equal(count_jobs(w), i);
        w->now += 60 * MINUTE - 1;
        w->mono += 60 * MINUTE - 1;
    }
}

static void test_missed_ticks(void **state)
{
    struct world *w = *state;
    struct sco_sched_state a = {0};
    put_schedule(w, SCO_CATCH_UP_ONE);
    w->o.slots = 0;
    w->now += 300 * 60 * MINUTE + 30 * MINUTE; /* nobody ran for so long */
    start_node(w, 0);
    UNTIL(w, (sco_sched_state(w->nodes[0].s, &a), a.last_poll == w->now));
    assert_int_equal(count_jobs(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_complete),
        T(test_many),
        T(test_slots_of_short_jobs),
        T(test_retry_until_dead),
        T(test_signal),
        T(test_what_it_says),
        T(test_secrets),
        T(test_cancel),
        T(test_deadline),
        T(test_lost_lease),
        T(test_renewal),
        T(test_clocks_that_differ),
        T(test_stop_hands_back),
        T(test_stop_lets_end),
        T(test_no_runner),
        T(test_store_away),
        T(test_end_while_away),
        T(test_clock_jump),
        T(test_one_tick_across_nodes),
        T(test_missed_ticks),
    };
    syscall(SYS_close_range, 3u, ~0u, 0u); /* of whoever started us: a runner looks for leaks */
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    sco_job_page_done(&page);
    return r;
}
