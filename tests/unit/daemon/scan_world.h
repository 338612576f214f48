/* What tests of the daemon share that need a store and a scan in it: SQLite in a folder of the
 * test's own, and a scan that is put together by hand. */
#pragma once

#include "../../support/scan_fixture.h"

#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <secureops/store.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct scan_world {
    char *dir;
    struct sco_store *store;
    struct sco_scan scan;
    struct sco_pool *pool;
};

static inline void scan_world_init(struct scan_world *w)
{
    struct sco_error err = {0};
    char where[600];
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-daemon-", &w->dir, &err), 0);
    snprintf(where, sizeof where, "%s/store.db", w->dir);
    struct sco_store_options o = {.where = where, .create = true};
    if (sco_store_open(&o, &w->store, &err) < 0)
        fail_msg("%s", err.text);
    fixture_init(&w->scan);
    w->scan.findings.pool = w->pool = sco_pool_new();
    assert_non_null(w->pool);
    fixture_run(&w->scan, "t", "T", SCO_RUN_STATUS_COMPLETED);
}

static inline void scan_world_done(struct scan_world *w)
{
    sco_store_close(w->store);
    w->scan.findings.pool = NULL;
    fixture_done(&w->scan);
    sco_pool_free(w->pool);
    assert_int_equal(sco_fs_remove_tree(w->dir), 0);
    free(w->dir);
}

/* As another scan, of this repository. */
static inline void scan_world_save(struct scan_world *w, const char *repository)
{
    struct sco_error err = {0};
    struct sco_store_subject sub = {.repository = repository, .branch = "main", .scope = ""};
    sco_uuid4(w->scan.id);
    fixture_count(&w->scan);
    if (sco_store_save_scan(w->store, &sub, &w->scan, &err) < 0)
        fail_msg("%s", err.text);
}
