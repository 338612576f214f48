/* Insides of the HTTP module: http.c repeats, breaker.c and retry.c decide whether and when, url.c
 * knows what a URL is, transfer.c does one try with libcurl. */
#pragma once

#include <secureops/http.h>

#include <curl/curl.h>

enum { HTTP_HOSTS_MAX = 256 }; /* servers whose state is kept; the others have none */

/* ---- url.c ---- */
struct http_url {
    char *text;   /* normalised, with what it was given; never for messages */
    char *origin; /* "https://host:port": what credentials belong to */
    char *server; /* "host:port" */
    bool https, loopback, userinfo;
};
int http_url_parse(const char *text, struct http_url *ret, struct sco_error *err);
/* A Location against the URL it was answered to. */
int http_url_redirect(const struct http_url *from, const char *location, struct http_url *ret,
                      struct sco_error *err);
void http_url_done(struct http_url *u);
void http_url_cleanup_(struct http_url *u);
void http_mask_url(struct sco_buf *out, struct sco_str url);
/* For messages; lives until the next call. */
const char *http_shown(struct sco_http *c, const struct http_url *u);

/* ---- breaker.c ---- */
struct http_host {
    char *server;
    uint32_t failures;  /* in a row */
    bool trying;        /* half open: one request is on its way */
    int64_t open_until; /* 0: closed */
    int64_t next_ms;    /* rate limit: not before */
};
struct http_host *http_host_get(struct sco_http *c, const char *server);
/* 0: go; SCO_E_NETWORK: the breaker is open. */
int http_breaker_ask(struct sco_http *c, struct http_host *h, struct sco_error *err);
void http_breaker_tell(struct sco_http *c, struct http_host *h, bool failed);
/* The request that was let through said nothing about the server: another one may try. */
void http_breaker_leave(struct sco_http *c, struct http_host *h);
/* Waits until the rate allows another request. */
int http_rate_wait(struct sco_http *c, struct http_host *h, double per_second,
                   struct sco_error *err);

/* ---- retry.c ---- */
/* Milliseconds that a Retry-After asks for; -1: none that can be understood. */
int64_t http_retry_after(struct sco_str value, int64_t now_unix_ms);
int64_t http_backoff(uint32_t attempt, uint32_t random);
/* Sleeps. SCO_E_CANCELLED; SCO_E_TIMEOUT when the deadline comes first. */
int http_pause(struct sco_http *c, int64_t ms, struct sco_error *err);
int64_t http_time_left(const struct sco_http *c); /* INT64_MAX: no deadline */

/* ---- state.c ---- */
/* What all processes know by now, into the hosts, for a change of it: locked until the end. */
int http_state_begin(struct sco_http *c);
void http_state_end(struct sco_http *c, int fd, bool changed);

/* ---- headers.c ---- */
struct http_try;
void http_head_add(struct http_try *t, struct sco_str line);
void http_head_clear(struct http_try *t);
int http_head_give(const struct http_try *t, struct sco_arena *a, struct sco_http_response *r);

/* ---- transfer.c ---- */
struct http_try {
    const struct sco_http_request *q;
    const struct http_url *url;
    const char *method;
    bool bare;        /* another origin: no headers of the plugin, no body */
    bool from_own;    /* the first origin is this machine, or beside it */
    const char *path; /* of the body's file */
    int send_fd;      /* the request's body is this file; -1: it is q->body */
    uint64_t send_size;

    int32_t status;
    bool connected; /* the server may have seen the request */
    bool lost;      /* the failure is one of the connection: worth another try */
    char content_type[256];
    char location[8192];
    char retry_after[128];
    struct sco_buf kept; /* the first SCO_HTTP_BODY_KEPT bytes */
    struct sco_buf head; /* "name: value" lines of the last answer */
    size_t n_head;
};
/* 0 when there is a whole answer. */
int http_transfer(struct sco_http *c, struct http_try *t, struct sco_error *err);

struct sco_http {
    struct sco_http_options o;
    struct sco_http_clock clock;
    CURLM *multi;
    CURL *easy;
    struct http_host hosts[HTTP_HOSTS_MAX];
    size_t n_hosts;
    uint32_t n_bodies;
    bool odd_clock; /* a time of the state file is further off than anybody would have written */
    struct sco_buf shown;
};
