/* Tokens, and replies to requests with an idempotency key. */
#include "store_priv.h"
