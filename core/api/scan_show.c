/* Jobs and scans as they are told, and what can be done with a job. A job is a request and what
 * became of it; a scan is what is kept of one that came to an end. Both go by an id of their own;
 * /scans/{id} takes either. */
#include "content_priv.h"

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
        sco_stored_job_write(o, &s.job.v[0]);
    else
        sco_json_null(o);
    sco_json_key(o, "scan");
    if (x)
        sco_stored_scan_write(o, x, true);
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
        sco_stored_job_write(&c->out, &p.v[0]);
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
    const char *sort = api_query(c, "sort");
    int r = api_page(c, &f.limit, &f.cursor, err);
    f.oldest_first = sort && strcmp(sort, "completed_at") == 0;
    if (r == 0 && sort && !f.oldest_first && strcmp(sort, "-completed_at") != 0)
        r = api_fault(c, err, "?sort", "-completed_at or completed_at");
    if (r == 0)
        r = sco_store_scans(c->store, &f, &p, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < p.n; i++)
        sco_stored_scan_write(&c->out, &p.v[i], false);
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
        sco_stored_job_write(&c->out, &p.v[i]);
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
