/* Routes: findings. */
#include "api_priv.h"

const struct api_route api_routes_findings[] = {{0}};
