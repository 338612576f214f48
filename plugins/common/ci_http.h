/* Talking to the web API of a CI platform: a request gives a JSON document and one outcome of few:
 * done, later (and when), not allowed, not there, refused, unreachable. Header only.
 *
 * - The host's client is asked for one try; whether another is worth it is decided here, for a 403
 *   may mean "slow down" and a POST may have taken effect before its 502.
 * - A wait that is short is waited for; a longer one ends the call with SCO_CI_LATER.
 * - How many limits were met in a row, and when something was written last, is kept in the
 *   integration's cache folder, for the next call, which may be in another process. (That a server
 * is down is kept by the host's breaker.)
 * - The document of an answer lives until the next request; copy what is needed longer.
 * - Credentials are in `headers` alone; the host drops these when a redirect leads to another
 *   server.
 *
 * How it is used:
 *     struct ci_http c = {.h = h, .platform = "GitHub", .base = base, ...};
 *     ci_http_open(&c);
 *     r = ci_get(&c, "/user", "the account", &a, e);      0, SCO_CI_LATER, or an error
 *     ...
 *     ci_http_done(&c);
 * Lists of several pages and files: ci_pages.h; options and writes: ci_client.h. */
#pragma once

#include "ci_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Beside SCO_CI_LATER and SCO_CI_DEGRADED: what was looked for is there. */
#define CI_FOUND 16

enum {
    CI_HTTP_TRIES = 4,
    CI_HTTP_TIMEOUT_MS = 30000,
    CI_HTTP_MESSAGE_MAX = 300,     /* bytes of the server's words that are repeated */
    CI_HTTP_HEADERS_MAX = 16,      /* of a request */
    CI_HTTP_FLOOR_MS = 1000,       /* least wait after a limit, whatever the server says */
    CI_HTTP_SECONDARY_MS = 60000,  /* first wait when it says nothing; doubles */
    CI_HTTP_WAIT_MAX_MS = 3600000, /* longest wait that is believed */
    CI_HTTP_BACKOFF_MS = 500,
    CI_HTTP_TURNS_MS = 600000,   /* turns to write that may be taken ahead */
    CI_HTTP_STARTING_MS = 15000, /* until a server that starts is asked again */
};

struct ci_answer;
struct ci_http {
    /* set by the plugin */
    const struct sco_host *h;
    const char *platform;                     /* for messages: "GitHub" */
    struct sco_str base;                      /* https://host/path without a slash at its end */
    const char *headers[CI_HTTP_HEADERS_MAX]; /* NULL-terminated: credentials and versions */
    const char *ca_file, *proxy;
    const char *cache_dir; /* NULL: nothing is kept */
    double rate;           /* requests a second; 0: no limit */
    int insecure;
    int64_t write_gap_ms; /* least time between two requests that change something */
    int64_t wait_ms;      /* what is waited for within the call */
    int64_t timeout_ms;   /* of the call; 0: none */
    int64_t *retry_ms;    /* of the call: set with SCO_CI_LATER */
    int64_t backoff_ms;   /* first pause after a failure; 0: CI_HTTP_BACKOFF_MS */
    /* After an answer of 401 or 403; NULL: none. CI_FOUND: `headers` has another credential now,
     * the request is worth another try; 0: it has not; else as ci_call. */
    int (*renew)(void *user, const struct ci_answer *a, struct sco_errbuf *e);
    void *user;
    uint64_t file_limit; /* bytes of what is downloaded; 0: the host's */
    /* of ci_http_open */
    int64_t started, last_write;
    int64_t slow_until; /* monotonic: a 2xx came with Retry-After */
    uint32_t limited;   /* limits of its rates met in a row */
    struct sco_reader *reader;
    const char *body_path;
};

/* A request. Zero it; `path` begins with "/". */
struct ci_request {
    const char *method; /* NULL: GET */
    const char *path;
    struct sco_str body;         /* JSON, unless content_type says otherwise */
    const char *content_type;    /* header line */
    const char *const *headers;  /* further ones, NULL-terminated; or NULL */
    const char *const *deferred; /* members that are left in the file */
    const char *what;            /* for messages: "the check run" */
    const char *absolute;        /* a URL in the place of base and path */
    struct sco_str etag;         /* of the answer that is known: 304 is none other, and no error */
    int text;                    /* the answer is a file, not JSON */
    int quiet;                   /* a POST that changes nothing that others see */
    int repeat;                  /* a write that does no harm when done twice */
    int stay;                    /* a redirect is an answer, and no error; it is not followed */
    int64_t timeout_ms;
};

struct ci_answer {
    int32_t status; /* 0: there was none */
    const struct sco_node *root;
    struct sco_http_response r;
    struct sco_str message; /* of the server, one line */
    int doubtful;           /* a write of which nobody knows whether it took effect */
};

/* ---- time ------------------------------------------------------------------------------------ */

static inline int64_t ci_mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int64_t ci_http_left(const struct ci_http *c)
{
    return c->timeout_ms > 0 ? c->timeout_ms - (ci_mono_ms() - c->started) : INT64_MAX;
}

/* 0, SCO_E_CANCELLED, or SCO_E_TIMEOUT when the deadline would pass meanwhile. */
static inline int ci_http_sleep(const struct ci_http *c, int64_t ms, struct sco_errbuf *e)
{
    if (ms >= ci_http_left(c))
        return sco_errf(e, SCO_E_TIMEOUT, "%s: no time is left to wait", c->platform);
    for (int64_t end = ci_mono_ms() + ms, left = ms; left > 0; left = end - ci_mono_ms()) {
        int64_t slice = left < 100 ? left : 100;
        struct timespec t = {slice / 1000, (slice % 1000) * 1000000};
        if (c->h->cancelled(c->h))
            break;
        nanosleep(&t, NULL);
    }
    return c->h->cancelled(c->h) ? sco_errf(e, SCO_E_CANCELLED, "cancelled") : 0;
}

/* ---- what is kept between calls -------------------------------------------------------------- */

static inline const char *ci_http_state_path(const struct ci_http *c, const char *suffix)
{
    struct sco_str s;
    if (!c->cache_dir)
        return NULL;
    s = sco_fmt(c->h, "%s/server-state%s", c->cache_dir, suffix);
    return s.p;
}

/* Others of the integration write at the same time: what one changes is read before, under a lock
 * that is held for nothing else. -1: without it, which costs a limit of the server at the most. */
static inline int ci_http_lock(const struct ci_http *c)
{
    const char *path = ci_http_state_path(c, ".lock");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600) : -1;
    struct timespec pause = {0, 5000000};
    for (int i = 0; fd >= 0 && i < 200 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++)
        nanosleep(&pause, NULL);
    return fd;
}

/* The Unix time of the last turn to write that anybody has taken; 0: none. */
static inline int64_t ci_http_read_state(const struct ci_http *c, uint32_t *limited)
{
    const char *path = ci_http_state_path(c, "");
    char text[64], *at = text;
    ssize_t n = 0;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    if (fd >= 0) {
        n = read(fd, text, sizeof text - 1);
        close(fd);
    }
    text[n > 0 ? n : 0] = 0;
    *limited = (uint32_t)strtoul(at, &at, 10);
    if (*limited > 16)
        *limited = 16;
    int64_t turn = strtoll(at, NULL, 10), ahead = turn - c->h->now(c->h);
    return turn > 0 && ahead < CI_HTTP_TURNS_MS ? turn : 0; /* a clock may have been set */
}

/* A state that cannot be kept does no harm: the next call learns it again. */
static inline void ci_http_write_state(const struct ci_http *c, int64_t turn)
{
    const char *path = ci_http_state_path(c, ""), *tmp = ci_http_state_path(c, ".tmp");
    char text[64];
    int n = snprintf(text, sizeof text, "%u %lld\n", (unsigned)c->limited, (long long)turn);
    int fd = tmp ? open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd < 0)
        return;
    ssize_t w = write(fd, text, (size_t)n);
    close(fd);
    if (w != n || rename(tmp, path) != 0)
        unlink(tmp);
}

static inline void ci_http_open(struct ci_http *c)
{
    c->started = ci_mono_ms();
    (void)ci_http_read_state(c, &c->limited);
}

static inline void ci_http_keep(const struct ci_http *c)
{
    uint32_t limited;
    int fd = ci_http_lock(c);
    int64_t turn = ci_http_read_state(c, &limited);
    int64_t own = c->last_write ? c->h->now(c->h) - (ci_mono_ms() - c->last_write) : 0;
    ci_http_write_state(c, own > turn ? own : turn);
    if (fd >= 0)
        close(fd);
}

/* Takes the next turn to write; how long to wait for it. */
static inline int64_t ci_http_turn(const struct ci_http *c)
{
    uint32_t limited;
    int64_t now = c->h->now(c->h), turn = now, last;
    if (!c->cache_dir)
        return 0;
    int fd = ci_http_lock(c);
    last = ci_http_read_state(c, &limited);
    if (last && last + c->write_gap_ms > turn)
        turn = last + c->write_gap_ms;
    ci_http_write_state(c, turn);
    if (fd >= 0)
        close(fd);
    return turn - now;
}

static inline void ci_http_forget(struct ci_http *c)
{
    c->h->data->close(c->reader);
    if (c->body_path)
        unlink(c->body_path);
    c->reader = NULL;
    c->body_path = NULL;
}

/* Ends the use of the last answer. */
static inline void ci_http_done(struct ci_http *c)
{
    ci_http_forget(c);
    if (c->last_write && c->write_gap_ms)
        ci_http_keep(c);
}

/* ---- one try --------------------------------------------------------------------------------- */

static inline struct sco_str ci_header(const struct ci_answer *a, const char *name)
{
    for (size_t i = 0; i < a->r.n_headers; i++)
        if (sco_str_is_nocase(a->r.headers[i].key, name))
            return a->r.headers[i].value;
    return sco_str_make(NULL, 0);
}

/* A header that is a whole number; -1 without one. */
static inline int64_t ci_header_int(const struct ci_answer *a, const char *name)
{
    struct sco_str s = ci_header(a, name);
    int64_t v = 0;
    if (!s.n || s.n > 15)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -1;
        v = v * 10 + (s.p[i] - '0');
    }
    return v;
}

static inline int ci_is_write(const struct ci_request *q)
{
    return q->method && strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0;
}

static inline int ci_http_try(struct ci_http *c, const struct ci_request *q, struct ci_answer *a,
                              struct sco_errbuf *e)
{
    struct sco_http_request r;
    const char *headers[2 * CI_HTTP_HEADERS_MAX];
    size_t n = 0;
    memset(&r, 0, sizeof r);
    for (; n < CI_HTTP_HEADERS_MAX && c->headers[n]; n++)
        headers[n] = c->headers[n];
    for (size_t i = 0; q->headers && q->headers[i] && i < CI_HTTP_HEADERS_MAX - 2; i++)
        headers[n++] = q->headers[i];
    if (q->etag.n) {
        struct sco_str line = sco_fmt(c->h, "If-None-Match: %.*s", SCO_STR_ARG(q->etag));
        if (!line.p)
            return sco_errf(e, SCO_E_NOMEM, "out of memory");
        headers[n++] = line.p;
    }
    if (q->body.p)
        headers[n++] = q->content_type ? q->content_type : "Content-Type: application/json";
    headers[n] = NULL;
    struct sco_str url = q->absolute ? sco_str_c(q->absolute)
                                     : sco_fmt(c->h, "%.*s%s", SCO_STR_ARG(c->base), q->path);
    if (!url.p)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    int64_t left = ci_http_left(c), timeout = q->timeout_ms ? q->timeout_ms : CI_HTTP_TIMEOUT_MS;
    if (left <= 0)
        return sco_errf(e, SCO_E_TIMEOUT, "%s: the deadline has passed", c->platform);
    r.struct_size = sizeof r;
    r.flags = (c->insecure ? SCO_HTTP_INSECURE : 0) | (q->stay ? SCO_HTTP_NO_REDIRECT : 0);
    r.method = q->method ? q->method : "GET";
    r.url = url.p;
    r.headers = headers;
    r.body = q->body;
    r.body_limit = q->text ? c->file_limit : 0;
    r.timeout_ms = timeout < left ? timeout : left;
    r.ca_file = c->ca_file;
    r.proxy = c->proxy;
    r.rate_per_second = c->rate;
    a->r.struct_size = sizeof a->r;
    a->r.retry_after_ms = -1;
    return c->h->http(c->h, &r, &a->r, e);
}

/* What the server says about a failure: "message" of GitHub, GitLab and Azure, "error" of GitLab,
 * with the first of "errors"; without a document the beginning of the text, unless it is HTML. */
static inline struct sco_str ci_http_words(const struct ci_http *c, const struct ci_answer *a)
{
    const struct sco_node *m = sco_get(a->root, "message");
    struct sco_str s = sco_text(m), more = sco_text(sco_first(sco_get(a->root, "errors")));
    struct ci_json j = ci_json_new(c->h);
    if (!s.n && (sco_is(m, SCO_NODE_MAP) || sco_is(m, SCO_NODE_LIST))) {
        ci_json_node(&j, m);
        s = ci_json_text(&j);
    }
    if (!s.n)
        s = sco_text(sco_get(a->root, "error"));
    if (!s.n)
        s = sco_text(sco_get(a->root, "error_description"));
    if (!more.n)
        more = sco_text_at(sco_first(sco_get(a->root, "errors")), "message");
    if (s.n && more.n)
        s = sco_fmt(c->h, "%.*s: %.*s", SCO_STR_ARG(s), SCO_STR_ARG(more));
    struct sco_str type = a->r.content_type;
    if (!s.n && !a->root && !sco_str_starts(type, "text/html"))
        s = ci_cut(a->r.body, CI_HTTP_MESSAGE_MAX);
    return s.n ? ci_line(c->h, s, CI_HTTP_MESSAGE_MAX) : sco_str_make("", 0);
}

static inline int ci_contains(struct sco_str s, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; n && i + n <= s.n; i++)
        if (sco_str_is_nocase(sco_str_make(s.p + i, n), part))
            return 1;
    return 0;
}

static inline int ci_is_json(struct sco_str type)
{
    return ci_contains(sco_str_make(type.p, type.n < 64 ? type.n : 64), "json");
}

/* Reads the answer's document, when it is JSON. 0, or an error for a 2xx that is no JSON. */
static inline int ci_http_read(struct ci_http *c, const struct ci_request *q, struct ci_answer *a,
                               struct sco_errbuf *e)
{
    int good = a->status >= 200 && a->status < 300;
    c->body_path = a->r.body_path;
    if (good && q->text)
        return 0;
    if (!a->r.body.n)
        return 0;
    if (!ci_is_json(a->r.content_type)) {
        if (!good)
            return 0;
        return sco_errf(e, SCO_E_FORMAT,
                        "%s: %s: the answer (HTTP status %d) is not JSON but \"%.*s\": a sign-in "
                        "page, or a proxy in between",
                        c->platform, q->what, (int)a->status,
                        SCO_STR_ARG(ci_line(c->h, a->r.content_type, 60)));
    }
    int r = c->h->data->open(c->h, a->r.body_path, &c->reader, good ? e : NULL);
    if (r == 0)
        r = c->h->data->read(c->reader, q->deferred, &a->root, good ? e : NULL);
    if (r <= 0)
        a->root = NULL;
    return good && r < 0 ? r : 0;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* How long the server wants us to wait; -1: it refused for another reason. 403 and 429 of GitHub,
 * 429 of all, 503 with Retry-After, and of a Jenkins that is starting. */
static inline int64_t ci_http_limit(const struct ci_http *c, const struct ci_answer *a)
{
    int64_t now = c->h->now(c->h), wait = -1, reset = ci_header_int(a, "x-ratelimit-reset");
    int said = ci_contains(a->message, "rate limit") || ci_contains(a->message, "abuse detection");
    struct sco_str none = ci_header(a, "x-ratelimit-remaining");
    if (a->status != 429 && a->status != 403 && a->status != 503)
        return -1;
    if (!none.n)
        none = ci_header(a, "ratelimit-remaining");
    if (reset < 0)
        reset = ci_header_int(a, "ratelimit-reset");
    if (a->r.retry_after_ms >= 0)
        wait = a->r.retry_after_ms;
    else if (a->status != 503 && sco_str_is(none, "0") && reset > 0)
        wait = reset * 1000 - now;
    else if (a->status == 503 && ci_contains(a->r.body, "getting ready to work"))
        wait = CI_HTTP_STARTING_MS;
    else if (said || a->status == 429)
        wait = (int64_t)CI_HTTP_SECONDARY_MS << (c->limited < 5 ? c->limited : 5);
    else
        return -1;
    if (wait < CI_HTTP_FLOOR_MS)
        wait = CI_HTTP_FLOOR_MS;
    return wait < CI_HTTP_WAIT_MAX_MS ? wait : CI_HTTP_WAIT_MAX_MS;
}

/* Ends a call that has to wait. */
static inline int ci_http_later(struct ci_http *c, int64_t wait, struct sco_errbuf *e,
                                const char *why)
{
    if (c->retry_ms)
        *c->retry_ms = wait;
    return sco_errf(e, SCO_CI_LATER, "%s: %s: not before %lld s from now", c->platform, why,
                    (long long)((wait + 999) / 1000));
}

/* Waits when it is short. 0: waited; else the end of the call. */
static inline int ci_http_wait(struct ci_http *c, int64_t wait, struct sco_errbuf *e,
                               const char *why)
{
    if (wait > c->wait_ms || wait >= ci_http_left(c))
        return ci_http_later(c, wait, e, why);
    return ci_http_sleep(c, wait, e);
}

static inline void ci_http_well(struct ci_http *c)
{
    if (!c->limited)
        return;
    c->limited = 0;
    ci_http_keep(c);
}

/* ---- outcome --------------------------------------------------------------------------------- */

static inline int ci_http_error(struct ci_http *c, const struct ci_request *q,
                                const struct ci_answer *a, struct sco_errbuf *e)
{
    int s = a->status;
    int code = s == 401 || s == 403   ? SCO_E_PERMISSION
               : s == 404 || s == 410 ? SCO_E_NOT_FOUND
               : s >= 500             ? SCO_E_NETWORK
               : s == 413             ? SCO_E_LIMIT
                                      : SCO_E_INVALID;
    struct sco_str needs = ci_header(a, "x-accepted-github-permissions");
    if (s == 403 && needs.n)
        return sco_errf(e, code,
                        "%s: %s: HTTP status 403 (the credential may not do this: it needs the "
                        "permission %.*s)%s%.*s",
                        c->platform, q->what, SCO_STR_ARG(ci_line(c->h, needs, 100)),
                        a->message.n ? ": " : "", SCO_STR_ARG(a->message));
    const char *meaning = s == 401   ? " (the credential is missing, wrong or has expired)"
                          : s == 403 ? " (the credential may not do this)"
                          : s == 404 ? " (it does not exist, or the credential may not see it)"
                          : s == 410 ? " (it has expired)"
                                     : "";
    return sco_errf(e, code, "%s: %s: HTTP status %d%s%s%.*s", c->platform, q->what, s, meaning,
                    a->message.n ? ": " : "", SCO_STR_ARG(a->message));
}

static inline int ci_http_unsettled(const struct ci_request *q, const struct ci_answer *a, int r)
{
    return (r == SCO_E_NETWORK || r == SCO_E_TIMEOUT) && !a->status
               ? 1
               : a->status == 500 || a->status == 502 || a->status == 503 || a->status == 504 ||
                     (a->status == 408 && !ci_is_write(q));
}

/* Asks once, with what has to be waited for before. 0 and a->status, or an error without one. */
static inline int ci_http_once(struct ci_http *c, const struct ci_request *q, struct ci_answer *a,
                               struct sco_errbuf *e)
{
    int r = 0;
    memset(a, 0, sizeof *a);
    ci_http_forget(c);
    int turns = ci_is_write(q) && !q->quiet && c->write_gap_ms > 0;
    int64_t gap = turns && c->last_write ? c->write_gap_ms - (ci_mono_ms() - c->last_write) : 0;
    int64_t slow = c->slow_until - ci_mono_ms();
    if (slow > 0)
        r = ci_http_wait(c, slow, e, "it asks to be slower");
    if (r == 0 && turns) {
        int64_t turn = ci_http_turn(c);
        if (turn > gap)
            gap = turn;
    }
    if (r == 0 && gap > 0)
        r = ci_http_sleep(c, gap, e);
    if (r != 0)
        return r;
    r = ci_http_try(c, q, a, e);
    if (turns)
        c->last_write = ci_mono_ms();
    if (r < 0)
        return r;
    a->status = a->r.status;
    if (a->status < 300 && a->r.retry_after_ms > 0)
        c->slow_until = ci_mono_ms() + a->r.retry_after_ms;
    r = ci_http_read(c, q, a, e);
    a->message = ci_http_words(c, a);
    return r;
}

/* The outcome of one request: 0 for a 2xx (a->root is its document, NULL without one);
 * SCO_CI_LATER; SCO_E_PERMISSION (401, 403), SCO_E_NOT_FOUND (404, 410), SCO_E_INVALID (another
 * 4xx), SCO_E_LIMIT (413), SCO_E_NETWORK, SCO_E_TIMEOUT, SCO_E_FORMAT (a 2xx that is no JSON),
 * SCO_E_CANCELLED. Reads and `repeat` are tried again after failures; a write of which nobody knows
 * whether it took effect ends with a->doubtful. */
static inline int ci_call(struct ci_http *c, const struct ci_request *q, struct ci_answer *a,
                          struct sco_errbuf *e)
{
    int64_t pause = c->backoff_ms ? c->backoff_ms : CI_HTTP_BACKOFF_MS;
    for (unsigned n = 1;; n++) {
        int r = ci_http_once(c, q, a, e);
        if (r > 0 || (r < 0 && r != SCO_E_NETWORK && r != SCO_E_TIMEOUT))
            return r;
        int64_t limit = a->status ? ci_http_limit(c, a) : -1;
        if (limit >= 0) {
            c->limited++;
            ci_http_keep(c);
            if (n >= CI_HTTP_TRIES)
                return ci_http_later(c, limit, e, "the limit of its rates is reached");
            r = ci_http_wait(c, limit, e, "the limit of its rates is reached");
            if (r != 0)
                return r;
            continue;
        }
        if (!ci_http_unsettled(q, a, r)) {
            ci_http_well(c);
            if (c->renew && (a->status == 401 || a->status == 403)) {
                r = c->renew(c->user, a, e);
                if (r == CI_FOUND)
                    continue;
                if (r != 0)
                    return r;
            }
            if (a->status >= (q->stay ? 400 : 300) && !(a->status == 304 && q->etag.n))
                return ci_http_error(c, q, a, e);
            return r;
        }
        if (a->status)
            r = ci_http_error(c, q, a, e);
        a->doubtful = ci_is_write(q);
        if ((ci_is_write(q) && !q->repeat) || n >= CI_HTTP_TRIES || pause >= ci_http_left(c))
            return r;
        int slept = ci_http_sleep(c, pause, e);
        if (slept < 0)
            return slept;
        pause *= 2;
    }
}

/* A GET of JSON. */
static inline int ci_get(struct ci_http *c, const char *path, const char *what, struct ci_answer *a,
                         struct sco_errbuf *e)
{
    struct ci_request q;
    memset(&q, 0, sizeof q);
    q.path = path;
    q.what = what;
    return ci_call(c, &q, a, e);
}
