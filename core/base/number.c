/* Strict parsing of numbers, durations and sizes: the whole string, in range, or an error. */
#include <secureops/base.h>

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static bool take_digits(struct sco_str *s, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s->p[i] - '0'), &v))
            return false;
    *s = sco_str_make(s->p + i, s->n - i);
    *ret = v;
    return i > 0;
}

int sco_parse_i64(struct sco_str s, int64_t min, int64_t max, int64_t *ret)
{
    bool neg = s.n && s.p[0] == '-';
    if (neg)
        s = sco_str_make(s.p + 1, s.n - 1);
    uint64_t u;
    if (!take_digits(&s, &u) || s.n || u > (uint64_t)INT64_MAX + neg)
        return SCO_E_INVALID;
    int64_t v = (int64_t)(neg ? 0 - u : u);
    if (v < min || v > max)
        return SCO_E_INVALID;
    *ret = v;
    return 0;
}

int sco_parse_real(struct sco_str s, double *ret)
{
    static locale_t c_locale;
    if (!c_locale)
        c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    char tmp[64];
    if (s.n == 0 || s.n >= sizeof tmp || !memchr("-+.0123456789", s.p[0], 13))
        return SCO_E_INVALID;
    for (size_t i = 0; i < s.n; i++) {
        if (!s.p[i] || !strchr("-+.0123456789eE", s.p[i]))
            return SCO_E_INVALID;
        tmp[i] = s.p[i];
    }
    tmp[s.n] = 0;
    char *end;
    double v = strtod_l(tmp, &end, c_locale);
    if (*end || !isfinite(v))
        return SCO_E_INVALID;
    *ret = v;
    return 0;
}

int sco_parse_bool(struct sco_str s, bool *ret)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++) {
        if (sco_str_is_nocase(s, words[i])) {
            *ret = i & 1;
            return 0;
        }
    }
    return SCO_E_INVALID;
}

struct unit {
    const char *name;
    int64_t factor;
};

static int64_t unit_factor(struct sco_str name, const struct unit *units, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(name, units[i].name))
            return units[i].factor;
    return 0;
}

int sco_parse_duration(struct sco_str s, int64_t *ret_ms)
{
    static const struct unit units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    int64_t total = 0;
    if (sco_str_is(s, "0")) {
        *ret_ms = 0;
        return 0;
    }
    if (!s.n)
        return SCO_E_INVALID;
    while (s.n) {
        uint64_t v;
        size_t len = 0;
        if (!take_digits(&s, &v) || v > INT64_MAX)
            return SCO_E_INVALID;
        while (len < s.n && (s.p[len] < '0' || s.p[len] > '9'))
            len++;
        int64_t part, f = unit_factor(sco_str_make(s.p, len), units, SCO_ARRAY_LEN(units));
        if (!f || __builtin_mul_overflow((int64_t)v, f, &part) ||
            __builtin_add_overflow(total, part, &total))
            return SCO_E_INVALID;
        s = sco_str_make(s.p + len, s.n - len);
    }
    *ret_ms = total;
    return 0;
}

int sco_parse_size(struct sco_str s, int64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},          {"B", 1},           {"K", 1 << 10},       {"KiB", 1 << 10},
        {"kB", 1000},     {"KB", 1000},       {"M", 1 << 20},       {"MiB", 1 << 20},
        {"MB", 1000000},  {"G", 1 << 30},     {"GiB", 1 << 30},     {"GB", 1000000000},
        {"T", 1LL << 40}, {"TiB", 1LL << 40}, {"TB", 1000000000000}};
    uint64_t v;
    int64_t bytes;
    if (!take_digits(&s, &v) || v > INT64_MAX)
        return SCO_E_INVALID;
    int64_t f = unit_factor(s, units, SCO_ARRAY_LEN(units));
    if (!f || __builtin_mul_overflow((int64_t)v, f, &bytes))
        return SCO_E_INVALID;
    *ret_bytes = bytes;
    return 0;
}

void sco_buf_add_duration(struct sco_buf *b, int64_t ms)
{
    if (ms < 1000)
        sco_buf_addf(b, "%lldms", (long long)ms);
    else if (ms < 60000)
        sco_buf_addf(b, "%lld.%llds", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
    else if (ms < 3600000)
        sco_buf_addf(b, "%lldm%02llds", (long long)(ms / 60000), (long long)(ms / 1000 % 60));
    else
        sco_buf_addf(b, "%lldh%02lldm", (long long)(ms / 3600000), (long long)(ms / 60000 % 60));
}
