/* A CI plugin for tests. A delivery is signed by HMAC-SHA256 of its body ("x-signature": hex) and
 * is itself the event that translate gives. An operation does what request.do says; its bad habits
 * are those of a plugin that crashes, hangs, talks nonsense or too much. */
#include <secureops/plugin.h>

#include <stdlib.h>
#include <unistd.h>

struct ctx {
    struct sco_str secret, url;
    const struct sco_host *host;
    const char *kept; /* memory of open: stays */
    int64_t calls;
};

static const struct sco_option options[] = {
    {.name = "secret",
     .type = SCO_OPT_STR,
     .flags = SCO_OPT_SECRET | SCO_OPT_REQUIRED,
     .offset = offsetof(struct ctx, secret),
     .doc = "The key of deliveries."},
    {.name = "url",
     .type = SCO_OPT_STR,
     .offset = offsetof(struct ctx, url),
     .def = "http://127.0.0.1:1/",
     .doc = "What `fetch` asks."},
    {.name = NULL},
};

static int ci_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    if (host->abi_minor < 2 || !host->crypto)
        return sco_errf(e, SCO_E_ABI, "the host has no cryptography");
    if (sco_str_is(c->secret, "fail-open"))
        return sco_errf(e, SCO_E_INVALID, "the secret %.*s is not liked", SCO_STR_ARG(c->secret));
    c->host = host;
    c->kept = sco_cstr(host, SCO_STR("kept"));
    return c->kept ? 0 : SCO_E_NOMEM;
}

static struct sco_str header(const struct sco_delivery *d, const char *name)
{
    size_t i;
    for (i = 0; i < d->n_headers; i++)
        if (sco_str_is(d->headers[i].key, name))
            return d->headers[i].value;
    return sco_str_make(NULL, 0);
}

/* What the test wants to see going wrong. */
static int misbehave(struct ctx *c, struct sco_str what, struct sco_errbuf *e)
{
    if (sco_str_is(what, "crash"))
        abort();
    if (sco_str_is(what, "exit"))
        exit(0);
    while (sco_str_is(what, "hang"))
        pause();
    if (sco_str_is(what, "spin"))
        for (;;)
            ;
    if (sco_str_is(what, "odd"))
        return 77;
    if (sco_str_is(what, "leak"))
        return sco_errf(e, SCO_E_TOOL, "the secret is %.*s", SCO_STR_ARG(c->secret));
    if (sco_str_is(what, "memory"))
        return c->host->alloc(c->host, 64 << 20) && c->host->tmp(c->host, 64 << 20) ? 0
                                                                                    : SCO_E_NOMEM;
    return 0;
}

static int verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                  struct sco_errbuf *e)
{
    static const char digits[] = "0123456789abcdef";
    struct ctx *c = (struct ctx *)ctx;
    unsigned char mac[32];
    char hex[65];
    size_t i;
    int64_t sent = 0;
    struct sco_str at = header(d, "x-sent-ms");
    if (c->host->crypto->hmac_sha256(c->host, c->secret, d->body, mac) < 0)
        return SCO_E_NOMEM;
    for (i = 0; i < sizeof mac; i++) {
        hex[2 * i] = digits[mac[i] >> 4];
        hex[2 * i + 1] = digits[mac[i] & 15];
    }
    if (!c->host->crypto->equal(c->host, header(d, "x-signature"), sco_str_make(hex, 64)))
        return sco_errf(e, SCO_E_PERMISSION, "the signature is wrong");
    for (i = 0; i < at.n; i++)
        sent = sent * 10 + (at.p[i] - '0');
    if (at.n && c->host->now(c->host) - sent > 300000)
        return sco_errf(e, SCO_E_PERMISSION, "the delivery is too old");
    ret->id = header(d, "x-id");
    ret->native_event = header(d, "x-event");
    if (sco_str_is(ret->native_event, "ignored"))
        ret->flags |= SCO_RECEIPT_IGNORED;
    if (sco_str_is(ret->native_event, "fetch")) {
        struct sco_http_request q;
        struct sco_http_response r;
        memset(&q, 0, sizeof q);
        memset(&r, 0, sizeof r);
        q.struct_size = sizeof q;
        r.struct_size = sizeof r;
        q.url = c->url.p;
        return c->host->http(c->host, &q, &r, e);
    }
    return misbehave(c, header(d, "x-do-verify"), e);
}

static int translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    struct sco_str what = header(d, "x-do");
    int r = misbehave(c, what, e);
    if (r || sco_str_is(what, "nothing"))
        return r;
    r = c->host->record(c->host, "event",
                        sco_str_is(what, "garbage") ? SCO_STR("{\"event\":") : d->body);
    return sco_str_is(what, "fail") ? sco_errf(e, SCO_E_FORMAT, "half of it") : r;
}

static int answer(struct ctx *c, struct sco_str text)
{
    return c->host->record(
        c->host, "result",
        sco_fmt(c->host, "{\"pipeline_id\":\"7\",\"did\":\"%.*s\"}", SCO_STR_ARG(text)));
}

static int fetch(struct ctx *c, struct sco_errbuf *e)
{
    struct sco_http_request q;
    struct sco_http_response r;
    size_t i;
    struct sco_str found = {NULL, 0};
    int rc;
    memset(&q, 0, sizeof q);
    memset(&r, 0, sizeof r);
    q.struct_size = sizeof q;
    r.struct_size = sizeof r;
    q.url = c->url.p;
    q.timeout_ms = 5000;
    rc = c->host->http(c->host, &q, &r, e);
    for (i = 0; rc == 0 && i < r.n_headers; i++)
        if (sco_str_is(r.headers[i].key, "x-answer"))
            found = r.headers[i].value;
    if (rc < 0)
        return rc;
    return c->host->record(c->host, "result",
                           sco_fmt(c->host,
                                   "{\"status\":%d,\"header\":\"%.*s\",\"retry_after\":%lld}",
                                   (int)r.status, SCO_STR_ARG(found), (long long)r.retry_after_ms));
}

static int huge(struct ctx *c)
{
    int i, r = 0;
    struct sco_str text;
    char *p = (char *)malloc(SCO_RECORD_MAX);
    if (!p)
        return SCO_E_NOMEM;
    memset(p, 'x', SCO_RECORD_MAX);
    p[0] = p[SCO_RECORD_MAX - 1] = '"';
    text = sco_str_make(p, SCO_RECORD_MAX);
    for (i = 0; i < 4096 && r == 0; i++)
        r = c->host->record(c->host, "event", text);
    free(p);
    return r;
}

static int trigger(void *ctx, const struct sco_ci_call *q, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    struct sco_str what = sco_text_at(q->request, "do");
    int r = sco_str_is(what, "hold") ? 0 : misbehave(c, what, e);
    c->calls++;
    if (sco_str_is(what, "hold"))
        c->host->log(c->host, SCO_LOG_INFO, SCO_STR("holding"));
    while (sco_str_is(what, "hold"))
        pause();
    if (r)
        return r;
    if (strcmp(c->kept, "kept") != 0)
        return sco_errf(e, SCO_E_INTERNAL, "memory of open is gone");
    if (sco_str_is(what, "later")) {
        *q->retry_ms = 90000;
        return sco_errf(e, SCO_CI_LATER, "the platform is busy");
    }
    if (sco_str_is(what, "silent"))
        return 0;
    if (sco_str_is(what, "fetch"))
        return fetch(c, e);
    if (sco_str_is(what, "huge"))
        return huge(c);
    if (sco_str_is(what, "garbage"))
        return c->host->record(c->host, "result", SCO_STR("{\"a\":"));
    if (sco_str_is(what, "list"))
        return c->host->record(c->host, "result", SCO_STR("[1]"));
    r = answer(c, what);
    if (r == 0 && sco_str_is(what, "twice"))
        r = answer(c, what);
    if (r == 0 && sco_str_is(what, "degraded"))
        return sco_errf(e, SCO_CI_DEGRADED, "no check run");
    return r;
}

static const struct sco_ci ci = {
    .struct_size = sizeof ci,
    .title = "Test platform",
    .homepage = "https://example.org/ci",
    .verify = verify,
    .translate = translate,
    .trigger = trigger,
};

static const struct sco_plugin plugin = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof plugin,
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = SCO_ABI_MINOR,
    .kind = SCO_KIND_CI,
    .name = "test-ci",
    .version = "1.0.0",
    .license = "Apache-2.0",
    .summary = "A CI platform for tests.",
    .options = options,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct ctx),
    .open = ci_open,
    .ci = &ci,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &plugin;
}
