/* The modules and their hooks, each made with what the configuration says. Nothing here decides. */
#include "alerts.h"
#include "ci.h"
#include "daemon_priv.h"
#include "pipelines.h"
#include "web.h"
#include "workflows.h"

#include <secureops/checkout.h>
#include <secureops/crypto.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

enum { SEQUENCE_BATCH = 1000, SEQUENCE_ROUNDS = 50, JWKS_MAX = 1 << 20 };

static const char *z(struct sco_str s) /* texts of the configuration end with NUL */
{
    return s.n ? s.p : NULL;
}

/* ---- runners ---- */
/* Files that are for us and nobody whom a runner starts, also those that no file of configuration
 * names: from variables and arguments. */
static void write_private(struct sco_json_out *o, const struct sco_config *c)
{
    const struct sco_str refs[] = {c->auth.key,
                                   c->auth.old_key,
                                   c->smtp.password,
                                   c->vault.token,
                                   c->server.metrics_token,
                                   c->checkout.token,
                                   c->events.kafka_password,
                                   c->notifications.secret};
    const struct sco_str files[] = {c->server.tls_key, c->checkout.ssh_key};
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    sco_json_key(o, "private");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < SCO_ARRAY_LEN(refs); i++)
        if (sco_str_starts(refs[i], "file:"))
            sco_json_str(o, sco_str_c(refs[i].p + 5));
    for (size_t i = 0; i < SCO_ARRAY_LEN(files); i++)
        if (files[i].n)
            sco_json_str(o, files[i]);
    if (credentials && *credentials)
        sco_json_str(o, sco_str_c(credentials));
    sco_json_end(o, ']');
}

int wire_setup(struct daemon *d, const struct snapshot *s, struct sco_buf *out,
               struct sco_error *err)
{
    struct sco_json_out o = {.b = out};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "config", s->file);
    sco_json_key(&o, "set");
    sco_json_raw(&o, s->sets);
    sco_json_kz(&o, "store", d->paths.store);
    sco_json_kz(&o, "data", d->paths.data);
    sco_json_kz(&o, "cache", d->paths.mirrors);
    sco_json_kz(&o, "node", d->paths.node);
    write_private(&o, s->config);
    sco_json_end(&o, '}');
    return sco_buf_check(out, err);
}

/* For a checkout: the stored secret that the request names, a token or a key for ssh; else the
 * configured token, which is none for ssh. */
static int add_secrets(void *user, struct sco_store *s, const struct sco_stored_job *job,
                       struct sco_json_out *out, struct sco_error *err)
{
    struct daemon *d = user;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_buf token = {0};
    const struct sco_node *q = NULL;
    int r = sco_json_parse(sco_str_c(job->request.request), &arena, &q, err);
    if (r < 0)
        return sco_error_set(err, SCO_E_INVALID, "the job's request is no JSON");
    if (strcmp(job->request.kind, "pipeline") == 0 &&
        (r = pipelines_secrets(d, s, sco_text(sco_get(q, "execution")), out, err)) < 0)
        return r;
    struct sco_str name = sco_text(sco_get(q, "checkout_secret"));
    if (name.p && !name.n) /* none of ours: the code is a stranger's */
        return 0;
    struct snapshot *now = daemon_snapshot(d);
    if (name.n) {
        char *own = sco_arena_cstr(&arena, name);
        r = own ? sco_auth_secret_get(d->auth, s, own, &token, err) : sco_error_nomem(err);
    } else if (now->config->checkout.token.n &&
               sco_str_is(sco_text(sco_path(q, "target.kind")), "repository") &&
               !sco_repository_is_ssh(sco_text(sco_path(q, "target.location")))) {
        r = sco_secret_resolve(now->config->checkout.token, &token, err);
    }
    if (r == 0 && token.n)
        sco_json_kstr(out, "checkout_token", sco_buf_str(&token));
    snapshot_unref(now);
    if (token.p)
        sco_wipe(token.p, token.cap);
    sco_buf_done(&token);
    return r;
}

static int may_fire(void *user, struct sco_store *s, const struct sco_stored_schedule *v,
                    struct sco_error *err)
{
    (void)user;
    return sco_api_schedule_may(s, v, err);
}

/* Events get their positions here, with every poll: soon after they were written, by any process of
 * any node; who reads the feed is told. */
static void on_polled_store(void *user, struct sco_store *s, int64_t now)
{
    struct daemon *d = user;
    struct sco_error err = {0};
    int64_t last = 0;
    bool more = true;
    if (!d->met_store)
        daemon_first_start(d, s);
    meter_store(d, s, now);
    struct ci *ci = __atomic_load_n(&d->ci, __ATOMIC_ACQUIRE);
    if (ci)
        ci_polled(ci, s, now);
    alerts_polled(d->alerts, s, now);
    pipelines_polled(s, now);
    for (int i = 0; more && i < SEQUENCE_ROUNDS; i++)
        if (sco_store_events_sequence(s, SEQUENCE_BATCH, &last, &more, &err) < 0) {
            sco_log_warning("events get no positions: %s", err.text);
            return;
        }
    workflows_polled(d->workflows, s, last, now);
    if (last <= d->last_position)
        return;
    d->last_position = last;
    if (d->bus)
        sco_bus_wake(d->bus);
    if (d->api)
        sco_api_events(d->api);
}

static void on_due(void *user, struct sco_store *s, int64_t now)
{
    (void)user;
    pipelines_due(s, now);
}

static void on_orphans(void *user)
{
    struct daemon *d = user;
    daemon_look_for_orphans(d);
}

int wire_sched(struct daemon *d, struct sco_error *err)
{
    const struct sco_config *c = d->snapshot->config;
    struct sco_sched_options o = {.base = d->base,
                                  .threads = d->clock,
                                  .store = stores_get,
                                  .node = d->paths.node,
                                  .runner = d->paths.runner,
                                  .setup = sco_buf_str(&d->setup),
                                  .slots = (uint32_t)c->queue.slots,
                                  .ci_slots = (uint32_t)c->queue.ci_slots,
                                  .target_max = (uint32_t)c->queue.target_max,
                                  .limits = d->snapshot->limits,
                                  .n_limits = d->snapshot->n_limits,
                                  .lease_ms = c->queue.lease,
                                  .poll_ms = c->queue.poll,
                                  .ageing_ms = c->queue.ageing,
                                  .backoff_ms = c->queue.backoff,
                                  .backoff_max_ms = c->queue.backoff_max,
                                  .node_wait_ms = c->queue.node_wait,
                                  .job_timeout_ms = c->queue.timeout,
                                  .metrics = d->metrics,
                                  .tracer = d->tracer,
                                  .user = d,
                                  .idle = daemon_idle,
                                  .env = d->commands.env,
                                  .secrets = add_secrets,
                                  .may_fire = may_fire,
                                  .due = on_due,
                                  .polled = on_polled_store,
                                  .orphans = on_orphans};
    return sco_sched_new(&o, &d->sched, err);
}

/* ---- accounts ---- */
static int fetch(void *user, const char *url, struct sco_buf *out, struct sco_error *err)
{
    (void)user;
    return web_get(url, NULL, JWKS_MAX, out, err);
}

static struct sco_str bytes(const uint8_t key[DAEMON_KEY_LEN])
{
    return sco_str_make((const char *)key, DAEMON_KEY_LEN);
}

const char *wire_public_url(struct daemon *d)
{
    const struct sco_config *c = d->snapshot->config;
    if (c->server.public_url.n)
        return c->server.public_url.p;
    if (sco_str_starts(c->server.listen, "unix:"))
        return "http://localhost";
    return sco_arena_fmt(&d->arena, "%s://%s", c->server.tls_cert.n ? "https" : "http",
                         c->server.listen.p);
}

int wire_auth(struct daemon *d, struct sco_error *err)
{
    const struct sco_config *c = d->snapshot->config;
    const char *url = wire_public_url(d);
    struct sco_auth_options o = {.issuer = url,
                                 .audience = url,
                                 .access_ms = c->auth.access,
                                 .refresh_ms = c->auth.refresh,
                                 .key = bytes(d->keys.key),
                                 .key_id = d->keys.id,
                                 .oidc_issuer = z(c->auth.oidc_issuer),
                                 .oidc_audience = z(c->auth.oidc_audience),
                                 .oidc_roles_claim = z(c->auth.oidc_roles_claim),
                                 .oidc_repositories_claim = z(c->auth.oidc_repositories_claim),
                                 .oidc_teams_claim = z(c->auth.oidc_teams_claim),
                                 .oidc_jwks = z(c->auth.oidc_jwks),
                                 .fetch = fetch,
                                 .user = d};
    if (d->keys.has_old) {
        o.old_key = bytes(d->keys.old_key);
        o.old_key_id = d->keys.old_id;
    }
    return url ? sco_auth_new(&o, &d->auth, err) : sco_error_nomem(err);
}

/* ---- events ---- */
static int on_requested(void *user, struct sco_store *s, struct sco_str json, struct sco_error *err)
{
    struct daemon *d = user;
    struct sco_api *api = __atomic_load_n(&d->api, __ATOMIC_ACQUIRE);
    if (!api) /* the bus is there a moment before it */
        return sco_error_set(err, SCO_E_NETWORK, "the API is not up yet");
    return sco_api_requested(api, s, json, err);
}

static int open_bus_store(void *user, struct sco_store **ret, struct sco_error *err)
{
    struct daemon *d = user;
    return stores_open_more(&d->stores, ret, err);
}

/* "security.protocol=SASL_SSL" as two texts each; the password at the end. */
static const char *const *kafka_settings(struct daemon *d, const struct sco_config *c,
                                         struct sco_error *err)
{
    size_t n = 0;
    const char **v = sco_arena_alloc(&d->arena, (2 * c->events.kafka.n + 3) * sizeof *v);
    for (size_t i = 0; v && i < c->events.kafka.n; i++) {
        struct sco_str one = c->events.kafka.v[i];
        const char *eq = memchr(one.p, '=', one.n);
        if (!eq) {
            sco_error_set(err, SCO_E_INVALID, "events.kafka: \"%s\" is not NAME=VALUE", one.p);
            return NULL;
        }
        v[n++] = sco_arena_cstr(&d->arena, sco_str_make(one.p, (size_t)(eq - one.p)));
        v[n++] = eq + 1;
    }
    if (v && c->events.kafka_password.n) {
        SCO_AUTO(sco_buf) struct sco_buf password = {0};
        if (sco_secret_resolve(c->events.kafka_password, &password, err) < 0)
            return NULL;
        v[n++] = "sasl.password";
        v[n++] = sco_arena_cstr(&d->arena, sco_buf_str(&password));
        if (password.p)
            sco_wipe(password.p, password.cap);
    }
    if (!v)
        sco_error_nomem(err);
    return v;
}

int wire_bus(struct daemon *d, struct sco_error *err)
{
    const struct sco_config *c = d->snapshot->config;
    if (!c->events.brokers.n && !c->events.jsonl.n)
        return 0;
    struct sco_bus_options o = {.brokers = z(c->events.brokers),
                                .kafka = kafka_settings(d, c, err),
                                .prefix = c->events.prefix.p,
                                .environment = c->events.environment.p,
                                .jsonl = z(c->events.jsonl),
                                .group = z(c->events.group),
                                .node = d->paths.node,
                                .open_store = open_bus_store,
                                .requested = on_requested,
                                .user = d,
                                .metrics = d->metrics};
    return o.kafka ? sco_bus_new(&o, &d->bus, err) : err ? err->code : SCO_E_NOMEM;
}

/* ---- traces ---- */
static int post(void *user, const char *url, struct sco_str json, struct sco_error *err)
{
    enum { POST_MS = 10000 };
    (void)user;
    return web_post_json(url, json, POST_MS, err);
}

int wire_tracer(struct daemon *d, struct sco_error *err)
{
    const struct sco_config_telemetry *t = &d->snapshot->config->telemetry;
    if (!t->otlp_endpoint.n)
        return 0;
    struct sco_tracer_options o = {.endpoint = t->otlp_endpoint.p,
                                   .service = "secureopsd",
                                   .version = SCO_VERSION,
                                   .node = d->paths.node,
                                   .ratio = t->ratio,
                                   .post = post};
    return sco_tracer_new(&o, d->metrics, &d->tracer, err);
}

/* ---- API ---- */
static int on_reload(void *user, const char *by, struct sco_error *err)
{
    return daemon_reload(user, by, err);
}

static int on_run(void *user, const char *dir, const char *const *argv, struct sco_buf *out,
                  int *ret_status, struct sco_error *err)
{
    enum { MAX = 60 };
    struct daemon *d = user;
    const char *all[MAX + 1] = {NULL};
    size_t n = 0;
    struct snapshot *s = daemon_snapshot(d);
    while (argv[n] && n < MAX) {
        all[n] = argv[n];
        n++;
    }
    if (s->file && n + 2 <= MAX) { /* its packs, and the keys that they must be signed with */
        all[n++] = "--config";
        all[n++] = s->file;
    }
    for (const char *const *p = d->args->sets; p && *p && n + 2 <= MAX; p++) {
        all[n++] = "--set";
        all[n++] = *p;
    }
    int r = n + 2 > MAX ? sco_error_set(err, SCO_E_LIMIT, "the daemon has too many --set")
                        : commands_run(&d->commands, dir, all, out, ret_status, err);
    snapshot_unref(s);
    return r;
}

static int on_mail(void *user, const char *to, const char *subject, const char *text,
                   struct sco_error *err)
{
    struct snapshot *s = daemon_snapshot(user);
    int r = mail_send(s->config, to, subject, text, err);
    snapshot_unref(s);
    return r;
}

static void add_health(void *user, struct sco_json_out *o)
{
    const struct daemon *d = user;
    char at[SCO_TIME_LEN];
    sco_json_kz(o, "node", d->paths.node);
    sco_time_format(d->started_at, at);
    sco_json_kz(o, "started_at", at);
    sco_json_key(o, "configuration");
    sco_json_begin(o, '{');
    sco_time_format(d->loaded_at, at);
    sco_json_kz(o, "loaded_at", at);
    if (*d->reload_error)
        sco_json_kz(o, "error", d->reload_error);
    sco_json_end(o, '}');
    ci_health(d->ci, o);
}

void wire_api_options(struct daemon *d, const struct snapshot *s, struct sco_arena *arena,
                      struct sco_api_options *ret)
{
    const struct sco_config *c = s->config;
    *ret = (struct sco_api_options){
        .base = d->base,
        .threads = d->pool,
        .store = stores_get,
        .listen = c->server.listen.p,
        .tls_cert = z(c->server.tls_cert),
        .tls_key = z(c->server.tls_key),
        .public_url = wire_public_url(d),
        .trusted_proxies = snapshot_list(arena, c->server.trusted_proxies),
        .cors_origins = snapshot_list(arena, c->server.cors_origins),
        .spool = d->paths.spool,
        .data = d->paths.data,
        .checkout_hosts = snapshot_list(arena, c->checkout.hosts),
        .checkout_folders = snapshot_list(arena, c->checkout.folders),
        .pipelines = c->pipelines.enabled != 0,
        .rollback_approval = c->pipelines.rollback_approval != 0,
        .artifact_limit = (uint64_t)c->pipelines.artifact_limit,
        .pipeline_repositories = snapshot_list(arena, c->pipelines.repositories),
        .node = d->paths.node,
        .environment = z(c->events.environment),
        .connections_max = (uint32_t)c->server.connections,
        .rate = (uint32_t)c->server.rate,
        .burst = (uint32_t)c->server.burst,
        .body_limit = (uint64_t)c->server.body_limit,
        .upload_limit = (uint64_t)c->server.upload_limit,
        .idle_ms = c->server.idle,
        .request_ms = c->server.request,
        .hsts = c->server.hsts != 0,
        .auth = d->auth,
        .sched = d->sched,
        .bus = d->bus,
        .metrics = d->metrics,
        .tracer = d->tracer,
        .reload = on_reload,
        .health = add_health,
        .run = on_run,
        .mail = c->smtp.url.n ? on_mail : NULL,
        .user = d};
}

/* The token of /metrics is kept in clear for as long as the snapshot is. */
int wire_metrics_token(const struct snapshot *s, struct sco_arena *arena, const char **ret,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf token = {0};
    *ret = NULL;
    if (!s->config->server.metrics_token.n)
        return 0;
    int r = sco_secret_resolve(s->config->server.metrics_token, &token, err);
    if (r < 0)
        return r;
    *ret = sco_arena_cstr(arena, sco_buf_str(&token));
    return *ret ? 0 : sco_error_nomem(err);
}

int wire_api(struct daemon *d, struct sco_error *err)
{
    struct sco_api_options o;
    wire_api_options(d, d->snapshot, &d->snapshot->arena, &o);
    ci_api(d->ci, d->ci->setup, &o.webhooks);
    int r = wire_metrics_token(d->snapshot, &d->snapshot->arena, &o.metrics_token, err);
    struct sco_api *api = NULL;
    if (r == 0)
        r = sco_api_new(&o, &api, err);
    __atomic_store_n(&d->api, api, __ATOMIC_RELEASE);
    return r;
}
