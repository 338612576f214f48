/* Requests against the schemas of the API's own document: the part of JSON Schema that OpenAPI 3.1
 * documents use. A keyword that is not known here is an error of the document, which a unit test
 * finds; what cannot be checked is refused. */
#include "server_priv.h"

#include <regex.h>
#include <stdlib.h>

enum { DEPTH_MAX = 64, STEPS_MAX = 1000000, FAULTS_MAX = 32, UNIQUE_MAX = 2000 };

struct check {
    struct api_call *call;
    const struct sco_node *root;
    unsigned depth, steps, faults;
    bool quiet; /* one of several schemas is tried */
};

static bool valid(struct check *k, const struct sco_node *schema, const struct sco_node *v,
                  const char *at);

SCO_PRINTF(3, 4)
static bool fault(struct check *k, const char *at, const char *fmt, ...)
{
    if (k->quiet || k->faults++ >= FAULTS_MAX)
        return false;
    char text[300];
    struct sco_error err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)api_fault(k->call, &err, at, "%s", text);
    return false;
}

/* ---- types ---- */

static const char *type_name(const struct sco_node *v)
{
    switch (v->type) {
    case SCO_NODE_NULL:
        return "null";
    case SCO_NODE_BOOL:
        return "boolean";
    case SCO_NODE_INT:
        return "integer";
    case SCO_NODE_REAL:
        return "number";
    case SCO_NODE_STR:
        return "string";
    case SCO_NODE_LIST:
        return "array";
    default:
        return "object";
    }
}

static bool is_type(struct sco_str type, const struct sco_node *v)
{
    return sco_str_is(type, type_name(v)) ||
           (v->type == SCO_NODE_INT && sco_str_is(type, "number"));
}

static bool check_type(struct check *k, const struct sco_node *type, const struct sco_node *v,
                       const char *at)
{
    bool any = false;
    SCO_EACH (t, type)
        any |= is_type(sco_text(t), v);
    if (any)
        return true;
    if (type->type == SCO_NODE_STR)
        return fault(k, at, "it is %s, not %.*s", type_name(v), SCO_STR_ARG(type->text));
    return fault(k, at, "it may not be %s", type_name(v));
}

static bool same(const struct sco_node *a, const struct sco_node *b, unsigned depth)
{
    if (a->type != b->type || a->n != b->n || depth == 0)
        return false;
    if (a->type == SCO_NODE_LIST) {
        const struct sco_node *x = a->child, *y = b->child;
        for (; x && y; x = x->next, y = y->next)
            if (!same(x, y, depth - 1))
                return false;
        return true;
    }
    if (a->type == SCO_NODE_MAP) {
        for (const struct sco_node *x = a->child; x; x = x->next) {
            const struct sco_node *y = sco_get(b, x->key.p);
            if (!y || !same(x, y, depth - 1))
                return false;
        }
        return true;
    }
    return a->type == SCO_NODE_NULL || sco_str_cmp(a->text, b->text) == 0;
}

static bool check_enum(struct check *k, const struct sco_node *list, const struct sco_node *v,
                       const char *at)
{
    SCO_AUTO(sco_buf) struct sco_buf names = {0};
    SCO_EACH (e, list) {
        if (same(e, v, DEPTH_MAX))
            return true;
        sco_buf_addf(&names, "%s%.*s", names.n ? ", " : "", SCO_STR_ARG(sco_text(e)));
    }
    return fault(k, at, "it is none of: %.200s", sco_buf_z(&names));
}

/* ---- numbers and texts ---- */

static bool check_number(struct check *k, const struct sco_node *s, const struct sco_node *v,
                         const char *at)
{
    double x = sco_real(v, 0);
    const struct sco_node *m;
    if ((m = sco_get(s, "minimum")) && x < sco_real(m, 0))
        return fault(k, at, "it is less than %.*s", SCO_STR_ARG(m->text));
    if ((m = sco_get(s, "maximum")) && x > sco_real(m, 0))
        return fault(k, at, "it is more than %.*s", SCO_STR_ARG(m->text));
    if ((m = sco_get(s, "exclusiveMinimum")) && x <= sco_real(m, 0))
        return fault(k, at, "it is not more than %.*s", SCO_STR_ARG(m->text));
    if ((m = sco_get(s, "exclusiveMaximum")) && x >= sco_real(m, 0))
        return fault(k, at, "it is not less than %.*s", SCO_STR_ARG(m->text));
    return true;
}

static int64_t code_points(struct sco_str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static bool is_uuid(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !strchr("0123456789abcdefABCDEF", s.p[i]) || !s.p[i])
            return false;
    }
    return s.n == 36;
}

static bool is_uri(struct sco_str s)
{
    size_t i = 0;
    bool letter = s.n && (s.p[0] | 0x20) >= 'a' && (s.p[0] | 0x20) <= 'z';
    while (letter && i < s.n &&
           (((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z') ||
            (s.p[i] && strchr("+-.0123456789", s.p[i]))))
        i++;
    if (i == 0 || i >= s.n || s.p[i] != ':' || i + 1 == s.n)
        return false;
    for (; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || strchr("<>\"{}|\\^`", s.p[i]))
            return false;
    return true;
}

static bool is_email(struct sco_str s)
{
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    if (!at || at == s.p || at == s.p + s.n - 1 || s.n > 254 ||
        memchr(at + 1, '@', s.n - (size_t)(at + 1 - s.p)))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || strchr("<>()[]\\,;:\"", s.p[i]))
            return false;
    return true;
}

static bool is_format(struct sco_str format, struct sco_str s)
{
    int64_t t;
    if (sco_str_is(format, "date-time"))
        return s.n > 10 && sco_time_parse(s, &t) == 0;
    if (sco_str_is(format, "date"))
        return s.n == 10 && sco_time_parse(s, &t) == 0;
    if (sco_str_is(format, "uuid"))
        return is_uuid(s);
    if (sco_str_is(format, "uri"))
        return is_uri(s);
    if (sco_str_is(format, "email"))
        return is_email(s);
    return true; /* says something to people: "password" */
}

/* Patterns of the document are extended regular expressions as well. */
static bool check_pattern(struct check *k, const struct sco_node *pattern, struct sco_str s,
                          const char *at)
{
    regex_t re;
    if (regcomp(&re, pattern->text.p, REG_EXTENDED | REG_NOSUB) != 0)
        return fault(k, at, "its pattern cannot be checked");
    int r = regexec(&re, s.p ? s.p : "", 0, NULL, 0);
    regfree(&re);
    return r == 0 ? true : fault(k, at, "it does not match %.*s", SCO_STR_ARG(pattern->text));
}

static bool check_string(struct check *k, const struct sco_node *s, const struct sco_node *v,
                         const char *at)
{
    const struct sco_node *m;
    int64_t n = code_points(v->text);
    if ((m = sco_get(s, "minLength")) && n < sco_int(m, 0))
        return n == 0 ? fault(k, at, "it is empty")
                      : fault(k, at, "it is shorter than %.*s", SCO_STR_ARG(m->text));
    if ((m = sco_get(s, "maxLength")) && n > sco_int(m, INT64_MAX))
        return fault(k, at, "it is longer than %.*s", SCO_STR_ARG(m->text));
    if ((m = sco_get(s, "format")) && !is_format(sco_text(m), v->text))
        return fault(k, at, "it is no %.*s", SCO_STR_ARG(sco_text(m)));
    if (sco_is(m = sco_get(s, "pattern"), SCO_NODE_STR))
        return check_pattern(k, m, v->text, at);
    return true;
}

/* ---- lists and objects ---- */

static bool check_list(struct check *k, const struct sco_node *s, const struct sco_node *v,
                       const char *at)
{
    const struct sco_node *m, *items = sco_get(s, "items");
    if ((m = sco_get(s, "minItems")) && v->n < sco_int(m, 0))
        return fault(k, at, "it has fewer than %.*s items", SCO_STR_ARG(m->text));
    if ((m = sco_get(s, "maxItems")) && v->n > sco_int(m, INT64_MAX))
        return fault(k, at, "it has more than %.*s items", SCO_STR_ARG(m->text));
    if (sco_bool(sco_get(s, "uniqueItems"), 0)) {
        if (v->n > UNIQUE_MAX)
            return fault(k, at, "it has too many items");
        for (const struct sco_node *a = v->child; a; a = a->next)
            for (const struct sco_node *b = a->next; b; b = b->next)
                if (same(a, b, DEPTH_MAX))
                    return fault(k, at, "two items are the same");
    }
    bool ok = true;
    size_t i = 0;
    for (const struct sco_node *c = v->child; items && c; c = c->next, i++) {
        SCO_AUTO(sco_buf) struct sco_buf where = {0};
        sco_buf_addf(&where, "%s/%zu", at, i);
        ok &= valid(k, items, c, sco_buf_z(&where));
    }
    return ok;
}

/* A name as a part of a JSON Pointer. */
static void add_part(struct sco_buf *b, struct sco_str name)
{
    sco_buf_addc(b, '/');
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '~' || name.p[i] == '/')
            sco_buf_addz(b, name.p[i] == '~' ? "~0" : "~1");
        else
            sco_buf_addc(b, name.p[i]);
}

static bool check_member(struct check *k, const struct sco_node *s, const struct sco_node *c,
                         const char *at)
{
    const struct sco_node *p = sco_get(s, "properties"), *more = sco_get(s, "additionalProperties");
    const struct sco_node *own = sco_get(p, c->key.p);
    SCO_AUTO(sco_buf) struct sco_buf where = {0};
    sco_buf_addz(&where, at);
    add_part(&where, sco_str_make(c->key.p, c->key.n < 200 ? c->key.n : 200));
    const char *pointer = sco_buf_z(&where);
    if (own)
        return valid(k, own, c, pointer);
    if (sco_is(more, SCO_NODE_BOOL) && !more->i)
        return fault(k, pointer, "there is no such member");
    return sco_is(more, SCO_NODE_MAP) ? valid(k, more, c, pointer) : true;
}

static bool check_object(struct check *k, const struct sco_node *s, const struct sco_node *v,
                         const char *at)
{
    const struct sco_node *m;
    bool ok = true;
    if ((m = sco_get(s, "minProperties")) && v->n < sco_int(m, 0))
        return fault(k, at, "it has too few members");
    if ((m = sco_get(s, "maxProperties")) && v->n > sco_int(m, INT64_MAX))
        return fault(k, at, "it has too many members");
    SCO_EACH (r, sco_get(s, "required"))
        if (r->text.p && !sco_get(v, r->text.p)) {
            SCO_AUTO(sco_buf) struct sco_buf where = {0};
            sco_buf_addz(&where, at);
            add_part(&where, r->text);
            ok = fault(k, sco_buf_z(&where), "it is missing");
        }
    struct sco_map seen = {0};
    for (const struct sco_node *c = v->child; c; c = c->next) {
        void **place = sco_map_put(&seen, c->key, NULL);
        if (!place || *place) /* what two readers take differently */
            ok = fault(k, at, "member %.*s is there twice", SCO_STR_ARG(c->key));
        else
            *place = &seen;
        ok &= check_member(k, s, c, at);
    }
    sco_map_done(&seen);
    return ok;
}

/* ---- several schemas ---- */

static unsigned how_many(struct check *k, const struct sco_node *list, const struct sco_node *v,
                         const char *at)
{
    bool before = k->quiet;
    unsigned n = 0;
    k->quiet = true;
    SCO_EACH (s, list)
        n += valid(k, s, v, at);
    k->quiet = before;
    return n;
}

static bool check_several(struct check *k, const struct sco_node *s, const struct sco_node *v,
                          const char *at)
{
    const struct sco_node *all = sco_get(s, "allOf"), *any = sco_get(s, "anyOf"),
                          *one = sco_get(s, "oneOf"), *not = sco_get(s, "not");
    bool ok = true;
    SCO_EACH (x, all)
        ok &= valid(k, x, v, at);
    if (any && how_many(k, any, v, at) == 0)
        ok = fault(k, at, "it is as none of the forms that it may have");
    if (one && how_many(k, one, v, at) != 1)
        ok = fault(k, at, "it is not as exactly one of the forms that it may have");
    if (not ) {
        bool before = k->quiet;
        k->quiet = true;
        bool matches = valid(k, not, v, at);
        k->quiet = before;
        if (matches)
            ok = fault(k, at, "it has a form that it may not have");
    }
    return ok;
}

static bool check_here(struct check *k, const struct sco_node *schema, const struct sco_node *v,
                       const char *at)
{
    const struct sco_node *m;
    if ((m = sco_get(schema, "type")) && !check_type(k, m, v, at))
        return false;
    if ((m = sco_get(schema, "enum")) && !check_enum(k, m, v, at))
        return false;
    if ((m = sco_get(schema, "const")) && !same(m, v, DEPTH_MAX))
        return fault(k, at, "it is not %.*s", SCO_STR_ARG(sco_text(m)));
    bool ok = check_several(k, schema, v, at);
    if (v->type == SCO_NODE_INT || v->type == SCO_NODE_REAL)
        return check_number(k, schema, v, at) && ok;
    if (v->type == SCO_NODE_STR)
        return check_string(k, schema, v, at) && ok;
    if (v->type == SCO_NODE_LIST)
        return check_list(k, schema, v, at) && ok;
    return v->type == SCO_NODE_MAP ? check_object(k, schema, v, at) && ok : ok;
}

static bool valid(struct check *k, const struct sco_node *schema, const struct sco_node *v,
                  const char *at)
{
    if (sco_is(schema, SCO_NODE_BOOL))
        return schema->i ? true : fault(k, at, "it may not be there");
    const struct sco_node *target = api_document_ref(k->root, schema);
    if (!sco_is(target, SCO_NODE_MAP))
        return fault(k, at, "its schema is broken");
    if (k->depth >= DEPTH_MAX || ++k->steps > STEPS_MAX)
        return fault(k, at, "it is too deep or too large to check");
    k->depth++;
    bool ok = check_here(k, target, v, at);
    k->depth--;
    return ok;
}

bool api_schema_check(struct api_call *c, const struct sco_node *root,
                      const struct sco_node *schema, const struct sco_node *v, const char *at)
{
    struct check k = {.call = c, .root = root};
    return valid(&k, schema, v, at);
}

/* ---- query parameters ---- */

/* The text as a node of the type that the schema has first. */
static struct sco_node typed(const struct sco_node *schema, struct sco_str text)
{
    struct sco_node v = {.type = SCO_NODE_STR, .text = text};
    SCO_EACH (t, sco_get(schema, "type")) {
        struct sco_str name = sco_text(t);
        if (sco_str_is(name, "integer") && sco_parse_i64(text, INT64_MIN, INT64_MAX, &v.i) == 0)
            v.type = SCO_NODE_INT;
        else if (sco_str_is(name, "number") && sco_parse_real(text, &(double){0}) == 0)
            v.type = memchr(text.p, '.', text.n) ? SCO_NODE_REAL : SCO_NODE_INT;
        else if (sco_str_is(name, "boolean") &&
                 (sco_str_is(text, "true") || sco_str_is(text, "false"))) {
            v.type = SCO_NODE_BOOL;
            v.i = text.p[0] == 't';
        }
        if (v.type != SCO_NODE_STR)
            break;
    }
    return v;
}

bool api_schema_check_text(struct api_call *c, const struct sco_node *root,
                           const struct sco_node *schema, const char *text, const char *name)
{
    char pointer[256];
    snprintf(pointer, sizeof pointer, "?%.200s", name);
    const struct sco_node *s = api_document_ref(root, schema);
    const struct sco_node *type = sco_get(s, "type");
    if (!schema)
        return true;
    if (!sco_is(type, SCO_NODE_STR) || !sco_str_is(type->text, "array")) {
        struct sco_node v = typed(s, sco_str_c(text));
        return api_schema_check(c, root, schema, &v, pointer);
    }
    /* A list, by commas. */
    struct sco_str rest = sco_str_c(text), part;
    const struct sco_node *items = api_document_ref(root, sco_get(s, "items"));
    struct sco_node list = {.type = SCO_NODE_LIST}, *last = NULL;
    while (sco_str_split(&rest, ',', &part)) {
        struct sco_node *v = sco_arena_alloc(&c->arena, sizeof *v);
        struct sco_str kept = sco_arena_str(&c->arena, part);
        if (!v || !kept.p)
            return false;
        *v = typed(items, kept);
        if (last)
            last->next = v;
        else
            list.child = v;
        last = v;
        list.n++;
    }
    return api_schema_check(c, root, schema, &list, pointer);
}
