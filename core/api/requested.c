/* Scan requests that come through Kafka: as strictly checked as those of the API, by the same
 * document and the same rules. Who may write to the topic may ask for any scan that checkout.hosts
 * and checkout.folders allow. */
#include "content_priv.h"
#include "server_priv.h"

#include <secureops/crypto.h>

static int find_schema(const struct sco_api *a, const struct sco_node **ret, struct sco_error *err)
{
    struct sco_str params[API_PARAMS_MAX];
    SCO_AUTO(sco_buf) struct sco_buf allow = {0};
    const struct route_entry *e = NULL;
    if (api_routes_find(a->routes, SCO_STR("POST"), SCO_STR("/api/v1/scans/all"), &e, params,
                        &allow) != 0 ||
        !e->body)
        return sco_error_set(err, SCO_E_INTERNAL, "the document has no request for a scan");
    *ret = e->body;
    return 0;
}

/* The first fault that was found is what the dead letter says. */
static int with_fault(const struct api_call *c, int r, struct sco_error *err)
{
    const struct api_fault *f = c->faults;
    while (f && f->next)
        f = f->next;
    if (!f || r == SCO_E_NOMEM)
        return r;
    return sco_error_set(err, SCO_E_INVALID, "%s: %s", *f->pointer ? f->pointer : "data",
                         f->detail);
}

static int add(struct api_call *c, struct sco_str json, struct sco_error *err)
{
    struct sco_job_request q;
    struct sco_job_added added;
    const struct sco_node *schema = NULL;
    char id[37];
    int r = find_schema(c->api, &schema, err);
    if (r == 0)
        r = sco_json_parse(json, &c->arena, &c->json, err);
    if (r < 0)
        return r == SCO_E_PARSE ? SCO_E_INVALID : r;
    if (!api_schema_check(c, api_routes_root(c->api->routes), schema, c->json, ""))
        return sco_error_set(err, SCO_E_INVALID, "not a request for a scan");
    r = api_scan_request(c, c->json, 0, &q, err);
    if (r < 0)
        return r;
    sco_uuid4(id);
    q.origin = "kafka";
    q.correlation_id = id;
    return sco_store_job_add(c->store, &q, c->now, &added, err);
}

int sco_api_requested(struct sco_api *a, struct sco_store *s, struct sco_str json,
                      struct sco_error *err)
{
    struct api_call c = {.api = a, .store = s, .now = sco_now_ms(), .reply_fd = -1};
    c.who.name = "kafka";
    int r = add(&c, json, err);
    if (r < 0)
        r = with_fault(&c, r, err);
    if (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND) /* as good as never */
        r = SCO_E_INVALID;
    sco_buf_done(&c.reply);
    sco_arena_done(&c.arena);
    return r;
}
