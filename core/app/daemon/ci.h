/* CI platforms in the daemon: their workers, and what becomes of webhooks once they are stored.
 * ci.c: made, reloaded; ci_work.c: deliveries one after the other; ci_apply.c: one event. */
#pragma once

#include "daemon_priv.h"

#include <secureops/ci.h>
#include <secureops/store_ci.h>

/* One state of the configuration: immutable, counted; threads work with theirs to the end. */
struct ci_setup {
    int refs;                  /* atomic */
    struct sco_integration *v; /* options with secrets */
    size_t n;
    struct sco_ci_rules *rules;
    const char *const *hosts; /* of checkout; NULL-terminated */
    const char *base;         /* server.public_url; "" */
    int64_t lane_ms;          /* a node that holds deliveries for longer is not waited for */
    const struct ci_library {
        const char *plugin, *library;
    } * libraries;
    size_t n_libraries;
    struct sco_arena arena;
};
struct ci_setup *ci_setup_ref(struct ci_setup *u);
struct ci_setup *ci_setup_unref(struct ci_setup *u);
const struct sco_integration *ci_setup_find(const struct ci_setup *u, const char *name);

struct ci_page;
struct ci {
    struct daemon *d;
    struct ci_setup *setup; /* the loop's */
    struct sco_ci_pool *pool;
    struct sco_threads *writer, *worker; /* of deliveries in; of what becomes of them */
    struct ci_page *page;                /* is being worked on */
    struct event *later;                 /* a retry is due */
    bool again, stopping;
    int64_t polled_at, watched_at; /* the clock's thread: Unix ms */
};

/* ---- ci.c: on the loop ---- */
int ci_new(struct daemon *d, struct ci **ret, struct sco_error *err) SCO_NODISCARD;
bool ci_busy(const struct ci *c); /* deliveries are being written */
/* Before threads and API go: every delivery under way is answered. */
void ci_stop(struct ci *c);
struct ci *ci_free(struct ci *c);
/* Beside the old one; *ret to ci_take or ci_setup_unref. */
int ci_prepare(struct daemon *d, const struct snapshot *s, struct ci_setup **ret,
               struct sco_error *err) SCO_NODISCARD;
void ci_tell_missing(const struct ci_setup *u); /* in the log */
int ci_take(struct ci *c, struct ci_setup *u, struct sco_error *err) SCO_NODISCARD;
void ci_api(struct ci *c, const struct ci_setup *u, struct sco_api_webhooks *ret);
/* On the clock's thread: polls that are due, publications that wait for nothing. */
void ci_polled(struct ci *c, struct sco_store *s, int64_t now);
void ci_health(const struct ci *c, struct sco_json_out *o); /* on the loop */
void ci_meter(struct daemon *d, struct sco_store *s, int64_t now);

/* ---- ci_work.c: on the loop ---- */
void ci_wake(struct ci *c); /* there may be deliveries */
void ci_work_stop(struct ci *c);

/* ---- ci_apply.c: on a thread, in the transaction that is open ---- */
struct ci_applied {
    bool jobs; /* some were added */
};
/* polled: found by asking the platform, which may have sent a webhook as well. */
int ci_apply(struct sco_store *s, const struct ci_setup *u, const struct sco_ci_event *e,
             bool polled, int64_t now, struct ci_applied *ret, struct sco_error *err) SCO_NODISCARD;

/* ---- ci_scan.c ---- */
/* A job for it, the publication, and the end of what it makes needless. SCO_E_PERMISSION: it may
 * not be scanned; that is told and no failure of the delivery. */
int ci_scan(struct sco_store *s, const struct ci_setup *u, const struct sco_ci_event *e,
            const struct sco_ci_action *a, int64_t now, struct sco_error *err) SCO_NODISCARD;

/* ---- ci_tell.c ---- */
/* metrics.commit, pr, review; test.*: what the event says, once. */
int ci_tell(struct sco_store *s, const struct sco_ci_event *e, int64_t now,
            struct sco_error *err) SCO_NODISCARD;
int ci_tell_tests(struct sco_store *s, const struct sco_ci_event *e, const char *execution_id,
                  int64_t now, struct sco_error *err) SCO_NODISCARD;
