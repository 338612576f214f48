/* Jenkins: notifications of its plugins, jobs and builds, and results as a build's description.
 * This file: options and description. */
#include "jenkins_priv.h"

static int jenkins_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct jenkins *k = (struct jenkins *)ctx;
    k->h = host;
    if (ci_has_empty(&k->webhook_password) || ci_has_empty(&k->webhook_path) ||
        ci_has_empty(&k->webhook_secret))
        return sco_errf(e, SCO_E_INVALID,
                        "webhook_password, webhook_path, webhook_secret: an empty one proves "
                        "nothing");
    if (k->token.n && k->password.n)
        return sco_errf(e, SCO_E_INVALID, "either token or password: not both");
    if ((k->token.n || k->password.n) && !k->user.n)
        return sco_errf(e, SCO_E_INVALID, "token and password need user");
    if (ci_has_break(k->token) || ci_has_break(k->password) || ci_has_break(k->user))
        return sco_errf(e, SCO_E_INVALID, "user, token, password: there is a line break in it");
    return 0;
}

static void jenkins_close(void *ctx)
{
    (void)ctx;
}

#define AT(field) offsetof(struct jenkins, field), 0

static const struct sco_option OPTIONS[] = {
    {"url", SCO_OPT_STR, SCO_OPT_TRUSTED, AT(url), NULL, 0, 0, NULL,
     "Address of Jenkins, as people open it, with its path if it has one."},
    {"user", SCO_OPT_STR, 0, AT(user), NULL, 0, 0, NULL, "User that speaks for this integration."},
    {"token", SCO_OPT_STR, SCO_OPT_SECRET, AT(token), NULL, 0, 0, NULL, "API token of the user."},
    {"password", SCO_OPT_STR, SCO_OPT_SECRET, AT(password), NULL, 0, 0, NULL,
     "Password of the user, in the place of token: each call then asks for a crumb first."},
    {"webhook_user", SCO_OPT_STR, 0, AT(webhook_user), "secureops", 0, 0, NULL,
     "User name that notifications send."},
    {"webhook_password", SCO_OPT_LIST, SCO_OPT_SECRET, AT(webhook_password), NULL, 0, 0, NULL,
     "Passwords that notifications may send (Basic: user:password@ in the endpoint's URL); several "
     "while one is being replaced."},
    {"webhook_path", SCO_OPT_LIST, SCO_OPT_SECRET, AT(webhook_path), NULL, 0, 0, NULL,
     "Secrets that may stand behind the address of the webhook, for senders that know no "
     "password."},
    {"webhook_header", SCO_OPT_STR, 0, AT(webhook_header), "X-SecureOps-Signature-256", 0, 0, NULL,
     "Name of the header with the signature of a Jenkinsfile's own request."},
    {"webhook_secret", SCO_OPT_LIST, SCO_OPT_SECRET, AT(webhook_secret), NULL, 0, 0, NULL,
     "Keys of that signature, sha256=HMAC-SHA256 of the body in hex. Without any of the three no "
     "notification is taken."},
    {"ref_parameter", SCO_OPT_STR, 0, AT(ref_parameter), NULL, 0, 0, NULL,
     "Parameter of jobs that takes the branch or tag to be built."},
    {"commit_parameter", SCO_OPT_STR, 0, AT(commit_parameter), NULL, 0, 0, NULL,
     "Parameter of jobs that takes the commit to be built."},
    {"jobs", SCO_OPT_LIST, 0, AT(jobs), NULL, 0, 0, NULL,
     "Jobs and folders (folder/job) that polling looks at."},
    {"check_name", SCO_OPT_STR, 0, AT(check_name), "SecureOps", 0, 0, NULL,
     "First word of the description's line, when the configuration of a scan has none."},
    CI_CLIENT_OPTIONS(
        "0s", CI_GAP_DOC,
        "How long a call waits for a Jenkins that is starting; what takes longer is done later."),
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sco_ci CI = {
    .struct_size = sizeof(struct sco_ci),
    .title = JENKINS,
    .homepage = "https://www.jenkins.io",
    .verify = jenkins_verify,
    .translate = jenkins_translate,
    .trigger = jenkins_trigger,
    .status = jenkins_run_status,
    .cancel = jenkins_cancel,
    .rerun = jenkins_rerun,
    .rollback = jenkins_rollback,
    .logs = jenkins_logs,
    .artifacts = jenkins_artifacts,
    .configure = jenkins_configure,
    .publish = jenkins_publish,
    .poll = jenkins_poll,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_CI,
    .name = "jenkins",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Jenkins: notifications, jobs, builds, and a build's description.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct jenkins),
    .open = jenkins_open,
    .close = jenkins_close,
    .ci = &CI,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
