/* The clockwork on the loop: one poll of the store at a time, its results made into runners, and
 * the way to stop. Owned by the loop's thread. */
#include "sched_priv.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#define SCO_LOG_MODULE "sched"
#include <secureops/log.h>

/* ---- clocks ---- */
int64_t sched_now(const struct sco_sched *s)
{
    return s->o.now ? s->o.now(s->o.user) : sco_now_ms();
}

/* Counts the time of a suspended machine, too: that is no jump of the wall clock. */
int64_t sched_mono(const struct sco_sched *s)
{
    struct timespec ts;
    if (s->o.mono)
        return s->o.mono(s->o.user);
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void sched_timer(struct event *e, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(e, &tv);
}

/* ---- polls ---- */
static void start_poll(struct sco_sched *s);

static void watch_clock(struct sco_sched *s, struct poll *p)
{
    int64_t mono = sched_mono(s), jump = (p->now - s->wall) - (mono - s->mono);
    if (s->mono && (jump > SCHED_JUMP_MS || jump < -SCHED_JUMP_MS)) {
        sco_log_warning("the clock was set %s by %lld s", jump > 0 ? "forward" : "back",
                        (long long)(jump < 0 ? -jump : jump) / 1000);
        /* to it the leases of all other nodes look as if they had ended: they get one more each */
        s->no_reap_before = mono + s->o.lease_ms;
        s->jumped |= jump > 0;
        s->last_care = 0;
        s->no_abandon_before = mono + s->o.node_wait_ms; /* nobody has waited for that */
    }
    p->jumped = s->jumped;
    s->wall = p->now;
    s->mono = mono;
    p->renew = mono - s->last_renew >= SCHED_RENEW_MS ||
               mono - s->last_renew >= s->o.lease_ms / 3 || !s->last_renew || s->again;
    p->abandon = mono >= s->no_abandon_before;
    p->care = !s->last_care || mono - s->last_care >= SCHED_CARE_MS;
    p->reap = mono >= s->no_reap_before && mono - s->last_reap >= s->o.lease_ms / 4;
}

static int add_renewals(struct sco_sched *s, struct poll *p)
{
    size_t n = 0;
    if (!s->n_runs)
        return 0;
    p->renewals = sco_alloc(s->n_runs, sizeof *p->renewals);
    for (const struct run *r = s->runs; p->renewals && r; r = r->next) {
        const char *id = sco_arena_cstr(&p->arena, sco_str_c(r->job.id));
        if (!id)
            return SCO_E_NOMEM;
        p->renewals[n++] = (struct sco_job_renewal){
            .lease = {.job_id = id, .node = s->o.node, .attempt = r->job.attempt}};
    }
    p->n_renewals = n;
    return p->renewals ? 0 : SCO_E_NOMEM;
}

static void apply_renewals(struct sco_sched *s, const struct poll *p)
{
    for (size_t i = 0; p->renewed && i < p->n_renewals; i++) {
        const struct sco_job_renewal *v = &p->renewals[i];
        struct run *r = s->runs;
        while (r && (strcmp(r->job.id, v->lease.job_id) != 0 || r->job.attempt != v->lease.attempt))
            r = r->next;
        if (r && v->lost && r->why == WHY_NONE && !r->lost && !r->ended && !r->done) {
            r->lost = true; /* it cannot save any more, unless it has just done so */
            sched_timer(r->timer, SCHED_LOST_MS);
        }
        if (r && v->cancel)
            run_stop(r, WHY_CANCEL);
    }
}

/* A job that was claimed and cannot be started here: the fault is this node's, and it pauses. */
static void begin(struct sco_sched *s, const struct sco_stored_job *job, struct sco_str secrets)
{
    struct run *r = NULL;
    struct sco_error err = {0};
    if (run_new(s, job, &r, &err) < 0) {
        sco_log_error("a job waits for its lease to end: %s", err.text);
        return;
    }
    r->next = s->runs;
    s->runs = r;
    s->n_runs++;
    if (!s->stopping && run_start(r, secrets, &err) == 0)
        return;
    r->ended = true;
    r->outcome = SCO_JOB_END_RELEASED;
    r->began_ms = sched_mono(s);
    if (s->stopping) {
        snprintf(r->reason, sizeof r->reason, "node %s stops", s->o.node);
    } else {
        snprintf(r->reason, sizeof r->reason, "node %s cannot start it: %.400s", s->o.node,
                 err.text);
        s->pause_until = sched_mono(s) + SCHED_PAUSE_MS;
        run_log(r, SCO_LOG_ERROR, "the runner cannot be started, no job is for %d s: %s",
                SCHED_PAUSE_MS / 1000, err.text);
    }
    end_store(r);
}

static void apply_state(struct sco_sched *s, const struct poll *p)
{
    bool was_well = !*s->reason;
    if (p->result == 0) {
        if (!was_well)
            sco_log_info("the store answers again");
        s->reason[0] = '\0';
        s->last_poll = p->now;
        return;
    }
    if (was_well || strncmp(s->reason, p->err.text, sizeof s->reason - 1) != 0)
        sco_log_warning("the store does not answer: %s", p->err.text);
    snprintf(s->reason, sizeof s->reason, "%.*s", (int)sizeof s->reason - 1, p->err.text);
}

/* Times that this node writes elsewhere are wrong by as much. */
static void watch_skew(struct sco_sched *s, int64_t skew)
{
    bool skewed = skew > SCHED_JUMP_MS || skew < -SCHED_JUMP_MS;
    if (skewed && !s->skewed)
        sco_log_warning("the clock of this node is %lld s %s the store's: leases go by that one",
                        (long long)(skew < 0 ? -skew : skew) / 1000,
                        skew < 0 ? "ahead of" : "behind");
    s->skewed = skewed;
}

static void recovered(struct sco_sched *s, const struct poll *p)
{
    s->recovered = true;
    if (p->recovered)
        sco_log_warning("%llu jobs were running here when the daemon died: they are queued again",
                        (unsigned long long)p->recovered);
}

static void on_polled(void *work)
{
    struct poll *p = work;
    struct sco_sched *s = p->s;
    s->pieces--;
    s->polling = false;
    if (!s->recovered && !p->recover)
        recovered(s, p);
    if (p->renewed)
        s->last_renew = s->mono;
    if (p->result == 0 && p->reap)
        s->last_reap = s->mono;
    if (p->result == 0 && p->care)
        s->last_care = s->mono;
    if (p->result == 0)
        s->jumped = false;
    if (p->result == 0)
        watch_skew(s, p->skew);
    apply_state(s, p);
    apply_renewals(s, p);
    for (size_t i = 0; p->claimed && i < p->page.n; i++)
        if (!p->claimed[i].error)
            begin(s, &p->page.v[i], sco_buf_str(&p->claimed[i].secrets));
    meter_poll(p);
    bool more = s->again && p->result == 0;
    poll_done(p);
    if (more)
        start_poll(s);
    else
        sched_timer(s->timer, s->o.poll_ms);
    sched_check_idle(s);
}

size_t sched_short(const struct sco_sched *s)
{
    size_t n = 0;
    for (const struct run *r = s->runs; r; r = r->next)
        n += sco_job_is_short(r->job.request.kind);
    return n;
}

static uint32_t free_slots(size_t slots, size_t running, uint32_t most)
{
    size_t n = slots > running ? slots - running : 0;
    return n < most ? (uint32_t)n : most;
}

/* Short jobs never wait for slots that scans have, nor these for theirs. */
static void want(const struct sco_sched *s, struct poll *p)
{
    size_t n = sched_short(s);
    if (s->stopping || !s->o.slots || s->mono < s->pause_until)
        return;
    p->want_short = free_slots(s->o.ci_slots, n, SCO_JOB_CLAIM_MAX / 2);
    p->want = free_slots(s->o.slots, s->n_runs - n, SCO_JOB_CLAIM_MAX / 2);
}

static void start_poll(struct sco_sched *s)
{
    if (s->polling) {
        s->again = true;
        return;
    }
    struct poll *p = sco_alloc(1, sizeof *p);
    if (p) {
        p->s = s;
        p->o = &s->o;
        p->now = sched_now(s);
        p->fire = !s->stopping;
        p->recover = !s->recovered;
        watch_clock(s, p);
        want(s, p);
        if (add_renewals(s, p) == 0 &&
            sco_threads_run(s->o.threads, poll_run, on_polled, p, NULL) == 0) {
            s->again = false;
            s->polling = true;
            s->pieces++;
            return;
        }
        poll_done(p);
    }
    sched_timer(s->timer, s->o.poll_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    start_poll(user);
}

void sched_forget(struct run *r)
{
    struct sco_sched *s = r->s;
    for (struct run **p = &s->runs; *p; p = &(*p)->next)
        if (*p == r) {
            *p = r->next;
            break;
        }
    s->n_runs--;
    if (!s->stopping)
        event_active(s->timer, EV_TIMEOUT, 0); /* a slot is free, and there are events */
    run_free(r);
    sched_check_idle(s);
}

/* ---- stopping ---- */
void sched_check_idle(struct sco_sched *s)
{
    if (!s->stopping || s->told_idle || s->n_runs || s->pieces)
        return;
    s->told_idle = true;
    event_del(s->timer);
    event_del(s->grace);
    if (s->o.idle)
        s->o.idle(s->o.user);
}

static void on_grace(evutil_socket_t fd, short what, void *user)
{
    struct sco_sched *s = user;
    (void)fd;
    (void)what;
    for (struct run *r = s->runs; r; r = r->next)
        run_stop(r, WHY_STOP);
}

void sco_sched_stop(struct sco_sched *s, int64_t grace_ms)
{
    s->stopping = true;
    sched_timer(s->grace, grace_ms > 0 ? grace_ms : 0);
    sched_check_idle(s);
}

/* ---- from outside ---- */
void sco_sched_wake(struct sco_sched *s)
{
    s->again = true; /* with renewals: what was cancelled is to know */
    if (!s->told_idle)
        start_poll(s);
}

void sco_sched_reload(struct sco_sched *s, struct sco_str setup, uint32_t slots, uint32_t ci_slots)
{
    SCO_AUTO(sco_buf) struct sco_buf copy = {0};
    sco_buf_add(&copy, setup);
    if (copy.failed)
        return; /* the one before is as good as it was */
    sco_buf_done(&s->setup);
    s->setup = SCO_TAKE(copy);
    s->o.slots = slots;
    s->o.ci_slots = ci_slots;
    sco_sched_wake(s);
}

void sco_sched_state(const struct sco_sched *s, struct sco_sched_state *ret)
{
    size_t n = sched_short(s);
    *ret = (struct sco_sched_state){.running = s->n_runs - n,
                                    .running_ci = n,
                                    .slots = s->o.slots,
                                    .ci_slots = s->o.slots ? s->o.ci_slots : 0,
                                    .stopping = s->stopping,
                                    .last_poll = s->last_poll,
                                    .reason = *s->reason ? s->reason : NULL};
}

static int copy_options(struct sco_sched *s, const struct sco_sched_options *o)
{
    s->o = *o;
    s->o.node = sco_arena_cstr(&s->arena, sco_str_c(o->node));
    s->o.runner = sco_arena_cstr(&s->arena, sco_str_c(o->runner));
    struct sco_job_limit *limits = sco_arena_alloc(&s->arena, (o->n_limits + 1) * sizeof *limits);
    if (!s->o.node || !s->o.runner || !limits)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < o->n_limits; i++) {
        limits[i] = o->limits[i];
        limits[i].scanner = sco_arena_cstr(&s->arena, sco_str_c(o->limits[i].scanner));
        if (!limits[i].scanner)
            return SCO_E_NOMEM;
    }
    s->o.limits = limits;
    if (s->o.kill_ms <= 0)
        s->o.kill_ms = SCHED_KILL_MS;
    sco_buf_add(&s->setup, o->setup);
    return s->setup.failed ? SCO_E_NOMEM : 0;
}

int sco_sched_new(const struct sco_sched_options *o, struct sco_sched **ret, struct sco_error *err)
{
    if (o->poll_ms <= 0 || o->lease_ms <= 0 || !o->node || !*o->node)
        return sco_error_set(err, SCO_E_INVALID, "a scheduler wants a node, a poll and a lease");
    struct sco_sched *s = sco_alloc(1, sizeof *s);
    if (!s)
        return sco_error_nomem(err);
    int r = copy_options(s, o);
    s->timer = evtimer_new(o->base, on_timer, s);
    s->grace = evtimer_new(o->base, on_grace, s);
    if (r < 0 || !s->timer || !s->grace) {
        sco_sched_free(s);
        return sco_error_nomem(err);
    }
    sched_timer(s->timer, 0);
    *ret = s;
    return 0;
}

/* Pieces on the thread point to us: they must have been told (sco_threads_free of its threads, or
 * `idle`). What still runs is killed, its lease runs out. */
struct sco_sched *sco_sched_free(struct sco_sched *s)
{
    if (!s)
        return NULL;
    while (s->runs) {
        struct run *r = s->runs;
        s->runs = r->next;
        run_free(r);
    }
    if (s->timer)
        event_free(s->timer);
    if (s->grace)
        event_free(s->grace);
    sco_buf_done(&s->setup);
    sco_arena_done(&s->arena);
    free(s);
    return NULL;
}
