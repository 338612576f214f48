/* Schedules and targets over the API. */
#include "content.h"

#include <secureops/store_jobs.h>

#define T struct content *t = *state
#define APP "https://git.example.com/team/app"
#define SCAN "\"scan\":{\"target\":{\"location\":\"" APP "\"},\"branch\":\"main\",\"priority\":7}"

static void a_schedule(void **state)
{
    T;
    char id[40], path[80], next_at[40];
    expect(t, 201, "POST", "/schedules",
           "{\"name\":\"nightly\",\"cron\":\"30 2 * * *\",\"time_zone\":\"UTC\","
           "\"windows\":\"Mon-Fri 00:00-06:00\",\"jitter\":\"5m\",\"catch_up\":\"skip\"," SCAN "}");
    snprintf(id, sizeof id, "%s", at(t, "id"));
    snprintf(next_at, sizeof next_at, "%s", at(t, "next_at"));
    assert_string_equal(next_at + 10, "T02:30:00.000Z");
    assert_string_equal(at(t, "target"), APP);
    assert_string_equal(at(t, "priority"), "7");
    assert_string_equal(at(t, "jitter"), "300s");
    assert_string_equal(at(t, "catch_up"), "skip");
    assert_string_equal(at(t, "enabled"), "true");
    assert_string_equal(at(t, "request.branch"), "main");
    snprintf(path, sizeof path, "/api/v1/schedules/%s", id);
    assert_string_equal(header(t, "Location"), path);
    expect(t, 200, "GET", "/schedules/nightly", NULL);
    assert_string_equal(at(t, "id"), id);
    /* names are of one */
    expect(t, 409, "POST", "/schedules", "{\"name\":\"nightly\",\"interval\":\"6h\"," SCAN "}");
    /* nor would the configuration's of this name get their place */
    expect(t, 400, "POST", "/schedules",
           "{\"name\":\"workflow:tidy\",\"interval\":\"6h\"," SCAN "}");
    expect(t, 201, "POST", "/schedules", "{\"name\":\"often\",\"interval\":\"6h\"," SCAN "}");
    assert_string_equal(at(t, "interval"), "21600s");
    assert_string_equal(at(t, "catch_up"), "one");
    expect(t, 409, "PUT", "/schedules/often",
           "{\"name\":\"nightly\",\"interval\":\"6h\"," SCAN "}");
    expect(t, 200, "GET", "/schedules?limit=1", NULL);
    assert_string_equal(at(t, "items.0.name"), "nightly");
    assert_string_equal(at(t, "next_cursor"), "nightly");
    expect(t, 200, "PUT", "/schedules/often",
           "{\"name\":\"seldom\",\"cron\":\"@yearly\",\"enabled\":false," SCAN "}");
    assert_string_equal(at(t, "next_at"), "");
    assert_string_equal(at(t, "interval"), "");
    expect(t, 404, "GET", "/schedules/often", NULL);
    expect(t, 204, "DELETE", "/schedules/seldom", NULL);
    expect(t, 404, "DELETE", "/schedules/seldom", NULL);
}

static void what_is_no_schedule(void **state)
{
    T;
    static const char *const bad[][2] = {
        {"{\"name\":\"x\"," SCAN "}", "/cron"},
        {"{\"name\":\"x\",\"cron\":\"* * * * *\",\"interval\":\"1h\"," SCAN "}", "/cron"},
        {"{\"name\":\"x\",\"cron\":\"61 * * * *\"," SCAN "}", "/cron"},
        {"{\"name\":\"x\",\"cron\":\"0 0 30 2 *\"," SCAN "}", "ten years"},
        {"{\"name\":\"x\",\"interval\":\"5s\"," SCAN "}", "/interval"},
        {"{\"name\":\"x\",\"interval\":\"often\"," SCAN "}", "/interval"},
        {"{\"name\":\"x\",\"interval\":\"1h\",\"time_zone\":\"Moon/Base\"," SCAN "}", "/time_zone"},
        {"{\"name\":\"x\",\"interval\":\"1h\",\"time_zone\":\"../passwd\"," SCAN "}", "/time_zone"},
        {"{\"name\":\"x\",\"interval\":\"1h\",\"windows\":\"never\"," SCAN "}", "/windows"},
        {"{\"name\":\"x\",\"interval\":\"1h\",\"jitter\":\"25h\"," SCAN "}", "/jitter"},
        {"{\"name\":\"x\",\"interval\":\"1h\",\"catch_up\":\"two\"," SCAN "}", "/catch_up"},
        {"{\"name\":\"\",\"interval\":\"1h\"," SCAN "}", "/name"},
        {"{\"name\":\"x\",\"interval\":\"1h\"}", "/scan"},
        {"{\"name\":\"x\",\"interval\":\"1h\",\"scan\":{\"target\":{\"location\":\"http://x/\"}}}",
         "scheme"},
        {"{\"name\":\"x\",\"interval\":\"1h\",\"scan\":{\"target\":{\"location\":\"" APP
         "\"},\"deadline\":\"2031-01-01\"}}",
         "deadline"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        expect(t, 400, "POST", "/schedules", bad[i][0]);
        says(t, bad[i][1]);
    }
    expect(t, 403, "POST", "/schedules",
           "{\"name\":\"x\",\"interval\":\"1h\",\"scan\":{\"target\":{\"location\":\"/etc\"}}}");
    expect(t, 200, "GET", "/schedules", NULL);
    assert_string_equal(at(t, "items"), "0");
}

static void pause_resume_run(void **state)
{
    T;
    char job[64];
    expect(t, 201, "POST", "/schedules", "{\"name\":\"a\",\"interval\":\"6h\"," SCAN "}");
    expect(t, 200, "POST", "/schedules/a/pause", NULL);
    assert_string_equal(at(t, "enabled"), "false");
    assert_string_equal(at(t, "next_at"), "");
    expect(t, 200, "POST", "/schedules/a/pause", NULL);
    expect(t, 202, "POST", "/schedules/a/run", NULL); /* also a paused one: somebody wants it */
    assert_true(t->c.wake);
    assert_string_equal(at(t, "kind"), "scan");
    assert_string_equal(at(t, "target"), APP);
    assert_string_equal(at(t, "priority"), "7");
    snprintf(job, sizeof job, "/jobs/%s", at(t, "id"));
    expect(t, 200, "GET", job, NULL);
    expect(t, 200, "POST", "/schedules/a/resume", NULL);
    assert_string_equal(at(t, "enabled"), "true");
    assert_true(*at(t, "next_at"));
    expect(t, 404, "POST", "/schedules/b/run", NULL);
    expect(t, 404, "POST", "/schedules/b/pause", NULL);
}

static void targets(void **state)
{
    T;
    expect(t, 201, "POST", "/targets",
           "{\"name\":\"app\",\"target\":{\"location\":\"" APP "\"},\"platform\":\"gitlab\","
           "\"branch\":\"dev\",\"team\":\"payments\",\"config\":{\"a\":[1]}}");
    assert_string_equal(at(t, "target.kind"), "repository");
    assert_string_equal(at(t, "target.location"), APP);
    assert_string_equal(at(t, "status"), "active");
    assert_string_equal(at(t, "config.a.0"), "1");
    expect(t, 409, "POST", "/targets", "{\"name\":\"app\",\"target\":{\"location\":\"" APP "\"}}");
    /* a request may give its name, and has its branch then */
    expect(t, 202, "POST", "/scans/all", "{\"target\":{\"name\":\"app\"}}");
    assert_string_equal(at(t, "revision"), "dev");
    expect(t, 200, "PUT", "/targets/app",
           "{\"name\":\"app\",\"target\":{\"location\":\"" APP "\"},\"status\":\"paused\"}");
    assert_string_equal(at(t, "status"), "paused");
    assert_string_equal(at(t, "team"), "");
    static const char *const bad[][2] = {
        {"{\"name\":\"x\"}", "/target"},
        {"{\"name\":\"x\",\"target\":{\"name\":\"app\"}}", "/target"},
        {"{\"name\":\"\",\"target\":{\"location\":\"" APP "\"}}", "/name"},
        {"{\"name\":\"x\",\"target\":{\"location\":\"" APP "\"},\"platform\":\"cvs\"}",
         "/platform"},
        {"{\"name\":\"x\",\"target\":{\"location\":\"" APP "\"},\"branch\":\"-x\"}", "/branch"},
        {"{\"name\":\"x\",\"target\":{\"location\":\"" APP "\"},\"status\":\"lost\"}", "/status"},
        {"{\"name\":\"x\",\"target\":{\"location\":\"" APP "\"},\"config\":[]}", "/config"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        expect(t, 400, "POST", "/targets", bad[i][0]);
        says(t, bad[i][1]);
    }
    expect(t, 200, "GET", "/targets", NULL);
    assert_string_equal(at(t, "items"), "1");
    expect(t, 204, "DELETE", "/targets/app", NULL);
    expect(t, 404, "GET", "/targets/app", NULL);
}

/* Somebody with a scope does not learn that the others are there. */
static void out_of_scope(void **state)
{
    T;
    static const char *const scope[] = {"https://git.example.com/mine/*", NULL};
    expect(t, 201, "POST", "/schedules", "{\"name\":\"a\",\"interval\":\"6h\"," SCAN "}");
    expect(t, 201, "POST", "/targets", "{\"name\":\"app\",\"target\":{\"location\":\"" APP "\"}}");
    next.who.name = "bob";
    next.who.repositories = scope;
    static const char *const paths[][2] = {
        {"GET", "/schedules/a"},         {"DELETE", "/schedules/a"},
        {"POST", "/schedules/a/pause"},  {"POST", "/schedules/a/run"},
        {"POST", "/schedules/a/resume"}, {"GET", "/targets/app"},
        {"DELETE", "/targets/app"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(paths); i++)
        expect(t, 404, paths[i][0], paths[i][1], NULL);
    expect(t, 200, "GET", "/schedules", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 200, "GET", "/targets", NULL);
    assert_string_equal(at(t, "items"), "0");
    expect(t, 403, "POST", "/schedules", "{\"name\":\"b\",\"interval\":\"6h\"," SCAN "}");
}

int main(void)
{
#define C(f) cmocka_unit_test_setup_teardown(f, content_set_up, content_tear_down)
    const struct CMUnitTest tests[] = {C(a_schedule), C(what_is_no_schedule), C(pause_resume_run),
                                       C(targets), C(out_of_scope)};
    return cmocka_run_group_tests_name("schedules over the API", tests, NULL, NULL);
}
