/* What a lost notification missed: the builds of the configured jobs since the last time, folders
 * and multibranch projects with all that is in them. */
#include "jenkins_priv.h"

enum { OVERLAP_MS = 300000, DEPTH_MAX = 5, ASKED_MAX = 500, PAGE = 50, BUILDS_MAX = 1000 };

struct poll {
    struct jenkins_op *o;
    int64_t since;
    size_t asked;
    struct sco_str from; /* the job where the last poll stopped; absent: we are there */
    struct sco_str next; /* where this one stopped */
    struct sco_str left; /* the first of what was not come to, for people */
    struct sco_str why;  /* the first that was refused */
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

static void leave(struct poll *p, struct sco_str job, const char *why)
{
    if (!p->left.n)
        p->left = sco_fmt(p->o->h, "%.*s: %s", SCO_STR_ARG(job), why);
}

/* The newest come first. 1: all of them are new, there may be more. */
static int look_at_builds(struct poll *p, struct sco_str job, const struct sco_node *list)
{
    int r = 0, n = 0;
    int64_t started = 0;
    SCO_EACH (b, list) {
        if ((r = one_build(p, job, b)) < 0)
            return r;
        started = ci_time_at(b, "timestamp");
        n++;
    }
    return n >= PAGE && started >= p->since;
}

static int ask(struct poll *p, const char *url, int from, struct ci_answer *a)
{
    return jenkins_get(p->o,
                       jenkins_path(p->o,
                                    "%s/api/json?tree=jobs[name],allBuilds[number,building,result,"
                                    "timestamp,duration,url,actions[lastBuiltRevision[SHA1,"
                                    "branch[name]],remoteUrls]]{%d,%d}",
                                    url, from, from + PAGE),
                       "the job", a, p->o->e);
}

/* The children's names, copied: asking for them ends this answer. */
static int children_of(struct poll *p, struct sco_str job, const struct sco_node *root,
                       struct sco_str **ret, size_t *ret_n)
{
    const struct sco_host *h = p->o->h;
    size_t n = 0;
    SCO_EACH (c, sco_get(root, "jobs"))
        n++;
    struct sco_str *v = (struct sco_str *)h->alloc(h, (n + 1) * sizeof *v);
    if (!v)
        return sco_errf(p->o->e, SCO_E_NOMEM, "out of memory");
    n = 0;
    SCO_EACH (c, sco_get(root, "jobs"))
        if (sco_text_at(c, "name").n)
            v[n++] = sco_fmt(h, "%.*s/%.*s", SCO_STR_ARG(job), SCO_STR_ARG(sco_text_at(c, "name")));
    *ret = v;
    *ret_n = n;
    return 0;
}

static int is_below(struct sco_str job, struct sco_str folder)
{
    return job.n > folder.n && job.p[folder.n] == '/' && memcmp(job.p, folder.p, folder.n) == 0;
}

/* Whether the job is looked at: what the last poll has done is passed by. */
static int is_due(struct poll *p, struct sco_str job, int depth)
{
    if (p->next.n)
        return 0;
    if (p->from.n && sco_str_eq(p->from, job))
        p->from = sco_str_make(NULL, 0);
    if (p->from.n && !is_below(p->from, job))
        return 0;
    if (depth > DEPTH_MAX) {
        leave(p, job, "folders are looked at to a depth of five only: name it in `jobs`");
        return 0;
    }
    if (p->asked++ < ASKED_MAX)
        return 1;
    p->next = ci_copy(p->o->h, job);
    leave(p, job, "more jobs than one poll takes: the next goes on here");
    return 0;
}

static int one_job(struct poll *p, struct sco_str job, int depth)
{
    struct jenkins_build at;
    struct ci_answer a;
    struct sco_str *children = NULL;
    size_t n = 0;
    if (!is_due(p, job, depth))
        return 0;
    int r = jenkins_build_of(p->o, job, &at), more = 0;
    if (r == 0)
        r = ask(p, at.url, 0, &a);
    if (r != 0)
        return r == SCO_E_NOT_FOUND && depth ? 0 : r; /* a branch that was just deleted */
    r = children_of(p, job, a.root, &children, &n);
    if (r == 0)
        r = more = look_at_builds(p, job, sco_get(a.root, "allBuilds"));
    for (int from = PAGE; more > 0 && from < BUILDS_MAX; from += PAGE)
        if ((r = ask(p, at.url, from, &a)) != 0 ||
            (r = more = look_at_builds(p, job, sco_get(a.root, "allBuilds"))) < 0)
            return r;
    if (more > 0)
        leave(p, job, "it has had more than 1000 builds since: those before are not looked at");
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = one_job(p, children[i], depth + 1);
    return r < 0 ? r : 0;
}

/* One that is gone, or may not be seen any more, does not keep us from the others. */
static int is_final(int r)
{
    return r == SCO_E_NOT_FOUND || r == SCO_E_PERMISSION || r == SCO_E_INVALID ||
           r == SCO_E_FORMAT || r == SCO_E_PARSE;
}

static int one_of_all(struct poll *p, struct sco_str job, int *done, int *refused)
{
    int r = one_job(p, job, 0);
    if (r == 0)
        *done = 1;
    if (r == 0 || !is_final(r))
        return r;
    if (!*refused)
        p->why = sco_fmt(p->o->h, "%.*s: %s", SCO_STR_ARG(job), p->o->e->text);
    *refused = r;
    return 0;
}

static int all_jobs(struct poll *p)
{
    const struct sco_node *asked = sco_get(p->o->q, "jobs");
    const struct sco_str_list *own = &p->o->k->jobs;
    int r = 0, done = 0, refused = 0;
    SCO_EACH (job, asked)
        if (r == 0)
            r = one_of_all(p, sco_text(job), &done, &refused);
    for (size_t i = 0; !sco_first(asked) && r == 0 && i < own->n; i++)
        r = one_of_all(p, own->v[i], &done, &refused);
    return r != 0 || done ? r : refused;
}

/* A round of several polls looks at each job once: all of it counts from where it began, and ends
 * at the time of its first poll. */
static int do_poll(struct jenkins_op *o)
{
    struct ci_json j = ci_json_new(o->h);
    struct poll p;
    int64_t last = ci_time_at(o->q, "state.until"), since = ci_time_at(o->q, "state.since");
    memset(&p, 0, sizeof p);
    p.o = o;
    p.from = sco_text_at(o->q, "state.next");
    p.since = since ? since : last ? last - OVERLAP_MS : ci_time_at(o->q, "since");
    int64_t until = p.from.n && last ? last : o->h->now(o->h);
    int r = all_jobs(&p);
    if (r != 0)
        return r;
    if (p.from.n) /* that job is gone: from the beginning */
        leave(&p, p.from, "the last poll ended at this job, which is gone: the next begins anew");
    ci_json_begin(&j, '{');
    ci_json_key(&j, "state");
    ci_json_begin(&j, '{');
    ci_json_ktime(&j, "until", until);
    if (p.next.n)
        ci_json_kstr(&j, "next", p.next);
    if (p.next.n || p.from.n)
        ci_json_ktime(&j, "since", p.since > 0 ? p.since : 1000);
    ci_json_end(&j, '}');
    ci_json_kint(&j, "redelivered", 0);
    ci_json_kbool(&j, "complete", !p.why.n && !p.left.n);
    ci_json_end(&j, '}');
    r = ci_json_record(&j, "result", o->e);
    struct sco_str why = p.why.n ? p.why : p.left;
    return r < 0 || !why.n ? r : sco_errf(o->e, SCO_CI_DEGRADED, "%.*s", SCO_STR_ARG(why));
}

int jenkins_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct jenkins_op o;
    int r = jenkins_begin(&o, ctx, c, e);
    return jenkins_end(&o, r == 0 ? do_poll(&o) : r);
}
