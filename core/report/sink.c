/* Buffered output to a file descriptor, which may be non-blocking (a terminal shared with another
 * program). The first error is kept and later output is dropped. */
#include "report_priv.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { SINK_FULL = 64 << 10 };

static int write_fully(int fd, struct sco_str s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n >= 0)
            s = sco_str_make(s.p + n, s.n - (size_t)n);
        else if (errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            if (poll(&p, 1, -1) < 0 && errno != EINTR)
                return errno;
        } else if (errno != EINTR)
            return errno;
    }
    return 0;
}

static void put(struct sink *s, struct sco_str text)
{
    if (!s->error && !s->b.failed && text.n) {
        s->error = write_fully(s->fd, text);
        s->total += text.n;
    }
}

static void flush(struct sink *s)
{
    put(s, sco_buf_str(&s->b));
    s->b.n = 0;
}

bool sink_more(struct sink *s)
{
    if (s->b.n >= SINK_FULL)
        flush(s);
    return !s->error && !s->b.failed;
}

bool sink_take(struct sink *s, struct sco_buf *text)
{
    s->b.failed |= text->failed;
    flush(s);
    put(s, sco_buf_str(text));
    sco_buf_clear(text);
    return !s->error && !s->b.failed;
}

int sink_end(struct sink *s, struct sco_error *err)
{
    flush(s);
    int r = sco_buf_check(&s->b, err);
    if (r == 0 && s->error)
        r = sco_error_errno(err, s->error, "cannot write %s", s->name);
    sco_buf_done(&s->b);
    return r;
}
