/* Requests of the daemon: a client for each, one answer, an error for every status that is none. */
#include "web.h"

#include <secureops/webclient.h>

enum { ANSWER_MS = 10000 };

static int status_error(const struct webclient *w, const struct sco_http_request *q, int32_t status,
                        struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf url = {0};
    int code = status == 404                    ? SCO_E_NOT_FOUND
               : status == 401 || status == 403 ? SCO_E_PERMISSION
                                                : SCO_E_NETWORK;
    if (status >= 200 && status < 300)
        return 0;
    webclient_mask_url(w, &url, q->url);
    return sco_error_set(err, code, "%s answered with status %d", sco_buf_z(&url), status);
}

static int ask(const struct sco_http_request *q, struct sco_buf *out, struct sco_error *err)
{
    struct webclient_options o = {.prefix = "secureopsd-",
                                  .cancel_fd = -1,
                                  .deadline_mono_ms = sco_mono_ms() + q->timeout_ms};
    struct sco_http_response a;
    struct webclient *w = NULL;
    int r = webclient_open(&o, &w, err);
    if (r == 0)
        r = webclient_request(w, q, -1, &a, err);
    if (r == 0)
        r = status_error(w, q, a.status, err);
    if (r == 0 && out)
        r = webclient_body(&a, q->body_limit, out, err);
    webclient_close(w);
    return r;
}

int web_get(const char *url, const char *const *headers, uint64_t limit, struct sco_buf *out,
            struct sco_error *err)
{
    struct sco_http_request q = {.struct_size = sizeof q,
                                 .url = url,
                                 .headers = headers,
                                 .timeout_ms = ANSWER_MS,
                                 .retries = 1,
                                 .body_limit = limit};
    return ask(&q, out, err);
}

int web_post_json(const char *url, struct sco_str json, int64_t timeout_ms, struct sco_error *err)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct sco_http_request q = {.struct_size = sizeof q,
                                 .method = "POST",
                                 .url = url,
                                 .headers = headers,
                                 .body = json,
                                 .timeout_ms = timeout_ms,
                                 .body_limit = SCO_HTTP_BODY_KEPT};
    return ask(&q, NULL, err);
}
