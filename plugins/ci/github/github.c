/* GitHub and GitHub Enterprise: webhooks, workflows, and results as check run, comment, commit
 * status and code-scanning alerts. This file: options and description. */
#include "github_priv.h"

static int github_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct github *g = (struct github *)ctx;
    g->h = host;
    if (ci_has_empty(&g->webhook_secret))
        return sco_errf(e, SCO_E_INVALID, "webhook_secret: an empty secret proves nothing");
    if (g->app_id.n && !g->private_key.n)
        return sco_errf(e, SCO_E_INVALID, "app_id needs private_key");
    if (g->private_key.n && !g->app_id.n)
        return sco_errf(e, SCO_E_INVALID, "private_key needs app_id");
    if (g->app_id.n && g->token.n)
        return sco_errf(e, SCO_E_INVALID, "either token, or app_id and private_key: not both");
    if (ci_has_break(g->token))
        return sco_errf(e, SCO_E_INVALID, "token: it has a line break in it");
    return 0;
}

static void github_close(void *ctx)
{
    struct github *g = (struct github *)ctx;
    volatile char *p = g->held; /* a copy of a credential */
    for (size_t i = 0; i < sizeof g->held; i++)
        p[i] = 0;
}

#define AT(field) offsetof(struct github, field), 0

static const struct sco_option OPTIONS[] = {
    {"url", SCO_OPT_STR, SCO_OPT_TRUSTED, AT(url), "https://github.com", 0, 0, NULL,
     "Address of GitHub, or of your GitHub Enterprise server, as people open it."},
    {"api_url", SCO_OPT_STR, SCO_OPT_TRUSTED, AT(api_url), NULL, 0, 0, NULL,
     "Address of the REST API, when it does not follow from url (HOST/api/v3)."},
    {"webhook_secret", SCO_OPT_LIST, SCO_OPT_SECRET, AT(webhook_secret), NULL, 0, 0, NULL,
     "Secrets of the webhook; several while one is being replaced. Without one no webhook is "
     "taken."},
    {"token", SCO_OPT_STR, SCO_OPT_SECRET, AT(token), NULL, 0, 0, NULL,
     "A token: personal, or GITHUB_TOKEN of a workflow. Check runs need a GitHub App or "
     "GITHUB_TOKEN."},
    {"app_id", SCO_OPT_STR, 0, AT(app_id), NULL, 0, 0, NULL,
     "App ID, or client ID, of the GitHub App that speaks for this integration."},
    {"private_key", SCO_OPT_STR, SCO_OPT_SECRET, AT(private_key), NULL, 0, 0, NULL,
     "Private key of the App (PEM)."},
    {"installation_id", SCO_OPT_INT, 0, AT(installation_id), NULL, 0, INT64_MAX, NULL,
     "Installation of the App; asked for when 0."},
    {"check_name", SCO_OPT_STR, 0, AT(check_name), "SecureOps", 0, 0, NULL,
     "Name of the check run or status, when the configuration of a scan has none."},
    {"annotations_max", SCO_OPT_INT, 0, AT(annotations_max), "200", 0, 5000, NULL,
     "Findings that are shown in the code of a check run, the worst first; the others are listed "
     "below it."},
    {"check_paths", SCO_OPT_BOOL, 0, AT(check_paths), "true", 0, 0, NULL,
     "Look whether the files of findings exist at the commit; those that do not are listed, not "
     "annotated."},
    {"sarif_wait", SCO_OPT_DURATION, 0, AT(sarif_wait), "60s", 0, 600000, NULL,
     "How long to wait until GitHub has processed an upload to code scanning."},
    CI_CLIENT_OPTIONS("1s",
                      "Time between two requests that change something, as GitHub asks for it.",
                      CI_WAIT_DOC),
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sco_ci CI = {
    .struct_size = sizeof(struct sco_ci),
    .title = GITHUB,
    .homepage = "https://github.com",
    .verify = github_verify,
    .translate = github_translate,
    .trigger = github_trigger,
    .status = github_run_status,
    .cancel = github_cancel,
    .rerun = github_rerun,
    .rollback = github_rollback,
    .logs = github_logs,
    .artifacts = github_artifacts,
    .configure = github_configure,
    .publish = github_publish,
    .poll = github_poll,
    .credential = github_credential,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_CI,
    .name = "github",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "GitHub and GitHub Enterprise: webhooks, Actions, checks, comments, code scanning.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct github),
    .open = github_open,
    .close = github_close,
    .ci = &CI,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
