/* The page of metrics: what Prometheus reads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>
#include <secureops/telemetry.h>

static const struct sco_metric requests = {.name = "secureops_http_requests_total",
                                           .help = "Requests.",
                                           .kind = SCO_COUNTER,
                                           .labels = {"method", "status"}};
static const struct sco_metric depth = {
    .name = "secureops_queue_depth", .help = "Jobs that wait.", .kind = SCO_GAUGE};
static const double le[] = {0.1, 1};
static const struct sco_metric seconds = {.name = "secureops_job_duration_seconds",
                                          .help = "Durations.",
                                          .kind = SCO_HISTOGRAM,
                                          .labels = {"kind"},
                                          .buckets = le,
                                          .n_buckets = 2};

static void page_is(struct sco_metrics *m, const char *want)
{
    struct sco_buf b = {0};
    sco_metrics_write(m, &b);
    assert_string_equal(sco_buf_z(&b), want);
    sco_buf_done(&b);
}

static void kinds(void **state)
{
    (void)state;
    struct sco_metrics *m = sco_metrics_new();
    page_is(m, "");
    sco_metric_add(m, &requests, 1, "GET", "2xx");
    sco_metric_add(m, &requests, 2, "GET", "2xx");
    sco_metric_add(m, &requests, 1, "PO\"ST\\\n", "4xx");
    sco_metric_set(m, &depth, 2.5);
    sco_metric_observe(m, &seconds, 0.1, "scan"); /* a bound belongs to its bucket */
    sco_metric_observe(m, &seconds, 0.5, "scan");
    sco_metric_observe(m, &seconds, 7, "scan");
    page_is(m, "# HELP secureops_http_requests_total Requests.\n"
               "# TYPE secureops_http_requests_total counter\n"
               "secureops_http_requests_total{method=\"GET\",status=\"2xx\"} 3\n"
               "secureops_http_requests_total{method=\"PO\\\"ST\\\\\\n\",status=\"4xx\"} 1\n"
               "# HELP secureops_queue_depth Jobs that wait.\n"
               "# TYPE secureops_queue_depth gauge\n"
               "secureops_queue_depth 2.5\n"
               "# HELP secureops_job_duration_seconds Durations.\n"
               "# TYPE secureops_job_duration_seconds histogram\n"
               "secureops_job_duration_seconds_bucket{kind=\"scan\",le=\"0.1\"} 1\n"
               "secureops_job_duration_seconds_bucket{kind=\"scan\",le=\"1\"} 2\n"
               "secureops_job_duration_seconds_bucket{kind=\"scan\",le=\"+Inf\"} 3\n"
               "secureops_job_duration_seconds_sum{kind=\"scan\"} 7.6\n"
               "secureops_job_duration_seconds_count{kind=\"scan\"} 3\n");
    sco_metrics_free(m);
    sco_metric_add(NULL, &requests, 1, "GET", "2xx");
    sco_metrics_free(NULL);
}

static void set_depth(void *user, struct sco_metrics *m)
{
    sco_metric_set(m, &depth, ++*(int *)user);
}

static void collectors(void **state)
{
    (void)state;
    int calls = 0;
    struct sco_metrics *m = sco_metrics_new();
    sco_metrics_on_collect(m, set_depth, &calls);
    page_is(m, "# HELP secureops_queue_depth Jobs that wait.\n"
               "# TYPE secureops_queue_depth gauge\nsecureops_queue_depth 1\n");
    page_is(m, "# HELP secureops_queue_depth Jobs that wait.\n"
               "# TYPE secureops_queue_depth gauge\nsecureops_queue_depth 2\n");
    sco_metrics_free(m);
}

/* Labels by mistake full of ids cost a bounded number of series, and nothing is lost of the sum. */
static void series_are_bounded(void **state)
{
    (void)state;
    char id[16];
    struct sco_buf b = {0};
    struct sco_metrics *m = sco_metrics_new();
    for (int i = 0; i < SCO_METRIC_SERIES_MAX + 500; i++) {
        snprintf(id, sizeof id, "%d", i);
        sco_metric_add(m, &requests, 1, id, "2xx");
    }
    sco_metrics_write(m, &b);
    assert_non_null(strstr(sco_buf_z(&b), "{method=\"other\",status=\"other\"} 500\n"));
    sco_buf_done(&b);
    sco_metrics_free(m);
}

static void *count(void *user)
{
    for (int i = 0; i < 10000; i++)
        sco_metric_add(user, &requests, 1, i % 2 ? "GET" : "PUT", "2xx");
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    pthread_t t[4];
    struct sco_metrics *m = sco_metrics_new();
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, count, m), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    struct sco_buf b = {0};
    sco_metrics_write(m, &b);
    assert_non_null(strstr(sco_buf_z(&b), "{method=\"GET\",status=\"2xx\"} 20000\n"));
    assert_non_null(strstr(sco_buf_z(&b), "{method=\"PUT\",status=\"2xx\"} 20000\n"));
    sco_buf_done(&b);
    sco_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(collectors),
        cmocka_unit_test(series_are_bounded),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
