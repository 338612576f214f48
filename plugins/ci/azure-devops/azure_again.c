/* Runs again, and rolls back. Of a run its failed stages can be run again; a whole run is started
 * anew at the same revision, with the same parameters. Azure's way back is the good run's own stage
 * for the environment, run again; else the pipeline at the good revision. */
#include "azure_priv.h"

struct again {
    struct azure_op *o;
    struct sco_str build, stage;
    int64_t attempt;
};

/* Whether the stage is at work, or has one more attempt. */
static int has_moved(void *user, struct sco_errbuf *e)
{
    struct again *g = (struct again *)user;
    struct azure_timeline t = {NULL, 0};
    int r = azure_timeline(g->o, g->build, &t, e);
    for (size_t i = 0; r == 0 && i < t.n; i++)
        if (sco_str_is(t.v[i].type, "Stage") && sco_str_eq(t.v[i].identifier, g->stage))
            return t.v[i].attempt > g->attempt || !sco_str_is(t.v[i].state, "completed") ? CI_FOUND
                                                                                         : 0;
    return r;
}

static int retry_stage(struct azure_op *o, struct sco_str build, const struct azure_record *s,
                       int all_jobs)
{
    struct again g = {o, build, s->identifier, s->attempt};
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "state", "retry");
    ci_json_kbool(&j, "forceRetryAllJobs", all_jobs);
    ci_json_end(&j, '}');
    int r = azure_send(o, "PATCH",
                       azure_path(o, o->project, "/_apis/build/builds/%.*s/stages/%s?" AZURE_V,
                                  SCO_STR_ARG(build), ci_encode(o->h, s->identifier, "")),
                       &j, "another try of the stage", has_moved, &g, &a);
    return r == CI_FOUND ? 0 : r;
}

static int write_same(struct azure_op *o, struct sco_str id)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id", id);
    ci_json_knull(&j, "queue_id");
    ci_json_kz(&j, "status", "queued");
    ci_json_kstr(&j, "url",
                 sco_fmt(o->h, "%.*s%s/_build/results?buildId=%.*s", SCO_STR_ARG(o->http.base),
                         o->project, SCO_STR_ARG(id)));
    ci_json_kbool(&j, "again", 1);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int failed_stages(struct azure_op *o, struct sco_str build)
{
    struct azure_timeline t = {NULL, 0};
    size_t n = 0;
    int r = azure_timeline(o, build, &t, o->e);
    for (size_t i = 0; r == 0 && i < t.n; i++) {
        const struct azure_record *s = &t.v[i];
        if (!sco_str_is(s->type, "Stage") || !s->identifier.n ||
            !(sco_str_is(s->result, "failed") || sco_str_is(s->result, "canceled")))
            continue;
        r = retry_stage(o, build, s, 0);
        n++;
    }
    if (r != 0)
        return r;
    return n ? write_same(o, build)
             : sco_errf(o->e, SCO_E_INVALID, "%s: no stage of the run has failed", AZURE);
}

/* A node of texts that outlives the answer. */
static const struct sco_node *copy_inputs(const struct sco_host *h, const struct sco_node *v)
{
    struct sco_node *map, *c;
    size_t n = 0;
    if (!sco_is(v, SCO_NODE_MAP))
        return NULL;
    for (const struct sco_node *i = v->child; i; i = i->next)
        n++;
    map = (struct sco_node *)h->alloc(h, (n + 1) * sizeof *map);
    if (!map || !n)
        return NULL;
    map->type = SCO_NODE_MAP;
    map->child = c = map + 1;
    for (const struct sco_node *i = v->child; i; i = i->next, c++) {
        c->type = SCO_NODE_STR;
        c->key = ci_copy(h, i->key);
        c->text = ci_copy(h, sco_text(i));
        c->next = i->next ? c + 1 : NULL;
    }
    return map;
}

static int whole_run(struct azure_op *o, struct sco_str build)
{
    struct ci_answer a;
    int r = azure_get_build(o, build, &a);
    if (r != 0)
        return r;
    struct sco_str pipeline = ci_copy(o->h, azure_id(sco_path(a.root, "definition.id")));
    struct sco_str ref = ci_copy(o->h, sco_text_at(a.root, "sourceBranch"));
    struct sco_str sha = ci_copy(o->h, ci_sha_at(a.root, "sourceVersion"));
    const struct sco_node *inputs = copy_inputs(o->h, sco_get(a.root, "templateParameters"));
    if (!pipeline.n)
        return sco_errf(o->e, SCO_E_FORMAT, "%s: the run does not say which pipeline it is of",
                        AZURE);
    return azure_start(o, pipeline, ref, sha, inputs);
}

int azure_rerun(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    int r = azure_begin(&o, ctx, c, e);
    struct sco_str id = sco_text_at(o.q, "pipeline_id");
    if (r == 0)
        r = azure_need_project(&o);
    if (r == 0)
        r = azure_good_number(&o, id, "pipeline_id");
    if (r == 0)
        r = sco_bool(sco_get(o.q, "failed_only"), 0) ? failed_stages(&o, id) : whole_run(&o, id);
    return azure_end(&o, r);
}

/* ---- roll back ---- */

/* The newest good run of another revision than the newest run's. */
struct good {
    struct azure_op *o;
    struct sco_str present, id;
};

static int is_good(void *user, const struct sco_node *b)
{
    struct good *g = (struct good *)user;
    struct sco_str sha = ci_sha_at(b, "sourceVersion");
    if (!sha.n)
        return 0;
    if (!g->present.n)
        g->present = ci_copy(g->o->h, sha);
    if (sco_str_eq(sha, g->present) || !sco_str_is(sco_text_at(b, "result"), "succeeded"))
        return 0;
    g->id = ci_copy(g->o->h, azure_id(sco_get(b, "id")));
    return CI_FOUND;
}

static int find_good(struct azure_op *o, struct sco_str pipeline, struct sco_str *ret)
{
    struct good g = {o, {NULL, 0}, {NULL, 0}};
    int r = azure_walk(o,
                       azure_path(o, o->project,
                                  "/_apis/build/builds?definitions=%.*s&statusFilter=completed"
                                  "&queryOrder=finishTimeDescending&$top=100&" AZURE_V,
                                  SCO_STR_ARG(pipeline)),
                       "the pipeline's runs", is_good, &g, o->e);
    if (r == 0)
        return sco_errf(o->e, SCO_E_NOT_FOUND, "%s: no earlier revision has a run that succeeded",
                        AZURE);
    *ret = g.id;
    return r == CI_FOUND ? 0 : r;
}

static int to_run(struct azure_op *o, struct sco_str id, struct sco_str environment)
{
    struct azure_timeline t = {NULL, 0};
    int r = azure_good_number(o, id, "to.pipeline_id");
    if (r == 0 && environment.n)
        r = azure_timeline(o, id, &t, o->e);
    if (r != 0)
        return r;
    for (size_t i = 0; i < t.n; i++) {
        const struct azure_record *s = &t.v[i];
        if (!sco_str_is(s->type, "Stage") || !s->identifier.n ||
            !(sco_str_eq(s->name, environment) || sco_str_eq(s->identifier, environment)))
            continue;
        r = retry_stage(o, id, s, 1);
        return r == 0 ? write_same(o, id) : r;
    }
    return whole_run(o, id);
}

static int do_rollback(struct azure_op *o)
{
    const struct sco_node *to = sco_get(o->q, "to");
    struct sco_str id = sco_text_at(to, "pipeline_id"), ref = sco_text_at(to, "ref");
    struct sco_str sha = ci_sha_at(to, "commit_sha"), workflow = sco_text_at(o->q, "workflow");
    struct sco_str environment = sco_text_at(o->q, "environment"), pipeline = {NULL, 0};
    int r = azure_need_project(o);
    if (r < 0)
        return r;
    if (id.n) {
        r = to_run(o, id, environment);
        if (r != SCO_E_NOT_FOUND || !workflow.n || (!ref.n && !sha.n))
            return r; /* a run that is gone: by the revision then */
    }
    if (!workflow.n)
        return sco_errf(o->e, SCO_E_INVALID,
                        "nothing to roll back to: neither a run, nor a "
                        "pipeline (workflow)");
    r = azure_pipeline(o, workflow, &pipeline);
    if (r == 0 && !ref.n && !sha.n) {
        r = find_good(o, pipeline, &id);
        return r == 0 ? to_run(o, id, environment) : r;
    }
    return r == 0 ? azure_start(o, pipeline, ref, sha, sco_get(o->q, "inputs")) : r;
}

int azure_rollback(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    int r = azure_begin(&o, ctx, c, e);
    return azure_end(&o, r == 0 ? do_rollback(&o) : r);
}
