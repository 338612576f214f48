/* Figures for a dashboard, and alerts. */
#include "content_priv.h"

#include <secureops/store_stats.h>

static const int64_t DAY = (int64_t)24 * 3600 * 1000;
enum { DAYS = 30 };

/* ---- figures ---- */
static int take_filter(struct api_call *c, struct sco_stats_filter *ret, struct sco_error *err)
{
    struct sco_stats_filter f = {.repository = api_query(c, "repository"),
                                 .branch = api_query(c, "branch"),
                                 .repositories = api_scope(c),
                                 .to = c->now};
    int r = api_query_time(c, "to", &f.to, err);
    f.from = f.to - (DAYS - 1) * DAY;
    if (r == 0)
        r = api_query_time(c, "from", &f.from, err);
    if (r == 0)
        *ret = f;
    return r;
}

static void write_severities(struct sco_json_out *o, const char *key,
                             const int64_t by[SCO_SEV_MAX_])
{
    sco_json_key(o, key);
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_SEV_CRITICAL; i >= SCO_SEV_INFO; i--)
        sco_json_ki64(o, sco_severity_name(i), by[i]);
    sco_json_end(o, '}');
}

int api_stats_trend(struct api_call *c, struct sco_error *err)
{
    struct sco_stats_filter f;
    struct sco_stats_trend t = {0};
    int r = take_filter(c, &f, err);
    if (r == 0)
        r = sco_store_stats_trend(c->store, &f, &t, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < t.n; i++) {
        char at[SCO_TIME_LEN];
        sco_time_format(t.v[i].at, at);
        at[10] = 0;
        sco_json_begin(&c->out, '{');
        sco_json_kz(&c->out, "date", at);
        write_severities(&c->out, "open", t.v[i].open);
        sco_json_ki64(&c->out, "created", t.v[i].created);
        sco_json_ki64(&c->out, "reopened", t.v[i].reopened);
        sco_json_ki64(&c->out, "resolved", t.v[i].resolved);
        sco_json_end(&c->out, '}');
    }
    api_items_end(c, NULL);
    sco_stats_trend_done(&t);
    return 0;
}

static void write_group(struct sco_json_out *o, const char *key, enum sco_stats_by by,
                        const struct sco_stats_group *g)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, key, g->name);
    sco_json_ki64(o, "open", g->n_open);
    if (by != SCO_STATS_BY_SEVERITY)
        write_severities(o, "open_by_severity", g->open);
    sco_json_ki64(o, "created", g->created);
    sco_json_ki64(o, "reopened", g->reopened);
    sco_json_ki64(o, "resolved", g->resolved);
    if (g->resolved) /* none: no time, and not one of 0 */
        sco_json_ki64(o, "mean_time_to_fix_ms", g->mean_fix_ms);
    sco_json_end(o, '}');
}

static int groups(struct api_call *c, enum sco_stats_by by, const char *key, struct sco_error *err)
{
    struct sco_stats_filter f;
    struct sco_stats_groups g = {0};
    int r = take_filter(c, &f, err);
    if (r == 0)
        r = sco_store_stats_groups(c->store, &f, by, &g, err);
    if (r < 0)
        return r;
    sco_json_begin(&c->out, '{');
    sco_json_key(&c->out, "items");
    sco_json_begin(&c->out, '[');
    for (size_t i = 0; i < g.n; i++)
        write_group(&c->out, key, by, &g.v[i]);
    sco_json_end(&c->out, ']');
    sco_json_kbool(&c->out, "truncated", g.more);
    sco_json_end(&c->out, '}');
    sco_stats_groups_done(&g);
    return 0;
}

int api_stats_severities(struct api_call *c, struct sco_error *err)
{
    return groups(c, SCO_STATS_BY_SEVERITY, "severity", err);
}

int api_stats_repositories(struct api_call *c, struct sco_error *err)
{
    return groups(c, SCO_STATS_BY_REPOSITORY, "repository", err);
}

int api_stats_teams(struct api_call *c, struct sco_error *err)
{
    return groups(c, SCO_STATS_BY_TEAM, "team", err);
}

/* ---- alerts ---- */
static void write_alert(struct sco_json_out *o, const struct sco_stored_alert *a)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", a->id);
    sco_json_kz(o, "kind", a->kind);
    sco_json_kz(o, "severity", sco_severity_name(a->severity));
    sco_json_kz(o, "title", a->title);
    sco_json_kz(o, "message", a->message);
    sco_json_kz(o, "repository", a->repository);
    sco_json_kz(o, "object", a->object);
    sco_json_ktime(o, "created_at", a->created_at);
    sco_json_ktime(o, "acknowledged_at", a->acknowledged_at);
    sco_json_kz(o, "acknowledged_by", a->acknowledged_by);
    sco_json_end(o, '}');
}

int api_alert_list(struct api_call *c, struct sco_error *err)
{
    struct sco_alert_page p = {0};
    struct sco_alert_filter f = {.kind = api_query(c, "kind"), .repositories = api_scope(c)};
    int r = api_query_bool(c, "waiting", &f.waiting, err);
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = sco_store_alerts(c->store, &f, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        write_alert(&c->out, &p.v[i]);
    api_items_end(c, p.cursor);
    sco_alert_page_done(&p);
    return 0;
}

/* An alert of no repository is for those who see them all. */
static bool sees(const struct api_call *c, const struct sco_stored_alert *a)
{
    return !c->who.repositories || (a->repository && sco_principal_sees(&c->who, a->repository));
}

int api_alert_get(struct api_call *c, struct sco_error *err)
{
    struct sco_alert_page p = {0};
    const char *id = c->params[0];
    int r = sco_store_alert(c->store, id, &p, err);
    if (r == SCO_E_INVALID || r == SCO_E_NOT_FOUND || (r == 0 && !sees(c, &p.v[0])))
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no alert %s", id);
    if (r == 0)
        write_alert(&c->out, &p.v[0]);
    sco_alert_page_done(&p);
    return r;
}

int api_alert_acknowledge(struct api_call *c, struct sco_error *err)
{
    bool changed = false;
    int r = api_alert_get(c, err);
    sco_buf_clear(&c->reply);
    c->out = (struct sco_json_out){.b = &c->reply};
    if (r == 0)
        r = sco_store_alert_acknowledge(c->store, c->params[0], c->who.name, c->now, &changed, err);
    return r < 0 ? r : api_alert_get(c, err);
}
