/* Rollback: the revision that an environment had before the one that it has now, or that failed to
 * come, once more; by the platform's own means, or by running the definition at it. */
#include "pipelines_priv.h"

#include <secureops/pipeline_start.h>

enum { PAGE = 200, PAGES_MAX = 25 };

struct revisions {
    struct sco_execution_page *pages; /* what `now` and `good` point into */
    size_t n;
    const struct sco_stored_execution *now, *good;
};

/* One by one, the newest first. */
static bool look(struct revisions *v, const struct sco_stored_execution *x, const char *environment,
                 const char *to)
{
    bool good = strcmp(x->status, "success") == 0;
    if (x->is_fork || !x->environment || strcmp(x->environment, environment) != 0 ||
        !x->commit_sha || !sco_execution_ended(x->status) || strcmp(x->status, "skipped") == 0)
        return false;
    if (!v->now)
        v->now = x;
    if (to ? strcmp(x->id, to) == 0 : strcmp(x->commit_sha, v->now->commit_sha) != 0)
        v->good = good ? x : NULL;
    return v->good != NULL;
}

static int find_revisions(struct api_call *c, const char *pipeline, const char *environment,
                          struct revisions *v, struct sco_error *err)
{
    struct sco_execution_filter f = {.pipeline_id = pipeline, .limit = PAGE};
    const char *to = api_text(c, "to");
    int r = 0;
    v->pages = sco_arena_alloc(&c->arena, PAGES_MAX * sizeof *v->pages);
    if (!v->pages)
        return sco_error_nomem(err);
    do {
        struct sco_execution_page *p = &v->pages[v->n];
        r = sco_store_executions(c->store, &f, p, err);
        if (r < 0)
            return r;
        v->n++;
        for (size_t i = 0; i < p->n; i++)
            if (look(v, &p->v[i], environment, to))
                return 0;
        f.cursor = p->cursor;
    } while (f.cursor && v->n < PAGES_MAX);
    return 0;
}

static int write_to(struct api_call *c, const struct sco_stored_execution *x, const char **ret,
                    struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "pipeline_id", x->external_id);
    sco_json_kz(&o, "commit_sha", x->commit_sha);
    sco_json_kz(&o, "ref", x->ref ? x->ref : x->branch);
    sco_json_end(&o, '}');
    *ret = sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return b.failed || !*ret ? sco_error_nomem(err) : 0;
}

static int start(struct api_call *c, const struct sco_stored_pipeline *p, const char *environment,
                 const struct revisions *v, struct sco_error *err)
{
    struct sco_error why = {0};
    struct sco_pipeline_start q = {.pipeline = p,
                                   .op = "rollback",
                                   .branch =
                                       v->good->branch && *v->good->branch ? v->good->branch : NULL,
                                   .tag = v->good->ref,
                                   .commit_sha = v->good->commit_sha,
                                   .event = "rollback",
                                   .actor = c->who.name,
                                   .environment = environment,
                                   .rollback_of = v->now->id,
                                   .requested_by = api_requester(c),
                                   .approval = api_options(c->api)->rollback_approval};
    char id[37];
    int r = write_to(c, v->good, &q.to, err);
    if (r < 0)
        return r;
    r = sco_pipeline_start(c->store, &q, c->now, id, &why);
    if (r == SCO_E_INVALID)
        return api_problem(c, 409, err, "%s", why.text);
    if (r < 0)
        return sco_error_set(err, r, "%s", why.text);
    const char *where = sco_arena_fmt(&c->arena, "/api/v1/pipelines/executions/%s", id);
    if (!where)
        return sco_error_nomem(err);
    api_header(c, "Location", where);
    c->wake = true;
    return api_execution_reply(c, id, 202, err);
}

int api_pipeline_rollback(struct api_call *c, struct sco_error *err)
{
    struct sco_pipeline_page p = {0};
    struct revisions v = {0};
    const char *environment = api_text(c, "environment");
    if (!environment || !*environment)
        return api_fault(c, err, "/environment", "which one");
    int r = api_pipeline_find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    r = api_pipeline_allowed(c, &p.v[0], err);
    if (r == 0)
        r = find_revisions(c, p.v[0].target.id, environment, &v, err);
    if (r == 0 && !v.good)
        r = api_problem(c, 409, err, "%s has no earlier good revision of this pipeline",
                        environment);
    if (r == 0)
        r = start(c, &p.v[0], environment, &v, err);
    for (size_t i = 0; i < v.n; i++)
        sco_execution_page_done(&v.pages[i]);
    sco_pipeline_page_done(&p);
    return r;
}
