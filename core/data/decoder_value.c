/* Values of the wire: strict, without white space, each text straight into the pool. The other side
 * is a process that runs plugins, so nothing about it is believed. */
#include "decoder_priv.h"

bool dec_fail(struct sco_decoder *d, int code, const char *why)
{
    if (!d->code) {
        d->code = code;
        d->why = why;
    }
    return false;
}

bool dec_char(struct sco_decoder *d, char c)
{
    if (d->p == d->end || *d->p != c)
        return dec_fail(d, SCO_E_PARSE, "unexpected character");
    d->p++;
    return true;
}

bool dec_more(struct sco_decoder *d, char close, bool *first)
{
    if (d->p < d->end && *d->p == close) {
        d->p++;
        return false;
    }
    if (!*first && !dec_char(d, ','))
        return false;
    *first = false;
    return true;
}

/* Where the string that starts at p ends: its quote, or the first backslash or control character.
 * *high collects whether there are bytes above 0x7F. */
static const char *scan(const char *p, const char *end, uint64_t *high)
{
    const uint64_t ones = 0x0101010101010101u, top = 0x8080808080808080u;
    for (uint64_t w; end - p >= 8; p += 8) {
        memcpy(&w, p, 8);
        uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
        uint64_t stop =
            ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
        if (stop & top)
            break;
        *high |= w & top;
    }
    for (; p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\'; p++)
        *high |= (unsigned char)*p & 0x80u;
    return p;
}

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int x = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (x < 0)
            return -1;
        v = v << 4 | x;
    }
    return v;
}

/* The encoder escapes quote, backslash and control characters, nothing else. */
static bool unescape(struct sco_decoder *d)
{
    static const char from[] = "\"\\nrt", to[] = "\"\\\n\r\t";
    if (d->end - d->p < 2)
        return dec_fail(d, SCO_E_PARSE, "text is cut short");
    const char *at = d->p[1] ? strchr(from, d->p[1]) : NULL;
    if (at) {
        sco_buf_addc(&d->scratch, to[at - from]);
        d->p += 2;
        return true;
    }
    int v = d->p[1] == 'u' && d->end - d->p >= 6 ? hex4(d->p + 2) : -1;
    if (v <= 0 || v >= 0x20) /* NUL would end the text early */
        return dec_fail(d, SCO_E_PARSE, "bad escape");
    sco_buf_addc(&d->scratch, (char)v);
    d->p += 6;
    return true;
}

static bool escaped_view(struct sco_decoder *d, const char *from, uint64_t *high,
                         struct sco_str *ret)
{
    sco_buf_clear(&d->scratch);
    for (;;) {
        sco_buf_add(&d->scratch, sco_str_make(from, (size_t)(d->p - from)));
        if (d->p == d->end || (unsigned char)*d->p < 0x20)
            return dec_fail(d, SCO_E_PARSE, "text is cut short or holds a control character");
        if (*d->p == '"')
            break;
        if (!unescape(d))
            return false;
        from = d->p;
        d->p = scan(d->p, d->end, high);
    }
    if (d->scratch.failed)
        return dec_fail(d, SCO_E_NOMEM, "out of memory");
    *ret = sco_str_make(d->scratch.p ? d->scratch.p : "", d->scratch.n);
    return true;
}

bool dec_view(struct sco_decoder *d, struct sco_str *ret)
{
    if (!dec_char(d, '"'))
        return false;
    const char *from = d->p;
    *ret = sco_str_make(from, 0);
    uint64_t high = 0;
    d->p = scan(d->p, d->end, &high);
    if (d->p < d->end && *d->p == '"')
        *ret = sco_str_make(from, (size_t)(d->p - from));
    else if (!escaped_view(d, from, &high, ret))
        return false;
    d->p++;
    if (high && !sco_utf8_valid(*ret))
        return dec_fail(d, SCO_E_PARSE, "text is not UTF-8");
    return true;
}

static bool intern(struct sco_decoder *d, struct sco_str s, const char **ret)
{
    *ret = sco_pool_str(d->pool, s);
    return *ret || dec_fail(d, SCO_E_NOMEM, "out of memory");
}

bool dec_str(struct sco_decoder *d, const char **ret)
{
    struct sco_str s = {NULL, 0};
    if (!dec_view(d, &s))
        return false;
    if (!s.n)
        return dec_fail(d, SCO_E_FORMAT, "an empty text");
    return intern(d, s, ret);
}

bool dec_int(struct sco_decoder *d, int32_t *ret)
{
    int64_t v = 0;
    const char *from = d->p;
    while (d->p < d->end && *d->p >= '0' && *d->p <= '9' && d->p - from < 11)
        v = v * 10 + (*d->p++ - '0');
    if (d->p == from)
        return dec_fail(d, SCO_E_PARSE, "not a number");
    if (v > INT32_MAX)
        return dec_fail(d, SCO_E_FORMAT, "number out of range");
    *ret = (int32_t)v;
    return true;
}

static bool by_number(struct sco_decoder *d, bool object, const char **ret)
{
    int32_t i;
    if (!dec_int(d, &i))
        return false;
    if ((size_t)i >= d->n_definitions || d->definitions[i].object != object)
        return dec_fail(d, SCO_E_FORMAT, "number of an unknown text");
    *ret = d->definitions[i].text;
    return true;
}

static bool define(struct sco_decoder *d, bool object, const char *text)
{
    if (d->n_definitions == WIRE_DEFINITIONS_MAX)
        return dec_fail(d, SCO_E_LIMIT, "too many repeated texts");
    if (SCO_VEC_PUSH(d->definitions, d->n_definitions, d->cap_definitions) < 0)
        return dec_fail(d, SCO_E_NOMEM, "out of memory");
    d->definitions[d->n_definitions++] = (struct dec_definition){text, object};
    return true;
}

/* Metadata is kept as the text that came, once it is known to be an object of texts. */
static bool object_text(struct sco_decoder *d, const char **ret)
{
    const char *from = d->p;
    bool first = true;
    struct sco_str s;
    if (!dec_char(d, '{'))
        return false;
    while (dec_more(d, '}', &first))
        if (!dec_view(d, &s) || !dec_char(d, ':') || !dec_view(d, &s))
            return false;
    return !d->code && intern(d, sco_str_make(from, (size_t)(d->p - from)), ret);
}

/* The value itself, or a number that stands for it, or [value] that gives it the next number. */
static bool repeatable(struct sco_decoder *d, bool object, const char **ret)
{
    bool (*read)(struct sco_decoder *, const char **) = object ? object_text : dec_str;
    char c = d->p < d->end ? *d->p : 0;
    if (c >= '0' && c <= '9')
        return by_number(d, object, ret);
    if (c != '[')
        return read(d, ret);
    d->p++;
    return read(d, ret) && dec_char(d, ']') && define(d, object, *ret);
}

bool dec_text(struct sco_decoder *d, const char **ret)
{
    return repeatable(d, false, ret);
}

bool dec_metadata(struct sco_decoder *d, const char **ret)
{
    return repeatable(d, true, ret);
}

bool dec_strs(struct sco_decoder *d, const struct sco_strs **ret, uint32_t max, bool texts)
{
    const char *v[FINDING_REFERENCES_MAX];
    uint32_t n = 0;
    bool first = true;
    SCO_BUG_ON(max > FINDING_REFERENCES_MAX);
    if (!dec_char(d, '['))
        return false;
    while (dec_more(d, ']', &first)) {
        if (n == max)
            return dec_fail(d, SCO_E_LIMIT, "list is too long");
        if (!(texts ? dec_text(d, &v[n]) : dec_str(d, &v[n])))
            return false;
        n++;
    }
    if (d->code)
        return false;
    *ret = n ? sco_pool_strs(d->pool, v, n) : NULL;
    return !n || *ret || dec_fail(d, SCO_E_NOMEM, "out of memory");
}
