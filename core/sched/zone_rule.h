/* The last line of a TZif file: a POSIX TZ string, which says how it goes on after the table. */
#pragma once

#include "zone_priv.h"

struct zone_day { /* when in a year the clock is changed */
    enum { ZONE_DAY_JULIAN, ZONE_DAY_ZERO, ZONE_DAY_MONTH } kind;
    int32_t day, week, month; /* MONTH: `day` is the weekday, week 5 the last */
    int32_t time;             /* seconds of the local clock, -167 to 167 hours */
};
struct zone_rule {
    int32_t standard, summer; /* offsets */
    bool changes;             /* there is a summer time */
    struct zone_day start, end;
};
/* SCO_E_FORMAT: not such a text. */
int zone_rule_parse(struct sco_str text, struct zone_rule *ret) SCO_NODISCARD;
int32_t zone_rule_offset(const struct zone_rule *r, int64_t unix_s, int64_t *ret_until);
