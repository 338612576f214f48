/* Events: the outbox. A row is written in the transaction of the fact that it tells, by the verb
 * that does it, when the store's context says so; a little later one node gives the rows that are
 * committed their positions, 1, 2, 3, ...: the feed. Everybody who reads it (Kafka, a JSON-lines
 * file, a browser) has a cursor, the last position it is done with: at least once, in order.
 * docs/events/ has every type with its JSON Schema. */
#pragma once

#include <secureops/store.h>

struct sco_event {
    int64_t position;   /* 0: none yet */
    const char *id;     /* UUID, the same however often it is published */
    const char *type;   /* "security.vulnerability.detected": topic without prefix */
    const char *key;    /* repository: events of one key stay in order */
    int64_t at;         /* Unix ms */
    const char *source; /* node */
    const char *correlation_id, *user_id; /* or NULL */
    const char *data;                     /* JSON object */
};
enum {
    SCO_EVENT_DATA_MAX = 512 << 10, /* bytes of `data`: a message of Kafka may have 1 MB */
    SCO_EVENT_PAGE_MAX = 10000,
};
struct sco_event_page {
    struct sco_event *v;
    size_t n;
    int64_t first; /* row that was looked at; 0: none. After the one asked for: some are gone */
    int64_t last;  /* looked at up to here: read on after it, even when nothing matched */
    struct sco_arena arena;
};
void sco_event_page_done(struct sco_event_page *p);
/* In the transaction that is open, else in one of its own, after the fact is written: who waits for
 * its rows then comes later in the feed as well. id NULL: a new one; at 0: now; source,
 * correlation_id, user_id NULL: the context's. Nothing is done when the context has no events.
 * SCO_E_LIMIT: too much data; SCO_E_INVALID: an id that is no UUID, a type
 * with other characters than small letters, '.' and '_'. */
int sco_store_event_add(struct sco_store *s, const struct sco_event *e,
                        struct sco_error *err) SCO_NODISCARD;
/* Gives up to `limit` rows their positions; of several nodes one at a time. *ret_last: the highest
 * there is, *ret_more: there are rows left. */
int sco_store_events_sequence(struct sco_store *s, uint32_t limit, int64_t *ret_last,
                              bool *ret_more, struct sco_error *err) SCO_NODISCARD;
/* From the position after `after` on, at most `limit` rows looked at. type NULL: any, else exactly
 * this one, or all below it: "security.*". keys NULL: any (NULL-terminated globs). */
int sco_store_events_read(struct sco_store *s, int64_t after, uint32_t limit, const char *type,
                          const char *const *keys, struct sco_event_page *ret,
                          struct sco_error *err) SCO_NODISCARD;
/* The same without copies: each is borrowed for the call that takes it; what that returns other
 * than 0 is returned and ends it. Nothing else is asked of the store meanwhile. */
typedef int (*sco_event_fn)(void *user, const struct sco_event *e);
int sco_store_events_each(struct sco_store *s, int64_t after, uint32_t limit, sco_event_fn each,
                          void *user, struct sco_error *err) SCO_NODISCARD;
/* 0: nothing yet. `owner` holds it until `until`: SCO_E_CANCELLED when somebody else does. */
int sco_store_cursor_take(struct sco_store *s, const char *name, const char *owner, int64_t now,
                          int64_t until, int64_t *ret_position,
                          struct sco_error *err) SCO_NODISCARD;
/* Only forward. SCO_E_CANCELLED: it is not, or no longer, `owner` who holds it. */
int sco_store_cursor_set(struct sco_store *s, const char *name, const char *owner, int64_t position,
                         struct sco_error *err) SCO_NODISCARD;
int sco_store_cursor_release(struct sco_store *s, const char *name, const char *owner,
                             struct sco_error *err) SCO_NODISCARD;
/* Nobody holds it whose name begins like this: they are known to have ended. */
int sco_store_cursor_forget(struct sco_store *s, const char *name, const char *prefix,
                            struct sco_error *err) SCO_NODISCARD;
struct sco_event_lag {
    int64_t last;    /* highest position */
    int64_t pending; /* rows without one */
    int64_t behind;  /* of the cursor: positions to go */
    int64_t oldest;  /* `at` of the first of them; 0: none */
};
int sco_store_event_lag(struct sco_store *s, const char *cursor, struct sco_event_lag *ret,
                        struct sco_error *err) SCO_NODISCARD;
/* Rows before `before` go, in small transactions, when every reader is done with them: those that
 * are named (NULL-terminated), and those that any node has held since `before`. */
int sco_store_events_retain(struct sco_store *s, int64_t before, const char *const *cursors,
                            uint64_t *ret, struct sco_error *err) SCO_NODISCARD;
/* An event of somebody else is acted upon: in the transaction that does it. *ret_first false: it
 * has been before. SCO_E_INVALID: the id is no UUID. */
int sco_store_event_accept(struct sco_store *s, const char *id, int64_t now, bool *ret_first,
                           struct sco_error *err) SCO_NODISCARD;
/* The envelope of design section 8: {event_id, event_type, timestamp, source, version, data,
 * metadata:{correlation_id, user_id, environment}}. */
void sco_event_write(struct sco_buf *out, const struct sco_event *e, const char *environment);
