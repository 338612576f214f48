/* The member `details` of events: docs/ci-plugins.md. */
#include "gitlab_priv.h"

enum { MESSAGE_MAX = 200, AUTHOR_MAX = 200, BODY_MAX = 10000 };

static void begin(struct ci_json *j, const struct sco_host *h)
{
    *j = ci_json_new(h);
    ci_json_begin(j, '{');
}

static struct sco_str end(struct ci_json *j)
{
    ci_json_end(j, '}');
    return ci_json_text(j);
}

static void opt_time(struct ci_json *j, const char *key, int64_t ms)
{
    if (ms > 0)
        ci_json_ktime(j, key, ms);
}

static void opt_line(struct ci_json *j, const char *key, struct sco_str s)
{
    if (s.n)
        ci_json_kstr(j, key, ci_line(j->h, ci_first_line(s), MESSAGE_MAX));
}

void gitlab_seconds(struct ci_json *j, const char *key, const struct sco_node *v)
{
    double s = sco_is(v, SCO_NODE_INT) || sco_is(v, SCO_NODE_REAL) ? sco_real(v, -1) : -1;
    if (s >= 0 && s < 1e12)
        ci_json_kint(j, key, (int64_t)(s * 1000));
}

/* `commits` holds the newest 20, and nothing says whether the push was forced: which files it
 * changed in all cannot be known from here. */
struct sco_str gitlab_push_details(const struct sco_host *h, const struct sco_node *p)
{
    enum { LISTED_MAX = 250 };
    struct ci_json j;
    int64_t n = 0;
    begin(&j, h);
    if (sco_text_at(p, "before").n)
        ci_json_kstr(&j, "before", sco_text_at(p, "before"));
    ci_json_key(&j, "commits");
    ci_json_begin(&j, '[');
    SCO_EACH (c, sco_get(p, "commits")) {
        if (n++ >= LISTED_MAX)
            continue;
        ci_json_begin(&j, '{');
        ci_json_kstr(&j, "sha", ci_sha_at(c, "id"));
        struct sco_str author = sco_text_at(c, "author.name");
        ci_json_kstr(&j, "author", author.p ? ci_line(h, author, AUTHOR_MAX) : author);
        ci_json_ktime(&j, "at", ci_time_at(c, "timestamp"));
        ci_json_kstr(&j, "message",
                     ci_line(h, ci_first_line(sco_text_at(c, "message")), MESSAGE_MAX));
        ci_json_end(&j, '}');
    }
    ci_json_end(&j, ']');
    ci_json_kint(&j, "commits_total", sco_int_at(p, "total_commits_count", n));
    return end(&j);
}

/* ---- merge request ---- */

/* An update without oldrev changed no code; one of the target branch changes what is introduced.
 * A system hook has no action: then what is open is looked at. */
static int needs_scan(const struct sco_node *p)
{
    const struct sco_node *mr = sco_get(p, "object_attributes");
    struct sco_str action = sco_text_at(mr, "action"), state = sco_text_at(mr, "state");
    if (!action.n)
        return sco_str_is(state, "opened");
    if (sco_str_is(action, "open") || sco_str_is(action, "reopen"))
        return 1;
    return sco_str_is(action, "update") &&
           (ci_sha_at(mr, "oldrev").n || sco_path(p, "changes.target_branch"));
}

struct sco_str gitlab_mr_details(const struct sco_host *h, const struct sco_node *p)
{
    const struct sco_node *mr = sco_get(p, "object_attributes");
    struct ci_json j;
    begin(&j, h);
    ci_json_kopt(&j, "title", sco_text_at(mr, "title"));
    int draft = sco_bool(sco_get(mr, "draft"), sco_bool(sco_get(mr, "work_in_progress"), 0));
    ci_json_kbool(&j, "draft", draft);
    opt_time(&j, "merged_at", ci_time_at(mr, "merged_at"));
    opt_time(&j, "closed_at", ci_time_at(mr, "closed_at"));
    ci_json_kopt(&j, "merge_commit_sha", ci_sha_at(mr, "merge_commit_sha"));
    ci_json_key(&j, "labels");
    ci_json_begin(&j, '[');
    SCO_EACH (l, sco_get(p, "labels"))
        if (sco_text_at(l, "title").n)
            ci_json_str(&j, sco_text_at(l, "title"));
    ci_json_end(&j, ']');
    ci_json_kbool(&j, "needs_scan", needs_scan(p));
    return end(&j);
}

/* ---- pipelines and jobs ---- */

void gitlab_stage(struct ci_json *j, const struct sco_node *job, int64_t attempt)
{
    ci_json_begin(j, '{');
    ci_json_kstr(j, "name", sco_text_at(job, "name"));
    ci_json_kz(j, "status", gitlab_status(sco_text_at(job, "status")));
    ci_json_ktime(j, "started_at", ci_time_at(job, "started_at"));
    ci_json_ktime(j, "finished_at", ci_time_at(job, "finished_at"));
    ci_json_kstr(j, "job_id", gitlab_id(sco_get(job, "id")));
    ci_json_kstr(j, "stage", sco_text_at(job, "stage"));
    ci_json_kint(j, "attempt", attempt);
    ci_json_kstr(j, "url", sco_text_at(job, "web_url"));
    ci_json_end(j, '}');
}

struct sco_str gitlab_pipeline_details(const struct sco_host *h, const struct sco_node *p)
{
    const struct sco_node *o = sco_get(p, "object_attributes");
    struct sco_str environment = {NULL, 0};
    struct ci_json j;
    begin(&j, h);
    if (sco_text_at(o, "finished_at").n)
        gitlab_seconds(&j, "duration_ms", sco_get(o, "duration"));
    gitlab_seconds(&j, "queued_ms", sco_get(o, "queued_duration"));
    ci_json_key(&j, "stages");
    ci_json_begin(&j, '[');
    SCO_EACH (b, sco_get(p, "builds")) {
        gitlab_stage(&j, b, 1);
        /* what was deployed, not what might be */
        if (sco_str_is(sco_text_at(b, "status"), "success") &&
            !sco_str_is(sco_text_at(b, "environment.action"), "stop") &&
            sco_text_at(b, "environment.name").n)
            environment = sco_text_at(b, "environment.name");
    }
    ci_json_end(&j, ']');
    if (environment.n)
        ci_json_kstr(&j, "environment", environment);
    opt_line(&j, "head_message", sco_text_at(p, "commit.message"));
    return end(&j);
}

/* The job of a webhook has other names than that of the API. */
struct sco_str gitlab_job_details(const struct sco_host *h, const struct sco_node *p)
{
    int64_t attempt = sco_int_at(p, "retries_count", 0) + 1;
    struct ci_json j;
    begin(&j, h);
    ci_json_kint(&j, "attempt", attempt);
    gitlab_seconds(&j, "duration_ms", sco_get(p, "build_duration"));
    gitlab_seconds(&j, "queued_ms", sco_get(p, "build_queued_duration"));
    if (sco_text_at(p, "environment.name").n)
        ci_json_kstr(&j, "environment", sco_text_at(p, "environment.name"));
    ci_json_key(&j, "stages");
    ci_json_begin(&j, '[');
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "name", sco_text_at(p, "build_name"));
    ci_json_kz(&j, "status", gitlab_status(sco_text_at(p, "build_status")));
    ci_json_ktime(&j, "started_at", ci_time_at(p, "build_started_at"));
    ci_json_ktime(&j, "finished_at", ci_time_at(p, "build_finished_at"));
    ci_json_kstr(&j, "job_id", gitlab_id(sco_get(p, "build_id")));
    ci_json_kstr(&j, "stage", sco_text_at(p, "build_stage"));
    ci_json_kint(&j, "attempt", attempt);
    ci_json_knull(&j, "url");
    ci_json_end(&j, '}');
    ci_json_end(&j, ']');
    opt_line(&j, "head_message", sco_text_at(p, "commit.message"));
    return end(&j);
}

/* ---- the others ---- */

struct sco_str gitlab_release_details(const struct sco_host *h, const struct sco_node *p)
{
    struct ci_json j;
    begin(&j, h);
    ci_json_kopt(&j, "tag", sco_text_at(p, "tag"));
    ci_json_kopt(&j, "name", sco_text_at(p, "name"));
    ci_json_kbool(&j, "prerelease", 0); /* GitLab has neither */
    ci_json_kbool(&j, "draft", 0);
    return end(&j);
}

struct sco_str gitlab_note_details(const struct sco_host *h, const struct sco_node *p)
{
    const struct sco_node *n = sco_get(p, "object_attributes");
    struct sco_str body = sco_text_at(n, "note");
    struct ci_json j;
    begin(&j, h);
    if (body.p)
        ci_json_kstr(&j, "body", ci_cut(body, BODY_MAX));
    ci_json_kopt(&j, "author", sco_text_at(p, "user.username"));
    ci_json_kopt(&j, "commit_sha", ci_sha_at(n, "commit_id"));
    return end(&j);
}
