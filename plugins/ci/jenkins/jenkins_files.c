/* Logs, as they grow, and artifacts. */
#include "jenkins_priv.h"

static int build_of(struct jenkins_op *o, struct jenkins_build *b)
{
    int r = jenkins_build_of(o, sco_text_at(o->q, "pipeline_id"), b);
    if (r == 0 && !b->number)
        r = sco_errf(o->e, SCO_E_INVALID, "pipeline_id is not job#number");
    return r;
}

/* ---- logs ---- */

static int do_logs(struct jenkins_op *o)
{
    struct jenkins_build b;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int64_t offset = sco_int_at(o->q, "offset", 0);
    int r = build_of(o, &b);
    if (r != 0)
        return r;
    if (offset < 0)
        offset = 0;
    const char *to = jenkins_path(o, "%s/build-%lld.log", o->c->work_dir, (long long)b.number);
    r = ci_download(&o->http,
                    jenkins_path(o, "%s/%lld/logText/progressiveText?start=%lld", b.url,
                                 (long long)b.number, (long long)offset),
                    to, "the log", &a, o->e);
    if (r != 0)
        return r;
    int64_t end = ci_header_int(&a, "x-text-size");
    if (end < 0) {
        unlink(to);
        return sco_errf(
            o->e, SCO_E_FORMAT,
            "%s: the log: X-Text-Size is missing: a sign-in page, or a proxy in between", JENKINS);
    }
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", to);
    ci_json_kint(&j, "offset", end);
    ci_json_kbool(&j, "complete",
                  !sco_str_is_nocase(ci_header(&a, "x-more-data"), "true") && ci_says_its_end(&a));
    ci_json_kz(&j, "media_type", "text/plain");
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int jenkins_logs(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    return jenkins_end(&o, r == 0 ? do_logs(&o) : r);
}

/* ---- artifacts: their id is their path ---- */

static int get_artifact(struct jenkins_op *o, const struct jenkins_build *b, struct sco_str path,
                        struct sco_str name)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    const char *to = jenkins_path(o, "%s/artifact-%lld", o->c->work_dir, (long long)b->number);
    int r = ci_download_artifact(&o->http, o->q,
                                 jenkins_path(o, "%s/%lld/artifact/%s", b->url,
                                              (long long)b->number, ci_encode(o->h, path, "/")),
                                 to, &a, o->e);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "path", to);
    ci_json_kstr(&j, "name", name);
    ci_json_kstr(&j, "media_type",
                 a.r.content_type.n ? a.r.content_type : SCO_STR("application/octet-stream"));
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int do_artifacts(struct jenkins_op *o)
{
    struct sco_str id = sco_text_at(o->q, "id");
    struct jenkins_build b;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = build_of(o, &b);
    if (r == 0)
        r = jenkins_get(o,
                        jenkins_path(o, "%s/%lld/api/json?tree=artifacts[fileName,relativePath]",
                                     b.url, (long long)b.number),
                        "the artifacts", &a, o->e);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_key(&j, "artifacts");
    ci_json_begin(&j, '[');
    SCO_EACH (v, sco_get(a.root, "artifacts")) {
        struct sco_str path = sco_text_at(v, "relativePath");
        if (id.n && sco_str_eq(path, id)) /* only what is listed is asked for */
            return ci_repo_path(o->h, SCO_STR(""), id).n
                       ? get_artifact(o, &b, ci_copy(o->h, path),
                                      ci_copy(o->h, sco_text_at(v, "fileName")))
                       : sco_errf(o->e, SCO_E_INVALID, "id is no path within the artifacts");
        ci_json_begin(&j, '{');
        ci_json_kstr(&j, "id", path);
        ci_json_kstr(&j, "name", sco_text_at(v, "fileName"));
        ci_json_kint(&j, "size", 0);
        ci_json_kstr(&j, "url",
                     sco_fmt(o->h, "%.*s%s/%lld/artifact/%s", SCO_STR_ARG(o->http.base), b.url,
                             (long long)b.number, ci_encode(o->h, path, "/")));
        ci_json_kbool(&j, "expired", 0);
        ci_json_end(&j, '}');
    }
    if (id.n)
        return sco_errf(o->e, SCO_E_NOT_FOUND, "%s: the build has no artifact of this path",
                        JENKINS);
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int jenkins_artifacts(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    return jenkins_end(&o, r == 0 ? do_artifacts(&o) : r);
}
