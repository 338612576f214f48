/* GitLab.com and self-managed GitLab: webhooks, pipelines, and results as commit status, note and
 * threads of a merge request. This file: options and description. */
#include "gitlab_priv.h"

static int gitlab_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct gitlab *g = (struct gitlab *)ctx;
    g->h = host;
    if (ci_has_empty(&g->webhook_secret))
        return sco_errf(e, SCO_E_INVALID, "webhook_secret: an empty secret proves nothing");
    if (ci_has_break(g->token) || ci_has_break(g->trigger_token))
        return sco_errf(e, SCO_E_INVALID, "token: it has a line break in it");
    return gitlab_check_keys(g, e);
}

static void gitlab_close(void *ctx)
{
    (void)ctx;
}

#define AT(field) offsetof(struct gitlab, field), 0

static const struct sco_option OPTIONS[] = {
    {"url", SCO_OPT_STR, SCO_OPT_TRUSTED, AT(url), "https://gitlab.com", 0, 0, NULL,
     "Address of GitLab as people open it; with its path, when it is installed below one."},
    {"signing_token", SCO_OPT_LIST, SCO_OPT_SECRET, AT(signing_token), NULL, 0, 0, NULL,
     "Signing tokens of the webhook (whsec_...); several while one is being replaced. With one, "
     "webhooks that are not signed are refused."},
    {"webhook_secret", SCO_OPT_LIST, SCO_OPT_SECRET, AT(webhook_secret), NULL, 0, 0, NULL,
     "Secret tokens of the webhook, for servers without signing tokens; several while one is being "
     "replaced. Without either no webhook is taken."},
    {"token", SCO_OPT_STR, SCO_OPT_SECRET, AT(token), NULL, 0, 0, NULL,
     "Access token of a project, group or person, with the scope api."},
    {"token_type", SCO_OPT_ENUM, 0, AT(token_type), "private", 0, 0, "private,bearer,job",
     "What the token is: an access token, one of OAuth 2.0, or CI_JOB_TOKEN."},
    {"trigger_token", SCO_OPT_STR, SCO_OPT_SECRET, AT(trigger_token), NULL, 0, 0, NULL,
     "Pipeline trigger token: pipelines are started with it in the place of the token."},
    {"status_name", SCO_OPT_STR, 0, AT(status_name), "SecureOps", 0, 0, NULL,
     "Name of the commit status, when the configuration of a scan has none."},
    {"threads_max", SCO_OPT_INT, 0, AT(threads_max), "20", 0, 200, NULL,
     "Findings that get a thread on the line of a merge request, the worst first; 0: none."},
    CI_CLIENT_OPTIONS("100ms", CI_GAP_DOC, CI_WAIT_DOC),
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sco_ci CI = {
    .struct_size = sizeof(struct sco_ci),
    .title = GITLAB,
    .homepage = "https://gitlab.com",
    .verify = gitlab_verify,
    .translate = gitlab_translate,
    .trigger = gitlab_trigger,
    .status = gitlab_run_status,
    .cancel = gitlab_cancel,
    .rerun = gitlab_rerun,
    .rollback = gitlab_rollback,
    .logs = gitlab_logs,
    .artifacts = gitlab_artifacts,
    .configure = gitlab_configure,
    .publish = gitlab_publish,
    .poll = gitlab_poll,
    .credential = gitlab_credential,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_CI,
    .name = "gitlab",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "GitLab.com and self-managed: webhooks, pipelines, statuses, notes, threads.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct gitlab),
    .open = gitlab_open,
    .close = gitlab_close,
    .ci = &CI,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
