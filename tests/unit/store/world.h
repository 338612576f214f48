/* A store that is empty before each test, and scans put together by hand. The same tests run over
 * both databases: STORE_DRIVER is the function that gives the driver. */
#pragma once

#include "store_priv.h"

#include <secureops/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
    struct sco_store *s;
    char *dir; /* of this test's files */
    const char *where;
    int64_t now; /* the next scan starts then */
    const char *repository, *branch, *scope;
    const char *left_out; /* path that a scan does not look at, or NULL */
};

#define TEST(name) static void name(void **state)
#define WORLD                                                                                      \
    struct world *w = *state;                                                                      \
    struct sco_error err = {0}
#define OK(call)                                                                                   \
    do {                                                                                           \
        int ok_ = (call);                                                                          \
        if (ok_ != 0)                                                                              \
            fail_msg("%s:%d: %d %s", __FILE__, __LINE__, ok_, err.text);                           \
    } while (0)

int world_set_up(void **state);
int world_tear_down(void **state);
struct sco_store *world_open(struct world *w);

int take_i64(void *user, const struct store_value *v, size_t n); /* the first value of a row */
int64_t ask(struct sco_store *s, const char *sql);               /* that of the last row */

struct sco_scan *scan_new(struct world *w);
void scan_free(struct sco_scan *s);
void scan_run(struct sco_scan *s, const char *name, enum sco_run_status status);
struct sco_finding *scan_add(struct sco_scan *s, uint32_t number, const char *tool);
void scan_add_tool(struct sco_scan *s, struct sco_finding *f, const char *tool, uint32_t severity);
int scan_try(struct world *w, struct sco_scan *s, struct sco_error *err);

struct counts {
    uint64_t created, seen, changed, resolved, reopened, not_checked;
};
/* Saves the scan, checks what became of it, frees it. */
void scan_save_is(struct world *w, struct sco_scan *s, struct counts c, const char *file, int line);
#define save_is(w, s, ...) scan_save_is(w, s, (struct counts){__VA_ARGS__}, __FILE__, __LINE__)

/* The finding with this number on the world's branch; NULL: none. Valid until the next call. */
const struct sco_stored_finding *stored(struct world *w, uint32_t number);
enum sco_status status_of(struct world *w, uint32_t number);
void set_status(struct world *w, uint32_t number, enum sco_status to, int64_t until);
/* "created,resolved,reopened" */
const char *history_of(struct world *w, uint32_t number);
size_t count_findings(struct world *w, uint32_t statuses);
enum { ALL_STATUSES = (1 << SCO_STATUS_MAX_) - 1 };
