/* Routes: schedules. */
#include "api_priv.h"

const struct api_route api_routes_schedules[] = {{0}};
