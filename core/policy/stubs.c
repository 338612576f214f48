/* What is not there yet. */
#include "policy_priv.h"

int pl_archive_read(struct sco_policies *p, struct pl_bundle *b, const char *path,
                    struct sco_error *err)
{
    (void)p, (void)b;
    return sco_error_set(err, SCO_E_UNSUPPORTED, "%s: archives are not supported", path);
}
