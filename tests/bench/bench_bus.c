/* How fast the outbox is published, beside librdkafka's own rate with the same settings and bytes:
 *
 *   bench_bus EVENTS ROUNDS             to librdkafka's mock cluster, in this process
 *   bench_bus EVENTS ROUNDS HOST:PORT   to a broker
 *
 * `librdkafka`: envelopes that are ready are produced and acknowledged. `bus`: events that are
 * committed in an SQLite store get positions, are read, written as envelopes, produced and
 * acknowledged, and the cursor is moved. The rounds take turns; the medians and their ratio are
 * printed. */
#include <secureops/bus.h>
#include <secureops/fs.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS_MAX = 99, KEYS = 64, BROKERS = 1, IN_FLIGHT = 10000 };
#define TYPE "security.vulnerability.detected"

static char where[512];
static const char *brokers;
static uint32_t n_events;
static struct sco_error err;

static void check(int r, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "bench_bus: %s: %s\n", what, err.text);
    exit(1);
}

/* ---- what is published: some 700 bytes each ---- */
static void make_event(uint32_t i, char key[32], char data[600], struct sco_event *ret)
{
    snprintf(key, 32, "https://git.example/app-%u", i % KEYS);
    snprintf(data, 600,
             "{\"finding_id\":\"01a20172-0000-4000-8000-%012u\",\"fingerprint\":\"%064u\","
             "\"repository\":\"%s\",\"branch\":\"main\",\"vulnerability_type\":\"SAST\","
             "\"severity\":\"HIGH\",\"title\":\"A query is put together from user input\","
             "\"rule_id\":\"python.sql.injection\",\"tools\":[\"semgrep\"],\"file_path\":"
             "\"src/orders/query_%u.py\",\"line_number\":%u,\"risk_score\":71.5}",
             i, i, key, i % 1000, i % 777);
    *ret = (struct sco_event){.id = "01a20172-0000-4000-8000-000000000000",
                              .type = TYPE,
                              .key = key,
                              .source = "node-1",
                              .at = 1800000000000,
                              .data = data};
}

/* ---- librdkafka alone ---- */
static uint32_t acknowledged;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    acknowledged += !m->err;
}

static double run_raw(const char *prefix)
{
    static const char *const settings[] = {"enable.idempotence",
                                           "true",
                                           "acks",
                                           "all",
                                           "message.timeout.ms",
                                           "0",
                                           "linger.ms",
                                           "5",
                                           "partitioner",
                                           "murmur2_random",
                                           "max.in.flight.requests.per.connection",
                                           "1",
                                           "enable.gapless.guarantee",
                                           "true",
                                           "queue.buffering.max.kbytes",
                                           "32768"};
    char text[256], topic[128];
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    for (size_t i = 0; i < SCO_ARRAY_LEN(settings); i += 2)
        rd_kafka_conf_set(c, settings[i], settings[i + 1], text, sizeof text);
    snprintf(text, sizeof text, "%d", IN_FLIGHT);
    rd_kafka_conf_set(c, "queue.buffering.max.messages", text, topic, sizeof topic);
    rd_kafka_conf_set(c, "bootstrap.servers", brokers, text, sizeof text);
    rd_kafka_conf_set_dr_msg_cb(c, on_delivery);
    struct sco_buf *texts = sco_alloc(n_events, sizeof *texts);
    for (uint32_t i = 0; i < n_events; i++) {
        char key[32], data[600];
        struct sco_event e;
        make_event(i, key, data, &e);
        sco_event_write(&texts[i], &e, "bench");
    }
    int64_t from = sco_mono_ns();
    acknowledged = 0;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text);
    snprintf(topic, sizeof topic, "%s" TYPE, prefix);
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    for (uint32_t i = 0; i < n_events;) {
        char key[32];
        int n = snprintf(key, sizeof key, "https://git.example/app-%u", i % KEYS);
        if (rd_kafka_produce(t, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, texts[i].p, texts[i].n,
                             key, (size_t)n, NULL) == 0)
            i++;
        else
            rd_kafka_poll(rk, 5);
        if (i % 64 == 0)
            rd_kafka_poll(rk, 0);
    }
    while (acknowledged < n_events)
        rd_kafka_poll(rk, 20);
    double seconds = (double)(sco_mono_ns() - from) / 1e9;
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
    for (uint32_t i = 0; i < n_events; i++)
        sco_buf_done(&texts[i]);
    free(texts);
    return seconds;
}

/* ---- the bus ---- */
static int open_store(void *user, struct sco_store **ret, struct sco_error *e)
{
    /* as the daemon's threads */
    struct sco_store_options o = {.where = where, .create = true, .cache_kb = 8 << 10};
    (void)user;
    return sco_store_open(&o, ret, e);
}

static double run_bus(const char *prefix)
{
    struct sco_store *s = NULL;
    struct sco_bus *b = NULL;
    struct sco_store_context c = {.source = "node-1"};
    struct sco_event_lag lag = {0};
    check(open_store(NULL, &s, &err), "store");
    check(sco_store_set_context(s, &c, &err), "store");
    check(sco_store_begin(s, &err), "events");
    for (uint32_t i = 0; i < n_events; i++) {
        char key[32], data[600];
        struct sco_event e;
        make_event(i, key, data, &e);
        check(sco_store_event_add(s, &e, &err), "events");
    }
    check(sco_store_end(s, 0, &err), "events");
    sco_store_close(s); /* what so large a transaction leaves to tidy is not publishing */
    check(open_store(NULL, &s, &err), "store");
    struct sco_bus_options o = {.brokers = brokers,
                                .prefix = prefix,
                                .environment = "bench",
                                .node = "n",
                                .in_flight = IN_FLIGHT,
                                .open_store = open_store};
    int64_t from = sco_mono_ns();
    check(sco_bus_new(&o, &b, &err), "bus");
    do {
        usleep(5000);
        check(sco_store_event_lag(s, SCO_BUS_CURSOR_KAFKA, &lag, &err), "cursor");
    } while (lag.pending || lag.behind);
    double seconds = (double)(sco_mono_ns() - from) / 1e9;
    sco_bus_free(b, 1000);
    sco_store_close(s);
    return seconds;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}

int main(int argc, char **argv)
{
    double raw[ROUNDS_MAX], bus[ROUNDS_MAX];
    int64_t events = 100000, rounds = 3;
    char text[256], prefix[64], *dir = NULL;
    if ((argc > 1 && sco_parse_i64(sco_str_c(argv[1]), 1, 10000000, &events) < 0) ||
        (argc > 2 && sco_parse_i64(sco_str_c(argv[2]), 1, ROUNDS_MAX, &rounds) < 0)) {
        fprintf(stderr, "usage: bench_bus EVENTS ROUNDS [HOST:PORT]\n");
        return 2;
    }
    n_events = (uint32_t)events;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, text, sizeof text);
    rd_kafka_mock_cluster_t *mock = rk ? rd_kafka_mock_cluster_new(rk, BROKERS) : NULL;
    if (!mock)
        return 1;
    brokers = argc > 3 ? argv[3] : rd_kafka_mock_cluster_bootstraps(mock);
    for (int64_t i = 0; i < rounds; i++) {
        check(sco_fs_mkdtemp(NULL, "sco-bench-", &dir, &err), "folder");
        snprintf(where, sizeof where, "%s/store.db", dir);
        snprintf(prefix, sizeof prefix, "b%d-%lld.", (int)getpid(), (long long)i);
        raw[i] = run_raw(prefix);
        bus[i] = run_bus(prefix);
        sco_fs_remove_tree(dir);
        free(dir);
    }
    double r = median(raw, (size_t)rounds), b = median(bus, (size_t)rounds);
    printf("librdkafka  %8.0f events/s\nbus         %8.0f events/s\nratio       %8.2f\n",
           (double)events / r, (double)events / b, r / b);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(rk);
    return 0;
}
