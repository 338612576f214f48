/* Semgrep: weaknesses in source code by patterns, from the rules that it is given.
 * This file: options and description; semgrep_run.c runs it, semgrep_parse.c reads its reports. */
#include "semgrep_priv.h"

static uint32_t semgrep_sniff(const struct sco_probe *p)
{
    const struct sco_node *first;
    if (!sco_is(p->root, SCO_NODE_MAP))
        return 0;
    first = sco_first(sco_get(p->root, "results"));
    if (sco_get(first, "check_id") && sco_get(first, "extra"))
        return 97;
    if (sco_get(p->root, "results") && sco_path(p->root, "paths.scanned"))
        return 95;
    first = sco_first(sco_get(p->root, "findings"));
    if (sco_get(first, "match_based_id") || (sco_get(first, "rule_name") && sco_get(first, "rule")))
        return 94;
    first = sco_first(sco_get(p->root, "vulns"));
    if (sco_get(first, "advisory") && sco_get(first, "matchedDependency"))
        return 94;
    return 0;
}

static int semgrep_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct semgrep *)ctx)->h = host;
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"config", SCO_OPT_LIST, 0, offsetof(struct semgrep, config), 0, NULL, 0, 0, NULL,
     "Rules: files, folders (relative ones in the target), or p/NAME, r/NAME, auto, https://... "
     "from the network. When empty: .semgrep.yml, .semgrep.yaml or .semgrep/ of the target."},
    {"exclude_rules", SCO_OPT_LIST, 0, offsetof(struct semgrep, exclude_rules), 0, NULL, 0, 0, NULL,
     "Rule ids to leave out."},
    {"partial_parsing", SCO_OPT_ENUM, 0, offsetof(struct semgrep, partial_parsing), 0, "incomplete",
     0, 0, "incomplete,accept",
     "What a file that Semgrep parsed only in part makes of the scan; accept only logs it."},
    {"rule_timeout", SCO_OPT_DURATION, 0, offsetof(struct semgrep, rule_timeout_ms), 0, "30s", 0,
     3600000, NULL, "Time for one rule on one file; 0: no limit."},
    {"max_memory", SCO_OPT_SIZE, 0, offsetof(struct semgrep, max_memory), 0, "4GiB", 0, 0, NULL,
     "Memory for one file; 0: no limit."},
    {"max_file", SCO_OPT_SIZE, 0, offsetof(struct semgrep, max_file), 0, "2MB", 0, 0, NULL,
     "Files larger than this are not looked at; 0: no limit."},
    {"baseline_commit", SCO_OPT_STR, 0, offsetof(struct semgrep, baseline_commit), 0, NULL, 0, 0,
     NULL, "Report only what is not in this commit."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const char *const PROGRAMS[] = {"semgrep", NULL};
static const char *const VERSION[] = {"--version", "--disable-version-check", NULL};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_FILE,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SAST) | SCO_TYPE_BIT(SCO_TYPE_SCA) |
             SCO_TYPE_BIT(SCO_TYPE_SECRET) | SCO_TYPE_BIT(SCO_TYPE_QUALITY),
    .title = SEMGREP_TOOL,
    .homepage = "https://semgrep.dev",
    .programs = PROGRAMS,
    .version_args = VERSION,
    .install = "scripts/install-scanners.sh semgrep",
    .sniff = semgrep_sniff,
    .run = semgrep_run,
    .parse = semgrep_parse_report,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "semgrep",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Weaknesses in source code, found by Semgrep's rules.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct semgrep),
    .open = semgrep_open,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
