/* Routes: system. */
#include "api_priv.h"

const struct api_route api_routes_system[] = {{0}};
