/* Building blocks of every module: cleanup attributes, buffers, arena, hash map, numbers, UTF-8.
 * libc only. Nothing here is thread-safe unless stated; objects may be used by one thread at a
 * time.
 */
#pragma once

#include <stdbool.h>
#include <secureops/error.h>

/* ---- cleanup ---- */
/* SCO_AUTO(sco_buf) struct sco_buf b = {0};  calls sco_buf_cleanup_(&b) at the end of the scope. */
#define SCO_AUTO(name) __attribute__((cleanup(name##_cleanup_)))
/* Moves a value out of a variable and leaves it zeroed. Not for descriptors: 0 is one. */
#define SCO_TAKE(v)                                                                                \
    __extension__({                                                                                \
        __typeof__(v) taken_ = (v);                                                                \
        memset(&(v), 0, sizeof(v));                                                                \
        taken_;                                                                                    \
    })
#define SCO_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

void sco_fd_cleanup_(int *fd);   /* SCO_AUTO(sco_fd) int fd = -1; */
void sco_free_cleanup_(void *p); /* SCO_AUTO(sco_free) char *p = NULL; */

/* A broken invariant. Aborts with file and line: a worker dies, its job fails. */
#define SCO_BUG_ON(cond)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!!(cond), 0))                                                         \
            sco_bug_(__FILE__, __LINE__, #cond);                                                   \
    } while (0)
_Noreturn void sco_bug_(const char *file, int line, const char *what);

/* ---- memory ---- */
/* NULL when out of memory or when n * size overflows. sco_alloc zeroes; sco_grow is realloc. */
void *sco_alloc(size_t n, size_t size) SCO_NODISCARD;
void *sco_grow(void *p, size_t n, size_t size) SCO_NODISCARD;
char *sco_strdup(struct sco_str s) SCO_NODISCARD; /* NUL-terminated, free() */

/* For tests: from now on the nth allocation fails (0 is the next one), and only that one;
 * -1 switches it off. Counts sco_alloc, sco_grow, sco_strdup, buffers, arenas and maps. Returns
 * how many allocations were counted since the last call. */
long sco_alloc_fail_at(long n);

/* Makes room for one more element: `*cap` doubles from 16. 0 or SCO_E_NOMEM. */
int sco_vec_reserve_(void **p, size_t n, size_t *cap, size_t size);
#define SCO_VEC_PUSH(v, n, cap) /* lvalue of a new element index n; the caller counts n up */      \
    sco_vec_reserve_((void **)&(v), (n), &(cap), sizeof *(v))

/* ---- arena ----
 * Bump allocation; everything is freed at once. Zero-initialise. */
struct sco_arena_block;
struct sco_arena {
    struct sco_arena_block *head;
    size_t used;  /* bytes handed out since the last reset */
    size_t limit; /* 0: none; beyond it sco_arena_alloc gives NULL */
};
void *sco_arena_alloc(struct sco_arena *a, size_t n); /* zeroed, 16-byte aligned; NULL: no memory */
void *sco_arena_alloc_raw(struct sco_arena *a, size_t n); /* not zeroed, 8-byte aligned */
struct sco_str sco_arena_str(struct sco_arena *a, struct sco_str s); /* copy, NUL after it */
char *sco_arena_cstr(struct sco_arena *a, struct sco_str s);         /* the same as char * */
char *sco_arena_fmt(struct sco_arena *a, const char *fmt, ...) SCO_PRINTF(2, 3);
void sco_arena_reset(struct sco_arena *a); /* keeps the largest block for reuse */
void sco_arena_done(struct sco_arena *a);
void sco_arena_cleanup_(struct sco_arena *a);

/* ---- buffer ----
 * A growing byte string. Zero-initialise. An append that fails leaves the buffer as it was and
 * sets `failed`, so that a chain of appends can be checked once at its end. */
struct sco_buf {
    char *p;
    size_t n, cap;
    bool failed;
};
void sco_buf_add(struct sco_buf *b, struct sco_str s);
void sco_buf_addz(struct sco_buf *b, const char *z);
void sco_buf_addc(struct sco_buf *b, char c);
void sco_buf_addf(struct sco_buf *b, const char *fmt, ...) SCO_PRINTF(2, 3);
void sco_buf_addvf(struct sco_buf *b, const char *fmt, va_list ap) SCO_PRINTF(2, 0);
void sco_buf_add_i64(struct sco_buf *b, int64_t v);
int sco_buf_reserve(struct sco_buf *b, size_t more); /* room for `more` bytes: 0 or SCO_E_NOMEM */
const char *sco_buf_z(struct sco_buf *b);            /* NUL-terminated view; "" when it failed */
static inline struct sco_str sco_buf_str(const struct sco_buf *b)
{
    return sco_str_make(b->p, b->n);
}
int sco_buf_check(const struct sco_buf *b, struct sco_error *err); /* 0, or SCO_E_NOMEM */
void sco_buf_clear(struct sco_buf *b);                             /* keeps the memory */
void sco_buf_done(struct sco_buf *b);
void sco_buf_cleanup_(struct sco_buf *b);

/* ---- map ----
 * Hash map from byte strings to pointers; keys are copied; open addressing, seeded per map.
 * Zero-initialise. */
struct sco_map_slot;
struct sco_map {
    struct sco_map_slot *slots;
    size_t n, cap;
    uint64_t seed;
    struct sco_arena keys;
};
void *sco_map_get(const struct sco_map *m, struct sco_str key); /* NULL: absent */
bool sco_map_has(const struct sco_map *m, struct sco_str key);
/* The place of the value; a new key starts with NULL. NULL: out of memory. The place is valid
 * until the next put. `ret_key` (nullable) gets the map's own copy of the key, NUL-terminated. */
void **sco_map_put(struct sco_map *m, struct sco_str key, const char **ret_key);
/* Walk in no order: *pos starts at 0; false at the end. */
bool sco_map_next(const struct sco_map *m, size_t *pos, struct sco_str *ret_key, void **ret_value);
void sco_map_done(struct sco_map *m);
void sco_map_cleanup_(struct sco_map *m);

uint64_t sco_hash(const void *p, size_t n, uint64_t seed); /* not cryptographic */

/* ---- numbers ----
 * The whole string is one value in [min, max], or the result is SCO_E_INVALID. */
int sco_parse_i64(struct sco_str s, int64_t min, int64_t max, int64_t *ret);
int sco_parse_real(struct sco_str s, double *ret);         /* locale-independent */
int sco_parse_bool(struct sco_str s, bool *ret);           /* true false yes no on off 1 0 */
int sco_parse_duration(struct sco_str s, int64_t *ret_ms); /* 500ms 30s 15m 2h 7d, 1h30m; "0" */
int sco_parse_size(struct sco_str s, int64_t *ret_bytes);  /* 512 64K 64KiB 10MiB 1G 5MB */
void sco_buf_add_duration(struct sco_buf *b, int64_t ms);  /* for people: 850ms 12.4s 3m05s 2h10m */

/* ---- time ---- */
int64_t sco_now_ms(void);  /* Unix time */
int64_t sco_mono_ms(void); /* monotonic */
int64_t sco_mono_ns(void);
#define SCO_TIME_LEN 25 /* "2026-11-21T22:34:34.123Z" and NUL */
void sco_time_format(int64_t unix_ms, char out[SCO_TIME_LEN]); /* RFC 3339, UTC, milliseconds */
int sco_time_parse(struct sco_str s, int64_t *ret_unix_ms);    /* RFC 3339, or a date alone */

/* ---- text ---- */
bool sco_utf8_valid(struct sco_str s);
/* Appends s with invalid bytes and NUL replaced by U+FFFD. */
void sco_buf_add_utf8(struct sco_buf *b, struct sco_str s);
/* Appends s safe for a terminal or a log line: control characters, C1 and bidirectional controls
 * become visible (\x1b, \u202e), new lines become spaces. */
void sco_buf_add_printable(struct sco_buf *b, struct sco_str s);
size_t sco_utf8_width(struct sco_str s); /* columns: code points, wide East Asian ones count 2 */
struct sco_str sco_str_trim(struct sco_str s); /* ASCII white space at both ends */
bool sco_str_ends(struct sco_str s, const char *z);
bool sco_str_contains(struct sco_str s, const char *z);
int sco_str_cmp(struct sco_str a, struct sco_str b); /* bytes */
/* Cuts the next piece of *rest at `sep`; false when *rest is used up (p NULL). */
bool sco_str_split(struct sco_str *rest, char sep, struct sco_str *ret);
/* The name out of n names that is nearest to `word` (edit distance up to a third of its length),
 * or NULL. For "did you mean". */
const char *sco_str_nearest(struct sco_str word, const char *const *names, size_t n);
/* Glob: * within a path segment, ** across, ? one character, [a-z] [!x], {a,b}. Case matters. */
bool sco_glob_match(const char *pattern, struct sco_str s);
/* The rule of sco_scanner.detect: a pattern without slash matches the last segment of the path. */
bool sco_glob_match_file(const char *pattern, struct sco_str path);
