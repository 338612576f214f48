/* One instruction as a node: what all of them have. */
#include "dockerfile_priv.h"

#include <stdlib.h>

struct iac_span df_at(const struct df_build *b, const struct df_inst *i, size_t a, size_t end)
{
    return df_span(i->line, b->doc, a, end);
}

int df_add(struct df_build *b, struct iac_members *m, const char *key, struct sco_iac_node v)
{
    return iac_member(b->s, m, sco_str_c(key), v.pos, v);
}

int df_marked(struct df_build *b, struct sco_str text, struct iac_span at, struct sco_iac_node *ret)
{
    if (text.n && memchr(text.p, DF_MARK, text.n)) {
        *ret = iac_unknown(at);
        return 0;
    }
    return iac_str(b->s, text, at, ret);
}

int df_add_marked(struct df_build *b, struct iac_members *m, const char *key, struct sco_str text,
                  struct iac_span at)
{
    struct sco_iac_node v = {0};
    int r = df_marked(b, text, at, &v);
    return r < 0 ? r : df_add(b, m, key, v);
}

int df_expand_word(struct df_build *b, struct sco_str text, struct sco_buf *ret, bool *ret_unknown)
{
    int r = df_expand(b->scope, b->file->escape, text, &b->budget, ret, ret_unknown);
    b->limited |= b->budget.spent;
    return r;
}

int df_value(struct df_build *b, const struct df_inst *i, struct df_word w,
             struct sco_iac_node *ret)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    bool unknown;
    int r = df_expand_word(b, w.text, &text, &unknown);
    return r < 0 ? r : df_marked(b, sco_buf_str(&text), df_at(b, i, w.a, w.b), ret);
}

int df_refuse(struct df_build *b, const struct df_inst *i, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0}, line = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&text, fmt, ap);
    va_end(ap);
    sco_buf_addf(&line, "line %u: ", i->line->first);
    sco_buf_add_printable(&line, sco_buf_str(&text));
    if (text.failed || line.failed)
        return SCO_E_NOMEM;
    if (!b->refused && !(b->refused = sco_arena_cstr(b->a, sco_buf_str(&line))))
        return SCO_E_NOMEM;
    return iac_doc_note(b->s, b->doc, "%s", sco_buf_z(&line));
}

/* ---- members of every instruction ---- */
/* Which instructions have their words expanded by Docker itself. */
static bool expands(enum df_kind kind)
{
    return kind == DF_ADD || kind == DF_COPY || kind == DF_EXPOSE || kind == DF_FROM ||
           kind == DF_STOPSIGNAL || kind == DF_USER || kind == DF_VOLUME || kind == DF_WORKDIR;
}

static bool has_form(enum df_kind kind)
{
    return kind == DF_RUN || kind == DF_CMD || kind == DF_ENTRYPOINT || kind == DF_HEALTHCHECK ||
           kind == DF_SHELL || kind == DF_COPY || kind == DF_ADD || kind == DF_VOLUME;
}

static int add_args(struct df_build *b, const struct df_inst *i, struct iac_members *m)
{
    SCO_AUTO(iac_items) struct iac_items items = {0};
    struct sco_iac_node v = {0}, list = {0};
    size_t first = i->kind == DF_HEALTHCHECK; /* the word CMD */
    int r = 0;
    if (i->kind == DF_ENV || i->kind == DF_LABEL || i->kind == DF_ARG)
        return 0; /* `pairs` holds them */
    for (size_t k = first; k < i->args.n && r == 0; k++) {
        struct df_word w = i->args.v[k];
        r = expands(i->kind) ? df_value(b, i, w, &v)
                             : iac_str(b->s, w.text, df_at(b, i, w.a, w.b), &v);
        if (r == 0)
            r = iac_item(&items, v);
    }
    if (r == 0)
        r = iac_list(b->s, &items, df_at(b, i, i->rest.a, i->rest.b), &list);
    return r < 0 ? r : df_add(b, m, "args", list);
}

static int heredoc(struct df_build *b, const struct df_inst *i, const struct df_heredoc *h,
                   struct iac_items *items)
{
    SCO_AUTO(iac_members) struct iac_members m = {0};
    struct iac_span word = df_at(b, i, h->a, h->b), body = {b->doc, h->pos, h->end};
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    for (size_t k = 0; k < h->body.n; k++) /* <<- : no tabs at the start of a line */
        if (!h->strip || h->body.p[k] != '\t' || (text.n && text.p[text.n - 1] != '\n'))
            sco_buf_addc(&text, h->body.p[k]);
    struct sco_iac_node name = {0}, v = {0}, map = {0};
    int r = text.failed ? SCO_E_NOMEM : iac_str(b->s, h->name, word, &name);
    if (r == 0)
        r = iac_str(b->s, sco_buf_str(&text), body, &v);
    if (r == 0)
        r = df_add(b, &m, "name", name);
    if (r == 0)
        r = df_add(b, &m, "body", v);
    if (r == 0)
        r = df_add(b, &m, "expand", iac_bool(h->expand, word));
    if (r == 0)
        r = df_add(b, &m, "strip", iac_bool(h->strip, word));
    word.end = h->end;
    if (r == 0)
        r = iac_map(b->s, &m, word, &map, NULL);
    return r < 0 ? r : iac_item(items, map);
}

static int add_heredocs(struct df_build *b, const struct df_inst *i, struct iac_members *m)
{
    SCO_AUTO(iac_items) struct iac_items items = {0};
    struct sco_iac_node list = {0};
    int r = 0;
    if (!i->n_heredocs)
        return 0;
    for (size_t k = 0; k < i->n_heredocs && r == 0; k++)
        r = heredoc(b, i, &i->heredocs[k], &items);
    struct iac_span at = {b->doc, i->heredocs[0].pos, i->line->end};
    if (r == 0)
        r = iac_list(b->s, &items, at, &list);
    return r < 0 ? r : df_add(b, m, "heredocs", list);
}

/* The text behind the name, flags included. */
static struct df_word value_of(const struct df_inst *i)
{
    struct sco_str s = i->line->text;
    size_t a = i->a + i->keyword.n, end = s.n;
    while (a < end && df_space(s.p[a]))
        a++;
    while (end > a && df_space(s.p[end - 1]))
        end--;
    return (struct df_word){sco_str_make(s.p + a, end - a), (uint32_t)a, (uint32_t)end};
}

static int add_texts(struct df_build *b, const struct df_inst *i, struct iac_span all,
                     struct iac_members *m)
{
    struct df_word value = value_of(i);
    struct sco_iac_node v = {0};
    struct iac_span name = df_at(b, i, i->a, i->a + i->keyword.n);
    int r = iac_str(b->s, i->keyword, name, &v);
    if (r == 0)
        r = df_add(b, m, "instruction", v);
    if (r == 0)
        r = iac_str(b->s, value.text, df_at(b, i, value.a, value.b), &v);
    if (r == 0)
        r = df_add(b, m, "value", v);
    struct sco_str bytes = b->text->bytes;
    if (r == 0)
        r = iac_str(b->s, sco_str_make(bytes.p + all.pos, all.end - all.pos), all, &v);
    if (r == 0)
        r = df_add(b, m, "original", v);
    if (r == 0 && has_form(i->kind) && i->args.n + i->json) {
        r = iac_str(b->s, sco_str_c(i->json ? "exec" : "shell"), df_at(b, i, i->rest.a, i->rest.b),
                    &v);
        v.flags |= SCO_IAC_MADE;
        if (r == 0)
            r = df_add(b, m, "form", v);
    }
    return r;
}

int df_inst_node(struct df_build *b, const struct df_inst *i, bool live, struct sco_iac_node *ret)
{
    SCO_AUTO(iac_members) struct iac_members m = {0};
    struct iac_span all = df_at(b, i, i->a, i->a + 1);
    all.end = i->line->end;
    int r = 0;
    b->scope = !live ? &b->foreign : i->kind == DF_FROM ? &b->globals : &b->stage->vars;
    if (live && b->stage == &b->outside)
        b->scope = &b->globals;
    if (r == 0)
        r = add_texts(b, i, all, &m);
    if (r == 0)
        r = add_args(b, i, &m);
    if (r == 0)
        r = df_flags(b, i, &m);
    if (r == 0)
        r = add_heredocs(b, i, &m);
    if (r == 0)
        r = df_inst_kind(b, i, live, &m);
    if (r == 0 && b->n_stages) {
        struct sco_iac_node stage = iac_int((int64_t)b->n_stages - 1, all);
        stage.flags |= SCO_IAC_MADE;
        r = df_add(b, &m, "stage", stage);
    }
    return r < 0 ? r : iac_map(b->s, &m, all, ret, NULL);
}
