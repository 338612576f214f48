/* SecureOps plugin for Sample platform, a CI platform.
 *
 * A CI plugin speaks for one integration: an account at the platform, with options of its own. It
 * proves that a webhook is genuine (verify), says what it means (translate), and does at the
 * platform what the engine asks for (here: status). The documents that go to and fro are in
 * SecureOps' docs/ci-plugins.md. The plugin works in a process of its own, one call after the
 * other: it may block, and when it crashes only its call fails.
 *
 * One rule above all: nothing of a webhook is believed before its signature is proved.
 */
#include <secureops/plugin.h>

/* ---- options ----
 * What the user configured under integrations.sample-platform, checked against the table and filled
 * in before open() is called. A secret is written as env:NAME or file:PATH. */
struct ctx {
    const struct sco_host *host; /* not an option: set in open() */
    struct sco_str webhook_secret, token, url;
};

static const struct sco_option options[] = {
    {.name = "webhook_secret",
     .type = SCO_OPT_STR,
     .flags = SCO_OPT_SECRET | SCO_OPT_REQUIRED,
     .offset = offsetof(struct ctx, webhook_secret),
     .doc = "The key that the platform signs its webhooks with."},
    {.name = "token",
     .type = SCO_OPT_STR,
     .flags = SCO_OPT_SECRET,
     .offset = offsetof(struct ctx, token),
     .doc = "A token for its API."},
    {.name = "url",
     .type = SCO_OPT_STR,
     .flags = SCO_OPT_TRUSTED,
     .offset = offsetof(struct ctx, url),
     .def = "https://platform.example/api",
     .doc = "Address of its API."},
    {.name = NULL}};

/* ---- JSON ----
 * A text as a JSON string, in memory that lives until the call returns; null when it is absent. */
static const char *quoted(const struct sco_host *h, struct sco_str s)
{
    static const char digits[] = "0123456789abcdef";
    char *out, *p;
    size_t i;
    if (!s.n)
        return "null";
    out = p = (char *)h->tmp(h, s.n * 6 + 3);
    if (!out)
        return "null";
    *p++ = '"';
    for (i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            *p++ = '\\';
            *p++ = (char)c;
        } else if (c < 0x20) {
            memcpy(p, "\\u00", 4);
            p[4] = digits[c >> 4];
            p[5] = digits[c & 15];
            p += 6;
        } else {
            *p++ = (char)c;
        }
    }
    *p++ = '"';
    *p = 0;
    return out;
}

/* ---- webhooks ---- */
static struct sco_str header(const struct sco_delivery *d, const char *name)
{
    size_t i;
    for (i = 0; i < d->n_headers; i++)
        if (sco_str_is(d->headers[i].key, name))
            return d->headers[i].value;
    return sco_str_make(NULL, 0);
}

/* "x-sample-signature: sha256=HEX" is the HMAC-SHA256 of the body's bytes. Compared by the host, so
 * that the time it takes says nothing; and nothing equals a secret that is empty. */
static int verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                  struct sco_errbuf *e)
{
    static const char digits[] = "0123456789abcdef";
    struct ctx *c = (struct ctx *)ctx;
    unsigned char mac[32];
    char text[7 + 64];
    size_t i;
    if (c->host->crypto->hmac_sha256(c->host, c->webhook_secret, d->body, mac) < 0)
        return SCO_E_NOMEM;
    memcpy(text, "sha256=", 7);
    for (i = 0; i < sizeof mac; i++) {
        text[7 + 2 * i] = digits[mac[i] >> 4];
        text[8 + 2 * i] = digits[mac[i] & 15];
    }
    if (!c->host->crypto->equal(c->host, header(d, "x-sample-signature"),
                                sco_str_make(text, sizeof text)))
        return sco_errf(e, SCO_E_PERMISSION, "the signature is missing or wrong");
    ret->id = header(d, "x-sample-delivery");
    ret->native_event = header(d, "x-sample-event");
    return 0;
}

static int record_push(struct ctx *c, const struct sco_node *v)
{
    const struct sco_host *h = c->host;
    struct sco_str ref = sco_text_at(v, "ref"), branch = ref;
    if (sco_str_starts(ref, "refs/heads/"))
        branch = sco_str_make(ref.p + 11, ref.n - 11);
    return h->record(
        h, "event",
        sco_fmt(h,
                "{\"platform\":\"sample-platform\",\"event\":\"push\",\"action\":\"updated\","
                "\"native_event\":\"push\",\"repo_full_name\":%s,\"clone_url\":%s,\"ref\":%s,"
                "\"branch\":%s,\"commit_sha\":%s,\"base_sha\":%s,\"actor\":%s}",
                quoted(h, sco_text_at(v, "repository.name")),
                quoted(h, sco_text_at(v, "repository.clone_url")), quoted(h, ref),
                quoted(h, branch), quoted(h, sco_text_at(v, "after")),
                quoted(h, sco_text_at(v, "before")), quoted(h, sco_text_at(v, "user"))));
}

/* What is of no use is said to be so: it is answered, and not kept. */
static int record_ignored(struct ctx *c, struct sco_str native)
{
    return c->host->record(c->host, "event",
                           sco_fmt(c->host,
                                   "{\"platform\":\"sample-platform\",\"event\":\"ignored\","
                                   "\"native_event\":%s}",
                                   quoted(c->host, native)));
}

static int translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    const struct sco_data_api *data = c->host->data;
    const struct sco_node *v = NULL;
    struct sco_reader *r = NULL;
    struct sco_str native = header(d, "x-sample-event");
    int rc = data->open_mem(c->host, d->body, &r, e);
    if (rc == 0)
        rc = data->read(r, NULL, &v, e);
    if (rc == 0)
        rc = sco_errf(e, SCO_E_PARSE, "the body is empty");
    if (rc > 0)
        rc = sco_str_is(native, "push") ? record_push(c, v) : record_ignored(c, native);
    data->close(r);
    return rc;
}

/* ---- operations ----
 * Answers with one record "result". The host's HTTP repeats, limits and leaves alone a server that
 * is down. SCO_CI_LATER asks to be called again; SCO_E_NETWORK is tried again by the engine. */
static int status(void *ctx, const struct sco_ci_call *q, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    const struct sco_host *h = c->host;
    const struct sco_node *v = NULL;
    struct sco_http_request a;
    struct sco_http_response r;
    struct sco_reader *reader = NULL;
    const char *headers[2] = {NULL, NULL};
    int rc;
    memset(&a, 0, sizeof a);
    memset(&r, 0, sizeof r);
    a.struct_size = sizeof a;
    r.struct_size = sizeof r;
    a.url = sco_fmt(h, "%.*s/runs/%lld", SCO_STR_ARG(c->url),
                    (long long)sco_int_at(q->request, "pipeline_id", 0))
                .p;
    a.retries = 2;
    if (c->token.n)
        headers[0] = sco_fmt(h, "Authorization: Bearer %.*s", SCO_STR_ARG(c->token)).p;
    a.headers = headers;
    rc = h->http(h, &a, &r, e);
    if (rc < 0)
        return rc;
    if (r.status == 429) {
        *q->retry_ms = r.retry_after_ms > 0 ? r.retry_after_ms : 60000;
        return sco_errf(e, SCO_CI_LATER, "Sample platform asks us to wait");
    }
    if (r.status != 200)
        return sco_errf(e, r.status >= 500 ? SCO_E_NETWORK : SCO_E_TOOL,
                        "Sample platform answers %d", (int)r.status);
    rc = h->data->open_mem(h, r.body, &reader, e);
    if (rc == 0)
        rc = h->data->read(reader, NULL, &v, e);
    if (rc == 0)
        rc = sco_errf(e, SCO_E_PARSE, "the answer is empty");
    if (rc > 0)
        rc = h->record(h, "result",
                       sco_fmt(h, "{\"pipeline_id\":%s,\"status\":%s,\"url\":%s}",
                               quoted(h, sco_text_at(v, "id")), quoted(h, sco_text_at(v, "state")),
                               quoted(h, sco_text_at(v, "url"))));
    h->data->close(reader);
    return rc;
}

/* ---- what the plugin is ---- */
static int sample_platform_open(void *ctx, const struct sco_host *host, struct sco_errbuf *e)
{
    struct ctx *c = (struct ctx *)ctx;
    c->host = host;
    if (!c->webhook_secret.n)
        return sco_errf(e, SCO_E_INVALID, "webhook_secret: an empty one proves nothing");
    return 0;
}

static const struct sco_ci ci = {
    .struct_size = sizeof(struct sco_ci),
    .title = "Sample platform",
    .homepage = "https://platform.example",
    .verify = verify,
    .translate = translate,
    .status = status,
};

static const struct sco_plugin plugin = {
    .magic = SCO_PLUGIN_MAGIC,
    .struct_size = sizeof(struct sco_plugin),
    .abi_major = SCO_ABI_MAJOR,
    .abi_minor = 2, /* the lowest that knows CI platforms */
    .kind = SCO_KIND_CI,
    .name = "sample-platform",
    .version = PLUGIN_VERSION,
    .license = "Apache-2.0",
    .summary = "Webhooks and pipelines of Sample platform.",
    .options = options,
    .option_size = sizeof(struct sco_option),
    .ctx_size = sizeof(struct ctx),
    .open = sample_platform_open,
    .ci = &ci,
};

const struct sco_plugin *sco_plugin_v1(void)
{
    return &plugin;
}
