/* secureopsd: made, run, unmade. The loop's thread owns everything here; what threads are given is
 * behind a lock (the snapshot) or constant.
 *
 * Start: configuration, folder, key; then all modules, on a store that may still be away; then the
 * first opening of the store on the clock's thread, and with its result we are ready. Stop: no new
 * connections, no new jobs; runners get their grace; events are published; then everything goes in
 * the reverse order. */
#include "daemon_priv.h"

#include "alerts.h"
#include "ci.h"
#include "secrets.h"
#include "workflows.h"

#include <event2/event.h>
#include <malloc.h>
#include <secureops/fs.h>
#include <secureops/loop.h>
#include <signal.h>
#include <stdlib.h>
#include <linux/close_range.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

enum {
    EXIT_CONFIG = 2,
    EXIT_FAILED = 4,
    WAITING_MAX = 10000,
    ORPHANS_MS = 5000,
    BUS_MS = 5000,
    FINISH_MS = 5000,
    FINISH_STEP_MS = 20,
    SECOND_STOP_MS = 500,
};

void daemon_log_setup(const struct sco_config *c)
{
    uint32_t level = c->log.level_given ? c->log.level : SCO_LOG_INFO;
    sco_log_setup(STDERR_FILENO, level, c->log.format_given ? c->log.format : SCO_LOG_JSON);
}

struct snapshot *daemon_snapshot(struct daemon *d)
{
    pthread_mutex_lock(&d->lock);
    struct snapshot *s = snapshot_ref(d->snapshot);
    pthread_mutex_unlock(&d->lock);
    return s;
}

/* ---- stopping ---- */
/* Requests that are with a thread get their replies, for a little while. */
static void on_finish(evutil_socket_t fd, short what, void *user)
{
    struct daemon *d = user;
    struct timeval again = {.tv_usec = FINISH_STEP_MS * 1000};
    (void)fd;
    (void)what;
    bool busy = sco_threads_waiting(d->pool) || sco_threads_running(d->pool) || ci_busy(d->ci);
    if (busy && d->stops < 2 && sco_mono_ms() < d->finish_by)
        event_add(d->finish, &again);
    else
        event_base_loopexit(d->base, &again); /* what is in buffers goes out */
}

void daemon_idle(void *user)
{
    struct daemon *d = user;
    d->finish_by = sco_mono_ms() + FINISH_MS;
    event_active(d->finish, EV_TIMEOUT, 0);
}

static void stop(struct daemon *d)
{
    int64_t grace = d->stops++ ? 0 : d->snapshot->config->queue.grace;
    if (d->stops > 1)
        sco_log_warning("stopping at once");
    else
        sco_log_info("stopping: %lld ms for the jobs that run", (long long)grace);
    notify_stopping(d->notify);
    if (d->api && d->stops == 1)
        sco_api_stop(d->api);
    sco_sched_stop(d->sched, grace);
}

/* Who tells a process and its group tells us twice at once: that is one request. */
static void on_stop_signal(evutil_socket_t signal, short what, void *user)
{
    struct daemon *d = user;
    int64_t now = sco_mono_ms();
    (void)signal;
    (void)what;
    if (d->stops && now - d->stopped_at < SECOND_STOP_MS)
        return;
    d->stopped_at = now;
    stop(d);
}

static void on_reload_signal(evutil_socket_t signal, short what, void *user)
{
    struct daemon *d = user;
    (void)signal;
    (void)what;
    if (!d->stops && daemon_reload(d, "signal:HUP", NULL) < 0)
        return; /* told there */
}

/* ---- orphans ---- */
static void on_orphans(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    daemon_look_for_orphans(user);
}

void daemon_look_for_orphans(struct daemon *d)
{
    struct timeval tv = {.tv_sec = ORPHANS_MS / 1000};
    if (!commands_kill_orphans(&d->commands))
        event_add(d->orphans, &tv);
}

/* ---- the store, for the first time ---- */
static void first_open(void *state, void *work)
{
    struct daemon *d = work;
    struct sco_store *s = stores_get(state);
    if (!s)
        return;
    daemon_first_start(d, s);
    daemon_rotate(d, s);
}

static bool may_come_back(int code)
{
    return code == SCO_E_NETWORK || code == SCO_E_TIMEOUT;
}

static void after_first_open(void *work)
{
    struct daemon *d = work;
    struct sco_error err = {0};
    bool open = __atomic_load_n(&d->stores.open, __ATOMIC_ACQUIRE);
    stores_last_error(&d->stores, &err);
    if (d->stops)
        return;
    if (!open && (d->args->require_store || !may_come_back(err.code))) {
        sco_log_error("the store cannot be opened: %s", err.text);
        d->status = EXIT_FAILED;
        stop(d);
        return;
    }
    d->ready = true;
    if (!open)
        sco_log_warning("waiting for the store: %s", err.text);
    sco_log_info("ready: node %s, version %s, %lld ms after the start", d->paths.node, SCO_VERSION,
                 (long long)(sco_now_ms() - d->started_at));
    notify_ready(d->notify, open ? "running" : "waiting for the store");
}

/* ---- made ---- */
static int add_signals(struct daemon *d, struct sco_error *err)
{
    static const struct {
        int signal;
        event_callback_fn fn;
    } v[] = {{SIGTERM, on_stop_signal}, {SIGINT, on_stop_signal}, {SIGHUP, on_reload_signal}};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++) {
        d->signals[i] = evsignal_new(d->base, v[i].signal, v[i].fn, d);
        if (!d->signals[i] || event_add(d->signals[i], NULL) < 0)
            return sco_error_set(err, SCO_E_IO, "cannot watch signals");
    }
    d->orphans = evtimer_new(d->base, on_orphans, d);
    d->finish = evtimer_new(d->base, on_finish, d);
    return d->orphans && d->finish ? 0 : sco_error_nomem(err);
}

static int add_threads(struct daemon *d, struct sco_error *err)
{
    struct sco_threads_options clock = {.name = "clock",
                                        .n = 1,
                                        .start = stores_start_first,
                                        .stop = stores_stop,
                                        .user = &d->stores};
    struct sco_threads_options pool = {.name = "work",
                                       .n = (size_t)d->snapshot->config->server.threads,
                                       .waiting = WAITING_MAX,
                                       .start = stores_start,
                                       .stop = stores_stop,
                                       .user = &d->stores};
    int r = sco_threads_new(d->base, &clock, &d->clock, err);
    return r == 0 ? sco_threads_new(d->base, &pool, &d->pool, err) : r;
}

static int add_modules(struct daemon *d, struct sco_error *err)
{
    int r = add_threads(d, err);
    if (r == 0)
        r = wire_tracer(d, err);
    if (r == 0)
        r = wire_auth(d, err);
    /* before the first poll, on the same thread */
    if (r == 0)
        r = sco_threads_run(d->clock, first_open, after_first_open, d, err);
    if (r == 0)
        r = alerts_new(d, &d->alerts, err);
    if (r == 0)
        r = workflows_new(d, &d->workflows, err);
    if (r == 0)
        r = wire_sched(d, err);
    if (r == 0)
        r = wire_bus(d, err);
    struct ci *ci = NULL;
    if (r == 0)
        r = ci_new(d, &ci, err);
    __atomic_store_n(&d->ci, ci, __ATOMIC_RELEASE); /* the clock is running */
    if (r == 0)
        r = wire_api(d, err);
    if (r == 0)
        r = care_new(d, &d->care, err);
    return r;
}

static int set_up(struct daemon *d, struct sco_error *err)
{
    int r = paths_init(&d->paths, d->snapshot->config, err);
    secrets_provide(d);
    if (r == 0)
        r = keys_load(&d->keys, d->snapshot->config, d->paths.data, err);
    if (r == 0)
        r = wire_setup(d, d->snapshot, &d->setup, err);
    if (r == 0)
        r = sco_loop_become_subreaper(err);
    if (r < 0)
        return r;
    const char *const *env = paths_environment(&d->arena, d->snapshot->config);
    d->base = event_base_new();
    d->metrics = sco_metrics_new();
    d->notify = d->base ? notify_new(d->base) : NULL;
    if (!env || !d->base || !d->metrics || !d->notify)
        return sco_error_nomem(err);
    commands_init(&d->commands, d->paths.secureops, env);
    stores_init(&d->stores, d->paths.store, d->paths.node, d->metrics);
    d->stores.wait_ms = d->snapshot->config->store.wait;
    stores_set_attempts(&d->stores, d->snapshot->config->queue.attempts);
    stores_set_sla(&d->stores, &d->snapshot->config->sla);
    meter_init(d);
    r = add_signals(d, err);
    return r == 0 ? add_modules(d, err) : r;
}

/* ---- unmade ---- */
/* Ends of work call into the API and the scheduler: both are there until no thread is. */
static void tear_down(struct daemon *d)
{
    d->bus = sco_bus_free(d->bus, d->stops > 1 ? 0 : BUS_MS);
    ci_stop(d->ci);
    d->pool = sco_threads_free(d->pool);
    d->clock = sco_threads_free(d->clock);
    d->care = care_free(d->care);
    d->api = sco_api_free(d->api);
    d->sched = sco_sched_free(d->sched);
    d->ci = ci_free(d->ci);
    d->alerts = alerts_free(d->alerts);
    d->workflows = workflows_free(d->workflows);
    secrets_forget();
    d->auth = sco_auth_free(d->auth);
    d->tracer = sco_tracer_free(d->tracer);
    d->notify = notify_free(d->notify);
    d->metrics = sco_metrics_free(d->metrics);
    for (size_t i = 0; i < SCO_ARRAY_LEN(d->signals); i++)
        if (d->signals[i])
            event_free(d->signals[i]);
    if (d->orphans)
        event_free(d->orphans);
    if (d->finish)
        event_free(d->finish);
    if (d->base)
        event_base_free(d->base);
    stores_done(&d->stores);
    commands_done(&d->commands);
    keys_done(&d->keys);
    paths_done(&d->paths);
    snapshot_unref(d->snapshot);
    sco_buf_done(&d->setup);
    sco_arena_done(&d->arena);
    pthread_mutex_destroy(&d->lock);
}

static int status_of(int code)
{
    return code == SCO_E_INVALID || code == SCO_E_PARSE || code == SCO_E_NOT_FOUND ||
                   code == SCO_E_PERMISSION || code == SCO_E_LIMIT
               ? EXIT_CONFIG
               : EXIT_FAILED;
}

/* Integrations with their options, and what rules and workflows name; with a folder for a moment.
 */
static int check_references(struct daemon *d, struct sco_error *err)
{
    struct ci_setup *u = NULL;
    char *dir = NULL;
    int r = paths_programs(&d->paths, err);
    if (r == 0)
        r = sco_fs_mkdtemp(NULL, "secureopsd-", &dir, err);
    if (r < 0)
        return r;
    d->paths.mirrors = dir;
    r = ci_prepare(d, d->snapshot, &u, err);
    if (r == 0)
        ci_tell_missing(u);
    ci_setup_unref(u);
    d->paths.mirrors = NULL;
    if (sco_fs_remove_tree(dir) > 0)
        sco_log_warning("%s is left behind", dir);
    free(dir);
    return r;
}

/* The checks that need no store, no lock and no port. */
static int check(struct daemon *d, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char *token;
    struct keys keys = {0};
    int r = wire_metrics_token(d->snapshot, &arena, &token, err);
    if (r == 0 && d->snapshot->config->auth.key.n)
        r = keys_load(&keys, d->snapshot->config, "/nonexistent", err);
    keys_done(&keys);
    secrets_provide(d);
    if (r == 0)
        r = check_references(d, err);
    if (r == 0)
        printf("%s: the configuration is good\n",
               d->snapshot->file ? d->snapshot->file : "defaults");
    return r;
}

int daemon_run(const struct daemon_args *a)
{
    struct sco_error err = {0};
    struct daemon d = {.args = a, .paths.lock_fd = -1, .started_at = sco_now_ms()};
    pthread_mutex_init(&d.lock, NULL);
    umask(077);
    /* what we inherited is nobody's that we start */
    (void)syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
    mallopt(M_ARENA_MAX, 2); /* few threads, mostly idle: an arena each costs more than it gives */
    sco_log_setup(STDERR_FILENO, SCO_LOG_INFO, SCO_LOG_JSON);
    d.loaded_at = d.started_at;
    int r = snapshot_load(a, &d.snapshot, &err);
    if (r == 0) {
        daemon_log_setup(d.snapshot->config);
        for (const char *const *w = d.snapshot->config->warnings; *w; w++)
            sco_log_warning("%s", *w);
        r = a->check ? check(&d, &err) : set_up(&d, &err);
    }
    if (r == 0 && !a->check)
        event_base_dispatch(d.base);
    if (r < 0) {
        sco_log_error("%s", err.text);
        d.status = status_of(r);
    }
    d.stops += r < 0; /* what ends now begins nothing new */
    tear_down(&d);
    if (r == 0 && !a->check)
        sco_log_info("stopped");
    return d.status;
}
