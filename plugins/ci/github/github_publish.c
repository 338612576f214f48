/* publish: what becomes of a scan at GitHub. This file: the request, which steps, the result. Doing
 * it again writes nothing: every step looks for what it made before, by id, marker and author. */
#include "github_priv.h"

static struct sco_str state_of(const struct github_publish *p)
{
    struct ci_json j = ci_json_new(p->r.h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "check_id", p->check_id);
    ci_json_kstr(&j, "external_id", p->external_id);
    ci_json_kbool(&j, "no_checks", p->no_checks);
    ci_json_ktime(&j, "no_checks_at", p->no_checks ? p->no_checks_at : 0);
    ci_json_kstr(&j, "no_checks_as", p->no_checks ? p->no_checks_as : sco_str_make(NULL, 0));
    ci_json_kstr(&j, "no_checks_why", p->no_checks ? p->no_checks_why : sco_str_make(NULL, 0));
    ci_json_kstr(&j, "status_sha", p->status_sha);
    ci_json_kstr(&j, "comment_id", p->comment_id);
    ci_json_kstr(&j, "author", p->author);
    ci_json_kstr(&j, "sarif_id", p->sarif_id);
    ci_json_kstr(&j, "sarif_digest", p->sarif_digest);
    ci_json_kstr(&j, "sarif_state", p->sarif_state);
    ci_json_end(&j, '}');
    return ci_json_text(&j);
}

/* ---- the request ---- */

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
                                    : sco_fmt(p->r.h, "%.*s %lld", SCO_STR_ARG(g->app_id),
                                              (long long)p->o->installation);
    p->r.h->crypto->sha256(p->r.h, who, digest);
    for (int i = 0; i < 8; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    return ci_copy(p->r.h, sco_str_c(hex));
}

/* Check runs that were refused are tried again with another credential, and after a day, for the
 * right may have been given since; a day that is to come says that the clock was set. Not within a
 * scan: its status is what people wait for. */
static void read_refusal(struct github_publish *p, const struct sco_node *state)
{
    int64_t now = p->r.h->now(p->r.h);
    int same_scan = sco_str_eq(sco_text_at(state, "external_id"), p->external_id);
    p->no_checks_at = ci_time_at(state, "no_checks_at");
    p->no_checks_as = credential_id(p);
    p->no_checks_why = ci_copy(p->r.h, sco_text_at(state, "no_checks_why"));
    if (!p->no_checks_why.n)
        p->no_checks_why = refusal(p);
    p->no_checks =
        sco_bool(sco_get(state, "no_checks"), 0) &&
        (same_scan || (p->no_checks_at > now - GITHUB_CHECKS_AGAIN_MS && p->no_checks_at <= now &&
                       sco_str_eq(sco_text_at(state, "no_checks_as"), p->no_checks_as)));
}

static int read_request(struct github_publish *p)
{
    struct github_op *o = p->o;
    const struct sco_node *q = o->q, *state = sco_get(q, "state");
    struct sco_str scan = sco_text_at(q, "key");
    if (!scan.n)
        scan = sco_text_at(q, "scan.id");
    if (!o->repo || !ci_sha_at(q, "commit_sha").n)
        return sco_errf(o->e, SCO_E_INVALID, "publish needs repository and commit_sha");
    int r = ci_result_read(&p->r, o->g->check_name);
    if (r != 0)
        return r;
    p->external_id = ci_cut(sco_fmt(p->r.h, "%.*s#%.*s", SCO_STR_ARG(p->r.marker),
                                    SCO_STR_ARG(scan.n ? scan : p->r.sha)),
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
    return 0;
}

/* A pull request that was pushed to since has another head: what we have is about an older one. */
static int look_at_head(struct github_publish *p)
{
    struct ci_answer a;
    if (!p->r.pr || sco_str_is(p->r.phase, "pending"))
        return 0;
    int r = github_get(p->o, github_path(p->o, "/pulls/%lld", (long long)p->r.pr),
                       "the pull request", &a);
    if (r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND)
        return 0; /* the steps will say what they may not do */
    if (r != 0)
        return r;
    struct sco_str head = ci_sha_at(a.root, "head.sha");
    p->moved = head.n && !sco_str_eq(head, p->r.sha);
    return 0;
}

/* ---- steps ---- */

/* A commit that was pushed over may be gone altogether: then nobody waits for its result. */
static int settle(struct github_publish *p, const char *step, int r)
{
    struct sco_str none = {NULL, 0};
    if (!p->moved || (r != SCO_E_INVALID && r != SCO_E_NOT_FOUND))
        return ci_result_settle(&p->r, step, r);
    ci_result_step(&p->r, step, "skipped", ci_result_reason(&p->r), none, none);
    return 0;
}

static int check_or_status(struct github_publish *p)
{
    int refused = 0, r;
    if (!ci_result_wants(&p->r, "check", 1))
        return ci_result_wants(&p->r, "status", 0)
                   ? settle(p, "status", github_publish_status(p, NULL))
                   : 0;
    if (!p->no_checks) {
        r = github_publish_check(p, &refused);
        if (!refused)
            r = settle(p, "check", r);
        /* one that stood in the check's place is not left behind */
        int status = ci_result_wants(&p->r, "status", 0) || sco_str_eq(p->status_sha, p->r.sha);
        if (!refused && (r != 0 || !status))
            return r;
        if (!refused)
            return settle(p, "status", github_publish_status(p, NULL));
        p->no_checks_at = p->r.h->now(p->r.h);
        p->no_checks_why = refusal(p);
    }
    p->no_checks = 1;
    p->status_sha = p->r.sha;
    return settle(p, "check", github_publish_status(p, p->no_checks_why.p));
}

static int rest(struct github_publish *p)
{
    const char *moved = "the pull request has another head by now";
    int sarif = !is_null(sco_get(p->o->q, "sarif")), r = 0;
    if (ci_result_wants(&p->r, "comment", p->r.pr > 0)) {
        if (!p->r.pr || !p->r.markdown.p)
            ci_result_skip(&p->r, "comment",
                           !p->r.pr ? "there is no pull request" : "there is no text");
        else if (p->moved)
            ci_result_skip(&p->r, "comment", moved);
        else
            r = settle(p, "comment", github_publish_comment(p));
    }
    if (r == 0 && ci_result_wants(&p->r, "review", 0)) {
        if (!p->r.pr || p->moved)
            ci_result_skip(&p->r, "review", p->r.pr ? moved : "there is no pull request");
        else
            r = settle(p, "review", github_publish_review(p));
    }
    if (r == 0 && ci_result_wants(&p->r, "sarif", sarif)) {
        if (!sarif || p->moved)
            ci_result_skip(&p->r, "sarif", sarif ? moved : "there is no SARIF file");
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
    if (r == 0 && sco_str_is(p->r.phase, "result"))
        r = github_read_findings(p);
    if (r != 0)
        return r;
    ci_result_decide(&p->r, CI_TITLE_MAX);
    if (!sco_str_is(p->r.phase, "pending")) /* an incomplete scan fails the check */
        p->conclusion = strcmp(p->r.state, "success") == 0 ? "success" : "failure";
    r = check_or_status(p);
    if (r == 0 && sco_str_is(p->r.phase, "result"))
        r = rest(p);
    return ci_result_end(&p->r, r, state_of(p), p->url);
}

int github_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e)
{
    struct github_op o;
    struct github_publish p;
    int r = github_begin(&o, ctx, c, e);
    memset(&p, 0, sizeof p);
    p.o = &o;
    p.r.h = o.h;
    p.r.q = o.q;
    p.r.e = e;
    return github_end(&o, r == 0 ? do_publish(&p) : r);
}
