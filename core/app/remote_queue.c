/* Jobs and schedules of a daemon, as a store gives them. */
#include "remote.h"

static const char *json_of(struct sco_arena *a, const struct sco_node *v)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!v)
        return "{}";
    sco_json_node(&o, v);
    return b.failed ? NULL : sco_arena_cstr(a, sco_buf_str(&b));
}

static enum sco_job_state state_of(const struct sco_node *m)
{
    struct sco_str text = sco_text(sco_get(m, "state"));
    int i = 0;
    while (i < SCO_JOB_STATE_MAX_ && !sco_str_is(text, sco_job_state_name((enum sco_job_state)i)))
        i++;
    return i < SCO_JOB_STATE_MAX_ ? (enum sco_job_state)i : SCO_JOB_QUEUED;
}

/* ---- jobs ---- */
static int take_job(const struct sco_node *m, struct sco_arena *a, void *item,
                    struct sco_error *err)
{
    struct sco_stored_job *j = item;
    if (!sco_is(m, SCO_NODE_MAP) || !sco_text(sco_get(m, "id")).n)
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's answer is not a job");
    *j = (struct sco_stored_job){
        .id = remote_text(a, m, "id"),
        .state = state_of(m),
        .request = {.kind = remote_text_or_empty(a, m, "kind"),
                    .target_key = remote_text_or_empty(a, m, "target"),
                    .revision = remote_text_or_empty(a, m, "revision"),
                    .scanners = remote_text_or_empty(a, m, "scanners"),
                    .request = json_of(a, sco_get(m, "request")),
                    .origin = remote_text_or_empty(a, m, "origin"),
                    .requested_by = remote_text(a, m, "requested_by"),
                    .correlation_id = remote_text(a, m, "correlation_id"),
                    .priority = (int32_t)sco_int(sco_get(m, "priority"), 0),
                    .max_attempts = (uint32_t)sco_int(sco_get(m, "max_attempts"), 0),
                    .deadline = remote_time(m, "deadline")},
        .created_at = remote_time(m, "created_at"),
        .started_at = remote_time(m, "started_at"),
        .completed_at = remote_time(m, "completed_at"),
        .not_before = remote_time(m, "not_before"),
        .attempt = (uint32_t)sco_int(sco_get(m, "attempt"), 0),
        .node = remote_text(a, m, "node"),
        .reason = remote_text(a, m, "reason"),
        .scan_id = remote_text(a, m, "scan_id"),
        .cancel = sco_bool(sco_get(m, "cancelling"), 0)};
    return j->id && j->request.request ? 0 : sco_error_nomem(err);
}

static const struct remote_shape a_job = {sizeof(struct sco_stored_job), take_job, NULL};

static void to_jobs(const struct remote_list *l, struct sco_job_page *ret)
{
    *ret = (struct sco_job_page){.v = l->v, .n = l->n, .cursor = l->cursor, .arena = l->arena};
}

int remote_jobs(struct remote *r, const struct sco_job_filter *f, struct sco_job_page *ret,
                struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, states = {0};
    struct remote_list l;
    for (int i = 0; i < SCO_JOB_STATE_MAX_; i++)
        if (f->states >> i & 1)
            sco_buf_addf(&states, "%s%s", states.n ? "," : "",
                         sco_job_state_name((enum sco_job_state)i));
    sco_buf_addz(&path, "/jobs");
    remote_query(&path, "state", states.n ? sco_buf_z(&states) : NULL);
    remote_query(&path, "target", f->target_key);
    remote_query_limit(&path, f->limit);
    remote_query(&path, "cursor", f->cursor);
    path.failed |= states.failed;
    int e = remote_list(r, &path, &a_job, &l, err);
    if (e == 0)
        to_jobs(&l, ret);
    return e;
}

int remote_job(struct remote *r, const char *id, struct sco_job_page *ret, struct sco_error *err)
{
    struct remote_list l;
    int e = remote_one_at(r, "/jobs", id, &a_job, &l, err);
    if (e == 0)
        to_jobs(&l, ret);
    return e;
}

int remote_job_do(struct remote *r, const char *id, const char *verb, enum sco_job_state *ret,
                  struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena text = {0};
    const struct sco_node *m = NULL;
    int e = remote_do_at(r, "/jobs", id, verb, &text, &m, err);
    if (e == 0)
        *ret = state_of(m);
    return e;
}

/* ---- schedules ---- */
static int64_t duration_of(const struct sco_node *m, const char *key)
{
    int64_t ms = 0;
    return sco_parse_duration(sco_text(sco_get(m, key)), &ms) == 0 ? ms : 0;
}

static int take_schedule(const struct sco_node *m, struct sco_arena *a, void *item,
                         struct sco_error *err)
{
    struct sco_stored_schedule *v = item;
    struct sco_str catch_up = sco_text(sco_get(m, "catch_up"));
    if (!sco_is(m, SCO_NODE_MAP) || !sco_text(sco_get(m, "id")).n)
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's answer is not a schedule");
    *v = (struct sco_stored_schedule){
        .id = remote_text(a, m, "id"),
        .name = remote_text_or_empty(a, m, "name"),
        .cron = remote_text(a, m, "cron"),
        .interval_ms = duration_of(m, "interval"),
        .time_zone = remote_text_or_empty(a, m, "time_zone"),
        .windows = remote_text_or_empty(a, m, "windows"),
        .jitter_ms = duration_of(m, "jitter"),
        .catch_up = (enum sco_catch_up)(sco_str_is(catch_up, "skip")  ? 0
                                        : sco_str_is(catch_up, "all") ? 2
                                                                      : 1),
        .enabled = sco_bool(sco_get(m, "enabled"), 1),
        .priority = (int32_t)sco_int(sco_get(m, "priority"), SCO_JOB_PRIORITY),
        .kind = remote_text_or_empty(a, m, "kind"),
        .target_key = remote_text_or_empty(a, m, "target"),
        .revision = remote_text_or_empty(a, m, "revision"),
        .scanners = remote_text_or_empty(a, m, "scanners"),
        .request = json_of(a, sco_get(m, "request")),
        .created_by = remote_text(a, m, "created_by"),
        .created_at = remote_time(m, "created_at"),
        .updated_at = remote_time(m, "updated_at"),
        .next_at = remote_time(m, "next_at"),
        .last_at = remote_time(m, "last_at"),
        .last_job = remote_text(a, m, "last_job")};
    return v->id && v->request ? 0 : sco_error_nomem(err);
}

static const struct remote_shape a_schedule = {sizeof(struct sco_stored_schedule), take_schedule,
                                               NULL};

static void to_schedules(const struct remote_list *l, struct sco_schedule_page *ret)
{
    *ret = (struct sco_schedule_page){.v = l->v, .n = l->n, .cursor = l->cursor, .arena = l->arena};
}

int remote_schedules(struct remote *r, const char *cursor, uint32_t limit,
                     struct sco_schedule_page *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct remote_list l;
    sco_buf_addz(&path, "/schedules");
    remote_query_limit(&path, limit);
    remote_query(&path, "cursor", cursor);
    int e = remote_list(r, &path, &a_schedule, &l, err);
    if (e == 0)
        to_schedules(&l, ret);
    return e;
}

int remote_schedule(struct remote *r, const char *name, struct sco_schedule_page *ret,
                    struct sco_error *err)
{
    struct remote_list l;
    int e = remote_one_at(r, "/schedules", name, &a_schedule, &l, err);
    if (e == 0)
        to_schedules(&l, ret);
    return e;
}

static void put_duration(struct sco_json_out *o, const char *key, int64_t ms)
{
    char text[32];
    snprintf(text, sizeof text, "%lldms", (long long)ms);
    sco_json_kz(o, key, ms ? text : NULL);
}

/* The request of its jobs, and what the API has beside it. */
static int put_scan(struct sco_json_out *o, const struct sco_stored_schedule *v,
                    struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const struct sco_node *q = NULL;
    int e = sco_json_parse(sco_str_c(v->request), &a, &q, err);
    sco_json_key(o, "scan");
    sco_json_begin(o, '{');
    for (const struct sco_node *m = e == 0 ? q->child : NULL; m; m = m->next) {
        sco_json_key(o, m->key.p);
        sco_json_node(o, m);
    }
    sco_json_ki64(o, "priority", v->priority);
    sco_json_end(o, '}');
    return e;
}

int remote_schedule_put(struct remote *r, const char *id, const struct sco_stored_schedule *v,
                        struct sco_schedule_page *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, body = {0};
    struct sco_json_out o = {.b = &body};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "name", v->name);
    sco_json_kz(&o, "cron", v->cron);
    put_duration(&o, "interval", v->interval_ms);
    sco_json_kz(&o, "time_zone", v->time_zone);
    sco_json_kz(&o, "windows", v->windows);
    put_duration(&o, "jitter", v->jitter_ms);
    sco_json_kz(&o, "catch_up", sco_catch_up_name(v->catch_up));
    sco_json_kbool(&o, "enabled", v->enabled);
    int e = put_scan(&o, v, err);
    sco_json_end(&o, '}');
    sco_buf_addz(&path, "/schedules");
    if (id)
        remote_segment(&path, id);
    if (e == 0 && (path.failed || body.failed))
        e = sco_error_nomem(err);
    struct remote_ask q = {.method = id ? "PUT" : "POST",
                           .path = sco_buf_z(&path),
                           .json = sco_buf_str(&body),
                           .repeatable = !id};
    struct remote_list l;
    if (e == 0)
        e = remote_one(r, &q, &a_schedule, &l, err);
    if (e == 0)
        to_schedules(&l, ret);
    return e;
}

int remote_schedule_do(struct remote *r, const char *id, const char *verb, char *ret_job,
                       struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena text = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    const struct sco_node *m = NULL;
    bool delete = strcmp(verb, "delete") == 0;
    sco_buf_addz(&path, "/schedules");
    remote_segment(&path, id);
    if (!delete)
        remote_segment(&path, verb);
    struct remote_ask q = {.method = delete ? "DELETE" : "POST",
                           .path = sco_buf_z(&path),
                           .repeatable = ret_job != NULL};
    int e = sco_buf_check(&path, err);
    if (e == 0)
        e = remote_json(r, &q, &text, &m, err);
    if (e == 0 && ret_job)
        snprintf(ret_job, 37, "%.*s", SCO_STR_ARG(sco_text(sco_get(m, "id"))));
    return e;
}
