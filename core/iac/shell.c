/* The grammar around the words of a shell text: operators, compound commands, redirections,
 * here-documents. One pass, no tree: a list of simple commands is all that policies need. Reserved
 * words are left out, their bodies are read like everything else. */
#include "shell_priv.h"

#include <stdlib.h>

struct list { /* one sequence of commands, up to its end or closing parenthesis */
    struct sh *h;
    struct sh_words words; /* of the current command */
    struct iac_members env;
    size_t first_pending; /* here-documents of the current command */
    bool dropping;        /* for x in a b: words up to the separator are no command */
    bool pattern;         /* of a case: up to the parenthesis */
    int subject;          /* words that follow `case`: the subject, then `in` */
    int drop_next;        /* function NAME */
    size_t cases;
};

static void list_done(struct list *l)
{
    free(l->words.v);
    iac_members_cleanup_(&l->env);
}

static char at(const struct sh *h, size_t ahead)
{
    return h->i + ahead < h->s.n ? h->s.p[h->i + ahead] : 0;
}

static void skip_blanks(struct sh *h)
{
    for (;;) {
        if (at(h, 0) == ' ' || at(h, 0) == '\t' || at(h, 0) == '\r')
            h->i++;
        else if (at(h, 0) == '\\' && at(h, 1) == '\n')
            h->i += 2;
        else if (at(h, 0) == '\\' && at(h, 1) == '\r' && at(h, 2) == '\n')
            h->i += 3;
        else
            return;
    }
}

/* ---- commands ---- */
static int end_command(struct list *l, const char *op)
{
    struct sh *h = l->h;
    int r = 0;
    bool script = l->words.n ? sh_reads_script(l->words.v, l->words.n)
                             : (h->split->flags & IAC_SHELL_SCRIPT) != 0;
    for (size_t i = l->first_pending; i < h->n_pending; i++)
        h->pending[i].script = script;
    if (l->words.n)
        r = sh_run(h->split, h->level, l->words.v, l->words.n, &l->env, op);
    l->words.n = 0;
    l->env.n = 0;
    l->first_pending = h->n_pending;
    l->dropping = false;
    l->subject = 0;
    return r;
}

static int push_word(struct list *l, struct sh_word w)
{
    if (SCO_VEC_PUSH(l->words.v, l->words.n, l->words.cap) < 0)
        return SCO_E_NOMEM;
    l->words.v[l->words.n++] = w;
    return 0;
}

static bool name_char(char c, bool first)
{
    return c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') || (!first && c >= '0' && c <= '9');
}

/* Length of NAME= or NAME+= at the start of the word as written; 0: none. */
static size_t assigns(const struct sh *h, const struct sh_word *w, size_t *ret_name)
{
    size_t n = 0;
    while (w->a + n < w->b && name_char(h->s.p[w->a + n], n == 0))
        n++;
    *ret_name = n;
    if (n && w->a + n < w->b && h->s.p[w->a + n] == '+')
        n++;
    return n && w->a + n < w->b && h->s.p[w->a + n] == '=' ? n + 1 : 0;
}

/* NAME=(a b): the words of the array are no command. h->i is at the parenthesis. */
static int array(struct sh *h)
{
    int r = 0;
    for (h->i++; h->i < h->s.n && at(h, 0) != ')' && r == 0;) {
        struct sh_word w;
        if (strchr(" \t\r\n;&|<>(", at(h, 0)) || at(h, 0) == 0)
            h->i++;
        else
            r = sh_word(h, &w);
    }
    h->i += h->i < h->s.n;
    return r;
}

static int assignment(struct list *l, const struct sh_word *w, size_t name, size_t value)
{
    struct sh *h = l->h;
    struct sco_str text = sco_iac_text(&w->text);
    struct iac_span span = sh_span(h->level, w->a + value, w->b);
    struct sco_iac_node v =
        iac_str_keep(value <= text.n ? sco_str_make(text.p + value, text.n - value)
                                     : sco_str_make(text.p + text.n, 0),
                     span);
    v.flags |= h->level->flags;
    int r = iac_member(h->split->s, &l->env, sco_str_make(h->s.p + w->a, name),
                       sh_span(h->level, w->a, w->b).pos, v);
    if (r == 0 && at(h, 0) == '(' && h->i == w->b && w->b == w->a + value)
        r = array(h);
    return r;
}

/* [[ ... ]]: operators within are words of the test. */
static int test_words(struct list *l)
{
    struct sh *h = l->h;
    for (;;) {
        skip_blanks(h);
        char c = at(h, 0);
        if (!c || c == '\n')
            return 0;
        struct sh_word w;
        if (strchr(";&|<>()", c)) {
            h->i++;
            continue;
        }
        int r = sh_word(h, &w);
        if (r == 0)
            r = push_word(l, w);
        if (r < 0 || sco_str_is(sco_iac_text(&w.text), "]]"))
            return r;
    }
}

static bool one_of(struct sco_str s, const char *const *words)
{
    while (*words && !sco_str_is(s, *words))
        words++;
    return *words != NULL;
}

/* A word where a command may start. 1: it was part of the grammar. */
static int reserved(struct list *l, const struct sh_word *w)
{
    static const char *const skipped[] = {"if",    "then",  "elif", "else", "fi", "do", "done",
                                          "while", "until", "{",    "}",    "!",  NULL};
    struct sco_str s = sco_iac_text(&w->text);
    if (!w->plain)
        return 0;
    if (one_of(s, skipped))
        return 1;
    if (sco_str_is(s, "for") || sco_str_is(s, "select")) {
        l->dropping = true;
        return 1;
    }
    if (sco_str_is(s, "case")) {
        l->subject = 2;
        return 1;
    }
    if (sco_str_is(s, "function")) {
        l->drop_next = 1;
        return 1;
    }
    if (sco_str_is(s, "esac")) {
        l->cases -= l->cases > 0;
        return 1;
    }
    return 0;
}

static bool file_number(const struct sh *h, const struct sh_word *w)
{
    struct sco_str s = sco_iac_text(&w->text);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return w->plain && s.n && (at(h, 0) == '<' || at(h, 0) == '>') && at(h, 1) != '(';
}

static int word(struct list *l)
{
    struct sh *h = l->h;
    struct sh_word w;
    int r = sh_word(h, &w);
    if (r < 0)
        return r;
    if (w.b == w.a) { /* nothing that starts a word: never stand still */
        h->i++;
        return 0;
    }
    if (!w.text.n && w.plain) /* only joined lines */
        return 0;
    if (l->pattern) {
        if (w.plain && sco_str_is(sco_iac_text(&w.text), "esac")) {
            l->pattern = false;
            l->cases -= l->cases > 0;
        }
        return 0;
    }
    if (l->drop_next) {
        l->drop_next = 0;
        return 0;
    }
    if (l->subject) {
        if (--l->subject == 0) {
            l->pattern = true;
            l->cases++;
        }
        return 0;
    }
    if (l->dropping || file_number(h, &w))
        return 0;
    size_t name, value;
    if (!l->words.n && !l->env.n && (r = reserved(l, &w)) != 0)
        return r < 0 ? r : 0;
    if (!l->words.n && (value = assigns(h, &w, &name)) > 0)
        return assignment(l, &w, name, value);
    r = push_word(l, w);
    if (r == 0 && l->words.n == 1 && sco_str_is(sco_iac_text(&w.text), "[["))
        r = test_words(l);
    return r;
}

/* ---- redirections and here-documents ---- */
static int open_heredoc(struct sh *h, bool strip)
{
    struct sh_word w;
    int r = sh_word(h, &w);
    if (r < 0)
        return r;
    if (SCO_VEC_PUSH(h->pending, h->n_pending, h->cap_pending) < 0)
        return SCO_E_NOMEM;
    h->pending[h->n_pending++] =
        (struct sh_heredoc){.end = sco_iac_text(&w.text), .strip = strip, .quoted = !w.plain};
    return 0;
}

static int redirection(struct sh *h)
{
    char first = at(h, 0);
    struct sh_word w;
    h->i++;
    if (first == '<' && at(h, 0) == '<' && at(h, 1) != '<') {
        h->i++;
        bool strip = at(h, 0) == '-';
        h->i += strip;
        skip_blanks(h);
        return h->i < h->s.n && !strchr("\n;&|<>()", at(h, 0)) ? open_heredoc(h, strip) : 0;
    }
    while (at(h, 0) && strchr("<>&|", at(h, 0)))
        h->i++;
    skip_blanks(h);
    return h->i < h->s.n && at(h, 0) && !strchr("\n;&|<>()", at(h, 0)) ? sh_word(h, &w) : 0;
}

/* The bodies follow the line that opened them. */
static int heredoc_bodies(struct sh *h)
{
    int r = 0;
    for (size_t k = 0; k < h->n_pending && r == 0; k++) {
        struct sh_heredoc d = h->pending[k];
        size_t start = h->i, end = h->s.n, next = h->s.n;
        for (size_t i = start; i < h->s.n;) {
            const char *nl = memchr(h->s.p + i, '\n', h->s.n - i);
            size_t eol = nl ? (size_t)(nl - h->s.p) : h->s.n, a = i, b = eol;
            while (d.strip && a < b && h->s.p[a] == '\t')
                a++;
            if (b > a && h->s.p[b - 1] == '\r')
                b--;
            if (sco_str_eq(sco_str_make(h->s.p + a, b - a), d.end)) {
                end = i;
                next = nl ? eol + 1 : eol;
                break;
            }
            i = nl ? eol + 1 : eol;
        }
        h->i = next;
        if (d.script || !d.quoted)
            r = sh_part(h, start, end, d.script);
    }
    h->n_pending = 0;
    return r;
}

/* ---- lists ---- */
static int nested(struct sh *h)
{
    if (++h->split->depth > IAC_SHELL_DEPTH_MAX)
        return SCO_E_LIMIT;
    h->i++;
    int r = sh_list(h, ')');
    h->split->depth--;
    return r;
}

static int parenthesis(struct list *l)
{
    struct sh *h = l->h;
    size_t k = h->i + 1;
    while (k < h->s.n && (h->s.p[k] == ' ' || h->s.p[k] == '\t'))
        k++;
    bool empty = k < h->s.n && h->s.p[k] == ')';
    if (l->pattern || (l->dropping && at(h, 1) != '(')) {
        h->i++;
        return 0;
    }
    if (empty) { /* name(): what follows is its body */
        h->i = k + 1;
        l->words.n = 0;
        return 0;
    }
    if (at(h, 1) == '(') { /* arithmetic, up to )) */
        while (h->i < h->s.n && !(at(h, 0) == ')' && at(h, 1) == ')'))
            h->i++;
        h->i = h->i + 2 < h->s.n ? h->i + 2 : h->s.n;
        return 0;
    }
    int r = end_command(l, ";");
    return r < 0 ? r : nested(h);
}

static int line_end(struct list *l)
{
    int r = end_command(l, ";");
    l->h->i++;
    if (r == 0 && l->h->n_pending)
        r = heredoc_bodies(l->h);
    l->first_pending = l->h->n_pending;
    return r;
}

/* ; & | and what is made of them. */
static int operator_(struct list *l)
{
    struct sh *h = l->h;
    char c = at(h, 0);
    if (l->pattern && c == '|') {
        h->i++;
        return 0;
    }
    if (c == '&' && at(h, 1) == '>') {
        h->i++;
        return redirection(h);
    }
    if (c == ';' && (at(h, 1) == ';' || at(h, 1) == '&')) {
        int r = end_command(l, ";");
        l->pattern = l->cases > 0;
        while (at(h, 0) == ';' || at(h, 0) == '&')
            h->i++;
        return r;
    }
    bool twice = c != ';' && at(h, 1) == c;
    h->i += twice || (c == '|' && at(h, 1) == '&') ? 2 : 1;
    return end_command(l, c == ';' ? ";" : c == '&' ? (twice ? "&&" : "&") : twice ? "||" : "|");
}

/* The token at h->i. 1: the list is over. */
static int token(struct list *l, char stop)
{
    struct sh *h = l->h;
    char c = at(h, 0);
    if (c == '\n')
        return line_end(l);
    if (c == '#') {
        while (h->i < h->s.n && at(h, 0) != '\n')
            h->i++;
        return 0;
    }
    if (c == ';' || c == '&' || c == '|')
        return operator_(l);
    if (c == '(')
        return parenthesis(l);
    if (c == ')') {
        h->i++;
        if (l->pattern) {
            l->pattern = false;
            return 0;
        }
        int r = end_command(l, stop == ')' ? "" : ";");
        return r < 0 ? r : stop == ')';
    }
    if ((c == '<' || c == '>') && at(h, 1) != '(')
        return redirection(h);
    return word(l);
}

int sh_list(struct sh *h, char stop)
{
    struct list l = {.h = h, .first_pending = h->n_pending};
    int r = 0;
    while (r == 0) {
        skip_blanks(h);
        if (h->i >= h->s.n)
            break;
        r = token(&l, stop);
    }
    if (r == 0)
        r = end_command(&l, "");
    list_done(&l);
    return r < 0 ? r : 0;
}

int sh_part(struct sh *h, size_t a, size_t b, bool script)
{
    struct sh part = {h->split, h->level, sco_str_make(h->s.p, b), a, NULL, 0, 0};
    SCO_AUTO(sco_buf) struct sco_buf scratch = {0};
    bool plain;
    if (++h->split->depth > IAC_SHELL_DEPTH_MAX)
        return SCO_E_LIMIT;
    int r = script ? sh_list(&part, 0) : sh_quoted(&part, 0, &scratch, &plain);
    h->split->depth--;
    free(part.pending);
    return r == 0 && scratch.failed ? SCO_E_NOMEM : r;
}

int sh_text(struct sh_split *p, const struct sh_level *l, const struct sh_word *w)
{
    struct sh_level level = {.flags = l->flags};
    if (w->inner != SIZE_MAX && l->src) {
        level.src = l->src;
        level.shift = l->shift + w->inner;
    } else {
        level.fixed = (struct iac_span){w->text.doc, w->text.pos, w->text.end};
        level.flags |= SCO_IAC_MADE;
    }
    struct sh h = {p, &level, sco_iac_text(&w->text), 0, NULL, 0, 0};
    if (++p->depth > IAC_SHELL_DEPTH_MAX)
        return SCO_E_LIMIT;
    int r = sh_list(&h, 0);
    p->depth--;
    free(h.pending);
    return r;
}

/* ---- the outside ---- */
static int finish(struct sh_split *p, int r, struct iac_span at_, uint8_t flags,
                  struct sco_iac_node *ret)
{
    if (r == 0)
        r = iac_list(p->s, &p->out, at_, ret);
    if (r == 0)
        ret->flags |= flags;
    iac_items_cleanup_(&p->out);
    return r;
}

int iac_shell_commands(struct sco_iac_set *s, struct sco_str text,
                       const struct iac_shell_source *src, uint32_t flags, struct sco_iac_node *ret)
{
    struct sh_split p = {.s = s, .flags = flags};
    struct sh_level level = {.src = src, .flags = src->flags};
    struct sh h = {&p, &level, text, 0, NULL, 0, 0};
    int r = sh_list(&h, 0);
    free(h.pending);
    return finish(&p, r, src->at(src->user, 0, text.n), src->flags, ret);
}

int iac_shell_exec(struct sco_iac_set *s, const struct sco_iac_node *words, size_t n,
                   uint32_t flags, struct sco_iac_node *ret)
{
    struct sh_split p = {.s = s, .flags = flags};
    struct sh_level level = {0};
    SCO_AUTO(sco_free) struct sh_word *w = sco_alloc(n + 1, sizeof *w);
    struct iac_members none = {0};
    struct iac_span at_ = {0};
    if (!w)
        return SCO_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        w[i] = (struct sh_word){.text = words[i], .inner = SIZE_MAX};
    if (n) {
        at_ = (struct iac_span){words[0].doc, words[0].pos, words[n - 1].end};
        level.fixed = at_;
    }
    int r = n && words[0].type == SCO_IAC_STR ? sh_run(&p, &level, w, n, &none, "") : 0;
    return finish(&p, r, at_, 0, ret);
}

static struct iac_span at_base(const void *user, size_t a, size_t b)
{
    const struct sco_iac_node *base = user;
    (void)a;
    (void)b;
    return (struct iac_span){base->doc, base->pos, base->end};
}

static struct iac_span at_text(const void *user, size_t a, size_t b)
{
    const uint32_t *doc = user;
    return (struct iac_span){*doc, (uint32_t)a, (uint32_t)b};
}

int sco_iac_shell(struct sco_iac_set *s, uint32_t doc, struct sco_str text,
                  const struct sco_iac_node *base, const struct sco_iac_node **ret,
                  struct sco_error *err)
{
    struct iac_shell_source src = {at_text, &doc, 0};
    struct sco_iac_node list = {0};
    if (base)
        src = (struct iac_shell_source){at_base, base, SCO_IAC_MADE};
    if (text.n > SCO_IAC_YAML_SIZE_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "a shell text of more than %d bytes",
                             SCO_IAC_YAML_SIZE_MAX);
    int r = iac_shell_commands(s, text, &src, 0, &list);
    if (r == SCO_E_LIMIT)
        return sco_error_set(err, r, "a shell text of more than %d commands, or nested too deeply",
                             IAC_SHELL_COMMANDS_MAX);
    struct sco_iac_node *v = r == 0 ? iac_node(s, list) : NULL;
    if (!v)
        return sco_error_nomem(err);
    *ret = v;
    return 0;
}
