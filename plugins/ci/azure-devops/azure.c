/* Azure DevOps Services and Server: service hooks, pipelines, and results as statuses and threads
 * of pull requests. This file: options and description. */
#include "azure_priv.h"

static int azure_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct azure *a = (struct azure *)ctx;
    a->h = host;
    if (ci_has_empty(&a->webhook_password) || ci_has_empty(&a->webhook_secret))
        return sco_errf(e, SCO_E_INVALID,
                        "webhook_password, webhook_secret: an empty one proves nothing");
    if (a->token.n && a->bearer.n)
        return sco_errf(e, SCO_E_INVALID, "either token or bearer: not both");
    if (ci_has_break(a->token) || ci_has_break(a->bearer))
        return sco_errf(e, SCO_E_INVALID, "token, bearer: there is a line break in it");
    return 0;
}

static void azure_close(void *ctx)
{
    (void)ctx;
}

#define AT(field) offsetof(struct azure, field), 0

static const struct sco_option OPTIONS[] = {
    {"url", SCO_OPT_STR, SCO_OPT_TRUSTED, AT(url), "https://dev.azure.com", 0, 0, NULL,
     "Address of Azure DevOps; of a Server with its collection "
     "(https://tfs.example.com/DefaultCollection)."},
    {"organization", SCO_OPT_STR, SCO_OPT_TRUSTED, AT(organization), NULL, 0, 0, NULL,
     "Organization, the first part of the path; empty for a Server."},
    {"project", SCO_OPT_STR, 0, AT(project), NULL, 0, 0, NULL,
     "Project of the pipelines, and of repositories that are given by name alone."},
    {"token", SCO_OPT_STR, SCO_OPT_SECRET, AT(token), NULL, 0, 0, NULL, "A personal access token."},
    {"bearer", SCO_OPT_STR, SCO_OPT_SECRET, AT(bearer), NULL, 0, 0, NULL,
     "An access token of Entra ID, or System.AccessToken of a pipeline, in the place of token."},
    {"webhook_user", SCO_OPT_STR, 0, AT(webhook_user), "secureops", 0, 0, NULL,
     "User name that the service hooks send."},
    {"webhook_password", SCO_OPT_LIST, SCO_OPT_SECRET, AT(webhook_password), NULL, 0, 0, NULL,
     "Passwords that the service hooks may send (Basic); several while one is being replaced."},
    {"webhook_header", SCO_OPT_STR, 0, AT(webhook_header), "X-SecureOps-Token", 0, 0, NULL,
     "Name of the header in which the service hooks send webhook_secret."},
    {"webhook_secret", SCO_OPT_LIST, SCO_OPT_SECRET, AT(webhook_secret), NULL, 0, 0, NULL,
     "Values of that header. With webhook_password too both are asked for; without either no "
     "delivery is taken."},
    {"max_age", SCO_OPT_DURATION, 0, AT(max_age), "0s", 0, 31536000000, NULL,
     "Refuse deliveries whose event is older; 0s: any age. Azure signs no time: this is all there "
     "is against replay."},
    {"check_name", SCO_OPT_STR, 0, AT(check_name), "SecureOps", 0, 0, NULL,
     "Name of the status, when the configuration of a scan has none."},
    {"genre", SCO_OPT_STR, 0, AT(genre), "secureops", 0, 0, NULL,
     "Genre of the status: branch policies name it."},
    {"threads_max", SCO_OPT_INT, 0, AT(threads_max), "50", 0, 1000, NULL,
     "Findings that get a thread of their own in a pull request, the worst first."},
    {"inputs_as", SCO_OPT_ENUM, 0, AT(inputs_as), "parameters", 0, 0, "parameters,variables",
     "What the inputs of a run are: template parameters, or variables."},
    CI_CLIENT_OPTIONS("100ms", CI_GAP_DOC, CI_WAIT_DOC),
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sco_ci CI = {
    .struct_size = sizeof(struct sco_ci),
    .title = AZURE,
    .homepage = "https://azure.microsoft.com/products/devops",
    .verify = azure_verify,
    .translate = azure_translate,
    .trigger = azure_trigger,
    .status = azure_run_status,
    .cancel = azure_cancel,
    .rerun = azure_rerun,
    .rollback = azure_rollback,
    .logs = azure_logs,
    .artifacts = azure_artifacts,
    .configure = azure_configure,
    .publish = azure_publish,
    .poll = azure_poll,
    .credential = azure_credential,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_CI,
    .name = "azure-devops",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Azure DevOps Services and Server: service hooks, pipelines, statuses, threads.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct azure),
    .open = azure_open,
    .close = azure_close,
    .ci = &CI,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
