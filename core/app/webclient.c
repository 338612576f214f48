/* The module http and the folder that it writes to. */
#include <secureops/webclient.h>

#include <secureops/fs.h>
#include <secureops/module.h>

#include <stdlib.h>
#include <unistd.h>

struct webclient {
    const struct sco_http_module *http;
    struct sco_http *client;
    struct sco_arena arena; /* of the last answer */
    char *dir;
    const char *last; /* file of the last answer */
};

int webclient_open(const struct webclient_options *o, struct webclient **ret, struct sco_error *err)
{
    const void *module;
    int r = sco_module_load("http", NULL, SCO_HTTP_MODULE_SYMBOL, sizeof(struct sco_http_module),
                            &module, err);
    if (r < 0)
        return r;
    struct webclient *w = sco_alloc(1, sizeof *w);
    if (!w)
        return sco_error_nomem(err);
    w->http = module;
    r = sco_fs_mkdtemp(NULL, o->prefix, &w->dir, err);
    if (r == 0) {
        struct sco_http_options with = {.struct_size = sizeof with,
                                        .work_dir = w->dir,
                                        .unix_socket = o->unix_socket,
                                        .cancel_fd = o->cancel_fd,
                                        .break_after = o->break_after,
                                        .public_only = o->public_only,
                                        .deadline_mono_ms = o->deadline_mono_ms,
                                        .arena = &w->arena};
        r = w->http->open(&with, &w->client, err);
    }
    if (r < 0)
        webclient_close(w);
    else
        *ret = w;
    return r;
}

struct webclient *webclient_close(struct webclient *w)
{
    if (!w)
        return NULL;
    w->http->close(w->client);
    if (w->dir)
        sco_fs_remove_tree(w->dir);
    free(w->dir);
    sco_arena_done(&w->arena);
    free(w);
    return NULL;
}

int webclient_request(struct webclient *w, const struct sco_http_request *q, int fd,
                      struct sco_http_response *ret, struct sco_error *err)
{
    struct sco_http_response a = {.struct_size = sizeof a};
    if (w->last)
        (void)unlink(w->last); /* goes with the folder at the latest */
    w->last = NULL;
    sco_arena_reset(&w->arena);
    int r = fd < 0 ? w->http->request(w->client, q, &a, err)
                   : w->http->send_file(w->client, q, fd, &a, err);
    if (r < 0)
        return r;
    w->last = a.body_path;
    *ret = a;
    return 0;
}

int webclient_body(const struct sco_http_response *a, uint64_t limit, struct sco_buf *out,
                   struct sco_error *err)
{
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

void webclient_mask_url(const struct webclient *w, struct sco_buf *out, const char *url)
{
    w->http->mask_url(out, sco_str_c(url));
}
