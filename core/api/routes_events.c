/* Routes: events. */
#include "api_priv.h"

const struct api_route api_routes_events[] = {{0}};
