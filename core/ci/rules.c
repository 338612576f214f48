/* From an event to what is to be done about it. */
#include <secureops/ci.h>

#include <stdlib.h>

enum { PRIORITY_PUSH = 5, PRIORITY_PULL_REQUEST = 7, PRIORITY_TAG = 4 };

struct rule {
    struct sco_config_rule c; /* texts and lists in the arena */
    uint32_t on;              /* bits 1 << enum sco_ci_kind */
    struct sco_str scan;
    const char *const *steps;
    bool publish;
};

struct sco_ci_rules {
    struct rule *v;
    size_t n;
    struct sco_arena arena;
};

/* ---- the configuration ---- */
/* What is done where nothing is configured. */
static const struct sco_str on_code[] = {{"push", 4},         {"tag", 3},     {"pull_request", 12},
                                         {"merge_group", 11}, {"release", 7}, {"manual", 6}};
static const struct sco_str steps_auto[] = {{"auto", 4}};
static const struct sco_config_rule defaults[] = {{.name = {"default", 7},
                                                   .on = {on_code, SCO_ARRAY_LEN(on_code)},
                                                   .forks = {"true", 4},
                                                   .drafts = 1,
                                                   .scan = 1,
                                                   .diff = {"auto", 4},
                                                   .sbom = {"auto", 4},
                                                   .publish = {steps_auto, 1},
                                                   .priority = -1,
                                                   .origin = "default"}};

static struct sco_str copy_text(struct sco_arena *a, struct sco_str s, bool *ok)
{
    const char *z = s.p ? sco_arena_cstr(a, s) : NULL;
    *ok &= !s.p || z;
    return sco_str_c(z);
}

static void copy_list(struct sco_arena *a, struct sco_str_list *l, bool *ok)
{
    struct sco_str *v = sco_arena_alloc(a, (l->n + 1) * sizeof *v);
    for (size_t i = 0; v && i < l->n; i++)
        v[i] = copy_text(a, l->v[i], ok);
    *ok &= v != NULL;
    l->v = v;
}

static bool copy_rule(struct sco_arena *a, struct sco_config_rule *c)
{
    struct sco_str_list *const lists[] = {
        &c->on,     &c->integrations, &c->repositories, &c->branches,  &c->actions,
        &c->actors, &c->paths,        &c->publish,      &c->types,     &c->scanners,
        &c->skip,   &c->frameworks,   &c->gates,        &c->workflows, &c->pipelines};
    struct sco_str *const texts[] = {&c->name, &c->forks,   &c->diff,
                                     &c->sbom, &c->fail_on, &c->path};
    bool ok = true;
    for (size_t i = 0; i < SCO_ARRAY_LEN(lists); i++)
        copy_list(a, lists[i], &ok);
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        *texts[i] = copy_text(a, *texts[i], &ok);
    c->origin = sco_arena_cstr(a, sco_str_c(c->origin));
    return ok && c->origin;
}

static void write_list(struct sco_json_out *o, const char *key, struct sco_str_list l)
{
    if (!l.n)
        return;
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    for (size_t i = 0; i < l.n; i++)
        sco_json_str(o, l.v[i]);
    sco_json_end(o, ']');
}

/* The members of a scan request that the rule says. */
static int write_scan(const struct sco_config_rule *c, struct sco_arena *a, struct sco_str *ret,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    write_list(&o, "types", c->types);
    write_list(&o, "scanners", c->scanners);
    write_list(&o, "skip", c->skip);
    write_list(&o, "frameworks", c->frameworks);
    write_list(&o, "gates", c->gates);
    if (c->fail_on.n)
        sco_json_kstr(&o, "fail_on", c->fail_on);
    if (c->path.n)
        sco_json_kstr(&o, "path", c->path);
    sco_json_end(&o, '}');
    int r = sco_buf_check(&b, err);
    *ret = r == 0 ? sco_arena_str(a, sco_buf_str(&b)) : (struct sco_str){NULL, 0};
    return r == 0 && !ret->p ? sco_error_nomem(err) : r;
}

static int take_steps(struct rule *r, struct sco_arena *a, struct sco_error *err)
{
    size_t n = 0;
    const char **v = sco_arena_alloc(a, (r->c.publish.n + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    r->publish = r->c.publish.n > 0;
    for (size_t i = 0; i < r->c.publish.n; i++)
        if (!sco_str_is(r->c.publish.v[i], "auto"))
            v[n++] = r->c.publish.v[i].p;
    r->steps = n && n == r->c.publish.n ? v : NULL; /* with auto among them: the best */
    return 0;
}

static uint32_t kinds(struct sco_str_list on)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < on.n; i++)
        for (uint32_t k = 0; k < SCO_CI_KIND_MAX_; k++)
            if (sco_str_is(on.v[i], sco_ci_kind_name((enum sco_ci_kind)k)))
                bits |= 1u << k;
    return bits;
}

int sco_ci_rules_new(const struct sco_config *c, struct sco_ci_rules **ret, struct sco_error *err)
{
    const struct sco_config_rule *from = c->rules_given ? c->rules : defaults;
    size_t n = c->rules_given ? c->n_rules : SCO_ARRAY_LEN(defaults);
    struct sco_ci_rules *r = sco_alloc(1, sizeof *r);
    int e = 0;
    if (!r || !(r->v = sco_arena_alloc(&r->arena, (n + 1) * sizeof *r->v))) {
        sco_ci_rules_free(r);
        return sco_error_nomem(err);
    }
    for (size_t i = 0; e == 0 && i < n; i++, r->n = i) {
        struct rule *to = &r->v[i];
        to->c = from[i];
        to->on = kinds(from[i].on);
        e = copy_rule(&r->arena, &to->c) ? 0 : sco_error_nomem(err);
        if (e == 0)
            e = write_scan(&to->c, &r->arena, &to->scan, err);
        if (e == 0)
            e = take_steps(to, &r->arena, err);
    }
    if (e < 0) {
        sco_ci_rules_free(r);
        return e;
    }
    *ret = r;
    return 0;
}

struct sco_ci_rules *sco_ci_rules_free(struct sco_ci_rules *r)
{
    if (r) {
        sco_arena_done(&r->arena);
        free(r);
    }
    return NULL;
}

/* ---- conditions ---- */
static bool matches(struct sco_str_list globs, const char *z)
{
    bool any = globs.n == 0;
    for (size_t i = 0; i < globs.n && !any && z; i++)
        any = sco_glob_match(globs.v[i].p, sco_str_c(z));
    return any;
}

/* What the rule's `branches` speak of. */
static const char *branch_of(const struct sco_ci_event *e)
{
    switch (e->kind) {
    case SCO_CI_PULL_REQUEST:
    case SCO_CI_MERGE_GROUP:
        return e->pr_target_branch;
    case SCO_CI_TAG:
    case SCO_CI_RELEASE:
        return e->tag;
    default:
        return e->branch;
    }
}

/* A platform that does not say which branch is the default one is taken at the two usual words. */
static bool is_default(const struct sco_ci_event *e, const char *branch)
{
    if (e->default_branch)
        return strcmp(branch, e->default_branch) == 0;
    return strcmp(branch, "main") == 0 || strcmp(branch, "master") == 0;
}

static bool branch_matches(struct sco_str_list globs, const struct sco_ci_event *e)
{
    const char *branch = branch_of(e);
    bool any = globs.n == 0;
    for (size_t i = 0; i < globs.n && !any && branch; i++)
        any = sco_str_is(globs.v[i], "@default") ? is_default(e, branch)
                                                 : sco_glob_match(globs.v[i].p, sco_str_c(branch));
    return any;
}

/* Unless all files are known and none of them is meant: looked at rather than passed over. */
static bool path_matches(struct sco_str_list globs, const struct sco_ci_event *e)
{
    static const char *const lists[] = {"files.added", "files.modified", "files.removed"};
    bool any = globs.n == 0 || !sco_is(sco_get(e->details, "files"), SCO_NODE_MAP);
    for (size_t k = 0; k < SCO_ARRAY_LEN(lists) && !any; k++)
        SCO_EACH (f, sco_path(e->details, lists[k]))
            for (size_t i = 0; i < globs.n; i++)
                any |= sco_glob_match_file(globs.v[i].p, sco_text(f));
    return any;
}

static bool holds(const struct rule *r, const struct sco_ci_event *e)
{
    const struct sco_config_rule *c = &r->c;
    bool draft = sco_bool(sco_get(e->details, "draft"), 0) != 0;
    if (!(r->on & (1u << e->kind)) || (draft && !c->drafts) ||
        (e->is_fork ? sco_str_is(c->forks, "false") : sco_str_is(c->forks, "only")))
        return false;
    return matches(c->integrations, e->integration) &&
           matches(c->repositories, e->repo_full_name) && branch_matches(c->branches, e) &&
           matches(c->actions, e->action) && matches(c->actors, e->actor) &&
           path_matches(c->paths, e);
}

/* ---- actions ---- */
static bool has_code(const struct sco_ci_event *e)
{
    if (e->is_delete || !e->clone_url)
        return false;
    switch (e->kind) {
    case SCO_CI_PULL_REQUEST: /* one that was merged or closed is looked at by the push */
        return e->status && strcmp(e->status, "open") == 0 && e->commit_sha &&
               sco_bool(sco_get(e->details, "needs_scan"), 1);
    case SCO_CI_RELEASE:
        return e->tag && e->status && strcmp(e->status, "draft") != 0 &&
               !(e->action && strcmp(e->action, "deleted") == 0);
    case SCO_CI_TAG:
        return e->tag != NULL;
    default:
        return e->commit_sha || e->branch;
    }
}

static bool chosen(struct sco_str word, bool automatic)
{
    return sco_str_is(word, "auto") ? automatic : sco_str_is(word, "true");
}

static int32_t priority_of(const struct rule *r, const struct sco_ci_event *e)
{
    if (r->c.priority >= 0)
        return (int32_t)r->c.priority;
    if (e->kind == SCO_CI_PULL_REQUEST || e->kind == SCO_CI_MERGE_GROUP)
        return PRIORITY_PULL_REQUEST;
    return e->kind == SCO_CI_TAG || e->kind == SCO_CI_RELEASE ? PRIORITY_TAG : PRIORITY_PUSH;
}

static struct sco_ci_action scan_of(const struct rule *r, const struct sco_ci_event *e)
{
    bool change = e->kind == SCO_CI_PULL_REQUEST || e->kind == SCO_CI_MERGE_GROUP;
    bool whole = e->kind == SCO_CI_TAG || e->kind == SCO_CI_RELEASE;
    return (struct sco_ci_action){.kind = SCO_CI_ACTION_SCAN,
                                  .scan = r->scan,
                                  .diff = chosen(r->c.diff, change),
                                  .sbom = chosen(r->c.sbom, whole),
                                  .sbom_auto = sco_str_is(r->c.sbom, "auto") && whole,
                                  .path = r->c.path.n ? r->c.path.p : NULL,
                                  .publish = r->publish,
                                  .steps = r->steps,
                                  .timeout_ms = r->c.timeout,
                                  .priority = priority_of(r, e)};
}

static int actions_of(const struct rule *r, const struct sco_ci_event *e, struct sco_arena *arena,
                      struct sco_ci_action **ret, size_t *ret_n, struct sco_error *err)
{
    const struct sco_config_rule *c = &r->c;
    struct sco_ci_action *v =
        sco_arena_alloc(arena, (c->workflows.n + c->pipelines.n + 2) * sizeof *v);
    int32_t priority = priority_of(r, e);
    size_t n = 0;
    if (!v)
        return sco_error_nomem(err);
    if (c->scan && has_code(e))
        v[n++] = scan_of(r, e);
    for (size_t i = 0; i < c->workflows.n; i++)
        v[n++] = (struct sco_ci_action){
            .kind = SCO_CI_ACTION_WORKFLOW, .name = c->workflows.v[i].p, .priority = priority};
    for (size_t i = 0; i < c->pipelines.n; i++)
        v[n++] = (struct sco_ci_action){
            .kind = SCO_CI_ACTION_PIPELINE, .name = c->pipelines.v[i].p, .priority = priority};
    if (c->notify)
        v[n++] = (struct sco_ci_action){.kind = SCO_CI_ACTION_NOTIFY};
    *ret = v;
    *ret_n = n;
    return 0;
}

int sco_ci_rules_apply(const struct sco_ci_rules *r, const struct sco_ci_event *e,
                       struct sco_arena *arena, struct sco_ci_action **ret, size_t *ret_n,
                       const char **ret_rule, struct sco_error *err)
{
    size_t i = 0;
    *ret = NULL;
    *ret_n = 0;
    *ret_rule = NULL;
    while (i < r->n && !holds(&r->v[i], e))
        i++;
    if (i == r->n)
        return 0;
    *ret_rule = r->v[i].c.name.n ? r->v[i].c.name.p : r->v[i].c.origin;
    return actions_of(&r->v[i], e, arena, ret, ret_n, err);
}
