/* The outbox and the feed. */
#include "store_priv.h"
