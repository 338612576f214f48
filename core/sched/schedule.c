/* Schedules before they are stored. What becomes of a tick is tick.c. */
#include <secureops/schedule.h>

static int check_interval(const struct sco_stored_schedule *v, struct sco_error *err)
{
    if (v->interval_ms < SCO_SCHEDULE_INTERVAL_MIN || v->interval_ms > 366LL * 86400000)
        return sco_error_set(err, SCO_E_INVALID, "an interval is from 1m to 366d");
    return 0;
}

static int next_tick(const struct sco_stored_schedule *v, const struct sco_zone *zone, int64_t now,
                     int64_t *ret, struct sco_error *err)
{
    struct sco_cron cron;
    if (!v->cron) {
        *ret = now + v->interval_ms;
        return 0;
    }
    int r = sco_cron_parse(sco_str_c(v->cron), &cron, err);
    if (r < 0)
        return r;
    *ret = sco_cron_next(&cron, zone, now);
    return *ret ? 0
                : sco_error_set(err, SCO_E_INVALID, "\"%s\" does not come within ten years",
                                v->cron);
}

int sco_schedule_check(const struct sco_stored_schedule *v, int64_t now, int64_t *ret_next,
                       const char **ret_member, struct sco_error *err)
{
    struct sco_zone *zone = NULL;
    int64_t next = 0;
    *ret_member = "cron";
    if (!v->cron == !v->interval_ms)
        return sco_error_set(err, SCO_E_INVALID, "either a cron expression or an interval");
    *ret_member = "interval";
    int r = v->cron ? 0 : check_interval(v, err);
    if (r < 0)
        return r;
    *ret_member = "jitter";
    if (v->jitter_ms < 0 || v->jitter_ms > SCO_SCHEDULE_JITTER_MAX)
        return sco_error_set(err, SCO_E_INVALID, "jitter is from 0 to 24h");
    *ret_member = "windows";
    r = sco_windows_check(sco_str_c(v->windows), err);
    if (r < 0)
        return r;
    *ret_member = "time_zone";
    r = sco_zone_load(sco_str_c(v->time_zone), &zone, err);
    if (r == SCO_E_NOT_FOUND) /* the schedule is there: what it says is wrong */
        r = sco_error_set(err, SCO_E_INVALID, "there is no time zone %s", v->time_zone);
    if (r < 0)
        return r;
    *ret_member = v->cron ? "cron" : "interval";
    r = next_tick(v, zone, now, &next, err);
    sco_zone_free(zone);
    if (r == 0)
        *ret_next = v->enabled ? next : 0;
    return r;
}
