/* SARIF: reports of any tool that writes the OASIS format, versions 2.1.0 (with its drafts) and,
 * as far as it is the same, 2.0.0. Import only: the format has no program of its own.
 *
 * The log is read as a stream: rules are kept, results pass one by one. */
#include "sarif_priv.h"

#include <stddef.h>

static const char *const deferred[] = {"results",
                                       "rules",
                                       "artifacts",
                                       "logicalLocations",
                                       "graphs",
                                       "webRequests",
                                       "webResponses",
                                       "addresses",
                                       "threadFlowLocations",
                                       "taxonomies",
                                       "files",
                                       "translations",
                                       "policies",
                                       "notifications",
                                       "conversion",
                                       "runAggregates",
                                       NULL};

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

/* ---- parsing --------------------------------------------------------------------------------- */

static int check_version(const struct sco_node *log, struct sco_errbuf *e)
{
    struct sco_str v = text_trim(sco_text(sco_get(log, "version")));
    if (!v.n || sco_str_starts(v, "2.1") || sco_str_starts(v, "2.0"))
        return 0;
    return sco_errf(e, SCO_E_FORMAT, "SARIF version %.*s is not supported, only 2.1.0 is",
                    SCO_STR_ARG(v));
}

static int read_runs(struct sarif *s, const struct sco_input *in, struct sco_reader *reader,
                     const struct sco_node *runs, struct sco_errbuf *e)
{
    size_t number = 0;
    SCO_EACH (node, runs) {
        /* large: the base tables are in it */
        struct run *r = s->h->alloc(s->h, sizeof *r);
        if (!r)
            return sco_errf(e, SCO_E_NOMEM, "out of memory");
        r->s = s;
        r->h = s->h;
        r->reader = reader;
        r->node = node;
        r->root = sco_str_c(in->root);
        r->number = number++;
        int rc = run_report(r, e);
        if (rc < 0)
            return rc;
    }
    if (number == 0)
        return sco_errf(e, SCO_RUN_INCOMPLETE, "the log holds no run: no tool has run");
    return 0;
}

static int read_log(struct sarif *s, const struct sco_input *in, struct sco_reader *reader,
                    struct sco_errbuf *e)
{
    const struct sco_data_api *data = s->h->data;
    const struct sco_node *log = NULL;
    int rc = data->read(reader, deferred, &log, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return sco_errf(e, SCO_E_PARSE, "the file is empty");
    const struct sco_node *runs = sco_get(log, "runs");
    if (!sco_is(log, SCO_NODE_MAP) || !runs)
        return sco_errf(e, SCO_E_FORMAT, "not a SARIF log: no \"runs\" at its top");
    if (!sco_is(runs, SCO_NODE_LIST))
        return sco_errf(e, SCO_E_FORMAT, "not a SARIF log: \"runs\" is not a list");
    if ((rc = check_version(log, e)) < 0)
        return rc;
    int more = 0;
    SCO_EACH (x, sco_get(log, "inlineExternalProperties"))
        more |= sco_get(x, "results") != NULL;
    rc = read_runs(s, in, reader, runs, e);
    if (rc >= 0 && more)
        s->h->incomplete(s->h, SCO_STR("results in inline external properties were not read"));
    if (rc >= 0 && data->read(reader, NULL, &log, NULL) != 0)
        return sco_errf(e, SCO_E_PARSE, "there is more after the end of the log");
    return rc;
}

static int parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    struct sarif *s = ctx;
    struct sco_reader *reader = NULL;
    int rc = s->h->data->open(s->h, in->path, &reader, e);
    if (rc < 0)
        return rc;
    rc = read_log(s, in, reader, e);
    s->h->data->close(reader);
    return rc;
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
