/* What is kept for how long. Each table goes in small transactions, so that others can write in
 * between; what is done stays done. Where a table has a partition for each month (PostgreSQL), old
 * ones are dropped and the coming ones made ahead. */
#include "store_priv.h"

#include <secureops/store_accounts.h>
#include <secureops/store_ci.h>
#include <secureops/store_events.h>

#include <stdlib.h>

enum { BATCH = 1000 };

static const char *const names[SCO_KEEP_MAX_] = {
    [SCO_KEEP_AUDIT] = "audit",           [SCO_KEEP_EXECUTIONS] = "executions",
    [SCO_KEEP_SCANS] = "scans",           [SCO_KEEP_ARTIFACTS] = "artifacts",
    [SCO_KEEP_RESOLVED] = "resolved",     [SCO_KEEP_ALERTS] = "alerts",
    [SCO_KEEP_ACTIVITY] = "activity",     [SCO_KEEP_EVENTS] = "events",
    [SCO_KEEP_DELIVERIES] = "deliveries",
};

const char *sco_keep_name(enum sco_keep k)
{
    return (unsigned)k < SCO_KEEP_MAX_ ? names[k] : "";
}

/* ---- batches ---- */
/* Statements of one batch in one transaction, each with (before, BATCH); the last one of several
 * with `before` once more, to go by partitions. *ret: its rows. */
static int delete_batch(struct sco_store *s, const char *const *sql, size_t n, int64_t before,
                        int64_t *ret, struct sco_error *err)
{
    struct store_value v[] = {sv_i64(before), sv_i64(BATCH), sv_i64(before)};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = store_exec(s, sql[i], v, n > 1 && i == n - 1 ? 3 : 2, ret, err);
    return sco_store_end(s, r, err);
}

static int delete_batches(struct sco_store *s, const char *const *sql, size_t n, int64_t before,
                          uint64_t *total, struct sco_error *err)
{
    int64_t gone;
    do {
        gone = 0;
        int r = delete_batch(s, sql, n, before, &gone, err);
        if (r < 0)
            return r;
        *total += (uint64_t)gone;
    } while (gone > 0);
    return 0;
}

/* ---- the tables ---- */
/* What is kept of a (framework, branch, scope) is without gaps, so that each digest still follows
 * the one before: nothing from the latest complete assessment on goes, whatever its age. */
#define OLD_ASSESSMENTS                                                                            \
    "(SELECT a.pk FROM compliance_assessments a WHERE a.assessed_at < $1 AND NOT EXISTS (SELECT "  \
    "1 FROM compliance_assessments k WHERE k.framework_pk = a.framework_pk AND k.branch_pk = "     \
    "a.branch_pk AND k.scope = a.scope AND k.pk <= a.pk AND (k.latest OR k.latest_complete OR "    \
    "k.assessed_at >= $2)) ORDER BY a.pk LIMIT $3)"

static int forget_assessments(struct sco_store *s, int64_t before, int64_t *ret,
                              struct sco_error *err)
{
    struct store_value v[] = {sv_i64(before), sv_i64(before), sv_i64(BATCH / 10)};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = store_exec(s, "DELETE FROM compliance_results WHERE assessment_pk IN " OLD_ASSESSMENTS, v,
                   SCO_ARRAY_LEN(v), NULL, err);
    if (r == 0)
        r = store_exec(s, "DELETE FROM compliance_assessments WHERE pk IN " OLD_ASSESSMENTS, v,
                       SCO_ARRAY_LEN(v), ret, err);
    return sco_store_end(s, r, err);
}

static int retain_assessments(struct sco_store *s, int64_t before, uint64_t *n,
                              struct sco_error *err)
{
    int64_t gone = 1;
    int r = 0;
    while (gone > 0 && r == 0) {
        gone = 0;
        r = forget_assessments(s, before, &gone, err);
        *n += (uint64_t)gone;
    }
    return r;
}

#define OLD_SCANS "FROM scan_results WHERE completed_at < $1 ORDER BY completed_at, pk LIMIT $2"

static int retain_scans(struct sco_store *s, int64_t before, uint64_t *n, struct sco_error *err)
{
    static const char *const sql[] = {
        "DELETE FROM scan_scanners WHERE scan_pk IN (SELECT pk " OLD_SCANS ")",
        "DELETE FROM scan_artifacts WHERE scan_id IN (SELECT id " OLD_SCANS ")",
        "DELETE FROM scan_results WHERE pk IN (SELECT pk " OLD_SCANS ") AND completed_at < $3",
    };
    int r = delete_batches(s, sql, SCO_ARRAY_LEN(sql), before, n, err);
    return r < 0 ? r : retain_assessments(s, before, n, err);
}

static int retain_artifacts(struct sco_store *s, int64_t before, uint64_t *n, struct sco_error *err)
{
    static const char *const sql[] = {
        "DELETE FROM scan_artifacts WHERE (scan_id, name, part) IN (SELECT scan_id, name, part "
        "FROM scan_artifacts WHERE created_at < $1 ORDER BY created_at LIMIT $2)"};
    return delete_batches(s, sql, 1, before, n, err);
}

#define OLD_EXECUTIONS "FROM pipeline_executions WHERE created_at < $1 ORDER BY created_at LIMIT $2"

static int retain_executions(struct sco_store *s, int64_t before, uint64_t *n,
                             struct sco_error *err)
{
    static const char *const executions[] = {
        "DELETE FROM pipeline_stages WHERE execution_id IN (SELECT id " OLD_EXECUTIONS ")",
        "DELETE FROM pipeline_logs WHERE execution_id IN (SELECT id " OLD_EXECUTIONS ")",
        "DELETE FROM pipeline_approvals WHERE execution_id IN (SELECT id " OLD_EXECUTIONS ")",
        "DELETE FROM pipeline_runs WHERE execution_id IN (SELECT id " OLD_EXECUTIONS ")",
        "DELETE FROM pipeline_executions WHERE pk IN (SELECT pk " OLD_EXECUTIONS
        ") AND created_at < $3",
    };
    static const char *const jobs[] = {
        "DELETE FROM jobs WHERE pk IN (SELECT pk FROM jobs WHERE completed_at > 0 AND "
        "completed_at < $1 ORDER BY pk LIMIT $2)"};
    /* longer than any platform sends a delivery again */
    static const char *const effects[] = {
        "DELETE FROM webhook_effects WHERE key IN (SELECT key FROM webhook_effects WHERE at < $1 "
        "ORDER BY at LIMIT $2)"};
    static const char *const publications[] = {
        "DELETE FROM publications WHERE pk IN (SELECT pk FROM publications WHERE updated_at < $1 "
        "ORDER BY updated_at LIMIT $2)"};
    int r = delete_batches(s, executions, SCO_ARRAY_LEN(executions), before, n, err);
    if (r == 0)
        r = delete_batches(s, jobs, 1, before, n, err);
    if (r == 0)
        r = delete_batches(s, effects, 1, before, n, err);
    return r < 0 ? r : delete_batches(s, publications, 1, before, n, err);
}

static int retain_alerts(struct sco_store *s, int64_t before, uint64_t *n, struct sco_error *err)
{
    static const char *const sql[] = {"DELETE FROM alerts WHERE pk IN (SELECT pk FROM alerts WHERE "
                                      "created_at < $1 ORDER BY created_at, pk LIMIT $2)"};
    return delete_batches(s, sql, 1, before, n, err);
}

/* What users did: replies that were kept for them, failed logins, tokens that expired. */
static int retain_activity(struct sco_store *s, int64_t before, uint64_t *n, struct sco_error *err)
{
    uint64_t part[3] = {0};
    int r = sco_store_replies_expire(s, before, &part[0], err);
    if (r == 0)
        r = sco_store_throttle_expire(s, before, &part[1], err);
    if (r == 0)
        r = sco_store_tokens_expire(s, before, &part[2], err);
    for (size_t i = 0; i < 3; i++)
        *n += part[i];
    return r;
}

static int retain_audit(struct sco_store *s, int64_t before, uint64_t *n, struct sco_error *err)
{
    uint64_t gone;
    do {
        gone = 0;
        int r = sco_store_audit_retain(s, before, BATCH, &gone, err);
        if (r < 0)
            return r;
        *n += gone;
    } while (gone);
    return 0;
}

/* ---- findings ---- */
struct branches {
    int64_t *v;
    size_t n, cap;
};

static int take_branch(void *user, const struct store_value *v, size_t n)
{
    struct branches *b = user;
    (void)n;
    if (SCO_VEC_PUSH(b->v, b->n, b->cap) < 0)
        return SCO_E_NOMEM;
    b->v[b->n++] = v[0].i;
    return 0;
}

/* With the branch's lock: a merge that has read these findings has ended, the next one reads none
 * of them. */
static int forget_some(struct sco_store *s, int64_t branch, int64_t before, int64_t *ret,
                       struct sco_error *err)
{
#define OLD_FINDINGS                                                                               \
    "(SELECT pk FROM vulnerabilities WHERE branch_pk = $1 AND resolved_at < $2 ORDER BY "          \
    "resolved_at, pk LIMIT $3)"
    static const char *const sql[] = {
        "DELETE FROM vulnerability_history WHERE vulnerability_pk IN " OLD_FINDINGS,
        "DELETE FROM vulnerability_details WHERE pk IN " OLD_FINDINGS,
        "DELETE FROM vulnerabilities WHERE pk IN " OLD_FINDINGS,
    };
    struct store_value v[] = {sv_i64(branch), sv_i64(before), sv_i64(BATCH)};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = store_exec(s, "UPDATE branches SET last_scan_at = last_scan_at WHERE pk = $1", v, 1, NULL,
                   err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(sql) && r == 0; i++)
        r = store_exec(s, sql[i], v, SCO_ARRAY_LEN(v), ret, err);
    return sco_store_end(s, r, err);
}

static int retain_resolved(struct sco_store *s, int64_t before, uint64_t *n, struct sco_error *err)
{
    struct branches b = {0};
    struct store_value v = sv_i64(before);
    int r = store_query(s, "SELECT DISTINCT branch_pk FROM vulnerabilities WHERE resolved_at < $1",
                        &v, 1, take_branch, &b, err);
    for (size_t i = 0; i < b.n && r == 0; i++) {
        int64_t gone = 1;
        while (gone > 0 && r == 0) {
            gone = 0;
            r = forget_some(s, b.v[i], before, &gone, err);
            *n += (uint64_t)gone;
        }
    }
    free(b.v);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

/* ---- partitions ---- */
static const struct {
    const char *table, *column;
    enum sco_keep keep;
} partitioned[] = {
    {"scan_results", "completed_at", SCO_KEEP_SCANS},
    {"pipeline_executions", "created_at", SCO_KEEP_EXECUTIONS},
    {"audit_log", "at", SCO_KEEP_AUDIT},
};

int store_make_partitions(struct sco_store *s, int64_t now, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; s->ops->partitions && i < SCO_ARRAY_LEN(partitioned) && r == 0; i++)
        r = s->ops->partitions(s->db, partitioned[i].table, partitioned[i].column, now, INT64_MIN,
                               err);
    return r;
}

/* Their rows went with what belongs to them; what is left is empty. */
static int drop_partitions(struct sco_store *s, const struct sco_store_keep *k,
                           struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; s->ops->partitions && i < SCO_ARRAY_LEN(partitioned) && r == 0; i++) {
        int64_t ms = k->keep_ms[partitioned[i].keep];
        r = s->ops->partitions(s->db, partitioned[i].table, partitioned[i].column, k->now,
                               ms ? k->now - ms : INT64_MIN, err);
    }
    return r;
}

int sco_store_retain_all(struct sco_store *s, struct sco_store_keep *k, struct sco_error *err)
{
    static int (*const verbs[SCO_KEEP_MAX_])(struct sco_store *, int64_t, uint64_t *,
                                             struct sco_error *) = {
        [SCO_KEEP_AUDIT] = retain_audit,       [SCO_KEEP_EXECUTIONS] = retain_executions,
        [SCO_KEEP_SCANS] = retain_scans,       [SCO_KEEP_ARTIFACTS] = retain_artifacts,
        [SCO_KEEP_RESOLVED] = retain_resolved, [SCO_KEEP_ALERTS] = retain_alerts,
        [SCO_KEEP_ACTIVITY] = retain_activity, [SCO_KEEP_DELIVERIES] = sco_store_deliveries_retain,
    };
    memset(k->removed, 0, sizeof k->removed);
    if (s->depth)
        return sco_error_set(err, SCO_E_INVALID, "retention is no part of a transaction");
    for (size_t i = 0; i < SCO_KEEP_MAX_; i++)
        if (k->keep_ms[i] < 0)
            return sco_error_set(err, SCO_E_INVALID, "a time to keep %s is not negative", names[i]);
    int r = 0;
    for (size_t i = 0; i < SCO_KEEP_MAX_ && r == 0; i++) {
        if (!k->keep_ms[i])
            continue;
        int64_t before = k->now - k->keep_ms[i];
        r = i == SCO_KEEP_EVENTS
                ? sco_store_events_retain(s, before, k->cursors, &k->removed[i], err)
                : verbs[i](s, before, &k->removed[i], err);
        if (r < 0)
            sco_error_prefix(err, "retention of %s", names[i]);
    }
    return r < 0 ? r : drop_partitions(s, k, err);
}
