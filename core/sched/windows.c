/* When schedules may fire: "Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00, 22:00-06:00". Days go with
 * the times that follow them; a window over midnight belongs to the day on which it begins. */
#include "zone_priv.h"

enum { TEXT_MAX = 1024, WINDOWS_MAX = 64, ALL_DAYS = 0x7f };

struct window {
    uint32_t days;      /* bits, 0: Sunday */
    int32_t start, end; /* minutes; end is outside */
};

static bool read_day(struct sco_str s, uint32_t *ret)
{
    static const char names[] = "SunMonTueWedThuFriSat";
    for (uint32_t i = 0; i < 7; i++)
        if (s.n == 3 && strncasecmp(s.p, names + (size_t)i * 3, 3) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

/* "Mon" or "Fri-Mon" */
static bool read_days(struct sco_str s, uint32_t *bits)
{
    const char *dash = memchr(s.p, '-', s.n);
    struct sco_str low = dash ? sco_str_make(s.p, (size_t)(dash - s.p)) : s;
    uint32_t from, to;
    if (!read_day(low, &from))
        return false;
    to = from;
    if (dash && !read_day(sco_str_make(dash + 1, s.n - low.n - 1), &to))
        return false;
    for (uint32_t d = from;; d = (d + 1) % 7) {
        *bits |= 1u << d;
        if (d == to)
            return true;
    }
}

static bool read_clock(struct sco_str s, int32_t *ret)
{
    int64_t hour, minute;
    if (s.n != 5 || s.p[2] != ':' || sco_parse_i64(sco_str_make(s.p, 2), 0, 24, &hour) < 0 ||
        sco_parse_i64(sco_str_make(s.p + 3, 2), 0, hour == 24 ? 0 : 59, &minute) < 0 ||
        s.p[0] < '0' || s.p[3] < '0')
        return false;
    *ret = (int32_t)(hour * 60 + minute);
    return true;
}

static bool read_times(struct sco_str s, struct window *w)
{
    const char *dash = memchr(s.p, '-', s.n);
    size_t n = dash ? (size_t)(dash - s.p) : 0;
    return dash && read_clock(sco_str_trim(sco_str_make(s.p, n)), &w->start) &&
           read_clock(sco_str_trim(sco_str_make(dash + 1, s.n - n - 1)), &w->end) &&
           w->start < 24 * 60 && w->start != w->end;
}

/* How many windows; -1: not such a text. */
static int read_windows(struct sco_str text, struct window v[WINDOWS_MAX])
{
    struct sco_str item;
    uint32_t days = 0;
    int n = 0;
    text = sco_str_trim(text);
    if (!text.n)
        return 0;
    if (text.n > TEXT_MAX)
        return -1;
    while (sco_str_split(&text, ',', &item)) {
        item = sco_str_trim(item);
        if (item.n && (item.p[0] < '0' || item.p[0] > '9')) {
            const char *space = memchr(item.p, ' ', item.n);
            size_t k = space ? (size_t)(space - item.p) : item.n;
            if (!read_days(sco_str_make(item.p, k), &days))
                return -1;
            if (!space)
                continue;
            item = sco_str_trim(sco_str_make(item.p + k, item.n - k));
        }
        if (n == WINDOWS_MAX || !item.n || !read_times(item, &v[n]))
            return -1;
        v[n++].days = days ? days : ALL_DAYS;
        days = 0;
    }
    return days ? -1 : n;
}

int sco_windows_check(struct sco_str text, struct sco_error *err)
{
    struct window v[WINDOWS_MAX];
    if (read_windows(text, v) >= 0)
        return 0;
    return sco_error_set(err, SCO_E_INVALID,
                         "windows are written as \"Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00\"");
}

static bool contains(const struct window *w, const struct sco_civil *c)
{
    int32_t minute = c->hour * 60 + c->minute;
    bool today = w->days >> c->weekday & 1, yesterday = w->days >> (c->weekday + 6) % 7 & 1;
    if (w->start < w->end)
        return today && minute >= w->start && minute < w->end;
    return (today && minute >= w->start) || (yesterday && minute < w->end);
}

bool sco_windows_contain(struct sco_str text, const struct sco_zone *z, int64_t at)
{
    struct window v[WINDOWS_MAX];
    struct sco_civil c;
    int n = read_windows(text, v);
    sco_zone_civil(z, at / 1000 - (at % 1000 < 0), &c);
    for (int i = 0; i < n; i++)
        if (contains(&v[i], &c))
            return true;
    return n == 0; /* a text that cannot be read allows nothing */
}
