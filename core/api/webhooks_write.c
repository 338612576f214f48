/* Webhooks into the store: all that came while the last batch was written are the next one, in one
 * transaction. One batch at a time, on a thread; answered when it is committed. */
#include "webhooks_priv.h"

#include <secureops/store_accounts.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "api"
#include <secureops/log.h>

struct hook_batch {
    struct api_hooks *of;
    struct hook *v[SCO_DELIVERIES_MAX];
    struct sco_stored_delivery rows[SCO_DELIVERIES_MAX];
    struct sco_delivery_added added[SCO_DELIVERIES_MAX];
    size_t n;
    struct forged forged[FORGED_NAMES_MAX]; /* as they were */
    size_t n_forged;
    int64_t now;
    int result;
    struct sco_error error;
};

/* ---- on the thread ---- */
static int add_audit(struct sco_store *s, const struct forged *f, int64_t now,
                     struct sco_error *err)
{
    char object[96], details[64];
    snprintf(object, sizeof object, "integration:%s", f->integration);
    snprintf(details, sizeof details, "{\"count\":%llu}", (unsigned long long)f->n);
    struct sco_audit_entry e = {.at = now,
                                .actor = "anonymous",
                                .action = "webhook.rejected",
                                .object = object,
                                .outcome = "denied",
                                .address = f->address,
                                .details = details};
    return sco_store_audit_add(s, &e, err);
}

static void write_batch(void *state, void *work)
{
    struct hook_batch *b = work;
    const struct sco_api_options *o = b->of->api->o;
    struct sco_store *s = o->store ? o->store(state) : NULL;
    if (!s) {
        b->result = sco_error_set(&b->error, SCO_E_NETWORK, "the store is away");
        return;
    }
    for (size_t i = 0; i < b->n; i++)
        b->rows[i] = b->v[i]->row;
    if (b->n)
        b->result = sco_store_deliveries_add(s, b->rows, b->n, b->now, b->added, &b->error);
    for (size_t i = 0; i < b->n_forged; i++) {
        struct sco_error err = {0};
        if (add_audit(s, &b->forged[i], b->now, &err) < 0)
            sco_log_warning("%llu forged webhooks are not in the audit log: %s",
                            (unsigned long long)b->forged[i].n, err.text);
    }
}

/* ---- on the loop ---- */
static void start(struct api_hooks *h);

static void end_one(struct hook *k, int r)
{
    struct sco_error err = {0};
    struct api_call *c = &k->x->call;
    if (r < 0) { /* whatever it is: it was not taken, and is to be sent again */
        if (c->api->dead) {
            hook_drop(k);
            free(k);
            return;
        }
        char text[16];
        snprintf(text, sizeof text, "%d", HOOK_RETRY_S);
        api_header(c, "Retry-After", text);
        r = api_problem(c, 503, &err, "it cannot be taken now, send it again later");
        hook_end(k, "failed", r, &err);
        return;
    }
    c->status = k->added.existing ? 200 : 202;
    hook_end(k, k->added.existing ? "duplicate" : "accepted", 0, NULL);
}

static void end_batch(void *work)
{
    struct hook_batch *b = work;
    struct api_hooks *h = b->of;
    struct sco_api *a = h->api;
    bool anything = false;
    h->out = NULL;
    if (b->result < 0)
        sco_log_warning("%zu webhooks were not taken: %s", b->n, b->error.text);
    for (size_t i = 0; i < b->n; i++) {
        struct hook *k = b->v[i];
        k->added = b->added[i];
        anything |= b->result == 0;
        if (a->dead) { /* it is stored, and nobody is there to be told */
            hook_drop(k);
            free(k);
        } else {
            end_one(k, b->result);
        }
    }
    free(b);
    a->n_threads--;
    if (a->dead) {
        api_last(a);
        return;
    }
    if (anything && a->o->webhooks.delivered)
        a->o->webhooks.delivered(a->o->webhooks.user);
    start(h);
}

static void take_waiting(struct api_hooks *h, struct hook_batch *b)
{
    size_t bytes = 0;
    while (b->n < h->n_waiting && b->n < SCO_DELIVERIES_MAX &&
           (!b->n || bytes + h->waiting[b->n]->row.body.n <= HOOK_BATCH_BYTES)) {
        bytes += h->waiting[b->n]->row.body.n;
        b->v[b->n] = h->waiting[b->n];
        b->n++;
    }
    h->n_waiting -= b->n;
    if (h->n_waiting)
        memmove(h->waiting, h->waiting + b->n, h->n_waiting * sizeof *h->waiting);
}

static void take_forged(struct api_hooks *h, struct hook_batch *b)
{
    for (size_t i = 0; i < h->n_forged; i++) {
        if (!h->forged[i].due)
            continue;
        b->forged[b->n_forged++] = h->forged[i];
        h->forged[i].due = false;
        h->forged[i].n = 0;
    }
}

static bool is_anything_due(const struct api_hooks *h)
{
    for (size_t i = 0; i < h->n_forged; i++)
        if (h->forged[i].due)
            return true;
    return h->n_waiting > 0;
}

/* No thread, no memory: everybody is told to come again. */
static void refuse_waiting(struct api_hooks *h)
{
    size_t n = h->n_waiting;
    struct hook **v = h->waiting;
    h->waiting = NULL;
    h->n_waiting = h->cap_waiting = 0;
    for (size_t i = 0; i < n; i++)
        end_one(v[i], SCO_E_LIMIT);
    free(v);
}

static void start(struct api_hooks *h)
{
    struct sco_api *a = h->api;
    struct sco_error err = {0};
    if (h->out || a->dead || !is_anything_due(h))
        return;
    struct sco_threads *threads = a->o->webhooks.threads ? a->o->webhooks.threads : a->o->threads;
    struct hook_batch *b = sco_alloc(1, sizeof *b);
    if (!b) {
        refuse_waiting(h);
        return;
    }
    b->of = h;
    b->now = sco_now_ms();
    take_waiting(h, b);
    take_forged(h, b);
    h->out = b;
    a->n_threads++;
    if (!threads || sco_threads_run(threads, write_batch, end_batch, b, &err) < 0) {
        a->n_threads--;
        h->out = NULL;
        for (size_t i = 0; i < b->n; i++)
            end_one(b->v[i], SCO_E_LIMIT);
        free(b);
        refuse_waiting(h);
    }
}

void hook_write(struct api_hooks *h, struct hook *k)
{
    if (h->n_waiting >= HOOK_WAITING_MAX ||
        SCO_VEC_PUSH(h->waiting, h->n_waiting, h->cap_waiting) < 0) {
        end_one(k, SCO_E_LIMIT);
        return;
    }
    h->waiting[h->n_waiting++] = k;
    start(h);
}

void hook_write_audit(struct api_hooks *h)
{
    start(h);
}
