/* The end of a merge, still in its transaction: what belongs to the scan, its event, and the end of
 * the job that it is the outcome of. The job's row is written last: who renews its lease waits for
 * it, and must not for a whole merge. */
#include "merge_priv.h"

#include <secureops/json.h>
#include <secureops/store_events.h>
#include <secureops/store_jobs.h>

static void put_counts(struct sco_json_out *o, const struct sco_scan *scan)
{
    sco_json_ki64(o, "findings", (int64_t)scan->summary.findings);
    sco_json_ki64(o, "suppressed", (int64_t)scan->summary.suppressed);
    sco_json_key(o, "by_severity");
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_SEV_MAX_ - 1; i > 0; i--)
        sco_json_ki64(o, sco_severity_name(i), (int64_t)scan->summary.by_severity[i]);
    sco_json_end(o, '}');
    sco_json_ki64(o, "created", (int64_t)scan->stored.created);
    sco_json_ki64(o, "seen", (int64_t)scan->stored.seen);
    sco_json_ki64(o, "resolved", (int64_t)scan->stored.resolved);
    sco_json_ki64(o, "reopened", (int64_t)scan->stored.reopened);
    sco_json_ki64(o, "not_checked", (int64_t)scan->stored.not_checked);
}

static int tell_completed(const struct merge *m, struct sco_error *err)
{
    static const char *const results[] = {"passed", "failed", "incomplete"};
    const struct sco_scan *scan = m->scan;
    const struct sco_store_subject *sub = m->subject;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!m->s->context.source)
        return 0;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "scan_id", scan->id);
    sco_json_kz(&o, "job_id", sub->lease ? sub->lease->job_id : NULL);
    sco_json_kz(&o, "scan_type", scan->command ? scan->command : "scan");
    sco_json_kz(&o, "repository", sub->repository);
    sco_json_kz(&o, "branch", sub->branch);
    sco_json_kz(&o, "commit_sha", scan->commit_sha);
    sco_json_kz(&o, "status", sco_scan_status(scan));
    sco_json_kz(&o, "gate_result",
                results[(unsigned)scan->gate.result < 3 ? scan->gate.result : 2]);
    sco_json_ki64(&o, "duration_ms", scan->completed_ms - scan->started_ms);
    put_counts(&o, scan);
    sco_json_end(&o, '}');
    int r = sco_buf_check(&b, err);
    struct sco_event e = {.type = "security.scan.completed",
                          .key = sub->repository,
                          .at = scan->completed_ms,
                          .data = sco_buf_z(&b)};
    return r < 0 ? r : sco_store_event_add(m->s, &e, err);
}

int merge_end(struct merge *m, struct sco_error *err)
{
    const struct sco_store_subject *sub = m->subject;
    enum sco_job_state state;
    m->scan->stored = m->counts;
    int r = sub->attach ? sub->attach(sub->user, m->s, m->scan, err) : 0;
    if (r == 0)
        r = tell_completed(m, err);
    if (r == 0)
        r = alert_scan(m, err);
    if (r == 0 && sub->within)
        r = sco_store_job_hold(m->s, sub->within, err);
    if (r < 0 || !sub->lease)
        return r;
    struct sco_job_end end = {.lease = *sub->lease,
                              .outcome = SCO_JOB_END_COMPLETED,
                              .scan_id = m->scan->id,
                              .now = m->scan->completed_ms};
    return sco_store_job_end(m->s, &end, &state, err);
}
