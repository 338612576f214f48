/* One joined line to an instruction: its name, flags and words, by what BuildKit's parser does for
 * each name. Nothing is expanded here. */
#include "dockerfile_priv.h"

static const struct {
    const char *name;
    enum df_kind kind;
} kinds[] = {
    {"ADD", DF_ADD},
    {"ARG", DF_ARG},
    {"CMD", DF_CMD},
    {"COPY", DF_COPY},
    {"ENTRYPOINT", DF_ENTRYPOINT},
    {"ENV", DF_ENV},
    {"EXPOSE", DF_EXPOSE},
    {"FROM", DF_FROM},
    {"HEALTHCHECK", DF_HEALTHCHECK},
    {"LABEL", DF_LABEL},
    {"MAINTAINER", DF_MAINTAINER},
    {"ONBUILD", DF_ONBUILD},
    {"RUN", DF_RUN},
    {"SHELL", DF_SHELL},
    {"STOPSIGNAL", DF_STOPSIGNAL},
    {"USER", DF_USER},
    {"VOLUME", DF_VOLUME},
    {"WORKDIR", DF_WORKDIR},
};

enum { ONBUILD_DEPTH_MAX = 8 };

int df_push(struct sco_arena *a, struct df_words *w, struct sco_str text, size_t at, size_t end)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 8;
        struct df_word *v = sco_arena_alloc_raw(a, cap * sizeof *v);
        if (!v)
            return SCO_E_NOMEM;
        if (w->n)
            memcpy(v, w->v, w->n * sizeof *v);
        w->v = v;
        w->cap = cap;
    }
    w->v[w->n++] = (struct df_word){text, (uint32_t)at, (uint32_t)end};
    return 0;
}

static struct sco_str slice(struct sco_str s, size_t a, size_t b)
{
    return sco_str_make(s.p + a, b - a);
}

static struct df_word trimmed(struct sco_str line, size_t a)
{
    size_t b = line.n;
    while (a < b && df_space(line.p[a]))
        a++;
    while (b > a && df_space(line.p[b - 1]))
        b--;
    return (struct df_word){slice(line, a, b), (uint32_t)a, (uint32_t)b};
}

/* ---- flags ---- */
/* One word that starts with --, quotes and escapes removed. *at is behind it afterwards. */
static int flag_word(struct sco_str s, size_t *at, struct sco_buf *ret)
{
    char quote = 0;
    size_t i = *at;
    for (; i < s.n && (quote || !df_space(s.p[i])); i++) {
        char c = s.p[i];
        if (c == quote && quote) {
            quote = 0;
            continue;
        }
        if (!quote && (c == '"' || c == '\'')) {
            quote = c;
            continue;
        }
        if (c == '\\') {
            if (++i == s.n)
                break;
            c = s.p[i];
        }
        sco_buf_addc(ret, c);
    }
    *at = i;
    return ret->failed ? SCO_E_NOMEM : 0;
}

/* Flags before the first word without --; "--" alone ends them. *at is moved behind them. */
static int read_flags(struct sco_arena *a, struct sco_str s, size_t *at, struct df_words *ret)
{
    SCO_AUTO(sco_buf) struct sco_buf word = {0};
    for (;;) {
        size_t i = *at;
        while (i < s.n && df_space(s.p[i]))
            i++;
        if (i + 1 >= s.n || s.p[i] != '-' || s.p[i + 1] != '-') {
            *at = i;
            return 0;
        }
        size_t start = i;
        sco_buf_clear(&word);
        int r = flag_word(s, &i, &word);
        *at = i;
        if (r < 0)
            return r;
        if (sco_str_is(sco_buf_str(&word), "--"))
            return 0;
        struct sco_str text = sco_arena_str(a, sco_buf_str(&word));
        if (!text.p || df_push(a, ret, text, start, i) < 0)
            return SCO_E_NOMEM;
    }
}

/* ---- words ---- */
static int split_blanks(struct sco_arena *a, struct df_word rest, struct df_words *ret)
{
    for (size_t i = 0; i < rest.text.n;) {
        size_t start = i;
        while (i < rest.text.n && !df_space(rest.text.p[i]))
            i++;
        if (df_push(a, ret, slice(rest.text, start, i), rest.a + start, rest.a + i) < 0)
            return SCO_E_NOMEM;
        while (i < rest.text.n && df_space(rest.text.p[i]))
            i++;
    }
    return 0;
}

/* The end of the word that starts at i; quotes hold blanks together and stay. */
static size_t quoted_end(struct sco_str s, size_t i, char escape)
{
    char quote = 0;
    for (; i < s.n && (quote || !df_space(s.p[i])); i++) {
        char c = s.p[i];
        if (c == escape && quote != '\'')
            i++;
        else if (quote && c == quote)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
    }
    return i < s.n ? i : s.n;
}

static int split_quoted(struct sco_arena *a, const struct df_file *f, struct df_word rest,
                        struct df_words *ret)
{
    for (size_t i = 0; i < rest.text.n;) {
        size_t end = quoted_end(rest.text, i, f->escape), keep = end;
        if (end == rest.text.n && rest.text.p[end - 1] == f->escape &&
            !(end - i > 1 && rest.text.p[end - 2] == f->escape))
            keep--; /* an escape character with nothing behind it is left out */
        if (keep > i && df_push(a, ret, slice(rest.text, i, keep), rest.a + i, rest.a + keep) < 0)
            return SCO_E_NOMEM;
        for (i = end; i < rest.text.n && df_space(rest.text.p[i]);)
            i++;
    }
    return 0;
}

static int push_pair(struct sco_arena *a, struct df_words *ret, const struct df_word *w, size_t eq,
                     size_t value, const char *sep)
{
    if (df_push(a, ret, slice(w->text, 0, eq), w->a, w->a + eq) < 0 ||
        df_push(a, ret, slice(w->text, value, w->text.n), w->a + value, w->b) < 0)
        return SCO_E_NOMEM;
    return df_push(a, ret, sco_str_c(sep), w->b, w->b);
}

/* ENV and LABEL: "key value with blanks", or key=value pairs: which, the first word decides. */
static int split_pairs(struct sco_arena *a, struct df_file *f, const struct df_inst *i,
                       struct df_words *ret)
{
    struct df_words words = {0};
    int r = split_quoted(a, f, i->rest, &words);
    if (r < 0 || !words.n)
        return r;
    if (!memchr(words.v[0].text.p, '=', words.v[0].text.n)) {
        struct sco_str s = i->rest.text;
        size_t key = 0;
        while (key < s.n && !df_space(s.p[key]))
            key++;
        size_t value = key;
        while (value < s.n && df_space(s.p[value]))
            value++;
        if (key == s.n)
            return df_problem(a, f, "%.*s needs a name and a value", (int)i->keyword.n,
                              i->keyword.p);
        return push_pair(a, ret, &i->rest, key, value, "");
    }
    for (size_t k = 0; k < words.n; k++) {
        const struct df_word *w = &words.v[k];
        const char *eq = memchr(w->text.p, '=', w->text.n);
        if (!eq)
            return df_problem(a, f, "%.*s: there is no = in \"%.*s\"", (int)i->keyword.n,
                              i->keyword.p, (int)(w->text.n < 60 ? w->text.n : 60), w->text.p);
        size_t n = (size_t)(eq - w->text.p);
        if ((r = push_pair(a, ret, w, n, n + 1, "=")) < 0)
            return r;
    }
    return 0;
}

/* ---- arguments by kind ---- */
static int maybe_json(struct sco_arena *a, struct df_file *f, struct df_inst *i,
                      struct df_word rest, bool blanks)
{
    if (!rest.text.n)
        return 0;
    size_t before = i->args.n;
    int r = df_json(a, rest.text, rest.a, &i->args);
    if (r == 0)
        i->json = true;
    if (r == SCO_E_PARSE)
        return df_problem(a, f, "%.*s: a JSON array may hold strings only", (int)i->keyword.n,
                          i->keyword.p);
    if (r <= 0)
        return r;
    i->args.n = before;
    return blanks ? split_blanks(a, rest, &i->args)
                  : df_push(a, &i->args, rest.text, rest.a, rest.b);
}

/* The first word says what kind of check it is; the rest is a command. */
static int healthcheck(struct sco_arena *a, struct df_file *f, struct df_inst *i)
{
    struct sco_str s = i->rest.text;
    size_t n = 0;
    while (n < s.n && !df_space(s.p[n]))
        n++;
    if (!n)
        return 0;
    if (df_push(a, &i->args, slice(s, 0, n), i->rest.a, i->rest.a + n) < 0)
        return SCO_E_NOMEM;
    return maybe_json(a, f, i, trimmed(i->line->text, i->rest.a + n), false);
}

static int onbuild(struct sco_arena *a, struct df_file *f, struct df_inst *i)
{
    /* ONBUILD ONBUILD is refused by Docker; it must not recurse without end here. */
    size_t depth = 0;
    for (size_t at = i->a; depth <= ONBUILD_DEPTH_MAX; depth++) {
        struct df_word w = trimmed(i->line->text, at);
        if (w.text.n < 7 || !sco_str_is_nocase(slice(w.text, 0, 7), "ONBUILD"))
            break;
        at = w.a + 7;
    }
    if (depth > ONBUILD_DEPTH_MAX)
        return df_problem(a, f, "ONBUILD within ONBUILD");
    return i->rest.text.n ? df_instruction(a, f, i->line, i->rest.a, &i->child) : 0;
}

static int arguments(struct sco_arena *a, struct df_file *f, struct df_inst *i)
{
    switch (i->kind) {
    case DF_ADD:
    case DF_COPY:
    case DF_VOLUME:
        return maybe_json(a, f, i, i->rest, true);
    case DF_RUN:
    case DF_CMD:
    case DF_ENTRYPOINT:
    case DF_SHELL:
        return maybe_json(a, f, i, i->rest, false);
    case DF_ARG:
        return split_quoted(a, f, i->rest, &i->args);
    case DF_ENV:
    case DF_LABEL:
        return split_pairs(a, f, i, &i->args);
    case DF_EXPOSE:
    case DF_FROM:
        return split_blanks(a, i->rest, &i->args);
    case DF_HEALTHCHECK:
        return healthcheck(a, f, i);
    case DF_MAINTAINER:
    case DF_STOPSIGNAL:
    case DF_USER:
    case DF_WORKDIR:
        return i->rest.text.n ? df_push(a, &i->args, i->rest.text, i->rest.a, i->rest.b) : 0;
    case DF_ONBUILD:
        return onbuild(a, f, i);
    case DF_OTHER:
        break;
    }
    return 0;
}

int df_instruction(struct sco_arena *a, struct df_file *f, const struct df_line *line, size_t from,
                   struct df_inst **ret)
{
    struct df_inst *i = sco_arena_alloc(a, sizeof *i);
    if (!i)
        return SCO_E_NOMEM;
    struct df_word all = trimmed(line->text, from);
    size_t n = 0;
    while (n < all.text.n && !df_space(all.text.p[n]))
        n++;
    struct sco_str name = sco_arena_str(a, slice(all.text, 0, n));
    if (!name.p)
        return SCO_E_NOMEM;
    for (size_t k = 0; k < name.n; k++)
        if (name.p[k] >= 'a' && name.p[k] <= 'z')
            ((char *)name.p)[k] = (char)(name.p[k] - 32);
    i->line = line;
    i->keyword = name;
    i->a = all.a;
    for (size_t k = 0; k < SCO_ARRAY_LEN(kinds); k++)
        if (sco_str_is(name, kinds[k].name))
            i->kind = kinds[k].kind;
    size_t at = all.a + n;
    int r = read_flags(a, slice(line->text, 0, all.b), &at, &i->flags);
    i->rest = trimmed(line->text, at);
    if (r == 0)
        r = arguments(a, f, i);
    if (r < 0)
        return r;
    *ret = i;
    return 0;
}
