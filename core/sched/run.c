/* One runner: a process, a socket for frames, a pipe for its standard error, a timer for its
 * deadline and then for the steps to its end. Ends are told once, by the process's exit; what it
 * says before is only remembered. */
#include "sched_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SCO_LOG_MODULE "sched"
#include <secureops/log.h>

extern char **environ;

void run_log(const struct run *r, uint32_t level, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    const char *id = r->job.request.correlation_id;
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&text, fmt, ap);
    va_end(ap);
    sco_log_write(level | SCO_LOG_EACH, SCO_LOG_MODULE, /* how a job went is always said */
                  (const char *const[]){"job", r->job.id, "target", r->job.request.target_key,
                                        "correlation_id", id ? id : "", NULL},
                  "%s", sco_buf_z(&text));
}

/* ---- what it says ---- */
static void on_log(struct run *r, const struct sco_node *m)
{
    int64_t level = sco_int_at(m, "level", SCO_LOG_INFO);
    struct sco_str text = sco_text_at(m, "text");
    const char *id = r->job.request.correlation_id;
    if (level < SCO_LOG_ERROR || level > SCO_LOG_DEBUG)
        level = SCO_LOG_INFO;
    sco_log_write((uint32_t)level, "runner",
                  (const char *const[]){"job", r->job.id, "correlation_id", id ? id : "", NULL},
                  "%.*s", SCO_STR_ARG(text));
}

static bool on_done(struct run *r, const struct sco_node *m)
{
    static const struct {
        const char *name;
        enum sco_job_outcome outcome;
    } outcomes[] = {{"completed", SCO_JOB_END_COMPLETED},
                    {"failed", SCO_JOB_END_FAILED},
                    {"retry", SCO_JOB_END_RETRY},
                    {"later", SCO_JOB_END_RELEASED},
                    {"cancelled", SCO_JOB_END_CANCELLED}};
    struct sco_str name = sco_text_at(m, "outcome"), reason = sco_text_at(m, "reason");
    for (size_t i = 0; i < SCO_ARRAY_LEN(outcomes); i++)
        if (sco_str_is(name, outcomes[i].name)) {
            r->done = true;
            meter_done(r, m);
            r->outcome = outcomes[i].outcome;
            r->later_ms = sco_int_at(m, "later_ms", 0);
            snprintf(r->reason, sizeof r->reason, "%.*s", SCO_STR_ARG(reason));
            return true;
        }
    return false;
}

static bool on_frame(struct run *r, enum sco_msg type, struct sco_str payload)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {.limit = 16 << 20};
    const struct sco_node *m = NULL;
    if (r->done || (type != SCO_MSG_LOG && type != SCO_MSG_DONE && type != SCO_MSG_PROGRESS &&
                    type != SCO_MSG_HELLO))
        return false;
    if (sco_json_parse(payload, &arena, &m, NULL) < 0 || !sco_is(m, SCO_NODE_MAP))
        return false;
    if (type == SCO_MSG_LOG)
        on_log(r, m);
    return type != SCO_MSG_DONE || on_done(r, m);
}

/* What does not keep to the protocol is not ours, or broken: it is ended, and the job tried again.
 */
static void feed(struct run *r, struct sco_str bytes)
{
    enum sco_msg type;
    struct sco_str payload;
    if (r->why == WHY_BROKEN)
        return;
    int f = sco_frames_feed(&r->frames, bytes, NULL);
    while (f == 0 && (f = sco_frames_next(&r->frames, &type, &payload, NULL)) == 1)
        f = on_frame(r, type, payload) ? 0 : SCO_E_FORMAT;
    if (f < 0) {
        r->done = false;
        run_stop(r, WHY_BROKEN);
    }
}

static void take_input(struct run *r)
{
    struct evbuffer *in = bufferevent_get_input(r->socket);
    size_t n;
    while ((n = evbuffer_get_contiguous_space(in)) > 0) {
        feed(r, sco_str_make((const char *)evbuffer_pullup(in, (ev_ssize_t)n), n));
        evbuffer_drain(in, n);
    }
}

/* What came after the loop looked last. Without a wait: others may hold its end. */
static void take_rest(struct run *r)
{
    char part[4096];
    ssize_t n;
    bufferevent_disable(r->socket, EV_READ | EV_WRITE);
    take_input(r);
    while ((n = read(bufferevent_getfd(r->socket), part, sizeof part)) > 0)
        feed(r, sco_str_make(part, (size_t)n));
}

static void on_read(struct bufferevent *b, void *user)
{
    (void)b;
    take_input(user);
}

static void on_socket_event(struct bufferevent *b, short what, void *user)
{
    (void)what; /* its end is that of the process */
    (void)user;
    bufferevent_disable(b, EV_READ | EV_WRITE);
}

static void take_stderr(struct run *r)
{
    char part[SCHED_TAIL];
    ssize_t n;
    while ((n = read(r->stderr_fd, part, sizeof part)) > 0) {
        size_t keep = SCHED_TAIL - (size_t)n;
        if (r->n_tail > keep) {
            memmove(r->tail, r->tail + (r->n_tail - keep), keep);
            r->n_tail = keep;
        }
        memcpy(r->tail + r->n_tail, part, (size_t)n);
        r->n_tail += (size_t)n;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        event_del(r->stderr_event);
}

static void on_stderr(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    take_stderr(user);
}

/* ---- its end ---- */
/* Asked first, so that it can tidy up; then SIGTERM and SIGKILL to its whole group. */
void run_stop(struct run *r, enum run_why why)
{
    static const char *const words[] = {"",
                                        "it is cancelled",
                                        "its deadline has passed",
                                        "its lease is lost",
                                        "the daemon stops",
                                        "its messages make no sense"};
    if (r->why != WHY_NONE || !r->child || r->ended)
        return;
    r->why = why;
    run_log(r, why == WHY_BROKEN ? SCO_LOG_WARNING : SCO_LOG_INFO, "ending the runner: %s",
            words[why]);
    if (why == WHY_CANCEL) {
        static const char frame[] = {2, 0, 0, 0, SCO_MSG_CANCEL, '{', '}'};
        bufferevent_write(r->socket, frame, sizeof frame);
        bool pipeline = r->job.request.kind && strcmp(r->job.request.kind, "pipeline") == 0;
        sched_timer(r->timer, pipeline ? SCHED_CLEANUP_MS : SCHED_CANCEL_MS);
        return;
    }
    r->terminated = true;
    sco_child_kill(r->child, why == WHY_LOST || why == WHY_BROKEN ? SIGKILL : SIGTERM);
    sched_timer(r->timer, r->s->o.kill_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct run *r = user;
    (void)fd;
    (void)what;
    if (r->ended) {
        end_store(r); /* the store was away */
    } else if (r->why == WHY_NONE) {
        run_stop(r, r->lost ? WHY_LOST : WHY_DEADLINE);
    } else if (!r->terminated) {
        r->terminated = true;
        sco_child_kill(r->child, SIGTERM);
        sched_timer(r->timer, r->s->o.kill_ms);
    } else {
        sco_child_kill(r->child, SIGKILL);
    }
}

static void on_gone(struct sco_child *c, int status, void *user)
{
    struct run *r = user;
    pid_t pid = sco_child_pid(c);
    take_rest(r);
    take_stderr(r);
    event_del(r->timer);
    r->ended = true;
    kill(-pid, SIGKILL); /* its group: what it left */
    if (!r->done && r->s->o.orphans)
        r->s->o.orphans(r->s->o.user);
    r->peak_memory = sco_child_peak_memory(c);
    end_of_run(r, status);
}

/* ---- its start ---- */
static const char *keep_z(struct sco_arena *a, const char *z, bool *failed)
{
    if (!z)
        return NULL;
    char *p = sco_arena_cstr(a, sco_str_c(z));
    *failed |= !p;
    return p;
}

int run_new(struct sco_sched *s, const struct sco_stored_job *job, struct run **ret,
            struct sco_error *err)
{
    struct run *r = sco_alloc(1, sizeof *r);
    bool failed = !r;
    if (failed)
        return sco_error_nomem(err);
    r->s = s;
    r->stderr_fd = -1;
    r->job = *job;
    struct sco_job_request *q = &r->job.request;
    const char **texts[] = {
        &r->job.id,       &r->job.node,       &r->job.reason,  &r->job.scan_id,     &q->kind,
        &q->target_key,   &q->revision,       &q->scanners,    &q->request,         &q->origin,
        &q->requested_by, &q->correlation_id, &q->traceparent, &q->idempotency_key, &q->only_node};
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        *texts[i] = keep_z(&r->arena, *texts[i], &failed);
    if (!failed)
        r->timer = evtimer_new(s->o.base, on_timer, r);
    if (failed || !r->timer) {
        run_free(r);
        return sco_error_nomem(err);
    }
    *ret = r;
    return 0;
}

/* The job's own deadline, when it has one, but never a later one than ours. */
static int64_t timeout_of(const struct run *r)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *q = NULL;
    int64_t ms = r->s->o.job_timeout_ms;
    if (r->job.request.request &&
        sco_json_parse(sco_str_c(r->job.request.request), &arena, &q, NULL) == 0) {
        int64_t wanted = sco_int_at(q, "timeout_ms", 0);
        if (wanted > 0 && (!ms || wanted < ms))
            ms = wanted;
    }
    return ms;
}

static void write_job(const struct run *r, struct sco_str secrets, int64_t timeout_ms,
                      struct sco_buf *b)
{
    const struct sco_job_request *q = &r->job.request;
    char traceparent[SCO_TRACEPARENT_LEN];
    struct sco_json_out o = {.b = b};
    sco_traceparent_format(&r->trace, traceparent);
    sco_json_begin(&o, '{');
    sco_json_key(&o, "setup");
    sco_json_raw(&o, r->s->setup.n ? sco_buf_str(&r->s->setup) : SCO_STR("{}"));
    sco_json_key(&o, "job");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "id", r->job.id);
    sco_json_ki64(&o, "attempt", r->job.attempt);
    sco_json_kz(&o, "kind", q->kind);
    sco_json_kz(&o, "target_key", q->target_key);
    sco_json_kz(&o, "revision", q->revision);
    sco_json_kz(&o, "scanners", q->scanners);
    sco_json_key(&o, "request");
    sco_json_raw(&o, q->request && *q->request ? sco_str_c(q->request) : SCO_STR("{}"));
    sco_json_kz(&o, "origin", q->origin);
    sco_json_kz(&o, "requested_by", q->requested_by);
    sco_json_kz(&o, "correlation_id", q->correlation_id);
    sco_json_kz(&o, "traceparent", traceparent);
    sco_json_ki64(&o, "timeout_ms", timeout_ms);
    sco_json_end(&o, '}');
    sco_json_key(&o, "secrets");
    sco_json_raw(&o, secrets.n ? secrets : SCO_STR("{}"));
    sco_json_end(&o, '}');
}

/* Not sco_frame_send: the loop does not wait for a runner to read. The header is ipc.h's. */
static int send_job(struct run *r, struct sco_str secrets, int64_t timeout_ms,
                    struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    write_job(r, secrets, timeout_ms, &b);
    if (b.failed)
        return sco_error_nomem(err);
    char head[5] = {(char)b.n, (char)(b.n >> 8), (char)(b.n >> 16), (char)(b.n >> 24), SCO_MSG_JOB};
    int e = b.n > SCO_FRAME_MAX || bufferevent_write(r->socket, head, sizeof head) < 0 ||
            bufferevent_write(r->socket, b.p, b.n) < 0;
    explicit_bzero(b.p, b.n);
    return e ? sco_error_set(err, SCO_E_LIMIT, "the job is too large to be sent") : 0;
}

static int spawn(struct run *r, int socket, int stderr_fd, struct sco_error *err)
{
    const char *argv[] = {r->s->o.runner, NULL};
    struct sco_spawn spawn = {.argv = argv,
                              .env = r->s->o.env ? r->s->o.env : (const char *const *)environ,
                              .fd = socket,
                              .fd_as = SCO_WORKER_FD,
                              .stderr_fd = stderr_fd};
    return sco_child_spawn(r->s->o.base, &spawn, on_gone, r, &r->child, err);
}

static void unprepare(struct run *r)
{
    r->child = sco_child_free(r->child);
    if (r->socket)
        bufferevent_free(r->socket);
    if (r->stderr_event)
        event_free(r->stderr_event);
    if (r->stderr_fd >= 0)
        close(r->stderr_fd);
    r->socket = NULL;
    r->stderr_event = NULL;
    r->stderr_fd = -1;
}

static int prepare(struct run *r, int ret_theirs[2], struct sco_error *err)
{
    int pair[2], pipes[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return sco_error_errno(err, errno, "cannot make a socket for the runner");
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        close(pair[0]);
        close(pair[1]);
        return sco_error_errno(err, errno, "cannot make a pipe for the runner");
    }
    ret_theirs[0] = pair[1];
    ret_theirs[1] = pipes[1];
    r->stderr_fd = pipes[0];
    evutil_make_socket_nonblocking(pipes[0]); /* our ends alone: theirs block */
    evutil_make_socket_nonblocking(pair[0]);
    r->socket = bufferevent_socket_new(r->s->o.base, pair[0], BEV_OPT_CLOSE_ON_FREE);
    if (!r->socket)
        close(pair[0]);
    r->stderr_event = event_new(r->s->o.base, r->stderr_fd, EV_READ | EV_PERSIST, on_stderr, r);
    if (!r->socket || !r->stderr_event || event_add(r->stderr_event, NULL) < 0)
        return sco_error_nomem(err);
    bufferevent_setcb(r->socket, on_read, NULL, on_socket_event, r);
    bufferevent_enable(r->socket, EV_READ | EV_WRITE);
    return 0;
}

int run_start(struct run *r, struct sco_str secrets, struct sco_error *err)
{
    int theirs[2] = {-1, -1};
    int64_t timeout_ms = timeout_of(r);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    r->began_ns = ts.tv_sec * 1000000000LL + ts.tv_nsec;
    r->began_ms = sched_mono(r->s);
    sco_traceparent_parse(sco_str_c(r->job.request.traceparent ? r->job.request.traceparent : ""),
                          &r->parent);
    sco_trace_start(&r->parent, &r->trace);
    int e = prepare(r, theirs, err);
    if (e == 0)
        e = send_job(r, secrets, timeout_ms, err);
    if (e == 0)
        e = spawn(r, theirs[0], theirs[1], err);
    if (theirs[0] >= 0)
        close(theirs[0]);
    if (theirs[1] >= 0)
        close(theirs[1]);
    if (e < 0) {
        unprepare(r);
        return e;
    }
    r->started = true;
    if (timeout_ms)
        sched_timer(r->timer, timeout_ms);
    run_log(r, SCO_LOG_INFO, "attempt %u of the job begins, process %ld", r->job.attempt,
            (long)sco_child_pid(r->child));
    return 0;
}

struct run *run_free(struct run *r)
{
    if (!r)
        return NULL;
    unprepare(r);
    if (r->timer)
        event_free(r->timer);
    sco_frames_done(&r->frames);
    sco_arena_done(&r->arena);
    free(r);
    return NULL;
}
