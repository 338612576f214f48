/* Schedules as rows. When one fires is computed by who asks (cron.h); that it fires once for each
 * tick is held here: next_at is exchanged in the transaction that adds the jobs. */
#include "jobs_priv.h"

#include <secureops/crypto.h>

static const char *const catch_ups[] = {"skip", "one", "all"};

#define SCHEDULE_COLUMNS                                                                           \
    "SELECT id, name, cron, time_zone, windows, kind, target_key, revision, scanners, request, "   \
    "created_by, interval_ms, jitter_ms, priority, catch_up, enabled, created_at, updated_at, "    \
    "next_at, last_at, last_job FROM schedules "

void sco_schedule_page_done(struct sco_schedule_page *p)
{
    sco_arena_done(&p->arena);
    *p = (struct sco_schedule_page){0};
}

struct reading {
    struct sco_schedule_page *page;
    size_t limit;
};

static int on_schedule(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_schedule_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->n == rd->limit) {
        p->cursor = p->v[p->n - 1].name;
        return 0;
    }
    struct sco_stored_schedule *x = &p->v[p->n++];
    *x = (struct sco_stored_schedule){.id = store_uuid_text(a, &v[0]),
                                      .name = store_keep(a, &v[1]),
                                      .cron = store_keep(a, &v[2]),
                                      .time_zone = store_keep(a, &v[3]),
                                      .windows = store_keep(a, &v[4]),
                                      .kind = store_keep(a, &v[5]),
                                      .target_key = store_keep(a, &v[6]),
                                      .revision = store_keep(a, &v[7]),
                                      .scanners = store_keep(a, &v[8]),
                                      .request = store_keep(a, &v[9]),
                                      .created_by = store_keep(a, &v[10]),
                                      .interval_ms = v[11].i,
                                      .jitter_ms = v[12].i,
                                      .priority = (int32_t)v[13].i,
                                      .enabled = v[15].i != 0,
                                      .created_at = v[16].i,
                                      .updated_at = v[17].i,
                                      .next_at = v[18].i,
                                      .last_at = v[19].i,
                                      .last_job = store_uuid_text(a, &v[20])};
    for (size_t i = 0; i < SCO_ARRAY_LEN(catch_ups); i++)
        if (sco_str_is(v[14].s, catch_ups[i]))
            x->catch_up = (enum sco_catch_up)i;
    return x->id && x->name && x->time_zone && x->windows && x->kind && x->target_key &&
                   x->revision && x->scanners && x->request &&
                   (x->cron || v[2].type == STORE_NULL) &&
                   (x->created_by || v[10].type == STORE_NULL) &&
                   (x->last_job || v[20].type == STORE_NULL)
               ? 0
               : SCO_E_NOMEM;
}

static int ask(struct sco_store *s, const char *sql, const struct store_value *v, size_t n,
               size_t limit, struct sco_schedule_page *ret, struct sco_error *err)
{
    struct sco_schedule_page page = {0};
    struct reading rd = {&page, limit};
    page.v = sco_arena_alloc(&page.arena, limit * sizeof *page.v);
    int r = page.v ? store_query(s, sql, v, n, on_schedule, &rd, err) : sco_error_nomem(err);
    if (r < 0)
        sco_schedule_page_done(&page);
    else
        *ret = page;
    return r;
}

static int no_schedule(const char *id, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no schedule %s", id);
}

int sco_store_schedule(struct sco_store *s, const char *id, struct sco_schedule_page *ret,
                       struct sco_error *err)
{
    uint8_t uuid[16];
    struct sco_schedule_page page = {0};
    struct store_value v = sv_text(id);
    bool by_id = store_uuid_parse(sco_str_c(id), uuid);
    if (by_id)
        v = sv_bytes(STORE_UUID, uuid, sizeof uuid);
    int r = ask(s, by_id ? SCHEDULE_COLUMNS "WHERE id = $1" : SCHEDULE_COLUMNS "WHERE name = $1",
                &v, 1, 1, &page, err);
    if (r == 0 && !page.n) {
        sco_schedule_page_done(&page);
        r = no_schedule(id, err);
    }
    if (r == 0)
        *ret = page;
    return r;
}

int sco_store_schedules(struct sco_store *s, const char *cursor, uint32_t limit,
                        struct sco_schedule_page *ret, struct sco_error *err)
{
    limit = limit ? limit : 100;
    if (limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d schedules",
                             SCO_STORE_PAGE_MAX);
    struct store_value v[] = {sv_text(cursor ? cursor : ""), sv_i64((int64_t)limit + 1)};
    return ask(s, SCHEDULE_COLUMNS "WHERE name > $1 ORDER BY name LIMIT $2", v, 2, limit, ret, err);
}

int sco_store_schedules_due(struct sco_store *s, int64_t now, uint32_t limit,
                            struct sco_schedule_page *ret, struct sco_error *err)
{
    limit = limit ? limit : 100;
    struct store_value v[] = {sv_i64(now), sv_i64(limit)};
    return ask(s,
               SCHEDULE_COLUMNS "WHERE enabled AND next_at > 0 AND next_at <= $1 ORDER BY next_at, "
                                "pk LIMIT $2",
               v, 2, limit, ret, err);
}

/* ---- writing ---- */
static int check(const struct sco_stored_schedule *v, struct sco_error *err)
{
    uint8_t uuid[16];
    if (!v->name || !*v->name || !v->time_zone || !v->windows || !v->kind || !v->target_key ||
        !*v->target_key || !v->revision || !v->scanners || !v->request ||
        (unsigned)v->catch_up >= SCO_ARRAY_LEN(catch_ups) || v->priority < 0 ||
        v->priority > SCO_JOB_PRIORITY_MAX || !v->cron == !v->interval_ms || v->interval_ms < 0 ||
        v->jitter_ms < 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "a schedule has a name, a target, a request, and either a cron "
                             "expression or an interval");
    if (store_uuid_parse(sco_str_c(v->name), uuid)) /* it could not be told from an id */
        return sco_error_set(err, SCO_E_INVALID, "a schedule's name is not a UUID");
    return 0;
}

static int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

static int put(struct sco_store *s, const struct sco_stored_schedule *x, const uint8_t id[16],
               int64_t now, struct sco_error *err)
{
    int64_t taken = 0, n = 0;
    struct store_value v[] = {
        sv_text(x->name),
        sv_text(x->cron),
        sv_text(x->time_zone),
        sv_text(x->windows),
        sv_text(x->kind),
        sv_text(x->target_key),
        sv_text(x->revision),
        sv_text(x->scanners),
        sv_json(sco_str_c(x->request)),
        sv_i64(x->interval_ms),
        sv_i64(x->jitter_ms),
        sv_i64(x->priority),
        sv_text(catch_ups[x->catch_up]),
        sv_bool(x->enabled),
        sv_i64(now),
        sv_i64(x->next_at),
        sv_text(x->created_by),
        sv_bytes(STORE_UUID, id, 16),
        sv_i64(now),
    };
    struct store_value name[] = {v[0], v[17]};
    int r = store_queue_up(s, "schedules", x->name, err);
    if (r == 0)
        r = store_query(s, "SELECT count(*) FROM schedules WHERE name = $1 AND id <> $2", name, 2,
                        take_i64, &taken, err);
    if (r == 0 && taken)
        r = sco_error_set(err, SCO_E_INVALID, "there is a schedule with the name %s", x->name);
    if (r < 0)
        return r;
    if (x->id)
        r = store_exec(s,
                       "UPDATE schedules SET name = $1, cron = $2, time_zone = $3, windows = $4, "
                       "kind = $5, target_key = $6, revision = $7, scanners = $8, request = $9, "
                       "interval_ms = $10, jitter_ms = $11, priority = $12, catch_up = $13, "
                       "enabled = $14, updated_at = $15, next_at = $16, created_by = "
                       "COALESCE($17, created_by) WHERE id = $18",
                       v, 18, &n, err);
    else
        r = store_exec(s,
                       "INSERT INTO schedules (name, cron, time_zone, windows, kind, target_key, "
                       "revision, scanners, request, interval_ms, jitter_ms, priority, catch_up, "
                       "enabled, updated_at, next_at, created_by, id, created_at) VALUES ($1, $2, "
                       "$3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
                       "$19)",
                       v, SCO_ARRAY_LEN(v), &n, err);
    return r == 0 && !n ? no_schedule(x->id, err) : r;
}

int sco_store_schedule_put(struct sco_store *s, const struct sco_stored_schedule *v, int64_t now,
                           char ret_id[37], struct sco_error *err)
{
    uint8_t id[16];
    char text[37];
    int r = check(v, err);
    if (r == 0 && (strncmp(v->name, "workflow:", 9) == 0) != (strcmp(v->kind, "workflow") == 0))
        r = sco_error_set(err, SCO_E_INVALID,
                          "names that begin with workflow: are those of workflows.schedule");
    if (r < 0)
        return r;
    if (v->id)
        snprintf(text, sizeof text, "%s", v->id);
    else
        sco_uuid4(text);
    if (!store_uuid_parse(sco_str_c(text), id))
        return no_schedule(v->id, err);
    r = sco_store_begin(s, err);
    if (r == 0)
        r = sco_store_end(s, put(s, v, id, now, err), err);
    if (r == 0)
        memcpy(ret_id, text, sizeof text);
    return r;
}

int sco_store_schedule_delete(struct sco_store *s, const char *id, struct sco_error *err)
{
    uint8_t uuid[16];
    int64_t n = 0;
    if (!store_uuid_parse(sco_str_c(id), uuid))
        return no_schedule(id, err);
    struct store_value v = sv_bytes(STORE_UUID, uuid, sizeof uuid);
    int r = store_exec(s, "DELETE FROM schedules WHERE id = $1", &v, 1, &n, err);
    return r == 0 && !n ? no_schedule(id, err) : r;
}

/* ---- a tick ---- */
static int fire(struct sco_store *s, const uint8_t id[16], int64_t expected, int64_t next_at,
                const struct sco_job_request *jobs, size_t n, int64_t now, bool *ret,
                struct sco_error *err)
{
    int64_t changed = 0;
    struct sco_job_added added = {0};
    uint8_t job[16];
    struct store_value v[] = {sv_i64(next_at), sv_bytes(STORE_UUID, id, 16), sv_i64(expected)};
    int r = store_exec(s,
                       "UPDATE schedules SET next_at = $1 WHERE id = $2 AND next_at = $3 AND "
                       "enabled",
                       v, 3, &changed, err);
    *ret = changed > 0;
    for (size_t i = 0; i < n && r == 0 && changed; i++)
        r = sco_store_job_add(s, &jobs[i], now, &added, err);
    if (r < 0 || !changed || !n)
        return r;
    SCO_BUG_ON(!store_uuid_parse(sco_str_c(added.id), job));
    struct store_value last[] = {sv_i64(now), sv_bytes(STORE_UUID, job, sizeof job), v[1]};
    return store_exec(s, "UPDATE schedules SET last_at = $1, last_job = $2 WHERE id = $3", last, 3,
                      NULL, err);
}

int sco_store_schedule_fire(struct sco_store *s, const char *id, int64_t expected, int64_t next_at,
                            const struct sco_job_request *jobs, size_t n, int64_t now,
                            bool *ret_fired, struct sco_error *err)
{
    uint8_t uuid[16];
    bool fired = false;
    if (!store_uuid_parse(sco_str_c(id), uuid))
        return no_schedule(id, err);
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, fire(s, uuid, expected, next_at, jobs, n, now, &fired, err), err);
    if (r == 0)
        *ret_fired = fired;
    return r;
}
