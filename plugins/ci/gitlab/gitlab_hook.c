/* configure: the project's webhook. Doing it again changes nothing. */
#include "gitlab_priv.h"

/* What a webhook can be asked to tell, by the kinds of its payloads. */
static const struct {
    const char *kind, *field;
    int by_default;
} EVENTS[] = {
    {"push", "push_events", 1},
    {"tag_push", "tag_push_events", 1},
    {"merge_request", "merge_requests_events", 1},
    {"pipeline", "pipeline_events", 1},
    {"job", "job_events", 1},
    {"release", "releases_events", 1},
    {"note", "note_events", 1},
    {"issue", "issues_events", 0},
    {"deployment", "deployment_events", 0},
};
enum { EVENTS_N = sizeof EVENTS / sizeof *EVENTS };

struct hook {
    struct gitlab_op *o;
    struct sco_str url;
    int wanted[EVENTS_N];
    struct sco_str id;
    int same, asleep; /* asleep: GitLab calls it no more, after failures */
};

static int choose(struct hook *k)
{
    const struct sco_node *asked = sco_get(k->o->q, "events");
    for (size_t i = 0; i < EVENTS_N; i++)
        k->wanted[i] = sco_first(asked) ? 0 : EVENTS[i].by_default;
    SCO_EACH (c, asked) {
        struct sco_str name = sco_text(c);
        size_t i = 0;
        while (i < EVENTS_N && !sco_str_is(name, EVENTS[i].kind) &&
               !sco_str_is(name, EVENTS[i].field))
            i++;
        if (i == EVENTS_N)
            return sco_errf(k->o->e, SCO_E_INVALID,
                            "events: a webhook of %s tells nothing of \"%.*s\"", GITLAB,
                            SCO_STR_ARG(ci_line(k->o->h, name, 40)));
        k->wanted[i] = 1;
    }
    return 0;
}

/* A hook of ours has our address; GitLab does not show its secrets. */
static int is_ours(void *user, const struct sco_node *v)
{
    struct hook *k = (struct hook *)user;
    struct sco_str alert = sco_text_at(v, "alert_status");
    if (!sco_str_eq(sco_text_at(v, "url"), k->url))
        return 0;
    k->id = ci_copy(k->o->h, gitlab_id(sco_get(v, "id")));
    k->asleep = alert.n && !sco_str_is(alert, "executable");
    k->same = sco_bool(sco_get(v, "enable_ssl_verification"), 0) &&
              !sco_text_at(v, "push_events_branch_filter").n;
    for (size_t i = 0; i < EVENTS_N; i++)
        if (sco_bool(sco_get(v, EVENTS[i].field), 0) != k->wanted[i])
            k->same = 0;
    return CI_FOUND;
}

static int find_hook(void *user, struct sco_errbuf *e)
{
    struct hook *k = (struct hook *)user;
    return ci_walk(&k->o->http, gitlab_path(k->o, "/hooks?per_page=100"), NULL, GITLAB_PAGES_MAX,
                   "the project's webhooks", is_ours, k, e);
}

/* After a change of which nobody knows: whether the hook is as it should be. */
static int arrived(void *user, struct sco_errbuf *e)
{
    struct hook *k = (struct hook *)user;
    int r = find_hook(k, e);
    return r == CI_FOUND && !k->same ? 0 : r;
}

static int write_hook(const struct hook *k, const char *action)
{
    struct ci_json j = ci_json_new(k->o->h);
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "action", action);
    ci_json_kstr(&j, "id", k->id);
    ci_json_kstr(&j, "url", k->url);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", k->o->e);
}

static int put_hook(struct hook *k)
{
    struct gitlab_op *o = k->o;
    const struct gitlab *g = o->g;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "url", k->url);
    for (size_t i = 0; i < EVENTS_N; i++)
        ci_json_kbool(&j, EVENTS[i].field, k->wanted[i]);
    ci_json_kbool(&j, "enable_ssl_verification", 1);
    ci_json_kz(&j, "push_events_branch_filter", "");
    if (g->webhook_secret.n)
        ci_json_kstr(&j, "token", g->webhook_secret.v[0]);
    if (g->signing_token.n)
        ci_json_kstr(&j, "signing_token", g->signing_token.v[0]);
    ci_json_end(&j, '}');
    if (k->id.n)
        return gitlab_send(o, "PUT", gitlab_path(o, "/hooks/%.*s", SCO_STR_ARG(k->id)), &j,
                           "the webhook", arrived, k, &a);
    int r = gitlab_send(o, "POST", gitlab_path(o, "/hooks"), &j, "the webhook", find_hook, k, &a);
    if (r == 0)
        k->id = ci_copy(o->h, gitlab_id(sco_get(a.root, "id")));
    return r;
}

/* A hook that GitLab gave up works again after a test that succeeds. */
static int wake(struct hook *k)
{
    struct ci_answer a;
    return gitlab_send(k->o, "POST",
                       gitlab_path(k->o, "/hooks/%.*s/test/push_events", SCO_STR_ARG(k->id)), NULL,
                       "the test of the webhook", NULL, NULL, &a);
}

static int webhook(struct gitlab_op *o)
{
    struct hook k;
    memset(&k, 0, sizeof k);
    k.o = o;
    k.url = sco_text_at(o->q, "url");
    if (!sco_str_starts(k.url, "https://") && !sco_str_starts(k.url, "http://"))
        return sco_errf(o->e, SCO_E_INVALID, "url: the address of our webhook is missing");
    if (!o->g->webhook_secret.n && !o->g->signing_token.n)
        return sco_errf(o->e, SCO_E_INVALID,
                        "neither signing_token nor webhook_secret is configured: what the webhook "
                        "sends would be refused");
    int r = choose(&k);
    if (r == 0)
        r = find_hook(&k, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    if (k.same && !k.asleep)
        return write_hook(&k, "unchanged");
    const char *action = k.id.n ? "updated" : "created";
    if (sco_bool(sco_get(o->q, "dry_run"), 0))
        return write_hook(&k, action);
    r = k.same ? 0 : put_hook(&k);
    if ((r == 0 || r == CI_FOUND) && k.asleep)
        r = wake(&k);
    return r != 0 && r != CI_FOUND ? r : write_hook(&k, action);
}

int gitlab_configure(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    int r = gitlab_begin(&o, ctx, c, e);
    struct sco_str what = sco_text_at(o.q, "what");
    if (r == 0)
        r = sco_str_is(what, "webhook")    ? webhook(&o)
            : sco_str_is(what, "workflow") ? gitlab_workflow(&o)
                                           : sco_errf(e, SCO_E_UNSUPPORTED,
                                                      "%s: there is nothing like \"%.*s\" to "
                                                      "configure: webhook, workflow",
                                                      GITLAB, SCO_STR_ARG(ci_line(o.h, what, 40)));
    return gitlab_end(&o, r);
}
