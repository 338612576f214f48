/* What the daemon does for own pipelines beside running their jobs. */
#pragma once

#include "daemon_priv.h"

#include <secureops/json.h>

/* The stored secrets that the definition names: member "pipeline" of a runner's secrets. */
int pipelines_secrets(struct daemon *d, struct sco_store *s, struct sco_str execution,
                      struct sco_json_out *out, struct sco_error *err) SCO_NODISCARD;
/* On the clock's thread: executions whose job has ended without them. */
void pipelines_polled(struct sco_store *s, int64_t now);
/* Runs at platforms that are to be looked at become jobs. */
void pipelines_due(struct sco_store *s, int64_t now);
