/* What the store keeps, as JSON: the same members from the API and from the command line. */
#include "store_priv.h"

#include <secureops/json.h>
#include <secureops/store_jobs.h>

const char *sco_catch_up_name(enum sco_catch_up c)
{
    static const char *const names[] = {"skip", "one", "all"};
    return (size_t)c < SCO_ARRAY_LEN(names) ? names[c] : NULL;
}

/* The request is told as it was made, but for the file of an import: it is nobody's business. */
static void write_request(struct sco_json_out *o, const struct sco_stored_job *j)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root = NULL;
    if (!j->request.request || sco_json_parse(sco_str_c(j->request.request), &arena, &root, NULL))
        return;
    sco_json_key(o, "request");
    sco_json_begin(o, '{');
    for (const struct sco_node *m = root->type == SCO_NODE_MAP ? root->child : NULL; m;
         m = m->next) {
        if (sco_str_is(m->key, "file"))
            continue;
        sco_json_key(o, m->key.p);
        sco_json_node(o, m);
    }
    sco_json_end(o, '}');
}

void sco_stored_job_write(struct sco_json_out *o, const struct sco_stored_job *j)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", j->id);
    sco_json_kz(o, "kind", j->request.kind);
    sco_json_kz(o, "state", sco_job_state_name(j->state));
    sco_json_kz(o, "reason", j->reason);
    sco_json_kz(o, "scan_id", j->scan_id);
    sco_json_kz(o, "target", j->request.target_key);
    if (strcmp(j->request.kind, "import") != 0)
        sco_json_kz(o, "revision", j->request.revision);
    sco_json_kz(o, "scanners", j->request.scanners);
    write_request(o, j);
    sco_json_kz(o, "origin", j->request.origin);
    sco_json_kz(o, "requested_by", j->request.requested_by);
    sco_json_kz(o, "correlation_id", j->request.correlation_id);
    sco_json_ki64(o, "priority", j->request.priority);
    sco_json_ki64(o, "attempt", j->attempt);
    sco_json_ki64(o, "max_attempts", j->request.max_attempts);
    sco_json_kbool(o, "cancelling", j->cancel && j->state == SCO_JOB_RUNNING);
    sco_json_kz(o, "node", j->node);
    sco_json_kz(o, "only_node", j->request.only_node);
    sco_json_ktime(o, "created_at", j->created_at);
    sco_json_ktime(o, "started_at", j->started_at);
    sco_json_ktime(o, "completed_at", j->completed_at);
    if (j->state == SCO_JOB_QUEUED)
        sco_json_ktime(o, "not_before", j->not_before);
    sco_json_ktime(o, "deadline", j->request.deadline);
    sco_json_end(o, '}');
}

static void write_severities(struct sco_json_out *o, const int64_t by[SCO_SEV_MAX_])
{
    sco_json_key(o, "by_severity");
    sco_json_begin(o, '{');
    for (uint32_t i = SCO_SEV_CRITICAL; i >= SCO_SEV_INFO; i--)
        sco_json_ki64(o, sco_severity_name(i), by[i]);
    sco_json_end(o, '}');
}

static void write_run(struct sco_json_out *o, const struct sco_stored_run *r)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", r->name);
    sco_json_kz(o, "title", r->title);
    sco_json_kz(o, "tool", r->tool);
    sco_json_kz(o, "version", r->version);
    sco_json_kz(o, "target", r->target);
    sco_json_kz(o, "status", r->status);
    sco_json_kz(o, "reason", r->reason);
    sco_json_kz(o, "hint", r->hint);
    sco_json_kbool(o, "required", r->required);
    sco_json_kbool(o, "counts", r->counts);
    sco_json_ktime(o, "started_at", r->started_at);
    sco_json_ki64(o, "duration_ms", r->duration_ms);
    sco_json_ki64(o, "exit_code", r->exit_code);
    sco_json_ki64(o, "reported", r->reported);
    sco_json_ki64(o, "dropped", r->dropped);
    sco_json_ki64(o, "suppressed", r->suppressed);
    write_severities(o, r->by_severity);
    sco_json_end(o, '}');
}

void sco_stored_scan_write(struct sco_json_out *o, const struct sco_stored_scan *x, bool runs)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", x->id);
    sco_json_kz(o, "scan_type", x->scan_type);
    sco_json_kz(o, "repository", x->repository);
    sco_json_kz(o, "branch", x->branch);
    sco_json_kz(o, "scope", x->scope);
    sco_json_kz(o, "commit_sha", x->commit_sha);
    sco_json_kz(o, "target", x->target);
    sco_json_kz(o, "status", x->status);
    sco_json_kz(o, "gate_result", x->gate_result);
    sco_json_ki64(o, "exit_status", x->exit_status);
    sco_json_ktime(o, "started_at", x->started_at);
    sco_json_ktime(o, "completed_at", x->completed_at);
    sco_json_kz(o, "tool_name", x->tool_name);
    sco_json_kz(o, "tool_version", x->tool_version);
    sco_json_ki64(o, "findings", x->findings);
    sco_json_ki64(o, "suppressed", x->suppressed);
    write_severities(o, x->by_severity);
    sco_json_ki64(o, "created", (int64_t)x->stored.created);
    sco_json_ki64(o, "seen", (int64_t)x->stored.seen);
    sco_json_ki64(o, "changed", (int64_t)x->stored.changed);
    sco_json_ki64(o, "resolved", (int64_t)x->stored.resolved);
    sco_json_ki64(o, "reopened", (int64_t)x->stored.reopened);
    sco_json_ki64(o, "not_checked", (int64_t)x->stored.not_checked);
    if (x->base) {
        sco_json_key(o, "comparison");
        sco_json_begin(o, '{');
        sco_json_kz(o, "base", x->base);
        sco_json_kz(o, "base_sha", x->base_sha);
        sco_json_kz(o, "merge_base", x->merge_base);
        sco_json_ki64(o, "new", x->new_findings);
        sco_json_ki64(o, "unchanged", x->unchanged);
        sco_json_end(o, '}');
    }
    if (runs) {
        sco_json_key(o, "scanners");
        sco_json_begin(o, '[');
        for (size_t i = 0; i < x->n_runs; i++)
            write_run(o, &x->runs[i]);
        sco_json_end(o, ']');
    }
    sco_json_end(o, '}');
}

static void write_duration(struct sco_json_out *o, const char *key, int64_t ms)
{
    char text[32];
    if (!ms)
        return;
    snprintf(text, sizeof text, "%lld%s", (long long)(ms % 1000 ? ms : ms / 1000),
             ms % 1000 ? "ms" : "s");
    sco_json_kz(o, key, text);
}

void sco_stored_schedule_write(struct sco_json_out *o, const struct sco_stored_schedule *v)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", v->id);
    sco_json_kz(o, "name", v->name);
    sco_json_kz(o, "cron", v->cron);
    write_duration(o, "interval", v->interval_ms);
    sco_json_kz(o, "time_zone", v->time_zone);
    sco_json_kz(o, "windows", v->windows);
    write_duration(o, "jitter", v->jitter_ms);
    sco_json_kz(o, "catch_up", sco_catch_up_name(v->catch_up));
    sco_json_kbool(o, "enabled", v->enabled);
    sco_json_ki64(o, "priority", v->priority);
    sco_json_kz(o, "kind", v->kind);
    sco_json_kz(o, "target", v->target_key);
    sco_json_kz(o, "revision", v->revision);
    sco_json_kz(o, "scanners", v->scanners);
    sco_json_key(o, "request");
    sco_json_raw(o, sco_str_c(v->request));
    sco_json_kz(o, "created_by", v->created_by);
    sco_json_ktime(o, "created_at", v->created_at);
    sco_json_ktime(o, "updated_at", v->updated_at);
    sco_json_ktime(o, "next_at", v->enabled ? v->next_at : 0);
    sco_json_ktime(o, "last_at", v->last_at);
    sco_json_kz(o, "last_job", v->last_job);
    sco_json_end(o, '}');
}
