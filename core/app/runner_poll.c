/* What asking a platform has found: stored as deliveries are, so that it goes the same way, with
 * what the plugin wants to know again. In the transaction of the job's end. */
#include "runner_priv.h"

#include <secureops/ci.h>
#include <secureops/crypto.h>
#include <secureops/store_ci.h>

enum {
    OVERLAP_MS = 300000, /* what came while we asked is asked for again, and known by its digest */
};

static int add_some(struct runner *r, const char *integration, const struct sco_str *events,
                    size_t n, int64_t now, struct sco_error *err)
{
    struct sco_stored_delivery *v = sco_arena_alloc(&r->arena, (n + 1) * sizeof *v);
    struct sco_delivery_added *added = sco_arena_alloc(&r->arena, (n + 1) * sizeof *added);
    if (!v || !added)
        return sco_error_nomem(err);
    for (size_t i = 0; i < n; i++) {
        uint8_t digest[32];
        char hex[65];
        sco_sha256_of(events[i], digest);
        sco_hex(digest, sizeof digest, hex);
        v[i] = (struct sco_stored_delivery){.integration = integration,
                                            .key = sco_arena_fmt(&r->arena, "poll:%s", hex),
                                            .native_event = "poll",
                                            .is_event = true,
                                            .path = SCO_STR(""),
                                            .query = SCO_STR(""),
                                            .body = events[i]};
        if (!v[i].key)
            return sco_error_nomem(err);
    }
    return sco_store_deliveries_add(r->cli.store, v, n, now, added, err);
}

int runner_poll_keep(struct runner *r, const char *integration, const struct sco_ci_answer *a,
                     struct sco_error *err)
{
    int64_t now = sco_now_ms();
    const struct sco_node *result = NULL;
    SCO_AUTO(sco_buf) struct sco_buf state = {0};
    struct sco_json_out o = {.b = &state};
    int e = 0;
    if (a->code < 0)
        return 0;
    for (size_t i = 0; i < a->n_events && e == 0; i += SCO_DELIVERIES_MAX) {
        size_t left = a->n_events - i;
        e = add_some(r, integration, a->events + i,
                     left < SCO_DELIVERIES_MAX ? left : SCO_DELIVERIES_MAX, now, err);
    }
    if (e == 0 && a->result.p)
        e = sco_json_parse(a->result, &r->arena, &result, err);
    if (e == 0 && sco_is(sco_get(result, "state"), SCO_NODE_MAP)) {
        sco_json_node(&o, sco_get(result, "state"));
        e = sco_buf_check(&state, err);
    }
    return e == 0 ? sco_store_poll_done(r->cli.store, integration, sco_buf_str(&state),
                                        now - OVERLAP_MS, err)
                  : e;
}
