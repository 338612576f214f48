/* The bus with a file alone: threads, cursors, stops, another node, a store that is away. */
#include <secureops/bus.h>
#include <secureops/fs.h>
#include <secureops/log.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define TEST(name) static void name(void **state)
#define WORLD struct world *w = *state
enum { TRIES = 2000, TRY_US = 5000 };

static struct sco_error err;
#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

struct world {
    char *dir, where[256], path[256];
    struct sco_store *s;
    int written;
    atomic_bool away;
};

static int open_store(void *user, struct sco_store **ret, struct sco_error *e)
{
    struct world *w = user;
    struct sco_store_options o = {.where = w->where, .create = true};
    if (atomic_load(&w->away))
        return sco_error_set(e, SCO_E_NETWORK, "the store is away");
    return sco_store_open(&o, ret, e);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sco_store_context c = {.source = "node-1"};
    ok(sco_fs_mkdtemp(NULL, "sco-bus-", &w->dir, &err));
    snprintf(w->where, sizeof w->where, "%s/store.db", w->dir);
    snprintf(w->path, sizeof w->path, "%s/events.jsonl", w->dir);
    ok(open_store(w, &w->s, &err));
    ok(sco_store_set_context(w->s, &c, &err));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    sco_store_close(w->s);
    sco_fs_remove_tree(w->dir);
    free(w->dir);
    free(w);
    return 0;
}

static void add(struct world *w, int n)
{
    char data[32];
    ok(sco_store_begin(w->s, &err));
    for (int i = 0; i < n; i++) {
        snprintf(data, sizeof data, "{\"n\":%d}", w->written++);
        struct sco_event e = {.type = "t", .key = "k", .data = data};
        ok(sco_store_event_add(w->s, &e, &err));
    }
    ok(sco_store_end(w->s, 0, &err));
}

static struct sco_bus *start(struct world *w, const char *node)
{
    struct sco_bus *b = NULL;
    struct sco_bus_options o = {
        .jsonl = w->path, .node = node, .open_store = open_store, .user = w};
    ok(sco_bus_new(&o, &b, &err));
    return b;
}

static int64_t behind(struct world *w)
{
    struct sco_event_lag lag;
    ok(sco_store_event_lag(w->s, SCO_BUS_CURSOR_JSONL, &lag, &err));
    return lag.behind + lag.pending;
}

static void wait_written(struct world *w)
{
    for (int i = 0; i < TRIES && behind(w); i++)
        usleep(TRY_US);
    assert_int_equal(behind(w), 0);
}

/* Each once and in order, `first` being the number of the first line. */
static void lines_are(struct world *w, int first, int last)
{
    char line[1024];
    FILE *f = fopen(w->path, "re");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); first++) {
        char want[32];
        snprintf(want, sizeof want, "\"data\":{\"n\":%d}", first);
        assert_non_null(strstr(line, want));
    }
    fclose(f);
    assert_int_equal(first, last);
}

TEST(events_reach_the_file)
{
    WORLD;
    struct sco_bus_state st = {0};
    add(w, 2500); /* more than a page */
    struct sco_bus *b = start(w, "n1");
    wait_written(w);
    add(w, 3);
    sco_bus_wake(b);
    wait_written(w);
    sco_bus_state(b, &st);
    assert_true(st.jsonl && st.jsonl_up && !st.kafka);
    assert_null(st.reason);
    sco_bus_free(b, 1000);
    lines_are(w, 0, 2503);
    add(w, 5);
    b = start(w, "n2"); /* goes on at once: the cursor was given back */
    wait_written(w);
    sco_bus_free(b, 1000);
    lines_are(w, 0, 2508);
}

TEST(of_two_nodes_one_writes)
{
    WORLD;
    struct sco_bus *one = start(w, "n1"), *two = start(w, "n2");
    for (int i = 0; i < 20; i++) {
        add(w, 10);
        sco_bus_wake(one);
        sco_bus_wake(two);
        wait_written(w);
    }
    sco_bus_free(one, 1000);
    sco_bus_free(two, 1000);
    lines_are(w, 0, 200);
}

TEST(a_file_that_cannot_be_written_is_told)
{
    WORLD;
    struct sco_bus_state st = {0};
    assert_int_equal(mkdir(w->path, 0700), 0);
    add(w, 10);
    struct sco_bus *b = start(w, "n1");
    for (int i = 0; i < TRIES && !st.reason; i++) {
        usleep(TRY_US);
        sco_bus_state(b, &st);
    }
    assert_string_equal(st.reason, "it cannot be opened");
    assert_false(st.jsonl_up);
    assert_int_equal(behind(w), 10);
    assert_int_equal(rmdir(w->path), 0);
    wait_written(w);
    sco_bus_free(b, 1000);
    lines_are(w, 0, 10);
}

TEST(a_store_that_is_away_is_waited_for)
{
    WORLD;
    struct sco_bus_state st = {0};
    add(w, 10);
    atomic_store(&w->away, true);
    struct sco_bus *b = start(w, "n1");
    for (int i = 0; i < TRIES && !st.reason; i++) {
        usleep(TRY_US);
        sco_bus_state(b, &st);
    }
    assert_string_equal(st.reason, "the store is away");
    atomic_store(&w->away, false);
    wait_written(w);
    sco_bus_free(b, 1000);
    lines_are(w, 0, 10);
}

TEST(a_bus_without_readers_does_nothing)
{
    WORLD;
    struct sco_bus *b = NULL;
    struct sco_bus_state st = {.jsonl = true};
    struct sco_bus_options o = {.node = "n", .open_store = open_store, .user = w};
    ok(sco_bus_new(&o, &b, &err));
    sco_bus_wake(b);
    sco_bus_state(b, &st);
    assert_false(st.jsonl || st.kafka);
    sco_bus_free(b, 0);
}

#define WITH_WORLD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(events_reach_the_file),
        WITH_WORLD(of_two_nodes_one_writes),
        WITH_WORLD(a_file_that_cannot_be_written_is_told),
        WITH_WORLD(a_store_that_is_away_is_waited_for),
        WITH_WORLD(a_bus_without_readers_does_nothing),
    };
    sco_log_setup(STDERR_FILENO, SCO_LOG_ERROR, SCO_LOG_TEXT); /* what fails is told to */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
