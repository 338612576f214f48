/* Logs and artifacts. A download may be redirected to a store: our token stays at home. */
#include "azure_priv.h"

static const char *in_work(const struct azure_op *o, const char *kind, const char *id,
                           const char *end)
{
    return sco_fmt(o->h, "%s/%s-%s%s", o->c->work_dir, kind, id, end).p;
}

/* As ci_download, of an artifact without `what`; a sign-in page is no file. */
static int download(struct azure_op *o, const char *path, const char *type, const char *to,
                    const char *what, struct ci_answer *a)
{
    const char *accept = o->http.headers[0];
    o->http.headers[0] = sco_fmt(o->h, "Accept: %s", type).p;
    int r = what ? ci_download(&o->http, path, to, what, a, o->e)
                 : ci_download_artifact(&o->http, o->q, path, to, a, o->e);
    o->http.headers[0] = accept;
    if (r == 0 && (a->status == 203 || ci_contains(a->r.content_type, "text/html"))) {
        unlink(to);
        return sco_errf(o->e, SCO_E_PERMISSION,
                        "%s: %s: HTTP status %d and the sign-in page: the token is missing, wrong "
                        "or has expired",
                        AZURE, what ? what : "the artifact", (int)a->status);
    }
    return r;
}

/* ---- logs ---- */

/* Writes what is behind `offset` of a text; the offset of its end. */
static int put(struct azure_op *o, const char *to, struct sco_str text, int64_t offset)
{
    size_t from = offset > 0 && (uint64_t)offset < text.n ? (size_t)offset : 0;
    if (offset > 0 && (uint64_t)offset >= text.n)
        from = text.n;
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    ssize_t n = 1;
    while (fd >= 0 && from < text.n && (n = write(fd, text.p + from, text.n - from)) > 0)
        from += (size_t)n;
    if (fd < 0 || close(fd) != 0 || n <= 0)
        return sco_errf(o->e, SCO_E_IO, "cannot write %s: %s", to, strerror(errno));
    return 0;
}

static int write_log(struct azure_op *o, const char *path, int64_t end, int complete,
                     const char *type)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", path);
    ci_json_kint(&j, "offset", end);
    ci_json_kbool(&j, "complete", complete);
    ci_json_kz(&j, "media_type", type);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int log_of_job(struct azure_op *o, struct sco_str build, struct sco_str job)
{
    struct azure_timeline t = {NULL, 0};
    struct sco_str all = SCO_STR("");
    struct ci_answer a;
    int r = azure_timeline(o, build, &t, o->e);
    const struct azure_record *rec = r == 0 ? azure_record(&t, job) : NULL;
    if (r != 0)
        return r;
    if (!rec)
        return sco_errf(o->e, SCO_E_NOT_FOUND, "%s: the run has no job of this id", AZURE);
    const char *to = in_work(o, "job", ci_encode(o->h, job, ""), ".log");
    int complete = sco_str_is(rec->state, "completed");
    if (rec->log_id.n) {
        r = azure_good_number(o, rec->log_id, "the log's id");
        if (r == 0)
            r = download(o,
                         azure_path(o, o->project, "/_apis/build/builds/%.*s/logs/%.*s?" AZURE_V,
                                    SCO_STR_ARG(build), SCO_STR_ARG(rec->log_id)),
                         "text/plain", to, "the log", &a);
        complete = complete && r == 0 && ci_says_its_end(&a);
        if (r == 0)
            r = ci_read_file(o->h, to, (size_t)256 << 20, &all, o->e);
        if (r != 0)
            return r;
    }
    r = put(o, to, all, sco_int_at(o->q, "offset", 0));
    return r < 0 ? r : write_log(o, to, (int64_t)all.n, complete, "text/plain");
}

static int log_of_run(struct azure_op *o, struct sco_str build)
{
    const char *to = in_work(o, "run", sco_cstr(o->h, build), ".zip");
    struct ci_answer a;
    struct stat st;
    int r = azure_get_build(o, build, &a);
    if (r != 0)
        return r;
    int complete = sco_str_is(sco_text_at(a.root, "status"), "completed");
    r = download(o,
                 azure_path(o, o->project, "/_apis/build/builds/%.*s/logs?$format=zip&" AZURE_V,
                            SCO_STR_ARG(build)),
                 "application/zip", to, "the logs", &a);
    if (r != 0)
        return r;
    return write_log(o, to, stat(to, &st) == 0 ? (int64_t)st.st_size : 0,
                     complete && ci_says_its_end(&a), "application/zip");
}

int azure_logs(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    int r = azure_begin(&o, ctx, c, e);
    struct sco_str build = sco_text_at(o.q, "pipeline_id"), job = sco_text_at(o.q, "job_id");
    if (r == 0)
        r = azure_need_project(&o);
    if (r == 0)
        r = azure_good_number(&o, build, "pipeline_id");
    if (r == 0)
        r = job.n ? log_of_job(&o, build, job) : log_of_run(&o, build);
    return azure_end(&o, r);
}

/* ---- artifacts ---- */

struct artifacts {
    struct azure_op *o;
    struct ci_json j;
    struct sco_str wanted, name; /* by id */
};

static int one(void *user, const struct sco_node *v)
{
    struct artifacts *w = (struct artifacts *)user;
    struct sco_str id = azure_id(sco_get(v, "id"));
    if (w->wanted.n) {
        if (!sco_str_eq(id, w->wanted))
            return 0;
        w->name = ci_copy(w->o->h, sco_text_at(v, "name"));
        return CI_FOUND;
    }
    ci_json_begin(&w->j, '{');
    ci_json_kstr(&w->j, "id", id);
    ci_json_kstr(&w->j, "name", sco_text_at(v, "name"));
    ci_json_kint(&w->j, "size", sco_int_at(v, "resource.properties.artifactsize", 0));
    ci_json_kstr(&w->j, "url", sco_text_at(v, "resource.downloadUrl"));
    ci_json_kbool(&w->j, "expired", 0);
    ci_json_end(&w->j, '}');
    return 0;
}

static int get_artifact(struct azure_op *o, struct sco_str build, const struct artifacts *w)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    const char *to = in_work(o, "artifact", sco_cstr(o->h, w->wanted), ".zip");
    int r = download(o,
                     azure_path(o, o->project,
                                "/_apis/build/builds/%.*s/artifacts?artifactName=%s&$format=zip"
                                "&" AZURE_V,
                                SCO_STR_ARG(build), ci_encode(o->h, w->name, "")),
                     "application/zip", to, NULL, &a);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", to);
    ci_json_kstr(&j, "name", sco_fmt(o->h, "%.*s.zip", SCO_STR_ARG(w->name)));
    ci_json_kz(&j, "media_type", "application/zip");
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int do_artifacts(struct azure_op *o)
{
    struct sco_str build = sco_text_at(o->q, "pipeline_id");
    struct artifacts w = {o, ci_json_new(o->h), sco_text_at(o->q, "id"), {NULL, 0}};
    int r = azure_need_project(o);
    if (r == 0)
        r = azure_good_number(o, build, "pipeline_id");
    if (r == 0 && w.wanted.n)
        r = azure_good_number(o, w.wanted, "id");
    if (r < 0)
        return r;
    ci_json_begin(&w.j, '{');
    ci_json_key(&w.j, "artifacts");
    ci_json_begin(&w.j, '[');
    r = azure_walk(o,
                   azure_path(o, o->project, "/_apis/build/builds/%.*s/artifacts?" AZURE_V,
                              SCO_STR_ARG(build)),
                   "the artifacts", one, &w, o->e);
    if (r == CI_FOUND)
        return get_artifact(o, build, &w);
    if (r == 0 && w.wanted.n)
        return sco_errf(o->e, SCO_E_NOT_FOUND, "%s: the run has no artifact of this id", AZURE);
    if (r != 0)
        return r;
    ci_json_end(&w.j, ']');
    ci_json_end(&w.j, '}');
    return ci_json_record(&w.j, "result", o->e);
}

int azure_artifacts(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    int r = azure_begin(&o, ctx, c, e);
    return azure_end(&o, r == 0 ? do_artifacts(&o) : r);
}
