/* Lists of several pages, and files, from the web API of a CI platform. Header only. */
#pragma once

#include "ci_http.h"

/* ---- pages ----------------------------------------------------------------------------------- */

/* The value of a parameter of a URL's query, still encoded. */
static inline struct sco_str ci_query(struct sco_str url, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i + n < url.n; i++)
        if ((url.p[i] == '?' || url.p[i] == '&') && i + 1 + n < url.n &&
            memcmp(url.p + i + 1, name, n) == 0 && url.p[i + 1 + n] == '=') {
            size_t from = i + n + 2, end = from;
            while (end < url.n && url.p[end] != '&' && url.p[end] != '#')
                end++;
            return sco_str_make(url.p + from, end - from);
        }
    return sco_str_make(NULL, 0);
}

/* The URL of rel="next" in a Link header. */
static inline struct sco_str ci_link_next(struct sco_str link)
{
    struct sco_str url = {NULL, 0};
    for (size_t i = 0; i < link.n; i++) {
        if (link.p[i] == '<') {
            size_t from = ++i;
            while (i < link.n && link.p[i] != '>')
                i++;
            url = sco_str_make(link.p + from, i - from);
            size_t end = i;
            while (end < link.n && link.p[end] != '<')
                end++;
            struct sco_str rest = sco_str_make(link.p + i, end - i);
            if (ci_contains(rest, "rel=\"next\"") || ci_contains(rest, "rel=next"))
                return url;
        }
    }
    return sco_str_make(NULL, 0);
}

/* The path of the next page, or NULL: `path` with the query of the Link header's URL, or with the
 * page of X-Next-Page. The host in the header is not looked at: we ask where we asked before. */
static inline const char *ci_next_page(const struct ci_http *c, const char *path,
                                       const struct ci_answer *a)
{
    struct sco_str next = ci_link_next(ci_header(a, "link")), page = ci_header(a, "x-next-page");
    size_t bare = strcspn(path, "?");
    const char *q = next.n ? (const char *)memchr(next.p, '?', next.n) : NULL;
    if (q)
        return sco_fmt(c->h, "%.*s%.*s", (int)bare, path, (int)(next.n - (size_t)(q - next.p)), q)
            .p;
    if (next.n || !page.n || page.n > 18)
        return NULL;
    struct ci_json j = ci_json_new(c->h);
    ci_json_put(&j, path, bare);
    char sep = '?';
    for (const char *at = path + bare; *at;) { /* the other parameters stay */
        size_t n = strcspn(++at, "&");
        if (strncmp(at, "page=", 5) != 0) {
            ci_json_put(&j, &sep, 1);
            ci_json_put(&j, at, n);
            sep = '&';
        }
        at += n;
    }
    ci_json_put(&j, &sep, 1);
    ci_json_put(&j, "page=", 5);
    ci_json_put(&j, page.p, page.n);
    ci_json_put(&j, "", 1);
    return ci_json_text(&j).p;
}

/* Sees each item; CI_FOUND ends the walk well, a negative value as an error. */
typedef int (*ci_item_fn)(void *user, const struct sco_node *item);

/* An ETag, fit to be kept and to be sent again; absent when there is none, or one like no other. */
static inline struct sco_str ci_etag(const struct sco_host *h, const struct ci_answer *a)
{
    struct sco_str s = ci_header(a, "etag");
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x21 || s.p[i] > 0x7e)
            s.n = 0;
    const char *p = s.n && s.n <= 200 ? sco_cstr(h, s) : NULL;
    return sco_str_make(p, p ? s.n : 0);
}

/* The items of one answer, as of ci_walk. */
static inline int ci_walk_page(struct ci_http *c, const struct ci_answer *a, const char *list,
                               const char *what, ci_item_fn fn, void *user, struct sco_errbuf *e)
{
    const struct sco_node *v = list ? sco_get(a->root, list) : a->root;
    if (!sco_is(v, SCO_NODE_LIST))
        return sco_errf(e, SCO_E_FORMAT, "%s: %s: the answer holds no list", c->platform, what);
    for (const struct sco_node *item = v->child; item; item = item->next) {
        int r = fn(user, item);
        if (r != 0)
            return r;
    }
    return 0;
}

/* As ci_walk. *ret_rest: the path of the last page that was looked at, when there are more than
 * `pages_max`: where to go on; else NULL. */
static inline int ci_walk_rest(struct ci_http *c, const char *path, const char *list,
                               unsigned pages_max, const char *what, ci_item_fn fn, void *user,
                               const char **ret_rest, struct sco_errbuf *e)
{
    const char *last = NULL;
    *ret_rest = NULL;
    for (unsigned n = 0; path && n < pages_max; n++) {
        struct ci_answer a;
        int r = ci_get(c, path, what, &a, e);
        if (r != 0)
            return r;
        last = path;
        path = ci_next_page(c, path, &a);
        r = ci_walk_page(c, &a, list, what, fn, user, e);
        if (r != 0)
            return r;
    }
    *ret_rest = path ? last : NULL;
    return 0;
}

/* All items of at most `pages_max` pages; `list` names the member that holds them, NULL: the answer
 * itself is the list. 0: the end
 * was reached, or the limit; CI_FOUND: `fn` ended it; else as ci_call. The items
 * live until `fn` asks for something else, which ends the walk's page: it then has to end the walk.
 */
static inline int ci_walk(struct ci_http *c, const char *path, const char *list, unsigned pages_max,
                          const char *what, ci_item_fn fn, void *user, struct sco_errbuf *e)
{
    const char *rest;
    return ci_walk_rest(c, path, list, pages_max, what, fn, user, &rest, e);
}

/* The same for a list that has the newest first, of which *etag is known: when its first page is
 * none other, `fn` sees nothing and 0 is returned, for which some platforms count no request. *etag
 * is then the new one; absent when more than a page was looked at, of which nobody can tell.
 * *ret_rest: as of ci_walk_rest. */
static inline int ci_walk_newer(struct ci_http *c, const char *path, const char *list,
                                unsigned pages_max, const char *what, struct sco_str *etag,
                                ci_item_fn fn, void *user, const char **ret_rest,
                                struct sco_errbuf *e)
{
    const char *first = path;
    struct ci_answer a;
    struct ci_request q;
    struct sco_str now;
    memset(&q, 0, sizeof q);
    q.path = path;
    q.what = what;
    q.etag = *etag;
    *ret_rest = NULL;
    int r = ci_call(c, &q, &a, e);
    if (r == 0 && a.status == 304)
        return 0;
    *etag = sco_str_make(NULL, 0);
    if (r != 0)
        return r;
    now = ci_etag(c->h, &a);
    path = ci_next_page(c, path, &a);
    r = ci_walk_page(c, &a, list, what, fn, user, e);
    if (r == CI_FOUND || (r == 0 && !path))
        *etag = now;
    if (r != 0 || !path)
        return r;
    if (pages_max < 2)
        *ret_rest = first;
    return pages_max < 2 ? 0
                         : ci_walk_rest(c, path, list, pages_max - 1, what, fn, user, ret_rest, e);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Gets a file into `to`, a path in the work folder; what an earlier call left there is replaced. */
static inline int ci_download(struct ci_http *c, const char *path, const char *to, const char *what,
                              struct ci_answer *a, struct sco_errbuf *e)
{
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.path = path;
    q.what = what;
    q.text = 1;
    q.timeout_ms = 10 * CI_HTTP_TIMEOUT_MS;
    int r = ci_call(c, &q, a, e);
    if (r != 0)
        return r;
    if (!c->body_path || rename(c->body_path, to) != 0)
        return sco_errf(e, SCO_E_IO, "cannot write %s: %s", to, strerror(errno));
    c->body_path = NULL;
    return 0;
}

/* Whether the answer says where it ends; what does not may have been cut, and nobody can tell. */
static inline int ci_says_its_end(const struct ci_answer *a)
{
    return ci_header(a, "content-length").n || ci_header(a, "transfer-encoding").n;
}

/* As ci_download, of what has to be whole and not larger than the request's `limit`: an answer that
 * does not say where it ends may be half of it. */
static inline int ci_download_artifact(struct ci_http *c, const struct sco_node *request,
                                       const char *path, const char *to, struct ci_answer *a,
                                       struct sco_errbuf *e)
{
    int64_t limit = sco_int(sco_get(request, "limit"), 0);
    c->file_limit = limit > 0 ? (uint64_t)limit : 0;
    int r = ci_download(c, path, to, "the artifact", a, e);
    c->file_limit = 0;
    if (r != 0 || ci_says_its_end(a))
        return r;
    unlink(to);
    return sco_errf(e, SCO_E_FORMAT, "%s: the artifact: the answer does not say how long it is",
                    c->platform);
}

/* A whole file in memory of the call. SCO_E_LIMIT above `max` bytes. */
static inline int ci_read_file(const struct sco_host *h, const char *path, size_t max,
                               struct sco_str *ret, struct sco_errbuf *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return sco_errf(e, code == ENOENT ? SCO_E_NOT_FOUND : SCO_E_IO, "cannot read %s: %s", path,
                        strerror(code));
    }
    size_t n = 0, size = st.st_size > 0 ? (size_t)st.st_size : 0;
    char *p = size <= max ? (char *)h->alloc(h, size + 1) : NULL;
    ssize_t k = 1;
    while (p && n < size && (k = read(fd, p + n, size - n)) > 0)
        n += (size_t)k;
    close(fd);
    if (size > max)
        return sco_errf(e, SCO_E_LIMIT, "%s has more than %zu bytes", path, max);
    if (!p)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    if (k < 0)
        return sco_errf(e, SCO_E_IO, "cannot read %s: %s", path, strerror(errno));
    *ret = sco_str_make(p, n);
    return 0;
}
