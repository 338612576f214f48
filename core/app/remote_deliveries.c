/* Webhooks of a daemon, as a store gives them. */
#include "remote.h"

#include <secureops/store_ci.h>

static enum sco_delivery_state state_of(const struct sco_node *m)
{
    struct sco_str text = sco_text(sco_get(m, "status"));
    int i = 0;
    while (i < SCO_DELIVERY_STATE_MAX_ &&
           !sco_str_is(text, sco_delivery_state_name((enum sco_delivery_state)i)))
        i++;
    return i < SCO_DELIVERY_STATE_MAX_ ? (enum sco_delivery_state)i : SCO_DELIVERY_RECEIVED;
}

static int take_delivery(const struct sco_node *m, struct sco_arena *a, void *item,
                         struct sco_error *err)
{
    struct sco_stored_delivery *d = item;
    if (!sco_is(m, SCO_NODE_MAP) || !sco_text(sco_get(m, "id")).n)
        return sco_error_set(err, SCO_E_FORMAT, "the daemon's answer is not a delivery");
    *d = (struct sco_stored_delivery){.id = remote_text(a, m, "id"),
                                      .integration = remote_text_or_empty(a, m, "integration"),
                                      .key = remote_text_or_empty(a, m, "delivery"),
                                      .native_event = remote_text_or_empty(a, m, "event"),
                                      .is_event = sco_bool(sco_get(m, "polled"), 0) != 0,
                                      .state = state_of(m),
                                      .attempts = (uint32_t)sco_int(sco_get(m, "attempts"), 0),
                                      .reason = remote_text(a, m, "reason"),
                                      .received_at = remote_time(m, "received_at"),
                                      .done_at = remote_time(m, "done_at"),
                                      .not_before = remote_time(m, "not_before")};
    return d->id ? 0 : sco_error_nomem(err);
}

static const struct remote_shape a_delivery = {sizeof(struct sco_stored_delivery), take_delivery,
                                               NULL};

static void to_page(const struct remote_list *l, struct sco_delivery_page *ret)
{
    *ret = (struct sco_delivery_page){.v = l->v, .n = l->n, .cursor = l->cursor, .arena = l->arena};
}

int remote_deliveries(struct remote *r, const struct sco_delivery_filter *f,
                      struct sco_delivery_page *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct remote_list l;
    const char *status = NULL;
    for (int i = 0; i < SCO_DELIVERY_STATE_MAX_; i++) {
        if (!(f->states >> i & 1))
            continue;
        if (status)
            return sco_error_set(err, SCO_E_INVALID, "a daemon lists one --status at a time");
        status = sco_delivery_state_name((enum sco_delivery_state)i);
    }
    sco_buf_addz(&path, "/deliveries");
    remote_query(&path, "status", status);
    remote_query(&path, "integration", f->integration);
    remote_query_limit(&path, f->limit);
    remote_query(&path, "cursor", f->cursor);
    int e = remote_list(r, &path, &a_delivery, &l, err);
    if (e == 0)
        to_page(&l, ret);
    return e;
}

int remote_delivery(struct remote *r, const char *id, struct sco_delivery_page *ret,
                    struct sco_error *err)
{
    struct remote_list l;
    int e = remote_one_at(r, "/deliveries", id, &a_delivery, &l, err);
    if (e == 0)
        to_page(&l, ret);
    return e;
}
