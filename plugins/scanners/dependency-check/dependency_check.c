/* OWASP Dependency-Check: known vulnerabilities of libraries, found by what is inside the files.
 * This file describes the plugin; dc_run.c runs the program, dc_parse.c reads its reports. */
#include "dc_priv.h"

static uint32_t sniff(const struct sco_probe *p)
{
    static const char *const members[] = {"reportSchema", "scanInfo", "projectInfo", "dependencies",
                                          NULL};
    if (!p->root)
        return 0;
    if (p->format == SCO_PROBE_JSON)
        return rep_has(p->root, members) >= 3 ? 98 : 0;
    if (p->format != SCO_PROBE_XML || !sco_str_is(sco_text(sco_get(p->root, "#name")), "analysis"))
        return 0;
    struct sco_str ns = sco_text(sco_get(p->root, "#ns"));
    return ns.n && memmem(ns.p, ns.n, "DependencyCheck", 15) ? 98 : 40;
}

static int open_plugin(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct dc *)ctx)->h = host;
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"data_directory", SCO_OPT_STR, 0, offsetof(struct dc, data_directory), 0, NULL, 0, 0, NULL,
     "Folder of the vulnerability database; one process at a time may use it."},
    {"update", SCO_OPT_BOOL, 0, offsetof(struct dc, update), 0, "true", 0, 0, NULL,
     "Bring the database up to date first, unless the scan is offline."},
    {"nvd_api_key", SCO_OPT_STR, SCO_OPT_SECRET, offsetof(struct dc, nvd_api_key), 0, NULL, 0, 0,
     NULL, "API key of the National Vulnerability Database; without one an update takes long."},
    {"nvd_api_delay", SCO_OPT_DURATION, 0, offsetof(struct dc, nvd_api_delay), 0, NULL, 0, 3600000,
     NULL, "Pause between two requests to the National Vulnerability Database."},
    {"nvd_datafeed", SCO_OPT_STR, 0, offsetof(struct dc, nvd_datafeed), 0, NULL, 0, 0, NULL,
     "URL of a mirror of the data feed, with {0} for the year."},
    {"suppression", SCO_OPT_LIST, 0, offsetof(struct dc, suppression), 0, NULL, 0, 0, NULL,
     "Suppression files; what they hide is reported as suppressed."},
    {"exclude", SCO_OPT_LIST, 0, offsetof(struct dc, exclude), 0, NULL, 0, 0, NULL,
     "Ant patterns of paths that are not looked at."},
    {"disable", SCO_OPT_LIST, 0, offsetof(struct dc, disable), 0, NULL, 0, 0, NULL,
     "Analysers that are switched off, such as assembly, oss-index, node-audit."},
    {"experimental", SCO_OPT_BOOL, 0, offsetof(struct dc, experimental), 0, "false", 0, 0, NULL,
     "Also use the experimental analysers (Python, Go, Swift and others)."},
    {"ossindex_user", SCO_OPT_STR, 0, offsetof(struct dc, ossindex_user), 0, NULL, 0, 0, NULL,
     "User of Sonatype OSS Index."},
    {"ossindex_password", SCO_OPT_STR, SCO_OPT_SECRET, offsetof(struct dc, ossindex_password), 0,
     NULL, 0, 0, NULL, "Password or token of Sonatype OSS Index."},
    {"java_options", SCO_OPT_STR, SCO_OPT_TRUSTED, offsetof(struct dc, java_options), 0, NULL, 0, 0,
     NULL, "Options of the Java virtual machine, such as -Xmx4g."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const char *const PROGRAMS[] = {"dependency-check", "dependency-check.sh", NULL};
static const char *const DETECT[] = {"*.jar",
                                     "*.war",
                                     "*.ear",
                                     "pom.xml",
                                     "build.gradle",
                                     "*.dll",
                                     "*.exe",
                                     "*.nupkg",
                                     "*.nuspec",
                                     "packages.config",
                                     "*.csproj",
                                     "package.json",
                                     "package-lock.json",
                                     "yarn.lock",
                                     "pnpm-lock.yaml",
                                     "Gemfile.lock",
                                     "composer.lock",
                                     "*.js",
                                     "requirements.txt",
                                     "Podfile.lock",
                                     "go.mod",
                                     "CMakeLists.txt",
                                     "configure.ac",
                                     NULL};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_GIT | SCO_TARGET_FILE,
    .finds = SCO_TYPE_BIT(SCO_TYPE_SCA),
    .flags = SCO_SCANNER_LOCKS_CACHE,
    .title = DC_TOOL,
    .homepage = "https://owasp.org/www-project-dependency-check/",
    .programs = PROGRAMS,
    .detect = DETECT,
    .install = "unpack the release of OWASP Dependency-Check and put its bin folder on the PATH",
    .timeout_s = 3600, /* the first update of the database */
    .max_parallel = 1, /* 1 to 2 GB of memory */
    .sniff = sniff,
    .run = dc_run,
    .parse = dc_parse,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "dependency-check",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Known vulnerabilities of libraries, found by OWASP Dependency-Check.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct dc),
    .open = open_plugin,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
