/* The summary as a comment of the pull request. */
#include "github_priv.h"

static const char *path_of(const struct ci_comment *c, struct sco_str id)
{
    const struct github_op *o = (const struct github_op *)c->op;
    return github_path(o, "/issues/comments/%s", ci_encode(o->h, id, ""));
}

static int is_by(const struct ci_comment *c, const struct sco_node *v)
{
    const char *author = sco_cstr(c->p->h, c->author);
    return author && sco_str_is_nocase(sco_text_at(v, "user.login"), author);
}

int github_publish_comment(struct github_publish *p)
{
    struct github_op *o = p->o;
    struct ci_comment c;
    long long pr = (long long)p->r.pr;
    int r = p->author.n ? 0 : github_author(o, &p->author);
    if (r != 0)
        return r;
    memset(&c, 0, sizeof c);
    c.p = &p->r;
    c.http = &o->http;
    c.op = o;
    c.what = "the comment";
    c.what_list = "the pull request's comments";
    c.what_extra = "a second comment of ours";
    c.list = github_path(o, "/issues/%lld/comments?per_page=100", pr);
    c.create = github_path(o, "/issues/%lld/comments", pr);
    c.change = "PATCH";
    c.pages_max = GITHUB_PAGES_MAX;
    c.path = path_of;
    c.id_of = github_id;
    c.is_by = is_by;
    c.author = p->author;
    c.known = p->comment_id;
    c.mark = ci_comment_mark(&p->r);
    c.body = sco_fmt(o->h, "%.*s\n%.*s", SCO_STR_ARG(c.mark), SCO_STR_ARG(p->r.markdown));
    r = ci_comment_publish(&c, GITHUB_COMMENT_MAX);
    if (r != 0)
        return r;
    p->comment_id = c.id;
    ci_result_step(&p->r, "comment", c.changed ? "done" : "unchanged", sco_str_make(NULL, 0), c.id,
                   c.url);
    return 0;
}
