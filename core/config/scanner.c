/* The sections of the scanners. What every scanner has is checked at load; the options of its
 * plugin when the plugin's table is known, from the YAML that was kept. A snapshot stays untouched:
 * each question collects the layers anew into memory of its own. */
#include <secureops/config.h>
#include "config_priv.h"

static const char section[] = "scanners";

/* ---- the common part ---- */
/* A variable or flag names an option of this scanner, perhaps one of its plugin. */
static bool is_spoken_of(const struct sco_config_impl *c, const struct sco_values *v)
{
    const char *prefix = config_env_name(v->arena, v->path, "");
    size_t n = prefix ? strlen(prefix) : 0, m = strlen(v->path);
    for (const char **e = c->env; prefix && *e; e++)
        if (strncmp(*e, prefix, n) == 0)
            return true;
    for (size_t i = 0; i < c->n_overrides; i++)
        if (strncmp(c->overrides[i].path, v->path, m) == 0 && c->overrides[i].path[m] == '.')
            return true;
    return false;
}

static int common(const struct sco_config_impl *c, const char *name, struct scanner_common *ret,
                  bool *ret_configured, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_values v = {0};
    const struct config_named_one of = {section, name, config_scanner_table};
    int r = config_named_collect(c, &of, SCO_VALUES_PARTIAL, &arena, NULL, &v, err);
    if (r < 0)
        return r;
    sco_values_fill(&v, ret);
    ret->enabled.n = config_word_index("auto,true,false", ret->enabled); /* the text goes away */
    ret->enabled.p = NULL;
    *ret_configured = false;
    for (size_t i = 0; i < v.n; i++)
        *ret_configured |= v.v[i].origin != NULL;
    for (size_t i = 0; i < c->n_layers; i++)
        *ret_configured |=
            sco_yaml_get(config_named(&c->layers[i], section), sco_str_c(name)) != NULL;
    *ret_configured |= is_spoken_of(c, &v);
    return 0;
}

int sco_config_scanner(const struct sco_config *c, const char *name, struct sco_config_scanner *ret,
                       struct sco_error *err)
{
    static const int32_t enabled[] = {SCO_ENABLED_AUTO, SCO_ENABLED_ALWAYS, SCO_ENABLED_NEVER};
    struct scanner_common text;
    bool configured;
    int r = common(c->impl, name, &text, &configured, err);
    if (r < 0)
        return r;
    if (text.required && enabled[text.enabled.n] == SCO_ENABLED_NEVER)
        return sco_error_set(err, SCO_E_INVALID,
                             "scanners.%s is required and switched off (enabled: false): take one "
                             "of the two away",
                             name);
    *ret = (struct sco_config_scanner){.enabled = enabled[text.enabled.n],
                                       .required = text.required != 0,
                                       .configured = configured,
                                       .timeout = text.timeout};
    if (ret->required && ret->enabled == SCO_ENABLED_AUTO)
        ret->enabled = SCO_ENABLED_ALWAYS;
    return 0;
}

static int check_layer(const struct sco_config_impl *c, const struct layer *l,
                       struct sco_error *err)
{
    const struct sco_yaml *map = config_named(l, section);
    struct scanner_common text;
    bool configured;
    if (!map || sco_yaml_is_null(map))
        return 0;
    if (map->kind != SCO_YAML_MAP)
        return sco_yaml_error(err, SCO_E_INVALID, l->file, map, "scanners: expected a map, got %s",
                              sco_yaml_kind_name(map));
    for (const struct sco_yaml *s = map->child; s; s = s->next) {
        if (!config_named_good(s->key->text))
            return sco_yaml_error(err, SCO_E_INVALID, l->file, s->key,
                                  "the name of a scanner is " CONFIG_NAME_IS);
        int r = common(c, s->key->text.p, &text, &configured, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int config_check_common(const struct sco_config_impl *c, struct sco_error *err)
{
    for (size_t i = 0; i < c->n_layers; i++) {
        int r = check_layer(c, &c->layers[i], err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < c->n_overrides; i++) {
        const struct sco_config_override *o = &c->overrides[i];
        struct sco_str name, option;
        struct scanner_common text;
        bool configured;
        if (!config_named_is_below(section, o->path))
            continue;
        if (!config_named_path(section, o->path, &name, &option) || !config_named_good(name))
            return sco_error_set(err, SCO_E_INVALID,
                                 "%s: %s is no option; write "
                                 "scanners.NAME.OPTION",
                                 o->origin, o->path);
        char z[CONFIG_NAME_MAX + 1];
        snprintf(z, sizeof z, "%.*s", SCO_STR_ARG(name));
        int r = common(c, z, &text, &configured, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- options of the plugin ---- */
/* A variable of this scanner that is no option of it. It may be one of a scanner whose name goes
 * on after this one's, so it is not an error. */
static void warn_env(const struct sco_config_impl *c, const struct sco_values *v)
{
    const char *prefix = config_env_name(v->arena, v->path, "");
    size_t n = prefix ? strlen(prefix) : 0;
    for (const char **e = c->env; prefix && *e; e++) {
        size_t len = strcspn(*e, "=");
        bool known = strncmp(*e, prefix, n) != 0;
        for (size_t i = 0; i < v->n && !known; i++) {
            const char *env = config_env_name(v->arena, v->path, v->table[i].name);
            known = env && strlen(env) == len && strncmp(*e, env, len) == 0;
        }
        if (!known)
            sco_warn(v->warnings, "%.*s is no option of %s", (int)len, *e, v->path);
    }
}

int sco_config_scanner_options(const struct sco_config *c, const char *name,
                               const struct sco_option *table, uint32_t flags, struct sco_buf *out,
                               struct sco_warnings *w, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_error own;
    err = err ? err : &own;
    struct sco_values v = {0};
    const struct sco_option *rows = NULL;
    struct config_named_one of = {section, name, table};
    int r = config_named_join(&of, config_scanner_table, &arena, &rows, err);
    of.table = rows;
    if (r < 0 || (r = config_named_collect(c->impl, &of, 0, &arena, w, &v, err)) < 0)
        return r;
    warn_env(c->impl, &v);
    return config_named_write(&v, config_scanner_table, flags, out, err);
}

/* ---- names ---- */
static bool is_name(struct sco_str s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(s, names[i]))
            return true;
    return false;
}

static int unknown_name(struct sco_str s, const char *const *names, size_t n, const char *origin,
                        struct sco_error *err)
{
    const char *nearest = sco_str_nearest(s, names, n);
    return sco_error_set(err, SCO_E_INVALID, "%s: no scanner is called %.*s%s%s%s", origin,
                         SCO_STR_ARG(s), nearest ? "; did you mean " : "", nearest ? nearest : "",
                         nearest ? "?" : "");
}

static int check_env_names(const struct sco_config_impl *c, const char *const *names, size_t n,
                           struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    for (const char **e = c->env; *e; e++) {
        bool known = strncmp(*e, "SECUREOPS_SCANNERS_", 19) != 0;
        for (size_t i = 0; i < n && !known; i++) {
            const char *prefix = config_env_name(&arena, "scanners", names[i]);
            if (!prefix)
                return sco_error_nomem(err);
            size_t len = strlen(prefix);
            known = strncmp(*e, prefix, len) == 0 && (*e)[len] == '_';
        }
        if (!known)
            return sco_error_set(err, SCO_E_INVALID, "%.*s: no scanner has such a name",
                                 (int)strcspn(*e, "="), *e);
    }
    return 0;
}

int sco_config_check_scanners(const struct sco_config *c, const char *const *names, size_t n,
                              struct sco_error *err)
{
    const struct sco_config_impl *impl = c->impl;
    for (size_t i = 0; i < impl->n_layers; i++) {
        const struct layer *l = &impl->layers[i];
        const struct sco_yaml *map = config_named(l, section);
        for (const struct sco_yaml *s = map ? map->child : NULL; s; s = s->next) {
            char origin[512];
            snprintf(origin, sizeof origin, "%s:%u:%u", l->file, s->key->line, s->key->column);
            if (!is_name(s->key->text, names, n))
                return unknown_name(s->key->text, names, n, origin, err);
        }
    }
    for (size_t i = 0; i < impl->n_overrides; i++) {
        struct sco_str name, option;
        if (config_named_path(section, impl->overrides[i].path, &name, &option) &&
            !is_name(name, names, n))
            return unknown_name(name, names, n, impl->overrides[i].origin, err);
    }
    return check_env_names(impl, names, n, err);
}
