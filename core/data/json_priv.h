/* Insides of the JSON reader, shared by json_*.c only.
 *
 * Layers: a source (window over a file or memory) -> tokens -> trees -> reader and walks. A token
 * is always whole in the window: its start is src->p, which moves only when the token is complete,
 * so the window can be moved and grown under it. A fault is noted in the source (code, offset,
 * text) and becomes a struct sco_error, with file name and JSON path, where the public call
 * returns. */
#pragma once

#include <secureops/json.h>

#include <time.h>

enum {
    SCO_JSON_WINDOW = 64 << 10,
    SCO_JSON_SEEK_READ = 8 << 10, /* first read after a jump: walks that take turns jump often */
    SCO_JSON_PATH_KEY_MAX = 48,   /* bytes of one name in a path shown to people */
    SCO_JSON_PATH_MAX = 512,      /* bytes of a path shown to people */
};
#define SCO_JSON_SPOOL_MAX (INT64_C(16) << 30) /* bytes copied from a pipe */

extern size_t sco_json_window; /* SCO_JSON_WINDOW; tests make it as small as one byte */

struct sco_json_fault {
    int code;     /* 0: none */
    bool cut;     /* the input ended too early */
    uint64_t at;  /* offset in the input */
    int os_error; /* errno of a failed read, or 0 */
    char what[160];
};

/* Where a large list or map near the top ends, known since it was skipped inside of another one:
 * the list of results in the list of runs is not gone through twice. */
enum { SCO_JSON_BIG = 1 << 20, SCO_JSON_BIG_MAX = 16, SCO_JSON_BIG_DEPTH = 3 };
struct sco_json_extent {
    uint64_t start, end; /* of the opening bracket; behind the closing one */
};

struct sco_json_src {
    const char *p, *end; /* next byte; end of what the window holds */
    const char *win;     /* first byte of the window, */
    uint64_t off;        /* and where it is in the input */
    uint64_t size;       /* of the whole input */
    char *buf;           /* file: the window's memory */
    size_t cap;
    int fd; /* -1: memory */
    bool jumped;
    struct timespec mtime;
    struct sco_json_fault fault;
    struct sco_json_extent big[SCO_JSON_BIG_MAX];
    unsigned n_big;
};

struct sco_json_tok {
    struct sco_str raw; /* between the quotes, as written; lives until the source moves */
    bool escapes;
};

/* ---- json_src.c ---- */
int sco_json_src_open(struct sco_json_src *s, const char *path, struct sco_error *err);
void sco_json_src_mem(struct sco_json_src *s, struct sco_str text);
void sco_json_src_done(struct sco_json_src *s);
/* Keeps [p, end) and adds at least one byte: 1; 0 at the end of the input; or a fault. */
int sco_json_src_more(struct sco_json_src *s);
/* Tries to have n bytes at p. How many there are (fewer at the end), or a fault. */
int64_t sco_json_src_need(struct sco_json_src *s, size_t n);
void sco_json_src_seek(struct sco_json_src *s, uint64_t at);
int sco_json_src_skip_bom(struct sco_json_src *s);
static inline uint64_t sco_json_src_tell(const struct sco_json_src *s)
{
    return s->off + (uint64_t)(s->p - s->win);
}

SCO_PRINTF(4, 5)
int sco_json_fault(struct sco_json_src *s, int code, uint64_t at, const char *fmt, ...);
int sco_json_cut(struct sco_json_src *s, const char *in_what);         /* NULL: of nothing */
int sco_json_unexpected(struct sco_json_src *s, const char *expected); /* at p */
int sco_json_too_deep(struct sco_json_src *s, uint64_t at);

/* ---- json_lex.c ---- */
enum { SCO_JSON_EOF = -1000 };
/* First byte that is not white space, not consumed; SCO_JSON_EOF, or a fault. */
int sco_json_peek_slow(struct sco_json_src *s);
static inline int sco_json_peek(struct sco_json_src *s)
{
    if (s->end - s->p > 1) {
        if ((unsigned char)*s->p > ' ')
            return (unsigned char)*s->p;
        if (*s->p == ' ' && (unsigned char)s->p[1] > ' ') /* as behind most colons */
            return (unsigned char)*++s->p;
    }
    return sco_json_peek_slow(s);
}
/* How many bytes of p[0..n) are well-formed UTF-8. */
size_t sco_json_utf8(const char *p, size_t n);
/* p is at the opening quote, and goes behind the closing one. UTF-8 is checked, escapes are not. */
int sco_json_lex_string(struct sco_json_src *s, struct sco_json_tok *ret);
/* Checks and decodes escapes: into out (as long as raw at most), or only checks them (NULL).
 * The length, or a fault. */
int64_t sco_json_unescape(struct sco_json_src *s, struct sco_str raw, char *out);
/* p is at '-' or a digit. 0: a number beyond int64 or with fraction or exponent, 1: *ret_i. */
int sco_json_lex_number(struct sco_json_src *s, struct sco_str *ret_digits, int64_t *ret_i);
/* p is at t, f or n: the type of node; *ret_i is 1 for true. */
int sco_json_lex_word(struct sco_json_src *s, int64_t *ret_i);
bool sco_json_is_number(struct sco_str s);

/* ---- json_skip.c ---- */
/* p is at a bracket, and goes behind the one that closes it. Only strings and the number of
 * brackets are looked at. */
int sco_json_skip(struct sco_json_src *s);

/* ---- json_tree.c ---- */
struct sco_json_frame {
    struct sco_node *node;        /* list or map that is open */
    const struct sco_node **tail; /* where its next child goes */
    struct sco_node *cur;         /* child that is being read */
};

struct sco_json_tree {
    struct sco_json_src *s;
    struct sco_arena *arena;
    char *lo, *hi; /* free part of a chunk: texts grow from lo, nodes from hi */
    size_t chunk, used;
    const char *const *deferred;
    uint64_t deferred_lens; /* bit n % 64: a name of length n */
    bool defer_list;        /* "[]" */
    const char *prefix;     /* path of what the root is in, or of the root, */
    bool in_list;           /* followed by [index], */
    uint64_t index;
    const struct sco_node *root; /* or by the key of this node (NULL: none) */
    uint32_t base_depth;         /* open brackets around the root */
    uint32_t depth;
    struct sco_json_frame stack[SCO_JSON_DEPTH_MAX];
};

/* Prepares for a tree in `arena`. `prefix` must stay until the tree is read. */
void sco_json_tree_begin(struct sco_json_tree *t, struct sco_json_src *s, struct sco_arena *arena,
                         const char *const *deferred);
/* The size of a chunk for trees of `used` bytes. */
size_t sco_json_tree_chunk(size_t used);
/* A zeroed node; NULL: a fault is set. */
struct sco_node *sco_json_tree_node(struct sco_json_tree *t);
/* Reads the name and the colon of a member into v->key. */
int sco_json_tree_key(struct sco_json_tree *t, struct sco_node *v);
/* Reads the value at p (white space before it is skipped) into v, whose key is set. */
int sco_json_tree_read(struct sco_json_tree *t, struct sco_node *v);
/* Appends the path of what is being read. */
void sco_json_tree_path(const struct sco_json_tree *t, struct sco_buf *out);
void sco_json_path_key(struct sco_buf *out, struct sco_str key);

/* DEFERRED nodes: `i` packs offset and depth, `text` is the path. */
enum { SCO_JSON_OFFSET_BITS = 48 };

/* ---- json_writer.c ---- */
/* A string of the document, with its quotes. */
void sco_json_add_quoted(struct sco_buf *b, struct sco_str s);

/* Turns the fault of `s` into err; `name` and `path` may be NULL. Returns the code. */
int sco_json_report(const struct sco_json_src *s, const char *name, const char *path,
                    struct sco_error *err);
