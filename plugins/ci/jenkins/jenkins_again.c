/* Runs again, and rolls back. Jenkins has neither: a build with the same parameters is both. */
#include "jenkins_priv.h"

enum { PARAMETERS_MAX = 200 };

/* The parameters of a build, as an object of text that outlives the answer. One without a value (a
 * password) is left to its default. */
static const struct sco_node *parameters_of(const struct sco_host *h, const struct sco_node *build)
{
    struct sco_node *map = (struct sco_node *)h->alloc(h, (PARAMETERS_MAX + 1) * sizeof *map);
    struct sco_node *c, *last = NULL;
    size_t n = 0;
    if (!map)
        return NULL;
    c = map + 1;
    map->type = SCO_NODE_MAP;
    SCO_EACH (action, sco_get(build, "actions"))
        SCO_EACH (p, sco_get(action, "parameters")) {
            if (n == PARAMETERS_MAX || !sco_text_at(p, "name").n || !sco_text_at(p, "value").p)
                continue;
            c->type = SCO_NODE_STR;
            c->key = ci_copy(h, sco_text_at(p, "name"));
            c->text = ci_copy(h, sco_text_at(p, "value"));
            if (last)
                last->next = c;
            else
                map->child = c;
            last = c++;
            n++;
        }
    return map;
}

static int again(struct jenkins_op *o, struct sco_str id)
{
    struct jenkins_build b;
    struct ci_answer a;
    int r = jenkins_build_of(o, id, &b);
    if (r == 0 && !b.number)
        r = sco_errf(o->e, SCO_E_INVALID, "pipeline_id is not job#number");
    if (r == 0)
        r = jenkins_get(o,
                        jenkins_path(o, "%s/%lld/api/json?tree=actions[parameters[name,value]]",
                                     b.url, (long long)b.number),
                        "the build", &a, o->e);
    if (r != 0)
        return r;
    return jenkins_start(o, b.job, parameters_of(o->h, a.root), SCO_STR(""), SCO_STR(""));
}

int jenkins_rerun(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    return jenkins_end(&o, r == 0 ? again(&o, sco_text_at(o.q, "pipeline_id")) : r);
}

static int do_rollback(struct jenkins_op *o)
{
    const struct sco_node *to = sco_get(o->q, "to");
    struct sco_str id = sco_text_at(to, "pipeline_id"), job = sco_text_at(o->q, "workflow");
    struct sco_str ref = sco_text_at(to, "ref"), sha = ci_sha_at(to, "commit_sha");
    int r = SCO_E_NOT_FOUND;
    if (id.n)
        r = again(o, id);
    if (id.n && (r != SCO_E_NOT_FOUND || !job.n))
        return r;
    if (!job.n)
        return sco_errf(o->e, SCO_E_INVALID,
                        "nothing to roll back to: neither a build, nor a job (workflow)");
    if (!(sha.n && o->k->commit_parameter.n) && !(ref.n && o->k->ref_parameter.n) &&
        !sco_first(sco_get(o->q, "inputs")))
        return sco_errf(o->e, SCO_E_INVALID,
                        "the job would build what it builds anyway: commit_parameter or "
                        "ref_parameter says which of its parameters takes the revision");
    return jenkins_start(o, job, sco_get(o->q, "inputs"), ref, sha);
}

int jenkins_rollback(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    return jenkins_end(&o, r == 0 ? do_rollback(&o) : r);
}
