/* Inside of zones and cron: calendar arithmetic, a zone from bytes. */
#pragma once

#include <secureops/cron.h>

/* Seconds that the folder knows how to deal with: about the years 0 to 9999. */
#define SCO_ZONE_FIRST (-62167219200LL)
#define SCO_ZONE_LAST 253402300799LL

/* A clock that shows UTC, as seconds of 1970-01-01: what a zone's offset is added to. */
int64_t sco_civil_days(int64_t year, int64_t month, int64_t day); /* month may be any number */
int64_t sco_civil_seconds(const struct sco_civil *c);
void sco_civil_from_seconds(int64_t seconds, struct sco_civil *ret);
int32_t sco_month_days(int64_t year, int32_t month);

/* A TZif file, version 1 to 4; `name` for messages. SCO_E_FORMAT, SCO_E_NOMEM. */
int sco_zone_parse(struct sco_str name, struct sco_str bytes, struct sco_zone **ret,
                   struct sco_error *err) SCO_NODISCARD;
/* East of Greenwich is positive; *ret_until (nullable): when another offset may begin. */
int32_t sco_zone_offset(const struct sco_zone *z, int64_t unix_s, int64_t *ret_until);
