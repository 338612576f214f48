/* The changes of a merge request, and where in them a thread may stand. GitLab takes an added line
 * by its new number alone, a removed one by its old number alone, an unchanged one by both;
 * anything else is refused ("line_code can't be blank"). */
#include "gitlab_priv.h"

enum { RUNS_MAX = 100000 };

struct run { /* lines of one kind that follow each other */
    struct sco_str old_path, new_path;
    int64_t old_line, new_line, n;
    char kind; /* ' ' '+' '-' */
};

struct gitlab_diff {
    struct gitlab_publish *p;
    struct run *v;
    size_t n, cap;
};

static int64_t number(const char **z, const char *end, int64_t def)
{
    int64_t n = 0;
    const char *from = *z;
    while (*z < end && **z >= '0' && **z <= '9' && n < 100000000)
        n = n * 10 + *(*z)++ - '0';
    return *z > from ? n : def;
}

/* "@@ -12,3 +14,9 @@ ..." */
static int is_hunk(struct sco_str line, int64_t *old_line, int64_t *new_line)
{
    const char *z = line.p, *end = line.p + line.n;
    if (!sco_str_starts(line, "@@ -"))
        return 0;
    z += 4;
    *old_line = number(&z, end, -1);
    if (z < end && *z == ',') {
        z++;
        number(&z, end, 0);
    }
    if (*old_line < 0 || end - z < 3 || z[0] != ' ' || z[1] != '+')
        return 0;
    z += 2;
    *new_line = number(&z, end, -1);
    return *new_line >= 0;
}

static int add(struct gitlab_diff *d, const struct run *r)
{
    struct run *last = d->n ? &d->v[d->n - 1] : NULL;
    if (last && last->kind == r->kind && last->new_path.p == r->new_path.p &&
        last->old_line + (r->kind == '+' ? 0 : last->n) == r->old_line &&
        last->new_line + (r->kind == '-' ? 0 : last->n) == r->new_line) {
        last->n++;
        return 0;
    }
    if (d->n == RUNS_MAX)
        return 0; /* what is behind gets no thread */
    if (d->n == d->cap) {
        const struct sco_host *h = d->p->r.h;
        size_t cap = d->cap ? 2 * d->cap : 256;
        struct run *more = (struct run *)h->alloc(h, cap * sizeof *more);
        if (!more)
            return sco_errf(d->p->o->e, SCO_E_NOMEM, "out of memory");
        if (d->n)
            memcpy(more, d->v, d->n * sizeof *more);
        d->v = more;
        d->cap = cap;
    }
    d->v[d->n++] = *r;
    return 0;
}

static int read_lines(struct gitlab_diff *d, struct run r, struct sco_str text)
{
    int inside = 0;
    for (size_t at = 0; at < text.n;) {
        const char *nl = (const char *)memchr(text.p + at, '\n', text.n - at);
        size_t end = nl ? (size_t)(nl - text.p) : text.n;
        struct sco_str line = sco_str_make(text.p + at, end - at);
        at = end + 1;
        if (is_hunk(line, &r.old_line, &r.new_line)) {
            inside = 1;
            continue;
        }
        char kind = line.n ? line.p[0] : ' ';
        if (!inside || (kind != ' ' && kind != '+' && kind != '-'))
            continue; /* "\ No newline at end of file" */
        r.kind = kind;
        r.n = 1;
        int e = add(d, &r);
        if (e < 0)
            return e;
        r.old_line += kind != '+';
        r.new_line += kind != '-';
    }
    return 0;
}

static int has_findings(const struct gitlab_publish *p, struct sco_str path)
{
    for (size_t i = 0; i < p->r.n; i++)
        if (path.n && sco_str_eq(p->r.v[i].path, path))
            return 1;
    return 0;
}

static int one_file(void *user, const struct sco_node *v)
{
    struct gitlab_diff *d = (struct gitlab_diff *)user;
    struct sco_str before = sco_text_at(v, "old_path"), after = sco_text_at(v, "new_path");
    struct run r;
    if (!has_findings(d->p, after) && !has_findings(d->p, before))
        return 0;
    memset(&r, 0, sizeof r);
    r.old_path = ci_copy(d->p->r.h, before);
    r.new_path = ci_copy(d->p->r.h, after);
    return read_lines(d, r, sco_text_at(v, "diff"));
}

/* Older servers have the diffs in one answer with the merge request. */
static int read_old(struct gitlab_diff *d)
{
    struct gitlab_op *o = d->p->o;
    struct ci_answer a;
    int r = gitlab_get(o, gitlab_path(o, "/merge_requests/%lld/changes", (long long)d->p->r.pr),
                       "the merge request's changes", &a);
    SCO_EACH (v, r == 0 ? sco_get(a.root, "changes") : NULL) {
        r = one_file(d, v);
        if (r != 0)
            break;
    }
    return r;
}

int gitlab_diff_read(struct gitlab_publish *p, struct gitlab_diff **ret)
{
    struct gitlab_op *o = p->o;
    struct gitlab_diff *d = (struct gitlab_diff *)p->r.h->alloc(p->r.h, sizeof *d);
    if (!d)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    d->p = p;
    int r = ci_walk(&o->http,
                    gitlab_path(o, "/merge_requests/%lld/diffs?per_page=100", (long long)p->r.pr),
                    NULL, 30, "the merge request's changes", one_file, d, o->e);
    if (r == SCO_E_NOT_FOUND)
        r = read_old(d);
    if (r == 0)
        *ret = d;
    return r;
}

int gitlab_diff_find(const struct gitlab_diff *d, struct sco_str path, int64_t line,
                     struct gitlab_place *ret)
{
    const struct run *removed = NULL, *found = NULL;
    for (size_t i = 0; line > 0 && i < d->n && !found; i++) {
        const struct run *r = &d->v[i];
        if (r->kind == '-' && sco_str_eq(r->old_path, path) && line >= r->old_line &&
            line < r->old_line + r->n)
            removed = r;
        if (r->kind != '-' && sco_str_eq(r->new_path, path) && line >= r->new_line &&
            line < r->new_line + r->n)
            found = r;
    }
    if (!found)
        found = removed; /* a file that is gone: what was found there is in the history */
    if (!found)
        return 0;
    ret->old_path = found->old_path;
    ret->new_path = found->new_path;
    ret->new_line = found->kind == '-' ? 0 : line;
    ret->old_line = found->kind == '+'   ? 0
                    : found->kind == '-' ? line
                                         : found->old_line + (line - found->new_line);
    return 1;
}
