/* JSON: a streaming reader that hands out values as small trees of struct sco_node (plugin.h), and
 * a writer.
 *
 * The reader keeps a window of the file (64 KiB, grown only by a longer token), checks RFC 8259
 * strictly (UTF-8, escapes, lone surrogates, numbers, depth) and gives errors with byte offset and
 * JSON path: "trivy.json: offset 1234, $.Results[3].Vulnerabilities[0].Title: bad escape".
 * U+0000 in a string becomes U+FFFD, so that text can be NUL-terminated everywhere. A UTF-8 byte
 * order mark at the start is skipped; UTF-16 (by its BOM) is refused by name. */
#pragma once

#include <secureops/base.h>

enum {
    SCO_JSON_DEPTH_MAX = 256,
    SCO_JSON_TOKEN_MAX = 64 << 20, /* bytes of one string or number */
    SCO_JSON_TREE_MAX = 256 << 20, /* bytes of one tree that is not deferred */
};

struct sco_reader;
struct sco_iter;

/* Meaning as in struct sco_data_api of plugin.h. Regular files are read in place; anything else is
 * first copied to an unlinked temporary file. */
int sco_reader_open(const char *path, struct sco_reader **ret, struct sco_error *err) SCO_NODISCARD;
int sco_reader_open_mem(struct sco_str text, struct sco_reader **ret,
                        struct sco_error *err) SCO_NODISCARD;
struct sco_reader *sco_reader_close(struct sco_reader *r); /* NULL is fine; returns NULL */
void sco_reader_cleanup_(struct sco_reader **r);
int sco_reader_read(struct sco_reader *r, const char *const *deferred, const struct sco_node **ret,
                    struct sco_error *err) SCO_NODISCARD;
int sco_iter_open(struct sco_reader *r, const struct sco_node *node, struct sco_iter **ret,
                  struct sco_error *err) SCO_NODISCARD;
int sco_iter_next(struct sco_iter *it, const char *const *deferred, const struct sco_node **ret,
                  struct sco_error *err) SCO_NODISCARD;
void sco_iter_close(struct sco_iter *it);
uint64_t sco_reader_offset(const struct sco_reader *r); /* bytes consumed */
/* 0 when only white space follows the values read so far. For callers that expect one document. */
int sco_reader_check_end(struct sco_reader *r, struct sco_error *err) SCO_NODISCARD;

/* One whole document into `arena`, for small input (configuration, control messages). Anything but
 * white space after it is an error. */
int sco_json_parse(struct sco_str text, struct sco_arena *arena, const struct sco_node **ret,
                   struct sco_error *err) SCO_NODISCARD;
/* As much as the text holds: cut lists and objects are closed where the text ends. For telling
 * formats apart. NULL when not even the first value can be seen. */
const struct sco_node *sco_json_parse_head(struct sco_str text, struct sco_arena *arena);

/* Only tokens, no tree: the floor that benchmarks compare with. Counts them. */
int sco_json_scan(const char *path, uint64_t *ret_tokens, struct sco_error *err) SCO_NODISCARD;

/* ---- writer ----
 * Appends to a buffer; commas are placed by the writer. Text is made valid UTF-8; control
 * characters, U+2028 and U+2029 are escaped, NUL becomes U+FFFD. The caller flushes the buffer
 * whenever it likes: the writer keeps no pointer into it. */
struct sco_json_out {
    struct sco_buf *b;
    uint32_t depth;
    bool comma;  /* the next value needs a comma before it */
    bool pretty; /* two spaces a level */
    bool keyed;  /* a key was just written */
};
void sco_json_begin(struct sco_json_out *o, char open); /* '{' or '[' */
void sco_json_end(struct sco_json_out *o, char close);
void sco_json_key(struct sco_json_out *o, const char *key);
void sco_json_str(struct sco_json_out *o, struct sco_str s);
/* A string whose content the caller appends to o->b in between: printable ASCII without quotes and
 * backslashes. */
void sco_json_begin_plain(struct sco_json_out *o);
void sco_json_end_plain(struct sco_json_out *o);
void sco_json_i64(struct sco_json_out *o, int64_t v);
void sco_json_real(struct sco_json_out *o, double v); /* shortest that reads back; NaN: null */
void sco_json_bool(struct sco_json_out *o, bool v);
void sco_json_null(struct sco_json_out *o);
void sco_json_raw(struct sco_json_out *o, struct sco_str json);       /* already JSON */
void sco_json_node(struct sco_json_out *o, const struct sco_node *v); /* not DEFERRED */

/* Member of an object. The z form writes nothing for NULL, `_str` nothing for {NULL, 0}. */
void sco_json_kz(struct sco_json_out *o, const char *key, const char *z);
void sco_json_kstr(struct sco_json_out *o, const char *key, struct sco_str s);
void sco_json_ki64(struct sco_json_out *o, const char *key, int64_t v);
void sco_json_kreal(struct sco_json_out *o, const char *key, double v);
void sco_json_kbool(struct sco_json_out *o, const char *key, bool v);
/* A time as RFC 3339 in UTC; nothing for 0. */
void sco_json_ktime(struct sco_json_out *o, const char *key, int64_t unix_ms);
