/* The API as it is: real tokens, real routes, nothing in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "api_fixture.h"

static struct api_world w;
static char admin[512], engineer[512];

static int set_up(void **state)
{
    struct sco_error err;
    (void)state;
    if (api_fixture_open(&w, NULL, &err) < 0)
        fail_msg("%s", err.text);
    snprintf(admin, sizeof admin, "%s", api_fixture_token(&w, "admin", ""));
    snprintf(engineer, sizeof engineer, "%s", api_fixture_token(&w, "security_engineer", "x/*"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_fixture_close(&w);
    return 0;
}

static void expect(int status, const char *part, const char *method, const char *path,
                   const char *token, const char *body)
{
    char *reply = api_world_ask(&w, method, path, token, "", body);
    if (api_world_status(reply) != status || !strstr(reply, part))
        fail_msg("%s %s: not %d with %s, but:\n%s", method, path, status, part, reply);
    free(reply);
}

static void test_tokens(void **state)
{
    (void)state;
    expect(200, "\"items\":[]", "GET", "/api/v1/scans", admin, NULL);
    expect(200, "\"items\":[]", "GET", "/api/v1/vulnerabilities", engineer, NULL);
    expect(403, "permission", "GET", "/api/v1/audit", engineer, NULL);
    expect(401, "invalid_token", "GET", "/api/v1/scans", "sco_nothing", NULL);
    admin[strlen(admin) - 1] ^= 1;
    expect(401, "invalid_token", "GET", "/api/v1/scans", admin, NULL);
}

static void test_document(void **state)
{
    (void)state;
    expect(200, "\"openapi\":\"3.1.0\"", "GET", "/api/v1/openapi.json", NULL, NULL);
    expect(400, "no such parameter", "GET", "/api/v1/scans?nothing=1", admin, NULL);
    expect(400, "\"errors\"", "POST", "/api/v1/scans/all", admin, "{}");
}

/* What was refused and what was changed is in the audit log; what was read is not. */
static void test_audit(void **state)
{
    (void)state;
    expect(403, "permission", "POST", "/api/v1/users", engineer, "{}");
    expect(200, "\"outcome\":\"denied\"", "GET", "/api/v1/audit", admin, NULL);
    expect(400, "\"errors\"", "POST", "/api/v1/users", admin, "{}");
    char *reply = api_world_ask(&w, "GET", "/api/v1/audit", admin, "", NULL);
    assert_non_null(strstr(reply, "POST /api/v1/users"));
    assert_null(strstr(reply, "GET /api/v1"));
    free(reply);
}

/* A user who is gone is gone at once, though the token was known a moment ago. */
static void test_forgotten(void **state)
{
    char path[128];
    (void)state;
    expect(200, "items", "GET", "/api/v1/scans", engineer, NULL);
    char *reply = api_world_ask(&w, "GET", "/api/v1/auth/me", engineer, "", NULL);
    const char *id = strstr(reply, "\"id\":\"");
    assert_non_null(id);
    snprintf(path, sizeof path, "/api/v1/users/%.36s", id + 6);
    free(reply);
    expect(204, "", "DELETE", path, admin, NULL);
    expect(401, "invalid_token", "GET", "/api/v1/scans", engineer, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_document, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_audit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forgotten, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
