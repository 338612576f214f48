/* Flags of instructions, and what RUN, CMD, ENTRYPOINT and HEALTHCHECK execute. */
#include "dockerfile_priv.h"
#include "shell_priv.h"

/* ---- flags ---- */
static int mount_field(struct df_build *b, struct sco_str part, struct iac_span at,
                       struct iac_members *m, bool *ret_type)
{
    static const char *const same[][2] = {{"dst", "target"},   {"destination", "target"},
                                          {"src", "source"},   {"ro", "readonly"},
                                          {"rw", "readwrite"}, {NULL, NULL}};
    const char *eq = memchr(part.p, '=', part.n);
    struct sco_str key = sco_str_make(part.p, eq ? (size_t)(eq - part.p) : part.n);
    for (size_t i = 0; same[i][0]; i++)
        if (sco_str_is_nocase(key, same[i][0]))
            key = sco_str_c(same[i][1]);
    *ret_type |= sco_str_is(key, "type");
    struct sco_iac_node v = iac_bool(true, at);
    int r = 0;
    if (eq)
        r = df_marked(b, sco_str_make(eq + 1, part.n - (size_t)(eq - part.p) - 1), at, &v);
    return r < 0 || !key.n ? r : iac_member(b->s, m, key, at.pos, v);
}

static int add_mount(struct df_build *b, struct sco_str value, struct iac_span at,
                     struct iac_items *mounts)
{
    SCO_AUTO(iac_members) struct iac_members m = {0};
    struct sco_str part;
    struct sco_iac_node v = {0};
    bool type = false;
    int r = 0;
    while (r == 0 && sco_str_split(&value, ',', &part))
        r = mount_field(b, part, at, &m, &type);
    if (r == 0 && !type) {
        r = iac_str(b->s, SCO_STR("bind"), at, &v);
        v.flags |= SCO_IAC_MADE;
        if (r == 0)
            r = df_add(b, &m, "type", v);
    }
    if (r == 0)
        r = iac_map(b->s, &m, at, &v, NULL);
    return r < 0 ? r : iac_item(mounts, v);
}

static int add_flag(struct df_build *b, const struct df_inst *i, struct df_word w,
                    struct iac_members *flags, struct iac_items *mounts)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    bool unknown;
    struct sco_str s = sco_str_make(w.text.p + 2, w.text.n - 2); /* behind -- */
    const char *eq = memchr(s.p, '=', s.n);
    struct sco_str key = sco_str_make(s.p, eq ? (size_t)(eq - s.p) : s.n);
    struct iac_span at = df_at(b, i, w.a, w.b);
    if (!key.n)
        return 0;
    if (!eq)
        return iac_member(b->s, flags, key, at.pos, iac_bool(true, at));
    struct iac_span value_at = at;
    if (w.b - w.a == w.text.n) /* nothing was quoted */
        value_at = df_at(b, i, w.a + 2 + key.n + 1, w.b);
    struct sco_str value = sco_str_make(eq + 1, s.n - key.n - 1);
    int r = df_expand_word(b, value, &text, &unknown);
    struct sco_iac_node v = {0};
    if (r == 0)
        r = df_marked(b, sco_buf_str(&text), value_at, &v);
    if (r == 0)
        r = iac_member(b->s, flags, key, at.pos, v);
    if (r == 0 && sco_str_is(key, "mount"))
        r = add_mount(b, sco_buf_str(&text), value_at, mounts);
    return r;
}

int df_flags(struct df_build *b, const struct df_inst *i, struct iac_members *m)
{
    SCO_AUTO(iac_members) struct iac_members flags = {0};
    SCO_AUTO(iac_items) struct iac_items mounts = {0};
    struct sco_iac_node v = {0};
    int r = 0;
    if (!i->flags.n)
        return 0;
    for (size_t k = 0; k < i->flags.n && r == 0; k++)
        r = add_flag(b, i, i->flags.v[k], &flags, &mounts);
    struct iac_span at = df_at(b, i, i->flags.v[0].a, i->flags.v[i->flags.n - 1].b);
    if (r == 0)
        r = iac_map(b->s, &flags, at, &v, NULL);
    if (r == 0)
        r = df_add(b, m, "flags", v);
    if (r < 0 || !mounts.n)
        return r;
    r = iac_list(b->s, &mounts, at, &v);
    return r < 0 ? r : df_add(b, m, "mounts", v);
}

/* ---- the shell of a stage ---- */
static bool named(struct sco_str path, const char *const *names)
{
    for (size_t i = path.n; i-- > 0;) {
        if (path.p[i] == '/' || path.p[i] == '\\') {
            path = sco_str_make(path.p + i + 1, path.n - i - 1);
            break;
        }
    }
    if (path.n > 4 && sco_str_is_nocase(sco_str_make(path.p + path.n - 4, 4), ".exe"))
        path.n -= 4;
    for (; *names; names++)
        if (sco_str_is_nocase(path, *names))
            return true;
    return false;
}

static const char *const posix[] = {"sh", "bash", "ash", "dash", "zsh", "ksh", "busybox", NULL};
static const char *const windows[] = {"cmd", "powershell", "pwsh", NULL};

int df_set_shell(struct df_build *b, const struct df_inst *i, struct sco_iac_node list)
{
    (void)i;
    struct sco_str program = sco_iac_text(sco_iac_at(&list, 0));
    b->stage->shell = list;
    b->stage->has_shell = true;
    b->stage->shell_posix = named(program, posix);
    b->stage->shell_windows = named(program, windows);
    return 0;
}

/* ---- commands ---- */
struct source { /* the text that the shell gets: the line, then its here-documents */
    const struct df_build *b;
    const struct df_inst *i;
    struct df_word line;
    size_t body; /* where the documents start in it, SIZE_MAX: none */
};

static struct iac_span source_at(const void *user, size_t a, size_t b)
{
    const struct source *s = user;
    size_t n = s->line.text.n;
    if (a > n && s->i->n_heredocs) {
        uint32_t shift = s->i->heredocs[0].pos;
        return (struct iac_span){s->b->doc, shift + (uint32_t)(a - n - 1),
                                 shift + (uint32_t)(b > a ? b - n - 1 : a - n - 1)};
    }
    struct iac_span at = df_at(s->b, s->i, s->line.a + a, s->line.a + (b < n ? b : n));
    if (b > n && s->i->n_heredocs)
        at.end = s->i->heredocs[0].pos + (uint32_t)(b - n - 1);
    return at;
}

/* "#!..." of a here-document that is the whole RUN: the text behind it; else nothing. */
static struct sco_str interpreter(const struct df_inst *i)
{
    if (!i->n_heredocs || !sco_str_starts(i->heredocs[0].body, "#!"))
        return sco_str_make(NULL, 0);
    struct sco_str s = i->heredocs[0].body, line;
    sco_str_split(&s, '\n', &line);
    return sco_str_trim(sco_str_make(line.p + 2, line.n - 2));
}

static bool interprets_shell(struct sco_str program)
{
    struct sco_str word;
    bool first = true, shell = false;
    while (sco_str_split(&program, ' ', &word)) {
        if (!word.n || *word.p == '-')
            continue;
        if (named(word, posix))
            shell = true;
        if (!first || !sco_str_ends(word, "/env"))
            break;
        first = false;
    }
    return shell;
}

static int shell_form(struct df_build *b, const struct df_inst *i, size_t first_arg,
                      struct sco_iac_node *ret)
{
    struct source source = {b, i, {sco_str_make("", 0), i->rest.a, i->rest.a}, SIZE_MAX};
    struct iac_shell_source at = {source_at, &source, 0};
    const struct df_stage *stage = b->stage;
    bool on_windows = stage->has_shell ? stage->shell_windows : b->file->escape == '`';
    uint32_t flags = on_windows ? IAC_SHELL_WINDOWS : 0;
    if (i->args.n > first_arg)
        source.line = i->args.v[first_arg];
    if (stage->has_shell && !stage->shell_posix && !stage->shell_windows) {
        *ret = iac_unknown(df_at(b, i, source.line.a, source.line.b));
        return 0;
    }
    struct sco_str program = interpreter(i);
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    sco_buf_add(&text, source.line.text);
    if (i->n_heredocs) {
        uint32_t from = i->heredocs[0].pos;
        sco_buf_addc(&text, '\n');
        sco_buf_add(&text, sco_str_make(b->text->bytes.p + from, i->line->end - from));
        if (!program.n || interprets_shell(program))
            flags |= IAC_SHELL_SCRIPT;
    }
    if (text.failed)
        return SCO_E_NOMEM;
    return iac_shell_commands(b->s, sco_str_make(sco_buf_z(&text), text.n), &at, flags, ret);
}

int df_commands(struct df_build *b, const struct df_inst *i, size_t first_arg,
                const struct sco_iac_node *args, struct iac_members *m)
{
    struct sco_iac_node list = {0};
    int r = 0;
    if (i->json)
        r = iac_shell_exec(b->s, args ? args->item : NULL, args ? args->n : 0, 0, &list);
    else
        r = shell_form(b, i, first_arg, &list);
    if (i->json && r == 0 && !list.end)
        list.doc = b->doc;
    if (r == SCO_E_LIMIT && b->s->n_nodes < SCO_IAC_NODES_MAX / 2) {
        b->limited = true;
        list = iac_unknown(df_at(b, i, i->rest.a, i->rest.b));
        r = 0;
    }
    if (r == 0)
        r = df_add(b, m, "commands", list);
    if (r == 0 && b->stage->has_shell && i->kind == DF_RUN && !i->json)
        r = df_add(b, m, "shell", b->stage->shell);
    return r;
}
