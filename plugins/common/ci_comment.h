/* One comment for each pull request and configuration: found by its marker and its author over all
 * pages, written anew only when its text has changed. Two scans that raced may have left two of
 * them: the first stays. Header only. */
#pragma once

#include "ci_result.h"

enum { CI_COMMENT_EXTRA_MAX = 20 };

/* Zero it, set what the plugin knows, ci_comment_publish. */
struct ci_comment {
    struct ci_result *p;
    struct ci_http *http;
    void *op;
    const char *what, *what_list, *what_extra; /* for messages */
    const char *list, *create;                 /* paths */
    const char *change;                        /* method that changes one */
    unsigned pages_max;
    const char *(*path)(const struct ci_comment *c, struct sco_str id); /* of one */
    struct sco_str (*id_of)(const struct sco_node *v);                  /* as text */
    int (*is_by)(const struct ci_comment *c, const struct sco_node *v); /* its author */
    struct sco_str author;
    struct sco_str known; /* id of the last time, or absent */
    struct sco_str mark, body;
    /* of ci_comment_publish */
    struct sco_str id, old, url; /* the first of ours */
    struct sco_str extra[CI_COMMENT_EXTRA_MAX];
    size_t n_extra;
    int changed;
};

static inline struct sco_str ci_comment_mark(const struct ci_result *p)
{
    return sco_fmt(p->h, "<!-- secureops:%.*s -->", SCO_STR_ARG(p->marker));
}

/* ---- texts ----------------------------------------------------------------------------------- */

static inline struct sco_str ci_comment_trimmed(struct sco_str s)
{
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* Platforms keep line breaks as they came; a form of their web pages makes CRLF of them. */
static inline int ci_comment_same(struct sco_str a, struct sco_str b)
{
    size_t i = 0, k = 0;
    a = ci_comment_trimmed(a);
    b = ci_comment_trimmed(b);
    for (;; i++, k++) {
        while (i < a.n && a.p[i] == '\r')
            i++;
        while (k < b.n && b.p[k] == '\r')
            k++;
        if (i >= a.n || k >= b.n)
            return i >= a.n && k >= b.n;
        if (a.p[i] != b.p[k])
            return 0;
    }
}

/* ---- what is there --------------------------------------------------------------------------- */

static inline int ci_comment_is_ours(const struct ci_comment *c, const struct sco_node *v)
{
    const char *mark = sco_cstr(c->p->h, c->mark);
    return mark && c->is_by(c, v) && sco_str_starts(sco_text_at(v, "body"), mark);
}

static inline void ci_comment_take(struct ci_comment *c, const struct sco_node *v)
{
    c->id = ci_copy(c->p->h, c->id_of(sco_get(v, "id")));
    c->old = ci_copy(c->p->h, sco_text_at(v, "body"));
    c->url = ci_copy(c->p->h, sco_text_at(v, "html_url"));
}

static inline int ci_comment_one(void *user, const struct sco_node *v)
{
    struct ci_comment *c = (struct ci_comment *)user;
    if (!ci_comment_is_ours(c, v))
        return 0;
    if (!c->id.n)
        ci_comment_take(c, v);
    else if (c->n_extra < CI_COMMENT_EXTRA_MAX)
        c->extra[c->n_extra++] = ci_copy(c->p->h, c->id_of(sco_get(v, "id")));
    return 0;
}

static inline int ci_comment_walk(void *user, struct sco_errbuf *e)
{
    struct ci_comment *c = (struct ci_comment *)user;
    c->id = sco_str_make(NULL, 0);
    c->n_extra = 0;
    int r = ci_walk(c->http, c->list, NULL, c->pages_max, c->what_list, ci_comment_one, c, e);
    if (r != 0)
        return r;
    return c->id.n ? CI_FOUND : 0;
}

/* After a change of which nobody knows. */
static inline int ci_comment_reread(void *user, struct sco_errbuf *e)
{
    struct ci_comment *c = (struct ci_comment *)user;
    struct ci_answer a;
    int r = ci_get(c->http, c->path(c, c->id), c->what, &a, e);
    if (r != 0)
        return r;
    return ci_comment_same(sco_text_at(a.root, "body"), c->body) ? CI_FOUND : 0;
}

/* By the id of the last time, else by looking through all of them. */
static inline int ci_comment_find(struct ci_comment *c)
{
    struct ci_answer a;
    int r;
    if (c->known.n) {
        r = ci_get(c->http, c->path(c, c->known), c->what, &a, c->p->e);
        if (r == 0 && ci_comment_is_ours(c, a.root)) {
            ci_comment_take(c, a.root);
            return 0;
        }
        if (r != 0 && r != SCO_E_NOT_FOUND)
            return r;
    }
    r = ci_comment_walk(c, c->p->e);
    return r == CI_FOUND ? 0 : r;
}

/* ---- out ------------------------------------------------------------------------------------- */

static inline int ci_comment_write(struct ci_comment *c)
{
    struct ci_json j = ci_json_new(c->p->h);
    struct ci_answer a;
    ci_json_begin(&j, '{');
    ci_json_kstr(&j, "body", c->body);
    ci_json_end(&j, '}');
    int fresh = !c->id.n, r;
    if (fresh)
        r = ci_send(c->http, "POST", c->create, &j, c->what, ci_comment_walk, c, &a, c->p->e);
    else
        r = ci_send(c->http, c->change, c->path(c, c->id), &j, c->what, ci_comment_reread, c, &a,
                    c->p->e);
    if (r == 0 && fresh)
        ci_comment_take(c, a.root);
    return r == CI_FOUND ? 0 : r;
}

static inline int ci_comment_remove_extra(const struct ci_comment *c)
{
    struct ci_answer a;
    for (size_t i = 0; i < c->n_extra; i++) {
        int r = ci_send(c->http, "DELETE", c->path(c, c->extra[i]), NULL, c->what_extra, NULL, NULL,
                        &a, c->p->e);
        if (r != 0 && r != SCO_E_NOT_FOUND)
            return r;
    }
    return 0;
}

/* At most `max` bytes of the text. The step is told by the plugin. */
static inline int ci_comment_publish(struct ci_comment *c, size_t max)
{
    if (!c->body.p)
        return sco_errf(c->p->e, SCO_E_NOMEM, "out of memory");
    c->body = ci_cut_rows(c->p->h, c->body, max, "% more lines: see the report.");
    int r = ci_comment_find(c);
    int same = r == 0 && c->id.n && ci_comment_same(c->old, c->body);
    if (r == 0 && !same)
        r = ci_comment_write(c);
    if (r == 0)
        r = ci_comment_remove_extra(c);
    c->changed = !same || c->n_extra;
    return r;
}
