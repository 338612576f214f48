/* Counts over time for dashboards. */
#include "store_priv.h"
