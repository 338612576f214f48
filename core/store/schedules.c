/* Schedules and their ticks. */
#include "store_priv.h"
