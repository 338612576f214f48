/* HTTP for plugins: the module is opened for the job when the first request comes. */
#include "host_priv.h"

static int open_http(struct sco_worker *w, const struct sco_http_module **ret,
                     struct sco_error *err)
{
    const struct sco_http_module *http;
    int r = host_http(&http, err);
    if (r < 0)
        return r;
    if (w->http) {
        *ret = http;
        return 0;
    }
    struct sco_http_options o = {.struct_size = sizeof o,
                                 .work_dir = w->job->work_dir,
                                 .deadline_mono_ms = w->deadline,
                                 .cancel_fd = w->fd,
                                 .offline = w->job->offline,
                                 .break_after = w->job->break_after,
                                 .break_ms = w->job->break_ms,
                                 .arena = w->calling ? &w->call : &w->arena};
    const char *dir = w->calling ? w->job->cache_dir : NULL;
    if (dir && !(o.state_file = sco_arena_fmt(o.arena, "%s/http-state", dir)))
        return sco_error_nomem(err);
    r = http->open(&o, &w->http, err);
    if (r == 0)
        *ret = http;
    return r;
}

static int request(struct sco_worker *w, const struct sco_http_request *q,
                   struct sco_http_response *r, struct sco_error *err)
{
    const struct sco_http_module *http = NULL;
    if (w->quick)
        return sco_error_set(err, SCO_E_PERMISSION, "verify and translate ask no server");
    if (host_poll_cancel(w))
        return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    int e = open_http(w, &http, err);
    if (e == 0)
        e = http->request(w->http, q, r, err);
    if (e == SCO_E_CANCELLED)
        w->cancelled = true;
    if (e == SCO_E_TIMEOUT && host_time_left(w) == 0)
        w->timed_out = true;
    return e;
}

int host_request(const struct sco_host *t, const struct sco_http_request *q,
                 struct sco_http_response *r, struct sco_errbuf *e)
{
    struct sco_worker *w = t->impl;
    struct sco_error err = {0};
    struct sco_http_request full = {0};
    struct sco_http_response res = {.struct_size = sizeof res};
    if (host_is_foreign(w) || !q || !r ||
        q->struct_size < offsetof(struct sco_http_request, body) ||
        r->struct_size < offsetof(struct sco_http_response, body))
        return sco_errf(e, SCO_E_INVALID, "http: a wrong struct_size or thread");
    memcpy(&full, q, q->struct_size < sizeof full ? q->struct_size : sizeof full);
    full.struct_size = sizeof full;
    int code = request(w, &full, &res, &err);
    if (code < 0)
        return sco_error_to_errbuf(&err, code, e);
    res.struct_size = r->struct_size;
    memcpy(r, &res, r->struct_size < sizeof res ? r->struct_size : sizeof res);
    return 0;
}

void host_close_http(struct sco_worker *w)
{
    const struct sco_http_module *http;
    if (w->http && host_http(&http, NULL) == 0)
        w->http = http->close(w->http);
}
