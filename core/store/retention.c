/* What is old goes. */
#include "store_priv.h"
