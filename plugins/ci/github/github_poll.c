/* What a lost webhook missed. GitHub never sends one again by itself: deliveries that failed are
 * asked for once more, and what moved since is read from the API, for deliveries that GitHub does
 * not list. Events that are known already are recognised by the engine. */
#include "github_priv.h"

enum {
    ATTEMPTS_MAX = 3,
    REDELIVER_MAX = 100,
    DELIVERIES_MAX = 2000,            /* a new part of the list, and one that was left */
    DELIVERIES_MS = 4 * 86400 * 1000, /* GitHub keeps them for less */
    OVERLAP_MS = 300000,
    PAGE = 100,
    PAGES_MAX = 10,       /* of a list in one poll; the next one goes on there */
    RESTS_MAX = 16,       /* lists of a repository */
    SEEN_MAX = 512 << 10, /* bytes of ETags in the state: what is beyond costs a request */
};

struct delivery {
    struct sco_str id, guid;
    int64_t at;
    int good;
};

/* What a poll did not come to, of one list: the next one goes on at `path`, or at the beginning, as
 * far back as `since`. */
struct rest {
    struct sco_str list, path;
    int64_t since;
};

struct poll {
    struct github_op *o;
    int64_t since;
    struct rest rests[RESTS_MAX];
    size_t n_rests;
    struct sco_str left; /* the first of what was not come to, for people */
    struct delivery *v;
    size_t n;
    struct sco_str hooks[8];
    size_t n_hooks;
    int64_t redelivered;
    size_t n_runs;
    const struct sco_node *repository;
    const struct sco_node *known; /* of this repository, from the last time; or NULL */
    struct ci_json seen;          /* members of state.seen: what is known the next time */
};

/* ---- what is known ----
 * GitHub counts no request that it answers 304: of each list the ETag of its first page is kept,
 * with what the plugin needs of it then. */

static struct sco_str known_etag(const struct poll *p, const char *list)
{
    return ci_copy(p->o->h, sco_text(sco_get(p->known, list)));
}

static void keep_etag(struct poll *p, const char *list, struct sco_str etag)
{
    if (etag.n && p->seen.n < SEEN_MAX)
        ci_json_kstr(&p->seen, list, etag);
}

/* ---- what was not come to ---- */

static struct rest *rest_of(struct poll *p, const char *list)
{
    for (size_t i = 0; i < p->n_rests; i++)
        if (sco_str_is(p->rests[i].list, list))
            return &p->rests[i];
    if (p->n_rests == RESTS_MAX)
        return NULL;
    struct rest *k = &p->rests[p->n_rests++];
    memset(k, 0, sizeof *k);
    k->list = ci_copy(p->o->h, sco_str_c(list));
    return k;
}

static void read_rests(struct poll *p)
{
    const struct sco_node *rests = sco_get(p->known, "rest");
    p->n_rests = 0;
    for (const struct sco_node *v = sco_is(rests, SCO_NODE_MAP) ? rests->child : NULL;
         v && p->n_rests < RESTS_MAX; v = v->next) {
        struct sco_str path = sco_text_at(v, "path");
        struct rest k = {ci_copy(p->seen.h, v->key), {NULL, 0}, ci_time_at(v, "since")};
        if (sco_str_starts(path, "/"))
            k.path = ci_copy(p->seen.h, path);
        int old = sco_str_starts(k.list, "deliveries") &&
                  k.since < p->seen.h->now(p->seen.h) - DELIVERIES_MS;
        if (k.list.n && k.since && !old)
            p->rests[p->n_rests++] = k;
    }
}

static void write_rests(struct poll *p)
{
    int any = 0;
    for (size_t i = 0; i < p->n_rests; i++) {
        const struct rest *k = &p->rests[i];
        const char *list = k->since ? sco_cstr(p->seen.h, k->list) : NULL;
        if (!list)
            continue;
        if (!any++) {
            ci_json_key(&p->seen, "rest");
            ci_json_begin(&p->seen, '{');
        }
        ci_json_key(&p->seen, list);
        ci_json_begin(&p->seen, '{');
        ci_json_kstr(&p->seen, "path", k->path);
        ci_json_ktime(&p->seen, "since", k->since);
        ci_json_end(&p->seen, '}');
    }
    if (any)
        ci_json_end(&p->seen, '}');
}

/* Of `list` more is to be looked at, at `path` (NULL: at its beginning), back to `since`. */
static int leave(struct poll *p, const char *list, const char *what, const char *path,
                 int64_t since)
{
    const struct sco_host *h = p->o->h;
    struct rest *k = rest_of(p, list);
    if (!k)
        return sco_errf(p->o->e, SCO_E_LIMIT, "%s: too many lists are not at their end", GITHUB);
    k->path = path ? ci_copy(h, sco_str_c(path)) : sco_str_make(NULL, 0);
    k->since = since > 0 ? since : 1;
    struct sco_str at = ci_time_format(h, k->since), name = sco_text_at(p->o->q, "repository");
    if (!name.n)
        name = SCO_STR("the App");
    if (!p->left.n)
        p->left = sco_fmt(h, "%.*s: %s since %.*s are too many for one poll: the next goes on",
                          SCO_STR_ARG(name), what, SCO_STR_ARG(at));
    return 0;
}

/* The rest that `k` says. */
static int walk_rest(struct poll *p, struct rest *k, const char *list, const char *member,
                     const char *what, ci_item_fn fn)
{
    struct github_op *o = p->o;
    const struct rest before = *k;
    const char *rest = NULL, *path = sco_cstr(o->h, before.path);
    p->since = before.since;
    k->since = 0;
    if (!before.path.n)
        return CI_FOUND; /* it was looked at from its beginning */
    int r = ci_walk_rest(&o->http, path ? path : "/", member, PAGES_MAX, what, fn, p, &rest, o->e);
    if (r == 0 && rest)
        return leave(p, list, what, rest, before.since);
    if (r == SCO_E_NOT_FOUND || r == SCO_E_INVALID) /* a page that is gone */
        return leave(p, list, what, NULL, before.since);
    if (r != 0 && r != CI_FOUND)
        *k = before;
    return r;
}

/* ci_walk_newer, as `list` is known; then what the polls before did not come to. */
static int walk(struct poll *p, const char *list, const char *path, const char *member,
                const char *what, ci_item_fn fn, struct sco_str *ret_etag)
{
    struct github_op *o = p->o;
    struct rest *k = rest_of(p, list);
    struct sco_str etag = known_etag(p, list);
    int64_t since = p->since, left = k ? k->since : 0;
    const char *rest = NULL;
    if (left && !k->path.n)
        etag = sco_str_make(NULL, 0);
    if (left && !k->path.n && left < p->since)
        p->since = left;
    int r = ci_walk_newer(&o->http, path, member, PAGES_MAX, what, &etag, fn, p, &rest, o->e);
    if (r == 0 && rest) /* what was left before is behind that */
        r = leave(p, list, what, rest, left && left < p->since ? left : p->since);
    else if ((r == 0 || r == CI_FOUND) && left)
        r = walk_rest(p, k, list, member, what, fn);
    p->since = since;
    *ret_etag = etag;
    return r;
}

static int walk_moves(struct poll *p, const char *list, const char *path, const char *member,
                      const char *what, ci_item_fn fn)
{
    struct sco_str etag;
    int r = walk(p, list, path, member, what, fn, &etag);
    keep_etag(p, list, etag);
    return r;
}

/* ---- deliveries ---- */

static int one_hook(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    if (ci_is_our_url(p->o->q, sco_text_at(v, "config.url")))
        p->hooks[p->n_hooks++] = ci_copy(p->o->h, github_id(sco_get(v, "id")));
    return p->n_hooks == sizeof p->hooks / sizeof *p->hooks ? CI_FOUND : 0;
}

/* They come newest first. */
static int one_delivery(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    int64_t code = sco_int_at(v, "status_code", 0);
    struct delivery d = {github_id(sco_get(v, "id")), sco_text_at(v, "guid"),
                         ci_time_at(v, "delivered_at"), code >= 200 && code < 300};
    if (d.at < p->since || p->n == DELIVERIES_MAX)
        return CI_FOUND;
    if (!d.id.n || !d.guid.n)
        return 0;
    d.id = ci_copy(p->o->h, d.id);
    d.guid = ci_copy(p->o->h, d.guid);
    p->v[p->n++] = d;
    return 0;
}

/* Whether delivery i is the newest of its kind, never arrived, and was not tried often enough. */
static int is_lost(const struct poll *p, size_t i)
{
    int tries = 0;
    for (size_t k = 0; k < p->n; k++)
        if (sco_str_eq(p->v[k].guid, p->v[i].guid)) {
            if (k < i || p->v[k].good)
                return 0;
            tries++;
        }
    return tries < ATTEMPTS_MAX;
}

static int redeliver(struct poll *p, const char *deliveries, const char *list)
{
    struct github_op *o = p->o;
    struct ci_answer a;
    const char *what = "the webhook's deliveries";
    struct sco_str etag;
    struct rest *k = rest_of(p, list), none = {{NULL, 0}, {NULL, 0}, 0}, before = k ? *k : none;
    int64_t since = before.since && before.since < p->since ? before.since : p->since;
    p->n = 0;
    int r = walk(p, list, sco_fmt(o->h, "%s?per_page=100", deliveries).p, NULL, what, one_delivery,
                 &etag);
    if (r != 0 && r != CI_FOUND)
        return r;
    for (size_t i = 0; i < p->n; i++) {
        if (!is_lost(p, i))
            continue;
        if (p->redelivered >= REDELIVER_MAX) /* those that were asked for are good by then */
            return leave(p, list, what, NULL, since);
        const char *path = sco_fmt(o->h, "%s/%.*s/attempts", deliveries, SCO_STR_ARG(p->v[i].id)).p;
        r = github_send(o, "POST", path ? path : "/", NULL, "another delivery", NULL, NULL, &a);
        if (r == SCO_E_NOT_FOUND || r == SCO_E_INVALID)
            continue; /* GitHub keeps them for days only */
        if (r != 0) {
            if (k)
                *k = before;
            return r;
        }
        p->redelivered++;
    }
    keep_etag(p, list, etag);
    return 0;
}

/* The webhook of an App, then those of the repository; a credential that may not see them is no
 * failure, for the API is asked next. */
static int deliveries_of_app(struct poll *p)
{
    int r = redeliver(p, "/app/hook/deliveries", "deliveries");
    return r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND ? 0 : r;
}

/* The ids of our webhooks; where the list is none other, those that are known. */
static int find_hooks(struct poll *p)
{
    struct github_op *o = p->o;
    struct sco_str urls = ci_our_urls(o->h, o->q), etag = {NULL, 0}, before;
    const char *rest;
    p->n_hooks = 0;
    if (sco_str_eq(sco_text(sco_get(p->known, "hook_urls")), urls))
        etag = known_etag(p, "hooks");
    before = etag;
    int r = ci_walk_newer(&o->http, github_path(o, "/hooks?per_page=100"), NULL, PAGES_MAX,
                          "the repository's webhooks", &etag, one_hook, p, &rest, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    if (etag.n && etag.p == before.p)
        SCO_EACH (id, sco_get(p->known, "hook_ids"))
            if (p->n_hooks < sizeof p->hooks / sizeof *p->hooks)
                p->hooks[p->n_hooks++] = ci_copy(o->h, sco_text(id));
    keep_etag(p, "hooks", etag);
    ci_json_kstr(&p->seen, "hook_urls", urls);
    ci_json_key(&p->seen, "hook_ids");
    ci_json_begin(&p->seen, '[');
    for (size_t i = 0; i < p->n_hooks; i++)
        ci_json_str(&p->seen, p->hooks[i]);
    ci_json_end(&p->seen, ']');
    return 0;
}

static int deliveries_of_hooks(struct poll *p)
{
    struct github_op *o = p->o;
    int r = ci_our_urls(o->h, o->q).n ? find_hooks(p) : 0;
    for (size_t i = 0; r == 0 && i < p->n_hooks; i++) {
        struct sco_str list = sco_fmt(o->h, "deliveries-%.*s", SCO_STR_ARG(p->hooks[i]));
        r = redeliver(p, github_path(o, "/hooks/%.*s/deliveries", SCO_STR_ARG(p->hooks[i])),
                      list.p ? list.p : "");
    }
    return r == CI_FOUND || r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND ? 0 : r;
}

/* ---- what moved ---- */

/* The API's object as the payload of a webhook. */
static int emit_as(struct poll *p, const char *native, const char *action, const struct sco_node *v)
{
    const struct sco_host *h = p->o->h;
    struct sco_node payload, a, repo, item = *v;
    memset(&payload, 0, sizeof payload);
    memset(&a, 0, sizeof a);
    a.type = SCO_NODE_STR;
    a.key = SCO_STR("action");
    a.text = sco_str_c(action);
    a.next = &item;
    item.key = sco_str_c(native);
    item.next = NULL;
    if (p->repository) {
        repo = *p->repository;
        repo.key = SCO_STR("repository");
        repo.next = NULL;
        item.next = &repo;
    }
    payload.type = SCO_NODE_MAP;
    payload.n = 3;
    payload.child = &a;
    struct ci_event ev = github_event(h, sco_str_c(native), &payload);
    if (!ev.repo_full_name.n)
        ev.repo_full_name = sco_text_at(p->o->q, "repository");
    return ci_event_emit(h, &ev, p->o->e);
}

static int one_move(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    const struct sco_host *h = p->o->h;
    struct ci_event ev = ci_event_new("github");
    int64_t at = ci_time_at(v, "timestamp");
    struct sco_str after = sco_text_at(v, "after"), before = sco_text_at(v, "before");
    if (at < p->since)
        return CI_FOUND;
    ci_event_ref(&ev, sco_text_at(v, "ref"));
    ev.event = ev.tag.n ? "tag" : "push";
    ev.native_event = SCO_STR("push");
    ev.repo_full_name = p->repository ? sco_text_at(p->repository, "full_name") : SCO_STR("");
    ev.clone_url = sco_text_at(p->repository, "clone_url");
    ev.default_branch = sco_text_at(p->repository, "default_branch");
    ev.commit_sha = ci_sha(after);
    ev.base_sha = ci_sha(before);
    ev.is_delete = ci_is_zeros(after);
    ev.action = ev.is_delete          ? SCO_STR("deleted")
                : ci_is_zeros(before) ? SCO_STR("created")
                                      : SCO_STR("updated");
    ev.actor = sco_text_at(v, "actor.login");
    ev.created_at = at;
    int forced = sco_str_is(sco_text_at(v, "activity_type"), "force_push");
    ev.details = sco_fmt(h, "{\"forced\":%s}", forced ? "true" : "false");
    return ci_event_emit(h, &ev, p->o->e);
}

static int one_pull(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    if (ci_time_at(v, "updated_at") < p->since)
        return CI_FOUND;
    return emit_as(p, "pull_request", "synchronize", v);
}

/* They come newest first; of the first page those are looked at as well that began earlier. */
static int one_run(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    if (p->n_runs++ >= PAGE && ci_time_at(v, "created_at") < p->since)
        return CI_FOUND;
    if (ci_time_at(v, "updated_at") < p->since)
        return 0;
    return emit_as(p, "workflow_run", sco_text_at(v, "conclusion").n ? "completed" : "in_progress",
                   v);
}

/* A copy of what is needed of the repository, for the answers to come. */
static int look_at_repository(struct poll *p)
{
    static const char *const names[] = {"id", "full_name", "clone_url", "default_branch"};
    struct github_op *o = p->o;
    struct ci_answer a;
    struct ci_request q;
    struct sco_node *map, *c;
    memset(&q, 0, sizeof q);
    q.path = o->repo;
    q.what = "the repository";
    q.etag = known_etag(p, "repository");
    int r = ci_call(&o->http, &q, &a, o->e);
    if (r != 0)
        return r;
    int same = a.status == 304;
    keep_etag(p, "repository", same ? q.etag : ci_etag(o->h, &a));
    map = (struct sco_node *)o->h->alloc(o->h, 5 * sizeof *map);
    if (!map)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    map->type = SCO_NODE_MAP;
    map->n = 4;
    map->child = c = map + 1;
    for (size_t i = 0; i < 4; i++, c++) {
        c->type = SCO_NODE_STR;
        c->key = sco_str_c(names[i]);
        c->text = ci_copy(o->h, sco_text_at(same ? p->known : a.root, names[i]));
        c->next = i < 3 ? c + 1 : NULL;
        ci_json_kstr(&p->seen, names[i], c->text);
    }
    p->repository = map;
    return 0;
}

static int moved(struct poll *p)
{
    struct github_op *o = p->o;
    int r = look_at_repository(p);
    if (r == 0)
        r = walk_moves(p, "activity", github_path(o, "/activity?per_page=100"), NULL,
                       "the repository's activity", one_move);
    if (r == SCO_E_NOT_FOUND && p->repository) /* older servers do not have it */
        r = 0;
    if (r == 0 || r == CI_FOUND)
        r = walk_moves(p, "pulls",
                       github_path(o, "/pulls?state=open&sort=updated&direction=desc&per_page=100"),
                       NULL, "the pull requests", one_pull);
    p->n_runs = 0;
    if (r == 0 || r == CI_FOUND) /* the same address each time: its ETag holds */
        r = walk_moves(p, "runs", github_path(o, "/actions/runs?per_page=100"), "workflow_runs",
                       "the runs", one_run);
    return r == CI_FOUND ? 0 : r;
}

/* ---- */

static const struct sco_node *seen_of(const struct poll *p, const struct sco_ci_call *c,
                                      struct sco_str name)
{
    const struct sco_node *seen = sco_path(c->request, "state.seen");
    const char *key = sco_cstr(p->seen.h, name);
    return key && sco_is(seen, SCO_NODE_MAP) ? sco_get(seen, key) : NULL;
}

/* What this repository's lists were like, and room for what they are like now. */
static void begin_seen(struct poll *p, const struct sco_ci_call *c, struct sco_str name)
{
    const char *key = sco_cstr(p->seen.h, name);
    p->known = seen_of(p, c, name);
    ci_json_key(&p->seen, key ? key : "");
    ci_json_begin(&p->seen, '{');
    p->n_hooks = 0;
    read_rests(p);
}

static void end_seen(struct poll *p)
{
    write_rests(p);
    ci_json_end(&p->seen, '}');
}

/* One that is gone, or may not be seen any more, does not keep us from the others. */
static int is_final(int r)
{
    return r == SCO_E_NOT_FOUND || r == SCO_E_PERMISSION || r == SCO_E_INVALID ||
           r == SCO_E_FORMAT || r == SCO_E_PARSE;
}

/* What moves in one that was refused is looked at when it is back. */
static void leave_all(struct poll *p)
{
    static const char *const lists[] = {"activity", "pulls", "runs"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct rest *k = rest_of(p, lists[i]);
        if (!k)
            continue;
        k->path = sco_str_make(NULL, 0);
        if (!k->since || k->since > p->since)
            k->since = p->since > 0 ? p->since : 1;
    }
}

static int one_repository(struct poll *p, void *ctx, const struct sco_ci_call *c,
                          struct sco_str name, struct sco_errbuf *e)
{
    struct github_op o;
    struct sco_ci_call call = *c;
    struct sco_node request = *c->request, repository;
    memset(&repository, 0, sizeof repository);
    repository.type = SCO_NODE_STR;
    repository.key = SCO_STR("repository");
    repository.text = name;
    repository.next = request.child;
    request.child = &repository;
    call.request = &request;
    int r = github_begin(&o, ctx, &call, e);
    p->o = &o;
    p->repository = NULL;
    begin_seen(p, c, name);
    if (r == 0)
        r = deliveries_of_hooks(p);
    if (r == 0)
        r = moved(p);
    if (r != 0 && is_final(r))
        leave_all(p);
    end_seen(p);
    r = github_end(&o, r);
    p->o = NULL;
    return r;
}

static int of_app(struct poll *p, void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    struct sco_ci_call call = *c;
    struct sco_node none;
    memset(&none, 0, sizeof none);
    none.type = SCO_NODE_MAP;
    call.request = &none;
    memset(&o, 0, sizeof o);
    if (!((struct github *)ctx)->app_id.n)
        return 0;
    int r = github_begin_app(&o, ctx, &call, e);
    p->o = &o;
    begin_seen(p, c, SCO_STR("")); /* no repository is called so */
    if (r == 0)
        r = deliveries_of_app(p);
    end_seen(p);
    r = github_end(&o, r);
    p->o = NULL;
    return r;
}

/* What stopped at a limit goes on with the same repository the next time, as of the same time. */
struct progress {
    int64_t last, begun;
    struct sco_str next, first; /* where it goes on, where it has begun; absent: at the beginning */
    size_t done, refused;
    struct sco_str why; /* of the first that was refused */
};

static struct progress read_progress(const struct sco_host *h, const struct sco_node *request)
{
    const struct sco_node *state = sco_get(request, "state");
    struct progress g;
    memset(&g, 0, sizeof g);
    g.last = ci_time_at(state, "until");
    SCO_EACH (name, sco_get(request, "repositories"))
        if (sco_str_eq(sco_text(name), sco_text_at(state, "next")))
            g.next = g.first = sco_text(name);
    g.begun = g.next.n ? ci_time_at(state, "begun") : 0;
    if (!g.begun)
        g.begun = h->now(h);
    return g;
}

static int write_poll(const struct sco_host *h, const struct poll *p, const struct progress *g,
                      struct sco_errbuf *e)
{
    struct ci_json j = ci_json_new(h);
    int whole = !g->next.n;
    ci_json_begin(&j, '{');
    ci_json_key(&j, "state");
    ci_json_begin(&j, '{');
    ci_json_ktime(&j, "until", whole ? g->begun : g->last);
    ci_json_kstr(&j, "next", g->next);
    ci_json_ktime(&j, "begun", whole ? 0 : g->begun);
    ci_json_kraw(&j, "seen", ci_json_text(&p->seen));
    ci_json_end(&j, '}');
    ci_json_kint(&j, "redelivered", p->redelivered);
    ci_json_kbool(&j, "complete", whole && !p->left.n && !g->refused);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", e);
}

/* From where it stopped to the end. */
static int all_repositories(struct poll *p, void *ctx, const struct sco_ci_call *c,
                            struct progress *g, struct sco_errbuf *e)
{
    const struct sco_host *h = ((struct github *)ctx)->h;
    int started = !g->next.n, last = 0;
    SCO_EACH (name, sco_get(c->request, "repositories")) {
        started = started || sco_str_eq(sco_text(name), g->next);
        if (!started)
            continue;
        g->next = sco_text(name);
        int r = one_repository(p, ctx, c, g->next, e);
        if (r != 0 && !is_final(r))
            return r;
        if (r == 0) {
            g->done++;
        } else if (g->refused++ == 0) {
            last = r;
            g->why = sco_fmt(h, "%.*s: %s", SCO_STR_ARG(g->next), e->text);
        }
    }
    g->next = sco_str_make(NULL, 0);
    return g->done || !g->refused ? 0 : last;
}

/* Of the repositories whose turn did not come what is known stays known. */
static void keep_others(struct poll *p, const struct sco_ci_call *c, const struct progress *g)
{
    int before = g->first.n > 0, after = 0;
    SCO_EACH (name, sco_get(c->request, "repositories")) {
        before = before && !sco_str_eq(sco_text(name), g->first);
        const struct sco_node *known = before || after ? seen_of(p, c, sco_text(name)) : NULL;
        after = after || sco_str_eq(sco_text(name), g->next);
        const char *key = sco_is(known, SCO_NODE_MAP) ? sco_cstr(p->seen.h, sco_text(name)) : NULL;
        if (!key || (p->seen.n >= SEEN_MAX && !sco_get(known, "rest")))
            continue;
        ci_json_key(&p->seen, key);
        ci_json_node(&p->seen, known);
    }
}

int github_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    const struct sco_host *h = ((struct github *)ctx)->h;
    struct progress g = read_progress(h, c->request);
    struct poll p;
    memset(&p, 0, sizeof p);
    p.seen = ci_json_new(h);
    ci_json_begin(&p.seen, '{');
    p.since = g.last ? g.last - OVERLAP_MS : ci_time_at(c->request, "since");
    p.v = (struct delivery *)h->alloc(h, DELIVERIES_MAX * sizeof *p.v);
    if (!p.v)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    if (!((struct github *)ctx)->app_id.n)
        ci_tell_no_url(h, c->request);
    int r = of_app(&p, ctx, c, e);
    if (r == 0)
        r = all_repositories(&p, ctx, c, &g, e);
    int passing = r == SCO_CI_LATER || r == SCO_E_NETWORK || r == SCO_E_TIMEOUT;
    if (r != 0 && !(passing && g.done + g.refused))
        return r;
    keep_others(&p, c, &g);
    ci_json_end(&p.seen, '}');
    struct sco_str stopped = r != 0 ? ci_copy(h, sco_str_c(e->text)) : g.refused ? g.why : p.left;
    int w = write_poll(h, &p, &g, e);
    if (w < 0 || (r == 0 && !g.refused && !p.left.n))
        return w;
    return sco_errf(e, SCO_CI_DEGRADED, "%.*s%s", SCO_STR_ARG(stopped),
                    g.refused > 1 ? " (and others)" : "");
}
