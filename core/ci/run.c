/* One operation of an integration, for a caller that waits: a runner, the command line. A worker
 * and a loop of its own. */
#include "ci_priv.h"

#include <event2/event.h>
#include <secureops/fs.h>

enum { GRACE_MS = 3000, START_MS = 20000, CALL_ID = 1 };

struct run {
    const struct sco_ci_run *q;
    struct event_base *base;
    struct ci_process *process;
    struct event *timer, *cancel;
    struct sco_buf call;
    struct ci_answer answer;
    struct sco_ci_answer got;
    bool open, answered, cancelled, ended;
    int code;
    struct sco_error err;
};

/* ---- the talk ---- */
static void arm(struct run *x, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(x->timer, &tv);
}

static void tell_log(const struct run *x, struct sco_str payload)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *m = NULL;
    if (x->q->log && sco_json_parse(payload, &arena, &m, NULL) == 0)
        x->q->log(x->q->user, (uint32_t)sco_int_at(m, "level", SCO_LOG_INFO),
                  sco_text_at(m, "text"));
}

static void on_frame(void *user, enum sco_msg type, struct sco_str payload)
{
    struct run *x = user;
    int r = 0;
    if (type == SCO_MSG_LOG)
        tell_log(x, payload);
    else if (type == SCO_MSG_PLUGIN)
        x->open = true;
    else if (type == SCO_MSG_RECORDS && !x->answered)
        r = ci_answer_records(&x->answer, payload, &x->err);
    else if (type == SCO_MSG_ANSWER && !x->answered)
        r = ci_answer_read(&x->answer, payload, CALL_ID, &x->got, &x->err);
    if (r < 0) {
        ci_process_kill(x->process, r, x->err.text);
        return;
    }
    if (type == SCO_MSG_PLUGIN && x->q->timeout_ms > 0 && !x->cancelled)
        arm(x, x->q->timeout_ms + GRACE_MS);
    if (type == SCO_MSG_PLUGIN && x->q->timeout_ms <= 0 && !x->cancelled)
        event_del(x->timer);
    if (type == SCO_MSG_ANSWER) {
        x->answered = true;
        event_base_loopbreak(x->base);
    }
}

static void on_ended(void *user, int code, const char *reason)
{
    struct run *x = user;
    x->ended = true;
    x->code = sco_error_set(&x->err, code < 0 ? code : SCO_E_INTERNAL, "%s",
                            reason ? reason : "the plugin ended its worker without a word");
    event_base_loopbreak(x->base);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct run *x = user;
    (void)fd;
    (void)what;
    if (x->cancelled)
        ci_process_kill(x->process, SCO_E_CANCELLED, "cancelled");
    else
        ci_process_kill(x->process, SCO_E_TIMEOUT,
                        x->open ? "did not end within its deadline and was killed"
                                : "the plugin did not start in time");
}

static void on_cancel(evutil_socket_t fd, short what, void *user)
{
    struct run *x = user;
    uint64_t end;
    (void)fd;
    (void)what;
    x->cancelled = true;
    arm(x, GRACE_MS);
    (void)!ci_process_send(x->process, SCO_MSG_CANCEL, SCO_STR("{}"), sco_str_make(NULL, 0), &end);
}

/* ---- all ---- */
static int write_call(struct run *x, int64_t left, struct sco_error *err)
{
    struct sco_json_out o = {.b = &x->call};
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "id", CALL_ID);
    sco_json_kz(&o, "op", x->q->op);
    sco_json_key(&o, "request");
    sco_json_raw(&o, x->q->request);
    sco_json_ki64(&o, "timeout_ms", left);
    sco_json_end(&o, '}');
    for (size_t i = 0; i < x->call.n; i++) /* one line: of white space alone between values */
        if (x->call.p[i] == '\n')
            x->call.p[i] = ' ';
    return sco_buf_check(&x->call, err);
}

static int talk(struct run *x, int64_t left, struct sco_error *err)
{
    const struct sco_ci_run *q = x->q;
    uint64_t end;
    struct ci_process_spec s = {.base = x->base,
                                .worker = q->worker,
                                .library = q->library,
                                .work_dir = q->work_dir,
                                .cache_dir = q->cache_dir,
                                .options = q->options,
                                .offline = q->offline,
                                .no_sandbox = q->no_sandbox,
                                .break_after = q->break_after,
                                .break_ms = q->break_ms,
                                .frame = on_frame,
                                .ended = on_ended,
                                .user = x};
    x->timer = evtimer_new(x->base, on_timer, x);
    x->cancel = q->cancel_fd >= 0 ? event_new(x->base, q->cancel_fd, EV_READ, on_cancel, x) : NULL;
    if (!x->timer || (q->cancel_fd >= 0 && (!x->cancel || event_add(x->cancel, NULL) < 0)))
        return sco_error_nomem(err);
    int r = write_call(x, left, err);
    if (r == 0)
        r = ci_process_start(&s, &x->process, err);
    if (r < 0)
        return r;
    r = ci_process_send(x->process, SCO_MSG_CALL, sco_buf_str(&x->call), sco_str_make(NULL, 0),
                        &end);
    if (r < 0)
        return sco_error_set(err, r, "the request is too large");
    arm(x, START_MS);
    event_base_dispatch(x->base);
    if (x->answered) { /* it ends by itself */
        ci_process_close(x->process);
        while (!x->ended && event_base_dispatch(x->base) == 0)
            ;
        return 0;
    }
    if (err)
        *err = x->err;
    return x->code < 0 ? x->code : SCO_E_INTERNAL;
}

/* Out of the buffers of the talk. */
static int keep(const struct sco_ci_answer *a, struct sco_arena *arena, struct sco_ci_answer *ret,
                struct sco_error *err)
{
    struct sco_ci_answer x = {.code = a->code, .retry_ms = a->retry_ms, .n_events = a->n_events};
    bool ok = (!a->reason || (x.reason = sco_arena_cstr(arena, sco_str_c(a->reason)))) &&
              (!a->result.p || (x.result = sco_arena_str(arena, a->result)).p) &&
              (x.events = sco_arena_alloc(arena, (a->n_events + 1) * sizeof *x.events));
    for (size_t i = 0; ok && i < a->n_events; i++)
        ok = (x.events[i] = sco_arena_str(arena, a->events[i])).p;
    if (!ok)
        return sco_error_nomem(err);
    *ret = x;
    return 0;
}

int sco_ci_run(const struct sco_ci_run *q, struct sco_arena *arena, struct sco_ci_answer *ret,
               struct sco_error *err)
{
    struct run x = {.q = q, .base = event_base_new()};
    int64_t deadline = q->timeout_ms > 0 ? sco_mono_ms() + q->timeout_ms : 0;
    int r = x.base ? 0 : sco_error_nomem(err);
    if (r == 0 && q->cache_dir)
        r = sco_fs_mkdirs(q->cache_dir, 0700, err);
    int64_t left = deadline ? deadline - sco_mono_ms() : 0;
    if (r == 0)
        r = talk(&x, deadline && left < 1 ? 1 : left, err);
    if (r == 0)
        r = keep(&x.got, arena, ret, err);
    ci_process_free(x.process);
    if (x.timer)
        event_free(x.timer);
    if (x.cancel)
        event_free(x.cancel);
    if (x.base)
        event_base_free(x.base);
    sco_buf_done(&x.call);
    ci_answer_done(&x.answer);
    return r;
}
