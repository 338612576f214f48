/* Events: pages of the feed, and the feed as it grows. */
#include "feed_priv.h"

enum { SEQUENCE = 5000 };

static void write_event(struct api_call *c, const struct sco_event *e)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_event_write(&b, e, api_options(c->api)->environment);
    c->reply.failed |= b.failed;
    sco_json_begin(&c->out, '{');
    sco_json_ki64(&c->out, "position", e->position);
    sco_json_key(&c->out, "event");
    sco_json_raw(&c->out, sco_buf_str(&b));
    sco_json_end(&c->out, '}');
}

static bool in_scope(const struct api_call *c, const struct sco_event *e)
{
    const char *const *k = api_scope(c);
    if (!k)
        return true;
    for (; *k; k++)
        if (sco_glob_match(*k, sco_str_c(e->key)))
            return true;
    return false;
}

/* One look at the store for each call: a page may have fewer than `limit`, or none, and a cursor
 * all the same. */
static int get_events(struct api_call *c, struct sco_error *err)
{
    const char *cursor = NULL, *repository = api_query(c, "repository");
    const char *keys[] = {repository, NULL};
    uint32_t limit = 0;
    int64_t after = 0, last = 0;
    bool more = false;
    struct sco_event_page page = {0};
    char next[24];
    int r = api_page(c, &limit, &cursor, err);
    if (r == 0 && cursor && sco_parse_i64(sco_str_c(cursor), 0, INT64_MAX, &after) < 0)
        r = api_fault(c, err, "?cursor", "is no cursor of this list");
    if (r == 0)
        r = sco_store_events_sequence(c->store, SEQUENCE, &last, &more, err);
    if (r == 0)
        r = sco_store_events_read(c->store, after, limit, api_query(c, "type"),
                                  repository ? keys : NULL, &page, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < page.n; i++)
        if (in_scope(c, &page.v[i]))
            write_event(c, &page.v[i]);
    snprintf(next, sizeof next, "%lld", (long long)page.last);
    api_items_end(c, page.last < last || more ? next : NULL);
    sco_event_page_done(&page);
    return 0;
}

static int get_stream(struct api_call *c, struct sco_error *err)
{
    return feed_join(c, false, err);
}

static int get_ws(struct api_call *c, struct sco_error *err)
{
    return feed_join(c, true, err);
}

const struct api_route api_routes_events[] = {
    {"GET", "/api/v1/events", SCO_ACT_READ, SCO_RES_EVENTS, API_FRESH, get_events},
    {"GET", "/api/v1/events/stream", SCO_ACT_READ, SCO_RES_EVENTS, API_STREAM, get_stream},
    {"GET", "/api/v1/events/ws", SCO_ACT_READ, SCO_RES_EVENTS, API_STREAM, get_ws},
    {0},
};
