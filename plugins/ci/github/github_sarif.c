/* Code scanning: the SARIF file is uploaded, and then asked about until GitHub has read it: its
 * first answer says nothing about acceptance. */
#include "github_priv.h"

enum { POLL_MS = 1000, POLL_MAX_MS = 10000, FILE_MAX = 256 << 20, REASONS = 3 };

static struct sco_str digest(struct github_publish *p, struct sco_str text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char d[32];
    char *out = (char *)p->r.h->alloc(p->r.h, 65);
    p->r.h->crypto->sha256(p->r.h, text, d);
    for (size_t i = 0; out && i < 32; i++) {
        out[2 * i] = digits[d[i] >> 4];
        out[2 * i + 1] = digits[d[i] & 15];
    }
    return sco_str_make(out, out ? 64 : 0);
}

static struct sco_str ref_of(const struct github_publish *p)
{
    if (p->r.pr)
        return sco_fmt(p->r.h, "refs/pull/%lld/head", (long long)p->r.pr);
    if (sco_str_starts(p->r.branch, "refs/"))
        return p->r.branch;
    return p->r.branch.n ? sco_fmt(p->r.h, "refs/heads/%.*s", SCO_STR_ARG(p->r.branch))
                         : sco_str_make(NULL, 0);
}

/* ---- upload ---- */

/* After an upload of which nobody knows: an analysis of this commit since then. */
struct analysis {
    struct github_publish *p;
    int64_t since;
    struct sco_str id;
};

static int one_analysis(void *user, const struct sco_node *v)
{
    struct analysis *n = (struct analysis *)user;
    if (!sco_str_eq(sco_text_at(v, "commit_sha"), n->p->r.sha) ||
        ci_time_at(v, "created_at") < n->since)
        return 0;
    n->id = ci_copy(n->p->r.h, sco_text_at(v, "sarif_id"));
    return n->id.n ? CI_FOUND : 0;
}

static int find(void *user, struct sco_errbuf *e)
{
    struct analysis *n = (struct analysis *)user;
    struct github_op *o = n->p->o;
    return ci_walk(&o->http,
                   github_path(o, "/code-scanning/analyses?ref=%s&per_page=100",
                               ci_encode(o->h, ref_of(n->p), "")),
                   NULL, 1, "the analyses", one_analysis, n, e);
}

static int upload(struct github_publish *p, struct sco_str text)
{
    struct github_op *o = p->o;
    struct ci_json j = ci_json_new(p->r.h);
    struct ci_answer a;
    struct sco_str packed = {NULL, 0}, ref = ref_of(p);
    struct analysis n = {p, o->h->now(o->h) / 1000 * 1000, {NULL, 0}};
    if (!ref.n)
        return sco_errf(o->e, SCO_E_INVALID, "code scanning needs a branch or a pull request");
    int r = p->r.h->crypto->gzip(p->r.h, text, &packed, o->e);
    if (r < 0)
        return r;
    if (packed.n > GITHUB_SARIF_MAX)
        return sco_errf(o->e, SCO_E_LIMIT,
                        "the SARIF file has %zu bytes when packed: GitHub takes %d", packed.n,
                        GITHUB_SARIF_MAX);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "commit_sha", p->r.sha);
    ci_json_kstr(&j, "ref", ref);
    ci_json_kstr(&j, "sarif", p->r.h->crypto->base64_encode(p->r.h, packed, 0));
    ci_json_kz(&j, "tool_name", "SecureOps");
    int64_t started = ci_time_at(o->q, "scan.started_at");
    if (started)
        ci_json_ktime(&j, "started_at", started);
    ci_json_end(&j, '}');
    r = github_send(o, "POST", github_path(o, "/code-scanning/sarifs"), &j,
                    "the upload to code scanning", find, &n, &a);
    if (r == 0)
        n.id = ci_copy(p->r.h, sco_text_at(a.root, "id"));
    if (r != 0 && r != CI_FOUND)
        return r;
    p->sarif_id = n.id;
    return n.id.n ? 0 : sco_errf(o->e, SCO_E_FORMAT, "%s: the upload got no id", GITHUB);
}

/* ---- acceptance ---- */

static struct sco_str errors_of(struct github_publish *p, const struct sco_node *list)
{
    struct ci_json j = ci_json_new(p->r.h);
    size_t n = 0;
    SCO_EACH (c, list) {
        if (n++ >= REASONS)
            continue;
        struct sco_str one = ci_line(p->r.h, sco_text(c), 300);
        if (j.n)
            ci_json_put(&j, "; ", 2);
        ci_json_put(&j, one.p, one.n);
    }
    if (!j.n)
        return SCO_STR("GitHub could not process it, and does not say why");
    if (n > REASONS)
        return sco_fmt(p->r.h, "%.*s; and %zu more", SCO_STR_ARG(ci_json_text(&j)), n - REASONS);
    return ci_json_text(&j);
}

static int await(struct github_publish *p, struct sco_str *ret_errors)
{
    struct github_op *o = p->o;
    int64_t pause = POLL_MS, end = ci_mono_ms() + o->g->sarif_wait;
    struct ci_answer a;
    if (pause > o->g->sarif_wait)
        pause = o->g->sarif_wait > 20 ? o->g->sarif_wait / 4 : 5;
    for (;;) {
        int r = github_get(
            o, github_path(o, "/code-scanning/sarifs/%s", ci_encode(o->h, p->sarif_id, "")),
            "the state of the upload", &a);
        if (r != 0 && r != SCO_E_NOT_FOUND) /* not known yet, for a moment */
            return r;
        struct sco_str state =
            r == 0 ? sco_text_at(a.root, "processing_status") : SCO_STR("pending");
        p->sarif_state = ci_copy(p->r.h, state);
        if (sco_str_is(state, "failed"))
            *ret_errors = errors_of(p, sco_get(a.root, "errors"));
        if (!sco_str_is(state, "pending"))
            return 0;
        if (ci_mono_ms() + pause > end || pause >= ci_http_left(&o->http))
            return 0;
        r = ci_http_sleep(&o->http, pause, o->e);
        if (r < 0)
            return r;
        pause = pause * 2 < POLL_MAX_MS ? pause * 2 : POLL_MAX_MS;
    }
}

int github_publish_sarif(struct github_publish *p, int asked)
{
    const struct sco_str none = {NULL, 0};
    struct sco_str file = sco_text_at(p->o->q, "sarif"), text = none, errors = none;
    const char *path = sco_cstr(p->r.h, file), *result = "done";
    int r = path ? ci_read_file(p->r.h, path, FILE_MAX, &text, p->o->e) : SCO_E_NOMEM;
    if (r < 0)
        return r;
    struct sco_str now = digest(
        p, sco_fmt(p->r.h, "%.*s %.*s", SCO_STR_ARG(p->r.sha), SCO_STR_ARG(digest(p, text))));
    if (p->sarif_id.n && sco_str_eq(now, p->sarif_digest)) {
        result = "unchanged";
        if (sco_str_is(p->sarif_state, "complete")) {
            ci_result_step(&p->r, "sarif", result, none, p->sarif_id, none);
            return 0;
        }
    } else {
        r = upload(p, text);
        if ((r == SCO_E_PERMISSION || r == SCO_E_NOT_FOUND) && !asked) {
            ci_result_step(&p->r, "sarif", "skipped", ci_result_reason(&p->r), none, none);
            return 0;
        }
        if (r != 0)
            return r;
        p->sarif_digest = now;
        p->sarif_state = SCO_STR("pending");
    }
    r = await(p, &errors);
    if (r != 0)
        return r;
    if (errors.n)
        ci_result_step(&p->r, "sarif", "failed", errors, p->sarif_id, none);
    else if (!sco_str_is(p->sarif_state, "complete"))
        ci_result_step(&p->r, "sarif", "degraded",
                       SCO_STR("uploaded; GitHub has not said yet whether it takes it"),
                       p->sarif_id, none);
    else
        ci_result_step(&p->r, "sarif", result, none, p->sarif_id, none);
    return 0;
}
