/* What a lost webhook missed, and what GitLab never tells: a push of more than three branches or
 * tags fires no webhook at all. Failed deliveries are sent again; branches and tags are compared
 * with those of the last time; merge requests and pipelines are those that changed since. Events
 * that are known already are recognised by the engine. */
#include "gitlab_priv.h"

enum { OVERLAP_MS = 300000, FIRST_MS = 3600000, ITEMS_MAX = 1000 };

struct ci_event gitlab_poll_event(const struct gitlab_poll *p, const char *event,
                                  const char *native)
{
    struct ci_event ev = ci_event_new("gitlab");
    ev.event = event;
    ev.native_event = sco_str_c(native);
    ev.repo_full_name = p->name;
    ev.clone_url = p->clone_url;
    ev.default_branch = p->default_branch;
    ev.context = p->context;
    return ev;
}

/* ---- lists of which each item needs another request ---- */

struct items {
    const struct sco_host *h;
    struct sco_str v[ITEMS_MAX]; /* JSON texts */
    size_t n;
    int64_t last; /* when the last of them changed */
    int cut;      /* there are more */
};

/* They come in the order in which they changed. */
static int keep(void *user, const struct sco_node *v)
{
    struct items *l = (struct items *)user;
    struct ci_json j = ci_json_new(l->h);
    if (l->n == ITEMS_MAX) {
        l->cut = 1;
        return CI_FOUND;
    }
    ci_json_node(&j, v);
    l->v[l->n++] = ci_json_text(&j);
    l->last = ci_time_at(v, "updated_at");
    return 0;
}

typedef int (*item_fn)(struct gitlab_poll *p, const struct sco_node *v);

/* What is beyond the limit is for the next poll, which begins where this one ended. */
static void leave(struct gitlab_poll *p, const char *mark, int64_t at, const char *what)
{
    ci_json_ktime(p->out, mark, at);
    if (!p->left.n)
        p->left = sco_fmt(p->h, "%.*s: more than %d of %s changed: the next poll goes on",
                          SCO_STR_ARG(p->name), ITEMS_MAX, what);
}

/* `mark`: the member of the state that says from when on, when the last poll was cut. */
static int each(struct gitlab_poll *p, const char *list, const char *mark, const char *what,
                item_fn fn)
{
    struct gitlab_op *o = p->o;
    const struct sco_data_api *data = o->h->data;
    struct items *l = (struct items *)o->h->alloc(o->h, sizeof *l);
    if (!l)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    l->h = o->h;
    l->n = 0;
    l->last = 0;
    l->cut = 0;
    int64_t left = ci_time_at(p->state, mark), since = left && left < p->since ? left : p->since;
    const char *path =
        gitlab_path(o, "/%s?%supdated_after=%s&order_by=updated_at&sort=asc&per_page=100", list,
                    strcmp(list, "merge_requests") == 0 ? "scope=all&state=all&" : "",
                    ci_encode(o->h, ci_time_format(o->h, since), ""));
    int r = ci_walk(&o->http, path, NULL, GITLAB_PAGES_MAX, what, keep, l, o->e);
    if (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND)
        return 0; /* switched off in this project, or not for this token */
    for (size_t i = 0; (r == 0 || r == CI_FOUND) && i < l->n; i++) {
        struct sco_reader *reader = NULL;
        const struct sco_node *v = NULL;
        r = data->open_mem(o->h, l->v[i], &reader, o->e);
        if (r == 0)
            r = data->read(reader, NULL, &v, o->e);
        if (r > 0)
            r = fn(p, v);
        data->close(reader);
    }
    if (r != 0 && r != CI_FOUND)
        return r;
    if (l->cut)
        leave(p, mark, l->last > since ? l->last : since, what);
    return 0;
}

/* ---- merge requests ---- */

static struct sco_str details_of(const struct sco_host *h, const struct sco_node *v)
{
    struct ci_json j = ci_json_new(h);
    ci_json_begin(&j, '{');
    if (sco_text_at(v, "title").n)
        ci_json_kstr(&j, "title", sco_text_at(v, "title"));
    ci_json_kbool(&j, "draft", sco_bool(sco_get(v, "draft"), 0));
    if (sco_text_at(v, "author.username").n)
        ci_json_kstr(&j, "author", sco_text_at(v, "author.username"));
    if (ci_time_at(v, "merged_at"))
        ci_json_ktime(&j, "merged_at", ci_time_at(v, "merged_at"));
    if (ci_time_at(v, "closed_at"))
        ci_json_ktime(&j, "closed_at", ci_time_at(v, "closed_at"));
    if (ci_sha_at(v, "merge_commit_sha").n)
        ci_json_kstr(&j, "merge_commit_sha", ci_sha_at(v, "merge_commit_sha"));
    ci_json_key(&j, "labels");
    ci_json_begin(&j, '[');
    SCO_EACH (l, sco_get(v, "labels"))
        if (sco_text(l).n)
            ci_json_str(&j, sco_text(l));
    ci_json_end(&j, ']');
    ci_json_kbool(&j, "needs_scan", sco_str_is(sco_text_at(v, "state"), "opened"));
    ci_json_end(&j, '}');
    return ci_json_text(&j);
}

/* A fork that is gone, or that the token may not see, has no address. */
static int find_fork(struct gitlab_poll *p, struct ci_event *ev, struct sco_str project)
{
    struct ci_answer a;
    struct gitlab_op *o = p->o;
    if (gitlab_good_id(o, project, "source_project_id") < 0)
        return 0;
    int r = gitlab_get(o, sco_fmt(o->h, "/projects/%.*s", SCO_STR_ARG(project)).p, "the fork", &a);
    if (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND)
        return 0;
    if (r == 0)
        ev->head_clone_url = ci_copy(o->h, sco_text_at(a.root, "http_url_to_repo"));
    return r;
}

static int one_merge_request(struct gitlab_poll *p, const struct sco_node *v)
{
    struct ci_event ev = gitlab_poll_event(p, "pull_request", "merge_request");
    struct sco_str from = gitlab_id(sco_get(v, "source_project_id"));
    struct sco_str to = gitlab_id(sco_get(v, "target_project_id"));
    struct sco_str state = sco_text_at(v, "state");
    ev.pr_number = sco_int_at(v, "iid", 0);
    if (ev.pr_number > 0)
        ev.ref = sco_fmt(p->o->h, "refs/merge-requests/%lld/head", (long long)ev.pr_number);
    ev.action = sco_str_is(state, "merged")   ? SCO_STR("merge")
                : sco_str_is(state, "closed") ? SCO_STR("close")
                                              : SCO_STR("update");
    ev.branch = ev.pr_source_branch = sco_text_at(v, "source_branch");
    ev.pr_target_branch = sco_text_at(v, "target_branch");
    ev.commit_sha = ci_sha_at(v, "sha");
    ev.is_fork = to.n ? !sco_str_eq(from, to) : -1;
    ev.actor = sco_text_at(v, "author.username");
    ev.status = gitlab_mr_state(state);
    ev.created_at = ci_time_at(v, "created_at");
    ev.url = sco_text_at(v, "web_url");
    ev.details = details_of(p->o->h, v);
    int r = ev.is_fork == 1 && from.n ? find_fork(p, &ev, from) : 0;
    return r != 0 ? r : ci_event_emit(p->o->h, &ev, p->o->e);
}

/* ---- pipelines ---- */

/* The list says neither when it ended nor whether its ref is a tag. */
static int one_pipeline(struct gitlab_poll *p, const struct sco_node *listed)
{
    struct gitlab_op *o = p->o;
    struct ci_event ev = gitlab_poll_event(p, "pipeline", "pipeline");
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    struct sco_str id = gitlab_id(sco_get(listed, "id"));
    if (gitlab_good_id(o, id, "the pipeline") < 0)
        return 0;
    int r = gitlab_get(o, gitlab_path(o, "/pipelines/%.*s", SCO_STR_ARG(id)), "the pipeline", &a);
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r != 0)
        return r;
    struct sco_str ref = sco_text_at(a.root, "ref");
    ci_event_bare(o->h, &ev, ref, sco_bool(sco_get(a.root, "tag"), 0));
    ev.pipeline_id = id;
    ev.pr_number = gitlab_mr_of_ref(ref);
    ev.commit_sha = ci_sha_at(a.root, "sha");
    ev.base_sha = ci_sha_at(a.root, "before_sha");
    ev.actor = sco_text_at(a.root, "user.username");
    ev.status = gitlab_status(sco_text_at(a.root, "status"));
    ev.created_at = ci_time_at(a.root, "created_at");
    ev.started_at = ci_time_at(a.root, "started_at");
    ev.finished_at = ci_time_at(a.root, "finished_at");
    ev.url = sco_text_at(a.root, "web_url");
    ev.name = sco_text_at(a.root, "name");
    ci_json_begin(&j, '{');
    if (ev.finished_at)
        gitlab_seconds(&j, "duration_ms", sco_get(a.root, "duration"));
    gitlab_seconds(&j, "queued_ms", sco_get(a.root, "queued_duration"));
    ci_json_end(&j, '}');
    ev.details = ci_json_text(&j);
    return ci_event_emit(o->h, &ev, o->e);
}

/* ---- a repository ---- */

static int look_at_project(struct gitlab_poll *p)
{
    struct gitlab_op *o = p->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = gitlab_get(o, o->project, "the project", &a);
    if (r != 0)
        return r;
    p->clone_url = ci_copy(o->h, sco_text_at(a.root, "http_url_to_repo"));
    p->default_branch = ci_copy(o->h, sco_text_at(a.root, "default_branch"));
    p->web_url = ci_copy(o->h, sco_text_at(a.root, "web_url"));
    struct sco_str id = gitlab_id(sco_get(a.root, "id"));
    ci_json_begin(&j, '{');
    if (gitlab_good_id(o, id, "the project") == 0) {
        ci_json_kstr(&j, "project_id", id);
        o->project = sco_fmt(o->h, "/projects/%.*s", SCO_STR_ARG(id)).p;
    }
    ci_json_end(&j, '}');
    p->context = ci_json_text(&j);
    return o->project ? 0 : sco_errf(o->e, SCO_E_NOMEM, "out of memory");
}

static int moved(struct gitlab_poll *p)
{
    int r = gitlab_refs(p);
    if (r == 0)
        r = each(p, "merge_requests", "merge_requests_since", "the merge requests",
                 one_merge_request);
    if (r == 0)
        r = each(p, "pipelines", "pipelines_since", "the pipelines", one_pipeline);
    return r;
}

static int one_repository(struct gitlab_poll *p, void *ctx, const struct sco_ci_call *c,
                          struct sco_errbuf *e)
{
    struct gitlab_op o;
    struct sco_ci_call call = *c;
    struct sco_node request = *c->request, repository;
    const struct sco_node *states = sco_path(c->request, "state.repositories");
    const char *name = sco_cstr(((struct gitlab *)ctx)->h, p->name);
    memset(&repository, 0, sizeof repository);
    repository.type = SCO_NODE_STR;
    repository.key = SCO_STR("repository");
    repository.text = p->name;
    repository.next = request.child;
    request.child = &repository;
    call.request = &request;
    p->state = name ? sco_get(states, name) : NULL;
    int r = gitlab_begin(&o, ctx, &call, e);
    p->o = &o;
    if (r == 0)
        r = look_at_project(p);
    if (r == 0)
        r = gitlab_resend(p);
    if (r == 0)
        r = moved(p);
    r = gitlab_end(&o, r);
    p->o = NULL;
    return r;
}

/* One that is gone, or may not be seen any more, does not keep us from the others. */
static int is_final(int r)
{
    return r == SCO_E_NOT_FOUND || r == SCO_E_PERMISSION || r == SCO_E_INVALID ||
           r == SCO_E_FORMAT || r == SCO_E_PARSE;
}

/* Of one that was refused what is known stays known, and what changes in it is looked at when it is
 * back. */
static void keep_known(struct gitlab_poll *p)
{
    static const char *const marks[] = {"merge_requests_since", "pipelines_since"};
    ci_json_begin(p->out, '{');
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        int64_t left = ci_time_at(p->state, marks[i]);
        ci_json_ktime(p->out, marks[i], left && left < p->since ? left : p->since);
    }
    for (const struct sco_node *v = sco_is(p->state, SCO_NODE_MAP) ? p->state->child : NULL; v;
         v = v->next) {
        const char *key = sco_cstr(p->h, v->key);
        if (!key || strcmp(key, marks[0]) == 0 || strcmp(key, marks[1]) == 0)
            continue;
        ci_json_key(p->out, key);
        ci_json_node(p->out, v);
    }
    ci_json_end(p->out, '}');
    gitlab_refs_carry(p);
}

/* All of them; *ret_why: of the first that was refused. */
static int all_repositories(struct gitlab_poll *p, void *ctx, const struct sco_ci_call *c,
                            struct sco_str *ret_why, struct sco_errbuf *e)
{
    int last = 0, done = 0;
    SCO_EACH (name, sco_get(c->request, "repositories")) {
        p->name = sco_text(name);
        ci_json_str(p->out, p->name.p ? p->name : SCO_STR(""));
        ci_json_put(p->out, ":", 1);
        p->out->comma = 0;
        struct ci_json before = *p->out;
        ci_json_begin(p->out, '{');
        int r = one_repository(p, ctx, c, e);
        if (r != 0 && !is_final(r))
            return r;
        if (r == 0) {
            ci_json_end(p->out, '}');
            done = 1;
            continue;
        }
        if (!last)
            *ret_why = sco_fmt(p->h, "%.*s: %s", SCO_STR_ARG(p->name), e->text);
        last = r;
        *p->out = before;
        keep_known(p);
    }
    return done ? 0 : last;
}

int gitlab_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    const struct sco_host *h = ((struct gitlab *)ctx)->h;
    struct ci_json j = ci_json_new(h);
    struct sco_str why = {NULL, 0};
    struct gitlab_poll p;
    memset(&p, 0, sizeof p);
    p.h = h;
    p.cache_dir = c->cache_dir;
    p.now = h->now(h) / 1000 * 1000;
    p.last = ci_time_at(c->request, "state.until");
    p.since = p.last ? p.last - OVERLAP_MS : ci_time_at(c->request, "since");
    if (p.since <= 0)
        p.since = p.now - FIRST_MS;
    p.out = &j;
    ci_tell_no_url(h, c->request);
    ci_json_begin(&j, '{');
    ci_json_key(&j, "state");
    ci_json_begin(&j, '{');
    ci_json_ktime(&j, "until", p.now);
    ci_json_key(&j, "repositories");
    ci_json_begin(&j, '{');
    int r = all_repositories(&p, ctx, c, &why, e);
    if (r != 0)
        return r;
    ci_json_end(&j, '}');
    ci_json_end(&j, '}');
    ci_json_kint(&j, "redelivered", p.redelivered);
    ci_json_kbool(&j, "complete", !why.n && !p.left.n);
    ci_json_end(&j, '}');
    r = ci_json_record(&j, "result", e);
    if (!why.n)
        why = p.left;
    return r < 0 || !why.n ? r : sco_errf(e, SCO_CI_DEGRADED, "%.*s", SCO_STR_ARG(why));
}
