/* Jobs: added, listed, cancelled, ended. */
#include "store_priv.h"
