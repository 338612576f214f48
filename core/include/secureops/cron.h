/* When a schedule fires: five- and six-field cron expressions, intervals, time zones with their
 * daylight saving, windows. Pure functions of Unix milliseconds. */
#pragma once

#include <secureops/base.h>

/* ---- zones: the system's tz database (TZif of /usr/share/zoneinfo, or $TZDIR) ---- */
struct sco_zone;
/* "UTC", "Europe/Berlin". SCO_E_NOT_FOUND; SCO_E_FORMAT. Immutable; any thread. */
int sco_zone_load(struct sco_str name, struct sco_zone **ret, struct sco_error *err) SCO_NODISCARD;
struct sco_zone *sco_zone_free(struct sco_zone *z);
struct sco_civil {
    int32_t year, month, day, hour, minute, second; /* 1-based month and day */
    int32_t weekday;                                /* 0: Sunday */
};
void sco_zone_civil(const struct sco_zone *z, int64_t unix_s, struct sco_civil *ret);
/* The times that show this on the clock: 0 (it was skipped), 1, or 2 (it is repeated), the earlier
 * first; when skipped ret[0] is the moment of the jump. */
int sco_zone_times(const struct sco_zone *z, const struct sco_civil *c, int64_t ret[2]);

/* ---- cron ----
 * [second] minute hour day-of-month month day-of-week; * , - / names (JAN, MON), L (last day),
 * @daily and the like. Day of month and day of week both given: either fits (POSIX). A time that
 * daylight saving skips fires at the jump; one that it repeats fires once, unless the expression
 * fires every hour or more often: then each real hour has its ticks (as Vixie cron does). */
struct sco_cron {
    uint64_t second, minute;
    uint32_t hour, month, mday, wday; /* bits */
    bool any_mday, any_wday, last_mday, six;
};
int sco_cron_parse(struct sco_str text, struct sco_cron *ret, struct sco_error *err) SCO_NODISCARD;
/* The first tick after `after`. 0: there is none within ten years (30 February). */
int64_t sco_cron_next(const struct sco_cron *c, const struct sco_zone *z, int64_t after);

/* ---- windows: "Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00, 22:00-06:00" ---- */
int sco_windows_check(struct sco_str text, struct sco_error *err) SCO_NODISCARD;
bool sco_windows_contain(struct sco_str text, const struct sco_zone *z,
                         int64_t at); /* "": always */
