/* What CI platforms tell and are told: deliveries, pipelines and their executions, publications.
 * As store.h: synchronous calls, Unix milliseconds, a call that fails has changed nothing.
 * Pipelines themselves are the targets of store_jobs.h (table pipelines). */
#pragma once

#include <secureops/json.h>
#include <secureops/store_jobs.h>

/* ---- deliveries: webhooks, committed before they are answered ---- */
enum sco_delivery_state {
    SCO_DELIVERY_RECEIVED,
    SCO_DELIVERY_DONE,   /* acted upon to the end, whatever that was */
    SCO_DELIVERY_FAILED, /* given up: the reason; may be tried again by hand */
    SCO_DELIVERY_STATE_MAX_
};
const char *sco_delivery_state_name(enum sco_delivery_state s); /* "received" */
enum { SCO_DELIVERIES_MAX = 512 /* of one call */, SCO_DELIVERY_CLAIM_BYTES = 32 << 20 };
struct sco_stored_delivery {
    const char *id, *integration, *key, *native_event; /* key: names it, with the integration */
    enum sco_delivery_state state;
    bool is_event; /* found by a poll: the body is an event of ci-plugins.md */
    int64_t received_at, done_at, not_before;
    uint32_t attempts;                /* that have ended */
    const char *reason;               /* or NULL */
    const char *headers;              /* JSON list of [name, value], without credentials */
    struct sco_str path, query, body; /* body, path, query are gone when it is done */
};
struct sco_delivery_page {
    struct sco_stored_delivery *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_delivery_page_done(struct sco_delivery_page *p);
/* An object, without headers, path, query and body. */
void sco_stored_delivery_write(struct sco_json_out *o, const struct sco_stored_delivery *d);
/* Many in one transaction: one commit for all that came meanwhile. `existing`: it is known, and in
 * which state; nothing was added. One that has failed is received again. In the order of
 * (received_at, place in the list) they are worked on. */
struct sco_delivery_added {
    char id[37];
    bool existing;
    enum sco_delivery_state state;
};
int sco_store_deliveries_add(struct sco_store *s, const struct sco_stored_delivery *v, size_t n,
                             int64_t now, struct sco_delivery_added *ret,
                             struct sco_error *err) SCO_NODISCARD;
/* The oldest that may be worked on, at most SCO_DELIVERY_CLAIM_BYTES of them. All of an integration
 * are `node`'s until `until`: of one integration they are worked on in order, by one node. Who asks
 * again before it has ended them gets the same ones. */
int sco_store_deliveries_claim(struct sco_store *s, const char *node, int64_t now, int64_t until,
                               uint32_t max, struct sco_delivery_page *ret,
                               struct sco_error *err) SCO_NODISCARD;
/* The node stops: others need not wait for `until`. */
int sco_store_deliveries_release(struct sco_store *s, const char *node,
                                 struct sco_error *err) SCO_NODISCARD;
/* In the transaction that is open: SCO_E_CANCELLED when it is no longer `node`'s. retry_at > 0: it
 * is tried again then; else its end. */
int sco_store_delivery_end(struct sco_store *s, const char *id, const char *node, bool failed,
                           const char *reason, int64_t retry_at, int64_t now,
                           struct sco_error *err) SCO_NODISCARD;
struct sco_delivery_filter {
    uint32_t states; /* bits 1 << enum sco_delivery_state; 0: any */
    const char *integration, *cursor;
    uint32_t limit; /* 0: 100 */
};
/* The newest first, without headers, path, query and body. */
int sco_store_deliveries(struct sco_store *s, const struct sco_delivery_filter *f,
                         struct sco_delivery_page *ret, struct sco_error *err) SCO_NODISCARD;
int sco_store_delivery(struct sco_store *s, const char *id, struct sco_delivery_page *ret,
                       struct sco_error *err) SCO_NODISCARD;
/* SCO_E_NOT_FOUND; SCO_E_INVALID: it has not failed. */
int sco_store_delivery_retry(struct sco_store *s, const char *id, int64_t now,
                             struct sco_error *err) SCO_NODISCARD;
struct sco_delivery_counts {
    uint64_t received, failed;
    int64_t oldest; /* received_at of the oldest that is not ended; 0: none */
};
int sco_store_delivery_counts(struct sco_store *s, struct sco_delivery_counts *ret,
                              struct sco_error *err) SCO_NODISCARD;
/* Those that ended before `before`. */
int sco_store_deliveries_retain(struct sco_store *s, int64_t before, uint64_t *ret,
                                struct sco_error *err) SCO_NODISCARD;
/* An effect is had once, whatever deliveries ask for it: in the transaction that is open. */
int sco_store_effect_once(struct sco_store *s, const char *key, int64_t now, bool *ret_first,
                          struct sco_error *err) SCO_NODISCARD;

/* A newer scan of the same (target_key, revision), asked for by a webhook, makes those that wait
 * needless: they are replaced, and it takes over how long they waited. `running`: those that run
 * are asked to end, too. *ret: how many. In the transaction that is open. */
int sco_store_scans_supersede(struct sco_store *s, const char *job_id, const char *target_key,
                              const char *revision, bool running, int64_t now, uint64_t *ret,
                              struct sco_error *err) SCO_NODISCARD;

/* ---- polls: what a lost webhook missed ---- */
/* Of several nodes that ask, one is told that it is due; that is all the lease there is. */
int sco_store_poll_take(struct sco_store *s, const char *integration, int64_t now, int64_t every_ms,
                        bool *ret_due, struct sco_error *err) SCO_NODISCARD;
/* What the plugin said last, JSON, in the arena; NULL: nothing yet. `since`: of the last poll that
 * came to its end; 0: none. */
int sco_store_poll_state(struct sco_store *s, const char *integration, struct sco_arena *arena,
                         const char **ret_state, int64_t *ret_since,
                         struct sco_error *err) SCO_NODISCARD;
/* Repositories that it was told about, as far as anything was published for them: NULL-terminated,
 * in the arena. */
int sco_store_poll_repositories(struct sco_store *s, const char *integration, uint32_t limit,
                                struct sco_arena *arena, const char *const **ret,
                                struct sco_error *err) SCO_NODISCARD;
/* With the deliveries that it found, in the transaction that is open. */
int sco_store_poll_done(struct sco_store *s, const char *integration, struct sco_str state,
                        int64_t since, struct sco_error *err) SCO_NODISCARD;

/* ---- executions: runs of pipelines, of platforms and our own ---- */
struct sco_stored_execution {
    const char *id, *pipeline_id; /* of the target */
    const char *pipeline;         /* its name */
    const char *name;             /* of the workflow or definition: "CI" */
    /* integration: "" of our own runs; external_id: pipeline_id of ci-plugins.md, or NULL */
    const char *integration, *platform, *repository, *external_id;
    const char *clone_url; /* the target's location; put without one: as of earlier runs */
    const char *branch, *commit_sha, *ref, *event, *triggered_by, *url, *environment;
    const char *status; /* of ci-plugins.md; ours also "waiting_approval" */
    const char *rollback_of, *job_id, *reason;
    const char *details; /* JSON object; or NULL */
    /* put: 0: of an id as it was, of a run the newest that is known, else 1 */
    uint32_t attempt;
    bool again; /* put of an id: the run was there before, this is one more attempt of it */
    int64_t created_at, updated_at;              /* created_at: when it began to be */
    int64_t queued_at, started_at, completed_at; /* 0: not yet */
    int64_t pr_number;
    /* Of a fork: what branch and environment say is the fork's. Once said it stays. */
    bool is_fork;
};
/* "success", "failure", ...: nothing more is to come. */
bool sco_execution_ended(const char *status);
struct sco_stored_stage {
    const char *name, *stage, *status, *external_id, *url, *reason;
    uint32_t ordinal, attempt; /* ordinal 0: behind those that are there; attempt 0: 1 */
    int64_t queued_at, started_at, completed_at;
};
struct sco_execution_page {
    struct sco_stored_execution *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_execution_page_done(struct sco_execution_page *p);
struct sco_stage_list {
    struct sco_stored_stage *v;
    size_t n;
    struct sco_arena arena;
};
void sco_stage_list_done(struct sco_stage_list *l);
/* New, or what is newly known of (integration, external_id, attempt) or of id: a status
 * never goes back (ended, running, queued), times only get earlier starts and later ends, what is
 * NULL stays as it was (of an id that may be everything else); name, event and triggered_by are
 * whoever's who said them first. The target is made when there is none. An id that was asked for
 * here (store_pipelines.h) and gets its external_id takes in the execution that was made for that
 * run meanwhile: there is one for each attempt, in whichever order they come. Events pipeline.* and
 * metrics.build are written for what changed. *ret_id; *ret_changed: whether anything did.
 * SCO_E_INVALID: no such status, or something is missing; SCO_E_NOT_FOUND: no such id or
 * pipeline_id. */
int sco_store_execution_put(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
                            char ret_id[37], bool *ret_changed,
                            struct sco_error *err) SCO_NODISCARD;
/* Known by external_id, else by (name, attempt); otherwise as above. Event stage.completed. */
int sco_store_stages_put(struct sco_store *s, const char *execution_id,
                         const struct sco_stored_stage *v, size_t n, int64_t now,
                         struct sco_error *err) SCO_NODISCARD;
int sco_store_execution(struct sco_store *s, const char *id, struct sco_execution_page *ret,
                        struct sco_error *err) SCO_NODISCARD;
int sco_store_stages(struct sco_store *s, const char *execution_id, struct sco_stage_list *ret,
                     struct sco_error *err) SCO_NODISCARD;
struct sco_execution_filter {
    /* branch: of the repository itself, not of its forks */
    const char *pipeline_id, *repository, *branch, *status, *platform, *cursor;
    const char *const *repositories; /* NULL-terminated globs of clone_url; NULL: all */
    int64_t since, until;            /* created_at; 0: no bound */
    uint32_t limit;                  /* 0: 100 */
};
/* The newest first. */
int sco_store_executions(struct sco_store *s, const struct sco_execution_filter *f,
                         struct sco_execution_page *ret, struct sco_error *err) SCO_NODISCARD;

/* ---- publications: what a platform is told about one commit or pull request ---- */
enum sco_publication_state {
    SCO_PUBLICATION_PENDING,   /* told that we are at it */
    SCO_PUBLICATION_PUBLISHED, /* told the result */
    SCO_PUBLICATION_FAILED,    /* the platform cannot be told */
    SCO_PUBLICATION_STATE_MAX_
};
struct sco_stored_publication {
    const char *id, *integration, *repository, *marker, *commit_sha, *branch;
    int64_t pr_number;
    const char *context;                   /* JSON object: ci-plugins.md; or NULL */
    const char *steps;                     /* JSON list; or NULL */
    const char *state;                     /* JSON: of the plugin's last result; or NULL */
    const char *job_id, *scan_id, *reason; /* job_id: of the scan that it waits for */
    enum sco_publication_state is;
    int64_t created_at, updated_at;
    uint32_t revision; /* counts the puts; who publishes an older one gives way */
    uint32_t told;     /* the newest revision that the platform has heard of; 0: none */
    /* of a pending one whose result is being told; read only */
    uint32_t attempts;
    const char *last_error;  /* of the attempt before; or NULL */
    int64_t next_attempt_at; /* 0: none waits */
};
struct sco_publication_page {
    struct sco_stored_publication *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_publication_page_done(struct sco_publication_page *p);
const char *sco_publication_state_name(enum sco_publication_state s); /* "pending" */
/* By (integration, repository, marker, pr_number or commit_sha): a newer scan takes it over, with
 * the plugin's state of before. */
int sco_store_publication_put(struct sco_store *s, const struct sco_stored_publication *p,
                              int64_t now, char ret_id[37], struct sco_error *err) SCO_NODISCARD;
int sco_store_publication(struct sco_store *s, const char *id, struct sco_publication_page *ret,
                          struct sco_error *err) SCO_NODISCARD;
/* Those that wait for a job, the oldest first. */
int sco_store_publications_of_job(struct sco_store *s, const char *job_id,
                                  struct sco_publication_page *ret,
                                  struct sco_error *err) SCO_NODISCARD;
/* From now on it waits for another job, which publishes the scan (NULL: none). SCO_E_CANCELLED: as
 * below. */
int sco_store_publication_waits(struct sco_store *s, const char *id, uint32_t revision,
                                const char *job_id, const char *scan_id, int64_t now,
                                struct sco_error *err) SCO_NODISCARD;
/* What the platform was told of `revision`, and the plugin's state afterwards (NULL: as it was):
 * also when a newer one is there by now, for it is what the next call has to begin with. */
int sco_store_publication_told(struct sco_store *s, const char *id, uint32_t revision,
                               const char *state, struct sco_error *err) SCO_NODISCARD;
/* What came of publishing `revision`; state, scan_id, reason NULL: as they were.
 * SCO_E_CANCELLED: a newer one is there. */
int sco_store_publication_end(struct sco_store *s, const char *id, uint32_t revision,
                              enum sco_publication_state is, const char *state, const char *scan_id,
                              const char *reason, int64_t now, struct sco_error *err) SCO_NODISCARD;
/* The one that a put with the same integration, repository, marker, pr_number or commit_sha would
 * take over. *ret->n 0: there is none. */
int sco_store_publication_of(struct sco_store *s, const struct sco_stored_publication *p,
                             struct sco_publication_page *ret, struct sco_error *err) SCO_NODISCARD;
struct sco_publication_filter {
    uint32_t states; /* bits 1 << enum sco_publication_state; 0: any */
    const char *integration, *repository, *commit_sha, *cursor;
    int64_t pr_number; /* 0: any */
    uint32_t limit;    /* 0: 100 */
};
/* The newest first. */
int sco_store_publications(struct sco_store *s, const struct sco_publication_filter *f,
                           struct sco_publication_page *ret, struct sco_error *err) SCO_NODISCARD;
/* An object, without context and state. */
void sco_stored_publication_write(struct sco_json_out *o, const struct sco_stored_publication *p);
/* Pending again, of the same revision: who asks adds the job that publishes. SCO_E_INVALID: it is
 * pending. In the transaction that is open. */
int sco_store_publication_again(struct sco_store *s, const char *id, int64_t now,
                                struct sco_error *err) SCO_NODISCARD;
struct sco_publication_counts {
    uint64_t pending, failed;
    int64_t oldest; /* updated_at of the oldest that is pending; 0: none */
};
int sco_store_publication_counts(struct sco_store *s, struct sco_publication_counts *ret,
                                 struct sco_error *err) SCO_NODISCARD;
/* The watchdog: those that are pending while the job that they wait for has ended without them,
 * five seconds ago. */
int sco_store_publications_stuck(struct sco_store *s, int64_t now, uint32_t limit,
                                 struct sco_publication_page *ret,
                                 struct sco_error *err) SCO_NODISCARD;
