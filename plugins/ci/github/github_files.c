/* Logs and artifacts: GitHub redirects to a store of its own, where our token has no business. */
#include "github_priv.h"

static const char *in_work(const struct github_op *o, const char *kind, const char *id,
                           const char *end)
{
    return sco_fmt(o->h, "%s/%s-%s%s", o->c->work_dir, kind, id, end).p;
}

/* An id that may be part of a path here and there. */
static int good_id(struct github_op *o, struct sco_str id, const char *what)
{
    size_t i = 0;
    while (i < id.n && id.p[i] >= '0' && id.p[i] <= '9')
        i++;
    if (id.n && i == id.n && id.n <= 20)
        return 0;
    return sco_errf(o->e, SCO_E_INVALID, "%s is not a number of %s", what, GITHUB);
}

/* ---- logs ---- */

/* Keeps what is behind `offset` of a file; the offset of its end. */
static int tail(struct github_op *o, const char *path, int64_t offset, int64_t *ret_end)
{
    struct sco_str all = {NULL, 0};
    int r = ci_read_file(o->h, path, (size_t)256 << 20, &all, o->e);
    if (r < 0)
        return r;
    *ret_end = (int64_t)all.n;
    if (offset <= 0)
        return 0;
    size_t from = (uint64_t)offset < all.n ? (size_t)offset : all.n;
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    size_t at = from;
    ssize_t n = 1;
    while (fd >= 0 && at < all.n && (n = write(fd, all.p + at, all.n - at)) > 0)
        at += (size_t)n;
    if (fd < 0 || close(fd) != 0 || n <= 0)
        return sco_errf(o->e, SCO_E_IO, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

static int do_logs(struct github_op *o)
{
    struct sco_str run = sco_text_at(o->q, "pipeline_id"), job = sco_text_at(o->q, "job_id");
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int64_t end = 0;
    if (!o->repo)
        return sco_errf(o->e, SCO_E_INVALID, "the request names no repository");
    int r = job.n ? good_id(o, job, "job_id") : good_id(o, run, "pipeline_id");
    if (r < 0)
        return r;
    const char *id = sco_cstr(o->h, job.n ? job : run);
    const char *to = in_work(o, job.n ? "job" : "run", id, job.n ? ".log" : ".zip");
    const char *path = job.n ? github_path(o, "/actions/jobs/%s/logs", id)
                             : github_path(o, "/actions/runs/%s/logs", id);
    int complete = 1;
    if (job.n) {
        r = github_get(o, github_path(o, "/actions/jobs/%s", id), "the job", &a);
        if (r != 0)
            return r;
        complete = sco_text_at(a.root, "conclusion").n > 0;
    }
    r = ci_download(&o->http, path, to, "the log", &a, o->e);
    if (r != 0)
        return r;
    r = tail(o, to, job.n ? sco_int_at(o->q, "offset", 0) : 0, &end);
    if (r < 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", to);
    ci_json_kint(&j, "offset", end);
    ci_json_kbool(&j, "complete", complete && ci_says_its_end(&a));
    ci_json_kz(&j, "media_type", job.n ? "text/plain" : "application/zip");
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int github_logs(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_begin(&o, ctx, c, e);
    return github_end(&o, r == 0 ? do_logs(&o) : r);
}

/* ---- artifacts ---- */

static int one_artifact(void *user, const struct sco_node *v)
{
    struct ci_json *j = (struct ci_json *)user;
    ci_json_begin(j, '{');
    ci_json_kstr(j, "id", github_id(sco_get(v, "id")));
    ci_json_kstr(j, "name", sco_text_at(v, "name"));
    ci_json_kint(j, "size", sco_int_at(v, "size_in_bytes", 0));
    ci_json_kstr(j, "url", sco_text_at(v, "archive_download_url"));
    ci_json_kbool(j, "expired", sco_bool(sco_get(v, "expired"), 0));
    ci_json_end(j, '}');
    return 0;
}

static int list_artifacts(struct github_op *o)
{
    struct sco_str run = sco_text_at(o->q, "pipeline_id");
    struct ci_json j = ci_json_new(o->h);
    int r = good_id(o, run, "pipeline_id");
    if (r < 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_key(&j, "artifacts");
    ci_json_begin(&j, '[');
    const char *path =
        github_path(o, "/actions/runs/%s/artifacts?per_page=100", sco_cstr(o->h, run));
    r = ci_walk(&o->http, path, "artifacts", GITHUB_PAGES_MAX, "the artifacts", one_artifact, &j,
                o->e);
    if (r != 0)
        return r;
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int get_artifact(struct github_op *o, struct sco_str id)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = good_id(o, id, "id");
    if (r < 0)
        return r;
    const char *text = sco_cstr(o->h, id), *to = in_work(o, "artifact", text, ".zip");
    r = ci_download_artifact(&o->http, o->q, github_path(o, "/actions/artifacts/%s/zip", text), to,
                             &a, o->e);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", to);
    ci_json_kstr(&j, "name", sco_fmt(o->h, "artifact-%s.zip", text));
    ci_json_kz(&j, "media_type", "application/zip");
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int github_artifacts(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    int r = github_begin(&o, ctx, c, e);
    if (r == 0 && !o.repo)
        r = sco_errf(e, SCO_E_INVALID, "the request names no repository");
    if (r == 0) {
        struct sco_str id = sco_text_at(o.q, "id");
        r = id.n ? get_artifact(&o, id) : list_artifacts(&o);
    }
    return github_end(&o, r);
}
