/* Is a webhook genuine? Two ways: signed (Standard Webhooks: HMAC-SHA256 over id, time and the
 * bytes as received), or the secret token in clear. Where a signing token is configured there is
 * no way around it. Nothing is parsed before. */
#include "gitlab_priv.h"

enum { MAC = 32, KEY_MIN = 24, KEY_MAX = 64, SIGNATURES_MAX = 16, ID_MAX = 255 };

struct sco_str gitlab_header(const struct sco_delivery *d, const char *name)
{
    for (size_t i = 0; i < d->n_headers; i++)
        if (sco_str_is_nocase(d->headers[i].key, name))
            return d->headers[i].value;
    return sco_str_make(NULL, 0);
}

/* ---- signed ---- */

static struct sco_str key_of(const struct gitlab *g, struct sco_str token)
{
    struct sco_str coded = ci_behind(token, "whsec_"), key;
    if (!coded.n)
        return coded;
    key = g->h->crypto->base64_decode(g->h, coded, 0);
    return key.n >= KEY_MIN && key.n <= KEY_MAX ? key : sco_str_make(NULL, 0);
}

int gitlab_check_keys(const struct gitlab *g, struct sco_errbuf *e)
{
    for (size_t i = 0; i < g->signing_token.n; i++)
        if (!key_of(g, g->signing_token.v[i]).n)
            return sco_errf(e, SCO_E_INVALID,
                            "signing_token: not of the form that GitLab shows: whsec_ and the key "
                            "in Base64");
    return 0;
}

/* Unix seconds, digits alone; -1: they are none. */
static int64_t seconds_of(struct sco_str s)
{
    int64_t v = 0;
    if (!s.n || s.n > 12)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -1;
        v = v * 10 + (s.p[i] - '0');
    }
    return v;
}

/* Whether one of the header's signatures, "v1,BASE64 v1,BASE64", is this one. */
static int is_one_of(const struct gitlab *g, struct sco_str header, const unsigned char *mac)
{
    const struct sco_crypto_api *crypto = g->h->crypto;
    int good = 0;
    size_t at = 0;
    for (int n = 0; at < header.n && n < SIGNATURES_MAX; n++) {
        const char *blank = (const char *)memchr(header.p + at, ' ', header.n - at);
        size_t end = blank ? (size_t)(blank - header.p) : header.n;
        struct sco_str coded = ci_behind(sco_str_make(header.p + at, end - at), "v1,");
        struct sco_str given = sco_str_make(NULL, 0);
        if (coded.n)
            given = crypto->base64_decode(g->h, coded, 0);
        if (given.n == MAC)
            good |= crypto->equal(g->h, given, sco_str_make((const char *)mac, MAC));
        at = end + 1;
    }
    return good;
}

static int prove_signed(const struct gitlab *g, const struct sco_delivery *d, struct sco_str header,
                        struct sco_errbuf *e)
{
    const struct sco_host *h = g->h;
    struct sco_str id = gitlab_header(d, "webhook-id"), at = gitlab_header(d, "webhook-timestamp");
    int64_t when = seconds_of(at), now = h->now(h) / 1000;
    unsigned char mac[MAC];
    struct ci_json text = ci_json_new(h);
    int good = 0;
    if (!header.n)
        return sco_errf(e, SCO_E_PERMISSION, "not signed: webhook-signature is missing");
    if (!id.n || id.n > ID_MAX || when < 0)
        return sco_errf(e, SCO_E_PERMISSION, "webhook-id or webhook-timestamp is malformed");
    if (when > now + GITLAB_REPLAY_S || when < now - GITLAB_REPLAY_S)
        return sco_errf(e, SCO_E_PERMISSION,
                        "signed %lld s away from now: sent again by somebody, or a clock is wrong",
                        (long long)(when - now));
    ci_json_put(&text, id.p, id.n);
    ci_json_put(&text, ".", 1);
    ci_json_put(&text, at.p, at.n);
    ci_json_put(&text, ".", 1);
    ci_json_put(&text, d->body.p, d->body.n);
    if (text.failed)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    for (size_t i = 0; i < g->signing_token.n; i++) {
        int r =
            h->crypto->hmac_sha256(h, key_of(g, g->signing_token.v[i]), ci_json_text(&text), mac);
        if (r < 0)
            return sco_errf(e, r, "out of memory");
        good |= is_one_of(g, header, mac);
    }
    return good ? 0 : sco_errf(e, SCO_E_PERMISSION, "the signature does not fit the body");
}

/* ---- the secret token ---- */

static int prove_token(const struct gitlab *g, const struct sco_delivery *d, struct sco_errbuf *e)
{
    struct sco_str given = gitlab_header(d, "x-gitlab-token");
    int good = 0;
    if (!g->webhook_secret.n)
        return sco_errf(e, SCO_E_PERMISSION,
                        "neither signing_token nor webhook_secret is configured: nothing is taken");
    if (!given.n)
        return sco_errf(e, SCO_E_PERMISSION, "X-Gitlab-Token is missing");
    for (size_t i = 0; i < g->webhook_secret.n; i++)
        good |= g->h->crypto->equal(g->h, given, g->webhook_secret.v[i]);
    return good ? 0 : sco_errf(e, SCO_E_PERMISSION, "X-Gitlab-Token is not the secret token");
}

/* ---- then ---- */

/* Whether it is one JSON object and nothing else; its kind. */
static int read_kind(const struct sco_host *h, struct sco_str text, struct sco_str *ret,
                     struct sco_errbuf *e)
{
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL, *more;
    int r = h->data->open_mem(h, text, &reader, e);
    if (r == 0)
        r = h->data->read(reader, NULL, &root, e);
    if (r > 0 && root->type != SCO_NODE_MAP) {
        r = sco_errf(e, SCO_E_PARSE, "the body is not a JSON object");
    } else if (r > 0) {
        *ret = ci_copy(h, gitlab_kind(root));
        if (h->data->read(reader, NULL, &more, NULL) != 0)
            r = sco_errf(e, SCO_E_PARSE, "something follows the end of the document");
    } else if (r == 0) {
        r = sco_errf(e, SCO_E_PARSE, "the body is empty");
    }
    h->data->close(reader);
    return r > 0 ? 0 : r == SCO_E_NOMEM ? r : SCO_E_PARSE;
}

/* The same on every retry of one delivery. Servers without Idempotency-Key have the id of the
 * event, which events that a webhook caused share: with the digest of the body. */
static struct sco_str delivery_id(const struct sco_host *h, const struct sco_delivery *d)
{
    struct sco_str id = gitlab_header(d, "webhook-id"), uuid;
    unsigned char digest[MAC];
    if (!id.n)
        id = gitlab_header(d, "idempotency-key");
    if (id.n && id.n <= ID_MAX)
        return id;
    uuid = gitlab_header(d, "x-gitlab-event-uuid");
    if (!uuid.n || uuid.n > 100)
        return sco_str_make(NULL, 0);
    h->crypto->sha256(h, d->body, digest);
    return sco_fmt(h, "%.*s-%02x%02x%02x%02x%02x%02x%02x%02x", SCO_STR_ARG(uuid), digest[0],
                   digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]);
}

int gitlab_verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                  struct sco_errbuf *e)
{
    const struct gitlab *g = (const struct gitlab *)ctx;
    struct sco_str kind = {NULL, 0};
    /* webhook-id and webhook-timestamp come with every delivery: they say nothing */
    int r = g->signing_token.n ? prove_signed(g, d, gitlab_header(d, "webhook-signature"), e)
                               : prove_token(g, d, e);
    if (r == 0)
        r = read_kind(g->h, d->body, &kind, e);
    if (r < 0)
        return r;
    struct sco_str said = kind.n && kind.n <= 64 ? kind : gitlab_header(d, "x-gitlab-event");
    if (!said.n || said.n > 64)
        return sco_errf(e, SCO_E_PARSE, "neither object_kind nor event_name says what happened");
    ret->id = delivery_id(g->h, d);
    ret->native_event = said;
    if (!gitlab_is_known(kind))
        ret->flags |= SCO_RECEIPT_IGNORED;
    return 0;
}
