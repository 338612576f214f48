/* Users. */
#include "store_priv.h"
