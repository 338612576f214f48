/* Routes: policies. */
#include "api_priv.h"

const struct api_route api_routes_policies[] = {{0}};
