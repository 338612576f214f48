/* Webhooks between their receipt and their end. What was committed is worked on by one node at a
 * time for each integration (webhook_lanes), in the order of receipt. */
#include "store_priv.h"

#include <secureops/crypto.h>
#include <secureops/store_ci.h>

#include <stdlib.h>

enum { RETAIN_BATCH = 1000, KEY_MAX = 512 };

#define DELIVERY_COLUMNS                                                                           \
    "pk, id, integration, key, native_event, state, received_at, done_at, not_before, attempts, "  \
    "reason, is_event"

static const char *const states[SCO_DELIVERY_STATE_MAX_] = {"received", "done", "failed"};

const char *sco_delivery_state_name(enum sco_delivery_state s)
{
    return (unsigned)s < SCO_DELIVERY_STATE_MAX_ ? states[s] : "unknown";
}

static enum sco_delivery_state state_of(struct sco_str name)
{
    unsigned i = 0;
    while (i < SCO_DELIVERY_STATE_MAX_ && !sco_str_is(name, states[i]))
        i++;
    return (enum sco_delivery_state)i;
}

void sco_delivery_page_done(struct sco_delivery_page *p)
{
    sco_arena_done(&p->arena);
    *p = (struct sco_delivery_page){0};
}

void sco_stored_delivery_write(struct sco_json_out *o, const struct sco_stored_delivery *d)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", d->id);
    sco_json_kz(o, "integration", d->integration);
    sco_json_kz(o, "delivery", d->key);
    sco_json_kz(o, "event", d->native_event);
    sco_json_kbool(o, "polled", d->is_event);
    sco_json_kz(o, "status", sco_delivery_state_name(d->state));
    sco_json_ki64(o, "attempts", d->attempts);
    sco_json_kz(o, "reason", d->reason);
    sco_json_ktime(o, "received_at", d->received_at);
    sco_json_ktime(o, "done_at", d->done_at);
    sco_json_ktime(o, "not_before", d->not_before);
    sco_json_end(o, '}');
}

static int no_delivery(const char *id, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_NOT_FOUND, "there is no delivery %s", id);
}

/* ---- adding ---- */
/* Statements of two nodes take the same keys in the same order, so that neither waits for the other
 * in a circle. */
static int by_key(const void *a, const void *b, void *user)
{
    const struct sco_stored_delivery *v = user;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    int c = strcmp(v[i].integration, v[k].integration);
    if (c == 0)
        c = strcmp(v[i].key, v[k].key);
    return c ? c : i < k ? -1 : 1;
}

static int take_id(void *user, const struct store_value *v, size_t n)
{
    struct sco_delivery_added *to = user;
    if (v[0].s.n != 16)
        return SCO_E_INTERNAL;
    store_uuid_format((const uint8_t *)v[0].s.p, to->id);
    to->existing = n > 1;
    to->state = n > 1 ? state_of(v[1].s) : SCO_DELIVERY_RECEIVED;
    return 0;
}

static int look(struct sco_store *s, const struct sco_stored_delivery *d,
                struct sco_delivery_added *ret, struct sco_error *err)
{
    struct store_value v[] = {sv_text(d->integration), sv_text(d->key)};
    int r = store_often(s,
                        "SELECT id, state FROM webhook_deliveries WHERE integration = $1 AND key = "
                        "$2",
                        v, SCO_ARRAY_LEN(v), take_id, ret, err);
    if (r < 0 || ret->state != SCO_DELIVERY_FAILED)
        return r;
    /* the platform was asked to send it again: it is to be tried again */
    r = store_exec(s,
                   "UPDATE webhook_deliveries SET state = 'received', attempts = 0, not_before = "
                   "0, done_at = 0, reason = NULL WHERE integration = $1 AND key = $2 AND state = "
                   "'failed'",
                   v, SCO_ARRAY_LEN(v), NULL, err);
    ret->state = SCO_DELIVERY_RECEIVED;
    return r;
}

static int add_one(struct sco_store *s, const struct sco_stored_delivery *d, size_t place,
                   int64_t now, struct sco_delivery_added *ret, struct sco_error *err)
{
    uint8_t id[16];
    char text[37];
    *ret = (struct sco_delivery_added){0};
    sco_uuid4(text);
    SCO_BUG_ON(!store_uuid_parse(sco_str_c(text), id));
    struct store_value v[] = {
        sv_bytes(STORE_UUID, id, sizeof id),
        sv_text(d->integration),
        sv_text(d->key),
        sv_text(d->native_event ? d->native_event : ""),
        sv_bool(d->is_event),
        sv_i64(d->received_at ? d->received_at : now),
        sv_i64((int64_t)place),
        sv_json(sco_str_c(d->headers ? d->headers : "[]")),
        {.type = STORE_TEXT, .s = d->path},
        {.type = STORE_TEXT, .s = d->query},
        sv_bytes(STORE_BLOB, d->body.p, d->body.n),
    };
    int r = store_often(s,
                        "INSERT INTO webhook_deliveries (id, integration, key, native_event, "
                        "is_event, received_at, ordinal, headers, path, query, body) VALUES ($1, "
                        "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (integration, key) "
                        "DO NOTHING RETURNING id",
                        v, SCO_ARRAY_LEN(v), take_id, ret, err);
    if (r == 0 && !*ret->id)
        r = look(s, d, ret, err);
    if (r == 0 && !*ret->id)
        r = sco_error_set(err, SCO_E_INTERNAL, "a delivery is there and is not");
    return r;
}

static int add_lane(struct sco_store *s, const char *integration, struct sco_error *err)
{
    struct store_value v = sv_text(integration);
    return store_exec(s,
                      "INSERT INTO webhook_lanes (integration) SELECT $1 WHERE NOT EXISTS (SELECT "
                      "1 FROM webhook_lanes WHERE integration = $2) ON CONFLICT DO NOTHING",
                      (struct store_value[]){v, v}, 2, NULL, err);
}

static int add_all(struct sco_store *s, const struct sco_stored_delivery *v, const uint32_t *order,
                   size_t n, int64_t now, struct sco_delivery_added *ret, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        const struct sco_stored_delivery *d = &v[order[i]];
        if (i == 0 || strcmp(d->integration, v[order[i - 1]].integration) != 0)
            r = add_lane(s, d->integration, err);
        if (r == 0)
            r = add_one(s, d, order[i], now, &ret[order[i]], err);
    }
    return r;
}

int sco_store_deliveries_add(struct sco_store *s, const struct sco_stored_delivery *v, size_t n,
                             int64_t now, struct sco_delivery_added *ret, struct sco_error *err)
{
    uint32_t order[SCO_DELIVERIES_MAX];
    if (n > SCO_DELIVERIES_MAX)
        return sco_error_set(err, SCO_E_INVALID, "at most %d deliveries at once",
                             SCO_DELIVERIES_MAX);
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
        if (!v[i].integration || !*v[i].integration || !v[i].key || !*v[i].key ||
            strlen(v[i].key) > KEY_MAX)
            return sco_error_set(err, SCO_E_INVALID, "a delivery has an integration and a key");
    }
    if (n)
        qsort_r(order, n, sizeof *order, by_key, (void *)(uintptr_t)v);
    int r = sco_store_begin(s, err);
    return r < 0 ? r : sco_store_end(s, add_all(s, v, order, n, now, ret, err), err);
}

/* ---- reading ---- */
struct reading {
    struct sco_delivery_page *page;
    size_t limit, bytes;
    int64_t pk;
};

static bool is_whole(const struct sco_stored_delivery *d, const struct store_value *v)
{
    return d->id && d->integration && d->key && d->native_event &&
           (d->reason || v[10].type == STORE_NULL);
}

static int on_listed(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_delivery_page *p = rd->page;
    struct sco_arena *a = &p->arena;
    (void)n;
    if (p->n == rd->limit) {
        p->cursor = sco_arena_fmt(a, "%lld", (long long)rd->pk);
        return p->cursor ? 0 : SCO_E_NOMEM;
    }
    struct sco_stored_delivery *d = &p->v[p->n];
    *d = (struct sco_stored_delivery){.id = store_uuid_text(a, &v[1]),
                                      .integration = store_keep(a, &v[2]),
                                      .key = store_keep(a, &v[3]),
                                      .native_event = store_keep(a, &v[4]),
                                      .state = state_of(v[5].s),
                                      .received_at = v[6].i,
                                      .done_at = v[7].i,
                                      .not_before = v[8].i,
                                      .attempts = (uint32_t)v[9].i,
                                      .reason = store_keep(a, &v[10]),
                                      .is_event = v[11].i != 0};
    rd->pk = v[0].i;
    p->n++;
    return is_whole(d, v) ? 0 : SCO_E_NOMEM;
}

static struct sco_str keep_str(struct sco_arena *a, const struct store_value *v, bool *failed)
{
    struct sco_str s = v->type == STORE_NULL ? sco_str_make("", 0) : sco_arena_str(a, v->s);
    *failed |= !s.p;
    return s;
}

static int on_claimed(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_delivery_page *p = rd->page;
    bool failed = false;
    if (p->n && rd->bytes + v[15].s.n > SCO_DELIVERY_CLAIM_BYTES)
        rd->limit = p->n; /* in order: none of the following ones either */
    if (p->n >= rd->limit)
        return 0;
    int r = on_listed(user, v, n);
    if (r < 0)
        return r;
    struct sco_stored_delivery *d = &p->v[p->n - 1];
    d->headers = store_keep(&p->arena, &v[12]);
    d->path = keep_str(&p->arena, &v[13], &failed);
    d->query = keep_str(&p->arena, &v[14], &failed);
    d->body = keep_str(&p->arena, &v[15], &failed);
    rd->bytes += v[15].s.n;
    return failed || !d->headers ? SCO_E_NOMEM : 0;
}

static int fail_page(struct sco_delivery_page *p, int r, struct sco_error *err)
{
    sco_delivery_page_done(p);
    return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
}

int sco_store_delivery(struct sco_store *s, const char *id, struct sco_delivery_page *ret,
                       struct sco_error *err)
{
    struct sco_delivery_page page = {0};
    struct reading rd = {.page = &page, .limit = 1};
    uint8_t raw[16];
    if (!store_uuid_parse(sco_str_c(id), raw))
        return no_delivery(id, err);
    struct store_value v = sv_bytes(STORE_UUID, raw, sizeof raw);
    page.v = sco_arena_alloc(&page.arena, sizeof *page.v);
    int r =
        page.v ? store_query(s, "SELECT " DELIVERY_COLUMNS " FROM webhook_deliveries WHERE id = $1",
                             &v, 1, on_listed, &rd, err)
               : SCO_E_NOMEM;
    if (r == 0 && !page.n)
        r = no_delivery(id, err);
    if (r < 0)
        return fail_page(&page, r, err);
    *ret = page;
    return 0;
}

static const char *state_name(unsigned i)
{
    return states[i];
}

int sco_store_deliveries(struct sco_store *s, const struct sco_delivery_filter *f,
                         struct sco_delivery_page *ret, struct sco_error *err)
{
    struct sco_delivery_page page = {0};
    struct reading rd = {.page = &page, .limit = f->limit ? f->limit : 100};
    SCO_AUTO(sco_buf) struct sco_buf sql = {0};
    struct store_value v[3];
    size_t n = 0;
    int64_t before = INT64_MAX;
    if (rd.limit > SCO_STORE_PAGE_MAX)
        return sco_error_set(err, SCO_E_INVALID, "a page has at most %d deliveries",
                             SCO_STORE_PAGE_MAX);
    if (f->cursor && sco_parse_i64(sco_str_c(f->cursor), 1, INT64_MAX, &before) < 0)
        return sco_error_set(err, SCO_E_INVALID, "\"%s\" is no cursor", f->cursor);
    v[n++] = sv_i64(before);
    sco_buf_addz(&sql, "SELECT " DELIVERY_COLUMNS " FROM webhook_deliveries WHERE pk < $1");
    if (f->integration) {
        v[n++] = sv_text(f->integration);
        sco_buf_addf(&sql, " AND integration = $%zu", n);
    }
    store_one_of(&sql, "state", f->states, SCO_DELIVERY_STATE_MAX_, state_name);
    v[n++] = sv_i64((int64_t)rd.limit + 1);
    sco_buf_addf(&sql, " ORDER BY pk DESC LIMIT $%zu", n);
    page.v = sco_arena_alloc(&page.arena, rd.limit * sizeof *page.v);
    int r = sql.failed || !page.v ? SCO_E_NOMEM
                                  : store_query(s, sco_buf_z(&sql), v, n, on_listed, &rd, err);
    if (r < 0)
        return fail_page(&page, r, err);
    *ret = page;
    return 0;
}

static int on_counts(void *user, const struct store_value *v, size_t n)
{
    struct sco_delivery_counts *c = user;
    (void)n;
    c->received = (uint64_t)v[0].i;
    c->oldest = v[1].i;
    c->failed = (uint64_t)v[2].i;
    return 0;
}

int sco_store_delivery_counts(struct sco_store *s, struct sco_delivery_counts *ret,
                              struct sco_error *err)
{
    struct sco_delivery_counts c = {0};
    int r = store_query(s,
                        "SELECT (SELECT count(*) FROM webhook_deliveries WHERE state = "
                        "'received'), COALESCE((SELECT min(received_at) FROM webhook_deliveries "
                        "WHERE state = 'received'), 0), (SELECT count(*) FROM webhook_deliveries "
                        "WHERE state = 'failed')",
                        NULL, 0, on_counts, &c, err);
    if (r == 0)
        *ret = c;
    return r;
}

/* ---- claim and end ---- */
enum { LANES_MAX = 256 };
struct lanes {
    const char *v[LANES_MAX];
    size_t n;
    struct sco_arena arena;
};

static int on_lane(void *user, const struct store_value *v, size_t n)
{
    struct lanes *l = user;
    (void)n;
    if (l->n == LANES_MAX)
        return 0;
    l->v[l->n] = store_keep(&l->arena, &v[0]);
    return l->v[l->n++] ? 0 : SCO_E_NOMEM;
}

static int claim_lane(struct sco_store *s, const char *lane, const char *node, int64_t now,
                      int64_t until, struct reading *rd, struct sco_error *err)
{
    int64_t n = 0;
    struct store_value take[] = {sv_text(node), sv_i64(until), sv_text(lane), sv_text(node),
                                 sv_i64(now)};
    struct store_value v[] = {sv_text(lane), sv_i64(now),
                              sv_i64((int64_t)(rd->limit - rd->page->n))};
    int r = store_exec(s,
                       "UPDATE webhook_lanes SET node = $1, held_until = $2 WHERE integration = $3 "
                       "AND (node IS NULL OR node = $4 OR held_until <= $5)",
                       take, SCO_ARRAY_LEN(take), &n, err);
    if (r < 0 || !n)
        return r; /* another node was first */
    return store_query(s,
                       "SELECT " DELIVERY_COLUMNS ", headers, path, query, body FROM "
                       "webhook_deliveries WHERE integration = $1 AND state = 'received' AND "
                       "not_before <= $2 ORDER BY received_at, ordinal, pk LIMIT $3",
                       v, SCO_ARRAY_LEN(v), on_claimed, rd, err);
}

static int claim(struct sco_store *s, const struct lanes *l, const char *node, int64_t now,
                 int64_t until, uint32_t max, struct sco_delivery_page *page, struct sco_error *err)
{
    struct reading rd = {.page = page};
    size_t each = max / l->n ? max / l->n : 1; /* none waits for another's backlog */
    int r = 0;
    for (size_t i = 0; i < l->n && r == 0 && page->n < max; i++) {
        rd.limit = page->n + each < max ? page->n + each : max;
        r = claim_lane(s, l->v[i], node, now, until, &rd, err);
    }
    return r;
}

int sco_store_deliveries_claim(struct sco_store *s, const char *node, int64_t now, int64_t until,
                               uint32_t max, struct sco_delivery_page *ret, struct sco_error *err)
{
    struct sco_delivery_page page = {0};
    struct lanes lanes = {0};
    struct store_value v[] = {sv_text(node), sv_i64(now), sv_i64(now)};
    int r = store_query(s,
                        "SELECT l.integration FROM webhook_lanes l WHERE (l.node IS NULL OR l.node "
                        "= $1 OR l.held_until <= $2) AND EXISTS (SELECT 1 FROM webhook_deliveries "
                        "d WHERE d.integration = l.integration AND d.state = 'received' AND "
                        "d.not_before <= $3) ORDER BY l.integration",
                        v, SCO_ARRAY_LEN(v), on_lane, &lanes, err);
    if (r == 0 && lanes.n && max) { /* nobody writes when there is nothing to do: the usual case */
        page.v = sco_arena_alloc(&page.arena, max * sizeof *page.v);
        r = page.v ? sco_store_begin(s, err) : SCO_E_NOMEM;
        if (r == 0)
            r = sco_store_end(s, claim(s, &lanes, node, now, until, max, &page, err), err);
    }
    sco_arena_done(&lanes.arena);
    if (r < 0)
        return fail_page(&page, r, err);
    *ret = page;
    return 0;
}

int sco_store_deliveries_release(struct sco_store *s, const char *node, struct sco_error *err)
{
    struct store_value v = sv_text(node);
    return store_exec(s, "UPDATE webhook_lanes SET node = NULL, held_until = 0 WHERE node = $1", &v,
                      1, NULL, err);
}

#define OWN_LANE                                                                                   \
    "AND state = 'received' AND EXISTS (SELECT 1 FROM webhook_lanes l WHERE l.integration = "      \
    "webhook_deliveries.integration AND l.node = "

static int end(struct sco_store *s, const uint8_t id[16], const char *node, bool failed,
               const char *reason, int64_t now, int64_t *n, struct sco_error *err)
{
    struct store_value v[] = {sv_i64(now), sv_text(reason), sv_bytes(STORE_UUID, id, 16),
                              sv_text(node)};
    return store_exec(s,
                      failed ? "UPDATE webhook_deliveries SET state = 'failed', done_at = $1, "
                               "reason = $2, attempts = attempts + 1 WHERE id = $3 " OWN_LANE "$4)"
                             : "UPDATE webhook_deliveries SET state = 'done', done_at = $1, "
                               "reason = $2, attempts = attempts + 1, headers = NULL, path = NULL, "
                               "query = NULL, body = NULL WHERE id = $3 " OWN_LANE "$4)",
                      v, SCO_ARRAY_LEN(v), n, err);
}

static int again(struct sco_store *s, const uint8_t id[16], const char *node, const char *reason,
                 int64_t at, int64_t *n, struct sco_error *err)
{
    struct store_value v[] = {sv_i64(at), sv_text(reason), sv_bytes(STORE_UUID, id, 16),
                              sv_text(node)};
    return store_exec(s,
                      "UPDATE webhook_deliveries SET not_before = $1, reason = $2, attempts = "
                      "attempts + 1 WHERE id = $3 " OWN_LANE "$4)",
                      v, SCO_ARRAY_LEN(v), n, err);
}

int sco_store_delivery_end(struct sco_store *s, const char *id, const char *node, bool failed,
                           const char *reason, int64_t retry_at, int64_t now, struct sco_error *err)
{
    uint8_t raw[16];
    int64_t n = 0;
    if (!store_uuid_parse(sco_str_c(id), raw))
        return no_delivery(id, err);
    int r = retry_at > 0 ? again(s, raw, node, reason, retry_at, &n, err)
                         : end(s, raw, node, failed, reason, now, &n, err);
    if (r == 0 && !n)
        r = sco_error_set(err, SCO_E_CANCELLED, "the delivery has become another node's");
    return r;
}

int sco_store_delivery_retry(struct sco_store *s, const char *id, int64_t now,
                             struct sco_error *err)
{
    struct sco_delivery_page page = {0};
    uint8_t raw[16];
    int64_t n = 0;
    (void)now;
    int r = sco_store_delivery(s, id, &page, err);
    sco_delivery_page_done(&page);
    if (r < 0 || !store_uuid_parse(sco_str_c(id), raw))
        return r;
    struct store_value v = sv_bytes(STORE_UUID, raw, sizeof raw);
    r = store_exec(s,
                   "UPDATE webhook_deliveries SET state = 'received', attempts = 0, not_before = "
                   "0, done_at = 0, reason = NULL WHERE id = $1 AND state = 'failed'",
                   &v, 1, &n, err);
    return r == 0 && !n ? sco_error_set(err, SCO_E_INVALID, "the delivery has not failed") : r;
}

/* ---- effects ---- */
int sco_store_effect_once(struct sco_store *s, const char *key, int64_t now, bool *ret_first,
                          struct sco_error *err)
{
    int64_t n = 0;
    struct store_value v[] = {sv_text(key), sv_i64(now)};
    int r = store_exec(s,
                       "INSERT INTO webhook_effects (key, at) VALUES ($1, $2) ON CONFLICT DO "
                       "NOTHING",
                       v, SCO_ARRAY_LEN(v), &n, err);
    if (r == 0)
        *ret_first = n > 0;
    return r;
}

int sco_store_deliveries_retain(struct sco_store *s, int64_t before, uint64_t *ret,
                                struct sco_error *err)
{
    struct store_value v[] = {sv_i64(before), sv_i64(RETAIN_BATCH)};
    uint64_t total = 0;
    int64_t n;
    do {
        n = 0;
        int r = store_exec(s,
                           "DELETE FROM webhook_deliveries WHERE pk IN (SELECT pk FROM "
                           "webhook_deliveries WHERE done_at > 0 AND done_at < $1 ORDER BY done_at "
                           "LIMIT $2)",
                           v, SCO_ARRAY_LEN(v), &n, err);
        if (r < 0)
            return r;
        total += (uint64_t)n;
    } while (n > 0);
    *ret = total;
    return 0;
}

/* ---- polls ---- */
int sco_store_poll_take(struct sco_store *s, const char *integration, int64_t now, int64_t every_ms,
                        bool *ret_due, struct sco_error *err)
{
    int64_t n = 0;
    struct store_value v[] = {sv_i64(now), sv_text(integration), sv_i64(now - every_ms)};
    int r = add_lane(s, integration, err);
    if (r == 0)
        r = store_exec(s,
                       "UPDATE webhook_lanes SET polled_at = $1 WHERE integration = $2 AND "
                       "polled_at <= $3",
                       v, SCO_ARRAY_LEN(v), &n, err);
    if (r == 0)
        *ret_due = n > 0;
    return r;
}

struct poll_state {
    struct sco_arena *arena;
    const char *state;
    int64_t since;
};

static int on_poll_state(void *user, const struct store_value *v, size_t n)
{
    struct poll_state *p = user;
    (void)n;
    p->state = store_keep(p->arena, &v[0]);
    p->since = v[1].i;
    return p->state || v[0].type == STORE_NULL ? 0 : SCO_E_NOMEM;
}

int sco_store_poll_state(struct sco_store *s, const char *integration, struct sco_arena *arena,
                         const char **ret_state, int64_t *ret_since, struct sco_error *err)
{
    struct poll_state p = {.arena = arena};
    struct store_value v = sv_text(integration);
    int r =
        store_query(s, "SELECT poll_state, polled_since FROM webhook_lanes WHERE integration = $1",
                    &v, 1, on_poll_state, &p, err);
    if (r < 0)
        return r == SCO_E_NOMEM ? sco_error_nomem(err) : r;
    *ret_state = p.state;
    *ret_since = p.since;
    return 0;
}

int sco_store_poll_done(struct sco_store *s, const char *integration, struct sco_str state,
                        int64_t since, struct sco_error *err)
{
    struct store_value v[] = {state.n ? sv_json(state) : sv_text(NULL), sv_i64(since),
                              sv_text(integration)};
    return store_exec(s,
                      "UPDATE webhook_lanes SET poll_state = $1, polled_since = $2 WHERE "
                      "integration = $3",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}
