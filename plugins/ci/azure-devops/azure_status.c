/* Statuses: of the commit, and of the pull request's iteration. Only the latter gates a pull
 * request, and only on the iteration it is reset by a new push. */
#include "azure_priv.h"

enum { TEXT_MAX = 200 };

struct status {
    struct azure_publish *p;
    const char *path;
    const char *state;
    struct sco_str text, id;
    int64_t newest;
    int same;
};

static const char *state_word(const char *ours)
{
    return strcmp(ours, "success") == 0   ? "succeeded"
           : strcmp(ours, "failure") == 0 ? "failed"
                                          : ours; /* pending, error */
}

/* The newest one of our name and genre decides: ids grow. */
static int one_status(void *user, const struct sco_node *v)
{
    struct status *s = (struct status *)user;
    const struct azure_publish *p = s->p;
    int64_t id = sco_int_at(v, "id", 0);
    if (!sco_str_eq(sco_text_at(v, "context.name"), p->r.name) ||
        !sco_str_eq(sco_text_at(v, "context.genre"), p->o->a->genre) || id < s->newest)
        return 0;
    s->newest = id;
    s->id = ci_copy(p->r.h, azure_id(sco_get(v, "id")));
    s->same = sco_str_is_nocase(sco_text_at(v, "state"), s->state) &&
              sco_str_eq(sco_text_at(v, "description"), s->text) &&
              (!p->r.details_url.n || sco_str_eq(sco_text_at(v, "targetUrl"), p->r.details_url));
    return 0;
}

static int look(void *user, struct sco_errbuf *e)
{
    struct status *s = (struct status *)user;
    s->newest = 0;
    s->same = 0;
    int r = azure_walk(s->p->o, s->path, "the statuses", one_status, s, e);
    return r != 0 ? r : s->same ? CI_FOUND : 0;
}

static void write_body(const struct status *s, struct ci_json *j, int64_t iteration)
{
    const struct azure_publish *p = s->p;
    ci_json_begin(j, '{');
    ci_json_kz(j, "state", s->state);
    ci_json_kstr(j, "description", s->text);
    if (p->r.details_url.n)
        ci_json_kstr(j, "targetUrl", p->r.details_url);
    ci_json_key(j, "context");
    ci_json_begin(j, '{');
    ci_json_kstr(j, "name", p->r.name);
    ci_json_kstr(j, "genre", p->o->a->genre);
    ci_json_end(j, '}');
    if (iteration > 0)
        ci_json_kint(j, "iterationId", iteration);
    ci_json_end(j, '}');
}

int azure_publish_status(struct azure_publish *p, const char *step, int on_pull)
{
    const struct sco_str none = {NULL, 0};
    struct azure_op *o = p->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    struct status s;
    memset(&s, 0, sizeof s);
    s.p = p;
    s.state = state_word(p->r.state);
    s.text = ci_line(o->h, p->r.title, TEXT_MAX);
    if (on_pull && p->iteration <= 0)
        return sco_errf(o->e, SCO_E_NOT_FOUND,
                        "%s: the pull request has no iteration with this commit, or the token may "
                        "not see it",
                        AZURE);
    s.path = on_pull
                 ? azure_path(o, o->repo, "/pullRequests/%lld/iterations/%lld/statuses?" AZURE_V,
                              (long long)p->r.pr, (long long)p->iteration)
                 : azure_path(o, o->repo, "/commits/%.*s/statuses?" AZURE_V, SCO_STR_ARG(p->r.sha));
    int r = look(&s, o->e);
    const char *result = r == CI_FOUND ? "unchanged" : "done";
    if (r == 0) {
        write_body(&s, &j, on_pull ? p->iteration : 0);
        r = azure_send(o, "POST", s.path, &j,
                       on_pull ? "the pull request's status" : "the commit's status", look, &s, &a);
        if (r == 0)
            s.id = ci_copy(o->h, azure_id(sco_get(a.root, "id")));
    }
    if (r != 0 && r != CI_FOUND)
        return r;
    ci_result_step(&p->r, step, result, none, s.id, none);
    return 0;
}
