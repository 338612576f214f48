/* Pipelines: start, look, stop. */
#include "gitlab_priv.h"

enum { JOBS_MAX = 2000 };

/* ---- start ---- */

static int write_started(struct gitlab_op *o, struct sco_str id, const char *status,
                         struct sco_str url, int again)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id", id.n ? id : sco_str_make(NULL, 0));
    ci_json_knull(&j, "queue_id");
    ci_json_kz(&j, "status", status ? status : "queued");
    ci_json_kstr(&j, "url", url.n ? url : sco_str_make(NULL, 0));
    ci_json_kbool(&j, "again", again);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int gitlab_write_started(struct gitlab_op *o, struct sco_str id, const char *status,
                         struct sco_str url)
{
    return write_started(o, id, status, url, 0);
}

int gitlab_write_again(struct gitlab_op *o, struct sco_str id, const char *status,
                       struct sco_str url)
{
    return write_started(o, id, status, url, 1);
}

/* The newest pipeline of a ref: what was there before, then what a lost answer made. */
struct newest {
    struct gitlab_op *o;
    const char *path;
    int64_t before; /* its number before */
    int64_t id;
    const char *status;
    struct sco_str url;
};

static int is_newest(void *user, const struct sco_node *v)
{
    struct newest *n = (struct newest *)user;
    n->id = sco_int_at(v, "id", 0);
    n->status = gitlab_status(sco_text_at(v, "status"));
    n->url = ci_copy(n->o->h, sco_text_at(v, "web_url"));
    return CI_FOUND;
}

static int find_newer(void *user, struct sco_errbuf *e)
{
    struct newest *n = (struct newest *)user;
    n->id = 0;
    int r = ci_walk(&n->o->http, n->path, NULL, 1, "the pipelines", is_newest, n, e);
    if (r != 0 && r != CI_FOUND)
        return r;
    return n->id > n->before ? CI_FOUND : 0;
}

static struct sco_str input(const struct sco_node *v)
{
    struct sco_str s = sco_text(v);
    return s.p ? s : SCO_STR("");
}

/* A pipeline takes a list of variables, a trigger token an object. GitLab has one pipeline for each
 * revision: `workflow` is a variable, for the rules of its jobs. */
static void write_variables(struct ci_json *j, struct sco_str workflow, const struct sco_node *v,
                            int list)
{
    struct sco_node chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.type = SCO_NODE_STR;
    chosen.key = SCO_STR("SECUREOPS_WORKFLOW");
    chosen.text = workflow;
    chosen.next = sco_is(v, SCO_NODE_MAP) ? v->child : NULL;
    ci_json_key(j, "variables");
    ci_json_begin(j, list ? '[' : '{');
    for (const struct sco_node *c = workflow.n ? &chosen : chosen.next; c; c = c->next) {
        if (list) {
            ci_json_begin(j, '{');
            ci_json_kstr(j, "key", c->key);
            ci_json_kstr(j, "value", input(c));
            ci_json_end(j, '}');
        } else {
            ci_json_str(j, c->key);
            ci_json_put(j, ":", 1);
            j->comma = 0;
            ci_json_str(j, input(c));
        }
    }
    ci_json_end(j, list ? ']' : '}');
}

int gitlab_start(struct gitlab_op *o, struct sco_str ref, struct sco_str workflow,
                 const struct sco_node *inputs)
{
    int by_token = o->g->trigger_token.n > 0;
    struct newest n = {o, NULL, 0, 0, NULL, {NULL, 0}};
    struct sco_str bare = gitlab_bare(ref);
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = 0;
    n.path = gitlab_path(o, "/pipelines?ref=%s&source=%s&order_by=id&sort=desc&per_page=1",
                         ci_encode(o->h, bare, ""), by_token ? "trigger" : "api");
    if (o->g->token.n)
        r = find_newer(&n, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    n.before = n.id;
    ci_json_begin(&j, '{');
    if (by_token)
        ci_json_kstr(&j, "token", o->g->trigger_token);
    ci_json_kstr(&j, "ref", bare);
    write_variables(&j, workflow, inputs, !by_token);
    ci_json_end(&j, '}');
    r = gitlab_send(o, "POST", gitlab_path(o, by_token ? "/trigger/pipeline" : "/pipeline"), &j,
                    "the start of the pipeline", o->g->token.n ? find_newer : NULL, &n, &a);
    if (r == CI_FOUND)
        return gitlab_write_started(o, sco_fmt(o->h, "%lld", (long long)n.id), n.status, n.url);
    if (r != 0)
        return r;
    return gitlab_write_started(o, gitlab_id(sco_get(a.root, "id")),
                                gitlab_status(sco_text_at(a.root, "status")),
                                sco_text_at(a.root, "web_url"));
}

static int do_trigger(struct gitlab_op *o)
{
    struct sco_str ref = sco_text_at(o->q, "ref");
    if (!ref.n) {
        int r = gitlab_default_branch(o, &ref);
        if (r != 0)
            return r;
    }
    return gitlab_start(o, ref, sco_text_at(o->q, "workflow"), sco_get(o->q, "inputs"));
}

int gitlab_trigger(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    int r = gitlab_begin(&o, ctx, c, e);
    return gitlab_end(&o, r == 0 ? do_trigger(&o) : r);
}

/* ---- look ---- */

struct job {
    struct sco_str json, name; /* one of `stages`, up to the attempt, which is its rank */
    int64_t id;
};

struct jobs {
    struct gitlab_op *o;
    struct job *v;
    size_t n, cap;
};

static int one_job(void *user, const struct sco_node *v)
{
    struct jobs *s = (struct jobs *)user;
    struct ci_json j = ci_json_new(s->o->h);
    if (s->n == JOBS_MAX)
        return CI_FOUND;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct job *more = (struct job *)s->o->h->alloc(s->o->h, cap * sizeof *more);
        if (!more)
            return sco_errf(s->o->e, SCO_E_NOMEM, "out of memory");
        if (s->n)
            memcpy(more, s->v, s->n * sizeof *more);
        s->v = more;
        s->cap = cap;
    }
    struct job *k = &s->v[s->n++];
    ci_json_node(&j, v);
    k->json = ci_json_text(&j);
    k->name = ci_copy(s->o->h, sco_text_at(v, "name"));
    k->id = sco_int_at(v, "id", 0);
    return 0;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const struct job *)a)->id, y = ((const struct job *)b)->id;
    return (x > y) - (x < y);
}

/* A job that was retried is there several times: its tries are told apart by their numbers. */
static int write_stages(struct gitlab_op *o, struct ci_json *j, struct jobs *s)
{
    const struct sco_data_api *data = o->h->data;
    if (s->n)
        qsort(s->v, s->n, sizeof *s->v, by_id);
    ci_json_key(j, "stages");
    ci_json_begin(j, '[');
    for (size_t i = 0; i < s->n; i++) {
        struct sco_reader *reader = NULL;
        const struct sco_node *v;
        int64_t attempt = 1;
        for (size_t k = 0; k < i; k++)
            attempt += sco_str_eq(s->v[k].name, s->v[i].name);
        int r = data->open_mem(o->h, s->v[i].json, &reader, o->e);
        if (r == 0)
            r = data->read(reader, NULL, &v, o->e);
        if (r > 0)
            gitlab_stage(j, v, attempt);
        data->close(reader);
        if (r < 0)
            return r;
    }
    ci_json_end(j, ']');
    return 0;
}

static int do_status(struct gitlab_op *o)
{
    struct sco_str id = sco_text_at(o->q, "pipeline_id");
    struct jobs jobs = {o, NULL, 0, 0};
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    int r = gitlab_good_id(o, id, "pipeline_id");
    if (r < 0)
        return r;
    const char *path = gitlab_path(o, "/pipelines/%.*s", SCO_STR_ARG(id));
    r = gitlab_get(o, path, "the pipeline", &a);
    if (r != 0)
        return r;
    struct sco_str ref = sco_text_at(a.root, "ref");
    int branch = !sco_bool(sco_get(a.root, "tag"), 0) && !sco_str_starts(ref, "refs/");
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id", id);
    ci_json_kz(&j, "status", gitlab_status(sco_text_at(a.root, "status")));
    ci_json_ktime(&j, "started_at", ci_time_at(a.root, "started_at"));
    ci_json_ktime(&j, "finished_at", ci_time_at(a.root, "finished_at"));
    ci_json_kstr(&j, "url", sco_text_at(a.root, "web_url"));
    ci_json_kstr(&j, "commit_sha", ci_sha_at(a.root, "sha"));
    ci_json_kstr(&j, "branch", branch ? ref : sco_str_make(NULL, 0));
    gitlab_seconds(&j, "duration_ms", sco_get(a.root, "duration"));
    r = ci_walk(
        &o->http,
        gitlab_path(o, "/pipelines/%.*s/jobs?include_retried=true&per_page=100", SCO_STR_ARG(id)),
        NULL, GITLAB_PAGES_MAX, "the pipeline's jobs", one_job, &jobs, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    r = write_stages(o, &j, &jobs);
    if (r < 0)
        return r;
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int gitlab_run_status(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    int r = gitlab_begin(&o, ctx, c, e);
    return gitlab_end(&o, r == 0 ? do_status(&o) : r);
}

/* ---- stop ---- */

/* What has ended stays as it is: the answer is 201 all the same, so a repeat does no harm. */
static int do_cancel(struct gitlab_op *o)
{
    struct sco_str id = sco_text_at(o->q, "pipeline_id");
    struct ci_json j = ci_json_new(o->h);
    struct ci_request q;
    struct ci_answer a;
    int r = gitlab_good_id(o, id, "pipeline_id");
    if (r < 0)
        return r;
    memset(&q, 0, sizeof q);
    q.method = "POST";
    q.path = gitlab_path(o, "/pipelines/%.*s/cancel", SCO_STR_ARG(id));
    q.what = "the end of the pipeline";
    q.repeat = 1;
    r = ci_call(&o->http, &q, &a, o->e);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "status", gitlab_status(sco_text_at(a.root, "status")));
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int gitlab_cancel(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    int r = gitlab_begin(&o, ctx, c, e);
    return gitlab_end(&o, r == 0 ? do_cancel(&o) : r);
}
