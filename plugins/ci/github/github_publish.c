/* publish: what becomes of a scan at GitHub. This file: the request, which steps, the result. Doing
 * it again writes nothing: every step looks for what it made before, by id, marker and author. */
#include "github_priv.h"

static const char SEVERITIES[][9] = {"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"};

/* ---- telling ---- */

void github_step(struct github_publish *p, const char *step, const char *result,
                 struct sco_str reason, struct sco_str id, struct sco_str url)
{
    if (p->n_steps == sizeof p->steps / sizeof *p->steps)
        return;
    struct github_step *s = &p->steps[p->n_steps++];
    s->step = step;
    s->result = result;
    s->reason = reason;
    s->id = id;
    s->url = url;
}

struct sco_str github_reason(const struct github_publish *p)
{
    return ci_copy(p->h, sco_str_c(p->o->e->text));
}

static void write_state(struct github_publish *p, struct ci_json *j)
{
    ci_json_key(j, "state");
    ci_json_begin(j, '{');
    ci_json_kstr(j, "check_id", p->check_id);
    ci_json_kstr(j, "external_id", p->external_id);
    ci_json_kbool(j, "no_checks", p->no_checks);
    ci_json_ktime(j, "no_checks_at", p->no_checks ? p->no_checks_at : 0);
    ci_json_kstr(j, "no_checks_as", p->no_checks ? p->no_checks_as : sco_str_make(NULL, 0));
    ci_json_kstr(j, "no_checks_why", p->no_checks ? p->no_checks_why : sco_str_make(NULL, 0));
    ci_json_kstr(j, "status_sha", p->status_sha);
    ci_json_kstr(j, "comment_id", p->comment_id);
    ci_json_kstr(j, "author", p->author);
    ci_json_kstr(j, "sarif_id", p->sarif_id);
    ci_json_kstr(j, "sarif_digest", p->sarif_digest);
    ci_json_kstr(j, "sarif_state", p->sarif_state);
    ci_json_end(j, '}');
}

static int write_result(struct github_publish *p)
{
    struct ci_json j = ci_json_new(p->h);
    ci_json_begin(&j, '{');
    write_state(p, &j);
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
static int outcome(struct github_publish *p)
{
    struct ci_json j = ci_json_new(p->h);
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct github_step *s = &p->steps[i];
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
static struct sco_str count_title(struct github_publish *p, const struct sco_node *summary)
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

/* What was not checked is never a success: an incomplete scan fails the check. */
static void decide(struct github_publish *p)
{
    const struct sco_node *q = p->o->q;
    struct sco_str gate = sco_text_at(q, "gate.result");
    struct sco_str why = sco_text(sco_first(sco_path(q, "gate.reasons")));
    struct sco_str counts = count_title(p, sco_get(q, "summary"));
    if (sco_str_is(p->phase, "pending")) {
        p->state = "pending";
        p->title = SCO_STR("Scan in progress");
    } else if (sco_str_is(p->phase, "error")) {
        struct sco_str reason = sco_text_at(q, "reason");
        p->state = "error";
        p->conclusion = "failure";
        p->title = sco_fmt(p->h, "No result: %.*s",
                           SCO_STR_ARG(reason.n ? reason : SCO_STR("the scan did not end")));
    } else if (sco_str_is(gate, "passed")) {
        p->state = "success";
        p->conclusion = "success";
        p->title = ci_verdict_counts(p->h, q, counts);
    } else if (sco_str_is(gate, "failed")) {
        p->state = "failure";
        p->conclusion = "failure";
        p->title = ci_verdict_counts(p->h, q, counts);
    } else {
        p->state = "error";
        p->conclusion = "failure";
        p->title = sco_fmt(p->h, "Incomplete: %.*s (%.*s)",
                           SCO_STR_ARG(why.n ? why : SCO_STR("a part was not checked")),
                           SCO_STR_ARG(counts));
    }
    p->title = ci_line(p->h, p->title, 200);
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

static int is_null(const struct sco_node *v)
{
    return !v || v->type == SCO_NODE_NULL;
}

/* With the permission's name, where the platform says that it is one: it named what reading needs.
 */
static struct sco_str refusal(const struct github_publish *p)
{
    return strstr(p->o->e->text, "it needs the permission ")
               ? SCO_STR("this credential may not create check runs: it needs the permission "
                         "checks=write; a commit status in its place")
               : SCO_STR("this credential may not create check runs: a commit status in its place");
}

/* Tells one credential from another, and nothing else. */
static struct sco_str credential_id(const struct github_publish *p)
{
    static const char digits[] = "0123456789abcdef";
    const struct github *g = p->o->g;
    unsigned char digest[32];
    char hex[17] = "";
    struct sco_str who = g->token.n ? g->token
                                    : sco_fmt(p->h, "%.*s %lld", SCO_STR_ARG(g->app_id),
                                              (long long)p->o->installation);
    p->h->crypto->sha256(p->h, who, digest);
    for (int i = 0; i < 8; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    return ci_copy(p->h, sco_str_c(hex));
}

/* Check runs that were refused are tried again with another credential, and after a day, for the
 * right may have been given since. Not within a scan: its status is what people wait for. */
static void read_refusal(struct github_publish *p, const struct sco_node *state)
{
    int same_scan = sco_str_eq(sco_text_at(state, "external_id"), p->external_id);
    p->no_checks_at = ci_time_at(state, "no_checks_at");
    p->no_checks_as = credential_id(p);
    p->no_checks_why = ci_copy(p->h, sco_text_at(state, "no_checks_why"));
    if (!p->no_checks_why.n)
        p->no_checks_why = refusal(p);
    p->no_checks = sco_bool(sco_get(state, "no_checks"), 0) &&
                   (same_scan || (p->no_checks_at > p->h->now(p->h) - GITHUB_CHECKS_AGAIN_MS &&
                                  sco_str_eq(sco_text_at(state, "no_checks_as"), p->no_checks_as)));
}

static int read_request(struct github_publish *p)
{
    struct github_op *o = p->o;
    const struct sco_node *q = o->q, *state = sco_get(q, "state");
    struct sco_str scan = sco_text_at(q, "key"), file = sco_text_at(q, "markdown");
    if (!scan.n)
        scan = sco_text_at(q, "scan.id");
    p->marker = sco_text_at(q, "marker");
    p->sha = ci_sha_at(q, "commit_sha");
    p->base_sha = ci_sha_at(q, "base_sha");
    p->branch = sco_text_at(q, "branch");
    p->phase = sco_text_at(q, "phase");
    p->name = sco_text_at(q, "name");
    if (!p->name.n)
        p->name = o->g->check_name;
    p->pr = sco_int_at(q, "pr_number", 0);
    p->details_url = sco_text_at(q, "scan.url");
    if (!o->repo || !p->sha.n)
        return sco_errf(o->e, SCO_E_INVALID, "publish needs repository and commit_sha");
    if (!good_marker(p->marker))
        return sco_errf(o->e, SCO_E_INVALID, "marker is not text of a-z, 0-9 and :/_.-");
    if (!sco_str_is(p->phase, "pending") && !sco_str_is(p->phase, "result") &&
        !sco_str_is(p->phase, "error"))
        return sco_errf(o->e, SCO_E_INVALID, "phase is none of pending, result, error");
    p->external_id = ci_cut(
        sco_fmt(p->h, "%.*s#%.*s", SCO_STR_ARG(p->marker), SCO_STR_ARG(scan.n ? scan : p->sha)),
        255);
    if (sco_str_eq(sco_text_at(state, "external_id"), p->external_id))
        p->check_id = sco_text_at(state, "check_id");
    p->status_sha = ci_sha_at(state, "status_sha");
    read_refusal(p, state);
    p->comment_id = sco_text_at(state, "comment_id");
    p->author = sco_text_at(state, "author");
    p->sarif_id = sco_text_at(state, "sarif_id");
    p->sarif_digest = sco_text_at(state, "sarif_digest");
    p->sarif_state = sco_text_at(state, "sarif_state");
    if (!file.n || !sco_str_is(p->phase, "result"))
        return 0;
    const char *path = sco_cstr(p->h, file);
    return path ? ci_read_file(p->h, path, (size_t)4 << 20, &p->markdown, o->e)
                : sco_errf(o->e, SCO_E_NOMEM, "out of memory");
}

static int wants(const struct github_publish *p, const char *step, int by_default)
{
    const struct sco_node *steps = sco_get(p->o->q, "steps");
    if (!sco_is(steps, SCO_NODE_LIST))
        return by_default;
    SCO_EACH (c, steps)
        if (sco_str_is(sco_text(c), step))
            return 1;
    return 0;
}

/* A pull request that was pushed to since has another head: what we have is about an older one. */
static int look_at_head(struct github_publish *p)
{
    struct ci_answer a;
    if (!p->pr || sco_str_is(p->phase, "pending"))
        return 0;
    int r = github_get(p->o, github_path(p->o, "/pulls/%lld", (long long)p->pr), "the pull request",
                       &a);
    if (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND)
        return 0; /* the steps will say what they may not do */
    if (r != 0)
        return r;
    struct sco_str head = ci_sha_at(a.root, "head.sha");
    p->moved = head.n && !sco_str_eq(head, p->sha);
    return 0;
}

/* ---- steps ---- */

/* What may pass ends the call, to be done again; the rest fails the step alone. A commit that was
 * pushed over may be gone altogether: then nobody waits for its result. */
static int settle(struct github_publish *p, const char *step, int r)
{
    struct sco_str none = {NULL, 0};
    if (r == 0)
        return 0;
    if (r > 0 || r == SCO_E_NETWORK || r == SCO_E_TIMEOUT || r == SCO_E_CANCELLED ||
        r == SCO_E_IO || r == SCO_E_NOMEM)
        return r;
    int gone = p->moved && (r == SCO_E_INVALID || r == SCO_E_NOT_FOUND);
    github_step(p, step, gone ? "skipped" : "failed", github_reason(p), none, none);
    return 0;
}

static int check_or_status(struct github_publish *p)
{
    int refused = 0, r;
    if (!wants(p, "check", 1))
        return wants(p, "status", 0) ? settle(p, "status", github_publish_status(p, NULL)) : 0;
    if (!p->no_checks) {
        r = github_publish_check(p, &refused);
        if (!refused)
            r = settle(p, "check", r);
        /* one that stood in the check's place is not left behind */
        int status = wants(p, "status", 0) || sco_str_eq(p->status_sha, p->sha);
        if (!refused && (r != 0 || !status))
            return r;
        if (!refused)
            return settle(p, "status", github_publish_status(p, NULL));
        p->no_checks_at = p->h->now(p->h);
        p->no_checks_why = refusal(p);
    }
    p->no_checks = 1;
    p->status_sha = p->sha;
    return settle(p, "check", github_publish_status(p, p->no_checks_why.p));
}

static void skip(struct github_publish *p, const char *step, const char *reason)
{
    struct sco_str none = {NULL, 0};
    github_step(p, step, "skipped", sco_str_c(reason), none, none);
}

static int rest(struct github_publish *p)
{
    const char *moved = "the pull request has another head by now";
    int sarif = !is_null(sco_get(p->o->q, "sarif")), r = 0;
    if (wants(p, "comment", p->pr > 0)) {
        if (!p->pr || !p->markdown.p)
            skip(p, "comment", !p->pr ? "there is no pull request" : "there is no text");
        else if (p->moved)
            skip(p, "comment", moved);
        else
            r = settle(p, "comment", github_publish_comment(p));
    }
    if (r == 0 && wants(p, "review", 0)) {
        if (!p->pr || p->moved)
            skip(p, "review", p->pr ? moved : "there is no pull request");
        else
            r = settle(p, "review", github_publish_review(p));
    }
    if (r == 0 && wants(p, "sarif", sarif)) {
        if (!sarif || p->moved)
            skip(p, "sarif", sarif ? moved : "there is no SARIF file");
        else
            r = settle(p, "sarif",
                       github_publish_sarif(p, sco_is(sco_get(p->o->q, "steps"), SCO_NODE_LIST)));
    }
    return r;
}

static int do_publish(struct github_publish *p)
{
    int r = read_request(p);
    if (r == 0)
        r = look_at_head(p);
    if (r == 0 && sco_str_is(p->phase, "result"))
        r = github_read_findings(p);
    if (r != 0)
        return r;
    decide(p);
    r = check_or_status(p);
    if (r == 0 && sco_str_is(p->phase, "result"))
        r = rest(p);
    if (r != 0) { /* what was done is told all the same */
        struct sco_str why = github_reason(p);
        int w = write_result(p);
        return w < 0 ? w : sco_errf(p->o->e, r, "%.*s", SCO_STR_ARG(why));
    }
    r = write_result(p);
    return r < 0 ? r : outcome(p);
}

int github_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    struct github_publish p;
    int r = github_begin(&o, ctx, c, e);
    memset(&p, 0, sizeof p);
    p.o = &o;
    p.h = o.h;
    return github_end(&o, r == 0 ? do_publish(&p) : r);
}
