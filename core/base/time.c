/* Clocks and RFC 3339. Civil-date arithmetic: days from civil, proleptic Gregorian. */
#include <secureops/base.h>

#include <time.h>

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t sco_now_ms(void)
{
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t sco_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t sco_mono_ms(void)
{
    return sco_mono_ns() / 1000000;
}

/* printf would take most of the time that an event or a log line takes. */
static void put_two(char *out, int v)
{
    out[0] = (char)('0' + v / 10);
    out[1] = (char)('0' + v % 10);
}

enum { DAY = 86400, FIRST_DAY = -719528, LAST_DAY = 2932896 }; /* 0000-01-01, 9999-12-31 */

/* Civil from days: years begin in March here, so that a leap day is the last one. */
static void date_of(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

void sco_time_format(int64_t unix_ms, char out[SCO_TIME_LEN])
{
    int64_t ms = unix_ms % 1000;
    if (ms < 0)
        ms += 1000;
    int64_t seconds = (unix_ms - ms) / 1000, of_day = seconds % DAY;
    if (of_day < 0)
        of_day += DAY;
    int64_t days = (seconds - of_day) / DAY;
    int year = 1900, month = 1, day = 0; /* of a time that has no four digits of a year */
    if (days >= FIRST_DAY && days <= LAST_DAY)
        date_of(days, &year, &month, &day);
    else
        of_day = 0;
    memcpy(out, "0000-00-00T00:00:00.000Z", SCO_TIME_LEN);
    int second = (int)of_day;
    put_two(out, year / 100);
    put_two(out + 2, year % 100);
    put_two(out + 5, month);
    put_two(out + 8, day);
    put_two(out + 11, second / 3600);
    put_two(out + 14, second / 60 % 60);
    put_two(out + 17, second % 60);
    out[20] = (char)('0' + ms / 100);
    put_two(out + 21, (int)(ms % 100));
}

static bool digits(struct sco_str *s, size_t n, int *ret)
{
    int v = 0;
    if (s->n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = sco_str_make(s->p + n, s->n - n);
    *ret = v;
    return true;
}

static bool one_of(struct sco_str *s, const char *chars, char *ret)
{
    if (!s->n || !s->p[0] || !strchr(chars, s->p[0]))
        return false;
    *ret = s->p[0];
    *s = sco_str_make(s->p + 1, s->n - 1);
    return true;
}

static int64_t days_from_civil(int y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool parse_date(struct sco_str *s, int64_t *ret_days)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d;
    char c;
    if (!digits(s, 4, &y) || !one_of(s, "-", &c) || !digits(s, 2, &m) || !one_of(s, "-", &c) ||
        !digits(s, 2, &d) || m < 1 || m > 12 || d < 1)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d > month_days[m - 1] + (m == 2 && leap))
        return false;
    *ret_days = days_from_civil(y, m, d);
    return true;
}

/* "Z", "+02:00" or "+0200" (SonarQube). */
static bool parse_zone(struct sco_str *s, int *ret_minutes)
{
    int h, m;
    char c, colon;
    if (one_of(s, "Zz", &c)) {
        *ret_minutes = 0;
        return s->n == 0;
    }
    if (!one_of(s, "+-", &c) || !digits(s, 2, &h))
        return false;
    one_of(s, ":", &colon);
    if (!digits(s, 2, &m) || h > 23 || m > 59 || s->n)
        return false;
    *ret_minutes = (c == '-' ? -1 : 1) * (h * 60 + m);
    return true;
}

int sco_time_parse(struct sco_str s, int64_t *ret_unix_ms)
{
    int64_t days;
    int h = 0, m = 0, sec = 0, zone = 0, ms = 0, scale = 100;
    char c;
    if (!parse_date(&s, &days))
        return SCO_E_INVALID;
    if (s.n) {
        if (!one_of(&s, "Tt ", &c) || !digits(&s, 2, &h) || !one_of(&s, ":", &c) ||
            !digits(&s, 2, &m) || !one_of(&s, ":", &c) || !digits(&s, 2, &sec) || h > 23 ||
            m > 59 || sec > 60)
            return SCO_E_INVALID;
        if (one_of(&s, ".,", &c)) {
            int digit;
            if (!digits(&s, 1, &digit))
                return SCO_E_INVALID;
            do {
                ms += digit * scale;
                scale /= 10;
            } while (digits(&s, 1, &digit));
        }
        if (!parse_zone(&s, &zone))
            return SCO_E_INVALID;
    }
    *ret_unix_ms = (((days * 24 + h) * 60 + m - zone) * 60 + sec) * 1000 + ms;
    return 0;
}
