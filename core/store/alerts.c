/* Alerts. */
#include "store_priv.h"
