/* Between the files of the PostgreSQL driver. */
#pragma once

#include "store_priv.h"

/* ---- postgresql_often.c ---- */
enum { PG_OFTEN_MAX = 24, PG_OFTEN_PARAMS = 48, PG_OFTEN_NAME = 32 };
struct pg_often;
bool pg_often_find(struct pg_often **o, const char *sql, const struct store_value *v, size_t n,
                   char name[PG_OFTEN_NAME], bool *ret_new);
void pg_often_drop_last(struct pg_often *o);
struct pg_often *pg_often_free(struct pg_often *o); /* returns NULL */

const struct sco_store_ops *sco_store_postgresql(void);
int pg_columns(const struct sco_store_ops *o, void *db, const char *table, store_row_fn row,
               void *user, struct sco_error *err);
int pg_renumber(const struct sco_store_ops *o, void *db, const char *table, struct sco_error *err);
int pg_partitions(const struct sco_store_ops *o, void *db, const char *table, const char *column,
                  int64_t now, int64_t before, struct sco_error *err);
