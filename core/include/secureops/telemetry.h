/* Metrics (Prometheus text) and traces (OpenTelemetry over OTLP/HTTP, JSON). Any thread.
 *
 * A metric is a static description; its values appear with its first use. Names and units follow
 * Prometheus: secureops_..., base units, _total for counters. Labels have few values: never an id,
 * a path or a name that people choose. */
#pragma once

#include <secureops/base.h>

enum sco_metric_kind { SCO_COUNTER, SCO_GAUGE, SCO_HISTOGRAM };
enum {
    SCO_METRIC_LABELS = 3,
    SCO_METRIC_SERIES_MAX = 1000 /* of one metric; more go to "other" */
};
struct sco_metric {
    const char *name, *help;
    enum sco_metric_kind kind;
    const char *labels[SCO_METRIC_LABELS]; /* NULL: none further */
    const double *buckets;                 /* upper bounds, rising; NULL: 5 ms to 10 min */
    size_t n_buckets;
};
struct sco_metrics;
struct sco_metrics *sco_metrics_new(void); /* NULL: out of memory */
struct sco_metrics *sco_metrics_free(struct sco_metrics *m);
/* The values of the labels in their order; m NULL: nothing happens. */
void sco_metric_add(struct sco_metrics *m, const struct sco_metric *d, double by, ...);
void sco_metric_set(struct sco_metrics *m, const struct sco_metric *d, double to, ...);
void sco_metric_observe(struct sco_metrics *m, const struct sco_metric *d, double seconds, ...);
/* Called before each page: sets gauges. */
void sco_metrics_on_collect(struct sco_metrics *m, void (*fn)(void *user, struct sco_metrics *m),
                            void *user);
void sco_metrics_write(struct sco_metrics *m, struct sco_buf *out); /* text format 0.0.4 */

/* ---- traces: W3C trace context ---- */
enum { SCO_TRACEPARENT_LEN = 56 }; /* "00-<32 hex>-<16 hex>-01" and NUL */
struct sco_trace_id {
    uint8_t trace[16], span[8];
    bool sampled, valid;
};
bool sco_traceparent_parse(struct sco_str text, struct sco_trace_id *ret);
void sco_traceparent_format(const struct sco_trace_id *t, char out[SCO_TRACEPARENT_LEN]);
/* A new span below `parent` (NULL or not valid: a new trace). */
void sco_trace_start(const struct sco_trace_id *parent, struct sco_trace_id *ret);

struct sco_span {
    struct sco_trace_id id;
    uint8_t parent[8];        /* zero: none */
    const char *name;         /* "POST /api/v1/scans", "job", "scanner trivy", "store save_scan" */
    int kind;                 /* 1 internal, 2 server, 3 client */
    int64_t start_ns, end_ns; /* Unix time */
    bool failed;
    const char *const *attributes; /* key, value, ..., NULL; or NULL */
};
struct sco_tracer; /* NULL everywhere: traces are off */
struct event_base;
struct sco_tracer_options {
    const char *endpoint; /* http://collector:4318/v1/traces */
    const char *service, *version, *node;
    double ratio; /* of new traces that are kept */
    /* Posts JSON, from the tracer's thread: 0, or why not. */
    int (*post)(void *user, const char *url, struct sco_str json, struct sco_error *err);
    void *user;
};
/* Sends in batches from a thread of its own; what cannot be sent is counted and dropped. */
int sco_tracer_new(const struct sco_tracer_options *o, struct sco_metrics *m,
                   struct sco_tracer **ret, struct sco_error *err) SCO_NODISCARD;
struct sco_tracer *sco_tracer_free(struct sco_tracer *t); /* sends the rest, for at most 2 s */
void sco_tracer_end(struct sco_tracer *t, const struct sco_span *s); /* copies */
