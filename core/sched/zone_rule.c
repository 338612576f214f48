/* POSIX TZ strings: "CET-1CEST,M3.5.0,M10.5.0/3", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0". */
#include "zone_rule.h"

enum { DAY = 86400, HOUR = 3600, HOURS_MAX = 167, NAME_MIN = 3 };

/* ---- reading ---- */
static bool take(struct sco_str *s, char c)
{
    if (!s->n || s->p[0] != c)
        return false;
    *s = sco_str_make(s->p + 1, s->n - 1);
    return true;
}

static bool take_number(struct sco_str *s, int32_t min, int32_t max, int32_t *ret)
{
    int32_t v = 0;
    size_t n = 0;
    for (; n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        v = v * 10 + (s->p[n] - '0');
    if (!n || v < min || v > max)
        return false;
    *s = sco_str_make(s->p + n, s->n - n);
    *ret = v;
    return true;
}

static bool take_name(struct sco_str *s)
{
    bool quoted = take(s, '<');
    size_t n = 0;
    for (; n < s->n; n++) {
        char c = s->p[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-')))
            break;
    }
    if (n < NAME_MIN)
        return false;
    *s = sco_str_make(s->p + n, s->n - n);
    return !quoted || take(s, '>');
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct sco_str *s, int32_t hours, int32_t *ret)
{
    bool minus = take(s, '-');
    int32_t h, m = 0, sec = 0;
    if (!minus)
        take(s, '+');
    if (!take_number(s, 0, hours, &h))
        return false;
    if (take(s, ':') &&
        (!take_number(s, 0, 59, &m) || (take(s, ':') && !take_number(s, 0, 59, &sec))))
        return false;
    int32_t v = h * HOUR + m * 60 + sec;
    *ret = minus ? -v : v;
    return true;
}

static bool take_day(struct sco_str *s, struct zone_day *ret)
{
    struct zone_day d = {.time = 2 * HOUR};
    bool ok;
    if (take(s, 'M')) {
        d.kind = ZONE_DAY_MONTH;
        ok = take_number(s, 1, 12, &d.month) && take(s, '.') && take_number(s, 1, 5, &d.week) &&
             take(s, '.') && take_number(s, 0, 6, &d.day);
    } else if (take(s, 'J')) {
        d.kind = ZONE_DAY_JULIAN;
        ok = take_number(s, 1, 365, &d.day);
    } else {
        d.kind = ZONE_DAY_ZERO;
        ok = take_number(s, 0, 365, &d.day);
    }
    if (ok && take(s, '/'))
        ok = take_time(s, HOURS_MAX, &d.time);
    *ret = d;
    return ok;
}

int zone_rule_parse(struct sco_str text, struct zone_rule *ret)
{
    struct zone_rule r = {0};
    int32_t west;
    if (!take_name(&text) || !take_time(&text, 24, &west))
        return SCO_E_FORMAT;
    r.standard = r.summer = -west;
    if (text.n) {
        if (!take_name(&text))
            return SCO_E_FORMAT;
        r.changes = true;
        r.summer = r.standard + HOUR;
        if (text.n && text.p[0] != ',') {
            if (!take_time(&text, 24, &west))
                return SCO_E_FORMAT;
            r.summer = -west;
        }
        if (!take(&text, ',') || !take_day(&text, &r.start) || !take(&text, ',') ||
            !take_day(&text, &r.end) || text.n)
            return SCO_E_FORMAT;
    }
    *ret = r;
    return 0;
}

/* ---- the rule at work ---- */
static int64_t day_of(const struct zone_day *d, int64_t year)
{
    int64_t first = sco_civil_days(year, 1, 1);
    if (d->kind == ZONE_DAY_ZERO)
        return first + d->day;
    if (d->kind == ZONE_DAY_JULIAN) /* counts as if there were no 29 February */
        return first + d->day - 1 + (d->day >= 60 && sco_month_days(year, 2) == 29);
    int64_t begin = sco_civil_days(year, d->month, 1);
    int64_t weekday = ((begin + 4) % 7 + 7) % 7;
    int64_t of_month = (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
    if (of_month >= sco_month_days(year, d->month))
        of_month -= 7;
    return begin + of_month;
}

int32_t zone_rule_offset(const struct zone_rule *r, int64_t unix_s, int64_t *ret_until)
{
    int64_t since = INT64_MIN, until = INT64_MAX;
    bool summer = false;
    struct sco_civil c;
    if (r->changes) {
        sco_civil_from_seconds(unix_s, &c);
        /* a change may be a week away from its day: the years beside count */
        for (int64_t year = c.year - 1; year <= c.year + 1; year++) {
            int64_t on = day_of(&r->start, year) * DAY + r->start.time - r->standard;
            int64_t off = day_of(&r->end, year) * DAY + r->end.time - r->summer;
            if (off <= unix_s && off > since)
                since = off, summer = false;
            if (on <= unix_s && on >= since) /* summer all year: it ends as it begins */
                since = on, summer = true;
            if (on > unix_s && on < until)
                until = on;
            if (off > unix_s && off < until)
                until = off;
        }
    }
    if (ret_until)
        *ret_until = until;
    return summer ? r->summer : r->standard;
}
