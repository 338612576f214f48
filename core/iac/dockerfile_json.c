/* The JSON form of an instruction: an array of strings. Each string keeps its bytes in the line,
 * which the general readers of JSON do not give for a text that was joined from several lines. */
#include "dockerfile_priv.h"

enum { NESTING_MAX = 100 };

struct json {
    struct sco_str s;
    size_t i;
};

static void blanks(struct json *j)
{
    while (j->i < j->s.n && strchr(" \t\r\n", j->s.p[j->i]) && j->s.p[j->i])
        j->i++;
}

static bool eat(struct json *j, char c)
{
    blanks(j);
    if (j->i >= j->s.n || j->s.p[j->i] != c)
        return false;
    j->i++;
    return true;
}

static bool hex4(struct json *j, uint32_t *ret)
{
    uint32_t v = 0;
    for (int k = 0; k < 4; k++, j->i++) {
        if (j->i >= j->s.n)
            return false;
        char c = j->s.p[j->i];
        if (c >= '0' && c <= '9')
            v = v * 16 + (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v * 16 + (uint32_t)((c | 32) - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

static void add_rune(struct sco_buf *b, uint32_t c)
{
    if (c < 0x80) {
        sco_buf_addc(b, (char)c);
    } else if (c < 0x800) {
        sco_buf_addc(b, (char)(0xc0 | c >> 6));
        sco_buf_addc(b, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        sco_buf_addc(b, (char)(0xe0 | c >> 12));
        sco_buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
        sco_buf_addc(b, (char)(0x80 | (c & 63)));
    } else {
        sco_buf_addc(b, (char)(0xf0 | c >> 18));
        sco_buf_addc(b, (char)(0x80 | (c >> 12 & 63)));
        sco_buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
        sco_buf_addc(b, (char)(0x80 | (c & 63)));
    }
}

/* Behind \u. Half a pair becomes U+FFFD. */
static bool unicode(struct json *j, struct sco_buf *b)
{
    uint32_t hi, lo;
    if (!hex4(j, &hi))
        return false;
    if (hi >= 0xd800 && hi < 0xdc00 && j->i + 6 <= j->s.n && j->s.p[j->i] == '\\' &&
        j->s.p[j->i + 1] == 'u') {
        struct json ahead = {j->s, j->i + 2};
        if (!hex4(&ahead, &lo))
            return false;
        if (lo >= 0xdc00 && lo < 0xe000) {
            j->i = ahead.i;
            add_rune(b, 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00));
            return true;
        }
    }
    add_rune(b, hi >= 0xd800 && hi < 0xe000 ? 0xfffd : hi);
    return true;
}

/* Behind the opening quote, up to behind the closing one. */
static bool string(struct json *j, struct sco_buf *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    while (j->i < j->s.n) {
        char c = j->s.p[j->i++];
        if (c == '"')
            return true;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\') {
            sco_buf_addc(b, c);
            continue;
        }
        if (j->i >= j->s.n)
            return false;
        c = j->s.p[j->i++];
        const char *known = c ? strchr(from, c) : NULL;
        if (known)
            sco_buf_addc(b, to[known - from]);
        else if (c != 'u' || !unicode(j, b))
            return false;
    }
    return false;
}

static size_t digits(struct json *j)
{
    size_t start = j->i;
    while (j->i < j->s.n && j->s.p[j->i] >= '0' && j->s.p[j->i] <= '9')
        j->i++;
    return j->i - start;
}

static bool number(struct json *j)
{
    eat(j, '-');
    bool zero = j->i < j->s.n && j->s.p[j->i] == '0';
    size_t n = digits(j);
    if (!n || (zero && n > 1))
        return false;
    if (j->i < j->s.n && j->s.p[j->i] == '.') {
        j->i++;
        if (!digits(j))
            return false;
    }
    if (j->i < j->s.n && (j->s.p[j->i] | 32) == 'e') {
        j->i++;
        if (j->i < j->s.n && (j->s.p[j->i] == '+' || j->s.p[j->i] == '-'))
            j->i++;
        return digits(j) > 0;
    }
    return true;
}

static bool word(struct json *j, const char *w)
{
    if (!sco_str_starts(sco_str_make(j->s.p + j->i, j->s.n - j->i), w))
        return false;
    j->i += strlen(w);
    return true;
}

static bool skip(struct json *j, struct sco_buf *scratch, int depth);

static bool skip_all(struct json *j, struct sco_buf *scratch, char close, int depth)
{
    if (eat(j, close))
        return true;
    do {
        if (close == '}' && (!eat(j, '"') || !string(j, scratch) || !eat(j, ':')))
            return false;
        if (!skip(j, scratch, depth + 1))
            return false;
    } while (eat(j, ','));
    return eat(j, close);
}

/* Any value that is no string: only whether it is JSON matters. */
static bool skip(struct json *j, struct sco_buf *scratch, int depth)
{
    sco_buf_clear(scratch);
    blanks(j);
    if (j->i >= j->s.n || depth > NESTING_MAX)
        return false;
    if (eat(j, '"'))
        return string(j, scratch);
    if (eat(j, '['))
        return skip_all(j, scratch, ']', depth);
    if (eat(j, '{'))
        return skip_all(j, scratch, '}', depth);
    return word(j, "true") || word(j, "false") || word(j, "null") || number(j);
}

/* One element of the array. 0, 1: no JSON, SCO_E_NOMEM; *ret_other: a value that is no string. */
static int element(struct sco_arena *a, struct json *j, size_t at, struct df_words *ret,
                   bool *ret_other)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    blanks(j);
    size_t start = j->i;
    if (!eat(j, '"')) {
        *ret_other = true;
        return skip(j, &b, 0) ? 0 : 1;
    }
    if (!string(j, &b))
        return b.failed ? SCO_E_NOMEM : 1;
    struct sco_str text = sco_arena_str(a, sco_buf_str(&b));
    if (b.failed || !text.p)
        return SCO_E_NOMEM;
    return df_push(a, ret, text, at + start, at + j->i);
}

int df_json(struct sco_arena *a, struct sco_str text, size_t at, struct df_words *ret)
{
    struct json j = {text, 0};
    bool other = false;
    if (!eat(&j, '['))
        return 1;
    if (!eat(&j, ']')) {
        do {
            int r = element(a, &j, at, ret, &other);
            if (r != 0)
                return r;
        } while (eat(&j, ','));
        if (!eat(&j, ']'))
            return 1;
    }
    blanks(&j);
    if (j.i < text.n)
        return 1;
    return other ? SCO_E_PARSE : 0;
}
