/* Webhooks of CI platforms: found out whose they are, kept within limits, verified by the
 * integration's worker before anything of the body is parsed, handed to webhooks_write.c. On the
 * loop. Answers say little: who sends what is not genuine learns nothing. */
#include "webhooks_priv.h"

#include <secureops/crypto.h>
#include <secureops/plugin.h>
#include <stdlib.h>

enum { KEY_MAX = 200, FLOOD_BURST = 4, BODY_LIMIT = 25 << 20 };

static const struct sco_metric webhooks = {.name = "secureops_webhooks_total",
                                           .help = "Webhooks, by what became of them.",
                                           .kind = SCO_COUNTER,
                                           .labels = {"integration", "result"}};

/* ---- whose it is ---- */
static bool is_for(const struct sco_integration *i, const struct api_call *c)
{
    return i->enabled && strcmp(i->platform, c->params[0]) == 0 &&
           (!c->params[1] || strcmp(i->name, c->params[1]) == 0);
}

/* The first from `from` on; NULL: none. */
static const struct sco_integration *candidate(const struct sco_api_options *o,
                                               const struct api_call *c,
                                               const struct sco_integration *after)
{
    const struct sco_integration *v = o->webhooks.integrations;
    size_t i = after ? (size_t)(after - v) + 1 : 0;
    for (; i < o->webhooks.n_integrations; i++)
        if (is_for(&v[i], c))
            return &v[i];
    return NULL;
}

uint64_t api_hooks_limit(const struct api_exchange *x)
{
    const struct sco_api_options *o = x->api->o;
    const struct sco_integration *i = NULL;
    uint64_t limit = 0;
    while (o->webhooks.verify && (i = candidate(o, &x->call, i))) {
        uint64_t own = i->delivery_limit ? i->delivery_limit : BODY_LIMIT;
        limit = own > limit ? own : limit;
    }
    return limit;
}

/* ---- limits ---- */
static void count(struct sco_api *a, const char *integration, const char *result)
{
    if (a->o->metrics)
        sco_metric_add(a->o->metrics, &webhooks, 1, integration ? integration : "", result);
}

/* 503: what no platform takes for a reason to give up, and most for one to send it again. */
static void refuse_busy(struct api_exchange *x, const char *integration, const char *result)
{
    char text[16];
    count(x->api, integration, result);
    snprintf(text, sizeof text, "%d", HOOK_RETRY_S);
    api_header(&x->call, "Retry-After", text);
    api_request_refuse(x, 503, "too many deliveries, send it again later");
}

/* Who may send through several integrations has the rate of the widest. */
static uint32_t flood_rate(const struct sco_api_options *o, const struct api_call *c)
{
    const struct sco_integration *i = NULL;
    uint32_t rate = 0;
    while ((i = candidate(o, c, i))) {
        if (!i->flood_rate)
            return 0;
        rate = i->flood_rate > rate ? i->flood_rate : rate;
    }
    return rate;
}

/* Anybody may begin a body and take half an hour to end it. Whoever has a lot of the memory gets no
 * more when it becomes scarce, so that a few connections do not keep all others out. */
static bool has_room(const struct api_exchange *x, size_t more)
{
    const struct sco_api *a = x->api;
    size_t all = a->hooks->bytes + more, own = more;
    if (all <= HOOK_BYTES_MAX / 2)
        return true;
    for (const struct conn *c = a->conns; c; c = c->next)
        if (c->x && c->x->delivery_bytes && strcmp(c->x->call.network, x->call.network) == 0)
            own += c->x->delivery_bytes;
    return all <= HOOK_BYTES_MAX && own <= HOOK_NETWORK_BYTES_MAX;
}

bool api_hooks_admit(struct api_exchange *x)
{
    struct sco_api *a = x->api;
    const struct api_call *c = &x->call;
    const struct sco_integration *i = a->o->webhooks.verify ? candidate(a->o, c, NULL) : NULL;
    struct rate_state rate = {0};
    char key[192];
    if (!i) {
        count(a, NULL, "unknown");
        api_request_refuse(x, 404, "there is no such integration");
        return false;
    }
    const char *name = c->params[1] ? i->name : NULL; /* else it is not known whose it is */
    uint32_t per_second = flood_rate(a->o, c);
    snprintf(key, sizeof key, "hook:%s:%s:%s", i->platform, name ? name : "", c->network);
    if (per_second && !api_rates_take(a->rates, sco_str_c(key), per_second,
                                      per_second * FLOOD_BURST, sco_mono_ms(), &rate)) {
        refuse_busy(x, name, "flood");
        return false;
    }
    size_t announced = x->head.content_length > 0 ? (size_t)x->head.content_length : 0;
    if (!has_room(x, announced)) {
        refuse_busy(x, name, "busy");
        return false;
    }
    return true;
}

bool api_hooks_hold(struct api_exchange *x, size_t n)
{
    x->delivery_bytes += n;
    x->api->hooks->bytes += n;
    return has_room(x, 0);
}

void api_hooks_let_go(struct api_exchange *x)
{
    if (x->delivery_bytes && x->api->hooks)
        x->api->hooks->bytes -= x->delivery_bytes;
    x->delivery_bytes = 0;
}

/* ---- forged ones ---- */
static struct forged *forged_of(struct api_hooks *h, const char *integration)
{
    for (size_t i = 0; i < h->n_forged; i++)
        if (strcmp(h->forged[i].integration, integration) == 0)
            return &h->forged[i];
    if (h->n_forged == FORGED_NAMES_MAX)
        return &h->forged[0];
    struct forged *f = &h->forged[h->n_forged++];
    *f = (struct forged){.told_at = -FORGED_MS};
    snprintf(f->integration, sizeof f->integration, "%s", integration);
    return f;
}

/* Each is counted; the audit log says it once a minute, and how many there were. */
static void tell_forged(struct api_hooks *h, const struct hook *k)
{
    struct forged *f = forged_of(h, k->integration->name);
    int64_t now = sco_mono_ms();
    f->n++;
    snprintf(f->address, sizeof f->address, "%s", k->x->call.address);
    if (now - f->told_at < FORGED_MS)
        return;
    f->told_at = now;
    f->due = true;
    hook_write_audit(h);
}

/* ---- verified ---- */
static void unlink_hook(struct hook *k)
{
    if (!k->at)
        return;
    *k->at = k->next;
    if (k->next)
        k->next->at = k->at;
    k->at = NULL;
}

void hook_end(struct hook *k, const char *result, int r, const struct sco_error *err)
{
    struct api_call *c = &k->x->call;
    unlink_hook(k);
    count(k->x->api, k->integration->name, result);
    if (r == 0) {
        sco_json_begin(&c->out, '{');
        sco_json_kz(&c->out, "status", result);
        if (*k->added.id)
            sco_json_kz(&c->out, "id", k->added.id);
        sco_json_end(&c->out, '}');
    }
    free(k);
    api_resume(c, r, err);
}

static void end_busy(struct hook *k, const char *result)
{
    struct sco_error err = {0};
    struct api_call *c = &k->x->call;
    char text[16];
    snprintf(text, sizeof text, "%d", HOOK_RETRY_S);
    api_header(c, "Retry-After", text);
    int r = api_problem(c, 503, &err, "it cannot be taken now, send it again later");
    hook_end(k, result, r, &err);
}

static void end_with(struct hook *k, const char *result, int status, const char *text)
{
    struct sco_error err = {0};
    int r = api_problem(&k->x->call, status, &err, "%s", text);
    hook_end(k, result, r, &err);
}

/* What translating needs, and nothing that is or may be a credential. */
static bool is_kept(struct sco_str name)
{
    static const char *const names[] = {"webhook-id", "webhook-timestamp", "idempotency-key",
                                        "content-type", "user-agent"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++)
        if (sco_str_is(name, names[i]))
            return true;
    if (sco_str_contains(name, "token") || sco_str_contains(name, "signature"))
        return false;
    return sco_str_starts(name, "x-github-") || sco_str_starts(name, "x-gitlab-") ||
           sco_str_starts(name, "x-jenkins") || sco_str_starts(name, "x-vss-");
}

static const char *kept_headers(struct hook *k)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < k->d.n_headers; i++) {
        if (!is_kept(k->d.headers[i].key))
            continue;
        sco_json_begin(&o, '[');
        sco_json_str(&o, k->d.headers[i].key);
        sco_json_str(&o, k->d.headers[i].value);
        sco_json_end(&o, ']');
    }
    sco_json_end(&o, ']');
    return b.failed ? NULL : sco_arena_cstr(&k->x->call.arena, sco_buf_str(&b));
}

/* The platform's id of the delivery, or a digest of what there is. */
static const char *key_of(struct hook *k, const char *id)
{
    uint8_t digest[32];
    char hex[65];
    struct sco_arena *a = &k->x->call.arena;
    if (id && *id && strlen(id) <= KEY_MAX)
        return sco_arena_cstr(a, sco_str_c(id));
    sco_sha256_of(id && *id ? sco_str_c(id) : k->d.body, digest);
    sco_hex(digest, sizeof digest, hex);
    return sco_arena_fmt(a, "sha256:%s", hex);
}

static void accept_it(struct hook *k, const struct sco_ci_answer *a)
{
    struct sco_arena *arena = &k->x->call.arena;
    const char *event = a->native_event ? a->native_event : "";
    k->row = (struct sco_stored_delivery){
        .integration = k->integration->name,
        .key = key_of(k, a->delivery_id),
        .native_event = sco_arena_cstr(arena, sco_str_c(event)),
        .received_at = k->d.received_ms,
        .headers = kept_headers(k),
        .path = SCO_STR(""), /* it may be a credential, and the query as well */
        .query = SCO_STR(""),
        .body = k->d.body};
    if (!k->row.key || !k->row.native_event || !k->row.headers) {
        end_busy(k, "failed");
        return;
    }
    unlink_hook(k);
    hook_write(k->of, k);
}

static void verify(struct hook *k);

static void on_verified(void *user, const struct sco_ci_answer *a)
{
    struct hook *k = user;
    if (!k->of) {
        free(k);
        return;
    }
    if (a->code == SCO_E_PERMISSION) {
        const struct sco_integration *next = candidate(k->o, &k->x->call, k->integration);
        if (next) {
            k->integration = next;
            verify(k);
            return;
        }
        tell_forged(k->of, k);
        end_with(k, "forged", 401, "the delivery is not genuine");
    } else if (a->code == SCO_E_PARSE || a->code == SCO_E_FORMAT) {
        end_with(k, "malformed", 400, "the delivery is no document");
    } else if (a->code != 0) {
        end_busy(k, "failed");
    } else if (a->ignored) {
        hook_end(k, "ignored", 0, NULL);
    } else {
        accept_it(k, a);
    }
}

static bool is_too_long(const struct hook *k)
{
    uint64_t limit = k->integration->delivery_limit;
    return k->d.body.n > (limit ? limit : BODY_LIMIT);
}

static void verify(struct hook *k)
{
    struct sco_error err = {0};
    const struct sco_integration *next = k->integration;
    while (next && is_too_long(k))
        if ((next = candidate(k->o, &k->x->call, k->integration)))
            k->integration = next;
    if (!next) {
        end_with(k, "too_large", 413, "the body is too long");
        return;
    }
    k->d.integration = k->integration->name;
    if (k->o->webhooks.verify(k->o->webhooks.user, &k->d, on_verified, k, &err) < 0)
        end_busy(k, err.code == SCO_E_LIMIT ? "busy" : "failed");
}

/* ---- the request ---- */
static bool take_headers(struct hook *k)
{
    struct api_exchange *x = k->x;
    struct sco_pair *v = sco_arena_alloc(&x->call.arena, (x->head.n_headers + 1) * sizeof *v);
    if (!v)
        return false;
    for (size_t i = 0; i < x->head.n_headers; i++) {
        struct sco_str name = sco_arena_str(&x->call.arena, x->head.headers[i].name);
        if (!name.p)
            return false;
        char *p = (char *)(uintptr_t)name.p;
        for (size_t n = 0; n < name.n; n++)
            if (p[n] >= 'A' && p[n] <= 'Z')
                p[n] = (char)(p[n] - 'A' + 'a');
        v[i] = (struct sco_pair){.key = name, .value = x->head.headers[i].value};
    }
    k->d.headers = v;
    k->d.n_headers = x->head.n_headers;
    return true;
}

static int post_webhook(struct api_call *c, struct sco_error *err)
{
    struct api_hooks *h = c->api->hooks;
    struct hook *k = sco_alloc(1, sizeof *k);
    if (!k)
        return sco_error_nomem(err);
    *k = (struct hook){.of = h,
                       .x = c->x,
                       .o = c->api->o,
                       .d = {.body = c->body,
                             .path = sco_str_c(c->params[1] && c->params[2] ? c->params[2] : ""),
                             .query = c->x->head.query,
                             .received_ms = c->now}};
    k->integration = candidate(k->o, c, NULL);
    if (!k->integration || !take_headers(k)) { /* a reload since the head came */
        free(k);
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no such integration");
    }
    k->next = h->verifying;
    k->at = &h->verifying;
    if (k->next)
        k->next->at = &k->next;
    h->verifying = k;
    verify(k);
    return 1;
}

const struct api_route api_routes_webhooks[] = {
    {"POST", "/webhook/{platform}", SCO_ACT_CREATE, SCO_RES_EVENTS,
     API_PUBLIC | API_LATER | API_ANY_BODY | API_NO_STORE | API_DELIVERY, post_webhook},
    {"POST", "/webhook/{platform}/{integration}", SCO_ACT_CREATE, SCO_RES_EVENTS,
     API_PUBLIC | API_LATER | API_ANY_BODY | API_NO_STORE | API_DELIVERY, post_webhook},
    {"POST", "/webhook/{platform}/{integration}/{rest}", SCO_ACT_CREATE, SCO_RES_EVENTS,
     API_PUBLIC | API_LATER | API_ANY_BODY | API_NO_STORE | API_DELIVERY, post_webhook},
    {0}};

/* ---- start and end ---- */
int api_hooks_new(struct sco_api *a, struct api_hooks **ret, struct sco_error *err)
{
    struct api_hooks *h = sco_alloc(1, sizeof *h);
    if (!h)
        return sco_error_nomem(err);
    h->api = a;
    *ret = h;
    return 0;
}

void hook_drop(struct hook *k)
{
    struct api_exchange *x = k->x;
    unlink_hook(k);
    x->api->n_threads--;
    x->on_thread = false;
    api_exchange_free(x);
}

void api_hooks_stop(struct api_hooks *h)
{
    for (struct hook *k = h->verifying, *next; k; k = next) {
        next = k->next;
        hook_drop(k);
        k->of = NULL; /* its answer frees it */
    }
    for (size_t i = 0; i < h->n_waiting; i++) {
        hook_drop(h->waiting[i]);
        free(h->waiting[i]);
    }
    h->n_waiting = 0;
}

struct api_hooks *api_hooks_free(struct api_hooks *h)
{
    if (!h)
        return NULL;
    free(h->waiting);
    free(h);
    return NULL;
}
