/* Runs again, and rolls back. GitHub has no roll back of its own: the run that deployed the good
 * revision is run again; when it cannot be (runs are kept for a while only), the workflow is
 * started at the good revision. */
#include "github_priv.h"

static int write_again(struct github_op *o, struct sco_str id, struct sco_str url, int64_t attempt)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id", id);
    ci_json_knull(&j, "queue_id");
    ci_json_kz(&j, "status", "queued");
    ci_json_kstr(&j, "url", url.n ? url : sco_str_make(NULL, 0));
    ci_json_kint(&j, "attempt", attempt);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

struct attempt {
    struct github_op *o;
    const char *run;
    int64_t before; /* attempts so far; 0: unknown */
    struct sco_str url;
};

/* Whether the run has one more attempt than before. */
static int is_again(void *user, struct sco_errbuf *e)
{
    struct attempt *t = (struct attempt *)user;
    struct ci_answer a;
    int r = ci_get(&t->o->http, t->run, "the run", &a, e);
    if (r != 0)
        return r;
    int64_t now = sco_int_at(a.root, "run_attempt", 1);
    t->url = ci_copy(t->o->h, sco_text_at(a.root, "html_url"));
    return t->before && now > t->before ? CI_FOUND : 0;
}

int github_run_again(struct github_op *o, struct sco_str id, int failed_only)
{
    struct ci_answer a;
    struct attempt t = {
        o, github_path(o, "/actions/runs/%s", ci_encode(o->h, id, "")), 0, {NULL, 0}};
    int r = github_get(o, t.run, "the run", &a);
    if (r != 0)
        return r;
    t.before = sco_int_at(a.root, "run_attempt", 1);
    t.url = ci_copy(o->h, sco_text_at(a.root, "html_url"));
    const char *path = sco_fmt(o->h, "%s/%s", t.run, failed_only ? "rerun-failed-jobs" : "rerun").p;
    struct ci_json body = ci_json_new(o->h);
    ci_json_raw(&body, SCO_STR("{}"));
    r = github_send(o, "POST", path, &body, "another run", is_again, &t, &a);
    if (r != 0 && r != CI_FOUND)
        return r;
    return write_again(o, id, t.url, t.before + 1);
}

int github_rerun(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_begin(&o, ctx, c, e);
    if (r == 0 && !o.repo)
        r = sco_errf(e, SCO_E_INVALID, "the request names no repository");
    if (r == 0)
        r = github_run_again(&o, sco_text_at(o.q, "pipeline_id"),
                             sco_bool(sco_get(o.q, "failed_only"), 0));
    return github_end(&o, r);
}

/* ---- roll back ---- */

/* A branch or tag that a workflow can be started at: the one asked for. A sha is none: GitHub takes
 * only names. */
static int is_name(struct sco_str ref)
{
    return ref.n && !ci_sha(ref).n;
}

/* The last deployments of an environment, newest first. */
struct deployments {
    struct github_op *o;
    struct sco_str id[20], sha[20];
    size_t n;
};

static int one_deployment(void *user, const struct sco_node *v)
{
    struct deployments *d = (struct deployments *)user;
    struct sco_str sha = ci_sha_at(v, "sha"), id = github_id(sco_get(v, "id"));
    if (d->n == sizeof d->id / sizeof *d->id)
        return CI_FOUND;
    if (!sha.n || !id.n)
        return 0;
    d->id[d->n] = ci_copy(d->o->h, id);
    d->sha[d->n++] = ci_copy(d->o->h, sha);
    return 0;
}

struct first_run {
    struct github_op *o;
    struct sco_str id;
};

static int first_run(void *user, const struct sco_node *v)
{
    struct first_run *n = (struct first_run *)user;
    n->id = ci_copy(n->o->h, github_id(sco_get(v, "id")));
    return CI_FOUND;
}

/* Without being told: the run of the newest deployment that succeeded, the present commit's left
 * out. Absent: there is none. */
static int find_good(struct github_op *o, struct sco_str environment, struct sco_str *ret)
{
    struct deployments d;
    struct ci_answer a;
    memset(&d, 0, sizeof d);
    d.o = o;
    int r = ci_walk(&o->http,
                    github_path(o, "/deployments?environment=%s&per_page=100",
                                ci_encode(o->h, environment, "")),
                    NULL, 1, "the deployments", one_deployment, &d, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    for (size_t i = 1; i < d.n; i++) {
        struct first_run run = {o, {NULL, 0}};
        if (sco_str_eq(d.sha[i], d.sha[0]))
            continue;
        r = github_get(
            o, github_path(o, "/deployments/%.*s/statuses?per_page=100", SCO_STR_ARG(d.id[i])),
            "the deployment", &a);
        if (r != 0)
            return r;
        struct sco_str state = sco_text_at(sco_first(a.root), "state");
        if (!sco_str_is(state, "success") && !sco_str_is(state, "inactive"))
            continue;
        r = ci_walk(&o->http,
                    github_path(o, "/actions/runs?head_sha=%.*s&status=success&per_page=20",
                                SCO_STR_ARG(d.sha[i])),
                    "workflow_runs", 1, "the runs of the deployment", first_run, &run, o->e);
        if (r == CI_FOUND) {
            *ret = run.id;
            return 0;
        }
        if (r != 0)
            return r;
    }
    return 0;
}

static int do_rollback(struct github_op *o)
{
    const struct sco_node *to = sco_get(o->q, "to"), *inputs = sco_get(o->q, "inputs");
    struct sco_str id = sco_text_at(to, "pipeline_id"), ref = sco_text_at(to, "ref");
    struct sco_str environment = sco_text_at(o->q, "environment");
    struct sco_str workflow = sco_text_at(o->q, "workflow"), sha = ci_sha_at(to, "commit_sha");
    if (!o->repo)
        return sco_errf(o->e, SCO_E_INVALID, "the request names no repository");
    int r = SCO_E_NOT_FOUND;
    if (!id.n && !ref.n && !sha.n && environment.n) {
        r = find_good(o, environment, &id);
        if (r != 0)
            return r;
    }
    if (id.n) {
        r = github_run_again(o, id, 0);
        if (r >= 0 || (r != SCO_E_NOT_FOUND && r != SCO_E_INVALID))
            return r;
        if (r == SCO_E_INVALID && !workflow.n) /* too old, or still running: its words say which */
            return r;
    }
    if (!workflow.n || !is_name(ref))
        return id.n ? r
                    : sco_errf(o->e, SCO_E_INVALID,
                               "nothing to roll back to: neither a run, nor a workflow with a "
                               "branch or tag (a workflow cannot be started at the commit %.*s "
                               "itself)",
                               SCO_STR_ARG(sha.n ? sha : SCO_STR("")));
    return github_dispatch(o, workflow, ref, inputs);
}

int github_rollback(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_begin(&o, ctx, c, e);
    return github_end(&o, r == 0 ? do_rollback(&o) : r);
}
