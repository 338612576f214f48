/* The API: the server with its routes and its document. */
#include "server_priv.h"

static const struct api_route *const tables[] = {
    api_routes_scans,      api_routes_findings,  api_routes_policies,     api_routes_schedules,
    api_routes_accounts,   api_routes_system,    api_routes_events,       api_routes_webhooks,
    api_routes_deliveries, api_routes_pipelines, api_routes_publications, NULL};

void api_own_parts(struct api_parts *ret)
{
    *ret = (struct api_parts){.tables = tables,
                              .fragments = api_openapi_fragments,
                              .n_fragments = api_openapi_n_fragments,
                              .bearer = sco_auth_bearer};
}

int sco_api_new(const struct sco_api_options *o, struct sco_api **ret, struct sco_error *err)
{
    struct api_parts parts;
    api_own_parts(&parts);
    return api_server_new(o, &parts, ret, err);
}
