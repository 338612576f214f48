/* Jobs: claimed, renewed, reaped. */
#include "store_priv.h"
