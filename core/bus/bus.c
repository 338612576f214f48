/* Publishers. */
#include <secureops/bus.h>
