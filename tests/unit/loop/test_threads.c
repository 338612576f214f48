/* Threads: every piece runs once and is told once on the loop, in order where one thread works;
 * limits; what is under way at the end comes to its end; states are made and unmade by their
 * thread. No sleeps: threads are held by a lock. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <secureops/threads.h>

struct world {
    struct event_base *base;
    struct sco_threads *t;
    pthread_t loop;
    pthread_mutex_t gate;      /* held: pieces that want it wait */
    int started, stopped, ran; /* atomic */
    int told;
    int order[1000];
};

struct work {
    struct world *w;
    int number;
    bool gated, again;
    void *state;
};

static void *start(void *user)
{
    struct world *w = user;
    __atomic_add_fetch(&w->started, 1, __ATOMIC_SEQ_CST);
    return malloc(1);
}

static void stop(void *user, void *state)
{
    struct world *w = user;
    __atomic_add_fetch(&w->stopped, 1, __ATOMIC_SEQ_CST);
    free(state);
}

static void run(void *state, void *user)
{
    struct work *k = user;
    k->state = state;
    if (k->gated) {
        pthread_mutex_lock(&k->w->gate);
        pthread_mutex_unlock(&k->w->gate);
    }
    __atomic_add_fetch(&k->w->ran, 1, __ATOMIC_SEQ_CST);
}

static void end(void *user)
{
    struct work *k = user;
    struct world *w = k->w;
    assert_true(pthread_equal(pthread_self(), w->loop));
    assert_non_null(k->state);
    if (k->again) {
        k->again = false;
        assert_int_equal(sco_threads_run(w->t, run, end, k, NULL), 0);
        return;
    }
    w->order[w->told++] = k->number;
}

static void set_up(struct world *w, size_t n, size_t waiting)
{
    struct sco_threads_options o = {
        .name = "test", .n = n, .waiting = waiting, .start = start, .stop = stop, .user = w};
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->gate, NULL);
    w->loop = pthread_self();
    w->base = event_base_new();
    assert_int_equal(sco_threads_new(w->base, &o, &w->t, NULL), 0);
}

static void tear_down(struct world *w)
{
    w->t = sco_threads_free(w->t);
    assert_int_equal(w->started, w->stopped);
    assert_int_equal(event_base_get_num_events(w->base, EVENT_BASE_COUNT_ADDED), 0);
    event_base_free(w->base);
    pthread_mutex_destroy(&w->gate);
}

static void loop_until(struct world *w, int told)
{
    while (w->told < told)
        assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
}

static void test_order_of_one(void **state)
{
    static struct work v[1000];
    struct world w;
    (void)state;
    set_up(&w, 1, 0);
    for (int i = 0; i < 1000; i++) {
        v[i] = (struct work){.w = &w, .number = i};
        assert_int_equal(sco_threads_run(w.t, run, end, &v[i], NULL), 0);
    }
    loop_until(&w, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(w.order[i], i);
    assert_int_equal(w.ran, 1000);
    assert_int_equal(w.started, 1);
    assert_int_equal(sco_threads_waiting(w.t), 0);
    assert_int_equal(sco_threads_running(w.t), 0);
    tear_down(&w);
}

/* No thread without work; no more of them than there is work. */
static void test_lazy(void **state)
{
    struct world w;
    (void)state;
    set_up(&w, 8, 0);
    tear_down(&w);
    assert_int_equal(w.started, 0);
    set_up(&w, 8, 0);
    struct work k = {.w = &w};
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(sco_threads_run(w.t, run, end, &k, NULL), 0);
        loop_until(&w, i);
    }
    tear_down(&w);
    assert_int_equal(w.started, 1);
}

static void test_several(void **state)
{
    static struct work v[1000];
    struct world w;
    bool seen[1000] = {0};
    (void)state;
    set_up(&w, 4, 0);
    pthread_mutex_lock(&w.gate); /* all four are needed before one is done */
    for (int i = 0; i < 1000; i++) {
        v[i] = (struct work){.w = &w, .number = i, .gated = i < 4, .again = i % 7 == 0};
        assert_int_equal(sco_threads_run(w.t, run, end, &v[i], NULL), 0);
    }
    pthread_mutex_unlock(&w.gate);
    loop_until(&w, 1000);
    for (int i = 0; i < 1000; i++)
        seen[w.order[i]] = true;
    for (int i = 0; i < 1000; i++)
        assert_true(seen[i]);
    assert_int_equal(w.ran, 1000 + 143);
    tear_down(&w);
    assert_int_equal(w.started, 4);
}

static void test_limit(void **state)
{
    struct work v[8];
    struct world w;
    struct sco_error err = {0};
    (void)state;
    set_up(&w, 1, 3);
    pthread_mutex_lock(&w.gate);
    int taken = 0;
    for (int i = 0; i < 8; i++) {
        v[i] = (struct work){.w = &w, .number = i, .gated = true};
        int r = sco_threads_run(w.t, run, end, &v[i], &err);
        taken += r == 0;
        if (r < 0)
            assert_int_equal(r, SCO_E_LIMIT);
    }
    /* three wait; one more when the thread had begun with one meanwhile */
    assert_in_range(taken, 3, 4);
    pthread_mutex_unlock(&w.gate);
    loop_until(&w, taken);
    tear_down(&w);
    assert_int_equal(w.told, taken);
}

/* The end runs what waits, tells it, and takes nothing new. */
static void test_end(void **state)
{
    static struct work v[100];
    struct world w;
    (void)state;
    set_up(&w, 2, 0);
    for (int i = 0; i < 100; i++) {
        v[i] = (struct work){.w = &w, .number = i};
        assert_int_equal(sco_threads_run(w.t, run, end, &v[i], NULL), 0);
    }
    tear_down(&w);
    assert_int_equal(w.ran, 100);
    assert_int_equal(w.told, 100);
    assert_null(sco_threads_free(NULL));
}

static void test_no_memory(void **state)
{
    struct world w;
    struct sco_threads *t = NULL;
    struct sco_threads_options o = {.name = "a name that is too long", .n = 1};
    (void)state;
    set_up(&w, 1, 0);
    struct work k = {.w = &w};
    sco_alloc_fail_at(0);
    assert_int_equal(sco_threads_run(w.t, run, end, &k, NULL), SCO_E_NOMEM);
    sco_alloc_fail_at(-1);
    assert_int_equal(w.ran, 0);
    assert_int_equal(sco_threads_new(w.base, &o, &t, NULL), SCO_E_INVALID);
    o.name = "test";
    for (long i = 0; i < 2; i++) {
        sco_alloc_fail_at(i);
        assert_true(sco_threads_new(w.base, &o, &t, NULL) < 0);
        sco_alloc_fail_at(-1);
        assert_null(t);
    }
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_one), cmocka_unit_test(test_lazy),
        cmocka_unit_test(test_several),      cmocka_unit_test(test_limit),
        cmocka_unit_test(test_end),          cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
