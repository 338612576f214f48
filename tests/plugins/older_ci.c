/* Must load: a plugin of the other kind whose descriptor ends before `open`. */
#include <secureops/plugin.h>

static const struct {
    uint32_t magic, struct_size;
    uint16_t abi_major, abi_minor;
    uint32_t kind;
    const char *name, *version, *license, *summary;
} plugin = {
    SCO_PLUGIN_MAGIC, sizeof plugin,          SCO_ABI_MAJOR, 0, SCO_KIND_CI, "older-ci", "0.9",
    "Apache-2.0",     "A shorter descriptor."};

const struct sco_plugin *sco_plugin_v1(void)
{
    return (const struct sco_plugin *)&plugin;
}
