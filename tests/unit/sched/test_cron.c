/* Zones, cron and windows: against tables of another implementation (tables.py), against trying
 * every minute, and against what must hold always. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <secureops/cron.h>
#include <stdlib.h>

struct row_offsets {
    const char *zone;
    int64_t at;
    int32_t offset;
};
struct row_clocks {
    const char *zone;
    struct sco_civil clock;
    int n;
    int64_t first, last;
};
struct row_ticks {
    const char *text, *zone;
    int64_t after;
    int n;
    int32_t ticks[9]; /* from `after` on */
};
#include "tables.h"

enum { DAY = 86400, HOUR = 3600 };

static struct sco_zone *zone(const char *name)
{
    struct sco_error err = {0};
    struct sco_zone *z = NULL;
    if (sco_zone_load(sco_str_c(name), &z, &err) < 0)
        fail_msg("%s: %s", name, err.text);
    return z;
}

static struct sco_cron cron(const char *text)
{
    struct sco_error err = {0};
    struct sco_cron c = {0};
    if (sco_cron_parse(sco_str_c(text), &c, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return c;
}

static int64_t utc(const char *text)
{
    int64_t ms;
    assert_int_equal(sco_time_parse(sco_str_c(text), &ms), 0);
    return ms;
}

/* ---- zones ---- */
static void offsets_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(offsets); i++) {
        const struct row_offsets *o = &offsets[i];
        struct sco_zone *z = zone(o->zone), *u = zone("UTC");
        struct sco_civil a, b;
        sco_zone_civil(z, o->at, &a);
        sco_zone_civil(u, o->at + o->offset, &b);
        if (memcmp(&a, &b, sizeof a) != 0)
            fail_msg("%s at %lld is not %d", o->zone, (long long)o->at, o->offset);
        sco_zone_free(z);
        sco_zone_free(u);
    }
}

static void clocks_of_the_table(void **state)
{
    (void)state;
    bool seen[3] = {false};
    for (size_t i = 0; i < SCO_ARRAY_LEN(clocks); i++) {
        const struct row_clocks *c = &clocks[i];
        struct sco_zone *z = zone(c->zone);
        int64_t t[2] = {0};
        int n = sco_zone_times(z, &c->clock, t);
        if (n != c->n || t[0] != c->first || (n == 2 && t[1] != c->last))
            fail_msg("%s, row %zu: %d times, %lld", c->zone, i, n, (long long)t[0]);
        seen[n] = true;
        sco_zone_free(z);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

static void weekdays_and_leap_years(void **state)
{
    (void)state;
    struct sco_zone *z = zone("UTC");
    struct sco_civil c;
    sco_zone_civil(z, utc("2026-11-22T07:17:01Z") / 1000, &c);
    assert_int_equal(c.weekday, 0);
    assert_int_equal(c.second, 1);
    sco_zone_civil(z, utc("2000-02-29") / 1000, &c);
    assert_int_equal(c.month * 100 + c.day, 229);
    sco_zone_civil(z, -1, &c);
    assert_int_equal(c.year, 1969);
    assert_int_equal(c.hour * 10000 + c.minute * 100 + c.second, 235959);
    sco_zone_civil(z, INT64_MIN, &c); /* far away is the edge, not undefined */
    sco_zone_civil(z, INT64_MAX, &c);
    sco_zone_free(z);
}

static void names_of_zones(void **state)
{
    (void)state;
    static const char *const bad[] = {"",       "Mars/Base", "../../etc/passwd", "/etc/passwd",
                                      "Europe", "UTC/",      "Europe//Berlin",   "Europe/Berlin\n",
                                      "."};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        struct sco_zone *z = NULL;
        struct sco_error err = {0};
        assert_int_equal(sco_zone_load(sco_str_c(bad[i]), &z, &err), SCO_E_NOT_FOUND);
        assert_null(z);
        assert_null(strchr(err.text, '\n'));
    }
    setenv("TZDIR", "/nonexistent", 1); /* UTC is known without a database */
    struct sco_zone *z = zone("UTC");
    struct sco_civil c;
    sco_zone_civil(z, 0, &c);
    assert_int_equal(c.year, 1970);
    sco_zone_free(z);
    setenv("TZDIR", SCO_TEST_ZONES, 1);
}

/* ---- cron ---- */
static void ticks_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCO_ARRAY_LEN(ticks); i++) {
        const struct row_ticks *row = &ticks[i];
        struct sco_zone *z = zone(row->zone);
        struct sco_cron c = cron(row->text);
        int64_t t = row->after * 1000;
        for (int k = 0; k < row->n; k++) {
            t = sco_cron_next(&c, z, t);
            if (t != (row->after + row->ticks[k]) * 1000)
                fail_msg("%s in %s after %lld: tick %d is at +%lld, not +%d", row->text, row->zone,
                         (long long)row->after, k, (long long)(t / 1000 - row->after),
                         row->ticks[k]);
        }
        sco_zone_free(z);
    }
}

static bool fits_minute(const struct sco_cron *c, const struct sco_civil *d)
{
    return (c->minute >> d->minute & 1) && (c->hour >> d->hour & 1) && (c->month >> d->month & 1) &&
           (c->any_wday || (c->wday >> d->weekday & 1)) && (c->any_mday || (c->mday >> d->day & 1));
}

/* Every minute of eight months, over the end of the table: hourly ones fire exactly where the clock
 * fits; the others at the first minute that shows it. What is skipped is the table's business. */
static void minute_by_minute(void **state)
{
    (void)state;
    static const char *const texts[] = {"*/7 * * * *", "0 * * * SUN",    "30 1,2,3 * 3,4,10,11 *",
                                        "59 23 * * *", "*/15 2 * * SUN", "5 4 1,15 * *"};
    static const char *const names[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                        "America/Santiago"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts) * SCO_ARRAY_LEN(names); i++) {
        struct sco_zone *z = zone(names[i % SCO_ARRAY_LEN(names)]);
        struct sco_cron c = cron(texts[i / SCO_ARRAY_LEN(names)]);
        bool hourly = c.hour == 0xffffff;
        int64_t start = utc("2037-09-01") / 1000, end = utc("2038-05-01") / 1000;
        int64_t next = sco_cron_next(&c, z, (start - 1) * 1000) / 1000;
        for (int64_t t = start; t < end; t += 60) {
            struct sco_civil d;
            int64_t both[2];
            sco_zone_civil(z, t, &d);
            bool fits = fits_minute(&c, &d);
            if (fits && !hourly)
                fits = sco_zone_times(z, &d, both) == 1 || both[0] == t;
            if (t == next) {
                int64_t was = next;
                next = sco_cron_next(&c, z, next * 1000) / 1000;
                assert_true(next > was);
            } else if (fits)
                fail_msg("%s: no tick at %lld", texts[i / SCO_ARRAY_LEN(names)], (long long)t);
            else
                continue;
            if (fits || hourly) {
                assert_true(fits);
                continue;
            }
            struct sco_civil before; /* not on the clock: then the clock has just jumped */
            sco_zone_civil(z, t - 1, &before);
            assert_true(d.hour * 60 + d.minute - before.hour * 60 - before.minute != 1);
        }
        sco_zone_free(z);
    }
}

/* From wherever one asks, the answer is the same tick. */
static void from_anywhere(void **state)
{
    (void)state;
    static const char *const texts[] = {"*/20 2 * * *", "0 30 2 * * *", "15,45 * * * *",
                                        "*/10 30 1 * * SUN", "* * * * * *"};
    struct sco_zone *z = zone("Europe/Berlin");
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++) {
        struct sco_cron c = cron(texts[i]);
        for (int season = 0; season < 2; season++) {
            int64_t at = utc(season ? "2026-10-24T23:00:00Z" : "2026-03-28T23:00:00Z");
            int64_t next = sco_cron_next(&c, z, at);
            for (int64_t t = at; t < at + 5 * HOUR * 1000; t += 500) {
                if (t >= next)
                    next = sco_cron_next(&c, z, t);
                assert_true(next > t);
                assert_int_equal(sco_cron_next(&c, z, t), next);
            }
        }
    }
    sco_zone_free(z);
}

static void never_and_seldom(void **state)
{
    (void)state;
    struct sco_zone *z = zone("Europe/Berlin");
    struct sco_cron c = cron("0 0 30 2 *");
    assert_int_equal(sco_cron_next(&c, z, utc("2026-01-01")), 0);
    c = cron("0 0 31 4,6,9,11 *");
    assert_int_equal(sco_cron_next(&c, z, utc("2026-01-01")), 0);
    c = cron("0 0 29 2 *"); /* 2100 has none */
    assert_int_equal(sco_cron_next(&c, z, utc("2096-03-01")), utc("2104-02-28T23:00:00Z"));
    c = cron("0 0 L 2 *");
    assert_int_equal(sco_cron_next(&c, z, utc("2027-06-01")), utc("2028-02-28T23:00:00Z"));
    assert_int_equal(sco_cron_next(&c, z, INT64_MAX), 0);
    assert_true(sco_cron_next(&c, z, INT64_MIN) < 0);
    c = cron("59 59 23 31 12 *");
    assert_int_equal(sco_cron_next(&c, z, utc("2026-12-31T22:59:59.000Z")),
                     utc("2027-12-31T22:59:59Z"));
    assert_int_equal(sco_cron_next(&c, z, utc("2026-12-31T22:59:58.999Z")),
                     utc("2026-12-31T22:59:59Z"));
    sco_zone_free(z);
}

static void same_meaning(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"@daily", "0 0 * * *"},          {"@hourly", "0 * * * *"},
        {"@weekly", "0 0 * * SUN"},       {"@yearly", "0 0 1 JAN *"},
        {"0 0 * * 7", "0 0 * * 0"},       {"0 0 * * sat-sun", "0 0 * * 0,6"},
        {"0 0 * * 5-7", "0 0 * * 0,5,6"}, {"  5\t4  * * *  ", "5 4 * * *"},
        {"0/15 * * * *", "*/15 * * * *"}, {"0 0-23/6 * * *", "0 0,6,12,18 * * *"},
        {"0 0 ? * 1", "0 0 * * mon"},     {"0 5 * * * *", "5 * * * *"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(pairs); i++) {
        struct sco_cron a = cron(pairs[i][0]), b = cron(pairs[i][1]);
        a.six = b.six = false;
        if (memcmp(&a, &b, sizeof a) != 0)
            fail_msg("%s is not %s", pairs[i][0], pairs[i][1]);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "* * * *",
                                      "* * * * * * *",
                                      "60 * * * *",
                                      "* 24 * * *",
                                      "* * 0 * *",
                                      "* * 32 * *",
                                      "* * * 13 *",
                                      "* * * 0 *",
                                      "* * * * 8",
                                      "5-1 * * * *",
                                      "*/0 * * * *",
                                      "*/60 * * * *",
                                      "1,,2 * * * *",
                                      ", * * * *",
                                      "a * * * *",
                                      "-1 * * * *",
                                      "1- * * * *",
                                      "1-2-3 * * * *",
                                      "* * * JAB *",
                                      "* * * * MONDAY",
                                      "@every 5m",
                                      "@reboot",
                                      "@",
                                      "L * * * *",
                                      "* * * * L",
                                      "? * * * *",
                                      "+1 * * * *",
                                      "001 * * * *",
                                      "1/2/3 * * * *",
                                      "*-5 * * * *",
                                      "1\x01 * * * *",
                                      "* * L-3 * *",
                                      "60 * * * * *",
                                      "\xff * * * *"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        struct sco_cron c = {.minute = 77};
        struct sco_error err = {0};
        if (sco_cron_parse(sco_str_c(bad[i]), &c, &err) != SCO_E_INVALID)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(c.minute, 77);
        assert_true(err.text[0]);
    }
}

/* ---- windows ---- */
static void windows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *at;
        bool inside;
    } rows[] = {
        /* 2026-11-23 is a Monday; Berlin is one hour ahead in winter, two in summer */
        {"", "2026-11-23T03:00:00Z", true},
        {"Mon-Fri 08:00-18:00", "2026-11-23T06:59:59Z", false},
        {"Mon-Fri 08:00-18:00", "2026-11-23T07:00:00Z", true},
        {"Mon-Fri 08:00-18:00", "2026-11-23T16:59:59Z", true},
        {"Mon-Fri 08:00-18:00", "2026-11-23T17:00:00Z", false},
        {"Mon-Fri 08:00-18:00", "2026-11-22T12:00:00Z", false},
        {"Mon-Fri 08:00-18:00", "2026-07-06T06:00:00Z", true},
        {"Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00", "2026-11-21T09:30:00Z", true},
        {"Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00", "2026-11-22T09:30:00Z", true},
        {"Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00", "2026-11-22T11:30:00Z", false},
        {"22:00-06:00", "2026-11-23T21:00:00Z", true},
        {"22:00-06:00", "2026-11-23T04:59:00Z", true},
        {"22:00-06:00", "2026-11-23T05:00:00Z", false},
        {"Fri 22:00-06:00", "2026-11-21T04:00:00Z", true},  /* Saturday, begun on Friday */
        {"Fri 22:00-06:00", "2026-11-20T04:00:00Z", false}, /* Friday, before it begins */
        {"Sat-Mon 00:00-24:00", "2026-11-22T12:00:00Z", true},
        {"Sat-Mon 00:00-24:00", "2026-11-24T12:00:00Z", false},
        {"mon 8-18", "2026-11-23T12:00:00Z", false}, /* unreadable: nothing is allowed */
    };
    struct sco_zone *z = zone("Europe/Berlin");
    for (size_t i = 0; i < SCO_ARRAY_LEN(rows); i++)
        if (sco_windows_contain(sco_str_c(rows[i].text), z, utc(rows[i].at)) != rows[i].inside)
            fail_msg("%s at %s", rows[i].text, rows[i].at);
    sco_zone_free(z);
    static const char *const bad[] = {"Mon",
                                      "Mon-Fri",
                                      "08:00",
                                      "8:00-9:00",
                                      "08:00-08:00",
                                      "24:00-06:00",
                                      "08:00-24:01",
                                      "08:60-09:00",
                                      "Mon,,08:00-09:00",
                                      ",",
                                      "Moon 08:00-09:00",
                                      "08:00-09:00,",
                                      "Sat,Sun",
                                      "Mon- 08:00-09:00",
                                      "+8:00-09:00",
                                      "08:00-09:00-10:00"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        if (sco_windows_check(sco_str_c(bad[i]), NULL) != SCO_E_INVALID)
            fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(
        sco_windows_check(SCO_STR("mon-FRI 08:00 - 18:00,Sat , Sun 10:00-12:00"), NULL), 0);
}

int main(void)
{
    setenv("TZDIR", SCO_TEST_ZONES, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_of_the_table),
        cmocka_unit_test(clocks_of_the_table),
        cmocka_unit_test(weekdays_and_leap_years),
        cmocka_unit_test(names_of_zones),
        cmocka_unit_test(ticks_of_the_table),
        cmocka_unit_test(minute_by_minute),
        cmocka_unit_test(from_anywhere),
        cmocka_unit_test(never_and_seldom),
        cmocka_unit_test(same_meaning),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(windows),
    };
    return cmocka_run_group_tests_name("cron", tests, NULL, NULL);
}
