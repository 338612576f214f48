/* Where a finding is: its path below the scan root, and the identity of its source line.
 *
 * The identity is a hash of the line without white space, so that it survives indentation and
 * moves. Lines are read from the scanned tree itself, which is hostile: only regular files, no
 * links on the way, limits on size, line and total. */
#include "encoder_priv.h"

#include <secureops/fs.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MAX_BYTES = 8 << 20,
    CACHE_MAX_BYTES = 32 << 20,
    CACHE_MAX_ENTRIES = 1 << 16,
    LINE_HASHED = 1024, /* bytes; of a longer line, from the column on */
    SUFFIX_TRIES = 32,  /* folders that may stand before a path of another checkout */
    IDENTITY_BYTES = 12,
    LINES_KEPT = 256, /* identities of lines of up to LINE_KEPT bytes */
    LINE_KEPT = 160,
};

struct file {
    char *text; /* NULL: cannot be read */
    uint32_t n, n_lines;
    uint32_t *lines; /* where each begins */
};

/* Findings repeat lines: several rules meet in one, and code is copied. */
struct line_id {
    uint32_t n; /* 0: free */
    char line[LINE_KEPT];
    char hex[2 * IDENTITY_BYTES + 1];
};

struct enc_sources {
    int root_fd;
    struct line_id ids[LINES_KEPT];
    struct sco_map paths; /* as reported, to the relative one (struct sco_str) */
    struct sco_map files; /* relative path to struct file */
    size_t bytes;
};

static void drop_files(struct enc_sources *s)
{
    struct sco_str key;
    void *v;
    for (size_t pos = 0; sco_map_next(&s->files, &pos, &key, &v);) {
        struct file *f = v;
        if (f) {
            free(f->text);
            free(f->lines);
        }
        free(f);
    }
    sco_map_done(&s->files);
    s->bytes = 0;
}

struct enc_sources *enc_sources_free(struct enc_sources *s)
{
    if (s) {
        drop_files(s);
        sco_map_done(&s->paths);
        if (s->root_fd >= 0)
            close(s->root_fd);
    }
    free(s);
    return NULL;
}

static struct enc_sources *sources(struct sco_encoder *e)
{
    if (!e->sources) {
        e->sources = sco_alloc(1, sizeof *e->sources);
        if (!e->sources) {
            e->failed = true;
            return NULL;
        }
        e->sources->root_fd = -1;
        if (e->root && e->read_sources)
            e->sources->root_fd = open(e->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return e->sources;
}

/* ---- paths ---- */

static bool is_url(struct sco_str s)
{
    return sco_str_contains(s, "://") && !sco_str_starts(s, "file:");
}

static bool is_absolute(struct sco_str s)
{
    return sco_str_starts(s, "/") || sco_str_starts(s, "file:") ||
           (s.n > 2 && s.p[1] == ':' && (s.p[2] == '\\' || s.p[2] == '/'));
}

/* An absolute path of another machine's checkout: the longest end of it that exists below the root.
 * Not for a path that exists on this machine: that is a file outside of the tree. */
static struct sco_str suffix_below_root(struct enc_sources *s, struct sco_str raw,
                                        struct sco_buf *rel)
{
    SCO_AUTO(sco_buf) struct sco_buf z = {0};
    struct sco_str whole = sco_buf_str(rel), rest = whole;
    if (s->root_fd < 0 || !is_absolute(raw) || memchr(raw.p, 0, raw.n))
        return whole;
    sco_buf_add(&z, raw);
    if (raw.p[0] == '/' &&
        (faccessat(AT_FDCWD, sco_buf_z(&z), F_OK, 0) == 0 || (errno != ENOENT && errno != ENOTDIR)))
        return whole;
    for (int i = 0; i < SUFFIX_TRIES && rest.n && !rel->failed; i++) {
        sco_buf_z(rel); /* ends with NUL, so every end of it does */
        if (!rel->failed && faccessat(s->root_fd, rel->p + (whole.n - rest.n), F_OK, 0) == 0)
            return sco_str_make(rel->p + (whole.n - rest.n), rest.n);
        const char *slash = memchr(rest.p, '/', rest.n);
        if (!slash)
            break;
        rest = sco_str_make(slash + 1, rest.n - (size_t)(slash + 1 - rest.p));
    }
    return sco_buf_str(rel);
}

static struct sco_str relative(struct sco_encoder *e, struct enc_sources *s, struct sco_str path)
{
    struct sco_buf b = {0};
    if (is_url(path))
        return path;
    sco_path_relative(&b, path, sco_str_c(e->root));
    struct sco_str r = enc_copy(e, suffix_below_root(s, path, &b));
    if (b.failed)
        e->failed = true;
    sco_buf_done(&b);
    return r;
}

/* Relative, without empty segments, dots between slashes, or anything else that has a meaning: it
 * stays as it is. Says no where it does not know. */
static bool is_settled(const struct sco_encoder *e, struct sco_str path)
{
    bool start = true; /* of a segment */
    if (e->n_secrets || !path.n || path.n > FINDING_TEXT_MAX || (e->root && *e->root != '/'))
        return false;
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        bool is_slash = c == '/';
        if (c <= ' ' || c >= 0x7F || c == ':' || c == '\\' || (start && (is_slash || c == '.')))
            return false;
        start = is_slash;
    }
    return !start;
}

struct sco_str enc_path(struct sco_encoder *e, struct sco_str path)
{
    if (is_settled(e, path))
        return path;
    path = enc_trim(path);
    struct enc_sources *s = path.n ? sources(e) : NULL;
    if (!s)
        return sco_str_make(NULL, 0);
    const struct sco_str *known = sco_map_get(&s->paths, path);
    if (known && !e->n_secrets)
        return *known;
    struct sco_str r = enc_text(e, relative(e, s, path), FINDING_TEXT_MAX, "file_path");
    if (e->n_secrets || e->n_cut || e->failed)
        return r;
    if (s->paths.n >= CACHE_MAX_ENTRIES)
        sco_map_done(&s->paths);
    void **slot = sco_map_put(&s->paths, path, NULL);
    struct sco_str *value = slot ? sco_arena_alloc(&s->paths.keys, sizeof *value) : NULL;
    if (value) {
        *value = sco_arena_str(&s->paths.keys, r);
        *slot = value->p ? value : NULL;
    }
    return r; /* a cache that is out of memory does without */
}

/* ---- lines ---- */

/* Opens a file below the root without following any link. */
static int open_below(int root_fd, const char *path)
{
    int dir = root_fd;
    for (;;) {
        size_t n = strcspn(path, "/");
        char name[256];
        if (!n || n >= sizeof name || (n == 2 && path[0] == '.' && path[1] == '.'))
            break;
        memcpy(name, path, n);
        name[n] = 0;
        bool last = path[n] == 0;
        int flags = last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
        int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
        if (dir != root_fd)
            close(dir);
        if (fd < 0 || last)
            return fd;
        dir = fd;
        path += n + 1;
    }
    if (dir != root_fd)
        close(dir);
    return -1;
}

/* The whole file, or NULL. */
static char *read_text(int root_fd, const char *path, uint32_t *ret_n)
{
    SCO_AUTO(sco_fd) int fd = open_below(root_fd, path);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES)
        return NULL;
    size_t want = (size_t)st.st_size, got = 0;
    char *p = sco_grow(NULL, want + 1, 1);
    while (p && got < want) {
        ssize_t r = read(fd, p + got, want - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    *ret_n = (uint32_t)got;
    return p;
}

static void index_lines(struct file *f)
{
    size_t cap = 0;
    for (uint32_t at = 0; at < f->n;) {
        if (SCO_VEC_PUSH(f->lines, f->n_lines, cap) < 0) {
            f->n_lines = 0; /* as if it could not be read */
            return;
        }
        f->lines[f->n_lines++] = at;
        const char *nl = memchr(f->text + at, '\n', f->n - at);
        at = nl ? (uint32_t)(nl - f->text) + 1 : f->n;
    }
}

static const struct file *get_file(struct enc_sources *s, struct sco_str path)
{
    if (s->bytes > CACHE_MAX_BYTES || s->files.n >= CACHE_MAX_ENTRIES)
        drop_files(s);
    const char *z;
    void **slot = sco_map_put(&s->files, path, &z);
    if (!slot || *slot)
        return slot ? *slot : NULL;
    struct file *f = *slot = sco_alloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->text = read_text(s->root_fd, z, &f->n);
    if (f->text)
        index_lines(f);
    s->bytes += f->n + f->n_lines * sizeof *f->lines;
    return f;
}

static struct sco_str file_line(const struct file *f, int64_t line)
{
    if (!f || !f->text || line < 1 || line > f->n_lines)
        return sco_str_make(NULL, 0);
    uint32_t from = f->lines[line - 1];
    uint32_t to = line < f->n_lines ? f->lines[line] : f->n;
    return sco_str_make(f->text + from, to - from);
}

/* The first line of the location that is not blank, from the scanned tree. */
static struct sco_str source_line(struct sco_encoder *e, const struct norm *n)
{
    struct enc_sources *s = n->line > 0 && n->file_path.n ? sources(e) : NULL;
    if (!s || s->root_fd < 0 || n->commit.n || memchr(n->file_path.p, 0, n->file_path.n))
        return sco_str_make(NULL, 0);
    const struct file *f = get_file(s, n->file_path);
    int64_t end = n->end_line > n->line ? n->end_line : n->line;
    for (int64_t line = n->line; line <= end && line < n->line + 16; line++) {
        struct sco_str text = file_line(f, line);
        if (enc_trim(text).n)
            return text;
    }
    return sco_str_make(NULL, 0);
}

struct sco_str enc_source_line(struct sco_encoder *e, const struct norm *n, int64_t line)
{
    struct enc_sources *s = sources(e);
    if (!s || s->root_fd < 0 || n->commit.n || memchr(n->file_path.p, 0, n->file_path.n))
        return sco_str_make(NULL, 0);
    return file_line(get_file(s, n->file_path), line);
}

static struct sco_str first_line(struct sco_str snippet)
{
    struct sco_str line;
    for (struct sco_str rest = snippet; sco_str_split(&rest, '\n', &line);)
        if (enc_trim(line).n)
            return line;
    return sco_str_make(NULL, 0);
}

/* ---- identity ---- */

static size_t strip_white(struct sco_str s, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < cap; i++)
        if ((unsigned char)s.p[i] > 0x20)
            out[n++] = s.p[i];
    return n;
}

static void set_identity(struct sco_encoder *e, struct norm *n, const char *kind,
                         struct sco_str text)
{
    uint8_t md[SCO_SHA256_LEN];
    char *hex = enc_alloc(e, 2 * IDENTITY_BYTES + 1);
    sco_sha256_begin(e->sha);
    sco_sha256_field(e->sha, sco_str_c(kind));
    if (n->type == SCO_TYPE_SECRET) /* the line may hold the secret */
        sco_sha256_field(e->sha, sco_buf_str(&e->digest_key));
    sco_sha256_field(e->sha, text);
    if (!hex || sco_sha256_end(e->sha, md) < 0) {
        e->failed = true;
        return;
    }
    sco_hex(md, IDENTITY_BYTES, hex);
    n->identity = sco_str_make(hex, 2 * IDENTITY_BYTES);
}

/* The slot for a line's identity; NULL: it is not kept. */
static struct line_id *line_slot(struct sco_encoder *e, struct sco_str line)
{
    struct enc_sources *s = line.n && line.n <= LINE_KEPT ? sources(e) : NULL;
    return s ? &s->ids[sco_hash(line.p, line.n, 0) % LINES_KEPT] : NULL;
}

static void set_line_identity(struct sco_encoder *e, struct norm *n, struct sco_str line)
{
    char stripped[LINE_HASHED];
    struct line_id *id = n->type == SCO_TYPE_SECRET ? NULL : line_slot(e, line);
    if (id && id->n == line.n && memcmp(id->line, line.p, line.n) == 0) {
        n->identity = sco_str_make(id->hex, sizeof id->hex - 1);
        return;
    }
    size_t len = strip_white(line, stripped, sizeof stripped);
    if (!len)
        return;
    set_identity(e, n, "line", sco_str_make(stripped, len));
    if (!id || !n->identity.n)
        return;
    id->n = (uint32_t)line.n;
    memcpy(id->line, line.p, line.n);
    memcpy(id->hex, n->identity.p, n->identity.n);
}

static bool identity_matters(const struct norm *n)
{
    return n->type == SCO_TYPE_SAST || n->type == SCO_TYPE_QUALITY ||
           (n->type == SCO_TYPE_IAC && !n->resource.n) ||
           (n->type == SCO_TYPE_SECRET && !n->secret_digest.n);
}

void enc_identity(struct sco_encoder *e, const struct sco_report_finding *f, struct norm *n)
{
    if (!identity_matters(n))
        return;
    struct sco_str line = source_line(e, n);
    if (line.n > LINE_HASHED && n->column > 0 && (size_t)n->column <= line.n)
        line = sco_str_make(line.p + n->column - 1, line.n - (size_t)n->column + 1);
    if (!line.n && !sco_str_is(enc_trim(f->snippet), "requires login")) /* Semgrep without */
        line = first_line(f->snippet);
    set_line_identity(e, n, line);
    if (n->identity.n || e->failed)
        return;
    if (enc_trim(f->stable_id).n)
        set_identity(e, n, "id", enc_trim(f->stable_id));
    else if (!n->line && n->resource.n)
        set_identity(e, n, "resource", n->resource);
}
