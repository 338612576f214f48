/* The proleptic Gregorian calendar in 64 bits. */
#include "zone_priv.h"

enum { DAY = 86400 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t sco_civil_days(int64_t year, int64_t month, int64_t day)
{
    year += floor_div(month - 1, 12);
    month -= floor_div(month - 1, 12) * 12;
    year -= month <= 2;
    int64_t era = floor_div(year, 400), of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t sco_civil_seconds(const struct sco_civil *c)
{
    return sco_civil_days(c->year, c->month, c->day) * DAY + (int64_t)c->hour * 3600 +
           (int64_t)c->minute * 60 + c->second;
}

void sco_civil_from_seconds(int64_t seconds, struct sco_civil *ret)
{
    int64_t days = floor_div(seconds, DAY), of_day = seconds - days * DAY, z = days + 719468;
    int64_t era = floor_div(z, 146097), of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
    *ret = (struct sco_civil){
        .year = (int32_t)(year + era * 400 + (m >= 10)),
        .month = (int32_t)(m < 10 ? m + 3 : m - 9),
        .day = (int32_t)(of_year - (153 * m + 2) / 5 + 1),
        .hour = (int32_t)(of_day / 3600),
        .minute = (int32_t)(of_day / 60 % 60),
        .second = (int32_t)(of_day % 60),
        .weekday = (int32_t)(((days + 4) % 7 + 7) % 7), /* 1970 began on a Thursday */
    };
}

int32_t sco_month_days(int64_t year, int32_t month)
{
    return (int32_t)(sco_civil_days(year, month + 1, 1) - sco_civil_days(year, month, 1));
}
