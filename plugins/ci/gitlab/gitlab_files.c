/* Logs and artifacts, both of a job: a pipeline has neither. */
#include "gitlab_priv.h"

static const char *in_work(const struct gitlab_op *o, const char *kind, struct sco_str id,
                           const char *end)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_put(&j, o->c->work_dir, strlen(o->c->work_dir));
    ci_json_put(&j, "/", 1);
    ci_json_put(&j, kind, strlen(kind));
    ci_json_put(&j, id.p, id.n);
    ci_json_put(&j, end, strlen(end) + 1);
    return ci_json_text(&j).p;
}

/* ---- logs ---- */

/* Keeps what is behind `offset` of a file; the offset of its end. */
static int tail(struct gitlab_op *o, const char *path, int64_t offset, int64_t *ret_end)
{
    struct sco_str all = {NULL, 0};
    int r = ci_read_file(o->h, path, (size_t)256 << 20, &all, o->e);
    if (r < 0)
        return r;
    *ret_end = (int64_t)all.n;
    if (offset <= 0)
        return 0;
    size_t at = (uint64_t)offset < all.n ? (size_t)offset : all.n;
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    ssize_t n = 1;
    while (fd >= 0 && at < all.n && (n = write(fd, all.p + at, all.n - at)) > 0)
        at += (size_t)n;
    if (fd < 0 || close(fd) != 0 || n <= 0)
        return sco_errf(o->e, SCO_E_IO, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

static int do_logs(struct gitlab_op *o)
{
    struct sco_str id = sco_text_at(o->q, "job_id");
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int64_t end = 0;
    if (!id.n)
        return sco_errf(o->e, SCO_E_INVALID, "%s has logs of jobs only: job_id is missing", GITLAB);
    int r = gitlab_good_id(o, id, "job_id");
    if (r < 0)
        return r;
    /* asked before the log, so that what is called complete is */
    r = gitlab_get(o, gitlab_path(o, "/jobs/%.*s", SCO_STR_ARG(id)), "the job", &a);
    if (r != 0)
        return r;
    int complete = gitlab_is_final(sco_text_at(a.root, "status"));
    const char *to = in_work(o, "job-", id, ".log");
    if (!to)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    r = ci_download(&o->http, gitlab_path(o, "/jobs/%.*s/trace", SCO_STR_ARG(id)), to, "the log",
                    &a, o->e);
    if (r == 0)
        r = tail(o, to, sco_int_at(o->q, "offset", 0), &end);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", to);
    ci_json_kint(&j, "offset", end);
    ci_json_kbool(&j, "complete", complete && ci_says_its_end(&a));
    ci_json_kz(&j, "media_type", "text/plain");
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int gitlab_logs(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    int r = gitlab_begin(&o, ctx, c, e);
    return gitlab_end(&o, r == 0 ? do_logs(&o) : r);
}

/* ---- artifacts ---- */

struct list {
    struct gitlab_op *o;
    struct ci_json *j;
    struct sco_str job; /* of this one alone; absent: of all */
};

/* The archive of a job has the job's number. The log is listed as an artifact too, and is none. */
static int one_job(void *user, const struct sco_node *v)
{
    struct list *l = (struct list *)user;
    struct sco_str id = gitlab_id(sco_get(v, "id"));
    int64_t expires = ci_time_at(v, "artifacts_expire_at");
    if (!id.n || (l->job.n && !sco_str_eq(id, l->job)))
        return 0;
    SCO_EACH (a, sco_get(v, "artifacts")) {
        if (!sco_str_is(sco_text_at(a, "file_type"), "archive"))
            continue;
        ci_json_begin(l->j, '{');
        ci_json_kstr(l->j, "id", id);
        ci_json_kstr(l->j, "name", sco_text_at(v, "name"));
        ci_json_kint(l->j, "size", sco_int_at(a, "size", 0));
        ci_json_kstr(l->j, "url",
                     sco_text_at(v, "web_url").n ? sco_fmt(l->o->h, "%.*s/artifacts/download",
                                                           SCO_STR_ARG(sco_text_at(v, "web_url")))
                                                 : sco_str_make(NULL, 0));
        ci_json_kbool(l->j, "expired", expires && expires < l->o->h->now(l->o->h));
        ci_json_end(l->j, '}');
    }
    return 0;
}

static int list_artifacts(struct gitlab_op *o)
{
    struct sco_str pipeline = sco_text_at(o->q, "pipeline_id");
    struct ci_json j = ci_json_new(o->h);
    struct list l = {o, &j, sco_text_at(o->q, "job_id")};
    struct ci_answer a;
    int r = pipeline.n ? gitlab_good_id(o, pipeline, "pipeline_id")
                       : gitlab_good_id(o, l.job, "job_id");
    if (r < 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_key(&j, "artifacts");
    ci_json_begin(&j, '[');
    if (pipeline.n) {
        r = ci_walk(&o->http,
                    gitlab_path(o, "/pipelines/%.*s/jobs?per_page=100", SCO_STR_ARG(pipeline)),
                    NULL, GITLAB_PAGES_MAX, "the pipeline's jobs", one_job, &l, o->e);
    } else {
        r = gitlab_get(o, gitlab_path(o, "/jobs/%.*s", SCO_STR_ARG(l.job)), "the job", &a);
        if (r == 0)
            r = one_job(&l, a.root);
    }
    if (r != 0)
        return r;
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int get_artifact(struct gitlab_op *o, struct sco_str id)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = gitlab_good_id(o, id, "id");
    if (r < 0)
        return r;
    const char *to = in_work(o, "artifact-", id, ".zip");
    if (!to)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    r = ci_download_artifact(&o->http, o->q,
                             gitlab_path(o, "/jobs/%.*s/artifacts", SCO_STR_ARG(id)), to, &a, o->e);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", to);
    ci_json_kstr(&j, "name", sco_fmt(o->h, "artifact-%.*s.zip", SCO_STR_ARG(id)));
    ci_json_kz(&j, "media_type", "application/zip");
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int gitlab_artifacts(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    int r = gitlab_begin(&o, ctx, c, e);
    if (r == 0) {
        struct sco_str id = sco_text_at(o.q, "id");
        r = id.n ? get_artifact(&o, id) : list_artifacts(&o);
    }
    return gitlab_end(&o, r);
}
