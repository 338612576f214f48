/* Pipelines that somebody has defined: of a platform, or own ones; what their executions were asked
 * for, their approvals, logs and artifacts; figures about executions. As store.h. A pipeline is a
 * target of store_jobs.h (its name, repository and team) with a definition. */
#pragma once

#include <secureops/store_ci.h>

/* ---- definitions ---- */
struct sco_stored_pipeline {
    struct sco_stored_target target; /* kind "repository"; its config is not looked at */
    const char *integration;         /* of a platform's; NULL: our own */
    const char *repository;          /* at the platform: "acme/shop"; of our own: its URL */
    const char *workflow;            /* or NULL */
    const char *definition;          /* YAML of our own; else NULL */
    const char *checkout_secret;     /* or NULL */
    /* The target's location when the definition was put. Another one since: it does not run, for
     * who may change targets could else give it another one's secrets. */
    const char *location;
};
struct sco_pipeline_page {
    struct sco_stored_pipeline *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_pipeline_page_done(struct sco_pipeline_page *p);
/* target.id NULL: a new one. SCO_E_INVALID: the name is taken, or something is missing. */
int sco_store_pipeline_put(struct sco_store *s, const struct sco_stored_pipeline *p, int64_t now,
                           char ret_id[37], struct sco_error *err) SCO_NODISCARD;
/* With its target; executions stay. SCO_E_NOT_FOUND: no such pipeline, or a mere target. */
int sco_store_pipeline_delete(struct sco_store *s, const char *id,
                              struct sco_error *err) SCO_NODISCARD;
int sco_store_pipeline(struct sco_store *s, const char *id_or_name, struct sco_pipeline_page *ret,
                       struct sco_error *err) SCO_NODISCARD;
int sco_store_pipelines(struct sco_store *s, const char *cursor, uint32_t limit,
                        struct sco_pipeline_page *ret, struct sco_error *err) SCO_NODISCARD;

/* ---- runs: what an execution was asked for ---- */
struct sco_pipeline_run {
    const char *definition;   /* as it was then; NULL: at a platform */
    const char *request;      /* JSON object: {"inputs":{...}}; "call": an operation that waits */
    const char *requested_by; /* who may not approve it; or NULL */
    const char *state;        /* read: of sco_store_run_follow; or NULL */
    int64_t look_at;          /* read: 0: it is not looked at any more */
};
int sco_store_run_put(struct sco_store *s, const char *execution_id,
                      const struct sco_pipeline_run *r, struct sco_error *err) SCO_NODISCARD;
int sco_store_run(struct sco_store *s, const char *execution_id, struct sco_arena *arena,
                  struct sco_pipeline_run *ret, struct sco_error *err) SCO_NODISCARD;
/* A run at a platform is looked at again at `look_at` (0: not any more); state: JSON object of who
 * looks (NULL: as it was). SCO_E_NOT_FOUND: it was not asked for here. */
int sco_store_run_follow(struct sco_store *s, const char *execution_id, const char *state,
                         int64_t look_at, struct sco_error *err) SCO_NODISCARD;
/* Of several nodes that ask, one is told which executions are to be looked at, and the others not
 * before `again_at`: ids, in the arena. */
int sco_store_runs_due(struct sco_store *s, int64_t now, int64_t again_at, uint32_t limit,
                       struct sco_arena *arena, const char ***ret, size_t *ret_n,
                       struct sco_error *err) SCO_NODISCARD;
/* Executions whose job has ended without them, five seconds ago: failed, or cancelled with it.
 * Those of a platform only when the job did not come to its end, and the platform has named no run.
 * *ret: how many. */
int sco_store_runs_watch(struct sco_store *s, int64_t now, uint64_t *ret,
                         struct sco_error *err) SCO_NODISCARD;

/* ---- approvals ---- */
struct sco_stored_approval {
    const char *stage; /* "" the whole: of a rollback */
    const char *by;
    const char *reason; /* or NULL */
    bool approved;      /* else rejected */
    int64_t at;
};
struct sco_approval_list {
    struct sco_stored_approval *v;
    size_t n;
    struct sco_arena arena;
};
void sco_approval_list_done(struct sco_approval_list *l);
int sco_store_approval_add(struct sco_store *s, const char *execution_id,
                           const struct sco_stored_approval *a,
                           struct sco_error *err) SCO_NODISCARD;
int sco_store_approvals(struct sco_store *s, const char *execution_id,
                        struct sco_approval_list *ret, struct sco_error *err) SCO_NODISCARD;

/* ---- logs: one text for an execution, whole lines of one stage at a time ---- */
enum { SCO_LOG_PART_MAX = 256 << 10 };
/* Behind what is there; `at`: where that is, from sco_store_log_size or the call before. */
int sco_store_log_add(struct sco_store *s, const char *execution_id, uint64_t at, const char *stage,
                      uint32_t attempt, struct sco_str text, struct sco_error *err) SCO_NODISCARD;
int sco_store_log_size(struct sco_store *s, const char *execution_id, uint64_t *ret,
                       struct sco_error *err) SCO_NODISCARD;
/* From `from` on, of one stage (NULL: all), at least a part and about `max` bytes of it; *ret_next:
 * where to go on. */
int sco_store_log(struct sco_store *s, const char *execution_id, uint64_t from, const char *stage,
                  size_t max, struct sco_buf *out, uint64_t *ret_next,
                  struct sco_error *err) SCO_NODISCARD;

/* ---- artifacts: kept with sco_store_artifact_add under the execution's id ---- */
struct sco_artifact_info {
    const char *name, *media_type;
    uint64_t size;
    int64_t created_at;
};
struct sco_artifact_list {
    struct sco_artifact_info *v;
    size_t n;
    struct sco_arena arena;
};
void sco_artifact_list_done(struct sco_artifact_list *l);
int sco_store_artifact_list(struct sco_store *s, const char *id, struct sco_artifact_list *ret,
                            struct sco_error *err) SCO_NODISCARD;
int sco_store_artifacts_drop(struct sco_store *s, const char *id, const char *prefix,
                             struct sco_error *err) SCO_NODISCARD;

/* ---- figures: docs/pipelines.md has the definitions ---- */
enum { SCO_FLAKY_MAX = 50, SCO_STATISTICS_ROWS_MAX = 500000 };
struct sco_flaky_stage {
    const char *repository, *pipeline, *stage;
    uint64_t commits; /* of which it failed and later passed */
};
struct sco_pipeline_figures {
    uint64_t executions, succeeded, failed, cancelled, skipped, unfinished;
    int64_t duration_p50_ms, duration_p95_ms, queue_p50_ms, queue_p95_ms; /* -1: none ended */
    /* tried: succeeded or failed; failed ones and those that were rolled back later */
    uint64_t deployments, failed_deployments, tried_deployments;
    int64_t lead_time_ms, restore_ms; /* medians; -1: there is none */
    uint64_t lead_times, restores;    /* of how many */
    bool cut;                         /* there are more executions than are looked at */
    struct sco_flaky_stage *flaky;
    size_t n_flaky;
    struct sco_arena arena;
};
void sco_pipeline_figures_done(struct sco_pipeline_figures *f);
struct sco_figures_filter {
    /* NULL: any. Branches and environments are the repository's own, not those of its forks. */
    const char *pipeline_id, *repository, *branch, *platform, *environment;
    const char *const *repositories; /* as of sco_execution_filter */
    int64_t since, until;
};
int sco_store_pipeline_figures(struct sco_store *s, const struct sco_figures_filter *f,
                               struct sco_pipeline_figures *ret,
                               struct sco_error *err) SCO_NODISCARD;

/* ---- for people ---- */
void sco_stored_execution_write(struct sco_json_out *o, const struct sco_stored_execution *x);
void sco_stored_stage_write(struct sco_json_out *o, const struct sco_stored_stage *x);
