/* Is a delivery genuine? Azure signs nothing: a service hook sends a user name with a password
 * and/or a header of its own. Both are compared in constant time, before anything is parsed. */
#include "azure_priv.h"

static struct sco_str header(const struct sco_delivery *d, struct sco_str name)
{
    const char *z = name.p;
    for (size_t i = 0; z && i < d->n_headers; i++)
        if (sco_str_is_nocase(d->headers[i].key, z))
            return d->headers[i].value;
    return sco_str_make(NULL, 0);
}

static int basic(const struct azure *a, const struct sco_delivery *d, struct sco_errbuf *e)
{
    const struct sco_crypto_api *crypto = a->h->crypto;
    struct sco_str given = header(d, SCO_STR("authorization"));
    int good = 0;
    if (given.n < 7 || !sco_str_is_nocase(sco_str_make(given.p, 6), "basic "))
        return sco_errf(e, SCO_E_PERMISSION, "Authorization: Basic is missing");
    given = crypto->base64_decode(a->h, sco_str_make(given.p + 6, given.n - 6), 0);
    if (!given.p)
        return sco_errf(e, SCO_E_PERMISSION, "Authorization: Basic is malformed");
    for (size_t i = 0; i < a->webhook_password.n; i++) {
        struct ci_json pair = ci_json_new(a->h); /* joins texts; a password may hold anything */
        ci_json_put(&pair, a->webhook_user.p, a->webhook_user.n);
        ci_json_put(&pair, ":", 1);
        ci_json_put(&pair, a->webhook_password.v[i].p, a->webhook_password.v[i].n);
        good |= crypto->equal(a->h, given, ci_json_text(&pair));
    }
    return good ? 0 : sco_errf(e, SCO_E_PERMISSION, "the user or the password is wrong");
}

static int own_header(const struct azure *a, const struct sco_delivery *d, struct sco_errbuf *e)
{
    struct sco_str given = header(d, a->webhook_header);
    int good = 0;
    if (!given.n)
        return sco_errf(e, SCO_E_PERMISSION, "the header %.*s is missing",
                        SCO_STR_ARG(a->webhook_header));
    for (size_t i = 0; i < a->webhook_secret.n; i++)
        good |= a->h->crypto->equal(a->h, given, a->webhook_secret.v[i]);
    return good ? 0
                : sco_errf(e, SCO_E_PERMISSION, "the header %.*s is wrong",
                           SCO_STR_ARG(a->webhook_header));
}

static int prove(const struct azure *a, const struct sco_delivery *d, struct sco_errbuf *e)
{
    if (!a->webhook_password.n && !a->webhook_secret.n)
        return sco_errf(e, SCO_E_PERMISSION,
                        "neither webhook_password nor webhook_secret is configured: nothing is "
                        "taken");
    int r = a->webhook_password.n ? basic(a, d, e) : 0;
    if (r == 0 && a->webhook_secret.n)
        r = own_header(a, d, e);
    return r;
}

/* Of a genuine delivery, in memory of the call. */
static int read_envelope(const struct azure *a, const struct sco_node *root, int64_t received,
                         struct sco_receipt *ret, struct sco_errbuf *e)
{
    struct sco_str id = azure_id(sco_get(root, "id")), type = sco_text_at(root, "eventType");
    struct sco_str subscription = azure_id(sco_get(root, "subscriptionId"));
    struct sco_str notification = azure_id(sco_get(root, "notificationId"));
    int64_t made = ci_time_at(root, "createdDate");
    if (!type.n || type.n > 128)
        return sco_errf(e, SCO_E_PARSE, "eventType is missing: not an event of a service hook");
    if (a->max_age > 0 && (made <= 0 || received - made > a->max_age))
        return sco_errf(e, SCO_E_PERMISSION, "the event is older than max_age, or has no time");
    if (id.n)
        ret->id = sco_fmt(a->h, "%.*s/%.*s/%.*s", SCO_STR_ARG(id), SCO_STR_ARG(subscription),
                          SCO_STR_ARG(notification));
    ret->native_event = ci_copy(a->h, type);
    if (!azure_is_known(type))
        ret->flags |= SCO_RECEIPT_IGNORED;
    return 0;
}

int azure_verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                 struct sco_errbuf *e)
{
    const struct azure *a = (const struct azure *)ctx;
    const struct sco_data_api *data = a->h->data;
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL, *more;
    struct sco_receipt receipt = *ret;
    int r = prove(a, d, e);
    if (r < 0)
        return r;
    r = data->open_mem(a->h, d->body, &reader, e);
    if (r == 0)
        r = data->read(reader, NULL, &root, e);
    if (r < 0)
        r = r == SCO_E_NOMEM ? r : SCO_E_PARSE;
    else if (r == 0 || root->type != SCO_NODE_MAP)
        r = sco_errf(e, SCO_E_PARSE, "the body is not a JSON object");
    else
        r = read_envelope(a, root, d->received_ms, &receipt, e);
    if (r == 0 && data->read(reader, NULL, &more, NULL) != 0)
        r = sco_errf(e, SCO_E_PARSE, "something follows the end of the document");
    data->close(reader);
    if (r == 0)
        *ret = receipt;
    return r;
}
