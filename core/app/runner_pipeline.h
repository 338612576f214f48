/* Jobs of the kind "pipeline". The runner (runner_pipeline.c) decides what runs when, and writes
 * what became of it; each attempt of a stage is a process of its own (runner_stage.c), this program
 * again, in a sandbox, which runs the steps one after the other and knows neither the store nor the
 * secrets of other stages. Between the two: frames of ipc.h.
 *
 * To the stage, once: JOB {"definition","stage":index,"dir","source","write":[],"hidden":[],
 *   "env":["NAME=value"],"secrets":{"NAME":"value"},"facts":{...},"timeout_ms","output_limit",
 *   "memory_limit","sandbox":bool,"parent":pid}; ANSWER {"ok":bool,"reason"} to a scan; CANCEL
 *   {"cleanup_ms"}: above 0, always() steps run so long.
 * Back: LOG {"text"} whole lines, masked; CALL {"step":index} a scan is wanted;
 *   DONE {"outcome":"success"|"failure"|"timed_out"|"cancelled","reason"}. */
#pragma once

#include "runner_priv.h"

#include <secureops/pipeline.h>
#include <secureops/store_pipelines.h>

#define RUNNER_STAGE_ARG "stage"
/* What is always() of a stage that somebody cancels may take; the scheduler waits longer. */
#define PIPELINE_CLEANUP_MS 60000
#define STAGE_SNAPSHOT "snapshot" /* in its folder: what it wants to be scanned */
int runner_stage_main(void);

struct bufferevent;
struct event;
struct sco_child;

/* ---- runner_pipeline_run.c: an attempt of a stage that is under way ---- */
struct pipeline_job;
struct stage_run {
    struct pipeline_job *p;
    size_t i; /* of the definition */
    uint32_t attempt;
    const char *dir;
    int64_t started_at, told_ms;
    struct sco_child *child;
    struct bufferevent *socket;
    struct sco_frames frames;
    /* a scan for it, by another runner */
    struct sco_child *scan;
    struct bufferevent *scan_socket;
    struct sco_frames scan_frames;
    bool scan_answered;
    const char *scan_dir; /* what it looks at, out of the stage's reach; or NULL */
    struct sco_buf log;   /* not stored yet */
    uint64_t log_bytes;   /* of this attempt */
    bool done;            /* it has said: */
    char outcome[16], reason[512];
};
enum stage_state { STAGE_WAITING, STAGE_BLOCKED, STAGE_RUNNING, STAGE_ENDED };
struct stage_now {
    enum stage_state state;
    const char *status; /* once it has ended */
    uint32_t tries;     /* attempts that have begun */
    bool bad;           /* what needs it does not succeed */
    struct stage_run *run;
};
struct pipeline_job {
    struct runner *r;
    struct sco_pipeline def;
    struct sco_execution_page page;
    const struct sco_stored_execution *x;
    struct sco_pipeline_run request;
    const struct sco_node *job, *asked, *secrets; /* the job's; request.request; {"NAME":"value"} */
    struct sco_approval_list approvals;
    struct stage_now *stages; /* def.n */
    size_t running;
    uint64_t log_at;
    const char *log_stage; /* whose lines were stored last */
    int64_t deadline;      /* monotonic ms; 0: none */
    const char *const *hidden;
    struct event *watch, *timer, *kill, *flush;
    bool stopping, timed_out;
    struct sco_error failure; /* why it cannot go on; code 0: it can */
};
int stage_run_start(struct pipeline_job *p, size_t i, struct sco_error *err);
void stage_run_cancel(struct stage_run *s);
void stage_run_kill(struct stage_run *s);
struct stage_run *stage_run_free(struct stage_run *s);
/* What its stage has printed so far goes to the store. */
int stage_run_flush(struct stage_run *s, struct sco_error *err);
/* ---- runner_pipeline.c ---- */
/* Its process has gone; s->outcome says how. */
void pipeline_stage_ended(struct pipeline_job *p, struct stage_run *s);
/* The job cannot go on: everything is ended, and the job tried again. */
void pipeline_fail(struct pipeline_job *p, const struct sco_error *err);
int runner_pipeline(struct runner *r, struct sco_error *err);

/* ---- runner_pipeline_hide.c ---- */
/* What no stage may read: p->hidden. */
int pipeline_hide(struct pipeline_job *p, struct sco_error *err);

/* ---- runner_pipeline_env.c ---- */
int pipeline_stage_job(struct pipeline_job *p, const struct stage_run *s, struct sco_buf *ret,
                       struct sco_error *err);
int pipeline_scan_job(struct pipeline_job *p, const struct stage_run *s, size_t step,
                      struct sco_buf *ret, struct sco_error *err);

/* ---- runner_pipeline_snapshot.c ---- */
/* Takes the stage's snapshot to `to`, where the stage may not write, and leaves in it what a
 * checkout has: folders and files. */
int pipeline_take_snapshot(const struct stage_run *s, const char *to, struct sco_error *err);

/* ---- runner_pipeline_keep.c ---- */
/* The artifacts of an attempt that has ended, in the transaction that is open. */
int pipeline_keep_artifacts(struct pipeline_job *p, const struct stage_run *s,
                            struct sco_error *err);

/* ---- runner_pipeline_rule.c ---- */
struct sco_node;
int runner_pipeline_rule(struct runner *r, const struct sco_node *q, struct sco_error *err);
