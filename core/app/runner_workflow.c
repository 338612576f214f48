/* Jobs of the kind "workflow": an event, and the workflows that shall see it, in order. The plugin
 * `policies` runs them in a worker; what they ask for is checked once more here and becomes jobs
 * and alerts in one transaction with the end of the job: all of it or nothing. The request:
 *   {"workflows":[...],"integration":...,"event":{...},"depth":0} */
#include "runner_workflow.h"

#include <secureops/store_stats.h>
#include <stdlib.h>

enum { NAMES_MAX = 50, RATE_MS = 3600 * 1000 };

const char *workflow_text(const struct workflow_job *w, const struct sco_node *map,
                          const char *name)
{
    struct sco_str s = sco_text(sco_get(map, name));
    return s.n ? sco_arena_cstr(&w->r->arena, s) : NULL;
}

bool workflow_is_inner(const struct workflow_job *w)
{
    static const char *const inner[] = {"scan", "finding", "alert", "schedule"};
    struct sco_str kind = sco_text(sco_get(w->event, "event"));
    bool any = false;
    for (size_t i = 0; i < SCO_ARRAY_LEN(inner); i++)
        any |= sco_str_is(kind, inner[i]);
    return any;
}

/* ---- the request ---- */
static int take_names(struct workflow_job *w, const struct sco_node *list, struct sco_error *err)
{
    size_t n = 0;
    const char **v = sco_arena_alloc(&w->r->arena, (NAMES_MAX + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    SCO_EACH (c, list) {
        if (n == NAMES_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "more than %d workflows", NAMES_MAX);
        if (!(v[n++] = sco_arena_cstr(&w->r->arena, sco_text(c))))
            return sco_error_nomem(err);
    }
    w->names = v;
    w->n_names = n;
    return n ? 0 : sco_error_set(err, SCO_E_INVALID, "the request names no workflow");
}

static int take(struct workflow_job *w, struct sco_error *err)
{
    const struct sco_node *q = NULL;
    int e = sco_json_parse(sco_str_c(w->r->job.other), &w->r->arena, &q, err);
    if (e < 0)
        return e;
    w->event = sco_get(q, "event");
    w->integration = workflow_text(w, q, "integration");
    w->depth = sco_int(sco_get(q, "depth"), 0);
    if (!sco_is(w->event, SCO_NODE_MAP) || w->depth < 0)
        return sco_error_set(err, SCO_E_INVALID, "the request has no event");
    if (w->depth > SCO_WORKFLOW_DEPTH_MAX)
        return sco_error_set(err, SCO_E_LIMIT,
                             "workflows caused by workflows caused by workflows: more than %d deep",
                             SCO_WORKFLOW_DEPTH_MAX);
    return take_names(w, sco_get(q, "workflows"), err);
}

/* The event as workflows see it. That of a schedule is of the time when it came due. */
static int write_event(const struct workflow_job *w, const char *path, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    for (const struct sco_node *c = w->event->child; c; c = c->next) {
        const char *key = sco_arena_cstr(&w->r->arena, c->key);
        if (!key)
            return sco_error_nomem(err);
        if (strcmp(key, "integration") == 0 || strcmp(key, "depth") == 0)
            continue;
        sco_json_key(&o, key);
        sco_json_node(&o, c);
    }
    if (!sco_get(w->event, "created_at"))
        sco_json_ktime(&o, "created_at", w->asked_at);
    sco_json_kz(&o, "integration", w->integration);
    sco_json_ki64(&o, "depth", w->depth);
    sco_json_end(&o, '}');
    int e = sco_buf_check(&b, err);
    return e == 0 ? sco_fs_write(path, sco_buf_str(&b), 0600, err) : e;
}

/* ---- what they say ---- */
static int fail(struct workflow_job *w, const char *id, const char *why)
{
    if (!w->failed)
        w->failed = sco_arena_fmt(&w->r->arena, "%s: %s", id, why);
    return w->failed ? 0 : SCO_E_NOMEM;
}

static int take_action(struct workflow_job *w, const char *id, const char *digest,
                       const struct sco_node *m)
{
    struct sco_error why = {0};
    struct wanted x = {.workflow = id, .digest = digest, .with = sco_get(m, "with")};
    if (sco_action_parse_kind(sco_text(sco_get(m, "action")), &x.kind) < 0 || !x.with)
        return fail(w, id, "it asks for something that there is not");
    if (sco_action_check(x.kind, x.with, &why) < 0)
        return fail(w, id, why.text);
    if (SCO_VEC_PUSH(w->v, w->n, w->cap) < 0)
        return SCO_E_NOMEM;
    w->v[w->n++] = x;
    return 0;
}

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct workflow_job *w = user;
    const struct sco_node *m = NULL;
    struct sco_str copy;
    if (!sco_str_is(kind, "verdict"))
        return 0;
    copy = sco_arena_str(&w->r->arena, json);
    int e = copy.p ? sco_json_parse(copy, &w->r->arena, &m, NULL) : SCO_E_NOMEM;
    if (e < 0)
        return e;
    const char *id = workflow_text(w, m, "policy"), *digest = workflow_text(w, m, "digest");
    struct sco_str verdict = sco_text(sco_get(m, "verdict"));
    if (!id || !digest)
        return SCO_E_FORMAT;
    w->n_judged++;
    if (sco_str_is(verdict, "not_applicable"))
        return 0;
    if (!sco_str_is(verdict, "pass")) {
        const char *message = workflow_text(w, m, "message");
        return fail(w, id, message ? message : "it failed without a reason");
    }
    SCO_EACH (a, sco_get(m, "actions"))
        if ((e = take_action(w, id, digest, a)) < 0)
            return e;
    return 0;
}

static int evaluate(struct workflow_job *w, struct sco_error *err)
{
    struct sco_policy_outcome o = {0};
    const char *path = sco_arena_fmt(&w->r->arena, "%s/event.json", w->r->dir);
    struct sco_policy_request q = {.command = "workflow", .policies = w->names, .input = path};
    int e = path ? write_event(w, path, err) : sco_error_nomem(err);
    if (e == 0)
        e = sco_engine_policies(w->r->cli.engine, &q, on_record, w, &o, err);
    if (e < 0)
        return e;
    /* incomplete: of another file of a pack; these have answered */
    bool answered = o.status == SCO_RUN_STATUS_COMPLETED || o.status == SCO_RUN_STATUS_INCOMPLETE;
    if (!w->failed && (!answered || w->n_judged != w->n_names))
        e = fail(w, w->names[w->n_judged < w->n_names ? w->n_judged : 0],
                 o.reason ? o.reason : "it did not come to its end");
    sco_policy_outcome_done(&o);
    return e < 0 ? sco_error_nomem(err) : 0;
}

/* What starts itself by way of a platform carries no depth: it is counted. */
static int check_rate(struct workflow_job *w, int64_t now, struct sco_error *err)
{
    struct sco_job_page p = {0};
    struct sco_job_page self = {0};
    int64_t rate = w->r->cli.config->workflows.rate, n = 0;
    const char *cursor = NULL;
    int e = sco_store_job(w->r->cli.store, w->r->job.id, &self, err);
    w->asked_at = e == 0 ? self.v[0].created_at : 0;
    for (bool more = rate > 0; e == 0 && more && n <= rate;) {
        struct sco_job_filter f = {.kind = "workflow",
                                   .target_key = self.v[0].request.target_key,
                                   .cursor = cursor,
                                   .limit = 100};
        e = sco_store_jobs(w->r->cli.store, &f, &p, err);
        more = e == 0 && p.cursor;
        for (size_t i = 0; e == 0 && i < p.n; i++) {
            n += p.v[i].created_at > now - RATE_MS && p.v[i].created_at <= self.v[0].created_at;
            more = more && p.v[i].created_at > now - RATE_MS;
        }
        cursor = more ? sco_arena_cstr(&w->r->arena, sco_str_c(p.cursor)) : NULL;
        sco_job_page_done(&p);
    }
    sco_job_page_done(&self);
    SCO_BUG_ON(!w->names);
    if (e == 0 && rate && n > rate && !w->failed)
        w->failed = sco_arena_fmt(&w->r->arena,
                                  "%s: more than %lld workflows of this repository within an hour "
                                  "(workflows.rate)",
                                  w->names[0], (long long)rate);
    return e;
}

/* ---- the end ---- */
static int add_alert(struct workflow_job *w, int64_t now, struct sco_error *err)
{
    char id[37];
    struct sco_stored_alert a = {.kind = "workflow_failed",
                                 .severity = SCO_SEV_HIGH,
                                 .title = "A workflow failed, and did nothing",
                                 .message = w->failed,
                                 .repository = workflow_text(w, w->event, "clone_url"),
                                 .object = w->r->job.id,
                                 .created_at = now};
    return sco_store_alert_add(w->r->cli.store, &a, id, err);
}

static int save(struct workflow_job *w, struct sco_error *err)
{
    struct runner *r = w->r;
    enum sco_job_state state;
    int64_t now = sco_now_ms();
    struct sco_job_end end = {.lease = r->lease,
                              .outcome = w->failed ? SCO_JOB_END_FAILED : SCO_JOB_END_COMPLETED,
                              .reason = w->failed,
                              .now = now};
    r->phase = PHASE_SAVE;
    int e = sco_store_ready(r->cli.store, err);
    if (e == 0)
        e = sco_store_begin(r->cli.store, err);
    if (e < 0)
        return e;
    if (w->failed)
        e = add_alert(w, now, err);
    for (size_t i = 0; e == 0 && !w->failed && i < w->n; i++)
        e = workflow_do(w, i, now, err);
    if (e == 0)
        e = sco_store_job_end(r->cli.store, &end, &state, err);
    if (e == 0)
        e = workflow_audit(w, now, err);
    return sco_store_end(r->cli.store, e, err);
}

int runner_workflow(struct runner *r, struct sco_error *err)
{
    struct workflow_job w = {.r = r};
    int e = take(&w, err);
    if (e == 0)
        e = check_rate(&w, sco_now_ms(), err);
    if (e == 0 && !w.failed)
        e = evaluate(&w, err);
    if (e == 0 && !w.failed)
        e = workflow_allow(&w, err);
    if (e == 0) {
        runner_log(r, w.failed ? SCO_LOG_ERROR : SCO_LOG_INFO, "%zu workflows: %s", w.n_names,
                   w.failed ? w.failed : "done");
        e = save(&w, err);
    }
    free(w.v);
    return e;
}
