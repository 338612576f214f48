/* Routes: webhooks that were received, and what came of them. They are of every repository. */
#include "api_priv.h"

#include <secureops/store_ci.h>

static int add_status(struct api_call *c, struct sco_delivery_filter *f, struct sco_error *err)
{
    const char *status = api_query(c, "status");
    for (unsigned i = 0; status && i < SCO_DELIVERY_STATE_MAX_; i++)
        if (strcmp(status, sco_delivery_state_name((enum sco_delivery_state)i)) == 0)
            f->states = 1u << i;
    return status && !f->states ? api_fault(c, err, "?status", "received, done or failed") : 0;
}

static int get_deliveries(struct api_call *c, struct sco_error *err)
{
    struct sco_delivery_filter f = {.integration = api_query(c, "integration")};
    struct sco_delivery_page page = {0};
    int r = api_needs_all(c, "deliveries", err);
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = add_status(c, &f, err);
    if (r == 0)
        r = sco_store_deliveries(c->store, &f, &page, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < page.n; i++)
        sco_stored_delivery_write(&c->out, &page.v[i]);
    api_items_end(c, page.cursor);
    sco_delivery_page_done(&page);
    return 0;
}

static int get_delivery(struct api_call *c, struct sco_error *err)
{
    struct sco_delivery_page page = {0};
    int r = api_needs_all(c, "deliveries", err);
    if (r == 0)
        r = sco_store_delivery(c->store, c->params[0], &page, err);
    if (r < 0)
        return r;
    sco_stored_delivery_write(&c->out, &page.v[0]);
    sco_delivery_page_done(&page);
    return 0;
}

static int post_retry(struct api_call *c, struct sco_error *err)
{
    int r = api_needs_all(c, "deliveries", err);
    if (r == 0)
        r = sco_store_delivery_retry(c->store, c->params[0], c->now, err);
    if (r == SCO_E_INVALID)
        return api_problem(c, 409, err, "the delivery has not failed");
    if (r < 0)
        return r;
    c->wake = true;
    return get_delivery(c, err);
}

const struct api_route api_routes_deliveries[] = {
    {"GET", "/api/v1/deliveries", SCO_ACT_READ, SCO_RES_PIPELINES, API_FRESH, get_deliveries},
    {"GET", "/api/v1/deliveries/{id}", SCO_ACT_READ, SCO_RES_PIPELINES, API_FRESH, get_delivery},
    {"POST", "/api/v1/deliveries/{id}/retry", SCO_ACT_UPDATE, SCO_RES_PIPELINES, 0, post_retry},
    {0},
};
