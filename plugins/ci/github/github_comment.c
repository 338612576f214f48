/* One comment for each pull request and configuration: found by its marker and its author over all
 * pages, written anew only when its text has changed. Two scans that raced may have left two of
 * them: the first stays. */
#include "github_priv.h"

enum { EXTRA_MAX = 20 };

struct comment {
    struct github_publish *p;
    struct sco_str mark, body;
    struct sco_str id, old, url;     /* the first of ours */
    struct sco_str extra[EXTRA_MAX]; /* the others */
    size_t n_extra;
};

static struct sco_str trimmed(struct sco_str s)
{
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* GitHub keeps line breaks as they came, a form of its web pages makes CRLF of them. */
static int same_text(struct sco_str a, struct sco_str b)
{
    size_t i = 0, k = 0;
    a = trimmed(a);
    b = trimmed(b);
    for (;; i++, k++) {
        while (i < a.n && a.p[i] == '\r')
            i++;
        while (k < b.n && b.p[k] == '\r')
            k++;
        if (i >= a.n || k >= b.n)
            return i >= a.n && k >= b.n;
        if (a.p[i] != b.p[k])
            return 0;
    }
}

static int is_ours(const struct comment *c, const struct sco_node *v)
{
    const char *author = sco_cstr(c->p->r.h, c->p->author), *mark = sco_cstr(c->p->r.h, c->mark);
    return author && mark && sco_str_is_nocase(sco_text_at(v, "user.login"), author) &&
           sco_str_starts(sco_text_at(v, "body"), mark);
}

static void take(struct comment *c, const struct sco_node *v)
{
    c->id = ci_copy(c->p->r.h, github_id(sco_get(v, "id")));
    c->old = ci_copy(c->p->r.h, sco_text_at(v, "body"));
    c->url = ci_copy(c->p->r.h, sco_text_at(v, "html_url"));
}

static int one(void *user, const struct sco_node *v)
{
    struct comment *c = (struct comment *)user;
    if (!is_ours(c, v))
        return 0;
    if (!c->id.n)
        take(c, v);
    else if (c->n_extra < EXTRA_MAX)
        c->extra[c->n_extra++] = ci_copy(c->p->r.h, github_id(sco_get(v, "id")));
    return 0;
}

static int walk(void *user, struct sco_errbuf *e)
{
    struct comment *c = (struct comment *)user;
    struct github_op *o = c->p->o;
    c->id = sco_str_make(NULL, 0);
    c->n_extra = 0;
    int r = ci_walk(&o->http,
                    github_path(o, "/issues/%lld/comments?per_page=100", (long long)c->p->r.pr),
                    NULL, GITHUB_PAGES_MAX, "the pull request's comments", one, c, e);
    if (r != 0)
        return r;
    return c->id.n ? CI_FOUND : 0;
}

/* After a PATCH of which nobody knows. */
static int reread(void *user, struct sco_errbuf *e)
{
    struct comment *c = (struct comment *)user;
    struct ci_answer a;
    struct github_op *o = c->p->o;
    int r = ci_get(&o->http, github_path(o, "/issues/comments/%.*s", SCO_STR_ARG(c->id)),
                   "the comment", &a, e);
    if (r != 0)
        return r;
    return same_text(sco_text_at(a.root, "body"), c->body) ? CI_FOUND : 0;
}

/* By the id of the last time, else by looking through all of them. */
static int find(struct comment *c)
{
    struct ci_answer a;
    struct github_op *o = c->p->o;
    int r;
    if (!c->p->author.n) {
        r = github_author(o, &c->p->author);
        if (r != 0)
            return r;
    }
    if (c->p->comment_id.n) {
        r = github_get(o,
                       github_path(o, "/issues/comments/%s", ci_encode(o->h, c->p->comment_id, "")),
                       "the comment", &a);
        if (r == 0 && is_ours(c, a.root)) {
            take(c, a.root);
            return 0;
        }
        if (r != 0 && r != SCO_E_NOT_FOUND)
            return r;
    }
    r = walk(c, o->e);
    return r == CI_FOUND ? 0 : r;
}

static int write_comment(struct comment *c)
{
    struct github_op *o = c->p->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "body", c->body);
    ci_json_end(&j, '}');
    int fresh = !c->id.n, r;
    if (fresh)
        r = github_send(o, "POST", github_path(o, "/issues/%lld/comments", (long long)c->p->r.pr),
                        &j, "the comment", walk, c, &a);
    else
        r = github_send(o, "PATCH", github_path(o, "/issues/comments/%.*s", SCO_STR_ARG(c->id)), &j,
                        "the comment", reread, c, &a);
    if (r == 0 && fresh)
        take(c, a.root);
    return r == CI_FOUND ? 0 : r;
}

static int remove_extra(struct comment *c)
{
    struct ci_answer a;
    for (size_t i = 0; i < c->n_extra; i++) {
        int r = github_send(c->p->o, "DELETE",
                            github_path(c->p->o, "/issues/comments/%.*s", SCO_STR_ARG(c->extra[i])),
                            NULL, "a second comment of ours", NULL, NULL, &a);
        if (r != 0 && r != SCO_E_NOT_FOUND)
            return r;
    }
    return 0;
}

int github_publish_comment(struct github_publish *p)
{
    struct comment c;
    memset(&c, 0, sizeof c);
    c.p = p;
    c.mark = sco_fmt(p->r.h, "<!-- secureops:%.*s -->", SCO_STR_ARG(p->r.marker));
    c.body = sco_fmt(p->r.h, "%.*s\n%.*s", SCO_STR_ARG(c.mark), SCO_STR_ARG(p->r.markdown));
    if (!c.body.p)
        return sco_errf(p->o->e, SCO_E_NOMEM, "out of memory");
    c.body = ci_cut_rows(p->r.h, c.body, GITHUB_COMMENT_MAX, "% more lines: see the report.");
    int r = find(&c);
    int same = r == 0 && c.id.n && same_text(c.old, c.body);
    if (r == 0 && !same)
        r = write_comment(&c);
    if (r == 0)
        r = remove_extra(&c);
    if (r != 0)
        return r;
    p->comment_id = c.id;
    ci_result_step(&p->r, "comment", same && !c.n_extra ? "unchanged" : "done",
                   sco_str_make(NULL, 0), c.id, c.url);
    return 0;
}
