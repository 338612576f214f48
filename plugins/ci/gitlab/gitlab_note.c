/* One note for each merge request and configuration: found by its marker and its author over all
 * pages, written anew only when its text has changed. Two scans that raced may have left two of
 * them: the first stays. */
#include "gitlab_priv.h"

enum { EXTRA_MAX = 20 };

struct note {
    struct gitlab_publish *p;
    struct sco_str mark, body;
    struct sco_str id, old;          /* the first of ours */
    struct sco_str extra[EXTRA_MAX]; /* the others */
    size_t n_extra;
};

static struct sco_str trimmed(struct sco_str s)
{
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* Line breaks are kept as they came by the API; a form of the web pages makes CRLF of them. */
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

static int is_ours(const struct note *c, const struct sco_node *v)
{
    return sco_str_eq(gitlab_id(sco_path(v, "author.id")), c->p->author) &&
           gitlab_starts(sco_text_at(v, "body"), c->mark);
}

static void take(struct note *c, const struct sco_node *v)
{
    c->id = ci_copy(c->p->r.h, gitlab_id(sco_get(v, "id")));
    c->old = ci_copy(c->p->r.h, sco_text_at(v, "body"));
}

static int one(void *user, const struct sco_node *v)
{
    struct note *c = (struct note *)user;
    if (!is_ours(c, v))
        return 0;
    if (!c->id.n)
        take(c, v);
    else if (c->n_extra < EXTRA_MAX)
        c->extra[c->n_extra++] = ci_copy(c->p->r.h, gitlab_id(sco_get(v, "id")));
    return 0;
}

static const char *path_of(const struct note *c, struct sco_str id)
{
    return gitlab_path(c->p->o, "/merge_requests/%lld/notes/%.*s", (long long)c->p->r.pr,
                       SCO_STR_ARG(id));
}

static int walk(void *user, struct sco_errbuf *e)
{
    struct note *c = (struct note *)user;
    struct gitlab_op *o = c->p->o;
    c->id = sco_str_make(NULL, 0);
    c->n_extra = 0;
    int r = ci_walk(
        &o->http,
        gitlab_path(o, "/merge_requests/%lld/notes?sort=asc&order_by=created_at&per_page=100",
                    (long long)c->p->r.pr),
        NULL, GITLAB_PAGES_MAX, "the merge request's notes", one, c, e);
    if (r != 0)
        return r;
    return c->id.n ? CI_FOUND : 0;
}

/* After a change of which nobody knows. */
static int reread(void *user, struct sco_errbuf *e)
{
    struct note *c = (struct note *)user;
    struct ci_answer a;
    int r = ci_get(&c->p->o->http, path_of(c, c->id), "the note", &a, e);
    if (r != 0)
        return r;
    return same_text(sco_text_at(a.root, "body"), c->body) ? CI_FOUND : 0;
}

/* By the id of the last time, else by looking through all of them. */
static int find(struct note *c)
{
    struct ci_answer a;
    struct gitlab_op *o = c->p->o;
    int r = gitlab_need_author(c->p);
    if (r != 0)
        return r;
    if (c->p->note_id.n && gitlab_good_id(o, c->p->note_id, "state.note_id") == 0) {
        r = gitlab_get(o, path_of(c, c->p->note_id), "the note", &a);
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

static int write_note(struct note *c)
{
    struct gitlab_op *o = c->p->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "body", c->body);
    ci_json_end(&j, '}');
    int fresh = !c->id.n, r;
    if (fresh)
        r = gitlab_send(o, "POST",
                        gitlab_path(o, "/merge_requests/%lld/notes", (long long)c->p->r.pr), &j,
                        "the note", walk, c, &a);
    else
        r = gitlab_send(o, "PUT", path_of(c, c->id), &j, "the note", reread, c, &a);
    if (r == 0 && fresh)
        take(c, a.root);
    return r == CI_FOUND ? 0 : r;
}

static int remove_extra(struct note *c)
{
    struct ci_answer a;
    for (size_t i = 0; i < c->n_extra; i++) {
        int r = gitlab_send(c->p->o, "DELETE", path_of(c, c->extra[i]), NULL,
                            "a second note of ours", NULL, NULL, &a);
        if (r != 0 && r != SCO_E_NOT_FOUND)
            return r;
    }
    return 0;
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

int gitlab_publish_note(struct gitlab_publish *p)
{
    struct note c;
    memset(&c, 0, sizeof c);
    c.p = p;
    c.mark = sco_fmt(p->r.h, "<!-- secureops:%.*s -->", SCO_STR_ARG(p->r.marker));
    struct ci_json j = ci_json_new(p->r.h);
    ci_json_put(&j, c.mark.p, c.mark.n);
    ci_json_put(&j, "\n", 1);
    put_text(&j, p->r.markdown);
    c.body = ci_json_text(&j);
    if (!c.body.p)
        return sco_errf(p->o->e, SCO_E_NOMEM, "out of memory");
    c.body = ci_cut_rows(p->r.h, c.body, GITLAB_NOTE_MAX, "% more lines: see the report.");
    int r = find(&c);
    int same = r == 0 && c.id.n && same_text(c.old, c.body);
    if (r == 0 && !same)
        r = write_note(&c);
    if (r == 0)
        r = remove_extra(&c);
    if (r != 0)
        return r;
    p->note_id = c.id;
    ci_result_step(
        &p->r, "comment", same && !c.n_extra ? "unchanged" : "done", sco_str_make(NULL, 0), c.id,
        p->mr_url.n ? sco_fmt(p->r.h, "%.*s#note_%.*s", SCO_STR_ARG(p->mr_url), SCO_STR_ARG(c.id))
                    : sco_str_make(NULL, 0));
    return 0;
}
