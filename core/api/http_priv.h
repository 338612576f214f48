/* HTTP/1.1 as it comes in: heads, targets, chunks. Pure functions of bytes; strict on purpose,
 * since what two servers read differently is how requests are smuggled. docs/adr/0015. */
#pragma once

#include <secureops/base.h>

enum {
    HTTP_HEAD_MAX = 16 << 10, /* bytes of request line and headers */
    HTTP_TARGET_MAX = 8 << 10,
    HTTP_HEADERS_MAX = 64,
    HTTP_TRAILER_MAX = 4 << 10,
    HTTP_SEGMENTS_MAX = 12,
};

struct http_header {
    struct sco_str name, value;
};
/* Views into the bytes that were parsed. */
struct http_head {
    struct sco_str method, path, query; /* as sent, not decoded; query without "?" */
    struct sco_str host;
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t n_headers;
    int minor;              /* HTTP/1.x */
    int64_t content_length; /* -1: none said */
    bool chunked, keep_alive, expects_continue, asterisk;
};
/* Bytes of a head that has come whole, its empty line included; 0: not yet; < 0: it never will be
 * (-400: a line that ends without CR; -431: too long). *scanned remembers where to go on. */
long http_head_end(struct sco_str in, size_t *scanned);
/* 0, or the status to refuse it with; *ret_why: a static text. */
int http_head_parse(struct sco_str head, struct http_head *ret, const char **ret_why);
/* The first header of that name; {NULL, 0}: none. */
struct sco_str http_head_get(const struct http_head *h, const char *name);
/* Whether a comma-separated list has the word, in any case ("gzip;q=0" has not). */
bool http_list_has(struct sco_str list, const char *word);

/* Percent-decodes into `out` (as many bytes as `in` at most, and NUL), `plus`: "+" is a space.
 * false: a bad escape, a control character (NUL among them), not UTF-8. */
bool http_decode(struct sco_str in, bool plus, char *out, size_t *ret_n);
/* The segments of a path as sent, without slashes. The count; -1: "." or ".." (encoded or not),
 * "//", too many. "/" has none. */
int http_segments(struct sco_str path, struct sco_str out[HTTP_SEGMENTS_MAX]);

struct http_chunks {
    enum {
        CHUNK_SIZE,
        CHUNK_EXTENSION,
        CHUNK_LF,
        CHUNK_DATA,
        CHUNK_CR,
        CHUNK_END_LF,
        CHUNK_TRAILER,
        CHUNK_DONE
    } state;
    uint64_t left; /* of the chunk */
    unsigned digits, extra;
    bool last, line_empty, cr;
};
/* Takes up to in.n bytes; *ret_used of them are done with, *ret_data (may be empty) is content
 * among them. 1: there is more to take or to come, 0: that was the end, -1: malformed. */
int http_chunks_take(struct http_chunks *c, struct sco_str in, size_t *ret_used,
                     struct sco_str *ret_data);
