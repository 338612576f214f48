/* secureops-runner: one job of the daemon in a process of its own, with the socket to it as
 * descriptor SCO_WORKER_FD; never started by a person. Reads the job, does it, says how it went. It
 * ends when it is told to, by a frame, a signal, or the daemon's own end, and takes its folder and
 * its processes with it. */
#include "runner_pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <secureops/exec.h>
#include <unistd.h>

enum { SOCKET_LEAST = 64, LOG_MAX = 8 << 20, LINES_MAX = 2000, SEND_S = 20, EXIT_BAD_START = 2 };

/* ---- what the daemon hears ---- */
static void send_frame(struct runner *r, enum sco_msg type, const struct sco_buf *b)
{
    if (!r->mute && (b->failed || sco_frame_send(r->fd, type, sco_buf_str(b), NULL) < 0))
        r->mute = true; /* it is gone, or hangs: what matters is in the store */
}

void runner_log(struct runner *r, uint32_t level, const char *fmt, ...)
{
    static const char *const names[] = {"", "error", "warning", "info", "debug"};
    SCO_AUTO(sco_buf) struct sco_buf raw = {0}, text = {0}, frame = {0};
    char now[SCO_TIME_LEN];
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&raw, fmt, ap);
    va_end(ap);
    level = level < SCO_LOG_ERROR || level > SCO_LOG_DEBUG ? SCO_LOG_INFO : level;
    sco_buf_add_printable(&text, sco_buf_str(&raw));
    sco_time_format(sco_now_ms(), now);
    if (r->log.n + text.n < LOG_MAX)
        sco_buf_addf(&r->log, "%s %s %s\n", now, names[level], sco_buf_z(&text));
    else if (r->log.n < LOG_MAX)
        sco_buf_addf(&r->log, "%*s\n", (int)(LOG_MAX - r->log.n), "the log is full");
    if (level == SCO_LOG_DEBUG || r->lines++ >= LINES_MAX)
        return;
    struct sco_json_out o = {.b = &frame};
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "level", level);
    sco_json_kstr(&o, "text", sco_buf_str(&text));
    sco_json_end(&o, '}');
    send_frame(r, SCO_MSG_LOG, &frame);
}

void runner_progress(struct runner *r, uint64_t done, uint64_t total, const char *what)
{
    SCO_AUTO(sco_buf) struct sco_buf frame = {0};
    struct sco_json_out o = {.b = &frame};
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "done", (int64_t)done);
    sco_json_ki64(&o, "total", (int64_t)total);
    sco_json_kz(&o, "what", what);
    sco_json_end(&o, '}');
    send_frame(r, SCO_MSG_PROGRESS, &frame);
}

static void tell_done(struct runner *r, const char *outcome, const char *reason)
{
    SCO_AUTO(sco_buf) struct sco_buf frame = {0}, text = {0};
    struct sco_json_out o = {.b = &frame};
    sco_buf_add_printable(&text, sco_str_c(reason ? reason : ""));
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "outcome", outcome);
    sco_json_kz(&o, "reason", reason ? sco_buf_z(&text) : NULL);
    sco_json_kz(&o, "scan_id", r->scan_id);
    sco_json_kz(&o, "gate", r->gate);
    if (r->later_ms)
        sco_json_ki64(&o, "later_ms", r->later_ms);
    if (r->scan_id)
        sco_json_ki64(&o, "findings", (int64_t)r->findings);
    if (r->scan_id) {
        sco_json_key(&o, "saved");
        sco_json_begin(&o, '{');
        sco_json_ki64(&o, "started_ms", r->saved_at);
        sco_json_ki64(&o, "duration_ms", r->save_ms);
        sco_json_end(&o, '}');
    }
    sco_json_key(&o, "scanners");
    sco_json_begin(&o, '[');
    sco_json_raw(&o, sco_buf_str(&r->runs));
    sco_json_end(&o, ']');
    sco_json_end(&o, '}');
    send_frame(r, SCO_MSG_DONE, &frame);
}

/* ---- when to end ---- */
static void read_signal(struct runner *r)
{
    struct signalfd_siginfo info;
    while (read(r->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (r->end == END_NONE)
            r->end = END_SIGNAL;
}

static void read_socket(struct runner *r)
{
    char part[4096];
    enum sco_msg type;
    struct sco_str payload;
    ssize_t n;
    while ((n = recv(r->fd, part, sizeof part, MSG_DONTWAIT)) > 0) {
        if (sco_frames_feed(&r->frames, sco_str_make(part, (size_t)n), NULL) < 0)
            n = 0;
        while (n && sco_frames_next(&r->frames, &type, &payload, NULL) == 1)
            if (type == SCO_MSG_CANCEL && r->end == END_NONE)
                r->end = END_CANCELLED;
        if (n == 0)
            break;
    }
    bool again = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (n <= 0 && !again) {
        r->mute = true;
        r->end = END_ORPHANED;
    }
}

bool runner_ends(struct runner *r)
{
    if (r->signal_fd >= 0)
        read_signal(r);
    read_socket(r);
    return r->end != END_NONE;
}

/* In the place of signals.c of the command line: here signals are read from a descriptor. */
void signals_watch(struct sco_engine *e)
{
    (void)e;
}

struct sco_engine *signals_release(struct sco_engine *e)
{
    return sco_engine_free(e);
}

/* ---- start ---- */
static int take_socket(struct runner *r, struct sco_error *err)
{
    struct timeval limit = {.tv_sec = SEND_S};
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    r->fd = fcntl(SCO_WORKER_FD, F_DUPFD_CLOEXEC, SOCKET_LEAST);
    if (r->fd < 0 || setsockopt(r->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return sco_error_errno(err, errno, "descriptor %d is not the daemon's socket",
                               SCO_WORKER_FD);
    if (null_fd < 0 || dup3(null_fd, SCO_WORKER_FD, O_CLOEXEC) < 0)
        return sco_error_errno(err, errno, "cannot open /dev/null");
    if (null_fd != SCO_WORKER_FD)
        close(null_fd);
    return 0;
}

static int watch_for_the_end(struct runner *r, struct sco_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    r->end_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event in = {.events = EPOLLIN | EPOLLRDHUP};
    if (r->signal_fd < 0 || r->end_fd < 0 ||
        epoll_ctl(r->end_fd, EPOLL_CTL_ADD, r->signal_fd, &in) < 0 ||
        epoll_ctl(r->end_fd, EPOLL_CTL_ADD, r->fd, &in) < 0)
        return sco_error_errno(err, errno, "cannot watch for the end");
    /* should the daemon die before this, its socket tells */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return sco_error_errno(err, errno, "cannot ask for the parent's end");
    return 0;
}

static void confine(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); /* it holds secrets */
    umask(077);
}

static int read_job(struct runner *r, struct sco_error *err)
{
    enum sco_msg type;
    struct sco_str payload;
    int e = sco_frames_read(&r->frames, r->fd, &type, &payload, err);
    if (e < 0)
        return e;
    if (e == 0 || type != SCO_MSG_JOB) {
        r->mute = e == 0;
        return sco_error_set(err, SCO_E_FORMAT, "the daemon sent no job");
    }
    e = runner_job_parse(payload, &r->arena, &r->job, err);
    explicit_bzero((char *)(uintptr_t)payload.p, payload.n);
    return e;
}

/* ---- end ---- */
/* To try again is of use where the reason may pass; what a person has to mend fails at once. */
static const char *outcome_of(const struct runner *r, int code)
{
    if (r->end == END_CANCELLED)
        return "cancelled";
    if (r->end != END_NONE)
        return "retry";
    if (r->later_ms)
        return "later";
    if (r->phase == PHASE_SAVE && code == SCO_E_CANCELLED) /* the lease is lost */
        return "cancelled";
    if (r->phase == PHASE_SETUP || r->phase == PHASE_SAVE)
        return code == SCO_E_INVALID || code == SCO_E_LIMIT ? "failed" : "retry";
    switch (code) {
    case SCO_E_INVALID:
    case SCO_E_NOT_FOUND:
    case SCO_E_PERMISSION:
    case SCO_E_FORMAT:
    case SCO_E_PARSE:
    case SCO_E_UNSUPPORTED:
    case SCO_E_LIMIT:
        return "failed";
    default:
        return "retry";
    }
}

static const char *reason_of(const struct runner *r, const struct sco_error *err)
{
    static const char *const ends[] = {NULL, "cancelled", "ended by a signal",
                                       "the daemon went away"};
    return r->end == END_NONE ? err->text : ends[r->end];
}

static int perform(struct runner *r, struct sco_error *err)
{
    int e = read_job(r, err);
    if (e < 0)
        return e;
    r->phase = PHASE_SETUP;
    e = runner_dir_make(r, err);
    if (e == 0)
        e = runner_setup(r, err);
    if (e < 0)
        return e;
    r->phase = PHASE_WORK;
    if (strcmp(r->job.kind, "workflow") == 0)
        return runner_workflow(r, err);
    if (strcmp(r->job.kind, "call") == 0)
        return runner_call(r, err);
    if (strcmp(r->job.kind, "pipeline") == 0)
        return runner_pipeline(r, err);
    return r->job.other ? runner_ci(r, err) : runner_work(r, err);
}

static void clean_up(struct runner *r)
{
    sco_checkout_done(&r->checkout);
    if (r->job.token)
        explicit_bzero(r->job.token, strlen(r->job.token));
    context_done(&r->cli);
    sco_exec_reap_all();
    runner_dir_remove(r);
}

int main(int argc, char **argv)
{
    static struct runner r = {.fd = -1, .signal_fd = -1, .end_fd = -1, .dir_lock = -1};
    struct sco_error err = {0};
    int status;
    if (sco_checkout_askpass(argc, argv, &status))
        return status;
    if (argc == 2 && strcmp(argv[1], RUNNER_STAGE_ARG) == 0)
        return runner_stage_main();
    if (argc > 1) {
        fprintf(stderr, "usage: %s\nIt is started by secureopsd and does one job.\n", argv[0]);
        return EXIT_BAD_START;
    }
    confine();
    if (take_socket(&r, &err) < 0 || watch_for_the_end(&r, &err) < 0) {
        fprintf(stderr, "secureops-runner: %s\n", err.text);
        return EXIT_BAD_START;
    }
    int e = perform(&r, &err);
    runner_ends(&r);
    bool done = e == 0;
    clean_up(&r); /* before the last word: then nothing of it is left */
    if (done)
        tell_done(&r, "completed", NULL);
    else
        tell_done(&r, outcome_of(&r, err.code ? err.code : e), reason_of(&r, &err));
    close(r.fd);
    sco_buf_done(&r.log);
    sco_buf_done(&r.runs);
    sco_frames_done(&r.frames);
    sco_arena_done(&r.arena);
    return 0;
}
