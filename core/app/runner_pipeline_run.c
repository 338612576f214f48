/* An attempt of a stage that is under way: its process, what it says, what it has printed, the scan
 * that it waits for. On the runner's loop, which is the engine's. */
#include "runner_pipeline.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <secureops/ipc.h>
#include <secureops/loop.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLUSH_AT = 32 << 10, LOG_MAX = 64 << 20 /* of one attempt */ };

extern char **environ;

/* ---- frames to others, as of sched/run.c ---- */
static int send_frame(struct bufferevent *to, enum sco_msg type, struct sco_str s,
                      struct sco_error *err)
{
    char head[5] = {(char)s.n, (char)(s.n >> 8), (char)(s.n >> 16), (char)(s.n >> 24), (char)type};
    if (s.n > SCO_FRAME_MAX || bufferevent_write(to, head, sizeof head) < 0 ||
        bufferevent_write(to, s.p, s.n) < 0)
        return sco_error_set(err, SCO_E_LIMIT, "the stage's job is too large to be sent");
    return 0;
}

/* This program once more. stage: with secrets to come over the socket, and a clean environment. */
static int spawn(struct stage_run *s, const char *arg, bufferevent_data_cb on_read,
                 sco_child_fn on_gone, struct sco_child **ret, struct bufferevent **ret_socket,
                 struct sco_error *err)
{
    static const char *const clean[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", NULL};
    struct event_base *base = sco_engine_base(s->p->r->cli.engine);
    const char *argv[] = {"/proc/self/exe", arg, NULL};
    char exe[4096];
    int pair[2];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return sco_error_errno(err, errno, "cannot find this program");
    exe[n] = '\0';
    argv[0] = exe;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return sco_error_errno(err, errno, "cannot make a socket for the stage");
    evutil_make_socket_nonblocking(pair[0]);
    *ret_socket = bufferevent_socket_new(base, pair[0], BEV_OPT_CLOSE_ON_FREE);
    struct sco_spawn how = {.argv = argv,
                            .env = arg ? clean : (const char *const *)environ,
                            .fd = pair[1],
                            .fd_as = SCO_WORKER_FD,
                            .stderr_fd = -1};
    int r = *ret_socket ? sco_child_spawn(base, &how, on_gone, s, ret, err) : sco_error_nomem(err);
    close(pair[1]);
    if (!*ret_socket) {
        close(pair[0]);
        return r;
    }
    bufferevent_setcb(*ret_socket, on_read, NULL, NULL, s);
    bufferevent_enable(*ret_socket, EV_READ | EV_WRITE);
    return r;
}

/* ---- what it prints ---- */
static int store_part(struct stage_run *s, const char *stage, uint32_t attempt, struct sco_str text,
                      struct sco_error *err)
{
    struct pipeline_job *p = s->p;
    int r = sco_store_log_add(p->r->cli.store, p->x->id, p->log_at, stage, attempt, text, err);
    p->log_at += r == 0 ? text.n : 0;
    return r;
}

static int store_log(struct stage_run *s, struct sco_error *err)
{
    struct pipeline_job *p = s->p;
    const char *name = p->def.stages[s->i].name;
    SCO_AUTO(sco_buf) struct sco_buf head = {0};
    uint64_t before = p->log_at;
    struct sco_str rest = sco_buf_str(&s->log);
    int r = sco_store_ready(p->r->cli.store, err);
    if (r == 0)
        r = sco_store_begin(p->r->cli.store, err);
    if (r < 0)
        return r;
    r = sco_store_job_hold(p->r->cli.store, &p->r->lease, err);
    if (r == 0 && p->log_stage != name && p->def.n > 1) {
        sco_buf_addf(&head, "==> %s <==\n", name);
        r = store_part(s, "", 0, sco_buf_str(&head), err);
    }
    while (r == 0 && rest.n) {
        size_t n = rest.n < SCO_LOG_PART_MAX ? rest.n : SCO_LOG_PART_MAX;
        r = store_part(s, name, s->attempt, sco_str_make(rest.p, n), err);
        rest = sco_str_make(rest.p + n, rest.n - n);
    }
    r = sco_store_end(p->r->cli.store, r, err);
    if (r < 0)
        p->log_at = before;
    else
        p->log_stage = name;
    return r;
}

int stage_run_flush(struct stage_run *s, struct sco_error *err)
{
    if (!s->log.n)
        return 0;
    int r = sco_buf_check(&s->log, err);
    if (r == 0)
        r = store_log(s, err);
    if (r == 0)
        sco_buf_clear(&s->log);
    return r;
}

static void on_text(struct stage_run *s, struct sco_str text)
{
    struct sco_error err = {0};
    if (s->log_bytes > LOG_MAX)
        return;
    s->log_bytes += text.n;
    if (s->log_bytes > LOG_MAX)
        sco_buf_addz(&s->log, "--- the log is full\n");
    else
        sco_buf_add(&s->log, text);
    if (s->log.n >= FLUSH_AT && stage_run_flush(s, &err) < 0)
        pipeline_fail(s->p, &err);
}

/* ---- a scan ---- */
static void answer_scan(struct stage_run *s, bool ok, const char *reason)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_error err = {0};
    if (s->scan_answered)
        return;
    s->scan_answered = true;
    sco_json_begin(&o, '{');
    sco_json_kbool(&o, "ok", ok);
    sco_json_kz(&o, "reason", reason);
    sco_json_end(&o, '}');
    if (s->socket && send_frame(s->socket, SCO_MSG_ANSWER, sco_buf_str(&b), &err) < 0)
        pipeline_fail(s->p, &err);
}

static void on_scan_done(struct stage_run *s, const struct sco_node *m)
{
    SCO_AUTO(sco_buf) struct sco_buf line = {0}, reason = {0};
    struct sco_str outcome = sco_text(sco_get(m, "outcome")), gate = sco_text(sco_get(m, "gate"));
    bool ok = sco_str_is(outcome, "completed") && sco_str_is(gate, "passed");
    if (sco_str_is(outcome, "completed")) {
        sco_buf_addf(&line, "scan %.*s: %lld findings; gate: %.*s\n",
                     SCO_STR_ARG(sco_text(sco_get(m, "scan_id"))),
                     (long long)sco_int(sco_get(m, "findings"), 0), SCO_STR_ARG(gate));
        sco_buf_addf(&reason, "the gate: %.*s", SCO_STR_ARG(gate));
    } else {
        sco_buf_addf(&reason, "the scan: %.*s", SCO_STR_ARG(sco_text(sco_get(m, "reason"))));
    }
    on_text(s, sco_buf_str(&line));
    answer_scan(s, ok, ok ? NULL : sco_buf_z(&reason));
}

static void feed_scan(struct stage_run *s, struct sco_str bytes)
{
    enum sco_msg type;
    struct sco_str payload;
    int f = sco_frames_feed(&s->scan_frames, bytes, NULL);
    while (f == 0 && sco_frames_next(&s->scan_frames, &type, &payload, NULL) == 1) {
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        const struct sco_node *m = NULL;
        if (sco_json_parse(payload, &arena, &m, NULL) < 0)
            continue;
        if (type == SCO_MSG_LOG && sco_int(sco_get(m, "level"), 9) <= SCO_LOG_INFO) {
            SCO_AUTO(sco_buf) struct sco_buf line = {0};
            sco_buf_add(&line, sco_text(sco_get(m, "text")));
            sco_buf_addc(&line, '\n');
            on_text(s, sco_buf_str(&line));
        } else if (type == SCO_MSG_DONE) {
            on_scan_done(s, m);
        }
    }
}

static void take_scan(struct stage_run *s)
{
    struct evbuffer *in = bufferevent_get_input(s->scan_socket);
    size_t n;
    while ((n = evbuffer_get_contiguous_space(in)) > 0) {
        feed_scan(s, sco_str_make((const char *)evbuffer_pullup(in, (ev_ssize_t)n), n));
        evbuffer_drain(in, n);
    }
}

static void on_scan_read(struct bufferevent *b, void *user)
{
    (void)b;
    take_scan(user);
}

static void drop_snapshot(struct stage_run *s)
{
    if (s->scan_dir)
        (void)sco_fs_remove_tree(s->scan_dir);
    s->scan_dir = NULL;
}

static void on_scan_gone(struct sco_child *c, int status, void *user)
{
    struct stage_run *s = user;
    (void)c;
    (void)status;
    char part[16384];
    ssize_t n;
    bufferevent_disable(s->scan_socket, EV_READ | EV_WRITE);
    take_scan(s);
    while ((n = read(bufferevent_getfd(s->scan_socket), part, sizeof part)) > 0)
        feed_scan(s, sco_str_make(part, (size_t)n));
    answer_scan(s, false, "the scan was ended");
    s->scan = sco_child_free(s->scan);
    bufferevent_free(s->scan_socket);
    s->scan_socket = NULL;
    sco_frames_done(&s->scan_frames);
    drop_snapshot(s);
}

static void start_scan(struct stage_run *s, size_t step)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_error err = {0};
    int r = 0;
    if (s->scan_socket) /* its answer comes */
        return;
    s->scan_answered = false;
    s->scan_dir = sco_arena_fmt(&s->p->r->arena, "%s/scan-%zu-%u", s->p->r->dir, s->i, s->attempt);
    r = s->scan_dir ? pipeline_take_snapshot(s, s->scan_dir, &err) : sco_error_nomem(&err);
    if (r == 0)
        r = pipeline_scan_job(s->p, s, step, &b, &err);
    if (r == 0)
        r = spawn(s, NULL, on_scan_read, on_scan_gone, &s->scan, &s->scan_socket, &err);
    if (r == 0)
        r = send_frame(s->scan_socket, SCO_MSG_JOB, sco_buf_str(&b), &err);
    if (r < 0)
        answer_scan(s, false, err.text);
    if (!s->scan)
        drop_snapshot(s);
}

/* ---- what it says ---- */
static bool on_frame(struct stage_run *s, enum sco_msg type, struct sco_str payload)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (s->done || sco_json_parse(payload, &arena, &m, NULL) < 0)
        return false;
    if (type == SCO_MSG_LOG) {
        on_text(s, sco_text(sco_get(m, "text")));
    } else if (type == SCO_MSG_CALL) {
        start_scan(s, (size_t)sco_int(sco_get(m, "step"), SCO_PIPELINE_STEPS_MAX));
    } else if (type == SCO_MSG_DONE) {
        s->done = true;
        snprintf(s->outcome, sizeof s->outcome, "%.*s",
                 SCO_STR_ARG(sco_text(sco_get(m, "outcome"))));
        snprintf(s->reason, sizeof s->reason, "%.*s", SCO_STR_ARG(sco_text(sco_get(m, "reason"))));
    } else {
        return false;
    }
    return true;
}

static void feed(struct stage_run *s, struct sco_str bytes)
{
    enum sco_msg type;
    struct sco_str payload;
    int f = sco_frames_feed(&s->frames, bytes, NULL);
    while (f == 0 && (f = sco_frames_next(&s->frames, &type, &payload, NULL)) == 1)
        f = on_frame(s, type, payload) ? 0 : SCO_E_FORMAT;
    if (f < 0) {
        s->done = false;
        stage_run_kill(s);
    }
}

static void take_input(struct stage_run *s)
{
    struct evbuffer *in = bufferevent_get_input(s->socket);
    size_t n;
    while ((n = evbuffer_get_contiguous_space(in)) > 0) {
        feed(s, sco_str_make((const char *)evbuffer_pullup(in, (ev_ssize_t)n), n));
        evbuffer_drain(in, n);
    }
}

/* What came after the loop looked last. */
static void take_rest(struct stage_run *s)
{
    char part[16384];
    ssize_t n;
    bufferevent_disable(s->socket, EV_READ | EV_WRITE);
    take_input(s);
    while ((n = read(bufferevent_getfd(s->socket), part, sizeof part)) > 0)
        feed(s, sco_str_make(part, (size_t)n));
}

static void on_read(struct bufferevent *b, void *user)
{
    (void)b;
    take_input(user);
}

static void on_gone(struct sco_child *c, int status, void *user)
{
    struct stage_run *s = user;
    (void)c;
    take_rest(s);
    bool known = strcmp(s->outcome, "success") == 0 || strcmp(s->outcome, "failure") == 0 ||
                 strcmp(s->outcome, "timed_out") == 0 || strcmp(s->outcome, "cancelled") == 0;
    if (!s->done || !known) {
        snprintf(s->outcome, sizeof s->outcome, "%s", s->p->stopping ? "cancelled" : "failure");
        snprintf(s->reason, sizeof s->reason, "the stage's process ended (status %d)", status);
    }
    pipeline_stage_ended(s->p, s);
}

/* ---- its life ---- */
int stage_run_start(struct pipeline_job *p, size_t i, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct stage_now *now = &p->stages[i];
    struct stage_run *s = sco_alloc(1, sizeof *s);
    if (!s)
        return sco_error_nomem(err);
    now->run = s;
    s->p = p;
    s->i = i;
    s->attempt = now->tries;
    s->started_at = sco_now_ms();
    s->dir = sco_arena_fmt(&p->r->arena, "%s/stage-%zu-%u", p->r->dir, i, s->attempt);
    int r = s->dir ? sco_fs_mkdirs(s->dir, 0700, err) : sco_error_nomem(err);
    if (r == 0)
        r = spawn(s, RUNNER_STAGE_ARG, on_read, on_gone, &s->child, &s->socket, err);
    if (r == 0)
        r = pipeline_stage_job(p, s, &b, err);
    if (r == 0)
        r = send_frame(s->socket, SCO_MSG_JOB, sco_buf_str(&b), err);
    if (b.p)
        explicit_bzero(b.p, b.n);
    if (r < 0)
        now->run = stage_run_free(s);
    return r;
}

void stage_run_cancel(struct stage_run *s)
{
    char how[40];
    snprintf(how, sizeof how, "{\"cleanup_ms\":%d}",
             s->p->r->end == END_CANCELLED ? PIPELINE_CLEANUP_MS : 0);
    (void)!send_frame(s->socket, SCO_MSG_CANCEL, sco_str_c(how), NULL);
    if (s->scan_socket)
        (void)!send_frame(s->scan_socket, SCO_MSG_CANCEL, SCO_STR("{}"), NULL);
}

void stage_run_kill(struct stage_run *s)
{
    if (s->child)
        sco_child_kill(s->child, SIGKILL);
    if (s->scan)
        sco_child_kill(s->scan, SIGKILL);
}

struct stage_run *stage_run_free(struct stage_run *s)
{
    if (!s)
        return NULL;
    sco_child_free(s->scan);
    if (s->scan_socket)
        bufferevent_free(s->scan_socket);
    sco_child_free(s->child);
    if (s->socket)
        bufferevent_free(s->socket);
    sco_loop_kill_orphans(); /* of this process alone: what the stage left behind */
    drop_snapshot(s);
    if (s->dir)
        sco_fs_remove_tree(s->dir);
    sco_frames_done(&s->frames);
    sco_frames_done(&s->scan_frames);
    sco_buf_done(&s->log);
    free(s);
    return NULL;
}
