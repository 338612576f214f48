/* Starting a program. vfork keeps the cost independent of what the plugin has in memory; the child
 * borrows our memory until it executes, so between the two it only makes system calls. */
#include "exec_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void reset_signals(void)
{
    struct sigaction def = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        sigaction(s, &def, NULL); /* fails for SIGKILL and SIGSTOP, ignoring */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: returns the errno of the step that failed. */
static int become(const struct exec_child *c, int null_fd, pid_t parent)
{
    struct rlimit memory = {c->memory_limit, c->memory_limit};
    if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return errno;
    if (getppid() != parent) /* it died before the signal was asked for */
        return ESRCH;
    exec_cgroup_enter();
    if (c->memory_limit && setrlimit(RLIMIT_AS, &memory) < 0)
        return errno;
    if (c->cwd && chdir(c->cwd) < 0)
        return errno;
    if (dup2(null_fd, 0) < 0 || dup2(c->out_fd, 1) < 0 || dup2(c->err_fd, 2) < 0)
        return errno;
    syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */); /* all are so, for certainty */
    reset_signals();
    execve(c->path, c->argv, c->env);
    return errno;
}

int exec_spawn(const struct exec_child *c, pid_t *ret_pid, int *ret_pidfd, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0)
        return sco_error_errno(err, errno, "cannot open /dev/null");
    volatile int child_errno = 0;
    pid_t parent = getpid();
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* no handler of ours may run in the child */
    pid_t pid = vfork();
    if (pid == 0) {
        child_errno = become(c, null_fd, parent);
        _exit(127);
    }
    int e = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (pid < 0)
        return sco_error_errno(err, e, "cannot start a process for %s", c->path);
    int pidfd = child_errno ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        e = child_errno ? child_errno : errno;
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return sco_error_errno(err, e, "cannot run %s", c->path);
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd; /* close-on-exec by itself */
    return 0;
}
