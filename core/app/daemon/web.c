/* Requests of the daemon, through the HTTP module that workers use as well. */
#include "web.h"

#include <secureops/fs.h>
#include <secureops/http.h>
#include <secureops/module.h>

#include <stdlib.h>

enum { ANSWER_MS = 10000 };

static int status_error(const struct sco_http_module *http, const struct sco_http_request *q,
                        int32_t status, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf url = {0};
    int code = status == 404                    ? SCO_E_NOT_FOUND
               : status == 401 || status == 403 ? SCO_E_PERMISSION
                                                : SCO_E_NETWORK;
    if (status >= 200 && status < 300)
        return 0;
    http->mask_url(&url, sco_str_c(q->url));
    return sco_error_set(err, code, "%s answered with status %d", sco_buf_z(&url), status);
}

static int take_body(const struct sco_http_response *a, uint64_t limit, struct sco_buf *out,
                     struct sco_error *err)
{
    if (!out)
        return 0;
    if (!a->body_path || a->body.n < SCO_HTTP_BODY_KEPT) {
        sco_buf_add(out, a->body);
        return sco_buf_check(out, err);
    }
    SCO_AUTO(sco_buf) struct sco_buf file = {0};
    int r = sco_fs_read(a->body_path, limit, &file, err);
    if (r == 0)
        sco_buf_add(out, sco_buf_str(&file));
    return r == 0 ? sco_buf_check(out, err) : r;
}

static int ask(const struct sco_http_request *q, struct sco_buf *out, struct sco_error *err)
{
    const void *module;
    int r = sco_module_load("http", NULL, SCO_HTTP_MODULE_SYMBOL, sizeof(struct sco_http_module),
                            &module, err);
    if (r < 0)
        return r;
    const struct sco_http_module *http = module;
    struct sco_arena arena = {0};
    struct sco_http_response a = {.struct_size = sizeof a};
    struct sco_http *client = NULL;
    char *dir = NULL;
    r = sco_fs_mkdtemp(NULL, "secureopsd-", &dir, err);
    if (r == 0) {
        struct sco_http_options o = {.struct_size = sizeof o,
                                     .work_dir = dir,
                                     .cancel_fd = -1,
                                     .deadline_mono_ms = sco_mono_ms() + q->timeout_ms,
                                     .arena = &arena};
        r = http->open(&o, &client, err);
    }
    if (r == 0)
        r = http->request(client, q, &a, err);
    if (r == 0)
        r = status_error(http, q, a.status, err);
    if (r == 0)
        r = take_body(&a, q->body_limit, out, err);
    http->close(client);
    if (dir)
        sco_fs_remove_tree(dir);
    free(dir);
    sco_arena_done(&arena);
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
