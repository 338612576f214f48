/* From one store to another. */
#include "store_priv.h"
