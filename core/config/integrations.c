/* The section `integrations`: a map of CI platforms by a name of the operator's choice. What every
 * integration has is checked at load; the options of its plugin when the plugin's table is known,
 * from the YAML that was kept, as it is for scanners. */
#include <secureops/config.h>
#include "config_priv.h"

enum { INTEGRATIONS_MAX = 200, NAME_MAX_ = 64 };

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

static const struct sco_yaml *section_of(const struct layer *l)
{
    return sco_yaml_get(l->root, SCO_STR("integrations"));
}

/* "github" and "poll" of integrations.github.poll; false for other paths. */
static bool split_path(const char *path, struct sco_str *name, struct sco_str *option)
{
    struct sco_str rest = sco_str_c(path), section;
    return sco_str_split(&rest, '.', &section) && sco_str_is(section, "integrations") &&
           sco_str_split(&rest, '.', name) && sco_str_split(&rest, '.', option);
}

/* ---- values ---- */
static int collect_yaml(const struct sco_config_impl *c, const char *name, uint32_t flags,
                        struct sco_values *v, struct sco_error *err)
{
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct layer *l = &c->layers[i];
        int r =
            sco_values_yaml(v, sco_yaml_get(section_of(l), sco_str_c(name)), l->file, flags, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int collect_env(const struct sco_config_impl *c, struct sco_values *v, struct sco_error *err)
{
    for (size_t i = 0; i < v->n; i++) {
        const char *env = config_env_name(v->arena, v->path, v->table[i].name);
        if (!env)
            return sco_error_nomem(err);
        struct sco_str text = config_env_get(c, env);
        int r = text.p ? sco_values_set(v, sco_str_c(v->table[i].name), text, env,
                                        SCO_VALUES_SECRET_ENV, err)
                       : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int collect_overrides(const struct sco_config_impl *c, const char *name, uint32_t flags,
                             struct sco_values *v, struct sco_error *err)
{
    for (size_t i = 0; i < c->n_overrides; i++) {
        const struct sco_config_override *o = &c->overrides[i];
        struct sco_str of, option;
        if (!split_path(o->path, &of, &option) || !sco_str_is(of, name) ||
            ((flags & SCO_VALUES_PARTIAL) && !sco_options_find(v->table, option)))
            continue;
        int r = sco_values_set(v, option, sco_str_c(o->value), o->origin,
                               o->add ? SCO_VALUES_APPEND : 0, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int collect(const struct sco_config_impl *c, const char *name,
                   const struct sco_option *table, uint32_t flags, struct sco_arena *arena,
                   struct sco_warnings *w, struct sco_values *v, struct sco_error *err)
{
    const char *path = sco_arena_fmt(arena, "integrations.%s", name);
    if (!path)
        return sco_error_nomem(err);
    int r = sco_values_init(v, table, path, arena, w, err);
    if (r < 0 || (r = collect_yaml(c, name, flags, v, err)) < 0 ||
        (r = collect_env(c, v, err)) < 0 || (r = collect_overrides(c, name, flags, v, err)) < 0)
        return r;
    return sco_values_finish(v, err);
}

/* ---- the common part ---- */
static bool good_name(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789-", s.p[i]))
            return false;
    return s.n > 0 && s.n <= NAME_MAX_ && s.p[0] != '-';
}

static int take(const struct sco_config_impl *c, const struct layer *l, const struct sco_yaml *item,
                struct sco_arena *arena, struct sco_config_integration *ret, struct sco_error *err)
{
    struct sco_values v = {0};
    const char *name = item->key->text.p;
    int r = collect(c, name, config_integration_table, SCO_VALUES_PARTIAL, arena, NULL, &v, err);
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
        const struct sco_yaml *map = section_of(&c->layers[i]);
        cap += map ? map->n : 0;
    }
    struct sco_config_integration *v = sco_arena_alloc(arena, (cap + 1) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct sco_yaml *map = section_of(&c->layers[i]);
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
    const struct sco_yaml *map = section_of(l);
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
        if (!good_name(s->key->text))
            return sco_yaml_error(err, SCO_E_INVALID, l->file, s->key,
                                  "the name of an integration is lower case letters, digits and -");
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
        if (strncmp(o->path, "integrations", 12) != 0 || (o->path[12] && o->path[12] != '.'))
            continue;
        if (!split_path(o->path, &name, &option) || !is_there(v, n, name))
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
        const struct sco_yaml *map = sco_yaml_get(section_of(&c->layers[i]), sco_str_c(name));
        const struct sco_yaml *v = sco_yaml_get(map, sco_str_c(option));
        any |= v && !sco_yaml_is_null(v) && (v->kind != SCO_YAML_SCALAR || v->text.n);
    }
    for (size_t i = 0; i < c->n_overrides; i++) {
        struct sco_str of, what;
        any |= split_path(c->overrides[i].path, &of, &what) && sco_str_is(of, name) &&
               sco_str_is(what, option) && *c->overrides[i].value;
    }
    const char *path = sco_arena_fmt(&arena, "integrations.%s", name);
    const char *env = path ? config_env_name(&arena, path, option) : NULL;
    return any || (env && config_env_get(c, env).n > 0);
}

/* ---- options of the plugin ---- */
/* The common rows, then the plugin's. */
static int join_tables(const char *name, const struct sco_option *table, struct sco_arena *arena,
                       const struct sco_option **ret, struct sco_error *err)
{
    size_t n = sco_options_count(config_integration_table), m = sco_options_count(table);
    if (m > SCO_OPTION_ROWS_MAX - n)
        return sco_error_set(err, SCO_E_LIMIT, "integrations.%s: more than %zu options", name,
                             SCO_OPTION_ROWS_MAX - n);
    struct sco_option *rows = sco_arena_alloc(arena, (n + m + 1) * sizeof *rows);
    if (!rows)
        return sco_error_nomem(err);
    memcpy(rows, config_integration_table, n * sizeof *rows);
    for (size_t i = 0; i < m; i++) {
        if (sco_options_find(config_integration_table, sco_str_c(table[i].name)))
            return sco_error_set(err, SCO_E_INVALID,
                                 "integrations.%s: the plugin has an option %s, but that name "
                                 "belongs to every integration",
                                 name, table[i].name);
        rows[n + i] = table[i];
    }
    *ret = rows;
    return 0;
}

int sco_config_integration_options(const struct sco_config *c, const char *name,
                                   const struct sco_option *table, uint32_t flags,
                                   struct sco_buf *out, struct sco_warnings *w,
                                   struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_values v = {0};
    const struct sco_option *rows = NULL;
    int r = join_tables(name, table, &arena, &rows, err);
    if (r < 0 || (r = collect(c->impl, name, rows, 0, &arena, w, &v, err)) < 0)
        return r;
    size_t before = out->n;
    struct sco_json_out o = {.b = out};
    r = sco_values_write(&v, sco_options_count(config_integration_table), flags, &o, err);
    if (r == 0)
        r = sco_buf_check(out, err);
    if (r < 0)
        out->n = before;
    return r;
}

/* ---- for people ---- */
/* Only names and places: which of a plugin's options are secret is not known here. */
void config_show_integrations(const struct sco_config *c, struct sco_buf *out)
{
    for (size_t i = 0; i < c->impl->n_layers; i++) {
        const struct layer *l = &c->impl->layers[i];
        const struct sco_yaml *map = section_of(l);
        for (const struct sco_yaml *s = map ? map->child : NULL; s; s = s->next)
            sco_buf_addf(out, "# integrations.%s  %s:%u:%u\n", s->key->text.p, l->file,
                         s->key->line, s->key->column);
    }
}
