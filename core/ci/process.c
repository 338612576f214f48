/* One worker that speaks for one integration: its process, its socket, its end. On the loop. */
#include "ci_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10, READS_PER_EVENT = 8, GRACE_MS = 3000, HEADER = 5, REASON_MAX = 4096 };

struct ci_process {
    struct ci_process_spec s;
    struct sco_child *child;
    int fd;
    struct event *in, *out, *grace;
    struct evbuffer *queue;
    struct sco_frames frames;
    uint64_t queued;
    bool closed;  /* by us, or by them: nothing more is said */
    bool closing; /* by us */
    bool killed;  /* by us, with a reason */
    bool done;    /* they said how it went */
    int code;
    char reason[REASON_MAX];
};

static void explain(struct ci_process *p, int code, const char *reason)
{
    p->code = code;
    snprintf(p->reason, sizeof p->reason, "%s", reason);
}

static void arm_grace(struct ci_process *p)
{
    struct timeval tv = {.tv_sec = GRACE_MS / 1000};
    event_add(p->grace, &tv);
}

/* ---- what it says ---- */
static void take_done(struct ci_process *p, struct sco_str payload)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (sco_json_parse(payload, &arena, &m, NULL) < 0) {
        ci_process_kill(p, SCO_E_FORMAT, "its last word could not be understood");
        return;
    }
    int64_t code = sco_int_at(m, "code", SCO_E_INTERNAL);
    struct sco_str reason = sco_text_at(m, "reason");
    p->done = true;
    p->code = code < 0 && code >= SCO_E_INTERNAL ? (int)code : code ? SCO_E_INTERNAL : 0;
    snprintf(p->reason, sizeof p->reason, "%.*s", SCO_STR_ARG(reason));
    arm_grace(p);
}

static void take_frames(struct ci_process *p)
{
    enum sco_msg type;
    struct sco_str payload;
    struct sco_error err = {0};
    int r = 0;
    while (!p->killed && !p->closed &&
           (r = sco_frames_next(&p->frames, &type, &payload, &err)) > 0) {
        if (type == SCO_MSG_DONE)
            take_done(p, payload);
        else if (!p->done && p->s.frame)
            p->s.frame(p->s.user, type, payload);
    }
    if (r < 0)
        ci_process_kill(p, SCO_E_FORMAT, err.text);
}

static void stop_listening(struct ci_process *p)
{
    p->closed = true;
    event_del(p->in);
    event_del(p->out);
}

static void read_some(struct ci_process *p, int rounds)
{
    static char bytes[READ_SIZE];
    while (rounds-- > 0 && !p->closed) {
        ssize_t n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            stop_listening(p);
            arm_grace(p);
        } else if (!p->killed) {
            if (sco_frames_feed(&p->frames, sco_str_make(bytes, (size_t)n), NULL) < 0)
                ci_process_kill(p, SCO_E_NOMEM, "out of memory");
            else
                take_frames(p);
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    read_some(user, READS_PER_EVENT);
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
    struct ci_process *p = user;
    (void)what;
    if (evbuffer_get_length(p->queue) && evbuffer_write(p->queue, fd) < 0 && errno != EAGAIN &&
        errno != EINTR) {
        evbuffer_drain(p->queue, evbuffer_get_length(p->queue)); /* it is gone: reading says so */
        return;
    }
    if (evbuffer_get_length(p->queue))
        event_add(p->out, NULL);
}

/* ---- the end ---- */
static void judge(struct ci_process *p, int status)
{
    char text[200];
    if (p->killed || p->done || p->closing)
        return;
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "the plugin crashed: signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "the plugin ended its worker (exit status %d)",
                 WEXITSTATUS(status));
    explain(p, SCO_E_INTERNAL, text);
}

static void on_exit_of(struct sco_child *c, int status, void *user)
{
    struct ci_process *p = user;
    (void)c;
    while (!p->closed && recv(p->fd, &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK) > 0)
        read_some(p, READS_PER_EVENT);
    if (!p->closed)
        stop_listening(p);
    event_del(p->grace);
    judge(p, status);
    p->s.ended(p->s.user, p->code, p->reason[0] ? p->reason : NULL);
}

static void on_grace(evutil_socket_t fd, short what, void *user)
{
    struct ci_process *p = user;
    (void)fd;
    (void)what;
    sco_child_kill(p->child, SIGKILL);
}

/* ---- start ---- */
static void write_job(const struct ci_process_spec *s, struct sco_buf *b)
{
    struct sco_json_out o = {.b = b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", "ci");
    sco_json_key(&o, "plugins");
    sco_json_begin(&o, '[');
    sco_json_str(&o, sco_str_c(s->library));
    sco_json_end(&o, ']');
    sco_json_key(&o, "options");
    sco_json_raw(&o, s->options);
    sco_json_kz(&o, "work_dir", s->work_dir);
    sco_json_kz(&o, "cache_dir", s->cache_dir);
    sco_json_kbool(&o, "offline", s->offline);
    sco_json_key(&o, "limits");
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "output", CI_RECORDS_MAX / 2);
    sco_json_end(&o, '}');
    sco_json_key(&o, "http");
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "break_after", s->break_after);
    sco_json_ki64(&o, "break_ms", s->break_ms);
    sco_json_end(&o, '}');
    sco_json_key(&o, "sandbox");
    sco_json_begin(&o, '{');
    sco_json_kbool(&o, "landlock", !s->no_sandbox);
    sco_json_kbool(&o, "seccomp", !s->no_sandbox);
    sco_json_end(&o, '}');
    sco_json_key(&o, "env");
    sco_json_raw(&o, SCO_STR("{\"PATH\":\"/usr/bin:/bin\",\"LANG\":\"C.UTF-8\"}"));
    sco_json_end(&o, '}');
}

static int send_job(struct ci_process *p, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf job = {0};
    write_job(&p->s, &job);
    int r = sco_buf_check(&job, err);
    if (r == 0)
        r = sco_frame_send(p->fd, SCO_MSG_JOB, sco_buf_str(&job), err); /* fits the socket */
    if (job.p)
        explicit_bzero(job.p, job.n); /* secrets */
    return r;
}

static int start(struct ci_process *p, struct sco_error *err)
{
    static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
    const char *argv[] = {p->s.worker, NULL};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return sco_error_errno(err, errno, "socketpair");
    p->fd = pair[0];
    SCO_AUTO(sco_fd) int theirs = pair[1];
    struct timeval tv = {.tv_sec = GRACE_MS / 1000};
    setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    p->queue = evbuffer_new();
    p->in = event_new(p->s.base, p->fd, EV_READ | EV_PERSIST, on_readable, p);
    p->out = event_new(p->s.base, p->fd, EV_WRITE, on_writable, p);
    p->grace = evtimer_new(p->s.base, on_grace, p);
    if (!p->queue || !p->in || !p->out || !p->grace || event_add(p->in, NULL) < 0)
        return sco_error_nomem(err);
    struct sco_spawn s = {
        .argv = argv, .env = env, .fd = theirs, .fd_as = SCO_WORKER_FD, .stderr_fd = -1};
    int r = sco_child_spawn(p->s.base, &s, on_exit_of, p, &p->child, err);
    if (r == 0)
        r = send_job(p, err);
    if (r == 0 && evutil_make_socket_nonblocking(p->fd) < 0)
        r = sco_error_errno(err, errno, "the worker's socket");
    return r;
}

int ci_process_start(const struct ci_process_spec *s, struct ci_process **ret,
                     struct sco_error *err)
{
    struct ci_process *p = sco_alloc(1, sizeof *p);
    if (!p)
        return sco_error_nomem(err);
    p->s = *s;
    p->fd = -1;
    int r = start(p, err);
    if (r < 0) {
        ci_process_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

int ci_process_send(struct ci_process *p, enum sco_msg type, struct sco_str head,
                    struct sco_str body, uint64_t *ret_end)
{
    size_t n = head.n + body.n;
    const unsigned char h[HEADER] = {(unsigned char)n, (unsigned char)(n >> 8),
                                     (unsigned char)(n >> 16), (unsigned char)(n >> 24),
                                     (unsigned char)type};
    if (p->closed || p->killed)
        return 0; /* its end will be told */
    if (n > SCO_FRAME_MAX)
        return SCO_E_LIMIT;
    *ret_end = p->queued += sizeof h + n;
    if (evbuffer_add(p->queue, h, sizeof h) < 0 ||
        evbuffer_add_reference(p->queue, head.p, head.n, NULL, NULL) < 0 ||
        (body.n && evbuffer_add_reference(p->queue, body.p, body.n, NULL, NULL) < 0) ||
        event_add(p->out, NULL) < 0)
        return SCO_E_NOMEM;
    return 0;
}

uint64_t ci_process_written(const struct ci_process *p)
{
    return p->queued - evbuffer_get_length(p->queue);
}

void ci_process_kill(struct ci_process *p, int code, const char *reason)
{
    if (p->killed)
        return;
    p->killed = true;
    explain(p, code, reason);
    sco_child_kill(p->child, SIGKILL);
}

void ci_process_close(struct ci_process *p)
{
    if (p->closed)
        return;
    stop_listening(p);
    p->closing = true;
    shutdown(p->fd, SHUT_RDWR);
    arm_grace(p);
}

void ci_process_hand_over(struct ci_process *p, void (*ended)(void *, int, const char *),
                          void *user)
{
    p->s.ended = ended;
    p->s.user = user;
    p->s.frame = NULL;
}

struct ci_process *ci_process_free(struct ci_process *p)
{
    if (!p)
        return NULL;
    sco_child_free(p->child);
    if (p->in)
        event_free(p->in);
    if (p->out)
        event_free(p->out);
    if (p->grace)
        event_free(p->grace);
    if (p->queue)
        evbuffer_free(p->queue);
    if (p->fd >= 0)
        close(p->fd);
    sco_frames_done(&p->frames);
    free(p);
    return NULL;
}
