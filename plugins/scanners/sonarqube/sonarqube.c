/* SonarQube: issues and security hotspots of a project on a server, and saved reports. This file
 * describes the plugin. */
#include "sonar_priv.h"

static uint32_t sniff_list(const struct sco_node *first)
{
    if (sco_get(first, "component") && sco_get(first, "project") && sco_get(first, "rule"))
        return 80;
    return sco_get(first, "vulnerabilityProbability") && sco_get(first, "component") ? 85 : 0;
}

static uint32_t sniff(const struct sco_probe *p)
{
    static const char *const page[] = {"issues", "paging", "components", "effortTotal",
                                       "facets", "total",  NULL};
    static const char *const report[] = {"sonarBaseURL", "issues",         "rules",
                                         "hotspotKeys",  "sonarComponent", NULL};
    struct sco_str h = p->head;
    if (h.p && h.n > 200 && p->format != SCO_PROBE_JSON && memmem(h.p, h.n, "SonarQube", 9) &&
        (memmem(h.p, h.n, "<html", 5) || memmem(h.p, h.n, "<HTML", 5)))
        return 85;
    if (h.p && h.n > 4 && memcmp(h.p, "PK", 2) == 0) /* no other plugin reads archives */
        return memmem(h.p, h.n, ".json", 5) ? 60 : 10;
    if (!p->root || p->format != SCO_PROBE_JSON)
        return 0;
    if (p->root->type == SCO_NODE_LIST)
        return sniff_list(p->root->child);
    if (sco_get(p->root, "sonarBaseURL") && rep_has(p->root, report) >= 3)
        return 98;
    if (sco_get(p->root, "hotspots") && sco_get(p->root, "paging"))
        return 90;
    const struct sco_node *first = sco_first(sco_get(p->root, "issues"));
    if (sco_get(p->root, "issues") && rep_has(p->root, page) >= 4)
        return 90;
    return sco_get(p->root, "paging") ? sniff_list(first) : 0;
}

static int open_plugin(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct sonar *)ctx)->h = host;
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"url", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct sonar, url), 0, NULL, 0, 0, NULL,
     "The server, such as https://sonar.example.com."},
    {"token", SCO_OPT_STR, SCO_OPT_SECRET, offsetof(struct sonar, token), 0, NULL, 0, 0, NULL,
     "A token that may browse the project, and analyse it where that is wanted."},
    {"project_key", SCO_OPT_STR, 0, offsetof(struct sonar, project_key), 0, NULL, 0, 0, NULL,
     "Key of the project; by default that of sonar-project.properties in the target."},
    {"branch", SCO_OPT_STR, 0, offsetof(struct sonar, branch), 0, NULL, 0, 0, NULL,
     "A branch other than the main one."},
    {"pull_request", SCO_OPT_STR, 0, offsetof(struct sonar, pull_request), 0, NULL, 0, 0, NULL,
     "Key of a pull request."},
    {"analyze", SCO_OPT_ENUM, 0, offsetof(struct sonar, analyze), 0, "auto", 0, 0,
     "auto,always,never",
     "Analyse the target first: when sonar-scanner is installed, always, or never (then the "
     "findings are those of the last analysis)."},
    {"program", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct sonar, program), 0, "sonar-scanner",
     0, 0, NULL, "The scanner's program, as a path or a name."},
    {"properties", SCO_OPT_LIST, SCO_OPT_TRUSTED, offsetof(struct sonar, properties), 0, NULL, 0, 0,
     NULL, "Further analysis properties, such as sonar.sources=src."},
    {"create_project", SCO_OPT_BOOL, 0, offsetof(struct sonar, create_project), 0, "false", 0, 0,
     NULL, "Create the project when the server does not have it."},
    {"task_timeout", SCO_OPT_DURATION, 0, offsetof(struct sonar, task_timeout), 0, "15m", 0,
     86400000, NULL, "How long to wait for the server to work on an analysis."},
    {"poll_interval", SCO_OPT_DURATION, 0, offsetof(struct sonar, poll_interval), 0, "2s", 10,
     60000, NULL, "How often it is asked whether it is done."},
    {"types", SCO_OPT_LIST, 0, offsetof(struct sonar, types), 0, "VULNERABILITY,BUG", 0, 0, NULL,
     "Types of issues: VULNERABILITY, BUG, CODE_SMELL."},
    {"hotspots", SCO_OPT_BOOL, 0, offsetof(struct sonar, hotspots), 0, "true", 0, 0, NULL,
     "Also take the security hotspots."},
    {"resolved", SCO_OPT_BOOL, 0, offsetof(struct sonar, resolved), 0, "false", 0, 0, NULL,
     "Also take what is resolved, accepted or a false positive there, marked as such."},
    {"rule_details", SCO_OPT_BOOL, 0, offsetof(struct sonar, rule_details), 0, "true", 0, 0, NULL,
     "Ask for the description of each rule once: texts, CWEs and links."},
    {"insecure", SCO_OPT_BOOL, SCO_OPT_TRUSTED, offsetof(struct sonar, insecure), 0, "false", 0, 0,
     NULL, "Do not verify the server's certificate."},
    {"ca_file", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct sonar, ca_file), 0, NULL, 0, 0, NULL,
     "Certificates that the server's is verified with."},
    {"proxy", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct sonar, proxy), 0, NULL, 0, 0, NULL,
     "Proxy to the server."},
    {"rate", SCO_OPT_REAL, 0, offsetof(struct sonar, rate), 0, "20", 0, 0, NULL,
     "Requests a second; 0: no limit."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_GIT,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SAST) | SCO_TYPE_BIT(SCO_TYPE_QUALITY) |
             SCO_TYPE_BIT(SCO_TYPE_SCA) | SCO_TYPE_BIT(SCO_TYPE_SECRET),
    .flags = SCO_SCANNER_EXPLICIT,
    .title = SONAR_TOOL,
    .homepage = "https://www.sonarsource.com/products/sonarqube/",
    .install = "set sonarqube.url and sonarqube.token; to analyse as well, install sonar-scanner",
    .timeout_s = 3600,
    .sniff = sniff,
    .run = sonar_run,
    .parse = sonar_parse,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "sonarqube",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Issues and security hotspots of a SonarQube project.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct sonar),
    .open = open_plugin,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
