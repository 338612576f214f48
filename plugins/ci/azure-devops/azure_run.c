/* Runs of pipelines: start, look, stop. A run and a build are the same, and have the same number.
 */
#include "azure_priv.h"

enum { INPUTS_MAX = 100 };

int azure_good_number(const struct azure_op *o, struct sco_str id, const char *what)
{
    size_t i = 0;
    while (i < id.n && id.p[i] >= '0' && id.p[i] <= '9')
        i++;
    if (id.n && i == id.n && id.n <= 18)
        return 0;
    return sco_errf(o->e, SCO_E_INVALID, "%s is not a number of %s", what, AZURE);
}

static int is_number(struct sco_str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return s.n && i == s.n && s.n <= 18;
}

/* ---- start ---- */

struct named {
    struct azure_op *o;
    struct sco_str name, id;
};

static int is_named(void *user, const struct sco_node *v)
{
    struct named *n = (struct named *)user;
    if (!sco_str_eq(sco_text_at(v, "name"), n->name))
        return 0;
    n->id = ci_copy(n->o->h, azure_id(sco_get(v, "id")));
    return CI_FOUND;
}

int azure_pipeline(struct azure_op *o, struct sco_str workflow, struct sco_str *ret)
{
    struct named n = {o, workflow, {NULL, 0}};
    if (!workflow.n)
        return sco_errf(o->e, SCO_E_INVALID,
                        "workflow: the name or number of a pipeline is missing");
    if (is_number(workflow)) {
        *ret = workflow;
        return 0;
    }
    int r = azure_walk(o, azure_path(o, o->project, "/_apis/pipelines?" AZURE_V), "the pipelines",
                       is_named, &n, o->e);
    if (r == 0)
        return sco_errf(o->e, SCO_E_NOT_FOUND, "%s: there is no pipeline \"%.*s\" in the project",
                        AZURE, SCO_STR_ARG(ci_line(o->h, workflow, 100)));
    if (r == CI_FOUND)
        *ret = n.id;
    return r == CI_FOUND ? 0 : r;
}

static int write_started(struct azure_op *o, struct sco_str id, const char *status,
                         struct sco_str url)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id", id.n ? id : sco_str_make(NULL, 0));
    ci_json_knull(&j, "queue_id");
    ci_json_kz(&j, "status", status ? status : "queued");
    ci_json_kstr(&j, "url", url.n ? url : sco_str_make(NULL, 0));
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

/* After a start of which nobody knows: the newest run of this pipeline and ref since then. */
struct newest {
    struct azure_op *o;
    const char *path;
    struct sco_str ref, sha;
    int64_t since;
    struct sco_str id, url;
};

static int is_newest(void *user, const struct sco_node *b)
{
    struct newest *n = (struct newest *)user;
    struct sco_str sha = sco_text_at(b, "sourceVersion");
    if (ci_time_at(b, "queueTime") < n->since)
        return 0;
    if (n->ref.n && !sco_str_eq(sco_text_at(b, "sourceBranch"), n->ref))
        return 0;
    if (n->sha.n && !sco_str_eq(sha, n->sha))
        return 0;
    n->id = ci_copy(n->o->h, azure_id(sco_get(b, "id")));
    n->url = ci_copy(n->o->h, sco_text_at(b, "_links.web.href"));
    return CI_FOUND;
}

static int find_newest(void *user, struct sco_errbuf *e)
{
    struct newest *n = (struct newest *)user;
    return azure_walk(n->o, n->path, "the pipeline's runs", is_newest, n, e);
}

static int write_inputs(const struct azure_op *o, struct ci_json *j, const struct sco_node *inputs)
{
    int variables = sco_str_is(o->a->inputs_as, "variables");
    size_t n = 0;
    if (!sco_is(inputs, SCO_NODE_MAP) || !inputs->child)
        return 0;
    ci_json_key(j, variables ? "variables" : "templateParameters");
    ci_json_begin(j, '{');
    for (const struct sco_node *c = inputs->child; c; c = c->next, n++) {
        struct sco_str value = sco_text(c).p ? sco_text(c) : SCO_STR("");
        ci_json_str(j, c->key);
        ci_json_put(j, ":", 1);
        j->comma = 0;
        if (variables) {
            ci_json_begin(j, '{');
            ci_json_kstr(j, "value", value);
            ci_json_end(j, '}');
        } else {
            ci_json_str(j, value);
        }
    }
    ci_json_end(j, '}');
    return n <= INPUTS_MAX ? 0 : sco_errf(o->e, SCO_E_LIMIT, "more than %d inputs", INPUTS_MAX);
}

static struct sco_str full_ref(const struct azure_op *o, struct sco_str ref)
{
    if (!ref.n || sco_str_starts(ref, "refs/"))
        return ref;
    return sco_fmt(o->h, "refs/heads/%.*s", SCO_STR_ARG(ref));
}

int azure_start(struct azure_op *o, struct sco_str pipeline, struct sco_str ref, struct sco_str sha,
                const struct sco_node *inputs)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    struct newest found = {
        o, NULL, full_ref(o, ref), sha, o->h->now(o->h) / 1000 * 1000 - 2000, {NULL, 0}, {NULL, 0}};
    found.path = azure_path(o, o->project,
                            "/_apis/build/builds?definitions=%.*s&queryOrder=queueTimeDescending"
                            "&$top=20&" AZURE_V,
                            SCO_STR_ARG(pipeline));
    ci_json_begin(&j, '{');
    if (found.ref.n || sha.n) {
        ci_json_key(&j, "resources");
        ci_json_begin(&j, '{');
        ci_json_key(&j, "repositories");
        ci_json_begin(&j, '{');
        ci_json_key(&j, "self");
        ci_json_begin(&j, '{');
        if (found.ref.n)
            ci_json_kstr(&j, "refName", found.ref);
        if (sha.n)
            ci_json_kstr(&j, "version", sha);
        ci_json_end(&j, '}');
        ci_json_end(&j, '}');
        ci_json_end(&j, '}');
    }
    int r = write_inputs(o, &j, inputs);
    if (r < 0)
        return r;
    ci_json_end(&j, '}');
    r = azure_send(
        o, "POST",
        azure_path(o, o->project, "/_apis/pipelines/%.*s/runs?" AZURE_V, SCO_STR_ARG(pipeline)), &j,
        "the start of the pipeline", find_newest, &found, &a);
    if (r == CI_FOUND)
        return write_started(o, found.id, "queued", found.url);
    if (r != 0)
        return r;
    return write_started(o, azure_id(sco_get(a.root, "id")),
                         azure_status(sco_text_at(a.root, "state"), sco_text_at(a.root, "result")),
                         sco_text_at(a.root, "_links.web.href"));
}

int azure_trigger(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    struct sco_str pipeline = {NULL, 0};
    int r = azure_begin(&o, ctx, c, e);
    struct sco_str workflow = sco_text_at(o.q, "workflow");
    if (r == 0)
        r = azure_need_project(&o);
    if (r == 0)
        r = azure_pipeline(&o, workflow.n ? workflow : sco_text_at(o.q, "context.definition_id"),
                           &pipeline);
    if (r == 0)
        r = azure_start(&o, pipeline, sco_text_at(o.q, "ref"), ci_sha_at(o.q, "commit_sha"),
                        sco_get(o.q, "inputs"));
    return azure_end(&o, r);
}

/* ---- look ---- */

int azure_get_build(struct azure_op *o, struct sco_str id, struct ci_answer *a)
{
    int r = azure_need_project(o);
    if (r == 0)
        r = azure_good_number(o, id, "pipeline_id");
    if (r < 0)
        return r;
    return azure_get(
        o, azure_path(o, o->project, "/_apis/build/builds/%.*s?" AZURE_V, SCO_STR_ARG(id)),
        "the run", a);
}

static int do_status(struct azure_op *o)
{
    struct sco_str id = sco_text_at(o->q, "pipeline_id");
    struct azure_timeline t = {NULL, 0};
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = azure_get_build(o, id, &a);
    if (r != 0)
        return r;
    struct sco_str ref = sco_text_at(a.root, "sourceBranch");
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id", id);
    ci_json_kz(&j, "status",
               azure_status(sco_text_at(a.root, "status"), sco_text_at(a.root, "result")));
    ci_json_ktime(&j, "started_at", ci_time_at(a.root, "startTime"));
    ci_json_ktime(&j, "finished_at", ci_time_at(a.root, "finishTime"));
    ci_json_kstr(&j, "url", sco_text_at(a.root, "_links.web.href"));
    ci_json_kstr(&j, "commit_sha", ci_sha_at(a.root, "sourceVersion"));
    ci_json_kstr(&j, "branch", ci_behind(ref, "refs/heads/"));
    ci_json_key(&j, "stages");
    ci_json_begin(&j, '[');
    r = azure_timeline(o, id, &t, o->e);
    if (r != 0 && r != SCO_E_NOT_FOUND) /* a run that was just queued has none */
        return r;
    azure_stages(&j, o, &t, id);
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int azure_run_status(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    int r = azure_begin(&o, ctx, c, e);
    return azure_end(&o, r == 0 ? do_status(&o) : r);
}

/* ---- stop ---- */

static int do_cancel(struct azure_op *o)
{
    struct sco_str id = sco_text_at(o->q, "pipeline_id");
    struct ci_json j = ci_json_new(o->h), body = ci_json_new(o->h);
    struct ci_answer a;
    int r = azure_get_build(o, id, &a);
    if (r != 0)
        return r;
    const char *status = azure_status(sco_text_at(a.root, "status"), sco_text_at(a.root, "result"));
    if (!sco_str_is_nocase(sco_text_at(a.root, "status"), "completed")) {
        struct ci_request q;
        memset(&q, 0, sizeof q);
        ci_json_raw(&body, SCO_STR("{\"status\":\"cancelling\"}"));
        q.method = "PATCH";
        q.path = azure_path(o, o->project, "/_apis/build/builds/%.*s?" AZURE_V, SCO_STR_ARG(id));
        q.body = ci_json_text(&body);
        q.what = "the end of the run";
        q.stay = q.repeat = 1;
        r = azure_ask(o, &q, &a, o->e);
        status = "cancelled";
    }
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "status", status);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int azure_cancel(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct azure_op o;
    int r = azure_begin(&o, ctx, c, e);
    return azure_end(&o, r == 0 ? do_cancel(&o) : r);
}
