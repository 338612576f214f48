/* The merge of findings beside what the database does with the same bytes and nothing to think
 * about: shared by bench_store.c and bench_store_raw.c. */
#pragma once

#include "store_priv.h"

#include <sqlite3.h>

enum { TABLES_NEW, MERGE_NEW, PLAIN_NEW, MERGE_SEEN, PLAIN_SEEN, VARIANTS };

void die(const char *what, const char *why);
double seconds_since(int64_t ns);
struct sco_scan *make_scan(size_t n, int64_t at);
void free_scan(struct sco_scan *s);

/* `plain`: one table with the texts of a finding, as a tool of this kind would begin with.
 * `tables`: the rows of a merge, made and encoded before the clock starts, into the store's own
 * tables. */
void plain_sqlite_open(const char *path, sqlite3 **ret);
double plain_sqlite(sqlite3 *h, size_t n, int64_t at);
double tables_sqlite(const char *path, size_t n);
void fill_sqlite(const char *path, int64_t n);
#ifdef BENCH_POSTGRESQL
#include <libpq-fe.h>
void pg_ok(PGconn *c, PGresult *r);
void plain_postgresql_open(PGconn *c);
double plain_postgresql(PGconn *c, size_t n, int64_t at);
double tables_postgresql(PGconn *c, size_t n);
void fill_postgresql(const char *url, int64_t n);
#endif
