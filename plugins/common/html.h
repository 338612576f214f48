/* HTML fragments of reports to plain text: tags go, block elements become line breaks, list items
 * get a dash, entities their character. For texts of scanners, not a parser of pages: what it does
 * not understand stays as it is written. Header only: a plugin links nothing. */
#pragma once

#include <secureops/plugin.h>

enum { HTML_TEXT_MAX = 1 << 20 }; /* longer input is cut */

static inline int html_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : (unsigned char)c;
}

/* Whether the tag at `s` (behind "<" or "</") is called `name`. */
static inline int html_named(struct sco_str s, const char *name)
{
    size_t n = strlen(name), i;
    if (s.n < n)
        return 0;
    for (i = 0; i < n; i++)
        if (html_lower(s.p[i]) != name[i])
            return 0;
    return s.n == n || strchr(" \t\r\n/>", s.p[n]) != NULL;
}

static inline size_t html_put_char(char *out, uint32_t c)
{
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        c = 0xFFFD;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* An entity at "&": its length and character. 0: none that is known. The character never takes more
 * bytes than the entity, so the text only shrinks. */
static inline size_t html_entity(struct sco_str s, uint32_t *ret)
{
    static const struct {
        const char *name;
        uint32_t c;
    } known[] = {{"amp", '&'},      {"lt", '<'},       {"gt", '>'},        {"quot", '"'},
                 {"apos", '\''},    {"nbsp", ' '},     {"hellip", 0x2026}, {"mdash", 0x2014},
                 {"ndash", 0x2013}, {"copy", 0xA9},    {"reg", 0xAE},      {"rsquo", 0x2019},
                 {"lsquo", 0x2018}, {"rdquo", 0x201D}, {"ldquo", 0x201C},  {"bull", 0x2022},
                 {"middot", 0xB7}};
    size_t end = 1, i;
    uint32_t v = 0;
    while (end < s.n && end < 10 && s.p[end] != ';')
        end++;
    if (end >= s.n || s.p[end] != ';' || end < 3)
        return 0;
    if (s.p[1] == '#') {
        int hex = s.p[2] == 'x' || s.p[2] == 'X';
        for (i = hex ? 3 : 2; i < end; i++) {
            int d = html_lower(s.p[i]);
            d = d >= '0' && d <= '9' ? d - '0' : hex && d >= 'a' && d <= 'f' ? d - 'a' + 10 : -1;
            if (d < 0)
                return 0;
            v = v * (hex ? 16u : 10u) + (uint32_t)d;
        }
        if (i == (hex ? 3u : 2u))
            return 0;
        *ret = v;
        return end + 1;
    }
    for (i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i].name) == end - 1 && memcmp(s.p + 1, known[i].name, end - 1) == 0) {
            *ret = known[i].c;
            return end + 1;
        }
    return 0;
}

struct html_out {
    char *p;
    size_t n;
    int space;  /* a blank is due before the next character */
    int breaks; /* line breaks that are due */
    int pre;    /* inside <pre>: white space stays */
};

static inline void html_break(struct html_out *o, int n)
{
    if (o->n && o->breaks < n)
        o->breaks = n;
    o->space = 0;
}

static inline void html_flush(struct html_out *o)
{
    for (; o->breaks > 0; o->breaks--)
        o->p[o->n++] = '\n';
    if (o->space && o->n && o->p[o->n - 1] != '\n')
        o->p[o->n++] = ' ';
    o->space = o->breaks = 0;
}

/* At "<": the length of the tag or comment, with its effect; 0 when it is only a character. */
static inline size_t html_tag(struct html_out *o, struct sco_str s)
{
    static const char *const blocks[] = {"p",   "div",        "ul", "ol", "table", "tr",
                                         "h1",  "h2",         "h3", "h4", "h5",    "h6",
                                         "pre", "blockquote", "br", NULL};
    size_t end = 1, i;
    int closing = s.n > 1 && s.p[1] == '/';
    char first = s.n > 1 ? s.p[closing ? 2 : 1] : 0;
    struct sco_str name;
    if (s.n >= 4 && memcmp(s.p, "<!--", 4) == 0) {
        for (end = 4; end + 3 <= s.n && memcmp(s.p + end, "-->", 3) != 0; end++)
            ;
        return end + 3 <= s.n ? end + 3 : s.n;
    }
    if (s.n < 3 || !(html_lower(first) >= 'a' && html_lower(first) <= 'z'))
        return 0;
    while (end < s.n && s.p[end] != '>' && s.p[end] != '<')
        end++;
    if (end >= s.n || s.p[end] != '>')
        return 0;
    name = sco_str_make(s.p + 1 + closing, end - (size_t)closing);
    for (i = 0; blocks[i]; i++)
        if (html_named(name, blocks[i]))
            html_break(o, 1);
    if (html_named(name, "p") && closing)
        html_break(o, 2);
    if (html_named(name, "pre"))
        o->pre = !closing;
    if (html_named(name, "td") || html_named(name, "th"))
        o->space = 1;
    if (html_named(name, "li") && !closing) {
        html_break(o, 1);
        html_flush(o);
        o->p[o->n++] = '-';
        o->space = 1;
    }
    return end + 1;
}

/* Plain text of a fragment, in memory that lives until the next emit; the input itself when there
 * is nothing to do. */
static inline struct sco_str html_text(const struct sco_host *h, struct sco_str s)
{
    struct html_out o;
    size_t i, n;
    if (s.n > HTML_TEXT_MAX)
        s.n = HTML_TEXT_MAX;
    memset(&o, 0, sizeof o);
    if (!s.n || !(o.p = (char *)h->tmp(h, s.n + 4)))
        return s;
    for (i = 0; i < s.n; i += n) {
        struct sco_str rest = sco_str_make(s.p + i, s.n - i);
        uint32_t c = 0;
        n = s.p[i] == '<' ? html_tag(&o, rest) : 0;
        if (n)
            continue;
        n = s.p[i] == '&' ? html_entity(rest, &c) : 0;
        if (n && c != ' ') {
            html_flush(&o);
            o.n += html_put_char(o.p + o.n, c);
            continue;
        }
        if (n) {
            o.space = 1;
            continue;
        }
        n = 1;
        if ((unsigned char)s.p[i] <= ' ' && !(o.pre && s.p[i] != '\r')) {
            o.space = 1;
            continue;
        }
        html_flush(&o);
        o.p[o.n++] = s.p[i];
    }
    while (o.n && (unsigned char)o.p[o.n - 1] <= ' ')
        o.n--;
    return sco_str_make(o.p, o.n);
}

/* The http and https URLs in a text or fragment: at most `max`, views into `s` or tmp memory. */
static inline size_t html_urls(struct sco_str s, struct sco_str *out, size_t max)
{
    size_t n = 0, i = 0;
    while (i < s.n && n < max) {
        struct sco_str rest = sco_str_make(s.p + i, s.n - i);
        size_t end = 0;
        if (!sco_str_starts(rest, "http://") && !sco_str_starts(rest, "https://")) {
            i++;
            continue;
        }
        while (end < rest.n && (unsigned char)rest.p[end] > ' ' && !strchr("<>\"'", rest.p[end]))
            end++;
        out[n++] = sco_str_make(rest.p, end);
        i += end;
    }
    return n;
}
