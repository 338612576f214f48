/* The member `details` of events: docs/ci-plugins.md. */
#include "azure_priv.h"

enum { COMMITS_MAX = 250, MESSAGE_MAX = 200, BODY_MAX = 10000 };

static struct sco_str end(struct ci_json *j)
{
    ci_json_end(j, '}');
    return ci_json_text(j);
}

static struct sco_str one_line(const struct sco_host *h, struct sco_str s)
{
    return ci_line(h, ci_first_line(s), MESSAGE_MAX);
}

static void opt_line(struct ci_json *j, const char *key, struct sco_str s)
{
    if (s.n)
        ci_json_kstr(j, key, one_line(j->h, s));
}

static void span(struct ci_json *j, const char *key, int64_t from, int64_t to)
{
    if (from > 0 && to >= from)
        ci_json_kint(j, key, to - from);
}

struct sco_str azure_push_details(const struct sco_host *h, const struct sco_node *push,
                                  const struct sco_node *update)
{
    struct ci_json j = ci_json_new(h);
    int64_t n = 0;
    ci_json_begin(&j, '{');
    ci_json_kopt(&j, "before", sco_text_at(update, "oldObjectId"));
    if (sco_is(sco_get(push, "commits"), SCO_NODE_LIST)) {
        ci_json_key(&j, "commits");
        ci_json_begin(&j, '[');
        SCO_EACH (c, sco_get(push, "commits")) {
            if (n++ >= COMMITS_MAX)
                continue;
            ci_json_begin(&j, '{');
            ci_json_kstr(&j, "sha", ci_sha_at(c, "commitId"));
            ci_json_kstr(&j, "author", sco_text_at(c, "author.name"));
            ci_json_ktime(&j, "at", ci_time_at(c, "author.date"));
            ci_json_kstr(&j, "message", one_line(h, sco_text_at(c, "comment")));
            ci_json_end(&j, '}');
        }
        ci_json_end(&j, ']');
        ci_json_kint(&j, "commits_total", n);
    }
    return end(&j);
}

/* An update may be a new iteration or a vote: the payload does not say which, so all count. A
 * commit that was scanned is recognised by the engine. */
struct sco_str azure_pull_details(const struct sco_host *h, const struct sco_node *pr,
                                  struct sco_str action)
{
    struct ci_json j = ci_json_new(h);
    struct sco_str status = sco_text_at(pr, "status"),
                   author = sco_text_at(pr, "createdBy.uniqueName");
    int64_t closed = ci_time_at(pr, "closedDate");
    int merged = sco_str_is_nocase(status, "completed"), open = sco_str_is_nocase(status, "active");
    ci_json_begin(&j, '{');
    ci_json_kopt(&j, "title", sco_text_at(pr, "title"));
    ci_json_kbool(&j, "draft", sco_bool(sco_get(pr, "isDraft"), 0));
    ci_json_kopt(&j, "author", author.n ? author : sco_text_at(pr, "createdBy.displayName"));
    if (closed)
        ci_json_ktime(&j, merged ? "merged_at" : "closed_at", closed);
    ci_json_kopt(&j, "merge_commit_sha", ci_sha_at(pr, "lastMergeCommit.commitId"));
    ci_json_key(&j, "labels");
    ci_json_begin(&j, '[');
    SCO_EACH (l, sco_get(pr, "labels"))
        if (sco_text_at(l, "name").n)
            ci_json_str(&j, sco_text_at(l, "name"));
    ci_json_end(&j, ']');
    ci_json_kbool(&j, "needs_scan",
                  open && (sco_str_is(action, "created") || sco_str_is(action, "updated")));
    return end(&j);
}

struct sco_str azure_comment_details(const struct sco_host *h, const struct sco_node *comment)
{
    struct ci_json j = ci_json_new(h);
    struct sco_str body = sco_text_at(comment, "content");
    struct sco_str author = sco_text_at(comment, "author.uniqueName");
    ci_json_begin(&j, '{');
    if (body.p)
        ci_json_kstr(&j, "body", ci_cut(body, BODY_MAX));
    ci_json_kopt(&j, "author", author.n ? author : sco_text_at(comment, "author.displayName"));
    return end(&j);
}

struct sco_str azure_build_details(const struct sco_host *h, const struct sco_node *build)
{
    struct ci_json j = ci_json_new(h);
    ci_json_begin(&j, '{');
    span(&j, "duration_ms", ci_time_at(build, "startTime"), ci_time_at(build, "finishTime"));
    span(&j, "queued_ms", ci_time_at(build, "queueTime"), ci_time_at(build, "startTime"));
    return end(&j);
}

static void stage(struct ci_json *j, const struct sco_node *v)
{
    struct sco_str name = sco_text_at(v, "displayName");
    ci_json_begin(j, '{');
    ci_json_kstr(j, "name", name.n ? name : sco_text_at(v, "name"));
    ci_json_kz(j, "status", azure_status(sco_text_at(v, "state"), sco_text_at(v, "result")));
    ci_json_ktime(j, "started_at", ci_time_at(v, "startTime"));
    ci_json_ktime(j, "finished_at", ci_time_at(v, "finishTime"));
    ci_json_kstr(j, "job_id", azure_id(sco_get(v, "id")));
    ci_json_kstr(j, "stage", sco_text_at(v, "name"));
    ci_json_kint(j, "attempt", sco_int_at(v, "attempt", 1));
    ci_json_kstr(j, "url", sco_text_at(v, "_links.web.href"));
    ci_json_end(j, '}');
}

struct sco_str azure_run_details(const struct sco_host *h, const struct sco_node *resource)
{
    const struct sco_node *run = sco_get(resource, "run"), *part = sco_get(resource, "stage");
    struct ci_json j = ci_json_new(h);
    if (!part)
        part = sco_get(resource, "job");
    ci_json_begin(&j, '{');
    if (part)
        span(&j, "duration_ms", ci_time_at(part, "startTime"), ci_time_at(part, "finishTime"));
    else
        span(&j, "duration_ms", ci_time_at(run, "createdDate"), ci_time_at(run, "finishedDate"));
    if (sco_is(sco_get(part, "attempt"), SCO_NODE_INT))
        ci_json_kint(&j, "attempt", sco_int_at(part, "attempt", 1));
    ci_json_key(&j, "stages");
    ci_json_begin(&j, '[');
    if (part)
        stage(&j, part);
    else
        SCO_EACH (s, sco_get(resource, "stages"))
            stage(&j, s);
    ci_json_end(&j, ']');
    opt_line(&j, "head_message",
             sco_text_at(sco_first(sco_get(resource, "repositories")), "change.message"));
    return end(&j);
}

struct sco_str azure_release_details(const struct sco_host *h, const struct sco_node *release)
{
    struct ci_json j = ci_json_new(h);
    ci_json_begin(&j, '{');
    ci_json_kopt(&j, "name", sco_text_at(release, "name"));
    return end(&j);
}
