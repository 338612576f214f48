/* Described scanners: one plugin for all scanners that are described by a file NAME.yaml instead of
 * by a plugin of their own. The engine reads and checks the file (core/engine/descriptor.c) and
 * hands it over as the option "descriptor", in the form that engine_priv.h states; the worker says
 * name, programs and targets in this plugin's place. It is in no list of plugins: what a user sees
 * are the described scanners. */
#include "described_priv.h"

static uint32_t index_of(const char *const *names, struct sco_str name)
{
    for (uint32_t i = 1; names[i]; i++)
        if (sco_str_is(name, names[i]))
            return i;
    return 0;
}

uint32_t described_type(struct sco_str name)
{
    static const char *const names[] = {"",       "SAST",    "SCA",     "DAST", "IAC",
                                        "SECRET", "LICENSE", "QUALITY", NULL};
    return index_of(names, name);
}

uint32_t described_severity(struct sco_str name)
{
    static const char *const names[] = {"", "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL", NULL};
    return index_of(names, name);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

int described_parse(struct described *d, const struct sco_input *in, struct sco_errbuf *e)
{
    return d->is_sarif ? sarif_parse(&d->sarif, in, e) : described_parse_json(d, in, e);
}

static int parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    return described_parse(ctx, in, e);
}

static int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    return described_run(ctx, job, e);
}

static int read_descriptor(struct described *d, struct sco_errbuf *e)
{
    static const char *const types[] = {"auto", "sast",   "sca",     "dast",
                                        "iac",  "secret", "license", "quality"};
    const struct sco_host *h = d->sarif.h;
    int r = h->data->open_mem(h, d->descriptor, &d->reader, e);
    if (r == 0)
        r = h->data->read(d->reader, NULL, &d->root, e);
    if (r < 0)
        return r;
    struct sco_str format = sco_text_at(d->root, "report.format");
    struct sco_str title =
        rep_or(sco_text_at(d->root, "scanner.title"), sco_text_at(d->root, "scanner.name"));
    if (!title.n || !format.n)
        return sco_errf(e, SCO_E_INVALID, "not a descriptor in its checked form");
    d->title = sco_cstr(h, title);
    d->is_sarif = sco_str_is(format, "sarif");
    d->sarif.type = sco_str_c(types[described_type(sco_text_at(d->root, "type"))]);
    return 0;
}

static int open_plugin(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct described *d = ctx;
    d->sarif.h = host;
    return read_descriptor(d, e);
}

static void close_plugin(void *ctx)
{
    struct described *d = ctx;
    if (d->sarif.h)
        d->sarif.h->data->close(d->reader);
    d->reader = NULL;
}

/* ---- description ----------------------------------------------------------------------------- */

static const struct sco_option options[] = {
    {"descriptor", SCO_OPT_STR, SCO_OPT_REQUIRED, offsetof(struct described, descriptor), 0, NULL,
     0, 0, NULL, "The scanner, in the form that the engine makes of its file."},
    {NULL, 0, 0, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sco_scanner scanner = {
    .struct_size = sizeof(struct sco_scanner),
    .targets = SCO_TARGET_FILE, /* the descriptor's count */
    .flags = SCO_SCANNER_EXPLICIT,
    .title = "Described scanner",
    .run = run,
    .parse = parse,
};

static const struct sco_plugin plugin = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_SCANNER,
    .name = "described",
    .version = SCO_VERSION,
    .license = "Apache-2.0",
    .summary = "Runs and reads scanners that are described in YAML.",
    .options = options,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct described),
    .open = open_plugin,
    .close = close_plugin,
    .scanner = &scanner,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &plugin;
}
