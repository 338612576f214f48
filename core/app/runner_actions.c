/* Actions of workflows as jobs and alerts, in the transaction of the workflow's end. Each job's
 * revision is its own: no later one takes its place, except where that is meant. */
#include "runner_workflow.h"

#include <secureops/store_pipelines.h>
#include <secureops/checkout.h>
#include <secureops/ci.h>
#include <secureops/ci_jobs.h>
#include <secureops/store_accounts.h>
#include <secureops/store_stats.h>

enum { DAY_MS = 24 * 3600 * 1000, MINUTE_MS = 60 * 1000 };

static const char *event_text(const struct workflow_job *w, const char *name)
{
    return workflow_text(w, w->event, name);
}

static const char *by(const struct workflow_job *w, const struct wanted *x)
{
    return sco_arena_fmt(&w->r->arena, "workflow:%s", x->workflow);
}

static void put_member(struct sco_json_out *o, const struct sco_node *map, const char *name)
{
    const struct sco_node *v = sco_get(map, name);
    if (!v || v->type == SCO_NODE_NULL)
        return;
    sco_json_key(o, name);
    sco_json_node(o, v);
}

/* An empty table of Lua is a list in JSON. */
static void put_inputs(struct sco_json_out *o, const struct sco_node *v)
{
    sco_json_key(o, "inputs");
    if (sco_is(v, SCO_NODE_MAP))
        sco_json_node(o, v);
    else
        sco_json_raw(o, SCO_STR("{}"));
}

static int add_job(struct workflow_job *w, struct sco_job_request *q, struct sco_buf *request,
                   struct sco_buf *revision, int64_t now, struct sco_job_added *ret,
                   struct sco_error *err)
{
    if (request->failed || revision->failed)
        return sco_error_nomem(err);
    q->request = sco_buf_z(request);
    q->revision = sco_buf_z(revision);
    q->origin = "workflow";
    q->correlation_id = w->r->job.correlation_id;
    return sco_store_job_add(w->r->cli.store, q, now, ret, err);
}

/* ---- scan ---- */
static bool is_pull_request(const struct workflow_job *w)
{
    return sco_int(sco_get(w->event, "pr_number"), 0) > 0;
}

/* A fork's branch is none of ours, whatever it is called; and a tag is no branch. */
const char *workflow_branch(const struct workflow_job *w, const struct wanted *x)
{
    const char *named = workflow_text(w, x->with, "branch");
    const char *source = is_pull_request(w) ? event_text(w, "pr_source_branch") : NULL;
    const char *tag = event_text(w, "tag"), *ref = event_text(w, "ref");
    if (sco_get(x->with, "repository"))
        return named;
    if (x->strange)
        return ref && !sco_str_starts(sco_str_c(ref), "refs/heads/") ? ref : NULL;
    if (named)
        return named;
    return source ? source : tag ? (ref ? ref : tag) : event_text(w, "branch");
}

static void write_scan(const struct workflow_job *w, const struct wanted *x, struct sco_buf *b)
{
    static const char *const same[] = {"types", "scanners", "skip", "frameworks",
                                       "gates", "fail_on",  "sbom"};
    struct sco_json_out o = {.b = b};
    const char *commit = workflow_text(w, x->with, "commit"), *branch = workflow_branch(w, x);
    const char *base = workflow_text(w, x->with, "base");
    bool other = sco_get(x->with, "repository") || sco_get(x->with, "branch");
    sco_json_begin(&o, '{');
    sco_json_key(&o, "target");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "kind", "repository");
    sco_json_kz(&o, "location", x->location);
    sco_json_end(&o, '}');
    sco_json_kz(&o, "branch", branch);
    sco_json_kz(&o, "commit", commit ? commit : other ? NULL : event_text(w, "commit_sha"));
    if (x->foreign) /* none of our tokens goes there */
        sco_json_kz(&o, "checkout_secret", "");
    else if (!sco_get(x->with, "repository"))
        sco_ci_job_credential(&o, w->integration, event_text(w, "repo_full_name"),
                              sco_get(w->event, "context"));
    if (base) {
        sco_json_key(&o, "diff");
        sco_json_begin(&o, '{');
        sco_json_kz(&o, "base", base);
        sco_json_end(&o, '}');
    }
    for (size_t i = 0; i < SCO_ARRAY_LEN(same); i++)
        put_member(&o, x->with, same[i]);
    sco_json_ki64(&o, "depth", w->depth + 1);
    sco_json_end(&o, '}');
}

/* The next time that the clock shows "HH:MM", in UTC; 0: at once. */
static int64_t time_of(const struct wanted *x, int64_t now)
{
    struct sco_str s = sco_text(sco_get(x->with, "at"));
    int64_t h = 0, m = 0;
    if (s.n != 5 || sco_parse_i64(sco_str_make(s.p, 2), 0, 23, &h) < 0 ||
        sco_parse_i64(sco_str_make(s.p + 3, 2), 0, 59, &m) < 0)
        return 0;
    int64_t at = now - now % DAY_MS + (h * 60 + m) * MINUTE_MS;
    return at > now ? at : at + DAY_MS;
}

/* One without a credential can tell nobody. */
static bool can_tell(const struct workflow_job *w, const char *integration)
{
    for (size_t i = 0; integration && i < w->n_integrations; i++)
        if (strcmp(w->integrations[i].name, integration) == 0)
            return !sco_integration_missing(w->r->cli.config, &w->integrations[i]);
    return false;
}

/* A scan of the event itself is told to the platform, as one that a rule wants. */
static int publish(struct workflow_job *w, const struct wanted *x, const char *job_id, int64_t now,
                   struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf context = {0};
    struct sco_publication_page page = {0};
    struct sco_json_out o = {.b = &context};
    char id[37];
    struct sco_str kind = sco_text(sco_get(w->event, "event"));
    bool own = sco_str_is(kind, "pull_request") || sco_str_is(kind, "push");
    struct sco_stored_publication p = {.integration = x->integration,
                                       .repository = x->repository,
                                       .marker = "secureops",
                                       .commit_sha = event_text(w, "commit_sha"),
                                       .branch = workflow_branch(w, x),
                                       .pr_number = sco_int(sco_get(w->event, "pr_number"), 0),
                                       .job_id = job_id};
    if (!own || !can_tell(w, x->integration) || !p.commit_sha || sco_get(x->with, "branch") ||
        sco_get(x->with, "commit"))
        return 0;
    if (sco_is(sco_get(w->event, "context"), SCO_NODE_MAP)) {
        sco_json_node(&o, sco_get(w->event, "context"));
        p.context = sco_buf_z(&context);
    }
    int e = sco_buf_check(&context, err);
    if (e == 0)
        e = sco_store_publication_put(w->r->cli.store, &p, now, id, err);
    if (e == 0)
        e = sco_store_publication(w->r->cli.store, id, &page, err);
    if (e == 0)
        e = sco_ci_job_publish(w->r->cli.store, &page.v[0], "pending", NULL, NULL, now, err);
    sco_publication_page_done(&page);
    return e;
}

static int do_scan(struct workflow_job *w, const struct wanted *x, int64_t now,
                   struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf request = {0}, key = {0}, revision = {0};
    struct sco_job_added added;
    struct sco_job_request q = {
        .kind = "scan",
        .scanners = "",
        .requested_by = by(w, x),
        .priority = (int32_t)sco_int(sco_get(x->with, "priority"), SCO_JOB_PRIORITY),
        .not_before = time_of(x, now)};
    const char *branch = workflow_branch(w, x);
    write_scan(w, x, &request);
    sco_repository_normal(sco_str_c(x->location), &key);
    if (is_pull_request(w) && !sco_get(x->with, "repository"))
        sco_buf_addf(&revision, "pull/%lld", (long long)sco_int(sco_get(w->event, "pr_number"), 0));
    else
        sco_buf_addz(&revision, branch ? branch : "");
    if (sco_bool(sco_get(x->with, "sbom"), 0)) /* a scan without one is not to take its place */
        sco_buf_addz(&revision, "+sbom");
    q.target_key = sco_buf_z(&key);
    if (key.failed)
        return sco_error_nomem(err);
    int e = add_job(w, &q, &request, &revision, now, &added, err);
    return e == 0 ? publish(w, x, added.id, now, err) : e;
}

/* ---- notify ---- */
static int mail(struct workflow_job *w, const struct wanted *x, struct sco_str to, size_t nth,
                int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, unique = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_str text = sco_text(sco_get(x->with, "text"));
    sco_json_begin(&o, '{');
    sco_json_key(&o, "mail");
    sco_json_begin(&o, '{');
    sco_json_kstr(&o, "to", to);
    sco_json_kstr(&o, "subject", sco_text(sco_get(x->with, "title")));
    sco_json_kstr(&o, "text", text.n ? text : sco_text(sco_get(x->with, "title")));
    sco_json_end(&o, '}');
    sco_json_kz(&o, "workflow", x->workflow);
    sco_json_end(&o, '}');
    sco_buf_addf(&unique, "%s:%zu", w->r->job.id, nth);
    return runner_call_add(w->r->cli.store, "workflow", "call:mail", sco_buf_z(&unique),
                           sco_buf_str(&b), by(w, x), w->r->job.correlation_id, now, err);
}

static int do_notify(struct workflow_job *w, const struct wanted *x, size_t i, int64_t now,
                     struct sco_error *err)
{
    char id[37];
    struct sco_str severity = sco_text(sco_get(x->with, "severity"));
    struct sco_stored_alert a = {.kind = "workflow",
                                 .severity =
                                     severity.n ? sco_severity_parse(severity) : SCO_SEV_MEDIUM,
                                 .title = workflow_text(w, x->with, "title"),
                                 .message = workflow_text(w, x->with, "text"),
                                 .repository = event_text(w, "clone_url"),
                                 .object = w->r->job.id,
                                 .created_at = now};
    size_t nth = i * SCO_ACTION_LIST_MAX;
    int e = sco_store_alert_add(w->r->cli.store, &a, id, err);
    SCO_EACH (to, sco_get(x->with, "mail"))
        if (e == 0)
            e = mail(w, x, sco_text(to), nth++, now, err);
    return e;
}

/* ---- at platforms ---- */
static int do_trigger(struct workflow_job *w, const struct wanted *x, int64_t now,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    char id[37];
    struct sco_pipeline_run asked = {.request = "{\"op\":\"trigger\"}", .requested_by = by(w, x)};
    const char *ref = workflow_text(w, x->with, "ref");
    ref = ref ? ref : event_text(w, "branch");
    struct sco_stored_execution run = {.integration = x->integration,
                                       .platform = event_text(w, "platform"),
                                       .repository = x->repository,
                                       .name = workflow_text(w, x->with, "workflow"),
                                       .ref = ref,
                                       .event = "workflow",
                                       .triggered_by = by(w, x),
                                       .status = "queued",
                                       .queued_at = now};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", x->repository);
    sco_json_kz(&o, "ref", ref);
    sco_json_kz(&o, "workflow", run.name);
    put_inputs(&o, sco_get(x->with, "inputs"));
    sco_json_end(&o, '}');
    int e = sco_buf_check(&b, err);
    if (e == 0)
        e = sco_store_execution_put(w->r->cli.store, &run, now, id, NULL, err);
    if (e == 0)
        e = sco_store_run_put(w->r->cli.store, id, &asked, err);
    return e == 0 ? sco_ci_job_call(w->r->cli.store, x->integration, x->repository, "trigger",
                                    sco_buf_str(&b), id, now, &added, err)
                  : e;
}

/* A newer comment of the same workflow on the same pull request takes the place of one that waits.
 */
static int do_comment(struct workflow_job *w, const struct wanted *x, int64_t now,
                      struct sco_error *err)
{
    static const char *const same[] = {"context", "commit_sha", "branch", "pr_number"};
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, key = {0}, revision = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "integration", x->integration);
    sco_json_kz(&o, "op", "comment");
    sco_json_key(&o, "request");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", x->repository);
    for (size_t i = 0; i < SCO_ARRAY_LEN(same); i++)
        put_member(&o, w->event, same[i]);
    sco_json_kz(&o, "marker", sco_arena_fmt(&w->r->arena, "secureops-%s", x->workflow));
    put_member(&o, x->with, "text");
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    sco_buf_addf(&key, "ci:%s/%s", x->integration, x->repository);
    sco_buf_addf(&revision, "comment:%s:%lld", x->workflow,
                 (long long)sco_int(sco_get(w->event, "pr_number"), 0));
    struct sco_job_request q = {.kind = "ci",
                                .target_key = sco_buf_z(&key),
                                .scanners = "ci",
                                .requested_by = by(w, x),
                                .priority = SCO_CI_PRIORITY};
    return key.failed ? sco_error_nomem(err) : add_job(w, &q, &b, &revision, now, &added, err);
}

/* ---- the rest ---- */
static int do_call(struct workflow_job *w, const struct wanted *x, size_t i, int64_t now,
                   struct sco_error *err)
{
    static const char *const same[] = {"url", "method", "headers", "body"};
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, key = {0}, unique = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    for (size_t k = 0; k < SCO_ARRAY_LEN(same); k++)
        put_member(&o, x->with, same[k]);
    sco_json_kz(&o, "workflow", x->workflow);
    sco_json_end(&o, '}');
    sco_buf_addf(&key, "call:%s", x->host);
    sco_buf_addf(&unique, "%s:%zu", w->r->job.id, i * SCO_ACTION_LIST_MAX);
    return key.failed
               ? sco_error_nomem(err)
               : runner_call_add(w->r->cli.store, "workflow", sco_buf_z(&key), sco_buf_z(&unique),
                                 sco_buf_str(&b), by(w, x), w->r->job.correlation_id, now, err);
}

static int do_pipeline(struct workflow_job *w, const struct wanted *x, size_t i, int64_t now,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, key = {0}, revision = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_job_added added;
    const char *name = workflow_text(w, x->with, "name"), *ref = workflow_text(w, x->with, "ref");
    bool inner = workflow_is_inner(w);
    if (inner && !ref)
        ref = event_text(w, "branch");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "pipeline", name);
    sco_json_kz(&o, "integration", w->integration);
    sco_json_kz(&o, "ref", ref);
    put_inputs(&o, sco_get(x->with, "inputs"));
    sco_json_ki64(&o, "depth", w->depth + 1);
    if (!inner) {
        sco_json_key(&o, "event");
        sco_json_node(&o, w->event);
    }
    sco_json_end(&o, '}');
    sco_buf_addf(&key, "pipeline:%s", name);
    sco_buf_addf(&revision, "%s:%zu", w->r->job.id, i);
    struct sco_job_request q = {.kind = "pipeline",
                                .target_key = sco_buf_z(&key),
                                .scanners = "",
                                .requested_by = by(w, x),
                                .priority = SCO_JOB_PRIORITY};
    return key.failed ? sco_error_nomem(err) : add_job(w, &q, &b, &revision, now, &added, err);
}

int workflow_do(struct workflow_job *w, size_t i, int64_t now, struct sco_error *err)
{
    const struct wanted *x = &w->v[i];
    switch (x->kind) {
    case SCO_ACTION_SCAN:
        return do_scan(w, x, now, err);
    case SCO_ACTION_NOTIFY:
        return do_notify(w, x, i, now, err);
    case SCO_ACTION_TRIGGER:
        return do_trigger(w, x, now, err);
    case SCO_ACTION_COMMENT:
        return do_comment(w, x, now, err);
    case SCO_ACTION_CALL:
        return do_call(w, x, i, now, err);
    case SCO_ACTION_PIPELINE:
    default:
        return do_pipeline(w, x, i, now, err);
    }
}

/* ---- audit ---- */
static const char *object_of(const struct workflow_job *w, const struct wanted *x)
{
    struct sco_arena *a = &w->r->arena;
    switch (x->kind) {
    case SCO_ACTION_SCAN:
        return sco_arena_fmt(a, "repository:%s", x->location);
    case SCO_ACTION_CALL:
        return sco_arena_fmt(a, "host:%s", x->host);
    case SCO_ACTION_PIPELINE:
        return sco_arena_fmt(a, "pipeline:%s", workflow_text(w, x->with, "name"));
    case SCO_ACTION_NOTIFY:
        return sco_arena_fmt(a, "job:%s", w->r->job.id);
    default:
        return sco_arena_fmt(a, "integration:%s/%s", x->integration, x->repository);
    }
}

static int audit(const struct workflow_job *w, const char *actor, const char *action,
                 const char *object, const char *digest, const char *outcome, int64_t now,
                 struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "digest", digest);
    sco_json_kz(&o, "job", w->r->job.id);
    sco_json_kstr(&o, "event", sco_text(sco_get(w->event, "event")));
    sco_json_end(&o, '}');
    int e = sco_buf_check(&b, err);
    struct sco_audit_entry x = {.at = now,
                                .actor = actor,
                                .action = action,
                                .object = object,
                                .outcome = outcome,
                                .correlation_id = w->r->job.correlation_id,
                                .details = sco_buf_z(&b)};
    return e == 0 ? sco_store_audit_add(w->r->cli.store, &x, err) : e;
}

int workflow_audit(const struct workflow_job *w, int64_t now, struct sco_error *err)
{
    int e = 0;
    if (w->failed)
        return audit(w, sco_arena_fmt(&w->r->arena, "workflow:%s", w->names[0]), "workflow.run",
                     sco_arena_fmt(&w->r->arena, "job:%s", w->r->job.id), NULL, "failure", now,
                     err);
    for (size_t i = 0; e == 0 && i < w->n; i++)
        e = audit(w, by(w, &w->v[i]),
                  sco_arena_fmt(&w->r->arena, "workflow.%s", sco_action_name(w->v[i].kind)),
                  object_of(w, &w->v[i]), w->v[i].digest, "success", now, err);
    return e;
}
