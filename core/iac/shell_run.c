/* A simple command to the node that policies see, and the commands that it runs in turn: sh -c, and
 * programs that take another command as arguments. */
#include "shell_priv.h"

#include <stdlib.h>

struct runner { /* NAME [options] [operands] command... */
    const char *name;
    const char *valued;   /* short options with a value */
    const char *operands; /* one character for each word before the command */
    bool assigns;         /* NAME=value before the command */
};

static const struct runner runners[] = {
    {"sudo", "ughpCrtTUDR", "", true},  {"doas", "uC", "", false},
    {"env", "uCS", "", true},           {"exec", "a", "", false},
    {"command", "", "", false},         {"builtin", "", "", false},
    {"nohup", "", "", false},           {"nice", "n", "", false},
    {"ionice", "cnp", "", false},       {"time", "fo", "", false},
    {"timeout", "ks", "d", false},      {"stdbuf", "ioe", "", false},
    {"xargs", "IinPLdaEsl", "", false}, {"gosu", "", "u", false},
    {"su-exec", "", "u", false},        {"chroot", "", "d", false},
    {"setsid", "", "", false},          {"fakeroot", "", "", false},
    {"tini", "peg", "", false},         {"dumb-init", "", "", false},
    {"busybox", "", "", false},         {"runuser", "ugG", "", false},
    {"unshare", "", "", false},         {"eatmydata", "", "", false},
    {"chronic", "", "", false},         {"parallel", "jINn", "", false},
};

static struct sco_str base_name(struct sco_str s)
{
    size_t start = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '/')
            start = i + 1;
    struct sco_str last = sco_str_make(s.p + start, s.n - start);
    bool expands =
        memchr(s.p, '$', s.n) && (memchr(last.p, '}', last.n) || memchr(last.p, ')', last.n));
    return !last.n || expands ? s : last;
}

static struct sco_str text_of(const struct sh_word *w)
{
    return sco_iac_text(&w->text);
}

static struct sco_str name_of(const struct sh_word *w)
{
    return base_name(text_of(w));
}

static bool is_shell(struct sco_str name)
{
    static const char *const shells[] = {"sh",  "bash", "ash",  "dash",
                                         "zsh", "ksh",  "mksh", "rbash"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(shells); i++)
        if (sco_str_is(name, shells[i]))
            return true;
    return false;
}

int sh_member(struct sh_split *p, struct iac_members *m, const char *key, struct sco_iac_node v)
{
    return iac_member(p->s, m, sco_str_c(key), v.pos, v);
}

/* ---- the node ---- */
static int add_args(struct sh_split *p, const struct sh_word *w, size_t n, struct iac_members *m)
{
    SCO_AUTO(iac_items) struct iac_items args = {0};
    for (size_t i = 1; i < n; i++)
        if (iac_item(&args, w[i].text) < 0)
            return SCO_E_NOMEM;
    struct iac_span at = {w[0].text.doc, w[0].text.end, w[n - 1].text.end};
    if (n > 1)
        at.pos = w[1].text.pos;
    struct sco_iac_node list = {0};
    int r = iac_list(p->s, &args, at, &list);
    return r < 0 ? r : sh_member(p, m, "args", list);
}

static int add_env(struct sh_split *p, const struct iac_members *env, struct iac_span at,
                   struct iac_members *m)
{
    struct iac_members copy = {0};
    int r = 0;
    for (size_t i = 0; i < env->n && r == 0; i++)
        r = iac_member(p->s, &copy, sco_str_make(env->v[i].key, env->v[i].key_n), env->v[i].key_pos,
                       env->v[i].value);
    struct sco_iac_node map = {0};
    if (env->n)
        at.pos = env->v[0].key_pos;
    if (r == 0)
        r = iac_map(p->s, &copy, at, &map, NULL);
    iac_members_cleanup_(&copy);
    return r < 0 ? r : sh_member(p, m, "env", map);
}

static int add_command(struct sh_split *p, const struct sh_word *w, size_t n,
                       const struct iac_members *env, const char *op)
{
    SCO_AUTO(iac_members) struct iac_members m = {0};
    struct iac_span at = {w[0].text.doc, w[0].text.pos, w[n - 1].text.end};
    if (env->n && env->v[0].key_pos < at.pos)
        at.pos = env->v[0].key_pos;
    struct sco_iac_node name = w[0].text, word = {0}, map = {0};
    struct sco_str base = name_of(&w[0]);
    struct iac_span name_at = {name.doc, name.pos, name.end};
    name.text = base.p;
    name.n = (uint32_t)base.n;
    int r = sh_member(p, &m, "name", name);
    if (r == 0 && base.n != w[0].text.n)
        r = sh_member(p, &m, "path", w[0].text);
    if (r == 0)
        r = add_args(p, w, n, &m);
    if (r == 0)
        r = add_env(p, env, (struct iac_span){at.doc, name_at.pos, name_at.pos}, &m);
    if (r == 0)
        r = iac_str(p->s, sco_str_c(op), (struct iac_span){at.doc, at.end, at.end}, &word);
    if (r == 0) {
        word.flags |= SCO_IAC_MADE;
        r = sh_member(p, &m, "op", word);
    }
    if (r == 0)
        r = iac_map(p->s, &m, at, &map, NULL);
    if (r < 0)
        return r;
    map.flags |= w[0].text.flags & SCO_IAC_MADE;
    return iac_item(&p->out, map);
}

/* ---- what it runs ---- */
/* The index of the text of -c, of the script file, or n; *ret_text says which. */
static size_t shell_operand(const struct sh_word *w, size_t n, bool *ret_text)
{
    size_t i = 1;
    *ret_text = false;
    for (; i < n; i++) {
        struct sco_str s = text_of(&w[i]);
        if (s.n < 2 || (*s.p != '-' && *s.p != '+'))
            break;
        if (sco_str_is(s, "--"))
            return i + 1;
        if (sco_str_starts(s, "--")) {
            i += sco_str_is(s, "--rcfile") || sco_str_is(s, "--init-file");
            continue;
        }
        for (size_t k = 1; k < s.n; k++) {
            *ret_text |= s.p[k] == 'c' && *s.p == '-';
            i += s.p[k] == 'o' || s.p[k] == 'O';
        }
    }
    return i < n ? i : n;
}

static const struct runner *find_runner(struct sco_str name)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(runners); i++)
        if (sco_str_is(name, runners[i].name))
            return &runners[i];
    return NULL;
}

static bool is_assignment(struct sco_str s)
{
    const char *eq = memchr(s.p, '=', s.n);
    return eq && eq != s.p && *s.p != '-' && !memchr(s.p, '/', (size_t)(eq - s.p));
}

/* The index of the command that a runner runs, or n. */
static size_t inner_command(const struct runner *run, const struct sh_word *w, size_t n)
{
    size_t i = 1;
    for (; i < n; i++) {
        struct sco_str s = text_of(&w[i]);
        if (sco_str_is(s, "--")) {
            i++;
            break;
        }
        if (s.n > 1 && *s.p == '-') {
            if (s.p[1] != '-' && strchr(run->valued, s.p[s.n - 1]))
                i++; /* the value is the next word; "-uroot" has it with it */
            continue;
        }
        if (!run->assigns || !is_assignment(s))
            break;
    }
    i += strlen(run->operands);
    return i < n ? i : n;
}

bool sh_reads_script(const struct sh_word *w, size_t n)
{
    for (int depth = 0; depth < IAC_SHELL_DEPTH_MAX; depth++) {
        bool text;
        struct sco_str name = name_of(&w[0]);
        if (is_shell(name)) {
            size_t i = shell_operand(w, n, &text);
            bool dash = i < n && sco_str_is(text_of(&w[i]), "-");
            return i == n || dash || (!text && sco_str_is(text_of(&w[1]), "-s"));
        }
        const struct runner *run = find_runner(name);
        size_t i = run ? inner_command(run, w, n) : n;
        if (i >= n)
            return false;
        w += i;
        n -= i;
    }
    return false;
}

/* su -c "text", su user -c "text". */
static int run_su(struct sh_split *p, const struct sh_level *l, const struct sh_word *w, size_t n)
{
    for (size_t i = 1; i + 1 < n; i++)
        if (sco_str_is(text_of(&w[i]), "-c") || sco_str_is(text_of(&w[i]), "--command"))
            return sh_text(p, l, &w[i + 1]);
    return 0;
}

/* find -exec command... ; */
static int run_find(struct sh_split *p, const struct sh_level *l, const struct sh_word *w, size_t n)
{
    const struct iac_members none = {0};
    int r = 0;
    for (size_t i = 1; i + 1 < n && r == 0; i++) {
        struct sco_str s = text_of(&w[i]);
        if (!sco_str_is(s, "-exec") && !sco_str_is(s, "-execdir") && !sco_str_is(s, "-ok"))
            continue;
        size_t end = i + 1;
        while (end < n && !sco_str_is(text_of(&w[end]), ";") && !sco_str_is(text_of(&w[end]), "+"))
            end++;
        if (end > i + 1)
            r = sh_run(p, l, w + i + 1, end - i - 1, &none, "");
        i = end;
    }
    return r;
}

/* eval a b: the words, joined. */
static int run_eval(struct sh_split *p, const struct sh_level *l, const struct sh_word *w, size_t n)
{
    if (n == 2)
        return sh_text(p, l, &w[1]);
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    for (size_t i = 1; i < n; i++) {
        if (i > 1)
            sco_buf_addc(&b, ' ');
        sco_buf_add(&b, text_of(&w[i]));
    }
    struct sh_word joined = {.inner = SIZE_MAX};
    struct iac_span at = {w[0].text.doc, w[0].text.pos, w[n - 1].text.end};
    int r = b.failed ? SCO_E_NOMEM : iac_str(p->s, sco_buf_str(&b), at, &joined.text);
    return r < 0 ? r : sh_text(p, l, &joined);
}

static int run_inner(struct sh_split *p, const struct sh_level *l, const struct sh_word *w,
                     size_t n, const char *op)
{
    struct sco_str name = name_of(&w[0]);
    const struct iac_members none = {0};
    if (is_shell(name)) {
        bool text;
        size_t i = shell_operand(w, n, &text);
        return text && i < n ? sh_text(p, l, &w[i]) : 0;
    }
    if (sco_str_is(name, "su"))
        return run_su(p, l, w, n);
    if (sco_str_is(name, "find"))
        return run_find(p, l, w, n);
    if (sco_str_is(name, "eval"))
        return n > 1 ? run_eval(p, l, w, n) : 0;
    if (sco_str_is(name, "runuser")) {
        int r = run_su(p, l, w, n);
        if (r < 0)
            return r;
    }
    const struct runner *run = find_runner(name);
    size_t i = run ? inner_command(run, w, n) : n;
    return i < n ? sh_run(p, l, w + i, n - i, &none, op) : 0;
}

int sh_run(struct sh_split *p, const struct sh_level *l, const struct sh_word *w, size_t n,
           const struct iac_members *env, const char *op)
{
    if (p->out.n >= IAC_SHELL_COMMANDS_MAX || p->depth >= IAC_SHELL_DEPTH_MAX)
        return SCO_E_LIMIT;
    int r = add_command(p, w, n, env, op);
    if (r < 0 || n < 2)
        return r;
    p->depth++;
    r = run_inner(p, l, w, n, op);
    p->depth--;
    return r;
}
