/* The sections of the scanners. What every scanner has is checked at load; the options of its
 * plugin when the plugin's table is known, from the YAML that was kept. A snapshot stays untouched:
 * each question collects the layers anew into memory of its own. */
#include <secureops/config.h>
#include "config_priv.h"

static const struct sco_yaml *scanners_of(const struct layer *l)
{
    return sco_yaml_get(l->root, SCO_STR("scanners"));
}

/* "trivy" and "timeout" of scanners.trivy.timeout; false for other paths. */
static bool split_path(const char *path, struct sco_str *name, struct sco_str *option)
{
    struct sco_str rest = sco_str_c(path), section;
    return sco_str_split(&rest, '.', &section) && sco_str_is(section, "scanners") &&
           sco_str_split(&rest, '.', name) && sco_str_split(&rest, '.', option);
}

static int collect_yaml(const struct sco_config_impl *c, const char *name, uint32_t flags,
                        struct sco_values *v, struct sco_error *err)
{
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct layer *l = &c->layers[i];
        int r = sco_values_yaml(v, sco_yaml_get(scanners_of(l), sco_str_c(name)), l->file,
                                flags | (l->untrusted ? SCO_VALUES_UNTRUSTED : 0), err);
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
        struct sco_str scanner, option;
        if (!split_path(o->path, &scanner, &option) || !sco_str_is(scanner, name) ||
            ((flags & SCO_VALUES_PARTIAL) && !sco_options_find(v->table, option)))
            continue;
        int r = sco_values_set(v, option, sco_str_c(o->value), o->origin,
                               o->add ? SCO_VALUES_APPEND : 0, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* All layers of one scanner into v. With SCO_VALUES_PARTIAL, what is not in the table is left. */
static int collect(const struct sco_config_impl *c, const char *name,
                   const struct sco_option *table, uint32_t flags, struct sco_arena *arena,
                   struct sco_warnings *w, struct sco_values *v, struct sco_error *err)
{
    const char *path = sco_arena_fmt(arena, "scanners.%s", name);
    if (!path)
        return sco_error_nomem(err);
    int r = sco_values_init(v, table, path, arena, w, err);
    if (r < 0 || (r = collect_yaml(c, name, flags, v, err)) < 0 ||
        (r = collect_env(c, v, err)) < 0 || (r = collect_overrides(c, name, flags, v, err)) < 0)
        return r;
    return sco_values_finish(v, err);
}

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
    int r = collect(c, name, config_scanner_table, SCO_VALUES_PARTIAL, &arena, NULL, &v, err);
    if (r < 0)
        return r;
    sco_values_fill(&v, ret);
    ret->enabled.n = config_word_index("auto,true,false", ret->enabled); /* the text goes away */
    ret->enabled.p = NULL;
    *ret_configured = false;
    for (size_t i = 0; i < v.n; i++)
        *ret_configured |= v.v[i].origin != NULL;
    for (size_t i = 0; i < c->n_layers; i++)
        *ret_configured |= sco_yaml_get(scanners_of(&c->layers[i]), sco_str_c(name)) != NULL;
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

static bool good_scanner_name(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789-", s.p[i]))
            return false;
    return s.n > 0 && s.n <= 64;
}

static int check_layer(const struct sco_config_impl *c, const struct layer *l,
                       struct sco_error *err)
{
    const struct sco_yaml *map = scanners_of(l);
    struct scanner_common text;
    bool configured;
    if (!map || sco_yaml_is_null(map))
        return 0;
    if (map->kind != SCO_YAML_MAP)
        return sco_yaml_error(err, SCO_E_INVALID, l->file, map, "scanners: expected a map, got %s",
                              sco_yaml_kind_name(map));
    for (const struct sco_yaml *s = map->child; s; s = s->next) {
        if (!good_scanner_name(s->key->text))
            return sco_yaml_error(err, SCO_E_INVALID, l->file, s->key,
                                  "the name of a scanner is lower case letters, digits and -");
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
        if (strncmp(o->path, "scanners", 8) != 0 || (o->path[8] && o->path[8] != '.'))
            continue;
        if (!split_path(o->path, &name, &option) || !good_scanner_name(name))
            return sco_error_set(err, SCO_E_INVALID,
                                 "%s: %s is no option; write "
                                 "scanners.NAME.OPTION",
                                 o->origin, o->path);
        char z[65];
        snprintf(z, sizeof z, "%.*s", SCO_STR_ARG(name));
        int r = common(c, z, &text, &configured, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- options of the plugin ---- */
/* The common rows, then the plugin's. */
static int join_tables(const char *name, const struct sco_option *table, struct sco_arena *arena,
                       const struct sco_option **ret, struct sco_error *err)
{
    size_t n = sco_options_count(config_scanner_table), m = sco_options_count(table);
    if (m > SCO_OPTION_ROWS_MAX - n)
        return sco_error_set(err, SCO_E_LIMIT, "scanners.%s: more than %zu options", name,
                             SCO_OPTION_ROWS_MAX - n);
    struct sco_option *rows = sco_arena_alloc(arena, (n + m + 1) * sizeof *rows);
    if (!rows)
        return sco_error_nomem(err);
    memcpy(rows, config_scanner_table, n * sizeof *rows);
    for (size_t i = 0; i < m; i++) {
        if (sco_options_find(config_scanner_table, sco_str_c(table[i].name)))
            return sco_error_set(err, SCO_E_INVALID,
                                 "scanners.%s: the plugin has an option %s, but that name belongs "
                                 "to every scanner",
                                 name, table[i].name);
        rows[n + i] = table[i];
    }
    *ret = rows;
    return 0;
}

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
    int r = join_tables(name, table, &arena, &rows, err);
    if (r < 0 || (r = collect(c->impl, name, rows, 0, &arena, w, &v, err)) < 0)
        return r;
    warn_env(c->impl, &v);
    size_t before = out->n;
    struct sco_json_out o = {.b = out};
    r = sco_values_write(&v, sco_options_count(config_scanner_table), flags, &o, err);
    if (r == 0)
        r = sco_buf_check(out, err);
    if (r < 0)
        out->n = before;
    return r;
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
        const struct sco_yaml *map = scanners_of(l);
        for (const struct sco_yaml *s = map ? map->child : NULL; s; s = s->next) {
            char origin[512];
            snprintf(origin, sizeof origin, "%s:%u:%u", l->file, s->key->line, s->key->column);
            if (!is_name(s->key->text, names, n))
                return unknown_name(s->key->text, names, n, origin, err);
        }
    }
    for (size_t i = 0; i < impl->n_overrides; i++) {
        struct sco_str name, option;
        if (split_path(impl->overrides[i].path, &name, &option) && !is_name(name, names, n))
            return unknown_name(name, names, n, impl->overrides[i].origin, err);
    }
    return check_env_names(impl, names, n, err);
}
