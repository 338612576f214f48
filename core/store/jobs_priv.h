/* Jobs between jobs.c and jobs_claim.c. */
#pragma once

#include "store_priv.h"

#include <secureops/store_jobs.h>

/* Short jobs: an index of migration 0002 has the same words, so that it is found. */
#define JOB_SHORT "IN ('ci', 'call', 'workflow')"

/* What reads a job; also behind RETURNING. */
#define JOB_COLUMNS                                                                                \
    "jobs.pk, jobs.id, jobs.state, jobs.kind, jobs.target_key, jobs.revision, jobs.scanners, "     \
    "jobs.request, jobs.origin, jobs.requested_by, jobs.correlation_id, jobs.traceparent, "        \
    "jobs.idempotency_key, jobs.only_node, jobs.priority, jobs.max_attempts, jobs.not_before, "    \
    "jobs.deadline, jobs.created_at, jobs.started_at, jobs.completed_at, jobs.lease_until, "       \
    "jobs.attempt, jobs.node, jobs.reason, jobs.scan_id, jobs.cancel, jobs.rank"
enum { JOB_RANK = 27 };

int job_read(struct sco_arena *a, const struct store_value *v, struct sco_stored_job *ret);
/* Whether the job is one for this scanner: it names it, or none. */
bool job_needs(struct sco_str scanners, struct sco_str name);
/* "completed": SCO_JOB_STATE_MAX_ for what is no state. */
enum sco_job_state job_state(struct sco_str name);
/* An event of the job, of this id or a new one: security.scan.requested, security.scan.started. */
int job_event(struct sco_store *s, const char *type, const char *id, const struct sco_stored_job *j,
              int64_t now, struct sco_error *err) SCO_NODISCARD;
int job_uuid(const char *text, uint8_t ret[16], struct sco_error *err) SCO_NODISCARD;

/* ---- alerts_raise.c ---- */
struct dead_job {
    const char *id, *target_key, *reason; /* reason: or NULL */
};
int alert_dead_job(struct sco_store *s, const struct dead_job *j, int64_t now,
                   struct sco_error *err) SCO_NODISCARD;
