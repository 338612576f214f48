/* The check run: pending first, then the result with annotations in batches. Each PATCH appends its
 * annotations, so what is there already is counted before any is sent. */
#include "github_priv.h"

struct check {
    struct github_publish *p;
    struct sco_str id, status, conclusion, title, summary, url;
    int64_t annotations;
    int64_t expected; /* annotations after the write that is being looked for */
    const char *expected_conclusion;
};

static void take(struct check *k, const struct sco_node *v)
{
    const struct sco_host *h = k->p->r.h;
    k->id = ci_copy(h, github_id(sco_get(v, "id")));
    k->status = ci_copy(h, sco_text_at(v, "status"));
    k->conclusion = ci_copy(h, sco_text_at(v, "conclusion"));
    k->title = ci_copy(h, sco_text_at(v, "output.title"));
    k->summary = ci_copy(h, sco_text_at(v, "output.summary"));
    k->annotations = sco_int_at(v, "output.annotations_count", 0);
    k->url = ci_copy(h, sco_text_at(v, "html_url"));
}

static int is_ours(void *user, const struct sco_node *v)
{
    struct check *k = (struct check *)user;
    if (!sco_str_eq(sco_text_at(v, "external_id"), k->p->external_id))
        return 0;
    take(k, v);
    return CI_FOUND;
}

static int find(void *user, struct sco_errbuf *e)
{
    struct check *k = (struct check *)user;
    struct github_op *o = k->p->o;
    const char *path =
        github_path(o, "/commits/%.*s/check-runs?check_name=%s&filter=all&per_page=100",
                    SCO_STR_ARG(k->p->r.sha), ci_encode(o->h, k->p->r.name, ""));
    return ci_walk(&o->http, path, "check_runs", GITHUB_PAGES_MAX, "the check runs", is_ours, k, e);
}

static int look(struct check *k, struct sco_str id, struct sco_errbuf *e)
{
    struct ci_answer a;
    struct github_op *o = k->p->o;
    int r = ci_get(&o->http, github_path(o, "/check-runs/%.*s", SCO_STR_ARG(id)), "the check run",
                   &a, e);
    if (r == 0)
        take(k, a.root);
    return r;
}

/* After a PATCH of which nobody knows: did its annotations, or its conclusion, arrive? */
static int arrived(void *user, struct sco_errbuf *e)
{
    struct check *k = (struct check *)user;
    int r = look(k, k->id, e);
    if (r != 0)
        return r;
    if (k->expected_conclusion)
        return sco_str_is(k->status, "completed") ? CI_FOUND : 0;
    return k->annotations >= k->expected ? CI_FOUND : 0;
}

/* ---- bodies ---- */

static void output(struct ci_json *j, const struct github_publish *p, size_t from, size_t n,
                   size_t shown)
{
    struct sco_str text = github_unplaced(p, shown);
    ci_json_key(j, "output");
    ci_json_begin(j, '{');
    ci_json_kstr(j, "title", p->r.title);
    ci_json_kstr(j, "summary", github_summary(p));
    ci_json_kopt(j, "text", text);
    if (n) {
        size_t at = 0;
        ci_json_key(j, "annotations");
        ci_json_begin(j, '[');
        for (size_t i = 0; i < p->r.n && at < from + n; i++)
            if (p->r.v[i].placed && at++ >= from)
                github_annotation(j, &p->r.v[i]);
        ci_json_end(j, ']');
    }
    ci_json_end(j, '}');
}

/* The end of the run goes with the last annotations. */
static void finish(struct ci_json *j, const struct github_publish *p)
{
    int64_t at = ci_time_at(p->o->q, "scan.completed_at");
    if (!p->conclusion) {
        ci_json_kz(j, "status", "in_progress");
        return;
    }
    ci_json_kz(j, "status", "completed");
    ci_json_kz(j, "conclusion", p->conclusion);
    ci_json_ktime(j, "completed_at", at ? at : p->r.h->now(p->r.h));
}

static int create(struct check *k, int last, size_t n, size_t shown)
{
    struct github_publish *p = k->p;
    struct ci_json j = ci_json_new(p->r.h);
    struct ci_answer a;
    int64_t started = ci_time_at(p->o->q, "scan.started_at");
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "name", p->r.name);
    ci_json_kstr(&j, "head_sha", p->r.sha);
    ci_json_kstr(&j, "external_id", p->external_id);
    if (p->r.details_url.n)
        ci_json_kstr(&j, "details_url", p->r.details_url);
    ci_json_ktime(&j, "started_at", started ? started : p->r.h->now(p->r.h));
    if (last)
        finish(&j, p);
    else
        ci_json_kz(&j, "status", "in_progress");
    output(&j, p, 0, n, shown);
    ci_json_end(&j, '}');
    int r = github_send(p->o, "POST", github_path(p->o, "/check-runs"), &j, "the check run", find,
                        k, &a);
    if (r == 0)
        take(k, a.root);
    return r == CI_FOUND ? 0 : r;
}

static int patch(struct check *k, int last, size_t from, size_t n, size_t shown)
{
    struct github_publish *p = k->p;
    struct ci_json j = ci_json_new(p->r.h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    if (last)
        finish(&j, p);
    output(&j, p, from, n, shown);
    ci_json_end(&j, '}');
    k->expected = (int64_t)(from + n);
    k->expected_conclusion = last ? p->conclusion : NULL;
    int r = github_send(p->o, "PATCH", github_path(p->o, "/check-runs/%.*s", SCO_STR_ARG(k->id)),
                        &j, "the check run", arrived, k, &a);
    return r == CI_FOUND ? 0 : r;
}

/* ---- steps ---- */

static int find_earlier(struct check *k)
{
    struct github_publish *p = k->p;
    int r = SCO_E_NOT_FOUND;
    if (p->check_id.n)
        r = look(k, p->check_id, p->o->e);
    if (r == SCO_E_NOT_FOUND)
        r = find(k, p->o->e);
    return r == CI_FOUND ? 0 : r;
}

static int is_same(const struct check *k, size_t total)
{
    const struct github_publish *p = k->p;
    return sco_str_is(k->status, "completed") && sco_str_is(k->conclusion, p->conclusion) &&
           sco_str_eq(k->title, p->r.title) && k->annotations >= (int64_t)total &&
           sco_str_eq(k->summary, github_summary(p));
}

/* All that is missing of the result. */
static int complete(struct check *k, int created, size_t total)
{
    size_t have = k->annotations > 0 ? (size_t)k->annotations : 0;
    if (!created && sco_str_is(k->status, "completed")) /* its annotations stay what they were */
        return patch(k, 1, 0, 0, total);
    while (have < total) {
        size_t n = total - have < GITHUB_BATCH ? total - have : GITHUB_BATCH;
        int r = patch(k, have + n == total, have, n, total);
        if (r != 0)
            return r;
        have += n;
        if (have == total)
            return 0;
    }
    return patch(k, 1, 0, 0, total);
}

static void told(struct check *k, const char *result)
{
    struct github_publish *p = k->p;
    p->check_id = k->id;
    p->url = k->url;
    ci_result_step(&p->r, "check", result, sco_str_make(NULL, 0), k->id, k->url);
}

int github_publish_check(struct github_publish *p, int *refused)
{
    struct check k;
    size_t total = p->conclusion ? github_count_placed(p) : 0;
    memset(&k, 0, sizeof k);
    k.p = p;
    int r = find_earlier(&k), created = 0;
    *refused = r == SCO_E_PERMISSION;
    if (r != 0)
        return r;
    if (k.id.n && (!p->conclusion || is_same(&k, total))) {
        told(&k, "unchanged");
        return 0;
    }
    if (!k.id.n) {
        size_t n = total < GITHUB_BATCH ? total : GITHUB_BATCH;
        r = create(&k, total <= GITHUB_BATCH, n, total);
        *refused = r == SCO_E_PERMISSION;
        if (r != 0)
            return r;
        created = 1;
        p->check_id = k.id; /* kept also when the rest fails */
        if (k.annotations < (int64_t)n)
            k.annotations = (int64_t)n;
    }
    if (p->conclusion && !(created && total <= GITHUB_BATCH))
        r = complete(&k, created, total);
    if (r == 0)
        told(&k, "done");
    return r;
}
