/* Integrations of the daemon: described and checked with the configuration, their workers, what the
 * API is told of them; polls. On the loop unless it says otherwise. Without any integration, and
 * without names in rules and workflows, nothing of this costs anything. */
#include "ci.h"
#include "references.h"

#include <event2/event.h>
#include <secureops/ci_jobs.h>
#include <secureops/engine.h>
#include <secureops/fs.h>
#include <secureops/packs.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "ci"
#include <secureops/log.h>

enum {
    LATER_MS = 2000,
    WATCH_MS = 15000,
    TOLD_MS = 1000,
    POLL_REPOSITORIES = 200,
    FIRST_POLL_MS = 3600000,
    LANE_MIN_MS = 10000, /* a worker that has to be started first takes a while */
    LANE_MAX_MS = 120000
};

/* ---- one state ---- */
struct ci_setup *ci_setup_ref(struct ci_setup *u)
{
    __atomic_add_fetch(&u->refs, 1, __ATOMIC_RELAXED);
    return u;
}

struct ci_setup *ci_setup_unref(struct ci_setup *u)
{
    if (!u || __atomic_sub_fetch(&u->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    sco_ci_rules_free(u->rules);
    for (size_t i = 0; i < u->n; i++)
        if (u->v[i].options.p)
            explicit_bzero((char *)(uintptr_t)u->v[i].options.p, u->v[i].options.n);
    sco_arena_done(&u->arena);
    free(u);
    return NULL;
}

const struct sco_integration *ci_setup_find(const struct ci_setup *u, const char *name)
{
    for (size_t i = 0; i < u->n; i++)
        if (u->v[i].enabled && strcmp(u->v[i].name, name) == 0)
            return &u->v[i];
    return NULL;
}

static struct ci_setup *current(struct ci *c) /* any thread; to be unref'd */
{
    pthread_mutex_lock(&c->d->lock);
    struct ci_setup *u = ci_setup_ref(c->setup);
    pthread_mutex_unlock(&c->d->lock);
    return u;
}

/* ---- plugins ---- */
static const char *worker_of(const struct daemon *d, struct sco_arena *a)
{
    const char *const beside[] = {d->paths.runner, d->paths.secureops};
    for (size_t i = 0; i < SCO_ARRAY_LEN(beside); i++) {
        const char *slash = strrchr(beside[i], '/');
        const char *path = sco_arena_fmt(a, "%.*s/secureops-worker",
                                         slash ? (int)(slash - beside[i]) : 0, beside[i]);
        if (path && sco_fs_is_executable(path))
            return path;
    }
    return NULL;
}

static const char *const *plugin_dirs(const struct sco_config *c, struct sco_arena *a)
{
    static const char *const own[] = {"../lib/secureops/plugins",
                                      "../" SCO_INSTALL_LIBDIR "/secureops/plugins",
                                      "../../" SCO_INSTALL_LIBDIR "/secureops/plugins"};
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    size_t n = 0;
    const char **v = sco_arena_alloc(a, (c->tools.plugins.n + 2) * sizeof *v);
    for (size_t i = 0; v && i < c->tools.plugins.n; i++)
        v[n++] = c->tools.plugins.v[i].p;
    for (size_t i = 0; v && exe && i < SCO_ARRAY_LEN(own); i++) {
        const char *path = sco_arena_fmt(a, "%s/%s", exe, own[i]);
        if (path && sco_fs_is_dir(path)) {
            v[n++] = path;
            break;
        }
    }
    return v;
}

/* The plugins' option tables live as long as the engine: integrations are made before it goes. */
static int take_plugins(struct ci_setup *u, const struct sco_config *c, const struct sco_plugins *p,
                        struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena own = {0};
    struct sco_ci_table *tables = sco_arena_alloc(&own, (p->n + p->n_ci + 1) * sizeof *tables);
    struct ci_library *libraries =
        sco_arena_alloc(&u->arena, (p->n + p->n_ci + 1) * sizeof *libraries);
    size_t n = 0;
    if (!tables || !libraries)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n + p->n_ci; i++) {
        const struct sco_plugin_info *x = &p->v[i];
        if (x->error || x->kind != SCO_KIND_CI)
            continue;
        tables[n] = (struct sco_ci_table){x->name, x->options};
        libraries[n] = (struct ci_library){sco_arena_cstr(&u->arena, sco_str_c(x->name)),
                                           sco_arena_cstr(&u->arena, sco_str_c(x->library))};
        if (!libraries[n].plugin || !libraries[n].library)
            return sco_error_nomem(err);
        n++;
    }
    u->libraries = libraries;
    u->n_libraries = n;
    return sco_integrations(c, tables, n, true, &u->arena, &u->v, &u->n, err);
}

static int describe(struct daemon *d, const struct sco_config *c, const char *const *packs,
                    struct ci_setup *u, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena own = {0};
    struct sco_engine *engine = NULL;
    const struct sco_plugins *p = NULL;
    struct sco_engine_options o = {.worker = worker_of(d, &own),
                                   .plugin_dirs = plugin_dirs(c, &own),
                                   .policy_dirs = packs,
                                   .policy_keys =
                                       c->policies.keys.n ? c->policies.keys.v[0].p : NULL,
                                   .scanner_options = references_options,
                                   .user = (void *)(uintptr_t)c,
                                   .tools_path = "/usr/bin:/bin",
                                   .cache_dir = d->paths.mirrors,
                                   .offline = true,
                                   .no_sandbox = !c->scan.sandbox};
    if (!o.plugin_dirs)
        return sco_error_nomem(err);
    if (!o.worker)
        return sco_error_set(err, SCO_E_NOT_FOUND,
                             "secureops-worker is not beside secureops-runner: the installation "
                             "is incomplete");
    int r = sco_engine_new(&o, &engine, err);
    if (r == 0)
        r = sco_engine_plugins(engine, &p, err);
    if (r == 0)
        r = take_plugins(u, c, p, err);
    if (r == 0)
        r = references_check(engine, p, c, err);
    sco_engine_free(engine);
    return r;
}

int ci_prepare(struct daemon *d, const struct snapshot *s, struct ci_setup **ret,
               struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena own = {0};
    struct sco_config_integration *v;
    size_t n = 0;
    const char **packs = NULL;
    struct ci_setup *u = sco_alloc(1, sizeof *u);
    if (!u)
        return sco_error_nomem(err);
    u->refs = 1;
    u->lane_ms = s->config->queue.lease < LANE_MIN_MS   ? LANE_MIN_MS
                 : s->config->queue.lease > LANE_MAX_MS ? LANE_MAX_MS
                                                        : s->config->queue.lease;
    int r = sco_config_integrations(s->config, &own, &v, &n, err);
    if (r == 0)
        r = sco_ci_rules_new(s->config, &u->rules, err);
    if (r == 0) /* without them every job would fail */
        r = packs_find(s->config, &own, &packs, err);
    if (r == 0 && (n || d->args->check || references_any(s->config)))
        r = describe(d, s->config, packs, u, err);
    struct sco_str_list hosts = s->config->checkout.hosts;
    const char **copy = sco_arena_alloc(&u->arena, (hosts.n + 1) * sizeof *copy);
    for (size_t i = 0; r == 0 && copy && i < hosts.n; i++)
        if (!(copy[i] = sco_arena_cstr(&u->arena, hosts.v[i])))
            copy = NULL;
    u->hosts = copy;
    u->base = sco_arena_cstr(&u->arena, s->config->server.public_url);
    if (!u->base)
        copy = NULL;
    if (r == 0 && !copy)
        r = sco_error_nomem(err);
    if (r < 0)
        ci_setup_unref(u);
    else
        *ret = u;
    return r;
}

static const char *library_of(void *user, const char *plugin)
{
    const struct ci *c = user;
    for (size_t i = 0; i < c->setup->n_libraries; i++)
        if (strcmp(c->setup->libraries[i].plugin, plugin) == 0)
            return c->setup->libraries[i].library;
    return NULL;
}

void ci_tell_missing(const struct ci_setup *u)
{
    for (size_t i = 0; i < u->n; i++)
        if (u->v[i].enabled && u->v[i].missing)
            sco_log_warning("integrations.%s has no credential (%s): its webhooks are taken and "
                            "scanned, nothing is told there, and it is not asked for lost ones",
                            u->v[i].name, u->v[i].missing);
}

static void swap(struct ci *c, struct ci_setup *u)
{
    pthread_mutex_lock(&c->d->lock);
    c->setup = u;
    pthread_mutex_unlock(&c->d->lock);
}

/* Without integrations nobody is woken. */
static int set_timer(struct ci *c)
{
    struct timeval tv = {.tv_sec = LATER_MS / 1000, .tv_usec = LATER_MS % 1000 * 1000};
    return c->setup->n ? event_add(c->later, &tv) : event_del(c->later);
}

int ci_take(struct ci *c, struct ci_setup *u, struct sco_error *err)
{
    struct ci_setup *old = c->setup;
    swap(c, u);
    int r = sco_ci_pool_set(c->pool, u->v, u->n, err);
    if (r == 0 && set_timer(c) < 0)
        r = sco_error_nomem(err);
    if (r < 0) {
        swap(c, old);
        return r;
    }
    ci_tell_missing(u);
    ci_setup_unref(old);
    ci_wake(c);
    return 0;
}

/* ---- the API ---- */
static int on_verify(void *user, const struct sco_ci_delivery *d,
                     void (*fn)(void *, const struct sco_ci_answer *), void *fn_user,
                     struct sco_error *err)
{
    struct ci *c = user;
    if (c->stopping)
        return sco_error_set(err, SCO_E_CANCELLED, "the daemon stops");
    return sco_ci_verify(c->pool, d, fn, fn_user, err);
}

static void on_delivered(void *user)
{
    ci_wake(user);
}

void ci_api(struct ci *c, const struct ci_setup *u, struct sco_api_webhooks *ret)
{
    *ret = (struct sco_api_webhooks){.integrations = u->v,
                                     .n_integrations = u->n,
                                     .verify = u->n ? on_verify : NULL,
                                     .delivered = on_delivered,
                                     .threads = c->writer,
                                     .user = c};
}

/* ---- polls, on the clock's thread ---- */
static bool is_name(const char *glob)
{
    return !strpbrk(glob, "*?[{");
}

static bool is_allowed(const struct sco_integration *i, const char *name)
{
    bool any = !i->repositories;
    for (const char *const *g = i->repositories; g && *g && !any; g++)
        any = sco_glob_match(*g, sco_str_c(name));
    return any;
}

/* Those that are configured by their name, and those that we were told of. */
static void write_repositories(struct sco_json_out *o, const struct sco_integration *i,
                               const char *const *known)
{
    sco_json_key(o, "repositories");
    sco_json_begin(o, '[');
    for (const char *const *g = i->repositories; g && *g; g++)
        if (is_name(*g))
            sco_json_str(o, sco_str_c(*g));
    for (; known && *known; known++) {
        bool said = false;
        for (const char *const *g = i->repositories; g && *g; g++)
            said |= strcmp(*g, *known) == 0;
        if (!said && is_allowed(i, *known))
            sco_json_str(o, sco_str_c(*known));
    }
    sco_json_end(o, ']');
}

/* Where webhooks for an integration may be sent to; none when nobody has said where we are. */
static int write_urls(struct sco_json_out *o, const struct sco_integration *i, const char *base,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf all = {0}, own = {0};
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    sco_buf_addf(&all, "%.*s/webhook/%s", (int)n, base, i->platform);
    sco_buf_addf(&own, "%s/%s", sco_buf_z(&all), i->name);
    sco_json_key(o, "urls");
    sco_json_begin(o, '[');
    if (n) {
        sco_json_str(o, sco_buf_str(&all));
        sco_json_str(o, sco_buf_str(&own));
    }
    sco_json_end(o, ']');
    int r = sco_buf_check(&all, err);
    return r == 0 ? sco_buf_check(&own, err) : r;
}

static int poll_request(struct sco_store *s, const struct sco_integration *i, const char *base,
                        int64_t now, struct sco_buf *b, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_json_out o = {.b = b};
    const char *state = NULL, *const *known = NULL;
    int64_t since = 0;
    int r = sco_store_poll_state(s, i->name, &arena, &state, &since, err);
    if (r == 0)
        r = sco_store_poll_repositories(s, i->name, POLL_REPOSITORIES, &arena, &known, err);
    if (r < 0)
        return r;
    sco_json_begin(&o, '{');
    write_repositories(&o, i, known);
    r = write_urls(&o, i, base, err);
    sco_json_ktime(&o, "since", since ? since : now - FIRST_POLL_MS);
    sco_json_key(&o, "state");
    if (state)
        sco_json_raw(&o, sco_str_c(state));
    else
        sco_json_null(&o);
    sco_json_end(&o, '}');
    return r == 0 ? sco_buf_check(b, err) : r;
}

static int add_poll(struct sco_store *s, const struct sco_integration *i, const char *base,
                    int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf request = {0};
    struct sco_job_added added;
    bool due = false, waits = false;
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_poll_take(s, i->name, now, i->poll_ms, &due, err);
    if (r == 0 && due) /* one that the platform makes wait goes on where it stopped */
        r = sco_ci_job_waits(s, i->name, "", &waits, err);
    due = due && !waits;
    if (r == 0 && due)
        r = poll_request(s, i, base, now, &request, err);
    if (r == 0 && due)
        r = sco_ci_job_call(s, i->name, "", "poll", sco_buf_str(&request), NULL, now, &added, err);
    return sco_store_end(s, r, err);
}

void ci_polled(struct ci *c, struct sco_store *s, int64_t now)
{
    struct sco_error err = {0};
    uint64_t told = 0;
    struct ci_setup *u = current(c);
    if (now - c->watched_at >= TOLD_MS || now < c->watched_at) {
        c->watched_at = now;
        if (u->n && sco_ci_jobs_watch(s, now, &told, &err) < 0)
            sco_log_warning("publications are not watched: %s", err.text);
        else if (told)
            sco_log_info("%llu publications had waited for nothing", (unsigned long long)told);
    }
    bool due = now - c->polled_at >= WATCH_MS;
    if (due)
        c->polled_at = now;
    for (size_t i = 0; due && i < u->n; i++)
        if (u->v[i].enabled && !u->v[i].missing && u->v[i].poll_ms > 0 &&
            add_poll(s, &u->v[i], u->base, now, &err) < 0)
            sco_log_warning("%s is not polled: %s", u->v[i].name, err.text);
    ci_setup_unref(u);
}

/* ---- metrics, on the clock's thread ---- */
static const struct sco_metric waiting = {.name = "secureops_deliveries",
                                          .help = "Stored webhooks, all nodes together.",
                                          .kind = SCO_GAUGE,
                                          .labels = {"status"}};
static const struct sco_metric oldest = {.name = "secureops_deliveries_oldest_seconds",
                                         .help = "Age of the oldest stored webhook that nobody has "
                                                 "acted upon.",
                                         .kind = SCO_GAUGE};

static const struct sco_metric telling = {.name = "secureops_publications",
                                          .help = "What platforms are told of scans: pending, or "
                                                  "what could not be told.",
                                          .kind = SCO_GAUGE,
                                          .labels = {"status"}};
static const struct sco_metric telling_oldest = {
    .name = "secureops_publications_oldest_seconds",
    .help = "Age of the oldest publication that is pending.",
    .kind = SCO_GAUGE};

static void meter_publications(struct daemon *d, struct sco_store *s, int64_t now)
{
    struct sco_publication_counts c = {0};
    if (sco_store_publication_counts(s, &c, NULL) < 0)
        return;
    sco_metric_set(d->metrics, &telling, (double)c.pending, "pending");
    sco_metric_set(d->metrics, &telling, (double)c.failed, "failed");
    sco_metric_set(d->metrics, &telling_oldest, c.oldest ? (double)(now - c.oldest) / 1000 : 0);
}

void ci_meter(struct daemon *d, struct sco_store *s, int64_t now)
{
    meter_publications(d, s, now);
    struct sco_delivery_counts c = {0};
    if (sco_store_delivery_counts(s, &c, NULL) < 0)
        return;
    sco_metric_set(d->metrics, &waiting, (double)c.received, "received");
    sco_metric_set(d->metrics, &waiting, (double)c.failed, "failed");
    sco_metric_set(d->metrics, &oldest, c.oldest ? (double)(now - c.oldest) / 1000 : 0);
}

void ci_health(const struct ci *c, struct sco_json_out *o)
{
    if (!c || !c->setup->n)
        return;
    sco_json_key(o, "integrations");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < c->setup->n; i++)
        if (c->setup->v[i].enabled)
            sco_json_str(o, sco_str_c(c->setup->v[i].name));
    sco_json_end(o, ']');
}

/* ---- start and end ---- */
static void on_later(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    ci_wake(user);
}

static int add_threads(struct ci *c, struct sco_error *err)
{
    struct sco_threads_options o = {
        .name = "hooks", .n = 1, .start = stores_start, .stop = stores_stop, .user = &c->d->stores};
    int r = sco_threads_new(c->d->base, &o, &c->writer, err);
    o.name = "ci";
    return r == 0 ? sco_threads_new(c->d->base, &o, &c->worker, err) : r;
}

static int add_pool(struct ci *c, struct sco_error *err)
{
    struct daemon *d = c->d;
    struct sco_ci_pool_options o = {.base = d->base,
                                    .worker = worker_of(d, &d->arena),
                                    .work_dir = sco_arena_fmt(&d->arena, "%s/ci", d->paths.data),
                                    .library = library_of,
                                    .user = c};
    if (!o.work_dir)
        return sco_error_nomem(err);
    if (!o.worker)
        o.worker = d->paths.runner; /* there are no integrations, or ci_prepare had said so */
    return sco_ci_pool_new(&o, &c->pool, err);
}

int ci_new(struct daemon *d, struct ci **ret, struct sco_error *err)
{
    struct ci *c = sco_alloc(1, sizeof *c);
    if (!c)
        return sco_error_nomem(err);
    c->d = d;
    int r = ci_prepare(d, d->snapshot, &c->setup, err);
    if (r == 0)
        r = add_threads(c, err);
    if (r == 0)
        r = add_pool(c, err);
    if (r == 0)
        r = sco_ci_pool_set(c->pool, c->setup->v, c->setup->n, err);
    if (r == 0)
        ci_tell_missing(c->setup);
    c->later = r == 0 ? event_new(d->base, -1, EV_PERSIST, on_later, c) : NULL;
    if (r == 0 && (!c->later || set_timer(c) < 0))
        r = sco_error_nomem(err);
    if (r < 0) {
        ci_stop(c);
        ci_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

static void release_run(void *state, void *work)
{
    const struct ci *c = work;
    struct sco_error err = {0};
    struct sco_store *s = stores_get(state);
    if (s && sco_store_deliveries_release(s, c->d->paths.node, &err) < 0)
        sco_log_debug("other nodes wait for our webhooks, ignoring: %s", err.text);
}

bool ci_busy(const struct ci *c)
{
    return c && c->writer && (sco_threads_waiting(c->writer) || sco_threads_running(c->writer));
}

void ci_stop(struct ci *c)
{
    struct sco_error err = {0};
    if (!c)
        return;
    ci_work_stop(c);
    c->pool = sco_ci_pool_free(c->pool);
    bool holds = c->worker && c->setup && c->setup->n;
    if (holds && sco_threads_run(c->worker, release_run, NULL, c, &err) < 0)
        sco_log_debug("other nodes wait for our webhooks, ignoring: %s", err.text);
    c->writer = sco_threads_free(c->writer);
    c->worker = sco_threads_free(c->worker);
}

struct ci *ci_free(struct ci *c)
{
    if (!c)
        return NULL;
    if (c->later)
        event_free(c->later);
    ci_setup_unref(c->setup);
    free(c);
    return NULL;
}
