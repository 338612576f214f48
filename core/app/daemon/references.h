/* What a configuration names and somebody else defines: known before it is taken. On the loop. */
#pragma once

#include <secureops/engine.h>

struct sco_config;
struct sco_store;
/* Options of the scanner `policies`, for engines that ask it. `user`: struct sco_config. */
int references_options(void *user, const struct sco_plugin_info *p, bool resolve,
                       struct sco_buf *out, int64_t *ret_timeout_ms, struct sco_error *err);
/* Whether there is anything to ask workers for. */
bool references_any(const struct sco_config *c);
/* Scanners and their options, integrations, workflows, gates and frameworks. `e` has the packs of
 * policies and these options. SCO_E_INVALID: "file:line:column: ..." */
int references_check(struct sco_engine *e, const struct sco_plugins *p, const struct sco_config *c,
                     struct sco_error *err) SCO_NODISCARD;
/* Own pipelines that rules name are in the store, and may be made later: warnings. */
void references_pipelines(struct sco_store *s, const struct sco_config *c);
