/* Runs the handler of a request that may be: on the loop, or on a thread with its store. */
#include "server_priv.h"

#include <unistd.h>

static bool is_get(const struct api_exchange *x)
{
    return strcmp(x->call.route->method, "GET") == 0;
}

static bool on_loop(const struct api_exchange *x)
{
    return x->call.route->flags & (API_ON_LOOP | API_STREAM);
}

/* ---- replies of reads that were given a moment ago ---- */

static bool may_be_cached(const struct api_exchange *x)
{
    const struct api_route *r = x->call.route;
    return is_get(x) && !x->denied && !x->head_only &&
           !(r->flags & (API_FRESH | API_PUBLIC | API_ON_LOOP | API_STREAM)) &&
           r->resource != SCO_RES_USERS && r->resource != SCO_RES_SELF &&
           r->resource != SCO_RES_AUDIT && r->resource != SCO_RES_SYSTEM;
}

/* Who asks (their token), what, and in which form. */
static void cache_key(struct api_exchange *x, struct sco_buf *b)
{
    sco_buf_clear(b);
    sco_buf_add(b, sco_str_make((const char *)x->token_digest, sizeof x->token_digest));
    sco_buf_add(b, x->head.path);
    sco_buf_addc(b, '?');
    sco_buf_add(b, x->head.query);
    sco_buf_addc(b, x->gzip ? '\1' : '\2');
    sco_buf_addz(b, x->call.accept ? x->call.accept : "");
}

static bool from_cache(struct api_exchange *x)
{
    struct sco_buf *key = &x->api->scratch;
    cache_key(x, key);
    const struct cached_reply *hit =
        key->failed ? NULL : api_replies_get(x->api->replies, sco_buf_str(key), sco_mono_ms());
    if (!hit)
        return false;
    struct api_call *c = &x->call;
    sco_buf_add(&x->lines, sco_buf_str(&hit->head));
    sco_buf_add(&c->reply, sco_buf_str(&hit->body));
    if (c->reply.failed || x->lines.failed)
        return false;
    x->from_cache = true;
    c->status = 200;
    if (c->if_none_match && api_tag_matches(c->if_none_match, hit->etag))
        c->status = 304;
    return true;
}

static void to_cache(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    struct sco_api *a = x->api;
    if (!x->cacheable || c->status != 200 || c->reply_fd >= 0 || !c->etag || x->api->dead ||
        x->generation != api_replies_generation(a->replies))
        return;
    size_t size = c->reply.n + x->lines.n;
    cache_key(x, &a->scratch);
    struct cached_reply *to =
        a->scratch.failed
            ? NULL
            : api_replies_put(a->replies, sco_buf_str(&a->scratch), size, sco_mono_ms());
    if (!to)
        return;
    sco_buf_add(&to->head, sco_buf_str(&x->lines));
    sco_buf_add(&to->body, sco_buf_str(&c->reply));
    snprintf(to->etag, sizeof to->etag, "%s", c->etag);
    if (to->head.failed || to->body.failed || strlen(c->etag) >= sizeof to->etag)
        to->until = 0;
}

/* After something was changed through this node, what it reads is new. */
static void changed(struct api_exchange *x)
{
    const struct api_route *r = x->call.route;
    if (x->call.wake && x->api->o->sched)
        sco_sched_wake(x->api->o->sched);
    if (is_get(x))
        return;
    api_replies_forget(x->api->replies);
    if (x->call.status < 400 &&
        ((r->flags & API_PUBLIC) || r->resource == SCO_RES_USERS || r->resource == SCO_RES_SELF ||
         strncmp(r->path, "/api/v1/targets", 15) == 0)) /* what teams see */
        api_principals_forget(x->api->principals);
}

/* ---- checks against the document ---- */

static const struct route_param *known(const struct route_entry *e, const char *name)
{
    for (size_t i = 0; i < e->n_query; i++)
        if (strcmp(e->query[i].name, name) == 0)
            return &e->query[i];
    return NULL;
}

static bool check_query(struct api_exchange *x)
{
    const struct route_entry *e = x->entry;
    struct api_call *c = &x->call;
    const struct sco_node *root = api_routes_root(x->api->routes);
    struct sco_error err;
    bool ok = true;
    if (!e->operation)
        return true;
    for (size_t i = 0; i < c->n_query; i++) {
        const struct route_param *p = known(e, c->query[i].name);
        if (!p) {
            char pointer[256];
            snprintf(pointer, sizeof pointer, "?%.200s", c->query[i].name);
            (void)api_fault(c, &err, pointer, "there is no such parameter");
            ok = false;
        } else {
            ok &= api_schema_check_text(c, root, p->schema, c->query[i].value, p->name);
        }
    }
    for (size_t i = 0; i < e->n_query; i++)
        if (e->query[i].required && !api_query(c, e->query[i].name)) {
            char pointer[256];
            snprintf(pointer, sizeof pointer, "?%.200s", e->query[i].name);
            (void)api_fault(c, &err, pointer, "it is missing");
            ok = false;
        }
    return ok;
}

static int check_json(struct api_exchange *x, struct sco_error *err)
{
    struct api_call *c = &x->call;
    const struct route_entry *e = x->entry;
    if (c->route->flags & (API_ANY_BODY | API_UPLOAD))
        return 0;
    if (c->body.n == 0) {
        if (e->body_required)
            return sco_error_set(err, SCO_E_INVALID, "a body is needed");
        return 0;
    }
    int r = sco_json_parse(c->body, &c->arena, &c->json, err);
    if (r == SCO_E_NOMEM)
        return r;
    if (r < 0) {
        char text[512];
        snprintf(text, sizeof text, "%.500s", err->text);
        return sco_error_set(err, SCO_E_INVALID, "the body is no JSON: %s", text);
    }
    if (e->operation && !e->body)
        return sco_error_set(err, SCO_E_INVALID, "a body where none may be");
    if (e->body && !api_schema_check(c, api_routes_root(x->api->routes), e->body, c->json, ""))
        return sco_error_set(err, SCO_E_INVALID, "the body is not as the API's document says");
    return 0;
}

static int check(struct api_exchange *x, struct sco_error *err)
{
    if (!check_query(x))
        return sco_error_set(err, SCO_E_INVALID, "the query is not as the API's document says");
    return check_json(x, err);
}

/* ---- running ---- */

static void audit_end(struct api_exchange *x, const char *outcome)
{
    struct api_call *c = &x->call;
    struct sco_error err;
    if (!c->store || (is_get(x) && !x->denied && !(c->route->flags & API_AUDIT)))
        return;
    if (c->audited && strcmp(outcome, "success") == 0)
        return;
    if (api_audit_call(c, outcome, &err) < 0)
        x->log_text = sco_arena_fmt(&c->arena, "audit log: %s", err.text);
}

static int handle_change(struct api_exchange *x, bool whole, struct sco_error *err)
{
    struct api_call *c = &x->call;
    int r = c->route->handler(c, err);
    if (r == 0 && whole && !c->audited)
        r = api_audit_call(c, "success", err);
    return r == 0 && x->in_flight ? api_idempotent_keep(x, err) : r;
}

/* The handler, the row of the audit log and the reply of its key: all of it or nothing. */
static int handle(struct api_exchange *x, struct sco_error *err)
{
    struct api_call *c = &x->call;
    bool whole = c->store && !is_get(x) && !(c->route->flags & API_OWN_TX);
    int r = whole ? sco_store_begin(c->store, err) : 0;
    if (r < 0)
        return r;
    r = x->in_flight ? api_idempotent_look(x, err) : 0;
    if (r == 0) {
        r = handle_change(x, whole, err);
    } else if (r > 0) {
        r = 0;
        c->audited = true; /* it was, the first time */
    }
    return whole ? sco_store_end(c->store, r, err) : r;
}

static void run(struct api_exchange *x)
{
    struct api_call *c = &x->call;
    struct sco_error err = {0};
    if (x->denied) {
        audit_end(x, "denied");
        api_reply_problem(c, 403, "the permission for it is missing");
        api_reply_finish(x);
        return;
    }
    int r = check(x, &err);
    if (r == 0) {
        r = handle(x, &err);
        /* where the network went nobody knows: the job may be there */
        if (r < 0 && r != SCO_E_NETWORK && c->made_file)
            (void)unlink(c->made_file); /* what is gone already is gone, ignoring */
        if (!c->taken)
            audit_end(x, r == 0 ? "success" : r == SCO_E_PERMISSION ? "denied" : "failure");
    }
    if (c->taken)
        return;
    if (r != 0)
        api_reply_error(x, r, &err);
    api_reply_finish(x);
}

static void run_work(void *state, void *work)
{
    struct api_exchange *x = work;
    struct api_call *c = &x->call;
    if (x->denied || !(c->route->flags & (API_NO_STORE | API_ON_LOOP | API_STREAM))) {
        api_request_store(x, state);
        if (!c->store && !x->denied) {
            api_header(c, "Retry-After", "5");
            api_reply_problem(c, 503, "the store is away");
            api_reply_finish(x);
            return;
        }
    }
    run(x);
    c->store = NULL;
}

/* What the thread has found to be the caller's goes on as a stream. */
static bool goes_on(struct api_exchange *x)
{
    struct sco_api *a = x->api;
    struct conn *conn = x->conn;
    if (a->dead || !x->call.follow || x->call.status != 200 || !conn || x->head_only)
        return false;
    if (!api_log_stream(&x->call)) {
        x->call.follow = NULL;
        api_reply_problem(&x->call, 503, "too many follow logs: ask again");
        api_reply_finish(x);
        return false;
    }
    api_exchange_free(x);
    api_conn_close(conn); /* what is left of it */
    api_last(a);
    return true;
}

static void run_end(void *work)
{
    struct api_exchange *x = work;
    struct sco_api *a = x->api;
    a->n_threads--;
    x->on_thread = false;
    api_idempotent_leave(x);
    if (goes_on(x))
        return;
    if (!a->dead) {
        changed(x);
        to_cache(x);
        if (x->call.forgotten && x->call.status == 202)
            api_mail_later(x);
        if (x->call.status == 200 && x->cacheable && x->call.if_none_match && x->call.etag &&
            api_tag_matches(x->call.if_none_match, x->call.etag))
            x->call.status = 304;
    }
    api_reply_send(x);
    api_last(a);
}

void api_resume(struct api_call *c, int r, const struct sco_error *err)
{
    struct api_exchange *x = c->x;
    struct sco_api *a = x->api;
    a->n_threads--;
    x->on_thread = false;
    if (a->dead) {
        api_exchange_free(x);
        api_last(a);
        return;
    }
    if (r != 0)
        api_reply_error(x, r, err);
    api_reply_finish(x);
    api_reply_send(x);
}

/* Out as if it were on a thread: whatever becomes of its connection, it is there until its end. */
static void run_later(struct api_exchange *x)
{
    struct sco_error err = {0};
    x->on_thread = true;
    x->api->n_threads++;
    int r = x->call.route->handler(&x->call, &err);
    if (r <= 0)
        api_resume(&x->call, r, &err);
}

void api_run(struct api_exchange *x)
{
    struct sco_api *a = x->api;
    if (x->call.route->flags & API_LATER) {
        run_later(x);
        return;
    }
    x->generation = api_replies_generation(a->replies);
    x->cacheable = may_be_cached(x);
    if (x->cacheable && from_cache(x)) {
        api_reply_send(x);
        return;
    }
    if (!x->denied && on_loop(x)) { /* a refusal goes to the audit log first */
        struct conn *conn = x->conn;
        x->call.store = NULL; /* of the thread that found out who asks: it serves others by now */
        run(x);
        if (x->call.taken) {
            api_exchange_free(x);
            api_conn_close(conn); /* what is left of it */
            return;
        }
        changed(x);
        api_reply_send(x);
        return;
    }
    if (!is_get(x) && x->call.idempotency_key && !x->denied && !api_idempotent_enter(x))
        return;
    (void)api_request_thread(x, run_work, run_end);
}
