/* Compliance frameworks: compliance/ID.yaml of a bundle, and which policies judge their controls.
 */
#include "policy_priv.h"
#include <secureops/yaml.h>

#include <stdlib.h>

struct fw { /* beside each sco_framework while loading */
    const struct pl_file *file;
    const struct sco_yaml *root;
    struct sco_framework_control *own;
    size_t n_own;
    int state; /* 0 not yet, 1 being filled, 2 filled */
};

struct fw_load {
    struct sco_policies *p;
    struct sco_arena trees;
    struct fw *v;
    size_t n, cap;
    struct sco_error *err;
};

/* A problem at a node of the file. */
SCO_PRINTF(4, 5)
static int problem(struct fw_load *l, const struct pl_file *f, const struct sco_yaml *at,
                   const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return pl_problem(l->p, "%s/%s:%u: %s", f->bundle->dir, f->path, at ? at->line : 1, text);
}

static const char *keep(struct fw_load *l, const struct sco_yaml *v)
{
    return v && v->kind == SCO_YAML_SCALAR ? sco_arena_cstr(&l->p->arena, v->text) : NULL;
}

static const struct sco_yaml *get(const struct sco_yaml *v, const char *key)
{
    return sco_yaml_get(v, sco_str_c(key));
}

/* Unknown members of a map are problems. */
static int check_keys(struct fw_load *l, const struct pl_file *f, const struct sco_yaml *map,
                      const char *const *names, size_t n)
{
    for (const struct sco_yaml *c = map->child; c; c = c->next) {
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || sco_str_is(c->key->text, names[i]);
        const char *near = known ? NULL : sco_str_nearest(c->key->text, names, n);
        if (!known &&
            problem(l, f, c->key, "unknown field '%s'%s%s%s", c->key->text.p,
                    near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "") < 0)
            return SCO_E_NOMEM;
    }
    return 0;
}

/* A list of texts, NULL-terminated; empty when there is none. */
static int read_list(struct fw_load *l, const struct pl_file *f, const struct sco_yaml *control,
                     const char *name, const char *const **ret)
{
    size_t n = 0;
    const struct sco_yaml *list = get(control, name);
    if (list && list->kind != SCO_YAML_LIST)
        return problem(l, f, list, "'%s' is %s, not a list", name, sco_yaml_kind_name(list));
    const char **v = sco_arena_alloc(&l->p->arena, ((list ? list->n : 0) + 1) * sizeof *v);
    if (!v)
        return SCO_E_NOMEM;
    for (const struct sco_yaml *c = list ? list->child : NULL; c; c = c->next) {
        v[n] = keep(l, c);
        if (v[n])
            n++;
        else if (problem(l, f, c, "'%s' has %s in it, not text", name, sco_yaml_kind_name(c)) < 0)
            return SCO_E_NOMEM;
    }
    *ret = v;
    return 0;
}

static int read_control(struct fw_load *l, struct fw *fw, const struct sco_yaml *c)
{
    static const char *const names[] = {"id",    "title",    "description",
                                        "facts", "policies", "manual"};
    if (c->kind != SCO_YAML_MAP)
        return problem(l, fw->file, c, "a control is %s, not a map", sco_yaml_kind_name(c));
    int r = check_keys(l, fw->file, c, names, SCO_ARRAY_LEN(names));
    struct sco_framework_control *x = &fw->own[fw->n_own];
    *x = (struct sco_framework_control){.id = keep(l, get(c, "id")),
                                        .title = keep(l, get(c, "title")),
                                        .description = keep(l, get(c, "description"))};
    if (r < 0 || !x->id || !x->title)
        return r < 0 ? r : problem(l, fw->file, c, "a control needs 'id' and 'title'");
    const struct sco_yaml *manual = get(c, "manual");
    if (manual && sco_parse_bool(manual->text, &x->manual) < 0)
        return problem(l, fw->file, manual, "'manual' is neither true nor false");
    for (size_t i = 0; i < fw->n_own; i++)
        if (strcmp(fw->own[i].id, x->id) == 0)
            return problem(l, fw->file, c, "control '%s' is there twice", x->id);
    r = read_list(l, fw->file, c, "facts", &x->facts);
    if (r == 0)
        r = read_list(l, fw->file, c, "policies", &x->named);
    fw->n_own++;
    return r;
}

/* Fills framework and fw of one file; a problem leaves it out. */
static int read_framework(struct fw_load *l, const struct pl_file *f)
{
    static const char *const names[] = {"id",       "title",         "version", "description",
                                        "includes", "version_param", "links",   "controls"};
    struct fw fw = {.file = f};
    struct sco_error why = {0};
    int r = sco_yaml_parse(f->text, f->path, 0, &l->trees, &fw.root, &why);
    if (r < 0)
        return r == SCO_E_NOMEM ? r : pl_problem(l->p, "%s/%s", f->bundle->dir, why.text);
    if (!fw.root || fw.root->kind != SCO_YAML_MAP)
        return problem(l, f, fw.root, "a framework is a map with id, title and controls");
    r = check_keys(l, f, fw.root, names, SCO_ARRAY_LEN(names));
    struct sco_framework x = {.id = keep(l, get(fw.root, "id")),
                              .title = keep(l, get(fw.root, "title")),
                              .version = keep(l, get(fw.root, "version")),
                              .version_param = keep(l, get(fw.root, "version_param")),
                              .file_path = f->path};
    if (r < 0)
        return r;
    if (!x.id || !x.title)
        return problem(l, f, fw.root, "a framework needs 'id' and 'title'");
    for (size_t i = 0; i < l->p->n_frameworks; i++)
        if (strcmp(l->p->frameworks[i].id, x.id) == 0)
            return problem(l, f, fw.root, "framework '%s' is also in %s", x.id,
                           l->p->frameworks[i].file_path);
    const struct sco_yaml *controls = get(fw.root, "controls");
    if (controls && controls->kind != SCO_YAML_LIST)
        return problem(l, f, controls, "'controls' is %s, not a list",
                       sco_yaml_kind_name(controls));
    fw.own = sco_arena_alloc(&l->p->arena, ((controls ? controls->n : 0) + 1) * sizeof *fw.own);
    if (!fw.own)
        return SCO_E_NOMEM;
    for (const struct sco_yaml *c = controls ? controls->child : NULL; r == 0 && c; c = c->next)
        r = read_control(l, &fw, c);
    if (r < 0)
        return r;
    if (SCO_VEC_PUSH(l->v, l->n, l->cap) < 0 ||
        SCO_VEC_PUSH(l->p->frameworks, l->n, l->p->cap_frameworks) < 0)
        return SCO_E_NOMEM;
    l->p->frameworks[l->n] = x;
    l->v[l->n++] = fw;
    l->p->n_frameworks = l->n;
    return 0;
}

/* ---- included frameworks ---- */
static size_t find(const struct fw_load *l, struct sco_str id)
{
    size_t i = 0;
    while (i < l->n && !sco_str_is(id, l->p->frameworks[i].id))
        i++;
    return i;
}

static int fill(struct fw_load *l, size_t i);

static const struct sco_framework_control *find_control(const struct sco_framework_control *v,
                                                        size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].id, id) == 0)
            return &v[i];
    return NULL;
}

/* Appends the controls of framework `from`, those of the same id left out. */
static int include(struct fw_load *l, struct sco_framework_control **v, size_t *n, size_t from)
{
    const struct sco_framework *f = &l->p->frameworks[from];
    struct sco_framework_control *all =
        sco_arena_alloc(&l->p->arena, (*n + f->n_controls + 1) * sizeof *all);
    if (!all)
        return SCO_E_NOMEM;
    if (*n)
        memcpy(all, *v, *n * sizeof *all);
    for (size_t k = 0; k < f->n_controls; k++)
        if (!find_control(all, *n, f->controls[k].id))
            all[(*n)++] = f->controls[k];
    *v = all;
    return 0;
}

static int fill(struct fw_load *l, size_t i)
{
    struct fw *fw = &l->v[i];
    if (fw->state)
        return 0;
    fw->state = 1;
    struct sco_framework_control *v = fw->own;
    size_t n = fw->n_own;
    const struct sco_yaml *includes = get(fw->root, "includes");
    int r = 0;
    if (includes && includes->kind != SCO_YAML_LIST)
        r = problem(l, fw->file, includes, "'includes' is %s, not a list",
                    sco_yaml_kind_name(includes));
    for (const struct sco_yaml *c = includes ? includes->child : NULL; r == 0 && c; c = c->next) {
        size_t other = c->kind == SCO_YAML_SCALAR ? find(l, c->text) : l->n;
        if (other == l->n) {
            r = problem(l, fw->file, c, "includes '%s': no such framework",
                        c->kind == SCO_YAML_SCALAR ? c->text.p : sco_yaml_kind_name(c));
            continue;
        }
        if (l->v[other].state == 1) { /* its controls are not all known yet: some would be lost */
            r = problem(l, fw->file, c, "includes '%s', which includes this one", c->text.p);
            continue;
        }
        r = fill(l, other);
        if (r == 0)
            r = include(l, &v, &n, other);
    }
    l->p->frameworks[i].controls = v;
    l->p->frameworks[i].n_controls = n;
    fw->state = 2;
    return r;
}

static int by_id(const void *x, const void *y)
{
    const struct sco_framework *a = x, *b = y;
    return strcmp(a->id, b->id);
}

int pl_frameworks_load(struct sco_policies *p, struct sco_error *err)
{
    struct fw_load l = {.p = p, .err = err};
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n_bundles; i++)
        for (size_t k = 0; r == 0 && k < p->bundles[i].n; k++)
            if (p->bundles[i].files[k]->kind == PL_FILE_FRAMEWORK)
                r = read_framework(&l, p->bundles[i].files[k]);
    for (size_t i = 0; r == 0 && i < l.n; i++)
        r = fill(&l, i);
    sco_arena_done(&l.trees);
    free(l.v);
    if (r == 0 && p->n_frameworks)
        qsort(p->frameworks, p->n_frameworks, sizeof *p->frameworks, by_id);
    return r < 0 ? sco_error_nomem(err) : 0;
}

/* ---- policies of controls ---- */
/* A control that a framework includes is the same control: they share the text of the title, which
 * stands for it below. A policy that names it in one framework judges it in all. */
struct judge {
    const struct sco_policy *policy;
    struct judge *next;
};
struct judges {
    struct judge *first, *last;
    size_t n;
};
struct link {
    struct sco_policies *p;
    struct sco_arena arena;
    struct sco_map controls; /* "framework\ncontrol" to title */
    struct sco_map judges;   /* title to struct judges */
    struct sco_buf key;
};

static struct sco_str control_key(struct link *l, const char *framework, const char *control)
{
    sco_buf_clear(&l->key);
    sco_buf_addf(&l->key, "%s\n%s", framework, control);
    return sco_buf_str(&l->key);
}

static int index_controls(struct link *l)
{
    for (size_t i = 0; i < l->p->n_frameworks; i++) {
        const struct sco_framework *f = &l->p->frameworks[i];
        for (size_t k = 0; k < f->n_controls; k++) {
            struct sco_str key = control_key(l, f->id, f->controls[k].id);
            void **at = l->key.failed ? NULL : sco_map_put(&l->controls, key, NULL);
            if (!at)
                return SCO_E_NOMEM;
            *at = (void *)f->controls[k].title;
        }
    }
    return 0;
}

/* The framework or control that a policy names does not exist: a problem. */
static int no_such_control(struct link *l, const struct sco_policy *policy,
                           const struct sco_policy_control *named)
{
    const char *names[1024];
    size_t n = 0;
    const char *what = "framework", *word = named->framework;
    for (size_t i = 0; i < l->p->n_frameworks && n < SCO_ARRAY_LEN(names); i++) {
        const struct sco_framework *f = &l->p->frameworks[i];
        if (strcmp(f->id, named->framework) != 0) {
            names[n++] = f->id;
            continue;
        }
        what = "control";
        word = named->control;
        for (n = 0; n < f->n_controls && n < SCO_ARRAY_LEN(names); n++)
            names[n] = f->controls[n].id;
        break;
    }
    const char *near = sco_str_nearest(sco_str_c(word), names, n);
    return pl_problem(l->p, "%s/%s:%u: policy '%s': no %s '%s'%s%s%s%s%s", policy->bundle,
                      policy->file_path, policy->line, policy->id, what, word,
                      what[0] == 'c' ? " in " : "", what[0] == 'c' ? named->framework : "",
                      near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static struct sco_str title_key(const char *const *title)
{
    return sco_str_make((const char *)title, sizeof *title);
}

static int add_judge(struct link *l, const char *title, const struct sco_policy *policy)
{
    void **at = sco_map_put(&l->judges, title_key(&title), NULL);
    struct judges *v = at && *at ? *at : sco_arena_alloc(&l->arena, sizeof *v);
    struct judge *j = sco_arena_alloc(&l->arena, sizeof *j);
    if (!at || !v || !j)
        return SCO_E_NOMEM;
    *at = v;
    for (const struct judge *old = v->first; old; old = old->next)
        if (old->policy == policy)
            return 0;
    j->policy = policy;
    if (v->last)
        v->last->next = j;
    else
        v->first = j;
    v->last = j;
    v->n++;
    return 0;
}

static int add_control(struct link *l, struct sco_policy *x, const char *framework,
                       const char *control)
{
    struct sco_policy_control *v = sco_arena_alloc(&l->p->arena, (x->n_controls + 1) * sizeof *v);
    if (!v)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < x->n_controls; i++) {
        v[i] = x->controls[i];
        if (strcmp(v[i].framework, framework) == 0 && strcmp(v[i].control, control) == 0)
            return 0;
    }
    v[x->n_controls] = (struct sco_policy_control){framework, control};
    x->controls = v;
    x->n_controls++;
    return 0;
}

/* What the frameworks name becomes what the policies name. */
static int name_controls(struct link *l, const struct sco_framework *f,
                         const struct sco_framework_control *c)
{
    for (const char *const *name = c->named; name && *name; name++) {
        bool any = false;
        for (size_t i = 0; i < l->p->n_policies; i++) {
            struct sco_policy *x = &l->p->policies[i];
            if (!sco_glob_match(*name, sco_str_c(x->id)))
                continue;
            any = true;
            if (add_control(l, x, f->id, c->id) < 0)
                return SCO_E_NOMEM;
        }
        if (!any && pl_problem(l->p, "%s: control '%s': no policy is called '%s'", f->file_path,
                               c->id, *name) < 0)
            return SCO_E_NOMEM;
    }
    return 0;
}

static int index_policies(struct link *l)
{
    for (size_t i = 0; i < l->p->n_policies; i++) {
        const struct sco_policy *x = &l->p->policies[i];
        for (size_t k = 0; k < x->n_controls; k++) {
            const struct sco_policy_control *c = &x->controls[k];
            const char *title = sco_map_get(&l->controls, control_key(l, c->framework, c->control));
            int r = l->key.failed ? SCO_E_NOMEM
                    : title       ? add_judge(l, title, x)
                                  : no_such_control(l, x, c);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int fill_policies(struct link *l, struct sco_framework *f)
{
    struct sco_arena *a = &l->p->arena;
    struct sco_framework_control *own = sco_arena_alloc(a, (f->n_controls + 1) * sizeof *own);
    if (!own)
        return SCO_E_NOMEM;
    for (size_t k = 0; k < f->n_controls; k++) {
        own[k] = f->controls[k];
        const struct judges *v = sco_map_get(&l->judges, title_key(&own[k].title));
        const struct sco_policy **list = sco_arena_alloc(a, ((v ? v->n : 0) + 1) * sizeof *list);
        if (!list)
            return SCO_E_NOMEM;
        own[k].policies = list;
        for (const struct judge *j = v ? v->first : NULL; j; j = j->next)
            *list++ = j->policy;
    }
    f->controls = own;
    return 0;
}

int pl_frameworks_link(struct sco_policies *p, struct sco_error *err)
{
    struct link l = {.p = p};
    int r = index_controls(&l);
    for (size_t i = 0; r == 0 && i < p->n_frameworks; i++)
        for (size_t k = 0; r == 0 && k < p->frameworks[i].n_controls; k++)
            r = name_controls(&l, &p->frameworks[i], &p->frameworks[i].controls[k]);
    if (r == 0)
        r = index_policies(&l);
    for (size_t i = 0; r == 0 && i < p->n_frameworks; i++)
        r = fill_policies(&l, &p->frameworks[i]);
    sco_map_done(&l.controls);
    sco_map_done(&l.judges);
    sco_buf_done(&l.key);
    sco_arena_done(&l.arena);
    return r < 0 ? sco_error_nomem(err) : 0;
}
