/* Workflows and composite actions: jobs and steps. `${{ }}` stays text: the policies that look for
 * script injection read it, the others ask is_template(). */
#include "set_priv.h"

struct steps {
    struct sco_iac_set *s;
    uint32_t doc, parent;
    const char *prefix; /* "jobs(build)" or "runs" */
};

static int add_steps(const struct steps *o, const struct sco_iac_node *steps)
{
    static const char *const selectors[] = {"github:step", NULL};
    if (!steps)
        return 0;
    if (steps->type != SCO_IAC_LIST)
        return iac_doc_note(o->s, o->doc, "%s.steps is no list", o->prefix);
    for (uint32_t i = 0; i < steps->n; i++) {
        SCO_AUTO(sco_buf) struct sco_buf name = {0};
        const struct sco_iac_node *step = &steps->item[i];
        sco_buf_addf(&name, "%s.steps[%u]", o->prefix, i + 1);
        int r = name.failed ? SCO_E_NOMEM : 0;
        if (r == 0 && step->type != SCO_IAC_MAP)
            r = iac_doc_note(o->s, o->doc, "%s is no map", sco_buf_z(&name));
        else if (r == 0)
            r = iac_resource(o->s, o->doc, selectors, "step", sco_buf_z(&name), step, o->parent,
                             NULL);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_job(struct sco_iac_set *s, uint32_t doc, uint32_t parent,
                   const struct sco_iac_member *m)
{
    static const char *const selectors[] = {"github:job", NULL};
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    sco_buf_addf(&name, "jobs(%s)", m->key);
    if (name.failed)
        return SCO_E_NOMEM;
    if (m->value.type != SCO_IAC_MAP)
        return iac_doc_note(s, doc, "%s is no map", sco_buf_z(&name));
    struct steps steps = {.s = s, .doc = doc, .prefix = sco_buf_z(&name)};
    int r = iac_resource(s, doc, selectors, "job", steps.prefix, &m->value, parent, &steps.parent);
    return r < 0 ? r : add_steps(&steps, sco_iac_get(&m->value, "steps"));
}

static int workflow(struct sco_iac_set *s, uint32_t doc, const struct sco_iac_node *root)
{
    static const char *const selectors[] = {"github", NULL};
    const struct sco_iac_node *jobs = sco_iac_get(root, "jobs");
    uint32_t parent;
    int r = iac_resource(s, doc, selectors, "workflow", "on", root, UINT32_MAX, &parent);
    if (r == 0 && !sco_iac_is(jobs, SCO_IAC_MAP))
        return iac_doc_note(s, doc, "the workflow has no jobs");
    for (uint32_t i = 0; r == 0 && i < jobs->n; i++)
        r = add_job(s, doc, parent, &jobs->member[i]);
    return r;
}

int iac_github(struct sco_iac_set *s, uint32_t doc)
{
    static const char *const selectors[] = {"github:action", NULL};
    const struct sco_iac_node *root = s->docs[doc].root;
    if (s->docs[doc].format == SCO_IAC_FORMAT_GITHUB_WORKFLOW)
        return workflow(s, doc, root);
    struct steps steps = {.s = s, .doc = doc, .prefix = "runs"};
    int r = iac_resource(s, doc, selectors, "action", "runs", root, UINT32_MAX, &steps.parent);
    return r < 0 ? r : add_steps(&steps, sco_iac_path(root, "runs.steps"));
}
