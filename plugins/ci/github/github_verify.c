/* Is a webhook genuine? HMAC-SHA256 over the bytes as received, by any of the configured secrets;
 * nothing is parsed before. */
#include "github_priv.h"

enum { MAC = 32 };

struct sco_str github_header(const struct sco_delivery *d, const char *name)
{
    for (size_t i = 0; i < d->n_headers; i++)
        if (sco_str_is_nocase(d->headers[i].key, name))
            return d->headers[i].value;
    return sco_str_make(NULL, 0);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int signature(struct sco_str header, unsigned char out[MAC])
{
    struct sco_str digits = ci_behind(header, "sha256=");
    if (digits.n != (size_t)2 * MAC)
        return 0;
    for (size_t i = 0; i < MAC; i++) {
        int a = hex(digits.p[2 * i]), b = hex(digits.p[2 * i + 1]);
        if (a < 0 || b < 0)
            return 0;
        out[i] = (unsigned char)(a * 16 + b);
    }
    return 1;
}

static int prove(const struct github *g, const struct sco_delivery *d, struct sco_errbuf *e)
{
    const struct sco_crypto_api *crypto = g->h->crypto;
    struct sco_str header = github_header(d, "x-hub-signature-256");
    unsigned char given[MAC], mac[MAC];
    int good = 0;
    if (!g->webhook_secret.n)
        return sco_errf(e, SCO_E_PERMISSION, "no webhook_secret is configured: nothing is taken");
    if (!header.n)
        return sco_errf(e, SCO_E_PERMISSION,
                        github_header(d, "x-hub-signature").n
                            ? "signed with SHA-1 alone: X-Hub-Signature-256 is missing"
                            : "not signed: X-Hub-Signature-256 is missing");
    if (!signature(header, given))
        return sco_errf(e, SCO_E_PERMISSION, "X-Hub-Signature-256 is malformed");
    for (size_t i = 0; i < g->webhook_secret.n; i++) {
        int r = crypto->hmac_sha256(g->h, g->webhook_secret.v[i], d->body, mac);
        if (r < 0)
            return sco_errf(e, r, "out of memory");
        good |= crypto->equal(g->h, sco_str_make((const char *)given, MAC),
                              sco_str_make((const char *)mac, MAC));
    }
    return good ? 0 : sco_errf(e, SCO_E_PERMISSION, "the signature does not fit the body");
}

/* Content-Type is not signed: a form is what GitHub makes one of, the payload and nothing before
 * it. What somebody wrote into a document is not looked at for one. */
struct sco_str github_payload(const struct sco_host *h, const struct sco_delivery *d)
{
    struct sco_str type = github_header(d, "content-type"), value;
    if (!sco_str_starts(type, "application/x-www-form-urlencoded"))
        return d->body;
    value = ci_behind(d->body, "payload=");
    const char *amp = value.n ? (const char *)memchr(value.p, '&', value.n) : NULL;
    if (amp)
        value.n = (size_t)(amp - value.p);
    return value.n ? ci_decode(h, value, 1) : sco_str_make(NULL, 0);
}

/* Whether it is one JSON object and nothing else. */
static int is_document(const struct sco_host *h, struct sco_str text, struct sco_errbuf *e)
{
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL, *more;
    int r = text.p ? h->data->open_mem(h, text, &reader, e)
                   : sco_errf(e, SCO_E_PARSE, "the form is not one payload");
    if (r == 0)
        r = h->data->read(reader, NULL, &root, e);
    if (r > 0 && root->type != SCO_NODE_MAP)
        r = sco_errf(e, SCO_E_PARSE, "the body is not a JSON object");
    else if (r > 0 && h->data->read(reader, NULL, &more, NULL) != 0)
        r = sco_errf(e, SCO_E_PARSE, "something follows the end of the document");
    else if (r == 0)
        r = sco_errf(e, SCO_E_PARSE, "the body is empty");
    h->data->close(reader);
    return r > 0 ? 0 : r == SCO_E_NOMEM ? r : SCO_E_PARSE;
}

int github_verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                  struct sco_errbuf *e)
{
    const struct github *g = (const struct github *)ctx;
    struct sco_str event = github_header(d, "x-github-event");
    int r = prove(g, d, e);
    if (r < 0)
        return r;
    if (!event.n || event.n > 64)
        return sco_errf(e, SCO_E_PARSE, "X-GitHub-Event is missing");
    r = is_document(g->h, github_payload(g->h, d), e);
    if (r < 0)
        return r;
    ret->id = github_header(d, "x-github-delivery");
    ret->native_event = event;
    if (!github_is_known(event))
        ret->flags |= SCO_RECEIPT_IGNORED;
    return 0;
}
