/* What the scripts of a GitLab job are in the end: `!reference [job, key]` stands for what the job
 * has under the key, and lists in lists are one list. References may lead to references; each is
 * followed by copying what leads to it, so circles and trees that multiply need limits. */
#include "gitlab_priv.h"

enum {
    LEVELS_MAX = 10,       /* GitLab's own limit, of references and of lists in lists */
    REFERRED_MAX = 500000, /* values that the references of one file lead to */
};

static struct iac_span span_of(const struct sco_iac_node *v)
{
    return (struct iac_span){v->doc, v->pos, v->end};
}

static const struct sco_iac_node *child(const struct sco_iac_node *v, uint32_t i)
{
    return v->type == SCO_IAC_MAP ? &v->member[i].value : &v->item[i];
}

/* ---- references ---- */
static bool is_reference(const struct sco_iac_set *s, const struct sco_iac_node *v)
{
    return v->type == SCO_IAC_LIST && v->tag && strcmp(s->tags[v->tag - 1], "!reference") == 0;
}

/* What is reached by a reference (level > 0) can be reached often, and counts. */
static bool has_reference(struct iac_gitlab_refers *o, const struct sco_iac_node *v, uint32_t level)
{
    if (is_reference(o->s, v))
        return true;
    if (v->type != SCO_IAC_MAP && v->type != SCO_IAC_LIST)
        return false;
    for (uint32_t i = 0; i < v->n; i++) {
        o->nodes += level > 0;
        if (o->nodes > REFERRED_MAX)
            return false;
        if (has_reference(o, child(v, i), level))
            return true;
    }
    return false;
}

/* NULL: there is nothing of this name in the file. */
static const struct sco_iac_node *target_of(const struct iac_gitlab_refers *o,
                                            const struct sco_iac_node *v)
{
    const struct sco_iac_node *t = NULL;
    for (uint32_t i = 0; i < v->n; i++) {
        struct sco_str name = sco_iac_text(&v->item[i]);
        t = !name.n ? NULL : i == 0 ? sco_map_get(o->jobs, name) : sco_iac_get_str(t, name);
        if (!t)
            return NULL;
    }
    return t;
}

static int refer(struct iac_gitlab_refers *o, const struct sco_iac_node *v, uint32_t level,
                 struct sco_iac_node *ret);

/* The reference stays as it is where it cannot be followed, with a note. */
static int follow(struct iac_gitlab_refers *o, const struct sco_iac_node *v, uint32_t level,
                  struct sco_iac_node *ret)
{
    const struct sco_iac_node *t = target_of(o, v);
    struct sco_str name = sco_iac_text(sco_iac_at(v, 0));
    *ret = *v;
    if (!t)
        return iac_doc_note(o->s, o->doc,
                            "!reference [%.*s, ...]: not in this file, what it holds is not known",
                            (int)name.n, name.n ? name.p : "");
    if (level >= LEVELS_MAX)
        return iac_doc_note(
            o->s, o->doc, "!reference is nested deeper than %d levels, or in a circle", LEVELS_MAX);
    return refer(o, t, level + 1, ret);
}

static int refer_children(struct iac_gitlab_refers *o, const struct sco_iac_node *v, uint32_t level,
                          struct sco_iac_node *ret)
{
    SCO_AUTO(iac_members) struct iac_members members = {0};
    SCO_AUTO(iac_items) struct iac_items items = {0};
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < v->n; i++) {
        struct sco_iac_node out = {0};
        r = refer(o, child(v, i), level, &out);
        if (r == 0 && v->type == SCO_IAC_LIST)
            r = iac_item(&items, out);
        else if (r == 0)
            r = iac_member(o->s, &members, sco_str_make(v->member[i].key, v->member[i].key_n),
                           v->member[i].key_pos, out);
    }
    if (r < 0)
        return r;
    r = v->type == SCO_IAC_LIST ? iac_list(o->s, &items, span_of(v), ret)
                                : iac_map(o->s, &members, span_of(v), ret, NULL);
    if (r == 0)
        ret->flags |= SCO_IAC_MADE;
    return r;
}

static int refer(struct iac_gitlab_refers *o, const struct sco_iac_node *v, uint32_t level,
                 struct sco_iac_node *ret)
{
    *ret = *v;
    bool any = has_reference(o, v, level);
    if (o->nodes > REFERRED_MAX) {
        if (o->spent)
            return 0;
        o->spent = true;
        return iac_doc_note(o->s, o->doc, "!reference leads to more than %d values", REFERRED_MAX);
    }
    if (!any)
        return 0;
    return is_reference(o->s, v) ? follow(o, v, level, ret) : refer_children(o, v, level, ret);
}

int iac_gitlab_refer(struct iac_gitlab_refers *o, struct sco_iac_node *job)
{
    bool used = false;
    for (size_t i = 0; i < o->s->n_tags && !used; i++)
        used = strcmp(o->s->tags[i], "!reference") == 0;
    if (!used)
        return 0;
    struct sco_iac_node whole = *job;
    return refer(o, &whole, 0, job);
}

/* ---- lists in lists ---- */
static int add_lines(struct iac_items *out, const struct sco_iac_node *list, uint32_t level)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->n; i++) {
        const struct sco_iac_node *v = &list->item[i];
        r = v->type == SCO_IAC_LIST && level < LEVELS_MAX ? add_lines(out, v, level + 1)
                                                          : iac_item(out, *v);
    }
    return r;
}

static bool holds_list(const struct sco_iac_node *v)
{
    for (uint32_t i = 0; sco_iac_is(v, SCO_IAC_LIST) && i < v->n; i++)
        if (v->item[i].type == SCO_IAC_LIST)
            return true;
    return false;
}

static bool is_script(const char *key)
{
    static const char *const scripts[] = {"before_script", "script", "after_script"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(scripts); i++)
        if (strcmp(key, scripts[i]) == 0)
            return true;
    return false;
}

static int flatten(struct sco_iac_set *s, struct sco_iac_node *script)
{
    SCO_AUTO(iac_items) struct iac_items lines = {0};
    struct sco_iac_node flat = {0};
    int r = add_lines(&lines, script, 0);
    if (r == 0)
        r = iac_list(s, &lines, span_of(script), &flat);
    if (r < 0)
        return r;
    flat.flags |= SCO_IAC_MADE;
    *script = flat;
    return 0;
}

int iac_gitlab_flatten(struct sco_iac_set *s, struct sco_iac_node *job)
{
    SCO_AUTO(iac_members) struct iac_members out = {0};
    bool any = false;
    for (uint32_t i = 0; i < job->n; i++)
        any |= is_script(job->member[i].key) && holds_list(&job->member[i].value);
    for (uint32_t i = 0; any && i < job->n; i++) {
        struct sco_iac_member m = job->member[i];
        int r = is_script(m.key) && holds_list(&m.value) ? flatten(s, &m.value) : 0;
        if (r == 0)
            r = iac_member(s, &out, sco_str_make(m.key, m.key_n), m.key_pos, m.value);
        if (r < 0)
            return r;
    }
    if (!any)
        return 0;
    int r = iac_map(s, &out, span_of(job), job, NULL);
    if (r == 0)
        job->flags |= SCO_IAC_MADE;
    return r;
}
