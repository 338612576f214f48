/* Inside of the API: what a handler gets, what it answers with, the routes. */
#pragma once

#include <secureops/api.h>
#include <secureops/json.h>

enum {
    API_PARAMS_MAX = 4,
    API_QUERY_MAX = 32,
    API_HEADERS_MAX = 16, /* of a reply */
    API_PAGE = 50,        /* items of a page, when nothing is said */
    API_PAGE_MAX = 500,
};

struct bufferevent;
struct api_exchange;
struct api_pair {
    const char *name, *value;
};

/* One request with its reply. Made on the loop, handled on a thread, answered on the loop. */
struct api_call {
    struct sco_api *api;
    struct sco_store *store; /* this thread's, connected, its context set; NULL: API_NO_STORE */
    const struct api_route *route;
    struct sco_principal who;             /* of public routes: zero */
    const char *method, *path;            /* the path decoded, without query */
    const char *params[API_PARAMS_MAX];   /* values of {x} in the route, decoded, in order */
    struct api_pair query[API_QUERY_MAX]; /* decoded; each name once */
    size_t n_query;
    struct sco_str body;
    const struct sco_node *json; /* body, parsed and checked against the document; or NULL */
    const char *body_file;       /* API_UPLOAD: where it is; removed afterwards unless taken */
    bool body_file_taken;
    const char *made_file; /* by the handler: removed again when its transaction has failed */
    const char *address;   /* the client's */
    const char *network;   /* the same for throttles: of IPv6 the first 64 bits */
    const char *user_agent, *if_none_match, *if_match, *accept, *content_type, *idempotency_key;
    char correlation_id[65]; /* X-Request-Id, or a new one; in every log line and event */
    struct sco_trace_id trace;
    int64_t now; /* Unix ms when it arrived */
    struct sco_arena arena;

    /* ---- the reply ---- */
    int status;             /* 0 becomes 200, or 204 without a body */
    const char *reply_type; /* NULL: application/json */
    struct sco_buf reply;
    struct sco_json_out out; /* writes to `reply` */
    struct api_pair headers[API_HEADERS_MAX];
    size_t n_headers;
    const char *etag;          /* strong, without quotes; NULL: of the body, when it is a GET */
    int reply_fd;              /* a file in the place of `reply`; -1: none; closed by the API */
    const char *cache_control; /* NULL: no-store */
    bool wake;                 /* a job was added: sco_sched_wake, on the loop */
    const char *forgotten;     /* an e-mail address: mail.c, when the reply is on its way */

    /* ---- kept by call.c for the server ---- */
    struct api_fault *faults; /* members of the request that are wrong, the last first */
    struct api_exchange *x;   /* the server's own: head, connection */
    bool problem;             /* `status` was set by api_problem */
    bool audited;             /* there is a row in the audit log */
    bool taken;               /* the connection is the handler's */
    const char *follow; /* of GET: an execution whose log is the reply, as a stream; or NULL */
    uint64_t follow_from;
};
/* `pointer`: "/target/location" in the body, "?limit" in the query. */
struct api_fault {
    const char *pointer, *detail;
    struct api_fault *next;
};

/* 0, and the reply is in the call; or an error, which becomes a problem: SCO_E_INVALID 400,
 * SCO_E_PERMISSION 403, SCO_E_NOT_FOUND 404, SCO_E_UNSUPPORTED 501, SCO_E_LIMIT 429, SCO_E_TIMEOUT
 * and SCO_E_NETWORK 503, else 500, whose text goes to the log and not to the client. */
typedef int (*api_handler)(struct api_call *c, struct sco_error *err);

enum api_flag {
    API_PUBLIC = 1 << 0,   /* nobody has to be known */
    API_UPLOAD = 1 << 1,   /* the body goes to a file, up to upload_limit */
    API_NO_STORE = 1 << 2, /* needs no store */
    API_ON_LOOP = 1 << 3,  /* never blocks: handled at once, no thread; implies NO_STORE */
    API_STREAM = 1 << 4,   /* takes the connection over: feed.c; runs on the loop, as API_ON_LOOP */
    API_ANY_BODY = 1 << 5, /* not JSON */
    API_AUDIT = 1 << 6,    /* each call leaves a row in the audit log (all but GET do) */
    API_FRESH = 1 << 7,    /* a GET whose reply is never taken from the cache of replies (1 s) */
    /* Runs on the loop and may return 1: the reply comes later, with api_resume. The call and all
     * of it live until then; its client may be gone meanwhile. Implies NO_STORE. */
    API_LATER = 1 << 8,
    API_DELIVERY = 1 << 9, /* a webhook: limits of its integration, no trace of its path */
    /* Its transactions are its own, and so is the row of the audit log with what it changes: it
     * takes long, changes files, or keeps something of a failure. The others' handlers run in one
     * transaction with that row. */
    API_OWN_TX = 1 << 10,
};
struct api_route {
    const char *method, *path; /* "/api/v1/scans/{id}" */
    enum sco_action action;    /* what one must be allowed to */
    enum sco_resource resource;
    uint32_t flags;
    api_handler handler;
};

/* ---- routes: each file has its table, which ends with method NULL ---- */
extern const struct api_route api_routes_scans[];     /* scans, jobs, imports */
extern const struct api_route api_routes_findings[];  /* vulnerabilities, reports, stats */
extern const struct api_route api_routes_policies[];  /* iac, policies, compliance */
extern const struct api_route api_routes_schedules[]; /* schedules, targets */
extern const struct api_route api_routes_accounts[];  /* auth, users, tokens, secrets, audit */
extern const struct api_route api_routes_system[];    /* health, ready, metrics, document, reload */
extern const struct api_route api_routes_events[];    /* events, feed */
extern const struct api_route api_routes_webhooks[];  /* of CI platforms */
extern const struct api_route api_routes_deliveries[];   /* what came of them */
extern const struct api_route api_routes_pipelines[];    /* pipelines and their executions */
extern const struct api_route api_routes_publications[]; /* what they are told */

/* ---- connections that are taken over (API_STREAM) ----
 * The handler checks, and then either answers as any other (problem, reply) or takes the
 * connection: a bufferevent, plain or TLS, without callbacks, disabled, with TCP_NODELAY; what the
 * client has sent behind its request is in its input. Nothing was answered yet: the handler writes
 * the status line. The call and its arena end when the handler returns. Later api_drop frees it and
 * counts it off; until then it counts as one connection. On the loop. */
/* Of API_LATER: the end of the call, on the loop. `r`: as a handler's. */
void api_resume(struct api_call *c, int r, const struct sco_error *err);
struct bufferevent *api_take(struct api_call *c);
void api_drop(struct sco_api *a, struct bufferevent *b);
/* log_stream.c: begins on the loop. False: there are too many. */
bool api_log_stream(struct api_call *c);
/* feed.c: made with the API, on the loop. stop: every reader is told and dropped soon. */
struct api_feed;
int api_feed_new(struct sco_api *a, struct api_feed **ret, struct sco_error *err) SCO_NODISCARD;
void api_feed_wake(struct api_feed *f); /* sco_api_events: any thread */
void api_feed_stop(struct api_feed *f);
struct api_feed *api_feed_free(struct api_feed *f);
struct api_feed *api_feed(const struct sco_api *a);

/* The merged OpenAPI document as JSON, for GET /api/v1/openapi.json; static for the API's life. */
struct sco_str api_document(const struct sco_api *a);

/* ---- call.c: for handlers ---- */
const char *api_query(const struct api_call *c, const char *name); /* NULL: not there */
/* *ret is left alone when it is not there. SCO_E_INVALID names it. */
int api_query_i64(const struct api_call *c, const char *name, int64_t min, int64_t max,
                  int64_t *ret, struct sco_error *err) SCO_NODISCARD;
int api_query_time(const struct api_call *c, const char *name, int64_t *ret,
                   struct sco_error *err) SCO_NODISCARD;
int api_query_bool(const struct api_call *c, const char *name, bool *ret,
                   struct sco_error *err) SCO_NODISCARD;
/* `limit` and `cursor`. */
int api_page(const struct api_call *c, uint32_t *ret_limit, const char **ret_cursor,
             struct sco_error *err) SCO_NODISCARD;
/* A member of the body; NULL or `missing` when it is not there. */
const char *api_text(const struct api_call *c, const char *name);
const char *api_text_or(const struct api_call *c, const char *name, const char *missing);
int64_t api_int(const struct api_call *c, const char *name, int64_t missing);
bool api_flag(const struct api_call *c, const char *name, bool missing);
const struct sco_node *api_member(const struct api_call *c, const char *name);
/* {"items":[ ... ],"next_cursor":...}: begin, write items to c->out, end. */
void api_items_begin(struct api_call *c);
void api_items_end(struct api_call *c, const char *next_cursor);
void api_header(struct api_call *c, const char *name, const char *value); /* kept in the arena */
/* 201 with Location. */
void api_created(struct api_call *c, const char *fmt, ...) SCO_PRINTF(2, 3);
/* A status of its own with a problem, 409 and the like: returns an error that the server knows. */
int api_problem(struct api_call *c, int status, struct sco_error *err, const char *fmt, ...)
    SCO_PRINTF(4, 5);
/* Says that a member of the request is wrong ("/targets/0", "?cursor"): in `errors` of the problem.
 * Returns SCO_E_INVALID; several are told at once when the handler goes on before it returns. */
int api_fault(struct api_call *c, struct sco_error *err, const char *pointer, const char *fmt, ...)
    SCO_PRINTF(4, 5);
/* A header of the request, name in any case; NULL: not there. The first when there are several. */
const char *api_request_header(const struct api_call *c, const char *name);
/* A row of the audit log about this call, in the transaction that is open. `object` as "user:ID";
 * details: JSON object or NULL. */
int api_audit(struct api_call *c, const char *action, const char *object, const char *outcome,
              const char *details, struct sco_error *err) SCO_NODISCARD;
/* The row that each change has, named after its route. The server adds it; a handler does so before
 * it changes what is not in the store: rather a row of what did not come to be than none. */
int api_audit_call(struct api_call *c, const char *outcome, struct sco_error *err) SCO_NODISCARD;
/* The repositories that the caller may see, for filters: NULL is all. */
const char *const *api_scope(const struct api_call *c);
/* ---- teams.c ---- */
struct sco_stored_target;
/* What the jobs of a target are known by. */
void api_target_key(const struct sco_stored_target *t, struct sco_buf *out);
/* By what its jobs are known by. Without memory it is not seen. */
bool api_target_sees(const struct api_call *c, const struct sco_stored_target *t);
/* The teams of a principal as repositories: those of the targets of its teams, of which its globs
 * may leave some out. On a thread, when it is known who asks. */
int api_scope_by_teams(struct sco_store *s, struct sco_principal *who, struct sco_arena *arena,
                       struct sco_error *err) SCO_NODISCARD;
bool api_in_team(const struct sco_principal *p, const char *team);
/* For what holds everywhere ("waivers"). SCO_E_PERMISSION: the caller is bound to repositories. */
int api_needs_all(const struct api_call *c, const char *what, struct sco_error *err) SCO_NODISCARD;
const struct sco_api_options *api_options(const struct sco_api *a);
