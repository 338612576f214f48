/* Must load and run: an older plugin, whose structs are truly shorter than the host's (reading the
 * host's size would read past the objects), of an ABI before `parse` and before `doc` existed. */
#define BAD_SCANNER_POINTER (const struct sco_scanner *)&scanner
#include "bad.h"

struct old_option {
    const char *name;
    uint32_t type, flags, offset, reserved;
    const char *def;
};

struct old_scanner {
    uint32_t struct_size, targets, finds, flags;
    const char *title, *homepage;
    const char *const *programs, *const *version_args, *const *detect;
    const char *install;
    uint32_t timeout_s, max_parallel;
    uint32_t (*sniff)(const struct sco_probe *p);
    int (*run)(void *ctx, const struct sco_job *job, struct sco_errbuf *e);
};

static int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct bad_ctx *c = (struct bad_ctx *)ctx;
    struct { /* a finding that ends after the title */
        uint32_t struct_size, type, severity, flags;
        struct sco_str severity_text, rule_id, title;
    } f = {sizeof f, SCO_TYPE_SAST, SCO_SEV_LOW, 0, {NULL, 0}, SCO_STR("OLD"), SCO_STR("Old")};
    (void)job;
    if (c->count != 7)
        return sco_errf(e, SCO_E_INTERNAL, "the default is %lld", (long long)c->count);
    return c->host->emit(c->host, (const struct sco_report_finding *)&f);
}

static const struct old_option options[] = {
    {"count", SCO_OPT_INT, 0, offsetof(struct bad_ctx, count), 0, "7"},
    {NULL, 0, 0, 0, 0, NULL},
};

static const struct old_scanner scanner = {
    .struct_size = sizeof scanner,
    .targets = SCO_TARGET_DIRECTORY,
    .title = "Older",
    .flags = SCO_SCANNER_EXPLICIT,
    .run = run,
};

BAD_DESCRIPTOR("older", .abi_minor = 0, .options = (const struct sco_option *)options,
               .option_size = sizeof(struct old_option))
