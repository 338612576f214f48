/* A scan is the end of its job, in one transaction; events of jobs; and nodes that claim, die and
 * come back at once: every job ends once. */
#include "jobs_world.h"

#include <secureops/store_events.h>
#include <secureops/store_stats.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* ---- a scan ends its job ---- */
struct attached {
    const char *scan;
    uint64_t created;
    int result;
};

static int attach(void *user, struct sco_store *s, const struct sco_scan *scan,
                  struct sco_error *err)
{
    struct attached *a = user;
    a->scan = scan->id;
    a->created = scan->stored.created;
    if (a->result < 0)
        return sco_error_set(err, a->result, "no room");
    return sco_store_artifact_add(s, scan->id, "scan.log", "text/plain", false,
                                  SCO_STR("what happened"), scan->completed_ms, err);
}

static int save(struct world *w, struct sco_scan *scan, struct sco_job_lease *l, struct attached *a,
                struct sco_error *err)
{
    struct sco_store_subject sub = {.repository = w->repository,
                                    .branch = w->branch,
                                    .scope = w->scope,
                                    .lease = l,
                                    .attach = attach,
                                    .user = a};
    return sco_store_save_scan(w->s, &sub, scan, err);
}

static int save_within(struct world *w, struct sco_scan *scan, struct sco_job_lease *l,
                       struct sco_error *err)
{
    struct sco_store_subject sub = {
        .repository = w->repository, .branch = w->branch, .scope = w->scope, .within = l};
    return sco_store_save_scan(w->s, &sub, scan, err);
}

static struct sco_scan *a_scan(struct world *w)
{
    struct sco_scan *s = scan_new(w);
    scan_run(s, "semgrep", SCO_RUN_STATUS_COMPLETED);
    scan_add(s, 1, "semgrep");
    return s;
}

static size_t count_scans(struct world *w)
{
    struct sco_error err = {0};
    struct sco_scan_page p = {0};
    if (sco_store_scans(w->s, &(struct sco_store_scan_filter){0}, &p, &err) < 0)
        fail_msg("%s", err.text);
    size_t n = p.n;
    sco_scan_page_done(&p);
    return n;
}

TEST(a_scan_completes_its_job)
{
    WORLD;
    struct sco_job_page p = {0};
    struct attached a = {0};
    char id[37];
    snprintf(id, sizeof id, "%s", add_job(w, a_request("a")).id);
    assert_string_equal(claim(w, 0), "a");
    struct sco_job_lease l = {id, "one", 1};
    struct sco_scan *s = a_scan(w);
    assert_int_equal(save(w, s, &l, &a, &err), 0);
    assert_string_equal(a.scan, s->id);
    assert_int_equal(a.created, 1);
    assert_int_equal(sco_store_job(w->s, id, &p, &err), 0);
    assert_int_equal(p.v[0].state, SCO_JOB_COMPLETED);
    assert_string_equal(p.v[0].scan_id, s->id);
    assert_int_equal(p.v[0].completed_at, s->completed_ms);
    sco_job_page_done(&p);
    assert_int_equal(count_scans(w), 1);
    scan_free(s);
}

/* ---- alerts ---- */
static size_t count_alerts(struct world *w, const char *kind, const char *title)
{
    struct sco_error err = {0};
    struct sco_alert_page p = {0};
    struct sco_alert_filter f = {.kind = kind};
    if (sco_store_alerts(w->s, &f, &p, &err) < 0)
        fail_msg("%s", err.text);
    size_t n = p.n;
    if (n && title)
        assert_string_equal(p.v[0].title, title);
    sco_alert_page_done(&p);
    return n;
}

/* A scan of a job of this origin: a CRITICAL finding for each number up to n. */
static void scan_job(struct world *w, const char *origin, uint32_t n, enum sco_run_status status)
{
    struct sco_error err = {0};
    struct attached a = {0};
    struct sco_job_request q = a_request("a");
    char id[37];
    q.origin = origin;
    snprintf(id, sizeof id, "%s", add_job(w, q).id);
    assert_string_equal(claim(w, 0), "a");
    struct sco_job_lease l = {id, "one", 1};
    struct sco_scan *s = scan_new(w);
    scan_run(s, "semgrep", status);
    for (uint32_t i = 1; i <= n; i++)
        scan_add(s, i, "semgrep")->severity = SCO_SEV_CRITICAL;
    if (save(w, s, &l, &a, &err) < 0)
        fail_msg("%s", err.text);
    scan_free(s);
}

TEST(alerts_are_raised)
{
    WORLD;
    enum sco_job_state st;
    char id[37];
    struct sco_store_context c = {.source = "one"};
    assert_int_equal(sco_store_set_context(w->s, &c, &err), 0);
    scan_job(w, "api", 2, SCO_RUN_STATUS_COMPLETED);
    assert_int_equal(count_alerts(w, "critical_findings", "2 new CRITICAL findings"), 1);
    scan_job(w, "api", 2, SCO_RUN_STATUS_COMPLETED); /* known */
    assert_int_equal(count_alerts(w, "critical_findings", NULL), 1);
    scan_job(w, "api", 3, SCO_RUN_STATUS_FAILED);
    assert_int_equal(count_alerts(w, "critical_findings", "1 new CRITICAL finding"), 2);
    assert_int_equal(count_alerts(w, "scan_incomplete", NULL), 0); /* who asked for it is told */
    scan_job(w, "schedule", 3, SCO_RUN_STATUS_FAILED);
    assert_int_equal(count_alerts(w, "scan_incomplete", NULL), 1);
    scan_job(w, "schedule", 3, SCO_RUN_STATUS_COMPLETED);
    assert_int_equal(count_alerts(w, "scan_incomplete", NULL), 1);
    struct sco_job_request q = a_request("b");
    q.max_attempts = 2;
    snprintf(id, sizeof id, "%s", add_job(w, q).id);
    for (uint32_t i = 1; i <= 2; i++) {
        assert_int_equal(count_alerts(w, "job_dead", NULL), 0);
        w->now += 5000;
        assert_string_equal(claim(w, 0), "b");
        end_job(w, (struct sco_job_lease){id, "one", i}, SCO_JOB_END_RETRY, &st);
    }
    assert_int_equal(st, SCO_JOB_DEAD);
    assert_int_equal(count_alerts(w, "job_dead", NULL), 1);
}

/* ---- what would wait for ever ---- */
TEST(a_node_that_does_not_come_back)
{
    WORLD;
    enum { WAIT = 3600000 };
    struct sco_job_page p = {0};
    struct sco_job_request mine = a_request("a"), later = a_request("b");
    char id[37];
    uint64_t n = 9;
    mine.only_node = later.only_node = "gone";
    later.not_before = w->now + 2 * WAIT;
    snprintf(id, sizeof id, "%s", add_job(w, mine).id);
    add_job(w, later);
    add_job(w, a_request("c")); /* of any node */
    w->now += WAIT;
    assert_int_equal(sco_store_jobs_abandon(w->s, "one", w->now, WAIT, &n, &err), 0);
    assert_int_equal(n, 0);
    w->now++;
    assert_int_equal(sco_store_jobs_abandon(w->s, "gone", w->now, WAIT, &n, &err), 0);
    assert_int_equal(n, 0); /* that node is here, and busy */
    assert_int_equal(sco_store_jobs_abandon(w->s, "one", w->now, WAIT, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(sco_store_job(w->s, id, &p, &err), 0);
    assert_int_equal(p.v[0].state, SCO_JOB_DEAD);
    assert_int_equal(p.v[0].completed_at, w->now);
    assert_non_null(strstr(p.v[0].reason, "only node gone has its files"));
    sco_job_page_done(&p);
    assert_int_equal(count_alerts(w, "job_dead", "A job was given up"), 1);
    /* a retry begins the wait anew */
    assert_int_equal(sco_store_job_retry(w->s, id, "u", w->now, &err), 0);
    assert_int_equal(sco_store_jobs_abandon(w->s, "one", w->now, WAIT, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_string_equal(claim(w, 0), "c");
}

TEST(times_of_a_clock_that_was_ahead)
{
    WORLD;
    enum { PAUSE = 60000, LEASE = 120000 };
    const int64_t year = 366LL * 86400000;
    enum sco_job_state st;
    struct sco_job_page p = {0};
    char id[37];
    uint64_t n = 9;
    snprintf(id, sizeof id, "%s", add_job(w, a_request("a")).id);
    w->now += year;
    assert_string_equal(claim(w, 0), "a");
    w->now -= year; /* its lease ends in a year */
    assert_int_equal(sco_store_jobs_bound(w->s, w->now, PAUSE, LEASE, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(sco_store_job(w->s, id, &p, &err), 0);
    assert_int_equal(p.v[0].lease_until, w->now + LEASE);
    sco_job_page_done(&p);
    w->now += year;
    end_job(w, (struct sco_job_lease){id, "one", 1}, SCO_JOB_END_RETRY, &st);
    w->now -= year; /* it pauses for a year */
    assert_int_equal(st, SCO_JOB_QUEUED);
    assert_int_equal(sco_store_jobs_bound(w->s, w->now, PAUSE, LEASE, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_string_equal(claim(w, 0), "a");
    assert_int_equal(sco_store_jobs_bound(w->s, w->now, PAUSE, LEASE, &n, &err), 0);
    assert_int_equal(n, 0);
}

TEST(without_the_lease_nothing_is_saved)
{
    WORLD;
    struct attached a = {0};
    char id[37];
    uint64_t n;
    snprintf(id, sizeof id, "%s", add_job(w, a_request("a")).id);
    assert_string_equal(claim(w, 0), "a");
    struct sco_job_lease l = {id, "one", 1};
    w->now += 60001;
    assert_int_equal(sco_store_jobs_reap(w->s, w->now, 0, &n, &err), 0);
    assert_string_equal(claim(w, .node = "two"), "a");
    struct sco_scan *s = a_scan(w);
    assert_int_equal(save(w, s, &l, &a, &err), SCO_E_CANCELLED);
    assert_non_null(strstr(err.text, "lease is lost"));
    assert_int_equal(s->stored.created, 0);
    assert_null(s->stored.where);
    assert_null(s->findings.v[0].stored);
    assert_int_equal(count_scans(w), 0);
    assert_int_equal(count_findings(w, ALL_STATUSES), 0);
    assert_int_equal(state_of(w, id), SCO_JOB_RUNNING);
    /* the other one saves the same, and the first comes a second time */
    struct sco_job_lease other = {id, "two", 2};
    struct sco_scan *t = a_scan(w);
    assert_int_equal(save(w, t, &other, &a, &err), 0);
    assert_int_equal(save(w, s, &l, &a, &err), SCO_E_CANCELLED);
    assert_int_equal(count_scans(w), 1);
    scan_free(s);
    scan_free(t);
}

/* Scans of one job, which goes on: of the steps of a pipeline. */
TEST(a_part_of_a_job_is_saved_while_the_lease_holds)
{
    WORLD;
    char id[37];
    uint64_t n;
    snprintf(id, sizeof id, "%s", add_job(w, a_request("a")).id);
    assert_string_equal(claim(w, 0), "a");
    struct sco_job_lease l = {id, "one", 1}, other = {id, "two", 2};
    struct sco_scan *s = a_scan(w), *t = a_scan(w);
    assert_int_equal(save_within(w, s, &l, &err), 0);
    assert_int_equal(state_of(w, id), SCO_JOB_RUNNING);
    assert_int_equal(count_scans(w), 1);
    w->now += 60001;
    assert_int_equal(sco_store_jobs_reap(w->s, w->now, 0, &n, &err), 0);
    assert_int_equal(save_within(w, t, &l, &err), SCO_E_CANCELLED);
    assert_string_equal(claim(w, .node = "two"), "a");
    assert_int_equal(save_within(w, t, &l, &err), SCO_E_CANCELLED);
    assert_non_null(strstr(err.text, "lease is lost"));
    assert_int_equal(t->stored.created + t->stored.seen, 0);
    assert_int_equal(count_scans(w), 1);
    assert_int_equal(save_within(w, t, &other, &err), 0);
    assert_int_equal(count_scans(w), 2);
    enum sco_job_state st;
    end_job(w, other, SCO_JOB_END_COMPLETED, &st);
    scan_free(s);
    s = a_scan(w);
    assert_int_equal(save_within(w, s, &other, &err), SCO_E_CANCELLED); /* it has ended */
    assert_int_equal(count_scans(w), 2);
    scan_free(s);
    scan_free(t);
}

TEST(what_cannot_be_attached_saves_nothing)
{
    WORLD;
    struct attached a = {.result = SCO_E_IO};
    char id[37];
    snprintf(id, sizeof id, "%s", add_job(w, a_request("a")).id);
    assert_string_equal(claim(w, 0), "a");
    struct sco_job_lease l = {id, "one", 1};
    struct sco_scan *s = a_scan(w);
    assert_int_equal(save(w, s, &l, &a, &err), SCO_E_IO);
    assert_int_equal(count_scans(w), 0);
    assert_int_equal(state_of(w, id), SCO_JOB_RUNNING);
    scan_free(s);
}

/* ---- events ---- */
static const char *events(struct world *w)
{
    static char out[2048];
    struct sco_error err = {0};
    struct sco_event_page p = {0};
    int64_t last;
    bool more;
    if (sco_store_events_sequence(w->s, 100, &last, &more, &err) < 0 ||
        sco_store_events_read(w->s, 0, 100, "security.scan.*", NULL, &p, &err) < 0)
        fail_msg("%s", err.text);
    out[0] = 0;
    for (size_t i = 0; i < p.n; i++) {
        const struct sco_event *e = &p.v[i];
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s %s %s %s\n", e->type + 14, e->key,
                 e->correlation_id ? e->correlation_id : "-", e->user_id ? e->user_id : "-");
        assert_non_null(strstr(e->data, "\"job_id\":"));
        /* what was told here is not taken for a request of somebody else */
        bool first = true;
        assert_int_equal(sco_store_event_accept(w->s, e->id, w->now, &first, &err), 0);
        assert_int_equal(first, strcmp(e->type, "security.scan.requested") != 0);
    }
    sco_event_page_done(&p);
    return out;
}

TEST(what_happens_is_told)
{
    WORLD;
    struct attached a = {0};
    char id[37];
    struct sco_job_request q = a_request("https://git.example/app");
    q.correlation_id = "c1";
    add_job(w, a_request("before"));
    assert_string_equal(claim(w, 0), "before");
    assert_string_equal(events(w), ""); /* nobody wants any */
    struct sco_store_context c = {.source = "one", .user_id = "ada"};
    assert_int_equal(sco_store_set_context(w->s, &c, &err), 0);
    snprintf(id, sizeof id, "%s", add_job(w, q).id);
    q.target_key = "from elsewhere";
    q.origin = "kafka"; /* has been told there */
    add_job(w, q);
    assert_int_equal(
        sco_store_set_context(w->s, &(struct sco_store_context){"one", "c2", NULL}, &err), 0);
    assert_string_equal(claim(w, .max = 1), "https://git.example/app");
    struct sco_job_lease l = {id, "one", 1};
    struct sco_scan *s = a_scan(w);
    assert_int_equal(save(w, s, &l, &a, &err), 0);
    scan_free(s);
    assert_string_equal(events(w), "requested https://git.example/app c1 ada\n"
                                   "started https://git.example/app c1 -\n"
                                   "completed https://git.example/app c2 -\n");
}

/* ---- many nodes ---- */
enum { JOBS = 120, TARGETS = 24, NODES = 4, ROUNDS_MAX = 200000, LEASE = 1000 };

struct shared {
    bool calm; /* nobody dies, and no lease runs out: then limits hold to the last */
    _Atomic int64_t clock;
    _Atomic int completed[JOBS], attempts, lost, over_target, over_scanner;
    _Atomic int at_target[TARGETS], at_scanner;
};
struct held {
    char id[37];
    int number, target;
    uint32_t attempt;
    bool limited;
};
struct node {
    struct world w;
    struct shared *x;
    char name[24];
    uint64_t seed;
    struct held zombie; /* one that is ended much later, if it still may be */
};

static uint64_t next(struct node *n)
{
    n->seed ^= n->seed << 13;
    n->seed ^= n->seed >> 7;
    n->seed ^= n->seed << 17;
    return n->seed;
}

/* Counted down before the store knows, and up after: never more than what really runs. */
static void leave(struct node *n, const struct held *h)
{
    n->x->at_target[h->target]--;
    n->x->at_scanner -= h->limited;
}

static void try_end(struct node *n, struct held *h, enum sco_job_outcome outcome)
{
    enum sco_job_state st;
    struct sco_error err = {0};
    struct sco_job_end e = {.lease = {h->id, n->name, h->attempt},
                            .outcome = outcome,
                            .now = n->x->clock,
                            .retry_at = n->x->clock + 5};
    int r = sco_store_job_end(n->w.s, &e, &st, &err);
    if (r == 0 && st == SCO_JOB_COMPLETED)
        n->x->completed[h->number]++;
    else if (r == SCO_E_CANCELLED)
        n->x->lost++;
    else if (r < 0) {
        fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    h->attempt = 0;
}

static void work(struct node *n, struct held *h, bool die)
{
    uint64_t dice = n->x->calm ? 4 : next(n) % 16;
    if (dice == 0 || die) { /* killed: nothing is told to anybody */
        leave(n, h);
        raise(SIGKILL);
    }
    leave(n, h);
    if (dice == 1 && !n->zombie.attempt)
        n->zombie = *h;
    else
        try_end(n, h,
                dice == 2   ? SCO_JOB_END_RETRY
                : dice == 3 ? SCO_JOB_END_RELEASED
                            : SCO_JOB_END_COMPLETED);
}

static bool all_done(struct node *n)
{
    struct sco_error err = {0};
    struct sco_job_counts c;
    if (sco_store_job_counts(n->w.s, n->x->clock, &c, &err) < 0)
        _exit(2);
    return c.by_state[SCO_JOB_COMPLETED] == JOBS;
}

static size_t claim_some(struct node *n, struct held *held)
{
    static const struct sco_job_limit limit = {"trivy", 2};
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    struct sco_job_claim c = {.node = n->name,
                              .now = n->x->clock,
                              .lease_ms = LEASE,
                              .max = 3,
                              .limits = &limit,
                              .n_limits = 1};
    if (sco_store_jobs_claim(n->w.s, &c, &p, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        _exit(3);
    }
    for (size_t i = 0; i < p.n; i++) {
        struct held *h = &held[i];
        snprintf(h->id, sizeof h->id, "%s", p.v[i].id);
        h->number = (int)strtol(p.v[i].request.revision, NULL, 10);
        h->target = h->number % TARGETS;
        h->attempt = p.v[i].attempt;
        h->limited = strcmp(p.v[i].request.scanners, "trivy") == 0;
        n->x->attempts++;
        n->x->over_target += ++n->x->at_target[h->target] > 1;
        n->x->over_scanner += (n->x->at_scanner += h->limited) > 2;
    }
    size_t got = p.n;
    sco_job_page_done(&p);
    return got;
}

static void run_node(const struct world *w, struct shared *x, int number)
{
    struct node n = {.w = *w, .x = x, .seed = (uint64_t)number * 0x9e3779b97f4a7c15u};
    struct sco_error err = {0};
    struct held held[3];
    uint64_t reaped;
    snprintf(n.name, sizeof n.name, "node-%d", number);
    n.w.s = world_open(&n.w);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        size_t got = claim_some(&n, held);
        x->clock += x->calm ? 0 : 10;
        for (size_t i = 0; i < got; i++)
            work(&n, &held[i], !x->calm && number <= NODES && round == 2);
        if (!got && all_done(&n)) {
            sco_store_close(n.w.s);
            _exit(0);
        }
        if (!got)
            poll(NULL, 0, 1); /* SQLite knows no queue: who asks without a pause starves others */
        if (!x->calm && (!got || next(&n) % 8 == 0)) {
            x->clock += LEASE / 4;
            if (sco_store_jobs_reap(n.w.s, x->clock, 5, &reaped, &err) < 0)
                _exit(4);
        }
        if (n.zombie.attempt && next(&n) % 4 == 0)
            try_end(&n, &n.zombie, SCO_JOB_END_COMPLETED);
    }
    _exit(5);
}

static void start_node(const struct world *w, struct shared *x, int number)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid)
        run_node(w, x, number);
}

static void run_all(struct world *w, struct shared *x, int *ret_deaths)
{
    int started = 0, status;
    for (int i = 0; i < JOBS; i++) {
        char target[16], revision[16];
        snprintf(target, sizeof target, "t%d", i % TARGETS);
        snprintf(revision, sizeof revision, "%d", i);
        struct sco_job_request q = a_request(target);
        q.revision = revision;
        q.scanners = i % 3 ? "semgrep" : "trivy";
        q.max_attempts = 10000;
        add_job(w, q);
    }
    x->clock = w->now;
    w->s = sco_store_close(w->s);
    while (started < NODES)
        start_node(w, x, ++started);
    for (int alive = NODES; alive;) {
        assert_true(waitpid(-1, &status, 0) > 0);
        if (WIFSIGNALED(status)) {
            assert_int_equal(WTERMSIG(status), SIGKILL);
            ++*ret_deaths;
            start_node(w, x, ++started);
        } else {
            assert_int_equal(WEXITSTATUS(status), 0);
            alive--;
        }
    }
    w->s = world_open(w);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(x->completed[i], 1);
}

static struct shared *share(bool calm)
{
    struct shared *x =
        mmap(NULL, sizeof *x, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(x != MAP_FAILED);
    x->calm = calm;
    return x;
}

TEST(limits_hold_over_all_nodes)
{
    struct world *w = *state;
    struct shared *x = share(true);
    int deaths = 0;
    run_all(w, x, &deaths);
    assert_int_equal(deaths, 0);
    assert_int_equal(x->attempts, JOBS);
    assert_int_equal(x->lost, 0);
    assert_int_equal(x->over_target, 0);
    assert_int_equal(x->over_scanner, 0);
    munmap(x, sizeof *x);
}

TEST(every_job_ends_once)
{
    struct world *w = *state;
    struct shared *x = share(false);
    int deaths = 0;
    run_all(w, x, &deaths);
    assert_true(deaths >= NODES);
    assert_true(x->attempts > JOBS);
    print_message("%d jobs, %d attempts, %d nodes died, %d leases lost\n", JOBS, x->attempts,
                  deaths, x->lost);
    munmap(x, sizeof *x);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_scan_completes_its_job),
        T(alerts_are_raised),
        T(a_node_that_does_not_come_back),
        T(times_of_a_clock_that_was_ahead),
        T(without_the_lease_nothing_is_saved),
        T(a_part_of_a_job_is_saved_while_the_lease_holds),
        T(what_cannot_be_attached_saves_nothing),
        T(what_happens_is_told),
        T(limits_hold_over_all_nodes),
        T(every_job_ends_once),
    };
    return cmocka_run_group_tests_name("job ends", tests, NULL, NULL);
}
