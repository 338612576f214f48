/* What a lost service hook missed: pushes and builds since the last time, and pull requests whose
 * head is another one than then. Events that are known already are recognised by the engine. */
#include "azure_priv.h"

enum { OVERLAP_MS = 300000, PULLS_MAX = 2000 };

struct poll {
    struct azure_op *o;
    int64_t since;
    const struct sco_node *repository; /* a copy, as events have it */
    const struct sco_node *seen;       /* state.pulls: heads by repository and number */
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

static int one_push(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
    if (ci_time_at(v, "date") < p->since)
        return 0;
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
    if (!z || !head.n || p->n_heads++ >= PULLS_MAX)
        return 0;
    ci_json_kstr(&p->heads, z, head);
    if (sco_str_eq(sco_text(sco_get(p->seen, z)), head))
        return 0;
    return emit_as(p, "git.pullrequest.updated", v);
}

static int one_build(void *user, const struct sco_node *v)
{
    struct poll *p = (struct poll *)user;
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

static int moved(struct poll *p)
{
    struct azure_op *o = p->o;
    const char *from = ci_encode(o->h, ci_time_format(o->h, p->since > 0 ? p->since : 1000), "");
    int r = azure_need_repo(o);
    if (r == 0)
        r = look_at_repository(p);
    if (r != 0)
        return r;
    struct sco_str id = sco_text_at(p->repository, "id");
    r = azure_walk(o,
                   azure_path(o, o->repo,
                              "/pushes?searchCriteria.fromDate=%s"
                              "&searchCriteria.includeRefUpdates=true&$top=500&" AZURE_V,
                              from),
                   "the pushes", one_push, p, o->e);
    if (r == 0)
        r = azure_walk(
            o,
            azure_path(o, o->repo, "/pullrequests?searchCriteria.status=active&$top=500&" AZURE_V),
            "the pull requests", one_pull, p, o->e);
    if (r == 0)
        r = azure_walk(o,
                       azure_path(o, o->project,
                                  "/_apis/build/builds?repositoryId=%s&repositoryType=TfsGit"
                                  "&minTime=%s&queryOrder=finishTimeDescending&$top=500&" AZURE_V,
                                  ci_encode(o->h, id, ""), from),
                       "the runs", one_build, p, o->e);
    return r;
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
    p.seen = sco_path(c->request, "state.pulls");
    p.heads = ci_json_new(h);
    ci_json_begin(&p.heads, '{');
    int r = all_repositories(&p, ctx, c, &why, e);
    if (r != 0)
        return r;
    ci_json_end(&p.heads, '}');
    ci_json_begin(&j, '{');
    ci_json_key(&j, "state");
    ci_json_begin(&j, '{');
    ci_json_ktime(&j, "until", now);
    ci_json_kraw(&j, "pulls", ci_json_text(&p.heads));
    ci_json_end(&j, '}');
    ci_json_kint(&j, "redelivered", 0);
    ci_json_end(&j, '}');
    r = ci_json_record(&j, "result", e);
    return r < 0 || !why.n ? r : sco_errf(e, SCO_CI_DEGRADED, "%.*s", SCO_STR_ARG(why));
}
