/* What the process itself is to be seen by: threads, memory, descriptors. */
#include "daemon_priv.h"

#include <dirent.h>
#include <secureops/fs.h>
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
                                       .help = "Jobs in the store, all nodes together.",
                                       .kind = SCO_GAUGE,
                                       .labels = {"state"}};
static const struct sco_metric oldest = {.name = "secureops_queue_oldest_seconds",
                                         .help = "How long the job has waited that could run and "
                                                 "waits longest.",
                                         .kind = SCO_GAUGE};
static const struct sco_metric pending = {.name = "secureops_events_pending",
                                          .help = "Events that have no position yet.",
                                          .kind = SCO_GAUGE};

enum { COUNT_MS = 10000, WANTED_MS = 300000 };

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

/* What is in the store is counted only while somebody looks: it reads an index of all jobs. */
void meter_store(struct daemon *d, struct sco_store *s, int64_t now)
{
    struct sco_job_counts c = {0};
    struct sco_event_lag lag = {0};
    int64_t mono = sco_mono_ms(), scraped = __atomic_load_n(&d->scraped_at, __ATOMIC_RELAXED);
    if (!scraped || mono - scraped > WANTED_MS || mono - d->counted_at < COUNT_MS)
        return;
    d->counted_at = mono;
    if (sco_store_job_counts(s, now, &c, NULL) == 0) {
        for (int i = 0; i < SCO_JOB_STATE_MAX_; i++)
            sco_metric_set(d->metrics, &jobs, (double)c.by_state[i],
                           sco_job_state_name((enum sco_job_state)i));
        sco_metric_set(d->metrics, &oldest,
                       c.oldest_queued ? (double)(now - c.oldest_queued) / 1000 : 0);
    }
    if (sco_store_event_lag(s, SCO_BUS_CURSOR_KAFKA, &lag, NULL) == 0)
        sco_metric_set(d->metrics, &pending, (double)lag.pending);
}

void meter_init(struct daemon *d)
{
    sco_metrics_on_collect(d->metrics, collect, d);
}
