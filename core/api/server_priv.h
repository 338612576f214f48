/* Inside of the server: connections, exchanges (a request with its reply), caches. Everything is
 * the loop's, but an exchange between `sco_threads_run` and its end, which is the thread's. */
#pragma once

#include "api_priv.h"
#include "http_priv.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

struct evconnlistener;
struct ssl_ctx_st;
struct evbuffer;

enum {
    REPLY_BACKLOG = 256 << 10, /* unsent bytes at which a connection is not read further */
    BODY_WINDOW = 64 << 10,    /* bytes read ahead of what is taken */
    UPLOAD_WINDOW = 256 << 10,
    MIN_RATE = 16 << 10, /* bytes a second that a body and a reply have to move at */
    LINGER_MS = 2000,
    GZIP_MIN = 1024,
};

enum conn_state {
    CONN_HEAD,   /* waits for a request, or has part of its head */
    CONN_BUSY,   /* a request is looked at: a thread, or nothing more is read for now */
    CONN_BODY,   /* its body comes in */
    CONN_REPLY,  /* a long reply goes out */
    CONN_LINGER, /* told to go; what it still sends is thrown away */
};
struct conn {
    struct sco_api *api;
    struct conn *next, **at; /* api->conns */
    struct bufferevent *bev;
    struct api_exchange *x;
    enum conn_state state;
    int64_t deadline, began; /* monotonic ms; began: first byte of this request, 0: none yet */
    size_t scanned, unsent;
    bool eof, close, looping, again, gone, local;
    char address[48];
};

struct route_entry;
struct principal; /* of the cache: counted */
struct api_exchange {
    struct api_call call;
    struct sco_api *api;
    struct conn *conn; /* NULL: the client is gone */
    const struct route_entry *entry;
    struct principal *principal;
    struct api_exchange *next; /* of those that are free */
    struct http_head head;
    struct sco_buf raw;         /* what `head` looks at */
    struct sco_buf body, lines; /* lines: of the reply's head, the same for everybody */
    struct http_chunks chunks;
    int64_t received, started; /* body bytes; monotonic ns */
    struct sco_str token;
    uint8_t token_digest[32], request_digest[32];
    char principal_key[80]; /* of rate limits and idempotency keys */
    uint64_t generation;    /* of the cache of replies, when the request began */
    int rate_limit, rate_left;
    int64_t rate_reset;
    int result; /* of what ran on a thread */
    struct sco_error error;
    bool has_body, head_only, denied, on_thread, gzip, in_flight, cacheable, from_cache, body_done;
    const char *log_text;  /* what went wrong and the client is not told */
    size_t delivery_bytes; /* webhooks.c: of the body, counted with all that are in memory */
    /* upload.c */
    int spool_fd;
    char *spool_path;
    struct evbuffer *spool, *writing;
    struct sco_sha256 *sha;
    bool spooling;
};

/* What the server is made of: the API's own, or a test's. */
struct api_parts {
    const struct api_route *const *tables; /* NULL-terminated */
    const struct sco_str *fragments;       /* of the document */
    size_t n_fragments;
    int (*bearer)(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                  struct sco_arena *arena, struct sco_principal *ret, struct sco_error *err);
};

struct sco_api {
    const struct sco_api_options *_Atomic o; /* in `arena`, with its texts; threads read it */
    struct api_parts parts;
    struct sco_arena arena;
    struct event *sweep, *resume;
    struct evconnlistener *listener;
    struct ssl_ctx_st *tls;
    char *unix_path;
    uint16_t port;
    struct conn *conns;
    size_t n_conns, n_taken, n_threads; /* threads: exchanges that are out */
    bool stopping, dead, paused;
    struct api_exchange *spare;
    size_t n_spare;
    uint64_t ids, id_seed;
    uint8_t key[32]; /* digests of tokens in the cache */
    struct api_routes *routes;
    struct api_principals *principals;
    struct api_replies *replies;
    struct api_rates *rates;
    struct api_exchange *in_flight; /* those with an idempotency key */
    struct sco_buf scratch;
    struct api_feed *feed;
    struct api_hooks *hooks;
    struct mail_work *mails; /* that wait */
    size_t n_mails;
    bool mailing;
};

/* ---- server.c ---- */
void api_own_parts(struct api_parts *ret); /* api.c */
int api_server_new(const struct sco_api_options *o, const struct api_parts *parts,
                   struct sco_api **ret, struct sco_error *err) SCO_NODISCARD;
void api_last(struct sco_api *a); /* frees what sco_api_free could not: something was on a thread */

/* ---- conn.c ---- */
void api_conn_accept(struct sco_api *a, int fd, const struct sockaddr *peer, int len);
void api_conn_close(struct conn *c);
void api_conn_continue(struct conn *c); /* goes on with what was read */
/* The reply was put into the output; close: nothing more is read. */
void api_conn_replied(struct conn *c, bool close);
void api_conn_sweep(struct sco_api *a);
struct api_exchange *api_exchange_new(struct sco_api *a);
void api_exchange_free(struct api_exchange *x);

/* ---- request.c ---- */
void api_request_begin(struct api_exchange *x); /* head is parsed */
void api_request_body(struct api_exchange *x);  /* the body is there */
uint64_t api_body_limit(const struct api_exchange *x);
/* Answers with a problem, from the loop. */
void api_request_refuse(struct api_exchange *x, int status, const char *fmt, ...) SCO_PRINTF(3, 4);
/* Puts it on a thread; `end` on the loop. Refuses with 503 when there are too many: false. */
bool api_request_thread(struct api_exchange *x, void (*run)(void *state, void *work),
                        void (*end)(void *work));
void api_request_store(struct api_exchange *x, void *state); /* call.store, its context set */

/* ---- run.c: from a request that may be to its reply ---- */
void api_run(struct api_exchange *x);

/* ---- reply.c ---- */
void api_reply_problem(struct api_call *c, int status, const char *detail);
int api_error_status(int r); /* of what a handler gives: api_priv.h */
/* What an error of a handler is; logs what the client is not told. */
void api_reply_error(struct api_exchange *x, int r, const struct sco_error *err);
void api_reply_finish(struct api_exchange *x); /* ETag, conditions, gzip: on any thread */
void api_reply_send(struct api_exchange *x);   /* on the loop; ends the exchange */
/* The same without a request: what came was none. */
void api_reply_raw(struct conn *c, int status, const char *why);
const char *api_status_text(int status);
/* Whether If-None-Match names the tag, in any coding of it. */
bool api_tag_matches(const char *list, const char *tag);

/* ---- route.c ---- */
struct route_param {
    const char *name;
    const struct sco_node *schema;
    bool required;
};
struct route_entry {
    const struct api_route *route;
    const struct sco_node *operation, *body; /* schema of the body; NULL: none */
    const struct route_param *query;
    size_t n_query;
    bool body_required;
};
int api_routes_new(const struct api_parts *parts, struct api_routes **ret,
                   struct sco_error *err) SCO_NODISCARD;
struct api_routes *api_routes_free(struct api_routes *r);
/* 0 and *ret, params undecoded; 404; 405 and *ret_allow, "GET, HEAD". HEAD finds GET. */
int api_routes_find(const struct api_routes *r, struct sco_str method, struct sco_str path,
                    const struct route_entry **ret, struct sco_str params[API_PARAMS_MAX],
                    struct sco_buf *ret_allow);
size_t api_routes_count(const struct api_routes *r);
struct route_entry *api_routes_at(struct api_routes *r, size_t i);
struct sco_str api_routes_document(const struct api_routes *r);
const struct sco_node *api_routes_root(const struct api_routes *r);

/* ---- document.c ---- */
/* Merges fragments into one document. */
int api_document_merge(const struct sco_str *fragments, size_t n, struct sco_buf *ret,
                       struct sco_error *err) SCO_NODISCARD;
/* Gives an entry its operation, when the document has one. */
int api_document_bind(const struct sco_node *root, struct route_entry *e, struct sco_arena *arena,
                      struct sco_error *err) SCO_NODISCARD;
/* What "$ref" ("#/components/...") stands for; NULL: nothing. */
const struct sco_node *api_document_ref(const struct sco_node *root, const struct sco_node *v);
extern const struct sco_str api_openapi_fragments[]; /* generated */
extern const size_t api_openapi_n_fragments;

/* ---- schema.c ---- */
/* Faults go to the call: `at` is the pointer of `v` ("" is the body). false: there are some. */
bool api_schema_check(struct api_call *c, const struct sco_node *root,
                      const struct sco_node *schema, const struct sco_node *v, const char *at);
/* A query parameter's text by its schema. */
bool api_schema_check_text(struct api_call *c, const struct sco_node *root,
                           const struct sco_node *schema, const char *text, const char *name);

/* ---- cache.c ---- */
struct principal {
    struct sco_principal who;
    struct sco_arena arena;
    uint8_t digest[32];
    int64_t until; /* monotonic ms */
    uint32_t refs;
    struct principal *next;
};
struct api_principals *api_principals_new(void);
struct api_principals *api_principals_free(struct api_principals *p);
struct principal *api_principals_get(struct api_principals *p, const uint8_t digest[32],
                                     int64_t now); /* a reference; NULL: not there */
void api_principals_put(struct api_principals *p, struct principal *who); /* keeps a reference */
void api_principals_forget(struct api_principals *p);                     /* all */
struct principal *api_principal_unref(struct principal *p);

struct cached_reply {
    struct sco_buf head, body; /* head: the lines that are the same for everybody who gets it */
    char etag[40];
    int64_t until;
};
struct api_replies *api_replies_new(void);
struct api_replies *api_replies_free(struct api_replies *r);
struct cached_reply *api_replies_get(struct api_replies *r, struct sco_str key, int64_t now);
/* A place to fill, or NULL: full, or too large. */
struct cached_reply *api_replies_put(struct api_replies *r, struct sco_str key, size_t size,
                                     int64_t now);
uint64_t api_replies_generation(const struct api_replies *r);
void api_replies_forget(struct api_replies *r);

/* ---- rate.c ---- */
struct rate_state {
    int left;
    int64_t reset_s, retry_s;
};
struct api_rates *api_rates_new(void);
struct api_rates *api_rates_free(struct api_rates *r);
/* Takes one from the key's bucket; false: it is empty. */
bool api_rates_take(struct api_rates *r, struct sco_str key, uint32_t rate, uint32_t burst,
                    int64_t now_ms, struct rate_state *ret);

/* Whether it has one left; takes none. */
bool api_rates_peek(struct api_rates *r, struct sco_str key, uint32_t rate, uint32_t burst,
                    int64_t now_ms, struct rate_state *ret);

/* ---- upload.c ---- */
int api_upload_begin(struct api_exchange *x, struct sco_error *err) SCO_NODISCARD;
void api_upload_take(struct api_exchange *x, struct sco_str data); /* on the loop: kept for now */
/* Hands to a thread what is kept. false: there is nothing, or it is at work already. */
bool api_upload_flush(struct api_exchange *x);
void api_upload_end(struct api_exchange *x); /* closes; removes what nobody took */

/* ---- idempotent.c: on the handler's thread but for the two of the loop ---- */
bool api_idempotent_enter(struct api_exchange *x); /* loop; false: the same is under way */
void api_idempotent_leave(struct api_exchange *x); /* loop */
/* 1: the reply is there already, or it is refused. */
int api_idempotent_look(struct api_exchange *x, struct sco_error *err);
int api_idempotent_keep(struct api_exchange *x, struct sco_error *err);

/* ---- mail.c: on the loop ---- */
void api_mail_later(struct api_exchange *x); /* for call.forgotten */
void api_mails_drop(struct sco_api *a);

/* ---- webhooks.c: on the loop ---- */
int api_hooks_new(struct sco_api *a, struct api_hooks **ret, struct sco_error *err) SCO_NODISCARD;
void api_hooks_stop(struct api_hooks *h); /* what is not being written ends unanswered */
struct api_hooks *api_hooks_free(struct api_hooks *h);
/* Before the body: bytes that it may have; 0: there is no such integration. */
uint64_t api_hooks_limit(const struct api_exchange *x);
/* Whether it may come in; else it has been refused. */
bool api_hooks_admit(struct api_exchange *x);
/* Counts bytes of a body; false: too many are in memory. */
bool api_hooks_hold(struct api_exchange *x, size_t n);
void api_hooks_let_go(struct api_exchange *x);

/* ---- tls.c ---- */
int api_tls_load(const char *cert, const char *key, struct ssl_ctx_st **ret,
                 struct sco_error *err) SCO_NODISCARD;
int64_t api_tls_expiry(const struct ssl_ctx_st *ctx); /* Unix seconds; 0: unknown */
void api_tls_free(struct ssl_ctx_st *ctx);
struct bufferevent *api_tls_accept(struct event_base *base, struct ssl_ctx_st *ctx, int fd);
void api_tls_goodbye(struct bufferevent *b); /* close_notify; nothing when it is plain */

/* ---- address.c ---- */
bool api_address_trusted(const char *const *trusted, const char *address);
/* The client's: `peer`, or what trusted proxies say. Into out. */
void api_address_client(const char *const *trusted, const char *peer, struct sco_str forwarded,
                        char out[48]);
bool api_address_rule_valid(const char *rule);
void api_address_network(const char *address, char out[48]); /* of IPv6 the first 64 bits */

/* ---- observe.c: metrics, traces, the access log ---- */
void api_observe_request(struct api_exchange *x, int status, uint64_t sent);
/* For logs: the path of a webhook may have a credential in it. */
const char *api_path_shown(const struct api_call *c);
void api_observe_refused(struct sco_api *a, int status);
void api_observe_certificate(struct sco_api *a);
void api_observe_connections(struct sco_api *a);
