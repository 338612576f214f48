/* TLS: version 1.3 alone, one certificate with its chain, HTTP/1.1 by ALPN. */
#include "server_priv.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <time.h>

/* What OpenSSL says; its queue is empty afterwards. */
static const char *reason(void)
{
    unsigned long e = ERR_peek_last_error();
    const char *text = e ? ERR_reason_error_string(e) : NULL;
    ERR_clear_error();
    return text ? text : "unknown";
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)user;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

int api_tls_load(const char *cert, const char *key, struct ssl_ctx_st **ret, struct sco_error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int r = 0;
    if (!ctx)
        return sco_error_nomem(err);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 1) != 1)
        r = sco_error_set(err, SCO_E_INTERNAL, "TLS 1.3: %s", reason());
    else if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        r = sco_error_set(err, SCO_E_INVALID, "certificate %s: %s", cert, reason());
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        r = sco_error_set(err, SCO_E_INVALID, "key %s: %s", key, reason());
    else if (SSL_CTX_check_private_key(ctx) != 1)
        r = sco_error_set(err, SCO_E_INVALID, "key %s is not that of certificate %s", key, cert);
    if (r < 0) {
        SSL_CTX_free(ctx);
        return r;
    }
    *ret = ctx;
    return 0;
}

int64_t api_tls_expiry(const struct ssl_ctx_st *ctx)
{
    const X509 *cert = SSL_CTX_get0_certificate(ctx);
    struct tm tm;
    if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return 0;
    return timegm(&tm);
}

void api_tls_free(struct ssl_ctx_st *ctx)
{
    SSL_CTX_free(ctx);
}

struct bufferevent *api_tls_accept(struct event_base *base, struct ssl_ctx_st *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);
    struct bufferevent *b =
        ssl ? bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : NULL;
    if (b)
        bufferevent_openssl_set_allow_dirty_shutdown(b, 1);
    else
        SSL_free(ssl);
    return b;
}

void api_tls_goodbye(struct bufferevent *b)
{
    SSL *ssl = bufferevent_openssl_get_ssl(b);
    if (!ssl || !SSL_is_init_finished(ssl) || (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN))
        return;
    ERR_clear_error();
    (void)SSL_shutdown(ssl); /* best effort: the client may be gone, ignoring */
    ERR_clear_error();
}
