/* Between the files of the PostgreSQL driver. */
#pragma once

#include "store_priv.h"

const struct sco_store_ops *sco_store_postgresql(void);
int pg_partitions(const struct sco_store_ops *o, void *db, const char *table, const char *column,
                  int64_t now, int64_t before, struct sco_error *err);
