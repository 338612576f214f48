/* Jobs and scans as they are told, and what can be done with a job. A job is a request and what
 * became of it; a scan is what is kept of one that came to an end. Both go by an id of their own;
 * /scans/{id} takes either. */
#include "content_priv.h"

/* ---- JSON ---- */
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

void api_write_job(struct sco_json_out *o, const struct sco_stored_job *j)
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
    api_ktime(o, "created_at", j->created_at);
    api_ktime(o, "started_at", j->started_at);
    api_ktime(o, "completed_at", j->completed_at);
    if (j->state == SCO_JOB_QUEUED)
        api_ktime(o, "not_before", j->not_before);
    api_ktime(o, "deadline", j->request.deadline);
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
    sco_json_kz(o, "status", r->status);
    sco_json_kz(o, "reason", r->reason);
    sco_json_kz(o, "hint", r->hint);
    sco_json_kbool(o, "required", r->required);
    sco_json_kbool(o, "counts", r->counts);
    api_ktime(o, "started_at", r->started_at);
    sco_json_ki64(o, "duration_ms", r->duration_ms);
    sco_json_ki64(o, "exit_code", r->exit_code);
    sco_json_ki64(o, "reported", r->reported);
    sco_json_ki64(o, "dropped", r->dropped);
    sco_json_ki64(o, "suppressed", r->suppressed);
    write_severities(o, r->by_severity);
    sco_json_end(o, '}');
}

void api_write_scan(struct sco_json_out *o, const struct sco_stored_scan *x, bool runs)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", x->id);
    sco_json_kz(o, "scan_type", x->scan_type);
    sco_json_kz(o, "repository", x->repository);
    sco_json_kz(o, "branch", x->branch);
    sco_json_kz(o, "scope", x->scope);
    sco_json_kz(o, "commit_sha", x->commit_sha);
    sco_json_kz(o, "status", x->status);
    sco_json_kz(o, "gate_result", x->gate_result);
    sco_json_ki64(o, "exit_status", x->exit_status);
    api_ktime(o, "started_at", x->started_at);
    api_ktime(o, "completed_at", x->completed_at);
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
    if (runs) {
        sco_json_key(o, "scanners");
        sco_json_begin(o, '[');
        for (size_t i = 0; i < x->n_runs; i++)
            write_run(o, &x->runs[i]);
        sco_json_end(o, ']');
    }
    sco_json_end(o, '}');
}

/* ---- one ---- */
static int not_there(const char *id, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no scan or job %s", id);
}

void api_scan_done(struct api_scan *s)
{
    sco_job_page_done(&s->job);
    sco_scan_page_done(&s->scan);
}

void api_scan_cleanup_(struct api_scan *s)
{
    api_scan_done(s);
}

/* What is no id of ours is told as one that nothing has. */
static int look(int r, bool *ret_there)
{
    *ret_there = r == 0;
    return r == SCO_E_NOT_FOUND || r == SCO_E_INVALID ? 0 : r;
}

int api_scan_find(struct api_call *c, const char *id, struct api_scan *ret, struct sco_error *err)
{
    struct api_scan s = {0};
    bool job = false, scan = false;
    int r = look(sco_store_job(c->store, id, &s.job, err), &job);
    if (r == 0 && job && s.job.v[0].scan_id) /* retention may have taken it */
        r = look(sco_store_scan(c->store, s.job.v[0].scan_id, &s.scan, err), &scan);
    else if (r == 0 && !job)
        r = look(sco_store_scan(c->store, id, &s.scan, err), &scan);
    if (r == 0 &&
        ((!job && !scan) || (job && !sco_principal_sees(&c->who, s.job.v[0].request.target_key)) ||
         (scan && !sco_principal_sees(&c->who, s.scan.v[0].repository))))
        r = not_there(id, err);
    if (r < 0)
        api_scan_done(&s);
    else
        *ret = s;
    return r;
}

/* What it has come to, in one word: of the job until there is a scan. */
int api_scan_get(struct api_call *c, struct sco_error *err)
{
    SCO_AUTO(api_scan) struct api_scan s = {0};
    struct sco_json_out *o = &c->out;
    int r = api_scan_find(c, c->params[0], &s, err);
    if (r < 0)
        return r;
    const struct sco_stored_scan *x = s.scan.n ? s.scan.v : NULL;
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", c->params[0]);
    sco_json_kz(o, "status", x ? x->status : sco_job_state_name(s.job.v[0].state));
    sco_json_kz(o, "gate_result", x ? x->gate_result : NULL);
    sco_json_key(o, "job");
    if (s.job.n)
        api_write_job(o, &s.job.v[0]);
    else
        sco_json_null(o);
    sco_json_key(o, "scan");
    if (x)
        api_write_scan(o, x, true);
    else
        sco_json_null(o);
    sco_json_end(o, '}');
    return 0;
}

static int find_job(struct api_call *c, struct sco_job_page *ret, struct sco_error *err)
{
    bool there = false;
    int r = look(sco_store_job(c->store, c->params[0], ret, err), &there);
    if (r < 0)
        return r;
    if (there && sco_principal_sees(&c->who, ret->v[0].request.target_key))
        return 0;
    sco_job_page_done(ret);
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no job %s", c->params[0]);
}

static int reply_job(struct api_call *c, struct sco_error *err)
{
    struct sco_job_page p = {0};
    int r = find_job(c, &p, err);
    if (r == 0)
        api_write_job(&c->out, &p.v[0]);
    sco_job_page_done(&p);
    return r;
}

int api_job_get(struct api_call *c, struct sco_error *err)
{
    return reply_job(c, err);
}

/* ---- lists ---- */
int api_scan_list(struct api_call *c, struct sco_error *err)
{
    struct sco_scan_page p = {0};
    struct sco_store_scan_filter f = {.repository = api_query(c, "repository"),
                                      .branch = api_query(c, "branch"),
                                      .status = api_query(c, "status"),
                                      .repositories = api_scope(c)};
    int r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = sco_store_scans(c->store, &f, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        api_write_scan(&c->out, &p.v[i], false);
    api_items_end(c, p.cursor);
    sco_scan_page_done(&p);
    return 0;
}

static int states_of(struct api_call *c, uint32_t *ret, struct sco_error *err)
{
    struct sco_str rest = sco_str_c(api_query(c, "state")), word;
    uint32_t bits = 0;
    if (!rest.n)
        return 0;
    while (sco_str_split(&rest, ',', &word)) {
        uint32_t before = bits;
        for (int i = 0; i < SCO_JOB_STATE_MAX_; i++)
            if (sco_str_is(word, sco_job_state_name((enum sco_job_state)i)))
                bits |= 1u << i;
        if (bits == before)
            return api_fault(c, err, "?state", "\"%.*s\" is no state of a job, or there twice",
                             SCO_STR_ARG(word));
    }
    *ret = bits;
    return 0;
}

int api_job_list(struct api_call *c, struct sco_error *err)
{
    struct sco_job_page p = {0};
    struct sco_job_filter f = {.kind = api_query(c, "kind"),
                               .target_key = api_query(c, "target"),
                               .targets = api_scope(c)};
    int r = states_of(c, &f.states, err);
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = sco_store_jobs(c->store, &f, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        api_write_job(&c->out, &p.v[i]);
    api_items_end(c, p.cursor);
    sco_job_page_done(&p);
    return 0;
}

/* ---- cancel, retry ---- */
int api_job_cancel(struct api_call *c, struct sco_error *err)
{
    struct sco_job_page p = {0};
    enum sco_job_state now = SCO_JOB_QUEUED;
    int r = find_job(c, &p, err);
    sco_job_page_done(&p);
    if (r < 0)
        return r;
    r = sco_store_job_cancel(c->store, c->params[0], c->who.name, c->now, &now, err);
    if (r == SCO_E_INVALID)
        return api_problem(c, 409, err, "the job has come to its end already");
    if (r < 0)
        return r;
    c->status = now == SCO_JOB_RUNNING ? 202 : 200;
    return reply_job(c, err);
}

int api_job_retry(struct api_call *c, struct sco_error *err)
{
    struct sco_job_page p = {0};
    int r = find_job(c, &p, err);
    sco_job_page_done(&p);
    if (r < 0)
        return r;
    r = sco_store_job_retry(c->store, c->params[0], c->who.name, c->now, err);
    if (r == SCO_E_INVALID)
        return api_problem(c, 409, err,
                           "only a job that has failed, died or was cancelled can be tried again");
    if (r < 0)
        return r;
    c->status = 202;
    c->wake = true;
    return reply_job(c, err);
}
