/* A file of JSON lines. Lines are gathered, appended with one write and synchronised with the disk
 * before the cursor moves: after a crash the file may have lines twice, never half of one. When the
 * file was rotated (another one, or none, has its name) the new one is opened. */
#include "bus_priv.h"

#include <secureops/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH_BYTES = 256 << 10, TAIL = 2 * SCO_EVENT_DATA_MAX };
static const char line_start[] = "{\"event_id\":\"";

struct jsonl {
    struct bus_sink sink;
    char *path;
    int fd;
    bool regular;
    dev_t dev;
    ino_t ino;
    struct sco_buf batch;
    size_t waiting;
    int64_t last, written; /* positions: of the batch, on disk */
};

static struct jsonl *of(struct bus_sink *s)
{
    return (struct jsonl *)s;
}

static void jsonl_close(struct bus_sink *s)
{
    struct jsonl *j = of(s);
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
    sco_buf_clear(&j->batch);
    j->waiting = 0;
}

/* What was written before the power went may end in the middle of a line. Of ours it goes, since it
 * is written again; what is not ours is only ended. */
static int repair(struct jsonl *j, off_t size, struct sco_error *err)
{
    size_t n = (size_t)(size < TAIL ? size : TAIL), start = 0;
    SCO_AUTO(sco_free) char *tail = sco_alloc(n + 1, 1);
    if (!tail)
        return sco_error_nomem(err);
    ssize_t got = pread(j->fd, tail, n, size - (off_t)n);
    if (got != (ssize_t)n)
        return sco_error_errno(err, got < 0 ? errno : EIO, "cannot read %s", j->path);
    if (tail[n - 1] == '\n')
        return 0;
    for (size_t i = n; i > 0 && !start; i--)
        start = tail[i - 1] == '\n' ? i : 0;
    size_t left = n - start, known = sizeof line_start - 1;
    bool ours = (start || n == (size_t)size) &&
                memcmp(tail + start, line_start, left < known ? left : known) == 0;
    if (ours ? ftruncate(j->fd, size - (off_t)left) < 0 : write(j->fd, "\n", 1) != 1)
        return sco_error_errno(err, errno, "cannot repair the last line of %s", j->path);
    return 0;
}

static int open_file(struct jsonl *j, struct sco_error *err)
{
    struct stat st;
    if (j->fd >= 0)
        close(j->fd);
    j->fd = open(j->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (j->fd < 0 || fstat(j->fd, &st) < 0)
        return sco_error_errno(err, errno, "cannot open %s", j->path);
    if (fcntl(j->fd, F_SETFL, O_APPEND) < 0) /* only the opening must not wait, for a FIFO */
        return sco_error_errno(err, errno, "cannot open %s", j->path);
    j->regular = S_ISREG(st.st_mode);
    j->dev = st.st_dev;
    j->ino = st.st_ino;
    return j->regular && st.st_size ? repair(j, st.st_size, err) : 0;
}

static int jsonl_open(struct bus_sink *s, int64_t position, struct sco_error *err)
{
    struct jsonl *j = of(s);
    j->last = j->written = position;
    int r = open_file(j, err);
    if (r < 0)
        jsonl_close(s);
    else
        s->up = true;
    return r;
}

static size_t jsonl_room(const struct bus_sink *s)
{
    const struct jsonl *j = (const struct jsonl *)((const char *)s - offsetof(struct jsonl, sink));
    return j->batch.n >= BATCH_BYTES ? 0 : SIZE_MAX;
}

static int jsonl_put(struct bus_sink *s, const struct sco_event *e, struct sco_str text,
                     struct sco_error *err)
{
    struct jsonl *j = of(s);
    if (j->batch.n >= BATCH_BYTES)
        return 1;
    sco_buf_add(&j->batch, text);
    sco_buf_addc(&j->batch, '\n');
    j->last = e->position;
    j->waiting++;
    return sco_buf_check(&j->batch, err);
}

static int rotated(struct jsonl *j, struct sco_error *err)
{
    struct stat st;
    if (j->regular && (stat(j->path, &st) < 0 || st.st_dev != j->dev || st.st_ino != j->ino))
        return open_file(j, err);
    return 0;
}

static int write_batch(struct jsonl *j, struct sco_error *err)
{
    struct stat st = {0};
    size_t done = 0;
    if (fstat(j->fd, &st) < 0)
        return sco_error_errno(err, errno, "cannot write %s", j->path);
    while (done < j->batch.n) {
        ssize_t n = write(j->fd, j->batch.p + done, j->batch.n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int e = n < 0 ? errno : EIO;
            if (j->regular && ftruncate(j->fd, st.st_size) < 0)
                e = errno; /* the next opening repairs it */
            return sco_error_errno(err, e, "cannot write %s", j->path);
        }
        done += (size_t)n;
    }
    if (j->regular && fdatasync(j->fd) < 0)
        return sco_error_errno(err, errno, "cannot write %s", j->path);
    return 0;
}

static int jsonl_poll(struct bus_sink *s, int ms, int64_t *ret_position, size_t *ret_waiting,
                      struct sco_error *err)
{
    struct jsonl *j = of(s);
    (void)ms;
    int r = j->waiting ? rotated(j, err) : 0;
    if (r == 0 && j->waiting)
        r = write_batch(j, err);
    if (r < 0)
        return r;
    sco_buf_clear(&j->batch);
    j->waiting = 0;
    j->written = j->last;
    *ret_position = j->written;
    *ret_waiting = 0;
    return 0;
}

static void jsonl_free(struct bus_sink *s)
{
    struct jsonl *j = of(s);
    jsonl_close(s);
    sco_buf_done(&j->batch);
    free(j->path);
    free(j);
}

int bus_jsonl_new(const char *path, struct bus_sink **ret, struct sco_error *err)
{
    static const struct bus_sink_ops ops = {jsonl_open, jsonl_room,  jsonl_put,
                                            jsonl_poll, jsonl_close, jsonl_free};
    struct jsonl *j = sco_alloc(1, sizeof *j);
    if (!j || !(j->path = sco_strdup(sco_str_c(path)))) {
        free(j);
        return sco_error_nomem(err);
    }
    j->sink.ops = &ops;
    j->sink.name = SCO_BUS_CURSOR_JSONL;
    j->fd = -1;
    *ret = &j->sink;
    return 0;
}
