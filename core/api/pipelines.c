/* Pipelines: of a platform (integration, repository, workflow), or own ones with their definition,
 * which is checked here and again by whoever runs it. */
#include "pipelines_priv.h"

#include <secureops/checkout.h>
#include <secureops/ci.h>
#include <secureops/pipeline.h>

static void write_pipeline(struct sco_json_out *o, const struct sco_stored_pipeline *p, bool whole)
{
    const struct sco_stored_target *t = &p->target;
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", t->id);
    sco_json_kz(o, "name", t->name);
    sco_json_kz(o, "kind", p->definition ? "own" : "platform");
    sco_json_key(o, "target");
    sco_json_begin(o, '{');
    sco_json_kz(o, "kind", t->kind);
    sco_json_kz(o, "location", t->location);
    sco_json_end(o, '}');
    sco_json_kz(o, "platform", t->platform);
    sco_json_kz(o, "integration", p->integration);
    sco_json_kz(o, "repository", p->repository);
    sco_json_kz(o, "workflow", p->workflow);
    sco_json_kz(o, "branch", t->branch);
    sco_json_kz(o, "team", t->team);
    sco_json_kz(o, "status", t->status);
    sco_json_kz(o, "checkout_secret", p->checkout_secret);
    if (whole)
        sco_json_kz(o, "definition", p->definition);
    sco_json_kz(o, "created_by", t->created_by);
    sco_json_ktime(o, "created_at", t->created_at);
    sco_json_ktime(o, "updated_at", t->updated_at);
    sco_json_end(o, '}');
}

int api_pipeline_find(struct api_call *c, const char *id, struct sco_pipeline_page *ret,
                      struct sco_error *err)
{
    int r = sco_store_pipeline(c->store, id, ret, err);
    if (r == 0 && !api_target_sees(c, &ret->v[0].target)) {
        sco_pipeline_page_done(ret);
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no pipeline %s", id);
    }
    return r;
}

static int show(struct api_call *c, const char *id, struct sco_error *err)
{
    struct sco_pipeline_page p = {0};
    int r = api_pipeline_find(c, id, &p, err);
    if (r < 0)
        return r;
    write_pipeline(&c->out, &p.v[0], true);
    sco_pipeline_page_done(&p);
    return 0;
}

int api_pipeline_get(struct api_call *c, struct sco_error *err)
{
    return show(c, c->params[0], err);
}

int api_pipeline_list(struct api_call *c, struct sco_error *err)
{
    struct sco_pipeline_page p = {0};
    uint32_t limit;
    const char *cursor;
    int r = api_page(c, &limit, &cursor, err);
    if (r == 0)
        r = sco_store_pipelines(c->store, cursor, limit, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        if (api_target_sees(c, &p.v[i].target))
            write_pipeline(&c->out, &p.v[i], false);
    api_items_end(c, p.cursor);
    sco_pipeline_page_done(&p);
    return 0;
}

/* ---- put ---- */
static int take_secret(struct api_call *c, struct sco_stored_pipeline *p,
                       const struct api_target *t, struct sco_error *err)
{
    const char *s = api_text(c, "checkout_secret");
    const char *want = sco_arena_fmt(&c->arena, "checkout.%s", t->host ? t->host : "");
    size_t n = want ? strlen(want) : 0;
    if (!want)
        return sco_error_nomem(err);
    if (s && (!t->host || strncmp(s, want, n) != 0 || (s[n] && s[n] != '.')))
        return api_fault(c, err, "/checkout_secret",
                         "a secret for this host is called %s, or begins with %s.", want, want);
    p->checkout_secret = s;
    return 0;
}

static int take_own(struct api_call *c, struct sco_stored_pipeline *p, const struct api_target *t,
                    struct sco_error *err)
{
    struct sco_pipeline def;
    struct sco_error why = {0};
    p->definition = api_text(c, "definition");
    p->repository = t->key;
    p->target.platform = "generic";
    if (api_text(c, "integration") || api_text(c, "workflow") || api_text(c, "repository"))
        return api_fault(c, err, "/definition", "either a definition or an integration");
    int r = sco_pipeline_parse(sco_str_c(p->definition), "definition", &c->arena, &def, &why);
    if (r == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (r < 0)
        return api_fault(c, err, "/definition", "%s", why.text);
    r = take_secret(c, p, t, err);
    return r == 0 ? api_pipeline_allowed(c, p, err) : r;
}

static const struct sco_integration *find_integration(const struct api_call *c, const char *name)
{
    const struct sco_api_webhooks *w = &api_options(c->api)->webhooks;
    for (size_t i = 0; name && i < w->n_integrations; i++)
        if (strcmp(w->integrations[i].name, name) == 0 && w->integrations[i].enabled)
            return &w->integrations[i];
    return NULL;
}

/* Scopes go by the location, and what is asked of the platform by the name: they have to be the
 * same repository. Jenkins has names of its own, for those who are bound to nothing. */
static bool same_repository(const struct api_call *c, const struct sco_integration *at,
                            const char *location, const char *name)
{
    return at->server
               ? sco_repository_is_at(sco_str_c(location), sco_str_c(at->server), sco_str_c(name))
               : !api_scope(c);
}

/* What the configuration says may be another server by now. */
static int check_platform(struct api_call *c, const struct sco_stored_pipeline *p,
                          struct sco_error *err)
{
    const struct sco_integration *at = find_integration(c, p->integration);
    if (!at)
        return api_problem(c, 409, err, "there is no integration %s any more", p->integration);
    if (at->server && !same_repository(c, at, p->location, p->repository))
        return api_problem(c, 409, err, "%s is not %s at %s, which integrations.%s is for",
                           p->location, p->repository, at->server, at->name);
    return 0;
}

int api_pipeline_allowed(struct api_call *c, const struct sco_stored_pipeline *p,
                         struct sco_error *err)
{
    const struct sco_api_options *o = api_options(c->api);
    const char *const *g = o->pipeline_repositories;
    bool named = !g || !*g;
    if (!p->definition)
        return check_platform(c, p, err);
    if (!o->pipelines)
        return api_problem(c, 409, err,
                           "own pipelines are switched off here: pipelines.enabled is false");
    for (; !named && *g; g++)
        named = sco_glob_match(*g, sco_str_c(p->repository));
    return named ? 0
                 : sco_error_set(err, SCO_E_PERMISSION, "pipelines.repositories does not name %s",
                                 p->repository);
}

static int take_platform(struct api_call *c, struct sco_stored_pipeline *p,
                         const struct api_target *t, struct sco_error *err)
{
    p->integration = api_text(c, "integration");
    p->repository = api_text_or(c, "repository", "");
    p->workflow = api_text(c, "workflow");
    if (!p->integration)
        return api_fault(c, err, "/definition", "a definition, or an integration");
    const struct sco_integration *found = find_integration(c, p->integration);
    if (!found)
        return api_fault(c, err, "/integration", "there is no such integration");
    if (!*p->repository)
        return api_fault(c, err, "/repository", "its name at the platform");
    bool named = !found->repositories || !*found->repositories;
    for (const char *const *g = found->repositories; g && *g && !named; g++)
        named = sco_glob_match(*g, sco_str_c(p->repository));
    if (!named)
        return api_fault(c, err, "/repository", "integrations.%s.repositories leaves it out",
                         p->integration);
    if (!same_repository(c, found, t->location, p->repository))
        return found->server
                   ? api_fault(c, err, "/target/location",
                               "it has to be %s at %s, where "
                               "integrations.%s has its repositories",
                               p->repository, found->server, found->name)
                   : sco_error_set(err, SCO_E_PERMISSION, "%s is not in your scope", p->repository);
    p->target.platform = found->platform ? found->platform : found->plugin;
    return 0;
}

static int take_body(struct api_call *c, struct sco_stored_pipeline *p, struct sco_error *err)
{
    const struct sco_node *target = api_member(c, "target");
    struct sco_stored_target *t = &p->target;
    struct api_target where = {0};
    t->name = api_text(c, "name");
    t->branch = api_text_or(c, "branch", "");
    t->team = api_text_or(c, "team", "");
    t->status = api_text_or(c, "status", "active");
    t->config = "{}";
    if (!t->name || !*t->name || strlen(t->name) > 200 || !sco_utf8_valid(sco_str_c(t->name)))
        return api_fault(c, err, "/name", "a name of at most 200 bytes");
    if (!api_revision_is_safe(t->branch))
        return api_fault(c, err, "/branch", "no name of a branch or tag");
    if (strcmp(t->status, "active") != 0 && strcmp(t->status, "paused") != 0)
        return api_fault(c, err, "/status", "active or paused");
    if (!api_in_team(&c->who, t->team))
        return api_fault(c, err, "/team", "one of your teams");
    if (!target || sco_get(target, "name"))
        return api_fault(c, err, "/target", "where it is: {\"location\"}");
    int r = api_target(c, target, "/target", &where, err);
    if (r == 0 && strcmp(where.kind, "repository") != 0)
        r = api_fault(c, err, "/target", "a repository");
    t->kind = where.kind;
    t->location = p->location = where.location;
    if (r < 0)
        return r;
    return api_text(c, "definition") ? take_own(c, p, &where, err)
                                     : take_platform(c, p, &where, err);
}

static int check_name(struct api_call *c, const char *name, const char *id, struct sco_error *err)
{
    struct sco_target_page p = {0};
    int r = sco_store_target(c->store, name, &p, err);
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r == 0 && (!id || strcmp(p.v[0].id, id) != 0))
        r = api_problem(c, 409, err, "there is a pipeline or target with this name");
    sco_target_page_done(&p);
    return r;
}

static int store(struct api_call *c, const struct sco_stored_pipeline *p, char id[37],
                 struct sco_error *err)
{
    int r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = check_name(c, p->target.name, p->target.id, err);
    if (r == 0)
        r = sco_store_pipeline_put(c->store, p, c->now, id, err);
    if (r == 0)
        r = show(c, id, err);
    return sco_store_end(c->store, r, err);
}

int api_pipeline_post(struct api_call *c, struct sco_error *err)
{
    struct sco_stored_pipeline p = {.target.created_by = c->who.user_id[0] ? c->who.user_id : NULL};
    char id[37];
    int r = take_body(c, &p, err);
    if (r == 0)
        r = store(c, &p, id, err);
    if (r == 0)
        api_created(c, "/api/v1/pipelines/%s", id);
    return r;
}

int api_pipeline_put(struct api_call *c, struct sco_error *err)
{
    struct sco_stored_pipeline p = {0};
    struct sco_pipeline_page old = {0};
    char id[37];
    int r = api_pipeline_find(c, c->params[0], &old, err);
    if (r < 0)
        return r;
    p.target.id = old.v[0].target.id;
    r = take_body(c, &p, err);
    if (r == 0)
        r = api_target_keeps_place(c, &old.v[0].target, p.target.location, err);
    if (r == 0)
        r = store(c, &p, id, err);
    sco_pipeline_page_done(&old);
    return r;
}

int api_pipeline_delete(struct api_call *c, struct sco_error *err)
{
    struct sco_pipeline_page p = {0};
    int r = api_pipeline_find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    r = sco_store_pipeline_delete(c->store, p.v[0].target.id, err);
    sco_pipeline_page_done(&p);
    return r;
}
