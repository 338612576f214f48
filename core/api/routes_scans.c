/* Routes: scans. */
#include "api_priv.h"

const struct api_route api_routes_scans[] = {{0}};
