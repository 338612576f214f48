/* Is a notification genuine? Jenkins signs nothing: a password in the endpoint's URL, a secret in
 * its path, or the signature that a Jenkinsfile makes itself. What is presented decides: a wrong
 * signature is not made good by a right password. Nothing is parsed before. */
#include "jenkins_priv.h"

enum { MAC = 32 };

static struct sco_str header(const struct sco_delivery *d, const char *name)
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

static int signature(const struct jenkins *k, const struct sco_delivery *d, struct sco_str given,
                     struct sco_errbuf *e)
{
    const struct sco_crypto_api *crypto = k->h->crypto;
    struct sco_str digits = ci_behind(given, "sha256=");
    unsigned char theirs[MAC], ours[MAC];
    int good = 0, malformed = digits.n != (size_t)2 * MAC;
    for (size_t i = 0; !malformed && i < MAC; i++) {
        int a = hex(digits.p[2 * i]), b = hex(digits.p[2 * i + 1]);
        malformed = a < 0 || b < 0;
        theirs[i] = (unsigned char)((a < 0 ? 0 : a) * 16 + (b < 0 ? 0 : b));
    }
    if (malformed)
        return sco_errf(e, SCO_E_PERMISSION, "%.*s is malformed", SCO_STR_ARG(k->webhook_header));
    for (size_t i = 0; i < k->webhook_secret.n; i++) {
        int r = crypto->hmac_sha256(k->h, k->webhook_secret.v[i], d->body, ours);
        if (r < 0)
            return sco_errf(e, r, "out of memory");
        good |= crypto->equal(k->h, sco_str_make((const char *)theirs, MAC),
                              sco_str_make((const char *)ours, MAC));
    }
    return good ? 0 : sco_errf(e, SCO_E_PERMISSION, "the signature does not fit the body");
}

static int in_path(const struct jenkins *k, struct sco_str path, struct sco_errbuf *e)
{
    int good = 0;
    while (path.n && path.p[0] == '/')
        path = sco_str_make(path.p + 1, path.n - 1);
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    for (size_t i = 0; i < k->webhook_path.n; i++)
        good |= k->h->crypto->equal(k->h, path, k->webhook_path.v[i]);
    return good ? 0 : sco_errf(e, SCO_E_PERMISSION, "the secret in the path is wrong");
}

static int basic(const struct jenkins *k, struct sco_str given, struct sco_errbuf *e)
{
    const struct sco_crypto_api *crypto = k->h->crypto;
    int good = 0;
    if (given.n < 7 || !sco_str_is_nocase(sco_str_make(given.p, 6), "basic "))
        return sco_errf(e, SCO_E_PERMISSION, "Authorization is not Basic");
    given = crypto->base64_decode(k->h, sco_str_make(given.p + 6, given.n - 6), 0);
    if (!given.p)
        return sco_errf(e, SCO_E_PERMISSION, "Authorization: Basic is malformed");
    for (size_t i = 0; i < k->webhook_password.n; i++) {
        struct ci_json pair = ci_json_new(k->h); /* joins texts */
        ci_json_put(&pair, k->webhook_user.p, k->webhook_user.n);
        ci_json_put(&pair, ":", 1);
        ci_json_put(&pair, k->webhook_password.v[i].p, k->webhook_password.v[i].n);
        good |= crypto->equal(k->h, given, ci_json_text(&pair));
    }
    return good ? 0 : sco_errf(e, SCO_E_PERMISSION, "the user or the password is wrong");
}

static int prove(const struct jenkins *k, const struct sco_delivery *d, struct sco_errbuf *e)
{
    const char *name = k->webhook_header.p ? k->webhook_header.p : "";
    struct sco_str mac = header(d, name), password = header(d, "authorization");
    if (!k->webhook_password.n && !k->webhook_path.n && !k->webhook_secret.n)
        return sco_errf(e, SCO_E_PERMISSION,
                        "none of webhook_password, webhook_path, webhook_secret is configured: "
                        "nothing is taken");
    if (mac.p)
        return signature(k, d, mac, e);
    if (d->path.n && k->webhook_path.n)
        return in_path(k, d->path, e);
    if (password.n && k->webhook_password.n)
        return basic(k, password, e);
    return sco_errf(e, SCO_E_PERMISSION,
                    "neither signature nor password, nor a secret in the path");
}

/* What is the same whenever this notification comes again: Jenkins sends no id. */
static struct sco_str id_of(const struct sco_host *h, const struct sco_node *root)
{
    const struct sco_node *b = sco_get(root, "build");
    struct sco_str url = sco_text_at(b, "full_url"), other = sco_text_at(root, "buildUrl");
    if (!url.n)
        url = sco_text_at(b, "url");
    if (url.n)
        return sco_fmt(h, "%.*s|%.*s|%.*s|%.*s", SCO_STR_ARG(ci_cut(url, 500)),
                       SCO_STR_ARG(ci_cut(sco_text_at(b, "number"), 20)),
                       SCO_STR_ARG(ci_cut(sco_text_at(b, "phase"), 20)),
                       SCO_STR_ARG(ci_cut(sco_text_at(b, "status"), 20)));
    if (other.n)
        return sco_fmt(h, "%.*s|%.*s", SCO_STR_ARG(ci_cut(other, 500)),
                       SCO_STR_ARG(ci_cut(sco_text_at(root, "event"), 20)));
    return sco_str_make(NULL, 0);
}

int jenkins_verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                   struct sco_errbuf *e)
{
    const struct jenkins *k = (const struct jenkins *)ctx;
    const struct sco_data_api *data = k->h->data;
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL, *more;
    struct sco_receipt receipt = *ret;
    int r = prove(k, d, e);
    if (r < 0)
        return r;
    r = data->open_mem(k->h, d->body, &reader, e);
    if (r == 0)
        r = data->read(reader, NULL, &root, e);
    if (r < 0) {
        r = r == SCO_E_NOMEM ? r : SCO_E_PARSE;
    } else if (r == 0 || root->type != SCO_NODE_MAP) {
        r = sco_errf(e, SCO_E_PARSE,
                     "the body is not a JSON object: the endpoint's format is JSON");
    } else {
        struct sco_str native = jenkins_native(root);
        r = 0;
        receipt.id = id_of(k->h, root);
        receipt.native_event = ci_copy(k->h, ci_cut(native, 64));
        if (!jenkins_is_known(native))
            receipt.flags |= SCO_RECEIPT_IGNORED;
        if (data->read(reader, NULL, &more, NULL) != 0)
            r = sco_errf(e, SCO_E_PARSE, "something follows the end of the document");
    }
    data->close(reader);
    if (r == 0)
        *ret = receipt;
    return r;
}
