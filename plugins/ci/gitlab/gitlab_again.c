/* Runs again, and rolls back. What GitLab calls retry runs the jobs that failed; all of them again
 * is another pipeline. A roll back is what GitLab itself does in its pages: the job of the earlier
 * deployment is run again. */
#include "gitlab_priv.h"

/* ---- again ---- */

static int retry(struct gitlab_op *o, struct sco_str id)
{
    struct ci_request q;
    struct ci_answer a;
    memset(&q, 0, sizeof q);
    q.method = "POST";
    q.path = gitlab_path(o, "/pipelines/%.*s/retry", SCO_STR_ARG(id));
    q.what = "another try of the pipeline";
    q.repeat = 1; /* the second one finds no failed job any more */
    int r = ci_call(&o->http, &q, &a, o->e);
    if (r != 0)
        return r;
    return gitlab_write_again(o, id, gitlab_status(sco_text_at(a.root, "status")),
                              sco_text_at(a.root, "web_url"));
}

int64_t gitlab_mr_of_ref(struct sco_str ref)
{
    struct sco_str rest = ci_behind(ref, "refs/merge-requests/");
    size_t at = 0;
    int64_t n = 0;
    for (; at < rest.n && at < 18 && rest.p[at] >= '0' && rest.p[at] <= '9'; at++)
        n = n * 10 + (rest.p[at] - '0');
    return at && at < rest.n && rest.p[at] == '/' ? n : 0;
}

static int another_for_mr(struct gitlab_op *o, int64_t mr)
{
    struct ci_answer a;
    int r = gitlab_send(o, "POST", gitlab_path(o, "/merge_requests/%lld/pipelines", (long long)mr),
                        NULL, "another pipeline of the merge request", NULL, NULL, &a);
    if (r != 0)
        return r;
    return gitlab_write_started(o, gitlab_id(sco_get(a.root, "id")),
                                gitlab_status(sco_text_at(a.root, "status")),
                                sco_text_at(a.root, "web_url"));
}

/* A pipeline is started at a branch or tag, at the commit that it has now: it has to be the same.
 */
static int all_again(struct gitlab_op *o, struct sco_str id)
{
    struct ci_answer a;
    int r = gitlab_get(o, gitlab_path(o, "/pipelines/%.*s", SCO_STR_ARG(id)), "the pipeline", &a);
    if (r != 0)
        return r;
    struct sco_str ref = ci_copy(o->h, sco_text_at(a.root, "ref"));
    struct sco_str sha = ci_copy(o->h, ci_sha_at(a.root, "sha"));
    int64_t mr = gitlab_mr_of_ref(ref);
    if (mr)
        return another_for_mr(o, mr);
    r = gitlab_get(o, gitlab_path(o, "/repository/commits/%s", ci_encode(o->h, ref, "")),
                   "the branch or tag of the pipeline", &a);
    if (r != 0)
        return r;
    if (!sco_str_eq(ci_sha_at(a.root, "id"), sha))
        return sco_errf(o->e, SCO_E_INVALID,
                        "%.*s has moved on since: %s starts pipelines at branches and tags only; "
                        "what failed can be tried again (failed_only)",
                        SCO_STR_ARG(ci_line(o->h, ref, 100)), GITLAB);
    return gitlab_start(o, ref, sco_str_make(NULL, 0), NULL);
}

int gitlab_rerun(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    int r = gitlab_begin(&o, ctx, c, e);
    struct sco_str id = sco_text_at(c->request, "pipeline_id");
    if (r == 0)
        r = gitlab_good_id(&o, id, "pipeline_id");
    if (r == 0)
        r = sco_bool(sco_get(o.q, "failed_only"), 0) ? retry(&o, id) : all_again(&o, id);
    return gitlab_end(&o, r);
}

/* ---- roll back ---- */

struct rollback {
    struct gitlab_op *o;
    struct sco_str pipeline, sha, ref; /* asked for; all absent: the last good one */
    struct sco_str now;                /* the sha that is deployed */
    struct sco_str job, job_name, of;  /* found: job, its name, its pipeline */
};

/* They come newest first, and only those that succeeded. */
static int one_deployment(void *user, const struct sco_node *v)
{
    struct rollback *k = (struct rollback *)user;
    struct sco_str sha = ci_sha_at(v, "sha");
    struct sco_str job = gitlab_id(sco_path(v, "deployable.id"));
    struct sco_str pipeline = gitlab_id(sco_path(v, "deployable.pipeline.id"));
    if (!sco_str_is(sco_text_at(v, "status"), "success"))
        return 0;
    if (!k->now.n)
        k->now = ci_copy(k->o->h, sha);
    int good = k->pipeline.n ? sco_str_eq(pipeline, k->pipeline)
               : k->sha.n    ? sco_str_eq(sha, k->sha)
               : k->ref.n    ? sco_str_eq(sco_text_at(v, "ref"), gitlab_bare(k->ref))
                             : sha.n && !sco_str_eq(sha, k->now);
    if (!good || !job.n)
        return 0; /* one without a job was made by the API: there is nothing to run again */
    k->job = ci_copy(k->o->h, job);
    k->job_name = ci_copy(k->o->h, sco_text_at(v, "deployable.name"));
    k->of = ci_copy(k->o->h, pipeline);
    return CI_FOUND;
}

static int find_deployment(struct rollback *k)
{
    struct gitlab_op *o = k->o;
    struct sco_str environment = sco_text_at(o->q, "environment");
    const char *path =
        gitlab_path(o, "/deployments?status=success&order_by=id&sort=desc&per_page=100%s%s",
                    environment.n ? "&environment=" : "", ci_encode(o->h, environment, ""));
    int r = ci_walk(&o->http, path, NULL, 10, "the deployments", one_deployment, k, o->e);
    return r == CI_FOUND ? 0 : r;
}

/* After a lost answer: a newer job of the same name in that pipeline. */
struct newer_job {
    struct rollback *k;
    int64_t after;
    struct sco_str id, url;
    const char *status;
};

static int is_newer(void *user, const struct sco_node *v)
{
    struct newer_job *n = (struct newer_job *)user;
    if (sco_int_at(v, "id", 0) <= n->after || !sco_str_eq(sco_text_at(v, "name"), n->k->job_name))
        return 0;
    n->id = ci_copy(n->k->o->h, gitlab_id(sco_get(v, "id")));
    n->url = ci_copy(n->k->o->h, sco_text_at(v, "web_url"));
    n->status = gitlab_status(sco_text_at(v, "status"));
    return CI_FOUND;
}

static int find_newer(void *user, struct sco_errbuf *e)
{
    struct newer_job *n = (struct newer_job *)user;
    struct gitlab_op *o = n->k->o;
    return ci_walk(&o->http,
                   gitlab_path(o, "/pipelines/%.*s/jobs?per_page=100", SCO_STR_ARG(n->k->of)), NULL,
                   GITLAB_PAGES_MAX, "the pipeline's jobs", is_newer, n, e);
}

static int newest_job(void *user, const struct sco_node *v)
{
    struct newer_job *n = (struct newer_job *)user;
    int64_t id = sco_int_at(v, "id", 0);
    if (id > n->after && sco_str_eq(sco_text_at(v, "name"), n->k->job_name))
        n->after = id;
    return 0;
}

/* The job may have been run again already: the newest of its name is what can be retried. */
static int deploy_again(struct rollback *k)
{
    struct gitlab_op *o = k->o;
    struct newer_job n = {k, 0, {NULL, 0}, {NULL, 0}, NULL};
    struct ci_answer a;
    int r =
        ci_walk(&o->http, gitlab_path(o, "/pipelines/%.*s/jobs?per_page=100", SCO_STR_ARG(k->of)),
                NULL, GITLAB_PAGES_MAX, "the pipeline's jobs", newest_job, &n, o->e);
    if (r != 0)
        return r;
    struct sco_str job = n.after ? sco_fmt(o->h, "%lld", (long long)n.after) : k->job;
    r = gitlab_send(o, "POST", gitlab_path(o, "/jobs/%.*s/retry", SCO_STR_ARG(job)), NULL,
                    "another run of the deployment", find_newer, &n, &a);
    if (r == CI_FOUND)
        return gitlab_write_again(o, k->of, n.status, n.url);
    if (r != 0)
        return r;
    return gitlab_write_again(o, k->of, gitlab_status(sco_text_at(a.root, "status")),
                              sco_text_at(a.root, "web_url"));
}

static int do_rollback(struct gitlab_op *o)
{
    const struct sco_node *to = sco_get(o->q, "to");
    struct rollback k;
    memset(&k, 0, sizeof k);
    k.o = o;
    k.pipeline = sco_text_at(to, "pipeline_id");
    k.sha = ci_sha_at(to, "commit_sha");
    k.ref = sco_text_at(to, "ref");
    if (!k.pipeline.n && !k.sha.n && !k.ref.n && !sco_text_at(o->q, "environment").n)
        return sco_errf(o->e, SCO_E_INVALID, "nothing to roll back to, and no environment");
    int r = find_deployment(&k);
    if (r != 0)
        return r;
    if (k.job.n)
        return deploy_again(&k);
    struct sco_str workflow = sco_text_at(o->q, "workflow");
    if (workflow.n && k.ref.n && !ci_sha(k.ref).n)
        return gitlab_start(o, k.ref, workflow, sco_get(o->q, "inputs"));
    return sco_errf(o->e, SCO_E_NOT_FOUND,
                    "%s has no earlier deployment that succeeded and has a job to run again",
                    GITLAB);
}

int gitlab_rollback(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    int r = gitlab_begin(&o, ctx, c, e);
    return gitlab_end(&o, r == 0 ? do_rollback(&o) : r);
}
