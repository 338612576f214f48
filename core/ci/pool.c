/* Workers of integrations: one process for each, started when it has something to do. Calls are
 * sent ahead of their turn, so that a process never waits for us; the first that is not answered is
 * the one it is at. When it dies or takes too long that one has failed and the others go to the
 * next process. A process that dies again and again is started again with growing pauses.
 *
 * Callbacks of callers may do anything but free the pool: what ends is freed by the sweep, later on
 * the loop. */
#include "ci_priv.h"

#include <event2/event.h>
#include <secureops/fs.h>
#include <stdlib.h>

enum {
    CALL_MS = 5000,
    START_MS = 20000,
    IDLE_MS = 300000,
    WAITING_MAX = 4096,
    WAITING_BYTES_MAX = 256 << 20, /* of one integration */
    AHEAD_MAX = 256,               /* calls that are sent before their turn */
    DEATHS_FREE = 2,               /* in a row, before there are pauses */
    PAUSE_MS = 100,
    PAUSE_MAX_MS = 5000,
};

struct call {
    struct call *next;
    int64_t id;
    sco_ci_answer_fn fn;
    void *user;
    struct sco_buf payload;
    uint64_t end; /* bytes of the process's stream up to here, once it is sent */
};

struct member { /* an integration */
    struct sco_ci_pool *pool;
    struct member *next;
    struct sco_arena arena;
    struct sco_integration is;
    const char *library, *work_dir;
    bool leaving; /* takes no more calls, and goes when the last is answered */
    struct ci_process *process;
    bool open; /* the plugin is loaded, and has its options */
    struct call *first, **last, *unsent;
    size_t n_calls, n_ahead, n_bytes;
    uint32_t deaths;     /* in a row without an answer */
    struct event *timer; /* of the first call; idle; the pause before the next process */
    struct ci_answer answer;
};

struct ending { /* a process that was told to go */
    struct ending *next;
    struct sco_ci_pool *pool;
    struct ci_process *process;
    bool gone;
};

struct sco_ci_pool {
    struct sco_ci_pool_options o;
    struct member *members;
    struct ending *endings;
    struct event *sweep;
    int64_t last_id;
    bool freeing;
};

static void work(struct member *m);

/* ---- calls ---- */
static void free_call(struct call *c)
{
    sco_buf_done(&c->payload);
    free(c);
}

static struct call *take_first(struct member *m)
{
    struct call *c = m->first;
    SCO_BUG_ON(!c);
    if (!(m->first = c->next))
        m->last = &m->first;
    if (m->unsent == c)
        m->unsent = c->next;
    else
        m->n_ahead--;
    m->n_calls--;
    m->n_bytes -= c->payload.n;
    return c;
}

static void answer_first(struct member *m, const struct sco_ci_answer *a)
{
    struct call *c = take_first(m);
    c->fn(c->user, a);
    free_call(c);
}

static void fail_first(struct member *m, int code, const char *reason)
{
    struct sco_ci_answer a = {.code = code < 0 ? code : SCO_E_INTERNAL, .reason = reason};
    answer_first(m, &a);
}

/* Those that are there now: who is told may hand in more. */
static void fail_all(struct member *m, int code, const char *reason)
{
    for (size_t n = m->n_calls; n > 0 && m->first; n--)
        fail_first(m, code, reason);
}

static void arm(struct member *m, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(m->timer, &tv);
}

/* What the timer is for, as things are now. */
static void set_timer(struct member *m)
{
    const struct sco_ci_pool_options *o = &m->pool->o;
    if (!m->process)
        return; /* the pause, or nothing */
    if (!m->open)
        return; /* armed at the start */
    arm(m, m->first ? o->call_ms : o->idle_ms);
}

/* ---- the process ---- */
static void on_ending_gone(void *user, int code, const char *reason)
{
    struct ending *e = user;
    (void)code;
    (void)reason;
    e->gone = true;
    event_active(e->pool->sweep, 0, 0);
}

static void on_frame(void *user, enum sco_msg type, struct sco_str payload)
{
    struct member *m = user;
    struct sco_error err = {0};
    struct sco_ci_answer a;
    int r = 0;
    if (type == SCO_MSG_PLUGIN) {
        m->open = true;
        set_timer(m);
    } else if (type == SCO_MSG_RECORDS) {
        r = ci_answer_records(&m->answer, payload, &err);
    } else if (type == SCO_MSG_ANSWER) {
        bool asked =
            m->first && m->first != m->unsent && ci_process_written(m->process) >= m->first->end;
        r = asked ? ci_answer_read(&m->answer, payload, m->first->id, &a, &err)
                  : sco_error_set(&err, SCO_E_FORMAT, "an answer before its call");
        if (r == 0) {
            m->deaths = 0;
            answer_first(m, &a);
            ci_answer_clear(&m->answer);
            set_timer(m);
            work(m);
            if (m->leaving && !m->first)
                event_active(m->pool->sweep, 0, 0);
        }
    }
    if (r < 0)
        ci_process_kill(m->process, r, err.text);
}

static int64_t pause_of(uint32_t deaths)
{
    int64_t ms = PAUSE_MS;
    for (uint32_t i = DEATHS_FREE; i < deaths && ms < PAUSE_MAX_MS; i++)
        ms *= 2;
    return deaths <= DEATHS_FREE ? 0 : ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void forget_process(struct member *m)
{
    m->process = ci_process_free(m->process);
    m->open = false;
    m->unsent = m->first;
    m->n_ahead = 0;
    ci_answer_clear(&m->answer);
    event_del(m->timer);
}

static void on_ended(void *user, int code, const char *reason)
{
    struct member *m = user;
    SCO_AUTO(sco_buf) struct sco_buf why = {0};
    bool was_open = m->open;
    sco_buf_addf(&why, "%s: %s", m->is.name,
                 reason ? reason : "the plugin ended its worker without a word");
    forget_process(m);
    m->deaths++;
    if (!was_open) /* it will not be otherwise for the next ones */
        fail_all(m, code, sco_buf_z(&why));
    else if (m->first)
        fail_first(m, code, sco_buf_z(&why));
    if (m->first || pause_of(m->deaths))
        arm(m, pause_of(m->deaths));
    if (m->leaving)
        event_active(m->pool->sweep, 0, 0);
}

static int start(struct member *m, struct sco_error *err)
{
    const struct sco_ci_pool_options *o = &m->pool->o;
    struct ci_process_spec s = {.base = o->base,
                                .worker = o->worker,
                                .library = m->library,
                                .work_dir = m->work_dir,
                                .options = m->is.options,
                                .offline = true,
                                .frame = on_frame,
                                .ended = on_ended,
                                .user = m};
    int r = sco_fs_mkdirs(m->work_dir, 0700, err);
    if (r == 0)
        r = ci_process_start(&s, &m->process, err);
    if (r < 0)
        return r;
    m->open = false;
    arm(m, START_MS);
    return 0;
}

/* A process that has nothing to do goes, and the pool waits for it. */
static void let_go(struct member *m)
{
    struct ending *e = sco_alloc(1, sizeof *e);
    if (!e || !m->process) {
        free(e);
        forget_process(m);
        return;
    }
    *e = (struct ending){.next = m->pool->endings, .pool = m->pool, .process = m->process};
    m->pool->endings = e;
    ci_process_hand_over(m->process, on_ending_gone, e);
    ci_process_close(m->process);
    m->process = NULL;
    forget_process(m);
}

/* Starts a process where one is needed and sends what may be sent. */
static void work(struct member *m)
{
    struct sco_error err = {0};
    bool pausing = !m->process && event_pending(m->timer, EV_TIMEOUT, NULL);
    if (!m->first || pausing)
        return;
    int r = m->process ? 0 : start(m, &err);
    while (r == 0 && m->unsent && m->n_ahead < AHEAD_MAX) {
        struct call *c = m->unsent;
        r = ci_process_send(m->process, SCO_MSG_CALL, sco_buf_str(&c->payload),
                            sco_str_make(NULL, 0), &c->end);
        if (r < 0)
            break;
        m->unsent = c->next;
        m->n_ahead++;
    }
    if (r < 0 && m->process)
        ci_process_kill(m->process, r, "out of memory");
    else if (r < 0)
        fail_all(m, r, err.text);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
    struct member *m = user;
    (void)fd;
    (void)what;
    if (!m->process)
        work(m);
    else if (m->first || !m->open)
        ci_process_kill(m->process, SCO_E_TIMEOUT,
                        m->open ? "the plugin did not answer in time"
                                : "the plugin did not start in time");
    else
        let_go(m);
}

/* ---- members ---- */
static struct member *free_member(struct member *m)
{
    m->process = ci_process_free(m->process);
    fail_all(m, SCO_E_CANCELLED, "the integrations are ending");
    if (m->timer)
        event_free(m->timer);
    ci_answer_done(&m->answer);
    if (m->is.options.p)
        explicit_bzero((char *)(uintptr_t)m->is.options.p, m->is.options.n);
    sco_arena_done(&m->arena);
    free(m);
    return NULL;
}

static void on_sweep(evutil_socket_t fd, short what, void *user)
{
    struct sco_ci_pool *p = user;
    (void)fd;
    (void)what;
    for (struct ending **at = &p->endings; *at;) {
        struct ending *e = *at;
        if (!e->gone) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        ci_process_free(e->process);
        free(e);
    }
    for (struct member **at = &p->members; *at;) {
        struct member *m = *at;
        if (!m->leaving || m->first) {
            work(m);
            at = &m->next;
            continue;
        }
        if (m->process)
            let_go(m);
        *at = m->next;
        free_member(m);
    }
}

static struct member *find(const struct sco_ci_pool *p, const char *name)
{
    for (struct member *m = p->members; m; m = m->next)
        if (!m->leaving && strcmp(m->is.name, name) == 0)
            return m;
    return NULL;
}

static bool is_same(const struct member *m, const struct sco_integration *x, const char *library)
{
    return strcmp(m->is.plugin, x->plugin) == 0 && strcmp(m->library, library) == 0 &&
           sco_str_eq(m->is.options, x->options);
}

static int new_member(struct sco_ci_pool *p, const struct sco_integration *x, const char *library,
                      struct member **ret, struct sco_error *err)
{
    struct member *m = sco_alloc(1, sizeof *m);
    if (!m)
        return sco_error_nomem(err);
    struct sco_str options = sco_arena_str(&m->arena, x->options);
    m->pool = p;
    m->last = &m->first;
    m->is = (struct sco_integration){.name = sco_arena_cstr(&m->arena, sco_str_c(x->name)),
                                     .plugin = sco_arena_cstr(&m->arena, sco_str_c(x->plugin)),
                                     .options = options};
    m->library = sco_arena_cstr(&m->arena, sco_str_c(library));
    m->work_dir = sco_arena_fmt(&m->arena, "%s/ci-%s", p->o.work_dir, x->name);
    m->timer = evtimer_new(p->o.base, on_timer, m);
    if (!m->is.name || !m->is.plugin || !options.p || !m->library || !m->work_dir || !m->timer) {
        free_member(m);
        return sco_error_nomem(err);
    }
    *ret = m;
    return 0;
}

/* ---- the pool ---- */
/* New members in a list of their own first: all or nothing. */
static int make_members(struct sco_ci_pool *p, const struct sco_integration *v, size_t n,
                        struct member **ret, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct member *m = find(p, v[i].name), *fresh = NULL;
        const char *library = v[i].enabled ? p->o.library(p->o.user, v[i].plugin) : NULL;
        if (!v[i].enabled || (library && m && is_same(m, &v[i], library)))
            continue;
        r = library
                ? new_member(p, &v[i], library, &fresh, err)
                : sco_error_set(err, SCO_E_NOT_FOUND, "integrations.%s: there is no plugin \"%s\"",
                                v[i].name, v[i].plugin);
        if (r < 0)
            break;
        SCO_BUG_ON(!fresh);
        fresh->next = *ret;
        *ret = fresh;
    }
    while (r < 0 && *ret) {
        struct member *m = *ret;
        *ret = m->next;
        free_member(m);
    }
    return r;
}

static bool stays(const struct sco_ci_pool *p, const struct member *m,
                  const struct sco_integration *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!v[i].enabled || strcmp(v[i].name, m->is.name) != 0)
            continue;
        const char *library = p->o.library(p->o.user, v[i].plugin);
        return library && is_same(m, &v[i], library);
    }
    return false;
}

int sco_ci_pool_set(struct sco_ci_pool *p, const struct sco_integration *v, size_t n,
                    struct sco_error *err)
{
    struct member *fresh = NULL, **at = &p->members;
    int r = make_members(p, v, n, &fresh, err);
    if (r < 0)
        return r;
    for (; *at; at = &(*at)->next)
        if (!(*at)->leaving && !stays(p, *at, v, n))
            (*at)->leaving = true;
    *at = fresh;
    event_active(p->sweep, 0, 0);
    return 0;
}

int sco_ci_pool_new(const struct sco_ci_pool_options *o, struct sco_ci_pool **ret,
                    struct sco_error *err)
{
    struct sco_ci_pool *p = sco_alloc(1, sizeof *p);
    if (!p)
        return sco_error_nomem(err);
    p->o = *o;
    p->o.call_ms = o->call_ms ? o->call_ms : CALL_MS;
    p->o.idle_ms = o->idle_ms ? o->idle_ms : IDLE_MS;
    p->o.waiting_max = o->waiting_max ? o->waiting_max : WAITING_MAX;
    p->sweep = event_new(o->base, -1, 0, on_sweep, p);
    if (!p->sweep) {
        free(p);
        return sco_error_nomem(err);
    }
    *ret = p;
    return 0;
}

struct sco_ci_pool *sco_ci_pool_free(struct sco_ci_pool *p)
{
    if (!p)
        return NULL;
    p->freeing = true;
    while (p->members) {
        struct member *m = p->members;
        p->members = m->next;
        free_member(m);
    }
    while (p->endings) {
        struct ending *e = p->endings;
        p->endings = e->next;
        ci_process_free(e->process);
        free(e);
    }
    event_free(p->sweep);
    free(p);
    return NULL;
}

/* ---- deliveries ---- */
static void write_call(const struct sco_ci_delivery *d, const char *op, int64_t id,
                       struct sco_buf *b)
{
    struct sco_json_out o = {.b = b};
    if (sco_buf_reserve(b, d->body.n + 512) < 0)
        return;
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "id", id);
    sco_json_kz(&o, "op", op);
    sco_json_key(&o, "headers");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < d->n_headers; i++) {
        sco_json_begin(&o, '[');
        sco_json_str(&o, d->headers[i].key);
        sco_json_str(&o, d->headers[i].value);
        sco_json_end(&o, ']');
    }
    sco_json_end(&o, ']');
    sco_json_key(&o, "path");
    sco_json_str(&o, d->path);
    sco_json_key(&o, "query");
    sco_json_str(&o, d->query);
    sco_json_ki64(&o, "received_ms", d->received_ms);
    sco_json_end(&o, '}');
    sco_buf_addc(b, '\n');
    sco_buf_add(b, d->body);
}

static int add(struct sco_ci_pool *p, const char *op, const struct sco_ci_delivery *d,
               sco_ci_answer_fn fn, void *user, struct sco_error *err)
{
    struct member *m = p->freeing ? NULL : find(p, d->integration);
    if (!m)
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no integration \"%.100s\"",
                             d->integration);
    if (m->n_calls >= p->o.waiting_max || m->n_bytes + d->body.n > WAITING_BYTES_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: too many deliveries wait", m->is.name);
    struct call *c = sco_alloc(1, sizeof *c);
    if (!c)
        return sco_error_nomem(err);
    c->id = ++p->last_id;
    c->fn = fn;
    c->user = user;
    write_call(d, op, c->id, &c->payload);
    if (c->payload.failed || c->payload.n > SCO_FRAME_MAX) {
        int r = c->payload.failed ? sco_error_nomem(err)
                                  : sco_error_set(err, SCO_E_INVALID,
                                                  "%s: the delivery is too large", m->is.name);
        free_call(c);
        return r;
    }
    *m->last = c;
    m->last = &c->next;
    m->unsent = m->unsent ? m->unsent : c;
    m->n_calls++;
    m->n_bytes += c->payload.n;
    if (m->open && m->n_calls == 1)
        set_timer(m);
    event_active(p->sweep, 0, 0); /* it starts and sends: never an answer from in here */
    return 0;
}

int sco_ci_verify(struct sco_ci_pool *p, const struct sco_ci_delivery *d, sco_ci_answer_fn fn,
                  void *user, struct sco_error *err)
{
    return add(p, "verify", d, fn, user, err);
}

int sco_ci_translate(struct sco_ci_pool *p, const struct sco_ci_delivery *d, sco_ci_answer_fn fn,
                     void *user, struct sco_error *err)
{
    return add(p, "translate", d, fn, user, err);
}
