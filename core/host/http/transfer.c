/* One try of one request with libcurl. The body goes to a file; an answer counts only when it is
 * whole. Waiting is on the multi interface, so that a cancellation ends it at once. */
#include "http_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <secureops/address.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct transfer {
    struct sco_http *c;
    struct http_try *t;
    int fd;
    uint64_t size, limit;
    uint64_t sent;     /* of the file */
    int failed;        /* an SCO_E_* of ours */
    bool guarded;      /* not to this machine */
    bool failed_input; /* it is about the file that is sent */
    int saved_errno;
    unsigned opened, refused; /* sockets, by on_socket */
    char text[CURL_ERROR_SIZE];
    struct curl_slist *headers;
};

/* ---- answers ----------------------------------------------------------------------------------
 */

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
    struct transfer *x = user;
    size_t bytes = size * n;
    if (bytes > x->limit - x->size) {
        x->failed = SCO_E_LIMIT;
        return CURL_WRITEFUNC_ERROR;
    }
    int r = sco_fs_write_all(x->fd, sco_str_make(p, bytes));
    if (r < 0) {
        x->failed = SCO_E_IO;
        x->saved_errno = -r;
        return CURL_WRITEFUNC_ERROR;
    }
    x->size += bytes;
    size_t room = SCO_HTTP_BODY_KEPT - x->t->kept.n;
    sco_buf_add(&x->t->kept, sco_str_make(p, bytes < room ? bytes : room));
    return bytes;
}

static void keep_header(struct sco_str line, const char *name, char *out, size_t len)
{
    size_t n = strlen(name);
    if (line.n <= n || strncasecmp(line.p, name, n) != 0 || line.p[n] != ':')
        return;
    struct sco_str value = sco_str_trim(sco_str_make(line.p + n + 1, line.n - n - 1));
    if (value.n >= len) {
        out[0] = 0;
        return;
    }
    if (value.n)
        memcpy(out, value.p, value.n);
    out[value.n] = 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
    struct transfer *x = user;
    struct sco_str line = sco_str_make(p, size * n);
    if (sco_str_starts(line, "HTTP/")) { /* another one after a 100 */
        x->t->content_type[0] = x->t->location[0] = x->t->retry_after[0] = 0;
        http_head_clear(x->t);
        return line.n;
    }
    http_head_add(x->t, line);
    keep_header(line, "Content-Type", x->t->content_type, sizeof x->t->content_type);
    keep_header(line, "Location", x->t->location, sizeof x->t->location);
    keep_header(line, "Retry-After", x->t->retry_after, sizeof x->t->retry_after);
    return line.n;
}

/* ---- where to ---------------------------------------------------------------------------------
 * The address is judged that is connected to: names may stand for another one by then. */

static enum sco_address_reach reach_of(const struct sco_http *c, const struct sockaddr *to)
{
    if (c->o.reach)
        return c->o.reach(to);
    return sco_address_is_mine(to) ? SCO_REACH_OWN : sco_address_reach(to);
}

static bool may_connect(const struct transfer *x, const struct sockaddr *to)
{
    if (x->c->o.unix_socket || (!x->c->o.public_only && !x->guarded))
        return true;
    enum sco_address_reach reach = reach_of(x->c, to);
    return reach == SCO_REACH_PUBLIC || (reach == SCO_REACH_PRIVATE && !x->c->o.public_only);
}

static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *x = user;
    if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(x, &a->addr)) {
        x->refused++;
        return CURL_SOCKET_BAD;
    }
    x->opened++;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool has_proxy(const struct sco_http_request *q)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                        "ALL_PROXY"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++)
        if (getenv(names[i]))
            return true;
    return q->proxy;
}

/* Whether the server that has answered is this machine, or beside it. */
static bool is_own(const struct sco_http *c)
{
    const char *ip = NULL;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const struct sockaddr *a = (const struct sockaddr *)(const void *)&v4;
    if (curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_IP, &ip) != CURLE_OK || !ip)
        return false;
    if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
        a = (const struct sockaddr *)(const void *)&v6;
    else if (inet_pton(AF_INET, ip, &v4.sin_addr) != 1)
        return false;
    return reach_of(c, a) == SCO_REACH_OWN;
}

static void set_place(struct transfer *x)
{
    CURL *easy = x->c->easy;
    x->guarded = x->t->bare && !x->t->from_own && !has_proxy(x->t->q);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    if (x->c->o.public_only)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (x->guarded) /* one that is there was not judged */
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

/* ---- set-up -----------------------------------------------------------------------------------
 */

static int add_headers(struct transfer *x, struct sco_error *err)
{
    const char *const *h = x->t->bare ? NULL : x->t->q->headers;
    /* no waiting for "100 Continue", no compressed answers */
    struct curl_slist *l = curl_slist_append(NULL, "Expect:");
    if (!l)
        return sco_error_nomem(err);
    for (; h && *h; h++) {
        struct curl_slist *more = curl_slist_append(l, *h);
        if (!more) {
            curl_slist_free_all(l);
            return sco_error_nomem(err);
        }
        l = more;
    }
    x->headers = l;
    return 0;
}

/* The file is read at a place of our own: it may be sent again. */
static size_t on_send(char *p, size_t size, size_t n, void *user)
{
    struct transfer *x = user;
    uint64_t left = x->t->send_size - x->sent;
    size_t most = size * n < left ? size * n : (size_t)left;
    ssize_t got;
    do
        got = pread(x->t->send_fd, p, most, (off_t)x->sent);
    while (got < 0 && errno == EINTR);
    if (got < 0 || (got == 0 && most > 0)) {
        x->failed = SCO_E_IO;
        x->failed_input = true;
        x->saved_errno = got < 0 ? errno : 0;
        return CURL_READFUNC_ABORT;
    }
    x->sent += (uint64_t)got;
    return (size_t)got;
}

static int on_send_seek(void *user, curl_off_t offset, int origin)
{
    struct transfer *x = user;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > x->t->send_size)
        return CURL_SEEKFUNC_FAIL;
    x->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void set_file(CURL *easy, struct transfer *x)
{
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->t->send_size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(easy, CURLOPT_READDATA, x);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_send_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, x);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, x->t->q->flags & SCO_HTTP_RETRY_POST ? 0L : 1L);
}

static void set_method(CURL *easy, struct transfer *x)
{
    const struct http_try *t = x->t;
    const struct sco_http_request *q = t->q;
    bool body =
        q->body.p && !t->bare && strcmp(t->method, "GET") != 0 && strcmp(t->method, "HEAD") != 0;
    if (strcmp(t->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (t->send_fd >= 0 && !t->bare && strcmp(t->method, "GET") != 0) {
        set_file(easy, x);
    } else if (body || strcmp(t->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(body ? q->body.n : 0));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body ? q->body.p : "");
        /* on a used connection that turns out dead, libcurl itself would send it once more */
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, q->flags & SCO_HTTP_RETRY_POST ? 0L : 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
                     strcmp(t->method, "HEAD") == 0 ? NULL : t->method);
}

static void set_times(const struct transfer *x)
{
    CURL *easy = x->c->easy;
    int64_t total = x->t->q->timeout_ms > 0 ? x->t->q->timeout_ms : SCO_HTTP_TIMEOUT_MS;
    int64_t left = http_time_left(x->c);
    if (total > left)
        total = left;
    int64_t connect = total < SCO_HTTP_CONNECT_MS ? total : SCO_HTTP_CONNECT_MS;
    int64_t slow = (x->c->o.slow_ms + 999) / 1000;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(total > 0 ? total : 1));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect > 0 ? connect : 1));
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)SCO_HTTP_SLOW_BYTES);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)slow);
}

static void set_security(const struct transfer *x)
{
    const struct sco_http_request *q = x->t->q;
    CURL *easy = x->c->easy;
    bool verify = !(q->flags & SCO_HTTP_INSECURE);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (q->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, q->ca_file);
    if (x->t->url->loopback) /* never through a proxy: it would be the proxy's loopback */
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    else if (q->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, q->proxy);
}

static void set_up(struct transfer *x)
{
    CURL *easy = x->c->easy;
    curl_easy_reset(easy); /* keeps the connections */
    curl_easy_setopt(easy, CURLOPT_URL, x->t->url->text);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* one request at a time gains nothing by HTTP/2, where an answer need not say its length */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "secureops/" SCO_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    set_method(easy, x);
    set_times(x);
    set_security(x);
    set_place(x);
    if (x->c->o.unix_socket)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, x->c->o.unix_socket);
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

static CURLcode result_of(CURLM *multi)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(multi, &left)))
        if (m->msg == CURLMSG_DONE)
            return m->data.result;
    return CURLE_FAILED_INIT;
}

static int perform(struct transfer *x, CURLcode *ret)
{
    CURLM *multi = x->c->multi;
    struct curl_waitfd cancel = {.fd = x->c->o.cancel_fd, .events = CURL_WAIT_POLLIN};
    unsigned extra = cancel.fd >= 0 ? 1 : 0;
    int running = 1, r = 0;
    if (curl_multi_add_handle(multi, x->c->easy) != CURLM_OK)
        return SCO_E_NOMEM;
    while (r == 0) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            r = SCO_E_INTERNAL;
        if (r < 0 || !running)
            break;
        cancel.revents = 0;
        if (curl_multi_poll(multi, &cancel, extra, 1000, NULL) != CURLM_OK)
            r = SCO_E_INTERNAL;
        if (extra && cancel.revents)
            r = SCO_E_CANCELLED;
    }
    if (r == 0)
        *ret = result_of(multi);
    curl_multi_remove_handle(multi, x->c->easy);
    return r;
}

/* ---- outcome ----------------------------------------------------------------------------------
 */

static bool is_lost(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        return true;
    default:
        return false;
    }
}

/* Whether the server may have seen the request. */
static bool was_sent(CURL *easy, CURLcode code)
{
    double before = 0;
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
        code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR)
        return false;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME, &before);
    return code != CURLE_OPERATION_TIMEDOUT || before > 0;
}

static int explain(struct transfer *x, CURLcode code, struct sco_error *err)
{
    const char *url = http_shown(x->c, x->t->url);
    const char *text = x->text[0] ? x->text : curl_easy_strerror(code);
    x->t->connected = was_sent(x->c->easy, code);
    x->t->lost = is_lost(code);
    if (x->refused && !x->opened) {
        x->t->lost = false;
        return sco_error_set(err, SCO_E_PERMISSION, "%s leads to %s", url,
                             x->c->o.public_only ? "an address that is not public"
                                                 : "this machine, by way of another server");
    }
    if (x->failed == SCO_E_LIMIT)
        return sco_error_set(err, SCO_E_LIMIT, "%s answers with more than %llu bytes", url,
                             (unsigned long long)x->limit);
    if (x->failed_input && !x->saved_errno)
        return sco_error_set(err, SCO_E_IO, "the file became shorter while it was sent");
    if (x->failed_input)
        return sco_error_errno(err, x->saved_errno, "cannot read the file to be sent");
    if (x->failed == SCO_E_IO)
        return sco_error_errno(err, x->saved_errno, "cannot write %s", x->t->path);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return sco_error_set(err, SCO_E_TIMEOUT, "%s: %s", url, text);
    if (code == CURLE_PARTIAL_FILE)
        return sco_error_set(err, SCO_E_NETWORK, "%s: the answer was cut short: %s", url, text);
    return sco_error_set(err, SCO_E_NETWORK, "%s: %s", url, text);
}

int http_transfer(struct sco_http *c, struct http_try *t, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int fd = open(t->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot write %s", t->path);
    struct transfer x = {.c = c,
                         .t = t,
                         .fd = fd,
                         .limit = t->q->body_limit ? t->q->body_limit : SCO_HTTP_BODY_LIMIT};
    CURLcode code = CURLE_OK;
    long status = 0;
    sco_buf_clear(&t->kept);
    http_head_clear(t);
    t->status = 0;
    t->lost = t->connected = false;
    t->content_type[0] = t->location[0] = t->retry_after[0] = 0;
    int r = add_headers(&x, err);
    if (r < 0)
        return r;
    set_up(&x);
    r = perform(&x, &code);
    curl_slist_free_all(x.headers);
    if (r == SCO_E_CANCELLED)
        return sco_error_set(err, r, "cancelled");
    if (r < 0)
        return sco_error_set(err, r, "the HTTP client failed");
    if (code != CURLE_OK)
        return explain(&x, code, err);
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 100)
        return sco_error_set(err, SCO_E_NETWORK, "%s: no HTTP status", http_shown(c, t->url));
    t->connected = true;
    if (!t->bare)
        t->from_own = is_own(c);
    t->status = (int32_t)status;
    return t->kept.failed ? sco_error_nomem(err) : 0;
}
