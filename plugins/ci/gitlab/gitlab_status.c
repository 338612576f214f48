/* The commit status: one line at the commit, pending first. GitLab refuses to set the state that a
 * status has already ("Cannot transition status"): that is no failure. */
#include "gitlab_priv.h"

struct status {
    struct gitlab_publish *p;
    struct sco_str ref, url;
    struct sco_str now, text, target; /* of the newest with our name */
    int64_t id;
};

static int one_status(void *user, const struct sco_node *v)
{
    struct status *s = (struct status *)user;
    const struct sco_host *h = s->p->r.h;
    int64_t id = sco_int_at(v, "id", 0);
    struct sco_str ref = sco_text_at(v, "ref");
    if (!sco_str_eq(sco_text_at(v, "name"), s->p->r.name) || id <= s->id)
        return 0;
    /* two branches at one commit have a status each */
    if (ref.n && s->ref.n && !s->p->fork && !sco_str_eq(ref, s->ref))
        return 0;
    s->id = id;
    s->now = ci_copy(h, sco_text_at(v, "status"));
    s->text = ci_copy(h, sco_text_at(v, "description"));
    s->target = ci_copy(h, sco_text_at(v, "target_url"));
    return 0;
}

static int is_same(const struct status *s)
{
    const struct gitlab_publish *p = s->p;
    int there = sco_str_is(s->now, p->r.state) && sco_str_eq(s->text, p->r.title);
    return there && (!s->url.n || sco_str_eq(s->target, s->url));
}

static int look(void *user, struct sco_errbuf *e)
{
    struct status *s = (struct status *)user;
    struct gitlab_op *o = s->p->o;
    s->id = 0;
    int r = ci_walk(&o->http,
                    gitlab_path(o, "/repository/commits/%.*s/statuses?name=%s&per_page=100",
                                SCO_STR_ARG(s->p->r.sha), ci_encode(o->h, s->p->r.name, "")),
                    NULL, 20, "the commit's statuses", one_status, s, e);
    return r != 0 ? r : is_same(s) ? CI_FOUND : 0;
}

static int post(struct status *s, struct ci_answer *a)
{
    struct gitlab_publish *p = s->p;
    struct ci_json j = ci_json_new(p->r.h);
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "state", p->r.state);
    ci_json_kstr(&j, "name", p->r.name);
    ci_json_kstr(&j, "description", p->r.title);
    if (s->ref.n)
        ci_json_kstr(&j, "ref", s->ref);
    if (s->url.n)
        ci_json_kstr(&j, "target_url", s->url);
    ci_json_end(&j, '}');
    return gitlab_send(p->o, "POST", gitlab_path(p->o, "/statuses/%.*s", SCO_STR_ARG(p->r.sha)), &j,
                       "the commit status", look, s, a);
}

static void told(struct status *s, const char *result, struct sco_str reason)
{
    struct gitlab_publish *p = s->p;
    p->last_scan = p->scan_id;
    p->last_state = sco_str_c(p->r.state);
    ci_result_step(&p->r, "status", result, reason,
                   s->id ? sco_fmt(p->r.h, "%lld", (long long)s->id) : sco_str_make(NULL, 0),
                   s->url);
}

static int is_transition(const struct ci_answer *a)
{
    return a->status == 400 && ci_contains(a->message, "transition");
}

/* What came of a refused transition. */
static int settled(struct status *s)
{
    struct sco_str words = ci_result_reason(&s->p->r), none = {NULL, 0};
    int pending = sco_str_is(s->p->r.phase, "pending");
    int r = look(s, s->p->o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    int there = sco_str_is(s->now, s->p->r.state) || (pending && sco_str_is(s->now, "running"));
    if (!there)
        return sco_errf(s->p->o->e, SCO_E_INVALID, "%.*s", SCO_STR_ARG(words));
    told(s, "unchanged", none);
    return 0;
}

int gitlab_publish_status(struct gitlab_publish *p)
{
    const struct sco_str none = {NULL, 0};
    struct status s;
    struct ci_answer a;
    memset(&s, 0, sizeof s);
    memset(&a, 0, sizeof a);
    s.p = p;
    /* the commit of a fork is in the target project by the merge request alone */
    s.ref = p->r.branch;
    if (p->fork && p->r.pr)
        s.ref = sco_fmt(p->r.h, "refs/merge-requests/%lld/head", (long long)p->r.pr);
    if (p->r.details_url.n <= GITLAB_STATUS_MAX) /* half an address leads nowhere */
        s.url = p->r.details_url;
    if (sco_str_is(p->r.phase, "pending") && p->scan_id.n && sco_str_eq(p->scan_id, p->last_scan) &&
        p->last_state.n && !sco_str_is(p->last_state, "pending")) {
        ci_result_step(&p->r, "status", "unchanged", SCO_STR("this scan has its result already"),
                       none, none);
        return 0;
    }
    int r = look(&s, p->o->e);
    if (r == CI_FOUND) {
        told(&s, "unchanged", none);
        return 0;
    }
    if (r != 0 && r != SCO_E_PERMISSION && r != SCO_E_NOT_FOUND)
        return r;
    r = post(&s, &a);
    if (r == SCO_E_INVALID && is_transition(&a))
        return settled(&s);
    if (p->fork && (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND || r == SCO_E_INVALID)) {
        ci_result_step(&p->r, "status", "degraded",
                       sco_fmt(p->r.h,
                               "the commit is of a fork, where this token may do nothing: %.*s",
                               SCO_STR_ARG(ci_result_reason(&p->r))),
                       none, none);
        return 0;
    }
    if (r != 0 && r != CI_FOUND)
        return r;
    if (r == 0)
        s.id = sco_int_at(a.root, "id", 0);
    told(&s, "done", none);
    return 0;
}
