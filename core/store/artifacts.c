/* Reports and logs of scans. */
#include "store_priv.h"
