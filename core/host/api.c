/* The functions of struct sco_host that a plugin calls. They never trust it: wrong thread, wrong
 * time, too much and nonsense are refused, counted, and end up in the job's result. */
#include "host_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sco_worker *worker(const struct sco_host *t)
{
    return t->impl;
}

static _Thread_local pid_t own_id; /* 0: not asked yet */

static void forget_id(void)
{
    own_id = 0;
}

/* A plugin may fork, and its child is another thread with the same memory. */
static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_id);
}

/* gettid() without a system call for every finding. */
static pid_t thread_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!own_id) {
        pthread_once(&once, watch_forks);
        own_id = gettid();
    }
    return own_id;
}

/* The host serves the one thread that runs the job. */
bool host_is_foreign(struct sco_worker *w)
{
    if (thread_id() == w->thread)
        return false;
    __atomic_fetch_add(&w->misplaced, 1, __ATOMIC_RELAXED);
    return true;
}

int64_t host_time_left(const struct sco_worker *w)
{
    if (!w->deadline)
        return INT64_MAX;
    int64_t left = w->deadline - sco_mono_ms();
    return left > 0 ? left : 0;
}

/* Looks, without waiting, whether the engine said CANCEL or is gone. */
bool host_poll_cancel(struct sco_worker *w)
{
    char bytes[256];
    enum sco_msg type;
    struct sco_str payload;
    while (!w->cancelled && !w->quick) {
        int r = sco_frames_next(w->in, &type, &payload, NULL);
        if (r < 0 || (r == 1 && (type == SCO_MSG_CANCEL || w->calling)))
            w->cancelled = true;
        if (r)
            continue;
        ssize_t n = recv(w->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || sco_frames_feed(w->in, sco_str_make(bytes, (size_t)n), NULL) < 0)
            w->cancelled = true;
    }
    return w->cancelled;
}

static int api_cancelled(const struct sco_host *t)
{
    struct sco_worker *w = worker(t);
    return host_is_foreign(w) ? w->cancelled : host_poll_cancel(w);
}

static void api_log(const struct sco_host *t, uint32_t level, struct sco_str text)
{
    struct sco_worker *w = worker(t);
    if (!host_is_foreign(w))
        host_log_str(w, level, text);
}

static void api_incomplete(const struct sco_host *t, struct sco_str reason)
{
    struct sco_worker *w = worker(t);
    if (!host_is_foreign(w))
        host_incomplete_str(w, reason);
}

static void api_progress(const struct sco_host *t, uint64_t done, uint64_t total,
                         struct sco_str what)
{
    struct sco_worker *w = worker(t);
    int64_t now = sco_mono_ms();
    if (host_is_foreign(w) || now - w->progress_at < HOST_PROGRESS_MS)
        return;
    w->progress_at = now;
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, clean = {0};
    struct sco_json_out o = {.b = &b};
    host_add_clean(w, &clean, what, 200);
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "done", (int64_t)(done & INT64_MAX));
    sco_json_ki64(&o, "total", (int64_t)(total & INT64_MAX));
    sco_json_kstr(&o, "what", sco_buf_str(&clean));
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_PROGRESS, &b);
}

static int api_tool(const struct sco_host *t, struct sco_str name, struct sco_str version)
{
    struct sco_worker *w = worker(t);
    if (host_is_foreign(w) || w->phase != HOST_RUNNING || !w->encoder)
        return SCO_E_INVALID;
    SCO_AUTO(sco_buf) struct sco_buf n = {0}, v = {0};
    host_add_clean(w, &n, name, 200);
    host_add_clean(w, &v, version, 200);
    int r = sco_encoder_tool(w->encoder, name, version);
    if (r < 0)
        return r;
    if (v.n) {
        const char *copy = sco_arena_cstr(&w->arena, sco_buf_str(&v));
        w->version = copy ? copy : w->version;
    }
    host_send_tool(w, sco_buf_z(&n), v.n ? sco_buf_z(&v) : NULL);
    return 0;
}

/* An older plugin's finding is shorter. */
static int emit_sized(struct sco_worker *w, const struct sco_report_finding *f,
                      struct sco_error *err)
{
    enum {
        LEAST = offsetof(struct sco_report_finding, title),
        WITH_SECRET = offsetof(struct sco_report_finding, secret) + sizeof f->secret
    };
    if (!f || f->struct_size < LEAST || f->struct_size > (64u << 10))
        return sco_error_set(err, SCO_E_INVALID, "a finding with a wrong struct_size");
    if (f->struct_size >= WITH_SECRET && f->secret.n)
        host_note_found(w, f->secret);
    return sco_encoder_add(w->encoder, f, &w->batch, err);
}

static int api_emit(const struct sco_host *t, const struct sco_report_finding *f)
{
    struct sco_worker *w = worker(t);
    struct sco_error err = {0};
    if (host_is_foreign(w))
        return SCO_E_INVALID;
    if (w->phase != HOST_RUNNING || !w->encoder) {
        w->misplaced++;
        return SCO_E_INVALID;
    }
    if (w->cancelled)
        return SCO_E_CANCELLED;
    if (w->job->max_findings && w->findings >= w->job->max_findings) {
        if (!w->limit_hit)
            host_incomplete(w, "more than %llu findings: the others were left out",
                            (unsigned long long)w->job->max_findings);
        w->limit_hit = true;
        return SCO_E_LIMIT;
    }
    int r = emit_sized(w, f, &err);
    sco_arena_reset(&w->tmp);
    if (r < 0) {
        host_incomplete(w, "a finding was refused: %s", err.text[0] ? err.text : sco_error_name(r));
        return r;
    }
    w->findings++;
    if (w->batch.n < SCO_FRAME_BATCH)
        return 0;
    r = host_flush(w);
    return r < 0 ? r : host_poll_cancel(w) ? SCO_E_CANCELLED : 0;
}

static void *api_alloc(const struct sco_host *t, size_t n)
{
    struct sco_worker *w = worker(t);
    return host_is_foreign(w) ? NULL : sco_arena_alloc(w->calling ? &w->call : &w->arena, n);
}

static int64_t api_now(const struct sco_host *t)
{
    const struct sco_worker *w = worker(t);
    return w->now ? w->now : sco_now_ms();
}

static void *api_tmp(const struct sco_host *t, size_t n)
{
    struct sco_worker *w = worker(t);
    return host_is_foreign(w) ? NULL : sco_arena_alloc(&w->tmp, n);
}

void host_table_init(struct sco_worker *w)
{
    w->table = (struct sco_host){
        .struct_size = sizeof w->table,
        .abi_major = SCO_ABI_MAJOR,
        .abi_minor = SCO_ABI_MINOR,
        .impl = w,
        .data = &host_data_api,
        .log = api_log,
        .emit = api_emit,
        .tool = api_tool,
        .incomplete = api_incomplete,
        .progress = api_progress,
        .cancelled = api_cancelled,
        .run = host_run,
        .http = host_request,
        .alloc = api_alloc,
        .tmp = api_tmp,
        .record = host_record,
        .crypto = &host_crypto_api,
        .now = api_now,
    };
}

struct sco_worker *sco_worker_new(int fd, struct sco_frames *in, const struct sco_worker_job *job,
                                  struct sco_error *err)
{
    struct sco_worker *w = sco_alloc(1, sizeof *w);
    if (!w) {
        sco_error_nomem(err);
        return NULL;
    }
    w->fd = fd;
    w->in = in;
    w->job = job;
    w->thread = thread_id();
    w->exit_code = -1;
    w->version = job->version;
    w->deadline = job->timeout_ms ? sco_mono_ms() + job->timeout_ms : 0;
    w->arena.limit = w->tmp.limit = w->call.limit = HOST_ARENA_MAX;
    host_table_init(w);
    if (host_make_env(w, err) < 0)
        return sco_worker_free(w);
    return w;
}

struct sco_worker *sco_worker_free(struct sco_worker *w)
{
    if (!w)
        return NULL;
    host_close_http(w);
    sco_encoder_free(w->encoder);
    sco_buf_done(&w->batch);
    sco_buf_done(&w->record_batch);
    sco_buf_done(&w->reasons);
    sco_arena_done(&w->arena);
    sco_arena_done(&w->tmp);
    sco_arena_done(&w->call);
    free(w);
    return NULL;
}

const struct sco_host *sco_worker_host(const struct sco_worker *w)
{
    return &w->table;
}
