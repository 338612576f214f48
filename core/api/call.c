/* What handlers are given. */
#include "api_priv.h"
