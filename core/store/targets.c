/* Targets. */
#include "store_priv.h"
