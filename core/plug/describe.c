/* The description of a plugin as JSON: what SCO_MSG_DESCRIBE carries. docs/plugin-abi.md has its
 * members. The texts are the plugin's own: the writer repairs what is not UTF-8. */
#include "plug_priv.h"

#include <secureops/finding.h>

enum { TEXTS_MAX = 1000 }; /* of a list without its NULL, rather than the end of memory */

static void texts(struct sco_json_out *o, const char *key, const char *const *v)
{
    if (!v)
        return;
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    for (size_t i = 0; v[i] && i < TEXTS_MAX; i++)
        sco_json_str(o, sco_str_c(v[i]));
    sco_json_end(o, ']');
}

static void option(struct sco_json_out *o, const struct sco_option *row)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", row->name);
    sco_json_kz(o, "type", plug_option_type_name(row->type));
    sco_json_kbool(o, "required", row->flags & SCO_OPT_REQUIRED);
    sco_json_kbool(o, "secret", row->flags & SCO_OPT_SECRET);
    sco_json_kbool(o, "deprecated", row->flags & SCO_OPT_DEPRECATED);
    sco_json_kbool(o, "trusted", row->flags & SCO_OPT_TRUSTED);
    sco_json_kz(o, "default", row->def);
    if (row->min || row->max) {
        sco_json_ki64(o, "min", row->min);
        sco_json_ki64(o, "max", row->max);
    }
    sco_json_kz(o, "values", row->values);
    sco_json_kz(o, "doc", row->doc);
    sco_json_end(o, '}');
}

static void scanner(struct sco_json_out *o, const struct sco_scanner *s)
{
    sco_json_key(o, "scanner");
    sco_json_begin(o, '{');
    sco_json_kz(o, "title", s->title);
    sco_json_kz(o, "homepage", s->homepage);
    sco_json_key(o, "targets");
    sco_json_begin(o, '[');
    for (uint32_t kind = 1; sco_target_name(kind); kind <<= 1)
        if (s->targets & kind)
            sco_json_str(o, sco_str_c(sco_target_name(kind)));
    sco_json_end(o, ']');
    sco_json_key(o, "finds");
    sco_json_begin(o, '[');
    for (uint32_t t = SCO_TYPE_SAST; t < SCO_TYPE_MAX_; t++)
        if (s->finds & SCO_TYPE_BIT(t))
            sco_json_str(o, sco_str_c(sco_type_name(t)));
    sco_json_end(o, ']');
    sco_json_kbool(o, "network", s->flags & SCO_SCANNER_NETWORK);
    sco_json_kbool(o, "locks_cache", s->flags & SCO_SCANNER_LOCKS_CACHE);
    sco_json_kbool(o, "all_files", s->flags & SCO_SCANNER_ALL_FILES);
    sco_json_kbool(o, "explicit", s->flags & SCO_SCANNER_EXPLICIT);
    texts(o, "programs", s->programs);
    texts(o, "version_args", s->version_args);
    texts(o, "detect", s->detect);
    sco_json_kz(o, "install", s->install);
    sco_json_ki64(o, "timeout_s", s->timeout_s);
    sco_json_ki64(o, "max_parallel", s->max_parallel);
    sco_json_kbool(o, "can_run", s->run != NULL);
    sco_json_kbool(o, "can_parse", s->parse != NULL);
    sco_json_kbool(o, "can_sniff", s->sniff != NULL);
    sco_json_kbool(o, "can_inspect", s->inspect != NULL);
    sco_json_end(o, '}');
}

static void ci(struct sco_json_out *o, const struct sco_ci *c)
{
    sco_json_key(o, "ci");
    sco_json_begin(o, '{');
    sco_json_kz(o, "title", c->title);
    sco_json_kz(o, "homepage", c->homepage);
    sco_json_key(o, "operations");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < SCO_CI_OPS; i++)
        if (sco_ci_has(c, i))
            sco_json_str(o, sco_str_c(sco_ci_op_name(i)));
    sco_json_end(o, ']');
    sco_json_end(o, '}');
}

void sco_plug_describe(const struct sco_loaded_plugin *p, struct sco_json_out *o)
{
    char abi[32];
    snprintf(abi, sizeof abi, "%u.%u", p->plugin.abi_major, p->plugin.abi_minor);
    sco_json_begin(o, '{');
    sco_json_kz(o, "path", p->path);
    sco_json_kz(o, "name", p->plugin.name);
    sco_json_kz(o, "kind", p->plugin.kind == SCO_KIND_CI ? "ci" : "scanner");
    sco_json_kz(o, "version", p->plugin.version);
    sco_json_kz(o, "license", p->plugin.license);
    sco_json_kz(o, "summary", p->plugin.summary);
    sco_json_kz(o, "abi", abi);
    sco_json_key(o, "options");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < p->n_options; i++)
        option(o, &p->options[i]);
    sco_json_end(o, ']');
    if (p->plugin.scanner)
        scanner(o, p->plugin.scanner);
    if (p->plugin.ci)
        ci(o, p->plugin.ci);
    sco_json_end(o, '}');
}
