/* Words of a shell text: quotes and escapes removed, expansions as written, and descent into
 * $(...), `...` and <(...), which hold commands themselves. */
#include "shell_priv.h"

#include <stdlib.h>

struct iac_span sh_span(const struct sh_level *l, size_t a, size_t b)
{
    return l->src ? l->src->at(l->src->user, a + l->shift, b + l->shift) : l->fixed;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool meta(char c)
{
    return c && (blank(c) || strchr(";&|<>()", c));
}

static char peek(const struct sh *h, size_t ahead)
{
    return h->i + ahead < h->s.n ? h->s.p[h->i + ahead] : 0;
}

static struct sco_str since(const struct sh *h, size_t start)
{
    size_t end = h->i < h->s.n ? h->i : h->s.n;
    return sco_str_make(h->s.p + start, end - start);
}

/* $(...), <(...): h->i is behind the parenthesis. */
static int substitution(struct sh *h)
{
    if (++h->split->depth > IAC_SHELL_DEPTH_MAX)
        return SCO_E_LIMIT;
    struct sh inner = {h->split, h->level, h->s, h->i, NULL, 0, 0};
    int r = sh_list(&inner, ')');
    h->i = inner.i;
    free(inner.pending);
    h->split->depth--;
    return r;
}

/* Backquotes: a backslash before $ ` \ belongs to the outer text. */
static int backquotes(struct sh *h)
{
    size_t start = ++h->i;
    bool escaped = false;
    while (h->i < h->s.n && h->s.p[h->i] != '`') {
        if (h->s.p[h->i] == '\\' && h->i + 1 < h->s.n) {
            escaped = true;
            h->i++;
        }
        h->i++;
    }
    size_t end = h->i < h->s.n ? h->i : h->s.n;
    h->i = end + 1;
    if (!escaped)
        return sh_part(h, start, end, true);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = start; i < end; i++) {
        if (h->s.p[i] == '\\' && i + 1 < end && strchr("$`\\", h->s.p[i + 1]) && h->s.p[i + 1])
            i++;
        sco_buf_addc(&b, h->s.p[i]);
    }
    struct sh_word w = {.a = start, .b = end, .inner = SIZE_MAX};
    int r = b.failed
                ? SCO_E_NOMEM
                : iac_str(h->split->s, sco_buf_str(&b), sh_span(h->level, start, end), &w.text);
    return r < 0 ? r : sh_text(h->split, h->level, &w);
}

static void single_quotes(struct sh *h, struct sco_buf *out)
{
    size_t start = ++h->i;
    const char *end = start < h->s.n ? memchr(h->s.p + start, '\'', h->s.n - start) : NULL;
    h->i = end ? (size_t)(end - h->s.p) : h->s.n;
    sco_buf_add(out, since(h, start));
    h->i++;
}

/* $'...': only the escapes that occur in practice are taken apart. */
static void ansi_quotes(struct sh *h, struct sco_buf *out)
{
    static const char from[] = "ntr\\'\"", to[] = "\n\t\r\\'\"";
    for (h->i += 2; h->i < h->s.n && h->s.p[h->i] != '\''; h->i++) {
        char c = h->s.p[h->i];
        if (c == '\\' && h->i + 1 < h->s.n) {
            c = h->s.p[++h->i];
            const char *known = c ? strchr(from, c) : NULL;
            if (!known)
                sco_buf_addc(out, '\\');
            else
                c = to[known - from];
        }
        sco_buf_addc(out, c);
    }
    h->i++;
}

/* ${...} and $((...)): as written, with the commands inside. `depth` counts the open ones. */
static int until_closed(struct sh *h, char open, char close)
{
    int r = 0;
    for (size_t depth = 1; h->i < h->s.n && depth && r == 0;) {
        char c = h->s.p[h->i];
        if (c == '\\') {
            h->i += 2;
        } else if (c == '$' && peek(h, 1) == '(' && peek(h, 2) != '(') {
            h->i += 2;
            r = substitution(h);
        } else if (c == '`') {
            r = backquotes(h);
        } else if (c == '\'' && close == '}') {
            const char *end = memchr(h->s.p + h->i + 1, '\'', h->s.n - h->i - 1);
            h->i = end ? (size_t)(end - h->s.p) + 1 : h->i + 1;
        } else {
            depth += (c == open) - (size_t)(c == close);
            h->i++;
        }
    }
    if (h->i > h->s.n)
        h->i = h->s.n;
    return r;
}

/* At a $: what follows is kept as written. */
static int dollar(struct sh *h, struct sco_buf *out)
{
    size_t start = h->i;
    int r = 0;
    if (peek(h, 1) == '(' && peek(h, 2) == '(') {
        h->i += 3;
        r = until_closed(h, '(', ')');
        h->i += peek(h, 0) == ')';
    } else if (peek(h, 1) == '(') {
        h->i += 2;
        r = substitution(h);
    } else if (peek(h, 1) == '{') {
        h->i += 2;
        r = until_closed(h, '{', '}');
    } else {
        h->i++;
    }
    sco_buf_add(out, since(h, start));
    return r;
}

static int backquoted(struct sh *h, struct sco_buf *out)
{
    size_t start = h->i;
    int r = backquotes(h);
    sco_buf_add(out, since(h, start));
    return r;
}

int sh_quoted(struct sh *h, char close, struct sco_buf *out, bool *ret_plain)
{
    bool windows = h->split->flags & IAC_SHELL_WINDOWS;
    int r = 0;
    while (h->i < h->s.n && r == 0 && (!close || h->s.p[h->i] != close)) {
        char c = h->s.p[h->i];
        if (c == '$') {
            r = dollar(h, out);
        } else if (c == '`' && !windows) {
            r = backquoted(h, out);
        } else if (c == '\\' && !windows && h->i + 1 < h->s.n &&
                   memchr("$`\"\\\n", h->s.p[h->i + 1], 5)) {
            *ret_plain = false;
            if (h->s.p[h->i + 1] != '\n')
                sco_buf_addc(out, h->s.p[h->i + 1]);
            h->i += 2;
        } else {
            sco_buf_addc(out, c);
            h->i++;
        }
    }
    h->i++;
    return r;
}

/* One piece of a word: a quoted string, an expansion, or a character. */
static int piece(struct sh *h, struct sco_buf *out, bool *ret_plain)
{
    char c = h->s.p[h->i];
    bool windows = h->split->flags & IAC_SHELL_WINDOWS, copied = true;
    if (c == '\\' && !windows) {
        *ret_plain = false;
        if (peek(h, 1) == '\n' || (peek(h, 1) == '\r' && peek(h, 2) == '\n')) {
            h->i += peek(h, 1) == '\r' ? 3 : 2;
            return 0;
        }
        if (h->i + 1 < h->s.n)
            sco_buf_addc(out, h->s.p[h->i + 1]);
        h->i += 2;
        return 0;
    }
    if (c == '\'') {
        *ret_plain = false;
        single_quotes(h, out);
        return 0;
    }
    if (c == '"') {
        *ret_plain = false;
        h->i++;
        return sh_quoted(h, '"', out, &copied);
    }
    if (c == '$' && peek(h, 1) == '\'') {
        *ret_plain = false;
        ansi_quotes(h, out);
        return 0;
    }
    if (c == '$')
        return dollar(h, out);
    if (c == '`' && !windows)
        return backquoted(h, out);
    sco_buf_addc(out, c);
    h->i++;
    return 0;
}

/* Where the text of the word starts when it stands there byte by byte. */
static size_t inner_start(const struct sh *h, size_t a, size_t b, struct sco_str text)
{
    for (size_t lead = 0; lead <= 1 && a + lead + text.n <= b; lead++)
        if (b - a == text.n + 2 * lead && memcmp(h->s.p + a + lead, text.p, text.n) == 0)
            return a + lead;
    return SIZE_MAX;
}

int sh_word(struct sh *h, struct sh_word *ret)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    size_t start = h->i;
    bool plain = true;
    int r = 0;
    if ((peek(h, 0) == '<' || peek(h, 0) == '>') && peek(h, 1) == '(') {
        h->i += 2;
        r = substitution(h);
        sco_buf_add(&b, since(h, start));
    }
    while (r == 0 && h->i < h->s.n && !meta(h->s.p[h->i]))
        r = piece(h, &b, &plain);
    if (h->i > h->s.n)
        h->i = h->s.n;
    if (r < 0)
        return r;
    *ret = (struct sh_word){.a = start, .b = h->i, .plain = plain};
    if (b.failed)
        return SCO_E_NOMEM;
    r = iac_str(h->split->s, sco_buf_str(&b), sh_span(h->level, start, h->i), &ret->text);
    if (r < 0)
        return r;
    ret->text.flags |= h->level->flags;
    ret->inner = inner_start(h, start, h->i, sco_iac_text(&ret->text));
    return 0;
}
