/* What a plain scalar of YAML is, for each kind of reader. libyaml resolves nothing, and the
 * readers differ: `no` is false for Kubernetes and GitLab and a word for Compose, 0644 is 420 for
 * both and 644 for GitHub. */
#include "yaml_priv.h"

static bool one_of(struct sco_str s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(s, words[i]))
            return true;
    return false;
}
#define ONE_OF(s, ...)                                                                             \
    one_of((s), (const char *const[]){__VA_ARGS__},                                                \
           SCO_ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

/* 1: *ret is the boolean; 0: it is none. */
static bool boolean(enum iac_schema schema, struct sco_str s, bool *ret)
{
    if (s.n > 5)
        return false;
    if (ONE_OF(s, "true", "True", "TRUE"))
        return *ret = true;
    *ret = false;
    if (ONE_OF(s, "false", "False", "FALSE"))
        return true;
    if (schema == IAC_SCHEMA_GO3 || schema == IAC_SCHEMA_CORE)
        return false;
    if (s.n == 1 && schema != IAC_SCHEMA_KUBERNETES)
        return false;
    if (ONE_OF(s, "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"))
        return *ret = true;
    return ONE_OF(s, "n", "N", "no", "No", "NO", "off", "Off", "OFF");
}

/* ---- numbers ---- */
static size_t digits_at(struct sco_str s, size_t i)
{
    size_t from = i;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i - from;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_decimal(struct sco_str s)
{
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), whole = digits_at(s, i);
    i += whole;
    if (i < s.n && s.p[i] == '.') {
        size_t part = digits_at(s, i + 1);
        if (!whole && !part)
            return false;
        i += 1 + part;
    } else if (!whole) {
        return false;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
        size_t n = digits_at(s, i);
        if (!n)
            return false;
        i += n;
    }
    return i == s.n;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* Digits of a base; false: something else, or more than 64 bits. */
static bool based(struct sco_str s, unsigned base, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)digit_of(s.p[i]);
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *ret = v;
    return s.n > 0;
}

/* 0x1F, 0b1, 0o17 and, for readers in Go, 017. false: it is none of these. */
static bool prefixed(enum iac_schema schema, struct sco_str s, bool *ret_minus, uint64_t *ret)
{
    bool go = schema != IAC_SCHEMA_CORE;
    *ret_minus = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
        if (!go)
            return false;
        s = sco_str_make(s.p + 1, s.n - 1);
    }
    if (s.n < 2 || s.p[0] != '0')
        return false;
    struct sco_str rest = sco_str_make(s.p + 2, s.n - 2);
    char c = s.p[1];
    if (c == 'x' || (go && c == 'X'))
        return based(rest, 16, ret);
    if (c == 'o' || (go && c == 'O'))
        return based(rest, 8, ret);
    if (go && (c == 'b' || c == 'B'))
        return based(rest, 2, ret);
    return go && based(s, 8, ret);
}

static int prefixed_number(struct sco_iac_set *s, bool minus, uint64_t u, struct iac_span at,
                           struct sco_iac_node *ret)
{
    if (u <= (uint64_t)INT64_MAX) {
        *ret = iac_int(minus ? -(int64_t)u : (int64_t)u, at);
        return 0;
    }
    char text[24];
    int n = snprintf(text, sizeof text, "%s%llu", minus ? "-" : "", (unsigned long long)u);
    return iac_number(s, sco_str_make(text, (size_t)n), at, ret);
}

/* Infinity and not-a-number are no values of JSON: they stay text that is known to be a number. */
static bool is_special(struct sco_str s)
{
    if (ONE_OF(s, ".nan", ".NaN", ".NAN"))
        return true;
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = sco_str_make(s.p + 1, s.n - 1);
    return ONE_OF(s, ".inf", ".Inf", ".INF");
}

/* 1: *ret is a number; 0: the text is none. */
static int number(struct sco_iac_set *s, enum iac_schema schema, struct sco_str text,
                  struct iac_span at, struct sco_iac_node *ret)
{
    if (is_special(text)) {
        int r = iac_str(s, text, at, ret);
        ret->flags |= r == 0 ? SCO_IAC_DIGITS : 0;
        return r < 0 ? r : 1;
    }
    char plain[64]; /* no number that is longer means anything to anybody */
    size_t n = 0;
    if (text.n >= sizeof plain)
        return 0;
    for (size_t i = 0; i < text.n; i++)
        if (schema == IAC_SCHEMA_CORE || text.p[0] == '.' || text.p[i] != '_')
            plain[n++] = text.p[i];
    struct sco_str digits = sco_str_make(plain, n);
    bool minus;
    uint64_t u;
    int r;
    if (prefixed(schema, digits, &minus, &u))
        r = prefixed_number(s, minus, u, at, ret);
    else if (is_decimal(digits))
        r = iac_number(s, digits, at, ret);
    else
        return 0;
    return r < 0 ? r : 1;
}

int iac_yaml_plain(struct sco_iac_set *s, enum iac_schema schema, struct sco_str text,
                   struct iac_span at, struct sco_iac_node *ret)
{
    char c = text.n ? text.p[0] : '~';
    bool b;
    if ((c == '~' || c == 'n' || c == 'N') && ONE_OF(text, "", "~", "null", "Null", "NULL")) {
        *ret = iac_null(at);
        return 0;
    }
    if (strchr("tTfFyYnNoO", c) && boolean(schema, text, &b)) {
        *ret = iac_bool(b, at);
        return 0;
    }
    if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
        int r = number(s, schema, text, at, ret);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    return iac_str(s, text, at, ret);
}

struct sco_str iac_yaml_key_text(const struct sco_iac_node *v, char tmp[32])
{
    int n = 0;
    switch (v->type) {
    case SCO_IAC_STR:
        return sco_str_make(v->text, v->n);
    case SCO_IAC_BOOL:
        return sco_str_c(v->i ? "true" : "false");
    case SCO_IAC_INT:
        n = snprintf(tmp, 32, "%lld", (long long)v->i);
        break;
    case SCO_IAC_REAL:
        n = snprintf(tmp, 32, "%.15g", v->real);
        break;
    default:
        return sco_str_c("null");
    }
    return sco_str_make(tmp, n > 0 && n < 32 ? (size_t)n : 0);
}
