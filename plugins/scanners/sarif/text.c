/* Texts of a SARIF log: messages with their arguments, titles, labelled lines. */
#include "sarif_priv.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

struct sco_str text_trim(struct sco_str s)
{
    while (s.n && (unsigned char)s.p[0] <= ' ') {
        s.p++;
        s.n--;
    }
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

int text_starts_nocase(struct sco_str s, const char *prefix)
{
    size_t i = 0;
    for (; prefix[i]; i++)
        if (i >= s.n || lower(s.p[i]) != (unsigned char)prefix[i])
            return 0;
    return 1;
}

int text_contains(struct sco_str s, const char *needle)
{
    size_t n = strlen(needle);
    for (; s.n >= n; s.p++, s.n--)
        if (text_starts_nocase(s, needle))
            return 1;
    return 0;
}

/* The longest start of s with at most max bytes that does not cut a character. */
static struct sco_str cut(struct sco_str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max > 0 && ((unsigned char)s.p[max] & 0xC0) == 0x80)
        max--;
    return sco_str_make(s.p, max);
}

struct sco_str text_keep(const struct sco_host *h, struct sco_str s, size_t max)
{
    s = cut(s, max);
    const char *p = s.n ? sco_cstr(h, s) : NULL;
    return sco_str_make(p, p ? s.n : 0);
}

struct sco_str text_join(const struct sco_host *h, struct sco_str a, const char *sep,
                         struct sco_str b)
{
    if (!a.n)
        return b;
    if (!b.n)
        return a;
    size_t k = strlen(sep);
    char *p = h->tmp(h, a.n + k + b.n);
    if (!p)
        return a;
    memcpy(p, a.p, a.n);
    memcpy(p + a.n, sep, k);
    memcpy(p + a.n + k, b.p, b.n);
    return sco_str_make(p, a.n + k + b.n);
}

/* The first line, or the first sentences of it that fit, or what fits and "...". */
struct sco_str text_title(const struct sco_host *h, struct sco_str message)
{
    struct sco_str line = text_trim(message);
    const char *end = line.n ? memchr(line.p, '\n', line.n) : NULL;
    if (end)
        line.n = (size_t)(end - line.p);
    line = text_trim(line);
    if (line.n <= SARIF_TITLE_MAX)
        return line;
    size_t sentence = 0, word = 0;
    for (size_t i = 1; i < SARIF_TITLE_MAX - 3; i++) {
        if (line.p[i] != ' ')
            continue;
        word = i;
        if (line.p[i - 1] == '.' && i > 40)
            sentence = i;
    }
    if (sentence)
        return sco_str_make(line.p, sentence);
    struct sco_str head = cut(line, word ? word : SARIF_TITLE_MAX - 3);
    return text_join(h, head, "", SCO_STR("..."));
}

/* ---- messages -------------------------------------------------------------------------------- */

static struct sco_str pair_find(const struct sco_pair *v, size_t n, struct sco_str key)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_eq(v[i].key, key))
            return v[i].value;
    return sco_str_make(NULL, 0);
}

struct out {
    char *p;
    size_t n, cap;
};

static void put(struct out *o, struct sco_str s)
{
    if (s.n > o->cap - o->n)
        s = cut(s, o->cap - o->n);
    if (s.n)
        memcpy(o->p + o->n, s.p, s.n);
    o->n += s.n;
}

/* At "{12}": its number and its length; 0 when it is no placeholder. */
static size_t placeholder(struct sco_str s, size_t *ret_index)
{
    size_t i = 1, v = 0;
    for (; i < s.n && i < 6 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        v = v * 10 + (size_t)(s.p[i] - '0');
    if (i == 1 || i >= s.n || s.p[i] != '}')
        return 0;
    *ret_index = v;
    return i + 1;
}

/* At "[text](12)": the length of the whole, the text; 0 when it is no link to a location. */
static size_t location_link(struct sco_str s, struct sco_str *ret_text)
{
    size_t i = 1;
    while (i < s.n && s.p[i] != ']' && s.p[i] != '[' && s.p[i] != '\n')
        i++;
    if (i + 2 >= s.n || s.p[i] != ']' || s.p[i + 1] != '(')
        return 0;
    *ret_text = sco_str_make(s.p + 1, i - 1);
    size_t k = i + 2;
    while (k < s.n && s.p[k] >= '0' && s.p[k] <= '9')
        k++;
    return k > i + 2 && k < s.n && s.p[k] == ')' ? k + 1 : 0;
}

static size_t arguments_size(const struct sco_node *arguments)
{
    size_t n = 0;
    SCO_EACH (a, arguments)
        n += sco_text(a).n;
    return n;
}

static struct sco_str argument(const struct sco_node *arguments, size_t index)
{
    SCO_EACH (a, arguments) {
        if (index-- == 0)
            return sco_text(a);
    }
    return sco_str_make(NULL, 0);
}

static size_t expand_at(struct out *o, struct sco_str rest, const struct sco_node *arguments)
{
    struct sco_str inner = {0};
    size_t index = 0, n = 0;
    char c = rest.p[0];
    if (c == '[' && (n = location_link(rest, &inner)) > 0) {
        put(o, inner);
        return n;
    }
    if (c == '\\' && rest.n > 1 && (rest.p[1] == '[' || rest.p[1] == ']' || rest.p[1] == '\\')) {
        put(o, sco_str_make(rest.p + 1, 1));
        return 2;
    }
    if (arguments && c == '{' && (n = placeholder(rest, &index)) > 0) {
        put(o, argument(arguments, index));
        return n;
    }
    if (arguments && (c == '{' || c == '}') && rest.n > 1 && rest.p[1] == c) {
        put(o, sco_str_make(rest.p, 1));
        return 2;
    }
    put(o, sco_str_make(rest.p, 1));
    return 1;
}

/* Puts the arguments in, makes plain text of links to locations and of escaped brackets. */
static struct sco_str expand(const struct sco_host *h, struct sco_str text,
                             const struct sco_node *arguments)
{
    int special = (text.n && memchr(text.p, '[', text.n)) ||
                  (arguments && text.n && memchr(text.p, '{', text.n));
    if (!special)
        return text;
    size_t cap = text.n + 16 * arguments_size(arguments);
    struct out o = {NULL, 0, cap > SARIF_MESSAGE_MAX ? SARIF_MESSAGE_MAX : cap};
    if (!(o.p = h->tmp(h, o.cap + 1)))
        return text;
    for (size_t i = 0; i < text.n && o.n < o.cap;) {
        size_t k = i; /* plain stretch */
        while (k < text.n && text.p[k] != '[' && text.p[k] != '{' && text.p[k] != '}' &&
               text.p[k] != '\\')
            k++;
        put(&o, sco_str_make(text.p + i, k - i));
        i = k;
        if (i < text.n)
            i += expand_at(&o, sco_str_make(text.p + i, text.n - i), arguments);
    }
    return sco_str_make(o.p, o.n);
}

struct sco_str text_message(const struct run *r, const struct rule *rule,
                            const struct sco_node *message)
{
    struct sco_str text = sco_text(message);
    if (message && message->type == SCO_NODE_MAP) {
        text = sco_text(sco_get(message, "text"));
        struct sco_str id = sco_text(sco_get(message, "id"));
        if (!text.n && id.n && rule)
            text = pair_find(rule->messages, rule->n_messages, id);
        if (!text.n && id.n)
            text = pair_find(r->global_messages, r->n_global_messages, id);
        if (!text.n)
            text = sco_text(sco_get(message, "markdown"));
    }
    const struct sco_node *arguments = sco_get(message, "arguments");
    return text_trim(expand(r->h, text, sco_is(arguments, SCO_NODE_LIST) ? arguments : NULL));
}

/* The rest of the line that starts with `label`, without white space around it. */
struct sco_str text_line_value(struct sco_str text, const char *label)
{
    size_t n = strlen(label);
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t len = end ? (size_t)(end - text.p) : text.n;
        if (len > n && memcmp(text.p, label, n) == 0)
            return text_trim(sco_str_make(text.p + n, len - n));
        len += end ? 1 : 0;
        text.p += len;
        text.n -= len;
    }
    return sco_str_make(NULL, 0);
}
