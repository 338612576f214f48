/* Executions and stages as JSON objects, for the API and the command line. */
#include "executions_priv.h"

#include <secureops/store_pipelines.h>

void sco_stored_execution_write(struct sco_json_out *o, const struct sco_stored_execution *x)
{
    bool own = !x->integration || !*x->integration;
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", x->id);
    sco_json_kz(o, "pipeline_id", x->pipeline_id);
    sco_json_kz(o, "pipeline", x->name && *x->name ? x->name : x->pipeline);
    sco_json_kz(o, "platform", x->platform);
    sco_json_kz(o, "integration", own ? NULL : x->integration);
    sco_json_kz(o, "repository", x->clone_url ? x->clone_url : x->repository);
    sco_json_kz(o, "external_id", x->external_id);
    sco_json_kz(o, "branch", x->branch ? x->branch : "");
    sco_json_kbool(o, "is_fork", x->is_fork);
    sco_json_kz(o, "commit_sha", x->commit_sha);
    sco_json_kz(o, "ref", x->ref);
    sco_json_kz(o, "event", x->event);
    sco_json_kz(o, "triggered_by", x->triggered_by);
    sco_json_kz(o, "url", x->url);
    sco_json_kz(o, "environment", x->environment);
    sco_json_kz(o, "status", x->status);
    sco_json_kz(o, "reason", x->reason);
    sco_json_kz(o, "rollback_of", x->rollback_of);
    sco_json_kz(o, "job_id", x->job_id);
    sco_json_ki64(o, "attempt", x->attempt);
    if (x->pr_number)
        sco_json_ki64(o, "pr_number", x->pr_number);
    sco_json_ktime(o, "created_at", x->created_at);
    sco_json_ktime(o, "updated_at", x->updated_at);
    sco_json_ktime(o, "queued_at", x->queued_at);
    sco_json_ktime(o, "started_at", x->started_at);
    sco_json_ktime(o, "completed_at", x->completed_at);
    if (x->started_at && x->completed_at >= x->started_at)
        sco_json_ki64(o, "duration_ms", x->completed_at - x->started_at);
    sco_json_end(o, '}');
}

void sco_stored_stage_write(struct sco_json_out *o, const struct sco_stored_stage *x)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "name", x->name);
    sco_json_kz(o, "stage", x->stage);
    sco_json_kz(o, "status", x->status);
    sco_json_kz(o, "reason", x->reason);
    sco_json_kz(o, "external_id", x->external_id);
    sco_json_kz(o, "url", x->url);
    sco_json_ki64(o, "ordinal", x->ordinal);
    sco_json_ki64(o, "attempt", x->attempt);
    sco_json_ktime(o, "queued_at", x->queued_at);
    sco_json_ktime(o, "started_at", x->started_at);
    sco_json_ktime(o, "completed_at", x->completed_at);
    if (x->started_at && x->completed_at >= x->started_at)
        sco_json_ki64(o, "duration_ms", x->completed_at - x->started_at);
    sco_json_end(o, '}');
}
