/* What a webhook means: each native event has a function that fills the normalised one. A field
 * that the payload does not hold stays absent; it is never guessed. */
#include "github_priv.h"

/* A conclusion decides before a status, never the action. */
const char *github_status(struct sco_str status, struct sco_str conclusion)
{
    static const struct ci_word words[] = {{"queued", "queued"},
                                           {"requested", "queued"},
                                           {"waiting", "queued"},
                                           {"pending", "queued"},
                                           {"in_progress", "running"},
                                           {"success", "success"},
                                           {"failure", "failure"},
                                           {"startup_failure", "failure"},
                                           {"cancelled", "cancelled"},
                                           {"stale", "cancelled"},
                                           {"skipped", "skipped"},
                                           {"neutral", "neutral"},
                                           {"timed_out", "timed_out"},
                                           {"action_required", "action_required"},
                                           {NULL, NULL}};
    return ci_word(words, conclusion.n ? conclusion : status, "unknown");
}

struct sco_str github_id(const struct sco_node *v)
{
    struct sco_str s = sco_text(v);
    return s.n && s.n <= 64 ? s : sco_str_make(NULL, 0);
}

/* Whether two repositories are the same, by what they are called; -1: nobody knows. */
static int differ(const struct sco_node *a, const struct sco_node *b)
{
    struct sco_str x = sco_text_at(a, "full_name"), y = sco_text_at(b, "full_name");
    return x.n && y.n ? !sco_str_eq(x, y) : -1;
}

static void common(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *repo = sco_get(p, "repository");
    struct ci_json j = ci_json_new(h);
    ev->action = sco_text_at(p, "action");
    ev->repo_full_name = sco_text_at(repo, "full_name");
    if (!ev->repo_full_name.n && sco_text_at(repo, "name").n) {
        struct sco_str owner = sco_text_at(repo, "owner.login");
        if (!owner.n)
            owner = sco_text_at(repo, "owner.name");
        if (owner.n)
            ev->repo_full_name =
                sco_fmt(h, "%.*s/%.*s", SCO_STR_ARG(owner), SCO_STR_ARG(sco_text_at(repo, "name")));
    }
    ev->clone_url = sco_text_at(repo, "clone_url");
    ev->default_branch = sco_text_at(repo, "default_branch");
    ev->actor = sco_text_at(p, "sender.login");
    if (!ev->actor.n)
        ev->actor = sco_text_at(p, "pusher.name");
    ci_json_begin(&j, '{');
    ci_json_kopt(&j, "repository_id", github_id(sco_get(repo, "id")));
    ci_json_kopt(&j, "installation_id", github_id(sco_path(p, "installation.id")));
    ci_json_end(&j, '}');
    ev->context = ci_json_text(&j);
}

/* ---- refs ---- */

static void push(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    struct sco_str before = sco_text_at(p, "before"), after = sco_text_at(p, "after");
    ci_event_ref(ev, sco_text_at(p, "ref"));
    ev->event = ev->tag.n ? "tag" : "push";
    ev->commit_sha = ci_sha(after);
    ev->base_sha = ci_sha(before);
    ev->is_delete = sco_bool(sco_get(p, "deleted"), ci_is_zeros(after));
    int created = sco_bool(sco_get(p, "created"), ci_is_zeros(before));
    ev->action = ev->is_delete ? SCO_STR("deleted")
                 : created     ? SCO_STR("created")
                               : SCO_STR("updated");
    ev->created_at = ci_time_at(p, "head_commit.timestamp");
    if (!ev->created_at)
        ev->created_at = ci_time_at(p, "repository.pushed_at");
    ev->url = sco_text_at(p, "compare");
    ev->details = github_push_details(h, p);
}

static void ref_made(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    int tag = sco_str_is(sco_text_at(p, "ref_type"), "tag");
    ev->event = tag ? "tag" : "push";
    ev->is_delete = sco_str_is(ev->native_event, "delete");
    ev->action = ev->is_delete ? SCO_STR("deleted") : SCO_STR("created");
    ci_event_bare(h, ev, sco_text_at(p, "ref"), tag);
}

static void manual(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    struct sco_str ref = sco_text_at(p, "ref");
    if (!ref.n)
        ref = sco_text_at(p, "branch");
    if (sco_str_starts(ref, "refs/"))
        ci_event_ref(ev, ref);
    else
        ci_event_bare(h, ev, ref, 0);
    ev->name = sco_text_at(p, "workflow");
}

static void merge_group(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *m = sco_get(p, "merge_group");
    struct sco_str base = sco_text_at(m, "base_ref"), bare = ci_behind(base, "refs/heads/");
    (void)h;
    ci_event_ref(ev, sco_text_at(m, "head_ref"));
    ev->commit_sha = ci_sha_at(m, "head_sha");
    ev->base_sha = ci_sha_at(m, "base_sha");
    ev->pr_target_branch = bare.n ? bare : base;
}

static void release(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *r = sco_get(p, "release");
    ci_event_bare(h, ev, sco_text_at(r, "tag_name"), 1);
    ev->commit_sha = ci_sha_at(r, "target_commitish");
    ev->status = !r                                      ? NULL
                 : sco_bool(sco_get(r, "draft"), 0)      ? "draft"
                 : sco_bool(sco_get(r, "prerelease"), 0) ? "prerelease"
                                                         : "published";
    ev->created_at = ci_time_at(r, "created_at");
    ev->finished_at = ci_time_at(r, "published_at");
    ev->url = sco_text_at(r, "html_url");
    ev->name = sco_text_at(r, "name");
    ev->details = github_release_details(h, r);
}

/* ---- pull requests ---- */

static void pull_fields(const struct sco_host *h, struct ci_event *ev, const struct sco_node *pr)
{
    const struct sco_node *from = sco_path(pr, "head.repo"), *to = sco_path(pr, "base.repo");
    ev->pr_number = sco_int_at(pr, "number", 0);
    if (ev->pr_number > 0)
        ev->ref = sco_fmt(h, "refs/pull/%lld/head", (long long)ev->pr_number);
    ev->branch = ev->pr_source_branch = sco_text_at(pr, "head.ref");
    ev->pr_target_branch = sco_text_at(pr, "base.ref");
    ev->commit_sha = ci_sha_at(pr, "head.sha"); /* never merge_commit_sha */
    ev->base_sha = ci_sha_at(pr, "base.sha");
    if (sco_get(pr, "head")) /* a fork that is gone has null in its place */
        ev->is_fork = sco_is(from, SCO_NODE_MAP) ? differ(from, to) : 1;
    if (ev->is_fork == 1)
        ev->head_clone_url = sco_text_at(from, "clone_url");
    ev->created_at = ci_time_at(pr, "created_at");
    ev->url = sco_text_at(pr, "html_url");
}

static void pull_request(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    static const struct ci_word states[] = {{"open", "open"}, {"closed", "closed"}, {NULL, NULL}};
    const struct sco_node *pr = sco_get(p, "pull_request");
    pull_fields(h, ev, pr);
    if (!ev->pr_number)
        ev->pr_number = sco_int_at(p, "number", 0);
    ev->status = sco_bool(sco_get(pr, "merged"), 0)
                     ? "merged"
                     : ci_word(states, sco_text_at(pr, "state"), "unknown");
    ev->finished_at = ci_time_at(pr, "closed_at");
    ev->details = github_pull_details(h, p);
}

static void review(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *c = sco_get(p, "review");
    if (!c)
        c = sco_get(p, "comment");
    if (!c)
        c = sco_first(sco_path(p, "thread.comments"));
    pull_fields(h, ev, sco_get(p, "pull_request"));
    if (sco_text_at(c, "html_url").n)
        ev->url = sco_text_at(c, "html_url");
    ev->details = github_comment_details(h, c);
}

static void comment(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *c = sco_get(p, "comment");
    if (sco_is(sco_path(p, "issue.pull_request"), SCO_NODE_MAP))
        ev->pr_number = sco_int_at(p, "issue.number", 0);
    ev->commit_sha = ci_sha_at(c, "commit_id");
    if (sco_text_at(c, "user.login").n)
        ev->actor = sco_text_at(c, "user.login");
    ev->created_at = ci_time_at(c, "created_at");
    ev->url = sco_text_at(c, "html_url");
    ev->details = github_comment_details(h, c);
}

/* ---- runs and checks ---- */

/* The first pull request of a run or suite; the list is empty for those of forks. */
static void of_pull(struct ci_event *ev, const struct sco_node *list)
{
    const struct sco_node *pr = sco_first(list);
    ev->pr_number = sco_int_at(pr, "number", 0);
    ev->pr_source_branch = sco_text_at(pr, "head.ref");
    ev->pr_target_branch = sco_text_at(pr, "base.ref");
}

static void workflow_run(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *r = sco_get(p, "workflow_run");
    struct sco_str conclusion = sco_text_at(r, "conclusion");
    of_pull(ev, sco_get(r, "pull_requests"));
    ev->branch = sco_text_at(r, "head_branch");
    ev->commit_sha = ci_sha_at(r, "head_sha");
    const struct sco_node *from = sco_get(r, "head_repository"), *to = sco_get(r, "repository");
    if (from) /* null: a fork that is gone */
        ev->is_fork =
            sco_is(from, SCO_NODE_MAP) ? differ(from, to ? to : sco_get(p, "repository")) : 1;
    if (sco_text_at(r, "actor.login").n)
        ev->actor = sco_text_at(r, "actor.login");
    ev->pipeline_id = github_id(sco_get(r, "id"));
    ev->status = github_status(sco_text_at(r, "status"), conclusion);
    ev->created_at = ci_time_at(r, "created_at");
    ev->started_at = ci_time_at(r, "run_started_at");
    ev->finished_at = conclusion.n ? ci_time_at(r, "updated_at") : 0;
    ev->url = sco_text_at(r, "html_url");
    ev->name = sco_text_at(r, "name");
    ev->details = github_run_details(h, r);
}

static void workflow_job(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *r = sco_get(p, "workflow_job");
    ev->branch = sco_text_at(r, "head_branch");
    ev->commit_sha = ci_sha_at(r, "head_sha");
    ev->pipeline_id = github_id(sco_get(r, "run_id"));
    ev->job_id = github_id(sco_get(r, "id"));
    ev->status = github_status(sco_text_at(r, "status"), sco_text_at(r, "conclusion"));
    ev->created_at = ci_time_at(r, "created_at");
    ev->started_at = ci_time_at(r, "started_at");
    ev->finished_at = ci_time_at(r, "completed_at");
    ev->url = sco_text_at(r, "html_url");
    ev->name = sco_text_at(r, "name");
    ev->details = github_job_details(h, r);
}

static void check_run(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *r = sco_get(p, "check_run");
    (void)h;
    of_pull(ev, sco_get(r, "pull_requests"));
    ev->branch = sco_text_at(r, "check_suite.head_branch");
    ev->commit_sha = ci_sha_at(r, "head_sha");
    ev->pipeline_id = github_id(sco_path(r, "check_suite.id"));
    ev->job_id = github_id(sco_get(r, "id"));
    ev->status = github_status(sco_text_at(r, "status"), sco_text_at(r, "conclusion"));
    ev->started_at = ci_time_at(r, "started_at");
    ev->finished_at = ci_time_at(r, "completed_at");
    ev->url = sco_text_at(r, "html_url");
    ev->name = sco_text_at(r, "name");
}

static void check_suite(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *r = sco_get(p, "check_suite");
    (void)h;
    of_pull(ev, sco_get(r, "pull_requests"));
    ev->branch = sco_text_at(r, "head_branch");
    ev->commit_sha = ci_sha_at(r, "head_sha");
    ev->pipeline_id = github_id(sco_get(r, "id"));
    ev->status = github_status(sco_text_at(r, "status"), sco_text_at(r, "conclusion"));
    ev->created_at = ci_time_at(r, "created_at");
    ev->name = sco_text_at(r, "app.name");
}

static void status(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    static const struct ci_word words[] = {{"success", "success"},
                                           {"failure", "failure"},
                                           {"error", "failure"},
                                           {"pending", "running"},
                                           {NULL, NULL}};
    (void)h;
    ev->commit_sha = ci_sha_at(p, "sha");
    ev->branch = sco_text_at(sco_first(sco_get(p, "branches")), "name");
    ev->status = ci_word(words, sco_text_at(p, "state"), "unknown");
    ev->created_at = ci_time_at(p, "created_at");
    ev->url = sco_text_at(p, "target_url");
    ev->name = sco_text_at(p, "context");
}

static void ping(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    (void)h;
    (void)p;
    (void)ev;
}

/* ---- which is which ---- */

struct native {
    const char *name, *event;
    void (*fill)(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p);
};

static const struct native NATIVE[] = {
    {"push", "push", push},
    {"pull_request", "pull_request", pull_request},
    {"create", "tag", ref_made},
    {"delete", "tag", ref_made},
    {"release", "release", release},
    {"workflow_run", "pipeline", workflow_run},
    {"workflow_job", "job", workflow_job},
    {"check_run", "check", check_run},
    {"check_suite", "check", check_suite},
    {"status", "check", status},
    {"workflow_dispatch", "manual", manual},
    {"repository_dispatch", "manual", manual},
    {"merge_group", "merge_group", merge_group},
    {"issue_comment", "comment", comment},
    {"commit_comment", "comment", comment},
    {"pull_request_review", "comment", review},
    {"pull_request_review_comment", "comment", review},
    {"pull_request_review_thread", "comment", review},
    {"ping", "ping", ping},
    {NULL, NULL, NULL},
};

static const struct native *native(struct sco_str name)
{
    const struct native *n = NATIVE;
    while (n->name && !sco_str_is(name, n->name))
        n++;
    return n->name ? n : NULL;
}

int github_is_known(struct sco_str native_event)
{
    return native(native_event) != NULL;
}

struct ci_event github_event(const struct sco_host *h, struct sco_str native_event,
                             const struct sco_node *payload)
{
    struct ci_event ev = ci_event_new("github");
    const struct native *n = native(native_event);
    ev.native_event = native_event;
    common(h, &ev, payload);
    if (n) {
        ev.event = n->event;
        n->fill(h, &ev, payload);
    }
    return ev;
}

int github_translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e)
{
    const struct github *g = (const struct github *)ctx;
    const struct sco_host *h = g->h;
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL;
    struct sco_str text = github_payload(h, d);
    if (!text.p)
        return sco_errf(e, SCO_E_PARSE, "the body holds no payload");
    int r = ci_payload(h, text, &reader, &root, e);
    if (r == 0) {
        struct ci_event ev = github_event(h, github_header(d, "x-github-event"), root);
        r = ci_event_emit(h, &ev, e);
    }
    h->data->close(reader);
    return r < 0 ? r : 0;
}
