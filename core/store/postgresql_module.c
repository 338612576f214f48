/* The one symbol of store_postgresql.so. */
#include "store_priv.h"

const struct sco_store_ops *sco_store_postgresql(void);
SCO_EXPORT const struct sco_store_ops *sco_store_ops_v1(void);

SCO_EXPORT const struct sco_store_ops *sco_store_ops_v1(void)
{
    return sco_store_postgresql();
}
