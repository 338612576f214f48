/* The worker's side of a job: the job as the engine wrote it, the host table that its plugin calls
 * (struct sco_host of plugin.h), and what the worker reports. One job per process, one thread. */
#pragma once

#include <secureops/ipc.h>
#include <secureops/plug.h>

enum sco_job_kind { SCO_JOB_SCAN, SCO_JOB_IMPORT, SCO_JOB_DESCRIBE, SCO_JOB_VERSION, SCO_JOB_CI };

/* SCO_MSG_JOB of ipc.h, checked. Strings and lists live in the arena; NULL is "not given". */
struct sco_worker_job {
    enum sco_job_kind kind;
    const char *const *plugins;     /* NULL-terminated, at least one but for describe */
    const char *const *descriptors; /* one for each plugin, or NULL; NULL: there are none */
    const struct sco_node *options;
    uint32_t target_kind; /* SCO_TARGET_* */
    const char *target;
    const char *input, *root, *format;
    const char *work_dir, *cache_dir, *program, *version;
    const char *const *excludes; /* NULL-terminated */
    const char *const *files;    /* NULL-terminated; NULL: not a directory */
    bool offline;
    uint32_t cpus;
    int64_t timeout_ms;                            /* 0: none */
    uint64_t max_findings, max_output, max_memory; /* 0: none */
    bool landlock, seccomp;
    const char *const *write; /* NULL-terminated: folders that may be written to */
    const char *const *env;   /* NULL-terminated "NAME=value" */
    uint32_t break_after;     /* of the circuit breaker of HTTP; 0: its own */
    int64_t break_ms;
    struct sco_str digest_key;
    const char *request; /* NULL: none */
};

/* SCO_E_PARSE, SCO_E_FORMAT: not a job of this engine. */
int sco_worker_job_parse(struct sco_str json, struct sco_arena *arena, struct sco_worker_job *ret,
                         struct sco_error *err) SCO_NODISCARD;

/* Landlock and seccomp as the job wants them, the work folder as the current one. Appends what
 * HELLO says of it: "landlock 3, seccomp", "none: the kernel has no landlock, ...". What the kernel
 * lacks is no error. */
int sco_worker_confine(const struct sco_worker_job *job, struct sco_buf *ret,
                       struct sco_error *err) SCO_NODISCARD;

/* `in` holds what was read from `fd` beyond the job; both and the job are borrowed. */
struct sco_worker;
struct sco_worker *sco_worker_new(int fd, struct sco_frames *in, const struct sco_worker_job *job,
                                  struct sco_error *err);
struct sco_worker *sco_worker_free(struct sco_worker *w); /* returns NULL */
const struct sco_host *sco_worker_host(const struct sco_worker *w);

void sco_worker_hello(struct sco_worker *w, const char *sandbox);
/* The whole job, ending with DONE. */
void sco_worker_perform(struct sco_worker *w);
/* From now on a plugin that calls exit(), crashes or is still busy three seconds after the job's
 * deadline is followed by the end of its descendants, and by DONE where that can still be said. */
int sco_worker_guard(struct sco_worker *w, struct sco_error *err) SCO_NODISCARD;
void sco_worker_unguard(void);
/* DONE with this status when the job has not said its last word yet: for what ends it early. Sends
 * nothing when a message was half sent. */
void sco_worker_abandon(struct sco_worker *w, int code, const char *status, const char *reason);

/* The first thing in a program's words that looks like a version: "trivy v0.74.0 (linux)" gives
 * 0.74.0. {NULL, 0}: none. */
struct sco_str sco_version_in(struct sco_str text);
