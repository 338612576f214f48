/* Sealed secrets. */
#include "store_priv.h"
