/* Running programs: results, environment, output and its limits, deadline, cancel, what is left.
 * The shell is the program. Wild ones are in tests/integration/worker. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <secureops/exec.h>
#include <secureops/fs.h>

static char *dir;
static struct sco_arena arena;
static struct sco_exec_stats stats;
static struct sco_command_result res;
static struct sco_error err;

static const char *const base_env[] = {"PATH=/usr/bin:/bin", "A=1", "B=2", NULL};

static struct sco_exec_env env_of(void)
{
    return (struct sco_exec_env){
        .env = base_env, .work_dir = dir, .cancel_fd = -1, .arena = &arena, .stats = &stats};
}

static int run(struct sco_exec_env e, struct sco_command c, const char *script)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    c.argv = argv;
    c.struct_size = sizeof c;
    memset(&res, 0, sizeof res);
    memset(&err, 0, sizeof err);
    return sco_exec_run(&e, &c, &res, &err);
}

static int sh(const char *script)
{
    return run(env_of(), (struct sco_command){0}, script);
}

static void test_results(void **state)
{
    (void)state;
    int64_t before = sco_now_ms();
    assert_int_equal(sh("echo out; echo err >&2; exit 7"), 0);
    assert_int_equal(res.exit_code, 7);
    assert_int_equal(res.signal, 0);
    assert_true(sco_str_is(res.out, "out\n"));
    assert_true(sco_str_is(res.err, "err\n"));
    assert_in_range(res.started_ms, before, sco_now_ms());
    assert_int_equal(res.timed_out, 0);
    assert_int_equal(stats.stdout_bytes, 4);
    assert_int_equal(stats.leftovers, 0);
    assert_int_equal(sh("kill -SEGV $$"), 0);
    assert_int_equal(res.exit_code, -1);
    assert_int_equal(res.signal, SIGSEGV);
    assert_int_equal(sh(":"), 0);
    assert_int_equal(res.out.n, 0);
    assert_non_null(res.out.p); /* there, and empty */
}

static void test_not_started(void **state)
{
    (void)state;
    struct sco_exec_env e = env_of();
    const char *absent[] = {"no-such-program", NULL}, *path[] = {"/no/such", NULL};
    const char *not_executable[] = {"/etc/passwd", NULL}, *none[] = {NULL};
    struct sco_command c = {.struct_size = sizeof c, .argv = absent};
    assert_int_equal(sco_exec_run(&e, &c, &res, &err), SCO_E_NOT_FOUND);
    assert_string_equal(err.text, "no-such-program: no such program on the PATH");
    c.argv = path;
    assert_int_equal(sco_exec_run(&e, &c, &res, &err), SCO_E_NOT_FOUND);
    c.argv = not_executable;
    assert_int_equal(sco_exec_run(&e, &c, &res, &err), SCO_E_NOT_FOUND);
    c.argv = none;
    assert_int_equal(sco_exec_run(&e, &c, &res, &err), SCO_E_INVALID);
    SCO_AUTO(sco_buf) struct sco_buf bad = {0};
    sco_buf_addf(&bad, "%s/bad", dir);
    assert_int_equal(sco_fs_write(sco_buf_z(&bad),
                                  SCO_STR("\x7F"
                                          "ELF?"),
                                  0700, NULL),
                     0);
    const char *broken[] = {sco_buf_z(&bad), NULL};
    c.argv = broken;
    assert_int_equal(sco_exec_run(&e, &c, &res, &err), SCO_E_IO);
    assert_non_null(strstr(err.text, "cannot run"));
    assert_int_equal(run(e, (struct sco_command){.cwd = "/no/such/folder"}, ":"), SCO_E_NOT_FOUND);
    assert_int_equal(run(e, (struct sco_command){.stdout_path = "/no/such/file"}, ":"),
                     SCO_E_NOT_FOUND);
}

static void test_environment(void **state)
{
    (void)state;
    const char *more[] = {"B=two", "C=3", NULL};
    setenv("LEAKED", "yes", 1);
    assert_int_equal(
        run(env_of(), (struct sco_command){.env = more},
            "echo $A $B $C ${LEAKED-clean}; pwd; cat; cut -d' ' -f6 /proc/$$/stat | grep -cx $$"),
        0);
    SCO_AUTO(sco_buf) struct sco_buf want = {0};
    sco_buf_addf(&want, "1 two 3 clean\n%s\n1\n", dir); /* cat: stdin is empty; own session */
    assert_string_equal(res.out.p, sco_buf_z(&want));
    assert_int_equal(run(env_of(), (struct sco_command){.cwd = "/"}, "pwd; trap"), 0);
    assert_string_equal(res.out.p, "/\n");
}

static void test_descriptors(void **state)
{
    (void)state;
    int leaked = open("/dev/null", O_RDONLY);            /* without close-on-exec */
    assert_int_equal(sh("ls /proc/self/fd | wc -l"), 0); /* 0 1 2 and the folder itself */
    assert_string_equal(res.out.p, "4\n");
    close(leaked);
}

static void test_output_limit(void **state)
{
    (void)state;
    int64_t start = sco_mono_ms();
    assert_int_equal(run(env_of(), (struct sco_command){.output_limit = 1000},
                         "while :; do echo 0123456789; done"),
                     0);
    assert_int_equal(res.truncated, 1);
    assert_int_equal(res.out.n, 1000);
    assert_int_equal(res.signal, SIGKILL);
    assert_true(sco_mono_ms() - start < 2000);
    assert_int_equal(run(env_of(), (struct sco_command){.output_limit = 6}, "echo 12345"), 0);
    assert_int_equal(res.truncated, 0); /* exactly the limit */
}

static void test_output_file(void **state)
{
    (void)state;
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    struct stat st;
    sco_buf_addf(&path, "%s/out", dir);
    const char *z = sco_buf_z(&path);
    assert_int_equal(run(env_of(), (struct sco_command){.stdout_path = z}, "seq 1 100000"), 0);
    assert_int_equal(res.out.n, 0);
    assert_int_equal(sco_fs_read(z, 1 << 20, &text, NULL), 0);
    assert_int_equal(text.n, 588895);
    assert_int_equal(stat(z, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(
        run(env_of(), (struct sco_command){.stdout_path = z, .output_limit = 100}, "seq 1 100000"),
        0);
    assert_int_equal(res.truncated, 1);
    assert_int_equal(stat(z, &st), 0);
    assert_int_equal(st.st_size, 100);
    assert_int_equal(unlink(z), 0);
    assert_int_equal(symlink("/etc/passwd", z), 0);
    assert_int_equal(run(env_of(), (struct sco_command){.stdout_path = z}, ":"), SCO_E_IO);
}

static void test_stderr_ends(void **state)
{
    (void)state;
    assert_int_equal(sh("seq 1 1000000 >&2"), 0);
    assert_int_equal(stats.stderr_bytes, 6888896);
    assert_true(sco_str_starts(res.err, "1\n2\n3\n"));
    assert_true(sco_str_ends(res.err, "\n999999\n1000000\n"));
    assert_non_null(strstr(res.err.p, "bytes left out]"));
    assert_true(res.err.n < SCO_EXEC_STDERR_HEAD + SCO_EXEC_STDERR_TAIL + 64);
    /* sizes around the borders: nothing is lost, doubled or out of order */
    const int sizes[] = {16383, 16384, 16385, 65535, 65536, 65537, 100000};
    for (size_t i = 0; i < SCO_ARRAY_LEN(sizes); i++) {
        char script[128];
        snprintf(script, sizeof script, "seq 1 1000000 | head -c %d >&2", sizes[i]);
        assert_int_equal(sh(script), 0);
        assert_int_equal(stats.stderr_bytes, sizes[i]);
        if (sizes[i] <= SCO_EXEC_STDERR_HEAD + SCO_EXEC_STDERR_TAIL)
            assert_int_equal(res.err.n, sizes[i]);
        if (sizes[i] <= SCO_EXEC_STDERR_HEAD + SCO_EXEC_STDERR_TAIL)
            assert_null(strstr(res.err.p, "left out"));
        if (sizes[i] == 65536) {
            SCO_AUTO(sco_buf) struct sco_buf want = {0};
            for (int n = 1; want.n < 65536; n++)
                sco_buf_addf(&want, "%d\n", n);
            assert_memory_equal(want.p, res.err.p, 65536);
        }
    }
}

static void test_deadline(void **state)
{
    (void)state;
    assert_int_equal(run(env_of(), (struct sco_command){.timeout_ms = 50}, "sleep 30"), 0);
    assert_int_equal(res.timed_out, 1);
    assert_int_equal(res.signal, SIGTERM);
    assert_in_range(res.duration_ms, 50, 1000);
    struct sco_exec_env e = env_of();
    e.deadline_mono_ms = sco_mono_ms() + 50; /* the job's, nearer than the command's */
    assert_int_equal(run(e, (struct sco_command){.timeout_ms = 20000}, "sleep 30"), 0);
    assert_int_equal(res.timed_out, 1);
    assert_int_equal(run(env_of(), (struct sco_command){.timeout_ms = 50},
                         "trap 'echo bye; exit 3' TERM; while :; do sleep 0.01; done"),
                     0);
    assert_int_equal(res.exit_code, 3); /* it could say goodbye */
    assert_string_equal(res.out.p, "bye\n");
}

static void test_cancel(void **state)
{
    (void)state;
    int fd[2];
    struct sco_exec_env e = env_of();
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], "c", 1), 1);
    e.cancel_fd = fd[0];
    int64_t start = sco_mono_ms();
    assert_int_equal(run(e, (struct sco_command){0}, "sleep 30"), SCO_E_CANCELLED);
    assert_true(sco_mono_ms() - start < 1000);
    close(fd[0]);
    close(fd[1]);
}

static void test_leftovers(void **state)
{
    (void)state;
    assert_int_equal(sh("sleep 1000 & sleep 1000 & (setsid sleep 1000 &) ; echo ok"), 0);
    assert_string_equal(res.out.p, "ok\n");
    assert_int_equal(stats.leftovers, 3);
    assert_int_equal(sh("sleep 0.01 & echo ok"), 0); /* ends by itself: not worth a word */
    assert_int_equal(stats.leftovers, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void test_reap_all(void **state)
{
    (void)state;
    assert_int_equal(sco_exec_reap_all(), 0);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            if (fork() == 0)
                setsid();
            for (;;)
                pause();
        }
    }
    usleep(20000);
    assert_in_range(sco_exec_reap_all(), 3, 6); /* a parent may reap its child first */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_memory_limit(void **state)
{
    (void)state;
    struct sco_exec_env e = env_of();
    e.memory_limit = 64 << 20;
    assert_int_equal(run(e, (struct sco_command){0}, "ulimit -v"), 0);
    assert_string_equal(res.out.p, "65536\n");
}

static void test_no_memory(void **state)
{
    (void)state;
    int r = SCO_E_NOMEM;
    for (long n = 0; r == SCO_E_NOMEM; n++) {
        struct sco_arena a = {0};
        struct sco_exec_env e = env_of();
        assert_true(n < 200);
        e.arena = &a;
        sco_alloc_fail_at(n);
        r = run(e, (struct sco_command){0}, "echo out; echo err >&2");
        sco_alloc_fail_at(-1);
        assert_true(r == 0 || r == SCO_E_NOMEM || r == SCO_E_NOT_FOUND);
        if (r == SCO_E_NOT_FOUND) /* the search for the program has no way to say it */
            r = SCO_E_NOMEM;
        sco_arena_done(&a);
    }
    assert_int_equal(r, 0);
}

static int setup(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return sco_fs_mkdtemp(NULL, "secureops-exec", &dir, NULL);
}

static int teardown(void **state)
{
    (void)state;
    sco_arena_done(&arena);
    size_t left = sco_fs_remove_tree(dir);
    free(dir);
    return left != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),      cmocka_unit_test(test_not_started),
        cmocka_unit_test(test_environment),  cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_output_limit), cmocka_unit_test(test_output_file),
        cmocka_unit_test(test_stderr_ends),  cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_cancel),       cmocka_unit_test(test_leftovers),
        cmocka_unit_test(test_reap_all),     cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
