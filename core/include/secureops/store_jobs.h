/* Jobs: what is to be scanned, claimed by nodes under a lease; schedules; targets; reports of
 * scans. As store.h: synchronous calls, Unix milliseconds, a call that fails has changed nothing.
 *
 * A job goes queued -> running -> completed | failed | dead | cancelled; a waiting one may be
 * replaced by a newer request. A running one belongs to (node, attempt): the lease. Who has lost it
 * can neither renew nor end it (SCO_E_CANCELLED), and so no job comes to its end twice. */
#pragma once

#include <secureops/store.h>

/* ---- jobs ---- */
enum sco_job_state {
    SCO_JOB_QUEUED,
    SCO_JOB_RUNNING,
    SCO_JOB_COMPLETED, /* the scan is stored, whatever it found; it may be an incomplete one */
    SCO_JOB_FAILED,    /* to try again would be no use: no such branch */
    SCO_JOB_DEAD,      /* given up: after its last attempt, or with its node */
    SCO_JOB_CANCELLED,
    SCO_JOB_REPLACED, /* by a newer request for the same, before it ran */
    SCO_JOB_STATE_MAX_
};
const char *sco_job_state_name(enum sco_job_state s); /* "queued" */

enum { SCO_JOB_PRIORITY = 5, SCO_JOB_PRIORITY_MAX = 9, SCO_JOB_CLAIM_MAX = 256 };

struct sco_job_request {
    const char *kind;         /* "scan" "import" */
    const char *target_key;   /* what is looked at (repository, image, folder): limits go by it */
    const char *revision;     /* branch, tag, commit; "" */
    const char *scanners;     /* names by commas; "": all that apply */
    const char *request;      /* JSON object: docs/daemon.md, "A job's request" */
    const char *origin;       /* "api" "schedule" "kafka" "webhook" "cli" */
    const char *requested_by; /* a user's id, a schedule's, ...; or NULL */
    const char *correlation_id, *traceparent; /* or NULL */
    const char *idempotency_key; /* NULL: none. The same key again, whoever asks: the same job */
    const char *only_node;       /* NULL: any; its files are there alone */
    int32_t priority;            /* 0 to 9, the highest first */
    uint32_t max_attempts;       /* 0: as sco_store_set_attempts says */
    int64_t not_before;          /* 0: at once */
    int64_t deadline;            /* not begun by then: cancelled; 0: none */
};
/* Of jobs that do not say it themselves, from now on; 3 without this. */
void sco_store_set_attempts(struct sco_store *s, uint32_t n);
struct sco_job_added {
    char id[37];
    bool existing;     /* of the same idempotency key; nothing was added */
    char replaced[37]; /* a waiting job for the same kind, target, revision, scanners; "" none */
};
int sco_store_job_add(struct sco_store *s, const struct sco_job_request *q, int64_t now,
                      struct sco_job_added *ret, struct sco_error *err) SCO_NODISCARD;

struct sco_stored_job {
    const char *id;
    enum sco_job_state state;
    struct sco_job_request request;
    int64_t created_at, started_at, completed_at, lease_until, not_before; /* 0: none */
    uint32_t attempt;                    /* the one under way, or the last; 0: none yet */
    const char *node, *reason, *scan_id; /* or NULL */
    bool cancel;                         /* somebody wants it to end */
};
struct sco_job_page {
    struct sco_stored_job *v;
    size_t n;
    const char *cursor; /* NULL: the last page */
    struct sco_arena arena;
};
void sco_job_page_done(struct sco_job_page *p);
/* Of the kinds "ci", "call" and "workflow": people wait for them, and they are done in seconds.
 * They have slots of their own, so that they do not wait behind scans. */
bool sco_job_is_short(const char *kind);
/* An object, without the file of an import. */
void sco_stored_job_write(struct sco_json_out *o, const struct sco_stored_job *j);
int sco_store_job(struct sco_store *s, const char *id, struct sco_job_page *ret,
                  struct sco_error *err) SCO_NODISCARD; /* SCO_E_NOT_FOUND */
struct sco_job_filter {
    uint32_t states; /* bits 1 << enum sco_job_state; 0: any */
    const char *kind, *target_key, *revision, *cursor;
    const char *const *targets; /* NULL-terminated globs of target_key; NULL: all */
    uint32_t limit;             /* 0: 100 */
};
int sco_store_jobs(struct sco_store *s, const struct sco_job_filter *f, struct sco_job_page *ret,
                   struct sco_error *err) SCO_NODISCARD; /* the newest first */
/* Queued, running and dead ones: all there are. Of the others, that no one waits for and there are
 * ever more of: those that ended within the last day. */
enum { SCO_JOB_COUNTS_MS = 24 * 3600 * 1000 };
struct sco_job_counts {
    uint64_t by_state[SCO_JOB_STATE_MAX_];
    int64_t oldest_queued; /* created_at of the one that could run and waits longest; 0: none */
};
int sco_store_job_counts(struct sco_store *s, int64_t now, struct sco_job_counts *ret,
                         struct sco_error *err) SCO_NODISCARD;

/* ---- claim, renew, end ---- */
struct sco_job_limit {
    const char *scanner; /* a job that names it, or names none, counts */
    uint32_t max;        /* running at once, all nodes together */
};
struct sco_job_claim {
    const char *node;
    int64_t now, lease_ms;
    int64_t ageing_ms;   /* each such time of waiting is worth one priority; 0: never */
    uint32_t max;        /* jobs that may take long */
    uint32_t max_short;  /* short ones besides; together at most SCO_JOB_CLAIM_MAX */
    uint32_t target_max; /* running at once for one target_key; 0: one */
    const struct sco_job_limit *limits;
    size_t n_limits;
};
/* The best jobs that may run, now running under this node's lease, attempt counted. */
int sco_store_jobs_claim(struct sco_store *s, const struct sco_job_claim *c,
                         struct sco_job_page *ret, struct sco_error *err) SCO_NODISCARD;

struct sco_job_lease {
    const char *job_id, *node;
    uint32_t attempt;
};
struct sco_job_renewal {
    struct sco_job_lease lease;
    bool lost, cancel; /* out */
};
int sco_store_jobs_renew(struct sco_store *s, struct sco_job_renewal *v, size_t n, int64_t until,
                         struct sco_error *err) SCO_NODISCARD;

/* In the transaction that is open: the job stays this lease's to its end, for what a runner writes
 * piece by piece. SCO_E_CANCELLED: it is not. */
int sco_store_job_hold(struct sco_store *s, const struct sco_job_lease *l,
                       struct sco_error *err) SCO_NODISCARD;

enum sco_job_outcome {
    SCO_JOB_END_COMPLETED,
    SCO_JOB_END_FAILED,
    SCO_JOB_END_RETRY,    /* queued again, not before retry_at; dead when it was the last attempt */
    SCO_JOB_END_RELEASED, /* queued again, not before retry_at, the attempt not counted: the node
                             stops, or a platform wants us to wait */
    SCO_JOB_END_CANCELLED,
};
struct sco_job_end {
    struct sco_job_lease lease;
    enum sco_job_outcome outcome;
    const char *reason, *scan_id; /* or NULL */
    int64_t now, retry_at;
};
/* *ret_state: what it is now. SCO_E_CANCELLED: the lease is lost. */
int sco_store_job_end(struct sco_store *s, const struct sco_job_end *e,
                      enum sco_job_state *ret_state, struct sco_error *err) SCO_NODISCARD;

/* A waiting one is cancelled at once, a running one is asked to. SCO_E_NOT_FOUND; SCO_E_INVALID: it
 * has ended. */
int sco_store_job_cancel(struct sco_store *s, const char *id, const char *by, int64_t now,
                         enum sco_job_state *ret_state, struct sco_error *err) SCO_NODISCARD;
/* One that has failed, died or was cancelled is queued again, with all its attempts. */
int sco_store_job_retry(struct sco_store *s, const char *id, const char *by, int64_t now,
                        struct sco_error *err) SCO_NODISCARD;
/* Leases that ran out before `now`: queued again after backoff_ms, or dead. Jobs whose deadline has
 * passed: cancelled. *ret: how many. */
int sco_store_jobs_reap(struct sco_store *s, int64_t now, int64_t backoff_ms, uint64_t *ret,
                        struct sco_error *err) SCO_NODISCARD;

/* Waiting ones that one node alone can run, another one than `node`, and that it has not taken
 * within wait_ms: dead, with an alert; a retry is up to somebody. *ret: how many. */
int sco_store_jobs_abandon(struct sco_store *s, const char *node, int64_t now, int64_t wait_ms,
                           uint64_t *ret, struct sco_error *err) SCO_NODISCARD;
/* After a clock was ahead and set back: a pause before another attempt ends within pause_ms from
 * now, and a lease within lease_ms. *ret: how many did not. */
int sco_store_jobs_bound(struct sco_store *s, int64_t now, int64_t pause_ms, int64_t lease_ms,
                         uint64_t *ret, struct sco_error *err) SCO_NODISCARD;

/* At the start of a node, before its first claim: what it was running when it died is queued again
 * at once, or dead; none of its runners can store anything any more. *ret: how many. */
int sco_store_jobs_recover(struct sco_store *s, const char *node, int64_t now, uint64_t *ret,
                           struct sco_error *err) SCO_NODISCARD;

/* ---- schedules ---- */
enum sco_catch_up { SCO_CATCH_UP_SKIP, SCO_CATCH_UP_ONE, SCO_CATCH_UP_ALL };
const char *sco_catch_up_name(enum sco_catch_up c); /* "skip"; NULL beyond the last */
struct sco_stored_schedule {
    const char *id, *name;
    const char *cron;      /* five or six fields; NULL: interval */
    const char *time_zone; /* "Europe/Berlin"; "UTC" */
    const char *windows;   /* when it may fire: "Mon-Fri 08:00-18:00, Sat 10:00-12:00"; "" always */
    const char *kind, *target_key, *revision, *scanners, *request; /* of its jobs */
    const char *created_by;
    int64_t interval_ms, jitter_ms; /* 0: none */
    int32_t priority;
    enum sco_catch_up catch_up; /* ticks missed while nothing ran: none, the last, each */
    bool enabled;
    int64_t created_at, updated_at, next_at, last_at; /* next_at: of the tick, without jitter */
    const char *last_job;                             /* or NULL */
};
struct sco_schedule_page {
    struct sco_stored_schedule *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_schedule_page_done(struct sco_schedule_page *p);
void sco_stored_schedule_write(struct sco_json_out *o, const struct sco_stored_schedule *v);
/* id NULL: a new one; else in its place, and created_by NULL leaves whose it is. SCO_E_INVALID: the
 * name is taken; SCO_E_NOT_FOUND. */
int sco_store_schedule_put(struct sco_store *s, const struct sco_stored_schedule *v, int64_t now,
                           char ret_id[37], struct sco_error *err) SCO_NODISCARD;
int sco_store_schedule_delete(struct sco_store *s, const char *id,
                              struct sco_error *err) SCO_NODISCARD;
/* One by id or name; all, by name (cursor, limit); those due at `now`, the oldest first. */
int sco_store_schedule(struct sco_store *s, const char *id, struct sco_schedule_page *ret,
                       struct sco_error *err) SCO_NODISCARD;
int sco_store_schedules(struct sco_store *s, const char *cursor, uint32_t limit,
                        struct sco_schedule_page *ret, struct sco_error *err) SCO_NODISCARD;
int sco_store_schedules_due(struct sco_store *s, int64_t now, uint32_t limit,
                            struct sco_schedule_page *ret, struct sco_error *err) SCO_NODISCARD;
/* A tick: the jobs (none: it is skipped) and next_at in one transaction, if next_at is still
 * `expected`: else another node was first, and *ret_fired is false. next_at 0: never again. */
int sco_store_schedule_fire(struct sco_store *s, const char *id, int64_t expected, int64_t next_at,
                            const struct sco_job_request *jobs, size_t n, int64_t now,
                            bool *ret_fired, struct sco_error *err) SCO_NODISCARD;

/* ---- targets: what is scanned, with a name (table pipelines) ---- */
struct sco_stored_target {
    const char *id, *name, *kind;       /* "repository" "image" "directory" "url" */
    const char *location;               /* repository_url, image, absolute folder */
    const char *platform;               /* "github" "gitlab" "jenkins" "azure" "generic" */
    const char *branch, *team, *config; /* default branch or ""; team or ""; JSON object */
    const char *status, *created_by;    /* "active" "paused" */
    int64_t created_at, updated_at;
};
struct sco_target_page {
    struct sco_stored_target *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_target_page_done(struct sco_target_page *p);
int sco_store_target_put(struct sco_store *s, const struct sco_stored_target *t, int64_t now,
                         char ret_id[37], struct sco_error *err) SCO_NODISCARD;
int sco_store_target_delete(struct sco_store *s, const char *id,
                            struct sco_error *err) SCO_NODISCARD;
int sco_store_target(struct sco_store *s, const char *id_or_name, struct sco_target_page *ret,
                     struct sco_error *err) SCO_NODISCARD;
/* The first of those of this location. */
int sco_store_target_at(struct sco_store *s, const char *location, struct sco_target_page *ret,
                        struct sco_error *err) SCO_NODISCARD;
int sco_store_targets(struct sco_store *s, const char *cursor, uint32_t limit,
                      struct sco_target_page *ret, struct sco_error *err) SCO_NODISCARD;

/* ---- what a scan left: its reports and log, as they were ---- */
enum { SCO_ARTIFACT_PART = 1 << 20 }; /* kept in parts of this size */
/* In the transaction of save_scan (subject.attach), or alone. `gzip`: the bytes are compressed. */
int sco_store_artifact_add(struct sco_store *s, const char *scan_id, const char *name,
                           const char *media_type, bool gzip, struct sco_str bytes, int64_t now,
                           struct sco_error *err) SCO_NODISCARD;
struct sco_artifact {
    char media_type[64];
    bool gzip;
    uint64_t size; /* as kept */
};
/* The parts one after the other; not 0 from `part` ends it. SCO_E_NOT_FOUND. */
int sco_store_artifact(struct sco_store *s, const char *scan_id, const char *name,
                       struct sco_artifact *ret,
                       int (*part)(void *user, const struct sco_artifact *a, struct sco_str bytes),
                       void *user, struct sco_error *err) SCO_NODISCARD;
