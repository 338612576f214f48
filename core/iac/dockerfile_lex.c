/* Words as Docker's own small shell lexer sees them: quotes, escapes and $variables of the
 * instructions that it expands itself (not what RUN hands to a shell). What cannot be told without
 * a build becomes DF_MARK in the text. */
#include "dockerfile_priv.h"

enum {
    EXPANDED_MAX = 64 << 10, /* bytes of one expanded word */
    NESTING_MAX = 50,        /* ${a:-${b:-...}} */
    PATTERN_STARS_MAX = 64,
};

/* ---- variables ---- */
static const struct df_var *find(const struct df_vars *vars, struct sco_str name)
{
    return sco_map_get(&vars->map, name);
}

int df_var_set(struct sco_arena *a, struct df_vars *vars, struct df_var var)
{
    const struct df_var *old = find(vars, var.name);
    if (old && old->env && !var.env)
        return 0; /* ENV wins over ARG, whatever comes first */
    void **slot = sco_map_put(&vars->map, var.name, NULL);
    struct df_var *v = slot ? sco_arena_alloc(a, sizeof *v) : NULL;
    if (!v)
        return SCO_E_NOMEM;
    *v = var;
    v->name = sco_arena_str(a, var.name);
    v->value = sco_arena_str(a, var.value);
    *slot = v;
    return v->name.p && v->value.p ? 0 : SCO_E_NOMEM;
}

int df_vars_copy(struct sco_arena *a, struct df_vars *to, const struct df_vars *from, bool env_only)
{
    (void)a;
    size_t pos = 0;
    struct sco_str key;
    void *value;
    while (sco_map_next(&from->map, &pos, &key, &value)) {
        const struct df_var *v = value;
        if (env_only && !v->env)
            continue;
        void **slot = sco_map_put(&to->map, key, NULL);
        if (!slot)
            return SCO_E_NOMEM;
        *slot = value;
    }
    return 0;
}

/* ---- expansion ---- */
struct lex {
    const struct df_vars *vars;
    struct sco_str s;
    size_t i;
    char escape;
    bool quotes; /* ' and " are removed */
    bool bad;    /* Docker refuses it */
    int depth;
    struct df_budget *budget;
};

static int dollar(struct lex *x, struct sco_buf *out);

static void put(struct lex *x, struct sco_buf *out, struct sco_str text)
{
    if (out->n + text.n > EXPANDED_MAX)
        x->bad = true;
    else
        sco_buf_add(out, text);
}

static void put_char(struct lex *x, struct sco_buf *out, char c)
{
    put(x, out, sco_str_make(&c, 1));
}

static void single_quoted(struct lex *x, struct sco_buf *out)
{
    const char *p = x->s.p + x->i + 1;
    const char *end = memchr(p, '\'', x->s.n - x->i - 1);
    if (!end) {
        x->bad = true;
        return;
    }
    put(x, out, sco_str_make(p, (size_t)(end - p)));
    x->i = (size_t)(end - x->s.p) + 1;
}

static int double_quoted(struct lex *x, struct sco_buf *out)
{
    x->i++;
    while (x->i < x->s.n && x->s.p[x->i] != '"' && !x->bad) {
        char c = x->s.p[x->i];
        if (c == '$') {
            int r = dollar(x, out);
            if (r < 0)
                return r;
            continue;
        }
        x->i++;
        if (c == x->escape) {
            if (x->i == x->s.n)
                break;
            if (x->s.p[x->i] == '"' || x->s.p[x->i] == '$' || x->s.p[x->i] == x->escape)
                c = x->s.p[x->i++];
        }
        put_char(x, out, c);
    }
    if (x->i >= x->s.n)
        x->bad = true;
    x->i++;
    return 0;
}

/* Up to the unquoted character `stop` (consumed), or the end when it is 0. */
static int text_until(struct lex *x, char stop, bool raw_escapes, struct sco_buf *out)
{
    while (x->i < x->s.n && !x->bad) {
        char c = x->s.p[x->i];
        if (stop && c == stop) {
            x->i++;
            return 0;
        }
        int r = 0;
        if (c == '$') {
            r = dollar(x, out);
        } else if (x->quotes && c == '\'') {
            single_quoted(x, out);
        } else if (x->quotes && c == '"') {
            r = double_quoted(x, out);
        } else if (c == x->escape) {
            if (raw_escapes)
                put_char(x, out, c);
            if (++x->i < x->s.n)
                put_char(x, out, x->s.p[x->i++]);
        } else {
            put_char(x, out, c);
            x->i++;
        }
        if (r < 0 || out->failed)
            return SCO_E_NOMEM;
    }
    if (stop)
        x->bad = true;
    return 0;
}

static bool name_char(char c, bool first)
{
    return c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') || (!first && c >= '0' && c <= '9');
}

static struct sco_str name_at(struct lex *x)
{
    size_t start = x->i;
    if (x->i < x->s.n && strchr("@*#?-$!", x->s.p[x->i]) && x->s.p[x->i]) {
        x->i++;
    } else if (x->i < x->s.n && x->s.p[x->i] >= '0' && x->s.p[x->i] <= '9') {
        while (x->i < x->s.n && x->s.p[x->i] >= '0' && x->s.p[x->i] <= '9')
            x->i++;
    } else {
        while (x->i < x->s.n && name_char(x->s.p[x->i], x->i == start))
            x->i++;
    }
    return sco_str_make(x->s.p + start, x->i - start);
}

static enum df_state look_up(const struct lex *x, struct sco_str name, struct sco_str *ret)
{
    const struct df_var *v = find(x->vars, name);
    *ret = v ? v->value : sco_str_make("", 0);
    return v ? v->state : x->vars->absent;
}

static void put_value(struct lex *x, struct sco_buf *out, enum df_state state, struct sco_str value)
{
    if (state == DF_SET)
        put(x, out, value);
    else if (state != DF_EMPTY)
        put_char(x, out, DF_MARK);
}

/* ---- ${name#pattern} ---- */
struct match {
    struct sco_str pattern;
    struct df_budget *budget;
    int stars;
};

static bool match_spent(const struct match *m)
{
    return !m->budget->steps || m->stars > PATTERN_STARS_MAX;
}

/* Length of what the pattern matches at the start of s, or -1. Backtracks over the stars only, in
 * bounded steps. */
static long match_here(struct match *m, size_t p, struct sco_str s, size_t i, bool greedy)
{
    if (match_spent(m))
        return -1;
    m->budget->steps--;
    for (; p < m->pattern.n; p++, i++) {
        char c = m->pattern.p[p];
        if (c == '*') {
            long n = -1;
            m->stars++;
            for (size_t k = 0; k <= s.n - i && n < 0 && !match_spent(m); k++)
                n = match_here(m, p + 1, s, greedy ? s.n - k : i + k, greedy);
            m->stars -= !match_spent(m);
            return n;
        }
        if (c == '\\' && p + 1 < m->pattern.n)
            c = m->pattern.p[++p];
        else if (c == '?')
            c = i < s.n ? s.p[i] : c;
        if (i >= s.n || s.p[i] != c)
            return -1;
    }
    return (long)i;
}

static void cut_prefix(struct lex *x, struct sco_buf *out, struct sco_str pattern, bool greedy,
                       struct sco_str value)
{
    struct match m = {pattern, x->budget, 0};
    long n = match_here(&m, 0, value, 0, greedy);
    x->bad |= match_spent(&m);
    size_t cut = n > 0 ? (size_t)n : 0;
    put(x, out, sco_str_make(value.p + cut, value.n - cut));
}

/* The suffix that starts latest (shortest), or first when greedy. */
static void cut_suffix(struct lex *x, struct sco_buf *out, struct sco_str pattern, bool greedy,
                       struct sco_str value)
{
    struct match m = {pattern, x->budget, 0};
    for (size_t k = 0; k <= value.n; k++) {
        size_t start = greedy ? k : value.n - k;
        long n = match_here(&m, 0, value, start, true);
        if (n >= 0 && (size_t)n == value.n) {
            value.n = start;
            break;
        }
    }
    x->bad |= match_spent(&m);
    put(x, out, value);
}

static int replace(struct lex *x, struct sco_buf *out, enum df_state state, struct sco_str value)
{
    bool all = x->i < x->s.n && x->s.p[x->i] == '/';
    x->i += all;
    SCO_AUTO(sco_buf) struct sco_buf pattern = {0}, with = {0};
    int r = text_until(x, '/', true, &pattern);
    if (r == 0)
        r = text_until(x, '}', true, &with);
    if (r < 0 || x->bad)
        return r;
    if (state == DF_UNSET || state == DF_UNKNOWN) {
        put_char(x, out, DF_MARK);
        return 0;
    }
    struct match m = {sco_buf_str(&pattern), x->budget, 0};
    for (size_t i = 0; i < value.n && !x->bad;) {
        long end = match_here(&m, 0, value, i, true);
        if (end > (long)i) {
            put(x, out, sco_buf_str(&with));
            i = (size_t)end;
            if (!all) {
                put(x, out, sco_str_make(value.p + i, value.n - i));
                break;
            }
            continue;
        }
        put_char(x, out, value.p[i++]);
        x->bad |= match_spent(&m);
    }
    return 0;
}

static void choose(struct lex *x, struct sco_buf *out, char op, bool null_is_unset,
                   struct sco_str word, enum df_state state, struct sco_str value)
{
    bool missing = state != DF_SET || (null_is_unset && !value.n);
    if (op == '?') {
        put_value(x, out, missing ? DF_UNKNOWN : state, value);
        return;
    }
    if (state == DF_UNKNOWN) {
        put_char(x, out, DF_MARK);
        return;
    }
    if (op == '-')
        put(x, out, missing ? word : value);
    else if (op == '+' && !missing)
        put(x, out, word);
    if (op == '-' || op == '+')
        return;
    bool greedy = word.n && *word.p == op;
    if (greedy)
        word = sco_str_make(word.p + 1, word.n - 1);
    if (state == DF_UNSET || memchr(value.p, DF_MARK, value.n))
        put_char(x, out, DF_MARK);
    else if (op == '#')
        cut_prefix(x, out, word, greedy, value);
    else
        cut_suffix(x, out, word, greedy, value);
}

/* Behind "${". */
static int braces(struct lex *x, struct sco_buf *out)
{
    struct sco_str name = name_at(x), value;
    if (!name.n || x->i >= x->s.n) {
        x->bad = true;
        return 0;
    }
    enum df_state state = look_up(x, name, &value);
    char c = x->s.p[x->i++];
    if (c == '}') {
        put_value(x, out, state, value);
        return 0;
    }
    if (c == '/')
        return replace(x, out, state, value);
    bool null_is_unset = c == ':';
    if (null_is_unset && x->i < x->s.n)
        c = x->s.p[x->i++];
    if (!c || !strchr("+-?#%", c)) {
        x->bad = true;
        return 0;
    }
    SCO_AUTO(sco_buf) struct sco_buf word = {0};
    int r = text_until(x, '}', c == '#' || c == '%', &word);
    if (r == 0 && !x->bad)
        choose(x, out, c, null_is_unset, sco_buf_str(&word), state, value);
    return r;
}

static int dollar(struct lex *x, struct sco_buf *out)
{
    x->i++;
    if (x->i < x->s.n && x->s.p[x->i] == '{') {
        x->i++;
        if (x->depth >= NESTING_MAX) {
            x->bad = true;
            return 0;
        }
        x->depth++;
        int r = braces(x, out);
        x->depth--;
        return r;
    }
    struct sco_str name = name_at(x), value;
    if (!name.n) {
        put_char(x, out, '$');
        return 0;
    }
    enum df_state state = look_up(x, name, &value);
    put_value(x, out, state, value);
    return 0;
}

int df_expand(const struct df_vars *vars, char escape, struct sco_str word,
              struct df_budget *budget, struct sco_buf *ret, bool *ret_unknown)
{
    struct lex x = {.vars = vars, .s = word, .escape = escape, .quotes = true, .budget = budget};
    size_t before = ret->n;
    int r = text_until(&x, 0, false, ret);
    if (r < 0 || ret->failed)
        return SCO_E_NOMEM;
    size_t n = ret->n - before;
    if (n > word.n && n - word.n > budget->left) {
        budget->spent = true;
        x.bad = true;
    } else if (n > word.n) {
        budget->left -= n - word.n;
    }
    budget->spent |= !budget->steps;
    if (x.bad) {
        ret->n = before;
        sco_buf_addc(ret, DF_MARK);
    }
    *ret_unknown = ret->n > before && memchr(ret->p + before, DF_MARK, ret->n - before) != NULL;
    return ret->failed ? SCO_E_NOMEM : 0;
}

/* ---- here-document words ---- */
int df_raw_words(struct sco_arena *a, struct sco_str line, struct df_words *ret)
{
    size_t n = ret->n, start = 0;
    char quote = 0;
    bool in = false;
    for (size_t i = 0; i <= line.n; i++) {
        if (i == line.n || (!quote && df_space(line.p[i]))) {
            if (in && df_push(a, ret, sco_str_make(line.p + start, i - start), start, i) < 0)
                return SCO_E_NOMEM;
            in = false;
            continue;
        }
        char c = line.p[i];
        if (!in)
            start = i;
        in = true;
        if (quote && c == quote)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (c == '\\' && quote != '\'' && i + 1 < line.n)
            i++;
        else if (!quote && c == '<' && i + 1 < line.n && line.p[i + 1] == '<')
            for (i++; i + 1 < line.n && df_space(line.p[i + 1]);) /* "<< EOF" is one word */
                i++;
    }
    if (quote)
        ret->n = n;
    return 0;
}

bool df_unquote(struct sco_str raw, struct sco_buf *ret, bool *ret_quoted)
{
    char quote = 0;
    *ret_quoted = false;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (quote && c == quote) {
            quote = 0;
        } else if (!quote && (c == '"' || c == '\'')) {
            quote = c;
            *ret_quoted = true;
        } else if (c == '\\' && quote != '\'' && i + 1 < raw.n) {
            *ret_quoted = true;
            sco_buf_addc(ret, raw.p[++i]);
        } else {
            sco_buf_addc(ret, c);
        }
    }
    return !quote && ret->n > 0;
}
