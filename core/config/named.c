/* Sections that are maps of things by name, `scanners` and `integrations`: what all layers say of
 * one, collected anew for each question into memory of its own. */
#include "config_priv.h"

const struct sco_yaml *config_named(const struct layer *l, const char *section)
{
    return sco_yaml_get(l->root, sco_str_c(section));
}

bool config_named_path(const char *section, const char *path, struct sco_str *name,
                       struct sco_str *option)
{
    struct sco_str rest = sco_str_c(path), first;
    return sco_str_split(&rest, '.', &first) && sco_str_is(first, section) &&
           sco_str_split(&rest, '.', name) && sco_str_split(&rest, '.', option);
}

bool config_named_is_below(const char *section, const char *path)
{
    size_t n = strlen(section);
    return strncmp(path, section, n) == 0 && (!path[n] || path[n] == '.');
}

bool config_named_good(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789-", s.p[i]))
            return false;
    return s.n > 0 && s.n <= CONFIG_NAME_MAX && s.p[0] != '-';
}

/* ---- values ---- */
static int from_yaml(const struct sco_config_impl *c, const struct config_named_one *of,
                     uint32_t flags, struct sco_values *v, struct sco_error *err)
{
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct layer *l = &c->layers[i];
        const struct sco_yaml *map = config_named(l, of->section);
        int r = sco_values_yaml(v, sco_yaml_get(map, sco_str_c(of->name)), l->file,
                                flags | (l->untrusted ? SCO_VALUES_UNTRUSTED : 0), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int from_env(const struct sco_config_impl *c, struct sco_values *v, struct sco_error *err)
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

static int from_overrides(const struct sco_config_impl *c, const struct config_named_one *of,
                          uint32_t flags, struct sco_values *v, struct sco_error *err)
{
    for (size_t i = 0; i < c->n_overrides; i++) {
        const struct sco_config_override *o = &c->overrides[i];
        struct sco_str name, option;
        if (!config_named_path(of->section, o->path, &name, &option) ||
            !sco_str_is(name, of->name) ||
            ((flags & SCO_VALUES_PARTIAL) && !sco_options_find(v->table, option)))
            continue;
        int r = sco_values_set(v, option, sco_str_c(o->value), o->origin,
                               o->add ? SCO_VALUES_APPEND : 0, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int config_named_collect(const struct sco_config_impl *c, const struct config_named_one *of,
                         uint32_t flags, struct sco_arena *arena, struct sco_warnings *w,
                         struct sco_values *v, struct sco_error *err)
{
    const char *path = sco_arena_fmt(arena, "%s.%s", of->section, of->name);
    if (!path)
        return sco_error_nomem(err);
    int r = sco_values_init(v, of->table, path, arena, w, err);
    if (r < 0 || (r = from_yaml(c, of, flags, v, err)) < 0 || (r = from_env(c, v, err)) < 0 ||
        (r = from_overrides(c, of, flags, v, err)) < 0)
        return r;
    return sco_values_finish(v, err);
}

/* ---- options of a plugin ---- */
int config_named_join(const struct config_named_one *of, const struct sco_option *common,
                      struct sco_arena *arena, const struct sco_option **ret, struct sco_error *err)
{
    const struct sco_option *table = of->table;
    size_t n = sco_options_count(common), m = sco_options_count(table);
    if (m > SCO_OPTION_ROWS_MAX - n)
        return sco_error_set(err, SCO_E_LIMIT, "%s.%s: more than %zu options", of->section,
                             of->name, SCO_OPTION_ROWS_MAX - n);
    struct sco_option *rows = sco_arena_alloc(arena, (n + m + 1) * sizeof *rows);
    if (!rows)
        return sco_error_nomem(err);
    memcpy(rows, common, n * sizeof *rows);
    for (size_t i = 0; i < m; i++) {
        if (sco_options_find(common, sco_str_c(table[i].name)))
            return sco_error_set(err, SCO_E_INVALID,
                                 "%s.%s: the plugin has an option %s, but that name belongs to "
                                 "every %.*s",
                                 of->section, of->name, table[i].name, (int)strlen(of->section) - 1,
                                 of->section);
        rows[n + i] = table[i];
    }
    *ret = rows;
    return 0;
}

int config_named_write(const struct sco_values *v, const struct sco_option *common, uint32_t flags,
                       struct sco_buf *out, struct sco_error *err)
{
    size_t before = out->n;
    struct sco_json_out o = {.b = out};
    int r = sco_values_write(v, sco_options_count(common), flags, &o, err);
    if (r == 0)
        r = sco_buf_check(out, err);
    if (r < 0)
        out->n = before;
    return r;
}
