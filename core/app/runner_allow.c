/* What a workflow asks for, against what the operator allows. */
#include "daemon/mail_format.h"
#include "runner_workflow.h"

#include <secureops/checkout.h>

SCO_PRINTF(3, 4)
static int refuse(struct workflow_job *w, const struct wanted *x, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    sco_buf_addf(&b, "%s: %s: ", x->workflow, sco_action_name(x->kind));
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    w->failed = b.failed ? NULL : sco_arena_cstr(&w->r->arena, sco_buf_str(&b));
    return w->failed ? 0 : SCO_E_NOMEM;
}

static bool in_list(const struct sco_str_list *globs, const char *text)
{
    for (size_t i = 0; i < globs->n; i++)
        if (sco_glob_match(globs->v[i].p, sco_str_c(text)))
            return true;
    return false;
}

/* ---- at platforms ---- */
static const struct sco_config_integration *find(const struct workflow_job *w, const char *name)
{
    for (size_t i = 0; name && i < w->n_integrations; i++)
        if (w->integrations[i].enabled && strcmp(w->integrations[i].name, name) == 0)
            return &w->integrations[i];
    return NULL;
}

static int at_platform(struct workflow_job *w, struct wanted *x)
{
    const char *integration = workflow_text(w, x->with, "integration");
    const char *repository = workflow_text(w, x->with, "repository");
    x->integration = integration ? integration : w->integration;
    x->repository = repository ? repository : workflow_text(w, w->event, "repo_full_name");
    const struct sco_config_integration *i = find(w, x->integration);
    if (!i)
        return refuse(w, x, "there is no integration \"%.100s\"",
                      x->integration ? x->integration : "");
    if (!x->repository)
        return refuse(w, x, "the event names no repository");
    if (i->repositories.n && !in_list(&i->repositories, x->repository))
        return refuse(w, x, "integrations.%s.repositories leaves %.200s out", i->name,
                      x->repository);
    return 0;
}

static int check_comment(struct workflow_job *w, struct wanted *x)
{
    int e = at_platform(w, x);
    if (e == 0 && !w->failed && sco_int(sco_get(w->event, "pr_number"), 0) <= 0)
        return refuse(w, x, "the event is of no pull request");
    return e;
}

/* ---- scans ---- */
/* As scans of rules: a fork's commits are fetched from the base repository where it has them. */
static bool is_kept_ref(const char *ref)
{
    struct sco_str s = sco_str_c(ref);
    return sco_str_starts(s, "refs/pull/") || sco_str_starts(s, "refs/merge-requests/");
}

static int check_scan(struct workflow_job *w, struct wanted *x)
{
    const char *own = workflow_text(w, w->event, "clone_url");
    const char *head = workflow_text(w, w->event, "head_clone_url");
    const char *named = workflow_text(w, x->with, "repository");
    bool strange = sco_bool(sco_get(w->event, "is_fork"), 0) != 0;
    bool fork = strange && head && !is_kept_ref(workflow_text(w, w->event, "ref"));
    SCO_AUTO(sco_buf) struct sco_buf host = {0};
    x->location = named ? named : fork ? head : own;
    x->foreign = !named && fork;
    x->strange = !named && strange && !fork;
    if (!x->location)
        return refuse(w, x, "the event does not say where its code is");
    if (x->strange && !workflow_branch(w, x))
        return refuse(w, x, "the event does not say of which fork it is");
    if (named && (!own || strcmp(named, own) != 0) &&
        !in_list(&w->r->cli.config->workflows.targets, named))
        return refuse(w, x, "workflows.targets does not name %.200s", named);
    if (!named && w->integration)
        return at_platform(w, x); /* the integration may leave it out */
    sco_repository_host(sco_str_c(x->location), &host);
    const struct sco_str_list *hosts = &w->r->cli.config->checkout.hosts;
    if (host.n && hosts->n && !in_list(hosts, sco_buf_z(&host)))
        return refuse(w, x, "checkout.hosts does not name %.200s", sco_buf_z(&host));
    return 0;
}

/* ---- out of the house ---- */
static bool has_secret(const struct workflow_job *w, struct sco_str name)
{
    const struct sco_str_list *l = &w->r->cli.config->workflows.secrets;
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].n > name.n && l->v[i].p[name.n] == '=' &&
            memcmp(l->v[i].p, name.p, name.n) == 0)
            return true;
    return false;
}

static int check_call(struct workflow_job *w, struct wanted *x)
{
    struct sco_action_url u = {0};
    struct sco_error why = {0};
    bool literal;
    if (sco_action_url(sco_text(sco_get(x->with, "url")), &u, &why) < 0)
        return refuse(w, x, "%s", why.text);
    if (!sco_action_host_allowed(&u, &w->r->cli.config->workflows.hosts, &literal))
        return refuse(w, x, "workflows.hosts does not name %s:%lld", u.host, (long long)u.port);
    const struct sco_node *headers = sco_get(x->with, "headers");
    for (const struct sco_node *h = headers ? headers->child : NULL; h; h = h->next) {
        struct sco_str name = sco_text(sco_get(h, "secret"));
        if (name.n && !has_secret(w, name))
            return refuse(w, x, "workflows.secrets does not name %.*s", SCO_STR_ARG(name));
    }
    x->host = sco_arena_cstr(&w->r->arena, sco_str_c(u.host));
    return x->host ? 0 : SCO_E_NOMEM;
}

static int check_notify(struct workflow_job *w, struct wanted *x)
{
    const struct sco_config *c = w->r->cli.config;
    SCO_EACH (item, sco_get(x->with, "mail")) {
        const char *to = sco_arena_cstr(&w->r->arena, sco_text(item));
        if (!to)
            return SCO_E_NOMEM;
        if (mail_check_address(to, NULL) < 0)
            return refuse(w, x, "\"%.100s\" is no mail address", to);
        if (!in_list(&c->workflows.recipients, to))
            return refuse(w, x, "workflows.recipients does not name %s", to);
        if (!c->smtp.url.n)
            return refuse(w, x, "no mail can be sent: smtp.url is not set");
    }
    return 0;
}

/* What was scanned may be a stranger's: a pipeline runs a branch of ours. */
static int check_pipeline(struct workflow_job *w, struct wanted *x)
{
    const char *branch = workflow_text(w, w->event, "branch");
    if (workflow_is_inner(w) && !sco_get(x->with, "ref") &&
        (!branch || strncmp(branch, "refs/", 5) == 0))
        return refuse(w, x, "the event is of no branch: 'ref' has to say which");
    return 0;
}

static int check(struct workflow_job *w, struct wanted *x)
{
    bool deep = w->depth >= SCO_WORKFLOW_DEPTH_MAX;
    switch (x->kind) {
    case SCO_ACTION_SCAN:
        return deep ? refuse(w, x, "workflows have caused %d events one after the other",
                             SCO_WORKFLOW_DEPTH_MAX)
                    : check_scan(w, x);
    case SCO_ACTION_TRIGGER:
        return deep ? refuse(w, x, "workflows have caused %d events one after the other",
                             SCO_WORKFLOW_DEPTH_MAX)
                    : at_platform(w, x);
    case SCO_ACTION_PIPELINE:
        return deep ? refuse(w, x, "workflows have caused %d events one after the other",
                             SCO_WORKFLOW_DEPTH_MAX)
                    : check_pipeline(w, x);
    case SCO_ACTION_COMMENT:
        return check_comment(w, x);
    case SCO_ACTION_CALL:
        return check_call(w, x);
    case SCO_ACTION_NOTIFY:
    default:
        return check_notify(w, x);
    }
}

int workflow_allow(struct workflow_job *w, struct sco_error *err)
{
    int e = sco_config_integrations(w->r->cli.config, &w->r->arena, &w->integrations,
                                    &w->n_integrations, err);
    for (size_t i = 0; e == 0 && !w->failed && i < w->n; i++)
        if (check(w, &w->v[i]) < 0)
            e = sco_error_nomem(err);
    return e;
}
