/* The server: its options, listener, limits, start and end. On the loop. */
#include "server_priv.h"

#include <secureops/ci.h>
#include <secureops/crypto.h>
#include <secureops/log.h>
#include <errno.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SCO_LOG_MODULE "api"

enum {
    BACKLOG = 1024,
    CONNECTIONS = 10000,
    RATE = 50,
    BURST = 200,
    IDLE_MS = 60000,
    REQUEST_MS = 30000
};

const struct sco_api_options *api_options(const struct sco_api *a)
{
    return a->o;
}

struct api_feed *api_feed(const struct sco_api *a)
{
    return a->feed;
}

struct sco_str api_document(const struct sco_api *a)
{
    return api_routes_document(a->routes);
}

void sco_api_events(struct sco_api *a)
{
    if (a->feed)
        api_feed_wake(a->feed);
}

uint16_t sco_api_port(const struct sco_api *a)
{
    return a->port;
}

/* ---- options ---- */

static const char *keep(struct sco_api *a, const char *text, bool *failed)
{
    char *kept = text ? sco_arena_cstr(&a->arena, sco_str_c(text)) : NULL;
    *failed |= text && !kept;
    return kept;
}

static const char *const *keep_list(struct sco_api *a, const char *const *list, bool *failed)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    if (n == 0)
        return NULL;
    const char **kept = sco_arena_alloc(&a->arena, (n + 1) * sizeof *kept);
    *failed |= !kept;
    for (size_t i = 0; kept && i < n; i++)
        kept[i] = keep(a, list[i], failed);
    return kept;
}

/* What the server asks of them. Their options have secrets: those are not ours. */
static const struct sco_integration *keep_integrations(struct sco_api *a,
                                                       const struct sco_api_webhooks *w,
                                                       bool *failed)
{
    size_t n = w->n_integrations;
    struct sco_integration *v = n ? sco_arena_alloc(&a->arena, n * sizeof *v) : NULL;
    *failed |= n && !v;
    for (size_t i = 0; v && i < n; i++)
        v[i] = (struct sco_integration){.name = keep(a, w->integrations[i].name, failed),
                                        .plugin = keep(a, w->integrations[i].plugin, failed),
                                        .platform = keep(a, w->integrations[i].platform, failed),
                                        .server = keep(a, w->integrations[i].server, failed),
                                        .repositories =
                                            keep_list(a, w->integrations[i].repositories, failed),
                                        .enabled = w->integrations[i].enabled,
                                        .missing = keep(a, w->integrations[i].missing, failed),
                                        .flood_rate = w->integrations[i].flood_rate,
                                        .delivery_limit = w->integrations[i].delivery_limit};
    return v;
}

/* What may change while it runs; earlier ones stay in the arena, since threads may read them. */
static int set_options(struct sco_api *a, const struct sco_api_options *o, struct sco_error *err)
{
    bool failed = false;
    struct sco_api_options n = *o;
    for (const char *const *t = o->trusted_proxies; t && *t; t++)
        if (!api_address_rule_valid(*t))
            return sco_error_set(err, SCO_E_INVALID, "trusted proxy %s: an address or a network",
                                 *t);
    n.listen = keep(a, o->listen, &failed);
    n.tls_cert = keep(a, o->tls_cert, &failed);
    n.tls_key = keep(a, o->tls_key, &failed);
    n.public_url = keep(a, o->public_url, &failed);
    n.spool = keep(a, o->spool, &failed);
    n.node = keep(a, o->node, &failed);
    n.metrics_token = keep(a, o->metrics_token, &failed);
    n.data = keep(a, o->data, &failed);
    n.checkout_hosts = keep_list(a, o->checkout_hosts, &failed);
    n.checkout_folders = keep_list(a, o->checkout_folders, &failed);
    n.pipeline_repositories = keep_list(a, o->pipeline_repositories, &failed);
    n.trusted_proxies = keep_list(a, o->trusted_proxies, &failed);
    n.cors_origins = keep_list(a, o->cors_origins, &failed);
    n.webhooks.integrations = keep_integrations(a, &o->webhooks, &failed);
    struct sco_api_options *kept = sco_arena_alloc(&a->arena, sizeof *kept);
    if (failed || !kept)
        return sco_error_nomem(err);
    n.connections_max = o->connections_max ? o->connections_max : CONNECTIONS;
    n.rate = o->rate ? o->rate : RATE;
    n.burst = o->burst ? o->burst : BURST;
    n.body_limit = o->body_limit ? o->body_limit : 1 << 20;
    n.upload_limit = o->upload_limit ? o->upload_limit : 1 << 30;
    n.idle_ms = o->idle_ms ? o->idle_ms : IDLE_MS;
    n.request_ms = o->request_ms ? o->request_ms : REQUEST_MS;
    *kept = n;
    a->o = kept;
    return 0;
}

/* ---- accepting ---- */

static bool is_full(const struct sco_api *a)
{
    return a->n_conns + a->n_taken >= a->o->connections_max;
}

/* At the limit nobody is accepted: they wait in the backlog, and the kernel says no beyond. */
static void pause_accepting(struct sco_api *a)
{
    evconnlistener_disable(a->listener);
    a->paused = true;
}

static void on_resume(evutil_socket_t fd, short what, void *user)
{
    struct sco_api *a = user;
    (void)fd;
    (void)what;
    if (!a->paused || a->stopping || is_full(a))
        return;
    a->paused = false;
    evconnlistener_enable(a->listener);
}

static void on_sweep(evutil_socket_t fd, short what, void *user)
{
    struct sco_api *a = user;
    (void)fd;
    (void)what;
    api_conn_sweep(a);
    api_observe_connections(a);
    if (a->paused)
        on_resume(-1, 0, a);
    if (a->n_conns == 0 && !a->paused)
        event_del(a->sweep); /* nobody there: no more wake-ups */
}

static void start_sweep(struct sco_api *a)
{
    if (!event_pending(a->sweep, EV_TIMEOUT, NULL))
        event_add(a->sweep, &(struct timeval){1, 0});
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *peer, int len,
                      void *user)
{
    struct sco_api *a = user;
    (void)l;
    int one = 1;
    if (peer->sa_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    api_conn_accept(a, fd, peer, len);
    start_sweep(a);
    if (is_full(a))
        pause_accepting(a);
}

/* No descriptors left: waits for one instead of spinning. */
static void on_accept_error(struct evconnlistener *l, void *user)
{
    struct sco_api *a = user;
    (void)l;
    sco_log_warning("cannot accept a connection: %s", strerror(errno));
    pause_accepting(a);
    start_sweep(a);
}

static int bind_unix(struct sco_api *a, const char *path, int *ret_fd, struct sco_error *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof un.sun_path)
        return sco_error_set(err, SCO_E_INVALID, "listen: unix:%s is too long", path);
    memcpy(un.sun_path, path, strlen(path) + 1);
    SCO_AUTO(sco_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return sco_error_errno(err, errno, "listen: unix:%s", path);
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) { /* of a server that is gone? */
        if (connect(fd, (struct sockaddr *)&un, sizeof un) == 0)
            return sco_error_set(err, SCO_E_IO, "listen: unix:%s is in use", path);
        (void)unlink(path);
    }
    mode_t before = umask(0117); /* owner and group */
    int r = bind(fd, (struct sockaddr *)&un, sizeof un);
    umask(before);
    if (r < 0)
        return sco_error_errno(err, errno, "listen: unix:%s", path);
    a->unix_path = sco_strdup(sco_str_c(path));
    *ret_fd = fd;
    fd = -1; // NOLINT(clang-analyzer-deadcode.DeadStores): the cleanup reads it
    return 0;
}

/* "127.0.0.1:8080", "[::1]:8443", "host:80" into its two parts. */
static bool split_listen(const char *listen, char host[256], const char **ret_port)
{
    const char *colon = strrchr(listen, ':');
    size_t n = colon ? (size_t)(colon - listen) : 0;
    if (!colon || n >= 256)
        return false;
    if (n > 1 && listen[0] == '[' && listen[n - 1] == ']') {
        listen++;
        n -= 2;
    }
    memcpy(host, listen, n);
    host[n] = 0;
    *ret_port = colon + 1;
    return **ret_port != 0;
}

static int bind_tcp(struct sco_api *a, const char *listen, int *ret_fd, struct sco_error *err)
{
    char host[256];
    const char *port;
    int64_t number;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    if (!split_listen(listen, host, &port) || sco_parse_i64(sco_str_c(port), 0, 65535, &number) < 0)
        return sco_error_set(err, SCO_E_INVALID, "listen: %s is no ADDRESS:PORT", listen);
    int g = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
    if (g != 0)
        return sco_error_set(err, SCO_E_INVALID, "listen: %s: %s", listen, gai_strerror(g));
    int one = 1;
    SCO_AUTO(sco_fd)
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    int r = fd < 0 ? -1 : bind(fd, found->ai_addr, found->ai_addrlen), e = errno;
    freeaddrinfo(found);
    if (r < 0)
        return sco_error_errno(err, e, "listen: %s", listen);
    union {
        struct sockaddr_in6 v6;
        struct sockaddr_in v4;
        struct sockaddr any;
    } own = {0};
    socklen_t len = sizeof own;
    if (getsockname(fd, &own.any, &len) == 0)
        a->port = ntohs(own.any.sa_family == AF_INET6 ? own.v6.sin6_port : own.v4.sin_port);
    *ret_fd = fd;
    fd = -1; // NOLINT(clang-analyzer-deadcode.DeadStores): the cleanup reads it
    return 0;
}

static int start_listening(struct sco_api *a, struct sco_error *err)
{
    int fd = -1;
    int r = strncmp(a->o->listen, "unix:", 5) == 0 ? bind_unix(a, a->o->listen + 5, &fd, err)
                                                   : bind_tcp(a, a->o->listen, &fd, err);
    if (r < 0)
        return r;
    a->listener = evconnlistener_new(a->o->base, on_accept, a,
                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
    if (!a->listener) {
        int e = errno;
        sco_fd_cleanup_(&fd);
        return sco_error_errno(err, e, "listen: %s", a->o->listen);
    }
    evconnlistener_set_error_cb(a->listener, on_accept_error);
    return 0;
}

/* ---- start and end ---- */

static void free_all(struct sco_api *a)
{
    while (a->spare) {
        struct api_exchange *x = a->spare;
        a->spare = x->next;
        a->n_spare--;
        api_exchange_free(x); /* `dead` is set: it is not kept again */
    }
    a->hooks = api_hooks_free(a->hooks);
    api_tls_free(a->tls);
    api_routes_free(a->routes);
    api_principals_free(a->principals);
    api_replies_free(a->replies);
    api_rates_free(a->rates);
    sco_buf_done(&a->scratch);
    sco_arena_done(&a->arena);
    sco_wipe(a->key, sizeof a->key);
    free(a);
}

void api_last(struct sco_api *a)
{
    if (a->dead && a->n_threads == 0)
        free_all(a);
}

struct sco_api *sco_api_free(struct sco_api *a)
{
    if (!a)
        return NULL;
    sco_api_stop(a);
    a->dead = true;
    a->paused = false;
    a->feed = api_feed_free(a->feed);
    api_mails_drop(a);
    while (a->conns)
        api_conn_close(a->conns);
    if (a->hooks)
        api_hooks_stop(a->hooks);
    if (a->listener)
        evconnlistener_free(a->listener);
    a->listener = NULL;
    if (a->sweep)
        event_free(a->sweep);
    if (a->resume)
        event_free(a->resume);
    a->sweep = a->resume = NULL;
    if (a->unix_path)
        (void)unlink(a->unix_path);
    free(a->unix_path);
    a->unix_path = NULL;
    api_last(a);
    return NULL;
}

static int fill(struct sco_api *a, const struct sco_api_options *o, struct sco_error *err)
{
    int r = set_options(a, o, err);
    if (r == 0 && (!a->o->listen || !a->o->base))
        r = sco_error_set(err, SCO_E_INVALID, "the API needs an address to listen on");
    if (r == 0)
        r = api_routes_new(&a->parts, &a->routes, err);
    if (r == 0 && a->o->tls_cert)
        r = api_tls_load(a->o->tls_cert, a->o->tls_key ? a->o->tls_key : a->o->tls_cert, &a->tls,
                         err);
    if (r < 0)
        return r;
    api_observe_certificate(a);
    a->principals = api_principals_new();
    a->replies = api_replies_new();
    a->rates = api_rates_new();
    a->sweep = event_new(a->o->base, -1, EV_PERSIST, on_sweep, a);
    a->resume = event_new(a->o->base, -1, 0, on_resume, a);
    if (!a->principals || !a->replies || !a->rates || !a->sweep || !a->resume ||
        sco_random(a->key, sizeof a->key) < 0 || sco_random(&a->id_seed, sizeof a->id_seed) < 0)
        return sco_error_nomem(err);
    r = api_feed_new(a, &a->feed, err);
    if (r == 0)
        r = api_hooks_new(a, &a->hooks, err);
    return r < 0 ? r : start_listening(a, err);
}

int api_server_new(const struct sco_api_options *o, const struct api_parts *parts,
                   struct sco_api **ret, struct sco_error *err)
{
    struct sco_api *a = sco_alloc(1, sizeof *a);
    if (!a)
        return sco_error_nomem(err);
    a->parts = *parts;
    int r = fill(a, o, err);
    if (r < 0) {
        sco_api_free(a);
        return r;
    }
    *ret = a;
    return 0;
}

void sco_api_stop(struct sco_api *a)
{
    if (a->stopping)
        return;
    a->stopping = true;
    if (a->listener)
        evconnlistener_disable(a->listener);
    if (a->feed)
        api_feed_stop(a->feed);
    for (struct conn *c = a->conns, *next; c; c = next) {
        next = c->next;
        if (c->state == CONN_HEAD && !c->began)
            api_conn_continue(c); /* closes what is idle */
    }
}

/* The address stays: another needs a restart. A certificate that does not load changes nothing. */
int sco_api_reload(struct sco_api *a, const struct sco_api_options *o, struct sco_error *err)
{
    struct ssl_ctx_st *tls = NULL;
    if ((o->tls_cert != NULL) != (a->tls != NULL) ||
        (o->listen && strcmp(o->listen, a->o->listen) != 0))
        return sco_error_set(err, SCO_E_UNSUPPORTED, "another address needs a restart");
    if (o->tls_cert) {
        int r = api_tls_load(o->tls_cert, o->tls_key ? o->tls_key : o->tls_cert, &tls, err);
        if (r < 0)
            return r;
    }
    int r = set_options(a, o, err);
    if (r < 0) {
        api_tls_free(tls);
        return r;
    }
    api_tls_free(a->tls); /* connections that are open keep theirs */
    a->tls = tls;
    api_observe_certificate(a);
    api_principals_forget(a->principals);
    api_replies_forget(a->replies);
    return 0;
}
