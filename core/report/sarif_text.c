/* Texts and URIs of SARIF. */
#include "sarif_priv.h"

enum { PASCAL_MAX = 80 };

static bool is_alpha(char c)
{
    return (unsigned)((c | 32) - 'a') < 26u;
}

static bool is_digit(char c)
{
    return (unsigned)(c - '0') < 10u;
}

static const bool in_message[256] = {['{'] = true, ['}'] = true, ['['] = true, [']'] = true};
static const bool in_markdown[256] = {
    ['\\'] = true, ['<'] = true, ['['] = true, [']'] = true, ['&'] = true};

/* Appends s from *i on up to the first special byte and moves *i there; false at the end. */
static bool add_until(struct sco_buf *b, struct sco_str s, size_t *i, const bool special[256])
{
    size_t start = *i;
    while (*i < s.n && !special[(unsigned char)s.p[*i]])
        ++*i;
    sco_buf_add(b, sco_str_make(s.p + start, *i - start));
    return *i < s.n;
}

/* SARIF 3.11: "{{" and "\[" stand for the character itself. */
void sarif_add_message(struct sco_buf *b, struct sco_str s)
{
    s = sco_str_trim(s);
    for (size_t i = 0; add_until(b, s, &i, in_message); i++) {
        char c = s.p[i];
        sco_buf_addc(b, c == '{' || c == '}' ? c : '\\');
        sco_buf_addc(b, c);
    }
    if (!s.n || s.p[s.n - 1] != '.')
        sco_buf_addc(b, '.');
}

void sarif_add_markdown(struct sco_buf *b, struct sco_str s)
{
    s = sco_str_trim(s);
    for (size_t i = 0; add_until(b, s, &i, in_markdown); i++) {
        sco_buf_addc(b, '\\');
        sco_buf_addc(b, s.p[i]);
    }
}

static void add_path_part(struct sco_buf *b, struct sco_str part)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < part.n; i++) {
        size_t start = i;
        while (i < part.n && (is_alpha(part.p[i]) || is_digit(part.p[i]) ||
                              (part.p[i] && strchr("-._~@", part.p[i]))))
            i++;
        sco_buf_add(b, sco_str_make(part.p + start, i - start));
        if (i < part.n) {
            unsigned c = (unsigned char)part.p[i];
            sco_buf_add(b, sco_str_make((char[]){'%', hex[c >> 4], hex[c & 15]}, 3));
        }
    }
}

void sarif_add_path_uri(struct sco_buf *b, struct sco_str path)
{
    struct sco_str part;
    size_t start = b->n;
    while (sco_str_split(&path, '/', &part)) {
        if (!part.n || sco_str_is(part, ".") || sco_str_is(part, ".."))
            continue;
        if (b->n > start)
            sco_buf_addc(b, '/');
        add_path_part(b, part);
    }
    if (b->n == start)
        sco_buf_addz(b, "unknown");
}

bool sarif_is_url(struct sco_str s)
{
    size_t scheme = sco_str_starts(s, "https://") ? 8 : sco_str_starts(s, "http://") ? 7 : 0;
    bool fragment = false;
    if (!scheme || s.n == scheme || (!is_alpha(s.p[scheme]) && !is_digit(s.p[scheme])))
        return false;
    for (size_t i = scheme; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            for (size_t k = i + 1; k <= i + 2; k++)
                if (k >= s.n || !(is_digit(s.p[k]) || (unsigned)((s.p[k] | 32) - 'a') < 6u))
                    return false;
        } else if (c == '#') {
            if (fragment)
                return false;
            fragment = true;
        } else if (!is_alpha(c) && !is_digit(c) && (!c || !strchr("-._~:/?@!$&'()*+,;=", c)))
            return false;
    }
    /* What follows a colon in the host part is a port; a user name has no place in a report. */
    bool port = false;
    for (size_t i = scheme; i < s.n && !strchr("/?#", s.p[i]); i++) {
        if (s.p[i] == '@' || (port && !is_digit(s.p[i])))
            return false;
        port = port || s.p[i] == ':';
    }
    return true;
}

void sarif_add_cut(struct sco_buf *b, struct sco_str s, size_t characters)
{
    size_t n = 0, at = 0, cut = 0;
    s = sco_str_trim(s);
    for (; at < s.n; at++) {
        if (((unsigned char)s.p[at] & 0xC0) == 0x80)
            continue;
        if (n == characters - 3)
            cut = at;
        if (n++ == characters) {
            sco_buf_add(b, sco_str_make(s.p, cut));
            sco_buf_addz(b, "...");
            return;
        }
    }
    sco_buf_add(b, s);
}

/* A word that is all capitals keeps only the first. */
static void add_word(struct sco_buf *b, struct sco_str s)
{
    bool shout = true;
    for (size_t i = 0; i < s.n; i++)
        shout = shout && !(is_alpha(s.p[i]) && (s.p[i] & 32));
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!is_alpha(c))
            sco_buf_addc(b, c);
        else
            sco_buf_addc(b, (char)(i == 0 ? c & ~32 : shout ? c | 32 : c));
    }
}

void sarif_add_pascal(struct sco_buf *b, struct sco_str s)
{
    size_t start = b->n;
    for (size_t i = 0; i < s.n && b->n - start < PASCAL_MAX;) {
        size_t n = 0;
        while (i + n < s.n && (is_alpha(s.p[i + n]) || is_digit(s.p[i + n])))
            n++;
        if (n && b->n == start && is_digit(s.p[i]))
            sco_buf_addz(b, "Rule");
        add_word(b, sco_str_make(s.p + i, n < PASCAL_MAX ? n : PASCAL_MAX));
        i += n + 1;
    }
    if (b->n == start)
        sco_buf_addz(b, "Rule");
}

void sarif_write_text(struct sco_json_out *o, const char *key, struct sco_str s)
{
    sco_json_key(o, key);
    sco_json_begin(o, '{');
    sco_json_key(o, "text");
    sco_json_str(o, s);
    sco_json_end(o, '}');
}
