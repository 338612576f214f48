/* SARIF: reports of any tool that writes the OASIS format, versions 2.1.0 (with its drafts) and,
 * as far as it is the same, 2.0.0. Import only: the format has no program of its own. */
#include "sarif_priv.h"

#include <stddef.h>

/* ---- recognition ----------------------------------------------------------------------------- */

static uint32_t sniff(const struct sco_probe *p)
{
    if (p->format != SCO_PROBE_JSON || !sco_is(p->root, SCO_NODE_MAP))
        return 0;
    const struct sco_node *runs = sco_get(p->root, "runs");
    if (text_contains(sco_text(sco_get(p->root, "$schema")), "sarif"))
        return 100;
    if (!sco_is(runs, SCO_NODE_LIST))
        return 0;
    if (sco_str_starts(sco_text(sco_get(p->root, "version")), "2."))
        return 95;
    return sco_path(sco_first(runs), "tool.driver") ? 90 : 0;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static int parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    return sarif_parse(ctx, in, e);
}

static int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    (void)ctx;
    (void)job;
    return sco_errf(e, SCO_E_UNSUPPORTED,
                    "SARIF is a format, not a program: import a saved report instead");
}

static int open_plugin(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct sarif *)ctx)->h = host;
    return 0;
}

/* ---- description ----------------------------------------------------------------------------- */

static const struct sco_option options[] = {
    {"type", SCO_OPT_ENUM, 0, offsetof(struct sarif, type), 0, "auto", 0, 0,
     "auto,sast,sca,dast,iac,secret,license,quality",
     "What the findings are; auto tells by the tool's name, the rule's id and its tags."},
    {"merge_locations", SCO_OPT_BOOL, 0, offsetof(struct sarif, merge_locations), 0, "false", 0, 0,
     NULL, "One finding for a result with several locations, instead of one for each."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sco_scanner scanner = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_FILE,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SAST) | SCO_TYPE_BIT(SCO_TYPE_SCA) |
             SCO_TYPE_BIT(SCO_TYPE_DAST) | SCO_TYPE_BIT(SCO_TYPE_IAC) |
             SCO_TYPE_BIT(SCO_TYPE_SECRET) | SCO_TYPE_BIT(SCO_TYPE_LICENSE) |
             SCO_TYPE_BIT(SCO_TYPE_QUALITY),
    .flags = SCO_SCANNER_EXPLICIT,
    .title = "SARIF",
    .homepage = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html",
    .install = "nothing to install: import a report that another tool wrote",
    .sniff = sniff,
    .run = run,
    .parse = parse,
};

static const struct sco_plugin plugin = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "sarif",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Imports SARIF 2.1.0 reports of any tool.",
    .options = options,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct sarif),
    .open = open_plugin,
    .scanner = &scanner,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &plugin;
}
