/* What the plugins of CI platforms do alike around ci_http.h: the options of the client, how it is
 * set up for a call, writes that may not be done twice. Header only. */
#pragma once

#include "ci_pages.h"

/* ---- options --------------------------------------------------------------------------------- */

struct ci_client {
    struct sco_str ca, proxy; /* ca: a file */
    int64_t write_gap, wait, backoff;
    double rate;
};

#define CI_GAP_DOC "Time between two requests that change something."
#define CI_WAIT_DOC "How long a call waits for a rate limit; what takes longer is done later."
#define CI_TRY_DOC "First pause after a failure; doubles with each further one."
#define CI_RATE_DOC "Requests a second at most; 0: no limit."
#define CI_CA_DOC                                                                                  \
    "Certificates (PEM) of the authorities that are believed, in the place of the system's."
#define CI_PROXY_DOC "HTTP proxy; default: that of the environment."

/* The rows of a member `client` of the plugin's structure, by the plugin's own AT(). */
#define CI_CLIENT_OPTIONS(gap, gap_text, wait_text)                                                \
    {"write_gap", SCO_OPT_DURATION, 0, AT(client.write_gap), gap, 0, 60000, NULL, gap_text},       \
        {"wait", SCO_OPT_DURATION, 0, AT(client.wait), "20s", 0, 600000, NULL, wait_text},         \
        {"backoff", SCO_OPT_DURATION, 0, AT(client.backoff), "500ms", 1, 60000, NULL, CI_TRY_DOC}, \
        {"rate", SCO_OPT_REAL, 0, AT(client.rate), NULL, 0, 0, NULL, CI_RATE_DOC},                 \
        {"ca_file", SCO_OPT_STR, SCO_OPT_TRUSTED, AT(client.ca), NULL, 0, 0, NULL, CI_CA_DOC},     \
    {                                                                                              \
        "proxy", SCO_OPT_STR, SCO_OPT_TRUSTED, AT(client.proxy), NULL, 0, 0, NULL, CI_PROXY_DOC    \
    }

static inline int ci_has_break(struct sco_str s)
{
    return s.n && (memchr(s.p, '\n', s.n) || memchr(s.p, '\r', s.n));
}

static inline int ci_has_empty(const struct sco_str_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (!l->v[i].n)
            return 1;
    return 0;
}

/* Gets a zeroed client ready, but for its headers. */
static inline void ci_client_open(struct ci_http *c, const struct sco_host *h, const char *platform,
                                  struct sco_str base, const struct ci_client *o,
                                  const struct sco_ci_call *call)
{
    c->h = h;
    c->platform = platform;
    c->base = base;
    c->ca_file = o->ca.n ? o->ca.p : NULL;
    c->proxy = o->proxy.n ? o->proxy.p : NULL;
    c->cache_dir = call->cache_dir;
    c->rate = o->rate;
    c->write_gap_ms = o->write_gap;
    c->wait_ms = o->wait;
    c->backoff_ms = o->backoff;
    c->timeout_ms = call->timeout_ms;
    c->retry_ms = call->retry_ms;
    ci_http_open(c);
}

/* ---- our webhooks ---------------------------------------------------------------------------- */

/* The addresses at which our webhooks are, of the request; a line each. Absent: they are not known.
 */
static inline struct sco_str ci_our_urls(const struct sco_host *h, const struct sco_node *request)
{
    struct ci_json j = ci_json_new(h);
    struct sco_str one = sco_text(sco_get(request, "url"));
    if (one.n) {
        ci_json_put(&j, one.p, one.n);
        ci_json_put(&j, "\n", 1);
    }
    SCO_EACH (v, sco_get(request, "urls")) {
        ci_json_put(&j, sco_text(v).p, sco_text(v).n);
        ci_json_put(&j, "\n", 1);
    }
    return j.n ? ci_json_text(&j) : sco_str_make(NULL, 0);
}

/* Another's address may look like ours: it has to be the same. */
static inline int ci_is_our_url(const struct sco_node *request, struct sco_str url)
{
    if (!url.n)
        return 0;
    SCO_EACH (v, sco_get(request, "urls"))
        if (sco_str_eq(sco_text(v), url))
            return 1;
    return sco_str_eq(sco_text(sco_get(request, "url")), url);
}

static inline void ci_tell_no_url(const struct sco_host *h, const struct sco_node *request)
{
    if (!ci_our_urls(h, request).n)
        h->log(h, SCO_LOG_WARNING,
               SCO_STR("the address of our webhook is not known (server.public_url): deliveries "
                       "that failed are not asked for again"));
}

/* ---- writes ---------------------------------------------------------------------------------- */

/* CI_FOUND: what the write makes is there; 0: it is not; SCO_CI_LATER, or an error. */
typedef int (*ci_find_fn)(void *user, struct sco_errbuf *e);

/* As ci_call. */
typedef int (*ci_ask_fn)(void *ctx, const struct ci_request *q, struct ci_answer *a,
                         struct sco_errbuf *e);

/* As ci_write, for a platform that has its own way to ask. */
static inline int ci_write_by(struct ci_http *c, ci_ask_fn ask, void *ctx,
                              const struct ci_request *q, ci_find_fn find, void *user,
                              struct ci_answer *a, struct sco_errbuf *e)
{
    int64_t pause = c->backoff_ms ? c->backoff_ms : CI_HTTP_BACKOFF_MS;
    memset(a, 0, sizeof *a); /* `ask` may fail before it has an answer */
    for (unsigned n = 1;; n++, pause *= 2) {
        int r = ask(ctx, q, a, e);
        if (r >= 0 || !a->doubtful || !find)
            return r;
        int found = ci_http_sleep(c, pause, e);
        if (found == 0)
            found = find(user, e);
        if (found != 0)
            return found;
        if (n >= CI_HTTP_TRIES)
            return sco_errf(e, r, "%s: %s: no try took effect: HTTP status %d", c->platform,
                            q->what, (int)a->status);
    }
}

static inline int ci_ask(void *ctx, const struct ci_request *q, struct ci_answer *a,
                         struct sco_errbuf *e)
{
    return ci_call((struct ci_http *)ctx, q, a, e);
}

/* A write that may not be done twice: after a failure of which nobody knows whether it took effect,
 * `find` looks before it is repeated. 0: *a is the answer; CI_FOUND: `find` found it; else as
 * ci_call. */
static inline int ci_write(struct ci_http *c, const struct ci_request *q, ci_find_fn find,
                           void *user, struct ci_answer *a, struct sco_errbuf *e)
{
    return ci_write_by(c, ci_ask, c, q, find, user, a, e);
}

/* The same with a JSON body, or none. */
static inline int ci_send(struct ci_http *c, const char *method, const char *path,
                          const struct ci_json *body, const char *what, ci_find_fn find, void *user,
                          struct ci_answer *a, struct sco_errbuf *e)
{
    struct ci_request q;
    memset(&q, 0, sizeof q);
    memset(a, 0, sizeof *a);
    q.method = method;
    q.path = path;
    q.what = what;
    if (body && body->failed)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    if (body)
        q.body = ci_json_text(body);
    return ci_write(c, &q, find, user, a, e);
}
