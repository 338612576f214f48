/* The member `details` of events: docs/ci-plugins.md. */
#include "github_priv.h"

/* All of it has to fit into one record: authors and files are called as whoever commits likes. */
enum {
    COMMITS_MAX = 2048,
    MESSAGE_MAX = 200,
    AUTHOR_MAX = 200,
    FILES_MAX = 1000,
    FILES_BYTES_MAX = 100 << 10,
    BODY_MAX = 10000
};

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

/* ---- push ---- */

struct file {
    struct sco_str name;
    int first, last; /* 'a' 'm' 'r': what the first and the last commit did to it */
};

struct files {
    struct file *v;
    size_t n, bytes;
    int too_many;
};

static void note(struct files *f, const struct sco_node *list, int how)
{
    SCO_EACH (c, list) {
        struct sco_str name = sco_text(c);
        size_t i = 0;
        if (!name.n)
            continue;
        while (i < f->n && !sco_str_eq(f->v[i].name, name))
            i++;
        if (i == FILES_MAX || (i == f->n && f->bytes + name.n > FILES_BYTES_MAX)) {
            f->too_many = 1;
            return;
        }
        if (i == f->n) {
            f->bytes += name.n;
            f->v[f->n].name = name;
            f->v[f->n++].first = how;
        }
        f->v[i].last = how;
    }
}

/* What came of a file in the end: 'a', 'm', 'r', or 0 for one that came and went. */
static int outcome(const struct file *f)
{
    if (f->first == 'a')
        return f->last == 'r' ? 0 : 'a';
    return f->last == 'r' ? 'r' : 'm';
}

static void write_files(struct ci_json *j, const struct files *f)
{
    static const char *const names[] = {"added", "modified", "removed"};
    ci_json_key(j, "files");
    ci_json_begin(j, '{');
    for (int k = 0; k < 3; k++) {
        ci_json_key(j, names[k]);
        ci_json_begin(j, '[');
        for (size_t i = 0; i < f->n; i++)
            if (outcome(&f->v[i]) == names[k][0])
                ci_json_str(j, f->v[i].name);
        ci_json_end(j, ']');
    }
    ci_json_end(j, '}');
}

struct sco_str github_push_details(const struct sco_host *h, const struct sco_node *p)
{
    enum { LISTED_MAX = 250 };
    const struct sco_node *commits = sco_get(p, "commits");
    struct ci_json j;
    struct files f = {(struct file *)h->alloc(h, FILES_MAX * sizeof(struct file)), 0, 0, 0};
    size_t n = 0;
    begin(&j, h);
    ci_json_kopt(&j, "before", sco_text_at(p, "before"));
    int forced = sco_bool(sco_get(p, "forced"), 0), created = sco_bool(sco_get(p, "created"), 0);
    ci_json_kbool(&j, "forced", forced);
    ci_json_key(&j, "commits");
    ci_json_begin(&j, '[');
    SCO_EACH (c, commits) {
        if (f.v && !f.too_many) {
            note(&f, sco_get(c, "added"), 'a');
            note(&f, sco_get(c, "modified"), 'm');
            note(&f, sco_get(c, "removed"), 'r');
        }
        if (n++ >= LISTED_MAX)
            continue;
        struct sco_str author = sco_text_at(c, "author.username");
        ci_json_begin(&j, '{');
        ci_json_kstr(&j, "sha", ci_sha_at(c, "id"));
        if (!author.n)
            author = sco_text_at(c, "author.name");
        ci_json_kstr(&j, "author", author.p ? ci_line(h, author, AUTHOR_MAX) : author);
        ci_json_ktime(&j, "at", ci_time_at(c, "timestamp"));
        ci_json_kstr(&j, "message",
                     ci_line(h, ci_first_line(sco_text_at(c, "message")), MESSAGE_MAX));
        ci_json_end(&j, '}');
    }
    ci_json_end(&j, ']');
    ci_json_kint(&j, "commits_total", (int64_t)n);
    /* a forced push also takes commits away; a new branch has more than those that were pushed */
    if (f.v && !f.too_many && n && n < COMMITS_MAX && !forced && !created)
        write_files(&j, &f);
    return end(&j);
}

/* ---- pull request ---- */

static void opt_int(struct ci_json *j, const char *key, const struct sco_node *v)
{
    if (sco_is(v, SCO_NODE_INT))
        ci_json_kint(j, key, v->i);
}

static void opt_time(struct ci_json *j, const char *key, int64_t ms)
{
    if (ms > 0)
        ci_json_ktime(j, key, ms);
}

/* An edit of the base branch changes what the request introduces. */
static int needs_scan(const struct sco_node *p)
{
    static const char *const actions[] = {"opened", "synchronize", "reopened", "ready_for_review",
                                          NULL};
    struct sco_str action = sco_text_at(p, "action");
    for (size_t i = 0; actions[i]; i++)
        if (sco_str_is(action, actions[i]))
            return 1;
    return sco_str_is(action, "edited") && sco_path(p, "changes.base") != NULL;
}

struct sco_str github_pull_details(const struct sco_host *h, const struct sco_node *p)
{
    const struct sco_node *pr = sco_get(p, "pull_request");
    struct ci_json j;
    begin(&j, h);
    ci_json_kopt(&j, "title", sco_text_at(pr, "title"));
    ci_json_kbool(&j, "draft", sco_bool(sco_get(pr, "draft"), 0));
    ci_json_kopt(&j, "author", sco_text_at(pr, "user.login"));
    opt_time(&j, "merged_at", ci_time_at(pr, "merged_at"));
    opt_time(&j, "closed_at", ci_time_at(pr, "closed_at"));
    ci_json_kopt(&j, "merge_commit_sha", ci_sha_at(pr, "merge_commit_sha"));
    ci_json_key(&j, "labels");
    ci_json_begin(&j, '[');
    SCO_EACH (l, sco_get(pr, "labels"))
        if (sco_text_at(l, "name").n)
            ci_json_str(&j, sco_text_at(l, "name"));
    ci_json_end(&j, ']');
    opt_int(&j, "additions", sco_get(pr, "additions"));
    opt_int(&j, "deletions", sco_get(pr, "deletions"));
    opt_int(&j, "changed_files", sco_get(pr, "changed_files"));
    ci_json_kbool(&j, "needs_scan", needs_scan(p));
    return end(&j);
}

/* ---- runs and jobs ---- */

static void span(struct ci_json *j, const char *key, int64_t from, int64_t to)
{
    if (from > 0 && to >= from)
        ci_json_kint(j, key, to - from);
}

struct sco_str github_run_details(const struct sco_host *h, const struct sco_node *run)
{
    int64_t created = ci_time_at(run, "created_at"), started = ci_time_at(run, "run_started_at");
    struct ci_json j;
    begin(&j, h);
    opt_int(&j, "attempt", sco_get(run, "run_attempt"));
    if (sco_text_at(run, "conclusion").n)
        span(&j, "duration_ms", started ? started : created, ci_time_at(run, "updated_at"));
    if (sco_int_at(run, "run_attempt", 1) == 1)
        span(&j, "queued_ms", created, started);
    struct sco_str message = sco_text_at(run, "head_commit.message");
    if (message.n)
        ci_json_kstr(&j, "head_message", ci_line(h, ci_first_line(message), MESSAGE_MAX));
    return end(&j);
}

void github_stage(struct ci_json *j, const struct sco_node *job)
{
    ci_json_begin(j, '{');
    ci_json_kstr(j, "name", sco_text_at(job, "name"));
    ci_json_kz(j, "status",
               github_status(sco_text_at(job, "status"), sco_text_at(job, "conclusion")));
    ci_json_ktime(j, "started_at", ci_time_at(job, "started_at"));
    ci_json_ktime(j, "finished_at", ci_time_at(job, "completed_at"));
    ci_json_kstr(j, "job_id", github_id(sco_get(job, "id")));
    ci_json_kstr(j, "stage", sco_text_at(job, "workflow_name"));
    ci_json_kint(j, "attempt", sco_int_at(job, "run_attempt", 1));
    ci_json_kstr(j, "url", ci_url(j->h, sco_text_at(job, "html_url")));
    ci_json_end(j, '}');
}

struct sco_str github_job_details(const struct sco_host *h, const struct sco_node *job)
{
    int64_t started = ci_time_at(job, "started_at");
    struct ci_json j;
    begin(&j, h);
    opt_int(&j, "attempt", sco_get(job, "run_attempt"));
    opt_int(&j, "run_attempt", sco_get(job, "run_attempt"));
    span(&j, "duration_ms", started, ci_time_at(job, "completed_at"));
    span(&j, "queued_ms", ci_time_at(job, "created_at"), started);
    ci_json_key(&j, "stages");
    ci_json_begin(&j, '[');
    if (job)
        github_stage(&j, job);
    ci_json_end(&j, ']');
    return end(&j);
}

/* ---- the others ---- */

struct sco_str github_release_details(const struct sco_host *h, const struct sco_node *release)
{
    struct ci_json j;
    begin(&j, h);
    ci_json_kopt(&j, "tag", sco_text_at(release, "tag_name"));
    ci_json_kopt(&j, "name", sco_text_at(release, "name"));
    ci_json_kbool(&j, "prerelease", sco_bool(sco_get(release, "prerelease"), 0));
    ci_json_kbool(&j, "draft", sco_bool(sco_get(release, "draft"), 0));
    return end(&j);
}

struct sco_str github_comment_details(const struct sco_host *h, const struct sco_node *comment)
{
    struct ci_json j;
    begin(&j, h);
    struct sco_str body = sco_text_at(comment, "body");
    if (body.p)
        ci_json_kstr(&j, "body", ci_cut(body, BODY_MAX));
    ci_json_kopt(&j, "author", sco_text_at(comment, "user.login"));
    ci_json_kopt(&j, "review_state", sco_text_at(comment, "state"));
    ci_json_kopt(&j, "commit_sha", ci_sha_at(comment, "commit_id"));
    return end(&j);
}
