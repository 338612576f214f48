/* Cron expressions and windows: any text is refused or understood; ticks go forward, are on whole
 * seconds, and are the same from wherever between two of them one asks. */
#include <secureops/cron.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe",
                                    "America/Santiago"};

static void walk(const struct sco_cron *c, const struct sco_zone *z, int64_t at)
{
    for (int i = 0; i < 6; i++) {
        int64_t next = sco_cron_next(c, z, at);
        if (!next)
            return;
        SCO_BUG_ON(next <= at || next % 1000);
        SCO_BUG_ON(sco_cron_next(c, z, next - 1) != next);
        SCO_BUG_ON(sco_cron_next(c, z, at + (next - at) / 2) != next && (next - at) / 2 > 0);
        at = next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sco_zone *zones[SCO_ARRAY_LEN(names)];
    struct sco_cron c = {.minute = 77};
    struct sco_error err = {0};
    setenv("TZDIR", SCO_TEST_ZONES, 1);
    if (size < 1)
        return 0;
    size_t k = data[0] % SCO_ARRAY_LEN(names);
    if (!zones[k] && sco_zone_load(sco_str_c(names[k]), &zones[k], NULL) < 0)
        abort();
    struct sco_str text = sco_str_make((const char *)data + 1, size - 1);
    if (sco_cron_parse(text, &c, &err) == 0) {
        walk(&c, zones[k], 1774742400000); /* before the clocks change in March 2026 */
        walk(&c, zones[k], 1792886400000); /* and in October */
    } else
        SCO_BUG_ON(c.minute != 77 || !err.text[0]);
    bool understood = sco_windows_check(text, NULL) == 0, inside = false;
    for (int64_t t = 0; t < 7 * 86400; t += 1800)
        inside |= sco_windows_contain(text, zones[k], (1774742400 + t) * 1000);
    SCO_BUG_ON(inside && !understood);
    return 0;
}
