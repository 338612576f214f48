/* Workflows on findings and alerts. One node at a time reads the feed of events, from the position
 * that the one before had come to; a job for what was read and the new position are one
 * transaction: each event is seen once, whichever node dies when. What one scan, or one person,
 * did to the findings of a branch is one event, and one run of each workflow. */
#include "workflows.h"

#include "daemon_priv.h"
#include "references.h"

#include <secureops/crypto.h>
#include <secureops/json.h>
#include <secureops/store_events.h>
#include <secureops/store_jobs.h>
#include <secureops/store_stats.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "workflows"
#include <secureops/log.h>

enum {
    READ_MAX = 2000, /* events at once */
    ROUNDS_MAX = 20, /* in one poll */
    FINDINGS_MAX = 100,
    PRIORITY = 6,
    LEASE_MS = 60 * 1000,
    OLD_MS = 3600 * 1000, /* older ones are no news any more */
    AGAIN_MS = 10 * 1000,
};
static const char cursor_name[] = "workflows";

/* ---- what was read ---- */
struct group {
    const char *action, *repository, *branch, *scan_id; /* branch, scan_id: or "" */
    const char *alert;                                  /* its data; NULL: of findings */
    int64_t at;
    const struct sco_node **v; /* findings */
    size_t n, cap;
};
struct reading {
    const struct sco_config_workflows *c;
    struct group *v;
    size_t n, cap;
    int64_t now, last;
    size_t looked, skipped;
    struct sco_arena arena;
};

static struct group *add_group(struct reading *rd, const struct group *like)
{
    if (SCO_VEC_PUSH(rd->v, rd->n, rd->cap) < 0)
        return NULL;
    rd->v[rd->n] = *like;
    return &rd->v[rd->n++];
}

static struct group *group_of(struct reading *rd, const struct group *like)
{
    for (size_t i = rd->n; i > 0; i--) { /* what belongs together comes together */
        struct group *g = &rd->v[i - 1];
        if (!g->alert && strcmp(g->action, like->action) == 0 &&
            strcmp(g->repository, like->repository) == 0 && strcmp(g->branch, like->branch) == 0 &&
            strcmp(g->scan_id, like->scan_id) == 0)
            return g;
    }
    return add_group(rd, like);
}

static const char *text(struct reading *rd, const struct sco_node *m, const char *name)
{
    return sco_arena_cstr(&rd->arena, sco_text(sco_get(m, name)));
}

static int take_finding(struct reading *rd, const struct sco_event *e)
{
    struct group like = {.action = "resolved", .at = e->at};
    const struct sco_node *m = NULL;
    struct sco_str copy = sco_arena_str(&rd->arena, sco_str_c(e->data));
    int r = copy.p ? sco_json_parse(copy, &rd->arena, &m, NULL) : SCO_E_NOMEM;
    if (r < 0)
        return r;
    if (strcmp(e->type, "security.vulnerability.detected") == 0)
        like.action = "detected";
    like.repository = text(rd, m, "repository");
    like.branch = text(rd, m, "branch");
    like.scan_id = text(rd, m, "scan_id");
    if (!like.repository || !like.branch || !like.scan_id)
        return SCO_E_NOMEM;
    struct group *g = group_of(rd, &like);
    if (!g || SCO_VEC_PUSH(g->v, g->n, g->cap) < 0)
        return SCO_E_NOMEM;
    g->v[g->n++] = m;
    return 0;
}

/* What workflows and notifications raise themselves would never end. */
static bool is_own(const char *kind, const char *repository)
{
    static const char *const kinds[] = {"workflow", "workflow_failed", "call_failed",
                                        "notification_failed"};
    static const char *const jobs[] = {"workflow:", "call:", "notify:"};
    bool own = false;
    for (size_t i = 0; i < SCO_ARRAY_LEN(kinds); i++)
        own |= strcmp(kind, kinds[i]) == 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(jobs); i++)
        own |= strncmp(repository, jobs[i], strlen(jobs[i])) == 0;
    return own;
}

static int take_alert(struct reading *rd, const struct sco_event *e)
{
    struct group g = {.branch = "", .scan_id = "", .at = e->at};
    const struct sco_node *m = NULL;
    g.alert = sco_arena_cstr(&rd->arena, sco_str_c(e->data));
    int r = g.alert ? sco_json_parse(sco_str_c(g.alert), &rd->arena, &m, NULL) : SCO_E_NOMEM;
    if (r < 0)
        return r;
    g.action = text(rd, m, "kind");
    g.repository = text(rd, m, "repository");
    if (!g.action || !g.repository)
        return SCO_E_NOMEM;
    return is_own(g.action, g.repository) || add_group(rd, &g) ? 0 : SCO_E_NOMEM;
}

/* What nobody can make a job of is told and left out: it would stop all that comes after it. Not
 * what another try may mend. */
static bool is_hopeless(int r)
{
    return r == SCO_E_PARSE || r == SCO_E_FORMAT || r == SCO_E_INVALID || r == SCO_E_LIMIT;
}

static int on_event(void *user, const struct sco_event *e)
{
    struct reading *rd = user;
    int r = 0;
    rd->last = e->position;
    rd->looked++;
    if (e->at < rd->now - OLD_MS)
        return 0;
    if (rd->c->on_finding.n && strncmp(e->type, "security.vulnerability.", 23) == 0)
        r = take_finding(rd, e);
    else if (rd->c->on_alert.n && strcmp(e->type, "notification.alert") == 0)
        r = take_alert(rd, e);
    if (!is_hopeless(r))
        return r;
    rd->skipped++;
    sco_log_warning("no workflow hears of the event %s (%s): it cannot be read: %s", e->id, e->type,
                    sco_error_name(r));
    return 0;
}

static void reading_done(struct reading *rd)
{
    for (size_t i = 0; i < rd->n; i++)
        free(rd->v[i].v);
    free(rd->v);
    sco_arena_done(&rd->arena);
}

/* ---- the event of a workflow ---- */
static uint32_t severity_of(const struct sco_node *f)
{
    return sco_severity_parse(sco_text(sco_get(f, "severity")));
}

static int compare(const void *a, const void *b)
{
    const struct sco_node *const *x = a, *const *y = b;
    uint32_t p = severity_of(*x), q = severity_of(*y);
    if (p != q)
        return p > q ? -1 : 1;
    return sco_str_cmp(sco_text(sco_get(*x, "finding_id")), sco_text(sco_get(*y, "finding_id")));
}

static void put_finding(struct sco_json_out *o, const struct sco_node *f)
{
    static const char *const same[] = {"fingerprint", "vulnerability_type",
                                       "severity",    "title",
                                       "rule_id",     "file_path",
                                       "line_number", "cve_id",
                                       "risk_score",  "status",
                                       "resolved_by", "reason",
                                       "reopened"};
    sco_json_begin(o, '{');
    sco_json_kstr(o, "id", sco_text(sco_get(f, "finding_id")));
    for (size_t i = 0; i < SCO_ARRAY_LEN(same); i++) {
        const struct sco_node *v = sco_get(f, same[i]);
        if (v) {
            sco_json_key(o, same[i]);
            sco_json_node(o, v);
        }
    }
    sco_json_end(o, '}');
}

static void put_findings(struct sco_json_out *o, struct group *g)
{
    uint64_t n[SCO_SEV_MAX_] = {0};
    qsort(g->v, g->n, sizeof *g->v, compare);
    for (size_t i = 0; i < g->n; i++)
        n[severity_of(g->v[i]) % SCO_SEV_MAX_]++;
    sco_json_kz(o, "scan_id", *g->scan_id ? g->scan_id : NULL);
    sco_json_ki64(o, "count", (int64_t)g->n);
    sco_json_key(o, "by_severity");
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_SEV_MAX_ - 1; i > 0; i--)
        sco_json_ki64(o, sco_severity_name(i), (int64_t)n[i]);
    sco_json_end(o, '}');
    sco_json_key(o, "findings");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < g->n && i < FINDINGS_MAX; i++)
        put_finding(o, g->v[i]);
    sco_json_end(o, ']');
}

static int write_request(const struct sco_str_list *names, struct group *g, struct sco_buf *b,
                         struct sco_error *err)
{
    struct sco_json_out o = {.b = b};
    sco_json_begin(&o, '{');
    sco_json_key(&o, "workflows");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < names->n; i++)
        sco_json_str(&o, names->v[i]);
    sco_json_end(&o, ']');
    sco_json_key(&o, "event");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "event", g->alert ? "alert" : "finding");
    sco_json_kz(&o, "action", g->action);
    sco_json_kz(&o, "clone_url", *g->repository ? g->repository : NULL);
    sco_json_kz(&o, "branch", *g->branch ? g->branch : NULL);
    sco_json_ktime(&o, "created_at", g->at);
    if (g->alert) {
        sco_json_key(&o, "alert");
        sco_json_raw(&o, sco_str_c(g->alert));
    } else {
        put_findings(&o, g);
    }
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    return sco_buf_check(b, err);
}

static int add_job(struct sco_store *s, const struct sco_config_workflows *c, struct group *g,
                   int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf request = {0}, key = {0};
    struct sco_job_added added;
    char revision[37];
    int r = write_request(g->alert ? &c->on_alert : &c->on_finding, g, &request, err);
    sco_uuid4(revision);
    sco_buf_addf(&key, "workflow:%s", g->repository);
    struct sco_job_request q = {.kind = "workflow",
                                .target_key = sco_buf_z(&key),
                                .revision = revision,
                                .scanners = "workflow",
                                .request = sco_buf_z(&request),
                                .origin = g->alert ? "alert" : "finding",
                                .priority = PRIORITY};
    if (r == 0)
        r = sco_buf_check(&key, err);
    return r == 0 ? sco_store_job_add(s, &q, now, &added, err) : r;
}

/* ---- the feed ---- */
/* Of a kind that no workflow hears of itself. */
static int tell_skipped(struct sco_store *s, const struct reading *rd, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    char id[37];
    sco_buf_addf(&b,
                 "%zu findings or alerts up to event %lld could not be read or queued; the log "
                 "names them",
                 rd->skipped, (long long)rd->last);
    struct sco_stored_alert a = {.kind = "workflow_failed",
                                 .severity = SCO_SEV_HIGH,
                                 .title = "Workflows did not hear of some events",
                                 .message = sco_buf_z(&b),
                                 .created_at = rd->now};
    int r = sco_buf_check(&b, err);
    return r == 0 ? sco_store_alert_add(s, &a, id, err) : r;
}

static int take(struct sco_store *s, struct reading *rd, const char *node, struct sco_error *err)
{
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < rd->n; i++) {
        r = add_job(s, rd->c, &rd->v[i], rd->now, err);
        if (is_hopeless(r)) {
            sco_log_warning("no workflow hears of %s in %s: %s", rd->v[i].action,
                            rd->v[i].repository, err->text);
            rd->skipped++;
            r = 0;
        }
    }
    if (r == 0 && rd->skipped)
        r = tell_skipped(s, rd, err);
    if (r == 0)
        r = sco_store_cursor_set(s, cursor_name, node, rd->last, err);
    return sco_store_end(s, r, err);
}

int workflows_feed(struct sco_store *s, const struct sco_config_workflows *c, const char *node,
                   int64_t now, bool *ret_more, struct sco_error *err)
{
    struct reading rd = {.c = c, .now = now};
    int64_t position = 0;
    int r = sco_store_cursor_take(s, cursor_name, node, now, now + LEASE_MS, &position, err);
    if (r < 0)
        return r;
    r = sco_store_events_each(s, position, READ_MAX, on_event, &rd, err);
    if (r == SCO_E_NOMEM)
        sco_error_nomem(err);
    if (r == 0 && rd.last > position)
        r = take(s, &rd, node, err);
    if (r == 0)
        *ret_more = rd.looked == READ_MAX;
    reading_done(&rd);
    return r;
}

/* ---- on the clock ---- */
struct workflows {
    struct daemon *d;
    struct snapshot *scheduled; /* whose schedules are in the store */
    int64_t seen;               /* events up to here are somebody's */
    int64_t again_at;
};

static void feed(struct workflows *x, struct sco_store *s, const struct sco_config_workflows *c,
                 int64_t last, int64_t now)
{
    struct sco_error err = {0};
    bool more = true;
    int r = 0;
    for (int i = 0; r == 0 && more && i < ROUNDS_MAX; i++)
        r = workflows_feed(s, c, x->d->paths.node, now, &more, &err);
    if (r == 0 && !more)
        x->seen = last;
    if (r < 0) /* another node may die before it is done */
        x->again_at = now + AGAIN_MS;
    if (r < 0 && r != SCO_E_CANCELLED)
        sco_log_warning("workflows do not hear of findings and alerts: %s", err.text);
}

void workflows_polled(struct workflows *x, struct sco_store *s, int64_t last, int64_t now)
{
    struct sco_error err = {0};
    struct snapshot *config = daemon_snapshot(x->d);
    const struct sco_config_workflows *c = &config->config->workflows;
    bool wait = now < x->again_at && now > x->again_at - AGAIN_MS;
    if (!wait && x->scheduled != config) {
        if (workflow_schedules_sync(s, c, now, &err) == 0) {
            snapshot_unref(x->scheduled);
            x->scheduled = snapshot_ref(config);
            references_pipelines(s, config->config);
        } else {
            sco_log_warning("the schedules of workflows are as they were: %s", err.text);
            x->again_at = now + AGAIN_MS;
        }
    }
    if (!wait && (c->on_finding.n || c->on_alert.n) && last > x->seen)
        feed(x, s, c, last, now);
    snapshot_unref(config);
}

int workflows_new(struct daemon *d, struct workflows **ret, struct sco_error *err)
{
    struct workflows *x = sco_alloc(1, sizeof *x);
    if (!x)
        return sco_error_nomem(err);
    x->d = d;
    *ret = x;
    return 0;
}

struct workflows *workflows_free(struct workflows *x)
{
    if (x)
        snapshot_unref(x->scheduled);
    free(x);
    return NULL;
}
