/* Idempotency keys: the same POST twice is one, and its second answer is the first. The reply is
 * kept in the transaction of the handler: either both are there, or none. */
#include "server_priv.h"

#include <secureops/crypto.h>

enum { KEY_MAX = 200, KEPT_BODY_MAX = 256 << 10 };

static bool good_key(const char *key)
{
    size_t n = 0;
    for (; key[n]; n++)
        if (key[n] < 0x21 || key[n] > 0x7e)
            return false;
    return n > 0 && n <= KEY_MAX;
}

bool api_idempotent_enter(struct api_exchange *x)
{
    const char *key = x->call.idempotency_key;
    if (x->call.route->flags & (API_PUBLIC | API_NO_STORE))
        return true; /* of nobody, or nothing to keep it in */
    if (!good_key(key)) {
        api_request_refuse(x, 400, "Idempotency-Key: 1 to %d printable characters", KEY_MAX);
        return false;
    }
    for (const struct api_exchange *i = x->api->in_flight; i; i = i->next)
        if (strcmp(i->call.idempotency_key, key) == 0 &&
            strcmp(i->principal_key, x->principal_key) == 0) {
            api_header(&x->call, "Retry-After", "1");
            api_request_refuse(x, 409, "a request with this Idempotency-Key is under way");
            return false;
        }
    x->in_flight = true;
    x->next = x->api->in_flight;
    x->api->in_flight = x;
    return true;
}

void api_idempotent_leave(struct api_exchange *x)
{
    if (!x->in_flight)
        return;
    for (struct api_exchange **at = &x->api->in_flight; *at; at = &(*at)->next)
        if (*at == x) {
            *at = x->next;
            break;
        }
    x->next = NULL;
    x->in_flight = false;
}

/* Of what makes two requests the same: method, path, query, body. */
static int digest(struct api_exchange *x, uint8_t out[32])
{
    struct sco_sha256 *h = sco_sha256_new();
    if (!h)
        return SCO_E_NOMEM;
    uint8_t upload[32];
    struct sco_str body = sco_buf_str(&x->body);
    sco_sha256_begin(h);
    sco_sha256_field(h, x->head.method);
    sco_sha256_field(h, x->head.path);
    sco_sha256_field(h, x->head.query);
    int r = 0;
    if (x->sha) {
        r = sco_sha256_end(x->sha, upload);
        body = sco_str_make((const char *)upload, sizeof upload);
    }
    sco_sha256_field(h, body.p ? body : sco_str_make("", 0));
    if (r == 0)
        r = sco_sha256_end(h, out);
    sco_sha256_free(h);
    return r;
}

int api_idempotent_look(struct api_exchange *x, struct sco_error *err)
{
    struct api_call *c = &x->call;
    struct sco_stored_reply kept;
    if (digest(x, x->request_digest) < 0)
        return sco_error_set(err, SCO_E_INTERNAL, "no digest of the request");
    int r = sco_store_reply(c->store, x->principal_key, c->idempotency_key, &kept, &c->arena, err);
    if (r == SCO_E_NOT_FOUND)
        return 0;
    if (r < 0)
        return r;
    if (memcmp(kept.digest, x->request_digest, 32) != 0)
        return api_problem(c, 422, err, "this Idempotency-Key was used for another request");
    c->status = kept.status;
    c->reply_type = kept.content_type;
    sco_buf_add(&c->reply, kept.body);
    api_header(c, "Idempotent-Replayed", "true");
    return 1;
}

int api_idempotent_keep(struct api_exchange *x, struct sco_error *err)
{
    struct api_call *c = &x->call;
    if (c->reply_fd >= 0 || c->reply.n > KEPT_BODY_MAX)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "no Idempotency-Key for a reply this long");
    struct sco_stored_reply r = {.status = c->status    ? c->status
                                           : c->reply.n ? 200
                                                        : 204,
                                 .content_type = c->reply_type ? c->reply_type : "application/json",
                                 .body = c->reply.p ? sco_buf_str(&c->reply) : sco_str_make("", 0)};
    memcpy(r.digest, x->request_digest, 32);
    return sco_store_reply_put(c->store, x->principal_key, c->idempotency_key, &r, c->now, err);
}
