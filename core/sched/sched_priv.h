/* Inside of the scheduler. Two kinds of functions: those on the loop own `struct sco_sched` and
 * `struct run`; those on the thread (poll.c, the work of end.c) own only what they were handed, a
 * `struct poll` or `struct ending`, until it is back. */
#pragma once

#include <secureops/cron.h>
#include <secureops/ipc.h>
#include <secureops/loop.h>
#include <secureops/sched.h>

struct event;
struct bufferevent;

enum {
    SCHED_KILL_MS = 10000,     /* SIGTERM to SIGKILL */
    SCHED_CANCEL_MS = 10000,   /* a runner that was asked to stop has so long, */
    SCHED_CLEANUP_MS = 80000,  /* one of a pipeline for what is always() as well */
    SCHED_LOST_MS = 500,       /* for a runner whose job has ended in the store to say so */
    SCHED_PAUSE_MS = 10000,    /* after a runner that could not be started */
    SCHED_RENEW_MS = 5000,     /* at the longest: cancellations come with renewals */
    SCHED_END_AGAIN_MS = 2000, /* an end that could not be stored is tried again */
    SCHED_TAIL = 1024,         /* bytes of standard error that are kept */
    SCHED_REASON = 512,
    SCHED_TICKS_MAX = 32, /* of one schedule at once; older ones are given up */
    SCHED_DUE_MAX = 500,  /* schedules looked at in one poll */
    SCHED_JUMP_MS = 5000, /* wall clock against monotonic clock, between two polls */
    SCHED_CARE_MS = 60000,
    SCHED_LATE_MS = 60000, /* a tick that is later than this was missed */
};

/* ---- tick.c: pure ---- */
struct tick_plan {
    int64_t ticks[SCHED_TICKS_MAX]; /* to be fired, rising */
    size_t n;
    int64_t next;     /* next_at; 0: never again */
    uint64_t dropped; /* missed, and not caught up with; outside of the windows */
    bool wait;        /* jitter: nothing yet */
};
/* What is to be done at `now` about a schedule whose next_at has come. `jumped`: the wall clock has
 * just been set forward. */
int tick_plan(const struct sco_stored_schedule *v, int64_t now, bool jumped, struct tick_plan *ret,
              struct sco_error *err) SCO_NODISCARD;
int64_t tick_jitter(const struct sco_stored_schedule *v, int64_t tick);

/* ---- poll.c: what one poll asks the store, on the thread ---- */
struct claimed {
    const char *error; /* in the page's arena: why it cannot start; the job is failed or tried */
    bool failed;       /* to try again is no use */
    struct sco_buf secrets;
};
struct poll {
    struct sco_sched *s;
    const struct sco_sched_options *o; /* of it, what never changes */
    /* in */
    int64_t now;
    uint32_t want, want_short; /* jobs to be claimed */
    bool recover, renew, reap, fire, care, abandon, jumped;
    struct sco_job_renewal *renewals;
    size_t n_renewals;
    struct sco_arena arena;
    /* out */
    bool away; /* there is no store */
    int result, renewed;
    struct sco_error err;
    struct sco_job_page page;
    struct claimed *claimed; /* one for each of the page */
    uint64_t recovered, reaped, fired, dropped, broken;
    int64_t skew; /* the store's clock against ours */
    double seconds;
};
void poll_run(void *state, void *work);
void poll_done(struct poll *p);

/* ---- care.c ---- */
int poll_care(struct poll *p, struct sco_store *s);

/* ---- run.c: one runner ---- */
enum run_why { WHY_NONE, WHY_CANCEL, WHY_DEADLINE, WHY_LOST, WHY_STOP, WHY_BROKEN };
struct run {
    struct sco_sched *s;
    struct run *next;
    struct sco_arena arena;
    struct sco_stored_job job; /* in the arena */
    struct sco_child *child;
    struct bufferevent *socket;
    struct sco_frames frames;
    int stderr_fd;
    struct event *stderr_event, *timer;
    char tail[SCHED_TAIL]; /* the last bytes of its standard error */
    size_t n_tail;
    bool started, ended, terminated;
    bool lost; /* the store says so: it may just have come to its end */
    enum run_why why;
    bool done; /* its last word */
    enum sco_job_outcome outcome;
    int64_t later_ms; /* of a release that its runner asked for */
    char reason[SCHED_REASON];
    char failure[16];     /* label of the metric: "signal" "exit" "deadline" "protocol"; "" none */
    int64_t began_ms;     /* monotonic */
    uint64_t peak_memory; /* of its largest process, bytes; 0: it was never started */
    struct sco_trace_id trace, parent;
    int64_t began_ns;
};
int run_new(struct sco_sched *s, const struct sco_stored_job *job, struct run **ret,
            struct sco_error *err) SCO_NODISCARD;
/* On failure the run is as it was before. */
int run_start(struct run *r, struct sco_str secrets, struct sco_error *err) SCO_NODISCARD;
void run_stop(struct run *r, enum run_why why);
struct run *run_free(struct run *r);
void run_log(const struct run *r, uint32_t level, const char *fmt, ...) SCO_PRINTF(3, 4);

/* ---- end.c ---- */
/* The outcome and reason of a runner that is gone; then end_store. */
void end_of_run(struct run *r, int status);
/* Tells the store how the job ended, until it knows; then sched_forget. */
void end_store(struct run *r);
int64_t end_backoff(const struct sco_sched_options *o, uint32_t attempt, uint32_t random);
/* On the thread: a claimed job that does not start. */
void end_claimed(const struct poll *p, struct sco_store *s, const struct sco_stored_job *job,
                 enum sco_job_outcome outcome, const char *reason);

/* ---- sched.c ---- */
struct sco_sched {
    struct sco_sched_options o; /* texts are its own; slots and setup change with a reload */
    struct sco_arena arena;
    struct sco_buf setup;
    struct event *timer; /* the next poll */
    struct event *grace; /* the end of a stop's grace */
    struct run *runs;
    size_t n_runs;
    size_t pieces;  /* on the thread, or waiting for it */
    bool recovered; /* what was this node's before its start is queued again */
    bool polling, again, stopping, told_idle, jumped, skewed;
    int64_t last_renew, last_reap, last_care; /* monotonic */
    int64_t wall, mono;                       /* at the poll before */
    int64_t no_reap_before, no_abandon_before, pause_until;
    int64_t last_poll;
    char reason[256];
};
int64_t sched_now(const struct sco_sched *s);
size_t sched_short(const struct sco_sched *s); /* of its runs, those of short jobs */
int64_t sched_mono(const struct sco_sched *s);
void sched_forget(struct run *r); /* out of the list, freed; polls for the next */
void sched_check_idle(struct sco_sched *s);
void sched_timer(struct event *e, int64_t ms);

/* ---- meter.c ---- */
void meter_poll(const struct poll *p);
void meter_run(const struct run *r, const char *outcome);
/* What its last word tells of scanners and of the store. */
void meter_done(const struct run *r, const struct sco_node *m);
