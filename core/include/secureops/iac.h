/* Infrastructure code as located trees: what the policies look at.
 *
 * A set holds documents; a document is one tree and the resources in it. Whatever the format, the
 * tree is made of the same nodes: values are resolved as the consumer of that format would (the
 * `no` of a Kubernetes manifest is false, the `on` of a workflow a key), what only exists at run
 * time is UNKNOWN, and every node knows its bytes in the text. Trees are immutable, live in the
 * set's arena and are shared by all policies.
 *
 * Positions are byte offsets into the document's text, which is UTF-8 without byte order mark:
 * UTF-16 was converted before. Lines and columns (1-based; columns count characters) are computed
 * when asked for. Nothing is dropped in silence: a file that is no infrastructure code, a template
 * or malformed is a document too, with a status and a reason.
 *
 * One thread per set. Errors read "file:line:column: text".
 */
#pragma once

#include <secureops/base.h>

enum {
    SCO_IAC_DEPTH_MAX = 200,
    SCO_IAC_NODES_MAX = 20000000,     /* of one set */
    SCO_IAC_YAML_NODES_MAX = 2000000, /* of one YAML text */
    SCO_IAC_ALIAS_NODES_MAX = 100000, /* that aliases and merge keys add in one YAML text */
    SCO_IAC_YAML_SIZE_MAX = 64 << 20, /* bytes of a YAML text or Dockerfile */
    SCO_IAC_JSON_SIZE_MAX = 1 << 30,  /* bytes of a plan */
};

/* ---- nodes ---- */
#define SCO_IAC_NULL 0u
#define SCO_IAC_BOOL 1u
#define SCO_IAC_INT 2u  /* fits int64_t */
#define SCO_IAC_REAL 3u /* any other number that a double holds exactly enough to read back */
#define SCO_IAC_STR 4u
#define SCO_IAC_LIST 5u
#define SCO_IAC_MAP 6u
#define SCO_IAC_UNKNOWN 7u /* exists, but its value is known only at run time */

#define SCO_IAC_SENSITIVE 1u /* flag: may be compared, must never be shown */
#define SCO_IAC_ALIASED 2u   /* flag: came through an alias or merge key: lies at the anchor */
#define SCO_IAC_DIGITS 4u    /* flag of STR: a number that neither int64_t nor double can hold */
#define SCO_IAC_QUOTED 8u    /* flag of STR: was quoted, or a block scalar, in YAML */
#define SCO_IAC_MADE 16u     /* flag: not in the text as such; pos, end: what it was made from */

struct sco_iac_member;
struct sco_iac_node {
    uint8_t type, flags;
    uint16_t reserved;
    uint32_t doc;      /* index of the document in its set */
    uint32_t n;        /* LIST, MAP: children; STR: bytes */
    uint32_t pos, end; /* bytes of the value in the text: [pos, end) */
    uint32_t tag;      /* YAML tag: index into the set's tags plus 1; 0: none */
    union {
        int64_t i; /* INT; BOOL: 0 or 1 */
        double real;
        const char *text; /* STR: NUL-terminated; may contain NUL. UNKNOWN of Compose: as written */
        const struct sco_iac_node *item;     /* LIST: n nodes */
        const struct sco_iac_member *member; /* MAP: n members, in the order of the text; keys are
                                                unique, the last of a repeated key */
    };
};

struct sco_iac_member {
    const char *key; /* NUL-terminated */
    uint32_t key_n;
    uint32_t key_pos; /* byte offset of the key; of a merged member: at the anchor */
    struct sco_iac_node value;
};

/* Member of a map, item of a list; NULL when absent, or when v is NULL or something else. */
const struct sco_iac_node *sco_iac_get(const struct sco_iac_node *v, const char *key);
const struct sco_iac_node *sco_iac_get_str(const struct sco_iac_node *v, struct sco_str key);
const struct sco_iac_node *sco_iac_at(const struct sco_iac_node *v, size_t i);
/* By members with dots between: "spec.template.spec". */
const struct sco_iac_node *sco_iac_path(const struct sco_iac_node *v, const char *path);
/* Text of a STR; {NULL, 0} for anything else. */
struct sco_str sco_iac_text(const struct sco_iac_node *v);
bool sco_iac_is(const struct sco_iac_node *v, uint32_t type);
const char *sco_iac_type_name(uint32_t type); /* "null", "boolean", "map", ... */

/* ---- documents ---- */
enum sco_iac_format {
    SCO_IAC_FORMAT_NONE, /* not infrastructure code, or not known to be */
    SCO_IAC_FORMAT_KUBERNETES,
    SCO_IAC_FORMAT_DOCKERFILE,
    SCO_IAC_FORMAT_COMPOSE,
    SCO_IAC_FORMAT_GITHUB_WORKFLOW,
    SCO_IAC_FORMAT_GITHUB_ACTION,
    SCO_IAC_FORMAT_GITLAB_CI,
    SCO_IAC_FORMAT_TERRAFORM_PLAN,
    SCO_IAC_FORMAT_SCAN,  /* the JSON report of a scan, for gates */
    SCO_IAC_FORMAT_EVENT, /* an event, for workflows: never detected, always said */
    SCO_IAC_FORMAT_MAX_
};
/* "kubernetes" "dockerfile" "compose" "github-workflow" "github-action" "gitlab-ci"
 * "terraform-plan" "scan"; NONE: "none". */
const char *sco_iac_format_name(enum sco_iac_format f);

enum sco_iac_status {
    SCO_IAC_PARSED,
    SCO_IAC_PARTIAL, /* parsed, but it does not cover everything: a plan with errored: true */
    SCO_IAC_SKIPPED, /* recognised and left out: a template, an unsupported version */
    SCO_IAC_FAILED,  /* malformed, too large, unreadable */
    SCO_IAC_STATUS_MAX_
};
const char *sco_iac_status_name(enum sco_iac_status s); /* "parsed" "partial" "skipped" "failed" */

struct sco_iac_text { /* one file; several documents may share it */
    const char *file_path;
    struct sco_str bytes;  /* UTF-8 */
    const uint32_t *lines; /* offset of each line's first byte; made when first asked for */
    size_t n_lines;
    const uint32_t *characters; /* that come before each half KiB; made with the lines */
};

struct sco_iac_doc {
    struct sco_iac_text *text;
    uint32_t index; /* of the document in its file, 0-based, empty ones counted */
    enum sco_iac_format format;
    enum sco_iac_status status;
    const char *reason;              /* of anything but PARSED: a sentence that says what to do */
    const char *source;              /* Helm's "# Source: chart/templates/x.yaml", or NULL */
    const struct sco_iac_node *root; /* NULL when not parsed */
    const char *const *notes;        /* NULL-terminated: repeated keys and the like; or NULL */
    size_t first_resource, n_resources; /* in the set's list */
};

/* What a policy visits. `selectors` say what it is, the general first; a policy names one of them:
 *   "kubernetes" "kubernetes:workload" (has a pod spec) "kubernetes:Deployment"
 *   "dockerfile" (the file) "dockerfile:stage" "dockerfile:instruction" "dockerfile:RUN"
 *   "compose" (the file) "compose:service" "compose:network" "compose:volume" "compose:secret"
 *   "github" (a workflow) "github:job" "github:step" (also of composite actions) "github:action"
 *   "gitlab" (the file) "gitlab:job"
 *   "terraform" (the plan) "terraform:resource" (managed) "terraform:data"
 *   "terraform:aws_s3_bucket": what will exist; "terraform:change": also what is destroyed, deposed
 *   "scan"
 * Names: Kubernetes "Kind.namespace.name" (namespace "default" when it has none, generateName where
 * it has no name); Dockerfile "Dockerfile" for the file, "stage(builder)" or "stage(0)",
 * "stage(builder).RUN[1]" (the second RUN of that stage; before the first FROM: "ARG[0]"); Compose
 * "services.web"; workflows "on", "jobs(build)", "jobs(build).steps[2]" (1-based, as Checkov's),
 * actions "runs.steps[1]"; GitLab "jobs(test)"; the plan itself "plan", its entries by their
 * address, of a deposed object "address (deposed 1a2b3c4d)".
 *
 * The node of a plan's entry is that of the file (address, mode, type, name, index, module_address,
 * deposed, provider_name, action_reason, previous_address, change) and: actions, values (`after`,
 * with UNKNOWN and SENSITIVE in it), before, will_exist, is_new, is_replaced, is_destroyed,
 * configured {"attribute" and "block[0].attribute": true}, references {the same: [full addresses,
 * the longest first, variables and outputs followed]}. That of the plan is the file without
 * planned_values, prior_state and the like, and: outputs {name: value}, providers. */
struct sco_iac_resource {
    const char *const *selectors; /* NULL-terminated */
    const char *type;             /* the most special word: "Deployment", "RUN", "aws_s3_bucket" */
    const char *name;
    const struct sco_iac_node *node;
    uint32_t doc;
    uint32_t parent; /* index of the resource that it is part of, or UINT32_MAX */
    const struct sco_iac_node *pod_spec; /* Kubernetes workloads; or NULL */
};

struct sco_iac_set {
    struct sco_arena arena;
    struct sco_iac_doc *docs;
    size_t n_docs, cap_docs;
    struct sco_iac_resource *resources;
    size_t n_resources, cap_resources;
    const char **tags;
    size_t n_tags, cap_tags;
    uint64_t n_nodes;
    void *impl; /* texts, interned keys */
};
void sco_iac_set_done(struct sco_iac_set *s); /* of a zeroed or filled set */
void sco_iac_set_cleanup_(struct sco_iac_set *s);

#define SCO_IAC_EXPLICIT                                                                           \
    1u /* the user named this file: one that is nothing we know is FAILED, not                     \
          left out */

/* Adds the documents of a file or text. `name` is the path that is reported ("/" between parts) and
 * what the format is told by, with the content; `format` NONE: to be told. What is wrong with the
 * file becomes a document with status FAILED or SKIPPED. Returns the number of documents added, 0
 * for a file that is no infrastructure code; SCO_E_NOMEM, SCO_E_LIMIT (SCO_IAC_NODES_MAX).
 * The text is copied. */
int sco_iac_add_file(struct sco_iac_set *s, const char *path, const char *name,
                     enum sco_iac_format format, uint32_t flags,
                     struct sco_error *err) SCO_NODISCARD;
int sco_iac_add_text(struct sco_iac_set *s, struct sco_str text, const char *name,
                     enum sco_iac_format format, uint32_t flags,
                     struct sco_error *err) SCO_NODISCARD;

/* File names that may be infrastructure code, as the detect list of sco_scanner. */
extern const char *const sco_iac_detect[]; /* NULL-terminated */

/* ---- places ---- */
struct sco_iac_place {
    const char *file_path;
    uint32_t line, column, end_line, end_column; /* end: of the last character */
};
void sco_iac_place(const struct sco_iac_set *s, const struct sco_iac_node *v,
                   struct sco_iac_place *ret);
void sco_iac_place_at(const struct sco_iac_set *s, uint32_t doc, uint32_t pos, uint32_t end,
                      struct sco_iac_place *ret);
/* Appends the RFC 6901 pointer from `from` to `to`: "/spec/containers/0". false: not below it. */
bool sco_iac_pointer(const struct sco_iac_node *from, const struct sco_iac_node *to,
                     struct sco_buf *ret);

/* ---- parts of it, also used alone ---- */

/* JSON with places, for plans, JSON manifests and JSON inside a string (then `base` is the node of
 * that string, whose place all nodes get, and flags MADE). Repeated keys: the last wins, a note.
 * SCO_E_PARSE "file:line:column: ...", SCO_E_LIMIT. */
int sco_iac_json(struct sco_iac_set *s, uint32_t doc, struct sco_str text,
                 const struct sco_iac_node *base, const struct sco_iac_node **ret,
                 struct sco_error *err) SCO_NODISCARD;

/* A shell command line as its simple commands, as far as a reader without running it can tell:
 * a LIST of MAPs {name, args: [..] (without the name), env: {A: "1"}, pos in the text}. Quotes,
 * escapes, && || ; | & ( ) { } if/for/while words, here-documents, `sh -c "..."` and sudo are
 * followed. What is expanded at run time stays as written. `base` as above. */
int sco_iac_shell(struct sco_iac_set *s, uint32_t doc, struct sco_str text,
                  const struct sco_iac_node *base, const struct sco_iac_node **ret,
                  struct sco_error *err) SCO_NODISCARD;
