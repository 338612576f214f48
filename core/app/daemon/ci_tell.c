/* What events of CI platforms say of commits, pull requests, reviews and tests: metrics.* and
 * test.* (docs/events). The key is the repository's URL, as in every other event. */
#include "ci.h"

#include <secureops/store_events.h>

static const char *repository(const struct sco_ci_event *e)
{
    return e->clone_url ? e->clone_url : e->repo_full_name;
}

static int add(struct sco_store *s, const char *type, const struct sco_ci_event *e,
               struct sco_json_out *o, int64_t at, struct sco_error *err)
{
    sco_json_end(o, '}');
    struct sco_event x = {.type = type, .key = repository(e), .at = at, .data = sco_buf_z(o->b)};
    int r = sco_buf_check(o->b, err);
    return r == 0 ? sco_store_event_add(s, &x, err) : r;
}

/* ---- commits ---- */
/* Whoever commits calls themselves what they like; an event that is too large for that would be no
 * reason not to look at the code. */
static struct sco_str cut(struct sco_str s)
{
    enum { AUTHOR_MAX = 1000 };
    if (s.n <= AUTHOR_MAX)
        return s;
    s.n = AUTHOR_MAX;
    while (s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80)
        s.n--;
    return s;
}

static int tell_commit(struct sco_store *s, const struct sco_ci_event *e, struct sco_str sha,
                       struct sco_str author, int64_t at, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", repository(e));
    sco_json_kz(&o, "branch", e->branch);
    sco_json_kstr(&o, "commit_sha", sha);
    sco_json_kstr(&o, "author", cut(author));
    sco_json_ktime(&o, "committed_at", at);
    return add(s, "metrics.commit", e, &o, now, err);
}

static int tell_commits(struct sco_store *s, const struct sco_ci_event *e, int64_t now,
                        struct sco_error *err)
{
    const struct sco_node *list = sco_get(e->details, "commits");
    int r = 0;
    if (e->is_delete)
        return 0;
    SCO_EACH (item, list) {
        int64_t at = 0;
        struct sco_str sha = sco_text(sco_get(item, "sha")), when = sco_text(sco_get(item, "at"));
        bool whole = sha.n && when.n && sco_time_parse(when, &at) == 0 && at > 0;
        if (r == 0 && whole)
            r = tell_commit(s, e, sha, sco_text(sco_get(item, "author")), at, now, err);
    }
    if (!list && e->commit_sha && e->created_at)
        r = tell_commit(s, e, sco_str_c(e->commit_sha), sco_str_c(e->actor), e->created_at, now,
                        err);
    return r;
}

/* ---- pull requests, reviews ---- */
static const char *pr_action(const struct sco_ci_event *e)
{
    static const char *const opened[] = {"open", "opened", "created", "git.pullrequest.created"};
    if (e->status && (strcmp(e->status, "merged") == 0 || strcmp(e->status, "closed") == 0))
        return e->status;
    for (size_t i = 0; e->action && i < SCO_ARRAY_LEN(opened); i++)
        if (strcmp(e->action, opened[i]) == 0)
            return "opened";
    return "updated";
}

static int tell_pull_request(struct sco_store *s, const struct sco_ci_event *e, int64_t now,
                             struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_str author = sco_text(sco_get(e->details, "author"));
    int64_t merged = 0;
    if (!e->pr_number)
        return 0;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", repository(e));
    sco_json_ki64(&o, "number", e->pr_number);
    sco_json_kz(&o, "action", pr_action(e));
    sco_json_kstr(&o, "author", cut(author));
    sco_json_kz(&o, "source_branch", e->pr_source_branch);
    sco_json_kz(&o, "target_branch", e->pr_target_branch);
    sco_json_ktime(&o, "opened_at", e->created_at);
    struct sco_str at = sco_text(sco_get(e->details, "merged_at"));
    if (at.n && sco_time_parse(at, &merged) == 0)
        sco_json_ktime(&o, "merged_at", merged);
    return add(s, "metrics.pr", e, &o, now, err);
}

static int tell_review(struct sco_store *s, const struct sco_ci_event *e, int64_t now,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    struct sco_str state = sco_text(sco_get(e->details, "review_state"));
    if (!state.n || !e->pr_number || !e->actor)
        return 0;
    const char *verdict = sco_str_is_nocase(state, "approved")            ? "approved"
                          : sco_str_is_nocase(state, "changes_requested") ? "changes_requested"
                                                                          : "commented";
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", repository(e));
    sco_json_ki64(&o, "number", e->pr_number);
    sco_json_kz(&o, "reviewer", e->actor);
    sco_json_kz(&o, "verdict", verdict);
    sco_json_ktime(&o, "submitted_at", e->created_at);
    return add(s, "metrics.review", e, &o, now, err);
}

int ci_tell(struct sco_store *s, const struct sco_ci_event *e, int64_t now, struct sco_error *err)
{
    if (!repository(e))
        return 0;
    switch ((int)e->kind) {
    case SCO_CI_PUSH:
        return tell_commits(s, e, now, err);
    case SCO_CI_PULL_REQUEST:
        return tell_pull_request(s, e, now, err);
    case SCO_CI_COMMENT:
        return tell_review(s, e, now, err);
    default:
        return 0;
    }
}

/* ---- tests ---- */
int ci_tell_tests(struct sco_store *s, const struct sco_ci_event *e, const char *execution_id,
                  int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, key = {0};
    struct sco_json_out o = {.b = &b};
    const struct sco_node *t = sco_get(e->details, "tests");
    bool first = false;
    static const char *const counts[] = {"total", "passed", "failed", "skipped"};
    if (!sco_is(t, SCO_NODE_MAP) || !sco_execution_ended(e->status) || !repository(e))
        return 0;
    sco_buf_addf(&key, "tests %s %s", execution_id, e->job_id ? e->job_id : "");
    int r = sco_buf_check(&key, err);
    if (r == 0)
        r = sco_store_effect_once(s, sco_buf_z(&key), now, &first, err);
    if (r < 0 || !first)
        return r;
    bool failed = sco_int(sco_get(t, "failed"), 0) > 0;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "run_id", execution_id);
    sco_json_kz(&o, "repository", repository(e));
    sco_json_kz(&o, "branch", e->branch ? e->branch : "");
    if (e->is_fork)
        sco_json_kbool(&o, "is_fork", true);
    sco_json_kz(&o, "commit_sha", e->commit_sha);
    sco_json_kz(&o, "suite", e->name);
    for (size_t i = 0; i < SCO_ARRAY_LEN(counts); i++)
        sco_json_ki64(&o, counts[i], sco_int(sco_get(t, counts[i]), 0));
    return add(s, failed ? "test.failed" : "test.completed", e, &o, now, err);
}
