/* The job "ci": a plugin speaks for one integration and serves calls, one after the other, until
 * the engine closes the socket. What a call had in memory goes when it returns; what open() had
 * stays. While verify or translate run, the socket is not looked at: the next calls wait in it. */
#include "host_priv.h"

#include <secureops/crypto.h>

enum {
    RETRY_MAX_MS = 24 * 3600 * 1000,
    RECEIPT_TEXT_MAX = 256, /* bytes of the id of a delivery */
    HEADERS_MAX = 1000,
};

struct call {
    int64_t id;
    size_t op;
    const struct sco_node *root;
    struct sco_str body;
    struct sco_receipt receipt;
    const char *digest; /* in the place of an id */
    int64_t retry_ms;
};

/* ---- answers ---- */

static void write_receipt(struct sco_json_out *o, const struct call *c)
{
    sco_json_key(o, "receipt");
    sco_json_begin(o, '{');
    sco_json_key(o, "id");
    sco_json_str(o, c->receipt.id.n ? c->receipt.id : sco_str_c(c->digest));
    sco_json_kstr(o, "native_event", c->receipt.native_event);
    sco_json_kbool(o, "ignored", c->receipt.flags & SCO_RECEIPT_IGNORED);
    sco_json_end(o, '}');
}

static void answer(struct sco_worker *w, const struct call *c, int code, const char *reason)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, clean = {0};
    struct sco_json_out o = {.b = &b};
    host_add_clean(w, &clean, sco_str_c(reason), HOST_TEXT_LEN);
    sco_json_begin(&o, '{');
    sco_json_ki64(&o, "id", c->id);
    sco_json_ki64(&o, "code", code);
    sco_json_key(&o, "reason");
    if (clean.n)
        sco_json_str(&o, sco_buf_str(&clean));
    else
        sco_json_null(&o);
    if (code == SCO_CI_LATER)
        sco_json_ki64(&o, "retry_ms", c->retry_ms);
    if (code == 0 && c->op == 0)
        write_receipt(&o, c);
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_ANSWER, &b);
}

/* ---- verify and translate ---- */

static int read_headers(struct sco_worker *w, const struct sco_node *list, struct sco_delivery *d,
                        struct sco_error *err)
{
    if (!sco_is(list, SCO_NODE_LIST) || list->n > HEADERS_MAX)
        return sco_error_set(err, SCO_E_FORMAT, "call: \"headers\": expected a list of at most %d",
                             (int)HEADERS_MAX);
    struct sco_pair *v = sco_arena_alloc(&w->call, (list->n + 1u) * sizeof *v);
    if (!v)
        return sco_error_nomem(err);
    SCO_EACH (h, list) {
        const struct sco_node *name = h->child, *value = name ? name->next : NULL;
        if (h->type != SCO_NODE_LIST || !sco_is(name, SCO_NODE_STR) || !sco_is(value, SCO_NODE_STR))
            return sco_error_set(err, SCO_E_FORMAT, "call: \"headers\": expected [name, value]");
        SCO_BUG_ON(!name || !value);
        v[d->n_headers++] = (struct sco_pair){name->text, value->text};
    }
    d->headers = v;
    return 0;
}

static int check_receipt(struct sco_worker *w, struct call *c, struct sco_error *err)
{
    uint8_t digest[SCO_SHA256_LEN];
    char *hex = sco_arena_alloc(&w->call, 2 * SCO_SHA256_LEN + 1);
    const struct sco_receipt *r = &c->receipt;
    if (r->id.n > RECEIPT_TEXT_MAX || r->native_event.n > RECEIPT_TEXT_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "the delivery calls itself by more than %d bytes",
                             (int)RECEIPT_TEXT_MAX);
    if (!hex)
        return sco_error_nomem(err);
    if (!r->id.n) {
        sco_sha256_of(c->body, digest);
        sco_hex(digest, sizeof digest, hex);
    }
    c->digest = hex;
    return 0;
}

static int call_delivery(struct sco_worker *w, struct call *c, struct sco_errbuf *e,
                         struct sco_error *err)
{
    const struct sco_ci *ci = &w->plugin.ci;
    struct sco_delivery d = {.struct_size = sizeof d,
                             .body = c->body,
                             .path = sco_text_at(c->root, "path"),
                             .query = sco_text_at(c->root, "query"),
                             .received_ms = sco_int_at(c->root, "received_ms", 0)};
    int r = read_headers(w, sco_get(c->root, "headers"), &d, err);
    if (r < 0)
        return r;
    w->now = d.received_ms;
    c->receipt.struct_size = sizeof c->receipt;
    r = c->op == 0 ? ci->verify(w->ctx, &d, &c->receipt, e) : ci->translate(w->ctx, &d, e);
    w->now = 0;
    if (r > 0)
        return sco_error_set(err, SCO_E_INTERNAL, "the plugin returned %d, which has no meaning",
                             r);
    if (r < 0)
        return r;
    if (c->op == 0)
        return check_receipt(w, c, err);
    if (!w->events)
        return sco_error_set(err, SCO_E_FORMAT, "the plugin made no event of the delivery");
    return 0;
}

/* ---- operations ---- */

static int call_operation(struct sco_worker *w, struct call *c, struct sco_errbuf *e,
                          struct sco_error *err)
{
    int64_t timeout = sco_int_at(c->root, "timeout_ms", 0);
    struct sco_ci_call q = {.struct_size = sizeof q,
                            .request = sco_get(c->root, "request"),
                            .work_dir = w->job->work_dir,
                            .cache_dir = w->job->cache_dir,
                            .timeout_ms = timeout > 0 ? timeout : 0,
                            .retry_ms = &c->retry_ms};
    if (!sco_is(q.request, SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_FORMAT, "call: \"request\": expected an object");
    w->deadline = timeout > 0 ? sco_mono_ms() + timeout : 0;
    int r = sco_ci_op(&w->plugin.ci, c->op)(w->ctx, &q, e);
    host_close_http(w); /* its answers were memory of this call */
    w->deadline = 0;
    sco_exec_reap_all();
    if (r > SCO_CI_DEGRADED)
        return sco_error_set(err, SCO_E_INTERNAL, "the plugin returned %d, which has no meaning",
                             r);
    if (c->retry_ms < 0 || c->retry_ms > RETRY_MAX_MS)
        c->retry_ms = c->retry_ms < 0 ? 0 : RETRY_MAX_MS;
    if (w->cancelled)
        return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    if ((r == 0 || r == SCO_CI_DEGRADED) && w->results != 1)
        return sco_error_set(err, SCO_E_FORMAT, "the plugin gave %u results, expected one",
                             w->results);
    return r;
}

/* ---- a call ---- */

static bool find_op(struct sco_str name, size_t *ret)
{
    for (size_t i = 0; i < SCO_CI_OPS; i++) {
        if (sco_str_is(name, sco_ci_op_name(i))) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* SCO_E_FORMAT: not a call of this engine. */
static int read_call(struct sco_worker *w, struct sco_str payload, struct call *c,
                     struct sco_error *err)
{
    const char *end = payload.n ? memchr(payload.p, '\n', payload.n) : NULL;
    struct sco_str line = sco_str_make(payload.p, end ? (size_t)(end - payload.p) : payload.n);
    line = sco_arena_str(&w->call, line); /* an operation reads on from the socket */
    if (end)
        c->body = sco_str_make(end + 1, payload.n - line.n - 1);
    int r = line.p ? sco_json_parse(line, &w->call, &c->root, err) : sco_error_nomem(err);
    if (r < 0)
        return r;
    c->id = sco_int_at(c->root, "id", -1);
    if (c->id < 0 || !find_op(sco_text_at(c->root, "op"), &c->op))
        return sco_error_set(err, SCO_E_FORMAT, "call: expected an id and an operation");
    return 0;
}

/* What the host itself refused of the plugin during the call. */
static int add_refusals(struct sco_worker *w, int r, struct sco_error *err)
{
    if (w->misplaced)
        host_incomplete(w,
                        "%u calls of the host were made at the wrong time or from another thread",
                        w->misplaced);
    if (!w->n_reasons || r < 0)
        return r;
    sco_error_set(err, SCO_E_FORMAT, "%s", sco_buf_z(&w->reasons));
    return w->quick ? SCO_E_FORMAT : r == 0 ? SCO_CI_DEGRADED : r;
}

static void forget_call(struct sco_worker *w)
{
    w->calling = w->quick = false;
    w->phase = HOST_LOADING;
    w->misplaced = w->n_reasons = 0;
    sco_buf_clear(&w->reasons);
    w->record_bytes = 0;
    w->record_limit_hit = false;
    w->events = w->results = 0;
    sco_arena_reset(&w->tmp);
    sco_arena_reset(&w->call);
}

static void perform(struct sco_worker *w, struct call *c)
{
    char text[HOST_ERRBUF_SIZE] = "";
    struct sco_errbuf e = {.struct_size = sizeof e, .cap = sizeof text, .text = text};
    struct sco_error err = {0};
    int r;
    w->phase = HOST_RUNNING;
    if (!sco_ci_has(&w->plugin.ci, c->op))
        r = sco_error_set(&err, SCO_E_UNSUPPORTED, "%s cannot %s", w->plugin.plugin.name,
                          sco_ci_op_name(c->op));
    else if (w->quick)
        r = call_delivery(w, c, &e, &err);
    else
        r = call_operation(w, c, &e, &err);
    w->phase = HOST_LOADING;
    text[sizeof text - 1] = 0;
    r = add_refusals(w, r, &err);
    if (r < SCO_E_INTERNAL)
        r = SCO_E_INTERNAL;
    const char *why = err.text[0] ? err.text : text;
    if (r < 0 && !why[0])
        why = sco_error_name(r);
    if (r < 0 && w->quick) /* no half result */
        sco_buf_clear(&w->record_batch);
    host_flush_records(w);
    answer(w, c, r, r == 0 ? NULL : why);
}

/* False: the talk has ended. */
static bool serve_one(struct sco_worker *w, struct sco_error *err)
{
    enum sco_msg type;
    struct sco_str payload;
    struct call c = {0};
    int r = w->cancelled ? 0 : sco_frames_read(w->in, w->fd, &type, &payload, err);
    if (r <= 0 || type == SCO_MSG_CANCEL)
        return false;
    if (type != SCO_MSG_CALL) {
        sco_error_set(err, SCO_E_FORMAT, "expected a call");
        return false;
    }
    w->calling = true;
    r = read_call(w, payload, &c, err);
    w->quick = c.op <= 1;
    if (r == 0)
        perform(w, &c);
    forget_call(w);
    return r == 0;
}

static void say_open(struct sco_worker *w)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "name", w->plugin.plugin.name);
    sco_json_end(&o, '}');
    host_send_json(w, SCO_MSG_PLUGIN, &b);
}

void host_serve(struct sco_worker *w)
{
    char text[HOST_ERRBUF_SIZE] = "";
    struct sco_errbuf e = {.struct_size = sizeof e, .cap = sizeof text, .text = text};
    struct sco_error err = {0};
    int r = host_load_plugin(w, 0, &w->plugin, NULL, &err);
    if (r == 0 && !w->plugin.plugin.ci)
        r = sco_error_set(&err, SCO_E_UNSUPPORTED, "%s is not a plugin of a CI platform",
                          w->plugin.plugin.name);
    if (r == 0)
        r = host_open_plugin(w, w->job->options, &e, &err);
    w->phase = HOST_LOADING;
    if (r == 0) {
        say_open(w);
        while (serve_one(w, &err))
            ;
        r = err.code;
    }
    host_close_plugin(w);
    if (r < 0)
        host_done_error(w, r, &err);
    else
        host_done(w, w->cancelled ? "cancelled" : "completed", 0, NULL);
}
