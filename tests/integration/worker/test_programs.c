/* The real secureops-worker and the programs that it runs: sandbox, results, deadlines, wild
 * processes, too much output, secrets, HTTP, and the end of the engine. */
#include "worker_case.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *fakescan(void)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/tests/bin/fakescan", drive_build());
    return path;
}

static void fake(const char *name, const char *args)
{
    char options[1024];
    snprintf(options, sizeof options, "{\"args\":[%s]}", args);
    job((struct drive_job){.plugin = drive_plugin("fakes", name),
                           .options = args[0] ? options : NULL,
                           .program = fakescan(),
                           .version = "1.2.3"});
}

/* ---- sandbox ---- */

static void test_sandbox(void **state)
{
    (void)state;
    job((struct drive_job){.plugin = drive_plugin("plugins", "writes-outside")});
    if (!strstr(r.hello, "landlock") || !strstr(r.hello, "seccomp") || strchr(r.hello, ';')) {
        print_message("skipped: the sandbox of this kernel is: %s\n", r.hello);
        skip();
    }
    expect("completed", "");
    char args[512];
    snprintf(
        args, sizeof args,
        "\"--try-write\",\"/var/tmp/secureops-was-here\",\"--try-write\",\"/dev/null\","
        "\"--try-write\",\"%s/cache/ok\",\"--try-kill\",\"%d\",\"--try-unshare\",\"--try-fds\","
        "\"--try-env\",\"HOME\",\"--try-env\",\"TMPDIR\",\"--try-env\",\"USER\"",
        drive_dir(), (int)getpid());
    fake("fake", args);
    expect("completed", "");
    assert_non_null(strstr(r.text, "write /var/tmp/secureops-was-here: Permission denied"));
    assert_non_null(strstr(r.text, "write /dev/null: ok"));
    assert_non_null(strstr(r.text, "/cache/ok: ok"));
    assert_non_null(strstr(r.text, "unshare user: Operation not permitted"));
    assert_non_null(strstr(r.text, "fds 0: ok"));
    assert_non_null(strstr(r.text, "/cache/home: ok"));
    assert_non_null(strstr(r.text, "/work/tmp: ok"));
    assert_non_null(strstr(r.text, "env USER=(none): ok"));
    struct sco_str abi = sco_str_make(r.hello + 9, strcspn(r.hello + 9, ","));
    int64_t version;
    assert_int_equal(sco_parse_i64(abi, 1, 1000, &version), 0);
    snprintf(args, sizeof args, "kill %d: %s", (int)getpid(),
             version >= 6 ? "Operation not permitted" : "ok");
    assert_non_null(strstr(r.text, args));
    job((struct drive_job){.plugin = drive_plugin("plugins", "writes-outside"),
                           .no_sandbox = true});
    assert_string_equal(r.hello, "none: landlock is switched off, seccomp is switched off");
    expect("incomplete", "could write /tmp/secureops-was-here");
}

/* ---- programs ---- */

static void test_fakes(void **state)
{
    (void)state;
    fake("fake", "");
    expect("completed", "");
    assert_int_equal(r.findings, 2);
    fake("fake-fails", "");
    expect("failed", "fakescan failed (exit status 2): cannot read the rules");
    fake("fake-no-report", "");
    expect("failed", "fakescan ended with 1 but wrote no report");
    fake("fake-truncated", "");
    expect("failed", "report.json: offset 60");
    fake("fake-stale", "");
    expect("failed", "the report is older than the run");
    fake("fake-crash", "");
    expect("failed", "fakescan was ended by signal 11");
}

static void test_versions(void **state)
{
    (void)state;
    job((struct drive_job){.plugin = drive_plugin("fakes", "fake"), .program = fakescan()});
    expect("completed", "");
    assert_string_equal(r.version, "1.2.3");
    job((struct drive_job){
        .kind = "version", .plugin = drive_plugin("fakes", "fake"), .program = fakescan()});
    expect("completed", "");
    assert_string_equal(r.version, "1.2.3");
    job((struct drive_job){.plugin = drive_plugin("fakes", "fake")});
    expect("failed", "is not installed: it is built with the tests");
}

static void test_program_deadlines(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t least, most;
    } cases[] = {{"fake-slow", 300, 1500}, {"fake-deaf", 2300, 3800}};
    for (size_t i = 0; i < 2; i++) {
        job((struct drive_job){.plugin = drive_plugin("fakes", cases[i].name),
                               .program = fakescan(),
                               .version = "1",
                               .timeout_ms = 300});
        expect("timeout", "fakescan did not end in time");
        assert_false(r.killed);
        assert_in_range(r.duration_ms, cases[i].least, cases[i].most);
    }
    job((struct drive_job){.plugin = drive_plugin("fakes", "fake-slow"),
                           .program = fakescan(),
                           .version = "1",
                           .cancel_ms = 200});
    expect("cancelled", "cancelled");
    assert_in_range(r.duration_ms, 200, 1500);
}

static void test_program_processes(void **state)
{
    (void)state;
    fake("fake-orphans", "");
    expect("completed", "");
    assert_int_equal(r.findings, 2);
    assert_string_equal(r.log, "fakescan left processes behind: 4 were killed");
    fake("fake-storm", "");
    expect("completed", "");
    assert_true(r.duration_ms < 8000);
    assert_non_null(strstr(r.log, "processes behind"));
}

static void test_program_output(void **state)
{
    (void)state;
    fake("fake-stderr", SANITIZED ? "\"--stderr\",\"64M\"" : "");
    expect("completed", "");
    assert_non_null(strstr(r.log, "MiB of errors"));
    assert_true(r.duration_ms < 15000);
    job((struct drive_job){.plugin = drive_plugin("fakes", "fake-endless"),
                           .program = fakescan(),
                           .version = "1",
                           .max_output = 10 << 20});
    expect("failed", "fakescan wrote too much");
    assert_true(r.duration_ms < 10000);
}

static void test_secret_stays(void **state)
{
    (void)state;
    job((struct drive_job){
        .plugin = drive_plugin("fakes", "fake"),
        .program = fakescan(),
        .version = "1",
        .options =
            "{\"token\":\"hunter2-very-secret\",\"args\":[\"--exit\",\"3\",\"--stderr-text\","
            "\"bad token hunter2-very-secret\"]}"});
    expect("failed", "bad token ***");
    assert_null(strstr(r.reason, "hunter2"));
}

/* ---- cgroup ---- */

enum { DELEGATED_UNSUPPORTED = 77 };

static bool write_file(const char *dir, const char *file, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* In a process of its own, which moves into a delegated cgroup: exit status 0 is a pass. */
static int storm_in_cgroup(const char *dir)
{
    char stale[512];
    snprintf(stale, sizeof stale, "%s/secureops-999999999", dir); /* of a worker that was killed */
    if (setxattr(dir, "trusted.delegate", "1", 1, 0) < 0 || mkdir(stale, 0700) < 0 ||
        !write_file(dir, "cgroup.procs", "0"))
        return DELEGATED_UNSUPPORTED;
    struct drive_job j = {
        .plugin = drive_plugin("fakes", "fake-storm"), .program = fakescan(), .version = "1"};
    if (!drive(&j, &r) || strcmp(r.status, "completed") != 0 || r.left)
        return 1;
    if (!strstr(r.hello, "cgroup"))
        return 2;
    if (rmdir(stale) == 0 || errno != ENOENT) /* the worker tidied up */
        return 3;
    if (!write_file(dir, "../cgroup.procs", "0"))
        return 4;
    return rmdir(dir) == 0 ? 0 : 5; /* and left no group of its own */
}

static void test_cgroup(void **state)
{
    (void)state;
    char dir[128];
    int status;
    struct statfs fs;
    const char *root = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == 0x63677270
                           ? "/sys/fs/cgroup"
                           : "/sys/fs/cgroup/unified";
    snprintf(dir, sizeof dir, "%s/secureops-test-%d", root, (int)getpid());
    if (geteuid() != 0 || mkdir(dir, 0700) < 0) {
        print_message("skipped: no cgroup can be made in %s\n", root);
        skip();
    }
    pid_t pid = fork();
    if (pid == 0)
        _exit(storm_in_cgroup(dir));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rmdir(dir);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == DELEGATED_UNSUPPORTED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- HTTP ---- */

static void *serve_once(void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                 "Content-Length: 5\r\nConnection: close\r\n\r\nhello";
    char request[4096];
    int fd = accept(*(int *)arg, NULL, NULL);
    if (fd >= 0 && read(fd, request, sizeof request) > 0)
        (void)!write(fd, answer, sizeof answer - 1);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void test_http(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    pthread_t server;
    char options[128];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(options, sizeof options, "{\"url\":\"http://127.0.0.1:%d/x\"}", ntohs(a.sin_port));
    job((struct drive_job){.plugin = drive_plugin("plugins", "fetch"), .options = options});
    assert_string_equal(r.status, "failed"); /* nobody listens */
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(pthread_create(&server, NULL, serve_once, &fd), 0);
    job((struct drive_job){.plugin = drive_plugin("plugins", "fetch"), .options = options});
    pthread_join(server, NULL);
    expect("completed", "");
    assert_non_null(strstr(r.text, "200 hello"));
    close(fd);
}

/* ---- the engine ends ---- */

/* No child, and within the time without anybody's help. */
static bool all_gone(int64_t ms)
{
    int64_t until = sco_mono_ms() + ms;
    while (sco_mono_ms() < until) {
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return true;
        usleep(10000);
    }
    return false;
}

static void test_engine_dies(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* an engine that is killed in the middle of a job */
        alarm(1);
        drive(&(struct drive_job){.plugin = drive_plugin("fakes", "fake-deaf"),
                                  .program = fakescan(),
                                  .version = "1"},
              &r);
        _exit(9);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(all_gone(3000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sandbox),
        cmocka_unit_test(test_fakes),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_program_deadlines),
        cmocka_unit_test(test_program_processes),
        cmocka_unit_test(test_program_output),
        cmocka_unit_test(test_secret_stays),
        cmocka_unit_test(test_cgroup),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_engine_dies),
    };
    drive_dir();
    return cmocka_run_group_tests_name("worker-programs", tests, NULL, NULL);
}
