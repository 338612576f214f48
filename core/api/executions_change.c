/* What is done with executions: begun, approved, cancelled, begun again. */
#include "pipelines_priv.h"

#include <secureops/pipeline_start.h>

const char *api_requester(const struct api_call *c)
{
    return c->who.user_id[0] ? c->who.user_id : c->who.name;
}

/* ---- execute ---- */
static int take_inputs(struct api_call *c, const char **ret, struct sco_error *err)
{
    const struct sco_node *inputs = api_member(c, "inputs");
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!inputs || inputs->type == SCO_NODE_NULL)
        return 0;
    if (inputs->type != SCO_NODE_MAP || inputs->n > 50)
        return api_fault(c, err, "/inputs", "an object of at most 50 texts");
    for (const struct sco_node *m = inputs->child; m; m = m->next) {
        bool name = m->key.n && m->key.n <= 100;
        for (size_t i = 0; i < m->key.n; i++) {
            char k = m->key.p[i];
            name = name && ((k >= 'a' && k <= 'z') || (k >= 'A' && k <= 'Z') || k == '_' ||
                            (k >= '0' && k <= '9') || k == '-');
        }
        if (!name || m->type != SCO_NODE_STR || m->text.n > 8192)
            return api_fault(c, err, "/inputs",
                             "names of letters, digits, _ and -; texts of at most 8 KiB");
    }
    sco_json_node(&o, inputs);
    *ret = sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return b.failed || !*ret ? sco_error_nomem(err) : 0;
}

/* "main", "refs/heads/main", "refs/tags/v1". */
static int take_ref(struct api_call *c, struct sco_pipeline_start *q, struct sco_error *err)
{
    const char *ref = api_text(c, "ref"), *commit = api_text(c, "commit");
    bool tag = ref && strncmp(ref, "refs/tags/", 10) == 0;
    if (ref && (tag || strncmp(ref, "refs/heads/", 11) == 0))
        ref += tag ? 10 : 11;
    if (ref && (!*ref || !api_revision_is_safe(ref)))
        return api_fault(c, err, "/ref", "no name of a branch or tag");
    if (commit && (strspn(commit, "0123456789abcdef") != strlen(commit) || strlen(commit) < 7 ||
                   strlen(commit) > 64))
        return api_fault(c, err, "/commit", "a commit is 7 to 64 hex digits");
    q->tag = tag ? ref : NULL;
    q->branch = tag ? NULL : ref;
    q->commit_sha = commit;
    return 0;
}

static int reply_new(struct api_call *c, const char *id, struct sco_error *err)
{
    const char *where = sco_arena_fmt(&c->arena, "/api/v1/pipelines/executions/%s", id);
    if (!where)
        return sco_error_nomem(err);
    api_header(c, "Location", where);
    c->wake = true;
    return api_execution_reply(c, id, 202, err);
}

static int start(struct api_call *c, const struct sco_pipeline_start *q, struct sco_error *err)
{
    char id[37];
    struct sco_error why = {0};
    int r = sco_pipeline_start(c->store, q, c->now, id, &why);
    if (r == SCO_E_INVALID)
        return api_problem(c, 409, err, "%s", why.text);
    if (r < 0)
        return sco_error_set(err, r, "%s", why.text);
    return reply_new(c, id, err);
}

int api_pipeline_execute(struct api_call *c, struct sco_error *err)
{
    struct sco_pipeline_page p = {0};
    int r = api_pipeline_find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    struct sco_pipeline_start q = {.pipeline = &p.v[0],
                                   .op = "trigger",
                                   .event = "api",
                                   .environment = api_text(c, "environment"),
                                   .actor = c->who.name,
                                   .requested_by = api_requester(c)};
    r = api_pipeline_allowed(c, &p.v[0], err);
    if (r == 0 && q.environment && !p.v[0].integration)
        r = api_fault(c, err, "/environment", "stages of own pipelines have theirs");
    if (r == 0)
        r = take_ref(c, &q, err);
    if (r == 0)
        r = take_inputs(c, &q.inputs, err);
    if (r == 0)
        r = start(c, &q, err);
    sco_pipeline_page_done(&p);
    return r;
}

/* ---- approvals ---- */
/* The stage that waits: the named one, the only one, or "" for the whole, which has not begun. */
static int waiting_stage(struct api_call *c, const char *id, const char **ret,
                         struct sco_error *err)
{
    struct sco_stage_list l = {0};
    const char *want = api_text(c, "stage"), *found = NULL;
    size_t n = 0;
    int r = sco_store_stages(c->store, id, &l, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < l.n; i++)
        if (strcmp(l.v[i].status, "waiting_approval") == 0) {
            n++;
            if (!want || strcmp(want, l.v[i].name) == 0)
                found = sco_arena_cstr(&c->arena, sco_str_c(l.v[i].name));
        }
    sco_stage_list_done(&l);
    if (n > 1 && !want)
        return api_fault(c, err, "/stage", "several stages wait: say which one");
    if (!found && (n || want))
        return api_fault(c, err, "/stage", "no such stage waits");
    *ret = found ? found : "";
    return 0;
}

static int may_decide(struct api_call *c, const struct sco_pipeline_run *run, struct sco_error *err)
{
    const char *by = run->requested_by;
    if (by && (strcmp(by, api_requester(c)) == 0 || (c->who.name && strcmp(by, c->who.name) == 0)))
        return sco_error_set(err, SCO_E_PERMISSION,
                             "who asked for it cannot decide: somebody else has to");
    return 0;
}

static int decide(struct api_call *c, const struct sco_stored_execution *x, bool approved,
                  struct sco_error *err)
{
    struct sco_pipeline_run run;
    struct sco_stored_approval a = {.by = c->who.name && *c->who.name ? c->who.name : "?",
                                    .reason = api_text(c, "reason"),
                                    .approved = approved,
                                    .at = c->now};
    struct sco_stored_execution end = {.id = x->id, .status = "cancelled", .completed_at = c->now};
    char id[37];
    bool changed;
    if (strcmp(x->status, "waiting_approval") != 0)
        return api_problem(c, 409, err, "the execution does not wait: it is %s", x->status);
    int r = sco_store_run(c->store, x->id, &c->arena, &run, err);
    if (r == 0)
        r = may_decide(c, &run, err);
    if (r == 0)
        r = waiting_stage(c, x->id, &a.stage, err);
    if (r == 0)
        r = sco_store_approval_add(c->store, x->id, &a, err);
    end.reason = sco_arena_fmt(&c->arena, "rejected by %s", a.by);
    if (r == 0 && (approved || *a.stage)) /* a stage's runner knows what follows */
        r = sco_pipeline_queue(c->store, x, &run, c->now, err);
    else if (r == 0)
        r = sco_store_execution_put(c->store, &end, c->now, id, &changed, err);
    c->wake = true;
    return r;
}

/* With its lock, so that two who decide at once do so one after the other. */
static int change(struct api_call *c,
                  int (*fn)(struct api_call *c, const struct sco_stored_execution *x, bool flag,
                            struct sco_error *err),
                  bool flag, int status, struct sco_error *err)
{
    struct sco_execution_page p = {0};
    struct sco_stored_execution same = {.id = c->params[0]};
    char id[37];
    bool changed;
    int r = api_execution_find(c, c->params[0], &p, err);
    sco_execution_page_done(&p);
    if (r == 0)
        r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = sco_store_execution_put(c->store, &same, c->now, id, &changed, err);
    if (r == 0)
        r = api_execution_find(c, c->params[0], &p, err);
    if (r == 0)
        r = fn(c, &p.v[0], flag, err);
    sco_execution_page_done(&p);
    if (r == 0)
        r = api_execution_reply(c, c->params[0], status, err);
    return sco_store_end(c->store, r, err);
}

int api_execution_approve(struct api_call *c, struct sco_error *err)
{
    return change(c, decide, true, 202, err);
}

int api_execution_reject(struct api_call *c, struct sco_error *err)
{
    return change(c, decide, false, 202, err);
}

/* ---- cancel ---- */
static int end_now(struct api_call *c, const struct sco_stored_execution *x, struct sco_error *err)
{
    struct sco_stage_list l = {0};
    struct sco_stored_execution end = {
        .id = x->id, .status = "cancelled", .reason = "cancelled", .completed_at = c->now};
    char id[37];
    bool changed;
    int r = sco_store_stages(c->store, x->id, &l, err);
    for (size_t i = 0; i < l.n && r == 0; i++) {
        struct sco_stored_stage one = l.v[i];
        one.status = "skipped";
        one.completed_at = c->now;
        if (!sco_execution_ended(l.v[i].status))
            r = sco_store_stages_put(c->store, x->id, &one, 1, c->now, err);
    }
    if (r == 0)
        r = sco_store_execution_put(c->store, &end, c->now, id, &changed, err);
    sco_stage_list_done(&l);
    return r;
}

static int cancel(struct api_call *c, const struct sco_stored_execution *x, bool flag,
                  struct sco_error *err)
{
    enum sco_job_state state = SCO_JOB_RUNNING;
    struct sco_error why = {0};
    (void)flag;
    if (sco_execution_ended(x->status))
        return api_problem(c, 409, err, "the execution has ended: %s", x->status);
    if (strcmp(x->status, "waiting_approval") == 0)
        return end_now(c, x, err);
    c->wake = true;
    if (*x->integration) {
        int e = sco_pipeline_call(c->store, x, "cancel", c->now, &why);
        if (e != SCO_E_INVALID)
            return e < 0 ? sco_error_set(err, e, "%s", why.text) : 0;
    }
    if (!x->job_id)
        return api_problem(c, 409, err, "the platform has not said which run it is");
    int r = sco_store_job_cancel(c->store, x->job_id, c->who.name, c->now, &state, &why);
    if (r == SCO_E_INVALID || r == SCO_E_NOT_FOUND) /* its job has ended: the watch is late */
        return end_now(c, x, err);
    if (r < 0)
        return sco_error_set(err, r, "%s", why.text);
    return state == SCO_JOB_CANCELLED ? end_now(c, x, err) : 0;
}

int api_execution_cancel(struct api_call *c, struct sco_error *err)
{
    return change(c, cancel, false, 202, err);
}

/* ---- again ---- */
static int rerun_platform(struct api_call *c, const struct sco_stored_execution *x,
                          struct sco_error *err)
{
    char id[37];
    struct sco_error why = {0};
    int r = sco_pipeline_rerun(c->store, x, c->who.name, api_requester(c), c->now, id, &why);
    return r == SCO_E_INVALID ? api_problem(c, 409, err, "%s", why.text)
           : r < 0            ? sco_error_set(err, r, "%s", why.text)
                              : reply_new(c, id, err);
}

int api_execution_rerun(struct api_call *c, struct sco_error *err)
{
    struct sco_execution_page x = {0};
    struct sco_pipeline_page p = {0};
    struct sco_pipeline_run run;
    const struct sco_node *q = NULL;
    int r = api_execution_find(c, c->params[0], &x, err);
    if (r < 0)
        return r;
    const struct sco_stored_execution *old = &x.v[0];
    if (!sco_execution_ended(old->status))
        r = api_problem(c, 409, err, "the execution has not ended: it is %s", old->status);
    else if (*old->integration)
        r = rerun_platform(c, old, err);
    if (r < 0 || *old->integration) {
        sco_execution_page_done(&x);
        return r;
    }
    r = api_pipeline_find(c, old->pipeline_id, &p, err);
    if (r == 0)
        r = api_pipeline_allowed(c, &p.v[0], err);
    if (r == 0)
        r = sco_store_run(c->store, old->id, &c->arena, &run, err);
    if (r == 0)
        r = sco_json_parse(sco_str_c(run.request), &c->arena, &q, err);
    if (r == 0) {
        SCO_AUTO(sco_buf) struct sco_buf inputs = {0};
        struct sco_json_out o = {.b = &inputs};
        if (sco_get(q, "inputs"))
            sco_json_node(&o, sco_get(q, "inputs"));
        struct sco_pipeline_start again = {.pipeline = &p.v[0],
                                           .op = "trigger",
                                           .branch =
                                               old->branch && *old->branch ? old->branch : NULL,
                                           .tag = old->ref,
                                           .commit_sha = old->commit_sha,
                                           .event = old->event,
                                           .actor = c->who.name,
                                           .requested_by = api_requester(c),
                                           .inputs = inputs.n ? sco_buf_z(&inputs) : NULL,
                                           .pr_number = old->pr_number};
        r = start(c, &again, err);
    }
    sco_pipeline_page_done(&p);
    sco_execution_page_done(&x);
    return r;
}

/* What the platform knows by now: status and stages, logs, artifacts. */
static int refresh(struct api_call *c, const struct sco_stored_execution *x, bool flag,
                   struct sco_error *err)
{
    (void)flag;
    if (!*x->integration || !x->external_id)
        return api_problem(c, 409, err, "there is no platform to ask");
    c->wake = true;
    return sco_pipeline_look(c->store, x->id, c->now, err);
}

int api_execution_refresh(struct api_call *c, struct sco_error *err)
{
    return change(c, refresh, false, 202, err);
}
