/* Values of one option table: collected from YAML, environment and command line, completed with
 * defaults, handed on as a struct or as JSON. What a single text means is in option.c. */
#include <secureops/fs.h>
#include <secureops/option.h>
#include "option_priv.h"

void sco_warn(struct sco_warnings *w, const char *fmt, ...)
{
    if (!w || w->n >= SCO_WARNINGS_MAX)
        return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *copy = sco_arena_cstr(w->arena, sco_str_c(text));
    if (copy)
        w->v[w->n++] = copy;
}

int sco_values_init(struct sco_values *v, const struct sco_option *table, const char *path,
                    struct sco_arena *arena, struct sco_warnings *warnings, struct sco_error *err)
{
    struct sco_error own;
    err = err ? err : &own;
    int r = option_table_check(table, arena, err);
    if (r < 0)
        return *path ? sco_error_prefix(err, "%s", path) : r;
    struct sco_values fresh = {.table = table,
                               .n = sco_options_count(table),
                               .path = path,
                               .arena = arena,
                               .warnings = warnings};
    fresh.v = sco_arena_alloc(arena, (fresh.n + 1) * sizeof *fresh.v);
    if (!fresh.v)
        return sco_error_nomem(err);
    *v = fresh;
    return 0;
}

/* "scan.jobs", or "output" at the top level. */
static const char *full_name(const struct sco_values *v, const char *name)
{
    const char *full = *v->path ? sco_arena_fmt(v->arena, "%s.%s", v->path, name) : name;
    return full ? full : name;
}

static int put_place(const struct sco_values *v, const char *origin, const char *name,
                     struct sco_error *err)
{
    return sco_error_prefix(err, "%s: %s", origin, full_name(v, name));
}

/* The row that takes the value: of a renamed option, that of its successor. */
static size_t row_of(const struct sco_values *v, const struct sco_option *o, const char *origin)
{
    if (!(o->flags & SCO_OPT_DEPRECATED))
        return (size_t)(o - v->table);
    const struct sco_option *to =
        o->values ? sco_options_find(v->table, sco_str_c(o->values)) : NULL;
    if (o->values && *o->values)
        sco_warn(v->warnings, "%s: %s is deprecated, use %s", origin, full_name(v, o->name),
                 o->values);
    else
        sco_warn(v->warnings, "%s: %s is deprecated", origin, full_name(v, o->name));
    if (!to || to->type != o->type || (to->flags & SCO_OPT_DEPRECATED))
        to = o;
    return (size_t)(to - v->table);
}

static void store(struct sco_values *v, size_t row, struct sco_value value, const char *origin)
{
    value.origin = origin;
    value.set = true;
    v->v[row] = value;
}

/* An ENUM that was renamed away to nothing has no list of its own to be checked against. */
static const struct sco_option *check_row(const struct sco_values *v, size_t row,
                                          struct sco_option *copy)
{
    *copy = v->table[row];
    if (copy->type == SCO_OPT_ENUM && (copy->flags & SCO_OPT_DEPRECATED))
        copy->type = SCO_OPT_STR;
    return copy;
}

/* ---- YAML ---- */
static int yaml_list(const struct sco_option *o, const struct sco_yaml *node,
                     struct sco_arena *arena, struct sco_value *ret, struct sco_error *err)
{
    size_t n = node->kind == SCO_YAML_LIST ? node->n : !sco_yaml_is_null(node);
    if (n > SCO_VALUE_LIST_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "more than %d items", SCO_VALUE_LIST_MAX);
    struct sco_str *items = sco_arena_alloc(arena, (n + 1) * sizeof *items);
    if (!items)
        return sco_error_nomem(err);
    const struct sco_yaml *c = node->kind == SCO_YAML_LIST ? node->child : node;
    for (size_t i = 0; i < n; i++, c = c->next) {
        if (c->kind != SCO_YAML_SCALAR || sco_yaml_is_null(c))
            return sco_error_set(err, SCO_E_INVALID, "expected text in line %u, got %s", c->line,
                                 sco_yaml_kind_name(c));
        int r = option_check_text(c->text, err);
        if (r < 0)
            return r;
        if ((o->flags & SCO_OPT_SECRET) && !sco_secret_is_ref(c->text))
            return option_expected(o, "", err);
        items[i] = sco_arena_str(arena, c->text);
        if (!items[i].p)
            return sco_error_nomem(err);
    }
    ret->list = (struct sco_str_list){items, n};
    return 0;
}

/* file:PATH relative to the folder of the file that says so. */
static int absolute_ref(struct sco_arena *arena, const char *file, struct sco_str *ref,
                        struct sco_error *err)
{
    const char *slash = strrchr(file, '/');
    if (!sco_str_starts(*ref, "file:") || ref->p[5] == '/' || !slash)
        return 0;
    const char *p = sco_arena_fmt(arena, "file:%.*s/%s", (int)(slash - file), file, ref->p + 5);
    if (!p)
        return sco_error_nomem(err);
    *ref = sco_str_c(p);
    return 0;
}

static int absolute_refs(struct sco_arena *arena, const char *file, struct sco_value *value,
                         struct sco_error *err)
{
    struct sco_str *items = (struct sco_str *)value->list.v; /* ours: yaml_list made them */
    int r = value->text.p ? absolute_ref(arena, file, &value->text, err) : 0;
    for (size_t i = 0; i < value->list.n && r == 0; i++)
        r = absolute_ref(arena, file, &items[i], err);
    return r;
}

static int yaml_value(struct sco_values *v, const struct sco_option *o, const struct sco_yaml *node,
                      const char *file, struct sco_value *ret, struct sco_error *err)
{
    int r;
    if (node->tag && strncmp(node->tag, "tag:yaml.org,2002:", 18) != 0)
        return sco_error_set(err, SCO_E_INVALID, "the tag %.80s means nothing here", node->tag);
    if (o->type == SCO_OPT_LIST && node->kind != SCO_YAML_MAP)
        r = yaml_list(o, node, v->arena, ret, err);
    else if (node->kind != SCO_YAML_SCALAR || sco_yaml_is_null(node))
        r = option_expected(o, sco_yaml_kind_name(node), err);
    else
        r = option_parse(o, node->text, v->arena, ret, err);
    if (r == 0 && (o->flags & SCO_OPT_SECRET))
        r = absolute_refs(v->arena, file, ret, err);
    return r;
}

static int yaml_member(struct sco_values *v, const struct sco_option *o, const struct sco_yaml *map,
                       const struct sco_yaml *node, const char *file, uint32_t flags,
                       struct sco_error *err)
{
    const char *origin = sco_arena_fmt(v->arena, "%s:%u:%u", file, node->line, node->column);
    if (!origin)
        return sco_error_nomem(err);
    struct sco_option copy;
    size_t row = row_of(v, o, origin);
    struct sco_value value = {0};
    if (&v->table[row] != o && sco_yaml_get(map, sco_str_c(o->values)))
        return sco_yaml_error(err, SCO_E_INVALID, file, node->key,
                              "%s is the old name of %s, which is there too", full_name(v, o->name),
                              o->values);
    uint32_t careful = (o->flags | v->table[row].flags) & (SCO_OPT_SECRET | SCO_OPT_TRUSTED);
    o = check_row(v, row, &copy);
    int r;
    if ((flags & SCO_VALUES_UNTRUSTED) && careful)
        r = sco_error_set(err, SCO_E_PERMISSION,
                          "not taken from a file that was only found in the current folder; "
                          "name the file with --config to trust it");
    else
        r = yaml_value(v, o, node, file, &value, err);
    if (r < 0)
        return put_place(v, origin, o->name, err);
    store(v, row, value, origin);
    return 0;
}

static bool is_other(const struct sco_values *v, struct sco_str name)
{
    for (const char *const *o = v->others; o && *o; o++)
        if (sco_str_is(name, *o))
            return true;
    return false;
}

static int unknown_key(const struct sco_values *v, const struct sco_yaml *key, const char *file,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, "unknown option ");
    option_quote(&b, key->text);
    if (*v->path)
        sco_buf_addf(&b, " in %s", v->path);
    const char *nearest = option_nearest(v->table, v->others, key->text);
    if (nearest)
        sco_buf_addf(&b, "; did you mean %s?", nearest);
    return sco_yaml_error(err, SCO_E_INVALID, file, key, "%s", sco_buf_z(&b));
}

int sco_values_yaml(struct sco_values *v, const struct sco_yaml *map, const char *file,
                    uint32_t flags, struct sco_error *err)
{
    struct sco_error own;
    err = err ? err : &own;
    if (!map || sco_yaml_is_null(map))
        return 0;
    if (map->kind != SCO_YAML_MAP)
        return sco_yaml_error(err, SCO_E_INVALID, file, map, "%s: expected a map, got %s",
                              *v->path ? v->path : "configuration", sco_yaml_kind_name(map));
    for (const struct sco_yaml *c = map->child; c; c = c->next) {
        const struct sco_option *o = sco_options_find(v->table, c->key->text);
        if (!o && ((flags & SCO_VALUES_PARTIAL) || is_other(v, c->key->text)))
            continue;
        int r = o ? yaml_member(v, o, map, c, file, flags, err) : unknown_key(v, c->key, file, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- text ---- */
static int append(struct sco_values *v, size_t row, struct sco_value *value, struct sco_error *err)
{
    const struct sco_str_list *old = &v->v[row].list;
    if (!v->v[row].set || !old->n)
        return 0;
    size_t n = old->n + value->list.n;
    if (n > SCO_VALUE_LIST_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "more than %d items", SCO_VALUE_LIST_MAX);
    struct sco_str *items = sco_arena_alloc(v->arena, n * sizeof *items);
    if (!items)
        return sco_error_nomem(err);
    memcpy(items, old->v, old->n * sizeof *items);
    if (value->list.n)
        memcpy(items + old->n, value->list.v, value->list.n * sizeof *items);
    value->list = (struct sco_str_list){items, n};
    return 0;
}

static int unknown_name(const struct sco_values *v, struct sco_str name, const char *origin,
                        struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (*v->path)
        sco_buf_addf(&b, "%s.", v->path);
    sco_buf_add_printable(&b, sco_str_make(name.p, name.n < 80 ? name.n : 80));
    if (is_other(v, name))
        return sco_error_set(err, SCO_E_NOT_FOUND, "%s: %s can only be given in a file", origin,
                             sco_buf_z(&b));
    const char *nearest = option_nearest(v->table, NULL, name);
    return sco_error_set(err, SCO_E_NOT_FOUND, "%s: unknown option %s%s%s%s", origin, sco_buf_z(&b),
                         nearest ? "; did you mean " : "", nearest ? full_name(v, nearest) : "",
                         nearest ? "?" : "");
}

int sco_values_set(struct sco_values *v, struct sco_str name, struct sco_str text,
                   const char *origin, uint32_t flags, struct sco_error *err)
{
    struct sco_error own;
    err = err ? err : &own;
    const struct sco_option *o = sco_options_find(v->table, name);
    if (!o)
        return unknown_name(v, name, origin, err);
    struct sco_option copy;
    size_t row = row_of(v, o, origin);
    o = check_row(v, row, &copy);
    if ((o->flags & SCO_OPT_SECRET) && (flags & SCO_VALUES_SECRET_ENV) &&
        !sco_secret_is_ref(text)) {
        text = sco_str_c(sco_arena_fmt(v->arena, "env:%s", origin));
        if (!text.p)
            return sco_error_nomem(err);
    }
    struct sco_value value = {0};
    int r = option_parse(o, text, v->arena, &value, err);
    if (r == 0 && (flags & SCO_VALUES_APPEND) && o->type == SCO_OPT_LIST)
        r = append(v, row, &value, err);
    if (r < 0)
        return put_place(v, origin, o->name, err);
    store(v, row, value, origin);
    return 0;
}

/* ---- the result ---- */
int sco_values_finish(struct sco_values *v, struct sco_error *err)
{
    struct sco_error own;
    err = err ? err : &own;
    for (size_t i = 0; i < v->n; i++) {
        const struct sco_option *o = &v->table[i];
        if (v->v[i].origin)
            continue;
        if (o->flags & SCO_OPT_REQUIRED)
            return sco_error_set(err, SCO_E_INVALID, "%s is required, but not given",
                                 full_name(v, o->name));
        if (!o->def || (o->flags & SCO_OPT_DEPRECATED))
            continue;
        struct sco_value value = {0};
        int r = option_parse(o, sco_str_c(o->def), v->arena, &value, err);
        if (r < 0)
            return put_place(v, "default", o->name, err);
        store(v, i, value, NULL);
    }
    return 0;
}

void sco_values_fill(const struct sco_values *v, void *ctx)
{
    for (size_t i = 0; i < v->n; i++) {
        char *at = (char *)ctx + v->table[i].offset;
        const struct sco_value *x = &v->v[i];
        switch (v->table[i].type) {
        case SCO_OPT_STR:
        case SCO_OPT_ENUM:
            memcpy(at, &x->text, sizeof x->text);
            break;
        case SCO_OPT_LIST:
            memcpy(at, &x->list, sizeof x->list);
            break;
        case SCO_OPT_REAL:
            memcpy(at, &x->real, sizeof x->real);
            break;
        default:
            memcpy(at, &x->i, sizeof x->i);
        }
    }
}

/* A text as JSON; a secret in clear when asked for. */
static int write_text(const struct sco_option *o, struct sco_str text, uint32_t flags,
                      struct sco_json_out *out, struct sco_error *err)
{
    if (!(o->flags & SCO_OPT_SECRET) || !(flags & SCO_VALUES_RESOLVE)) {
        sco_json_str(out, text);
        return 0;
    }
    struct sco_buf secret = {0};
    int r = sco_secret_resolve(text, &secret, err);
    if (r == 0)
        sco_json_str(out, sco_buf_str(&secret));
    if (secret.p)
        explicit_bzero(secret.p, secret.cap);
    sco_buf_done(&secret);
    return r;
}

static int write_list(const struct sco_option *o, struct sco_str_list list, uint32_t flags,
                      struct sco_json_out *out, struct sco_error *err)
{
    int r = 0;
    sco_json_begin(out, '[');
    for (size_t i = 0; i < list.n && r == 0; i++)
        r = write_text(o, list.v[i], flags, out, err);
    sco_json_end(out, ']');
    return r;
}

static int write_value(const struct sco_option *o, const struct sco_value *x, uint32_t flags,
                       struct sco_json_out *out, struct sco_error *err)
{
    sco_json_key(out, o->name);
    switch (o->type) {
    case SCO_OPT_BOOL:
        sco_json_bool(out, x->i != 0);
        return 0;
    case SCO_OPT_REAL:
        sco_json_real(out, x->real);
        return 0;
    case SCO_OPT_STR:
    case SCO_OPT_ENUM:
        return write_text(o, x->text, flags, out, err);
    case SCO_OPT_LIST:
        return write_list(o, x->list, flags, out, err);
    default:
        sco_json_i64(out, x->i);
        return 0;
    }
}

int sco_values_write(const struct sco_values *v, size_t first, uint32_t flags,
                     struct sco_json_out *o, struct sco_error *err)
{
    struct sco_error own;
    err = err ? err : &own;
    sco_json_begin(o, '{');
    for (size_t i = first; i < v->n; i++) {
        int r = v->v[i].set ? write_value(&v->table[i], &v->v[i], flags, o, err) : 0;
        if (r < 0)
            return sco_error_prefix(err, "%s", full_name(v, v->table[i].name));
    }
    sco_json_end(o, '}');
    return 0;
}

void sco_value_print(const struct sco_values *v, size_t i, struct sco_buf *out)
{
    const struct sco_option *o = &v->table[i];
    const struct sco_value *x = &v->v[i];
    struct sco_json_out json = {.b = out};
    switch (o->type) {
    case SCO_OPT_BOOL:
        sco_buf_addz(out, x->i ? "true" : "false");
        break;
    case SCO_OPT_REAL:
        sco_json_real(&json, x->real);
        break;
    case SCO_OPT_STR:
    case SCO_OPT_ENUM:
        sco_json_str(&json, x->text);
        break;
    case SCO_OPT_LIST:
        sco_json_begin(&json, '[');
        for (size_t k = 0; k < x->list.n; k++)
            sco_json_str(&json, x->list.v[k]);
        sco_json_end(&json, ']');
        break;
    default:
        option_print_number(o->type, x->i, out);
    }
}
