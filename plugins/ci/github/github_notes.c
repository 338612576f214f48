/* Findings as annotations of a check run, and as text where they cannot be. */
#include "github_priv.h"

enum { MESSAGE_MAX = 4000, TITLE_MAX = 255, LISTED_MAX = 1000 };

/* ---- reading ---- */

static struct sco_str message_of(const struct sco_host *h, const struct sco_node *v)
{
    struct sco_str title = sco_text_at(v, "title"), text = sco_text_at(v, "description");
    struct sco_str fix = sco_text_at(v, "remediation"), rule = sco_text_at(v, "rule_id");
    struct sco_str tool = sco_text_at(sco_first(sco_get(v, "tools")), "name");
    struct ci_json j = ci_json_new(h);
    if (!text.n)
        text = title;
    text = ci_cut(text, MESSAGE_MAX);
    ci_json_put(&j, text.p, text.n);
    if (fix.n) {
        fix = ci_cut(fix, MESSAGE_MAX / 2);
        ci_json_put(&j, "\n\nFix: ", 7);
        ci_json_put(&j, fix.p, fix.n);
    }
    struct sco_str by =
        sco_fmt(h, "\n\n%.*s%s%.*s", SCO_STR_ARG(tool), tool.n ? ": " : "", SCO_STR_ARG(rule));
    ci_json_put(&j, by.p, by.n);
    return ci_json_text(&j);
}

/* An annotation has columns on one line only. */
static void fill(const struct ci_result *p, struct ci_finding *f, const struct sco_node *v)
{
    f->title = ci_line(p->h, sco_text_at(v, "title"), TITLE_MAX);
    f->text = message_of(p->h, v);
    if (!f->path.n)
        f->path = ci_line(p->h, sco_text_at(v, "resource"), 200);
    if (f->end_line > f->line)
        f->column = f->end_column = 0;
}

int github_read_findings(struct github_publish *p)
{
    int r = ci_result_findings(&p->r, fill);
    return r < 0 || !sco_text_at(p->r.q, "findings").n ? r : github_check_paths(p);
}

/* ---- places ---- */

static void find_paths(struct github_publish *p, const struct sco_node *tree, unsigned char *there,
                       size_t n)
{
    const struct sco_data_api *data = p->r.h->data;
    const struct sco_node *item;
    struct sco_iter *it = NULL;
    int r = data->iter_open(p->o->http.reader, tree, &it, NULL);
    while (r >= 0 && (r = data->iter_next(it, NULL, &item, NULL)) > 0) {
        struct sco_str path = sco_text_at(item, "path");
        for (size_t i = 0; i < n; i++)
            if (!there[i] && sco_str_eq(p->r.v[i].path, path))
                there[i] = 1;
    }
    data->iter_close(it);
    for (size_t i = 0; r >= 0 && i < n; i++)
        if (!there[i])
            p->r.v[i].placed = 0;
}

/* One request for all of them; without an answer, or with half of one, all are believed. */
int github_check_paths(struct github_publish *p)
{
    static const char *const deferred[] = {"tree", NULL};
    struct ci_answer a;
    struct ci_request q;
    size_t n =
        p->r.n < (size_t)p->o->g->annotations_max ? p->r.n : (size_t)p->o->g->annotations_max;
    unsigned char *there = n ? (unsigned char *)p->r.h->alloc(p->r.h, n) : NULL;
    if (!there || !p->o->g->check_paths || !github_count_placed(p))
        return 0;
    memset(&q, 0, sizeof q);
    q.path = github_path(p->o, "/git/trees/%.*s?recursive=1", SCO_STR_ARG(p->r.sha));
    q.what = "the files of the commit";
    q.deferred = deferred;
    int r = ci_call(&p->o->http, &q, &a, p->o->e);
    if (r == SCO_CI_LATER || r == SCO_E_CANCELLED)
        return r;
    const struct sco_node *tree = r == 0 ? sco_get(a.root, "tree") : NULL;
    if (sco_is(tree, SCO_NODE_DEFERRED) && !sco_bool(sco_get(a.root, "truncated"), 0))
        find_paths(p, tree, there, n);
    return 0;
}

size_t github_count_placed(const struct github_publish *p)
{
    size_t max = (size_t)p->o->g->annotations_max, n = 0;
    for (size_t i = 0; i < p->r.n && n < max; i++)
        n += p->r.v[i].placed != 0;
    return n;
}

/* ---- out ---- */

static const char *level(struct sco_str severity)
{
    if (sco_str_is(severity, "CRITICAL") || sco_str_is(severity, "HIGH"))
        return "failure";
    return sco_str_is(severity, "MEDIUM") ? "warning" : "notice";
}

/* A finding of a whole file stands at its first line. */
void github_annotation(struct ci_json *j, const struct ci_finding *f)
{
    ci_json_begin(j, '{');
    ci_json_kstr(j, "path", f->path);
    ci_json_kint(j, "start_line", f->line ? f->line : 1);
    ci_json_kint(j, "end_line", f->line ? f->end_line : 1);
    if (f->column) {
        ci_json_kint(j, "start_column", f->column);
        ci_json_kint(j, "end_column", f->end_column);
    }
    ci_json_kz(j, "annotation_level", level(f->severity));
    ci_json_kstr(j, "message", f->text.n ? f->text : SCO_STR("-"));
    struct sco_str title =
        sco_fmt(j->h, "%.*s: %.*s", SCO_STR_ARG(f->severity), SCO_STR_ARG(f->title));
    ci_json_kstr(j, "title", ci_cut(title, TITLE_MAX));
    ci_json_end(j, '}');
}

struct sco_str github_unplaced(const struct github_publish *p, size_t shown)
{
    const struct sco_host *h = p->r.h;
    const struct sco_str head =
        SCO_STR("### Findings that are not shown in the code\n\n"
                "| Severity | Rule | Place | Finding |\n|---|---|---|---|\n");
    struct ci_json j = ci_json_new(h);
    size_t n = 0, listed = 0;
    ci_json_put(&j, head.p, head.n);
    for (size_t i = 0; i < p->r.n; i++) {
        const struct ci_finding *f = &p->r.v[i];
        if (f->placed && n < shown) {
            n++;
            continue;
        }
        if (listed++ >= LISTED_MAX)
            continue;
        struct sco_str place = ci_markdown(h, f->path, 200);
        struct sco_str row = sco_fmt(
            h, "| %.*s | %.*s | %.*s%s%.0lld | %.*s |\n", SCO_STR_ARG(f->severity),
            SCO_STR_ARG(ci_markdown(h, f->rule_id, 100)), SCO_STR_ARG(place), f->line ? ":" : "",
            (long long)f->line, SCO_STR_ARG(ci_markdown(h, f->title, 200)));
        ci_json_put(&j, row.p, row.n);
    }
    if (!listed)
        return sco_str_make(NULL, 0);
    if (listed > LISTED_MAX) {
        struct sco_str more = sco_fmt(h, "\n%zu more: see the report.\n", listed - LISTED_MAX);
        ci_json_put(&j, more.p, more.n);
    }
    return ci_cut_rows(h, ci_json_text(&j), GITHUB_TEXT_MAX, "% more lines: see the report.");
}

struct sco_str github_summary(const struct github_publish *p)
{
    const struct sco_host *h = p->r.h;
    const struct sco_node *q = p->o->q;
    struct ci_json j = ci_json_new(h);
    if (p->r.markdown.n)
        return ci_cut_rows(h, p->r.markdown, GITHUB_TEXT_MAX, "% more lines: see the report.");
    ci_json_put(&j, p->r.title.p, p->r.title.n);
    ci_json_put(&j, ".\n", 2);
    SCO_EACH (c, sco_path(q, "gate.reasons")) {
        struct sco_str line = sco_fmt(h, "\n- %.*s", SCO_STR_ARG(ci_markdown(h, sco_text(c), 500)));
        ci_json_put(&j, line.p, line.n);
    }
    return ci_cut_rows(h, ci_json_text(&j), GITHUB_TEXT_MAX, "% more lines: see the report.");
}
