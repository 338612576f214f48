/* The engine: from a request to a finished scan. It knows the plugins by the worker's description,
 * plans which scanners apply to the targets, runs each in a worker of its own, collects, merges and
 * ranks the findings, and judges the gate. One thread, on libevent; never loads a plugin. */
#pragma once

#include <secureops/scan.h>

/* ---- plugins ----
 */
struct sco_plugin_info {
    const char *path;       /* of what says what it is: NAME.so or NAME.yaml */
    const char *error;      /* why it cannot be used; then only path is certain */
    const char *library;    /* what a worker loads for it: path, or the plugin for described ones */
    const char *descriptor; /* NAME.yaml, checked, as JSON: for the jobs of that plugin; or NULL */
    const char *name, *version, *license, *summary;
    uint32_t kind;
    struct sco_scanner scanner; /* functions are NULL; strings as the plugin gave them */
    struct sco_ci_info {
        const char *title, *homepage;
        const char *const *operations; /* NULL-terminated: "verify", "trigger", ...; or NULL */
    } ci;                              /* SCO_KIND_CI */
    const struct sco_option *options;  /* ends with name NULL */
    size_t n_options;
    const char *program; /* absolute path of the program found, or NULL */
};

struct sco_plugins {
    struct sco_plugin_info *v;
    size_t n;              /* scanners, and what cannot be used */
    size_t n_ci;           /* CI platforms: behind them in v */
    const char *described; /* path of the plugin for described scanners, not in v; or NULL */
    struct sco_arena arena;
};

struct sco_waivers;

/* ---- requests ---- */
struct sco_threshold { /* fails when more than `max` findings of this type and severity or above */
    uint32_t type;     /* 0: every type */
    uint32_t severity; /* at least this */
    uint64_t max;
};

struct sco_gate_rules {
    uint32_t fail_on; /* SCO_SEV_*; 0: none */
    const struct sco_threshold *thresholds;
    size_t n_thresholds;
    bool warn_on_incomplete; /* the operator chose that incomplete scans do not fail */
    bool chosen;             /* the operator set a gate: these are not the defaults alone */
};

/* A scanner changed state or says something. Borrowed for the call. */
struct sco_progress {
    const struct sco_scanner_run *run;
    size_t index, n_runs;
    enum {
        SCO_PROGRESS_STARTED,
        SCO_PROGRESS_WORKING,
        SCO_PROGRESS_LOG, /* its plugin says `what` */
        SCO_PROGRESS_ENDED,
    } event;
    uint64_t done, total;
    uint32_t level; /* LOG: SCO_LOG_* */
    const char *what;
};

struct sco_engine_options {
    const char *worker;             /* absolute path of secureops-worker */
    const char *const *plugin_dirs; /* NULL-terminated */
    const char *tools_path;         /* colon-separated folders where programs are looked for */
    const char *cache_dir;          /* learned durations, caches of the scanners */
    int jobs;                       /* at once; 0: one per core */
    int64_t timeout_ms;             /* of one scanner; 0: its own default, else 15 min */
    bool offline;
    bool include_ignored;        /* do not leave out .gitignore'd and vendored folders */
    const char *const *excludes; /* NULL-terminated globs beyond these */
    uint64_t max_findings;       /* of one scanner; 0: 5,000,000 */
    uint64_t output_limit;       /* bytes; 0: 1 GiB */
    uint64_t memory_limit;       /* bytes of a scanner's program; 0: none */
    bool no_sandbox;
    const char *digest_key;               /* hex, or NULL */
    const char *const *scanners;          /* NULL-terminated names to run; NULL: all that apply */
    const char *const *skip;              /* NULL-terminated, or NULL */
    const char *const *require;           /* NULL-terminated, or NULL */
    const char *const *policy_dirs;       /* NULL-terminated: packs, absolute; or NULL */
    const char *policy_keys;              /* PEM file: archives must be signed; or NULL */
    const char *const *policy_frameworks; /* a scan evaluates these; NULL: as configured */
    const char *sbom_file;       /* where the SBOM of a scan goes, when one is made; or NULL */
    bool sbom;                   /* one is wanted: scans are incomplete without it */
    bool sbom_auto;              /* one is made where a program that can is installed */
    const char *const *gates;    /* presets and ids of gate policies; or NULL */
    struct sco_waivers *waivers; /* borrowed; what matched is counted there; or NULL */
    struct sco_gate_rules gate;
    /* The typed options of a scanner as a JSON object, appended to out; also its own deadline
     * (0: unchanged). `resolve`: secrets in clear, else as references. NULL: none have options. */
    int (*scanner_options)(void *user, const struct sco_plugin_info *p, bool resolve,
                           struct sco_buf *out, int64_t *ret_timeout_ms, struct sco_error *err);
    /* What the configuration says of a scanner: -1 never, 0 when it applies, 1 must run. */
    int (*scanner_wanted)(void *user, const char *name);
    void (*progress)(void *user, const struct sco_progress *p);
    /* Before findings are ranked and judged: may set their status. NULL: nothing to say. */
    int (*settle)(void *user, struct sco_scan *scan, struct sco_error *err);
    void *user;
};

struct sco_engine;
struct event_base;
int sco_engine_new(const struct sco_engine_options *o, struct sco_engine **ret,
                   struct sco_error *err) SCO_NODISCARD;
struct sco_engine *sco_engine_free(struct sco_engine *e);

/* Describes every plugin in the plugin folders (once; kept). Broken ones are there with `error`. */
int sco_engine_plugins(struct sco_engine *e, const struct sco_plugins **ret,
                       struct sco_error *err) SCO_NODISCARD;

/* ---- planning ---- */
enum sco_plan_action { SCO_PLAN_RUN, SCO_PLAN_MISSING, SCO_PLAN_SKIP };

struct sco_plan_item {
    const struct sco_plugin_info *plugin;
    size_t target; /* index into the plan's targets */
    enum sco_plan_action action;
    const char *reason; /* "12 files match *.py", "not installed", ... */
    const char *const *files;
    size_t n_files;
    bool required, named;
    bool nothing; /* skipped, for there is nothing in the target that it looks at */
};

struct sco_target {
    const char *given;           /* as the user wrote it */
    uint32_t kinds;              /* SCO_TARGET_* bits: a git work tree is also a directory */
    const char *path;            /* absolute path, image name or URL */
    const char *root;            /* folder that its paths are relative to, or NULL */
    const char *below;           /* where `root` is in its repository, "services/api": findings
                                    have their paths in the repository; or NULL */
    const char *const *excludes; /* folders left out */
    size_t n_files;              /* looked at */
    bool left_out;               /* there is more in it, which .gitignore or a glob leaves out */
    const char *cut;             /* why part of it could not be looked at, or NULL */
    struct sco_map excluded;     /* paths left out, files too */
};

struct sco_plan {
    struct sco_target *targets;
    size_t n_targets;
    struct sco_plan_item *items;
    size_t n_items;
    struct sco_arena arena;
};
/* SCO_E_INVALID: an unknown scanner name, a target that is not there. */
int sco_engine_plan(struct sco_engine *e, const char *const *targets, size_t n,
                    struct sco_plan **ret, struct sco_error *err) SCO_NODISCARD;
struct sco_plan *sco_plan_free(struct sco_plan *p);

/* Whether a scan looks at this path of a target: it was not left out. */
bool sco_target_covers(const struct sco_target *t, const char *path);

/* ---- running ---- */
/* Runs the plan to its end. A scanner that fails is in the scan, not an error here. */
int sco_engine_scan(struct sco_engine *e, const struct sco_plan *plan, struct sco_scan **ret,
                    struct sco_error *err) SCO_NODISCARD;
/* Parses saved reports, one worker each. `scanner` NULL: the format is detected. `root` may be
 * NULL. */
int sco_engine_import(struct sco_engine *e, const char *const *files, size_t n, const char *scanner,
                      const char *root, struct sco_scan **ret, struct sco_error *err) SCO_NODISCARD;
/* May be called from a signal handler: once, everything stops and is reported as cancelled; twice,
 * workers are killed. It is for good: this engine starts nothing more. */
void sco_engine_cancel(struct sco_engine *e);
bool sco_engine_cancelled(const struct sco_engine *e);
struct event_base *sco_engine_base(struct sco_engine *e); /* for timers of a progress display */
struct sco_scan *sco_scan_free(struct sco_scan *s);

/* ---- policies ----
 * What is asked of the plugin `policies` beside scans: docs/adr/0012-policies-are-a-plugin.md.
 * Lists are NULL-terminated; NULL: empty. */
struct sco_policy_request {
    const char *command;        /* "eval" "profile" "list" "test" "workflow" */
    const char *const *bundles; /* NULL: policy_dirs of the options */
    const char *const *policies, *const *frameworks, *const *skip; /* see policy.h */
    const char *const *paths; /* eval, profile: files and folders */
    const char *input;        /* workflow: absolute path of the event */
    bool trace, coverage;
};
struct sco_policy_outcome {
    enum sco_run_status status;
    const char *reason; /* of anything but completed; of completed: what is worth saying; or NULL */
    int code;           /* SCO_E_* of a failure, 0 */
    size_t n_files;     /* eval, profile: looked at */
    struct sco_arena arena;
};
/* One record: the same order for the same input. Borrowed for the call; not 0: ends the job. */
typedef int (*sco_policy_record_fn)(void *user, struct sco_str kind, struct sco_str json);
/* SCO_E_NOT_FOUND: a path that is not there, no plugin; SCO_E_CANCELLED. What fails in the worker
 * is in *ret, which is the caller's. */
int sco_engine_policies(struct sco_engine *e, const struct sco_policy_request *q,
                        sco_policy_record_fn fn, void *user, struct sco_policy_outcome *ret,
                        struct sco_error *err) SCO_NODISCARD;
void sco_policy_outcome_done(struct sco_policy_outcome *o);
struct sco_comparison;
/* Scans and imports that follow are judged by what is new; borrowed; NULL: by everything. */
void sco_engine_compare(struct sco_engine *e, struct sco_comparison *c);
/* In the place of the options' gates and scanners, for scans that follow; borrowed. */
void sco_engine_set_gates(struct sco_engine *e, const char *const *gates);
void sco_engine_set_scanners(struct sco_engine *e, const char *const *scanners);

/* What a scanner's program says of itself. */
struct sco_program_facts {
    const char *version; /* NULL: it does not say */
    const char **notes;  /* lines of its plugin, as the age of a database; NULL-terminated */
    struct sco_arena arena;
};
int sco_engine_inspect(struct sco_engine *e, const struct sco_plugin_info *p,
                       struct sco_program_facts *ret, struct sco_error *err) SCO_NODISCARD;
void sco_program_facts_done(struct sco_program_facts *f);
/* How workers are confined: "landlock 3, seccomp", "none: ..."; NULL before sco_engine_plugins. */
const char *sco_engine_sandbox(const struct sco_engine *e);
