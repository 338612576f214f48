/* A driver is a library of its own, loaded when a store is opened: libpq and libsqlite3 would cost
 * every other command its time to start. */
#include "store_priv.h"

#include <secureops/module.h>

int store_module(const char *name, const char *dir, const struct sco_store_ops **ret,
                 struct sco_error *err)
{
    const void *ops = NULL;
    int r = sco_module_load(name, dir, STORE_MODULE_SYMBOL, sizeof **ret, &ops, err);
    if (r == SCO_E_UNSUPPORTED && strcmp(name, "store_postgresql") == 0)
        sco_error_prefix(err,
                         "a store in PostgreSQL needs a driver, built where libpq's headers are");
    if (r == 0)
        *ret = ops;
    return r;
}
