/* One row of an option table: its names, what a text means to it, how it is documented. Values as a
 * whole are in value.c. */
#include <secureops/option.h>
#include "option_priv.h"

static const struct {
    const char *name, *expected;
} types[] = {
    [SCO_OPT_BOOL] = {"bool", "true or false"},
    [SCO_OPT_INT] = {"int", "a whole number"},
    [SCO_OPT_DURATION] = {"duration", "a duration such as 30s, 15m or 2h"},
    [SCO_OPT_SIZE] = {"size", "a size such as 512KiB or 10MiB"},
    [SCO_OPT_STR] = {"string", "text"},
    [SCO_OPT_ENUM] = {"enum", "one of"},
    [SCO_OPT_LIST] = {"list", "a list of texts"},
    [SCO_OPT_REAL] = {"number", "a number"},
};

const char *sco_option_type_name(uint32_t type)
{
    return type && type < SCO_ARRAY_LEN(types) ? types[type].name : "unknown";
}

uint32_t sco_option_type_parse(struct sco_str name)
{
    for (uint32_t t = 1; t < SCO_ARRAY_LEN(types); t++)
        if (sco_str_is(name, types[t].name))
            return t;
    return 0;
}

size_t sco_options_count(const struct sco_option *table)
{
    size_t n = 0;
    while (table && table[n].name)
        n++;
    return n;
}

const struct sco_option *sco_options_find(const struct sco_option *table, struct sco_str name)
{
    for (; table && table->name; table++)
        if (sco_str_is(name, table->name))
            return table;
    return NULL;
}

const char *option_nearest(const struct sco_option *table, const char *const *others,
                           struct sco_str name)
{
    const char *names[SCO_OPTION_ROWS_MAX];
    size_t n = 0;
    for (; table && table->name && n < SCO_OPTION_ROWS_MAX; table++)
        names[n++] = table->name;
    for (; others && *others && n < SCO_OPTION_ROWS_MAX; others++)
        names[n++] = *others;
    return sco_str_nearest(name, names, n);
}

/* ---- texts ---- */
void option_quote(struct sco_buf *out, struct sco_str text)
{
    enum { SHOWN_MAX = 80 };
    sco_buf_addc(out, '"');
    sco_buf_add_printable(out, sco_str_make(text.p, text.n < SHOWN_MAX ? text.n : SHOWN_MAX));
    sco_buf_addz(out, text.n > SHOWN_MAX ? "...\"" : "\"");
}

void option_print_number(uint32_t type, int64_t v, struct sco_buf *out)
{
    static const struct unit {
        int64_t factor;
        const char *name;
    } times[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}},
      sizes[] = {{1LL << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, ""}};
    const struct unit *u = type == SCO_OPT_DURATION ? times : sizes;
    if (v == 0 || (type != SCO_OPT_DURATION && type != SCO_OPT_SIZE)) {
        sco_buf_add_i64(out, v);
        return;
    }
    while (v % u->factor)
        u++;
    sco_buf_add_i64(out, v / u->factor);
    sco_buf_addz(out, u->name);
}

/* "none, info, low" of the row "none,info,low". */
static void print_choices(const struct sco_option *row, struct sco_buf *out)
{
    struct sco_str rest = sco_str_c(row->values), item;
    for (bool first = true; sco_str_split(&rest, ',', &item); first = false) {
        sco_buf_addz(out, first ? "" : ", ");
        sco_buf_add(out, sco_str_trim(item));
    }
}

static bool has_range(const struct sco_option *row)
{
    return (row->min || row->max) &&
           (row->type == SCO_OPT_INT || row->type == SCO_OPT_DURATION || row->type == SCO_OPT_SIZE);
}

static void print_range(const struct sco_option *row, struct sco_buf *out)
{
    if (row->max == INT64_MAX)
        sco_buf_addz(out, "at least ");
    option_print_number(row->type, row->min, out);
    if (row->max == INT64_MAX)
        return;
    sco_buf_addz(out, " to ");
    option_print_number(row->type, row->max, out);
}

int option_expected(const struct sco_option *row, const char *got, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf choices = {0};
    if (row->flags & SCO_OPT_SECRET)
        return sco_error_set(err, SCO_E_INVALID,
                             "a secret is written as env:NAME or file:PATH, never as it is");
    if (row->type == SCO_OPT_ENUM) {
        sco_buf_addc(&choices, ' ');
        print_choices(row, &choices);
    }
    return sco_error_set(err, SCO_E_INVALID, "expected %s%s, got %s", types[row->type].expected,
                         sco_buf_z(&choices), got);
}

/* ---- parsing ---- */
int option_check_text(struct sco_str text, struct sco_error *err)
{
    if (text.n > SCO_VALUE_LEN_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "longer than %d bytes", SCO_VALUE_LEN_MAX);
    if (text.n && memchr(text.p, 0, text.n))
        return sco_error_set(err, SCO_E_INVALID, "contains the character U+0000");
    if (!sco_utf8_valid(text))
        return sco_error_set(err, SCO_E_INVALID, "is not valid UTF-8");
    return 0;
}

static int parse_enum(const struct sco_option *row, struct sco_str text, struct sco_value *ret)
{
    struct sco_str rest = sco_str_c(row->values), item;
    while (sco_str_split(&rest, ',', &item)) {
        item = sco_str_trim(item);
        if (item.n != text.n)
            continue;
        bool same = true;
        for (size_t i = 0; i < item.n && same; i++) {
            unsigned a = (unsigned char)item.p[i], b = (unsigned char)text.p[i];
            same = (a | (a - 'A' < 26u ? 32u : 0)) == (b | (b - 'A' < 26u ? 32u : 0));
        }
        if (same) {
            ret->text = item;
            return 0;
        }
    }
    return SCO_E_INVALID;
}

static int parse_list(const struct sco_option *row, struct sco_str text, struct sco_arena *arena,
                      struct sco_value *ret, struct sco_error *err)
{
    struct sco_str rest = text, item;
    size_t n = 0;
    while (sco_str_split(&rest, ',', &item))
        n += sco_str_trim(item).n > 0;
    if (n > SCO_VALUE_LIST_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "more than %d items", SCO_VALUE_LIST_MAX);
    struct sco_str *v = sco_arena_alloc(arena, n * sizeof *v);
    if (n && !v)
        return sco_error_nomem(err);
    ret->list = (struct sco_str_list){v, 0};
    for (rest = text; sco_str_split(&rest, ',', &item);) {
        item = sco_str_trim(item);
        if (!item.n)
            continue;
        if ((row->flags & SCO_OPT_SECRET) && !sco_secret_is_ref(item))
            return option_expected(row, "", err);
        if (!(v[ret->list.n++] = sco_arena_str(arena, item)).p)
            return sco_error_nomem(err);
    }
    return 0;
}

static int check_range(const struct sco_option *row, int64_t v, struct sco_error *err)
{
    if (!has_range(row) || (v >= row->min && v <= row->max))
        return 0;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    option_print_number(row->type, v, &b);
    sco_buf_addz(&b, " is out of range, allowed is ");
    print_range(row, &b);
    return sco_error_set(err, SCO_E_INVALID, "%s", sco_buf_z(&b));
}

static int parse_number(const struct sco_option *row, struct sco_str text, struct sco_value *ret)
{
    bool on = false;
    int r;
    switch (row->type) {
    case SCO_OPT_BOOL:
        r = sco_parse_bool(text, &on);
        ret->i = on;
        return r;
    case SCO_OPT_INT:
        return sco_parse_i64(text, INT64_MIN, INT64_MAX, &ret->i);
    case SCO_OPT_DURATION:
        return sco_parse_duration(text, &ret->i);
    case SCO_OPT_SIZE:
        return sco_parse_size(text, &ret->i);
    default:
        return sco_parse_real(text, &ret->real);
    }
}

static int wrong_text(const struct sco_option *row, struct sco_str text, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf got = {0};
    option_quote(&got, text);
    if (row->type == SCO_OPT_ENUM) {
        struct sco_str rest = sco_str_c(row->values), item;
        const char *names[SCO_OPTION_ROWS_MAX];
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        size_t n = 0;
        while (n < SCO_ARRAY_LEN(names) && sco_str_split(&rest, ',', &item))
            if ((names[n] = sco_arena_cstr(&arena, sco_str_trim(item))))
                n++;
        const char *nearest = sco_str_nearest(text, names, n);
        if (nearest)
            sco_buf_addf(&got, "; did you mean %s?", nearest);
    }
    return option_expected(row, sco_buf_z(&got), err);
}

int option_parse(const struct sco_option *row, struct sco_str text, struct sco_arena *arena,
                 struct sco_value *ret, struct sco_error *err)
{
    int r = option_check_text(text, err);
    if (r < 0)
        return r;
    switch (row->type) {
    case SCO_OPT_STR:
        if ((row->flags & SCO_OPT_SECRET) && !sco_secret_is_ref(text))
            return option_expected(row, "", err);
        ret->text = sco_arena_str(arena, text);
        return ret->text.p ? 0 : sco_error_nomem(err);
    case SCO_OPT_LIST:
        return parse_list(row, text, arena, ret, err);
    case SCO_OPT_ENUM:
        if (parse_enum(row, text, ret) < 0)
            return wrong_text(row, text, err);
        ret->text = sco_arena_str(arena, ret->text);
        return ret->text.p ? 0 : sco_error_nomem(err);
    default:
        text = sco_str_trim(text);
        if (parse_number(row, text, ret) < 0)
            return wrong_text(row, text, err);
        return check_range(row, ret->i, err);
    }
}

/* ---- tables ---- */
static bool good_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return n > 0 && n <= 64 && !name[n] && name[0] >= 'a' && name[0] <= 'z';
}

static int check_row(const struct sco_option *table, size_t i, struct sco_arena *arena,
                     struct sco_error *err)
{
    const struct sco_option *o = &table[i];
    if (!good_name(o->name))
        return sco_error_set(err, SCO_E_INVALID, "row %zu of the options has a bad name", i + 1);
    if (sco_options_find(table, sco_str_c(o->name)) != o)
        return sco_error_set(err, SCO_E_INVALID, "option %s is there twice", o->name);
    if (!o->type || o->type >= SCO_ARRAY_LEN(types))
        return sco_error_set(err, SCO_E_INVALID, "option %s has the unknown type %u", o->name,
                             o->type);
    if ((o->flags & SCO_OPT_SECRET) && o->type != SCO_OPT_STR && o->type != SCO_OPT_LIST)
        return sco_error_set(err, SCO_E_INVALID, "option %s is secret, but no text or list",
                             o->name);
    if (o->type == SCO_OPT_ENUM && !(o->flags & SCO_OPT_DEPRECATED) && !(o->values && *o->values))
        return sco_error_set(err, SCO_E_INVALID, "option %s has no values to choose from", o->name);
    if (o->min > o->max)
        return sco_error_set(err, SCO_E_INVALID, "option %s has a range that ends before it starts",
                             o->name);
    struct sco_value value = {0};
    if (!o->def || (o->flags & SCO_OPT_DEPRECATED))
        return 0;
    int r = option_parse(o, sco_str_c(o->def), arena, &value, err);
    return r < 0 ? sco_error_prefix(err, "default of option %s", o->name) : 0;
}

int option_table_check(const struct sco_option *table, struct sco_arena *arena,
                       struct sco_error *err)
{
    size_t n = sco_options_count(table);
    if (n > SCO_OPTION_ROWS_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "more than %d options", SCO_OPTION_ROWS_MAX);
    for (size_t i = 0; i < n; i++) {
        int r = check_row(table, i, arena, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- reference ---- */
/* Text in a cell of a Markdown table. */
static void add_cell(struct sco_buf *out, const char *z)
{
    for (; *z; z++) {
        if (*z == '|' || *z == '<' || *z == '*' || *z == '\\')
            sco_buf_addc(out, '\\');
        sco_buf_addc(out, *z == '\n' ? ' ' : *z);
    }
}

static void add_type(const struct sco_option *o, struct sco_buf *out)
{
    if (o->type == SCO_OPT_ENUM && !(o->flags & SCO_OPT_DEPRECATED)) {
        struct sco_str rest = sco_str_c(o->values), item;
        for (bool first = true; sco_str_split(&rest, ',', &item); first = false) {
            item = sco_str_trim(item);
            sco_buf_addf(out, "%s`%.*s`", first ? "" : ", ", SCO_STR_ARG(item));
        }
    } else {
        sco_buf_addz(out, !(o->flags & SCO_OPT_SECRET) ? sco_option_type_name(o->type)
                          : o->type == SCO_OPT_LIST    ? "list of secrets"
                                                       : "secret");
    }
    if (has_range(o)) {
        sco_buf_addz(out, ", ");
        print_range(o, out);
    }
}

void sco_options_markdown(const struct sco_option *table, struct sco_buf *out)
{
    sco_buf_addz(out, "| option | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for (; table && table->name; table++) {
        bool deprecated = table->flags & SCO_OPT_DEPRECATED;
        sco_buf_addf(out, "| `%s` | ", table->name);
        add_type(table, out);
        sco_buf_addz(out, " | ");
        if (table->flags & SCO_OPT_REQUIRED)
            sco_buf_addz(out, "required");
        else if (table->def && *table->def && !deprecated)
            sco_buf_addf(out, "`%s`", table->def);
        sco_buf_addz(out, " | ");
        if (deprecated && table->values && *table->values)
            sco_buf_addf(out, "Deprecated: use `%s`. ", table->values);
        else if (deprecated)
            sco_buf_addz(out, "Deprecated. ");
        add_cell(out, table->doc ? table->doc : "");
        if (table->flags & SCO_OPT_TRUSTED)
            sco_buf_addz(out, " Refused in an untrusted file.");
        sco_buf_addz(out, " |\n");
    }
}
