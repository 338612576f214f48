/* Text of CI plugins: cutting on the borders of characters and rows, escaping for Markdown and
 * URLs. Results live in memory of the call. Header only. */
#pragma once

#include "ci_json.h"

/* The longest beginning of at most `max` bytes that ends between two characters. */
static inline struct sco_str ci_cut(struct sco_str s, size_t max)
{
    if (s.n <= max)
        return s;
    s.n = max;
    while (s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80)
        s.n--;
    return s;
}

/* The first line. */
static inline struct sco_str ci_first_line(struct sco_str s)
{
    const char *end = s.n ? (const char *)memchr(s.p, '\n', s.n) : NULL;
    if (end)
        s.n = (size_t)(end - s.p);
    while (s.n && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' '))
        s.n--;
    return s;
}

/* One line of at most `max` bytes (4 at least): white space and control characters become single
 * blanks; what was cut ends with "...". */
static inline struct sco_str ci_line(const struct sco_host *h, struct sco_str s, size_t max)
{
    char *p = s.n ? (char *)h->alloc(h, s.n + 4) : NULL;
    size_t n = 0;
    if (!p)
        return sco_str_make("", 0);
    for (size_t i = 0; i < s.n && n <= max; i++) {
        char c = (unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7F ? ' ' : s.p[i];
        if (c != ' ' || (n && p[n - 1] != ' '))
            p[n++] = c;
    }
    while (n && p[n - 1] == ' ')
        n--;
    if (n <= max)
        return sco_str_make(p, n);
    struct sco_str cut = ci_cut(sco_str_make(p, n), max - 3);
    memcpy(p + cut.n, "...", 3);
    return sco_str_make(p, cut.n + 3);
}

/* ---- cutting Markdown ---- */

/* What has to be closed at the end of a text. */
struct ci_open {
    int fence;      /* within a block of code */
    size_t fence_n; /* characters of its fence */
    char fence_c;
    unsigned details; /* <details> that are open */
};

static inline void ci_open_line(struct ci_open *o, struct sco_str line)
{
    size_t i = 0, n = 0;
    while (i < line.n && i < 3 && line.p[i] == ' ')
        i++;
    char c = i < line.n ? line.p[i] : 0;
    while (i + n < line.n && line.p[i + n] == c)
        n++;
    if ((c == '`' || c == '~') && n >= 3) {
        if (!o->fence) {
            o->fence = 1;
            o->fence_c = c;
            o->fence_n = n;
        } else if (c == o->fence_c && n >= o->fence_n) {
            o->fence = 0;
        }
        return;
    }
    for (i = 0; !o->fence && i < line.n; i++) {
        struct sco_str at = sco_str_make(line.p + i, line.n - i);
        if (sco_str_starts(at, "<details"))
            o->details++;
        else if (sco_str_starts(at, "</details") && o->details)
            o->details--;
    }
}

static inline void ci_open_close(const struct ci_open *o, struct ci_json *out)
{
    if (o->fence) {
        ci_json_put(out, "\n", 1);
        for (size_t i = 0; i < o->fence_n; i++)
            ci_json_put(out, &o->fence_c, 1);
        ci_json_put(out, "\n", 1);
    }
    for (unsigned i = 0; i < o->details; i++)
        ci_json_put(out, "\n</details>\n", 12);
}

/* At most `max` bytes of Markdown: ends after a whole row, with code fences and <details> closed,
 * and `note` as the last paragraph, in which the first "%" stands for the number of lines that were
 * left out. A text that fits is given back as it is. */
static inline struct sco_str ci_cut_rows(const struct sco_host *h, struct sco_str text, size_t max,
                                         const char *note)
{
    enum { ENDS = 400 }; /* for what has to be closed */
    struct ci_open open = {0, 0, 0, 0}, kept = {0, 0, 0, 0};
    size_t at = 0, end = 0, left = 0;
    if (text.n <= max)
        return text;
    size_t room = max > strlen(note) + ENDS ? max - strlen(note) - ENDS : 0;
    while (at < text.n) {
        const char *nl = (const char *)memchr(text.p + at, '\n', text.n - at);
        size_t next = nl ? (size_t)(nl - text.p) + 1 : text.n;
        if (next <= room && !left) {
            ci_open_line(&open, sco_str_make(text.p + at, next - at));
            if (open.fence_n <= 64 && open.details <= 16) {
                kept = open;
                end = next;
                at = next;
                continue;
            }
        }
        left++;
        at = next;
    }
    struct ci_json out = ci_json_new(h);
    ci_json_put(&out, text.p, end);
    ci_open_close(&kept, &out);
    ci_json_put(&out, "\n", 1);
    for (const char *z = note; *z; z++) {
        char number[24];
        if (*z == '%' && left) {
            int n = snprintf(number, sizeof number, "%zu", left);
            ci_json_put(&out, number, (size_t)n);
        } else {
            ci_json_put(&out, z, 1);
        }
    }
    ci_json_put(&out, "\n", 1);
    return ci_json_text(&out);
}

/* ---- escaping ---- */

/* Text that Markdown and HTML show as it is, also in a cell of a table; one line. Mentions (@name)
 * and references (#1) of the platforms stay plain text. */
static inline struct sco_str ci_markdown(const struct sco_host *h, struct sco_str s, size_t max)
{
    struct ci_json out = ci_json_new(h);
    struct sco_str line = ci_line(h, s, max);
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (c == '<')
            ci_json_put(&out, "&lt;", 4);
        else if (c == '>')
            ci_json_put(&out, "&gt;", 4);
        else if (c == '&')
            ci_json_put(&out, "&amp;", 5);
        else if (c == '@')
            ci_json_put(&out, "&#64;", 5);
        else if (c == '#')
            ci_json_put(&out, "&#35;", 5);
        else if (strchr("\\`*_{}[]()|~!", c)) {
            ci_json_put(&out, "\\", 1);
            ci_json_put(&out, &c, 1);
        } else
            ci_json_put(&out, &c, 1);
    }
    return ci_json_text(&out);
}

/* Percent-encoded but for unreserved characters and those of `keep` ("/" for a path); with a NUL.
 * "" when out of memory. */
static inline const char *ci_encode(const struct sco_host *h, struct sco_str s, const char *keep)
{
    static const char digits[] = "0123456789ABCDEF";
    char *p = (char *)h->alloc(h, s.n * 3 + 1), *at = p;
    if (!p)
        return "";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c && (strchr("-._~", c) || strchr(keep, c)))) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    *at = 0;
    return p;
}

/* Decodes %XX and, when `plus`, "+" to a blank; malformed sequences stay as they are. */
static inline struct sco_str ci_decode(const struct sco_host *h, struct sco_str s, int plus)
{
    char *p = (char *)h->alloc(h, s.n + 1);
    size_t n = 0;
    if (!p)
        return sco_str_make(NULL, 0);
    for (size_t i = 0; i < s.n; i++) {
        int v = 0, k;
        for (k = 1; s.p[i] == '%' && k <= 2 && i + (size_t)k < s.n; k++) {
            char c = s.p[i + (size_t)k];
            int d = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
            if (d < 0)
                break;
            v = v * 16 + d;
        }
        if (s.p[i] == '%' && k == 3) {
            p[n++] = (char)v;
            i += 2;
        } else {
            p[n++] = plus && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return sco_str_make(p, n);
}

/* A copy that lives until the call returns. */
static inline struct sco_str ci_copy(const struct sco_host *h, struct sco_str s)
{
    const char *p = s.p ? sco_cstr(h, s) : NULL;
    return sco_str_make(p, p ? s.n : 0);
}

/* `at` (NULL: "") and what is formatted, in memory of the call; "/" when that is out. */
static inline const char *ci_vpath(const struct sco_host *h, const char *at, const char *fmt,
                                   va_list ap)
{
    size_t n = strlen(at ? at : "");
    va_list again;
    va_copy(again, ap);
    int k = vsnprintf(NULL, 0, fmt, ap);
    char *p = k < 0 ? NULL : (char *)h->alloc(h, n + (size_t)k + 1);
    if (p) {
        memcpy(p, at ? at : "", n);
        vsnprintf(p + n, (size_t)k + 1, fmt, again);
    }
    va_end(again);
    return p ? p : "/";
}

/* A path as platforms want it: without "./" and doubled slashes, below `root` when that is not
 * empty; {NULL, 0} for one that is absolute, empty, or leads out with "..". */
static inline struct sco_str ci_repo_path(const struct sco_host *h, struct sco_str root,
                                          struct sco_str path)
{
    struct ci_json out = ci_json_new(h);
    struct sco_str parts[2];
    parts[0] = root;
    parts[1] = path;
    if (!path.n || path.p[0] == '/' || memchr(path.p, '\\', path.n) || memchr(path.p, 0, path.n))
        return sco_str_make(NULL, 0);
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; at < parts[i].n;) {
            const char *slash = (const char *)memchr(parts[i].p + at, '/', parts[i].n - at);
            size_t n = slash ? (size_t)(slash - parts[i].p) - at : parts[i].n - at;
            struct sco_str name = sco_str_make(parts[i].p + at, n);
            at += n + 1;
            if (sco_str_is(name, ".."))
                return sco_str_make(NULL, 0);
            if (!n || sco_str_is(name, "."))
                continue;
            if (out.n)
                ci_json_put(&out, "/", 1);
            ci_json_put(&out, name.p, name.n);
        }
    return out.n ? ci_json_text(&out) : sco_str_make(NULL, 0);
}

/* The counts of a verdict; of a scan that the gate let pass although it did not see everything,
 * with a word about it: "no new findings" alone would read like a clean result. */
static inline struct sco_str ci_verdict_counts(const struct sco_host *h, const struct sco_node *q,
                                               struct sco_str counts)
{
    if (!sco_str_is(sco_text_at(q, "scan.status"), "incomplete"))
        return counts;
    return sco_fmt(h, "%.*s; a part was not checked", SCO_STR_ARG(counts));
}
