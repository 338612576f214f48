/* What a webhook means: each kind has a function that fills the normalised event. The kind is read
 * from the body, for one header ("System Hook") covers several. A field that the payload does not
 * hold stays absent; it is never guessed. */
#include "gitlab_priv.h"

enum { NAME_MAX_ = 255 };

const char *gitlab_status(struct sco_str status)
{
    static const struct ci_word words[] = {
        {"created", "queued"},    {"waiting_for_resource", "queued"},
        {"preparing", "queued"},  {"waiting_for_callback", "queued"},
        {"pending", "queued"},    {"scheduled", "queued"},
        {"manual", "queued"},     {"running", "running"},
        {"canceling", "running"}, {"success", "success"},
        {"failed", "failure"},    {"canceled", "cancelled"},
        {"skipped", "skipped"},   {NULL, NULL}};
    return ci_word(words, status, "unknown");
}

const char *gitlab_mr_state(struct sco_str state)
{
    static const struct ci_word words[] = {{"opened", "open"},
                                           {"locked", "open"}, /* while it is being merged */
                                           {"closed", "closed"},
                                           {"merged", "merged"},
                                           {NULL, NULL}};
    return ci_word(words, state, "unknown");
}

int gitlab_is_final(struct sco_str status)
{
    return sco_str_is(status, "success") || sco_str_is(status, "failed") ||
           sco_str_is(status, "canceled") || sco_str_is(status, "skipped");
}

struct sco_str gitlab_id(const struct sco_node *v)
{
    struct sco_str s = sco_text(v);
    return s.n && s.n <= 64 ? s : sco_str_make(NULL, 0);
}

struct sco_str gitlab_kind(const struct sco_node *payload)
{
    struct sco_str kind = sco_text_at(payload, "object_kind");
    return kind.n ? kind : sco_text_at(payload, "event_name");
}

/* ---- of all kinds ---- */

/* "group/name" of an address of the project: what is behind the server's own path, ".git" cut. */
static struct sco_str path_of_url(const struct gitlab *g, struct sco_str url)
{
    struct sco_str own = g->url, path = ci_behind(url, "https://"), base;
    if (!path.n)
        path = ci_behind(url, "http://");
    const char *slash = path.n ? (const char *)memchr(path.p, '/', path.n) : NULL;
    if (!slash)
        return sco_str_make(NULL, 0);
    path = sco_str_make(slash, path.n - (size_t)(slash - path.p));
    while (own.n && own.p[own.n - 1] == '/')
        own.n--;
    base = ci_behind(own, "https://");
    if (!base.n)
        base = ci_behind(own, "http://");
    slash = base.n ? (const char *)memchr(base.p, '/', base.n) : NULL;
    if (slash) { /* GitLab below a path */
        const char *prefix = sco_cstr(g->h, sco_str_make(slash, base.n - (size_t)(slash - base.p)));
        struct sco_str rest = prefix ? ci_behind(path, prefix) : sco_str_make(NULL, 0);
        if (rest.n && rest.p[0] == '/')
            path = rest;
    }
    path = sco_str_make(path.p + 1, path.n - 1);
    if (path.n > 4 && memcmp(path.p + path.n - 4, ".git", 4) == 0)
        path.n -= 4;
    return path.n && memchr(path.p, '/', path.n) ? path : sco_str_make(NULL, 0);
}

static struct sco_str first_text(const struct sco_node *p, const char *const *paths)
{
    struct sco_str s = {NULL, 0};
    for (; *paths && !s.n; paths++)
        s = sco_text_at(p, *paths);
    return s.n ? s : sco_str_make(NULL, 0);
}

static void common(const struct gitlab *g, struct ci_event *ev, const struct sco_node *p)
{
    static const char *const actors[] = {"user.username", "user_username", "user.name", "user_name",
                                         NULL};
    static const char *const urls[] = {"project.git_http_url", "repository.git_http_url", NULL};
    struct ci_json j = ci_json_new(g->h);
    ev->repo_full_name = sco_text_at(p, "project.path_with_namespace");
    if (!ev->repo_full_name.n) /* older servers; project_name is "A / B", for people */
        ev->repo_full_name = path_of_url(g, sco_text_at(p, "repository.homepage"));
    if (!ev->repo_full_name.n)
        ev->repo_full_name = path_of_url(g, sco_text_at(p, "repository.git_http_url"));
    ev->clone_url = first_text(p, urls);
    ev->default_branch = sco_text_at(p, "project.default_branch");
    ev->actor = first_text(p, actors);
    struct sco_str id = gitlab_id(sco_path(p, "project.id"));
    if (!id.n)
        id = gitlab_id(sco_get(p, "project_id"));
    ci_json_begin(&j, '{');
    if (id.n)
        ci_json_kstr(&j, "project_id", id);
    ci_json_end(&j, '}');
    ev->context = ci_json_text(&j);
}

/* The fields of a merge request that other events tell of. */
static void merge_request_of(struct ci_event *ev, const struct sco_node *mr)
{
    ev->pr_number = sco_int_at(mr, "iid", 0); /* never id */
    ev->pr_source_branch = sco_text_at(mr, "source_branch");
    ev->pr_target_branch = sco_text_at(mr, "target_branch");
}

static int is_fork(const struct sco_node *mr)
{
    struct sco_str from = gitlab_id(sco_get(mr, "source_project_id"));
    struct sco_str to = gitlab_id(sco_get(mr, "target_project_id"));
    return from.n && to.n ? !sco_str_eq(from, to) : -1;
}

/* ---- kinds ---- */

static void push(const struct gitlab *g, struct ci_event *ev, const struct sco_node *p)
{
    struct sco_str before = sco_text_at(p, "before"), after = sco_text_at(p, "after");
    struct sco_str checkout = ci_sha_at(p, "checkout_sha");
    ci_event_ref(ev, sco_text_at(p, "ref"));
    ev->is_delete = ci_is_zeros(after);
    ev->commit_sha = ev->is_delete ? sco_str_make(NULL, 0) : checkout.n ? checkout : ci_sha(after);
    ev->base_sha = ci_sha(before);
    ev->action = ev->is_delete         ? SCO_STR("deleted")
                 : ci_is_zeros(before) ? SCO_STR("created")
                                       : SCO_STR("updated");
    SCO_EACH (c, sco_get(p, "commits"))
        ev->created_at = ci_time_at(c, "timestamp"); /* the last one is the newest */
    ev->url = sco_text_at(p, "project.web_url");
    ev->details = gitlab_push_details(g->h, p);
}

static void merge_request(const struct gitlab *g, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *mr = sco_get(p, "object_attributes");
    merge_request_of(ev, mr);
    ev->action = sco_text_at(mr, "action");
    if (ev->pr_number > 0)
        ev->ref = sco_fmt(g->h, "refs/merge-requests/%lld/head", (long long)ev->pr_number);
    ev->branch = ev->pr_source_branch;
    ev->commit_sha = ci_sha_at(mr, "last_commit.id");
    ev->is_fork = is_fork(mr);
    if (ev->is_fork == 1)
        ev->head_clone_url = sco_text_at(mr, "source.git_http_url");
    ev->status = gitlab_mr_state(sco_text_at(mr, "state"));
    ev->created_at = ci_time_at(mr, "created_at");
    ev->url = sco_text_at(mr, "url");
    ev->details = gitlab_mr_details(g->h, p);
}

/* Without a merge request a pipeline runs a branch or tag of its own project, to which only members
 * push; what others may have caused is not told apart, and stays unknown. */
static int runs_own_branch(const struct sco_node *pipeline)
{
    static const char *const own[] = {"push", "web",  "trigger",  "schedule",
                                      "api",  "chat", "pipeline", "webide"};
    struct sco_str source = sco_text_at(pipeline, "source"), ref = sco_text_at(pipeline, "ref");
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (sco_str_is(source, own[i]))
            return ref.n && !sco_str_starts(ref, "refs/merge-requests/");
    return 0;
}

static void pipeline(const struct gitlab *g, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *o = sco_get(p, "object_attributes"), *mr = sco_get(p, "merge_request");
    ci_event_bare(g->h, ev, sco_text_at(o, "ref"), sco_bool(sco_get(o, "tag"), 0));
    ev->commit_sha = ci_sha_at(o, "sha");
    ev->base_sha = ci_sha_at(o, "before_sha");
    ev->pipeline_id = gitlab_id(sco_get(o, "id"));
    ev->status = gitlab_status(sco_text_at(o, "status"));
    if (sco_is(mr, SCO_NODE_MAP)) {
        merge_request_of(ev, mr);
        ev->is_fork = is_fork(mr);
    } else if (runs_own_branch(o)) {
        ev->is_fork = 0;
    }
    ev->created_at = ci_time_at(o, "created_at");
    ev->finished_at = ci_time_at(o, "finished_at");
    ev->url = sco_text_at(o, "url");
    ev->name = sco_text_at(o, "name");
    ev->details = gitlab_pipeline_details(g->h, p);
}

static void job(const struct gitlab *g, struct ci_event *ev, const struct sco_node *p)
{
    ci_event_bare(g->h, ev, sco_text_at(p, "ref"), sco_bool(sco_get(p, "tag"), 0));
    ev->commit_sha = ci_sha_at(p, "sha"); /* commit.id is the pipeline's number */
    ev->base_sha = ci_sha_at(p, "before_sha");
    ev->pipeline_id = gitlab_id(sco_get(p, "pipeline_id"));
    ev->job_id = gitlab_id(sco_get(p, "build_id"));
    ev->status = gitlab_status(sco_text_at(p, "build_status"));
    ev->created_at = ci_time_at(p, "build_created_at");
    ev->started_at = ci_time_at(p, "build_started_at");
    ev->finished_at = ci_time_at(p, "build_finished_at");
    ev->name = sco_text_at(p, "build_name");
    struct sco_str web = sco_text_at(p, "project.web_url");
    if (!web.n)
        web = sco_text_at(p, "repository.homepage");
    if (web.n && ev->job_id.n)
        ev->url = sco_fmt(g->h, "%.*s/-/jobs/%.*s", SCO_STR_ARG(web), SCO_STR_ARG(ev->job_id));
    ev->details = gitlab_job_details(g->h, p);
}

static void release(const struct gitlab *g, struct ci_event *ev, const struct sco_node *p)
{
    ci_event_bare(g->h, ev, sco_text_at(p, "tag"), 1);
    ev->action = sco_text_at(p, "action");
    ev->commit_sha = ci_sha_at(p, "commit.id");
    ev->created_at = ci_time_at(p, "created_at");
    ev->finished_at = ci_time_at(p, "released_at");
    ev->url = sco_text_at(p, "url");
    ev->name = sco_text_at(p, "name");
    ev->details = gitlab_release_details(g->h, p);
}

static void note(const struct gitlab *g, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *n = sco_get(p, "object_attributes"), *mr = sco_get(p, "merge_request");
    if (sco_is(mr, SCO_NODE_MAP))
        merge_request_of(ev, mr);
    ev->commit_sha = ci_sha_at(n, "commit_id");
    if (!ev->commit_sha.n)
        ev->commit_sha = ci_sha_at(mr, "last_commit.id");
    if (!ev->commit_sha.n)
        ev->commit_sha = ci_sha_at(p, "commit.id");
    ev->created_at = ci_time_at(n, "created_at");
    ev->url = sco_text_at(n, "url");
    ev->details = gitlab_note_details(g->h, p);
}

/* ---- which is which ---- */

struct kind {
    const char *name, *event;
    void (*fill)(const struct gitlab *g, struct ci_event *ev, const struct sco_node *p);
};

static const struct kind KINDS[] = {
    {"push", "push", push},
    {"tag_push", "tag", push},
    {"merge_request", "pull_request", merge_request},
    {"pipeline", "pipeline", pipeline},
    {"build", "job", job},
    {"job", "job", job},
    {"release", "release", release},
    {"note", "comment", note},
    {NULL, NULL, NULL},
};

static const struct kind *kind_of(struct sco_str name)
{
    const struct kind *k = KINDS;
    while (k->name && !sco_str_is(name, k->name))
        k++;
    return k->name ? k : NULL;
}

int gitlab_is_known(struct sco_str kind)
{
    return kind_of(kind) != NULL;
}

struct ci_event gitlab_event(const struct gitlab *g, const struct sco_node *payload)
{
    struct ci_event ev = ci_event_new("gitlab");
    ev.native_event = gitlab_kind(payload);
    const struct kind *k = kind_of(ev.native_event);
    common(g, &ev, payload);
    if (k) {
        ev.event = k->event;
        k->fill(g, &ev, payload);
    }
    /* for people: nothing is lost by a name that is cut, or without an address that is none */
    if (ev.name.n)
        ev.name = ci_line(g->h, ev.name, NAME_MAX_);
    if (!sco_str_starts(ev.url, "https://") && !sco_str_starts(ev.url, "http://"))
        ev.url = sco_str_make(NULL, 0);
    return ev;
}

int gitlab_translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e)
{
    const struct gitlab *g = (const struct gitlab *)ctx;
    const struct sco_host *h = g->h;
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL;
    int r = ci_payload(h, d->body, &reader, &root, e);
    if (r == 0) {
        struct ci_event ev = gitlab_event(g, root);
        if (!ev.native_event.n)
            ev.native_event = gitlab_header(d, "x-gitlab-event");
        r = ci_event_emit(h, &ev, e);
    }
    h->data->close(reader);
    return r < 0 ? r : 0;
}
