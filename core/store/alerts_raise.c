/* Alerts that the store raises itself, in the transaction of what they are about, whichever node
 * and process does it: a job that is given up, a schedule's scan that is not complete, findings
 * that cannot wait. */
#include "jobs_priv.h"
#include "merge_priv.h"

#include <secureops/store_jobs.h>
#include <secureops/store_stats.h>

static int add(struct sco_store *s, const struct sco_stored_alert *a, struct sco_error *err)
{
    char id[37];
    return sco_store_alert_add(s, a, id, err);
}

int alert_dead_job(struct sco_store *s, const struct dead_job *j, int64_t now,
                   struct sco_error *err)
{
    struct sco_stored_alert a = {.kind = "job_dead",
                                 .severity = SCO_SEV_HIGH,
                                 .title = "A job was given up",
                                 .message = j->reason,
                                 .repository = j->target_key,
                                 .object = j->id,
                                 .created_at = now};
    return add(s, &a, err);
}

static int incomplete(struct merge *m, struct sco_error *err)
{
    struct sco_stored_alert a = {
        .kind = "scan_incomplete",
        .severity = SCO_SEV_MEDIUM,
        .title = "A scheduled scan is incomplete",
        .message = "Not everything was looked at: nothing is known of what is missing.",
        .repository = m->subject->repository,
        .object = m->scan->id,
        .created_at = m->scan->completed_ms};
    return add(m->s, &a, err);
}

static int critical(struct merge *m, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf title = {0}, text = {0};
    bool one = m->critical == 1;
    sco_buf_addf(&title, "%llu new CRITICAL finding%s", (unsigned long long)m->critical,
                 one ? "" : "s");
    sco_buf_addf(&text, "%s%s%s", m->subject->repository,
                 m->subject->branch && *m->subject->branch ? ", branch " : "",
                 m->subject->branch ? m->subject->branch : "");
    struct sco_stored_alert a = {.kind = "critical_findings",
                                 .severity = SCO_SEV_CRITICAL,
                                 .title = sco_buf_z(&title),
                                 .message = sco_buf_z(&text),
                                 .repository = m->subject->repository,
                                 .object = m->scan->id,
                                 .created_at = m->scan->completed_ms};
    return title.failed || text.failed ? sco_error_nomem(err) : add(m->s, &a, err);
}

static int take_bool(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(bool *)user = v[0].i != 0;
    return 0;
}

/* Only those of a daemon: who scans on a command line sees what there is. */
int alert_scan(struct merge *m, struct sco_error *err)
{
    const struct sco_job_lease *lease = m->subject->lease;
    uint8_t id[16];
    bool scheduled = false;
    if (!lease || !m->s->context.source)
        return 0;
    int r = m->critical ? critical(m, err) : 0;
    if (r < 0 || strcmp(sco_scan_status(m->scan), "incomplete") != 0)
        return r;
    r = job_uuid(lease->job_id, id, err);
    struct store_value v = sv_bytes(STORE_UUID, id, sizeof id);
    if (r == 0)
        r = store_query(m->s,
                        "SELECT CASE WHEN origin = 'schedule' THEN 1 ELSE 0 END FROM jobs WHERE id "
                        "= $1",
                        &v, 1, take_bool, &scheduled, err);
    return r == 0 && scheduled ? incomplete(m, err) : r;
}
