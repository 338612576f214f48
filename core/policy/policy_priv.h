/* Between the files of core/policy.
 *
 * The Lua border: a function marked LJMP may not return (lua_error). Between its first lua_* call
 * and its end it owns no C memory: what it needs lives in an arena or buffer of struct
 * sco_policies, or is a Lua value. Everything that runs a script is under one lua_pcall with
 * pl_traceback.
 *
 * Nodes of documents are light userdata: the pointer with a generation in its upper 16 bits, so
 * that a node which a script kept from an earlier run is refused instead of followed.
 */
#pragma once

#include <secureops/policy.h>
#include <lua.h>
#include <lauxlib.h>

enum {
    PL_HOOK_EVERY = 1000,    /* instructions between two looks at the limits */
    PL_CPU_MAX_MS = 3000,    /* of one evaluation: what instructions do not count */
    PL_ITEMS_MAX = 1 << 22,  /* of a list */
    PL_STRING_MAX = 1 << 20, /* bytes that a string function may make */
    PL_IMPORT_DEPTH_MAX = 16,
    PL_GEN_SHIFT = 48,
    PL_PATH_MAX = 64,             /* parts of a path */
    PL_RUN_MEMORY_MAX = 16 << 20, /* bytes of messages and paths of one evaluation */
    PL_TRACE_MAX = 1000,          /* lines */
};

enum pl_kind { PL_FILE_POLICY, PL_FILE_LIBRARY, PL_FILE_FRAMEWORK, PL_FILE_CASES, PL_FILE_OTHER };

struct pl_bundle {
    const char *dir, *digest;
    struct pl_file **files; /* sorted by path */
    size_t n, cap;
};

enum { PL_LINE_CODE = 1, PL_LINE_RAN = 2, PL_DEPTH_SEEN = 32 };
struct pl_edge {
    uint32_t from, to;
    bool taken;
};
struct pl_seen { /* the line that ran last at a depth of calls */
    const struct pl_file *file;
    int function;
    uint32_t line;
};

struct pl_file {
    const char *path; /* below the bundle, with "/" */
    struct sco_str text;
    enum pl_kind kind;
    struct pl_bundle *bundle;
    int chunk; /* registry reference of the compiled text, or LUA_NOREF */
    uint32_t n_policies;
    const char *disabled; /* why its policies are errors from now on; or NULL */
    uint64_t grown;       /* bytes that evaluations left behind, garbage included */
    uint8_t *lines;       /* coverage, by line: PL_LINE_* bits; or NULL */
    uint32_t n_lines;
    struct pl_edge *edges; /* ways out of lines with conditions */
    size_t n_edges;
};

struct pl_entry { /* what a policy has beside struct sco_policy; same index */
    struct pl_file *file;
    uint32_t nth; /* in the list that the file returns */
    int check;    /* registry reference of the function */
    int when;     /* of a workflow, or LUA_NOREF */
    const struct sco_iac_node *params;
    struct sco_policy_stats stats;
};

enum pl_stop { PL_GO, PL_UNKNOWN, PL_NOT_APPLICABLE, PL_STEPS, PL_MEMORY, PL_TIME, PL_RETURNED };

enum pl_fix_kind { PL_FIX_NONE, PL_FIX_SET, PL_FIX_REMOVE, PL_FIX_REPLACE };

struct pl_step { /* part of a path: a key, or an index when key.p is NULL */
    struct sco_str key;
    uint32_t index;
};

struct pl_fail {
    const struct sco_iac_node *where; /* NULL: the resource */
    const struct pl_step *path;
    size_t n_path;
    const char *message;
    enum pl_fix_kind fix;
    const char *fix_text; /* SET: JSON; REPLACE: what comes there */
    const char *fix_from; /* REPLACE: the text that stands there */
};

struct pl_parsed { /* a document found inside a string */
    const struct sco_iac_node *base, *root;
    const char *error;
    bool limit; /* too large, not malformed */
    struct pl_parsed *next;
};

struct pl_run {                              /* of one evaluation */
    const struct sco_iac_resource *resource; /* NULL: none (loading) */
    uint32_t resource_index;
    uint32_t policy;
    struct pl_file *file; /* whose code runs */
    bool loading;
    int imports;    /* depth of import() */
    bool sensitive; /* something secret was read */
    enum pl_stop stop;
    const struct sco_iac_node *unknown; /* that stopped it; or NULL */
    uint64_t steps, budget;
    int64_t cpu_start; /* ms; -1: not yet asked */
    uint32_t hook_every;
    struct pl_fail *fails;
    size_t n_fails, cap_fails, more_fails;
    size_t n_actions;
    const char *why; /* of unknown(), not_applicable() */
    char error[2048];
    char trace[4096]; /* traceback */
    size_t n_trace_lines;
};

enum { PL_SMALL_STEP = 16, PL_SMALL_MAX = 256 };
struct pl_chunk;
struct pl_memory {
    size_t used, limit, total;
    struct sco_policies *owner;
    void *small[PL_SMALL_MAX / PL_SMALL_STEP]; /* free blocks, by size */
    struct pl_chunk *chunks;
    char *chunk_at;
    size_t chunk_left;
};

struct pl_index; /* select.c: selectors to policies */

struct sco_policies {
    struct sco_arena arena;          /* of what lives as long as the set */
    struct sco_arena docs_arena;     /* ... as long as one call of sco_policies_eval */
    struct sco_arena run_arena;      /* ... as one evaluation */
    struct sco_buf buf, trace;       /* scratch of one evaluation */
    struct sco_buf actions, changed; /* of a workflow: JSON */
    struct sco_policies_options opt; /* texts copied */
    struct sco_policy_limits limits;
    struct pl_bundle *bundles;
    size_t n_bundles, cap_bundles;
    struct sco_policy *policies; /* by id */
    struct pl_entry *entries;
    size_t n_policies, cap_policies, cap_entries;
    struct sco_framework *frameworks;
    size_t n_frameworks, cap_frameworks;
    struct sco_policy_problem *problems;
    size_t n_problems, cap_problems;
    struct sco_map by_selector; /* selectors of a resource, joined, to struct pl_hits */
    struct sco_map aliases;     /* normalised alias or id to policy index + 1 */

    lua_State *L;
    struct pl_memory memory;
    uint64_t gen; /* of the documents: 1 to 0xffff */
    const struct sco_iac_set *docs;
    size_t docs_start;    /* bytes of their arena when the policies began */
    struct sco_map nodes; /* bytes of a resource's node pointer to its index + 1 */
    bool nodes_ready;
    struct pl_parsed *parsed; /* the last one first */
    struct sco_map parsed_map;
    struct sco_map referrers; /* lib_terraform.c */
    struct sco_map skips;     /* texts to their comments, skip_comment.c */
    struct pl_run run;
    struct pl_seen seen[PL_DEPTH_SEEN]; /* coverage.c */
    int lists;      /* registry reference: selector to the list of resources() */
    bool versioned; /* a selection gave policies the version of a framework */
    bool part;      /* one file of a larger set, for its cases */
    bool nomem;     /* the process is out of memory, not a policy */
    bool documents; /* pl_write_json takes parts of documents, too */
};

static inline struct sco_policies *pl_of(lua_State *L)
{
    struct sco_policies *p;
    memcpy(&p, lua_getextraspace(L), sizeof p);
    return p;
}

/* ---- memory.c: allocator, limits ---- */
void *pl_alloc(void *ud, void *ptr, size_t osize, size_t nsize);
void pl_memory_done(struct pl_memory *m);             /* after lua_close */
void pl_hook(lua_State *L, lua_Debug *ar);            /* LJMP */
void pl_arm(struct sco_policies *p, uint64_t budget); /* a new evaluation */
void pl_disarm(struct sco_policies *p);
void pl_work(lua_State *L, struct sco_policies *p, uint64_t n); /* LJMP: counts work of C */
_Noreturn void pl_stop(lua_State *L, struct sco_policies *p, enum pl_stop why); /* LJMP */
void *pl_run_alloc(lua_State *L, size_t n);               /* LJMP: of the run's arena, zeroed */
const char *pl_run_str(lua_State *L, struct sco_str s);   /* LJMP: a copy there */
void pl_check_buf(lua_State *L, const struct sco_buf *b); /* LJMP: it has not failed */
int pl_traceback(lua_State *L);
/* Calls the function below nargs arguments under pl_traceback (slot 1). The status of lua_pcall;
 * a stop is an error even when a script hid it. */
int pl_call(struct sco_policies *p, int nargs, int nresults);

/* ---- sandbox.c ---- */
int pl_open(struct sco_policies *p, struct sco_error *err); /* a state with slot 1 filled */
void pl_env_new(lua_State *L, bool writable);               /* LJMP: pushes an environment */
/* LJMP: makes the table on top a library under a global name. */
void pl_library(lua_State *L, const char *name, const luaL_Reg *funcs);
void pl_functions(lua_State *L, const luaL_Reg *funcs); /* LJMP: globals */
/* LJMP: the value on top becomes a member of a library. */
void pl_constant(lua_State *L, const char *library, const char *name);

void pl_open_base(lua_State *L); /* LJMP, all of them: one library each */
void pl_open_iterate(lua_State *L);
void pl_open_math(lua_State *L);
void pl_open_table(lua_State *L);
void pl_open_string(lua_State *L);
void pl_open_format(lua_State *L);
void pl_open_text(lua_State *L);
void pl_open_check(lua_State *L);
void pl_open_read(lua_State *L);
void pl_open_set(lua_State *L);
void pl_open_semver(lua_State *L);
void pl_open_cidr(lua_State *L);
void pl_open_cve(lua_State *L);
void pl_open_time(lua_State *L);
void pl_open_image(lua_State *L);
void pl_open_shell(lua_State *L);
void pl_open_k8s(lua_State *L);
void pl_open_iam(lua_State *L);
void pl_open_terraform(lua_State *L);
void pl_open_action(lua_State *L);

/* ---- node.c ---- */
void pl_open_nodes(lua_State *L); /* LJMP: metatables of nodes, nil, numbers, booleans */
/* The node at a stack index; NULL when it is no node. LJMP: a node of an earlier run. */
const struct sco_iac_node *pl_node(lua_State *L, int at);
/* LJMP: pushes the value as scripts see it; UNKNOWN ends the check. */
void pl_push(lua_State *L, const struct sco_iac_node *v);
void pl_push_ref(struct sco_policies *p, const struct sco_iac_node *v); /* as node, never fails */
void pl_read(struct sco_policies *p, const struct sco_iac_node *v);     /* notes that it was read */
const char *pl_type(lua_State *L, int at);
int pl_keys_of_table(lua_State *L);          /* LJMP: a function of one table; lib_iterate.c */
void pl_push_text(lua_State *L, int at);     /* LJMP: as tostring; lib_base.c */
bool pl_known(const struct sco_iac_node *v); /* neither NULL nor UNKNOWN */
/* The items of a list() of resources; NULL: it is none. */
struct pl_list {
    uint64_t gen;
    size_t n;
    const struct sco_iac_node *v[];
};
const struct pl_list *pl_list_at(lua_State *L, int at);
struct pl_list *pl_list_new(lua_State *L, size_t n); /* LJMP */
/* Length and item i (from 1) of a list: node, table or list of resources. LJMP */
size_t pl_len(lua_State *L, int at);
/* LJMP: of a table; more than `most` is an error. Any item with none behind it is an end to Lua: of
 * a table with holes the length may be beyond all memory, and another one the next time. */
size_t pl_table_len(lua_State *L, int at, size_t most);
void pl_item(lua_State *L, int at, size_t i);

/* ---- path.c ---- */
/* Parses "a.b[0].c" or a list of keys at a stack index into the run's arena. LJMP */
size_t pl_path(lua_State *L, int at, const struct pl_step **ret);
/* Follows the path as far as it leads: the node reached, *ret_n parts used. */
const struct sco_iac_node *pl_follow(const struct sco_iac_node *v, const struct pl_step *path,
                                     size_t n, size_t *ret_n);
void pl_path_show(struct sco_buf *out, const struct pl_step *path, size_t n); /* as pointer */

/* ---- place.c ---- */
struct pl_place {
    const struct sco_iac_resource *resource;
    const struct sco_iac_node *node;     /* the deepest that exists */
    const struct sco_iac_node *parent;   /* that holds it; NULL: root */
    const struct sco_iac_member *member; /* of parent, when it is a map */
    bool exists;                         /* the whole path does */
    bool aliased;                        /* an alias leads there: it may be read elsewhere too */
    uint32_t pos, end;                   /* what is reported */
};
/* Where a fail is; appends the pointer. */
int pl_locate(struct sco_policies *p, const struct sco_iac_node *where, const struct pl_step *path,
              size_t n_path, struct pl_place *ret, struct sco_buf *pointer);
/* The index of the resource with this node, or UINT32_MAX. */
uint32_t pl_resource_of(struct sco_policies *p, const struct sco_iac_node *v);

/* ---- secret.c ---- */
/* Whether a text may be shown although secrets were read: it stands in the source as a literal. */
bool pl_may_show(const struct sco_policies *p, struct sco_str text);
#define PL_WITHHELD "details withheld: the check had read a sensitive value"

/* ---- trace.c ---- */
void pl_trace(struct sco_policies *p, const struct sco_iac_node *in, struct sco_str key,
              const struct sco_iac_node *v);

/* ---- parsed.c: documents inside strings ---- */
enum pl_inside { PL_JSON, PL_SHELL };
/* LJMP: never NULL. */
const struct pl_parsed *pl_inside(lua_State *L, const struct sco_iac_node *base,
                                  struct sco_str text, enum pl_inside kind);

/* ---- value.c ---- */
struct sco_json_out;
void pl_write_json(lua_State *L, int at, struct sco_json_out *o, int depth); /* LJMP */

/* ---- fix.c ---- */
/* LJMP: reads { set = ..., remove = ..., replace_line = ... } at a stack index. */
void pl_fix_read(lua_State *L, int at, struct pl_fail *f);
/* The change; false: cannot be computed. Text in the run's arena. */
bool pl_fix_make(struct sco_policies *p, const struct pl_fail *f, const struct pl_place *at,
                 struct sco_policy_fix *ret);

/* ---- skip.c ---- */
struct pl_skip {
    const char *reason, *expires;
};
/* Whether a comment or annotation skips this policy at this place. */
bool pl_skipped(struct sco_policies *p, const struct sco_policy *policy, const struct pl_place *at,
                struct pl_skip *ret);

/* ---- alias.c ---- */
/* Appends the form in which ids of other tools are compared: upper case, "KSV-0017" for KSV017 and
 * AVD-KSV-0017, "KICS:..." for kics:... */
void pl_alias_normal(struct sco_buf *out, struct sco_str alias);
bool pl_alias_valid(struct sco_str alias);

/* ---- loading ---- */
int pl_problem(struct sco_policies *p, const char *fmt, ...) SCO_PRINTF(2, 3); /* 0, or NOMEM */
int pl_bundle_read(struct sco_policies *p, const char *path, struct sco_error *err); /* bundle.c */
int pl_bundle_add(struct sco_policies *p, struct pl_bundle *b, struct sco_str path,
                  struct sco_str text, struct sco_error *err);
int pl_archive_read(struct sco_policies *p, struct pl_bundle *b, const char *path,
                    struct sco_error *err);                                         /* archive.c */
int pl_load_file(struct sco_policies *p, struct pl_file *f, struct sco_error *err); /* load.c */
/* After the files: order, index, frameworks, parameters. */
int pl_set_finish(struct sco_policies *p, struct sco_error *err);
/* Runs the file of a policy again, with nothing left of what it kept. */
int pl_reload_file(struct sco_policies *p, struct pl_file *f);
void pl_push_chunk(lua_State *L, struct pl_file *f); /* LJMP: compiled, compiling it once */
int pl_import(lua_State *L);                         /* LJMP */
/* meta.c, LJMP: checks the table at the top and fills a policy in the arena. false: problems. */
bool pl_meta_read(lua_State *L, struct pl_file *f, uint32_t nth, struct sco_policy *ret);
bool pl_is_workflow(lua_State *L); /* LJMP: whether the table at the top is one */
int pl_meta_line(const struct pl_file *f, const char *id, const char *field); /* 0: not found */
int pl_frameworks_load(struct sco_policies *p, struct sco_error *err);        /* framework.c */
int pl_frameworks_link(struct sco_policies *p, struct sco_error *err);
int pl_params_set(struct sco_policies *p, size_t policy, const char *json,
                  struct sco_error *err); /* params.c: values over the defaults */
/* One of them on top of what is configured: the version of a framework. */
int pl_params_version(struct sco_policies *p, size_t policy, const char *name, const char *value,
                      struct sco_error *err);
int pl_params_apply(struct sco_policies *p, const char *json, struct sco_error *err);
int pl_index_build(struct sco_policies *p); /* select.c */
const struct sco_policy *pl_find_id(const struct sco_policies *p, struct sco_str id);
struct pl_hits {
    size_t n;
    uint32_t v[];
};
const struct pl_hits *pl_hits(struct sco_policies *p, const struct sco_iac_resource *r);

bool pl_input_time(const struct sco_policies *p, int64_t *ret_ms); /* lib_set.c */

/* ---- coverage.c ---- */
void pl_coverage_hook(lua_State *L, lua_Debug *ar);
int pl_coverage_prepare(struct sco_policies *p, struct sco_error *err);
/* chunk.c: calls fn for each instruction of a dump: its line, and for a condition the lines that it
 * leads to (else 0). false: not a dump of this Lua. */
typedef void (*pl_code_fn)(void *user, int line, int next, int target);
bool pl_chunk_read(struct sco_str dump, pl_code_fn fn, void *user);
