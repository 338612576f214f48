/* What a notification means: that of the Notification plugin, by its phase, and that of the
 * outbound-webhook plugin. A field that the payload does not hold stays absent. */
#include "jenkins_priv.h"

const char *jenkins_status(struct sco_str result, const char *without)
{
    static const struct ci_word words[] = {{"SUCCESS", "success"},
                                           {"FAILURE", "failure"},
                                           {"FAILED", "failure"},
                                           {"UNSTABLE", "failure"},
                                           {"ABORTED", "cancelled"},
                                           {"NOT_BUILT", "skipped"},
                                           {"NOT_EXECUTED", "skipped"},
                                           {"IN_PROGRESS", "running"},
                                           {"PAUSED_PENDING_INPUT", "action_required"},
                                           {NULL, NULL}};
    const char *word = ci_word(words, result, "unknown");
    return word ? word : without;
}

/* ---- names ---- */

struct sco_str jenkins_repository(struct sco_str url)
{
    struct sco_str none = {NULL, 0}, path = none;
    size_t i = 0;
    for (; i + 2 < url.n; i++)
        if (memcmp(url.p + i, "://", 3) == 0)
            break;
    if (i + 2 < url.n) { /* scheme://host/path */
        const char *slash = (const char *)memchr(url.p + i + 3, '/', url.n - i - 3);
        if (slash)
            path = sco_str_make(slash + 1, url.n - (size_t)(slash + 1 - url.p));
    } else { /* user@host:path; a path of this machine is none */
        const char *colon = url.n ? (const char *)memchr(url.p, ':', url.n) : NULL;
        if (colon && !memchr(url.p, '/', (size_t)(colon - url.p)))
            path = sco_str_make(colon + 1, url.n - (size_t)(colon + 1 - url.p));
    }
    while (path.n && path.p[0] == '/')
        path = sco_str_make(path.p + 1, path.n - 1);
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    if (path.n > 4 && sco_str_is(sco_str_make(path.p + path.n - 4, 4), ".git"))
        path.n -= 4;
    return path.n ? path : none;
}

/* Digits that are all there is. */
static int64_t number(struct sco_str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || s.n > 15)
            return 0;
        n = n * 10 + (s.p[i] - '0');
    }
    return n;
}

int jenkins_job_of(const struct sco_host *h, struct sco_str path, struct sco_str *ret_job,
                   int64_t *ret_number)
{
    struct ci_json name = ci_json_new(h);
    int64_t last = 0;
    int is_name = 0;
    for (size_t at = 0; at < path.n;) {
        const char *slash = (const char *)memchr(path.p + at, '/', path.n - at);
        size_t n = slash ? (size_t)(slash - path.p) - at : path.n - at;
        struct sco_str part = sco_str_make(path.p + at, n);
        at += n + 1;
        if (is_name) {
            struct sco_str clear = ci_decode(h, part, 0);
            if (name.n)
                ci_json_put(&name, "/", 1);
            ci_json_put(&name, clear.p, clear.n);
            is_name = 0;
        } else if (sco_str_is(part, "job")) {
            is_name = 1;
        } else if (name.n && n) { /* behind the job: the number */
            last = number(part);
            break;
        }
    }
    if (!name.n || name.failed)
        return 0;
    *ret_job = ci_json_text(&name);
    *ret_number = last;
    return 1;
}

int64_t jenkins_pull_of(struct sco_str job)
{
    size_t at = job.n;
    while (at && job.p[at - 1] != '/')
        at--;
    return job.n ? number(ci_behind(sco_str_make(job.p + at, job.n - at), "PR-")) : 0;
}

void jenkins_set_branch(const struct sco_host *h, struct ci_event *ev, struct sco_str branch)
{
    static const char *const before[] = {"refs/remotes/origin/", "remotes/origin/", "refs/heads/",
                                         "origin/", NULL};
    if (sco_str_starts(branch, "refs/tags/")) {
        ci_event_ref(ev, branch);
        return;
    }
    for (size_t i = 0; before[i]; i++) {
        struct sco_str bare = ci_behind(branch, before[i]);
        if (bare.n) {
            branch = bare;
            break;
        }
    }
    if (!sco_str_is(branch, "detached"))
        ci_event_bare(h, ev, branch, 0);
}

struct sco_str jenkins_context(const struct sco_host *h, struct sco_str job, struct sco_str build)
{
    struct ci_json j = ci_json_new(h);
    ci_json_begin(&j, '{');
    ci_json_kopt(&j, "job", job.n ? job : sco_str_make(NULL, 0));
    ci_json_kopt(&j, "pipeline_id", build.n ? build : sco_str_make(NULL, 0));
    ci_json_end(&j, '}');
    return ci_json_text(&j);
}

static void set_build(const struct sco_host *h, struct ci_event *ev, struct sco_str job, int64_t n)
{
    if (job.n && n > 0)
        ev->pipeline_id = sco_fmt(h, "%.*s#%lld", SCO_STR_ARG(job), (long long)n);
    ev->context = jenkins_context(h, job, ev->pipeline_id);
}

/* ---- the Notification plugin ---- */

static struct sco_str lower(const struct sco_host *h, struct sco_str s)
{
    char *p = s.n ? (char *)h->alloc(h, s.n) : NULL;
    for (size_t i = 0; p && i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
    return sco_str_make(p, p ? s.n : 0);
}

/* "PR-12", "MR-12" and their like, and names that begin with a number (Gerrit): a change, perhaps.
 */
static int like_change(struct sco_str name)
{
    size_t i = 0;
    while (i < name.n && name.p[i] >= 'A' && name.p[i] <= 'Z')
        i++;
    if (i && i < name.n && name.p[i] == '-')
        i++;
    else
        i = 0;
    return i < name.n && name.p[i] >= '0' && name.p[i] <= '9';
}

/* CHANGE_FORK is the fork's name, and empty where there is none. Without it: the project of a
 * branch, which a multibranch project has called after it, is the repository's own. Of all else
 * nobody can tell. */
static int is_fork(const struct sco_host *h, const struct ci_event *ev,
                   const struct sco_node *parameters, struct sco_str job)
{
    const struct sco_node *fork = sco_get(parameters, "CHANGE_FORK");
    size_t at = job.n;
    if (sco_is(fork, SCO_NODE_STR))
        return fork->text.n > 0;
    while (at && job.p[at - 1] != '/')
        at--;
    if (ev->pr_number || !at)
        return -1;
    struct sco_str name = ci_decode(h, sco_str_make(job.p + at, job.n - at), 0);
    if (like_change(name))
        return -1;
    return name.n && sco_str_eq(name, ev->branch) ? 0 : -1;
}

static void pull(struct ci_event *ev, const struct sco_node *parameters, struct sco_str job)
{
    ev->pr_number = number(sco_text_at(parameters, "CHANGE_ID"));
    if (!ev->pr_number)
        ev->pr_number = jenkins_pull_of(job);
    if (!ev->pr_number)
        return;
    struct sco_str from = sco_text_at(parameters, "CHANGE_BRANCH");
    struct sco_str to = sco_text_at(parameters, "CHANGE_TARGET");
    ev->pr_source_branch = from.n ? from : sco_str_make(NULL, 0);
    ev->pr_target_branch = to.n ? to : sco_str_make(NULL, 0);
}

static struct sco_str details(const struct sco_host *h, const struct sco_node *b)
{
    static const char *const counts[] = {"total", "passed", "failed", "skipped", NULL};
    const struct sco_node *tests = sco_get(b, "test_summary");
    struct ci_json j = ci_json_new(h);
    ci_json_begin(&j, '{');
    if (sco_int_at(b, "duration", 0) > 0)
        ci_json_kint(&j, "duration_ms", sco_int_at(b, "duration", 0));
    if (sco_is(sco_get(tests, "total"), SCO_NODE_INT)) {
        ci_json_key(&j, "tests");
        ci_json_begin(&j, '{');
        for (size_t i = 0; counts[i]; i++)
            ci_json_kint(&j, counts[i], sco_int(sco_get(tests, counts[i]), 0));
        ci_json_end(&j, '}');
    }
    ci_json_end(&j, '}');
    return ci_json_text(&j);
}

static void notification(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    const struct sco_node *b = sco_get(p, "build"), *scm = sco_get(b, "scm");
    struct sco_str phase = ev->native_event, job = {NULL, 0}, url = sco_text_at(scm, "url");
    int64_t at = ci_time_at(b, "timestamp"), n = 0;
    int queued = sco_str_is(phase, "QUEUED"), started = sco_str_is(phase, "STARTED");
    ev->event = "pipeline";
    ev->action = lower(h, phase);
    ev->status = queued    ? "queued"
                 : started ? "running"
                           : jenkins_status(sco_text_at(b, "status"), "unknown");
    ev->clone_url = url;
    ev->repo_full_name = jenkins_repository(url);
    jenkins_set_branch(h, ev, sco_text_at(scm, "branch"));
    ev->commit_sha = ci_sha_at(scm, "commit");
    if (!jenkins_job_of(h, sco_text_at(b, "url"), &job, &n) &&
        !jenkins_job_of(h, sco_text_at(b, "full_url"), &job, &n))
        job = sco_text_at(p, "name");
    if (!n)
        n = sco_int_at(b, "number", 0);
    set_build(h, ev, job, n);
    pull(ev, sco_get(b, "parameters"), job);
    ev->is_fork = is_fork(h, ev, sco_get(b, "parameters"), job);
    if (queued)
        ev->created_at = at;
    else if (started)
        ev->started_at = at;
    else
        ev->finished_at = at;
    ev->url = sco_text_at(b, "full_url");
    ev->name = sco_text_at(p, "display_name");
    ev->details = details(h, b);
}

/* ---- the outbound-webhook plugin ---- */

static void outbound(const struct sco_host *h, struct ci_event *ev, const struct sco_node *p)
{
    static const struct ci_word words[] = {{"start", "running"},
                                           {"success", "success"},
                                           {"failure", "failure"},
                                           {"unstable", "failure"},
                                           {NULL, NULL}};
    struct sco_str url = sco_text_at(p, "buildUrl"), name = sco_text_at(p, "projectName"),
                   tail = url;
    struct sco_str job = {NULL, 0};
    int64_t n = 0;
    ev->event = "pipeline";
    ev->action = ev->native_event;
    ev->status = ci_word(words, ev->native_event, "unknown");
    ev->url = url;
    ev->name = name;
    while (tail.n && tail.p[tail.n - 1] == '/')
        tail.n--;
    size_t at = tail.n;
    while (at && tail.p[at - 1] != '/')
        at--;
    if (tail.n)
        n = number(sco_str_make(tail.p + at, tail.n - at));
    if (!n)
        n = number(ci_behind(sco_text_at(p, "buildName"), "#"));
    if (name.n && n > 0)
        ev->pipeline_id = sco_fmt(h, "%.*s#%lld", SCO_STR_ARG(name), (long long)n);
    if (!jenkins_job_of(h, url, &job, &n))
        job = name; /* of a job in a folder projectName may be the last part only */
    ev->context = jenkins_context(
        h, job, n > 0 ? sco_fmt(h, "%.*s#%lld", SCO_STR_ARG(job), (long long)n) : ev->pipeline_id);
}

/* ---- which is which ---- */

struct sco_str jenkins_native(const struct sco_node *payload)
{
    const struct sco_node *b = sco_get(payload, "build");
    return b ? sco_text_at(b, "phase") : sco_text_at(payload, "event");
}

static int is_phase(struct sco_str s)
{
    return sco_str_is(s, "QUEUED") || sco_str_is(s, "STARTED") || sco_str_is(s, "COMPLETED") ||
           sco_str_is(s, "FINALIZED");
}

static int is_outbound(struct sco_str s)
{
    return sco_str_is(s, "start") || sco_str_is(s, "success") || sco_str_is(s, "failure") ||
           sco_str_is(s, "unstable");
}

int jenkins_is_known(struct sco_str native)
{
    return is_phase(native) || is_outbound(native);
}

int jenkins_translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e)
{
    const struct sco_host *h = ((const struct jenkins *)ctx)->h;
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL;
    int r = ci_payload(h, d->body, &reader, &root, e);
    if (r == 0) {
        struct ci_event ev = ci_event_new("jenkins");
        ev.native_event = jenkins_native(root);
        if (sco_get(root, "build") && is_phase(ev.native_event))
            notification(h, &ev, root);
        else if (!sco_get(root, "build") && is_outbound(ev.native_event))
            outbound(h, &ev, root);
        r = ci_event_emit(h, &ev, e);
    }
    h->data->close(reader);
    return r < 0 ? r : 0;
}
