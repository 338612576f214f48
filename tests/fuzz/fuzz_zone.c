/* TZif files: any bytes are refused, or are a zone whose clock and whose way back agree. */
#include "zone_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct sco_zone *z, int64_t t)
{
    struct sco_civil c;
    int64_t both[2] = {0}, until;
    int32_t offset = sco_zone_offset(z, t, &until);
    SCO_BUG_ON(until <= t);
    sco_zone_civil(z, t, &c);
    SCO_BUG_ON(c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31 || c.weekday < 0 ||
               c.weekday > 6);
    SCO_BUG_ON(sco_civil_seconds(&c) != t + offset);
    int n = sco_zone_times(z, &c, both);
    SCO_BUG_ON(n < 1 || n > 2); /* it is on the clock right now */
    SCO_BUG_ON(n == 1 && both[0] != t);
    SCO_BUG_ON(n == 2 && (both[0] >= both[1] || both[0] > t));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t moments[] = {-5000000000, -1,         0,          1774742400,
                                      1792886400,  4000000000, 90000000000};
    struct sco_zone *z = NULL;
    struct sco_error err = {0};
    if (sco_zone_parse(SCO_STR("fuzz"), sco_str_make((const char *)data, size), &z, &err) < 0) {
        SCO_BUG_ON(z || !err.text[0]);
        return 0;
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(moments); i++) {
        int64_t until;
        check(z, moments[i]);
        (void)sco_zone_offset(z, moments[i], &until);
        if (until < SCO_ZONE_LAST && until > SCO_ZONE_FIRST) {
            check(z, until);
            check(z, until - 1);
        }
    }
    struct sco_cron c;
    if (sco_cron_parse(SCO_STR("*/13 2 * * *"), &c, NULL) < 0)
        sco_bug_(__FILE__, __LINE__, "cron");
    for (int64_t t = 1774742400000, i = 0; i < 20; i++) {
        int64_t next = sco_cron_next(&c, z, t);
        SCO_BUG_ON(next && next <= t);
        if (!next)
            break;
        t = next;
    }
    sco_zone_free(z);
    return 0;
}
