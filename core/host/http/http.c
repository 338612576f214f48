/* The HTTP client: checks a request, then tries, follows and repeats until there is an answer.
 * One thread, one request at a time. */
#include "http_priv.h"

#include <errno.h>
#include <poll.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the real clock ---------------------------------------------------------------------------
 */

static int64_t real_mono(void *user)
{
    (void)user;
    return sco_mono_ms();
}

static int64_t real_unix(void *user)
{
    (void)user;
    return sco_now_ms();
}

static int real_sleep(void *user, int64_t ms)
{
    struct sco_http *c = user;
    struct pollfd p = {.fd = c->o.cancel_fd, .events = POLLIN};
    int64_t end = sco_mono_ms() + ms;
    for (int64_t left = ms; left > 0; left = end - sco_mono_ms()) {
        int r = poll(&p, p.fd >= 0 ? 1 : 0, left > 60000 ? 60000 : (int)left);
        if (r > 0)
            return SCO_E_CANCELLED;
        if (r < 0 && errno != EINTR)
            return SCO_E_IO;
    }
    return 0;
}

static uint32_t real_random(void *user)
{
    uint64_t x = (uint64_t)sco_mono_ns() ^ ((uint64_t)getpid() << 32) ^ (uintptr_t)user;
    x *= 0x9E3779B97F4A7C15u; /* spreads retries, guards nothing */
    return (uint32_t)(x >> 32);
}

/* ---- checks -----------------------------------------------------------------------------------
 */

static int check_request(const struct sco_http_request *q, struct sco_error *err)
{
    size_t n = 0;
    const char *m = q->method ? q->method : "GET";
    for (const char *p = m; *p; p++)
        if (*p < 'A' || *p > 'Z' || p - m > 16)
            return sco_error_set(err, SCO_E_INVALID, "not an HTTP method");
    for (const char *const *h = q->headers; h && *h; h++, n++) {
        const char *colon = strchr(*h, ':');
        if (n == SCO_HTTP_HEADERS_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "more than %d headers", SCO_HTTP_HEADERS_MAX);
        if (!colon || colon == *h || strpbrk(*h, "\r\n"))
            return sco_error_set(err, SCO_E_INVALID, "header %zu is not one \"Name: value\"",
                                 n + 1);
    }
    return 0;
}

static int check_place(struct sco_http *c, const struct http_url *u, struct sco_error *err)
{
    if (c->o.offline && !u->loopback)
        return sco_error_set(err, SCO_E_PERMISSION, "offline: %s is not asked", http_shown(c, u));
    return 0;
}

/* ---- one request ------------------------------------------------------------------------------
 */

struct call {
    struct sco_http *c;
    const struct sco_http_request *q;
    struct http_url url;
    struct http_try t;
    char *path;
    uint32_t redirects;
    uint32_t attempt;
};

static bool worth_another(int32_t status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

static bool may_repeat(const struct call *x)
{
    if (x->attempt >= x->q->retries || x->attempt >= SCO_HTTP_RETRIES_MAX)
        return false;
    if (strcmp(x->t.method, "POST") != 0 && strcmp(x->t.method, "PATCH") != 0)
        return true;
    return (x->q->flags & SCO_HTTP_RETRY_POST) || !x->t.connected;
}

/* How long to wait before the next try; -1: there is none. */
static int64_t pause_before_next(const struct call *x, bool answered)
{
    if (answered ? !worth_another(x->t.status) : !x->t.lost)
        return -1;
    if (!may_repeat(x))
        return -1;
    const struct sco_http_clock *k = &x->c->clock;
    int64_t wait = http_backoff(x->attempt, k->random(k->user));
    if (answered && x->t.retry_after[0]) {
        int64_t asked = http_retry_after(sco_str_c(x->t.retry_after), k->unix_ms(k->user));
        if (asked > SCO_HTTP_RETRY_AFTER_MAX_MS)
            return -1;
        if (asked >= 0)
            wait = asked;
    }
    return wait < http_time_left(x->c) ? wait : -1;
}

/* One try and what the breaker learns from it. */
static int try_once(struct call *x, struct sco_error *err)
{
    struct http_host *h = http_host_get(x->c, x->url.server);
    int r = check_place(x->c, &x->url, err);
    if (r == 0 && http_time_left(x->c) == 0)
        r = sco_error_set(err, SCO_E_TIMEOUT, "the deadline has passed");
    if (r == 0)
        r = http_breaker_ask(x->c, h, err);
    if (r == 0) {
        r = http_rate_wait(x->c, h, x->q->rate_per_second, err);
        if (r < 0)
            http_breaker_leave(x->c, h);
    }
    x->t.lost = x->t.connected = false;
    if (r < 0)
        return r;
    x->t.url = &x->url;
    r = http_transfer(x->c, &x->t, err);
    bool down = r == 0 ? worth_another(x->t.status) && x->t.status != 429 : x->t.lost;
    if (r == 0 || x->t.lost)
        http_breaker_tell(x->c, h, down);
    else
        http_breaker_leave(x->c, h);
    return r;
}

/* 1: there is another place to ask; 0: this is the answer. */
static int follow(struct call *x, struct sco_error *err)
{
    int32_t s = x->t.status;
    bool redirect = s == 301 || s == 302 || s == 303 || s == 307 || s == 308;
    if (!redirect || !x->t.location[0] || (x->q->flags & SCO_HTTP_NO_REDIRECT))
        return 0;
    struct http_url to = {0};
    if (++x->redirects > SCO_HTTP_REDIRECTS_MAX)
        return sco_error_set(err, SCO_E_NETWORK, "%s: more than %d redirects",
                             http_shown(x->c, &x->url), SCO_HTTP_REDIRECTS_MAX);
    int r = http_url_redirect(&x->url, x->t.location, &to, err);
    if (r < 0)
        return sco_error_prefix(err, "%s", http_shown(x->c, &x->url));
    bool get = strcmp(x->t.method, "GET") == 0 || strcmp(x->t.method, "HEAD") == 0;
    if (!get && s != 307 && s != 308) {
        x->t.method = "GET";
        get = true;
    }
    if (strcmp(x->url.origin, to.origin) != 0)
        x->t.bare = true; /* from here on, also when it leads back */
    if (x->t.bare && !get) {
        http_url_done(&to);
        return sco_error_set(err, SCO_E_NETWORK, "%s redirects a %s to another server",
                             http_shown(x->c, &x->url), x->t.method);
    }
    http_url_done(&x->url);
    x->url = to;
    return 1;
}

static int call(struct call *x, struct sco_error *err)
{
    for (;;) {
        int r = try_once(x, err);
        int64_t wait = pause_before_next(x, r == 0);
        if (wait >= 0) {
            struct sco_error ignored;
            r = http_pause(x->c, wait, err ? err : &ignored);
            if (r < 0)
                return r;
            x->attempt++;
            continue;
        }
        if (r == 0)
            r = follow(x, err);
        if (r <= 0)
            return r;
    }
}

static int give(struct call *x, struct sco_http_response *r, struct sco_error *err)
{
    struct sco_http_response out = {.struct_size = r->struct_size, .status = x->t.status};
    struct sco_arena *a = x->c->o.arena;
    struct sco_str type = sco_str_c(x->t.content_type);
    out.body = sco_arena_str(a, sco_buf_str(&x->t.kept));
    out.content_type = sco_arena_str(a, type);
    out.body_path = sco_arena_cstr(a, sco_str_c(x->path));
    if (!out.body_path || (x->t.kept.n && !out.body.p) || (type.n && !out.content_type.p) ||
        http_head_give(&x->t, a, &out) < 0)
        return sco_error_nomem(err);
    out.retry_after_ms = -1;
    if (x->t.retry_after[0])
        out.retry_after_ms =
            http_retry_after(sco_str_c(x->t.retry_after), x->c->clock.unix_ms(x->c->clock.user));
    memcpy(r, &out, r->struct_size < sizeof out ? r->struct_size : sizeof out);
    return 0;
}

/* send_fd -1: the body is that of the request. */
static int do_request(struct sco_http *c, const struct sco_http_request *asked, int send_fd,
                      uint64_t send_size, struct sco_http_response *r, struct sco_error *err)
{
    struct sco_http_request q = {0};
    memcpy(&q, asked, asked->struct_size < sizeof q ? asked->struct_size : sizeof q);
    struct call x = {.c = c,
                     .q = &q,
                     .t = {.q = &q,
                           .method = q.method ? q.method : "GET",
                           .send_fd = send_fd,
                           .send_size = send_size}};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/http-%u.body", c->o.work_dir, ++c->n_bodies);
    if (path.failed)
        return sco_error_nomem(err);
    x.path = path.p;
    x.t.path = sco_buf_z(&path);
    x.path = path.p;
    int rc = check_request(&q, err);
    if (rc == 0)
        rc = http_url_parse(q.url, &x.url, err);
    if (rc == 0)
        rc = call(&x, err);
    if (rc == 0)
        rc = give(&x, r, err);
    if (rc < 0)
        unlink(x.t.path); /* no half answer is left to be read */
    http_url_done(&x.url);
    sco_buf_done(&x.t.kept);
    sco_buf_done(&x.t.head);
    return rc;
}

static int http_request(struct sco_http *c, const struct sco_http_request *q,
                        struct sco_http_response *r, struct sco_error *err)
{
    return do_request(c, q, -1, 0, r, err);
}

static int http_send_file(struct sco_http *c, const struct sco_http_request *q, int fd,
                          struct sco_http_response *r, struct sco_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "the file to be sent");
    if (!S_ISREG(st.st_mode))
        return sco_error_set(err, SCO_E_INVALID, "only regular files are sent");
    return do_request(c, q, fd, (uint64_t)st.st_size, r, err);
}

/* ---- life cycle -------------------------------------------------------------------------------
 */

static struct sco_http *http_close(struct sco_http *c)
{
    if (!c)
        return NULL;
    if (c->easy)
        curl_easy_cleanup(c->easy);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    for (size_t i = 0; i < c->n_hosts; i++)
        free(c->hosts[i].server);
    sco_buf_done(&c->shown);
    free(c);
    curl_global_cleanup();
    return NULL;
}

static int http_open(const struct sco_http_options *o, struct sco_http **ret, struct sco_error *err)
{
    if (!o->work_dir || !o->arena || o->struct_size != sizeof *o)
        return sco_error_set(err, SCO_E_INVALID, "the HTTP module is of another build");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return sco_error_set(err, SCO_E_INTERNAL, "libcurl cannot be used");
    struct sco_http *c = sco_alloc(1, sizeof *c);
    if (!c) {
        curl_global_cleanup();
        return sco_error_nomem(err);
    }
    c->o = *o;
    c->o.break_after = o->break_after ? o->break_after : SCO_HTTP_BREAK_AFTER;
    c->o.break_ms = o->break_ms ? o->break_ms : SCO_HTTP_BREAK_MS;
    c->o.slow_ms = o->slow_ms ? o->slow_ms : SCO_HTTP_SLOW_MS;
    c->clock = o->clock ? *o->clock
                        : (struct sco_http_clock){real_mono, real_unix, real_sleep, real_random, c};
    c->multi = curl_multi_init();
    c->easy = curl_easy_init();
    if (!c->multi || !c->easy) {
        http_close(c);
        return sco_error_nomem(err);
    }
    *ret = c;
    return 0;
}

static const struct sco_http_module module = {
    .struct_size = sizeof(struct sco_http_module),
    .open = http_open,
    .close = http_close,
    .request = http_request,
    .mask_url = http_mask_url,
    .send_file = http_send_file,
};

const struct sco_http_module *sco_http_module_v1(void)
{
    return &module;
}
