/* Frames between engine and worker: see ipc.h. Both ends use this file; neither trusts the other.
 * The only state is the receive buffer, so one struct sco_frames belongs to one descriptor. */
#include <secureops/ipc.h>

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    HEADER = 5,
    READ_SIZE = 64 << 10,
    KEEP_MAX = 1 << 20, /* one huge frame must not be kept for ever */
};

static bool known_type(unsigned char type)
{
    return type && memchr("JCKAHOMUTFRLPID", type, 15);
}

static void put_header(unsigned char h[HEADER], size_t n, enum sco_msg type)
{
    for (int i = 0; i < 4; i++)
        h[i] = (unsigned char)(n >> (8 * i));
    h[4] = (unsigned char)type;
}

/* Whether the socket has a limit of its own: then a write that would block has waited that long. */
static bool has_send_timeout(int fd)
{
    struct timeval tv = {0};
    socklen_t n = sizeof tv;
    return getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &n) == 0 && (tv.tv_sec || tv.tv_usec);
}

/* Waits until a descriptor that does not block is ready; 0 or -errno. */
static int wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    while (poll(&p, 1, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* Takes n sent bytes off the message; none is left when msg_iovlen is 0. */
static void advance(struct msghdr *m, size_t n)
{
    while (m->msg_iovlen) {
        struct iovec *v = m->msg_iov;
        size_t step = n < v->iov_len ? n : v->iov_len;
        v->iov_base = (char *)v->iov_base + step;
        v->iov_len -= step;
        n -= step;
        if (v->iov_len)
            return;
        m->msg_iov++;
        m->msg_iovlen--;
    }
}

int sco_frame_send(int fd, enum sco_msg type, struct sco_str payload, struct sco_error *err)
{
    if (payload.n > SCO_FRAME_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "a message of %zu bytes is above the limit of %d",
                             payload.n, (int)SCO_FRAME_MAX);
    unsigned char header[HEADER];
    put_header(header, payload.n, type);
    struct iovec part[2] = {{header, HEADER}, {(void *)(uintptr_t)payload.p, payload.n}};
    struct msghdr m = {.msg_iov = part, .msg_iovlen = payload.n ? 2 : 1};
    while (m.msg_iovlen) {
        ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (has_send_timeout(fd))
                return sco_error_set(err, SCO_E_TIMEOUT, "the other side does not read");
            int r = wait_for(fd, POLLOUT);
            if (r < 0)
                return sco_error_errno(err, -r, "cannot wait for the other side");
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sco_error_errno(err, errno, "cannot send a message");
        advance(&m, (size_t)n);
    }
    return 0;
}

/* Drops what was consumed, so that the buffer holds at most one frame and what was read with it. */
static void compact(struct sco_frames *f)
{
    size_t rest = f->in.n - f->at;
    if (!rest && f->in.cap > KEEP_MAX)
        sco_buf_done(&f->in);
    else if (f->at && rest)
        memmove(f->in.p, f->in.p + f->at, rest);
    f->in.n = rest;
    f->at = 0;
}

int sco_frames_feed(struct sco_frames *f, struct sco_str bytes, struct sco_error *err)
{
    compact(f);
    if (sco_buf_reserve(&f->in, bytes.n) < 0)
        return sco_error_nomem(err);
    sco_buf_add(&f->in, bytes);
    return sco_buf_check(&f->in, err);
}

int sco_frames_next(struct sco_frames *f, enum sco_msg *ret_type, struct sco_str *ret_payload,
                    struct sco_error *err)
{
    if (f->in.n - f->at < HEADER)
        return 0;
    const unsigned char *h = (const unsigned char *)f->in.p + f->at;
    uint32_t n = h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 24;
    if (!known_type(h[4]))
        return sco_error_set(err, SCO_E_FORMAT, "message of unknown type 0x%02x", h[4]);
    if (n > SCO_FRAME_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "a message of %u bytes is above the limit of %d", n,
                             (int)SCO_FRAME_MAX);
    if (f->in.n - f->at - HEADER < n)
        return 0;
    *ret_type = (enum sco_msg)h[4];
    *ret_payload = sco_str_make((const char *)h + HEADER, n);
    f->at += HEADER + (size_t)n;
    return 1;
}

void sco_frames_done(struct sco_frames *f)
{
    sco_buf_done(&f->in);
    f->at = 0;
}

int sco_frames_read(struct sco_frames *f, int fd, enum sco_msg *ret_type,
                    struct sco_str *ret_payload, struct sco_error *err)
{
    for (;;) {
        int r = sco_frames_next(f, ret_type, ret_payload, err);
        if (r)
            return r;
        compact(f);
        if (sco_buf_reserve(&f->in, READ_SIZE) < 0)
            return sco_error_nomem(err);
        ssize_t n = read(fd, f->in.p + f->in.n, READ_SIZE);
        if (n == 0 && f->in.n)
            return sco_error_set(err, SCO_E_IO, "the stream ended inside a message");
        if (n == 0)
            return 0;
        if (n > 0)
            f->in.n += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            r = wait_for(fd, POLLIN);
        else if (errno != EINTR)
            r = -errno;
        if (r < 0)
            return sco_error_errno(err, -r, "cannot read a message");
    }
}
