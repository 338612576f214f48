/* Findings as threads on the lines that a merge request changes, the worst first. A thread is known
 * again by marker, fingerprint and author; it is resolved when its finding is gone, and opened
 * again when that comes back, unless a person resolved it. */
#include "gitlab_priv.h"

enum { KNOWN_MAX = 2000 };

struct thread {
    struct sco_str id, fingerprint;
    int resolved, by_us; /* by_us: resolved by us */
    int resolvable;
};

struct threads {
    struct gitlab_publish *p;
    struct gitlab_diff *diff;
    struct sco_str mark; /* "<!-- secureops:MARKER:" */
    struct thread *v;
    size_t n;
    const struct ci_finding *wanted; /* the one that is being looked for */
    size_t made, opened, closed, outside, loose, over;
};

/* ---- what is there ---- */

static int one_thread(void *user, const struct sco_node *v)
{
    struct threads *t = (struct threads *)user;
    const struct sco_host *h = t->p->r.h;
    const struct sco_node *note = sco_first(sco_get(v, "notes"));
    struct sco_str body = sco_text_at(note, "body"), author = t->p->author;
    if (!gitlab_starts(body, t->mark) ||
        !sco_str_eq(gitlab_id(sco_path(note, "author.id")), author))
        return 0;
    if (t->n == KNOWN_MAX)
        return CI_FOUND;
    struct sco_str rest = sco_str_make(body.p + t->mark.n, body.n - t->mark.n);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != ' ' && n < 128)
        n++;
    struct thread *k = &t->v[t->n++];
    k->id = ci_copy(h, gitlab_id(sco_get(v, "id")));
    k->fingerprint = ci_copy(h, sco_str_make(rest.p, n));
    k->resolvable = sco_bool(sco_get(note, "resolvable"), 0);
    k->resolved = sco_bool(sco_get(note, "resolved"), 0);
    k->by_us = sco_str_eq(gitlab_id(sco_path(note, "resolved_by.id")), author);
    return 0;
}

static struct thread *known(const struct threads *t, const struct ci_finding *f)
{
    for (size_t i = 0; i < t->n; i++)
        if (sco_str_eq(t->v[i].fingerprint, f->fingerprint))
            return &t->v[i];
    return NULL;
}

static int list(struct threads *t, struct sco_errbuf *e)
{
    struct gitlab_op *o = t->p->o;
    t->n = 0;
    int r = ci_walk(
        &o->http,
        gitlab_path(o, "/merge_requests/%lld/discussions?per_page=100", (long long)t->p->r.pr),
        NULL, GITLAB_PAGES_MAX, "the merge request's threads", one_thread, t, e);
    return r == CI_FOUND ? 0 : r;
}

/* After a lost answer. */
static int look(void *user, struct sco_errbuf *e)
{
    struct threads *t = (struct threads *)user;
    int r = list(t, e);
    if (r != 0)
        return r;
    return known(t, t->wanted) ? CI_FOUND : 0;
}

/* ---- out ---- */

static struct sco_str body_of(const struct threads *t, const struct ci_finding *f, int loose)
{
    const struct gitlab_publish *p = t->p;
    const struct sco_host *h = p->r.h;
    struct ci_json j = ci_json_new(h);
    struct sco_str s = sco_fmt(h, "%.*s%.*s -->\n**%.*s**: %.*s (%.*s)", SCO_STR_ARG(t->mark),
                               SCO_STR_ARG(f->fingerprint), SCO_STR_ARG(f->severity),
                               SCO_STR_ARG(ci_markdown(h, f->title, 300)),
                               SCO_STR_ARG(ci_markdown(h, f->rule_id, 100)));
    ci_json_put(&j, s.p, s.n);
    if (loose) {
        s = sco_fmt(h, "\n\n%.*s:%lld", SCO_STR_ARG(ci_markdown(h, f->path, 200)),
                    (long long)f->line);
        ci_json_put(&j, s.p, s.n);
    }
    if (f->text.n) {
        s = sco_fmt(h, "\n\nFix: %.*s", SCO_STR_ARG(ci_markdown(h, f->text, 600)));
        ci_json_put(&j, s.p, s.n);
    }
    return ci_json_text(&j);
}

static void write_position(struct ci_json *j, const struct gitlab_publish *p,
                           const struct gitlab_place *at)
{
    ci_json_key(j, "position");
    ci_json_begin(j, '{');
    ci_json_kz(j, "position_type", "text");
    ci_json_kstr(j, "base_sha", p->base_sha);
    ci_json_kstr(j, "start_sha", p->start_sha);
    ci_json_kstr(j, "head_sha", p->head_sha);
    ci_json_kstr(j, "old_path", at->old_path);
    ci_json_kstr(j, "new_path", at->new_path);
    if (at->old_line)
        ci_json_kint(j, "old_line", at->old_line);
    if (at->new_line)
        ci_json_kint(j, "new_line", at->new_line);
    ci_json_end(j, '}');
}

/* place NULL: a thread of the merge request as a whole. */
static int post(struct threads *t, const struct ci_finding *f, const struct gitlab_place *place,
                struct ci_answer *a)
{
    struct gitlab_publish *p = t->p;
    struct ci_json j = ci_json_new(p->r.h);
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "body", body_of(t, f, place == NULL));
    if (place)
        write_position(&j, p, place);
    ci_json_end(&j, '}');
    t->wanted = f;
    return gitlab_send(p->o, "POST",
                       gitlab_path(p->o, "/merge_requests/%lld/discussions", (long long)p->r.pr),
                       &j, "a thread", look, t, a);
}

static int make(struct threads *t, const struct ci_finding *f, const struct gitlab_place *place)
{
    struct ci_answer a;
    int r = post(t, f, place, &a);
    if (r == SCO_E_INVALID && a.status == 400 &&
        (ci_contains(a.message, "line_code") || ci_contains(a.message, "position"))) {
        r = post(t, f, NULL, &a); /* GitLab sees another diff than we do */
        t->loose += r == 0 || r == CI_FOUND;
    }
    if (r != 0 && r != CI_FOUND)
        return r;
    t->made++;
    if (r == 0 && t->n < KNOWN_MAX) { /* another finding may have the same fingerprint */
        memset(&t->v[t->n], 0, sizeof *t->v);
        t->v[t->n++].fingerprint = f->fingerprint;
    }
    return 0;
}

static int resolve(struct threads *t, const struct thread *k, int resolved)
{
    struct gitlab_op *o = t->p->o;
    struct ci_request q;
    struct ci_answer a;
    memset(&q, 0, sizeof q);
    q.method = "PUT";
    q.path =
        gitlab_path(o, "/merge_requests/%lld/discussions/%s?resolved=%s", (long long)t->p->r.pr,
                    ci_encode(o->h, k->id, ""), resolved ? "true" : "false");
    q.what = "the state of a thread";
    q.repeat = 1;
    int r = ci_call(&o->http, &q, &a, o->e);
    return r == SCO_E_NOT_FOUND ? 0 : r; /* somebody removed it meanwhile */
}

/* The worst ones on changed lines, so many and no more. */
static int open_threads(struct threads *t)
{
    struct gitlab_publish *p = t->p;
    size_t max = (size_t)p->o->g->threads_max, n = 0;
    for (size_t i = 0; i < p->r.n; i++) {
        const struct ci_finding *f = &p->r.v[i];
        struct gitlab_place place;
        const struct thread *k = known(t, f);
        int r = 0;
        if (!f->fingerprint.n || memchr(f->fingerprint.p, ' ', f->fingerprint.n))
            continue;
        if (!f->path.n || !t->diff || !gitlab_diff_find(t->diff, f->path, f->line, &place)) {
            t->outside += !k;
            if (!k)
                continue;
        } else if (n++ >= max) {
            t->over += !k;
            if (!k)
                continue;
        }
        if (!k) {
            r = make(t, f, &place);
        } else if (k->resolved && k->by_us) {
            r = resolve(t, k, 0);
            t->opened++;
        }
        if (r != 0)
            return r;
    }
    return 0;
}

static int close_threads(struct threads *t)
{
    struct gitlab_publish *p = t->p;
    for (size_t i = 0; p->all && i < t->n; i++) {
        const struct thread *k = &t->v[i];
        size_t f = 0;
        while (f < p->r.n && !sco_str_eq(p->r.v[f].fingerprint, k->fingerprint))
            f++;
        if (f < p->r.n || k->resolved || !k->resolvable)
            continue;
        int r = resolve(t, k, 1);
        if (r != 0)
            return r;
        t->closed++;
    }
    return 0;
}

static struct sco_str reason_of(const struct threads *t)
{
    const struct sco_host *h = t->p->r.h;
    struct sco_str s = {"", 0};
    if (t->outside)
        s = sco_fmt(h, "%zu findings are on lines that the merge request does not change",
                    t->outside);
    if (t->over)
        s = sco_fmt(h, "%.*s%s%zu more have no thread: threads_max is %lld", SCO_STR_ARG(s),
                    s.n ? "; " : "", t->over, (long long)t->p->o->g->threads_max);
    if (t->loose)
        s = sco_fmt(h, "%.*s%s%zu stand beside the code: GitLab did not take their line",
                    SCO_STR_ARG(s), s.n ? "; " : "", t->loose);
    return s.n ? s : sco_str_make(NULL, 0);
}

int gitlab_publish_threads(struct gitlab_publish *p)
{
    const struct sco_str none = {NULL, 0};
    struct threads t;
    memset(&t, 0, sizeof t);
    t.p = p;
    t.mark = ci_copy(p->r.h, sco_fmt(p->r.h, "<!-- secureops:%.*s:", SCO_STR_ARG(p->r.marker)));
    t.v = (struct thread *)p->r.h->alloc(p->r.h, KNOWN_MAX * sizeof *t.v);
    if (!t.mark.p || !t.v)
        return sco_errf(p->o->e, SCO_E_NOMEM, "out of memory");
    int r = gitlab_need_author(p);
    if (r == 0)
        r = list(&t, p->o->e);
    if (r == 0 && p->r.n && p->base_sha.n && p->head_sha.n)
        r = gitlab_diff_read(p, &t.diff);
    if (r == 0)
        r = open_threads(&t);
    if (r == 0)
        r = close_threads(&t);
    if (r != 0)
        return r;
    ci_result_step(&p->r, "threads", t.made || t.opened || t.closed ? "done" : "unchanged",
                   reason_of(&t), none, none);
    return 0;
}
