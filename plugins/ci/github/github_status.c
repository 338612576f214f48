/* The commit status: one line, and all that a personal access token may do. */
#include "github_priv.h"

struct status {
    struct github_publish *p;
    struct sco_str text, url;
    int same;
};

static int is_same(const struct status *s, const struct sco_node *v)
{
    return sco_str_is(sco_text_at(v, "state"), s->p->r.state) &&
           sco_str_eq(sco_text_at(v, "description"), s->text) &&
           (!s->p->r.details_url.n ||
            sco_str_eq(sco_text_at(v, "target_url"), s->p->r.details_url));
}

/* Contexts ignore case. The newest of a context comes first. */
static int one_status(void *user, const struct sco_node *v)
{
    struct status *s = (struct status *)user;
    const char *name = sco_cstr(s->p->r.h, s->p->r.name);
    if (!name || !sco_str_is_nocase(sco_text_at(v, "context"), name))
        return 0;
    s->same = is_same(s, v);
    s->url = ci_copy(s->p->r.h, sco_text_at(v, "url"));
    return CI_FOUND;
}

static int look(void *user, struct sco_errbuf *e)
{
    struct status *s = (struct status *)user;
    struct github_op *o = s->p->o;
    int r = ci_walk(&o->http,
                    github_path(o, "/commits/%.*s/statuses?per_page=100", SCO_STR_ARG(s->p->r.sha)),
                    NULL, 20, "the commit's statuses", one_status, s, e);
    if (r < 0 || r == SCO_CI_LATER)
        return r;
    return s->same ? CI_FOUND : 0;
}

int github_publish_status(struct github_publish *p, const char *instead_of)
{
    struct status s = {p, ci_line(p->r.h, p->r.title, GITHUB_STATUS_MAX), {NULL, 0}, 0};
    struct ci_json j = ci_json_new(p->r.h);
    struct ci_answer a;
    const char *step = instead_of ? "check" : "status", *result = "unchanged";
    struct sco_str reason = sco_str_c(instead_of);
    int r = look(&s, p->o->e);
    if (r == 0) {
        ci_json_begin(&j, '{');
        ci_json_kz(&j, "state", p->r.state);
        ci_json_kstr(&j, "description", s.text);
        ci_json_kstr(&j, "context", p->r.name);
        if (p->r.details_url.n)
            ci_json_kstr(&j, "target_url", p->r.details_url);
        ci_json_end(&j, '}');
        r = github_send(p->o, "POST", github_path(p->o, "/statuses/%.*s", SCO_STR_ARG(p->r.sha)),
                        &j, "the commit status", look, &s, &a);
        result = "done";
        if (r == 0)
            s.url = ci_copy(p->r.h, sco_text_at(a.root, "url"));
    }
    if (r != 0 && r != CI_FOUND)
        return r;
    if (!p->url.n)
        p->url = p->r.details_url;
    ci_result_step(&p->r, step, instead_of ? "degraded" : result, reason, sco_str_make(NULL, 0),
                   s.url);
    return 0;
}
