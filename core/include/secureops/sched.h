/* The daemon's clockwork: schedules fire, jobs are claimed, each runs in a process of its own
 * (secureops-runner: docs/adr/0013), leases are renewed, what died is tried again. On the loop; the
 * store is asked on the threads. */
#pragma once

#include <secureops/json.h>
#include <secureops/store_jobs.h>
#include <secureops/telemetry.h>
#include <secureops/threads.h>

struct event_base;
struct sco_sched;
struct sco_sched_options {
    struct event_base *base;
    struct sco_threads
        *threads; /* of its own, best one: what else waits for threads must not cost a lease */
    struct sco_store *(*store)(void *state); /* the thread's, connected; NULL: it is away */
    const char *node, *runner; /* name of this node; absolute path of secureops-runner */
    struct sco_str setup;      /* JSON for every runner: configuration file, store, folders */
    uint32_t slots;            /* runners at once; 0: none, of no kind */
    uint32_t ci_slots;         /* besides, of short jobs: sco_job_is_short */
    uint32_t target_max;
    const struct sco_job_limit *limits;
    size_t n_limits;
    int64_t lease_ms, poll_ms, ageing_ms, backoff_ms, backoff_max_ms;
    int64_t job_timeout_ms; /* of a runner; 0: none */
    int64_t node_wait_ms;   /* then jobs of one node alone are given up; 0: never */
    struct sco_metrics *metrics;
    struct sco_tracer *tracer;
    int64_t (*now)(void *user); /* NULL: the clock */
    void *user;
    void (*idle)(void *user); /* after stop: nothing runs any more */

    const char *const *env;      /* of the runners; NULL: this process's */
    int64_t kill_ms;             /* from SIGTERM to SIGKILL; 0: 10 s */
    int64_t (*mono)(void *user); /* milliseconds that never jump; NULL: the clock */
    /* The members of "secrets" in a runner's job. On a thread. SCO_E_NOT_FOUND, SCO_E_INVALID,
     * SCO_E_PERMISSION: the job has failed; else it is tried again. NULL: none. */
    int (*secrets)(void *user, struct sco_store *s, const struct sco_stored_job *job,
                   struct sco_json_out *out, struct sco_error *err);
    /* Before a tick, on the thread. SCO_E_PERMISSION: nobody may ask for this schedule's scans any
     * more; it is switched off, with an alert that says why. NULL: all may. */
    int (*may_fire)(void *user, struct sco_store *s, const struct sco_stored_schedule *v,
                    struct sco_error *err);
    /* With each poll that fires schedules, on the thread, before jobs are claimed: what is due
     * beside them becomes jobs. Or NULL. */
    void (*due)(void *user, struct sco_store *s, int64_t now);
    /* With each poll, on the thread: small work that wants the store regularly. Or NULL. */
    void (*polled)(void *user, struct sco_store *s, int64_t now);
    /* On the loop: a runner was killed, or has crashed: what it started may still run. Or NULL. */
    void (*orphans)(void *user);
};
int sco_sched_new(const struct sco_sched_options *o, struct sco_sched **ret,
                  struct sco_error *err) SCO_NODISCARD;
struct sco_sched *sco_sched_free(struct sco_sched *s); /* kills what still runs */
void sco_sched_wake(struct sco_sched *s); /* a job was added here: do not wait for the next poll */
/* Nothing new is begun. What runs may end within grace_ms; then it is handed back. Then `idle`. */
void sco_sched_stop(struct sco_sched *s, int64_t grace_ms);
/* For new jobs. */
void sco_sched_reload(struct sco_sched *s, struct sco_str setup, uint32_t slots, uint32_t ci_slots);
struct sco_sched_state {
    size_t running, running_ci; /* runners: of jobs that may take long, of short ones */
    uint32_t slots, ci_slots;
    bool stopping;
    int64_t last_poll;  /* Unix ms of the last one that succeeded; 0: none */
    const char *reason; /* why polls fail; or NULL */
};
void sco_sched_state(const struct sco_sched *s, struct sco_sched_state *ret);
