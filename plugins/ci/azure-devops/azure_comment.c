/* One summary thread for each pull request and configuration: found by its marker and its author,
 * written anew only when its text has changed, closed when the gate passed. Two scans that raced
 * may have left two of them: the first stays. */
#include "azure_priv.h"

enum { EXTRA_MAX = 20 };

struct thread {
    struct azure_publish *p;
    struct sco_str mark, body;
    struct sco_str id, comment, old, status; /* the first of ours */
    struct sco_str extra[EXTRA_MAX], extra_comment[EXTRA_MAX];
    size_t n_extra;
};

static int one(void *user, const struct sco_node *v)
{
    struct thread *t = (struct thread *)user;
    const struct sco_host *h = t->p->r.h;
    const struct sco_node *c = sco_first(sco_get(v, "comments"));
    const char *mark = sco_cstr(h, t->mark);
    if (sco_bool(sco_get(v, "isDeleted"), 0) || sco_bool(sco_get(c, "isDeleted"), 0) || !mark ||
        !sco_str_eq(sco_text_at(c, "author.id"), t->p->author) ||
        !sco_str_starts(sco_text_at(c, "content"), mark))
        return 0;
    struct sco_str id = ci_copy(h, azure_id(sco_get(v, "id")));
    struct sco_str comment = ci_copy(h, azure_id(sco_get(c, "id")));
    if (!t->id.n) {
        t->id = id;
        t->comment = comment;
        t->old = ci_copy(h, sco_text_at(c, "content"));
        t->status = ci_copy(h, sco_text_at(v, "status"));
    } else if (t->n_extra < EXTRA_MAX) {
        t->extra[t->n_extra] = id;
        t->extra_comment[t->n_extra++] = comment;
    }
    return 0;
}

static const char *threads_path(const struct azure_publish *p)
{
    return azure_path(p->o, p->o->repo, "/pullRequests/%lld/threads?" AZURE_V, (long long)p->r.pr);
}

static int find(void *user, struct sco_errbuf *e)
{
    struct thread *t = (struct thread *)user;
    t->id = sco_str_make(NULL, 0);
    t->n_extra = 0;
    int r = azure_walk(t->p->o, threads_path(t->p), "the pull request's threads", one, t, e);
    return r != 0 ? r : t->id.n ? CI_FOUND : 0;
}

static int is_written(void *user, struct sco_errbuf *e)
{
    struct thread *t = (struct thread *)user;
    int r = find(t, e);
    return r == CI_FOUND && !ci_comment_same(t->old, t->body) ? 0 : r;
}

static int passed(const struct azure_publish *p)
{
    return strcmp(p->r.state, "success") == 0;
}

static int create(struct thread *t)
{
    struct azure_op *o = t->p->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    ci_json_key(&j, "comments");
    ci_json_begin(&j, '[');
    ci_json_begin(&j, '{');
    ci_json_kint(&j, "parentCommentId", 0);
    ci_json_kstr(&j, "content", t->body);
    ci_json_kz(&j, "commentType", "text");
    ci_json_end(&j, '}');
    ci_json_end(&j, ']');
    ci_json_kz(&j, "status", passed(t->p) ? "closed" : "active");
    ci_json_end(&j, '}');
    int r = azure_send(o, "POST", threads_path(t->p), &j, "the summary", find, t, &a);
    if (r == 0)
        t->id = ci_copy(o->h, azure_id(sco_get(a.root, "id")));
    return r == CI_FOUND ? 0 : r;
}

static int update(struct thread *t)
{
    struct azure_op *o = t->p->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "content", t->body);
    ci_json_end(&j, '}');
    int r =
        azure_send(o, "PATCH",
                   azure_path(o, o->repo, "/pullRequests/%lld/threads/%.*s/comments/%.*s?" AZURE_V,
                              (long long)t->p->r.pr, SCO_STR_ARG(t->id), SCO_STR_ARG(t->comment)),
                   &j, "the summary", is_written, t, &a);
    return r == CI_FOUND ? 0 : r;
}

/* What a person decided (won't fix, by design, pending) stays. */
static const char *next_status(const struct thread *t)
{
    int open = sco_str_is_nocase(t->status, "active");
    int closed = sco_str_is_nocase(t->status, "closed") || sco_str_is_nocase(t->status, "fixed");
    if (passed(t->p))
        return open ? "closed" : NULL;
    return closed || !t->status.n ? "active" : NULL;
}

static int set_status(struct thread *t, const char *status)
{
    struct azure_op *o = t->p->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    struct ci_request q;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "status", status);
    ci_json_end(&j, '}');
    memset(&q, 0, sizeof q);
    q.method = "PATCH";
    q.path = azure_path(o, o->repo, "/pullRequests/%lld/threads/%.*s?" AZURE_V,
                        (long long)t->p->r.pr, SCO_STR_ARG(t->id));
    q.body = ci_json_text(&j);
    q.what = "the state of the summary";
    q.stay = q.repeat = 1;
    return azure_ask(o, &q, &a, o->e);
}

static int remove_extra(struct thread *t)
{
    struct azure_op *o = t->p->o;
    for (size_t i = 0; i < t->n_extra; i++) {
        struct ci_answer a;
        struct ci_request q;
        memset(&q, 0, sizeof q);
        q.method = "DELETE";
        q.path = azure_path(o, o->repo, "/pullRequests/%lld/threads/%.*s/comments/%.*s?" AZURE_V,
                            (long long)t->p->r.pr, SCO_STR_ARG(t->extra[i]),
                            SCO_STR_ARG(t->extra_comment[i]));
        q.what = "a second summary of ours";
        q.stay = q.repeat = 1;
        int r = azure_ask(o, &q, &a, o->e);
        if (r != 0 && r != SCO_E_NOT_FOUND)
            return r;
    }
    return 0;
}

int azure_publish_comment(struct azure_publish *p)
{
    struct thread t;
    int changed = 0, r = p->author.n ? 0 : azure_author(p->o, &p->author);
    memset(&t, 0, sizeof t);
    t.p = p;
    t.mark = ci_comment_mark(&p->r);
    t.body = sco_fmt(p->r.h, "%.*s\n%.*s", SCO_STR_ARG(t.mark), SCO_STR_ARG(p->r.markdown));
    if (!t.body.p)
        return sco_errf(p->o->e, SCO_E_NOMEM, "out of memory");
    t.body = ci_cut_rows(p->r.h, t.body, AZURE_COMMENT_MAX, "% more lines: see the report.");
    if (r == 0)
        r = find(&t, p->o->e);
    if (r == 0) {
        r = create(&t);
        changed = 1;
    } else if (r == CI_FOUND) {
        const char *status = next_status(&t);
        int text = !ci_comment_same(t.old, t.body);
        changed = text || status || t.n_extra;
        r = text ? update(&t) : 0;
        if (r == 0 && status)
            r = set_status(&t, status);
    }
    if (r == 0)
        r = remove_extra(&t);
    if (r != 0)
        return r;
    p->thread_id = t.id;
    ci_result_step(
        &p->r, "comment", changed ? "done" : "unchanged", sco_str_make(NULL, 0), t.id,
        p->url.n ? sco_fmt(p->r.h, "%.*s?discussionId=%.*s", SCO_STR_ARG(p->url), SCO_STR_ARG(t.id))
                 : sco_str_make(NULL, 0));
    return 0;
}
