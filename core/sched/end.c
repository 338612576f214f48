/* How a job ends: what the runner said, or what became of it without a last word; told to the store
 * until the store knows. A runner that says "completed" has ended its job itself, with the scan. */
#include "sched_priv.h"

#include <event2/event.h>
#include <secureops/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define SCO_LOG_MODULE "sched"
#include <secureops/log.h>

/* Doubles with each attempt, up to the longest, and is between half of that and all of it. */
int64_t end_backoff(const struct sco_sched_options *o, uint32_t attempt, uint32_t random)
{
    int64_t ms = o->backoff_ms;
    for (uint32_t i = 1; i < attempt && ms < o->backoff_max_ms; i++)
        ms *= 2;
    if (ms > o->backoff_max_ms)
        ms = o->backoff_max_ms;
    return ms / 2 + (int64_t)((uint64_t)random * (uint64_t)(ms - ms / 2) / UINT32_MAX);
}

static int64_t retry_at(const struct sco_sched_options *o, int64_t now, uint32_t attempt)
{
    uint32_t random = 0;
    if (sco_random(&random, sizeof random) < 0)
        random = (uint32_t)sco_mono_ns(); /* only to spread them */
    return now + end_backoff(o, attempt, random);
}

/* ---- on the thread ---- */
void end_claimed(const struct poll *p, struct sco_store *s, const struct sco_stored_job *job,
                 enum sco_job_outcome outcome, const char *reason)
{
    enum sco_job_state state;
    struct sco_error err = {0};
    struct sco_job_end e = {
        .lease = {.job_id = job->id, .node = p->o->node, .attempt = job->attempt},
        .outcome = outcome,
        .reason = reason,
        .now = p->now,
        .retry_at = retry_at(p->o, p->now, job->attempt)};
    int r = sco_store_job_end(s, &e, &state, &err);
    const char *id = job->request.correlation_id;
    sco_log_write(SCO_LOG_WARNING, SCO_LOG_MODULE,
                  (const char *const[]){"job", job->id, "correlation_id", id ? id : "", NULL},
                  "the job cannot begin: %s%s%s", reason, r < 0 ? "; it waits for its lease: " : "",
                  r < 0 ? err.text : "");
}

struct ending {
    struct run *r;
    struct sco_sched *s;
    struct sco_job_end e;
    enum sco_job_state state;
    bool away;
    int result;
    struct sco_error err;
};

static void store_end(void *state, void *work)
{
    struct ending *w = work;
    struct sco_store *s = w->s->o.store(state);
    w->away = !s;
    w->result = s ? sco_store_job_end(s, &w->e, &w->state, &w->err)
                  : sco_error_set(&w->err, SCO_E_NETWORK, "the store is away");
}

/* ---- on the loop ---- */
static const char *outcome_name(const struct run *r, enum sco_job_state state)
{
    if (r->outcome == SCO_JOB_END_RETRY)
        return state == SCO_JOB_DEAD ? "dead" : "retried";
    if (r->outcome == SCO_JOB_END_RELEASED)
        return "released";
    return sco_job_state_name(state);
}

static void ended(struct run *r, const char *outcome, uint32_t level)
{
    meter_run(r, outcome);
    run_log(r, level, "attempt %u of the job ends: %s%s%s (at most %llu MiB in one process)",
            r->job.attempt, outcome, *r->reason ? ": " : "", r->reason,
            (unsigned long long)(r->peak_memory >> 20));
    sched_forget(r);
}

static void on_stored(void *work)
{
    struct ending *w = work;
    struct run *r = w->r;
    struct sco_sched *s = w->s;
    s->pieces--;
    if (w->result == 0) {
        bool bad = w->state == SCO_JOB_DEAD || w->state == SCO_JOB_FAILED;
        ended(r, outcome_name(r, w->state), bad ? SCO_LOG_ERROR : SCO_LOG_INFO);
    } else if (w->result == SCO_E_CANCELLED || w->result == SCO_E_NOT_FOUND) {
        /* its end was its runner's, who could not say so any more; or another node has it */
        snprintf(r->reason, sizeof r->reason, "%.*s", SCHED_REASON - 1, w->err.text);
        ended(r, "lost", SCO_LOG_WARNING);
    } else if (s->stopping) {
        run_log(r, SCO_LOG_ERROR, "the end of the job cannot be stored: %s; its lease will run out",
                w->err.text);
        ended(r, "unknown", SCO_LOG_ERROR);
    } else {
        run_log(r, SCO_LOG_WARNING, "the end of the job cannot be stored yet: %s", w->err.text);
        sched_timer(r->timer, SCHED_END_AGAIN_MS);
    }
    free(w);
    sched_check_idle(s);
}

void end_store(struct run *r)
{
    struct sco_sched *s = r->s;
    struct sco_error err = {0};
    int64_t now = sched_now(s);
    struct ending *w = sco_alloc(1, sizeof *w);
    if (w) {
        *w = (struct ending){
            .r = r,
            .s = s,
            .e = {.lease = {.job_id = r->job.id, .node = s->o.node, .attempt = r->job.attempt},
                  .outcome = r->outcome,
                  .reason = *r->reason ? r->reason : NULL,
                  .now = now,
                  .retry_at = r->outcome == SCO_JOB_END_RELEASED
                                  ? (r->later_ms ? now + r->later_ms : 0)
                                  : retry_at(&s->o, now, r->job.attempt)}};
        if (sco_threads_run(s->o.threads, store_end, on_stored, w, &err) == 0) {
            s->pieces++;
            return;
        }
        free(w);
    }
    sched_timer(r->timer, SCHED_END_AGAIN_MS);
}

/* Its last words: the last line or lines of standard error, made visible. */
static void add_tail(struct run *r)
{
    SCO_AUTO(sco_buf) struct sco_buf safe = {0};
    struct sco_str tail = sco_str_trim(sco_str_make(r->tail, r->n_tail));
    size_t n = strlen(r->reason), room = sizeof r->reason - n - 1;
    enum { WORDS = 300, LEAD = 16 };
    if (tail.n > WORDS)
        tail = sco_str_make(tail.p + (tail.n - WORDS), WORDS);
    while (tail.n && ((unsigned char)tail.p[0] & 0xc0) == 0x80) /* within a character */
        tail = sco_str_make(tail.p + 1, tail.n - 1);
    sco_buf_add_printable(&safe, tail);
    if (safe.n && !safe.failed && safe.n + LEAD < room)
        snprintf(r->reason + n, room, "; last words: %s", sco_buf_z(&safe));
}

static void died(struct run *r, int status)
{
    if (WIFSIGNALED(status))
        snprintf(r->reason, sizeof r->reason, "the runner was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(r->reason, sizeof r->reason, "the runner left with status %d and no last word",
                 WEXITSTATUS(status));
    add_tail(r);
    snprintf(r->failure, sizeof r->failure, "%s", WIFSIGNALED(status) ? "signal" : "exit");
    r->outcome = SCO_JOB_END_RETRY;
}

static void judge(struct run *r, int status)
{
    switch (r->why) {
    case WHY_CANCEL:
        r->outcome = SCO_JOB_END_CANCELLED;
        snprintf(r->reason, sizeof r->reason, "cancelled while it ran");
        return;
    case WHY_STOP:
        r->outcome = SCO_JOB_END_RELEASED;
        snprintf(r->reason, sizeof r->reason, "node %s stops", r->s->o.node);
        return;
    case WHY_DEADLINE: {
        SCO_AUTO(sco_buf) struct sco_buf took = {0};
        sco_buf_add_duration(&took, sched_mono(r->s) - r->began_ms);
        snprintf(r->reason, sizeof r->reason, "it did not end within its deadline (ran for %s)",
                 sco_buf_z(&took));
        add_tail(r);
        snprintf(r->failure, sizeof r->failure, "deadline");
        r->outcome = SCO_JOB_END_RETRY;
        return;
    }
    case WHY_BROKEN:
        snprintf(r->reason, sizeof r->reason, "the runner's messages make no sense");
        snprintf(r->failure, sizeof r->failure, "protocol");
        r->outcome = SCO_JOB_END_RETRY;
        return;
    case WHY_LOST:
    case WHY_NONE:
        break;
    }
    if (!r->done)
        died(r, status);
    else if (r->outcome == SCO_JOB_END_CANCELLED) /* nobody has asked for it */
        r->outcome = SCO_JOB_END_RETRY;
}

void end_of_run(struct run *r, int status)
{
    if (r->done && r->outcome == SCO_JOB_END_COMPLETED)
        ended(r, "completed", SCO_LOG_INFO);
    else if (r->why == WHY_LOST) {
        snprintf(r->reason, sizeof r->reason, "the lease was lost");
        ended(r, "lost", SCO_LOG_WARNING);
    } else {
        judge(r, status);
        end_store(r);
    }
}
