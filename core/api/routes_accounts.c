/* Routes: accounts. */
#include "api_priv.h"

const struct api_route api_routes_accounts[] = {{0}};
