/* Routes: pipelines and their executions. */
#include "pipelines_priv.h"

#define ROUTE(method, path, action, flags, handler)                                                \
    {                                                                                              \
        method, "/api/v1/pipelines" path, SCO_ACT_##action, SCO_RES_PIPELINES, flags, handler      \
    }
const struct api_route api_routes_pipelines[] = {
    ROUTE("GET", "", READ, 0, api_pipeline_list),
    ROUTE("POST", "", CREATE, 0, api_pipeline_post),
    ROUTE("GET", "/history", READ, API_FRESH, api_execution_history),
    ROUTE("GET", "/statistics", READ, 0, api_pipeline_statistics),
    ROUTE("GET", "/{id}", READ, 0, api_pipeline_get),
    ROUTE("PUT", "/{id}", UPDATE, 0, api_pipeline_put),
    ROUTE("DELETE", "/{id}", DELETE, 0, api_pipeline_delete),
    ROUTE("POST", "/{id}/execute", CREATE, 0, api_pipeline_execute),
    ROUTE("POST", "/{id}/rollback", CREATE, 0, api_pipeline_rollback),
    ROUTE("GET", "/executions/{id}", READ, API_FRESH, api_execution_get),
    ROUTE("GET", "/executions/{id}/stages", READ, API_FRESH, api_execution_stages),
    ROUTE("GET", "/executions/{id}/logs", READ, API_FRESH, api_execution_logs),
    ROUTE("GET", "/executions/{id}/artifacts", READ, API_FRESH, api_execution_artifacts),
    ROUTE("GET", "/executions/{id}/artifacts/download", READ, API_FRESH, api_execution_download),
    ROUTE("POST", "/executions/{id}/approve", APPROVE, 0, api_execution_approve),
    ROUTE("POST", "/executions/{id}/reject", APPROVE, 0, api_execution_reject),
    ROUTE("POST", "/executions/{id}/cancel", CREATE, 0, api_execution_cancel),
    ROUTE("POST", "/executions/{id}/rerun", CREATE, 0, api_execution_rerun),
    ROUTE("POST", "/executions/{id}/refresh", CREATE, 0, api_execution_refresh),
    {0},
};
