/* Talking to a server's web API from a scanner plugin: URLs from parts, JSON answers as documents,
 * statuses as errors in words, waiting that can be cancelled. Header only. */
#pragma once

#include <secureops/plugin.h>

#include <time.h>
#include <unistd.h>

enum {
    WEB_RETRIES = 4,
    WEB_TIMEOUT_MS = 60000,
    WEB_MESSAGE_MAX = 300, /* bytes of a server's own message that are repeated */
    WEB_SLICE_MS = 100,    /* how often a waiting plugin looks for a cancellation */
};

struct web {
    const struct sco_host *h;
    const char *tool;    /* for messages: "ZAP" */
    struct sco_str base; /* http://host:port/path, without a slash at its end */
    const char *const *headers;
    const char *ca_file;
    const char *proxy;
    int64_t insecure;
    double rate;
    int64_t started_ms; /* of the job */
    int64_t timeout_ms; /* of the job; 0: none */
};

/* An answer. `root` is valid until web_done, which also removes its file. */
struct web_answer {
    struct sco_http_response r;
    struct sco_reader *reader;
    const struct sco_node *root;
};

/* ---- time -------------------------------------------------------------------------------------
 */

static inline int64_t web_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int64_t web_left_ms(const struct web *w)
{
    return w->timeout_ms > 0 ? w->timeout_ms - (web_now_ms() - w->started_ms) : INT64_MAX;
}

/* 0, or SCO_E_CANCELLED. */
static inline int web_sleep(const struct web *w, int64_t ms, struct sco_errbuf *e)
{
    for (int64_t end = web_now_ms() + ms, left = ms; left > 0; left = end - web_now_ms()) {
        int64_t slice = left < WEB_SLICE_MS ? left : WEB_SLICE_MS;
        struct timespec t = {slice / 1000, (slice % 1000) * 1000000};
        if (w->h->cancelled(w->h))
            return sco_errf(e, SCO_E_CANCELLED, "cancelled");
        nanosleep(&t, NULL);
    }
    return w->h->cancelled(w->h) ? sco_errf(e, SCO_E_CANCELLED, "cancelled") : 0;
}

/* ---- URLs -------------------------------------------------------------------------------------
 */

/* Takes the slashes off the end. */
static inline struct sco_str web_base(struct sco_str url)
{
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    return url;
}

/* Percent-encodes all but unreserved characters; in memory of the job. "" when there is none. */
static inline const char *web_encode(const struct sco_host *h, struct sco_str s)
{
    static const char digits[] = "0123456789ABCDEF";
    char *p = (char *)h->alloc(h, s.n * 3 + 1), *at = p;
    if (!p)
        return "";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c && strchr("-._~", c))) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    *at = 0;
    return p;
}

/* Base, path and a query of names and values (encoded here; pairs with an empty value are left
 * out), ended by NULL; in memory of the job. NULL: out of it. */
static inline const char *web_url(const struct web *w, const char *path, const char *const *pairs)
{
    const struct sco_host *h = w->h;
    size_t cap = w->base.n + strlen(path) + 1, n;
    size_t i;
    for (i = 0; pairs && pairs[i]; i += 2)
        cap += strlen(pairs[i]) + 3 * strlen(pairs[i + 1] ? pairs[i + 1] : "") + 2;
    char *url = (char *)h->alloc(h, cap);
    if (!url)
        return NULL;
    n = (size_t)snprintf(url, cap, "%.*s%s", SCO_STR_ARG(w->base), path);
    int first = strchr(path, '?') == NULL;
    for (i = 0; pairs && pairs[i]; i += 2) {
        if (!pairs[i + 1] || !pairs[i + 1][0])
            continue;
        n += (size_t)snprintf(url + n, cap - n, "%c%s=%s", first ? '?' : '&', pairs[i],
                              web_encode(h, sco_str_c(pairs[i + 1])));
        first = 0;
    }
    return url;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

/* One request; a whole answer with any status is 0. */
static inline int web_send(const struct web *w, const char *method, const char *url,
                           struct sco_str form, struct sco_http_response *r, struct sco_errbuf *e)
{
    struct sco_http_request q;
    const char *headers[16];
    size_t n = 0;
    memset(&q, 0, sizeof q);
    memset(r, 0, sizeof *r);
    r->struct_size = sizeof *r;
    for (; w->headers && w->headers[n] && n < 14; n++)
        headers[n] = w->headers[n];
    if (form.p)
        headers[n++] = "Content-Type: application/x-www-form-urlencoded";
    headers[n] = NULL;
    if (!url)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    q.struct_size = sizeof q;
    q.flags = w->insecure ? SCO_HTTP_INSECURE : 0;
    q.method = method;
    q.url = url;
    q.headers = headers;
    q.body = form;
    q.timeout_ms = WEB_TIMEOUT_MS;
    q.retries = WEB_RETRIES;
    q.ca_file = w->ca_file;
    q.proxy = w->proxy;
    q.rate_per_second = w->rate;
    return w->h->http(w->h, &q, r, e);
}

static inline void web_done(const struct web *w, struct web_answer *a)
{
    w->h->data->close(a->reader);
    if (a->r.body_path)
        unlink(a->r.body_path);
    a->reader = NULL;
    a->root = NULL;
}

/* What a server says about a failure: ZAP's "message", SonarQube's "errors", else nothing. Control
 * characters become blanks. */
static inline struct sco_str web_message(const struct web *w, const struct sco_node *root)
{
    struct sco_str s = sco_text(sco_get(root, "message"));
    if (!s.n)
        s = sco_text(sco_get(sco_first(sco_get(root, "errors")), "msg"));
    if (!s.n)
        s = sco_text(sco_get(root, "code"));
    if (s.n > WEB_MESSAGE_MAX)
        s.n = WEB_MESSAGE_MAX;
    char *p = s.n ? (char *)w->h->tmp(w->h, s.n) : NULL;
    for (size_t i = 0; p && i < s.n; i++)
        p[i] = (unsigned char)s.p[i] < ' ' ? ' ' : s.p[i];
    return sco_str_make(p, p ? s.n : 0);
}

static inline int web_status_error(const struct web *w, const struct web_answer *a,
                                   const char *what, struct sco_errbuf *e)
{
    struct sco_str said = web_message(w, a->root);
    int code = a->r.status == 401 || a->r.status == 403 ? SCO_E_PERMISSION
               : a->r.status == 404                     ? SCO_E_NOT_FOUND
                                                        : SCO_E_NETWORK;
    const char *meaning = a->r.status == 401   ? " (the key or token is missing or wrong)"
                          : a->r.status == 403 ? " (the key or token may not do this)"
                                               : "";
    return sco_errf(e, code, "%s: %s: HTTP status %d%s%s%.*s", w->tool, what, (int)a->r.status,
                    meaning, said.n ? ": " : "", SCO_STR_ARG(said));
}

/* A request whose answer is JSON. 0: status 2xx and a document in a->root, to be ended by web_done;
 * any other status is an error with `what` and the server's words. */
static inline int web_json(const struct web *w, const char *method, const char *url,
                           struct sco_str form, const char *const *deferred, const char *what,
                           struct web_answer *a, struct sco_errbuf *e)
{
    const struct sco_data_api *data = w->h->data;
    memset(a, 0, sizeof *a);
    int r = web_send(w, method, url, form, &a->r, e);
    if (r < 0)
        return r;
    int good = a->r.status >= 200 && a->r.status < 300;
    r = data->open(w->h, a->r.body_path, &a->reader, good ? e : NULL);
    if (r == 0)
        r = data->read(a->reader, deferred, &a->root, good ? e : NULL);
    if (!good)
        r = web_status_error(w, a, what, e);
    else if (r == 0)
        r = sco_errf(e, SCO_E_FORMAT, "%s: %s: the answer is empty", w->tool, what);
    else if (r > 0 && !sco_is(a->root, SCO_NODE_MAP))
        r = sco_errf(e, SCO_E_FORMAT, "%s: %s: the answer is not a JSON object", w->tool, what);
    if (r < 0)
        web_done(w, a);
    return r < 0 ? r : 0;
}

static inline int web_get(const struct web *w, const char *url, const char *const *deferred,
                          const char *what, struct web_answer *a, struct sco_errbuf *e)
{
    return web_json(w, "GET", url, sco_str_make(NULL, 0), deferred, what, a, e);
}
