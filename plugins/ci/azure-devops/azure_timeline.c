/* The timeline of a build: its stages, jobs and their logs. */
#include "azure_priv.h"

static int one(struct azure_timeline *t, const struct sco_host *h, const struct sco_node *v)
{
    struct azure_record *r = &t->v[t->n++];
    r->id = ci_copy(h, azure_id(sco_get(v, "id")));
    r->parent = ci_copy(h, azure_id(sco_get(v, "parentId")));
    r->type = ci_copy(h, sco_text_at(v, "type"));
    r->name = ci_copy(h, sco_text_at(v, "name"));
    r->identifier = ci_copy(h, sco_text_at(v, "identifier"));
    r->log_id = ci_copy(h, azure_id(sco_path(v, "log.id")));
    r->state = ci_copy(h, sco_text_at(v, "state"));
    r->result = ci_copy(h, sco_text_at(v, "result"));
    r->started = ci_time_at(v, "startTime");
    r->finished = ci_time_at(v, "finishTime");
    r->attempt = sco_int_at(v, "attempt", 1);
    r->order = sco_int_at(v, "order", 0);
    return 0;
}

int azure_timeline(struct azure_op *o, struct sco_str build, struct azure_timeline *ret,
                   struct sco_errbuf *e)
{
    struct azure_timeline t = {NULL, 0};
    struct ci_answer a;
    struct ci_request q;
    size_t n = 0;
    memset(&q, 0, sizeof q);
    q.path =
        azure_path(o, o->project, "/_apis/build/builds/%.*s/timeline?" AZURE_V, SCO_STR_ARG(build));
    q.what = "the run's timeline";
    q.stay = 1;
    int r = azure_ask(o, &q, &a, e);
    if (r != 0)
        return r;
    SCO_EACH (v, sco_get(a.root, "records"))
        n++;
    t.v = (struct azure_record *)o->h->alloc(o->h, (n + 1) * sizeof *t.v);
    if (!t.v)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    SCO_EACH (v, sco_get(a.root, "records"))
        if (azure_id(sco_get(v, "id")).n && (r = one(&t, o->h, v)) < 0)
            return r;
    *ret = t;
    return 0;
}

const struct azure_record *azure_record(const struct azure_timeline *t, struct sco_str id)
{
    for (size_t i = 0; id.n && i < t->n; i++)
        if (sco_str_eq(t->v[i].id, id))
            return &t->v[i];
    return NULL;
}

/* The stage that a job belongs to: stage, phase, job. */
static const struct azure_record *stage_of(const struct azure_timeline *t,
                                           const struct azure_record *r)
{
    for (int depth = 0; r && depth < 8; depth++, r = azure_record(t, r->parent))
        if (sco_str_is(r->type, "Stage"))
            return r;
    return NULL;
}

static void write_one(struct ci_json *j, const struct azure_op *o, const struct azure_record *r,
                      const struct azure_record *stage, struct sco_str build)
{
    ci_json_begin(j, '{');
    ci_json_kstr(j, "name", r->name);
    ci_json_kz(j, "status", azure_status(r->state, r->result));
    ci_json_ktime(j, "started_at", r->started);
    ci_json_ktime(j, "finished_at", r->finished);
    ci_json_kstr(j, "job_id", r->id);
    ci_json_kstr(j, "stage", stage ? stage->name : sco_str_make(NULL, 0));
    ci_json_kint(j, "attempt", r->attempt);
    ci_json_kstr(j, "url",
                 sco_fmt(o->h, "%.*s%s/_build/results?buildId=%.*s&view=logs&j=%.*s",
                         SCO_STR_ARG(o->http.base), o->project, SCO_STR_ARG(build),
                         SCO_STR_ARG(r->id)));
    ci_json_end(j, '}');
}

static int has_jobs(const struct azure_timeline *t, const struct azure_record *stage)
{
    for (size_t i = 0; i < t->n; i++)
        if (sco_str_is(t->v[i].type, "Job") && stage_of(t, &t->v[i]) == stage)
            return 1;
    return 0;
}

/* Jobs with the name of their stage, and stages that have no job (yet), in the timeline's order. */
void azure_stages(struct ci_json *j, const struct azure_op *o, const struct azure_timeline *t,
                  struct sco_str build)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n && n < AZURE_STAGES_MAX; i++) {
        const struct azure_record *r = &t->v[i];
        int stage = sco_str_is(r->type, "Stage");
        if (!sco_str_is(r->type, "Job") && (!stage || has_jobs(t, r)))
            continue;
        write_one(j, o, r, stage_of(t, r), build);
        n++;
    }
}
