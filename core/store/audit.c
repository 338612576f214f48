/* The audit log, a chain of digests. */
#include "store_priv.h"
