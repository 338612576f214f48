/* Heads of requests. */
#include "http_priv.h"

/* token (RFC 9110) */
static bool is_token(unsigned char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr(others, c));
}

/* pchar, "/" and "?" (RFC 3986) */
static bool is_target(unsigned char c)
{
    static const char others[] = "-._~!$&'()*+,;=:@/?%";
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr(others, c));
}

long http_head_end(struct sco_str in, size_t *scanned)
{
    size_t n = in.n < HTTP_HEAD_MAX ? in.n : HTTP_HEAD_MAX;
    size_t at = *scanned;
    while (at < n) {
        const char *lf = memchr(in.p + at, '\n', n - at);
        if (!lf) {
            at = n;
            break;
        }
        size_t i = (size_t)(lf - in.p);
        if (i == 0 || in.p[i - 1] != '\r')
            return -400;
        if (i == 1) /* an empty line where a request should begin */
            return -400;
        if (i >= 3 && in.p[i - 2] == '\n')
            return (long)i + 1;
        at = i + 1;
    }
    *scanned = at;
    return in.n >= HTTP_HEAD_MAX ? -431 : 0;
}

/* The line at *at without its CRLF; moves behind it. */
static struct sco_str next_line(struct sco_str head, size_t *at)
{
    const char *start = head.p + *at;
    const char *cr = memchr(start, '\r', head.n - *at);
    size_t n = cr ? (size_t)(cr - start) : head.n - *at;
    *at += n + 2;
    return sco_str_make(start, n);
}

static bool is_host(struct sco_str h)
{
    static const char others[] = "-._~%!$&'()*+,;=";
    size_t i = 0;
    if (h.n && h.p[0] == '[') {
        for (i = 1; i < h.n && h.p[i] != ']'; i++)
            if (!strchr("0123456789abcdefABCDEF:.", h.p[i]))
                return false;
        if (i >= h.n || i < 3)
            return false;
        i++;
    } else {
        for (; i < h.n && h.p[i] != ':'; i++) {
            unsigned char c = (unsigned char)h.p[i];
            if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  (c && strchr(others, c))))
                return false;
        }
        if (i == 0)
            return false;
    }
    int64_t port;
    return i == h.n ||
           (h.p[i] == ':' && h.n - i <= 6 &&
            sco_parse_i64(sco_str_make(h.p + i + 1, h.n - i - 1), 0, 65535, &port) == 0);
}

/* "http://host/path" as sent to a proxy: ours only when it names the host that Host names. */
static int strip_absolute(struct sco_str *target, struct sco_str *ret_authority)
{
    size_t scheme = 0;
    if (target->n > 7 && sco_str_is_nocase(sco_str_make(target->p, 7), "http://"))
        scheme = 7;
    else if (target->n > 8 && sco_str_is_nocase(sco_str_make(target->p, 8), "https://"))
        scheme = 8;
    else
        return 400;
    size_t end = scheme;
    while (end < target->n && target->p[end] != '/' && target->p[end] != '?')
        end++;
    *ret_authority = sco_str_make(target->p + scheme, end - scheme);
    if (end == target->n || target->p[end] == '?')
        return 400;
    *target = sco_str_make(target->p + end, target->n - end);
    return 0;
}

static int parse_line(struct sco_str line, struct http_head *h, struct sco_str *ret_authority,
                      const char **why)
{
    const char *sp = memchr(line.p, ' ', line.n);
    size_t m = sp ? (size_t)(sp - line.p) : line.n;
    *why = "malformed request line";
    if (!sp || m == 0 || m > 16)
        return 400;
    for (size_t i = 0; i < m; i++)
        if (!is_token((unsigned char)line.p[i]))
            return 400;
    h->method = sco_str_make(line.p, m);
    struct sco_str rest = sco_str_make(line.p + m + 1, line.n - m - 1);
    sp = memchr(rest.p, ' ', rest.n);
    if (!sp)
        return 400;
    struct sco_str target = sco_str_make(rest.p, (size_t)(sp - rest.p));
    struct sco_str version = sco_str_make(sp + 1, rest.n - target.n - 1);
    if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.')
        return 400;
    if (version.p[5] < '0' || version.p[5] > '9' || version.p[7] < '0' || version.p[7] > '9')
        return 400;
    *why = "this version of HTTP is not spoken here";
    if (version.p[5] != '1')
        return 505;
    h->minor = version.p[7] == '0' ? 0 : 1;
    *why = "the target is too long";
    if (target.n > HTTP_TARGET_MAX)
        return 414;
    *why = "malformed request target";
    for (size_t i = 0; i < target.n; i++)
        if (!is_target((unsigned char)target.p[i]))
            return 400;
    if (sco_str_is(target, "*") && sco_str_is(h->method, "OPTIONS")) {
        h->asterisk = true;
        h->path = target;
        return 0;
    }
    if (target.n && target.p[0] != '/') {
        int r = strip_absolute(&target, ret_authority);
        if (r)
            return r;
    }
    if (target.n == 0)
        return 400;
    const char *q = memchr(target.p, '?', target.n);
    size_t path_n = q ? (size_t)(q - target.p) : target.n;
    h->path = sco_str_make(target.p, path_n);
    h->query = q ? sco_str_make(q + 1, target.n - path_n - 1) : sco_str_make("", 0);
    return 0;
}

static int parse_field(struct sco_str line, struct http_head *h, const char **why)
{
    *why = "a header continues on the next line";
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return 400;
    *why = "malformed header";
    size_t n = 0;
    while (n < line.n && is_token((unsigned char)line.p[n]))
        n++;
    if (n == 0 || n == line.n || line.p[n] != ':')
        return 400;
    struct sco_str value = sco_str_make(line.p + n + 1, line.n - n - 1);
    while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
        value = sco_str_make(value.p + 1, value.n - 1);
    while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
        value.n--;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return 400;
    }
    *why = "too many headers";
    if (h->n_headers == HTTP_HEADERS_MAX)
        return 431;
    h->headers[h->n_headers++] = (struct http_header){sco_str_make(line.p, n), value};
    return 0;
}

/* Headers of which two would be two opinions. */
static int check_single(const struct http_head *h, const char **why)
{
    static const char *const once[] = {
        "host",          "content-length", "transfer-encoding", "content-type",
        "authorization", "expect",         "idempotency-key",   "if-match",
        "if-none-match", "x-request-id",   "traceparent",       "sec-websocket-key"};
    *why = "a header that may be there once is there twice";
    for (size_t k = 0; k < SCO_ARRAY_LEN(once); k++) {
        bool seen = false;
        for (size_t i = 0; i < h->n_headers; i++) {
            if (!sco_str_is_nocase(h->headers[i].name, once[k]))
                continue;
            if (seen)
                return 400;
            seen = true;
        }
    }
    return 0;
}

static int parse_framing(struct http_head *h, const char **why)
{
    struct sco_str length = http_head_get(h, "content-length");
    struct sco_str coding = http_head_get(h, "transfer-encoding");
    h->content_length = -1;
    *why = "both Content-Length and Transfer-Encoding";
    if (length.p && coding.p)
        return 400;
    if (length.p) {
        *why = "malformed Content-Length";
        if (length.n == 0 || length.n > 18)
            return 400;
        h->content_length = 0;
        for (size_t i = 0; i < length.n; i++) {
            if (length.p[i] < '0' || length.p[i] > '9')
                return 400;
            h->content_length = h->content_length * 10 + (length.p[i] - '0');
        }
    }
    if (coding.p) {
        *why = "Transfer-Encoding in HTTP/1.0";
        if (h->minor == 0)
            return 400;
        *why = "a transfer coding other than chunked";
        if (!sco_str_is_nocase(coding, "chunked"))
            return 501;
        h->chunked = true;
    }
    return 0;
}

static int parse_rest(struct http_head *h, struct sco_str authority, const char **why)
{
    h->host = http_head_get(h, "host");
    *why = "Host is missing or malformed";
    if ((h->minor == 1 && !h->host.p) || (h->host.p && !is_host(h->host)))
        return 400;
    *why = "the target names another host than Host";
    if (authority.p && (!h->host.p || authority.n != h->host.n ||
                        strncasecmp(authority.p, h->host.p, authority.n) != 0))
        return 400;
    struct sco_str connection = http_head_get(h, "connection");
    h->keep_alive = h->minor == 1 ? !http_list_has(connection, "close")
                                  : http_list_has(connection, "keep-alive");
    struct sco_str expect = http_head_get(h, "expect");
    *why = "an expectation other than 100-continue";
    if (expect.p && !sco_str_is_nocase(expect, "100-continue"))
        return 417;
    h->expects_continue = expect.p && h->minor == 1;
    return 0;
}

int http_head_parse(struct sco_str head, struct http_head *h, const char **ret_why)
{
    h->n_headers = 0;
    h->chunked = h->keep_alive = h->expects_continue = h->asterisk = false;
    h->host = h->query = sco_str_make(NULL, 0);
    if (head.n < 4 || memcmp(head.p + head.n - 4, "\r\n\r\n", 4) != 0 ||
        memchr(head.p, 0, head.n)) {
        *ret_why = "malformed head";
        return 400;
    }
    size_t at = 0, end = head.n - 2;
    struct sco_str authority = {NULL, 0};
    int r = parse_line(next_line(head, &at), h, &authority, ret_why);
    while (!r && at < end) {
        struct sco_str line = next_line(head, &at);
        if (line.p[line.n + 1] != '\n') { /* CR alone */
            *ret_why = "malformed header";
            return 400;
        }
        r = line.n ? parse_field(line, h, ret_why) : 400;
    }
    if (!r)
        r = check_single(h, ret_why);
    if (!r)
        r = parse_framing(h, ret_why);
    return r ? r : parse_rest(h, authority, ret_why);
}

struct sco_str http_head_get(const struct http_head *h, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < h->n_headers; i++)
        if (h->headers[i].name.n == n && strncasecmp(h->headers[i].name.p, name, n) == 0)
            return h->headers[i].value;
    return sco_str_make(NULL, 0);
}

bool http_list_has(struct sco_str list, const char *word)
{
    struct sco_str item;
    while (sco_str_split(&list, ',', &item)) {
        struct sco_str parameters = item, name, q;
        if (!sco_str_split(&parameters, ';', &name) || !sco_str_is_nocase(sco_str_trim(name), word))
            continue;
        bool refused = false;
        while (sco_str_split(&parameters, ';', &q)) {
            q = sco_str_trim(q);
            double v = 1;
            if (q.n > 2 && (q.p[0] == 'q' || q.p[0] == 'Q') && q.p[1] == '=')
                refused = sco_parse_real(sco_str_make(q.p + 2, q.n - 2), &v) < 0 || v <= 0;
        }
        return !refused;
    }
    return false;
}
