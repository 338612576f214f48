/* A job that a rule or workflow has made: {"pipeline": name, "integration", "event", "ref",
 * "inputs"}. It becomes an execution, which has a job of its own; this one ends with it. */
#include "runner_pipeline.h"

#include <secureops/ci.h>
#include <secureops/ci_jobs.h>
#include <secureops/pipeline_start.h>

struct wish {
    struct sco_pipeline_page page;
    const struct sco_stored_pipeline *p;
    struct sco_ci_event event;
    struct sco_pipeline_start q;
};

static const char *json(struct runner *r, const struct sco_node *v)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!sco_is(v, SCO_NODE_MAP))
        return NULL;
    sco_json_node(&o, v);
    return b.failed ? NULL : sco_arena_cstr(&r->arena, sco_buf_str(&b));
}

static const char *text(struct runner *r, const struct sco_node *q, const char *name)
{
    struct sco_str s = sco_text(sco_get(q, name));
    return s.n ? sco_arena_cstr(&r->arena, s) : NULL;
}

static bool same_place(const char *a, const char *b)
{
    SCO_AUTO(sco_buf) struct sco_buf x = {0}, y = {0};
    sco_repository_normal(sco_str_c(a ? a : ""), &x);
    sco_repository_normal(sco_str_c(b), &y);
    return !x.failed && !y.failed && x.n && sco_str_eq(sco_buf_str(&x), sco_buf_str(&y));
}

/* Who pushes, starts or merges may write to the repository. Of the rest the platform has to say so:
 * checks and pipelines of a fork's commit look like those of a branch. */
static bool may_be_forks(const struct sco_ci_event *e, const struct sco_node *event)
{
    const struct sco_node *said = sco_get(event, "is_fork");
    bool member = e->kind == SCO_CI_PUSH || e->kind == SCO_CI_TAG || e->kind == SCO_CI_RELEASE ||
                  e->kind == SCO_CI_MANUAL || e->kind == SCO_CI_MERGE_GROUP;
    return e->is_fork || (!member && !sco_is(said, SCO_NODE_BOOL));
}

/* The event is of the pipeline's repository: its integration may fetch it. */
static const char *credential(struct runner *r, const char *integration, const struct wish *w)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const struct sco_node *v = NULL;
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_ci_job_credential(&o, integration, w->event.repo_full_name, w->event.context);
    sco_json_end(&o, '}');
    if (b.failed || sco_json_parse(sco_buf_str(&b), &r->arena, &v, NULL) < 0)
        return NULL;
    return json(r, sco_get(v, "credential"));
}

/* A stranger's code does not run here because its pull request came: with the secrets of the
 * pipeline, on this machine. Nor does one repository's event run another one's pipeline. */
static int take_event(struct runner *r, const struct sco_node *q, struct wish *w,
                      struct sco_error *err)
{
    const char *event = json(r, sco_get(q, "event")), *integration = text(r, q, "integration");
    if (!event)
        return 0;
    int e = sco_ci_event_parse(sco_str_c(event), integration ? integration : "", &r->arena,
                               &w->event, err);
    if (e < 0)
        return e;
    bool own = w->p->definition, same = same_place(w->event.clone_url, w->p->target.location);
    if (own && may_be_forks(&w->event, sco_get(q, "event")))
        return sco_error_set(
            err, SCO_E_PERMISSION, "own pipelines do not run a fork's code, and %s",
            w->event.is_fork ? "this is a fork's" : "the event does not say whose it is");
    if (own && !same)
        return sco_error_set(err, SCO_E_PERMISSION,
                             "the event is of another repository than the pipeline");
    if (own)
        w->q.credential = credential(r, integration, w);
    w->q.event = sco_ci_kind_name(w->event.kind);
    w->q.actor = w->event.actor;
    if (!same)
        return 0;
    w->q.tag = w->event.tag;
    w->q.branch = w->event.tag                ? NULL
                  : w->event.pr_source_branch ? w->event.pr_source_branch
                                              : w->event.branch;
    w->q.commit_sha = w->event.commit_sha;
    w->q.pr_number = w->event.pr_number;
    return 0;
}

static int take(struct runner *r, const struct sco_node *q, struct wish *w, struct sco_error *err)
{
    const char *name = text(r, q, "pipeline"), *ref = text(r, q, "ref");
    int e = name ? sco_store_pipeline(r->cli.store, name, &w->page, err)
                 : sco_error_set(err, SCO_E_INVALID, "the job names no pipeline");
    if (e < 0)
        return e;
    SCO_BUG_ON(!w->page.v);
    w->p = &w->page.v[0];
    w->q = (struct sco_pipeline_start){.pipeline = w->p,
                                       .op = "trigger",
                                       .event = "rule",
                                       .requested_by = r->job.requested_by,
                                       .inputs = json(r, sco_get(q, "inputs"))};
    if (w->p->definition && !r->cli.config->pipelines.enabled)
        return sco_error_set(err, SCO_E_PERMISSION, "pipelines.enabled is false");
    e = take_event(r, q, w, err);
    if (e == 0 && ref) {
        bool tag = strncmp(ref, "refs/tags/", 10) == 0;
        w->q.tag = tag ? ref + 10 : NULL;
        w->q.branch = tag ? NULL : strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
        w->q.commit_sha = NULL;
    }
    return e;
}

int runner_pipeline_rule(struct runner *r, const struct sco_node *q, struct sco_error *err)
{
    struct wish w = {0};
    enum sco_job_state state;
    char id[37];
    int e = take(r, q, &w, err);
    struct sco_job_end end = {
        .lease = r->lease, .outcome = SCO_JOB_END_COMPLETED, .now = sco_now_ms()};
    if (e == 0)
        e = sco_store_begin(r->cli.store, err);
    if (e == 0) {
        e = sco_pipeline_start(r->cli.store, &w.q, end.now, id, err);
        if (e == 0)
            e = sco_store_job_end(r->cli.store, &end, &state, err);
        e = sco_store_end(r->cli.store, e, err);
        if (e == 0)
            runner_log(r, SCO_LOG_INFO, "pipeline %s: execution %s", w.p->target.name, id);
    }
    sco_pipeline_page_done(&w.page);
    return e;
}
