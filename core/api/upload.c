/* Bodies that go to a file: what has come in is handed to a thread, which appends it, and meanwhile
 * no more is read than the window. Memory stays at the window, whatever the body's length. */
#include "server_priv.h"

#include <secureops/crypto.h>
#include <secureops/log.h>
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define SCO_LOG_MODULE "api"

int api_upload_begin(struct api_exchange *x, struct sco_error *err)
{
    struct sco_api *a = x->api;
    if (!a->o->spool)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "there is no folder for uploads");
    char name[37];
    sco_uuid4(name);
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/upload-%s", a->o->spool, name);
    x->spool_path = path.failed ? NULL : sco_strdup(sco_buf_str(&path));
    x->spool = evbuffer_new();
    x->writing = evbuffer_new();
    if (x->call.idempotency_key)
        x->sha = sco_sha256_new();
    if (!x->spool_path || !x->spool || !x->writing || (x->call.idempotency_key && !x->sha))
        return sco_error_nomem(err);
    if (x->sha)
        sco_sha256_begin(x->sha);
    x->spool_fd = open(x->spool_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (x->spool_fd < 0) {
        int e = errno;
        if (e == ENOSPC || e == EDQUOT || e == EROFS)
            return api_problem(&x->call, 507, err, "there is no room for the upload");
        return sco_error_errno(err, e, "cannot make a file for an upload");
    }
    return 0;
}

void api_upload_take(struct api_exchange *x, struct sco_str data)
{
    if (evbuffer_add(x->spool, data.p, data.n) != 0)
        x->body.failed = true;
}

static void write_run(void *state, void *work)
{
    struct api_exchange *x = work;
    (void)state;
    x->result = 0;
    for (struct evbuffer_iovec v; evbuffer_peek(x->writing, -1, NULL, &v, 1) > 0;) {
        ssize_t n = write(x->spool_fd, v.iov_base, v.iov_len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            x->result = errno;
            return;
        }
        if (x->sha)
            sco_sha256_add(x->sha, sco_str_make(v.iov_base, (size_t)n));
        evbuffer_drain(x->writing, (size_t)n);
    }
}

static void write_end(void *work)
{
    struct api_exchange *x = work;
    struct sco_api *a = x->api;
    a->n_threads--;
    x->on_thread = x->spooling = false;
    if (!x->conn || a->dead) {
        api_exchange_free(x);
        api_last(a);
    } else if (x->result == ENOSPC || x->result == EDQUOT || x->result == EFBIG) {
        api_request_refuse(x, 507, "there is no room for the upload");
    } else if (x->result) {
        x->log_text =
            sco_arena_fmt(&x->call.arena, "cannot write an upload: %s", strerror(x->result));
        api_request_refuse(x, 500, "the server could not do it; its log says why");
    } else {
        api_conn_continue(x->conn);
    }
}

bool api_upload_flush(struct api_exchange *x)
{
    size_t n = evbuffer_get_length(x->spool);
    if (x->spooling || n == 0 || (!x->body_done && n < UPLOAD_WINDOW / 2))
        return x->spooling;
    evbuffer_add_buffer(x->writing, x->spool);
    x->spooling = true;
    if (!api_request_thread(x, write_run, write_end))
        return true; /* it was refused */
    return true;
}

void api_upload_end(struct api_exchange *x)
{
    if (x->spool)
        evbuffer_free(x->spool);
    if (x->writing)
        evbuffer_free(x->writing);
    sco_sha256_free(x->sha);
    if (x->spool_fd >= 0)
        sco_fd_cleanup_(&x->spool_fd);
    if (x->spool_path && !x->call.body_file_taken)
        (void)unlink(x->spool_path); /* it may never have been made, ignoring */
    free(x->spool_path);
    x->spool = x->writing = NULL;
    x->sha = NULL;
    x->spool_path = NULL;
    x->spool_fd = -1;
}
