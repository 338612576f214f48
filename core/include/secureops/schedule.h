/* Whether a schedule can be kept, and when it comes next: for whoever stores one. */
#pragma once

#include <secureops/cron.h>
#include <secureops/store_jobs.h>

enum {
    SCO_SCHEDULE_INTERVAL_MIN = 60 * 1000,
    SCO_SCHEDULE_JITTER_MAX = 24 * 3600 * 1000,
};
/* Looks at cron or interval, time zone, windows, jitter. *ret_next: the first tick after `now`, and
 * 0 for one that is off. On failure *ret_member is the name of what is wrong: "cron". */
int sco_schedule_check(const struct sco_stored_schedule *v, int64_t now, int64_t *ret_next,
                       const char **ret_member, struct sco_error *err) SCO_NODISCARD;
