/* A plugin for tests that is fine but for one sin. Each file in this folder includes this, writes
 * the sin, and ends with BAD_PLUGIN or a descriptor of its own. */
#pragma once

#include <secureops/plugin.h>

struct bad_ctx {
    const struct sco_host *host;
    int64_t count; /* option of some */
};

static inline int bad_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    (void)e;
    ((struct bad_ctx *)ctx)->host = host;
    return 0;
}

static inline int bad_emit(void *ctx, const char *rule, int64_t line)
{
    const struct sco_host *h = ((struct bad_ctx *)ctx)->host;
    struct sco_report_finding f;
    memset(&f, 0, sizeof f);
    f.struct_size = sizeof f;
    f.type = SCO_TYPE_SAST;
    f.severity = SCO_SEV_LOW;
    f.rule_id = sco_str_c(rule);
    f.title = SCO_STR("A finding of a test plugin");
    f.file_path = SCO_STR("src/a.c");
    f.line = line;
    return h->emit(h, &f);
}

/* Sniffs no report but {"bad": NAME}, so that an import can aim at it. */
static inline uint32_t bad_is(const struct sco_probe *p, const char *name)
{
    return sco_str_is(sco_text(sco_get(p->root, "bad")), name) ? 90 : 0;
}

#define BAD_SCANNER(run_fn, parse_fn, sniff_fn)                                                    \
    static const struct sco_scanner scanner = {                                                    \
        .struct_size = sizeof(struct sco_scanner),                                                 \
        .targets = SCO_TARGET_DIRECTORY,                                                           \
        .finds = SCO_TYPE_BIT(SCO_TYPE_SAST),                                                      \
        .flags = SCO_SCANNER_EXPLICIT,                                                             \
        .title = SIN_NAME,                                                                         \
        .sniff = (sniff_fn),                                                                       \
        .run = (run_fn),                                                                           \
        .parse = (parse_fn),                                                                       \
    }

#ifndef BAD_SCANNER_POINTER
#define BAD_SCANNER_POINTER &scanner
#endif

#define BAD_DESCRIPTOR(name_, ...)                                                                 \
    static const struct sco_plugin plugin = {.magic = SCO_PLUGIN_MAGIC,                            \
                                             .struct_size = sizeof(struct sco_plugin),             \
                                             .abi_major = SCO_ABI_MAJOR,                           \
                                             .abi_minor = SCO_ABI_MINOR,                           \
                                             .kind = SCO_KIND_SCANNER,                             \
                                             .name = name_,                                        \
                                             .version = "1.0.0",                                   \
                                             .license = "Apache-2.0",                              \
                                             .summary = "A plugin for tests with one sin.",        \
                                             .option_size = sizeof(struct sco_option),             \
                                             .ctx_size = sizeof(struct bad_ctx),                   \
                                             .open = bad_open,                                     \
                                             .scanner = BAD_SCANNER_POINTER,                       \
                                             __VA_ARGS__};                                         \
    const struct sco_plugin *sco_plugin_v1(void)                                                   \
    {                                                                                              \
        return &plugin;                                                                            \
    }

/* A later member of the same name in __VA_ARGS__ replaces the one above: that is the point. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
