/* What a program writes: stdout into memory or a file up to a limit, of stderr the first and the
 * last part. Reading never blocks: the loop in run.c says when something is there. */
#include "exec_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PIPE_SIZE = 1 << 20,
    READ_SIZE = 256 << 10,
    ROUNDS_MAX = 64, /* reads before the loop looks at its deadline again */
};

static int open_pipe(struct exec_capture *c, int *ret_child_fd, struct sco_error *err)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) < 0)
        return sco_error_errno(err, errno, "cannot make a pipe");
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    fcntl(fd[1], F_SETPIPE_SZ, PIPE_SIZE); /* a user's quota may forbid it, ignoring */
    c->fd = fd[0];
    *ret_child_fd = fd[1];
    return 0;
}

int exec_capture_stdout(struct exec_capture *c, const char *path, uint64_t limit, int *ret_child_fd,
                        struct sco_error *err)
{
    c->limit = limit ? limit : UINT64_MAX;
    if (path) {
        c->file_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (c->file_fd < 0)
            return sco_error_errno(err, errno, "cannot create %s", path);
    }
    return open_pipe(c, ret_child_fd, err);
}

int exec_capture_stderr(struct exec_capture *c, int *ret_child_fd, struct sco_error *err)
{
    c->limit = UINT64_MAX;
    c->ring = sco_grow(NULL, SCO_EXEC_STDERR_TAIL, 1); /* mostly never touched */
    if (!c->ring)
        return sco_error_nomem(err);
    return open_pipe(c, ret_child_fd, err);
}

/* The start fills first; after it only the newest bytes stay. */
static int keep_stderr(struct exec_capture *c, struct sco_str s, struct sco_error *err)
{
    size_t head = SCO_EXEC_STDERR_HEAD - c->kept.n;
    if (head > s.n)
        head = s.n;
    sco_buf_add(&c->kept, sco_str_make(s.p, head));
    s = sco_str_make(s.p + head, s.n - head);
    if (s.n > SCO_EXEC_STDERR_TAIL) { /* all but the end of it would be overwritten at once */
        size_t skip = s.n - SCO_EXEC_STDERR_TAIL;
        c->ring_at = (c->ring_at + skip) % SCO_EXEC_STDERR_TAIL;
        s = sco_str_make(s.p + skip, s.n - skip);
    }
    size_t first = SCO_EXEC_STDERR_TAIL - c->ring_at;
    if (first > s.n)
        first = s.n;
    memcpy(c->ring + c->ring_at, s.p, first);
    memcpy(c->ring, s.p + first, s.n - first);
    c->ring_at = (c->ring_at + s.n) % SCO_EXEC_STDERR_TAIL;
    return sco_buf_check(&c->kept, err);
}

static int keep(struct exec_capture *c, struct sco_str s, struct sco_error *err)
{
    uint64_t room = c->total < c->limit ? c->limit - c->total : 0;
    c->total += s.n;
    c->over = c->total > c->limit;
    if (c->ring)
        return keep_stderr(c, s, err);
    if (s.n > room)
        s.n = (size_t)room;
    if (c->output) {
        c->output(c->user, s);
        return 0;
    }
    if (c->file_fd >= 0) {
        int r = 0;
        for (ssize_t n; s.n && r == 0;) {
            n = write(c->file_fd, s.p, s.n);
            if (n < 0 && errno != EINTR)
                r = sco_error_errno(err, errno, "cannot write what the program prints");
            else if (n > 0)
                s = sco_str_make(s.p + n, s.n - (size_t)n);
        }
        return r;
    }
    sco_buf_add(&c->kept, s);
    return sco_buf_check(&c->kept, err);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int exec_capture_read(struct exec_capture *c, struct sco_error *err)
{
    static char chunk[READ_SIZE]; /* one command at a time, one thread */
    for (int round = 0; c->fd >= 0 && round < ROUNDS_MAX; round++) {
        ssize_t n = read(c->fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0) {
            close_fd(&c->fd);
            return 0;
        }
        int r = keep(c, sco_str_make(chunk, (size_t)n), err);
        if (r < 0) {
            close_fd(&c->fd);
            return r;
        }
    }
    return 0;
}

int exec_capture_text(struct exec_capture *c, struct sco_arena *arena, struct sco_str *ret,
                      struct sco_error *err)
{
    uint64_t beyond = c->ring && c->total > c->kept.n ? c->total - c->kept.n : 0;
    if (beyond > SCO_EXEC_STDERR_TAIL)
        sco_buf_addf(&c->kept, "\n[%llu bytes left out]\n",
                     (unsigned long long)(beyond - SCO_EXEC_STDERR_TAIL));
    if (beyond >= SCO_EXEC_STDERR_TAIL)
        sco_buf_add(&c->kept,
                    sco_str_make(c->ring + c->ring_at, SCO_EXEC_STDERR_TAIL - c->ring_at));
    if (beyond)
        sco_buf_add(&c->kept, sco_str_make(c->ring, c->ring_at));
    int r = sco_buf_check(&c->kept, err);
    if (r < 0)
        return r;
    *ret = sco_arena_str(arena, sco_buf_str(&c->kept));
    return ret->p ? 0 : sco_error_nomem(err);
}

void exec_capture_done(struct exec_capture *c)
{
    close_fd(&c->fd);
    close_fd(&c->file_fd);
    sco_buf_done(&c->kept);
    free(c->ring);
    c->ring = NULL;
}
