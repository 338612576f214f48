/* The bus over a broker that fails in many ways (librdkafka's mock cluster): what was committed
 * arrives, and each key in its order. */
#include "world.h"

#include <secureops/log.h>

#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST(name) static void name(void **state)
#define WORLD struct world *w = *state
enum { BROKERS = 3, PRODUCE = 0, INIT_PRODUCER_ID = 22 };

static rd_kafka_t *mock_handle;
static rd_kafka_mock_cluster_t *mock;

static const char *brokers(void)
{
    return rd_kafka_mock_cluster_bootstraps(mock);
}

static void all_brokers(bool up)
{
    for (int i = 1; i <= BROKERS; i++)
        assert_int_equal(
            up ? rd_kafka_mock_broker_set_up(mock, i) : rd_kafka_mock_broker_set_down(mock, i), 0);
}

/* Writes while the broker suffers. */
static void *write_slowly(void *user)
{
    struct world *w = user;
    struct sco_store *s = world_store(w);
    for (int i = 0; i < 40; i++) {
        world_add(w, s, 50, 10);
        usleep(20000);
    }
    sco_store_close(s);
    return NULL;
}

TEST(everything_arrives)
{
    WORLD;
    struct sco_bus_state st = {0};
    world_add(w, w->s, 1000, 100);
    struct sco_bus *b = world_bus(w, brokers(), "n1");
    world_add(w, w->s, 500, 1);
    sco_bus_wake(b);
    world_published(w, 20);
    sco_bus_state(b, &st);
    assert_true(st.kafka && st.kafka_up && !st.jsonl);
    assert_null(st.reason);
    sco_bus_free(b, 1000);
    world_all_there(w, brokers());
}

TEST(a_broker_that_comes_late)
{
    WORLD;
    struct sco_bus_state st = {0};
    all_brokers(false);
    struct sco_bus *b = world_bus(w, brokers(), "n1");
    world_add(w, w->s, 2000, 50);
    usleep(2000000);
    sco_bus_state(b, &st);
    assert_false(st.kafka_up);
    assert_non_null(st.reason);
    assert_int_equal(world_cursor(w, SCO_BUS_CURSOR_KAFKA), w->base);
    all_brokers(true);
    world_published(w, 30);
    sco_bus_free(b, 1000);
    world_all_there(w, brokers());
}

TEST(brokers_that_come_and_go)
{
    WORLD;
    pthread_t writer;
    struct sco_bus *b = world_bus(w, brokers(), "n1");
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, w), 0);
    for (int i = 0; i < 4; i++) {
        usleep(150000);
        all_brokers(false);
        usleep(150000);
        all_brokers(true);
    }
    pthread_join(writer, NULL);
    world_published(w, 40);
    sco_bus_free(b, 1000);
    world_all_there(w, brokers());
}

static void with_errors(struct world *w, const rd_kafka_resp_err_t *v, size_t n)
{
    pthread_t writer;
    struct sco_bus *b = world_bus(w, brokers(), "n1");
    world_add(w, w->s, 100, 10);
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, w), 0);
    for (int i = 0; i < 5; i++) {
        rd_kafka_mock_push_request_errors_array(mock, PRODUCE, n, v);
        usleep(200000);
    }
    pthread_join(writer, NULL);
    world_published(w, 40);
    sco_bus_free(b, 1000);
    rd_kafka_mock_clear_request_errors(mock, PRODUCE);
    world_all_there(w, brokers());
}

TEST(errors_that_pass)
{
    static const rd_kafka_resp_err_t v[] = {
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        RD_KAFKA_RESP_ERR__TRANSPORT};
    WORLD;
    with_errors(w, v, SCO_ARRAY_LEN(v));
}

/* Each of these ends a producer or a message for good. */
TEST(errors_that_do_not_pass)
{
    static const rd_kafka_resp_err_t v[] = {
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID};
    WORLD;
    with_errors(w, v, SCO_ARRAY_LEN(v));
}

TEST(a_slow_broker_does_not_fill_the_memory)
{
    WORLD;
    struct sco_bus *b = NULL;
    struct sco_bus_options o = {.brokers = brokers(),
                                .prefix = w->prefix,
                                .node = "n1",
                                .in_flight = 64,
                                .open_store = world_open,
                                .user = w};
    for (int i = 1; i <= BROKERS; i++)
        rd_kafka_mock_broker_set_rtt(mock, i, 150);
    world_add(w, w->s, 2000, 100);
    ok(sco_bus_new(&o, &b, &world_err));
    world_published(w, 60);
    sco_bus_free(b, 1000);
    for (int i = 1; i <= BROKERS; i++)
        rd_kafka_mock_broker_set_rtt(mock, i, 0);
    world_all_there(w, brokers());
}

TEST(an_event_that_is_too_large_for_the_broker_goes_without_its_data)
{
    WORLD;
    struct count c;
    struct sco_bus *b = world_bus(w, brokers(), "n1");
    rd_kafka_mock_push_request_errors(mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    world_add(w, w->s, 1, 1);
    sco_bus_wake(b);
    world_published(w, 20);
    world_add(w, w->s, 100, 10);
    world_published(w, 20);
    sco_bus_free(b, 1000);
    world_count(w, brokers(), TYPE, 10, &c);
    assert_int_equal(c.unique, 101);
    assert_int_equal(c.omitted, 1);
    assert_false(c.disordered);
}

/* Before it is handed on; what comes with it in one batch keeps its order. */
TEST(an_event_beyond_the_bound_of_messages_goes_without_its_data)
{
    static const char *const settings[] = {"message.max.bytes", "1000", NULL};
    static char data[3000];
    WORLD;
    struct count c;
    w->kafka = settings;
    world_add(w, w->s, 100, 10);
    snprintf(data, sizeof data, "{\"n\":%u,\"key\":3,\"pad\":\"%02000d\"}", w->written[3]++, 0);
    struct sco_event e = {.type = TYPE, .key = "key-3", .data = data};
    ok(sco_store_event_add(w->s, &e, &world_err));
    w->total++;
    world_add(w, w->s, 100, 10);
    struct sco_bus *b = world_bus(w, brokers(), "n1");
    world_published(w, 30);
    sco_bus_free(b, 1000);
    world_count(w, brokers(), TYPE, 10, &c);
    assert_int_equal(c.unique, 201);
    assert_int_equal(c.omitted, 1);
    assert_false(c.disordered);
}

TEST(few_bytes_may_wait)
{
    static const char *const settings[] = {"queue.buffering.max.kbytes", "1", NULL};
    WORLD;
    w->kafka = settings;
    for (int i = 1; i <= BROKERS; i++)
        rd_kafka_mock_broker_set_rtt(mock, i, 20);
    world_add(w, w->s, 3000, 100);
    struct sco_bus *b = world_bus(w, brokers(), "n1");
    world_published(w, 60);
    sco_bus_free(b, 1000);
    for (int i = 1; i <= BROKERS; i++)
        rd_kafka_mock_broker_set_rtt(mock, i, 0);
    world_all_there(w, brokers());
}

/* One that is larger than all that may wait goes alone, not never. */
TEST(an_event_beyond_the_bytes_that_may_wait)
{
    static const char *const settings[] = {"queue.buffering.max.kbytes", "1", NULL};
    static char data[100000];
    WORLD;
    struct count c;
    w->kafka = settings;
    world_add(w, w->s, 100, 10);
    for (int i = 0; i < 2; i++) {
        snprintf(data, sizeof data, "{\"n\":%u,\"key\":3,\"pad\":\"%090000d\"}", w->written[3]++,
                 0);
        struct sco_event e = {.type = TYPE, .key = "key-3", .data = data};
        ok(sco_store_event_add(w->s, &e, &world_err));
        w->total++;
        world_add(w, w->s, 100, 10);
    }
    struct sco_bus *b = world_bus(w, brokers(), "n1");
    world_published(w, 20);
    sco_bus_free(b, 1000);
    world_count(w, brokers(), TYPE, 10, &c);
    assert_int_equal(c.unique, 302);
    assert_int_equal(c.omitted, 0);
    assert_false(c.disordered);
}

TEST(a_stop_in_the_middle_and_another_node)
{
    WORLD;
    for (int i = 0; i < 6; i++) {
        char node[8];
        world_add(w, w->s, 400, 100);
        snprintf(node, sizeof node, "n%d", i);
        struct sco_bus *b = world_bus(w, brokers(), node);
        usleep(30000 * (useconds_t)i);
        sco_bus_free(b, i % 2 ? 0 : 200);
    }
    struct sco_bus *b = world_bus(w, brokers(), "last");
    world_published(w, 20);
    sco_bus_free(b, 1000);
    world_all_there(w, brokers());
}

TEST(of_two_nodes_one_publishes)
{
    WORLD;
    struct count c;
    world_add(w, w->s, 1500, 100);
    struct sco_bus *one = world_bus(w, brokers(), "n1"), *two = world_bus(w, brokers(), "n2");
    world_published(w, 20);
    sco_bus_free(one, 1000);
    sco_bus_free(two, 1000);
    world_count(w, brokers(), TYPE, 10, &c);
    assert_int_equal(c.messages, 1500);
    assert_false(c.disordered);
}

TEST(settings_are_checked_and_not_repeated)
{
    static const struct {
        const char *name, *value, *want;
    } bad[] = {
        {"no.such.thing", "x", "has no setting \"no.such.thing\""},
        {"security.protocol", "hunter2", "does not take this value of \"security.protocol\""},
        {"acks", "0", "\"acks\" is set by SecureOps itself"},
    };
    WORLD;
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        const char *const kafka[] = {"sasl.password", "hunter2", bad[i].name, bad[i].value, NULL};
        struct sco_bus *b = NULL;
        struct sco_error err = {0};
        struct sco_bus_options o = {.brokers = "127.0.0.1:1",
                                    .kafka = kafka,
                                    .node = "n",
                                    .open_store = world_open,
                                    .user = w};
        assert_int_equal(sco_bus_new(&o, &b, &err), SCO_E_INVALID);
        assert_non_null(strstr(err.text, bad[i].want));
        assert_null(strstr(err.text, "hunter2"));
    }
}

/* ---- a file and Kafka at once ---- */
TEST(a_file_gets_the_same)
{
    WORLD;
    char path[300], line[1024];
    struct sco_bus *b = NULL;
    struct sco_bus_state st = {0};
    uint32_t lines = 0, next[KEYS] = {0};
    snprintf(path, sizeof path, "%s/events.jsonl", w->dir);
    struct sco_bus_options o = {.brokers = brokers(),
                                .prefix = w->prefix,
                                .jsonl = path,
                                .node = "n1",
                                .open_store = world_open,
                                .user = w};
    world_add(w, w->s, 1200, 100);
    ok(sco_bus_new(&o, &b, &world_err));
    world_published(w, 20);
    for (int i = 0; i < 400 && world_cursor(w, SCO_BUS_CURSOR_JSONL) < w->total; i++)
        usleep(50000);
    sco_bus_state(b, &st);
    assert_true(st.kafka_up && st.jsonl_up);
    sco_bus_free(b, 1000);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); lines++) {
        unsigned n = 0, k = 0;
        const char *data = strstr(line, "\"data\":");
        assert_int_equal(sscanf(data, "\"data\":{\"n\":%u,\"key\":%u", &n, &k), 2);
        assert_int_equal(n, next[k]++);
    }
    fclose(f);
    assert_int_equal(lines, 1200);
}

/* ---- requests ---- */
struct asked {
    struct world *w; /* first: for world_open */
    atomic_int calls, good, fail;
};

static int open_asked(void *user, struct sco_store **ret, struct sco_error *err)
{
    return world_open(((struct asked *)user)->w, ret, err);
}

static int on_request(void *user, struct sco_store *s, struct sco_str json, struct sco_error *err)
{
    struct asked *a = user;
    atomic_fetch_add(&a->calls, 1);
    struct sco_event e = {.type = "asked", .key = "k", .data = json.p};
    int r = sco_store_event_add(s, &e, err); /* as a job: undone with what fails behind it */
    if (r == 0 && strstr(json.p, "\"bad\""))
        return sco_error_set(err, SCO_E_INVALID, "no such kind of target");
    if (r == 0 && atomic_load(&a->fail) > 0) {
        atomic_fetch_sub(&a->fail, 1);
        return sco_error_set(err, SCO_E_TIMEOUT, "somebody else is writing");
    }
    if (r == 0)
        atomic_fetch_add(&a->good, 1);
    return r;
}

static void request(rd_kafka_t *rk, const char *topic, const char *text)
{
    assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
                                       RD_KAFKA_V_VALUE((void *)text, strlen(text)),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
}

static void request_number(rd_kafka_t *rk, const char *topic, unsigned n, const char *data)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"event_id\":\"00000000-0000-4000-8000-%012u\",\"event_type\":"
             "\"security.scan.requested\",\"version\":\"1.0\",\"data\":%s}",
             n, data);
    request(rk, topic, text);
}

static struct sco_bus *requests_bus(struct asked *a)
{
    struct sco_bus *b = NULL;
    /* the mock lets a member that has left wait for its session's end */
    static const char *const kafka[] = {"session.timeout.ms", "6000", NULL};
    struct sco_bus_options o = {.brokers = brokers(),
                                .prefix = a->w->prefix,
                                .kafka = kafka,
                                .group = "secureops",
                                .node = "n1",
                                .open_store = open_asked,
                                .requested = on_request,
                                .user = a};
    ok(sco_bus_new(&o, &b, &world_err));
    return b;
}

static uint32_t events_of(struct world *w, const char *type)
{
    struct sco_event_page p;
    int64_t last = 0;
    bool more = false;
    ok(sco_store_events_sequence(w->s, 1000, &last, &more, &world_err));
    ok(sco_store_events_read(w->s, 0, 1000, type, NULL, &p, &world_err));
    uint32_t n = (uint32_t)p.n;
    sco_event_page_done(&p);
    return n;
}

TEST(requests_are_done_once)
{
    WORLD;
    struct asked a = {.w = w};
    char topic[128], text[256];
    snprintf(topic, sizeof topic, "%ssecurity.scan.requested", w->prefix);
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    rd_kafka_conf_set(c, "bootstrap.servers", brokers(), text, sizeof text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof text);
    assert_non_null(rk);
    atomic_store(&a.fail, 2);
    for (unsigned i = 0; i < 50; i++)
        request_number(rk, topic, i, "{\"n\":1}");
    for (unsigned i = 0; i < 20; i++) /* again */
        request_number(rk, topic, i, "{\"n\":1}");
    request(rk, topic, "not JSON");
    request(rk, topic, "{\"event_id\":1}");
    request(rk, topic, "");
    request_number(rk, topic, 900, "{\"bad\":1}");
    request_number(rk, topic, 901, "{\"n\":1}");
    assert_int_equal(rd_kafka_flush(rk, 10000), 0);
    struct sco_bus *b = requests_bus(&a);
    for (int i = 0;
         i < 400 && (events_of(w, "asked") < 51 || events_of(w, "security.scan.rejected") < 4); i++)
        usleep(50000);
    sco_bus_free(b, 1000);
    assert_int_equal(events_of(w, "asked"), 51);
    assert_int_equal(events_of(w, "security.scan.rejected"), 4);
    assert_int_equal(atomic_load(&a.good), 51);
    assert_int_equal(atomic_load(&a.calls), 51 + 2 + 1);
    /* offsets were committed: the next one begins behind them */
    request_number(rk, topic, 902, "{\"n\":1}");
    assert_int_equal(rd_kafka_flush(rk, 10000), 0);
    b = requests_bus(&a);
    for (int i = 0; i < 400 && events_of(w, "asked") < 52; i++)
        usleep(50000);
    sco_bus_free(b, 1000);
    assert_int_equal(events_of(w, "asked"), 52);
    assert_int_equal(events_of(w, "security.scan.rejected"), 4);
    rd_kafka_destroy(rk);
}

TEST(a_stop_does_not_wait_for_brokers_that_are_away)
{
    WORLD;
    struct asked a = {.w = w};
    struct sco_bus *b = requests_bus(&a);
    world_add(w, w->s, 100, 10);
    world_published(w, 20);
    usleep(4000000); /* the group has its assignment */
    all_brokers(false);
    world_add(w, w->s, 100, 10);
    usleep(1500000);
    int64_t from = sco_mono_ms();
    sco_bus_free(b, 500);
    print_message("             %d ms\n", (int)(sco_mono_ms() - from));
    assert_true(sco_mono_ms() - from < 5000);
    all_brokers(true);
    b = world_bus(w, brokers(), "n2");
    world_published(w, 30);
    sco_bus_free(b, 1000);
    world_all_there(w, brokers());
}

#define WITH_WORLD(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(everything_arrives),
        WITH_WORLD(a_broker_that_comes_late),
        WITH_WORLD(brokers_that_come_and_go),
        WITH_WORLD(errors_that_pass),
        WITH_WORLD(errors_that_do_not_pass),
        WITH_WORLD(a_slow_broker_does_not_fill_the_memory),
        WITH_WORLD(an_event_that_is_too_large_for_the_broker_goes_without_its_data),
        WITH_WORLD(an_event_beyond_the_bound_of_messages_goes_without_its_data),
        WITH_WORLD(few_bytes_may_wait),
        WITH_WORLD(an_event_beyond_the_bytes_that_may_wait),
        WITH_WORLD(a_stop_in_the_middle_and_another_node),
        WITH_WORLD(of_two_nodes_one_publishes),
        WITH_WORLD(settings_are_checked_and_not_repeated),
        WITH_WORLD(a_file_gets_the_same),
        WITH_WORLD(requests_are_done_once),
        WITH_WORLD(a_stop_does_not_wait_for_brokers_that_are_away),
    };
    const struct CMUnitTest shared[] = {
        /* on a store that is used again, and waits for nobody */
        WITH_WORLD(everything_arrives),
        WITH_WORLD(a_broker_that_comes_late),
        WITH_WORLD(brokers_that_come_and_go),
        WITH_WORLD(errors_that_do_not_pass),
        WITH_WORLD(a_stop_in_the_middle_and_another_node),
        WITH_WORLD(of_two_nodes_one_publishes),
    };
    char text[256];
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    sco_log_setup(STDERR_FILENO, SCO_LOG_ERROR, SCO_LOG_TEXT); /* what fails is told to */
    mock_handle = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, text, sizeof text);
    mock = mock_handle ? rd_kafka_mock_cluster_new(mock_handle, BROKERS) : NULL;
    if (!mock)
        return 1;
    int failed = getenv("SECUREOPS_TEST_STORE") ? cmocka_run_group_tests(shared, NULL, NULL)
                                                : cmocka_run_group_tests(tests, NULL, NULL);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(mock_handle);
    return failed;
}
