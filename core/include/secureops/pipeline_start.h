/* Executions of pipelines from the wish to the job: of the API, of rules, of whoever approves. */
#pragma once

#include <secureops/store_pipelines.h>

struct sco_pipeline_start {
    const struct sco_stored_pipeline *pipeline;
    const char *op; /* "trigger"; of a platform also "rollback" */
    /* branch, tag: one of them, or both NULL: the pipeline's branch; commit_sha NULL: its newest */
    const char *branch, *tag, *commit_sha, *event, *actor, *environment;
    const char *inputs;     /* JSON object of texts; or NULL */
    const char *to;         /* rollback at a platform: JSON object {pipeline_id, commit_sha, ref} */
    const char *credential; /* JSON object as sco_ci_job_credential writes it; or NULL */
    const char *rollback_of;  /* the execution that is undone */
    const char *requested_by; /* a user's id or name; or NULL */
    const char *correlation_id, *traceparent;
    int64_t pr_number;
    bool approval; /* it waits for one before anything is done */
};
/* The execution, what it was asked for and, unless it waits, its job: in the transaction that is
 * open, else in one of its own. SCO_E_INVALID: the target's location is another one now, or it is
 * paused. */
int sco_pipeline_start(struct sco_store *s, const struct sco_pipeline_start *q, int64_t now,
                       char ret_id[37], struct sco_error *err) SCO_NODISCARD;
/* The job of an execution that is there: after an approval. */
int sco_pipeline_queue(struct sco_store *s, const struct sco_stored_execution *x,
                       const struct sco_pipeline_run *run, int64_t now,
                       struct sco_error *err) SCO_NODISCARD;
/* An operation at the platform of an execution: cancel. SCO_E_INVALID: it has named neither the run
 * nor an item of its queue. */
int sco_pipeline_call(struct sco_store *s, const struct sco_stored_execution *x, const char *op,
                      int64_t now, struct sco_error *err) SCO_NODISCARD;
/* A run of a platform once more: another execution. SCO_E_INVALID as above. */
int sco_pipeline_rerun(struct sco_store *s, const struct sco_stored_execution *old,
                       const char *actor, const char *requested_by, int64_t now, char ret_id[37],
                       struct sco_error *err) SCO_NODISCARD;
/* A run of a platform is looked at: its state, logs, artifacts; from then on until it has ended. */
int sco_pipeline_look(struct sco_store *s, const char *id, int64_t now,
                      struct sco_error *err) SCO_NODISCARD;
/* Those that are due. *ret: how many. */
int sco_pipelines_look(struct sco_store *s, int64_t now, uint64_t *ret,
                       struct sco_error *err) SCO_NODISCARD;
