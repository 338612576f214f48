/* The sandbox, from inside: each test applies it in a process of its own. What the kernel lacks is
 * skipped by name. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
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

/* ---- the network: real sockets that somebody listens on ---- */
static struct {
    struct sockaddr_in tcp;
    struct sockaddr_un path, abstract;
    socklen_t abstract_n;
} servers;

static int listen_at(int family, const void *at, socklen_t n)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, at, n), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* 1: connected; 0: no such socket may be made; -1: something else. */
static int reach(int family, const void *at, socklen_t n)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EPERM ? 0 : -1;
    int r = connect(fd, at, n) == 0 ? 1 : -1;
    close(fd);
    return r;
}

static int reaches(enum sco_network network)
{
    int pair[2], r;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    r = sco_sandbox_network(network, NULL);
    if (r < 0)
        return r == SCO_E_UNSUPPORTED ? UNSUPPORTED : 1;
    bool full = network == SCO_NETWORK_FULL;
    if (reach(AF_UNIX, &servers.path, sizeof servers.path) != full)
        return 2;
    if (reach(AF_UNIX, &servers.abstract, servers.abstract_n) != full)
        return 3;
    if (reach(AF_INET, &servers.tcp, sizeof servers.tcp) != (network != SCO_NETWORK_NONE))
        return 4;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return 5;
    r = socket(AF_NETLINK, SOCK_RAW, 0);
    if ((r >= 0) != (network != SCO_NETWORK_NONE))
        return 6;
    if (!full &&
        (!refused(socket(AF_VSOCK, SOCK_STREAM, 0)) || !refused(socket(AF_PACKET, SOCK_RAW, 0)) ||
         !refused(syscall(SYS_io_uring_setup, 1, NULL))))
        return 7;
    return 0;
}

static int reaches_outside(void)
{
    return reaches(SCO_NETWORK_OUTSIDE);
}

static int reaches_nothing(void)
{
    return reaches(SCO_NETWORK_NONE);
}

static int reaches_all(void)
{
    return reaches(SCO_NETWORK_FULL);
}

static void test_network(void **state)
{
    socklen_t n = sizeof servers.tcp;
    (void)state;
    servers.tcp =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    servers.path.sun_family = servers.abstract.sun_family = AF_UNIX;
    snprintf(servers.path.sun_path, sizeof servers.path.sun_path, "%s/socket", dir);
    int name = snprintf(servers.abstract.sun_path + 1, sizeof servers.abstract.sun_path - 1,
                        "secureops-test-%d", (int)getpid());
    servers.abstract_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)name;
    int fds[] = {listen_at(AF_INET, &servers.tcp, sizeof servers.tcp),
                 listen_at(AF_UNIX, &servers.path, sizeof servers.path),
                 listen_at(AF_UNIX, &servers.abstract, servers.abstract_n)};
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)(void *)&servers.tcp, &n), 0);
    in_child(reaches_all);
    in_child(reaches_outside);
    in_child(reaches_nothing);
    for (size_t i = 0; i < SCO_ARRAY_LEN(fds); i++)
        close(fds[i]);
    unlink(servers.path.sun_path);
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
        cmocka_unit_test(test_process),          cmocka_unit_test(test_landlock),
        cmocka_unit_test(test_landlock_refuses), cmocka_unit_test(test_seccomp),
        cmocka_unit_test(test_network),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
