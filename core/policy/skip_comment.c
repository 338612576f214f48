/* Finding the comments that skip checks: ours and those of the peers, as they write them. */
#include "skip_priv.h"

struct scan {
    struct sco_policies *p;
    const struct sco_iac_text *of;
    struct sco_str text;
    struct skip_comment *first, *last;
    bool content; /* something else than comments came before this line */
    bool failed;
    bool dockerfile; /* there only whole lines are comments */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool starts(struct sco_str s, const char *z)
{
    size_t n = strlen(z);
    return s.n >= n && memcmp(s.p, z, n) == 0;
}

static struct sco_str from(struct sco_str s, size_t n)
{
    return sco_str_make(s.p + n, s.n - n);
}

static bool is_id(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '*' || c == '/';
}

/* Cuts "ID,ID" from the front of *s. */
static struct sco_str cut_ids(struct sco_str *s)
{
    size_t n = 0;
    while (n < s->n && (is_id(s->p[n]) || (s->p[n] == ',' && n + 1 < s->n && is_id(s->p[n + 1]))))
        n++;
    struct sco_str ids = sco_str_make(s->p, n);
    *s = from(*s, n);
    return ids;
}

static void add(struct scan *s, struct skip_comment c)
{
    struct skip_comment *copy = sco_arena_alloc(&s->p->docs_arena, sizeof *copy);
    if (!copy) {
        s->failed = true;
        return;
    }
    *copy = c;
    copy->next = NULL;
    if (s->last)
        s->last->next = copy;
    else
        s->first = copy;
    s->last = copy;
}

/* "ID,ID:reason". kics ids carry a colon of their own: "kics:<id>". */
static void read_list(struct scan *s, struct skip_comment c, struct sco_str rest)
{
    while (rest.n && is_space(*rest.p))
        rest = from(rest, 1);
    const char *start = rest.p;
    struct sco_str ids = cut_ids(&rest);
    while (c.kind == SKIP_OWN && rest.n && *rest.p == ':' && ids.n >= 4 &&
           strncasecmp(rest.p - 4, "kics", 4) == 0) { /* the colon belongs to the id */
        rest = from(rest, 1);
        cut_ids(&rest);
        ids = sco_str_make(start, (size_t)(rest.p - start));
    }
    if (!ids.n)
        return; /* without an id it skips nothing */
    c.ids = ids;
    if (rest.n && *rest.p == ':')
        c.reason = sco_str_trim(from(rest, 1));
    add(s, c);
}

/* "ID:exp:2024-03-10:ws:dev" up to white space. What depends on attributes or workspaces is not
 * known here and skips nothing. */
static void read_trivy(struct scan *s, struct skip_comment c, struct sco_str rest)
{
    size_t n = 0;
    while (n < rest.n && !is_space(rest.p[n]))
        n++;
    rest.n = n;
    c.ids = cut_ids(&rest);
    bool other = !c.ids.n;
    while (rest.n && !other) {
        struct sco_str value;
        if (starts(rest, ":exp:")) {
            value = from(rest, 5);
            size_t end = 0;
            while (end < value.n && value.p[end] != ':')
                end++;
            c.expires = sco_str_make(value.p, end);
            rest = from(value, end);
        } else {
            other = true;
        }
    }
    if (!other)
        add(s, c);
}

static void read_kics(struct scan *s, struct skip_comment c, struct sco_str rest)
{
    rest = sco_str_trim(rest);
    if (sco_str_is(rest, "ignore-line")) {
        c.scope = SCOPE_LINE;
    } else if (sco_str_is(rest, "ignore-block")) {
        c.scope = SCOPE_NEXT_BLOCK;
    } else {
        if (s->content)
            return; /* these count at the start of a file only */
        c.scope = SCOPE_FILE;
        if (starts(rest, "enable=") || starts(rest, "disable=")) {
            c.others = *rest.p == 'e';
            rest = from(rest, c.others ? 7 : 8);
            c.ids = cut_ids(&rest);
            if (!c.ids.n)
                return;
        } else if (!sco_str_is(rest, "ignore")) {
            return;
        }
    }
    add(s, c);
}

static void read_hadolint(struct scan *s, struct skip_comment c, struct sco_str rest)
{
    rest = sco_str_trim(rest);
    if (starts(rest, "global")) {
        rest = sco_str_trim(from(rest, 6));
        c.scope = SCOPE_FILE;
    }
    if (!starts(rest, "ignore"))
        return;
    rest = sco_str_trim(from(rest, 6));
    if (rest.n && *rest.p == '=')
        read_list(s, c, sco_str_trim(from(rest, 1)));
}

/* ---- where there are no comments ---- */
/* Whether the byte lies inside a string, or in a Dockerfile inside a heredoc. */
static bool is_content(const struct sco_iac_node *v, size_t pos, bool dockerfile)
{
    if (v->type == SCO_IAC_STR)
        return !dockerfile && !(v->flags & SCO_IAC_MADE) && v->pos < pos && pos < v->end;
    bool map = v->type == SCO_IAC_MAP;
    for (uint32_t i = 0; (map || v->type == SCO_IAC_LIST) && i < v->n; i++) {
        const struct sco_iac_node *c = map ? &v->member[i].value : &v->item[i];
        if (c->flags & SCO_IAC_ALIASED)
            continue; /* it stands elsewhere */
        if (dockerfile && map && strcmp(v->member[i].key, "heredocs") == 0 && c->pos <= pos &&
            pos < c->end)
            return true;
        if (is_content(c, pos, dockerfile))
            return true;
    }
    return false;
}

static bool is_in_content(const struct scan *s, size_t pos)
{
    const struct sco_iac_set *docs = s->p->docs;
    for (size_t i = 0; i < docs->n_docs; i++)
        if (docs->docs[i].text == s->of && docs->docs[i].root &&
            is_content(docs->docs[i].root, pos, s->dockerfile))
            return true;
    return false;
}

/* Whether a mark counts here. Checkov looks for its own anywhere in a comment, the others only at
 * its start: a sentence that names them is none. */
static bool is_mark(struct sco_str comment, const char *at, enum skip_kind kind, bool first)
{
    if (kind == SKIP_CHECKOV || kind == SKIP_OWN)
        return at == comment.p || !is_id(at[-1]);
    return !first || sco_str_trim(comment).p == at;
}

/* One comment, without its '#'. */
static void read_comment(struct scan *s, struct sco_str comment, uint32_t pos, uint32_t line)
{
    static const struct {
        const char *mark;
        enum skip_kind kind;
    } marks[] = {
        {"checkov:skip=", SKIP_CHECKOV}, {"bridgecrew:skip=", SKIP_CHECKOV},
        {"cortex:skip=", SKIP_CHECKOV},  {"secureops:skip=", SKIP_OWN},
        {"trivy:ignore:", SKIP_TRIVY},   {"kics-scan ", SKIP_KICS},
        {"hadolint ", SKIP_HADOLINT},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(marks); i++) {
        size_t n = strlen(marks[i].mark);
        struct sco_str rest = comment;
        for (const char *at; (at = memmem(rest.p, rest.n, marks[i].mark, n));) {
            bool first = rest.p == comment.p;
            rest = from(rest, (size_t)(at - rest.p) + n);
            if (!is_mark(comment, at, marks[i].kind, first))
                continue;
            if (is_in_content(s, (size_t)(comment.p - 1 - s->text.p)))
                return;
            struct skip_comment c = {.kind = marks[i].kind, .pos = pos, .line = line};
            if (c.kind == SKIP_TRIVY)
                read_trivy(s, c, rest);
            else if (c.kind == SKIP_KICS)
                read_kics(s, c, rest);
            else if (c.kind == SKIP_HADOLINT)
                read_hadolint(s, c, rest);
            else
                read_list(s, c, rest);
        }
    }
}

/* The '#' that starts the comment of a line. It may still stand in a string: see is_content. */
static const char *comment_start(const struct scan *s, struct sco_str line)
{
    if (s->dockerfile) {
        line = sco_str_trim(line);
        return line.n && *line.p == '#' ? line.p : NULL;
    }
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == '#' && (i == 0 || is_space(line.p[i - 1])))
            return line.p + i;
    return NULL;
}

static void read_lines(struct scan *s)
{
    uint32_t number = 1;
    for (size_t at = 0; at < s->text.n; number++) {
        const char *end = memchr(s->text.p + at, '\n', s->text.n - at);
        size_t n = end ? (size_t)(end - s->text.p) - at : s->text.n - at;
        struct sco_str line = sco_str_make(s->text.p + at, n);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        const char *hash = comment_start(s, line);
        if (hash)
            read_comment(s, sco_str_make(hash + 1, (size_t)(line.p + line.n - hash - 1)),
                         (uint32_t)at, number);
        struct sco_str words = sco_str_trim(line);
        if (words.n && words.p != hash && !sco_str_is(words, "---"))
            s->content = true;
        at += n + 1;
    }
}

const struct skip_comment *skip_comments(struct sco_policies *p, const struct sco_iac_text *text,
                                         bool *ret_ok)
{
    *ret_ok = true;
    struct sco_str key = sco_str_make((const char *)&text, sizeof text);
    if (sco_map_has(&p->skips, key))
        return sco_map_get(&p->skips, key);
    struct scan s = {.p = p, .of = text, .text = text->bytes};
    for (size_t i = 0; i < p->docs->n_docs; i++)
        s.dockerfile |=
            p->docs->docs[i].text == text && p->docs->docs[i].format == SCO_IAC_FORMAT_DOCKERFILE;
    read_lines(&s);
    void **at = s.failed ? NULL : sco_map_put(&p->skips, key, NULL);
    if (!at) {
        *ret_ok = false;
        return NULL;
    }
    *at = s.first;
    return s.first;
}
