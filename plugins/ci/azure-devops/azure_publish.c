/* publish: what becomes of a scan at Azure DevOps: a status of the commit, one of the pull
 * request's iteration, one summary thread, threads on lines. Doing it again writes nothing: every
 * step looks for what it made before, by id, marker and author. */
#include "azure_priv.h"

static struct sco_str state_of(const struct azure_publish *p)
{
    struct ci_json j = ci_json_new(p->r.h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "thread_id", p->thread_id);
    ci_json_kstr(&j, "author", p->author);
    ci_json_end(&j, '}');
    return ci_json_text(&j);
}

static int one_iteration(void *user, const struct sco_node *v)
{
    struct azure_publish *p = (struct azure_publish *)user;
    if (sco_str_eq(ci_sha_at(v, "sourceRefCommit.commitId"), p->r.sha))
        p->iteration = sco_int_at(v, "id", 0); /* the last one of this commit */
    return 0;
}

/* The pull request may have been pushed to since: what we have is about an older iteration then. */
static int look_at_pull(struct azure_publish *p)
{
    struct azure_op *o = p->o;
    struct ci_answer a;
    if (p->r.pr <= 0)
        return 0;
    int r = azure_get(o, azure_path(o, o->repo, "/pullRequests/%lld?" AZURE_V, (long long)p->r.pr),
                      "the pull request", &a);
    if (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND)
        return 0; /* the steps will say what they may not do */
    if (r != 0)
        return r;
    struct sco_str head = ci_sha_at(a.root, "lastMergeSourceCommit.commitId");
    p->moved = head.n && !sco_str_eq(head, p->r.sha);
    p->url = ci_copy(o->h, sco_text_at(a.root, "_links.web.href"));
    r = azure_walk(
        o, azure_path(o, o->repo, "/pullRequests/%lld/iterations?" AZURE_V, (long long)p->r.pr),
        "the pull request's iterations", one_iteration, p, o->e);
    return r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND ? 0 : r;
}

/* Without a pull request the check is the commit's status, and there is but one. */
static int statuses(struct azure_publish *p)
{
    struct ci_result *r = &p->r;
    int check = ci_result_wants(r, "check", r->pr > 0), status = ci_result_wants(r, "status", 1);
    int e = 0;
    if (check && r->pr <= 0)
        return ci_result_settle(r, "check", azure_publish_status(p, "check", 0));
    if (check)
        e = ci_result_settle(r, "check", azure_publish_status(p, "check", 1));
    if (e == 0 && status)
        e = ci_result_settle(r, "status", azure_publish_status(p, "status", 0));
    return e;
}

static int discussion(struct azure_publish *p)
{
    const char *moved = "the pull request has another head by now";
    struct ci_result *r = &p->r;
    int threads = ci_result_wants(r, "threads", r->pr > 0) || ci_result_wants(r, "review", 0);
    int e = 0;
    if (ci_result_wants(r, "comment", r->pr > 0)) {
        if (r->pr <= 0 || !r->markdown.p)
            ci_result_skip(r, "comment",
                           r->pr <= 0 ? "there is no pull request" : "there is no text");
        else if (p->moved)
            ci_result_skip(r, "comment", moved);
        else
            e = ci_result_settle(r, "comment", azure_publish_comment(p));
    }
    if (e == 0 && threads) {
        if (r->pr <= 0 || p->moved)
            ci_result_skip(r, "threads", r->pr > 0 ? moved : "there is no pull request");
        else
            e = ci_result_settle(r, "threads", azure_publish_threads(p));
    }
    if (e == 0 && ci_result_wants(r, "sarif", 0))
        ci_result_skip(r, "sarif", "Azure DevOps takes SARIF as an artifact of a pipeline only");
    return e;
}

static void fill(const struct ci_result *p, struct ci_finding *f, const struct sco_node *v)
{
    f->title = ci_line(p->h, sco_text_at(v, "title"), 255);
    f->tool = ci_line(p->h, sco_text_at(sco_first(sco_get(v, "tools")), "name"), 60);
    f->text = ci_line(p->h, sco_text_at(v, "description"), 2000);
}

static int do_publish(struct azure_publish *p)
{
    const struct sco_node *state = sco_get(p->o->q, "state");
    int r = azure_need_repo(p->o);
    if (r == 0)
        r = ci_result_read(&p->r, p->o->a->check_name);
    if (r == 0)
        r = look_at_pull(p);
    if (r == 0 && sco_str_is(p->r.phase, "result"))
        r = ci_result_findings(&p->r, fill);
    if (r != 0)
        return r;
    p->thread_id = sco_text_at(state, "thread_id");
    p->author = sco_text_at(state, "author");
    ci_result_decide(&p->r, CI_TITLE_MAX);
    r = statuses(p);
    if (r == 0 && sco_str_is(p->r.phase, "result"))
        r = discussion(p);
    return ci_result_end(&p->r, r, state_of(p), p->url.n ? p->url : p->r.details_url);
}

int azure_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    struct azure_publish p;
    int r = azure_begin(&o, ctx, c, e);
    memset(&p, 0, sizeof p);
    p.o = &o;
    p.r.h = o.h;
    p.r.q = o.q;
    p.r.e = e;
    return azure_end(&o, r == 0 ? do_publish(&p) : r);
}
