/* secureops deliveries list | show ID | retry ID: webhooks of CI platforms, and what came of them.
 */
#include "items.h"

#include <secureops/store_ci.h>

static const char *state_name(uint32_t i)
{
    return sco_delivery_state_name((enum sco_delivery_state)i);
}

static void row(const void *item)
{
    const struct sco_stored_delivery *d = item;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    char at[SCO_TIME_LEN];
    sco_time_format(d->received_at, at);
    sco_buf_add_printable(&b, sco_str_c(d->integration));
    sco_buf_addc(&b, ' ');
    sco_buf_add_printable(&b, sco_str_c(d->native_event));
    if (d->reason) {
        sco_buf_addz(&b, ": ");
        sco_buf_add_printable(&b, sco_str_c(d->reason));
    }
    printf("%s  %.10s %.5s  %-8s  %5u  %s\n", d->id, at, at + 11, state_name(d->state), d->attempts,
           sco_buf_z(&b));
}

static void write(struct sco_json_out *o, const void *item)
{
    sco_stored_delivery_write(o, item);
}

static int list(struct cli *c, struct sco_store *s, struct remote_list *ret, struct sco_error *err)
{
    struct sco_delivery_page p = {0};
    struct sco_delivery_filter f = {.integration = c->values[ARG_TARGET],
                                    .cursor = c->values[ARG_CURSOR]};
    int r = context_bits(c, ARG_STATUS, "--status", SCO_DELIVERY_STATE_MAX_, state_name, &f.states,
                         err);
    if (r == 0)
        r = context_limit(c, &f.limit, err);
    if (r == 0)
        r = c->remote ? remote_deliveries(c->remote, &f, &p, err)
                      : sco_store_deliveries(s, &f, &p, err);
    *ret = ITEMS_TAKE(p);
    return r;
}

static int one(struct cli *c, struct sco_store *s, const char *id, struct remote_list *ret,
               struct sco_error *err)
{
    struct sco_delivery_page p = {0};
    int r =
        c->remote ? remote_delivery(c->remote, id, &p, err) : sco_store_delivery(s, id, &p, err);
    *ret = ITEMS_TAKE(p);
    return r;
}

static int retry(struct cli *c, struct sco_store *s, const char *verb, const char *id,
                 struct sco_error *err)
{
    (void)verb;
    int r = c->remote ? remote_do(c->remote, "/deliveries", id, "retry", err)
                      : sco_store_delivery_retry(s, id, sco_now_ms(), err);
    if (r == 0)
        printf("%s received\n", id);
    return r;
}

int cmd_deliveries(struct cli *c)
{
    static const char *const verbs[] = {"retry", NULL};
    static const char *const flags[] = {"status", "integration", "limit", "cursor", "format", NULL};
    static const struct items_kind kind = {
        .name = "deliveries",
        .heading = "ID                                    RECEIVED          STATUS    TRIES  EVENT",
        .size = sizeof(struct sco_stored_delivery),
        .verbs = verbs,
        .flags = flags,
        .list = list,
        .one = one,
        .act = retry,
        .row = row,
        .write = write};
    return items_command(c, &kind);
}
