/* `workflows.schedule` as schedules of the store, whose ticks become jobs once among all nodes. */
#include "workflows.h"

#include <secureops/config.h>
#include <secureops/json.h>
#include <secureops/schedule.h>

enum { PAGE = 500, PRIORITY = 6 };

int workflow_schedule_parse(struct sco_str item, struct sco_str zone, int64_t now,
                            struct sco_arena *arena, const char **ret_name, const char **ret_cron,
                            int64_t *ret_next, struct sco_error *err)
{
    struct sco_str cron = item, name;
    const char *wrong;
    if (!sco_str_split(&cron, '=', &name) || !name.n || !cron.n)
        return sco_error_set(err, SCO_E_INVALID,
                             "\"%.*s\" is not NAME=CRON, such as tidy=0 3 * * *",
                             SCO_STR_ARG(item));
    struct sco_stored_schedule v = {.name = sco_arena_cstr(arena, name),
                                    .cron = sco_arena_cstr(arena, cron),
                                    .time_zone = sco_arena_cstr(arena, zone),
                                    .windows = "",
                                    .enabled = true};
    if (!v.name || !v.cron || !v.time_zone)
        return sco_error_nomem(err);
    int r = sco_schedule_check(&v, now, ret_next, &wrong, err);
    if (r < 0)
        return r;
    *ret_name = v.name;
    *ret_cron = v.cron;
    return 0;
}

/* Nobody else can make one of this kind: the API's and the command's are scans. */
static bool is_ours(const struct sco_stored_schedule *v)
{
    return strcmp(v->kind, "workflow") == 0;
}

static bool is_wanted(const struct sco_config_workflows *c, const char *name)
{
    for (size_t i = 0; i < c->schedule.n; i++) {
        struct sco_str rest = c->schedule.v[i], of;
        if (sco_str_split(&rest, '=', &of) && strncmp(name, "workflow:", 9) == 0 &&
            sco_str_is(of, name + 9))
            return true;
    }
    return false;
}

static int drop_others(struct sco_store *s, const struct sco_config_workflows *c,
                       struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char *cursor = NULL;
    bool more = true;
    int r = 0;
    while (r == 0 && more) {
        struct sco_schedule_page p = {0};
        r = sco_store_schedules(s, cursor, PAGE, &p, err);
        for (size_t i = 0; r == 0 && i < p.n; i++)
            if (is_ours(&p.v[i]) && !is_wanted(c, p.v[i].name))
                r = sco_store_schedule_delete(s, p.v[i].id, err);
        cursor = r == 0 && p.cursor ? sco_arena_cstr(&arena, sco_str_c(p.cursor)) : NULL;
        more = cursor != NULL;
        sco_schedule_page_done(&p);
    }
    return r;
}

static int write_request(const char *name, struct sco_buf *b, struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    sco_json_begin(&o, '{');
    sco_json_key(&o, "workflows");
    sco_json_begin(&o, '[');
    sco_json_str(&o, sco_str_c(name));
    sco_json_end(&o, ']');
    sco_json_key(&o, "event");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "event", "schedule");
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    return sco_buf_check(b, err);
}

/* One that is as it was keeps its next tick, so that what was missed meanwhile is caught up. */
static int put(struct sco_store *s, struct sco_stored_schedule *v, int64_t now,
               struct sco_error *err)
{
    struct sco_schedule_page old = {0};
    char id[37];
    int r = sco_store_schedule(s, v->name, &old, err);
    if (r < 0 && r != SCO_E_NOT_FOUND)
        return r;
    const struct sco_stored_schedule *was = r == 0 ? &old.v[0] : NULL;
    bool same = was && is_ours(was) && was->enabled && was->cron &&
                strcmp(was->cron, v->cron) == 0 && strcmp(was->time_zone, v->time_zone) == 0;
    r = 0;
    if (was && !is_ours(was))
        r = sco_error_set(err, SCO_E_INVALID,
                          "there is a schedule of scans with the name %s: give it another",
                          v->name);
    v->id = was ? was->id : NULL;
    if (r == 0 && !same)
        r = sco_store_schedule_put(s, v, now, id, err);
    sco_schedule_page_done(&old);
    return r;
}

static int put_one(struct sco_store *s, const struct sco_config_workflows *c, struct sco_str item,
                   int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    SCO_AUTO(sco_buf) struct sco_buf request = {0};
    struct sco_stored_schedule v = {.windows = "",
                                    .kind = "workflow",
                                    .revision = "",
                                    .scanners = "workflow",
                                    .created_by = "configuration",
                                    .priority = PRIORITY,
                                    .catch_up = SCO_CATCH_UP_ONE,
                                    .enabled = true};
    const char *name = NULL;
    int r =
        workflow_schedule_parse(item, c->time_zone, now, &arena, &name, &v.cron, &v.next_at, err);
    if (r == 0)
        r = write_request(name, &request, err);
    if (r < 0)
        return r;
    v.name = sco_arena_fmt(&arena, "workflow:%s", name);
    v.target_key = v.name;
    v.time_zone = sco_arena_cstr(&arena, c->time_zone);
    v.request = sco_buf_z(&request);
    return v.name && v.time_zone ? put(s, &v, now, err) : sco_error_nomem(err);
}

int workflow_schedules_sync(struct sco_store *s, const struct sco_config_workflows *c, int64_t now,
                            struct sco_error *err)
{
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = drop_others(s, c, err);
    for (size_t i = 0; r == 0 && i < c->schedule.n; i++)
        r = put_one(s, c, c->schedule.v[i], now, err);
    return sco_store_end(s, r, err);
}
