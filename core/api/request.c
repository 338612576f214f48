/* From a head to a request that may be: route, who asks, permission, rate, body. On the loop; only
 * tokens that are not in the cache are asked for on a thread. */
#include "server_priv.h"

#include <secureops/crypto.h>
#include <event2/buffer.h>

enum { TOKEN_MAX = 8 << 10, PRINCIPAL_MS = 5000, FAILURES_RATE = 1, FAILURES_BURST = 20 };

void api_request_refuse(struct api_exchange *x, int status, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    api_reply_problem(&x->call, status, text);
    api_reply_finish(x);
    api_reply_send(x);
}

bool api_request_thread(struct api_exchange *x, void (*run)(void *state, void *work),
                        void (*end)(void *work))
{
    struct sco_api *a = x->api;
    struct sco_error err;
    x->on_thread = true;
    if (a->o->threads && sco_threads_run(a->o->threads, run, end, x, &err) == 0) {
        a->n_threads++;
        return true;
    }
    x->on_thread = false;
    api_header(&x->call, "Retry-After", "1");
    api_request_refuse(x, 503, "the server is busy");
    return false;
}

void api_request_store(struct api_exchange *x, void *state)
{
    struct sco_api *a = x->api;
    struct api_call *c = &x->call;
    c->store = a->o->store ? a->o->store(state) : NULL;
    struct sco_store_context context = {.source = a->o->node,
                                        .correlation_id = c->correlation_id,
                                        .user_id = c->who.user_id[0] ? c->who.user_id : NULL};
    struct sco_error err;
    if (c->store && sco_store_set_context(c->store, &context, &err) < 0)
        c->store = NULL;
}

static const char *text_of(struct api_exchange *x, const char *name)
{
    struct sco_str v = http_head_get(&x->head, name);
    return v.p ? sco_arena_cstr(&x->call.arena, v) : NULL;
}

/* X-Request-Id of the client when it is one that may stand in a log; else a new one. */
static void take_ids(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    struct sco_str id = http_head_get(&x->head, "x-request-id");
    bool good = id.n > 0 && id.n < sizeof c->correlation_id;
    for (size_t i = 0; good && i < id.n; i++)
        good = (id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'A' && id.p[i] <= 'Z') ||
               (id.p[i] >= 'a' && id.p[i] <= 'z') || (id.p[i] && strchr("-_.:", id.p[i]));
    if (good)
        memcpy(c->correlation_id, id.p, id.n);
    else
        snprintf(c->correlation_id, sizeof c->correlation_id, "%016llx%016llx",
                 (unsigned long long)x->api->id_seed, (unsigned long long)++x->api->ids);
    struct sco_trace_id parent = {0};
    struct sco_str trace = http_head_get(&x->head, "traceparent");
    if (trace.p)
        (void)sco_traceparent_parse(trace, &parent);
    if (x->api->o->tracer)
        sco_trace_start(parent.valid ? &parent : NULL, &c->trace);
    else
        c->trace = parent;
}

/* false: it was refused. */
static bool take_query(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    struct sco_str rest = x->head.query, item;
    if (rest.n == 0)
        return true;
    while (sco_str_split(&rest, '&', &item)) {
        const char *eq = item.n ? memchr(item.p, '=', item.n) : NULL;
        size_t name_n = eq ? (size_t)(eq - item.p) : item.n, n = 0;
        struct sco_str value = eq ? sco_str_make(eq + 1, item.n - name_n - 1) : sco_str_make("", 0);
        char *name = sco_arena_alloc_raw(&c->arena, name_n + 1);
        char *text = sco_arena_alloc_raw(&c->arena, value.n + 1);
        if (!name || !text || name_n == 0 || c->n_query == API_QUERY_MAX ||
            !http_decode(sco_str_make(item.p, name_n), true, name, &n) ||
            !http_decode(value, true, text, &n)) {
            api_request_refuse(x, 400, "malformed query");
            return false;
        }
        if (api_query(c, name)) {
            api_request_refuse(x, 400, "a query parameter is there twice");
            return false;
        }
        c->query[c->n_query++] = (struct api_pair){name, text};
    }
    return true;
}

static bool take_params(struct api_exchange *x, const struct sco_str raw[API_PARAMS_MAX])
{
    struct api_call *c = &x->call;
    for (size_t i = 0; i < API_PARAMS_MAX && raw[i].p; i++) {
        size_t n;
        char *text = sco_arena_alloc_raw(&c->arena, raw[i].n + 1);
        if (!text || !http_decode(raw[i], false, text, &n) || n == 0)
            return false;
        c->params[i] = text;
    }
    return true;
}

static void take_headers(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    c->user_agent = text_of(x, "user-agent");
    c->if_none_match = text_of(x, "if-none-match");
    c->if_match = text_of(x, "if-match");
    c->accept = text_of(x, "accept");
    c->content_type = text_of(x, "content-type");
    c->idempotency_key = text_of(x, "idempotency-key");
    x->gzip = http_list_has(http_head_get(&x->head, "accept-encoding"), "gzip");
}

const char *api_request_header(const struct api_call *c, const char *name)
{
    return text_of(c->x, name);
}

static bool is_json(const char *type)
{
    struct sco_str rest = sco_str_c(type ? type : ""), name = {NULL, 0};
    (void)sco_str_split(&rest, ';', &name);
    name = sco_str_trim(name);
    return sco_str_is_nocase(name, "application/json") ||
           (name.n > 17 && strncasecmp(name.p, "application/", 12) == 0 &&
            strncasecmp(name.p + name.n - 5, "+json", 5) == 0);
}

uint64_t api_body_limit(const struct api_exchange *x)
{
    uint32_t flags = x->entry->route->flags;
    return flags & API_DELIVERY ? api_hooks_limit(x)
           : flags & API_UPLOAD ? x->api->o->upload_limit
                                : x->api->o->body_limit;
}

/* What is said of a body, before any of it is read. 0, or a status. */
static int check_body(struct api_exchange *x)
{
    const struct api_call *c = &x->call;
    uint32_t flags = x->entry->route->flags;
    x->has_body = x->head.chunked || x->head.content_length > 0;
    if (!x->has_body)
        return 0;
    if (strcmp(c->route->method, "GET") == 0)
        return 400;
    uint64_t limit = api_body_limit(x);
    if (flags & API_DELIVERY && limit == 0)
        return 0; /* there is no such integration: that is said */
    if (x->head.content_length > 0 && (uint64_t)x->head.content_length > limit)
        return 413;
    struct sco_str coding = http_head_get(&x->head, "content-encoding");
    if (coding.p && !sco_str_is_nocase(coding, "identity"))
        return 415;
    return (flags & (API_UPLOAD | API_ANY_BODY)) || is_json(c->content_type) ? 0 : 415;
}

static void authorised(struct api_exchange *x);

static void unauthorised(struct api_exchange *x, const char *why)
{
    api_header(&x->call, "WWW-Authenticate",
               x->token.n ? "Bearer error=\"invalid_token\"" : "Bearer");
    api_request_refuse(x, 401, "%s", why);
}

static void ask_run(void *state, void *work)
{
    struct api_exchange *x = work;
    api_request_store(x, state);
    if (!x->call.store) {
        x->result = sco_error_set(&x->error, SCO_E_NETWORK, "the store is away");
        return;
    }
    struct principal *p = sco_alloc(1, sizeof *p);
    if (!p) {
        x->result = sco_error_nomem(&x->error);
        return;
    }
    p->refs = 1;
    memcpy(p->digest, x->token_digest, sizeof p->digest);
    x->result = x->api->parts.bearer(x->api->o->auth, x->call.store, x->token, &p->arena, &p->who,
                                     &x->error);
    if (x->result == 0)
        x->result = api_scope_by_teams(x->call.store, &p->who, &p->arena, &x->error);
    if (x->result == 0)
        x->principal = p;
    else
        api_principal_unref(p);
}

static struct sco_str failure_key(struct api_exchange *x, char out[80])
{
    int n = snprintf(out, 80, "fail:%s", x->call.network);
    return sco_str_make(out, (size_t)n);
}

static void ask_end(void *work)
{
    struct api_exchange *x = work;
    struct sco_api *a = x->api;
    char key[80];
    struct rate_state rate;
    a->n_threads--;
    x->on_thread = false;
    if (x->principal) {
        int64_t left = x->principal->who.expires_at ? x->principal->who.expires_at - x->call.now
                                                    : PRINCIPAL_MS;
        x->principal->until = sco_mono_ms() + (left < PRINCIPAL_MS ? left : PRINCIPAL_MS);
        if (!a->dead)
            api_principals_put(a->principals, x->principal);
    }
    if (!x->conn || a->dead) {
        api_exchange_free(x);
        api_last(a);
    } else if (x->result == 0) {
        authorised(x);
    } else if (x->result == SCO_E_PERMISSION) {
        (void)api_rates_take(a->rates, failure_key(x, key), FAILURES_RATE, FAILURES_BURST,
                             sco_mono_ms(), &rate);
        unauthorised(x, "the token is not valid");
    } else {
        api_reply_error(x, x->result, &x->error);
        api_reply_finish(x);
        api_reply_send(x);
    }
}

static void authenticate(struct api_exchange *x)
{
    struct sco_api *a = x->api;
    if (x->entry->route->flags & API_PUBLIC) {
        authorised(x);
        return;
    }
    struct sco_str header = http_head_get(&x->head, "authorization");
    if (header.n < 8 || header.n > TOKEN_MAX || strncasecmp(header.p, "Bearer ", 7) != 0) {
        unauthorised(x, "a bearer token is needed");
        return;
    }
    x->token = sco_str_trim(sco_str_make(header.p + 7, header.n - 7));
    if (x->token.n == 0 || sco_hmac_sha256(sco_str_make((const char *)a->key, sizeof a->key),
                                           x->token, x->token_digest) < 0) {
        unauthorised(x, "a bearer token is needed");
        return;
    }
    x->principal = api_principals_get(a->principals, x->token_digest, sco_mono_ms());
    if (x->principal) {
        authorised(x);
        return;
    }
    /* Guessing is slow from one address, and costs the store nothing once it has begun. */
    char key[80];
    struct rate_state rate = {0};
    if (!api_rates_peek(a->rates, failure_key(x, key), FAILURES_RATE, FAILURES_BURST, sco_mono_ms(),
                        &rate)) {
        char text[24];
        snprintf(text, sizeof text, "%lld", (long long)rate.retry_s);
        api_header(&x->call, "Retry-After", text);
        api_request_refuse(x, 429, "too many tokens that are not valid");
        return;
    }
    (void)api_request_thread(x, ask_run, ask_end);
}

/* An issuer's subject may be long: two that begin alike are two. */
static void name_principal(struct api_exchange *x)
{
    const struct sco_principal *who = &x->call.who;
    char digest[65] = "";
    bool subject = x->principal && !who->token_id && !who->user_id[0];
    if (subject) {
        uint8_t raw[32];
        sco_sha256_of(sco_str_c(who->name), raw);
        sco_hex(raw, sizeof raw, digest);
    }
    snprintf(x->principal_key, sizeof x->principal_key, "%s:%s",
             who->token_id     ? "token"
             : who->user_id[0] ? "user"
             : subject         ? "subject"
                               : "address",
             who->token_id     ? who->token_id
             : who->user_id[0] ? who->user_id
             : subject         ? digest
                               : x->call.network);
}

/* false: refused. The bucket of the principal; of the address where nobody is known. */
static bool take_rate(struct api_exchange *x)
{
    struct sco_api *a = x->api;
    struct rate_state rate = {0};
    name_principal(x);
    bool ok = api_rates_take(a->rates, sco_str_c(x->principal_key), a->o->rate, a->o->burst,
                             sco_mono_ms(), &rate);
    x->rate_limit = (int)a->o->burst;
    x->rate_left = rate.left;
    x->rate_reset = rate.reset_s;
    if (ok)
        return true;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)rate.retry_s);
    api_header(&x->call, "Retry-After", text);
    api_request_refuse(x, 429, "too many requests");
    return false;
}

static void read_body(struct api_exchange *x)
{
    struct conn *c = x->conn;
    struct sco_error err;
    if (x->entry->route->flags & API_UPLOAD) {
        int r = api_upload_begin(x, &err);
        if (r < 0) {
            api_reply_error(x, r, &err);
            api_reply_finish(x);
            api_reply_send(x);
            return;
        }
        bufferevent_setwatermark(c->bev, EV_READ, 0, UPLOAD_WINDOW);
        (void)bufferevent_set_max_single_read(c->bev, UPLOAD_WINDOW / 2);
    }
    if (x->head.expects_continue)
        bufferevent_write(c->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    c->state = CONN_BODY;
    c->began = sco_mono_ms();
    c->deadline = c->began + x->api->o->request_ms;
    api_conn_continue(c);
}

static void authorised(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    const struct api_route *r = x->entry->route;
    if (x->principal)
        c->who = x->principal->who;
    if (r->flags & API_DELIVERY ? !api_hooks_admit(x) : !take_rate(x))
        return;
    if (!(r->flags & API_PUBLIC) && !sco_principal_may(&c->who, r->action, r->resource)) {
        x->denied = true;
        api_run(x);
        return;
    }
    if (x->has_body)
        read_body(x);
    else
        api_run(x);
}

void api_request_body(struct api_exchange *x)
{
    x->call.body = sco_buf_str(&x->body);
    x->call.body_file = x->spool_path; /* NULL: not an upload */
    api_run(x);
}

/* OPTIONS: of a route, or a preflight. */
static void answer_options(struct api_exchange *x, struct sco_buf *allow)
{
    struct api_call *c = &x->call;
    sco_buf_addz(allow, allow->n ? ", OPTIONS" : "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    c->status = 204;
    api_header(c, "Allow", sco_buf_z(allow));
    if (http_head_get(&x->head, "access-control-request-method").p) {
        api_header(c, "Access-Control-Allow-Methods", sco_buf_z(allow));
        api_header(c, "Access-Control-Allow-Headers",
                   "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
                   "X-Request-Id, traceparent, Last-Event-ID");
        api_header(c, "Access-Control-Max-Age", "600");
    }
    api_reply_finish(x);
    api_reply_send(x);
}

static void find_route(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    SCO_AUTO(sco_buf) struct sco_buf allow = {0};
    struct sco_str raw[API_PARAMS_MAX] = {{NULL, 0}};
    int status =
        api_routes_find(x->api->routes, x->head.method, x->head.path, &x->entry, raw, &allow);
    if (status == 404) {
        api_request_refuse(x, 404, "there is nothing at this path");
        return;
    }
    if (sco_str_is(x->head.method, "OPTIONS")) {
        answer_options(x, &allow);
        return;
    }
    if (status) {
        sco_buf_addz(&allow, ", OPTIONS");
        api_header(c, "Allow", sco_buf_z(&allow));
        api_request_refuse(x, status, "not with this method");
        return;
    }
    c->route = x->entry->route;
    if (!take_params(x, raw)) {
        api_request_refuse(x, 400, "malformed path");
        return;
    }
    if (!take_query(x))
        return;
    status = check_body(x);
    if (status)
        api_request_refuse(x, status, "%s",
                           status == 400   ? "a body where none may be"
                           : status == 413 ? "the body is too long"
                                           : "the body has a type or a coding that is not taken");
    else
        authenticate(x);
}

void api_request_begin(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    struct sco_api *a = x->api;
    struct sco_str forwarded = {NULL, 0};
    for (size_t i = 0; i < x->head.n_headers; i++) /* of several the last: the next proxy's */
        if (sco_str_is_nocase(x->head.headers[i].name, "x-forwarded-for"))
            forwarded = x->head.headers[i].value;
    c->now = sco_now_ms();
    x->head_only = sco_str_is(x->head.method, "HEAD");
    char address[48], network[48];
    api_address_client(a->o->trusted_proxies, x->conn->address, forwarded, address);
    c->address = sco_arena_cstr(&c->arena, sco_str_c(address));
    api_address_network(address, network);
    c->network = sco_arena_cstr(&c->arena, sco_str_c(network));
    c->method = sco_arena_cstr(&c->arena, x->head.method);
    char *path = sco_arena_alloc_raw(&c->arena, x->head.path.n + 1);
    size_t n;
    take_ids(x);
    if (!c->address || !c->network || !c->method || !path) {
        api_request_refuse(x, 503, "out of memory");
        return;
    }
    c->path = "";
    if (x->head.asterisk) {
        SCO_AUTO(sco_buf) struct sco_buf allow = {0};
        answer_options(x, &allow);
        return;
    }
    if (!http_decode(x->head.path, false, path, &n)) {
        api_request_refuse(x, 400, "malformed path");
        return;
    }
    c->path = path;
    take_headers(x);
    find_route(x);
}
