/* Tokens of JSON, strictly after RFC 8259. */
#include "json_priv.h"
#include "json_simd.h"

int sco_json_peek_slow(struct sco_json_src *s)
{
    for (;;) {
        s->p += sco_json_space(s->p, (size_t)(s->end - s->p));
        if (s->p < s->end)
            return (unsigned char)*s->p;
        int r = sco_json_src_more(s);
        if (r <= 0)
            return r < 0 ? r : SCO_JSON_EOF;
    }
}

/* Length of the well-formed sequence at p, which is not ASCII, or 0: Unicode 15, table 3-7. */
static size_t sequence(const unsigned char *p, size_t n)
{
    unsigned c = p[0], min = 0x80, max = 0xBF;
    size_t len = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (c < 0xC2 || c > 0xF4 || n < len)
        return 0;
    if (c == 0xE0)
        min = 0xA0;
    else if (c == 0xED)
        max = 0x9F; /* no surrogates */
    else if (c == 0xF0)
        min = 0x90;
    else if (c == 0xF4)
        max = 0x8F;
    if (p[1] < min || p[1] > max || (len > 2 && (p[2] & 0xC0) != 0x80) ||
        (len > 3 && (p[3] & 0xC0) != 0x80))
        return 0;
    return len;
}

size_t sco_json_utf8(const char *z, size_t n)
{
    const unsigned char *p = (const unsigned char *)z;
    size_t i = 0;
    while (i < n) {
        uint64_t w = 0;
        if (n - i >= 8) {
            memcpy(&w, p + i, 8);
            if (!(w & 0x8080808080808080u)) {
                i += 8;
                continue;
            }
        }
        size_t len = p[i] < 0x80 ? 1 : sequence(p + i, n - i);
        if (!len)
            break;
        i += len;
    }
    return i;
}

/* Ends a string of n bytes behind the opening quote; p is still at that quote. */
static int end_string(struct sco_json_src *s, size_t n, unsigned high, struct sco_json_tok *ret)
{
    ret->raw = sco_str_make(s->p + 1, n);
    if (n > SCO_JSON_TOKEN_MAX)
        return sco_json_fault(s, SCO_E_LIMIT, sco_json_src_tell(s),
                              "a string is longer than %d bytes (SCO_JSON_TOKEN_MAX)",
                              SCO_JSON_TOKEN_MAX);
    size_t valid = high ? sco_json_utf8(ret->raw.p, n) : n;
    if (valid < n)
        return sco_json_fault(s, SCO_E_PARSE, sco_json_src_tell(s) + 1 + valid,
                              "invalid UTF-8 in a string");
    s->p += n + 2;
    return 0;
}

int sco_json_lex_string(struct sco_json_src *s, struct sco_json_tok *ret)
{
    size_t i = 1; /* from p, which is at the opening quote */
    unsigned high = 0;
    ret->escapes = false;
    for (;;) {
        size_t n = (size_t)(s->end - s->p);
        if (i < n)
            i += sco_json_span(s->p + i, n - i, &high);
        if (i >= n) {
            int r = sco_json_src_more(s);
            if (r <= 0)
                return r < 0 ? r : sco_json_cut(s, "a string");
            continue;
        }
        unsigned char c = (unsigned char)s->p[i];
        if (c == '"')
            return end_string(s, i - 1, high, ret);
        if (c != '\\')
            return sco_json_fault(s, SCO_E_PARSE, sco_json_src_tell(s) + i,
                                  "control character 0x%02x in a string", c);
        ret->escapes = true;
        /* What is behind the backslash is no end of the string, and may be high: look again. */
        if (i + 1 < n && (s->p[i + 1] == '"' || s->p[i + 1] == '\\'))
            i += 2;
        else if (i + 1 < n)
            i++;
        else {
            int r = sco_json_src_more(s);
            if (r <= 0)
                return r < 0 ? r : sco_json_cut(s, "a string");
        }
    }
}

static int hex4(const char *p, const char *end, unsigned *ret)
{
    unsigned v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i], d = c - '0';
        if (d > 9) {
            d = (c | 0x20) - 'a' + 10;
            if (d < 10 || d > 15)
                return -1;
        }
        v = v << 4 | d;
    }
    *ret = v;
    return 0;
}

static size_t put_utf8(char *o, unsigned c)
{
    if (c == 0) /* see json.h */
        c = 0xFFFD;
    if (c < 0x80) {
        o[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        o[0] = (char)(0xC0 | c >> 6);
        o[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        o[0] = (char)(0xE0 | c >> 12);
        o[1] = (char)(0x80 | (c >> 6 & 0x3F));
        o[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    o[0] = (char)(0xF0 | c >> 18);
    o[1] = (char)(0x80 | (c >> 12 & 0x3F));
    o[2] = (char)(0x80 | (c >> 6 & 0x3F));
    o[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* The escape at *pp (its backslash) to a code point; NULL, or what is wrong with it. */
static const char *escape(const char **pp, const char *end, unsigned *ret)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p = *pp + 1;
    unsigned low;
    if (p < end && *p != 'u') {
        const char *at = memchr(from, *p, sizeof from - 1);
        if (!at)
            return "bad escape in a string";
        *ret = (unsigned char)to[at - from];
        *pp = p + 1;
        return NULL;
    }
    if (p >= end || hex4(p + 1, end, ret) < 0)
        return "bad \\u escape in a string";
    p += 5;
    if (*ret >= 0xDC00 && *ret <= 0xDFFF)
        return "lone low surrogate in a string";
    if (*ret >= 0xD800 && *ret <= 0xDBFF) {
        if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || hex4(p + 2, end, &low) < 0 ||
            low < 0xDC00 || low > 0xDFFF)
            return "lone high surrogate in a string";
        *ret = 0x10000 + ((*ret - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    *pp = p;
    return NULL;
}

int64_t sco_json_unescape(struct sco_json_src *s, struct sco_str raw, char *out)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    char tmp[4];
    size_t n = 0;
    while (p < end) {
        const char *back = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((back ? back : end) - p);
        if (out)
            memcpy(out + n, p, plain);
        n += plain;
        if (!back)
            break;
        unsigned c = 0;
        p = back;
        const char *wrong = escape(&p, end, &c);
        if (wrong)
            return sco_json_fault(s, SCO_E_PARSE, s->off + (uint64_t)(back - s->win), "%s", wrong);
        n += put_utf8(out ? out + n : tmp, c);
    }
    return (int64_t)n;
}

/* The grammar of numbers as a table: state, class of byte -> state. */
enum { N_START, N_MINUS, N_ZERO, N_INT, N_DOT, N_FRAC, N_E, N_SIGN, N_EXP, N_STATES, N_BAD };
enum { C_ZERO, C_DIGIT, C_MINUS, C_PLUS, C_DOT, C_E, C_MAX_ };
static const unsigned char number_next[N_STATES][C_MAX_] = {
    [N_START] = {N_ZERO, N_INT, N_MINUS, N_BAD, N_BAD, N_BAD},
    [N_MINUS] = {N_ZERO, N_INT, N_BAD, N_BAD, N_BAD, N_BAD},
    [N_ZERO] = {N_BAD, N_BAD, N_BAD, N_BAD, N_DOT, N_E},
    [N_INT] = {N_INT, N_INT, N_BAD, N_BAD, N_DOT, N_E},
    [N_DOT] = {N_FRAC, N_FRAC, N_BAD, N_BAD, N_BAD, N_BAD},
    [N_FRAC] = {N_FRAC, N_FRAC, N_BAD, N_BAD, N_BAD, N_E},
    [N_E] = {N_EXP, N_EXP, N_SIGN, N_SIGN, N_BAD, N_BAD},
    [N_SIGN] = {N_EXP, N_EXP, N_BAD, N_BAD, N_BAD, N_BAD},
    [N_EXP] = {N_EXP, N_EXP, N_BAD, N_BAD, N_BAD, N_BAD},
};

static unsigned number_class(char c)
{
    switch (c) {
    case '0':
        return C_ZERO;
    case '-':
        return C_MINUS;
    case '+':
        return C_PLUS;
    case '.':
        return C_DOT;
    case 'e':
    case 'E':
        return C_E;
    default:
        return c >= '1' && c <= '9' ? C_DIGIT : C_MAX_;
    }
}

static bool number_done(unsigned state)
{
    return state == N_ZERO || state == N_INT || state == N_FRAC || state == N_EXP;
}

/* Feeds p[*i..n): false when the byte at *i does not fit. Stops at n or behind the number. */
static bool number_run(const char *p, size_t n, size_t *i, unsigned *state)
{
    for (; *i < n; ++*i) {
        unsigned c = number_class(p[*i]);
        if (c == C_MAX_)
            return number_done(*state);
        unsigned next = number_next[*state][c];
        if (next == N_BAD)
            return false;
        *state = next;
    }
    return true;
}

bool sco_json_is_number(struct sco_str t)
{
    size_t i = 0;
    unsigned state = N_START;
    return number_run(t.p, t.n, &i, &state) && i == t.n && number_done(state);
}

/* Whole numbers of up to 18 digits that end in the window: how long, or 0 for the long way. */
static size_t quick_int(const struct sco_json_src *s, int64_t *ret_i)
{
    const char *p = s->p + (*s->p == '-'), *first = p;
    const char *stop = s->end - p > 19 ? p + 19 : s->end;
    uint64_t v = 0; /* unsigned: 19 nines pass through here */
    while (p < stop && *p >= '0' && *p <= '9')
        v = v * 10 + (unsigned)(*p++ - '0');
    if (p == stop || p == first || (*first == '0' && p - first > 1) ||
        number_class(*p) != C_MAX_) /* a sign or a dot: the long way knows what to say */
        return 0;
    *ret_i = *s->p == '-' ? -(int64_t)v : (int64_t)v;
    return (size_t)(p - s->p);
}

int sco_json_lex_number(struct sco_json_src *s, struct sco_str *ret_digits, int64_t *ret_i)
{
    unsigned state = N_START;
    size_t i = quick_int(s, ret_i);
    if (i) {
        *ret_digits = sco_str_make(s->p, i);
        s->p += i;
        return 1;
    }
    for (;;) {
        size_t n = (size_t)(s->end - s->p);
        if (!number_run(s->p, n, &i, &state))
            return sco_json_fault(s, SCO_E_PARSE, sco_json_src_tell(s) + i, "bad number");
        if (i < n)
            break;
        int r = sco_json_src_more(s);
        if (r < 0)
            return r;
        if (r == 0 && !number_done(state))
            return sco_json_cut(s, "a number");
        if (r == 0)
            break;
    }
    if (i > SCO_JSON_TOKEN_MAX)
        return sco_json_fault(s, SCO_E_LIMIT, sco_json_src_tell(s),
                              "a number is longer than %d bytes (SCO_JSON_TOKEN_MAX)",
                              SCO_JSON_TOKEN_MAX);
    *ret_digits = sco_str_make(s->p, i);
    s->p += i;
    return (state == N_ZERO || state == N_INT) &&
           sco_parse_i64(*ret_digits, INT64_MIN, INT64_MAX, ret_i) == 0;
}

int sco_json_lex_word(struct sco_json_src *s, int64_t *ret_i)
{
    static const struct sco_str words[] = {{"null", 4}, {"true", 4}, {"false", 5}};
    size_t k = *s->p == 'n' ? 0 : *s->p == 't' ? 1 : 2;
    struct sco_str w = words[k];
    int64_t n = sco_json_src_need(s, w.n);
    if (n < 0)
        return (int)n;
    size_t have = (size_t)n < w.n ? (size_t)n : w.n;
    if (memcmp(s->p, w.p, have) != 0)
        return sco_json_unexpected(s, "a value");
    if (have < w.n)
        return sco_json_cut(s, w.p);
    s->p += w.n;
    *ret_i = k == 1;
    return k == 0 ? (int)SCO_NODE_NULL : (int)SCO_NODE_BOOL;
}
