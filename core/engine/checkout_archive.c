/* Unpacking tar (plain or gzip; ustar, GNU and pax names) into an empty folder of ours. Nothing is
 * made but folders and files, so no entry can lead out of the folder by a link; a name with ".." or
 * a slash at its start ends it. Links, devices and whatever is called .git are left out: git would
 * obey a configuration that came with the archive. */
#include "checkout_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <secureops/fs.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    FILES_MAX = 1000000,
    BLOCK = 512,
    CHUNK = 64 << 10,
    NAME_MAX_ = 4096,
    DEPTH_MAX = 100,
    PAX_MAX = 1 << 20
};

/* ---- names, folders, files ---- */
int unpack_check(struct unpack *u, struct sco_error *err)
{
    struct pollfd p = {.fd = u->cancel_fd, .events = POLLIN | POLLRDHUP};
    if (u->cancel_fd >= 0 && poll(&p, 1, 0) > 0)
        return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    if (sco_mono_ms() >= u->deadline)
        return sco_error_set(err, SCO_E_TIMEOUT, "the archive was not unpacked in time");
    return 0;
}

static bool is_git(struct sco_str s)
{
    /* and what file systems take for it */
    return sco_str_is_nocase(s, ".git") || sco_str_is_nocase(s, "git~1") ||
           sco_str_is_nocase(s, ".git ") || sco_str_is_nocase(s, ".git.");
}

int unpack_name(struct sco_str raw, struct sco_buf *out, struct sco_error *err)
{
    struct sco_str part, rest = raw;
    size_t depth = 0;
    bool left_out = false;
    sco_buf_clear(out);
    if (!raw.n || raw.n > NAME_MAX_ || raw.p[0] == '/' || memchr(raw.p, 0, raw.n) ||
        memchr(raw.p, '\\', raw.n))
        return sco_error_set(err, SCO_E_INVALID, "the archive has a file name that is not allowed");
    while (sco_str_split(&rest, '/', &part)) {
        if (sco_str_is(part, ".."))
            return sco_error_set(err, SCO_E_INVALID,
                                 "the archive leads out of its folder (\"..\")");
        if (!part.n || sco_str_is(part, "."))
            continue;
        left_out |= is_git(part);
        if (++depth > DEPTH_MAX || part.n > 255)
            return sco_error_set(err, SCO_E_LIMIT, "the archive has a path that is too deep");
        if (out->n)
            sco_buf_addc(out, '/');
        sco_buf_add(out, part);
    }
    if (out->failed)
        return sco_error_nomem(err);
    return left_out || !out->n;
}

int unpack_folder(struct unpack *u, const char *name, struct sco_error *err)
{
    char path[NAME_MAX_ + 1];
    for (const char *p = name; *p;) {
        const char *slash = strchr(p, '/');
        size_t n = slash ? (size_t)(slash - name) : strlen(name);
        memcpy(path, name, n);
        path[n] = 0;
        if (mkdirat(u->root, path, 0700) == 0) {
            if (!u->files_left--)
                return sco_error_set(err, SCO_E_LIMIT, "the archive has more than %d files",
                                     FILES_MAX);
        } else if (errno != EEXIST)
            return sco_error_errno(err, errno, "cannot unpack %s", path);
        p = name + n + (slash != NULL);
    }
    return 0;
}

static int make_file(struct unpack *u, const char *name, int *ret, struct sco_error *err)
{
    const char *slash = strrchr(name, '/');
    char folder[NAME_MAX_ + 1] = "";
    if (slash)
        memcpy(folder, name, (size_t)(slash - name));
    int r = unpack_folder(u, folder, err);
    if (r == 0 && !u->files_left--)
        r = sco_error_set(err, SCO_E_LIMIT, "the archive has more than %d files", FILES_MAX);
    if (r < 0)
        return r;
    unlinkat(u->root, name, 0); /* the later one of a name counts, as with tar */
    int fd = openat(u->root, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot unpack %s", name);
    *ret = fd;
    return 0;
}

int unpack_file(struct unpack *u, const char *name, uint64_t size, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int fd = -1;
    char chunk[CHUNK];
    int r = make_file(u, name, &fd, err);
    while (r == 0 && size) {
        size_t want = size < sizeof chunk ? (size_t)size : sizeof chunk, n = 0;
        r = u->read(u, chunk, want, &n, err);
        if (r < 0 || n == 0)
            break;
        if (n > u->left)
            return sco_error_set(err, SCO_E_LIMIT,
                                 "the archive is larger than checkout.size_limit");
        u->left -= n;
        size -= n;
        int e = sco_fs_write_all(fd, sco_str_make(chunk, n));
        r = e < 0 ? sco_error_errno(err, -e, "cannot unpack %s", name) : unpack_check(u, err);
    }
    return r;
}

/* ---- tar ---- */
struct tar {
    gzFile file;
    struct sco_buf name; /* from a GNU or pax entry before, for the next one */
};

static int tar_read(struct unpack *u, void *p, size_t n, size_t *ret_n, struct sco_error *err)
{
    struct tar *t = u->user;
    int got = gzread(t->file, p, (unsigned)n);
    if (got < 0 || (size_t)got != n)
        return sco_error_set(err, SCO_E_PARSE, "the archive is damaged or cut short");
    *ret_n = n;
    return 0;
}

static bool octal(const char *p, size_t n, uint64_t *ret)
{
    uint64_t v = 0;
    if ((unsigned char)p[0] == 0x80) { /* base 256 */
        for (size_t i = 1; i < n; i++)
            v = v << 8 | (unsigned char)p[i];
        *ret = v;
        return v <= INT64_MAX;
    }
    size_t i = 0;
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(p[i] - '0');
    *ret = v;
    return i == n || p[i] == ' ' || p[i] == 0;
}

static bool sum_fits(const char block[BLOCK])
{
    uint64_t said, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)block[i];
    return octal(block + 148, 8, &said) && said == sum;
}

static int skip(struct unpack *u, uint64_t n, struct sco_error *err)
{
    char chunk[CHUNK];
    int r = 0;
    while (r == 0 && n) {
        size_t want = n < sizeof chunk ? (size_t)n : sizeof chunk, got;
        r = u->read(u, chunk, want, &got, err);
        if (r == 0)
            r = unpack_check(u, err);
        n -= want;
    }
    return r;
}

/* "27 path=folder/file\n" among other records. */
static int pax_path(struct sco_str text, struct sco_buf *name, struct sco_error *err)
{
    while (text.n) {
        const char *space = memchr(text.p, ' ', text.n);
        int64_t n;
        size_t digits = space ? (size_t)(space - text.p) : 0;
        if (!space || sco_parse_i64(sco_str_make(text.p, digits), 5, (int64_t)text.n, &n) < 0 ||
            (size_t)n < digits + 2 || text.p[n - 1] != '\n')
            return sco_error_set(err, SCO_E_PARSE, "the archive has a damaged pax header");
        struct sco_str record = sco_str_make(space + 1, (size_t)n - digits - 2);
        if (sco_str_starts(record, "path=")) {
            sco_buf_clear(name);
            sco_buf_add(name, sco_str_make(record.p + 5, record.n - 5));
        }
        text = sco_str_make(text.p + n, text.n - (size_t)n);
    }
    return 0;
}

/* An entry that names the next one. */
static int read_name(struct unpack *u, char type, uint64_t size, struct sco_error *err)
{
    struct tar *t = u->user;
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    size_t n;
    if (size > PAX_MAX || sco_buf_reserve(&text, (size_t)size + 1) < 0)
        return sco_error_set(err, SCO_E_LIMIT, "the archive has a header that is too large");
    int r = size ? tar_read(u, text.p, (size_t)size, &n, err) : 0;
    if (r < 0)
        return r;
    text.n = (size_t)size;
    if (type == 'x')
        return pax_path(sco_buf_str(&text), &t->name, err);
    sco_buf_clear(&t->name);
    sco_buf_add(&t->name, sco_str_make(text.p, strnlen(text.p, text.n)));
    return 0;
}

static int entry_name(const char block[BLOCK], struct tar *t, struct sco_buf *out,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf full = {0};
    if (t->name.n) {
        sco_buf_add(&full, sco_buf_str(&t->name));
        sco_buf_clear(&t->name);
    } else {
        bool ustar = memcmp(block + 257, "ustar", 6) == 0; /* GNU's has other things there */
        if (ustar && block[345])
            sco_buf_addf(&full, "%.*s/", (int)strnlen(block + 345, 155), block + 345);
        sco_buf_addf(&full, "%.*s", (int)strnlen(block, 100), block);
    }
    return full.failed ? sco_error_nomem(err) : unpack_name(sco_buf_str(&full), out, err);
}

static int tar_entry(struct unpack *u, const char block[BLOCK], struct sco_error *err)
{
    struct tar *t = u->user;
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    uint64_t size;
    char type = block[156];
    if (!sum_fits(block) || !octal(block + 124, 12, &size))
        return sco_error_set(err, SCO_E_PARSE, "the archive is damaged: a header's sum is wrong");
    uint64_t padding = (BLOCK - size % BLOCK) % BLOCK;
    int r;
    if (type == 'x' || type == 'L')
        r = read_name(u, type, size, err);
    else if (type == 'g' || type == 'K')
        r = skip(u, size, err);
    else {
        r = entry_name(block, t, &name, err);
        bool file = type == '0' || type == 0 || type == '7';
        u->skipped += r == 1 || (!file && type != '5');
        if (r == 0 && file)
            r = unpack_file(u, sco_buf_z(&name), size, err);
        else if (r >= 0) {
            r = r == 0 && type == '5' ? unpack_folder(u, sco_buf_z(&name), err) : 0;
            bool has_data = type != '1' && type != '2' && type != '5';
            if (r == 0 && has_data)
                r = skip(u, size, err);
            else
                padding = 0;
        }
    }
    return r == 0 && padding ? skip(u, padding, err) : r;
}

static int unpack_tar(struct unpack *u, const char *path, struct sco_error *err)
{
    static const char zeros[BLOCK];
    struct tar t = {.file = gzopen(path, "rbe")};
    char block[BLOCK];
    size_t n;
    int r = 0;
    if (!t.file)
        return sco_error_errno(err, errno ? errno : ENOMEM, "cannot open %s", path);
    u->read = tar_read;
    u->user = &t;
    for (bool ended = false; r == 0 && !ended;) {
        r = tar_read(u, block, BLOCK, &n, err);
        if (r == 0 && memcmp(block, zeros, BLOCK) == 0)
            ended = true;
        else if (r == 0)
            r = tar_entry(u, block, err);
    }
    u->user = NULL;
    gzclose(t.file);
    sco_buf_done(&t.name);
    return r;
}

int checkout_archive(const struct sco_checkout_request *q, const char *path, int64_t deadline,
                     struct sco_error *err)
{
    SCO_AUTO(sco_fd) int root = open(q->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return sco_error_errno(err, errno, "cannot open %s", q->into);
    struct unpack u = {.root = root,
                       .left = q->size_limit ? q->size_limit : 10ull << 30,
                       .files_left = FILES_MAX,
                       .cancel_fd = q->cancel_fd,
                       .deadline = deadline};
    return sco_str_ends(sco_str_c(path), ".zip") ? unpack_zip(&u, path, err)
                                                 : unpack_tar(&u, path, err);
}
