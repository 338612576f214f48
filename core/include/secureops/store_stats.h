/* What a dashboard shows, and alerts. As store.h: synchronous calls, Unix milliseconds. The figures
 * come from sums that are kept while findings change (table finding_days), by UTC day; open is OPEN
 * or IN_PROGRESS and not suppressed. */
#pragma once

#include <secureops/store.h>

/* ---- statistics ---- */
struct sco_stats_filter {
    const char *repository, *branch; /* NULL: any */
    const char *const *repositories; /* globs, NULL-terminated, as of struct sco_store_filter */
    int64_t from, to;                /* the days of these moments and those between */
};
struct sco_stats_day {
    int64_t at;                 /* its first moment */
    int64_t open[SCO_SEV_MAX_]; /* at its end, by severity */
    int64_t created, reopened, resolved;
};
struct sco_stats_trend {
    struct sco_stats_day *v; /* one for each day, the oldest first */
    size_t n;
    struct sco_arena arena;
};
enum { SCO_STATS_DAYS_MAX = 1100, SCO_STATS_GROUPS_MAX = 10000 };
/* SCO_E_INVALID: `to` before `from`, or too many days. */
int sco_store_stats_trend(struct sco_store *s, const struct sco_stats_filter *f,
                          struct sco_stats_trend *ret, struct sco_error *err) SCO_NODISCARD;
void sco_stats_trend_done(struct sco_stats_trend *t);

enum sco_stats_by {
    SCO_STATS_BY_SEVERITY,   /* "CRITICAL" */
    SCO_STATS_BY_REPOSITORY, /* its name */
    SCO_STATS_BY_TEAM,       /* of the targets of the repository; "": none */
};
struct sco_stats_group {
    const char *name;
    int64_t open[SCO_SEV_MAX_]; /* at the end of `to` */
    int64_t n_open;
    int64_t created, reopened, resolved; /* from `from` to `to` */
    int64_t mean_fix_ms;                 /* of the resolved ones, from first_detected; 0: none */
};
struct sco_stats_groups {
    struct sco_stats_group *v; /* the most open ones first; by severity: CRITICAL first */
    size_t n;
    bool more; /* there were more than SCO_STATS_GROUPS_MAX */
    struct sco_arena arena;
};
int sco_store_stats_groups(struct sco_store *s, const struct sco_stats_filter *f,
                           enum sco_stats_by by, struct sco_stats_groups *ret,
                           struct sco_error *err) SCO_NODISCARD;
void sco_stats_groups_done(struct sco_stats_groups *g);

/* ---- alerts ---- */
struct sco_stored_alert {
    const char *id;    /* of sco_store_alerts */
    const char *kind;  /* "sla_breached" */
    uint32_t severity; /* SCO_SEV_* */
    const char *title, *message;
    const char *repository, *object;     /* object: id of what it is about; or NULL */
    int64_t created_at, acknowledged_at; /* 0: not yet */
    const char *acknowledged_by;
};
struct sco_alert_filter {
    bool waiting;                    /* not acknowledged */
    const char *kind;                /* NULL: any */
    const char *const *repositories; /* globs; alerts of no repository are then left out */
    const char *cursor;
    uint32_t limit; /* 0: 100 */
};
struct sco_alert_page {
    struct sco_stored_alert *v; /* the newest first */
    size_t n;
    const char *cursor; /* NULL: the last page */
    struct sco_arena arena;
};
/* Tells notification.alert in the same transaction. SCO_E_INVALID: no kind, no title. */
int sco_store_alert_add(struct sco_store *s, const struct sco_stored_alert *a, char ret_id[37],
                        struct sco_error *err) SCO_NODISCARD;
int sco_store_alerts(struct sco_store *s, const struct sco_alert_filter *f,
                     struct sco_alert_page *ret, struct sco_error *err) SCO_NODISCARD;
int sco_store_alert(struct sco_store *s, const char *id, struct sco_alert_page *ret,
                    struct sco_error *err) SCO_NODISCARD; /* SCO_E_NOT_FOUND */
void sco_alert_page_done(struct sco_alert_page *p);
/* Those from `since` on that nobody has been notified of; the oldest first, no cursor. */
int sco_store_alerts_unsent(struct sco_store *s, int64_t since, uint32_t limit,
                            struct sco_alert_page *ret, struct sco_error *err) SCO_NODISCARD;
/* In the transaction of what is sent. *ret_first false: another node was before. */
int sco_store_alert_notified(struct sco_store *s, const char *id, int64_t now, bool *ret_first,
                             struct sco_error *err) SCO_NODISCARD;
/* *ret_changed false: somebody did so before, and it stays theirs. SCO_E_NOT_FOUND. */
int sco_store_alert_acknowledge(struct sco_store *s, const char *id, const char *by, int64_t now,
                                bool *ret_changed, struct sco_error *err) SCO_NODISCARD;
