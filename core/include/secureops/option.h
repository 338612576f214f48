/* Option tables: values from YAML, the environment and the command line are checked against rows of
 * struct sco_option (plugin.h). One table is parser, validation, JSON, help and reference.
 *
 * Values are collected layer by layer, the weakest first, into a struct sco_values; each remembers
 * where it came from, so that a message can name the place and `config show` the origin. A later
 * value replaces an earlier one, lists included.
 *
 * How a type is written:
 *   BOOL      true false yes no on off 1 0
 *   INT       decimal
 *   REAL      1.5, 2e-3
 *   DURATION  500ms 30s 15m 2h 7d 1h30m
 *   SIZE      512 64KiB 10MiB 1GiB 5MB
 *   STR ENUM  text
 *   LIST      a YAML list of scalars or one scalar; elsewhere separated by commas
 * A key without a value is an error, except for LIST, where it is the empty list: leaving the key
 * out is how a default is asked for.
 *
 * A secret (SCO_OPT_SECRET) is never written down but as a reference, env:NAME or file:PATH (PATH
 * relative to the file that names it), in the daemon also vault:MOUNT/PATH#KEY and store:NAME. A
 * literal one is refused without being repeated. Of a secret list, each item is a reference. Values
 * here hold references; they are resolved only by sco_values_write with SCO_VALUES_RESOLVE and by
 * sco_secret_resolve, for the one job that needs it.
 *
 * A deprecated row (SCO_OPT_DEPRECATED) warns. When `values` names a row of the same table and
 * type, the value goes there, checked by that row; else it stays under the old name.
 */
#pragma once

#include <secureops/json.h>
#include <secureops/yaml.h>

enum {
    SCO_VALUE_LEN_MAX = 64 << 10, /* bytes of one value, and of a secret's file */
    SCO_VALUE_LIST_MAX = 10000,   /* items of a list */
    SCO_OPTION_ROWS_MAX = 256,    /* rows of a table */
    SCO_WARNINGS_MAX = 100,
};

/* What is worth telling but stops nothing. Lives in an arena. */
struct sco_warnings {
    struct sco_arena *arena;
    const char *v[SCO_WARNINGS_MAX];
    uint32_t n;
};
void sco_warn(struct sco_warnings *w, const char *fmt, ...) SCO_PRINTF(2, 3); /* w may be NULL */

struct sco_value {
    const char *origin; /* "secureops.yaml:3:9", "SECUREOPS_SCAN_JOBS", "--jobs"; NULL: not given */
    bool set;           /* there is a value: a given one, or the default after sco_values_finish */
    int64_t i;          /* BOOL, INT, DURATION, SIZE */
    double real;        /* REAL */
    struct sco_str text;      /* STR, ENUM; a secret's reference */
    struct sco_str_list list; /* LIST */
};

struct sco_values {
    const struct sco_option *table;
    size_t n; /* rows */
    struct sco_value *v;
    const char *const *others; /* keys that the caller reads itself; NULL-terminated, or NULL */
    const char *path;          /* "scan", "scanners.trivy": put before names in messages; or "" */
    struct sco_arena *arena;   /* of everything here */
    struct sco_warnings *warnings; /* or NULL */
};

/* Starts with no value given. SCO_E_INVALID: a table that is too long or has a bad row. */
int sco_values_init(struct sco_values *v, const struct sco_option *table, const char *path,
                    struct sco_arena *arena, struct sco_warnings *warnings,
                    struct sco_error *err) SCO_NODISCARD;

#define SCO_VALUES_PARTIAL 1u    /* leave keys alone that are not in the table */
#define SCO_VALUES_UNTRUSTED 2u  /* refuse SECRET and TRUSTED options; see config.h */
#define SCO_VALUES_APPEND 4u     /* set: add to a list instead of replacing it */
#define SCO_VALUES_SECRET_ENV 8u /* set: keep a literal secret as env:ORIGIN, where it stands */

/* Takes the members of a YAML map (NULL: none). `file` is the name in messages, and the folder of
 * its path is what file: references are relative to. Errors: SCO_E_INVALID, "file:line:col: ...".
 */
int sco_values_yaml(struct sco_values *v, const struct sco_yaml *map, const char *file,
                    uint32_t flags, struct sco_error *err) SCO_NODISCARD;

/* Takes one value as text. `origin` is kept: static, or in the arena. SCO_E_NOT_FOUND: no such
 * option; SCO_E_INVALID: a bad value; the text starts with the origin. */
int sco_values_set(struct sco_values *v, struct sco_str name, struct sco_str text,
                   const char *origin, uint32_t flags, struct sco_error *err) SCO_NODISCARD;

/* Puts defaults where nothing was given and checks that what is required is there. */
int sco_values_finish(struct sco_values *v, struct sco_error *err) SCO_NODISCARD;

/* Writes the values into a struct by the rows' offsets; what has no value becomes zero. Secrets are
 * references. The struct's texts live in the arena of the values. */
void sco_values_fill(const struct sco_values *v, void *ctx);

#define SCO_VALUES_RESOLVE 1u /* sco_values_write: secrets in clear; only into a job's message */

/* Writes an object with every option from row `first` on that has a value: BOOL as boolean, INT,
 * DURATION (ms) and SIZE (bytes) as integer, REAL as number, STR and ENUM as string, LIST as list
 * of strings. Errors only with SCO_VALUES_RESOLVE: those of sco_secret_resolve. */
int sco_values_write(const struct sco_values *v, size_t first, uint32_t flags,
                     struct sco_json_out *o, struct sco_error *err) SCO_NODISCARD;

/* Value i as it would be written in YAML, for people; a secret as its reference. */
void sco_value_print(const struct sco_values *v, size_t i, struct sco_buf *out);

/* ---- tables ---- */
size_t sco_options_count(const struct sco_option *table); /* NULL: 0 */
const struct sco_option *sco_options_find(const struct sco_option *table, struct sco_str name);
const char *sco_option_type_name(uint32_t type);     /* "duration"; never NULL */
uint32_t sco_option_type_parse(struct sco_str name); /* 0: none */

/* The JSON form of a table, as SCO_MSG_DESCRIBE carries it under "options":
 *   [{"name","type":"duration","required":true,"secret":true,"deprecated":true,"trusted":true,
 *     "default":text,
 *     "min":n,"max":n,"values":text,"doc":text}, ...]        absent: false, none, 0
 * Reading it back gives rows whose offset is 0, in the arena, ended by a row with name NULL. What a
 * plugin says is not trusted: SCO_E_FORMAT for a wrong type, a bad or repeated name, a default that
 * does not fit. A NULL node is the empty table. */
void sco_options_write(const struct sco_option *table, struct sco_json_out *o);
int sco_options_read(const struct sco_node *list, struct sco_arena *arena,
                     const struct sco_option **ret, struct sco_error *err) SCO_NODISCARD;

/* Appends a Markdown table of the options: name, type and range, default, meaning. */
void sco_options_markdown(const struct sco_option *table, struct sco_buf *out);

/* ---- secrets ---- */
/* env:NAME, file:PATH, vault:MOUNT/PATH#KEY or store:NAME, well-formed. Says nothing of what is
 * behind it. */
bool sco_secret_is_ref(struct sco_str ref);
/* Appends the secret. SCO_E_NOT_FOUND: no such variable, file, ...; SCO_E_PERMISSION, SCO_E_LIMIT,
 * SCO_E_INVALID: empty, or not text; SCO_E_UNSUPPORTED: vault and store in a program that has no
 * provider for them. One line end at the end of a file is left out. The error names the reference,
 * never the value. */
int sco_secret_resolve(struct sco_str ref, struct sco_buf *out,
                       struct sco_error *err) SCO_NODISCARD;
/* Who is asked for "vault:NAME" and "store:NAME": set at the start of a program, before its
 * threads. `name` is what follows the colon; `fn` is called on any thread. fn NULL: nobody. */
typedef int (*sco_secret_fn)(void *user, const char *name, struct sco_buf *out,
                             struct sco_error *err);
void sco_secret_provider(const char *scheme, sco_secret_fn fn, void *user);

/* HashiCorp Vault's HTTP API, the key-value engine's second version. */
struct sco_vault {
    const char *address, *token; /* https://vault.example.com:8200 */
    const char *name_space;      /* or NULL */
    /* GET with these headers ("Name: value", NULL-terminated): the body of a 2xx answer.
     * SCO_E_NOT_FOUND: 404; SCO_E_PERMISSION: 401, 403; SCO_E_NETWORK. */
    int (*fetch)(void *user, const char *url, const char *const *headers, struct sco_buf *out,
                 struct sco_error *err);
    void *user;
};
/* A sco_secret_fn; `vault`: struct sco_vault. name: "MOUNT/PATH#KEY". */
int sco_vault_secret(void *vault, const char *name, struct sco_buf *out, struct sco_error *err);
