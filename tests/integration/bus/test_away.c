/* The publisher over a database that is stopped under it: test_away.py does that when it is told
 * "restart" on our standard output, and says so on our standard input. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 4, EACH = 3000 };

static void ask_for_restart(void)
{
    char line[16];
    printf("restart\n");
    assert_int_equal(fflush(stdout), 0);
    assert_non_null(fgets(line, sizeof line, stdin));
}

/* How many numbers there are, each at least once, first ones in order. */
static uint32_t count_lines(const char *path, uint32_t *ret_lines)
{
    char line[2048];
    uint32_t next[KEYS] = {0}, unique = 0;
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    for (*ret_lines = 0; fgets(line, sizeof line, f); ++*ret_lines) {
        unsigned n = 0, k = 0;
        const char *data = strstr(line, "\"data\":");
        assert_non_null(data);
        assert_int_equal(sscanf(data, "\"data\":{\"n\":%u,\"key\":%u", &n, &k), 2);
        assert_true(k < KEYS && n <= next[k]); /* nothing is left out */
        if (n == next[k]) {
            next[k]++;
            unique++;
        }
    }
    fclose(f);
    return unique;
}

static void nothing_is_lost(void **state)
{
    struct world *w = *state;
    struct sco_bus *b = NULL;
    struct sco_event_lag lag = {.behind = 1};
    char path[300];
    uint32_t lines = 0;
    snprintf(path, sizeof path, "%s/events.jsonl", w->dir);
    struct sco_bus_options o = {.jsonl = path, .node = "n1", .open_store = world_open, .user = w};
    ok(sco_bus_new(&o, &b, &world_err));
    for (int i = 0; i < ROUNDS; i++) {
        world_add(w, w->s, EACH, 100);
        sco_bus_wake(b);
        usleep(20000 * (useconds_t)i); /* before, or in the middle of it */
        ask_for_restart();
        int r = -1; /* the first statement may be what notices that the connection was cut */
        for (int k = 0; k < 5 && r < 0; k++) {
            r = sco_store_ready(w->s, &world_err);
            if (r == 0)
                r = sco_store_event_lag(w->s, SCO_BUS_CURSOR_JSONL, &lag, &world_err);
        }
        assert_int_equal(r, 0);
    }
    for (int i = 0; i < 1200 && (lag.behind || lag.pending); i++) {
        usleep(50000);
        ok(sco_store_event_lag(w->s, SCO_BUS_CURSOR_JSONL, &lag, &world_err));
    }
    assert_int_equal(lag.behind + lag.pending, 0);
    sco_bus_free(b, 1000);
    assert_int_equal(count_lines(path, &lines), ROUNDS * EACH);
    print_error("%u written, %u lines\n", w->total, lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost, world_set_up, world_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
