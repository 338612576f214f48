/* secureops deliveries list | show ID | retry ID: webhooks of CI platforms, and what came of them.
 */
#include "remote.h"

#include <secureops/store_ci.h>

static const char *state_name(uint32_t i)
{
    return sco_delivery_state_name((enum sco_delivery_state)i);
}

static void print_row(const struct sco_stored_delivery *d)
{
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

static int print_json(struct sco_buf *b, struct sco_error *err)
{
    int r = sco_buf_check(b, err);
    if (r == 0)
        printf("%s\n", sco_buf_z(b));
    return r;
}

static int print_list(const struct sco_delivery_page *p, bool json, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    if (!json) {
        if (p->n)
            printf("%-36s  %-16s  %-8s  %-5s  %s\n", "ID", "RECEIVED", "STATUS", "TRIES", "EVENT");
        else
            printf("No deliveries\n");
        for (size_t i = 0; i < p->n; i++)
            print_row(&p->v[i]);
        if (p->cursor)
            printf("\nThere are more: --cursor %s\n", p->cursor);
        return 0;
    }
    sco_json_begin(&o, '{');
    sco_json_key(&o, "deliveries");
    sco_json_begin(&o, '[');
    for (size_t i = 0; i < p->n; i++)
        sco_stored_delivery_write(&o, &p->v[i]);
    sco_json_end(&o, ']');
    sco_json_key(&o, "cursor");
    if (p->cursor)
        sco_json_str(&o, sco_str_c(p->cursor));
    else
        sco_json_null(&o);
    sco_json_end(&o, '}');
    return print_json(&b, err);
}

static int list(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
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
    if (r == 0)
        r = print_list(&p, json, err);
    sco_delivery_page_done(&p);
    return r;
}

static int show(struct cli *c, struct sco_store *s, bool json, struct sco_error *err)
{
    struct sco_delivery_page p = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b, .pretty = !json};
    int r = c->remote ? remote_delivery(c->remote, c->operands[1], &p, err)
                      : sco_store_delivery(s, c->operands[1], &p, err);
    if (r < 0)
        return r;
    sco_stored_delivery_write(&o, &p.v[0]);
    sco_delivery_page_done(&p);
    return print_json(&b, err);
}

static int retry(struct cli *c, struct sco_store *s, struct sco_error *err)
{
    int r = c->remote ? remote_delivery_retry(c->remote, c->operands[1], err)
                      : sco_store_delivery_retry(s, c->operands[1], sco_now_ms(), err);
    if (r == 0)
        printf("%s received\n", c->operands[1]);
    return r;
}

int cmd_deliveries(struct cli *c)
{
    static const char *const verbs[] = {"list", "show", "retry"};
    static const char *const flags[] = {"status", "integration", "limit", "cursor", "format", NULL};
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    bool json = false;
    size_t verb = 0;
    const char *what = c->n_operands ? c->operands[0] : "";
    while (verb < SCO_ARRAY_LEN(verbs) && strcmp(what, verbs[verb]) != 0)
        verb++;
    int r = args_want_json(c, &json, &err);
    if (r == 0 && (verb == SCO_ARRAY_LEN(verbs) || c->n_operands != (verb ? 2u : 1u)))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "\"secureops deliveries\" wants list, or show or retry with an ID");
    if (r == 0)
        r = context_open_either(c, false, flags, &s, &err);
    if (r == 0)
        r = verb == 0   ? list(c, s, json, &err)
            : verb == 1 ? show(c, s, json, &err)
                        : retry(c, s, &err);
    sco_store_close(s);
    remote_close(c->remote);
    return r < 0 ? context_fail(&err) : EXIT_PASSED;
}
