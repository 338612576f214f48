/* secureops schedules ...: when the daemon on this store scans what. */
#include "remote.h"

#include <secureops/checkout.h>
#include <secureops/schedule.h>

static void print_row(const struct sco_stored_schedule *v)
{
    SCO_AUTO(sco_buf) struct sco_buf name = {0}, when = {0}, target = {0};
    char next[SCO_TIME_LEN] = "";
    sco_buf_add_printable(&name, sco_str_c(v->name));
    sco_buf_add_printable(&target, sco_str_c(v->target_key));
    if (v->cron)
        sco_buf_add_printable(&when, sco_str_c(v->cron));
    else
        sco_buf_add_duration(&when, v->interval_ms);
    if (v->enabled && v->next_at)
        sco_time_format(v->next_at, next);
    else
        snprintf(next, sizeof next, "%s", v->enabled ? "never" : "paused");
    printf("%-20s  %-18s  %-16s  %-20.20s  %s %s\n", sco_buf_z(&name), sco_buf_z(&when),
           v->time_zone, next, sco_buf_z(&target), v->revision);
}

static int print_json(struct sco_buf *b, struct sco_error *err)
{
    int r = sco_buf_check(b, err);
    if (r == 0)
        printf("%s\n", sco_buf_z(b));
    return r;
}

static int list(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_schedule_page p = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    uint32_t limit = 0;
    int r = context_limit(c, &limit, err);
    if (r == 0)
        r = c->remote ? remote_schedules(c->remote, c->values[ARG_CURSOR], limit, &p, err)
                      : sco_store_schedules(s, c->values[ARG_CURSOR], limit, &p, err);
    if (r < 0)
        return r;
    sco_json_begin(&o, '{');
    sco_json_key(&o, "schedules");
    sco_json_begin(&o, '[');
    if (!json && p.n)
        printf("%-20s  %-18s  %-16s  %-20s  %s\n", "NAME", "WHEN", "TIME ZONE", "NEXT (UTC)",
               "TARGET");
    else if (!json)
        printf("No schedules\n");
    for (size_t i = 0; i < p.n; i++)
        if (json)
            sco_stored_schedule_write(&o, &p.v[i]);
        else
            print_row(&p.v[i]);
    sco_json_end(&o, ']');
    sco_json_key(&o, "cursor");
    if (p.cursor)
        sco_json_str(&o, sco_str_c(p.cursor));
    else
        sco_json_null(&o);
    sco_json_end(&o, '}');
    if (json)
        r = print_json(&b, err);
    else if (p.cursor)
        printf("\nThere are more: --cursor %s\n", p.cursor);
    sco_schedule_page_done(&p);
    return r;
}

static int show_one(const struct sco_stored_schedule *v, bool json, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = !json};
    sco_stored_schedule_write(&o, v);
    return print_json(&b, err);
}

static int find(struct cli *c, struct sco_store *s, const char *name, struct sco_schedule_page *ret,
                struct sco_error *err)
{
    return c->remote ? remote_schedule(c->remote, name, ret, err)
                     : sco_store_schedule(s, name, ret, err);
}

/* ---- put ---- */
/* What POST /api/v1/schedules would keep for the same. */
static int take_request(struct cli *c, const char *location, struct sco_stored_schedule *v,
                        struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, key = {0};
    struct sco_json_out o = {.b = &b};
    const char *kind = NULL;
    int r = target_kind(&location, &kind, err);
    if (r < 0)
        return r;
    struct sco_str at = sco_str_c(location);
    const char *branch = args_has(c, ARG_BRANCH) ? c->values[ARG_BRANCH] : "";
    sco_json_begin(&o, '{');
    sco_json_key(&o, "target");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", kind);
    sco_json_kz(&o, "location", location);
    sco_json_end(&o, '}');
    sco_json_kz(&o, "branch", *branch ? branch : NULL);
    if (args_has(c, ARG_SCANNERS))
        target_names_json(&o, "scanners", sco_buf_str(&c->lists[ARG_SCANNERS]));
    if (args_has(c, ARG_SKIP))
        target_names_json(&o, "skip", sco_buf_str(&c->lists[ARG_SKIP]));
    sco_json_end(&o, '}');
    if (strcmp(kind, "repository") == 0)
        sco_repository_normal(at, &key);
    else
        sco_buf_add(&key, at);
    v->kind = "scan";
    v->revision = branch;
    v->scanners = args_has(c, ARG_SCANNERS) ? sco_buf_z(&c->lists[ARG_SCANNERS]) : "";
    v->target_key = sco_arena_cstr(&c->arena, sco_buf_str(&key));
    v->request = sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return b.failed || key.failed || !v->target_key || !v->request ? sco_error_nomem(err) : 0;
}

static int take_duration(struct cli *c, int id, const char *name, int64_t *ret,
                         struct sco_error *err)
{
    if (args_has(c, id) && sco_parse_duration(sco_str_c(c->values[id]), ret) < 0)
        return sco_error_set(err, SCO_E_INVALID, "--%s: expected a duration as 90s, 15m or 6h",
                             name);
    return 0;
}

static int take_options(struct cli *c, struct sco_stored_schedule *v, struct sco_error *err)
{
    int64_t priority = SCO_JOB_PRIORITY;
    const char *catch_up = args_has(c, ARG_CATCH_UP) ? c->values[ARG_CATCH_UP] : "one";
    size_t i = 0;
    v->cron = c->values[ARG_CRON];
    v->time_zone = args_has(c, ARG_TIME_ZONE) ? c->values[ARG_TIME_ZONE] : "UTC";
    v->windows = args_has(c, ARG_WINDOWS) ? c->values[ARG_WINDOWS] : "";
    const char *name;
    while ((name = sco_catch_up_name((enum sco_catch_up)i)) && strcmp(catch_up, name) != 0)
        i++;
    if (!name)
        return sco_error_set(err, SCO_E_INVALID, "--catch-up: expected skip, one or all");
    v->catch_up = (enum sco_catch_up)i;
    if (args_has(c, ARG_PRIORITY) &&
        sco_parse_i64(sco_str_c(c->values[ARG_PRIORITY]), 0, SCO_JOB_PRIORITY_MAX, &priority) < 0)
        return sco_error_set(err, SCO_E_INVALID, "--priority: expected 0 to %d",
                             SCO_JOB_PRIORITY_MAX);
    v->priority = (int32_t)priority;
    int r = take_duration(c, ARG_INTERVAL, "interval", &v->interval_ms, err);
    return r < 0 ? r : take_duration(c, ARG_JITTER, "jitter", &v->jitter_ms, err);
}

static int check(struct sco_stored_schedule *v, int64_t now, struct sco_error *err)
{
    const char *member = "";
    int r = sco_schedule_check(v, now, &v->next_at, &member, err);
    return r < 0 ? sco_error_prefix(err, "%s", member) : 0;
}

/* As the API has it. */
static int check_own(const struct sco_stored_schedule *v, struct sco_error *err)
{
    return strcmp(v->kind, "scan") == 0
               ? 0
               : sco_error_set(err, SCO_E_INVALID, "%s is of the configuration: workflows.schedule",
                               v->name);
}

/* A new one, or another in the place of the one with this name, which stays paused if it was. */
static int put(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_schedule_page old = {0}, p = {0};
    struct sco_stored_schedule v = {.name = c->operands[1], .enabled = true};
    int64_t now = sco_now_ms();
    char id[37];
    int r = find(c, s, v.name, &old, err);
    if (r == SCO_E_NOT_FOUND)
        r = 0;
    else if (r == 0) {
        v.id = old.v[0].id;
        v.name = old.v[0].name;
        v.enabled = old.v[0].enabled;
        r = check_own(&old.v[0], err);
    }
    if (r == 0)
        r = take_options(c, &v, err);
    if (r == 0)
        r = take_request(c, c->operands[2], &v, err);
    if (r == 0)
        r = check(&v, now, err);
    if (r == 0 && !(v.created_by = context_user(c)))
        r = sco_error_nomem(err);
    if (r == 0 && c->remote)
        r = remote_schedule_put(c->remote, v.id, &v, &p, err);
    else if (r == 0 && (r = sco_store_schedule_put(s, &v, now, id, err)) == 0)
        r = sco_store_schedule(s, id, &p, err);
    if (r == 0)
        r = show_one(&p.v[0], json, err);
    sco_schedule_page_done(&p);
    sco_schedule_page_done(&old);
    return r;
}

/* ---- one that is there ---- */
static int turn(struct cli *c, struct sco_store *s, const struct sco_stored_schedule *old, bool on,
                struct sco_error *err)
{
    struct sco_stored_schedule v = *old;
    int64_t now = sco_now_ms();
    char id[37];
    v.enabled = on;
    if (on) /* its ticks go by the rights of whoever did this last */
        v.created_by = context_user(c);
    int r = old->enabled == on ? 0 : check(&v, now, err);
    if (r == 0 && old->enabled != on)
        r = sco_store_schedule_put(s, &v, now, id, err);
    if (r == 0)
        printf("%s %s\n", v.name, on ? "resumed" : "paused");
    return r;
}

static int run(struct cli *c, struct sco_store *s, const struct sco_stored_schedule *v,
               struct sco_error *err)
{
    struct sco_job_added added;
    struct sco_job_request q = {.kind = v->kind,
                                .target_key = v->target_key,
                                .revision = v->revision,
                                .scanners = v->scanners,
                                .request = v->request,
                                .origin = "cli",
                                .requested_by = context_user(c),
                                .priority = v->priority};
    int r = sco_store_job_add(s, &q, sco_now_ms(), &added, err);
    if (r == 0)
        printf("%s queued\n", added.id);
    return r;
}

/* What the daemon does with one of its own. */
static int do_remote(struct cli *c, const struct sco_stored_schedule *v, const char *verb,
                     struct sco_error *err)
{
    bool running = strcmp(verb, "run") == 0;
    char job[37] = "";
    int r = remote_schedule_do(c->remote, v->id, verb, running ? job : NULL, err);
    if (r == 0 && running)
        printf("%s queued\n", job);
    else if (r == 0)
        printf("%s %sd\n", v->name, verb);
    return r;
}

static int change(struct cli *c, struct sco_store *s, const struct sco_stored_schedule *v,
                  const char *verb, struct sco_error *err)
{
    int r = check_own(v, err);
    if (r == 0 && strcmp(verb, "delete") != 0)
        return turn(c, s, v, strcmp(verb, "resume") == 0, err);
    if (r == 0)
        r = sco_store_schedule_delete(s, v->id, err);
    if (r == 0)
        printf("%s deleted\n", v->name);
    return r;
}

static int with_one(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_schedule_page p = {0};
    const char *what = c->operands[0];
    int r = find(c, s, c->operands[1], &p, err);
    if (r < 0)
        return r;
    const struct sco_stored_schedule *v = &p.v[0];
    if (strcmp(what, "show") == 0)
        r = show_one(v, json, err);
    else if (c->remote)
        r = do_remote(c, v, what, err);
    else if (strcmp(what, "run") == 0)
        r = run(c, s, v, err);
    else
        r = change(c, s, v, what, err);
    sco_schedule_page_done(&p);
    return r;
}

int cmd_schedules(struct cli *c)
{
    static const char *const verbs[] = {"show", "run", "delete", "pause", "resume"};
    static const char *const flags[] = {"cron",     "interval", "time-zone", "windows", "jitter",
                                        "catch-up", "branch",   "scanners",  "skip",    "priority",
                                        "limit",    "cursor",   "format",    NULL};
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    bool json = false, one = false;
    const char *what = c->n_operands ? c->operands[0] : "";
    bool is_list = strcmp(what, "list") == 0 && c->n_operands == 1;
    bool is_put = strcmp(what, "put") == 0 && c->n_operands == 3;
    for (size_t i = 0; i < SCO_ARRAY_LEN(verbs); i++)
        one |= strcmp(what, verbs[i]) == 0 && c->n_operands == 2;
    int r = args_want_json(c, &json, &err);
    if (r == 0 && !is_list && !is_put && !one)
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops schedules\" wants list, put NAME TARGET, or one of show, "
                          "run, delete, pause, resume with a NAME");
    if (r == 0)
        r = context_open_either(c, is_put, flags, &s, &err);
    if (r == 0)
        r = is_list  ? list(c, s, json, &err)
            : is_put ? put(c, s, json, &err)
                     : with_one(c, s, json, &err);
    sco_store_close(s);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
