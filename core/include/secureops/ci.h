/* CI platforms, seen from the engine: integrations as configured, their plugins in workers, events
 * of the platforms, and the rules that say what becomes of an event.
 *
 * A delivery (a webhook) is verified by the integration's worker, committed to the store, answered;
 * then translated to events, which go through the rules. What the rules want (scans, publications,
 * workflows, calls to a platform) is written as jobs in one transaction with the end of the
 * delivery: store_ci.h. docs/ci.md, docs/ci-plugins.md (the documents). */
#pragma once

#include <secureops/config.h>
#include <secureops/json.h>

/* ---- integrations ---- */
/* One entry of the section `integrations`. Texts are NUL-terminated. */
struct sco_integration {
    const char *name;                /* "github", "github-acme": of URLs and listings */
    const char *plugin;              /* "github" "gitlab" "jenkins" "azure-devops" */
    const char *platform;            /* "github" "gitlab" "jenkins" "azure": in events and tables */
    const char *const *repositories; /* NULL-terminated globs of repo_full_name; NULL: all */
    const char *server; /* URL that its repositories are below; NULL: it keeps none (Jenkins) */
    bool enabled;
    int64_t poll_ms;         /* reconcile this often; 0: never */
    uint32_t flood_rate;     /* deliveries a second and source address; 0: no limit */
    uint64_t delivery_limit; /* bytes of a body */
    uint32_t break_after;    /* failures of a server in a row, */
    int64_t break_ms;        /* and how long it is not asked then */
    struct sco_str options;  /* JSON object: the plugin's typed options, secrets in clear */
    const char *missing; /* the credential that it lacks, by the options' names; NULL: it has one */
};
/* What an integration would need to speak at its platform and has not: nothing can be published
 * there, and nothing asked. NULL: it has it. */
const char *sco_integration_missing(const struct sco_config *c,
                                    const struct sco_config_integration *x);
/* All of a configuration; `tables` are the option tables of the CI plugins, as described, by name.
 * `resolve`: secrets in clear. Lives in the arena. SCO_E_INVALID with file:line:col. */
struct sco_ci_table {
    const char *plugin;
    const struct sco_option *options;
};
int sco_integrations(const struct sco_config *c, const struct sco_ci_table *tables, size_t n_tables,
                     bool resolve, struct sco_arena *arena, struct sco_integration **ret,
                     size_t *ret_n, struct sco_error *err) SCO_NODISCARD;

/* ---- events ---- */
enum sco_ci_kind {
    SCO_CI_IGNORED,
    SCO_CI_PUSH,
    SCO_CI_TAG,
    SCO_CI_PULL_REQUEST,
    SCO_CI_RELEASE,
    SCO_CI_PIPELINE,
    SCO_CI_JOB,
    SCO_CI_CHECK,
    SCO_CI_COMMENT,
    SCO_CI_MANUAL,
    SCO_CI_MERGE_GROUP,
    SCO_CI_PING,
    SCO_CI_SCHEDULE, /* of our own schedules: never from a platform */
    SCO_CI_KIND_MAX_
};
const char *sco_ci_kind_name(enum sco_ci_kind k); /* "pull_request" */

struct sco_ci_event {
    enum sco_ci_kind kind;
    const char *integration, *platform, *action, *native_event;
    const char *repo_full_name, *clone_url, *head_clone_url;
    const char *ref, *branch, *tag, *commit_sha, *base_sha;
    const char *pr_source_branch, *pr_target_branch, *actor;
    const char *pipeline_id, *job_id, *status, *name, *url, *default_branch;
    int64_t pr_number; /* 0: none */
    bool is_fork, is_delete;
    int64_t created_at, started_at, finished_at; /* Unix ms; 0: unknown */
    const struct sco_node *details, *context;    /* objects; or NULL */
    struct sco_str json;                         /* the whole of it, as the plugin gave it */
};
/* Unknown texts are NULL. Everything a platform says is checked: lengths, forms of shas, refs, URLs
 * (https, or as the integration's own server), numbers. SCO_E_FORMAT: what is wrong in it. */
int sco_ci_event_parse(struct sco_str json, const char *integration, struct sco_arena *arena,
                       struct sco_ci_event *ret, struct sco_error *err) SCO_NODISCARD;

/* ---- workers of integrations, for the daemon: on the loop ----
 * One process for each integration, without network, started by its first delivery and ended when
 * it had nothing to do for a while; calls wait in order. A worker that dies or hangs fails its call
 * and is started again. */
struct event_base;
struct sco_ci_pool;
struct sco_ci_pool_options {
    struct event_base *base;
    const char *worker;   /* absolute path of secureops-worker */
    const char *work_dir; /* of the process: a folder for each integration is made in it */
    const char *(*library)(void *user, const char *plugin); /* absolute path of its .so; or NULL */
    void *user;
    int64_t call_ms;      /* of one call, from when its turn comes; 0: 5 s */
    int64_t idle_ms;      /* 0: 5 min */
    uint32_t waiting_max; /* calls of one integration; 0: 4096 */
};
int sco_ci_pool_new(const struct sco_ci_pool_options *o, struct sco_ci_pool **ret,
                    struct sco_error *err) SCO_NODISCARD;
struct sco_ci_pool *sco_ci_pool_free(struct sco_ci_pool *p);
/* Replaces the integrations: workers whose options changed are ended after their calls. Copied.
 * Those that are not enabled are left out. */
int sco_ci_pool_set(struct sco_ci_pool *p, const struct sco_integration *v, size_t n,
                    struct sco_error *err) SCO_NODISCARD;

struct sco_ci_delivery {
    const char *integration;
    const struct sco_pair *headers; /* names in small letters */
    size_t n_headers;
    struct sco_str body, path, query;
    int64_t received_ms;
};
struct sco_ci_answer {
    int code;           /* 0; SCO_E_*; SCO_CI_LATER, SCO_CI_DEGRADED of plugin.h */
    const char *reason; /* or NULL */
    int64_t retry_ms;
    const char *delivery_id, *native_event; /* of verify */
    bool ignored;
    struct sco_str *events; /* of translate, poll: JSON objects */
    size_t n_events;
    struct sco_str result; /* of operations: JSON object; or {NULL, 0} */
};
/* On the loop, once for each delivery that was taken, sco_ci_pool_free included (SCO_E_CANCELLED);
 * never before the function that took it has returned. Borrowed for the call, which may hand in
 * deliveries and replace the integrations, but not free the pool. The events of a failure are none.
 */
typedef void (*sco_ci_answer_fn)(void *user, const struct sco_ci_answer *a);
/* SCO_E_NOT_FOUND: no such integration; SCO_E_LIMIT: too many wait. The delivery is copied. */
int sco_ci_verify(struct sco_ci_pool *p, const struct sco_ci_delivery *d, sco_ci_answer_fn fn,
                  void *user, struct sco_error *err) SCO_NODISCARD;
int sco_ci_translate(struct sco_ci_pool *p, const struct sco_ci_delivery *d, sco_ci_answer_fn fn,
                     void *user, struct sco_error *err) SCO_NODISCARD;

/* ---- one operation, for a runner and the command line: waits for it ---- */
struct sco_ci_run {
    const char *worker, *library, *cache_dir, *work_dir;
    struct sco_str options;
    const char *op;         /* "publish", "trigger", ... */
    struct sco_str request; /* JSON object */
    int64_t timeout_ms;
    int cancel_fd;        /* readable: give up; -1: none */
    uint32_t break_after; /* as of the integration; 0: the defaults */
    int64_t break_ms;
    bool offline, no_sandbox;
    void (*log)(void *user, uint32_t level, struct sco_str text);
    void *user;
};
/* The answer lives in the arena. A negative return: the worker could not be run or died.
 * Several may use a cache_dir at the same time. */
int sco_ci_run(const struct sco_ci_run *q, struct sco_arena *arena, struct sco_ci_answer *ret,
               struct sco_error *err) SCO_NODISCARD;

/* ---- rules: what becomes of an event ----
 * The section `rules`; the first whose conditions hold decides. Without that section: a push and a
 * tag are scanned, a pull request whose code changed is scanned for what is new, a release is
 * scanned and gets an SBOM, and the platform is told; anything else only updates what is known of
 * pipelines. Deleted refs, closed pull requests and drafts of releases have nothing to scan. */
enum sco_ci_action_kind {
    SCO_CI_ACTION_SCAN,
    SCO_CI_ACTION_WORKFLOW, /* a Lua workflow decides: a job of kind "workflow" */
    SCO_CI_ACTION_PIPELINE, /* run one of our own pipelines */
    SCO_CI_ACTION_NOTIFY,   /* event notification.alert */
};
struct sco_ci_action {
    enum sco_ci_action_kind kind;
    const char *name;    /* of the workflow or pipeline; or NULL */
    struct sco_str scan; /* SCAN: further members of the scan request: a JSON object */
    bool diff;           /* SCAN: judge what is new against base_sha or the target branch */
    bool publish;        /* SCAN: tell the platform */
    bool sbom;           /* SCAN: and an SBOM as artifact; sbom_auto: if one can be made */
    bool sbom_auto;
    const char *path;         /* SCAN: the folder that is scanned; NULL: all of the repository */
    const char *const *steps; /* of publish, NULL-terminated; NULL: as the platform does best */
    int64_t timeout_ms;       /* 0: as configured */
    int32_t priority;
};
struct sco_ci_rules;
/* Copies what it needs of the configuration. */
int sco_ci_rules_new(const struct sco_config *c, struct sco_ci_rules **ret,
                     struct sco_error *err) SCO_NODISCARD;
struct sco_ci_rules *sco_ci_rules_free(struct sco_ci_rules *r);
/* *ret_n 0: nothing is to be done. In the arena. *ret_rule: which, for people; NULL: none. */
int sco_ci_rules_apply(const struct sco_ci_rules *r, const struct sco_ci_event *e,
                       struct sco_arena *arena, struct sco_ci_action **ret, size_t *ret_n,
                       const char **ret_rule, struct sco_error *err) SCO_NODISCARD;
