/* What the process itself is to be seen by: threads, memory, descriptors. */
#include "ci.h"
#include "daemon_priv.h"

#include <dirent.h>
#include <secureops/fs.h>
#include <secureops/store_accounts.h>
#include <secureops/store_stats.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct sco_metric waiting = {.name = "secureops_threads_waiting",
                                          .help = "Pieces of work that wait for a thread.",
                                          .kind = SCO_GAUGE,
                                          .labels = {"pool"}};
static const struct sco_metric running = {.name = "secureops_threads_running",
                                          .help = "Threads that work.",
                                          .kind = SCO_GAUGE,
                                          .labels = {"pool"}};
static const struct sco_metric resident = {.name = "process_resident_memory_bytes",
                                           .help = "Resident memory of the daemon.",
                                           .kind = SCO_GAUGE};
static const struct sco_metric descriptors = {
    .name = "process_open_fds", .help = "Descriptors that are open.", .kind = SCO_GAUGE};
static const struct sco_metric started = {
    .name = "process_start_time_seconds", .help = "Unix time of the start.", .kind = SCO_GAUGE};
static const struct sco_metric cpu = {.name = "process_cpu_seconds_total",
                                      .help = "Processor time of the daemon.",
                                      .kind = SCO_COUNTER};
static const struct sco_metric largest = {.name = "secureops_runner_max_resident_bytes",
                                          .help =
                                              "The most that a runner, or what it ran, has had.",
                                          .kind = SCO_GAUGE};
static const struct sco_metric info = {.name = "secureops_build_info",
                                       .help = "Version of the daemon; always 1.",
                                       .kind = SCO_GAUGE,
                                       .labels = {"version"}};

static const struct sco_metric jobs = {.name = "secureops_jobs",
                                       .help =
                                           "Jobs in the store, all nodes together; of those that "
                                           "ended, other than dead, the last day.",
                                       .kind = SCO_GAUGE,
                                       .labels = {"state"}};
static const struct sco_metric oldest = {.name = "secureops_queue_oldest_seconds",
                                         .help = "How long the job has waited that could run and "
                                                 "waits longest.",
                                         .kind = SCO_GAUGE};
static const struct sco_metric pending = {.name = "secureops_events_pending",
                                          .help = "Events that have no position yet.",
                                          .kind = SCO_GAUGE};

static const struct sco_metric findings = {.name = "secureops_findings_open",
                                           .help = "Open findings that are not suppressed.",
                                           .kind = SCO_GAUGE,
                                           .labels = {"severity"}};
static const struct sco_metric behind = {.name = "secureops_event_reader_behind",
                                         .help = "Events that a reader has still to take.",
                                         .kind = SCO_GAUGE,
                                         .labels = {"reader"}};
static const struct sco_metric lag_seconds = {.name = "secureops_event_reader_lag_seconds",
                                              .help = "Age of the first event that a reader has "
                                                      "still to take.",
                                              .kind = SCO_GAUGE,
                                              .labels = {"reader"}};
static const struct sco_metric audited = {.name = "secureops_audit_last_entry",
                                          .help = "Number of the audit log's last entry.",
                                          .kind = SCO_GAUGE};

enum { COUNT_MS = 15000 };

static double resident_bytes(void)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_str rest, pages = {0};
    int64_t n = 0;
    if (sco_fs_read("/proc/self/statm", 4096, &text, NULL) < 0)
        return 0;
    rest = sco_buf_str(&text);
    for (int i = 0; i < 2 && sco_str_split(&rest, ' ', &pages); i++)
        ;
    return sco_parse_i64(pages, 0, INT64_MAX, &n) == 0 ? (double)n * (double)sysconf(_SC_PAGESIZE)
                                                       : 0;
}

static double open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double n = -3; /* ".", "..", and the folder's own */
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n > 0 ? n : 0;
}

static void collect(void *user, struct sco_metrics *m)
{
    struct daemon *d = user;
    struct rusage own, children;
    __atomic_store_n(&d->scraped_at, sco_mono_ms(), __ATOMIC_RELAXED);
    static const char *const names[] = {"clock", "work"};
    const struct sco_threads *const pools[] = {d->clock, d->pool};
    for (size_t i = 0; i < SCO_ARRAY_LEN(pools); i++) {
        if (!pools[i])
            continue;
        sco_metric_set(m, &waiting, (double)sco_threads_waiting(pools[i]), names[i]);
        sco_metric_set(m, &running, (double)sco_threads_running(pools[i]), names[i]);
    }
    sco_metric_set(m, &resident, resident_bytes());
    sco_metric_set(m, &descriptors, open_descriptors());
    sco_metric_set(m, &started, (double)d->started_at / 1000);
    sco_metric_set(m, &info, 1, SCO_VERSION);
    if (getrusage(RUSAGE_SELF, &own) == 0)
        sco_metric_set(m, &cpu,
                       (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
                           (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6);
    if (getrusage(RUSAGE_CHILDREN, &children) == 0)
        sco_metric_set(m, &largest, (double)children.ru_maxrss * 1024);
}

static void count_findings(struct daemon *d, struct sco_store *s, int64_t now)
{
    struct sco_stats_groups g = {0};
    struct sco_stats_filter f = {.from = now, .to = now};
    if (sco_store_stats_groups(s, &f, SCO_STATS_BY_SEVERITY, &g, NULL) < 0)
        return;
    for (uint32_t i = SCO_SEV_UNKNOWN + 1; i < SCO_SEV_MAX_; i++)
        sco_metric_set(d->metrics, &findings, 0, sco_severity_name(i));
    for (size_t i = 0; i < g.n; i++)
        sco_metric_set(d->metrics, &findings, (double)g.v[i].n_open, g.v[i].name);
    sco_stats_groups_done(&g);
}

static void count_events(struct daemon *d, struct sco_store *s, int64_t now)
{
    struct snapshot *c = daemon_snapshot(d);
    const struct {
        const char *name;
        bool wanted;
    } v[] = {{SCO_BUS_CURSOR_KAFKA, c->config->events.brokers.n > 0},
             {SCO_BUS_CURSOR_JSONL, c->config->events.jsonl.n > 0}};
    snapshot_unref(c);
    for (size_t i = 0; i < SCO_ARRAY_LEN(v); i++) {
        struct sco_event_lag lag = {0};
        if (sco_store_event_lag(s, v[i].name, &lag, NULL) < 0)
            return;
        sco_metric_set(d->metrics, &pending, (double)lag.pending);
        if (!v[i].wanted)
            continue;
        sco_metric_set(d->metrics, &behind, (double)lag.behind, v[i].name);
        sco_metric_set(d->metrics, &lag_seconds, lag.oldest ? (double)(now - lag.oldest) / 1000 : 0,
                       v[i].name);
    }
}

/* What is in the store is counted only when somebody has looked since. */
void meter_store(struct daemon *d, struct sco_store *s, int64_t now)
{
    struct sco_job_counts c = {0};
    uint8_t hash[32];
    int64_t last = 0, first = 0;
    int64_t mono = sco_mono_ms(), scraped = __atomic_load_n(&d->scraped_at, __ATOMIC_RELAXED);
    if (!scraped || scraped < d->counted_at || (d->counted_at && mono - d->counted_at < COUNT_MS))
        return;
    d->counted_at = mono;
    if (sco_store_job_counts(s, now, &c, NULL) == 0) {
        for (int i = 0; i < SCO_JOB_STATE_MAX_; i++)
            sco_metric_set(d->metrics, &jobs, (double)c.by_state[i],
                           sco_job_state_name((enum sco_job_state)i));
        sco_metric_set(d->metrics, &oldest,
                       c.oldest_queued ? (double)(now - c.oldest_queued) / 1000 : 0);
    }
    count_findings(d, s, now);
    count_events(d, s, now);
    ci_meter(d, s, now);
    if (sco_store_audit_head(s, &last, hash, &first, NULL) == 0)
        sco_metric_set(d->metrics, &audited, (double)last);
}

void meter_init(struct daemon *d)
{
    sco_metrics_on_collect(d->metrics, collect, d);
}
