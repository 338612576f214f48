/* GitLab pipelines: the jobs as the runner sees them, with what they inherit from `default:`, from
 * the old global keywords, by `extends` and `!reference`, as far as it stands in the same file.
 * Hidden jobs (".name") are templates: no resources. */
#include "gitlab_priv.h"

enum {
    LEVELS_MAX = 11,    /* GitLab's own limit */
    PARENTS_MAX = 1000, /* of one job, those of its parents counted: lists of lists multiply */
};

/* One job on its way to what the runner sees. */
struct inheriting {
    struct sco_iac_set *s;
    uint32_t doc;
    const struct sco_map *jobs;
    uint32_t parents;
};

static const char *const reserved[] = {"image",     "services", "stages",  "types",
                                       "cache",     "include",  "default", "before_script",
                                       "variables", "workflow", "spec",    "after_script"};
static const char *const globals[] = {"image", "services", "cache", "before_script",
                                      "after_script"};

static bool one_of(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* ---- inheritance ---- */
static int resolve(struct inheriting *in, const struct sco_iac_node *job, uint32_t level,
                   struct sco_iac_node *ret);

/* Lays the job over the one that it names; one that is not in this file is noted. */
static int over_parent(struct inheriting *in, struct sco_str name, uint32_t level,
                       struct sco_iac_node *merged)
{
    static const struct iac_overlay_rules rules = {0};
    const struct sco_iac_node *parent = name.n ? sco_map_get(in->jobs, name) : NULL;
    struct sco_iac_node resolved = {0}, out = {0};
    if (!parent || !sco_iac_is(parent, SCO_IAC_MAP))
        return iac_doc_note(in->s, in->doc,
                            "extends %.*s: not in this file, what it sets is not known",
                            (int)name.n, name.p);
    if (++in->parents == PARENTS_MAX)
        return iac_doc_note(in->s, in->doc, "extends %.*s: more than %d jobs are extended",
                            (int)name.n, name.p, PARENTS_MAX);
    if (in->parents > PARENTS_MAX)
        return 0;
    int r = resolve(in, parent, level + 1, &resolved);
    if (r == 0)
        r = iac_overlay(in->s, merged, &resolved, &rules, &out);
    if (r == 0)
        *merged = out;
    return r;
}

/* Several parents: the later ones win, the job itself over all of them. */
static int resolve(struct inheriting *in, const struct sco_iac_node *job, uint32_t level,
                   struct sco_iac_node *ret)
{
    static const char *const drop[] = {"extends", NULL};
    static const struct iac_overlay_rules rules = {.drop = drop};
    const struct sco_iac_node *extends = sco_iac_get(job, "extends");
    struct sco_iac_node merged = {
        .type = SCO_IAC_MAP, .doc = job->doc, .pos = job->pos, .end = job->end};
    int r = 0;
    *ret = *job;
    if (!extends)
        return 0;
    if (level >= LEVELS_MAX)
        return iac_doc_note(in->s, in->doc,
                            "extends is nested deeper than %d levels, or in a circle", LEVELS_MAX);
    if (extends->type == SCO_IAC_STR)
        r = over_parent(in, sco_iac_text(extends), level, &merged);
    for (uint32_t i = 0; r == 0 && extends->type == SCO_IAC_LIST && i < extends->n; i++)
        r = over_parent(in, sco_iac_text(&extends->item[i]), level, &merged);
    return r < 0 ? r : iac_overlay(in->s, &merged, job, &rules, ret);
}

/* Whether the job takes the default of this keyword: inherit: {default: false | [keywords]}. */
static bool inherits(const struct sco_iac_node *job, const char *keyword)
{
    const struct sco_iac_node *v = sco_iac_path(job, "inherit.default");
    if (sco_iac_is(v, SCO_IAC_BOOL))
        return v->i;
    if (!sco_iac_is(v, SCO_IAC_LIST))
        return true;
    for (uint32_t i = 0; i < v->n; i++)
        if (sco_str_is(sco_iac_text(&v->item[i]), keyword))
            return true;
    return false;
}

static int take_defaults(struct sco_iac_set *s, const struct sco_iac_node *from,
                         struct sco_iac_node *job)
{
    SCO_AUTO(iac_members) struct iac_members out = {0};
    size_t added = 0;
    for (uint32_t i = 0; sco_iac_is(from, SCO_IAC_MAP) && i < from->n; i++) {
        const struct sco_iac_member *m = &from->member[i];
        struct sco_str key = sco_str_make(m->key, m->key_n);
        if (sco_iac_get_str(job, key) || !inherits(job, m->key))
            continue;
        if (iac_member(s, &out, key, m->key_pos, m->value) < 0)
            return SCO_E_NOMEM;
        added++;
    }
    if (!added)
        return 0;
    for (uint32_t i = 0; i < job->n; i++) {
        const struct sco_iac_member *m = &job->member[i];
        if (iac_member(s, &out, sco_str_make(m->key, m->key_n), m->key_pos, m->value) < 0)
            return SCO_E_NOMEM;
    }
    int r = iac_map(s, &out, (struct iac_span){job->doc, job->pos, job->end}, job, NULL);
    if (r == 0)
        job->flags |= SCO_IAC_MADE;
    return r;
}

/* ---- jobs ---- */
struct pipeline {
    struct sco_iac_set *s;
    uint32_t doc, parent;
    struct sco_map jobs; /* what stands at the top, by name: const struct sco_iac_node * */
    const struct sco_iac_node *defaults;
    struct sco_iac_node globals; /* the old way to say defaults */
    struct iac_gitlab_refers refers;
};

static int add_job(struct pipeline *p, const struct sco_iac_member *m)
{
    static const char *const selectors[] = {"gitlab:job", NULL};
    struct sco_iac_node job = {0};
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    sco_buf_addf(&name, "jobs(%s)", m->key);
    struct inheriting in = {.s = p->s, .doc = p->doc, .jobs = &p->jobs};
    int r = name.failed ? SCO_E_NOMEM : resolve(&in, &m->value, 0, &job);
    if (r == 0)
        r = take_defaults(p->s, p->defaults, &job);
    if (r == 0)
        r = take_defaults(p->s, &p->globals, &job);
    if (r == 0)
        r = iac_gitlab_refer(&p->refers, &job);
    if (r == 0)
        r = iac_gitlab_flatten(p->s, &job);
    if (r < 0)
        return r;
    const struct sco_iac_node *node = &m->value;
    if (job.flags & SCO_IAC_MADE && !(node = iac_node(p->s, job)))
        return SCO_E_NOMEM;
    return iac_resource(p->s, p->doc, selectors, "job", sco_buf_z(&name), node, p->parent, NULL);
}

static bool is_job(const struct sco_iac_member *m)
{
    return m->key[0] != '.' && m->value.type == SCO_IAC_MAP &&
           !one_of(reserved, SCO_ARRAY_LEN(reserved), m->key);
}

/* What jobs look up: names, and what all of them take over. */
static int prepare(struct pipeline *p, const struct sco_iac_node *root)
{
    SCO_AUTO(iac_members) struct iac_members out = {0};
    p->defaults = sco_iac_get(root, "default");
    for (uint32_t i = 0; i < root->n; i++) {
        const struct sco_iac_member *m = &root->member[i];
        struct sco_str key = sco_str_make(m->key, m->key_n);
        const void **slot = (const void **)sco_map_put(&p->jobs, key, NULL);
        if (!slot)
            return SCO_E_NOMEM;
        *slot = &m->value;
        if (one_of(globals, SCO_ARRAY_LEN(globals), m->key) &&
            iac_member(p->s, &out, key, m->key_pos, m->value) < 0)
            return SCO_E_NOMEM;
    }
    p->refers = (struct iac_gitlab_refers){.s = p->s, .doc = p->doc, .jobs = &p->jobs};
    return iac_map(p->s, &out, (struct iac_span){root->doc, root->pos, root->end}, &p->globals,
                   NULL);
}

int iac_gitlab(struct sco_iac_set *s, uint32_t doc)
{
    static const char *const selectors[] = {"gitlab", NULL};
    const struct sco_iac_node *root = s->docs[doc].root;
    struct pipeline p = {.s = s, .doc = doc};
    int r = iac_resource(s, doc, selectors, "gitlab", "gitlab", root, UINT32_MAX, &p.parent);
    if (r == 0 && sco_iac_get(root, "include"))
        r = iac_doc_note(s, doc, "include: what other files hold is not part of this document");
    if (r == 0)
        r = prepare(&p, root);
    for (uint32_t i = 0; r == 0 && i < root->n; i++)
        if (is_job(&root->member[i]))
            r = add_job(&p, &root->member[i]);
    sco_map_done(&p.jobs);
    return r;
}
