/* The summary as a note of the merge request. */
#include "gitlab_priv.h"

static const char *path_of(const struct ci_comment *c, struct sco_str id)
{
    const struct gitlab_op *o = (const struct gitlab_op *)c->op;
    return gitlab_path(o, "/merge_requests/%lld/notes/%.*s", (long long)c->p->pr, SCO_STR_ARG(id));
}

static int is_by(const struct ci_comment *c, const struct sco_node *v)
{
    return sco_str_eq(gitlab_id(sco_path(v, "author.id")), c->author);
}

/* A line that begins with "/" would be a quick action: GitLab obeys "/merge" in a note. */
static void put_text(struct ci_json *j, struct sco_str text)
{
    for (size_t at = 0; at < text.n;) {
        const char *nl = (const char *)memchr(text.p + at, '\n', text.n - at);
        size_t next = nl ? (size_t)(nl - text.p) + 1 : text.n, i = at;
        while (i < next && (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\r'))
            i++;
        ci_json_put(j, text.p + at, i - at);
        if (i < next && text.p[i] == '/') {
            ci_json_put(j, "&#47;", 5);
            i++;
        }
        ci_json_put(j, text.p + i, next - i);
        at = next;
    }
}

static struct sco_str body_of(const struct gitlab_publish *p, struct sco_str mark)
{
    struct ci_json j = ci_json_new(p->r.h);
    ci_json_put(&j, mark.p, mark.n);
    ci_json_put(&j, "\n", 1);
    put_text(&j, p->r.markdown);
    return ci_json_text(&j);
}

int gitlab_publish_note(struct gitlab_publish *p)
{
    struct gitlab_op *o = p->o;
    struct ci_comment c;
    long long mr = (long long)p->r.pr;
    int r = gitlab_need_author(p);
    if (r != 0)
        return r;
    memset(&c, 0, sizeof c);
    c.p = &p->r;
    c.http = &o->http;
    c.op = o;
    c.what = "the note";
    c.what_list = "the merge request's notes";
    c.what_extra = "a second note of ours";
    c.list =
        gitlab_path(o, "/merge_requests/%lld/notes?sort=asc&order_by=created_at&per_page=100", mr);
    c.create = gitlab_path(o, "/merge_requests/%lld/notes", mr);
    c.change = "PUT";
    c.pages_max = GITLAB_PAGES_MAX;
    c.path = path_of;
    c.id_of = gitlab_id;
    c.is_by = is_by;
    c.author = p->author;
    if (p->note_id.n && gitlab_good_id(o, p->note_id, "state.note_id") == 0)
        c.known = p->note_id;
    c.mark = ci_comment_mark(&p->r);
    c.body = body_of(p, c.mark);
    r = ci_comment_publish(&c, GITLAB_NOTE_MAX);
    if (r != 0)
        return r;
    p->note_id = c.id;
    ci_result_step(&p->r, "comment", c.changed ? "done" : "unchanged", sco_str_make(NULL, 0), c.id,
                   p->mr_url.n
                       ? sco_fmt(o->h, "%.*s#note_%.*s", SCO_STR_ARG(p->mr_url), SCO_STR_ARG(c.id))
                       : sco_str_make(NULL, 0));
    return 0;
}
