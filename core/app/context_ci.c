/* Integrations as configured, with the plugins that there are. */
#include "context_ci.h"

int context_integrations(struct cli *c, const struct sco_plugins *p, bool resolve,
                         struct sco_integration **ret, size_t *ret_n, struct sco_error *err)
{
    struct sco_ci_table *tables = sco_arena_alloc(&c->arena, (p->n_ci + 1) * sizeof *tables);
    if (!tables)
        return sco_error_nomem(err);
    for (size_t i = 0; i < p->n_ci; i++)
        tables[i] = (struct sco_ci_table){p->v[p->n + i].name, p->v[p->n + i].options};
    return sco_integrations(c->config, tables, p->n_ci, resolve, &c->arena, ret, ret_n, err);
}

const struct sco_plugin_info *context_ci_plugin(const struct sco_plugins *p, const char *name)
{
    for (size_t i = p->n; i < p->n + p->n_ci; i++)
        if (strcmp(p->v[i].name, name) == 0)
            return &p->v[i];
    return NULL;
}
