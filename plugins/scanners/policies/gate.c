/* Gates: policies over the report of a scan. */
#include "policies_priv.h"

int run_gate(struct policies *p, struct sco_error *err)
{
    (void)p;
    return sco_error_set(err, SCO_E_UNSUPPORTED, "gates are not there yet");
}
