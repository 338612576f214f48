/* Every route of the API for every role, over the socket: 401 without a token, 403 where the table
 * of permissions says no, and else the handler's turn, which here is a stand-in. The table is
 * written down again: roles.c and this file have to agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "api_world.h"

enum { ROUTES_MAX = 400 };

static struct api_world w;
static struct api_route routes[ROUTES_MAX + 1];
static size_t n_routes;

static int stand_in(struct api_call *c, struct sco_error *err)
{
    (void)err;
    c->status = 202;
    return 0;
}

/* The real routes, with nothing behind them. */
static void tune(struct api_world *x)
{
    static const struct api_route *const tables[] = {routes, NULL};
    struct api_parts own;
    api_own_parts(&own);
    n_routes = 0;
    for (const struct api_route *const *t = own.tables; *t; t++)
        for (const struct api_route *r = *t; r->method; r++) {
            assert_true(n_routes < ROUTES_MAX);
            routes[n_routes] = *r;
            routes[n_routes].handler = stand_in;
            routes[n_routes++].flags = (r->flags & API_PUBLIC) | API_NO_STORE | API_ANY_BODY;
        }
    x->parts.tables = tables;
    x->o.rate = x->o.burst = 1000000;
}

static int set_up(void **state)
{
    struct sco_error err;
    (void)state;
    if (api_world_open(&w, tune, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_world_close(&w);
    return 0;
}

#define R(x) (1u << SCO_RES_##x)

/* docs/security-model.md, "Roles" */
static bool table(enum sco_role role, enum sco_action a, enum sco_resource res)
{
    uint32_t r = 1u << res;
    if (res == SCO_RES_SELF)
        return true;
    switch (role) {
    case SCO_ROLE_ADMIN:
        return true;
    case SCO_ROLE_SECURITY_ENGINEER:
        return (r & (R(SECURITY) | R(VULNERABILITIES))) || (a == SCO_ACT_READ && r & R(PIPELINES));
    case SCO_ROLE_SECURITY_ANALYST:
        return (a == SCO_ACT_READ &&
                r & (R(PIPELINES) | R(ALERTS) | R(VULNERABILITIES) | R(COMPLIANCE))) ||
               ((a == SCO_ACT_CREATE || a == SCO_ACT_UPDATE) && r & R(ALERTS));
    case SCO_ROLE_DEVELOPER:
        return (a == SCO_ACT_READ &&
                r & (R(PIPELINES) | R(SECURITY) | R(ALERTS) | R(SCAN_RESULTS) | R(TESTS))) ||
               (a == SCO_ACT_CREATE && r & R(PIPELINES)) ||
               ((a == SCO_ACT_READ || a == SCO_ACT_UPDATE) && r & R(VULNERABILITIES));
    case SCO_ROLE_MANAGER:
        return a == SCO_ACT_READ || (r & (R(ANALYTICS) | R(REPORTS)));
    case SCO_ROLE_HR_MANAGER:
        return (a == SCO_ACT_READ && r & (R(ANALYTICS) | R(HR_METRICS))) ||
               (a == SCO_ACT_CREATE && r & R(REPORTS));
    case SCO_ROLE_VIEWER:
        return a == SCO_ACT_READ && r & (R(DASHBOARDS) | R(REPORTS));
    case SCO_ROLE_MAX_:
        break;
    }
    return false;
}

/* "/scans/{id}" with something in it. */
static const char *filled(const char *path)
{
    static char out[256];
    size_t n = 0;
    for (const char *p = path; *p && n < sizeof out - 2; p++) {
        if (*p == '{')
            p = strchr(p, '}');
        out[n++] = *p == '}' ? 'x' : *p;
    }
    out[n] = 0;
    return out;
}

static int ask(const struct api_route *r, const char *token)
{
    char *reply = api_world_ask(&w, r->method, filled(r->path), token, "", NULL);
    int status = api_world_status(reply);
    free(reply);
    return status;
}

static void test_every_route_and_role(void **state)
{
    unsigned wrong = 0, asked = 0;
    (void)state;
    assert_true(n_routes > 0);
    for (size_t i = 0; i < n_routes; i++) {
        const struct api_route *r = &routes[i];
        bool open = r->flags & API_PUBLIC;
        for (uint32_t role = 0; role <= SCO_ROLE_MAX_; role++, asked++) {
            bool nobody = role == SCO_ROLE_MAX_;
            int want = open ? 202 : nobody ? 401 : table(role, r->action, r->resource) ? 202 : 403;
            int got = ask(r, nobody ? NULL : sco_role_name(role));
            if (got == want)
                continue;
            print_error("%s %s as %s: %d, not %d\n", r->method, r->path,
                        nobody ? "nobody" : sco_role_name(role), got, want);
            wrong++;
        }
    }
    print_message("%zu routes, %u requests\n", n_routes, asked);
    assert_int_equal(wrong, 0);
}

/* What is open to everybody is written down. */
static void test_open_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_routes; i++) {
        const char *p = routes[i].path;
        if (routes[i].flags & API_PUBLIC && strncmp(p, "/api/v1/auth/", 13) != 0 &&
            strcmp(p, "/health") != 0 && strcmp(p, "/ready") != 0 && strcmp(p, "/metrics") != 0 &&
            strcmp(p, "/api/v1/openapi.json") != 0 && strncmp(p, "/.well-known/", 13) != 0 &&
            strncmp(p, "/webhook/", 9) != 0)
            fail_msg("%s %s is open to everybody", routes[i].method, p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_route_and_role, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_routes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
