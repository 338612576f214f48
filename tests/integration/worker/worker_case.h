/* What the tests of the worker share: one job at a time, and what must hold after each. */
#pragma once

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>

#include "worker_driver.h"

#ifdef SCO_SANITIZED
enum { SANITIZED = 1 }; /* crashes end in a report and exit status 1 instead of a signal */
#else
enum { SANITIZED = 0 };
#endif

static struct drive_result r; /* of the last job; large */

static inline int count_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* Runs a job; whatever happened, no process, file or descriptor may be left. */
static inline void job(struct drive_job j)
{
    int fds = count_fds();
    assert_true(drive(&j, &r));
    assert_int_equal(count_fds(), fds);
    assert_int_equal(r.files_left, 0);
    if (!r.killed && !r.broken)
        assert_int_equal(r.left, 0);
}

static inline void expect(const char *status, const char *reason)
{
    if (strcmp(r.status, status) != 0 || !strstr(r.reason, reason))
        fail_msg("expected %s: %s\nfound %s: %s", status, reason, r.status, r.reason);
}

static inline void expect_crash(int signal)
{
    assert_string_equal(r.status, "died");
    if (!SANITIZED)
        assert_int_equal(r.signal, signal);
}
