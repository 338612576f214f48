/* Workflow runs: start, look, stop. */
#include "github_priv.h"

enum { INPUTS_MAX = 25, PAYLOAD_MAX = 10, JOBS_PAGES = 20 };

static int need_repository(const struct github_op *o)
{
    return o->repo ? 0 : sco_errf(o->e, SCO_E_INVALID, "the request names no repository");
}

/* ---- start ---- */

static int write_started(struct github_op *o, struct sco_str id, struct sco_str url)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id", id.n ? id : sco_str_make(NULL, 0));
    ci_json_knull(&j, "queue_id");
    ci_json_kz(&j, "status", "queued");
    ci_json_kstr(&j, "url", url.n ? url : sco_str_make(NULL, 0));
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int write_inputs(struct github_op *o, struct ci_json *j, const char *key,
                        const struct sco_node *inputs, size_t max)
{
    size_t n = 0;
    if (!sco_is(inputs, SCO_NODE_MAP) || !inputs->child)
        return 0;
    ci_json_key(j, key);
    ci_json_begin(j, '{');
    for (const struct sco_node *c = inputs->child; c; c = c->next, n++) {
        ci_json_str(j, c->key);
        ci_json_put(j, ":", 1);
        j->comma = 0;
        ci_json_str(j, sco_text(c).p ? sco_text(c) : SCO_STR(""));
    }
    ci_json_end(j, '}');
    return n <= max ? 0 : sco_errf(o->e, SCO_E_LIMIT, "%s takes at most %zu inputs", GITHUB, max);
}

static struct sco_str bare_ref(struct sco_str ref)
{
    struct sco_str bare = ci_behind(ref, "refs/heads/");
    if (!bare.n)
        bare = ci_behind(ref, "refs/tags/");
    return bare.n ? bare : ref;
}

/* The newest run of a workflow by dispatch since then: for servers that do not say the id. */
struct newest {
    struct github_op *o;
    const char *path;
    int64_t since;
    struct sco_str id, url;
};

static int is_newest(void *user, const struct sco_node *run)
{
    struct newest *n = (struct newest *)user;
    if (ci_time_at(run, "created_at") < n->since)
        return 0;
    n->id = ci_copy(n->o->h, github_id(sco_get(run, "id")));
    n->url = ci_copy(n->o->h, sco_text_at(run, "html_url"));
    return CI_FOUND;
}

static int find_newest(void *user, struct sco_errbuf *e)
{
    struct newest *n = (struct newest *)user;
    return ci_walk(&n->o->http, n->path, "workflow_runs", 1, "the workflow's runs", is_newest, n,
                   e);
}

int github_dispatch(struct github_op *o, struct sco_str workflow, struct sco_str ref,
                    const struct sco_node *inputs)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    struct newest found = {o, NULL, o->h->now(o->h) / 1000 * 1000 - 2000, {NULL, 0}, {NULL, 0}};
    const char *name = ci_encode(o->h, workflow, "");
    struct sco_str bare = bare_ref(ref);
    found.path =
        github_path(o, "/actions/workflows/%s/runs?event=workflow_dispatch&per_page=20", name);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "ref", bare);
    int r = write_inputs(o, &j, "inputs", inputs, INPUTS_MAX);
    if (r < 0)
        return r;
    ci_json_kbool(&j, "return_run_details", 1);
    ci_json_end(&j, '}');
    r = github_send(o, "POST", github_path(o, "/actions/workflows/%s/dispatches", name), &j,
                    "the start of the workflow", find_newest, &found, &a);
    if (r == CI_FOUND)
        return write_started(o, found.id, found.url);
    if (r != 0)
        return r;
    struct sco_str id = github_id(sco_get(a.root, "workflow_run_id"));
    if (id.n)
        return write_started(o, id, sco_text_at(a.root, "html_url"));
    /* an older server: its newest run, if it is there already */
    for (int i = 0; i < 3; i++) {
        r = ci_http_sleep(&o->http, i ? 1000 : 200, o->e);
        if (r == 0)
            r = find_newest(&found, o->e);
        if (r != 0)
            break;
    }
    if (r < 0 || r == SCO_CI_LATER) /* it has started: that it cannot be seen is no failure */
        found.id = sco_str_make(NULL, 0);
    return write_started(o, found.id, found.url);
}

static int dispatch_event(struct github_op *o, const struct sco_node *inputs)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "event_type", "secureops");
    int r = write_inputs(o, &j, "client_payload", inputs, PAYLOAD_MAX);
    if (r < 0)
        return r;
    ci_json_end(&j, '}');
    r = github_send(o, "POST", github_path(o, "/dispatches"), &j, "the repository's event", NULL,
                    NULL, &a);
    return r != 0 ? r : write_started(o, sco_str_make(NULL, 0), sco_str_make(NULL, 0));
}

static int do_trigger(struct github_op *o)
{
    struct sco_str workflow = sco_text_at(o->q, "workflow"), ref = sco_text_at(o->q, "ref");
    struct ci_answer a;
    int r = need_repository(o);
    if (r < 0)
        return r;
    if (!workflow.n)
        return dispatch_event(o, sco_get(o->q, "inputs"));
    if (!ref.n) {
        r = github_get(o, o->repo, "the repository", &a);
        if (r != 0)
            return r;
        ref = ci_copy(o->h, sco_text_at(a.root, "default_branch"));
    }
    return github_dispatch(o, workflow, ref, sco_get(o->q, "inputs"));
}

int github_trigger(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_begin(&o, ctx, c, e);
    return github_end(&o, r == 0 ? do_trigger(&o) : r);
}

/* ---- look ---- */

static int one_stage(void *user, const struct sco_node *job)
{
    github_stage((struct ci_json *)user, job);
    return 0;
}

static int do_status(struct github_op *o)
{
    struct sco_str id = sco_text_at(o->q, "pipeline_id");
    int64_t attempt = sco_int_at(o->q, "attempt", 0);
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = need_repository(o);
    if (r < 0)
        return r;
    const char *run = github_path(o, "/actions/runs/%s", ci_encode(o->h, id, ""));
    if (attempt > 0)
        run = sco_fmt(o->h, "%s/attempts/%lld", run, (long long)attempt).p;
    r = github_get(o, run, "the run", &a);
    if (r != 0)
        return r;
    struct sco_str conclusion = sco_text_at(a.root, "conclusion");
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id", id);
    ci_json_kz(&j, "status", github_status(sco_text_at(a.root, "status"), conclusion));
    ci_json_ktime(&j, "started_at", ci_time_at(a.root, "run_started_at"));
    ci_json_ktime(&j, "finished_at", conclusion.n ? ci_time_at(a.root, "updated_at") : 0);
    ci_json_kstr(&j, "url", sco_text_at(a.root, "html_url"));
    ci_json_kstr(&j, "commit_sha", ci_sha_at(a.root, "head_sha"));
    ci_json_kstr(&j, "branch", sco_text_at(a.root, "head_branch"));
    ci_json_kint(&j, "attempt", sco_int_at(a.root, "run_attempt", 1));
    ci_json_key(&j, "stages");
    ci_json_begin(&j, '[');
    r = ci_walk(&o->http,
                sco_fmt(o->h, "%s/jobs?%sper_page=100", run, attempt > 0 ? "" : "filter=latest&").p,
                "jobs", JOBS_PAGES, "the run's jobs", one_stage, &j, o->e);
    if (r != 0)
        return r;
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int github_run_status(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_begin(&o, ctx, c, e);
    return github_end(&o, r == 0 ? do_status(&o) : r);
}

/* ---- stop ---- */

static int do_cancel(struct github_op *o)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = need_repository(o);
    if (r < 0)
        return r;
    const char *id = ci_encode(o->h, sco_text_at(o->q, "pipeline_id"), "");
    r = github_send(o, "POST", github_path(o, "/actions/runs/%s/cancel", id), NULL,
                    "the end of the run", NULL, NULL, &a);
    if (r == SCO_E_INVALID && a.status == 409) { /* it has ended by itself */
        r = github_get(o, github_path(o, "/actions/runs/%s", id), "the run", &a);
        if (r != 0)
            return r;
        ci_json_begin(&j, '{');
        ci_json_kz(&j, "status",
                   github_status(sco_text_at(a.root, "status"), sco_text_at(a.root, "conclusion")));
    } else if (r != 0) {
        return r;
    } else {
        ci_json_begin(&j, '{');
        ci_json_kz(&j, "status", "cancelled");
    }
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int github_cancel(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_begin(&o, ctx, c, e);
    return github_end(&o, r == 0 ? do_cancel(&o) : r);
}
