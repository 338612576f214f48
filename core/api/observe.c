/* Metrics, traces and the access log: once for each request, when its reply goes out. */
#include "server_priv.h"

#include <secureops/log.h>

#define SCO_LOG_MODULE "api"

static const struct sco_metric requests = {.name = "secureops_http_requests_total",
                                           .help = "Requests that were answered",
                                           .kind = SCO_COUNTER,
                                           .labels = {"route", "method", "status"}};
static const struct sco_metric durations = {.name = "secureops_http_request_duration_seconds",
                                            .help = "From the head of a request to its reply",
                                            .kind = SCO_HISTOGRAM,
                                            .labels = {"route", "method"}};
static const struct sco_metric received = {.name = "secureops_http_request_body_bytes_total",
                                           .help = "Bytes of bodies that came in",
                                           .kind = SCO_COUNTER};
static const struct sco_metric sent = {.name = "secureops_http_response_bytes_total",
                                       .help = "Bytes of replies, heads included",
                                       .kind = SCO_COUNTER};
static const struct sco_metric refused = {.name = "secureops_http_refused_total",
                                          .help = "What came in and was no HTTP request",
                                          .kind = SCO_COUNTER,
                                          .labels = {"status"}};
static const struct sco_metric connections = {.name = "secureops_http_connections",
                                              .help = "Connections that are open",
                                              .kind = SCO_GAUGE,
                                              .labels = {"kind"}};
static const struct sco_metric cached = {.name = "secureops_http_cached_replies_total",
                                         .help = "Reads that were answered from memory",
                                         .kind = SCO_COUNTER};

static const char *status_class(int status)
{
    static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    return status >= 100 && status < 600 ? classes[status / 100 - 1] : "other";
}

/* Methods come from the client: only those that there are become labels. */
static const char *known_method(const struct api_exchange *x)
{
    static const char *const all[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(all); i++)
        if (strcmp(x->call.method, all[i]) == 0)
            return all[i];
    return "other";
}

static void trace(const struct api_exchange *x, int status, int64_t took_ns)
{
    const struct api_call *c = &x->call;
    struct sco_trace_id parent = {0};
    struct sco_str text = http_head_get(&x->head, "traceparent");
    char name[160], code[8];
    if (!x->api->o->tracer || !c->trace.sampled)
        return;
    snprintf(name, sizeof name, "%s %s", known_method(x), c->route ? c->route->path : "unknown");
    snprintf(code, sizeof code, "%d", status);
    const char *const attributes[] = {"http.request.method",
                                      known_method(x),
                                      "http.route",
                                      c->route ? c->route->path : "",
                                      "http.response.status_code",
                                      code,
                                      "secureops.correlation_id",
                                      c->correlation_id,
                                      NULL};
    struct sco_span span = {.id = c->trace,
                            .name = name,
                            .kind = 2,
                            .start_ns = c->now * 1000000,
                            .end_ns = c->now * 1000000 + took_ns,
                            .failed = status >= 500,
                            .attributes = attributes};
    if (text.p && sco_traceparent_parse(text, &parent) && parent.valid)
        memcpy(span.parent, parent.span, sizeof span.parent);
    sco_tracer_end(x->api->o->tracer, &span);
}

/* Somebody asks these every few seconds, for ever. */
static bool is_probe(const struct api_call *c)
{
    return c->route &&
           (strcmp(c->route->path, "/health") == 0 || strcmp(c->route->path, "/ready") == 0);
}

const char *api_path_shown(const struct api_call *c)
{
    if (strncmp(c->path, "/webhook/", 9) != 0)
        return c->path;
    return c->route ? c->route->path : "/webhook/";
}

void api_observe_request(struct api_exchange *x, int status, uint64_t bytes)
{
    const struct api_call *c = &x->call;
    struct sco_metrics *m = x->api->o->metrics;
    const char *route = c->route ? c->route->path : "none", *method = known_method(x);
    int64_t took = sco_mono_ns() - x->started;
    if (m) {
        sco_metric_add(m, &requests, 1, route, method, status_class(status));
        sco_metric_observe(m, &durations, (double)took / 1e9, route, method);
        sco_metric_add(m, &sent, (double)bytes);
        if (x->received)
            sco_metric_add(m, &received, (double)x->received);
        if (x->from_cache)
            sco_metric_add(m, &cached, 1);
    }
    trace(x, status, took);
    uint32_t level = is_probe(c) && status < 500 ? SCO_LOG_DEBUG : SCO_LOG_INFO;
    if (!sco_log_enabled(level))
        return;
    char code[8], ms[24], size[24];
    snprintf(code, sizeof code, "%d", status);
    snprintf(ms, sizeof ms, "%.3f", (double)took / 1e6);
    snprintf(size, sizeof size, "%llu", (unsigned long long)bytes);
    const char *const fields[] = {"correlation_id",
                                  c->correlation_id,
                                  "method",
                                  c->method,
                                  "path",
                                  api_path_shown(c),
                                  "status",
                                  code,
                                  "duration_ms",
                                  ms,
                                  "bytes",
                                  size,
                                  "client",
                                  c->address,
                                  "principal",
                                  c->who.name ? c->who.name : "",
                                  "user_agent",
                                  c->user_agent ? c->user_agent : "",
                                  NULL};
    sco_log_write(level | SCO_LOG_EACH, "access", fields, "request");
}

static const struct sco_metric expires = {.name =
                                              "secureops_tls_certificate_expiry_timestamp_seconds",
                                          .help = "When the certificate ends, Unix time.",
                                          .kind = SCO_GAUGE};

void api_observe_certificate(struct sco_api *a)
{
    if (a->tls)
        sco_metric_set(a->o->metrics, &expires, (double)api_tls_expiry(a->tls));
}

void api_observe_refused(struct sco_api *a, int status)
{
    char code[8];
    snprintf(code, sizeof code, "%d", status);
    sco_metric_add(a->o->metrics, &refused, 1, code);
}

void api_observe_connections(struct sco_api *a)
{
    sco_metric_set(a->o->metrics, &connections, (double)a->n_conns, "http");
    sco_metric_set(a->o->metrics, &connections, (double)a->n_taken, "feed");
}
