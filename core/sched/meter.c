/* What the clockwork counts, and the span of a job. */
#include "sched_priv.h"

#include <event2/event.h>
#include <time.h>

static const double job_buckets[] = {1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200};
static const struct sco_metric job_seconds = {.name = "secureops_job_duration_seconds",
                                              .help = "Time that attempts of jobs took.",
                                              .kind = SCO_HISTOGRAM,
                                              .labels = {"kind", "outcome"},
                                              .buckets = job_buckets,
                                              .n_buckets = SCO_ARRAY_LEN(job_buckets)};
static const double memory_buckets[] = {64e6, 128e6, 256e6, 512e6, 1e9, 2e9, 4e9, 8e9, 16e9};
static const struct sco_metric job_memory = {
    .name = "secureops_job_peak_memory_bytes",
    .help = "What the largest process of an attempt of a job had in memory at most.",
    .kind = SCO_HISTOGRAM,
    .labels = {"kind"},
    .buckets = memory_buckets,
    .n_buckets = SCO_ARRAY_LEN(memory_buckets)};
static const struct sco_metric failures = {.name = "secureops_runner_failures_total",
                                           .help = "Runners that ended without a last word.",
                                           .kind = SCO_COUNTER,
                                           .labels = {"reason"}};
static const struct sco_metric scanner_seconds = {.name = "secureops_scanner_duration_seconds",
                                                  .help = "Time that scanners took.",
                                                  .kind = SCO_HISTOGRAM,
                                                  .labels = {"scanner"},
                                                  .buckets = job_buckets,
                                                  .n_buckets = SCO_ARRAY_LEN(job_buckets)};
static const struct sco_metric scanner_runs = {.name = "secureops_scanner_runs_total",
                                               .help = "Runs of scanners by how they ended.",
                                               .kind = SCO_COUNTER,
                                               .labels = {"scanner", "status"}};
static const struct sco_metric store_seconds = {.name =
                                                    "secureops_store_operation_duration_seconds",
                                                .help = "Time that the store took.",
                                                .kind = SCO_HISTOGRAM,
                                                .labels = {"operation"}};
static const struct sco_metric running = {.name = "secureops_runners",
                                          .help = "Runners of this node, by what slots they take.",
                                          .kind = SCO_GAUGE,
                                          .labels = {"slots"}};
static const struct sco_metric slots = {.name = "secureops_runner_slots",
                                        .help = "Runners that this node may have at once.",
                                        .kind = SCO_GAUGE,
                                        .labels = {"slots"}};
static const struct sco_metric poll_seconds = {.name = "secureops_poll_duration_seconds",
                                               .help = "Time that the store took for one poll.",
                                               .kind = SCO_HISTOGRAM};
static const struct sco_metric poll_failures = {.name = "secureops_poll_failures_total",
                                                .help = "Polls that the store did not answer.",
                                                .kind = SCO_COUNTER};
static const struct sco_metric reaped = {.name = "secureops_jobs_reaped_total",
                                         .help = "Jobs whose lease or deadline ran out.",
                                         .kind = SCO_COUNTER};
static const struct sco_metric ticks = {.name = "secureops_schedule_ticks_total",
                                        .help = "Ticks of schedules.",
                                        .kind = SCO_COUNTER,
                                        .labels = {"result"}};

static void add(struct sco_metrics *m, const char *result, uint64_t n)
{
    if (n)
        sco_metric_add(m, &ticks, (double)n, result);
}

void meter_poll(const struct poll *p)
{
    struct sco_metrics *m = p->o->metrics;
    if (!m)
        return;
    if (p->result < 0)
        sco_metric_add(m, &poll_failures, 1);
    if (!p->away)
        sco_metric_observe(m, &poll_seconds, p->seconds);
    if (p->reaped)
        sco_metric_add(m, &reaped, (double)p->reaped);
    add(m, "fired", p->fired);
    add(m, "dropped", p->dropped);
    add(m, "error", p->broken);
    struct sco_sched_state s;
    sco_sched_state(p->s, &s);
    sco_metric_set(m, &running, (double)s.running, "scan");
    sco_metric_set(m, &running, (double)s.running_ci, "ci");
    sco_metric_set(m, &slots, (double)s.slots, "scan");
    sco_metric_set(m, &slots, (double)s.ci_slots, "ci");
}

/* A span below the job's, of what its runner tells when it is over. */
static void end_part(const struct run *r, const char *name, const struct sco_node *m, bool failed,
                     const char *const *attributes)
{
    int64_t start = sco_int_at(m, "started_ms", 0), ms = sco_int_at(m, "duration_ms", 0);
    struct sco_span span = {.name = name,
                            .kind = 1,
                            .start_ns = start * 1000000,
                            .end_ns = (start + ms) * 1000000,
                            .failed = failed,
                            .attributes = attributes};
    if (!r->s->o.tracer || start <= 0 || ms < 0)
        return;
    sco_trace_start(&r->trace, &span.id);
    memcpy(span.parent, r->trace.span, sizeof span.parent);
    sco_tracer_end(r->s->o.tracer, &span);
}

static void end_scanner(const struct run *r, const struct sco_node *m)
{
    char name[64], status[32], title[80];
    struct sco_metrics *metrics = r->s->o.metrics;
    snprintf(name, sizeof name, "%.*s", SCO_STR_ARG(sco_text_at(m, "name")));
    snprintf(status, sizeof status, "%.*s", SCO_STR_ARG(sco_text_at(m, "status")));
    if (!*name || !*status)
        return;
    if (metrics) {
        sco_metric_add(metrics, &scanner_runs, 1, name, status);
        sco_metric_observe(metrics, &scanner_seconds,
                           (double)sco_int_at(m, "duration_ms", 0) / 1000, name);
    }
    const char *const attributes[] = {"secureops.scanner.name", name, "secureops.scanner.status",
                                      status, NULL};
    snprintf(title, sizeof title, "scanner %s", name);
    end_part(r, title, m, strcmp(status, "completed") != 0 && strcmp(status, "skipped") != 0,
             attributes);
}

void meter_done(const struct run *r, const struct sco_node *m)
{
    const struct sco_node *all = sco_get(m, "scanners"), *saved = sco_get(m, "saved");
    for (const struct sco_node *c = all ? all->child : NULL; c; c = c->next)
        end_scanner(r, c);
    if (!sco_is(saved, SCO_NODE_MAP))
        return;
    if (r->s->o.metrics)
        sco_metric_observe(r->s->o.metrics, &store_seconds,
                           (double)sco_int_at(saved, "duration_ms", 0) / 1000, "save_scan");
    end_part(r, "store save_scan", saved, false, NULL);
}

static void end_span(const struct run *r, const char *outcome)
{
    struct timespec ts;
    char memory[24];
    clock_gettime(CLOCK_REALTIME, &ts);
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)r->peak_memory);
    const char *const attributes[] = {"secureops.job.id",
                                      r->job.id,
                                      "secureops.job.kind",
                                      r->job.request.kind,
                                      "secureops.job.outcome",
                                      outcome,
                                      "secureops.job.peak_memory_bytes",
                                      memory,
                                      NULL};
    struct sco_span span = {.id = r->trace,
                            .name = "job",
                            .kind = 1,
                            .start_ns = r->began_ns,
                            .end_ns = ts.tv_sec * 1000000000LL + ts.tv_nsec,
                            .failed = strcmp(outcome, "completed") != 0,
                            .attributes = attributes};
    if (r->parent.valid)
        memcpy(span.parent, r->parent.span, sizeof span.parent);
    sco_tracer_end(r->s->o.tracer, &span);
}

void meter_run(const struct run *r, const char *outcome)
{
    struct sco_metrics *m = r->s->o.metrics;
    if (m && *r->failure)
        sco_metric_add(m, &failures, 1, r->failure);
    if (m)
        sco_metric_observe(m, &job_seconds, (double)(sched_mono(r->s) - r->began_ms) / 1000,
                           r->job.request.kind, outcome);
    if (m && r->peak_memory)
        sco_metric_observe(m, &job_memory, (double)r->peak_memory, r->job.request.kind);
    if (r->s->o.tracer && r->began_ns)
        end_span(r, outcome);
}
