/* The outbox: positions, cursors, what is read, kept and thrown away, under writers that commit
 * late and in any order. */
#include "world.h"

#include <secureops/store_events.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { WRITERS = 4, TRANSACTIONS = 60, PER_TRANSACTION = 3, KEYS = 3 };

static _Thread_local struct sco_error err;
#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

static void say_who(struct sco_store *s)
{
    struct sco_store_context c = {.source = "node-1", .correlation_id = "c-1"};
    ok(sco_store_set_context(s, &c, &err));
}

static void add(struct sco_store *s, const char *type, const char *key, const char *data)
{
    struct sco_event e = {.type = type, .key = key, .data = data, .at = 1000};
    ok(sco_store_event_add(s, &e, &err));
}

static int64_t sequence(struct sco_store *s, uint32_t limit)
{
    int64_t last = 0;
    bool more = true;
    while (more)
        ok(sco_store_events_sequence(s, limit, &last, &more, &err));
    return last;
}

static struct sco_event_page read_from(struct sco_store *s, int64_t after, const char *type,
                                       const char *const *keys)
{
    struct sco_event_page p;
    ok(sco_store_events_read(s, after, 1000, type, keys, &p, &err));
    return p;
}

TEST(what_is_written_is_read)
{
    struct world *w = *state;
    add(w->s, "security.scan.started", "a", "{}");
    assert_int_equal(sequence(w->s, 10), 0); /* nobody said who: no events */
    say_who(w->s);
    struct sco_event e = {.id = "01234567-89ab-4def-8123-456789abcdef",
                          .type = "security.scan.completed",
                          .key = "https://git.example.com/a",
                          .at = 86400123,
                          .user_id = "u-1",
                          .data = "{\"n\":\n1}"};
    ok(sco_store_event_add(w->s, &e, &err));
    assert_int_equal(sequence(w->s, 10), 1);
    struct sco_event_page p = read_from(w->s, 0, NULL, NULL);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.last, 1);
    struct sco_buf b = {0};
    sco_event_write(&b, &p.v[0], "test");
    assert_string_equal(
        sco_buf_z(&b),
        "{\"event_id\":\"01234567-89ab-4def-8123-456789abcdef\",\"event_type\":"
        "\"security.scan.completed\",\"timestamp\":\"1970-01-02T00:00:00.123Z\","
        "\"source\":\"node-1\",\"version\":\"1.0\",\"data\":{\"n\": 1},\"metadata\":{"
        "\"correlation_id\":\"c-1\",\"user_id\":\"u-1\",\"environment\":\"test\"}}");
    sco_buf_done(&b);
    sco_event_page_done(&p);
    e.id = "none";
    assert_int_equal(sco_store_event_add(w->s, &e, &err), SCO_E_INVALID);
    e = (struct sco_event){.type = "a\"b", .key = "k"};
    assert_int_equal(sco_store_event_add(w->s, &e, &err), SCO_E_INVALID);
    char *much = malloc(SCO_EVENT_DATA_MAX + 2);
    assert_non_null(much);
    memset(much, ' ', SCO_EVENT_DATA_MAX + 1);
    much[SCO_EVENT_DATA_MAX + 1] = 0;
    e = (struct sco_event){.type = "t", .key = "k", .data = much};
    assert_int_equal(sco_store_event_add(w->s, &e, &err), SCO_E_LIMIT);
    free(much);
}

TEST(filters_tell_how_far_they_looked)
{
    struct world *w = *state;
    say_who(w->s);
    for (int i = 0; i < 4; i++) {
        add(w->s, "security.scan.started", "team/a", "{}");
        add(w->s, "security.vulnerability.detected", "team/b", "{}");
        add(w->s, "notification.alert", "other/c", "{}");
    }
    assert_int_equal(sequence(w->s, 5), 12);
    struct sco_event_page p = read_from(w->s, 0, "security.*", NULL);
    assert_int_equal(p.n, 8);
    assert_int_equal(p.last, 12);
    sco_event_page_done(&p);
    p = read_from(w->s, 6, "security.scan.started", NULL);
    assert_int_equal(p.n, 2);
    assert_int_equal(p.v[0].position, 7);
    sco_event_page_done(&p);
    p = read_from(w->s, 0, "security.scan", NULL); /* not a prefix by itself */
    assert_int_equal(p.n, 0);
    assert_int_equal(p.last, 12);
    sco_event_page_done(&p);
    const char *keys[] = {"other/*", "team/b", NULL}, *none[] = {NULL};
    p = read_from(w->s, 0, NULL, keys);
    assert_int_equal(p.n, 8);
    sco_event_page_done(&p);
    p = read_from(w->s, 0, NULL, none);
    assert_int_equal(p.n, 0);
    assert_int_equal(p.last, 12);
    sco_event_page_done(&p);
    ok(sco_store_events_read(w->s, 3, 2, "notification.*", NULL, &p, &err));
    assert_int_equal(p.n, 0); /* two rows were looked at */
    assert_int_equal(p.last, 5);
    sco_event_page_done(&p);
}

TEST(a_transaction_that_fails_leaves_no_event)
{
    struct world *w = *state;
    say_who(w->s);
    ok(sco_store_begin(w->s, &err));
    add(w->s, "t", "k", "{}");
    assert_int_equal(sco_store_end(w->s, SCO_E_CANCELLED, &err), SCO_E_CANCELLED);
    assert_int_equal(sequence(w->s, 10), 0);
}

TEST(a_cursor_has_one_owner)
{
    struct world *w = *state;
    int64_t at = -1;
    ok(sco_store_cursor_take(w->s, "kafka", "n1", 100, 200, &at, &err));
    assert_int_equal(at, 0);
    assert_int_equal(sco_store_cursor_take(w->s, "kafka", "n2", 199, 300, &at, &err),
                     SCO_E_CANCELLED);
    assert_int_equal(sco_store_cursor_set(w->s, "kafka", "n2", 5, &err), SCO_E_CANCELLED);
    ok(sco_store_cursor_set(w->s, "kafka", "n1", 5, &err));
    ok(sco_store_cursor_set(w->s, "kafka", "n1", 3, &err));              /* never back */
    ok(sco_store_cursor_take(w->s, "kafka", "n1", 150, 250, &at, &err)); /* longer */
    assert_int_equal(at, 5);
    ok(sco_store_cursor_take(w->s, "kafka", "n2", 250, 350, &at, &err)); /* it ran out */
    assert_int_equal(at, 5);
    assert_int_equal(sco_store_cursor_set(w->s, "kafka", "n1", 9, &err), SCO_E_CANCELLED);
    assert_int_equal(sco_store_cursor_release(w->s, "kafka", "n1", &err), SCO_E_CANCELLED);
    ok(sco_store_cursor_release(w->s, "kafka", "n2", &err));
    ok(sco_store_cursor_take(w->s, "kafka", "n1", 251, 400, &at, &err));
    ok(sco_store_cursor_take(w->s, "jsonl", "n2", 251, 400, &at, &err)); /* another one */
    assert_int_equal(at, 0);
    ok(sco_store_cursor_forget(w->s, "kafka", "n2", &err));
    ok(sco_store_cursor_forget(w->s, "kafka", "_", &err)); /* no pattern */
    assert_int_equal(sco_store_cursor_take(w->s, "kafka", "n3", 252, 500, &at, &err),
                     SCO_E_CANCELLED);
    ok(sco_store_cursor_forget(w->s, "kafka", "n", &err));
    ok(sco_store_cursor_take(w->s, "kafka", "n3", 252, 500, &at, &err));
    assert_int_equal(at, 5);
}

TEST(what_somebody_still_needs_is_kept)
{
    struct world *w = *state;
    int64_t at;
    uint64_t gone = 99;
    struct sco_event_lag lag;
    const char *const both[] = {"kafka", "jsonl", NULL}, *const one[] = {"kafka", NULL};
    say_who(w->s);
    ok(sco_store_begin(w->s, &err));
    for (int i = 0; i < 2500; i++)
        add(w->s, "t", "k", "{}");
    ok(sco_store_end(w->s, 0, &err));
    sequence(w->s, 1000);
    struct sco_event late = {.type = "t", .key = "k", .at = 5000};
    ok(sco_store_event_add(w->s, &late, &err));
    ok(sco_store_cursor_take(w->s, "kafka", "n1", 1, 2, &at, &err));
    ok(sco_store_cursor_set(w->s, "kafka", "n1", 2400, &err));
    ok(sco_store_event_lag(w->s, "kafka", &lag, &err));
    assert_int_equal(lag.last + lag.pending, 2501);
    assert_int_equal(lag.behind + lag.pending, 101);
    assert_int_equal(lag.oldest, 1000);
    ok(sco_store_events_retain(w->s, 2000, both, &gone, &err)); /* jsonl has read nothing yet */
    assert_int_equal(gone, 0);
    ok(sco_store_events_retain(w->s, 1000, one, &gone, &err)); /* none is older */
    assert_int_equal(gone, 0);
    ok(sco_store_events_retain(w->s, 2000, one, &gone, &err));
    assert_int_equal(gone, 2400);
    /* a reader of another node, which this one knows nothing of */
    ok(sco_store_cursor_take(w->s, "theirs", "n2", 1, 3000, &at, &err));
    ok(sco_store_cursor_set(w->s, "theirs", "n2", 2450, &err));
    ok(sco_store_cursor_release(w->s, "theirs", "n2", &err));
    ok(sco_store_events_retain(w->s, 2000, NULL, &gone, &err));
    assert_int_equal(gone, 50);
    ok(sco_store_cursor_take(w->s, "theirs", "n1", 1, 1900, &at, &err)); /* unused for long */
    ok(sco_store_events_retain(w->s, 2000, NULL, &gone, &err));
    assert_int_equal(gone, 50);                 /* the new one stays */
    assert_int_equal(sequence(w->s, 10), 2501); /* and the numbers go on */
    ok(sco_store_cursor_set(w->s, "kafka", "n1", 2500, &err));
    ok(sco_store_event_lag(w->s, "kafka", &lag, &err));
    assert_int_equal(lag.behind, 1);
    assert_int_equal(lag.oldest, 5000);
}

TEST(what_comes_twice_is_accepted_once)
{
    struct world *w = *state;
    static const char id[] = "01234567-89ab-4def-8123-456789abcdef";
    bool first = false;
    uint64_t gone;
    ok(sco_store_event_accept(w->s, id, 10, &first, &err));
    assert_true(first);
    ok(sco_store_event_accept(w->s, id, 11, &first, &err));
    assert_false(first);
    assert_int_equal(sco_store_event_accept(w->s, "x", 11, &first, &err), SCO_E_INVALID);
    ok(sco_store_events_retain(w->s, 11, NULL, &gone, &err));
    ok(sco_store_event_accept(w->s, id, 12, &first, &err));
    assert_true(first);
}

/* ---- many writers, two that give positions, one reader ---- */
struct party {
    struct world *w;
    int number;
    atomic_int *writing;
};

static void *write_events(void *user)
{
    struct party *p = user;
    struct sco_store *s = world_open(p->w);
    say_who(s);
    int counts[KEYS] = {0};
    for (int t = 0; t < TRANSACTIONS; t++) {
        char key[16], data[64];
        int k = t % KEYS, r = sco_store_begin(s, &err);
        SCO_BUG_ON(r);
        for (int i = 0; i < PER_TRANSACTION; i++) {
            snprintf(key, sizeof key, "key-%d-%d", p->number, k);
            snprintf(data, sizeof data, "{\"n\":%d}", counts[k] + i);
            add(s, "t", key, data);
            if (i == 0 && t % 7 == 0)
                usleep(2000); /* commits late: others have taken higher numbers and are through */
        }
        bool undo = t % 5 == 4;
        r = sco_store_end(s, undo ? SCO_E_CANCELLED : 0, &err);
        SCO_BUG_ON(r != (undo ? SCO_E_CANCELLED : 0));
        counts[k] += undo ? 0 : PER_TRANSACTION;
    }
    sco_store_close(s);
    atomic_fetch_sub(p->writing, 1);
    return NULL;
}

static void *give_positions(void *user)
{
    struct party *p = user;
    struct sco_store *s = world_open(p->w);
    while (atomic_load(p->writing))
        sequence(s, 7);
    sco_store_close(s);
    return NULL;
}

/* As a reader does it: each page after the last position of the one before. */
static size_t follow(struct sco_store *s, int64_t *at, int *next)
{
    struct sco_event_page p;
    ok(sco_store_events_read(s, *at, 10, NULL, NULL, &p, &err));
    size_t n = p.n;
    for (size_t i = 0; i < p.n; i++) {
        int writer = 0, key = 0, number = 0;
        assert_int_equal(p.v[i].position, ++*at); /* no gap, ever */
        assert_int_equal(sscanf(p.v[i].key, "key-%d-%d", &writer, &key), 2);
        assert_int_equal(sscanf(p.v[i].data, "{\"n\":%d}", &number), 1);
        assert_int_equal(number, next[writer * KEYS + key]++); /* in order, none twice */
    }
    sco_event_page_done(&p);
    return n;
}

TEST(nothing_is_missed_by_a_reader_among_writers)
{
    struct world *w = *state;
    pthread_t threads[WRITERS + 2];
    struct party parties[WRITERS + 2];
    atomic_int writing = WRITERS;
    int next[WRITERS * KEYS] = {0}, all = 0;
    int64_t at = 0;
    for (int i = 0; i < WRITERS + 2; i++) {
        parties[i] = (struct party){w, i, &writing};
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < WRITERS ? write_events : give_positions, &parties[i]),
                         0);
    }
    while (atomic_load(&writing))
        follow(w->s, &at, next);
    for (int i = 0; i < WRITERS + 2; i++)
        pthread_join(threads[i], NULL);
    sequence(w->s, 100);
    while (follow(w->s, &at, next)) {
    }
    for (int i = 0; i < WRITERS * KEYS; i++)
        all += next[i];
    assert_int_equal(all, WRITERS * TRANSACTIONS / 5 * 4 * PER_TRANSACTION);
    assert_int_equal(at, all);
}

/* ---- without copies ---- */
static int take_some(void *user, const struct sco_event *e)
{
    int64_t *last = user;
    assert_int_equal(e->position, *last + 1);
    assert_int_equal(strlen(e->id), 36);
    assert_string_equal(e->type, "notification.alert");
    assert_string_equal(e->key, "a");
    assert_string_equal(e->source, "node-1");
    assert_string_equal(e->data, "{\"x\":1}");
    assert_null(e->user_id);
    if (*last == 5)
        return 1;
    *last = e->position;
    return 0;
}

TEST(what_is_given_ends_where_there_is_no_room)
{
    struct world *w = *state;
    int64_t last = 0;
    say_who(w->s);
    for (int i = 0; i < 8; i++)
        add(w->s, "notification.alert", "a", "{\"x\":1}");
    assert_int_equal(sequence(w->s, 100), 8);
    ok(sco_store_events_each(w->s, 0, 3, take_some, &last, &err));
    assert_int_equal(last, 3);
    assert_int_equal(sco_store_events_each(w->s, last, 100, take_some, &last, &err), 1);
    assert_int_equal(last, 5);
    last = 6;
    ok(sco_store_events_each(w->s, last, 100, take_some, &last, &err));
    assert_int_equal(last, 8);
    ok(sco_store_events_each(w->s, last, 100, take_some, &last, &err));
}

#define WITH_WORLD(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_is_written_is_read),
        WITH_WORLD(filters_tell_how_far_they_looked),
        WITH_WORLD(what_is_given_ends_where_there_is_no_room),
        WITH_WORLD(a_transaction_that_fails_leaves_no_event),
        WITH_WORLD(a_cursor_has_one_owner),
        WITH_WORLD(what_somebody_still_needs_is_kept),
        WITH_WORLD(what_comes_twice_is_accepted_once),
        WITH_WORLD(nothing_is_missed_by_a_reader_among_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
