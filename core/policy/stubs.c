/* What is not there yet. */
#include "policy_priv.h"

int pl_archive_read(struct sco_policies *p, struct pl_bundle *b, const char *path,
                    struct sco_error *err)
{
    (void)p, (void)b;
    return sco_error_set(err, SCO_E_UNSUPPORTED, "%s: archives are not supported", path);
}

void pl_coverage_hook(lua_State *L, lua_Debug *ar)
{
    (void)L, (void)ar;
}

int sco_policies_coverage(struct sco_policies *p, sco_policy_coverage_fn fn, void *user,
                          struct sco_error *err)
{
    (void)p, (void)fn, (void)user, (void)err;
    return 0;
}
