/* Jobs of the kind "ci": one operation at a platform, done by a runner as any other job, so that it
 * is tried again, limited, cancelled, listed and audited like one. The request:
 *   {"integration","op","request":{...}}              an operation of docs/ci-plugins.md
 *   {"integration","op","request","execution"}        its outcome belongs to that execution
 *   {"integration","op":"publish","publication","revision","phase","scan_id","reason"}
 *   {... "phase":"error","commit_sha"}: of an older revision, which was about that commit
 * A publication says where it is to be told; the runner makes the rest out of the scan. */
#pragma once

#include <secureops/store_ci.h>

enum {
    SCO_CI_MARKDOWN_MAX = 60000, /* bytes of a comment: what GitHub takes less a marker */
    SCO_CI_FINDINGS_MAX = 1000,  /* new findings that a platform is handed */
    SCO_CI_PRIORITY = 9,         /* people wait for it, and it is short */
    SCO_CI_ATTEMPTS = 12, /* with the pauses of the queue: hours, should a platform be away */
};
/* "pending" before the scan, "result" after it, "error" in its place. In the transaction that is
 * open, else in one of its own. Jobs of one repository run one after the other. */
int sco_ci_job_publish(struct sco_store *s, const struct sco_stored_publication *p,
                       const char *phase, const char *scan_id, const char *reason, int64_t now,
                       struct sco_error *err) SCO_NODISCARD;
/* A newer scan takes the publication `p` over, as it was before: what the platform was told of its
 * commit does not stay pending. */
int sco_ci_job_give_way(struct sco_store *s, const struct sco_stored_publication *p, int64_t now,
                        struct sco_error *err) SCO_NODISCARD;
/* One that has ended is told once more: the result, or why there is none. SCO_E_NOT_FOUND;
 * SCO_E_INVALID: it is pending. */
int sco_ci_job_again(struct sco_store *s, const char *publication, int64_t now,
                     struct sco_error *err) SCO_NODISCARD;
/* Any other operation; `request`: a JSON object; `execution` may be NULL. */
int sco_ci_job_call(struct sco_store *s, const char *integration, const char *repository,
                    const char *op, struct sco_str request, const char *execution, int64_t now,
                    struct sco_job_added *ret, struct sco_error *err) SCO_NODISCARD;
/* A look at a run at its platform; nothing when one of this execution waits or runs. */
int sco_ci_job_follow(struct sco_store *s, const char *integration, const char *repository,
                      const char *execution, int64_t now, struct sco_error *err) SCO_NODISCARD;
/* The member "credential" of a scan's or pipeline's request: whose token fetches the code. */
struct sco_json_out;
struct sco_node;
void sco_ci_job_credential(struct sco_json_out *o, const char *integration, const char *repository,
                           const struct sco_node *context);
/* Whether one of that repository ("": of none) waits or runs. */
int sco_ci_job_waits(struct sco_store *s, const char *integration, const char *repository,
                     bool *ret, struct sco_error *err) SCO_NODISCARD;
/* Publications whose scan has ended without a word are told so. *ret: how many. */
int sco_ci_jobs_watch(struct sco_store *s, int64_t now, uint64_t *ret,
                      struct sco_error *err) SCO_NODISCARD;
