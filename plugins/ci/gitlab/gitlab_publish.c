/* publish: what becomes of a scan at GitLab. This file: the request, which steps, the result. Doing
 * it again writes nothing: every step looks for what it made before, by marker and author. */
#include "gitlab_priv.h"

static struct sco_str state_of(const struct gitlab_publish *p)
{
    struct ci_json j = ci_json_new(p->r.h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "scan_id", p->last_scan);
    ci_json_kstr(&j, "status", p->last_state);
    ci_json_kstr(&j, "note_id", p->note_id);
    ci_json_kstr(&j, "author", p->author);
    ci_json_end(&j, '}');
    return ci_json_text(&j);
}

/* GitLab knows success and failed. */
static void decide(struct gitlab_publish *p)
{
    ci_result_decide(&p->r, GITLAB_STATUS_MAX);
    if (strcmp(p->r.state, "failure") == 0 || strcmp(p->r.state, "error") == 0)
        p->r.state = "failed";
}

/* ---- the request ---- */

static int read_request(struct gitlab_publish *p)
{
    const struct sco_node *q = p->o->q, *state = sco_get(q, "state");
    struct sco_str head = sco_text_at(q, "head_repository");
    int r = ci_result_read(&p->r, p->o->g->status_name);
    if (r != 0)
        return r;
    p->r.branch = gitlab_bare(p->r.branch);
    p->r.name = ci_cut(p->r.name, GITLAB_STATUS_MAX);
    p->fork = (head.n && !sco_str_eq(head, sco_text_at(q, "repository"))) ||
              sco_str_starts(p->r.branch, "refs/merge-requests/");
    p->scan_id = sco_text_at(q, "scan.id");
    p->note_id = sco_text_at(state, "note_id");
    p->author = sco_text_at(state, "author");
    p->last_scan = sco_text_at(state, "scan_id");
    p->last_state = sco_text_at(state, "status");
    return 0;
}

static int listed(const struct gitlab_publish *p, const char *step)
{
    return ci_result_wants(&p->r, step, 0);
}

/* A merge request that was pushed to since has another head: what we have is about an older one. */
static int look_at_head(struct gitlab_publish *p)
{
    struct ci_answer a;
    if (!p->r.pr || !sco_str_is(p->r.phase, "result"))
        return 0;
    int r = gitlab_get(p->o, gitlab_path(p->o, "/merge_requests/%lld", (long long)p->r.pr),
                       "the merge request", &a);
    if (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND)
        return 0; /* the steps will say what they may not do */
    if (r != 0)
        return r;
    struct sco_str head = ci_sha_at(a.root, "sha");
    p->moved = head.n && !sco_str_eq(head, p->r.sha);
    p->base_sha = ci_copy(p->r.h, ci_sha_at(a.root, "diff_refs.base_sha"));
    p->start_sha = ci_copy(p->r.h, ci_sha_at(a.root, "diff_refs.start_sha"));
    p->head_sha = ci_copy(p->r.h, ci_sha_at(a.root, "diff_refs.head_sha"));
    p->mr_url = ci_copy(p->r.h, sco_text_at(a.root, "web_url"));
    return 0;
}

int gitlab_need_author(struct gitlab_publish *p)
{
    return p->author.n ? 0 : gitlab_author(p->o, &p->author);
}

/* ---- steps ---- */

static int on_merge_request(struct gitlab_publish *p, const char *step, int possible,
                            int (*publish)(struct gitlab_publish *p))
{
    if (!p->r.pr || !possible)
        ci_result_skip(&p->r, step, !p->r.pr ? "there is no merge request" : "there is no text");
    else if (p->moved)
        ci_result_skip(&p->r, step, "the merge request has another head by now");
    else
        return ci_result_settle(&p->r, step, publish(p));
    return 0;
}

static int all_steps(struct gitlab_publish *p)
{
    int r = 0;
    if (ci_result_wants(&p->r, "status", 1) || listed(p, "check")) /* what GitLab has of a check */
        r = ci_result_settle(&p->r, "status", gitlab_publish_status(p));
    if (r != 0 || !sco_str_is(p->r.phase, "result"))
        return r;
    if (ci_result_wants(&p->r, "comment", p->r.pr > 0))
        r = on_merge_request(p, "comment", p->r.markdown.p != NULL, gitlab_publish_note);
    int threads = p->r.pr > 0 && p->o->g->threads_max > 0;
    if (r == 0 && (ci_result_wants(&p->r, "threads", threads) || listed(p, "review")))
        r = on_merge_request(p, "threads", 1, gitlab_publish_threads);
    if (r == 0 && listed(p, "sarif"))
        ci_result_skip(&p->r, "sarif",
                       "GitLab takes reports from jobs of its pipelines only: artifacts:reports");
    if (r == 0 && listed(p, "description"))
        ci_result_skip(&p->r, "description", "pipelines of GitLab have none");
    return r;
}

static void fill(const struct ci_result *p, struct ci_finding *f, const struct sco_node *v)
{
    f->title = ci_line(p->h, sco_text_at(v, "title"), 300);
    f->text = ci_line(p->h, sco_text_at(v, "remediation"), 600);
}

/* What is missing here is gone only when everything was looked at, and is here. */
static int read_findings(struct gitlab_publish *p)
{
    const struct sco_node *q = p->o->q;
    int r = ci_result_findings(&p->r, fill);
    p->all = r == 0 && sco_text_at(q, "findings").n && !p->r.cut &&
             sco_str_is(sco_text_at(q, "scan.status"), "completed") &&
             !sco_str_is(sco_text_at(q, "gate.result"), "incomplete");
    return r;
}

static int do_publish(struct gitlab_publish *p)
{
    int r = read_request(p);
    if (r == 0)
        r = look_at_head(p);
    if (r == 0 && sco_str_is(p->r.phase, "result"))
        r = read_findings(p);
    if (r != 0)
        return r;
    decide(p);
    r = all_steps(p);
    return ci_result_end(&p->r, r, state_of(p), p->mr_url.n ? p->mr_url : p->r.details_url);
}

int gitlab_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    struct gitlab_publish p;
    int r = gitlab_begin(&o, ctx, c, e);
    memset(&p, 0, sizeof p);
    p.o = &o;
    p.r.h = o.h;
    p.r.q = o.q;
    p.r.e = e;
    return gitlab_end(&o, r == 0 ? do_publish(&p) : r);
}
