/* The store: scans, and findings through their life. SQLite in one file, or PostgreSQL.
 *
 * Calls are synchronous and may take seconds: a daemon makes them on a pool thread. A store is used
 * by one thread at a time and never across a fork; several may be open on one database, in several
 * processes. Times are Unix milliseconds. A finding is known by (repository, branch, fingerprint);
 * its id is a UUID that stays with it. docs/store.md has the life of a finding.
 *
 * Errors of every call: SCO_E_NOMEM; SCO_E_TIMEOUT (somebody else is writing for too long),
 * SCO_E_NETWORK (the server is away), SCO_E_IO (disk full, unreadable), SCO_E_FORMAT (damaged, or
 * not a store), SCO_E_INTERNAL. A call that fails has changed nothing. */
#pragma once

#include <secureops/scan.h>

struct sco_store;

/* ---- opening ---- */
struct sco_store_options {
    const char *where;   /* a path, or postgresql://... */
    const char *modules; /* folder of store_sqlite.so and store_postgresql.so; NULL: beside us */
    bool create;       /* a store that is not there is made, and an older one brought up to date */
    bool any_version;  /* open what would have to be migrated first: version, migrate, backup */
    int64_t wait_ms;   /* for other writers; 0: 30 s */
    uint32_t cache_kb; /* of the file, kept in memory (SQLite); 0: 64 MiB, what a merge wants */
};
/* SCO_E_NOT_FOUND: there is none; SCO_E_UNSUPPORTED: older (migrate it) or newer than this program,
 * or the driver is not installed; SCO_E_INVALID: no such kind of store. */
int sco_store_open(const struct sco_store_options *o, struct sco_store **ret,
                   struct sco_error *err) SCO_NODISCARD;
struct sco_store *sco_store_close(struct sco_store *s); /* NULL is fine; returns NULL */
const char *sco_store_where(const struct sco_store *s); /* for people: no password in it */

/* The schema's version: 0 is an empty database. */
uint32_t sco_store_program_version(const struct sco_store *s);
int sco_store_version(struct sco_store *s, uint32_t *ret, struct sco_error *err) SCO_NODISCARD;
/* Brings it up to this program's version, under a lock; each step is whole or not at all. *ret_from
 * is what it was. SCO_E_UNSUPPORTED: it is newer. */
int sco_store_migrate(struct sco_store *s, uint32_t *ret_from, struct sco_error *err) SCO_NODISCARD;

/* A connection that was lost is made again: before a piece of work of a thread that keeps its
 * store. SCO_E_NETWORK: it is still away. */
int sco_store_ready(struct sco_store *s, struct sco_error *err) SCO_NODISCARD;

/* The time as all who work on this store see it, for what they lease from each other: the server's
 * clock; `now`, their own, where there is no server. */
int sco_store_now(struct sco_store *s, int64_t now, int64_t *ret,
                  struct sco_error *err) SCO_NODISCARD;

/* Several calls as one transaction; nests. `r`: 0 commits (the outermost end), else everything is
 * undone; returns what became of it. After a failed call within, only an end with its result. */
int sco_store_begin(struct sco_store *s, struct sco_error *err) SCO_NODISCARD;
int sco_store_end(struct sco_store *s, int r, struct sco_error *err) SCO_NODISCARD;

/* Who works on this store from now on, for its events (store_events.h). Copied; NULL: nobody, and
 * no events. */
struct sco_store_context {
    const char *source;                   /* the node; NULL: no events are written */
    const char *correlation_id, *user_id; /* or NULL */
};
int sco_store_set_context(struct sco_store *s, const struct sco_store_context *c,
                          struct sco_error *err) SCO_NODISCARD;

/* Told of each statement outside of a transaction ("statement"), each transaction from its begin to
 * its end ("transaction") and each commit ("commit"), done or failed: how long it took. On the
 * thread of the call. NULL: nobody. */
typedef void (*sco_store_observe_fn)(void *user, const char *what, int64_t ns);
void sco_store_observe(struct sco_store *s, sco_store_observe_fn fn, void *user);

/* How long findings may be open, by severity, from first_detected on: 7, 30, 90, 180 days without
 * this, INFO for ever. 0: no end. */
void sco_store_set_sla(struct sco_store *s, const int64_t ms[SCO_SEV_MAX_]);

/* ---- a scan and what it says of findings ---- */
struct sco_job_lease;
struct sco_store_subject {
    const char *repository; /* URL, folder or image; not empty */
    const char *branch;     /* "" when there is none */
    const char *scope;      /* what of the repository was looked at: "" is all of it */
    /* Whether the scan looked at this path; NULL: at every one. A path that is not there any more
     * was looked at. */
    bool (*covers)(void *user, const char *file_path);
    void *user;
    /* The job whose outcome the scan is: it is completed in the same transaction, and nothing is
     * saved when the lease is lost (SCO_E_CANCELLED). NULL: none. */
    const struct sco_job_lease *lease;
    /* The job that the scan is only a part of: the same, but the job goes on. NULL: none. */
    const struct sco_job_lease *within;
    /* In the transaction, when scan->stored is known: what else belongs into it. NULL: nothing. */
    int (*attach)(void *user, struct sco_store *s, const struct sco_scan *scan,
                  struct sco_error *err);
};
/* Saves the scan with its scanners and merges its findings, in one transaction; scans of one
 * (repository, branch) wait for each other. Sets `stored` of every finding, and scan->stored. What
 * is gone is resolved only where the scan was complete: docs/store.md. SCO_E_INVALID: no
 * repository. */
int sco_store_save_scan(struct sco_store *s, const struct sco_store_subject *subject,
                        struct sco_scan *scan, struct sco_error *err) SCO_NODISCARD;

/* Before the gates: gives each finding that is known already its `stored` (id, first_detected), and
 * the status that people gave it (FALSE_POSITIVE, ACCEPTED while it holds). One that was resolved
 * and is back counts as new. *ret: to how many a status was given. */
int sco_store_recall(struct sco_store *s, const struct sco_store_subject *subject,
                     struct sco_finding_set *findings, int64_t now, uint64_t *ret,
                     struct sco_error *err) SCO_NODISCARD;

/* ---- findings ---- */
enum { SCO_STORE_PAGE_MAX = 1000, SCO_STORE_REASON_MAX = 4096 };

enum sco_store_sort {
    SCO_SORT_RISK,
    SCO_SORT_SEVERITY,
    SCO_SORT_FIRST_DETECTED,
    SCO_SORT_LAST_DETECTED, /* of one repository only */
    SCO_SORT_MAX_
};
const char *sco_store_sort_name(enum sco_store_sort sort); /* "risk_score"; NULL beyond the last */
struct sco_store_filter {            /* zero: everything that is not resolved and not suppressed */
    const char *repository, *branch; /* NULL: any */
    uint32_t statuses;               /* bits 1 << enum sco_status; 0: OPEN and IN_PROGRESS */
    uint32_t types;                  /* SCO_TYPE_BIT() bits; 0: any */
    uint32_t min_severity;           /* SCO_SEV_*; 0: any */
    const char *tool, *rule, *cve;   /* exactly these */
    const char *path;                /* a file, or a folder with all below it */
    const char *assignee;            /* NULL: any; "": nobody */
    const char *const *repositories; /* NULL-terminated globs, one of which matches; NULL: any */
    bool suppressed;                 /* those too */
    bool overdue;                    /* only those that should have been resolved before `now` */
    int64_t now;
    enum sco_store_sort sort;
    bool ascending;
    const char *cursor; /* of the page before, in the same order; NULL: the first */
    uint32_t limit;     /* 0: 100 */
};
/* "-risk_score": from the highest down; "first_detected": from the lowest up. SCO_E_INVALID. */
int sco_store_sort_parse(const char *text, struct sco_store_filter *f,
                         struct sco_error *err) SCO_NODISCARD;
struct sco_stored_finding {
    const char *id, *repository, *branch, *fingerprint;
    uint32_t type, severity;
    enum sco_status status;
    bool suppressed;
    double risk_score;
    const char *title, *rule_id, *file_path, *cve_id, *tools; /* tools: names, by commas */
    int64_t line_number;
    int64_t first_detected, last_detected, resolved_at, accepted_until; /* 0: none */
    int64_t due_at; /* by the SLA of its severity; 0: no end, or it is not open */
    const char *first_scan, *last_scan;                             /* ids of scans */
    const char *resolved_by, *status_by, *status_reason, *assignee; /* or NULL */
    const char *content; /* the finding as it was reported last: JSON object of sco_finding_write */
};
struct sco_finding_page {
    struct sco_stored_finding *v;
    size_t n;
    const char *cursor; /* of the next page; NULL: this is the last */
    struct sco_arena arena;
};
/* SCO_E_INVALID: cursor, limit, order. *ret: sco_finding_page_done. */
int sco_store_findings(struct sco_store *s, const struct sco_store_filter *f,
                       struct sco_finding_page *ret, struct sco_error *err) SCO_NODISCARD;
void sco_finding_page_done(struct sco_finding_page *p);
/* One, by id, or by the start of an id or fingerprint (8 digits or more) that only one has.
 * SCO_E_NOT_FOUND; SCO_E_INVALID: several have it, or it is too short. */
int sco_store_finding(struct sco_store *s, const char *id, struct sco_finding_page *ret,
                      struct sco_error *err) SCO_NODISCARD;
/* With the names of the design: what was reported last, under what the store knows. */
int sco_stored_finding_write(struct sco_json_out *o, const struct sco_stored_finding *f,
                             struct sco_error *err) SCO_NODISCARD;

struct sco_store_status {
    enum sco_status status;
    const char *reason;     /* needed for RESOLVED, FALSE_POSITIVE and ACCEPTED */
    const char *by;         /* who; not empty */
    int64_t accepted_until; /* ACCEPTED only: open again after it; 0: no end */
    int64_t now;
};
/* *ret_changed: false when it was so already. SCO_E_NOT_FOUND, SCO_E_INVALID as above and for what
 * is missing. */
int sco_store_set_status(struct sco_store *s, const char *id, const struct sco_store_status *to,
                         bool *ret_changed, struct sco_error *err) SCO_NODISCARD;
/* Whose it is to be; assignee NULL or "": nobody's. In the history as "assigned". */
int sco_store_assign(struct sco_store *s, const char *id, const char *assignee, const char *by,
                     int64_t now, bool *ret_changed, struct sco_error *err) SCO_NODISCARD;
/* Within a transaction: nobody else changes it until the end. SCO_E_NOT_FOUND. */
int sco_store_lock_finding(struct sco_store *s, const char *id,
                           struct sco_error *err) SCO_NODISCARD;
/* Several, before the first of them is changed: then those who change the same ones in another
 * order wait, and do not lock each other out. */
int sco_store_lock_findings(struct sco_store *s, const char *const *ids, size_t n,
                            struct sco_error *err) SCO_NODISCARD;
/* What was accepted until a time before `now` is open again. *ret: how many. */
int sco_store_expire(struct sco_store *s, int64_t now, uint64_t *ret,
                     struct sco_error *err) SCO_NODISCARD;

struct sco_store_event {
    int64_t at;
    const char *action;    /* "created" "changed" "resolved" "reopened" "status" "expired"
                              "suppressed" "unsuppressed" "assigned": the reason says whose */
    const char *from, *to; /* statuses; NULL: not about them */
    const char *by;        /* "scan", a tool, or who it was */
    const char *scan_id;   /* or NULL */
    const char *reason;    /* or NULL */
};
struct sco_store_history {
    struct sco_store_event *v;
    size_t n;
    struct sco_arena arena;
};
int sco_store_history(struct sco_store *s, const char *id, struct sco_store_history *ret,
                      struct sco_error *err) SCO_NODISCARD; /* oldest first */
void sco_store_history_done(struct sco_store_history *h);

/* ---- scans ---- */
struct sco_stored_run {
    const char *name, *title, *tool, *version, *target, *status, *reason, *hint; /* or NULL */
    bool required, counts;
    int64_t started_at, duration_ms, exit_code, reported, dropped, suppressed;
    int64_t by_severity[SCO_SEV_MAX_];
};
struct sco_stored_scan {
    const char *id, *scan_type, *repository, *branch, *scope, *commit_sha, *target;
    const char *status;      /* "completed" "incomplete" "cancelled" */
    const char *gate_result; /* "passed" "failed" "incomplete" */
    int64_t exit_status, started_at, completed_at, findings, suppressed;
    int64_t by_severity[SCO_SEV_MAX_];
    struct sco_scan_stored stored;
    const char *base, *base_sha, *merge_base; /* base NULL: compared with nothing; a file's name */
    int64_t new_findings, unchanged;
    const char *tool_name, *tool_version;
    struct sco_stored_run *runs; /* of sco_store_scan only */
    size_t n_runs;
};
struct sco_scan_page {
    struct sco_stored_scan *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
/* The newest first. repository, branch, status NULL: any. */
struct sco_store_scan_filter {
    const char *repository, *branch, *status, *cursor;
    const char *const *repositories; /* as of struct sco_store_filter */
    bool oldest_first;               /* else the newest; a cursor is of the same order */
    uint32_t limit;                  /* 0: 100 */
};
int sco_store_scans(struct sco_store *s, const struct sco_store_scan_filter *f,
                    struct sco_scan_page *ret, struct sco_error *err) SCO_NODISCARD;
int sco_store_scan(struct sco_store *s, const char *id, struct sco_scan_page *ret,
                   struct sco_error *err) SCO_NODISCARD;
void sco_scan_page_done(struct sco_scan_page *p);
/* An object; `runs`: with its scanners. */
void sco_stored_scan_write(struct sco_json_out *o, const struct sco_stored_scan *x, bool runs);

/* ---- care ---- */
enum sco_keep {
    SCO_KEEP_AUDIT,
    SCO_KEEP_EXECUTIONS, /* of pipelines, and jobs that have ended */
    SCO_KEEP_SCANS,      /* with their scanners and artifacts */
    SCO_KEEP_ARTIFACTS,  /* reports and logs of scans */
    SCO_KEEP_RESOLVED,   /* findings that have been resolved for so long, with their history */
    SCO_KEEP_ALERTS,
    SCO_KEEP_ACTIVITY,   /* kept replies, failed logins, tokens that expired */
    SCO_KEEP_EVENTS,     /* that every reader is done with */
    SCO_KEEP_DELIVERIES, /* webhooks that were acted upon, or given up */
    SCO_KEEP_MAX_
};
const char *sco_keep_name(enum sco_keep k); /* "audit" */
struct sco_store_keep {
    int64_t now;
    int64_t keep_ms[SCO_KEEP_MAX_];  /* 0: for ever */
    const char *const *cursors;      /* of the readers of events, NULL-terminated; NULL: none */
    uint64_t removed[SCO_KEEP_MAX_]; /* out: rows; what went before an error, too */
};
/* Once a day, by any node. In small transactions: others can write in between, and what is done
 * stays done. Also makes the partitions of the coming months (PostgreSQL). SCO_E_INVALID: a
 * negative time, or within a transaction. */
int sco_store_retain_all(struct sco_store *s, struct sco_store_keep *k,
                         struct sco_error *err) SCO_NODISCARD;
/* Everything into another store, which is new: from one database into the other one. One
 * transaction. SCO_E_INVALID: `to` is not empty, or of another version. */
int sco_store_copy(struct sco_store *from, struct sco_store *to, uint64_t *ret_rows,
                   struct sco_error *err) SCO_NODISCARD;
/* What it was opened with. It may have a password: for no log, no argument of a program. */
const char *sco_store_address(const struct sco_store *s);
/* A copy in one file, while others go on; nothing at `path` before, or SCO_E_INVALID. Whole or not
 * at all. SCO_E_UNSUPPORTED: PostgreSQL, with what to use instead. */
int sco_store_backup(struct sco_store *s, const char *path, struct sco_error *err) SCO_NODISCARD;
/* 0: sound. SCO_E_FORMAT: the first things that are wrong. Reads everything. */
int sco_store_verify(struct sco_store *s, uint64_t *ret_findings, uint64_t *ret_scans,
                     struct sco_error *err) SCO_NODISCARD;
