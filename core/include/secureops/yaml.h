/* YAML as a tree of located nodes. It knows nothing of configuration: the readers of infrastructure
 * files use the same tree.
 *
 * libyaml delivers events and resolves nothing, and neither does the tree: a scalar is its text and
 * whether it was written plain (without quotes or an explicit tag). Which plain scalar is a boolean
 * or a number is the decision of whoever reads the tree, because formats differ in it.
 *
 * The tree is immutable and lives in the caller's arena. An alias is a copy of the anchored node
 * with shared children: it keeps the place of the anchor, where a reader has to look to change it.
 * Merge keys are resolved when asked for: explicit keys win; of several merged maps, the earlier.
 *
 * Nothing in a document can make the tree large, deep or endless: each limit has a name below, and
 * the error that reports it says which one. Errors read "file:line:column: text".
 */
#pragma once

#include <secureops/base.h>

enum {
    SCO_YAML_DEPTH_MAX = 128,         /* nested lists and maps, aliases followed */
    SCO_YAML_NODES_MAX = 200000,      /* nodes of one text, keys included */
    SCO_YAML_ALIAS_NODES_MAX = 10000, /* nodes that aliases and merges add when they are followed */
    SCO_YAML_SIZE_MAX = 16 << 20,     /* bytes of one text */
};

#define SCO_YAML_SCALAR 0u
#define SCO_YAML_LIST 1u
#define SCO_YAML_MAP 2u

struct sco_yaml {
    uint8_t kind;          /* SCO_YAML_SCALAR, _LIST, _MAP */
    bool plain;            /* a scalar without quotes, block style or explicit tag */
    bool alias;            /* a copy through an alias or a merge key */
    uint8_t depth;         /* of the deepest child: 0 for a scalar and for empty */
    uint32_t n;            /* children */
    uint32_t size;         /* nodes of the subtree, itself and keys included, aliases followed */
    uint32_t line, column; /* 1-based, in characters */
    struct sco_str text;   /* scalar: its value, UTF-8, NUL-terminated; may contain NUL */
    const char *tag;       /* "!Ref", "tag:yaml.org,2002:str"; NULL when none was written */
    const struct sco_yaml *key; /* child of a map: the key, a scalar with a place of its own */
    const struct sco_yaml *child, *next;
};

/* What to accept beyond the strict default. */
#define SCO_YAML_MERGE 1u           /* resolve a plain "<<" key; else it is a key as any other */
#define SCO_YAML_KEEP_DUPLICATES 2u /* keep all members of a repeated key; else it is an error */

/* Parses a text of one document. *ret is NULL when it is empty or has only comments. `file` is the
 * name in messages. SCO_E_PARSE: malformed, a second document, a recursive or unknown alias, a key
 * that is not a scalar, a repeated key; SCO_E_LIMIT; SCO_E_NOMEM. */
int sco_yaml_parse(struct sco_str text, const char *file, uint32_t flags, struct sco_arena *arena,
                   const struct sco_yaml **ret, struct sco_error *err) SCO_NODISCARD;

/* The same for any number of documents: *ret is a LIST of them, empty ones left out. */
int sco_yaml_parse_all(struct sco_str text, const char *file, uint32_t flags,
                       struct sco_arena *arena, const struct sco_yaml **ret,
                       struct sco_error *err) SCO_NODISCARD;

/* Reads and parses a file of one document. Also the errors of sco_fs_read. */
int sco_yaml_load(const char *path, uint32_t flags, struct sco_arena *arena,
                  const struct sco_yaml **ret, struct sco_error *err) SCO_NODISCARD;

/* Member of a map; NULL when absent, or when `map` is NULL or no map. */
const struct sco_yaml *sco_yaml_get(const struct sco_yaml *map, struct sco_str key);

/* A plain scalar that every YAML schema takes as null: nothing, ~, null, Null, NULL. */
bool sco_yaml_is_null(const struct sco_yaml *v);

/* "a map", "a list", "text", "nothing": what a node is, for messages. */
const char *sco_yaml_kind_name(const struct sco_yaml *v);

/* Sets "file:line:column: text" for the place of a node. Returns `code`. */
int sco_yaml_error(struct sco_error *err, int code, const char *file, const struct sco_yaml *at,
                   const char *fmt, ...) SCO_PRINTF(5, 6);
