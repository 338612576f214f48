/* Alerts to where `notifications` says. On the clock's thread. */
#pragma once

#include <secureops/store.h>

struct daemon;
struct alerts;
struct sco_buf;
struct sco_config_notifications;
int alerts_new(struct daemon *d, struct alerts **ret, struct sco_error *err) SCO_NODISCARD;
struct alerts *alerts_free(struct alerts *x); /* NULL is fine; returns NULL */
void alerts_polled(struct alerts *x, struct sco_store *s, int64_t now);
/* One alert a repository, of findings whose date has passed, each told once. since: those due
 * before were looked at; 0: all. *at: where to begin, and then where to go on; empty: all is done.
 */
int alerts_overdue(struct sco_store *s, int64_t now, int64_t since, struct sco_buf *at,
                   struct sco_error *err) SCO_NODISCARD;
/* Those that nobody has been told of, as calls: 1,000 of them at most, the oldest first. */
int alerts_send(struct sco_store *s, const struct sco_config_notifications *c, int64_t now,
                struct sco_error *err) SCO_NODISCARD;
