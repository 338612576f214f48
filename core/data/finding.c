/* Small facts about a finding, and the set that holds findings. */
#include "finding_priv.h"

#include <stdlib.h>

void sco_finding_set_done(struct sco_finding_set *s)
{
    free(s->v);
    *s = (struct sco_finding_set){.pool = s->pool};
}

bool sco_finding_is_suppressed(const struct sco_finding *f)
{
    return (f->suppressions && f->suppressions->n) || f->status == SCO_STATUS_RESOLVED ||
           f->status == SCO_STATUS_FALSE_POSITIVE || f->status == SCO_STATUS_ACCEPTED;
}

bool sco_finding_counts(const struct sco_finding *f)
{
    return !sco_finding_is_known(f) && !sco_finding_is_suppressed(f);
}

const char *sco_baseline_name(uint32_t state)
{
    static const char *const names[SCO_BASELINE_MAX_] = {[SCO_BASELINE_NEW] = "new",
                                                         [SCO_BASELINE_UNCHANGED] = "unchanged",
                                                         [SCO_BASELINE_UPDATED] = "updated",
                                                         [SCO_BASELINE_ABSENT] = "absent"};
    return state < SCO_ARRAY_LEN(names) ? names[state] : NULL;
}

void sco_fingerprint_hex(const uint8_t fp[SCO_FINGERPRINT_LEN], char out[65])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SCO_FINGERPRINT_LEN; i++) {
        out[2 * i] = digits[fp[i] >> 4];
        out[2 * i + 1] = digits[fp[i] & 15];
    }
    out[64] = 0;
}

const char *sco_suppression_name(uint32_t kind)
{
    static const char *const names[] = {[SCO_SUPPRESS_INLINE] = "inline",
                                        [SCO_SUPPRESS_WAIVER] = "waiver",
                                        [SCO_SUPPRESS_BASELINE] = "baseline"};
    return kind < SCO_ARRAY_LEN(names) ? names[kind] : NULL;
}
