/* One operation of a CI plugin, in a real worker. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <secureops/ci.h>
#include <secureops/fs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_driver.h"

static struct sco_arena arena;
static struct sco_error err;
static struct sco_ci_answer got;
static char logged[512];

static void on_log(void *user, uint32_t level, struct sco_str text)
{
    (void)user;
    (void)level;
    snprintf(logged, sizeof logged, "%.*s", SCO_STR_ARG(text));
}

static struct sco_ci_run asked(const char *request)
{
    static char worker[1100], work[1100], cache[1100];
    snprintf(worker, sizeof worker, "%s/bin/secureops-worker", drive_build());
    snprintf(work, sizeof work, "%s/work", drive_dir());
    snprintf(cache, sizeof cache, "%s/cache", drive_dir());
    assert_int_equal(sco_fs_mkdirs(work, 0700, NULL), 0);
    return (struct sco_ci_run){.worker = worker,
                               .library = drive_plugin("ci", "test-ci"),
                               .work_dir = work,
                               .cache_dir = cache,
                               .options = SCO_STR("{\"secret\":\"hunter2hunter2\"}"),
                               .op = "trigger",
                               .request = sco_str_c(request),
                               .timeout_ms = 20000,
                               .cancel_fd = -1,
                               .log = on_log};
}

static int run(struct sco_ci_run q)
{
    sco_arena_reset(&arena);
    memset(&err, 0, sizeof err);
    memset(&got, 0, sizeof got);
    return sco_ci_run(&q, &arena, &got, &err);
}

static void expect(const char *doing, int code, const char *part)
{
    char request[100];
    snprintf(request, sizeof request, "{\"do\":\n\"%s\"}", doing);
    assert_int_equal(run(asked(request)), 0);
    if (got.code != code)
        fail_msg("%s: %d (%s), expected %d", doing, got.code, got.reason ? got.reason : "", code);
    if (!strstr(got.reason ? got.reason : "", part))
        fail_msg("%s: \"%s\" lacks \"%s\"", doing, got.reason, part);
}

static void test_results(void **state)
{
    (void)state;
    expect("work", 0, "");
    assert_true(sco_str_is(got.result, "{\"pipeline_id\":\"7\",\"did\":\"work\"}"));
    expect("later", SCO_CI_LATER, "the platform is busy");
    assert_int_equal(got.retry_ms, 90000);
    expect("degraded", SCO_CI_DEGRADED, "no check run");
    assert_true(got.result.n > 0);
    expect("leak", SCO_E_TOOL, "the secret is ***");
    expect("silent", SCO_E_FORMAT, "0 results");
    expect("twice", SCO_E_FORMAT, "2 results");
    expect("odd", SCO_E_INTERNAL, "returned 77");
    expect("garbage", SCO_E_FORMAT, "not a JSON object");
    expect("list", SCO_E_FORMAT, "not a JSON object");
    expect("fetch", SCO_E_NETWORK, "127.0.0.1");
    expect("huge", SCO_E_LIMIT, "");
    struct sco_ci_run q = asked("{}");
    q.op = "publish";
    assert_int_equal(run(q), 0);
    assert_int_equal(got.code, SCO_E_UNSUPPORTED);
}

static void test_deaths(void **state)
{
    (void)state;
    assert_int_equal(run(asked("{\"do\":\"crash\"}")), SCO_E_INTERNAL);
    assert_non_null(strstr(err.text, "crashed"));
    assert_int_equal(run(asked("{\"do\":\"exit\"}")), SCO_E_INTERNAL);
    assert_non_null(strstr(err.text, "exit()"));
    struct sco_ci_run q = asked("{\"do\":\"hang\"}");
    q.timeout_ms = 1;
    assert_int_equal(run(q), SCO_E_TIMEOUT);
    q = asked("{}");
    q.options = SCO_STR("{\"secret\":\"fail-open\"}");
    assert_int_equal(run(q), SCO_E_INVALID);
    assert_null(strstr(err.text, "fail-open"));
    q = asked("{}");
    q.options = SCO_STR("{}");
    assert_int_equal(run(q), SCO_E_INVALID);
    q = asked("{}");
    q.worker = "/nonexistent/worker";
    assert_true(run(q) < 0);
    q = asked("{}");
    q.library = drive_plugin("fakes", "fake");
    q.options = SCO_STR("{}");
    assert_int_equal(run(q), SCO_E_UNSUPPORTED);
}

static void test_cancel(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    struct sco_ci_run q = asked("{\"do\":\"hang\"}");
    q.cancel_fd = fds[0];
    assert_int_equal(run(q), SCO_E_CANCELLED);
    close(fds[0]);
    close(fds[1]);
}

static void tell_parent(void *user, uint32_t level, struct sco_str text)
{
    (void)level;
    if (sco_str_is(text, "holding"))
        assert_int_equal(write(*(int *)user, "h", 1), 1);
}

/* One that waits for a slow platform does not stop the others of its integration. */
static void test_two_at_once(void **state)
{
    char work[1200], byte = 0;
    int end[2], told[2], status = 0;
    (void)state;
    struct sco_ci_run q = asked("{\"do\":\"hold\"}");
    snprintf(work, sizeof work, "%s-2", q.work_dir);
    assert_int_equal(sco_fs_mkdirs(work, 0700, NULL), 0);
    assert_int_equal(pipe(end), 0);
    assert_int_equal(pipe(told), 0);
    pid_t other = fork();
    assert_true(other >= 0);
    if (other == 0) {
        q.work_dir = work;
        q.cancel_fd = end[0];
        q.timeout_ms = 60000;
        q.log = tell_parent;
        q.user = &told[1];
        close(end[1]);
        _exit(run(q) == SCO_E_CANCELLED ? 0 : 1);
    }
    close(end[0]);
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    expect("work", 0, "");
    assert_int_equal(waitpid(other, &status, WNOHANG), 0);
    close(end[1]);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    close(told[0]);
}

/* A server that is down is left alone by the next process too. */
static void test_breaker(void **state)
{
    char path[1200];
    (void)state;
    struct sco_ci_run q = asked("{\"do\":\"fetch\"}");
    snprintf(path, sizeof path, "%s/http-state", q.cache_dir);
    unlink(path);
    q.break_after = 2;
    q.break_ms = 3600000;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(q), 0);
        assert_int_equal(got.code, SCO_E_NETWORK);
        assert_int_equal(strstr(got.reason, "failed 2 times in a row") != NULL, i == 2);
    }
    unlink(path);
}

static int done(void **state)
{
    (void)state;
    sco_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results), cmocka_unit_test(test_deaths),
        cmocka_unit_test(test_cancel),  cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_breaker),
    };
    return cmocka_run_group_tests_name("ci_run", tests, NULL, done);
}
