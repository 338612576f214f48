/* Trace context, and spans as a collector gets them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <secureops/json.h>
#include <secureops/telemetry.h>

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static bool parses(const char *z)
{
    struct sco_trace_id t;
    return sco_traceparent_parse(sco_str_c(z), &t);
}

static void traceparent(void **state)
{
    (void)state;
    struct sco_trace_id t, child;
    char text[SCO_TRACEPARENT_LEN];
    assert_true(sco_traceparent_parse(sco_str_c(GOOD), &t));
    assert_true(t.sampled && t.valid);
    sco_traceparent_format(&t, text);
    assert_string_equal(text, GOOD);
    sco_trace_start(&t, &child);
    assert_memory_equal(t.trace, child.trace, sizeof t.trace);
    assert_memory_not_equal(t.span, child.span, sizeof t.span);
    assert_true(child.valid && child.sampled);
    sco_trace_start(NULL, &child);
    assert_memory_not_equal(t.trace, child.trace, sizeof t.trace);
    assert_true(sco_traceparent_parse(
        SCO_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), &t));
    assert_false(t.sampled);
    assert_true(parses("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
}

static void bad_traceparents(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_false(parses(bad[i]));
}

static int take(void *user, const char *url, struct sco_str json, struct sco_error *err)
{
    (void)err;
    assert_string_equal(url, "http://127.0.0.1:4318/v1/traces");
    sco_buf_add(user, json);
    sco_buf_addc(user, '\n');
    return 0;
}

static struct sco_tracer *tracer(struct sco_buf *out, struct sco_metrics *m, double ratio)
{
    struct sco_tracer *t = NULL;
    struct sco_tracer_options o = {.endpoint = "http://127.0.0.1:4318/v1/traces",
                                   .service = "secureopsd",
                                   .version = "1",
                                   .node = "a",
                                   .ratio = ratio,
                                   .post = take,
                                   .user = out};
    assert_int_equal(sco_tracer_new(&o, m, &t, NULL), 0);
    return t;
}

static void spans(void **state)
{
    (void)state;
    struct sco_buf out = {0}, page = {0};
    struct sco_arena arena = {0};
    const struct sco_node *doc;
    struct sco_metrics *m = sco_metrics_new();
    struct sco_tracer *t = tracer(&out, m, 1);
    static const char *const attributes[] = {"http.route", "/api/v1/scans", NULL};
    struct sco_span s = {.name = "POST \"x\"",
                         .kind = 2,
                         .start_ns = 1800000000123456789,
                         .end_ns = 1800000001000000000,
                         .parent = {1},
                         .failed = true,
                         .attributes = attributes};
    assert_true(sco_traceparent_parse(sco_str_c(GOOD), &s.id));
    sco_tracer_end(t, &s);
    s.id.sampled = false; /* whoever began the trace does not want it */
    sco_tracer_end(t, &s);
    sco_tracer_free(t); /* sends the rest */
    assert_int_equal(sco_json_parse(sco_str_trim(sco_buf_str(&out)), &arena, &doc, NULL), 0);
    assert_non_null(strstr(sco_buf_z(&out), "\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\""));
    assert_non_null(strstr(sco_buf_z(&out), "\"parentSpanId\":\"0100000000000000\""));
    assert_non_null(strstr(sco_buf_z(&out), "\"startTimeUnixNano\":\"1800000000123456789\""));
    assert_non_null(strstr(sco_buf_z(&out), "\"name\":\"POST \\\"x\\\"\""));
    assert_non_null(strstr(sco_buf_z(&out), "\"status\":{\"code\":2}"));
    assert_non_null(strstr(sco_buf_z(&out), "\"service.name\""));
    sco_metrics_write(m, &page);
    assert_non_null(strstr(sco_buf_z(&page), "spans_total{outcome=\"sent\"} 1\n"));
    sco_buf_done(&page);
    sco_buf_done(&out);
    sco_arena_done(&arena);
    sco_metrics_free(m);
    sco_tracer_end(NULL, &s);
    sco_tracer_free(NULL);
}

static void many_spans_and_a_ratio(void **state)
{
    (void)state;
    struct sco_buf out = {0}, page = {0};
    struct sco_metrics *m = sco_metrics_new();
    struct sco_tracer *t = tracer(&out, m, 0.5);
    for (int i = 0; i < 2000; i++) {
        struct sco_span s = {.name = "x", .kind = 1};
        sco_trace_start(NULL, &s.id);
        sco_tracer_end(t, &s);
    }
    sco_tracer_free(t);
    sco_metrics_write(m, &page);
    const char *at = strstr(sco_buf_z(&page), "{outcome=\"sent\"} ");
    assert_non_null(at);
    long n = strtol(at + 17, NULL, 10);
    assert_in_range(n, 850, 1150);
    sco_buf_done(&page);
    sco_buf_done(&out);
    sco_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traceparent),
        cmocka_unit_test(bad_traceparents),
        cmocka_unit_test(spans),
        cmocka_unit_test(many_spans_and_a_ratio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
