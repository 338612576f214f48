/* Loading plugins: dlopen, ABI check, description, option tables, life cycle. Worker and tests
 * only: the engine learns about plugins from the worker's descriptions.
 *
 * A plugin is loaded from an absolute path in a folder and file that only root or the user may
 * write (checked on the opened descriptor), with RTLD_NOW | RTLD_LOCAL, and never unloaded. */
#pragma once

#include <secureops/json.h>

struct sco_loaded_plugin {
    const char *path;
    struct sco_plugin plugin;         /* copied: the smaller of both sizes, the rest zero */
    struct sco_scanner scanner;       /* likewise; plugin.scanner points here when it has one */
    struct sco_ci ci;                 /* likewise, plugin.ci */
    const struct sco_option *options; /* copied to the host's row size; ends with name NULL */
    size_t n_options;
};

/* 0, or SCO_E_ABI: file, field, expected and found are in the text; SCO_E_NOT_FOUND: dlopen's own
 * words; SCO_E_PERMISSION; SCO_E_INVALID: a NULL or bad name, an option outside the context, ... */
int sco_plug_load(const char *path, struct sco_arena *arena, struct sco_loaded_plugin *ret,
                  struct sco_error *err) SCO_NODISCARD;
/* The operations of a CI plugin by name ("verify", "trigger", ...), in the order of struct sco_ci.
 */
enum { SCO_CI_OPS = 13 };
const char *sco_ci_op_name(size_t i); /* NULL: there is none */
bool sco_ci_has(const struct sco_ci *ci, size_t op);
/* NULL for verify and translate, and for what the plugin cannot do. */
sco_ci_fn sco_ci_op(const struct sco_ci *ci, size_t op);
/* The description that SCO_MSG_DESCRIBE carries. */
void sco_plug_describe(const struct sco_loaded_plugin *p, struct sco_json_out *o);

/* Context with the options of `values` (a MAP of typed values, or NULL) over the defaults. */
int sco_plug_context(const struct sco_loaded_plugin *p, const struct sco_node *values,
                     struct sco_arena *arena, void **ret_ctx, struct sco_error *err) SCO_NODISCARD;
