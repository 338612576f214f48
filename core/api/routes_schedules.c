/* Routes: schedules. A schedule keeps the request of its jobs as it was checked when it was put. */
#include "content_priv.h"

#include <secureops/checkout.h>
#include <secureops/schedule.h>

/* One that the caller may see. */
static int find(struct api_call *c, const char *id, struct sco_schedule_page *ret,
                struct sco_error *err)
{
    int r = sco_store_schedule(c->store, id, ret, err);
    if (r == 0 && !sco_principal_sees(&c->who, ret->v[0].target_key)) {
        sco_schedule_page_done(ret);
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no schedule %s", id);
    }
    return r;
}

/* One that the caller may change. */
static int find_own(struct api_call *c, const char *id, struct sco_schedule_page *ret,
                    struct sco_error *err)
{
    int r = find(c, id, ret, err);
    if (r == 0 && strcmp(ret->v[0].kind, "scan") != 0) {
        sco_schedule_page_done(ret);
        r = api_problem(c, 409, err, "it is of the configuration: workflows.schedule");
    }
    return r;
}

static int show(struct api_call *c, const char *id, struct sco_error *err)
{
    struct sco_schedule_page p = {0};
    int r = find(c, id, &p, err);
    if (r < 0)
        return r;
    sco_stored_schedule_write(&c->out, &p.v[0]);
    sco_schedule_page_done(&p);
    return 0;
}

static int get_one(struct api_call *c, struct sco_error *err)
{
    return show(c, c->params[0], err);
}

/* A page may be shorter than its limit: what the caller may not see is left out of it. */
static int get_list(struct api_call *c, struct sco_error *err)
{
    struct sco_schedule_page p = {0};
    uint32_t limit;
    const char *cursor;
    int r = api_page(c, &limit, &cursor, err);
    if (r == 0)
        r = sco_store_schedules(c->store, cursor, limit, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        if (sco_principal_sees(&c->who, p.v[i].target_key))
            sco_stored_schedule_write(&c->out, &p.v[i]);
    api_items_end(c, p.cursor);
    sco_schedule_page_done(&p);
    return 0;
}

/* ---- put ---- */
static int take_duration(struct api_call *c, const char *name, int64_t *ret, struct sco_error *err)
{
    const char *text = api_text(c, name);
    char pointer[16];
    snprintf(pointer, sizeof pointer, "/%s", name);
    if (text && sco_parse_duration(sco_str_c(text), ret) < 0)
        return api_fault(c, err, pointer, "a duration, such as 90s, 15m or 6h");
    return 0;
}

static int take_scan(struct api_call *c, struct sco_stored_schedule *v, struct sco_error *err)
{
    const struct sco_node *scan = api_member(c, "scan");
    struct sco_job_request q;
    struct sco_str type = sco_text(sco_get(scan, "type"));
    uint32_t bits = type.n ? sco_type_parse(type) : 0;
    if (!scan || scan->type != SCO_NODE_MAP)
        return api_fault(c, err, "/scan", "what is to be scanned, as for POST /scans/all");
    if (sco_get(scan, "deadline"))
        return api_fault(c, err, "/scan/deadline", "a schedule's jobs have none");
    if (type.n && !bits)
        return api_fault(c, err, "/scan/type", "SAST, SCA, DAST, IAC, SECRET, LICENSE or QUALITY");
    int r = api_scan_request(c, scan, bits, &q, err);
    if (r < 0)
        return r;
    v->kind = q.kind;
    v->target_key = q.target_key;
    v->revision = q.revision;
    v->scanners = q.scanners;
    v->request = q.request;
    v->priority = q.priority;
    return 0;
}

static int take_body(struct api_call *c, struct sco_stored_schedule *v, struct sco_error *err)
{
    const char *zone = api_text(c, "time_zone"), *windows = api_text(c, "windows"),
               *catch_up = api_text(c, "catch_up"), *wrong = NULL;
    size_t i = 1;
    char pointer[24];
    v->name = api_text(c, "name");
    v->cron = api_text(c, "cron");
    v->time_zone = zone ? zone : "UTC";
    v->windows = windows ? windows : "";
    v->enabled = api_flag(c, "enabled", true);
    for (size_t k = 0; catch_up && sco_catch_up_name((enum sco_catch_up)k); k++)
        i = strcmp(catch_up, sco_catch_up_name((enum sco_catch_up)k)) == 0 ? k : i;
    if (catch_up && strcmp(catch_up, sco_catch_up_name((enum sco_catch_up)i)) != 0)
        return api_fault(c, err, "/catch_up", "skip, one or all");
    v->catch_up = (enum sco_catch_up)i;
    if (!v->name || !*v->name || strlen(v->name) > 200 || !sco_utf8_valid(sco_str_c(v->name)))
        return api_fault(c, err, "/name", "a name of at most 200 bytes");
    int r = take_duration(c, "interval", &v->interval_ms, err);
    if (r == 0)
        r = take_duration(c, "jitter", &v->jitter_ms, err);
    if (r < 0)
        return r;
    struct sco_error why = {0};
    r = sco_schedule_check(v, c->now, &v->next_at, &wrong, &why);
    if (r == SCO_E_INVALID || r == SCO_E_FORMAT) {
        snprintf(pointer, sizeof pointer, "/%s", wrong);
        return api_fault(c, err, pointer, "%s", why.text);
    }
    return r < 0 ? sco_error_set(err, r, "%s", why.text) : take_scan(c, v, err);
}

static int check_name(struct api_call *c, const char *name, const char *id, struct sco_error *err)
{
    struct sco_schedule_page p = {0};
    int r = sco_store_schedule(c->store, name, &p, err);
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r == 0 && (!id || strcmp(p.v[0].id, id) != 0))
        r = api_problem(c, 409, err, "there is a schedule with this name");
    sco_schedule_page_done(&p);
    return r;
}

static int store(struct api_call *c, const struct sco_stored_schedule *v, char id[37],
                 struct sco_error *err)
{
    int r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = check_name(c, v->name, v->id, err);
    if (r == 0)
        r = sco_store_schedule_put(c->store, v, c->now, id, err);
    if (r == 0)
        r = show(c, id, err);
    return sco_store_end(c->store, r, err);
}

/* Whose rights its ticks go by: whoever made, changed or resumed it last. */
static const char *owner(const struct api_call *c)
{
    return c->who.user_id[0] ? c->who.user_id : c->who.name;
}

static int post(struct api_call *c, struct sco_error *err)
{
    struct sco_stored_schedule v = {.created_by = owner(c)};
    char id[37];
    int r = take_body(c, &v, err);
    if (r == 0)
        r = store(c, &v, id, err);
    if (r == 0)
        api_created(c, "/api/v1/schedules/%s", id);
    return r;
}

static int put(struct api_call *c, struct sco_error *err)
{
    struct sco_stored_schedule v = {.created_by = owner(c)};
    struct sco_schedule_page old = {0};
    char id[37];
    int r = find_own(c, c->params[0], &old, err);
    if (r < 0)
        return r;
    v.id = old.v[0].id;
    r = take_body(c, &v, err);
    if (r == 0)
        r = store(c, &v, id, err);
    sco_schedule_page_done(&old);
    return r;
}

static int delete (struct api_call *c, struct sco_error *err)
{
    struct sco_schedule_page p = {0};
    int r = find_own(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    r = sco_store_schedule_delete(c->store, p.v[0].id, err);
    sco_schedule_page_done(&p);
    return r;
}

/* ---- pause, resume, run now ---- */
/* Ticks that were missed while it was off are not caught up. */
static int turn(struct api_call *c, bool on, struct sco_error *err)
{
    struct sco_schedule_page p = {0};
    char id[37];
    const char *wrong;
    int r = find_own(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    struct sco_stored_schedule v = p.v[0];
    if (v.enabled == on)
        sco_stored_schedule_write(&c->out, &v);
    else {
        v.enabled = on;
        v.created_by = on ? owner(c) : v.created_by;
        r = sco_schedule_check(&v, c->now, &v.next_at, &wrong, err);
        if (r == 0)
            r = store(c, &v, id, err);
    }
    sco_schedule_page_done(&p);
    return r;
}

static int pause_it(struct api_call *c, struct sco_error *err)
{
    return turn(c, false, err);
}

static int resume(struct api_call *c, struct sco_error *err)
{
    return turn(c, true, err);
}

static int run(struct api_call *c, struct sco_error *err)
{
    struct sco_schedule_page p = {0};
    int r = find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    const struct sco_stored_schedule *v = &p.v[0];
    struct sco_job_request q = {.kind = v->kind,
                                .target_key = v->target_key,
                                .revision = v->revision,
                                .scanners = v->scanners,
                                .request = v->request,
                                .priority = v->priority};
    r = api_job_add(c, &q, NULL, err);
    sco_schedule_page_done(&p);
    return r;
}

#define ROUTE(method, path, action, handler)                                                       \
    {                                                                                              \
        method, "/api/v1" path, SCO_ACT_##action, SCO_RES_SECURITY, 0, handler                     \
    }
const struct api_route api_routes_schedules[] = {
    ROUTE("GET", "/schedules", READ, get_list),
    ROUTE("POST", "/schedules", CREATE, post),
    ROUTE("GET", "/schedules/{id}", READ, get_one),
    ROUTE("PUT", "/schedules/{id}", UPDATE, put),
    ROUTE("DELETE", "/schedules/{id}", DELETE, delete),
    ROUTE("POST", "/schedules/{id}/pause", UPDATE, pause_it),
    ROUTE("POST", "/schedules/{id}/resume", UPDATE, resume),
    ROUTE("POST", "/schedules/{id}/run", CREATE, run),
    ROUTE("GET", "/targets", READ, api_target_list),
    ROUTE("POST", "/targets", CREATE, api_target_post),
    ROUTE("GET", "/targets/{id}", READ, api_target_get),
    ROUTE("PUT", "/targets/{id}", UPDATE, api_target_put),
    ROUTE("DELETE", "/targets/{id}", DELETE, api_target_delete),
    {0},
};
