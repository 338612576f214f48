/* Ticks: due, late, missed, with jitter, in windows; years of them cost nothing. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "sched_priv.h"

enum { MINUTE = 60000 };
#define HOUR (60LL * MINUTE)
#define DAY (24LL * HOUR)

static int64_t at(const char *text)
{
    int64_t t = 0;
    assert_int_equal(sco_time_parse(sco_str_c(text), &t), 0);
    return t;
}

static struct sco_stored_schedule hourly(void)
{
    return (struct sco_stored_schedule){.id = "6b0c9d3e-0000-4000-8000-000000000001",
                                        .name = "hourly",
                                        .cron = "0 * * * *",
                                        .time_zone = "UTC",
                                        .windows = "",
                                        .enabled = true,
                                        .next_at = at("2026-03-02T10:00:00Z")};
}

static struct tick_plan plan(const struct sco_stored_schedule *v, int64_t now)
{
    struct tick_plan p = {0};
    struct sco_error err = {0};
    if (tick_plan(v, now, false, &p, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

static void test_in_time(void **state)
{
    (void)state;
    struct sco_stored_schedule v = hourly();
    struct tick_plan p = plan(&v, v.next_at - 1);
    assert_true(p.wait);
    assert_int_equal(p.next, v.next_at);
    for (int how = SCO_CATCH_UP_SKIP; how <= SCO_CATCH_UP_ALL; how++) {
        v.catch_up = (enum sco_catch_up)how;
        p = plan(&v, v.next_at + SCHED_LATE_MS);
        assert_false(p.wait);
        assert_int_equal(p.n, 1);
        assert_int_equal(p.ticks[0], v.next_at);
        assert_int_equal(p.next, v.next_at + HOUR);
        assert_int_equal(p.dropped, 0);
    }
}

static void test_catch_up(void **state)
{
    (void)state;
    struct sco_stored_schedule v = hourly();
    int64_t now = v.next_at + 3 * HOUR + 10 * MINUTE; /* four were missed */
    v.catch_up = SCO_CATCH_UP_SKIP;
    struct tick_plan p = plan(&v, now);
    assert_int_equal(p.n, 0);
    assert_false(p.wait);
    assert_int_equal(p.dropped, 4);
    assert_int_equal(p.next, v.next_at + 4 * HOUR);
    v.catch_up = SCO_CATCH_UP_ONE;
    p = plan(&v, now);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.ticks[0], v.next_at + 3 * HOUR);
    assert_int_equal(p.dropped, 3);
    v.catch_up = SCO_CATCH_UP_ALL;
    p = plan(&v, now);
    assert_int_equal(p.n, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(p.ticks[i], v.next_at + i * HOUR);
    /* the fourth in time: it stands for those before it */
    v.catch_up = SCO_CATCH_UP_ONE;
    p = plan(&v, v.next_at + 3 * HOUR + 1000);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.ticks[0], v.next_at + 3 * HOUR);
    v.catch_up = SCO_CATCH_UP_SKIP;
    p = plan(&v, v.next_at + 3 * HOUR + 1000);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.dropped, 3);
}

/* The clock was set: however far, no storm. */
static void test_jump(void **state)
{
    (void)state;
    struct sco_stored_schedule v = hourly();
    struct tick_plan p;
    v.catch_up = SCO_CATCH_UP_ALL;
    assert_int_equal(tick_plan(&v, v.next_at + 30 * DAY + HOUR / 2, true, &p, NULL), 0);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.ticks[0], v.next_at + 30 * DAY);
    assert_int_equal(p.next, v.next_at + 30 * DAY + HOUR);
}

/* The newest ones, whatever lies between; in a moment. */
static void test_long_absence(void **state)
{
    (void)state;
    struct sco_stored_schedule v = hourly();
    v.catch_up = SCO_CATCH_UP_ALL;
    v.cron = "* * * * * *";
    int64_t now = v.next_at + 20 * 365 * DAY + 500;
    struct tick_plan p = plan(&v, now);
    assert_int_equal(p.n, SCHED_TICKS_MAX);
    for (int i = 0; i < SCHED_TICKS_MAX; i++)
        assert_int_equal(p.ticks[i], now - 500 - (SCHED_TICKS_MAX - 1 - i) * 1000);
    assert_int_equal(p.next, now + 500);
    v.cron = NULL;
    v.interval_ms = 7 * MINUTE;
    p = plan(&v, now);
    assert_int_equal(p.n, SCHED_TICKS_MAX);
    assert_true(p.ticks[SCHED_TICKS_MAX - 1] <= now && now < p.next);
    for (int i = 0; i < SCHED_TICKS_MAX; i++)
        assert_int_equal((p.ticks[i] - v.next_at) % v.interval_ms, 0);
    assert_int_equal(p.next, p.ticks[SCHED_TICKS_MAX - 1] + v.interval_ms);
}

static void test_jitter(void **state)
{
    (void)state;
    struct sco_stored_schedule v = hourly();
    v.jitter_ms = 10 * MINUTE;
    bool differ = false;
    for (int i = 0; i < 1000; i++) {
        int64_t t = v.next_at + i * HOUR, j = tick_jitter(&v, t);
        assert_true(j >= 0 && j <= v.jitter_ms);
        assert_int_equal(j, tick_jitter(&v, t)); /* every node has the same one */
        differ |= j != tick_jitter(&v, v.next_at);
    }
    assert_true(differ);
    int64_t j = tick_jitter(&v, v.next_at);
    assert_true(j > 0);
    struct tick_plan p = plan(&v, v.next_at + j - 1);
    assert_true(p.wait);
    assert_int_equal(p.next, v.next_at);
    p = plan(&v, v.next_at + j);
    assert_false(p.wait);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.ticks[0], v.next_at);
    /* not late: it was to wait so long */
    v.catch_up = SCO_CATCH_UP_SKIP;
    assert_int_equal(plan(&v, v.next_at + j + SCHED_LATE_MS).n, 1);
    assert_int_equal(plan(&v, v.next_at + j + SCHED_LATE_MS + 1).n, 0);
}

/* Ticks that are closer than the jitter come in their order, each once. */
static void test_jitter_longer_than_the_period(void **state)
{
    (void)state;
    struct sco_stored_schedule v = hourly();
    v.cron = "* * * * *";
    v.jitter_ms = 10 * MINUTE;
    v.catch_up = SCO_CATCH_UP_ALL;
    int64_t first = v.next_at, last = 0;
    int fired = 0;
    for (int64_t now = first; now < first + 2 * HOUR; now += 5000) {
        struct tick_plan p = plan(&v, now);
        for (size_t i = 0; i < p.n; i++, fired++) {
            assert_true(p.ticks[i] + tick_jitter(&v, p.ticks[i]) <= now);
            assert_int_equal(p.ticks[i], last ? last + MINUTE : first);
            last = p.ticks[i];
        }
        if (!p.wait) {
            assert_true(p.next > last);
            v.next_at = p.next;
        }
    }
    assert_in_range(fired, 105, 120);
}

static void test_windows(void **state)
{
    (void)state;
    struct sco_stored_schedule v = hourly(); /* a Monday */
    v.catch_up = SCO_CATCH_UP_ALL;
    v.windows = "Mon-Fri 11:00-13:00";
    struct tick_plan p = plan(&v, v.next_at + 5 * HOUR + 1);
    assert_int_equal(p.n, 2);
    assert_int_equal(p.ticks[0], v.next_at + HOUR);
    assert_int_equal(p.ticks[1], v.next_at + 2 * HOUR);
    assert_int_equal(p.dropped, 4);
    assert_int_equal(p.next, v.next_at + 6 * HOUR);
    v.time_zone = "Europe/Berlin"; /* an hour ahead */
    p = plan(&v, v.next_at + 5 * HOUR + 1);
    assert_int_equal(p.n, 2);
    assert_int_equal(p.ticks[0], v.next_at);
}

static void test_never_again_and_nonsense(void **state)
{
    (void)state;
    struct sco_stored_schedule v = hourly();
    struct tick_plan p = {0};
    v.cron = "0 0 30 2 *";
    p = plan(&v, v.next_at);
    assert_int_equal(p.next, 0);
    v.next_at = 0;
    assert_true(plan(&v, at("2026-03-02T10:00:00Z")).wait);
    v = hourly();
    v.cron = "every hour";
    assert_int_equal(tick_plan(&v, v.next_at, false, &p, NULL), SCO_E_INVALID);
    v = hourly();
    v.time_zone = "Moon/Sea";
    assert_int_equal(tick_plan(&v, v.next_at, false, &p, NULL), SCO_E_NOT_FOUND);
    v = hourly();
    v.cron = NULL;
    assert_int_equal(tick_plan(&v, v.next_at, false, &p, NULL), SCO_E_INVALID);
}

static void test_backoff(void **state)
{
    (void)state;
    struct sco_sched_options o = {.backoff_ms = 30000, .backoff_max_ms = 1800000};
    assert_int_equal(end_backoff(&o, 1, 0), 15000);
    assert_int_equal(end_backoff(&o, 1, UINT32_MAX), 30000);
    assert_int_equal(end_backoff(&o, 3, UINT32_MAX), 120000);
    assert_int_equal(end_backoff(&o, 100, UINT32_MAX), 1800000);
    assert_int_equal(end_backoff(&o, 100, 0), 900000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_time), cmocka_unit_test(test_catch_up),
        cmocka_unit_test(test_jump),    cmocka_unit_test(test_long_absence),
        cmocka_unit_test(test_jitter),  cmocka_unit_test(test_jitter_longer_than_the_period),
        cmocka_unit_test(test_windows), cmocka_unit_test(test_never_again_and_nonsense),
        cmocka_unit_test(test_backoff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
