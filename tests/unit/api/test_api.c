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
    /* a read that is refused is there as well, whatever it is served by */
    expect(403, "permission", "GET", "/api/v1/users", engineer, NULL);
    expect(403, "permission", "GET", "/api/v1/events/stream", engineer, NULL);
    expect(403, "permission", "GET", "/api/v1/metrics", engineer, NULL);
    expect(200, "GET /api/v1/users", "GET", "/api/v1/audit", admin, NULL);
    expect(200, "GET /api/v1/events/stream", "GET", "/api/v1/audit", admin, NULL);
    expect(200, "GET /api/v1/metrics", "GET", "/api/v1/audit", admin, NULL);
}

static void user_of(const char *token, char path[128])
{
    char *reply = api_world_ask(&w, "GET", "/api/v1/auth/me", token, "", NULL);
    const char *id = strstr(reply, "\"id\":\"");
    assert_non_null(id);
    snprintf(path, 128, "/api/v1/users/%.36s", id + 6);
    free(reply);
}

#define TARGET(name, location, team)                                                               \
    "{\"name\":\"" name "\",\"target\":{\"location\":\"" location "\"},\"team\":\"" team "\"}"
#define SCAN(location) "{\"target\":{\"location\":\"" location "\"}}"

/* A team is a scope: what its targets are, and no more. */
static void test_teams(void **state)
{
    char path[128];
    const char *targets = "/api/v1/targets", *scans = "/api/v1/scans/all";
    (void)state;
    expect(201, "", "POST", targets, admin,
           TARGET("shop", "git@git.example:web/shop[1].git", "web"));
    expect(201, "", "POST", targets, admin, TARGET("core", "https://git.example/core/x", "core"));
    expect(201, "", "POST", targets, admin, TARGET("none", "https://git.example/none", ""));
    user_of(engineer, path);
    expect(200, "", "PUT", path, admin, "{\"repositories\":[],\"teams\":[\"web\",\"ops\"]}");
    char *reply = api_world_ask(&w, "GET", targets, engineer, "", NULL);
    assert_non_null(strstr(reply, "\"shop\""));
    assert_null(strstr(reply, "\"core\""));
    assert_null(strstr(reply, "\"none\""));
    free(reply);
    expect(404, "", "GET", "/api/v1/targets/core", engineer, NULL);
    expect(404, "", "DELETE", "/api/v1/targets/none", engineer, NULL);
    expect(403, "scope", "POST", scans, engineer, SCAN("https://git.example/core/x"));
    expect(403, "scope", "POST", scans, engineer, SCAN("git@git.example:web/shop1"));
    expect(403, "scope", "POST", scans, engineer, SCAN("https://git.example/new"));
    expect(202, "shop[1]", "POST", scans, engineer, SCAN("git@git.example:web/shop[1]"));
    expect(200, "\"items\":[]", "GET", "/api/v1/vulnerabilities", engineer, NULL);
    expect(200, "shop[1]", "GET", "/api/v1/jobs", engineer, NULL);
    /* gives nothing to other teams, nor to nobody */
    expect(400, "one of your teams", "POST", targets, engineer,
           TARGET("s2", "git@git.example:web/shop[1]", "core"));
    expect(400, "one of your teams", "POST", targets, engineer,
           TARGET("s2", "git@git.example:web/shop[1]", ""));
    expect(201, "", "POST", targets, engineer, TARGET("s2", "git@git.example:web/shop[1]", "ops"));
    /* at once, when a target comes to the team */
    expect(200, "", "PUT", "/api/v1/targets/core", admin,
           TARGET("core", "https://git.example/core/x", "ops"));
    expect(202, "", "POST", scans, engineer, SCAN("https://git.example/core/x"));
    /* globs leave some of them out */
    expect(200, "", "PUT", path, admin, "{\"repositories\":[\"https://git.example/core/*\"]}");
    expect(404, "", "GET", "/api/v1/targets/shop", engineer, NULL);
    expect(200, "", "GET", "/api/v1/targets/core", engineer, NULL);
    /* a team without targets sees nothing */
    expect(200, "", "PUT", path, admin, "{\"repositories\":[],\"teams\":[\"nobody\"]}");
    expect(200, "\"items\":[]", "GET", targets, engineer, NULL);
    expect(200, "\"items\":[]", "GET", "/api/v1/jobs", engineer, NULL);
    expect(403, "scope", "POST", scans, engineer, SCAN("https://git.example/core/x"));
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
        cmocka_unit_test_setup_teardown(test_teams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forgotten, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
