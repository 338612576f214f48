/* JSON writer: appends to a buffer that belongs to the caller. */
#include "json_priv.h"
#include "json_simd.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static void new_line(struct sco_json_out *o)
{
    sco_buf_addc(o->b, '\n');
    for (uint32_t i = 0; i < o->depth; i++)
        sco_buf_add(o->b, SCO_STR("  "));
}

/* What stands before a value or a name. */
static void separate(struct sco_json_out *o)
{
    if (o->keyed) {
        o->keyed = false;
        return;
    }
    if (o->comma)
        sco_buf_addc(o->b, ',');
    if (o->pretty && o->depth)
        new_line(o);
}

/* A value is complete. Values outside of everything have no comma between them. */
static void complete(struct sco_json_out *o)
{
    o->comma = o->depth > 0;
}

void sco_json_begin(struct sco_json_out *o, char open)
{
    separate(o);
    sco_buf_addc(o->b, open);
    o->depth++;
    o->comma = false;
}

void sco_json_end(struct sco_json_out *o, char close)
{
    SCO_BUG_ON(o->depth == 0);
    o->depth--;
    if (o->pretty && o->comma)
        new_line(o);
    sco_buf_addc(o->b, close);
    complete(o);
}

static void add_escape(struct sco_buf *b, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = memchr(from, c, sizeof from - 1);
    if (c == 0) /* nobody downstream likes NUL: databases refuse it, the reader replaces it */
        sco_buf_addz(b, "\xEF\xBF\xBD");
    else if (at)
        sco_buf_add(b, sco_str_make((char[]){'\\', to[at - from]}, 2));
    else
        sco_buf_addf(b, "\\u%04x", c);
}

/* Text without anything that needs an escape but U+2028 and U+2029; any bytes. */
static void add_plain(struct sco_buf *b, struct sco_str s)
{
    for (;;) {
        const char *p = s.n ? memmem(s.p, s.n, "\xE2\x80", 2) : NULL;
        while (p && (s.p + s.n - p < 3 || (p[2] != '\xA8' && p[2] != '\xA9')))
            p = memmem(p + 2, (size_t)(s.p + s.n - p - 2), "\xE2\x80", 2);
        sco_buf_add_utf8(b, p ? sco_str_make(s.p, (size_t)(p - s.p)) : s);
        if (!p)
            return;
        sco_buf_addz(b, p[2] == '\xA8' ? "\\u2028" : "\\u2029");
        s = sco_str_make(p + 3, (size_t)(s.p + s.n - p - 3));
    }
}

void sco_json_add_quoted(struct sco_buf *b, struct sco_str s)
{
    size_t i = 0;
    sco_buf_addc(b, '"');
    while (i < s.n) {
        unsigned high = 0;
        size_t n = sco_json_span(s.p + i, s.n - i, &high);
        if (high)
            add_plain(b, sco_str_make(s.p + i, n));
        else
            sco_buf_add(b, sco_str_make(s.p + i, n));
        i += n;
        if (i < s.n)
            add_escape(b, (unsigned char)s.p[i++]);
    }
    sco_buf_addc(b, '"');
}

/* A member of plain text, compact: one reservation and two copies. False: not that simple. */
static bool add_plain_member(struct sco_json_out *o, struct sco_str key, struct sco_str s)
{
    struct sco_buf *b = o->b;
    unsigned high = 0;
    if (o->pretty || o->keyed || sco_json_span(s.p, s.n, &high) != s.n ||
        sco_json_span(key.p, key.n, &high) != key.n || high ||
        sco_buf_reserve(b, key.n + s.n + 6) < 0)
        return false;
    char *p = b->p + b->n;
    if (o->comma)
        *p++ = ',';
    *p++ = '"';
    if (key.p)
        memcpy(p, key.p, key.n);
    p += key.n;
    memcpy(p, "\":\"", 3);
    p += 3;
    if (s.n)
        memcpy(p, s.p, s.n);
    p += s.n;
    *p++ = '"';
    b->n = (size_t)(p - b->p);
    o->comma = true;
    return true;
}

static void add_key(struct sco_json_out *o, struct sco_str key)
{
    separate(o);
    sco_json_add_quoted(o->b, key);
    sco_buf_addz(o->b, o->pretty ? ": " : ":");
    o->keyed = true;
}

void sco_json_key(struct sco_json_out *o, const char *key)
{
    add_key(o, sco_str_c(key));
}

void sco_json_str(struct sco_json_out *o, struct sco_str s)
{
    separate(o);
    sco_json_add_quoted(o->b, s);
    complete(o);
}

void sco_json_begin_plain(struct sco_json_out *o)
{
    separate(o);
    sco_buf_addc(o->b, '"');
}

void sco_json_end_plain(struct sco_json_out *o)
{
    sco_buf_addc(o->b, '"');
    complete(o);
}

void sco_json_i64(struct sco_json_out *o, int64_t v)
{
    separate(o);
    sco_buf_add_i64(o->b, v);
    complete(o);
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", NULL);
}

/* The shortest of 15, 16 and 17 digits that gives the same number back. A whole number gets ".0",
 * so that it is a real when it is read. */
static void add_real(struct sco_buf *b, double v)
{
    char tmp[40];
    double tenths = v * 10;
    if (tenths > -1e9 && tenths < 1e9 && tenths != 0 && tenths == (double)(int64_t)tenths &&
        v == tenths / 10) {
        int64_t t = (int64_t)tenths; /* scores and the like: 12.3 without the long way */
        if (t < 0)
            sco_buf_addc(b, '-');
        sco_buf_add_i64(b, t < 0 ? -t / 10 : t / 10);
        sco_buf_addc(b, '.');
        sco_buf_addc(b, (char)('0' + (t < 0 ? -t : t) % 10));
        return;
    }
    pthread_once(&c_locale_once, make_c_locale); /* reports are written by several threads */
    locale_t was = c_locale ? uselocale(c_locale) : (locale_t)0;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(tmp, sizeof tmp, "%.*g", digits, v);
        if (strtod(tmp, NULL) == v)
            break;
    }
    if (was)
        uselocale(was);
    sco_buf_addz(b, tmp);
    if (!strpbrk(tmp, ".e"))
        sco_buf_addz(b, ".0");
}

void sco_json_real(struct sco_json_out *o, double v)
{
    if (!isfinite(v)) {
        sco_json_null(o);
        return;
    }
    separate(o);
    add_real(o->b, v);
    complete(o);
}

void sco_json_raw(struct sco_json_out *o, struct sco_str json)
{
    separate(o);
    sco_buf_add(o->b, json);
    complete(o);
}

void sco_json_bool(struct sco_json_out *o, bool v)
{
    sco_json_raw(o, v ? SCO_STR("true") : SCO_STR("false"));
}

void sco_json_null(struct sco_json_out *o)
{
    sco_json_raw(o, SCO_STR("null"));
}

static void add_number(struct sco_json_out *o, const struct sco_node *v)
{
    if (v->text.n && sco_json_is_number(v->text))
        sco_json_raw(o, v->text);
    else if (v->type == SCO_NODE_INT)
        sco_json_i64(o, v->i);
    else
        sco_json_null(o);
}

/* Anything but a list or a map that has children. */
static void add_leaf(struct sco_json_out *o, const struct sco_node *v)
{
    switch (v->type) {
    case SCO_NODE_BOOL:
        sco_json_bool(o, v->i != 0);
        break;
    case SCO_NODE_INT:
    case SCO_NODE_REAL:
        add_number(o, v);
        break;
    case SCO_NODE_STR:
        sco_json_str(o, v->text);
        break;
    case SCO_NODE_LIST:
        sco_json_raw(o, SCO_STR("[]"));
        break;
    case SCO_NODE_MAP:
        sco_json_raw(o, SCO_STR("{}"));
        break;
    default: /* null, and what is still in the file */
        sco_json_null(o);
    }
}

/* Without recursion: the way back up is a stack. What lies deeper than it is written as null. */
void sco_json_node(struct sco_json_out *o, const struct sco_node *v)
{
    enum { DEPTH = 2 * SCO_JSON_DEPTH_MAX };
    const struct sco_node *stack[DEPTH];
    size_t depth = 0;
    if (!v) {
        sco_json_null(o);
        return;
    }
    for (;;) {
        bool inner = (v->type == SCO_NODE_LIST || v->type == SCO_NODE_MAP) && v->child;
        if (depth && stack[depth - 1]->type == SCO_NODE_MAP)
            add_key(o, v->key);
        if (inner && depth < DEPTH) {
            sco_json_begin(o, v->type == SCO_NODE_LIST ? '[' : '{');
            stack[depth++] = v;
            v = v->child;
            continue;
        }
        if (inner)
            sco_json_null(o);
        else
            add_leaf(o, v);
        while (depth && !v->next) {
            v = stack[--depth];
            sco_json_end(o, v->type == SCO_NODE_LIST ? ']' : '}');
        }
        if (!depth)
            return;
        v = v->next;
    }
}

void sco_json_kz(struct sco_json_out *o, const char *key, const char *z)
{
    if (z)
        sco_json_kstr(o, key, sco_str_c(z));
}

void sco_json_kstr(struct sco_json_out *o, const char *key, struct sco_str s)
{
    struct sco_str name = sco_str_c(key);
    if (s.p && !add_plain_member(o, name, s)) {
        add_key(o, name);
        sco_json_str(o, s);
    }
}

void sco_json_ki64(struct sco_json_out *o, const char *key, int64_t v)
{
    sco_json_key(o, key);
    sco_json_i64(o, v);
}

void sco_json_kreal(struct sco_json_out *o, const char *key, double v)
{
    sco_json_key(o, key);
    sco_json_real(o, v);
}

void sco_json_kbool(struct sco_json_out *o, const char *key, bool v)
{
    sco_json_key(o, key);
    sco_json_bool(o, v);
}

void sco_json_ktime(struct sco_json_out *o, const char *key, int64_t unix_ms)
{
    char text[SCO_TIME_LEN];
    if (!unix_ms)
        return;
    sco_time_format(unix_ms, text);
    sco_json_kz(o, key, text);
}
