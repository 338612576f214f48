/* What a lost notification missed: the builds of the configured jobs since the last time, folders
 * and multibranch projects with all that is in them. */
#include "jenkins_priv.h"

enum { OVERLAP_MS = 300000, DEPTH_MAX = 5, ASKED_MAX = 500 };

struct poll {
    struct jenkins_op *o;
    int64_t since;
    size_t asked;
};

static int one_build(struct poll *p, struct sco_str job, const struct sco_node *b)
{
    const struct sco_host *h = p->o->h;
    struct ci_event ev = ci_event_new("jenkins");
    int64_t from = ci_time_at(b, "timestamp"), n = sco_int_at(b, "number", 0);
    int building = sco_bool(sco_get(b, "building"), 0);
    int64_t end = building ? 0 : from + sco_int_at(b, "duration", 0);
    if (n <= 0 || (building ? from : end) < p->since)
        return 0;
    ev.event = "pipeline";
    ev.native_event = building ? SCO_STR("STARTED") : SCO_STR("FINALIZED");
    ev.action = building ? SCO_STR("started") : SCO_STR("finalized");
    ev.status = building ? "running" : jenkins_status(sco_text_at(b, "result"), "unknown");
    ev.started_at = from;
    ev.finished_at = end;
    ev.url = sco_text_at(b, "url");
    ev.name = job;
    ev.pipeline_id = sco_fmt(h, "%.*s#%lld", SCO_STR_ARG(job), (long long)n);
    ev.context = jenkins_context(h, job, ev.pipeline_id);
    ev.pr_number = jenkins_pull_of(job);
    SCO_EACH (a, sco_get(b, "actions")) {
        const struct sco_node *rev = sco_get(a, "lastBuiltRevision");
        struct sco_str url = sco_text(sco_first(sco_get(a, "remoteUrls")));
        if (url.n && !ev.clone_url.n) {
            ev.clone_url = url;
            ev.repo_full_name = jenkins_repository(url);
        }
        if (!rev || ev.commit_sha.n)
            continue;
        ev.commit_sha = ci_sha_at(rev, "SHA1");
        jenkins_set_branch(h, &ev, sco_text_at(sco_first(sco_get(rev, "branch")), "name"));
    }
    if (end > from)
        ev.details = sco_fmt(h, "{\"duration_ms\":%lld}", (long long)(end - from));
    return ci_event_emit(h, &ev, p->o->e);
}

/* The children's names are copied: asking for them ends this answer. */
static int one_job(struct poll *p, struct sco_str job, int depth)
{
    struct jenkins_op *o = p->o;
    struct jenkins_build at;
    struct ci_answer a;
    struct sco_str *children = NULL;
    size_t n = 0;
    int r = jenkins_build_of(o, job, &at);
    if (r < 0 || depth > DEPTH_MAX || p->asked++ >= ASKED_MAX)
        return r;
    r = jenkins_get(o,
                    jenkins_path(o,
                                 "%s/api/json?tree=jobs[name],builds[number,building,result,"
                                 "timestamp,duration,url,actions[lastBuiltRevision[SHA1,"
                                 "branch[name]],remoteUrls]]{0,50}",
                                 at.url),
                    "the job", &a, o->e);
    if (r != 0)
        return r == SCO_E_NOT_FOUND && depth ? 0 : r; /* a branch that was just deleted */
    SCO_EACH (b, sco_get(a.root, "builds"))
        if ((r = one_build(p, job, b)) < 0)
            return r;
    SCO_EACH (c, sco_get(a.root, "jobs"))
        n++;
    children = (struct sco_str *)o->h->alloc(o->h, (n + 1) * sizeof *children);
    n = 0;
    SCO_EACH (c, sco_get(a.root, "jobs"))
        if (children && sco_text_at(c, "name").n)
            children[n++] =
                sco_fmt(o->h, "%.*s/%.*s", SCO_STR_ARG(job), SCO_STR_ARG(sco_text_at(c, "name")));
    for (size_t i = 0; r == 0 && i < n; i++)
        r = one_job(p, children[i], depth + 1);
    return r;
}

static int do_poll(struct jenkins_op *o)
{
    const struct sco_node *asked = sco_get(o->q, "jobs");
    struct ci_json j = ci_json_new(o->h);
    int64_t now = o->h->now(o->h), last = ci_time_at(o->q, "state.until");
    struct poll p = {o, last ? last - OVERLAP_MS : ci_time_at(o->q, "since"), 0};
    int r = 0;
    SCO_EACH (job, asked)
        if (r == 0)
            r = one_job(&p, sco_text(job), 0);
    for (size_t i = 0; !sco_first(asked) && r == 0 && i < o->k->jobs.n; i++)
        r = one_job(&p, o->k->jobs.v[i], 0);
    if (r != 0)
        return r;
    ci_json_begin(&j, '{');
    ci_json_key(&j, "state");
    ci_json_begin(&j, '{');
    ci_json_ktime(&j, "until", now);
    ci_json_end(&j, '}');
    ci_json_kint(&j, "redelivered", 0);
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", o->e);
}

int jenkins_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    return jenkins_end(&o, r == 0 ? do_poll(&o) : r);
}
