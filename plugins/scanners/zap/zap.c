/* ZAP: weaknesses of running web applications. This file describes the plugin and decides how to
 * scan: over the API of a running ZAP when `url` is set, else by running ZAP itself. */
#include "zap_priv.h"

static uint32_t sniff(const struct sco_probe *p)
{
    if (!p->root)
        return 0;
    if (p->format == SCO_PROBE_XML)
        return sco_str_is(sco_text(sco_get(p->root, "#name")), "OWASPZAPReport") ? 99 : 0;
    if (p->format != SCO_PROBE_JSON || !sco_get(p->root, "site"))
        return 0;
    const struct sco_node *site = sco_first(sco_get(p->root, "site"));
    struct sco_str program = sco_text(sco_get(p->root, "@programName"));
    if (sco_str_is(program, "ZAP"))
        return 99;
    return sco_get(site, "alerts") && sco_get(site, "@name") ? 95
           : sco_get(p->root, "@version")                    ? 60
                                                             : 0;
}

static int is_loopback(const char *url)
{
    static const char *const hosts[] = {"127.", "localhost", "[::1]"};
    const char *sep = strstr(url, "://");
    for (size_t i = 0; sep && i < 3; i++) {
        size_t n = strlen(hosts[i]);
        if (strncmp(sep + 3, hosts[i], n) == 0 && (i == 0 || strchr(":/?#", sep[3 + n])))
            return strspn(sep + 3, "0123456789.") == strcspn(sep + 3, ":/?#") || i > 0;
    }
    return 0;
}

int zap_run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct zap *z = ctx;
    if (strncmp(job->target, "http://", 7) != 0 && strncmp(job->target, "https://", 8) != 0)
        return sco_errf(e, SCO_E_INVALID, "the target is not an http or https URL");
    if (job->offline && !is_loopback(job->target))
        return sco_errf(e, SCO_RUN_SKIPPED, "offline, and the target is not on this machine");
    return z->url.n ? zap_run_api(z, job, e) : zap_run_plan(z, job, e);
}

static int open_plugin(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct zap *)ctx)->h = host;
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"url", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct zap, url), 0, NULL, 0, 0, NULL,
     "API of a running ZAP, such as http://127.0.0.1:8090; without it ZAP itself is run."},
    {"api_key", SCO_OPT_STR, SCO_OPT_SECRET, offsetof(struct zap, api_key), 0, NULL, 0, 0, NULL,
     "Key of that API."},
    {"program", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct zap, program), 0, "zap.sh", 0, 0,
     NULL, "ZAP's program, as a path or a name."},
    {"plan", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct zap, plan), 0, NULL, 0, 0, NULL,
     "Automation plan to run instead of the built-in one; it writes its traditional-json report to "
     "zap-report.json in ${SECUREOPS_REPORT_DIR}."},
    {"spider", SCO_OPT_BOOL, 0, offsetof(struct zap, spider), 0, "true", 0, 0, NULL,
     "Follow the links of the target first."},
    {"ajax_spider", SCO_OPT_BOOL, 0, offsetof(struct zap, ajax_spider), 0, "false", 0, 0, NULL,
     "Also crawl with a browser, for pages that scripts build."},
    {"active", SCO_OPT_BOOL, 0, offsetof(struct zap, active), 0, "false", 0, 0, NULL,
     "Attack the target; only for systems whose owner agreed."},
    {"scan_policy", SCO_OPT_STR, 0, offsetof(struct zap, scan_policy), 0, NULL, 0, 0, NULL,
     "Name of the policy of the active scan."},
    {"max_duration", SCO_OPT_DURATION, 0, offsetof(struct zap, max_duration), 0, "0", 0, 86400000,
     NULL, "How long a crawl or the active scan may take; 0: until the deadline."},
    {"passive_wait", SCO_OPT_DURATION, 0, offsetof(struct zap, passive_wait), 0, "10m", 0, 86400000,
     NULL, "How long to wait for the passive scan."},
    {"poll_interval", SCO_OPT_DURATION, 0, offsetof(struct zap, poll_interval), 0, "2s", 10, 60000,
     NULL, "How often a running scan is asked for its progress."},
    {"instances", SCO_OPT_ENUM, 0, offsetof(struct zap, instances), 0, "together", 0, 0,
     "together,separate",
     "One finding for each kind of alert and site, or one for each URL and parameter."},
    {"evidence", SCO_OPT_BOOL, 0, offsetof(struct zap, evidence), 0, "false", 0, 0, NULL,
     "Keep ZAP's evidence; it may hold personal data or session tokens."},
    {"insights", SCO_OPT_BOOL, 0, offsetof(struct zap, insights), 0, "true", 0, 0, NULL,
     "Log what ZAP says about its own run."},
    {"insecure", SCO_OPT_BOOL, SCO_OPT_TRUSTED, offsetof(struct zap, insecure), 0, "false", 0, 0,
     NULL, "Do not verify the certificate of the API."},
    {"ca_file", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct zap, ca_file), 0, NULL, 0, 0, NULL,
     "Certificates that the API's is verified with."},
    {"rate", SCO_OPT_REAL, 0, offsetof(struct zap, rate), 0, "20", 0, 0, NULL,
     "Requests a second to the API; 0: no limit."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_URL,
    .finds = SCO_TYPE_BIT(SCO_TYPE_DAST),
    .flags = SCO_SCANNER_EXPLICIT,
    .title = ZAP_TOOL,
    .homepage = "https://www.zaproxy.org/",
    .install = "install ZAP from https://www.zaproxy.org/download/, or set zap.url",
    .timeout_s = 7200,
    .max_parallel = 1, /* 1 to 2 GB of memory */
    .sniff = sniff,
    .run = zap_run,
    .parse = zap_parse,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "zap",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Weaknesses of running web applications, found by ZAP.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct zap),
    .open = open_plugin,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
