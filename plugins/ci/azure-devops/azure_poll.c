/* What a lost service hook missed: pushes and builds since the last time, and pull requests whose
 * head is another one than then. Events that are known already are recognised by the engine. */
#include "azure_priv.h"

enum { OVERLAP_MS = 300000, PULLS_MAX = 2000, PAGE = 500 };

/* `before` 0: until now. */
struct span {
    int64_t since, before;
};

enum list { PUSHES, BUILDS, LISTS }; /* the newest first */

struct poll {
    struct azure_op *o;
    int64_t since;
    struct span span;                    /* that is looked at */
    int64_t oldest;                      /* that was seen of it */
    struct span old[LISTS], rest[LISTS]; /* what was not come to, by the last poll and this */
    struct ci_json rests;                /* of all repositories */
    struct sco_str left;                 /* the first of it, for people */
    const struct sco_node *repository;   /* a copy, as events have it */
    const struct sco_node *seen;         /* state.pulls: heads by repository and number */
    struct ci_json heads;
    size_t n_heads;
};

/* An object of the API in the envelope of a service hook. */
static int emit_as(struct poll *p, const char *type, const struct sco_node *v)
{
    struct sco_node envelope, name, resource = *v, repo;
    memset(&envelope, 0, sizeof envelope);
    memset(&name, 0, sizeof name);
    name.type = SCO_NODE_STR;
    name.key = SCO_STR("eventType");
    name.text = sco_str_c(type);
    name.next = &resource;
    resource.key = SCO_STR("resource");
    resource.next = NULL;
    if (p->repository && strcmp(type, "build.complete") != 0) { /* before what the object has */
        repo = *p->repository;
        repo.next = resource.child;
        resource.child = &repo;
    }
    envelope.type = SCO_NODE_MAP;
    envelope.child = &name;
    return azure_emit(p->o->h, &envelope, p->o->e);
}

static void saw(struct poll *p, int64_t at)
{
    if (at && (!p->oldest || at < p->oldest))
        p->oldest = at;
}

static int one_push(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    int64_t at = ci_time_at(v, "date");
    if (at < p->span.since || (p->span.before && at > p->span.before))
        return 0;
    saw(p, at);
    return emit_as(p, "git.push", v);
}

static int one_pull(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    const struct sco_host *h = p->o->h;
    struct sco_str head = ci_sha_at(v, "lastMergeSourceCommit.commitId");
    struct sco_str repo = sco_text_at(p->repository, "id"),
                   number = azure_id(sco_get(v, "pullRequestId"));
    struct sco_str key = sco_fmt(h, "%.*s/%.*s", SCO_STR_ARG(repo), SCO_STR_ARG(number));
    const char *z = key.p;
    if (!z || !head.n)
        return 0;
    if (p->n_heads == PULLS_MAX)
        return CI_FOUND;
    p->n_heads++;
    ci_json_kstr(&p->heads, z, head);
    if (sco_str_eq(sco_text(sco_get(p->seen, z)), head))
        return 0;
    return emit_as(p, "git.pullrequest.updated", v);
}

static int one_build(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    saw(p, ci_time_at(v, "finishTime"));
    return emit_as(p, "build.complete", v);
}

static struct sco_node *text_node(const struct sco_host *h, struct sco_node *c, const char *key,
                                  struct sco_str text)
{
    c->type = SCO_NODE_STR;
    c->key = sco_str_c(key);
    c->text = ci_copy(h, text);
    return c;
}

/* A copy of what events need of the repository, for the answers to come. */
static int look_at_repository(struct poll *p)
{
    static const char *const names[] = {"id", "name", "remoteUrl", "defaultBranch"};
    struct azure_op *o = p->o;
    struct ci_answer a;
    struct sco_node *map = (struct sco_node *)o->h->alloc(o->h, 8 * sizeof *map), *c;
    if (!map)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    c = map + 1;
    int r = azure_get(o, azure_path(o, o->repo, "?" AZURE_V), "the repository", &a);
    if (r != 0)
        return r;
    map->type = SCO_NODE_MAP;
    map->key = SCO_STR("repository");
    map->child = c;
    for (size_t i = 0; i < 4; i++, c++)
        text_node(o->h, c, names[i], sco_text_at(a.root, names[i]))->next = c + 1;
    c->type = SCO_NODE_MAP;
    c->key = SCO_STR("project");
    c->child = c + 1;
    text_node(o->h, c + 1, "id", sco_text_at(a.root, "project.id"))->next = c + 2;
    text_node(o->h, c + 2, "name", sco_text_at(a.root, "project.name"));
    p->repository = map;
    return 0;
}

/* ---- what was not come to ---- */

static const char *const NAMES[LISTS] = {"pushes", "builds"};

static void read_rest(struct poll *p, const struct sco_ci_call *c, struct sco_str name)
{
    const struct sco_node *rests = sco_path(c->request, "state.rest");
    const char *z = sco_cstr(p->rests.h, name);
    const struct sco_node *rest = z ? sco_get(rests, z) : NULL;
    for (int l = 0; l < LISTS; l++) {
        const struct sco_node *v = sco_get(rest, NAMES[l]);
        p->old[l].since = ci_time_at(v, "since");
        p->old[l].before = ci_time_at(v, "before");
        p->rest[l].since = p->rest[l].before = 0;
    }
}

static void write_rest(struct poll *p, struct sco_str name)
{
    const char *z = sco_cstr(p->rests.h, name);
    if (!z || (!p->rest[PUSHES].since && !p->rest[BUILDS].since))
        return;
    ci_json_key(&p->rests, z);
    ci_json_begin(&p->rests, '{');
    for (int l = 0; l < LISTS; l++) {
        if (!p->rest[l].since)
            continue;
        ci_json_key(&p->rests, NAMES[l]);
        ci_json_begin(&p->rests, '{');
        ci_json_ktime(&p->rests, "since", p->rest[l].since);
        ci_json_ktime(&p->rests, "before", p->rest[l].before);
        ci_json_end(&p->rests, '}');
    }
    ci_json_end(&p->rests, '}');
}

/* Of one that was refused nothing was looked at. */
static void leave_all(struct poll *p)
{
    for (int l = 0; l < LISTS; l++) {
        int64_t old = p->old[l].since;
        p->rest[l].since = old && old < p->since ? old : p->since;
        p->rest[l].before = 0;
    }
}

/* ---- lists ---- */

static const char *list_path(const struct poll *p, enum list l)
{
    const struct azure_op *o = p->o;
    struct sco_str to = {NULL, 0};
    const char *from = ci_encode(o->h, ci_time_format(o->h, p->span.since), "");
    if (p->span.before)
        to = sco_fmt(o->h, "&%s=%s", l == PUSHES ? "searchCriteria.toDate" : "maxTime",
                     ci_encode(o->h, ci_time_format(o->h, p->span.before), ""));
    const char *until = to.p ? to.p : "";
    if (l == PUSHES)
        return azure_path(o, o->repo,
                          "/pushes?searchCriteria.fromDate=%s%s"
                          "&searchCriteria.includeRefUpdates=true&$top=%d&" AZURE_V,
                          from, until, PAGE);
    return azure_path(o, o->project,
                      "/_apis/build/builds?repositoryId=%s&repositoryType=TfsGit&minTime=%s%s"
                      "&queryOrder=finishTimeDescending&$top=%d&" AZURE_V,
                      ci_encode(o->h, sco_text_at(p->repository, "id"), ""), from, until, PAGE);
}

/* What is beyond the limit goes to `rest`; a second is looked at twice. */
static int look_at_span(struct poll *p, enum list l, struct span span, struct span *rest)
{
    int more = 0;
    p->span = span;
    p->oldest = 0;
    int r = azure_walk_part(p->o, list_path(p, l), l == PUSHES ? "the pushes" : "the runs",
                            l == PUSHES ? PAGE : 0, l == PUSHES ? one_push : one_build, p, &more,
                            p->o->e);
    if (r == 0 && more) {
        rest->since = span.since;
        rest->before = p->oldest ? p->oldest + 1000 : span.before;
    }
    return r;
}

/* What is new; then what the last poll did not come to, which is behind that. */
static int look_at(struct poll *p, enum list l)
{
    const struct span old = p->old[l];
    struct span now = {p->since, 0}, *rest = &p->rest[l];
    if (old.since && !old.before && old.since < now.since)
        now.since = old.since;
    int r = look_at_span(p, l, now, rest);
    if (r == 0 && old.before && rest->since)
        rest->since = old.since < rest->since ? old.since : rest->since;
    else if (r == 0 && old.before)
        r = look_at_span(p, l, old, rest);
    if (r == 0 && rest->since && !p->left.n)
        p->left = sco_fmt(p->o->h,
                          "%.*s: the %s since %.*s are too many for one poll: the next "
                          "goes on",
                          SCO_STR_ARG(sco_text_at(p->o->q, "repository")), NAMES[l],
                          SCO_STR_ARG(ci_time_format(p->o->h, rest->since)));
    return r;
}

static int look_at_pulls(struct poll *p)
{
    struct azure_op *o = p->o;
    int more = 0;
    int r = azure_walk_part(
        o,
        azure_path(o, o->repo, "/pullrequests?searchCriteria.status=active&$top=%d&" AZURE_V, PAGE),
        "the pull requests", PAGE, one_pull, p, &more, o->e);
    if ((r == CI_FOUND || (r == 0 && more)) && !p->left.n)
        p->left = sco_fmt(o->h,
                          "%.*s: the integration has more than %d open pull requests: those beyond "
                          "are not looked at",
                          SCO_STR_ARG(sco_text_at(o->q, "repository")), PULLS_MAX);
    return r == CI_FOUND ? 0 : r;
}

static int moved(struct poll *p)
{
    int r = azure_need_repo(p->o);
    if (r == 0)
        r = look_at_repository(p);
    if (r == 0)
        r = look_at(p, PUSHES);
    if (r == 0)
        r = look_at_pulls(p);
    return r == 0 ? look_at(p, BUILDS) : r;
}

static int one_repository(struct poll *p, void *ctx, const struct sco_ci_call *c,
                          struct sco_str name, struct sco_errbuf *e)
{
    struct azure_op o;
    struct sco_ci_call call = *c;
    struct sco_node request = *c->request, repository;
    memset(&repository, 0, sizeof repository);
    repository.type = SCO_NODE_STR;
    repository.key = SCO_STR("repository");
    repository.text = name;
    repository.next = request.child;
    request.child = &repository;
    call.request = &request;
    read_rest(p, c, name);
    int r = azure_begin(&o, ctx, &call, e);
    p->o = &o;
    p->repository = NULL;
    if (r == 0)
        r = moved(p);
    r = azure_end(&o, r);
    p->o = NULL;
    return r;
}

/* One that is gone, or may not be seen any more, does not keep us from the others. */
static int is_final(int r)
{
    return r == SCO_E_NOT_FOUND || r == SCO_E_PERMISSION || r == SCO_E_INVALID ||
           r == SCO_E_FORMAT || r == SCO_E_PARSE;
}

/* All of them; *ret_why: of the first that was refused. */
static int all_repositories(struct poll *p, void *ctx, const struct sco_ci_call *c,
                            struct sco_str *ret_why, struct sco_errbuf *e)
{
    int last = 0, done = 0;
    SCO_EACH (name, sco_get(c->request, "repositories")) {
        int r = one_repository(p, ctx, c, sco_text(name), e);
        if (r != 0 && !is_final(r))
            return r;
        if (r != 0)
            leave_all(p);
        write_rest(p, sco_text(name));
        if (r == 0) {
            done = 1;
            continue;
        }
        if (!last)
            *ret_why =
                sco_fmt(((struct azure *)ctx)->h, "%.*s: %s", SCO_STR_ARG(sco_text(name)), e->text);
        last = r;
    }
    return done ? 0 : last;
}

int azure_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    const struct sco_host *h = ((struct azure *)ctx)->h;
    struct ci_json j = ci_json_new(h);
    struct sco_str why = {NULL, 0};
    struct poll p;
    int64_t now = h->now(h), last = ci_time_at(c->request, "state.until");
    memset(&p, 0, sizeof p);
    p.since = last ? last - OVERLAP_MS : ci_time_at(c->request, "since");
    if (p.since <= 0)
        p.since = 1000;
    p.seen = sco_path(c->request, "state.pulls");
    p.heads = ci_json_new(h);
    ci_json_begin(&p.heads, '{');
    p.rests = ci_json_new(h);
    ci_json_begin(&p.rests, '{');
    int r = all_repositories(&p, ctx, c, &why, e);
    if (r != 0)
        return r;
    ci_json_end(&p.heads, '}');
    ci_json_end(&p.rests, '}');
    ci_json_begin(&j, '{');
    ci_json_key(&j, "state");
    ci_json_begin(&j, '{');
    ci_json_ktime(&j, "until", now);
    ci_json_kraw(&j, "pulls", ci_json_text(&p.heads));
    ci_json_kraw(&j, "rest", ci_json_text(&p.rests));
    ci_json_end(&j, '}');
    ci_json_kint(&j, "redelivered", 0);
    ci_json_kbool(&j, "complete", !why.n && !p.left.n);
    ci_json_end(&j, '}');
    r = ci_json_record(&j, "result", e);
    if (!why.n)
        why = p.left;
    return r < 0 || !why.n ? r : sco_errf(e, SCO_CI_DEGRADED, "%.*s", SCO_STR_ARG(why));
}
