/* publish: one line in the description of the build that belongs to the commit, found again by its
 * beginning; the other lines are other people's. The text is plain: what a description may hold
 * beyond that is Jenkins' setting. */
#include "jenkins_priv.h"

enum { DESCRIPTION_MAX = 16 << 10 };

struct line {
    struct ci_result *p;
    struct jenkins_op *o;
    struct jenkins_build b;
    struct sco_str mark, ours, now; /* beginning, our line, the description as it should be */
};

/* The description with our line in the place of an older one, or at its end. */
static struct sco_str with_line(const struct line *l, struct sco_str old)
{
    struct ci_json out = ci_json_new(l->p->h);
    const char *mark = sco_cstr(l->p->h, l->mark);
    int done = 0;
    for (size_t at = 0; mark && at < old.n;) {
        const char *nl = (const char *)memchr(old.p + at, '\n', old.n - at);
        size_t n = nl ? (size_t)(nl - old.p) - at : old.n - at;
        struct sco_str row = sco_str_make(old.p + at, n);
        at += n + 1;
        if (row.n && row.p[row.n - 1] == '\r')
            row.n--;
        if (sco_str_starts(row, mark)) {
            if (done)
                continue;
            row = l->ours;
            done = 1;
        }
        if (out.n)
            ci_json_put(&out, "\n", 1);
        ci_json_put(&out, row.p, row.n);
    }
    if (!done) {
        if (out.n)
            ci_json_put(&out, "\n", 1);
        ci_json_put(&out, l->ours.p, l->ours.n);
    }
    return ci_json_text(&out);
}

static struct sco_str without_returns(const struct sco_host *h, struct sco_str s)
{
    struct ci_json out = ci_json_new(h);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r')
            ci_json_put(&out, s.p + i, 1);
    return ci_json_text(&out);
}

/* CI_FOUND: the line stands there; 0: not, or another one. */
static int look(void *user, struct sco_errbuf *e)
{
    struct line *l = (struct line *)user;
    struct ci_answer a;
    int r = jenkins_get(
        l->o,
        jenkins_path(l->o, "%s/%lld/api/json?tree=description", l->b.url, (long long)l->b.number),
        "the build's description", &a, e);
    if (r != 0)
        return r;
    struct sco_str old = without_returns(l->p->h, sco_text_at(a.root, "description"));
    if (old.n > DESCRIPTION_MAX)
        return sco_errf(e, SCO_E_LIMIT, "the build's description has more than %d bytes",
                        DESCRIPTION_MAX);
    l->now = with_line(l, old);
    return sco_str_eq(old, l->now) ? CI_FOUND : 0;
}

static int describe(struct ci_result *p, struct jenkins_op *o, const struct jenkins_build *b)
{
    const struct sco_str none = {NULL, 0};
    struct line l = {p, o, *b, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct ci_json form = ci_json_new(p->h);
    struct ci_answer a;
    l.mark = sco_fmt(p->h, "%.*s [%.*s]: ", SCO_STR_ARG(ci_line(p->h, p->name, 60)),
                     SCO_STR_ARG(p->marker));
    l.ours = sco_fmt(p->h, "%.*s%.*s%s%.*s", SCO_STR_ARG(l.mark), SCO_STR_ARG(p->title),
                     p->details_url.n ? " - " : "", SCO_STR_ARG(p->details_url));
    int r = look(&l, o->e);
    const char *result = r == CI_FOUND ? "unchanged" : "done";
    if (r == 0) {
        jenkins_form(&form, SCO_STR("description"), l.now);
        r = jenkins_post(o,
                         jenkins_path(o, "%s/%lld/submitDescription", b->url, (long long)b->number),
                         ci_json_text(&form), NULL, "the build's description", look, &l, &a);
    }
    if (r != 0 && r != CI_FOUND)
        return r;
    ci_result_step(
        p, "description", result, none,
        sco_fmt(p->h, "%.*s#%lld", SCO_STR_ARG(b->job), (long long)b->number),
        sco_fmt(p->h, "%.*s%s/%lld/", SCO_STR_ARG(o->http.base), b->url, (long long)b->number));
    return 0;
}

static int do_publish(struct ci_result *p, struct jenkins_op *o)
{
    static const char *const others[] = {"check",  "status",  "comment",
                                         "review", "threads", "sarif"};
    struct sco_str id = sco_text_at(o->q, "context.pipeline_id"), url = {NULL, 0};
    struct jenkins_build b;
    int r = ci_result_read(p, o->k->check_name);
    if (r != 0)
        return r;
    ci_result_decide(p, CI_TITLE_MAX);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (ci_result_wants(p, others[i], 0))
            ci_result_skip(p, others[i], "Jenkins has nothing of the kind");
    if (ci_result_wants(p, "description", 1)) {
        if (!id.n) {
            ci_result_skip(p, "description", "no build of Jenkins is known for this commit");
        } else {
            r = jenkins_build_of(o, id, &b);
            if (r == 0 && !b.number)
                r = sco_errf(o->e, SCO_E_INVALID, "context.pipeline_id is not job#number");
            if (r == 0)
                r = describe(p, o, &b);
            if (r == 0)
                url = p->steps[p->n_steps - 1].url;
            r = ci_result_settle(p, "description", r);
        }
    }
    return ci_result_end(p, r, SCO_STR("{}"), url);
}

int jenkins_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    struct ci_result p;
    int r = jenkins_begin(&o, ctx, c, e);
    memset(&p, 0, sizeof p);
    p.h = o.h;
    p.q = o.q;
    p.e = e;
    return jenkins_end(&o, r == 0 ? do_publish(&p, &o) : r);
}
