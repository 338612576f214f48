/* URLs: what may be asked, who credentials belong to, and how they look in messages. */
#include "http_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

/* ---- masking ----------------------------------------------------------------------------------
 */

static bool is_secret_name(struct sco_str name)
{
    static const char *const words[] = {"token", "key",  "secret",  "pass", "pwd", "auth",   "sign",
                                        "sig",   "cred", "session", "code", "jwt", "bearer", NULL};
    for (size_t i = 0; words[i]; i++)
        for (size_t k = 0; k + strlen(words[i]) <= name.n; k++)
            if (strncasecmp(name.p + k, words[i], strlen(words[i])) == 0)
                return true;
    return false;
}

static void mask_query(struct sco_buf *out, struct sco_str query)
{
    struct sco_str pair;
    bool first = true;
    while (sco_str_split(&query, '&', &pair)) {
        const char *eq = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
        struct sco_str name = sco_str_make(pair.p, eq ? (size_t)(eq - pair.p) : pair.n);
        if (!first)
            sco_buf_addc(out, '&');
        first = false;
        if (eq && is_secret_name(name)) {
            sco_buf_add_printable(out, name);
            sco_buf_addz(out, "=***");
        } else {
            sco_buf_add_printable(out, pair);
        }
    }
}

void http_mask_url(struct sco_buf *out, struct sco_str url)
{
    const char *hash = url.n ? memchr(url.p, '#', url.n) : NULL;
    if (hash) /* a fragment may hold a token too */
        url.n = (size_t)(hash - url.p);
    const char *query = url.n ? memchr(url.p, '?', url.n) : NULL;
    struct sco_str head = sco_str_make(url.p, query ? (size_t)(query - url.p) : url.n);
    const char *slashes = head.n ? memmem(head.p, head.n, "//", 2) : NULL;
    size_t start = slashes ? (size_t)(slashes - head.p) + 2 : 0, end = start;
    while (end < head.n && head.p[end] != '/')
        end++;
    const char *at = end > start ? memrchr(head.p + start, '@', end - start) : NULL;
    if (at) {
        sco_buf_add_printable(out, sco_str_make(head.p, start));
        sco_buf_addz(out, "***");
        start = (size_t)(at - head.p);
    } else {
        start = 0;
    }
    sco_buf_add_printable(out, sco_str_make(head.p + start, head.n - start));
    if (query) {
        sco_buf_addc(out, '?');
        mask_query(out, sco_str_make(query + 1, url.n - head.n - 1));
    }
}

const char *http_shown(struct sco_http *c, const struct http_url *u)
{
    sco_buf_clear(&c->shown);
    http_mask_url(&c->shown, sco_str_c(u->text));
    return sco_buf_z(&c->shown);
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static bool is_loopback(const char *host)
{
    char plain[64];
    struct in_addr v4;
    struct in6_addr v6;
    size_t n = strlen(host);
    if (strcasecmp(host, "localhost") == 0 || (n > 10 && !strcasecmp(host + n - 10, ".localhost")))
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (host[0] != '[' || n - 2 >= sizeof plain)
        return false;
    memcpy(plain, host + 1, n - 2);
    plain[n - 2] = 0;
    return inet_pton(AF_INET6, plain, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static char *part(CURLU *u, CURLUPart what, unsigned flags)
{
    char *s = NULL;
    return curl_url_get(u, what, &s, flags) == CURLUE_OK ? s : NULL;
}

static char *format(const char *a, const char *between, const char *b)
{
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    sco_buf_addf(&out, "%s%s%s", a, between, b);
    return out.failed ? NULL : sco_strdup(sco_buf_str(&out));
}

static int take_parts(CURLU *handle, struct http_url *ret, struct sco_error *err)
{
    struct http_url u = {0};
    char *scheme = part(handle, CURLUPART_SCHEME, 0), *host = part(handle, CURLUPART_HOST, 0);
    char *port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    char *user = part(handle, CURLUPART_USER, 0), *url = NULL;
    int r = 0;
    if (!scheme || !host || !port ||
        (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)) {
        r = sco_error_set(err, SCO_E_INVALID, "only http and https URLs are asked");
        goto out;
    }
    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    url = part(handle, CURLUPART_URL, 0);
    u.https = strcasecmp(scheme, "https") == 0;
    u.loopback = is_loopback(host);
    u.userinfo = user != NULL;
    u.text = url ? sco_strdup(sco_str_c(url)) : NULL;
    u.server = format(host, ":", port);
    for (char *p = u.server; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    u.origin = u.server ? format(u.https ? "https" : "http", "://", u.server) : NULL;
    if (!u.text || !u.origin) {
        http_url_done(&u);
        r = sco_error_nomem(err);
        goto out;
    }
    *ret = u;
out:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_free(url);
    return r;
}

int http_url_parse(const char *text, struct http_url *ret, struct sco_error *err)
{
    CURLU *handle = curl_url();
    if (!handle)
        return sco_error_nomem(err);
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, text ? text : "", 0);
    int r = code == CURLUE_OK
                ? take_parts(handle, ret, err)
                : sco_error_set(err, SCO_E_INVALID, "not a URL: %s", curl_url_strerror(code));
    curl_url_cleanup(handle);
    return r;
}

int http_url_redirect(const struct http_url *from, const char *location, struct http_url *ret,
                      struct sco_error *err)
{
    struct http_url to = {0};
    CURLU *handle = curl_url();
    if (!handle)
        return sco_error_nomem(err);
    int r = 0;
    if (curl_url_set(handle, CURLUPART_URL, from->text, 0) != CURLUE_OK ||
        curl_url_set(handle, CURLUPART_URL, location, 0) != CURLUE_OK)
        r = sco_error_set(err, SCO_E_NETWORK, "the server redirects to something that is no URL");
    if (r == 0)
        r = take_parts(handle, &to, err);
    curl_url_cleanup(handle);
    if (r < 0)
        return r == SCO_E_INVALID
                   ? sco_error_set(err, SCO_E_NETWORK, "the server redirects to another protocol")
                   : r;
    if (from->https && !to.https)
        r = sco_error_set(err, SCO_E_NETWORK, "the server redirects from https to http");
    else if (!from->loopback && to.loopback)
        r = sco_error_set(err, SCO_E_NETWORK, "the server redirects to a loopback address");
    else if (to.userinfo && strcmp(from->origin, to.origin) != 0)
        r = sco_error_set(err, SCO_E_NETWORK, "the server redirects to a URL with credentials");
    if (r < 0)
        http_url_done(&to);
    else
        *ret = to;
    return r;
}

void http_url_done(struct http_url *u)
{
    free(u->text);
    free(u->origin);
    free(u->server);
    memset(u, 0, sizeof *u);
}

void http_url_cleanup_(struct http_url *u)
{
    http_url_done(u);
}
