/* Findings as threads on the lines of files that a pull request changes. One that stands there
 * already (by marker, fingerprint and author) is not made again; one whose finding is gone is set
 * to fixed, never by a scan that was not complete. */
#include "azure_priv.h"

enum { FILES_MAX = 20000, THREADS_MAX = 5000 };

struct changed {
    const char *path;
    int64_t id;
};

struct theirs { /* a thread of ours at Azure */
    struct sco_str id, status, fingerprint;
};

struct threads {
    struct azure_publish *p;
    struct sco_str mark; /* "<!-- secureops:MARKER:" */
    struct changed *files;
    size_t n_files;
    struct theirs *v;
    size_t n;
    size_t made, closed, reopened, outside, left;
};

/* ---- what the pull request changes ---- */

static int one_change(struct threads *w, const struct sco_node *v)
{
    struct sco_str path = sco_text_at(v, "item.path"), type = sco_text_at(v, "changeType");
    if (!path.n || path.p[0] != '/' || w->n_files == FILES_MAX || ci_contains(type, "delete"))
        return 0;
    struct changed *c = &w->files[w->n_files];
    c->path = sco_cstr(w->p->r.h, path);
    c->id = sco_int_at(v, "changeTrackingId", 0);
    if (!c->path)
        return sco_errf(w->p->o->e, SCO_E_NOMEM, "out of memory");
    w->n_files++;
    return 0;
}

static int read_changes(struct threads *w)
{
    struct azure_op *o = w->p->o;
    struct ci_answer a;
    int64_t skip = 0;
    for (int page = 0; page < 20; page++) {
        int r = azure_get(o,
                          azure_path(o, o->repo,
                                     "/pullRequests/%lld/iterations/%lld/changes?$compareTo=0"
                                     "&$top=1000&$skip=%lld&" AZURE_V,
                                     (long long)w->p->r.pr, (long long)w->p->iteration,
                                     (long long)skip),
                          "the pull request's files", &a);
        if (r != 0)
            return r;
        SCO_EACH (c, sco_get(a.root, "changeEntries"))
            if ((r = one_change(w, c)) < 0)
                return r;
        int64_t next = sco_int_at(a.root, "nextSkip", 0);
        if (next <= skip)
            break;
        skip = next;
    }
    return 0;
}

static const struct changed *file_of(const struct threads *w, const struct ci_finding *f)
{
    for (size_t i = 0; f->placed && f->line > 0 && i < w->n_files; i++)
        if (w->files[i].path[0] == '/' && sco_str_is(f->path, w->files[i].path + 1))
            return &w->files[i];
    return NULL;
}

/* ---- what is there ---- */

static int one_thread(void *user, const struct sco_node *v)
{
    struct threads *w = (struct threads *)user;
    const struct sco_host *h = w->p->r.h;
    const struct sco_node *c = sco_first(sco_get(v, "comments"));
    const char *mark = sco_cstr(h, w->mark);
    struct sco_str content = sco_text_at(c, "content"), rest;
    if (sco_bool(sco_get(v, "isDeleted"), 0) || sco_bool(sco_get(c, "isDeleted"), 0) || !mark ||
        !sco_str_eq(sco_text_at(c, "author.id"), w->p->author) || w->n == THREADS_MAX)
        return 0;
    rest = ci_behind(content, mark);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != ' ')
        n++;
    if (!n || !sco_str_starts(sco_str_make(rest.p + n, rest.n - n), " -->"))
        return 0;
    struct theirs *t = &w->v[w->n++];
    t->fingerprint = ci_copy(h, sco_str_make(rest.p, n));
    t->id = ci_copy(h, azure_id(sco_get(v, "id")));
    t->status = ci_copy(h, sco_text_at(v, "status"));
    return 0;
}

static const char *threads_path(const struct azure_publish *p)
{
    return azure_path(p->o, p->o->repo, "/pullRequests/%lld/threads?" AZURE_V, (long long)p->r.pr);
}

static int look(struct threads *w, struct sco_errbuf *e)
{
    w->n = 0;
    return azure_walk(w->p->o, threads_path(w->p), "the pull request's threads", one_thread, w, e);
}

static struct theirs *find(const struct threads *w, struct sco_str fingerprint)
{
    for (size_t i = 0; i < w->n; i++)
        if (sco_str_eq(w->v[i].fingerprint, fingerprint))
            return &w->v[i];
    return NULL;
}

static int is_current(const struct threads *w, struct sco_str fingerprint)
{
    for (size_t i = 0; i < w->p->r.n; i++)
        if (sco_str_eq(w->p->r.v[i].fingerprint, fingerprint))
            return 1;
    return 0;
}

/* ---- out ---- */

static void position(struct ci_json *j, const char *key, int64_t line, int64_t offset)
{
    ci_json_key(j, key);
    ci_json_begin(j, '{');
    ci_json_kint(j, "line", line);
    ci_json_kint(j, "offset", offset > 0 ? offset : 1);
    ci_json_end(j, '}');
}

static void write_thread(const struct threads *w, struct ci_json *j, const struct ci_finding *f,
                         const struct changed *file)
{
    const struct sco_host *h = j->h;
    struct sco_str what = sco_fmt(
        h, "%.*s%.*s -->\n**%.*s**: %.*s (%.*s%s%.*s)", SCO_STR_ARG(w->mark),
        SCO_STR_ARG(f->fingerprint), SCO_STR_ARG(f->severity),
        SCO_STR_ARG(ci_markdown(h, f->title, 300)), SCO_STR_ARG(ci_markdown(h, f->tool, 60)),
        f->tool.n ? ": " : "", SCO_STR_ARG(ci_markdown(h, f->rule_id, 100)));
    if (f->text.n && !sco_str_eq(f->text, f->title))
        what = sco_fmt(h, "%.*s\n\n%.*s", SCO_STR_ARG(what),
                       SCO_STR_ARG(ci_markdown(h, f->text, 2000)));
    ci_json_begin(j, '{');
    ci_json_key(j, "comments");
    ci_json_begin(j, '[');
    ci_json_begin(j, '{');
    ci_json_kint(j, "parentCommentId", 0);
    ci_json_kstr(j, "content", what);
    ci_json_kz(j, "commentType", "text");
    ci_json_end(j, '}');
    ci_json_end(j, ']');
    ci_json_kz(j, "status", "active");
    ci_json_key(j, "threadContext");
    ci_json_begin(j, '{');
    ci_json_kz(j, "filePath", file->path);
    position(j, "rightFileStart", f->line, f->column);
    position(j, "rightFileEnd", f->end_line, f->end_column);
    ci_json_end(j, '}');
    if (file->id > 0) {
        ci_json_key(j, "pullRequestThreadContext");
        ci_json_begin(j, '{');
        ci_json_kint(j, "changeTrackingId", file->id);
        ci_json_key(j, "iterationContext");
        ci_json_begin(j, '{');
        ci_json_kint(j, "firstComparingIteration", 1);
        ci_json_kint(j, "secondComparingIteration", w->p->iteration);
        ci_json_end(j, '}');
        ci_json_end(j, '}');
    }
    ci_json_end(j, '}');
}

struct looking {
    struct threads *w;
    struct sco_str fingerprint;
};

static int is_there(void *user, struct sco_errbuf *e)
{
    struct looking *l = (struct looking *)user;
    int r = look(l->w, e);
    return r != 0 ? r : find(l->w, l->fingerprint) ? CI_FOUND : 0;
}

static int set_status(struct threads *w, struct theirs *t, const char *status)
{
    struct azure_op *o = w->p->o;
    struct ci_answer a;
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.method = "PATCH";
    q.path = azure_path(o, o->repo, "/pullRequests/%lld/threads/%.*s?" AZURE_V,
                        (long long)w->p->r.pr, SCO_STR_ARG(t->id));
    q.body = sco_fmt(o->h, "{\"status\":\"%s\"}", status);
    q.what = "the state of a thread";
    q.stay = q.repeat = 1;
    int r = azure_ask(o, &q, &a, o->e);
    t->status = sco_str_c(status);
    return r;
}

static int make_threads(struct threads *w)
{
    struct azure_publish *p = w->p;
    size_t shown = 0;
    for (size_t i = 0; i < p->r.n; i++) {
        const struct ci_finding *f = &p->r.v[i];
        const struct changed *file = file_of(w, f);
        struct theirs *t = find(w, f->fingerprint);
        struct ci_json j = ci_json_new(p->r.h);
        struct ci_answer a;
        int r = 0;
        if (!file || !f->fingerprint.n) {
            w->outside++;
        } else if (shown == (size_t)p->o->a->threads_max) {
            w->left++;
        } else if (t) {
            shown++;
            if (sco_str_is_nocase(t->status, "fixed")) { /* it has come back */
                r = set_status(w, t, "active");
                w->reopened++;
            }
        } else {
            struct looking l = {w, f->fingerprint};
            shown++;
            write_thread(w, &j, f, file);
            r = azure_send(p->o, "POST", threads_path(p), &j, "a thread", is_there, &l, &a);
            w->made++;
        }
        if (r != 0 && r != CI_FOUND)
            return r;
    }
    return 0;
}

/* What a person closed or marked stays as it is. */
static int close_gone(struct threads *w)
{
    const struct ci_result *r = &w->p->r;
    if (r->cut || strcmp(r->state, "error") == 0 ||
        !sco_str_is(sco_text_at(r->q, "scan.status"), "completed"))
        return 0;
    for (size_t i = 0; i < w->n; i++) {
        struct theirs *t = &w->v[i];
        if (is_current(w, t->fingerprint) ||
            (!sco_str_is_nocase(t->status, "active") && !sco_str_is_nocase(t->status, "pending")))
            continue;
        int e = set_status(w, t, "fixed");
        if (e != 0)
            return e;
        w->closed++;
    }
    return 0;
}

int azure_publish_threads(struct azure_publish *p)
{
    const struct sco_str none = {NULL, 0};
    const struct sco_host *h = p->r.h;
    struct threads w;
    memset(&w, 0, sizeof w);
    w.p = p;
    w.mark = sco_fmt(h, "<!-- secureops:%.*s:", SCO_STR_ARG(p->r.marker));
    w.files = (struct changed *)h->alloc(h, FILES_MAX * sizeof *w.files);
    w.v = (struct theirs *)h->alloc(h, THREADS_MAX * sizeof *w.v);
    if (!w.files || !w.v)
        return sco_errf(p->o->e, SCO_E_NOMEM, "out of memory");
    if (p->iteration <= 0)
        return sco_errf(p->o->e, SCO_E_NOT_FOUND,
                        "%s: the pull request has no iteration with this commit", AZURE);
    int r = p->author.n ? 0 : azure_author(p->o, &p->author);
    if (r == 0)
        r = look(&w, p->o->e);
    if (r == 0 && p->r.n)
        r = read_changes(&w);
    if (r == 0)
        r = close_gone(&w);
    if (r == 0)
        r = make_threads(&w);
    if (r != 0)
        return r;
    struct sco_str reason = none;
    if (w.outside || w.left)
        reason = sco_fmt(h,
                         "%zu findings are in no file that the pull request changes, %zu are "
                         "beyond threads_max",
                         w.outside, w.left);
    ci_result_step(&p->r, "threads", w.made || w.closed || w.reopened ? "done" : "unchanged",
                   reason, none, none);
    return 0;
}
