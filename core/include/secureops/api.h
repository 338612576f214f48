/* The HTTP API of the daemon: on libevent's bufferevents (ADR 15), TLS by OpenSSL. Requests are
 * parsed and answered on the loop; handlers run on the threads with that thread's store.
 * docs/api.md; the document that describes every route is core/api/openapi/, served at
 * /api/v1/openapi.json. */
#pragma once

#include <secureops/auth.h>
#include <secureops/bus.h>
#include <secureops/sched.h>

struct event_base;
struct sco_api;
struct sco_ci_answer; /* ci.h */
struct sco_ci_delivery;
struct sco_integration;

/* POST /webhook/{platform}: verified, written to the store, answered, in this order. */
struct sco_api_webhooks {
    const struct sco_integration *integrations; /* copied, without their options */
    size_t n_integrations;
    /* As sco_ci_verify; on the loop. NULL: there are no webhooks. */
    int (*verify)(void *user, const struct sco_ci_delivery *d,
                  void (*fn)(void *fn_user, const struct sco_ci_answer *a), void *fn_user,
                  struct sco_error *err);
    void (*delivered)(void *user); /* on the loop: there are new ones in the store; or NULL */
    struct sco_threads *threads;   /* that they are written on; NULL: the API's */
    void *user;
};
struct sco_api_options {
    struct event_base *base;
    struct sco_threads *threads;
    struct sco_store *(*store)(void *state); /* as of sco_sched_options */
    const char *listen;                      /* "127.0.0.1:8080", "[::]:8443", "unix:/run/x.sock" */
    const char *tls_cert, *tls_key;          /* PEM files; NULL: plain HTTP */
    const char *public_url;                  /* "https://scans.example.com" */
    const char *const
        *trusted_proxies;            /* addresses, CIDR: X-Forwarded-For and -Proto are believed */
    const char *const *cors_origins; /* NULL-terminated; NULL: none */
    const char *spool;               /* folder for uploads */
    const char *data;                /* of the daemon: policies/, waivers.yaml */
    const char *const *checkout_hosts, *const *checkout_folders; /* checkout of config.h */
    bool pipelines, rollback_approval;                           /* pipelines of config.h */
    uint64_t artifact_limit;                  /* bytes of an artifact of a platform */
    const char *const *pipeline_repositories; /* NULL-terminated, empty or NULL: all */
    const char *node, *environment;           /* environment: of events, or NULL */
    uint32_t connections_max;                 /* 0: 10000 */
    uint32_t rate, burst;                     /* requests a second and principal; 0: 50, 200 */
    uint64_t body_limit, upload_limit;        /* 0: 1 MiB, 1 GiB */
    int64_t idle_ms, request_ms; /* of a connection; of a request to arrive. 0: 60 s, 30 s */
    bool hsts;
    struct sco_auth *auth;
    struct sco_sched *sched;
    struct sco_bus *bus; /* or NULL */
    struct sco_metrics *metrics;
    struct sco_tracer *tracer;
    const char *metrics_token; /* bearer token of /metrics; NULL: loopback and read:system only */
    int (*reload)(void *user, const char *by, struct sco_error *err); /* on the loop */
    void (*health)(void *user,
                   struct sco_json_out *o); /* further members of /health; on the loop */
    /* Runs `secureops` with these arguments (policy eval, policy list, ...) in the folder `dir`
     * (NULL: where we are): its standard output. On a thread. */
    int (*run)(void *user, const char *dir, const char *const *argv, struct sco_buf *out,
               int *ret_status, struct sco_error *err);
    /* Sends a mail (SMTP): on a thread. NULL: no mail can be sent. */
    int (*mail)(void *user, const char *to, const char *subject, const char *text,
                struct sco_error *err);
    void *user;
    struct sco_api_webhooks webhooks;
};
/* Listens. SCO_E_INVALID: address, certificate; SCO_E_IO: the address is taken. */
int sco_api_new(const struct sco_api_options *o, struct sco_api **ret,
                struct sco_error *err) SCO_NODISCARD;
/* Closes everything. What runs on a thread then comes to its end unanswered: the threads end later.
 */
struct sco_api *sco_api_free(struct sco_api *a);
uint16_t sco_api_port(const struct sco_api *a); /* what was bound, for listen ":0" */
/* No new connections; requests under way are answered, then theirs are closed. */
void sco_api_stop(struct sco_api *a);
/* Reads the certificate again and takes the other options over, but for the address. What fails
 * changes nothing. */
int sco_api_reload(struct sco_api *a, const struct sco_api_options *o,
                   struct sco_error *err) SCO_NODISCARD;
/* A scan request's `data` that came through Kafka: checked as the body of POST /api/v1/scans/all
 * is, and a job in the transaction that is open. Any thread, with its store. SCO_E_INVALID: it will
 * never be good. */
int sco_api_requested(struct sco_api *a, struct sco_store *s, struct sco_str json,
                      struct sco_error *err) SCO_NODISCARD;
/* Whether the user who made the schedule, or resumed or changed it last, may still ask for its
 * scans; who has no account here (an issuer's, or of the command line) is not asked about. Any
 * thread, with its store. SCO_E_PERMISSION says why not. */
int sco_api_schedule_may(struct sco_store *s, const struct sco_stored_schedule *v,
                         struct sco_error *err) SCO_NODISCARD;
/* There are new events in the feed: any thread. */
void sco_api_events(struct sco_api *a);
