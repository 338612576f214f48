/* One worker from start to end: its process, its socket, its frames, its deadline. What the worker
 * says is not trusted: a broken stream, a missing last word or a wrong count makes the job failed.
 */
#include "engine_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    GRACE_MS = 4000,        /* between the worker's own deadline and its end by force */
    CANCEL_GRACE_MS = 5000, /* to stop after a cancel */
    READ_SIZE = 256 << 10,
    READS_PER_EVENT = 8,
    SEND_TIMEOUT_S = 10,
    REASON_MAX = 4096,
};

static const char *keep_text(struct job *j, struct sco_str s)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (!s.n)
        return NULL;
    if (s.n > REASON_MAX)
        s.n = REASON_MAX;
    sco_buf_add_utf8(&b, s);
    return sco_arena_cstr(&j->arena, sco_buf_str(&b));
}

/* A worker may say the same again and again. */
static void keep_changed(struct job *j, const char **field, struct sco_str s)
{
    if (s.n && (!*field || !sco_str_is(s, *field)))
        *field = keep_text(j, s);
}

static void arm_deadline(struct job *j, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    event_add(j->deadline, &tv);
}

/* ---- frames ---- */
static void break_off(struct job *j, const char *why)
{
    if (j->broken)
        return;
    j->broken = true;
    j->reason = sco_arena_fmt(&j->arena, "the worker's messages could not be understood: %s", why);
    job_kill(j);
}

static enum sco_run_status status_of(struct sco_str name)
{
    for (int i = 0; i < SCO_RUN_STATUS_MAX_; i++)
        if (sco_str_is(name, sco_run_status_name((enum sco_run_status)i)))
            return (enum sco_run_status)i;
    return SCO_RUN_STATUS_FAILED;
}

static void take_done(struct job *j, const struct sco_node *m)
{
    struct sco_str status = sco_text(sco_get(m, "status"));
    j->done = true;
    arm_deadline(j, GRACE_MS); /* it has nothing left to do */
    if (sco_str_is(status, "cancelled")) {
        j->status = SCO_RUN_STATUS_INCOMPLETE;
        j->cancelled = true;
    } else
        j->status = status_of(status);
    j->reason = keep_text(j, sco_text(sco_get(m, "reason")));
    j->code = (int)sco_int(sco_get(m, "code"), 0);
    j->exit_code = (int32_t)sco_int(sco_get(m, "exit_code"), -1);
    j->reported = (uint64_t)sco_int(sco_get(m, "findings"), 0);
    j->records_reported = (uint64_t)sco_int(sco_get(m, "records"), 0);
    keep_changed(j, &j->version, sco_text(sco_get(m, "version")));
}

static void take_control(struct job *j, enum sco_msg type, struct sco_str payload)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    struct sco_error err = {0};
    if (sco_json_parse(payload, &arena, &m, &err) < 0) {
        break_off(j, err.text);
        return;
    }
    if (type == SCO_MSG_DONE)
        take_done(j, m);
    else if (type == SCO_MSG_INCOMPLETE)
        j->incomplete = true;
    else if (type == SCO_MSG_LOADING)
        keep_changed(j, &j->loaded, sco_path_base(sco_text(sco_get(m, "path"))));
    else if (type == SCO_MSG_PLUGIN)
        keep_changed(j, &j->plugin, sco_text(sco_get(m, "name")));
    else if (type == SCO_MSG_TOOL) {
        keep_changed(j, &j->tool, sco_text(sco_get(m, "name")));
        keep_changed(j, &j->version, sco_text(sco_get(m, "version")));
    }
}

static void take_records(struct job *j, struct sco_str lines)
{
    struct sco_str line, kind;
    while (sco_str_split(&lines, '\n', &line)) {
        if (!line.n)
            continue;
        struct sco_str json = line;
        if (!sco_str_split(&json, ' ', &kind) || !kind.n || !json.n) {
            break_off(j, "a record without a kind");
            return;
        }
        j->records++;
        if (j->spec.record)
            j->spec.record(kind, json, j->spec.user);
    }
}

static void take_frame(struct job *j, enum sco_msg type, struct sco_str payload)
{
    struct sco_error err = {0};
    if (j->done) {
        break_off(j, "it went on after its last word");
        return;
    }
    if (type == SCO_MSG_FINDINGS) {
        if (!j->decoder)
            break_off(j, "findings where none were asked for");
        else if (sco_decoder_batch(j->decoder, payload, &j->findings, &err) < 0 ||
                 sco_findings_prepare(&j->findings, &err) < 0)
            break_off(j, err.text);
        return;
    }
    if (type == SCO_MSG_RECORDS) {
        take_records(j, payload);
        return;
    }
    if (j->spec.frame)
        j->spec.frame(j, type, payload, j->spec.user);
    take_control(j, type, payload);
}

static void take_frames(struct job *j)
{
    enum sco_msg type;
    struct sco_str payload;
    struct sco_error err = {0};
    int r = 0;
    while (!j->broken && (r = sco_frames_next(&j->frames, &type, &payload, &err)) > 0)
        take_frame(j, type, payload);
    if (r < 0)
        break_off(j, err.text);
}

/* Reads what is there: true when the stream has ended. */
static bool read_some(struct job *j, int rounds)
{
    static char buf[READ_SIZE];
    while (rounds-- > 0) {
        ssize_t n = recv(j->fd, buf, sizeof buf, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            return true;
        if (j->broken)
            continue;
        struct sco_error err = {0};
        if (sco_frames_feed(&j->frames, sco_str_make(buf, (size_t)n), &err) < 0)
            break_off(j, err.text);
        else
            take_frames(j);
    }
    return false;
}

/* ---- its standard error ---- */
/* Keeps the end of it, however much is written. */
static void on_words(evutil_socket_t fd, short what, void *user)
{
    struct job *j = user;
    static char buf[READ_SIZE];
    ssize_t n = read((int)fd, buf, sizeof buf);
    (void)what;
    if (n == 0)
        event_del(j->words_io);
    if (n <= 0)
        return;
    size_t fresh = (size_t)n < sizeof j->words ? (size_t)n : sizeof j->words;
    size_t old = j->n_words < sizeof j->words - fresh ? j->n_words : sizeof j->words - fresh;
    memmove(j->words, j->words + j->n_words - old, old);
    memcpy(j->words + old, buf + (size_t)n - fresh, fresh);
    j->n_words = old + fresh;
}

static const char *last_words(struct job *j)
{
    on_words(j->words_fd, 0, j); /* what fits into a pipe fits into one read */
    struct sco_str s = sco_str_trim(sco_str_make(j->words, j->n_words));
    return s.n ? keep_text(j, s) : NULL;
}

/* ---- the end ---- */

static void judge_death(struct job *j)
{
    const char *words = last_words(j), *who = j->plugin ? j->plugin : j->loaded;
    j->status = SCO_RUN_STATUS_FAILED;
    j->code = SCO_E_INTERNAL;
    if (j->killed_for_time) {
        j->status = SCO_RUN_STATUS_TIMEOUT;
        j->code = SCO_E_TIMEOUT;
        j->reason =
            sco_arena_fmt(&j->arena, "did not end within its deadline of %lld s and was killed",
                          (long long)(j->spec.timeout_ms / 1000));
    } else if (j->cancelled) {
        j->status = SCO_RUN_STATUS_INCOMPLETE;
        j->code = SCO_E_CANCELLED;
        j->reason = "cancelled";
    } else if (WIFSIGNALED(j->wait_status)) {
        j->reason = sco_arena_fmt(&j->arena, "the %s%s crashed: signal %d (%s)%s%s",
                                  who ? "plugin " : "worker", who ? who : "",
                                  WTERMSIG(j->wait_status), strsignal(WTERMSIG(j->wait_status)),
                                  words ? ": " : "", words ? words : "");
    } else {
        j->reason = sco_arena_fmt(
            &j->arena, "the plugin ended its worker without a result (exit status %d)%s%s",
            WEXITSTATUS(j->wait_status), words ? ": " : "", words ? words : "");
    }
}

static void judge_end(struct job *j)
{
    if (j->broken) {
        j->status = SCO_RUN_STATUS_FAILED;
        j->code = SCO_E_INTERNAL;
    } else if (!j->done) {
        judge_death(j);
    } else if (j->spec.pool && j->findings.n != j->reported) {
        j->status = SCO_RUN_STATUS_FAILED;
        j->code = SCO_E_INTERNAL;
        j->reason = sco_arena_fmt(&j->arena, "%llu findings were announced, %zu arrived",
                                  (unsigned long long)j->reported, j->findings.n);
    } else if (j->records != j->records_reported) {
        j->status = SCO_RUN_STATUS_FAILED;
        j->code = SCO_E_INTERNAL;
        j->reason =
            sco_arena_fmt(&j->arena, "%llu records were announced, %llu arrived",
                          (unsigned long long)j->records_reported, (unsigned long long)j->records);
    }
    if (j->status == SCO_RUN_STATUS_COMPLETED && j->incomplete)
        j->status = SCO_RUN_STATUS_INCOMPLETE;
    if (j->status == SCO_RUN_STATUS_INCOMPLETE && !j->reason)
        j->reason = j->cancelled ? "cancelled" : "part of the work was not done";
}

static void on_worker_exit(struct sco_child *c, int status, void *user)
{
    struct job *j = user;
    (void)c;
    j->exited = true;
    j->wait_status = status;
    event_del(j->io);
    event_del(j->words_io);
    event_del(j->deadline);
    /* Who else holds the socket open is ended first, so that what is in it is all there is. */
    sco_loop_kill_orphans();
    while (!j->closed && recv(j->fd, &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK) > 0)
        j->closed = read_some(j, READS_PER_EVENT);
    judge_end(j);
    j->spec.end(j, j->spec.user);
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
    struct job *j = user;
    (void)fd;
    (void)what;
    if (read_some(j, READS_PER_EVENT)) {
        j->closed = true;
        event_del(j->io);
    }
}

static void on_deadline(evutil_socket_t fd, short what, void *user)
{
    struct job *j = user;
    (void)fd;
    (void)what;
    j->killed_for_time = !j->cancelled;
    job_kill(j);
}

/* ---- start ---- */
static int spawn_worker(struct job *j, int theirs, struct sco_error *err)
{
    struct sco_engine *e = j->engine;
    static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
    const char *argv[] = {e->o.worker, NULL};
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return sco_error_errno(err, errno, "pipe");
    j->words_fd = pair[0];
    SCO_AUTO(sco_fd) int words = pair[1];
    j->words_io = event_new(e->base, j->words_fd, EV_READ | EV_PERSIST, on_words, j);
    if (fcntl(j->words_fd, F_SETFL, O_NONBLOCK) < 0 || !j->words_io ||
        event_add(j->words_io, NULL) < 0)
        return sco_error_nomem(err);
    struct sco_spawn s = {
        .argv = argv, .env = env, .fd = theirs, .fd_as = SCO_WORKER_FD, .stderr_fd = words};
    return sco_child_spawn(e->base, &s, on_worker_exit, j, &j->child, err);
}

static int open_talk(struct job *j, struct sco_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return sco_error_errno(err, errno, "socketpair");
    j->fd = pair[0];
    SCO_AUTO(sco_fd) int theirs = pair[1];
    struct timeval tv = {.tv_sec = SEND_TIMEOUT_S};
    int size = 1 << 20;
    setsockopt(j->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    setsockopt(theirs, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    j->io = event_new(j->engine->base, j->fd, EV_READ | EV_PERSIST, on_readable, j);
    j->deadline = evtimer_new(j->engine->base, on_deadline, j);
    if (!j->io || !j->deadline || event_add(j->io, NULL) < 0)
        return sco_error_nomem(err);
    return spawn_worker(j, theirs, err);
}

int job_start(struct sco_engine *e, const struct job_spec *spec, struct job **ret,
              struct sco_error *err)
{
    struct job *j = sco_alloc(1, sizeof *j);
    if (!j)
        return sco_error_nomem(err);
    j->engine = e;
    j->spec = *spec;
    j->fd = j->words_fd = -1;
    j->exit_code = -1;
    j->started_ms = sco_now_ms();
    j->started_mono_ms = sco_mono_ms();
    int r = 0;
    if (spec->pool && !(j->decoder = sco_decoder_new(spec->pool)))
        r = sco_error_nomem(err);
    j->findings.pool = spec->pool;
    if (r == 0)
        r = open_talk(j, err);
    if (r == 0)
        r = sco_frame_send(j->fd, SCO_MSG_JOB, spec->message, err);
    if (r < 0) {
        job_free(j);
        return r;
    }
    if (spec->timeout_ms > 0)
        arm_deadline(j, spec->timeout_ms + GRACE_MS);
    *ret = j;
    return 0;
}

void job_cancel(struct job *j)
{
    if (j->exited || j->cancelled)
        return;
    j->cancelled = true;
    if (sco_frame_send(j->fd, SCO_MSG_CANCEL, SCO_STR("{}"), NULL) < 0)
        job_kill(j);
    arm_deadline(j, CANCEL_GRACE_MS);
}

void job_kill(struct job *j)
{
    if (!j->exited)
        sco_child_kill(j->child, SIGKILL);
}

struct job *job_free(struct job *j)
{
    if (!j)
        return NULL;
    bool running = j->child && !j->exited;
    sco_child_free(j->child);
    if (running)
        sco_loop_kill_orphans();
    if (j->io)
        event_free(j->io);
    if (j->words_io)
        event_free(j->words_io);
    if (j->deadline)
        event_free(j->deadline);
    if (j->fd >= 0)
        close(j->fd);
    if (j->words_fd >= 0)
        close(j->words_fd);
    sco_decoder_free(j->decoder);
    sco_frames_done(&j->frames);
    sco_finding_set_done(&j->findings);
    sco_arena_done(&j->arena);
    free(j);
    return NULL;
}
