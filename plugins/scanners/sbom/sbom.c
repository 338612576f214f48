/* A software bill of materials (CycloneDX, JSON) of a folder or image, made by a program that is
 * installed anyway. It finds nothing: the document is handed to the engine, in records of kind
 * "sbom". This file: options and description; sbom_run.c runs the program, sbom_read.c checks and
 * hands over what it wrote. */
#include "sbom_priv.h"

static int sbom_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct sbom *s = ctx;
    (void)e;
    s->h = host;
    return 0;
}

static const struct sco_option OPTIONS[] = {
    {"program", SCO_OPT_ENUM, 0, offsetof(struct sbom, program), 0, "auto", 0, 0,
     "auto,trivy,syft,cdxgen,osv-scanner",
     "What makes the SBOM; auto is the first of them that is installed."},
    {"allow_empty", SCO_OPT_BOOL, 0, offsetof(struct sbom, allow_empty), 0, "false", 0, 0, NULL,
     "Keep an SBOM without components, instead of calling the scan incomplete."},
    {"max_size", SCO_OPT_SIZE, 0, offsetof(struct sbom, max_size), 0, "64MiB", 1024, 128 << 20,
     NULL, "Larger documents are refused."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const char *const PROGRAMS[] = {"trivy", "syft", "cdxgen", "osv-scanner", NULL};

static const struct sco_scanner SCANNER = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_DIRECTORY | SCO_TARGET_IMAGE,
    .flags = SCO_SCANNER_EXPLICIT | SCO_SCANNER_LOCKS_CACHE,
    .title = "SBOM",
    .homepage = "https://cyclonedx.org",
    .programs = PROGRAMS,
    .install = "one of trivy, syft, cdxgen and osv-scanner: scripts/install-scanners.sh trivy",
    .run = sbom_run,
};

static const struct sco_plugin PLUGIN = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "sbom",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "A CycloneDX SBOM of a folder or image, made by Trivy, Syft, cdxgen or OSV-Scanner.",
    .options = OPTIONS,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct sbom),
    .open = sbom_open,
    .scanner = &SCANNER,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &PLUGIN;
}
