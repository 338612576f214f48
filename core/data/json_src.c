/* Where JSON text comes from: memory, or a window over a file that is read with pread, so that
 * walks can go back. Anything but a regular file is copied to an unlinked temporary file first. A
 * file that changes while it is read is an error. */
#include "json_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <secureops/fs.h>

/* A place for pointers that have nothing to point to: NULL must not be added to. */
static const char none[1] = "";

size_t sco_json_window = SCO_JSON_WINDOW;

int sco_json_fault(struct sco_json_src *s, int code, uint64_t at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->fault.what, sizeof s->fault.what, fmt, ap);
    va_end(ap);
    s->fault.code = code;
    s->fault.at = at;
    s->fault.cut = false;
    s->fault.os_error = 0;
    return code;
}

int sco_json_cut(struct sco_json_src *s, const char *in_what)
{
    if (in_what)
        sco_json_fault(s, SCO_E_PARSE, s->size, "ends in the middle of %s", in_what);
    else
        sco_json_fault(s, SCO_E_PARSE, s->size, "expected a value, found the end");
    s->fault.cut = true;
    return SCO_E_PARSE;
}

int sco_json_unexpected(struct sco_json_src *s, const char *expected)
{
    uint64_t at = sco_json_src_tell(s);
    unsigned char c = (unsigned char)*s->p;
    if (c > ' ' && c < 0x7F)
        return sco_json_fault(s, SCO_E_PARSE, at, "expected %s, found '%c'", expected, c);
    return sco_json_fault(s, SCO_E_PARSE, at, "expected %s, found byte 0x%02x", expected, c);
}

int sco_json_too_deep(struct sco_json_src *s, uint64_t at)
{
    return sco_json_fault(s, SCO_E_LIMIT, at,
                          "more than %d lists and objects in each other (SCO_JSON_DEPTH_MAX)",
                          SCO_JSON_DEPTH_MAX);
}

static int no_memory(struct sco_json_src *s)
{
    return sco_json_fault(s, SCO_E_NOMEM, sco_json_src_tell(s), "out of memory");
}

static int os_fault(struct sco_json_src *s, uint64_t at, int e)
{
    sco_json_fault(s, SCO_E_IO, at, "cannot read");
    s->fault.os_error = e;
    return SCO_E_IO;
}

static int changed(struct sco_json_src *s, uint64_t at, const char *how)
{
    return sco_json_fault(s, SCO_E_IO, at, "the file %s while it was read", how);
}

/* An append or a rewrite during the reading would give a mixture of two reports. */
static int check_unchanged(struct sco_json_src *s)
{
    struct stat st;
    if (fstat(s->fd, &st) < 0)
        return os_fault(s, s->size, errno);
    if ((uint64_t)st.st_size > s->size)
        return changed(s, s->size, "grew");
    if ((uint64_t)st.st_size < s->size)
        return changed(s, (uint64_t)st.st_size, "shrank");
    if (st.st_mtim.tv_sec != s->mtime.tv_sec || st.st_mtim.tv_nsec != s->mtime.tv_nsec)
        return changed(s, s->size, "changed");
    return 1;
}

/* Memory for `keep` bytes and at least as many new ones; moves the kept bytes to its start. */
static int make_room(struct sco_json_src *s, size_t keep)
{
    size_t cap = s->cap ? s->cap : sco_json_window;
    if (keep > SCO_JSON_TOKEN_MAX)
        return sco_json_fault(s, SCO_E_LIMIT, sco_json_src_tell(s),
                              "a string or number is longer than %d bytes (SCO_JSON_TOKEN_MAX)",
                              SCO_JSON_TOKEN_MAX);
    if (keep && keep > cap / 2)
        cap *= 2;
    else if (cap > sco_json_window && keep <= sco_json_window / 2)
        cap = sco_json_window;
    if (keep && s->p != s->buf)
        memmove(s->buf, s->p, keep);
    s->off += (uint64_t)(s->p - s->win);
    s->win = s->p = s->buf ? s->buf : none;
    s->end = s->p + keep;
    if (cap != s->cap) {
        char *buf = sco_grow(s->buf, cap, 1);
        if (!buf)
            return no_memory(s);
        s->buf = buf;
        s->cap = cap;
        s->win = s->p = buf;
        s->end = buf + keep;
    }
    return 0;
}

int sco_json_src_more(struct sco_json_src *s)
{
    uint64_t at = s->off + (uint64_t)(s->end - s->win);
    if (s->fd < 0 || at >= s->size)
        return 0;
    int r = make_room(s, (size_t)(s->end - s->p));
    if (r < 0)
        return r;
    size_t want = s->cap - (size_t)(s->end - s->buf);
    if (s->jumped && want > SCO_JSON_SEEK_READ)
        want = SCO_JSON_SEEK_READ;
    s->jumped = false;
    if (want > s->size - at)
        want = (size_t)(s->size - at);
    ssize_t n;
    do
        n = pread(s->fd, s->buf + (s->end - s->buf), want, (off_t)at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return os_fault(s, at, errno);
    if (n == 0)
        return changed(s, at, "shrank");
    s->end += n;
    return at + (uint64_t)n == s->size ? check_unchanged(s) : 1;
}

int64_t sco_json_src_need(struct sco_json_src *s, size_t n)
{
    while ((size_t)(s->end - s->p) < n) {
        int r = sco_json_src_more(s);
        if (r < 0)
            return r;
        if (r == 0)
            break;
    }
    return s->end - s->p;
}

void sco_json_src_seek(struct sco_json_src *s, uint64_t at)
{
    if (at >= s->off && at <= s->off + (uint64_t)(s->end - s->win)) {
        s->p = s->win + (at - s->off);
        return;
    }
    s->win = s->p = s->end = s->buf ? s->buf : none;
    s->off = at;
    s->jumped = true;
}

int sco_json_src_skip_bom(struct sco_json_src *s)
{
    int64_t n = sco_json_src_need(s, 4);
    if (n < 0)
        return (int)n;
    if (n >= 3 && memcmp(s->p, "\xEF\xBB\xBF", 3) == 0)
        s->p += 3;
    else if (n >= 2 && (memcmp(s->p, "\xFF\xFE", 2) == 0 || memcmp(s->p, "\xFE\xFF", 2) == 0))
        return sco_json_fault(s, SCO_E_PARSE, 0, "the text is UTF-16 or UTF-32, expected UTF-8");
    else if (n >= 4 && memcmp(s->p, "\0\0\xFE\xFF", 4) == 0)
        return sco_json_fault(s, SCO_E_PARSE, 0, "the text is UTF-32, expected UTF-8");
    return 0;
}

static int temporary_file(struct sco_error *err)
{
    const char *dir = getenv("TMPDIR");
    if (!dir || !*dir)
        dir = "/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    sco_buf_addf(&name, "%s/secureops-XXXXXX", dir);
    sco_buf_z(&name);
    if (name.failed)
        return sco_error_nomem(err);
    fd = mkostemp(name.p, O_CLOEXEC);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot create a temporary file in %s", dir);
    unlink(name.p);
    return fd;
}

/* Moves a descriptor out of a variable that would close it. */
static int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* Copies what can be read only once. Returns the descriptor of the copy. */
static int spool(int in, const char *path, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int out = temporary_file(err);
    SCO_AUTO(sco_free) char *buf = sco_alloc(SCO_JSON_WINDOW, 1);
    int64_t total = 0;
    if (out < 0)
        return out;
    if (!buf)
        return sco_error_nomem(err);
    for (;;) {
        ssize_t n = read(in, buf, SCO_JSON_WINDOW);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sco_error_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            break;
        if ((total += n) > SCO_JSON_SPOOL_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "%s: more than %lld bytes (SCO_JSON_SPOOL_MAX)",
                                 path, (long long)SCO_JSON_SPOOL_MAX);
        int e = sco_fs_write_all(out, sco_str_make(buf, (size_t)n));
        if (e < 0)
            return sco_error_errno(err, -e, "cannot copy %s to a temporary file", path);
    }
    return take_fd(&out);
}

int sco_json_src_open(struct sco_json_src *s, const char *path, struct sco_error *err)
{
    struct stat st;
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "cannot open %s", path);
    if (S_ISDIR(st.st_mode))
        return sco_error_set(err, SCO_E_IO, "cannot read %s: it is a folder", path);
    char c; /* files of /proc say that they are empty, and are not */
    if (!S_ISREG(st.st_mode) || (st.st_size == 0 && pread(fd, &c, 1, 0) == 1)) {
        int copy = spool(fd, path, err);
        if (copy < 0)
            return copy;
        close(fd);
        fd = copy;
        if (fstat(fd, &st) < 0)
            return sco_error_errno(err, errno, "cannot read the copy of %s", path);
    }
    if ((uint64_t)st.st_size >> SCO_JSON_OFFSET_BITS)
        return sco_error_set(err, SCO_E_LIMIT, "%s: larger than 2^%d bytes", path,
                             SCO_JSON_OFFSET_BITS);
    *s = (struct sco_json_src){.p = none,
                               .end = none,
                               .win = none,
                               .fd = take_fd(&fd),
                               .size = (uint64_t)st.st_size,
                               .mtime = st.st_mtim};
    return 0;
}

void sco_json_src_mem(struct sco_json_src *s, struct sco_str text)
{
    const char *p = text.p ? text.p : none;
    *s = (struct sco_json_src){.fd = -1, .p = p, .win = p, .end = p + text.n, .size = text.n};
}

void sco_json_src_done(struct sco_json_src *s)
{
    if (s->fd >= 0)
        close(s->fd);
    free(s->buf);
    *s = (struct sco_json_src){.fd = -1};
}

int sco_json_report(const struct sco_json_src *s, const char *name, const char *path,
                    struct sco_error *err)
{
    const struct sco_json_fault *f = &s->fault;
    const char *sep = name ? ": " : "";
    name = name ? name : "";
    if (f->os_error)
        return sco_error_errno(err, f->os_error, "%s%s%s", name, sep, f->what);
    if (f->code == SCO_E_NOMEM)
        return sco_error_set(err, f->code, "%s%s%s", name, sep, f->what);
    return sco_error_set(err, f->code, "%s%soffset %llu, %s: %s", name, sep,
                         (unsigned long long)f->at, path ? path : "$", f->what);
}
