/* Jobs of the kind "call": one HTTP request or one mail, wanted by a workflow or by
 * `notifications`. The queue tries it again; secrets are in no request, but named there and read
 * here.
 *   {"url","method","headers":{NAME: text | {"secret","prefix"}},"body","workflow"}
 *   {"mail":{"to","subject","text"},"workflow"}
 *   {"sink":DIGEST,"body":{...}}      to the URL of notifications.webhooks with this SHA-256 */
#include "daemon/mail.h"
#include "runner_workflow.h"

#include <stdlib.h>

#include <secureops/crypto.h>
#include <secureops/store_accounts.h>
#include <secureops/store_stats.h>
#include <secureops/webclient.h>

enum { HEADERS_MAX = 36, ANSWER_MAX = 1 << 20, SHOWN_MAX = 200, ATTEMPTS = 8 };

int runner_call_add(struct sco_store *s, const char *origin, const char *target, const char *unique,
                    struct sco_str request, const char *by, const char *correlation_id, int64_t now,
                    struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_job_added added;
    sco_buf_add(&text, request);
    struct sco_job_request q = {.kind = "call",
                                .target_key = target,
                                .revision = unique,
                                .scanners = "call", /* none: no limit of a scanner counts it */
                                .request = sco_buf_z(&text),
                                .origin = origin,
                                .requested_by = by,
                                .correlation_id = correlation_id,
                                .priority = SCO_JOB_PRIORITY,
                                .max_attempts = ATTEMPTS};
    int e = sco_buf_check(&text, err);
    return e == 0 ? sco_store_job_add(s, &q, now, &added, err) : e;
}

struct call {
    struct runner *r;
    const struct sco_node *q;
    const char *workflow; /* or NULL */
    const char *what;     /* for people: a host or an address */
    struct sco_buf url, body;
    struct sco_buf *headers; /* HEADERS_MAX; they hold secrets */
    size_t n_headers;
    struct sco_action_url to;
    bool literal; /* the operator named this host */
    const char *failed;
};

static void wipe(struct sco_buf *b)
{
    if (b->p)
        sco_wipe(b->p, b->cap);
    sco_buf_done(b);
}

static const char *text(struct call *c, const struct sco_node *map, const char *name)
{
    struct sco_str s = sco_text(sco_get(map, name));
    return s.p ? sco_arena_cstr(&c->r->arena, s) : NULL;
}

/* For good: to try again would be no use. */
SCO_PRINTF(2, 3) static int give_up(struct call *c, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    c->failed = b.failed ? NULL : sco_arena_cstr(&c->r->arena, sco_buf_str(&b));
    return c->failed ? 0 : SCO_E_NOMEM;
}

/* ---- where ---- */
static bool is_reference(struct sco_str s)
{
    return sco_str_starts(s, "env:") || sco_str_starts(s, "file:") || sco_str_starts(s, "vault:");
}

static int find_sink(struct call *c, const char *digest, struct sco_error *err)
{
    const struct sco_str_list *l = &c->r->cli.config->notifications.webhooks;
    for (size_t i = 0; i < l->n; i++) {
        uint8_t raw[32];
        char hex[65];
        sco_sha256_of(l->v[i], raw);
        sco_hex(raw, sizeof raw, hex);
        if (strcmp(hex, digest) != 0)
            continue;
        c->literal = true;
        if (is_reference(l->v[i]))
            return sco_secret_resolve(l->v[i], &c->url, err);
        sco_buf_add(&c->url, l->v[i]);
        return sco_buf_check(&c->url, err);
    }
    return give_up(c, "notifications.webhooks does not name it any more");
}

static int find_place(struct call *c, struct sco_error *err)
{
    const char *digest = text(c, c->q, "sink");
    struct sco_error why = {0};
    if (digest) {
        int e = find_sink(c, digest, err);
        if (e < 0 || c->failed)
            return e;
    } else {
        sco_buf_add(&c->url, sco_text(sco_get(c->q, "url")));
    }
    if (c->url.failed)
        return sco_error_nomem(err);
    if (sco_action_url(sco_buf_str(&c->url), &c->to, &why) < 0)
        return give_up(c, "%s", why.text);
    c->what = sco_arena_cstr(&c->r->arena, sco_str_c(c->to.host));
    if (!digest &&
        !sco_action_host_allowed(&c->to, &c->r->cli.config->workflows.hosts, &c->literal))
        return give_up(c, "workflows.hosts does not name %s any more", c->to.host);
    return c->what ? 0 : sco_error_nomem(err);
}

/* ---- what ---- */
static struct sco_buf *new_header(struct call *c)
{
    return c->n_headers < HEADERS_MAX ? &c->headers[c->n_headers++] : NULL;
}

static int add_secret(struct call *c, struct sco_buf *b, struct sco_str name, struct sco_error *err)
{
    const struct sco_str_list *l = &c->r->cli.config->workflows.secrets;
    SCO_AUTO(sco_buf) struct sco_buf value = {0};
    for (size_t i = 0; i < l->n; i++) {
        struct sco_str s = l->v[i];
        if (s.n <= name.n || s.p[name.n] != '=' || memcmp(s.p, name.p, name.n) != 0)
            continue;
        int e = sco_secret_resolve(sco_str_make(s.p + name.n + 1, s.n - name.n - 1), &value, err);
        bool line = e == 0 && !memchr(value.p ? value.p : "", '\n', value.n) &&
                    !memchr(value.p ? value.p : "", '\r', value.n);
        if (e == 0 && line)
            sco_buf_add(b, sco_buf_str(&value));
        if (value.p)
            sco_wipe(value.p, value.cap);
        return e < 0  ? e
               : line ? 0
                      : give_up(c, "the secret %.*s has several lines", SCO_STR_ARG(name));
    }
    return give_up(c, "workflows.secrets does not name %.*s any more", SCO_STR_ARG(name));
}

static int add_headers(struct call *c, struct sco_error *err)
{
    const struct sco_node *h = sco_get(c->q, "headers");
    int e = 0;
    for (h = h ? h->child : NULL; h && e == 0 && !c->failed; h = h->next) {
        struct sco_buf *b = new_header(c);
        if (!b)
            return give_up(c, "more than %d headers", HEADERS_MAX);
        sco_buf_addf(b, "%.*s: ", SCO_STR_ARG(h->key));
        struct sco_str name = sco_text(sco_get(h, "secret"));
        if (!name.n) {
            sco_buf_add(b, sco_text(h));
            continue;
        }
        sco_buf_add(b, sco_text(sco_get(h, "prefix")));
        e = add_secret(c, b, name, err);
    }
    return e;
}

static bool has_header(const struct call *c, const char *name)
{
    const struct sco_node *h = sco_get(c->q, "headers");
    for (h = h ? h->child : NULL; h; h = h->next)
        if (sco_str_is_nocase(h->key, name))
            return true;
    return false;
}

static int sign(struct call *c, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    struct sco_str reference = c->r->cli.config->notifications.secret;
    uint8_t mac[SCO_SHA256_LEN];
    char hex[2 * SCO_SHA256_LEN + 1];
    if (!sco_get(c->q, "sink") || !reference.n)
        return 0;
    int e = sco_secret_resolve(reference, &key, err);
    if (e == 0)
        e = sco_hmac_sha256(sco_buf_str(&key), sco_buf_str(&c->body), mac);
    if (key.p)
        sco_wipe(key.p, key.cap);
    if (e < 0)
        return e;
    sco_hex(mac, sizeof mac, hex);
    sco_buf_addf(new_header(c), "X-SecureOps-Signature-256: sha256=%s", hex);
    return 0;
}

static int make_request(struct call *c, struct sco_error *err)
{
    const struct sco_node *body = sco_get(c->q, "body");
    struct sco_json_out o = {.b = &c->body};
    bool json = body && body->type != SCO_NODE_STR;
    if (json)
        sco_json_node(&o, body);
    else if (body)
        sco_buf_add(&c->body, body->text);
    if (body && !has_header(c, "content-type"))
        sco_buf_addz(new_header(c), json ? "Content-Type: application/json"
                                         : "Content-Type: text/plain; charset=utf-8");
    /* the same for every attempt: who gets one twice can tell */
    sco_buf_addf(new_header(c), "X-SecureOps-Delivery: %s", c->r->job.id);
    if (!has_header(c, "user-agent"))
        sco_buf_addz(new_header(c), "User-Agent: SecureOps/" SCO_VERSION);
    int e = sign(c, err);
    if (e == 0)
        e = add_headers(c, err);
    for (size_t i = 0; i < c->n_headers && e == 0; i++)
        e = sco_buf_check(&c->headers[i], err);
    return e == 0 ? sco_buf_check(&c->body, err) : e;
}

/* ---- it ---- */
static int judge(struct call *c, const struct sco_http_response *a, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf shown = {0};
    if (a->status >= 200 && a->status < 300)
        return 0;
    sco_buf_add_printable(&shown,
                          sco_str_make(a->body.p, a->body.n < SHOWN_MAX ? a->body.n : SHOWN_MAX));
    if (a->status == 408 || a->status == 425 || a->status == 429 || a->status >= 500)
        return sco_error_set(err, SCO_E_NETWORK, "%s answered with status %d", c->what, a->status);
    return give_up(c, "%s answered with status %d%s%s", c->what, a->status, shown.n ? ": " : "",
                   sco_buf_z(&shown));
}

static int ask(struct call *c, struct sco_error *err)
{
    const char *headers[HEADERS_MAX + 1] = {NULL}, *method = text(c, c->q, "method");
    int64_t limit = c->r->cli.config->workflows.timeout;
    struct webclient_options o = {.prefix = "secureops-call-",
                                  .cancel_fd = c->r->end_fd,
                                  .public_only = !c->literal, /* whatever a name stands for */
                                  .deadline_mono_ms = sco_mono_ms() + limit};
    struct sco_http_response a;
    struct webclient *w = NULL;
    for (size_t i = 0; i < c->n_headers; i++)
        headers[i] = sco_buf_z(&c->headers[i]);
    struct sco_http_request q = {.struct_size = sizeof q,
                                 .flags = SCO_HTTP_NO_REDIRECT,
                                 .method = method ? method : "POST",
                                 .url = sco_buf_z(&c->url),
                                 .headers = headers,
                                 .body = sco_buf_str(&c->body),
                                 .timeout_ms = limit,
                                 .body_limit = ANSWER_MAX};
    int e = webclient_open(&o, &w, err);
    if (e == 0)
        e = webclient_request(w, &q, -1, &a, err);
    if (e == 0)
        e = judge(c, &a, err);
    webclient_close(w);
    return e;
}

static int send_mail(struct call *c, const struct sco_node *mail, struct sco_error *err)
{
    const char *to = text(c, mail, "to"), *subject = text(c, mail, "subject");
    const char *body = text(c, mail, "text");
    struct sco_error why = {0};
    if (!to || !subject || !body)
        return sco_error_set(err, SCO_E_INVALID, "the mail has no recipient, subject or text");
    c->what = to;
    if (strlen(subject) > SHOWN_MAX) { /* the whole stands in the text */
        size_t n = SHOWN_MAX;
        while (n && ((unsigned char)subject[n] & 0xC0) == 0x80)
            n--;
        subject = sco_arena_fmt(&c->r->arena, "%.*s...", (int)n, subject);
    }
    if (!subject)
        return sco_error_nomem(err);
    int e = mail_send(c->r->cli.config, to, subject, body, &why);
    if (e == SCO_E_INVALID || e == SCO_E_UNSUPPORTED)
        return give_up(c, "%s", why.text);
    return e < 0 ? sco_error_set(err, e, "%s", why.text) : 0;
}

/* ---- the end ---- */
static int add_alert(struct call *c, int64_t now, struct sco_error *err)
{
    char id[37];
    bool sink = !c->workflow;
    struct sco_stored_alert a = {.kind = sink ? "notification_failed" : "call_failed",
                                 .severity = SCO_SEV_MEDIUM,
                                 .title = sink ? "An alert could not be sent"
                                               : "A call of a workflow failed",
                                 .message = c->failed,
                                 .object = c->r->job.id,
                                 .created_at = now};
    return sco_store_alert_add(c->r->cli.store, &a, id, err);
}

static int audit(struct call *c, int64_t now, struct sco_error *err)
{
    struct sco_arena *a = &c->r->arena;
    struct sco_audit_entry x = {.at = now,
                                .actor = c->workflow ? sco_arena_fmt(a, "workflow:%s", c->workflow)
                                                     : "notifications",
                                .action = sco_get(c->q, "mail") ? "mail.send" : "call.send",
                                .object = sco_arena_fmt(a, "job:%s", c->r->job.id),
                                .outcome = c->failed ? "failure" : "success",
                                .correlation_id = c->r->job.correlation_id};
    return x.actor && x.object ? sco_store_audit_add(c->r->cli.store, &x, err)
                               : sco_error_nomem(err);
}

static int save(struct call *c, struct sco_error *err)
{
    struct runner *r = c->r;
    enum sco_job_state state;
    int64_t now = sco_now_ms();
    struct sco_job_end end = {.lease = r->lease,
                              .outcome = c->failed ? SCO_JOB_END_FAILED : SCO_JOB_END_COMPLETED,
                              .reason = c->failed,
                              .now = now};
    r->phase = PHASE_SAVE;
    int e = sco_store_ready(r->cli.store, err);
    if (e == 0)
        e = sco_store_begin(r->cli.store, err);
    if (e < 0)
        return e;
    if (c->failed)
        e = add_alert(c, now, err);
    if (e == 0)
        e = sco_store_job_end(r->cli.store, &end, &state, err);
    if (e == 0)
        e = audit(c, now, err);
    return sco_store_end(r->cli.store, e, err);
}

static int perform(struct call *c, struct sco_error *err)
{
    const struct sco_node *mail = sco_get(c->q, "mail");
    if (mail)
        return send_mail(c, mail, err);
    int e = find_place(c, err);
    if (e == 0 && !c->failed)
        e = make_request(c, err);
    return e == 0 && !c->failed ? ask(c, err) : e;
}

int runner_call(struct runner *r, struct sco_error *err)
{
    struct sco_buf headers[HEADERS_MAX] = {{0}};
    struct call c = {.r = r, .headers = headers, .what = "?"};
    int e = sco_json_parse(sco_str_c(r->job.other), &r->arena, &c.q, err);
    if (e == 0) {
        c.workflow = text(&c, c.q, "workflow");
        e = perform(&c, err);
    }
    if (e == SCO_E_LIMIT || e == SCO_E_PERMISSION || e == SCO_E_NOT_FOUND || e == SCO_E_INVALID)
        e = give_up(&c, "%s", err->text);
    for (size_t i = 0; i < HEADERS_MAX; i++)
        wipe(&headers[i]);
    wipe(&c.url);
    sco_buf_done(&c.body);
    if (e < 0)
        return e;
    runner_log(r, c.failed ? SCO_LOG_ERROR : SCO_LOG_INFO, "%s: %s", c.what,
               c.failed ? c.failed : "done");
    return save(&c, err);
}
