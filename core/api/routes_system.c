/* Routes: health, readiness, metrics, version, reload, the document. Those that an orchestrator
 * asks are answered on the loop, without the store: what they say of it is what the last poll saw.
 */
#include "api_priv.h"

#include <secureops/ci.h>
#include <secureops/crypto.h>
#include <sys/statvfs.h>

enum { POLL_AGE_MS = 60000 };
#define DISK_LOW ((uint64_t)64 << 20)
#define DISK_FULL ((uint64_t)16 << 20)

/* A client on this machine, that speaks for nobody else. */
static bool is_local(const struct api_call *c)
{
    return !api_request_header(c, "x-forwarded-for") && !api_request_header(c, "forwarded") &&
           (strcmp(c->address, "unix") == 0 || strcmp(c->address, "127.0.0.1") == 0 ||
            strcmp(c->address, "::1") == 0);
}

static int get_health(struct api_call *c, struct sco_error *err)
{
    const struct sco_api_options *o = api_options(c->api);
    (void)err;
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "status", "ok");
    if (is_local(c)) { /* others learn that we live */
        sco_json_kz(&c->out, "version", SCO_VERSION);
        if (o->health)
            o->health(o->user, &c->out);
    }
    sco_json_end(&c->out, '}');
    return 0;
}

/* ---- readiness ---- */
struct dependency {
    const char *name, *status, *reason; /* status: "up" "down" "starting" "standby" "low" "off" */
    bool needed;
};

static void see_sched(const struct sco_api_options *o, struct dependency *store,
                      struct dependency *sched)
{
    struct sco_sched_state s = {0};
    *store = (struct dependency){.name = "store", .status = "starting", .needed = true};
    *sched = (struct dependency){.name = "scheduler", .status = "starting", .needed = true};
    if (!o->sched)
        return;
    sco_sched_state(o->sched, &s);
    if (s.reason) {
        store->status = s.last_poll ? "down" : "starting";
        store->reason = s.reason;
    } else if (s.last_poll) {
        store->status = "up";
    }
    if (s.stopping) {
        sched->status = "down";
        sched->reason = "the daemon stops";
    } else if (s.last_poll && sco_now_ms() - s.last_poll > POLL_AGE_MS) {
        sched->status = "down";
        sched->reason = "no poll has succeeded for more than a minute";
    } else if (s.last_poll) {
        sched->status = "up";
    }
}

/* Events wait in the store while nobody takes them: that is no reason to take no requests. */
static void see_bus(const struct sco_api_options *o, struct dependency *ret)
{
    struct sco_bus_state s = {0};
    *ret = (struct dependency){.name = "kafka", .status = "off"};
    if (o->bus)
        sco_bus_state(o->bus, &s);
    if (s.kafka) {
        ret->status = s.kafka_up ? "up" : s.kafka_standby ? "standby" : "down";
        ret->reason = s.kafka_up ? NULL : s.kafka_standby ? "another node publishes" : s.reason;
    }
}

static void see_disk(const struct sco_api_options *o, struct dependency *ret)
{
    struct statvfs st;
    *ret = (struct dependency){.name = "disk", .status = "up", .needed = true};
    if (!o->spool || statvfs(o->spool, &st) < 0) {
        ret->status = "down";
        ret->reason = "the folder of the daemon cannot be looked at";
        return;
    }
    uint64_t left = (uint64_t)st.f_bavail * st.f_frsize;
    if (left >= DISK_LOW)
        return;
    ret->status = left < DISK_FULL ? "down" : "low";
    ret->reason = left < DISK_FULL ? "less than 16 MiB are left" : "less than 64 MiB are left";
}

/* Ones that can speak to nobody: requests are taken all the same. */
static bool see_integrations(const struct sco_api_options *o, struct sco_buf *b,
                             struct dependency *ret)
{
    for (size_t i = 0; i < o->webhooks.n_integrations; i++) {
        const struct sco_integration *x = &o->webhooks.integrations[i];
        if (x->enabled && x->missing)
            sco_buf_addf(b, "%s%s has no credential (%s)", b->n ? "; " : "", x->name, x->missing);
    }
    *ret = (struct dependency){.name = "integrations", .status = "limited", .reason = sco_buf_z(b)};
    return b->n > 0;
}

static bool is_well(const struct dependency *d)
{
    return !d->needed || strcmp(d->status, "up") == 0 || strcmp(d->status, "low") == 0;
}

static int get_ready(struct api_call *c, struct sco_error *err)
{
    const struct sco_api_options *o = api_options(c->api);
    SCO_AUTO(sco_buf) struct sco_buf missing = {0};
    struct dependency v[5];
    bool ready = true;
    size_t n = 4;
    (void)err;
    see_sched(o, &v[0], &v[1]);
    see_bus(o, &v[2]);
    see_disk(o, &v[3]);
    n += see_integrations(o, &missing, &v[4]);
    for (size_t i = 0; i < n; i++)
        ready &= is_well(&v[i]);
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "status", ready ? "ready" : "unavailable");
    sco_json_key(&c->out, "checks");
    sco_json_begin(&c->out, '{');
    for (size_t i = 0; i < n; i++) {
        sco_json_key(&c->out, v[i].name);
        sco_json_begin(&c->out, '{');
        sco_json_kz(&c->out, "status", v[i].status);
        if (is_local(c)) /* names of machines are nobody else's business */
            sco_json_kz(&c->out, "reason", v[i].reason);
        sco_json_end(&c->out, '}');
    }
    sco_json_end(&c->out, '}');
    sco_json_end(&c->out, '}');
    c->status = ready ? 200 : 503;
    return 0;
}

/* ---- metrics ---- */
static bool has_token(const struct api_call *c, const char *token)
{
    struct sco_str given = sco_str_c(api_request_header(c, "authorization"));
    size_t n = strlen(token);
    if (given.n < 7 || strncasecmp(given.p, "Bearer ", 7) != 0)
        return false;
    given = sco_str_trim(sco_str_make(given.p + 7, given.n - 7));
    return given.n == n && sco_equal_secret(given.p, token, n);
}

static int write_metrics(struct api_call *c)
{
    const struct sco_api_options *o = api_options(c->api);
    c->reply_type = "text/plain; version=0.0.4; charset=utf-8";
    if (o->metrics)
        sco_metrics_write(o->metrics, &c->reply);
    return 0;
}

static int get_metrics(struct api_call *c, struct sco_error *err)
{
    const struct sco_api_options *o = api_options(c->api);
    if (o->metrics_token && has_token(c, o->metrics_token))
        return write_metrics(c);
    if (!o->metrics_token && is_local(c))
        return write_metrics(c);
    api_header(c, "WWW-Authenticate", "Bearer realm=\"metrics\"");
    return api_problem(c, 401, err, "%s",
                       o->metrics_token
                           ? "the bearer token of server.metrics_token is needed"
                           : "without server.metrics_token metrics are for this machine alone; "
                             "administrators find them at /api/v1/metrics");
}

static int get_own_metrics(struct api_call *c, struct sco_error *err)
{
    (void)err;
    return write_metrics(c);
}

/* ---- the rest ---- */
static int get_version(struct api_call *c, struct sco_error *err)
{
    (void)err;
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "version", SCO_VERSION);
    sco_json_kz(&c->out, "api", "v1");
    sco_json_kz(&c->out, "node", api_options(c->api)->node);
    sco_json_end(&c->out, '}');
    return 0;
}

/* What is wrong with the configuration is for who may read it; it is in the log as well. */
static int post_reload(struct api_call *c, struct sco_error *err)
{
    const struct sco_api_options *o = api_options(c->api);
    struct sco_error why = {0};
    if (!o->reload)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "there is nothing to reload");
    if (o->reload(o->user, c->who.name ? c->who.name : "anonymous", &why) < 0)
        return api_problem(c, 409, err, "the configuration before holds: %s", why.text);
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "status", "reloaded");
    sco_json_end(&c->out, '}');
    return 0;
}

static int get_document(struct api_call *c, struct sco_error *err)
{
    (void)err;
    sco_buf_add(&c->reply, api_document(c->api));
    c->cache_control = "public, max-age=300";
    return 0;
}

const struct api_route api_routes_system[] = {
    {"GET", "/health", SCO_ACT_READ, SCO_RES_SYSTEM, API_PUBLIC | API_ON_LOOP | API_FRESH,
     get_health},
    {"GET", "/ready", SCO_ACT_READ, SCO_RES_SYSTEM, API_PUBLIC | API_ON_LOOP | API_FRESH,
     get_ready},
    {"GET", "/metrics", SCO_ACT_READ, SCO_RES_SYSTEM, API_PUBLIC | API_NO_STORE | API_FRESH,
     get_metrics},
    {"GET", "/api/v1/metrics", SCO_ACT_READ, SCO_RES_SYSTEM, API_NO_STORE | API_FRESH,
     get_own_metrics},
    {"GET", "/api/v1/version", SCO_ACT_READ, SCO_RES_SELF, API_ON_LOOP, get_version},
    {"POST", "/api/v1/reload", SCO_ACT_UPDATE, SCO_RES_SYSTEM, API_ON_LOOP, post_reload},
    {"GET", "/api/v1/openapi.json", SCO_ACT_READ, SCO_RES_SELF, API_PUBLIC | API_ON_LOOP,
     get_document},
    {0}};
