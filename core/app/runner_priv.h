/* Inside of secureops-runner: one job of the daemon. */
#pragma once

#include "cli_priv.h"

#include <secureops/checkout.h>
#include <secureops/ipc.h>
#include <secureops/store_jobs.h>

/* ---- runner_job.c: what is asked for; docs/daemon.md ---- */
struct runner_setup {
    const char *config, *store, *data, *cache, *node; /* config, data, cache: or NULL */
    const char *const *sets;                          /* NAME=VALUE; NULL-terminated */
};
enum { RUNNER_SBOM_REQUIRED = 1, RUNNER_SBOM_AUTO };
enum runner_target { TARGET_REPOSITORY, TARGET_IMAGE, TARGET_DIRECTORY, TARGET_URL };
struct runner_request {
    /* scan */
    enum runner_target target;
    const char *location;
    const char *const *types, *const *scanners, *const *skip, *const *frameworks, *const *gates;
    const char *fail_on, *checkout_secret;
    const char *path;                         /* folder of the repository; or NULL: all of it */
    const char *diff_base;                    /* judge what the change brings; or NULL */
    int64_t offline, sbom, timeout_ms, depth; /* depth: workflows that led to it */
    uint32_t type_bits;
    const char *integration, *credential; /* the request for a token of that integration; or NULL */
    /* import */
    const char *file, *name, *scanner, *repository, *scope;
    /* both */
    const char *branch, *commit;
};
struct runner_job {
    struct runner_setup setup;
    const char *id, *kind, *requested_by, *correlation_id;
    int64_t attempt, timeout_ms;
    bool import;
    const char *other;  /* the request of a kind that is neither scan nor import; or NULL */
    const char *nested; /* a folder: a scan within a pipeline's job, which ends the job; or NULL */
    const char *setup_json, *secrets_json; /* of a pipeline: for nested ones; for its stages */
    struct runner_request request;
    char *token; /* or NULL */
};
int runner_job_parse(struct sco_str frame, struct sco_arena *arena, struct runner_job *ret,
                     struct sco_error *err);
/* The member "credential" of a request, {"integration","repository","context"}. */
int runner_credential_parse(const struct sco_node *v, struct sco_arena *arena,
                            struct runner_request *q, struct sco_error *err);

/* ---- runner.c ---- */
enum runner_end { END_NONE, END_CANCELLED, END_SIGNAL, END_ORPHANED };
enum runner_phase { PHASE_JOB, PHASE_SETUP, PHASE_WORK, PHASE_SAVE };
struct runner {
    int fd;        /* of the daemon */
    int signal_fd; /* SIGTERM and its like */
    int end_fd;    /* readable when one of these two is: it is time to end */
    struct sco_frames frames;
    struct sco_arena arena;
    struct runner_job job;
    struct sco_job_lease lease;
    struct cli cli;
    enum runner_end end;
    enum runner_phase phase;
    bool mute; /* the daemon does not listen */
    char *dir; /* private, goes at the end */
    int dir_lock;
    struct sco_buf log; /* scan.log */
    uint32_t lines;     /* sent */
    size_t runs_ended;
    struct sco_buf runs; /* members of DONE's "scanners" */
    int64_t told_ms;
    struct sco_checkout checkout;
    const char *scan_id, *gate;
    int64_t saved_at, save_ms; /* Unix ms */
    uint64_t findings;
    int64_t later_ms; /* not an error: somebody wants us to come again then */
};
/* Looks at end_fd without waiting; true: it is time to end. */
bool runner_ends(struct runner *r);
void runner_log(struct runner *r, uint32_t level, const char *fmt, ...) SCO_PRINTF(3, 4);
void runner_progress(struct runner *r, uint64_t done, uint64_t total, const char *what);

/* ---- runner_dir.c ---- */
int runner_dir_make(struct runner *r, struct sco_error *err);
void runner_dir_remove(struct runner *r);

/* ---- runner_setup.c: configuration, store, engine ---- */
int runner_setup(struct runner *r, struct sco_error *err);
int runner_check(struct runner *r, struct sco_error *err); /* scanners, gates */

/* ---- runner_target.c ---- */
/* Fetches what is to be scanned when it has to be. *ret: the target as the engine takes it,
 * *ret_shown: as people know it. */
int runner_target(struct runner *r, const char **ret, const char **ret_shown,
                  struct sco_error *err);
int runner_report_file(struct runner *r, const char **ret, struct sco_error *err); /* of imports */

/* ---- runner_scan.c ---- */
int runner_work(struct runner *r, struct sco_error *err);

/* ---- runner_reports.c ---- */
/* cli.attach: report.json, report.sarif, sbom.cdx.json when there is one, scan.log. */
int runner_attach(void *user, struct sco_store *s, const struct sco_scan *scan,
                  struct sco_error *err);
int runner_artifact(struct sco_store *s, const struct sco_scan *scan, const char *name,
                    const char *type, struct sco_str text, struct sco_error *err);

/* ---- runner_publish.c ---- */
struct sco_stored_publication;
/* With a scan, in its transaction: what is published of it, for those who wait for this job. */
int runner_publish(struct runner *r, struct sco_store *s, const struct sco_scan *scan,
                   struct sco_error *err);
int runner_publish_request(struct runner *r, const struct sco_stored_publication *p,
                           const char *phase, const char *scan_id, const char *reason,
                           struct sco_buf *ret, struct sco_error *err);

/* ---- runner_poll.c ---- */
struct sco_ci_answer;
/* In the transaction of the job's end. */
int runner_poll_keep(struct runner *r, const char *integration, const struct sco_ci_answer *a,
                     struct sco_error *err);

/* ---- runner_workflow.c, runner_call.c ---- */
int runner_workflow(struct runner *r, struct sco_error *err);
int runner_call(struct runner *r, struct sco_error *err);
/* ---- runner_event.c ---- */
/* With a scan, in its transaction: the workflows that run after it. */
int runner_after_scan(struct runner *r, struct sco_store *s, const struct sco_scan *scan,
                      struct sco_error *err);
/* The request of a comment as one of a publication. */
int runner_comment_request(struct runner *r, const struct sco_node *q, struct sco_buf *ret,
                           struct sco_error *err);

/* ---- runner_execution.c ---- */
/* In the transaction of the job's end: what an operation says of a run at the platform. */
int runner_execution_keep(struct runner *r, const char *id, const char *op,
                          const struct sco_ci_answer *a, struct sco_error *err);

/* The document of a run: name, stages, state. In a transaction. */
int runner_execution_put(struct runner *r, const char *id, const struct sco_node *q,
                         struct sco_error *err);

/* ---- runner_credential.c ---- */
/* *ret NULL: none is to be had. What may pass is an error. */
int runner_credential(struct runner *r, const char **ret, struct sco_error *err);

/* ---- runner_ci.c ---- */
struct sco_integration;
struct ci_call;
/* Secrets in clear. SCO_E_NOT_FOUND: there is none, or it is switched off. */
int runner_integration(struct runner *r, const char *name, struct sco_integration *ret,
                       const struct sco_plugin_info **ret_plugin, struct sco_error *err);
int runner_ci(struct runner *r, struct sco_error *err);
/* One operation in a worker of the integration; the answer lives in the runner's arena. */
int runner_ci_ask(struct runner *r, const struct ci_call *c, const char *op, struct sco_str q,
                  struct sco_ci_answer *ret, struct sco_error *err);
/* The integration's token is for the repository of the execution's pipeline, and for no other.
 * *ret_why: what is wrong, for good. */
int runner_ci_place(struct runner *r, const struct ci_call *c, const char **ret_why,
                    struct sco_error *err);
/* Below 0: the job is to be tried again. */
int runner_ci_judge(struct runner *r, const struct sco_ci_answer *a, struct sco_error *err);

/* ---- runner_follow.c ---- */
/* A look at a run: its state and stages, what its logs have grown by, its artifacts when it has
 * ended; and when to look again. */
int runner_follow(struct runner *r, const struct ci_call *c, const char *execution,
                  struct sco_error *err);
