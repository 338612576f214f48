/* Executions as they are: lists, stages, logs, artifacts, figures. */
#include "pipelines_priv.h"

#include <secureops/checkout.h>
#include <unistd.h>

enum { LOG_BYTES = 1 << 20, FIGURES_DAYS = 30 };

static bool sees(const struct api_call *c, const struct sco_stored_execution *x)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    sco_repository_normal(sco_str_c(x->clone_url ? x->clone_url : x->repository), &key);
    return !key.failed && sco_principal_sees(&c->who, sco_buf_z(&key));
}

int api_execution_find(struct api_call *c, const char *id, struct sco_execution_page *ret,
                       struct sco_error *err)
{
    int r = sco_store_execution(c->store, id, ret, err);
    if (r == 0 && !sees(c, &ret->v[0])) {
        sco_execution_page_done(ret);
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no execution %s", id);
    }
    return r;
}

int api_execution_reply(struct api_call *c, const char *id, int status, struct sco_error *err)
{
    struct sco_execution_page p = {0};
    int r = api_execution_find(c, id, &p, err);
    if (r < 0)
        return r;
    sco_stored_execution_write(&c->out, &p.v[0]);
    sco_execution_page_done(&p);
    c->status = status;
    return 0;
}

int api_execution_get(struct api_call *c, struct sco_error *err)
{
    return api_execution_reply(c, c->params[0], 0, err);
}

/* ---- history ---- */
static int take_pipeline(struct api_call *c, const char **ret, struct sco_error *err)
{
    struct sco_pipeline_page p = {0};
    const char *name = api_query(c, "pipeline");
    if (!name)
        return 0;
    int r = api_pipeline_find(c, name, &p, err);
    if (r < 0)
        return r;
    *ret = sco_arena_cstr(&c->arena, sco_str_c(p.v[0].target.id));
    sco_pipeline_page_done(&p);
    return *ret ? 0 : sco_error_nomem(err);
}

int api_execution_history(struct api_call *c, struct sco_error *err)
{
    struct sco_execution_page p = {0};
    struct sco_execution_filter f = {.repository = api_query(c, "repository"),
                                     .branch = api_query(c, "branch"),
                                     .status = api_query(c, "status"),
                                     .platform = api_query(c, "platform"),
                                     .repositories = api_scope(c)};
    int r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = take_pipeline(c, &f.pipeline_id, err);
    if (r == 0)
        r = api_query_time(c, "since", &f.since, err);
    if (r == 0)
        r = api_query_time(c, "until", &f.until, err);
    if (r == 0)
        r = sco_store_executions(c->store, &f, &p, err);
    if (r == SCO_E_INVALID && f.cursor)
        return api_fault(c, err, "?cursor", "give the one that the page before ended with");
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        sco_stored_execution_write(&c->out, &p.v[i]);
    api_items_end(c, p.cursor);
    sco_execution_page_done(&p);
    return 0;
}

/* ---- stages ---- */
static int write_approvals(struct api_call *c, const char *id, struct sco_error *err)
{
    struct sco_approval_list l = {0};
    int r = sco_store_approvals(c->store, id, &l, err);
    if (r < 0)
        return r;
    sco_json_key(&c->out, "approvals");
    sco_json_begin(&c->out, '[');
    for (size_t i = 0; i < l.n; i++) {
        sco_json_begin(&c->out, '{');
        sco_json_kz(&c->out, "stage", *l.v[i].stage ? l.v[i].stage : NULL);
        sco_json_kbool(&c->out, "approved", l.v[i].approved);
        sco_json_kz(&c->out, "by", l.v[i].by);
        sco_json_kz(&c->out, "reason", l.v[i].reason);
        sco_json_ktime(&c->out, "at", l.v[i].at);
        sco_json_end(&c->out, '}');
    }
    sco_json_end(&c->out, ']');
    sco_approval_list_done(&l);
    return 0;
}

int api_execution_stages(struct api_call *c, struct sco_error *err)
{
    struct sco_execution_page p = {0};
    struct sco_stage_list l = {0};
    int r = api_execution_find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    r = sco_store_stages(c->store, p.v[0].id, &l, err);
    if (r == 0) {
        sco_json_begin(&c->out, '{');
        sco_json_key(&c->out, "items");
        sco_json_begin(&c->out, '[');
        for (size_t i = 0; i < l.n; i++)
            sco_stored_stage_write(&c->out, &l.v[i]);
        sco_json_end(&c->out, ']');
        r = write_approvals(c, p.v[0].id, err);
        sco_json_end(&c->out, '}');
    }
    sco_stage_list_done(&l);
    sco_execution_page_done(&p);
    return r;
}

/* ---- logs ---- */
int api_execution_log_ended(struct sco_store *s, const struct sco_stored_execution *x, bool *ret,
                            struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_pipeline_run run = {0};
    bool ended = sco_execution_ended(x->status);
    int r = ended && *x->integration ? sco_store_run(s, x->id, &arena, &run, err) : 0;
    if (r < 0 && r != SCO_E_NOT_FOUND)
        return r;
    *ret = ended && !run.look_at; /* a webhook may know of the end before the last lines are here */
    return 0;
}

/* Who was cut off goes on after the last event that came. */
static int take_offset(struct api_call *c, bool follow, int64_t *ret, struct sco_error *err)
{
    const char *last = follow ? api_request_header(c, "Last-Event-ID") : NULL;
    if (!last || !*last)
        return api_query_i64(c, "offset", 0, INT64_MAX, ret, err);
    return sco_parse_i64(sco_str_c(last), 0, INT64_MAX, ret) == 0
               ? 0
               : api_fault(c, err, "Last-Event-ID", "is no offset of the log");
}

static int follow_log(struct api_call *c, const char *id, int64_t offset, struct sco_error *err)
{
    c->follow = sco_arena_cstr(&c->arena, sco_str_c(id));
    c->follow_from = (uint64_t)offset;
    c->reply_type = "text/event-stream";
    c->status = 200;
    return c->follow ? 0 : sco_error_nomem(err);
}

/* A piece from `offset` on: who wants the next asks again from X-Next-Offset on, until X-Complete;
 * or all of them as they come. */
int api_execution_logs(struct api_call *c, struct sco_error *err)
{
    struct sco_execution_page p = {0};
    int64_t offset = 0;
    uint64_t next = 0;
    bool ended = false, follow = false;
    int r = api_query_bool(c, "follow", &follow, err);
    if (r == 0)
        r = take_offset(c, follow, &offset, err);
    if (r == 0)
        r = api_execution_find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    if (follow) {
        r = follow_log(c, p.v[0].id, offset, err);
        sco_execution_page_done(&p);
        return r;
    }
    /* asked before what there is is read: what ends in between is complete with the next */
    r = api_execution_log_ended(c->store, &p.v[0], &ended, err);
    if (r == 0)
        r = sco_store_log(c->store, p.v[0].id, (uint64_t)offset, api_query(c, "stage"), LOG_BYTES,
                          &c->reply, &next, err);
    sco_execution_page_done(&p);
    if (r < 0)
        return r;
    const char *number = sco_arena_fmt(&c->arena, "%llu", (unsigned long long)next);
    if (!number)
        return sco_error_nomem(err);
    api_header(c, "X-Next-Offset", number);
    api_header(c, "X-Complete", ended && next == (uint64_t)offset ? "true" : "false");
    c->reply_type = "text/plain; charset=utf-8";
    c->status = 200;
    return 0;
}

/* ---- artifacts ---- */
static void write_platform_artifacts(struct api_call *c, const struct sco_stored_execution *x)
{
    const struct sco_node *q = NULL;
    if (!x->details || sco_json_parse(sco_str_c(x->details), &c->arena, &q, NULL) < 0)
        return;
    SCO_EACH (m, sco_get(q, "artifacts")) {
        if (!sco_text(sco_get(m, "name")).n)
            continue;
        sco_json_begin(&c->out, '{');
        sco_json_kstr(&c->out, "name", sco_text(sco_get(m, "name")));
        sco_json_kstr(&c->out, "external_id", sco_text(sco_get(m, "id")));
        sco_json_ki64(&c->out, "size", sco_int(sco_get(m, "size"), 0));
        sco_json_kstr(&c->out, "url", sco_text(sco_get(m, "url")));
        sco_json_end(&c->out, '}');
    }
}

int api_execution_artifacts(struct api_call *c, struct sco_error *err)
{
    struct sco_execution_page p = {0};
    struct sco_artifact_list l = {0};
    int r = api_execution_find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    r = sco_store_artifact_list(c->store, p.v[0].id, &l, err);
    if (r == 0) {
        api_items_begin(c);
        for (size_t i = 0; i < l.n; i++) {
            sco_json_begin(&c->out, '{');
            sco_json_kz(&c->out, "name", l.v[i].name);
            sco_json_kz(&c->out, "media_type", l.v[i].media_type);
            sco_json_ki64(&c->out, "size", (int64_t)l.v[i].size);
            sco_json_ktime(&c->out, "created_at", l.v[i].created_at);
            sco_json_end(&c->out, '}');
        }
        write_platform_artifacts(c, &p.v[0]);
        api_items_end(c, NULL);
    }
    sco_artifact_list_done(&l);
    sco_execution_page_done(&p);
    return r;
}

int api_execution_download(struct api_call *c, struct sco_error *err)
{
    struct sco_execution_page p = {0};
    struct sco_artifact a = {0};
    const char *name = api_query(c, "name"), *id = api_query(c, "external_id");
    int fd = -1;
    if (!name == !id)
        return api_fault(c, err, "?name", "this or external_id, of the list of artifacts");
    int r = api_execution_find(c, c->params[0], &p, err);
    if (r < 0)
        return r;
    if (id) {
        r = api_execution_platform_artifact(c, &p.v[0], id, err);
        sco_execution_page_done(&p);
        return r;
    }
    r = api_artifact_open(c, p.v[0].id, name, false, &a, &fd, err);
    sco_execution_page_done(&p);
    if (r == SCO_E_NOT_FOUND)
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no such artifact");
    if (r < 0)
        return r;
    api_header(c, "Content-Disposition", "attachment"); /* a stranger's bytes: never shown */
    r = api_spool_reply(c, &fd, "application/octet-stream", err);
    if (r < 0)
        close(fd);
    return r;
}

/* ---- figures ---- */
static void write_ms(struct sco_json_out *o, const char *name, int64_t ms)
{
    if (ms >= 0)
        sco_json_ki64(o, name, ms);
}

static void write_dora(struct sco_json_out *o, const struct sco_pipeline_figures *f, int64_t ms)
{
    sco_json_key(o, "dora");
    sco_json_begin(o, '{');
    sco_json_ki64(o, "deployments", (int64_t)f->deployments);
    sco_json_ki64(o, "failed_deployments", (int64_t)f->failed_deployments);
    sco_json_kreal(o, "deployments_per_day",
                   (double)f->deployments * 86400000.0 / (double)(ms > 0 ? ms : 1));
    write_ms(o, "lead_time_ms", f->lead_time_ms);
    if (f->tried_deployments)
        sco_json_kreal(o, "change_failure_rate",
                       (double)f->failed_deployments / (double)f->tried_deployments);
    write_ms(o, "time_to_restore_ms", f->restore_ms);
    sco_json_end(o, '}');
}

static void write_figures(struct sco_json_out *o, const struct sco_figures_filter *f,
                          const struct sco_pipeline_figures *v)
{
    uint64_t judged = v->succeeded + v->failed;
    sco_json_begin(o, '{');
    sco_json_ktime(o, "since", f->since);
    sco_json_ktime(o, "until", f->until);
    sco_json_ki64(o, "executions", (int64_t)v->executions);
    sco_json_ki64(o, "succeeded", (int64_t)v->succeeded);
    sco_json_ki64(o, "failed", (int64_t)v->failed);
    sco_json_ki64(o, "cancelled", (int64_t)v->cancelled);
    sco_json_ki64(o, "skipped", (int64_t)v->skipped);
    sco_json_ki64(o, "unfinished", (int64_t)v->unfinished);
    if (judged)
        sco_json_kreal(o, "success_rate", (double)v->succeeded / (double)judged);
    write_ms(o, "duration_p50_ms", v->duration_p50_ms);
    write_ms(o, "duration_p95_ms", v->duration_p95_ms);
    write_ms(o, "queue_p50_ms", v->queue_p50_ms);
    write_ms(o, "queue_p95_ms", v->queue_p95_ms);
    sco_json_key(o, "flaky_stages");
    sco_json_begin(o, '[');
    for (size_t i = 0; i < v->n_flaky; i++) {
        sco_json_begin(o, '{');
        sco_json_kz(o, "repository", v->flaky[i].repository);
        sco_json_kz(o, "pipeline", v->flaky[i].pipeline);
        sco_json_kz(o, "stage", v->flaky[i].stage);
        sco_json_ki64(o, "commits", (int64_t)v->flaky[i].commits);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
    write_dora(o, v, f->until - f->since);
    sco_json_kbool(o, "truncated", v->cut);
    sco_json_end(o, '}');
}

int api_pipeline_statistics(struct api_call *c, struct sco_error *err)
{
    struct sco_pipeline_figures v = {0};
    struct sco_figures_filter f = {.repository = api_query(c, "repository"),
                                   .branch = api_query(c, "branch"),
                                   .platform = api_query(c, "platform"),
                                   .environment = api_query(c, "environment"),
                                   .repositories = api_scope(c),
                                   .until = c->now + 1};
    int r = take_pipeline(c, &f.pipeline_id, err);
    if (r == 0)
        r = api_query_time(c, "until", &f.until, err);
    f.since = f.until - (int64_t)FIGURES_DAYS * 86400000;
    if (r == 0)
        r = api_query_time(c, "since", &f.since, err);
    if (r == 0 && f.since >= f.until)
        r = api_fault(c, err, "?since", "earlier than until");
    if (r == 0)
        r = sco_store_pipeline_figures(c->store, &f, &v, err);
    if (r < 0)
        return r;
    write_figures(&c->out, &f, &v);
    sco_pipeline_figures_done(&v);
    return 0;
}
