/* One event of a CI platform: what is known of pipelines, what it says of commits, pull requests
 * and tests, and what the rules want. On a thread, in the transaction of its delivery; whatever is
 * told twice is done once. */
#include "ci.h"

#include <secureops/checkout.h>
#include <secureops/crypto.h>
#include <secureops/store_stats.h>

#define SCO_LOG_MODULE "ci"
#include <secureops/log.h>

enum { STAGES_MAX = 2000 };

static const char *z(const struct sco_node *map, const char *name, struct sco_arena *a)
{
    struct sco_str s = sco_text(sco_get(map, name));
    return s.n ? sco_arena_cstr(a, s) : NULL;
}

static int64_t time_of(const struct sco_node *map, const char *name)
{
    int64_t ms = 0;
    struct sco_str s = sco_text(sco_get(map, name));
    return s.n && sco_time_parse(s, &ms) == 0 ? ms : 0;
}

static const char *known_status(const char *status)
{
    static const char *const known[] = {"queued",  "running",   "success",
                                        "failure", "cancelled", "skipped",
                                        "neutral", "timed_out", "action_required"};
    for (size_t i = 0; status && i < SCO_ARRAY_LEN(known); i++)
        if (strcmp(status, known[i]) == 0)
            return known[i];
    return "unknown";
}

/* ---- pipelines ---- */
/* Runs of Jenkins and Azure Pipelines do not always say of which repository they are: then they are
 * those of their job ("jenkins/folder/job" of "folder/job#7"), or of the integration. */
static const char *pipeline_of(const struct sco_ci_event *e, struct sco_arena *a)
{
    const char *end = strrchr(e->pipeline_id, '#');
    if (e->repo_full_name)
        return e->repo_full_name;
    if (!end || end == e->pipeline_id)
        return e->integration;
    return sco_arena_fmt(a, "%s/%.*s", e->integration, (int)(end - e->pipeline_id), e->pipeline_id);
}

static int put_execution(struct sco_store *s, const struct sco_ci_event *e, int64_t now,
                         char id[37], struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    bool whole = e->kind == SCO_CI_PIPELINE;
    /* the try of a job is not always that of the run */
    int64_t attempt = sco_int(sco_get(e->details, whole ? "attempt" : "run_attempt"), 0);
    int64_t queued = e->created_at;
    struct sco_stored_execution x = {
        .integration = e->integration,
        .platform = e->platform,
        .repository = pipeline_of(e, &a),
        .clone_url = e->clone_url,
        .external_id = e->pipeline_id,
        .name = whole ? e->name : NULL,
        .branch = e->branch,
        .commit_sha = e->commit_sha,
        .ref = e->ref,
        .event = whole ? e->native_event : NULL,
        .triggered_by = whole ? e->actor : NULL,
        .url = whole ? e->url : NULL,
        .environment = z(e->details, "environment", &a),
        .status = whole ? known_status(e->status) : "unknown", /* a job is not the whole */
        .attempt = attempt > 0 && attempt < 1000000 ? (uint32_t)attempt : 0,
        .queued_at = whole ? queued : 0,
        .started_at = whole ? e->started_at : 0,
        .completed_at = whole ? e->finished_at : 0,
        .pr_number = e->pr_number,
        .is_fork = e->is_fork};
    return !x.repository ? sco_error_nomem(err)
                         : sco_store_execution_put(s, &x, now, id, NULL, err);
}

static int put_stages(struct sco_store *s, const struct sco_ci_event *e, const char *id,
                      int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const struct sco_node *list = sco_get(e->details, "stages");
    size_t n = 0, max = list && list->n < STAGES_MAX ? list->n : STAGES_MAX;
    struct sco_stored_stage *v = list ? sco_arena_alloc(&a, (max + 1) * sizeof *v) : NULL;
    if (!list || !v)
        return list ? sco_error_nomem(err) : 0;
    SCO_EACH (item, list) {
        const char *name = z(item, "name", &a);
        int64_t attempt = sco_int(sco_get(item, "attempt"), 1);
        if (!name || n == max)
            continue;
        v[n++] = (struct sco_stored_stage){
            .name = name,
            .stage = z(item, "stage", &a),
            .status = known_status(z(item, "status", &a)),
            .external_id = z(item, "job_id", &a),
            .url = z(item, "url", &a),
            .attempt = attempt > 0 && attempt < 1000000 ? (uint32_t)attempt : 1,
            .started_at = time_of(item, "started_at"),
            .completed_at = time_of(item, "finished_at")};
    }
    return sco_store_stages_put(s, id, v, n, now, err);
}

static int put_job(struct sco_store *s, const struct sco_ci_event *e, const char *id, int64_t now,
                   struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    int64_t attempt = sco_int(sco_get(e->details, "attempt"), 1);
    struct sco_stored_stage v = {.name = e->name,
                                 .stage = z(e->details, "stage", &a),
                                 .status = known_status(e->status),
                                 .external_id = e->job_id,
                                 .url = e->url,
                                 .attempt =
                                     attempt > 0 && attempt < 1000000 ? (uint32_t)attempt : 1,
                                 .queued_at = e->created_at,
                                 .started_at = e->started_at,
                                 .completed_at = e->finished_at};
    return e->name ? sco_store_stages_put(s, id, &v, 1, now, err) : 0;
}

/* The stages first: the end of the whole names the one that failed. */
static int apply_pipeline(struct sco_store *s, const struct sco_ci_event *e, int64_t now,
                          struct sco_error *err)
{
    char id[37];
    if (!e->pipeline_id)
        return 0; /* of nothing that could be told from others */
    struct sco_ci_event first = *e;
    first.status = "unknown";
    int r = put_execution(s, &first, now, id, err);
    if (r == 0)
        r = e->kind == SCO_CI_JOB ? put_job(s, e, id, now, err) : put_stages(s, e, id, now, err);
    if (r == 0 && e->kind == SCO_CI_PIPELINE)
        r = put_execution(s, e, now, id, err);
    return r == 0 ? ci_tell_tests(s, e, id, now, err) : r;
}

/* ---- once ---- */
/* What the event is, whichever delivery brought it: ids of deliveries are not signed. */
static int once(struct sco_store *s, struct sco_buf *b, int64_t now, bool *ret,
                struct sco_error *err)
{
    uint8_t digest[32];
    char hex[65];
    int r = sco_buf_check(b, err);
    if (r < 0)
        return r;
    sco_sha256_of(sco_buf_str(b), digest);
    sco_hex(digest, sizeof digest, hex);
    return sco_store_effect_once(s, hex, now, ret, err);
}

static void write_parts(struct sco_buf *b, const char *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sco_buf_addf(b, "%s\n", parts[i] ? parts[i] : "");
}

/* A poll knows less of an event than its webhook said: it counts only when none has told of this
 * revision of this ref. Mirrors have the same names and commits, and are others; a label on a pull
 * request, or a push to a draft, is not what asks for the scan of it. */
static int is_first(struct sco_store *s, const struct sco_ci_event *e, bool polled, int64_t now,
                    bool *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, seen = {0}, host = {0};
    if (e->kind == SCO_CI_MANUAL && !e->created_at && !e->pipeline_id) {
        *ret = true; /* who asks again says the same again, and means it */
        return 0;
    }
    int due = sco_bool(sco_get(e->details, "needs_scan"), 1);
    int draft = sco_bool(sco_get(e->details, "draft"), 0);
    if (e->clone_url)
        sco_repository_host(sco_str_c(e->clone_url), &host);
    const char *const kind = sco_ci_kind_name(e->kind), *const at = host.n ? sco_buf_z(&host) : "";
    const char *const all[] = {e->platform,
                               at,
                               e->repo_full_name,
                               kind,
                               e->action,
                               e->native_event,
                               e->ref,
                               e->tag,
                               e->branch,
                               e->base_sha,
                               e->commit_sha,
                               e->pipeline_id,
                               e->job_id,
                               e->status,
                               e->actor,
                               e->pr_target_branch};
    const char *const few[] = {
        "seen",        e->platform,    at,        e->repo_full_name,  kind, e->tag, e->branch,
        e->commit_sha, e->pipeline_id, e->status, e->pr_target_branch};
    bool first = false, unseen = false;
    write_parts(&b, all, SCO_ARRAY_LEN(all));
    sco_buf_addf(&b, "%lld %lld %lld %d %d", (long long)e->pr_number, (long long)e->created_at,
                 (long long)e->finished_at, due, draft);
    write_parts(&seen, few, SCO_ARRAY_LEN(few));
    sco_buf_addf(&seen, "%lld %d %d", (long long)e->pr_number, due, draft);
    int r = sco_buf_check(&host, err);
    if (r == 0)
        r = once(s, &b, now, &first, err);
    if (r == 0)
        r = once(s, &seen, now, &unseen, err);
    if (r == 0)
        *ret = polled ? unseen : first;
    return r;
}

/* ---- rules ---- */
static int add_job(struct sco_store *s, const struct sco_ci_event *e, const char *kind,
                   const struct sco_ci_action *a, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, key = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    sco_buf_addf(&key, "%s:%s", kind, a->name);
    sco_json_begin(&o, '{');
    sco_json_kz(&o, kind, a->name);
    sco_json_kz(&o, "integration", e->integration);
    sco_json_key(&o, "event");
    sco_json_raw(&o, e->json);
    sco_json_end(&o, '}');
    int r = sco_buf_check(&b, err);
    if (r == 0)
        r = sco_buf_check(&key, err);
    struct sco_job_request q = {.kind = kind,
                                .target_key = sco_buf_z(&key),
                                .revision = e->branch ? e->branch : "",
                                .scanners = "",
                                .request = sco_buf_z(&b),
                                .origin = "webhook",
                                .priority = a->priority};
    return r == 0 ? sco_store_job_add(s, &q, now, &added, err) : r;
}

/* The workflows of a rule see an event one after the other, what one changes included: one job. Of
 * a repository they run in turn, and no event takes the place of another. */
static int add_workflows(struct sco_store *s, const struct sco_ci_event *e,
                         const struct sco_ci_action *v, size_t n, int64_t now,
                         struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, key = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    char revision[37];
    int32_t priority = 0;
    size_t named = 0;
    sco_json_begin(&o, '{');
    sco_json_key(&o, "workflows");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < n; i++) {
        if (v[i].kind != SCO_CI_ACTION_WORKFLOW)
            continue;
        sco_json_str(&o, sco_str_c(v[i].name));
        priority = v[i].priority;
        named++;
    }
    sco_json_end(&o, ']');
    sco_json_kz(&o, "integration", e->integration);
    sco_json_key(&o, "event");
    sco_json_raw(&o, e->json);
    sco_json_end(&o, '}');
    if (!named)
        return 0;
    sco_uuid4(revision);
    sco_buf_addf(&key, "workflow:%s",
                 e->clone_url        ? e->clone_url
                 : e->repo_full_name ? e->repo_full_name
                                     : e->integration);
    struct sco_job_request q = {.kind = "workflow",
                                .target_key = sco_buf_z(&key),
                                .revision = revision,
                                .scanners = "workflow",
                                .request = sco_buf_z(&b),
                                .origin = "webhook",
                                .priority = priority};
    return b.failed || key.failed ? sco_error_nomem(err)
                                  : sco_store_job_add(s, &q, now, &added, err);
}

static int notify(struct sco_store *s, const struct sco_ci_event *e, const char *rule, int64_t now,
                  struct sco_error *err)
{
    char id[37];
    SCO_AUTO(sco_buf) struct sco_buf title = {0};
    sco_buf_addf(&title, "%s %s of %s", sco_ci_kind_name(e->kind), e->action ? e->action : "",
                 e->repo_full_name ? e->repo_full_name : e->integration);
    struct sco_stored_alert a = {.kind = "ci_event",
                                 .severity = SCO_SEV_INFO,
                                 .title = sco_buf_z(&title),
                                 .message = rule ? rule : "",
                                 .repository = e->clone_url,
                                 .object = e->url,
                                 .created_at = now};
    int r = sco_buf_check(&title, err);
    return r == 0 ? sco_store_alert_add(s, &a, id, err) : r;
}

static int act(struct sco_store *s, const struct ci_setup *u, const struct sco_ci_event *e,
               const struct sco_ci_action *a, const char *rule, int64_t now, struct sco_error *err)
{
    switch (a->kind) {
    case SCO_CI_ACTION_WORKFLOW:
        return 0; /* all of them at once: add_workflows */
    case SCO_CI_ACTION_PIPELINE:
        return add_job(s, e, "pipeline", a, now, err);
    case SCO_CI_ACTION_NOTIFY:
        return notify(s, e, rule, now, err);
    case SCO_CI_ACTION_SCAN:
    default:
        break;
    }
    int r = ci_scan(s, u, e, a, now, err);
    if (r != SCO_E_PERMISSION)
        return r;
    sco_log_warning("%s of %s is not scanned: %s", sco_ci_kind_name(e->kind), e->repo_full_name,
                    err->text);
    return 0;
}

int ci_apply(struct sco_store *s, const struct ci_setup *u, const struct sco_ci_event *e,
             bool polled, int64_t now, struct ci_applied *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_ci_action *v = NULL;
    size_t n = 0;
    const char *rule = NULL;
    bool first = false;
    int r = 0;
    if (e->kind == SCO_CI_IGNORED || e->kind == SCO_CI_PING)
        return 0;
    if (e->kind == SCO_CI_PIPELINE || e->kind == SCO_CI_JOB)
        r = apply_pipeline(s, e, now, err);
    if (r == 0)
        r = is_first(s, e, polled, now, &first, err);
    if (r < 0 || !first)
        return r;
    r = ci_tell(s, e, now, err);
    if (r == 0)
        r = sco_ci_rules_apply(u->rules, e, &arena, &v, &n, &rule, err);
    for (size_t i = 0; i < n && r == 0; i++)
        r = act(s, u, e, &v[i], rule, now, err);
    if (r == 0)
        r = add_workflows(s, e, v, n, now, err);
    ret->jobs |= n > 0;
    return r;
}
