/* Trivy: vulnerable packages, misconfigurations, secrets and licences in folders, images and SBOMs.
 * This file: options and description; trivy_run.c runs it, trivy_parse.c reads its reports. */
#include "trivy_priv.h"

static uint32_t trivy_sniff(const struct sco_probe *p)
{
    static const char *const current[] = {"ArtifactName", "ArtifactType", "Results", "Trivy",
                                          "ReportID",     "Metadata",     NULL};
    const struct sco_node *first;
    if (sco_is(p->root, SCO_NODE_MAP)) {
        if (sco_get(p->root, "SchemaVersion") && rep_has(p->root, current) >= 2)
            return 97;
        if (sco_get(p->root, "ClusterName") &&
            (sco_get(p->root, "Resources") || sco_get(p->root, "Vulnerabilities") ||
             sco_get(p->root, "Misconfigurations")))
            return 93;
        return 0;
    }
    if (!sco_is(p->root, SCO_NODE_LIST))
        return 0;
    first = p->root->child;
    if (sco_get(first, "Target") && sco_get(first, "Vulnerabilities"))
        return sco_get(first, "Type") ? 94 : 90;
    return 0;
}

static int trivy_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    static const char *const known[] = {"vuln", "secret", "misconfig", "license", NULL};
    struct trivy *t = ctx;
    t->h = host;
    for (size_t i = 0; i < t->scanners.n; i++) {
        const char *const *k = known;
        while (*k && !sco_str_is(t->scanners.v[i], *k))
            k++;
        if (!*k)
            return sco_errf(e, SCO_E_INVALID,
                            "scanners: \"%.*s\" is not one of vuln, secret, misconfig, license",
                            SCO_STR_ARG(t->scanners.v[i]));
    }
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"scanners", SCO_OPT_LIST, 0, offsetof(struct trivy, scanners), 0, "vuln,secret,misconfig", 0,
     0, NULL, "What to look for: vuln, secret, misconfig, license."},
    {"command", SCO_OPT_ENUM, 0, offsetof(struct trivy, command), 0, "auto", 0, 0,
     "auto,fs,rootfs,repo,config",
     "How to look at a folder; auto is fs. Images, SBOMs and plans have their own."},
    {"server", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct trivy, server), 0, NULL, 0, 0, NULL,
     "Address of a Trivy server, http://host:4954, that has the vulnerability database."},
    {"token", SCO_OPT_STR, SCO_OPT_SECRET, offsetof(struct trivy, token), 0, NULL, 0, 0, NULL,
     "Token of the server."},
    {"ignore_file", SCO_OPT_STR, 0, offsetof(struct trivy, ignore_file), 0, NULL, 0, 0, NULL,
     "Ignore file instead of .trivyignore.yaml or .trivyignore in the target."},
    {"vex", SCO_OPT_STR, 0, offsetof(struct trivy, vex), 0, NULL, 0, 0, NULL,
     "VEX document, or \"repo\": what it rules out is reported as suppressed."},
    {"config", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct trivy, config), 0, NULL, 0, 0, NULL,
     "Trivy's configuration file. One in the target is not read."},
    {"update_checks", SCO_OPT_BOOL, 0, offsetof(struct trivy, update_checks), 0, "false", 0, 0,
     NULL, "Fetch newer misconfiguration checks than those built in (needs the network)."},
    {"ignore_unfixed", SCO_OPT_BOOL, 0, offsetof(struct trivy, ignore_unfixed), 0, "false", 0, 0,
     NULL, "Leave out vulnerabilities that have no fix."},
    {"dev_dependencies", SCO_OPT_BOOL, 0, offsetof(struct trivy, dev_dependencies), 0, "false", 0,
     0, NULL, "Look at development dependencies too."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const char *const PROGRAMS[] = {"trivy", NULL};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_IMAGE | SCO_TARGET_SBOM | SCO_TARGET_PLAN |
               SCO_TARGET_FILE,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SCA) | SCO_TYPE_BIT(SCO_TYPE_IAC) |
             SCO_TYPE_BIT(SCO_TYPE_SECRET) | SCO_TYPE_BIT(SCO_TYPE_LICENSE),
    .flags = SCO_SCANNER_LOCKS_CACHE,
    .title = TRIVY_TOOL,
    .homepage = "https://trivy.dev",
    .programs = PROGRAMS,
    .install = "scripts/install-scanners.sh trivy",
    .sniff = trivy_sniff,
    .run = trivy_run,
    .parse = trivy_parse_report,
    .inspect = trivy_inspect,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "trivy",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Vulnerable packages, misconfigurations, secrets and licenses, found by Trivy.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct trivy),
    .open = trivy_open,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
