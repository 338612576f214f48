/* Routes: vulnerabilities, reports, statistics, alerts. */
#include "content_priv.h"

static int list(struct api_call *c, struct sco_error *err)
{
    struct sco_store_filter f;
    struct sco_finding_page p = {0};
    int r = api_finding_filter(c, &f, err);
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = sco_store_findings(c->store, &f, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n && r == 0; i++)
        r = sco_stored_finding_write(&c->out, &p.v[i], err);
    if (r == 0)
        api_items_end(c, p.cursor);
    sco_finding_page_done(&p);
    return r;
}

static int get(struct api_call *c, struct sco_error *err)
{
    struct sco_finding_page p = {0};
    int r = api_finding_find(c, c->params[0], &p, err);
    if (r == 0)
        r = api_finding_reply(c, &p.v[0], err);
    sco_finding_page_done(&p);
    return r;
}

static int history(struct api_call *c, struct sco_error *err)
{
    struct sco_finding_page p = {0};
    struct sco_store_history h = {0};
    int r = api_finding_find(c, c->params[0], &p, err);
    sco_finding_page_done(&p);
    if (r == 0)
        r = sco_store_history(c->store, c->params[0], &h, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < h.n; i++) {
        struct sco_json_out *o = &c->out;
        bool assigned = strcmp(h.v[i].action, "assigned") == 0;
        sco_json_begin(o, '{');
        sco_json_ktime(o, "at", h.v[i].at);
        sco_json_kz(o, "action", h.v[i].action);
        sco_json_kz(o, "from", h.v[i].from);
        sco_json_kz(o, "to", h.v[i].to);
        sco_json_kz(o, "by", h.v[i].by);
        sco_json_kz(o, "scan_id", h.v[i].scan_id);
        sco_json_kz(o, assigned ? "assignee" : "reason", h.v[i].reason);
        sco_json_end(o, '}');
    }
    api_items_end(c, NULL);
    sco_store_history_done(&h);
    return 0;
}

#define V1 "/api/v1"
#define READ(path, resource, handler)                                                              \
    {                                                                                              \
        "GET", V1 path, SCO_ACT_READ, SCO_RES_##resource, 0, handler                               \
    }

const struct api_route api_routes_findings[] = {
    READ("/vulnerabilities", VULNERABILITIES, list),
    READ("/vulnerabilities/{id}", VULNERABILITIES, get),
    {"PUT", V1 "/vulnerabilities/{id}", SCO_ACT_UPDATE, SCO_RES_VULNERABILITIES, 0,
     api_finding_put},
    {"POST", V1 "/vulnerabilities/bulk", SCO_ACT_UPDATE, SCO_RES_VULNERABILITIES, 0,
     api_finding_bulk},
    READ("/vulnerabilities/{id}/history", VULNERABILITIES, history),
    {"GET", V1 "/reports/security", SCO_ACT_READ, SCO_RES_REPORTS, API_FRESH, api_security_report},
    READ("/stats/trend", DASHBOARDS, api_stats_trend),
    READ("/stats/severities", DASHBOARDS, api_stats_severities),
    READ("/stats/repositories", DASHBOARDS, api_stats_repositories),
    READ("/stats/teams", DASHBOARDS, api_stats_teams),
    READ("/alerts", ALERTS, api_alert_list),
    READ("/alerts/{id}", ALERTS, api_alert_get),
    {"POST", V1 "/alerts/{id}/acknowledge", SCO_ACT_UPDATE, SCO_RES_ALERTS, 0,
     api_alert_acknowledge},
    {0},
};
