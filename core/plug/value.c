/* One value of an option: from text (defaults, what people write) and from JSON (what the engine
 * sends), checked against type, range and words. A secret's value is never in an error. */
#include "plug_priv.h"

static int refuse(const struct sco_option *o, struct sco_str text, const char *expected,
                  struct sco_error *err)
{
    if (o->flags & SCO_OPT_SECRET)
        return sco_error_set(err, SCO_E_INVALID, "expected %s", expected);
    SCO_AUTO(sco_buf) struct sco_buf shown = {0};
    sco_buf_add_printable(&shown, sco_str_make(text.p, text.n > 80 ? 80 : text.n));
    return sco_error_set(err, SCO_E_INVALID, "expected %s, found \"%s\"%s", expected,
                         sco_buf_z(&shown), text.n > 80 ? "..." : "");
}

bool plug_enum_has(const char *values, struct sco_str word)
{
    struct sco_str rest = sco_str_c(values), one;
    while (sco_str_split(&rest, ',', &one))
        if (word.n && sco_str_eq(sco_str_trim(one), word))
            return true;
    return false;
}

static int set_number(const struct sco_option *o, int64_t v, struct sco_str text, void *field,
                      struct sco_error *err)
{
    if ((o->min || o->max) && (v < o->min || v > o->max)) {
        char expected[80];
        snprintf(expected, sizeof expected, "%lld to %lld", (long long)o->min, (long long)o->max);
        return refuse(o, text, expected, err);
    }
    memcpy(field, &v, sizeof v);
    return 0;
}

static int set_str(const struct sco_option *o, struct sco_str text, struct sco_arena *arena,
                   void *field, struct sco_error *err)
{
    if (memchr(text.p ? text.p : "", 0, text.n))
        return refuse(o, text, "text without NUL", err);
    bool words = o->type == SCO_OPT_ENUM && !(o->flags & SCO_OPT_DEPRECATED); /* see `values` */
    if (words && !plug_enum_has(o->values, text)) {
        char expected[200];
        snprintf(expected, sizeof expected, "one of %s", o->values);
        return refuse(o, text, expected, err);
    }
    struct sco_str copy = sco_arena_str(arena, text);
    if (!copy.p)
        return sco_error_nomem(err);
    memcpy(field, &copy, sizeof copy);
    return 0;
}

/* "a, b,c": white space around an item and empty items go. */
static int set_list_text(struct sco_str text, struct sco_arena *arena, void *field,
                         struct sco_error *err)
{
    struct sco_str_list l = {NULL, 0};
    struct sco_str rest = text, one;
    size_t n = 0;
    while (sco_str_split(&rest, ',', &one))
        n += sco_str_trim(one).n > 0;
    if (n > PLUG_LIST_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "expected at most %d items, found %zu",
                             (int)PLUG_LIST_MAX, n);
    struct sco_str *v = sco_arena_alloc(arena, n * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    l.v = v;
    rest = text;
    while (sco_str_split(&rest, ',', &one)) {
        one = sco_str_trim(one);
        if (!one.n)
            continue;
        v[l.n] = sco_arena_str(arena, one);
        if (!v[l.n++].p)
            return sco_error_nomem(err);
    }
    memcpy(field, &l, sizeof l);
    return 0;
}

static int set_real(const struct sco_option *o, struct sco_str text, void *field,
                    struct sco_error *err)
{
    double d;
    if (sco_parse_real(text, &d) < 0)
        return refuse(o, text, "a number", err);
    if ((o->min || o->max) && (d < (double)o->min || d > (double)o->max))
        return refuse(o, text, "a number in its range", err);
    memcpy(field, &d, sizeof d);
    return 0;
}

int plug_value_text(const struct sco_option *o, struct sco_str text, struct sco_arena *arena,
                    void *field, struct sco_error *err)
{
    int64_t v = 0;
    bool b = false;
    switch (o->type) {
    case SCO_OPT_BOOL:
        if (sco_parse_bool(text, &b) < 0)
            return refuse(o, text, "true or false", err);
        v = b;
        memcpy(field, &v, sizeof v);
        return 0;
    case SCO_OPT_INT:
        if (sco_parse_i64(text, INT64_MIN, INT64_MAX, &v) < 0)
            return refuse(o, text, "a whole number", err);
        return set_number(o, v, text, field, err);
    case SCO_OPT_DURATION:
        if (sco_parse_duration(text, &v) < 0)
            return refuse(o, text, "a duration such as 30s or 15m", err);
        return set_number(o, v, text, field, err);
    case SCO_OPT_SIZE:
        if (sco_parse_size(text, &v) < 0)
            return refuse(o, text, "a size such as 64KiB or 10MiB", err);
        return set_number(o, v, text, field, err);
    case SCO_OPT_REAL:
        return set_real(o, text, field, err);
    case SCO_OPT_LIST:
        return set_list_text(text, arena, field, err);
    default:
        return set_str(o, text, arena, field, err);
    }
}

static int set_list_node(const struct sco_option *o, const struct sco_node *list,
                         struct sco_arena *arena, void *field, struct sco_error *err)
{
    struct sco_str_list l = {NULL, 0};
    if (list->n > PLUG_LIST_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "expected at most %d items, found %u",
                             (int)PLUG_LIST_MAX, list->n);
    struct sco_str *v = sco_arena_alloc(arena, list->n * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    l.v = v;
    SCO_EACH (item, list) {
        struct sco_str text = sco_text(item);
        if (!text.p || memchr(text.p, 0, text.n))
            return refuse(o, text, "a list of texts", err);
        v[l.n] = sco_arena_str(arena, text);
        if (!v[l.n++].p)
            return sco_error_nomem(err);
    }
    memcpy(field, &l, sizeof l);
    return 0;
}

int plug_value_node(const struct sco_option *o, const struct sco_node *v, struct sco_arena *arena,
                    void *field, struct sco_error *err)
{
    bool number = o->type == SCO_OPT_INT || o->type == SCO_OPT_DURATION || o->type == SCO_OPT_SIZE;
    if (number && v->type == SCO_NODE_INT) /* milliseconds and bytes come as such */
        return set_number(o, v->i, v->text, field, err);
    if (o->type == SCO_OPT_LIST && v->type == SCO_NODE_LIST)
        return set_list_node(o, v, arena, field, err);
    bool text = v->type == SCO_NODE_STR || (o->type == SCO_OPT_BOOL && v->type == SCO_NODE_BOOL) ||
                (o->type == SCO_OPT_REAL && (v->type == SCO_NODE_INT || v->type == SCO_NODE_REAL));
    if (!text)
        return sco_error_set(err, SCO_E_INVALID, "expected a value of type %s, found another",
                             plug_option_type_name(o->type));
    return plug_value_text(o, v->text, arena, field, err);
}
