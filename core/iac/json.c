/* JSON straight into the tree, strictly after RFC 8259, in one pass over the text.
 *
 * The children of all open containers stand on two stacks, one of members and one of items; a
 * container that ends moves its part into the set's arena. So nothing is allocated per node but the
 * text of strings. The nesting of the functions is limited by SCO_IAC_DEPTH_MAX. */
#include "set_priv.h"

struct reader {
    struct sco_iac_set *s;
    uint32_t doc;
    const char *start, *p, *end;
    uint32_t shift;                  /* of `start` in the document's text */
    const struct sco_iac_node *base; /* the string that this JSON stands in, or NULL */
    iac_json_want_fn want;           /* of the top-level members, or NULL: all */
    void *user;
    struct iac_members members;
    struct iac_items items;
    struct sco_buf text; /* of a string with escapes */
    struct sco_error *err;
};

static const bool stops[256] = {
    [0] = true,  [1] = true,  [2] = true,  [3] = true,  [4] = true,   [5] = true,    [6] = true,
    [7] = true,  [8] = true,  [9] = true,  [10] = true, [11] = true,  [12] = true,   [13] = true,
    [14] = true, [15] = true, [16] = true, [17] = true, [18] = true,  [19] = true,   [20] = true,
    [21] = true, [22] = true, [23] = true, [24] = true, [25] = true,  [26] = true,   [27] = true,
    [28] = true, [29] = true, [30] = true, [31] = true, ['"'] = true, ['\\'] = true,
};

/* ---- errors and places ---- */
static int SCO_PRINTF(4, 5) fault(struct reader *r, int code, const char *at, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct sco_iac_text *t = r->s->docs[r->doc].text;
    uint32_t line = 1, column = 1,
             pos = r->base ? r->base->pos : r->shift + (uint32_t)(at - r->start);
    iac_text_place(r->s->impl, t, pos, &line, &column);
    if (r->base)
        return sco_error_set(r->err, code, "%s:%u:%u: JSON in this string, byte %zu: %s",
                             t->file_path, line, column, (size_t)(at - r->start) + 1, text);
    return sco_error_set(r->err, code, "%s:%u:%u: %s", t->file_path, line, column, text);
}

static int out_of(struct reader *r, int code)
{
    if (code == SCO_E_LIMIT)
        return fault(r, SCO_E_LIMIT, r->p, "more than %d nodes (SCO_IAC_NODES_MAX)",
                     SCO_IAC_NODES_MAX);
    return sco_error_nomem(r->err);
}

static struct iac_span span(const struct reader *r, const char *from)
{
    if (r->base)
        return (struct iac_span){r->doc, r->base->pos, r->base->end};
    return (struct iac_span){r->doc, r->shift + (uint32_t)(from - r->start),
                             r->shift + (uint32_t)(r->p - r->start)};
}

static void space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
        r->p++;
}

/* "found 'x'" of the byte where something else is expected. */
static int unexpected(struct reader *r, const char *expected)
{
    if (r->p >= r->end)
        return fault(r, SCO_E_PARSE, r->p, "the text ends where %s is expected", expected);
    unsigned char c = (unsigned char)*r->p;
    if (c > 0x20 && c < 0x7F)
        return fault(r, SCO_E_PARSE, r->p, "'%c' where %s is expected", c, expected);
    return fault(r, SCO_E_PARSE, r->p, "byte 0x%02x where %s is expected", c, expected);
}

/* ---- strings ---- */
static int hex4(struct reader *r, const char *p, uint32_t *ret)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p + i < r->end ? p[i] : 0;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return fault(r, SCO_E_PARSE, p - 2, "\\u needs four hexadecimal digits");
        v = v << 4 | digit;
    }
    *ret = v;
    return 0;
}

static void add_code_point(struct sco_buf *b, uint32_t c)
{
    char out[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    sco_buf_add(b, sco_str_make(out, n));
}

/* After "\u". */
static int unicode_escape(struct reader *r)
{
    const char *at = r->p - 2;
    uint32_t c = 0, low = 0;
    int e = hex4(r, r->p, &c);
    if (e < 0)
        return e;
    r->p += 4;
    if (c >= 0xD800 && c <= 0xDFFF) {
        if (c > 0xDBFF || r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u')
            return fault(r, SCO_E_PARSE, at, "half of a surrogate pair");
        if ((e = hex4(r, r->p + 2, &low)) < 0)
            return e;
        if (low < 0xDC00 || low > 0xDFFF)
            return fault(r, SCO_E_PARSE, at, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        r->p += 6;
    }
    add_code_point(&r->text, c);
    return 0;
}

static int escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = ++r->p < r->end ? *r->p : 0;
    const char *at = c ? strchr(from, c) : NULL;
    r->p++;
    if (at) {
        sco_buf_addc(&r->text, to[at - from]);
        return 0;
    }
    if (c == 'u')
        return unicode_escape(r);
    return fault(r, SCO_E_PARSE, r->p - 2, "an escape that JSON does not have");
}

/* The rest of a string from the first backslash on, with what was before it, in r->text. */
static int escaped_string(struct reader *r, const char *from)
{
    sco_buf_clear(&r->text);
    sco_buf_add(&r->text, sco_str_make(from, (size_t)(r->p - from)));
    while (r->p < r->end && *r->p != '"') {
        if (*r->p == '\\') {
            int e = escape(r);
            if (e < 0)
                return e;
            continue;
        }
        const char *plain = r->p;
        while (r->p < r->end && !stops[(unsigned char)*r->p])
            r->p++;
        sco_buf_add(&r->text, sco_str_make(plain, (size_t)(r->p - plain)));
        if (r->p < r->end && (unsigned char)*r->p < 0x20)
            return fault(r, SCO_E_PARSE, r->p,
                         "a control character (0x%02x) in a string: use \\n, "
                         "\\t or \\u00xx",
                         (unsigned char)*r->p);
    }
    return r->text.failed ? sco_error_nomem(r->err) : 0;
}

/* At the opening quote. *ret is borrowed: from the text, or from r->text until the next string. */
static int string(struct reader *r, struct sco_str *ret)
{
    const char *open = r->p++, *from = r->p;
    unsigned char high = 0;
    while (r->p < r->end && !stops[(unsigned char)*r->p])
        high |= (unsigned char)*r->p++;
    *ret = sco_str_make(from, (size_t)(r->p - from));
    if (r->p < r->end && *r->p == '\\') {
        int e = escaped_string(r, from);
        if (e < 0)
            return e;
        *ret = sco_buf_str(&r->text);
        high = 0x80;
    }
    if (r->p >= r->end)
        return fault(r, SCO_E_PARSE, open, "a string that does not end");
    if (*r->p != '"')
        return fault(r, SCO_E_PARSE, r->p,
                     "a control character (0x%02x) in a string: use \\n, \\t or \\u00xx",
                     (unsigned char)*r->p);
    if (high & 0x80 && !sco_utf8_valid(*ret))
        return fault(r, SCO_E_PARSE, open, "a string that is not UTF-8");
    r->p++;
    return 0;
}

/* ---- scalars ---- */
static size_t digits(struct reader *r)
{
    const char *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return (size_t)(r->p - from);
}

static int number(struct reader *r, struct sco_iac_node *ret)
{
    const char *from = r->p;
    bool minus = *r->p == '-';
    r->p += minus;
    const char *first = r->p;
    size_t n = digits(r);
    if (!n || (n > 1 && *first == '0'))
        return fault(r, SCO_E_PARSE, from,
                     n ? "a number with a leading zero" : "'-' without digits");
    bool integer = true;
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        integer = false;
        if (!digits(r))
            return unexpected(r, "a digit after the point");
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        integer = false;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (!digits(r))
            return unexpected(r, "a digit of the exponent");
    }
    if (integer && n <= 18) {
        int64_t v = 0;
        for (const char *p = first; p < r->p; p++)
            v = v * 10 + (*p - '0');
        *ret = iac_int(minus ? -v : v, span(r, from));
        return 0;
    }
    int e = iac_number(r->s, sco_str_make(from, (size_t)(r->p - from)), span(r, from), ret);
    return e < 0 ? out_of(r, e) : 0;
}

static int word(struct reader *r, struct sco_iac_node *ret)
{
    static const char *const words[] = {"null", "true", "false"};
    const char *from = r->p;
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(r->end - r->p) < n || memcmp(r->p, words[i], n) != 0)
            continue;
        r->p += n;
        *ret = i == 0 ? iac_null(span(r, from)) : iac_bool(i == 1, span(r, from));
        return 0;
    }
    return unexpected(r, "a value");
}

/* ---- containers ---- */
static int value(struct reader *r, uint32_t depth, struct sco_iac_node *ret);

/* Passes over a value; only its strings and brackets are looked at. */
static int skip(struct reader *r)
{
    const char *from = r->p;
    size_t depth = 0;
    struct sco_str ignored;
    do {
        space(r);
        char c = r->p < r->end ? *r->p : 0;
        if (c == '"') {
            int e = string(r, &ignored);
            if (e < 0)
                return e;
            continue;
        }
        if (r->p >= r->end || (!depth && (c == '}' || c == ']' || c == ',')))
            return depth ? fault(r, SCO_E_PARSE, from, "a value that does not end")
                         : unexpected(r, "a value");
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        r->p++;
        while (!depth && r->p < r->end && c != '}' && c != ']' && !strchr(",}] \t\r\n", *r->p))
            r->p++; /* the rest of a number or word */
    } while (depth);
    return 0;
}

static int push_member(struct reader *r, const char *key, size_t key_n, uint32_t key_pos,
                       const struct sco_iac_node *v)
{
    struct iac_members *m = &r->members;
    if (m->n == m->cap && SCO_VEC_PUSH(m->v, m->n, m->cap) < 0)
        return sco_error_nomem(r->err);
    m->v[m->n++] = (struct sco_iac_member){
        .key = key, .key_n = (uint32_t)key_n, .key_pos = key_pos, .value = *v};
    return 0;
}

/* At a key: the member, with the colon, on the stack. */
static int member(struct reader *r, uint32_t depth)
{
    struct sco_str name;
    uint32_t key_pos = span(r, r->p).pos;
    if (r->p >= r->end || *r->p != '"')
        return unexpected(r, "a key in double quotes");
    int e = string(r, &name);
    if (e < 0)
        return e;
    const char *key = iac_key(r->s, name);
    size_t key_n = name.n;
    if (!key)
        return sco_error_nomem(r->err);
    space(r);
    if (r->p >= r->end || *r->p != ':')
        return unexpected(r, "':'");
    r->p++;
    space(r);
    struct sco_iac_node v = {0};
    if (depth == 1 && r->want && !r->want(r->user, sco_str_make(key, key_n))) {
        const char *from = r->p;
        e = skip(r);
        v = iac_unknown(span(r, from));
    } else {
        e = value(r, depth, &v);
    }
    return e < 0 ? e : push_member(r, key, key_n, key_pos, &v);
}

/* After a child: true at a comma. *ret_end: the container ended. */
static int next(struct reader *r, char close, bool *ret_end)
{
    space(r);
    if (r->p < r->end && *r->p == close) {
        r->p++;
        *ret_end = true;
        return 0;
    }
    if (r->p >= r->end || *r->p != ',')
        return unexpected(r, close == '}' ? "',' or '}'" : "',' or ']'");
    r->p++;
    space(r);
    return 0;
}

static int map(struct reader *r, uint32_t depth, struct sco_iac_node *ret)
{
    const char *from = r->p++, *repeated = NULL;
    size_t first = r->members.n;
    bool end = false;
    space(r);
    if (r->p < r->end && *r->p == '}') {
        r->p++;
        end = true;
    }
    while (!end) {
        int e = member(r, depth);
        if (e < 0 || (e = next(r, '}', &end)) < 0)
            return e;
    }
    int e = iac_seal_map(r->s, r->members.v ? r->members.v + first : NULL, r->members.n - first,
                         span(r, from), ret, &repeated);
    r->members.n = first;
    if (e < 0)
        return out_of(r, e);
    if (repeated)
        e = iac_note_repeated(r->s, ret, repeated);
    return e < 0 ? sco_error_nomem(r->err) : 0;
}

static int list(struct reader *r, uint32_t depth, struct sco_iac_node *ret)
{
    const char *from = r->p++;
    size_t first = r->items.n;
    bool end = false;
    space(r);
    if (r->p < r->end && *r->p == ']') {
        r->p++;
        end = true;
    }
    while (!end) {
        struct sco_iac_node v = {0};
        int e = value(r, depth, &v);
        if (e < 0)
            return e;
        struct iac_items *m = &r->items;
        if (m->n == m->cap && SCO_VEC_PUSH(m->v, m->n, m->cap) < 0)
            return sco_error_nomem(r->err);
        m->v[m->n++] = v;
        if ((e = next(r, ']', &end)) < 0)
            return e;
    }
    int e = iac_seal_list(r->s, r->items.v ? r->items.v + first : NULL, r->items.n - first,
                          span(r, from), ret);
    r->items.n = first;
    return e < 0 ? out_of(r, e) : 0;
}

/* `depth`: containers around the value. */
static int value(struct reader *r, uint32_t depth, struct sco_iac_node *ret)
{
    const char *from = r->p;
    int e = 0;
    char c = r->p < r->end ? *r->p : 0;
    if ((c == '{' || c == '[') && depth >= SCO_IAC_DEPTH_MAX)
        return fault(r, SCO_E_LIMIT, r->p, "nested deeper than %d (SCO_IAC_DEPTH_MAX)",
                     SCO_IAC_DEPTH_MAX);
    if (c == '"') {
        struct sco_str text;
        if ((e = string(r, &text)) < 0)
            return e;
        if ((e = iac_str(r->s, text, span(r, from), ret)) < 0)
            return out_of(r, e);
    } else if (c == '{') {
        e = map(r, depth + 1, ret);
    } else if (c == '[') {
        e = list(r, depth + 1, ret);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        e = number(r, ret);
    } else {
        e = word(r, ret);
    }
    if (e == 0 && r->base)
        ret->flags = (uint8_t)(ret->flags | SCO_IAC_MADE | (r->base->flags & SCO_IAC_SENSITIVE));
    return e;
}

static int document(struct reader *r, const struct sco_iac_node **ret)
{
    struct sco_iac_node root = {0};
    space(r);
    int e = value(r, 0, &root);
    if (e < 0)
        return e;
    space(r);
    if (r->p < r->end)
        return fault(r, SCO_E_PARSE, r->p, "more text after the end of the JSON");
    const struct sco_iac_node *node = iac_node(r->s, root);
    if (!node)
        return sco_error_nomem(r->err);
    *ret = node;
    return 0;
}

static int parse(struct reader *r, const struct sco_iac_node **ret)
{
    const struct sco_iac_text *t = r->s->docs[r->doc].text;
    size_t n = (size_t)(r->end - r->start);
    if (n > SCO_IAC_JSON_SIZE_MAX)
        return sco_error_set(r->err, SCO_E_LIMIT,
                             "%s: larger than %d bytes (SCO_IAC_JSON_SIZE_MAX)", t->file_path,
                             SCO_IAC_JSON_SIZE_MAX);
    if (r->start >= t->bytes.p && r->start <= t->bytes.p + t->bytes.n)
        r->shift = (uint32_t)(r->start - t->bytes.p); /* a part of the document's text */
    int e = document(r, ret);
    iac_members_cleanup_(&r->members);
    iac_items_cleanup_(&r->items);
    sco_buf_done(&r->text);
    return e;
}

int sco_iac_json(struct sco_iac_set *s, uint32_t doc, struct sco_str text,
                 const struct sco_iac_node *base, const struct sco_iac_node **ret,
                 struct sco_error *err)
{
    const char *p = text.p ? text.p : "";
    struct reader r = {
        .s = s, .doc = doc, .start = p, .p = p, .end = p + text.n, .base = base, .err = err};
    return parse(&r, ret);
}

int iac_json_filtered(struct sco_iac_set *s, uint32_t doc, struct sco_str text,
                      iac_json_want_fn want, void *user, const struct sco_iac_node **ret,
                      struct sco_error *err)
{
    const char *p = text.p ? text.p : "";
    struct reader r = {.s = s,
                       .doc = doc,
                       .start = p,
                       .p = p,
                       .end = p + text.n,
                       .want = want,
                       .user = user,
                       .err = err};
    return parse(&r, ret);
}
