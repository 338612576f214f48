/* What a service hook means. Each event type has a function that fills the normalised event; a
 * field that the payload does not hold (resource details may be switched off) stays absent. */
#include "azure_priv.h"

/* A result decides before a state; "none" is no result. The 1.0 shape of builds has the result in
 * `status`. */
const char *azure_status(struct sco_str state, struct sco_str result)
{
    static const struct ci_word words[] = {{"notStarted", "queued"},
                                           {"postponed", "queued"},
                                           {"waiting", "queued"},
                                           {"pending", "queued"},
                                           {"inProgress", "running"},
                                           {"canceling", "running"},
                                           {"cancelling", "running"},
                                           {"succeeded", "success"},
                                           {"succeededWithIssues", "success"},
                                           {"failed", "failure"},
                                           {"partiallySucceeded", "failure"},
                                           {"canceled", "cancelled"},
                                           {"cancelled", "cancelled"},
                                           {"stopped", "cancelled"},
                                           {"abandoned", "cancelled"},
                                           {"skipped", "skipped"},
                                           {NULL, NULL}};
    int none = !result.n || sco_str_is_nocase(result, "none");
    return ci_word(words, none ? state : result, "unknown");
}

struct sco_str azure_id(const struct sco_node *v)
{
    struct sco_str s = sco_text(v);
    return s.n && s.n <= 64 ? s : sco_str_make(NULL, 0);
}

static struct sco_str person(const struct sco_node *v)
{
    struct sco_str name = sco_text_at(v, "uniqueName");
    return name.n ? name : sco_text_at(v, "displayName");
}

static struct sco_str joined(const struct sco_host *h, struct sco_str project, struct sco_str name)
{
    if (!project.n || !name.n)
        return sco_str_make(NULL, 0);
    return sco_fmt(h, "%.*s/%.*s", SCO_STR_ARG(project), SCO_STR_ARG(name));
}

/* "refs/pull/12/merge" */
static int64_t pull_of(struct sco_str ref)
{
    struct sco_str rest = ci_behind(ref, "refs/pull/");
    int64_t n = 0;
    size_t i = 0;
    for (; i < rest.n && i < 12 && rest.p[i] >= '0' && rest.p[i] <= '9'; i++)
        n = n * 10 + (rest.p[i] - '0');
    return i && i < rest.n && rest.p[i] == '/' ? n : 0;
}

struct source {
    const struct sco_host *h;
    struct sco_errbuf *e;
    const struct sco_node *envelope, *resource;
    struct ci_event ev;
};

/* ---- repositories ---- */

static void context(struct source *s, struct sco_str project, struct sco_str repository,
                    struct sco_str pipeline)
{
    struct ci_json j = ci_json_new(s->h);
    ci_json_begin(&j, '{');
    ci_json_kopt(&j, "project_id", project.n ? project : sco_str_make(NULL, 0));
    ci_json_kopt(&j, "repository_id", repository.n ? repository : sco_str_make(NULL, 0));
    ci_json_kopt(&j, "definition_id", pipeline.n ? pipeline : sco_str_make(NULL, 0));
    ci_json_end(&j, '}');
    s->ev.context = ci_json_text(&j);
}

static void repository(struct source *s, const struct sco_node *repo)
{
    struct ci_event *ev = &s->ev;
    ev->repo_full_name = joined(s->h, sco_text_at(repo, "project.name"), sco_text_at(repo, "name"));
    ev->clone_url = sco_text_at(repo, "remoteUrl");
    ev->default_branch = ci_behind(sco_text_at(repo, "defaultBranch"), "refs/heads/");
    context(s, azure_id(sco_path(repo, "project.id")), azure_id(sco_get(repo, "id")),
            sco_str_make(NULL, 0));
}

static int push(struct source *s)
{
    const struct sco_node *r = s->resource, *updates = sco_get(r, "refUpdates");
    const struct ci_event common = s->ev;
    int n = 0, e = 0, several = sco_next(updates, sco_first(updates)) != NULL;
    SCO_EACH (u, updates) {
        struct sco_str from = sco_text_at(u, "oldObjectId"), to = sco_text_at(u, "newObjectId");
        struct ci_event *ev = &s->ev;
        *ev = common;
        repository(s, sco_get(r, "repository"));
        ci_event_ref(ev, sco_text_at(u, "name"));
        ev->event = ev->tag.n ? "tag" : "push";
        ev->commit_sha = ci_sha(to);
        ev->base_sha = ci_sha(from);
        ev->is_delete = ci_is_zeros(to);
        ev->action = ev->is_delete       ? SCO_STR("deleted")
                     : ci_is_zeros(from) ? SCO_STR("created")
                                         : SCO_STR("updated");
        ev->actor = person(sco_get(r, "pushedBy"));
        if (ci_time_at(r, "date"))
            ev->created_at = ci_time_at(r, "date");
        ev->details = azure_push_details(s->h, several ? NULL : r, u); /* whose are the commits? */
        e = ci_event_emit(s->h, ev, s->e);
        if (e < 0)
            return e;
        n++;
    }
    if (n)
        return 0;
    s->ev.event = "push"; /* resource details are switched off: something was pushed */
    repository(s, sco_get(r, "repository"));
    return ci_event_emit(s->h, &s->ev, s->e);
}

/* ---- pull requests ---- */

static void pull_fields(struct source *s, const struct sco_node *pr)
{
    static const char heads[] = "refs/heads/";
    struct ci_event *ev = &s->ev;
    struct sco_str from = sco_text_at(pr, "sourceRefName"), to = sco_text_at(pr, "targetRefName");
    struct sco_str web = sco_text_at(pr, "_links.web.href");
    repository(s, sco_get(pr, "repository"));
    ev->pr_number = sco_int_at(pr, "pullRequestId", 0);
    ev->pr_source_branch = ci_behind(from, heads).n ? ci_behind(from, heads) : from;
    ev->pr_target_branch = ci_behind(to, heads).n ? ci_behind(to, heads) : to;
    ev->commit_sha = ci_sha_at(pr, "lastMergeSourceCommit.commitId"); /* never lastMergeCommit */
    ev->base_sha = ci_sha_at(pr, "lastMergeTargetCommit.commitId");
    ev->url = web;
    if (!web.n && ev->pr_number > 0 && ev->clone_url.n)
        ev->url = sco_fmt(s->h, "%.*s/pullrequest/%lld", SCO_STR_ARG(ev->clone_url),
                          (long long)ev->pr_number);
}

static int pull_request(struct source *s)
{
    static const struct ci_word states[] = {
        {"active", "open"}, {"completed", "merged"}, {"abandoned", "closed"}, {NULL, NULL}};
    const struct sco_node *pr = s->resource, *fork = sco_get(pr, "forkSource");
    struct ci_event *ev = &s->ev;
    pull_fields(s, pr);
    ev->action = ci_behind(ev->native_event, "git.pullrequest.");
    if (ev->pr_number > 0)
        ev->ref = sco_fmt(s->h, "refs/pull/%lld/merge", (long long)ev->pr_number);
    ev->branch = ev->pr_source_branch;
    if (ev->pr_number > 0)
        ev->is_fork = sco_is(fork, SCO_NODE_MAP);
    if (ev->is_fork == 1)
        ev->head_clone_url = sco_text_at(fork, "repository.remoteUrl");
    ev->actor = person(sco_get(pr, "createdBy"));
    ev->status = ci_word(states, sco_text_at(pr, "status"), "unknown");
    if (ci_time_at(pr, "creationDate"))
        ev->created_at = ci_time_at(pr, "creationDate");
    ev->finished_at = ci_time_at(pr, "closedDate");
    ev->details = azure_pull_details(s->h, pr, ev->action);
    return ci_event_emit(s->h, ev, s->e);
}

static int comment(struct source *s)
{
    const struct sco_node *c = sco_get(s->resource, "comment");
    struct ci_event *ev = &s->ev;
    pull_fields(s, sco_get(s->resource, "pullRequest"));
    ev->actor = person(sco_get(c, "author"));
    if (ci_time_at(c, "publishedDate"))
        ev->created_at = ci_time_at(c, "publishedDate");
    ev->details = azure_comment_details(s->h, c);
    return ci_event_emit(s->h, ev, s->e);
}

/* ---- builds ---- */

/* "LG:refs/heads/x:<sha>" of the 1.0 shape. */
static void old_source(struct ci_event *ev, struct sco_str s)
{
    const char *colon = NULL;
    if (!sco_str_starts(s, "LG:"))
        return;
    s = sco_str_make(s.p + 3, s.n - 3);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ':')
            colon = s.p + i;
    size_t n = colon ? (size_t)(colon - s.p) : s.n;
    ci_event_ref(ev, sco_str_make(s.p, n));
    if (colon)
        ev->commit_sha = ci_sha(sco_str_make(colon + 1, s.n - n - 1));
}

static int build(struct source *s)
{
    static const char *const actors[] = {"requestedFor", "lastChangedBy", NULL};
    const struct sco_node *b = s->resource, *repo = sco_get(b, "repository");
    struct ci_event *ev = &s->ev;
    struct sco_str name = sco_text_at(repo, "name"), ref = sco_text_at(b, "sourceBranch");
    struct sco_str type = sco_text_at(repo, "type");
    if (ref.n) {
        ci_event_ref(ev, ref);
        ev->commit_sha = ci_sha_at(b, "sourceVersion");
    } else {
        old_source(ev, sco_text_at(b, "sourceGetVersion"));
    }
    ev->repo_full_name = name.n && memchr(name.p, '/', name.n)
                             ? name
                             : joined(s->h, sco_text_at(b, "project.name"), name);
    ev->clone_url = sco_text_at(repo, "url");
    ev->action = SCO_STR("completed");
    ev->pr_number = pull_of(ev->ref);
    ev->actor = person(sco_get(b, actors[0]));
    if (!ev->actor.n)
        ev->actor = person(sco_get(sco_first(sco_get(b, "requests")), "requestedFor"));
    if (!ev->actor.n)
        ev->actor = person(sco_get(b, actors[1]));
    ev->pipeline_id = azure_id(sco_get(b, "id"));
    ev->status = azure_status(sco_text_at(b, "status"), sco_text_at(b, "result"));
    if (ci_time_at(b, "queueTime"))
        ev->created_at = ci_time_at(b, "queueTime");
    ev->started_at = ci_time_at(b, "startTime");
    ev->finished_at = ci_time_at(b, "finishTime");
    ev->url = sco_text_at(b, "_links.web.href");
    ev->name = sco_text_at(b, "definition.name");
    ev->details = azure_build_details(s->h, b);
    int ours = sco_str_is_nocase(type, "TfsGit");
    context(s, azure_id(sco_path(b, "project.id")),
            ours ? azure_id(sco_get(repo, "id")) : sco_str_make(NULL, 0),
            azure_id(sco_path(b, "definition.id")));
    return ci_event_emit(s->h, ev, s->e);
}

/* ---- runs, stages, jobs ---- */

static int run_or_part(struct source *s, const char *part)
{
    const struct sco_node *r = s->resource, *run = sco_get(r, "run");
    const struct sco_node *self = sco_path(run, "resources.repositories.self");
    const struct sco_node *other = sco_first(sco_get(r, "repositories"));
    const struct sco_node *of = part ? sco_get(r, part) : run;
    struct ci_event *ev = &s->ev;
    struct sco_str project = azure_id(sco_get(r, "projectId"));
    ci_event_ref(ev, sco_text_at(self, "refName"));
    ev->repo_full_name = sco_text_at(self, "repository.fullName");
    ev->clone_url = sco_text_at(other, "url");
    ev->commit_sha = ci_sha_at(self, "version");
    if (!ev->commit_sha.n)
        ev->commit_sha = ci_sha_at(other, "change.version");
    ev->pr_number = pull_of(ev->ref);
    ev->actor = person(sco_get(r, "requestedFor"));
    if (!ev->actor.n)
        ev->actor = person(sco_get(r, "requestedBy"));
    ev->action = sco_text_at(of, "state");
    ev->pipeline_id = azure_id(sco_get(run, "id"));
    if (!ev->pipeline_id.n)
        ev->pipeline_id = azure_id(sco_get(r, "runId"));
    ev->status = azure_status(sco_text_at(of, "state"), sco_text_at(of, "result"));
    if (ci_time_at(run, "createdDate"))
        ev->created_at = ci_time_at(run, "createdDate");
    if (part) {
        ev->job_id = azure_id(sco_get(of, "id"));
        ev->started_at = ci_time_at(of, "startTime");
        ev->finished_at = ci_time_at(of, "finishTime");
        ev->name = sco_text_at(of, "displayName").n ? sco_text_at(of, "displayName")
                                                    : sco_text_at(of, "name");
    } else {
        ev->finished_at = ci_time_at(run, "finishedDate");
        ev->name = sco_text_at(run, "pipeline.name");
    }
    ev->url = sco_text_at(of, "_links.web.href");
    ev->details = azure_run_details(s->h, r);
    if (!project.n)
        project = azure_id(sco_path(s->envelope, "resourceContainers.project.id"));
    context(s, project, azure_id(sco_path(self, "repository.id")),
            azure_id(sco_path(r, "pipeline.id")));
    return ci_event_emit(s->h, ev, s->e);
}

static int run(struct source *s)
{
    return run_or_part(s, NULL);
}

static int stage(struct source *s)
{
    return run_or_part(s, "stage");
}

static int job(struct source *s)
{
    return run_or_part(s, "job");
}

/* ---- classic releases ---- */

/* "ms.vss-release.release-created-event" to "created"; "deployment-started-event" to
 * "deployment_started". */
static struct sco_str release_action(const struct sco_host *h, struct sco_str native)
{
    struct sco_str s = ci_behind(native, "ms.vss-release."), rest;
    if (s.n > 6 && sco_str_is(sco_str_make(s.p + s.n - 6, 6), "-event"))
        s.n -= 6;
    rest = ci_behind(s, "release-");
    if (rest.n)
        return rest;
    rest = ci_behind(s, "deployment-");
    return rest.n ? sco_fmt(h, "deployment_%.*s", SCO_STR_ARG(rest)) : s;
}

static int release(struct source *s)
{
    const struct sco_node *r = sco_get(s->resource, "release");
    struct ci_event *ev = &s->ev;
    if (!r)
        r = sco_path(s->resource, "deployment.release");
    ev->action = release_action(s->h, ev->native_event);
    ev->actor = person(sco_get(r, "createdBy"));
    ev->pipeline_id = azure_id(sco_get(r, "id"));
    ev->name = sco_text_at(r, "name");
    ev->url = sco_text_at(r, "_links.web.href");
    ev->details = azure_release_details(s->h, r);
    return ci_event_emit(s->h, ev, s->e);
}

/* ---- which is which ---- */

struct native {
    const char *name, *event;
    int (*emit)(struct source *s);
};

static const struct native NATIVE[] = {
    {"git.push", "push", push},
    {"git.pullrequest.created", "pull_request", pull_request},
    {"git.pullrequest.updated", "pull_request", pull_request},
    {"git.pullrequest.merged", "pull_request", pull_request},
    {"ms.vss-code.git-pullrequest-comment-event", "comment", comment},
    {"build.complete", "pipeline", build},
    {"ms.vss-pipelines.run-state-changed-event", "pipeline", run},
    {"ms.vss-pipelines.stage-state-changed-event", "job", stage},
    {"ms.vss-pipelines.job-state-changed-event", "job", job},
    {NULL, NULL, NULL},
};

static const struct native *native(struct sco_str name)
{
    static const struct native releases = {"ms.vss-release.", "release", release};
    const struct native *n = NATIVE;
    if (ci_behind(name, releases.name).n)
        return &releases;
    while (n->name && !sco_str_is(name, n->name))
        n++;
    return n->name ? n : NULL;
}

int azure_is_known(struct sco_str event_type)
{
    return native(event_type) != NULL;
}

int azure_emit(const struct sco_host *h, const struct sco_node *envelope, struct sco_errbuf *e)
{
    struct source s = {h, e, envelope, sco_get(envelope, "resource"), ci_event_new("azure")};
    const struct native *n;
    s.ev.native_event = sco_text_at(envelope, "eventType");
    s.ev.created_at = ci_time_at(envelope, "createdDate");
    n = native(s.ev.native_event);
    if (!n)
        return ci_event_emit(h, &s.ev, e);
    s.ev.event = n->event;
    return n->emit(&s);
}

int azure_translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e)
{
    const struct sco_host *h = ((const struct azure *)ctx)->h;
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL;
    int r = ci_payload(h, d->body, &reader, &root, e);
    if (r == 0)
        r = azure_emit(h, root, e);
    h->data->close(reader);
    return r < 0 ? r : 0;
}
