/* Integrations in the programs of the command line. */
#pragma once

#include "cli_priv.h"

#include <secureops/ci.h>

/* All of the configuration, checked; in c->arena. `resolve`: secrets of those that are enabled. */
int context_integrations(struct cli *c, const struct sco_plugins *p, bool resolve,
                         struct sco_integration **ret, size_t *ret_n, struct sco_error *err);
const struct sco_plugin_info *context_ci_plugin(const struct sco_plugins *p, const char *name);
int cmd_integration(struct cli *c);
