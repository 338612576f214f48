/* What is not there yet. */
#include "policy_priv.h"

void pl_trace(struct sco_policies *p, const struct sco_iac_node *in, struct sco_str key,
              const struct sco_iac_node *v)
{
    (void)p, (void)in, (void)key, (void)v;
}

void pl_fix_read(lua_State *L, int at, struct pl_fail *f)
{
    (void)L, (void)at, (void)f;
}

bool pl_fix_make(struct sco_policies *p, const struct pl_fail *f, const struct pl_place *at,
                 struct sco_policy_fix *ret)
{
    (void)p, (void)f, (void)at, (void)ret;
    return false;
}

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
