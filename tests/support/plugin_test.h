/* What every test of a scanner plugin needs: one host a test, findings by number, short asserts. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_host.h"

#include <stdlib.h>

static struct fake_host *fh;

static inline int plugin_setup(void **state)
{
    (void)state;
    fh = fake_host_new();
    return fake_host_open(fh, sco_plugin_v1(), NULL);
}

static inline int plugin_teardown(void **state)
{
    (void)state;
    assert_string_equal(fh->fault, "");
    fh = fake_host_free(fh);
    return 0;
}

/* The plugin again with options "name", "value", ..., NULL. */
static inline void plugin_reopen(const char *const *options)
{
    fake_host_free(fh);
    fh = fake_host_new();
    assert_int_equal(fake_host_open(fh, sco_plugin_v1(), options), 0);
}

static inline const char *plugin_testdata(const char *plugin, const char *name)
{
    static char path[4096];
    const char *source = getenv("SECUREOPS_SOURCE");
    snprintf(path, sizeof path, "%s/plugins/scanners/%s/testdata/%s", source ? source : ".", plugin,
             name);
    return path;
}

static inline const struct sco_report_finding *finding(size_t i)
{
    assert_true(i < fh->n);
    return &fh->v[i].f;
}

#define assert_str(s, z)                                                                           \
    do {                                                                                           \
        struct sco_str s_ = (s);                                                                   \
        char t_[4096];                                                                             \
        snprintf(t_, sizeof t_, "%.*s", SCO_STR_ARG(s_));                                          \
        assert_string_equal(t_, z);                                                                \
    } while (0)
#define assert_has(text, part) assert_non_null(strstr(text, part))
#define assert_lacks(text, part) assert_null(strstr(text, part))

static inline int parse_text(const char *text)
{
    return fake_host_parse_text(fh, text, strlen(text));
}
