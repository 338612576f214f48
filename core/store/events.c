/* The outbox and the feed. A row is inserted without a position, by whoever writes the fact: the
 * numbers of a sequence are taken in another order than transactions commit in, and a reader that
 * goes by them would pass over what commits late. Positions are given afterwards, to rows that
 * everybody can see, one after the other under the lock of event_feed's row. (On SQLite, which has
 * one writer at a time, the table gives them at once: no row ever waits for one.) */
#include "store_priv.h"

#include <secureops/crypto.h>
#include <secureops/json.h>
#include <secureops/store_events.h>

#include <stdlib.h>

enum { RETAIN_BATCH = 1000 };

void sco_event_page_done(struct sco_event_page *p)
{
    sco_arena_done(&p->arena);
    *p = (struct sco_event_page){0};
}

static const char *either(const char *a, const char *b)
{
    return a ? a : b;
}

int sco_store_event_add(struct sco_store *s, const struct sco_event *e, struct sco_error *err)
{
    const struct sco_store_context *c = &s->context;
    char made[37];
    uint8_t id[16];
    if (!c->source)
        return 0;
    struct sco_str data = sco_str_c(e->data ? e->data : "{}");
    if (data.n > SCO_EVENT_DATA_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "an event %s with %zu bytes of data", e->type,
                             data.n);
    if (!e->id)
        sco_uuid4(made);
    if (!store_uuid_parse(sco_str_c(e->id ? e->id : made), id))
        return sco_error_set(err, SCO_E_INVALID, "an event's id is a UUID in small letters");
    if (!*e->type || strspn(e->type, "abcdefghijklmnopqrstuvwxyz._") != strlen(e->type))
        return sco_error_set(err, SCO_E_INVALID, "\"%s\" is no type of an event", e->type);
    struct store_value v[] = {
        sv_bytes(STORE_UUID, id, sizeof id),
        sv_text(e->type),
        sv_text(e->key ? e->key : ""),
        sv_i64(e->at ? e->at : sco_now_ms()),
        sv_text(either(e->source, c->source)),
        sv_text(either(e->correlation_id, c->correlation_id)),
        sv_text(either(e->user_id, c->user_id)),
        sv_json(data),
    };
    return store_exec(s,
                      "INSERT INTO outbox (id, type, key, at, source, correlation_id, user_id, "
                      "data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

int sco_store_event_accept(struct sco_store *s, const char *id, int64_t now, bool *ret_first,
                           struct sco_error *err)
{
    uint8_t bytes[16];
    int64_t n = 0;
    if (!store_uuid_parse(sco_str_c(id), bytes))
        return sco_error_set(err, SCO_E_INVALID, "an event's id is a UUID in small letters");
    struct store_value v[] = {sv_bytes(STORE_UUID, bytes, sizeof bytes), sv_i64(now)};
    int r = store_exec(s, "INSERT INTO event_inbox (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                       v, SCO_ARRAY_LEN(v), &n, err);
    if (r == 0)
        *ret_first = n > 0;
    return r;
}

/* ---- positions ---- */
static int take_i64(void *user, const struct store_value *v, size_t n)
{
    int64_t *to = user;
    for (size_t i = 0; i < n; i++)
        to[i] = v[i].i;
    return 0;
}

static int feed_last(struct sco_store *s, int64_t *ret, struct sco_error *err)
{
    return store_often(s, "SELECT last FROM event_feed", NULL, 0, take_i64, ret, err);
}

/* With the lock: nobody else gives any, and rows that were there before it are seen. */
static int give_positions(struct sco_store *s, uint32_t limit, int64_t *ret_last, int64_t *ret_n,
                          struct sco_error *err)
{
    int64_t last = 0;
    int r = store_exec(s, "UPDATE event_feed SET last = last", NULL, 0, NULL, err);
    if (r == 0)
        r = feed_last(s, &last, err);
    if (r < 0)
        return r;
    struct store_value v[] = {sv_i64(last), sv_i64(limit)};
    r = store_query(s, "SELECT events_give_positions($1, $2)", v, SCO_ARRAY_LEN(v), take_i64, ret_n,
                    err);
    if (r == 0 && *ret_n) {
        struct store_value to = sv_i64(last + *ret_n);
        r = store_exec(s, "UPDATE event_feed SET last = $1", &to, 1, NULL, err);
    }
    if (r == 0)
        *ret_last = last + *ret_n;
    return r;
}

int sco_store_events_sequence(struct sco_store *s, uint32_t limit, int64_t *ret_last,
                              bool *ret_more, struct sco_error *err)
{
    int64_t waiting = 0, last = 0, n = 0;
    /* nobody writes, and on SQLite nobody waits, when there is nothing to do: the usual case */
    int r = store_often(s,
                        "SELECT count(*) FROM (SELECT pk FROM outbox WHERE position IS NULL "
                        "LIMIT 1) waiting",
                        NULL, 0, take_i64, &waiting, err);
    if (r == 0 && !waiting) {
        r = feed_last(s, &last, err);
    } else if (r == 0) {
        r = sco_store_begin(s, err);
        if (r == 0)
            r = sco_store_end(s, give_positions(s, limit, &last, &n, err), err);
    }
    if (r == 0) {
        *ret_last = last;
        *ret_more = n > 0 && n >= limit;
    }
    return r;
}

/* ---- the feed ---- */
#define FEED                                                                                       \
    "SELECT position, id, type, key, at, source, correlation_id, user_id, data FROM outbox WHERE " \
    "position > $1 ORDER BY position LIMIT $2"

struct reading {
    struct sco_event_page *page;
    struct sco_str type; /* without the star */
    bool below;          /* there was one */
    const char *const *keys;
    size_t cap;
};

static bool wanted(const struct reading *r, struct sco_str type, struct sco_str key)
{
    if (r->below ? !(type.n >= r->type.n && memcmp(type.p, r->type.p, r->type.n) == 0)
                 : r->type.n && sco_str_cmp(type, r->type) != 0)
        return false;
    bool found = !r->keys;
    for (const char *const *k = r->keys; k && *k && !found; k++)
        found = sco_glob_match(*k, key);
    return found;
}

static int take_event(void *user, const struct store_value *v, size_t n)
{
    struct reading *r = user;
    struct sco_event_page *p = r->page;
    (void)n;
    p->last = v[0].i;
    if (!p->first)
        p->first = v[0].i;
    if (!wanted(r, v[2].s, v[3].s))
        return 0;
    if (SCO_VEC_PUSH(p->v, p->n, r->cap) < 0)
        return SCO_E_NOMEM;
    struct sco_event *e = &p->v[p->n];
    *e = (struct sco_event){.position = v[0].i,
                            .id = store_uuid_text(&p->arena, &v[1]),
                            .type = store_keep(&p->arena, &v[2]),
                            .key = store_keep(&p->arena, &v[3]),
                            .at = v[4].i,
                            .source = store_keep(&p->arena, &v[5]),
                            .correlation_id = store_keep(&p->arena, &v[6]),
                            .user_id = store_keep(&p->arena, &v[7]),
                            .data = store_keep(&p->arena, &v[8])};
    if (!e->id || !e->type || !e->key || !e->source || !e->data)
        return SCO_E_NOMEM;
    p->n++;
    return 0;
}

/* The list into the arena, so that one call frees a page. */
static int settle(struct sco_event_page *p)
{
    struct sco_event *v = p->n ? sco_arena_alloc(&p->arena, p->n * sizeof *v) : NULL;
    if (p->n && !v)
        return SCO_E_NOMEM;
    if (p->n)
        memcpy(v, p->v, p->n * sizeof *v);
    free(p->v);
    p->v = v;
    return 0;
}

struct giving {
    sco_event_fn each;
    void *user;
};

/* Texts of a row end with a NUL, in both drivers. */
static int give_event(void *user, const struct store_value *v, size_t n)
{
    const struct giving *g = user;
    char id[37];
    (void)n;
    if (v[1].s.n != 16)
        return SCO_E_INTERNAL;
    store_uuid_format((const uint8_t *)v[1].s.p, id);
    struct sco_event e = {.position = v[0].i,
                          .id = id,
                          .type = v[2].s.p,
                          .key = v[3].s.p,
                          .at = v[4].i,
                          .source = v[5].s.p,
                          .correlation_id = v[6].s.p,
                          .user_id = v[7].s.p,
                          .data = v[8].s.p};
    return e.type && e.key && e.source && e.data ? g->each(g->user, &e) : SCO_E_NOMEM;
}

int sco_store_events_each(struct sco_store *s, int64_t after, uint32_t limit, sco_event_fn each,
                          void *user, struct sco_error *err)
{
    struct giving g = {each, user};
    struct store_value v[] = {sv_i64(after), sv_i64(limit)};
    return store_query(s, FEED, v, SCO_ARRAY_LEN(v), give_event, &g, err);
}

int sco_store_events_read(struct sco_store *s, int64_t after, uint32_t limit, const char *type,
                          const char *const *keys, struct sco_event_page *ret,
                          struct sco_error *err)
{
    struct sco_event_page page = {.last = after};
    struct reading reading = {.page = &page, .type = sco_str_c(type ? type : ""), .keys = keys};
    if (sco_str_ends(reading.type, "*")) {
        reading.below = true;
        reading.type.n--;
    }
    if (limit > SCO_EVENT_PAGE_MAX)
        limit = SCO_EVENT_PAGE_MAX;
    struct store_value v[] = {sv_i64(after), sv_i64(limit)};
    int r = store_query(s, FEED, v, SCO_ARRAY_LEN(v), take_event, &reading, err);
    if (r == 0 && settle(&page) < 0)
        r = sco_error_nomem(err);
    if (r < 0) {
        free(page.v);
        sco_arena_done(&page.arena);
        return r;
    }
    *ret = page;
    return 0;
}

/* ---- cursors ---- */
static int cursor_take(struct sco_store *s, const char *name, const char *owner, int64_t now,
                       int64_t until, int64_t *ret_position, struct sco_error *err)
{
    int64_t n = 0;
    struct store_value add = sv_text(name);
    struct store_value v[] = {sv_text(owner), sv_i64(until), sv_text(name), sv_text(owner),
                              sv_i64(now)};
    int r = store_exec(s,
                       "INSERT INTO event_cursors (name, position, owner, held_until) VALUES ($1, "
                       "0, NULL, 0) ON CONFLICT DO NOTHING",
                       &add, 1, NULL, err);
    if (r == 0)
        r = store_exec(s,
                       "UPDATE event_cursors SET owner = $1, held_until = $2 WHERE name = $3 AND "
                       "(owner = $4 OR owner IS NULL OR held_until <= $5)",
                       v, SCO_ARRAY_LEN(v), &n, err);
    if (r == 0 && !n)
        r = sco_error_set(err, SCO_E_CANCELLED, "another node reads events for \"%s\"", name);
    if (r == 0)
        r = store_query(s, "SELECT position FROM event_cursors WHERE name = $1", &add, 1, take_i64,
                        ret_position, err);
    return r;
}

int sco_store_cursor_take(struct sco_store *s, const char *name, const char *owner, int64_t now,
                          int64_t until, int64_t *ret_position, struct sco_error *err)
{
    int64_t position = 0;
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_end(s, cursor_take(s, name, owner, now, until, &position, err), err);
    if (r == 0)
        *ret_position = position;
    return r;
}

static int cursor_change(struct sco_store *s, const char *sql, const struct store_value *v,
                         size_t n, const char *name, struct sco_error *err)
{
    int64_t changed = 0;
    int r = store_exec(s, sql, v, n, &changed, err);
    if (r == 0 && !changed)
        r = sco_error_set(err, SCO_E_CANCELLED, "another node reads events for \"%s\"", name);
    return r;
}

int sco_store_cursor_set(struct sco_store *s, const char *name, const char *owner, int64_t position,
                         struct sco_error *err)
{
    struct store_value v[] = {sv_i64(position), sv_i64(position), sv_text(name), sv_text(owner)};
    return cursor_change(s,
                         "UPDATE event_cursors SET position = CASE WHEN position < $1 THEN $2 ELSE "
                         "position END WHERE name = $3 AND owner = $4",
                         v, SCO_ARRAY_LEN(v), name, err);
}

int sco_store_cursor_release(struct sco_store *s, const char *name, const char *owner,
                             struct sco_error *err)
{
    struct store_value v[] = {sv_text(name), sv_text(owner)};
    return cursor_change(s, "UPDATE event_cursors SET owner = NULL WHERE name = $1 AND owner = $2",
                         v, SCO_ARRAY_LEN(v), name, err);
}

int sco_store_cursor_forget(struct sco_store *s, const char *name, const char *prefix,
                            struct sco_error *err)
{
    struct store_value v[] = {sv_text(name), sv_i64((int64_t)strlen(prefix)), sv_text(prefix)};
    return store_exec(s,
                      "UPDATE event_cursors SET owner = NULL WHERE name = $1 AND "
                      "substr(owner, 1, CAST($2 AS INTEGER)) = $3",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

/* ---- care ---- */
int sco_store_event_lag(struct sco_store *s, const char *cursor, struct sco_event_lag *ret,
                        struct sco_error *err)
{
    int64_t n[2] = {0}, position = 0, oldest = 0;
    struct store_value v = sv_text(cursor ? cursor : "");
    int r = store_query(s,
                        "SELECT (SELECT last FROM event_feed), (SELECT count(*) FROM outbox WHERE "
                        "position IS NULL)",
                        NULL, 0, take_i64, n, err);
    if (r == 0)
        r = store_query(s, "SELECT position FROM event_cursors WHERE name = $1", &v, 1, take_i64,
                        &position, err);
    struct store_value from = sv_i64(position);
    if (r == 0)
        r = store_query(s, "SELECT at FROM outbox WHERE position > $1 ORDER BY position LIMIT 1",
                        &from, 1, take_i64, &oldest, err);
    if (r == 0 && !oldest && n[1])
        r = store_query(s, "SELECT at FROM outbox WHERE position IS NULL ORDER BY pk LIMIT 1", NULL,
                        0, take_i64, &oldest, err);
    if (r == 0)
        *ret = (struct sco_event_lag){.last = n[0],
                                      .pending = n[1],
                                      .behind = n[0] > position ? n[0] - position : 0,
                                      .oldest = oldest};
    return r;
}

/* Where the slowest reader is: of those that are named (one that has never read is at 0), and of
 * those that somebody has held since `since`: they are another node's, which is configured
 * otherwise. */
static int slowest(struct sco_store *s, int64_t since, const char *const *cursors, int64_t *ret,
                   struct sco_error *err)
{
    int64_t least = INT64_MAX;
    struct store_value held = sv_i64(since);
    int r = store_query(
        s, "SELECT min(position) FROM event_cursors WHERE held_until >= $1 HAVING count(*) > 0",
        &held, 1, take_i64, &least, err);
    if (r < 0)
        return r;
    for (const char *const *c = cursors; c && *c; c++) {
        int64_t position = 0;
        struct store_value v = sv_text(*c);
        r = store_query(s, "SELECT position FROM event_cursors WHERE name = $1", &v, 1, take_i64,
                        &position, err);
        if (r < 0)
            return r;
        if (position < least)
            least = position;
    }
    *ret = least;
    return 0;
}

int sco_store_events_retain(struct sco_store *s, int64_t before, const char *const *cursors,
                            uint64_t *ret, struct sco_error *err)
{
    int64_t done = 0, n = RETAIN_BATCH, to = 0;
    uint64_t gone = 0;
    struct store_value old[] = {sv_i64(before), sv_i64(RETAIN_BATCH)};
    int r = slowest(s, before, cursors, &done, err);
    /* the start of the feed is its oldest part: nothing beyond the first batch is looked at */
    while (r == 0 && n >= RETAIN_BATCH) {
        struct store_value head[] = {sv_i64(done), sv_i64(RETAIN_BATCH), sv_i64(before)};
        to = 0;
        r = store_query(s,
                        "SELECT coalesce(max(position), 0) FROM (SELECT position, at FROM outbox "
                        "WHERE position <= $1 ORDER BY position LIMIT $2) head WHERE at < $3",
                        head, SCO_ARRAY_LEN(head), take_i64, &to, err);
        struct store_value v[] = {sv_i64(to), sv_i64(before)};
        n = 0;
        if (r == 0 && to)
            r = store_exec(s, "DELETE FROM outbox WHERE position <= $1 AND at < $2", v,
                           SCO_ARRAY_LEN(v), &n, err);
        gone += (uint64_t)n;
    }
    for (n = RETAIN_BATCH; r == 0 && n >= RETAIN_BATCH;)
        r = store_exec(s,
                       "DELETE FROM event_inbox WHERE id IN (SELECT id FROM event_inbox WHERE at < "
                       "$1 ORDER BY at LIMIT $2)",
                       old, SCO_ARRAY_LEN(old), &n, err);
    if (r == 0)
        *ret = gone;
    return r;
}

/* ---- the envelope ---- */
static void one_line(char *p, size_t n)
{
    char *end = p + n;
    for (char *c = p; c < end && (c = memchr(c, '\n', (size_t)(end - c))); c++)
        *c = ' ';
    for (char *c = p; c < end && (c = memchr(c, '\r', (size_t)(end - c))); c++)
        *c = ' ';
}

static char *lay(char *to, struct sco_str s)
{
    memcpy(to, s.p, s.n);
    return to + s.n;
}

/* Much of what publishing costs: room is made once, and what is known to be plain is not looked at
 * again. */
void sco_event_write(struct sco_buf *out, const struct sco_event *e, const char *environment)
{
    struct sco_json_out o = {.b = out};
    char at[SCO_TIME_LEN];
    struct sco_str data = sco_str_c(e->data), id = sco_str_c(e->id), type = sco_str_c(e->type);
    sco_time_format(e->at, at);
    if (sco_buf_reserve(out, id.n + type.n + data.n + 512) < 0)
        return;
    char *p = lay(out->p + out->n, SCO_STR("{\"event_id\":\""));
    p = lay(lay(p, id), SCO_STR("\",\"event_type\":\""));
    p = lay(lay(p, type), SCO_STR("\",\"timestamp\":\""));
    p = lay(lay(p, sco_str_c(at)), SCO_STR("\",\"source\":"));
    out->n = (size_t)(p - out->p);
    sco_json_str(&o, sco_str_c(e->source));
    sco_buf_add(out, SCO_STR(",\"version\":\"1.0\",\"data\":"));
    size_t from = out->n;
    sco_buf_add(out, data);
    if (!out->failed) /* between its members: the envelope is one line */
        one_line(out->p + from, out->n - from);
    sco_buf_add(out, SCO_STR(",\"metadata\":"));
    o.comma = false;
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "correlation_id", e->correlation_id);
    sco_json_kz(&o, "user_id", e->user_id);
    sco_json_kz(&o, "environment", environment);
    sco_json_end(&o, '}');
    sco_buf_addc(out, '}');
}
