/* The bus over a real broker, which test_broker.py kills and starts again meanwhile:
 * SECUREOPS_TEST_KAFKA is its address, SECUREOPS_TEST_SECONDS how long there is writing. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REQUESTS = 200 };

static const char *brokers(void)
{
    const char *b = getenv("SECUREOPS_TEST_KAFKA");
    return b ? b : "127.0.0.1:1";
}

static int seconds(void)
{
    int64_t n = 5;
    const char *z = getenv("SECUREOPS_TEST_SECONDS");
    return z && sco_parse_i64(sco_str_c(z), 1, 60, &n) == 0 ? (int)n : 5;
}

static int on_request(void *user, struct sco_store *s, struct sco_str json, struct sco_error *err)
{
    struct sco_event e = {.type = "asked", .key = "k", .data = json.p};
    (void)user;
    return sco_store_event_add(s, &e, err);
}

static void request(rd_kafka_t *rk, const char *topic, unsigned n)
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"event_id\":\"00000000-0000-4000-8000-%012u\",\"event_type\":"
             "\"security.scan.requested\",\"version\":\"1.0\",\"data\":{\"n\":%u}}",
             n, n);
    assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
                                       RD_KAFKA_V_VALUE((void *)text, strlen(text)),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
    rd_kafka_poll(rk, 0);
}

static uint32_t asked(struct world *w)
{
    struct sco_event_page p = {0};
    int64_t at = 0, before = -1;
    uint32_t n = 0;
    while (at != before) {
        before = at;
        ok(sco_store_events_read(w->s, at, 5000, "asked", NULL, &p, &world_err));
        n += (uint32_t)p.n;
        at = p.last;
        sco_event_page_done(&p);
    }
    return n;
}

/* Events go out and requests come in, while the broker is away twice. */
static void nothing_is_lost(void **state)
{
    struct world *w = *state;
    struct sco_bus *b = NULL;
    char topic[128], text[256];
    struct sco_bus_options o = {.brokers = brokers(),
                                .prefix = w->prefix,
                                .group = "secureops",
                                .node = "n1",
                                .open_store = world_open,
                                .requested = on_request,
                                .user = w};
    ok(sco_bus_new(&o, &b, &world_err));
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set(c, "bootstrap.servers", brokers(), text, sizeof text);
    rd_kafka_conf_set(c, "log_level", "0", text, sizeof text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text);
    snprintf(topic, sizeof topic, "%ssecurity.scan.requested", w->prefix);
    int64_t until = sco_mono_ms() + seconds() * 1000;
    for (unsigned i = 0; sco_mono_ms() < until; i++) {
        world_add(w, w->s, 40, 10);
        if (i < REQUESTS)
            request(rk, topic, i);
        usleep(20000);
    }
    assert_int_equal(rd_kafka_flush(rk, 60000), 0);
    rd_kafka_destroy(rk);
    for (int i = 0; i < 1200 && asked(w) < REQUESTS; i++)
        usleep(50000);
    assert_int_equal(asked(w), REQUESTS);
    struct sco_event_lag lag = {.behind = 1};
    for (int i = 0; i < 1200 && (lag.behind || lag.pending); i++) {
        usleep(50000);
        ok(sco_store_event_lag(w->s, SCO_BUS_CURSOR_KAFKA, &lag, &world_err));
    }
    assert_int_equal(lag.behind, 0);
    assert_int_equal(lag.last, w->total + REQUESTS);
    sco_bus_free(b, 1000);
    assert_int_equal(asked(w), REQUESTS);
    world_all_there(w, brokers());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost, world_set_up, world_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
