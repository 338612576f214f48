/* Integrations out of the configuration, with the options of their plugins. */
#include <secureops/ci.h>

#include <stdlib.h>

static const struct sco_ci_table *find_table(const struct sco_ci_table *v, size_t n,
                                             struct sco_str plugin)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(plugin, v[i].plugin))
            return &v[i];
    return NULL;
}

static int unknown_plugin(const struct sco_config_integration *x, const struct sco_ci_table *v,
                          size_t n, struct sco_error *err)
{
    const char *names[64];
    size_t k = 0;
    for (; k < n && k < SCO_ARRAY_LEN(names); k++)
        names[k] = v[k].plugin;
    const char *near = sco_str_nearest(x->plugin, names, k);
    bool by_name = sco_str_is(x->plugin, x->name);
    return sco_error_set(
        err, SCO_E_INVALID,
        "%s: integrations.%s: there is no plugin \"%.*s\" for a CI platform%s%s%s%s", x->origin,
        x->name, SCO_STR_ARG(x->plugin), near ? "; did you mean " : "", near ? near : "",
        near ? "?" : "", by_name ? " An integration of another name says plugin: NAME" : "");
}

static int take_repositories(struct sco_str_list list, struct sco_arena *arena,
                             struct sco_integration *ret, struct sco_error *err)
{
    const char **v = list.n ? sco_arena_alloc(arena, (list.n + 1) * sizeof *v) : NULL;
    if (list.n && !v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < list.n; i++)
        if (!(v[i] = sco_arena_cstr(arena, list.v[i])))
            return sco_error_nomem(err);
    ret->repositories = v;
    return 0;
}

static int take_options(const struct sco_config *c, const char *name,
                        const struct sco_option *table, uint32_t flags, struct sco_arena *arena,
                        struct sco_integration *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    int r = sco_config_integration_options(c, name, table, flags, &b, NULL, err);
    if (r == 0) {
        ret->options = sco_arena_str(arena, sco_buf_str(&b));
        r = ret->options.p ? 0 : sco_error_nomem(err);
    }
    if (b.p)
        explicit_bzero(b.p, b.cap);
    return r;
}

/* Where its repositories are: the option "url", of Azure DevOps with the organization. */
static int take_server(const struct sco_config *c, const char *name, const struct sco_option *table,
                       struct sco_arena *arena, struct sco_integration *ret, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena own = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0}; /* secrets are references here */
    const struct sco_node *root = NULL;
    if (strcmp(ret->plugin, "jenkins") == 0)
        return 0;
    int r = sco_config_integration_options(c, name, table, 0, &b, NULL, err);
    if (r == 0)
        r = sco_json_parse(sco_buf_str(&b), &own, &root, err);
    struct sco_str url = sco_text_at(root, "url"), below = sco_text_at(root, "organization");
    if (r < 0 || !url.n)
        return r;
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    ret->server = sco_arena_fmt(arena, "%.*s%s%.*s", SCO_STR_ARG(url), below.n ? "/" : "",
                                SCO_STR_ARG(below));
    return ret->server ? 0 : sco_error_nomem(err);
}

const char *sco_integration_missing(const struct sco_config *c,
                                    const struct sco_config_integration *x)
{
    static const struct {
        const char *plugin, *options[3], *names;
    } needs[] = {{"github", {"token", "private_key"}, "token, or app_id and private_key"},
                 {"gitlab", {"token"}, "token"},
                 {"jenkins", {"token", "password"}, "user, and token or password"},
                 {"azure-devops", {"token", "bearer"}, "token or bearer"}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(needs); i++) { /* of other plugins it is not known */
        bool any = !sco_str_is(x->plugin, needs[i].plugin);
        for (const char *const *o = needs[i].options; !any && *o; o++)
            any = sco_config_integration_has(c, x->name, *o);
        if (!any)
            return needs[i].names;
    }
    return NULL;
}

/* The secrets of one that is switched off may be absent. */
static int take(const struct sco_config *c, const struct sco_config_integration *x,
                const struct sco_option *table, bool resolve, struct sco_arena *arena,
                struct sco_integration *ret, struct sco_error *err)
{
    bool azure = sco_str_is(x->plugin, "azure-devops");
    struct sco_integration i = {.name = sco_arena_cstr(arena, sco_str_c(x->name)),
                                .plugin = sco_arena_cstr(arena, x->plugin),
                                .enabled = x->enabled != 0,
                                .poll_ms = x->poll,
                                .flood_rate = (uint32_t)x->flood_rate,
                                .delivery_limit = (uint64_t)x->delivery_limit,
                                .break_after = (uint32_t)x->break_after,
                                .break_ms = x->break_time,
                                .missing = sco_integration_missing(c, x)};
    i.platform = azure ? "azure" : i.plugin;
    if (!i.name || !i.plugin)
        return sco_error_nomem(err);
    int r = take_repositories(x->repositories, arena, &i, err);
    if (r == 0)
        r = take_options(c, x->name, table, resolve && i.enabled ? SCO_VALUES_RESOLVE : 0, arena,
                         &i, err);
    if (r == 0)
        r = take_server(c, x->name, table, arena, &i, err);
    if (r == 0)
        *ret = i;
    return r;
}

int sco_integrations(const struct sco_config *c, const struct sco_ci_table *tables, size_t n_tables,
                     bool resolve, struct sco_arena *arena, struct sco_integration **ret,
                     size_t *ret_n, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena own = {0};
    struct sco_config_integration *x;
    size_t n;
    int r = sco_config_integrations(c, &own, &x, &n, err);
    if (r < 0)
        return r;
    struct sco_integration *v = sco_arena_alloc(arena, (n + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        const struct sco_ci_table *t = find_table(tables, n_tables, x[i].plugin);
        r = t ? take(c, &x[i], t->options, resolve, arena, &v[i], err)
              : unknown_plugin(&x[i], tables, n_tables, err);
        if (r < 0)
            return r;
    }
    *ret = v;
    *ret_n = n;
    return 0;
}
