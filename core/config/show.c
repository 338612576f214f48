/* The effective configuration as text for people. */
#include <secureops/config.h>
#include "config_priv.h"

static const char *origin_of(const struct sco_value *v)
{
    return v->origin ? v->origin : "default";
}

static void show_values(const struct sco_values *v, const char *indent, struct sco_buf *out)
{
    for (size_t i = 0; i < v->n; i++) {
        sco_buf_addz(out, indent);
        if (!v->v[i].set)
            sco_buf_addz(out, "# ");
        sco_buf_addf(out, "%s:", v->table[i].name);
        if (v->v[i].set) {
            sco_buf_addc(out, ' ');
            sco_value_print(v, i, out);
            sco_buf_addf(out, "  # %s", origin_of(&v->v[i]));
        }
        sco_buf_addc(out, '\n');
    }
}

static const char *word(const char *words, uint32_t index, char *z, size_t n)
{
    struct sco_str rest = sco_str_c(words), item = {NULL, 0};
    for (uint32_t i = 0; i <= index; i++)
        sco_str_split(&rest, ',', &item);
    snprintf(z, n, "%.*s", SCO_STR_ARG(item));
    return z;
}

static void show_thresholds(const struct sco_config *c, struct sco_buf *out)
{
    if (!c->gate.n_thresholds)
        return;
    sco_buf_addf(out, "  thresholds:  # %s\n", c->impl->thresholds_origin);
    for (size_t i = 0; i < c->gate.n_thresholds; i++) {
        const struct sco_config_threshold *t = &c->gate.thresholds[i];
        char type[32], severity[32];
        sco_buf_addf(
            out, "    - {type: %s, severity: %s, max: %llu}\n",
            word(config_threshold_table[0].values, t->type, type, sizeof type),
            word(config_threshold_table[1].values, t->severity - 1, severity, sizeof severity),
            (unsigned long long)t->max);
    }
}

/* Only names and places: which of a plugin's options are secret is not known here. */
static void show_scanners(const struct sco_config *c, struct sco_buf *out)
{
    for (size_t i = 0; i < c->impl->n_layers; i++) {
        const struct layer *l = &c->impl->layers[i];
        const struct sco_yaml *map = sco_yaml_get(l->root, SCO_STR("scanners"));
        for (const struct sco_yaml *s = map ? map->child : NULL; s; s = s->next)
            sco_buf_addf(out, "# scanners.%s  %s:%u:%u\n", s->key->text.p, l->file, s->key->line,
                         s->key->column);
    }
}

void sco_config_show(const struct sco_config *c, struct sco_buf *out)
{
    for (const char *const *f = c->files; *f; f++)
        sco_buf_addf(out, "# read: %s\n", *f);
    for (size_t i = 0; i < SECTION_MAX_; i++) {
        if (i != SECTION_TOP)
            sco_buf_addf(out, "%s:\n", config_sections[i].name);
        show_values(&c->impl->values[i], i == SECTION_TOP ? "" : "  ", out);
        if (i == SECTION_GATE)
            show_thresholds(c, out);
    }
    show_scanners(c, out);
    config_show_integrations(c, out);
    config_show_rules(c, out);
}
