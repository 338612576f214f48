/* Cron expressions: fields to bits, and the search for the next tick. Local clocks are counted in
 * seconds as if they showed UTC; the zone maps them to real time. */
#include "zone_priv.h"

enum { TEXT_MAX = 256, DAY = 86400, SEARCH_DAYS = 3660, FIELDS_MAX = 6 };

/* ---- fields ---- */
struct field {
    const char *name;
    uint32_t min, max;
    const char *names; /* three letters each, from the first value on */
    uint32_t first;
};
static const struct field fields[FIELDS_MAX] = {
    {"second", 0, 59, NULL, 0},
    {"minute", 0, 59, NULL, 0},
    {"hour", 0, 23, NULL, 0},
    {"day of month", 1, 31, NULL, 0},
    {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", 1},
    {"day of week", 0, 7, "SUNMONTUEWEDTHUFRISAT", 0}, /* 7 is Sunday too */
};
enum { SECOND, MINUTE, HOUR, MDAY, MONTH, WDAY };

static const struct {
    const char *name, *text;
} macros[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

static bool read_value(const struct field *f, struct sco_str s, uint32_t *ret)
{
    int64_t v;
    if (s.n && s.n <= 2 && s.p[0] >= '0' && s.p[0] <= '9') {
        if (sco_parse_i64(s, f->min, f->max, &v) < 0)
            return false;
        *ret = (uint32_t)v;
        return true;
    }
    for (uint32_t i = 0; f->names && s.n == 3 && f->names[i * 3]; i++)
        if (strncasecmp(s.p, f->names + (size_t)i * 3, 3) == 0) {
            *ret = f->first + i;
            return true;
        }
    return false;
}

/* "*", "5", "1-5", each with "/2"; "5/15" goes on to the end. */
static bool read_item(const struct field *f, struct sco_str s, uint64_t *bits)
{
    uint32_t from = f->min, to = f == &fields[WDAY] ? 6 : f->max, step = 1;
    const char *slash = memchr(s.p, '/', s.n);
    struct sco_str range = slash ? sco_str_make(s.p, (size_t)(slash - s.p)) : s;
    if (slash) {
        int64_t v;
        if (sco_parse_i64(sco_str_make(slash + 1, s.n - range.n - 1), 1, f->max, &v) < 0)
            return false;
        step = (uint32_t)v;
    }
    if (!sco_str_is(range, "*")) {
        const char *dash = memchr(range.p, '-', range.n);
        struct sco_str low = dash ? sco_str_make(range.p, (size_t)(dash - range.p)) : range;
        if (!read_value(f, low, &from))
            return false;
        if (dash && !read_value(f, sco_str_make(dash + 1, range.n - low.n - 1), &to))
            return false;
        if (dash && f == &fields[WDAY] && to == 0)
            to = 7; /* SAT-SUN */
        if (!dash && !slash)
            to = from;
    }
    for (uint32_t v = from; v <= to; v += step)
        *bits |= 1ull << v;
    return from <= to;
}

static int read_field(const struct field *f, struct sco_str text, uint64_t *ret, bool *last,
                      struct sco_error *err)
{
    struct sco_str rest = text, item;
    uint64_t bits = 0;
    *last = false;
    while (sco_str_split(&rest, ',', &item)) {
        if (f == &fields[MDAY] && (sco_str_is(item, "L") || sco_str_is(item, "l")))
            *last = true;
        else if (!item.n || !read_item(f, item, &bits))
            return sco_error_set(err, SCO_E_INVALID,
                                 "cron: \"%.*s\" is no %s: %u to %u, *, a-b, a,b, */n%s",
                                 SCO_STR_ARG(text), f->name, f->min, f->max,
                                 f->names                  ? ", or names"
                                 : f->first == 0 && f->min ? ", or L for the last"
                                                           : "");
    }
    *ret = bits;
    return 0;
}

/* The words of the text, at most one more than there may be. */
static size_t split(struct sco_str text, struct sco_str words[FIELDS_MAX + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n && n <= FIELDS_MAX;) {
        size_t start = i;
        while (i < text.n && text.p[i] != ' ' && text.p[i] != '\t')
            i++;
        if (i > start)
            words[n++] = sco_str_make(text.p + start, i - start);
        else
            i++;
    }
    return n;
}

static int find_macro(struct sco_str *text, struct sco_error *err)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(macros); i++)
        if (sco_str_is(*text, macros[i].name)) {
            *text = sco_str_c(macros[i].text);
            return 0;
        }
    return sco_error_set(err, SCO_E_INVALID,
                         "cron: it is @yearly, @monthly, @weekly, @daily, @hourly or five fields");
}

static bool any(struct sco_str s)
{
    return sco_str_is(s, "*") || sco_str_is(s, "?");
}

int sco_cron_parse(struct sco_str text, struct sco_cron *ret, struct sco_error *err)
{
    struct sco_str words[FIELDS_MAX + 1];
    uint64_t bits[FIELDS_MAX] = {1};
    bool last = false, ignored;
    text = sco_str_trim(text);
    if (text.n > TEXT_MAX || !sco_utf8_valid(text))
        return sco_error_set(err, SCO_E_INVALID, "cron: longer than %d bytes, or no text",
                             TEXT_MAX);
    if (text.n && text.p[0] == '@') {
        int r = find_macro(&text, err);
        if (r < 0)
            return r;
    }
    size_t n = split(text, words);
    if (n != 5 && n != 6)
        return sco_error_set(err, SCO_E_INVALID,
                             "cron: five fields (minute hour day-of-month month day-of-week), or "
                             "six with seconds first");
    const struct sco_str *day = &words[n - 3], *week = &words[n - 1];
    struct sco_cron c = {.six = n == 6, .any_mday = any(*day), .any_wday = any(*week)};
    for (size_t i = 0; i < n; i++) {
        size_t f = i + (FIELDS_MAX - n);
        bool question = (f == MDAY || f == WDAY) && sco_str_is(words[i], "?");
        int r = read_field(&fields[f], question ? sco_str_c("*") : words[i], &bits[f],
                           f == MDAY ? &last : &ignored, err);
        if (r < 0)
            return r;
    }
    c.second = bits[SECOND];
    c.minute = bits[MINUTE];
    c.hour = (uint32_t)bits[HOUR];
    c.mday = (uint32_t)bits[MDAY];
    c.month = (uint32_t)bits[MONTH];
    c.wday = (uint32_t)(bits[WDAY] | bits[WDAY] >> 7) & 0x7f;
    c.last_mday = last;
    *ret = c;
    return 0;
}

/* ---- the next tick ---- */
static bool day_fits(const struct sco_cron *c, const struct sco_civil *d)
{
    if (!(c->month >> d->month & 1))
        return false;
    bool mday =
        (c->mday >> d->day & 1) || (c->last_mday && d->day == sco_month_days(d->year, d->month));
    bool wday = c->wday >> d->weekday & 1;
    if (c->any_mday || c->any_wday) /* one of them alone decides */
        return (c->any_mday || mday) && (c->any_wday || wday);
    return mday || wday;
}

static int lowest(uint64_t bits, int from)
{
    bits = from > 63 ? 0 : bits >> from << from;
    return bits ? __builtin_ctzll(bits) : -1;
}

/* The first second of the day at or after `from` that fits; -1: none. */
static int64_t time_of_day(const struct sco_cron *c, int64_t from)
{
    int hour = (int)(from / 3600), minute = (int)(from / 60 % 60), second = (int)(from % 60);
    int h = lowest(c->hour, hour);
    if (h == hour) {
        int m = lowest(c->minute, minute);
        if (m == minute) {
            int s = lowest(c->second, second);
            if (s >= 0)
                return h * 3600 + m * 60 + s;
            m = lowest(c->minute, minute + 1);
        }
        if (m >= 0)
            return h * 3600 + m * 60 + lowest(c->second, 0);
        h = lowest(c->hour, hour + 1);
    }
    return h < 0 ? -1 : h * 3600 + lowest(c->minute, 0) * 60 + lowest(c->second, 0);
}

/* The first time at or after `local` on the clock that fits, before `end`; INT64_MAX: none. */
static int64_t next_local(const struct sco_cron *c, int64_t local, int64_t end)
{
    while (local < end) {
        struct sco_civil d;
        sco_civil_from_seconds(local, &d);
        int64_t of_day = d.hour * 3600 + d.minute * 60 + d.second, midnight = local - of_day;
        int64_t t = day_fits(c, &d) ? time_of_day(c, of_day) : -1;
        if (t >= 0)
            return midnight + t;
        local = midnight + DAY;
    }
    return INT64_MAX;
}

/* Each hour of the clock that passes has its ticks, a repeated one twice, a skipped one none. */
static int64_t next_hourly(const struct sco_cron *c, const struct sco_zone *z, int64_t from,
                           int64_t end)
{
    for (int64_t until; from < end; from = until) {
        int64_t offset = sco_zone_offset(z, from, &until);
        if (until > end)
            until = end;
        int64_t local = next_local(c, from + offset, until + offset);
        if (local < until + offset)
            return local - offset;
    }
    return 0;
}

/* Each time that the clock may show has one tick: the first when shown twice, the jump when not. */
static int64_t next_fixed(const struct sco_cron *c, const struct sco_zone *z, int64_t from,
                          int64_t end)
{
    int64_t offset = sco_zone_offset(z, from, NULL), times[2];
    /* one second earlier it showed less than this, or the same hour once before, or was skipped */
    int64_t before = from - 1, local = before + sco_zone_offset(z, before, NULL) + 1;
    for (int64_t limit = end + offset;;) {
        struct sco_civil d;
        local = next_local(c, local, limit);
        if (local >= limit)
            return 0;
        sco_civil_from_seconds(local, &d);
        (void)sco_zone_times(z, &d, times);
        if (times[0] >= from)
            return times[0];
        local++;
    }
}

int64_t sco_cron_next(const struct sco_cron *c, const struct sco_zone *z, int64_t after)
{
    int64_t s = after / 1000 - (after % 1000 < 0);
    if (s < SCO_ZONE_FIRST)
        s = SCO_ZONE_FIRST;
    if (s >= SCO_ZONE_LAST - (int64_t)SEARCH_DAYS * DAY)
        return 0;
    int64_t end = s + (int64_t)SEARCH_DAYS * DAY;
    bool hourly = c->hour == 0xffffff;
    int64_t t = hourly ? next_hourly(c, z, s + 1, end) : next_fixed(c, z, s + 1, end);
    return t * 1000;
}
