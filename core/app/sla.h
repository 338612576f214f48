/* The due dates of findings, as they are configured: for each store that a program of this folder
 * opens. */
#pragma once

#include <secureops/config.h>
#include <secureops/store.h>

static inline void sla_apply(struct sco_store *s, const struct sco_config_sla *sla)
{
    const int64_t ms[SCO_SEV_MAX_] = {[SCO_SEV_CRITICAL] = sla->critical,
                                      [SCO_SEV_HIGH] = sla->high,
                                      [SCO_SEV_MEDIUM] = sla->medium,
                                      [SCO_SEV_LOW] = sla->low};
    sco_store_set_sla(s, ms);
}
