/* One mail over one connection. TLS always, but to loopback, where it is used when it is offered.
 */
#include "mail_module.h"

#include <curl/curl.h>

static size_t give(char *p, size_t size, size_t n, void *user)
{
    struct sco_str *rest = user;
    size_t take = size * n < rest->n ? size * n : rest->n;
    memcpy(p, rest->p, take);
    *rest = sco_str_make(rest->p + take, rest->n - take);
    return take;
}

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = strstr(url, "://");
    for (size_t i = 0; host && i < SCO_ARRAY_LEN(hosts); i++) {
        size_t n = strlen(hosts[i]);
        if (strncmp(host + 3, hosts[i], n) == 0 && strchr(":/", host[3 + n]))
            return true;
    }
    return false;
}

static int perform(CURL *c, const struct mail *m, struct curl_slist *to, struct sco_error *err)
{
    char why[CURL_ERROR_SIZE] = "";
    struct sco_str rest = m->message;
    curl_easy_setopt(c, CURLOPT_URL, m->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(c, CURLOPT_USE_SSL, is_loopback(m->url) ? CURLUSESSL_TRY : CURLUSESSL_ALL);
    curl_easy_setopt(c, CURLOPT_MAIL_FROM, m->from);
    curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
    if (m->user) {
        curl_easy_setopt(c, CURLOPT_USERNAME, m->user);
        curl_easy_setopt(c, CURLOPT_PASSWORD, m->password ? m->password : "");
    }
    curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(c, CURLOPT_READDATA, &rest);
    curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)m->message.n);
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L); /* we are one thread of several */
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)m->timeout_ms / 3);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    CURLcode r = curl_easy_perform(c);
    if (r == CURLE_OK)
        return 0;
    return sco_error_set(err, r == CURLE_OPERATION_TIMEDOUT ? SCO_E_TIMEOUT : SCO_E_NETWORK,
                         "the mail was not taken: %s", *why ? why : curl_easy_strerror(r));
}

static int send_mail(const struct mail *m, struct sco_error *err)
{
    CURL *c = curl_easy_init();
    struct curl_slist *to = curl_slist_append(NULL, m->to);
    int r = c && to ? perform(c, m, to, err) : sco_error_nomem(err);
    curl_slist_free_all(to);
    curl_easy_cleanup(c);
    return r;
}

const struct mail_module *sco_mail_module_v1(void)
{
    static const struct mail_module module = {.struct_size = sizeof module, .send = send_mail};
    return &module;
}
