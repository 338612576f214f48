/* Alerts to where `notifications` says. On the clock's thread. */
#pragma once

#include <secureops/store.h>

struct daemon;
struct alerts;
int alerts_new(struct daemon *d, struct alerts **ret, struct sco_error *err) SCO_NODISCARD;
struct alerts *alerts_free(struct alerts *x); /* NULL is fine; returns NULL */
void alerts_polled(struct alerts *x, struct sco_store *s, int64_t now);
/* One alert a repository, of findings whose date has passed, each told once. since: those due
 * before were looked at; 0: all. */
int alerts_overdue(struct sco_store *s, int64_t now, int64_t since,
                   struct sco_error *err) SCO_NODISCARD;
