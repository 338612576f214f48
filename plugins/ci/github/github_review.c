/* Findings as comments on the lines that a pull request changes: one review, so one notification.
 * Those that stand there already (by marker and fingerprint, and author) are not made again; lines
 * outside of the diff cannot have one. */
#include "github_priv.h"

enum { COMMENTS_MAX = 50, HUNKS_MAX = 4096 };

struct hunk {
    const char *path;
    int64_t from, to; /* lines of the new file */
};

struct review {
    struct github_publish *p;
    struct hunk hunks[HUNKS_MAX];
    size_t n_hunks;
    unsigned char there[10000]; /* findings that have a comment */
};

/* ---- the diff ---- */

/* "@@ -12,3 +14,9 @@" */
static int hunk_of(struct sco_str line, int64_t *from, int64_t *to)
{
    const char *plus = line.n > 4 ? (const char *)memchr(line.p, '+', line.n) : NULL;
    int64_t a = 0, n = 1;
    if (!sco_str_starts(line, "@@ -") || !plus)
        return 0;
    const char *z = plus + 1, *end = line.p + line.n;
    for (; z < end && *z >= '0' && *z <= '9' && a < 100000000; z++)
        a = a * 10 + (*z - '0');
    if (z < end && *z == ',')
        for (n = 0, z++; z < end && *z >= '0' && *z <= '9' && n < 100000000; z++)
            n = n * 10 + (*z - '0');
    *from = a;
    *to = a + n - 1;
    return n > 0;
}

static int one_file(void *user, const struct sco_node *v)
{
    struct review *w = (struct review *)user;
    struct sco_str patch = sco_text_at(v, "patch");
    const char *path = sco_cstr(w->p->r.h, sco_text_at(v, "filename"));
    for (size_t at = 0; path && at < patch.n && w->n_hunks < HUNKS_MAX;) {
        struct sco_str line = ci_first_line(sco_str_make(patch.p + at, patch.n - at));
        struct hunk *k = &w->hunks[w->n_hunks];
        const char *nl = (const char *)memchr(patch.p + at, '\n', patch.n - at);
        if (hunk_of(line, &k->from, &k->to)) {
            k->path = path;
            w->n_hunks++;
        }
        at = nl ? (size_t)(nl - patch.p) + 1 : patch.n;
    }
    return 0;
}

static int is_in_diff(const struct review *w, const struct ci_finding *f)
{
    for (size_t i = 0; f->placed && f->line && i < w->n_hunks; i++)
        if (f->line >= w->hunks[i].from && f->line <= w->hunks[i].to &&
            sco_str_is(f->path, w->hunks[i].path))
            return 1;
    return 0;
}

/* ---- what is there ---- */

static struct sco_str mark_of(const struct github_publish *p, const struct ci_finding *f)
{
    return sco_fmt(p->r.h, "<!-- secureops:%.*s:%.*s -->", SCO_STR_ARG(p->r.marker),
                   SCO_STR_ARG(f->fingerprint));
}

static int one_comment(void *user, const struct sco_node *v)
{
    struct review *w = (struct review *)user;
    const char *author = sco_cstr(w->p->r.h, w->p->author);
    struct sco_str body = sco_text_at(v, "body");
    if (!author || !sco_str_is_nocase(sco_text_at(v, "user.login"), author))
        return 0;
    for (size_t i = 0; i < w->p->r.n && i < sizeof w->there; i++) {
        struct sco_str mark = mark_of(w->p, &w->p->r.v[i]);
        if (!w->there[i] && mark.p && sco_str_starts(body, sco_cstr(w->p->r.h, mark)))
            w->there[i] = 1;
    }
    return 0;
}

static int look(void *user, struct sco_errbuf *e)
{
    struct review *w = (struct review *)user;
    struct github_op *o = w->p->o;
    size_t before = 0, after = 0;
    for (size_t i = 0; i < sizeof w->there; i++)
        before += w->there[i];
    int r = ci_walk(&o->http,
                    github_path(o, "/pulls/%lld/comments?per_page=100", (long long)w->p->r.pr),
                    NULL, GITHUB_PAGES_MAX, "the review comments", one_comment, w, e);
    for (size_t i = 0; i < sizeof w->there; i++)
        after += w->there[i];
    if (r != 0)
        return r;
    return after > before ? CI_FOUND : 0;
}

/* ---- out ---- */

static size_t write_comments(const struct review *w, struct ci_json *j, size_t *ret_outside)
{
    const struct github_publish *p = w->p;
    size_t n = 0;
    for (size_t i = 0; i < p->r.n && i < sizeof w->there; i++) {
        const struct ci_finding *f = &p->r.v[i];
        int in = is_in_diff(w, f);
        *ret_outside += !in;
        if (!in || w->there[i] || n == COMMENTS_MAX)
            continue;
        ci_json_begin(j, '{');
        ci_json_kstr(j, "path", f->path);
        ci_json_kint(j, "line", f->line);
        ci_json_kz(j, "side", "RIGHT");
        ci_json_kstr(j, "body",
                     sco_fmt(p->r.h, "%.*s\n**%.*s**: %.*s (%.*s)", SCO_STR_ARG(mark_of(p, f)),
                             SCO_STR_ARG(f->severity),
                             SCO_STR_ARG(ci_markdown(p->r.h, f->title, 300)),
                             SCO_STR_ARG(ci_markdown(p->r.h, f->rule_id, 100))));
        ci_json_end(j, '}');
        n++;
    }
    return n;
}

int github_publish_review(struct github_publish *p)
{
    const struct sco_str none = {NULL, 0};
    struct github_op *o = p->o;
    struct review *w = (struct review *)p->r.h->alloc(p->r.h, sizeof *w);
    struct ci_json j = ci_json_new(p->r.h);
    struct ci_answer a;
    size_t outside = 0, n = 0;
    if (!w)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    w->p = p;
    int r = p->author.n ? 0 : github_author(o, &p->author);
    if (r == 0)
        r = ci_walk(&o->http, github_path(o, "/pulls/%lld/files?per_page=100", (long long)p->r.pr),
                    NULL, 30, "the pull request's files", one_file, w, o->e);
    if (r == 0)
        r = look(w, o->e);
    if (r != 0 && r != CI_FOUND)
        return r;
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "commit_id", p->r.sha);
    ci_json_kz(&j, "event", "COMMENT");
    ci_json_kstr(&j, "body", sco_fmt(p->r.h, "%.*s", SCO_STR_ARG(p->r.title)));
    ci_json_key(&j, "comments");
    ci_json_begin(&j, '[');
    n = write_comments(w, &j, &outside);
    ci_json_end(&j, ']');
    ci_json_end(&j, '}');
    struct sco_str reason =
        outside ? sco_fmt(p->r.h, "%zu findings are on lines that the pull request does not change",
                          outside)
                : none;
    if (n) {
        r = github_send(o, "POST", github_path(o, "/pulls/%lld/reviews", (long long)p->r.pr), &j,
                        "the review", look, w, &a);
        if (r != 0 && r != CI_FOUND)
            return r;
    }
    ci_result_step(&p->r, "review", n ? "done" : "unchanged", reason, none, none);
    return 0;
}
