/* Option tables of plugins: the check of a table when its plugin is loaded, and contexts with the
 * values of a job. Defaults go through the same parser as what a user writes. */
#include "plug_priv.h"

static const char *const type_names[] = {
    [SCO_OPT_BOOL] = "bool", [SCO_OPT_INT] = "int",     [SCO_OPT_DURATION] = "duration",
    [SCO_OPT_SIZE] = "size", [SCO_OPT_STR] = "string",  [SCO_OPT_ENUM] = "enum",
    [SCO_OPT_LIST] = "list", [SCO_OPT_REAL] = "number",
};

size_t plug_option_size(uint32_t type)
{
    switch (type) {
    case SCO_OPT_BOOL:
    case SCO_OPT_INT:
    case SCO_OPT_DURATION:
    case SCO_OPT_SIZE:
        return sizeof(int64_t);
    case SCO_OPT_STR:
    case SCO_OPT_ENUM:
        return sizeof(struct sco_str);
    case SCO_OPT_LIST:
        return sizeof(struct sco_str_list);
    case SCO_OPT_REAL:
        return sizeof(double);
    default:
        return 0;
    }
}

const char *plug_option_type_name(uint32_t type)
{
    return type < SCO_ARRAY_LEN(type_names) && type_names[type] ? type_names[type] : "unknown";
}

static const struct sco_option *find(const struct sco_option *rows, size_t n, struct sco_str name)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}

static int refuse(const char *path, const struct sco_option *o, const char *what,
                  struct sco_error *err)
{
    return sco_error_set(err, SCO_E_INVALID, "%s: option %.64s: %s", path, o->name, what);
}

static int check_name(const char *path, const struct sco_option *rows, size_t i,
                      struct sco_error *err)
{
    const char *name = rows[i].name;
    size_t n = strnlen(name, PLUG_NAME_MAX + 1);
    if (n == 0 || n > PLUG_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != n)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: option %zu: name: expected up to %d lower-case letters, digits, "
                             "_ - and ., found \"%.80s\"",
                             path, i, (int)PLUG_NAME_MAX, name);
    if (find(rows, i, sco_str_c(name)))
        return refuse(path, &rows[i], "name: is there twice", err);
    return 0;
}

static int check_row(const char *path, const struct sco_plugin *p, const struct sco_option *o,
                     struct sco_error *err)
{
    size_t size = plug_option_size(o->type);
    char text[160];
    if (!size) {
        snprintf(text, sizeof text, "type: expected 1 to 8, found %u", o->type);
        return refuse(path, o, text, err);
    }
    if (o->flags & ~(SCO_OPT_REQUIRED | SCO_OPT_SECRET | SCO_OPT_DEPRECATED | SCO_OPT_TRUSTED) ||
        o->reserved) {
        snprintf(text, sizeof text, "flags: expected known ones and reserved 0, found 0x%x, %u",
                 o->flags, o->reserved);
        return refuse(path, o, text, err);
    }
    if (o->offset % 8 || size > p->ctx_size || o->offset > p->ctx_size - size) {
        snprintf(text, sizeof text,
                 "offset: expected a multiple of 8 with room for %zu bytes in a context of %u, "
                 "found %u",
                 size, p->ctx_size, o->offset);
        return refuse(path, o, text, err);
    }
    if (o->min > o->max)
        return refuse(path, o, "min: is above max", err);
    if (o->type == SCO_OPT_ENUM && (!o->values || !*o->values))
        return refuse(path, o, "values: expected the words of the enum, found none", err);
    if ((o->flags & SCO_OPT_SECRET) && o->type != SCO_OPT_STR && o->type != SCO_OPT_LIST)
        return refuse(path, o, "flags: a secret is a string or a list", err);
    if ((o->flags & SCO_OPT_REQUIRED) && o->def)
        return refuse(path, o, "default: a required option has none", err);
    return 0;
}

static int check_default(const char *path, const struct sco_option *o, struct sco_error *err)
{
    union {
        int64_t i;
        double d;
        struct sco_str s;
        struct sco_str_list l;
    } field;
    SCO_AUTO(sco_arena) struct sco_arena scratch = {0};
    if (!o->def)
        return 0;
    int r = plug_value_text(o, sco_str_c(o->def), &scratch, &field, err);
    return r < 0 ? sco_error_prefix(err, "%s: option %.64s: default", path, o->name), r : 0;
}

/* Rows of the plugin's own size, counted up to the row without a name. */
static int count_rows(const char *path, const struct sco_plugin *p, size_t *ret,
                      struct sco_error *err)
{
    const char *row = (const char *)p->options;
    if (p->option_size < offsetof(struct sco_option, reserved) ||
        p->option_size > PLUG_STRUCT_MAX || p->option_size % _Alignof(struct sco_option))
        return sco_error_set(err, SCO_E_ABI, "%s: option_size: expected %zu to %d, found %u", path,
                             offsetof(struct sco_option, reserved), (int)PLUG_STRUCT_MAX,
                             p->option_size);
    for (size_t n = 0; n <= PLUG_OPTIONS_MAX; n++, row += p->option_size) {
        const char *name;
        memcpy(&name, row, sizeof name);
        if (!name) {
            *ret = n;
            return 0;
        }
    }
    return sco_error_set(err, SCO_E_INVALID,
                         "%s: options: expected at most %d rows and one without a name, found more",
                         path, (int)PLUG_OPTIONS_MAX);
}

int plug_options_load(const char *path, const struct sco_plugin *p, struct sco_arena *arena,
                      struct sco_loaded_plugin *ret, struct sco_error *err)
{
    size_t n = 0;
    int r = p->options ? count_rows(path, p, &n, err) : 0;
    if (r < 0)
        return r;
    struct sco_option *rows = sco_arena_alloc(arena, (n + 1) * sizeof *rows);
    if (!rows)
        return sco_error_nomem(err);
    size_t size = p->option_size < sizeof *rows ? p->option_size : sizeof *rows;
    for (size_t i = 0; i < n; i++)
        memcpy(&rows[i], (const char *)p->options + i * p->option_size, size);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = check_name(path, rows, i, err);
        if (r == 0)
            r = check_row(path, p, &rows[i], err);
        if (r == 0)
            r = check_default(path, &rows[i], err);
    }
    for (size_t i = 0; i < n && r == 0; i++)
        if ((rows[i].flags & SCO_OPT_DEPRECATED) && rows[i].values &&
            !find(rows, n, sco_str_c(rows[i].values)))
            r = refuse(path, &rows[i], "values: names no option that could replace it", err);
    if (r < 0)
        return r;
    ret->options = rows;
    ret->n_options = n;
    return 0;
}

static int refuse_unknown(const struct sco_loaded_plugin *p, struct sco_str key,
                          struct sco_error *err)
{
    const char *names[PLUG_OPTIONS_MAX];
    for (size_t i = 0; i < p->n_options; i++)
        names[i] = p->options[i].name;
    const char *near = sco_str_nearest(key, names, p->n_options);
    if (near)
        return sco_error_set(err, SCO_E_INVALID, "%s has no option \"%.*s\": did you mean \"%s\"?",
                             p->plugin.name, key.n > 64 ? 64 : (int)key.n, key.p, near);
    return sco_error_set(err, SCO_E_INVALID, "%s has no option \"%.*s\"", p->plugin.name,
                         key.n > 64 ? 64 : (int)key.n, key.p ? key.p : "");
}

/* The given value of an option: the last one when its name repeats; NULL when absent or null. */
static const struct sco_node *given(const struct sco_node *values, const char *name)
{
    const struct sco_node *found = NULL;
    for (const struct sco_node *v = values ? values->child : NULL; v; v = v->next)
        if (sco_str_is(v->key, name))
            found = v;
    return found && found->type != SCO_NODE_NULL ? found : NULL;
}

static int set_defaults(const struct sco_loaded_plugin *p, struct sco_arena *arena, char *ctx,
                        struct sco_error *err)
{
    for (size_t i = 0; i < p->n_options; i++) {
        const struct sco_option *o = &p->options[i];
        int r = !o->def ? 0 : plug_value_text(o, sco_str_c(o->def), arena, ctx + o->offset, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_values(const struct sco_loaded_plugin *p, const struct sco_node *values,
                      struct sco_arena *arena, char *ctx, struct sco_error *err)
{
    for (size_t i = 0; i < p->n_options; i++) {
        const struct sco_option *o = &p->options[i];
        const struct sco_node *v = given(values, o->name);
        if (!v && (o->flags & SCO_OPT_REQUIRED))
            return sco_error_set(err, SCO_E_INVALID, "%s needs the option \"%s\"", p->plugin.name,
                                 o->name);
        int r = v ? plug_value_node(o, v, arena, ctx + o->offset, err) : 0;
        if (r < 0) {
            sco_error_prefix(err, "%s: option %s", p->plugin.name, o->name);
            return r;
        }
    }
    return 0;
}

int sco_plug_context(const struct sco_loaded_plugin *p, const struct sco_node *values,
                     struct sco_arena *arena, void **ret_ctx, struct sco_error *err)
{
    if (values && values->type == SCO_NODE_NULL)
        values = NULL;
    if (values && values->type != SCO_NODE_MAP)
        return sco_error_set(err, SCO_E_INVALID, "the options of %s are not a map", p->plugin.name);
    for (const struct sco_node *v = values ? values->child : NULL; v; v = v->next)
        if (!find(p->options, p->n_options, v->key))
            return refuse_unknown(p, v->key, err);
    char *ctx = sco_arena_alloc(arena, p->plugin.ctx_size);
    if (!ctx)
        return sco_error_nomem(err);
    int r = set_defaults(p, arena, ctx, err);
    if (r == 0)
        r = set_values(p, values, arena, ctx, err);
    if (r < 0)
        return r;
    *ret_ctx = ctx;
    return 0;
}
