/* Replies: problems (RFC 9457), validators, gzip, the lines of the head, the way out. */
#include "server_priv.h"

#include <secureops/log.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define SCO_LOG_MODULE "api"

enum { COPY_MAX = 16 << 10 };

const char *api_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } all[] = {{200, "OK"},
               {201, "Created"},
               {202, "Accepted"},
               {204, "No Content"},
               {207, "Multi-Status"},
               {304, "Not Modified"},
               {400, "Bad Request"},
               {401, "Unauthorized"},
               {403, "Forbidden"},
               {404, "Not Found"},
               {405, "Method Not Allowed"},
               {406, "Not Acceptable"},
               {408, "Request Timeout"},
               {409, "Conflict"},
               {410, "Gone"},
               {412, "Precondition Failed"},
               {413, "Content Too Large"},
               {414, "URI Too Long"},
               {415, "Unsupported Media Type"},
               {417, "Expectation Failed"},
               {422, "Unprocessable Content"},
               {426, "Upgrade Required"},
               {428, "Precondition Required"},
               {429, "Too Many Requests"},
               {431, "Request Header Fields Too Large"},
               {500, "Internal Server Error"},
               {501, "Not Implemented"},
               {502, "Bad Gateway"},
               {503, "Service Unavailable"},
               {504, "Gateway Timeout"},
               {505, "HTTP Version Not Supported"},
               {507, "Insufficient Storage"}};
    for (size_t i = 0; i < SCO_ARRAY_LEN(all); i++)
        if (all[i].status == status)
            return all[i].text;
    return status < 400 ? "OK" : "Error";
}

static void write_faults(struct sco_json_out *o, const struct api_fault *f)
{
    const struct api_fault *in_order[32];
    size_t n = 0;
    for (; f; f = f->next) /* the first ones that were found */
        in_order[n++ % SCO_ARRAY_LEN(in_order)] = f;
    if (n == 0)
        return;
    sco_json_key(o, "errors");
    sco_json_begin(o, '[');
    size_t kept = n < SCO_ARRAY_LEN(in_order) ? n : SCO_ARRAY_LEN(in_order);
    for (size_t i = 0; i < kept; i++) {
        const struct api_fault *e = in_order[(n - 1 - i) % SCO_ARRAY_LEN(in_order)];
        sco_json_begin(o, '{');
        /* RFC 9457 has JSON Pointers for bodies; "?name" is a query parameter. */
        sco_json_kz(o, e->pointer[0] == '?' ? "parameter" : "pointer",
                    e->pointer[0] == '?' ? e->pointer + 1 : e->pointer);
        sco_json_kz(o, "detail", e->detail);
        sco_json_end(o, '}');
    }
    sco_json_end(o, ']');
}

void api_reply_problem(struct api_call *c, int status, const char *detail)
{
    sco_buf_clear(&c->reply);
    c->out = (struct sco_json_out){.b = &c->reply};
    if (c->reply_fd >= 0)
        sco_fd_cleanup_(&c->reply_fd);
    c->reply_fd = -1;
    c->status = status;
    c->etag = NULL;
    c->cache_control = NULL;
    c->reply_type = "application/problem+json";
    struct sco_json_out *o = &c->out;
    sco_json_begin(o, '{');
    sco_json_kz(o, "type", "about:blank");
    sco_json_kz(o, "title", api_status_text(status));
    sco_json_ki64(o, "status", status);
    sco_json_kz(o, "detail", detail);
    if (c->correlation_id[0])
        sco_json_kz(o, "correlation_id", c->correlation_id);
    if (status < 500)
        write_faults(o, c->faults);
    sco_json_end(o, '}');
}

int api_error_status(int r)
{
    switch (r) {
    case SCO_E_INVALID:
        return 400;
    case SCO_E_PERMISSION:
        return 403;
    case SCO_E_NOT_FOUND:
        return 404;
    case SCO_E_UNSUPPORTED:
        return 501;
    case SCO_E_LIMIT:
        return 429;
    case SCO_E_TIMEOUT: /* somebody else writes, or has what is needed */
    case SCO_E_NETWORK:
    case SCO_E_IO:
        return 503;
    default:
        return 500;
    }
}

void api_reply_error(struct api_exchange *x, int r, const struct sco_error *err)
{
    struct api_call *c = &x->call;
    int status = c->problem ? c->status : api_error_status(r);
    const char *detail = err->text;
    if (status == 500 || (status == 503 && !c->problem)) {
        x->log_text = sco_arena_cstr(&c->arena, sco_str_c(err->text));
        detail = status == 500 ? "the server could not do it; its log says why"
                               : "something that the server needs is away; try again later";
    }
    if (status == 503 || status == 429)
        api_header(c, "Retry-After", status == 503 ? "5" : "1");
    api_reply_problem(c, status, detail);
}

static const char *header_of(const struct api_call *c, const char *name)
{
    for (size_t i = 0; i < c->n_headers; i++)
        if (strcasecmp(c->headers[i].name, name) == 0)
            return c->headers[i].value;
    return NULL;
}

bool api_tag_matches(const char *list, const char *tag)
{
    struct sco_str rest = sco_str_c(list), item;
    size_t n = strlen(tag);
    while (sco_str_split(&rest, ',', &item)) {
        item = sco_str_trim(item);
        if (sco_str_is(item, "*"))
            return true;
        if (item.n > 2 && memcmp(item.p, "W/", 2) == 0)
            item = sco_str_make(item.p + 2, item.n - 2);
        if (item.n < n + 2 || item.p[0] != '"' || memcmp(item.p + 1, tag, n) != 0)
            continue;
        struct sco_str tail = sco_str_make(item.p + 1 + n, item.n - 1 - n);
        if (sco_str_is(tail, "\"") || sco_str_is(tail, "-gzip\""))
            return true;
    }
    return false;
}

static void set_tag(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    if (!c->etag && c->reply_fd < 0)
        c->etag = sco_arena_fmt(&c->arena, "%016llx%016llx",
                                (unsigned long long)sco_hash(c->reply.p, c->reply.n, 0x5ec0),
                                (unsigned long long)sco_hash(c->reply.p, c->reply.n, 0x0b5));
}

static bool compress_body(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    const char *type = c->reply_type ? c->reply_type : "application/json";
    if (!x->gzip || c->reply_fd >= 0 || c->reply.n < GZIP_MIN || c->reply.n > UINT_MAX ||
        header_of(c, "Content-Encoding") ||
        !(strncmp(type, "text/", 5) == 0 || strncmp(type, "application/", 12) == 0))
        return false;
    z_stream z = {0};
    if (deflateInit2(&z, 4, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    size_t room = deflateBound(&z, (uLong)c->reply.n);
    bool done = false;
    if (sco_buf_reserve(&out, room) == 0) {
        z.next_in = (Bytef *)c->reply.p;
        z.avail_in = (uInt)c->reply.n;
        z.next_out = (Bytef *)out.p;
        z.avail_out = (uInt)room;
        done = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < c->reply.n;
        out.n = z.total_out;
    }
    deflateEnd(&z);
    if (done) {
        sco_buf_done(&c->reply);
        c->reply = SCO_TAKE(out);
    }
    return done;
}

static void add_line(struct sco_buf *b, const char *name, const char *value)
{
    sco_buf_addz(b, name);
    sco_buf_add(b, SCO_STR(": "));
    sco_buf_addz(b, value);
    sco_buf_add(b, SCO_STR("\r\n"));
}

/* The lines that are the same for everybody who gets this reply. */
static void write_lines(struct api_exchange *x, bool gzipped)
{
    struct api_call *c = &x->call;
    struct sco_buf *b = &x->lines;
    sco_buf_clear(b);
    if (c->status != 204 && c->status != 304)
        add_line(b, "Content-Type", c->reply_type ? c->reply_type : "application/json");
    if (c->etag)
        sco_buf_addf(b, "ETag: \"%s%s\"\r\n", c->etag, gzipped ? "-gzip" : "");
    if (gzipped)
        add_line(b, "Content-Encoding", "gzip");
    add_line(b, "Cache-Control",
             c->cache_control ? c->cache_control
             : c->etag        ? "private, no-cache"
                              : "no-store");
    sco_buf_add(b, SCO_STR("Vary: Accept-Encoding, Authorization, Origin\r\n"
                           "X-Content-Type-Options: nosniff\r\n"
                           "X-Frame-Options: DENY\r\n"
                           "Referrer-Policy: no-referrer\r\n"
                           "Cross-Origin-Resource-Policy: same-origin\r\n"));
    if (!header_of(c, "Content-Security-Policy"))
        add_line(b, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (x->api->o->hsts)
        add_line(b, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
    for (size_t i = 0; i < c->n_headers; i++)
        add_line(b, c->headers[i].name, c->headers[i].value);
}

void api_reply_finish(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    bool get = c->route && strcmp(c->route->method, "GET") == 0, gzipped = false;
    if (c->reply.failed) {
        x->log_text = "a reply could not be written: out of memory, or too many headers";
        c->n_headers = 0;
        api_reply_problem(c, 500, "the server could not do it; its log says why");
    }
    if (c->status == 0)
        c->status = c->reply.n || c->reply_fd >= 0 ? 200 : 204;
    if (get && c->status == 200) {
        set_tag(x);
        if (c->etag && c->if_none_match && !(x->cacheable && !x->from_cache) &&
            api_tag_matches(c->if_none_match, c->etag))
            c->status = 304;
        else
            gzipped = compress_body(x);
    }
    write_lines(x, gzipped);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", made once a second. */
static const char *date_line(void)
{
    static char text[48];
    static time_t made;
    time_t now = time(NULL);
    if (now != made) {
        static const char days[] = "SunMonTueWedThuFriSat";
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        struct tm tm;
        gmtime_r(&now, &tm);
        snprintf(text, sizeof text, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                 days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        made = now;
    }
    return text;
}

static void add_number(struct sco_buf *b, const char *name, int64_t v)
{
    sco_buf_addz(b, name);
    sco_buf_add_i64(b, v);
    sco_buf_add(b, SCO_STR("\r\n"));
}

static void add_cors(struct api_exchange *x, struct sco_buf *b)
{
    const char *const *allowed = x->api->o->cors_origins;
    struct sco_str origin = http_head_get(&x->head, "origin");
    if (!allowed || !origin.p)
        return;
    for (; *allowed; allowed++)
        if (sco_str_is(origin, *allowed)) {
            add_line(b, "Access-Control-Allow-Origin", *allowed);
            add_line(b, "Access-Control-Expose-Headers",
                     "ETag, Location, Retry-After, X-Request-Id, RateLimit-Limit, "
                     "RateLimit-Remaining, RateLimit-Reset");
            return;
        }
}

static void write_head(struct api_exchange *x, struct sco_buf *b, int64_t length, bool close)
{
    struct api_call *c = &x->call;
    sco_buf_add(b, SCO_STR("HTTP/1.1 "));
    sco_buf_add_i64(b, c->status);
    sco_buf_addc(b, ' ');
    sco_buf_addz(b, api_status_text(c->status));
    sco_buf_add(b, SCO_STR("\r\n"));
    sco_buf_addz(b, date_line());
    sco_buf_add(b, sco_buf_str(&x->lines));
    if (c->status != 204 && c->status != 304)
        add_number(b, "Content-Length: ", length);
    sco_buf_add(b, SCO_STR("X-Request-Id: "));
    sco_buf_addz(b, c->correlation_id);
    sco_buf_add(b, SCO_STR("\r\n"));
    if (x->rate_limit) {
        add_number(b, "RateLimit-Limit: ", x->rate_limit);
        add_number(b, "RateLimit-Remaining: ", x->rate_left);
        add_number(b, "RateLimit-Reset: ", x->rate_reset);
    }
    if (c->trace.valid) {
        char text[SCO_TRACEPARENT_LEN];
        sco_traceparent_format(&c->trace, text);
        add_line(b, "traceparent", text);
    }
    add_cors(x, b);
    if (close)
        sco_buf_add(b, SCO_STR("Connection: close\r\n"));
    else if (x->head.minor == 0)
        sco_buf_add(b, SCO_STR("Connection: keep-alive\r\n"));
    sco_buf_add(b, SCO_STR("\r\n"));
}

static void free_body(const void *p, size_t n, void *user)
{
    (void)n;
    (void)user;
    free((void *)(uintptr_t)p);
}

/* Moves the body into the output. false: no memory; the connection cannot go on. */
static bool write_body(struct api_exchange *x, struct evbuffer *out, int64_t length)
{
    struct api_call *c = &x->call;
    if (c->reply_fd >= 0) {
        int fd = c->reply_fd;
        if (length == 0)
            return true;
        c->reply_fd = -1;
        return evbuffer_add_file(out, fd, 0, length) == 0;
    }
    if (c->reply.n <= COPY_MAX)
        return evbuffer_add(out, c->reply.p, c->reply.n) == 0;
    if (evbuffer_add_reference(out, c->reply.p, c->reply.n, free_body, NULL) != 0)
        return false;
    c->reply = (struct sco_buf){0};
    return true;
}

static int64_t body_length(struct api_exchange *x)
{
    struct stat st;
    if (x->call.reply_fd < 0)
        return (int64_t)x->call.reply.n;
    return fstat(x->call.reply_fd, &st) == 0 ? st.st_size : -1;
}

void api_reply_send(struct api_exchange *x)
{
    struct conn *conn = x->conn;
    struct api_call *c = &x->call;
    if (!conn) {
        api_exchange_free(x);
        return;
    }
    if (x->log_text) {
        const char *const fields[] = {"correlation_id", c->correlation_id, "path",
                                      api_path_shown(c), NULL};
        sco_log_write(SCO_LOG_ERROR, SCO_LOG_MODULE, fields, "%s", x->log_text);
    }
    bool unread = (x->head.chunked || x->head.content_length > 0) && !x->body_done;
    bool close = unread || !x->head.keep_alive || x->api->stopping;
    struct evbuffer *out = bufferevent_get_output(conn->bev);
    struct sco_buf *b = &x->api->scratch;
    sco_buf_clear(b);
    int64_t length = body_length(x);
    write_head(x, b, length, close);
    bool body = !x->head_only && c->status != 204 && c->status != 304;
    if (b->failed || length < 0 || evbuffer_add(out, b->p, b->n) != 0 ||
        (body && !write_body(x, out, length))) {
        api_conn_close(conn); /* frees the exchange; half a reply is worse than none */
        return;
    }
    api_observe_request(x, c->status, b->n + (body ? (uint64_t)length : 0));
    if (unread)
        bufferevent_setwatermark(conn->bev, EV_READ, 0, BODY_WINDOW);
    bool was_upload = x->entry && x->entry->route->flags & API_UPLOAD;
    if (was_upload) {
        bufferevent_setwatermark(conn->bev, EV_READ, 0, BODY_WINDOW);
        (void)bufferevent_set_max_single_read(conn->bev, 0);
    }
    api_exchange_free(x);
    api_conn_replied(conn, close);
}

void api_reply_raw(struct conn *c, int status, const char *why)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    char body[256], head[512];
    int n = snprintf(body, sizeof body,
                     "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}",
                     api_status_text(status), status, why);
    int h = snprintf(head, sizeof head,
                     "HTTP/1.1 %d %s\r\n%sContent-Type: application/problem+json\r\n"
                     "Content-Length: %d\r\nCache-Control: no-store\r\n"
                     "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                     status, api_status_text(status), date_line(), n);
    evbuffer_add(out, head, (size_t)h);
    evbuffer_add(out, body, (size_t)n);
    api_observe_refused(c->api, status);
    api_conn_replied(c, true);
}
