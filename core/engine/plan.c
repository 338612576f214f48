/* Planning: which scanner applies to which target, which is missing, and why not. */
#include "engine_priv.h"

enum { FILES_MAX = 10000 }; /* matched files handed to a scanner, as plugin.h promises */

struct matches {
    const char **files;
    size_t n, cap, total;
};

struct detection {
    const struct sco_plugins *plugins;
    struct matches *m; /* one per plugin */
    struct sco_arena *arena;
};

const struct sco_plugin_info *plugins_find(const struct sco_plugins *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i].name, name) == 0)
            return &p->v[i];
    return NULL;
}

static bool in_list(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static int check_names(const struct sco_plugins *p, const char *const *list, const char *option,
                       struct sco_error *err)
{
    for (; list && *list; list++) {
        if (plugins_find(p, *list))
            continue;
        const char *names[256], *near;
        size_t n = 0;
        for (; n < p->n && n < SCO_ARRAY_LEN(names); n++)
            names[n] = p->v[n].name;
        near = sco_str_nearest(sco_str_c(*list), names, n);
        return sco_error_set(
            err, SCO_E_INVALID,
            "%s: there is no scanner \"%s\"%s%s%s; \"secureops plugin list\" shows them", option,
            *list, near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return 0;
}

/* ---- detection ---- */
static int on_file(void *user, struct sco_str path)
{
    struct detection *d = user;
    const char *kept = NULL;
    for (size_t i = 0; i < d->plugins->n; i++) {
        const char *const *g = d->plugins->v[i].scanner.detect;
        while (g && *g && !sco_glob_match_file(*g, path))
            g++;
        if (!g || !*g)
            continue;
        struct matches *m = &d->m[i];
        m->total++;
        if (m->n >= FILES_MAX && !(d->plugins->v[i].scanner.flags & SCO_SCANNER_ALL_FILES))
            continue;
        if (!kept && !(kept = sco_arena_cstr(d->arena, path)))
            return SCO_E_NOMEM;
        if (SCO_VEC_PUSH(m->files, m->n, m->cap) < 0)
            return SCO_E_NOMEM;
        m->files[m->n++] = kept;
    }
    return 0;
}

uint32_t plan_kind(const struct sco_plugin_info *p, const struct sco_target *t)
{
    static const uint32_t order[] = {SCO_TARGET_DIRECTORY, SCO_TARGET_GIT,   SCO_TARGET_SBOM,
                                     SCO_TARGET_PLAN,      SCO_TARGET_IMAGE, SCO_TARGET_URL,
                                     SCO_TARGET_FILE};
    for (size_t i = 0; i < SCO_ARRAY_LEN(order); i++)
        if (p->scanner.targets & t->kinds & order[i])
            return order[i];
    return 0;
}

static bool single_file_matches(const struct sco_plugin_info *p, const struct sco_target *t)
{
    const char *const *g = p->scanner.detect;
    if (!g || t->kinds & (SCO_TARGET_SBOM | SCO_TARGET_PLAN | SCO_TARGET_IMAGE))
        return true;
    while (*g && !sco_glob_match_file(*g, sco_path_base(sco_str_c(t->path))))
        g++;
    return *g != NULL;
}

/* ---- one item ---- */
struct decision {
    struct sco_engine *e;
    struct sco_plan *plan;
    struct sco_plan_item *item;
    const struct sco_target *target;
    const struct matches *matches;
};

static bool leave(struct sco_plan_item *it, enum sco_plan_action action, const char *reason)
{
    it->action = action;
    it->reason = reason;
    return true;
}

/* Reasons that have nothing to do with what is in the target. */
static bool decide_by_wish(struct decision *d, bool *ret_listed)
{
    const struct sco_engine_options *o = &d->e->o;
    struct sco_plan_item *it = d->item;
    const struct sco_plugin_info *p = it->plugin;
    int wanted = o->scanner_wanted ? o->scanner_wanted(o->user, p->name) : 0;
    bool sbom = sbom_is_wanted(d->e, p);
    it->named = in_list(o->scanners, p->name) || wanted > 0 || (sbom && o->sbom);
    it->required = in_list(o->require, p->name) || it->named;
    *ret_listed = true;
    if (o->scanners && !in_list(o->scanners, p->name) && !in_list(o->require, p->name) && !sbom) {
        *ret_listed = false;
        return true;
    }
    if (in_list(o->skip, p->name)) {
        it->required = false;
        return leave(it, SCO_PLAN_SKIP, "left out by --skip");
    }
    if (wanted < 0 && !in_list(o->scanners, p->name) && !in_list(o->require, p->name))
        return leave(it, SCO_PLAN_SKIP, "switched off in the configuration");
    if (p->error)
        return leave(it, SCO_PLAN_MISSING, p->error);
    if (it->required && !o->sbom_file && strcmp(p->name, SBOM_PLUGIN) == 0)
        return leave(it, SCO_PLAN_SKIP, "it is not known where to: --sbom PATH");
    if (p->scanner.flags & SCO_SCANNER_EXPLICIT && !it->named && !it->required && !sbom) {
        *ret_listed = false;
        return true;
    }
    return false;
}

static bool decide_by_content(struct decision *d, bool *ret_listed)
{
    struct sco_plan_item *it = d->item;
    const struct sco_plugin_info *p = it->plugin;
    uint32_t kind = plan_kind(p, d->target);
    if (!kind) {
        *ret_listed = it->required;
        return leave(it, SCO_PLAN_SKIP, "does not take a target of this kind");
    }
    bool tree = kind & (SCO_TARGET_DIRECTORY | SCO_TARGET_GIT);
    if (tree && p->scanner.detect) {
        if (!d->matches->total) {
            it->nothing = true;
            return leave(it, SCO_PLAN_SKIP, "no file that it looks at");
        }
        it->files = d->matches->files;
        it->n_files = d->matches->n;
        it->reason = sco_arena_fmt(&d->plan->arena, "%zu file%s", d->matches->total,
                                   d->matches->total == 1 ? "" : "s");
    } else if (tree && !d->target->n_files &&
               !(p->scanner.targets & d->target->kinds & SCO_TARGET_GIT)) {
        it->nothing = !d->target->left_out;
        return leave(it, SCO_PLAN_SKIP,
                     d->target->left_out ? "every file is left out" : "the folder is empty");
    } else if (!tree && !single_file_matches(p, d->target)) {
        *ret_listed = it->required;
        return leave(it, SCO_PLAN_SKIP, "not a file that it looks at");
    }
    return false;
}

static void decide(struct decision *d, bool *ret_listed)
{
    struct sco_plan_item *it = d->item;
    const struct sco_plugin_info *p = it->plugin;
    if (decide_by_wish(d, ret_listed) || decide_by_content(d, ret_listed))
        return;
    if (d->e->o.offline && p->scanner.flags & SCO_SCANNER_NETWORK)
        leave(it, SCO_PLAN_SKIP, "needs the network, and --offline is set");
    else if (p->scanner.programs && !p->program)
        leave(it, SCO_PLAN_MISSING,
              strcmp(p->name, SBOM_PLUGIN) == 0
                  ? "no SBOM, as no program that makes one is installed"
                  : sco_arena_fmt(&d->plan->arena, "%s is not installed", p->scanner.programs[0]));
    else
        it->action = SCO_PLAN_RUN;
}

/* ---- a target ---- */
static int detect(struct sco_engine *e, struct sco_plan *plan, struct sco_target *t,
                  struct matches *m, struct sco_error *err)
{
    if (!(t->kinds & SCO_TARGET_DIRECTORY))
        return 0;
    struct tree_options o = {
        .include_ignored = e->o.include_ignored, .excludes = e->o.excludes, .stop = &e->cancels};
    struct detection d = {.plugins = &e->plugins, .m = m, .arena = &plan->arena};
    int r = tree_walk(t, &o, &plan->arena, on_file, &d, err);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

static int keep_matches(struct sco_plan *plan, struct matches *m, size_t n, struct sco_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const char **kept = sco_arena_alloc(&plan->arena, (m[i].n + 1) * sizeof *kept);
        if (!kept)
            return sco_error_nomem(err);
        if (m[i].n)
            memcpy(kept, m[i].files, m[i].n * sizeof *kept);
        free(m[i].files);
        m[i].files = kept;
        m[i].cap = 0;
    }
    return 0;
}

static int plan_target(struct sco_engine *e, struct sco_plan *plan, size_t at,
                       struct sco_error *err)
{
    size_t n = e->plugins.n;
    struct matches *m = sco_alloc(n, sizeof *m);
    if (!m)
        return sco_error_nomem(err);
    int r = detect(e, plan, &plan->targets[at], m, err);
    if (r == 0)
        r = keep_matches(plan, m, n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct sco_plan_item *it = &plan->items[plan->n_items];
        bool listed = true;
        *it = (struct sco_plan_item){.plugin = &e->plugins.v[i], .target = at};
        struct decision d = {
            .e = e, .plan = plan, .item = it, .target = &plan->targets[at], .matches = &m[i]};
        decide(&d, &listed);
        plan->n_items += listed;
    }
    for (size_t i = 0; i < n; i++)
        if (m[i].cap)
            free(m[i].files);
    free(m);
    return r;
}

/* A scanner that was asked for and has nothing to do with one target has done what was asked when
 * another target is its own. */
static void relax_required(struct sco_plan *plan)
{
    for (size_t i = 0; i < plan->n_items; i++) {
        struct sco_plan_item *it = &plan->items[i];
        if (!it->required || it->action != SCO_PLAN_SKIP)
            continue;
        for (size_t k = 0; k < plan->n_items && it->required; k++)
            it->required =
                plan->items[k].plugin != it->plugin || plan->items[k].action == SCO_PLAN_SKIP;
    }
}

static int make_plan(struct sco_engine *e, const char *const *targets, size_t n,
                     struct sco_plan *plan, struct sco_error *err)
{
    static const char *const sbom[] = {SBOM_PLUGIN, NULL};
    const struct sco_plugins *plugins;
    int r = sco_engine_plugins(e, &plugins, err);
    if (r < 0)
        return r;
    if ((e->o.sbom || e->o.sbom_auto) && n != 1) /* which one would it be? */
        return sco_error_set(err, SCO_E_INVALID, "--sbom is for one target");
    if ((r = check_names(plugins, e->o.scanners, "--scanners", err)) < 0 ||
        (r = check_names(plugins, e->o.skip, "--skip", err)) < 0 ||
        (r = check_names(plugins, e->o.require, "--require", err)) < 0 ||
        (e->o.sbom && (r = check_names(plugins, sbom, "--sbom", err)) < 0))
        return r;
    plan->targets = sco_arena_alloc(&plan->arena, n * sizeof *plan->targets);
    plan->items = sco_arena_alloc(&plan->arena, n * plugins->n * sizeof *plan->items);
    if (!plan->targets || !plan->items)
        return sco_error_nomem(err);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = target_resolve(targets[i], &plan->arena, &plan->targets[i], err);
        plan->n_targets += r == 0;
        if (r == 0)
            r = plan_target(e, plan, i, err);
    }
    relax_required(plan);
    return r;
}

int sco_engine_plan(struct sco_engine *e, const char *const *targets, size_t n,
                    struct sco_plan **ret, struct sco_error *err)
{
    struct sco_plan *plan = sco_alloc(1, sizeof *plan);
    if (!plan)
        return sco_error_nomem(err);
    int r = make_plan(e, targets, n, plan, err);
    if (r < 0) {
        sco_plan_free(plan);
        return r;
    }
    *ret = plan;
    return 0;
}

struct sco_plan *sco_plan_free(struct sco_plan *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < p->n_targets; i++)
        sco_map_done(&p->targets[i].excluded);
    sco_arena_done(&p->arena);
    free(p);
    return NULL;
}
