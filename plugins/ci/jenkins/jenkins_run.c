/* Builds: start, look, stop. A start puts an item into the queue; the build has its number when it
 * leaves the queue, and Jenkins forgets the item some minutes later. */
#include "jenkins_priv.h"

/* ---- the queue ---- */

static int64_t number_of_item(const struct sco_node *builds, int64_t queue)
{
    SCO_EACH (b, builds)
        if (sco_int_at(b, "queueId", 0) == queue)
            return sco_int_at(b, "number", 0);
    return 0;
}

int jenkins_queue(struct jenkins_op *o, const struct jenkins_build *b, int64_t *ret,
                  struct sco_errbuf *e)
{
    struct ci_answer a;
    int r = jenkins_get(
        o,
        jenkins_path(o, "/queue/item/%lld/api/json?tree=cancelled,why,executable[number]",
                     (long long)b->queue),
        "the item of the queue", &a, e);
    if (r == 0) {
        int cancelled = sco_bool(sco_get(a.root, "cancelled"), 0);
        *ret = cancelled ? -1 : sco_int_at(a.root, "executable.number", 0);
        return 0;
    }
    if (r != SCO_E_NOT_FOUND)
        return r;
    r = jenkins_get(o, jenkins_path(o, "%s/api/json?tree=builds[number,queueId]{0,100}", b->url),
                    "the job's builds", &a, e);
    if (r != 0)
        return r;
    *ret = number_of_item(sco_get(a.root, "builds"), b->queue);
    return *ret ? 0
                : sco_errf(e, SCO_E_NOT_FOUND,
                           "%s: the item has left the queue, and no build of the job came of it",
                           JENKINS);
}

/* ---- start ---- */

struct start {
    struct jenkins_op *o;
    struct jenkins_build job;
    int64_t next, queued; /* before: number of the next build, item in the queue */
    int64_t number, queue;
};

/* Whether there is an item, or a build, that was not there before. */
static int has_started(void *user, struct sco_errbuf *e)
{
    struct start *s = (struct start *)user;
    struct ci_answer a;
    int r = jenkins_get(s->o,
                        jenkins_path(s->o,
                                     "%s/api/json?tree=queueItem[id],builds[number,queueId]{0,10}",
                                     s->job.url),
                        "the job", &a, e);
    if (r != 0)
        return r;
    int64_t queue = sco_int_at(a.root, "queueItem.id", 0);
    if (queue && queue != s->queued) {
        s->queue = queue;
        return CI_FOUND;
    }
    SCO_EACH (b, sco_get(a.root, "builds"))
        if (s->next > 0 && sco_int_at(b, "number", 0) >= s->next) {
            s->number = sco_int_at(b, "number", 0);
            s->queue = sco_int_at(b, "queueId", 0);
            return CI_FOUND;
        }
    return 0;
}

static int write_started(struct start *s)
{
    struct jenkins_op *o = s->o;
    struct ci_json j = ci_json_new(o->h);
    struct sco_str none = {NULL, 0}, job = s->job.job;
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id",
                 s->number > 0 ? sco_fmt(o->h, "%.*s#%lld", SCO_STR_ARG(job), (long long)s->number)
                               : none);
    ci_json_kstr(&j, "queue_id",
                 s->queue > 0 ? sco_fmt(o->h, "%.*s@%lld", SCO_STR_ARG(job), (long long)s->queue)
                              : none);
    ci_json_kz(&j, "status", s->number > 0 ? "running" : s->number < 0 ? "cancelled" : "queued");
    ci_json_kstr(&j, "url",
                 s->number > 0 ? sco_fmt(o->h, "%.*s%s/%lld/", SCO_STR_ARG(o->http.base),
                                         s->job.url, (long long)s->number)
                               : sco_fmt(o->h, "%.*s%s/", SCO_STR_ARG(o->http.base), s->job.url));
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int is_parameter(const struct sco_node *job, struct sco_str name)
{
    SCO_EACH (p, sco_get(job, "property"))
        SCO_EACH (d, sco_get(p, "parameterDefinitions"))
            if (sco_str_eq(sco_text_at(d, "name"), name))
                return 1;
    return 0;
}

static int has_parameters(const struct sco_node *job)
{
    SCO_EACH (p, sco_get(job, "property"))
        if (sco_first(sco_get(p, "parameterDefinitions")))
            return 1;
    return 0;
}

/* Jenkins drops what a job has no parameter for, in silence; we say so. */
static int write_form(struct jenkins_op *o, struct ci_json *form, const struct sco_node *job,
                      const struct sco_node *inputs, struct sco_str ref, struct sco_str sha)
{
    struct sco_str bare = ci_behind(ref, "refs/heads/");
    if (!bare.n)
        bare = ci_behind(ref, "refs/tags/");
    if (!bare.n)
        bare = ref;
    for (const struct sco_node *c = inputs ? inputs->child : NULL; c; c = c->next) {
        if (!is_parameter(job, c->key))
            return sco_errf(o->e, SCO_E_INVALID, "%s: the job has no parameter \"%.*s\"", JENKINS,
                            SCO_STR_ARG(ci_line(o->h, c->key, 60)));
        jenkins_form(form, c->key, sco_text(c));
    }
    const char *by_ref = sco_cstr(o->h, o->k->ref_parameter);
    const char *by_sha = sco_cstr(o->h, o->k->commit_parameter);
    if (bare.n && by_ref && is_parameter(job, o->k->ref_parameter) && !sco_get(inputs, by_ref))
        jenkins_form(form, o->k->ref_parameter, bare);
    if (sha.n && by_sha && is_parameter(job, o->k->commit_parameter) && !sco_get(inputs, by_sha))
        jenkins_form(form, o->k->commit_parameter, sha);
    return 0;
}

/* ".../queue/item/77/" */
static int64_t item_of(struct sco_str location)
{
    static const char before[] = "/queue/item/";
    size_t n = sizeof before - 1;
    for (size_t i = 0; i + n < location.n; i++)
        if (memcmp(location.p + i, before, n) == 0) {
            int64_t id = 0;
            for (i += n; i < location.n && location.p[i] >= '0' && location.p[i] <= '9'; i++)
                id = id < 1000000000000 ? id * 10 + (location.p[i] - '0') : 0;
            return id;
        }
    return 0;
}

int jenkins_start(struct jenkins_op *o, struct sco_str job, const struct sco_node *inputs,
                  struct sco_str ref, struct sco_str sha)
{
    struct ci_json form = ci_json_new(o->h);
    struct ci_answer a;
    struct start s = {o, {{NULL, 0}, 0, 0, NULL}, 0, 0, 0, 0};
    int r = jenkins_build_of(o, job, &s.job);
    if (r == 0)
        r = jenkins_get(o,
                        jenkins_path(o,
                                     "%s/api/json?tree=buildable,nextBuildNumber,queueItem[id],"
                                     "property[parameterDefinitions[name]]",
                                     s.job.url),
                        "the job", &a, o->e);
    if (r != 0)
        return r;
    if (!sco_bool(sco_get(a.root, "buildable"), 0))
        return sco_errf(o->e, SCO_E_INVALID, "%s: the job is disabled, or a folder", JENKINS);
    s.next = sco_int_at(a.root, "nextBuildNumber", 0);
    s.queued = sco_int_at(a.root, "queueItem.id", 0);
    const char *what = has_parameters(a.root) ? "buildWithParameters" : "build";
    r = write_form(o, &form, a.root, inputs, ref, sha);
    if (r < 0)
        return r;
    r = jenkins_post(o, jenkins_path(o, "%s/%s", s.job.url, what), ci_json_text(&form), NULL,
                     "the start of the job", has_started, &s, &a);
    if (r != 0 && r != CI_FOUND)
        return r;
    if (r == 0)
        s.queue = item_of(ci_header(&a, "location"));
    if (r == 0 && !s.queue)
        r = has_started(&s, o->e); /* an older server, or a proxy that drops the header */
    else if (s.queue && !s.number) {
        struct jenkins_build item = s.job;
        item.queue = s.queue;
        r = jenkins_queue(o, &item, &s.number, o->e);
    }
    if (r < 0 && r != SCO_E_CANCELLED) /* it has started: that it cannot be seen is no failure */
        s.number = 0;
    return r == SCO_E_CANCELLED ? r : write_started(&s);
}

int jenkins_trigger(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    struct sco_str job = sco_text_at(o.q, "workflow");
    if (!job.n)
        job = sco_text_at(o.q, "context.job");
    if (r == 0 && !job.n)
        r = sco_errf(e, SCO_E_INVALID, "workflow: the name of the job is missing");
    if (r == 0)
        r = jenkins_start(&o, job, sco_get(o.q, "inputs"), sco_text_at(o.q, "ref"),
                          ci_sha_at(o.q, "commit_sha"));
    return jenkins_end(&o, r);
}

/* ---- look ---- */

/* The stages of a pipeline job, when the plugin is there that tells them. */
static int write_stages(struct jenkins_op *o, struct ci_json *j, const struct jenkins_build *b)
{
    struct ci_answer a;
    int r = jenkins_get(o, jenkins_path(o, "%s/%lld/wfapi/describe", b->url, (long long)b->number),
                        "the build's stages", &a, o->e);
    if (r == SCO_CI_LATER || r == SCO_E_CANCELLED || r == SCO_E_TIMEOUT)
        return r;
    if (r != 0)
        return 0;
    SCO_EACH (s, sco_get(a.root, "stages")) {
        int64_t from = ci_time_at(s, "startTimeMillis"),
                for_ms = sco_int_at(s, "durationMillis", 0);
        const char *status = jenkins_status(sco_text_at(s, "status"), "unknown");
        int ended = strcmp(status, "running") != 0 && strcmp(status, "action_required") != 0;
        ci_json_begin(j, '{');
        ci_json_kstr(j, "name", sco_text_at(s, "name"));
        ci_json_kz(j, "status", status);
        ci_json_ktime(j, "started_at", from);
        ci_json_ktime(j, "finished_at", ended && from > 0 ? from + for_ms : 0);
        ci_json_kstr(j, "job_id", sco_text_at(s, "id"));
        ci_json_kstr(j, "stage", sco_text_at(s, "name"));
        ci_json_kint(j, "attempt", 1);
        ci_json_kstr(
            j, "url",
            sco_fmt(o->h, "%.*s%s/%lld/", SCO_STR_ARG(o->http.base), b->url, (long long)b->number));
        ci_json_end(j, '}');
    }
    return 0;
}

static int build_status(struct jenkins_op *o, const struct jenkins_build *b)
{
    struct ci_json j = ci_json_new(o->h);
    struct ci_event ev = ci_event_new("jenkins");
    struct ci_answer a;
    int r = jenkins_get(o,
                        jenkins_path(o,
                                     "%s/%lld/api/json?tree=building,result,timestamp,duration,url,"
                                     "actions[lastBuiltRevision[SHA1,branch[name]]]",
                                     b->url, (long long)b->number),
                        "the build", &a, o->e);
    if (r != 0)
        return r;
    int building = sco_bool(sco_get(a.root, "building"), 0);
    int64_t from = ci_time_at(a.root, "timestamp");
    SCO_EACH (c, sco_get(a.root, "actions")) {
        const struct sco_node *rev = sco_get(c, "lastBuiltRevision");
        if (!rev || ev.commit_sha.n)
            continue;
        ev.commit_sha = ci_sha_at(rev, "SHA1");
        jenkins_set_branch(o->h, &ev, sco_text_at(sco_first(sco_get(rev, "branch")), "name"));
    }
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "pipeline_id",
                 sco_fmt(o->h, "%.*s#%lld", SCO_STR_ARG(b->job), (long long)b->number));
    ci_json_kz(&j, "status",
               building ? "running" : jenkins_status(sco_text_at(a.root, "result"), "unknown"));
    ci_json_ktime(&j, "started_at", from);
    ci_json_ktime(&j, "finished_at",
                  building || !from ? 0 : from + sco_int_at(a.root, "duration", 0));
    ci_json_kstr(&j, "url", sco_text_at(a.root, "url"));
    ci_json_kstr(&j, "commit_sha", ev.commit_sha);
    ci_json_kstr(&j, "branch", ev.branch);
    ci_json_kz(&j, "logs", "run");
    ci_json_key(&j, "stages");
    ci_json_begin(&j, '[');
    r = write_stages(o, &j, b);
    if (r != 0)
        return r;
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

static int write_waiting(struct jenkins_op *o, const char *status)
{
    struct ci_json j = ci_json_new(o->h);
    ci_json_begin(&j, '{');
    ci_json_knull(&j, "pipeline_id");
    ci_json_kz(&j, "status", status);
    ci_json_knull(&j, "started_at");
    ci_json_knull(&j, "finished_at");
    ci_json_knull(&j, "url");
    ci_json_knull(&j, "commit_sha");
    ci_json_knull(&j, "branch");
    ci_json_kraw(&j, "stages", SCO_STR("[]"));
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

/* The build that a request is about, also by its item in the queue: number 0 while it waits, -1
 * when it was cancelled there. */
static int build_of_request(struct jenkins_op *o, struct jenkins_build *b)
{
    struct sco_str id = sco_text_at(o->q, "pipeline_id");
    int r = jenkins_build_of(o, id.n ? id : sco_text_at(o->q, "queue_id"), b);
    if (r == 0 && b->queue)
        r = jenkins_queue(o, b, &b->number, o->e);
    else if (r == 0 && !b->number)
        r = sco_errf(o->e, SCO_E_INVALID, "pipeline_id is not job#number");
    return r;
}

int jenkins_run_status(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    struct jenkins_build b;
    int r = jenkins_begin(&o, ctx, c, e);
    if (r == 0)
        r = build_of_request(&o, &b);
    if (r == 0)
        r = b.number > 0 ? build_status(&o, &b)
                         : write_waiting(&o, b.number < 0 ? "cancelled" : "queued");
    return jenkins_end(&o, r);
}

/* ---- stop ---- */

/* "stop" asks, "term" and "kill" are for pipelines that do not listen. */
static int stop(struct jenkins_op *o, const struct jenkins_build *b, const char **status)
{
    struct sco_str how = sco_text_at(o->q, "how");
    struct ci_answer a;
    if (how.n && !sco_str_is(how, "stop") && !sco_str_is(how, "term") && !sco_str_is(how, "kill"))
        return sco_errf(o->e, SCO_E_INVALID, "how is none of stop, term, kill");
    const char *path = jenkins_path(o, "%s/%lld", b->url, (long long)b->number);
    const char *look = jenkins_path(o, "%s/api/json?tree=building,result", path);
    for (int tries = 0; tries < 2; tries++) {
        int r = jenkins_get(o, look, "the build", &a, o->e);
        if (r != 0)
            return r;
        int building = sco_bool(sco_get(a.root, "building"), 0);
        *status = building ? "running" : jenkins_status(sco_text_at(a.root, "result"), "unknown");
        if (!building || tries)
            return 0;
        r = jenkins_post(
            o, jenkins_path(o, "%s/%.*s", path, SCO_STR_ARG(how.n ? how : SCO_STR("stop"))),
            SCO_STR(""), NULL, "the end of the build", NULL, NULL, &a);
        if (r != 0 && !a.doubtful)
            return r;
    }
    return 0;
}

static int do_cancel(struct jenkins_op *o)
{
    struct jenkins_build b;
    struct ci_json j = ci_json_new(o->h);
    struct ci_answer a;
    const char *status = "cancelled";
    int r = build_of_request(o, &b);
    if (r == 0 && b.number > 0)
        r = stop(o, &b, &status);
    else if (r == 0 && b.number == 0)
        r = jenkins_post(o, jenkins_path(o, "/queue/cancelItem?id=%lld", (long long)b.queue),
                         SCO_STR(""), NULL, "the end of the item", NULL, NULL, &a);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kz(&j, "status", status);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int jenkins_cancel(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    return jenkins_end(&o, r == 0 ? do_cancel(&o) : r);
}
