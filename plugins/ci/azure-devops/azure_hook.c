/* configure: one subscription of a service hook for each event type, and the pipeline's file. Doing
 * it again changes nothing. */
#include "azure_priv.h"

enum { EVENTS_MAX = 32 };

static const char *const EVENTS[] = {"git.push",
                                     "git.pullrequest.created",
                                     "git.pullrequest.updated",
                                     "git.pullrequest.merged",
                                     "ms.vss-code.git-pullrequest-comment-event",
                                     "ms.vss-pipelines.run-state-changed-event",
                                     "ms.vss-pipelines.stage-state-changed-event",
                                     NULL};

struct hook {
    struct azure_op *o;
    struct sco_str url, project_id, repo_id;
    struct sco_str event; /* that is looked for */
    struct sco_str id;    /* of the subscription that was found */
    int same;
};

static int is_of_pipelines(struct sco_str event)
{
    return sco_str_starts(event, "ms.vss-pipelines.");
}

/* A subscription with our address, of this event and project. Azure shows neither password nor
 * headers. */
static int is_ours(void *user, const struct sco_node *v)
{
    struct hook *k = (struct hook *)user;
    const struct sco_node *in = sco_get(v, "publisherInputs"), *out = sco_get(v, "consumerInputs");
    struct sco_str repo = sco_text_at(in, "repository");
    if (!sco_str_eq(sco_text_at(v, "eventType"), k->event) ||
        !sco_str_eq(sco_text_at(out, "url"), k->url) ||
        !sco_str_eq(sco_text_at(in, "projectId"), k->project_id))
        return 0;
    if (!is_of_pipelines(k->event) && repo.n && !sco_str_eq(repo, k->repo_id))
        return 0;
    k->id = ci_copy(k->o->h, azure_id(sco_get(v, "id")));
    k->same = sco_str_is(sco_text_at(v, "status"), "enabled") &&
              sco_str_is(sco_text_at(out, "resourceDetailsToSend"), "all");
    return CI_FOUND;
}

static int find(void *user, struct sco_errbuf *e)
{
    struct hook *k = (struct hook *)user;
    k->id = sco_str_make(NULL, 0);
    k->same = 0;
    return azure_walk(k->o, "/_apis/hooks/subscriptions?consumerId=webHooks&" AZURE_V,
                      "the service hooks", is_ours, k, e);
}

static void write_subscription(const struct hook *k, struct ci_json *j)
{
    const struct azure *a = k->o->a;
    int pipelines = is_of_pipelines(k->event);
    ci_json_begin(j, '{');
    if (k->id.n)
        ci_json_kstr(j, "id", k->id);
    ci_json_kz(j, "publisherId", pipelines ? "pipelines" : "tfs");
    ci_json_kstr(j, "eventType", k->event);
    ci_json_kz(j, "resourceVersion", pipelines ? "5.1-preview.1" : "1.0");
    ci_json_kz(j, "consumerId", "webHooks");
    ci_json_kz(j, "consumerActionId", "httpRequest");
    if (k->id.n)
        ci_json_kz(j, "status", "enabled");
    ci_json_key(j, "publisherInputs");
    ci_json_begin(j, '{');
    ci_json_kstr(j, "projectId", k->project_id);
    if (!pipelines)
        ci_json_kstr(j, "repository", k->repo_id);
    ci_json_end(j, '}');
    ci_json_key(j, "consumerInputs");
    ci_json_begin(j, '{');
    ci_json_kstr(j, "url", k->url);
    if (a->webhook_password.n) {
        ci_json_kstr(j, "basicAuthUsername", a->webhook_user);
        ci_json_kstr(j, "basicAuthPassword", a->webhook_password.v[0]);
    }
    if (a->webhook_secret.n)
        ci_json_kstr(j, "httpHeaders",
                     sco_fmt(j->h, "%.*s: %.*s", SCO_STR_ARG(a->webhook_header),
                             SCO_STR_ARG(a->webhook_secret.v[0])));
    ci_json_kz(j, "resourceDetailsToSend", "all");
    ci_json_kz(j, "messagesToSend", "none");
    ci_json_kz(j, "detailedMessagesToSend", "none");
    ci_json_end(j, '}');
    ci_json_end(j, '}');
}

/* 0; *action is what was (or would be) done. */
static int one_event(struct hook *k, int dry, const char **action)
{
    struct azure_op *o = k->o;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = find(k, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    *action = k->same ? "unchanged" : k->id.n ? "updated" : "created";
    if (k->same || dry)
        return 0;
    write_subscription(k, &j);
    const char *path =
        k->id.n ? azure_path(o, "", "/_apis/hooks/subscriptions/%.*s?" AZURE_V, SCO_STR_ARG(k->id))
                : "/_apis/hooks/subscriptions?" AZURE_V;
    r = azure_send(o, k->id.n ? "PUT" : "POST", path, &j,
                   "the service hook (needs the permission to edit subscriptions)", find, k, &a);
    if (r == 0)
        k->id = ci_copy(o->h, azure_id(sco_get(a.root, "id")));
    return r == CI_FOUND ? 0 : r;
}

static int look_up(struct hook *k)
{
    struct azure_op *o = k->o;
    struct ci_answer a;
    int r = azure_need_repo(o);
    if (r == 0)
        r = azure_get(o, azure_path(o, o->repo, "?" AZURE_V), "the repository", &a);
    if (r != 0)
        return r;
    k->repo_id = ci_copy(o->h, azure_id(sco_get(a.root, "id")));
    k->project_id = ci_copy(o->h, azure_id(sco_path(a.root, "project.id")));
    return k->repo_id.n && k->project_id.n
               ? 0
               : sco_errf(o->e, SCO_E_FORMAT, "%s: the repository has no id", AZURE);
}

static int write_hooks(struct azure_op *o, const char *action, struct sco_str id,
                       struct sco_str url, size_t n)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "action", action);
    ci_json_kstr(&j, "id", id);
    ci_json_kstr(&j, "url", url);
    ci_json_kint(&j, "subscriptions", (int64_t)n);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int webhook(struct azure_op *o)
{
    struct hook k = {o, sco_text_at(o->q, "url"), {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, 0};
    const struct sco_node *asked = sco_get(o->q, "events");
    struct sco_str events[EVENTS_MAX], first = {NULL, 0};
    const char *all = "unchanged";
    size_t n = 0;
    if (!sco_str_starts(k.url, "https://") && !sco_str_starts(k.url, "http://"))
        return sco_errf(o->e, SCO_E_INVALID, "url: the address of our webhook is missing");
    if (!o->a->webhook_password.n && !o->a->webhook_secret.n)
        return sco_errf(o->e, SCO_E_INVALID,
                        "neither webhook_password nor webhook_secret is configured: what the hook "
                        "sends would be refused");
    if (o->a->webhook_password.n && !sco_str_starts(k.url, "https://"))
        return sco_errf(o->e, SCO_E_INVALID, "url: Azure sends a password only to https");
    SCO_EACH (c, asked)
        if (n < EVENTS_MAX)
            events[n++] = sco_text(c);
    for (size_t i = 0; !sco_first(asked) && EVENTS[i]; i++)
        events[n++] = sco_str_c(EVENTS[i]);
    int r = look_up(&k), dry = sco_bool(sco_get(o->q, "dry_run"), 0);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const char *action = all;
        k.event = events[i];
        r = one_event(&k, dry, &action);
        if (!first.n)
            first = k.id;
        if (strcmp(action, "created") == 0 || strcmp(all, "unchanged") == 0)
            all = action;
    }
    return r != 0 ? r : write_hooks(o, all, first, k.url, n);
}

int azure_configure(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    int r = azure_begin(&o, ctx, c, e);
    struct sco_str what = sco_text_at(o.q, "what");
    if (r == 0)
        r = sco_str_is(what, "webhook")    ? webhook(&o)
            : sco_str_is(what, "workflow") ? azure_workflow_file(&o)
                                           : sco_errf(e, SCO_E_UNSUPPORTED,
                                                      "%s: there is nothing like \"%.*s\" to "
                                                      "configure: webhook, workflow",
                                                      AZURE, SCO_STR_ARG(ci_line(o.h, what, 40)));
    return azure_end(&o, r);
}
