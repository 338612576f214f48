/* The sandbox, from inside: each test applies it in a process of its own. What the kernel lacks is
 * skipped by name. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <secureops/exec.h>
#include <secureops/fs.h>

enum { UNSUPPORTED = 77 };

static char *dir;

/* Runs `fn` in a child; it returns the line of the check that failed, or 0. */
static void in_child(int (*fn)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == UNSUPPORTED)
        print_message("skipped: the kernel has no support\n");
    else if (WEXITSTATUS(status))
        fail_msg("check number %d of the child failed", WEXITSTATUS(status));
}

static bool can_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int process(void)
{
    struct rlimit l;
    if (sco_sandbox_process(getppid() + 1, NULL) != SCO_E_CANCELLED)
        return 1;
    if (sco_sandbox_process(getppid(), NULL) != 0)
        return 2;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 3;
    int value = 0;
    if (prctl(PR_GET_PDEATHSIG, &value) != 0 || value != SIGTERM)
        return 4;
    if (prctl(PR_GET_CHILD_SUBREAPER, &value) != 0 || value != 1)
        return 5;
    if (getrlimit(RLIMIT_CORE, &l) != 0 || l.rlim_max != 0)
        return 6;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_max > 8192)
        return 7;
    return umask(0) == 077 ? 0 : 8;
}

static int landlock(void)
{
    const char *write[] = {dir, NULL};
    char inside[512], outside[512], moved[512];
    int abi;
    snprintf(inside, sizeof inside, "%s/inside", dir);
    snprintf(moved, sizeof moved, "%s/sub/moved", dir);
    snprintf(outside, sizeof outside, "%s-outside", dir);
    if (!can_write(outside))
        return 1;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int r = sco_sandbox_landlock(write, &abi, NULL);
    if (r < 0)
        return r == SCO_E_UNSUPPORTED ? UNSUPPORTED : 2;
    if (can_write(outside) || unlink(outside) == 0)
        return 3;
    if (!can_write(inside) || !can_write("/dev/null"))
        return 4;
    snprintf(outside, sizeof outside, "%s/sub", dir);
    if (mkdir(outside, 0700) != 0)
        return 5;
    if (abi >= 2 && rename(inside, moved) != 0) /* between folders that may both be written */
        return 6;
    if (open("/etc/passwd", O_RDONLY) < 0) /* reading stays */
        return 7;
    if (mknod(inside, S_IFCHR | 0600, 0x103) == 0)
        return 8;
    snprintf(inside, sizeof inside, "%s/link", dir); /* a link does not lead out */
    if (symlink("/var/tmp/secureops-was-here", inside) != 0 || can_write(inside))
        return 9;
    if (abi >= 6 && kill(getppid(), 0) == 0)
        return 10;
    return 0;
}

static int landlock_refuses(void)
{
    const char *write[] = {"/no/such/folder", NULL};
    struct sco_error err;
    int abi;
    int r = sco_sandbox_landlock(write, &abi, &err);
    if (r == SCO_E_UNSUPPORTED)
        return UNSUPPORTED;
    return r == SCO_E_NOT_FOUND && strstr(err.text, "/no/such/folder") ? 0 : 1;
}

static bool refused(long result)
{
    return result < 0 && errno == EPERM;
}

static int seccomp(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int r = sco_sandbox_seccomp(NULL);
    if (r < 0)
        return r == SCO_E_UNSUPPORTED ? UNSUPPORTED : 1;
    if (!refused(mount("none", "/", NULL, MS_REMOUNT | MS_BIND, NULL)))
        return 2;
    if (!refused(unshare(CLONE_NEWUSER)) || !refused(unshare(CLONE_NEWNS)))
        return 3;
    if (!refused(syscall(SYS_bpf, 0, NULL, 0)) || !refused(syscall(SYS_keyctl, 0, 0, 0)))
        return 4;
    if (!refused(syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0)))
        return 5;
    if (syscall(435 /* clone3 */, NULL, 0) >= 0 || errno != ENOSYS)
        return 6;
    if (!refused(syscall(SYS_io_uring_setup, 1, NULL)) || !refused(chroot("/")))
        return 7;
#ifndef SCO_SANITIZED
    if (!refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
        return 8;
#endif
    pid_t pid = fork(); /* what everybody needs stays */
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "sleep 0 & wait; exit 5", (char *)NULL);
        _exit(1);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 5)
        return 9;
    return 0;
}

static void test_process(void **state)
{
    (void)state;
    in_child(process);
}

static void test_landlock(void **state)
{
    (void)state;
    char outside[512];
    in_child(landlock);
    snprintf(outside, sizeof outside, "%s-outside", dir);
    unlink(outside);
}

static void test_landlock_refuses(void **state)
{
    (void)state;
    in_child(landlock_refuses);
}

static void test_seccomp(void **state)
{
    (void)state;
    in_child(seccomp);
}

static int setup(void **state)
{
    (void)state;
    return sco_fs_mkdtemp(NULL, "secureops-sandbox", &dir, NULL);
}

static int teardown(void **state)
{
    (void)state;
    size_t left = sco_fs_remove_tree(dir);
    free(dir);
    return left != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_landlock),
        cmocka_unit_test(test_landlock_refuses),
        cmocka_unit_test(test_seccomp),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
