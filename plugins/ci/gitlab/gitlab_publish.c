/* publish: what becomes of a scan at GitLab. This file: the request, which steps, the result. Doing
 * it again writes nothing: every step looks for what it made before, by marker and author. */
#include "gitlab_priv.h"

static const char SEVERITIES[][9] = {"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"};

/* ---- telling ---- */

void gitlab_step(struct gitlab_publish *p, const char *step, const char *result,
                 struct sco_str reason, struct sco_str id, struct sco_str url)
{
    if (p->n_steps == sizeof p->steps / sizeof *p->steps)
        return;
    struct gitlab_step *s = &p->steps[p->n_steps++];
    s->step = step;
    s->result = result;
    s->reason = reason;
    s->id = id;
    s->url = url;
}

struct sco_str gitlab_reason(const struct gitlab_publish *p)
{
    return ci_copy(p->h, sco_str_c(p->o->e->text));
}

static int write_result(struct gitlab_publish *p)
{
    struct ci_json j = ci_json_new(p->h);
    ci_json_begin(&j, '{');
    ci_json_key(&j, "state");
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "scan_id", p->last_scan);
    ci_json_kstr(&j, "status", p->last_state);
    ci_json_kstr(&j, "note_id", p->note_id);
    ci_json_kstr(&j, "author", p->author);
    ci_json_end(&j, '}');
    ci_json_kstr(&j, "url", p->url);
    ci_json_key(&j, "steps");
    ci_json_begin(&j, '[');
    for (size_t i = 0; i < p->n_steps; i++) {
        ci_json_begin(&j, '{');
        ci_json_kz(&j, "step", p->steps[i].step);
        ci_json_kz(&j, "result", p->steps[i].result);
        ci_json_kstr(&j, "reason", p->steps[i].reason);
        ci_json_kstr(&j, "id", p->steps[i].id);
        ci_json_kstr(&j, "url", p->steps[i].url);
        ci_json_end(&j, '}');
    }
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    return ci_json_record(&j, "result", p->o->e);
}

/* 0, or SCO_CI_DEGRADED with what was left out. */
static int outcome(struct gitlab_publish *p)
{
    struct ci_json j = ci_json_new(p->h);
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct gitlab_step *s = &p->steps[i];
        if (strcmp(s->result, "failed") != 0 && strcmp(s->result, "degraded") != 0)
            continue;
        struct sco_str line = sco_fmt(p->h, "%s%s %s: %.*s", j.n ? "; " : "", s->step, s->result,
                                      SCO_STR_ARG(s->reason));
        ci_json_put(&j, line.p, line.n);
    }
    if (!j.n)
        return 0;
    return sco_errf(p->o->e, SCO_CI_DEGRADED, "%.*s", SCO_STR_ARG(ci_json_text(&j)));
}

/* ---- what is said ---- */

/* "3 new findings: 1 critical, 2 high". */
static struct sco_str count_title(struct gitlab_publish *p, const struct sco_node *summary)
{
    int64_t n = sco_int_at(summary, "new", (int64_t)p->n);
    const struct sco_node *by = sco_get(summary, "by_severity");
    struct sco_str s = n == 0   ? SCO_STR("No new findings")
                       : n == 1 ? SCO_STR("1 new finding")
                                : sco_fmt(p->h, "%lld new findings", (long long)n);
    const char *between = ": ";
    for (size_t i = 0; n && i < sizeof SEVERITIES / sizeof *SEVERITIES; i++) {
        static const char *const words[] = {"critical", "high", "medium", "low", "info"};
        int64_t k = sco_int(sco_get(by, SEVERITIES[i]), 0);
        if (k > 0) {
            s = sco_fmt(p->h, "%.*s%s%lld %s", SCO_STR_ARG(s), between, (long long)k, words[i]);
            between = ", ";
        }
    }
    return s;
}

/* What was not checked is never a success. */
static void decide(struct gitlab_publish *p)
{
    const struct sco_node *q = p->o->q;
    struct sco_str gate = sco_text_at(q, "gate.result");
    struct sco_str why = sco_text(sco_first(sco_path(q, "gate.reasons")));
    struct sco_str counts = count_title(p, sco_get(q, "summary"));
    p->state = "failed";
    if (sco_str_is(p->phase, "pending")) {
        p->state = "pending";
        p->title = SCO_STR("Scan in progress");
    } else if (sco_str_is(p->phase, "error")) {
        struct sco_str reason = sco_text_at(q, "reason");
        p->title = sco_fmt(p->h, "No result: %.*s",
                           SCO_STR_ARG(reason.n ? reason : SCO_STR("the scan did not end")));
    } else if (sco_str_is(gate, "passed") || sco_str_is(gate, "failed")) {
        p->state = sco_str_is(gate, "passed") ? "success" : "failed";
        p->title = ci_verdict_counts(p->h, q, counts);
    } else {
        p->title = sco_fmt(p->h, "Incomplete: %.*s (%.*s)",
                           SCO_STR_ARG(why.n ? why : SCO_STR("a part was not checked")),
                           SCO_STR_ARG(counts));
    }
    p->title = ci_line(p->h, p->title, GITLAB_STATUS_MAX);
}

/* ---- the request ---- */

static int good_marker(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              (s.p[i] && strchr(":/_.-", s.p[i]))))
            return 0;
    return s.n > 0 && s.n <= 200 && !ci_contains(s, "--");
}

static int read_request(struct gitlab_publish *p)
{
    struct gitlab_op *o = p->o;
    const struct sco_node *q = o->q, *state = sco_get(q, "state");
    struct sco_str file = sco_text_at(q, "markdown"), head = sco_text_at(q, "head_repository");
    p->marker = sco_text_at(q, "marker");
    p->sha = ci_sha_at(q, "commit_sha");
    p->branch = gitlab_bare(sco_text_at(q, "branch"));
    p->phase = sco_text_at(q, "phase");
    p->name = sco_text_at(q, "name");
    if (!p->name.n)
        p->name = o->g->status_name;
    p->name = ci_cut(p->name, GITLAB_STATUS_MAX);
    p->mr = sco_int_at(q, "pr_number", 0);
    p->fork = (head.n && !sco_str_eq(head, sco_text_at(q, "repository"))) ||
              sco_str_starts(p->branch, "refs/merge-requests/");
    p->scan_id = sco_text_at(q, "scan.id");
    p->details_url = sco_text_at(q, "scan.url");
    if (!p->sha.n)
        return sco_errf(o->e, SCO_E_INVALID, "publish needs commit_sha");
    if (!good_marker(p->marker))
        return sco_errf(o->e, SCO_E_INVALID, "marker is not text of a-z, 0-9 and :/_.-");
    if (!sco_str_is(p->phase, "pending") && !sco_str_is(p->phase, "result") &&
        !sco_str_is(p->phase, "error"))
        return sco_errf(o->e, SCO_E_INVALID, "phase is none of pending, result, error");
    p->note_id = sco_text_at(state, "note_id");
    p->author = sco_text_at(state, "author");
    p->last_scan = sco_text_at(state, "scan_id");
    p->last_state = sco_text_at(state, "status");
    if (!file.n || !sco_str_is(p->phase, "result"))
        return 0;
    const char *path = sco_cstr(p->h, file);
    return path ? ci_read_file(p->h, path, (size_t)4 << 20, &p->markdown, o->e)
                : sco_errf(o->e, SCO_E_NOMEM, "out of memory");
}

static int listed(const struct gitlab_publish *p, const char *step)
{
    SCO_EACH (c, sco_get(p->o->q, "steps"))
        if (sco_str_is(sco_text(c), step))
            return 1;
    return 0;
}

static int wants(const struct gitlab_publish *p, const char *step, int by_default)
{
    if (!sco_is(sco_get(p->o->q, "steps"), SCO_NODE_LIST))
        return by_default;
    return listed(p, step);
}

/* A merge request that was pushed to since has another head: what we have is about an older one. */
static int look_at_head(struct gitlab_publish *p)
{
    struct ci_answer a;
    if (!p->mr || !sco_str_is(p->phase, "result"))
        return 0;
    int r = gitlab_get(p->o, gitlab_path(p->o, "/merge_requests/%lld", (long long)p->mr),
                       "the merge request", &a);
    if (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND)
        return 0; /* the steps will say what they may not do */
    if (r != 0)
        return r;
    struct sco_str head = ci_sha_at(a.root, "sha");
    p->moved = head.n && !sco_str_eq(head, p->sha);
    p->base_sha = ci_copy(p->h, ci_sha_at(a.root, "diff_refs.base_sha"));
    p->start_sha = ci_copy(p->h, ci_sha_at(a.root, "diff_refs.start_sha"));
    p->head_sha = ci_copy(p->h, ci_sha_at(a.root, "diff_refs.head_sha"));
    p->mr_url = ci_copy(p->h, sco_text_at(a.root, "web_url"));
    return 0;
}

int gitlab_need_author(struct gitlab_publish *p)
{
    return p->author.n ? 0 : gitlab_author(p->o, &p->author);
}

/* ---- steps ---- */

/* What may pass ends the call, to be done again; the rest fails the step alone. */
static int settle(struct gitlab_publish *p, const char *step, int r)
{
    struct sco_str none = {NULL, 0};
    if (r == 0)
        return 0;
    if (r > 0 || r == SCO_E_NETWORK || r == SCO_E_TIMEOUT || r == SCO_E_CANCELLED ||
        r == SCO_E_IO || r == SCO_E_NOMEM)
        return r;
    gitlab_step(p, step, "failed", gitlab_reason(p), none, none);
    return 0;
}

static void skip(struct gitlab_publish *p, const char *step, const char *reason)
{
    struct sco_str none = {NULL, 0};
    gitlab_step(p, step, "skipped", sco_str_c(reason), none, none);
}

static int on_merge_request(struct gitlab_publish *p, const char *step, int possible,
                            int (*publish)(struct gitlab_publish *p))
{
    if (!p->mr || !possible)
        skip(p, step, !p->mr ? "there is no merge request" : "there is no text");
    else if (p->moved)
        skip(p, step, "the merge request has another head by now");
    else
        return settle(p, step, publish(p));
    return 0;
}

static int all_steps(struct gitlab_publish *p)
{
    int r = 0;
    if (wants(p, "status", 1) || listed(p, "check")) /* what GitLab has of a check */
        r = settle(p, "status", gitlab_publish_status(p));
    if (r != 0 || !sco_str_is(p->phase, "result"))
        return r;
    if (wants(p, "comment", p->mr > 0))
        r = on_merge_request(p, "comment", p->markdown.p != NULL, gitlab_publish_note);
    int threads = p->mr > 0 && p->o->g->threads_max > 0;
    if (r == 0 && (wants(p, "threads", threads) || listed(p, "review")))
        r = on_merge_request(p, "threads", 1, gitlab_publish_threads);
    if (r == 0 && listed(p, "sarif"))
        skip(p, "sarif", "GitLab takes reports from jobs of its pipelines only: artifacts:reports");
    if (r == 0 && listed(p, "description"))
        skip(p, "description", "pipelines of GitLab have none");
    return r;
}

static int do_publish(struct gitlab_publish *p)
{
    int r = read_request(p);
    if (r == 0)
        r = look_at_head(p);
    if (r == 0 && sco_str_is(p->phase, "result"))
        r = gitlab_read_findings(p);
    if (r != 0)
        return r;
    decide(p);
    p->url = p->mr_url.n ? p->mr_url : p->details_url;
    r = all_steps(p);
    if (r != 0) { /* what was done is told all the same */
        struct sco_str why = gitlab_reason(p);
        int w = write_result(p);
        return w < 0 ? w : sco_errf(p->o->e, r, "%.*s", SCO_STR_ARG(why));
    }
    r = write_result(p);
    return r < 0 ? r : outcome(p);
}

int gitlab_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct gitlab_op o;
    struct gitlab_publish p;
    int r = gitlab_begin(&o, ctx, c, e);
    memset(&p, 0, sizeof p);
    p.o = &o;
    p.h = o.h;
    return gitlab_end(&o, r == 0 ? do_publish(&p) : r);
}
