/* From bytes to instructions on one line each: parser directives, comments, continuations and
 * here-documents, by the rules of BuildKit's parser. Every byte of a joined line can be found again
 * in the file. */
#include "dockerfile_priv.h"

#include <stdlib.h>

enum { SOUGHT_MAX = 256 << 20 }; /* bytes looked through for ends that are not there */

struct lines {
    struct sco_arena *a;
    struct df_file *file;
    struct sco_str text;
    size_t at;       /* next line */
    uint32_t number; /* of the line last read */
    size_t sought;
    bool directives_over;
    bool seen[3];
    struct sco_buf joined;
    struct df_seg *seg;
    size_t n_seg, cap_seg;
};

struct raw { /* one physical line, without its end */
    struct sco_str text;
    uint32_t pos, next; /* next: of the line after it */
};

int df_problem(struct sco_arena *a, struct df_file *f, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, printable = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    sco_buf_add_printable(&printable, sco_buf_str(&b));
    if (b.failed || printable.failed || !(f->problem = sco_arena_cstr(a, sco_buf_str(&printable))))
        return SCO_E_NOMEM;
    return SCO_E_PARSE;
}

struct iac_span df_span(const struct df_line *l, uint32_t doc, size_t a, size_t b)
{
    struct iac_span s = {doc, l->pos, l->pos};
    size_t from = 0, to = 0;
    for (size_t lo = 0, hi = l->n_seg; lo < hi;) {
        size_t mid = (lo + hi) / 2;
        if (l->seg[mid].at <= a) {
            from = mid;
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    size_t last = b > a ? b - 1 : a;
    for (to = from; to + 1 < l->n_seg && l->seg[to + 1].at <= last;)
        to++;
    if (l->n_seg) {
        s.pos = l->seg[from].pos + (uint32_t)(a - l->seg[from].at);
        s.end = b > a ? l->seg[to].pos + (uint32_t)(last - l->seg[to].at) + 1 : s.pos;
    }
    return s;
}

static bool next_line(struct lines *l, struct raw *ret)
{
    if (l->at >= l->text.n)
        return false;
    const char *p = l->text.p + l->at, *nl = memchr(p, '\n', l->text.n - l->at);
    size_t n = nl ? (size_t)(nl - p) : l->text.n - l->at;
    ret->pos = (uint32_t)l->at;
    l->at += n + (nl != NULL);
    ret->next = (uint32_t)l->at;
    while (n && p[n - 1] == '\r')
        n--;
    ret->text = sco_str_make(p, n);
    l->number++;
    return true;
}

static struct raw skip_space(struct raw r)
{
    while (r.text.n && df_space(*r.text.p)) {
        r.text.p++;
        r.text.n--;
        r.pos++;
    }
    return r;
}

/* "name = value" after the #. The value is never empty. */
static bool split_directive(struct sco_str s, struct sco_str *name, struct sco_str *value)
{
    s = sco_str_trim(s);
    size_t n = 0;
    while (n < s.n && (((s.p[n] | 32) >= 'a' && (s.p[n] | 32) <= 'z') ||
                       (n && s.p[n] >= '0' && s.p[n] <= '9')))
        n++;
    *name = sco_str_make(s.p, n);
    struct sco_str rest = sco_str_trim(sco_str_make(s.p + n, s.n - n));
    if (!n || !rest.n || *rest.p != '=')
        return false;
    *value = sco_str_trim(sco_str_make(rest.p + 1, rest.n - 1));
    return value->n > 0;
}

/* Directives stand before everything else; the first line that is none ends them. */
static int directive(struct lines *l, struct sco_str line)
{
    static const char *const names[] = {"escape", "syntax", "check"};
    struct sco_str name, value;
    if (l->directives_over)
        return 0;
    l->directives_over = true;
    if (!line.n || *line.p != '#' ||
        !split_directive(sco_str_make(line.p + 1, line.n - 1), &name, &value))
        return 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++) {
        if (!sco_str_is_nocase(name, names[i]))
            continue;
        if (l->seen[i])
            return df_problem(l->a, l->file, "the %s directive may be there once", names[i]);
        l->seen[i] = true;
        l->directives_over = false;
        if (i > 0)
            return 0;
        if (!sco_str_is(value, "\\") && !sco_str_is(value, "`"))
            return df_problem(l->a, l->file, "escape character \"%.*s\" is neither \\ nor `",
                              (int)(value.n < 20 ? value.n : 20), value.p);
        l->file->escape = *value.p;
    }
    return 0;
}

/* Cuts the escape character that continues the line, with the blanks after it. Two of them are one
 * escaped character, and continue nothing. */
static bool cut_continuation(const struct lines *l, struct sco_str *line)
{
    size_t n = line->n;
    while (n && (line->p[n - 1] == ' ' || line->p[n - 1] == '\t'))
        n--;
    if (!n || line->p[n - 1] != l->file->escape || (n > 1 && line->p[n - 2] == l->file->escape))
        return false;
    line->n = n - 1;
    return true;
}

static int join(struct lines *l, struct raw r)
{
    if (!r.text.n)
        return 0;
    struct df_seg s = {(uint32_t)l->joined.n, r.pos};
    sco_buf_add(&l->joined, r.text);
    if (l->joined.failed || SCO_VEC_PUSH(l->seg, l->n_seg, l->cap_seg) < 0)
        return SCO_E_NOMEM;
    l->seg[l->n_seg++] = s;
    return 0;
}

/* The lines that continue the first one; `end` is moved to where the last of them ends. */
static int join_rest(struct lines *l, uint32_t *end)
{
    struct raw r;
    for (bool more = true; more && next_line(l, &r);) {
        struct raw bare = skip_space(r);
        if (bare.text.n && *bare.text.p == '#')
            continue;
        if (!bare.text.n)
            continue;
        *end = r.pos + (uint32_t)r.text.n;
        more = cut_continuation(l, &r.text);
        int rc = join(l, r);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int seal_line(struct lines *l, struct df_line **ret)
{
    struct df_line *line = sco_arena_alloc(l->a, sizeof *line);
    struct df_seg *seg = sco_arena_alloc_raw(l->a, (l->n_seg + 1) * sizeof *seg);
    struct sco_str text = sco_arena_str(l->a, sco_buf_str(&l->joined));
    if (!line || !seg || !text.p)
        return SCO_E_NOMEM;
    if (l->n_seg)
        memcpy(seg, l->seg, l->n_seg * sizeof *seg);
    line->text = text;
    line->seg = seg;
    line->n_seg = l->n_seg;
    *ret = line;
    return 0;
}

/* ---- here-documents ---- */
static struct df_inst *heredoc_owner(struct df_inst *i)
{
    struct df_inst *i2 = i->kind == DF_ONBUILD && i->child ? i->child : i;
    bool may = i2->kind == DF_RUN || i2->kind == DF_COPY || i2->kind == DF_ADD;
    return may && !i2->json ? i2 : NULL;
}

/* A raw word to what it opens: [digits]<<[-]word, no other <; blanks may stand before the word. 1:
 * it is one. */
static int heredoc_word(struct lines *l, const struct df_word *w, struct df_heredoc *ret)
{
    struct sco_str s = w->text;
    while (s.n && *s.p >= '0' && *s.p <= '9')
        s = sco_str_make(s.p + 1, s.n - 1);
    if (!sco_str_starts(s, "<<"))
        return 0;
    s = sco_str_make(s.p + 2, s.n - 2);
    *ret = (struct df_heredoc){.a = w->a, .b = w->b};
    if (s.n && *s.p == '-') {
        ret->strip = true;
        s = sco_str_make(s.p + 1, s.n - 1);
    }
    ret->spaced = s.n && df_space(*s.p);
    while (s.n && df_space(*s.p))
        s = sco_str_make(s.p + 1, s.n - 1);
    if (!s.n || memchr(s.p, '<', s.n))
        return 0;
    bool quoted;
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    bool one = df_unquote(s, &name, &quoted);
    ret->name = sco_arena_str(l->a, sco_buf_str(&name));
    if (name.failed || !ret->name.p)
        return SCO_E_NOMEM;
    ret->expand = !quoted;
    return one;
}

/* 1: *h has its body. 0: there is none, and "<< word" with a blank is left to the shell: builders
 * differ in whether they see a here-document in it, but who means one ends it. */
static int heredoc_body(struct lines *l, struct df_heredoc *h, uint32_t *end)
{
    struct raw r;
    size_t at = l->at;
    uint32_t number = l->number;
    h->pos = (uint32_t)l->at;
    while (next_line(l, &r)) {
        struct sco_str t = r.text;
        while (h->strip && t.n && *t.p == '\t')
            t = sco_str_make(t.p + 1, t.n - 1);
        if (!sco_str_eq(t, h->name))
            continue;
        h->end = r.pos;
        h->body = sco_str_make(l->text.p + h->pos, h->end - h->pos);
        *end = r.pos + (uint32_t)r.text.n;
        return 1;
    }
    l->sought += l->text.n - at;
    if (h->spaced && l->sought < SOUGHT_MAX) {
        l->at = at;
        l->number = number;
        return 0;
    }
    return df_problem(l->a, l->file, "the here-document <<%.*s has no end: no line is \"%.*s\"",
                      (int)(h->name.n < 60 ? h->name.n : 60), h->name.p,
                      (int)(h->name.n < 60 ? h->name.n : 60), h->name.p);
}

static int heredocs(struct lines *l, struct df_inst *inst, uint32_t *end)
{
    struct df_inst *owner = heredoc_owner(inst);
    if (!owner || !sco_str_contains(inst->line->text, "<<"))
        return 0;
    struct df_words words = {0};
    int r = df_raw_words(l->a, inst->line->text, &words);
    if (r < 0)
        return r;
    owner->heredocs = sco_arena_alloc(l->a, (words.n + 1) * sizeof *owner->heredocs);
    if (!owner->heredocs)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < words.n; i++) {
        struct df_heredoc h;
        r = heredoc_word(l, &words.v[i], &h);
        if (r > 0)
            r = heredoc_body(l, &h, end);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        owner->heredocs[owner->n_heredocs++] = h;
    }
    return 0;
}

/* ---- the file ---- */
static int instruction(struct lines *l, struct raw first)
{
    l->joined.n = 0;
    l->n_seg = 0;
    l->file->bad_line = l->number;
    uint32_t number = l->number, end = first.pos + (uint32_t)first.text.n, pos = first.pos;
    bool more = cut_continuation(l, &first.text);
    int r = join(l, first);
    if (r == 0 && more)
        r = join_rest(l, &end);
    struct df_line *line = NULL;
    struct df_inst *inst = NULL;
    if (r == 0)
        r = seal_line(l, &line);
    if (r < 0)
        return r;
    line->pos = pos;
    line->first = number;
    if (!sco_str_trim(line->text).n)
        return df_problem(l->a, l->file, "a continuation without an instruction");
    r = df_instruction(l->a, l->file, line, 0, &inst);
    if (r == 0)
        r = heredocs(l, inst, &end);
    if (r < 0)
        return r;
    line->end = end;
    line->last = l->number;
    if (l->file->last)
        l->file->last->next = inst;
    else
        l->file->first = inst;
    l->file->last = inst;
    l->file->n++;
    return 0;
}

static int read_lines(struct lines *l)
{
    struct raw r;
    while (next_line(l, &r)) {
        r = skip_space(r);
        l->file->bad_line = l->number;
        int rc = directive(l, r.text);
        if (rc == 0 && r.text.n && *r.text.p != '#')
            rc = instruction(l, r);
        if (rc < 0)
            return rc;
    }
    if (l->file->n)
        return 0;
    l->file->bad_line = l->number ? l->number : 1;
    return df_problem(l->a, l->file, "there is no instruction in this file");
}

int df_parse(struct sco_str text, struct sco_arena *a, struct df_file *f)
{
    struct lines l = {.a = a, .file = f, .text = text};
    *f = (struct df_file){.escape = '\\'};
    if (sco_str_starts(text, "\xef\xbb\xbf"))
        l.at = 3;
    int r = read_lines(&l);
    sco_buf_done(&l.joined);
    free(l.seg);
    return r;
}
