/* The section `integrations`: a map of CI platforms by a name of the operator's choice. What every
 * integration has is checked at load; the options of its plugin when the plugin's table is known,
 * from the YAML that was kept, as it is for scanners. */
#include <secureops/config.h>
#include "config_priv.h"

enum { INTEGRATIONS_MAX = 200 };
static const char section[] = "integrations";

#define ROW(field, kind, default_text, ...)                                                        \
    {                                                                                              \
        .name = #field, .type = (kind), .offset = offsetof(struct sco_config_integration, field),  \
        .def = (default_text), __VA_ARGS__                                                         \
    }

const struct sco_option config_integration_table[] = {
    ROW(plugin, SCO_OPT_STR, NULL,
        .doc = "The platform: github, gitlab, jenkins or azure-devops; without it the name of the "
               "integration is the plugin's."),
    ROW(enabled, SCO_OPT_BOOL, "true", .doc = "Whether its webhooks are taken and it is asked."),
    ROW(repositories, SCO_OPT_LIST, NULL,
        .doc = "Globs of owner/name; events of others are ignored. Empty: all."),
    ROW(poll, SCO_OPT_DURATION, "15m", .max = 604800000,
        .doc = "How often the platform is asked for what a lost webhook missed; 0: never."),
    ROW(flood_rate, SCO_OPT_INT, "500", .max = 1000000,
        .doc = "Deliveries a second from one address; more are answered 503. 0: no limit."),
    ROW(delivery_limit, SCO_OPT_SIZE, "25MiB", .min = 1024, .max = 48 << 20,
        .doc = "The largest delivery."),
    ROW(break_after, SCO_OPT_INT, "5", .min = 1, .max = 1000,
        .doc = "So many failures in a row and a server is left alone for a while."),
    ROW(break_time, SCO_OPT_DURATION, "60s", .min = 1000, .max = 3600000,
        .doc = "For how long; then one request tries it."),
    {0}};

/* ---- the common part ---- */
static int take(const struct sco_config_impl *c, const struct layer *l, const struct sco_yaml *item,
                struct sco_arena *arena, struct sco_config_integration *ret, struct sco_error *err)
{
    struct sco_values v = {0};
    const char *name = item->key->text.p;
    const struct config_named_one of = {section, name, config_integration_table};
    int r = config_named_collect(c, &of, SCO_VALUES_PARTIAL, arena, NULL, &v, err);
    if (r < 0)
        return r;
    sco_values_fill(&v, ret);
    ret->name = name;
    ret->origin = sco_arena_fmt(arena, "%s:%u:%u", l->file, item->key->line, item->key->column);
    if (!ret->plugin.n)
        ret->plugin = sco_str_c(name);
    return ret->origin ? 0 : sco_error_nomem(err);
}

static bool is_there(const struct sco_config_integration *v, size_t n, struct sco_str name)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(name, v[i].name))
            return true;
    return false;
}

int sco_config_integrations(const struct sco_config *config, struct sco_arena *arena,
                            struct sco_config_integration **ret, size_t *ret_n,
                            struct sco_error *err)
{
    const struct sco_config_impl *c = config->impl;
    size_t cap = 0, n = 0;
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct sco_yaml *map = config_named(&c->layers[i], section);
        cap += map ? map->n : 0;
    }
    struct sco_config_integration *v = sco_arena_alloc(arena, (cap + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct sco_yaml *map = config_named(&c->layers[i], section);
        for (const struct sco_yaml *item = map ? map->child : NULL; item; item = item->next) {
            if (is_there(v, n, item->key->text))
                continue;
            int r = take(c, &c->layers[i], item, arena, &v[n++], err);
            if (r < 0)
                return r;
        }
    }
    *ret = v;
    *ret_n = n;
    return 0;
}

static int check_layer(const struct layer *l, struct sco_error *err)
{
    const struct sco_yaml *map = config_named(l, section);
    if (!map || sco_yaml_is_null(map))
        return 0;
    if (l->untrusted)
        return sco_yaml_error(err, SCO_E_PERMISSION, l->file, map->key,
                              "integrations: " CONFIG_UNTRUSTED_HINT);
    if (map->kind != SCO_YAML_MAP)
        return sco_yaml_error(err, SCO_E_INVALID, l->file, map,
                              "integrations: expected a map, got %s", sco_yaml_kind_name(map));
    if (map->n > INTEGRATIONS_MAX)
        return sco_yaml_error(err, SCO_E_LIMIT, l->file, map, "more than %d integrations",
                              (int)INTEGRATIONS_MAX);
    for (const struct sco_yaml *s = map->child; s; s = s->next)
        if (!config_named_good(s->key->text))
            return sco_yaml_error(err, SCO_E_INVALID, l->file, s->key,
                                  "the name of an integration is " CONFIG_NAME_IS);
    return 0;
}

int config_check_integrations(const struct sco_config_impl *c, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_config_integration *v;
    size_t n;
    int r = 0;
    for (size_t i = 0; i < c->n_layers && r == 0; i++)
        r = check_layer(&c->layers[i], err);
    if (r == 0)
        r = sco_config_integrations(&c->pub, &arena, &v, &n, err);
    for (size_t i = 0; i < c->n_overrides && r == 0; i++) {
        const struct sco_config_override *o = &c->overrides[i];
        struct sco_str name, option;
        if (!config_named_is_below(section, o->path))
            continue;
        if (!config_named_path(section, o->path, &name, &option) || !is_there(v, n, name))
            r = sco_error_set(err, SCO_E_INVALID,
                              "%s: %s is no option of an integration in the configuration; write "
                              "integrations.NAME.OPTION",
                              o->origin, o->path);
    }
    return r;
}

bool sco_config_integration_has(const struct sco_config *config, const char *name,
                                const char *option)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_config_impl *c = config->impl;
    bool any = false;
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct sco_yaml *map =
            sco_yaml_get(config_named(&c->layers[i], section), sco_str_c(name));
        const struct sco_yaml *v = sco_yaml_get(map, sco_str_c(option));
        any |= v && !sco_yaml_is_null(v) && (v->kind != SCO_YAML_SCALAR || v->text.n);
    }
    for (size_t i = 0; i < c->n_overrides; i++) {
        struct sco_str of, what;
        any |= config_named_path(section, c->overrides[i].path, &of, &what) &&
               sco_str_is(of, name) && sco_str_is(what, option) && *c->overrides[i].value;
    }
    const char *path = sco_arena_fmt(&arena, "integrations.%s", name);
    const char *env = path ? config_env_name(&arena, path, option) : NULL;
    return any || (env && config_env_get(c, env).n > 0);
}

/* ---- options of the plugin ---- */
int sco_config_integration_options(const struct sco_config *c, const char *name,
                                   const struct sco_option *table, uint32_t flags,
                                   struct sco_buf *out, struct sco_warnings *w,
                                   struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_values v = {0};
    const struct sco_option *rows = NULL;
    struct config_named_one of = {section, name, table};
    int r = config_named_join(&of, config_integration_table, &arena, &rows, err);
    of.table = rows;
    if (r < 0 || (r = config_named_collect(c->impl, &of, 0, &arena, w, &v, err)) < 0)
        return r;
    return config_named_write(&v, config_integration_table, flags, out, err);
}

/* ---- for people ---- */
/* Only names and places: which of a plugin's options are secret is not known here. */
void config_show_integrations(const struct sco_config *c, struct sco_buf *out)
{
    for (size_t i = 0; i < c->impl->n_layers; i++) {
        const struct layer *l = &c->impl->layers[i];
        const struct sco_yaml *map = config_named(l, section);
        for (const struct sco_yaml *s = map ? map->child : NULL; s; s = s->next)
            sco_buf_addf(out, "# integrations.%s  %s:%u:%u\n", s->key->text.p, l->file,
                         s->key->line, s->key->column);
    }
}
