/* Option tables as JSON, the form in which the worker describes a plugin to the engine. The reader
 * trusts nothing: the plugin that is described may be broken. */
#include <secureops/option.h>
#include "option_priv.h"

static void write_row(const struct sco_option *o, struct sco_json_out *out)
{
    sco_json_begin(out, '{');
    sco_json_kz(out, "name", o->name);
    sco_json_kz(out, "type", sco_option_type_name(o->type));
    if (o->flags & SCO_OPT_REQUIRED)
        sco_json_kbool(out, "required", true);
    if (o->flags & SCO_OPT_SECRET)
        sco_json_kbool(out, "secret", true);
    if (o->flags & SCO_OPT_DEPRECATED)
        sco_json_kbool(out, "deprecated", true);
    if (o->flags & SCO_OPT_TRUSTED)
        sco_json_kbool(out, "trusted", true);
    sco_json_kz(out, "default", o->def);
    if (o->min || o->max) {
        sco_json_ki64(out, "min", o->min);
        sco_json_ki64(out, "max", o->max);
    }
    sco_json_kz(out, "values", o->values);
    sco_json_kz(out, "doc", o->doc);
    sco_json_end(out, '}');
}

void sco_options_write(const struct sco_option *table, struct sco_json_out *o)
{
    sco_json_begin(o, '[');
    for (; table && table->name; table++)
        write_row(table, o);
    sco_json_end(o, ']');
}

/* A text member: NULL when absent, else a copy. */
static int read_text(const struct sco_node *row, const char *key, struct sco_arena *arena,
                     const char **ret, struct sco_error *err)
{
    const struct sco_node *v = sco_get(row, key);
    if (!v || v->type == SCO_NODE_NULL)
        return 0;
    if (v->type != SCO_NODE_STR || v->text.n > SCO_VALUE_LEN_MAX ||
        (v->text.n && memchr(v->text.p, 0, v->text.n)))
        return sco_error_set(err, SCO_E_FORMAT, "\"%s\" of an option is not a text", key);
    *ret = sco_arena_cstr(arena, v->text);
    return *ret ? 0 : sco_error_nomem(err);
}

static int read_row(const struct sco_node *v, struct sco_arena *arena, struct sco_option *o,
                    struct sco_error *err)
{
    const char *type = NULL;
    const struct {
        const char *key;
        const char **ret;
    } texts[] = {{"name", &o->name},
                 {"type", &type},
                 {"default", &o->def},
                 {"values", &o->values},
                 {"doc", &o->doc}};
    if (!sco_is(v, SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_FORMAT, "an option is not a map");
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++) {
        int r = read_text(v, texts[i].key, arena, texts[i].ret, err);
        if (r < 0)
            return r;
    }
    if (!o->name || !type)
        return sco_error_set(err, SCO_E_FORMAT, "an option has no name or no type");
    o->type = sco_option_type_parse(sco_str_c(type));
    o->flags = (sco_bool(sco_get(v, "required"), 0) ? SCO_OPT_REQUIRED : 0) |
               (sco_bool(sco_get(v, "secret"), 0) ? SCO_OPT_SECRET : 0) |
               (sco_bool(sco_get(v, "deprecated"), 0) ? SCO_OPT_DEPRECATED : 0) |
               (sco_bool(sco_get(v, "trusted"), 0) ? SCO_OPT_TRUSTED : 0);
    o->min = sco_int_at(v, "min", 0);
    o->max = sco_int_at(v, "max", 0);
    return 0;
}

int sco_options_read(const struct sco_node *list, struct sco_arena *arena,
                     const struct sco_option **ret, struct sco_error *err)
{
    struct sco_error own;
    err = err ? err : &own;
    size_t n = list && list->type == SCO_NODE_LIST ? list->n : 0;
    if (list && list->type != SCO_NODE_LIST && list->type != SCO_NODE_NULL)
        return sco_error_set(err, SCO_E_FORMAT, "the options are not a list");
    if (n > SCO_OPTION_ROWS_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "more than %d options", SCO_OPTION_ROWS_MAX);
    struct sco_option *table = sco_arena_alloc(arena, (n + 1) * sizeof *table);
    if (!table)
        return sco_error_nomem(err);
    size_t i = 0;
    for (const struct sco_node *v = n ? list->child : NULL; v && i < n; v = v->next) {
        int r = read_row(v, arena, &table[i++], err);
        if (r < 0)
            return r;
    }
    int r = option_table_check(table, arena, err);
    if (r == SCO_E_INVALID)
        err->code = r = SCO_E_FORMAT;
    if (r == 0)
        *ret = table;
    return r;
}
