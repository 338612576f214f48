/* Unpacking zip by its central directory: stored and deflated entries, also with 64-bit sizes. One
 * that is encrypted or packed otherwise ends it: what cannot be read was not checked. */
#include "checkout_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/fs.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    TAIL = 22 + 65535, /* end record and its comment */
    DIRECTORY_MAX = 256 << 20,
    STORED = 0,
    DEFLATED = 8,
    LINK = 0120000,
    TYPE_MASK = 0170000
};

struct zip {
    int fd;
    uint64_t at, end; /* of the entry's packed bytes */
    uint32_t sum, said_sum;
    bool deflated, ended;
    z_stream z;
    unsigned char in[64 << 10];
};

static uint64_t le(const char *p, size_t n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | (unsigned char)p[n];
    return v;
}

static int damaged(struct sco_error *err)
{
    return sco_error_set(err, SCO_E_PARSE, "the archive is damaged or no zip file");
}

static int read_at(int fd, uint64_t at, void *p, size_t n, struct sco_error *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (char *)p + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sco_error_errno(err, errno, "cannot read the archive");
        if (got == 0)
            return damaged(err);
        done += (size_t)got;
    }
    return 0;
}

/* ---- one entry's bytes ---- */
static int refill(struct zip *z, struct sco_error *err)
{
    uint64_t left = z->end - z->at;
    size_t n = left < sizeof z->in ? (size_t)left : sizeof z->in;
    int r = read_at(z->fd, z->at, z->in, n, err);
    z->at += n;
    z->z.next_in = z->in;
    z->z.avail_in = (unsigned)n;
    return r;
}

static int zip_read(struct unpack *u, void *p, size_t n, size_t *ret_n, struct sco_error *err)
{
    struct zip *z = u->user;
    z->z.next_out = p;
    z->z.avail_out = (unsigned)n;
    while (z->z.avail_out && !z->ended) {
        int r = 0;
        if (!z->z.avail_in && z->at < z->end)
            r = refill(z, err);
        if (r < 0)
            return r;
        if (!z->deflated) {
            unsigned k = z->z.avail_in < z->z.avail_out ? z->z.avail_in : z->z.avail_out;
            memcpy(z->z.next_out, z->z.next_in, k);
            z->z.next_in += k, z->z.avail_in -= k;
            z->z.next_out += k, z->z.avail_out -= k;
            z->ended = !z->z.avail_in && z->at == z->end;
            continue;
        }
        unsigned before_in = z->z.avail_in, before_out = z->z.avail_out;
        int e = inflate(&z->z, Z_NO_FLUSH);
        if (e == Z_STREAM_END)
            z->ended = true;
        else if (e != Z_OK || (before_in == z->z.avail_in && before_out == z->z.avail_out))
            return damaged(err);
    }
    *ret_n = n - z->z.avail_out;
    z->sum = (uint32_t)crc32(z->sum, p, (unsigned)*ret_n);
    return 0;
}

struct entry {
    struct sco_str name;
    uint64_t packed, size, offset;
    uint32_t sum, mode;
    uint16_t flags, method;
};

static int open_entry(struct unpack *u, const struct entry *e, struct sco_error *err)
{
    struct zip *z = u->user;
    char head[30];
    int r = read_at(z->fd, e->offset, head, sizeof head, err);
    if (r < 0)
        return r;
    if (le(head, 4) != 0x04034b50)
        return damaged(err);
    z->at = e->offset + sizeof head + le(head + 26, 2) + le(head + 28, 2);
    z->end = z->at + e->packed;
    z->deflated = e->method == DEFLATED;
    z->ended = !z->deflated && !e->packed;
    z->sum = (uint32_t)crc32(0, NULL, 0);
    z->z.avail_in = 0;
    return z->deflated && inflateReset(&z->z) != Z_OK ? damaged(err) : 0;
}

static int unpack_entry(struct unpack *u, const struct entry *e, struct sco_error *err)
{
    struct zip *z = u->user;
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    bool folder = e->name.n && e->name.p[e->name.n - 1] == '/';
    bool link = (e->mode & TYPE_MASK) == LINK;
    int r = unpack_name(e->name, &name, err);
    if (r < 0)
        return r;
    if (r == 1 || link) {
        u->skipped++;
        return 0;
    }
    if (folder)
        return unpack_folder(u, sco_buf_z(&name), err);
    if ((e->flags & 1) || (e->method != STORED && e->method != DEFLATED))
        return sco_error_set(err, SCO_E_UNSUPPORTED,
                             "the archive has encrypted files, or some packed in another way");
    r = open_entry(u, e, err);
    if (r == 0) /* one byte more than it should be, so that more is noticed */
        r = unpack_file(u, sco_buf_z(&name), e->size + 1, err);
    if (r == 0 && (z->sum != e->sum || !z->ended))
        return damaged(err);
    return r;
}

/* ---- directory ---- */
/* 64-bit values that did not fit stand in an extra field, in this order. */
static bool read_extra(struct sco_str extra, struct entry *e)
{
    while (extra.n >= 4) {
        size_t id = (size_t)le(extra.p, 2), n = (size_t)le(extra.p + 2, 2);
        if (n > extra.n - 4)
            return false;
        struct sco_str v = sco_str_make(extra.p + 4, n);
        uint64_t *const wide[] = {&e->size, &e->packed, &e->offset};
        for (size_t i = 0; id == 1 && i < SCO_ARRAY_LEN(wide); i++) {
            if (*wide[i] != UINT32_MAX)
                continue;
            if (v.n < 8)
                return false;
            *wide[i] = le(v.p, 8);
            v = sco_str_make(v.p + 8, v.n - 8);
        }
        extra = sco_str_make(extra.p + 4 + n, extra.n - 4 - n);
    }
    return true;
}

/* The entry at the start of *rest, which is shortened. */
static bool read_entry(struct sco_str *rest, struct entry *ret)
{
    enum { HEAD = 46 };
    const char *p = rest->p;
    if (rest->n < HEAD || le(p, 4) != 0x02014b50)
        return false;
    size_t name = (size_t)le(p + 28, 2), extra = (size_t)le(p + 30, 2);
    size_t comment = (size_t)le(p + 32, 2);
    if (name + extra + comment > rest->n - HEAD)
        return false;
    *ret = (struct entry){.name = sco_str_make(p + HEAD, name),
                          .packed = le(p + 20, 4),
                          .size = le(p + 24, 4),
                          .offset = le(p + 42, 4),
                          .sum = (uint32_t)le(p + 16, 4),
                          .mode = (uint32_t)(le(p + 38, 4) >> 16),
                          .flags = (uint16_t)le(p + 8, 2),
                          .method = (uint16_t)le(p + 10, 2)};
    if (!read_extra(sco_str_make(p + HEAD + name, extra), ret))
        return false;
    size_t all = HEAD + name + extra + comment;
    *rest = sco_str_make(p + all, rest->n - all);
    return ret->packed <= INT64_MAX / 4 && ret->size <= INT64_MAX / 4 &&
           ret->offset <= INT64_MAX / 4;
}

struct place {
    uint64_t at, size, count;
};

static int find_directory(int fd, uint64_t size, struct place *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf tail = {0};
    size_t n = size < TAIL ? (size_t)size : TAIL;
    if (sco_buf_reserve(&tail, n + 1) < 0)
        return sco_error_nomem(err);
    int r = read_at(fd, size - n, tail.p, n, err);
    if (r < 0)
        return r;
    for (size_t i = n < 22 ? 0 : n - 21; i-- > 0;) {
        const char *p = tail.p + i;
        if (le(p, 4) != 0x06054b50 || i + 22 + le(p + 20, 2) != n)
            continue;
        *ret = (struct place){.at = le(p + 16, 4), .size = le(p + 12, 4), .count = le(p + 10, 2)};
        if (i < 20 || le(p - 20, 4) != 0x07064b50)
            return 0;
        char wide[56]; /* a 64-bit end record, and before this one where it is */
        r = read_at(fd, le(p - 12, 8), wide, sizeof wide, err);
        if (r == 0 && le(wide, 4) != 0x06064b50)
            return damaged(err);
        *ret = (struct place){
            .at = le(wide + 48, 8), .size = le(wide + 40, 8), .count = le(wide + 32, 8)};
        return r;
    }
    return damaged(err);
}

static int unpack_all(struct unpack *u, const char *path, struct sco_error *err)
{
    struct zip *z = u->user;
    SCO_AUTO(sco_buf) struct sco_buf directory = {0};
    struct stat st;
    struct place place = {0};
    if (fstat(z->fd, &st) < 0)
        return sco_error_errno(err, errno, "%s", path);
    int r = find_directory(z->fd, (uint64_t)st.st_size, &place, err);
    if (r < 0)
        return r;
    if (place.size > DIRECTORY_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "the archive has too many files");
    if (place.size > (uint64_t)st.st_size || place.at > (uint64_t)st.st_size)
        return damaged(err);
    if (sco_buf_reserve(&directory, (size_t)place.size + 1) < 0)
        return sco_error_nomem(err);
    r = read_at(z->fd, place.at, directory.p, (size_t)place.size, err);
    struct sco_str rest = sco_str_make(directory.p, (size_t)place.size);
    for (uint64_t i = 0; r == 0 && i < place.count; i++) {
        struct entry e = {0};
        r = read_entry(&rest, &e) ? unpack_check(u, err) : damaged(err);
        if (r == 0)
            r = unpack_entry(u, &e, err);
    }
    return r;
}

int unpack_zip(struct unpack *u, const char *path, struct sco_error *err)
{
    SCO_AUTO(sco_free) struct zip *z = sco_alloc(1, sizeof *z);
    if (!z)
        return sco_error_nomem(err);
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot open %s", path);
    if (inflateInit2(&z->z, -MAX_WBITS) != Z_OK)
        return sco_error_nomem(err);
    z->fd = fd;
    u->read = zip_read;
    u->user = z;
    int r = unpack_all(u, path, err);
    inflateEnd(&z->z);
    return r;
}
