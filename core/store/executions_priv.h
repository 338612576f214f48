/* Executions between executions.c (read and merged) and executions_tell.c (events). */
#pragma once

#include "store_priv.h"

#include <secureops/store_ci.h>

/* How far it has come; -1: no such status. What is further is never overwritten. */
enum { EXECUTION_UNKNOWN, EXECUTION_QUEUED, EXECUTION_RUNNING, EXECUTION_ENDED };
int execution_progress(const char *status);
/* "success" "failed" "cancelled" "skipped": of the events; NULL: it has not ended. */
const char *execution_outcome(const char *status);

struct execution_told {
    bool started, ended;
};
/* What of it has not been told, or was told otherwise (`was`: its status before, or NULL). */
int execution_tell(struct sco_store *s, const struct sco_stored_execution *x, const char *was,
                   struct execution_told *told, int64_t now, struct sco_error *err) SCO_NODISCARD;
int execution_tell_stage(struct sco_store *s, const struct sco_stored_execution *x,
                         const struct sco_stored_stage *stage, int64_t now,
                         struct sco_error *err) SCO_NODISCARD;

/* ---- executions.c ---- */
int execution_uuid(const char *id, uint8_t ret[16], struct sco_error *err) SCO_NODISCARD;
/* Another one when it is said and not what it was; the old one else. */
const char *execution_newer(const char *old, const char *now, bool *changed);
void execution_times(int64_t *queued, int64_t *started, int64_t *completed, int64_t q, int64_t st,
                     int64_t c, bool *changed);
/* ",1,7,": the targets whose location one of the globs matches; with STORE_SCOPE_HAS_PK. */
int execution_scope(struct sco_store *s, const char *const *globs, struct sco_buf *out,
                    struct sco_error *err) SCO_NODISCARD;

/* ---- executions_target.c ---- */
int execution_target(struct sco_store *s, const struct sco_stored_execution *x, int64_t now,
                     char ret[37], struct sco_error *err) SCO_NODISCARD;

/* ---- executions_same.c: two of one run ---- */
/* Whether somebody asked for it here; else it is only known of. */
int execution_was_asked_for(struct sco_store *s, const char *id, bool *ret,
                            struct sco_error *err) SCO_NODISCARD;
/* What belongs to `from` (pk, created_at) becomes that of `to`; `from` is gone. */
int execution_absorb(struct sco_store *s, const char *to, const char *from, int64_t pk,
                     int64_t created_at, struct sco_error *err) SCO_NODISCARD;
