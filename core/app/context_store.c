/* Which store, and what of it a scan is about: repository, branch, scope, the paths it looked at.
 */
#include "cli_priv.h"

#include "sla.h"

#include <pwd.h>
#include <secureops/store_jobs.h>
#include <unistd.h>

/* ---- where ---- */
static int default_path(struct cli *c, const char **ret, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *state = sco_dir_state();
    *ret = state ? sco_arena_fmt(&c->arena, "%s/store.db", state) : NULL;
    return *ret ? 0 : sco_error_nomem(err);
}

static int configured_path(struct cli *c, struct sco_str path, const char **ret,
                           struct sco_error *err)
{
    const char *home = getenv("HOME");
    if (sco_str_is(path, "default"))
        return default_path(c, ret, err);
    if (sco_str_starts(path, "~/") && home && *home)
        *ret = sco_arena_fmt(&c->arena, "%s%s", home, path.p + 1);
    else if (path.p[0] == '/')
        *ret = path.p;
    else
        return sco_error_set(err, SCO_E_INVALID,
                             "store.path: \"%s\" is relative to nothing: write it with / or ~/ at "
                             "its start, or \"default\"",
                             path.p);
    return *ret ? 0 : sco_error_nomem(err);
}

/* *ret NULL: neither the command line nor the configuration speaks of one. */
static int find_where(struct cli *c, const char **ret, struct sco_error *err)
{
    const struct sco_config_store *s = &c->config->store;
    const char *given = c->values[ARG_STORE];
    *ret = NULL;
    if (given && *given) {
        *ret = given;
        return 0;
    }
    if (s->path.n && s->url.n)
        return sco_error_set(err, SCO_E_INVALID,
                             "store.path and store.url are both set: a store is one of them");
    if (s->url.n)
        *ret = s->url.p;
    else if (s->path.n)
        return configured_path(c, s->path, ret, err);
    else if (given)
        return default_path(c, ret, err);
    return 0;
}

int context_where(struct cli *c, const char **ret, struct sco_error *err)
{
    int r = c->config ? 0 : context_load_config(c, err);
    if (r == 0)
        r = find_where(c, ret, err);
    return r == 0 && !*ret ? default_path(c, ret, err) : r;
}

int context_open_store(struct cli *c, bool create, bool any_version, struct sco_store **ret,
                       struct sco_error *err)
{
    struct sco_store_options o = {.create = create, .any_version = any_version};
    int r = context_where(c, &o.where, err);
    if (r == 0)
        r = sco_store_open(&o, ret, err);
    if (r < 0)
        return r;
    sla_apply(*ret, &c->config->sla);
    sco_store_set_attempts(*ret, (uint32_t)c->config->queue.attempts);
    return 0;
}

/* ---- subject ---- */
int context_want_store(struct cli *c, bool import, struct sco_error *err)
{
    const char *where = NULL;
    int r = find_where(c, &where, err);
    if (r < 0)
        return r;
    if (!where) {
        static const int ids[] = {ARG_REPOSITORY, ARG_BRANCH, ARG_SCOPE};
        for (size_t i = 0; i < SCO_ARRAY_LEN(ids); i++)
            if (args_has(c, ids[i]))
                return sco_error_set(err, SCO_E_INVALID,
                                     "--repository, --branch and --scope are for --store");
        return 0;
    }
    if (args_has(c, ARG_REPOSITORY) && !*c->values[ARG_REPOSITORY])
        return sco_error_set(err, SCO_E_INVALID, "--repository wants a name");
    if (import && !args_has(c, ARG_REPOSITORY) && !args_has(c, ARG_ROOT))
        return sco_error_set(err, SCO_E_INVALID,
                             "whose findings are these? To store them, name the checkout that the "
                             "reports are about with --root DIR, or the repository with "
                             "--repository NAME");
    r = context_open_store(c, true, false, &c->store, err);
    return r == 0 && !import ? context_load_frameworks(c, err) : r;
}

/* Paths of a scan with several targets start with the target. */
static bool covers_below(const struct sco_target *t, const char *path, bool *ret)
{
    SCO_AUTO(sco_buf) struct sco_buf prefix = {0};
    struct sco_str given = sco_str_c(t->given);
    if (!(t->kinds & SCO_TARGET_DIRECTORY))
        given.n -= sco_path_base(given).n;
    sco_path_relative(&prefix, given, sco_str_make(NULL, 0));
    if (prefix.n && !sco_str_is(sco_buf_str(&prefix), "."))
        sco_buf_addc(&prefix, '/');
    else
        sco_buf_clear(&prefix);
    if (prefix.failed || strncmp(path, sco_buf_z(&prefix), prefix.n) != 0)
        return false;
    *ret = sco_target_covers(t, path + prefix.n);
    return true;
}

static bool covers(void *user, const char *path)
{
    const struct cli *c = user;
    const struct sco_plan *plan = c->plan;
    const struct sco_target *t = &plan->targets[0];
    size_t n = t->below ? strlen(t->below) : 0;
    if (plan->n_targets == 1 && n)
        return strncmp(path, t->below, n) == 0 && path[n] == '/' &&
               sco_target_covers(t, path + n + 1);
    if (plan->n_targets == 1)
        return sco_target_covers(t, path);
    bool found = false;
    for (size_t i = 0; i < plan->n_targets; i++) {
        bool covered;
        if (!covers_below(&plan->targets[i], path, &covered))
            continue;
        if (!covered)
            return false;
        found = true;
    }
    return found;
}

static const char *here(struct cli *c, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *cwd = sco_fs_realpath(".", err);
    return cwd ? sco_arena_cstr(&c->arena, sco_str_c(cwd)) : NULL;
}

/* A folder of git is known by its origin, so that all its checkouts are one repository; anything
 * else by its place. */
static int find_subject(struct cli *c, const struct sco_scan *scan, struct sco_store_subject *ret,
                        struct sco_error *err)
{
    const struct sco_plan *plan = c->plan;
    struct sco_store_subject s = {.repository = c->values[ARG_REPOSITORY],
                                  .branch = c->values[ARG_BRANCH],
                                  .scope = c->values[ARG_SCOPE],
                                  .user = c,
                                  .lease = c->lease,
                                  .within = c->within,
                                  .attach = context_attach};
    if (!s.repository)
        s.repository = scan->repository ? scan->repository : scan->root;
    if (!s.branch)
        s.branch = scan->branch ? scan->branch : "";
    if (plan) {
        bool file =
            plan->n_targets == 1 && scan->root && !(plan->targets[0].kinds & SCO_TARGET_DIRECTORY);
        s.covers = covers;
        if (plan->n_targets > 1)
            s.scope = scan->target;
        else if (file)
            s.scope = sco_path_base(sco_str_c(plan->targets[0].path)).p;
        if (!s.repository)
            s.repository = plan->n_targets > 1 ? here(c, err) : scan->target;
    } else { /* reports are one way to look at it, scans are another one */
        s.scope = sco_arena_fmt(&c->arena, "import:%s", s.scope ? s.scope : "");
        if (!s.scope)
            return sco_error_nomem(err);
    }
    if (!s.scope)
        s.scope = "";
    *ret = s;
    return s.repository ? 0 : sco_error_nomem(err);
}

int context_recall(void *user, struct sco_scan *scan, struct sco_error *err)
{
    struct cli *c = user;
    struct sco_store_subject s;
    uint64_t n;
    if (!c->store)
        return 0;
    int r = find_subject(c, scan, &s, err);
    return r == 0 ? sco_store_recall(c->store, &s, &scan->findings, sco_now_ms(), &n, err) : r;
}

int context_save_scan(struct cli *c, struct sco_scan *scan, struct sco_error *err)
{
    struct sco_store_subject s;
    int r = find_subject(c, scan, &s, err);
    return r == 0 ? sco_store_save_scan(c->store, &s, scan, err) : r;
}

/* ---- options of the commands ---- */
int context_bits(struct cli *c, int id, const char *option, uint32_t max,
                 const char *(*name)(uint32_t), uint32_t *ret, struct sco_error *err)
{
    const char *names[32];
    struct sco_str rest = sco_buf_str(&c->lists[id]), one;
    *ret = 0;
    if (!args_has(c, id))
        return 0;
    for (uint32_t i = 0; i < max; i++)
        names[i] = name(i) ? name(i) : "";
    while (sco_str_split(&rest, ',', &one)) {
        uint32_t i = 0;
        one = sco_str_trim(one);
        if (sco_str_is_nocase(one, "all")) {
            *ret = (1u << max) - 1;
            continue;
        }
        while (i < max && !(names[i][0] && sco_str_is_nocase(one, names[i])))
            i++;
        if (i == max)
            return sco_error_set(err, SCO_E_INVALID,
                                 "%s: there is no \"%.*s\"; \"secureops %s --help\" lists them",
                                 option, SCO_STR_ARG(one), c->command->name);
        *ret |= 1u << i;
    }
    return 0;
}

int context_limit(struct cli *c, uint32_t *ret, struct sco_error *err)
{
    int64_t n = 0;
    *ret = 0;
    if (!args_has(c, ARG_LIMIT))
        return 0;
    if (sco_parse_i64(sco_str_c(c->values[ARG_LIMIT]), 1, SCO_STORE_PAGE_MAX, &n) < 0)
        return sco_error_set(err, SCO_E_INVALID, "--limit: expected 1 to %d, got \"%s\"",
                             SCO_STORE_PAGE_MAX, c->values[ARG_LIMIT]);
    *ret = (uint32_t)n;
    return 0;
}

const char *context_user(struct cli *c)
{
    const struct passwd *p = getpwuid(geteuid());
    if (args_has(c, ARG_BY))
        return c->values[ARG_BY];
    return p && p->pw_name && *p->pw_name ? sco_arena_cstr(&c->arena, sco_str_c(p->pw_name))
                                          : sco_arena_fmt(&c->arena, "uid %u", (unsigned)geteuid());
}
