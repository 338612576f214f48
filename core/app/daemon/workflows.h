/* Workflows on what the daemon itself has to tell: findings and alerts, and times of the clock. On
 * the clock's thread. */
#pragma once

#include <secureops/store.h>

struct daemon;
struct sco_config_workflows;
struct workflows;
int workflows_new(struct daemon *d, struct workflows **ret, struct sco_error *err) SCO_NODISCARD;
struct workflows *workflows_free(struct workflows *x); /* NULL is fine; returns NULL */
/* After events got their positions; `last` is the highest. */
void workflows_polled(struct workflows *x, struct sco_store *s, int64_t last, int64_t now);

/* Reads the feed on from where some node has read to, and adds the jobs in the same transaction.
 * *ret_more: there is more. SCO_E_CANCELLED: another node does it. */
int workflows_feed(struct sco_store *s, const struct sco_config_workflows *c, const char *node,
                   int64_t now, bool *ret_more, struct sco_error *err) SCO_NODISCARD;
/* ---- workflow_schedules.c ---- */
/* "NAME=CRON" of workflows.schedule. SCO_E_INVALID says what is wrong. */
int workflow_schedule_parse(struct sco_str item, struct sco_str zone, int64_t now,
                            struct sco_arena *arena, const char **ret_name, const char **ret_cron,
                            int64_t *ret_next, struct sco_error *err) SCO_NODISCARD;
/* The store's schedules of workflows are those of the configuration afterwards. */
int workflow_schedules_sync(struct sco_store *s, const struct sco_config_workflows *c, int64_t now,
                            struct sco_error *err) SCO_NODISCARD;
