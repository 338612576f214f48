/* Inside of the engine. */
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <secureops/diff.h>
#include <secureops/engine.h>
#include <secureops/fs.h>
#include <secureops/ipc.h>
#include <secureops/loop.h>
#include <secureops/waivers.h>

struct event;

struct sco_engine {
    struct sco_engine_options o;
    struct event_base *base;
    struct sco_comparison *compare; /* borrowed, or NULL */
    struct sco_plugins plugins;
    bool plugins_known;
    const char *sandbox;           /* as a worker states it */
    volatile sig_atomic_t cancels; /* counted by sco_engine_cancel */
    int cancel_pipe[2];
    char *tmp;    /* private folder of all jobs; made when first needed */
    int tmp_lock; /* held while it is in use */
};

/* ---- ignore.c: .gitignore ----
 */
struct ignore_rule;
struct ignore {
    struct ignore_rule *rules;
    size_t n, cap;
    struct sco_arena arena;
};
int ignore_add_text(struct ignore *ig, struct sco_str text, const char *base);
int ignore_add_file(struct ignore *ig, int dir, const char *name, const char *base);
bool ignore_match(const struct ignore *ig, struct sco_str path, bool is_dir);
void ignore_done(struct ignore *ig);

/* ---- gitindex.c: what git tracks ---- */
struct git_index {
    struct sco_str *paths; /* sorted */
    size_t n, cap;
    const char *prefix; /* place of the target in its work tree, "" or "a/b/" */
    bool unknown;       /* there is an index, but nothing certain is known of it */
    struct sco_buf file;
    struct sco_arena arena;
};
/* Of the work tree that `root` lies in; a folder outside of any has an empty one. */
void git_index_read(struct git_index *ix, const char *root);
/* Whether a file is tracked; a folder: whether something below it is. */
bool git_index_has(const struct git_index *ix, struct sco_str path, bool is_dir);
void git_index_done(struct git_index *ix);

/* ---- tree.c: walking a target ---- */
struct tree_options {
    bool include_ignored;
    const char *const *excludes;       /* globs, NULL-terminated or NULL */
    const volatile sig_atomic_t *stop; /* not 0: SCO_E_CANCELLED; NULL: never */
};
/* Called for every regular file that is not left out, with its relative path. */
typedef int (*tree_file_fn)(void *user, struct sco_str path);
/* Fills t->excludes, t->excluded, t->n_files, t->left_out, t->cut. */
int tree_walk(struct sco_target *t, const struct tree_options *o, struct sco_arena *arena,
              tree_file_fn fn, void *user, struct sco_error *err);
/* Whether a finding's path lies in what was left out. */
bool tree_is_excluded(const struct sco_target *t, struct sco_str path);

/* ---- target.c, gitinfo.c ---- */
int target_resolve(const char *given, struct sco_arena *arena, struct sco_target *ret,
                   struct sco_error *err);
/* A folder with neither files, left out ones included, nor a history. */
bool target_is_empty(const struct sco_target *t);
/* Folder of the repository whose work tree is `root`; NULL: none. */
const char *git_find_dir(const char *root, struct sco_arena *arena);
/* Of that folder: where refs and objects are, which linked work trees share. */
const char *git_common_dir(const char *git, struct sco_arena *arena);
/* Names of remote, branch and commit of the work tree at root, without running git. */
void gitinfo_read(const char *root, struct sco_arena *arena, const char **ret_repository,
                  const char **ret_branch, const char **ret_commit);

/* ---- plugins.c ---- */
const struct sco_plugin_info *plugins_find(const struct sco_plugins *p, const char *name);

/* ---- plan.c ---- */
/* What plugin and target have in common, the most telling kind first; 0: nothing. */
uint32_t plan_kind(const struct sco_plugin_info *p, const struct sco_target *t);

/* ---- sbom.c ---- */
#define SBOM_PLUGIN "sbom"
bool sbom_is_wanted(const struct sco_engine *e, const struct sco_plugin_info *p);

/* ---- descriptor.c: scanners described in YAML ----
 * Checks the text of a descriptor; `file` is its name in messages and says the scanner's name. *ret
 * is its JSON form, NUL-terminated, in the arena: {"scanner":{every key that is no map, and those
 * of struct sco_scanner under the names of SCO_MSG_DESCRIBE, but "timeout" in ms},"type","report",
 * "exclude","exit_codes","fields","sniff","env","severity_map"}, with defaults, what is absent left
 * out. SCO_E_INVALID, SCO_E_PARSE, SCO_E_LIMIT: "file:line:column: text". */
int descriptor_parse(struct sco_str text, const char *file, struct sco_arena *arena,
                     struct sco_str *ret, struct sco_error *err) SCO_NODISCARD;
/* The same for a file, under the rules for plugins: see sco_fs_open_trusted. */
int descriptor_load(const char *path, struct sco_arena *arena, struct sco_str *ret,
                    struct sco_error *err) SCO_NODISCARD;

/* ---- history.c: how long scanners took ---- */
struct history {
    struct sco_map durations; /* "name target-path" -> milliseconds as intptr_t */
    char *path;
};
void history_load(struct history *h, const char *cache_dir);
int64_t history_get(const struct history *h, const char *scanner, const char *target); /* 0: new */
void history_put(struct history *h, const char *scanner, const char *target, int64_t ms);
void history_save(struct history *h);
void history_done(struct history *h);

/* ---- job.c: one worker ---- */
struct job;
typedef void (*job_end_fn)(struct job *j, void *user);
typedef void (*job_frame_fn)(struct job *j, enum sco_msg type, struct sco_str payload, void *user);
typedef void (*job_record_fn)(struct sco_str kind, struct sco_str json, void *user);

struct job_spec {
    struct sco_str message; /* the JOB frame's payload */
    int64_t timeout_ms;     /* after this and a grace the worker is killed; 0: never */
    struct sco_pool *pool;  /* of the findings; NULL: none are expected */
    job_end_fn end;         /* once, on the loop, when the worker is gone */
    job_frame_fn frame;     /* every message but findings and records; may be NULL */
    job_record_fn record;   /* may be NULL: then they are dropped */
    void *user;
};

struct job {
    struct sco_engine *engine;
    struct job_spec spec;
    struct sco_child *child;
    int fd, words_fd; /* its socket, its standard error */
    struct event *io, *words_io, *deadline;
    char words[4096]; /* the end of its standard error */
    size_t n_words;
    struct sco_frames frames;
    struct sco_decoder *decoder;
    struct sco_finding_set findings;
    struct sco_arena arena;
    bool exited, closed, killed_for_time, cancelled, incomplete, done, broken;
    int wait_status;
    int64_t started_ms, started_mono_ms;
    /* the result */
    enum sco_run_status status;
    int code; /* SCO_E_* of a failure, 0 */
    int32_t exit_code;
    uint64_t reported;                  /* what the worker says it sent */
    uint64_t records, records_reported; /* received; announced */
    const char *reason, *version, *tool;
    const char *plugin; /* import: the one that was chosen */
    const char *loaded; /* file of the plugin that was loaded last */
};
int job_start(struct sco_engine *e, const struct job_spec *spec, struct job **ret,
              struct sco_error *err);
void job_cancel(struct job *j); /* asks; the deadline of a cancelled job is five seconds */
void job_kill(struct job *j);
struct job *job_free(struct job *j);

/* Runs the loop until *until is true (set by a callback). */
int engine_loop_until(struct sco_engine *e, const bool *until, struct sco_error *err);
/* One job alone, until spec->end has set *ended. SCO_E_CANCELLED when the engine was. */
int engine_run_job(struct sco_engine *e, const struct job_spec *spec, const bool *ended,
                   struct sco_error *err);

/* ---- workdir.c ---- */
/* A new folder below the engine's temporary folder. */
int engine_make_dir(struct sco_engine *e, const char *name, const char **ret,
                    struct sco_arena *arena, struct sco_error *err);
void engine_remove_dirs(struct sco_engine *e);

/* ---- gate.c ---- */
int gate_judge(struct sco_scan *s, const struct sco_gate_rules *rules, struct sco_error *err);
/* `text` stays; NULL: out of memory. */
int gate_add_reason(struct sco_scan *s, const char *text, struct sco_error *err);
void gate_lower(struct sco_scan *s, enum sco_gate_result to); /* never to something better */

/* ---- policy_records.c: what the plugin `policies` says of a scan ---- */
int policy_record_take(struct sco_scan *s, struct sco_str kind, struct sco_str json);
void policy_records_sort(struct sco_scan_policies *p);
void policy_records_done(struct sco_scan_policies *p);

/* ---- policy_request.c: sco_job.request of the plugin `policies` ---- */
#define POLICIES_PLUGIN "policies"
struct policy_file {
    const char *path, *name; /* absolute; as reported */
    bool explicit;
};
struct policy_files {
    struct policy_file *v;
    size_t n, cap;
    const char *cut; /* why a folder could not be looked at in whole; or NULL */
    struct sco_arena arena;
};
/* The files of paths: folders are walked as in a scan, files are taken as they are. */
int policy_files_collect(struct sco_engine *e, const struct sco_plugin_info *p,
                         const char *const *paths, struct policy_files *ret, struct sco_error *err);
void policy_files_done(struct policy_files *f);
/* Appends the request; `files`, `input`, `scope` may be NULL. */
/* The plugin itself; SCO_E_INTERNAL: it is not there, or cannot be used. */
int policies_plugin(struct sco_engine *e, const struct sco_plugin_info **ret,
                    struct sco_error *err);
/* The JOB message of a request. The job's folder is a new one, named in the arena. */
int policies_message(struct sco_engine *e, const struct sco_plugin_info *p, struct sco_str request,
                     struct sco_buf *out, int64_t *ret_timeout_ms, const char **ret_dir,
                     struct sco_arena *arena, struct sco_error *err);
struct policy_part {
    const struct policy_file *files;
    size_t n_files;
    const char *input, *scope;
};
int policy_request_write(const struct sco_engine *e, const struct sco_policy_request *q,
                         const struct policy_part *part, struct sco_buf *out,
                         struct sco_error *err);

/* ---- policy_shares.c: several workers for one request ---- */
/* Where the shares of n files end, at most `jobs` and 64 of about one size; returns how many. Few
 * and small files are one share. */
size_t policy_shares_cut(const uint64_t *sizes, size_t n, size_t jobs, size_t *ends);
uint64_t policy_file_size(const char *path); /* 0: not known */
/* One outcome of two: *status becomes the worse; the joined reason, in the arena or one of both. */
const char *policy_shares_join(struct sco_arena *arena, enum sco_run_status *status,
                               const char *reason, enum sco_run_status other,
                               const char *other_reason);
/* Runs the parts at once, at most 65; their records come in the order of the parts. */
int policy_shares_run(struct sco_engine *e, const struct sco_policy_request *q,
                      const struct policy_part *parts, size_t n, sco_policy_record_fn fn,
                      void *user, struct sco_policy_outcome *ret, struct sco_error *err);

/* ---- message.c ---- */
struct message { /* what the JOB frame says; absent is NULL or 0 */
    const struct sco_engine *engine;
    const char *kind; /* scan import version */
    const char *const *plugins;
    const char *const *descriptors; /* one for each plugin, or NULL */
    size_t n_plugins;
    struct sco_str options; /* JSON object */
    const struct sco_target *target;
    uint32_t target_kind;
    const char *const *files;
    size_t n_files;
    const char *input, *root, *format, *program, *version, *work_dir, *cache_dir;
    struct sco_str request; /* {NULL, 0}: none */
    int cpus;
    int64_t timeout_ms;
};
int message_write(const struct message *m, struct sco_buf *out, struct sco_error *err);
