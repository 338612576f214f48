/* Which policies: by id and alias for people, by selector for resources. */
#include "policy_priv.h"

#include <stdlib.h>

/* ---- ids and aliases ---- */
static int add_name(struct sco_policies *p, struct sco_str name, size_t policy)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    pl_alias_normal(&b, name);
    if (b.failed)
        return SCO_E_NOMEM;
    void **at = sco_map_put(&p->aliases, sco_buf_str(&b), NULL);
    if (!at)
        return SCO_E_NOMEM;
    if (!*at) /* several may claim an alias: the first by id is found by it */
        *at = (void *)(policy + 1);
    return 0;
}

int pl_index_build(struct sco_policies *p)
{
    for (size_t i = 0; i < p->n_policies; i++)
        if (add_name(p, sco_str_c(p->policies[i].id), i) < 0)
            return SCO_E_NOMEM;
    for (size_t i = 0; i < p->n_policies; i++)
        for (const char *const *a = p->policies[i].aliases; *a; a++)
            if (add_name(p, sco_str_c(*a), i) < 0)
                return SCO_E_NOMEM;
    return 0;
}

const struct sco_policy *pl_find_id(const struct sco_policies *p, struct sco_str id)
{
    for (size_t i = 0; i < p->n_policies; i++)
        if (sco_str_is(id, p->policies[i].id))
            return &p->policies[i];
    return NULL;
}

const struct sco_policy *sco_policies_find(const struct sco_policies *p, struct sco_str name)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    pl_alias_normal(&b, name);
    uintptr_t i = b.failed ? 0 : (uintptr_t)sco_map_get(&p->aliases, sco_buf_str(&b));
    return i ? &p->policies[i - 1] : NULL;
}

static bool alias_matches(const char *pattern, const char *name)
{
    SCO_AUTO(sco_buf) struct sco_buf a = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    pl_alias_normal(&a, sco_str_c(pattern));
    pl_alias_normal(&b, sco_str_c(name));
    return sco_glob_match(sco_buf_z(&a), sco_buf_str(&b));
}

static bool policy_matches(const struct sco_policy *policy, const char *pattern)
{
    if (sco_glob_match(pattern, sco_str_c(policy->id)))
        return true;
    for (const char *const *a = policy->aliases; *a; a++)
        if (alias_matches(pattern, *a))
            return true;
    return false;
}

static int no_such_policy(const struct sco_policies *p, const char *name, struct sco_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_policies; i++, n++)
        for (const char *const *a = p->policies[i].aliases; *a; a++)
            n++;
    SCO_AUTO(sco_free) const char **names = sco_alloc(n ? n : 1, sizeof *names);
    if (!names)
        return sco_error_nomem(err);
    n = 0;
    for (size_t i = 0; i < p->n_policies; i++) {
        names[n++] = p->policies[i].id;
        for (const char *const *a = p->policies[i].aliases; *a; a++)
            names[n++] = *a;
    }
    const char *near = sco_str_nearest(sco_str_c(name), names, n);
    if (near)
        return sco_error_set(err, SCO_E_INVALID, "no policy '%s': did you mean '%s'?", name, near);
    return sco_error_set(err, SCO_E_INVALID, "no policy '%s'", name);
}

/* Marks the policies that each of the patterns names; a pattern that names none is an error. */
static int mark(const struct sco_policies *p, const char *const *patterns, bool *marks,
                struct sco_error *err)
{
    for (; patterns && *patterns; patterns++) {
        bool any = false;
        for (size_t i = 0; i < p->n_policies; i++) {
            if (policy_matches(&p->policies[i], *patterns))
                any = marks[i] = true;
        }
        if (!any)
            return no_such_policy(p, *patterns, err);
    }
    return 0;
}

/* ---- frameworks ---- */
static const struct sco_framework *find_framework(const struct sco_policies *p, struct sco_str id,
                                                  struct sco_error *err)
{
    const char *names[256];
    size_t n = 0;
    for (size_t i = 0; i < p->n_frameworks; i++) {
        if (sco_str_is(id, p->frameworks[i].id))
            return &p->frameworks[i];
        if (n < SCO_ARRAY_LEN(names))
            names[n++] = p->frameworks[i].id;
    }
    const char *near = sco_str_nearest(id, names, n);
    if (near)
        sco_error_set(err, SCO_E_INVALID, "no framework '%.*s': did you mean '%s'?", (int)id.n,
                      id.p, near);
    else
        sco_error_set(err, SCO_E_INVALID, "no framework '%.*s'", (int)id.n, id.p);
    return NULL;
}

/* Gives policy i the version of the framework. Two that want different ones of it have no common
 * answer: neither is dropped in silence. */
static int set_version(struct sco_policies *p, size_t i, const struct sco_framework *f,
                       const char *name, const char **named, struct sco_error *err)
{
    const char *version = strchr(name, '@') + 1;
    if (!sco_iac_get(p->entries[i].params, f->version_param))
        return 0;
    if (named[i] && strcmp(strchr(named[i], '@') + 1, version) != 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s and %s ask for different versions of policy '%s': choose one",
                             named[i], name, p->policies[i].id);
    named[i] = name;
    p->versioned = true;
    return pl_params_version(p, i, f->version_param, version, err);
}

/* "ID" or "ID@VERSION": marks its policies, and gives them the version. */
static int mark_framework(struct sco_policies *p, const char *name, bool *marks, const char **named,
                          struct sco_error *err)
{
    const char *at = strchr(name, '@');
    struct sco_str id = at ? sco_str_make(name, (size_t)(at - name)) : sco_str_c(name);
    const struct sco_framework *f = find_framework(p, id, err);
    if (!f)
        return SCO_E_INVALID;
    if (at && !f->version_param)
        return sco_error_set(err, SCO_E_INVALID, "framework '%s' has no versions to choose from",
                             f->id);
    for (size_t c = 0; c < f->n_controls; c++) {
        for (const struct sco_policy *const *x = f->controls[c].policies; *x; x++) {
            size_t i = (size_t)(*x - p->policies);
            int r = at ? set_version(p, i, f, name, named, err) : 0;
            if (r < 0)
                return r;
            marks[i] = true;
        }
    }
    return 0;
}

int sco_policies_select(struct sco_policies *p, const char *const *want,
                        const char *const *frameworks, const char *const *skip, bool only_enabled,
                        struct sco_error *err)
{
    SCO_AUTO(sco_free) bool *marks = sco_alloc(p->n_policies + 1, sizeof *marks);
    SCO_AUTO(sco_free) bool *out = sco_alloc(p->n_policies + 1, sizeof *out);
    SCO_AUTO(sco_free) const char **named = sco_alloc(p->n_policies + 1, sizeof *named);
    if (!marks || !out || !named)
        return sco_error_nomem(err);
    int r = p->versioned ? pl_params_apply(p, p->opt.params, err) : 0; /* of the last selection */
    p->versioned = false;
    if (r == 0)
        r = mark(p, want, marks, err);
    for (; r == 0 && frameworks && *frameworks; frameworks++)
        r = mark_framework(p, *frameworks, marks, named, err);
    if (r == 0)
        r = mark(p, skip, out, err);
    if (r < 0)
        return r;
    bool all = !want && !frameworks;
    for (size_t i = 0; i < p->n_policies; i++)
        p->policies[i].selected =
            !out[i] && (all ? !only_enabled || p->policies[i].enabled : marks[i]);
    sco_map_done(&p->by_selector); /* made again when asked for */
    p->by_selector = (struct sco_map){0};
    return 0;
}

/* ---- selectors ---- */
static bool applies(const struct sco_policy *policy, const struct sco_iac_resource *r)
{
    for (const char *const *a = policy->applies_to; *a; a++)
        for (const char *const *s = r->selectors; *s; s++)
            if (strcmp(*a, *s) == 0)
                return true;
    return false;
}

static const struct pl_hits *make_hits(struct sco_policies *p, const struct sco_iac_resource *r)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_policies; i++)
        n += p->policies[i].selected && applies(&p->policies[i], r);
    struct pl_hits *h = sco_arena_alloc(&p->arena, sizeof *h + n * sizeof h->v[0]);
    if (!h)
        return NULL;
    for (size_t i = 0; i < p->n_policies; i++)
        if (p->policies[i].selected && applies(&p->policies[i], r))
            h->v[h->n++] = (uint32_t)i;
    return h;
}

const struct pl_hits *pl_hits(struct sco_policies *p, const struct sco_iac_resource *r)
{
    char key[512];
    size_t n = 0;
    for (const char *const *s = r->selectors; *s; s++) {
        size_t len = strlen(*s) + 1;
        if (n + len > sizeof key)
            return make_hits(p, r); /* longer than any that we make */
        memcpy(key + n, *s, len);
        n += len;
    }
    struct pl_hits *h = sco_map_get(&p->by_selector, sco_str_make(key, n));
    if (h)
        return h;
    const struct pl_hits *made = make_hits(p, r);
    void **at = made ? sco_map_put(&p->by_selector, sco_str_make(key, n), NULL) : NULL;
    if (at)
        *at = (void *)made;
    return at ? made : NULL;
}
