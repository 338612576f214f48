/* Packs of policies that commands, jobs and the daemon's own checks go by. */
#pragma once

#include <secureops/config.h>

/* Those that come with the program, then configured ones, the same one once: paths in the arena,
 * NULL-terminated. SCO_E_INVALID: more than one file of keys. */
int packs_find(const struct sco_config *c, struct sco_arena *arena, const char ***ret,
               struct sco_error *err) SCO_NODISCARD;
